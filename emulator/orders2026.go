package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

var orders2026Flow = flow{
	"orders20260101.searchOrders": searchOrders2026,
	"orders20260101.getOrder":     getOrder2026,
}

// status2026 are the states of orders v0 in this version's spelling.
var status2026 = map[string]string{pending: "PENDING", unshipped: "UNSHIPPED", partiallyShipped: "PARTIALLY_SHIPPED", shipped: "SHIPPED", canceled: "CANCELLED"}

func searchOrders2026(c *call) (reply, *apiError) {
	pg, problem := c.page("paginationToken")
	if problem != nil {
		return reply{}, invalidParameter("paginationToken", problem.Error())
	}
	q := pg.args
	for _, id := range q["marketplaceIds"] {
		if _, err := c.marketplaceOf("marketplaceIds", id); err != nil {
			return reply{}, err
		}
	}
	f, name, want := timeFilter(pg.arg, [4]string{"createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore"}, pg.AsOf, true)
	if want != "" {
		return reply{}, invalidParameter(name, want)
	}
	size := 100
	if text := q.Get("maxResultsPerPage"); text != "" {
		if size, _ = strconv.Atoi(text); size < 1 || size > 100 {
			return reply{}, invalidParameter("maxResultsPerPage", "is "+text+", want 1 to 100")
		}
	}
	f.accept = func(o *order, t time.Time) bool {
		return among(q["marketplaceIds"], o.marketplace.ID) && among(q["fulfillmentStatuses"], status2026[o.status(t)]) && among(q["fulfilledBy"], fulfilledBy2026(o))
	}
	w := c.account.world(c.emu)
	f.most = pg.Start + size + 1 // one more tells that there are more
	found := w.find(f, pg.AsOf)
	part, more := cut(found, pg.Start, size)
	list := []object{}
	w.mu.RLock()
	for _, o := range part {
		list = append(list, orderObject2026(c, o, q["includedData"], pg.AsOf))
	}
	w.mu.RUnlock()
	body := object{"orders": list}
	if more {
		body["pagination"] = object{"nextToken": c.token(pg, pg.Start+size)}
	}
	if f.updatedAfter.IsZero() {
		body["createdBefore"] = timestamp(f.createdBefore)
	} else if f.updatedBefore.IsZero() {
		body["lastUpdatedBefore"] = timestamp(pg.AsOf.Add(-searchDelay))
	} else {
		body["lastUpdatedBefore"] = timestamp(f.updatedBefore)
	}
	return ok(body), nil
}

func getOrder2026(c *call) (reply, *apiError) {
	id := c.path["orderId"]
	if !orderIDPattern.MatchString(id) {
		return reply{}, invalidParameter("orderId", "is not in 3-7-7 format")
	}
	w, o := c.order()
	if o == nil {
		return reply{}, orderNotFound(id)
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	return ok(object{"order": orderObject2026(c, o, c.query["includedData"], c.now)}), nil
}

func fulfilledBy2026(o *order) string {
	if o.amazon {
		return "AMAZON"
	}
	return "MERCHANT"
}

func money2026(m money) object { return object{"amount": m.String(), "currencyCode": m.currency} }

// The roles of which one opens a buyer's and a recipient's personal data (developer-docs.amazon.com/sp-api/docs/access-orders-pii and
// …/roles-in-the-selling-partner-api). Which of them opens which field is assumed.
var (
	buyerRoles     = []string{"Direct-to-Consumer Delivery (Restricted)", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"}
	recipientRoles = []string{"Direct-to-Consumer Delivery (Restricted)", "Tax Invoicing (Restricted)"}
)

// hasRole tells whether the application has one of some roles; without any set, it has all.
func (e *Emulator) hasRole(roles []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.app.roles == nil || slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(e.app.roles, r) })
}

// orderObject2026 shows an order as of t with the data sets that were asked for. Personal data needs no restricted token here, only the
// role and its data set (developer-docs.amazon.com/sp-api/docs/access-orders-pii). Without the role, of the recipient no more than the
// town is shown, and of the buyer nothing.
func orderObject2026(c *call, o *order, included []string, t time.Time) object {
	want := func(set string) bool { return slices.Contains(included, set) }
	status := o.status(t)
	priced := status != pending && status != canceled
	out := object{
		"orderId": o.id, "createdTime": timestamp(o.purchased), "lastUpdatedTime": timestamp(o.updated(t)),
		"orderAliases": []object{{"aliasId": o.sellerID, "aliasType": "SELLER_ORDER_ID"}},
		"salesChannel": object{"channelName": "AMAZON", "marketplaceId": o.marketplace.ID, "marketplaceName": "Amazon." + strings.TrimPrefix(o.marketplace.Storefront, "www.amazon.")},
	}
	programs := []string{}
	if o.business {
		programs = append(programs, "AMAZON_BUSINESS")
	}
	if o.prime {
		programs = append(programs, "PRIME")
	}
	if o.store != "" {
		programs = append(programs, "IN_STORE_PICK_UP")
	}
	if easyShipV0(o, t) != "" {
		programs = append(programs, "AMAZON_EASY_SHIP")
	}
	out["programs"] = programs
	if o.replaces != "" {
		out["associatedOrders"] = []object{{"orderId": o.replaces, "associationType": "REPLACEMENT_ORIGINAL_ID"}}
	}
	if want("FULFILLMENT") {
		level := "STANDARD"
		if o.express {
			level = "EXPEDITED"
		}
		out["fulfillment"] = object{
			"fulfillmentStatus": status2026[status], "fulfilledBy": fulfilledBy2026(o), "fulfillmentServiceLevel": level,
			"shipByWindow":    window(o.purchased, 72*time.Hour),
			"deliverByWindow": window(o.purchased.Add(48*time.Hour), 5*24*time.Hour),
		}
	}
	if want("BUYER") && status != pending && c.emu.hasRole(buyerRoles) {
		buyer := object{"buyerName": o.buyerName, "buyerEmail": o.buyerEmail}
		if o.po != "" {
			buyer["buyerPurchaseOrderNumber"], buyer["buyerCompanyName"] = o.po, o.to.company
		}
		out["buyer"] = buyer
	}
	if want("RECIPIENT") && status != pending {
		a := address2026(o)
		if !c.emu.hasRole(recipientRoles) {
			for name := range a {
				if !slices.Contains([]string{"city", "stateOrRegion", "postalCode", "countryCode"}, name) {
					delete(a, name)
				}
			}
		}
		out["recipient"] = object{"deliveryAddress": a}
	}
	if want("PROCEEDS") && priced {
		out["proceeds"] = proceeds2026(o)
	}
	if want("PAYMENT") && priced {
		out["payment"] = object{"paymentExecutions": []object{{"paymentMethod": map[string]string{"COD": "CashOnDelivery", "CVS": "ConvenienceStore", "Other": "CreditCard"}[o.payment], "paymentAmount": money2026(o.total())}}}
	}
	if want("TAX") && o.business {
		invoicing := object{"buyerInvoicePreference": "BUSINESS"}
		if s := invoiceV0(o, t); s != "" {
			invoicing["invoiceStatus"] = map[string]string{"NotRequired": "NOT_REQUIRED", "NotFound": "NOT_FOUND", "Accepted": "ACCEPTED"}[s]
		}
		out["tax"] = object{"taxInvoicing": invoicing}
	}
	if want("FULFILLMENT_ORDERS") {
		out["fulfillmentOrders"] = []object{{"fulfillmentOrderId": "FO-" + o.id}}
	}
	if want("PACKAGES") && (status == shipped || status == partiallyShipped) {
		out["packages"] = packages2026(o, t)
	}
	items := []object{}
	for i := range o.items {
		items = append(items, item2026(o, i, want, t, priced))
	}
	out["orderItems"] = items
	return out
}

func window(from time.Time, length time.Duration) object {
	return object{"earliestDateTime": timestamp(from), "latestDateTime": timestamp(from.Add(length))}
}

func address2026(o *order) object {
	a := object{"name": o.to.name, "addressLine1": o.to.line1, "city": o.to.city, "postalCode": o.to.postalCode, "countryCode": o.to.country, "phone": o.to.phone, "addressType": "RESIDENTIAL"}
	if o.to.company != "" {
		a["companyName"], a["addressType"] = o.to.company, "COMMERCIAL"
	}
	if o.to.line2 != "" {
		a["addressLine2"] = o.to.line2
	}
	if o.to.state != "" {
		a["stateOrRegion"] = o.to.state
	}
	return a
}

// breakdown2026 lists what makes up an amount, leaving out what is nothing.
func breakdown2026(currency string, price, shipping, tax, discount int) []object {
	list := []object{}
	for _, part := range []struct {
		name  string
		units int
	}{{"ITEM", price}, {"SHIPPING", shipping}, {"TAX", tax}, {"DISCOUNT", -discount}} {
		if part.units != 0 {
			list = append(list, object{"type": part.name, "subtotal": money2026(money{part.units, currency})})
		}
	}
	return list
}

func proceeds2026(o *order) object {
	var price, shipping, tax, discount int
	for i := range o.items {
		it := &o.items[i]
		price, shipping, tax, discount = price+o.net(it), shipping+it.shipping.units, tax+it.tax.units, discount+it.discount.units
	}
	return object{"grandTotal": money2026(o.total()), "breakdowns": breakdown2026(o.marketplace.Currency, price, shipping, tax, discount)}
}

func packages2026(o *order, t time.Time) []object {
	list := []object{}
	for _, p := range o.parcelsAt(t) {
		status := object{"status": "SHIPPED"}
		switch {
		case !t.Before(p.at.Add(o.transit)):
			status = object{"status": "DELIVERED", "detailedStatus": "DELIVERED"}
		case t.Sub(p.at) > o.transit*3/4:
			status = object{"status": "IN_TRANSIT", "detailedStatus": "OUT_FOR_DELIVERY"}
		case t.Sub(p.at) > o.transit/4:
			status = object{"status": "IN_TRANSIT", "detailedStatus": "PICKED_UP"}
		}
		items := []object{}
		for i, n := range p.quantities {
			if n > 0 {
				items = append(items, object{"orderItemId": o.items[i].id, "quantity": n})
			}
		}
		entry := object{
			"packageReferenceId": p.ref, "createdTime": timestamp(p.at), "shipTime": timestamp(p.shipped), "packageStatus": status,
			"carrier": p.carrier, "trackingNumber": p.tracking, "packageItems": items,
		}
		if p.service != "" {
			entry["shippingService"] = p.service
		}
		list = append(list, entry)
	}
	return list
}

func item2026(o *order, i int, want func(string) bool, t time.Time, priced bool) object {
	it := &o.items[i]
	product := object{"asin": it.product.asin, "title": it.product.titleIn(o.marketplace), "sellerSku": it.sku, "condition": object{"conditionType": "NEW", "conditionSubtype": "NEW"}}
	if priced {
		price := object{"unitPrice": money2026(money{it.price.units / it.quantity, it.price.currency})}
		if o.business {
			price["priceDesignation"] = "BUSINESS_PRICE"
		}
		product["price"] = price
	}
	out := object{"orderItemId": it.id, "quantityOrdered": it.quantity, "product": product}
	if want("PROCEEDS") && priced {
		out["proceeds"] = object{
			"proceedsTotal": money2026(money{o.itemTotal(i), it.price.currency}),
			"breakdowns":    breakdown2026(it.price.currency, o.net(it), it.shipping.units, it.tax.units, it.discount.units),
		}
	}
	if want("PROMOTION") && it.discount.units > 0 {
		out["promotion"] = object{"breakdowns": []object{{"promotionId": "Save 10% on pens & more"}}}
	}
	if want("EXPENSE") && it.price.currency == "JPY" {
		out["expense"] = object{"pointsCost": object{"pointsGranted": object{"pointsNumber": it.price.units / 100, "pointsMonetaryValue": money2026(money{it.price.units / 100, "JPY"})}}}
	}
	if want("CANCELLATION") {
		cancellation := object{}
		if !o.cancelAsked.IsZero() && !t.Before(o.cancelAsked) {
			cancellation["cancellationRequest"] = object{"requester": "BUYER", "cancelReason": o.cancelReason}
		}
		if o.status(t) == canceled {
			cancellation["cancellationExecution"] = object{"cancelledBy": o.cancelledBy, "cancelReason": o.cancelReason}
		}
		if len(cancellation) > 0 {
			out["cancellation"] = cancellation
		}
	}
	if want("TAX") && o.marketplace.CountryCode == "US" {
		out["tax"] = object{"taxCollections": []object{{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}}}
	}
	if want("FULFILLMENT") {
		done := o.shippedOf(i, t)
		open := it.quantity - done
		if o.status(t) == canceled {
			open = 0
		}
		f := object{"quantityFulfilled": done, "quantityUnfulfilled": open}
		if it.gift != "" {
			f["packing"] = object{"giftOption": object{"giftMessage": it.gift, "giftWrapLevel": "classic"}}
		}
		out["fulfillment"] = f
	}
	return out
}

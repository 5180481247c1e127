package orders

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V20260101 is the API of orders, version 2026-01-01.
var V20260101 = desk.Flow{Handlers: map[string]desk.Handler{
	"orders20260101.searchOrders": searchOrders2026,
	"orders20260101.getOrder":     getOrder2026,
}, Update: map[string]func(*desk.Call, string){"orders20260101.searchOrders": updateOrder}}

// status2026 are the states of orders v0 in this version's spelling.
var status2026 = map[string]string{world.Pending: "PENDING", world.Unshipped: "UNSHIPPED", world.PartiallyShipped: "PARTIALLY_SHIPPED", world.Shipped: "SHIPPED", world.Canceled: "CANCELLED"}

func searchOrders2026(c *desk.Call) (answer.Reply, *answer.Error) {
	changeable := []string{"maxResultsPerPage", "includedData"} // from page to page (selling-partner-api-models orders_2026-01-01)
	pg, problem := c.Page("paginationToken", changeable...)
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("paginationToken", problem.Error())
	}
	q := pg.Args
	for _, name := range changeable {
		if values, given := c.Query[name]; given {
			q[name] = values
		}
	}
	for _, id := range q["marketplaceIds"] {
		if _, err := c.MarketplaceOf("marketplaceIds", id); err != nil {
			return answer.Reply{}, err
		}
	}
	f, name, want := world.ParseOrderTimes(pg.Arg, [4]string{"createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore"}, pg.AsOf, true)
	if want != "" {
		return answer.Reply{}, answer.InvalidParameter(name, want)
	}
	size := 100
	if text := q.Get("maxResultsPerPage"); text != "" {
		if size, _ = strconv.Atoi(text); size < 1 || size > 100 {
			return answer.Reply{}, answer.InvalidParameter("maxResultsPerPage", "is "+text+", want 1 to 100")
		}
	}
	f.Traits = func(t world.Traits) bool {
		by := "MERCHANT"
		if t.Amazon {
			by = "AMAZON"
		}
		return world.Among(q["marketplaceIds"], t.Marketplace) && world.Among(q["fulfilledBy"], by)
	}
	for status, name := range status2026 {
		if slices.Contains(q["fulfillmentStatuses"], name) {
			f.Statuses = append(f.Statuses, status)
		}
	}
	if f.Statuses == nil && q["fulfillmentStatuses"] != nil {
		f.Statuses = []string{} // others than those, which no order has
	}
	found, place := c.Seller.World().Page(f, pg.AsOf, pg.Start, size)
	list := []object{}
	for _, o := range found {
		list = append(list, orderObject2026(c, o, q["includedData"], pg.AsOf))
	}
	body := object{"orders": list}
	if place > 0 {
		body["pagination"] = object{"nextToken": c.Token(pg, place)}
	}
	if f.UpdatedAfter.IsZero() {
		body["createdBefore"] = format.Timestamp(f.CreatedBefore)
	} else if f.UpdatedBefore.IsZero() {
		body["lastUpdatedBefore"] = format.Timestamp(pg.AsOf.Add(-world.SearchDelay))
	} else {
		body["lastUpdatedBefore"] = format.Timestamp(f.UpdatedBefore)
	}
	return answer.OK(body), nil
}

func getOrder2026(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["orderId"]
	if !world.OrderIDPattern().MatchString(id) {
		return answer.Reply{}, answer.InvalidParameter("orderId", "is not in 3-7-7 format")
	}
	_, o := c.Order()
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(id)
	}
	return answer.OK(object{"order": orderObject2026(c, o, c.Query["includedData"], c.Now)}), nil
}

func fulfilledBy2026(o *world.Order) string {
	if o.Amazon {
		return "AMAZON"
	}
	return "MERCHANT"
}

// The roles of which one opens a buyer's and a recipient's personal data (developer-docs.amazon.com/sp-api/docs/access-orders-pii and
// …/roles-in-the-selling-partner-api). Which of them opens which field is assumed.
var (
	buyerRoles     = []string{"Direct-to-Consumer Delivery (Restricted)", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"}
	recipientRoles = []string{"Direct-to-Consumer Delivery (Restricted)", "Tax Invoicing (Restricted)"}
)

// orderObject2026 shows an order as of t with the data sets that were asked for. Personal data needs no restricted token here, only the
// role and its data set (developer-docs.amazon.com/sp-api/docs/access-orders-pii). Without the role, of the recipient no more than the
// town is shown, and of the buyer nothing.
func orderObject2026(c *desk.Call, o *world.Order, included []string, t time.Time) object {
	want := func(set string) bool { return slices.Contains(included, set) }
	status := o.Status(t)
	priced := status != world.Pending && status != world.Canceled
	out := object{
		"orderId": o.ID, "createdTime": format.Timestamp(o.Purchased), "lastUpdatedTime": format.Timestamp(o.Updated(t)),
		"orderAliases": []object{{"aliasId": o.SellerOrderID, "aliasType": "SELLER_ORDER_ID"}},
		"salesChannel": object{"channelName": "AMAZON", "marketplaceId": o.Marketplace.ID, "marketplaceName": "Amazon." + strings.TrimPrefix(o.Marketplace.Storefront, "www.amazon.")},
	}
	programs := []string{}
	if o.Business {
		programs = append(programs, "AMAZON_BUSINESS")
	}
	if o.Prime {
		programs = append(programs, "PRIME")
	}
	if o.Store != "" {
		programs = append(programs, "IN_STORE_PICK_UP")
	}
	if o.EasyShipStatus(t) != "" {
		programs = append(programs, "AMAZON_EASY_SHIP")
	}
	out["programs"] = programs
	if o.Replaces != "" {
		out["associatedOrders"] = []object{{"orderId": o.Replaces, "associationType": "REPLACEMENT_ORIGINAL_ID"}}
	}
	if want("FULFILLMENT") {
		level := "STANDARD"
		if o.Express {
			level = "EXPEDITED"
		}
		out["fulfillment"] = object{
			"fulfillmentStatus": status2026[status], "fulfilledBy": fulfilledBy2026(o), "fulfillmentServiceLevel": level,
			"shipByWindow":    window(o.Purchased, 72*time.Hour),
			"deliverByWindow": window(o.Purchased.Add(48*time.Hour), 5*24*time.Hour),
		}
	}
	if want("BUYER") && status != world.Pending && c.Desk.Auth.HasRole(buyerRoles) {
		buyer := object{"buyerName": o.BuyerName, "buyerEmail": o.BuyerEmail}
		if o.PO != "" {
			buyer["buyerPurchaseOrderNumber"], buyer["buyerCompanyName"] = o.PO, o.To.Company
		}
		out["buyer"] = buyer
	}
	if want("RECIPIENT") && status != world.Pending {
		a := address2026(o)
		if !c.Desk.Auth.HasRole(recipientRoles) {
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
		out["payment"] = object{"paymentExecutions": []object{{"paymentMethod": map[string]string{"COD": "CashOnDelivery", "CVS": "ConvenienceStore", "Other": "CreditCard"}[o.Payment], "paymentAmount": desk.Money(o.Total())}}}
	}
	if s := o.InvoiceStatus(t); want("TAX") && (o.Business || s != "") {
		invoicing := object{}
		if o.Business {
			invoicing["buyerInvoicePreference"] = "BUSINESS"
		}
		if s != "" {
			invoicing["invoiceStatus"] = map[string]string{"NotRequired": "NOT_REQUIRED", world.InvoiceNotFound: "NOT_FOUND", world.InvoiceProcessing: "PROCESSING",
				world.InvoiceErrored: "ERRORED", world.InvoiceAccepted: "ACCEPTED"}[s]
		}
		out["tax"] = object{"taxInvoicing": invoicing}
	}
	if want("FULFILLMENT_ORDERS") {
		out["fulfillmentOrders"] = []object{{"fulfillmentOrderId": "FO-" + o.ID}}
	}
	if want("PACKAGES") && (status == world.Shipped || status == world.PartiallyShipped) {
		out["packages"] = packages2026(o, t)
	}
	items := []object{}
	for i := range o.Items {
		items = append(items, item2026(o, i, want, t, priced))
	}
	out["orderItems"] = items
	return out
}

func window(from time.Time, length time.Duration) object {
	return object{"earliestDateTime": format.Timestamp(from), "latestDateTime": format.Timestamp(from.Add(length))}
}

func address2026(o *world.Order) object {
	a := object{"name": o.To.Name, "addressLine1": o.To.Line1, "city": o.To.City, "postalCode": o.To.PostalCode, "countryCode": o.To.Country, "phone": o.To.Phone, "addressType": "RESIDENTIAL"}
	if o.To.Company != "" {
		a["companyName"], a["addressType"] = o.To.Company, "COMMERCIAL"
	}
	if o.To.Line2 != "" {
		a["addressLine2"] = o.To.Line2
	}
	if o.To.State != "" {
		a["stateOrRegion"] = o.To.State
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
			list = append(list, object{"type": part.name, "subtotal": desk.Money(world.Money{Units: part.units, Currency: currency})})
		}
	}
	return list
}

func proceeds2026(o *world.Order) object {
	var price, shipping, tax, discount int
	for i := range o.Items {
		it := &o.Items[i]
		price, shipping, tax, discount = price+o.Net(it), shipping+it.Shipping.Units, tax+it.Tax.Units, discount+it.Discount.Units+it.Free.Units
	}
	return object{"grandTotal": desk.Money(o.Total()), "breakdowns": breakdown2026(o.Marketplace.Currency, price, shipping, tax, discount)}
}

// easyShip2026 are the states of packages that Easy Ship has, by those of orders v0.
var easyShip2026 = map[string][2]string{
	"PickedUp": {"IN_TRANSIT", "PICKED_UP"}, "DroppedOff": {"IN_TRANSIT", "DROPPED_OFF"}, "AtOriginFC": {"IN_TRANSIT", "AT_ORIGIN_FC"},
	"AtDestinationFC": {"IN_TRANSIT", "AT_DESTINATION_FC"},
	"OutForDelivery":  {"IN_TRANSIT", "OUT_FOR_DELIVERY"}, "Delivered": {"DELIVERED", "DELIVERED"}, world.EasyShipRejected: {"UNDELIVERABLE", "REJECTED_BY_BUYER"},
	world.EasyShipUndeliverable: {"UNDELIVERABLE", "UNDELIVERABLE"}, "ReturningToSeller": {"UNDELIVERABLE", "RETURNING_TO_SELLER"},
	"ReturnedToSeller": {"UNDELIVERABLE", "RETURNED_TO_SELLER"},
	world.EasyShipLost: {"UNDELIVERABLE", "LOST"}, world.EasyShipDamaged: {"UNDELIVERABLE", "DAMAGED"},
}

func packages2026(o *world.Order, t time.Time) []object {
	list := []object{}
	for _, p := range o.ParcelsAt(t) {
		status := object{"status": "SHIPPED"}
		switch {
		case !t.Before(p.At.Add(o.Transit)):
			status = object{"status": "DELIVERED", "detailedStatus": "DELIVERED"}
		case t.Sub(p.At) > o.Transit*3/4:
			status = object{"status": "IN_TRANSIT", "detailedStatus": "OUT_FOR_DELIVERY"}
		case t.Sub(p.At) > o.Transit/4:
			status = object{"status": "IN_TRANSIT", "detailedStatus": "PICKED_UP"}
		}
		if easy, told := easyShip2026[o.EasyShipStatus(t)]; told {
			status = object{"status": easy[0], "detailedStatus": easy[1]}
		}
		items := []object{}
		for i, n := range p.Quantities {
			if n > 0 {
				items = append(items, object{"orderItemId": o.Items[i].ID, "quantity": n})
			}
		}
		entry := object{
			"packageReferenceId": p.Ref, "createdTime": format.Timestamp(p.At), "shipTime": format.Timestamp(p.Shipped), "packageStatus": status,
			"carrier": p.Carrier, "trackingNumber": p.Tracking, "packageItems": items,
		}
		if p.Service != "" {
			entry["shippingService"] = p.Service
		}
		list = append(list, entry)
	}
	return list
}

func item2026(o *world.Order, i int, want func(string) bool, t time.Time, priced bool) object {
	it := &o.Items[i]
	product := object{"asin": it.Product.ASIN, "title": it.Product.TitleIn(o.Marketplace), "sellerSku": it.SKU, "condition": object{"conditionType": "NEW", "conditionSubtype": "NEW"}}
	if priced {
		price := object{"unitPrice": desk.Money(world.Money{Units: it.Price.Units / it.Quantity, Currency: it.Price.Currency})}
		if o.Business {
			price["priceDesignation"] = "BUSINESS_PRICE"
		}
		product["price"] = price
	}
	out := object{"orderItemId": it.ID, "quantityOrdered": it.Quantity, "product": product}
	if want("PROCEEDS") && priced {
		out["proceeds"] = object{
			"proceedsTotal": desk.Money(world.Money{Units: o.ItemTotal(i), Currency: it.Price.Currency}),
			"breakdowns":    breakdown2026(it.Price.Currency, o.Net(it), it.Shipping.Units, it.Tax.Units, it.Discount.Units+it.Free.Units),
		}
	}
	if ids := it.Promotions(); want("PROMOTION") && len(ids) > 0 {
		list := []object{}
		for _, id := range ids {
			list = append(list, object{"promotionId": id})
		}
		out["promotion"] = object{"breakdowns": list}
	}
	if want("EXPENSE") && it.Price.Currency == "JPY" {
		out["expense"] = object{"pointsCost": object{"pointsGranted": object{"pointsNumber": it.Price.Units / 100, "pointsMonetaryValue": desk.Money(world.Money{Units: it.Price.Units / 100, Currency: "JPY"})}}}
	}
	if want("CANCELLATION") {
		cancellation := object{}
		if !o.CancelAsked.IsZero() && !t.Before(o.CancelAsked) {
			cancellation["cancellationRequest"] = object{"requester": "BUYER", "cancelReason": o.CancelReason}
		}
		if o.Status(t) == world.Canceled {
			cancellation["cancellationExecution"] = object{"cancelledBy": o.CancelledBy, "cancelReason": o.CancelReason}
		}
		if len(cancellation) > 0 {
			out["cancellation"] = cancellation
		}
	}
	if want("TAX") && o.Marketplace.CountryCode == "US" {
		out["tax"] = object{"taxCollections": []object{{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services, Inc."}}}
	}
	if want("FULFILLMENT") {
		done := o.ShippedOf(i, t)
		open := it.Quantity - done
		if o.Status(t) == world.Canceled {
			open = 0
		}
		f := object{"quantityFulfilled": done, "quantityUnfulfilled": open}
		if it.Gift != "" {
			f["packing"] = object{"giftOption": object{"giftMessage": it.Gift, "giftWrapLevel": "classic"}}
		}
		out["fulfillment"] = f
	}
	return out
}

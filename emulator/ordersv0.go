package emulator

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var ordersV0Flow = flow{
	"ordersv0.getOrders":                getOrdersV0,
	"ordersv0.getOrder":                 orderV0(func(c *call, o *order) record { return orderObjectV0(c, o, c.now) }),
	"ordersv0.getOrderBuyerInfo":        orderV0(buyerInfoV0),
	"ordersv0.getOrderAddress":          orderV0(addressV0),
	"ordersv0.getOrderItems":            orderItemsPage(orderItemsV0),
	"ordersv0.getOrderItemsBuyerInfo":   orderItemsPage(orderItemsBuyerInfoV0),
	"ordersv0.getOrderRegulatedInfo":    orderV0(regulatedInfoV0),
	"ordersv0.updateVerificationStatus": updateVerificationStatusV0,
	"ordersv0.confirmShipment":          confirmShipmentV0,
	"ordersv0.updateShipmentStatus":     updateShipmentStatusV0,
}

// invalidOrderInput is the one message that getOrders has for most mistakes (selling-partner-api-models#2233); which parameter it was
// stands in details here, and nowhere at Amazon.
func invalidOrderInput(name, want string) *apiError {
	return invalid("The input you have submitted is not valid. Please check your input and try again.", name+": "+want)
}

var orderIDPattern = regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`)

// orderEnumsV0 are the values that getOrders takes where the model has no enum.
var orderEnumsV0 = []struct {
	name   string
	values []string
}{
	{"OrderStatuses", []string{pending, unshipped, partiallyShipped, shipped, canceled, "Unfulfillable", "InvoiceUnconfirmed", "PendingAvailability"}},
	{"FulfillmentChannels", []string{"MFN", "AFN"}},
	{"PaymentMethods", []string{"COD", "CVS", "Other"}},
	{"EasyShipShipmentStatuses", []string{"PendingSchedule", "PendingPickUp", "PendingDropOff", "LabelCanceled", "PickedUp", "DroppedOff", "AtOriginFC", "AtDestinationFC",
		"Delivered", "RejectedByBuyer", "Undeliverable", "ReturningToSeller", "ReturnedToSeller", "Lost", "OutForDelivery", "Damaged"}},
	{"ElectronicInvoiceStatuses", []string{"NotRequired", "NotFound", "Processing", "Errored", "Accepted"}},
}

func getOrdersV0(c *call) (reply, *apiError) {
	pg, problem := c.page("NextToken")
	if problem == errTokenInvalid {
		// A "+" of the token that was not percent-encoded arrives as a blank, and ends in a null message
		// (selling-partner-api-models#2091).
		return reply{}, &apiError{status: http.StatusBadRequest, code: "InvalidInput", kind: "InvalidInputException"}
	} else if problem != nil {
		return reply{}, invalidOrderInput("NextToken", problem.Error())
	}
	for _, id := range pg.args["MarketplaceIds"] {
		if _, err := c.marketplaceOf("MarketplaceIds", id); err != nil {
			return reply{}, err
		}
	}
	q := pg.args
	f, name, want := timeFilter(pg.arg, [4]string{"CreatedAfter", "CreatedBefore", "LastUpdatedAfter", "LastUpdatedBefore"}, pg.AsOf, !q.Has("AmazonOrderIds"))
	if want != "" {
		return reply{}, invalidOrderInput(name, want)
	}
	size := 100
	if text := q.Get("MaxResultsPerPage"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 100 {
			return reply{}, invalidOrderInput("MaxResultsPerPage", "is "+text+", want 1 to 100")
		}
	}
	for _, known := range orderEnumsV0 {
		for _, v := range q[known.name] {
			if !slices.Contains(known.values, v) {
				return reply{}, invalidOrderInput(known.name, `has the unknown value "`+v+`"`)
			}
		}
	}
	if q.Has("SellerOrderId") { // the model's note
		for _, name := range []string{"FulfillmentChannels", "OrderStatuses", "PaymentMethods", "LastUpdatedAfter", "LastUpdatedBefore", "BuyerEmail"} {
			if q.Has(name) {
				return reply{}, invalidOrderInput(name, "can't be used with SellerOrderId")
			}
		}
	}
	var delivery [4]time.Time // EarliestDeliveryDate after and before, LatestDeliveryDate after and before
	for i, name := range []string{"EarliestDeliveryDateAfter", "EarliestDeliveryDateBefore", "LatestDeliveryDateAfter", "LatestDeliveryDateBefore"} {
		if text := q.Get(name); text != "" {
			var ok bool
			if delivery[i], ok = parseTime(text); !ok {
				return reply{}, invalidOrderInput(name, "timestamp must follow ISO8601")
			}
		}
	}
	byDelivery := delivery != [4]time.Time{}
	stores, statuses, channels := q["MarketplaceIds"], q["OrderStatuses"], q["FulfillmentChannels"]
	rare := slices.ContainsFunc([]string{"PaymentMethods", "AmazonOrderIds", "SellerOrderId", "BuyerEmail", "EasyShipShipmentStatuses", "ElectronicInvoiceStatuses",
		"IsISPU", "StoreChainStoreId", "ActualFulfillmentSupplySourceId"}, q.Has)
	f.accept = func(o *order, t time.Time) bool {
		if byDelivery {
			earliest, latest := o.deliveryWindow()
			if o.amazon || outside(earliest, delivery[0], delivery[1]) || outside(latest, delivery[2], delivery[3]) {
				return false
			}
		}
		// What was not asked is not computed: this runs for every order.
		return among(stores, o.marketplace.ID) && (statuses == nil || among(statuses, o.status(t))) && among(channels, channelV0(o)) && (!rare ||
			among(q["PaymentMethods"], o.payment) && among(q["AmazonOrderIds"], o.id) && same(q.Get("SellerOrderId"), o.sellerID) && same(q.Get("BuyerEmail"), o.buyerEmail) &&
				among(q["EasyShipShipmentStatuses"], easyShipV0(o, t)) && among(q["ElectronicInvoiceStatuses"], invoiceV0(o, t)) && same(q.Get("IsISPU"), strconv.FormatBool(o.store != "")) &&
				same(q.Get("StoreChainStoreId"), o.store) && same(q.Get("ActualFulfillmentSupplySourceId"), o.supplySource()))
	}
	w := c.account.world(c.emu)
	f.most = pg.Start + size + 1 // one more tells that there are more
	found := w.find(f, pg.AsOf)
	part, more := cut(found, pg.Start, size)
	list := make([]record, 0, len(part))
	w.mu.RLock()
	for _, o := range part {
		list = append(list, orderObjectV0(c, o, pg.AsOf))
	}
	w.mu.RUnlock()
	var createdBefore, updatedBefore, next any
	if f.updatedAfter.IsZero() {
		createdBefore = timestamp(f.createdBefore)
	} else if f.updatedBefore.IsZero() {
		updatedBefore = timestamp(pg.AsOf.Add(-searchDelay))
	} else {
		updatedBefore = timestamp(f.updatedBefore)
	}
	if more {
		next = c.token(pg, pg.Start+size)
	}
	return payload(record{{"CreatedBefore", createdBefore}, {"LastUpdatedBefore", updatedBefore}, {"NextToken", next}, {"Orders", list}}), nil
}

// easyShipV0 is the state of an Easy Ship order, which are the merchants' in India; "" for all others.
func easyShipV0(o *order, t time.Time) string {
	if o.amazon || o.marketplace.CountryCode != "IN" {
		return ""
	}
	switch o.status(t) {
	case unshipped:
		if t.Sub(o.payable) < 4*time.Hour {
			return "PendingSchedule"
		}
		return "PendingPickUp"
	case partiallyShipped:
		return "PickedUp"
	case shipped:
		switch since := t.Sub(o.shipped); {
		case o.deliveredBy(t):
			return "Delivered"
		case since > o.transit*3/4:
			return "OutForDelivery"
		case since > o.transit/2:
			return "AtDestinationFC"
		case since > o.transit/4:
			return "AtOriginFC"
		}
		return "PickedUp"
	case canceled:
		return "LabelCanceled"
	}
	return ""
}

// invoiceV0 is the state of the electronic invoice, which Brazil wants and Easy Ship has no need of; "" elsewhere.
func invoiceV0(o *order, t time.Time) string {
	switch {
	case easyShipV0(o, t) != "":
		return "NotRequired"
	case o.marketplace.CountryCode != "BR" || o.amazon:
		return ""
	case o.status(t) == shipped || o.status(t) == partiallyShipped:
		return "Accepted"
	}
	return "NotFound"
}

// orderV0 is the handler of an operation that shows one order.
func orderV0[T object | record](show func(*call, *order) T) handler {
	return func(c *call) (reply, *apiError) {
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
		return payload(show(c, o)), nil
	}
}

// orderNotFound is the 404 that the models declare. In 2022 getOrder of v0 was seen to answer 200 {"payload":{}} instead
// (selling-partner-api-models#2939). The wording is assumed.
func orderNotFound(id string) *apiError { return notFound("Order " + id + " was not found.") }

func moneyV0(m money) record {
	return record{{"Amount", m.String()}, {"CurrencyCode", m.currency}}
}

// unlessEmpty is the value of a member that is left out where it is empty.
func unlessEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// orderObjectV0 shows an order as of t. Without a restricted token that names them, the buyer is left out and the address has no more
// than the town (selling-partner-api-docs#1375).
func orderObjectV0(c *call, o *order, t time.Time) record {
	status := o.status(t)
	done, open := 0, 0
	for i := range o.items {
		n := o.shippedOf(i, t)
		done += n
		open += o.items[i].quantity - n
	}
	if status == canceled {
		open = 0
	}
	service, category := "Std US D2D Dom", "Standard"
	if o.express {
		service, category = "Exp US D2D Dom", "Expedited"
	}
	var earliestDelivery, latestDelivery, instruction, preference any
	if !o.amazon {
		earliest, latest := o.deliveryWindow()
		earliestDelivery, latestDelivery = timestamp(earliest), timestamp(latest)
	}
	if o.store != "" {
		instruction = record{{"FulfillmentSupplySourceId", o.supplySource()}}
	}
	if o.business {
		preference = "BUSINESS"
	}
	var total, execution, address, buyer, tax any
	if status != pending { // prices and address come with the payment
		if status != canceled {
			total = moneyV0(o.total())
			if o.payment == "COD" { // orders that are paid at the door list how
				execution = []record{{{"Payment", total}, {"PaymentMethod", "COD"}}}
			}
		}
		if c.mayShow("shippingAddress") {
			address = fullAddressV0(o)
		} else {
			address = townV0(o)
		}
		if c.mayShow("buyerInfo") {
			buyer = buyerV0(o)
		}
		if o.business && c.mayShow("buyerTaxInformation") {
			tax = record{{"BuyerBusinessAddress", o.to.line1 + ", " + o.to.city}, {"BuyerLegalCompanyName", o.to.company}}
		}
	}
	purchased := timestamp(o.purchased)
	return record{
		{"AmazonOrderId", o.id},
		{"AutomatedShippingSettings", record{{"HasAutomatedShippingSettings", false}}},
		{"BuyerInfo", buyer},
		{"BuyerInvoicePreference", preference},
		{"BuyerTaxInformation", tax},
		{"EarliestDeliveryDate", earliestDelivery},
		{"EarliestShipDate", purchased},
		{"EasyShipShipmentStatus", unlessEmpty(easyShipV0(o, t))},
		{"ElectronicInvoiceStatus", unlessEmpty(invoiceV0(o, t))},
		{"FulfillmentChannel", channelV0(o)},
		{"FulfillmentInstruction", instruction},
		{"HasRegulatedItems", o.regulated != nil},
		{"IsAccessPointOrder", false},
		{"IsBusinessOrder", o.business},
		{"IsGlobalExpressEnabled", false},
		{"IsISPU", o.store != ""},
		{"IsPremiumOrder", false},
		{"IsPrime", o.prime},
		{"IsReplacementOrder", o.replaces != ""},
		{"IsSoldByAB", false},
		{"LastUpdateDate", timestamp(o.updated(t))},
		{"LatestDeliveryDate", latestDelivery},
		{"LatestShipDate", timestamp(o.purchased.Add(72 * time.Hour))},
		{"MarketplaceId", o.marketplace.ID},
		{"NumberOfItemsShipped", done},
		{"NumberOfItemsUnshipped", open},
		{"OrderStatus", status},
		{"OrderTotal", total},
		{"OrderType", "StandardOrder"},
		{"PaymentExecutionDetail", execution},
		{"PaymentMethod", o.payment},
		{"PaymentMethodDetails", paymentDetailsV0(o.payment)},
		{"PurchaseDate", purchased},
		{"ReplacedOrderId", unlessEmpty(o.replaces)},
		{"SalesChannel", "Amazon." + o.marketplace.Storefront[len("www.amazon."):]},
		{"SellerOrderId", o.sellerID},
		{"ShipServiceLevel", service},
		{"ShipmentServiceLevelCategory", category},
		{"ShippingAddress", address},
	}
}

func paymentDetailsV0(method string) []string {
	switch method {
	case "COD":
		return []string{"COD"}
	case "CVS":
		return []string{"ConvenienceStore"}
	}
	return []string{"Standard"}
}

func townV0(o *order) record {
	return record{{"City", o.to.city}, {"CountryCode", o.to.country}, {"PostalCode", o.to.postalCode}, {"StateOrRegion", unlessEmpty(o.to.state)}}
}

func fullAddressV0(o *order) record {
	kind := "Residential"
	if o.to.company != "" {
		kind = "Commercial"
	}
	return record{
		{"AddressLine1", o.to.line1}, {"AddressLine2", unlessEmpty(o.to.line2)}, {"AddressType", kind}, {"City", o.to.city},
		{"CompanyName", unlessEmpty(o.to.company)}, {"CountryCode", o.to.country}, {"Name", o.to.name}, {"Phone", o.to.phone},
		{"PostalCode", o.to.postalCode}, {"StateOrRegion", unlessEmpty(o.to.state)},
	}
}

func buyerV0(o *order) object {
	b := object{"BuyerEmail": o.buyerEmail, "BuyerName": o.buyerName}
	if o.po != "" {
		b["PurchaseOrderNumber"] = o.po
	}
	return b
}

// The operations for single parts of an order work with a plain token, too, and then leave the personal data out
// (selling-partner-api-models#1454, jlevers/selling-partner-api#388).

func buyerInfoV0(c *call, o *order) object {
	b := object{}
	if c.mayShow("buyerInfo") {
		b = buyerV0(o)
	}
	b["AmazonOrderId"] = o.id
	return b
}

func addressV0(c *call, o *order) object {
	if !c.mayShow("shippingAddress") {
		return object{"AmazonOrderId": o.id, "ShippingAddress": townV0(o)}
	}
	out := object{"AmazonOrderId": o.id, "ShippingAddress": fullAddressV0(o)}
	if o.to.company != "" {
		out["BuyerCompanyName"] = o.to.company
	}
	return out
}

func itemBuyerV0(it *orderItem) object {
	zero := money{0, it.price.currency}
	if it.gift == "" {
		return object{}
	}
	return object{"GiftWrapPrice": moneyV0(zero), "GiftWrapTax": moneyV0(zero), "GiftMessageText": it.gift, "GiftWrapLevel": "classic"}
}

func orderItemsV0(c *call, o *order) object {
	list := []object{}
	for i := range o.items {
		it := &o.items[i]
		asked := !o.cancelAsked.IsZero() && !c.now.Before(o.cancelAsked)
		reason := ""
		if asked {
			reason = o.cancelReason
		}
		out := object{
			"ASIN": it.product.asin, "SellerSKU": it.sku, "OrderItemId": it.id, "Title": it.product.titleIn(o.marketplace),
			"QuantityOrdered": it.quantity, "QuantityShipped": o.shippedOf(i, c.now), "ProductInfo": object{"NumberOfItems": strconv.Itoa(it.product.pack)},
			"IsGift": strconv.FormatBool(it.gift != ""), "ConditionId": "New", "ConditionSubtypeId": "New", "IsTransparency": false, "SerialNumberRequired": false,
			"BuyerRequestedCancel": object{"IsBuyerRequestedCancel": strconv.FormatBool(asked), "BuyerCancelReason": reason},
		}
		if status := o.status(c.now); status != pending && status != canceled {
			out["ItemPrice"], out["ItemTax"] = moneyV0(it.price), moneyV0(it.tax)
			out["ShippingPrice"], out["ShippingTax"] = moneyV0(it.shipping), moneyV0(money{0, it.price.currency})
			out["PromotionDiscount"], out["PromotionDiscountTax"] = moneyV0(it.discount), moneyV0(money{0, it.price.currency})
			if it.discount.units > 0 {
				out["PromotionIds"] = []string{"Save 10% on pens & more"}
			}
			if o.marketplace.CountryCode == "US" {
				out["TaxCollection"] = object{"Model": "MarketplaceFacilitator", "ResponsibleParty": "Amazon Services, Inc."}
			}
			if o.business {
				out["PriceDesignation"] = "BusinessPrice"
			}
			if points := it.price.units / 100; o.marketplace.CountryCode == "JP" && points > 0 {
				out["PointsGranted"] = object{"PointsNumber": points, "PointsMonetaryValue": moneyV0(money{points, "JPY"})}
			}
		}
		if c.mayShow("buyerInfo") {
			out["BuyerInfo"] = itemBuyerV0(it)
		}
		list = append(list, out)
	}
	return object{"AmazonOrderId": o.id, "OrderItems": list}
}

func orderItemsBuyerInfoV0(c *call, o *order) object {
	list := []object{}
	for i := range o.items {
		out := object{}
		if c.mayShow("buyerInfo") {
			out = itemBuyerV0(&o.items[i])
		}
		out["OrderItemId"] = o.items[i].id
		list = append(list, out)
	}
	return object{"AmazonOrderId": o.id, "OrderItems": list}
}

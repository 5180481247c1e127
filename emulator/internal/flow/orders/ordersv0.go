// Package orders answers for orders.
package orders

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// V0 is the API of orders, version 0.
var V0 = desk.Flow{
	Checks: map[string]desk.Check{"orders": alike}, Early: map[string]func(*desk.Call) *answer.Error{"ordersv0.getOrders": tokenNeedsMarketplaces},
	Update: map[string]func(*desk.Call, string){"ordersv0.getOrders": updateOrder}, Handlers: map[string]desk.Handler{
		"ordersv0.getOrders":                getOrdersV0,
		"ordersv0.getOrder":                 orderV0(func(c *desk.Call, o *world.Order) format.Record { return OrderObjectV0(c, o, c.Now) }),
		"ordersv0.getOrderBuyerInfo":        orderV0(buyerInfoV0),
		"ordersv0.getOrderAddress":          orderV0(addressV0),
		"ordersv0.getOrderItems":            orderItemsPage(orderItemsV0),
		"ordersv0.getOrderItemsBuyerInfo":   orderItemsPage(orderItemsBuyerInfoV0),
		"ordersv0.getOrderRegulatedInfo":    orderV0(regulatedInfoV0),
		"ordersv0.updateVerificationStatus": updateVerificationStatusV0,
		"ordersv0.confirmShipment":          confirmShipmentV0,
		"ordersv0.updateShipmentStatus":     updateShipmentStatusV0,
	}}

// orderEnumsV0 are the values that getOrders takes where the model has no enum.
var orderEnumsV0 = []struct {
	name   string
	values []string
}{
	{"OrderStatuses", []string{world.Pending, world.Unshipped, world.PartiallyShipped, world.Shipped, world.Canceled, "Unfulfillable", "InvoiceUnconfirmed", "PendingAvailability"}},
	{"FulfillmentChannels", []string{"MFN", "AFN"}},
	{"PaymentMethods", []string{"COD", "CVS", "Other"}},
	{"EasyShipShipmentStatuses", []string{"PendingSchedule", "PendingPickUp", "PendingDropOff", "LabelCanceled", "PickedUp", "DroppedOff", "AtOriginFC", "AtDestinationFC",
		"Delivered", "RejectedByBuyer", "Undeliverable", "ReturningToSeller", "ReturnedToSeller", "Lost", "OutForDelivery", "Damaged"}},
	{"ElectronicInvoiceStatuses", []string{"NotRequired", "NotFound", "Processing", "Errored", "Accepted"}},
}

// toldStates are those of packages and invoices that no order has of itself: only requests bring them about.
var toldStates = []string{"RejectedByBuyer", "Undeliverable", "ReturningToSeller", "ReturnedToSeller", "Lost", "Damaged", "PendingDropOff", "DroppedOff",
	world.InvoiceProcessing, world.InvoiceErrored}

// tokenNeedsMarketplaces refuses a next token without MarketplaceIds: of all that is missing, only this ends in a null message
// (selling-partner-api-models#1269).
func tokenNeedsMarketplaces(c *desk.Call) *answer.Error {
	if c.Query.Get("NextToken") != "" && c.Query.Get("MarketplaceIds") == "" {
		return nullMessage()
	}
	return nil
}

func nullMessage() *answer.Error {
	return &answer.Error{Status: http.StatusBadRequest, Code: "InvalidInput", MessageFirst: true}
}

// unknownOrderValue is about a value that is none of an enum's: the framework's own sentence (jlevers/selling-partner-api#172,
// abuzuhri/Amazon-SP-API-CSharp#101, both about FulfillmentChannels). The names of other members are made the same way, which is assumed.
func unknownOrderValue(name string, given, known []string) *answer.Error {
	plural := "s"
	if strings.HasSuffix(name, "Statuses") {
		plural = "es"
	}
	member := strings.ToLower(name[:1]) + strings.TrimSuffix(name[1:], plural)
	return answer.Invalid("1 validation error detected: Value '["+strings.Join(given, ", ")+"]' at '"+member+"' failed to satisfy constraint: "+
		"Member must satisfy constraint: [Member must satisfy enum value set: ["+strings.Join(slices.Sorted(slices.Values(known)), ", ")+"]]",
		name+": has an unknown value")
}

func getOrdersV0(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("NextToken")
	if problem == desk.ErrTokenInvalid {
		// A "+" of the token that was not percent-encoded arrives as a blank, and ends in a null message
		// (selling-partner-api-models#2091).
		return answer.Reply{}, nullMessage().Because("NextToken: " + problem.Error())
	} else if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("NextToken", problem.Error())
	}
	for _, id := range pg.Args["MarketplaceIds"] {
		if _, err := c.MarketplaceOf("MarketplaceIds", id); err != nil {
			return answer.Reply{}, err
		}
	}
	q := pg.Args
	f, name, want := world.ParseOrderTimes(pg.Arg, [4]string{"CreatedAfter", "CreatedBefore", "LastUpdatedAfter", "LastUpdatedBefore"}, pg.AsOf, !q.Has("AmazonOrderIds"))
	switch {
	case want == "":
	case name == "CreatedAfter" || name == "LastUpdatedAfter":
		if _, readable := format.ParseTime(pg.Arg(name)); pg.Arg(name) != "" && !readable {
			// One that can't be read leaves neither of the two of which one is wanted (selling-partner-api-models#1437).
			return answer.Reply{}, answer.Invalid("This is an invalid input", name+": "+want).Detailed("Invalid date-time field(s) [lastUpdatedAfter, createdAfter].")
		}
		fallthrough
	default:
		return answer.Reply{}, answer.InvalidParameter(name, want)
	}
	size := 100
	if text := q.Get("MaxResultsPerPage"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 100 {
			return answer.Reply{}, answer.InvalidParameter("MaxResultsPerPage", "is "+text+", want 1 to 100")
		}
	}
	for _, known := range orderEnumsV0 {
		for _, v := range q[known.name] {
			if !slices.Contains(known.values, v) {
				return answer.Reply{}, unknownOrderValue(known.name, q[known.name], known.values)
			}
		}
	}
	if q.Has("SellerOrderId") { // the model's note
		for _, name := range []string{"FulfillmentChannels", "OrderStatuses", "PaymentMethods", "LastUpdatedAfter", "LastUpdatedBefore", "BuyerEmail"} {
			if q.Has(name) {
				return answer.Reply{}, answer.InvalidParameter(name, "can't be used with SellerOrderId")
			}
		}
	}
	var delivery [4]time.Time // EarliestDeliveryDate after and before, LatestDeliveryDate after and before
	for i, name := range []string{"EarliestDeliveryDateAfter", "EarliestDeliveryDateBefore", "LatestDeliveryDateAfter", "LatestDeliveryDateBefore"} {
		if text := q.Get(name); text != "" {
			var ok bool
			if delivery[i], ok = format.ParseTime(text); !ok {
				return answer.Reply{}, answer.InvalidParameter(name, "timestamp must follow ISO8601")
			}
		}
	}
	w := c.Seller.World()
	found, place := w.Page(searchV0(c, w, q, f, delivery), pg.AsOf, pg.Start, size)
	list := make([]format.Record, 0, len(found))
	for _, o := range found {
		list = append(list, OrderObjectV0(c, o, pg.AsOf))
	}
	var createdBefore, updatedBefore, next any
	if f.UpdatedAfter.IsZero() {
		createdBefore = format.Timestamp(f.CreatedBefore)
	} else if f.UpdatedBefore.IsZero() {
		updatedBefore = format.Timestamp(pg.AsOf.Add(-world.SearchDelay))
	} else {
		updatedBefore = format.Timestamp(f.UpdatedBefore)
	}
	if place > 0 {
		next = c.Token(pg, place)
	}
	return answer.Payload(format.Record{{"CreatedBefore", createdBefore}, {"LastUpdatedBefore", updatedBefore}, {"NextToken", next}, {"Orders", list}}), nil
}

// searchV0 adds to a filter by time what else is asked for. What a search can skip by it says so by traits, statuses, numbers and times of purchase; Accept
// looks at each order that is left.
func searchV0(c *desk.Call, w *world.World, q url.Values, f world.OrderFilter, delivery [4]time.Time) world.OrderFilter {
	f.Statuses = q["OrderStatuses"]
	only := func(numbers []int) {
		if f.Only == nil {
			f.Only = numbers
		}
		f.Only = slices.DeleteFunc(f.Only, func(n int) bool { return !slices.Contains(numbers, n) })
	}
	if q.Has("AmazonOrderIds") {
		only(w.NumbersOf(q["AmazonOrderIds"]))
	}
	if q.Has("SellerOrderId") {
		only(w.NumbersOfSeller(q.Get("SellerOrderId")))
	}
	if q.Has("BuyerEmail") {
		only(w.NumbersOfBuyer(q.Get("BuyerEmail")))
	}
	byDelivery := delivery != [4]time.Time{}
	if byDelivery { // of merchants' orders, which have their windows by the time of purchase
		for i, shift := range []time.Duration{world.DeliverEarliest, world.DeliverEarliest, world.DeliverLatest, world.DeliverLatest} {
			switch t := delivery[i].Add(-shift); {
			case delivery[i].IsZero():
			case i%2 == 0 && t.After(f.CreatedAfter):
				f.CreatedAfter = t
			case i%2 == 1 && t.Before(f.CreatedBefore):
				f.CreatedBefore = t
			}
		}
	}
	if f.Store = q.Get("StoreChainStoreId"); q.Has("ActualFulfillmentSupplySourceId") {
		store := world.StoreOf(q.Get("ActualFulfillmentSupplySourceId"))
		if f.Store != "" && f.Store != store {
			store = "" // none is in two
		}
		if f.Store = store; store == "" {
			only([]int{})
		}
	}
	easy, invoice := q["EasyShipShipmentStatuses"], q["ElectronicInvoiceStatuses"]
	if easy != nil && !slices.ContainsFunc(easy, world.EasyShipStays) {
		if recent := c.Now.Add(-world.LifeSpan); recent.After(f.CreatedAfter) {
			f.CreatedAfter = recent
		}
	}
	all := func(statuses []string) bool {
		return statuses != nil && !slices.ContainsFunc(statuses, func(status string) bool { return !slices.Contains(toldStates, status) })
	}
	if all(easy) || all(invoice) {
		only(w.Touched())
	}
	f.Traits = func(t world.Traits) bool {
		channel := "MFN"
		if t.Amazon {
			channel = "AFN"
		}
		return world.Among(q["MarketplaceIds"], t.Marketplace) && world.Among(q["FulfillmentChannels"], channel) && world.Among(q["PaymentMethods"], t.Payment) &&
			world.Same(q.Get("IsISPU"), strconv.FormatBool(t.Pickup)) && (t.Pickup || f.Store == "") &&
			!(t.Amazon && (byDelivery || easy != nil))
	}
	if easy != nil || invoice != nil {
		f.Accept = func(o *world.Order, t time.Time) bool {
			return world.Among(easy, o.EasyShipStatus(t)) && world.Among(invoice, o.InvoiceStatus(t))
		}
	}
	return f
}

// orderV0 is the handler of an operation that shows one order.
func orderV0[T object | format.Record](show func(*desk.Call, *world.Order) T) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		id := c.Path["orderId"]
		if !world.OrderIDPattern().MatchString(id) {
			return answer.Reply{}, answer.InvalidParameter("orderId", "is not in 3-7-7 format")
		}
		_, o := c.Order()
		if o == nil {
			return answer.Reply{}, desk.OrderNotFound(id)
		}
		return answer.Payload(show(c, o)), nil
	}
}

func moneyV0(m world.Money) format.Record {
	return format.Record{{"Amount", m.String()}, {"CurrencyCode", m.Currency}}
}

// unlessEmpty is the value of a member that is left out where it is empty.
func unlessEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// OrderObjectV0 shows an order as of t. Without a restricted token that names them, the buyer is left out and the address has no more
// than the town (selling-partner-api-docs#1375).
func OrderObjectV0(c *desk.Call, o *world.Order, t time.Time) format.Record {
	status := o.Status(t)
	done, open := 0, 0
	for i := range o.Items {
		n := o.ShippedOf(i, t)
		done += n
		open += o.Items[i].Quantity - n
	}
	if status == world.Canceled {
		open = 0
	}
	service, category := "Std US D2D Dom", "Standard"
	if o.Express {
		service, category = "Exp US D2D Dom", "Expedited"
	}
	var earliestDelivery, latestDelivery, instruction, preference any
	if !o.Amazon {
		earliest, latest := o.DeliveryWindow()
		earliestDelivery, latestDelivery = format.Timestamp(earliest), format.Timestamp(latest)
	}
	if o.Store != "" {
		instruction = format.Record{{"FulfillmentSupplySourceId", o.SupplySource()}}
	}
	if o.Business {
		preference = "BUSINESS"
	}
	var total, execution, address, buyer, tax any
	if status != world.Pending { // prices and address come with the payment
		if status != world.Canceled {
			total = moneyV0(o.Total())
			if o.Payment == "COD" { // orders that are paid at the door list how
				execution = []format.Record{{{"Payment", total}, {"PaymentMethod", "COD"}}}
			}
		}
		if c.MayShow("shippingAddress") {
			address = fullAddressV0(o)
		} else {
			address = townV0(o)
		}
		if c.MayShow("buyerInfo") {
			buyer = buyerV0(o)
		}
		if o.Business && c.MayShow("buyerTaxInformation") {
			tax = format.Record{{"BuyerBusinessAddress", o.To.Line1 + ", " + o.To.City}, {"BuyerLegalCompanyName", o.To.Company}}
		}
	}
	purchased := format.Timestamp(o.Purchased)
	return format.Record{
		{"AmazonOrderId", o.ID},
		{"AutomatedShippingSettings", format.Record{{"HasAutomatedShippingSettings", false}}},
		{"BuyerInfo", buyer},
		{"BuyerInvoicePreference", preference},
		{"BuyerTaxInformation", tax},
		{"EarliestDeliveryDate", earliestDelivery},
		{"EarliestShipDate", purchased},
		{"EasyShipShipmentStatus", unlessEmpty(o.EasyShipStatus(t))},
		{"ElectronicInvoiceStatus", unlessEmpty(o.InvoiceStatus(t))},
		{"FulfillmentChannel", o.Channel()},
		{"FulfillmentInstruction", instruction},
		{"HasRegulatedItems", o.Regulated != nil},
		{"IsAccessPointOrder", false},
		{"IsBusinessOrder", o.Business},
		{"IsGlobalExpressEnabled", false},
		{"IsISPU", o.Store != ""},
		{"IsPremiumOrder", false},
		{"IsPrime", o.Prime},
		{"IsReplacementOrder", o.Replaces != ""},
		{"IsSoldByAB", false},
		{"LastUpdateDate", format.Timestamp(o.Updated(t))},
		{"LatestDeliveryDate", latestDelivery},
		{"LatestShipDate", format.Timestamp(latestShip(o))},
		{"MarketplaceId", o.Marketplace.ID},
		{"NumberOfItemsShipped", done},
		{"NumberOfItemsUnshipped", open},
		{"OrderStatus", status},
		{"OrderTotal", total},
		{"OrderType", "StandardOrder"},
		{"PaymentExecutionDetail", execution},
		{"PaymentMethod", o.Payment},
		{"PaymentMethodDetails", paymentDetailsV0(o.Payment)},
		{"PurchaseDate", purchased},
		{"ReplacedOrderId", unlessEmpty(o.Replaces)},
		{"SalesChannel", world.StoreName(o.Marketplace)},
		{"SellerOrderId", o.SellerOrderID},
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

func townV0(o *world.Order) format.Record {
	return format.Record{{"City", o.To.City}, {"CountryCode", o.To.Country}, {"PostalCode", o.To.PostalCode}, {"StateOrRegion", unlessEmpty(o.To.State)}}
}

func fullAddressV0(o *world.Order) format.Record {
	kind := "Residential"
	if o.To.Company != "" {
		kind = "Commercial"
	}
	return format.Record{
		{"AddressLine1", o.To.Line1}, {"AddressLine2", unlessEmpty(o.To.Line2)}, {"AddressType", kind}, {"City", o.To.City},
		{"CompanyName", unlessEmpty(o.To.Company)}, {"CountryCode", o.To.Country}, {"Name", o.To.Name}, {"Phone", o.To.Phone},
		{"PostalCode", o.To.PostalCode}, {"StateOrRegion", unlessEmpty(o.To.State)},
	}
}

func buyerV0(o *world.Order) object {
	b := object{"BuyerEmail": o.BuyerEmail, "BuyerName": o.BuyerName}
	if o.PO != "" {
		b["PurchaseOrderNumber"] = o.PO
	}
	return b
}

// The operations for single parts of an order work with a plain token, too, and then leave the personal data out
// (selling-partner-api-models#1454, jlevers/selling-partner-api#388).

func buyerInfoV0(c *desk.Call, o *world.Order) object {
	b := object{}
	if c.MayShow("buyerInfo") {
		b = buyerV0(o)
	}
	b["AmazonOrderId"] = o.ID
	return b
}

func addressV0(c *desk.Call, o *world.Order) object {
	if !c.MayShow("shippingAddress") {
		return object{"AmazonOrderId": o.ID, "ShippingAddress": townV0(o)}
	}
	out := object{"AmazonOrderId": o.ID, "ShippingAddress": fullAddressV0(o)}
	if o.To.Company != "" {
		out["BuyerCompanyName"] = o.To.Company
	}
	return out
}

func itemBuyerV0(it *world.OrderItem) object {
	zero := world.Money{Units: 0, Currency: it.Price.Currency}
	if it.Gift == "" {
		return object{}
	}
	return object{"GiftWrapPrice": moneyV0(zero), "GiftWrapTax": moneyV0(zero), "GiftMessageText": it.Gift, "GiftWrapLevel": "classic"}
}

func orderItemsV0(c *desk.Call, o *world.Order) object {
	list := []object{}
	for i := range o.Items {
		it := &o.Items[i]
		asked := !o.CancelAsked.IsZero() && !c.Now.Before(o.CancelAsked)
		reason := ""
		if asked {
			reason = o.CancelReason
		}
		out := object{
			"ASIN": it.Product.ASIN, "SellerSKU": it.SKU, "OrderItemId": it.ID, "Title": it.Product.TitleIn(o.Marketplace),
			"QuantityOrdered": it.Quantity, "QuantityShipped": o.ShippedOf(i, c.Now), "ProductInfo": object{"NumberOfItems": strconv.Itoa(it.Product.Pack)},
			"IsGift": strconv.FormatBool(it.Gift != ""), "ConditionId": "New", "ConditionSubtypeId": "New", "IsTransparency": false, "SerialNumberRequired": false,
			"BuyerRequestedCancel": object{"IsBuyerRequestedCancel": strconv.FormatBool(asked), "BuyerCancelReason": reason},
		}
		if status := o.Status(c.Now); status != world.Pending && status != world.Canceled {
			out["ItemPrice"], out["ItemTax"] = moneyV0(it.Price), moneyV0(it.Tax)
			out["ShippingPrice"], out["ShippingTax"] = moneyV0(it.Shipping), moneyV0(world.Money{Units: 0, Currency: it.Price.Currency})
			out["PromotionDiscount"], out["PromotionDiscountTax"] = moneyV0(it.Discount), moneyV0(world.Money{Units: 0, Currency: it.Price.Currency})
			if it.Free.Units > 0 {
				out["ShippingDiscount"] = moneyV0(it.Free)
			}
			if ids := it.Promotions(); len(ids) > 0 {
				out["PromotionIds"] = ids
			}
			if o.Marketplace.CountryCode == "US" {
				out["TaxCollection"] = object{"Model": "MarketplaceFacilitator", "ResponsibleParty": "Amazon Services, Inc."}
			}
			if o.Business {
				out["PriceDesignation"] = "BusinessPrice"
			}
			if points := it.Price.Units / 100; o.Marketplace.CountryCode == "JP" && points > 0 {
				out["PointsGranted"] = object{"PointsNumber": points, "PointsMonetaryValue": moneyV0(world.Money{Units: points, Currency: "JPY"})}
			}
		}
		if c.MayShow("buyerInfo") {
			out["BuyerInfo"] = itemBuyerV0(it)
		}
		list = append(list, out)
	}
	return object{"AmazonOrderId": o.ID, "OrderItems": list}
}

func orderItemsBuyerInfoV0(c *desk.Call, o *world.Order) object {
	list := []object{}
	for i := range o.Items {
		out := object{}
		if c.MayShow("buyerInfo") {
			out = itemBuyerV0(&o.Items[i])
		}
		out["OrderItemId"] = o.Items[i].ID
		list = append(list, out)
	}
	return object{"AmazonOrderId": o.ID, "OrderItems": list}
}

// updateOrder gives an order another time of its last update, and changes nothing else: it is later than all that has been answered.
func updateOrder(c *desk.Call, id string) {
	_ = c.ChangeOrder(id, func(o *world.Order) *answer.Error { // an order that was shown is there
		o.Changed = c.Exchange.Now.UTC().Truncate(time.Second).Add(time.Second)
		return nil
	})
}

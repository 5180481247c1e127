package finances

import (
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
)

const (
	kept = 2 // years (jrl84/amazon-sp-api#30)
	// lastPage is the last page of events that there is: beyond 15,300 events of a group requests were refused (selling-partner-api-models#501). That
	// it is so for other lists, too, is assumed, and smaller for smaller pages.
	lastPage = 153
	pageBits = 50 // of a page's start, the place in the ledger; above them the number of the page
)

// refusedV0 is what v0 says of whatever doesn't please it, with a name for the gateway's header (selling-partner-api-docs#2405, airbytehq/airbyte#55170).
func refusedV0(reason string) *answer.Error {
	return answer.Invalid("Invalid Input", reason).ByGateway("InvalidInputException")
}

// tokenProblem is what it says of a token that is too old (selling-partner-api-docs#981, with 25 minutes and once with 3);
// of one that is none the same is assumed.
func tokenProblem(c *desk.Call, problem error) *answer.Error {
	lifetime := strconv.Itoa(int(c.TokenLifetime()/time.Minute)) + " minutes"
	if d := c.TokenLifetime(); d < time.Minute {
		lifetime = strconv.Itoa(int(d/time.Second)) + " seconds"
	}
	return answer.Invalid("Token is not valid, token duration is "+lifetime+".", "NextToken: "+problem.Error())
}

// size is how many results a page has.
func size(pg *desk.Page, usual int) int {
	if text := pg.Arg("MaxResultsPerPage"); text != "" {
		return format.Atoi(text)
	}
	return usual
}

// money is an amount as v0 has it.
func money(m world.Money) format.Record {
	return format.Record{{"CurrencyCode", m.Currency}, {"CurrencyAmount", m.Number()}}
}

// listGroups lists the groups of all marketplaces, the newest first.
func listGroups(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("NextToken")
	if problem != nil {
		return answer.Reply{}, tokenProblem(c, problem)
	}
	from, to, wrong := span(pg.Arg("FinancialEventGroupStartedAfter"), pg.Arg("FinancialEventGroupStartedBefore"), pg.AsOf)
	if wrong != "" {
		return answer.Reply{}, refusedV0("FinancialEventGroupStartedAfter, FinancialEventGroupStartedBefore: " + wrong)
	}
	list := []format.Record{}
	payload := format.Record{{"FinancialEventGroupList", &list}}
	if from.IsZero() {
		from = pg.AsOf.AddDate(-kept, 0, 0)
	} else if to.Sub(from) > widest {
		return answer.Payload(payload), nil
	}
	n := size(pg, 10)
	groups, more := ledger.Books.Of(c.Seller).GroupsOfAll(from, to, pg.AsOf, pg.Start, n)
	for i := range groups {
		list = append(list, group(&groups[i], pg.AsOf))
	}
	if more {
		payload = append(format.Record{{"NextToken", c.Token(pg, pg.Start+n)}}, payload...)
	}
	return answer.Payload(payload), nil
}

// group is a financial event group. What the transfer's state is called before and without one is assumed.
func group(g *ledger.Group, now time.Time) format.Record {
	r := format.Record{{"FinancialEventGroupId", g.ID}, {"ProcessingStatus", "Open"}}
	if g.Closed {
		r[1][1] = "Closed"
		switch {
		case g.FundTransfer.IsZero(): // nothing was transferred
		case g.FundTransfer.After(now):
			r = append(r, [2]any{"FundTransferStatus", "Processing"})
		default:
			r = append(r, [2]any{"FundTransferStatus", "Succeeded"}, [2]any{"FundTransferDate", format.Timestamp(g.FundTransfer)}, [2]any{"TraceId", g.TraceID})
		}
	}
	r = append(r, [2]any{"OriginalTotal", money(g.Total)})
	if g.Closed {
		r = append(r, [2]any{"ConvertedTotal", money(g.Total)}) // the account's currency is the marketplace's
	}
	r = append(r, [2]any{"AccountTail", g.AccountTail}, [2]any{"BeginningBalance", money(g.Beginning)},
		[2]any{"FinancialEventGroupStart", format.Timestamp(g.Start)})
	if g.Closed {
		r = append(r, [2]any{"FinancialEventGroupEnd", format.Timestamp(g.End)})
	}
	return r
}

// listEvents lists what was posted in some time.
func listEvents(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("NextToken")
	if problem != nil {
		return answer.Reply{}, tokenProblem(c, problem)
	}
	q, err := posted(pg)
	switch {
	case err != nil:
		return answer.Reply{}, err
	case q.To.Sub(q.From) > widest:
		return events(c, pg, nil, 0), nil
	}
	return page(c, pg, q)
}

// posted reads the times of a search for events. Events are kept for two years.
func posted(pg *desk.Page) (q ledger.Query, err *answer.Error) {
	after, before := pg.Arg("PostedAfter"), pg.Arg("PostedBefore")
	if after == "" && before != "" {
		return q, refusedV0("PostedBefore: wants PostedAfter beside it")
	}
	from, to, wrong := span(after, before, pg.AsOf)
	if wrong != "" {
		return q, refusedV0("PostedAfter, PostedBefore: " + wrong)
	}
	if oldest := pg.AsOf.AddDate(-kept, 0, 0); after != "" && from.Before(oldest) && to.Sub(from) <= widest {
		from = format.Earliest(oldest, to)
	}
	return ledger.Query{From: from, To: to, Now: pg.AsOf, Released: true}, nil
}

// page answers with one page of events.
func page(c *desk.Call, pg *desk.Page, q ledger.Query) (answer.Reply, *answer.Error) {
	number, position := pg.Start>>pageBits, pg.Start&(1<<pageBits-1)
	if number >= lastPage {
		return answer.Reply{}, refusedV0("NextToken: the list has too many events")
	}
	list, next := ledger.Books.Of(c.Seller).Page(q, position, size(pg, 100))
	if next != 0 {
		next |= (number + 1) << pageBits
	}
	return events(c, pg, list, next), nil
}

// listEventsByGroup lists what is in a group. An unknown one has nothing in it, like one of more than two years ago.
func listEventsByGroup(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("NextToken")
	if problem != nil {
		return answer.Reply{}, tokenProblem(c, problem)
	}
	q, err := posted(pg)
	if err != nil {
		return answer.Reply{}, err
	}
	g, ok := ledger.Books.Of(c.Seller).Group(c.Path["eventGroupId"], pg.AsOf)
	if !ok || g.End.Before(pg.AsOf.AddDate(-kept, 0, 0)) || pg.Arg("PostedAfter") != "" && q.To.Sub(q.From) > widest {
		return events(c, pg, nil, 0), nil
	}
	q.From, q.To, q.Market, q.Group = format.Latest(q.From, g.Start), format.Earliest(q.To, g.End), g.Marketplace, g.ID
	return page(c, pg, q)
}

// listEventsByOrder lists what an order has moved; an id of no order has moved nothing (selling-partner-api-models#1221).
func listEventsByOrder(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("NextToken")
	if problem != nil {
		return answer.Reply{}, tokenProblem(c, problem)
	}
	var list []ledger.Transaction
	for _, t := range ledger.Books.Of(c.Seller).OfOrder(c.Path["orderId"], pg.AsOf, false) {
		if t.Status == ledger.Released && t.Posted.After(pg.AsOf.AddDate(-kept, 0, 0)) {
			list = append(list, t)
		}
	}
	n := size(pg, 100)
	part, more := desk.Cut(list, pg.Start, n)
	next := 0
	if more {
		next = pg.Start + n
	}
	return events(c, pg, part, next), nil
}

// eventLists are all lists of events, in the model's order. Replies have them all, empty ones too, and one that the model doesn't have (recorded).
var eventLists = []string{
	"ShipmentEventList", "ShipmentSettleEventList", "RefundEventList", "GuaranteeClaimEventList", "EBTRefundReimbursementOnlyEventList",
	"ChargebackEventList", "PayWithAmazonEventList", "ServiceProviderCreditEventList", "RetrochargeEventList", "RentalTransactionEventList",
	"PerformanceBondRefundEventList", "ProductAdsPaymentEventList", "ServiceFeeEventList", "SellerDealPaymentEventList", "DebtRecoveryEventList",
	"LoanServicingEventList", "AdjustmentEventList", "SAFETReimbursementEventList", "SellerReviewEnrollmentPaymentEventList", "FBALiquidationEventList",
	"CouponPaymentEventList", "ImagingServicesFeeEventList", "NetworkComminglingTransactionEventList", "AffordabilityExpenseEventList",
	"AffordabilityExpenseReversalEventList", "RemovalShipmentEventList", "RemovalShipmentAdjustmentEventList", "TrialShipmentEventList",
	"TDSReimbursementEventList", "AdhocDisbursementEventList", "TaxWithholdingEventList", "ChargeRefundEventList", "FailedAdhocDisbursementEventList",
	"ValueAddedServiceChargeEventList", "CapacityReservationBillingEventList",
}

// events is the reply with some transactions. next is where the next page starts; 0: there is none.
func events(c *desk.Call, pg *desk.Page, list []ledger.Transaction, next int) answer.Reply {
	lists := map[string][]format.Record{}
	for i := range list {
		if name, event := eventOf(&list[i]); event != nil {
			lists[name] = append(lists[name], event)
		}
	}
	all := format.Record{}
	for _, name := range eventLists {
		of := lists[name]
		if of == nil {
			of = []format.Record{}
		}
		all = append(all, [2]any{name, of})
	}
	payload := format.Record{{"FinancialEvents", all}}
	if next != 0 {
		payload = append(payload, [2]any{"NextToken", c.Token(pg, next)})
	}
	return answer.Payload(payload)
}

// eventOf is a transaction as an event, with the list in which it stands; nil for what v0 has no event for.
func eventOf(t *ledger.Transaction) (list string, event format.Record) {
	at := [2]any{"PostedDate", format.Timestamp(t.Posted)}
	kind := t.Kind
	switch {
	case kind == nil && t.Type == "Shipment":
		return "ShipmentEventList", shipmentEvent(t, false)
	case kind == nil:
		return "RefundEventList", shipmentEvent(t, true)
	case kind.List == "":
		return "", nil
	}
	list = kind.List + "EventList"
	total := money(t.Money(t.Total()))
	switch kind.List {
	case "Refund", "Chargeback", "GuaranteeClaim":
		return list, shipmentEvent(t, true)
	case "Adjustment":
		event = format.Record{{"AdjustmentType", kind.V0Type}, at, {"AdjustmentAmount", total}}
		var items []format.Record
		for i := range t.Lines {
			l := &t.Lines[i]
			items = append(items, format.Record{{"Quantity", strconv.Itoa(l.Quantity)}, {"PerUnitAmount", money(t.Money(l.Units / max(l.Quantity, 1)))},
				{"TotalAmount", money(t.Money(l.Units))},
				{"SellerSKU", l.SKU}, {"ProductDescription", l.Title}, {"ASIN", l.ASIN}})
		}
		if items != nil {
			event = append(event, [2]any{"AdjustmentItemList", items})
		}
	case "ServiceFee": // has neither a date nor a total (selling-partner-api-models#449)
		event = format.Record{{"FeeReason", kind.Description}, {"FeeList", []format.Record{fee(kind.V0Type, t, t.Total())}}}
		if t.OrderID != "" {
			event = append(format.Record{{"AmazonOrderId", t.OrderID}}, event...)
		}
	case "ProductAdsPayment": // begins its members with small letters
		event = format.Record{{"postedDate", format.Timestamp(t.Posted)}, {"transactionType", kind.V0Type}, {"invoiceId", t.Reference},
			{"baseValue", total}, {"taxValue", money(t.Money(0))}, {"transactionValue", total}}
	case "CouponPayment":
		event = format.Record{at, {"PaymentEventId", t.ID}, {"SellerCouponDescription", t.Reference},
			{"FeeComponent", fee(kind.V0Type, t, t.Total())}, {"TotalAmount", total}}
	case "SAFETReimbursement":
		event = format.Record{at, {"SAFETClaimId", t.Reference}, {"ReimbursedAmount", total}}
	case "RemovalShipment":
		event = format.Record{at, {"OrderId", t.Reference}, {"TransactionType", kind.V0Type},
			{"RemovalShipmentItemList", []format.Record{{{"Revenue", total}}}}}
	case "DebtRecovery":
		event = format.Record{{"DebtRecoveryType", kind.V0Type}, {"RecoveryAmount", total}, {"OverPaymentCredit", money(t.Money(0))},
			{"DebtRecoveryItemList", []format.Record{{{"RecoveryAmount", total}, {"OriginalAmount", total},
				{"GroupBeginDate", format.Timestamp(t.Group.Start)}, {"GroupEndDate", format.Timestamp(t.Group.End)}}}},
			{"ChargeInstrumentList", []format.Record{{{"Description", "Credit card"}, {"Tail", t.Group.AccountTail}, {"Amount", total}}}}}
	}
	return list, event
}

func fee(kind string, t *ledger.Transaction, units int) format.Record {
	return format.Record{{"FeeType", kind}, {"FeeAmount", money(t.Money(units))}}
}

// shipmentEvent is a shipment, or what is given back of one, whose lists have names of their own.
func shipmentEvent(t *ledger.Transaction, back bool) format.Record {
	event := format.Record{{"AmazonOrderId", t.OrderID}, {"SellerOrderId", t.SellerOrderID}, {"MarketplaceName", world.StoreName(t.Marketplace)},
		{"PostedDate", format.Timestamp(t.Posted)}}
	adjustment := ""
	if back {
		adjustment = "Adjustment"
	}
	items := []format.Record{}
	for i := range t.Lines {
		items = append(items, shipmentItem(t, &t.Lines[i], adjustment))
	}
	if len(t.Lines) == 0 { // what nobody knows the item of
		var charges []format.Record
		for _, e := range t.Entries {
			charges = append(charges, charge(t, &e))
		}
		return append(event, [2]any{"OrderCharge" + adjustment + "List", charges})
	}
	return append(event, [2]any{"ShipmentItem" + adjustment + "List", items})
}

func charge(t *ledger.Transaction, e *ledger.Entry) format.Record {
	return format.Record{{"ChargeType", e.Leaf.V0Type}, {"ChargeAmount", money(t.Money(e.Units))}}
}

func shipmentItem(t *ledger.Transaction, l *ledger.Line, adjustment string) format.Record {
	var charges, fees, withheld, promotions []format.Record
	for i := range l.Entries {
		e := &l.Entries[i]
		amount := money(t.Money(e.Units))
		switch e.Leaf.V0 {
		case "charge":
			charges = append(charges, charge(t, e))
		case "fee":
			fees = append(fees, fee(e.Leaf.V0Type, t, e.Units))
		case "withheld":
			withheld = append(withheld, format.Record{{"TaxCollectionModel", "MarketplaceFacilitator"}, {"TaxesWithheld", []format.Record{charge(t, e)}}})
		case "promotion":
			promotions = append(promotions, format.Record{
				{"PromotionType", e.Leaf.V0Type}, {"PromotionId", ledger.PromotionOf(e.Leaf.SettlementWhat)}, {"PromotionAmount", amount},
			})
		}
	}
	item := format.Record{{"SellerSKU", l.SKU}, {"OrderItemId", l.OrderItemID}}
	if adjustment != "" {
		item = append(item, [2]any{"OrderAdjustmentItemId", l.ID})
	}
	item = append(item, [2]any{"QuantityShipped", l.Quantity})
	for _, list := range []struct {
		name string
		of   []format.Record
	}{
		{"ItemCharge" + adjustment + "List", charges}, {"ItemFee" + adjustment + "List", fees},
		{"ItemTaxWithheldList", withheld}, {"Promotion" + adjustment + "List", promotions},
	} {
		if list.of != nil {
			item = append(item, [2]any{list.name, list.of})
		}
	}
	return item
}

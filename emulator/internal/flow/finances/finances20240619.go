package finances

import (
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// transactionsPage is how many transactions a page has (developer-docs.amazon.com/sp-api/docs/get-latest-transactions).
const transactionsPage = 500

// The identifiers by which transactions are found (finances_2024-06-19).
const (
	byOrder      = "ORDER_ID"
	byGroup      = "FINANCIAL_EVENT_GROUP_ID"
	bySettlement = "SETTLEMENT_ID"
)

func invalidInput(reason string) *answer.Error {
	return invalid("Invalid input", "Invalid input", reason)
}

// listTransactions lists by time of posting, the oldest first. Pages whose rows a filter leaves out may be short, or empty, with a token.
func listTransactions(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, invalidInput("nextToken: " + problem.Error())
	}
	name, value := pg.Arg("relatedIdentifierName"), pg.Arg("relatedIdentifierValue")
	switch {
	case (name == "") != (value == ""):
		return answer.Reply{}, invalidInput("relatedIdentifierName and relatedIdentifierValue go together")
	case name != "" && name != byOrder && name != byGroup:
		return answer.Reply{}, invalidInput("relatedIdentifierName: " + name + " can't be used as a filter")
	case name == "" && pg.Arg("postedAfter") == "":
		return answer.Reply{}, invalid("Start date cannot be null", "Start date cannot be null", "postedAfter: required without a related identifier")
	}
	from, to, wrong := span(pg.Arg("postedAfter"), pg.Arg("postedBefore"), pg.AsOf)
	if wrong != "" {
		return answer.Reply{}, invalidInput("postedAfter, postedBefore: " + wrong)
	}
	q := ledger.Query{From: from, To: to, Now: pg.AsOf, Status: strings.ToUpper(pg.Arg("transactionStatus"))}
	if !slices.Contains([]string{"", ledger.Deferred, ledger.Released, ledger.DeferredReleased}, q.Status) {
		return answer.Reply{}, invalidInput("transactionStatus: " + q.Status)
	}
	if id := pg.Arg("marketplaceId"); id != "" {
		if q.Market = marketplaceOf(c, id); q.Market == nil {
			return answer.Reply{}, invalidInput("marketplaceId: " + id)
		}
	}
	l := ledger.Books.Of(c.Seller)
	var found []ledger.Transaction
	next := 0
	switch {
	case name == "" && to.Sub(from) > widest, !from.IsZero() && to.Sub(from) > widest:
	case name == byOrder:
		found = slices.DeleteFunc(l.OfOrder(value, pg.AsOf, false), func(t ledger.Transaction) bool {
			return t.Posted.Before(from) || !t.Posted.Before(to) || q.Status != "" && t.Status != q.Status || q.Market != nil && t.Marketplace.ID != q.Market.ID
		})
	case name == byGroup:
		g, ok := l.Group(value, pg.AsOf)
		if !ok {
			break
		}
		// Its transfer comes a day after its end.
		q.Group, q.From, q.To = g.ID, format.Latest(q.From, g.Start), format.Earliest(q.To, g.End.Add(world.Day+time.Second))
		if q.Market == nil || q.Market.ID == g.Marketplace.ID {
			q.Market = g.Marketplace
			found, next = l.Page(q, pg.Start, transactionsPage)
		}
	default:
		found, next = l.Page(q, pg.Start, transactionsPage)
	}
	list := []format.Record{}
	for i := range found {
		// With a marketplace in the request, those of the seller's own shipping in the United States stay out (the model's note).
		if t := &found[i]; pg.Arg("marketplaceId") == "" || !t.Merchant || t.Marketplace.CountryCode != "US" {
			list = append(list, transaction(c, t))
		}
	}
	payload := format.Record{{"transactions", list}}
	if next != 0 {
		payload = append(format.Record{{"nextToken", c.Token(pg, next)}}, payload...)
	}
	return answer.Payload(payload), nil
}

// amount is a JSON number with its currency.
func amount(m world.Money) format.Record {
	return format.Record{{"currencyCode", m.Currency}, {"currencyAmount", m.Number()}}
}

// transaction is one as the API shows it.
func transaction(c *desk.Call, t *ledger.Transaction) format.Record {
	identifiers := []format.Record{}
	for _, r := range related(t, c.Now) {
		identifiers = append(identifiers, format.Record{{"relatedIdentifierName", r[0]}, {"relatedIdentifierValue", r[1]}})
	}
	contexts := []format.Record{}
	if t.Deferral != "" {
		contexts = append(contexts, format.Record{
			{"contextType", "DeferredContext"}, {"deferralReason", t.Deferral}, {"maturityDate", format.Timestamp(t.Matures)},
		})
	}
	if !t.From.IsZero() {
		contexts = append(contexts, format.Record{
			{"contextType", "TimeRangeContext"}, {"startTime", format.Timestamp(t.From)}, {"endTime", format.Timestamp(t.To)},
		})
	}
	if t.Type == "Transfer" {
		contexts = append(contexts, format.Record{{"contextType", "PaymentsContext"}, {"paymentType", "Disbursement"}, {"paymentMethod", "BANK_ACCOUNT"},
			{"paymentReference", t.Group.TraceID}, {"paymentDate", format.Timestamp(t.Posted)}})
	}
	items := []format.Record{}
	for i := range t.Lines {
		items = append(items, item(t, &t.Lines[i]))
	}
	return format.Record{
		{"sellingPartnerMetadata", format.Record{
			{"sellingPartnerId", c.Seller.ID}, {"accountType", ledger.StandardOrders}, {"marketplaceId", t.Marketplace.ID},
		}},
		{"relatedIdentifiers", identifiers}, {"transactionType", t.Type}, {"transactionId", t.ID}, {"transactionStatus", t.Status}, {"description", t.Description},
		{"postedDate", format.Timestamp(t.Posted)}, {"totalAmount", amount(t.Money(t.Total()))},
		{"marketplaceDetails", format.Record{{"marketplaceId", t.Marketplace.ID}, {"marketplaceName", world.StoreName(t.Marketplace)}}},
		{"items", items}, {"contexts", contexts}, {"breakdowns", breakdowns(t.Breakdowns(), t.Marketplace)},
	}
}

// related are the names and values of the identifiers that go with a transaction, as of now.
func related(t *ledger.Transaction, now time.Time) (list [][2]string) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, [2]string{name, value})
		}
	}
	if t.Group != nil {
		add(byGroup, t.Group.ID)
		if !t.Group.End.After(now) {
			add(bySettlement, t.Group.SettlementID)
		}
	}
	add(byOrder, t.OrderID)
	add("SHIPMENT_ID", t.ShipmentID)
	add("REFUND_ID", t.RefundID)
	add("DEFERRED_TRANSACTION_ID", t.DeferredID)
	add("RELEASE_TRANSACTION_ID", t.ReleaseID)
	if t.Type == "Transfer" {
		add("TRANSFER_ID", t.Group.TransferID)
	}
	return list
}

// item is an item of a transaction. Its id is that of an adjustment also where nothing is adjusted (recorded).
func item(t *ledger.Transaction, l *ledger.Line) format.Record {
	product := format.Record{{"contextType", "ProductContext"}, {"asin", l.ASIN}, {"sku", l.SKU}}
	if l.Quantity > 0 {
		product = append(product, [2]any{"quantityShipped", l.Quantity})
	}
	if l.Network != "" {
		product = append(product, [2]any{"fulfillmentNetwork", l.Network})
	}
	return format.Record{
		{"description", l.Title},
		{"relatedIdentifiers", []format.Record{{{"itemRelatedIdentifierName", "ORDER_ADJUSTMENT_ITEM_ID"}, {"itemRelatedIdentifierValue", l.ID}}}},
		{"totalAmount", amount(t.Money(l.Units))},
		{"breakdowns", breakdowns(l.Breakdowns(t.Marketplace), t.Marketplace)}, {"contexts", []format.Record{product}},
	}
}

func breakdowns(list []ledger.Breakdown, m *marketplace.Marketplace) []format.Record {
	out := []format.Record{}
	for _, b := range list {
		out = append(out, format.Record{
			{"breakdownType", b.Type}, {"breakdownAmount", amount(world.Money{Units: b.Units, Currency: m.Currency})}, {"breakdowns", breakdowns(b.Of, m)},
		})
	}
	return out
}

// markets are the marketplaces that balances and summaries are asked for, all of the seller's without any.
func markets(c *desk.Call, ids []string, accountType string) ([]*marketplace.Marketplace, *answer.Error) {
	var list []*marketplace.Marketplace
	for i := range c.Seller.Marketplaces {
		if m := &c.Seller.Marketplaces[i]; len(ids) == 0 || slices.Contains(ids, m.ID) {
			list = append(list, m)
		}
	}
	for _, id := range ids {
		if marketplaceOf(c, id) == nil {
			return nil, invalidInput("marketplaceIds: " + id)
		}
	}
	if accountType != "" && accountType != ledger.StandardOrders {
		return nil, nil // no such account
	}
	return list, nil
}

// day reads a date, as its own first moment in a marketplace.
func day(text string, m *marketplace.Marketplace) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, text, world.Zone(m))
	if err != nil {
		return time.Time{}
	}
	return t
}

// balanceTypes are those of balances.
var balanceTypes = []string{"", "TOTAL", "AVAILABLE", "RESERVED", "DEFERRED", "ACCOUNT_LEVEL_RESERVE"}

// listBalances has one balance for each marketplace, with the balances that it is made of. All fit on one page.
func listBalances(c *desk.Call) (answer.Reply, *answer.Error) {
	if _, problem := c.Page("nextToken"); problem != nil {
		return answer.Reply{}, invalidInput("nextToken: " + problem.Error())
	}
	kind := c.Query.Get("balanceType")
	if !slices.Contains(balanceTypes, kind) {
		return answer.Reply{}, invalidInput("balanceType: " + kind)
	}
	list, err := markets(c, c.Query["marketplaceIds"], c.Query.Get("accountType"))
	if err != nil {
		return answer.Reply{}, err
	}
	l := ledger.Books.Of(c.Seller)
	balances := []format.Record{}
	for _, m := range list {
		at, when := c.Now, [2]any{"lastUpdatedTime", c.Now.In(world.Zone(m)).Truncate(time.Second).Format(time.RFC3339)}
		if date := c.Query.Get("asOfDate"); date != "" {
			start := day(date, m)
			if start.IsZero() || start.After(c.Now) {
				return answer.Reply{}, invalidInput("asOfDate: " + date)
			}
			at, when = format.Earliest(start.AddDate(0, 0, 1).Add(-time.Second), c.Now), [2]any{"asOfDate", date}
		}
		b := l.Balances(m, at, c.Now)
		all := balanceOf(&b)
		partner := [2]any{"partnerMetadata", format.Record{{"partnerId", c.Seller.ID}, {"accountType", ledger.StandardOrders}, {"marketplaceId", m.ID}}}
		for _, r := range all.find(kind) {
			record := r.record()
			balances = append(balances, append(format.Record{partner, record[0], record[1], when}, record[2:]...))
		}
	}
	return answer.OK(object{"balances": balances}), nil
}

// balance is one of a tree: what it comes to is what those below come to.
type balance struct {
	kind   string
	amount world.Money
	of     []balance
}

func balanceOf(b *ledger.Balances) balance {
	return balance{"TOTAL", b.Total(), []balance{
		{"AVAILABLE", b.Available, nil},
		{"RESERVED", b.Reserved(), []balance{{"DEFERRED", b.Deferred, nil}, {"ACCOUNT_LEVEL_RESERVE", b.Reserve, nil}}},
	}}
}

// find is the balance of a kind, the whole without one.
func (b *balance) find(kind string) []*balance {
	if kind == "" || kind == b.kind {
		return []*balance{b}
	}
	for i := range b.of {
		if found := b.of[i].find(kind); found != nil {
			return found
		}
	}
	return nil
}

func (b *balance) record() format.Record {
	r := format.Record{{"balanceType", b.kind}, {"amount", amount(b.amount)}}
	if len(b.of) > 0 {
		of := []format.Record{}
		for i := range b.of {
			of = append(of, b.of[i].record())
		}
		r = append(r, [2]any{"balances", of})
	}
	return r
}

// listSummary adds up what was released, by marketplace: in days, or in a settlement.
func listSummary(c *desk.Call) (answer.Reply, *answer.Error) {
	if _, problem := c.Page("nextToken"); problem != nil {
		return answer.Reply{}, invalidInput("nextToken: " + problem.Error())
	}
	list, err := markets(c, c.Query["marketplaceIds"], c.Query.Get("accountType"))
	if err != nil {
		return answer.Reply{}, err
	}
	name, settlement := c.Query.Get("relatedIdentifierName"), c.Query.Get("relatedIdentifierValue")
	first, last := c.Query.Get("periodStart"), c.Query.Get("periodEnd")
	switch {
	case name != "" && name != bySettlement, (name == "") != (settlement == ""):
		return answer.Reply{}, invalidInput("relatedIdentifierName: only " + bySettlement + ", with a value")
	case first != "" && last != "" && first > last:
		return answer.Reply{}, invalidInput("periodEnd: before periodStart")
	}
	l := ledger.Books.Of(c.Seller)
	summaries := []format.Record{}
	for _, m := range list {
		from, to := day(first, m), c.Now
		if end := day(last, m); !end.IsZero() {
			to = format.Earliest(end.AddDate(0, 0, 1), c.Now.Add(time.Second))
		}
		s := format.Record{{"partnerMetadata", format.Record{{"partnerId", c.Seller.ID}, {"accountType", ledger.StandardOrders}, {"marketplaceId", m.ID}}}}
		q := ledger.Query{From: from, To: to, Now: c.Now, Market: m, Released: true}
		var related []format.Record
		if settlement != "" {
			g, ok := l.Settled(m, settlement, c.Now)
			if !ok {
				continue
			}
			q.From, q.To, q.Group = format.Latest(from, g.Start), format.Earliest(to, g.End), g.ID
			related = []format.Record{{{"relatedIdentifierName", bySettlement}, {"relatedIdentifierValue", settlement}}}
			s = append(s, [2]any{"periodStart", format.Timestamp(q.From)}, [2]any{"periodEnd", format.Timestamp(q.To)})
		} else {
			if first != "" {
				s = append(s, [2]any{"periodStart", first + "T00:00:00Z"})
			}
			if last != "" {
				s = append(s, [2]any{"periodEnd", last + "T23:59:59Z"})
			}
		}
		net, parts := l.Summary(q)
		s = append(s, [2]any{"netProceeds", amount(world.Money{Units: net, Currency: m.Currency})}, [2]any{"breakdowns", breakdowns(parts, m)})
		if related != nil {
			s = append(s, [2]any{"relatedIdentifiers", related})
		}
		summaries = append(summaries, s)
	}
	return answer.OK(object{"summaries": summaries}), nil
}

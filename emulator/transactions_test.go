package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/finances20240619"
	"github.com/openspapi/spapi/api/financesv0"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// cashier is a seller of an emulator whose clock stands, who looks at the money.
type cashier struct {
	*emulator.Emulator
	t      *testing.T
	cred   emulator.Credentials
	money  *finances20240619.Client
	events *financesv0.Client
	orders *ordersv0.Client
}

// unhurried lets every call pass: the clock stands.
type unhurried struct{}

func (unhurried) Wait(context.Context, spapi.LimitRequest) (g spapi.LimitGrant, err error) {
	return g, nil
}

func (unhurried) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

func newCashier(t *testing.T, options ...emulator.Option) *cashier {
	t.Helper()
	e, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(600)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return openCashier(t, e, e.Credentials())
}

func openCashier(t *testing.T, e *emulator.Emulator, cred emulator.Credentials) *cashier {
	app := spapi.NewApp(spapi.Credentials{ClientID: cred.ClientID, ClientSecret: spapi.NewSecret(cred.ClientSecret)}, spapi.WithTransport(e), spapi.WithLimiter(unhurried{}))
	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(cred.RefreshToken), Region: cred.Region})
	return &cashier{e, t, cred, finances20240619.New(client), financesv0.New(client), ordersv0.New(client)}
}

// later lets time pass; access tokens don't outlive it.
func (c *cashier) later(d time.Duration) {
	c.Advance(d)
	*c = *openCashier(c.t, c.Emulator, c.cred)
}

// moves puts the seller into another emulator, which exports the same.
func (c *cashier) moves() {
	c.t.Helper()
	export := func() []byte {
		state, err := c.Export()
		if err != nil {
			c.t.Fatal(err)
		}
		text, err := json.Marshal(state)
		if err != nil {
			c.t.Fatal(err)
		}
		return text
	}
	before := export()
	e, err := emulator.New(emulator.WithSeed(9), emulator.WithFixedTime(start), emulator.WithoutLimits())
	if err != nil {
		c.t.Fatal(err)
	}
	state := &emulator.State{}
	if err := json.Unmarshal(before, state); err != nil {
		c.t.Fatal(err)
	}
	if err := e.Import(state); err != nil {
		c.t.Fatal(err)
	}
	*c = *openCashier(c.t, e, c.cred)
	if !bytes.Equal(before, export()) {
		c.t.Error("another export after the import")
	}
}

// transactions are all that a search finds.
func (c *cashier) transactions(in *finances20240619.ListTransactionsInput) (list []finances20240619.Transaction) {
	c.t.Helper()
	for tr, err := range c.money.ListTransactionsAll(c.t.Context(), in) {
		if err != nil {
			c.t.Fatal(err)
		}
		list = append(list, *tr)
	}
	return list
}

func (c *cashier) ofOrder(id string) []finances20240619.Transaction {
	c.t.Helper()
	return c.transactions(&finances20240619.ListTransactionsInput{RelatedIdentifierName: "ORDER_ID", RelatedIdentifierValue: id})
}

func cents(t *testing.T, n json.Number) int {
	t.Helper()
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return int(math.Round(f * 100))
}

// relatedOf is an identifier of a transaction; "" where it has none of the name.
func relatedOf(tr *finances20240619.Transaction, name string) string {
	for _, r := range tr.RelatedIdentifiers {
		if string(r.RelatedIdentifierName) == name {
			return r.RelatedIdentifierValue
		}
	}
	return ""
}

// refuses fails the test unless err is a 400 with a code and texts in message and details.
func (c *cashier) refuses(what string, err error, message, details string) {
	c.t.Helper()
	var api *spapi.APIError
	if !errors.As(err, &api) || api.StatusCode != http.StatusBadRequest || api.Code != "InvalidInput" || api.Message != message || api.Details != details {
		c.t.Errorf("%s: %v, want a 400 InvalidInput %q, %q", what, err, message, details)
	}
}

// sendOne ships an American order of the merchant's, and returns its id.
func (c *cashier) sendOne() string {
	c.t.Helper()
	open, err := c.orders.GetOrders(c.t.Context(), &ordersv0.GetOrdersInput{
		MarketplaceIDs: []string{us}, CreatedAfter: c.Now().Add(-7 * 24 * time.Hour).Format(time.RFC3339), OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, o := range open.Orders {
		items, err := c.orders.GetOrderItems(c.t.Context(), &ordersv0.GetOrderItemsInput{OrderID: o.AmazonOrderID})
		if err != nil {
			c.t.Fatal(err)
		}
		detail := ordersv0.PackageDetail{PackageReferenceID: "1", CarrierCode: "UPS", TrackingNumber: "1Z999", ShipDate: c.Now()}
		for _, it := range items.OrderItems {
			detail.OrderItems = append(detail.OrderItems, ordersv0.ConfirmShipmentOrderItem{OrderItemID: it.OrderItemID, Quantity: it.QuantityOrdered})
		}
		err = c.orders.ConfirmShipment(c.t.Context(), &ordersv0.ConfirmShipmentInput{OrderID: o.AmazonOrderID, MarketplaceID: us, PackageDetail: &detail})
		if err == nil && len(items.OrderItems) > 0 && cents(c.t, json.Number(items.OrderItems[0].ItemPrice.Amount)) > 0 {
			return o.AmazonOrderID
		}
	}
	c.t.Fatalf("none of %d orders can be sent", len(open.Orders))
	return ""
}

// TestLifeOfMoney follows an order's money from its shipment to the bank, through an export and an import at each step.
func TestLifeOfMoney(t *testing.T) {
	c := newCashier(t)
	id := c.sendOne()
	sent := c.Now()
	c.later(4 * time.Minute)
	if list := c.ofOrder(id); len(list) != 0 {
		t.Errorf("shown at once: %+v", list)
	}
	c.moves()
	c.later(48 * time.Hour)
	list := c.ofOrder(id)
	if len(list) != 1 || list[0].TransactionType != "Shipment" || list[0].TransactionStatus != "DEFERRED" || !list[0].PostedDate.Equal(sent) || list[0].Contexts[0].DeferralReason == "" {
		t.Fatalf("two days after the shipment: %+v", list)
	}
	first := list[0]
	if len(first.TransactionID) != 43 || relatedOf(&first, "SHIPMENT_ID") == "" || relatedOf(&first, "FINANCIAL_EVENT_GROUP_ID") != "" || first.Description != "Order Payment" || first.MarketplaceDetails.MarketplaceName != "Amazon.com" {
		t.Errorf("deferred: %+v", first)
	}
	events := func() *financesv0.FinancialEvents {
		payload, err := c.events.ListFinancialEventsByOrderID(t.Context(), &financesv0.ListFinancialEventsByOrderIDInput{OrderID: id})
		if err != nil {
			t.Fatal(err)
		}
		return payload.FinancialEvents
	}
	if e := events(); len(e.ShipmentEventList) != 0 {
		t.Errorf("v0 shows what is deferred: %+v", e.ShipmentEventList)
	}
	// Seller Central's advice for the United States: those of the merchant are only found without a marketplace.
	in := &finances20240619.ListTransactionsInput{PostedAfter: sent.Add(-time.Second), PostedBefore: sent.Add(time.Second)}
	with, without := *in, *in
	with.MarketplaceID = us
	if a, b := c.transactions(&with), c.transactions(&without); len(b) != len(a)+1 {
		t.Errorf("%d transactions with a marketplace, %d without", len(a), len(b))
	}
	mature := first.Contexts[0].MaturityDate
	c.moves()
	c.later(mature.Sub(c.Now()) + 3*time.Minute) // what is posted is found two minutes later
	list = c.ofOrder(id)
	if len(list) != 2 || list[0].TransactionStatus != "DEFERRED_RELEASED" || list[1].TransactionStatus != "RELEASED" || !list[1].PostedDate.Equal(mature) ||
		relatedOf(&list[0], "RELEASE_TRANSACTION_ID") != list[1].TransactionID || relatedOf(&list[1], "DEFERRED_TRANSACTION_ID") != first.TransactionID ||
		list[0].TransactionID != first.TransactionID || list[1].TotalAmount.CurrencyAmount != first.TotalAmount.CurrencyAmount {
		t.Fatalf("matured: %+v", list)
	}
	if e := events(); len(e.ShipmentEventList) != 1 || !e.ShipmentEventList[0].PostedDate.Equal(mature) {
		t.Errorf("v0 when it has matured: %+v", e.ShipmentEventList)
	}
	group := relatedOf(&list[1], "FINANCIAL_EVENT_GROUP_ID")
	groupNow := func() *financesv0.FinancialEventGroup {
		t.Helper()
		for g, err := range c.events.ListFinancialEventGroupsAll(t.Context(), &financesv0.ListFinancialEventGroupsInput{FinancialEventGroupStartedAfter: start.Add(-30 * 24 * time.Hour)}) {
			if err != nil {
				t.Fatal(err)
			}
			if g.FinancialEventGroupID == group {
				return g
			}
		}
		t.Fatalf("no group %s", group)
		return nil
	}
	open := groupNow()
	if open.ProcessingStatus != "Open" || open.FundTransferStatus != "" || !open.FinancialEventGroupEnd.IsZero() {
		t.Errorf("open: %+v", open)
	}
	end := open.FinancialEventGroupStart.Add(14 * 24 * time.Hour)
	c.moves()
	c.later(end.Sub(c.Now()) + 26*time.Hour)
	closed := groupNow()
	if closed.ProcessingStatus != "Closed" || closed.FundTransferStatus != "Succeeded" || !closed.FinancialEventGroupEnd.Equal(end) || !closed.FundTransferDate.Equal(end.Add(24*time.Hour)) || closed.TraceID == "" {
		t.Errorf("closed: %+v", closed)
	}
	total := cents(t, closed.OriginalTotal.CurrencyAmount)
	sum, transferred, settlement := cents(t, closed.BeginningBalance.CurrencyAmount), 0, ""
	for _, tr := range c.transactions(&finances20240619.ListTransactionsInput{RelatedIdentifierName: "FINANCIAL_EVENT_GROUP_ID", RelatedIdentifierValue: group}) {
		settlement = relatedOf(&tr, "SETTLEMENT_ID")
		if tr.TransactionType == "Transfer" {
			transferred += cents(t, tr.TotalAmount.CurrencyAmount)
		} else {
			sum += cents(t, tr.TotalAmount.CurrencyAmount)
		}
	}
	if sum != total || transferred != total || total <= 0 {
		t.Errorf("total %d, of transactions %d, transferred %d", total, sum, transferred)
	}
	rows := c.settlement(settlement)
	reported, orders := 0, 0
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(strings.Replace(row["amount"], ".", "", 1))
		if err != nil || row["settlement-id"] != settlement || row["settlement-start-date"] != "" || row["currency"] != "" {
			t.Fatalf("row %v", row)
		}
		if reported += n; row["order-id"] == id {
			orders++
		}
	}
	if head := rows[0]; head["total-amount"] != fmt.Sprintf("%d.%02d", total/100, total%100) || reported != total || orders < 2 || head["transaction-type"] != "" {
		t.Errorf("settlement %v: rows %d, of the order %d; want %d", head, reported, orders, total)
	}
	summary, err := c.money.ListSummary(t.Context(), &finances20240619.ListSummaryInput{RelatedIdentifierName: "SETTLEMENT_ID", RelatedIdentifierValue: settlement})
	if err != nil || len(summary.Summaries) != 1 || cents(t, summary.Summaries[0].NetProceeds.CurrencyAmount) != total-cents(t, closed.BeginningBalance.CurrencyAmount) {
		t.Errorf("summary %+v, %v; want %d", summary, err, total)
	}
}

// settlement finds the settlement report of an id, and reads it.
func (c *cashier) settlement(id string) []map[string]string {
	c.t.Helper()
	s := &client{t: c.t, Emulator: c.Emulator}
	s.token = s.accessToken(c.cred)
	r := s.get("/reports/2021-06-30/reports?pageSize=100&reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&marketplaceIds=" + us)
	reports, _ := r.path("reports").([]any)
	for i := range reports {
		text, _ := s.reportText(na, s.get("/reports/2021-06-30/reports/"+r.text("reports", i, "reportId")))
		columns, rows := table(c.t, text, '\t')
		if rows[0]["settlement-id"] == id {
			if len(columns) != 24 {
				c.t.Errorf("%d columns, want 24", len(columns))
			}
			return rows
		}
	}
	c.t.Fatalf("no settlement %s in %d reports", id, len(reports))
	return nil
}

// TestTransactionsAddUp holds what is shown against itself: items and breakdowns, balances, and both versions.
func TestTransactionsAddUp(t *testing.T) {
	c := newCashier(t)
	since := start.Add(-60 * 24 * time.Hour)
	list := c.transactions(&finances20240619.ListTransactionsInput{PostedAfter: since})
	ids := map[string]bool{}
	var last time.Time
	var parts func(name string, of []finances20240619.Breakdown, want int)
	parts = func(name string, of []finances20240619.Breakdown, want int) {
		sum := 0
		for _, b := range of {
			sum += cents(t, b.BreakdownAmount.CurrencyAmount)
			if len(b.Breakdowns) > 0 {
				parts(name+" "+b.BreakdownType, b.Breakdowns, cents(t, b.BreakdownAmount.CurrencyAmount))
			}
		}
		if sum != want {
			t.Errorf("%s: %d, taken apart %d", name, want, sum)
		}
	}
	released := 0
	for i := range list {
		tr := &list[i]
		total := cents(t, tr.TotalAmount.CurrencyAmount)
		parts(tr.TransactionID, tr.Breakdowns, total)
		items := 0
		for _, it := range tr.Items {
			items += cents(t, it.TotalAmount.CurrencyAmount)
			if len(it.Breakdowns) > 0 {
				parts(tr.TransactionID+" "+it.Description, it.Breakdowns, cents(t, it.TotalAmount.CurrencyAmount))
			}
		}
		if len(tr.Items) > 0 && items != total || ids[tr.TransactionID] || tr.PostedDate.Before(last) {
			t.Errorf("%s: total %d, items %d, seen %v, after %v", tr.TransactionID, total, items, ids[tr.TransactionID], last)
		}
		ids[tr.TransactionID], last = true, tr.PostedDate
		if tr.TransactionStatus == "RELEASED" && tr.TransactionType == "Shipment" {
			released++
		}
	}
	shipments, promotions := 0, map[string]bool{}
	for page, err := range c.events.ListFinancialEventsPages(t.Context(), &financesv0.ListFinancialEventsInput{PostedAfter: since, MaxResultsPerPage: new(int64(100))}) {
		if err != nil {
			t.Fatal(err)
		}
		shipments += len(page.FinancialEvents.ShipmentEventList)
		for _, e := range page.FinancialEvents.ShipmentEventList {
			for _, it := range e.ShipmentItemList {
				for _, p := range it.PromotionList {
					promotions[p.PromotionID] = true
				}
			}
		}
	}
	if len(list) < 100 || shipments != released || !promotions["Save 10% on pens & more"] || !promotions["Free Shipping"] {
		t.Errorf("%d transactions, %d released shipments, %d of v0, promotions %v", len(list), released, shipments, promotions)
	}
	for _, status := range []string{"DEFERRED", "RELEASED", "deferred_released"} {
		some := c.transactions(&finances20240619.ListTransactionsInput{PostedAfter: since, TransactionStatus: status})
		if len(some) == 0 || len(some) >= len(list) || !strings.EqualFold(some[0].TransactionStatus, status) {
			t.Errorf("%s: %d of %d", status, len(some), len(list))
		}
	}
	all, err := c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{})
	if err != nil || len(all.Balances) < 3 {
		t.Fatalf("balances %+v, %v", all, err)
	}
	var tree func(b *finances20240619.Balance)
	tree = func(b *finances20240619.Balance) {
		sum := 0
		for i := range b.Balances {
			sum += cents(t, b.Balances[i].Amount.CurrencyAmount)
			tree(&b.Balances[i])
		}
		if len(b.Balances) > 0 && sum != cents(t, b.Amount.CurrencyAmount) {
			t.Errorf("balance %s: %s, taken apart %d", b.BalanceType, b.Amount.CurrencyAmount, sum)
		}
	}
	for i := range all.Balances {
		tree(&all.Balances[i])
	}
	one, err := c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{MarketplaceIDs: []string{us}, BalanceType: "DEFERRED"})
	if err != nil || len(one.Balances) != 1 || one.Balances[0].PartnerMetadata.MarketplaceID != us || one.Balances[0].LastUpdatedTime.IsZero() {
		t.Errorf("deferred balance %+v, %v", one, err)
	}
	waiting := 0
	for i := range list {
		if list[i].TransactionStatus == "DEFERRED" && list[i].MarketplaceDetails.MarketplaceID == us {
			waiting += cents(t, list[i].TotalAmount.CurrencyAmount)
		}
	}
	if waiting <= 0 || cents(t, one.Balances[0].Amount.CurrencyAmount) < waiting {
		t.Errorf("deferred %s, of the transactions that are shown %d", one.Balances[0].Amount.CurrencyAmount, waiting)
	}
	past := &client{t: t, Emulator: c.Emulator}
	past.token = past.accessToken(c.cred)
	if r := past.get("/finances/2024-06-19/balances?marketplaceIds=" + us + "&asOfDate=2026-02-01"); r.text("balances", 0, "asOfDate") != "2026-02-01" {
		t.Errorf("of a day: %s", r.body)
	}
}

func TestTransactionsRefuse(t *testing.T) {
	c := newCashier(t)
	now := c.Now()
	transactions := func(in finances20240619.ListTransactionsInput) error {
		_, err := c.money.ListTransactions(t.Context(), &in)
		return err
	}
	c.refuses("no start", transactions(finances20240619.ListTransactionsInput{PostedBefore: now.Add(-time.Hour)}), "Start date cannot be null", "Start date cannot be null")
	const message = "Invalid input"
	for what, in := range map[string]finances20240619.ListTransactionsInput{
		"a start of just now":   {PostedAfter: now.Add(-time.Minute)},
		"an end of just now":    {PostedAfter: now.Add(-time.Hour), PostedBefore: now.Add(-time.Minute)},
		"an end before":         {PostedAfter: now.Add(-time.Hour), PostedBefore: now.Add(-2 * time.Hour)},
		"no marketplace":        {PostedAfter: now.Add(-time.Hour), MarketplaceID: "X"},
		"no status":             {PostedAfter: now.Add(-time.Hour), TransactionStatus: "PENDING"},
		"an unusable filter":    {PostedAfter: now.Add(-time.Hour), RelatedIdentifierName: "SETTLEMENT_ID", RelatedIdentifierValue: "1"},
		"a filter without more": {PostedAfter: now.Add(-time.Hour), RelatedIdentifierName: "ORDER_ID"},
		"no token":              {PostedAfter: now.Add(-time.Hour), NextToken: "x"},
	} {
		c.refuses(what, transactions(in), message, message)
	}
	page, err := c.money.ListTransactions(t.Context(), &finances20240619.ListTransactionsInput{PostedAfter: now.Add(-80 * 24 * time.Hour)})
	if err != nil || page.NextToken == "" || len(page.Transactions) != 500 {
		t.Fatalf("%v: %d transactions, token %q", err, len(page.Transactions), page.NextToken)
	}
	c.refuses("other arguments", transactions(finances20240619.ListTransactionsInput{PostedAfter: now.Add(-70 * 24 * time.Hour), NextToken: page.NextToken}), message, message)
	if list := c.transactions(&finances20240619.ListTransactionsInput{PostedAfter: now.Add(-181 * 24 * time.Hour)}); len(list) != 0 {
		t.Errorf("%d transactions of more than 180 days", len(list))
	}
	for _, in := range []finances20240619.ListTransactionsInput{{RelatedIdentifierName: "ORDER_ID", RelatedIdentifierValue: "111-0000000-0000000"}, {RelatedIdentifierName: "FINANCIAL_EVENT_GROUP_ID", RelatedIdentifierValue: "x"}} {
		if list := c.transactions(&in); len(list) != 0 {
			t.Errorf("of nothing: %+v", list)
		}
	}
	_, err = c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{MarketplaceIDs: []string{"INVALID_MARKETPLACE_ID"}})
	c.refuses("balances of no marketplace", err, message, message)
	_, err = c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{BalanceType: "X"})
	c.refuses("no balance", err, message, message)
	_, err = c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{AsOfDate: spapi.Date{Year: 2026, Month: 3, Day: 3}})
	c.refuses("balances of the future", err, message, message)
	_, err = c.money.ListSummary(t.Context(), &finances20240619.ListSummaryInput{MarketplaceIDs: []string{"INVALID_MARKETPLACE_ID"}})
	c.refuses("summary of no marketplace", err, message, message)
	_, err = c.money.ListSummary(t.Context(), &finances20240619.ListSummaryInput{RelatedIdentifierName: "ORDER_ID", RelatedIdentifierValue: "1"})
	c.refuses("summary of an order", err, message, message)
	_, err = c.money.ListSummary(t.Context(), &finances20240619.ListSummaryInput{PeriodStart: spapi.Date{Year: 2026, Month: 3, Day: 1}, PeriodEnd: spapi.Date{Year: 2026, Month: 2, Day: 1}})
	c.refuses("summary of nothing", err, message, message)
	if all, err := c.money.ListBalances(t.Context(), &finances20240619.ListBalancesInput{AccountType: "Invoiced orders"}); err != nil || len(all.Balances) != 0 {
		t.Errorf("of another account: %+v, %v", all, err)
	}
}

func TestFinancialEventsRefuse(t *testing.T) {
	c := newCashier(t)
	now := c.Now()
	events := func(in financesv0.ListFinancialEventsInput) (*financesv0.ListFinancialEventsPayload, error) {
		return c.events.ListFinancialEvents(t.Context(), &in)
	}
	fails := func(in financesv0.ListFinancialEventsInput) error {
		_, err := events(in)
		return err
	}
	c.refuses("no start", fails(financesv0.ListFinancialEventsInput{}), "Must specify a valid value of atleast one of : 1)AmazonOrderId, 2)FinancialEventGroupId and 3)PostedAfter", "")
	const message, token = "Invalid Input", "Token is not valid, token duration is 25 minutes."
	c.refuses("a start of just now", fails(financesv0.ListFinancialEventsInput{PostedAfter: now.Add(-time.Minute)}), message, "")
	c.refuses("an end before", fails(financesv0.ListFinancialEventsInput{PostedAfter: now.Add(-time.Hour), PostedBefore: now.Add(-2 * time.Hour)}), message, "")
	c.refuses("no token", fails(financesv0.ListFinancialEventsInput{PostedAfter: now.Add(-time.Hour), NextToken: "x"}), token, "")
	_, err := c.events.ListFinancialEventGroups(t.Context(), &financesv0.ListFinancialEventGroupsInput{FinancialEventGroupStartedAfter: now})
	c.refuses("groups of just now", err, message, "")
	_, err = c.events.ListFinancialEventsByGroupID(t.Context(), &financesv0.ListFinancialEventsByGroupIDInput{EventGroupID: "x", PostedBefore: now.Add(-time.Hour)})
	c.refuses("an end without a start", err, message, "")

	in := financesv0.ListFinancialEventsInput{PostedAfter: now.Add(-80 * 24 * time.Hour), MaxResultsPerPage: new(int64(1))}
	page, err := events(in)
	if err != nil || page.NextToken == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	next := page.NextToken
	for n := 2; ; n++ { // more pages than Amazon serves
		in.NextToken = page.NextToken
		if page, err = events(in); err != nil {
			if n != 154 {
				t.Errorf("refused at page %d: %v", n, err)
			}
			c.refuses("page 154", err, message, "")
			break
		}
	}
	c.later(25 * time.Minute)
	in.NextToken = next
	c.refuses("a token of 25 minutes ago", fails(in), token, "")

	s := &client{t: t, Emulator: c.Emulator}
	s.token = s.accessToken(c.cred)
	lists, _ := s.get("/finances/v0/financialEvents?PostedAfter="+url.QueryEscape(now.Add(-200*24*time.Hour).Format(time.RFC3339))).path("payload", "FinancialEvents").(map[string]any)
	if len(lists) != 35 {
		t.Errorf("%d lists of events, want 35", len(lists))
	}
	for name, list := range lists {
		if all, ok := list.([]any); !ok || len(all) > 0 {
			t.Errorf("of more than 180 days: %s %v", name, list)
		}
	}
	for _, path := range []string{"orders/111-0000000-0000000", "financialEventGroups/x"} {
		if r := s.get("/finances/v0/" + path + "/financialEvents"); r.status != 200 || strings.Contains(r.body, "PostedDate") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := s.get("/finances/v0/financialEventGroups?MaxResultsPerPage=2&FinancialEventGroupStartedAfter=" + url.QueryEscape(now.Add(-100*24*time.Hour).Format(time.RFC3339))); len(r.path("payload", "FinancialEventGroupList").([]any)) != 2 || r.text("payload", "NextToken") == "" {
		t.Errorf("groups: %s", r.body)
	}
}

// TestForeignFees: where value-added tax is due, fees are taken apart into base and tax, and prices into net and tax.
func TestForeignFees(t *testing.T) {
	c := newCashier(t)
	cred, err := c.AddAccount(emulator.AccountConfig{Region: marketplace.Europe, Marketplaces: []string{marketplace.SE.ID}})
	if err != nil {
		t.Fatal(err)
	}
	c = openCashier(t, c.Emulator, cred)
	seen := map[string]bool{}
	for _, tr := range c.transactions(&finances20240619.ListTransactionsInput{PostedAfter: start.Add(-30 * 24 * time.Hour)}) {
		for _, it := range tr.Items {
			for _, parent := range it.Breakdowns {
				for _, leaf := range parent.Breakdowns {
					for _, b := range leaf.Breakdowns {
						seen[parent.BreakdownType+" "+leaf.BreakdownType+" "+b.BreakdownType] = true
					}
				}
			}
		}
	}
	for _, want := range []string{"AmazonFees Commission Base", "AmazonFees FBAPerUnitFulfillmentFee Base", "AmazonFees FBAPerUnitFulfillmentFee Tax", "AmazonFees ShippingChargeback Tax"} {
		if !seen[want] {
			t.Errorf("no %s among %v", want, seen)
		}
	}
	if seen["AmazonFees Commission Tax"] {
		t.Error("the referral fee has tax")
	}
}

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/fbainventoryv1"
	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/reports"
)

// reader is a column of the second matrix: something that reads a list of several pages.
type reader struct {
	name, operation string
	read            func(*testing.T, *scene) ([]string, result) // the ids that came, in their order
	total           bool                                        // the service tells how many there are, and the command compares
}

// idsOf reads a list of the SDK.
func idsOf[T any](all iter.Seq2[*T, error], id func(*T) string) (ids []string, r result) {
	for v, err := range all {
		if err != nil {
			return ids, result{err: err}
		}
		ids = append(ids, id(v))
	}
	return ids, result{}
}

// listed reads a list of the command, whose rows have an id.
func listed(id string, args ...string) func(*testing.T, *scene) ([]string, result) {
	return func(t *testing.T, s *scene) (ids []string, r result) {
		r = command(nil, append(args, "-o", "jsonl")...)(t, s)
		for line := range strings.Lines(r.out) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			ids = append(ids, fmt.Sprint(row[id]))
		}
		return ids, r
	}
}

const usID = "ATVPDKIKX0DER"

var readers = []reader{
	{name: "SearchOrdersAll", operation: "orders20260101.searchOrders", read: func(t *testing.T, s *scene) ([]string, result) {
		in := &orders20260101.SearchOrdersInput{MarketplaceIDs: []string{usID}, CreatedAfter: time.Now().AddDate(0, 0, -60), MaxResultsPerPage: new(int64(20))}
		return idsOf(orders20260101.New(s.client()).SearchOrdersAll(t.Context(), in), func(o *orders20260101.Order) string { return o.OrderID })
	}},
	{name: "GetOrdersAll", operation: "ordersv0.getOrders", read: func(t *testing.T, s *scene) ([]string, result) {
		in := &ordersv0.GetOrdersInput{MarketplaceIDs: []string{usID}, CreatedAfter: "2026-01-01T00:00:00Z", MaxResultsPerPage: new(int64(20))}
		return idsOf(ordersv0.New(s.client()).GetOrdersAll(t.Context(), in), func(o *ordersv0.Order) string { return o.AmazonOrderID })
	}},
	{name: "GetInventorySummariesAll", operation: "fbainventoryv1.getInventorySummaries", read: func(t *testing.T, s *scene) ([]string, result) {
		in := &fbainventoryv1.GetInventorySummariesInput{MarketplaceIDs: []string{usID}, GranularityType: "Marketplace", GranularityID: usID}
		return idsOf(fbainventoryv1.New(s.client()).GetInventorySummariesAll(t.Context(), in), func(i *fbainventoryv1.InventorySummary) string { return i.SellerSKU })
	}},
	{name: "SearchListingsItemsAll", operation: "listingsitems20210801.searchListingsItems", read: func(t *testing.T, s *scene) ([]string, result) {
		in := &listingsitems20210801.SearchListingsItemsInput{SellerID: s.emu.Credentials().SellerID, MarketplaceIDs: []string{usID}}
		return idsOf(listingsitems20210801.New(s.client()).SearchListingsItemsAll(t.Context(), in), func(i *listingsitems20210801.Item) string { return i.SKU })
	}},
	{name: "GetReportsAll", operation: "reports20210630.getReports", read: func(t *testing.T, s *scene) ([]string, result) {
		in := &reports20210630.GetReportsInput{ReportTypes: []string{listings}, PageSize: new(int64(4))}
		return idsOf(reports20210630.New(s.client()).GetReportsAll(t.Context(), in), func(r *reports20210630.Report) string { return r.ReportID })
	}},
	{name: "orders list", operation: "orders20260101.searchOrders", read: listed("orderId", "orders", "list", "--since", "60d", "--limit", "0")},
	{name: "spapi inventory", operation: "fbainventoryv1.getInventorySummaries", read: listed("sellerSku", "inventory")},
	{name: "listings list", operation: "listingsitems20210801.searchListingsItems", read: listed("sku", "listings", "list", "--limit", "0"), total: true},
	{name: "spapi finances", operation: "finances20240619.listTransactions", read: listed("transactionId", "finances", "--since", "60d", "--limit", "0", "--all-marketplaces")},
	{name: "call --all", operation: "ordersv0.getOrders", read: func(t *testing.T, s *scene) (ids []string, r result) {
		r = command(nil, "call", "ordersv0.getOrders", "--MarketplaceIds", usID, "--CreatedAfter", "2026-01-01", "--MaxResultsPerPage", "20", "--all")(t, s)
		for line := range strings.Lines(r.out) {
			var row struct{ AmazonOrderID string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			ids = append(ids, row.AmazonOrderID)
		}
		return ids, r
	}},
}

// fate is what becomes of a list.
type fate int

const (
	whole fate = iota // each item once, in order
	twice             // each item, some twice; a command says so
	fewer             // not all; only who is told how many there are can know, and a command says so
	fails             // a typed error or a status, and something that tells what to do
)

// listFaults are the rows of the second matrix.
var listFaults = []struct {
	rule  string
	fate  fate
	skips []string // readers of which the list has no such thing
}{
	{rule: "short-page", fate: whole},
	{rule: "short-page,every=2", fate: whole},
	{rule: "empty-page", fate: whole},
	{rule: "empty-page,every=2", fate: whole},
	{rule: "repeated", fate: twice},
	{rule: "repeated,limit=1", fate: twice},
	{rule: "duplicate", fate: twice},
	{rule: "skipped,limit=1", fate: fewer},
	{rule: "missing,limit=1", fate: fewer},
	{rule: "lag,within=2160h,limit=3", fate: fewer, skips: []string{"SearchListingsItemsAll", "listings list"}},
	{rule: "short-token,within=1ms,latency", fate: fails},
	{rule: "expired-token,limit=1", fate: fails},
	{rule: "broken-message,limit=1", fate: fails},
	{rule: "beyond-retention,limit=1", fate: fails},
}

// library is the scene of the readers: lists of several pages.
func library(t *testing.T) *scene {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)))
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(330), emulator.WithProducts(190), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{&weather{emu: emu}, t.TempDir()}
	for range 11 {
		if _, err := reports20210630.New(s.client()).CreateReport(t.Context(), &reports20210630.CreateReportInput{ReportType: listings, MarketplaceIDs: []string{usID}}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Minute)
	return s
}

// TestReaders goes through all faults of lists with all that reads them. None of it loses in silence what it could know of.
func TestReaders(t *testing.T) {
	for _, rd := range readers {
		read := func(t *testing.T, rule string) (ids []string, r result, struck bool) {
			synctest.Test(t, func(t *testing.T) {
				s := library(t)
				if rule != "" {
					text, slow := strings.CutSuffix(rule, ",latency")
					f, err := emulator.ParseFault(text + ",operation=" + rd.operation)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := s.emu.AddFault(f); err != nil {
						t.Fatal(err)
					}
					if slow {
						if _, err := s.emu.AddFault(emulator.Fault{Kind: emulator.FaultLatency, Latency: time.Second, Operation: rd.operation}); err != nil {
							t.Fatal(err)
						}
						struck = true // its answers name the latency
					}
				}
				ids, r = rd.read(t, s)
				for _, q := range s.emu.Requests() {
					struck = struck || q.Fault != ""
				}
				time.Sleep(time.Hour)
			})
			return ids, r, struck
		}
		t.Run(rd.name, func(t *testing.T) {
			all, r, _ := read(t, "")
			if r.failed() || r.said != "" || len(all) < 11 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
				t.Fatalf("without a fault: %d rows, status %d, %v, said %s", len(all), r.status, r.err, r.said)
			}
			for _, row := range listFaults {
				if slices.Contains(row.skips, rd.name) {
					continue
				}
				got, r, struck := read(t, row.rule)
				once := slices.Clone(got)
				seen := map[string]bool{}
				once = slices.DeleteFunc(once, func(id string) bool { defer func() { seen[id] = true }(); return seen[id] })
				isCommand := strings.Contains(rd.name, " ")
				wrong := ""
				switch {
				case !struck:
					wrong = "the fault has not struck"
				case row.fate != fails && r.failed():
					wrong = "want no error"
				case row.fate == whole && (!slices.Equal(got, all) || r.said != ""):
					wrong = "want each row once, and nothing said"
				case row.fate == twice && (!slices.Equal(once, all) || len(got) == len(all)):
					wrong = "want each row, and some twice"
				case row.fate == twice && isCommand && !strings.Contains(r.said, "twice"):
					wrong = "want to hear that some came twice"
				case row.fate == fewer && len(got) >= len(all):
					wrong = "want fewer rows"
				case row.fate == fewer && rd.total && !strings.Contains(r.said, fmt.Sprintf("%d of %d", len(got), len(all))):
					wrong = "want to hear how many are missing"
				case row.fate == fails && (!r.failed() || r.err != nil && !typed(r.err) || isCommand && r.said == ""):
					wrong = "want a typed error"
				}
				if wrong != "" {
					t.Errorf("%s: %s: %d rows of %d, %d different ones, status %d, %v, said:\n%s", row.rule, wrong, len(got), len(all), len(once), r.status, r.err, r.said)
				}
			}
		})
	}
}

// TestNothingIsSentTwiceWhereListsLag: who looks in a list for what may have been carried out doesn't take its absence for a no.
func TestNothingIsSentTwiceWhereListsLag(t *testing.T) {
	for _, name := range []string{"feed submit", "feed submit --journal"} {
		d := &deeds[slices.IndexFunc(deeds, func(d deed) bool { return d.name == name })]
		synctest.Test(t, func(t *testing.T) {
			s := stage(t, t.TempDir())
			for _, rule := range []string{"reset,carried_out,limit=1,operation=feeds20210630.createFeed", "lag,within=720h,operation=feeds20210630.getFeeds,id=lag"} {
				f, err := emulator.ParseFault(rule)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.emu.AddFault(f); err != nil {
					t.Fatal(err)
				}
			}
			r := d.do(t, s)
			s.emu.ClearFaults()
			n, err := feedsOf(t.Context(), s.client())
			if err != nil || n != 1 || r.status != unknown || r.said == "" {
				t.Errorf("%s: %d feeds, %v, status %d, want one and %d; said:\n%s", name, n, err, r.status, unknown, r.said)
			}
			time.Sleep(time.Hour)
		})
	}
}

// TestReportsThatFail: a report that isn't there is an error that tells why, and never one that is empty.
func TestReportsThatFail(t *testing.T) {
	request := reports.Request{Type: "GET_LEDGER_SUMMARY_VIEW_DATA", Marketplaces: []string{"US"},
		Start: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 7, 31, 0, 0, 0, 0, time.UTC)}
	for rule, want := range map[string]string{
		"unpublished,within=96h": "not yet available",
		"fatal":                  "FATAL",
		"no-data":                "no data",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := library(t)
			f, err := emulator.ParseFault(rule + ",type=GET_LEDGER_*")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.emu.AddFault(f); err != nil {
				t.Fatal(err)
			}
			d, err := reports.Run(t.Context(), s.client(), request)
			if err == nil {
				_ = d.Close()
			}
			r := command(nil, "report", "run", "GET_LEDGER_SUMMARY_VIEW_DATA", "--start", "2026-07-01", "--end", "2026-07-30", "-o", "csv")(t, s)
			var failed *job.EndedError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), want) || r.out != "" || !strings.Contains(r.said, want) || r.status == 0 {
				t.Errorf("%s: %v; status %d, out %q, said:\n%s", rule, err, r.status, r.out, r.said)
			}
			time.Sleep(time.Hour)
		})
	}
}

// TestLongTimes: what Amazon answers with nothing, or refuses, because it lies too far apart or back, is asked for otherwise.
func TestLongTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := library(t)
		ids := func(args ...string) []string {
			got, r := listed("transactionId", append([]string{"finances", "--limit", "0"}, args...)...)(t, s)
			if r.failed() || r.said != "" {
				t.Fatalf("%v: status %d, said %s", args, r.status, r.said)
			}
			return got
		}
		all := ids("--since", "170d", "--all-marketplaces")
		for _, since := range []string{"180d", "200d", "600d"} {
			if got := ids("--since", since, "--all-marketplaces"); !slices.Equal(got, all) || len(all) == 0 {
				t.Errorf("since %s: %d transactions, want %d", since, len(got), len(all))
			}
		}
		order := command(nil, "finances", "--limit", "0", "--all-marketplaces", "--jq", `map(select(.transactionType=="Shipment"))[0].relatedIdentifiers[]|select(.relatedIdentifierName=="ORDER_ID").relatedIdentifierValue`)(t, s)
		id := strings.Trim(strings.TrimSpace(order.out), `"`)
		if got := ids("--order", id, "--since", "300d", "--all-marketplaces"); len(got) == 0 {
			t.Errorf("order %s has no transactions", id)
		}
		// In the United States those of the seller's own shipping are among them, and none of other countries.
		own := command(nil, "finances", "--since", "60d", "--limit", "0", "--jq", `[.[]|.marketplaceDetails.marketplaceId]|unique`)(t, s)
		if strings.Join(strings.Fields(own.out), "") != `["`+usID+`"]` {
			t.Errorf("of marketplaces %s", own.out)
		}
		merchants := command(nil, "finances", "--since", "60d", "--limit", "0", "--jq", `[.[]|select(.transactionType=="Shipment" and .items[0].contexts[0].fulfillmentNetwork=="MFN")]|length`)(t, s)
		if n := strings.TrimSpace(merchants.out); n == "0" || n == "" {
			t.Errorf("%q shipments by the merchant; said %s", n, merchants.said)
		}
		for _, since := range []string{"89d", "90d", "91d"} {
			got, r := listed("reportId", "report", "list", listings, "--since", since, "--limit", "0")(t, s)
			if r.failed() || len(got) != 11 {
				t.Errorf("reports since %s: %d, status %d, said %s", since, len(got), r.status, r.said)
			}
		}
		time.Sleep(time.Hour)
	})
}

// copier copies orders by windows of their last update, as a program does that keeps a copy.
type copier struct {
	orders  map[string]time.Time // by id, with the last update that it has seen
	bound   time.Time            // up to which it has asked
	overlap time.Duration        // by how much the next window begins before that
}

// run asks for the next window.
func (c *copier) run(t *testing.T, s *scene) {
	t.Helper()
	var met spapi.Response
	in := &orders20260101.SearchOrdersInput{MarketplaceIDs: []string{usID}, LastUpdatedAfter: c.bound.Add(-c.overlap), MaxResultsPerPage: new(int64(10))}
	bound := time.Time{}
	for page, err := range orders20260101.New(s.client()).SearchOrdersPages(t.Context(), in, spapi.WithResponse(&met)) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Orders {
			if o := &page.Orders[i]; o.LastUpdatedTime.After(c.orders[o.OrderID]) {
				c.orders[o.OrderID] = o.LastUpdatedTime
			}
		}
		if bound.IsZero() {
			bound = page.LastUpdatedBefore // never the clock of this machine
		}
		time.Sleep(3 * time.Second)
	}
	c.bound = bound
}

// TestCopies: who asks again for the time by which lists may be late, and goes on from the bound that was answered, misses no order and no update, whatever
// the pages do. Who begins where he ended does, and that is how one finds out.
func TestCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)))
		emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(3000), emulator.WithoutLimits())
		if err != nil {
			t.Fatal(err)
		}
		s := &scene{&weather{emu: emu}, t.TempDir()}
		const late = 40 * time.Minute
		for _, rule := range []string{"lag,within=40m,probability=0.5", "moved,probability=0.1", "short-page,every=3", "empty-page,every=4", "repeated,probability=0.2"} {
			f, err := emulator.ParseFault(rule + ",operation=orders20260101.searchOrders")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := emu.AddFault(f); err != nil {
				t.Fatal(err)
			}
		}
		from := time.Now()
		careful := &copier{map[string]time.Time{}, from, late + 2*time.Minute}
		hasty := &copier{map[string]time.Time{}, from, 0}
		for range 4 * 24 {
			time.Sleep(15 * time.Minute)
			careful.run(t, s)
			hasty.run(t, s)
		}
		emu.ClearFaults()
		missed, wrong := 0, 0
		in := &orders20260101.SearchOrdersInput{MarketplaceIDs: []string{usID}, LastUpdatedAfter: from, LastUpdatedBefore: careful.bound.Add(-late)}
		n := 0
		for o, err := range orders20260101.New(s.client()).SearchOrdersAll(t.Context(), in) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if careful.orders[o.OrderID].Before(o.LastUpdatedTime) {
				wrong++
			}
			if hasty.orders[o.OrderID].Before(o.LastUpdatedTime) {
				missed++
			}
		}
		if n < 50 || wrong > 0 {
			t.Errorf("%d of %d orders are missing or old", wrong, n)
		}
		if missed == 0 {
			t.Error("windows that don't overlap have missed nothing: the faults are none")
		}
		t.Logf("%d orders; %d missing or old without an overlap", n, missed)
		time.Sleep(time.Hour)
	})
}

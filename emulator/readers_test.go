package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// The faults that a reader of lists must be ready for.

// paged is a list that the emulator has several pages of.
type paged struct {
	operation, path, tokenIn, items, id string
	tokenOut                            []any
	alone                               bool // the token goes without other parameters
}

var (
	pagedV0   = paged{"ordersv0.getOrders", "/orders/v0/orders?MaxResultsPerPage=20&" + allUS, "NextToken", "payload.Orders", "AmazonOrderId", []any{"payload", "NextToken"}, false}
	paged2026 = paged{"orders20260101.searchOrders", "/orders/2026-01-01/orders?maxResultsPerPage=20&createdAfter=2020-01-01T00:00:00Z&marketplaceIds=" + us, "paginationToken",
		"orders", "orderId", []any{"pagination", "nextToken"}, false}
)

// page is one page of a walk.
type page struct {
	ids    []string
	token  string // of the next
	faults string
}

// page asks for the first page of a list, or the one of a token.
func (c *client) page(p paged, token string) page {
	c.t.Helper()
	path := p.path
	if token != "" {
		if p.alone {
			path, _, _ = strings.Cut(path, "?")
			path += "?"
		}
		path += "&" + p.tokenIn + "=" + url.QueryEscape(token)
	}
	r := c.get(path)
	if r.status != 200 {
		c.t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	steps := []any{}
	for s := range strings.SplitSeq(p.items, ".") {
		steps = append(steps, s)
	}
	got := page{token: r.text(p.tokenOut...), faults: r.header.Get("X-Spapi-Emulator-Fault"), ids: []string{}}
	l, ok := r.path(steps...).([]any)
	if !ok {
		c.t.Fatalf("%s: no list in %s", path, r.body)
	}
	for _, item := range l {
		got.ids = append(got.ids, fmt.Sprint(item.(map[string]any)[p.id]))
	}
	return got
}

// walk asks for all pages.
func (c *client) walk(p paged) (list []page) {
	c.t.Helper()
	for token := ""; len(list) < 500; {
		got := c.page(p, token)
		list = append(list, got)
		if token = got.token; token == "" {
			return list
		}
	}
	c.t.Fatalf("%s: no end", p.operation)
	return nil
}

func idsOf(pages []page) (ids []string) {
	for _, p := range pages {
		ids = append(ids, p.ids...)
	}
	return ids
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// without are the ids of all that are not among some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}

// manyPages are lists of several flows, each with its own way of paging.
func manyPages(t *testing.T) (*client, []paged) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(90), emulator.WithProducts(160), emulator.WithOrderItemsPerPage(1))
	c.clock.advance(time.Minute)
	for range 25 {
		c.post("/reports/2021-06-30/reports", spec(allOrders, us))
		c.clock.advance(time.Second)
	}
	var many string // an order with several items
	for _, id := range c.ordersV0(allUS) {
		items := c.list("/orders/v0/orders/"+id+"/orderItems?", "NextToken", "payload.OrderItems", "OrderItemId", "payload", "NextToken")
		if len(items) > 2 {
			many = id
			break
		}
	}
	if many == "" {
		t.Fatal("no order has several items")
	}
	inventory := "/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=" + us + "&marketplaceIds=" + us
	return c, []paged{
		pagedV0, paged2026,
		{"ordersv0.getOrderItems", "/orders/v0/orders/" + many + "/orderItems?", "NextToken", "payload.OrderItems", "OrderItemId", []any{"payload", "NextToken"}, false},
		{"fbainventoryv1.getInventorySummaries", inventory, "nextToken", "payload.inventorySummaries", "sellerSku", []any{"pagination", "nextToken"}, false},
		{"listingsitems20210801.searchListingsItems", "/listings/2021-08-01/items/" + c.Credentials().SellerID + "?marketplaceIds=" + us, "pageToken", "items", "sku", []any{"pagination", "nextToken"}, false},
		{"reports20210630.getReports", "/reports/2021-06-30/reports?reportTypes=" + allOrders, "nextToken", "reports", "reportId", []any{"nextToken"}, true},
		{"financesv0.listFinancialEventGroups", "/finances/v0/financialEventGroups?MaxResultsPerPage=2&FinancialEventGroupStartedAfter=2025-11-01T00:00:00Z", "NextToken",
			"payload.FinancialEventGroupList", "FinancialEventGroupId", []any{"payload", "NextToken"}, false},
		{"catalogitems20220401.searchCatalogItems", "/catalog/2022-04-01/items?keywords=pen&marketplaceIds=" + us, "pageToken", "items", "asin", []any{"pagination", "nextToken"}, false},
	}
}

// TestFaultsOfPages: what is done to the pages of a list is the same for all of them, and for whoever asks for a page again.
func TestFaultsOfPages(t *testing.T) {
	c, lists := manyPages(t)
	for _, p := range lists {
		fair := c.walk(p)
		all := idsOf(fair)
		if len(fair) < 2 || len(slices.Compact(sorted(all))) != len(all) {
			t.Fatalf("%s: %d pages with %d items", p.operation, len(fair), len(all))
		}
		size := len(fair[0].ids)
		for _, rule := range []string{"repeated", "repeated,every=2", "repeated,limit=1", "skipped", "skipped,limit=1", "short-page", "short-page,every=2", "empty-page", "empty-page,every=2"} {
			if size == 1 && strings.HasPrefix(rule, "short-page") {
				continue // there is nothing shorter but an empty one
			}
			name := p.operation + " " + rule
			c.fault(rule + ",operation=" + p.operation)
			pages := c.walk(p)
			got := idsOf(pages)
			struck := 0
			for i, one := range pages {
				if one.faults != "" {
					struck++
				}
				if len(one.ids) > size {
					t.Errorf("%s: page %d has %d items, which is more than %d", name, i, len(one.ids), size)
				}
			}
			twice := without(got, nil)
			kind, _, _ := strings.Cut(rule, ",")
			switch kind {
			case "repeated":
				once := slices.Clone(got)
				seen := map[string]bool{}
				once = slices.DeleteFunc(once, func(id string) bool { defer func() { seen[id] = true }(); return seen[id] })
				if !slices.Equal(once, all) || len(twice) == len(all) {
					t.Errorf("%s: %d ids, %d different ones, want all %d and some of them twice", name, len(got), len(once), len(all))
				}
				if rule == "repeated,limit=1" && (len(got) != len(all)+1 || pages[0].ids[size-1] != pages[1].ids[0]) {
					t.Errorf("%s: %v", name, pages)
				}
				for i := 1; i < len(pages); i++ {
					if a, b := pages[i-1].ids, pages[i].ids; len(slices.Compact(sorted(b))) != len(b) {
						t.Errorf("%s: page %d has an item twice: %v after %v", name, i, b, a)
					}
				}
			case "skipped":
				gone := without(all, got)
				if len(gone) == 0 || len(got)+len(gone) != len(all) || rule == "skipped,limit=1" && (len(gone) != 1 || gone[0] != fair[1].ids[0]) {
					t.Errorf("%s: %d of %d, without %v", name, len(got), len(all), gone)
				}
			default:
				if !slices.Equal(got, all) || len(pages) <= len(fair) {
					t.Errorf("%s: %d items on %d pages, want the %d ones on more than %d", name, len(got), len(pages), len(all), len(fair))
				}
				if empty := slices.ContainsFunc(pages, func(one page) bool { return len(one.ids) == 0 && one.token != "" }); empty != (kind == "empty-page") {
					t.Errorf("%s: %v", name, pages)
				}
			}
			if struck == 0 {
				t.Errorf("%s: no answer names the fault", name)
			}
			c.ClearFaults()
			// What the tokens say holds without the rule, too.
			for i := 1; i < len(pages); i++ {
				again := c.page(p, pages[i-1].token)
				if pages[i].faults == "" && !slices.Equal(again.ids, pages[i].ids) {
					t.Errorf("%s: page %d asked for again has %v, want %v", name, i, again.ids, pages[i].ids)
				}
			}
		}
	}
}

// TestFaultsOfPagesOutliveState: a walk goes on where another emulator has taken the state over.
func TestFaultsOfPagesOutliveState(t *testing.T) {
	for _, rule := range []string{"repeated", "skipped", "short-page", "empty-page"} {
		c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(60))
		c.fault(rule + ",operation=ordersv0.*,limit=1")
		first := c.page(pagedV0, "")
		want := c.page(pagedV0, first.token)
		state, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		other := newClient(t, emulator.WithoutLimits())
		if err := other.Import(state); err != nil {
			t.Fatal(err)
		}
		other.token = c.token
		if got := other.page(pagedV0, first.token); !slices.Equal(got.ids, want.ids) {
			t.Errorf("%s: %v, want %v", rule, got.ids, want.ids)
		}
	}
}

// byID tells whether both versions of orders find an order.
func (c *client) byID(id string) bool {
	return c.get("/orders/v0/orders/"+id).status == 200 && c.get("/orders/2026-01-01/orders/"+id).status == 200
}

// TestLag: an order that is late is late in all lists until its time, and then it stays.
func TestLag(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	updatedV0, updated2026 := pagedV0, paged2026
	updatedV0.path = "/orders/v0/orders?MaxResultsPerPage=30&MarketplaceIds=" + us + "&LastUpdatedAfter=2025-12-01T00:00:00Z"
	updated2026.path = "/orders/2026-01-01/orders?maxResultsPerPage=30&lastUpdatedAfter=2025-12-01T00:00:00Z&marketplaceIds=" + us
	for _, lists := range [][2]paged{{pagedV0, paged2026}, {updatedV0, updated2026}} {
		all := idsOf(c.walk(lists[0]))
		c.fault("lag,within=72h,operation=orders*,id=lag")
		shown := idsOf(c.walk(lists[0]))
		if late := without(all, shown); len(late) == 0 || len(shown) == 0 || len(late)+len(shown) != len(all) {
			t.Fatalf("%d late, %d not, of %d", len(late), len(shown), len(all))
		} else if !slices.ContainsFunc(late, c.byID) || slices.ContainsFunc(late, func(id string) bool { return !c.byID(id) }) {
			t.Error("an order that is late can't be found by its id")
		}
		if other := idsOf(c.walk(lists[1])); !slices.Equal(sorted(other), sorted(shown)) {
			t.Error("the two versions don't show the same ones late")
		}
		// Each is there from its time on; at the end of the time none of those is late.
		for range 12 {
			c.clock.advance(6 * time.Hour)
			c.refresh()
			now := idsOf(c.walk(lists[0]))
			if lists[0].path == pagedV0.path {
				if gone := without(shown, now); len(gone) > 0 {
					t.Errorf("%v were there and are not", gone)
				}
			}
			shown = now
		}
		if lists[0].path == pagedV0.path {
			if late := without(all, shown); len(late) > 0 {
				t.Errorf("after 72 hours %v are still late", late)
			}
		}
		c.ClearFaults()
	}
	// What is late within a walk doesn't turn up in it.
	c.fault("lag,within=24h,operation=ordersv0.*,probability=0.5")
	want := idsOf(c.walk(pagedV0))
	first := c.page(pagedV0, "")
	pages := []page{first}
	for token := first.token; token != ""; {
		c.clock.advance(2 * time.Hour)
		c.refresh()
		next := c.page(pagedV0, token)
		pages, token = append(pages, next), next.token
	}
	if got := idsOf(pages); !slices.Equal(got, want) {
		t.Errorf("%d orders in a slow walk, want %d", len(got), len(want))
	}
}

// TestTransactionsOfTheLastDays: the last 48 hours are incomplete, and what is older is all there; a range of more than 180 days is answered empty, without
// any rule.
func TestTransactionsOfTheLastDays(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(900))
	transactions := func(after, before time.Time) map[string]bool {
		p := paged{"finances20240619.listTransactions", "/finances/2024-06-19/transactions?postedAfter=" + after.Format(time.RFC3339) + "&postedBefore=" + before.Format(time.RFC3339), "nextToken",
			"payload.transactions", "transactionId", []any{"payload", "nextToken"}, false}
		ids := map[string]bool{}
		for _, id := range idsOf(c.walk(p)) {
			ids[id] = true
		}
		return ids
	}
	now := start.Add(-2 * time.Minute)
	old, recent := transactions(now.AddDate(0, 0, -30), now.Add(-48*time.Hour)), transactions(now.Add(-48*time.Hour), now)
	c.fault("lag,within=48h,operation=*.listTransactions")
	if got := transactions(now.AddDate(0, 0, -30), now.Add(-48*time.Hour)); len(got) != len(old) || len(old) == 0 {
		t.Errorf("%d old ones, want %d", len(got), len(old))
	}
	shown := transactions(now.Add(-48*time.Hour), now)
	if len(shown) == 0 || len(shown) >= len(recent) {
		t.Errorf("%d of %d recent ones", len(shown), len(recent))
	}
	c.clock.advance(48 * time.Hour)
	c.refresh()
	later := transactions(now.Add(-48*time.Hour), now)
	for id := range recent {
		if !later[id] {
			t.Errorf("%s is still missing after two days", id)
		}
	}
	if got := transactions(now.AddDate(0, 0, -181), now); len(got) != 0 {
		t.Errorf("%d of more than 180 days", len(got))
	}
	if got := transactions(now.AddDate(0, 0, -180), now); len(got) < len(old) {
		t.Errorf("%d of 180 days", len(got))
	}
}

// TestMissing: an order that is missing is in no list, and found by its id.
func TestMissing(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	all := idsOf(c.walk(pagedV0))
	c.fault("missing,operation=orders*.*Orders,probability=0.1,id=m")
	shown := idsOf(c.walk(pagedV0))
	gone := without(all, shown)
	if len(gone) < len(all)/20 || len(gone) > len(all)/5 {
		t.Errorf("%d of %d are missing, want about a tenth", len(gone), len(all))
	}
	for _, id := range gone {
		if !c.byID(id) {
			t.Errorf("%s can't be found by its id", id)
		}
	}
	if other := idsOf(c.walk(paged2026)); !slices.Equal(sorted(other), sorted(shown)) {
		t.Error("other orders are missing in the other version")
	}
	c.clock.advance(24 * time.Hour)
	c.refresh()
	if again := idsOf(c.walk(pagedV0)); len(without(gone, again)) != len(gone) {
		t.Error("what was missing has turned up")
	}
	c.RemoveFault("m")
	if again := idsOf(c.walk(pagedV0)); len(without(all, again)) != 0 {
		t.Error("without the rule orders are missing")
	}
	c.fault("missing,limit=2")
	for range 2 {
		if shown := idsOf(c.walk(pagedV0)); len(without(all, shown)) != 2 {
			t.Errorf("%d are missing, want 2", len(without(all, shown)))
		}
	}
	if log := c.Requests(); log[len(log)-1].Fault != "" && log[len(log)-1].Fault != emulator.FaultMissing {
		t.Errorf("logged %q", log[len(log)-1].Fault)
	}
}

// TestMoved: an order that is updated while its list is read is on none of its later pages, and in the next window.
func TestMoved(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const layout = "2006-01-02T15:04:05Z"
	window := func(p paged, after, before time.Time) paged {
		if p.operation == pagedV0.operation {
			p.path = "/orders/v0/orders?MaxResultsPerPage=20&MarketplaceIds=" + us + "&LastUpdatedAfter=" + after.Format(layout) + "&LastUpdatedBefore=" + before.Format(layout)
		} else {
			p.path = "/orders/2026-01-01/orders?maxResultsPerPage=20&marketplaceIds=" + us + "&lastUpdatedAfter=" + after.Format(layout) + "&lastUpdatedBefore=" + before.Format(layout)
		}
		return p
	}
	for i, list := range []paged{pagedV0, paged2026} {
		bound := c.Now().Add(-2 * time.Minute)
		p := window(list, start.AddDate(0, -2, 0), bound)
		fair := c.walk(p)
		all := idsOf(fair)
		if len(fair) < 4 {
			t.Fatal("too few pages")
		}
		id := fmt.Sprint("moved", i)
		c.fault("moved,operation=" + list.operation + ",probability=0.2,limit=8,id=" + id)
		var pages []page
		for token, n := "", 0; n == 0 || token != ""; n++ {
			got := c.page(p, token)
			pages, token = append(pages, got), got.token
			c.clock.advance(20 * time.Second)
			c.refresh()
		}
		got := idsOf(pages)
		moved := without(all, got)
		if len(moved) != 8 || len(got)+len(moved) != len(all) || !slices.Equal(pages[0].ids, fair[0].ids) {
			t.Errorf("%s: %d of %d, %d have moved, want 8", list.operation, len(got), len(all), len(moved))
		}
		// The same page again is without them, too; who searches by creation misses nothing.
		if again := c.page(p, pages[0].token); !slices.Equal(again.ids, pages[1].ids) {
			t.Errorf("%s: the second page again has %v, want %v", list.operation, again.ids, pages[1].ids)
		}
		if created := idsOf(c.walk(list)); len(without(moved, created)) != 0 {
			t.Errorf("%s: a search by creation has lost some", list.operation)
		}
		c.clock.advance(3 * time.Minute)
		c.refresh()
		next := idsOf(c.walk(window(list, bound, c.Now().Add(-2*time.Minute))))
		if lost := without(moved, next); len(lost) != 0 {
			t.Errorf("%s: %v are not in the next window", list.operation, lost)
		}
		c.RemoveFault(id)
		c.clock.advance(time.Hour)
		c.refresh()
	}
}

// TestMovedAnew: after a reset the same orders move again.
func TestMovedAnew(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	p := pagedV0
	p.path = "/orders/v0/orders?MaxResultsPerPage=20&MarketplaceIds=" + us + "&LastUpdatedAfter=2025-12-01T00:00:00Z"
	all := idsOf(c.walk(p))
	c.fault("moved,probability=0.1")
	first := without(all, idsOf(c.walk(p)))
	c.clock.advance(time.Minute)
	c.Reset()
	c.refresh()
	if again := without(all, idsOf(c.walk(p))); len(first) == 0 || !slices.Equal(again, first) {
		t.Errorf("%v, want %v", again, first)
	}
}

// TestLifetimesOfTokens holds the table beside the code against what happens, with and without a fault.
func TestLifetimesOfTokens(t *testing.T) {
	for _, test := range []struct {
		list, rule string
		lifetime   time.Duration
	}{
		{"fbainventoryv1.getInventorySummaries", "", 30 * time.Second},
		{"orders20260101.searchOrders", "", 24 * time.Hour},
		{"ordersv0.getOrders", "", 24 * time.Hour},
		{"listingsitems20210801.searchListingsItems", "", 24 * time.Hour},
		{"financesv0.listFinancialEventGroups", "", 25 * time.Minute},
		{"financesv0.listFinancialEventGroups", "short-token,within=3m,operation=financesv0.*", 3 * time.Minute},
		{"orders20260101.searchOrders", "short-token,within=3m", 3 * time.Minute},
		{"ordersv0.getOrders", "short-token,within=30s,operation=orders*", 30 * time.Second},
		{"fbainventoryv1.getInventorySummaries", "short-token,within=25m", 30 * time.Second}, // it never makes them longer
	} {
		c, lists := manyPages(t)
		p := lists[slices.IndexFunc(lists, func(p paged) bool { return p.operation == test.list })]
		if test.rule != "" {
			c.fault(test.rule)
		}
		token := c.page(p, "").token
		ask := func() result {
			return c.get(p.path + "&" + p.tokenIn + "=" + url.QueryEscape(token))
		}
		c.clock.advance(test.lifetime - time.Second)
		c.refresh()
		if r := ask(); r.status != 200 {
			t.Errorf("%s %s: a second before its end: %d %s", test.list, test.rule, r.status, r.body)
		}
		c.clock.advance(time.Second)
		c.refresh()
		if r := ask(); r.status != 400 {
			t.Errorf("%s %s: after its end: %d", test.list, test.rule, r.status)
		} else if want := fmt.Sprintf("Token is not valid, token duration is %d minutes.", int(test.lifetime/time.Minute)); strings.HasPrefix(test.list, "financesv0") &&
			r.text("errors", 0, "message") != want {
			t.Errorf("%s %s: %s, want %q", test.list, test.rule, r.body, want)
		}
	}
}

// TestFaultsTogether: rules that strike items and tokens come on top of one that strikes the request.
func TestFaultsTogether(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	all := idsOf(c.walk(pagedV0))
	c.fault("missing,probability=0.1,operation=ordersv0.getOrders")
	c.fault("lag,within=240h,operation=ordersv0.getOrders")
	gone := without(all, idsOf(c.walk(pagedV0)))
	c.fault("short-page,probability=0.5,operation=ordersv0.getOrders")
	pages := c.walk(pagedV0)
	if got := without(all, idsOf(pages)); !slices.Equal(got, gone) || len(gone) == 0 {
		t.Errorf("%v are gone, want %v", got, gone)
	}
	named := map[string]bool{}
	for _, p := range pages {
		named[p.faults] = true
	}
	for _, want := range []string{"short-page,missing", "missing"} {
		if !named[want] {
			t.Errorf("no answer names %q: %v", want, named)
		}
	}
}

// TestWindowsAtTheirEdges: both ends of a search belong to it, and the end lies two minutes back at least.
func TestWindowsAtTheirEdges(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, v := range []struct{ path, created, updated, order, createdAt, updatedAt, id string }{
		{"/orders/v0/orders?MarketplaceIds=" + us, "Created", "LastUpdated", "payload Orders", "PurchaseDate", "LastUpdateDate", "AmazonOrderId"},
		{"/orders/2026-01-01/orders?marketplaceIds=" + us, "created", "lastUpdated", "orders", "createdTime", "lastUpdatedTime", "orderId"},
	} {
		steps := []any{}
		for _, s := range strings.Fields(v.order) {
			steps = append(steps, s)
		}
		find := func(query string) (ids []string) {
			l, _ := c.get(v.path + query).path(steps...).([]any)
			for _, o := range l {
				ids = append(ids, o.(map[string]any)[v.id].(string))
			}
			return ids
		}
		first := c.get(v.path + "&" + v.created + "After=2020-01-01T00:00:00Z").path(append(slices.Clone(steps), 0)...).(map[string]any)
		for by, member := range map[string]string{v.created: v.createdAt, v.updated: v.updatedAt} {
			at := first[member].(string)
			if got := find("&" + by + "After=" + at + "&" + by + "Before=" + at); !slices.Contains(got, first[v.id].(string)) {
				t.Errorf("%s: a window of one instant has %v, want %s", by, got, first[v.id])
			}
			if got := c.get(v.path + "&" + by + "After=2026-02-01T00:00:00Z&" + by + "Before=" + start.Add(-2*time.Minute).Format(time.RFC3339)); got.status != 200 {
				t.Errorf("%s: an end two minutes back: %d %s", by, got.status, got.body)
			}
			if got := c.get(v.path + "&" + by + "After=2026-02-01T00:00:00Z&" + by + "Before=" + start.Add(-2*time.Minute+time.Second).Format(time.RFC3339)); got.status != 400 {
				t.Errorf("%s: an end less than two minutes back: %d", by, got.status)
			}
		}
	}
	// Ninety days back at the client are more than that when the request arrives.
	list := "/reports/2021-06-30/reports?reportTypes=" + allOrders + "&createdSince="
	for back, status := range map[time.Duration]int{90 * 24 * time.Hour: 200, 90*24*time.Hour + time.Millisecond: 400} {
		if r := c.get(list + start.Add(-back).Format("2006-01-02T15:04:05.000Z")); r.status != status {
			t.Errorf("created since %v ago: %d %s, want %d", back, r.status, r.body, status)
		}
	}
}

// TestWhatMayChangeFromPageToPage: orders 2026-01-01 takes another size of pages and other data with a token, and nothing else that is other.
func TestWhatMayChangeFromPageToPage(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	all := idsOf(c.walk(paged2026))
	next := "&paginationToken=" + url.QueryEscape(c.page(paged2026, "").token)
	path := "/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&marketplaceIds=" + us
	r := c.get(path + "&maxResultsPerPage=3&includedData=PROCEEDS" + next)
	list, _ := r.path("orders").([]any)
	if len(list) != 3 || r.text("orders", 0, "orderId") != all[20] || r.path("orders", 0, "fulfillment") != nil {
		t.Errorf("%d %s", r.status, r.body)
	}
	rest := paged2026
	rest.path = path
	if got := c.page(rest, r.text("pagination", "nextToken")); len(got.ids) != 3 || got.ids[0] != all[23] { // as in the request before
		t.Errorf("%v, want 3 from %s on", got.ids, all[23])
	}
	if r := c.get(strings.Replace(path, "2020", "2021", 1) + next); r.status != 400 {
		t.Errorf("another time: %d", r.status)
	}
}

// TestCapOfListings: a search pages through 1,000 listings, says how many there are, and ends.
func TestCapOfListings(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithProducts(1030), emulator.WithOrders(1))
	p := paged{"listingsitems20210801.searchListingsItems", "/listings/2021-08-01/items/" + c.Credentials().SellerID + "?pageSize=20&sortBy=sku&sortOrder=ASC&marketplaceIds=" + us,
		"pageToken", "items", "sku", []any{"pagination", "nextToken"}, false}
	pages := c.walk(p)
	if n := c.get(p.path).number("numberOfResults"); n <= 1000 {
		t.Fatalf("%d listings, want more than 1000", n)
	}
	if len(pages) != 50 || len(idsOf(pages)) != 1000 || pages[49].token != "" {
		t.Errorf("%d pages with %d listings", len(pages), len(idsOf(pages)))
	}
}

package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// TestMillionOrders walks a world of many orders from one end to the other by filters of both versions, reads orders from several connections while others
// page and fetch a report, and moves the state into another emulator. SPAPI_PROVE_MILLION is how many orders; with it all is timed and told, else only what
// comes out is looked at.
func TestMillionOrders(t *testing.T) {
	count, told := 3000, func(string, ...any) {}
	if text := os.Getenv("SPAPI_PROVE_MILLION"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("SPAPI_PROVE_MILLION=%q: want a number of orders from 1000 on", text)
		}
		count, told = n, t.Logf
	}
	options := []emulator.Option{emulator.WithoutLimits(), emulator.WithOrders(count), emulator.WithProducts(500)}
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	empty := heap()
	c := newClient(t, options...)
	begun := time.Now()
	c.get("/orders/v0/orders?" + allUS)
	told("%d orders are ready after %v, in %.0f MB", count, time.Since(begun).Round(time.Millisecond), heap()-empty)

	// Every list of all orders has each of them once, whatever it goes by.
	markets := "marketplaceIds=" + us + ",A2EUQ1WTGCTBG2,A1AM78C64UM0Y8"
	all := map[string]bool{}
	for _, by := range []string{"createdAfter", "lastUpdatedAfter"} {
		seen := map[string]bool{}
		var times []time.Duration
		next := ""
		for {
			target := "/orders/2026-01-01/orders?" + markets + "&" + by + "=2020-01-01T00:00:00Z&includedData=FULFILLMENT,PROCEEDS"
			if next != "" {
				target += "&paginationToken=" + url.QueryEscape(next)
			}
			from := time.Now()
			body := c.raw(target)
			times = append(times, time.Since(from))
			var page struct {
				Orders     []struct{ OrderID string }
				Pagination struct{ NextToken string }
			}
			if err := json.Unmarshal(body, &page); err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Orders {
				if seen[o.OrderID] {
					t.Fatalf("%s: %s twice", by, o.OrderID)
				}
				seen[o.OrderID] = true
			}
			if next = page.Pagination.NextToken; next == "" {
				break
			}
		}
		if len(seen) < count*99/100 || len(all) > 0 && len(all) != len(seen) {
			t.Errorf("%s: %d orders, want about %d, and as many as by creation", by, len(seen), count)
		}
		all = seen
		told("by %s: %d pages of 100: %s", by, len(times), spread(times))
	}

	// Pages of filters that few orders pass.
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	one := c.get("/orders/v0/orders/" + ids[len(ids)/2])
	for name, query := range map[string]string{
		"unshipped":            "OrderStatuses=Unshipped&CreatedAfter=2020-01-01T00:00:00Z",
		"partly shipped":       "OrderStatuses=PartiallyShipped&CreatedAfter=2020-01-01T00:00:00Z",
		"partly, by update":    "OrderStatuses=PartiallyShipped&LastUpdatedAfter=2020-01-01T00:00:00Z",
		"pending, by update":   "OrderStatuses=Pending&LastUpdatedAfter=2020-01-01T00:00:00Z",
		"cancelled, by update": "OrderStatuses=Canceled&LastUpdatedAfter=2026-02-20T00:00:00Z&LastUpdatedBefore=2026-02-21T00:00:00Z",
		"merchant's":           "FulfillmentChannels=MFN&LastUpdatedAfter=2020-01-01T00:00:00Z",
		"cash on delivery":     "PaymentMethods=COD&CreatedAfter=2020-01-01T00:00:00Z",
		"one shop":             "IsISPU=true&StoreChainStoreId=STORE-365&CreatedAfter=2020-01-01T00:00:00Z",
		"by delivery":          "EarliestDeliveryDateAfter=2026-02-27T00:00:00Z&CreatedAfter=2020-01-01T00:00:00Z",
		"of the seller's id":   "SellerOrderId=" + one.text("payload", "SellerOrderId") + "&CreatedAfter=2020-01-01T00:00:00Z",
		"of a buyer":           "BuyerEmail=nobody%40marketplace.amazon.com&CreatedAfter=2020-01-01T00:00:00Z",
		"by ids":               "AmazonOrderIds=" + ids[0] + "," + ids[len(ids)-1],
	} {
		var times []time.Duration
		found := 0
		for range 20 {
			from := time.Now()
			body := c.raw("/orders/v0/orders?MarketplaceIds=" + us + "&" + query)
			times = append(times, time.Since(from))
			found = bytes.Count(body, []byte(`"AmazonOrderId"`))
		}
		told("%s: %d on the page: %s", name, found, spread(times))
	}

	reads, alone := readers(t, c, ids, count, nil)
	told("by id over 8 connections: %.0f reads a second: %s", reads, spread(alone))
	reads, busy := readers(t, c, ids, count, func(stop *atomic.Bool) {
		for !stop.Load() {
			c.raw("/orders/2026-01-01/orders?" + markets + "&lastUpdatedAfter=2020-01-01T00:00:00Z")
		}
	})
	told("… while searches by update are paged: %.0f reads a second: %s", reads, spread(busy))
	report := c.report(na, `{"reportType":"`+allOrders+`","marketplaceIds":["`+us+`"],"dataStartTime":"2026-02-20T00:00:00Z","dataEndTime":"2026-03-01T00:00:00Z"}`)
	reads, busy = readers(t, c, ids, count, func(stop *atomic.Bool) {
		for !stop.Load() {
			c.reportText(na, report)
		}
	})
	told("… while reports are fetched: %.0f reads a second: %s", reads, spread(busy))

	c.clock.advance(7 * 24 * time.Hour)
	begun = time.Now()
	c.refresh()
	c.get("/orders/v0/orders/" + ids[0])
	told("a week later, with all that came: %v", time.Since(begun).Round(time.Millisecond))
	begun = time.Now()
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	exported := time.Since(begun)
	var read emulator.State
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	second := newClient(t, options...)
	second.clock.advance(c.Now().Sub(second.Now()))
	before := heap()
	begun = time.Now()
	if err := second.Import(&read); err != nil {
		t.Fatal(err)
	}
	told("export of %.1f MB: %v, import: %v in %.0f MB", float64(len(text))/1e6, exported.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond), heap()-before)
	again, err := second.Export()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(again); err != nil || !bytes.Equal(b, text) {
		at := 0
		for at < min(len(b), len(text)) && b[at] == text[at] {
			at++
		}
		t.Errorf("the export of the import has %d bytes, want the same %d (%v): %.200s … %.200s", len(b), len(text), err, b[max(at-50, 0):], text[max(at-50, 0):])
	}
}

// raw is the body of an answer.
func (c *client) raw(target string) []byte {
	r, err := http.NewRequest("GET", na+target, nil)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	r.Header.Set("x-amz-access-token", c.token)
	resp, err := c.RoundTrip(r)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Errorf("%s: %d %.300s, %v", target, resp.StatusCode, b, err)
	}
	return b
}

// readers reads orders by id over 8 connections, as many as there are orders but no more than 40,000, while busy runs, and returns how many a second
// there were and what each took.
func readers(t *testing.T, c *client, ids []string, count int, busy func(stop *atomic.Bool)) (rate float64, times []time.Duration) {
	srv := httptest.NewServer(c)
	defer srv.Close()
	var stop atomic.Bool
	var others sync.WaitGroup
	if busy != nil {
		others.Go(func() { busy(&stop) })
	}
	const connections = 8
	each := min(count, 40000) / connections
	took := make([][]time.Duration, connections)
	var wait sync.WaitGroup
	begun := time.Now()
	for i := range connections {
		wait.Go(func() {
			own := &http.Client{Transport: &http.Transport{}}
			defer own.CloseIdleConnections()
			r := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // a test's own
			for range each {
				id := ids[r.IntN(len(ids))]
				req, err := http.NewRequest("GET", srv.URL+"/orders/v0/orders/"+id, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("x-amz-access-token", c.token)
				from := time.Now()
				resp, err := own.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				took[i] = append(took[i], time.Since(from))
				if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(id)) {
					t.Errorf("%s: %d %.200s, %v", id, resp.StatusCode, b, err)
					return
				}
			}
		})
	}
	wait.Wait()
	rate = float64(each*connections) / time.Since(begun).Seconds()
	stop.Store(true)
	others.Wait()
	for _, list := range took {
		times = append(times, list...)
	}
	return rate, times
}

// spread is the middle, the 99th of a hundred, and the most.
func spread(times []time.Duration) string {
	slices.Sort(times)
	at := func(n int) time.Duration { return times[min(len(times)*n/100, len(times)-1)].Round(time.Microsecond) }
	return fmt.Sprintf("median %v, p99 %v, most %v", at(50), at(99), at(100))
}

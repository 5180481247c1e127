//go:build unix

package fleetprove

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/amazontest"
	"github.com/openspapi/spapi/internal/redistest"
)

// dayCase is an operation that is called all day.
type dayCase struct {
	operation string
	used      float64 // at least, of what is allowed
	kind      string  // a type that some callers ask for besides; "": none
	kindUsed  float64 // at least, of what is allowed for that type
}

// day is twenty operations of different plans, from one call in three minutes to five a second, in groups of about as many scripts. At a burst of 1 a call
// is sent a step after the one before arrived, as far as that is known: by how much its reply took longer than the shortest, 50 ms or more at the mean, is lost
// each time. Of two seconds that leaves 95 % and of one 90 %; where a step takes longer, 98 % as elsewhere. Of createFeed the plan allows less than the window
// of its type, which only binds the first ones.
var day = [][]dayCase{
	{
		{operation: "orders20260101.searchOrders", used: 0.98},
		{operation: "ordersv0.getOrder", used: 0.98},
		{operation: "invoices20240619.getGovernmentInvoiceStatus", used: 0.98},
		{operation: "fbainventoryv1.getInventorySummaries", used: 0.98},
		{operation: "promotions20251201.getSelection", used: 0.98},
	}, {
		{operation: "feeds20210630.createFeed", used: 0.98, kind: "JSON_LISTINGS_FEED"},
		{operation: "sellersv1.getMarketplaceParticipations", used: 0.98},
		{operation: "productpricingv0.getPricing", used: 0.95},
		{operation: "awd20240509.createInbound", used: 0.9},
		{operation: "easyship20220323.getScheduledPackage", used: 0.98},
	}, {
		{operation: "reports20210630.createReport", used: 0.98, kind: "GET_SALES_AND_TRAFFIC_REPORT", kindUsed: 0.98},
		{operation: "invoices20240619.getInvoicesDocument", used: 0.98},
		{operation: "listingsitems20210801.getListingsItem", used: 0.98},
		{operation: "productpricingv0.getItemOffersBatch", used: 0.98},
		{operation: "transfers20240601.initiatePayout", used: 0.98},
	}, {
		{operation: "ordersv0.getOrders", used: 0.98},
		{operation: "finances20240619.listTransactions", used: 0.98},
		{operation: "productpricing20220501.getCompetitiveSummary", used: 0.98},
		{operation: "salesv1.getOrderMetrics", used: 0.98},
		{operation: "customerfeedback20240601.getItemReviewTopics", used: 0.98},
	},
}

// TestDay is a day of twenty operations at three processes, of which two call each of them and always want more than is allowed. Scripts run on real servers,
// in the test's time.
func TestDay(t *testing.T) {
	span := 24 * time.Hour
	if !proveAll {
		span = 2 * time.Minute // of which it shows that nothing is throttled
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // there is little to keep, and much that is thrown away
	lines := make([][]string, len(day))
	t.Run("operations", func(t *testing.T) {
		for i, group := range day {
			t.Run(fmt.Sprint("of group ", i+1), func(t *testing.T) {
				t.Parallel()
				redis := redistest.Start(t)
				synctest.Test(t, func(t *testing.T) { lines[i] = spend(t, redis, group, span) })
				wantKeysToEnd(t, redis)
			})
		}
	})
	if proveAll {
		fmt.Print("\n| operation | plan | used of allowed | calls | throttled |\n|---|---|---|---|---|\n" + strings.Join(slices.Concat(lines...), ""))
	}
}

// spend has callers call for a span, and returns rows of a table.
func spend(t *testing.T, redis *redistest.Redis, group []dayCase, span time.Duration) (rows []string) {
	server := redis.Virtual(t)
	var limiters []*fleet.Limiter
	for range 3 {
		limiters = append(limiters, fleet.NewLimiter(server))
	}
	ctx, cancel := context.WithCancel(t.Context()) // a deadline would refuse those that can't keep it
	time.AfterFunc(span, cancel)
	var wg sync.WaitGroup
	start := time.Now()
	var tallies []*tally
	for i, c := range group {
		op, ok := spapi.LookupOperation(c.operation)
		if !ok {
			t.Fatalf("there is no operation %s", c.operation)
		}
		amazon := &plans{}
		paths := [][]*tally{amazon.path(&op, "", c.used)}
		paths = append(paths, paths[0])
		if c.kind != "" {
			paths = append(paths, amazon.path(&op, c.kind, c.kindUsed))
		}
		tallies = append(tallies, amazon.tallies...)
		for k := range 2 {
			l := limiters[(i+k)%len(limiters)]
			for _, path := range paths {
				wg.Go(func() { amazon.callAllDay(ctx, t, l, path) })
			}
		}
	}
	for hours := 6 * time.Hour; hours < span; hours += 6 * time.Hour {
		time.AfterFunc(hours, func() { t.Logf("%s: %d scripts", hours, server.Runs()) })
	}
	wg.Wait()
	if took := time.Since(start); took < span {
		t.Fatalf("it ended after %s", took)
	}
	for _, l := range limiters {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, y := range tallies {
		rows = append(rows, y.row(t, span))
	}
	t.Logf("%s of %d operations: %d scripts, %.2f a second and process", span, len(group), server.Runs(), float64(server.Runs())/span.Seconds()/3)
	return rows
}

// plans are an operation's buckets as Amazon keeps them.
type plans struct {
	mu      sync.Mutex
	tallies []*tally
}

// tally is one of them.
type tally struct {
	spapi.LimitBucket
	used      float64            // to be used at least, of what is allowed
	bucket    *amazontest.Bucket // nil where there is a window
	sent      []time.Time        // of a window
	calls     int
	throttled int
}

// path is what calls of the operation take from, those for the type kind where one is given. used is what is to be used of the narrowest.
func (p *plans) path(op *spapi.Operation, kind string, used float64) (path []*tally) {
	ofAll := slices.ContainsFunc(op.TypeLimits(), func(l spapi.TypeLimit) bool { return l.Type == kind && l.Application })
	for _, b := range op.Limits(false) {
		if b.Scope == spapi.LimitPerType && b.Type != kind {
			continue
		}
		b.App, b.Region = "amzn1.application-oa2-client.day", "eu"
		if b.Scope == spapi.LimitPerSeller || b.Scope == spapi.LimitPerType && !ofAll {
			b.Seller = "A1"
		}
		i := slices.IndexFunc(p.tallies, func(y *tally) bool { return y.LimitBucket == b })
		if i < 0 {
			i = len(p.tallies)
			y := &tally{LimitBucket: b}
			if b.Window == 0 {
				y.bucket = amazontest.New(b.Rate, b.Burst)
			}
			p.tallies = append(p.tallies, y)
			if len(path) == 0 {
				y.used = used
			}
		}
		path = append(path, p.tallies[i])
	}
	return path
}

func (p *plans) callAllDay(ctx context.Context, t *testing.T, l spapi.Limiter, path []*tally) {
	r, rate := spapi.LimitRequest{MaxWait: -1}, 0.0
	for _, y := range path {
		r.Buckets = append(r.Buckets, y.LimitBucket)
		if y.Scope == spapi.LimitPerSeller {
			rate = y.Rate
		}
	}
	for {
		g, err := l.Wait(ctx, r)
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return // the day is over
		}
		there, back := usual.Draw(rand.Int64N)
		time.Sleep(there)
		ok := p.take(path)
		time.Sleep(back)
		if err := l.Observe(ctx, g, spapi.LimitReply{Latency: there + back, Throttled: !ok, Refused: !ok, Rate: rate}); err != nil {
			t.Error(err)
		}
	}
}

// take takes a call from all, or from none.
func (p *plans) take(path []*tally) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, ok := time.Now(), true
	for _, y := range path {
		if !y.has(now) {
			y.throttled++
			ok = false
		}
	}
	for _, y := range path {
		if ok {
			y.calls++
			if y.bucket != nil {
				y.bucket.Take()
			} else {
				y.sent = append(y.sent, now)
			}
		}
	}
	return ok
}

func (y *tally) has(now time.Time) bool {
	if y.bucket != nil {
		return y.bucket.Has()
	}
	return len(y.sent) < y.Burst || now.Sub(y.sent[len(y.sent)-y.Burst]) >= y.Window
}

// row is that of a table, and fails where too little was used or a call throttled.
func (y *tally) row(t *testing.T, span time.Duration) string {
	name, plan, allowed := y.Operation, fmt.Sprintf("%g/s burst %d", y.Rate, y.Burst), float64(y.Burst)+y.Rate*span.Seconds()
	if y.Window > 0 {
		name, plan = name+" "+y.Type, fmt.Sprintf("%d in %s", y.Burst, y.Window)
		allowed = float64(y.Burst) * math.Ceil(span.Seconds()/y.Window.Seconds())
	} else if y.Scope == spapi.LimitPerApplication {
		name += ", all sellers"
	}
	share := float64(y.calls) / allowed
	if proveAll && share < y.used || y.throttled > 0 || y.calls == 0 {
		t.Errorf("%s, %s: %d calls, %.2f %% of the allowed, %d throttled; want %.0f %% at least, and none", name, plan, y.calls, 100*share, y.throttled, 100*y.used)
	}
	return fmt.Sprintf("| %s | %s | %.2f %% | %d | %d |\n", name, plan, 100*share, y.calls, y.throttled)
}

package spapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
)

// dayOperations are 20 operations with rates from one call in three minutes to one in two seconds, and bursts from 1 to 30.
var dayOperations = []string{
	"ordersv0.getOrders", "datakiosk20231115.getDocument", "orders20260101.searchOrders", "orders20260101.getOrder",
	"sellersv1.getMarketplaceParticipations", "sellersv1.getAccount", "reports20210630.getReports", "reports20210630.createReport",
	"reports20210630.getReportDocument", "reports20210630.getReportSchedules", "feeds20210630.createFeed", "feeds20210630.getFeeds",
	"feeds20210630.getFeedDocument", "datakiosk20231115.createQuery", "datakiosk20231115.getQueries",
	"productpricing20220501.getCompetitiveSummary", "productpricing20220501.getFeaturedOfferExpectedPriceBatch",
	"productpricingv0.getItemOffersBatch", "invoices20240619.getInvoicesExports", "financesv0.listFinancialEvents",
}

// TestDay runs 24 virtual hours against the emulator with its limits on: three callers per operation who always want more than
// the usage plan allows. No call may be throttled, and hardly any that the plan allows may be lost.
func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("a virtual day takes a while")
	}
	synctest.Test(t, func(t *testing.T) {
		emu, err := emulator.New(emulator.WithSeed(1))
		if err != nil {
			t.Fatal(err)
		}
		c := emu.Credentials()
		var mu sync.Mutex
		calls, throttled := map[string]int{}, map[string]int{}
		app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu),
			spapi.WithObserver(spapi.ObserverFunc(func(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
				if a.Kind != spapi.ActivityAttempt {
					return ctx, nil
				}
				return ctx, func(o spapi.Outcome) {
					mu.Lock()
					defer mu.Unlock()
					calls[a.Operation]++
					if o.StatusCode == http.StatusTooManyRequests {
						throttled[a.Operation]++
					}
				}
			})))
		client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})

		const day = 24 * time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), day)
		defer cancel()
		var wg sync.WaitGroup
		for _, id := range dayOperations {
			op, ok := spapi.LookupOperation(id)
			if !ok {
				t.Fatalf("no operation %s", id)
			}
			path := op.Path
			for strings.Contains(path, "{") {
				path = path[:strings.Index(path, "{")] + "x" + path[strings.Index(path, "}")+1:]
			}
			for range 3 {
				wg.Go(func() {
					for {
						// What is asked for doesn't matter: a 400 takes from the limit like any other answer.
						req, err := http.NewRequestWithContext(ctx, op.Method, path, nil)
						if err != nil {
							t.Error(err)
							return
						}
						resp, err := client.Do(req)
						if err != nil {
							if !errors.Is(err, context.DeadlineExceeded) {
								t.Errorf("%s: %v", id, err)
							}
							return
						}
						_ = resp.Body.Close()
					}
				})
			}
		}
		wg.Wait()
		total, allowedTotal := 0, 0.0
		for _, id := range dayOperations {
			op, _ := spapi.LookupOperation(id)
			allowed := float64(op.Burst) + op.Rate*day.Seconds()
			total += calls[id]
			allowedTotal += allowed
			share := float64(calls[id]) / allowed
			if throttled[id] > 0 || share < 0.98 {
				t.Errorf("%s at %g/s burst %d: %d calls, %.2f %% of the allowed %.0f, %d throttled", id, op.Rate, op.Burst, calls[id], 100*share, allowed, throttled[id])
			}
		}
		t.Logf("%d calls of 20 operations in 24 virtual hours: %.2f %% of the allowed, 0 throttled expected", total, 100*float64(total)/allowedTotal)
	})
}

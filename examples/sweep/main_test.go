package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/api/orders20260101"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wrong is how many orders of the table aren't as Amazon has them, or aren't there.
func (m *mirror) wrong(t *testing.T) (wrong, all int) {
	t.Helper()
	in := &orders20260101.SearchOrdersInput{LastUpdatedAfter: m.swept.AddDate(0, 0, -30), MarketplaceIDs: []string{m.marketplace},
		IncludedData: []orders20260101.SearchOrdersIncludedData{orders20260101.SearchOrdersIncludedDataFulfillment}}
	for o, err := range m.api.SearchOrdersAll(t.Context(), in) {
		if err != nil {
			t.Fatal(err)
		}
		all++
		ours, there := m.orders[o.OrderID]
		if !there || !ours.LastUpdatedTime.Equal(o.LastUpdatedTime) || ours.Fulfillment.FulfillmentStatus != o.Fulfillment.FulfillmentStatus {
			wrong++
		}
	}
	return wrong, all
}

// TestSweepClosesTheGaps: one notification in ten is lost, and in the end all orders are right. Without sweeps they aren't.
func TestSweepClosesTheGaps(t *testing.T) {
	for _, sweeps := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			m, err := run(t.Context(), &out, 48, sweeps)
			if err != nil {
				t.Fatal(err)
			}
			wrong, all := m.wrong(t)
			t.Logf("sweeps %t: %d of %d orders are wrong, after %d notifications\n%s", sweeps, wrong, all, m.hints, out.String())
			if (wrong == 0) != sweeps || all < 100 || m.hints < 20 {
				t.Errorf("sweeps %t: %d of %d orders are wrong, after %d notifications", sweeps, wrong, all, m.hints)
			}
			if sweeps && strings.Count(out.String(), "\n") != 48 {
				t.Errorf("printed\n%s", out.String())
			}
		})
	}
}

// TestSweepEnds: who ends the program gets it ended.
func TestSweepEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		if _, err := run(ctx, io.Discard, 1000, true); err == nil {
			t.Error("no error")
		}
	})
}

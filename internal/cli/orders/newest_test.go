package orders

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/emulator"
)

// TestNewest: whatever the size of the pages, the orders are those of the whole span, each once, the newest first; and one call does where one page holds
// them all.
func TestNewest(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(400), emulator.WithoutLimits(), emulator.WithFixedTime(now))
	if err != nil {
		t.Fatal(err)
	}
	c := emu.Credentials()
	client := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu), spapi.WithLimiter(free{})).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
	api := orders20260101.New(client)
	for _, test := range []struct {
		updated bool
		fault   string
	}{{false, ""}, {true, ""}, {false, "empty-page,operation=orders*"}, {true, "empty-page,every=2,operation=orders*"}, {false, "short-page,operation=orders*"}, {false, "repeated,operation=orders*"}} {
		updated := test.updated
		for _, size := range []int64{1, 7, 100} {
			in := orders20260101.SearchOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, MaxResultsPerPage: &size}
			at := func(o *orders20260101.Order) time.Time { return o.CreatedTime }
			if from, to := now.AddDate(0, 0, -20), now.Add(-3*time.Hour); updated {
				at = func(o *orders20260101.Order) time.Time { return o.LastUpdatedTime }
				in.LastUpdatedAfter, in.LastUpdatedBefore = from, to
			} else {
				in.CreatedAfter, in.CreatedBefore = from, to
			}
			want := map[string]bool{}
			for o, err := range api.SearchOrdersAll(t.Context(), &in) {
				if err != nil {
					t.Fatal(err)
				}
				want[o.OrderID] = true
			}
			if test.fault != "" {
				f, err := emulator.ParseFault(test.fault)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := emu.AddFault(f); err != nil {
					t.Fatal(err)
				}
			}
			before := len(emu.Requests())
			var got []orders20260101.Order
			pages := 0
			for page, err := range newest(t.Context(), api, in, updated) {
				if err != nil {
					t.Fatal(err)
				}
				pages++
				if last := page.Pagination == nil || page.Pagination.NextToken == ""; len(got) == 0 && size == 1 && last {
					t.Errorf("updated %t: one page holds all", updated)
				}
				got = append(got, page.Orders...)
			}
			emu.ClearFaults()
			seen := map[string]bool{}
			for _, o := range got {
				seen[o.OrderID] = true
			}
			if len(got) != len(want) || len(seen) != len(want) || len(want) < 10 {
				t.Errorf("updated %t, pages of %d, %s: got %d orders, %d of them different, want %d", updated, size, test.fault, len(got), len(seen), len(want))
			}
			if !slices.IsSortedFunc(got, func(a, b orders20260101.Order) int { return at(&b).Compare(at(&a)) }) {
				t.Errorf("updated %t, pages of %d: the newest aren't first", updated, size)
			}
			if calls := len(emu.Requests()) - before; size == 100 && len(want) <= 100 && test.fault == "" && calls != 1 {
				t.Errorf("updated %t: %d calls for what one page holds", updated, calls)
			}
		}
	}
}

// free is a limiter that lets everything through.
type free struct{}

func (free) Wait(_ context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{Buckets: r.Buckets}, nil
}

func (free) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

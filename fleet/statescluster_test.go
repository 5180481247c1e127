package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/redistest"
)

// patient lets scripts take as long as they do on a busy machine: a limiter whose server is slow goes by itself.
type patient struct{ fleet.Server }

func (p patient) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	return p.Server.Run(context.WithoutCancel(ctx), script, keys, args...)
}

// On a cluster operations lie on all nodes, and each look at one asks for keys of one slot.
func TestLimitStatesOnCluster(t *testing.T) {
	server, err := goredis.Open("redis+cluster://" + redistest.Cluster(t, nil)[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l := fleet.NewLimiter(patient{server})
	defer l.Close()
	want := 0
	for _, operation := range []string{"ordersv0.getOrder", "ordersv0.getOrders", "sellersv1.getMarketplaceParticipations",
		"catalogitems20220401.getCatalogItem"} {
		for _, seller := range []string{"A", "B"} {
			bucket := spapi.LimitBucket{App: "app", Region: "eu", Operation: operation, Seller: seller, Rate: 0.01, Burst: 10}
			wide := bucket
			wide.Scope, wide.Seller = spapi.LimitPerApplication, ""
			if _, err := l.Wait(t.Context(), spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{bucket, wide}}); err != nil {
				t.Fatal(err)
			}
		}
		want += 3
	}
	start := time.Now()
	states, err := l.LimitStates(t.Context(), "app", "eu")
	if err != nil || len(states) != want {
		t.Fatalf("%d buckets, want %d: %v", len(states), want, err)
	}
	t.Logf("%d operations looked at in %s", len(spapi.Operations()), time.Since(start))
	for _, s := range states {
		takes := int64(1)
		if s.Bucket.Scope == spapi.LimitPerApplication {
			takes = 2
		}
		if s.Takes != takes || s.Left < float64(9-takes) || s.Left > 10 {
			t.Errorf("%s %s: %d takes, %g left", s.Bucket.Operation, s.Bucket.Scope, s.Takes, s.Left)
		}
	}
	if n, err := l.Processes(t.Context(), "app"); err != nil || n != 1 {
		t.Errorf("%d processes, %v", n, err)
	}
}

package spapi

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// kept is how many bytes stay in use for each of n, when all are there.
func kept(n int, make func(i int)) float64 {
	used := func() float64 {
		for range 2 { // what finalizers and weak pointers hold goes with the second
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := used()
	for i := range n {
		make(i)
	}
	return (used() - before) / float64(n)
}

// What an application keeps for each of many sellers, counted. A quarter more is allowed than it was found to be.
func TestMemoryOfManySellers(t *testing.T) {
	const n = 20_000
	sellers, secrets := make([]string, n), make([]Secret, n)
	for i := range n {
		sellers[i] = fmt.Sprintf("A%013d", i)
		secrets[i] = NewSecret(fmt.Sprintf("Atzr|%040d", i))
	}
	limiter := NewLimiter()
	bucket := kept(n, func(i int) {
		g, err := limiter.Wait(t.Context(), LimitRequest{MaxWait: 0,
			Buckets: []LimitBucket{{App: testClientID, Region: "na", Operation: getOrders, Seller: sellers[i], Rate: 0.0167, Burst: 20}}})
		check(t, err)
		check(t, limiter.Observe(t.Context(), g, LimitReply{Latency: time.Second, Rate: 0.0167}))
	})
	store := NewTokenStore()
	token := kept(n, func(i int) {
		_, err := store.Get(t.Context(), TokenRequest{Key: sellers[i], Fetch: func(context.Context, <-chan struct{}) (Token, error) {
			return Token{Value: secrets[i]}, nil
		}})
		check(t, err)
	})
	app := NewApp(testCredentials, WithTransport(new(fake)))
	clients := make([]*Client, n)
	client := kept(n, func(i int) {
		clients[i] = app.Client(Authorization{RefreshToken: secrets[i], Region: marketplace.NorthAmerica, SellerID: sellers[i]})
	})
	for _, c := range clients {
		check(t, c.Check())
	}
	runtime.KeepAlive(limiter)
	runtime.KeepAlive(store)
	for _, kept := range []struct {
		what     string
		got, max float64
	}{
		{"bucket", bucket, 550},
		{"token", token, 300},
		{"client", client, 820},
	} {
		t.Logf("%.0f bytes per %s", kept.got, kept.what)
		if kept.got > kept.max {
			t.Errorf("%.0f bytes per %s, want %.0f at most", kept.got, kept.what, kept.max)
		}
	}
}

// What each call goes through allocates nothing where it need not wait and its token is there.
func TestCallsThatPassAllocateNothing(t *testing.T) {
	limiter, store := NewLimiter(), NewTokenStore()
	r := LimitRequest{MaxWait: -1, Buckets: []LimitBucket{{App: testClientID, Region: "na", Operation: getOrders, Seller: "A1", Rate: 2, Burst: 1e9},
		{App: testClientID, Region: "na", Operation: getOrders, Scope: LimitPerApplication, Rate: 2, Burst: 1e9}}}
	token := TokenRequest{Key: "k", Fetch: func(context.Context, <-chan struct{}) (Token, error) { return Token{Value: NewSecret("v")}, nil }}
	typed := LimitRequest{MaxWait: -1, Buckets: []LimitBucket{
		{App: testClientID, Region: "na", Operation: getOrders, Scope: LimitPerType, Type: "T", Seller: "A1", Alias: "token", Burst: 3, Window: time.Nanosecond},
		{App: testClientID, Region: "na", Operation: getOrders, Seller: "A1", Alias: "token", Rate: 2, Burst: 1e9}}}
	for what, call := range map[string]func(){
		"limiter with a window and two names": func() {
			g, err := limiter.Wait(t.Context(), typed)
			check(t, err)
			check(t, limiter.Observe(t.Context(), g, LimitReply{Refused: true, Rate: 2}))
		},
		"limiter": func() {
			g, err := limiter.Wait(t.Context(), r)
			check(t, err)
			check(t, limiter.Observe(t.Context(), g, LimitReply{Latency: time.Second, Rate: 2}))
		},
		"token store": func() {
			_, err := store.Get(t.Context(), token)
			check(t, err)
		},
	} {
		if n := testing.AllocsPerRun(1000, call); n > 0 {
			t.Errorf("%s: %g allocations a call, want none", what, n)
		}
	}
}

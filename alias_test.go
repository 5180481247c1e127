package spapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func bucketOf(seller, alias string) LimitBucket {
	return LimitBucket{App: "app", Region: "eu", Operation: "op", Seller: seller, Alias: alias, Rate: 1, Burst: 1}
}

func takeFrom(t *testing.T, l Limiter, buckets ...LimitBucket) LimitGrant {
	t.Helper()
	g, err := l.Wait(t.Context(), LimitRequest{Buckets: buckets})
	check(t, err)
	check(t, l.Observe(t.Context(), g, LimitReply{}))
	return g
}

// Calls wait by a token's name, directly and before the buckets of types, when one comes that knows the seller: all of them go on at the pace of one seller.
func TestAliasMergesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		kind := bucketOf("token", "")
		kind.Scope, kind.Type, kind.Rate, kind.Burst = LimitPerType, "T", 1000, 1000
		shared := kind
		shared.Seller, shared.Type = "", "all"
		all := bucketOf("", "")
		all.Scope, all.Rate, all.Burst = LimitPerApplication, 1000, 1000
		takeFrom(t, l, bucketOf("A1", ""), all) // two buckets that become one
		takeFrom(t, l, bucketOf("token", ""), all)
		takeFrom(t, l, bucketOf("other", ""), all)
		start := time.Now()
		var wg sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		call := func(ctx context.Context, buckets ...LimitBucket) {
			wg.Go(func() {
				g, err := l.Wait(ctx, LimitRequest{Buckets: buckets, MaxWait: -1})
				if err == nil {
					check(t, l.Observe(ctx, g, LimitReply{}))
				}
			})
			synctest.Wait()
		}
		for range 3 {
			call(t.Context(), bucketOf("token", ""), all)
		}
		for range 2 {
			call(t.Context(), kind, bucketOf("token", ""), all)
		}
		call(t.Context(), shared, bucketOf("other", ""), all) // stands before the other's bucket, the next one goes on to this one's
		call(t.Context(), shared, bucketOf("token", ""))
		call(ctx, shared, bucketOf("token", ""), all)
		call(ctx, bucketOf("token", ""))
		call(t.Context(), bucketOf("A1", "token"), all)
		states, err := l.LimitStates(t.Context(), "app", "eu")
		check(t, err)
		for _, s := range states {
			switch {
			case s.Bucket.Seller == "token" && s.Bucket.Scope == LimitPerSeller:
				t.Errorf("the seller's bucket goes by two names: %+v", s)
			case s.Bucket.Seller == "A1" && (len(s.Queue) != 1 || s.Queue[0].Calls != 9 || s.Bucket.Alias != "token" || s.Takes != 2):
				t.Errorf("the seller's bucket is %+v, want 9 that wait", s)
			}
		}
		leave()
		wg.Wait()
		if took := time.Since(start); took < 7*time.Second || took > 7500*time.Millisecond {
			t.Errorf("seven calls of one seller took %s, want 7 s", took)
		}
		nobodyWaits(t, l)
	})
}

func TestAliasMergesWhatWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		bucket := func(seller, alias string, window time.Duration) LimitBucket {
			b := bucketOf(seller, alias)
			b.Burst, b.Window = 5, window
			if window > 0 {
				b.Scope, b.Type = LimitPerType, "T"
			}
			return b
		}
		for _, window := range []time.Duration{0, time.Minute} {
			for range 3 {
				takeFrom(t, l, bucket("token", "", window))
			}
			takeFrom(t, l, bucket("A1", "", window))
			g := takeFrom(t, l, bucket("A1", "token", window))
			if g.Takes[0] != 5 {
				t.Errorf("take %d, want the fifth of both", g.Takes[0])
			}
			if _, err := l.Wait(t.Context(), LimitRequest{Buckets: []LimitBucket{bucket("token", "", window)}}); err == nil {
				t.Errorf("window %s: six calls of five", window)
			}
		}
		// What only one of them has learned holds for both.
		g := takeFrom(t, l, bucketOf("slow token", ""))
		check(t, l.Observe(t.Context(), g, LimitReply{Rate: 0.5}))
		takeFrom(t, l, bucketOf("A2", ""))
		g, err := l.Wait(t.Context(), LimitRequest{Buckets: []LimitBucket{bucketOf("A2", "slow token")}, MaxWait: -1})
		check(t, err)
		if g.Rate != 0.5 {
			t.Errorf("a rate of %g, want 0.5, which was learned under the other name", g.Rate)
		}
		// Both full: nothing is missing.
		time.Sleep(time.Hour)
		takeFrom(t, l, bucket("token 3", "", 0))
		time.Sleep(time.Hour)
		takeFrom(t, l, bucket("A3", "", 0))
		time.Sleep(time.Minute)
		for range 5 {
			takeFrom(t, l, bucket("A3", "token 3", 0))
		}
	})
}

// A seller has as many names as it has tokens, within bounds, and a token is the last seller's that it was told of.
func TestAliasesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		b := bucketOf("A1", "")
		b.Burst = 1000
		for i := range 40 {
			b.Alias = fmt.Sprint("token ", i)
			takeFrom(t, l, b)
		}
		if len(l.all) != 1 || len(l.turnstiles) != 1+maxAliases {
			t.Errorf("%d buckets by %d names, want one by %d", len(l.all), len(l.turnstiles), 1+maxAliases)
		}
		b.Seller = "A2"
		if g := takeFrom(t, l, b); g.Takes[0] != 1 {
			t.Errorf("take %d: another seller has taken from this one", g.Takes[0])
		}
		byToken := bucketOf(b.Alias, "")
		if g := takeFrom(t, l, byToken); g.Takes[0] != 2 {
			t.Errorf("take %d, want the second of the seller whose token it is now", g.Takes[0])
		}
		kind := b
		kind.Scope, kind.Type = LimitPerType, "T"
		takeFrom(t, l, kind, b)
		time.Sleep(24 * time.Hour)
		takeFrom(t, l, b)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.forget(10, time.Now())
		if len(l.all) != 1 || len(l.turnstiles) != 2 || len(l.typed) != 0 || l.find(&byToken) != l.all[0] {
			t.Errorf("of one seller in use %d buckets are kept, by %d names and %d with types", len(l.all), len(l.turnstiles), len(l.typed))
		}
		for _, name := range l.all[0].aliases {
			if !strings.HasPrefix(name, "token ") {
				t.Errorf("a name %q", name)
			}
		}
	})
}

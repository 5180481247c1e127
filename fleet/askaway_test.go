package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
)

// A call with a bound whose question is under way when the server fails is told like any other.
func TestAskedWhenTheServerGoes(t *testing.T) {
	for name, broken := range map[string]func(context.Context, []string) error{"refusing": refusing, "hanging": hanging} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorker(t, redistest.Memory(t))
				b := bucketOf("A", 0.1, 1)
				mustWait(t, w, waitFor(b))
				w.link.set(broken)
				for _, r := range []spapi.LimitRequest{
					{Buckets: []spapi.LimitBucket{b}, MaxWait: time.Second},
					{Buckets: []spapi.LimitBucket{bucketOf("B", 0.1, 1)}, MaxWait: 0},
				} {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					start := time.Now()
					_, err := w.Wait(ctx, r)
					cancel()
					var limit *spapi.LimitError
					if err != nil && !errors.As(err, &limit) { // the share may open at once
						t.Error(err)
					}
					if took := time.Since(start); took > 2*time.Second {
						t.Errorf("told after %v", took)
					}
				}
			})
		})
	}
}

// A process that was stopped while it asked tells the call all the same.
func TestAskedWhileStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, redistest.Memory(t))
		b := bucketOf("A", 0.1, 1)
		mustWait(t, w, waitFor(b))
		w.link.stopOnce(context.DeadlineExceeded)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := w.Wait(ctx, spapi.LimitRequest{Buckets: []spapi.LimitBucket{b}, MaxWait: time.Second})
		var limit *spapi.LimitError
		if err != nil && !errors.As(err, &limit) {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("told after %v", took)
		}
	})
}

// Close ends all that wait, whatever the limiter does for them at that moment: questions under way, grants whose time comes, calls that come back with an old
// grant; and nothing begins after it.
func TestCloseWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		for i := range 40 {
			w := newWorker(t, s)
			b := bucketOf(string(rune('A'+i)), 50, 2)
			var wg sync.WaitGroup
			for j := range 30 {
				wg.Go(func() {
					for {
						r := waitFor(b)
						if j%3 == 0 {
							r.MaxWait = time.Duration(j) * 20 * time.Millisecond
						}
						ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
						_, err := w.Wait(ctx, r)
						cancel()
						var limit *spapi.LimitError
						if err != nil && !errors.As(err, &limit) {
							if errors.Is(err, context.DeadlineExceeded) {
								t.Error(err)
							}
							return
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			w.link.set(func(ctx context.Context, _ []string) error {
				time.Sleep(3 * time.Millisecond)
				return ctx.Err()
			})
			time.Sleep(100*time.Millisecond + time.Duration(i)*time.Millisecond/4)
			start := time.Now()
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if took := time.Since(start); took > time.Second {
				t.Errorf("calls went on for %v after Close", took)
			}
		}
	})
}

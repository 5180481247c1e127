package fleet_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
)

func unasked(t *testing.T, l spapi.Limiter, b spapi.LimitBucket) {
	t.Helper()
	if err := l.Observe(t.Context(), spapi.LimitGrant{Buckets: []spapi.LimitBucket{b}}, spapi.LimitReply{Latency: -1, Unasked: true}); err != nil {
		t.Error(err)
	}
}

// While a script tells of a call that was sent unasked, others come: they wait for no more than that script, and a second such call is told at once too.
func TestUnaskedWhileOthersCome(t *testing.T) {
	const trip = 40 * time.Millisecond
	for name, calls := range map[string]func(t *testing.T, w *worker, b spapi.LimitBucket){
		"a call": func(t *testing.T, w *worker, b spapi.LimitBucket) { mustWait(t, w, waitFor(b)) },
		"a call that fails fast": func(t *testing.T, w *worker, b spapi.LimitBucket) {
			mustWait(t, w, spapi.LimitRequest{Buckets: []spapi.LimitBucket{b}, MaxWait: 0})
		},
		"another unasked": unaskedWorker,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorker(t, redistest.Memory(t))
				b := bucketOf("A", 0.1, 10)
				mustWait(t, w, waitFor(b))
				time.Sleep(200 * time.Second)
				w.link.set(func(context.Context, []string) error {
					time.Sleep(trip)
					return nil
				})
				var wg sync.WaitGroup
				wg.Go(func() { unasked(t, w, b) })
				time.Sleep(trip / 4)
				start := time.Now()
				calls(t, w, b)
				if took := time.Since(start); took > 3*trip {
					t.Errorf("it took %s, with %s to the server and back", took, trip)
				}
				wg.Wait()
				time.Sleep(3 * trip)
				other := newWorker(t, w.link.Server)
				left := 0
				for ; ; left++ {
					if _, err := other.Wait(t.Context(), spapi.LimitRequest{Buckets: []spapi.LimitBucket{b}, MaxWait: 0}); err != nil {
						break
					}
				}
				if left != 8 {
					t.Errorf("another process has %d calls left of 10, want 8 after two", left)
				}
			})
		})
	}
}

func unaskedWorker(t *testing.T, w *worker, b spapi.LimitBucket) { unasked(t, w, b) }

package fleet_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/redistest"
)

// Of more priorities than a script is told of, each with calls without end, everyone has its turn: the highest every other one, those below in order of how
// long they have waited.
func TestManyLevels(t *testing.T) {
	const levels, rate, span = 60, 20, time.Minute
	r := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		s := r.Virtual(t)
		_, _ = s.Do("FLUSHALL")
		w := newWorker(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		served, longest := make([]int, levels), make([]time.Duration, levels)
		var wg sync.WaitGroup
		for i := range levels {
			wg.Go(func() {
				q := waitFor(bucketOf("A", rate, 5))
				q.Priority = i
				for {
					start := time.Now()
					_, err := w.Wait(ctx, q)
					longest[i] = max(longest[i], time.Since(start))
					if err != nil {
						return
					}
					served[i]++
				}
			})
		}
		wg.Wait()
		sum := 0
		for i, n := range served {
			sum += n
			if most := 3 * levels * time.Second / rate; longest[i] > most {
				t.Errorf("a call of priority %d waited for %s, want %s at most; %d were let through", i, longest[i], most, n)
			}
		}
		if want := 0.97 * rate * span.Seconds(); float64(sum) < want || served[levels-1] < sum/3 {
			t.Errorf("%d calls, %d of the highest priority; want %g, and half", sum, served[levels-1], want)
		}
	})
}

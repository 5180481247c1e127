package fleet_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/redistest"
)

// Calls for thousands of sellers that come at one moment wait for each other; that is no outage.
func TestManyLinesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, redistest.Memory(t))
		busy := make(chan struct{}, 1)
		w.link.set(func(ctx context.Context, _ []string) error { // a server that does one thing at a time
			select {
			case busy <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			time.Sleep(time.Millisecond)
			<-busy
			return ctx.Err()
		})
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { mustWait(t, w, waitFor(bucketOf("A"+strconv.Itoa(i), 1, 2))) })
		}
		wg.Wait()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("1000 calls took %v, want a second", took)
		}
		if w.log.count(away) > 0 {
			t.Errorf("told: %s", w.log.String())
		}
	})
}

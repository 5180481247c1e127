package fleet_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/redistest"
)

// A process says hello for the applications that it has calls for: at once when one has its first or comes back, and no longer for one that has had none for
// a while, though others have.
func TestHelloOfIdleApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, redistest.Memory(t))
		var mu sync.Mutex
		hellos := map[string]int{}
		w.link.set(func(_ context.Context, keys []string) error {
			if strings.HasSuffix(keys[0], ":hello") {
				mu.Lock()
				hellos[keys[0]]++
				mu.Unlock()
			}
			return nil
		})
		said := func() (counts []int) {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range hellos {
				counts = append(counts, n)
			}
			clear(hellos)
			return counts
		}
		slow := bucketOf("A1", 0.001, 1)
		mustWait(t, w, waitFor(slow))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = w.Wait(ctx, waitFor(slow)) }) // it waits all the time
		other := bucketOf("A1", 1, 5)
		other.App = "amzn1.application-oa2-client.other"
		mustWait(t, w, waitFor(other))
		time.Sleep(20 * time.Second)
		said()
		time.Sleep(time.Minute)
		if got := said(); len(got) != 1 || got[0] < 28 || got[0] > 32 {
			t.Errorf("hellos in a minute, by application: %v, want 30 for the one that has a call", got)
		}
		time.Sleep(time.Second / 2)
		said()
		mustWait(t, w, waitFor(other))
		time.Sleep(time.Second / 2)
		if got := said(); len(got) != 2 {
			t.Errorf("hellos of %d applications half a second after the other came back, want both", len(got))
		}
		cancel()
		wg.Wait()
	})
}

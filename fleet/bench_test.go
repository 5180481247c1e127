package fleet_test

import (
	"testing"

	"github.com/openspapi/spapi/internal/redistest"
)

// BenchmarkWait is a call that need not wait, on a redis-server of this machine: what the fleet adds to it.
func BenchmarkWait(b *testing.B) {
	r := redistest.Start(b)
	l := newWorker(b, r.Virtual(b))
	request := waitFor(bucketOf("A1", 1e6, 1000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Wait(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

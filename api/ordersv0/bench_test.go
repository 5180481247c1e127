package ordersv0

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of getOrders.
func page() *benchpeer.Decoding[OrdersList] {
	return &benchpeer.Decoding[OrdersList]{Page: benchpeer.Orders(100), Wrapped: true,
		Elements: 100,
		Count:    func(out *OrdersList) int { return len(out.Orders) },
	}
}

func BenchmarkGetOrdersPage(b *testing.B) { page().Benchmark(b) }

func TestGetOrdersPage(t *testing.T) { page().Test(t, 200) }

// TestKeptStrings: what a caller keeps of a page keeps alive what belongs to it and not the page.
func TestKeptStrings(t *testing.T) {
	const pages = 200
	d := page()
	for _, c := range []struct{ ids, most int }{
		{1, 2 << 10},                  // of a page of 188 KB
		{d.Elements, len(d.Page) / 3}, // all of them, each with the other strings of its order
	} {
		kept := make([]string, 0, pages*c.ids)
		before := heap()
		for range pages {
			out, _, err := d.Decode(bytes.Clone(d.Page))
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.ids {
				kept = append(kept, out.Orders[i*len(out.Orders)/c.ids].AmazonOrderID)
			}
		}
		if got := int(heap()-before) / pages; got > c.most {
			t.Errorf("%d ids keep %d bytes of their page of %d, want at most %d", c.ids, got, len(d.Page), c.most)
		}
		runtime.KeepAlive(kept)
	}
}

// heap is what is reachable, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

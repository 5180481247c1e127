package orders20260101

import (
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of searchOrders.
func page() *benchpeer.Decoding[SearchOrdersResponse] {
	return &benchpeer.Decoding[SearchOrdersResponse]{Page: benchpeer.Orders2026(),
		Elements: 60,
		Count:    func(out *SearchOrdersResponse) int { return len(out.Orders) },
	}
}

func BenchmarkSearchOrdersPage(b *testing.B) { page().Benchmark(b) }

func TestSearchOrdersPage(t *testing.T) { page().Test(t, 250) }

package ordersv0

import (
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

func TestGetOrdersPage(t *testing.T) { page().Test(t, 400) }

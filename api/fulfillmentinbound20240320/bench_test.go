package fulfillmentinbound20240320

import (
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of listInboundPlanBoxes.
func page() *benchpeer.Decoding[ListInboundPlanBoxesResponse] {
	return &benchpeer.Decoding[ListInboundPlanBoxesResponse]{Page: benchpeer.Boxes(),
		Elements: 100,
		Count:    func(out *ListInboundPlanBoxesResponse) int { return len(out.Boxes) },
	}
}

func BenchmarkListInboundPlanBoxesPage(b *testing.B) { page().Benchmark(b) }

func TestListInboundPlanBoxesPage(t *testing.T) { page().Test(t, 220) }

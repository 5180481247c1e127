package listingsitems20210801

import (
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of searchListingsItems.
func page() *benchpeer.Decoding[ItemSearchResults] {
	return &benchpeer.Decoding[ItemSearchResults]{Page: benchpeer.Listings(),
		Elements: 20,
		Count:    func(out *ItemSearchResults) int { return len(out.Items) },
	}
}

func BenchmarkSearchListingsItemsPage(b *testing.B) { page().Benchmark(b) }

func TestSearchListingsItemsPage(t *testing.T) { page().Test(t, 240) }

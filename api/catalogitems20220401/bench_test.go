package catalogitems20220401

import (
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of searchCatalogItems.
func page() *benchpeer.Decoding[ItemSearchResults] {
	return &benchpeer.Decoding[ItemSearchResults]{Page: benchpeer.Catalog(),
		Elements: 20,
		Count:    func(out *ItemSearchResults) int { return len(out.Items) },
	}
}

func BenchmarkSearchCatalogItemsPage(b *testing.B) { page().Benchmark(b) }

func TestSearchCatalogItemsPage(t *testing.T) { page().Test(t, 330) }

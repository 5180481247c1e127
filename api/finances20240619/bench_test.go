package finances20240619

import (
	"testing"

	"github.com/openspapi/spapi/internal/benchpeer"
)

// page is one of listTransactions.
func page() *benchpeer.Decoding[TransactionsPayload] {
	return &benchpeer.Decoding[TransactionsPayload]{Page: benchpeer.Transactions(), Wrapped: true,
		Elements: 50,
		Count:    func(out *TransactionsPayload) int { return len(out.Transactions) },
	}
}

func BenchmarkListTransactionsPage(b *testing.B) { page().Benchmark(b) }

func TestListTransactionsPage(t *testing.T) { page().Test(t, 170) }

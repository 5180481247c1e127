package export

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/openspapi/spapi/document"
)

// rowsMade is a document whose rows are made as they are read. It notes the memory that is in use when a quarter of them has been read, and when
// all but one have.
type rowsMade struct {
	rows, made int
	left       []byte
	heap       []uint64
	random     *rand.Rand // what repeats itself is packed away
}

func (r *rowsMade) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		switch r.made {
		case 0:
			r.left = []byte("order-id\tsku\tquantity\tprice\ttitle\n")
		case r.rows:
			return 0, io.EOF
		case r.rows / 4, r.rows - 1:
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			r.heap = append(r.heap, m.HeapAlloc)
		}
		n := r.made
		r.left = fmt.Appendf(r.left, "250-%07d-1234567\tSKU-%06d\t%d\t%d.99\tSchreibtischlampe %x\n", n, n%1000, n%10, n%100, r.random.Uint64())
		r.made++
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// TestMemory: what a writer holds doesn't grow with its rows, of which there are eight megabytes. How full the pools of Parquet's library are varies by two.
func TestMemory(t *testing.T) {
	for _, format := range []Format{CSV, TSV, JSONL, Parquet} {
		made := &rowsMade{rows: 100_000, random: rand.New(rand.NewPCG(1, 2))}
		rows := document.NewRows(made, document.RowOptions{})
		header, err := rows.Header()
		if err != nil {
			t.Fatal(err)
		}
		writer, err := NewWriter(io.Discard, format, header)
		if format == Parquet {
			writer, err = NewParquet(io.Discard, header, ParquetOptions{RowGroup: 1 << 20})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := Copy(writer, rows); err != nil {
			t.Fatal(err)
		}
		if len(made.heap) != 2 || made.heap[1] > made.heap[0]+3<<20 {
			t.Errorf("%s: in use after a quarter of the rows and at their end: %d bytes", format, made.heap)
		}
	}
}

// TestAllocations: of text formats a row takes none, of Parquet few.
func TestAllocations(t *testing.T) {
	const rows = 20_000
	text := "a\tb\tc\td\n" + strings.Repeat("250-1234567-1234567\tSKU-000123\t12.99\tA name of some length, \"quoted\"\n", rows)
	for format, most := range map[Format]float64{CSV: 100, TSV: 100, JSONL: 100, Parquet: rows / 10} {
		got := testing.AllocsPerRun(3, func() {
			if err := writeRows(io.Discard, strings.NewReader(text), format); err != nil {
				t.Fatal(err)
			}
		})
		if got > most {
			t.Errorf("%s: %.0f allocations for %d rows, want at most %.0f", format, got, rows, most)
		}
	}
}

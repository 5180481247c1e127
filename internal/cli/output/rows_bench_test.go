package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// orderRows are a page of orders, with columns such as "orders list" has.
func orderRows() ([]json.RawMessage, []Column) {
	var rows []json.RawMessage
	for n := range page {
		at := fmt.Sprintf("2026-01-01T00:%02d:%02dZ", n/60, n%60)
		row := fmt.Appendf(nil, `{"orderId":"701-0000000-%07d","createdTime":%q,"lastUpdatedTime":%q,"programs":["PRIME","AMAZON_BUSINESS"],`+
			`"salesChannel":{"channelName":"AMAZON","marketplaceId":"ATVPDKIKX0DER","marketplaceName":"Amazon.com"},`+
			`"fulfillment":{"fulfillmentStatus":"UNSHIPPED","fulfilledBy":"MERCHANT","fulfillmentServiceLevel":"STANDARD"},`+
			`"proceeds":{"grandTotal":{"amount":"%d.50","currencyCode":"USD"}},"orderItems":[`, n, at, at, n)
		for j := range 1 + n%3 {
			if j > 0 {
				row = append(row, ',')
			}
			row = fmt.Appendf(row, `{"orderItemId":"%d%d","quantityOrdered":2,"product":{"asin":"B0GNI7T800","sellerSku":"SKU-%d",`+
				`"title":"Fountain pen, nib M, with a title as long as such titles are","price":{"unitPrice":{"amount":"12.50","currencyCode":"USD"}}}}`, n, j, n)
		}
		rows = append(rows, append(row, "]}"...))
	}
	member := func(name string) func(Value) string { return func(v Value) string { return v.Member(name).Text() } }
	return rows, []Column{
		{Name: "order", Path: "orderId"}, {Name: "created", Path: "createdTime"}, {Name: "status", Path: "fulfillment.fulfillmentStatus"},
		{Name: "total", Path: "proceeds.grandTotal", Text: member("amount"), Parts: []Part{{"amount", member("amount")}, {"currency", member("currencyCode")}}},
		{Name: "by", Path: "fulfillment.fulfilledBy"}, {Name: "shop", Path: "salesChannel.marketplaceName"},
		{Name: "sku", Path: "orderItems.product.sellerSku", List: true},
	}
}

var rowFormats = []struct {
	name    string
	format  Format
	columns bool
}{{"jsonl", JSONL, false}, {"json", JSON, false}, {"csv", CSV, true}, {"csv-of-all", CSV, false}, {"table", Table, true}, {"yaml", YAML, false}}

// rowsTo returns what writes pages of the rows to one list.
func rowsTo(tb testing.TB, format Format, rows []json.RawMessage, columns []Column) func() {
	tb.Helper()
	streams, _, _ := terminal.Buffers()
	streams.Out = io.Discard
	l := (&Printer{Streams: streams, Flags: Flags{Format: format}}).List(columns...)
	return func() {
		for _, row := range rows {
			if err := l.AddRaw(tb.Context(), row); err != nil {
				tb.Fatal(err)
			}
		}
		if err := l.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkRows writes rows. One operation is a row; the floor is encoding/json's Compact.
func BenchmarkRows(b *testing.B) {
	rows, columns := orderRows()
	size := 0
	for _, row := range rows {
		size += len(row)
	}
	run := func(b *testing.B, page func()) {
		b.SetBytes(int64(size / len(rows)))
		b.ReportAllocs()
		for n := 0; n < b.N; n += len(rows) {
			page()
		}
	}
	b.Run("floor-compact", func(b *testing.B) {
		var out bytes.Buffer
		run(b, func() {
			out.Reset()
			for _, row := range rows {
				_ = json.Compact(&out, row)
			}
		})
	})
	for _, c := range rowFormats {
		b.Run(c.name, func(b *testing.B) {
			of := columns
			if !c.columns {
				of = nil
			}
			run(b, rowsTo(b, c.format, rows, of))
		})
	}
}

// TestRowsAllocate: rows are written without memory of their own: a row costs next to none, a page that of its text.
func TestRowsAllocate(t *testing.T) {
	rows, columns := orderRows()
	for _, c := range rowFormats {
		bound, known := map[string]float64{"jsonl": 0.1, "json": 0.1, "csv": 1.5, "csv-of-all": 1.5, "table": 12}[c.name]
		if !known {
			continue
		}
		of := columns
		if !c.columns {
			of = nil
		}
		write := rowsTo(t, c.format, rows, of)
		write() // the heading, and memory that is used again
		if got := testing.AllocsPerRun(5, write) / float64(len(rows)); got > bound {
			t.Errorf("%s: %.2f allocations a row, want at most %.1f", c.name, got, bound)
		}
	}
}

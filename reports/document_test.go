package reports_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/reports"
)

// openText opens a report whose document is the text.
func openText(t *testing.T, typ, contentType, text string, at marketplace.Marketplace) *reports.Document {
	t.Helper()
	emu, _, _ := start(t)
	client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
		header, body := http.Header{}, text
		switch {
		case req.URL.Host == "store.example":
			header.Set("Content-Type", contentType)
		case strings.Contains(req.URL.Path, "/documents/"):
			body = `{"reportDocumentId":"d","url":"https://store.example/d"}`
		default:
			return emu.RoundTrip(req)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
	}))
	doc, err := reports.Open(t.Context(), client, &reports.Report{ReportID: "1", ReportType: typ, MarketplaceIDs: []string{at.ID}, ReportDocumentID: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = doc.Close() })
	return doc
}

// What a report type is known for is done by itself: lines before the header, and decimal commas.
func TestTableOfAType(t *testing.T) {
	const text = "\"Includes Amazon Marketplace\"\r\n\"Definitions:\"\r\n\"Datum/Uhrzeit\",\"SKU\",\"Gesamt\"\r\n\"1.1.2026\",\"1,00\",\"-1.234,50\"\r\n"
	doc := openText(t, "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA", "text/csv", text, marketplace.DE)
	decimals, err := doc.Decimals()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for row, err := range doc.Table().All() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, decimals.Row(row).Strings())
	}
	if len(rows) != 1 || !slices.Equal(rows[0], []string{"1.1.2026", "1,00", "-1234.50"}) {
		t.Errorf("rows %q", rows)
	}
	type row struct {
		Total float64 `report:"Gesamt"`
	}
	doc = openText(t, "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA", "text/csv", text, marketplace.DE)
	for r, err := range reports.Rows[row](doc) {
		if err != nil || r.Total != -1234.5 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	// Elsewhere the caller says so.
	doc = openText(t, listings, "text/csv", text, marketplace.DE)
	header, err := doc.TableWith(document.RowOptions{Skip: 2}).Header()
	if err != nil || !slices.Equal(header.Names(), []string{"Datum/Uhrzeit", "SKU", "Gesamt"}) {
		t.Errorf("header %q, %v", header.Names(), err)
	}
}

// A document tells what isn't as it was said to be.
func TestDocumentTells(t *testing.T) {
	doc := openText(t, listings, "text/plain; charset=UTF-8", "sku\tname\nA\tCaf\xe9 Se\xf1or\tx\nB\n", marketplace.DE)
	for _, err := range doc.Table().All() {
		if err != nil {
			t.Fatal(err)
		}
	}
	stats := doc.Stats()
	want := []document.Irregular{{Line: 2, Fields: 3, Columns: 2}, {Line: 3, Fields: 1, Columns: 2}}
	if doc.Misdeclared() != "UTF-8" || doc.Charset() != "windows-1252" || stats.Long != 1 || stats.Short != 1 || !slices.Equal(stats.First, want) {
		t.Errorf("declared %q, read as %s, %+v", doc.Misdeclared(), doc.Charset(), stats)
	}
}

// What is known of columns is of types that are known and have columns; where amounts have local decimals, it is known which they are.
func TestColumnsOfTypes(t *testing.T) {
	known := 0
	for _, typ := range reports.Types() {
		if typ.LocalDecimal && len(typ.Amounts) == 0 {
			t.Errorf("%s has local decimals, but no known amounts", typ.Name)
		}
		if len(typ.Amounts) == 0 && !typ.Explained {
			continue
		}
		known++
		if typ.Format != "TSV" && typ.Format != "CSV" {
			t.Errorf("%s has columns, but is %s", typ.Name, typ.Format)
		}
		seen := map[string]bool{}
		for _, name := range typ.Amounts {
			if name == "" || name != strings.TrimSpace(name) || seen[name] {
				t.Errorf("%s: amount %q", typ.Name, name)
			}
			seen[name] = true
			for _, never := range []string{"id", "sku", "date", "postal", "quantity"} {
				if slices.Contains(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '-' }), never) {
					t.Errorf("%s: %q is no amount", typ.Name, name)
				}
			}
		}
	}
	if known != 3 {
		t.Errorf("%d types with known columns, columns.csv has 3", known)
	}
}

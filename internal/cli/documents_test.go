package cli_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// oneReport is a service that has one report, with what is told of it and the bytes of its document.
type oneReport struct {
	kind, marketplace, contentType string
	document                       []byte
}

func (s *oneReport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/document" {
		w.Header()["Content-Type"] = nil // as S3 has it where nothing is known
		if s.contentType != "" {
			w.Header().Set("Content-Type", s.contentType)
		}
		_, _ = w.Write(s.document)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch path := strings.TrimPrefix(r.URL.Path, "/reports/2021-06-30"); {
	case strings.HasSuffix(r.URL.Path, "/token"):
		fmt.Fprint(w, `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`)
	case r.Method == http.MethodPost && path == "/reports":
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"reportId":"7"}`)
	case path == "/reports/7":
		fmt.Fprintf(w, `{"reportId":"7","reportType":%q,"marketplaceIds":[%q],"processingStatus":"DONE","reportDocumentId":"d","createdTime":"2026-01-01T00:00:00Z"}`, s.kind, s.marketplace)
	case path == "/documents/d":
		fmt.Fprintf(w, `{"reportDocumentId":"d","url":"http://%s/document"}`, r.Host)
	case strings.HasSuffix(path, "/restrictedDataToken"):
		fmt.Fprint(w, `{"restrictedDataToken":"Atz.sprdt|x","expiresIn":3600}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestDocumentsFromTheField runs "report download" and "report run" on documents as users met them, in each format.
func TestDocumentsFromTheField(t *testing.T) {
	const us, de, jp = "ATVPDKIKX0DER", "A1PA6795UKMFR9", "A1VC38T7YXB528"
	for _, c := range []struct {
		file, kind, marketplace, contentType string
		flags                                string
		jsonl                                string   // in part
		told                                 []string // on stderr, in part; none: nothing but what was written
		cannotRun                            bool     // Amazon makes it by itself
	}{
		{file: "utf8-declared-cp1252-bytes.txt", kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: de, contentType: "text/plain; charset=UTF-8",
			jsonl: `{"item-name":"Café Señor","seller-sku":"S-1","price":"9,99"}`,
			told:  []string{"report 7: declared to be in UTF-8, but its bytes are in windows-1252, and were read as that"}},
		{file: "two-byte-order-marks.txt", kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: us, contentType: "text/plain; charset=utf-8",
			jsonl: `{"item-name":"Pen","seller-sku":"S-1"}`},
		{file: "inner-quotes.txt", kind: "GET_LEDGER_DETAIL_VIEW_DATA", marketplace: us, contentType: "text/plain; charset=utf-8",
			jsonl: `"Title":"24\" screen, 2 pack","Quantity":"3"}` + "\n" + `{"Date":"01/03/2026","Title":"Cable 1/4\" jack","Quantity":"4"}`},
		{file: "unbalanced-quote.txt", kind: "GET_B2B_PRODUCT_OPPORTUNITIES_RECOMMENDED_FOR_YOU", marketplace: us, contentType: "text/csv; charset=utf-8",
			jsonl: `{"sku":"S-4","title":"\"24 inch","qty":"6"}`,
			told:  []string{"report 7: 2 of 5 rows are irregular, and kept whole: line 2: a quote without another; line 5: a quote without another"}},
		{file: "cr-only.txt", kind: "GET_B2B_PRODUCT_OPPORTUNITIES_RECOMMENDED_FOR_YOU", marketplace: us, contentType: "text/csv",
			jsonl: `{"ASIN":"B0A","Title":"Pen","Units":"3"}` + "\n" + `{"ASIN":"B0B","Title":"Ink","Units":"4"}`},
		{file: "tab-in-value.txt", kind: "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", marketplace: us, contentType: "text/plain; charset=utf-8",
			jsonl: `"Return quantity":"80","Item Name":"2","_extra":["Ink"]}`, told: []string{"report 7: 1 of 2 rows are irregular, and kept whole: line 3: 6 fields for 5 columns"}},
		{file: "lf-in-field.txt", kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: us, contentType: "text/plain; charset=utf-8",
			jsonl: `{"sku":"line two","note":"3"}`, told: []string{"report 7: 2 of 3 rows are irregular, and kept whole: line 2: 2 fields for 3 columns; line 3: 2 fields for 3 columns"}},
		{file: "settlement-de.txt", kind: "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", marketplace: de, cannotRun: true,
			jsonl: `"amount-description":"Commission","amount":"-0.15","fulfillment-id":"AFN","posted-date":"02.01.2026"`},
		{file: "settlement-de.txt", kind: "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", marketplace: de, cannotRun: true, flags: "--raw-values",
			jsonl: `"amount-description":"Commission","amount":"-0,15","fulfillment-id":"AFN","posted-date":"02.01.2026"`},
		{file: "lines-before-header.txt", kind: "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA", marketplace: us, contentType: "text/csv; charset=utf-8",
			jsonl: `{"date/time":"Jan 1, 2026 1:02:03 AM PST","settlement id":"1","type":"Order","total":"1234.50"}`},
		{file: "lines-before-header.txt", kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: us, contentType: "text/csv; charset=utf-8", flags: "--skip-lines 3",
			jsonl: `{"date/time":"Jan 1, 2026 1:02:03 AM PST","settlement id":"1","type":"Order","total":"1,234.50"}`},
		{file: "lines-before-header.txt", kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: us, contentType: "text/csv; charset=utf-8", flags: "--skip-lines auto",
			jsonl: `"settlement id":"1"`},
		{file: "lines-before-header.txt", kind: "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA", marketplace: us, contentType: "text/csv; charset=utf-8", flags: "--skip-lines 0",
			jsonl: `{"Includes Amazon Marketplace transactions":"Definitions:"}`},
		{file: "xml-shift-jis.xml", kind: "GET_XML_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", marketplace: jp, contentType: "text/xml;charset=Shift_JIS"},
	} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "document", "testdata", "field", c.file))
		if err != nil {
			t.Fatal(err)
		}
		service := &oneReport{kind: c.kind, marketplace: c.marketplace, contentType: c.contentType, document: raw}
		get := func(t *testing.T, out string, run bool) (content, messages string) {
			t.Helper()
			bare(t)
			plantEnvironment(t, "")
			t.Setenv("SPAPI_REGION", map[string]string{us: "na", de: "eu", jp: "fe"}[c.marketplace])
			server := httptest.NewServer(service)
			defer server.Close()
			args := []string{"report", "download", "7"}
			if run {
				args = []string{"report", "run", c.kind, "--start", "2026-01-01", "--end", "2026-01-02"}
			}
			path := filepath.Join(t.TempDir(), out)
			args = append(append(args, strings.Fields(c.flags)...), "--out", path, "--poll", "1ms", "--endpoint", server.URL, "--token-url", server.URL+"/token", "--marketplace", c.marketplace)
			streams, _, m := terminal.Buffers()
			if status := cli.Run(t.Context(), factory.With(streams, "test", nil), args); status != exit.OK {
				t.Fatalf("status %d: %s", status, m)
			}
			written, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return string(written), m.String()
		}
		t.Run(c.file+" "+c.kind+" "+c.flags, func(t *testing.T) {
			if strings.HasSuffix(c.file, ".xml") {
				for _, run := range []bool{false, true} {
					if got, _ := get(t, "r.xml", run); !strings.HasPrefix(got, `<?xml version="1.0" encoding="UTF-8"?>`) || !strings.Contains(got, "<Name>白いペン</Name>") {
						t.Errorf("run %v: %s", run, got)
					}
				}
				return
			}
			jsonl, messages := get(t, "r.jsonl", false)
			if !strings.Contains(jsonl, c.jsonl) {
				t.Errorf("JSONL %s, want %s", jsonl, c.jsonl)
			}
			tell := func(how, messages string) {
				lines := strings.Count(messages, "report 7: ")
				for _, want := range c.told {
					if !strings.Contains(messages, want+"\n") {
						t.Errorf("%s tells %q, want %q", how, messages, want)
					}
				}
				if lines != len(c.told) {
					t.Errorf("%s tells %q, want %d complaints", how, messages, len(c.told))
				}
			}
			tell("download", messages)
			if !c.cannotRun {
				again, messages := get(t, "r.jsonl", true)
				if again != jsonl {
					t.Errorf("run wrote %s, download %s", again, jsonl)
				}
				tell("run", messages)
			}
			if !strings.HasPrefix(c.file, "settlement") {
				return
			}
			amounts := []string{"1.234,56", "1,00", "-0,15"}
			if c.flags == "" {
				amounts = []string{"1234.56", "1.00", "-0.15"}
			}
			csv, _ := get(t, "r.csv", false)
			tsv, _ := get(t, "r.tsv", false)
			packed, _ := get(t, "r.parquet", false)
			for _, amount := range amounts {
				if field := strings.ReplaceAll(`"`+amount+`"`, `"`, map[bool]string{true: `"`}[strings.Contains(amount, ",")]); !strings.Contains(csv, ","+field+",") {
					t.Errorf("CSV without %s: %s", field, csv)
				}
				if !strings.Contains(tsv, "\t"+amount+"\t") {
					t.Errorf("TSV without %s: %s", amount, tsv)
				}
				if cells := parquetCells(t, packed); !strings.Contains(cells, "|"+amount+"|") {
					t.Errorf("Parquet without %s: %s", amount, cells)
				}
			}
			if raw, _ := get(t, "r.orig", false); raw != string(service.document) {
				t.Errorf("raw is %q", raw)
			}
		})
	}
}

// TestDocumentsThatAreNoTables: what came in place of a table makes no empty file, and can be had as it is.
func TestDocumentsThatAreNoTables(t *testing.T) {
	for looks, document := range map[string]string{"HTML": "<html><body>Access denied</body></html>", "JSON": `{"errors":[{"code":"X"}]}`, "gzip": "\x1f\x8b\x08\x00"} {
		bare(t)
		plantEnvironment(t, "")
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(document))
		_ = z.Close()
		server := httptest.NewServer(&oneReport{kind: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplace: "ATVPDKIKX0DER", document: packed.Bytes()})
		defer server.Close()
		for format, want := range map[string]int{"jsonl": exit.Failure, "csv": exit.Failure, "raw": exit.OK} {
			streams, out, messages := terminal.Buffers()
			status := cli.Run(t.Context(), factory.With(streams, "test", nil), []string{"report", "download", "7", "-o", format, "--endpoint", server.URL, "--token-url", server.URL + "/token"})
			if status != want || want == exit.OK != (out.String() == document) || want != exit.OK && !strings.Contains(messages.String(), "begins as "+looks+" does") {
				t.Errorf("%s, %s: status %d, %q, %q", looks, format, status, out, messages)
			}
		}
	}
}

// parquetCells are all cells of a file, between bars.
func parquetCells(t *testing.T, data string) string {
	t.Helper()
	file, err := parquet.OpenFile(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buf := make([]parquet.Row, 10)
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				for _, v := range row {
					fmt.Fprintf(&b, "|%s|", v)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = rows.Close()
	}
	return b.String()
}

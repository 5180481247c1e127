package document_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/openspapi/spapi/document"
)

// store stands for the place that documents are fetched from.
type store string

func (s store) RoundTrip(*http.Request) (*http.Response, error) {
	status := http.StatusOK
	if s == "" {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(s))), ContentLength: int64(len(s))}, nil
}

// where asks for a fresh address: getReportDocument, getFeedDocument or Data Kiosk's getDocument.
func where(context.Context) (document.Location, error) {
	return document.Location{URL: "https://tortuga-prod-na.s3-external-1.amazonaws.com/…"}, nil
}

func ExampleOpen() {
	ctx := context.Background()
	doc, err := document.Open(ctx, where, document.Options{
		Transport: store("sku\tname\nA\tM\xfcller\n"), // leave it out, and it is the network
		Charset:   "windows-1252",                     // where the store names none
	})
	if err != nil {
		log.Fatal(err)
	}
	defer doc.Close()
	text, err := io.ReadAll(doc)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q from %s\n", text, doc.Charset())
	// Output: "sku\tname\nA\tMüller\n" from windows-1252
}

func ExampleFetchError() {
	_, err := document.Open(context.Background(), where, document.Options{Transport: store("")})
	var refused *document.FetchError
	var cut *document.TruncatedError
	switch {
	case errors.As(err, &refused):
		fmt.Println("the store answers", refused.StatusCode)
	case errors.As(err, &cut):
		fmt.Println("cut after", cut.Have, "bytes")
	case errors.Is(err, document.ErrChanged):
		fmt.Println("fetch it again from the start")
	}
	// Output: the store answers 404
}

func ExampleRows() {
	rows := document.NewRows(strings.NewReader("order-id\tsku\n111\tA\n112\tB\n"), document.RowOptions{})
	for row, err := range rows.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.Get("sku"), "in order", row.Get("order-id"))
	}
	fmt.Println(rows.Stats().Rows, "rows")
	// Output:
	// A in order 111
	// B in order 112
	// 2 rows
}

func ExampleDecode() {
	type order struct {
		ID   string    `report:"order-id|Bestellnummer"`
		Paid float64   `report:"total"`
		Date time.Time `report:"purchase-date"`
	}
	rows := document.NewRows(strings.NewReader("Bestellnummer\ttotal\tpurchase-date\n111\t1.234,50\t31.01.2026\n"), document.RowOptions{})
	for o, err := range document.Decode[order](rows, document.DecodeOptions{Decimal: ','}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(o.ID, o.Paid, o.Date.Format(time.DateOnly))
	}
	// Output: 111 1234.5 2026-01-31
}

func ExampleElements() {
	src := strings.NewReader(`{"salesAndTrafficByDate":[{"date":"2026-01-30"},{"date":"2026-01-31"}]}`)
	for element, err := range document.Elements(src, "salesAndTrafficByDate", 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(element))
	}
	// Output:
	// {"date":"2026-01-30"}
	// {"date":"2026-01-31"}
}

func ExampleLines() {
	for line, err := range document.Lines(strings.NewReader("{\"asin\":\"B01\"}\n{\"asin\":\"B02\"}\n"), 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
	// Output:
	// {"asin":"B01"}
	// {"asin":"B02"}
}

func ExampleParseNumber() {
	n, err := document.ParseNumber("1.234,50", ',')
	fmt.Println(n, err)
	// Output: 1234.50 <nil>
}

func ExampleNewTextReader() {
	text, err := io.ReadAll(document.NewTextReader(strings.NewReader("\x93\xfa\x96\x7b"), "cp932", ""))
	fmt.Println(string(text), err)
	// Output: 日本 <nil>
}

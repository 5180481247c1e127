package reports

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

// Document is a report's content as it streams in: unpacked, and in UTF-8 unless it is XLSX or PDF, which stay as they are. XML says that it is in UTF-8.
// It must be closed.
type Document struct {
	*document.Reader
	Report Report
	Type   Type

	table *document.Rows
}

// Open opens the document of a report that is done. Documents are fetched without credentials; a URL that expires while the document is read is
// replaced. Errors: [*job.DocumentError]. Reading ends with those of [document.Open].
func Open(ctx context.Context, client *spapi.Client, report *Report, opts ...job.Option) (*Document, error) {
	return configure(client, opts).open(ctx, client, report)
}

func (c *config) open(ctx context.Context, client *spapi.Client, report *Report) (*Document, error) {
	t, _ := LookupType(report.ReportType)
	if report.ReportDocumentID == "" {
		return nil, &job.DocumentError{Kind: job.Report, ID: report.ReportID, Err: job.ErrNoDocument}
	}
	r, err := document.Open(ctx, c.resolver(client, report), document.Options{
		Transport: c.Transport, Charset: charset(t, report), Binary: slices.Contains([]string{"XLSX", "PDF"}, t.Format),
	})
	if err != nil {
		return nil, &job.DocumentError{Kind: job.Report, ID: report.ReportID, Err: err}
	}
	return &Document{Reader: r, Report: *report, Type: t}, nil
}

func (c *config) resolver(client *spapi.Client, report *Report) func(context.Context) (document.Location, error) {
	calls := append(slices.Clone(c.Calls), spapi.WithReportType(report.ReportType))
	return func(ctx context.Context) (document.Location, error) {
		d, err := reports20210630.New(client).GetReportDocument(ctx, &reports20210630.GetReportDocumentInput{ReportDocumentID: report.ReportDocumentID}, calls...)
		if err != nil {
			return document.Location{}, err
		}
		return document.Location{URL: d.URL, CompressionAlgorithm: string(d.CompressionAlgorithm)}, nil
	}
}

// charset is what a document is in when its Content-Type doesn't tell, which settlement reports mostly don't: "" if its look has to.
func charset(t Type, report *Report) string {
	if t.Format == "JSON" {
		return "UTF-8"
	}
	return store(report).Charset
}

// store is the marketplace by whose ways a report is written; the zero one if that is unknown.
func store(report *Report) marketplace.Marketplace {
	if len(report.MarketplaceIDs) == 0 {
		return marketplace.Marketplace{}
	}
	m, _ := marketplace.ByID(report.MarketplaceIDs[0])
	return m
}

// DecodeOptions are those that suit the report: with a decimal comma where the type and the marketplace have one.
func (d *Document) DecodeOptions() document.DecodeOptions {
	m := store(&d.Report)
	var o document.DecodeOptions
	if d.Type.LocalDecimal && m.DecimalComma {
		o.Decimal = ','
	}
	o.Time.DayFirst = m.DayFirst
	return o
}

// RowOptions are those that suit the report: the header is looked for where lines that explain the report may stand before it.
func (d *Document) RowOptions() document.RowOptions {
	return document.RowOptions{FindHeader: d.Type.Explained}
}

// Table returns the rows of a document with a header: what Type.Format TSV and CSV are. All rows are read from it, whoever asks.
func (d *Document) Table() *document.Rows { return d.TableWith(d.RowOptions()) }

// TableWith is [Document.Table] with options of the caller's own, best made from those of [Document.RowOptions]; they count where no row has been asked for
// before.
func (d *Document) TableWith(options document.RowOptions) *document.Rows {
	if d.table == nil {
		d.table = document.NewRows(d.Reader, options)
	}
	return d.table
}

// Stats tells what of the rows read so far is not as the header wants it, by number of line; for the charset see [document.Reader.Misdeclared].
func (d *Document) Stats() document.RowStats { return d.Table().Stats() }

// Decimals rewrites the amounts of the rows of [Document.Table] with a decimal point, where the type's Amounts are known.
func (d *Document) Decimals() (*document.Decimals, error) {
	header, err := d.Table().Header()
	if err != nil {
		return nil, err
	}
	return document.NewDecimals(header, d.DecodeOptions().Decimal, d.Type.Amounts...), nil
}

// Rows reads the rows into structs; see the package's example. A field takes the column that its tag names, or the first of several names, as
// localised reports need them:
//
//	type Listing struct {
//		SKU      string      `report:"seller-sku|Händler-SKU"`
//		Price    json.Number `report:"price"`
//		Quantity *int        `report:"quantity"` // nil where the cell is empty
//	}
//
// Iteration ends after an error: [*document.ColumnError], [*document.CellError], those of the document.
func Rows[T any](d *Document) iter.Seq2[T, error] { return RowsWith[T](d, d.DecodeOptions()) }

// RowsWith is [Rows] with options of the caller's own, best made from those of [Document.DecodeOptions].
func RowsWith[T any](d *Document, options document.DecodeOptions) iter.Seq2[T, error] {
	return document.Decode[T](d.Table(), options)
}

// Elements goes through the elements of an array in a JSON report, one at a time: path names the members that lead to it, such as
// "salesAndTrafficByAsin"; "" if the document is the array. Iteration ends after an error.
func Elements[T any](d *Document, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for raw, err := range document.Elements(d.Reader, path, 0) {
			var v T
			if err == nil {
				err = json.Unmarshal(raw, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// RawElements is [Elements] as JSON, each valid until the next.
func RawElements(d *Document, path string) iter.Seq2[[]byte, error] {
	return document.Elements(d.Reader, path, 0)
}

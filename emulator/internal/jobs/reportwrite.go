package jobs

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// WriteReport makes the document of a report as of at. No document stands for no data; problem is the document of one that failed.
func (k *Queue) WriteReport(r *Report, at time.Time) (d *Document, problem []byte) {
	w := k.account.World()
	markets := k.marketplacesOf(r.Marketplaces)
	d = &Document{Created: at, Expires: at.Add(r.Kind.retention), Restricted: r.Kind.restricted, Derived: streamed(r.Kind.rows)}
	start := func() rows { return k.reportRows(r, w, at) }
	switch r.Kind.format {
	case "TSV", "CSV":
		// Without any rows a report is CANCELLED (selling-partner-api-models: "an automatic cancellation if there is no data to return").
		if start()() == nil {
			return nil, nil
		}
		name, encode := charset(markets[0])
		d.ContentType = "text/plain; charset=" + name
		if r.Kind.rows == "settlement" {
			d.ContentType = "text/plain" // the charset is absent there (saleweaver/python-amazon-sp-api#769)
		}
		separator := byte('\t')
		if r.Kind.format == "CSV" {
			separator = ','
		}
		d.Open = flatFile(w, r.Kind.columns, start, separator, strings.HasPrefix(r.Kind.rows, "ledger"), encode)
	case "XML":
		d.ContentType = "text/xml; charset=UTF-8"
		if r.Kind.rows == "browse-tree" {
			d.Open = browseTree(markets[0].CountryCode)
			return d, nil
		}
		if start()() == nil {
			return nil, nil
		}
		d.Open = k.xmlReport(r, w, at, start)
	case "JSON":
		d.ContentType = "application/json; charset=UTF-8"
		if r.Kind.rows == "sales" {
			d.ContentType = "text/plain; charset=utf-8" // though it is JSON (jrl84/amazon-sp-api#214)
			body, problem := k.salesReport(r, w, at)
			if problem != "" {
				return nil, errorDetails(problem)
			}
			d.Open = onePiece(body)
			return d, nil
		}
		d.Open = onePiece(k.shapedReport(r, at))
	case "XLSX":
		d.ContentType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		d.Open = onePiece(spreadsheet([][]string{{"Report", r.Kind.Name}, {"Seller", k.account.ID}, {"From", OffsetTimestamp(r.From)}, {"To", OffsetTimestamp(r.To)}}))
	case "PDF":
		d.ContentType = "application/pdf"
		if r.Kind.Name == easyShipDocuments {
			content := k.easyShipLabels(r, w, at)
			if content == nil {
				return nil, errorDetails("The report has been requested without a feed of type POST_EASYSHIP_DOCUMENTS.")
			}
			d.Open = onePiece(content)
			return d, nil
		}
		d.Open = onePiece(pdf(r.Kind.Name + " of " + k.account.ID + ", " + OffsetTimestamp(at)))
	}
	return d, nil
}

// easyShipDocuments is the report that a feed asks for; when it is requested by itself it ends FATAL (selling-partner-api-models#4421). Which orders it is for
// stands in an option of its own.
const (
	easyShipDocuments = "GET_EASYSHIP_DOCUMENTS"
	easyShipOrders    = "orders of the feed"
)

// easyShipLabels are the labels of the packages that a report is for; nil where it is for none. Their order is that of the feed
// (selling-partner-api-models#5196).
func (k *Queue) easyShipLabels(r *Report, w *world.World, at time.Time) []byte {
	var sheets []labels.Content
	for id := range strings.SplitSeq(r.Options[easyShipOrders], ",") {
		if o := w.OrderByID(id, at); o != nil {
			if p := o.EasyShipAt(at); p != nil {
				sheets = append(sheets, Label(k.account, o, "Amazon Shipping", "Easy Ship", p.Tracking, p.Identifier, p.Slot.Start.UTC().Format(time.RFC3339)))
			}
		}
	}
	if sheets == nil {
		return nil
	}
	b, err := labels.Sheets(sheets, labels.FourBySix)
	if err != nil {
		panic("emulator: labels of report " + r.ID + ": " + err.Error()) // the tracking numbers are ours
	}
	return b
}

// Label is what stands on the label of an order's parcel.
func Label(a *desk.Seller, o *world.Order, carrier, service, tracking string, notes ...string) labels.Content {
	from := a.World().AddressIn(a.Desk.Seed.Of("business", a.Number), a.Marketplaces[0].CountryCode)
	from.Name = a.StoreName
	return labels.Content{Carrier: carrier, Service: service, Tracking: tracking, OrderID: o.ID, From: from.Lines(), To: o.To.Lines(), Notes: notes}
}

// errorDetails is the document of a report that ended FATAL (saleweaver/python-amazon-sp-api#624).
func errorDetails(text string) []byte {
	b, _ := json.Marshal(text) // a text can always be written
	return []byte("{\n  \"errorDetails\" : " + string(b) + "\n}")
}

// streamed tells whether rows can be made again later as they were: orders keep their history, listings and stock don't.
func streamed(rows string) bool {
	for _, prefix := range []string{"orders", "shipments", "returns", "settlement", "feedback"} {
		if strings.HasPrefix(rows, prefix) {
			return true
		}
	}
	return false
}

func ReadAll(next Source) []byte {
	var b bytes.Buffer
	for piece := next(); piece != nil; piece = next() {
		b.Write(piece)
	}
	return b.Bytes()
}

// element writes <name>text</name>.
func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a buffer takes everything
	b.WriteString("</" + name + ">")
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">
`

// xmlReport writes rows in Amazon's envelope: all-orders reports as AllOrdersReport, the others as one Message with an element per column.
func (k *Queue) xmlReport(r *Report, w *world.World, at time.Time, start func() rows) func() Source {
	kind := map[string]string{"orders": "AllOrdersReport", "orders-updated": "AllOrdersReport", "orders-pending": "PendingOrdersReport", "orders-unshipped": "OrderReport", "settlement": "SettlementReport", "returns-mfn": "ReturnsReport"}[r.Kind.rows]
	if kind == "" {
		kind = "Report"
	}
	return func() Source {
		var next rows
		var b bytes.Buffer
		n, ended := 0, false
		return func() []byte {
			if ended {
				return nil
			}
			b.Reset()
			if next == nil {
				next = start()
				b.WriteString(envelope + "<Header><DocumentVersion>1.00</DocumentVersion>")
				element(&b, "MerchantIdentifier", k.account.ID)
				b.WriteString("</Header>\n")
				element(&b, "MessageType", kind)
				b.WriteByte('\n')
			}
			for range 64 {
				row := next()
				if row == nil {
					b.WriteString("</AmazonEnvelope>\n")
					ended = true
					break
				}
				if kind == "AllOrdersReport" {
					if row.i == 0 {
						w.RLock()
						orderMessage(&b, row)
						w.RUnlock()
					}
					continue
				}
				n++
				b.WriteString("<Message>")
				element(&b, "MessageID", strconv.Itoa(n))
				b.WriteString("<" + kind + ">")
				w.RLock()
				for _, c := range r.Kind.columns {
					if v := row.cell(normal(c)); v != "" {
						element(&b, camel(c), v)
					}
				}
				w.RUnlock()
				b.WriteString("</" + kind + "></Message>\n")
			}
			return b.Bytes()
		}
	}
}

// camel makes a column's name an element's: "amazon-order-id" is AmazonOrderId.
func camel(column string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(column, func(r rune) bool { return r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// orderMessage writes one order as GET_XML_ALL_ORDERS_DATA_* do.
func orderMessage(b *bytes.Buffer, row *reportRow) {
	o := row.o
	b.WriteString("<Message><Order>")
	element(b, "AmazonOrderID", o.ID)
	element(b, "MerchantOrderID", o.SellerOrderID)
	element(b, "PurchaseDate", OffsetTimestamp(o.Purchased))
	element(b, "LastUpdatedDate", OffsetTimestamp(o.Updated(row.at)))
	element(b, "OrderStatus", row.cell("order-status"))
	element(b, "SalesChannel", row.cell("sales-channel"))
	b.WriteString("<FulfillmentData>")
	element(b, "FulfillmentChannel", row.cell("fulfillment-channel"))
	element(b, "ShipServiceLevel", row.cell("ship-service-level"))
	b.WriteString("<Address>")
	element(b, "City", o.To.City)
	element(b, "State", o.To.State)
	element(b, "PostalCode", o.To.PostalCode)
	element(b, "Country", o.To.Country)
	b.WriteString("</Address></FulfillmentData>")
	element(b, "IsBusinessOrder", strconv.FormatBool(o.Business))
	for i := range o.Items {
		item := *row
		item.i, item.it = i, &o.Items[i]
		b.WriteString("<OrderItem>")
		element(b, "AmazonOrderItemCode", item.it.ID)
		element(b, "ASIN", item.it.Product.ASIN)
		element(b, "SKU", item.it.SKU)
		element(b, "ItemStatus", item.cell("item-status"))
		element(b, "ProductName", item.it.Product.TitleIn(o.Marketplace))
		element(b, "Quantity", item.cell("quantity"))
		if price := item.cell("item-price"); price != "" {
			b.WriteString("<ItemPrice><Component><Type>Principal</Type>")
			fmt.Fprintf(b, `<Amount currency="%s">%s</Amount></Component><Component><Type>Tax</Type><Amount currency="%s">%s</Amount></Component></ItemPrice>`,
				item.it.Price.Currency, price, item.it.Price.Currency, item.cell("item-tax"))
		}
		b.WriteString("</OrderItem>")
	}
	b.WriteString("</Order></Message>\n")
}

// browseTree writes the categories that the catalogue has, with a root above them.
func browseTree(country string) func() Source {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Result>\n")
	node := func(id, name, path, pathNames, types string, children []string) {
		b.WriteString("<Node>")
		element(&b, "browseNodeId", id)
		b.WriteString(`<browseNodeAttributes count="0"/>`)
		element(&b, "browseNodeName", name)
		element(&b, "browseNodeStoreContextName", name)
		element(&b, "browsePathById", path)
		element(&b, "browsePathByName", pathNames)
		element(&b, "hasChildren", strconv.FormatBool(len(children) > 0))
		fmt.Fprintf(&b, `<childNodes count="%d">`, len(children))
		for _, c := range children {
			element(&b, "id", c)
		}
		b.WriteString("</childNodes>")
		element(&b, "productTypeDefinitions", types)
		b.WriteString(`<refinementsInformation count="0"/></Node>` + "\n")
	}
	const root = "1064954"
	rootName := "Office Products"
	if country == "JP" {
		rootName = "文房具・オフィス用品"
	}
	var ids []string
	for _, kind := range world.ProductKinds {
		if !slices.Contains(ids, kind.CategoryN) {
			ids = append(ids, kind.CategoryN)
		}
	}
	node(root, rootName, root, rootName, "", ids)
	seen := map[string]bool{}
	for _, kind := range world.ProductKinds {
		if !seen[kind.CategoryN] {
			seen[kind.CategoryN] = true
			node(kind.CategoryN, kind.Category, root+","+kind.CategoryN, rootName+","+kind.Category, kind.Type, nil)
		}
	}
	b.WriteString("</Result>\n")
	return onePiece(b.Bytes())
}

// spreadsheet writes the least workbook that spreadsheet programs open (ECMA-376).
func spreadsheet(cells [][]string) []byte {
	var sheet bytes.Buffer
	sheet.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for _, row := range cells {
		sheet.WriteString("<row>")
		for _, c := range row {
			sheet.WriteString(`<c t="inlineStr"><is>`)
			element(&sheet, "t", c)
			sheet.WriteString(`</is></c>`)
		}
		sheet.WriteString("</row>")
	}
	sheet.WriteString("</sheetData></worksheet>")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Report" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", sheet.String()},
	} {
		f, _ := z.Create(file[0]) // a buffer takes everything
		_, _ = f.Write([]byte(file[1]))
	}
	_ = z.Close()
	return b.Bytes()
}

// pdf writes one page with one line of text (ISO 32000-1).
func pdf(text string) []byte {
	var b bytes.Buffer
	var offsets []int
	b.WriteString("%PDF-1.4\n")
	stream := "BT /F1 12 Tf 72 720 Td (" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text) + ") Tj ET"
	for i, body := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}

//go:embed report_shapes.json
var reportShapesJSON []byte

// reportShapes are the members and types of JSON reports, by report type, as their schemas have them. A shape is an object of shapes, a
// list of one shape, or the name of a type; "string:A|B" is one of A and B.
var reportShapes = sync.OnceValue(func() map[string]any {
	shapes := map[string]any{}
	if err := json.Unmarshal(reportShapesJSON, &shapes); err != nil {
		panic("emulator: report_shapes.json: " + err.Error())
	}
	return shapes
})

// shapedReport fills the shape of a JSON report. The seller's own products stand in it; the figures mean nothing.
func (k *Queue) shapedReport(r *Report, at time.Time) []byte {
	shape := reportShapes()[r.Kind.Name]
	if shape == nil {
		shape = map[string]any{"dataByAsin": []any{map[string]any{"asin": "string", "startDate": "date", "endDate": "date"}}}
	}
	g := &shaper{r: k.random("shape", r.Kind.Name, r.ID), report: r, products: k.account.World().Products}
	body, _ := g.value(shape, "").(object)
	spec := object{"reportType": r.Kind.Name, "dataStartTime": r.From.UTC().Format(time.DateOnly), "dataEndTime": r.To.UTC().Format(time.DateOnly), "marketplaceIds": r.Marketplaces}
	if len(r.Options) > 0 {
		spec["reportOptions"] = r.Options
	}
	if old, ok := body["reportSpecification"].(object); ok {
		for name, v := range spec {
			old[name] = v
		}
	} else if reportShapes()[r.Kind.Name] == nil {
		body["reportSpecification"] = spec
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic("emulator: report: " + err.Error()) // shapes hold nothing that JSON can't
	}
	return b
}

type shaper struct {
	r        random.Source
	report   *Report
	products []*world.Product
}

func (g *shaper) value(shape any, name string) any {
	switch s := shape.(type) {
	case map[string]any:
		out := object{}
		for member := range format.SortedKeys(s) {
			out[member] = g.value(s[member], member)
		}
		return out
	case []any:
		list := []any{}
		for range min(3, len(g.products)) {
			list = append(list, g.value(s[0], name))
		}
		if name == "marketplaceIds" {
			return g.report.Marketplaces
		}
		return list
	case string:
		kind, values, _ := strings.Cut(s, ":")
		if values != "" {
			allowed := strings.Split(values, "|")
			if v := g.report.Options[name]; slices.Contains(allowed, v) {
				return v
			}
			return allowed[0]
		}
		lower := strings.ToLower(name)
		switch kind {
		case "integer":
			return g.r.Between(1, 100)
		case "number":
			return json.Number(fmt.Sprintf("0.%02d", g.r.Between(1, 99)))
		case "boolean":
			return g.r.Chance(2)
		case "date":
			if strings.HasPrefix(lower, "end") {
				return g.report.To.UTC().Format(time.DateOnly)
			}
			return g.report.From.UTC().Format(time.DateOnly)
		case "date-time":
			return format.Timestamp(g.report.To)
		}
		switch p := random.Pick(g.r, g.products); {
		case strings.HasSuffix(lower, "asin"):
			return p.ASIN
		case strings.HasSuffix(lower, "currencycode"):
			if m, ok := marketplace.ByID(g.report.Marketplaces[0]); ok {
				return m.Currency
			}
			return "USD"
		case strings.HasSuffix(lower, "marketplaceid"):
			return g.report.Marketplaces[0]
		case strings.Contains(lower, "title"), strings.HasSuffix(lower, "name"):
			return p.Title
		case strings.Contains(lower, "term"), strings.Contains(lower, "query"):
			return strings.ToLower(p.Kind.Name)
		case strings.HasSuffix(lower, "time"):
			return format.Timestamp(g.report.To)
		}
		return name + " " + g.r.Text(random.Base36, 4)
	}
	return nil
}

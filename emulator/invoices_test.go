package emulator_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/invoices20240619"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// download fetches a document.
func download(t *testing.T, e *emulator.Emulator, address string) (int, string, []byte) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), b
}

// TestInvoices lists the invoices of a month, exports them and holds the files against the list and the orders.
func TestInvoices(t *testing.T) {
	e, cred := brazil(t)
	client, ctx := sdkClient(e, cred), t.Context()
	api := invoices20240619.New(client)
	attributes, err := api.GetInvoicesAttributes(ctx, &invoices20240619.GetInvoicesAttributesInput{MarketplaceID: marketplace.BR.ID})
	if err != nil || len(attributes.InvoicesAttributes.InvoiceStatusOptions) != 3 || len(attributes.InvoicesAttributes.InvoiceTypeOptions) == 0 {
		t.Fatalf("%+v, %v", attributes, err)
	}
	from := start.Add(-30 * 24 * time.Hour)
	list := func(in invoices20240619.GetInvoicesInput) (all []invoices20240619.Invoice) {
		t.Helper()
		in.MarketplaceID = marketplace.BR.ID
		for v, err := range api.GetInvoicesAll(ctx, &in) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, *v)
		}
		return all
	}
	size := int64(7)
	all := list(invoices20240619.GetInvoicesInput{DateStart: from})
	paged := list(invoices20240619.GetInvoicesInput{DateStart: from, PageSize: &size})
	if len(all) < 20 || len(paged) != len(all) {
		t.Fatalf("%d invoices, by sevens %d", len(all), len(paged))
	}
	identifier := func(v invoices20240619.Invoice, name string) string {
		for _, id := range v.TransactionIDs {
			if id.Name == name {
				return id.ID
			}
		}
		return ""
	}
	statuses, ids, numbers := map[string]int{}, map[string]bool{}, map[string]bool{}
	for i, v := range all {
		if ids[v.ID] || numbers[v.Series+" "+v.ExternalInvoiceID] {
			t.Errorf("twice: %+v", v)
		}
		ids[v.ID], numbers[v.Series+" "+v.ExternalInvoiceID] = true, true
		statuses[v.Status]++
		if v.Date.Before(from) || v.Date.After(start) || i > 0 && v.Date.After(all[i-1].Date) || (v.ErrorCode != "") != (v.Status == "REJECTED") {
			t.Errorf("%+v", v)
		}
		one, err := api.GetInvoice(ctx, &invoices20240619.GetInvoiceInput{InvoiceID: v.ID, MarketplaceID: marketplace.BR.ID})
		if err != nil || one.Invoice.ID != v.ID || one.Invoice.ExternalInvoiceID != v.ExternalInvoiceID {
			t.Errorf("%s: %+v, %v", v.ID, one, err)
		}
		if i > 10 {
			continue
		}
		order, err := ordersv0.New(client).GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: identifier(v, "ORDER_ID")})
		if err != nil || order.FulfillmentChannel != "AFN" || order.ElectronicInvoiceStatus != "" || order.OrderStatus != "Shipped" {
			t.Errorf("of %+v: %+v, %v", v, order, err)
		}
	}
	// By default those of a day; what belongs together by either of its names; a single one by its number, whatever its date.
	day := list(invoices20240619.GetInvoicesInput{})
	for _, v := range day {
		if v.Date.Before(start.Add(-24 * time.Hour)) {
			t.Errorf("older than a day: %+v", v)
		}
	}
	oldest := all[len(all)-1]
	for _, name := range []string{"ORDER_ID", "SHIPMENT_ID", "BUSINESS_TRANSACTION_ID"} {
		if got := list(invoices20240619.GetInvoicesInput{TransactionIdentifierName: name, TransactionIdentifierID: identifier(oldest, name)}); len(got) < 2 {
			t.Errorf("by %s: %+v", name, got)
		}
	}
	if got := list(invoices20240619.GetInvoicesInput{ExternalInvoiceID: oldest.ExternalInvoiceID, Series: oldest.Series}); len(got) != 1 || got[0].ID != oldest.ID {
		t.Errorf("by its number: %+v", got)
	}
	sales := list(invoices20240619.GetInvoicesInput{DateStart: from, InvoiceType: "CUSTOMER_SALES", Statuses: []string{"AUTHORIZED"}, SortOrder: "ASC"})
	if len(sales) == 0 || len(sales) >= len(all) || sales[0].Date.After(sales[len(sales)-1].Date) {
		t.Errorf("%d sales of %d", len(sales), len(all))
	}

	made, err := api.CreateInvoicesExport(ctx, &invoices20240619.CreateInvoicesExportInput{MarketplaceID: marketplace.BR.ID, DateStart: from, DateEnd: start, FileFormat: "XML",
		InvoiceType: "CUSTOMER_SALES", Statuses: []string{"AUTHORIZED"}})
	if err != nil {
		t.Fatal(err)
	}
	state := func() *invoices20240619.Export {
		t.Helper()
		got, err := api.GetInvoicesExport(ctx, &invoices20240619.GetInvoicesExportInput{ExportID: made.ExportID})
		if err != nil || got.Export.ExportID != made.ExportID {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Export
	}
	if s := state(); s.Status != "REQUESTED" || len(s.InvoicesDocumentIDs) != 0 {
		t.Errorf("%+v", s)
	}
	e.Advance(31 * time.Second)
	if s := state(); s.Status != "PROCESSING" || s.GenerateExportStartedAt.IsZero() {
		t.Errorf("%+v", s)
	}
	e = moved(t, e)
	client = sdkClient(e, cred)
	api = invoices20240619.New(client)
	e.Advance(4 * time.Minute)
	finished := state()
	if finished.Status != "DONE" || len(finished.InvoicesDocumentIDs) != 1 {
		t.Fatalf("%+v", finished)
	}
	e = moved(t, e)
	client = sdkClient(e, cred)
	api = invoices20240619.New(client)
	document, err := api.GetInvoicesDocument(ctx, &invoices20240619.GetInvoicesDocumentInput{InvoicesDocumentID: finished.InvoicesDocumentIDs[0]})
	if err != nil {
		t.Fatal(err)
	}
	status, contentType, content := download(t, e, document.InvoicesDocument.InvoicesDocumentURL)
	if status != 200 || contentType != "application/zip" {
		t.Fatalf("%d %s", status, contentType)
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range archive.File {
		names = append(names, file.Name)
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Number string `xml:"NFe>infNFe>ide>nNF"`
			Total  string `xml:"NFe>infNFe>total>ICMSTot>vNF"`
			Key    string `xml:"protNFe>infProt>chNFe"`
		}
		if err := xml.NewDecoder(r).Decode(&v); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(sales, func(s invoices20240619.Invoice) bool { return s.ID+".xml" == file.Name })
		if i < 0 || v.Number != sales[i].ExternalInvoiceID || len(v.Key) != 44 {
			t.Fatalf("%s: %+v", file.Name, v)
		}
		order, err := ordersv0.New(client).GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: identifier(sales[i], "ORDER_ID")})
		if err != nil || order.OrderTotal.Amount != v.Total {
			t.Errorf("an invoice over %s of an order over %+v, %v", v.Total, order.OrderTotal, err)
		}
	}
	if len(names) != len(sales) {
		t.Errorf("%d files of %d invoices", len(names), len(sales))
	}
	e.Advance(30 * time.Second)
	if status, _, content := download(t, e, document.InvoicesDocument.InvoicesDocumentURL); status != 403 || !strings.Contains(string(content), "Request has expired") {
		t.Errorf("after 30 seconds: %d %s", status, content)
	}
	listed, err := api.GetInvoicesExports(ctx, &invoices20240619.GetInvoicesExportsInput{MarketplaceID: marketplace.BR.ID, Status: "DONE"})
	if err != nil || len(listed.Exports) != 1 || listed.Exports[0].ExportID != made.ExportID {
		t.Errorf("%+v, %v", listed, err)
	}
	e.Advance(31 * 24 * time.Hour)
	_, err = invoices20240619.New(sdkClient(e, cred)).GetInvoicesExport(ctx, &invoices20240619.GetInvoicesExportInput{ExportID: made.ExportID})
	wantError(t, "an export of long ago", err, 404)
}

// TestGovernmentInvoices asks for the invoice of a shipment to Amazon's warehouse, waits until the government has authorized it, and fetches it.
func TestGovernmentInvoices(t *testing.T) {
	e, cred := brazil(t)
	ctx := t.Context()
	api := invoices20240619.New(sdkClient(e, cred))
	const shipment = "sh109b72-7b27-4e97-9fd1-3b56915fbc95"
	create := func(id, carrier string) error {
		return api.CreateGovernmentInvoice(ctx, &invoices20240619.CreateGovernmentInvoiceInput{MarketplaceID: marketplace.BR.ID, ShipmentID: id, TransactionType: "INBOUND_SHIPMENT", InvoiceType: "REMITTANCE",
			Contexts: []invoices20240619.CarrierDetailsContext{{ContextType: "CarrierDetailsContext", Name: "Transportes", FederalTaxID: carrier}}})
	}
	status := func(id string) (*invoices20240619.GovernmentInvoiceStatusResponse, error) {
		return api.GetGovernmentInvoiceStatus(ctx, &invoices20240619.GetGovernmentInvoiceStatusInput{MarketplaceID: marketplace.BR.ID, ShipmentID: id, TransactionType: "INBOUND_SHIPMENT", InvoiceType: "REMITTANCE"})
	}
	document := func(kind string) (*invoices20240619.GovtInvoiceDocumentResponse, error) {
		return api.GetGovernmentInvoiceDocument(ctx, &invoices20240619.GetGovernmentInvoiceDocumentInput{MarketplaceID: marketplace.BR.ID, ShipmentID: shipment, TransactionType: "INBOUND_SHIPMENT",
			InvoiceType: "REMITTANCE", FileFormat: kind})
	}
	_, err := status(shipment)
	wantError(t, "before it is asked for", err, 404, shipment)
	if err := create(shipment, "46204217000177"); err != nil {
		t.Fatal(err)
	}
	if got, err := status(shipment); err != nil || got.Status != "PROCESSING" || got.InvoiceExternalDocumentID != "" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = document("")
	wantError(t, "the document of one that is processed", err, 404, "PROCESSING")
	wantError(t, "asked for twice", create(shipment, "46204217000177"), 400, "PROCESSING")
	if err := create("sh2", "46.204.217/0001-77"); err != nil {
		t.Fatal(err)
	}
	e.Advance(5 * time.Minute)
	e = moved(t, e)
	api = invoices20240619.New(sdkClient(e, cred))
	got, err := status(shipment)
	if err != nil || got.Status != "SUCCESS" || len(got.InvoiceExternalDocumentID) != 44 {
		t.Fatalf("%+v, %v", got, err)
	}
	if refused, err := status("sh2"); err != nil || refused.Status != "ERROR" || len(refused.InvoiceErrors) != 1 || refused.InvoiceErrors[0].ErrorCode != "542" {
		t.Errorf("with a carrier's number that can't be one: %+v, %v", refused, err)
	}
	if err := create("sh2", "46204217000177"); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	for kind, begins := range map[string]string{"": "<?xml", "XML": "<?xml", "PDF": "%PDF-1.4"} {
		d, err := document(kind)
		if err != nil {
			t.Fatal(err)
		}
		code, _, content := download(t, e, d.InvoiceDocument.InvoiceDocumentURL)
		if code != 200 || !strings.HasPrefix(string(content), begins) || !strings.Contains(string(content), got.InvoiceExternalDocumentID) {
			t.Errorf("%q: %d %.200s", kind, code, content)
		}
	}
	moved(t, e)
	_, err = document("DOCX")
	wantError(t, "another format", err, 400, "fileFormat")
	list, err := api.GetInvoices(ctx, &invoices20240619.GetInvoicesInput{MarketplaceID: marketplace.BR.ID, InvoiceType: "REMITTANCE"})
	if err != nil || len(list.Invoices) != 1 || list.Invoices[0].ExternalInvoiceID != got.InvoiceExternalDocumentID {
		t.Errorf("in the list: %+v, %v", list, err)
	}
}

// TestInvoicesRefused asks for what there isn't, and with words that aren't the API's.
func TestInvoicesRefused(t *testing.T) {
	e, cred := brazil(t)
	ctx := t.Context()
	api := invoices20240619.New(sdkClient(e, cred))
	_, err := api.GetInvoicesAttributes(ctx, &invoices20240619.GetInvoicesAttributesInput{MarketplaceID: marketplace.US.ID})
	wantError(t, "another marketplace", err, 400, "400", "Invalid Request.", marketplace.US.ID)
	_, err = api.GetInvoice(ctx, &invoices20240619.GetInvoiceInput{InvoiceID: "ad5b9dcd-6981-4dc4-a3d7-dd2568298a94", MarketplaceID: marketplace.BR.ID})
	wantError(t, "no invoice", err, 404, "ad5b9dcd-6981-4dc4-a3d7-dd2568298a94")
	_, err = api.GetInvoicesExport(ctx, &invoices20240619.GetInvoicesExportInput{ExportID: "NONE"})
	wantError(t, "no export", err, 404, "NONE")
	_, err = api.GetInvoicesDocument(ctx, &invoices20240619.GetInvoicesDocumentInput{InvoicesDocumentID: "NONE"})
	wantError(t, "no document", err, 404, "NONE")
	list := func(in invoices20240619.GetInvoicesInput) error {
		in.MarketplaceID = marketplace.BR.ID
		_, err := api.GetInvoices(ctx, &in)
		return err
	}
	wantError(t, "a state that isn't one", list(invoices20240619.GetInvoicesInput{Statuses: []string{"PAID"}}), 400, "400", "statuses", "PAID")
	wantError(t, "a type that isn't one", list(invoices20240619.GetInvoicesInput{InvoiceType: "X"}), 400, "invoiceType")
	wantError(t, "half an identifier", list(invoices20240619.GetInvoicesInput{TransactionIdentifierName: "ORDER_ID"}), 400, "transactionIdentifierId")
	wantError(t, "an end before the start", list(invoices20240619.GetInvoicesInput{DateStart: start, DateEnd: start.Add(-time.Hour)}), 400, "dateStart")
	much := int64(201)
	wantError(t, "too many", list(invoices20240619.GetInvoicesInput{PageSize: &much}), 400, "pageSize")
	wantError(t, "no token", list(invoices20240619.GetInvoicesInput{NextToken: "x"}), 400, "nextToken")
	one := int64(1)
	page, err := api.GetInvoices(ctx, &invoices20240619.GetInvoicesInput{MarketplaceID: marketplace.BR.ID, PageSize: &one, DateStart: start.Add(-60 * 24 * time.Hour)})
	if err != nil || page.NextToken == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	wantError(t, "a token with other arguments", list(invoices20240619.GetInvoicesInput{NextToken: page.NextToken, PageSize: &one, Statuses: []string{"REJECTED"}}), 400, "400", "Invalid Request.",
		"Specifying nextToken with any other parameters will cause the request to fail.")
	id := page.Invoices[0].ID
	for _, almost := range []string{id[:35] + string('0'+'1'-min(id[35], '1')), strings.ToUpper(id), id[:34]} {
		_, err = api.GetInvoice(ctx, &invoices20240619.GetInvoiceInput{InvoiceID: almost, MarketplaceID: marketplace.BR.ID})
		wantError(t, "almost the id of an invoice", err, 404, almost)
	}
	other, err := e.AddAccount(emulator.AccountConfig{Region: marketplace.NorthAmerica, Marketplaces: []string{marketplace.BR.ID}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = invoices20240619.New(sdkClient(e, other)).GetInvoice(ctx, &invoices20240619.GetInvoiceInput{InvoiceID: page.Invoices[0].ID, MarketplaceID: marketplace.BR.ID})
	wantError(t, "another seller's invoice", err, 404, page.Invoices[0].ID)
	_, err = api.CreateInvoicesExport(ctx, &invoices20240619.CreateInvoicesExportInput{MarketplaceID: marketplace.US.ID})
	wantError(t, "an export of another marketplace", err, 400, marketplace.US.ID)
	c := &client{Emulator: e, t: t}
	header := http.Header{"X-Amz-Access-Token": {c.accessToken(cred)}, "Content-Type": {"application/json"}}
	if r := c.do("GET", na+"/tax/invoices/2024-06-19/attributes", header, ""); r.status != 400 || !strings.Contains(r.body, `"Missing required parameter: 'marketplaceId'"`) || !strings.Contains(r.body, `"code":"400"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.do("POST", na+"/tax/invoices/2024-06-19/exports", header, "{}"); r.status != 400 || !strings.Contains(r.body, `"Missing required attribute(s): 'marketplaceId'."`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestTooManyInvoices: an export of more than the files hold ends in an error.
func TestTooManyInvoices(t *testing.T) {
	e, cred := brazil(t, emulator.WithOrders(30_000), emulator.WithDays(30))
	ctx := t.Context()
	api := invoices20240619.New(sdkClient(e, cred))
	made, err := api.CreateInvoicesExport(ctx, &invoices20240619.CreateInvoicesExportInput{MarketplaceID: marketplace.BR.ID, DateStart: start.Add(-60 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	e.Advance(4 * time.Minute)
	got, err := api.GetInvoicesExport(ctx, &invoices20240619.GetInvoicesExportInput{ExportID: made.ExportID})
	if err != nil || got.Export.Status != "ERROR" || got.Export.ErrorMessage == "" || len(got.Export.InvoicesDocumentIDs) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

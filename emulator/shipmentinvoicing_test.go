package emulator_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/deliveryshipmentinvoice20220701"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/shipmentinvoicingv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// sdkClient is the SDK over an emulator, for a seller of it.
func sdkClient(e *emulator.Emulator, cred emulator.Credentials) *spapi.Client {
	app := spapi.NewApp(spapi.Credentials{ClientID: cred.ClientID, ClientSecret: spapi.NewSecret(cred.ClientSecret)}, spapi.WithTransport(e))
	return app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(cred.RefreshToken), Region: cred.Region})
}

// wantError fails the test unless err is one of the API with a status, and with texts in code, message or details.
func wantError(t *testing.T, what string, err error, status int, parts ...string) {
	t.Helper()
	var api *spapi.APIError
	if !errors.As(err, &api) {
		t.Errorf("%s: %v, want an error of the API", what, err)
		return
	}
	said := fmt.Sprintf("%s: %s: %s", api.Code, api.Message, api.Details)
	if api.StatusCode != status {
		t.Errorf("%s: %d %s, want %d", what, api.StatusCode, said, status)
	}
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%s: %s, want %q in it", what, said, part)
		}
	}
}

// moved exports an emulator and returns another one with that state, which exports the same.
func moved(t *testing.T, e *emulator.Emulator) *emulator.Emulator {
	t.Helper()
	text := func(e *emulator.Emulator) ([]byte, *emulator.State) {
		state, err := e.Export()
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		var read emulator.State
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatal(err)
		}
		return b, &read
	}
	before, state := text(e)
	other, err := emulator.New(emulator.WithSeed(99), emulator.WithOrders(3), emulator.WithFixedTime(time.Time{}), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	if after, _ := text(other); string(after) != string(before) {
		t.Errorf("export after import differs:\n%.3000s\n\n%.3000s", before, after)
	}
	return other
}

// fiscal is an electronic invoice over an amount, as it is submitted: the content and its hash.
func fiscal(total string) (content, sum string) {
	document := `<?xml version="1.0" encoding="UTF-8"?><nfeProc xmlns="http://www.portalfiscal.inf.br/nfe" versao="4.00"><NFe><infNFe><total><ICMSTot><vNF>` +
		total + `</vNF></ICMSTot></total></infNFe></NFe></nfeProc>`
	hash := md5.Sum([]byte(document))
	return base64.StdEncoding.EncodeToString([]byte(document)), hex.EncodeToString(hash[:])
}

// brazil is an emulator with a seller in Brazil.
func brazil(t *testing.T, options ...emulator.Option) (*emulator.Emulator, emulator.Credentials) {
	t.Helper()
	e, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(400), emulator.WithDays(20)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := e.AddAccount(emulator.AccountConfig{Region: marketplace.NorthAmerica, Marketplaces: []string{marketplace.BR.ID, marketplace.US.ID}})
	if err != nil {
		t.Fatal(err)
	}
	return e, cred
}

// awaiting are orders in Brazil that want an invoice.
func awaiting(t *testing.T, client *spapi.Client, channel, status string) []ordersv0.Order {
	t.Helper()
	page, err := ordersv0.New(client).GetOrders(t.Context(), &ordersv0.GetOrdersInput{
		MarketplaceIDs: []string{marketplace.BR.ID}, CreatedAfter: "2020-01-01T00:00:00Z", FulfillmentChannels: []string{channel},
		ElectronicInvoiceStatuses: []string{status}, OrderStatuses: []string{"Unshipped"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Orders) == 0 {
		t.Fatalf("no %s order is %s", channel, status)
	}
	return page.Orders
}

// TestShipmentInvoices submits the invoice of an FBA Onsite shipment and of an order that the seller ships, and waits until they are accepted.
func TestShipmentInvoices(t *testing.T) {
	e, cred := brazil(t)
	client := sdkClient(e, cred)
	invoicing, ctx := shipmentinvoicingv0.New(client), t.Context()
	order := awaiting(t, client, "AFN", "NotFound")[0]
	status := func(client *spapi.Client, id, program string) (*deliveryshipmentinvoice20220701.GetInvoiceStatusResponse, error) {
		return deliveryshipmentinvoice20220701.New(client).GetInvoiceStatus(ctx, &deliveryshipmentinvoice20220701.GetInvoiceStatusInput{
			OrderID: id, MarketplaceID: marketplace.BR.ID, InvoiceType: "Outbound", ProgramType: deliveryshipmentinvoice20220701.GetInvoiceStatusProgramType(program)})
	}
	now, err := status(client, order.AmazonOrderID, "FbaOnSite")
	if err != nil || now.InvoiceStatus != "NotFound" || now.AmazonOrderID != order.AmazonOrderID {
		t.Fatalf("%+v, %v", now, err)
	}
	shipment := now.AmazonShipmentID
	details, err := invoicing.GetShipmentDetails(ctx, &shipmentinvoicingv0.GetShipmentDetailsInput{ShipmentID: shipment})
	if err != nil || details.AmazonShipmentID != shipment || details.AmazonOrderID != order.AmazonOrderID || details.SellerID != cred.SellerID ||
		details.Payments[0].PaymentValue.Amount != order.OrderTotal.Amount || len(details.ShipmentItems) == 0 || details.ShippingAddress.Name == "" {
		t.Fatalf("%+v, %v", details, err)
	}
	content, sum := fiscal(order.OrderTotal.Amount)
	submit := &shipmentinvoicingv0.SubmitInvoiceInput{ShipmentID: shipment, MarketplaceID: marketplace.BR.ID, InvoiceContent: content, ContentMD5Value: sum}
	if err := invoicing.SubmitInvoice(ctx, submit); err != nil {
		t.Fatal(err)
	}
	wantError(t, "a second one while the first is processed", invoicing.SubmitInvoice(ctx, submit), 400, "InvalidInput", "Processing")
	states := func(e *emulator.Emulator, want string) {
		t.Helper()
		client := sdkClient(e, cred)
		v0, err := shipmentinvoicingv0.New(client).GetInvoiceStatus(ctx, &shipmentinvoicingv0.GetInvoiceStatusInput{ShipmentID: shipment})
		if err != nil || string(v0.Shipments.InvoiceStatus) != want || v0.Shipments.AmazonShipmentID != shipment {
			t.Errorf("v0: %+v, %v, want %s", v0, err, want)
		}
		later, err := status(client, order.AmazonOrderID, "FbaOnSite")
		if err != nil || string(later.InvoiceStatus) != want {
			t.Errorf("2022-07-01: %+v, %v, want %s", later, err, want)
		}
		same, err := ordersv0.New(client).GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: order.AmazonOrderID})
		if err != nil || string(same.ElectronicInvoiceStatus) != want {
			t.Errorf("orders: %q, %v, want %s", same.ElectronicInvoiceStatus, err, want)
		}
		newer, err := orders20260101.New(client).GetOrder(ctx, &orders20260101.GetOrderInput{OrderID: order.AmazonOrderID, IncludedData: []orders20260101.GetOrderIncludedData{"TAX"}})
		if err != nil || newer.Order.Tax == nil || newer.Order.Tax.TaxInvoicing.InvoiceStatus != map[string]string{"Processing": "PROCESSING", "Accepted": "ACCEPTED"}[want] {
			t.Errorf("orders 2026-01-01: %+v, %v, want %s", newer, err, want)
		}
	}
	states(e, "Processing")
	e = moved(t, e)
	states(e, "Processing")
	e.Advance(5 * time.Minute)
	states(e, "Accepted")
	client = sdkClient(e, cred)
	delivery := deliveryshipmentinvoice20220701.New(client)

	// Of an order that the seller ships, by its shipment; an invoice over another amount is refused once it has been looked at, and another takes its place.
	own := awaiting(t, client, "MFN", "NotFound")[0]
	now, err = status(client, own.AmazonOrderID, "EasyShip")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ total, want string }{{"1.23", "Errored"}, {own.OrderTotal.Amount, "Accepted"}} {
		content, sum := fiscal(test.total)
		err := delivery.SubmitInvoice(ctx, &deliveryshipmentinvoice20220701.SubmitInvoiceInput{ShipmentID: now.AmazonShipmentID, InvoiceContent: content, ContentMD5Value: sum,
			MarketplaceID: marketplace.BR.ID, InvoiceType: "Outbound", ProgramType: "SelfShip"})
		if err != nil {
			t.Fatal(err)
		}
		e.Advance(5 * time.Minute)
		if later, err := status(client, own.AmazonOrderID, "SelfShip"); err != nil || string(later.InvoiceStatus) != test.want {
			t.Errorf("over %s: %+v, %v, want %s", test.total, later, err, test.want)
		}
	}
}

// TestShipmentInvoicesRefused asks for what there isn't, in the wrong order and with a content that doesn't fit its hash.
func TestShipmentInvoicesRefused(t *testing.T) {
	e, cred := brazil(t)
	client, other := sdkClient(e, cred), sdkClient(e, e.Credentials())
	invoicing, ctx := shipmentinvoicingv0.New(client), t.Context()
	order := awaiting(t, client, "AFN", "NotFound")[0].AmazonOrderID
	own := awaiting(t, client, "MFN", "NotFound")[0].AmazonOrderID
	status := func(client *spapi.Client, in deliveryshipmentinvoice20220701.GetInvoiceStatusInput) (*deliveryshipmentinvoice20220701.GetInvoiceStatusResponse, error) {
		if in.MarketplaceID == "" {
			in.MarketplaceID = marketplace.BR.ID
		}
		in.InvoiceType = "Outbound"
		return deliveryshipmentinvoice20220701.New(client).GetInvoiceStatus(ctx, &in)
	}
	now, err := status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{OrderID: order, ShipmentID: "NONE", ProgramType: "FbaOnSite"})
	if err != nil {
		t.Fatalf("an order's id doesn't count before the shipment's: %v", err)
	}
	shipment := now.AmazonShipmentID
	ownNow, err := status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{OrderID: own, ProgramType: "SelfShip"})
	if err != nil {
		t.Fatal(err)
	}

	for _, id := range []string{"BadShipId", ownNow.AmazonShipmentID, "FZZZZZZZZZZZ", strings.ToLower(shipment)} {
		_, err = invoicing.GetShipmentDetails(ctx, &shipmentinvoicingv0.GetShipmentDetailsInput{ShipmentID: id})
		wantError(t, "details of "+id, err, 400, "InvalidInput", "Invalid Shipment ID", "'"+id+"' is an invalid ShipmentID")
		_, err = invoicing.GetInvoiceStatus(ctx, &shipmentinvoicingv0.GetInvoiceStatusInput{ShipmentID: id})
		wantError(t, "status of "+id, err, 400, "InvalidInput", "Invalid Shipment ID", "'"+id+"' is an invalid ShipmentID")
	}
	_, err = shipmentinvoicingv0.New(other).GetInvoiceStatus(ctx, &shipmentinvoicingv0.GetInvoiceStatusInput{ShipmentID: shipment})
	wantError(t, "another seller's", err, 400, "'"+shipment+"' is an invalid ShipmentID")

	content, sum := fiscal("1.00")
	submit := func(id, content, sum string) error {
		return invoicing.SubmitInvoice(ctx, &shipmentinvoicingv0.SubmitInvoiceInput{ShipmentID: id, InvoiceContent: content, ContentMD5Value: sum})
	}
	wantError(t, "all wrong", submit("BadIDForShipment", "NonBase64EncodedValue", "8f6df519a2125946820bc34a561164c2"), 400, "InvalidInput", "Shipment ID is invalid",
		"InvoiceContent fails encoding. Shipment 'BadIDForShipment' does not exist")
	wantError(t, "no such shipment", submit("NONE", content, sum), 400, "Shipment ID is invalid", "Shipment 'NONE' does not exist")
	wantError(t, "no base64", submit(shipment, "NonBase64EncodedValue", sum), 400, "InvoiceContent fails encoding.")
	wantError(t, "another hash", submit(shipment, content, strings.Repeat("0", 32)), 400, "ContentMD5Value")

	in := deliveryshipmentinvoice20220701.SubmitInvoiceInput{ShipmentID: "BadIDForShipment", InvoiceContent: content, ContentMD5Value: sum, MarketplaceID: marketplace.BR.ID, InvoiceType: "Outbound", ProgramType: "EasyShip"}
	delivery := deliveryshipmentinvoice20220701.New(client)
	wantError(t, "no such shipment", delivery.SubmitInvoice(ctx, &in), 400, "EntityNotFound", "Entity (ShipmentId, BadIDForShipment) was not found")
	in.OrderID = "702-0000000-0000000"
	wantError(t, "no such order", delivery.SubmitInvoice(ctx, &in), 400, "EntityNotFound", "Entity (OrderId, 702-0000000-0000000) was not found")
	in.OrderID = order
	wantError(t, "another program", delivery.SubmitInvoice(ctx, &in), 400, "InvalidInput")
	in.OrderID, in.MarketplaceID = own, marketplace.US.ID
	wantError(t, "another marketplace", delivery.SubmitInvoice(ctx, &in), 400, "InvalidInput")
	in.MarketplaceID, in.InvoiceContent = marketplace.BR.ID, "?"
	wantError(t, "no base64", delivery.SubmitInvoice(ctx, &in), 400, "InvoiceContent fails encoding.")

	_, err = status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{ShipmentID: "BadIDForShipment", ProgramType: "EasyShip"})
	wantError(t, "status of no shipment", err, 400, "InvalidInput", "Invalid Shipment Id", "'BadIDForShipment' is an invalid shipment Id")
	_, err = status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{OrderID: "1", ProgramType: "EasyShip"})
	wantError(t, "status of no order", err, 400, "Invalid Order Id", "'1' is an invalid order Id")
	_, err = status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{ProgramType: "EasyShip"})
	wantError(t, "neither order nor shipment", err, 400, "InvalidInput")
	_, err = status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{OrderID: own, ProgramType: "FbaOnSite"})
	wantError(t, "status by another program", err, 400, "InvalidInput")

	gone := awaitingNothing(t, client)
	_, err = status(client, deliveryshipmentinvoice20220701.GetInvoiceStatusInput{OrderID: gone, ProgramType: "SelfShip"})
	wantError(t, "an order that was cancelled", err, 400, "'"+gone+"' is an invalid order Id")
}

// awaitingNothing is an order in Brazil that has been cancelled.
func awaitingNothing(t *testing.T, client *spapi.Client) string {
	t.Helper()
	page, err := ordersv0.New(client).GetOrders(t.Context(), &ordersv0.GetOrdersInput{MarketplaceIDs: []string{marketplace.BR.ID}, CreatedAfter: "2020-01-01T00:00:00Z",
		OrderStatuses: []string{"Canceled"}, FulfillmentChannels: []string{"MFN"}})
	if err != nil || len(page.Orders) == 0 {
		t.Fatalf("no cancelled order: %v", err)
	}
	return page.Orders[0].AmazonOrderID
}

package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/internal/catalog"
)

const labels = `"labelSpecification":{"labelFormat":"PNG","labelStockSize":"4x6"}`

// outboundOrder is a request for an order of one item.
func outboundOrder(sku string) string {
	return `{"marketplaceId":"ATVPDKIKX0DER","sellerFulfillmentOrderId":"F-1","displayableOrderId":"F-1","displayableOrderDate":"2026-02-28T00:00:00Z","displayableOrderComment":"Thank you",` +
		`"shippingSpeedCategory":"Standard","destinationAddress":{"name":"A Buyer","addressLine1":"1 Main Street","postalCode":"98101","countryCode":"US"},` +
		`"items":[{"sellerSku":"` + sku + `","sellerFulfillmentOrderItemId":"F-1-0","quantity":1}]}`
}

// fulfilmentRequests add requests for a shipment that there is, and for a SKU that the seller has.
func fulfilmentRequests(t testing.TB, e *Emulator, add func(id, target, body string)) {
	t.Helper()
	op, _ := catalog.Lookup("shippingv1.createShipment")
	r := requestFor(t, e, op)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r = requestFor(t, e, op)
	r.Header.Set("x-amz-access-token", tokenFor(e, op))
	rec := exchange.NewRecorder()
	e.ServeHTTP(rec, r)
	shipment := "/shipping/v1/shipments/" + shipmentID(t, rec.Body.Bytes())
	add("shippingv1.createShipment", "/shipping/v1/shipments", string(body))
	add("shippingv1.getShipment", shipment, "")
	add("shippingv1.cancelShipment", shipment+"/cancel", "")
	add("shippingv1.purchaseLabels", shipment+"/purchaseLabels", `{"rateId":"1",`+labels+`}`)
	add("shippingv1.retrieveShippingLabel", shipment+"/containers/1/label", `{`+labels+`}`)
	add("fulfillmentoutbound20200701.createFulfillmentOrder", "/fba/outbound/2020-07-01/fulfillmentOrders", outboundOrder(e.desk.Seller(0).World().Products[0].SKU))
}

func shipmentID(t testing.TB, body []byte) string {
	t.Helper()
	var created struct {
		Payload struct{ ShipmentID string }
	}
	if err := json.Unmarshal(body, &created); err != nil || created.Payload.ShipmentID == "" {
		t.Fatalf("%s: %v", body, err)
	}
	return created.Payload.ShipmentID
}

// TestShipments: a shipment is known once it has been created, for 90 days, and after an import.
func TestShipments(t *testing.T) {
	s := newShop(t)
	var paths []string
	fulfilmentRequests(t, s.Emulator, func(id, target, body string) {
		if id == "shippingv1.cancelShipment" {
			paths = append(paths, target)
		}
	})
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	other := newShop(t)
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	other.refresh()
	s.want("a shipment", s.post(paths[0], ""), 200, "{")
	other.want("a shipment after an import", other.post(paths[0], ""), 200, "{")
	s.want("no carrier", s.post("/shipping/v1/shipments", "{}"), 400, `"Invalid input."`)
	s.want("none", s.post("/shipping/v1/shipments/NONE/cancel", ""), 400, "Shipment not found for specified shipmentId")
	s.Advance(90 * 24 * time.Hour)
	s.refresh()
	s.want("after 90 days", s.post(paths[0], ""), 400, "Shipment not found for specified shipmentId")
}

// TestLabelsOfV1: each container gets a PNG under its own name.
func TestLabelsOfV1(t *testing.T) {
	s := newShop(t)
	op, _ := catalog.Lookup("shippingv1.purchaseShipment")
	body, err := io.ReadAll(requestFor(t, s.Emulator, op).Body)
	if err != nil {
		t.Fatal(err)
	}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	container := request["containers"].([]any)[0].(map[string]any)
	second := maps.Clone(container)
	container["containerReferenceId"], second["containerReferenceId"] = "C-1", "C-2"
	request["containers"] = []any{container, second}
	if body, err = json.Marshal(request); err != nil {
		t.Fatal(err)
	}
	picture := func(stream string) {
		t.Helper()
		b, err := base64.StdEncoding.DecodeString(stream)
		if err != nil {
			t.Fatal(err)
		}
		if img, err := png.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() != 812 {
			t.Errorf("%v", err)
		}
	}
	r := s.post("/shipping/v1/purchaseShipment", string(body))
	if r.status != 200 || r.text("payload", "labelResults", 0, "containerReferenceId") != "C-1" || r.text("payload", "labelResults", 1, "containerReferenceId") != "C-2" ||
		r.text("payload", "labelResults", 0, "trackingId") == r.text("payload", "labelResults", 1, "trackingId") {
		t.Fatalf("%d %.900s", r.status, r.body)
	}
	picture(r.text("payload", "labelResults", 1, "label", "labelStream"))
	shipment := "/shipping/v1/shipments/" + r.text("payload", "shipmentId")
	r = s.post(shipment+"/containers/TBA1/label", "{"+labels+"}")
	picture(r.text("payload", "labelStream"))
	s.want("a number that is no barcode", s.post(shipment+"/containers/%C3%A4/label", "{"+labels+"}"), 400, "want printable ASCII")
}

func TestOutboundOrders(t *testing.T) {
	s := newShop(t)
	sku := s.w.Products[0].SKU
	s.want("a SKU", s.post("/fba/outbound/2020-07-01/fulfillmentOrders", outboundOrder(sku)), 200, "")
	s.want("none", s.post("/fba/outbound/2020-07-01/fulfillmentOrders", outboundOrder("NONE")), 400, "the SellerSKU for Item Id: F-1-0 is invalid.")
}

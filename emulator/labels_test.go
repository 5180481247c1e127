package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// dispatcher makes requests of sellers whose orders wait to be shipped.
type dispatcher struct {
	t       testing.TB
	e       *Emulator
	waiting []waitingOrder
}

type waitingOrder struct {
	*world.Order
	seller *desk.Seller
}

// next is an order that waits, of a seller who is added when no other has any.
func (d *dispatcher) next() waitingOrder {
	d.t.Helper()
	for len(d.waiting) == 0 {
		a, err := d.e.desk.AddSeller(marketplace.NorthAmerica, []string{marketplace.US.ID}, d.e.Now())
		if err != nil {
			d.t.Fatal(err)
		}
		for o := range a.World().All(time.Time{}, d.e.Now()) {
			if !o.Amazon && o.Store == "" && o.Status(d.e.Now()) == world.Unshipped {
				d.waiting = append(d.waiting, waitingOrder{o, a})
			}
		}
	}
	first := d.waiting[0]
	d.waiting = d.waiting[1:]
	return first
}

// request is a request of a seller.
func (d *dispatcher) request(a *desk.Seller, id, target, body string) *http.Request {
	d.t.Helper()
	op, ok := catalog.Lookup(id)
	if !ok {
		d.t.Fatalf("no operation %s", id)
	}
	r, err := http.NewRequest(op.Method, marketplace.NorthAmerica.Endpoint()+target, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	g := &auth.Grant{Account: a.Account, Expires: d.e.Now().Add(time.Hour)}
	if op.Restricted != nil {
		g.Kind = auth.RestrictedGrant
		g.Resources = []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	r.Header.Set("x-amz-access-token", d.e.desk.Auth.Issue("Atza|", g, d.e.Now()))
	return r
}

// ask sends a request of a seller and returns the payload.
func (d *dispatcher) ask(a *desk.Seller, id, target, body string) map[string]any {
	d.t.Helper()
	rec := exchange.NewRecorder()
	d.e.ServeHTTP(rec, d.request(a, id, target, body))
	var created struct{ Payload map[string]any }
	if err := json.Unmarshal(rec.Body.Bytes(), &created); err != nil || created.Payload == nil {
		d.t.Fatalf("%s: %s", id, rec.Body.String())
	}
	return created.Payload
}

// labelRequests add requests for labels of orders that wait.
func labelRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request) {
	t.Helper()
	d := &dispatcher{t: t, e: e}
	add := func(o waitingOrder, id, target, body string) {
		requests[id] = append(requests[id], d.request(o.seller, id, target, body))
	}
	const sender = `{"Name":"Pens","AddressLine1":"500 Pine St","City":"Seattle","StateOrProvinceCode":"WA","PostalCode":"98101","CountryCode":"US","Email":"pens@example.com","Phone":"206-555-0100"}`
	details := func(o waitingOrder) string {
		return fmt.Sprintf(`{"ShipmentRequestDetails":{"AmazonOrderId":%q,"ItemList":[{"OrderItemId":%q,"Quantity":%d}],"ShipFromAddress":%s,`+
			`"PackageDimensions":{"Length":20,"Width":15,"Height":10,"Unit":"centimeters"},"Weight":{"Value":500,"Unit":"g"},`+
			`"ShippingServiceOptions":{"DeliveryExperience":"DeliveryConfirmationWithSignature","CarrierWillPickUp":false,"DeclaredValue":{"Amount":25,"CurrencyCode":"USD"}}}`,
			o.ID, o.Items[0].ID, o.Items[0].Quantity, sender)
	}
	o := d.next()
	add(o, "merchantfulfillmentv0.getEligibleShipmentServices", "/mfn/v0/eligibleShippingServices", details(o)+`,"ShippingOfferingFilter":{"IncludeComplexShippingOptions":true}}`)
	add(o, "merchantfulfillmentv0.createShipment", "/mfn/v0/shipments", details(o)+`,"ShippingServiceId":"UPS_PTP_GND"}`)
	for _, service := range []string{"UPS_PTP_GND", "DYNAMEX_PTP_SAME"} {
		add(o, "merchantfulfillmentv0.getAdditionalSellerInputs", "/mfn/v0/additionalSellerInputs",
			fmt.Sprintf(`{"OrderId":%q,"ShippingServiceId":%q,"ShipFromAddress":%s}`, o.ID, service, sender))
	}
	o = d.next()
	shipment := "/mfn/v0/shipments/" + d.ask(o.seller, "merchantfulfillmentv0.createShipment", "/mfn/v0/shipments", details(o)+`,"ShippingServiceId":"USPS_PTP_PRI"}`)["ShipmentId"].(string)
	add(o, "merchantfulfillmentv0.getShipment", shipment, "")
	add(o, "merchantfulfillmentv0.cancelShipment", shipment, "")
}

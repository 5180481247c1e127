package emulator_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/finances20240619"
	mfn "github.com/openspapi/spapi/api/merchantfulfillmentv0"
	v2 "github.com/openspapi/spapi/api/shippingv2"
	"github.com/openspapi/spapi/marketplace"
)

// postage are the amounts of an order's transactions about postage, by kind.
func (s *shipper) postage(order string) map[string]string {
	s.t.Helper()
	found := map[string]string{}
	in := &finances20240619.ListTransactionsInput{RelatedIdentifierName: "ORDER_ID", RelatedIdentifierValue: order}
	for tr, err := range finances20240619.New(s.client).ListTransactionsAll(s.t.Context(), in) {
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.Contains(tr.Description, "Postage") {
			found[tr.Description] += tr.TotalAmount.CurrencyAmount.String() + ";"
		}
	}
	return found
}

// TestPostage: what a label costs leaves the seller's account, and comes back when the label is given back.
func TestPostage(t *testing.T) {
	s := newShipper(t)
	orders := s.open(marketplace.US)
	label, err := s.buyLabel(labelRequest(orders[0].id, orders[0].items...))
	if err != nil {
		t.Fatal(err)
	}
	rates, err := v2.New(s.client).GetRates(t.Context(), amazonRates(orders[1]))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rates.Rates, func(r v2.Rate) bool { return r.ServiceID == "UPS_PTP_GND" })
	charge := rates.Rates[i].TotalCharge.Value.String()
	shipment, err := v2.New(s.client).PurchaseShipment(t.Context(), s.rate(amazonRates(orders[1]), "UPS_PTP_GND"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mfn.New(s.client).CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: label.ShipmentID}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time does nothing
		if _, err := v2.New(s.client).CancelShipment(t.Context(), &v2.CancelShipmentInput{ShipmentID: shipment.ShipmentID}); err != nil {
			t.Fatal(err)
		}
	}
	s.later(72 * time.Hour)
	for i, cost := range []string{label.ShippingService.Rate.Amount.String(), charge} {
		want := map[string]string{"PostageBilling": "-" + cost + ";", "PostageRefund": cost + ";"}
		if got := s.postage(orders[i].id); !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{`"PostageBilling"`, `"PostageRefund"`} {
		if n := bytes.Count(b, []byte(kind)); n != 2 {
			t.Errorf("%d charges %s, want one for each label", n, kind)
		}
	}
}

// TestOneLabelForAnOrder: of many who buy at once, by both APIs, one ships the order.
func TestOneLabelForAnOrder(t *testing.T) {
	s := newShipper(t)
	p := s.open(marketplace.US)[0]
	d := labelRequest(p.id, p.items...)
	offer := s.offer(d, "UPS_PTP_GND")
	rate := s.rate(amazonRates(p), "UPS_PTP_GND")
	bought := make(chan bool)
	const each = 4
	for range each {
		go func() {
			_, err := mfn.New(s.client).CreateShipment(t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: "UPS_PTP_GND",
				ShippingServiceOfferID: offer})
			bought <- err == nil
		}()
		go func() {
			_, err := v2.New(s.client).PurchaseShipment(t.Context(), rate)
			bought <- err == nil
		}()
	}
	labels := 0
	for range 2 * each {
		if <-bought {
			labels++
		}
	}
	if labels != 1 || s.status(p.id) != "Shipped" {
		t.Errorf("%d labels, and the order is %s", labels, s.status(p.id))
	}
}

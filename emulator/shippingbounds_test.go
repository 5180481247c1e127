package emulator_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/easyship20220323"
	mfn "github.com/openspapi/spapi/api/merchantfulfillmentv0"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/shippingv2"
	"github.com/openspapi/spapi/marketplace"
)

// TestLabelBounds: no label is paid for by the carrier, whatever the seller says that the parcel is worth, and none is for a day that can't be written.
func TestLabelBounds(t *testing.T) {
	s := newShipper(t)
	p := s.open(marketplace.US)[0]
	for _, value := range []json.Number{"-1", "-1e308", "1e308", "9223372036854775807"} {
		d := labelRequest(p.id, p.items...)
		d.ShippingServiceOptions.DeclaredValue = &mfn.CurrencyAmount{CurrencyCode: "USD", Amount: value}
		_, err := mfn.New(s.client).GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
		s.refused("declared value "+value.String(), err, 400, "InvalidInput", "Invalid Input")
		in := amazonRates(p)
		in.Packages[0].InsuredValue.Value = value
		_, err = shippingv2.New(s.client).GetRates(t.Context(), in)
		s.refused("insured value "+value.String(), err, 400, "InvalidInput", "Provided input is invalid. Please verify.")
	}
	for _, day := range []time.Time{start.AddDate(1, 0, 1), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		d := labelRequest(p.id, p.items...)
		d.ShipDate = day
		_, err := mfn.New(s.client).GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
		s.refused("shipped in "+strconv.Itoa(day.Year()), err, 400, "InvalidInput", "Invalid Input")
		in := externalRates()
		in.ShipDate = day
		_, err = shippingv2.New(s.client).GetRates(t.Context(), in)
		s.refused("rates for "+strconv.Itoa(day.Year()), err, 400, "InvalidInput", "Provided input is invalid. Please verify.")
	}
	many := externalRates()
	for i := range 201 {
		many.Packages = append(many.Packages[:i], boxOf("P-"+strconv.Itoa(i)))
	}
	_, err := shippingv2.New(s.client).GetRates(t.Context(), many)
	s.refused("201 packages", err, 400, "InvalidInput", "Provided input is invalid. Please verify.")
	in := s.rate(amazonRates(p), "UPS_PTP_GND")
	in.RequestedDocumentSpecification.RequestedDocumentTypes = []shippingv2.DocumentType{"LABEL", "LABEL"}
	_, err = shippingv2.New(s.client).PurchaseShipment(t.Context(), in)
	s.refused("a document twice", err, 400, "InvalidInput", "An invalid documentation specification was provided.")
	s.moved()
}

// TestLabelsOfTheFuture: when the clock is set back, what was bought later isn't there yet.
func TestLabelsOfTheFuture(t *testing.T) {
	s := newShipper(t)
	list := s.open(marketplace.US)
	bought, err := s.buyLabel(labelRequest(list[0].id, list[0].items...))
	if err != nil {
		t.Fatal(err)
	}
	in := s.rate(amazonRates(list[1]), "UPS_PTP_GND")
	in.XAmznIdempotencyKey = "key"
	sent, err := shippingv2.New(s.client).PurchaseShipment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	s.SetTime(start.AddDate(0, 0, -50)) // the orders haven't been placed, either
	s = openShipper(t, s.Emulator)
	_, err = mfn.New(s.client).GetShipment(t.Context(), &mfn.GetShipmentInput{ShipmentID: bought.ShipmentID})
	s.refused("a label", err, 400, "InvalidInput")
	_, err = mfn.New(s.client).CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: bought.ShipmentID})
	s.refused("its refund", err, 400, "InvalidInput")
	api := shippingv2.New(s.client)
	_, err = api.PurchaseShipment(t.Context(), in)
	s.refused("the same key", err, 400, "InvalidInput")
	_, err = api.GetShipmentDocuments(t.Context(), &shippingv2.GetShipmentDocumentsInput{ShipmentID: sent.ShipmentID, PackageClientReferenceID: "P-1"})
	s.refused("documents", err, 400, "InvalidInput")
	_, err = api.GetTracking(t.Context(), &shippingv2.GetTrackingInput{TrackingID: sent.PackageDocumentDetails[0].TrackingID, CarrierID: "UPS"})
	s.refused("tracking", err, 404, "NotFound")
	s.SetTime(start)
	s = openShipper(t, s.Emulator)
	if again, err := shippingv2.New(s.client).PurchaseShipment(t.Context(), in); err != nil || again.ShipmentID != sent.ShipmentID {
		t.Errorf("the key, when the time has come again: %+v, %v", again, err)
	}
}

// TestEasyShipKeepsItsLabel: an order whose package has been scheduled gets no second label elsewhere.
func TestEasyShipKeepsItsLabel(t *testing.T) {
	d := newDepot(t, marketplace.IN)
	api := easyship20220323.New(d.client)
	order := unscheduled(d)[0].AmazonOrderID
	slots, err := api.ListHandoverSlots(t.Context(), slotsFor(d.market, order))
	if err != nil {
		t.Fatal(err)
	}
	ship := &shipper{d.Emulator, t, d.client, ordersv0.New(d.client)}
	p := parcel{id: order}
	for it, err := range ship.orders.GetOrderItemsAll(t.Context(), &ordersv0.GetOrderItemsInput{OrderID: order}) {
		if err != nil {
			t.Fatal(err)
		}
		p.items = append(p.items, *it)
	}
	label := labelRequest(order, p.items...)
	label.ShipFromAddress.CountryCode, label.ShipFromAddress.PostalCode = "IN", "560001"
	rates := amazonRates(p)
	from := *penShop
	from.CountryCode, from.PostalCode = "IN", "560001"
	rates.ShipFrom = &from
	quoted, err := shippingv2.New(d.client).GetRates(t.Context(), rates)
	if err != nil || len(quoted.Rates) == 0 {
		t.Fatalf("before it is scheduled: %+v, %v", quoted, err)
	}
	made, err := api.CreateScheduledPackage(t.Context(), scheduleAt(d.market, order, slots.TimeSlots[0].SlotID))
	if err != nil {
		t.Fatal(err)
	}
	_, err = mfn.New(d.client).GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: label})
	d.refused("Merchant Fulfillment", err, 400, "InvalidInput", "Invalid Input")
	_, err = shippingv2.New(d.client).PurchaseShipment(t.Context(), &shippingv2.PurchaseShipmentInput{RequestToken: quoted.RequestToken,
		RateID: quoted.Rates[0].RateID, RequestedDocumentSpecification: papers("PDF", 300, "LABEL")})
	d.refused("Shipping", err, 400, "InvalidInput", "Invalid input")
	got, err := api.GetScheduledPackage(t.Context(), &easyship20220323.GetScheduledPackageInput{AmazonOrderID: order, MarketplaceID: d.market.ID})
	if err != nil || got.PackageStatus != made.PackageStatus || ship.status(order) != "Unshipped" {
		t.Errorf("%+v, %v, the order is %s", got, err, ship.status(order))
	}
}

// TestTrackingAsOrdersShowIt: the carrier's tracking, the tracking of all sellers and the order's package are as far as each other.
func TestTrackingAsOrdersShowIt(t *testing.T) {
	s := newShipper(t)
	p := s.open(marketplace.US)[0]
	bought, err := shippingv2.New(s.client).PurchaseShipment(t.Context(), s.rate(amazonRates(p), "UPS_PTP_GND"))
	if err != nil {
		t.Fatal(err)
	}
	number := bought.PackageDocumentDetails[0].TrackingID
	want := map[shippingv2.Status]string{"PreTransit": "SHIPPED ", "InTransit": "IN_TRANSIT PICKED_UP", "OutForDelivery": "IN_TRANSIT OUT_FOR_DELIVERY",
		"Delivered": "DELIVERED DELIVERED", "DeliveryAttempted": "IN_TRANSIT OUT_FOR_DELIVERY"}
	seen := map[shippingv2.Status]bool{}
	for range 120 {
		s.later(59 * time.Minute)
		tracked, err := shippingv2.New(s.client).GetTracking(t.Context(), &shippingv2.GetTrackingInput{TrackingID: number, CarrierID: "UPS"})
		if err != nil {
			t.Fatal(err)
		}
		o, err := orders20260101.New(s.client).GetOrder(t.Context(), &orders20260101.GetOrderInput{OrderID: p.id,
			IncludedData: []orders20260101.GetOrderIncludedData{"PACKAGES"}})
		if err != nil {
			t.Fatal(err)
		}
		status := o.Order.Packages[0].PackageStatus
		if got := string(status.Status) + " " + status.DetailedStatus; got != want[tracked.Summary.Status] {
			t.Errorf("%s: the order's package is %s, the carrier's %s", s.Now(), got, tracked.Summary.Status)
		}
		seen[tracked.Summary.Status] = true
	}
	for _, status := range []shippingv2.Status{"PreTransit", "InTransit", "OutForDelivery", "Delivered"} {
		if !seen[status] {
			t.Errorf("never %s", status)
		}
	}
}

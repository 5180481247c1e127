package emulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/ordersv0"
	v2 "github.com/openspapi/spapi/api/shippingv2"
	"github.com/openspapi/spapi/marketplace"
)

var (
	penShop  = &v2.Address{Name: "Pens", AddressLine1: "500 Pine St", City: "Seattle", StateOrRegion: "WA", PostalCode: "98101", CountryCode: "US"}
	customer = &v2.Address{Name: "A. Buyer", AddressLine1: "9 Elm St", City: "Portland", StateOrRegion: "ME", PostalCode: "04101", CountryCode: "US"}
)

// boxOf is a package of items, all of each; without items it has something from elsewhere in it.
func boxOf(reference string, items ...ordersv0.OrderItem) v2.Package {
	p := v2.Package{PackageClientReferenceID: reference, Dimensions: &v2.Dimensions{Length: "20", Width: "15", Height: "10", Unit: "CENTIMETER"},
		Weight: &v2.Weight{Unit: "KILOGRAM", Value: "0.8"}, InsuredValue: &v2.Currency{Unit: "USD", Value: "50"}}
	for _, it := range items {
		p.Items = append(p.Items, v2.Item{ItemIdentifier: it.OrderItemID, Quantity: ptrTo(quantityOf(it))})
	}
	if items == nil {
		p.Items = []v2.Item{{ItemIdentifier: "mug", Quantity: ptrTo(int64(1))}}
	}
	return p
}

// amazonRates asks for rates for all of an order, in one package.
func amazonRates(p parcel) *v2.GetRatesInput {
	return &v2.GetRatesInput{ShipFrom: penShop, Packages: []v2.Package{boxOf("P-1", p.items...)},
		ChannelDetails: &v2.ChannelDetails{ChannelType: "AMAZON", AmazonOrderDetails: &v2.AmazonOrderDetails{OrderID: p.id}}}
}

func externalRates() *v2.GetRatesInput {
	return &v2.GetRatesInput{ShipFrom: penShop, ShipTo: customer, Packages: []v2.Package{boxOf("P-1")},
		ChannelDetails: &v2.ChannelDetails{ChannelType: "EXTERNAL"}}
}

func papers(format v2.DocumentFormat, dpi int64, kinds ...v2.DocumentType) *v2.RequestedDocumentSpecification {
	return &v2.RequestedDocumentSpecification{Format: format, Size: &v2.DocumentSize{Width: "4", Length: "6", Unit: "INCH"}, Dpi: &dpi,
		NeedFileJoining: ptrTo(false), RequestedDocumentTypes: kinds}
}

// rate asks for rates and takes the one of a service.
func (s *shipper) rate(in *v2.GetRatesInput, service string) *v2.PurchaseShipmentInput {
	s.t.Helper()
	r, err := v2.New(s.client).GetRates(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(r.Rates, func(r v2.Rate) bool { return r.ServiceID == service })
	if i < 0 {
		s.t.Fatalf("no rate of %s: %+v", service, r)
	}
	in2 := &v2.PurchaseShipmentInput{RequestToken: r.RequestToken, RateID: r.Rates[i].RateID, RequestedDocumentSpecification: papers("PDF", 300, "LABEL")}
	for _, g := range r.Rates[i].AvailableValueAddedServiceGroups {
		if *g.IsRequired {
			in2.RequestedValueAddedServices = append(in2.RequestedValueAddedServices, v2.RequestedValueAddedService{ID: g.ValueAddedServices[0].ID})
		}
	}
	return in2
}

func contents(t *testing.T, d v2.PackageDocument) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(d.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestShippingV2 buys a rate for an order, which ships it, takes the label back, and buys another one.
func TestShippingV2(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	p := s.open(marketplace.US)[0]
	in := s.rate(amazonRates(p), "UPS_PTP_GND")
	in.RequestedDocumentSpecification = papers("PDF", 300, "LABEL", "PACKSLIP")
	in.XAmznIdempotencyKey = "key-1"
	first, err := api.PurchaseShipment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := api.PurchaseShipment(t.Context(), in)
	if err != nil || again.ShipmentID != first.ShipmentID || again.PackageDocumentDetails[0].TrackingID != first.PackageDocumentDetails[0].TrackingID {
		t.Errorf("the same key: %+v, %v", again, err)
	}
	other := *in
	other.RateID = "another"
	_, err = api.PurchaseShipment(t.Context(), &other)
	s.refused("the key of another request", err, 400, "InvalidInput", "Provided input is invalid. Please verify.")
	d := first.PackageDocumentDetails[0]
	if d.PackageClientReferenceID != "P-1" || len(d.PackageDocuments) != 2 {
		t.Fatalf("%+v", d)
	}
	label, slip := contents(t, d.PackageDocuments[0]), contents(t, d.PackageDocuments[1])
	if !bytes.HasPrefix(label, []byte("%PDF-1.4")) || !bytes.Contains(label, []byte(d.TrackingID)) || !bytes.Contains(label, []byte("ORDER "+p.id)) {
		t.Errorf("label: %.300s", label)
	}
	if !bytes.HasPrefix(slip, []byte("%PDF-1.4")) || !bytes.Contains(slip, []byte(fmt.Sprintf("(%d x ", quantityOf(p.items[0])))) {
		t.Errorf("packing slip: %s", slip)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
	err = s.orders.ConfirmShipment(t.Context(), &ordersv0.ConfirmShipmentInput{OrderID: p.id, MarketplaceID: marketplace.US.ID,
		PackageDetail: &ordersv0.PackageDetail{
			PackageReferenceID: "9", CarrierCode: "UPS", TrackingNumber: "1Z", ShipDate: start,
			OrderItems: []ordersv0.ConfirmShipmentOrderItem{{OrderItemID: p.items[0].OrderItemID, Quantity: ptrTo(int64(1))}}}})
	s.refused("confirmShipment after the label", err, 400, "InvalidInput",
		"Failed to create package due to not finding a matching package or order already fulfilled.")

	s = s.moved()
	api = v2.New(s.client)
	documents, err := api.GetShipmentDocuments(t.Context(), &v2.GetShipmentDocumentsInput{ShipmentID: first.ShipmentID, PackageClientReferenceID: "P-1",
		Format: "PNG", Dpi: "300"})
	if err != nil || documents.ShipmentID != first.ShipmentID || documents.PackageDocumentDetail.PackageClientReferenceID != "P-1" {
		t.Fatalf("%+v, %v", documents, err)
	}
	if img, err := png.Decode(bytes.NewReader(contents(t, documents.PackageDocumentDetail.PackageDocuments[0]))); err != nil || img.Bounds().Dx() != 1200 {
		t.Errorf("%v", err)
	}
	tracked, err := api.GetTracking(t.Context(), &v2.GetTrackingInput{TrackingID: d.TrackingID, CarrierID: "UPS"})
	if err != nil || tracked.TrackingID != d.TrackingID || tracked.Summary.Status != "PreTransit" || tracked.EventHistory[0].EventCode != "ReadyForReceive" {
		t.Errorf("%+v, %v", tracked, err)
	}
	_, err = api.PurchaseShipment(t.Context(), s.rate(amazonRates(p), "UPS_PTP_GND"))
	s.refused("what is on its way", err, 400, "InvalidInput", "Provided input is invalid. Please verify.")
	for range 2 { // the second time does nothing
		if _, err := api.CancelShipment(t.Context(), &v2.CancelShipmentInput{ShipmentID: first.ShipmentID}); err != nil {
			t.Error(err)
		}
	}
	if tracked, err = api.GetTracking(t.Context(), &v2.GetTrackingInput{TrackingID: d.TrackingID, CarrierID: "UPS"}); err != nil ||
		tracked.Summary.Status != "PickupCancelled" {
		t.Errorf("%+v, %v", tracked, err)
	}
	second, err := api.PurchaseShipment(t.Context(), s.rate(amazonRates(p), "USPS_PTP_PRI"))
	if err != nil || second.ShipmentID == first.ShipmentID {
		t.Fatalf("%+v, %v", second, err)
	}
	s.later(5 * 24 * time.Hour)
	api = v2.New(s.client)
	_, err = api.CancelShipment(t.Context(), &v2.CancelShipmentInput{ShipmentID: second.ShipmentID})
	s.refused("cancel after the scan", err, 400, "InvalidInput")
	tracked, err = api.GetTracking(t.Context(), &v2.GetTrackingInput{TrackingID: second.PackageDocumentDetails[0].TrackingID, CarrierID: "USPS"})
	if err != nil || tracked.Summary.Status != "Delivered" || !slices.IsSortedFunc(tracked.EventHistory, func(a,
		b v2.Event) int {
		return a.EventTime.Compare(b.EventTime)
	}) {
		t.Errorf("%+v, %v", tracked, err)
	}
	s.moved()
}

// TestPackagesOfAnOrder: each package of a shipment is one of the order.
func TestPackagesOfAnOrder(t *testing.T) {
	s := newShipper(t)
	p := s.open(marketplace.US)[0]
	if len(p.items) < 2 {
		t.Fatal("no order has two items")
	}
	in := amazonRates(p)
	in.Packages = []v2.Package{boxOf("A", p.items[0]), boxOf("B", p.items[1:]...)}
	one := s.rate(amazonRates(p), "UPS_PTP_GND")
	two := s.rate(in, "UPS_PTP_GND")
	two.RequestedDocumentSpecification = papers("ZPL", 203, "LABEL")
	got, err := v2.New(s.client).PurchaseShipment(t.Context(), two)
	if err != nil || len(got.PackageDocumentDetails) != 2 || got.PackageDocumentDetails[1].PackageClientReferenceID != "B" {
		t.Fatalf("%+v, %v", got, err)
	}
	if b := contents(t, got.PackageDocumentDetails[1].PackageDocuments[0]); !bytes.HasPrefix(b, []byte("^XA")) || !bytes.HasSuffix(b, []byte("^XZ\n")) {
		t.Errorf("%s", b)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
	_, err = v2.New(s.client).PurchaseShipment(t.Context(), one)
	s.refused("the other rate", err, 400, "InvalidInput")
}

// TestDirectPurchase: an order's id is enough.
func TestDirectPurchase(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	p := s.open(marketplace.US)[0]
	in := &v2.DirectPurchaseShipmentInput{ChannelDetails: amazonRates(p).ChannelDetails, XAmznIdempotencyKey: "d-1"}
	got, err := api.DirectPurchaseShipment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := api.DirectPurchaseShipment(t.Context(), in)
	if err != nil || again.ShipmentID != got.ShipmentID {
		t.Errorf("%+v, %v", again, err)
	}
	if img, err := png.Decode(bytes.NewReader(contents(t, got.PackageDocumentDetailList[0].PackageDocuments[0]))); err != nil || img.Bounds().Dx() != 812 {
		t.Errorf("%v: want 4 by 6 inches at 203 dpi", err)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
	in.XAmznIdempotencyKey = ""
	_, err = api.DirectPurchaseShipment(t.Context(), in)
	s.refused("again", err, 400, "InvalidInput")
	in.ChannelDetails = &v2.ChannelDetails{ChannelType: "AMAZON", AmazonOrderDetails: &v2.AmazonOrderDetails{OrderID: "111-0000000-0000000"}}
	_, err = api.DirectPurchaseShipment(t.Context(), in)
	s.refused("no such order", err, 400, "InvalidInput")
}

// TestRateRefusals has what getRates and purchaseShipment don't take.
func TestRateRefusals(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	p := s.open(marketplace.US)[0]
	const verify = "Provided input is invalid. Please verify."
	for name, change := range map[string]func(in *v2.GetRatesInput){
		"no such order":      func(in *v2.GetRatesInput) { in.ChannelDetails.AmazonOrderDetails.OrderID = "111-0000000-0000000" },
		"no order":           func(in *v2.GetRatesInput) { in.ChannelDetails.AmazonOrderDetails = nil },
		"no such item":       func(in *v2.GetRatesInput) { in.Packages[0].Items[0].ItemIdentifier = "52986411826454" },
		"too many":           func(in *v2.GetRatesInput) { in.Packages[0].Items[0].Quantity = ptrTo(quantityOf(p.items[0]) + 1) },
		"the same reference": func(in *v2.GetRatesInput) { in.Packages = append(in.Packages, in.Packages[0]) },
		"weightless":         func(in *v2.GetRatesInput) { in.Packages[0].Weight.Value = "0" },
		"no items":           func(in *v2.GetRatesInput) { in.Packages[0].Items = []v2.Item{} },
		"yesterday":          func(in *v2.GetRatesInput) { in.ShipDate = start.AddDate(0, 0, -1) },
		"unlinked account": func(in *v2.GetRatesInput) {
			in.CarrierAccounts = []v2.CarrierAccount{{CarrierAccountID: "x", CarrierID: "UPS"}}
		},
		"nowhere": func(in *v2.GetRatesInput) { in.ChannelDetails = &v2.ChannelDetails{ChannelType: "EXTERNAL"} },
	} {
		in := amazonRates(p)
		change(in)
		_, err := api.GetRates(t.Context(), in)
		s.refused(name, err, 400, "InvalidInput", verify)
	}
	for name, change := range map[string]func(in *v2.PurchaseShipmentInput){
		"made-up token": func(in *v2.PurchaseShipmentInput) { in.RequestToken = "amzn1.rq.123456789.101" },
		"made-up rate":  func(in *v2.PurchaseShipmentInput) { in.RateID = "122324234543535321345436534321423423523452345" },
		"no label": func(in *v2.PurchaseShipmentInput) {
			in.RequestedDocumentSpecification.RequestedDocumentTypes = []v2.DocumentType{"PACKSLIP"}
		},
		"resolution": func(in *v2.PurchaseShipmentInput) { in.RequestedDocumentSpecification.Dpi = ptrTo(int64(100)) },
		"size":       func(in *v2.PurchaseShipmentInput) { in.RequestedDocumentSpecification.Size.Width = "5" },
		"joined":     func(in *v2.PurchaseShipmentInput) { in.RequestedDocumentSpecification.NeedFileJoining = ptrTo(true) },
		"layout":     func(in *v2.PurchaseShipmentInput) { in.RequestedDocumentSpecification.PageLayout = "LEFT" },
	} {
		in := s.rate(amazonRates(p), "UPS_PTP_GND")
		change(in)
		_, err := api.PurchaseShipment(t.Context(), in)
		said := "An invalid documentation specification was provided. Please provide a documentation specification based on the GetRates response."
		if strings.HasPrefix(name, "made-up") {
			said = verify
		}
		s.refused(name, err, 400, "InvalidInput", said)
	}
	const services = "The requested value added services are invalid. Please check the value added services offered in the GetRates response."
	for name, list := range map[string][]v2.RequestedValueAddedService{
		"none of a group": nil, "two of a group": {{ID: "DELIVERY_CONFIRMATION"}, {ID: "SIGNATURE_CONFIRMATION"}},
		"another's": {{ID: "DELIVERY_CONFIRMATION"}, {ID: "INSURANCE"}}} {
		in := s.rate(amazonRates(p), "UPS_PTP_GND")
		in.RequestedValueAddedServices = list
		_, err := api.PurchaseShipment(t.Context(), in)
		s.refused(name, err, 400, "InvalidInput", services)
	}
	_, err := api.GetAdditionalInputs(t.Context(), &v2.GetAdditionalInputsInput{RequestToken: "null", RateID: "1"})
	s.refused("no token", err, 400, "InvalidRequest", "Request is missing or has invalid parameters", "RequestToken cannot be null")
	_, err = api.GetShipmentDocuments(t.Context(), &v2.GetShipmentDocumentsInput{ShipmentID: "NONE", PackageClientReferenceID: "P-1"})
	s.refused("no such shipment", err, 400, "InvalidInput", "Shipment not found for specified shipmentId")
	_, err = api.CancelShipment(t.Context(), &v2.CancelShipmentInput{ShipmentID: "NONE"})
	s.refused("no such shipment", err, 400, "InvalidInput", "Shipment not found for specified shipmentId")
	_, err = api.GetTracking(t.Context(), &v2.GetTrackingInput{TrackingID: "1Z", CarrierID: "UPS"})
	s.refused("no such number", err, 404, "NotFound")
	if got := s.status(p.id); got != "Unshipped" {
		t.Errorf("after all that the order is %s", got)
	}

	in := s.rate(amazonRates(p), "UPS_PTP_GND")
	s.later(10*time.Minute - time.Second)
	if _, err := v2.New(s.client).GetAdditionalInputs(t.Context(), &v2.GetAdditionalInputsInput{RequestToken: in.RequestToken, RateID: in.RateID}); err != nil {
		t.Error(err)
	}
	s = s.moved()
	s.later(time.Second)
	_, err = v2.New(s.client).PurchaseShipment(t.Context(), in)
	s.refused("ten minutes later", err, 400, "TOKEN_EXPIRED")
}

// TestRates: what a rate says is what is paid, and what doesn't fit is there with a reason.
func TestRates(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	in := externalRates()
	r, err := api.GetRates(t.Context(), in)
	if err != nil || len(r.Rates) != 1 || r.Rates[0].CarrierID != "AMZN_US" || !strings.HasPrefix(r.RequestToken, "amzn1.rq.") {
		t.Fatalf("%+v, %v", r, err)
	}
	in.Packages[0].Weight.Value = "30"
	if r, err = api.GetRates(t.Context(), in); err != nil || len(r.Rates) != 0 || r.IneligibleRates[0].IneligibilityReasons[0].Code != "WEIGHT_RESTRICTIONS" {
		t.Errorf("%+v, %v", r, err)
	}
	in = externalRates()
	in.ValueAddedServices = &v2.ValueAddedServiceDetails{CollectOnDelivery: &v2.CollectOnDelivery{Amount: &v2.Currency{Unit: "USD", Value: "20"}}}
	if r, err = api.GetRates(t.Context(), in); err != nil || len(r.Rates) != 0 || r.IneligibleRates[0].IneligibilityReasons[0].Code != "UNSUPPORTED_VAS" {
		t.Errorf("%+v, %v", r, err)
	}
	in = externalRates()
	in.XAmznShippingBusinessID = "AmazonShipping_UK"
	if r, err = api.GetRates(t.Context(), in); err != nil || len(r.Rates) != 0 || r.IneligibleRates[0].IneligibilityReasons[0].Code != "NO_COVERAGE" {
		t.Errorf("%+v, %v", r, err)
	}
	p := s.open(marketplace.US)[0]
	if r, err = api.GetRates(t.Context(), amazonRates(p)); err != nil || len(r.Rates) < 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	i := slices.IndexFunc(r.IneligibleRates, func(r v2.IneligibleRate) bool { return r.CarrierID == "ONTRAC" })
	if i < 0 || r.IneligibleRates[i].IneligibilityReasons[0].Code != "TERMS_AND_CONDITIONS_NOT_ACCEPTED" {
		t.Errorf("%+v", r.IneligibleRates)
	}
}

// TestAdditionalInputs: a service that wants to know more says what, and is sold once it has been told.
func TestAdditionalInputs(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	p := s.open(marketplace.US)[0]
	in := s.rate(amazonRates(p), "DYNAMEX_PTP_SAME")
	schema, err := api.GetAdditionalInputs(t.Context(), &v2.GetAdditionalInputsInput{RequestToken: in.RequestToken, RateID: in.RateID})
	if err != nil || string(schema["required"]) != `["pickupInstructions"]` {
		t.Fatalf("%s, %v", schema, err)
	}
	_, err = api.PurchaseShipment(t.Context(), in)
	s.refused("without an answer", err, 400, "InvalidInput")
	in.AdditionalInputs = map[string]json.RawMessage{"pickupInstructions": json.RawMessage(`"Ring twice"`)}
	if _, err := api.PurchaseShipment(t.Context(), in); err != nil {
		t.Error(err)
	}
	in = s.rate(externalRates(), "std-us-swa-mfn")
	if schema, err = api.GetAdditionalInputs(t.Context(), &v2.GetAdditionalInputsInput{RequestToken: in.RequestToken, RateID: in.RateID}); err != nil ||
		len(schema) != 0 {
		t.Errorf("%s, %v", schema, err)
	}
}

// TestOneClick buys the first service that ships the parcel, with cover.
func TestOneClick(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	r := externalRates()
	in := &v2.OneClickShipmentInput{ShipFrom: r.ShipFrom, ShipTo: r.ShipTo, Packages: r.Packages, ChannelDetails: r.ChannelDetails,
		LabelSpecifications: papers("PNG", 203, "LABEL"),
		ServiceSelection:    &v2.ServiceSelection{ServiceID: []string{"NONE", "std-us-swa-mfn"}}}
	plain, err := api.OneClickShipment(t.Context(), in)
	if err != nil || plain.Service.ID != "std-us-swa-mfn" || plain.Carrier.ID != "AMZN_US" ||
		plain.PackageDocumentDetails[0].PackageClientReferenceID != "P-1" {
		t.Fatalf("%+v, %v", plain, err)
	}
	in.ValueAddedServicesDetails = []v2.OneClickShipmentValueAddedService{{ID: "INSURANCE"}}
	covered, err := api.OneClickShipment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := plain.TotalCharge.Value.Float64()
	after, _ := covered.TotalCharge.Value.Float64()
	if after-before < 0.49 || after-before > 0.51 {
		t.Errorf("with cover of 50 dollars %v, without %v", after, before)
	}
	in.ServiceSelection.ServiceID = []string{"NONE"}
	_, err = api.OneClickShipment(t.Context(), in)
	s.refused("no such service", err, 400, "InvalidInput")
	in.ServiceSelection.ServiceID = []string{"UPS_PTP_GND"}
	_, err = api.OneClickShipment(t.Context(), in)
	s.refused("a service for orders of Amazon's", err, 400, "InvalidInput")
}

// somewhere buys parcels until there is one of a status, after a time.
func (s *shipper) somewhere(status v2.Status, after time.Duration) string {
	s.t.Helper()
	r := externalRates()
	in := &v2.OneClickShipmentInput{ShipFrom: r.ShipFrom, ShipTo: r.ShipTo, ChannelDetails: r.ChannelDetails, LabelSpecifications: papers("ZPL", 203, "LABEL"),
		ServiceSelection: &v2.ServiceSelection{ServiceID: []string{"std-us-swa-mfn"}}}
	for i := range 150 {
		in.Packages = append(in.Packages, boxOf(fmt.Sprint("P-", i)))
	}
	got, err := v2.New(s.client).OneClickShipment(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	s.later(after)
	for _, d := range got.PackageDocumentDetails {
		tracked, err := v2.New(s.client).GetTracking(s.t.Context(), &v2.GetTrackingInput{TrackingID: d.TrackingID, CarrierID: "AMZN_US"})
		if err != nil {
			s.t.Fatal(err)
		}
		if tracked.Summary.Status == status {
			return d.TrackingID
		}
	}
	s.t.Fatalf("none of %d parcels is %s", len(in.Packages), status)
	return ""
}

// TestNdrFeedback: the carrier does what it is told, and nothing more until then.
func TestNdrFeedback(t *testing.T) {
	for action, want := range map[v2.NdrAction]v2.Status{"REATTEMPT": "Delivered", "RESCHEDULE": "Delivered", "RTO": "Undeliverable"} {
		s := newShipper(t)
		number := s.somewhere("DeliveryAttempted", 70*time.Hour)
		api := v2.New(s.client)
		in := &v2.SubmitNdrFeedbackInput{TrackingID: number, NdrAction: action}
		day := s.Now().AddDate(0, 0, 4)
		if action == "RESCHEDULE" {
			err := api.SubmitNdrFeedback(t.Context(), in)
			s.refused("no day", err, 400, "InvalidInput")
			in.NdrRequestData = &v2.NdrRequestData{RescheduleDate: day}
		}
		if err := api.SubmitNdrFeedback(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		err := api.SubmitNdrFeedback(t.Context(), in)
		s.refused("again", err, 400, "InvalidInput")
		s = s.moved()
		s.later(8 * 24 * time.Hour)
		tracked, err := v2.New(s.client).GetTracking(t.Context(), &v2.GetTrackingInput{TrackingID: number, CarrierID: "AMZN_US"})
		if err != nil || tracked.Summary.Status != want {
			t.Errorf("%s: %+v, %v", action, tracked, err)
			continue
		}
		last := tracked.EventHistory[len(tracked.EventHistory)-1]
		if action == "RESCHEDULE" && last.EventTime.YearDay() != day.YearDay() {
			t.Errorf("delivered on %s, not on %s", last.EventTime, day)
		}
		if action == "RTO" && (last.ShipmentType != "RETURNS" || tracked.AlternateLegTrackingID == "") {
			t.Errorf("%+v", tracked)
		}
	}
}

// TestClaims: a lost parcel is claimed once, and not as what it isn't.
func TestClaims(t *testing.T) {
	s := newShipper(t)
	number := s.somewhere("Lost", 6*24*time.Hour)
	api := v2.New(s.client)
	in := &v2.CreateClaimInput{TrackingID: number, ClaimReason: "DAMAGED_IN_TRANSIT", SettlementType: "REFUND"}
	_, err := api.CreateClaim(t.Context(), in)
	s.refused("damaged", err, 400, "InvalidInput")
	in.ClaimReason = "LOST_IN_TRANSIT"
	made, err := api.CreateClaim(t.Context(), in)
	if err != nil || made.ClaimID == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = api.CreateClaim(t.Context(), in)
	s.refused("again", err, 400, "InvalidInput")
	in.TrackingID = "NONE"
	_, err = api.CreateClaim(t.Context(), in)
	s.refused("nobody's", err, 404, "NotFound")
	s.later(6 * 24 * time.Hour)
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(state); bytes.Count(b, []byte("LostOrDamagedReimbursement")) != 0 {
		t.Error("paid before anybody asked")
	}
	s.open(marketplace.US) // whatever is asked
	if state, err = s.Export(); err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(state); bytes.Count(b, []byte("LostOrDamagedReimbursement")) != 1 {
		t.Error("not paid once")
	}
	s.moved()
}

// TestCarrierAccounts: a contract of the seller's own is linked once, whatever the method, and pays for its carrier's labels.
func TestCarrierAccounts(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	forms, err := api.GetCarrierAccountFormInputs(t.Context(), nil)
	if err != nil || !slices.ContainsFunc(forms.LinkableCarriersList, func(l v2.LinkableCarrier) bool { return l.CarrierID == "UPS" }) {
		t.Fatalf("%+v, %v", forms, err)
	}
	attributes := []v2.CarrierAccountAttribute{{AttributeName: "accountNumber", Value: "A1B2C3"}, {AttributeName: "password", Value: "secret-word"}}
	first, err := api.LinkCarrierAccount(t.Context(), &v2.LinkCarrierAccountInput{CarrierID: "UPS", CarrierAccountType: "SHIPPER_ACCOUNT",
		CarrierAccountAttributes: attributes})
	if err != nil || first.RegistrationStatus != "ACTIVE" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := api.LinkCarrierAccountPost(t.Context(), &v2.LinkCarrierAccountPostInput{CarrierID: "UPS", CarrierAccountType: "SHIPPER_ACCOUNT",
		CarrierAccountAttributes: attributes})
	if err != nil || again.AccountID != first.AccountID {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = api.LinkCarrierAccount(t.Context(), &v2.LinkCarrierAccountInput{CarrierID: "NONE", CarrierAccountType: "SHIPPER_ACCOUNT",
		CarrierAccountAttributes: attributes})
	s.refused("no such carrier", err, 400, "InvalidInput")
	_, err = api.LinkCarrierAccount(t.Context(), &v2.LinkCarrierAccountInput{CarrierID: "UPS", CarrierAccountType: "SHIPPER_ACCOUNT",
		CarrierAccountAttributes: attributes[1:]})
	s.refused("no number", err, 400, "InvalidInput")
	s = s.moved()
	api = v2.New(s.client)
	list, err := api.GetCarrierAccounts(t.Context(), &v2.GetCarrierAccountsInput{})
	if err != nil || len(list.ActiveAccounts) != 1 || list.ActiveAccounts[0].AccountID != first.AccountID {
		t.Fatalf("%+v, %v", list, err)
	}
	in := amazonRates(s.open(marketplace.US)[0])
	in.CarrierAccounts = []v2.CarrierAccount{{CarrierAccountID: first.AccountID, CarrierID: "UPS"}}
	rates, err := api.GetRates(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rates.Rates {
		if (r.PaymentType == "PAY_DIRECT_TO_CARRIER") != (r.CarrierID == "UPS") {
			t.Errorf("%s is paid by %s", r.ServiceID, r.PaymentType)
		}
	}
	if _, err = api.PurchaseShipment(t.Context(), s.rate(in, "UPS_PTP_GND")); err != nil {
		t.Fatal(err)
	}
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(state); bytes.Contains(b, []byte("PostageBilling")) || bytes.Contains(b, []byte("secret-word")) || bytes.Contains(b,
		[]byte("A1B2C3")) {
		t.Error("Amazon pays for the carrier's label, or the state has what the account was linked with")
	}
	if done, err := api.UnlinkCarrierAccount(t.Context(), &v2.UnlinkCarrierAccountInput{CarrierID: "UPS", AccountID: first.AccountID}); err != nil ||
		!*done.IsUnlinked {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = api.UnlinkCarrierAccount(t.Context(), &v2.UnlinkCarrierAccountInput{CarrierID: "UPS", AccountID: first.AccountID})
	s.refused("unlink again", err, 400, "InvalidInput")
}

// TestCollectionForms: what waits for a carrier is on one form.
func TestCollectionForms(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	_, err := api.GenerateCollectionForm(t.Context(), &v2.GenerateCollectionFormInput{CarrierID: "AMZN_US"})
	s.refused("nothing waits", err, 400, "InvalidInput")
	var numbers []string
	for range 2 {
		got, err := api.PurchaseShipment(t.Context(), s.rate(externalRates(), "std-us-swa-mfn"))
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, got.PackageDocumentDetails[0].TrackingID)
	}
	waiting, err := api.GetUnmanifestedShipments(t.Context(), &v2.GetUnmanifestedShipmentsInput{})
	if err != nil || len(waiting.UnmanifestedCarrierInformationList) != 1 ||
		waiting.UnmanifestedCarrierInformationList[0].UnmanifestedShipmentLocationList[0].Address.AddressLine1 != "500 Pine St" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	in := &v2.GenerateCollectionFormInput{CarrierID: "AMZN_US", ShipFromAddress: penShop, XAmznIdempotencyKey: "f-1"}
	made, err := api.GenerateCollectionForm(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := api.GenerateCollectionForm(t.Context(), in)
	if err != nil || again.CollectionsFormDocument.Base64EncodedContent != made.CollectionsFormDocument.Base64EncodedContent {
		t.Errorf("the same key: %v", err)
	}
	b, err := base64.StdEncoding.DecodeString(made.CollectionsFormDocument.Base64EncodedContent)
	if err != nil || !bytes.HasPrefix(b, []byte("%PDF-1.4")) || !bytes.Contains(b, []byte(numbers[0])) || !bytes.Contains(b, []byte(numbers[1])) {
		t.Errorf("%v: %s", err, b)
	}
	s = s.moved()
	api = v2.New(s.client)
	if waiting, err = api.GetUnmanifestedShipments(t.Context(), &v2.GetUnmanifestedShipmentsInput{}); err != nil ||
		len(waiting.UnmanifestedCarrierInformationList) != 0 {
		t.Errorf("%+v, %v", waiting, err)
	}
	history, err := api.GetCollectionFormHistory(t.Context(), &v2.GetCollectionFormHistoryInput{CarrierID: "AMZN_US", ShipFromAddress: penShop})
	if err != nil || len(history.CollectionFormsHistoryRecordList) != 1 {
		t.Fatalf("%+v, %v", history, err)
	}
	form, err := api.GetCollectionForm(t.Context(), &v2.GetCollectionFormInput{CollectionFormID: history.CollectionFormsHistoryRecordList[0].CollectionFormID})
	if err != nil || form.CollectionsFormDocument.Base64EncodedContent != made.CollectionsFormDocument.Base64EncodedContent {
		t.Errorf("%v", err)
	}
	_, err = api.GetCollectionForm(t.Context(), &v2.GetCollectionFormInput{CollectionFormID: "NONE"})
	s.refused("no such form", err, 400, "InvalidInput", "Collection form not found for specified collectionFormId")
	if history, err = api.GetCollectionFormHistory(t.Context(), &v2.GetCollectionFormHistoryInput{CarrierID: "UPS"}); err != nil ||
		len(history.CollectionFormsHistoryRecordList) != 0 {
		t.Errorf("%+v, %v", history, err)
	}
}

// TestAccessPoints: they are around the postal code, of the types asked for, and the same each time.
func TestAccessPoints(t *testing.T) {
	s := newShipper(t)
	api := v2.New(s.client)
	in := &v2.GetAccessPointsInput{AccessPointTypes: []v2.GetAccessPointsAccessPointType{"HELIX", "3P"}, CountryCode: "US", PostalCode: "98101"}
	first, err := api.GetAccessPoints(t.Context(), in)
	if err != nil || len(first.AccessPointsMap) != 2 || len(first.AccessPointsMap["HELIX"]) == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, p := range first.AccessPointsMap["3P"] {
		if p.Address.PostalCode != "98101" || p.Address.City != "Seattle" || p.Address.StateOrRegion != "WA" || p.Type != "3P" {
			t.Errorf("%+v", p)
		}
	}
	again, err := api.GetAccessPoints(t.Context(), in)
	if err != nil || again.AccessPointsMap["HELIX"][0].AccessPointID != first.AccessPointsMap["HELIX"][0].AccessPointID {
		t.Errorf("%+v, %v", again, err)
	}
}

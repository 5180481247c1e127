package emulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	mfn "github.com/openspapi/spapi/api/merchantfulfillmentv0"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// shipper is a seller of an emulator whose clock stands, with the SDK over it.
type shipper struct {
	*emulator.Emulator
	t      *testing.T
	client *spapi.Client
	orders *ordersv0.Client
}

// unlimited lets every call pass: the clock stands.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (g spapi.LimitGrant, err error) {
	return g, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

func newShipper(t *testing.T, options ...emulator.Option) *shipper {
	t.Helper()
	e, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(1500)},
		options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return openShipper(t, e)
}

func openShipper(t *testing.T, e *emulator.Emulator) *shipper {
	return shipperOf(t, e, e.Credentials())
}

func shipperOf(t *testing.T, e *emulator.Emulator, cred emulator.Credentials) *shipper {
	app := spapi.NewApp(spapi.Credentials{ClientID: cred.ClientID, ClientSecret: spapi.NewSecret(cred.ClientSecret)}, spapi.WithTransport(e),
		spapi.WithLimiter(unlimited{}))
	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(cred.RefreshToken), Region: cred.Region})
	return &shipper{e, t, client, ordersv0.New(client)}
}

// later lets time pass; tokens don't outlive it.
func (s *shipper) later(d time.Duration) {
	s.Advance(d)
	*s = *openShipper(s.t, s.Emulator)
}

// moved is the shipper after an export and an import elsewhere, which must export the same.
func (s *shipper) moved() *shipper {
	s.t.Helper()
	export := func(e *emulator.Emulator) []byte {
		state, err := e.Export()
		if err != nil {
			s.t.Fatal(err)
		}
		b, err := json.Marshal(state)
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	before := export(s.Emulator)
	state := &emulator.State{}
	if err := json.Unmarshal(before, state); err != nil {
		s.t.Fatal(err)
	}
	e, err := emulator.New(emulator.WithSeed(77), emulator.WithFixedTime(start), emulator.WithoutLimits())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := e.Import(state); err != nil {
		s.t.Fatal(err)
	}
	if after := export(e); !bytes.Equal(before, after) {
		s.t.Error("another export after the import")
	}
	return openShipper(s.t, e)
}

// refused fails the test unless err is one of the API with a status, a code and texts in message or details.
func (s *shipper) refused(what string, err error, status int, code string, texts ...string) {
	s.t.Helper()
	var api *spapi.APIError
	if !errors.As(err, &api) || api.StatusCode != status || api.Code != code {
		s.t.Errorf("%s: %v, want %d %s", what, err, status, code)
		return
	}
	for _, text := range texts {
		if !strings.Contains(api.Message+"\n"+api.Details, text) {
			s.t.Errorf("%s: %q %q, want %q", what, api.Message, api.Details, text)
		}
	}
}

// parcel is an order to be shipped.
type parcel struct {
	id    string
	items []ordersv0.OrderItem
}

// open are orders that wait to be shipped by the seller, those with the most items first.
func (s *shipper) open(m marketplace.Marketplace) []parcel {
	s.t.Helper()
	var list []parcel
	no := false
	in := &ordersv0.GetOrdersInput{MarketplaceIDs: []string{m.ID}, CreatedAfter: start.AddDate(0, 0, -60).Format(time.RFC3339),
		OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"}, IsISPU: &no}
	for o, err := range s.orders.GetOrdersAll(s.t.Context(), in) {
		if err != nil {
			s.t.Fatal(err)
		}
		p := parcel{id: o.AmazonOrderID}
		for it, err := range s.orders.GetOrderItemsAll(s.t.Context(), &ordersv0.GetOrderItemsInput{OrderID: p.id}) {
			if err != nil {
				s.t.Fatal(err)
			}
			p.items = append(p.items, *it)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b parcel) int { return len(b.items) - len(a.items) })
	if len(list) < 3 {
		s.t.Fatalf("%d orders wait in %s", len(list), m.CountryCode)
	}
	return list
}

func (s *shipper) status(id string) string {
	s.t.Helper()
	o, err := s.orders.GetOrder(s.t.Context(), &ordersv0.GetOrderInput{OrderID: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(o.OrderStatus)
}

// quantityOf is how many units an item has.
func quantityOf(it ordersv0.OrderItem) int64 { return *it.QuantityOrdered }

// labelRequest asks for a label for items of an order, all of each.
func labelRequest(id string, items ...ordersv0.OrderItem) *mfn.ShipmentRequestDetails {
	no := false
	d := &mfn.ShipmentRequestDetails{
		AmazonOrderID: id, SellerOrderID: "mine-1",
		ShipFromAddress: &mfn.Address{Name: "Pens", AddressLine1: "500 Pine St", City: "Seattle", StateOrProvinceCode: "WA", PostalCode: "98101",
			CountryCode: "US",
			Email:       "pens@example.com", Phone: "206-555-0100"},
		PackageDimensions: &mfn.PackageDimensions{Length: "10", Width: "8", Height: "4", Unit: "inches"}, Weight: &mfn.Weight{Value: "20", Unit: "oz"},
		ShippingServiceOptions: &mfn.ShippingServiceOptions{DeliveryExperience: "DeliveryConfirmationWithoutSignature", CarrierWillPickUp: &no},
	}
	for _, it := range items {
		n := quantityOf(it)
		d.ItemList = append(d.ItemList, mfn.Item{OrderItemID: it.OrderItemID, Quantity: &n})
	}
	return d
}

// offer gets an offer of a service.
func (s *shipper) offer(d *mfn.ShipmentRequestDetails, service string) string {
	s.t.Helper()
	r, err := mfn.New(s.client).GetEligibleShipmentServices(s.t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range r.ShippingServiceList {
		if o.ShippingServiceID == service {
			return o.ShippingServiceOfferID
		}
	}
	s.t.Fatalf("no offer of %s: %+v", service, r)
	return ""
}

// buyLabel buys a label of UPS Ground.
func (s *shipper) buyLabel(d *mfn.ShipmentRequestDetails) (*mfn.Shipment, error) {
	s.t.Helper()
	return mfn.New(s.client).CreateShipment(s.t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: "UPS_PTP_GND",
		ShippingServiceOfferID: s.offer(d, "UPS_PTP_GND")})
}

// file unpacks a label and checks its sum.
func file(t *testing.T, f *mfn.FileContents) []byte {
	t.Helper()
	zipped, err := base64.StdEncoding.DecodeString(f.Contents)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if sum := md5.Sum(b); base64.StdEncoding.EncodeToString(sum[:]) != f.Checksum {
		t.Errorf("checksum %s is another file's", f.Checksum)
	}
	return b
}

// TestMerchantFulfillment buys a label, which ships the order, gives it back, and buys another one.
func TestMerchantFulfillment(t *testing.T) {
	s := newShipper(t)
	api := mfn.New(s.client)
	p := s.open(marketplace.US)[0]
	d := labelRequest(p.id, p.items...)
	eligible, err := api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
	if err != nil {
		t.Fatal(err)
	}
	if len(eligible.ShippingServiceList) < 5 || len(eligible.TermsAndConditionsNotAcceptedCarrierList) != 1 {
		t.Errorf("%d offers, %d carriers without terms", len(eligible.ShippingServiceList), len(eligible.TermsAndConditionsNotAcceptedCarrierList))
	}
	first, err := s.buyLabel(d)
	if err != nil {
		t.Fatal(err)
	}
	if first.AmazonOrderID != p.id || first.SellerOrderID != "mine-1" || len(first.ItemList) != len(p.items) ||
		first.ItemList[0].OrderItemID != p.items[0].OrderItemID ||
		first.Status != mfn.ShipmentStatusPurchased || first.ShippingService.ShippingServiceID != "UPS_PTP_GND" || !strings.HasPrefix(first.TrackingID, "1Z") {
		t.Errorf("%+v", first)
	}
	for _, o := range eligible.ShippingServiceList {
		if o.ShippingServiceID == "UPS_PTP_GND" && o.Rate.Amount != first.ShippingService.Rate.Amount {
			t.Errorf("offered for %s, sold for %s", o.Rate.Amount, first.ShippingService.Rate.Amount)
		}
	}
	if b := file(t, first.Label.FileContents); first.Label.FileContents.FileType != "image/png" {
		t.Errorf("%s", first.Label.FileContents.FileType)
	} else if img, err := png.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() != 812 || img.Bounds().Dy() != 1218 {
		t.Errorf("%v, %v", img.Bounds(), err)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
	for it, err := range s.orders.GetOrderItemsAll(t.Context(), &ordersv0.GetOrderItemsInput{OrderID: p.id}) {
		if err != nil || *it.QuantityShipped != *it.QuantityOrdered {
			t.Errorf("%v of %v shipped, %v", it.QuantityShipped, it.QuantityOrdered, err)
		}
	}
	err = s.orders.ConfirmShipment(t.Context(), &ordersv0.ConfirmShipmentInput{OrderID: p.id, MarketplaceID: marketplace.US.ID,
		PackageDetail: &ordersv0.PackageDetail{
			PackageReferenceID: "9", CarrierCode: "UPS", TrackingNumber: "1Z", ShipDate: start,
			OrderItems: []ordersv0.ConfirmShipmentOrderItem{{OrderItemID: p.items[0].OrderItemID, Quantity: ptrTo(int64(1))}}}})
	s.refused("confirmShipment after the label", err, 400, "InvalidInput",
		"Failed to create package due to not finding a matching package or order already fulfilled.  ErrorMessage(errorCode=GeneralError, ")

	_, err = s.buyLabel(d)
	s.refused("a second label", err, 400, "InvalidInput", first.ShipmentID)
	cancelled, err := api.CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: first.ShipmentID})
	if err != nil || cancelled.Status != mfn.ShipmentStatusRefundPending || cancelled.Label.FileContents.Contents != "" ||
		cancelled.Label.FileContents.FileType != "" {
		t.Fatalf("%+v, %v", cancelled, err)
	}
	s = s.moved()
	api = mfn.New(s.client)
	again, err := api.CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: first.ShipmentID})
	if err != nil || again.Status != mfn.ShipmentStatusRefundPending || !again.LastUpdatedDate.Equal(cancelled.LastUpdatedDate) {
		t.Errorf("%+v, %v", again, err)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("after the label was given back the order is %s", got)
	}
	second, err := s.buyLabel(d)
	if err != nil || second.ShipmentID == first.ShipmentID || second.TrackingID == first.TrackingID {
		t.Fatalf("%+v, %v", second, err)
	}
	_, err = s.buyLabel(d)
	s.refused("a third label", err, 400, "InvalidInput", second.ShipmentID)
	s.later(49 * time.Hour)
	api = mfn.New(s.client)
	got, err := api.GetShipment(t.Context(), &mfn.GetShipmentInput{ShipmentID: first.ShipmentID})
	if err != nil || got.Status != mfn.ShipmentStatusRefundApplied || got.ShipmentID != first.ShipmentID ||
		!got.LastUpdatedDate.Equal(start.Add(48*time.Hour)) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = api.CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: first.ShipmentID})
	s.refused("cancel after the refund", err, 400, "InvalidInput")
	late, err := api.CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: second.ShipmentID})
	if err != nil || late.Status != mfn.ShipmentStatusRefundPending {
		t.Fatalf("%+v, %v", late, err)
	}
	s.later(49 * time.Hour)
	api = mfn.New(s.client)
	if got, err = api.GetShipment(t.Context(), &mfn.GetShipmentInput{ShipmentID: second.ShipmentID}); err != nil ||
		got.Status != mfn.ShipmentStatusRefundRejected || got.Label.FileContents.Contents == "" {
		t.Errorf("what the carrier has scanned: %+v, %v", got, err)
	}
	s.moved()
}

func ptrTo[T any](v T) *T { return &v }

// TestLabelForAPart: a label for some items ships these.
func TestLabelForAPart(t *testing.T) {
	s := newShipper(t)
	p := s.open(marketplace.US)[0]
	if len(p.items) < 2 {
		t.Fatal("no order has two items")
	}
	if _, err := s.buyLabel(labelRequest(p.id, p.items[0])); err != nil {
		t.Fatal(err)
	}
	if got := s.status(p.id); got != "PartiallyShipped" {
		t.Errorf("the order is %s", got)
	}
	if _, err := s.buyLabel(labelRequest(p.id, p.items[1:]...)); err != nil {
		t.Fatal(err)
	}
	if got := s.status(p.id); got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
}

// TestLabelFormats: each file is what it says it is.
func TestLabelFormats(t *testing.T) {
	s := newShipper(t)
	orders := s.open(marketplace.US)
	for i, test := range []struct {
		format mfn.LabelFormat
		want   mfn.FileType
		start  string
	}{{"PDF", "application/pdf", "%PDF-1.4"}, {"ZPL203", "application/zpl", "^XA"}, {"ShippingServiceDefault", "image/png", "\x89PNG"}} {
		d := labelRequest(orders[i].id, orders[i].items...)
		offer := s.offer(d, "USPS_PTP_PRI") // the format may be chosen later
		d.ShippingServiceOptions.LabelFormat = test.format
		if test.format == "ZPL203" {
			d.LabelCustomization = &mfn.LabelCustomization{CustomTextForLabel: "Shelf 4"}
		}
		got, err := mfn.New(s.client).CreateShipment(t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: "USPS_PTP_PRI",
			ShippingServiceOfferID: offer})
		if err != nil {
			t.Fatal(err)
		}
		b := file(t, got.Label.FileContents)
		if got.Label.FileContents.FileType != test.want || !bytes.HasPrefix(b, []byte(test.start)) {
			t.Errorf("%s: %s %.10q", test.format, got.Label.FileContents.FileType, b)
		}
		if test.want != "image/png" && (!bytes.Contains(b, []byte(got.TrackingID)) || !bytes.Contains(b, []byte(orders[i].id))) {
			t.Errorf("%s shows neither tracking number nor order", test.format)
		}
		if test.format == "ZPL203" && (!bytes.Contains(b, []byte("Shelf 4")) || got.Label.CustomTextForLabel != "Shelf 4") {
			t.Error("without the seller's text")
		}
	}
}

// TestLabelRefusals has both spellings of what is refused.
func TestLabelRefusals(t *testing.T) {
	s, documented := newShipper(t), newShipper(t, emulator.WithDocumentedShippingErrors())
	orders := s.open(marketplace.US)
	p := orders[0]
	refuse := func(name, message, code string, status int, change func(in *mfn.CreateShipmentInput)) {
		t.Helper()
		for _, s := range []*shipper{s, documented} {
			status, code := status, code
			if s != documented && code != "InvalidInput" {
				status, code = 400, "InvalidInput"
			}
			s.t = t
			d := labelRequest(p.id, p.items...)
			in := &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: "UPS_PTP_GND", ShippingServiceOfferID: s.offer(d, "UPS_PTP_GND")}
			change(in)
			_, err := mfn.New(s.client).CreateShipment(t.Context(), in)
			s.refused(name, err, status, code, message)
			if got := s.status(p.id); got != "Unshipped" {
				t.Fatalf("%s: the order is %s", name, got)
			}
		}
	}
	const invalid = "Invalid Input"
	expired := "The shipping offering Id has expired.  Please make another GetEligibleShippingServices call to get a new id."
	refuse("made-up offer", expired, "InvalidShippingServiceOfferId", 400,
		func(in *mfn.CreateShipmentInput) { in.ShippingServiceOfferID = "bWFkZSB1cCwgYW5kIGxvbmcgZW5vdWdo" })
	refuse("other than quoted", expired, "InvalidShippingServiceOfferId", 400,
		func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.Weight.Value = "21" })
	refuse("another service's offer", expired, "InvalidShippingServiceOfferId", 400,
		func(in *mfn.CreateShipmentInput) { in.ShippingServiceID = "USPS_PTP_PRI" })
	refuse("no such service", invalid, "ShippingServiceNotAvailable", 404, func(in *mfn.CreateShipmentInput) { in.ShippingServiceID = "NONE" })
	refuse("no such order", invalid, "ResourceNotFound", 404,
		func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.AmazonOrderID = "111-0000000-0000000" })
	refuse("no such item", invalid, "ItemsNotInOrder", 404, func(in *mfn.CreateShipmentInput) {
		in.ShipmentRequestDetails.ItemList[0].OrderItemID = "52986411826454"
	})
	refuse("too many", invalid, "ItemsNotInOrder", 404, func(in *mfn.CreateShipmentInput) {
		in.ShipmentRequestDetails.ItemList[0].Quantity = ptrTo(quantityOf(p.items[0]) + 1)
	})
	refuse("country of three letters", "1 validation error detected: Value 'USA' at 'shipmentRequestDetails.shipFromAddress.countryCode' failed to satisfy constraint: "+
		"Member must have length less than or equal to 2", "InvalidInput", 400,
		func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.ShipFromAddress.CountryCode = "USA" })
	refuse("sender without a state", invalid, "InvalidShipFromAddress", 400,
		func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.ShipFromAddress.StateOrProvinceCode = "" })
	refuse("yesterday", invalid, "InvalidRequest", 400, func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.ShipDate = start.AddDate(0, 0, -1) })
	refuse("no size", invalid, "InvalidRequest", 400, func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.PackageDimensions.Height = "" })
	refuse("format", invalid, "LabelFormatNotSupported", 400, func(in *mfn.CreateShipmentInput) {
		in.ShipmentRequestDetails.ShippingServiceOptions.LabelFormat = "ZPL300"
	})
	refuse("text on a PNG", invalid, "LabelFormatNotSupported", 400, func(in *mfn.CreateShipmentInput) {
		in.ShipmentRequestDetails.LabelCustomization = &mfn.LabelCustomization{CustomTextForLabel: "Shelf 4"}
	})
	without := func(change func(in *mfn.CreateShipmentInput)) func(in *mfn.CreateShipmentInput) {
		return func(in *mfn.CreateShipmentInput) { in.ShippingServiceOfferID = ""; change(in) }
	}
	refuse("too heavy", invalid, "ShippingServiceOfferNotAvailable", 400,
		without(func(in *mfn.CreateShipmentInput) { in.ShipmentRequestDetails.Weight.Value = "9000" }))
	refuse("too late", invalid, "ShipmentRequestDetailsTooRestrictive", 400, without(func(in *mfn.CreateShipmentInput) {
		in.ShipmentRequestDetails.MustArriveByDate = start.Add(24 * time.Hour)
	}))
	refuse("terms", invalid, "TermsAndConditionsNotAccepted", 403, without(func(in *mfn.CreateShipmentInput) { in.ShippingServiceID = "ONTRAC_MFN_GROUND" }))
	refuse("no answers", invalid, "InvalidRequest", 400, without(func(in *mfn.CreateShipmentInput) { in.ShippingServiceID = "DYNAMEX_PTP_SAME" }))

	// Time runs.
	d := labelRequest(p.id, p.items...)
	offer := s.offer(d, "UPS_PTP_GND")
	s.later(10 * time.Minute)
	_, err := mfn.New(s.client).CreateShipment(t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: "UPS_PTP_GND",
		ShippingServiceOfferID: offer})
	s.refused("an old offer", err, 400, "InvalidInput", expired)
	for _, s := range []*shipper{s, documented} {
		bought, err := s.buyLabel(d)
		if err != nil {
			t.Fatal(err)
		}
		s.later(31 * 24 * time.Hour)
		_, err = mfn.New(s.client).CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: bought.ShipmentID})
		code := "InvalidInput"
		if s == documented {
			code = "LabelCancelWindowExpired"
		}
		s.refused("cancel after a month", err, 400, code)
	}
}

// TestShipmentIDs: ids of another form are told from those that nobody has.
func TestShipmentIDs(t *testing.T) {
	s, documented := newShipper(t), newShipper(t, emulator.WithDocumentedShippingErrors())
	for _, s := range []*shipper{s, documented} {
		_, err := mfn.New(s.client).GetShipment(t.Context(), &mfn.GetShipmentInput{ShipmentID: "12345"})
		s.refused("no UUID", err, 400, "InvalidInput", "1 validation error detected: Value '12345' at 'shipmentId' failed to satisfy constraint: Member must satisfy regular expression pattern: "+
			"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
	}
	_, err := mfn.New(s.client).CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: "be7a0a53-00c3-4f6f-a63a-639f76ee9253"})
	s.refused("nobody's", err, 400, "InvalidInput", "Invalid Input")
	_, err = mfn.New(documented.client).CancelShipment(t.Context(), &mfn.CancelShipmentInput{ShipmentID: "be7a0a53-00c3-4f6f-a63a-639f76ee9253"})
	s.refused("nobody's, as documented", err, 404, "ResourceNotFound")
}

// TestAdditionalSellerInputs: a service that wants to know more says what, and sells a label once it has been told.
func TestAdditionalSellerInputs(t *testing.T) {
	s := newShipper(t)
	api := mfn.New(s.client)
	var d *mfn.ShipmentRequestDetails
	complex := &mfn.ShippingOfferingFilter{IncludeComplexShippingOptions: ptrTo(true)}
	offer := ""
	for _, p := range s.open(marketplace.US) {
		d = labelRequest(p.id, p.items...)
		r, err := api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d,
			ShippingOfferingFilter: complex})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(r.ShippingServiceList, func(o mfn.ShippingService) bool { return *o.RequiresAdditionalSellerInputs }); i >= 0 {
			offer = r.ShippingServiceList[i].ShippingServiceOfferID
			break
		}
	}
	in := &mfn.GetAdditionalSellerInputsInput{OrderID: d.AmazonOrderID, ShipFromAddress: d.ShipFromAddress, ShippingServiceID: "DYNAMEX_PTP_SAME"}
	fields, err := api.GetAdditionalSellerInputs(t.Context(), in)
	if err != nil || len(fields.ShipmentLevelFields) != 1 || len(fields.ItemLevelFieldsList) != len(d.ItemList) {
		t.Fatalf("%+v, %v", fields, err)
	}
	say := func(f mfn.AdditionalInputs, text string) []mfn.AdditionalSellerInputs {
		return []mfn.AdditionalSellerInputs{{AdditionalInputFieldName: f.AdditionalInputFieldName,
			AdditionalSellerInput: &mfn.AdditionalSellerInput{ValueAsString: text}}}
	}
	for i := range d.ItemList {
		d.ItemList[i].ItemLevelSellerInputsList = say(fields.ItemLevelFieldsList[i].AdditionalInputs[0], "Pens")
	}
	_, err = api.CreateShipment(t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: in.ShippingServiceID,
		ShippingServiceOfferID:        offer,
		ShipmentLevelSellerInputsList: say(fields.ShipmentLevelFields[0], "Ring twice")})
	s.refused("items other than quoted", err, 400, "InvalidInput", "expired")
	if _, err = api.CreateShipment(t.Context(), &mfn.CreateShipmentInput{ShipmentRequestDetails: d, ShippingServiceID: in.ShippingServiceID,
		ShipmentLevelSellerInputsList: say(fields.ShipmentLevelFields[0], "Ring twice")}); err != nil {
		t.Error(err)
	}
	in.ShippingServiceID = "UPS_PTP_GND"
	if fields, err = api.GetAdditionalSellerInputs(t.Context(), in); err != nil || len(fields.ShipmentLevelFields) != 0 {
		t.Errorf("%+v, %v", fields, err)
	}
	in.ShipFromAddress.StateOrProvinceCode = ""
	_, err = api.GetAdditionalSellerInputs(t.Context(), in)
	s.refused("sender", err, 400, "InvalidInput", "Invalid Ship From Address when calling GetAdditionalSellerInputs")
}

// TestRejectedServices: what doesn't fit is rejected with a reason, and what nobody ships in a country is refused.
func TestRejectedServices(t *testing.T) {
	s := newShipper(t, emulator.WithDocumentedShippingErrors())
	api := mfn.New(s.client)
	p := s.open(marketplace.US)[0]
	d := labelRequest(p.id, p.items...)
	d.Weight.Value = "1600" // 45 kg: UPS and FedEx only
	r, err := api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.ShippingServiceList {
		if o.CarrierName != "UPS" && o.CarrierName != "FedEx" {
			t.Errorf("%s takes 45 kg", o.ShippingServiceID)
		}
	}
	i := slices.IndexFunc(r.RejectedShippingServiceList, func(o mfn.RejectedShippingService) bool { return o.ShippingServiceID == "USPS_PTP_PRI" })
	if i < 0 || r.RejectedShippingServiceList[i].RejectionReasonCode != "INELIGIBLE" ||
		r.RejectedShippingServiceList[i].RejectionReasonMessage != "It is not an eligible ship method for this order." {
		t.Errorf("%+v", r.RejectedShippingServiceList)
	}
	d = labelRequest(p.id, p.items...)
	d.PackageDimensions = &mfn.PackageDimensions{PredefinedPackageDimensions: "USPS_FlatRateEnvelope"}
	if r, err = api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d}); err != nil {
		t.Fatal(err)
	}
	for _, o := range r.ShippingServiceList {
		if o.CarrierName != "USPS" {
			t.Errorf("%s ships the post's envelope", o.ShippingServiceID)
		}
	}
	fba := ""
	for o, err := range s.orders.GetOrdersAll(t.Context(), &ordersv0.GetOrdersInput{MarketplaceIDs: []string{marketplace.US.ID},
		CreatedAfter: start.AddDate(0, 0, -9).Format(time.RFC3339), FulfillmentChannels: []string{"AFN"}}) {
		if err != nil {
			t.Fatal(err)
		}
		fba = o.AmazonOrderID
		break
	}
	d = labelRequest(p.id, p.items...)
	d.AmazonOrderID = fba
	_, err = api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
	s.refused("an order of Amazon's", err, 400, "InvalidRequest")
}

// TestServicesOfEurope: DPD wants a signature, and where no carrier is known nothing is offered.
func TestServicesOfEurope(t *testing.T) {
	s := newShipper(t, emulator.WithDocumentedShippingErrors(), emulator.WithOrders(3000))
	cred, err := s.AddAccount(emulator.AccountConfig{Region: marketplace.Europe, Marketplaces: []string{marketplace.UK.ID, marketplace.SE.ID}})
	if err != nil {
		t.Fatal(err)
	}
	s = shipperOf(t, s.Emulator, cred)
	api := mfn.New(s.client)
	p := s.open(marketplace.UK)[0]
	d := labelRequest(p.id, p.items...)
	d.ShipFromAddress = &mfn.Address{Name: "Pens", AddressLine1: "1 High Street", City: "London", StateOrProvinceCode: "London", PostalCode: "SW1A 1AA",
		CountryCode: "GB",
		Email:       "pens@example.com", Phone: "020 7946 0100"}
	for experience, want := range map[mfn.DeliveryExperienceType]bool{"DeliveryConfirmationWithoutSignature": false,
		"DeliveryConfirmationWithSignature": true} {
		d.ShippingServiceOptions.DeliveryExperience = experience
		r, err := api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(r.ShippingServiceList, func(o mfn.ShippingService) bool { return o.CarrierName == "DPD" }); got != want {
			t.Errorf("%s: DPD offered is %v", experience, got)
		}
	}
	p = s.open(marketplace.SE)[0]
	d = labelRequest(p.id, p.items...)
	_, err = api.GetEligibleShipmentServices(t.Context(), &mfn.GetEligibleShipmentServicesInput{ShipmentRequestDetails: d})
	s.refused("Sweden", err, 404, "RegionNotSupported")
}

package emulator_test

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	exinventory "github.com/openspapi/spapi/api/externalfulfillmentinventory20240911"
	exreturns "github.com/openspapi/spapi/api/externalfulfillmentreturns20240911"
	exshipments "github.com/openspapi/spapi/api/externalfulfillmentshipments20240911"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// warehouse is a depot with the shipments of External Fulfillment.
type warehouse struct {
	*depot
	api *exshipments.Client
}

func newWarehouse(t *testing.T, m marketplace.Marketplace, options ...emulator.Option) *warehouse {
	d := newDepot(t, m, options...)
	return &warehouse{d, exshipments.New(d.client)}
}

// another is one more seller of the emulator.
func (w *warehouse) another() *warehouse {
	w.t.Helper()
	cred, err := w.AddAccount(emulator.AccountConfig{Region: w.market.Region, Marketplaces: []string{w.market.ID}})
	w.ok(err)
	d := openDepot(w.t, w.Emulator, w.market, cred)
	return &warehouse{d, exshipments.New(d.client)}
}

// list lists all shipments in a state.
func (w *warehouse) list(status string) []*exshipments.Shipment {
	w.t.Helper()
	var list []*exshipments.Shipment
	for s, err := range w.api.GetShipmentsAll(w.t.Context(), &exshipments.GetShipmentsInput{Status: exshipments.GetShipmentsStatus(status),
		MaxResults: new(int64(7))}) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func (w *warehouse) get(id string) *exshipments.Shipment {
	w.t.Helper()
	return must[*exshipments.Shipment](w.t)(w.api.GetShipment(w.t.Context(), &exshipments.GetShipmentInput{ShipmentID: id}))
}

// ok fails the test at once where there is an error.
func (w *warehouse) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *warehouse) process(id string, op exshipments.ProcessShipmentOperation, reference string) error {
	return w.api.ProcessShipment(w.t.Context(), &exshipments.ProcessShipmentInput{ShipmentID: id, Operation: op, ReferenceID: reference,
		LineItems: []exshipments.LineItemWithReason{}})
}

// box is a package with some units of each line item.
func box(id string, s *exshipments.Shipment, units func(i int, all int64) int64) exshipments.Package {
	side := func(v string) *exshipments.Dimension { return &exshipments.Dimension{Value: v, DimensionUnit: "CM"} }
	p := exshipments.Package{ID: id, Dimensions: &exshipments.PackageDimensions{Length: side("30.0"), Width: side("20"), Height: side("10")},
		Weight: &exshipments.Weight{Value: "750", WeightUnit: "G"}}
	for i, l := range s.LineItems {
		if n := units(i, *l.NumberOfUnits); n > 0 {
			p.PackageLineItems = append(p.PackageLineItems, exshipments.PackageLineItem{PackageLineItemID: l.ShipmentLineItemID, Quantity: &n})
		}
	}
	return p
}

func all(_ int, n int64) int64 { return n }

func (w *warehouse) pack(id string, packages ...exshipments.Package) error {
	return w.api.CreatePackages(w.t.Context(), &exshipments.CreatePackagesInput{ShipmentID: id, Packages: packages})
}

func (w *warehouse) options(id, packageID string) (*exshipments.ShippingOptionsResponse, error) {
	return w.api.RetrieveShippingOptions(w.t.Context(), &exshipments.RetrieveShippingOptionsInput{ShipmentID: id, PackageID: packageID})
}

func (w *warehouse) invoice(id string) (*exshipments.InvoiceResponse, error) {
	return w.api.GenerateInvoice(w.t.Context(), &exshipments.GenerateInvoiceInput{ShipmentID: id})
}

func (w *warehouse) label(in exshipments.GenerateShipLabelsInput) (*exshipments.ShipLabelsResponse, error) {
	if in.Operation == "" {
		in.Operation = "GENERATE"
	}
	return w.api.GenerateShipLabels(w.t.Context(), &in)
}

func (w *warehouse) tell(id, packageID string, status exshipments.PackageStatus, sub exshipments.PackageSubStatus) error {
	return w.api.UpdatePackageStatus(w.t.Context(), &exshipments.UpdatePackageStatusInput{ShipmentID: id, PackageID: packageID, BodyStatus: status,
		SubStatus: sub, Reason: "as told"})
}

func (w *warehouse) want(id, status string) {
	w.t.Helper()
	if got := w.get(id).Status; string(got) != status {
		w.t.Errorf("the shipment is %s, want %s", got, status)
	}
}

// single is a shipment that no label has been made for, new enough for all that comes.
func (w *warehouse) fresh(n int) []*exshipments.Shipment {
	w.t.Helper()
	list := w.list("ACCEPTED")
	list = slices.DeleteFunc(list, func(s *exshipments.Shipment) bool {
		o := w.order(s.ShipmentInfo.BuyerOrderID)
		return o.OrderStatus != "Unshipped" || s.EarliestPackDateTime > w.Now().Format(time.RFC3339)
	})
	if len(list) < n {
		w.t.Fatalf("%d shipments", len(list))
	}
	return list[len(list)-n:]
}

// TestExternalFulfillmentSelfShip goes the whole way of a shipment in two packages that the seller brings, with a move in the middle.
func TestExternalFulfillmentSelfShip(t *testing.T) {
	w := newWarehouse(t, marketplace.US)
	candidates := w.fresh(10)
	i := slices.IndexFunc(candidates, func(s *exshipments.Shipment) bool { return *s.LineItems[0].NumberOfUnits > 1 })
	s := candidates[i]
	id, order := s.ID, s.ShipmentInfo.BuyerOrderID
	if s.MarketplaceAttributes.ChannelName != "MFN" || s.ShippingInfo.ShippingType != "SELF" || s.ShippingInfo.ShipToAddress.AddressLine1 != "" ||
		s.LocationID == "" {
		t.Errorf("shipment: %+v", s)
	}
	o := w.order(order)
	if total := s.Charges[0]; total.ChargeType != "TOTAL" || total.TotalCharge.NetAmount.Value != o.OrderTotal.Amount {
		t.Errorf("total of the shipment: %+v, of the order: %+v", total.TotalCharge.NetAmount, o.OrderTotal)
	}
	w.ok(w.process(id, "CONFIRM", ""))
	w.want(id, "CONFIRMED")
	first := box("1", s, func(i int, n int64) int64 { return min(1, n) * int64(1-min(i, 1)) })
	rest := box("2", s, func(i int, n int64) int64 { return n - int64(1-min(i, 1)) })
	w.ok(w.pack(id, first, rest))
	w.want(id, "PACKAGE_CREATED")
	for _, p := range []string{"1", "2"} {
		options := must[*exshipments.ShippingOptionsResponse](t)(w.options(id, p))
		if len(options.ShippingOptions) != 2 || options.RecommendedShippingOption.ShipBy != "SELLER" {
			t.Errorf("options: %+v", options)
		}
	}
	w.want(id, "PICKUP_SLOT_RETRIEVED")
	first.Weight.Value = "900"
	w.ok(w.api.UpdatePackage(t.Context(), &exshipments.UpdatePackageInput{ShipmentID: id, PackageID: "1", ID: "1", Dimensions: first.Dimensions,
		Weight: first.Weight, PackageLineItems: first.PackageLineItems}))
	w.want(id, "PACKAGE_CREATED")
	w = &warehouse{w.moved(), nil}
	w.api = exshipments.New(w.client)
	options := must[*exshipments.ShippingOptionsResponse](t)(w.options(id, "1"))
	w.want(id, "PACKAGE_CREATED") // the other package isn't there yet
	must[*exshipments.ShippingOptionsResponse](t)(w.options(id, "2"))
	invoice := must[*exshipments.InvoiceResponse](t)(w.invoice(id)).Document
	content := must[[]byte](t)(base64.StdEncoding.DecodeString(invoice.Content))
	if invoice.Format != "PDF" || !bytes.HasPrefix(content, []byte("%PDF-1.")) {
		t.Errorf("invoice: %s %.20q", invoice.Format, content)
	}
	if again := must[*exshipments.InvoiceResponse](t)(w.api.RetrieveInvoice(t.Context(),
		&exshipments.RetrieveInvoiceInput{ShipmentID: id})); again.Document.Content != invoice.Content {
		t.Error("the invoice is another one when it is asked for again")
	}
	w.want(id, "INVOICE_GENERATED")
	own := must[*exshipments.ShipLabelsResponse](t)(w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, PackageIDs: []string{"1", "3"},
		ShippingOptionID: options.RecommendedShippingOption.ShippingOptionID}))
	if got := own.PackageShipLabelList; len(got) != 2 || got[0].PackageID != "1" || got[0].Status != "SUCCESS" || got[0].ShipLabelMetadata.TrackingID == "" ||
		got[1].PackageID != "3" || got[1].Status != "FAILURE" || got[1].ErrorDetails.Code != "NotFound" {
		t.Errorf("labels: %+v", got)
	}
	if kind, label := w.fetch(own.PackageShipLabelList[0].FileData.URL); kind != "application/pdf" || !bytes.HasPrefix(label, []byte("%PDF-1.")) {
		t.Errorf("label: %s %.20q", kind, label)
	}
	third := must[*exshipments.ShipLabelsResponse](t)(w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, PackageIDs: []string{"2"},
		ShippingOptionID:           "CARRIER_2",
		CourierSupportedAttributes: &exshipments.CourierSupportedAttributes{CarrierName: "FedEx", TrackingID: "151958276037"}}))
	if got := third.PackageShipLabelList[0].ShipLabelMetadata; got.CarrierName != "FedEx" || got.TrackingID != "151958276037" {
		t.Errorf("label: %+v", got)
	}
	w.want(id, "SHIPLABEL_GENERATED")
	w.ok(w.tell(id, "2", "SHIPPED", ""))
	if got := w.order(order).OrderStatus; got != "PartiallyShipped" {
		t.Errorf("with one package on its way the order is %s", got)
	}
	w.want(id, "SHIPLABEL_GENERATED")
	w.ok(w.tell(id, "1", "SHIPPED", ""))
	if got := w.order(order).OrderStatus; got != "Shipped" {
		t.Errorf("the order is %s", got)
	}
	w.want(id, "SHIPPED")
	w.ok(w.tell(id, "1", "SHIPPED", "OUT_FOR_DELIVERY"))
	w.Advance(time.Hour)
	w.ok(w.tell(id, "1", "DELIVERED", "DELIVERED"))
	w.want(id, "SHIPPED")
	w.ok(w.tell(id, "2", "DELIVERED", "DELIVERED"))
	w.want(id, "DELIVERED")
	got := w.get(id)
	if got.SubStatus != "DELIVERED" || got.Reason != "as told" || len(got.Packages) != 2 || got.Packages[0].Weight.Value != "900" ||
		got.Packages[0].Status != "DELIVERED" || got.ShipmentInfo.BuyerOrderID != order {
		t.Errorf("shipment: %+v", got)
	}
	w.moved()
}

// TestExternalFulfillmentEasyShip: in India the label schedules the order's package, which Easy Ship's own API and the orders show, too.
func TestExternalFulfillmentEasyShip(t *testing.T) {
	w := newWarehouse(t, marketplace.IN)
	list := slices.DeleteFunc(w.fresh(3), func(s *exshipments.Shipment) bool { return s.SubStatus != "PENDING_SCHEDULE" })
	s := list[len(list)-1]
	id, order := s.ID, s.ShipmentInfo.BuyerOrderID
	w.ok(w.process(id, "CONFIRM", ""))
	w.refused("several packages", w.pack(id, box("1", s, all), box("2", s, all)), 400, "InvalidInput", "Invalid input.")
	w.ok(w.pack(id, box("1", s, all)))
	options := must[*exshipments.ShippingOptionsResponse](t)(w.options(id, "1"))
	slot := options.ShippingOptions[len(options.ShippingOptions)-1]
	if slot.ShipBy != "MARKETPLACE" || slot.TimeSlot.HandoverMethod != "DROPOFF" || *slot.TimeSlot.StartTime < start.Unix() {
		t.Errorf("option: %+v", slot)
	}
	made := must[*exshipments.ShipLabelsResponse](t)(w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, PackageIDs: []string{"1"},
		ShippingOptionID: slot.ShippingOptionID}))
	if got := made.PackageShipLabelList[0].ShipLabelMetadata; got.CarrierName != "ATS" || got.ShippingOptionID != slot.ShippingOptionID ||
		got.TimeSlot.HandoverMethod != "DROPOFF" {
		t.Errorf("label: %+v", got)
	}
	w.want(id, "SHIPLABEL_GENERATED")
	if o := w.order(order); o.EasyShipShipmentStatus != "PendingDropOff" {
		t.Errorf("the order is %s", o.EasyShipShipmentStatus)
	}
	if got := w.get(id).SubStatus; got != "PENDING_DROP_OFF" {
		t.Errorf("the shipment is %s", got)
	}
	want := []string{"SHIPLABEL_GENERATED PENDING_DROP_OFF", "SHIPPED DROPPED_OFF", "SHIPPED AT_ORIGIN_FC", "SHIPPED AT_DESTINATION_FC",
		"SHIPPED OUT_FOR_DELIVERY", "DELIVERED DELIVERED"}
	if w.strays(order) {
		want = want[:4] // what comes then, Easy Ship's tests see
	}
	var states []string
	for range 10 * 24 {
		s := w.get(id)
		if now := string(s.Status) + " " + string(s.SubStatus); !slices.Contains(states, now) {
			states = append(states, now)
		}
		w.Advance(time.Hour)
	}
	if len(states) < len(want) || !slices.Equal(states[:len(want)], want) {
		t.Errorf("states: %v", states)
	}
}

// TestExternalFulfillmentRefuses: every step at the wrong time, and everything about what isn't there, in each operation's own spelling.
func TestExternalFulfillmentRefuses(t *testing.T) {
	w := newWarehouse(t, marketplace.US)
	list := w.fresh(4)
	s, other := list[3], list[2]
	id := s.ID
	label := func(id string, op exshipments.GenerateShipLabelsOperation, packages ...string) error {
		_, err := w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, Operation: op, PackageIDs: packages})
		return err
	}
	options := func(id, p string) error { _, err := w.options(id, p); return err }
	invoice := func(id string) error { _, err := w.invoice(id); return err }
	retrieve := func(id string) error {
		_, err := w.api.RetrieveInvoice(t.Context(), &exshipments.RetrieveInvoiceInput{ShipmentID: id})
		return err
	}
	update := func(id, packageID string, p exshipments.Package) error {
		return w.api.UpdatePackage(t.Context(), &exshipments.UpdatePackageInput{ShipmentID: id, PackageID: packageID, ID: p.ID, Dimensions: p.Dimensions,
			Weight: p.Weight, PackageLineItems: p.PackageLineItems})
	}
	_, err := w.api.GetShipment(t.Context(), &exshipments.GetShipmentInput{ShipmentID: "asdf"})
	w.refused("no id of a shipment", err, 400, "InvalidInput", "Invalid input 'asdf' for parameter 'shipmentId'", "Please pass the correct shipmentId")
	_, err = w.api.GetShipment(t.Context(), &exshipments.GetShipmentInput{ShipmentID: "D0000000001"})
	w.refused("an unknown shipment", err, 404, "NotFound", "Requested Entity with 'shipmentId' 'D0000000001' is not found")
	_, err = w.api.GetShipments(t.Context(), &exshipments.GetShipmentsInput{Status: "NEW"})
	w.refused("an unknown state", err, 400, "InvalidInput", "Invalid input")
	w.refused("packages before the confirmation", w.pack(id, box("1", s, all)), 400, "InvalidInput", "Invalid input.")
	w.refused("options before packages", options(id, "1"), 404, "NotFound", "'packageId' '1'")
	w.refused("an invoice before packages", invoice(id), 400, "InvalidInput", "Invalid Input.")
	w.refused("an invoice that there isn't", retrieve(id), 404, "NotFound", "Requested artifact of type 'INVOICE' not found")
	w.refused("labels before packages", label(id, "GENERATE", "1"), 404, "NotFound")
	w.refused("a rejection without reference", w.process(id, "REJECT", ""), 400, "InvalidInput", "Invalid input")

	w.ok(w.process(id, "CONFIRM", ""))
	w.refused("a second confirmation", w.process(id, "CONFIRM", ""), 409, "DuplicateRequest",
		"Requested operation is already in progress for 'shipmentId' '"+id+"'")
	w.refused("units left over", w.pack(id, box("1", s, func(i int, n int64) int64 { return n - int64(1-min(i, 1)) })), 400, "InvalidInput")
	w.refused("units too many", w.pack(id, box("1", s, func(_ int, n int64) int64 { return n + 1 })), 400, "InvalidInput", "can't be higher than")
	light := box("1", s, all)
	light.Weight.Value = "4.9"
	w.refused("a package of four grams", w.pack(id, light), 400, "InvalidInput", "Invalid input.")
	w.ok(w.pack(id, box("1", s, all)))
	w.refused("packages again", w.pack(id, box("1", s, all)), 409, "DuplicateRequest")
	w.refused("a package that there isn't", update(id, "9", box("9", s, all)), 404, "NotFound", "Requested Entity with 'packageId' '9' is not found")
	w.refused("another package's name", update(id, "1", box("2", s, all)), 400, "InvalidInput", "Invalid input.")
	w.refused("an invoice before the options", invoice(id), 400, "InvalidInput", "Invalid Input.")
	w.refused("labels before the invoice", label(id, "GENERATE", "1"), 400, "InvalidInput", "Invalid Input.")
	w.ok(options(id, "1"))
	w.ok(invoice(id))
	w.ok(update(id, "1", box("1", s, all)))
	w.refused("the invoice of a package that is another one now", retrieve(id), 404, "NotFound", "Requested artifact of type 'INVOICE' not found")
	w.ok(options(id, "1"))
	w.ok(invoice(id))
	w.refused("labels again before there are any", label(id, "REGENERATE", "1"), 400, "InvalidInput", "Invalid Input.")
	w.refused("shipped without a label", w.tell(id, "1", "SHIPPED", ""), 400, "Invalid Input", "Invalid Input.")
	w.refused("a rejection with an invoice", w.process(id, "REJECT", "R-0"), 400, "InvalidInput", "Invalid input")
	_, err = w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, PackageIDs: []string{"1"}, ShippingOptionID: "CARRIER_1"})
	w.refused("a carrier without a name", err, 400, "InvalidInput", "Invalid Input.")
	_, err = w.label(exshipments.GenerateShipLabelsInput{ShipmentID: id, PackageIDs: []string{"1"}, ShippingOptionID: "x"})
	w.refused("an option that there isn't", err, 400, "InvalidInput", "Invalid Input.")
	w.ok(label(id, "GENERATE", "1"))
	w.refused("a label again", label(id, "GENERATE", "1"), 409, "DuplicateRequest", "'packageId' '1'")
	w.ok(label(id, "REGENERATE", "1"))
	w.refused("options after the label", options(id, "1"), 400, "Invalid Input", "Invalid Input")
	w.refused("another package after the label", update(id, "1", box("1", s, all)), 400, "InvalidInput", "Invalid input.")
	w.refused("nothing told", w.tell(id, "1", "", ""), 400, "InvalidInput", "At least one field is mandatory in the input payload")
	w.refused("delivered before shipped", w.tell(id, "1", "DELIVERED", ""), 400, "Invalid Input", "Invalid Input.")
	w.ok(w.tell(id, "1", "SHIPPED", ""))
	w.refused("shipped again", w.tell(id, "1", "SHIPPED", ""), 409, "DuplicateRequest")
	w.refused("an unknown state of a package", w.tell(id, "1", "CREATED", ""), 400, "Invalid Input", "Invalid Input.")

	w.ok(w.process(other.ID, "REJECT", "R-1"))
	w.want(other.ID, "CANCELLED")
	if got := w.get(other.ID).LineItems[0].Cancellations; len(got) != 1 || got[0].CancellationType != "SELLER_REJECTED" {
		t.Errorf("cancellations: %+v", got)
	}
	if got := w.order(other.ShipmentInfo.BuyerOrderID).OrderStatus; got != "Canceled" {
		t.Errorf("the order is %s", got)
	}
	w.refused("the same reference", w.process(list[1].ID, "REJECT", "R-1"), 409, "DuplicateRequest", "Duplicate clientToken exists for 'referenceId' 'R-1'")
	w.refused("a confirmation of what is rejected", w.process(other.ID, "CONFIRM", ""), 400, "InvalidInput", "Invalid input")

	another := w.another()
	_, err = another.api.GetShipment(t.Context(), &exshipments.GetShipmentInput{ShipmentID: id})
	w.refused("another seller's shipment", err, 404, "NotFound", "'"+id+"' is not found")
}

// TestExternalFulfillmentLists: each merchant's order that was paid is in one state, and in no other.
func TestExternalFulfillmentLists(t *testing.T) {
	w := newWarehouse(t, marketplace.US, emulator.WithOrders(500), emulator.WithDays(20))
	orders := map[string]bool{}
	for _, o := range w.orders(ordersv0.GetOrdersInput{FulfillmentChannels: []string{"MFN"}}) {
		if o.OrderStatus != "Pending" && !*o.IsISPU {
			orders[o.AmazonOrderID] = true
		}
	}
	counts := map[string]int{}
	for _, status := range []string{"CREATED", "ACCEPTED", "CONFIRMED", "PACKAGE_CREATED", "PICKUP_SLOT_RETRIEVED", "INVOICE_GENERATED",
		"SHIPLABEL_GENERATED", "CANCELLED", "SHIPPED", "DELIVERED"} {
		for _, s := range w.list(status) {
			counts[status]++
			if !orders[s.ShipmentInfo.BuyerOrderID] {
				t.Errorf("%s shipment %s is of order %s, which has one already or none", status, s.ID, s.ShipmentInfo.BuyerOrderID)
			}
			delete(orders, s.ShipmentInfo.BuyerOrderID)
		}
	}
	if len(orders) > 0 || counts["ACCEPTED"] == 0 || counts["SHIPPED"] == 0 || counts["DELIVERED"] == 0 || counts["CANCELLED"] == 0 {
		t.Errorf("%d orders without a shipment; %v", len(orders), counts)
	}
	since := start.Add(-48 * time.Hour)
	for s, err := range w.api.GetShipmentsAll(t.Context(), &exshipments.GetShipmentsInput{Status: "SHIPPED", LastUpdatedAfter: since}) {
		if w.ok(err); s.LastUpdatedDateTime <= since.Format(time.RFC3339) {
			t.Errorf("updated at %s", s.LastUpdatedDateTime)
		}
		counts["since"]++
	}
	if n := counts["since"]; n == 0 || n == counts["SHIPPED"] {
		t.Errorf("%d of %d were updated since", n, counts["SHIPPED"])
	}
	elsewhere := must[*exshipments.ShipmentsResponse](t)(w.api.GetShipments(t.Context(), &exshipments.GetShipmentsInput{Status: "DELIVERED", ChannelName: "FBA"}))
	if len(elsewhere.Shipments) > 0 {
		t.Errorf("%d shipments of Amazon's warehouses", len(elsewhere.Shipments))
	}
}

// TestExternalReturns reads returns in all ways, and lets time pass over one.
func TestExternalReturns(t *testing.T) {
	w := newWarehouse(t, marketplace.US)
	api := exreturns.New(w.client)
	ctx := t.Context()
	var list []*exreturns.Return
	states := map[string]int{}
	for r, err := range api.ListReturnsAll(ctx, &exreturns.ListReturnsInput{MaxResults: new(int64(20))}) {
		w.ok(err)
		list = append(list, r)
		states[string(r.Status)]++
	}
	if len(list) < 20 || states["PROCESSED"] == 0 || states["IN_TRANSIT"] == 0 {
		t.Fatalf("%d returns: %v", len(list), states)
	}
	of := map[string]int{}
	for _, r := range list {
		of[r.MarketplaceChannelDetails.CustomerOrderID]++
		if got := must[*exreturns.Return](t)(api.GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: r.ID})); got.ID != r.ID ||
			got.ReturnMetadata.RmaID != r.ReturnMetadata.RmaID {
			t.Errorf("return: %+v, want %+v", got, r)
		}
	}
	if len(of) == len(list) {
		t.Error("no order has two returns")
	}
	for _, r := range list[:5] {
		got := must[*exreturns.Return](t)(api.GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: r.ID}))
		if got.ID != r.ID || got.MarketplaceChannelDetails.CustomerOrderID != r.MarketplaceChannelDetails.CustomerOrderID || got.MerchantSKU != r.MerchantSKU {
			t.Errorf("return: %+v, want %+v", got, r)
		}
		if s := w.get(r.MarketplaceChannelDetails.ShipmentID); s.ShipmentInfo.BuyerOrderID != r.MarketplaceChannelDetails.CustomerOrderID ||
			s.Status != "DELIVERED" && s.Status != "SHIPPED" {
			t.Errorf("the shipment of a return is %s of %s", s.Status, s.ShipmentInfo.BuyerOrderID)
		}
		for _, in := range []*exreturns.ListReturnsInput{{RmaID: r.ReturnMetadata.RmaID}, {ReverseTrackingID: r.ReturnShippingInfo.ReverseTrackingInfo.TrackingID}} {
			found := must[*exreturns.ReturnsResponse](t)(api.ListReturns(ctx, in))
			if len(found.Returns) != 1 || found.Returns[0].ID != r.ID {
				t.Errorf("%+v finds %d", in, len(found.Returns))
			}
		}
	}
	i := slices.IndexFunc(list, func(r *exreturns.Return) bool { return r.Status == "IN_TRANSIT" })
	w.Advance(5 * 24 * time.Hour)
	if got := must[*exreturns.Return](t)(api.GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: list[i].ID})); got.Status != "PROCESSED" ||
		got.ReturnShippingInfo.DeliveryDateTime == "" {
		t.Errorf("five days later: %+v", got)
	}
	_, err := api.GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: "rmaIdInvalid"})
	w.refused("no id of a return", err, 400, "InvalidInput", "Invalid input 'rmaIdInvalid' for parameter 'returnId'")
	forged := strings.Map(func(r rune) rune {
		if r == 'a' {
			return 'b'
		}
		return r
	}, list[0].ID)
	_, err = api.GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: forged})
	w.refused("a return that there isn't", err, 404, "NotFound", "Requested Entity with 'returnId' '"+forged+"' is not found")
	_, err = exreturns.New(w.another().client).GetReturn(ctx, &exreturns.GetReturnInput{ReturnID: list[0].ID})
	w.refused("another seller's return", err, 404, "NotFound")
	_, err = api.ListReturns(ctx, &exreturns.ListReturnsInput{LastUpdatedSince: start})
	w.refused("updates without a location", err, 400, "InvalidInput", "Invalid input")
	_, err = api.ListReturns(ctx, &exreturns.ListReturnsInput{MaxResults: new(int64(101))})
	w.refused("pages too large", err, 400, "InvalidInput", "Invalid input")
	r := w.raw("/externalFulfillment/2024-09-11/returns?lastUpdatedAfter=yesterday")
	if want := "LastUpdatedAfter value is an not a valid ISO date/time object."; !strings.Contains(r, want) {
		t.Errorf("a time that is none: %s, want %q", r, want)
	}
	_, err = api.ListReturns(ctx, &exreturns.ListReturnsInput{NextToken: "x"})
	w.refused("a token that is none", err, 400, "InvalidInput", "Invalid input")
}

// TestExternalInventory: rows of a batch stand and fall alone, and what they tell is what listings have.
func TestExternalInventory(t *testing.T) {
	w := newWarehouse(t, marketplace.US)
	api := exinventory.New(w.client)
	s := w.fresh(1)[0]
	sku := s.LineItems[0].MerchantSKU
	row := func(kind, location, sku string, quantity, sequence int64) exinventory.InventoryRequest {
		r := exinventory.InventoryRequest{Method: "POST", URI: "/inventory/" + kind + "?locationId=" + location + "&skuId=" + url.QueryEscape(sku),
			Body: &exinventory.InventoryRequestParams{MarketplaceAttributes: &exinventory.MarketplaceAttributes{MarketplaceID: w.market.ID, ChannelName: "MFN"}}}
		if kind == "update" {
			r.Body.Quantity, r.Body.ClientSequenceNumber = &quantity, &sequence
		}
		return r
	}
	batch := func(rows ...exinventory.InventoryRequest) []exinventory.InventoryResponse {
		t.Helper()
		return must[*exinventory.BatchInventoryResponse](t)(api.BatchInventory(t.Context(), &exinventory.BatchInventoryInput{Requests: rows})).Responses
	}
	at := s.LocationID
	got := batch(row("update", at, sku, 15, 100), row("fetch", at, "efptestsku2", 0, 0), row("update", at, sku, 9, 99), row("fetch", "NONE", sku, 0, 0),
		row("update", at, sku, -1, 101), row("delete", at, sku, 1, 102), row("fetch", at, sku, 0, 0))
	var said []string
	for _, r := range got {
		text := r.Status.ReasonPhrase
		for _, e := range r.Body.ActionableErrors {
			text += " " + e.ErrorType
		}
		said = append(said, text)
	}
	if want := []string{"Success", "Invalid Input INVALID_SKU", "Invalid Input STALE_SEQUENCE_NUMBER", "Invalid Input INVALID_LOCATION",
		"Invalid Input INVALID_QUANTITY", "Invalid Input INVALID_REQUEST", "Success"}; !slices.Equal(said, want) {
		t.Errorf("rows: %v", said)
	}
	if text := got[1].Body.ActionableErrors[0].ErrorSubType; text != "The requested Sku does not exist for the seller in requested marketplace." ||
		got[1].Body.SKUID != "efptestsku2" || *got[1].Status.StatusCode != 400 {
		t.Errorf("a SKU that there isn't: %+v", got[1].Body)
	}
	for _, i := range []int{0, 6} {
		if b := got[i].Body; *b.SellableQuantity != 15 || *b.ClientSequenceNumber != 100 || *b.ReservedQuantity < *s.LineItems[0].NumberOfUnits ||
			b.SKUID != sku || b.LocationID != at {
			t.Errorf("row %d: %+v", i, b)
		}
	}
	before := *got[6].Body.ReservedQuantity
	w.ok(w.process(s.ID, "CONFIRM", ""))
	w.ok(w.pack(s.ID, box("1", s, all)))
	must[*exshipments.ShippingOptionsResponse](t)(w.options(s.ID, "1"))
	must[*exshipments.InvoiceResponse](t)(w.invoice(s.ID))
	must[*exshipments.ShipLabelsResponse](t)(w.label(exshipments.GenerateShipLabelsInput{ShipmentID: s.ID, PackageIDs: []string{"1"}}))
	w.ok(w.tell(s.ID, "1", "SHIPPED", ""))
	w.depot = w.moved()
	api = exinventory.New(w.client)
	if after := batch(row("fetch", at, sku, 0, 0), row("update", at, sku, 4,
		100)); *after[0].Body.ReservedQuantity != before-*s.LineItems[0].NumberOfUnits || len(after[1].Body.ActionableErrors) != 1 {
		t.Errorf("after the shipment: %d reserved, before %d; %+v", *after[0].Body.ReservedQuantity, before, after[1])
	}
	_, err := api.BatchInventory(t.Context(), &exinventory.BatchInventoryInput{Requests: slices.Repeat([]exinventory.InventoryRequest{row("fetch", at,
		sku, 0, 0)}, 11)})
	w.refused("eleven rows", err, 400, "BATCH_SIZE_EXCEED", "Maximum number for requests supported in batch is 10.")
}

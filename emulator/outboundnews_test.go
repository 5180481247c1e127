package emulator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/fulfillmentoutbound20200701"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// outbound is a depot that sends orders of other shops.
type outbound struct {
	*depot
	sku string
}

func (o *outbound) api() *fulfillmentoutbound20200701.Client {
	return fulfillmentoutbound20200701.New(o.client)
}

func (o *outbound) create(id, action string) error {
	return o.api().CreateFulfillmentOrder(o.t.Context(), &fulfillmentoutbound20200701.CreateFulfillmentOrderInput{
		SellerFulfillmentOrderID: id, DisplayableOrderID: id, DisplayableOrderDate: o.Now(), DisplayableOrderComment: "Thank you",
		ShippingSpeedCategory: "Standard", FulfillmentAction: fulfillmentoutbound20200701.FulfillmentAction(action),
		DestinationAddress: &fulfillmentoutbound20200701.Address{Name: "A Buyer", AddressLine1: "1 Main Street", City: "Seattle", StateOrRegion: "WA", PostalCode: "98101", CountryCode: "US"},
		Items:              []fulfillmentoutbound20200701.CreateFulfillmentOrderItem{{SellerSKU: o.sku, SellerFulfillmentOrderItemID: id + "-1", Quantity: ptr(int64(2))}},
	})
}

func ptr[T any](v T) *T { return &v }

func (o *outbound) get(id string) *fulfillmentoutbound20200701.GetFulfillmentOrderResult {
	o.t.Helper()
	return must[*fulfillmentoutbound20200701.GetFulfillmentOrderResult](o.t)(
		o.api().GetFulfillmentOrder(o.t.Context(), &fulfillmentoutbound20200701.GetFulfillmentOrderInput{SellerFulfillmentOrderID: id}))
}

// TestOutboundOrdersTell follows orders of other shops, their shipments and returns: each step is told once, as the API has it then.
func TestOutboundOrdersTell(t *testing.T) {
	const typ = "FULFILLMENT_ORDER_STATUS"
	d, l := listen(t, marketplace.US, emulator.WithOrders(50))
	o := &outbound{depot: d}
	first := d.orders(ordersv0.GetOrdersInput{})[0]
	o.sku = must[*ordersv0.OrderItemsList](t)(ordersv0.New(d.client).GetOrderItems(t.Context(), &ordersv0.GetOrderItemsInput{OrderID: first.AmazonOrderID})).OrderItems[0].SellerSKU
	if err := o.create("F-0", "Ship"); err != nil { // before somebody listens
		t.Fatal(err)
	}
	emulator.Subscribe(t, d.Emulator, emulator.Subscription{Type: typ, Seller: &d.cred})
	told := map[string][]string{}
	hear := func() {
		t.Helper()
		for _, m := range l.take(d, typ) {
			id, kind, status := m.Text("SellerFulfillmentOrderId"), m.Text("EventType"), m.Text("FulfillmentOrderStatus")
			what := kind + " " + status
			now := o.get(id)
			if at := asTime(t, m.Text("StatusUpdatedDateTime")); !at.Equal(m.EventTime) || at.After(d.Now()) || m.Text("SellerId") != d.cred.SellerID {
				t.Errorf("%v at %s", m.Payload, m.EventTime)
			}
			switch kind {
			case "Order":
				if string(now.FulfillmentOrder.FulfillmentOrderStatus) == status && !now.FulfillmentOrder.StatusUpdatedDate.Equal(m.EventTime) {
					t.Errorf("%s: %s since %s, told at %s", id, status, now.FulfillmentOrder.StatusUpdatedDate, m.EventTime)
				}
			case "Shipment":
				what += " " + m.Text("FulfillmentShipment", "FulfillmentShipmentStatus")
				s := now.FulfillmentShipments[0]
				if m.Text("FulfillmentShipment", "AmazonShipmentId") != s.AmazonShipmentID || !asTime(t, m.Text("FulfillmentShipment", "EstimatedArrivalDateTime")).Equal(s.EstimatedArrivalDate) {
					t.Errorf("%v, getFulfillmentOrder has %+v", m.Payload, s)
				}
				if m.Text("FulfillmentShipment", "FulfillmentShipmentStatus") == "SHIPPED" {
					p := s.FulfillmentShipmentPackage[0]
					if m.Text("FulfillmentShipment", "FulfillmentShipmentPackages", 0, "TrackingNumber") != p.TrackingNumber ||
						m.Text("FulfillmentShipment", "FulfillmentShipmentPackages", 0, "PackageNumber") != fmt.Sprint(*p.PackageNumber) {
						t.Errorf("%v, getFulfillmentOrder has %+v", m.Payload, p)
					}
					tracked := must[*fulfillmentoutbound20200701.PackageTrackingDetails](t)(o.api().GetPackageTrackingDetails(t.Context(),
						&fulfillmentoutbound20200701.GetPackageTrackingDetailsInput{PackageNumber: p.PackageNumber}))
					if tracked.TrackingNumber != p.TrackingNumber || !tracked.ShipDate.Equal(m.EventTime) {
						t.Errorf("tracking: %+v", tracked)
					}
				}
			case "Return":
				if m.Text("FulfillmentReturnItem", "SellerSKU") != o.sku || m.Text("FulfillmentReturnItem", "ReturnedQuantity") != "1" ||
					now.ReturnItems[0].Status != "Processed" || !now.ReturnItems[0].StatusChangedDate.Equal(m.EventTime) {
					t.Errorf("%v, getFulfillmentOrder has %+v", m.Payload, now.ReturnItems)
				}
			}
			told[id] = append(told[id], what)
		}
	}
	for id, action := range map[string]string{"F-1": "Ship", "F-2": "Ship", "F-3": "Hold", "F-4": "Hold"} {
		if err := o.create(id, action); err != nil {
			t.Fatal(err)
		}
	}
	hear()
	wantError(t, "the same id", o.create("F-1", "Ship"), 400, "sellerFulfillmentOrderId")
	d.later(2 * time.Minute)
	hear()
	cancel := func(id string) error {
		return o.api().CancelFulfillmentOrder(t.Context(), &fulfillmentoutbound20200701.CancelFulfillmentOrderInput{SellerFulfillmentOrderID: id})
	}
	d.Advance(30 * time.Second) // before it nothing else has been asked for
	if err := cancel("F-2"); err != nil {
		t.Fatal(err)
	}
	update := func(id string) error {
		return o.api().UpdateFulfillmentOrder(t.Context(), &fulfillmentoutbound20200701.UpdateFulfillmentOrderInput{SellerFulfillmentOrderID: id, FulfillmentAction: "Ship"})
	}
	if err := update("F-3"); err != nil {
		t.Fatal(err)
	}
	wantError(t, "an update of an order that isn't on hold", update("F-1"), 403, "Unauthorized")
	hear()
	*o.depot = *d.elsewhere() // the state goes on elsewhere; the listener stays behind
	d.later(2 * 24 * time.Hour)
	wantError(t, "too late to cancel", cancel("F-1"), 400)
	got := o.get("F-1")
	if got.FulfillmentOrder.FulfillmentOrderStatus != "Complete" || *got.FulfillmentOrderItems[0].CancelledQuantity != 0 {
		t.Fatalf("%+v", got.FulfillmentOrder)
	}
	if two := o.get("F-2"); two.FulfillmentOrder.FulfillmentOrderStatus != "Cancelled" || *two.FulfillmentOrderItems[0].CancelledQuantity != 2 || len(two.FulfillmentShipments) != 0 {
		t.Errorf("%+v", two)
	}
	in := &fulfillmentoutbound20200701.CreateFulfillmentReturnInput{SellerFulfillmentOrderID: "F-1"}
	for i, shipment := range []string{got.FulfillmentShipments[0].AmazonShipmentID, got.FulfillmentShipments[0].AmazonShipmentID, "D0000000N"} {
		in.Items = append(in.Items, fulfillmentoutbound20200701.CreateReturnItem{SellerReturnItemID: fmt.Sprint("R-", i/2), SellerFulfillmentOrderItemID: "F-1-1",
			AmazonShipmentID: shipment, ReturnReasonCode: "DEFECTIVE"})
	}
	back := must[*fulfillmentoutbound20200701.CreateFulfillmentReturnResult](t)(o.api().CreateFulfillmentReturn(t.Context(), in))
	if len(back.ReturnItems) != 1 || len(back.InvalidReturnItems) != 2 || back.InvalidReturnItems[0].InvalidItemReason.InvalidItemReasonCode != "DuplicateRequest" ||
		back.InvalidReturnItems[1].InvalidItemReason.InvalidItemReasonCode != "InvalidValues" || len(back.ReturnAuthorizations) != 1 {
		t.Errorf("return: %+v", back)
	}
	d.later(20 * 24 * time.Hour)
	for _, x := range d.Deliveries() { // of before the move, too
		l.came = append(l.came, emulator.Delivery{Queue: x.Queue, Body: x.Body})
	}
	told = map[string][]string{}
	hear()
	whole := []string{"Order New", "Order Received", "Order Planning", "Order Processing", "Shipment Processing PENDING", "Shipment Complete SHIPPED", "Order Complete"}
	for id, want := range map[string][]string{
		"F-0": whole[1:], "F-1": append(slices.Clip(whole), "Return Complete"), "F-2": {"Order New", "Order Received", "Order Cancelled"}, "F-3": whole,
		"F-4": {"Order New", "Order Received", "Order Cancelled"},
	} {
		if !slices.Equal(told[id], want) {
			t.Errorf("%s: told %q, want %q", id, told[id], want)
		}
	}
	list := must[*fulfillmentoutbound20200701.ListAllFulfillmentOrdersResult](t)(o.api().ListAllFulfillmentOrders(t.Context(), &fulfillmentoutbound20200701.ListAllFulfillmentOrdersInput{}))
	if len(list.FulfillmentOrders) != 5 {
		t.Errorf("%d orders are listed", len(list.FulfillmentOrders))
	}
}

package emulator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/tracking20260130"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

func (d *depot) track(in tracking20260130.GetShipmentTrackingInput) (*tracking20260130.TrackingDetail, error) {
	r, err := tracking20260130.New(d.client).GetShipmentTracking(d.t.Context(), &in)
	if err != nil {
		return nil, err
	}
	return r.TrackingDetail, nil
}

// codes are those of a history, with the latest first as it is told.
func codes(d *tracking20260130.TrackingDetail) string {
	var list []string
	for _, m := range d.MilestoneHistory {
		list = append(list, string(m.Status.Code))
	}
	return strings.Join(list, " ")
}

// TestTracking follows a parcel that the seller tells of, and every parcel that orders show.
func TestTracking(t *testing.T) {
	d := newDepot(t, marketplace.US, emulator.WithOrders(300))
	ctx := t.Context()
	open := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"}})
	i := slices.IndexFunc(open, func(o *ordersv0.Order) bool { return !*o.IsISPU })
	id := open[i].AmazonOrderID
	items := must[*ordersv0.OrderItemsList](t)(ordersv0.New(d.client).GetOrderItems(ctx, &ordersv0.GetOrderItemsInput{OrderID: id}))
	in := &ordersv0.ConfirmShipmentInput{OrderID: id, MarketplaceID: d.market.ID, PackageDetail: &ordersv0.PackageDetail{
		PackageReferenceID: "1", CarrierCode: "FedEx", TrackingNumber: "FX 0815/1", ShipDate: start,
	}}
	for _, it := range items.OrderItems {
		in.PackageDetail.OrderItems = append(in.PackageDetail.OrderItems, ordersv0.ConfirmShipmentOrderItem{OrderItemID: it.OrderItemID,
			Quantity: it.QuantityOrdered})
	}
	number := tracking20260130.GetShipmentTrackingInput{CarrierTrackingTrackingNumber: "FX 0815/1", CarrierTrackingCarrierCode: "FEDEX"}
	_, err := d.track(number)
	d.refused("before the shipment", err, 404, "NOT_FOUND")
	if err := ordersv0.New(d.client).ConfirmShipment(ctx, in); err != nil {
		t.Fatal(err)
	}
	got := must[*tracking20260130.TrackingDetail](t)(d.track(number))
	if codes(got) != "SHIPPED CARRIER_ASSIGNED ORDER_PREPARING" || got.LatestMilestone.Status.Code != "SHIPPED" ||
		got.Identifier.CarrierTracking.TrackingNumber != "FX 0815/1" ||
		got.Identifier.CarrierTracking.CarrierCode != "FEDEX" || got.Identifier.ID+got.Identifier.Aftn != "" || len(got.TrackingEstimates) != 1 ||
		!strings.HasSuffix(got.TrackingURL, "=FX+0815%2F1") {
		t.Errorf("shipped: %s %+v", codes(got), got)
	}
	number.CarrierTrackingCarrierCode = "UPS"
	_, err = d.track(number)
	d.refused("another carrier's number", err, 404, "NOT_FOUND")
	number.CarrierTrackingCarrierCode = ""
	end := got.TrackingEstimates[0].EstimatedInterval.EndTime
	d = d.moved()
	d.Advance(must[time.Time](t)(time.Parse(time.RFC3339, end)).Sub(d.Now()))
	got = must[*tracking20260130.TrackingDetail](t)(d.track(number))
	if last := got.LatestMilestone; codes(got) != "DELIVERED OUT_FOR_DELIVERY SHIPPED CARRIER_ASSIGNED ORDER_PREPARING" || last.OccurredAt != end ||
		last.Location.Address.City == "" || got.Identifier.CarrierTracking.CarrierCode != "" {
		t.Errorf("delivered: %s %+v", codes(got), last)
	}

	seen := map[string]int{}
	search := &orders20260101.SearchOrdersInput{CreatedAfter: start.AddDate(0, 0, -40), IncludedData: []orders20260101.SearchOrdersIncludedData{"PACKAGES"}}
	for o, err := range orders20260101.New(d.client).SearchOrdersAll(ctx, search) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range o.Packages {
			got := must[*tracking20260130.TrackingDetail](t)(d.track(tracking20260130.GetShipmentTrackingInput{CarrierTrackingTrackingNumber: p.TrackingNumber,
				CarrierTrackingCarrierCode: p.Carrier}))
			latest := string(got.LatestMilestone.Status.Code)
			seen[latest]++
			want := map[string]string{"SHIPPED": "SHIPPED", "PICKED_UP": "SHIPPED", "OUT_FOR_DELIVERY": "OUT_FOR_DELIVERY", "DELIVERED": "DELIVERED"}
			state := p.PackageStatus.DetailedStatus
			if state == "" {
				state = string(p.PackageStatus.Status)
			}
			if latest != want[state] {
				t.Errorf("parcel %s is %s, tracking says %s", p.TrackingNumber, state, latest)
			}
			for i := 1; i < len(got.MilestoneHistory); i++ {
				if got.MilestoneHistory[i].OccurredAt > got.MilestoneHistory[i-1].OccurredAt {
					t.Errorf("parcel %s: %s, and not from the newest to the oldest", p.TrackingNumber, codes(got))
				}
			}
		}
	}
	if seen["SHIPPED"] == 0 || seen["OUT_FOR_DELIVERY"] == 0 || seen["DELIVERED"] < 50 {
		t.Errorf("parcels: %v", seen)
	}
}

// TestTrackingAFTN: orders that Amazon fulfils have a number of their own from the payment on.
func TestTrackingAFTN(t *testing.T) {
	d := newDepot(t, marketplace.US, emulator.WithOrders(600), emulator.WithDays(5))
	aftn := func(o *ordersv0.Order) (*tracking20260130.TrackingDetail, error) {
		return d.track(tracking20260130.GetShipmentTrackingInput{Aftn: "AFTN" + strings.ReplaceAll(o.AmazonOrderID, "-", "")})
	}
	latest := map[string]map[string]bool{
		"Unshipped": {"ORDER_PREPARING": true, "CARRIER_ASSIGNED": true}, "Shipped": {"SHIPPED": true, "OUT_FOR_DELIVERY": true,
			"DELIVERED": true}, "Canceled": {"ORDER_CANCELLED": true},
	}
	for status, want := range latest {
		for _, o := range d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{status}, FulfillmentChannels: []string{"AFN"}}) {
			got := must[*tracking20260130.TrackingDetail](t)(aftn(o))
			if code := string(got.LatestMilestone.Status.Code); !want[code] || got.Identifier.Aftn != "AFTN"+strings.ReplaceAll(o.AmazonOrderID, "-", "") {
				t.Errorf("an order that is %s: %s of %s", status, code, got.Identifier.Aftn)
			}
		}
	}
	_, err := aftn(d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Pending"}, FulfillmentChannels: []string{"AFN"}})[0])
	d.refused("an order that isn't paid", err, 404, "NOT_FOUND")
	_, err = aftn(d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Shipped"}, FulfillmentChannels: []string{"MFN"}})[0])
	d.refused("an order of a merchant", err, 404, "NOT_FOUND")
}

// TestTrackingRefuses: one identifier, and one that is there.
func TestTrackingRefuses(t *testing.T) {
	d := newDepot(t, marketplace.US, emulator.WithOrders(5))
	const bad, details = "The request parameters provided are invalid.", "For valid parameter values and formats, see the API developer guide."
	type in = tracking20260130.GetShipmentTrackingInput
	for _, test := range []struct {
		what   string
		in     in
		status int
		code   string
		parts  []string
	}{
		{"none", in{}, 400, "BAD_REQUEST", []string{bad, details}},
		{"a carrier alone", in{CarrierTrackingCarrierCode: "UPS"}, 400, "BAD_REQUEST", []string{bad}},
		{"a carrier with something else", in{Acsin: "75726371365", CarrierTrackingCarrierCode: "UPS"}, 400, "BAD_REQUEST", []string{bad}},
		{"no AFTN", in{Aftn: "AFTN12x"}, 400, "BAD_REQUEST", []string{bad, details}},
		{"two", in{Aftn: "AFTN1", ID: "1"}, 400, "MULTIPLE_TRACKING_IDS_NOT_ALLOWED",
			[]string{"Only one tracking ID type is allowed per request. Please provide a single ID per request."}},
		{"a carrier's and another", in{CarrierTrackingTrackingNumber: "1Z", ContainerNumber: "MSKU4538324"}, 400, "MULTIPLE_TRACKING_IDS_NOT_ALLOWED", nil},
		{"an unknown AFTN", in{Aftn: "AFTN987654321"}, 404, "NOT_FOUND", nil},
		{"the sandbox's AFTN", in{Aftn: "AFTN1111111111"}, 404, "NOT_FOUND", nil},
		{"an unknown id", in{ID: "546e1ddb-dae0-4f76-84fd-ab4998ad00dd"}, 404, "NOT_FOUND", nil},
		{"an unknown number", in{CarrierTrackingTrackingNumber: "1Z999AA1234567890"}, 404, "NOT_FOUND", nil},
		{"a container", in{ContainerNumber: "MSKU4538324"}, 404, "NOT_FOUND", nil},
		{"a bill", in{HouseBillOfLadingNumber: "AMZDCN203A900BD3"}, 404, "NOT_FOUND", nil},
	} {
		_, err := d.track(test.in)
		d.refused(test.what, err, test.status, test.code, test.parts...)
	}
}

// TestTrackingSandbox: the sandbox has six shipments, each a stage further.
func TestTrackingSandbox(t *testing.T) {
	d := newDepot(t, marketplace.US, emulator.WithOrders(5), emulator.WithSandbox())
	app := spapi.NewApp(spapi.Credentials{ClientID: d.cred.ClientID, ClientSecret: spapi.NewSecret(d.cred.ClientSecret)}, spapi.WithTransport(d),
		spapi.WithLimiter(anytime{}))
	d.client = app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(d.cred.RefreshToken), Region: d.market.Region, Sandbox: true})
	for i, want := range []string{"ORDER_PREPARING", "CARRIER_ASSIGNED", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED", "ORDER_CANCELLED"} {
		number := "AFTN" + strings.Repeat(string(rune('1'+i)), 10)
		got := must[*tracking20260130.TrackingDetail](t)(d.track(tracking20260130.GetShipmentTrackingInput{Aftn: number}))
		if latest := got.LatestMilestone.Status; string(latest.Code) != want || got.Identifier.Aftn != number || want == "DELIVERED" &&
			latest.SubCode != "PORCH" || want == "ORDER_CANCELLED" && latest.SubCode != "SELLER_REQUEST" {
			t.Errorf("%s: %+v, want %s", number, latest, want)
		}
	}
	_, err := d.track(tracking20260130.GetShipmentTrackingInput{Aftn: "AFTN7777777777"})
	d.refused("a seventh", err, 404, "NOT_FOUND")
}

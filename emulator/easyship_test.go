package emulator_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/easyship20220323"
	exshipments "github.com/openspapi/spapi/api/externalfulfillmentshipments20240911"
	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// depot is a seller of an emulator with a clock that stands, and the SDK over it.
type depot struct {
	*emulator.Emulator
	t      *testing.T
	market marketplace.Marketplace
	cred   emulator.Credentials
	client *spapi.Client
}

// anytime lets every call pass: the clock stands.
type anytime struct{}

func (anytime) Wait(context.Context, spapi.LimitRequest) (g spapi.LimitGrant, err error) {
	return g, nil
}

func (anytime) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

func newDepot(t *testing.T, m marketplace.Marketplace, options ...emulator.Option) *depot {
	t.Helper()
	e, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(),
		emulator.WithOrders(6000)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := e.AddAccount(emulator.AccountConfig{Region: m.Region, Marketplaces: []string{m.ID}})
	if err != nil {
		t.Fatal(err)
	}
	return openDepot(t, e, m, cred)
}

func openDepot(t *testing.T, e *emulator.Emulator, m marketplace.Marketplace, cred emulator.Credentials) *depot {
	app := spapi.NewApp(spapi.Credentials{ClientID: cred.ClientID, ClientSecret: spapi.NewSecret(cred.ClientSecret)}, spapi.WithTransport(e),
		spapi.WithLimiter(anytime{}))
	return &depot{e, t, m, cred, app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(cred.RefreshToken), Region: m.Region})}
}

// moved is the depot after an export and an import elsewhere, which must export the same.
func (d *depot) moved() *depot {
	d.t.Helper()
	export := func(e *emulator.Emulator) ([]byte, *emulator.State) {
		state, err := e.Export()
		if err != nil {
			d.t.Fatal(err)
		}
		b, err := json.Marshal(state)
		if err != nil {
			d.t.Fatal(err)
		}
		read := &emulator.State{}
		if err := json.Unmarshal(b, read); err != nil {
			d.t.Fatal(err)
		}
		return b, read
	}
	before, state := export(d.Emulator)
	other, err := emulator.New(emulator.WithSeed(7), emulator.WithOrders(5), emulator.WithFixedTime(time.Time{}), emulator.WithoutLimits())
	if err != nil {
		d.t.Fatal(err)
	}
	if err := other.Import(state); err != nil {
		d.t.Fatal(err)
	}
	if after, _ := export(other); !bytes.Equal(after, before) {
		d.t.Errorf("export after import differs:\n%.3000s\n\n%.3000s", before, after)
	}
	return openDepot(d.t, other, d.market, d.cred)
}

// refused fails the test unless err is one of the API with a status and a code, and with texts in message or details.
func (d *depot) refused(what string, err error, status int, code string, parts ...string) {
	d.t.Helper()
	var api *spapi.APIError
	if !errors.As(err, &api) {
		d.t.Errorf("%s: %v, want an error of the API", what, err)
		return
	}
	if api.StatusCode != status || api.Code != code {
		d.t.Errorf("%s: %d %s %q, want %d %s", what, api.StatusCode, api.Code, api.Message, status, code)
	}
	for _, part := range parts {
		if !strings.Contains(api.Message+"\n"+api.Details, part) {
			d.t.Errorf("%s: %q, %q: want %q in it", what, api.Message, api.Details, part)
		}
	}
}

// must fails the test at once where there is an error.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// orders lists all orders that a filter lets pass.
func (d *depot) orders(filter ordersv0.GetOrdersInput) []*ordersv0.Order {
	d.t.Helper()
	filter.MarketplaceIDs, filter.CreatedAfter = []string{d.market.ID}, "2020-01-01T00:00:00Z"
	var list []*ordersv0.Order
	for o, err := range ordersv0.New(d.client).GetOrdersPages(d.t.Context(), &filter) {
		if err != nil {
			d.t.Fatal(err)
		}
		for i := range o.Orders {
			list = append(list, &o.Orders[i])
		}
	}
	return list
}

func (d *depot) order(id string) *ordersv0.Order {
	d.t.Helper()
	r, err := ordersv0.New(d.client).GetOrder(d.t.Context(), &ordersv0.GetOrderInput{OrderID: id})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// raw asks for what the SDK's types can't say, and returns the body.
func (d *depot) raw(target string) string {
	d.t.Helper()
	r := must[*http.Request](d.t)(http.NewRequestWithContext(d.t.Context(), "GET", d.market.Region.Endpoint()+target, http.NoBody))
	resp := must[*http.Response](d.t)(d.client.Do(r))
	defer resp.Body.Close()
	return string(must[[]byte](d.t)(io.ReadAll(resp.Body)))
}

// strays tells whether chance has it that the package of an order doesn't reach its buyer.
func (d *depot) strays(id string) bool {
	d.t.Helper()
	var v any
	if err := json.Unmarshal(must[[]byte](d.t)(json.Marshal(must[*emulator.State](d.t)(d.Export()))), &v); err != nil {
		d.t.Fatal(err)
	}
	end := ""
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if p, ok := v["easy_ship"].(map[string]any); ok && v["id"] == id {
				end, _ = p["End"].(string)
			}
			for _, member := range v {
				look(member)
			}
		case []any:
			for _, element := range v {
				look(element)
			}
		}
	}
	look(v)
	return end != ""
}

// fetch gets a document by its URL, without a token.
func (d *depot) fetch(url string) (contentType string, content []byte) {
	d.t.Helper()
	r := must[*http.Request](d.t)(http.NewRequest("GET", url, http.NoBody))
	resp := must[*http.Response](d.t)(d.RoundTrip(r))
	defer resp.Body.Close()
	content = must[[]byte](d.t)(io.ReadAll(resp.Body))
	if resp.StatusCode != 200 {
		d.t.Fatalf("%s: %d %s", url, resp.StatusCode, content)
	}
	return resp.Header.Get("Content-Type"), content
}

func slotsFor(m marketplace.Marketplace, order string) *easyship20220323.ListHandoverSlotsInput {
	return &easyship20220323.ListHandoverSlotsInput{
		MarketplaceID: m.ID, AmazonOrderID: order, PackageDimensions: &easyship20220323.Dimensions{Length: "30", Width: "20.5", Height: "10", Unit: "cm"},
		PackageWeight: &easyship20220323.Weight{Value: "750", Unit: "g"},
	}
}

func scheduleAt(m marketplace.Marketplace, order, slot string) *easyship20220323.CreateScheduledPackageInput {
	return &easyship20220323.CreateScheduledPackageInput{AmazonOrderID: order, MarketplaceID: m.ID,
		PackageDetails: &easyship20220323.PackageDetails{PackageTimeSlot: &easyship20220323.TimeSlot{SlotID: slot}, PackageIdentifier: "BOX " + order[:3]}}
}

func unscheduled(d *depot) []*ordersv0.Order {
	return d.orders(ordersv0.GetOrdersInput{EasyShipShipmentStatuses: []string{"PendingSchedule"}})
}

// TestEasyShip takes a package from the list of slots to the buyer, with a move to another emulator in the middle.
func TestEasyShip(t *testing.T) {
	d := newDepot(t, marketplace.IN)
	var id string
	for _, o := range unscheduled(d) { // the first that will reach its buyer, tried elsewhere
		try := d.moved()
		slots := must[*easyship20220323.ListHandoverSlotsResponse](t)(easyship20220323.New(try.client).ListHandoverSlots(t.Context(), slotsFor(d.market,
			o.AmazonOrderID)))
		must[*easyship20220323.Package](t)(easyship20220323.New(try.client).CreateScheduledPackage(t.Context(), scheduleAt(d.market, o.AmazonOrderID,
			slots.TimeSlots[0].SlotID)))
		if id = o.AmazonOrderID; !try.strays(id) {
			break
		}
	}
	api := easyship20220323.New(d.client)
	ctx := t.Context()
	slots := must[*easyship20220323.ListHandoverSlotsResponse](t)(api.ListHandoverSlots(ctx, slotsFor(d.market, id)))
	if slots.AmazonOrderID != id || len(slots.TimeSlots) < 4 {
		t.Fatalf("slots: %+v", slots)
	}
	pickUp := slots.TimeSlots[0]
	if !pickUp.StartTime.After(start) || pickUp.EndTime.Sub(pickUp.StartTime) != 3*time.Hour || pickUp.HandoverMethod != "PICKUP" {
		t.Errorf("slot: %+v", pickUp)
	}
	items := must[*ordersv0.OrderItemsList](t)(ordersv0.New(d.client).GetOrderItems(ctx, &ordersv0.GetOrderItemsInput{OrderID: id}))
	item := items.OrderItems[0].OrderItemID
	in := scheduleAt(d.market, id, pickUp.SlotID)
	in.PackageDetails.PackageItems = []easyship20220323.Item{{OrderItemID: item, OrderItemSerialNumbers: []string{"S1", "S2"}}}
	made := must[*easyship20220323.Package](t)(api.CreateScheduledPackage(ctx, in))
	if made.ScheduledPackageID.AmazonOrderID != id || made.ScheduledPackageID.PackageID == "" || made.PackageStatus != "ReadyForPickup" ||
		made.PackageIdentifier != "BOX "+id[:3] ||
		made.PackageTimeSlot.SlotID != pickUp.SlotID || made.PackageDimensions.Width != "20.5" || made.PackageWeight.Value != "750.0" ||
		len(made.PackageItems) != 1 ||
		!slices.Equal(made.PackageItems[0].OrderItemSerialNumbers, []string{"S1", "S2"}) || made.Invoice.InvoiceNumber == "" ||
		made.TrackingDetails.TrackingID == "" {
		t.Errorf("package: %+v", made)
	}
	if got := d.order(id).EasyShipShipmentStatus; got != "PendingPickUp" {
		t.Errorf("the order is %s", got)
	}
	_, err := api.CreateScheduledPackage(ctx, in)
	d.refused("a second time", err, 400, "ScheduledPackageAlreadyExists")
	d = d.moved()
	api = easyship20220323.New(d.client)
	later := slots.TimeSlots[len(slots.TimeSlots)-1]
	if later.HandoverMethod != "DROPOFF" {
		t.Fatalf("the last slot: %+v", later)
	}
	packages := must[*easyship20220323.Packages](t)(api.UpdateScheduledPackages(ctx, &easyship20220323.UpdateScheduledPackagesInput{MarketplaceID: d.market.ID,
		UpdatePackageDetailsList: []easyship20220323.UpdatePackageDetails{{ScheduledPackageID: made.ScheduledPackageID,
			PackageTimeSlot: &easyship20220323.TimeSlot{SlotID: later.SlotID}}}}))
	p := packages.Packages[0]
	if len(packages.Packages) != 1 || *p.ScheduledPackageID != *made.ScheduledPackageID || p.PackageTimeSlot.SlotID != later.SlotID ||
		p.PackageIdentifier != made.PackageIdentifier {
		t.Errorf("package: %+v", p)
	}
	if got := d.order(id).EasyShipShipmentStatus; got != "PendingDropOff" {
		t.Errorf("the order is %s", got)
	}
	var seen []string
	get := &easyship20220323.GetScheduledPackageInput{AmazonOrderID: id, MarketplaceID: d.market.ID}
	for range 14 * 24 {
		p := must[*easyship20220323.Package](t)(api.GetScheduledPackage(ctx, get))
		o := d.order(id)
		if now := string(p.PackageStatus); len(seen) == 0 || seen[len(seen)-1] != now {
			seen = append(seen, now)
			if now == "PickedUp" && (d.Now().Before(later.StartTime) || d.Now().After(later.EndTime.Add(time.Hour)) || o.OrderStatus != "Shipped" ||
				o.EasyShipShipmentStatus != "DroppedOff") {
				t.Errorf("handed over at %s, the order is %s, %s", d.Now(), o.OrderStatus, o.EasyShipShipmentStatus)
			}
		}
		if ready := p.PackageStatus == "ReadyForPickup"; ready != (o.OrderStatus == "Unshipped") {
			t.Errorf("the package is %s, the order %s", p.PackageStatus, o.OrderStatus)
		}
		d.Advance(time.Hour)
	}
	if want := []string{"ReadyForPickup", "PickedUp", "AtOriginFC", "AtDestinationFC", "OutForDelivery", "Delivered"}; !slices.Equal(seen, want) {
		t.Errorf("states: %v, want %v", seen, want)
	}
	if o := d.order(id); o.EasyShipShipmentStatus != "Delivered" {
		t.Errorf("in the end the order is %s", o.EasyShipShipmentStatus)
	}
	d.moved()
}

// TestEasyShipRefuses: everything in the wrong order, or about what isn't there.
func TestEasyShipRefuses(t *testing.T) {
	d := newDepot(t, marketplace.IN)
	api := easyship20220323.New(d.client)
	ctx := t.Context()
	open := unscheduled(d)
	id, other := open[len(open)-1].AmazonOrderID, open[len(open)-2].AmazonOrderID
	const unknown = "111-1111111-1111111"
	slots := func(order string) (*easyship20220323.ListHandoverSlotsResponse, error) {
		return api.ListHandoverSlots(ctx, slotsFor(d.market, order))
	}
	create := func(order, slot string) error {
		_, err := api.CreateScheduledPackage(ctx, scheduleAt(d.market, order, slot))
		return err
	}
	get := func(order string) error {
		_, err := api.GetScheduledPackage(ctx, &easyship20220323.GetScheduledPackageInput{AmazonOrderID: order, MarketplaceID: d.market.ID})
		return err
	}
	update := func(order, packageID, slot string) error {
		_, err := api.UpdateScheduledPackages(ctx, &easyship20220323.UpdateScheduledPackagesInput{MarketplaceID: d.market.ID,
			UpdatePackageDetailsList: []easyship20220323.UpdatePackageDetails{{ScheduledPackageID: &easyship20220323.ScheduledPackageID{AmazonOrderID: order,
				PackageID: packageID},
				PackageTimeSlot: &easyship20220323.TimeSlot{SlotID: slot}}}})
		return err
	}
	list := must[*easyship20220323.ListHandoverSlotsResponse](t)(slots(id)).TimeSlots
	slot, last := list[0].SlotID, list[len(list)-1].SlotID

	const absent = "The specified resource (for example, `AmazonOrderId` or `MarketplaceId`) does not exist."
	_, err := slots(unknown)
	d.refused("slots for an unknown order", err, 404, "ResourceNotFound", absent)
	d.refused("a package of an unknown order", get(unknown), 404, "ResourceNotFound", absent)
	d.refused("a package before it is scheduled", get(id), 404, "ResourceNotFound", absent)
	d.refused("an unknown order", create(unknown, slot), 404, "ResourceNotFound", absent)
	d.refused("rescheduling what isn't scheduled", update(id, "", slot), 404, "ResourceNotFound", absent)
	d.refused("another order's slot", create(other, slot), 400, "InvalidTimeSlotId")
	d.refused("a made-up slot", create(id, "AQc48yxSAAAAADZG0qQAAAAA6kkAAAAAAAA="), 400, "InvalidTimeSlotId")
	d.refused("no slot", create(id, ""), 400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.")
	in := slotsFor(d.market, id)
	in.PackageWeight.Value = "10"
	_, err = api.ListHandoverSlots(ctx, in)
	d.refused("too light", err, 400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.")
	in.PackageWeight.Value = "30001"
	_, err = api.ListHandoverSlots(ctx, in)
	d.refused("too heavy", err, 404, "TimeSlotNotAvailable")
	in = slotsFor(d.market, id)
	in.MarketplaceID = "nowhere"
	_, err = api.ListHandoverSlots(ctx, in)
	d.refused("no marketplace", err, 404, "ResourceNotFound", absent)
	in.MarketplaceID = marketplace.PL.ID
	_, err = api.ListHandoverSlots(ctx, in)
	d.refused("another's marketplace", err, 403, "Unauthorized")
	wrong := scheduleAt(d.market, id, slot)
	wrong.PackageDetails.PackageItems = []easyship20220323.Item{{OrderItemID: "1"}}
	_, err = api.CreateScheduledPackage(ctx, wrong)
	d.refused("an item of another order", err, 400, "InvalidInput")
	_, err = api.CreateScheduledPackageBulk(ctx, &easyship20220323.CreateScheduledPackageBulkInput{MarketplaceID: d.market.ID, LabelFormat: "PDF",
		OrderScheduleDetailsList: []easyship20220323.OrderScheduleDetails{{AmazonOrderID: id}}})
	d.refused("bulk in India", err, 400, "InvalidInput")
	for status, code := range map[string]string{"Canceled": "InvalidOrderState", "Pending": "InvalidOrderState", "Shipped": "InvalidOrderState"} {
		o := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{status}, FulfillmentChannels: []string{"MFN"}})[0]
		_, err := slots(o.AmazonOrderID)
		d.refused("slots of an order that is "+status, err, 404, code)
	}
	fba := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"AFN"}})[0].AmazonOrderID
	_, err = slots(fba)
	d.refused("slots of Amazon's order", err, 404, "InvalidOrderState")
	byHand := d.orders(ordersv0.GetOrdersInput{EasyShipShipmentStatuses: []string{"PendingPickUp"}})[0].AmazonOrderID
	if err := get(byHand); err != nil {
		t.Errorf("the package of an order that was scheduled by hand: %v", err)
	}
	d.refused("what was scheduled by hand", create(byHand, slot), 400, "ScheduledPackageAlreadyExists")

	if err := create(id, slot); err != nil {
		t.Fatal(err)
	}
	d.refused("the wrong package", update(id, "x", slot), 404, "ResourceNotFound", absent)
	d.Advance(list[0].StartTime.Sub(start))
	d.refused("a slot that has begun", update(id, "", slot), 400, "ScheduleWindowExpired", "The selected time slot has expired.")
	d.Advance(3 * time.Hour)
	if got := d.order(id).OrderStatus; got != "Shipped" {
		t.Fatalf("the order is %s", got)
	}
	d.refused("a package that has left", update(id, "", last), 405, "OrderNotEligibleForRescheduling")
	d.Advance(start.Add(24 * time.Hour).Sub(d.Now()))
	d.refused("slots of yesterday", update(id, "", last), 400, "RetryableAfterGettingNewSlots")

	us := newDepot(t, marketplace.US)
	_, err = easyship20220323.New(us.client).ListHandoverSlots(ctx, slotsFor(us.market, unknown))
	us.refused("in the United States", err, 404, "RegionNotSupported")
}

// TestEasyShipBulk schedules what can be in Poland, where nothing is Easy Ship's before.
func TestEasyShipBulk(t *testing.T) {
	d := newDepot(t, marketplace.PL)
	api := easyship20220323.New(d.client)
	ctx := t.Context()
	open := d.orders(ordersv0.GetOrdersInput{OrderStatuses: []string{"Unshipped"}, FulfillmentChannels: []string{"MFN"}})
	open = slices.DeleteFunc(open, func(o *ordersv0.Order) bool { return o.IsISPU != nil && *o.IsISPU || o.PurchaseDate < "2026-02-28" })
	a, b := open[0], open[1]
	if a.EasyShipShipmentStatus != "" {
		t.Errorf("before it is scheduled the order is %s", a.EasyShipShipmentStatus)
	}
	_, err := api.ListHandoverSlots(ctx, slotsFor(d.market, a.AmazonOrderID))
	d.refused("slots in Poland", err, 404, "RegionNotSupported")
	in := &easyship20220323.CreateScheduledPackageBulkInput{MarketplaceID: d.market.ID, LabelFormat: "PDF",
		OrderScheduleDetailsList: []easyship20220323.OrderScheduleDetails{
			{AmazonOrderID: a.AmazonOrderID}, {AmazonOrderID: "111-1111111-1111111"}, {AmazonOrderID: b.AmazonOrderID},
			{AmazonOrderID: open[2].AmazonOrderID,
				PackageDetails: &easyship20220323.PackageDetails{PackageTimeSlot: &easyship20220323.TimeSlot{SlotID: "x"}}}, {AmazonOrderID: a.AmazonOrderID},
		}}
	made := must[*easyship20220323.CreateScheduledPackagesResponse](t)(api.CreateScheduledPackageBulk(ctx, in))
	var scheduled, rejected []string
	for _, p := range made.ScheduledPackages {
		scheduled = append(scheduled, p.ScheduledPackageID.AmazonOrderID)
	}
	for _, r := range made.RejectedOrders {
		rejected = append(rejected, r.AmazonOrderID+" "+r.Error.Code)
	}
	if want := []string{a.AmazonOrderID, b.AmazonOrderID}; !slices.Equal(scheduled, want) {
		t.Errorf("scheduled %v, want %v", scheduled, want)
	}
	if want := []string{"111-1111111-1111111 InvalidInput", open[2].AmazonOrderID + " InvalidTimeSlotId", a.AmazonOrderID +
		" ScheduledPackageAlreadyExists"}; !slices.Equal(rejected, want) {
		t.Errorf("rejected %v, want %v", rejected, want)
	}
	if text := made.RejectedOrders[0].Error; text.Message != "Couldn't find the order details for 111-1111111-1111111" || text.Details != text.Message {
		t.Errorf("rejected: %+v", text)
	}
	if got := d.order(a.AmazonOrderID).EasyShipShipmentStatus; got != "PendingPickUp" {
		t.Errorf("the order is %s", got)
	}
	contentType, content := d.fetch(made.PrintableDocumentsURL)
	if contentType != "application/zip" {
		t.Errorf("documents: %s", contentType)
	}
	archive := must[*zip.Reader](t)(zip.NewReader(bytes.NewReader(content), int64(len(content))))
	for i, f := range archive.File {
		r := must[io.ReadCloser](t)(f.Open())
		label := must[[]byte](t)(io.ReadAll(r))
		if !strings.HasPrefix(f.Name, scheduled[i]) || !bytes.HasPrefix(label, []byte("%PDF-1.")) {
			t.Errorf("%s: %.20q", f.Name, label)
		}
	}
	if len(archive.File) != 2 {
		t.Errorf("%d labels", len(archive.File))
	}
	d.moved()
	in.MarketplaceID = "an-invalid-marketplace-id"
	_, err = api.CreateScheduledPackageBulk(ctx, in)
	d.refused("no marketplace", err, 400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.")
}

// TestEasyShipStrays schedules all that can be, of which some is lost on the way, and money comes for it; all pay the carrier.
func TestEasyShipStrays(t *testing.T) {
	d := newDepot(t, marketplace.IN, emulator.WithOrders(2000), emulator.WithDays(4), emulator.WithSeed(2))
	api := easyship20220323.New(d.client)
	ctx := t.Context()
	open := unscheduled(d)
	for _, o := range open {
		slots := must[*easyship20220323.ListHandoverSlotsResponse](t)(api.ListHandoverSlots(ctx, slotsFor(d.market, o.AmazonOrderID)))
		must[*easyship20220323.Package](t)(api.CreateScheduledPackage(ctx, scheduleAt(d.market, o.AmazonOrderID, slots.TimeSlots[0].SlotID)))
	}
	for range 60 {
		d.Advance(12 * time.Hour)
		d.order(open[0].AmazonOrderID)
	}
	states := map[string]int{}
	for _, o := range open {
		p := must[*easyship20220323.Package](t)(api.GetScheduledPackage(ctx, &easyship20220323.GetScheduledPackageInput{AmazonOrderID: o.AmazonOrderID,
			MarketplaceID: d.market.ID}))
		states[string(p.PackageStatus)]++
		want := map[string]string{"LostInTransit": "Lost", "DamagedInTransit": "Damaged"}[string(p.PackageStatus)]
		if want == "" {
			want = string(p.PackageStatus)
		}
		if got := d.order(o.AmazonOrderID).EasyShipShipmentStatus; string(got) != want {
			t.Errorf("the package is %s, the order %s", p.PackageStatus, got)
		}
	}
	later := map[string]int{}
	for o, err := range orders20260101.New(d.client).SearchOrdersAll(ctx, &orders20260101.SearchOrdersInput{CreatedAfter: start.AddDate(0, 0, -40),
		IncludedData: []orders20260101.SearchOrdersIncludedData{"PACKAGES"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(open, func(v0 *ordersv0.Order) bool { return v0.AmazonOrderID == o.OrderID }) {
			later[o.Packages[0].PackageStatus.DetailedStatus]++
		}
	}
	for v1, v2 := range map[string]string{"Delivered": "DELIVERED", "LostInTransit": "LOST", "DamagedInTransit": "DAMAGED",
		"ReturnedToSeller": "RETURNED_TO_SELLER"} {
		if states[v1] != later[v2] {
			t.Errorf("%d packages are %s, and in orders 2026-01-01 %d are %s", states[v1], v1, later[v2], v2)
		}
	}
	shipments := exshipments.New(d.client)
	for s, err := range shipments.GetShipmentsAll(ctx, &exshipments.GetShipmentsInput{Status: "SHIPPED"}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.SubStatus == "LOST" || s.SubStatus == "DAMAGED" {
			later["strayed"]++
		}
	}
	lost := states["LostInTransit"] + states["DamagedInTransit"]
	if later["strayed"] != lost {
		t.Errorf("%d shipments have strayed, want %d", later["strayed"], lost)
	}
	if lost == 0 || states["Delivered"] < len(open)/2 || states["ReturnedToSeller"] == 0 || states["Delivered"]+lost+states["ReturnedToSeller"] != len(open) {
		t.Errorf("%d packages: %v", len(open), states)
	}
	state := must[*emulator.State](t)(d.Export())
	text := string(must[[]byte](t)(json.Marshal(state)))
	if fees, paid := strings.Count(text, `"Kind":"EasyShipFee"`), strings.Count(text, `"Kind":"LostOrDamagedReimbursement"`); fees != len(open) || paid != lost {
		t.Errorf("%d fees for %d packages, %d reimbursements for %d that were lost", fees, len(open), paid, lost)
	}
}

// TestEasyShipDocuments: a feed asks for labels, and its result names the report that has them.
func TestEasyShipDocuments(t *testing.T) {
	d := newDepot(t, marketplace.IN)
	ctx := t.Context()
	byHand := d.orders(ordersv0.GetOrdersInput{EasyShipShipmentStatuses: []string{"PendingPickUp"}})[:2]
	feed := func(ids ...string) string {
		text := `<?xml version="1.0" encoding="utf-8"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>EasyShipDocument</MessageType>`
		for i, id := range ids {
			text += `<Message><MessageID>` + strconv.Itoa(i+1) + `</MessageID><EasyShipDocument><AmazonOrderID>` + id +
				`</AmazonOrderID><DocumentType>ShippingLabel</DocumentType></EasyShipDocument></Message>`
		}
		api := feeds20210630.New(d.client)
		made := must[*feeds20210630.CreateFeedDocumentResponse](t)(api.CreateFeedDocument(ctx,
			&feeds20210630.CreateFeedDocumentInput{ContentType: "text/xml; charset=UTF-8"}))
		put := must[*http.Request](t)(http.NewRequest("PUT", made.URL, strings.NewReader(text+`</AmazonEnvelope>`)))
		put.Header.Set("Content-Type", "text/xml; charset=UTF-8")
		must[*http.Response](t)(d.RoundTrip(put)).Body.Close()
		id := must[*feeds20210630.CreateFeedResponse](t)(api.CreateFeed(ctx, &feeds20210630.CreateFeedInput{FeedType: "POST_EASYSHIP_DOCUMENTS",
			MarketplaceIDs: []string{d.market.ID}, InputFeedDocumentID: made.FeedDocumentID})).FeedID
		for range 20 {
			d.Advance(time.Minute)
			if f := must[*feeds20210630.Feed](t)(api.GetFeed(ctx, &feeds20210630.GetFeedInput{FeedID: id})); f.ResultFeedDocumentID != "" {
				document := must[*feeds20210630.FeedDocument](t)(api.GetFeedDocument(ctx, &feeds20210630.GetFeedDocumentInput{FeedDocumentID: f.ResultFeedDocumentID}))
				_, result := d.fetch(document.URL)
				return string(result)
			}
		}
		t.Fatal("the feed doesn't end")
		return ""
	}
	a, b := byHand[0].AmazonOrderID, byHand[1].AmazonOrderID
	result := feed(a, b)
	found := regexp.MustCompile(`<DocumentReportReferenceID>(\d+)</DocumentReportReferenceID>`).FindStringSubmatch(result)
	if found == nil {
		t.Fatalf("no report in the result: %s", result)
	}
	api := reports20210630.New(d.client)
	var report *reports20210630.Report
	for range 20 {
		d.Advance(time.Minute)
		if report = must[*reports20210630.Report](t)(api.GetReport(ctx, &reports20210630.GetReportInput{ReportID: found[1]})); report.ReportDocumentID != "" {
			break
		}
	}
	if report.ReportType != "GET_EASYSHIP_DOCUMENTS" || report.ProcessingStatus != "DONE" {
		t.Fatalf("report: %+v", report)
	}
	d = d.moved()
	document := must[*reports20210630.ReportDocument](t)(reports20210630.New(d.client).GetReportDocument(ctx,
		&reports20210630.GetReportDocumentInput{ReportDocumentID: report.ReportDocumentID}, spapi.WithReportType("GET_EASYSHIP_DOCUMENTS")))
	_, content := d.fetch(document.URL)
	if document.CompressionAlgorithm != "" {
		content = must[[]byte](t)(io.ReadAll(must[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(content)))))
	}
	if n := bytes.Count(content, []byte("/Type /Page /")); !bytes.HasPrefix(content, []byte("%PDF-1.")) || n != 2 || !bytes.Contains(content,
		[]byte(a)) || !bytes.Contains(content, []byte(b)) {
		t.Errorf("%d pages: %.200q", n, content)
	}
	if result := feed(a, "111-1111111-1111111", unscheduled(d)[0].AmazonOrderID); strings.Contains(result, "DocumentReportReferenceID") ||
		strings.Count(result, "<Result>") != 2 {
		t.Errorf("the result of a feed with two mistakes: %s", result)
	}
	direct := must[*reports20210630.CreateReportResponse](t)(reports20210630.New(d.client).CreateReport(ctx,
		&reports20210630.CreateReportInput{ReportType: "GET_EASYSHIP_DOCUMENTS", MarketplaceIDs: []string{d.market.ID}}))
	d.Advance(time.Hour)
	if r := must[*reports20210630.Report](t)(reports20210630.New(d.client).GetReport(ctx,
		&reports20210630.GetReportInput{ReportID: direct.ReportID})); r.ProcessingStatus != "FATAL" {
		t.Errorf("a report that was requested by itself is %s", r.ProcessingStatus)
	}
}

// TestEasyShipFee: the carrier is paid when it has the package, also where that is earlier than it was to be.
func TestEasyShipFee(t *testing.T) {
	d := newDepot(t, marketplace.IN)
	api := easyship20220323.New(d.client)
	ctx := t.Context()
	fees := func() int {
		d.order(unscheduled(d)[0].AmazonOrderID) // what is due is done before a request
		return bytes.Count(must[[]byte](t)(json.Marshal(must[*emulator.State](t)(d.Export()))), []byte(`"Kind":"EasyShipFee"`))
	}
	open := unscheduled(d)
	id := open[len(open)-1].AmazonOrderID
	slots := must[*easyship20220323.ListHandoverSlotsResponse](t)(api.ListHandoverSlots(ctx, slotsFor(d.market, id))).TimeSlots
	made := must[*easyship20220323.Package](t)(api.CreateScheduledPackage(ctx, scheduleAt(d.market, id, slots[len(slots)-1].SlotID)))
	if n := fees(); n != 0 {
		t.Errorf("%d fees before the package has left", n)
	}
	must[*easyship20220323.Packages](t)(api.UpdateScheduledPackages(ctx, &easyship20220323.UpdateScheduledPackagesInput{MarketplaceID: d.market.ID,
		UpdatePackageDetailsList: []easyship20220323.UpdatePackageDetails{{ScheduledPackageID: made.ScheduledPackageID,
			PackageTimeSlot: &easyship20220323.TimeSlot{SlotID: slots[0].SlotID}}}}))
	fees()
	d.Advance(slots[0].EndTime.Sub(d.Now()))
	if n := fees(); n != 1 {
		t.Errorf("%d fees after the earlier slot", n)
	}
	d.Advance(slots[len(slots)-1].EndTime.Sub(d.Now()))
	if n := fees(); n != 1 {
		t.Errorf("%d fees after the later slot", n)
	}
}

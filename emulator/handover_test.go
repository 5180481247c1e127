package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// handoverRequests are requests about orders that a seller hands over to a carrier, each for an order that is as far as it must be.
func handoverRequests(t testing.TB, e *Emulator) map[string][]*http.Request {
	t.Helper()
	h := handoverMaker{t, e, map[string][]*http.Request{}}
	h.easyShip()
	h.external()
	h.tracking()
	return h.requests
}

type handoverMaker struct {
	t        testing.TB
	e        *Emulator
	requests map[string][]*http.Request
}

// seller is one who has an order for each of the wishes, and these orders: merchant's, unshipped, of the last two days.
func (h *handoverMaker) seller(m marketplace.Marketplace, wishes ...func(o *world.Order) bool) (*desk.Seller, []*world.Order) {
	h.t.Helper()
	now := h.e.Now()
	for range 100 { // sellers have few orders
		a, err := h.e.desk.AddSeller(m.Region, []string{m.ID}, now)
		if err != nil {
			h.t.Fatal(err)
		}
		var list []*world.Order
		for o := range a.World().All(now.AddDate(0, 0, -2), now) {
			if len(list) < len(wishes) && !o.Amazon && o.Store == "" && o.Status(now) == world.Unshipped && wishes[len(list)](o) {
				list = append(list, o)
			}
		}
		if len(list) == len(wishes) {
			return a, list
		}
	}
	h.t.Fatalf("no seller with %d orders as wanted", len(wishes))
	return nil, nil
}

func (h *handoverMaker) request(a *desk.Seller, id, target, body string) *http.Request {
	h.t.Helper()
	op, ok := catalog.Lookup(id)
	if !ok {
		h.t.Fatalf("no operation %s", id)
	}
	r, err := http.NewRequest(op.Method, a.Region.Endpoint()+target, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if r.Header.Set("x-amz-access-token", tokenOf(h.e, a, op)); body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// later has a request sent by the test.
func (h *handoverMaker) later(a *desk.Seller, id, target, body string) {
	h.t.Helper()
	h.requests[id] = append(h.requests[id], h.request(a, id, target, body))
}

// now sends a request and reads the answer.
func (h *handoverMaker) now(a *desk.Seller, id, target, body string, answer any) {
	h.t.Helper()
	rec := exchange.NewRecorder()
	h.e.ServeHTTP(rec, h.request(a, id, target, body))
	if rec.Status/100 != 2 {
		h.t.Fatalf("%s %s: %d %s", id, target, rec.Status, rec.Body.String())
	}
	if answer != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), answer); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *handoverMaker) easyShip() {
	h.t.Helper()
	now := h.e.Now()
	const base = "/easyShip/2022-03-23/"
	in := func(a *desk.Seller) string { return `"marketplaceId":"` + a.Marketplaces[0].ID + `"` }
	india, orders := h.seller(marketplace.IN, func(o *world.Order) bool { return o.EasyShipAt(now) != nil },
		func(o *world.Order) bool { return o.EasyShipAt(now) == nil })
	scheduled, open := orders[0], orders[1]
	poland, orders := h.seller(marketplace.PL, func(*world.Order) bool { return true })
	wish := func(o *world.Order) string {
		return `{` + in(india) + `,"amazonOrderId":"` + o.ID +
			`","packageDimensions":{"length":10,"width":10,"height":10,"unit":"cm"},"packageWeight":{"value":20,"unit":"g"}}`
	}
	slot := func(o *world.Order) string {
		var list struct{ TimeSlots []struct{ SlotID string } }
		h.now(india, "easyship20220323.listHandoverSlots", base+"timeSlot", wish(o), &list)
		return `"packageTimeSlot":{"slotId":"` + list.TimeSlots[0].SlotID + `"}`
	}
	h.later(india, "easyship20220323.listHandoverSlots", base+"timeSlot", wish(scheduled))
	h.later(india, "easyship20220323.createScheduledPackage", base+"package", `{`+in(india)+`,"amazonOrderId":"`+open.ID+`","packageDetails":{`+slot(open)+`}}`)
	h.later(india, "easyship20220323.getScheduledPackage", base+"package?marketplaceId="+india.Marketplaces[0].ID+"&amazonOrderId="+scheduled.ID, "")
	h.later(india, "easyship20220323.updateScheduledPackages", base+"package",
		`{`+in(india)+`,"updatePackageDetailsList":[{"scheduledPackageId":{"amazonOrderId":"`+scheduled.ID+`"},`+slot(scheduled)+`}]}`)
	h.later(poland, "easyship20220323.createScheduledPackageBulk", base+"packages/bulk",
		`{`+in(poland)+`,"labelFormat":"ZPL","orderScheduleDetailsList":[{"amazonOrderId":"`+
			orders[0].ID+`"},{"amazonOrderId":"111-1111111-1111111"}]}`)
}

// external asks about ten shipments, each of a seller of its own and as far as the operation wants it, a return and some stock.
func (h *handoverMaker) external() {
	h.t.Helper()
	const api, base = "externalfulfillmentshipments20240911.", "/externalFulfillment/2024-09-11/shipments/"
	type shipment struct {
		ID, LocationID string
		LineItems      []struct {
			ShipmentLineItemID, MerchantSKU string
			NumberOfUnits                   int
		}
	}
	var a *desk.Seller
	var s shipment
	pack := func() string {
		var lines []string
		for _, l := range s.LineItems {
			lines = append(lines, `{"packageLineItemId":"`+l.ShipmentLineItemID+`","quantity":`+strconv.Itoa(l.NumberOfUnits)+`}`)
		}
		side := `{"value":"10","dimensionUnit":"CM"}`
		return `{"id":"1","dimensions":{"length":` + side + `,"width":` + side + `,"height":` + side +
			`},"weight":{"value":"200","weightUnit":"G"},"packageLineItems":[` + strings.Join(lines, ",") + `]}`
	}
	steps := []struct{ operation, target, body string }{
		{"processShipment", "?operation=CONFIRM", `{"lineItems":[]}`}, {"createPackages", "/packages", "{}"}, {"updatePackage", "/packages/1", "{}"},
		{"retrieveShippingOptions", "/shippingOptions?packageId=1", ""}, {"generateInvoice", "/invoice", ""}, {"retrieveInvoice", "/invoice", ""},
		{"generateShipLabels", "/shipLabels?operation=GENERATE", ""}, {"updatePackageStatus", "/packages/1", `{"status":"SHIPPED"}`}, {"getShipment", "", ""},
	}
	for i := range steps {
		a, _ = h.seller(marketplace.US, func(o *world.Order) bool { return h.e.Now().Sub(o.Payable) > time.Hour })
		var list struct{ Shipments []shipment }
		h.now(a, api+"getShipments", base[:len(base)-1]+"?status=ACCEPTED", "", &list)
		s = list.Shipments[len(list.Shipments)-1]
		for k, step := range steps[:i+1] {
			switch step.operation {
			case "createPackages":
				step.body = `{"packages":[` + pack() + `]}`
			case "updatePackage":
				step.body = pack()
			}
			if k < i {
				h.now(a, api+step.operation, base+s.ID+step.target, step.body, nil)
			} else {
				h.later(a, api+step.operation, base+s.ID+step.target, step.body)
			}
		}
	}
	for _, status := range []string{"CREATED", "ACCEPTED", "SHIPPED", "DELIVERED", "CANCELLED"} {
		h.later(a, api+"getShipments", base[:len(base)-1]+"?maxResults=100&status="+status, "")
	}
	var list struct{ Returns []struct{ ID string } }
	b := a
	for len(list.Returns) == 0 {
		b, _ = h.seller(marketplace.US)
		h.now(b, "externalfulfillmentreturns20240911.listReturns", "/externalFulfillment/2024-09-11/returns", "", &list)
	}
	h.later(b, "externalfulfillmentreturns20240911.listReturns", "/externalFulfillment/2024-09-11/returns?maxResults=100", "")
	h.later(b, "externalfulfillmentreturns20240911.getReturn", "/externalFulfillment/2024-09-11/returns/"+list.Returns[0].ID, "")
	row := func(kind, sku, body string) string {
		return `{"method":"POST","uri":"/inventory/` + kind + `?locationId=` + s.LocationID + `&skuId=` + url.QueryEscape(sku) + `","body":` + body + `}`
	}
	h.later(a, "externalfulfillmentinventory20240911.batchInventory", "/externalFulfillment/inventory/2024-09-11/inventories",
		`{"requests":[`+row("update", s.LineItems[0].MerchantSKU, `{"quantity":5,"clientSequenceNumber":1}`)+","+row("fetch", "NONE", "{}")+`]}`)
}

// tracking asks for an order of each state, and in the sandbox's way for nothing else.
func (h *handoverMaker) tracking() {
	h.t.Helper()
	now, seen := h.e.Now(), map[string]bool{}
	a := h.e.desk.Seller(0)
	for o := range a.World().All(now.AddDate(0, 0, -30), now) {
		if status := o.Status(now); o.Amazon && status != world.Pending && !seen[status] {
			seen[status] = true
			h.later(a, "tracking20260130.getShipmentTracking", "/tracking/2026-01-30/shipments/track?aftn=AFTN"+strings.ReplaceAll(o.ID, "-", ""), "")
		}
		for _, p := range o.ParcelsAt(now) {
			h.later(a, "tracking20260130.getShipmentTracking", "/tracking/2026-01-30/shipments/track?carrierTracking.trackingNumber="+url.QueryEscape(p.Tracking), "")
		}
	}
}

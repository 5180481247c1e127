package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

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
	india, orders := h.seller(marketplace.IN, func(o *world.Order) bool { return o.EasyShipAt(now) != nil }, func(o *world.Order) bool { return o.EasyShipAt(now) == nil })
	scheduled, open := orders[0], orders[1]
	poland, orders := h.seller(marketplace.PL, func(*world.Order) bool { return true })
	wish := func(o *world.Order) string {
		return `{` + in(india) + `,"amazonOrderId":"` + o.ID + `","packageDimensions":{"length":10,"width":10,"height":10,"unit":"cm"},"packageWeight":{"value":20,"unit":"g"}}`
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
	h.later(poland, "easyship20220323.createScheduledPackageBulk", base+"packages/bulk", `{`+in(poland)+`,"labelFormat":"ZPL","orderScheduleDetailsList":[{"amazonOrderId":"`+
		orders[0].ID+`"},{"amazonOrderId":"111-1111111-1111111"}]}`)
}

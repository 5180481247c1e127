package tracking

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/agenda"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// News are the notifications SHIPMENT_TRACKING_MILESTONE_CHANGED: one for each identifier by which a shipment is known. Which shipment it is that somebody
// wants to hear of is the subscription's.
var News = agenda.News{Type: "SHIPMENT_TRACKING_MILESTONE_CHANGED", About: aboutShipment,
	Moments: func(a *desk.Seller, o *world.Order, add func(at time.Time, what string)) {
		for _, t := range tracks(a.Desk, o, always) {
			for _, m := range t.milestones {
				if !m.at.Before(t.known) {
					add(m.at, t.value+" "+m.code)
				}
			}
		}
	},
	Tell: func(a *desk.Seller, o *world.Order, h world.Happening, _ time.Time) (desk.News, bool) {
		value := h.What[:strings.LastIndexByte(h.What, ' ')]
		for _, t := range tracks(a.Desk, o, h.At.Add(time.Second-1)) { // milestones needn't be whole seconds
			if t.value == value && len(t.milestones) > 0 {
				return t.news(h.At), true
			}
		}
		return desk.News{}, false
	}}.Flow()

// always is later than all that happens.
var always = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// track is a shipment as one identifier shows it.
type track struct {
	*shipment
	identifier object
	value      string
	known      time.Time // since when the identifier leads to it
}

func (t *track) news(at time.Time) desk.News {
	return desk.News{Type: "SHIPMENT_TRACKING_MILESTONE_CHANGED", At: at, Payload: object{"shipmentTrackingMilestoneChangedNotification": object{
		"trackingDetail": t.detail(t.identifier, t.value),
	}}}
}

// tracks are the shipments of an order by a time.
func tracks(d *desk.Desk, o *world.Order, now time.Time) (list []track) {
	if o.Amazon && (!o.Payable.IsZero() || !o.Cancelled.IsZero()) {
		aftn := "AFTN" + strings.ReplaceAll(o.ID, "-", "")
		list = append(list, track{ofOrder(d, o, now), object{"aftn": aftn}, aftn, time.Time{}})
	}
	for _, p := range o.ParcelsAt(now) {
		if slices.ContainsFunc(list, func(t track) bool { return t.value == p.Tracking }) {
			continue // of several with one number the first is shown
		}
		list = append(list, track{follow(d, o, p.At, now), object{"carrierTracking": object{"trackingNumber": p.Tracking, "carrierCode": p.Carrier}}, p.Tracking, p.At})
	}
	return list
}

func aboutShipment(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	w := a.World()
	id, wanted := about["order"], about["shipment"]
	if digits, found := strings.CutPrefix(wanted, "AFTN"); found && len(digits) == 17 {
		id = digits[:3] + "-" + digits[3:10] + "-" + digits[10:]
	} else if o := w.OrderByTracking(wanted, now); o != nil {
		id = o.ID
	} else if wanted != "" {
		id = wanted // which is none
	}
	var found *track
	agenda.Newest(w, id, now, func(o *world.Order) bool {
		for _, t := range tracks(a.Desk, o, now) {
			if len(t.milestones) > 0 && o.Status(now) != world.Pending && (wanted == "" || t.value == wanted) {
				found = &t
				return true
			}
		}
		return false
	})
	if found == nil {
		return desk.News{}, fmt.Errorf("order or shipment: no shipment of %q is known: want the id of an order that is on its way, a tracking number or an AFTN", id)
	}
	return found.news(found.milestones[len(found.milestones)-1].at), nil
}

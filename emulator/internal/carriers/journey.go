package carriers

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// Journey is the way of a parcel, written down beforehand: how far it is follows from the time at which one looks. Its words are those of Shipping v2; in
// which order they come is assumed.
type Journey struct {
	Bought    time.Time
	Cancelled time.Time // before the carrier had it; zero for most
	Scanned   time.Time // the carrier has it
	Planned   time.Time // when it was to end
	Ends      time.Time // when it ends, at the door or elsewhere
	End       string    // event code of that
	Missed    bool      // the first attempt to deliver finds nobody
	Returning time.Time // the seller wants it back; zero for most
	Again     time.Time // another attempt is made, as the seller told; zero for most
}

// Event is something that happened to a parcel.
type Event struct {
	Code   string
	Status string // that the parcel has from then on
	Detail string // detail code; "" for none
	At     time.Time
	There  bool // where the parcel goes; at where it comes from otherwise
}

// NewJourney writes down a way that ends at the time given. The carrier has the parcel after a quarter of it, and takes it to the door after three: so orders
// show it, too. An end other than Delivered is for parcels that no order waits for.
func NewJourney(r random.Source, bought, ends time.Time, free bool) Journey {
	j := Journey{Bought: bought, Scanned: bought.Add(ends.Sub(bought) / 4).Truncate(time.Second), Planned: ends, Ends: ends, End: "Delivered",
		Missed: r.Chance(6)}
	if free {
		switch r.IntN(60) {
		case 0:
			j.End, j.Missed = "Lost", false
		case 1:
			j.End = "Rejected"
		case 2:
			j.End = "Undeliverable"
		case 3:
			j.End = "AvailableForPickup"
		}
	}
	return j
}

// Attempt is when the first attempt to deliver fails; zero when it doesn't.
func (j *Journey) Attempt() time.Time {
	if !j.Missed {
		return time.Time{}
	}
	return j.part(4, 5)
}

func (j *Journey) part(n, of int) time.Time {
	return j.Scanned.Add(j.Planned.Sub(j.Scanned) * time.Duration(n) / time.Duration(of)).Truncate(time.Second)
}

// statuses are what a parcel has after an event.
var statuses = map[string]string{
	"ReadyForReceive": "PreTransit", "PickupDone": "InTransit", "Departed": "InTransit", "ArrivedAtCarrierFacility": "InTransit",
	"OutForDelivery": "OutForDelivery", "DeliveryAttempted": "DeliveryAttempted", "Delivered": "Delivered", "Rejected": "Rejected",
	"Undeliverable":      "Undeliverable",
	"AvailableForPickup": "AwaitingCustomerPickup", "Lost": "Lost", "PickupCancelled": "PickupCancelled", "ReturnInitiated": "Undeliverable",
	"RecipientRequestedAlternateDeliveryTiming": "InTransit",
}

var details = map[string]string{"Delivered": "DeliveredToPorch", "DeliveryAttempted": "CustomerUnavailable", "Rejected": "Rejected",
	"Undeliverable": "AddressNotFound"}

// Events are what has happened until t, the first one first.
func (j *Journey) Events(t time.Time) []Event {
	var list []Event
	add := func(code string, at time.Time, there bool) {
		if !at.After(t) {
			list = append(list, Event{code, statuses[code], details[code], at, there})
		}
	}
	add("ReadyForReceive", j.Bought, false)
	if !j.Cancelled.IsZero() {
		add("PickupCancelled", j.Cancelled, false)
		return list
	}
	add("PickupDone", j.Scanned, false)
	add("Departed", j.part(1, 5), false)
	if j.End == "Lost" {
		add("Lost", j.Ends, false)
		return list
	}
	add("ArrivedAtCarrierFacility", j.part(3, 5), true)
	add("OutForDelivery", j.Bought.Add(j.Planned.Sub(j.Bought)*3/4).Truncate(time.Second), true)
	if j.Missed {
		add("DeliveryAttempted", j.Attempt(), true)
		if !j.Returning.IsZero() {
			add("ReturnInitiated", j.Returning, true)
			return list
		}
		if !j.Again.IsZero() {
			add("RecipientRequestedAlternateDeliveryTiming", j.Again, true)
		}
		add("OutForDelivery", j.Ends.Add(-min(4*time.Hour, j.Ends.Sub(j.Scanned)/10)).Truncate(time.Second), true)
	}
	add(j.End, j.Ends, true)
	return list
}

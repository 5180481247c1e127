package carriers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

func service(t *testing.T, country, id string) *Service {
	t.Helper()
	for _, s := range Services(country) {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no %s in %s", id, country)
	return nil
}

var (
	seattle = Place{Country: "US", PostalCode: "98101", Line1: "1 Main St"}
	maine   = Place{Country: "US", PostalCode: "04101", Line1: "2 Main St"}
)

// TestRates: the farther, heavier, larger, the dearer; and each service's own price.
func TestRates(t *testing.T) {
	ground, air := service(t, "US", "UPS_PTP_GND"), service(t, "US", "UPS_PTP_NEXT_DAY_AIR")
	small := Parcel{Grams: 400, Sides: [3]float64{100, 100, 50}, From: seattle, To: seattle}
	far, heavy, bulky := small, small, small
	far.To, heavy.Grams, bulky.Sides = maine, 5000, [3]float64{500, 400, 300}
	if got := ground.Cents(&small); got != 790+55+5 { // half a kilogram, 50 km
		t.Errorf("%d cents", got)
	}
	for name, p := range map[string]*Parcel{"far": &far, "heavy": &heavy, "bulky": &bulky} {
		if ground.Cents(p) <= ground.Cents(&small) || air.Cents(p) <= ground.Cents(p) {
			t.Errorf("%s: ground %d, air %d, small %d", name, ground.Cents(p), air.Cents(p), ground.Cents(&small))
		}
	}
	if km := Kilometers(seattle, maine); km < 3500 || km > 4500 {
		t.Errorf("Seattle is %f km from Maine", km)
	}
	if got := bulky.Billed(); got != 12000 {
		t.Errorf("billed by %f g", got)
	}
	handed := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	if from, to := ground.Window(&far, handed); from.Day() != 4 || to.Day() != 7 || !from.Before(to) {
		t.Errorf("from %s to %s", from, to)
	}
}

func TestRefusals(t *testing.T) {
	ground := service(t, "US", "UPS_PTP_GND")
	good := Parcel{Grams: 400, Sides: [3]float64{100, 100, 50}, From: seattle, To: maine}
	if got := ground.Refuses(&good); got != "" {
		t.Errorf("refused: %s", got)
	}
	for want, change := range map[Reason]func(p *Parcel){
		NoCoverage: func(p *Parcel) { p.To.Country = "CA" },
		TooHeavy:   func(p *Parcel) { p.Grams = 68001 },
		TooLarge:   func(p *Parcel) { p.Sides = [3]float64{10, 2744, 10} },
		NoPOBox:    func(p *Parcel) { p.To.Line1 = "P.O. Box 12" },
	} {
		p := good
		change(&p)
		if got := ground.Refuses(&p); got != want {
			t.Errorf("%q, want %s", got, want)
		}
	}
	box := good
	box.To.Line1 = "PO Box 12"
	if got := service(t, "US", "USPS_PTP_PRI").Refuses(&box); got != "" {
		t.Errorf("the post doesn't go to its boxes: %s", got)
	}
	if got := service(t, "US", "ONTRAC_MFN_GROUND").Refuses(&good); got != NoTerms {
		t.Errorf("%q", got)
	}
}

// TestJourneys: each way begins with the carrier being told, goes forward, and ends as it is to; what has happened stays as it was when the seller steps in.
func TestJourneys(t *testing.T) {
	bought := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	ends := map[string]int{}
	for i := range 400 {
		j := NewJourney(random.New(1, "journey", i), bought, bought.Add(60*time.Hour), true)
		all := j.Events(bought.AddDate(1, 0, 0))
		if all[0].Code != "ReadyForReceive" || all[len(all)-1].Code != j.End || !all[len(all)-1].At.Equal(j.Ends) {
			t.Fatalf("%v", all)
		}
		if !slices.IsSortedFunc(all, func(a, b Event) int { return a.At.Compare(b.At) }) {
			t.Errorf("not in order: %v", all)
		}
		for _, e := range all {
			if e.Status == "" {
				t.Errorf("%s has no status", e.Code)
			}
		}
		ends[j.End]++
		if !j.Missed || j.End != "Delivered" {
			continue
		}
		ends["missed"]++
		at := j.Attempt()
		before := j.Events(at)
		later := j
		later.Again, later.Ends = at.Add(time.Hour), at.Add(50*time.Hour)
		if !slices.Equal(later.Events(at), before) {
			t.Errorf("another past: %v, was %v", later.Events(at), before)
		}
		if all := later.Events(bought.AddDate(1, 0, 0)); !slices.IsSortedFunc(all, func(a, b Event) int { return a.At.Compare(b.At) }) ||
			!all[len(all)-1].At.Equal(later.Ends) {
			t.Errorf("%v", all)
		}
		later.Returning = at.Add(time.Hour)
		if all := later.Events(bought.AddDate(1, 0, 0)); all[len(all)-1].Code != "ReturnInitiated" {
			t.Errorf("%v", all)
		}
	}
	for _, end := range []string{"Delivered", "Lost", "Rejected", "Undeliverable", "AvailableForPickup", "missed"} {
		if ends[end] == 0 {
			t.Errorf("none ends %s: %v", end, ends)
		}
	}
	j := NewJourney(random.New(1), bought, bought.Add(60*time.Hour), false)
	j.Cancelled = bought.Add(time.Hour)
	if all := j.Events(bought.AddDate(1, 0, 0)); len(all) != 2 || all[1].Status != "PickupCancelled" {
		t.Errorf("%v", all)
	}
}

func TestTrackingNumbers(t *testing.T) {
	for id, want := range map[string]string{"UPS": "1Z", "USPS": "94001", "AMZN_US": "TBA", "FEDEX": ""} {
		a, b := TrackingNumber(random.New(1, id), id), TrackingNumber(random.New(2, id), id)
		if !strings.HasPrefix(a, want) || a == b || len(a) < 12 {
			t.Errorf("%s: %s and %s", id, a, b)
		}
	}
}

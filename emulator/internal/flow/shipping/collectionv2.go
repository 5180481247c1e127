package shipping

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/labels"
)

// form is a collection form, the list of the parcels that a carrier fetches.
type form struct {
	ID        string    `json:"id"`
	CarrierID string    `json:"carrier_id"`
	Carrier   string    `json:"carrier"`
	From      address   `json:"from"`
	Made      time.Time `json:"made"`
	Parcels   []string  `json:"parcels"` // tracking numbers
}

// waits tells whether a shipment is on no collection form, of an address if one is given.
func (s *shipment) waits(carrierID string, from *address) bool {
	return s.Form == "" && s.Cancelled.IsZero() && s.service().CarrierID == carrierID && (from == nil || *s.Request.ShipFrom == *from)
}

// document is the form as a file, which is always a PDF (model).
func (m *form) document() object {
	lines := append(slices.Clone(m.From.lines()), m.Made.Format(time.RFC1123), strconv.Itoa(len(m.Parcels))+" parcels")
	b, err := labels.Document(m.Carrier+" collection form", append(lines, m.Parcels...), labels.PDF, labels.Size{Width: 8.5, Length: 11}, 0)
	if err != nil {
		panic("emulator: a collection form can't be drawn: " + err.Error()) // the size is ours
	}
	return object{"collectionsFormDocument": object{"base64EncodedContent": base64.StdEncoding.EncodeToString(b), "documentFormat": "PDF"}}
}

// generateForm lists what a carrier is to fetch: all that is on no form yet, of one address or of the first one's that waits.
func generateForm(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		CarrierID       string
		ShipFromAddress *address
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	f := open(c)
	defer f.mu.Unlock()
	id, note, err := f.once(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if id == "" {
		i := slices.IndexFunc(f.shipments, func(s *shipment) bool { return s.waits(body.CarrierID, body.ShipFromAddress) })
		if i < 0 {
			return answer.Reply{}, invalid("carrierId: no shipment waits for " + body.CarrierID + " there")
		}
		first := f.shipments[i]
		made := &form{ID: c.Desk.Seed.Of("collection form", c.Seller.Number, len(f.forms)).UUID(), CarrierID: body.CarrierID, Carrier: first.service().Carrier,
			From: *first.Request.ShipFrom, Made: c.Now.UTC().Truncate(time.Second)}
		for _, s := range f.shipments {
			if s.waits(made.CarrierID, &made.From) {
				s.Form = made.ID
				for _, p := range s.Packages {
					made.Parcels = append(made.Parcels, p.Tracking)
				}
			}
		}
		f.forms = append(f.forms, made)
		id = made.ID
		note(id)
	}
	return answer.OK(f.form(id).document()), nil
}

// form finds a form; nil when there is none. The caller holds the office's lock.
func (f *office) form(id string) *form {
	if i := slices.IndexFunc(f.forms, func(m *form) bool { return m.ID == id }); i >= 0 {
		return f.forms[i]
	}
	return nil
}

func getForm(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	m := f.form(c.Path["collectionFormId"])
	if m == nil {
		return answer.Reply{}, unknown("Collection form", "collectionFormId", c.Path["collectionFormId"])
	}
	return answer.OK(m.document()), nil
}

// formHistory lists forms, the newest first.
func formHistory(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		MaxResults      *int
		CarrierID       string
		ShipFromAddress *address
		DateRange       struct{ StartDate, EndDate string }
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	from, hasFrom := format.ParseTime(body.DateRange.StartDate)
	to, hasTo := format.ParseTime(body.DateRange.EndDate)
	f := open(c)
	defer f.mu.Unlock()
	list := []object{}
	for _, m := range slices.Backward(f.forms) {
		switch {
		case body.MaxResults != nil && len(list) >= *body.MaxResults, body.CarrierID != "" && m.CarrierID != body.CarrierID,
			body.ShipFromAddress != nil && m.From != *body.ShipFromAddress, hasFrom && m.Made.Before(from), hasTo && m.Made.After(to):
			continue
		}
		list = append(list, object{"carrierName": m.Carrier, "creationDate": format.Timestamp(m.Made), "generationStatus": "Completed",
			"collectionFormId": m.ID, "shipFromAddress": m.From})
	}
	return answer.OK(object{"collectionFormsHistoryRecordList": list, "lastRefreshedDate": format.Timestamp(c.Now)}), nil
}

// unmanifested lists carriers and addresses with shipments that are on no form.
func unmanifested(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	list := []object{}
	var seen []string
	for _, s := range f.shipments {
		service := s.service()
		if slices.Contains(seen, service.CarrierID) || !s.waits(service.CarrierID, nil) {
			continue
		}
		seen = append(seen, service.CarrierID)
		places := []object{}
		var from []address
		for _, other := range f.shipments {
			if a := *other.Request.ShipFrom; other.waits(service.CarrierID, nil) && !slices.Contains(from, a) {
				from = append(from, a)
				place := object{"address": a}
				for _, m := range f.forms {
					if m.CarrierID == service.CarrierID && m.From == a {
						place["lastManifestDate"] = format.Timestamp(m.Made)
					}
				}
				places = append(places, place)
			}
		}
		list = append(list, object{"carrierId": service.CarrierID, "carrierName": service.Carrier, "unmanifestedShipmentLocationList": places})
	}
	return answer.OK(object{"unmanifestedCarrierInformationList": list}), nil
}

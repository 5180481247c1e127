package externalfulfillment

import (
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/handover"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// generateInvoice makes the invoice, once; after that it is the same as retrieveInvoice.
func generateInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	err := change(c, func(s *shipment) *answer.Error {
		if !s.r.Invoiced.IsZero() {
			return nil
		}
		if s.status() != "PICKUP_SLOT_RETRIEVED" {
			return wrongState(s, "PICKUP_SLOT_RETRIEVED")
		}
		s.r.Invoiced = c.Now.UTC().Truncate(time.Second)
		for i := range s.r.Packages {
			s.r.Packages[i].Stage = max(s.r.Packages[i].Stage, invoiced)
		}
		return nil
	})
	if err != nil {
		return answer.Reply{}, err
	}
	return retrieveInvoice(c)
}

func retrieveInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	s, err := find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if s.r.Invoiced.IsZero() { // developer-docs.amazon.com/sp-api/docs, table of errors: SC_00003
		return answer.Reply{}, answer.Absent("NotFound", "Requested artifact of type 'INVOICE' not found")
	}
	return answer.OK(object{"document": s.invoice(c)}), nil
}

// invoice is a page with both parties, the items and the total. The model's cases have PDF for the format, too.
func (s *shipment) invoice(c *desk.Call) object {
	number := s.invoiceID(locationOf(c, s.o.Marketplace))
	var lines []string
	for i := range s.o.Items {
		it := &s.o.Items[i]
		lines = append(lines, strconv.Itoa(it.Quantity)+" x "+it.SKU+"  "+world.Money{Units: s.o.ItemTotal(i), Currency: it.Price.Currency}.String())
	}
	if len(lines) > 3 {
		lines = append(lines[:2], strconv.Itoa(len(lines)-2)+" more items")
	}
	total := s.o.Total()
	lines = append(lines, "Total "+total.Currency+" "+total.String())
	content := jobs.Label(c.Seller, s.o, "Invoice "+number, format.Timestamp(s.r.Invoiced), number, lines...)
	return object{"format": "PDF", "content": base64.StdEncoding.EncodeToString(render(content, labels.PDF))}
}

// render makes a document whose content is ours, so that it can be drawn.
func render(c labels.Content, f labels.Format) []byte {
	b, err := labels.Render(c, f, labels.FourBySix, 203)
	if err != nil {
		panic("emulator: document of order " + c.OrderID + ": " + err.Error())
	}
	return b
}

// generateShipLabels makes labels for the packages that are named, or for all. What can't be done for one is told of that one, unless it is so for all.
func generateShipLabels(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	var ids []string
	refused := map[string]*answer.Error{}
	err := change(c, func(s *shipment) *answer.Error {
		if ids = texts(body["packageIds"]); len(ids) == 0 {
			for i := range s.r.Packages {
				ids = append(ids, s.r.Packages[i].ID)
			}
		}
		if len(ids) == 0 {
			return wrongState(s, "INVOICE_GENERATED")
		}
		made := false
		for _, id := range ids {
			p, err := s.box(id)
			if err == nil {
				labelled := *p
				if err = s.label(c, &labelled, body); err == nil {
					*p, made = labelled, true
				}
			}
			if err != nil {
				refused[id] = err
			}
		}
		if !made {
			return refused[ids[0]]
		}
		return nil
	})
	if err != nil {
		return answer.Reply{}, err
	}
	s, err := find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if s.o.EasyShip != nil {
		handover.Follow(c, s.o.ID)
	}
	list := []object{}
	for _, id := range ids {
		if err := refused[id]; err != nil {
			list = append(list, object{"packageId": id, "status": "FAILURE", "errorDetails": c.FirstError(err)})
		} else if p, err := s.box(id); err == nil {
			list = append(list, s.labelObject(c, p))
		}
	}
	return answer.OK(object{"packageShipLabelList": list}), nil
}

// label gives a package its carrier and its tracking number. The invoice comes before, but for Easy Ship.
func (s *shipment) label(c *desk.Call, p *pack, body map[string]any) *answer.Error {
	easy := shippingType(s.o.Marketplace) == byMarketplace
	least := invoiced
	if easy {
		least = optionsRetrieved
	}
	state := s.status()
	again := c.Query.Get("operation") == "REGENERATE"
	switch {
	case state == "SHIPPED" || state == "DELIVERED" || state == "CANCELLED" || p.Stage >= shipped:
		return wrongState(s, "not yet shipped")
	case again && p.Stage == labelled:
		return nil // the label as it was
	case again:
		return wrongState(s, "SHIPLABEL_GENERATED")
	case p.Stage == labelled:
		return repeated("packageId", p.ID)
	case p.Stage < least:
		return wrongState(s, packageStates[least])
	}
	options := s.options(c, p)
	p.Option = c.Query.Get("shippingOptionId")
	if p.Option == "" && len(options) > 0 {
		p.Option, _ = options[0]["shippingOptionId"].(string) // the recommended one
	}
	if easy {
		if err := s.easyShip(c, p); err != nil {
			return err
		}
		p.Stage = labelled
		return nil
	}
	attributes, given := body["courierSupportedAttributes"].(map[string]any)
	switch {
	case p.Option == "CARRIER_"+p.ID:
		if p.Carrier, p.Tracking = format.Member(attributes, "carrierName"), format.Member(attributes, "trackingId"); p.Carrier == "" || p.Tracking == "" {
			return answer.MissingMember("courierSupportedAttributes", "required for a third party's carrier")
		}
	case p.Option != "SELF_"+p.ID:
		return answer.InvalidParameter("shippingOptionId", "is none of the package's shipping options")
	case given: // the model's note
		return answer.InvalidParameter("courierSupportedAttributes", "are for a third party's carrier only")
	default:
		p.Carrier, p.Tracking = "Self-Ship", handover.TrackingID(c, s.o.ID, p.ID)
	}
	if _, err := labels.Render(labels.Content{Tracking: p.Tracking, OrderID: s.o.ID}, labels.PDF, labels.FourBySix, 203); err != nil {
		return answer.InvalidParameter("courierSupportedAttributes.trackingId", err.Error())
	}
	p.Stage = labelled
	return nil
}

// easyShip schedules the order's package for the slot that the option is. One that Easy Ship's own API has scheduled for it stays as it is.
func (s *shipment) easyShip(c *desk.Call, p *pack) *answer.Error {
	has := s.o.EasyShipAt(c.Now)
	if has != nil && (p.Option == has.Slot.ID || c.Query.Get("shippingOptionId") == "") {
		p.Option, p.Carrier, p.Tracking = has.Slot.ID, "ATS", has.Tracking
		return nil
	}
	slot, err := handover.ReadSlot(c, s.o, p.Option)
	switch {
	case errors.Is(err, handover.ErrSlotInvalid):
		return answer.InvalidParameter("shippingOptionId", "is none of the package's shipping options")
	case err != nil:
		return answer.InvalidParameter("shippingOptionId", err.Error())
	}
	made := s.o.NewEasyShip()
	if has != nil {
		made = *has
	}
	handover.Take(c, s.o, made, slot)
	p.Carrier, p.Tracking = "ATS", made.Tracking
	return nil
}

func (s *shipment) labelObject(c *desk.Call, p *pack) object {
	metadata := object{"carrierName": p.Carrier, "trackingId": p.Tracking}
	if p.Option != "" {
		metadata["shippingOptionId"] = p.Option
	}
	service := "Self-Ship"
	if e := s.o.EasyShipAt(c.Now); e != nil {
		service = "Easy Ship"
		window := object{"startTime": e.Slot.Start.Unix(), "endTime": e.Slot.End.Unix(), "handoverMethod": "PICKUP"}
		if metadata["timeSlot"] = window; e.Slot.DropOff {
			window["handoverMethod"], metadata["handoverLocation"] = "DROPOFF", s.dropOff()
		} else {
			metadata["pickupWindow"] = object{"startTime": e.Slot.Start.Unix(), "endTime": e.Slot.End.Unix()}
		}
	}
	label := render(jobs.Label(c.Seller, s.o, p.Carrier, service, p.Tracking, "Package "+p.ID), labels.PDF)
	return object{"packageId": p.ID, "status": "SUCCESS", "shipLabelMetadata": metadata, "fileData": object{"url": handover.Publish(c,
		labels.PDF.ContentType(), label)}}
}

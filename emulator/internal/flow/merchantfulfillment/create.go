package merchantfulfillment

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// createShipment buys a label for items of an order, which it ships, or for a parcel whose label has been given back.
func createShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		ShippingServiceID, ShippingServiceOfferID string
		LabelFormatOption                         struct{ IncludePackingSlipWithLabel any }
		ShipmentLevelSellerInputsList             []sellerInput
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, refuse(c, "request", err.Error())
	}
	q, err := read(c)
	if err != nil {
		return answer.Reply{}, err
	}
	s := serviceOf(q.order, body.ShippingServiceID)
	if s == nil {
		return answer.Reply{}, refuse(c, "service", "ShippingServiceId: no service "+body.ShippingServiceID+" in "+q.order.Marketplace.CountryCode)
	}
	slip := body.LabelFormatOption.IncludePackingSlipWithLabel
	switch {
	case body.ShippingServiceOfferID != "" && !offered(c, q, s, body.ShippingServiceOfferID):
		return answer.Reply{}, refuse(c, "offer", "ShippingServiceOfferId: is no offer of the last minutes for this request")
	case s.TermsUnaccepted:
		return answer.Reply{}, refuse(c, "terms", "ShippingServiceId: the seller has not accepted the terms of "+s.Carrier)
	case q.ineligible(s):
		return answer.Reply{}, refuse(c, "gone", "ShippingServiceId: "+s.ID+" does not ship this")
	case q.late(s):
		return answer.Reply{}, refuse(c, "restrictive", "MustArriveByDate: "+s.ID+" may come later")
	case slip == true || slip == "true":
		return answer.Reply{}, refuse(c, "format", "LabelFormatOption: no labels with packing slips")
	case s.Questions && !(answered(body.ShipmentLevelSellerInputsList, pickupNotes) && q.itemsAnswered()):
		return answer.Reply{}, refuse(c, "request", "ShipmentLevelSellerInputsList: getAdditionalSellerInputs tells what is missing")
	}
	labelFormat := q.ShippingServiceOptions.LabelFormat
	if labelFormat == "" || labelFormat == "ShippingServiceDefault" {
		labelFormat = labelFormats[0]
	}
	if text := q.LabelCustomization.CustomTextForLabel; !slices.Contains(labelFormats, labelFormat) || text != "" &&
		(labelFormat != "ZPL203" || s.NoCustomText) {
		return answer.Reply{}, refuse(c, "format", "LabelFormat "+labelFormat+": want PNG, PDF or ZPL203; with CustomTextForLabel ZPL203, and not FedEx")
	}
	b := books.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	r := c.Desk.Seed.Of("merchantfulfillment", c.Seller.Number, len(b.all))
	raw, _ := json.Marshal(q.raw) // what was JSON is JSON again
	bought := &shipment{ID: r.UUID(), OrderID: q.order.ID, Details: raw, Items: q.quantities, ServiceID: s.ID, OfferID: body.ShippingServiceOfferID,
		Format:   labelFormat,
		Tracking: carriers.TrackingNumber(r, s.CarrierID), Cost: q.cost(s)}
	if bought.OfferID == "" {
		bought.OfferID = offerID(c, q, s, c.Now)
	}
	if err := b.ship(c, s, bought); err != nil {
		return answer.Reply{}, err
	}
	b.add(bought)
	charge(c.Seller.World(), bought, "PostageBilling", bought.Way.Bought, -bought.Cost.Units)
	return answer.Payload(bought.object(c)), nil
}

func (q *wanted) itemsAnswered() bool {
	for _, entry := range q.ItemList {
		if !answered(entry.ItemLevelSellerInputsList, goods) {
			return false
		}
	}
	return true
}

// ship ships the order by the label. What has been shipped with a label that was given back gets the new one; the order stays as it is otherwise.
func (b *book) ship(c *desk.Call, s *carriers.Service, bought *shipment) *answer.Error {
	now := c.Now.UTC().Truncate(time.Second)
	var former *shipment
	err := c.ChangeOrder(bought.OrderID, func(o *world.Order) *answer.Error {
		open := true
		for i, n := range bought.Items {
			open = open && n <= o.Items[i].Quantity-o.ShippedOf(i, now)
		}
		if open {
			p := world.Parcel{Ref: o.NextPackage(now), Carrier: s.Carrier, Service: s.Name, Tracking: bought.Tracking, Quantities: slices.Clone(bought.Items)}
			bought.Package = p.Ref
			if err := o.Ship(p, now); err != nil {
				return refuse(c, "request", "AmazonOrderId: "+err.Error())
			}
			bought.Way = carriers.NewJourney(c.Desk.Seed.Of("journey", bought.ID), now, now.Add(o.Transit), false)
			return nil
		}
		var problem *answer.Error
		if former, problem = b.former(c, bought, now); problem != nil {
			return problem
		}
		// The parcel leaves now, and so does its arrival.
		bought.Package = former.Package
		bought.Way = carriers.NewJourney(c.Desk.Seed.Of("journey", bought.ID), now, now.Add(former.Way.Planned.Sub(former.Way.Bought)), false)
		o.Relabel(former.Package, s.Carrier, s.Name, bought.Tracking, bought.Way.Ends, now)
		return nil
	})
	if err == nil && former != nil {
		former.Replaced = true
	}
	return err
}

// former is the shipment under refund whose items a new label is for. Items that are on their way have a shipment already.
func (b *book) former(c *desk.Call, bought *shipment, now time.Time) (*shipment, *answer.Error) {
	for _, s := range b.byOrder[bought.OrderID] {
		status := s.status(now)
		if !s.Replaced && (status == refundPending || status == refundApplied) && slices.Equal(s.Items, bought.Items) {
			return s, nil
		}
	}
	for _, s := range b.byOrder[bought.OrderID] {
		for i, n := range bought.Items {
			if !s.Replaced && n > 0 && s.Items[i] > 0 {
				e := refuse(c, "exists", "ItemList: shipment "+s.ID+" has them")
				message := strings.ReplaceAll(*e.Message, "{id}", s.ID)
				e.Message = &message
				return nil, e
			}
		}
	}
	return nil, refuse(c, "request", "AmazonOrderId: the items have been shipped without a label of this service")
}

// object is the shipment as answers have it. One that was given back has no label any more (selling-partner-api-models#258).
func (s *shipment) object(c *desk.Call) object {
	o := c.Seller.World().OrderByID(s.OrderID, c.Now)
	q := &wanted{order: o}
	_ = json.Unmarshal(s.Details, &q.raw) // both read what was checked when it was bought
	_ = json.Unmarshal(s.Details, &q.details)
	past := *c
	past.Now = s.Way.Bought
	_ = q.measure(&past)
	service := serviceOf(o, s.ServiceID)
	insurance := q.insurance()
	body := object{
		"ShipmentId": s.ID, "AmazonOrderId": s.OrderID, "ItemList": q.raw["ItemList"], "ShipFromAddress": q.raw["ShipFromAddress"],
		"ShipToAddress": recipient(o), "PackageDimensions": q.raw["PackageDimensions"], "Weight": q.raw["Weight"],
		"Insurance":       object{"CurrencyCode": insurance.Currency, "Amount": insurance.Number()},
		"ShippingService": q.offer(service, s.OfferID), "Label": s.label(q, service, o, c.Now), "Status": s.status(c.Now), "TrackingId": s.Tracking,
		"CreatedDate": format.Timestamp(s.Way.Bought), "LastUpdatedDate": format.Timestamp(s.updated(c.Now)),
	}
	if id, given := q.raw["SellerOrderId"]; given {
		body["SellerOrderId"] = id
	}
	return body
}

func (s *shipment) updated(t time.Time) time.Time {
	switch s.status(t) {
	case purchased:
		return s.Way.Bought
	case refundPending:
		return s.Asked
	}
	return s.Decided
}

// recipient is who gets the order. Names and lines are cut where the model cuts them.
func recipient(o *world.Order) object {
	cut := func(text string, n int) string { r := []rune(text); return string(r[:min(n, len(r))]) }
	to := object{"Name": cut(o.To.Name, 30), "AddressLine1": cut(o.To.Line1, 180), "City": cut(o.To.City, 30), "PostalCode": o.To.PostalCode,
		"CountryCode": o.To.Country, "Email": o.BuyerEmail, "Phone": o.To.Phone}
	if o.To.Line2 != "" {
		to["AddressLine2"] = cut(o.To.Line2, 60)
	}
	if o.To.State != "" {
		to["StateOrProvinceCode"] = cut(o.To.State, 30)
	}
	return to
}

// label is the label with its file: compressed, with the checksum of what is within. That the checksum isn't that of the compressed bytes is assumed.
func (s *shipment) label(q *wanted, service *carriers.Service, o *world.Order, t time.Time) object {
	file := object{"Contents": "", "FileType": "", "Checksum": ""}
	label := object{"Dimensions": object{"Length": 6, "Width": 4, "Unit": "inches"}, "FileContents": file, "LabelFormat": s.Format}
	custom := &q.LabelCustomization
	if custom.CustomTextForLabel != "" {
		label["CustomTextForLabel"] = custom.CustomTextForLabel
	}
	content := labels.Content{Carrier: service.Carrier, Service: service.Name, Tracking: s.Tracking, From: q.ShipFromAddress.lines(),
		To: o.To.Lines()}
	if custom.StandardIDForLabel != "" {
		label["StandardIdForLabel"] = custom.StandardIDForLabel
	}
	content.OrderID = s.OrderID
	content.Notes = []string{custom.CustomTextForLabel}
	if s.status(t) == refundPending || s.status(t) == refundApplied {
		return label
	}
	kind := labels.Format(s.Format)
	if s.Format == "ZPL203" {
		kind = labels.ZPL
	}
	document, err := labels.Render(content, kind, labels.FourBySix, 203)
	if err != nil {
		panic("emulator: a label can't be drawn: " + err.Error()) // format and tracking number are ours
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(document) // into memory
	_ = z.Close()
	sum := md5.Sum(document)
	file["Contents"], file["FileType"] = base64.StdEncoding.EncodeToString(zipped.Bytes()), kind.ContentType()
	file["Checksum"] = base64.StdEncoding.EncodeToString(sum[:])
	return label
}

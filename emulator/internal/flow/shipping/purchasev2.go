package shipping

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/labels"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// document is how the documents of a shipment are wanted.
type document struct {
	Format string
	Size   struct {
		Width, Length json.Number
		Unit          string
	}
	DPI                         json.Number `json:",omitempty"`
	PageLayout                  string      `json:",omitempty"`
	NeedFileJoining             any         `json:",omitempty"`
	RequestedDocumentTypes      []string
	RequestedLabelCustomization struct {
		RequestAttributes []string `json:",omitempty"`
	}
}

// defaultDocument is what directPurchase makes when nothing is said (model).
var defaultDocument = document{Format: "PNG", DPI: "203", RequestedDocumentTypes: []string{"LABEL"}, Size: struct {
	Width, Length json.Number
	Unit          string
}{"4", "6", "INCH"}}

// resolutions are those that a format can be had in; the first is the default.
var resolutions = map[string][]int{"PNG": {203, 300}, "ZPL": {203, 300}, "PDF": {300}}

const (
	pageLayout = "DEFAULT"
	packSlip   = "PACKSLIP"
)

// specifications are the documents that each service makes. Formats and size are reported of the sandbox; the rest is assumed.
func specifications() []object {
	list := []object{}
	for name := range format.SortedKeys(resolutions) {
		list = append(list, object{"format": name, "size": object{"width": 4, "length": 6, "unit": "INCH"}, "printOptions": []object{{
			"supportedDPIs": resolutions[name], "supportedPageLayouts": []string{pageLayout}, "supportedFileJoiningOptions": []bool{false},
			"supportedDocumentDetails": []object{{"name": "LABEL", "isMandatory": true}, {"name": packSlip, "isMandatory": false}}}}})
	}
	return list
}

// notOffered is about documents (selling-partner-api-models#4903).
func notOffered(reason string) *answer.Error {
	return answer.Invalid("Invalid input.", reason).
		Detailed("An invalid documentation specification was provided. Please provide a documentation specification based on the GetRates response.")
}

// check refuses what no rate offers.
func (d *document) check() *answer.Error {
	unit := millimetres[d.Size.Unit] / carriers.Inch
	near := func(n json.Number, inches float64) bool { return math.Abs(format.Float(n)*unit-inches) < 0.01 }
	dpi, whole := format.Whole(d.DPI)
	switch {
	case resolutions[d.Format] == nil || !near(d.Size.Width, 4) || !near(d.Size.Length, 6):
		return notOffered("format, size: want PDF, PNG or ZPL of 4 by 6 inches")
	case d.DPI != "" && (!whole || !slices.Contains(resolutions[d.Format], dpi)):
		return notOffered(fmt.Sprintf("dpi: %s has %v", d.Format, resolutions[d.Format]))
	case d.NeedFileJoining == true || d.NeedFileJoining == "true":
		return notOffered("needFileJoining: files are not joined")
	case d.PageLayout != "" && d.PageLayout != pageLayout:
		return notOffered("pageLayout: want " + pageLayout)
	case !slices.Contains(d.RequestedDocumentTypes, "LABEL"):
		return notOffered("requestedDocumentTypes: want LABEL, and PACKSLIP where it is needed")
	}
	for i, t := range d.RequestedDocumentTypes {
		if t != "LABEL" && t != packSlip || slices.Contains(d.RequestedDocumentTypes[:i], t) {
			return notOffered("requestedDocumentTypes: no " + t + ", or a second one")
		}
	}
	return nil
}

// dpi is the resolution that is wanted.
func (d *document) dpi() int {
	if n, whole := format.Whole(d.DPI); whole {
		return n
	}
	return resolutions[d.Format][0]
}

// purchaseShipment buys a rate.
func purchaseShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		RequestToken, RateID           string
		RequestedDocumentSpecification document
		RequestedValueAddedServices    []struct{ ID string }
		AdditionalInputs               map[string]any
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
		q, s, err := f.quoted(c, body.RequestToken, body.RateID)
		if err != nil {
			return answer.Reply{}, err
		}
		if text, _ := body.AdditionalInputs[pickupNotes].(string); s.Questions && (text == "" || len([]rune(text)) > 100) {
			return answer.Reply{}, invalid("additionalInputs." + pickupNotes + ": want 1 to 100 characters")
		}
		var ids []string
		for _, v := range body.RequestedValueAddedServices {
			ids = append(ids, v.ID)
		}
		bought, err := f.buy(c, q, s, ids, body.RequestedDocumentSpecification)
		if err != nil {
			return answer.Reply{}, err
		}
		id = bought.ID
		note(id)
	}
	s := f.byID[id]
	return answer.Payload(object{"shipmentId": id, "packageDocumentDetails": s.documents(c), "promise": promise(s.shipDate(), s.Earliest, s.Latest),
		"benefits": s.benefits(c)}), nil
}

// oneClick buys the first of the services named that comes into question.
func oneClick(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		LabelSpecifications       document
		ServiceSelection          struct{ ServiceID []string }
		ValueAddedServicesDetails []struct {
			ID     string
			Amount *currency
		}
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	r, err := requested(c)
	if err != nil {
		return answer.Reply{}, err
	}
	var ids []string
	for _, v := range body.ValueAddedServicesDetails {
		ids = append(ids, v.ID)
		if v.ID == "COLLECT_ON_DELIVERY" && v.Amount != nil {
			r.ValueAddedServices.CollectOnDelivery = &struct{ Amount currency }{*v.Amount}
		}
	}
	f := open(c)
	defer f.mu.Unlock()
	q, err := f.read(c, r, c.Now)
	if err != nil {
		return answer.Reply{}, err
	}
	for _, id := range body.ServiceSelection.ServiceID {
		for _, s := range q.services() {
			if s.ID != id || q.refuses(s) != "" || s.Questions {
				continue
			}
			bought, err := f.buy(c, q, s, ids, body.LabelSpecifications)
			if err != nil {
				return answer.Reply{}, err
			}
			return answer.Payload(object{"shipmentId": bought.ID, "packageDocumentDetails": bought.documents(c),
				"promise": promise(q.shipDate, bought.Earliest, bought.Latest),
				"carrier": object{"id": s.CarrierID, "name": s.Carrier}, "service": object{"id": s.ID, "name": s.Name}, "totalCharge": money(bought.Cost)}), nil
		}
	}
	return answer.Reply{}, invalid("serviceSelection.serviceId: none of the services ships this")
}

// directPurchase buys the service that fits best: the cheapest of those that keep what the buyer was promised, or else the cheapest. What is not said of the
// packages follows from the order, and that they leave from an address of the seller's is assumed.
func directPurchase(c *desk.Call) (answer.Reply, *answer.Error) {
	body := struct{ LabelSpecifications *document }{}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	wish := defaultDocument
	if body.LabelSpecifications != nil {
		wish = *body.LabelSpecifications
	}
	r, err := requested(c)
	if err != nil {
		return answer.Reply{}, err
	}
	f := open(c)
	defer f.mu.Unlock()
	id, note, err := f.once(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if id == "" {
		r.fill(c)
		q, err := f.read(c, r, c.Now)
		if err != nil {
			return answer.Reply{}, err
		}
		s := q.best()
		if s == nil {
			return answer.Reply{}, invalid("packages: no service ships them")
		}
		var ids []string
		for _, g := range q.groups(s) {
			if g.required {
				ids = append(ids, g.services[0].id)
			}
		}
		bought, err := f.buy(c, q, s, ids, wish)
		if err != nil {
			return answer.Reply{}, err
		}
		id = bought.ID
		note(id)
	}
	return answer.Payload(object{"shipmentId": id, "packageDocumentDetailList": f.byID[id].documents(c)}), nil
}

// fill makes up what a direct purchase leaves out: all that is open of the order in one package, as heavy and large as the products are.
func (r *request) fill(c *desk.Call) {
	details := r.ChannelDetails.AmazonOrderDetails
	if r.ChannelDetails.ChannelType != "AMAZON" || details == nil {
		return
	}
	o := c.Seller.World().OrderByID(details.OrderID, c.Now)
	if o == nil {
		return
	}
	if r.ShipFrom == nil {
		a := c.Seller.World().AddressIn(c.Desk.Seed.Of("sender", c.Seller.Number), o.Marketplace.CountryCode)
		r.ShipFrom = &address{Name: c.Seller.StoreName, AddressLine1: a.Line1, City: a.City, StateOrRegion: a.State, PostalCode: a.PostalCode,
			CountryCode: a.Country}
	}
	if len(r.Packages) > 0 {
		return
	}
	p := wantedPack{PackageClientReferenceID: "1"}
	weight, sides := 0, [3]int{}
	for i, it := range o.Items {
		n := it.Quantity - o.ShippedOf(i, c.Now)
		if n < 1 {
			continue
		}
		weight += n * it.Product.Grams
		for k, side := range it.Product.Millimeters {
			sides[k] = max(sides[k], side)
		}
		p.Items = append(p.Items, struct {
			ItemIdentifier, Description string
			Quantity                    json.Number
		}{it.ID, it.Product.TitleIn(o.Marketplace), json.Number(strconv.Itoa(n))})
	}
	centimetres := func(mm int) json.Number { return json.Number(format.Number(float64(mm) / 10)) }
	p.Weight = currency{"GRAM", json.Number(strconv.Itoa(weight))}
	p.Dimensions.Length, p.Dimensions.Width, p.Dimensions.Height, p.Dimensions.Unit = centimetres(sides[0]), centimetres(sides[1]), centimetres(sides[2]),
		"CENTIMETER"
	r.Packages = []wantedPack{p}
}

// best is the service that fits best; nil when there is none.
func (q *wanted) best() *carriers.Service {
	var best *carriers.Service
	late := func(s *carriers.Service) bool {
		if q.order == nil {
			return false
		}
		_, latest := q.window(s)
		_, promised := q.order.DeliveryWindow()
		return latest.After(promised)
	}
	for _, s := range q.services() {
		if q.refuses(s) != "" || s.Questions {
			continue
		}
		if best == nil || late(best) && !late(s) || late(best) == late(s) && q.cost(s).Units < q.cost(best).Units {
			best = s
		}
	}
	return best
}

// buy buys a service for what is wanted, which ships the order. The caller holds the office's lock.
func (f *office) buy(c *desk.Call, q *wanted, s *carriers.Service, added []string, wish document) (*shipment, *answer.Error) {
	extra, err := q.chosen(s, added)
	if err != nil {
		return nil, err
	}
	if err := wish.check(); err != nil {
		return nil, err
	}
	r := c.Desk.Seed.Of("shippingv2", c.Seller.Number, len(f.shipments))
	now := c.Now.UTC().Truncate(time.Second)
	bought := &shipment{ID: r.UUID(), Marketplace: q.market.ID, Request: q.forOrder(), Country: q.country, ServiceID: s.ID, Cost: q.cost(s), Services: added,
		Wanted: wish,
		Bought: now, Direct: slices.Contains(q.accounts, s.CarrierID)}
	bought.Cost.Units += extra
	bought.Earliest, bought.Latest = q.window(s)
	for i := range q.Packages {
		p := sentParcel{Reference: q.Packages[i].PackageClientReferenceID, Tracking: carriers.TrackingNumber(r, s.CarrierID)}
		if q.order != nil {
			p.Quantities = q.quantities[i]
		} else {
			ends := bought.Earliest.Add(time.Duration(r.Float64() * float64(bought.Latest.Sub(bought.Earliest)))).Truncate(time.Second)
			p.Way = carriers.NewJourney(r, now, ends, true)
		}
		bought.Packages = append(bought.Packages, p)
	}
	if q.order != nil {
		bought.OrderID = q.order.ID
		if err := f.ship(c, s, bought); err != nil {
			return nil, err
		}
	}
	f.add(bought)
	bought.charge(c, "PostageBilling", -bought.Cost.Units)
	return bought, nil
}

// charge tells the world of money for the shipment, unless the carrier sends the bill itself.
func (s *shipment) charge(c *desk.Call, kind string, units int) {
	if s.Direct {
		return
	}
	c.Seller.World().Charge(world.Charge{ID: kind + "-" + s.ID, At: c.Now, Kind: kind, OrderID: s.OrderID, Item: -1, Marketplace: s.Marketplace,
		Amount: world.Money{Units: units, Currency: s.Cost.Currency}, Reference: s.ID})
}

// ship ships the order by the labels. What has been shipped with labels that were cancelled gets the new ones; the order stays as it is otherwise.
func (f *office) ship(c *desk.Call, s *carriers.Service, bought *shipment) *answer.Error {
	now := bought.Bought
	var former *shipment
	err := c.ChangeOrder(bought.OrderID, func(o *world.Order) *answer.Error {
		transit := o.Transit
		if i := slices.IndexFunc(f.byOrder[o.ID], func(old *shipment) bool { return old.replacedBy(bought) }); i >= 0 {
			former = f.byOrder[o.ID][i]
		}
		for i := range bought.Packages {
			p := &bought.Packages[i]
			p.Way = carriers.NewJourney(c.Desk.Seed.Of("journey", p.Tracking), now, now.Add(transit), false)
			if former != nil {
				p.Package = former.Packages[i].Package
				o.Relabel(p.Package, s.Carrier, s.Name, p.Tracking, p.Way.Ends, now)
				continue
			}
			p.Package = o.NextPackage(now)
			if err := o.Ship(world.Parcel{Ref: p.Package, Carrier: s.Carrier, Service: s.Name, Tracking: p.Tracking, Quantities: slices.Clone(p.Quantities)},
				now); err != nil {
				return invalid("channelDetails.amazonOrderDetails.orderId: " + err.Error())
			}
		}
		return nil
	})
	if err == nil && former != nil {
		former.Replaced = true
	}
	return err
}

// replacedBy tells whether a shipment was cancelled and another one of the order is for the same packages.
func (s *shipment) replacedBy(other *shipment) bool {
	return !s.Cancelled.IsZero() && !s.Replaced &&
		slices.EqualFunc(s.Packages, other.Packages, func(a, b sentParcel) bool { return slices.Equal(a.Quantities, b.Quantities) })
}

// shipDate is the day on which the parcels leave.
func (s *shipment) shipDate() time.Time {
	t, _ := format.ParseTime(s.Request.ShipDate)
	return t
}

// benefits are those of the rate that was bought.
func (s *shipment) benefits(c *desk.Call) object {
	q := &wanted{request: &s.Request}
	if s.OrderID != "" {
		q.order = c.Seller.World().OrderByID(s.OrderID, c.Now)
	}
	return q.benefits(s.Latest)
}

// documents are those of all packages, as they were wanted.
func (s *shipment) documents(c *desk.Call) []object {
	list := []object{}
	for i := range s.Packages {
		list = append(list, s.documentsOf(c, i, &s.Wanted))
	}
	return list
}

// documentsOf are those of one package.
func (s *shipment) documentsOf(c *desk.Call, i int, wish *document) object {
	p, service := &s.Packages[i], s.service()
	content := labels.Content{Carrier: service.Carrier, Service: service.Name, Tracking: p.Tracking, OrderID: s.OrderID, From: s.Request.ShipFrom.lines()}
	slip := []string{"Package " + p.Reference}
	if s.OrderID != "" {
		o := c.Seller.World().OrderByID(s.OrderID, c.Now)
		content.To = o.To.Lines()
		slip = append(slip, "Order "+o.ID)
		for k, n := range p.Quantities {
			if n > 0 {
				slip = append(slip, strconv.Itoa(n)+" x "+o.Items[k].SKU+" "+o.Items[k].Product.TitleIn(o.Marketplace))
			}
		}
	} else {
		content.To = s.Request.ShipTo.lines()
		for _, it := range s.Request.Packages[i].Items {
			slip = append(slip, it.Quantity.String()+" x "+it.ItemIdentifier+" "+it.Description)
		}
	}
	for _, a := range wish.RequestedLabelCustomization.RequestAttributes {
		switch a {
		case "PACKAGE_CLIENT_REFERENCE_ID":
			content.Notes = append(content.Notes, p.Reference)
		case "SELLER_DISPLAY_NAME":
			content.Notes = append(content.Notes, s.Request.Packages[i].SellerDisplayName)
		case "COLLECT_ON_DELIVERY_AMOUNT":
			if collect := s.Request.ValueAddedServices.CollectOnDelivery; collect != nil {
				content.Notes = append(content.Notes, "COD "+collect.Amount.Value.String()+" "+collect.Amount.Unit)
			}
		}
	}
	list := []object{}
	for _, kind := range wish.RequestedDocumentTypes {
		var b []byte
		var err error
		if kind == packSlip {
			b, err = labels.Document("Packing slip", slip, labels.Format(wish.Format), labels.FourBySix, wish.dpi())
		} else {
			b, err = labels.Render(content, labels.Format(wish.Format), labels.FourBySix, wish.dpi())
		}
		if err != nil {
			panic("emulator: a document can't be drawn: " + err.Error()) // what can't has been refused before
		}
		list = append(list, object{"type": kind, "format": wish.Format, "contents": base64.StdEncoding.EncodeToString(b)}) // not compressed (model)
	}
	return object{"packageClientReferenceId": p.Reference, "trackingId": p.Tracking, "packageDocuments": list}
}

// find finds the shipment of the path. One that was bought before the clock was set back isn't there yet. The caller holds the office's lock.
func (f *office) find(c *desk.Call) (*shipment, *answer.Error) {
	if s := f.byID[c.Path["shipmentId"]]; s != nil && !s.Bought.After(c.Now) {
		return s, nil
	}
	return nil, unknown("Shipment", "shipmentId", c.Path["shipmentId"])
}

// getDocuments makes the documents of a package anew, in another format if that is asked for.
func getDocuments(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	s, err := f.find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	reference := c.Query.Get("packageClientReferenceId")
	i := slices.IndexFunc(s.Packages, func(p sentParcel) bool { return p.Reference == reference })
	if i < 0 {
		return answer.Reply{}, invalid("packageClientReferenceId: the shipment has no package " + reference)
	}
	if !s.Cancelled.IsZero() {
		return answer.Reply{}, invalid("shipmentId: the shipment has been cancelled") // assumed: its label is no longer good
	}
	wish := s.Wanted
	if name := c.Query.Get("format"); name != "" && name != wish.Format {
		wish.Format, wish.DPI = name, ""
	}
	if n := c.Query.Get("dpi"); n != "" {
		wish.DPI = json.Number(n)
	}
	if err := wish.check(); err != nil {
		return answer.Reply{}, err
	}
	return answer.Payload(object{"shipmentId": s.ID, "packageDocumentDetail": s.documentsOf(c, i, &wish), "benefits": s.benefits(c)}), nil
}

// cancelShipment takes a shipment back that no carrier has yet. The order stays shipped, and the money comes back at once, which is assumed. Again it does
// nothing.
func cancelShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	s, err := f.find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if s.Cancelled.IsZero() {
		now := c.Now.UTC().Truncate(time.Second)
		if slices.ContainsFunc(s.Packages, func(p sentParcel) bool { return !now.Before(p.Way.Scanned) }) {
			return answer.Reply{}, invalid("shipmentId: the carrier has the parcel")
		}
		s.Cancelled = now
		for i := range s.Packages {
			s.Packages[i].Way.Cancelled = now
		}
		s.charge(c, "PostageRefund", s.Cost.Units)
	}
	return answer.Payload(object{}), nil
}

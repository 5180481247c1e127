package shipping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// request is what the requests for rates and those that buy at once have in common, as far as it is looked at.
type request struct {
	ShipFrom, ShipTo   *address     `json:",omitempty"`
	ShipDate           string       `json:",omitempty"`
	Packages           []wantedPack `json:",omitempty"`
	ChannelDetails     channel
	ValueAddedServices struct {
		CollectOnDelivery *struct{ Amount currency } `json:",omitempty"`
	}
	CarrierAccounts []struct{ CarrierAccountID, CarrierID string } `json:",omitempty"`
	Business        string                                         `json:",omitempty"` // x-amzn-shipping-business-id
}

type channel struct {
	ChannelType           string
	AmazonOrderDetails    *struct{ OrderID string }    `json:",omitempty"`
	AmazonShipmentDetails *struct{ ShipmentID string } `json:",omitempty"`
}

type address struct {
	Name          string `json:"name"`
	CompanyName   string `json:"companyName,omitempty"`
	AddressLine1  string `json:"addressLine1"`
	AddressLine2  string `json:"addressLine2,omitempty"`
	AddressLine3  string `json:"addressLine3,omitempty"`
	City          string `json:"city"`
	StateOrRegion string `json:"stateOrRegion"`
	PostalCode    string `json:"postalCode"`
	CountryCode   string `json:"countryCode"`
	Email         string `json:"email,omitempty"`
	PhoneNumber   string `json:"phoneNumber,omitempty"`
}

func (a *address) place() carriers.Place {
	return carriers.Place{Country: a.CountryCode, PostalCode: a.PostalCode, Line1: a.AddressLine1}
}

func (a *address) lines() []string {
	return []string{a.Name, a.CompanyName, a.AddressLine1, a.AddressLine2, a.AddressLine3,
		strings.TrimSpace(a.City + " " + a.StateOrRegion + " " + a.PostalCode), a.CountryCode}
}

type currency struct {
	Unit  string
	Value json.Number
}

type wantedPack struct {
	PackageClientReferenceID, SellerDisplayName string
	Dimensions                                  struct {
		Length, Width, Height json.Number
		Unit                  string
	}
	Weight       currency // a number with a unit, too
	InsuredValue currency
	Items        []struct {
		ItemIdentifier, Description string
		Quantity                    json.Number
	}
}

// wanted is a request that has been read and held against the order.
type wanted struct {
	*request
	order      *world.Order // nil for another channel
	market     *marketplace.Marketplace
	country    string // whose services are asked for
	parcels    []carriers.Parcel
	quantities [][]int // by package and item of the order
	shipDate   time.Time
	accounts   []string // carriers that the seller has a contract of his own with
}

// grams and millimetres are what a unit is of.
var (
	grams       = map[string]float64{"GRAM": 1, "KILOGRAM": 1000, "OUNCE": carriers.Ounce, "POUND": carriers.Pound}
	millimetres = map[string]float64{"INCH": carriers.Inch, "CENTIMETER": 10}
)

// mostPackages is how many a request may have; assumed. Each gets its documents drawn at once.
const mostPackages = 200

// businesses are the countries of Amazon's shipping businesses (model). Without the header the parcel's own country counts, which is assumed: the model calls
// AmazonShipping_UK the default.
var businesses = map[string]string{"AmazonShipping_US": "US", "AmazonShipping_IN": "IN", "AmazonShipping_UK": "GB", "AmazonShipping_UAE": "AE",
	"AmazonShipping_SA": "SA", "AmazonShipping_EG": "EG", "AmazonShipping_IT": "IT", "AmazonShipping_ES": "ES", "AmazonShipping_FR": "FR",
	"AmazonShipping_JP": "JP"}

// requested reads the body of a request.
func requested(c *desk.Call) (*request, *answer.Error) {
	r := &request{}
	if err := format.Read(c.Body, r); err != nil {
		return nil, invalid(err.Error())
	}
	r.Business = c.Exchange.Header.Get("x-amzn-shipping-business-id")
	if r.ShipDate == "" {
		r.ShipDate = format.Timestamp(c.Now)
	}
	return r, nil
}

// read holds a request, which came at a time, against the order and measures its packages. The caller holds the office's lock.
func (f *office) read(c *desk.Call, r *request, came time.Time) (*wanted, *answer.Error) {
	q := &wanted{request: r}
	q.shipDate, _ = format.ParseTime(r.ShipDate)
	if !carriers.Bookable(q.shipDate, came) {
		return nil, invalid("shipDate: lies in the past, or more than a year ahead")
	}
	if r.ShipFrom == nil || len(r.Packages) == 0 || len(r.Packages) > mostPackages {
		return nil, invalid(fmt.Sprintf("shipFrom, packages: want an address and 1 to %d packages", mostPackages))
	}
	if err := q.channel(c); err != nil {
		return nil, err
	}
	for _, a := range r.CarrierAccounts {
		if !slices.ContainsFunc(f.accounts, func(own account) bool { return own.ID == a.CarrierAccountID && own.CarrierID == a.CarrierID }) {
			return nil, invalid("carrierAccounts: " + a.CarrierAccountID + " is not linked")
		}
		q.accounts = append(q.accounts, a.CarrierID)
	}
	seen, left := map[string]bool{}, []int{}
	if q.order != nil {
		for _, it := range q.order.Items {
			left = append(left, it.Quantity)
		}
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		at := fmt.Sprintf("packages[%d]", i)
		parcel := carriers.Parcel{Grams: format.Float(p.Weight.Value) * grams[p.Weight.Unit], From: r.ShipFrom.place(), To: r.ShipTo.place()}
		for k, side := range []json.Number{p.Dimensions.Length, p.Dimensions.Width, p.Dimensions.Height} {
			parcel.Sides[k] = format.Float(side) * millimetres[p.Dimensions.Unit]
		}
		switch {
		case p.PackageClientReferenceID == "" || seen[p.PackageClientReferenceID]:
			return nil, invalid(at + ".packageClientReferenceId: want one that no other package has")
		case parcel.Grams <= 0 || slices.Min(parcel.Sides[:]) <= 0:
			return nil, invalid(at + ": want a weight and sides above 0")
		case !carriers.Insurable(format.Float(p.InsuredValue.Value)):
			return nil, invalid(at + ".insuredValue: is below 0, or more than anything is worth")
		case len(p.Items) == 0:
			return nil, invalid(at + ".items: is empty")
		}
		seen[p.PackageClientReferenceID] = true
		q.parcels = append(q.parcels, parcel)
		quantities := make([]int, len(left))
		for _, entry := range p.Items {
			n, whole := format.Whole(entry.Quantity)
			if !whole || n < 1 {
				return nil, invalid(at + ".items.quantity: want a whole number above 0")
			}
			if q.order == nil {
				continue
			}
			k := q.order.ItemIndex(entry.ItemIdentifier)
			if k < 0 || n > left[k] {
				return nil, invalid(fmt.Sprintf("%s.items: %d units of item %q, which the order hasn't", at, n, entry.ItemIdentifier))
			}
			left[k] -= n
			quantities[k] += n
		}
		q.quantities = append(q.quantities, quantities)
	}
	return q, nil
}

// channel finds where the parcels go: to who has ordered, or to whom the request names.
func (q *wanted) channel(c *desk.Call) *answer.Error {
	switch d := &q.ChannelDetails; {
	case d.ChannelType == "EXTERNAL":
		if q.ShipTo == nil {
			return invalid("shipTo: required for the channel EXTERNAL")
		}
		q.country = q.ShipFrom.CountryCode
		q.market = &c.Seller.Marketplaces[0]
		for i := range c.Seller.Marketplaces {
			if c.Seller.Marketplaces[i].CountryCode == q.country {
				q.market = &c.Seller.Marketplaces[i]
			}
		}
	case d.AmazonOrderDetails == nil:
		return invalid("channelDetails.amazonOrderDetails: required for the channel AMAZON")
	default:
		o := c.Seller.World().OrderByID(d.AmazonOrderDetails.OrderID, c.Now)
		if o == nil {
			return invalid("channelDetails.amazonOrderDetails.orderId: no order " + d.AmazonOrderDetails.OrderID)
		}
		if status := o.Status(c.Now); o.Amazon || status == world.Pending || status == world.Canceled {
			return invalid("channelDetails.amazonOrderDetails.orderId: the order is " + status + " and fulfilled by " + o.Channel())
		}
		if o.EasyShipAt(c.Now) != nil { // it has a label, and a carrier that comes for it; that it gets no other is assumed
			return invalid("channelDetails.amazonOrderDetails.orderId: the order's package has been scheduled with Easy Ship")
		}
		q.order, q.market, q.country = o, o.Marketplace, o.Marketplace.CountryCode
		// What the request says is ignored (model).
		q.ShipTo = &address{Name: o.To.Name, CompanyName: o.To.Company, AddressLine1: o.To.Line1, AddressLine2: o.To.Line2, City: o.To.City,
			StateOrRegion: o.To.State, PostalCode: o.To.PostalCode, CountryCode: o.To.Country}
	}
	if q.Business != "" {
		q.country = businesses[q.Business]
	}
	return nil
}

// forOrder is the request without who gets the order: that is the order's own, and isn't kept.
func (q *wanted) forOrder() request {
	r := *q.request
	if q.order != nil {
		r.ShipTo = nil
	}
	return r
}

// refuses tells why a service can't ship what is wanted; "" when it can.
func (q *wanted) refuses(s *carriers.Service) carriers.Reason {
	for i := range q.parcels {
		if reason := s.Refuses(&q.parcels[i]); reason != "" {
			return reason
		}
	}
	if q.ValueAddedServices.CollectOnDelivery != nil && !s.Collect {
		return "UNSUPPORTED_VAS"
	}
	return ""
}

// services are those that come into question.
func (q *wanted) services() []*carriers.Service {
	var list []*carriers.Service
	for _, s := range carriers.Services(q.country) {
		if q.order != nil || s.External {
			list = append(list, s)
		}
	}
	return list
}

// reasons are what is said beside the codes; the wording is assumed.
var reasons = map[carriers.Reason]string{
	carriers.NoCoverage: "The carrier does not serve the route.", carriers.TooHeavy: "The package is too heavy.",
	carriers.TooLarge: "The package is too large.",
	carriers.NoTerms:  "The carrier's terms and conditions have not been accepted.", carriers.NoPOBox: "The carrier does not ship to post office boxes.",
	"UNSUPPORTED_VAS": "The service does not have the value added service.",
}

// money is an amount as the API has it.
func money(m world.Money) object { return object{"unit": m.Currency, "value": m.Number()} }

// cost is what a service costs without what is added to it.
func (q *wanted) cost(s *carriers.Service) world.Money {
	cents := 0
	for i := range q.parcels {
		cents += s.Cents(&q.parcels[i])
	}
	return world.PriceIn(cents, q.market)
}

// window is when all of it arrives.
func (q *wanted) window(s *carriers.Service) (earliest, latest time.Time) {
	for i := range q.parcels {
		from, to := s.Window(&q.parcels[i], q.shipDate)
		if i == 0 || from.After(earliest) {
			earliest = from
		}
		if to.After(latest) {
			latest = to
		}
	}
	return earliest, latest
}

// promise is a window as answers have it, with the day on which the carrier comes.
func promise(shipDate, earliest, latest time.Time) object {
	window := func(from, to time.Time) object {
		return object{"start": format.Timestamp(from), "end": format.Timestamp(to)}
	}
	day := shipDate.UTC().Truncate(world.Day)
	return object{"deliveryWindow": window(earliest, latest), "pickupWindow": window(day.Add(8*time.Hour), day.Add(20*time.Hour))}
}

// benefits are what Amazon grants for orders that will be in time.
func (q *wanted) benefits(latest time.Time) object {
	b := object{"includedBenefits": []string{}, "excludedBenefits": []object{}}
	if q.order == nil {
		return b
	}
	if _, promised := q.order.DeliveryWindow(); latest.After(promised) {
		b["excludedBenefits"] = []object{{"benefit": "CLAIMS_PROTECTED", "reasonCodes": []string{"LATE_DELIVERY_RISK"}}}
	} else {
		b["includedBenefits"] = []string{"CLAIMS_PROTECTED"}
	}
	return b
}

// added is a value added service, group a set of which one may be chosen.
type (
	added struct {
		id, name string
		cost     world.Money
	}
	group struct {
		id, description string
		required        bool
		services        []added
	}
)

// groups are what can be added to a service. Groups and ids are assumed, after the model's names of rate items; that one group has to be chosen from is
// reported (selling-partner-api-models#4759).
func (q *wanted) groups(s *carriers.Service) []group {
	var list []group
	if s.Signature || s.ProofObliged {
		g := group{id: "CONFIRMATION", description: "How the delivery is confirmed", required: true}
		if !s.SignatureObliged {
			g.services = append(g.services, added{"DELIVERY_CONFIRMATION", "Delivery confirmation", world.PriceIn(0, q.market)})
		}
		g.services = append(g.services, added{"SIGNATURE_CONFIRMATION", "Signature confirmation", world.PriceIn(carriers.SignatureCents, q.market)})
		list = append(list, g)
	}
	if s.Insurance {
		value := 0.0
		for i := range q.Packages {
			value += format.Float(q.Packages[i].InsuredValue.Value)
		}
		list = append(list, group{"INSURANCE", "Cover of the insured value", false,
			[]added{{"INSURANCE", "Insurance", world.Money{Units: world.MoneyOf(value, q.market.Currency).Units / carriers.CoverShare, Currency: q.market.Currency}}}})
	}
	if s.Collect && q.ValueAddedServices.CollectOnDelivery != nil {
		list = append(list, group{"COLLECT_ON_DELIVERY", "The recipient pays at the door", false, []added{{"COLLECT_ON_DELIVERY", "Collect on delivery",
			world.PriceIn(carriers.CollectCents, q.market)}}})
	}
	return list
}

// chosen adds up what was chosen; at most one of each group, and one of those that are required.
func (q *wanted) chosen(s *carriers.Service, ids []string) (units int, _ *answer.Error) {
	known := 0
	for _, g := range q.groups(s) {
		n := 0
		for _, a := range g.services {
			if slices.Contains(ids, a.id) {
				n, units = n+1, units+a.cost.Units
			}
		}
		if n > 1 || n == 0 && g.required {
			return 0, invalidServices(fmt.Sprintf("requestedValueAddedServices: %d of group %s", n, g.id))
		}
		known += n
	}
	if known != len(ids) {
		return 0, invalidServices("requestedValueAddedServices: has one that the rate hasn't, or one twice")
	}
	return units, nil
}

// getRates says what services there are, what they cost, and why others don't come into question.
func getRates(c *desk.Call) (answer.Reply, *answer.Error) {
	r, err := requested(c)
	if err != nil {
		return answer.Reply{}, err
	}
	f := open(c)
	defer f.mu.Unlock()
	q, err := f.read(c, r, c.Now)
	if err != nil {
		return answer.Reply{}, err
	}
	source := c.Desk.Seed.Next("rates")
	token := "amzn1.rq." + source.Text("123456789", 1) + source.Text(random.Digits, 13) + ".100"
	f.quotes.Put(token, &quote{c.Now.UTC(), q.forOrder()}, c.Now.Add(remembered))
	rates, others := []object{}, []object{}
	for _, s := range q.services() {
		if reason := q.refuses(s); reason != "" {
			others = append(others, object{"serviceId": s.ID, "serviceName": s.Name, "carrierId": s.CarrierID, "carrierName": s.Carrier,
				"ineligibilityReasons": []object{{"code": string(reason), "message": reasons[reason]}}})
			continue
		}
		rates = append(rates, q.rate(s, rateID(c, token, s)))
	}
	return answer.Payload(object{"requestToken": token, "rates": rates, "ineligibleRates": others}), nil
}

// rateID is the id of a rate: it follows from the request that it answers.
func rateID(c *desk.Call, token string, s *carriers.Service) string {
	return c.Desk.Seed.Of("rate", token, s.ID).Text(random.HexDigits, 64)
}

// rate is a service as answers have it.
func (q *wanted) rate(s *carriers.Service, id string) object {
	earliest, latest := q.window(s)
	cost := q.cost(s)
	billed := 0.0
	for i := range q.parcels {
		billed += q.parcels[i].Billed()
	}
	unit := q.Packages[0].Weight.Unit
	groups := []object{}
	for _, g := range q.groups(s) {
		services := []object{}
		for _, a := range g.services {
			services = append(services, object{"id": a.id, "name": a.name, "cost": money(a.cost)})
		}
		groups = append(groups, object{"groupId": g.id, "groupDescription": g.description, "isRequired": g.required, "valueAddedServices": services})
	}
	payment := "PAY_THROUGH_AMAZON"
	if slices.Contains(q.accounts, s.CarrierID) {
		payment = "PAY_DIRECT_TO_CARRIER"
	}
	return object{"rateId": id, "carrierId": s.CarrierID, "carrierName": s.Carrier, "serviceId": s.ID, "serviceName": s.Name,
		"billedWeight": object{"unit": unit, "value": format.Double(billed / grams[unit])}, "totalCharge": money(cost), "promise": promise(q.shipDate,
			earliest, latest),
		"supportedDocumentSpecifications": specifications(), "availableValueAddedServiceGroups": groups, "requiresAdditionalInputs": s.Questions,
		"rateItemList": []object{{"rateItemID": "BASE_RATE", "rateItemType": "MANDATORY", "rateItemCharge": money(cost)}},
		"paymentType":  payment, "benefits": q.benefits(latest)}
}

// quoted finds the request and the service of a rate. The caller holds the office's lock.
func (f *office) quoted(c *desk.Call, token, id string) (*wanted, *carriers.Service, *answer.Error) {
	asked, found := f.quotes.Get(token)
	if !found {
		return nil, nil, invalid("requestToken: is none of the last day's")
	}
	if !c.Now.Before(asked.At.Add(rateLife)) {
		return nil, nil, expired()
	}
	r := asked.Request
	q, err := f.read(c, &r, asked.At)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range q.services() {
		if rateID(c, token, s) == id && q.refuses(s) == "" {
			return q, s, nil
		}
	}
	return nil, nil, invalid("rateId: is none of the rates of the request token")
}

// pickupNotes is what a service with questions wants to know; assumed, as MFN's are.
const pickupNotes = "pickupInstructions"

// getAdditionalInputs says, as JSON Schema, what has to be told to buy a rate: nothing, for most.
func getAdditionalInputs(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	_, s, err := f.quoted(c, c.Query.Get("requestToken"), c.Query.Get("rateId"))
	if err != nil {
		return answer.Reply{}, err
	}
	schema := object{}
	if s.Questions {
		schema = object{"$schema": "http://json-schema.org/draft-04/schema#", "title": "Additional inputs", "type": "object", "required": []string{pickupNotes},
			"properties": object{pickupNotes: object{"title": "Where the courier finds the parcel", "type": "string", "minLength": 1, "maxLength": 100}}}
	}
	return answer.Payload(schema), nil
}

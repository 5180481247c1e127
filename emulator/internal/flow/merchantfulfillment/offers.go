package merchantfulfillment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// address is the sender's, as far as it is looked at.
type address struct {
	Name, AddressLine1, AddressLine2, AddressLine3, City, StateOrProvinceCode, PostalCode, CountryCode, Email string
}

// check refuses an address that nothing can be sent from. The state is required in the United States, Canada and the United Kingdom (model).
func (a *address) check(c *desk.Call, at, refusal string) *answer.Error {
	if len(a.CountryCode) > 2 {
		return constraint(a.CountryCode, at+".countryCode", "have length less than or equal to 2")
	}
	stateless := a.StateOrProvinceCode == "" && slices.Contains([]string{"US", "CA", "GB"}, a.CountryCode)
	if len(a.CountryCode) < 2 || a.AddressLine1 == "" || a.City == "" || a.PostalCode == "" || stateless || !strings.Contains(a.Email, "@") {
		return refuse(c, refusal, at+": want street, city, postal code, country, an email address and, in US, CA and GB, a state")
	}
	return nil
}

// lines are the address as labels have it.
func (a *address) lines() []string {
	return []string{a.Name, a.AddressLine1, a.AddressLine2, a.AddressLine3, strings.TrimSpace(a.City + " " + a.StateOrProvinceCode + " " + a.PostalCode),
		a.CountryCode}
}

// details are the ShipmentRequestDetails, as far as they are looked at; answers show them as they came.
type details struct {
	AmazonOrderID string
	ItemList      []struct {
		OrderItemID               string
		Quantity                  json.Number
		ItemLevelSellerInputsList []sellerInput
	}
	ShipFromAddress   address
	PackageDimensions struct {
		Length, Width, Height             json.Number
		Unit, PredefinedPackageDimensions string
	}
	Weight struct {
		Value json.Number
		Unit  string
	}
	MustArriveByDate, ShipDate string
	ShippingServiceOptions     struct {
		DeliveryExperience, CarrierWillPickUpOption, LabelFormat string
		CarrierWillPickUp                                        any
		DeclaredValue                                            *struct {
			Amount       json.Number
			CurrencyCode string
		}
	}
	LabelCustomization struct{ CustomTextForLabel, StandardIDForLabel string }
}

// wanted is a request for a label, read and held against the order.
type wanted struct {
	details
	raw        map[string]any // as it came
	order      *world.Order
	quantities []int // by item of the order
	parcel     carriers.Parcel
	shipDate   time.Time
	arriveBy   time.Time // zero: any time
	pickup     bool
	signature  bool
}

// read reads what is to be shipped, and refuses what can't be.
func read(c *desk.Call) (*wanted, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	raw, _ := body["ShipmentRequestDetails"].(map[string]any)
	q := &wanted{raw: raw}
	if err := format.Read(raw, &q.details); err != nil {
		return nil, refuse(c, "request", "ShipmentRequestDetails: "+err.Error())
	}
	if err := q.ShipFromAddress.check(c, "shipmentRequestDetails.shipFromAddress", "sender"); err != nil {
		return nil, err
	}
	if q.order = c.Seller.World().OrderByID(q.AmazonOrderID, c.Now); q.order == nil {
		return nil, refuse(c, "unknown", "AmazonOrderId: no order "+q.AmazonOrderID)
	}
	o := q.order
	switch status := o.Status(c.Now); {
	case o.Amazon:
		return nil, refuse(c, "request", "AmazonOrderId: the order is fulfilled by Amazon")
	case status == world.Pending || status == world.Canceled:
		return nil, refuse(c, "request", "AmazonOrderId: the order is "+status)
	case o.EasyShipAt(c.Now) != nil: // it has a label, and a carrier that comes for it; that it gets no other is assumed
		return nil, refuse(c, "request", "AmazonOrderId: the order's package has been scheduled with Easy Ship")
	}
	q.quantities = make([]int, len(o.Items))
	for _, entry := range q.ItemList {
		i := o.ItemIndex(entry.OrderItemID)
		n, whole := format.Whole(entry.Quantity)
		if i < 0 || !whole || n < 1 || q.quantities[i]+n > o.Items[i].Quantity {
			return nil, refuse(c, "items", fmt.Sprintf("ItemList: %s units of item %s, which the order hasn't", entry.Quantity, entry.OrderItemID))
		}
		q.quantities[i] += n
	}
	if len(q.ItemList) == 0 {
		return nil, refuse(c, "request", "ItemList: is empty")
	}
	return q, q.measure(c)
}

// measure reads the parcel's size, weight and dates.
func (q *wanted) measure(c *desk.Call) *answer.Error {
	o, p := q.order, &q.parcel
	p.Grams = format.Float(q.Weight.Value)
	if q.Weight.Unit == "oz" {
		p.Grams *= carriers.Ounce
	}
	unit := 10.0
	if q.PackageDimensions.Unit == "inches" {
		unit = carriers.Inch
	}
	for i, side := range []json.Number{q.PackageDimensions.Length, q.PackageDimensions.Width, q.PackageDimensions.Height} {
		p.Sides[i] = format.Float(side) * unit
	}
	if q.PackageDimensions.PredefinedPackageDimensions != "" {
		p.Sides = [3]float64{}
	} else if slices.Min(p.Sides[:]) <= 0 || q.PackageDimensions.Unit == "" {
		return refuse(c, "request", "PackageDimensions: want length, width, height and their unit, or a predefined box")
	}
	if p.Grams <= 0 {
		return refuse(c, "request", "Weight: want more than 0")
	}
	p.From = carriers.Place{Country: q.ShipFromAddress.CountryCode, PostalCode: q.ShipFromAddress.PostalCode, Line1: q.ShipFromAddress.AddressLine1}
	p.To = carriers.Place{Country: o.To.Country, PostalCode: o.To.PostalCode, Line1: o.To.Line1}
	if len(carriers.Services(o.Marketplace.CountryCode)) == 0 {
		return refuse(c, "region", "AmazonOrderId: no carriers in "+o.Marketplace.CountryCode)
	}
	q.shipDate = c.Now.UTC().Truncate(time.Second)
	if q.ShipDate != "" {
		q.shipDate, _ = format.ParseTime(q.ShipDate)
	}
	if !carriers.Bookable(q.shipDate, c.Now) { // selling-partner-api-docs, discussion 352
		return refuse(c, "request", "ShipDate: lies in the past, or more than a year ahead")
	}
	q.arriveBy, _ = format.ParseTime(q.MustArriveByDate)
	options := &q.ShippingServiceOptions
	if v := options.DeclaredValue; v != nil && !carriers.Insurable(format.Float(v.Amount)) {
		return refuse(c, "request", "DeclaredValue: is below 0, or more than anything is worth")
	}
	q.pickup = options.CarrierWillPickUp == true || options.CarrierWillPickUp == "true"
	q.signature = signature(options.DeliveryExperience)
	return nil
}

// signature tells whether a way of delivery has the recipient sign.
func signature(experience string) bool {
	return experience == "DeliveryConfirmationWithAdultSignature" || experience == "DeliveryConfirmationWithSignature"
}

// serviceOf finds a service of the order's country; nil when there is none.
func serviceOf(o *world.Order, id string) *carriers.Service {
	return carriers.Find(o.Marketplace.CountryCode, id)
}

// boxCarriers are whose the predefined boxes are, by the first part of their names.
var boxCarriers = map[string]string{"FedEx": "FEDEX", "UPS": "UPS", "USPS": "USPS"}

// ineligible tells whether a service can't ship what is wanted as it is wanted.
func (q *wanted) ineligible(s *carriers.Service) bool {
	box, _, boxed := strings.Cut(q.PackageDimensions.PredefinedPackageDimensions, "_")
	return s.Refuses(&q.parcel) != "" || q.pickup && !s.Pickup || q.signature && !s.Signature || s.SignatureObliged && !q.signature ||
		boxed && boxCarriers[box] != s.CarrierID
}

// late tells whether a service may come after the time that the request names.
func (q *wanted) late(s *carriers.Service) bool {
	_, latest := s.Window(&q.parcel, q.shipDate)
	return !q.arriveBy.IsZero() && latest.After(q.arriveBy)
}

// cost is what the label costs.
func (q *wanted) cost(s *carriers.Service) world.Money {
	cents := s.Cents(&q.parcel)
	if q.signature {
		cents += carriers.SignatureCents
	}
	sum := world.PriceIn(cents, q.order.Marketplace)
	sum.Units += q.insurance().Units / carriers.CoverShare
	return sum
}

// insurance is the declared value.
func (q *wanted) insurance() world.Money {
	sum := world.Money{Currency: q.order.Marketplace.Currency}
	if v := q.ShippingServiceOptions.DeclaredValue; v != nil {
		sum = world.MoneyOf(format.Float(v.Amount), sum.Currency)
	}
	return sum
}

// labelFormats are those that can be had; the first one is the default. Which services have which is assumed: all have these.
var labelFormats = []string{"PNG", "PDF", "ZPL203"}

// eligibleServices offers services for what is to be shipped.
func eligibleServices(c *desk.Call) (answer.Reply, *answer.Error) {
	q, err := read(c)
	if err != nil {
		return answer.Reply{}, err
	}
	var filter struct {
		ShippingOfferingFilter struct {
			IncludeComplexShippingOptions         any
			CarrierWillPickUp, DeliveryExperience string
		}
	}
	if err := format.Read(c.Body, &filter); err != nil {
		return answer.Reply{}, refuse(c, "request", "ShippingOfferingFilter: "+err.Error())
	}
	f := &filter.ShippingOfferingFilter
	complicated := f.IncludeComplexShippingOptions == true || f.IncludeComplexShippingOptions == "true"
	offers, rejected, unaccepted := []object{}, []object{}, []object{}
	for _, s := range carriers.Services(q.order.Marketplace.CountryCode) {
		switch {
		case s.Questions && !complicated, f.CarrierWillPickUp == "CarrierWillPickUp" && !s.Pickup, signature(f.DeliveryExperience) && !s.Signature:
		case s.TermsUnaccepted:
			unaccepted = append(unaccepted, object{"CarrierName": s.Carrier})
		case q.ineligible(s) || q.late(s):
			entry := object{"CarrierName": s.Carrier, "ShippingServiceName": s.Name, "ShippingServiceId": s.ID,
				"RejectionReasonCode": "INELIGIBLE", "RejectionReasonMessage": "It is not an eligible ship method for this order."} // model
			if s.Refuses(&q.parcel) == carriers.NoPOBox {
				entry["RejectionReasonCode"], entry["RejectionReasonMessage"] = "CARRIER_CANNOT_SHIP_TO_POBOX",
					"The carrier does not ship to post office boxes." // wording assumed
			}
			rejected = append(rejected, entry)
		default:
			offers = append(offers, q.offer(s, offerID(c, q, s, c.Now)))
		}
	}
	return answer.Payload(object{"ShippingServiceList": offers, "RejectedShippingServiceList": rejected,
		"TemporarilyUnavailableCarrierList": []object{}, "TermsAndConditionsNotAcceptedCarrierList": unaccepted}), nil
}

// offer is a service as answers have it.
func (q *wanted) offer(s *carriers.Service, id string) object {
	earliest, latest := s.Window(&q.parcel, q.shipDate)
	cost := q.cost(s)
	amount := object{"CurrencyCode": cost.Currency, "Amount": cost.Number()}
	formats := []object{}
	for _, f := range labelFormats {
		formats = append(formats, object{"IncludePackingSlipWithLabel": false, "LabelFormat": f})
	}
	experiences := []object{}
	free := object{"CurrencyCode": cost.Currency, "Amount": format.Double(0)}
	if !s.SignatureObliged {
		experiences = append(experiences, object{"DeliveryExperienceOption": "DeliveryConfirmationWithoutSignature", "Charge": free})
	}
	if s.Signature {
		extra := world.PriceIn(carriers.SignatureCents, q.order.Marketplace)
		experiences = append(experiences, object{"DeliveryExperienceOption": "DeliveryConfirmationWithSignature",
			"Charge": object{"CurrencyCode": extra.Currency, "Amount": extra.Number()}})
	}
	pickups := []object{{"CarrierWillPickUpOption": "ShipperWillDropOff", "Charge": free}}
	if s.Pickup {
		pickups = append(pickups, object{"CarrierWillPickUpOption": "CarrierWillPickUp", "Charge": free})
	}
	benefits := object{"IncludedBenefits": []string{"CLAIMS_PROTECTED"}, "ExcludedBenefits": []object{}}
	if _, promised := q.order.DeliveryWindow(); latest.After(promised) {
		benefits = object{"IncludedBenefits": []string{}, "ExcludedBenefits": []object{{"Benefit": "CLAIMS_PROTECTED",
			"ReasonCodes": []string{"LATE_DELIVERY_RISK"}}}}
	}
	options := object{}
	if given, ok := q.raw["ShippingServiceOptions"].(map[string]any); ok {
		options = maps.Clone(given)
		options["CarrierWillPickUp"] = q.pickup
	}
	return object{
		"ShippingServiceName": s.Name, "CarrierName": s.Carrier, "ShippingServiceId": s.ID, "ShippingServiceOfferId": id,
		"ShipDate": format.Timestamp(q.shipDate), "EarliestEstimatedDeliveryDate": format.Timestamp(earliest),
		"LatestEstimatedDeliveryDate": format.Timestamp(latest), "Rate": amount, "RateWithAdjustments": amount, "AdjustmentItemList": []object{},
		"ShippingServiceOptions":          options,
		"AvailableShippingServiceOptions": object{"AvailableCarrierWillPickUpOptions": pickups, "AvailableDeliveryExperienceOptions": experiences},
		"AvailableLabelFormats":           labelFormats, "AvailableFormatOptionsForLabel": formats, "RequiresAdditionalSellerInputs": s.Questions,
		"Benefits": benefits,
	}
}

// offerLife is how long an offer is good. Amazon publishes "short"; that it is as in Shipping v2 is assumed.
const offerLife = 10 * time.Minute

// offerID is the id of an offer. It holds when it was made, and can be told from one for something else: nobody has to keep it.
func offerID(c *desk.Call, q *wanted, s *carriers.Service, made time.Time) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(made.UnixMilli()))
	key := c.Desk.Seed.Of("offers").Text(random.Base64Std, 32)
	h := hmac.New(sha256.New, []byte(key))
	h.Write(at)
	quoted := maps.Clone(q.raw)
	// What the label looks like may be chosen afterwards: offers say which formats there are.
	delete(quoted, "LabelCustomization")
	if options, ok := quoted["ShippingServiceOptions"].(map[string]any); ok {
		options = maps.Clone(options)
		delete(options, "LabelFormat")
		quoted["ShippingServiceOptions"] = options
	}
	_ = json.NewEncoder(h).Encode([]any{c.Seller.ID, s.ID, quoted}) // what was JSON is JSON again
	return base64.StdEncoding.EncodeToString(h.Sum(at))
}

// offered tells whether an id is of an offer that is still good, for the same request and service.
func offered(c *desk.Call, q *wanted, s *carriers.Service, id string) bool {
	b, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(b) < 8 {
		return false
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	return hmac.Equal([]byte(offerID(c, q, s, made)), []byte(id)) && !made.After(c.Now) && c.Now.Before(made.Add(offerLife))
}

// Package carriers has those that ship for sellers: their services, what each takes, costs and promises, and how a parcel comes to its door. It knows no
// requests: what APIs sell is the same in all of them.
package carriers

import (
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/table"
)

//go:embed services.csv
var serviceTable string

//go:embed places.csv
var placeTable string

// Service is one of a carrier's services in a country.
type Service struct {
	Country   string
	CarrierID string
	Carrier   string // its name
	ID        string
	Name      string

	base, kilo, far    int // US cents
	fastest, slowest   int // days
	grams              int
	length, girth      int // millimetres; the girth is that of the parcel and its length together
	POBox              bool
	Signature          bool // the recipient may be asked to sign
	SignatureObliged   bool // and has to
	Pickup             bool // the carrier comes
	Insurance, Collect bool // may be added in Shipping v2: cover, and cash on delivery
	ProofObliged       bool // one of the proofs of delivery must be chosen in Shipping v2
	External           bool // takes parcels of orders from elsewhere
	TermsUnaccepted    bool // the seller hasn't agreed to its terms
	Questions          bool // wants to be told more before it is bought
	NoCustomText       bool // prints no text of the seller's
}

// Services are those of a country, in the order of the table.
func Services(country string) []*Service { return byCountry()[country] }

// Find finds a service of a country by its id; nil when there is none.
func Find(country, id string) *Service {
	list := Services(country)
	if i := slices.IndexFunc(list, func(s *Service) bool { return s.ID == id }); i >= 0 {
		return list[i]
	}
	return nil
}

// What is added to a service costs, in US cents, and the share of a value that its cover does; assumed.
const (
	SignatureCents = 320
	CollectCents   = 100
	CoverShare     = 100
)

// The sizes of units, in grams and millimetres.
const (
	Ounce = 28.349523125
	Pound = 453.59237
	Inch  = 25.4
)

var byCountry = sync.OnceValue(func() map[string][]*Service {
	all := map[string][]*Service{}
	for _, row := range table.Read("services.csv", serviceTable) {
		s := &Service{Country: row[0], CarrierID: row[1], Carrier: row[2], ID: row[3], Name: row[4]}
		for i, into := range []*int{&s.base, &s.kilo, &s.far, &s.fastest, &s.slowest, &s.grams, &s.length, &s.girth} {
			n, err := strconv.Atoi(row[5+i])
			if err != nil {
				table.Refuse("services.csv", err.Error())
			}
			*into = n
		}
		for _, mark := range strings.Fields(row[13]) {
			set, known := map[string]*bool{"pobox": &s.POBox, "signature": &s.Signature, "obliged": &s.SignatureObliged, "pickup": &s.Pickup,
				"insurance": &s.Insurance, "collect": &s.Collect, "vas": &s.ProofObliged, "external": &s.External, "terms": &s.TermsUnaccepted,
				"questions": &s.Questions,
				"plain":     &s.NoCustomText}[mark]
			if !known {
				table.Refuse("services.csv", "mark "+mark)
			}
			*set = true
		}
		all[s.Country] = append(all[s.Country], s)
	}
	return all
})

// Place is where a parcel comes from or goes to, as far as carriers look at it.
type Place struct{ Country, PostalCode, Line1 string }

// POBox tells whether nobody is there to take the parcel but the post.
func (p *Place) POBox() bool {
	line := strings.ToLower(strings.NewReplacer(".", "", " ", "").Replace(p.Line1))
	return strings.HasPrefix(line, "pobox")
}

// Parcel is what is shipped. The sides are in millimetres; zero where they aren't told, as of the carriers' own boxes.
type Parcel struct {
	Grams    float64
	Sides    [3]float64
	From, To Place
}

// mostAhead is how long before it leaves a parcel's label can be bought, and mostValue what it may be worth, in whatever currency. Both are assumed; there has
// to be a bound for either, since dates and prices follow from them.
const (
	mostAhead = 365 * 24 * time.Hour
	mostValue = 1e9
)

// Bookable tells whether a label can be bought now for a parcel that leaves on a day: today or later, but not too late.
func Bookable(day, now time.Time) bool {
	today := now.UTC().Truncate(24 * time.Hour)
	return !day.Before(today) && day.Before(today.Add(mostAhead))
}

// Insurable tells whether a parcel may be worth as much: something or nothing.
func Insurable(value float64) bool { return value >= 0 && value <= mostValue }

// Reason is why a service doesn't take a parcel, as codes of Shipping v2 say it.
type Reason string

// The reasons.
const (
	NoCoverage Reason = "NO_COVERAGE"
	TooHeavy   Reason = "WEIGHT_RESTRICTIONS"
	TooLarge   Reason = "SIZE_RESTRICTIONS"
	NoTerms    Reason = "TERMS_AND_CONDITIONS_NOT_ACCEPTED"
	NoPOBox    Reason = "PROGRAM_CONSTRAINTS"
)

// Refuses tells why a service doesn't take a parcel; "" when it does.
func (s *Service) Refuses(p *Parcel) Reason {
	sides := slices.Sorted(slices.Values(p.Sides[:]))
	switch {
	case p.From.Country != s.Country || p.To.Country != s.Country:
		return NoCoverage
	case s.TermsUnaccepted:
		return NoTerms
	case p.To.POBox() && !s.POBox:
		return NoPOBox
	case p.Grams > float64(s.grams):
		return TooHeavy
	case sides[2] > float64(s.length) || sides[2]+2*(sides[0]+sides[1]) > float64(s.girth):
		return TooLarge
	}
	return ""
}

// Billed is the weight in grams that a parcel is billed by: what it weighs or, of a light one, what its space would (cubic centimetres over 5000 are
// kilograms, as UPS and DHL publish it).
func (p *Parcel) Billed() float64 {
	return max(p.Grams, p.Sides[0]*p.Sides[1]*p.Sides[2]/1000/5)
}

// Cents is what a service costs, in US cents. Half kilograms count whole.
func (s *Service) Cents(p *Parcel) int {
	kilos := math.Ceil(p.Billed()/500) / 2
	return s.base + int(math.Round(kilos*float64(s.kilo)+Kilometers(p.From, p.To)/1000*float64(s.far)))
}

// Window is when a parcel arrives that is handed over on a day: by the end of the days that the service takes, the farther the later. Sundays count, which is
// assumed.
func (s *Service) Window(p *Parcel, handed time.Time) (earliest, latest time.Time) {
	days := min(s.fastest+int(Kilometers(p.From, p.To)/900), s.slowest)
	day := handed.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, s.fastest).Add(8 * time.Hour), day.AddDate(0, 0, days).Add(20 * time.Hour)
}

var places = sync.OnceValue(func() map[string][2]float64 {
	all := map[string][2]float64{}
	for _, row := range table.Read("places.csv", placeTable) {
		var at [2]float64
		for i := range at {
			f, err := strconv.ParseFloat(row[2+i], 64)
			if err != nil {
				table.Refuse("places.csv", err.Error())
			}
			at[i] = f
		}
		all[row[0]+" "+row[1]] = at
	}
	return all
})

func (p *Place) position() (at [2]float64, known bool) {
	code := strings.ToUpper(strings.ReplaceAll(p.PostalCode, " ", ""))
	for n := min(3, len(code)); n > 0; n-- {
		if at, known = places()[p.Country+" "+code[:n]]; known {
			return at, true
		}
	}
	return at, false
}

// Kilometers is how far apart two places are, by the areas of their postal codes.
func Kilometers(a, b Place) float64 {
	const near, apart, earth = 50, 400, 6371
	from, known := a.position()
	to, alsoKnown := b.position()
	if !known || !alsoKnown {
		if a.PostalCode != "" && len(b.PostalCode) > 1 && strings.HasPrefix(a.PostalCode, b.PostalCode[:2]) {
			return near
		}
		return apart
	}
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	h := math.Pow(math.Sin(rad(to[0]-from[0])/2), 2) + math.Cos(rad(from[0]))*math.Cos(rad(to[0]))*math.Pow(math.Sin(rad(to[1]-from[1])/2), 2)
	return max(near, 2*earth*math.Asin(math.Sqrt(h)))
}

// TrackingNumber makes one of the carrier's numbers.
func TrackingNumber(r random.Source, carrierID string) string {
	switch {
	case carrierID == "UPS":
		return "1Z" + r.Text(random.Base36, 6) + r.Text(random.Digits, 10)
	case carrierID == "USPS":
		return "94001" + r.Text(random.Digits, 17)
	case strings.HasPrefix(carrierID, "AMZN_"):
		return "TBA" + r.Text(random.Digits, 12)
	}
	return r.Text(random.Digits, 12)
}

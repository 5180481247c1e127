package world

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Product is one item of the catalogue, which the seller offers.
type Product struct {
	ASIN, SKU   string
	EAN, UPC    string
	Title       string
	Brand       string
	Color       string
	Size        string
	Part        string
	Kind        ProductKind
	Pack        int
	Cents       int // price in US dollars; other marketplaces' prices follow from it
	Grams       int
	Millimeters [3]int // length, width, height of the item
	Rank        int
	own         bool // brought by a listing, not of the seed
	// content is what the listing that brought the item has said of it beyond the members above, by attribute: see ContentAttributes.
	content map[string][]any
	Family  *Family // nil for most
}

// ProductKind is a sort of product with what all of its kind have in common.
type ProductKind struct {
	Name      string // "Gel Pen"
	Plural    string
	Type      string // productType, as in product type definitions
	Category  string
	CategoryN string // classification id
	low, high int    // price in US cents
	grams     int
	sizes     []string
	index     int // in productKinds
}

// ProductKinds are stationery: the article's search for "pen" must find some, so every third is a pen. Sizes have the characters
// that break naive escaping and charsets.
var ProductKinds = []ProductKind{
	{"Gel Pen", "Gel Pens", "WRITING_INSTRUMENT", "Gel Ink Pens", "1069784", 299, 2499, 14, []string{"Fine Point 0.5 mm", "Ø 0,7 mm", `0.38" tip`}, 0},
	{"Notebook", "Notebooks", "BLANK_BOOK", "Notebooks", "1069756", 499, 2999, 320, []string{"A5", `8.5" x 11"`, "B6 slim"}, 0},
	{"Desk Lamp", "Desk Lamps", "LAMP", "Desk Lamps", "3734651", 1999, 7999, 1400, []string{"40 cm", "15\" arm"}, 0},
	{"Fountain Pen", "Fountain Pens", "WRITING_INSTRUMENT", "Fountain Pens", "1069788", 1999, 18999, 26, []string{"Nib F", "Nib M", "Nib «EF»"}, 0},
	{"Sticky Notes", "Sticky Notes", "STICKY_NOTE", "Self-Stick Notes", "1069554", 349, 1899, 95, []string{`3" × 3"`, "76 × 76 mm"}, 0},
	{"Paper Tray", "Paper Trays", "DESK_ORGANIZER", "Desk Trays", "1069514", 1299, 4999, 850, []string{"A4", "Letter & Legal"}, 0},
	{"Ballpoint Pen", "Ballpoint Pens", "WRITING_INSTRUMENT", "Ballpoint Pens", "1069780", 199, 3999, 11, []string{"Medium 1.0 mm", "Bold 1.6 mm"}, 0},
	{"Scissors", "Scissors", "SCISSORS", "Scissors", "1069670", 599, 2999, 120, []string{"18 cm", `8" left-handed`}, 0},
	{"Ink Bottle", "Ink Bottles", "PEN_INK", "Ink Refills", "1069836", 899, 4499, 180, []string{"30 ml", "50 ml"}, 0},
	{"Brush Pen", "Brush Pens", "WRITING_INSTRUMENT", "Calligraphy Pens", "1069790", 399, 3299, 16, []string{"Soft tip", "筆ペン"}, 0},
	{"Stapler", "Staplers", "STAPLER", "Desk Staplers", "1069690", 899, 4999, 310, []string{"No. 10", "24/6"}, 0},
	{"Wall Calendar", "Wall Calendars", "CALENDAR", "Wall Calendars", "1069752", 799, 2599, 400, []string{"12 months", "16 months"}, 0},
}

var (
	brands = []string{"Ardent", "Blütenweiß", "Nordlys", "Kōyō", "Hartley & Sons", "L'Encrier", "Quill+Co", "すみれ文具"}
	colors = []string{"Black", "Blue", "Red", "Forest Green", "Café Crème", "Lilac", "Assorted", "藍色"}
	packs  = []int{1, 1, 1, 2, 5, 12}
)

func makeProducts(seed int64, account, n int) []*Product {
	products := make([]*Product, n)
	for i := range products {
		r := random.New(seed, "product", account, i)
		k := ProductKinds[i%len(ProductKinds)]
		k.index = i % len(ProductKinds)
		p := &Product{
			ASIN:  "B0" + r.Text(random.Base36, 6) + base36Digits(i),
			Kind:  k,
			Brand: random.Pick(r, brands),
			Color: random.Pick(r, colors),
			Size:  random.Pick(r, k.sizes),
			Pack:  random.Pick(r, packs),
			Cents: r.Between(k.low/10, k.high/10)*10 + 9,
			Rank:  r.Between(1, 90000),
			Part:  r.Text(random.Capitals, 2) + "-" + r.Text(random.Digits, 4),
		}
		p.Grams = k.grams * p.Pack * r.Between(80, 120) / 100
		for j := range p.Millimeters {
			p.Millimeters[j] = r.Between(12, 300)
		}
		p.EAN = withCheckDigit("40" + r.Text(random.Digits, 6) + fmt.Sprintf("%04d", i%10000))
		p.UPC = withCheckDigit("7" + r.Text(random.Digits, 6) + fmt.Sprintf("%04d", i%10000))
		// Slashes, spaces and plus signs occur in real SKUs and must be escaped in paths.
		p.SKU = random.Pick(r, []string{"PN-%04d", "shelf %04d", "A/%04d", "x+%04d", "%04d-ÄÖ"})
		p.SKU = fmt.Sprintf(p.SKU, i+1)
		name := k.Name
		if p.Pack > 1 {
			name = k.Plural
		}
		p.Title = p.Brand + " " + name + ", " + p.Size + ", " + p.Color
		if p.Pack > 1 {
			p.Title += ", Pack of " + strconv.Itoa(p.Pack)
		}
		if r.Chance(9) {
			p.Title += penEmoji
		}
		products[i] = p
	}
	return products
}

// base36Digits writes i in two digits, so that no two of the first 1,296 products share an ASIN.
func base36Digits(i int) string {
	return string([]byte{random.Base36[i/36%36], random.Base36[i%36]})
}

// withCheckDigit appends the GTIN check digit (gs1.org/services/how-calculate-check-digit-manually).
func withCheckDigit(s string) string {
	sum := 0
	for i := range len(s) {
		weight := 3
		if (len(s)-i)%2 == 0 {
			weight = 1
		}
		sum += int(s[i]-'0') * weight
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// MatchesIn tells whether all words of a search occur in the product's title, in English or the marketplace's language, or its category,
// singular or plural.
func (p *Product) MatchesIn(keywords string, m *marketplace.Marketplace) bool {
	return allWordsIn(keywords, p.Title+" "+p.TitleIn(m)+" "+p.Kind.Category)
}

func allWordsIn(keywords, text string) bool {
	list := Words(text)
	for _, w := range Words(keywords) {
		found := false
		for _, t := range list {
			if t == w || t == w+"s" || t+"s" == w {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func Words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '.'
	})
}

// Money is an amount in the smallest unit of a currency.
type Money struct {
	Units    int
	Currency string
}

// perDollar is a made-up, unchanging rate of exchange: prices only need to look right in their currency.
var perDollar = map[string]float64{
	"USD": 1, "CAD": 1.35, "MXN": 18, "BRL": 5, "EUR": 0.92, "GBP": 0.79, "SEK": 10.5, "PLN": 4, "TRY": 32, "SAR": 3.75, "AED": 3.67,
	"EGP": 48, "INR": 83, "ZAR": 18.5, "JPY": 150, "AUD": 1.5, "SGD": 1.34,
}

// String is the amount as SP-API spells it: "12.50", in yen "1250".
func (m Money) String() string {
	if Decimals(m.Currency) == 0 {
		return strconv.Itoa(m.Units)
	}
	sign := ""
	if m.Units < 0 {
		sign = "-"
	}
	u := max(m.Units, -m.Units)
	return fmt.Sprintf("%s%d.%02d", sign, u/100, u%100)
}

func Decimals(currency string) int {
	if currency == "JPY" {
		return 0
	}
	return 2
}

// MoneyOf is an amount in whole units of a currency, such as answers have it, rounded to the smallest.
func MoneyOf(amount float64, currency string) Money {
	return Money{int(math.Round(amount * math.Pow10(Decimals(currency)))), currency}
}

// StoreName is what a marketplace is called: "Amazon.com".
func StoreName(m *marketplace.Marketplace) string { return "A" + m.Storefront[len("www.a"):] }

// Zone is the zone of a marketplace's clocks, see [marketplace.Marketplace.Location].
func Zone(m *marketplace.Marketplace) *time.Location {
	zone, err := m.Location()
	if err != nil {
		return time.UTC
	}
	return zone
}

// InZone spells a time as the store's own clocks show it: with the zone.
func InZone(m *marketplace.Marketplace, t time.Time) string {
	return t.In(Zone(m)).Format(time.RFC3339)
}

// PriceIn converts US cents to the currency of m.
func PriceIn(cents int, m *marketplace.Marketplace) Money {
	rate := perDollar[m.Currency]
	if rate == 0 {
		rate = 1
	}
	units := float64(cents) * rate
	if Decimals(m.Currency) == 0 {
		units /= 100
	}
	return Money{int(math.Round(units)), m.Currency}
}

// Rate is what one unit of a currency is worth in another; false where one of them isn't known.
func Rate(from, to string) (float64, bool) {
	a, b := perDollar[from], perDollar[to]
	if a == 0 || b == 0 {
		return 0, false
	}
	return b / a, true
}

// Number is the amount as a JSON number, for the older shapes that have no strings.
func (m Money) Number() format.Double {
	return format.Double(float64(m.Units) / math.Pow10(Decimals(m.Currency)))
}

// Family is a variation family: products of one kind and brand that differ in color and size, below a parent that can't be bought.
type Family struct {
	Parent   *Product
	children []*Product
}

// makeFamilies puts products of the same kind and brand together. A product without siblings has no family.
func makeFamilies(seed int64, account int, products []*Product) map[string]*Family {
	groups := map[string]*Family{}
	var keys []string
	for _, p := range products {
		key := p.Kind.Name + "\x00" + p.Brand
		if groups[key] == nil {
			groups[key] = &Family{}
			keys = append(keys, key)
		}
		groups[key].children = append(groups[key].children, p)
	}
	families := map[string]*Family{}
	for i, key := range keys {
		f := groups[key]
		if len(f.children) < 2 {
			continue
		}
		first := f.children[0]
		f.Parent = &Product{
			ASIN: "B0" + random.New(seed, "family", account, i).Text(random.Base36, 6) + base36Digits(i), Title: first.Brand + " " + first.Kind.Plural, Brand: first.Brand, Kind: first.Kind,
			Part: first.Kind.Type[:2] + "-" + base36Digits(i), Rank: first.Rank, Pack: 1, Family: f,
		}
		for _, p := range f.children {
			p.Family = f
		}
		families[f.Parent.ASIN] = f
	}
	return families
}

// IsParent tells whether an item only holds a family together.
func (p *Product) IsParent() bool { return p.Family != nil && p.Family.Parent == p }

// Relatives are the ASINs of an item's children, if it is a parent, or of its parent; nil when it has no family.
func (p *Product) Relatives() []string {
	switch {
	case p.Family == nil:
		return nil
	case !p.IsParent():
		return []string{p.Family.Parent.ASIN}
	}
	var asins []string
	for _, c := range p.Family.children {
		asins = append(asins, c.ASIN)
	}
	return asins
}

// OfficeCategory is the classification above all others of this catalogue.
const OfficeCategory = "1064954"

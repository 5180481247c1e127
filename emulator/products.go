package emulator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/openspapi/spapi/marketplace"
)

// product is one item of the catalogue, which the seller offers.
type product struct {
	asin, sku   string
	ean, upc    string
	title       string
	brand       string
	color       string
	size        string
	part        string
	kind        productKind
	pack        int
	cents       int // price in US dollars; other marketplaces' prices follow from it
	grams       int
	millimeters [3]int // length, width, height of the item
	rank        int
	own         bool    // brought by a listing, not of the seed
	family      *family // nil for most
}

// productKind is a sort of product with what all of its kind have in common.
type productKind struct {
	name      string // "Gel Pen"
	plural    string
	typ       string // productType, as in product type definitions
	category  string
	categoryN string // classification id
	low, high int    // price in US cents
	grams     int
	sizes     []string
	index     int // in productKinds
}

// productKinds are stationery: the article's search for "pen" must find some, so every third is a pen. Sizes have the characters
// that break naive escaping and charsets.
var productKinds = []productKind{
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

func makeProducts(seed int64, account, n int) []*product {
	products := make([]*product, n)
	for i := range products {
		r := newRandom(seed, "product", account, i)
		k := productKinds[i%len(productKinds)]
		k.index = i % len(productKinds)
		p := &product{
			asin:  "B0" + r.text(base36, 6) + base36Digits(i),
			kind:  k,
			brand: pick(r, brands),
			color: pick(r, colors),
			size:  pick(r, k.sizes),
			pack:  pick(r, packs),
			cents: r.between(k.low/10, k.high/10)*10 + 9,
			rank:  r.between(1, 90000),
			part:  r.text(capitals, 2) + "-" + r.text(digits, 4),
		}
		p.grams = k.grams * p.pack * r.between(80, 120) / 100
		for j := range p.millimeters {
			p.millimeters[j] = r.between(12, 300)
		}
		p.ean = withCheckDigit("40" + r.text(digits, 6) + fmt.Sprintf("%04d", i%10000))
		p.upc = withCheckDigit("7" + r.text(digits, 6) + fmt.Sprintf("%04d", i%10000))
		// Slashes, spaces and plus signs occur in real SKUs and must be escaped in paths.
		p.sku = pick(r, []string{"PN-%04d", "shelf %04d", "A/%04d", "x+%04d", "%04d-ÄÖ"})
		p.sku = fmt.Sprintf(p.sku, i+1)
		name := k.name
		if p.pack > 1 {
			name = k.plural
		}
		p.title = p.brand + " " + name + ", " + p.size + ", " + p.color
		if p.pack > 1 {
			p.title += ", Pack of " + strconv.Itoa(p.pack)
		}
		if r.chance(9) {
			p.title += penEmoji
		}
		products[i] = p
	}
	return products
}

// base36Digits writes i in two digits, so that no two of the first 1,296 products share an ASIN.
func base36Digits(i int) string {
	return string([]byte{base36[i/36%36], base36[i%36]})
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

// matchesIn tells whether all words of a search occur in the product's title, in English or the marketplace's language, or its category,
// singular or plural.
func (p *product) matchesIn(keywords string, m *marketplace.Marketplace) bool {
	return allWordsIn(keywords, p.title+" "+p.titleIn(m)+" "+p.kind.category)
}

func allWordsIn(keywords, text string) bool {
	list := words(text)
	for _, w := range words(keywords) {
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

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '.'
	})
}

// money is an amount in the smallest unit of a currency.
type money struct {
	units    int
	currency string
}

// perDollar is a made-up, unchanging rate of exchange: prices only need to look right in their currency.
var perDollar = map[string]float64{
	"USD": 1, "CAD": 1.35, "MXN": 18, "BRL": 5, "EUR": 0.92, "GBP": 0.79, "SEK": 10.5, "PLN": 4, "TRY": 32, "SAR": 3.75, "AED": 3.67,
	"EGP": 48, "INR": 83, "ZAR": 18.5, "JPY": 150, "AUD": 1.5, "SGD": 1.34,
}

// String is the amount as SP-API spells it: "12.50", in yen "1250".
func (m money) String() string {
	if decimals(m.currency) == 0 {
		return strconv.Itoa(m.units)
	}
	sign := ""
	if m.units < 0 {
		sign = "-"
	}
	u := max(m.units, -m.units)
	return fmt.Sprintf("%s%d.%02d", sign, u/100, u%100)
}

func decimals(currency string) int {
	if currency == "JPY" {
		return 0
	}
	return 2
}

// priceIn converts US cents to the currency of m.
func priceIn(cents int, m *marketplace.Marketplace) money {
	rate := perDollar[m.Currency]
	if rate == 0 {
		rate = 1
	}
	units := float64(cents) * rate
	if decimals(m.Currency) == 0 {
		units /= 100
	}
	return money{int(math.Round(units)), m.Currency}
}

// number is the amount as a JSON number, for the older shapes that have no strings.
func (m money) number() float64 {
	return float64(m.units) / math.Pow10(decimals(m.currency))
}

// family is a variation family: products of one kind and brand that differ in color and size, below a parent that can't be bought.
type family struct {
	parent   *product
	children []*product
}

// makeFamilies puts products of the same kind and brand together. A product without siblings has no family.
func makeFamilies(seed int64, account int, products []*product) map[string]*family {
	groups := map[string]*family{}
	var keys []string
	for _, p := range products {
		key := p.kind.name + "\x00" + p.brand
		if groups[key] == nil {
			groups[key] = &family{}
			keys = append(keys, key)
		}
		groups[key].children = append(groups[key].children, p)
	}
	families := map[string]*family{}
	for i, key := range keys {
		f := groups[key]
		if len(f.children) < 2 {
			continue
		}
		first := f.children[0]
		f.parent = &product{
			asin: "B0" + newRandom(seed, "family", account, i).text(base36, 6) + base36Digits(i), title: first.brand + " " + first.kind.plural, brand: first.brand, kind: first.kind,
			part: first.kind.typ[:2] + "-" + base36Digits(i), rank: first.rank, pack: 1, family: f,
		}
		for _, p := range f.children {
			p.family = f
		}
		families[f.parent.asin] = f
	}
	return families
}

// isParent tells whether an item only holds a family together.
func (p *product) isParent() bool { return p.family != nil && p.family.parent == p }

// relatives are the ASINs of an item's children, if it is a parent, or of its parent; nil when it has no family.
func (p *product) relatives() []string {
	switch {
	case p.family == nil:
		return nil
	case !p.isParent():
		return []string{p.family.parent.asin}
	}
	var asins []string
	for _, c := range p.family.children {
		asins = append(asins, c.asin)
	}
	return asins
}

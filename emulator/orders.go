package emulator

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// world is what one seller has: products and orders, the same in every API that shows them. It is built on first use.
type world struct {
	products []*product          // the catalogue at the beginning; see [world.catalogue]
	byASIN   map[string]*product // of products; see [world.productByASIN]
	orders   []*order            // by time of purchase
	byID     map[string]*order

	mu       sync.RWMutex        // guards what requests change: listings, and shipments of orders
	listings map[string]*listing // by SKU, deleted ones too
	added    []*product          // items of the catalogue that listings have brought, by time
}

// world builds the account's world on first use. Its newest orders lie just before the time at which the account was added.
func (a *account) world(e *Emulator) *world {
	a.once.Do(func() {
		o := e.options
		w := &world{products: makeProducts(o.seed, a.number, o.products), byASIN: map[string]*product{}, byID: map[string]*order{}}
		for _, p := range w.products {
			w.byASIN[p.asin] = p
		}
		w.orders = make([]*order, o.orders)
		end := a.created.UTC().Truncate(time.Second)
		span := time.Duration(o.days) * 24 * time.Hour
		for i := range w.orders {
			r := newRandom(o.seed, "order", a.number, i)
			// Evenly spread with some jitter: the i-th order stays the i-th.
			at := end.Add(-span + time.Duration((float64(i)+0.95*r.Float64())*float64(span)/float64(o.orders)))
			w.orders[i] = w.makeOrder(r, a, i, at.Truncate(time.Second))
			w.byID[w.orders[i].id] = w.orders[i]
		}
		w.listings = makeListings(o.seed, a, w.products, end)
		a.built = w
	})
	return a.built
}

// order is an order with its life written down beforehand: which state it is in follows from the time at which one looks.
type order struct {
	id          string
	sellerID    string // the seller's own order id
	marketplace *marketplace.Marketplace
	purchased   time.Time
	payable     time.Time // payment is through: Pending ends
	partly      time.Time // some items shipped; zero for most
	shipped     time.Time // all items shipped; zero when cancelled
	cancelled   time.Time // zero when it isn't

	amazon   bool // fulfilled by Amazon
	prime    bool
	business bool
	express  bool
	po       string // buyer's purchase order number, of business orders

	buyerName  string
	buyerEmail string
	to         address
	items      []orderItem
	tracking   string
}

type orderItem struct {
	id       string
	product  *product
	quantity int
	price    money // of all units
	tax      money
	shipping money
	discount money
	gift     string // message; "" when it is no gift
}

// The order states as orders v0 spells them.
const (
	pending          = "Pending"
	unshipped        = "Unshipped"
	partiallyShipped = "PartiallyShipped"
	shipped          = "Shipped"
	canceled         = "Canceled"
)

// status tells in which state the order is at t.
func (o *order) status(t time.Time) string {
	reached := func(at time.Time) bool { return !at.IsZero() && !t.Before(at) }
	switch {
	case reached(o.cancelled):
		return canceled
	case reached(o.shipped):
		return shipped
	case reached(o.partly):
		return partiallyShipped
	case reached(o.payable):
		return unshipped
	}
	return pending
}

// updated is the time of the last change before t.
func (o *order) updated(t time.Time) time.Time {
	last := o.purchased
	for _, at := range []time.Time{o.payable, o.partly, o.shipped, o.cancelled} {
		if !at.IsZero() && !at.After(t) && at.After(last) {
			last = at
		}
	}
	return last
}

// shippedOf is how many units of item i are shipped at t: a partial shipment is the first item.
func (o *order) shippedOf(i int, t time.Time) int {
	switch o.status(t) {
	case shipped:
		return o.items[i].quantity
	case partiallyShipped:
		if i == 0 {
			return o.items[i].quantity
		}
	}
	return 0
}

// total adds up what the buyer pays.
func (o *order) total() money {
	sum := money{0, o.marketplace.Currency}
	for _, it := range o.items {
		sum.units += it.price.units + it.tax.units + it.shipping.units - it.discount.units
	}
	return sum
}

func (w *world) makeOrder(r random, a *account, number int, at time.Time) *order {
	m := &a.marketplaces[0]
	if len(a.marketplaces) > 1 && r.chance(3) {
		m = &a.marketplaces[1+r.IntN(len(a.marketplaces)-1)]
	}
	o := &order{
		// 3-7-7 format; the number in it makes it the only one of its seller.
		id:          fmt.Sprintf("%s-%s-%s%04d", pick(r, []string{"111", "112", "113", "701", "302", "249"}), r.text(digits, 7), r.text(digits, 3), number%10000),
		sellerID:    fmt.Sprintf("SO-%06d", number+1),
		marketplace: m,
		purchased:   at,
		payable:     at.Add(time.Duration(r.between(5, 40)) * time.Minute),
		amazon:      !r.chance(3),
		express:     r.chance(5),
		business:    r.chance(12),
		to:          w.addressIn(r, m.CountryCode),
		tracking:    "1Z" + r.text(base36, 16),
	}
	o.prime = o.amazon && r.chance(2)
	o.buyerName = o.to.name
	o.buyerEmail = r.text("abcdefghijklmnopqrstuvwxyz"+digits, 15) + "@marketplace." + strings.TrimPrefix(m.Storefront, "www.")
	if o.business {
		o.po = "PO " + r.text(digits, 6)
		o.to.company = pick(r, companies)
	}
	for i := range r.between(1, 3) {
		p := pick(r, w.products)
		it := orderItem{id: r.text("123456789", 1) + r.text(digits, 13), product: p, quantity: r.between(1, 4)}
		if r.chance(15) {
			it.quantity = r.between(10, 60)
		}
		it.price = priceIn(p.cents*it.quantity, m)
		it.tax = money{it.price.units * 8 / 100, m.Currency}
		it.shipping, it.discount = money{0, m.Currency}, money{0, m.Currency}
		if !o.prime && i == 0 {
			it.shipping = priceIn(499, m)
		}
		if r.chance(6) {
			it.discount.units = it.price.units / 10
		}
		if r.chance(10) {
			it.gift = pick(r, giftMessages)
		}
		o.items = append(o.items, it)
	}
	hours := time.Hour * time.Duration(r.between(6, 60))
	if !o.amazon {
		hours = time.Hour * time.Duration(r.between(24, 160)) // merchants take longer: there is always something to ship
	}
	switch {
	case r.chance(12):
		o.cancelled = o.payable.Add(time.Duration(r.between(1, 1200)) * time.Minute)
	case !o.amazon && len(o.items) > 1 && r.chance(4):
		o.partly = o.payable.Add(hours)
		o.shipped = o.partly.Add(36 * time.Hour)
	default:
		o.shipped = o.payable.Add(hours)
	}
	return o
}

// order finds the order of the path, if it has been placed by the time of the call; nil otherwise.
func (c *call) order() (*world, *order) {
	w := c.account.world(c.emu)
	o := w.byID[c.path["orderId"]]
	if o == nil || o.purchased.After(c.now) {
		return w, nil
	}
	return w, o
}

// orderFilter is what both versions' searches ask for.
type orderFilter struct {
	createdAfter, createdBefore time.Time
	updatedAfter, updatedBefore time.Time // zero: not asked
	accept                      func(o *order, t time.Time) bool
}

// find returns the orders that a filter lets pass at time t, by creation or, when asked for updates, by update.
func (w *world) find(f orderFilter, t time.Time) []*order {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var found []*order
	for _, o := range w.orders {
		if o.purchased.After(t) {
			break
		}
		u := o.updated(t)
		if outside(o.purchased, f.createdAfter, f.createdBefore) || outside(u, f.updatedAfter, f.updatedBefore) || !f.accept(o, t) {
			continue
		}
		found = append(found, o)
	}
	if !f.updatedAfter.IsZero() {
		slices.SortStableFunc(found, func(a, b *order) int { return a.updated(t).Compare(b.updated(t)) })
	}
	return found
}

func outside(t, after, before time.Time) bool {
	return !after.IsZero() && t.Before(after) || !before.IsZero() && t.After(before)
}

// searchDelay is how old an order must be to be found, and a "before" in a search
// (selling-partner-api-docs#326, selling-partner-api-models orders_2026-01-01).
const searchDelay = 2 * time.Minute

// timeFilter reads the four time arguments, whose names differ only in case between the versions, and keeps to the rules of the
// model's notes. what names the parameter that is wrong.
func timeFilter(arg func(string) string, names [4]string, asOf time.Time, needed bool) (f orderFilter, what, want string) {
	var times [4]time.Time
	for i, name := range names {
		if text := arg(name); text != "" {
			t, ok := parseTime(text)
			if !ok {
				return f, name, "timestamp must follow ISO8601" // selling-partner-api-models#1215
			}
			times[i] = t
		}
	}
	f.createdAfter, f.createdBefore, f.updatedAfter, f.updatedBefore = times[0], times[1], times[2], times[3]
	latest := asOf.Add(-searchDelay)
	switch {
	case times[0].IsZero() && times[2].IsZero() && needed:
		return f, names[0], "one of " + names[0] + ", " + names[2] + " is required"
	case !times[0].IsZero() && !times[2].IsZero():
		return f, names[2], "can't be used with " + names[0]
	case !times[0].IsZero() && !times[3].IsZero():
		return f, names[3], "can't be used with " + names[0]
	case !times[2].IsZero() && !times[1].IsZero():
		return f, names[1], "can't be used with " + names[2]
	}
	for _, i := range []int{1, 3} {
		switch {
		case times[i].IsZero():
		case times[i].After(latest):
			return f, names[i], "must be at least two minutes before the request"
		case times[i].Before(times[i-1]):
			return f, names[i], "lies before " + names[i-1]
		}
	}
	if f.createdBefore.IsZero() {
		f.createdBefore = latest
	}
	return f, "", ""
}

// address is where an order goes.
type address struct {
	name, company, line1, line2, city, state, postalCode, country, phone string
}

type place struct{ city, state, postalCode string }

// country is what addresses and names of a country are made of: plausible, and with the characters that occur there.
type country struct {
	names  []string
	lines  []string // %d is the house number
	places []place
	phone  string
}

var countries = map[string]country{
	"US": {[]string{"Olivia Carter", "Noah O'Brien", "Zoë Nguyen", "Liam \"Bud\" Walker"}, []string{"%d Maple Street", "%d W 5th Ave, Apt #4B"}, []place{{"Seattle", "WA", "98101"}, {"Austin", "TX", "78701"}, {"Portland", "ME", "04101"}}, "+1 206-555-01%02d"},
	"CA": {[]string{"Émilie Tremblay", "Jack Singh"}, []string{"%d rue Saint-Denis", "%d King St W"}, []place{{"Montréal", "QC", "H2X 3K8"}, {"Toronto", "ON", "M5V 1J1"}}, "+1 416-555-01%02d"},
	"MX": {[]string{"José Núñez", "María Fernanda Peña"}, []string{"Av. Revolución %d"}, []place{{"Ciudad de México", "CDMX", "03800"}, {"Mérida", "Yucatán", "97000"}}, "+52 55 5555 01%02d"},
	"BR": {[]string{"João da Conceição", "Ana Luíza Araújo"}, []string{"Rua das Acácias, %d"}, []place{{"São Paulo", "SP", "01310-100"}}, "+55 11 5555-01%02d"},
	"DE": {[]string{"Jürgen Groß", "Anna-Lena Müller", "Günther Öztürk"}, []string{"Straße des Friedens %d", "Schloßallee %d a"}, []place{{"München", "", "80331"}, {"Köln", "", "50667"}, {"Görlitz", "", "02826"}}, "+49 30 5550 01%02d"},
	"GB": {[]string{"Siân Davies", "Oliver Smythe"}, []string{"Flat 2, %d High Street"}, []place{{"London", "", "SW1A 1AA"}, {"Stoke-on-Trent", "Staffordshire", "ST1 1AA"}}, "+44 20 7946 01%02d"},
	"FR": {[]string{"François Lefèvre", "Maëlys Dœuvre"}, []string{"%d bis, rue de l'Église"}, []place{{"Paris", "", "75004"}, {"Besançon", "", "25000"}}, "+33 1 55 55 01 %02d"},
	"IT": {[]string{"Niccolò D'Angelo", "Giulia Però"}, []string{"Via Forlì %d"}, []place{{"Roma", "RM", "00197"}, {"Torino", "TO", "10121"}}, "+39 06 5550 01%02d"},
	"ES": {[]string{"Íñigo Muñoz", "Lucía Pérez"}, []string{"Calle Mayor, %d, 3º izq."}, []place{{"Madrid", "Madrid", "28013"}, {"A Coruña", "Galicia", "15001"}}, "+34 91 555 01%02d"},
	"JP": {[]string{"山田 太郎", "佐藤 さくら", "髙橋 ケンジ"}, []string{"渋谷%d丁目1−2", "中央%d-3-5 コーポ青葉 201"}, []place{{"渋谷区", "東京都", "150-0002"}, {"札幌市中央区", "北海道", "060-0001"}}, "+81 3-5555-01%02d"},
	"AU": {[]string{"Charlotte Kelly", "Jack Nguyễn"}, []string{"%d Wattle Rd"}, []place{{"Melbourne", "VIC", "3000"}, {"Wagga Wagga", "NSW", "2650"}}, "+61 3 5550 01%02d"},
}

var (
	companies    = []string{"Müller & Söhne GmbH", "Northwind Traders LLC", "株式会社すみれ", "O'Neil, Park & Co."}
	giftMessages = []string{"Happy birthday! 🎉", "Alles Gute, „Oma“!", "お誕生日おめでとう", "With love,\nT & J"}
)

// addressIn makes an address in a country; countries without a table of their own get one of the United States' shape.
func (w *world) addressIn(r random, code string) address {
	c, ok := countries[code]
	if !ok {
		c = countries["US"]
	}
	p := pick(r, c.places)
	a := address{name: pick(r, c.names), line1: fmt.Sprintf(pick(r, c.lines), r.between(1, 180)), city: p.city, state: p.state, postalCode: p.postalCode, country: code}
	a.phone = fmt.Sprintf(c.phone, r.between(0, 99))
	if r.chance(4) {
		a.line2 = "2. OG / 2F"
	}
	return a
}

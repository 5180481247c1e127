package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/marketplace"
)

// The share of the state that a seller's world has: the orders that came since the beginning or were changed, listings that requests have
// changed, and the stock. All else follows from the seed.

type worldState struct {
	Next     int            `json:"next"`  // number of the order that comes next
	Heard    time.Time      `json:"heard"` // until when the stock has heard of what happened to orders
	Came     []basketState  `json:"came,omitempty"`
	Orders   []orderState   `json:"orders,omitempty"`   // those that requests have changed
	Products []productState `json:"products,omitempty"` // brought by listings
	Listings []listingState `json:"listings,omitempty"` // revised ones, in the order in which they came
	Stock    []stockState   `json:"stock,omitempty"`    // of all others
	Told     []string       `json:"told,omitempty"`     // idempotency tokens
	Moves    []Movement     `json:"moves,omitempty"`    // of stock, told by requests
	Charges  []Charge       `json:"charges,omitempty"`
	// Standing is that of the seller's account where it isn't NORMAL, by marketplace id.
	Standing map[string]string `json:"standing,omitempty"`
	// Priced is until when prices that change by their schedules have been told; zero where there is none.
	Priced time.Time `json:"priced,omitzero"`
}

// basketState is what was bought after the beginning: in short, since there may be a million.
type basketState struct {
	Items    [][3]int `json:"i,omitempty"` // index of the listing on the shelf, quantity, units of one's price
	ASINs    []string `json:"a,omitempty"` // of items, where listings are not of these any more
	Replaces int      `json:"r"`
	Amazon   bool     `json:"f,omitempty"`
}

type orderState struct {
	Number       int           `json:"number"`
	ID           string        `json:"id"`
	SellerID     string        `json:"seller_id"`
	Marketplace  string        `json:"marketplace"`
	Times        [7]time.Time  `json:"times"` // purchased, payable, partly, shipped, cancelled, changed, cancelAsked
	Amazon       bool          `json:"amazon"`
	Prime        bool          `json:"prime"`
	Business     bool          `json:"business"`
	Express      bool          `json:"express"`
	Payment      string        `json:"payment"`
	PO           string        `json:"po"`
	Replaces     string        `json:"replaces"`
	Store        string        `json:"store"`
	Pickup       string        `json:"pickup"`
	CancelledBy  string        `json:"cancelled_by"`
	CancelReason string        `json:"cancel_reason"`
	BuyerName    string        `json:"buyer_name"`
	BuyerEmail   string        `json:"buyer_email"`
	To           [9]string     `json:"to"`
	Items        []itemState   `json:"items"`
	Tracking     string        `json:"tracking"`
	Transit      time.Duration `json:"transit"`
	Parcels      []parcelState `json:"parcels,omitempty"`
	Returns      []Return      `json:"returns,omitempty"`
	EasyShip     *EasyShip     `json:"easy_ship,omitempty"`
	Invoice      Invoice       `json:"invoice,omitzero"`
	Regulated    *struct {
		Fields [][4]string `json:"fields"`
		Due    time.Time   `json:"due"`
		Status [3]string   `json:"status"` // status, reason, reviewer
		At     time.Time   `json:"at"`
	} `json:"regulated,omitempty"`
	ReplacedNumber int `json:"replaced_number"`
}

type itemState struct {
	ID       string `json:"id"`
	ASIN     string `json:"asin"`
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Units    [5]int `json:"units"` // price, tax, shipping, discount, free shipping
	Gift     string `json:"gift,omitempty"`
}

type parcelState struct {
	Texts      [4]string    `json:"texts"` // ref, carrier, service, tracking
	Times      [2]time.Time `json:"times"` // at, shipped
	Quantities []int        `json:"quantities"`
}

type productState struct {
	ASIN, SKU, EAN, UPC, Title, Brand, Color, Size, Part, Type string
	Pack, Cents, Grams, Rank                                   int
	Millimeters                                                [3]int
	Content                                                    map[string][]any `json:",omitempty"`
}

type listingState struct {
	SKU         string                `json:"sku"`
	ASIN        string                `json:"asin"`
	Times       [3]time.Time          `json:"times"` // created, updated, stocked
	ProductType string                `json:"product_type"`
	Condition   string                `json:"condition"`
	Attributes  map[string]any        `json:"attributes"` // null: the catalogue's
	Markets     []string              `json:"markets"`
	Offers      map[string]offerState `json:"offers"`
	Quantity    int                   `json:"quantity"`
	LeadDays    int                   `json:"lead_days"`
	Amazon      bool                  `json:"amazon"`
	Stock       [12]int               `json:"stock"`
	FNSKU       string                `json:"fnsku"`
	Issues      []issueState          `json:"issues,omitempty"`
	Deleted     bool                  `json:"deleted"`
}

type offerState struct {
	Units  [4]int         `json:"units"` // price, business, sale, points
	From   time.Time      `json:"from,omitzero"`
	To     time.Time      `json:"to,omitzero"`
	Extra  map[string]any `json:"extra,omitempty"`
	Symbol string         `json:"currency"`
}

type issueState struct {
	Texts      [4]string `json:"texts"` // code, message, severity, marketplace
	Attributes []string  `json:"attributes"`
	Categories []string  `json:"categories"`
}

type stockState struct {
	SKU      string    `json:"sku"`
	Quantity int       `json:"quantity"`
	Stock    [12]int   `json:"stock"`
	Stocked  time.Time `json:"stocked"`
}

// numbers are those of the state: six that there have always been, and then what can't be sold by disposition.
func (s *Stock) numbers() [12]int {
	n := [12]int{s.Fulfillable, s.InboundWorking, s.InboundShipped, s.InboundReceiving, s.Reserved, s.Unfulfillable()}
	copy(n[6:], s.Damaged[:])
	return n
}

func (s *Stock) set(n [12]int) {
	s.Fulfillable, s.InboundWorking, s.InboundShipped, s.InboundReceiving, s.Reserved = n[0], n[1], n[2], n[3], n[4]
	if copy(s.Damaged[:], n[6:]); s.Unfulfillable() != n[5] { // exported before dispositions were told apart
		s.setUnfulfillable(n[5])
	}
}

// Save returns what can't be made of the seed, as a value for encoding/json.
func (w *World) Save() any {
	w.RLock()
	defer w.RUnlock()
	s := worldState{Next: w.next, Heard: w.heard, Moves: w.moves, Charges: w.charges, Standing: w.standing}
	if len(w.watcher.discounted) > 0 {
		s.Priced = w.watcher.priced
	}
	places := make(map[*Listing]int, len(w.shelf))
	for i, l := range w.shelf {
		places[l] = i
	}
	for _, b := range w.came {
		bs := basketState{Replaces: b.replaces, Amazon: b.amazon}
		other := false
		for _, it := range b.items {
			bs.Items = append(bs.Items, [3]int{places[it.listing], it.quantity, it.unit})
			bs.ASINs = append(bs.ASINs, it.product.ASIN)
			other = other || it.product != it.listing.Product
		}
		if !other {
			bs.ASINs = nil
		}
		s.Came = append(s.Came, bs)
	}
	for _, number := range slices.Sorted(maps.Keys(w.touched)) {
		s.Orders = append(s.Orders, saveOrder(w.touched[number]))
	}
	for _, p := range w.added {
		s.Products = append(s.Products, productState{p.ASIN, p.SKU, p.EAN, p.UPC, p.Title, p.Brand, p.Color, p.Size, p.Part, p.Kind.Type, p.Pack, p.Cents, p.Grams, p.Rank, p.Millimeters, p.content})
	}
	for _, l := range w.shelf {
		if l.Revised {
			s.Listings = append(s.Listings, saveListing(l))
		} else if l.Stocked.After(w.ended()) {
			s.Stock = append(s.Stock, stockState{l.SKU, l.Quantity, l.Stock.numbers(), l.Stocked})
		}
	}
	for token := range format.SortedKeys(w.Told) {
		s.Told = append(s.Told, token)
	}
	return s
}

func saveOrder(o *Order) orderState {
	s := orderState{
		Number: o.Number, ID: o.ID, SellerID: o.SellerOrderID, Marketplace: o.Marketplace.ID, Times: [7]time.Time{o.Purchased, o.Payable, o.partly, o.Shipped, o.Cancelled, o.Changed, o.CancelAsked},
		Amazon: o.Amazon, Prime: o.Prime, Business: o.Business, Express: o.Express, Payment: o.Payment, PO: o.PO, Replaces: o.Replaces, Store: o.Store, Pickup: o.Pickup,
		CancelledBy: o.CancelledBy, CancelReason: o.CancelReason, BuyerName: o.BuyerName, BuyerEmail: o.BuyerEmail,
		To:       [9]string{o.To.Name, o.To.Company, o.To.Line1, o.To.Line2, o.To.City, o.To.State, o.To.PostalCode, o.To.Country, o.To.Phone},
		Tracking: o.Tracking, Transit: o.Transit, ReplacedNumber: o.replaces, Returns: o.Returns, EasyShip: o.EasyShip, Invoice: o.Invoice,
	}
	for _, it := range o.Items {
		s.Items = append(s.Items, itemState{it.ID, it.Product.ASIN, it.SKU, it.Quantity, [5]int{it.Price.Units, it.Tax.Units, it.Shipping.Units, it.Discount.Units, it.Free.Units}, it.Gift})
	}
	for _, p := range o.Parcels {
		s.Parcels = append(s.Parcels, parcelState{[4]string{p.Ref, p.Carrier, p.Service, p.Tracking}, [2]time.Time{p.At, p.Shipped}, p.Quantities})
	}
	if g := o.Regulated; g != nil {
		s.Regulated = &struct {
			Fields [][4]string `json:"fields"`
			Due    time.Time   `json:"due"`
			Status [3]string   `json:"status"`
			At     time.Time   `json:"at"`
		}{nil, g.due, [3]string{g.Status, g.Reason, g.Reviewer}, g.Reviewed}
		for _, f := range g.Fields {
			s.Regulated.Fields = append(s.Regulated.Fields, [4]string{f.ID, f.Label, f.Kind, f.Value})
		}
	}
	return s
}

func saveListing(l *Listing) listingState {
	s := listingState{
		SKU: l.SKU, ASIN: l.Product.ASIN, Times: [3]time.Time{l.Created, l.Updated, l.Stocked}, ProductType: l.ProductType, Condition: l.Condition, Attributes: l.attributes,
		Quantity: l.Quantity, LeadDays: l.leadDays, Amazon: l.Amazon, Stock: l.Stock.numbers(), FNSKU: l.Stock.FNSKU, Deleted: l.Deleted, Offers: map[string]offerState{},
	}
	for id := range format.SortedKeys(l.markets) {
		s.Markets = append(s.Markets, id)
	}
	for id, o := range l.Offers {
		s.Offers[id] = offerState{[4]int{o.price.Units, o.Business.Units, o.sale.Units, o.Points}, o.saleFrom, o.saleTo, o.extra, o.price.Currency}
	}
	for _, i := range l.Issues {
		s.Issues = append(s.Issues, issueState{[4]string{i.Code, i.Message, i.Severity, i.MarketplaceID}, i.Attributes, i.Categories})
	}
	return s
}

// Load brings a world that was just made to what save returned.
func (w *World) Load(raw json.RawMessage) error {
	v, err := format.DecodeJSON(raw) // for attributes, whose numbers keep their spelling
	if err != nil {
		return err
	}
	var s worldState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	w.Lock()
	defer w.Unlock()
	if err := w.loadStanding(s.Standing); err != nil {
		return err
	}
	if !s.Priced.IsZero() {
		w.watcher.priced = s.Priced
	}
	for _, ps := range s.Products {
		p := &Product{
			own: true, ASIN: ps.ASIN, SKU: ps.SKU, EAN: ps.EAN, UPC: ps.UPC, Title: ps.Title, Brand: ps.Brand, Color: ps.Color, Size: ps.Size, Part: ps.Part, Pack: ps.Pack, Cents: ps.Cents,
			Grams: ps.Grams, Rank: ps.Rank, Millimeters: ps.Millimeters, Kind: kindOf(ps.Type), content: ps.Content,
		}
		w.added = append(w.added, p)
	}
	list, _ := v.(map[string]any)["listings"].([]any)
	for i, ls := range s.Listings {
		raw, _ := list[i].(map[string]any)
		if err := w.loadListing(&ls, raw); err != nil {
			return fmt.Errorf("listing %q: %w", ls.SKU, err)
		}
	}
	for _, ss := range s.Stock {
		if err := first(checkStock(ss.Stock), between("quantity", ss.Quantity, -mostUnits, mostUnits)); err != nil {
			return fmt.Errorf("listing %q: %w", ss.SKU, err)
		}
		if l := w.Listings[ss.SKU]; l != nil {
			l.Quantity, l.Stocked = ss.Quantity, ss.Stocked
			l.Stock.set(ss.Stock)
		}
	}
	for _, token := range s.Told {
		w.Told[token] = true
	}
	w.moves, w.charges = s.Moves, s.Charges
	if err := w.loadOrders(&s); err != nil {
		return err
	}
	return w.checkMoves()
}

// loadOrders brings orders to what they were, after the listings.
func (w *World) loadOrders(s *worldState) error {
	if s.Next != w.beginning+len(s.Came) || s.Next > max(w.most, w.beginning) {
		return fmt.Errorf("number of the next order %d with %d orders after the first %d: want their sum, at most %d", s.Next, len(s.Came), w.beginning, w.most)
	}
	// Stock is as it was; orders tell it only of what comes after.
	if s.Heard.After(w.heard) {
		w.heard = s.Heard
	}
	m := w.newMaker()
	for _, bs := range s.Came {
		b := basket{amazon: bs.Amazon, replaces: bs.Replaces}
		for i, it := range bs.Items {
			if it[0] < 0 || it[0] >= len(w.shelf) {
				return fmt.Errorf("order %d: listing %d: want one of %d", w.next, it[0], len(w.shelf))
			}
			l := w.shelf[it[0]]
			p := l.Product
			if i < len(bs.ASINs) {
				if p = w.ProductByASIN(bs.ASINs[i]); p == nil {
					return fmt.Errorf("order %d: unknown ASIN %q", w.next, bs.ASINs[i])
				}
			}
			b.items = append(b.items, bought{l, p, it[1], it[2]})
		}
		if err := checkBasket(&b, w.next); err != nil {
			return fmt.Errorf("order %d: %w", w.next, err)
		}
		w.came = append(w.came, b)
		o := &Order{}
		m.life(w.next, o, 0)
		w.index.add(w.rowOf(o))
		w.next++
		w.enter(o)
		if o.replaces >= 0 {
			w.replacements[o.replaces] = append(w.replacements[o.replaces], o.Number)
		}
	}
	for i := range s.Orders {
		if err := w.loadOrder(&s.Orders[i]); err != nil {
			return err
		}
	}
	w.schedule()
	w.wake()
	return nil
}

func (w *World) loadListing(s *listingState, raw map[string]any) error {
	if err := s.check(); err != nil {
		return err
	}
	product := w.ProductByASIN(s.ASIN)
	if product == nil {
		return fmt.Errorf("unknown ASIN %q", s.ASIN)
	}
	l := w.Listings[s.SKU]
	if l == nil {
		l = &Listing{SKU: s.SKU, standing: w.standing}
		w.Listings[s.SKU] = l
		w.shelf = append(w.shelf, l)
	}
	attributes, _ := raw["attributes"].(map[string]any)
	l.Product = product
	l.Created, l.Updated, l.Stocked, l.ProductType, l.Condition = s.Times[0], s.Times[1], s.Times[2], s.ProductType, s.Condition
	l.attributes, l.Quantity, l.leadDays, l.Amazon, l.Deleted, l.Revised = attributes, s.Quantity, s.LeadDays, s.Amazon, s.Deleted, true
	l.Stock = Stock{FNSKU: s.FNSKU}
	l.Stock.set(s.Stock)
	l.markets, l.Offers, l.Issues = map[string]bool{}, map[string]*Offer{}, nil
	for _, id := range s.Markets {
		l.markets[id] = true
	}
	offers, _ := raw["offers"].(map[string]any)
	for id, os := range s.Offers {
		in := func(units int) Money { return Money{units, os.Symbol} }
		offer, _ := offers[id].(map[string]any)
		extra, _ := offer["extra"].(map[string]any)
		l.Offers[id] = &Offer{price: in(os.Units[0]), Business: in(os.Units[1]), sale: in(os.Units[2]), Points: os.Units[3], saleFrom: os.From, saleTo: os.To, extra: extra}
	}
	for _, is := range s.Issues {
		l.Issues = append(l.Issues, ListingIssue{Code: is.Texts[0], Message: is.Texts[1], Severity: is.Texts[2], MarketplaceID: is.Texts[3], Attributes: is.Attributes, Categories: is.Categories})
	}
	w.discount(l)
	return nil
}

func (w *World) loadOrder(s *orderState) error {
	i := slices.IndexFunc(w.seller.Marketplaces, func(m marketplace.Marketplace) bool { return m.ID == s.Marketplace })
	if i < 0 || s.Number < 0 || s.Number >= w.next || w.orderID(s.Number) != s.ID {
		return fmt.Errorf("order %q, number %d, of marketplace %q: is none of the seller's", s.ID, s.Number, s.Marketplace)
	}
	m := &w.seller.Marketplaces[i]
	o := &Order{
		Number: s.Number, ID: s.ID, SellerOrderID: s.SellerID, Marketplace: m, Purchased: s.Times[0], Payable: s.Times[1], partly: s.Times[2], Shipped: s.Times[3], Cancelled: s.Times[4],
		Changed: s.Times[5], CancelAsked: s.Times[6], Amazon: s.Amazon, Prime: s.Prime, Business: s.Business, Express: s.Express, Payment: s.Payment, PO: s.PO, Replaces: s.Replaces,
		Store: s.Store, Pickup: s.Pickup, CancelledBy: s.CancelledBy, CancelReason: s.CancelReason, BuyerName: s.BuyerName, BuyerEmail: s.BuyerEmail,
		To:       Address{s.To[0], s.To[1], s.To[2], s.To[3], s.To[4], s.To[5], s.To[6], s.To[7], s.To[8]},
		Tracking: s.Tracking, Transit: s.Transit, replaces: s.ReplacedNumber, Returns: s.Returns, EasyShip: s.EasyShip, Invoice: s.Invoice,
	}
	in := func(units int) Money { return Money{units, m.Currency} }
	for _, is := range s.Items {
		o.Items = append(o.Items, OrderItem{is.ID, w.ProductByASIN(is.ASIN), is.SKU, is.Quantity, in(is.Units[0]), in(is.Units[1]), in(is.Units[2]), in(is.Units[3]), in(is.Units[4]), is.Gift})
	}
	for _, ps := range s.Parcels {
		o.Parcels = append(o.Parcels, Parcel{ps.Texts[0], ps.Texts[1], ps.Texts[2], ps.Texts[3], ps.Times[0], ps.Times[1], ps.Quantities})
	}
	if s.Regulated != nil {
		o.Regulated = &Regulation{due: s.Regulated.Due, Status: s.Regulated.Status[0], Reason: s.Regulated.Status[1], Reviewer: s.Regulated.Status[2], Reviewed: s.Regulated.At}
		for _, f := range s.Regulated.Fields {
			o.Regulated.Fields = append(o.Regulated.Fields, RegulatedField{f[0], f[1], f[2], f[3]})
		}
	}
	if err := checkOrder(o, w.order(o.Number)); err != nil {
		return fmt.Errorf("order %s: %w", o.ID, err)
	}
	w.touched[o.Number] = o
	w.index.set(o.Number, w.rowOf(o))
	w.enter(o)
	return nil
}

// What an export may hold: one that was tampered with is refused, before something is reckoned with it that no world has.

const (
	mostUnits = 1e9  // of goods
	mostMoney = 1e12 // in the smallest unit of a currency
)

// between tells that a number of an export is out of bounds.
func between(what string, n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%s %d: want %d to %d", what, n, low, high)
	}
	return nil
}

// first is the first error of some; nil where there is none.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBasket wants what can have been bought by the order of a number.
func checkBasket(b *basket, number int) error {
	err := first(between("items", len(b.items), 0, 3), between("number of the replaced order", b.replaces, -1, number-1))
	for _, it := range b.items {
		err = first(err, between("quantity", it.quantity, 1, mostUnits), between("price", it.unit, 0, mostMoney))
	}
	return err
}

// check wants of a listing what can be reckoned with.
func (s *listingState) check() error {
	err := first(between("quantity", s.Quantity, -mostUnits, mostUnits), checkStock(s.Stock))
	for _, o := range s.Offers {
		for _, units := range o.Units {
			err = first(err, between("price", units, 0, mostMoney))
		}
	}
	return err
}

func checkStock(numbers [12]int) (err error) {
	for _, n := range numbers {
		err = first(err, between("stock", n, -mostUnits, mostUnits))
	}
	return err
}

// checkMoves wants movements and charges to be of goods and orders that there are, charges by time.
func (w *World) checkMoves() error {
	for i := range w.moves {
		m := &w.moves[i]
		if m.Disposition != Sellable && !slices.Contains(Damages, m.Disposition) || w.Listings[m.SKU] == nil {
			return fmt.Errorf("movement of SKU %q, disposition %q: unknown", m.SKU, m.Disposition)
		}
		if err := between("movement: quantity", m.Quantity, -mostUnits, mostUnits); err != nil {
			return err
		}
	}
	var last time.Time
	for i := range w.charges {
		c := &w.charges[i]
		items := 0
		if number := w.numberOf(c.OrderID); number >= 0 {
			items = len(w.life(number).Items)
		}
		least := -1
		if c.Kind == Chargeback || c.Kind == GuaranteeClaim {
			least = 0
		}
		switch {
		case (c.OrderID != "" || least == 0) && (items == 0 || c.Item >= items) || c.Item < least:
			return fmt.Errorf("charge %q of order %q, item %d: there is none", c.ID, c.OrderID, c.Item)
		case c.At.Before(last):
			return fmt.Errorf("charge %q at %s: want one not before %s, that of the one before", c.ID, c.At.Format(time.RFC3339), last.Format(time.RFC3339))
		}
		if err := between("charge "+c.ID+": amount", c.Amount.Units, -mostMoney, mostMoney); err != nil {
			return err
		}
		last = c.At
	}
	return nil
}

// checkOrder wants of an order that requests have changed what no request changes, and of the rest what fits its items. made is the order as it came.
func checkOrder(o, made *Order) error {
	switch {
	case made == nil:
		return fmt.Errorf("there is none of number %d", o.Number)
	case !o.Purchased.Equal(made.Purchased) || o.Marketplace != made.Marketplace || o.Amazon != made.Amazon || o.replaces != made.replaces:
		return fmt.Errorf("time of purchase, marketplace, fulfilment or what it replaces is another's")
	case !slices.Contains(payments, o.Payment):
		return fmt.Errorf("payment %q: unknown", o.Payment)
	case o.Store != "" && !slices.Contains(stores, o.Store):
		return fmt.Errorf("store %q: unknown", o.Store)
	case !slices.EqualFunc(o.Items, made.Items, func(a, b OrderItem) bool {
		return a.ID == b.ID && a.SKU == b.SKU && a.Quantity == b.Quantity && a.Product != nil
	}):
		return fmt.Errorf("items: want those that were bought")
	}
	err := between("transit", int(o.Transit), 0, int(10*365*Day))
	for i := range o.Items {
		it := &o.Items[i]
		open := it.Quantity
		for j := range o.Parcels {
			q := o.Parcels[j].Quantities
			if len(q) != len(o.Items) {
				return fmt.Errorf("package %q of %d items: want %d", o.Parcels[j].Ref, len(q), len(o.Items))
			}
			err = first(err, between("units in package "+o.Parcels[j].Ref, q[i], 0, open))
			open -= q[i]
		}
		for _, m := range []Money{it.Price, it.Tax, it.Shipping, it.Discount, it.Free} {
			err = first(err, between("item "+it.ID+": amount", m.Units, 0, mostMoney))
		}
	}
	for i := range o.Returns {
		b := &o.Returns[i]
		if err = first(err, between("item of a return", b.Item, 0, len(o.Items)-1)); err != nil {
			return err
		}
		if known := b.Disposition == Sellable || slices.Contains(Damages, b.Disposition); len(b.ID) < 8 || o.Amazon && !b.At.IsZero() && !known {
			return fmt.Errorf("return %q, disposition %q: unknown", b.ID, b.Disposition)
		}
		err = between("units of return "+b.ID, b.Quantity, 0, o.Items[b.Item].Quantity)
		f := &b.Refund
		for _, units := range []int{f.Price, f.Tax, f.Shipping, f.Discount, f.Goodwill, f.Restocking} {
			err = first(err, between("refund of return "+b.ID, units, 0, mostMoney))
		}
	}
	return err
}

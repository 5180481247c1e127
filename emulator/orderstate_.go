package emulator

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// The share of the state that a seller's world has: the orders that came since the beginning or were changed, listings that requests have
// changed, and the stock. All else follows from the seed.

type worldState struct {
	Next     int            `json:"next"` // number of the order that comes next
	Orders   []orderState   `json:"orders,omitempty"`
	Products []productState `json:"products,omitempty"` // brought by listings
	Listings []listingState `json:"listings,omitempty"` // revised ones, in the order in which they came
	Stock    []stockState   `json:"stock,omitempty"`    // of all others
	Told     []string       `json:"told,omitempty"`     // idempotency tokens
	Open     []string       `json:"open,omitempty"`     // ids of orders whose end the stock has not heard of
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
	Regulated    *struct {
		Fields [][4]string `json:"fields"`
		Due    time.Time   `json:"due"`
		Status [3]string   `json:"status"` // status, reason, reviewer
		At     time.Time   `json:"at"`
	} `json:"regulated,omitempty"`
	Settled bool `json:"settled"`
}

type itemState struct {
	ID       string `json:"id"`
	ASIN     string `json:"asin"`
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Units    [4]int `json:"units"` // price, tax, shipping, discount
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
	Stock       [6]int                `json:"stock"`
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
	Stock    [6]int    `json:"stock"`
	Stocked  time.Time `json:"stocked"`
}

func (s *fbaStock) numbers() [6]int {
	return [6]int{s.fulfillable, s.inboundWorking, s.inboundShipped, s.inboundReceiving, s.reserved, s.unfulfillable}
}

func (s *fbaStock) set(n [6]int) {
	s.fulfillable, s.inboundWorking, s.inboundShipped, s.inboundReceiving, s.reserved, s.unfulfillable = n[0], n[1], n[2], n[3], n[4], n[5]
}

// save returns what can't be made of the seed, as a value for encoding/json.
func (w *world) save() any {
	w.mu.RLock()
	defer w.mu.RUnlock()
	s := worldState{Next: w.next}
	beginning := w.beginning
	for _, o := range w.orders {
		if o.number >= beginning || w.touched[o] {
			s.Orders = append(s.Orders, saveOrder(o))
		}
	}
	for _, p := range w.added {
		s.Products = append(s.Products, productState{p.asin, p.sku, p.ean, p.upc, p.title, p.brand, p.color, p.size, p.part, p.kind.typ, p.pack, p.cents, p.grams, p.rank, p.millimeters})
	}
	for _, l := range w.shelf {
		if l.revised {
			s.Listings = append(s.Listings, saveListing(l))
		} else if l.stocked.After(w.opened) {
			s.Stock = append(s.Stock, stockState{l.sku, l.quantity, l.stock.numbers(), l.stocked})
		}
	}
	for token := range sortedKeys(w.told) {
		s.Told = append(s.Told, token)
	}
	for _, o := range w.open {
		s.Open = append(s.Open, o.id)
	}
	return s
}

func saveOrder(o *order) orderState {
	s := orderState{
		Number: o.number, ID: o.id, SellerID: o.sellerID, Marketplace: o.marketplace.ID, Times: [7]time.Time{o.purchased, o.payable, o.partly, o.shipped, o.cancelled, o.changed, o.cancelAsked},
		Amazon: o.amazon, Prime: o.prime, Business: o.business, Express: o.express, Payment: o.payment, PO: o.po, Replaces: o.replaces, Store: o.store, Pickup: o.pickup,
		CancelledBy: o.cancelledBy, CancelReason: o.cancelReason, BuyerName: o.buyerName, BuyerEmail: o.buyerEmail,
		To:       [9]string{o.to.name, o.to.company, o.to.line1, o.to.line2, o.to.city, o.to.state, o.to.postalCode, o.to.country, o.to.phone},
		Tracking: o.tracking, Transit: o.transit, Settled: o.settled,
	}
	for _, it := range o.items {
		s.Items = append(s.Items, itemState{it.id, it.product.asin, it.sku, it.quantity, [4]int{it.price.units, it.tax.units, it.shipping.units, it.discount.units}, it.gift})
	}
	for _, p := range o.parcels {
		s.Parcels = append(s.Parcels, parcelState{[4]string{p.ref, p.carrier, p.service, p.tracking}, [2]time.Time{p.at, p.shipped}, p.quantities})
	}
	if g := o.regulated; g != nil {
		s.Regulated = &struct {
			Fields [][4]string `json:"fields"`
			Due    time.Time   `json:"due"`
			Status [3]string   `json:"status"`
			At     time.Time   `json:"at"`
		}{nil, g.due, [3]string{g.status, g.reason, g.reviewer}, g.reviewed}
		for _, f := range g.fields {
			s.Regulated.Fields = append(s.Regulated.Fields, [4]string{f.id, f.label, f.kind, f.value})
		}
	}
	return s
}

func saveListing(l *listing) listingState {
	s := listingState{
		SKU: l.sku, ASIN: l.product.asin, Times: [3]time.Time{l.created, l.updated, l.stocked}, ProductType: l.productType, Condition: l.condition, Attributes: l.attributes,
		Quantity: l.quantity, LeadDays: l.leadDays, Amazon: l.amazon, Stock: l.stock.numbers(), FNSKU: l.stock.fnsku, Deleted: l.deleted, Offers: map[string]offerState{},
	}
	for id := range sortedKeys(l.markets) {
		s.Markets = append(s.Markets, id)
	}
	for id, o := range l.offers {
		s.Offers[id] = offerState{[4]int{o.price.units, o.business.units, o.sale.units, o.points}, o.saleFrom, o.saleTo, o.extra, o.price.currency}
	}
	for _, i := range l.issues {
		s.Issues = append(s.Issues, issueState{[4]string{i.code, i.message, i.severity, i.marketplaceID}, i.attributes, i.categories})
	}
	return s
}

// load brings a world that was just made to what save returned.
func (w *world) load(raw json.RawMessage) error {
	v, err := decodeJSON(raw) // for attributes, whose numbers keep their spelling
	if err != nil {
		return err
	}
	var s worldState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ps := range s.Products {
		p := &product{
			own: true, asin: ps.ASIN, sku: ps.SKU, ean: ps.EAN, upc: ps.UPC, title: ps.Title, brand: ps.Brand, color: ps.Color, size: ps.Size, part: ps.Part, pack: ps.Pack, cents: ps.Cents,
			grams: ps.Grams, rank: ps.Rank, millimeters: ps.Millimeters, kind: kindOf(ps.Type),
		}
		w.added = append(w.added, p)
	}
	list, _ := v.(map[string]any)["listings"].([]any)
	for i, ls := range s.Listings {
		attributes, _ := list[i].(map[string]any)["attributes"].(map[string]any)
		w.loadListing(&ls, attributes, list[i])
	}
	for _, ss := range s.Stock {
		if l := w.listings[ss.SKU]; l != nil {
			l.quantity, l.stocked = ss.Quantity, ss.Stocked
			l.stock.set(ss.Stock)
		}
	}
	for _, os := range s.Orders {
		w.loadOrder(&os)
	}
	w.open = nil
	for _, id := range s.Open {
		if o := w.byID[id]; o != nil {
			w.open = append(w.open, o)
		}
	}
	for _, token := range s.Told {
		w.told[token] = true
	}
	w.next = s.Next
	w.schedule()
	return nil
}

func (w *world) loadListing(s *listingState, attributes map[string]any, raw any) {
	l := w.listings[s.SKU]
	if l == nil {
		l = &listing{sku: s.SKU}
		w.listings[s.SKU] = l
		w.shelf = append(w.shelf, l)
	}
	if l.product = w.productByASIN(s.ASIN); l.product == nil {
		l.product = w.products[0] // an export that was tampered with
	}
	l.created, l.updated, l.stocked, l.productType, l.condition = s.Times[0], s.Times[1], s.Times[2], s.ProductType, s.Condition
	l.attributes, l.quantity, l.leadDays, l.amazon, l.deleted, l.revised = attributes, s.Quantity, s.LeadDays, s.Amazon, s.Deleted, true
	l.stock = fbaStock{fnsku: s.FNSKU}
	l.stock.set(s.Stock)
	l.markets, l.offers, l.issues = map[string]bool{}, map[string]*offer{}, nil
	for _, id := range s.Markets {
		l.markets[id] = true
	}
	offers, _ := raw.(map[string]any)["offers"].(map[string]any)
	for id, os := range s.Offers {
		in := func(units int) money { return money{units, os.Symbol} }
		extra, _ := offers[id].(map[string]any)["extra"].(map[string]any)
		l.offers[id] = &offer{price: in(os.Units[0]), business: in(os.Units[1]), sale: in(os.Units[2]), points: os.Units[3], saleFrom: os.From, saleTo: os.To, extra: extra}
	}
	for _, is := range s.Issues {
		l.issues = append(l.issues, listingIssue{code: is.Texts[0], message: is.Texts[1], severity: is.Texts[2], marketplaceID: is.Texts[3], attributes: is.Attributes, categories: is.Categories})
	}
}

func (w *world) loadOrder(s *orderState) {
	i := slices.IndexFunc(w.seller.marketplaces, func(m marketplace.Marketplace) bool { return m.ID == s.Marketplace })
	if i < 0 {
		return
	}
	m := &w.seller.marketplaces[i]
	o := w.byID[s.ID]
	if o == nil {
		o = &order{}
		w.orders = append(w.orders, o)
		w.byID[s.ID] = o
	}
	*o = order{
		number: s.Number, id: s.ID, sellerID: s.SellerID, marketplace: m, purchased: s.Times[0], payable: s.Times[1], partly: s.Times[2], shipped: s.Times[3], cancelled: s.Times[4],
		changed: s.Times[5], cancelAsked: s.Times[6], amazon: s.Amazon, prime: s.Prime, business: s.Business, express: s.Express, payment: s.Payment, po: s.PO, replaces: s.Replaces,
		store: s.Store, pickup: s.Pickup, cancelledBy: s.CancelledBy, cancelReason: s.CancelReason, buyerName: s.BuyerName, buyerEmail: s.BuyerEmail,
		to:       address{s.To[0], s.To[1], s.To[2], s.To[3], s.To[4], s.To[5], s.To[6], s.To[7], s.To[8]},
		tracking: s.Tracking, transit: s.Transit, settled: s.Settled,
	}
	in := func(units int) money { return money{units, m.Currency} }
	for _, is := range s.Items {
		p := w.productByASIN(is.ASIN)
		if p == nil {
			p = w.products[0]
		}
		o.items = append(o.items, orderItem{is.ID, p, is.SKU, is.Quantity, in(is.Units[0]), in(is.Units[1]), in(is.Units[2]), in(is.Units[3]), is.Gift})
	}
	for _, ps := range s.Parcels {
		o.parcels = append(o.parcels, parcel{ps.Texts[0], ps.Texts[1], ps.Texts[2], ps.Texts[3], ps.Times[0], ps.Times[1], ps.Quantities})
	}
	if s.Regulated != nil {
		o.regulated = &regulation{due: s.Regulated.Due, status: s.Regulated.Status[0], reason: s.Regulated.Status[1], reviewer: s.Regulated.Status[2], reviewed: s.Regulated.At}
		for _, f := range s.Regulated.Fields {
			o.regulated.fields = append(o.regulated.fields, regulatedField{f[0], f[1], f[2], f[3]})
		}
	}
	if o.number < w.beginning {
		w.touch(o)
	}
}

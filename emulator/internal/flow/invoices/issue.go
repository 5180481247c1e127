package invoices

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// office is where a seller's invoices are written. Those of orders follow from the orders; exports and what was asked of the government are kept.
type office struct {
	seller *desk.Seller

	settling sync.Mutex // held until what is due is written, so that nobody sees half of it

	mu         sync.Mutex
	exports    []*export // as they were asked for
	government []*demand // the same
}

type officeState struct {
	Exports    []*export `json:"exports,omitempty"`
	Government []*demand `json:"government,omitempty"`
}

var offices = &desk.Store[*office]{
	Name:   "invoices",
	Create: func(a *desk.Seller) *office { return &office{seller: a} },
	Save: func(f *office) (any, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.exports == nil && f.government == nil {
			return nil, nil
		}
		return officeState{f.exports, f.government}, nil
	},
	Load: func(f *office, raw json.RawMessage) error {
		var s officeState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		s.Exports = slices.DeleteFunc(s.Exports, func(e *export) bool { return e == nil })
		s.Government = slices.DeleteFunc(s.Government, func(d *demand) bool { return d == nil })
		f.mu.Lock()
		defer f.mu.Unlock()
		f.exports, f.government = s.Exports, s.Government
		return nil
	},
}

// invoice is one invoice.
type invoice struct {
	id          string
	kind        string // invoiceType
	transaction string // transactionType
	date        time.Time
	series      string
	external    string // the number that it has with the government
	key         string // 44 digits, by which everybody finds it
	business    string // what belongs together
	shipment    string
	corrected   time.Time // until then it stands rejected; zero: it was authorized at once
	parties     [2]party  // who writes it, and who gets it
	lines       []line
	freight     world.Money
	discount    world.Money
	order       string
}

type line struct {
	sku, title string
	quantity   int
	price      world.Money // of all units
}

func (v *invoice) identifier(name string) string {
	return map[string]string{businessID: v.business, orderID: v.order, shipmentID: v.shipment}[name]
}

func (v *invoice) status(now time.Time) string {
	if now.Before(v.corrected) {
		return rejected
	}
	return authorized
}

// wrongCode is what the government finds wrong with invoices that it rejects (selling-partner-api-models, InvoicesApiModel_2024-06-19, static case of
// getGovernmentInvoiceStatus, whose words these are).
const (
	wrongCode = "481"
	wrongText = "Rejeição: Código Regime Tributário do emitente diverge do cadastro na SEFAZ"
)

func (v *invoice) object(now time.Time) object {
	ids := []object{}
	for _, o := range identifierOptions {
		if id := v.identifier(o.value); id != "" {
			ids = append(ids, object{"name": o.value, "id": id})
		}
	}
	body := object{
		"id": v.id, "date": desk.Millis(v.date), "invoiceType": v.kind, "transactionType": v.transaction, "series": v.series, "externalInvoiceId": v.external,
		"status": v.status(now), "transactionIds": ids, "errorCode": "", "govResponse": "",
	}
	if v.status(now) == rejected {
		body["errorCode"], body["govResponse"] = wrongCode, wrongText
	}
	return body
}

// The invoices of an order, by what follows its id in the number that an invoice's id hides: a sale, the return to the seller that comes before it, returns
// by the buyer, and the business transaction of all of them.
const (
	sale = iota
	symbolicReturn
	firstReturn
	business     = 7
	numbersEach  = 8
	mostReturns  = business - firstReturn
	rejectedEach = 40 // of so many invoices one is rejected at first: assumed, as all that follows
	correction   = 24 * time.Hour
)

// hidden is the id of the n-th invoice of an order: a UUID with both in it, so that it can be found again.
func (f *office) hidden(order string, n int) string {
	digits, err := strconv.ParseUint(strings.ReplaceAll(order, "-", ""), 10, 64)
	if err != nil {
		return "" // ids are made of digits
	}
	return f.spell(digits*numbersEach + uint64(n))
}

const hiddenBits = 60 // of 17 digits and what follows them

func (f *office) mask() uint64 {
	return f.seller.Desk.Seed.Of("invoice mask", f.seller.Number).Uint64() & (1<<hiddenBits - 1)
}

func (f *office) spell(number uint64) string {
	text := strconv.FormatUint(number^f.mask(), 16)
	text = strings.Repeat("0", hiddenBits/4-len(text)) + text
	proof := f.seller.Desk.Seed.Of("invoice", f.seller.Number, text).Text(random.HexDigits, 15)
	return text[:8] + "-" + text[8:12] + "-4" + text[12:] + "-8" + proof[:3] + "-" + proof[3:]
}

// shown is the order that an id would hide; false when it can be none. Whether it does shows when the invoice is found that has it.
func (f *office) shown(id string) (order string, ok bool) {
	text := strings.ReplaceAll(id, "-", "")
	if len(id) != 36 || len(text) != 32 {
		return "", false
	}
	number, err := strconv.ParseUint(text[:12]+text[13:16], 16, 64)
	digits := (number ^ f.mask()) / numbersEach
	if err != nil || digits >= 1e17 {
		return "", false
	}
	return world.OrderIDOf(digits), true
}

// fallsTo tells whether Amazon writes an order's invoices: it does for what it sells from its own warehouses in Brazil.
func fallsTo(o *world.Order) bool {
	return o.Amazon && o.Marketplace.ID == marketplace.BR.ID && !o.Onsite()
}

// ofOrder are the invoices of an order that have been written by a time: when it is shipped, and when something has come back.
func (f *office) ofOrder(o *world.Order, now time.Time) []*invoice {
	if !fallsTo(o) || o.Shipped.IsZero() || o.Shipped.After(now) || o.Status(now) != world.Shipped {
		return nil
	}
	together := f.hidden(o.ID, business)
	write := func(n int, kind, transaction string, at time.Time) *invoice {
		v := &invoice{
			id: f.hidden(o.ID, n), kind: kind, transaction: transaction, date: at, series: "1", business: together, order: o.ID, shipment: o.ShipmentID(),
			external: strconv.Itoa(o.Number*numbersEach + n + 1),
			freight:  world.Money{Currency: o.Marketplace.Currency}, discount: world.Money{Currency: o.Marketplace.Currency},
		}
		if f.seller.Desk.Seed.Of("invoice rejected", v.id).Chance(rejectedEach) {
			v.corrected = at.Add(correction)
		}
		v.key = accessKey(f.cnpj(), at, v.series, v.external)
		return v
	}
	item := func(i, quantity int) line {
		it := &o.Items[i]
		price := world.Money{Units: it.Price.Units * quantity / max(it.Quantity, 1), Currency: it.Price.Currency}
		return line{it.SKU, it.Product.TitleIn(o.Marketplace), quantity, price}
	}
	seller, buyer := f.self(), f.buyer(o)
	list := []*invoice{write(symbolicReturn, "SYMBOLIC_RETURN", "CUSTOMER_SALES", o.Shipped), write(sale, "CUSTOMER_SALES", "CUSTOMER_SALES", o.Shipped)}
	list[0].parties, list[1].parties = [2]party{warehouse, seller}, [2]party{seller, buyer}
	for i := range o.Items {
		all := item(i, o.Items[i].Quantity)
		list[0].lines, list[1].lines = append(list[0].lines, all), append(list[1].lines, all)
		list[1].freight.Units += o.Items[i].Shipping.Units
		list[1].discount.Units += o.Items[i].Discount.Units + o.Items[i].Free.Units
	}
	for i := range o.Returns {
		r := &o.Returns[i]
		if i < mostReturns && !r.At.IsZero() && !r.At.After(now) && r.Item < len(o.Items) {
			v := write(firstReturn+i, "CUSTOMER_RETURN", "CUSTOMER_RETURNS", r.At)
			v.parties, v.lines = [2]party{buyer, seller}, []line{item(r.Item, r.Quantity)}
			list = append(list, v)
		}
	}
	return list
}

// writtenWithin tells whether an invoice of an order may have been written from one time to another.
func writtenWithin(o *world.Order, from, to time.Time) bool {
	within := func(t time.Time) bool { return !t.IsZero() && !t.Before(from) && !t.After(to) }
	return within(o.Shipped) || slices.ContainsFunc(o.Returns, func(r world.Return) bool { return within(r.At) })
}

// find are the invoices that a filter accepts, the oldest first.
func (f *office) find(by *filter, now time.Time) []*invoice {
	var found []*invoice
	add := func(list []*invoice) {
		for _, v := range list {
			if by.accepts(v, now) && !v.date.After(now) {
				found = append(found, v)
			}
		}
	}
	w := f.seller.World()
	one := by.ID // an order that is asked for
	if by.Name == businessID {
		one, _ = f.shown(by.ID)
	}
	if by.Name == shipmentID {
		one, _ = world.OrderOfShipment(by.ID)
	}
	switch o := w.OrderByID(one, now); {
	case o != nil:
		add(f.ofOrder(o, now))
	case by.Name == "":
		since := by.From
		if !since.IsZero() {
			since = since.Add(-world.LifeSpan)
		}
		var numbers []int
		for life := range w.Lives(since, now) {
			if fallsTo(life) && writtenWithin(life, by.From, by.To) {
				numbers = append(numbers, life.Number)
			}
		}
		for _, n := range numbers {
			if o := w.Order(n); o != nil {
				add(f.ofOrder(o, now))
			}
		}
	}
	f.mu.Lock()
	for _, d := range f.government {
		if v := f.written(d, now); v != nil {
			add([]*invoice{v})
		}
	}
	f.mu.Unlock()
	slices.SortStableFunc(found, func(a, b *invoice) int { return a.date.Compare(b.date) })
	return found
}

// byID finds an invoice; nil when there is none.
func (f *office) byID(id string, now time.Time) *invoice {
	if order, ok := f.shown(id); ok {
		if o := f.seller.World().OrderByID(order, now); o != nil {
			for _, v := range f.ofOrder(o, now) {
				if v.id == id {
					return v
				}
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.government {
		if v := f.written(d, now); v != nil && v.id == id {
			return v
		}
	}
	return nil
}

package fulfillmentoutbound

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// The states of orders and their shipments that orders come to here.
const (
	isNew      = "New"
	received   = "Received"
	planning   = "Planning"
	processing = "Processing"
	complete   = "Complete"
	cancelled  = "Cancelled"
	pending    = "PENDING"
	shipped    = "SHIPPED"
)

const (
	holdsFor = 14 * 24 * time.Hour // an order on hold is cancelled then (the model's note)
	// keptFor is how long orders are known, and mostOrders how many of a seller's. Amazon publishes neither.
	keptFor    = 400 * 24 * time.Hour
	mostOrders = 100_000
)

// order is an order from another shop, as requests have told of it. What becomes of it follows from its times and the clock.
type order struct {
	Body      map[string]any `json:"body"` // of the request, with what updates have changed
	Created   time.Time      `json:"created"`
	Released  time.Time      `json:"released,omitzero"`  // when it may be shipped; zero while it is on hold
	Cancelled time.Time      `json:"cancelled,omitzero"` // by a request
	Returns   []sentBack     `json:"returns,omitempty"`
}

// sentBack is one unit of an item that the buyer sends back.
type sentBack struct {
	ID       string    `json:"id"`   // the seller's
	Item     string    `json:"item"` // the seller's id of the order's item
	Reason   string    `json:"reason"`
	Comment  string    `json:"comment,omitempty"`
	Told     time.Time `json:"told"`
	Received time.Time `json:"received"` // when the goods are there
}

func (o *order) id() string { return format.Member(o.Body, "sellerFulfillmentOrderId") }

// way is when what happens to an order. The facts tell in which order; how long each takes is assumed.
type way struct {
	received, planned, processed, shipped time.Time // zero: it doesn't come to that
	cancelled                             time.Time
	arrives                               time.Time
	shipment                              string
	parcel                                int
	tracking                              string
}

// way wants the desk's seed only: it is the same whenever it is asked for.
func (o *order) way(a *desk.Seller) way {
	r := a.Desk.Seed.Of("outbound order", a.Number, o.id(), o.Created.Unix())
	after := func(t time.Time, low, high int) time.Time {
		return t.Add(time.Duration(r.Between(low, high)) * time.Second)
	}
	w := way{cancelled: o.Cancelled, shipment: "D" + r.Text(random.Base36, 7) + "N", parcel: r.Between(500_000_000, 999_999_999), tracking: "TBA" + r.Text(random.Digits, 12)}
	w.received = after(o.Created, 20, 60)
	if o.Released.IsZero() {
		if end := o.Created.Add(holdsFor); w.cancelled.IsZero() {
			w.cancelled = end
		}
	} else {
		w.planned = after(format.Latest(w.received, o.Released), 180, 600)
		w.processed = after(w.planned, 3600, 4*3600)
		w.shipped = after(w.processed, 5*3600, 20*3600)
		w.arrives = after(w.shipped, 2*86400, 5*86400)
	}
	if w.cancelled.IsZero() {
		return w
	}
	for _, t := range []*time.Time{&w.received, &w.planned, &w.processed, &w.shipped} {
		if !t.Before(w.cancelled) {
			*t = time.Time{}
		}
	}
	return w
}

// step is something that happens to an order: its new status, its shipment's, or goods that come back.
type step struct {
	at        time.Time
	status    string // of the order
	shipment  string // status of the shipment, where it is the shipment's step
	back      *sentBack
	byRequest bool
}

// steps are all that happens to an order, by time.
func (o *order) steps(w *way) []step {
	list := []step{{at: o.Created, status: isNew, byRequest: true}}
	add := func(at time.Time, s step) {
		if s.at = at; !at.IsZero() {
			list = append(list, s)
		}
	}
	add(w.received, step{status: received})
	add(w.planned, step{status: planning})
	add(w.processed, step{status: processing})
	add(w.processed, step{status: processing, shipment: pending})
	add(w.shipped, step{status: complete, shipment: shipped})
	add(w.shipped, step{status: complete})
	add(w.cancelled, step{status: cancelled, byRequest: !o.Cancelled.IsZero()})
	for i := range o.Returns {
		add(o.Returns[i].Received, step{status: complete, back: &o.Returns[i]})
	}
	slices.SortStableFunc(list, func(x, y step) int { return x.at.Compare(y.at) })
	return list
}

// at is the last step by a time.
func (o *order) at(w *way, t time.Time) step {
	var last step
	for _, s := range o.steps(w) {
		if !s.at.After(t) && s.shipment == "" && s.back == nil {
			last = s
		}
	}
	return last
}

// items are those of the request.
func (o *order) items() []any { return format.List(o.Body["items"]) }

func quantity(item any) int {
	m, _ := item.(map[string]any)
	n, _ := format.Whole(m["quantity"])
	return n
}

// item finds one by the seller's id of it; nil where there is none.
func (o *order) item(id string) any {
	for _, it := range o.items() {
		if format.Member(it, "sellerFulfillmentOrderItemId") == id {
			return it
		}
	}
	return nil
}

// book has the orders of a seller.
type book struct {
	mu     sync.Mutex
	orders *expiring.Map[*order]
	open   map[string]*order // those to which something may still happen
}

func (b *book) put(o *order) {
	b.orders.Put(o.id(), o, o.Created.Add(keptFor))
	b.open[o.id()] = o
}

var orders = &desk.Store[*book]{
	Name: "fulfillmentoutbound",
	Create: func(*desk.Seller) *book {
		open := map[string]*order{}
		return &book{orders: expiring.NewMap(mostOrders, func(o *order) { delete(open, o.id()) }), open: open}
	},
	Save: func(b *book) (any, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.orders.Len() == 0 {
			return nil, nil
		}
		return b.sorted(), nil
	},
	Load: func(b *book, raw json.RawMessage) error {
		var list []*order
		numbers := json.NewDecoder(bytes.NewReader(raw)) // as they were written
		numbers.UseNumber()
		if err := numbers.Decode(&list); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, o := range list {
			if o == nil || o.id() == "" || o.Created.IsZero() {
				return errBadOrder(i)
			}
			b.put(o)
		}
		return nil
	},
}

type errBadOrder int

func (i errBadOrder) Error() string {
	return "outbound order " + strconv.Itoa(int(i)) + ": want a body with sellerFulfillmentOrderId, and created"
}

// sorted are all orders, the oldest first. It wants b.mu held.
func (b *book) sorted() []*order {
	list := make([]*order, 0, b.orders.Len())
	for _, o := range b.orders.All() {
		list = append(list, o)
	}
	slices.SortFunc(list, func(x, y *order) int {
		if c := x.Created.Compare(y.Created); c != 0 {
			return c
		}
		if x.id() < y.id() {
			return -1
		}
		return 1
	})
	return list
}

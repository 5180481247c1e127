package handover

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Flow has no operations of its own: it is what the flows of Easy Ship and External Fulfillment stand on.
var Flow = desk.Flow{Stores: []desk.Keeper{underWay}, Settle: settle}

// Take schedules the package of an order for a slot, or schedules it anew. It is for use within [world.World.Change]; [Follow] is for after that.
func Take(c *desk.Call, o *world.Order, p world.EasyShip, s Slot) {
	r := c.Desk.Seed.Of("easy ship", c.Seller.Number, o.ID)
	p.Slot = world.EasyShipSlot{ID: s.ID, DropOff: s.DropOff, Start: s.Start.UTC(), End: s.End.UTC()}
	p.Handed = s.Start.Add(time.Duration(r.Between(10, int(s.End.Sub(s.Start)/time.Minute)-10)) * time.Minute)
	p.Millimeters, p.Grams = s.Millimeters, s.Grams
	p.End = ""
	switch n := c.Desk.Seed.Of("easy ship end", c.Seller.Number, o.ID).IntN(100); { // how often is assumed
	case n < 2:
		p.End = world.EasyShipLost
	case n < 3:
		p.End = world.EasyShipDamaged
	case n < 6:
		p.End = world.EasyShipRejected
	case n < 8:
		p.End = world.EasyShipUndeliverable
	}
	o.HandOver(p, c.Now)
}

// route has the Easy Ship packages of a seller that are under way: what happens to their money comes when its time has come.
type route struct {
	mu       sync.Mutex
	packages map[string]leg // by order id
}

// leg is what comes next for a package.
type leg struct {
	Due  time.Time
	Paid bool // the carrier's fee has been charged
}

var underWay = &desk.Store[*route]{
	Name:   "easyShip",
	Create: func(*desk.Seller) *route { return &route{packages: map[string]leg{}} },
	Save: func(r *route) (any, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.packages) == 0 {
			return nil, nil
		}
		return maps.Clone(r.packages), nil
	},
	Load: func(r *route, raw json.RawMessage) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return json.Unmarshal(raw, &r.packages)
	},
}

// Follow has the money of an order's package move when its time comes. It is called again whenever that time has changed.
func Follow(c *desk.Call, orderID string) {
	r := underWay.Of(c.Seller)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packages[orderID] = leg{Due: c.Now.UTC(), Paid: r.packages[orderID].Paid}
}

// settle charges the carrier's fee for what has been handed over, and pays for what has been lost or broken since.
func settle(a *desk.Seller, now time.Time) {
	r := underWay.Of(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []string
	for id, l := range r.packages {
		if !l.Due.After(now) {
			due = append(due, id)
		}
	}
	if due == nil {
		return
	}
	slices.Sort(due)
	w := a.World()
	for _, id := range due {
		if l, more := advance(w, id, r.packages[id], now); more {
			r.packages[id] = l
		} else {
			delete(r.packages, id)
		}
	}
}

// advance does what is due for a package, and tells what comes after it.
func advance(w *world.World, id string, l leg, now time.Time) (next leg, more bool) {
	o := w.OrderByID(id, now)
	if o == nil || o.EasyShip == nil || o.Status(now) == world.Canceled {
		return leg{}, false
	}
	p := o.EasyShip
	if o.Status(now) != world.Shipped {
		return leg{Due: o.Shipped}, !o.Shipped.IsZero()
	}
	charge := func(what, kind string, at time.Time, amount world.Money) {
		w.Charge(world.Charge{ID: what + "-" + p.ID, At: at, Kind: kind, OrderID: o.ID, Item: -1, Marketplace: o.Marketplace.ID, Amount: amount, Reference: p.ID})
	}
	if !l.Paid {
		charge("easyship", "EasyShipFee", o.Shipped, fee(p.Grams, o.Marketplace))
	}
	if p.End != world.EasyShipLost && p.End != world.EasyShipDamaged {
		return leg{}, false
	}
	found := o.Shipped.Add(o.Transit * 3 / 4) // as EasyShipStatus shows it
	if found.After(now) {
		return leg{Due: found, Paid: true}, true
	}
	charge("reimbursement", "LostOrDamagedReimbursement", found, o.Total())
	return leg{}, false
}

// fee is what Easy Ship takes for a package: for each half kilogram. The prices are assumed.
func fee(grams int, m *marketplace.Marketplace) world.Money {
	price := world.PriceIn(60+40*((grams+499)/500), m)
	price.Units = -price.Units
	return price
}

// TrackingID is a number of Amazon's own carrier for a package that has none yet.
func TrackingID(c *desk.Call, what ...any) string {
	return c.Desk.Seed.Of(append([]any{"tracking", c.Seller.Number}, what...)...).Text(random.Digits, 12)
}

// documentLifetime is how long a document can be fetched, with URLs that are good for less; assumed.
const documentLifetime = time.Hour

// Publish puts a document where a presigned URL leads to it.
func Publish(c *desk.Call, contentType string, content []byte) string {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	d := k.AddDocument("upload", &jobs.Document{ContentType: contentType, Created: c.Now.UTC(), Expires: c.Now.UTC().Add(documentLifetime), Restricted: true})
	k.Mu.Unlock()
	d.Put(c.Desk.Contents().Put(content))
	return jobs.DocumentURL(c, http.MethodGet, d, nil)
}

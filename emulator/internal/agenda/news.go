package agenda

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// News are notifications of one type about orders: of what comes with time, and of what requests bring about.
type News struct {
	Type string // of the notification
	// Moments are what there is to tell of an order, also what lies in the future. nil: the changes of its status, and that its buyer asks for a cancellation.
	Moments func(a *desk.Seller, o *world.Order, add func(at time.Time, what string))
	// Tell makes the news of what has happened to an order, as it is at t; false where there is nothing to tell. It runs under the world's lock.
	Tell func(a *desk.Seller, o *world.Order, h world.Happening, t time.Time) (desk.News, bool)
	// About is [desk.NewsSource.About].
	About func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error)
}

// seller is what is remembered of one seller.
type seller struct {
	told   toldNews
	agenda *Agenda // nil without Moments
}

// Flow is where the news come from.
func (n News) Flow() desk.Flow {
	store := &desk.Store[*seller]{ // nothing that an export needs: what it remembers lies before it, or follows from orders
		Name:   "news " + n.Type,
		Create: func(*desk.Seller) *seller { return &seller{} },
		Save:   func(*seller) (any, error) { return nil, nil },
		Load:   func(*seller, json.RawMessage) error { return nil },
	}
	watch := func(a *desk.Seller, w *world.World) {
		s := store.Of(a)
		if n.Moments != nil {
			s.agenda = New(w, func(o *world.Order, add func(time.Time)) {
				n.Moments(a, o, func(at time.Time, _ string) { add(at) })
			})
		}
		w.WatchOrders(func(before, after *world.Order, now time.Time) {
			if !a.Wants(n.Type) {
				return
			}
			for _, h := range n.byChange(a, before, after, now) {
				s.told.add(h)
				if news, ok := n.Tell(a, after, h, now); ok {
					a.Tell(news)
				}
			}
		})
	}
	since := func(a *desk.Seller, after, until time.Time) (list []desk.News) {
		w, s := a.World(), store.Of(a)
		tell := func(o *world.Order, h world.Happening) {
			if s.told.has(h) {
				return
			}
			if news, ok := n.Tell(a, o, h, h.At); ok {
				list = append(list, news)
			}
		}
		if n.Moments == nil {
			for _, h := range w.Happened(after, until) {
				tell(w.Order(h.Number), h)
			}
		} else {
			for at, number := range s.agenda.Between(after, until) {
				o := w.Order(number)
				for _, h := range n.momentsOf(a, o) {
					if h.At.Equal(at) {
						tell(o, h)
					}
				}
			}
		}
		s.told.forget(until)
		return list
	}
	return desk.Flow{Stores: []desk.Keeper{store}, Watch: watch, News: map[string]desk.NewsSource{n.Type: {Since: since, About: n.About}}}
}

// momentsOf are the moments of an order, in whole seconds.
func (n *News) momentsOf(a *desk.Seller, o *world.Order) (list []world.Happening) {
	n.Moments(a, o, func(at time.Time, what string) {
		list = append(list, world.Happening{Number: o.Number, At: at.UTC().Truncate(time.Second), What: what})
	})
	return list
}

// byChange is what a request has let happen to an order.
func (n *News) byChange(a *desk.Seller, before, after *world.Order, now time.Time) []world.Happening {
	if n.Moments == nil {
		return world.ByChange(before, after, now)
	}
	was := n.momentsOf(a, before)
	return slices.DeleteFunc(n.momentsOf(a, after), func(h world.Happening) bool { return h.At.After(now) || slices.Contains(was, h) })
}

// toldNews is what has been told of an order when a request changed it, so that who looks through the time after doesn't tell it again.
type toldNews struct {
	mu   sync.Mutex
	told map[world.Happening]bool
}

// add notes that something has been told.
func (t *toldNews) add(h world.Happening) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told == nil {
		t.told = map[world.Happening]bool{}
	}
	t.told[h] = true
}

// has tells whether it has.
func (t *toldNews) has(h world.Happening) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.told[h]
}

// forget forgets what nobody will ask for who goes on from a time.
func (t *toldNews) forget(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for h := range t.told {
		if !h.At.After(until) {
			delete(t.told, h)
		}
	}
}

// Newest finds the order of an id, or, without one, the newest that accept takes; nil where there is none.
func Newest(w *world.World, id string, now time.Time, accept func(*world.Order) bool) *world.Order {
	if id != "" {
		if o := w.OrderByID(id, now); o != nil && accept(o) {
			return o
		}
		return nil
	}
	for last := w.NumberFrom(now.Add(time.Second)) + 2; last >= 0; last-- {
		if o := w.Life(last); o != nil && len(o.Items) > 0 && !o.Purchased.After(now) {
			if o = w.Order(last); accept(o) {
				return o
			}
		}
	}
	return nil
}

// Package agenda finds what happens when to orders, by whatever follows from their lives: for those who must tell of it when it comes, however many orders
// there are.
package agenda

import (
	"iter"
	"math"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/timeline"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Agenda is a list of moments of the orders of a world. It is made when it is first asked for anything, which takes as long as it takes to look at
// the orders of the last [world.LifeSpan]; what comes and changes later is added.
type Agenda struct {
	world   *world.World
	moments func(o *world.Order, add func(at time.Time))

	mu   sync.Mutex
	list *timeline.List
	seen int // changes of orders, see [world.World.Changes]
}

// New makes an agenda of a world: moments tells those of an order, of which its life is enough.
func New(w *world.World, moments func(o *world.Order, add func(at time.Time))) *Agenda {
	return &Agenda{world: w, moments: moments}
}

// Between yields the numbers of the orders that have a moment after a time and by another, and the moment, by time. Moments are whole seconds. Those that a
// change has put off may be among them: who asks looks at the order. The caller doesn't hold the world's lock.
func (g *Agenda) Between(after, until time.Time) iter.Seq2[time.Time, int] {
	return func(yield func(time.Time, int) bool) {
		for _, k := range g.keys(after, until) {
			if !yield(time.Unix(int64(k.Second()), 0).UTC(), int(k.Of())) {
				return
			}
		}
	}
}

func (g *Agenda) keys(after, until time.Time) (list []timeline.Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.list == nil {
		g.build(after)
	}
	g.update()
	for k := range g.list.From(timeline.At(second(after)+1, 0), nil, 0, 0) {
		if k.Second() > second(until) {
			break
		}
		if n := len(list); n == 0 || list[n-1] != k {
			list = append(list, k)
		}
	}
	return list
}

// second is the second of a key: since 1970.
func second(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), math.MaxUint32-1)) } //nolint:gosec // bounded

// build looks at the orders of which something may still happen.
func (g *Agenda) build(after time.Time) {
	var keys []timeline.Key
	_, g.seen = g.world.Changes(math.MaxInt)
	look := func(o *world.Order) {
		g.moments(o, func(at time.Time) {
			if at.After(after) {
				keys = append(keys, timeline.At(second(at), uint32(o.Number))) //nolint:gosec // numbers begin with 0
			}
		})
	}
	from := after.Add(-world.LifeSpan)
	for o := range g.world.Lives(from, time.Unix(math.MaxUint32, 0)) {
		look(o)
	}
	for _, number := range g.world.Touched() {
		if o := g.world.Life(number); o.Purchased.Before(from) {
			look(o)
		}
	}
	g.list = timeline.New(keys, func(uint32) (uint16, uint32) { return 0, 0 })
}

// update looks at the orders that have come or have been changed.
func (g *Agenda) update() {
	var numbers []int
	numbers, g.seen = g.world.Changes(g.seen)
	for _, number := range numbers {
		if o := g.world.Life(number); o != nil && len(o.Items) > 0 {
			g.moments(o, func(at time.Time) { g.list.Insert(timeline.At(second(at), uint32(number)), 0, 0) }) //nolint:gosec // numbers begin with 0
		}
	}
}

package desk

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// News is something that has happened of which Amazon tells by a notification.
type News struct {
	Type    string    // of the notification: "ORDER_CHANGE"
	Version string    // the payload version that Payload is of; "" for all of the type
	At      time.Time // when it happened
	Payload object    // as it stands in the message, below the envelope: with its wrapper, members spelt as the schema spells them
	// Make makes the payload where Payload is nil, if and when it is needed: of what comes by the thousand most may be filtered. It may take locks of the world.
	Make func() object
}

// NewsSource is where news of one type comes from. What requests change is told by [Seller.Tell]; what comes with time is asked for.
type NewsSource struct {
	// Since is what has happened after a time and up to another, in order of time. It is asked about spans that follow one another, and only where somebody
	// is subscribed; spans are a day at most. nil: all is told. It may take locks of the world and may call [Seller.Tell].
	Since func(a *Seller, after, until time.Time) []News
	// About is what would be told of something as it is now, for those who want a message without a change: about has ids by name ("order", "sku", "asin",
	// "marketplace", "report", "feed", "query", "shipment"), and what is missing is chosen. The error says which is unknown, and what there is.
	About func(a *Seller, about map[string]string, now time.Time) (News, error)
}

// AboutNames are the names of ids by which [NewsSource.About] can be told what a message is to be about. Beside them it gets "payloadVersion" where a message
// is wanted in a certain one.
var AboutNames = []string{"order", "sku", "asin", "marketplace", "report", "feed", "query", "shipment"}

// SellerNews is news of one seller's.
type SellerNews struct {
	Seller *Seller
	News
}

// newsBox has what requests have changed, until it is sent.
type newsBox struct {
	mu   sync.Mutex
	told []SellerNews
	full atomic.Bool // told has something
}

// Wants tells whether somebody is subscribed to a type of a seller's: whoever changes something needn't make news of it otherwise.
func (a *Seller) Wants(kind string) bool {
	for _, f := range a.Desk.flows {
		if f.Wanted != nil && f.Wanted(a.Desk, a.Number, kind) {
			return true
		}
	}
	return false
}

// Tell takes news of what a request has changed, if somebody is subscribed to it. It may be called with locks held: the news goes out when the request has
// been carried out, before its answer.
func (a *Seller) Tell(n News) {
	if !a.Wants(n.Type) {
		return
	}
	b := &a.Desk.news
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, SellerNews{a, n})
	b.full.Store(true)
}

// AnyTold reports whether there is something that [Desk.Told] would take.
func (d *Desk) AnyTold() bool { return d.news.full.Load() }

// Told takes what has been told since it was last called, in that order.
func (d *Desk) Told() []SellerNews {
	b := &d.news
	b.mu.Lock()
	defer b.mu.Unlock()
	told := b.told
	b.told = nil
	b.full.Store(false)
	return told
}

// watch has flows told of changes of what a seller offers, while a type is wanted that they tell of.
func (a *Seller) watch(w *world.World) {
	w.Watch(func() bool { return slices.ContainsFunc(a.Desk.watched, a.Wants) }, func(c world.Change) {
		for i := range a.Desk.flows {
			if f := &a.Desk.flows[i]; f.Changes != nil {
				f.Changes(a, w, c)
			}
		}
	})
}

// watchedTypes are the types of news that changes of listings tell of.
func watchedTypes(flows []Flow) (types []string) {
	for _, f := range flows {
		if f.Changes != nil {
			types = slices.AppendSeq(types, maps.Keys(f.News))
		}
	}
	return types
}

// WorldAt is a seller's world to which what comes until a time has come, or more.
func WorldAt(a *Seller, until time.Time) *world.World {
	w := a.untouched()
	w.Advance(until)
	return w
}

// Until is the Since of a [NewsSource] of what changes of listings tell.
func Until(a *Seller, _, until time.Time) []News {
	WorldAt(a, until)
	return nil
}

// NewsSources are those of all flows, by type. The map is shared: don't change it.
func (d *Desk) NewsSources() map[string]NewsSource { return d.sources }

func newsSources(flows []Flow) map[string]NewsSource {
	all := map[string]NewsSource{}
	for _, f := range flows {
		maps.Copy(all, f.News)
	}
	return all
}

// Horizon is the time, and until when nothing more can happen: a request that is under way may still change things at the time when it came. The first is not
// before the second.
func (d *Desk) Horizon() (now, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now = d.Clock.Now()
	until = now
	for _, came := range d.underWay {
		if !came.After(until) {
			until = came.Add(-1)
		}
	}
	return now, until
}

// begin counts a request in and tells its time; where it is one that may change things it is under way until [Desk.end].
func (d *Desk) begin(changes bool) (n int, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, now = d.log.next(), d.Clock.Now()
	if changes {
		d.underWay[n] = now
	}
	return n, now
}

func (d *Desk) end(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.underWay, n)
}

// notice lets flows put into the application's queues what time and requests have made due. It wants d.gate held, for reading at least.
func (d *Desk) notice() {
	for _, f := range d.flows {
		if f.Notices != nil {
			f.Notices(d, d.Clock.Now())
		}
	}
}

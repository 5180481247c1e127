package notifications

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
)

// application stands for the number of a seller in subscriptions that are the application's own: they are to news of all sellers.
const application = -1

// patience is how much time passes, on a clock that runs, before flows are asked again what it has brought.
const patience = time.Second

// tellNews sends what has happened since it was last called to those who are subscribed. Whoever calls it when something has been told may go on when that
// is in the queue: of several at a time each waits for the one that has it in hand.
func tellNews(d *desk.Desk, _ time.Time) {
	subs := SubscriptionStore.At(d)
	if subs.wanted.Load() == nil {
		return
	}
	subs.mu.Lock()
	defer subs.mu.Unlock()
	subs.tell(d, false)
}

// wanted tells whether somebody is subscribed to a type of a seller's. It takes no lock, since it is asked with any held.
func wanted(d *desk.Desk, seller int, kind string) bool {
	kinds := SubscriptionStore.At(d).wanted.Load()
	return kinds != nil && ((*kinds)[seller][kind] || (*kinds)[application][kind])
}

// index must be called when the list of subscriptions has changed. It wants s.mu held.
func (s *subscriptions) index() {
	s.of = map[int][]*Subscription{}
	kinds := map[int]map[string]bool{}
	for _, sub := range s.List {
		s.of[sub.Seller] = append(s.of[sub.Seller], sub)
		if kinds[sub.Seller] == nil {
			kinds[sub.Seller] = map[string]bool{}
		}
		kinds[sub.Seller][sub.Kind] = true
	}
	if len(kinds) == 0 {
		s.wanted.Store(nil)
		return
	}
	s.wanted.Store(&kinds)
}

// event is news that is to be sent.
type event struct {
	desk.SellerNews      // Payload is nil until it is needed, see [event.made]
	asked           bool // the flow was asked; else it was told
	decoded         object
}

// tell sends what has happened; at once also when the last time is less than [patience] ago. It wants s.mu held. The locks of the world are taken below it:
// whoever holds one of those may not wait for s.mu.
func (s *subscriptions) tell(d *desk.Desk, atOnce bool) {
	if len(s.List) == 0 {
		return
	}
	now, until := d.Horizon()
	if s.told.IsZero() {
		s.told = until // of a state that says nothing of it
	}
	if now.Before(s.told) { // the clock has been set back: what is to come comes again
		s.told, s.ahead = until, nil
		s.reopen(now)
	}
	if !atOnce && !d.Clock.Stands() && until.Sub(s.told) < patience {
		s.tellSome(d, until, now)
		return
	}
	var events []*event
	for last := false; !last; {
		step := s.told
		if step.Before(until) {
			step = step.Add(min(until.Sub(step), longestSpan))
			for _, a := range d.AllSellers() {
				events = append(events, s.ask(d, a, step)...)
			}
		}
		last = !step.Before(until)
		events = sorted(append(events, told(d)...)) // behind the questions, which may have it told
		due := slices.IndexFunc(events, func(e *event) bool { return e.At.After(step) })
		if due < 0 || last {
			due = len(events)
		}
		for i, e := range events[:due] {
			s.close(d, e.At, now)
			for _, sub := range s.subscribersOf(e) {
				sub.offer(d, s, e, now)
			}
			events[i] = nil // payloads are large
		}
		events = events[due:]
		s.told = step
		s.close(d, step, now)
	}
	s.ahead = nil
}

// tellSome sends what has been told, and before it what time has brought the same sellers. The others aren't asked of: it is soon after they were.
func (s *subscriptions) tellSome(d *desk.Desk, until, now time.Time) {
	if !d.AnyTold() {
		return
	}
	events := told(d)
	asked := map[*desk.Seller]bool{}
	for _, e := range slices.Clone(events) {
		if a := e.Seller; !asked[a] {
			asked[a] = true
			events = append(s.ask(d, a, until), events...)
			if s.ahead == nil {
				s.ahead = map[int]time.Time{}
			}
			s.ahead[a.Number] = until
		}
	}
	for _, e := range sorted(append(events, told(d)...)) {
		s.close(d, e.At, now)
		for _, sub := range s.subscribersOf(e) {
			sub.offer(d, s, e, now)
		}
	}
}

// told is what has been told since.
func told(d *desk.Desk) (events []*event) {
	for _, n := range d.Told() {
		if d.Auth.IsAuthorized(n.Seller.Account) {
			events = append(events, &event{SellerNews: n})
		}
	}
	return events
}

// sorted puts events in order of time.
func sorted(events []*event) []*event {
	slices.SortStableFunc(events, func(a, b *event) int { return a.At.Compare(b.At) })
	return events
}

// longestSpan is what flows are asked about at a time, so that not all that a jump of the clock brings is in memory at once.
const longestSpan = 24 * time.Hour

// ask asks the flows what time has brought a seller whom somebody is subscribed to, up to a time. Of a seller who has taken the authorization back nothing
// is sent, as developers believe of Amazon (selling-partner-api-docs#1904).
func (s *subscriptions) ask(d *desk.Desk, a *desk.Seller, until time.Time) (events []*event) {
	sources, kinds, after := d.NewsSources(), *s.wanted.Load(), s.told
	if ahead := s.ahead[a.Number]; ahead.After(after) {
		after = ahead
	}
	if len(kinds[a.Number])+len(kinds[application]) == 0 || !d.Auth.IsAuthorized(a.Account) || !after.Before(until) {
		return nil
	}
	var names []string
	for _, number := range []int{a.Number, application} {
		for name := range kinds[number] {
			if sources[name].Since != nil && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	a.Settle(until) // what is told of jobs is told then, and feeds change what others tell of
	slices.Sort(names)
	for _, name := range names {
		for _, n := range sources[name].Since(a, after, until) {
			if n.At.After(after) && !n.At.After(until) {
				events = append(events, &event{SellerNews: desk.SellerNews{Seller: a, News: n}, asked: true})
			}
		}
	}
	return events
}

// subscribersOf are the subscriptions that news are for, but for their filters: of what had happened before a subscription was made it gets nothing.
func (s *subscriptions) subscribersOf(e *event) (list []*Subscription) {
	k := kinds()[e.Type]
	for _, sub := range slices.Concat(s.of[e.Seller.Number], s.of[application]) {
		fresh := e.At.After(sub.Created) || !e.asked && !e.At.Before(sub.Created.Truncate(time.Second)) // some say it in whole seconds
		if k != nil && sub.Kind == e.Type && k.takes(sub.Version, e.Version) && fresh {
			list = append(list, sub)
		}
	}
	return list
}

// What becomes of news at a subscription.
const (
	sent     = "sent"
	filtered = "filtered"
	held     = "held"
)

// offer sends news to a subscription, if its processing directive lets them through, and tells what has become of them and why. It wants subs.mu held.
func (s *Subscription) offer(d *desk.Desk, subs *subscriptions, e *event, now time.Time) (outcome, why string, sentAs desk.Delivery) {
	if why := s.refuses(e); why != "" {
		return filtered, why, desk.Delivery{}
	}
	if period := s.period(); period > 0 {
		if w := s.window(e, period); w != nil {
			return held, "aggregationSettings: the next one is sent at " + desk.Millis(w.Until), desk.Delivery{}
		}
	}
	return sent, "", subs.publish(d, s, e.made(), now)
}

// publish sends news to a subscription's destination. It wants subs.mu held.
func (s *subscriptions) publish(d *desk.Desk, sub *Subscription, n desk.News, now time.Time) desk.Delivery {
	i := slices.IndexFunc(s.Destinations, func(o *Destination) bool { return o.ID == sub.Destination })
	if i < 0 {
		return desk.Delivery{}
	}
	return post(d, s.Destinations[i].target(d), sub.Kind, sub.Version, sub.ID, n, now)
}

// post sends a notification to a queue, or to a partner event source.
func post(d *desk.Desk, target, kind, version, subscription string, n desk.News, now time.Time) desk.Delivery {
	return d.Outbox.Send(target, message(d, kind, version, subscription, n), now)
}

func message(d *desk.Desk, kind, version, subscription string, n desk.News) desk.Notification {
	return desk.Notification{Kind: kind, Version: version, Application: applicationID(d), Subscription: subscription, At: n.At, Payload: n.Payload}
}

// applicationID is how messages, and names of event sources, spell the application's id (selling-partner-api-models, schemas/notifications): error texts have
// amzn1.sp.solution.
func applicationID(d *desk.Desk) string {
	return strings.Replace(d.Auth.Application().ID, ".sp.solution.", ".sellerapps.app.", 1)
}

// target is where a destination's messages go: to a queue, or to the partner event source that stands for the application in the account
// (amzn/selling-partner-api-docs, guides/en-US/use-case-guides/notifications-api-use-case-guide).
func (d *Destination) target(of *desk.Desk) string {
	if d.ARN != "" {
		return d.ARN
	}
	return "arn:aws:events:" + d.Region + ":" + d.Account + ":event-source/aws.partner/sellingpartnerapi.amazon.com/" + d.Account + "/" + applicationID(of)
}

// window is the time after a message of an aggregated subscription in which others of the same marketplace and ASIN are held: at its end the last of them goes
// out, and another one begins.
type window struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
	Held  *heldNews `json:"held,omitempty"`
}

type heldNews struct {
	At      time.Time `json:"at"`
	Payload object    `json:"payload"` // numbers as they were written
}

// UnmarshalJSON keeps numbers as they were written: what comes out of an import is sent as it would have been.
func (h *heldNews) UnmarshalJSON(text []byte) error {
	type plain heldNews
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode((*plain)(h))
}

// window holds news, and returns the window that does; nil where they are the first, and begin one.
func (s *Subscription) window(e *event, period time.Duration) *window {
	key := s.key(e)
	for _, w := range s.Windows {
		if w.Key == key {
			w.Held = &heldNews{e.At, e.payload()}
			return w
		}
	}
	s.Windows = append(s.Windows, &window{Key: key, Until: e.At.Add(period)})
	return nil
}

// close sends what windows hold that end by a time, in order of their ends. It wants s.mu held.
func (s *subscriptions) close(d *desk.Desk, by, now time.Time) {
	for _, sub := range s.List {
		for len(sub.Windows) > 0 {
			w := slices.MinFunc(sub.Windows, func(a, b *window) int { return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.Key, b.Key)) })
			if w.Until.After(by) {
				break
			}
			if w.Held == nil {
				sub.Windows = slices.DeleteFunc(sub.Windows, func(o *window) bool { return o == w })
				continue
			}
			s.publish(d, sub, desk.News{Type: sub.Kind, At: w.Held.At, Payload: w.Held.Payload}, now)
			w.Held, w.Until = nil, w.Until.Add(sub.period())
		}
	}
}

// reopen makes subscriptions ones of a clock that was set back: none was made later than now, and no window ends later than it can.
func (s *subscriptions) reopen(now time.Time) {
	for _, sub := range s.List {
		if sub.Created.After(now) {
			sub.Created = now
		}
		for _, w := range sub.Windows {
			if w.Until.After(now.Add(sub.period())) {
				w.Until = now
			}
		}
	}
}

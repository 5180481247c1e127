package notifications

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/internal/notificationtypes"
)

// Trigger is a message that is wanted without anything having changed.
type Trigger struct {
	Type    string
	Version string            // payload version; "": that of each subscription, and for a queue the latest
	Seller  *desk.Seller      // whose news it is; nil: the first one who is subscribed, else the first one
	About   map[string]string // what it is about, by [desk.AboutNames]
	Payload map[string]any    // as it is to stand in the message; nil: made of what it is about
	Queue   string            // ARN of where it goes, past all subscriptions; "": to those that want it
	Dry     bool              // nothing is sent
}

// Triggered is what has become of a message.
type Triggered struct {
	Queue        string
	Subscription string // id; "" for a queue that was named
	Outcome      string // "sent", "filtered" or "held"; "dropped", "lost" or "late" on its way; with Dry what would become of it
	Why          string // of an outcome that isn't "sent"
	Body         json.RawMessage
}

// Pull sends a message without a change. With no message there is a reason. notes are what is odd about the payload that was given, which is sent all the same:
// whoever tests a consumer may want it so. The error is about what was wanted.
func (t Trigger) Pull(d *desk.Desk) (list []Triggered, reason string, notes []string, err error) {
	typ, err := t.typ()
	if err != nil {
		return nil, "", nil, err
	}
	for name := range t.About {
		if !slices.Contains(desk.AboutNames, name) {
			return nil, "", nil, fmt.Errorf("about: there is no %q; there are %s", name, strings.Join(desk.AboutNames, ", "))
		}
	}
	now := d.Clock.Now()
	subs := SubscriptionStore.At(d)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	subs.tell(d, true) // what has happened before comes before it, and windows that have ended hold it no more
	a := t.Seller
	if a == nil {
		a = subs.firstFor(d, typ.Name)
	}
	n, err := t.news(d, a, now)
	if err != nil {
		return nil, "", nil, err
	}
	if t.Payload != nil && typ.Wrapper != "" {
		if _, ok := t.Payload[typ.Wrapper]; !ok {
			notes = append(notes, "payload: has no "+typ.Wrapper+", in which all of "+typ.Name+" stands")
		}
	}
	if typ.Token == "none" && t.Queue == "" {
		if t.Queue = d.Outbox.CredentialQueue(); t.Queue == "" {
			return nil, "nobody can subscribe to " + typ.Name + ", and no queue is registered for credentials", notes, nil
		}
	}
	if t.Queue != "" {
		version := t.Version
		for _, other := range []string{n.Version, typ.PayloadVersion, unknownVersion} {
			if version == "" {
				version = other
			}
		}
		return []Triggered{t.send(d, t.Queue, version, "", n, now)}, "", notes, nil
	}
	e := &event{SellerNews: desk.SellerNews{Seller: a, News: n}}
	for _, sub := range slices.Concat(subs.of[a.Number], subs.of[application]) {
		k := kinds()[typ.Name]
		if sub.Kind != typ.Name || !k.takes(sub.Version, n.Version) {
			continue
		}
		list = append(list, t.offer(d, subs, sub, e, now))
	}
	if len(list) == 0 {
		reason = "nobody is subscribed to " + typ.Name + " of seller " + a.Account.Seller.ID
		if n.Version != "" {
			reason += " in payload version " + n.Version
		}
	}
	return list, reason, notes, nil
}

// offer is what becomes of news at a subscription. It wants subs.mu held.
func (t Trigger) offer(d *desk.Desk, subs *subscriptions, sub *Subscription, e *event, now time.Time) Triggered {
	i := slices.IndexFunc(subs.Destinations, func(o *Destination) bool { return o.ID == sub.Destination })
	if i < 0 {
		return Triggered{Subscription: sub.ID, Outcome: filtered, Why: "its destination is no more"}
	}
	target := subs.Destinations[i].target(d)
	if t.Dry {
		if why := sub.refuses(e); why != "" {
			return Triggered{Queue: target, Subscription: sub.ID, Outcome: filtered, Why: why}
		}
		return t.send(d, target, sub.Version, sub.ID, e.News, now)
	}
	outcome, why, delivery := sub.offer(d, subs, e, now)
	out := Triggered{Queue: target, Subscription: sub.ID, Outcome: outcome, Why: why}
	out.arrived(delivery)
	return out
}

// arrived takes over what has become of a message on its way.
func (t *Triggered) arrived(delivery desk.Delivery) {
	t.Body = delivery.Body
	if how := delivery.Outcome; how != "" && !strings.HasPrefix(how, desk.Delivered) {
		word, _, _ := strings.Cut(how, " ")
		t.Outcome, t.Why = strings.TrimSuffix(word, ":"), how
	}
}

func (t Trigger) send(d *desk.Desk, target, version, subscription string, n desk.News, now time.Time) Triggered {
	out := Triggered{Queue: target, Subscription: subscription, Outcome: sent}
	if subscription == "" {
		subscription = d.Seed.Of("trigger").UUID() // messages have one
	}
	if t.Dry {
		out.Body = d.Outbox.Draft(message(d, t.Type, version, subscription, n), now)
		return out
	}
	d.Outbox.Open(target)
	out.arrived(post(d, target, t.Type, version, subscription, n, now))
	return out
}

// typ finds the type in its payload version.
func (t Trigger) typ() (found notificationtypes.Type, err error) {
	var names, versions []string
	for _, typ := range notificationtypes.All() {
		names = append(names, typ.Name)
		if typ.Name != t.Type {
			continue
		}
		own := append(slices.Clone(typ.AlsoVersions), typ.PayloadVersion)
		if typ.PayloadVersion == "" {
			own = []string{unknownVersion}
		}
		versions = append(versions, own...)
		if t.Version == "" || slices.Contains(own, t.Version) {
			found = typ
		}
	}
	switch {
	case len(versions) == 0:
		return found, fmt.Errorf("type: there is no %q; there are %s", t.Type, strings.Join(slices.Compact(names), ", "))
	case found.Name == "":
		return found, fmt.Errorf("payloadVersion: %s has no %q; there are %s", t.Type, t.Version, strings.Join(versions, ", "))
	}
	return found, nil
}

// news is what is to be told. It wants subs.mu held.
func (t Trigger) news(d *desk.Desk, a *desk.Seller, now time.Time) (desk.News, error) {
	if t.Payload != nil {
		return desk.News{Type: t.Type, Version: t.Version, At: now, Payload: t.Payload}, nil
	}
	source := d.NewsSources()[t.Type]
	if source.About == nil {
		return desk.News{}, fmt.Errorf("payload: nothing in the emulator makes a message of %s: give a payload", t.Type)
	}
	about := maps.Clone(t.About)
	if t.Version != "" {
		if about == nil {
			about = map[string]string{}
		}
		about["payloadVersion"] = t.Version
	}
	a.Settle(now) // so that what is due is there to be told of
	n, err := source.About(a, about, now)
	if err != nil {
		return desk.News{}, fmt.Errorf("about: %w", err)
	}
	if n.Version == "" {
		n.Version = t.Version
	}
	if n.Payload == nil && n.Make != nil {
		n.Payload = n.Make()
	}
	if n.At.IsZero() || n.At.After(now) {
		n.At = now
	}
	return n, nil
}

// firstFor is the first seller of whom somebody is subscribed to a type, else the first one.
func (s *subscriptions) firstFor(d *desk.Desk, kind string) *desk.Seller {
	all := d.AllSellers()
	for _, a := range all {
		if slices.ContainsFunc(s.of[a.Number], func(sub *Subscription) bool { return sub.Kind == kind }) {
			return a
		}
	}
	return all[0]
}

// sendTestNotification puts a message of the type into a queue: about something of the first seller's, where the emulator knows what such a message says, else
// its payload only repeats the scenario. Which scenarios Amazon knows is nowhere published: any is taken, and changes nothing else.
func sendTestNotification(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	id, _ := body["destinationId"].(string)
	test, _ := body["testNotification"].(map[string]any)
	version, _ := test["payloadVersion"].(string)
	scenario, _ := test["testScenario"].(string)
	if scenario == "" { // the model's note
		return answer.Reply{}, errNotification("testScenario must not be empty")
	}
	if err := checkVersion(c, kind, version); err != nil {
		return answer.Reply{}, err
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	to := subs.destination(c, id)
	if to == nil {
		return answer.Reply{}, errNoDestination(c, id)
	}
	n, failed := Trigger{Type: kind.Name, Version: version}.news(c.Desk, c.Desk.Seller(0), c.Now)
	if failed != nil {
		n = desk.News{Payload: object{"testScenario": scenario}, At: c.Now}
	}
	post(c.Desk, to.target(c.Desk), kind.Name, version, c.Desk.Seed.Of("trigger").UUID(), n, c.Now)
	return answer.Payload(object{}), nil
}

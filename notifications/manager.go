package notifications

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/marketplace"
)

// scope is that of the application's own token for notifications.
const scope = "sellingpartnerapi::notifications"

// atOnce is how many sellers are worked on at the same time. What limits the work are the buckets of each seller, so more sellers take no longer.
const atOnce = 256

// Manager sets up the notifications of one application: it plans ([Manager.Plan]) what is to be done so that Amazon has what a [Setup] says, and does it
// ([Manager.Apply]). It picks the token for each call by itself: the application's own for destinations, the seller's for subscriptions. It is safe for
// concurrent use as long as its fields don't change.
type Manager struct {
	// App is the application. Default: that of the first seller.
	App *spapi.App
	// Sellers are those who may be subscribed, each in one region. They are of one application, all in the sandbox or none.
	Sellers []Seller
	// Regions are those of SP-API that are looked at beside those of the sellers and of the set-up, for destinations.
	Regions []marketplace.Region
	// Sandbox goes to the sandbox where there are no sellers; those say it by themselves.
	Sandbox bool
	// Progress is told of each call's end, one at a time. It must be quick. Default: nobody is told.
	Progress func(Progress)
}

// Seller is an authorization under the name that a [Setup] has for it, such as that of a stored account.
type Seller struct {
	Name   string
	Client *spapi.Client
}

// String never shows a secret.
func (s Seller) String() string { return s.Name }

// Progress is how far reading or applying has got.
type Progress struct {
	Doing   string // "read" or "apply"
	Done    int    // of Total; what is read for one seller and type is one, and so is one step
	Total   int
	Outcome *Outcome // of the step that has just ended; nil while reading
}

// State is what there is at Amazon.
type State struct {
	Destinations  []Destination  `json:"destinations,omitzero"`
	Subscriptions []Subscription `json:"subscriptions,omitzero"`
	Findings      []Finding      `json:"findings,omitzero"` // what could not be read, and why
}

// Destination is one that Amazon has for the application.
type Destination struct {
	Region      marketplace.Region `json:"region"` // of SP-API
	ID          string             `json:"destinationId"`
	Name        string             `json:"name,omitzero"`
	SQS         string             `json:"sqs,omitzero"` // ARN of the queue
	EventBridge *EventBridgeSetup  `json:"eventBridge,omitzero"`
}

// resource is where it leads to, as people read it.
func (d *Destination) resource() string { return resourceText(d.SQS, d.EventBridge) }

func resourceText(sqs string, bridge *EventBridgeSetup) string {
	switch {
	case sqs != "":
		return sqs
	case bridge != nil:
		return "EventBridge " + bridge.AccountID + " " + bridge.Region
	}
	return "of a kind that is unknown"
}

// Subscription is one that Amazon has for a seller, or for the application itself.
type Subscription struct {
	Region         marketplace.Region                   `json:"region"`          // of SP-API
	Seller         string                               `json:"seller,omitzero"` // name; "" is the application
	Type           string                               `json:"type"`
	PayloadVersion string                               `json:"payloadVersion"`
	ID             string                               `json:"subscriptionId"`
	DestinationID  string                               `json:"destinationId"`
	Directive      *notificationsv1.ProcessingDirective `json:"processingDirective,omitzero"`
}

// party is a seller in a region, or the application itself.
type party struct {
	region marketplace.Region
	seller string // "" is the application
}

// who names it for people.
func (p party) who() string {
	if p.seller == "" {
		return "the application in " + string(p.region)
	}
	return p.seller
}

// session is a Manager whose fields have been found right.
type session struct {
	*Manager
	app       *spapi.App
	clientID  string
	sandbox   bool
	regions   []marketplace.Region
	grantless map[marketplace.Region]*notificationsv1.Client
	clients   map[party]*notificationsv1.Client // of sellers; of the application in each region under ""
	sellers   []party                           // in ascending order of names

	mu    sync.Mutex
	doing string
	done  int
	total int
}

// session checks the fields. Regions are those that a set-up names.
func (m *Manager) session(named []marketplace.Region) (*session, error) {
	s := &session{Manager: m, app: m.App, sandbox: m.Sandbox,
		grantless: map[marketplace.Region]*notificationsv1.Client{}, clients: map[party]*notificationsv1.Client{}}
	var p problems
	regions := append(slices.Clone(m.Regions), named...)
	type authorization struct {
		seller string
		region marketplace.Region
	}
	names, same := map[string]bool{}, map[authorization]string{}
	for i, seller := range m.Sellers {
		field := fmt.Sprintf("sellers[%d]", i)
		if seller.Client == nil || seller.Name == "" {
			p.add(field, seller.Name, "want a name and a client")
			continue
		}
		if err := seller.Client.Check(); err != nil {
			return nil, fmt.Errorf("notifications: %s %q: %w", field, shown(seller.Name), err)
		}
		clientID, id := seller.Client.Principal()
		if s.app == nil {
			s.app = seller.Client.App()
		}
		if s.clientID == "" {
			s.clientID, s.sandbox = clientID, seller.Client.Sandbox()
		}
		key := authorization{id, seller.Client.Region()}
		switch {
		case names[seller.Name]:
			p.add(field, seller.Name, "is the name of another seller, too")
		case id == "":
			p.add(field, seller.Name, "has no refresh token: want the client of a seller")
		case same[key] != "":
			p.add(field, seller.Name, "is the same seller in the same region as %q: want it once", same[key])
		case clientID != s.clientID:
			p.add(field, seller.Name, "is of another application than the sellers before: want those of one application at a time")
		case seller.Client.Sandbox() != s.sandbox:
			p.add(field, seller.Name, "is in the sandbox and others aren't, or the reverse: want one of both at a time")
		}
		names[seller.Name], same[key] = true, seller.Name
		who := party{seller.Client.Region(), seller.Name}
		s.clients[who] = notificationsv1.New(seller.Client)
		s.sellers = append(s.sellers, who)
		regions = append(regions, who.region)
	}
	if s.app == nil {
		p.add("app", "", "is missing: want an application, or a seller that has one")
	}
	checkRegions(&p, "regions", m.Regions)
	if err := p.err(); err != nil {
		return nil, err
	}
	slices.SortFunc(s.sellers, func(a, b party) int { return strings.Compare(a.seller, b.seller) })
	slices.Sort(regions)
	s.regions = slices.Compact(regions)
	for _, r := range s.regions {
		client := s.app.Client(spapi.Authorization{Region: r, Sandbox: s.sandbox})
		if err := client.Check(); err != nil {
			return nil, fmt.Errorf("notifications: region %s: %w", r, err)
		}
		id, _ := client.Principal()
		if s.clientID != "" && id != s.clientID {
			return nil, &SetupError{Problems: []SetupProblem{{Field: "app", Value: id, Want: "is another application than that of the sellers, " + s.clientID}}}
		}
		s.clientID = id
		s.grantless[r] = notificationsv1.New(client)
		s.clients[party{region: r}] = s.grantless[r]
	}
	return s, nil
}

func (s *session) begin(doing string, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doing, s.done, s.total = doing, 0, total
}

// tell counts n as done.
func (s *session) tell(n int, outcome *Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if s.Progress != nil {
		s.Progress(Progress{s.doing, s.done, s.total, outcome})
	}
}

// each calls f for each party, many at once, and returns when all have returned.
func each[T any](list []T, f func(T)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, v := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(v)
		})
	}
	all.Wait()
}

// Destinations reads the application's destinations, in the regions of the manager. What can't be read of a region is a finding. Errors: [*SetupError] about
// the manager's fields, and the context's.
func (m *Manager) Destinations(ctx context.Context) (*State, error) {
	s, err := m.session(nil)
	if err != nil {
		return nil, err
	}
	if len(s.regions) == 0 {
		return nil, &SetupError{Problems: []SetupProblem{{Field: "regions", Want: "are missing: want regions, or sellers who have some"}}}
	}
	s.begin("read", len(s.regions))
	r := s.reading()
	r.destinations(ctx)
	return r.state(ctx)
}

// Subscriptions reads the subscriptions of all sellers, and of the application itself, to some types; none means all that can be subscribed to. Of each
// seller's types one a second can be read. What can't be read is a finding. Errors: as those of [Manager.Destinations].
func (m *Manager) Subscriptions(ctx context.Context, types ...string) (*State, error) {
	var p problems
	for i, name := range types {
		if !slices.Contains(subscribableNames(), name) {
			p.add(fmt.Sprintf("types[%d]", i), name, "can't be subscribed to: want %s", orNone(subscribableNames()))
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	s, err := m.session(nil)
	if err != nil {
		return nil, err
	}
	if len(types) == 0 {
		types = subscribableNames()
	}
	r := s.reading()
	work := r.work(types)
	s.begin("read", count(work))
	r.subscriptions(ctx, work)
	return r.state(ctx)
}

func count(work []typesOf) (n int) {
	for _, w := range work {
		n += len(w.types)
	}
	return n
}

// reading is what is read of Amazon.
type reading struct {
	*session

	mu       sync.Mutex
	found    State
	unread   map[unreadKey]bool // what could not be read
	cut      error              // why not all could be asked for; nil: all was
	findings findings
}

type unreadKey struct {
	party
	typ string // "" is the destinations
}

func (s *session) reading() *reading { return &reading{session: s, unread: map[unreadKey]bool{}} }

// typesOf are the types to be read for somebody.
type typesOf struct {
	party
	types []string
}

// work is who is to be asked for which types.
func (r *reading) work(types []string) []typesOf {
	var own, others []string
	for _, name := range types {
		if appliesToApplication(name) {
			own = append(own, name)
		} else {
			others = append(others, name)
		}
	}
	var list []typesOf
	if len(own) > 0 {
		for _, region := range r.regions {
			list = append(list, typesOf{party{region: region}, own})
		}
	}
	if len(others) > 0 {
		for _, who := range r.sellers {
			list = append(list, typesOf{who, others})
		}
	}
	return list
}

// appliesToApplication tells whether the application itself is subscribed to a type, with its own token.
func appliesToApplication(name string) bool {
	return slices.ContainsFunc(notificationtypes.All(), func(t notificationtypes.Type) bool { return t.Name == name && t.Token == "grantless" })
}

func (r *reading) destinations(ctx context.Context) {
	each(r.regions, func(region marketplace.Region) {
		list, err := r.readDestinations(ctx, region)
		r.mu.Lock()
		defer r.mu.Unlock()
		if tooLate(err) {
			r.cut = err
		}
		if err != nil {
			r.unread[unreadKey{party{region: region}, ""}] = true
			r.findings.unread(party{region: region}, "", err)
		}
		r.found.Destinations = append(r.found.Destinations, list...)
		r.tell(1, nil)
	})
}

func (s *session) readDestinations(ctx context.Context, region marketplace.Region) ([]Destination, error) {
	list, err := s.grantless[region].GetDestinations(ctx, nil)
	if err != nil {
		return nil, err
	}
	found := make([]Destination, 0, len(list))
	for _, d := range list {
		f := Destination{Region: region, ID: d.DestinationID, Name: d.Name}
		if d.Resource != nil && d.Resource.Sqs != nil {
			f.SQS = d.Resource.Sqs.Arn
		}
		if d.Resource != nil && d.Resource.EventBridge != nil {
			f.EventBridge = &EventBridgeSetup{AccountID: d.Resource.EventBridge.AccountID, Region: d.Resource.EventBridge.Region}
		}
		found = append(found, f)
	}
	return found, nil
}

// subscriptions reads what each is subscribed to, one type after the other: its bucket allows no more.
func (r *reading) subscriptions(ctx context.Context, work []typesOf) {
	each(work, func(w typesOf) {
		var failed []error // of types that could not be read
		var names []string
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(failed) == len(w.types) && len(failed) > 1 && !slices.ContainsFunc(failed, func(err error) bool { return !spapi.IsForbidden(err) }) {
				r.findings.unread(w.party, "", failed[0]) // whatever it is, it is not the role of one type
				return
			}
			for i, err := range failed {
				r.findings.unread(w.party, names[i], err)
			}
		}()
		for i, name := range w.types {
			list, err := r.readSubscriptions(ctx, w.party, name)
			r.mu.Lock()
			r.found.Subscriptions = append(r.found.Subscriptions, list...)
			if err != nil {
				r.unread[unreadKey{w.party, name}] = true
			}
			_, refused := errors.AsType[*spapi.AuthError](err)
			if tooLate(err) {
				r.cut = err
			}
			if refused || r.cut != nil || ctx.Err() != nil { // no more can be read
				for _, rest := range w.types[i:] {
					r.unread[unreadKey{w.party, rest}] = true
				}
				failed = nil
				if err != nil {
					r.findings.unread(w.party, "", err)
				}
				r.mu.Unlock()
				r.tell(len(w.types)-i, nil)
				return
			}
			if err != nil {
				failed, names = append(failed, err), append(names, name)
			}
			r.mu.Unlock()
			r.tell(1, nil)
		}
	})
}

// tooLate tells whether a call was not made since its limit would let it through only after the context's deadline.
func tooLate(err error) bool {
	limit, ok := errors.AsType[*spapi.LimitError](err)
	return ok && limit.Deadline
}

// readSubscriptions reads all payload versions of a type.
func (s *session) readSubscriptions(ctx context.Context, who party, name string) ([]Subscription, error) {
	size := int64(100)
	in := &notificationsv1.GetSubscriptionsInput{NotificationTypes: []string{name}, PageSize: &size}
	var list []Subscription
	for sub, err := range s.clients[who].GetSubscriptionsAll(ctx, in, s.tokenFor(who)) {
		if spapi.IsNotFound(err) { // none, if Amazon says so this way
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Subscription{Region: who.region, Seller: who.seller, Type: name, PayloadVersion: sub.PayloadVersion, ID: sub.SubscriptionID,
			DestinationID: sub.DestinationID, Directive: sub.ProcessingDirective})
	}
	return list, nil
}

// tokenFor makes the calls of the application itself go with its own token, where operations are declared to want a seller's; nil for sellers.
func (s *session) tokenFor(who party) spapi.CallOption {
	if who.seller == "" {
		return spapi.WithGrantless(scope)
	}
	return nil
}

// state is what has been read, in an order that doesn't change.
func (r *reading) state(ctx context.Context) (*State, error) {
	if ctx.Err() != nil {
		r.cut = context.Cause(ctx)
	}
	if r.cut != nil {
		return nil, fmt.Errorf("notifications: reading what there is: %w", r.cut)
	}
	slices.SortFunc(r.found.Destinations, func(a, b Destination) int {
		return cmp.Or(strings.Compare(string(a.Region), string(b.Region)), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	slices.SortFunc(r.found.Subscriptions, func(a, b Subscription) int {
		return cmp.Or(strings.Compare(a.Seller, b.Seller), strings.Compare(string(a.Region), string(b.Region)), strings.Compare(a.Type, b.Type),
			strings.Compare(a.PayloadVersion, b.PayloadVersion), strings.Compare(a.ID, b.ID))
	})
	r.found.Findings = r.findings.sorted()
	return &r.found, nil
}

package notifications

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/marketplace"
)

// Plan is what is to be done so that Amazon has what a [Setup] says. It holds names and ids and no secrets, and may be kept as JSON and applied later.
type Plan struct {
	Application string    `json:"application"` // client id
	Sandbox     bool      `json:"sandbox,omitzero"`
	Steps       []Step    `json:"steps"`     // in the order in which they are done, as far as it matters
	Unchanged   int       `json:"unchanged"` // how many of the desired destinations and subscriptions there are already, as they should be
	Findings    []Finding `json:"findings,omitzero"`
}

// Action is what a step does.
type Action string

// The actions. There is no update at Amazon: what must change is deleted and created.
const (
	ActionCreate  Action = "create"
	ActionReplace Action = "replace"
	ActionDelete  Action = "delete"
)

// Object is what a step is about.
type Object string

// The objects.
const (
	ObjectDestination  Object = "destination"
	ObjectSubscription Object = "subscription"
)

// Step is one thing to do.
type Step struct {
	Action Action             `json:"action"`
	Object Object             `json:"object"`
	Region marketplace.Region `json:"region"`          // of SP-API
	Seller string             `json:"seller,omitzero"` // of a subscription; "" is the application
	Reason string             `json:"reason"`          // why
	Lost   string             `json:"lost,omitzero"`   // what is lost by it; "" for nothing
	Name   string             `json:"name,omitzero"`   // of the destination, also of that to which a subscription leads
	ID     string             `json:"id,omitzero"`     // of what is deleted
	// DestinationID is where a subscription is to lead; "" where a step before makes the destination.
	DestinationID string `json:"destinationId,omitzero"`

	SQS         string            `json:"sqs,omitzero"` // of a destination
	EventBridge *EventBridgeSetup `json:"eventBridge,omitzero"`

	Type           string                               `json:"type,omitzero"` // of a subscription
	PayloadVersion string                               `json:"payloadVersion,omitzero"`
	Directive      *notificationsv1.ProcessingDirective `json:"processingDirective,omitzero"` // of what is created
	Before         *Subscription                        `json:"before,omitzero"`              // what is replaced or deleted
}

// String is the step in a line.
func (s Step) String() string {
	text := string(s.Action) + " " + string(s.Object) + " " + s.what()
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Lost != "" {
		text += "; " + s.Lost
	}
	return text
}

// what names what the step is about.
func (s Step) what() string {
	if s.Object == ObjectDestination {
		return fmt.Sprintf("%q in %s, %s", s.Name, s.Region, resourceText(s.SQS, s.EventBridge))
	}
	text := fmt.Sprintf("of %s to %s %s", party{s.Region, s.Seller}.who(), s.Type, s.PayloadVersion)
	if s.Name != "" {
		text += fmt.Sprintf(" at %q", s.Name)
	}
	if d := directiveText(s.Directive); d != "" {
		text += " with " + d
	}
	return text
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// String is the plan as people read it, a line for each step and each finding.
func (p *Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintln(&b, s)
	}
	for _, f := range p.Findings {
		fmt.Fprintln(&b, f)
	}
	fmt.Fprintf(&b, "%d to do, %d as desired\n", len(p.Steps), p.Unchanged)
	return b.String()
}

// PlanOptions say how a plan is made. The zero value reads all and deletes nothing.
type PlanOptions struct {
	// Prune deletes what is there and isn't desired: subscriptions of the sellers, and the application's destinations in the regions. Default: it is shown as
	// [FindingDrift].
	Prune bool
	// NamedTypesOnly looks only at the types that the set-up names, which is quicker: each type takes a second per seller. What else sellers are
	// subscribed to isn't seen then, neither as drift nor by Prune.
	NamedTypesOnly bool
}

// want is a subscription that somebody shall have.
type want struct {
	party
	setup     *SubscriptionSetup
	at        int // index of setup
	typ       *notificationtypes.Type
	version   string
	directive *notificationsv1.ProcessingDirective
}

// slot is what Amazon has one subscription in, or several that filterExpressions tell apart.
type slot struct {
	party
	typ, version string
}

// place is a destination's name in a region.
type place struct {
	region marketplace.Region
	name   string
}

// desired is a set-up, for the sellers that there are.
type desired struct {
	setups map[place]*DestinationSetup
	places []place // in ascending order
	wants  []want  // in ascending order of sellers, then as in the set-up
}

// Plan reads what there is and says what is to be done. It changes nothing at Amazon. What can't be read is a finding, and nothing is done about it. Errors:
// [*SetupError] about the set-up or the manager's fields, before anything is sent, and the context's.
func (m *Manager) Plan(ctx context.Context, setup *Setup, options PlanOptions) (*Plan, error) {
	if err := setup.Check(); err != nil {
		return nil, err
	}
	var named []marketplace.Region
	for _, d := range setup.Destinations {
		named = append(named, d.Regions...)
	}
	for _, sub := range setup.Subscriptions {
		if appliesToApplication(sub.Type) {
			named = append(named, sub.Regions...)
		}
	}
	s, err := m.session(named)
	if err != nil {
		return nil, err
	}
	d, err := s.resolve(setup)
	if err != nil {
		return nil, err
	}
	types := subscribableNames()
	if options.NamedTypesOnly {
		types = nil
		for _, sub := range setup.Subscriptions {
			types = append(types, sub.Type)
		}
		slices.Sort(types)
		types = slices.Compact(types)
	}
	r := s.reading()
	work := r.work(types)
	s.begin("read", len(s.regions)+count(work))
	r.destinations(ctx)
	r.subscriptions(ctx, work)
	state, err := r.state(ctx)
	if err != nil {
		return nil, err
	}
	p := &planner{reading: r, desired: d, options: options, plan: Plan{Application: s.clientID, Sandbox: s.sandbox, Steps: []Step{}},
		findings: slices.Clone(state.Findings), ids: map[place]string{}, pending: map[place]bool{}, there: map[slot][]*Subscription{}, kept: map[string]bool{}}
	for i := range state.Subscriptions {
		sub := &state.Subscriptions[i]
		at := slot{party{sub.Region, sub.Seller}, sub.Type, sub.PayloadVersion}
		p.there[at] = append(p.there[at], sub)
	}
	p.dropUnasked()
	p.planDestinations()
	p.planSubscriptions()
	p.planDrift()
	p.plan.Findings = p.findings.sorted()
	return &p.plan, nil
}

// resolve says what each seller shall have.
func (s *session) resolve(setup *Setup) (*desired, error) {
	d := &desired{setups: map[place]*DestinationSetup{}}
	var p problems
	used, same := map[place]bool{}, map[slot][]want{}
	for i := range setup.Subscriptions {
		sub, field := &setup.Subscriptions[i], fmt.Sprintf("subscriptions[%d]", i)
		typ, _ := find(sub.Type, sub.PayloadVersion)
		for _, who := range s.partiesOf(&p, setup, sub, typ, field) {
			dest := setup.destination(who.region, sub.Destination)
			if dest == nil {
				p.add(field+".destination", sub.Destination, "is not in region %s, where %s is: want a destination of this name with that region", who.region, who.who())
				continue
			}
			if sub.EventFilter != nil {
				for j, id := range sub.EventFilter.MarketplaceIDs {
					if m, _ := marketplace.ByID(id); m.Region != who.region {
						p.add(fmt.Sprintf("%s.eventFilter.marketplaceIds[%d]", field, j), id,
							"is in region %s, and %s is in %s: want marketplaces of the seller's region", m.Region, who.who(), who.region)
					}
				}
			}
			used[place{who.region, sub.Destination}] = true
			w := want{party: who, setup: sub, at: i, typ: typ, version: sub.version(typ), directive: sub.directive()}
			at := slot{who, sub.Type, w.version}
			for _, o := range same[at] {
				if !apart(o.directive, w.directive) {
					p.add(field, sub.Type,
						"is a second subscription of %s in payload version %s beside subscriptions[%d]: want one, or filterExpressions that differ", who.who(), w.version, o.at)
				}
			}
			same[at] = append(same[at], w)
			d.wants = append(d.wants, w)
		}
	}
	for i := range setup.Destinations {
		dest := &setup.Destinations[i]
		regions := slices.Clone(dest.Regions)
		if len(regions) == 0 {
			for _, r := range s.regions {
				if used[place{r, dest.Name}] {
					regions = append(regions, r)
				}
			}
		}
		if len(regions) == 0 {
			for _, who := range s.sellers {
				regions = append(regions, who.region)
			}
		}
		if len(regions) == 0 {
			p.add(fmt.Sprintf("destinations[%d].regions", i), "", "are missing: there is no seller whose region would be that of %q", dest.Name)
		}
		for _, r := range regions {
			if at := (place{r, dest.Name}); d.setups[at] == nil {
				d.setups[at] = dest
				d.places = append(d.places, at)
			}
		}
	}
	slices.SortFunc(d.places, func(a, b place) int {
		return cmp.Or(strings.Compare(string(a.region), string(b.region)), strings.Compare(a.name, b.name))
	})
	slices.SortStableFunc(d.wants, func(a, b want) int {
		return cmp.Or(strings.Compare(a.seller, b.seller), strings.Compare(string(a.region), string(b.region)))
	})
	if err := p.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// destination is that of a name in a region; nil if there is none.
func (s *Setup) destination(region marketplace.Region, name string) *DestinationSetup {
	for i := range s.Destinations {
		if d := &s.Destinations[i]; d.Name == name && (len(d.Regions) == 0 || slices.Contains(d.Regions, region)) {
			return d
		}
	}
	return nil
}

// partiesOf are those who shall be subscribed.
func (s *session) partiesOf(p *problems, setup *Setup, sub *SubscriptionSetup, typ *notificationtypes.Type, field string) []party {
	var list []party
	if typ.Token == "grantless" {
		regions := sub.Regions
		for _, d := range setup.Destinations {
			if d.Name == sub.Destination && len(sub.Regions) == 0 {
				regions = append(regions, d.Regions...)
			}
		}
		for _, r := range regions {
			list = append(list, party{region: r})
		}
		if len(list) == 0 {
			p.add(field+".regions", "", "are missing: the application itself subscribes to %s; want the regions here, or of the destination", sub.Type)
		}
		return list
	}
	names := sub.Sellers
	if len(names) == 0 {
		for _, who := range s.sellers {
			names = append(names, who.seller)
		}
	}
	for i, name := range names {
		at := slices.IndexFunc(s.sellers, func(who party) bool { return who.seller == name })
		if at < 0 {
			all := make([]string, len(s.sellers))
			for i, who := range s.sellers {
				all[i] = who.seller
			}
			p.add(fmt.Sprintf("%s.sellers[%d]", field, i), name, "is none of the sellers: there are %s", cmp.Or(some(all), "none"))
			continue
		}
		if len(sub.Regions) == 0 || slices.Contains(sub.Regions, s.sellers[at].region) {
			list = append(list, s.sellers[at])
		}
	}
	if len(list) == 0 && len(*p) == 0 {
		p.add(field+".sellers", "", "are none: there is no seller in its regions")
	}
	return list
}

// apart tells whether two subscriptions of one type and payload version can be there at the same time.
func apart(a, b *notificationsv1.ProcessingDirective) bool {
	return a != nil && b != nil && a.FilterExpression != "" && b.FilterExpression != "" && a.FilterExpression != b.FilterExpression
}

// directiveText is a processing directive as JSON, in which two that mean the same are the same; "" for none.
func directiveText(d *notificationsv1.ProcessingDirective) string {
	if d == nil || d.EventFilter == nil && d.FilterExpression == "" {
		return ""
	}
	same := *d
	if d.EventFilter != nil {
		f := *d.EventFilter
		f.MarketplaceIDs, f.OrderChangeTypes = slices.Clone(f.MarketplaceIDs), slices.Clone(f.OrderChangeTypes)
		slices.Sort(f.MarketplaceIDs)
		slices.Sort(f.OrderChangeTypes)
		if f.AggregationSettings != nil && f.AggregationSettings.AggregationTimePeriod == "" {
			f.AggregationSettings = nil
		}
		same.EventFilter = &f
	}
	text, err := json.Marshal(same)
	if err != nil {
		panic("notifications: processing directive: " + err.Error()) // of texts and lists of them
	}
	return string(text)
}

// planner makes a plan of what is desired and what is there.
type planner struct {
	*reading
	*desired
	options  PlanOptions
	plan     Plan
	findings findings

	ids     map[place]string // of the desired destinations that are there
	pending map[place]bool   // of those that a step makes
	there   map[slot][]*Subscription
	kept    map[string]bool // ids of subscriptions that are desired or replaced
}

// dropUnasked leaves out of the findings what nobody has asked for: types that the application may not have are no news unless they are desired.
func (p *planner) dropUnasked() {
	named := map[string]bool{}
	for _, w := range p.wants {
		named[w.setup.Type] = true
	}
	p.findings = slices.DeleteFunc(p.findings, func(f Finding) bool {
		return f.Kind == FindingUnknown && f.Type != "" && !named[f.Type] && f.Explanation != nil && (f.Explanation.Status == 400 || f.Explanation.Status == 403)
	})
}

// matches tells whether a destination is the desired one: by what Amazon holds unique.
func matches(d *Destination, want *DestinationSetup) bool {
	if want.SQS != "" {
		return d.SQS == want.SQS
	}
	return d.EventBridge != nil && d.EventBridge.AccountID == want.EventBridge.AccountID
}

func (p *planner) planDestinations() {
	for _, at := range p.places {
		want := p.setups[at]
		if p.unread[unreadKey{party{region: at.region}, ""}] {
			continue
		}
		i := slices.IndexFunc(p.found.Destinations, func(d Destination) bool { return d.Region == at.region && matches(&d, want) })
		if i < 0 {
			p.pending[at] = true
			p.plan.Steps = append(p.plan.Steps, Step{Action: ActionCreate, Object: ObjectDestination, Region: at.region, Name: at.name, SQS: want.SQS,
				EventBridge: want.EventBridge, Reason: "there is none"})
			p.silence(at, want)
			continue
		}
		d := &p.found.Destinations[i]
		if want.EventBridge != nil && d.EventBridge.Region != want.EventBridge.Region {
			p.findings.add(Finding{Kind: FindingBlocked, Region: at.region, Destination: d,
				Text: fmt.Sprintf("destination %q is wanted in AWS region %s, and AWS account %s has its one destination in %s",
					at.name, want.EventBridge.Region, want.EventBridge.AccountID, d.EventBridge.Region),
				Do: "use that region, or delete all subscriptions to it and then the destination by hand; " +
					"a partner event source that was made anew may not be associable"})
			continue
		}
		p.ids[at] = d.ID
		p.plan.Unchanged++
		if d.Name != at.name {
			p.findings.add(Finding{Kind: FindingDrift, Region: at.region, Destination: d,
				Text: fmt.Sprintf("destination %q is called %q at Amazon, which changes nothing", at.name, d.Name), Do: "a name can't be changed there"})
		}
	}
}

// silence warns of what must be done beside Amazon's API for messages to come to a new destination: neither it nor a subscription fails without it.
func (p *planner) silence(at place, want *DestinationSetup) {
	name := "nothing-policy"
	if want.EventBridge != nil {
		name = "nothing-pending"
	}
	e := explanation(name)
	p.findings.add(Finding{Kind: FindingWarning, Region: at.region, Explanation: &e, Do: e.Do,
		Text: fmt.Sprintf("nothing may arrive at %q, although nothing fails: %s", at.name, firstLine(e.Means))})
}

// destinationName is what people call the destination of an id.
func (p *planner) destinationName(region marketplace.Region, id string) string {
	for at, known := range p.ids {
		if known == id && at.region == region {
			return at.name
		}
	}
	for _, d := range p.found.Destinations {
		if d.ID == id && d.Region == region {
			return d.resource()
		}
	}
	return "an unknown destination " + id
}

func (p *planner) planSubscriptions() {
	var replaced, created []Step
	for _, w := range p.wants {
		if step := p.subscription(&w); step != nil && step.Action == ActionReplace {
			replaced = append(replaced, *step)
		} else if step != nil {
			created = append(created, *step)
		}
	}
	// Replacements go first: between delete and create nothing should have to wait for the seller's limit.
	p.plan.Steps = append(append(p.plan.Steps, replaced...), created...)
}

// subscription says what is to be done for one; nil for nothing.
func (p *planner) subscription(w *want) *Step {
	at := place{w.region, w.setup.Destination}
	p.warn(w)
	if p.unread[unreadKey{w.party, w.setup.Type}] {
		return nil // a finding tells
	}
	id := p.ids[at]
	if id == "" && !p.pending[at] {
		n := Finding{Kind: FindingBlocked, Region: w.region, Type: w.setup.Type,
			Text: fmt.Sprintf("the subscription to %s waits for destination %q", w.setup.Type, w.setup.Destination)}
		if w.seller != "" {
			n.Sellers = []string{w.seller}
		}
		p.findings.add(n)
		p.keep(w) // nothing is done to what is there
		return nil
	}
	step := Step{Action: ActionCreate, Object: ObjectSubscription, Region: w.region, Seller: w.seller, Name: w.setup.Destination, DestinationID: id,
		Type: w.setup.Type, PayloadVersion: w.version, Directive: w.directive, Reason: "there is none"}
	for _, s := range p.there[slot{w.party, w.setup.Type, w.version}] {
		if apart(s.Directive, w.directive) || p.kept[s.ID] {
			continue
		}
		p.kept[s.ID] = true
		differs := p.differs(s, w, id)
		if differs == "" {
			p.plan.Unchanged++
			return nil
		}
		step.Action, step.Reason, step.ID, step.Before = ActionReplace, differs, s.ID, s
		step.Lost = "there is no update: what happens between delete and create is lost"
		return &step
	}
	if len(p.there[slot{w.party, w.setup.Type, w.version}]) > 0 {
		step.Reason = "there is none with this filter"
	}
	return &step
}

// keep marks what there is of a desired subscription as no drift.
func (p *planner) keep(w *want) {
	for _, s := range p.there[slot{w.party, w.setup.Type, w.version}] {
		if !apart(s.Directive, w.directive) {
			p.kept[s.ID] = true
		}
	}
}

// differs says in what a subscription isn't as desired; "" if in nothing.
func (p *planner) differs(s *Subscription, w *want, id string) string {
	var all []string
	if s.DestinationID != id || id == "" {
		all = append(all, fmt.Sprintf("it leads to %s", p.destinationName(s.Region, s.DestinationID)))
	}
	if is, want := directiveText(s.Directive), directiveText(w.directive); is != want {
		all = append(all, fmt.Sprintf("its processing directive is %s", cmp.Or(is, "missing")))
	}
	return strings.Join(all, ", and ")
}

// warn tells what should be known of a desired type.
func (p *planner) warn(w *want) {
	n := Finding{Kind: FindingWarning, Region: w.region, Type: w.setup.Type}
	if w.seller != "" {
		n.Sellers = []string{w.seller}
	}
	switch w.typ.Status {
	case "deprecated":
		n.Text = fmt.Sprintf("%s %s is deprecated", w.setup.Type, w.version)
		if w.typ.Removal != "" {
			n.Text += ", with " + w.typ.Removal + " as the day of its removal"
		}
		if w.typ.ReplacedBy != "" {
			n.Do = "use " + w.typ.ReplacedBy
		}
	case "documented":
		n.Text = fmt.Sprintf("Amazon names %s and publishes no schema of it", w.setup.Type)
	default:
		return
	}
	p.findings.add(n)
}

// planDrift shows, or deletes, what is there and isn't desired.
func (p *planner) planDrift() {
	for i := range p.found.Subscriptions {
		s := &p.found.Subscriptions[i]
		if p.kept[s.ID] {
			continue
		}
		if p.options.Prune {
			p.plan.Steps = append(p.plan.Steps, Step{Action: ActionDelete, Object: ObjectSubscription, Region: s.Region, Seller: s.Seller, ID: s.ID, Type: s.Type,
				PayloadVersion: s.PayloadVersion, Name: p.destinationName(s.Region, s.DestinationID), Before: s, Reason: "it isn't desired",
				Lost: "nothing of this comes any more"})
			continue
		}
		n := Finding{Kind: FindingDrift, Region: s.Region, Type: s.Type, Subscription: s, Do: "prune deletes it",
			Text: fmt.Sprintf("%s is subscribed to %s %s at %s (%s), which isn't desired",
				party{s.Region, s.Seller}.who(), s.Type, s.PayloadVersion, p.destinationName(s.Region, s.DestinationID), s.ID)}
		if s.Seller != "" {
			n.Sellers = []string{s.Seller}
		}
		p.findings.add(n)
	}
	for i := range p.found.Destinations {
		d := &p.found.Destinations[i]
		if slices.ContainsFunc(p.places, func(at place) bool { return at.region == d.Region && matches(d, p.setups[at]) }) {
			continue
		}
		if p.options.Prune && (d.SQS != "" || d.EventBridge != nil) { // of others nobody can desire one

			p.plan.Steps = append(p.plan.Steps, Step{Action: ActionDelete, Object: ObjectDestination, Region: d.Region, ID: d.ID, Name: d.Name, SQS: d.SQS,
				EventBridge: d.EventBridge, Reason: "it isn't desired"})
			continue
		}
		do := "prune deletes it, if nothing is subscribed to it"
		if d.SQS == "" && d.EventBridge == nil {
			do = "prune leaves it alone"
		}
		p.findings.add(Finding{Kind: FindingDrift, Region: d.Region, Destination: d, Do: do,
			Text: fmt.Sprintf("destination %q (%s, %s) isn't desired", d.Name, d.resource(), d.ID)})
	}
}

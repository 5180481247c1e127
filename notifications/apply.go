package notifications

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/marketplace"
)

// Status is how a step has ended.
type Status string

// The statuses.
const (
	StatusDone    Status = "done"
	StatusAlready Status = "already" // nothing was to be done any more: it was so
	StatusFailed  Status = "failed"
	StatusSkipped Status = "skipped" // it was not tried
)

// Outcome is what has become of a step.
type Outcome struct {
	Step   Step   `json:"step"`
	Status Status `json:"status"`
	ID     string `json:"id,omitzero"` // of what was made, or was there
	// Text says why a step failed or was skipped.
	Text        string       `json:"text,omitzero"`
	Explanation *Explanation `json:"explanation,omitzero"` // of the error
	// Restored tells of a replacement whose new subscription Amazon refused that the one before was made again, under the id of ID.
	Restored bool  `json:"restored,omitzero"`
	Err      error `json:"-"`
}

// String is the outcome in a line or a few.
func (o Outcome) String() string {
	text := fmt.Sprintf("%s: %s %s %s", o.Status, o.Step.Action, o.Step.Object, o.Step.what())
	if o.Text != "" {
		text += ": " + o.Text
	}
	if o.Restored {
		text += "; the one before was made again"
	}
	if o.Explanation != nil {
		text += "\n" + o.Explanation.String()
	}
	return text
}

// Result is what has become of all steps of a plan, in the plan's order.
type Result struct {
	Outcomes []Outcome `json:"outcomes"`
}

// Count is how many steps have ended so.
func (r *Result) Count(status Status) (n int) {
	for _, o := range r.Outcomes {
		if o.Status == status {
			n++
		}
	}
	return n
}

// ApplyError is a plan of which not all could be done. What was done stays done: make a new plan and apply that.
type ApplyError struct {
	Steps, Failed, Skipped int
	Err                    error // the first failure, or why the rest was not tried
}

func (e *ApplyError) Error() string {
	return fmt.Sprintf("notifications: of %d steps %d failed and %d were not tried: %s", e.Steps, e.Failed, e.Skipped, e.Err)
}

// Unwrap returns the first failure.
func (e *ApplyError) Unwrap() error { return e.Err }

// finishing is how long the second half of a replacement may take once the first is done, whatever becomes of the context.
const finishing = time.Minute

// attempts is how often something is created whose creation may have been carried out although it failed: Amazon refuses the second one with 409, so
// nothing is there twice.
const attempts = 4

// Apply does what a plan says: destinations first, then sellers side by side, of each the replacements before the rest. A step that fails doesn't stop those of
// other sellers. It may be called again with the same plan, also after it was cut: what is as it should be is left alone. Amazon's limits decide how long it
// takes: each seller can create a subscription a second, and the application delete one a second.
//
// The result is there with an error, too: an [*ApplyError] if not all was done, a [*SetupError] if the plan is none of this manager's, before anything is sent.
func (m *Manager) Apply(ctx context.Context, plan *Plan) (*Result, error) {
	var named []marketplace.Region
	for _, step := range plan.Steps {
		named = append(named, step.Region)
	}
	s, err := m.session(named)
	if err != nil {
		return nil, err
	}
	if err := s.accepts(plan); err != nil {
		return nil, err
	}
	a := &applying{session: s, result: &Result{Outcomes: make([]Outcome, len(plan.Steps))},
		ids: map[place]string{}, failed: map[place]bool{}, deleters: map[string]chan holder{}}
	s.begin("apply", len(plan.Steps))
	var before, after []int
	work := map[party][]int{}
	var parties []party
	for i, step := range plan.Steps {
		a.result.Outcomes[i] = Outcome{Step: step, Status: StatusSkipped}
		switch who := (party{step.Region, step.Seller}); {
		case step.Object == ObjectDestination && step.Action == ActionDelete:
			after = append(after, i)
		case step.Object == ObjectDestination:
			before = append(before, i)
		default:
			if work[who] == nil {
				parties = append(parties, who)
			}
			work[who] = append(work[who], i)
		}
	}
	for _, i := range before {
		a.do(ctx, i, a.createDestination)
	}
	each(parties, func(who party) {
		for n, i := range work[who] {
			a.do(ctx, i, a.subscription)
			if _, refused := errors.AsType[*spapi.AuthError](a.result.Outcomes[i].Err); refused {
				for _, rest := range work[who][n+1:] {
					a.skip(rest, a.result.Outcomes[i].Err, "the authorization was refused")
				}
				return
			}
		}
	})
	for _, i := range after {
		a.do(ctx, i, a.deleteDestination)
	}
	return a.result, a.err()
}

// accepts tells whether a plan is one of this manager's.
func (s *session) accepts(plan *Plan) error {
	var p problems
	if plan.Application != s.clientID {
		p.add("application", plan.Application, "is another application than %s, for which the plan is to be applied", s.clientID)
	}
	if plan.Sandbox != s.sandbox {
		p.add("sandbox", fmt.Sprint(plan.Sandbox), "isn't where the sellers are: want %t", s.sandbox)
	}
	for i, step := range plan.Steps {
		field := fmt.Sprintf("steps[%d]", i)
		switch {
		case !slices.Contains([]Action{ActionCreate, ActionReplace, ActionDelete}, step.Action):
			p.add(field+".action", string(step.Action), "is no action: want create, replace or delete")
		case step.Object != ObjectDestination && step.Object != ObjectSubscription:
			p.add(field+".object", string(step.Object), "is no object: want destination or subscription")
		case step.Object == ObjectDestination && step.Action == ActionReplace:
			p.add(field+".action", string(step.Action), "is nothing that is done to destinations: want create or delete")
		case step.Action != ActionCreate && step.ID == "":
			p.add(field+".id", "", "is missing: want that of what is deleted")
		case step.Action == ActionReplace && step.Before == nil:
			p.add(field+".before", "", "is missing: want the subscription that is replaced")
		case step.Object == ObjectSubscription && s.clients[party{step.Region, step.Seller}] == nil:
			p.add(field+".seller", step.Seller, "is none of the sellers in region %s", step.Region)
		case step.Object == ObjectDestination && step.Action == ActionCreate && (step.SQS == "") == (step.EventBridge == nil):
			p.add(field, step.Name, "has not one of sqs and eventBridge")
		}
	}
	return p.err()
}

// applying is a plan that is being applied.
type applying struct {
	*session

	result *Result

	mu       sync.Mutex
	ids      map[place]string       // of destinations that were made
	failed   map[place]bool         // destinations that could not be made
	deleters map[string]chan holder // by type: whose token deletes its subscriptions; empty while a deletion finds out
}

// holder is whose a token is.
type holder int

const (
	unknown holder = iota
	application
	seller
)

// do takes a step, and notes what has become of it. Steps of different sellers have outcomes of their own.
func (a *applying) do(ctx context.Context, i int, work func(ctx context.Context, o *Outcome) error) {
	o := &a.result.Outcomes[i]
	if ctx.Err() != nil {
		a.skip(i, context.Cause(ctx), "the work was ended before")
		return
	}
	o.Status = StatusDone
	if err := work(ctx, o); err != nil {
		o.Status, o.Err = StatusFailed, err
		if errors.Is(err, errSkipped) || tooLate(err) {
			o.Status = StatusSkipped
		} else if ctx.Err() == nil {
			e := Explain(err, o.Step.Type)
			o.Explanation = &e
		}
		o.Text = err.Error()
	}
	a.tell(1, o)
}

func (a *applying) skip(i int, err error, why string) {
	o := &a.result.Outcomes[i]
	o.Status, o.Err, o.Text = StatusSkipped, err, why
	a.tell(1, o)
}

// errSkipped marks a step that could not be tried.
var errSkipped = errors.New("not tried")

// err is the whole's.
func (a *applying) err() error {
	e := &ApplyError{Steps: len(a.result.Outcomes), Failed: a.result.Count(StatusFailed), Skipped: a.result.Count(StatusSkipped)}
	if e.Failed+e.Skipped == 0 {
		return nil
	}
	for _, status := range []Status{StatusFailed, StatusSkipped} {
		for _, o := range a.result.Outcomes {
			if e.Err == nil && o.Status == status {
				e.Err = o.Err
			}
		}
	}
	return e
}

func (a *applying) createDestination(ctx context.Context, o *Outcome) error {
	id, already, err := a.ensureDestination(ctx, o.Step)
	a.mu.Lock()
	defer a.mu.Unlock()
	at := place{o.Step.Region, o.Step.Name}
	if err != nil {
		a.failed[at] = true
		return err
	}
	a.ids[at], o.ID = id, id
	if already {
		o.Status = StatusAlready
	}
	return nil
}

// ensureDestination makes a destination, or finds the one that is there.
func (a *applying) ensureDestination(ctx context.Context, step Step) (id string, already bool, err error) {
	in := &notificationsv1.CreateDestinationInput{Name: step.Name, ResourceSpecification: &notificationsv1.DestinationResourceSpecification{}}
	want := DestinationSetup{Name: step.Name, SQS: step.SQS, EventBridge: step.EventBridge}
	if step.SQS != "" {
		in.ResourceSpecification.Sqs = &notificationsv1.SqsResource{Arn: step.SQS}
	} else {
		in.ResourceSpecification.EventBridge = &notificationsv1.EventBridgeResourceSpecification{AccountID: step.EventBridge.AccountID,
			Region: step.EventBridge.Region}
	}
	for n := range attempts {
		var made *notificationsv1.Destination
		if made, err = a.grantless[step.Region].CreateDestination(ctx, in); err == nil {
			return made.DestinationID, false, nil
		}
		if conflict(err) {
			list, unread := a.readDestinations(ctx, step.Region)
			if unread != nil {
				return "", false, errors.Join(err, unread)
			}
			if i := slices.IndexFunc(list, func(d Destination) bool { return matches(&d, &want) }); i >= 0 {
				if b := list[i].EventBridge; b != nil && b.Region != step.EventBridge.Region {
					return "", false, fmt.Errorf("the account's destination is in AWS region %s: %w", b.Region, err)
				}
				return list[i].ID, true, nil
			}
			return "", false, fmt.Errorf("there is one, and it isn't among those that are shown: %w", err)
		}
		if !spapi.IsOutcomeUnknown(err) || !pause(ctx, n) {
			break
		}
	}
	return "", false, err
}

// pause waits before the next attempt, and tells whether there is one.
func pause(ctx context.Context, n int) bool {
	if n+1 == attempts {
		return false
	}
	t := time.NewTimer(time.Second << n)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// conflict tells whether something is refused because it is there.
func conflict(err error) bool {
	api, ok := errors.AsType[*spapi.APIError](err)
	return ok && api.StatusCode == 409
}

func (a *applying) deleteDestination(ctx context.Context, o *Outcome) error {
	err := a.grantless[o.Step.Region].DeleteDestination(ctx, &notificationsv1.DeleteDestinationInput{DestinationID: o.Step.ID})
	if spapi.IsNotFound(err) {
		o.Status, err = StatusAlready, nil
	}
	return err
}

// subscription takes a step about one.
func (a *applying) subscription(ctx context.Context, o *Outcome) error {
	who, step := party{o.Step.Region, o.Step.Seller}, o.Step
	if step.Action == ActionDelete {
		gone, err := a.deleteSubscription(ctx, who, step)
		if gone {
			o.Status = StatusAlready
		}
		return err
	}
	destination, err := a.destinationOf(step)
	if err != nil {
		return err
	}
	if step.Action == ActionCreate {
		id, already, err := a.ensureSubscription(ctx, who, step, destination)
		if o.ID = id; already {
			o.Status = StatusAlready
		}
		return err
	}
	return a.replace(ctx, who, o, destination)
}

// destinationOf is the id of the destination that a subscription is to lead to.
func (a *applying) destinationOf(step Step) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := place{step.Region, step.Name}
	if id := cmp.Or(a.ids[at], step.DestinationID); id != "" {
		return id, nil
	}
	why := "there is no step that makes it"
	if a.failed[at] {
		why = "which could not be made"
	}
	return "", fmt.Errorf("%w: it needs destination %q, %s", errSkipped, step.Name, why)
}

// replace deletes a subscription and makes the desired one at once. If Amazon refuses that, the one before is made again.
func (a *applying) replace(ctx context.Context, who party, o *Outcome, destination string) error {
	if _, err := a.deleteSubscription(ctx, who, o.Step); err != nil {
		return err
	}
	// Nobody is subscribed now: who ends the work, ends it behind this.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishing)
	defer cancel()
	id, already, err := a.ensureSubscription(ctx, who, o.Step, destination)
	if err == nil {
		if o.ID = id; already {
			o.Status = StatusAlready
		}
		return nil
	}
	if _, refused := errors.AsType[*spapi.APIError](err); !refused || conflict(err) || spapi.IsOutcomeUnknown(err) {
		return err
	}
	old := o.Step
	old.Directive = old.Before.Directive
	id, _, again := a.ensureSubscription(ctx, who, old, old.Before.DestinationID)
	if again != nil {
		return fmt.Errorf("%w; and the one before could not be made again: %w", err, again)
	}
	o.ID, o.Restored = id, true
	return err
}

// ensureSubscription makes a subscription, or finds one that is there and as it should be.
func (a *applying) ensureSubscription(ctx context.Context, who party, step Step, destination string) (id string, already bool, err error) {
	in := &notificationsv1.CreateSubscriptionInput{NotificationType: step.Type, PayloadVersion: step.PayloadVersion, DestinationID: destination,
		ProcessingDirective: step.Directive}
	for n := range attempts {
		var made *notificationsv1.Subscription
		if made, err = a.clients[who].CreateSubscription(ctx, in, a.tokenFor(who)); err == nil {
			return made.SubscriptionID, false, nil
		}
		if conflict(err) {
			list, unread := a.readSubscriptions(ctx, who, step.Type)
			if unread != nil {
				return "", false, errors.Join(err, unread)
			}
			for _, s := range list {
				if s.PayloadVersion == step.PayloadVersion && s.DestinationID == destination && directiveText(s.Directive) == directiveText(step.Directive) {
					return s.ID, true, nil
				}
			}
			return "", false, fmt.Errorf("somebody has subscribed since the plan was made, otherwise than is desired: make a new plan: %w", err)
		}
		if !spapi.IsOutcomeUnknown(err) || !pause(ctx, n) {
			break
		}
	}
	return "", false, err
}

// deleteSubscription deletes one with the application's own token, as the model has it, and where Amazon refuses that with the seller's. It tells whether it
// was gone before.
func (a *applying) deleteSubscription(ctx context.Context, who party, step Step) (gone bool, err error) {
	in := &notificationsv1.DeleteSubscriptionByIDInput{NotificationType: step.Type, SubscriptionID: step.ID}
	tokens := []spapi.CallOption{nil}
	if who.seller != "" {
		tokens = append(tokens, spapi.WithSellerToken())
	}
	// One deletion of a type finds out and the others wait for it: each would else be refused itself, after its turn in the application's bucket.
	deleter := a.deleter(step.Type)
	var whose holder
	select {
	case whose = <-deleter:
	case <-ctx.Done():
		return false, fmt.Errorf("%w: %w", errSkipped, context.Cause(ctx))
	}
	if whose == unknown {
		defer func() { deleter <- whose }()
	} else {
		deleter <- whose
	}
	if whose == seller {
		slices.Reverse(tokens)
	}
	var refusals []error
	for _, token := range tokens {
		err := a.clients[who].DeleteSubscriptionByID(ctx, in, token)
		switch {
		case err == nil:
			if whose = application; token != nil {
				whose = seller
			}
			return false, nil
		case spapi.IsNotFound(err):
			return true, nil
		case !spapi.IsForbidden(err):
			return false, errors.Join(append(refusals, err)...)
		}
		refusals = append(refusals, err)
	}
	return false, errors.Join(refusals...)
}

func (a *applying) deleter(typ string) chan holder {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deleters[typ] == nil {
		a.deleters[typ] = make(chan holder, 1)
		a.deleters[typ] <- unknown
	}
	return a.deleters[typ]
}

package notifications

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// listening are the flags of "listen".
type listening struct {
	f           *factory.Factory
	queue       string
	types       []string
	forwardTo   string
	secretFile  string
	deadLetters string
	print       bool
	count       int
}

func newCmdListen(f *factory.Factory) *cobra.Command {
	o := &listening{f: f}
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Receive notifications, show them, and pass them on",
		Long: "Takes notifications from a queue until Ctrl-C, one line for each; as JSON (-o json, and where stdout is no terminal) each is a line with the whole\n" +
			"message. Lines for people have no payload unless --print asks for it: it may hold data of buyers. A new client secret is never shown, nor passed on:\n" +
			"the message with it stays in the queue, for the program that keeps it.\n\n" +
			"The queue is that of --queue; else the one that the subscriptions to --type lead to, or the only one that is a destination. All messages in it " +
			"are taken,\n" +
			"whatever their type, and deleted when they were shown or passed on: nobody else gets them then. Without --forward-to that is asked before, " +
			"unless it is an\n" +
			"emulator's queue. At an emulator (--emulator, or \"spapi emulator\" in another terminal) queue, destination and subscriptions are made as they " +
			"are needed:\n" +
			"to --type, or to " + strings.Join(usualTypes, ", ") + ".\n" +
			"With --emulator, which nobody else can reach, a message of each type is triggered.\n\n" +
			"--forward-to posts each message as it came, signed by Standard Webhooks: webhook-id (the notification's), webhook-timestamp, and " +
			"webhook-signature, \"v1,\" and\n" +
			"the HMAC-SHA256 of the secret whsec_…. Messages of one key (an order, a SKU, an ASIN) are posted one after the other. What becomes of one:\n\n" +
			"  2xx                        it is deleted from the queue\n" +
			"  no answer, 408, 409, 425,  it is posted again after 1 s, 2 s and so on up to 30 s, or what Retry-After says (a minute at most), for 5 minutes;\n" +
			"  429, 5xx                   then it goes back to the queue and comes again\n" +
			"  other 3xx and 4xx          it goes back to the queue at once and comes again, after 5 s up to 15 minutes\n" +
			"  410 Gone                   the receiver wants no more: the command ends, and the message stays in the queue\n\n" +
			"After ten receipts it goes to --dead-letters, else it stays for the queue's own redrive policy. What says the same as a message before it, be it under\n" +
			"an id of its own, is deleted, and only told of on stderr; yet receivers must bear that a message comes twice.",
		Example: "  spapi --emulator notifications listen --type ORDER_CHANGE --count 1\n" +
			"  spapi notifications listen --type ORDER_CHANGE,ANY_OFFER_CHANGED\n" +
			"  spapi notifications listen --queue arn:aws:sqs:us-east-1:123456789012:orders --forward-to http://localhost:3000/webhooks --secret-file webhook.secret\n" +
			"  spapi notifications listen --queue https://sqs.us-east-1.amazonaws.com/123456789012/orders --yes -o json | jq .type",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.queue, "queue", "", "`URL or ARN` of the queue")
	flags.StringSliceVar(&o.types, "type", nil, "`types` by whose subscriptions the queue is found, or that are subscribed to at an emulator")
	flags.StringVar(&o.forwardTo, "forward-to", "", "`URL` to which messages are posted")
	flags.StringVar(&o.secretFile, "secret-file", "", "`file` whose first line is the secret that signs (whsec_…), made if it isn't there (also: "+
		"SPAPI_WEBHOOK_SECRET)")
	flags.StringVar(&o.deadLetters, "dead-letters", "", "`URL or ARN` of the queue for messages that nobody can handle")
	flags.BoolVar(&o.print, "print", false, "show the payload, too, which may hold data of buyers")
	flags.IntVar(&o.count, "count", 0, "`number` of messages after which to end; 0 for none")
	_ = cmd.RegisterFlagCompletionFunc("type", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return completeTypes(nil, nil, "")
	})
	return cmd
}

// usualTypes are subscribed to at an emulator where no types are named: as many as go at once by Amazon's limits.
var usualTypes = []string{"ANY_OFFER_CHANGED", "FBA_INVENTORY_AVAILABILITY_CHANGES", "FEED_PROCESSING_FINISHED", "ORDER_CHANGE", "REPORT_PROCESSING_FINISHED"}

// What is made at an emulator.
const (
	ownQueue   = "arn:aws:sqs:us-east-1:123456789012:spapi-listen"
	ownAccount = "123456789012"
	ownRegion  = "us-east-1"
)

// arnOf is the queue to which a destination at an emulator leads: of an event bus that of its rule. "" is of a kind that is unknown.
func arnOf(sqs string, bus *notifications.EventBridgeSetup) string {
	if bus == nil {
		return sqs
	}
	return "arn:aws:sqs:" + bus.Region + ":" + bus.AccountID + ":spapi-events"
}

func (o *listening) run(ctx context.Context) error {
	f := o.f
	if o.queue != "" && len(o.types) > 0 {
		return exit.Usagef("--queue and --type exclude each other")
	}
	if o.count < 0 {
		return exit.Usagef("--count %d: want a number above 0, or 0 for no end", o.count)
	}
	for _, name := range o.types {
		if _, ok := notifications.TypeOf(name); !ok {
			return unknownType("--type", name)
		}
	}
	var forward *forwarder
	if o.forwardTo != "" {
		var err error
		if forward, err = newForwarder(o.forwardTo); err != nil {
			return err
		}
		var made bool
		if forward.signer, made, err = readSigner(o.secretFile); err != nil {
			return err
		}
		if made {
			f.Notef("made %s with a new secret, by which the receiver checks signatures", o.secretFile)
		}
		forward.again = f.Notef
	} else if o.secretFile != "" {
		return exit.Usagef("--secret-file goes with --forward-to")
	}
	e, err := findEmulator(ctx, f)
	if err != nil {
		return err
	}
	queues, trigger, err := o.queues(ctx, e)
	if err != nil {
		return err
	}
	if e == nil && forward == nil {
		names := make([]string, len(queues))
		for i, q := range queues {
			names[i] = q.url
		}
		if err := f.Confirm(ctx, fmt.Sprintf("Messages of %s are deleted from there once they are shown, and nobody else gets them. Go on?",
			strings.Join(names, " and "))); err != nil {
			return err
		}
	}
	return o.listen(ctx, e, queues, forward, trigger)
}

// queues finds the queues, or makes them at an emulator; then the types are those that are to be triggered.
func (o *listening) queues(ctx context.Context, e *emulated) (list []*opened, trigger []string, err error) {
	var named []queue
	switch {
	case o.queue != "":
		q, err := parseQueue(o.queue)
		if err != nil {
			return nil, nil, err
		}
		named = []queue{q}
	case e != nil:
		if named, trigger, err = o.setUp(ctx); err != nil {
			return nil, nil, err
		}
		if !e.inside {
			trigger = nil
		}
	default:
		if named, err = o.find(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, q := range named {
		opened, err := openQueue(ctx, e, q)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, opened)
	}
	return list, trigger, nil
}

// setUp makes at an emulator what is missing.
func (o *listening) setUp(ctx context.Context) (queues []queue, types []string, err error) {
	types = o.types
	if len(types) == 0 {
		types = usualTypes
	}
	setup := &notifications.Setup{}
	add := func(d notifications.DestinationSetup) {
		if !slices.ContainsFunc(setup.Destinations, func(other notifications.DestinationSetup) bool { return other.Name == d.Name }) {
			setup.Destinations = append(setup.Destinations, d)
			q, _ := parseQueue(arnOf(d.SQS, d.EventBridge))
			queues = append(queues, q)
		}
	}
	for _, name := range types {
		t, _ := notifications.TypeOf(name)
		s := notifications.SubscriptionSetup{Type: name, Destination: "spapi-listen"}
		if t.Destination == "eventbridge" {
			s.Destination = "spapi-events"
			add(notifications.DestinationSetup{Name: s.Destination, EventBridge: &notifications.EventBridgeSetup{AccountID: ownAccount, Region: ownRegion}})
		} else {
			add(notifications.DestinationSetup{Name: s.Destination, SQS: ownQueue})
		}
		if name == "ORDER_CHANGE" { // the one type whose filter is required and can be had without knowing what it is about
			s.EventFilter = &notificationsv1.EventFilter{OrderChangeTypes: []notificationsv1.OrderChangeTypeEnum{"OrderStatusChange", "BuyerRequestedChange"}}
		}
		setup.Subscriptions = append(setup.Subscriptions, s)
	}
	other, unused, err := subscribe(ctx, o.f, setup)
	queues = slices.DeleteFunc(queues, func(q queue) bool { return slices.Contains(unused, q.arn()) })
	for _, arn := range other {
		q, err := parseQueue(arn)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(queues, q) {
			queues = append(queues, q)
		}
	}
	return queues, types, err
}

// subscribe makes what is missing of a set-up for the seller in force. What is subscribed otherwise stays, as it has somebody's meaning: other are the ARNs of
// the queues that it leads to, unused those to which nothing leads then.
func subscribe(ctx context.Context, f *factory.Factory, setup *notifications.Setup) (other, unused []string, err error) {
	m, err := (&whom{f: f}).manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := watch(f, m)
	defer end()
	plan, err := m.Plan(ctx, setup, notifications.PlanOptions{NamedTypesOnly: true})
	if err != nil {
		return nil, nil, given(err, map[string]string{"subscriptions": "type"})
	}
	for _, n := range plan.Findings {
		if n.Kind == notifications.FindingUnknown || n.Kind == notifications.FindingBlocked {
			f.Notef("%s", n)
		}
	}
	elsewhere := map[string]bool{} // ids of destinations
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s notifications.Step) bool {
		if s.Action == notifications.ActionReplace {
			elsewhere[s.Before.DestinationID] = true
		}
		return s.Action == notifications.ActionReplace
	})
	if len(elsewhere) > 0 {
		steps := slices.Clone(plan.Steps)
		plan.Steps = slices.DeleteFunc(plan.Steps, func(s notifications.Step) bool {
			leads := func(other notifications.Step) bool {
				return other.Object == notifications.ObjectSubscription && other.Name == s.Name
			}
			if s.Object != notifications.ObjectDestination || slices.ContainsFunc(steps, leads) {
				return false
			}
			unused = append(unused, arnOf(s.SQS, s.EventBridge))
			return true
		})
	}
	result, err := m.Apply(ctx, plan)
	if result != nil {
		for _, outcome := range result.Outcomes {
			if outcome.Status == notifications.StatusFailed {
				return nil, nil, explained(outcome.Err, outcome.Step.Type)
			}
		}
	}
	if err != nil || len(elsewhere) == 0 {
		return nil, nil, err
	}
	state, err := m.Destinations(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range state.Destinations {
		if arn := arnOf(d.SQS, d.EventBridge); elsewhere[d.ID] && arn != "" {
			other = append(other, arn)
		}
	}
	return other, unused, nil
}

// find finds the queues at Amazon.
func (o *listening) find(ctx context.Context) ([]queue, error) {
	m, err := (&whom{f: o.f}).manager(ctx)
	if err != nil {
		return nil, err
	}
	end := watch(o.f, m)
	defer end()
	state, err := m.Destinations(ctx)
	if err != nil {
		return nil, err
	}
	if err := tellFindings(o.f, state.Findings); err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	if len(o.types) > 0 {
		subs, err := m.Subscriptions(ctx, o.types...)
		if err != nil {
			return nil, given(err, map[string]string{"types": "--type"})
		}
		if err := tellFindings(o.f, subs.Findings); err != nil {
			return nil, err
		}
		for _, s := range subs.Subscriptions {
			wanted[s.DestinationID] = true
		}
	}
	var queues []queue
	var arns []string
	for _, d := range state.Destinations {
		if d.SQS == "" || len(o.types) > 0 && !wanted[d.ID] {
			continue
		}
		q, err := parseQueue(d.SQS)
		if err != nil {
			return nil, err
		}
		queues, arns = append(queues, q), append(arns, d.SQS)
	}
	switch {
	case len(queues) == 1 || len(o.types) > 0 && len(queues) > 0:
		return queues, nil
	case len(queues) > 0:
		return nil, exit.Usagef("several queues are destinations: name one with --queue: %s", output.OneOf(arns))
	case len(o.types) > 0:
		return nil, exit.Usagef("--type: the seller isn't subscribed to %s with a queue: \"spapi notifications apply\" subscribes; a queue behind "+
			"EventBridge is named by --queue",
			output.OneOf(o.types))
	}
	return nil, exit.Usagef("no queue is a destination of the application: \"spapi notifications apply\" makes one; a queue behind EventBridge is " +
		"named by --queue")
}

// errEnough ends the listening when --count is reached.
var errEnough = errors.New("enough")

// errSecret leaves a new client secret in the queue, which may have the only copy of it.
var errSecret = errors.New("a new client secret is neither shown nor passed on")

// listener shows what comes.
type listener struct {
	*listening

	forward *forwarder
	end     context.CancelCauseFunc
	p       *output.Printer
	list    *output.List // of formats that are more than lines of JSON; nil for others

	mu    sync.Mutex
	begun int // those that were shown, and those that are being passed on
	shown int
}

func (o *listening) listen(ctx context.Context, e *emulated, queues []*opened, forward *forwarder, trigger []string) error {
	run, end := context.WithCancelCause(ctx)
	defer end(nil)
	l := &listener{listening: o, forward: forward, end: end, p: o.f.Printer()}
	if forward != nil {
		forward.stop = run.Done()
	}
	if format := l.p.Format(); l.p.Flags.JQ.Given() || format == output.CSV || format == output.YAML {
		l.list = l.p.List(messageColumns...)
		l.list.Each = true
	}
	var consumers []*sqs.Consumer
	for _, q := range queues {
		options := []sqs.Option{sqs.WithLogger(slog.New(slog.DiscardHandler)), sqs.WithObserver(observer{o.f, e != nil}), sqs.WithDrain(lastPost)}
		if o.deadLetters != "" {
			dead, err := parseQueue(o.deadLetters)
			if err != nil {
				return err
			}
			opened, err := openQueue(ctx, e, dead)
			if err != nil {
				return err
			}
			options = append(options, sqs.WithDeadLetters(opened.url))
		}
		c, err := sqs.New(q.client, q.url, l.handle, options...)
		if err != nil {
			return exit.Usagef("%s", strings.ReplaceAll(err.Error(), "notifications/sqs: ", ""))
		}
		consumers = append(consumers, c)
		o.f.Notef("listening to %s; Ctrl-C ends it", q.url)
	}
	var ended sync.WaitGroup
	for _, c := range consumers {
		ended.Go(func() {
			if err := c.Run(run); err != nil {
				end(ofAWS(err))
			}
		})
	}
	for _, name := range trigger {
		if _, err := (&triggering{f: o.f, Type: name}).atEmulator(run, e); err != nil {
			o.f.Notef("%s is not triggered: %s", name, exit.Line(err))
		}
	}
	ended.Wait()
	if l.list != nil {
		if err := l.list.Close(ctx, nil); err != nil {
			return err
		}
	}
	if !l.p.Structured() {
		o.f.Notef("%s", output.Plural(l.shown, "message"))
	}
	switch cause := context.Cause(run); {
	case ctx.Err() == nil && !errors.Is(cause, errEnough):
		return cause
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled):
		return context.Cause(ctx)
	}
	return nil // whoever listened has seen enough
}

// messageRow is a message as JSON.
type messageRow struct {
	Type           string          `json:"type"`
	PayloadVersion string          `json:"payloadVersion"`
	ID             string          `json:"id"`
	Key            string          `json:"key"`  // what it is about
	Time           *time.Time      `json:"time"` // at which that was so
	Late           bool            `json:"late"` // a newer one of its key has come before
	Receives       int             `json:"receives"`
	Posts          *int            `json:"posts"`   // how often it was posted until it was taken; null without --forward-to
	Message        json.RawMessage `json:"message"` // as it came, without secrets
}

var messageColumns = []output.Column{
	{Name: "type", Path: "type"}, {Name: "version", Path: "payloadVersion"}, {Name: "id", Path: "id"}, {Name: "key", Path: "key"}, {Name: "time", Path: "time"},
	{Name: "late", Path: "late"}, {Name: "receives", Path: "receives"}, {Name: "posts", Path: "posts"},
}

// begin tells whether one more message is wanted.
func (l *listener) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 && l.begun == l.count {
		return false
	}
	l.begun++
	return true
}

func (l *listener) handle(ctx context.Context, n *notifications.Notification) error {
	if _, ok := n.Payload.(*notifications.ApplicationOAuthClientNewSecret); ok {
		return errSecret // it comes again
	}
	if !l.begin() {
		return errEnough // it comes again
	}
	err := l.take(ctx, n)
	if err != nil {
		l.mu.Lock()
		l.begun--
		l.mu.Unlock()
	}
	return err
}

// take passes a message on and shows it.
func (l *listener) take(ctx context.Context, n *notifications.Notification) error {
	row := messageRow{Type: n.Type, PayloadVersion: n.PayloadVersion, ID: n.ID(), Key: n.Key(), Message: n.Raw()}
	d := sqs.FromContext(ctx)
	row.Late, row.Receives = d.Late, d.Receives
	if at := n.Time(); !at.IsZero() {
		at = at.UTC()
		row.Time = &at
	}
	if l.forward != nil {
		posts, err := l.forward.forward(ctx, n)
		if errors.Is(err, errGone) {
			l.end(errGone)
		}
		if err != nil {
			return err
		}
		row.Posts = &posts
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.show(ctx, &row); err != nil {
		l.end(err)
		return err
	}
	if l.shown++; l.shown == l.count {
		l.end(errEnough)
	}
	return nil
}

func (l *listener) show(ctx context.Context, row *messageRow) error {
	switch {
	case l.list != nil:
		if err := l.list.Add(ctx, row); err != nil {
			return err
		}
		return l.list.Flush()
	case l.p.Structured():
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		_, err = l.f.Streams.Out.Write(append(text, '\n'))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s  %s", time.Now().Format(time.TimeOnly), l.f.Streams.Bold(row.Type), row.PayloadVersion, cmp.Or(row.Key, row.ID))
	if row.Time != nil {
		fmt.Fprintf(&b, "  %s ago", max(time.Since(*row.Time), 0).Round(time.Second))
	}
	if row.Late {
		b.WriteString("  late")
	}
	if row.Receives > 1 {
		fmt.Fprintf(&b, "  receipt %d", row.Receives)
	}
	if row.Posts != nil {
		fmt.Fprintf(&b, "  taken")
		if *row.Posts > 1 {
			fmt.Fprintf(&b, " at the %d. attempt", *row.Posts)
		}
	}
	b.WriteByte('\n')
	if l.print {
		var v any
		if json.Unmarshal(row.Message, &v) == nil {
			if text, err := json.MarshalIndent(v, "  ", "  "); err == nil {
				fmt.Fprintf(&b, "  %s\n", text)
			}
		}
	}
	_, err := l.f.Streams.Out.Write([]byte(b.String()))
	return err
}

// observer tells what goes wrong.
type observer struct {
	f        *factory.Factory
	emulated bool // nothing that is lost there matters
}

func (o observer) Message(_ context.Context, m sqs.Outcome) {
	if m.Result == sqs.ResultDuplicate && m.Notification != nil {
		o.f.Notef("%s %s: tells what one before it has told: deleted", m.Notification.Type, m.Notification.ID())
		return
	}
	if m.Err == nil || errors.Is(m.Err, errGone) || errors.Is(m.Err, errEnough) {
		return
	}
	what := "message " + m.Delivery.MessageID
	if m.Notification != nil {
		what = m.Notification.Type + " " + m.Notification.ID()
	}
	then := "comes again"
	if m.Result == sqs.ResultPoison {
		then = "is in the dead-letter queue"
	}
	o.f.Notef("%s: %s; it %s", what, exit.Line(m.Err), then)
}

func (o observer) Trouble(_ context.Context, t sqs.Trouble) {
	if t.What == "redrive" && o.emulated {
		return
	}
	if t.Err == nil {
		o.f.Notef("%s works again", t.What)
		return
	}
	o.f.Notef("%s: %s", t.What, strings.TrimPrefix(exit.Line(t.Err), "notifications/sqs: "))
}

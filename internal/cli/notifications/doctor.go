package notifications

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/internal/cli/doctor"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

// diagnosis are the flags of "doctor" and what it has found.
type diagnosis struct {
	f         *factory.Factory
	queue     string
	types     []string
	noMessage bool
	scenario  string
	wait      time.Duration

	findings []doctor.Finding
	stop     bool // what comes after could only repeat it

	e            *emulated
	manager      *notifications.Manager
	client       *spapi.Client
	destinations []notifications.Destination
	subscribed   []notifications.Subscription // to a queue that is looked at
	queues       []*examined
}

// examined is a queue with what SQS tells of it.
type examined struct {
	*opened

	destination string // its id; "" for none
	attributes  map[string]string
	readable    bool // the attributes could be read
}

func newCmdDoctor(f *factory.Factory) *cobra.Command {
	o := &diagnosis{f: f}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why no notifications arrive, and what to do",
		Long: "Goes the way that a message goes, and tells of each station what was found, what is wrong, and what to do about it: the seller's and the " +
			"application's\n" +
			"tokens; the destinations; the queue with its policy, encryption, kind and dead letters, as SQS shows them; the seller's subscriptions to it, with their\n" +
			"filters and the roles that are missing; and a message.\n\n" +
			"It lets a message be sent, and waits for it: at an emulator it triggers one; in production, where the seller is subscribed to\n" +
			"REPORT_PROCESSING_FINISHED, it asks for a small report (cancelled listings) whose end Amazon tells of; in the sandbox it takes a test message, with\n" +
			"--scenario. To find its message it receives what lies in the queue, deletes its own, and makes all others visible again at its end, a minute later\n" +
			"at the latest: consumers get them then, and SQS counts one receipt more. It doesn't look where that could do harm: more than 100 messages " +
			"before it, or a\n" +
			"dead-letter queue that takes what was received twice. --no-message leaves all of this out: then it only reads.\n\n" +
			"Each problem has a name that stays the same. The exit status is 1 if there is a problem. All types take some 25 seconds to be looked at; --type " +
			"names some.\n" +
			"With --emulator it sets all up in the emulator inside the command, and goes the whole way.",
		Example: "  spapi --emulator notifications doctor\n" +
			"  spapi notifications doctor --queue arn:aws:sqs:us-east-1:123456789012:orders\n" +
			"  spapi notifications doctor --no-message --jq '.findings[] | .check + \": \" + .status'",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.queue, "queue", "", "`URL or ARN` of the queue (default: all that are destinations)")
	flags.StringSliceVar(&o.types, "type", nil, "`types` whose subscriptions are looked at (default: all)")
	flags.BoolVar(&o.noMessage, "no-message", false, "let no message be sent, and receive none")
	flags.StringVar(&o.scenario, "scenario", "", "`name` of the test scenario, in the sandbox")
	flags.DurationVar(&o.wait, "wait", 5*time.Minute, "`duration` to wait for the message")
	_ = cmd.RegisterFlagCompletionFunc("type", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return completeTypes(nil, nil, "")
	})
	return cmd
}

func (o *diagnosis) run(ctx context.Context) error {
	for _, name := range o.types {
		if _, ok := notifications.TypeOf(name); !ok {
			return unknownType("--type", name)
		}
	}
	if o.wait <= 0 {
		return exit.Usagef("--wait %s: want a duration above 0, such as 5m", o.wait)
	}
	var q *queue
	if o.queue != "" {
		parsed, err := parseQueue(o.queue)
		if err != nil {
			return err
		}
		q = &parsed
	}
	var err error
	if o.e, err = findEmulator(ctx, o.f); err != nil {
		return err
	}
	if o.manager, o.client, err = (&whom{f: o.f}).client(ctx); err != nil {
		return err
	}
	if o.e != nil && o.e.inside && q == nil {
		if err := o.setUp(ctx); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		name string
		look func(context.Context, *queue)
	}{
		{"credentials", o.credentials}, {"destinations", o.findDestinations}, {"queue", o.lookAtQueues}, {"subscriptions", o.lookAtSubscriptions},
		{"message", o.message},
	} {
		if ctx.Err() != nil {
			break
		}
		if o.stop {
			o.add(c.name, doctor.Skipped, "", "not looked at: a problem before stands in the way", "")
			continue
		}
		w := o.f.Await("the check %q", c.name)
		c.look(ctx, q)
		w.End()
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	report := doctor.Report{OK: true, Findings: o.findings}
	for _, n := range o.findings {
		report.OK = report.OK && n.Status != doctor.Problem
	}
	p := o.f.Printer()
	if !p.Whole() {
		doctor.Show(o.f.Streams, &report)
	} else if err := p.Print(ctx, report); err != nil {
		return err
	}
	if !report.OK {
		return exit.ErrReported
	}
	return nil
}

// setUp makes in the emulator inside the command what there would be.
func (o *diagnosis) setUp(ctx context.Context) error {
	if len(o.types) == 0 {
		o.types = []string{"ORDER_CHANGE", "REPORT_PROCESSING_FINISHED"} // they are read twice, in what Amazon allows at once
	}
	_, _, err := (&listening{f: o.f, types: o.types}).setUp(ctx)
	return err
}

func (o *diagnosis) add(check string, status doctor.Status, name, message, fix string) {
	o.findings = append(o.findings, doctor.Finding{Check: check, Status: status, Name: name, Message: message, Fix: fix})
}

func (o *diagnosis) ok(check, format string, args ...any) {
	o.add(check, doctor.OK, "", fmt.Sprintf(format, args...), "")
}

// explain adds a problem that the list of explanations knows by name.
func (o *diagnosis) explain(check string, status doctor.Status, name, found string) {
	for _, e := range notifications.Explanations() {
		if e.Name == name {
			o.add(check, status, name, found+": "+e.Means, e.Do)
			return
		}
	}
	o.add(check, status, name, found, "")
}

// refused adds an error of a call.
func (o *diagnosis) refused(check, what string, err error) {
	e := notifications.Explain(err, "")
	found := what
	if e.Status != 0 {
		found += fmt.Sprintf(" (status %d %s)", e.Status, e.Code)
	}
	o.add(check, doctor.Problem, cmp.Or(e.Name, "call-failed"), found+": "+exit.Line(errors.New(e.Means)), cmp.Or(e.Do,
		"\"spapi doctor\" finds out why calls fail"))
}

func (o *diagnosis) credentials(ctx context.Context, _ *queue) {
	const check = "credentials"
	if _, err := o.client.AccessToken(ctx); err != nil {
		o.stop = true
		o.add(check, doctor.Problem, "no-token", "Login with Amazon gives no token for the seller: "+exit.Line(err), "\"spapi doctor\" finds out why")
		return
	}
	o.ok(check, "Login with Amazon gives tokens for the seller in region %s", o.client.Region())
}

func (o *diagnosis) findDestinations(ctx context.Context, q *queue) {
	const check = "destinations"
	api := notificationsv1.New(o.client)
	all, err := api.GetDestinations(ctx, nil)
	if err != nil {
		o.stop = true
		o.refused(check, "the application's own token doesn't let it read its destinations", err)
		return
	}
	var names []string
	for i := range all {
		r := rowOfDestination(string(o.client.Region()), &all[i])
		d := notifications.Destination{Region: o.client.Region(), ID: r.DestinationID, Name: r.Name}
		if r.SQS != nil {
			d.SQS = *r.SQS
		}
		if r.EventBridge != nil {
			d.EventBridge = &notifications.EventBridgeSetup{AccountID: r.EventBridge.AccountID, Region: r.EventBridge.Region}
		}
		o.destinations = append(o.destinations, d)
		names = append(names, fmt.Sprintf("%q", d.Name))
	}
	if len(all) == 0 {
		o.stop = q == nil
		o.add(check, doctor.Problem, "no-destination", fmt.Sprintf("the application has no destination in region %s: each region has its own", o.client.Region()),
			"spapi notifications destinations create NAME --sqs ARN, or \"spapi notifications apply\" with a file")
		return
	}
	o.ok(check, "the application's own token is taken; %s: %s", output.Plural(len(all), "destination"), strings.Join(names, ", "))
	for _, d := range o.destinations {
		if b := d.EventBridge; b != nil && o.e == nil {
			o.add(check, doctor.Skipped, "", fmt.Sprintf("whether the event source of %q (AWS account %s, %s) is associated with an event bus isn't looked at",
				d.Name, b.AccountID, b.Region),
				"see that it isn't pending: aws events list-event-sources --region "+b.Region)
		}
	}
}

// lookAtQueues looks at the one that is named, or at all that are destinations.
func (o *diagnosis) lookAtQueues(ctx context.Context, q *queue) {
	const check = "queue"
	var list []queue
	if q != nil {
		list = []queue{*q}
	} else {
		for _, d := range o.destinations {
			arn := d.SQS
			if d.EventBridge != nil && o.e != nil {
				arn = arnOf(d.SQS, d.EventBridge)
			}
			if arn == "" {
				continue
			}
			parsed, err := parseQueue(arn)
			if err != nil {
				o.add(check, doctor.Problem, "destination-invalid", fmt.Sprintf("destination %q leads to %q, which is no queue", d.Name, d.SQS),
					"make a destination of a queue's ARN")
				continue
			}
			list = append(list, parsed)
		}
	}
	if len(list) == 0 {
		o.add(check, doctor.Skipped, "", "no destination is a queue", "name the queue to which the event bus's rule leads with --queue")
		return
	}
	for _, one := range list {
		opened, err := openQueue(ctx, o.e, one)
		if err != nil {
			o.add(check, doctor.Problem, "aws-configuration", exit.Line(err), "see AWS_PROFILE and AWS's files")
			continue
		}
		x := &examined{opened: opened}
		o.lookAt(ctx, x)
		if ctx.Err() != nil {
			return
		}
		o.queues = append(o.queues, x)
		x.region = cmp.Or(x.region, strings.Split(x.attributes["QueueArn"]+":::", ":")[3])
		i := slices.IndexFunc(o.destinations, func(d notifications.Destination) bool {
			return d.SQS == x.arn() || o.e != nil && arnOf(d.SQS, d.EventBridge) == x.arn()
		})
		switch {
		case i >= 0:
			x.destination = o.destinations[i].ID
		case q != nil && slices.ContainsFunc(o.destinations, func(d notifications.Destination) bool { return d.EventBridge != nil }):
			o.add(check, doctor.Warning, "queue-no-destination", x.arn()+" is no destination, so only a rule of EventBridge can lead there",
				"if that is not meant: spapi notifications destinations")
		case q != nil:
			o.add(check, doctor.Problem, "queue-no-destination", fmt.Sprintf("%s is no destination of the application in region %s", x.arn(), o.client.Region()),
				"spapi notifications destinations create NAME --sqs "+x.arn())
		}
	}
}

// attributesOf reads all attributes of a queue.
func (x *opened) attributesOf(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := x.client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &x.url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func (o *diagnosis) lookAt(ctx context.Context, x *examined) {
	const check = "queue"
	if strings.HasSuffix(x.name, ".fifo") {
		o.explain(check, doctor.Problem, "nothing-fifo", x.url)
		return
	}
	attributes, err := x.attributesOf(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		api, answered := errors.AsType[smithy.APIError](err)
		switch {
		case answered && (strings.HasSuffix(api.ErrorCode(), "QueueDoesNotExist") || strings.HasSuffix(api.ErrorCode(), "NonExistentQueue")):
			o.add(check, doctor.Problem, "queue-missing", x.url+": there is no such queue in this AWS account and region",
				"make the queue, or a destination of the one that there is")
		default:
			shown := ofAWS(err)
			o.add(check, doctor.Warning, "queue-unread", x.url+" could not be looked at: "+exit.Line(shown), cmp.Or(exit.Explain(shown),
				"the AWS identity needs sqs:GetQueueAttributes on the queue"))
		}
		return
	}
	x.attributes, x.readable = attributes, true
	arn := cmp.Or(attributes["QueueArn"], x.arn())
	if attributes["FifoQueue"] == "true" {
		o.explain(check, doctor.Problem, "nothing-fifo", arn)
	}
	o.ok(check, "%s: %s visible, %s in flight, kept for %s", arn, cmp.Or(attributes["ApproximateNumberOfMessages"], "0"),
		cmp.Or(attributes["ApproximateNumberOfMessagesNotVisible"], "0"), seconds(attributes["MessageRetentionPeriod"]))
	if s, err := strconv.Atoi(attributes["MessageRetentionPeriod"]); err == nil && s < 24*60*60 {
		o.add(check, doctor.Warning, "retention-short", fmt.Sprintf("the queue keeps messages for %s only: a consumer that is away longer loses them",
			seconds(attributes["MessageRetentionPeriod"])),
			"set MessageRetentionPeriod to days; 14 are the most")
	}
	o.policy(x, arn)
	o.key(x)
	o.deadLetters(ctx, x)
}

func (o *diagnosis) policy(x *examined, arn string) {
	const check = "policy"
	text := x.attributes["Policy"]
	if o.behindBridge(arn) {
		o.policyOfTarget(text, arn)
		return
	}
	if text == "" {
		o.explain(check, doctor.Problem, "nothing-policy", arn+" has no access policy")
		o.paste(arn)
		return
	}
	send, err := judge(text, arn, "sqs:SendMessage", spAPI)
	if err != nil {
		o.add(check, doctor.Problem, "nothing-policy", arn+": "+err.Error(), "spapi notifications policy "+arn+" prints one")
		return
	}
	read, _ := judge(text, arn, "sqs:GetQueueAttributes", spAPI)
	switch {
	case !send.allowed:
		o.explain(check, doctor.Problem, "nothing-policy", arn+": "+send.why)
		o.paste(arn)
	case send.denied:
		o.add(check, doctor.Problem, "nothing-policy", arn+": "+send.why, "take the statement out, or let it not be about "+notifications.Account)
	case send.condition != "":
		o.add(check, doctor.Warning, "policy-condition", arn+": "+send.condition, "whether Amazon fulfils it isn't known: without a condition it works")
	case !read.allowed || read.denied:
		o.add(check, doctor.Warning, "policy-attributes", arn+": "+read.why, "Amazon's guide asks for sqs:GetQueueAttributes, too: spapi notifications policy "+arn)
	default:
		o.ok(check, "Amazon's account %s may send to %s", notifications.Account, arn)
	}
}

// behindBridge tells whether only a rule of EventBridge can lead to a queue.
func (o *diagnosis) behindBridge(arn string) bool {
	bridge := false
	for _, d := range o.destinations {
		if d.SQS == arn {
			return false
		}
		bridge = bridge || d.EventBridge != nil
	}
	return bridge
}

// policyOfTarget looks at the policy of a queue that is the target of a rule. The console writes one with a condition: the rule's ARN, which isn't known here.
func (o *diagnosis) policyOfTarget(text, arn string) {
	const check = "policy"
	const fix = "let events.amazonaws.com send to the queue: name the queue as the rule's target in the console, which adds that"
	send, err := judge(cmp.Or(text, `{"Statement":[]}`), arn, "sqs:SendMessage", eventBridge)
	switch {
	case err != nil:
		o.add(check, doctor.Problem, "target-policy", arn+": "+err.Error(), fix)
	case send.denied || !send.allowed:
		o.add(check, doctor.Problem, "target-policy", arn+": "+send.why, fix)
	case send.condition != "":
		o.ok(check, "EventBridge may send to %s; %s", arn, send.condition)
	default:
		o.ok(check, "EventBridge may send to %s", arn)
	}
}

// paste puts into the last finding where the policy's text is.
func (o *diagnosis) paste(arn string) {
	last := &o.findings[len(o.findings)-1]
	last.Fix = "paste into the queue's access policy what \"spapi notifications policy " + arn + "\" prints"
}

func (o *diagnosis) key(x *examined) {
	const check = "encryption"
	switch key := x.attributes["KmsMasterKeyId"]; {
	case key == "":
	case strings.HasSuffix(key, "alias/aws/sqs"):
		o.explain(check, doctor.Problem, "nothing-kms", "the queue is encrypted by AWS's own key "+key)
	default:
		o.add(check, doctor.Warning, "key-unseen", "the queue is encrypted by the KMS key "+key+", whose policy isn't looked at: it must let Amazon's "+
			"account "+notifications.Account+" use it",
			"see that the key's policy has what \"spapi notifications policy --kms\" prints")
	}
}

func (o *diagnosis) deadLetters(ctx context.Context, x *examined) {
	const check = "dead letters"
	var redrive struct {
		Target string      `json:"deadLetterTargetArn"`
		Most   json.Number `json:"maxReceiveCount"`
	}
	text := x.attributes["RedrivePolicy"]
	if text == "" || json.Unmarshal([]byte(text), &redrive) != nil || redrive.Target == "" {
		if o.e != nil && o.e.inside && o.queue == "" { // a queue that nobody has but this command
			return
		}
		o.add(check, doctor.Warning, "no-dead-letters", "the queue has no dead-letter queue: what nobody can handle comes again and again until it is gone",
			"set a redrive policy with a maxReceiveCount above that of the consumer's own attempts (10)")
		return
	}
	q, err := parseQueue(redrive.Target)
	if err == nil {
		var dead *opened
		if dead, err = openQueue(ctx, o.e, q); err == nil {
			var attributes map[string]string
			if attributes, err = dead.attributesOf(ctx); err == nil {
				n := cmp.Or(attributes["ApproximateNumberOfMessages"], "0")
				if n != "0" {
					o.add(check, doctor.Warning, "dead-letters", n+" messages lie in "+redrive.Target, "look at them, and send them back when what failed is mended")
					return
				}
				o.ok(check, "none in %s, to which messages go after %s receipts", redrive.Target, redrive.Most)
				return
			}
		}
	}
	if ctx.Err() == nil {
		o.add(check, doctor.Skipped, "", redrive.Target+" could not be looked at: "+exit.Line(ofAWS(err)), "")
	}
}

// seconds is a number of them as people read it.
func seconds(text string) string {
	s, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return "an unknown time"
	case s%(24*60*60) == 0:
		return output.Plural(s/(24*60*60), "day")
	}
	return (time.Duration(s) * time.Second).String()
}

func (o *diagnosis) lookAtSubscriptions(ctx context.Context, _ *queue) {
	const check = "subscriptions"
	end := watch(o.f, o.manager)
	state, err := o.manager.Subscriptions(ctx, o.types...)
	end()
	if err != nil {
		if ctx.Err() == nil {
			o.refused(check, "the subscriptions could not be read", err)
		}
		return
	}
	var texts, elsewhere []string
	for _, s := range state.Subscriptions {
		d := slices.IndexFunc(o.destinations, func(d notifications.Destination) bool { return d.ID == s.DestinationID })
		here := slices.ContainsFunc(o.queues, func(x *examined) bool { return x.destination == s.DestinationID })
		if !here && (d < 0 || o.destinations[d].EventBridge == nil) {
			to := "a destination that is no more"
			if d >= 0 {
				to = fmt.Sprintf("%q", o.destinations[d].Name)
			}
			elsewhere = append(elsewhere, s.Type+" leads to "+to)
			continue
		}
		o.subscribed = append(o.subscribed, s)
		text := s.Type + " " + s.PayloadVersion
		if s.Directive != nil {
			if filter, err := json.Marshal(s.Directive); err == nil {
				text += " with " + string(filter)
			}
		}
		texts = append(texts, text)
		o.judgeSubscription(&s)
	}
	rest, refused := unasked(state.Findings)
	if len(texts) == 0 {
		found := "the seller is subscribed to nothing that leads here"
		if len(o.types) > 0 {
			found = "the seller isn't subscribed to " + output.OneOf(o.types) + " with a destination that leads here"
		}
		if len(elsewhere) > 0 {
			found += ": " + strings.Join(elsewhere, ", ")
		}
		o.add(check, doctor.Problem, "no-subscription", found,
			"spapi notifications subscriptions create TYPE --destination NAME, or \"spapi notifications apply\" with a file")
	} else {
		o.ok(check, "%s: %s", output.Plural(len(texts), "subscription"), strings.Join(texts, "; "))
		var missing []string
		for _, name := range o.types {
			if !slices.ContainsFunc(o.subscribed, func(s notifications.Subscription) bool { return s.Type == name }) && !slices.Contains(refused, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 && len(rest) == 0 { // else it isn't known
			o.add(check, doctor.Problem, "no-subscription", "nothing that leads here is subscribed to "+output.OneOf(missing),
				"spapi notifications subscriptions create TYPE --destination NAME, or \"spapi notifications apply\" with a file")
		}
	}
	if len(refused) > 0 {
		status := doctor.Skipped
		if len(o.types) > 0 {
			status = doctor.Problem
		}
		o.add(check, status, "role-missing", "Amazon lets the application not have "+strings.Join(refused,
			", ")+": it lacks a role that they need (spapi notifications types), or got it after the seller authorized",
			"if they are wanted: add the role in Developer Central and let the seller authorize again")
	}
	for _, n := range rest {
		name := "unread"
		if n.Explanation != nil {
			name = cmp.Or(n.Explanation.Name, name)
		}
		o.add(check, doctor.Problem, name, n.Text, n.Do)
	}
}

// judgeSubscription tells what of a subscription lets less come than one may think.
func (o *diagnosis) judgeSubscription(s *notifications.Subscription) {
	const check = "subscriptions"
	t, ok := notifications.TypeOfVersion(s.Type, s.PayloadVersion)
	switch {
	case !ok:
		o.add(check, doctor.Warning, "version-unknown", s.Type+" in payload version "+s.PayloadVersion+" is unknown here", "")
	case t.Status == "removed":
		o.add(check, doctor.Problem, "type-removed", fmt.Sprintf("%s %s was removed by Amazon (%s): nothing of it comes any more", s.Type, s.PayloadVersion,
			cmp.Or(t.Removal, "day unknown")),
			"subscribe to "+cmp.Or(t.ReplacedBy, "another type"))
	case t.Status == "deprecated":
		o.add(check, doctor.Warning, "type-deprecated", fmt.Sprintf("%s %s is deprecated, and removed on %s", s.Type, s.PayloadVersion, cmp.Or(t.Removal,
			"a day unknown")),
			"subscribe to "+cmp.Or(t.ReplacedBy, "another type"))
	case t.EventFilter == "required" && (s.Directive == nil || s.Directive.EventFilter == nil && s.Directive.FilterExpression == ""):
		o.add(check, doctor.Problem, "directive-missing", s.Type+" has no processing directive: nothing comes",
			"delete the subscription and make it with one: \"spapi notifications apply\"")
	case s.Directive != nil && s.Directive.EventFilter != nil && s.Type == "ORDER_CHANGE" && len(s.Directive.EventFilter.OrderChangeTypes) == 1:
		o.add(check, doctor.Warning, "filter-narrow", "ORDER_CHANGE comes for "+string(s.Directive.EventFilter.OrderChangeTypes[0])+" only",
			"name OrderStatusChange and BuyerRequestedChange if both are wanted")
	}
}

// awaited is the message that was provoked.
type awaitedMessage struct {
	what  string
	x     *examined
	match func(*notifications.Notification) bool
}

func (o *diagnosis) message(ctx context.Context, _ *queue) {
	const check = "message"
	if o.noMessage {
		o.add(check, doctor.Skipped, "", "--no-message", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	m := o.provoke(ctx)
	if m == nil {
		return
	}
	began := time.Now()
	seen, err := o.peek(ctx, m)
	for err == nil && !seen.found && seen.others == 0 && ctx.Err() == nil { // looking on hides nobody's message
		seen, err = o.peek(ctx, m)
	}
	switch {
	case err != nil:
		shown := ofAWS(err)
		o.add(check, doctor.Problem, "queue-unread", m.x.url+" could not be received from: "+exit.Line(shown), cmp.Or(exit.Explain(shown),
			"the AWS identity needs sqs:ReceiveMessage"))
		return
	case seen.found:
		o.ok(check, "%s arrived after %s", m.what, time.Since(began).Round(time.Millisecond))
	case m.x.attributes["ApproximateNumberOfMessagesNotVisible"] != "0" && m.x.attributes["ApproximateNumberOfMessagesNotVisible"] != "":
		o.add(check, doctor.Warning, "message-not-seen", m.what+" wasn't seen, but somebody else takes messages from the queue and may have got it",
			"stop the consumer and try again, or look into its log")
	default:
		o.explain(check, doctor.Problem, "nothing-yet", m.what+" didn't arrive in time")
		o.findings[len(o.findings)-1].Name = "message-missing"
	}
	if seen.others > 0 {
		o.ok(check, "%s of others seen and left, the oldest sent %s ago", output.Plural(seen.others, "message"), seen.age.Round(time.Second))
	}
}

// harmful tells whether looking for a message could do harm.
func (o *diagnosis) harmful(x *examined) bool {
	const check = "message"
	var redrive struct {
		Most json.Number `json:"maxReceiveCount"`
	}
	_ = json.Unmarshal([]byte(cmp.Or(x.attributes["RedrivePolicy"], "{}")), &redrive)
	if n, err := redrive.Most.Int64(); err == nil && n < 3 {
		o.add(check, doctor.Skipped, "", fmt.Sprintf("not looked for: messages go to the dead-letter queue after %d receipts, and looking counts as one", n), "")
		return true
	}
	if n, _ := strconv.Atoi(x.attributes["ApproximateNumberOfMessages"]); n > mostPeeked {
		o.add(check, doctor.Skipped, "", fmt.Sprintf("not looked for: %d messages lie before it", n), "is the consumer running, and quick enough?")
		return true
	}
	return false
}

// provoke lets a message be sent; nil if none could be.
func (o *diagnosis) provoke(ctx context.Context) *awaitedMessage {
	const check = "message"
	of := func(typ string) (*notifications.Subscription, *examined) {
		for i := range o.subscribed {
			for _, x := range o.queues {
				if (typ == "" || o.subscribed[i].Type == typ) && x.readable && x.destination == o.subscribed[i].DestinationID {
					return &o.subscribed[i], x
				}
			}
		}
		return nil, nil
	}
	switch {
	case o.e != nil:
		s, x := of("ORDER_CHANGE")
		if s == nil {
			s, x = of("")
		}
		if s == nil {
			o.add(check, doctor.Skipped, "", "no subscription leads to a queue that can be looked at", "")
			return nil
		}
		if o.harmful(x) {
			return nil
		}
		return o.trigger(ctx, s, x)
	case o.client.Sandbox():
		s, x := of("")
		if s == nil || o.scenario == "" {
			o.add(check, doctor.Skipped, "", "the sandbox sends test messages only, of a scenario that somebody must know: Amazon tells none", "--scenario names one")
			return nil
		}
		if o.harmful(x) {
			return nil
		}
		t, _ := notifications.TypeOf(s.Type)
		if err := sendTest(ctx, notificationsv1.New(o.client), &t, s.DestinationID, s.PayloadVersion, o.scenario); err != nil {
			o.refused(check, "the sandbox sends no test message", err)
			return nil
		}
		began := time.Now().Add(-time.Minute)
		return &awaitedMessage{"a test message of " + s.Type, x, func(n *notifications.Notification) bool {
			return n.Type == s.Type && (n.Metadata.PublishTime.IsZero() || n.Metadata.PublishTime.After(began))
		}}
	}
	s, x := of("REPORT_PROCESSING_FINISHED")
	if s == nil {
		o.add(check, doctor.Skipped, "", "no message can be provoked: the seller isn't subscribed to REPORT_PROCESSING_FINISHED with a queue that can be looked at",
			"subscribe to it, and a report of nothing but cancelled listings shows whether messages arrive")
		return nil
	}
	if o.harmful(x) {
		return nil
	}
	return o.report(ctx, x)
}

func (o *diagnosis) trigger(ctx context.Context, s *notifications.Subscription, x *examined) *awaitedMessage {
	const check = "message"
	t, err := (&triggering{f: o.f, Type: s.Type, Version: s.PayloadVersion}).atEmulator(ctx, o.e)
	if err != nil {
		o.add(check, doctor.Problem, "trigger-failed", "the emulator makes no "+s.Type+": "+exit.Line(err), "")
		return nil
	}
	i := slices.IndexFunc(t.Messages, func(m triggeredMessage) bool { return m.Subscription == s.ID })
	if i < 0 {
		o.add(check, doctor.Problem, "message-held", s.Type+" was triggered, and not for this subscription"+strings.TrimSuffix(": "+t.Reason, ": "),
			"see what the subscription is: spapi notifications subscriptions get "+s.Type)
		return nil
	}
	m := t.Messages[i]
	became := fmt.Sprintf("%s was triggered and is %s", s.Type, m.Outcome)
	if why := strings.TrimPrefix(m.Reason, m.Outcome+": "); why != "" {
		became += ": " + why
	}
	switch m.Outcome {
	case "sent":
		n, err := notifications.Parse(m.Body)
		if err != nil {
			o.add(check, doctor.Problem, "trigger-failed", became+", and can't be read: "+exit.Line(err), "")
			return nil
		}
		id := n.ID()
		return &awaitedMessage{"a triggered " + s.Type, x, func(n *notifications.Notification) bool { return n.ID() == id }}
	case "filtered", "held": // by what the subscription wants
		o.add(check, doctor.Warning, "message-held", became, "the way to the queue wasn't tried: spapi notifications trigger "+s.Type+
			" with --order, --sku and the like makes one that the processing directive lets through")
	default:
		o.add(check, doctor.Problem, "message-held", became, "mend what keeps it from the queue, and try again")
	}
	return nil
}

// smallest is a report that has few rows or none.
const smallest = "GET_MERCHANT_CANCELLED_LISTINGS_DATA"

// report asks for one and waits for its end.
func (o *diagnosis) report(ctx context.Context, x *examined) *awaitedMessage {
	const check = "message"
	api := reports20210630.New(o.client)
	m, err := o.f.Marketplace(ctx)
	if err != nil {
		m = o.client.Region().DefaultMarketplace()
	}
	made, err := api.CreateReport(ctx, &reports20210630.CreateReportInput{ReportType: smallest, MarketplaceIDs: []string{m.ID}})
	if err != nil {
		o.add(check, doctor.Warning, "report-refused", "no message could be provoked: Amazon makes no report: "+exit.Line(err), exit.Explain(err))
		return nil
	}
	what := fmt.Sprintf("the end of report %s", made.ReportID)
	for {
		r, err := api.GetReport(ctx, &reports20210630.GetReportInput{ReportID: made.ReportID})
		if err != nil && ctx.Err() == nil {
			o.add(check, doctor.Warning, "report-unread", what+" can't be waited for: "+exit.Line(err), exit.Explain(err))
			return nil
		}
		if err == nil && r.ProcessingStatus != "IN_QUEUE" && r.ProcessingStatus != "IN_PROGRESS" {
			return &awaitedMessage{what, x, func(n *notifications.Notification) bool {
				p, ok := n.Payload.(*notifications.ReportProcessingFinished)
				return ok && p.ReportID == made.ReportID
			}}
		}
		t := time.NewTimer(10 * time.Second)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			o.add(check, doctor.Warning, "report-slow", what+" didn't come in time, so neither did a message", "try again with a longer --wait")
			return nil
		}
	}
}

// What peeking may take: so many messages, for so long.
const (
	mostPeeked = 100
	held       = time.Minute
)

// seen is what peeking has come to.
type seen struct {
	found  bool
	others int
	age    time.Duration // of the oldest of them
}

// peek receives until the message comes, and puts back all others.
func (o *diagnosis) peek(ctx context.Context, m *awaitedMessage) (s seen, err error) {
	ctx, cancel := context.WithTimeout(ctx, held-10*time.Second)
	defer cancel()
	var others []string
	defer func() { m.x.putBack(context.WithoutCancel(ctx), others) }()
	for ctx.Err() == nil && len(others) < mostPeeked {
		out, err := m.x.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &m.x.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 5,
			VisibilityTimeout:           int32(held / time.Second),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp}})
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return s, err
		}
		for _, got := range out.Messages {
			n, err := notifications.Parse([]byte(aws.ToString(got.Body)))
			if !s.found && err == nil && m.match(n) {
				s.found = true
				if _, err := m.x.client.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: &m.x.url, ReceiptHandle: got.ReceiptHandle}); err != nil {
					o.f.Notef("the message of this look stays in the queue: %s", exit.Line(ofAWS(err)))
				}
				continue
			}
			others = append(others, aws.ToString(got.ReceiptHandle))
			s.others++
			if ms, err := strconv.ParseInt(got.Attributes["SentTimestamp"], 10, 64); err == nil {
				s.age = max(s.age, time.Since(time.UnixMilli(ms)))
			}
		}
		if s.found {
			break
		}
	}
	return s, nil
}

// putBack makes messages visible to others again.
func (x *opened) putBack(ctx context.Context, handles []string) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for part := range slices.Chunk(handles, 10) {
		in := &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: &x.url}
		for i, handle := range part {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handle})
		}
		_, _ = x.client.ChangeMessageVisibilityBatch(ctx, in) // else they are visible by themselves, a minute after they were received
	}
}

package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/cli/doctor"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/notifications"
)

// free is a limiter that lets all through.
type free struct{}

func (free) Wait(_ context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{Buckets: r.Buckets}, nil
}
func (free) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// set makes what a set-up says at the stand's emulator.
func (s *stand) set(setup *notifications.Setup) {
	s.Helper()
	s.f.Flags.Emulator = true
	s.f.UseLimiter(free{})
	if _, _, err := subscribe(s.Context(), s.f, setup); err != nil {
		s.Fatal(err)
	}
}

// diagnose is what doctor finds, by name of the problem or check, and whether it fails.
func (s *stand) diagnose(o *diagnosis) (doctor.Report, bool) {
	s.Helper()
	s.f.Flags.Emulator, s.f.Flags.Output.Format = true, output.JSON
	s.f.UseLimiter(free{})
	o.f, o.wait = s.f, time.Minute
	err := o.run(s.Context())
	var report doctor.Report
	if unread := json.Unmarshal([]byte(s.out.String()), &report); unread != nil {
		s.Fatalf("%v: %s", err, s.out)
	}
	return report, errors.Is(err, exit.ErrReported)
}

var narrow = &notificationsv1.EventFilter{EventFilterType: "ORDER_CHANGE", OrderChangeTypes: []notificationsv1.OrderChangeTypeEnum{"OrderStatusChange"}}

const right = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::437568002678:root"},"Action":["sqs:SendMessage","sqs:GetQueueAttributes"],"Resource":"*"}]}`

// TestDoctorFinds: each thing that keeps messages away is found, is a problem or a warning, and has a remedy.
func TestDoctorFinds(t *testing.T) {
	orders := &notifications.Setup{
		Destinations:  []notifications.DestinationSetup{{Name: "orders", SQS: ordersARN}},
		Subscriptions: []notifications.SubscriptionSetup{{Type: "REPORT_PROCESSING_FINISHED", Destination: "orders"}},
	}
	attribute := func(name, value string) func(*stand) {
		return func(s *stand) {
			in := &awssqs.SetQueueAttributesInput{QueueUrl: &s.q.url, Attributes: map[string]string{name: value}}
			if _, err := s.q.client.SetQueueAttributes(s.Context(), in); err != nil {
				s.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string // of what is found; "" for nothing
		status doctor.Status
		setup  *notifications.Setup
		make   func(*stand)
		queue  string

		missing string // a type that is named and that nobody is subscribed to
	}{
		{"", doctor.OK, orders, attribute("VisibilityTimeout", "30"), ordersARN, ""},
		{"nothing-policy", doctor.Problem, orders, attribute("Policy", strings.ReplaceAll(right, "437568002678", "437568002679")), ordersARN, ""},
		{"nothing-policy", doctor.Problem, orders, attribute("Policy", strings.ReplaceAll(right, "SendMessage", "ReceiveMessage")), ordersARN, ""},
		{"policy-attributes", doctor.Warning, orders, attribute("Policy", strings.ReplaceAll(right, `,"sqs:GetQueueAttributes"`, "")), ordersARN, ""},
		{"nothing-kms", doctor.Problem, orders, attribute("KmsMasterKeyId", "alias/aws/sqs"), ordersARN, ""},
		{"key-unseen", doctor.Warning, orders, attribute("KmsMasterKeyId", "alias/mine"), ordersARN, ""},
		{"retention-short", doctor.Warning, orders, attribute("MessageRetentionPeriod", "3600"), ordersARN, ""},
		{"no-dead-letters", doctor.Warning, orders, attribute("RedrivePolicy", ""), ordersARN, ""},
		{"dead-letters", doctor.Warning, orders, func(s *stand) {
			dead, err := openQueue(s.Context(), s.e, queue{region: "us-east-1", account: "123456789012", name: "dead"})
			if err == nil {
				_, err = dead.client.SendMessage(s.Context(), &awssqs.SendMessageInput{QueueUrl: &dead.url, MessageBody: aws.String("x")})
			}
			if err != nil {
				s.Fatal(err)
			}
		}, ordersARN, ""},
		{"queue-missing", doctor.Problem, orders, nil, "arn:aws:sqs:us-east-1:123456789012:nothing", ""},
		{"nothing-fifo", doctor.Problem, orders, nil, "arn:aws:sqs:us-east-1:123456789012:orders.fifo", ""},
		{"queue-no-destination", doctor.Problem, &notifications.Setup{Destinations: []notifications.DestinationSetup{{Name: "x",
			SQS: "arn:aws:sqs:us-east-1:123456789012:other"}}}, nil, ordersARN, ""},
		{"no-destination", doctor.Problem, &notifications.Setup{}, nil, ordersARN, ""},
		{"no-subscription", doctor.Problem, &notifications.Setup{Destinations: orders.Destinations}, nil, ordersARN, ""},
		{"filter-narrow", doctor.Warning, &notifications.Setup{Destinations: orders.Destinations,
			Subscriptions: []notifications.SubscriptionSetup{{Type: "ORDER_CHANGE", Destination: "orders", EventFilter: narrow}}}, nil, ordersARN, ""},
		{"no-subscription", doctor.Problem, orders, nil, ordersARN, "ORDER_CHANGE"},
		{"message-held", doctor.Warning, &notifications.Setup{Destinations: orders.Destinations,
			Subscriptions: []notifications.SubscriptionSetup{{Type: "ORDER_CHANGE", Destination: "orders", EventFilter: &notificationsv1.EventFilter{
				EventFilterType: "ORDER_CHANGE", OrderChangeTypes: []notificationsv1.OrderChangeTypeEnum{"BuyerRequestedChange"}}}}}, nil, ordersARN, ""},
		{"message-held", doctor.Problem, orders, attribute("Policy", strings.ReplaceAll(right, `"*"}`, `"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)),
			ordersARN, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.create("dead", nil)
				attribute("Policy", right)(s)
				attribute("RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":20}`)(s)
				s.set(c.setup)
				if c.make != nil {
					c.make(s)
				}
				types := []string{"REPORT_PROCESSING_FINISHED"}
				for _, sub := range c.setup.Subscriptions {
					types = []string{sub.Type}
				}
				if c.missing != "" {
					types = append(types, c.missing)
				}
				report, failed := s.diagnose(&diagnosis{queue: c.queue, types: types})
				if failed == report.OK || failed != slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.Status == doctor.Problem }) {
					t.Errorf("fails: %t, in the report ok: %t", failed, report.OK)
				}
				i := slices.IndexFunc(report.Findings, func(f doctor.Finding) bool { return f.Name != "" && (f.Name == c.name || c.name == "") })
				switch {
				case c.name == "" && i >= 0:
					t.Errorf("found %+v, want nothing", report.Findings[i])
				case c.name == "" && !slices.ContainsFunc(report.Findings,
					func(f doctor.Finding) bool { return f.Check == "message" && strings.Contains(f.Message, "arrived") }):
					t.Errorf("no message arrived: %+v", report.Findings)
				case c.name != "" && i < 0:
					t.Errorf("not found; found %+v", report.Findings)
				case c.name != "" && (report.Findings[i].Status != c.status || report.Findings[i].Fix == "" || report.Findings[i].Message == ""):
					t.Errorf("found %+v, want it as a %s with a fix", report.Findings[i], c.status)
				}
			})
		})
	}
}

// TestDoctorSaysWhatHeldIt: a message that was triggered and kept back is told of with the reason, and the two reasons aren't taken for each other.
func TestDoctorSaysWhatHeldIt(t *testing.T) {
	for typ, c := range map[string]struct {
		filter *notificationsv1.EventFilter
		policy string
		says   string
	}{
		"ORDER_CHANGE": {&notificationsv1.EventFilter{EventFilterType: "ORDER_CHANGE", OrderChangeTypes: []notificationsv1.OrderChangeTypeEnum{"BuyerRequestedChange"}}, right,
			"is filtered: orderChangeTypes"},
		"REPORT_PROCESSING_FINISHED": {nil, strings.ReplaceAll(right, notifications.Account, "437568002679"), "is dropped: policy"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			in := &awssqs.SetQueueAttributesInput{QueueUrl: &s.q.url, Attributes: map[string]string{"Policy": c.policy}}
			if _, err := s.q.client.SetQueueAttributes(s.Context(), in); err != nil {
				t.Fatal(err)
			}
			s.set(&notifications.Setup{Destinations: []notifications.DestinationSetup{{Name: "orders", SQS: ordersARN}},
				Subscriptions: []notifications.SubscriptionSetup{{Type: typ, Destination: "orders", EventFilter: c.filter}}})
			report, _ := s.diagnose(&diagnosis{queue: ordersARN, types: []string{typ}})
			last := report.Findings[len(report.Findings)-1]
			if last.Name != "message-held" || !strings.Contains(last.Message, c.says) || last.Fix == "" {
				t.Errorf("%s: %+v, want one that says %q", typ, last, c.says)
			}
		})
	}
}

// TestDoctorBehindEventBridge: a queue that a rule leads to is asked whether EventBridge may write to it, not SP-API, and a message gets there.
func TestDoctorBehindEventBridge(t *testing.T) {
	const rule = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"` +
		`,"Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:events:us-east-1:123456789012:rule/r"}}}]}`
	const events = "arn:aws:sqs:us-east-1:123456789012:spapi-events"
	for policy, want := range map[string][2]string{
		"":    {"", "arrived"}, // as the emulator makes it
		right: {"target-policy", "no statement of its policy names events.amazonaws.com"},
		rule:  {"", "EventBridge may send"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.set(&notifications.Setup{
				Destinations:  []notifications.DestinationSetup{{Name: "bus", EventBridge: &notifications.EventBridgeSetup{AccountID: "123456789012", Region: "us-east-1"}}},
				Subscriptions: []notifications.SubscriptionSetup{{Type: "LISTINGS_ITEM_STATUS_CHANGE", Destination: "bus"}},
			})
			if policy != "" {
				q, err := openQueue(s.Context(), s.e, queue{region: "us-east-1", account: "123456789012", name: "spapi-events"})
				if err == nil {
					in := &awssqs.SetQueueAttributesInput{QueueUrl: &q.url, Attributes: map[string]string{"Policy": policy}}
					_, err = q.client.SetQueueAttributes(s.Context(), in)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			report, _ := s.diagnose(&diagnosis{queue: events, types: []string{"LISTINGS_ITEM_STATUS_CHANGE"}})
			if !slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.Name == want[0] && strings.Contains(f.Message, want[1]) }) {
				t.Errorf("policy %q: %+v, want %q", policy, report.Findings, want)
			}
			if slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.Name == "nothing-policy" }) {
				t.Errorf("policy %q: SP-API is asked for: %+v", policy, report.Findings)
			}
		})
	}
}

// TestDoctorAsksForAReport: where no emulator can be asked for a message, the end of a report is one, if somebody is subscribed to that; it is waited for.
func TestDoctorAsksForAReport(t *testing.T) {
	for typ, want := range map[string]doctor.Status{"REPORT_PROCESSING_FINISHED": doctor.OK, "FEED_PROCESSING_FINISHED": doctor.Skipped} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.set(&notifications.Setup{
				Destinations:  []notifications.DestinationSetup{{Name: "orders", SQS: ordersARN}},
				Subscriptions: []notifications.SubscriptionSetup{{Type: typ, Destination: "orders"}},
			})
			in := &awssqs.SetQueueAttributesInput{QueueUrl: &s.q.url, Attributes: map[string]string{"Policy": right}}
			if _, err := s.q.client.SetQueueAttributes(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			o := &diagnosis{f: s.f, types: []string{typ}, wait: 5 * time.Minute, e: s.e}
			q, err := parseQueue(ordersARN)
			if err == nil {
				o.manager, o.client, err = (&whom{f: o.f}).client(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			o.findDestinations(t.Context(), &q)
			o.lookAtQueues(t.Context(), &q)
			o.lookAtSubscriptions(t.Context(), &q)
			o.e = nil // as at Amazon
			o.message(t.Context(), &q)
			last := o.findings[len(o.findings)-1]
			if last.Check != "message" || last.Status != want || want == doctor.OK && !strings.Contains(last.Message, "the end of report ") {
				t.Errorf("%s: %+v", typ, o.findings)
			}
			if left := s.left(s.q); left != "0+0" {
				t.Errorf("%s: %s left in the queue", typ, left)
			}
		})
	}
}

// TestDoctorLeavesOthers: to find its message it takes none of those that lie in the queue, and looks not at all where that could do harm.
func TestDoctorLeavesOthers(t *testing.T) {
	setup := &notifications.Setup{
		Destinations:  []notifications.DestinationSetup{{Name: "orders", SQS: ordersARN}},
		Subscriptions: []notifications.SubscriptionSetup{{Type: "REPORT_PROCESSING_FINISHED", Destination: "orders"}},
	}
	for _, c := range []struct {
		messages, redrive int
		looks             bool
	}{{0, 20, true}, {25, 20, true}, {101, 20, false}, {5, 2, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.create("dead", nil)
			in := &awssqs.SetQueueAttributesInput{QueueUrl: &s.q.url, Attributes: map[string]string{"Policy": right,
				"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":%d}`, c.redrive)}}
			if _, err := s.q.client.SetQueueAttributes(s.Context(), in); err != nil {
				t.Fatal(err)
			}
			s.set(setup)
			for n := range c.messages {
				s.send(change("o", n))
			}
			report, _ := s.diagnose(&diagnosis{queue: ordersARN, types: []string{"REPORT_PROCESSING_FINISHED"}})
			looked := slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool {
				return f.Check == "message" && f.Status == doctor.OK && strings.Contains(f.Message, "arrived")
			})
			if looked != c.looks {
				t.Errorf("%d messages, %d receipts allowed: looked %t: %+v", c.messages, c.redrive, looked, report.Findings)
			}
			if left := s.left(s.q); left != fmt.Sprintf("%d+0", c.messages) {
				t.Errorf("%d messages: %s left right after it, want all of them visible", c.messages, left)
			}
		})
	}
}

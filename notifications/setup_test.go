package notifications_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

const (
	na = marketplace.NorthAmerica
	eu = marketplace.Europe
)

// desired has each kind of destination, token and directive.
const desired = `
destinations:
  - name: queue
    sqs: arn:aws:sqs:eu-central-1:123456789012:spapi
  - name: bus
    eventBridge: {accountId: 012345678901, region: us-east-1}
    regions: [NA, eu]
subscriptions:
  - {type: ORDER_CHANGE, payloadVersion: 1.0, destination: queue, eventFilter: {orderChangeTypes: [OrderStatusChange, BuyerRequestedChange]}}
  - type: ANY_OFFER_CHANGED
    destination: queue
    regions: [na]
    eventFilter:
      marketplaceIds: [ATVPDKIKX0DER, A2EUQ1WTGCTBG2]
      aggregationSettings: {aggregationTimePeriod: FiveMinutes}
  - {type: LISTINGS_ITEM_STATUS_CHANGE, destination: bus, sellers: [s0, s2]}
  - {type: FULFILLMENT_ORDER_STATUS, destination: queue, filterExpression: "a == 'SHIPPED'"}
  - {type: REPORT_PROCESSING_FINISHED, payloadVersion: 2020-09-04, destination: queue}
  - {type: SHIPMENT_TRACKING_MILESTONE_CHANGED, destination: bus, eventFilter: {trackingIdentifier: {id: "1"}}}
`

// steps that desired takes with sellers of na, na, eu: destinations 2×2; ORDER_CHANGE 3, offers 2, listings 2, fulfilment 3, reports 3, tracking 2.
const desiredSteps = 4 + 3 + 2 + 2 + 3 + 3 + 2

func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestApplyTwiceChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na, eu})
		first := s.plan(desired, notifications.PlanOptions{})
		if len(first.Steps) != desiredSteps || len(first.Findings) != 4 || first.Unchanged != 0 { // a warning for each new destination
			t.Fatalf("%d steps, want %d:\n%s", len(first.Steps), desiredSteps, lines(first))
		}
		find(t, first, notifications.FindingWarning, `nothing may arrive at "queue"`)
		find(t, first, notifications.FindingWarning, "is pending until it is associated with an event bus")
		r := s.apply(first)
		if n := r.Count(notifications.StatusDone); n != desiredSteps {
			t.Errorf("%d done: %v", n, r)
		}
		there, written := s.there(), s.wire.written()
		if len(there) != desiredSteps {
			t.Errorf("there is %s", strings.Join(there, "\n"))
		}
		second := s.plan(desired, notifications.PlanOptions{Prune: true})
		if !second.Empty() || len(second.Findings) != 0 || second.Unchanged != desiredSteps {
			t.Errorf("the second plan is\n%s", lines(second))
		}
		s.apply(second)
		if s.wire.written() != written {
			t.Error("the second plan writes")
		}
		// The first plan again, out of a file: all is there.
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var again notifications.Plan
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if r := s.apply(&again); r.Count(notifications.StatusAlready) != desiredSteps {
			t.Errorf("applied again: %v", r)
		}
		if now := s.there(); !slices.Equal(now, there) {
			t.Errorf("there was\n%s\nand is\n%s", strings.Join(there, "\n"), strings.Join(now, "\n"))
		}
	})
}

func TestPlanIsStable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na, eu})
		s.apply(s.plan(desired, notifications.PlanOptions{}))
		var texts []string
		for range 2 {
			p := s.plan(desired, notifications.PlanOptions{})
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if texts[0] != texts[1] {
			t.Errorf("two plans of the same:\n%s\n%s", texts[0], texts[1])
		}
	})
}

func TestRemovedByHandIsRestored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na, eu})
		s.apply(s.plan(desired, notifications.PlanOptions{}))
		there := s.there()
		sub, err := s.api(1).GetSubscription(t.Context(), &notificationsv1.GetSubscriptionInput{NotificationType: "ORDER_CHANGE"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.api(1).DeleteSubscriptionByID(t.Context(), &notificationsv1.DeleteSubscriptionByIDInput{NotificationType: "ORDER_CHANGE", SubscriptionID: sub.SubscriptionID}); err != nil {
			t.Fatal(err)
		}
		p := s.plan(desired, notifications.PlanOptions{})
		if len(p.Steps) != 1 || p.Steps[0].Action != notifications.ActionCreate || p.Steps[0].Seller != "s1" || p.Steps[0].Type != "ORDER_CHANGE" || p.Steps[0].Lost != "" {
			t.Fatalf("the plan is\n%s", lines(p))
		}
		s.apply(p)
		if now := s.there(); !slices.Equal(now, there) {
			t.Errorf("there is\n%s", strings.Join(now, "\n"))
		}
	})
}

const oneQueue = `
destinations:
  - {name: queue, sqs: "arn:aws:sqs:us-east-1:123456789012:one"}
subscriptions:
`

func TestReplacements(t *testing.T) {
	filter := `  - {type: ORDER_CHANGE, destination: queue, eventFilter: {orderChangeTypes: [%s]}}` + "\n"
	expression := `  - {type: PRICING_HEALTH, destination: queue, filterExpression: "%s"}` + "\n"
	status, both := oneQueue+fmt.Sprintf(filter, "OrderStatusChange"), oneQueue+fmt.Sprintf(filter, "BuyerRequestedChange, OrderStatusChange")
	for name, test := range map[string]struct {
		before, after string
		steps, lost   int
		reason        string
		drift         string // "": none
	}{
		"same in another order": {both, strings.Replace(both, "BuyerRequestedChange, OrderStatusChange", "OrderStatusChange, BuyerRequestedChange", 1), 0, 0, "", ""},
		"filter":                {status, both, 1, 1, `its processing directive is {"eventFilter":{"orderChangeTypes":["OrderStatusChange"]`, ""},
		"filter into expression": {status, oneQueue + strings.Replace(fmt.Sprintf(expression, "a == 1"), "PRICING_HEALTH", "ORDER_CHANGE", 1), 1, 1,
			"its processing directive is", ""},
		"queue":              {status, strings.Replace(status, ":one", ":two", 1), 2, 1, `it leads to arn:aws:sqs:us-east-1:123456789012:one`, `destination "queue" (arn:aws:sqs:us-east-1:123456789012:one`},
		"name":               {status, strings.ReplaceAll(status, "queue", "renamed"), 0, 0, "", `is called "queue" at Amazon`},
		"another expression": {oneQueue + fmt.Sprintf(expression, "a == 1"), oneQueue + fmt.Sprintf(expression, "a == 2"), 1, 0, "none with this filter", "s0 is subscribed to PRICING_HEALTH 1.0"},
		"expression added":   {oneQueue + strings.Replace(fmt.Sprintf(expression, ""), `, filterExpression: ""`, "", 1), oneQueue + fmt.Sprintf(expression, "a == 2"), 1, 1, "its processing directive is missing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStand(t, []marketplace.Region{na})
				s.apply(s.plan(test.before, notifications.PlanOptions{}))
				p := s.plan(test.after, notifications.PlanOptions{})
				lost := 0
				for _, step := range p.Steps {
					if step.Lost != "" {
						lost++
						if step.Action != notifications.ActionReplace || !strings.Contains(step.String(), "between delete and create is lost") {
							t.Errorf("%s", step)
						}
					}
				}
				if len(p.Steps) != test.steps || lost != test.lost || !strings.Contains(lines(p), test.reason) {
					t.Errorf("%d steps, %d with loss, want %d and %d, with %q:\n%s", len(p.Steps), lost, test.steps, test.lost, test.reason, lines(p))
				}
				if test.drift != "" {
					find(t, p, notifications.FindingDrift, test.drift)
				} else if len(p.Findings) > 0 {
					t.Errorf("findings:\n%s", lines(p))
				}
				s.apply(p)
				if p := s.plan(test.after, notifications.PlanOptions{}); !p.Empty() {
					t.Errorf("after it:\n%s", lines(p))
				}
			})
		})
	}
}

func TestDriftStaysUnlessPruned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na, eu})
		s.apply(s.plan(desired, notifications.PlanOptions{}))
		less := `{"destinations": [{"name": "queue", "sqs": "arn:aws:sqs:eu-central-1:123456789012:spapi"}],
			"subscriptions": [{"type": "REPORT_PROCESSING_FINISHED", "destination": "queue"}]}`
		p := s.plan(less, notifications.PlanOptions{})
		drift := 0
		for _, f := range p.Findings {
			if f.Kind == notifications.FindingDrift {
				drift++
			}
		}
		if !p.Empty() || drift != desiredSteps-5 {
			t.Errorf("%d drifted, want %d, and no steps:\n%s", drift, desiredSteps-5, lines(p))
		}
		if p := s.plan(less, notifications.PlanOptions{NamedTypesOnly: true, Prune: true}); len(p.Steps) != 2 {
			t.Errorf("of the named types and destinations alone:\n%s", lines(p))
		}
		p = s.plan(less, notifications.PlanOptions{Prune: true})
		if len(p.Steps) != desiredSteps-5 || p.Steps[len(p.Steps)-1].Object != notifications.ObjectDestination {
			t.Errorf("with prune, destinations last:\n%s", lines(p))
		}
		r := s.apply(p) // with both kinds of tokens: the emulator wants the seller's for FULFILLMENT_ORDER_STATUS
		if r.Count(notifications.StatusDone) != len(p.Steps) {
			t.Errorf("%v", r)
		}
		if there := s.there(); len(there) != 5 {
			t.Errorf("there is\n%s", strings.Join(there, "\n"))
		}
		if r := s.apply(p); r.Count(notifications.StatusAlready) != len(p.Steps) {
			t.Errorf("again: %v", r)
		}
		if s.wire.throttled > 0 {
			t.Errorf("%d calls were throttled, though each region's endpoint counts for itself", s.wire.throttled)
		}
	})
}

// TestDestinationInUse: somebody who isn't asked is subscribed to what is to be pruned.
func TestDestinationInUse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na})
		s.apply(s.plan(oneQueue+"  - {type: PRICING_HEALTH, destination: queue}", notifications.PlanOptions{}))
		s.Sellers = s.Sellers[:1]
		p := s.plan(`destinations: [{name: other, sqs: "arn:aws:sqs:us-east-1:123456789012:two"}]`, notifications.PlanOptions{Prune: true})
		r, err := s.Apply(t.Context(), p)
		var e *notifications.ApplyError
		if !errors.As(err, &e) || e.Failed != 1 || e.Skipped != 0 || !spapi.IsForbidden(err) {
			t.Fatalf("%v", err)
		}
		last := r.Outcomes[len(r.Outcomes)-1]
		if last.Status != notifications.StatusFailed || last.Explanation == nil || last.Explanation.Name != "destination-in-use" {
			t.Errorf("%s", last)
		}
	})
}

func TestTwoHundredSellers(t *testing.T) {
	const types = 7
	subscriptions := ""
	for _, name := range []string{"PRICING_HEALTH", "FEE_PROMOTION", "FEED_PROCESSING_FINISHED", "FULFILLMENT_ORDER_STATUS", "TRANSACTION_UPDATE", "ITEM_SALES_EVENT_CHANGE", "DETAIL_PAGE_TRAFFIC_EVENT"} {
		subscriptions += fmt.Sprintf("  - {type: %s, destination: queue}\n", name)
	}
	bubble(t, func(t *testing.T) {
		s := newStand(t, slices.Repeat([]marketplace.Region{na}, 200))
		took := map[string]time.Duration{}
		lap := func(name string, f func()) {
			start := time.Now()
			f()
			took[name] = time.Since(start).Round(time.Second)
		}
		var p *notifications.Plan
		last, total := 0, 0
		s.Progress = func(p notifications.Progress) { last, total = p.Done, p.Total }
		lap("plan", func() { p = s.plan(oneQueue+subscriptions, notifications.PlanOptions{}) })
		if len(p.Steps) != 1+200*types || last != total {
			t.Fatalf("%d steps, progress %d of %d", len(p.Steps), last, total)
		}
		lap("apply", func() { s.apply(p) })
		if last != len(p.Steps) || total != last {
			t.Errorf("progress %d of %d", last, total)
		}
		lap("plan again", func() { p = s.plan(oneQueue+subscriptions, notifications.PlanOptions{}) })
		if !p.Empty() {
			t.Errorf("%d steps are left", len(p.Steps))
		}
		before := s.wire.written()
		lap("prune", func() {
			p = s.plan(strings.Replace(oneQueue, "subscriptions:", "", 1), notifications.PlanOptions{Prune: true})
			s.apply(p)
		})
		if len(p.Steps) != 200*types {
			t.Errorf("%d were deleted", len(p.Steps))
		}
		t.Logf("%v, %d calls throttled", took, s.wire.throttled)
		if s.wire.throttled != 0 {
			t.Errorf("%d calls were throttled", s.wire.throttled)
		}
		// What limits reading is that of one seller: a burst of 5, then a type a second, and all sellers side by side.
		if took["plan"] > 30*time.Second || took["apply"] > 5*time.Second {
			t.Errorf("%v", took)
		}
		// What the application deletes is limited by its own bucket, a second each and what the limiter adds to that; of FULFILLMENT_ORDER_STATUS the sellers do it,
		// once one call has been refused to the application.
		if calls := s.wire.written() - before; calls != types*200+1 {
			t.Errorf("%d calls for %d deletions", calls, types*200)
		}
		if deletes := ((types-1)*200 + 1) * time.Second; took["prune"] > deletes+deletes/100+took["plan again"] {
			t.Errorf("%v", took)
		}
	})
}

// TestCutAnywhere ends the work at each call in turn, before it is carried out or when the answer is on its way, and then takes it up with a new plan.
func TestCutAnywhere(t *testing.T) {
	before := oneQueue + `
  - {type: ORDER_CHANGE, destination: queue, eventFilter: {orderChangeTypes: [OrderStatusChange]}}
  - {type: FULFILLMENT_ORDER_STATUS, destination: queue}
  - {type: FEE_PROMOTION, destination: queue}
`
	after := strings.Replace(before, ":one", ":two", 1) + "  - {type: PRICING_HEALTH, destination: queue}\n"
	after = strings.Replace(after, "  - {type: FEE_PROMOTION, destination: queue}\n", "", 1)
	for _, carriedOut := range []bool{false, true} {
		cuts := 0
		for n := 1; ; n++ {
			reached := false
			bubble(t, func(t *testing.T) {
				s := newStand(t, []marketplace.Region{na, eu})
				s.apply(s.plan(before, notifications.PlanOptions{}))
				p := s.plan(after, notifications.PlanOptions{Prune: true})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				calls := 0
				s.wire.setMeddle(func(_ string, send func() (*http.Response, error)) (*http.Response, error) {
					s.wire.mu.Lock()
					calls++
					now := calls == n
					reached = reached || now
					s.wire.mu.Unlock()
					if !now {
						return send()
					}
					cancel()
					if carriedOut {
						resp, err := send()
						if err == nil {
							_ = resp.Body.Close()
						}
					}
					return nil, context.Canceled
				})
				r, err := s.Apply(ctx, p)
				if reached && (err == nil) != (r.Count(notifications.StatusFailed)+r.Count(notifications.StatusSkipped) == 0) {
					t.Errorf("cut at call %d: %v, %v", n, err, r)
				}
				s.wire.setMeddle(nil)
				s.apply(s.plan(after, notifications.PlanOptions{Prune: true}))
				if p := s.plan(after, notifications.PlanOptions{Prune: true}); !p.Empty() || len(p.Findings) > 0 || p.Unchanged != 2+6 {
					t.Errorf("cut at call %d (carried out: %t):\n%s", n, carriedOut, lines(p))
				}
			})
			if !reached {
				break
			}
			cuts++
		}
		if cuts < 15 {
			t.Errorf("the work was cut at %d calls", cuts)
		}
	}
}

// TestAmazonUnwell: two people apply at the same time while Amazon fails calls before and after they are carried out, cuts connections and throttles. Both are told
// what failed, nothing is there twice, and a plan more mends the rest.
func TestAmazonUnwell(t *testing.T) {
	before := desired
	after := strings.Replace(strings.Replace(desired, "[OrderStatusChange, BuyerRequestedChange]", "[OrderStatusChange]", 1), "a == 'SHIPPED'", "a == 'RECEIVED'", 1)
	after = strings.Replace(after, ":spapi", ":other", 1)
	for seed := range uint64(6) {
		bubble(t, func(t *testing.T) {
			s := newStand(t, []marketplace.Region{na, na, eu})
			s.apply(s.plan(before, notifications.PlanOptions{}))
			plan := s.plan(after, notifications.PlanOptions{Prune: true})
			rng := rand.New(rand.NewPCG(seed, 1))
			s.wire.setMeddle(func(_ string, send func() (*http.Response, error)) (*http.Response, error) {
				s.wire.mu.Lock()
				fate := rng.IntN(12)
				s.wire.mu.Unlock()
				if fate == 0 {
					return answer(503, `{"errors":[{"code":"ServiceUnavailable","message":"Service is temporarily unavailable"}]}`), nil
				}
				resp, err := send()
				if err != nil || fate > 3 {
					return resp, err
				}
				_ = resp.Body.Close()
				switch fate {
				case 1:
					return answer(500, `{"errors":[{"code":"InternalFailure","message":"We encountered an internal error."}]}`), nil
				case 2:
					return answer(429, `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource."}]}`), nil
				}
				return nil, errors.New("connection reset by peer")
			})
			var both sync.WaitGroup
			for range 2 {
				m := &notifications.Manager{Sellers: s.Sellers}
				both.Go(func() {
					r, err := m.Apply(t.Context(), plan)
					failed := r.Count(notifications.StatusFailed) + r.Count(notifications.StatusSkipped)
					if (err != nil) != (failed > 0) {
						t.Errorf("seed %d: %v, %d of %d not done", seed, err, failed, len(r.Outcomes))
					}
					s.resultHasNoSecrets(r)
				})
			}
			both.Wait()
			s.wire.setMeddle(nil)
			s.apply(s.plan(after, notifications.PlanOptions{Prune: true}))
			if p := s.plan(after, notifications.PlanOptions{Prune: true}); !p.Empty() || p.Unchanged != desiredSteps || len(p.Findings) > 0 {
				t.Errorf("seed %d: %d unchanged, want %d:\n%s", seed, p.Unchanged, desiredSteps, lines(p))
			}
		})
	}
}

// TestAnswersLost loses each answer in turn, without an end of the work: what is created may be there, and isn't twice.
func TestAnswersLost(t *testing.T) {
	after := oneQueue + "  - {type: PRICING_HEALTH, destination: queue}\n  - {type: FEE_PROMOTION, destination: queue}\n"
	for n := 1; n <= 3; n++ {
		bubble(t, func(t *testing.T) {
			s := newStand(t, []marketplace.Region{na})
			p := s.plan(after, notifications.PlanOptions{})
			calls := 0
			s.wire.setMeddle(func(_ string, send func() (*http.Response, error)) (*http.Response, error) {
				resp, err := send()
				if calls++; calls == n && err == nil {
					_ = resp.Body.Close()
					return nil, errors.New("connection reset")
				}
				return resp, err
			})
			r := s.apply(p)
			if r.Outcomes[n-1].Status != notifications.StatusAlready {
				t.Errorf("%d: %v", n, r)
			}
			s.wire.setMeddle(nil)
			if there := s.there(); len(there) != 3 {
				t.Errorf("%d: there is\n%s", n, strings.Join(there, "\n"))
			}
		})
	}
}

// TestRefusedReplacementIsUndone: Amazon takes the old subscription away and then refuses the new one.
func TestRefusedReplacementIsUndone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		before := oneQueue + "  - {type: ORDER_CHANGE, destination: queue, eventFilter: {orderChangeTypes: [OrderStatusChange]}}\n"
		s.apply(s.plan(before, notifications.PlanOptions{}))
		there := s.there()
		p := s.plan(strings.Replace(before, "OrderStatusChange", "DeliveryTipChange", 1), notifications.PlanOptions{})
		refused := false
		s.wire.setMeddle(func(operation string, send func() (*http.Response, error)) (*http.Response, error) {
			if operation == "createSubscription" && !refused {
				refused = true
				return answer(400, `{"errors":[{"code":"InvalidInput","message":"Request has missing or invalid parameters and cannot be parsed.",
					"details":"EventFilter Payload {} failed to validate for notification type ORDER_CHANGE"}]}`), nil
			}
			return send()
		})
		r, err := s.Apply(t.Context(), p)
		if err == nil || len(r.Outcomes) != 1 || !r.Outcomes[0].Restored || r.Outcomes[0].Status != notifications.StatusFailed || r.Outcomes[0].Explanation.Name != "directive-unfit" {
			t.Fatalf("%v, %v", err, r)
		}
		if !strings.Contains(r.Outcomes[0].String(), "the one before was made again") {
			t.Errorf("%s", r.Outcomes[0])
		}
		s.wire.setMeddle(nil)
		if now := s.there(); !slices.Equal(now, there) {
			t.Errorf("there is\n%s", strings.Join(now, "\n"))
		}
	})
}

// TestReplacementIsFinished: who ends the work between the two halves of a replacement ends it behind them.
func TestReplacementIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		before := oneQueue + "  - {type: ORDER_CHANGE, destination: queue, eventFilter: {orderChangeTypes: [OrderStatusChange]}}\n"
		after := strings.Replace(before, "OrderStatusChange", "DeliveryTipChange", 1) + "  - {type: PRICING_HEALTH, destination: queue}\n"
		s.apply(s.plan(before, notifications.PlanOptions{}))
		p := s.plan(after, notifications.PlanOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.wire.setMeddle(func(operation string, send func() (*http.Response, error)) (*http.Response, error) {
			resp, err := send()
			if operation == "deleteSubscription" {
				cancel()
			}
			return resp, err
		})
		r, err := s.Apply(ctx, p)
		if !errors.Is(err, context.Canceled) || r.Outcomes[0].Status != notifications.StatusDone || r.Outcomes[0].ID == "" || r.Outcomes[1].Status != notifications.StatusSkipped {
			t.Errorf("%v, %v", err, r)
		}
		if there := strings.Join(s.there(), "\n"); !strings.Contains(there, "DeliveryTipChange") {
			t.Errorf("there is\n%s", there)
		}
	})
}

// TestWhoMayNot: a role that is missing and an authorization that was taken back are findings, and don't hold up the rest.
func TestWhoMayNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na, na})
		s.emu.SetRoles("Inventory and Order Tracking")
		s.emu.RevokeRefreshToken(s.emu.Accounts()[2].RefreshToken)
		setup := oneQueue + `
  - {type: ORDER_CHANGE, destination: queue, eventFilter: {orderChangeTypes: [OrderStatusChange]}}
  - {type: PRICING_HEALTH, destination: queue}
`
		p := s.plan(setup, notifications.PlanOptions{})
		if len(p.Steps) != 3 || len(p.Findings) != 3 {
			t.Fatalf("the plan is\n%s", lines(p))
		}
		f := find(t, p, notifications.FindingUnknown, "PRICING_HEALTH")
		if !slices.Equal(f.Sellers, []string{"s0", "s1"}) || f.Explanation.Name != "role-missing" || !strings.Contains(f.Text, "Pricing") {
			t.Errorf("%+v", f)
		}
		if f := find(t, p, notifications.FindingUnknown, "Let the seller authorize again"); !slices.Equal(f.Sellers, []string{"s2"}) || f.Type != "" {
			t.Errorf("%+v", f)
		}
		s.apply(p)
		// The role goes between plan and apply.
		s.emu.SetRoles("Inventory and Order Tracking", "Pricing")
		p = s.plan(setup, notifications.PlanOptions{})
		s.emu.SetRoles("Inventory and Order Tracking")
		r, err := s.Apply(t.Context(), p)
		if err == nil || r.Count(notifications.StatusFailed) != 2 || r.Outcomes[0].Explanation.Name != "role-missing" {
			t.Errorf("%v, %v", err, r)
		}
		// No role at all: nothing of this seller can be read, and that is one finding.
		s.emu.SetRoles("none")
		s.Sellers = s.Sellers[:1]
		p, err = s.Plan(t.Context(), read(t, setup), notifications.PlanOptions{NamedTypesOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Findings) != 1 || p.Findings[0].Type != "" {
			t.Errorf("the plan is\n%s", lines(p))
		}
	})
}

// TestAuthorizationTakenBack: a seller who has gone fails once, and the others are done.
func TestAuthorizationTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na})
		p := s.plan(oneQueue+"  - {type: PRICING_HEALTH, destination: queue}\n  - {type: FEE_PROMOTION, destination: queue}\n", notifications.PlanOptions{})
		s.emu.RevokeRefreshToken(s.emu.Accounts()[1].RefreshToken)
		time.Sleep(2 * time.Hour) // the access token ends
		r, err := s.Apply(t.Context(), p)
		if err == nil || r.Count(notifications.StatusDone) != 3 || r.Count(notifications.StatusFailed) != 1 || r.Count(notifications.StatusSkipped) != 1 {
			t.Fatalf("%v, %v", err, r)
		}
		s.resultHasNoSecrets(r)
		s.noSecrets(err.Error())
	})
}

// TestBlockedDestination: an AWS account has its one destination in another AWS region; and a destination can't be made.
func TestBlockedDestination(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na}, emulator.WithFIFORefused())
		bus := `
destinations: [{name: bus, eventBridge: {accountId: "123456789012", region: us-east-1}}]
subscriptions: [{type: LISTINGS_ITEM_STATUS_CHANGE, destination: bus}]
`
		s.apply(s.plan(bus, notifications.PlanOptions{}))
		p := s.plan(strings.Replace(bus, "us-east-1", "us-west-2", 1), notifications.PlanOptions{Prune: true})
		find(t, p, notifications.FindingBlocked, "has its one destination in us-east-1")
		find(t, p, notifications.FindingBlocked, "LISTINGS_ITEM_STATUS_CHANGE waits for destination")
		if !p.Empty() {
			t.Errorf("the plan is\n%s", lines(p))
		}
		p = s.plan(oneQueue+"  - {type: PRICING_HEALTH, destination: queue}", notifications.PlanOptions{})
		p.Steps[0].SQS += ".fifo" // a plan that was changed by hand
		r, err := s.Apply(t.Context(), p)
		if err == nil || r.Outcomes[0].Explanation.Name != "fifo" || r.Outcomes[1].Status != notifications.StatusSkipped ||
			!strings.Contains(r.Outcomes[1].Text, `it needs destination "queue", which could not be made`) {
			t.Errorf("%v, %v", err, r)
		}
	})
}

func TestWarnings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, na}, emulator.WithRemoved())
		p := s.plan(`
destinations: [{name: bus, eventBridge: {accountId: "123456789012", region: us-east-1}}, {name: queue, sqs: "arn:aws:sqs:us-east-1:123456789012:q"}]
subscriptions:
  - {type: LISTINGS_ITEM_ISSUES_CHANGE, payloadVersion: 1.0, destination: bus}
  - {type: BOPIS_CHECKIN_DETAILS, payloadVersion: 1.0, destination: queue}
`, notifications.PlanOptions{})
		f := find(t, p, notifications.FindingWarning, "LISTINGS_ITEM_ISSUES_CHANGE 1.0 is deprecated")
		if !strings.Contains(f.Text, "2026-08-26") || !slices.Equal(f.Sellers, []string{"s0", "s1"}) {
			t.Errorf("%+v", f)
		}
		find(t, p, notifications.FindingWarning, "BOPIS_CHECKIN_DETAILS")
		s.apply(p)
	})
}

// TestUnreadRegion: a region whose destinations can't be read is left alone, and others aren't.
func TestUnreadRegion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		s.wire.setMeddle(func(operation string, send func() (*http.Response, error)) (*http.Response, error) {
			if operation == "getDestination" {
				return answer(403, `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":""}]}`), nil
			}
			return send()
		})
		p := s.plan(oneQueue+"  - {type: PRICING_HEALTH, destination: queue}", notifications.PlanOptions{})
		if f := find(t, p, notifications.FindingUnknown, "the destinations could not be read"); f.Explanation.Name != "destinations-forbidden" || f.Region != na {
			t.Errorf("%+v", f)
		}
		find(t, p, notifications.FindingBlocked, "waits for destination")
		if !p.Empty() {
			t.Errorf("the plan is\n%s", lines(p))
		}
	})
}

func TestManagersFields(t *testing.T) {
	s := newStand(t, []marketplace.Region{na, eu})
	other := newStand(t, []marketplace.Region{na}, emulator.WithSeed(2))
	setup := read(t, oneQueue+"  - {type: PRICING_HEALTH, destination: queue}")
	sandbox := s.App.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|canary"), Region: na, Sandbox: true})
	for name, test := range map[string]struct {
		sellers []notifications.Seller
		want    string
	}{
		"none":                {nil, "app: is missing"},
		"no client":           {[]notifications.Seller{{Name: "x"}}, "want a name and a client"},
		"a name twice":        {[]notifications.Seller{s.Sellers[0], {Name: "s0", Client: s.Sellers[1].Client}}, "is the name of another seller"},
		"a seller twice":      {[]notifications.Seller{s.Sellers[0], {Name: "again", Client: s.Sellers[0].Client}}, `is the same seller in the same region as "s0"`},
		"no refresh token":    {[]notifications.Seller{{Name: "x", Client: s.App.Client(spapi.Authorization{Region: na})}}, "has no refresh token"},
		"another application": {[]notifications.Seller{s.Sellers[0], {Name: "x", Client: other.Sellers[0].Client}}, "is of another application"},
		"the sandbox":         {[]notifications.Seller{s.Sellers[0], {Name: "x", Client: sandbox}}, "is in the sandbox and others aren't"},
		"a client that can't": {[]notifications.Seller{{Name: "x", Client: s.App.Client(spapi.Authorization{Region: "mars"})}}, "mars"},
	} {
		m := &notifications.Manager{Sellers: test.sellers}
		if _, err := m.Plan(t.Context(), setup, notifications.PlanOptions{}); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	for name, test := range map[string]struct {
		text, want string
	}{
		"no such seller":       {oneQueue + "  - {type: PRICING_HEALTH, destination: queue, sellers: [s0, nobody]}", `subscriptions[0].sellers[1]: "nobody": is none of the sellers: there are s0, s1`},
		"nobody there":         {oneQueue + "  - {type: PRICING_HEALTH, destination: queue, regions: [fe]}", "there is no seller in its regions"},
		"destination's region": {strings.Replace(oneQueue, "one\"", "one\", regions: [na]", 1) + "  - {type: PRICING_HEALTH, destination: queue}", `"queue": is not in region eu, where s1 is`},
		"marketplace":          {oneQueue + "  - {type: ANY_OFFER_CHANGED, destination: queue, eventFilter: {marketplaceIds: [ATVPDKIKX0DER]}}", `"ATVPDKIKX0DER": is in region na, and s1 is in eu`},
		"twice":                {oneQueue + "  - {type: PRICING_HEALTH, destination: queue}\n  - {type: PRICING_HEALTH, destination: queue, sellers: [s1]}", "subscriptions[1]: \"PRICING_HEALTH\": is a second subscription of s1"},
		"twice by expressions": {oneQueue + "  - {type: PRICING_HEALTH, destination: queue, filterExpression: a}\n  - {type: PRICING_HEALTH, destination: queue, filterExpression: a}", "is a second subscription of s0"},
	} {
		_, err := s.Plan(t.Context(), read(t, test.text), notifications.PlanOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if s.wire.written() != 0 || len(s.wire.calls) != 0 {
		t.Error("something was sent before all was found right")
	}
	// A plan of another application, and steps that are none.
	_, err := s.Apply(t.Context(), &notifications.Plan{Application: "amzn1.application-oa2-client.other", Steps: []notifications.Step{
		{Action: "burn", Object: notifications.ObjectSubscription, Region: na, Seller: "nobody"}, {Action: notifications.ActionReplace, Object: notifications.ObjectSubscription, Region: na, Seller: "s0"},
		{Action: notifications.ActionCreate, Object: notifications.ObjectSubscription, Region: na, Seller: "nobody"}, {Action: notifications.ActionCreate, Object: notifications.ObjectDestination, Region: na},
	}})
	var wrong *notifications.SetupError
	if !errors.As(err, &wrong) || len(wrong.Problems) < 5 {
		t.Errorf("%v", err)
	}
}

// TestSandbox: there all is the same, at other hosts.
func TestSandbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, eu})
		for i, c := range s.emu.Accounts() {
			s.Sellers[i].Client = s.App.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, Sandbox: true})
		}
		setup := oneQueue + "  - {type: FULFILLMENT_ORDER_STATUS, destination: queue}\n"
		p := s.plan(setup, notifications.PlanOptions{})
		if !p.Sandbox || len(p.Steps) != 4 {
			t.Fatalf("the plan is\n%s", lines(p))
		}
		s.apply(p)
		if p := s.plan(setup, notifications.PlanOptions{}); !p.Empty() {
			t.Errorf("the second plan is\n%s", lines(p))
		}
		s.apply(s.plan(`destinations: [{name: other, sqs: "arn:aws:sqs:us-east-1:123456789012:two"}]`, notifications.PlanOptions{Prune: true}))
		if there := s.there(); len(there) != 2 {
			t.Errorf("there is\n%s", strings.Join(there, "\n"))
		}
		// In production there is nothing of it, and a plan for the one is none for the other.
		for i, c := range s.emu.Accounts() {
			s.Sellers[i].Client = s.App.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
		}
		if _, err := s.Apply(t.Context(), p); err == nil || !strings.Contains(err.Error(), `sandbox: "true": isn't where the sellers are`) {
			t.Errorf("%v", err)
		}
	})
}

// TestWithoutSellers: destinations need none.
func TestWithoutSellers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		s.Sellers = nil
		if _, err := s.Destinations(t.Context()); err == nil || !strings.Contains(err.Error(), "regions: are missing") {
			t.Errorf("%v", err)
		}
		if _, err := s.Plan(t.Context(), read(t, oneQueue+"  []"), notifications.PlanOptions{}); err == nil || !strings.Contains(err.Error(), "destinations[0].regions: are missing") {
			t.Errorf("%v", err)
		}
		p := s.plan(strings.Replace(oneQueue+"  []", "one\"", "one\", regions: [na, fe]", 1), notifications.PlanOptions{})
		if len(p.Steps) != 2 {
			t.Fatalf("the plan is\n%s", lines(p))
		}
		s.apply(p)
		s.Regions = marketplace.Regions()
		state, err := s.Destinations(t.Context())
		if err != nil || len(state.Destinations) != 2 || state.Destinations[0].Region != marketplace.FarEast || state.Destinations[1].Region != na {
			t.Errorf("%+v, %v", state, err)
		}
		if _, err := s.Subscriptions(t.Context(), "ORDER_STATUS_CHANGE"); err == nil || !strings.Contains(err.Error(), `types[0]: "ORDER_STATUS_CHANGE": can't be subscribed to`) {
			t.Errorf("%v", err)
		}
	})
}

// TestEnded: who ends the reading gets the context's error.
func TestEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := s.Plan(ctx, read(t, oneQueue+"  []"), notifications.PlanOptions{})
		var limit *spapi.LimitError
		if !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &limit) {
			t.Errorf("%v", err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := s.Plan(ended, read(t, oneQueue+"  []"), notifications.PlanOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

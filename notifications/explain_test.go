package notifications_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

// TestErrorsAreExplained reaches each error that is known in the emulator, by calls that go wrong.
func TestErrorsAreExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na, eu}, emulator.WithFIFORefused())
		ctx, api, other := t.Context(), s.api(0), s.api(1)
		destination := func(sqs string, opts ...spapi.CallOption) (string, error) {
			d, err := api.CreateDestination(ctx, &notificationsv1.CreateDestinationInput{Name: "q",
				ResourceSpecification: &notificationsv1.DestinationResourceSpecification{Sqs: &notificationsv1.SqsResource{Arn: sqs}}}, opts...)
			if err != nil {
				return "", err
			}
			return d.DestinationID, nil
		}
		queue, err := destination("arn:aws:sqs:us-east-1:123456789012:q")
		if err != nil {
			t.Fatal(err)
		}
		bus, err := api.CreateDestination(ctx, &notificationsv1.CreateDestinationInput{Name: "b", ResourceSpecification: &notificationsv1.DestinationResourceSpecification{
			EventBridge: &notificationsv1.EventBridgeResourceSpecification{AccountID: "123456789012", Region: "us-east-1"}}})
		if err != nil {
			t.Fatal(err)
		}
		subscribe := func(api *notificationsv1.Client, name, version, destination string, d *notificationsv1.ProcessingDirective, opts ...spapi.CallOption) error {
			_, err := api.CreateSubscription(ctx, &notificationsv1.CreateSubscriptionInput{NotificationType: name, PayloadVersion: version, DestinationID: destination, ProcessingDirective: d}, opts...)
			return err
		}
		if err := subscribe(api, "PRICING_HEALTH", "1.0", queue, nil); err != nil {
			t.Fatal(err)
		}
		raw := func(body string) error {
			req, err := http.NewRequestWithContext(ctx, "POST", "/notifications/v1/subscriptions/PRICING_HEALTH", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			_, err = s.Sellers[0].Client.Do(req, spapi.WithAPIErrors(), spapi.WithoutRetry())
			return err
		}
		filter := func(f notificationsv1.EventFilter) *notificationsv1.ProcessingDirective {
			return &notificationsv1.ProcessingDirective{EventFilter: &f}
		}
		second := func(_ any, err error) error { return err }
		unreached := map[string]bool{}
		for _, e := range notifications.Explanations() {
			if e.Status != 0 {
				unreached[e.Name] = true
			}
		}
		for _, test := range []struct {
			name, typ string
			call      func() error
			says      string
		}{
			{"destination-exists", "", func() error { return second(destination("arn:aws:sqs:us-east-1:123456789012:q")) }, "one for each queue"},
			{"destination-two-kinds", "", func() error {
				return second(api.CreateDestination(ctx, &notificationsv1.CreateDestinationInput{Name: "x", ResourceSpecification: &notificationsv1.DestinationResourceSpecification{
					Sqs: &notificationsv1.SqsResource{Arn: "arn:aws:sqs:us-east-1:123456789012:x"}, EventBridge: &notificationsv1.EventBridgeResourceSpecification{AccountID: "123456789013", Region: "us-east-1"}}}))
			}, "sqs or eventBridge"},
			{"fifo", "", func() error { return second(destination("arn:aws:sqs:us-east-1:123456789012:x.fifo")) }, "standard queue"},
			{"destination-invalid", "", func() error { return second(destination("https://sqs.us-east-1.amazonaws.com/123456789012/x")) }, "ARN"},
			{"body-unreadable", "", func() error { return raw(`{"payload_version":"1.0"}`) }, "snake case"},
			{"destination-in-use", "", func() error {
				return api.DeleteDestination(ctx, &notificationsv1.DeleteDestinationInput{DestinationID: queue})
			}, "still lead to"},
			{"destinations-forbidden", "", func() error { return second(api.GetDestinations(ctx, nil, spapi.WithSellerToken())) }, "the application's own token"},
			{"subscription-exists", "PRICING_HEALTH", func() error { return subscribe(api, "PRICING_HEALTH", "1.0", queue, nil) }, "a subscription to PRICING_HEALTH"},
			{"destination-unknown", "PRICING_HEALTH", func() error { return subscribe(other, "PRICING_HEALTH", "1.0", queue, nil) }, "Each region has destinations of its own"},
			{"directive-missing", "ORDER_CHANGE", func() error { return subscribe(api, "ORDER_CHANGE", "1.0", queue, nil) }, "ORDER_CHANGE needs a processing directive"},
			{"directive-unfit", "ORDER_CHANGE", func() error {
				return subscribe(api, "ORDER_CHANGE", "1.0", queue, filter(notificationsv1.EventFilter{EventFilterType: "ORDER_CHANGE", MarketplaceIDs: []string{"ATVPDKIKX0DER"}}))
			}, "orderChangeTypes for ORDER_CHANGE"},
			{"directive-both", "ORDER_CHANGE", func() error {
				d := filter(notificationsv1.EventFilter{EventFilterType: "ORDER_CHANGE", OrderChangeTypes: []notificationsv1.OrderChangeTypeEnum{"OrderStatusChange"}})
				d.FilterExpression = "a"
				return subscribe(api, "ORDER_CHANGE", "1.0", queue, d)
			}, "either eventFilter or filterExpression"},
			{"expression-invalid", "FEE_PROMOTION", func() error {
				return subscribe(api, "FEE_PROMOTION", "1.0", queue, &notificationsv1.ProcessingDirective{FilterExpression: "a + 1 > 2"})
			}, "CEL"},
			{"queue-only", "FEE_PROMOTION", func() error { return subscribe(api, "FEE_PROMOTION", "1.0", bus.DestinationID, nil) }, "FEE_PROMOTION goes to queues only"},
			{"eventbridge-only", "LISTINGS_ITEM_STATUS_CHANGE", func() error { return subscribe(api, "LISTINGS_ITEM_STATUS_CHANGE", "1.0", queue, nil) }, "EventBridge only"},
			{"version-unknown", "FEE_PROMOTION", func() error { return subscribe(api, "FEE_PROMOTION", "7.0", queue, nil) }, "payload version"},
			{"type-unknown", "", func() error { return subscribe(api, "SOMETHING", "1.0", queue, nil) }, "misspelt"},
			{"subscription-invalid", "FEE_PROMOTION", func() error { return raw(`{"payloadVersion":"1.0"}`) }, "destinationId"},
			{"role-missing", "FEE_PROMOTION", func() error {
				return subscribe(api, "FEE_PROMOTION", "1.0", queue, nil, spapi.WithGrantless("sellingpartnerapi::notifications"))
			}, "Finance and Accounting or Product Listing"},
			{"delete-forbidden", "PRICING_HEALTH", func() error {
				return api.DeleteSubscriptionByID(ctx, &notificationsv1.DeleteSubscriptionByIDInput{NotificationType: "PRICING_HEALTH", SubscriptionID: "x"}, spapi.WithSellerToken())
			}, "both tokens"},
			{"not-found", "PRICING_HEALTH", func() error {
				return second(other.GetSubscription(ctx, &notificationsv1.GetSubscriptionInput{NotificationType: "PRICING_HEALTH"}))
			}, "no such subscription"},
			{"throttled", "", func() error {
				if _, err := s.emu.AddFault(emulator.Fault{Kind: emulator.FaultThrottle, Operation: "notificationsv1.getDestinations"}); err != nil {
					t.Fatal(err)
				}
				return second(api.GetDestinations(ctx, nil, spapi.WithoutRetry()))
			}, "1 request a second"},
		} {
			err := test.call()
			if err == nil {
				t.Errorf("%s: no error", test.name)
				continue
			}
			e := notifications.Explain(err, test.typ)
			if e.Name != test.name || e.Do == "" || e.Status == 0 || !strings.Contains(e.String(), test.says) {
				t.Errorf("%s: %+v of %v, want %q", test.name, e, err, test.says)
			}
			if strings.ContainsAny(e.String(), "{}") {
				t.Errorf("%s: a place is left open: %s", test.name, e)
			}
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			s.noSecrets(string(text), e.String())
			delete(unreached, test.name)
		}
		if len(unreached) > 0 {
			t.Errorf("not reached: %v", unreached)
		}
	})
}

// TestOtherErrorsExplainThemselves: what isn't of the Notifications API says what it says anyway.
func TestOtherErrorsExplainThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, []marketplace.Region{na})
		s.emu.RevokeRefreshToken(s.emu.Accounts()[0].RefreshToken)
		_, err := s.api(0).GetSubscription(t.Context(), &notificationsv1.GetSubscriptionInput{NotificationType: "PRICING_HEALTH"})
		if e := notifications.Explain(err, "PRICING_HEALTH"); e.Name != "" || !strings.Contains(e.Means, "Let the seller authorize again") {
			t.Errorf("%+v", e)
		}
		s = newStand(t, []marketplace.Region{na})
		s.wire.setMeddle(func(string, func() (*http.Response, error)) (*http.Response, error) {
			return answer(418, `{"errors":[{"code":"Teapot","message":"short and stout"}]}`), nil
		})
		_, err = s.api(0).GetSubscription(t.Context(), &notificationsv1.GetSubscriptionInput{NotificationType: "PRICING_HEALTH"})
		if e := notifications.Explain(err, ""); e.Name != "" || e.Status != 418 || e.Message != "short and stout" || e.Means == "" {
			t.Errorf("%+v", e)
		}
	})
	if e := notifications.Explain(context.Canceled, ""); e.Means != context.Canceled.Error() {
		t.Errorf("%+v", e)
	}
	if e := notifications.Explain(errors.Join(errors.New("one"), &spapi.APIError{Operation: "notificationsv1.createSubscription", StatusCode: 409}), "ORDER_CHANGE"); e.Name != "subscription-exists" {
		t.Errorf("%+v", e)
	}
}

// TestExplanations: the table is one, and has the reasons why nothing arrives, too.
func TestExplanations(t *testing.T) {
	names := map[string]bool{}
	for _, e := range notifications.Explanations() {
		if e.Name == "" || names[e.Name] || e.Means == "" || e.Do == "" {
			t.Errorf("%+v", e)
		}
		names[e.Name] = true
		if (e.Status == 0) != strings.HasPrefix(e.Name, "nothing-") {
			t.Errorf("%s has status %d", e.Name, e.Status)
		}
	}
	for _, name := range []string{"nothing-policy", "nothing-kms", "nothing-fifo", "nothing-pending"} {
		if !names[name] {
			t.Errorf("no %s", name)
		}
	}
}

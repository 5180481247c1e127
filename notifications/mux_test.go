package notifications

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

func TestMux(t *testing.T) {
	var got []string
	note := func(s string) { got = append(got, s) }
	broken := errors.New("broken")
	m, err := NewMux(
		OnAny(func(_ context.Context, n *Notification) error { note("any " + n.Type); return nil }),
		OnUnknown(func(_ context.Context, n *Notification) error { note("unknown " + n.Type); return nil }),
		On(func(ctx context.Context, p *OrderChange) error {
			note("order " + p.AmazonOrderID + " " + FromContext(ctx).ID())
			return broken
		}),
		On(func(ctx context.Context, p *ListingsItemIssuesChange) error {
			note("issues " + p.SKU + " " + FromContext(ctx).PayloadVersion)
			return nil
		}),
		On(func(_ context.Context, p *ShippingCharge) error { note("charge " + string((*p)["a"])); return nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body, want string
		err        error
	}{
		{orderChange, "order 903-8868176-2219830 note-1", broken},
		{`{"NotificationType":"LISTINGS_ITEM_ISSUES_CHANGE","PayloadVersion":"1.0","Payload":{"Sku":"S"}}`, "issues S 1.0", nil},
		{`{"NotificationType":"LISTINGS_ITEM_ISSUES_CHANGE","PayloadVersion":"2023-12-13","Payload":{"Sku":"S"}}`, "issues S 2023-12-13", nil},
		{`{"notificationType":"SHIPPING_CHARGE_NOTIFICATION","payload":{"a":1}}`, "charge 1", nil},
		{`{"notificationType":"ORDER_CHANGE","payloadVersion":"2.0","payload":{"a":1}}`, "unknown ORDER_CHANGE", nil},
		{`{"notificationType":"NEW","payload":{"a":1}}`, "unknown NEW", nil},
		{`{"notificationType":"PRICING_HEALTH","payloadVersion":"1.0","payload":{"a":1}}`, "any PRICING_HEALTH", nil},
	} {
		got = nil
		err := m.Handle(t.Context(), mustParse(t, c.body))
		if strings.Join(got, "; ") != c.want || !errors.Is(err, c.err) {
			t.Errorf("%.60s: %q, error %v; want %q, error %v", c.body, got, err, c.want, c.err)
		}
	}
	if FromContext(t.Context()) != nil {
		t.Error("there is a notification in a context of nobody's")
	}
}

// What no handler takes is an error: who drops it must say so.
func TestMuxUnhandled(t *testing.T) {
	m, err := NewMux(On(func(context.Context, *OrderChange) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	var unhandled *UnhandledError
	for _, body := range []string{`{"notificationType":"NEW","payload":{}}`, `{"notificationType":"ORDER_CHANGE","payloadVersion":"7","payload":{}}`,
		newSecret(secretPayload)} {
		if err := m.Handle(t.Context(), mustParse(t, body)); !errors.As(err, &unhandled) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("error %v", err)
		}
	}
	if unhandled.Error() != `notifications: no handler for APPLICATION_OAUTH_CLIENT_NEW_SECRET, payload version "2023-11-30"` {
		t.Error(unhandled)
	}
	if err := (&Mux{}).Handle(t.Context(), mustParse(t, orderChange)); !errors.As(err, &unhandled) {
		t.Errorf("the zero Mux: error %v", err)
	}
}

func TestMuxRefuses(t *testing.T) {
	order := On(func(context.Context, *OrderChange) error { return nil })
	anything := OnAny(func(context.Context, *Notification) error { return nil })
	unknown := OnUnknown(func(context.Context, *Notification) error { return nil })
	secret := OnNewSecret(func(context.Context, string, spapi.Secret, time.Time) error { return nil })
	for want, handlers := range map[string][]Handler{
		"two handlers for *notifications.OrderChange":                     {order, order},
		"two handlers for any notification":                               {anything, order, anything},
		"two handlers for unknown notifications":                          {unknown, unknown},
		"two handlers for *notifications.ApplicationOAuthClientNewSecret": {secret, On(func(context.Context, *ApplicationOAuthClientNewSecret) error { return nil })},
		"handler 1 is the zero Handler":                                   {order, {}},
		"handler 0, for *notifications.PricingHealth, has no function":    {On[PricingHealth](nil)},
		"handler 1, for *notifications.ApplicationOAuthClientNewSecret, ": {order, OnNewSecret(nil)},
		"handler 0, for any notification, has no function":                {OnAny(nil)},
	} {
		if _, err := NewMux(handlers...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestOnNewSecret(t *testing.T) {
	var got []string
	m, err := NewMux(OnNewSecret(func(_ context.Context, clientID string, secret spapi.Secret, oldUntil time.Time) error {
		got = append(got, clientID, secret.Reveal(), oldUntil.Format(time.DateOnly))
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Handle(t.Context(), mustParse(t, newSecret(secretPayload))); err != nil {
		t.Fatal(err)
	}
	if want := "amzn1.application-oa2-client.1 " + canary + " 2026-09-26"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// What is handled must have been there: a notification that a program made itself isn't.
	if err := m.Handle(t.Context(), &Notification{Payload: &ApplicationOAuthClientNewSecret{ClientID: "c"}}); err == nil || len(got) != 3 {
		t.Errorf("error %v, handled %q", err, got)
	}
}

package spapi

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// golden compares with a file in testdata, which -update rewrites.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if got != string(want) {
		t.Errorf("%s differs (go test -run %s -update rewrites it). Got:\n%s", path, t.Name(), got)
	}
}

// transcript is a transport and all that can be hooked into the chain; each writes down when it is asked.
type transcript struct {
	strings.Builder
	fake
}

func (s *transcript) line(format string, args ...any) {
	fmt.Fprintf(&s.Builder, "  "+format+"\n", args...)
}

func (s *transcript) Wait(_ context.Context, r LimitRequest) (LimitGrant, error) {
	s.line("limit      wait for %s, retry=%t", r.Buckets[0].Operation, r.Retry)
	return LimitGrant{Buckets: r.Buckets, Rate: r.Buckets[0].Rate}, nil
}

func (s *transcript) Observe(_ context.Context, g LimitGrant, r LimitReply) error {
	s.line("limit      learn from the reply of %s, throttled=%t", g.Buckets[0].Operation, r.Throttled)
	return nil
}

func (s *transcript) RoundTrip(req *http.Request) (*http.Response, error) {
	return s.fake.RoundTrip(req)
}

// The order of the chain, as a list and as what happens to calls.
func TestChainOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s transcript
		s.hook = func(event string, req *http.Request) {
			with := ""
			if got := token(req); got != "" {
				with = " with " + got[:strings.IndexByte(got, '|')] + "|… no. " + got[strings.LastIndexByte(got, '-')+1:]
			}
			s.line("network    %s%s", event, with)
		}
		s.WriteString("The chain, from the caller to the network:\n")
		for _, step := range chain {
			s.line("%s", step.name)
		}
		options := []Option{WithTransport(&s), WithLimiter(&s),
			WithSigner(signerFunc(func(req *http.Request) { s.line("sign       %s", req.URL.Path) })),
			WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
				if a.Kind != ActivityAttempt {
					return ctx, nil
				}
				return ctx, func(o Outcome) { s.line("observe    %s attempt %d: %d", a.Operation, a.Attempt, o.StatusCode) }
			})),
		}
		client := NewApp(testCredentials, options...).Client(testAuthorization)

		s.WriteString("\nA cold call that is throttled, then meets an expired token:\n")
		answers := []*http.Response{reply(429, quotaBody), reply(403, expiredBody), reply(200, "{}")}
		s.api = func(*http.Request) *http.Response {
			first := answers[0]
			answers = answers[1:]
			return first
		}
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"))
		check(t, err)

		s.api = nil
		s.WriteString("\nA call for restricted data:\n")
		_, err = invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
		check(t, err)

		s.WriteString("\nThe same again:\n")
		_, err = invokeRaw(t.Context(), client, getOrder, orderID("2"), WithRestrictedData())
		check(t, err)

		s.WriteString("\nA grantless call:\n")
		_, err = invokeRaw(t.Context(), client, "notificationsv1.getDestinations", nil)
		check(t, err)

		s.WriteString("\nA raw request for a path that no model has:\n")
		req, err := http.NewRequest("GET", "/catalog/v0/items?Query=pen", nil)
		check(t, err)
		resp, err := client.Do(req)
		check(t, err)
		_ = resp.Body.Close()

		golden(t, "chain.txt", s.String())
	})
}

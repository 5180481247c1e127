package exit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

func TestStatus(t *testing.T) {
	_, noFile := os.Open("does-not-exist")
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, OK},
		{"any error", errors.New("x"), Failure},
		{"already told", ErrReported, Failure},
		{"a missing file, whose errno looks like a net.Error", noFile, Failure},
		{"usage", Usagef("bad"), Usage},
		{"configuration", &spapi.ConfigError{Field: "region"}, Usage},
		{"Login with Amazon", &spapi.AuthError{StatusCode: http.StatusBadRequest}, Auth},
		{"AWS", &awsauth.Error{Reason: awsauth.AccessDenied}, Auth},
		{"401", &spapi.APIError{StatusCode: http.StatusUnauthorized}, Auth},
		{"403", &spapi.APIError{StatusCode: http.StatusForbidden}, Auth},
		{"limiter", &spapi.LimitError{}, Throttled},
		{"429", &spapi.APIError{StatusCode: http.StatusTooManyRequests}, Throttled},
		{"400", &spapi.APIError{StatusCode: http.StatusBadRequest}, API},
		{"503", &spapi.APIError{StatusCode: http.StatusServiceUnavailable}, API},
		{"network", &net.OpError{Op: "dial", Err: errors.New("refused")}, Network},
		{"a silent server", &spapi.TimeoutError{Stage: spapi.TimeoutAnswer}, Network},
		{"a silent Login with Amazon", &spapi.AuthError{Err: &spapi.TimeoutError{Stage: spapi.TimeoutAnswer}}, Network},
		{"--timeout", &TimeoutError{Err: context.DeadlineExceeded}, TimedOut},
		{"--timeout while a write is under way", &TimeoutError{Err: &spapi.OutcomeUnknownError{Err: context.DeadlineExceeded}}, Unknown},
		{"a connection that breaks", brokenCall(t), Network},
		{"interrupted", context.Canceled, Interrupted},
		{"a write whose answer is lost", &spapi.OutcomeUnknownError{Err: &net.OpError{Op: "read"}}, Unknown},
		{"one that answers 503", &spapi.OutcomeUnknownError{Err: &spapi.APIError{StatusCode: http.StatusServiceUnavailable}}, Unknown},
		{"one that may be repeated", &spapi.OutcomeUnknownError{Repeatable: true, Err: &net.OpError{Op: "read"}}, Network},
		{"a job whose answer is lost", &job.OutcomeUnknownError{Kind: job.Feed}, Unknown},
		{"one that was interrupted", &job.OutcomeUnknownError{Err: context.Canceled}, Interrupted},
		{"usage after something was sent", Late(Usagef("bad")), Failure},
		{"a setting after something was sent", Late(fmt.Errorf("x: %w", &spapi.ConfigError{})), Failure},
		{"anything else after something was sent", Late(&spapi.LimitError{}), Throttled},
	} {
		for _, err := range []error{c.err, fmt.Errorf("around: %w", c.err)} {
			if c.err == nil {
				err = nil
			}
			if got := Status(err); got != c.want {
				t.Errorf("%s: Status(%v) = %d, want %d", c.name, err, got, c.want)
			}
		}
	}
}

// TestHelp: every status that can come out of Status is explained.
func TestHelp(t *testing.T) {
	text := NewCmdHelp().Long
	for _, s := range []int{OK, Failure, Usage, Auth, Throttled, API, Network, Unknown, TimedOut, Interrupted} {
		if !strings.Contains(text, fmt.Sprintf("\n  %3d  ", s)) {
			t.Errorf("the help on exit statuses does not explain %d", s)
		}
	}
}

// A command line in an explanation can be run as it stands.
func TestTimeoutKeepsCommandLines(t *testing.T) {
	err := &TimeoutError{Err: &HintError{Err: context.DeadlineExceeded, Hint: "To go on: spapi x --timeout 4s"}}
	if got := Explain(err); !strings.HasPrefix(got, "To go on: spapi x --timeout 4s\n") {
		t.Errorf("got %q", got)
	}
}

// Of what was interrupted it is told how to go on, and whether something may have been carried out.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		err        error
		line, text string
	}{
		{context.Canceled, "interrupted", ""},
		{&spapi.AuthError{Err: context.Canceled}, "interrupted", ""},
		{&HintError{context.Canceled, "go on"}, "interrupted", "go on"},
		{&spapi.OutcomeUnknownError{Operation: "x", Shows: "y", Err: context.Canceled}, "interrupted; what was sent may have been carried out all the same",
			"y shows what there is"},
		{&HintError{&job.OutcomeUnknownError{Err: context.Canceled}, "go on"}, "interrupted; what was sent may have been carried out all the same", "go on"},
	} {
		if got := Line(c.err); got != c.line {
			t.Errorf("%v: %q, want %q", c.err, got, c.line)
		}
		if got := Explain(c.err); !strings.Contains(got, c.text) || c.text == "" && got != "" {
			t.Errorf("%v: explained %q, want %q", c.err, got, c.text)
		}
	}
}

// brokenCall is what a call ends with whose connection breaks.
func brokenCall(t *testing.T) error {
	client := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.1", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.x")}, spapi.WithTransport(broken{})).
		Client(spapi.Authorization{Region: marketplace.NorthAmerica, RefreshToken: spapi.NewSecret("Atzr|x")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/v0/orders", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(req, spapi.WithAccessToken("Atza|x"), spapi.WithoutRetry())
	return err
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.EOF }

// TestTimeoutSaysOnce: what was waited for is not named again as what ended.
func TestTimeoutSaysOnce(t *testing.T) {
	ended := fmt.Errorf("spapi: ordersv0.getOrders: %w", context.DeadlineExceeded)
	for doing, want := range map[string]string{
		"waiting for the answer of ordersv0.getOrders for 6s": "timed out after 6s (--timeout), waiting for the answer of ordersv0.getOrders for 6s",
		"waiting for a token for 6s":                          "timed out after 6s (--timeout), waiting for a token for 6s: ordersv0.getOrders",
		"":                                                    "timed out after 6s (--timeout): ordersv0.getOrders",
	} {
		if err := (&TimeoutError{After: 6e9, Doing: doing, Err: ended}); err.Error() != want {
			t.Errorf("%s: %s, want %s", doing, err, want)
		}
	}
}

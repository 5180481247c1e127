package quickstart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// walkThrough runs the quickstart and returns what it printed, with the walk as it ended.
func walkThrough(t *testing.T, format output.Format, tamper func(*walk)) (string, *walk, error) {
	t.Helper()
	streams, out, messages := terminal.Buffers()
	var seen *walk
	err := run(t.Context(), &Options{Streams: streams, Version: "test", Output: format, tamper: func(w *walk) {
		seen = w
		if tamper != nil {
			tamper(w)
		}
	}})
	return out.String() + messages.String(), seen, err
}

func TestEveryStepHolds(t *testing.T) {
	out, w, err := walkThrough(t, output.JSON, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var report struct {
		OK    bool
		Steps []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if !report.OK || len(report.Steps) != len(steps) {
		t.Fatalf("ok is %t with %d steps, want true with %d", report.OK, len(report.Steps), len(steps))
	}
	for i, s := range report.Steps {
		ms, isNumber := s["ms"].(float64)
		result, _ := s["result"].([]any)
		if s["name"] != steps[i].name || s["ok"] != true || !isNumber || ms < 0 || len(result) == 0 || s["error"] != nil || s["skipped"] != nil {
			t.Errorf("step %d is %v, want %s held, with a duration and a result", i, s, steps[i].name)
		}
		if request, _ := s["request"].(string); i > 0 && !strings.HasPrefix(request, "curl ") {
			t.Errorf("step %s shows request %q, want a curl command", s["name"], request)
		}
	}

	// What the emulator saw is what the steps say.
	served := map[string]int{}
	refused := 0
	for _, r := range w.emu.Requests() {
		served[r.Operation]++
		if r.Status == http.StatusTooManyRequests {
			refused++
		} else if r.Status != http.StatusOK {
			t.Errorf("%s %s answered %d", r.Method, r.Path, r.Status)
		}
	}
	for _, operation := range []string{"lwa.token", removedSearch, "catalogitems20220401.searchCatalogItems"} {
		if served[operation] != 1 {
			t.Errorf("%s was asked %d times, want once", operation, served[operation])
		}
	}
	if served["orders20260101.searchOrders"] <= searchBurst+1 || refused == 0 {
		t.Errorf("%d order searches of which %d were refused, want more than the burst and a refusal", served["orders20260101.searchOrders"], refused)
	}
}

// TestNoSecrets is the canary: nothing that could be used may stand in the output, in whatever format.
func TestNoSecrets(t *testing.T) {
	for _, format := range []output.Format{output.Text, output.JSON} {
		out, w, err := walkThrough(t, format, nil)
		if err != nil {
			t.Fatal(err)
		}
		session, err := w.signer.Retrieve(context.WithoutCancel(t.Context())) // from its cache: the emulator is gone
		if err != nil {
			t.Fatal(err)
		}
		c := w.emu.Credentials()
		for name, secret := range map[string]string{
			"client secret": c.ClientSecret, "refresh token": c.RefreshToken, "access token": w.token.Value.Reveal(),
			"AWS access key": c.AWSAccessKeyID, "AWS secret key": c.AWSSecretAccessKey,
			"session key": session.AccessKeyID, "session secret": session.SecretAccessKey, "session token": session.SessionToken,
		} {
			if len(secret) < 16 {
				t.Errorf("the %s has %d characters: the canary is blind", name, len(secret))
			}
			for _, part := range []string{secret, secret[len(secret)/2:]} {
				if strings.Contains(out, part) {
					t.Errorf("%s output shows the %s", format, name)
				}
			}
		}
		if shape := regexp.MustCompile(`Atz[ar]\|\w|Atz[ar]%7C|Signature=[0-9a-f]|(AKIA|ASIA)[A-Z0-9]`).FindString(out); shape != "" {
			t.Errorf("%s output has %q, which looks like a secret", format, shape)
		}
		if !strings.Contains(out, c.ClientID) {
			t.Errorf("%s output lacks the client id, which is no secret: the canary looks at the wrong thing", format)
		}
	}
}

// TestFailures breaks the walk at each step that can be broken: the step says so and what to do, the rest is skipped, and
// the command fails.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(*walk)
		step   string
		err    string
		fix    string
	}{
		{"revoked", func(w *walk) { w.emu.RevokeRefreshToken(w.emu.Credentials().RefreshToken) }, "access-token", "invalid_grant", "refresh token"},
		{"no STS", func(w *walk) { w.urls.STS += "gone/" }, "assume-role", "assume role", ""},
		{"no role", func(w *walk) { w.emu.SetRoles("Finance and Accounting") }, "catalog-search", "Unauthorized", "role"},
		{"no orders", func(w *walk) { w.recorder.next = answer("/orders/", `{"orders":[]}`, w.recorder.next) }, "orders", "there were 1 pages", "spapi quickstart -o json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := walkThrough(t, output.JSON, c.tamper)
			if !errors.Is(err, exit.ErrReported) || exit.Status(err) != exit.Failure {
				t.Errorf("ended with %v, want ErrReported", err)
			}
			var report Report
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatal(err)
			}
			if report.OK || len(report.Steps) != len(steps) {
				t.Fatalf("ok is %t with %d steps, want false with %d", report.OK, len(report.Steps), len(steps))
			}
			failed := false
			for _, s := range report.Steps {
				switch {
				case s.Name == c.step:
					failed = true
					if s.OK || s.Skipped || !strings.Contains(s.Error, c.err) || s.Fix == "" || !strings.Contains(s.Fix, c.fix) {
						t.Errorf("step %s is %+v, want error %q and fix %q", s.Name, s, c.err, c.fix)
					}
				case s.OK == failed || s.Skipped != failed:
					t.Errorf("step %s is %+v, failed before: %t", s.Name, s, failed)
				}
			}
			if !failed {
				t.Errorf("no step %s", c.step)
			}

			text, _, _ := walkThrough(t, output.Text, c.tamper)
			if !strings.Contains(text, "✗") || !strings.Contains(text, "A step failed") || strings.Contains(text, "Three lines") {
				t.Errorf("the text does not tell about the failure: %s", text)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer answers what goes to a path itself.
func answer(prefix, body string, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			return next.RoundTrip(r)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	streams, out, _ := terminal.Buffers()
	err := run(ctx, &Options{Streams: streams, Output: output.JSON, tamper: func(*walk) { cancel() }})
	if exit.Status(err) != exit.Interrupted || out.Len() > 0 {
		t.Errorf("ended with %v and printed %q, want status %d and nothing", err, out, exit.Interrupted)
	}
}

// TestProgram: the lines that the end shows stand in the example, which is compiled.
func TestProgram(t *testing.T) {
	example, err := os.ReadFile("../../../readme_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(program) {
		line = strings.TrimSuffix(strings.TrimSpace(line), "… }")
		if !bytes.Contains(example, []byte("\t"+strings.TrimSpace(line))) {
			t.Errorf("readme_example_test.go lacks the line %q", line)
		}
	}
}

package factory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// slowBody takes its time for each byte.
type slowBody struct {
	left  int
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(b.pause)
	return copy(p, "x"), nil
}

func (b *slowBody) Close() error { return nil }

// TestWaitsAreTold: what a request waits for is told once it lasts, terminal or not, and not again; not with --quiet, and not while somebody
// is asked something.
func TestWaitsAreTold(t *testing.T) {
	for _, c := range []struct {
		name, method, url string
		token             bool
		answer, body      time.Duration
		quiet, asking     bool
		want              string
	}{
		{"a call", "GET", "https://example.com/orders/v0/orders", true, 6 * time.Second, 0, false, false, "waiting for the answer of ordersv0.getOrders\n"},
		{"a call that is quick", "GET", "https://example.com/orders/v0/orders", true, 4 * time.Second, 4 * time.Second, false, false, ""},
		{"its body", "GET", "https://example.com/orders/v0/orders", true, 0, 6 * time.Second, false, false, "waiting for the answer of ordersv0.getOrders\n"},
		{"an unknown path", "GET", "https://example.com/nothing", true, time.Minute, 0, false, false, "waiting for the answer of example.com\n"},
		{"a token", "POST", "https://api.amazon.com/auth/o2/token", false, time.Minute, 0, false, false, "waiting for a token from api.amazon.com\n"},
		{"an upload", "PUT", "https://s3.example/feed?X-Amz-Signature=secret", false, time.Minute, 0, false, false, "waiting for the upload to s3.example\n"},
		{"a download", "GET", "https://s3.example/report?X-Amz-Signature=secret", false, 0, time.Minute, false, false, "waiting for the download from s3.example\n"},
		{"quiet", "GET", "https://example.com/orders/v0/orders", true, time.Minute, 0, true, false, ""},
		{"somebody is asked", "GET", "https://example.com/orders/v0/orders", true, time.Minute, 0, false, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, messages := newFactory()
				f.Flags.Quiet = c.quiet
				if c.asking {
					defer f.Asking()()
				}
				rt := &waitTeller{f, tripper(func(*http.Request) (*http.Response, error) {
					time.Sleep(c.answer)
					return &http.Response{StatusCode: 200, Body: &slowBody{2, c.body}}, nil
				})}
				for range 2 {
					req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
					if err != nil {
						t.Fatal(err)
					}
					if c.token {
						req.Header.Set("X-Amz-Access-Token", "Atza|x")
					}
					resp, err := rt.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 2 {
						t.Errorf("%q, %v", b, err)
					}
					_ = resp.Body.Close()
				}
				if messages.String() != c.want {
					t.Errorf("said %q, want %q", messages, c.want)
				}
				if n := len(f.waits.active); n != 0 && !c.asking {
					t.Errorf("%d waits are left", n)
				}
			})
		})
	}
}

// TestTimeout: --timeout ends the context, and the error tells what was waited for. A limit that would take longer ends the command at once.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFactory()
		f.Flags.Timeout = time.Minute
		ctx := f.Limit(t.Context())
		defer f.Release()
		outer := f.Await("report 1: in progress")
		defer outer.End()
		wait := func() error {
			time.Sleep(50 * time.Second)
			w := f.Await("the answer of a.b")
			defer w.End()
			<-ctx.Done()
			return context.Cause(ctx)
		}
		err := f.TimedOut(wait())
		if err := f.TimedOut(fmt.Errorf("page 3: %w", context.DeadlineExceeded)); !strings.HasSuffix(err.Error(), "for 10s: page 3") {
			t.Errorf("%v doesn't tell where it was", err)
		}
		want := "timed out after 1m0s (--timeout), waiting for the answer of a.b for 10s"
		if exit.Status(err) != exit.TimedOut || err.Error() != want || !strings.Contains(exit.Explain(err), "--timeout") {
			t.Errorf("status %d, %v, want %q", exit.Status(err), err, want)
		}
		if err := f.TimedOut(io.EOF); !errors.Is(err, io.EOF) || exit.Status(err) == exit.TimedOut {
			t.Errorf("another error became %v", err)
		}
		overdue := func() bool {
			synctest.Wait()
			select {
			case <-f.Overdue():
				return true
			default:
				return false
			}
		}
		if overdue() {
			t.Error("the command is given up at once")
		}
		if time.Sleep(grace); !overdue() {
			t.Error("a command that goes on is never given up")
		}
	})
	f, _ := newFactory()
	if f.Limit(t.Context()) != t.Context() || f.TimedOut(context.DeadlineExceeded) != context.DeadlineExceeded { //nolint:errorlint // itself
		t.Error("without --timeout something is changed")
	}
	f.Flags.Timeout = time.Hour
	f.Limit(t.Context())
	defer f.Release()
	err := f.TimedOut(&spapi.LimitError{Operation: "a.b", Deadline: true, Wait: 2 * time.Hour})
	if exit.Status(err) != exit.TimedOut || !strings.HasPrefix(err.Error(), "--timeout 1h0m0s is not enough: ") {
		t.Errorf("status %d, %v", exit.Status(err), err)
	}
}

// TestWaitForATypeIsToldAtOnce: such a wait may last for hours, so everybody but --quiet hears of it when it begins.
func TestWaitForATypeIsToldAtOnce(t *testing.T) {
	for quiet, want := range map[bool]string{
		false: "waiting 4h5m0s for the limit of one GET_X per 4 hours and 5 minutes for ATVPDKIKX0DER",
		true:  "",
	} {
		synctest.Test(t, func(t *testing.T) {
			f, messages := newFactory()
			f.Flags.Quiet = quiet
			l := f.progress.limiter(spapi.NewLimiter())
			r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{
				{Operation: "reports20210630.createReport", Scope: spapi.LimitPerType, Type: "GET_X/ATVPDKIKX0DER", Burst: 1, Window: 4*time.Hour + 5*time.Minute},
				{Operation: "reports20210630.createReport", Rate: 0.0167, Burst: 15},
			}}
			if _, err := l.Wait(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := l.Wait(ctx, r)
				done <- err
			}()
			synctest.Wait()
			got := messages.String()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if before, _, _ := strings.Cut(got, ", until "); before != want {
				t.Errorf("quiet %v: told %q, want %q", quiet, got, want)
			}
		})
	}
}

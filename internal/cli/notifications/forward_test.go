package notifications

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

	"github.com/openspapi/spapi/notifications"
)

// answers are a receiver's, one after the other; the last stays. 0 is no answer.
type answers struct {
	statuses []int
	headers  http.Header
	at       []time.Duration // of each request
	began    time.Time
	requests []*http.Request
	bodies   []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.at, a.requests, a.bodies = append(a.at, time.Since(a.began)), append(a.requests, r), append(a.bodies, string(body))
	status := a.statuses[min(len(a.requests), len(a.statuses))-1]
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Header: a.headers, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

const someMessage = `{"NotificationVersion":"1.0","NotificationType":"FEED_PROCESSING_FINISHED","PayloadVersion":"2020-09-04","EventTime":"2026-03-01T00:00:00Z",` +
	`"Payload":{"feedProcessingFinishedNotification":{"sellerId":"A1","feedId":"7","feedType":"X","processingStatus":"DONE"}},` +
	`"NotificationMetadata":{"NotificationId":"id-1"}}`

// TestForward: what becomes of a message by the receiver's answers, and when it is posted again.
func TestForward(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name     string
		statuses []int
		headers  http.Header
		at       []time.Duration
		gone     bool
		failed   bool
	}{
		{"taken", []int{204}, nil, []time.Duration{0}, false, false},
		{"taken at the third attempt", []int{0, 500, 200}, nil, []time.Duration{0, s, 3 * s}, false, false},
		{"waits as it is told", []int{429, 200}, http.Header{"Retry-After": {"20"}}, []time.Duration{0, 20 * s}, false, false},
		{"a minute at most", []int{503, 200}, http.Header{"Retry-After": {"3600"}}, []time.Duration{0, 60 * s}, false, false},
		{"refused", []int{404}, nil, []time.Duration{0}, false, true},
		{"led elsewhere", []int{302}, http.Header{"Location": {"http://localhost/x"}}, []time.Duration{0}, false, true},
		{"gone", []int{410}, nil, []time.Duration{0}, true, true},
		{"away", []int{0}, nil, []time.Duration{0, s, 3 * s, 7 * s, 15 * s, 31 * s, 61 * s, 91 * s, 121 * s, 151 * s, 181 * s, 211 * s, 241 * s, 271 * s},
			false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, err := notifications.Parse([]byte(someMessage))
				if err != nil {
					t.Fatal(err)
				}
				f, err := newForwarder("http://localhost:1/hooks")
				if err != nil {
					t.Fatal(err)
				}
				a := &answers{statuses: c.statuses, headers: c.headers, began: time.Now()}
				f.http.Transport, f.again, f.stop = a, func(string, ...any) {}, t.Context().Done()
				if f.signer, err = newSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"); err != nil {
					t.Fatal(err)
				}
				posts, err := f.forward(t.Context(), n)
				if (err != nil) != c.failed || errors.Is(err, errGone) != c.gone || posts != len(c.at) || fmt.Sprint(a.at) != fmt.Sprint(c.at) {
					t.Errorf("%d posts at %v, %v; want them at %v, failed %t, gone %t", posts, a.at, err, c.at, c.failed, c.gone)
				}
				for i, r := range a.requests { // each attempt is signed anew
					h := http.Header{}
					f.signer.sign(h, "id-1", a.began.Add(a.at[i]), []byte(someMessage))
					for name := range h {
						if r.Header.Get(name) != h.Get(name) {
							t.Errorf("attempt %d: %s is %q, want %q", i+1, name, r.Header.Get(name), h.Get(name))
						}
					}
					if a.bodies[i] != someMessage {
						t.Errorf("attempt %d: body %q", i+1, a.bodies[i])
					}
				}
			})
		})
	}
}

// TestForwardEnds: who stops listening waits for no further attempt.
func TestForwardEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := notifications.Parse([]byte(someMessage))
		if err != nil {
			t.Fatal(err)
		}
		f, err := newForwarder("http://[::1]/hooks")
		if err != nil {
			t.Fatal(err)
		}
		listening, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		a := &answers{statuses: []int{500}, began: time.Now()}
		f.http.Transport, f.again, f.stop, f.signer = a, func(string, ...any) {}, listening.Done(), &signer{make([]byte, 24)}
		posts, err := f.forward(t.Context(), n)
		if err == nil || posts != 4 || time.Since(a.began) != 10*time.Second {
			t.Errorf("%d posts, %v, after %s", posts, err, time.Since(a.began))
		}
	})
}

func TestForwardTo(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://hooks.example.com/x?y=1": true, "http://localhost:3000": true, "http://127.0.0.1/x": true, "http://[::1]:3/": true,
		"http://hooks.example.com/x": false, "http://192.168.0.1/x": false, "https://ann:CANARY@hooks.example.com": false, "ftp://x/y": false,
		"hooks": false, "": false,
	} {
		if _, err := newForwarder(address); (err == nil) != ok {
			t.Errorf("%q: %v, want right: %t", address, err, ok)
		}
	}
}

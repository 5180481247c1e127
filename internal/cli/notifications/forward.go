package notifications

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// forwarder posts messages to a program of the user's.
type forwarder struct {
	url    string
	signer *signer
	http   *http.Client
	again  func(format string, args ...any) // is told of attempts that failed
	stop   <-chan struct{}                  // closed when nothing is to be posted again
}

// What a message is posted again for while it is in hand: others of its key wait meanwhile. Afterwards it goes back to the queue, and comes again.
const (
	firstPause = time.Second
	mostPause  = 30 * time.Second
	inHand     = 5 * time.Minute
	onePost    = 30 * time.Second // how long one attempt may take
	lastPost   = 10 * time.Second // and one that is under way at the end
)

// errGone ends the listening: whoever answers 410 wants no more.
var errGone = errors.New("the receiver answered 410 Gone: it wants no more messages")

// newForwarder checks the URL. Messages have data of sellers and buyers: they go in clear on this machine only.
func newForwarder(address string) (*forwarder, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return nil, exit.Usagef("--forward-to %q: want a URL such as http://localhost:3000/webhooks, without user, password or fragment", address)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, exit.Usagef("--forward-to %q: want https: plain http is for this machine only", address)
	}
	return &forwarder{url: address, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// statusError is an answer that isn't 2xx.
type statusError struct {
	status int
	after  time.Duration // Retry-After, if it was told
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver answered %d %s", e.status, http.StatusText(e.status))
}

// worthIt tells whether the same request may be taken later: what is wrong with a message stays wrong, but for these.
func (e *statusError) worthIt() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.status >= 500
}

// forward posts a message until it is taken with 2xx. ctx ends it at the latest.
func (f *forwarder) forward(ctx context.Context, n *notifications.Notification) (attempts int, err error) {
	id := n.ID()
	if id == "" {
		id = sqs.FromContext(ctx).MessageID
	}
	began, pause := time.Now(), firstPause
	for attempts = 1; ; attempts++ {
		err = f.post(ctx, id, n.Raw())
		refused, ok := errors.AsType[*statusError](err)
		switch {
		case err == nil:
			return attempts, nil
		case ok && refused.status == http.StatusGone:
			return attempts, errGone
		case ok && !refused.worthIt(), ctx.Err() != nil:
			return attempts, err
		}
		wait := pause
		if ok {
			wait = max(pause, min(refused.after, time.Minute))
		}
		if time.Since(began)+wait > inHand || f.stopped() {
			return attempts, err
		}
		f.again("%s %s: %s; posts again in %s", n.Type, id, err, wait)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return attempts, err
		case <-f.stop:
			t.Stop()
			return attempts, err
		}
		pause = min(2*pause, mostPause)
	}
}

// stopped tells whether nothing is to be posted again.
func (f *forwarder) stopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

func (f *forwarder) post(ctx context.Context, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, onePost)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "spapi-cli")
	f.signer.sign(req.Header, id, time.Now(), body)
	resp, err := f.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok { // without the URL, whose query may have a token
			return fmt.Errorf("no answer: %w", u.Err)
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	_ = resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return &statusError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// retryAfter is in seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && s > 0 {
		return time.Duration(min(s, 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

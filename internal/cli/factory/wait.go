package factory

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// waits are what the command waits for. What lasts is told on stderr, once, terminal or not; and the error of --timeout names what was waited for
// when the time was over.
type waits struct {
	p *progress

	mu     sync.Mutex
	active []*Wait // in the order in which they began
	asking int     // questions on the terminal: nothing is told meanwhile
	due    time.Time
	last   string // what was waited for when it was due
}

// silence is how long a wait may be before it is told. It is longer than [patience]: how long it will be isn't known.
const silence = 5 * time.Second

// Wait is something that is being waited for.
type Wait struct {
	of    *waits
	text  string
	told  string // in place of text, once for each text; "" for none
	began time.Time
	timer *time.Timer // nil: it is told by other means
}

// Await begins a wait, for example for "the answer of ordersv0.getOrders". End must be called.
func (f *Factory) Await(format string, args ...any) *Wait {
	return f.waits.begin(true, "waiting for "+fmt.Sprintf(format, args...))
}

// AwaitFor is Await where more is known of the wait, which is told in place of what is waited for. It is news once.
func (f *Factory) AwaitFor(told, format string, args ...any) *Wait {
	w := f.Await(format, args...)
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.told = told
	return w
}

// AwaitShown is Await for what is seen anyway.
func (f *Factory) AwaitShown(format string, args ...any) *Wait {
	return f.waits.begin(false, "waiting for "+fmt.Sprintf(format, args...))
}

// Busy is Await for what is done rather than waited for, such as "report 1: in the queue"; shown says that it is seen anyway, in a progress bar.
func (f *Factory) Busy(shown bool, text string) *Wait { return f.waits.begin(!shown, text) }

// Asking is Await for the answer to a question on the terminal: until the function is called nothing is told that would run into it.
func (f *Factory) Asking() (answered func()) {
	ws := f.waits
	w := ws.begin(false, "waiting for the answer to a question")
	ws.count(1)
	return func() {
		ws.count(-1)
		w.End()
	}
}

func (ws *waits) count(n int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.asking += n
}

func (ws *waits) begin(told bool, text string) *Wait {
	w := &Wait{of: ws, text: text}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if told && !ws.p.f.Flags.Quiet {
		w.timer = time.AfterFunc(silence, w.tell)
	}
	w.began = time.Now()
	ws.active = append(ws.active, w)
	return w
}

// Say changes what is told.
func (w *Wait) Say(text string) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.text = text
}

// End ends the wait. It may be called more than once.
func (w *Wait) End() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.of.note()
	w.of.active = slices.DeleteFunc(w.of.active, func(other *Wait) bool { return other == w })
}

// again begins a wait anew that was ended.
func (w *Wait) again() {
	if w.timer != nil {
		w.timer.Reset(silence)
	}
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.began = time.Now()
	w.of.active = append(w.of.active, w)
}

// tell tells each wait once in the life of the process: what happens again and again, such as a wait for a rate limit, isn't news. Of waits within
// each other the innermost is told.
func (w *Wait) tell() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock() // after it was told, so that nothing of a wait is told after its end
	switch at := slices.Index(w.of.active, w); {
	case at < 0: // it has ended just now
	case at < len(w.of.active)-1:
		w.timer.Reset(silence)
	case w.of.asking == 0:
		w.of.p.f.onceOf(w.text, cmp.Or(w.told, w.text))
	}
}

// limit says when the time of the command is over.
func (ws *waits) limit(due time.Time) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.due = due
}

// note keeps the wait that began last once the time is over: it is the innermost one, and the first to end.
func (ws *waits) note() {
	if ws.last != "" || ws.due.IsZero() || time.Now().Before(ws.due) || len(ws.active) == 0 {
		return
	}
	w := ws.active[len(ws.active)-1]
	ws.last = fmt.Sprintf("%s for %s", w.text, short(time.Since(w.began)))
}

// atEnd is what was waited for when the time was over; "" if nothing was.
func (ws *waits) atEnd() string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.note()
	return ws.last
}

// waitTeller is the transport that tells what requests wait for.
type waitTeller struct {
	f    *Factory
	next http.RoundTripper
}

func (t *waitTeller) RoundTrip(req *http.Request) (*http.Response, error) {
	w := t.f.Await("%s", awaited(req))
	defer w.End()
	resp, err := t.next.RoundTrip(req)
	if err == nil && resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &awaitedBody{resp.Body, w}
	}
	return resp, err
}

// CloseIdleConnections passes on what [spapi.App.CloseIdleConnections] asks for.
func (t *waitTeller) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// awaited names what a request waits for.
func awaited(req *http.Request) string {
	op, ok := operationOf(req)
	switch {
	case ok:
		return "the answer of " + op.ID
	case req.Header.Get("X-Amz-Access-Token") != "":
		return "the answer of " + req.URL.Host
	case req.Method == http.MethodPut:
		return "the upload to " + req.URL.Host
	case req.Method == http.MethodPost:
		return "a token from " + req.URL.Host
	}
	return "the download from " + req.URL.Host
}

// awaitedBody waits while it is read.
type awaitedBody struct {
	io.ReadCloser
	wait *Wait
}

func (b *awaitedBody) Read(p []byte) (int, error) {
	b.wait.again()
	defer b.wait.End()
	return b.ReadCloser.Read(p)
}

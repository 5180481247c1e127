package faults

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
)

// fault is a row of the matrix: something that goes wrong on the way to Amazon or there.
type fault struct {
	name string
	kind emulator.FaultKind // "": strike does it
	// strike answers in place of the emulator.
	strike func(*http.Request) (*http.Response, error)
	// unsent: nothing was carried out for sure, so that everything is repeated.
	unsent bool
	// harmless: nothing comes of it, however long it lasts.
	harmless bool
	// undecided: what comes can be taken for a defect of the operation too, so that an error is as good as a repeat.
	undecided bool
	// lost: the operation may have been carried out, and only its answer be lost.
	lost bool
	// times is how often it strikes before it stops; 0: twice.
	times int
	// never are the operations where it can't strike, or where nobody could know.
	never []string
	// statuses are those with which a command may end: of an answer of SP-API, of Login with Amazon, of the store of documents.
	statuses map[string][]int
}

const (
	api   = ""
	login = "lwa.token"
	get   = "s3.GetObject"
	put   = "s3.PutObject"
)

// faults are all rows.
var faults = []fault{
	{name: "connection refused", unsent: true, strike: func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}, statuses: map[string][]int{api: {6}, login: {6}, get: {6}, put: {6}}},
	{name: "reset before headers", kind: emulator.FaultReset, lost: true, statuses: map[string][]int{api: {6}, login: {6}, get: {6}, put: {6}}},
	{name: "reset after headers", kind: emulator.FaultResetInBody, never: []string{put}, statuses: map[string][]int{api: {1, 6}, login: {6}, get: {6}}},
	{name: "silent server", kind: emulator.FaultSilent, lost: true, statuses: map[string][]int{api: {6}, login: {6}, get: {6}, put: {6}}},
	{name: "cut body", kind: emulator.FaultTruncate, never: []string{put}, statuses: map[string][]int{api: {1, 6}, login: {6}, get: {1}}},
	// An empty document, or one of JSON, may be what the store has.
	{name: "empty body", kind: emulator.FaultEmptyBody, lost: true, never: []string{get, put}, statuses: map[string][]int{api: {1}, login: {3}}},
	{name: "foreign JSON", kind: emulator.FaultForeignJSON, lost: true, undecided: true, never: []string{get, put},
		statuses: map[string][]int{api: {1}, login: {3}}},
	{name: "HTML", kind: emulator.FaultHTML, lost: true, statuses: map[string][]int{api: {5}, login: {3}, get: {1}, put: {1}}},
	{name: "429", kind: emulator.FaultThrottle, unsent: true, never: []string{get, put}, statuses: map[string][]int{api: {4}, login: {3}}},
	{name: "500", kind: emulator.FaultInternal, lost: true, statuses: map[string][]int{api: {5}, login: {3}, get: {1}, put: {1}}},
	{name: "503", kind: emulator.FaultUnavailable, lost: true, statuses: map[string][]int{api: {5}, login: {3}, get: {1}, put: {1}}},
	{name: "expired token", unsent: true, times: 1, never: []string{login, get, put}, strike: func(req *http.Request) (*http.Response, error) {
		body := `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The access token you provided has expired."}]}`
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
	}, statuses: map[string][]int{api: {3}}},
	{name: "clock skew", kind: emulator.FaultClockSkew, harmless: true},
}

// weather is the way to the emulator, on which a fault strikes the requests for one operation.
type weather struct {
	emu       *emulator.Emulator
	fault     *fault // nil: fair
	operation string
	carried   bool // the operation is carried out all the same
	times     int  // 0: always

	mu     sync.Mutex
	struck int
}

func (w *weather) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.fault != nil && w.fault.strike != nil && w.strikes(operationOf(req)) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return w.fault.strike(req)
	}
	return w.emu.RoundTrip(req)
}

func (w *weather) strikes(operation string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if operation != w.operation || w.times > 0 && w.struck == w.times {
		return false
	}
	w.struck++
	return true
}

// begin lets the emulator strike, where it is the one.
func (w *weather) begin(t *testing.T) {
	t.Helper()
	if w.fault == nil || w.fault.kind == "" {
		return
	}
	f := emulator.Fault{Kind: w.fault.kind, Operation: w.operation, Limit: w.times, CarriedOut: w.carried}
	if f.Kind == emulator.FaultClockSkew {
		f.Skew = -10 * 60e9
	}
	if _, err := w.emu.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// end is how often it has struck.
func (w *weather) end() int {
	for _, r := range w.emu.Requests() {
		if r.Fault != "" {
			w.struck++
		}
	}
	w.emu.ClearFaults()
	w.fault = nil
	return w.struck
}

// operationOf names what a request asks for, as the emulator does.
func operationOf(req *http.Request) string {
	switch {
	case strings.HasSuffix(req.URL.Path, "/auth/o2/token"):
		return login
	case req.Header.Get("X-Amz-Access-Token") == "" && req.Method == http.MethodPut:
		return put
	case req.Header.Get("X-Amz-Access-Token") == "":
		return get
	}
	op, _ := spapi.FindOperation(req.Method, req.URL.EscapedPath())
	return op.ID
}

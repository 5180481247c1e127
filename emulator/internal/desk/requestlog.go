package desk

import (
	"net/url"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/fault"
)

// LoggedRequest is one request that the emulator has answered. It holds no tokens, secrets or personal data.
type LoggedRequest struct {
	Time      time.Time  `json:"time"`
	Method    string     `json:"method"`
	Path      string     `json:"path"`
	Query     string     `json:"query"`     // encoded; values that may identify a buyer are replaced by "redacted"
	Operation string     `json:"operation"` // "ordersv0.getOrders", "lwa.token", "sts.AssumeRole"; "" when no operation was found
	Status    int        `json:"status"`    // 0 where a fault has reset the connection
	RequestID string     `json:"request_id"`
	Fault     fault.Kind `json:"fault,omitempty"` // that struck the request; "" for none
	Remaining int        `json:"remaining"`       // requests left in the operation's bucket after this one; -1 where no limit was looked at
}

// logSize is how many requests are kept.
const logSize = 1000

// requestLog keeps the last requests; it is guarded by Desk.mu.
type requestLog struct {
	started int             // requests that have come in: the source of request ids
	entries []LoggedRequest // their queries as they came: [Desk.Requests] redacts what is asked for
	oldest  int
}

func (l *requestLog) next() int {
	l.started++
	return l.started
}

func (l *requestLog) add(x *exchange.Exchange, status int) {
	entry := LoggedRequest{
		Fault: fault.Kind(x.Fault),
		Time:  x.Now, Method: x.Method, Path: x.URL.Path, Query: x.URL.RawQuery,
		Operation: x.Operation, Status: status, RequestID: x.RequestID, Remaining: x.Remaining,
	}
	if len(l.entries) < logSize {
		l.entries = append(l.entries, entry)
		return
	}
	l.entries[l.oldest] = entry
	l.oldest = (l.oldest + 1) % logSize
}

// Requests returns the last 1,000 requests, oldest first.
func (d *Desk) Requests() []LoggedRequest {
	d.mu.Lock()
	l := &d.log
	list := append(append(make([]LoggedRequest, 0, len(l.entries)), l.entries[l.oldest:]...), l.entries[:l.oldest]...)
	d.mu.Unlock()
	for i := range list {
		list[i].Query = redactQuery(list[i].Query)
	}
	return list
}

// redactQuery leaves only what can't be a secret or personal: a query that can't be parsed goes whole.
func redactQuery(raw string) string {
	if raw == "" {
		return ""
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return "redacted"
	}
	for name, values := range q {
		lower := strings.ToLower(name)
		if strings.Contains(lower, "email") || strings.Contains(lower, "token") || strings.Contains(lower, "secret") || strings.HasPrefix(lower, "x-amz-") {
			for i := range values {
				values[i] = "redacted"
			}
		}
	}
	return q.Encode()
}

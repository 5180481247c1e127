package emulator

import (
	"net/url"
	"strings"
	"time"
)

// LoggedRequest is one request that the emulator has answered. It holds no tokens, secrets or personal data.
type LoggedRequest struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query"`     // encoded; values that may identify a buyer are replaced by "redacted"
	Operation string    `json:"operation"` // "ordersv0.getOrders", "lwa.token", "sts.AssumeRole"; "" when no operation was found
	Status    int       `json:"status"`    // 0 where a fault has reset the connection
	RequestID string    `json:"request_id"`
	Fault     FaultKind `json:"fault,omitempty"` // that struck the request; "" for none
	Remaining int       `json:"remaining"`       // requests left in the operation's bucket after this one; -1 where no limit was looked at
}

// logSize is how many requests are kept.
const logSize = 1000

// requestLog keeps the last requests; it is guarded by frontDesk.mu.
type requestLog struct {
	started int             // requests that have come in: the source of request ids
	entries []LoggedRequest // their queries as they came: [frontDesk.requests] redacts what is asked for
	oldest  int
}

func (l *requestLog) next() int {
	l.started++
	return l.started
}

func (l *requestLog) add(x *exchange, status int) {
	entry := LoggedRequest{
		Fault: FaultKind(x.fault),
		Time:  x.now, Method: x.method, Path: x.url.Path, Query: x.url.RawQuery,
		Operation: x.operation, Status: status, RequestID: x.requestID, Remaining: x.remaining,
	}
	if len(l.entries) < logSize {
		l.entries = append(l.entries, entry)
		return
	}
	l.entries[l.oldest] = entry
	l.oldest = (l.oldest + 1) % logSize
}

// requests returns the last 1,000 requests, oldest first.
func (d *frontDesk) requests() []LoggedRequest {
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

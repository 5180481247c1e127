package desk

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// LoggedRequest is one request that the emulator has answered. It holds no tokens, secrets or personal data: "redacted" stands for words of a path that is
// no operation's, for values of parameters that the operation doesn't declare, and for whatever looks like a secret.
type LoggedRequest struct {
	Time      time.Time  `json:"time"`
	Method    string     `json:"method"`
	Path      string     `json:"path"`
	Query     string     `json:"query"`     // encoded
	Operation string     `json:"operation"` // "ordersv0.getOrders", "lwa.token", "sts.AssumeRole"; "" when no operation was found
	Status    int        `json:"status"`    // 0 where a fault has reset the connection
	RequestID string     `json:"request_id"`
	Fault     fault.Kind `json:"fault,omitempty"` // that struck the request; "" for none
	Remaining int        `json:"remaining"`       // requests left in the operation's bucket after this one; -1 where no limit was looked at
	// Ignored are the names of query parameters that the operation doesn't have: Amazon ignores them, so a misspelled one has no effect.
	Ignored []string `json:"ignored,omitempty"`
	// Reason tells which check refused the request, and why: "token: …", "marketplaces: …", "CreatedAfter: …"; "" for a request that was not refused.
	Reason string `json:"reason,omitempty"`
}

// logSize is how many requests are kept.
const logSize = 1000

// requestLog keeps the last requests; it is guarded by Desk.mu.
type requestLog struct {
	started int             // requests that have come in: the source of request ids
	entries []LoggedRequest // paths and queries as they came: [Desk.Requests] redacts what is asked for
	oldest  int
}

func (l *requestLog) next() int {
	l.started++
	return l.started
}

func (l *requestLog) add(x *exchange.Exchange, status int, reason string) {
	entry := LoggedRequest{
		Fault: fault.Kind(x.Fault),
		Time:  x.Now, Method: short(x.Method), Path: short(x.URL.Path), Query: short(x.URL.RawQuery),
		Operation: x.Operation, Status: status, RequestID: x.RequestID, Remaining: x.Remaining, Reason: short(harmless(reason, x.Body)),
	}
	if len(l.entries) < logSize {
		l.entries = append(l.entries, entry)
		return
	}
	l.entries[l.oldest] = entry
	l.oldest = (l.oldest + 1) % logSize
}

// longestLogged is how many bytes of a path or query are kept: a request's first line may have a megabyte.
const longestLogged = 8 << 10

// short is as much of a text as is kept. What is cut off may end in the middle of an escape, so that a query is redacted whole.
func short(s string) string {
	if len(s) <= longestLogged {
		return s
	}
	return strings.Clone(s[:longestLogged]) + "%"
}

// Requests returns the last 1,000 requests, oldest first.
func (d *Desk) Requests() []LoggedRequest {
	d.mu.Lock()
	l := &d.log
	list := append(append(make([]LoggedRequest, 0, len(l.entries)), l.entries[l.oldest:]...), l.entries[:l.oldest]...)
	d.mu.Unlock()
	for i := range list {
		d.redact(&list[i])
	}
	return list
}

const redacted = "redacted"

// redact leaves of a request only what is known to be harmless: of an operation its path and the parameters that it declares, of any other request the
// words of known paths and the names of parameters. Whatever else stands there may be a password, a code or a token that went astray, and what has the
// shape of one is taken out wherever it stands.
func (d *Desk) redact(r *LoggedRequest) {
	op := operations.ByID(r.Operation)
	if op == nil && !strings.HasPrefix(r.Operation, "s3.") { // a document's path is its id
		segments := strings.Split(r.Path, "/")
		for i, s := range segments {
			if s != "" && !d.Routes.words[s] {
				segments[i] = redacted
			}
		}
		r.Path = strings.Join(segments, "/")
	}
	r.Path = secretShapes().ReplaceAllString(r.Path, redacted)
	r.Method = secretShapes().ReplaceAllString(r.Method, redacted)
	r.Query, r.Ignored = redactQuery(r.Query, op)
}

var (
	quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"[^"]*"`) })
	email  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^\s"]+@[^\s"]+`) })
)

// longestReason is how many bytes of a reason are told: clients take headers of some 8 KiB, and a query may have more.
const longestReason = 1000

// brief is as much of a reason as is told.
func brief(reason string) string {
	if len(reason) <= longestReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:longestReason], "") + " …"
}

// harmless is a reason without what it quotes of the request's body, which is logged nowhere else either, and without what looks like a secret.
func harmless(reason string, body []byte) string {
	reason = brief(reason)
	reason = quoted().ReplaceAllStringFunc(reason, func(q string) string {
		if len(q) > 2 && bytes.Contains(body, []byte(q[1:len(q)-1])) {
			return `"` + redacted + `"`
		}
		return q
	})
	return email().ReplaceAllString(secretShapes().ReplaceAllString(reason, redacted), redacted)
}

var (
	// secretShapes finds tokens of Login with Amazon, with the bar escaped or not, client secrets, authorization codes and session tokens.
	secretShapes = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(Atz\.sprdt|Atz[ar]|Atc)(\||%(25)*7c)[^/&]*|amzn1\.oa2-cs\.[^/&]*`)
	})
	// sensitive finds parameters, declared ones too, that carry secrets or personal data.
	sensitive = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)email|token|secret|postalcode|^x-amz-`) })
)

// redactQuery redacts a query, and names the parameters in it that op doesn't have; one that can't be parsed goes whole. op is the operation that was asked
// for, nil for none.
func redactQuery(raw string, op *catalog.Operation) (query string, ignored []string) {
	if raw == "" {
		return "", nil
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return redacted, nil
	}
	shown := url.Values{}
	for name, values := range q {
		declared := op != nil && operations.DetailsOf(op).Query[name]
		known := declared && !sensitive().MatchString(name)
		if !declared && (!check.PlainName(name) || secretShapes().MatchString(name)) {
			name = redacted
		}
		if op != nil && !declared && !slices.Contains(ignored, name) {
			ignored = append(ignored, name)
		}
		for _, value := range values {
			if !known || secretShapes().MatchString(value) {
				value = redacted
			}
			shown.Add(name, value)
		}
	}
	slices.Sort(ignored)
	return shown.Encode(), ignored
}

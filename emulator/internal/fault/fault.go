// Package fault has the rules by which requests go wrong, and what they do to answers.
package fault

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/internal/catalog"
)

// Kind is a way in which the emulator misbehaves on request.
type Kind string

// The kinds of faults.
const (
	// Throttle answers 429, as SP-API or, for "lwa.token", as the token endpoint.
	Throttle Kind = "throttle"
	// Internal answers 500.
	Internal Kind = "internal"
	// Unavailable answers 503.
	Unavailable Kind = "unavailable"
	// HTML answers 503 with the HTML page of a gateway in place of JSON.
	HTML Kind = "html"
	// EmptyBody answers 200 with no body.
	EmptyBody Kind = "empty-body"
	// ForeignJSON answers 200 with JSON that isn't the operation's: the message of a gateway.
	ForeignJSON Kind = "foreign-json"
	// Latency delays the answer by Latency.
	Latency Kind = "latency"
	// Silent takes the request and never answers: the connection stays open until the client gives up.
	Silent Kind = "silent"
	// Reset resets the connection before any of the answer.
	Reset Kind = "reset"
	// ResetInBody resets the connection after the headers and half of the body.
	ResetInBody Kind = "reset-in-body"
	// Truncate closes the connection in order, but after half of the body.
	Truncate Kind = "truncate"
	// TruncateGzip sends half of a body that is compressed, as if that were all: HTTP is in order, gzip isn't. It strikes
	// answers that are gzip already, and others if the client accepts gzip.
	TruncateGzip Kind = "truncate-gzip"
	// SlowBody sends the body in pieces over the time of Latency.
	SlowBody Kind = "slow-body"
	// ExpiredToken lets the next token in a request be expired. Requests without one don't count.
	ExpiredToken Kind = "expired-token"
	// ExpiredURL answers as S3 does when a presigned URL has expired. It is meant for documents.
	ExpiredURL Kind = "expired-url"
	// Duplicate lets the first item of a list stand in it twice. Answers without a list don't count.
	Duplicate Kind = "duplicate"
	// Late keeps the last item of a list back: it turns up in later answers, as orders do that SP-API shows late. Answers
	// without a list don't count.
	Late Kind = "late"
	// ClockSkew lets the service's own clock be wrong by Skew: in the Date header, and in the check of signatures.
	ClockSkew Kind = "clock-skew"
)

// Kinds are all kinds, with what they do besides.
var Kinds = []Kind{
	Throttle, Internal, Unavailable, HTML, EmptyBody, ForeignJSON, ForeignIDs, Latency, Silent, Reset, ResetInBody, Truncate, TruncateGzip,
	SlowBody, ExpiredToken, ExpiredURL, Duplicate, Late, ClockSkew,
}

// Fault is a rule by which requests go wrong. It strikes every request that it fits, unless Probability or Every says otherwise; of
// several rules that fit a request, the first that strikes is the one. Which requests are struck follows from the emulator's seed and
// the order of requests.
type Fault struct {
	// ID names the rule; AddFault chooses one where it is empty.
	ID string
	// Kind is what happens.
	Kind Kind
	// Operation is a pattern of operation IDs: "ordersv0.getOrders", "orders*", "*.getOrder"; also "lwa.token", "sts.AssumeRole" and
	// "s3.GetObject" for the download of a document. Empty stands for "*", which is everything.
	Operation string
	// Probability is the chance of each fitting request, from 0 to 1; 0 for not by chance.
	Probability float64
	// Every strikes every n-th fitting request; 0 for not by number.
	Every int
	// Burst is how many fitting requests in a row are struck once one is; 0 and 1 for only that one.
	Burst int
	// Limit is how often the rule strikes in all; 0 for without limit.
	Limit int
	// Latency delays the answer, whatever the kind. A fixed clock moves on by as much; other clocks are waited for.
	Latency time.Duration
	// Skew is for FaultClockSkew.
	Skew time.Duration
	// CarriedOut lets the operation be carried out all the same, and only its answer be lost: for FaultSilent, FaultReset,
	// FaultInternal, FaultUnavailable, FaultHTML, FaultEmptyBody and FaultForeignJSON. The other kinds that send an error of their own never carry it out.
	CarriedOut bool
}

// faultJSON is a Fault as the control plane has it: durations are texts such as "1.5s".
type faultJSON struct {
	ID          string  `json:"id,omitempty"`
	Kind        Kind    `json:"kind"`
	Operation   string  `json:"operation,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Every       int     `json:"every,omitempty"`
	Burst       int     `json:"burst,omitempty"`
	Limit       int     `json:"limit,omitempty"`
	Latency     string  `json:"latency,omitempty"`
	Skew        string  `json:"skew,omitempty"`
	CarriedOut  bool    `json:"carried_out,omitempty"`
}

// MarshalJSON writes durations as texts: "1.5s".
func (f Fault) MarshalJSON() ([]byte, error) {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(faultJSON{f.ID, f.Kind, f.Operation, f.Probability, f.Every, f.Burst, f.Limit, text(f.Latency), text(f.Skew), f.CarriedOut})
}

// UnmarshalJSON reads what MarshalJSON writes, and refuses members that it doesn't know.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var j faultJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return err
	}
	*f = Fault{ID: j.ID, Kind: j.Kind, Operation: j.Operation, Probability: j.Probability, Every: j.Every, Burst: j.Burst, Limit: j.Limit, CarriedOut: j.CarriedOut}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"latency", j.Latency, &f.Latency}, {"skew", j.Skew, &f.Skew}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			return fmt.Errorf("%s %q: want a duration such as 1.5s", d.name, d.text)
		}
	}
	return nil
}

// ParseFault reads the one-line form that commands take: the kind, then what else there is, after commas:
// "throttle,operation=ordersv0.*,every=5,burst=3", "latency,latency=2s,probability=0.1", "reset,carried_out".
func ParseFault(text string) (Fault, error) {
	kind, rest, more := strings.Cut(text, ",")
	f := Fault{Kind: Kind(kind)}
	for more {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "id":
			f.ID = value
		case "operation":
			f.Operation = value
		case "probability":
			f.Probability, err = strconv.ParseFloat(value, 64)
		case "every":
			f.Every, err = atLeastOne(value)
		case "burst":
			f.Burst, err = atLeastOne(value)
		case "limit":
			f.Limit, err = atLeastOne(value)
		case "latency":
			f.Latency, err = time.ParseDuration(value)
		case "skew":
			f.Skew, err = time.ParseDuration(value)
		case "carried_out":
			f.CarriedOut = true
		default:
			return f, fmt.Errorf("emulator: fault %q: unknown %q: want id, operation, probability, every, burst, limit, latency, skew or carried_out", text, name)
		}
		if err != nil {
			return f, fmt.Errorf("emulator: fault %q: %s can't be %q", text, name, value)
		}
	}
	return f, f.check()
}

// atLeastOne reads a number that is left out when it isn't wanted.
func atLeastOne(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	return n, err
}

func (f *Fault) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("emulator: fault %q: "+format, append([]any{string(f.Kind)}, args...)...)
	}
	switch {
	case !slices.Contains(Kinds, f.Kind):
		return bad("no such kind: want one of %v", Kinds)
	case !(f.Probability >= 0 && f.Probability <= 1):
		return bad("probability %v: want 0 to 1", f.Probability)
	case f.Every < 0 || f.Burst < 0 || f.Limit < 0:
		return bad("every %d, burst %d, limit %d: want 0 or more", f.Every, f.Burst, f.Limit)
	case f.Probability > 0 && f.Every > 0:
		return bad("probability and every exclude each other")
	case f.Latency < 0 || f.Latency > time.Hour:
		return bad("latency %v: want 0 to 1h", f.Latency)
	case (f.Kind == Latency || f.Kind == SlowBody) && f.Latency == 0:
		return bad("latency is missing")
	case (f.Kind == ClockSkew) != (f.Skew != 0):
		return bad("skew %v: want one for clock-skew, and for nothing else", f.Skew)
	case f.CarriedOut && !slices.Contains([]Kind{Silent, Reset, Internal, Unavailable, HTML, EmptyBody, ForeignJSON}, f.Kind):
		return bad("carried_out is for silent, reset, internal, unavailable, html, empty-body and foreign-json")
	}
	if !operations.Known(f.Operation) {
		return bad("operation %q: no such operation; want an ID such as ordersv0.getOrders, or a pattern with asterisks", f.Operation)
	}
	return nil
}

// Rules are the faults that are in force.
type Rules struct {
	Seed *random.Seed
	mu   sync.Mutex
	list []*faultRule
}

// faultRule is a Fault at work; it is guarded by faultRules.mu.
type faultRule struct {
	Fault
	fitted int // requests that it fitted
	struck int
	burst  int // requests still to be struck in this burst
}

// Add adds a rule after those that are there and returns its ID.
func (rules *Rules) Add(f Fault) (string, error) {
	if err := f.check(); err != nil {
		return "", err
	}
	rules.mu.Lock()
	defer rules.mu.Unlock()
	taken := func(id string) bool {
		return slices.ContainsFunc(rules.list, func(r *faultRule) bool { return r.ID == id })
	}
	if f.ID == "" {
		for n := len(rules.list) + 1; f.ID == "" || taken(f.ID); n++ {
			f.ID = "fault-" + strconv.Itoa(n)
		}
	} else if taken(f.ID) {
		return "", fmt.Errorf("emulator: fault %q: there is one already", f.ID)
	}
	rules.list = append(rules.list, &faultRule{Fault: f})
	return f.ID, nil
}

// All returns the rules in force, in their order.
func (rules *Rules) All() []Fault {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	list := make([]Fault, len(rules.list))
	for i, r := range rules.list {
		list[i] = r.Fault
	}
	return list
}

// Remove takes a rule away and tells whether it was there.
func (rules *Rules) Remove(id string) bool {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	n := len(rules.list)
	rules.list = slices.DeleteFunc(rules.list, func(r *faultRule) bool { return r.ID == id })
	return len(rules.list) < n
}

// Clear takes all rules away.
func (rules *Rules) Clear() {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	rules.list = nil
}

// Restart lets the rules count their requests anew.
func (rules *Rules) Restart() {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, r := range rules.list {
		r.fitted, r.struck, r.burst = 0, 0, 0
	}
}

// Strike finds the rule that strikes a request, whose operation must be known.
func (rules *Rules) Strike(x *exchange.Exchange) *Fault {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, r := range rules.list {
		if r.strikes(rules, x) {
			f := r.Fault
			return &f
		}
	}
	return nil
}

func (r *faultRule) strikes(rules *Rules, x *exchange.Exchange) bool {
	if r.Operation != "" && r.Operation != "*" {
		if !operations.Matches(r.Operation, x.Operation) {
			return false
		}
	}
	if r.Kind == ExpiredToken && !hasNextToken(x) || r.Limit > 0 && r.struck >= r.Limit {
		return false
	}
	if op, ok := catalog.Lookup(x.Operation); (r.Kind == Duplicate || r.Kind == Late) && (!ok || op.Paging == nil || op.Paging.Items == "") {
		return false
	}
	r.fitted++
	switch {
	case r.burst > 0:
		r.burst--
	case r.Probability > 0 && rules.Seed.Of("fault", r.ID, r.fitted).Float64() >= r.Probability, r.Every > 0 && r.fitted%r.Every != 0:
		return false
	default:
		r.burst = max(r.Burst-1, 0)
	}
	r.struck++
	return true
}

// hasNextToken tells whether a request asks for a later page of a list.
func hasNextToken(x *exchange.Exchange) bool {
	op, ok := catalog.Lookup(x.Operation)
	if !ok || op.Paging == nil {
		return false
	}
	name, isQuery := strings.CutPrefix(op.Paging.TokenIn, "query:")
	return isQuery && x.URL.Query().Get(name) != ""
}

// Instead is what a fault answers in place of the operation; false if it leaves the answer to it. spell is how the service that was asked
// says what is the matter.
func (f *Fault) Instead(x *exchange.Exchange, spell func(answer.Trouble) answer.Reply) (answer.Reply, bool) {
	switch f.Kind {
	case Throttle:
		return spell(answer.TroubleThrottled), true
	case Internal:
		return spell(answer.TroubleInternal), true
	case Unavailable:
		return spell(answer.TroubleUnavailable), true
	case HTML:
		return answer.WebsiteUnavailable(), true
	case EmptyBody:
		return answer.Reply{Status: http.StatusOK, Body: []byte{}}, true
	case ForeignJSON:
		// What API Gateway says with its 504 (docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html,
		// INTEGRATION_TIMEOUT), under a status that a proxy has made of it.
		return answer.OK(map[string]string{"message": "Endpoint request timed out"}), true
	case ExpiredURL:
		return answer.S3Expired(300, x.Now.Add(-time.Second), x.Now).Reply(x), true
	case Reset, Silent:
		return answer.Reply{Status: statusNone}, true
	}
	return answer.Reply{}, false
}

// statusNone stands in the log for an answer that never came.
const statusNone = 0

// Change alters an answer that has been made.
func (f *Fault) Change(x *exchange.Exchange, r answer.Reply) answer.Reply {
	switch f.Kind {
	case ForeignIDs:
		return foreignIDs(x, r)
	case TruncateGzip:
		return cutGzip(x, r)
	case Duplicate, Late:
		return changeList(x, r, f.Kind)
	}
	return r
}

// BreaksBody tells whether the fault needs the whole body to spoil it.
func (f *Fault) BreaksBody() bool {
	return slices.Contains([]Kind{ResetInBody, Truncate, TruncateGzip, SlowBody}, f.Kind)
}

func cutGzip(x *exchange.Exchange, r answer.Reply) answer.Reply {
	body, contentType := r.Encode()
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		if len(body) == 0 || !strings.Contains(x.Header.Get("Accept-Encoding"), "gzip") {
			return r
		}
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		_, _ = zip.Write(body) // into memory: can't fail
		_ = zip.Close()
		body = b.Bytes()
		r = r.With("Content-Encoding", "gzip")
	}
	r.Body, r.ContentType = body[:len(body)/2], contentType
	return r
}

// changeList repeats the first or leaves out the last item of a list.
func changeList(x *exchange.Exchange, r answer.Reply, kind Kind) answer.Reply {
	op, _ := catalog.Lookup(x.Operation)
	raw, contentType := r.Encode()
	body, err := format.DecodeJSON(raw)
	if err != nil || r.Status != http.StatusOK {
		return r
	}
	names := strings.Split(op.Paging.Items, ".")
	parent := body
	for _, name := range names[:len(names)-1] {
		m, _ := parent.(map[string]any)
		parent = m[name]
	}
	m, _ := parent.(map[string]any)
	items, _ := m[names[len(names)-1]].([]any)
	if len(items) == 0 {
		return r
	}
	if kind == Duplicate {
		items = append([]any{items[0]}, items...)
	} else {
		items = items[:len(items)-1]
	}
	m[names[len(names)-1]] = items
	r.Body, r.ContentType = body, contentType
	return r
}

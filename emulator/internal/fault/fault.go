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

	// Lag lets items come late to lists, each by a time of its own up to Within after it was created, or updated where the list goes by updates. By
	// its id it is found at once. Within a walk through pages nothing turns up: all of them show what the first one had to show.
	Lag Kind = "lag"
	// Missing keeps items out of all lists as long as the rule is there. By their ids they are found.
	Missing Kind = "missing"
	// Moved changes orders while a search by last update is being paged: one that would be on a later page has been updated meanwhile, which is after
	// the end of the search, so it is on no page of it, but in what the next search asks for. Each order is moved once.
	Moved Kind = "moved"
	// Repeated lets the last item of a page be the first of the next one, too, as when something came in before: all that follows moves back by one.
	Repeated Kind = "repeated"
	// Skipped lets the first item of the next page fall between the two, as when something before it left the list.
	Skipped Kind = "skipped"
	// ShortPage gives only some of the items of a page; the rest is on the next one.
	ShortPage Kind = "short-page"
	// EmptyPage gives a page without items but with a next token, before the page itself.
	EmptyPage Kind = "empty-page"
	// ShortToken lets next tokens expire after Within, where they live longer.
	ShortToken Kind = "short-token"
	// BrokenMessage answers a request with a next token as finances v0 did while something was wrong with it: 400 with a template in place of the message.
	BrokenMessage Kind = "broken-message"
	// BeyondRetention answers requests for what may come in pages as finances v0 sometimes does, although nothing is wrong with them: 400, they ask for what
	// isn't kept.
	BeyondRetention Kind = "beyond-retention"
	// Restated lets the figures of sales and traffic grow for Within after their day: the same days asked for again have other values.
	Restated Kind = "restated"
	// Unpublished lets reports end FATAL whose data end less than Within before they were asked for, with a document that says so.
	Unpublished Kind = "unpublished"
	// NoData lets reports end CANCELLED, as those do of which there is no data.
	NoData Kind = "no-data"
	// Fatal lets reports end FATAL, without a document that says why.
	Fatal Kind = "fatal"

	// MessageDuplicate sends a message twice, as Amazon does at times.
	MessageDuplicate Kind = "message-duplicate"
	// MessageLate sends a message Within later, by the emulator's clock.
	MessageLate Kind = "message-late"
	// MessageShuffled lets a message change places with another one that waits in its queue, chosen by chance.
	MessageShuffled Kind = "message-shuffled"
	// MessageLost loses a message.
	MessageLost Kind = "message-lost"
	// MessagePoison spoils the body of a message: half of it is missing, or it is no notification.
	MessagePoison Kind = "message-poison"
	// MessageDenied lets the queue's policy refuse a message.
	MessageDenied Kind = "message-denied"
)

// target is what rules of a kind strike one by one.
type target int

const (
	requests   target = iota // of any kind
	nextPages                // requests with a next token
	lists                    // requests for lists of items
	walks                    // requests for what may come in pages, whether items can be told apart in it or not
	pages                    // requests for lists of items with next tokens
	items                    // of lists, each in all lists alike
	movedItems               // of lists that go by update
	tokens                   // all of them
	reports                  // when they end
	figures                  // of sales and traffic, all of them
	messages                 // to queues, when they are sent
)

// Kinds are all kinds.
var Kinds = []Kind{
	Throttle, Internal, Unavailable, HTML, EmptyBody, ForeignJSON, ForeignIDs, Latency, Silent, Reset, ResetInBody, Truncate, TruncateGzip,
	SlowBody, ExpiredToken, ExpiredURL, Duplicate, Late, ClockSkew, Lag, Missing, Moved, Repeated, Skipped, ShortPage, EmptyPage, ShortToken,
	BrokenMessage, BeyondRetention, Restated, Unpublished, NoData, Fatal,
	MessageDuplicate, MessageLate, MessageShuffled, MessageLost, MessagePoison, MessageDenied,
}

// targets has the kinds that strike something other than requests of any kind.
var targets = map[Kind]target{
	ExpiredToken: nextPages, BrokenMessage: nextPages, Duplicate: lists, Late: lists, BeyondRetention: walks,
	Repeated: pages, Skipped: pages, ShortPage: pages, EmptyPage: pages,
	Lag: items, Missing: items, Moved: movedItems, ShortToken: tokens, Unpublished: reports, NoData: reports, Fatal: reports, Restated: figures,
	MessageDuplicate: messages, MessageLate: messages, MessageShuffled: messages, MessageLost: messages, MessagePoison: messages, MessageDenied: messages,
}

// target is what rules of this kind strike.
func (k Kind) target() target { return targets[k] }

// OfPages tells whether rules of this kind strike the way in which a list is cut into pages.
func (k Kind) OfPages() bool { return k.target() == pages }

// needsWithin tells whether a rule of this kind must say within which time.
func (k Kind) needsWithin() bool {
	return slices.Contains([]Kind{Lag, ShortToken, Restated, Unpublished, MessageLate}, k)
}

// Fault is a rule by which requests go wrong. It strikes every request that it fits, unless Probability or Every says otherwise; of
// several rules that fit a request, the first that strikes is the one. Which requests are struck follows from the emulator's seed and
// the order of requests.
//
// Lag, Missing and Moved strike items of lists in place of requests: Probability is the chance of each item and Limit how many there may be, and an item is
// struck in all lists alike, whoever asks. Unpublished, NoData and Fatal strike reports as they end, ShortToken and Restated all that they fit, and kinds
// that begin with "message-" messages to queues, each of which may be struck by several. These come on top of a rule that strikes the request.
type Fault struct {
	// ID names the rule; AddFault chooses one where it is empty.
	ID string
	// Kind is what happens.
	Kind Kind
	// Operation is a pattern of operation IDs: "ordersv0.getOrders", "orders*", "*.getOrder"; also "lwa.token", "sts.AssumeRole" and
	// "s3.GetObject" for the download of a document, "sqs.ReceiveMessage" for the application's queues, and "notifications.ORDER_CHANGE" for messages of a
	// type. Empty stands for "*", which is everything but requests to queues: those must be named.
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
	// Within is for FaultLag, FaultShortToken, FaultRestated, FaultUnpublished and FaultMessageLate.
	Within time.Duration
	// Type is a pattern of report types such as "GET_LEDGER_*", for FaultRestated, FaultUnpublished, FaultNoData and FaultFatal; empty for all.
	Type string
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
	Within      string  `json:"within,omitempty"`
	Type        string  `json:"type,omitempty"`
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
	return json.Marshal(faultJSON{f.ID, f.Kind, f.Operation, f.Probability, f.Every, f.Burst, f.Limit, text(f.Latency), text(f.Skew),
		text(f.Within), f.Type, f.CarriedOut})
}

// UnmarshalJSON reads what MarshalJSON writes, and refuses members that it doesn't know.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var j faultJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return err
	}
	*f = Fault{ID: j.ID, Kind: j.Kind, Operation: j.Operation, Probability: j.Probability, Every: j.Every, Burst: j.Burst, Limit: j.Limit, Type: j.Type, CarriedOut: j.CarriedOut}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"latency", j.Latency, &f.Latency}, {"skew", j.Skew, &f.Skew}, {"within", j.Within, &f.Within}} {
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
// "throttle,operation=ordersv0.*,every=5,burst=3", "latency,latency=2s,probability=0.1", "reset,carried_out", "lag,within=30m,operation=orders*".
func ParseFault(text string) (Fault, error) {
	kind, rest, more := strings.Cut(text, ",")
	f := Fault{Kind: Kind(kind)}
	seen := map[string]bool{}
	for more {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		name, value, valued := strings.Cut(part, "=")
		if seen[name] {
			return f, fmt.Errorf("emulator: fault %q: %s is there twice", text, name)
		}
		seen[name] = true
		var err error
		switch name {
		case "id":
			f.ID = value
		case "operation":
			f.Operation = value
		case "probability":
			if f.Probability, err = strconv.ParseFloat(value, 64); f.Probability == 0 {
				err = strconv.ErrRange // it would stand for no chance, and strike always
			}
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
		case "within":
			f.Within, err = time.ParseDuration(value)
		case "type":
			f.Type = value
		case "carried_out":
			if f.CarriedOut = true; valued {
				f.CarriedOut, err = strconv.ParseBool(value)
			}
		default:
			return f, fmt.Errorf("emulator: fault %q: unknown %q: want id, operation, probability, every, burst, limit, latency, skew, within, type or carried_out", text, name)
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
	switch t := f.Kind.target(); {
	case f.Kind.needsWithin() != (f.Within != 0) || f.Within < 0 || f.Within > longestWithin:
		return bad("within %v: want a time up to %d days for lag, short-token, restated, unpublished and message-late, and none for other kinds", f.Within, longestWithin/(24*time.Hour))
	case f.Type != "" && t != reports && t != figures:
		return bad("type is for restated, unpublished, no-data and fatal")
	case f.Latency != 0 && t >= items:
		return bad("latency: the kind delays no answer; add a rule of the kind latency")
	case (t == items || t == movedItems) && (f.Every > 0 || f.Burst > 0):
		return bad("every and burst: the kind strikes items, by probability or all of them, up to a limit")
	case (t == tokens || t == figures) && (f.Probability > 0 || f.Every > 0 || f.Burst > 0 || f.Limit > 0):
		return bad("probability, every, burst, limit: the kind strikes always")
	case t == messages && f.Operation != "" && !operations.Notifies(f.Operation):
		return bad("operation %q: the kind strikes messages: want a type such as notifications.ORDER_CHANGE, or a pattern with asterisks", f.Operation)
	case t != requests && t != messages && !slices.ContainsFunc(catalog.Operations(), func(op catalog.Operation) bool { return f.fits(&op) }):
		return bad("operation %q: the kind strikes none of these operations", f.Operation)
	}
	return nil
}

// longestWithin is as far back as reports and lists of reports go.
const longestWithin = 90 * 24 * time.Hour

// asked are the operations that ask for what is made later: a report, or figures of sales and traffic.
var asked = map[target][]string{
	reports: {"reports20210630.createReport"}, figures: {"reports20210630.createReport", "datakiosk20231115.createQuery"},
}

// fits tells whether the rule may strike what an operation of the catalogue answers.
func (f *Fault) fits(op *catalog.Operation) bool {
	if f.Operation != "" && f.Operation != "*" && !operations.Matches(f.Operation, op.ID) {
		return false
	}
	paged := op.Paging != nil && strings.HasPrefix(op.Paging.TokenIn, "query:")
	switch t := f.Kind.target(); t {
	case requests:
		return true
	case nextPages, tokens:
		return paged
	case walks:
		return op.Paging != nil
	case lists:
		return op.Paging != nil && op.Paging.Items != ""
	case pages:
		return paged && op.Paging.Items != "" && op.Paging.TokenOut != ""
	case items, movedItems:
		l := knownLists()[op.ID]
		return l != nil && (f.Kind == Missing || l.created != "" || l.updated != "") && (f.Kind != Moved || l.moves)
	default:
		return slices.Contains(asked[t], op.ID)
	}
}

// Rules are the faults that are in force.
type Rules struct {
	Seed *random.Seed
	mu   sync.Mutex
	list []*faultRule
}

// faultRule is a Fault at work; it is guarded by Rules.mu.
type faultRule struct {
	Fault
	fitted int // requests that it fitted
	struck int
	burst  int                  // requests still to be struck in this burst
	chosen map[string]time.Time // items that it has struck, and when, where that must be known
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
		r.fitted, r.struck, r.burst, r.chosen = 0, 0, 0, nil
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
	if r.Kind.target() >= items {
		return false // it strikes what there is, whoever asks for it
	}
	op, known := catalog.Lookup(x.Operation)
	switch {
	case known:
		if !r.fits(op) {
			return false
		}
	case r.Kind.target() != requests || r.Operation != "" && r.Operation != "*" && !operations.Matches(r.Operation, x.Operation):
		return false
	case operations.OfQueues(x.Operation) && (r.Operation == "" || r.Operation == "*"):
		return false // who waits for messages asks all the time
	}
	return (r.Kind.target() != nextPages || hasNextToken(x, op)) && r.turn(rules)
}

// turn tells whether the rule strikes the next of those that it fits.
func (r *faultRule) turn(rules *Rules) bool {
	if r.Limit > 0 && r.struck >= r.Limit {
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
func hasNextToken(x *exchange.Exchange, op *catalog.Operation) bool {
	return x.URL.Query().Get(strings.TrimPrefix(op.Paging.TokenIn, "query:")) != ""
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
	case BrokenMessage:
		// selling-partner-api-models#2667 (listFinancialEvents with NextToken during an outage, July 2023)
		return answer.Invalid("$errorResponse.Message", "").Reply(), true
	case BeyondRetention:
		// selling-partner-api-models#366 (listFinancialEventsByGroupId, now and then)
		return answer.Invalid("Request was not valid or data requested exceeds data retention period.", "").Reply(), true
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
	l := ReadList(x.Operation, r)
	if l == nil || len(l.Items) == 0 {
		return r
	}
	if kind == Duplicate {
		l.Items = append([]any{l.Items[0]}, l.Items...)
	} else {
		l.Items = l.Items[:len(l.Items)-1]
	}
	return l.Reply()
}

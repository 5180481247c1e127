package gateway

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi"
)

// Record is one call as the audit has it. It never holds bodies, paths, queries or secrets. [Record.Clean] bounds its texts.
type Record struct {
	Time         time.Time // when the request came
	Call         string    // joins the records of one request: 16 characters
	Intent       bool      // the call is about to go out; a record without it follows, unless the process ended before
	Caller       string    // the key's name; "local" without keys; "" where nobody could be made out
	Key          string    // the key's id
	Account      string
	Operation    string // its ID; "gateway.…" of the gateway's own; method and the known head of the path where the operation is unknown
	Write        bool   // the operation changes something
	PersonalData bool   // the answer may hold buyers' data
	Status       int    // answered to the caller; 0 if nothing was
	RequestID    string // Amazon's
	Agent        string // the products that the caller's User-Agent names, without its comments
	Refused      string // why the gateway refused it itself; "" if it did not
	Cache        string // "hit", "shared"; "" where Amazon was asked
	// More counts refusals of nobody's requests since the last of them that got a record: whoever guesses keys must not fill the disk.
	More     int
	Duration time.Duration // until the answer had been sent
}

// Auditor keeps records. Package audit has two.
type Auditor interface {
	// Append keeps the records, in their order, and returns when they are kept: all, or with an error none that counts. It is safe for concurrent use.
	Append(ctx context.Context, records ...Record) error
}

// AuditPolicy says which calls need the audit. What needs it has a record before it goes out, so that what was done is in the audit however the process
// ends, and is refused while the audit can't keep one. What doesn't goes on, and the log says that the audit has failed.
type AuditPolicy string

// The policies.
const (
	AuditSensitive AuditPolicy = "sensitive" // writes, and calls whose answers may hold buyers' data
	AuditAll       AuditPolicy = "all"
	AuditNone      AuditPolicy = "none"
)

func (p AuditPolicy) check() error {
	switch p {
	case "", AuditSensitive, AuditAll, AuditNone:
		return nil
	}
	return &spapi.ConfigError{Code: spapi.CodeInputInvalid, Field: "AuditRequired", Value: string(p), Want: "sensitive, all or none"}
}

func (p AuditPolicy) needs(r *Record) bool {
	return p == AuditAll || p != AuditNone && (r.Write || r.PersonalData)
}

// bounds of a record's texts, in bytes.
const (
	maxName  = 128 // of callers, accounts, operations
	maxAgent = 160
	maxWord  = 64
)

// Clean returns the record as audits keep it: texts bounded, in valid UTF-8 and without anything that a terminal or a line would take for more than text;
// times in UTC and to the microsecond.
func (r Record) Clean() Record {
	r.Time, r.Duration = r.Time.UTC().Truncate(time.Microsecond), max(0, r.Duration.Truncate(time.Microsecond))
	for _, t := range []*string{&r.Call, &r.Key, &r.RequestID, &r.Refused, &r.Cache} {
		*t = clean(*t, maxWord)
	}
	for _, t := range []*string{&r.Caller, &r.Account, &r.Operation} {
		*t = clean(*t, maxName)
	}
	r.Agent = clean(r.Agent, maxAgent)
	return r
}

// clean replaces what is no printable text, and cuts at a bound.
func clean(s string, bound int) string {
	if plain(s) && len(s) <= bound {
		return s
	}
	var b strings.Builder
	for _, c := range s[:min(len(s), 4*bound)] {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = '?'
		}
		if b.Len()+utf8.RuneLen(c) > bound-len("…") {
			return b.String() + "…"
		}
		b.WriteRune(c)
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// product is what a User-Agent is known by. What doesn't look like one, comments too, may be anything, and is left out.
var product = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,31}/v?[0-9][0-9A-Za-z.+-]{0,15}$`)
})

// agentOf is what the audit has of a User-Agent.
func agentOf(header string) string {
	header = header[:min(len(header), 1024)]
	var b strings.Builder
	depth := 0
	for word := range strings.FieldsSeq(header) {
		open, closed := strings.Count(word, "("), strings.Count(word, ")")
		inside := depth > 0 || open > 0
		depth = max(0, depth+open-closed)
		if inside || !product().MatchString(word) {
			continue
		}
		if b.Len()+len(word) >= maxAgent {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// words are the fixed parts of all paths of the API. What a path has beside them may be anybody's order id or name.
var words = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for _, op := range spapi.Operations() {
		for part := range strings.SplitSeq(op.Path, "/") {
			if part != "" && !strings.Contains(part, "{") {
				known[part] = true
			}
		}
	}
	return known
})

var version = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(v\d{1,2}|20\d\d-\d\d-\d\d)$`) })

// unknownOperation names a request that no model knows: its path up to the first part that no path of the API has.
func unknownOperation(method, escapedPath string) string {
	if !slices.Contains(methods, method) {
		method = "?"
	}
	var b strings.Builder
	b.WriteString(method + " ")
	parts := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	for i, part := range parts {
		if i == 4 || !words()[part] && !version().MatchString(part) {
			b.WriteString("/…")
			break
		}
		b.WriteString("/" + part)
	}
	return b.String()
}

// witness is the writer of an exchange, which knows what was sent.
type witness struct {
	http.ResponseWriter
	status int
}

func (a *witness) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *witness) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (a *witness) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush sends what was written.
func (a *witness) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// begin makes the exchange of a request. [exchange.done] must be called when it has ended, however it does.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{g: g, begun: g.config.Now()}
	x.sent.ResponseWriter = w
	x.w = &x.sent
	x.record = Record{Time: x.begun, Call: rand.Text()[:16], Agent: agentOf(r.UserAgent())}
	x.r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	g.metrics.inFlight.Inc()
	return x
}

type exchangeKey struct{}

// intend tells the audit what is about to be done, where that must be in it.
func (x *exchange) intend() *refusal {
	x.complete()
	if x.g.recorder.auditor == nil || !x.g.config.AuditRequired.needs(&x.record) {
		return nil
	}
	intent := x.record
	intent.Intent = true
	if x.g.recorder.keep(intent) == nil {
		return nil
	}
	return &refusal{
		Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "Service is temporarily unavailable.",
		Details:    "The gateway's audit can't be kept, and this call must not be made without it. Nothing was sent to Amazon.",
		RetryAfter: 5 * time.Second, why: "audit",
	}
}

// complete fills in what no step has said.
func (x *exchange) complete() {
	r := &x.record
	if r.Operation == "" {
		r.Operation = x.op.ID
	}
	if op, ok := spapi.FindOperation(x.r.Method, x.r.URL.EscapedPath()); ok && r.Operation == "" {
		r.Operation = op.ID // refused before that was found out
	}
	if r.Operation == "" {
		r.Operation = unknownOperation(x.r.Method, x.r.URL.EscapedPath())
	}
	if r.Caller == "" && (x.caller.key != nil || x.g.keys.none()) {
		r.Caller = x.caller.name() // refused before a step said so
	}
	if x.caller.key != nil {
		r.Key = x.caller.key.ID
	}
	*r = r.Clean()
}

// none reports whether there are no keys, so that all callers are local.
func (k *keys) none() bool {
	known := k.known.Load()
	return known != nil && known.open()
}

// done ends the exchange: audit, metrics and log get to know of it. The audit has it when done returns where it needs it, and otherwise soon.
func (x *exchange) done() {
	if x.told {
		return
	}
	x.told = true
	header := x.sent.Header()
	if x.sent.status != 0 {
		x.record.Status = x.sent.status
	}
	if id := header.Get("X-Amzn-Requestid"); id != "" {
		x.record.RequestID = id
	}
	switch cache := header.Get("X-Spapi-Cache"); cache {
	case "hit", "shared":
		x.record.Cache = cache
	}
	x.record.Duration = x.g.config.Now().Sub(x.begun)
	x.complete()
	x.g.metrics.ended(&x.record, header.Get("X-Spapi-Cache"))
	x.g.metrics.deprecated(x.g.config.Logger, &x.op, &x.record, x.begun)
	if !x.g.recorder.worthIt(&x.record) {
		return
	}
	x.log()
	x.g.recorder.record(x.record)
}

// recorder brings records to the audit.
type recorder struct {
	auditor Auditor // nil: nobody
	policy  AuditPolicy
	metrics *Metrics
	logger  *slog.Logger
	now     func() time.Time

	mu     sync.RWMutex // held for reading while something is put into queue
	closed bool
	queue  chan Record
	over   chan struct{}

	failing failing

	anonymous sync.Mutex
	left      float64 // records that refusals of nobody's requests may have now
	refilled  time.Time
	more      int
}

const (
	queued         = 4096             // records that wait for the audit; when there are more, calls wait with them
	batch          = 512              // records that go to it at once
	auditPatience  = 10 * time.Second // for a disk that stands still
	anonymousBurst = 50
	anonymousRate  = 1 // per second
)

func newRecorder(g *Gateway) *recorder {
	r := &recorder{auditor: g.config.Audit, policy: g.config.AuditRequired, metrics: g.metrics, logger: g.config.Logger, now: g.config.Now, left: anonymousBurst}
	r.failing.every = 10 * time.Second
	if r.auditor != nil {
		r.queue, r.over = make(chan Record, queued), make(chan struct{})
		go r.run()
	}
	return r
}

// worthIt reports whether an exchange gets a record and a line: of nobody's, which anybody can send, only some do.
func (r *recorder) worthIt(record *Record) bool {
	if record.Caller != "" {
		return true
	}
	r.anonymous.Lock()
	defer r.anonymous.Unlock()
	now := r.now()
	if passed := now.Sub(r.refilled); passed > 0 {
		r.left = min(anonymousBurst, r.left+passed.Seconds()*anonymousRate)
		r.refilled = now
	}
	if r.left < 1 {
		r.metrics.unaudited.Inc()
		r.more++
		return false
	}
	r.left--
	record.More, r.more = r.more, 0
	return true
}

// record keeps a record: at once where it is needed, otherwise with others, so that reads don't wait for the disk.
func (r *recorder) record(record Record) {
	if r.auditor == nil {
		return
	}
	if !r.policy.needs(&record) {
		r.mu.RLock()
		defer r.mu.RUnlock()
		if !r.closed {
			r.queue <- record
			return
		}
	}
	_ = r.keep(record)
}

func (r *recorder) run() {
	defer close(r.over)
	var waiting []Record
	for record := range r.queue {
		waiting = append(waiting[:0], record)
		for len(waiting) < batch && len(r.queue) > 0 {
			waiting = append(waiting, <-r.queue) // nobody else takes from it
		}
		_ = r.keep(waiting...)
	}
}

// keep has the audit keep records, and tells aloud when it can't.
func (r *recorder) keep(records ...Record) error {
	if r.auditor == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), auditPatience) // not the request's: what was done counts though its caller has gone
	defer cancel()
	err := r.auditor.Append(ctx, records...)
	if err == nil {
		r.metrics.audited.Add(float64(len(records)))
		r.failing.over(r.logger)
		return nil
	}
	r.metrics.auditFailures.Add(float64(len(records)))
	r.failing.tell(r.logger, r.now(), len(records), err)
	return err
}

func (r *recorder) close() {
	if r.auditor == nil {
		return
	}
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return
	}
	close(r.queue)
	<-r.over
	r.anonymous.Lock()
	more := r.more
	r.more = 0
	r.anonymous.Unlock()
	if more > 0 {
		_ = r.keep(Record{Time: r.now(), Operation: "gateway.close", Refused: "key", More: more}.Clean())
	}
}

// failing tells of something that goes on failing now and then, not each time.
type failing struct {
	every time.Duration

	mu     sync.Mutex
	told   time.Time
	untold int
	err    error // the last; nil: it works
	at     time.Time
}

func (f *failing) tell(logger *slog.Logger, now time.Time, n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.untold += n
	f.err, f.at = err, now
	if !f.told.IsZero() && now.Sub(f.told) < f.every {
		return
	}
	logger.Error("gateway: the audit can't be kept", slog.Int("records", f.untold), slog.String("error", clean(err.Error(), 512)))
	f.told, f.untold = now, 0
}

func (f *failing) over(logger *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		return
	}
	logger.Warn("gateway: the audit is kept again", slog.Int("records_lost_since_told", f.untold))
	f.err, f.told, f.untold = nil, time.Time{}, 0
}

// since is what failed at that time or later and hasn't worked since.
func (f *failing) since(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at.Before(t) {
		return nil
	}
	return f.err
}

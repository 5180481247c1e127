package emulator

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/fault"
)

// FaultKind is a way in which the emulator misbehaves on request.
type FaultKind = fault.Kind

// The kinds of faults.
const (
	// FaultThrottle answers 429, as SP-API or, for "lwa.token", as the token endpoint.
	FaultThrottle = fault.Throttle
	// FaultInternal answers 500.
	FaultInternal = fault.Internal
	// FaultUnavailable answers 503.
	FaultUnavailable = fault.Unavailable
	// FaultHTML answers 503 with the HTML page of a gateway in place of JSON.
	FaultHTML = fault.HTML
	// FaultEmptyBody answers 200 with no body.
	FaultEmptyBody = fault.EmptyBody
	// FaultForeignJSON answers 200 with JSON that isn't the operation's: the message of a gateway.
	FaultForeignJSON = fault.ForeignJSON
	// FaultForeignIDs lets an answer name other things than the request did: each id that the request has is another one of the same form in the answer. Ids of
	// sellers and marketplaces stay.
	FaultForeignIDs = fault.ForeignIDs
	// FaultLatency delays the answer by Latency.
	FaultLatency = fault.Latency
	// FaultSilent takes the request and never answers: the connection stays open until the client gives up.
	FaultSilent = fault.Silent
	// FaultReset resets the connection before any of the answer.
	FaultReset = fault.Reset
	// FaultResetInBody resets the connection after the headers and half of the body.
	FaultResetInBody = fault.ResetInBody
	// FaultTruncate closes the connection in order, but after half of the body.
	FaultTruncate = fault.Truncate
	// FaultTruncateGzip sends half of a body that is compressed, as if that were all: HTTP is in order, gzip isn't. It strikes
	// answers that are gzip already, and others if the client accepts gzip.
	FaultTruncateGzip = fault.TruncateGzip
	// FaultSlowBody sends the body in pieces over the time of Latency.
	FaultSlowBody = fault.SlowBody
	// FaultExpiredToken lets the next token in a request be expired. Requests without one don't count.
	FaultExpiredToken = fault.ExpiredToken
	// FaultExpiredURL answers as S3 does when a presigned URL has expired. It is meant for documents.
	FaultExpiredURL = fault.ExpiredURL
	// FaultDuplicate lets the first item of a list stand in it twice. Answers without a list don't count.
	FaultDuplicate = fault.Duplicate
	// FaultLate keeps the last item of a list back: it turns up in later answers, as orders do that SP-API shows late. Answers
	// without a list don't count.
	FaultLate = fault.Late
	// FaultClockSkew lets the service's own clock be wrong by Skew: in the Date header, and in the check of signatures.
	FaultClockSkew = fault.ClockSkew
)

// Fault is a rule by which requests go wrong. It strikes every request that it fits, unless Probability or Every says otherwise; of
// several rules that fit a request, the first that strikes is the one. Which requests are struck follows from the emulator's seed and
// the order of requests.
type Fault struct {
	// ID names the rule; AddFault chooses one where it is empty.
	ID string
	// Kind is what happens.
	Kind FaultKind
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

// MarshalJSON writes durations as texts: "1.5s".
func (f Fault) MarshalJSON() ([]byte, error) { return fault.Fault(f).MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON writes, and refuses members that it doesn't know.
func (f *Fault) UnmarshalJSON(b []byte) error { return (*fault.Fault)(f).UnmarshalJSON(b) }

// ParseFault reads the one-line form that commands take: the kind, then what else there is, after commas:
// "throttle,operation=ordersv0.*,every=5,burst=3", "latency,latency=2s,probability=0.1", "reset,carried_out".
func ParseFault(text string) (Fault, error) {
	f, err := fault.ParseFault(text)
	return Fault(f), err
}

// WithFault adds a rule by which requests go wrong.
func WithFault(f Fault) Option { return func(o *options) { o.faults = append(o.faults, f) } }

// AddFault adds a rule after those that are there and returns its ID.
func (e *Emulator) AddFault(f Fault) (string, error) { return e.desk.Faults.Add(fault.Fault(f)) }

// Faults returns the rules in force, in their order.
func (e *Emulator) Faults() []Fault {
	rules := e.desk.Faults.All()
	list := make([]Fault, len(rules))
	for i, r := range rules {
		list[i] = Fault(r)
	}
	return list
}

// RemoveFault takes a rule away and tells whether it was there.
func (e *Emulator) RemoveFault(id string) bool { return e.desk.Faults.Remove(id) }

// ClearFaults takes all rules away.
func (e *Emulator) ClearFaults() { e.desk.Faults.Clear() }

package emulator

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/operations"
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

	// FaultLag lets items come late to lists, each by a time of its own up to Within after it was created, or updated where the list goes by updates. By
	// its id it is found at once. Within a walk through pages nothing turns up: all of them show what the first one had to show.
	FaultLag = fault.Lag
	// FaultMissing keeps items out of all lists as long as the rule is there. By their ids they are found.
	FaultMissing = fault.Missing
	// FaultMoved changes orders while a search by last update is being paged: one that would be on a later page has been updated meanwhile, which is after
	// the end of the search, so it is on no page of it, but in what the next search asks for. Each order is moved once.
	FaultMoved = fault.Moved
	// FaultRepeated lets the last item of a page be the first of the next one, too, as when something came in before: all that follows moves back by one.
	FaultRepeated = fault.Repeated
	// FaultSkipped lets the first item of the next page fall between the two, as when something before it left the list.
	FaultSkipped = fault.Skipped
	// FaultShortPage gives only some of the items of a page; the rest is on the next one.
	FaultShortPage = fault.ShortPage
	// FaultEmptyPage gives a page without items but with a next token, before the page itself.
	FaultEmptyPage = fault.EmptyPage
	// FaultShortToken lets next tokens expire after Within, where they live longer.
	FaultShortToken = fault.ShortToken
	// FaultBrokenMessage answers a request with a next token as finances v0 did while something was wrong with it: 400 with a template in place of the message.
	FaultBrokenMessage = fault.BrokenMessage
	// FaultBeyondRetention answers requests for what may come in pages as finances v0 sometimes does, although nothing is wrong with them: 400, they ask for
	// what isn't kept.
	FaultBeyondRetention = fault.BeyondRetention
	// FaultRestated lets the figures of sales and traffic grow for Within after their day: the same days asked for again have other values.
	FaultRestated = fault.Restated
	// FaultUnpublished lets reports end FATAL whose data end less than Within before they were asked for, with a document that says so.
	FaultUnpublished = fault.Unpublished
	// FaultNoData lets reports end CANCELLED, as those do of which there is no data.
	FaultNoData = fault.NoData
	// FaultFatal lets reports end FATAL, without a document that says why.
	FaultFatal = fault.Fatal

	// FaultMessageDuplicate sends a message twice, as Amazon does at times.
	FaultMessageDuplicate = fault.MessageDuplicate
	// FaultMessageLate sends a message Within later, by the emulator's clock.
	FaultMessageLate = fault.MessageLate
	// FaultMessageShuffled lets a message change places with another one that waits in its queue, chosen by chance.
	FaultMessageShuffled = fault.MessageShuffled
	// FaultMessageLost loses a message.
	FaultMessageLost = fault.MessageLost
	// FaultMessagePoison spoils the body of a message: half of it is missing, or it is no notification.
	FaultMessagePoison = fault.MessagePoison
	// FaultMessageDenied lets the queue's policy refuse a message.
	FaultMessageDenied = fault.MessageDenied
)

// Fault is a rule by which requests go wrong. It strikes every request that it fits, unless Probability or Every says otherwise; of
// several rules that fit a request, the first that strikes is the one. Which requests are struck follows from the emulator's seed and
// the order of requests.
//
// FaultLag, FaultMissing and FaultMoved strike items of lists in place of requests: Probability is the chance of each item and Limit how many there may be,
// and an item is struck in all lists alike, whoever asks. FaultUnpublished, FaultNoData and FaultFatal strike reports as they end, FaultShortToken and
// FaultRestated all that they fit, and kinds that begin with "message-" messages to queues, each of which may be struck by several. These come on top of a
// rule that strikes the request.
type Fault struct {
	// ID names the rule; AddFault chooses one where it is empty.
	ID string
	// Kind is what happens.
	Kind FaultKind
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

// MarshalJSON writes durations as texts: "1.5s".
func (f Fault) MarshalJSON() ([]byte, error) { return fault.Fault(f).MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON writes, and refuses members that it doesn't know.
func (f *Fault) UnmarshalJSON(b []byte) error { return (*fault.Fault)(f).UnmarshalJSON(b) }

// ParseFault reads the one-line form that commands take: the kind, then what else there is, after commas:
// "throttle,operation=ordersv0.*,every=5,burst=3", "latency,latency=2s,probability=0.1", "reset,carried_out", "lag,within=30m,operation=orders*".
func ParseFault(text string) (Fault, error) {
	f, err := fault.ParseFault(text)
	if err == nil {
		err = checkFaultType(Fault(f))
	}
	return Fault(f), err
}

// checkFaultType refuses a pattern that fits no type of reports.
func checkFaultType(f Fault) error {
	for name := range jobs.ReportTypes() {
		if f.Type == "" || operations.Matches(f.Type, name) {
			return nil
		}
	}
	return fmt.Errorf("emulator: fault %q: type %q: no such report type; want one such as GET_LEDGER_DETAIL_VIEW_DATA, or a pattern with asterisks", f.Kind, f.Type)
}

// WithFault adds a rule by which requests go wrong.
func WithFault(f Fault) Option { return func(o *options) { o.faults = append(o.faults, f) } }

// AddFault adds a rule after those that are there and returns its ID.
func (e *Emulator) AddFault(f Fault) (string, error) {
	if err := checkFaultType(f); err != nil {
		return "", err
	}
	return e.desk.Faults.Add(fault.Fault(f))
}

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

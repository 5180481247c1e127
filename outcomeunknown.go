package spapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/settings"
)

// OutcomeUnknownError is a call that changes something, and that may have been carried out although it failed: the request went out, and no answer
// came back, or a 5xx, or a success that can't be read. It wraps that error. A call that cannot have been carried out, such as one that was refused
// or whose connection never came about, fails with its own error alone.
type OutcomeUnknownError struct {
	Operation  string // "ordersv0.confirmShipment"
	Repeatable bool   // sending it again leaves the same state as sending it once
	Shows      string // the operation that shows what there is now, such as "ordersv0.getOrder"; "" if none is known
	Err        error  // [*APIError], [*DecodeError], or that of the connection, of the context or of a repeat that didn't go out
}

func (e *OutcomeUnknownError) Error() string {
	return e.Err.Error() + "; it may have been carried out all the same"
}

// Unwrap returns the failure.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *OutcomeUnknownError) Explain() string {
	text := settings.Sentence(e.Error())
	if more := settings.Advice(e.Err); more != "" {
		text += "\n" + more
	}
	if e.Repeatable {
		return text + "\nSending it again does no harm: it leaves the same state."
	}
	text += "\nSo it was not repeated: look before sending it again"
	if e.Shows != "" {
		text += "; " + e.Shows + " shows what there is"
	}
	return text + "."
}

// IsOutcomeUnknown reports whether err is a call that may have been carried out although it failed, and that must not be sent again unseen: an
// [OutcomeUnknownError] that isn't Repeatable. Of a feed, a report or a query the error that counts is that of package job with the same name, which may
// be about a run before and then wraps none of these.
func IsOutcomeUnknown(err error) bool {
	e, ok := errors.AsType[*OutcomeUnknownError](err)
	return ok && !e.Repeatable
}

// doubt makes the failure of a call an [OutcomeUnknownError] if it is one.
func (c *call) doubt(err error) error {
	if err == nil || c.op == nil || c.op.ReadOnly() {
		return err
	}
	_, unread := errors.AsType[*DecodeError](err)
	if e, ok := errors.AsType[*APIError](err); ok {
		unread = unread || e.StatusCode/100 == 2 && slices.Contains(ownFaults, e.Code)
	}
	if !unread && !c.reached {
		return err
	}
	return &OutcomeUnknownError{Operation: c.op.ID, Repeatable: c.repeatable, Shows: c.op.shownBy(), Err: err}
}

// ownFaults are the codes by which SP-API says that it failed itself. They come with 500 and 503, which say the same; in the body of a success nothing
// else does.
var ownFaults = []string{"InternalFailure", "ServiceUnavailable"}

// NoAnswer marks the error for those who tell failures of the network from others: it may wrap anything, such as io.EOF.
func (*networkError) NoAnswer() {}

// readVerbs begin the names of operations that read, though some of them by POST since their question is long. Amazon names by one pattern.
var readVerbs = []string{"get", "list", "search", "check", "validate", "retrieve"}

// readsToo read under another name.
var readsToo = []string{
	"fulfillmentoutbound20200701.deliveryOffers",
	"tokens20210301.createRestrictedDataToken", // what the client asks for before it reads
}

// ReadOnly reports whether the operation changes nothing. What is not known to read may change something.
func (op *Operation) ReadOnly() bool {
	switch op.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return op.Idempotent && (slices.Contains(readsToo, op.ID) ||
		slices.ContainsFunc(readVerbs, func(verb string) bool { return strings.HasPrefix(op.Name, verb) }))
}

// shownBy finds the operation that reads what this one changes: of the same API, with the same path, else with that of what it lies in.
func (op *Operation) shownBy() string {
	best, length := "", 0
	for i := range operations {
		o := &operations[i]
		inside := op.Path == o.Path || strings.HasPrefix(op.Path, o.Path+"/")
		if o.API == op.API && o.Method == http.MethodGet && inside && len(o.Path) > length {
			best, length = o.ID, len(o.Path)
		}
	}
	return best
}

package job

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

// RequestError is something that can't work. Nothing was sent.
type RequestError struct {
	Kind   Kind
	Type   string // of the report or feed, if it is known
	Field  string // what is wrong; "" if it is the whole
	Value  string // as given, if that says more
	Reason string
}

func (e *RequestError) Error() string {
	s := string(e.Kind)
	if e.Type != "" {
		s += " " + e.Type
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Value != "" {
		s += fmt.Sprintf(" %q", e.Value)
	}
	return s + " " + e.Reason
}

var (
	// ErrCancelled is what an [*EndedError] with status CANCELLED is to errors.Is. Of a report it mostly means that there is no data.
	ErrCancelled = errors.New("cancelled")
	// ErrFatal is what an [*EndedError] with status FATAL is to errors.Is.
	ErrFatal = errors.New("fatal")
	// ErrNoDocument is what a [*DocumentError] is to errors.Is when the job has no document at all.
	ErrNoDocument = errors.New("there is none")
)

// EndedError is a job that Amazon ended without what was asked for. Of a feed that ended FATAL, parts may have been carried out all the same; of one
// that was CANCELLED nothing was.
type EndedError struct {
	Kind     Kind
	Type     string // of the report or feed
	ID       string
	Status   Status // CANCELLED or FATAL, or DONE if what was asked for is missing all the same
	Reason   string // from the document that came in place of what was asked for, else what is known of the type; never empty
	Document []byte // the beginning of that document, at most 64 KiB; nil if there was none
	Err      error  // why that document could not be read; nil if it could
}

func (e *EndedError) Error() string {
	s := string(e.Kind) + " " + e.ID
	if e.Type != "" {
		s += " (" + e.Type + ")"
	}
	return fmt.Sprintf("%s ended %s: %s", s, e.Status, e.Reason)
}

// Unwrap returns why the document with the reason could not be read.
func (e *EndedError) Unwrap() error { return e.Err }

// Is makes errors.Is work with [ErrCancelled] and [ErrFatal].
func (e *EndedError) Is(target error) bool {
	return target == ErrCancelled && e.Status == Cancelled || target == ErrFatal && e.Status == Fatal
}

// OutcomeUnknownError is a job that was asked for and of which no answer came, so that Amazon may have taken it or not, and that could not be found
// out. It was not asked for again. With a journal, the next run tries to find out again; [WithSendAgain] and [WithTake] decide.
type OutcomeUnknownError struct {
	Kind       Kind
	Type       string    // of the report or feed
	Asked      time.Time // at most a little before it was asked for
	DocumentID string    // of a feed: the id of the document that was uploaded for it, which Amazon shows nowhere
	Found      []Found   // the jobs created since then that may be it, the newest first; none where lists show none, which isn't enough to send a refund again
	Err        error     // why no answer came; nil if that was in another run
	LookErr    error     // why it could not be looked for; nil if it could
}

// Found is a job that may be the one whose answer was lost.
type Found struct {
	ID      string
	Status  Status
	Created time.Time
}

func (e *OutcomeUnknownError) Error() string {
	s := string(e.Kind)
	if e.Type != "" {
		s += " " + e.Type
	}
	s += " was asked for at " + e.Asked.UTC().Format(time.RFC3339) + " and no answer came"
	if e.Err != nil {
		err := e.Err
		if lost, ok := errors.AsType[*spapi.OutcomeUnknownError](err); ok { // without what is said here too
			err = lost.Err
		}
		s += fmt.Sprintf(" (%v)", err)
	}
	s += ": Amazon may have taken it, and it was not " + map[bool]string{true: "sent", false: "asked for"}[e.Kind == Feed] + " again"
	switch {
	case e.LookErr != nil:
		s += fmt.Sprintf("; it could not be looked for: %v", e.LookErr)
	case len(e.Found) > 0:
		var list []string
		for _, f := range e.Found[:min(len(e.Found), 5)] {
			list = append(list, fmt.Sprintf("%s (%s, created %s)", f.ID, f.Status, f.Created.UTC().Format(time.RFC3339)))
		}
		s += "; it may be " + strings.Join(list, ", ")
		if more := len(e.Found) - len(list); more > 0 {
			s += fmt.Sprintf(" and %d more", more)
		}
	default:
		s += "; none that may be it is listed, but lists may lag"
	}
	return s
}

// Unwrap returns why no answer came, and why it could not be looked for.
func (e *OutcomeUnknownError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Err, e.LookErr} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Explain says what to do.
func (e *OutcomeUnknownError) Explain() string {
	switch {
	case e.Kind == Feed && len(e.Found) > 0:
		return "Amazon doesn't show what a feed was made of. Look at those that were found, when they were created and what is in their processing reports: " +
			"take the one that is yours with WithTake, or send it again with WithSendAgain if none is, with the same journal. " +
			"Without a journal Get and Wait go on with one that is yours, and whatever submits the same once more sends it again."
	case e.Kind == Feed:
		return "Run it again with the same journal: it looks again. WithTake takes a feed of which you know that it is the one, WithSendAgain sends it again " +
			"without looking."
	}
	return "Run it again with the same journal: it looks again. WithSendAgain asks again without looking, which costs no more than a call."
}

// UnknownIDError is an id that is empty, or that Amazon knows no job of this seller by.
type UnknownIDError struct {
	Kind Kind
	ID   string
	Err  error // Amazon's answer, a [*spapi.APIError]; nil if nothing was sent
}

func (e *UnknownIDError) Error() string {
	if e.Err == nil {
		return string(e.Kind) + ": the id is empty"
	}
	return fmt.Sprintf("%s %q is unknown: %v", e.Kind, e.ID, e.Err)
}

// Unwrap returns Amazon's answer.
func (e *UnknownIDError) Unwrap() error { return e.Err }

// StatusError is a job that stayed in a state that is neither one of work nor an end, so that waiting for it has no sense. What becomes of it is not known.
type StatusError struct {
	Kind   Kind
	ID     string
	Status Status // "" if Amazon told none
	For    time.Duration
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s has had the status %q for %s, which is none of IN_QUEUE, IN_PROGRESS, DONE, CANCELLED, FATAL",
		e.Kind, e.ID, e.Status, e.For.Round(time.Second))
}

// DocumentError is a job whose document can't be had or read.
type DocumentError struct {
	Kind Kind
	ID   string // of the job
	Err  error  // of package document, of the call that gives its address, of its syntax; or [ErrNoDocument]
}

func (e *DocumentError) Error() string {
	return fmt.Sprintf("document of %s %s: %v", e.Kind, e.ID, e.Err)
}

// Unwrap returns the cause.
func (e *DocumentError) Unwrap() error { return e.Err }

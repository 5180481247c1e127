package reports

import (
	"errors"
	"fmt"
	"time"
)

// RequestError is a request that can't work. Nothing was sent.
type RequestError struct {
	Type   string
	Field  string
	Value  string
	Reason string
}

func (e *RequestError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("reports: %s: %s %s", e.Type, e.Field, e.Reason)
	}
	return fmt.Sprintf("reports: %s: %s %q %s", e.Type, e.Field, e.Value, e.Reason)
}

// ErrCancelled is what every [*CancelledError] is to errors.Is: the report has no data, or was cancelled.
var ErrCancelled = errors.New("reports: cancelled")

// CancelledError is a report that ended CANCELLED.
type CancelledError struct {
	Report Report
	Reason string
}

func (e *CancelledError) Error() string {
	return fmt.Sprintf("reports: %s %s ended CANCELLED: %s", e.Report.ReportType, e.Report.ReportID, e.Reason)
}

// Is makes errors.Is(err, ErrCancelled) true.
func (e *CancelledError) Is(target error) bool { return target == ErrCancelled }

// FatalError is a report that ended FATAL.
type FatalError struct {
	Report   Report
	Reason   string // from the document that came in place of the report, else what is known of the type
	Document []byte // the beginning of that document, nil if there was none
	Err      error  // why that document could not be read; nil if it could
}

func (e *FatalError) Error() string {
	return fmt.Sprintf("reports: %s %s ended FATAL: %s", e.Report.ReportType, e.Report.ReportID, e.Reason)
}

// Unwrap returns why the document with the reason could not be read.
func (e *FatalError) Unwrap() error { return e.Err }

// TooFrequentError is a report that Amazon doesn't make because it made one a short while ago.
type TooFrequentError struct {
	Type     string
	Wait     time.Duration // until the next one may be asked for, from now
	ReportID string        // the report that ended for this; "" if the request was refused at once
	Last     Report        // the one that was made, which may do in place of a new one; zero if unknown
	Err      error         // the refusal, if there was one
}

func (e *TooFrequentError) Error() string {
	s := fmt.Sprintf("reports: %s: asked for again too soon; wait %s", e.Type, e.Wait.Round(time.Second))
	if e.Last.ReportID != "" {
		s += fmt.Sprintf(", or take report %s of %s", e.Last.ReportID, e.Last.ProcessingEndTime.UTC().Format(time.RFC3339))
	}
	return s
}

// Unwrap returns the refusal.
func (e *TooFrequentError) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *TooFrequentError) Explain() string {
	return "Amazon makes reports of this type only now and then, however often they are asked for. Wait, or use the one that there is."
}

package reports

import (
	"errors"
	"fmt"
	"time"

	"github.com/openspapi/spapi"
)

// TooFrequentError is a report that Amazon doesn't make because it made one a short while ago.
type TooFrequentError struct {
	Type     string
	Wait     time.Duration // until the next one may be asked for, from now; the whole of what is between two if Last is unknown
	ReportID string        // the report that ended for this; "" if the request was refused at once
	Last     Report        // the one that was made or is on its way, which may do in place of a new one; zero if unknown
	Err      error         // the refusal, if there was one: Amazon's, or a *spapi.LimitError where nothing was sent
}

func (e *TooFrequentError) Error() string {
	s := fmt.Sprintf("reports: %s: asked for again too soon; wait %s", e.Type, e.Wait.Round(time.Second))
	if e.Last.ReportID != "" {
		of := "of " + e.Last.ProcessingEndTime.UTC().Format(time.RFC3339)
		if e.Last.ProcessingEndTime.IsZero() { // Amazon is still at it
			of = "asked for at " + e.Last.CreatedTime.UTC().Format(time.RFC3339)
		}
		s += fmt.Sprintf(", or take report %s %s", e.Last.ReportID, of)
	}
	return s
}

// Unwrap returns the refusal.
func (e *TooFrequentError) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *TooFrequentError) Explain() string {
	const text = "Amazon makes reports of this type only now and then, however often they are asked for. Wait, or use the one that there is."
	if _, unsent := errors.AsType[*spapi.LimitError](e.Err); !unsent {
		return text
	}
	return text + " Nothing was sent: " +
		"where you know better, such as that the last one came to nothing, spapi.WithoutTypeLimit (--no-type-limit) asks all the same."
}

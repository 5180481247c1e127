package feeds

import (
	"errors"
	"fmt"
)

// RequestError is a feed that can't work. Nothing was sent.
type RequestError struct {
	Type   string
	Field  string
	Value  string
	Reason string
}

func (e *RequestError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("feeds: %s: %s %s", e.Type, e.Field, e.Reason)
	}
	return fmt.Sprintf("feeds: %s: %s %q %s", e.Type, e.Field, e.Value, e.Reason)
}

// Problem is what is wrong with a message before it is sent.
type Problem struct {
	Index  int // of the message, from 0
	SKU    string
	Reason string
}

// ValidationError is messages that Amazon would refuse. Nothing was sent.
type ValidationError struct {
	Problems []Problem // the first thousand
	Count    int       // of all
}

func (e *ValidationError) Error() string {
	if len(e.Problems) == 0 {
		return "feeds: messages are wrong"
	}
	p := e.Problems[0]
	s := fmt.Sprintf("feeds: message %d (sku %q): %s", p.Index+1, p.SKU, p.Reason)
	if e.Count > 1 {
		s += fmt.Sprintf("; and %d more are wrong", e.Count-1)
	}
	return s
}

// ErrCancelled is what every [*CancelledError] is to errors.Is.
var ErrCancelled = errors.New("feeds: cancelled")

// CancelledError is a feed that ended CANCELLED: nothing of it was carried out.
type CancelledError struct {
	Feed   Feed
	Reason string
}

func (e *CancelledError) Error() string {
	return fmt.Sprintf("feeds: %s %s ended CANCELLED: %s", e.Feed.FeedType, e.Feed.FeedID, e.Reason)
}

// Is makes errors.Is(err, ErrCancelled) true.
func (e *CancelledError) Is(target error) bool { return target == ErrCancelled }

// FatalError is a feed that ended FATAL. Parts of it may have been carried out all the same.
type FatalError struct {
	Feed   Feed
	Reason string
	Result *Result // what the processing report has, nil if there was none
	Err    error   // why that could not be read; nil if it could
}

func (e *FatalError) Error() string {
	return fmt.Sprintf("feeds: %s %s ended FATAL: %s", e.Feed.FeedType, e.Feed.FeedID, e.Reason)
}

// Unwrap returns why the processing report could not be read.
func (e *FatalError) Unwrap() error { return e.Err }

// UploadError is content that the document store did not take.
type UploadError struct {
	StatusCode int
	Code       string // such as "SignatureDoesNotMatch"
	Message    string
}

func (e *UploadError) Error() string {
	return fmt.Sprintf("feeds: upload: status %d: %s %s", e.StatusCode, e.Code, e.Message)
}

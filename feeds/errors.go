package feeds

import "fmt"

// MessageProblem is what is wrong with a message before it is sent.
type MessageProblem struct {
	Index  int // of the message among those given, from 0; errors name the first one "message 1 (index 0)"
	SKU    string
	Reason string
}

// numbered names a message in errors, by its number for people and by its index for programs.
func numbered(index int) string { return fmt.Sprintf("message %d (index %d)", index+1, index) }

// ValidationError is messages that Amazon would refuse. Nothing was sent.
type ValidationError struct {
	Problems []MessageProblem // the first thousand
	Count    int              // of all
}

func (e *ValidationError) Error() string {
	if len(e.Problems) == 0 {
		return "feeds: messages are wrong"
	}
	p := e.Problems[0]
	s := fmt.Sprintf("feeds: %s (sku %q): %s", numbered(p.Index), p.SKU, p.Reason)
	if e.Count > 1 {
		s += fmt.Sprintf("; and %d more are wrong", e.Count-1)
	}
	return s
}

// UploadError is content that the document store did not take.
type UploadError struct {
	StatusCode int
	Code       string // such as "SignatureDoesNotMatch"
	Message    string
}

func (e *UploadError) Error() string {
	return fmt.Sprintf("feeds: upload: status %d: %s %s", e.StatusCode, e.Code, e.Message)
}

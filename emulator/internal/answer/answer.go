// Package answer has what the emulator sends: replies and errors, which every part returns, and the one place that writes them.
package answer

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// Reply is what every part of the emulator returns; only [send] turns one into HTTP.
type Reply struct {
	Status      int
	ContentType string // default application/json
	Header      map[string]string
	Body        any       // nil for none, []byte as it is, anything else as JSON
	Stream      io.Reader // instead of a body, length bytes
	Length      int64
}

// Error is an error of SP-API, sent in its envelope
// {"errors":[{"code":…,"message":…,"details":…}]} (selling-partner-api-models, every model's Error definition).
type Error struct {
	Status  int
	Code    string
	Message *string
	Details *string
	// Kind goes into x-amzn-ErrorType (developer-docs.amazon.com/sp-api/docs/response-format). Seen were AccessDeniedException
	// (selling-partner-api-docs#261), TooManyRequestsException and InvalidQueryStringException; the other names are assumed.
	Kind string
}

func (e *Error) Reply() Reply {
	type entry struct {
		Code    string  `json:"code"`
		Message *string `json:"message"` // null on some (selling-partner-api-models#2091)
		Details *string `json:"details,omitempty"`
	}
	r := Reply{Status: e.Status, Body: map[string]any{"errors": []entry{{e.Code, e.Message, e.Details}}}}
	if e.Kind != "" {
		r.Header = map[string]string{"x-amzn-ErrorType": e.Kind}
	}
	return r
}

// OK is a 200 with a bare body.
func OK(body any) Reply { return Reply{Status: http.StatusOK, Body: body} }

// Payload is a 200 with the body in the older APIs' wrapper.
func Payload(body any) Reply { return OK(format.Record{{"payload", body}}) }

// Denied is how SP-API refuses: 403, whatever the reason, told apart only by details. An empty one stands for a wrong role, region,
// authorization or path (selling-partner-api-models#826, #914).
func Denied(details string) *Error {
	message := "Access to requested resource is denied."
	return &Error{Status: http.StatusForbidden, Code: "Unauthorized", Message: &message, Details: &details, Kind: "AccessDeniedException"}
}

// Invalid is a 400 about the request's parameters.
func Invalid(message, details string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "InvalidInput", Message: &message, Details: &details, Kind: "InvalidInputException"}
}

// InvalidParameter names the parameter the way catalog items 2022-04-01 does ("Invalid 'asin' provided.",
// selling-partner-api-models#3013); details say what would be right.
func InvalidParameter(name, want string) *Error {
	return Invalid("Invalid '"+name+"' provided.", name+": "+want)
}

// NotFound is a 404. Code and wording differ between the APIs.
func NotFound(message string) *Error {
	empty := ""
	return &Error{Status: http.StatusNotFound, Code: "NotFound", Message: &message, Details: &empty, Kind: "ResourceNotFoundException"}
}

// Whole returns r with its body in one piece.
func (r Reply) Whole() Reply {
	if r.Stream == nil {
		return r
	}
	body, err := io.ReadAll(r.Stream)
	if err != nil {
		return APITrouble(TroubleInternal) // the document has expired while it was read
	}
	r.Stream, r.Body = nil, body
	return r
}

// With returns r with one more header.
func (r Reply) With(name, value string) Reply {
	header := map[string]string{name: value}
	for k, v := range r.Header {
		if k != name {
			header[k] = v
		}
	}
	r.Header = header
	return r
}

func HTML(status int, title, text string) Reply {
	return Reply{Status: status, ContentType: "text/html;charset=iso-8859-1", Body: []byte("<!DOCTYPE html>\n<html>\n<head>\n<title>" + title +
		"</title>\n</head>\n<body>\n<p>" + text + "</p>\n</body>\n</html>\n")}
}

func XML(status int, v any) Reply {
	body, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("emulator: XML reply can't be encoded: " + err.Error())
	}
	return Reply{Status: status, ContentType: "text/xml", Body: append(body, '\n')}
}

// Trouble is what can be wrong with a service as a whole.
type Trouble int

const (
	TroubleThrottled Trouble = iota
	TroubleInternal
	TroubleUnavailable
)

// APITrouble is how SP-API says that something is wrong with it.
func APITrouble(t Trouble) Reply {
	switch t {
	case TroubleInternal:
		// selling-partner-api-models#2898, selling-partner-api-docs#163
		message, details := "We encountered an internal error. Please try again.", ""
		return (&Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: &message, Details: &details, Kind: "InternalFailure"}).Reply()
	case TroubleUnavailable:
		message, details := "Service is temporarily unavailable. Please try again.", "" // wording assumed
		return (&Error{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: &message, Details: &details, Kind: "ServiceUnavailableException"}).Reply()
	}
	return Throttled().Reply()
}

func Throttled() *Error {
	message, details := "You exceeded your quota for the requested resource.", ""
	return &Error{Status: http.StatusTooManyRequests, Code: "QuotaExceeded", Message: &message, Details: &details, Kind: "TooManyRequestsException"}
}

// Encode returns the bytes of the body and their type.
func (r *Reply) Encode() ([]byte, string) {
	w := format.NewWriter()
	defer w.Release()
	body, contentType := r.encodeIn(w)
	if _, ready := r.Body.([]byte); !ready {
		body = bytes.Clone(body)
	}
	return body, contentType
}

// encodeIn is encode into the memory of w: the bytes are good until w is released.
func (r *Reply) encodeIn(w *format.Writer) ([]byte, string) {
	contentType := r.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	switch body := r.Body.(type) {
	case nil:
		return nil, ""
	case []byte:
		return body, contentType
	default:
		if err := w.Write(body); err != nil {
			panic("emulator: reply can't be encoded: " + err.Error()) // a handler's mistake, found by its first test
		}
		return w.Bytes(), contentType
	}
}

// Send writes a reply: the only place that sets status and headers.
func Send(w http.ResponseWriter, x *exchange.Exchange, r Reply) {
	text := format.NewWriter()
	defer text.Release()
	body, contentType := r.encodeIn(text)
	h := w.Header()
	// Names are written as [http.CanonicalHeaderKey] spells them, which Set would do anew for each reply.
	values := make([]string, 0, 8) // as many as there may be
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Date", httpDate(x.Now.Add(x.Skew)))
	if x.RequestID != "" {
		set("X-Amzn-Requestid", x.RequestID)
	}
	if x.Trace != "" {
		set("X-Amz-Apigw-Id", x.Trace)
		set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(x.Now.Unix(), 16)+"-"+x.RequestID[:8]+x.RequestID[9:13]+x.RequestID[14:18]+x.RequestID[19:23]+x.RequestID[24:28])
	}
	if x.Operation != "" {
		set("X-Spapi-Emulator-Operation", x.Operation)
	}
	// The header is sent on 20x, 400 and 404, and left out on throttled and unauthenticated replies
	// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
	if x.Rate > 0 && (r.Status/100 == 2 || r.Status == http.StatusBadRequest || r.Status == http.StatusNotFound) {
		set("X-Amzn-Ratelimit-Limit", formatRate(x.Rate))
	}
	for k, v := range r.Header {
		h.Set(k, v)
	}
	if contentType != "" {
		set("Content-Type", contentType)
	}
	if r.Stream != nil {
		h.Set("Content-Type", r.ContentType)
		h.Set("Content-Length", strconv.FormatInt(r.Length, 10))
		w.WriteHeader(r.Status)
		if rec, direct := w.(*exchange.Recorder); direct && x.Method != http.MethodHead {
			rec.Stream, rec.Length = r.Stream, r.Length // read by the client, while it is generated
		} else if x.Method != http.MethodHead {
			_, _ = io.Copy(w, r.Stream) // a client that has gone away needs no answer
		}
		return
	}
	if body != nil || r.Status != http.StatusNoContent {
		set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.Status)
	if x.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone away needs no answer
	}
}

// lastDate is what [httpDate] wrote last: most replies of a second have the same date.
var lastDate atomic.Pointer[dateText]

type dateText struct {
	second int64
	text   string
}

// httpDate is the spelling of times in headers.
func httpDate(t time.Time) string {
	second := t.Unix()
	if last := lastDate.Load(); last != nil && last.second == second {
		return last.text
	}
	text := t.UTC().Format(http.TimeFormat)
	lastDate.Store(&dateText{second, text})
	return text
}

// formatRate writes a rate as Amazon does: "0.0167", "1.0".
func formatRate(rate float64) string {
	s := strconv.FormatFloat(rate, 'f', -1, 64)
	for _, c := range s {
		if c == '.' {
			return s
		}
	}
	return s + ".0"
}

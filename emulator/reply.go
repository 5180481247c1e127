package emulator

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// reply is what every part of the emulator returns; only [send] turns one into HTTP.
type reply struct {
	status      int
	contentType string // default application/json
	header      map[string]string
	body        any       // nil for none, []byte as it is, anything else as JSON
	stream      io.Reader // instead of a body, length bytes
	length      int64
}

type object = format.Object

// apiError is an error of SP-API, sent in its envelope
// {"errors":[{"code":…,"message":…,"details":…}]} (selling-partner-api-models, every model's Error definition).
type apiError struct {
	status  int
	code    string
	message *string
	details *string
	// kind goes into x-amzn-ErrorType (developer-docs.amazon.com/sp-api/docs/response-format). Seen were AccessDeniedException
	// (selling-partner-api-docs#261), TooManyRequestsException and InvalidQueryStringException; the other names are assumed.
	kind string
}

func (e *apiError) reply() reply {
	type entry struct {
		Code    string  `json:"code"`
		Message *string `json:"message"` // null on some (selling-partner-api-models#2091)
		Details *string `json:"details,omitempty"`
	}
	r := reply{status: e.status, body: map[string]any{"errors": []entry{{e.code, e.message, e.details}}}}
	if e.kind != "" {
		r.header = map[string]string{"x-amzn-ErrorType": e.kind}
	}
	return r
}

// ok is a 200 with a bare body.
func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// payload is a 200 with the body in the older APIs' wrapper.
func payload(body any) reply { return ok(format.Record{{"payload", body}}) }

// denied is how SP-API refuses: 403, whatever the reason, told apart only by details. An empty one stands for a wrong role, region,
// authorization or path (selling-partner-api-models#826, #914).
func denied(details string) *apiError {
	message := "Access to requested resource is denied."
	return &apiError{status: http.StatusForbidden, code: "Unauthorized", message: &message, details: &details, kind: "AccessDeniedException"}
}

// invalid is a 400 about the request's parameters.
func invalid(message, details string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "InvalidInput", message: &message, details: &details, kind: "InvalidInputException"}
}

// invalidParameter names the parameter the way catalog items 2022-04-01 does ("Invalid 'asin' provided.",
// selling-partner-api-models#3013); details say what would be right.
func invalidParameter(name, want string) *apiError {
	return invalid("Invalid '"+name+"' provided.", name+": "+want)
}

// notFound is a 404. Code and wording differ between the APIs.
func notFound(message string) *apiError {
	empty := ""
	return &apiError{status: http.StatusNotFound, code: "NotFound", message: &message, details: &empty, kind: "ResourceNotFoundException"}
}

// whole returns r with its body in one piece.
func (r reply) whole() reply {
	if r.stream == nil {
		return r
	}
	body, err := io.ReadAll(r.stream)
	if err != nil {
		panic("emulator: document can't be generated: " + err.Error()) // it comes from memory
	}
	r.stream, r.body = nil, body
	return r
}

// with returns r with one more header.
func (r reply) with(name, value string) reply {
	header := map[string]string{name: value}
	for k, v := range r.header {
		if k != name {
			header[k] = v
		}
	}
	r.header = header
	return r
}

func htmlReply(status int, title, text string) reply {
	return reply{status: status, contentType: "text/html;charset=iso-8859-1", body: []byte("<!DOCTYPE html>\n<html>\n<head>\n<title>" + title +
		"</title>\n</head>\n<body>\n<p>" + text + "</p>\n</body>\n</html>\n")}
}

func xmlReply(status int, v any) reply {
	body, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("emulator: XML reply can't be encoded: " + err.Error())
	}
	return reply{status: status, contentType: "text/xml", body: append(body, '\n')}
}

// trouble is what can be wrong with a service as a whole.
type trouble int

const (
	troubleThrottled trouble = iota
	troubleInternal
	troubleUnavailable
)

// apiTrouble is how SP-API says that something is wrong with it.
func apiTrouble(t trouble) reply {
	switch t {
	case troubleInternal:
		// selling-partner-api-models#2898, selling-partner-api-docs#163
		message, details := "We encountered an internal error. Please try again.", ""
		return (&apiError{status: http.StatusInternalServerError, code: "InternalFailure", message: &message, details: &details, kind: "InternalFailure"}).reply()
	case troubleUnavailable:
		message, details := "Service is temporarily unavailable. Please try again.", "" // wording assumed
		return (&apiError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: &message, details: &details, kind: "ServiceUnavailableException"}).reply()
	}
	return throttled().reply()
}

func throttled() *apiError {
	message, details := "You exceeded your quota for the requested resource.", ""
	return &apiError{status: http.StatusTooManyRequests, code: "QuotaExceeded", message: &message, details: &details, kind: "TooManyRequestsException"}
}

// encode returns the bytes of the body and their type.
func (r *reply) encode() ([]byte, string) {
	w := format.NewWriter()
	defer w.Release()
	body, contentType := r.encodeIn(w)
	if _, ready := r.body.([]byte); !ready {
		body = bytes.Clone(body)
	}
	return body, contentType
}

// encodeIn is encode into the memory of w: the bytes are good until w is released.
func (r *reply) encodeIn(w *format.Writer) ([]byte, string) {
	contentType := r.contentType
	if contentType == "" {
		contentType = "application/json"
	}
	switch body := r.body.(type) {
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

// send writes a reply: the only place that sets status and headers.
func send(w http.ResponseWriter, x *exchange, r reply) {
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
	set("Date", httpDate(x.now.Add(x.skew)))
	if x.requestID != "" {
		set("X-Amzn-Requestid", x.requestID)
	}
	if x.trace != "" {
		set("X-Amz-Apigw-Id", x.trace)
		set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(x.now.Unix(), 16)+"-"+x.requestID[:8]+x.requestID[9:13]+x.requestID[14:18]+x.requestID[19:23]+x.requestID[24:28])
	}
	if x.operation != "" {
		set("X-Spapi-Emulator-Operation", x.operation)
	}
	// The header is sent on 20x, 400 and 404, and left out on throttled and unauthenticated replies
	// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
	if x.rate > 0 && (r.status/100 == 2 || r.status == http.StatusBadRequest || r.status == http.StatusNotFound) {
		set("X-Amzn-Ratelimit-Limit", formatRate(x.rate))
	}
	for k, v := range r.header {
		h.Set(k, v)
	}
	if contentType != "" {
		set("Content-Type", contentType)
	}
	if r.stream != nil {
		h.Set("Content-Type", r.contentType)
		h.Set("Content-Length", strconv.FormatInt(r.length, 10))
		w.WriteHeader(r.status)
		if rec, direct := w.(*recorder); direct && x.method != http.MethodHead {
			rec.stream, rec.length = r.stream, r.length // read by the client, while it is generated
		} else if x.method != http.MethodHead {
			_, _ = io.Copy(w, r.stream) // a client that has gone away needs no answer
		}
		return
	}
	if body != nil || r.status != http.StatusNoContent {
		set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	if x.method != http.MethodHead {
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

package emulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// reply is what every part of the emulator returns; only [Emulator.send] turns one into HTTP.
type reply struct {
	status      int
	contentType string // default application/json
	header      map[string]string
	body        any       // nil for none, []byte as it is, anything else as JSON
	stream      io.Reader // instead of a body, length bytes
	length      int64
}

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
func payload(body any) reply { return ok(object{"payload": body}) }

// object is a JSON object under construction. encoding/json writes its keys sorted: the same content gives the same bytes.
type object map[string]any

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

// encode returns the bytes of the body and their type.
func (r *reply) encode() ([]byte, string) {
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
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(body); err != nil {
			panic("emulator: reply can't be encoded: " + err.Error()) // a handler's mistake, found by its first test
		}
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), contentType
	}
}

// send writes a reply: the only place that sets status and headers.
func send(w http.ResponseWriter, x *exchange, r reply) {
	body, contentType := r.encode()
	h := w.Header()
	h.Set("Date", x.now.Add(x.skew).UTC().Format(http.TimeFormat))
	if x.requestID != "" {
		h.Set("x-amzn-RequestId", x.requestID)
	}
	if x.trace != "" {
		h.Set("x-amz-apigw-id", x.trace)
		h.Set("X-Amzn-Trace-Id", "Root=1-"+strconv.FormatInt(x.now.Unix(), 16)+"-"+x.requestID[:8]+x.requestID[9:13]+x.requestID[14:18]+x.requestID[19:23]+x.requestID[24:28])
	}
	if x.operation != "" {
		h.Set("X-Spapi-Emulator-Operation", x.operation)
	}
	// The header is sent on 20x, 400 and 404, and left out on throttled and unauthenticated replies
	// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
	if x.rate > 0 && (r.status/100 == 2 || r.status == http.StatusBadRequest || r.status == http.StatusNotFound) {
		h.Set("x-amzn-RateLimit-Limit", formatRate(x.rate))
	}
	for k, v := range r.header {
		h.Set(k, v)
	}
	if contentType != "" {
		h.Set("Content-Type", contentType)
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
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	if x.method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone away needs no answer
	}
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

// timestamp is the spelling of times in SP-API bodies, to the second.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

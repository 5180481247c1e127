// Package answer has what the emulator sends: replies and errors, which every part returns, and the one place that writes them.
package answer

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// Reply is what every part of the emulator returns; only [Send] turns one into HTTP.
type Reply struct {
	Status      int
	ContentType string // default application/json
	Header      map[string]string
	Body        any       // nil for none, []byte as it is, anything else as JSON
	Stream      io.Reader // instead of a body, length bytes
	Length      int64
	Reason      string // which check refused the request and why; Amazon keeps that to itself, the emulator tells it in its log and its own header

	overLines bool // the body is JSON with a line for each member, indented by two blanks, without an end of line after the last
}

// Error is an error of SP-API, sent in its envelope
// {"errors":[{"code":…,"message":…,"details":…}]} (selling-partner-api-models, every model's Error definition).
type Error struct {
	Status  int
	Code    string
	Message *string
	Details *string
	// MessageFirst is for services that write the message before the code.
	MessageFirst bool
	// Also are more errors of the same list.
	Also []*Error
	// Problems are what is wrong with the request's parameters and body; whoever knows the operation puts them into its words.
	Problems []Problem
	// Reason is [Reply.Reason]; by default what the error says anyway.
	Reason string
	// gateway is what the gateway calls a request that it refuses itself, in x-amzn-ErrorType. Answers of the services behind it have no such
	// header: a 404 of getReport (lineofflight/peddler, NotFoundTest, October 2024), one of getListingsItem (selling-partner-api-models#4283), a
	// 400 of getOrders (amzapi/selling-partner-api-sdk#17), one of createRestrictedDataToken (selling-partner-api-docs#702).
	gateway string
}

// Problem is what is wrong with one parameter of a request, or one member of its body.
type Problem struct {
	Name    string // "marketplaceIds", "patches[0].op"
	Want    string // what is wrong with it, or what would be right
	Missing bool
	Member  bool // of the body
}

// Because returns e with its reason.
func (e *Error) Because(reason string) *Error {
	because := *e
	because.Reason = reason
	return &because
}

// ByGateway returns e as the gateway's own, by the name that it has there.
func (e *Error) ByGateway(kind string) *Error {
	own := *e
	own.gateway = kind
	return &own
}

// Detailed returns e with details.
func (e *Error) Detailed(details string) *Error {
	detailed := *e
	detailed.Details = &details
	return &detailed
}

// Because returns r with its reason.
func (r Reply) Because(reason string) Reply {
	r.Reason = reason
	return r
}

// reason is why the request was refused.
func (e *Error) reason() string {
	if e.Reason != "" {
		return e.Reason
	}
	said := []string{e.Code}
	for _, text := range []*string{e.Message, e.Details} {
		if text != nil && *text != "" {
			said = append(said, *text)
		}
	}
	return strings.Join(said, ": ")
}

// Reply is the error as it is sent: over lines, as Amazon writes errors (mehmetkerim00/repracer,
// docs/evidence/step70-amazon-sandbox-exchanges.json, October 2026; lineofflight/peddler, test/vcr_cassettes, 2025).
func (e *Error) Reply() Reply {
	list := []format.Record{e.members()}
	for _, also := range e.Also {
		list = append(list, also.members())
	}
	r := Reply{Status: e.Status, Body: map[string]any{"errors": list}, overLines: true, Reason: e.reason()}
	if e.gateway != "" {
		r.Header = map[string]string{errorType: e.gateway}
	}
	return r
}

// members are those of the error in a list, in the service's order.
func (e *Error) members() format.Record {
	members := format.Record{{"code", e.Code}, {"message", e.Message}} // the message is null on some (selling-partner-api-models#2091)
	if e.MessageFirst {
		members[0], members[1] = members[1], members[0]
	}
	if e.Details != nil {
		members = append(members, [2]any{"details", *e.Details})
	}
	return members
}

// accessDenied is the gateway's name of all that it answers with 403 (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs, September 2025).
const accessDenied = "AccessDeniedException"

// errorType names an error of the gateway and of Login with Amazon.
const errorType = "x-amzn-ErrorType"

// OK is a 200 with a bare body.
func OK(body any) Reply { return Reply{Status: http.StatusOK, Body: body} }

// Payload is a 200 with the body in the older APIs' wrapper.
func Payload(body any) Reply { return OK(format.Record{{"payload", body}}) }

// Denied is how SP-API refuses: 403, whatever the reason, told apart only by details. An empty one stands for a wrong role, region,
// authorization or path (selling-partner-api-models#826, #914).
func Denied(details string) *Error {
	return Plain(http.StatusForbidden, "Unauthorized", "Access to requested resource is denied.").Detailed(details).ByGateway(accessDenied)
}

// Unsigned is how the gateway refused a request whose signature was no good, while it looked at signatures
// (selling-partner-api-docs#116, selling-partner-api-models#1101).
func Unsigned(code, message string) *Error {
	return &Error{Status: http.StatusForbidden, Code: code, Message: &message, MessageFirst: true, gateway: accessDenied}
}

// Invalid is a 400 about the request's parameters. Its details are empty, as Amazon's are nearly always; reason says more, "" for none, to whoever runs
// the emulator.
func Invalid(message, reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "InvalidInput", Message: &message, Details: new(string), Reason: reason}
}

// Unparsable is what listings and catalog items answer to requests that they can't make sense of (selling-partner-api-models#2735).
const Unparsable = "Request has missing or invalid parameters and cannot be parsed."

// InvalidParameter is a 400 about one parameter or member of the body; want is what is wrong with it, or what would be right.
func InvalidParameter(name, want string) *Error { return Wrong(Problem{Name: name, Want: want}) }

// MissingParameter is a 400 about a parameter or member that is not there; want says when it is required.
func MissingParameter(name, want string) *Error {
	return Wrong(Problem{Name: name, Want: want, Missing: true})
}

// MissingMember is a 400 about a member of the body that is not there.
func MissingMember(name, want string) *Error {
	return Wrong(Problem{Name: name, Want: want, Missing: true, Member: true})
}

// Wrong is a 400 about parameters and members of the body, one at the least. The message is as catalog items has it for the first of them ("Invalid 'asin'
// provided.", selling-partner-api-models#3013); it gives way to the words of the operation where they are known.
func Wrong(problems ...Problem) *Error {
	reasons := make([]string, len(problems))
	for i, p := range problems {
		reasons[i] = p.Name + ": " + p.Want
	}
	e := Invalid("Invalid '"+problems[0].Name+"' provided.", strings.Join(reasons, "; "))
	e.Problems = problems
	return e
}

// Plain is an error without details, as some services have it.
func Plain(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: &message}
}

// NotFound is a 404 with empty details. Code and wording differ between the APIs.
func NotFound(message string) *Error { return Absent("NotFound", message).Detailed("") }

// Absent is a 404 without details: of reports (lineofflight/peddler, test/vcr_cassettes/Peddler/Error/NotFoundTest, October 2024), listings
// (selling-partner-api-models#4283) and catalog items (jlevers/selling-partner-api#451).
func Absent(code, message string) *Error { return Plain(http.StatusNotFound, code, message) }

// Framed returns r with its JSON between two texts.
func (r Reply) Framed(before, behind string) Reply {
	body, contentType := r.Encode()
	r.Body, r.ContentType = append(append([]byte(before), body...), behind...), contentType
	return r
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
		return Internal().Reply()
	case TroubleUnavailable:
		// The wording is assumed.
		return Plain(http.StatusServiceUnavailable, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.").Detailed("").Reply()
	}
	return Throttled().Reply()
}

// Internal is a 500: selling-partner-api-models#5230 (May 2026), selling-partner-api-docs#1884 (2022). In between one came without details
// (selling-partner-api-models#2684, 2023), and before that with the message first (jlevers/selling-partner-api#72, 2021).
func Internal() *Error {
	return Plain(http.StatusInternalServerError, "InternalFailure", "We encountered an internal error. Please try again.").Detailed("")
}

func Throttled() *Error {
	return Plain(http.StatusTooManyRequests, "QuotaExceeded", "You exceeded your quota for the requested resource.").Detailed("").
		ByGateway("TooManyRequestsException")
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

// encodeIn is Encode into the memory of w: the bytes are good until w is released.
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
		if !r.overLines {
			return w.Bytes(), contentType
		}
		var lines bytes.Buffer
		if err := json.Indent(&lines, w.Bytes(), "", "  "); err != nil {
			panic("emulator: reply can't be indented: " + err.Error()) // it has just been encoded
		}
		return lines.Bytes(), contentType
	}
}

// Send writes a reply: the only place that sets status and headers.
func Send(w http.ResponseWriter, x *exchange.Exchange, r Reply) {
	text := format.NewWriter()
	defer text.Release()
	body, contentType := r.encodeIn(text)
	h := w.Header()
	// Names are written as [http.CanonicalHeaderKey] spells them, which Set would do anew for each reply.
	values := make([]string, 0, 20) // as many as there may be
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	date := httpDate(x.Now.Add(x.Skew))
	set("Date", date)
	size := len(body)
	if zipped := compress(x, &r, body); zipped != nil {
		body = zipped
		set("Content-Encoding", "gzip")
	}
	front(set, x, r.Status, size, date)
	if contentType == "" && r.Status == http.StatusNoContent && x.Front >= exchange.Gateway {
		contentType = "application/json" // lineofflight/peddler, test/vcr_cassettes/Peddler/APIs, eight of them, September 2025
	}
	if x.Operation != "" {
		set("X-Spapi-Emulator-Operation", x.Operation)
	}
	// The header is sent on 20x, 400 and 404, and left out on throttled and unauthenticated replies
	// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
	if x.Rate > 0 && (r.Status/100 == 2 || r.Status == http.StatusBadRequest || r.Status == http.StatusNotFound) {
		set("X-Amzn-Ratelimit-Limit", format.Double(x.Rate).String())
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
	if (body != nil || r.Status != http.StatusNoContent) && size == len(body) {
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

package spapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// APIError is an error that SP-API answered with. Code spellings vary between APIs ("InvalidInput", "BAD_REQUEST", "400"):
// decide by StatusCode first.
type APIError struct {
	Operation  string // "ordersv0.getOrders"
	StatusCode int    // may be 2xx: a success status whose body holds nothing but errors
	Code       string // of the first error, such as "InvalidInput"; "" where the body has none
	Message    string // of the first error; the start of the body where it holds no error list
	Details    string // of the first error
	RequestID  string // x-amzn-RequestId, which Amazon's support asks for
	Errors     []ErrorItem
	Header     http.Header

	// RetryAfter is for how long the answer asks not to be asked again, if that is longer than [RetryPolicy].MaxRetryAfter, which ended the
	// call. 0: it doesn't, or not that long.
	RetryAfter time.Duration

	facts errorFacts
}

// errorFacts is what Explain knows beyond the answer.
type errorFacts struct {
	op         *Operation
	region     string
	sandbox    bool
	signed     bool
	restricted bool // the call went with a restricted token
	ownToken   bool // the caller brought the token
	grantless  bool
	scope      string // of a grantless token
	repeatable bool   // may be repeated though it may have been carried out
	html       bool
	foreign    bool // the body is none that SP-API writes: something on the way answered, or a host that isn't SP-API's
	cut        bool // the body broke off
	empty      bool
	skew       time.Duration // this machine's clock minus Amazon's
	rate       float64
	attempts   int
	base       string
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "spapi: %s: %d", e.Operation, e.StatusCode)
	if code := cmp.Or(e.Code, errorType(e.Header)); code != "" {
		b.WriteString(" " + oneLine(code))
	}
	if e.Message != "" {
		b.WriteString(": " + oneLine(e.Message))
	}
	if e.Details != "" && e.Details != e.Message {
		b.WriteString(" (" + oneLine(e.Details) + ")")
	}
	if n := len(e.Errors); n > 1 {
		fmt.Fprintf(&b, " and %d more", n-1)
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String()
}

// errorType is what the gateway calls an error that it answers itself, such as "AccessDeniedException", for the eyes of people. Nothing is decided by
// it: what the services behind it answer carries none (recorded in lineofflight/peddler, test/vcr_cassettes, 2024 and 2025).
func errorType(h http.Header) string {
	name, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":") // "TooManyRequestsException:http://internal.amazon.com/coral/…"
	return scrub(name)
}

// oneLine makes foreign text fit for an error message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// IsThrottled reports whether err is a call that Amazon refused because of a rate limit (429), or that was
// not sent because it would have had to wait too long ([LimitError]).
func IsThrottled(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit) || hasStatus(err, http.StatusTooManyRequests)
}

// IsNotFound reports whether err is a 404 by which the API says that there is no such resource. One with a body that isn't the API's, such as a page, says that
// the path is unknown where it was asked, and nothing about the resource.
func IsNotFound(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.StatusCode == http.StatusNotFound && !api.facts.foreign && !api.facts.cut
}

// IsForbidden reports whether err is a 403 of the API; [APIError.Explain] tells which of the many.
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

func hasStatus(err error, status int) bool {
	var api *APIError
	return errors.As(err, &api) && api.StatusCode == status
}

// apiError reads an error answer. The body has been scrubbed where Amazon echoes credentials, the text is scrubbed once more, and the header is
// here: the error carries it along.
func (c *Client) apiError(call *call, resp *http.Response, body []byte, whole bool) *APIError {
	for _, values := range resp.Header {
		for i, value := range values {
			values[i] = scrub(value)
		}
	}
	e := &APIError{
		Operation: call.op.ID, StatusCode: resp.StatusCode, RequestID: requestID(resp.Header), Header: resp.Header,
		facts: errorFacts{
			op: call.op, region: string(c.region), sandbox: c.auth.Sandbox, signed: c.app.config.signer != nil,
			ownToken: !call.token.IsZero(), grantless: call.scope() != "" && call.token.IsZero(), scope: call.scope(),
			html: looksLikeHTML(body), cut: !whole, empty: len(strings.TrimSpace(string(body))) == 0,
			skew: clockSkew(resp.Header), rate: call.rate, attempts: call.attempts, base: c.base.String(),
		},
	}
	e.facts.restricted, _ = c.needsRestricted(call)
	e.facts.repeatable = call.repeatable
	e.RetryAfter = c.app.beyondPatience(resp.StatusCode, resp.Header)
	if !e.facts.html {
		e.Errors, _ = wire.DecodeErrors(body)
	}
	e.facts.cut = e.facts.cut || strings.HasPrefix(strings.TrimSpace(string(body)), "{") && !json.Valid(body)
	e.facts.foreign = !e.facts.empty && !e.facts.cut && foreign(body)
	for i := range e.Errors {
		item := &e.Errors[i]
		item.Code, item.Message, item.Details = scrub(item.Code), scrub(item.Message), scrub(item.Details)
	}
	if len(e.Errors) > 0 {
		e.Code, e.Message, e.Details = e.Errors[0].Code, e.Errors[0].Message, e.Errors[0].Details
	}
	if e.Message == "" {
		switch {
		case e.facts.html:
			e.Message = "an HTML page: " + scrub(pageText(body))
		case len(e.Errors) == 0 && !e.facts.empty:
			e.Message = "not an error list: " + scrub(oneLine(string(body[:min(len(body), 1000)])))
		case e.facts.empty:
			e.Message = cmp.Or(http.StatusText(resp.StatusCode), "no text") + ", without a body"
		}
	}
	return e
}

// foreign tells whether an error's body is none that SP-API writes: no JSON, or a bare message, as gateways write it.
func foreign(body []byte) bool {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return true
	}
	o, ok := v.(map[string]any)
	if !ok || len(o) != 1 {
		return false
	}
	for name := range o {
		return strings.EqualFold(name, "message")
	}
	return false
}

// pageText is what a person would read of a short HTML page.
func pageText(body []byte) string {
	var b strings.Builder
	inTag := false
	for _, r := range strings.ToValidUTF8(string(body[:min(len(body), 4096)]), "") {
		switch {
		case r == '<':
			inTag = true
			b.WriteByte(' ')
		case r == '>':
			inTag = false
		case !inTag:
			b.WriteRune(r)
		}
	}
	return oneLine(b.String())
}

// clockSkew compares this machine's clock with the answer's Date; 0 where that is unknown or within what a second's resolution
// and the time on the way can make.
func clockSkew(h http.Header) time.Duration {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	skew := time.Since(at)
	if skew.Abs() < 30*time.Second {
		return 0
	}
	return skew.Round(time.Second)
}

// AuthError is a token that could not be had from Login with Amazon.
type AuthError struct {
	Grant       string // "refresh_token", "client_credentials" or "authorization_code"
	StatusCode  int    // 0 if there was no answer
	Code        string // such as "invalid_grant"; "" if the answer held none
	Description string
	RequestID   string
	Err         error // the cause where it isn't Amazon's answer: transport errors, unreadable answers

	RetryAfter time.Duration // as that of an [APIError]

	host string // that was asked, if it isn't Amazon's
	skew time.Duration
}

func (e *AuthError) Error() string {
	var b strings.Builder
	b.WriteString("spapi: " + e.server() + ": " + e.Grant)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": %d", e.StatusCode)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Description != "" {
		b.WriteString(": " + oneLine(e.Description))
	}
	if e.Err != nil {
		b.WriteString(": " + oneLine(scrub(e.Err.Error())))
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String()
}

// server is who was asked.
func (e *AuthError) server() string {
	if e.host != "" {
		return "token URL's host " + e.host
	}
	return "Login with Amazon"
}

// Unwrap returns the cause.
func (e *AuthError) Unwrap() error { return e.Err }

// temporary reports whether asking again may help.
func (e *AuthError) temporary() bool {
	switch e.Code {
	case "server_error", "temporarily_unavailable":
		return true
	case "":
	default:
		return e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500
	}
	if e.StatusCode == 0 {
		return !(&networkError{e.Err}).permanent()
	}
	return e.StatusCode == http.StatusTooManyRequests || e.StatusCode == http.StatusRequestTimeout || e.StatusCode >= 500 || e.StatusCode/100 == 2
}

// DecodeError is a success that cannot be read: not JSON, cut short, empty, larger than allowed, or with none of what the operation declares. Where
// the operation may be repeated, a body that was empty or cut short has been asked for again, as often as [RetryPolicy] allows. Where it may not,
// it is unknown what has been carried out: see [DecodeError.Repeatable].
type DecodeError struct {
	Operation   string
	StatusCode  int
	ContentType string
	RequestID   string
	Reason      string

	// Snippet shows what came, without credentials: the first 100 bytes of what is no JSON from the first byte on, or an outline of JSON that is not the
	// operation's, such as {"message":"Endpoint request timed out"} or {"orders":[{"id":…},…]}. Results are never shown.
	Snippet string
	Err     error

	// Repeatable tells that the call may be made again although it may have been carried out: it only reads, or Amazon recognises the repeat.
	Repeatable bool

	empty, html, tooLarge, brokeOff, foreign bool
}

func (e *DecodeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "spapi: %s: %d, but %s", e.Operation, e.StatusCode, e.Reason)
	if e.Err != nil && !e.tooLarge {
		b.WriteString(": " + oneLine(scrub(e.Err.Error())))
	}
	switch {
	case e.Snippet == "":
	case e.foreign:
		b.WriteString(": " + e.Snippet)
	default:
		fmt.Fprintf(&b, ", it starts with %q", e.Snippet)
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String()
}

// Unwrap returns the cause, such as io.ErrUnexpectedEOF for a body that was cut short.
func (e *DecodeError) Unwrap() error { return e.Err }

func (c *call) decodeError(resp *http.Response, body []byte, reason string, err error) *DecodeError {
	e := &DecodeError{Operation: c.op.ID, StatusCode: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"),
		RequestID: requestID(resp.Header), Reason: reason, Err: err, Repeatable: c.repeatable,
		empty: err == nil && isBlank(body), html: looksLikeHTML(body), tooLarge: errors.Is(err, errTooLarge)}
	// A good start of a body is personal data; what is no JSON from the first byte on is a page or a notice.
	if head := strings.TrimSpace(string(body[:min(len(body), 100)])); head != "" && head[0] != '{' && head[0] != '[' && !e.tooLarge {
		e.Snippet = scrub(strings.ToValidUTF8(oneLine(head), ""))
	}
	return e
}

// foreign is the error of JSON that isn't the operation's.
func (c *call) foreign(resp *http.Response, body []byte, outline string) *DecodeError {
	e := c.decodeError(resp, body, "the body holds none of what the operation declares", nil)
	e.foreign, e.Snippet = true, scrub(outline)
	return e
}

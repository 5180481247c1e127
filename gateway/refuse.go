package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

// refusal is an answer that the gateway gives itself, in Amazon's form or as a problem (RFC 9457).
type refusal struct {
	Status                 int
	Code, Message, Details string
	RetryAfter             time.Duration // 0: no header
	why                    string        // one word, for audit and metrics

	errors  []spapi.ErrorItem // Amazon's, where it is an answer of its; else nil
	explain string            // what it most likely means and what to do, by the SDK; "" without it
	outcome string            // of a call that may have been carried out: outcomeUnknown or outcomeRepeatable
}

const (
	outcomeUnknown    = "unknown"    // look before sending it again
	outcomeRepeatable = "repeatable" // sending it again does no harm
)

// problemTypes is what the type of a problem begins with; the word that follows is the heading of docs/gateway.md that tells more.
const problemTypes = "https://github.com/openspapi/spapi/blob/main/docs/gateway.md#"

const problemMedia = "application/problem+json"

// refuse answers with a refusal.
func (x *exchange) refuse(no *refusal) {
	x.record.Refused, x.record.Status = no.why, no.Status
	h := x.w.Header()
	h.Set("X-Spapi-Error", no.why)
	if no.RetryAfter > 0 {
		h.Set("Retry-After", retryAfter(no.RetryAfter))
	}
	if no.outcome != "" {
		h.Set("X-Spapi-Outcome", no.outcome)
	}
	if no.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if no.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", strings.Join(methods, ", "))
	}
	x.tellPace(h)
	items := no.errors
	if len(items) == 0 {
		items = []spapi.ErrorItem{{Code: no.Code, Message: no.Message, Details: no.Details}}
	}
	var text []byte
	if x.problems || prefersProblem(x.r.Header["Accept"]) {
		h.Set("Content-Type", problemMedia)
		text = encodeLine(problem{Type: problemTypes + no.why, Title: no.Message, Status: no.Status, Detail: no.Details, Explain: no.explain,
			RequestID: x.response.RequestID, Errors: wireErrors(items)})
	} else {
		h.Set("Content-Type", "application/json")
		if len(no.errors) == 0 && no.explain != "" {
			items[0].Details = no.explain
		}
		text = encodeLine(amazonErrors{wireErrors(items)})
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Del("Trailer")
	x.limitWrite()
	x.w.WriteHeader(no.Status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(text)
	}
}

// problem is a refusal as RFC 9457 has it.
type problem struct {
	Type      string      `json:"type"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail,omitempty"`
	Explain   string      `json:"explain,omitempty"`
	RequestID string      `json:"requestId,omitempty"` // Amazon's
	Errors    []wireError `json:"errors"`
}

// amazonErrors is a refusal as Amazon has it.
type amazonErrors struct {
	Errors []wireError `json:"errors"`
}

type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details"`
}

func wireErrors(items []spapi.ErrorItem) []wireError {
	all := make([]wireError, len(items))
	for i, item := range items {
		all[i] = wireError{item.Code, item.Message, item.Details}
	}
	return all
}

func encodeLine(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	return append(text, '\n')
}

// prefersProblem tells whether a client asks for problems by name, and for plain JSON not more than that (RFC 9110 12.5.1). */* is no wish for them: clients of SP-API send it.
func prefersProblem(accept []string) bool {
	if len(accept) == 0 {
		return false
	}
	problem, plain := 0.0, 0.0
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			media, parameters, _ := strings.Cut(part, ";")
			q := quality(parameters)
			switch strings.ToLower(strings.TrimSpace(media)) {
			case problemMedia:
				problem = max(problem, q)
			case "application/json":
				plain = max(plain, q)
			}
		}
	}
	return problem > 0 && problem >= plain
}

// quality reads the q of a media range; 1 without one, 0 for what is none.
func quality(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, found := strings.Cut(strings.TrimSpace(p), "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}

// refusalOf is the one table of what becomes of an error of the chain.
func (x *exchange) refusalOf(err error) *refusal {
	if failed := x.body.err(); failed != nil {
		return x.bodyRefusal(failed)
	}
	no := x.tell(err)
	if unknown, ok := errors.AsType[*spapi.OutcomeUnknownError](err); ok {
		no.outcome, no.explain = outcomeUnknown, unknown.Explain()
		if unknown.Repeatable {
			no.outcome = outcomeRepeatable
		}
	}
	return no
}

func (x *exchange) tell(err error) *refusal {
	if e, ok := errors.AsType[*spapi.LimitError](err); ok {
		return x.tellLimit(e)
	}
	if e, ok := errors.AsType[*spapi.AuthError](err); ok {
		return tellLogin(e)
	}
	if e, ok := errors.AsType[*spapi.APIError](err); ok {
		no := &refusal{Status: e.StatusCode, Code: e.Code, Message: e.Message, Details: e.Details, explain: e.Explain(), RetryAfter: e.RetryAfter, errors: e.Errors, why: "amazon"}
		if e.StatusCode/100 == 2 || e.StatusCode/100 == 3 || e.StatusCode/100 == 1 {
			no.Status = http.StatusBadGateway
		}
		if e.StatusCode == http.StatusTooManyRequests {
			no.Status, no.RetryAfter = x.throttled(e.Header)
		}
		return no
	}
	if e, ok := errors.AsType[*spapi.ConfigError](err); ok {
		no := &refusal{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "The gateway's settings for this account can't work", Details: e.Error(), explain: e.Explain(), why: "settings"}
		switch e.Code {
		case spapi.CodeRestrictedDataNone, spapi.CodeRestrictedDataUnknown, spapi.CodeTokenInvalid, spapi.CodeInputInvalid:
			no.Status, no.Code, no.Message, no.why = http.StatusBadRequest, "InvalidInput", e.Error(), "input"
		}
		return no
	}
	if e, ok := errors.AsType[*spapi.DecodeError](err); ok {
		return &refusal{Status: http.StatusBadGateway, Code: "InternalFailure", Message: e.Error(), explain: e.Explain(), why: "answer"}
	}
	if e, ok := errors.AsType[*spapi.TimeoutError](err); ok {
		return &refusal{Status: http.StatusGatewayTimeout, Code: "InternalFailure", Message: "Amazon: " + e.Error(), explain: e.Explain(), why: "timeout"}
	}
	if e, ok := errors.AsType[*rewriteError](err); ok {
		return &refusal{Status: http.StatusBadGateway, Code: "InternalFailure", Message: "Amazon's answer can't be passed on", Details: e.Error(), why: "answer"}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &refusal{Status: http.StatusGatewayTimeout, Code: "RequestTimeout", why: "deadline",
			Message: "The call was not done in its time",
			Details: "Give it more time by " + headerTimeout + ", as far as the gateway's setting max_wait allows."}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{Status: http.StatusGatewayTimeout, Code: "InternalFailure", Message: "Amazon did not answer in time", why: "timeout"}
	}
	return &refusal{Status: http.StatusBadGateway, Code: "InternalFailure", Message: "Amazon could not be reached, or the connection broke", Details: err.Error(), why: "network"}
}

// tellLimit is for a call that a limit has stopped before it was sent, or sent again.
func (x *exchange) tellLimit(e *spapi.LimitError) *refusal {
	x.unsent = 1
	no := &refusal{Status: http.StatusTooManyRequests, Code: "QuotaExceeded", RetryAfter: max(e.Wait, leastRetryAfter), why: "limit",
		Message: fmt.Sprintf("%s: %s makes the call wait %s", e.Operation, e.Limit(), e.Wait.Round(time.Millisecond))}
	no.Details = "Nothing was sent. "
	if e.Retry {
		no.Details = "It was sent before, throttled or failed, and was not repeated. "
	}
	if !e.Deadline {
		no.Message += ", and " + headerFailFast + " allows " + e.Max.Round(time.Millisecond).String()
		no.Details += "Try again after that time, or leave " + headerFailFast + " out: the gateway waits."
		return no
	}
	no.Status, no.Code, no.why = http.StatusGatewayTimeout, "RequestTimeout", "limit-deadline"
	no.Message += ", and its time leaves " + max(e.Max, 0).Round(time.Millisecond).String()
	no.Details += "Give it more time by " + headerTimeout + ", as far as the gateway's setting max_wait allows, or call less often."
	return no
}

// tellLogin is for a token that can't be had. What the account's owner has to mend is a 403, as Amazon answers for a token that it takes no more; what
// passes is a 503; the rest is for who runs the gateway.
func tellLogin(e *spapi.AuthError) *refusal {
	no := &refusal{Status: http.StatusBadGateway, Code: "InternalFailure", Message: "The gateway gets no token from Login with Amazon", Details: e.Error(), explain: e.Explain(), why: "login"}
	switch {
	case e.Code == "invalid_grant", e.Code == "access_denied":
		no.Status, no.Code, no.why = http.StatusForbidden, "Unauthorized", "authorization"
		no.Message = "The seller's authorization is not valid any more"
	case e.StatusCode == 0, e.StatusCode == http.StatusTooManyRequests, e.StatusCode >= 500, e.Code == "server_error", e.Code == "temporarily_unavailable":
		no.Status, no.Code, no.why, no.RetryAfter = http.StatusServiceUnavailable, "ServiceUnavailable", "login-down", max(e.RetryAfter, 5*time.Second)
	}
	return no
}

// throttled is what Amazon's 429 becomes: that alone for callers that fail fast. For others the gateway has waited as long as it might, and says that it can't serve now.
func (x *exchange) throttled(h http.Header) (status int, after time.Duration) {
	after = max(x.next(), leastRetryAfter)
	if asked, err := strconv.Atoi(h.Get("Retry-After")); err == nil && asked > 0 && asked <= 24*60*60 {
		after = max(after, time.Duration(asked)*time.Second)
	}
	if x.paced.failFast {
		return http.StatusTooManyRequests, after
	}
	return http.StatusServiceUnavailable, after
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

var _ http.Handler = (*Gateway)(nil)

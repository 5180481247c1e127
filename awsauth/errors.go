package awsauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Reason is the kind of an [Error]. Later versions may add kinds.
type Reason string

const (
	// NoCredentials: no base credentials were found, or they cannot be read.
	NoCredentials Reason = "no AWS credentials"
	// InvalidCredentials: AWS does not know the access key, or the secret does not belong to it.
	InvalidCredentials Reason = "invalid AWS credentials"
	// ExpiredCredentials: the base credentials are themselves temporary and over.
	ExpiredCredentials Reason = "expired AWS credentials"
	// AccessDenied: AWS knows the caller and does not let it assume the role.
	AccessDenied Reason = "access to the role denied"
	// ClockSkew: this computer's clock is too far from AWS's.
	ClockSkew Reason = "clock skew"
	// InvalidRequest: AWS refuses the role, session name, duration or external id as such.
	InvalidRequest Reason = "invalid request"
	// Unavailable: STS was not reached, or answered with something else than an answer.
	Unavailable Reason = "security token service unavailable"
)

// Error is a failure to get AWS credentials to sign with.
type Error struct {
	Reason    Reason
	Op        string // what was tried, such as "assume role arn:aws:iam::123456789012:role/SellingPartner"
	Code      string // AWS's error code, such as "AccessDenied"; "" when AWS gave none
	Status    int    // HTTP status; 0 when AWS did not answer
	RequestID string // AWS's id of the request; "" when AWS did not answer
	Err       error  // the cause
}

// Error is one line: what was tried, the reason, AWS's words and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "awsauth: %s: %s", e.Op, e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", oneLine(cause(e.Err)))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s, status %d, request id %s)", e.Code, e.Status, e.RequestID)
	}
	if what := e.Explain(); what != "" {
		fmt.Fprintf(&b, "; %s", what)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Explain says what most likely is wrong, and what to do.
func (e *Error) Explain() string {
	switch e.Reason {
	case NoCredentials:
		return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with AWS_PROFILE (and run aws sso login if it uses SSO), or run where an ECS, EC2 or Lambda role is attached; SP-API itself has not needed AWS credentials since 2023-10-02"
	case InvalidCredentials:
		return "check that access key id and secret access key belong together, are active and were pasted whole; temporary keys (ASIA…) also need AWS_SESSION_TOKEN"
	case ExpiredCredentials:
		return "the keys given are temporary and over: fetch new ones (for instance aws sso login), or use a profile that renews them by itself"
	case AccessDenied:
		return "let the caller's policy allow sts:AssumeRole on this role, name the caller in the role's trust policy, and set the external id if that policy asks for one; a role that does not exist is answered the same way"
	case ClockSkew:
		return "set this computer's clock (turn on NTP): AWS refuses signatures that are more than 5 minutes off"
	case InvalidRequest:
		return "check role ARN, session name, duration (not longer than the role's maximum; one hour when a role assumes another) and external id"
	case Unavailable:
		return "check network, proxy and STS endpoint, and that the STS region is enabled for the account"
	}
	return ""
}

func skewError(skew time.Duration) *Error {
	direction := "ahead of"
	if skew > 0 {
		direction = "behind"
	}
	return &Error{Reason: ClockSkew, Err: fmt.Errorf("this computer's clock is %s %s AWS's", skew.Abs().Round(time.Second), direction)}
}

// assumeRoleError classifies what AWS's SDK returned for AssumeRole.
func assumeRoleError(role string, err error) error {
	e := &Error{Reason: Unavailable, Err: err}
	if ours, ok := errors.AsType[*Error](err); ok {
		e = ours
	}
	e.Op = "assume role " + role

	response, answered := errors.AsType[*awshttp.ResponseError](err)
	if answered {
		e.Status, e.RequestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return e
	}
	e.Code = api.ErrorCode()
	e.Reason = classify(e.Code, api.ErrorMessage(), e.Status)
	if e.Reason == InvalidCredentials && answered {
		// With a clock that is hours off AWS may only say that the signature does not match.
		if date, err := http.ParseTime(response.Response.Header.Get("Date")); err == nil {
			if skew := time.Until(date); skew.Abs() > maxSkew {
				e.Reason = ClockSkew
			}
		}
	}
	if strings.Contains(api.ErrorMessage(), canonicalEcho) {
		// The echo repeats the signed headers, the session token among them: nothing of it may stay reachable.
		e.Err = errors.New(cause(err))
	}
	return e
}

// Codes and messages: docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and API_AssumeRole.html;
// messages of a skewed clock: docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html.
func classify(code, message string, status int) Reason {
	if strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") {
		return ClockSkew
	}
	switch code {
	case "RequestExpired", "RequestTimeTooSkewed":
		return ClockSkew
	case "AccessDenied", "AccessDeniedException", "NotAuthorized", "RegionDisabledException":
		return AccessDenied
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure", "OptInRequired":
		return InvalidCredentials
	case "ExpiredToken", "ExpiredTokenException":
		return ExpiredCredentials
	}
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests && !strings.HasPrefix(code, "Throttling") && code != "UnknownError" {
		return InvalidRequest
	}
	return Unavailable
}

// canonicalEcho opens the part of a signature error in which AWS repeats what it should have been given.
const canonicalEcho = "The Canonical String for this request should have been"

// cause is AWS's own message where there is one, for the SDK wraps it into five layers that say nothing more.
func cause(err error) string {
	message := err.Error()
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		message = api.ErrorMessage()
	}
	message, _, _ = strings.Cut(message, canonicalEcho)
	return message
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

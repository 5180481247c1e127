// Package preview builds requests exactly as they would be sent, without sending them.
package preview

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Recorder is a round tripper that keeps the request that a client sends, and answers it with [ErrKept]. Calls must be made with
// spapi.WithoutRetry.
type Recorder struct {
	// Tokens answers requests for tokens. Without it they are answered with made-up ones, so that nothing is sent at all.
	Tokens http.RoundTripper
	// KeepTokens tells that the request to be kept is itself one for a restricted data token.
	KeepTokens bool

	Request *http.Request // nil until there was one
	Body    []byte        // nil without one
}

// ErrKept is why the call did not go on.
var ErrKept = errors.New("the request was kept and not sent")

// RestrictedTokens is the path at which restricted data tokens are asked for.
const RestrictedTokens = "/tokens/2021-03-01/restrictedDataToken"

// RoundTrip implements [http.RoundTripper].
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	// Only what goes to the API carries a token.
	if req.Header.Get("X-Amz-Access-Token") == "" {
		return r.token(req, `{"access_token":"Atza|made-up","token_type":"bearer","expires_in":3600}`)
	}
	if strings.HasSuffix(req.URL.Path, RestrictedTokens) && !r.KeepTokens {
		return r.token(req, `{"restrictedDataToken":"Atz.sprdt|made-up","expiresIn":3600}`)
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		if len(body) > 0 {
			r.Body = body
		}
	}
	r.Request = req.Clone(req.Context())
	return nil, ErrKept
}

func (r *Recorder) token(req *http.Request, answer string) (*http.Response, error) {
	if r.Tokens != nil {
		return r.Tokens.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(answer)),
		Body: io.NopCloser(bytes.NewReader([]byte(answer))), Request: req,
	}, nil
}

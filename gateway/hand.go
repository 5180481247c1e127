package gateway

import (
	"net/http"
	"time"
)

// callerOf is who has a key; nil: who calls without.
func (g *Gateway) callerOf(key *Key) caller {
	if key == nil {
		return caller{scope: g.config.Local}
	}
	return caller{key: key, scope: key.Scope, account: key.Account}
}

func setRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", retryAfter(d))
	}
}

// boundedBody is the body of the request, which must not be larger, nor come slower than any.
func (x *exchange) boundedBody(limit int64) *body {
	return &body{in: x.r.Body, control: http.NewResponseController(x.w), begun: time.Now(), max: limit}
}

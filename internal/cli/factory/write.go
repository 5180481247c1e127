package factory

import (
	"net/http"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
)

// writeTeller tells, before the first request that changes something is sent to a host that isn't Amazon's, which host that is.
type writeTeller struct {
	f    *Factory
	next http.RoundTripper
}

func (w *writeTeller) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Scheme + "://" + req.URL.Host
	// Requests for tokens have no token yet.
	if req.Header.Get("X-Amz-Access-Token") != "" && !settings.IsAmazonEndpoint(host) && writes(req) {
		w.f.once("writes to " + host + ", which is not Amazon")
	}
	return w.next.RoundTrip(req)
}

// CloseIdleConnections passes on what [spapi.App.CloseIdleConnections] asks for.
func (w *writeTeller) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// writes reports whether a request may change something. What is not known to read does.
func writes(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	// Listings are validated and not changed in this mode (developer-docs.amazon.com/sp-api/reference/patchlistingsitem).
	if req.URL.Query().Get("mode") == "VALIDATION_PREVIEW" {
		return false
	}
	op, ok := operationOf(req)
	return !ok || !op.ReadOnly()
}

// operationOf finds the operation of a request, also below the path of an endpoint that has one.
func operationOf(req *http.Request) (spapi.Operation, bool) {
	for path := req.URL.EscapedPath(); path != ""; {
		if op, ok := spapi.FindOperation(req.Method, path); ok {
			return op, true
		}
		i := strings.IndexByte(path[1:], '/')
		if i < 0 {
			break
		}
		path = path[i+1:]
	}
	return spapi.Operation{}, false
}

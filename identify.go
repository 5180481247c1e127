package spapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// defaultRate and defaultBurst are the usage plan of operations for which Amazon publishes none and of paths that no model has. They are
// careful: the first reply with a rate corrects them.
const (
	defaultRate  = 1.0
	defaultBurst = 1
)

// identifyStep settles the URL and finds the operation of the request.
type identifyStep struct {
	client *Client
	next   http.RoundTripper
}

func (s *identifyStep) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callFrom(req.Context())
	call.app = s.client.app
	if req.URL == nil {
		return nil, &ConfigError{Code: CodeRequestURLMissing, Field: "request URL", Want: "is missing: want one such as /orders/v0/orders"}
	}
	if call.op == nil {
		call.op = s.client.identify(req)
	}
	if req.URL.Host == "" {
		req.URL = under(s.client.base, req.URL)
	}
	return s.next.RoundTrip(req)
}

// identify finds the operation of a raw request, nil if it has no URL.
func (c *Client) identify(req *http.Request) *Operation {
	if req.URL == nil {
		return nil
	}
	path := req.URL.EscapedPath()
	if req.URL.Host != "" {
		path = strings.TrimPrefix(path, c.base.EscapedPath())
	}
	return identify(req.Method, path)
}

// under puts a URL without host below base. Escapes stay as they are: a SKU may hold "%2F".
func under(base, rel *url.URL) *url.URL {
	u := *rel
	u.Scheme, u.Host, u.User = base.Scheme, base.Host, nil
	path, escaped := rel.Path, rel.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path, escaped = "/"+path, "/"+escaped
	}
	u.Path = base.Path + path
	u.RawPath = base.EscapedPath() + escaped // net/url ignores it where it says nothing beyond Path
	return &u
}

// identify finds the operation. A path that no model has becomes an operation of its own with careful limits, so that paths which
// Amazon removed or has not published yet work too.
func identify(method, escapedPath string) *Operation {
	method = cmp.Or(method, http.MethodGet)
	if op := operationOf(method, escapedPath); op != nil {
		return op
	}
	// API, version and resource: what follows are ids mostly, each of which would get a bucket of its own.
	head := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	head = head[:min(len(head), 3)]
	path := scrub("/" + strings.Join(head, "/")) // as a name it is in every log and error
	return &Operation{
		ID: method + " " + path, Name: method + " " + path, Method: method, Path: path,
		Rate: defaultRate, Burst: defaultBurst,
		Idempotent: slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions}, method),
	}
}

// known reports whether the operation is one of the models'.
func (op *Operation) known() bool { return op.API != "" }

package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/openspapi/spapi/internal/wire"
)

// Invoke makes a typed call. It is for generated code: encode writes the input into the request, decode reads the body.
func Invoke[Out any](ctx context.Context, c *Client, operation string, encode func(*wire.Request), decode wire.Decode[Out], opts []CallOption) (Out, error) {
	call := newCall(opts)
	out, err := invoke(ctx, c, call, operation, encode, decode)
	if call.response != nil {
		call.fill(call.response)
	}
	return out, err
}

// InvokeEmpty is [Invoke] for operations whose success has no body. One that comes anyway is ignored unless it tells of errors.
func InvokeEmpty(ctx context.Context, c *Client, operation string, encode func(*wire.Request), opts []CallOption) error {
	_, err := Invoke[struct{}](ctx, c, operation, encode, nil, opts)
	return err
}

// invoke is the one path of all typed calls; without decode no body is expected.
func invoke[Out any](ctx context.Context, c *Client, call *call, operation string, encode func(*wire.Request), decode wire.Decode[Out]) (Out, error) {
	var none Out
	resp, body, err := c.exchange(ctx, call, operation, encode, decode != nil)
	if err != nil {
		return none, err
	}
	if decode == nil {
		return none, nil
	}
	out, warnings, err := decode(body)
	if err != nil {
		why := "the body is not JSON"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			why = "the body ends before its JSON does"
		}
		return none, call.decodeError(resp, body, why, err)
	}
	call.warnings = warnings
	return out, nil
}

// exchange sends a typed call and returns the body of a success.
func (c *Client) exchange(ctx context.Context, call *call, operation string, encode func(*wire.Request), wantBody bool) (*http.Response, []byte, error) {
	call.op = findOperation(operation)
	if call.op == nil {
		return nil, nil, &ConfigError{Code: CodeOperationUnknown, Field: "operation", Value: operation, Want: "is unknown"}
	}
	req, err := c.newRequest(ctx, call, encode)
	if err != nil {
		return nil, nil, err
	}
	resp, body, err := c.receive(call, req)
	if broken := (*DecodeError)(nil); errors.As(err, &broken) && broken.brokeOff && call.repeatable && !call.noRetry && c.app.budget.take() {
		// The connection broke after the chain had handed over the response: once more, like any broken connection.
		if req, err = rewound(req); err == nil {
			resp, body, err = c.receive(call, req)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		switch {
		case wantBody && call.op.MaybeEmpty && resp.StatusCode == http.StatusNoContent:
			return resp, []byte("{}"), nil
		case wantBody:
			return nil, nil, call.decodeError(resp, body, "the body is empty", nil)
		}
		return resp, body, nil
	}
	if looksLikeHTML(body) {
		return nil, nil, call.decodeError(resp, body, "the body is an HTML page", nil)
	}
	return resp, body, nil
}

// receive sends a request and reads the body of a success.
func (c *Client) receive(call *call, req *http.Request) (*http.Response, []byte, error) {
	resp, err := c.send(call, req)
	if err != nil {
		return nil, nil, named(call.op.ID, err)
	}
	body, err := c.success(call, resp)
	return resp, body, err
}

// named puts the operation before errors that don't name it.
func named(operation string, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return err
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// newRequest builds the request of a typed call.
func (c *Client) newRequest(ctx context.Context, call *call, encode func(*wire.Request)) (*http.Request, error) {
	var in wire.Request
	if encode != nil {
		encode(&in)
	}
	if err := in.Err(); err != nil {
		return nil, named(call.op.ID, &ConfigError{Code: CodeInputInvalid, Field: "input", Err: err})
	}
	body, err := in.Body()
	if err != nil {
		return nil, named(call.op.ID, &ConfigError{Code: CodeInputInvalid, Field: "input", Want: "cannot be written as JSON", Err: err})
	}
	u, err := buildURL(c.base, call.op, in.PathParams, in.QueryString())
	if err != nil {
		return nil, err
	}
	header := in.Headers
	if header == nil {
		header = make(http.Header, 2)
	}
	req := &http.Request{Method: call.op.Method, URL: u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if body != nil {
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/json")
		}
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req.WithContext(withCall(ctx, call)), nil
}

// buildURL fills the path template. Every parameter stays one segment, whatever it holds: "/" becomes %2F, a space %20
// (developer-docs.amazon.com/sp-api/docs/url-encoding); only a greedy one keeps its slashes.
func buildURL(base *url.URL, op *Operation, params map[string]string, query string) (*url.URL, error) {
	u := *base
	u.RawQuery = query
	if !strings.Contains(op.Path, "{") {
		u.Path, u.RawPath = base.Path+op.Path, ""
		if base.RawPath != "" {
			u.RawPath = base.RawPath + op.Path
		}
		return &u, nil
	}
	var plain, escaped strings.Builder
	plain.WriteString(base.Path)
	escaped.WriteString(base.EscapedPath())
	rest := op.Path
	for {
		literal, after, found := strings.Cut(rest, "{")
		plain.WriteString(literal)
		escaped.WriteString(literal)
		if !found {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		value := params[name]
		if value == "" {
			return nil, named(op.ID, &ConfigError{Code: CodeInputInvalid, Field: "input", Err: &wire.InputError{Field: name, Reason: "is required"}})
		}
		plain.WriteString(value)
		if op.GreedyPath && tail == "" {
			for i, part := range strings.Split(value, "/") {
				if i > 0 {
					escaped.WriteByte('/')
				}
				escaped.WriteString(escapeSegment(part))
			}
		} else {
			escaped.WriteString(escapeSegment(value))
		}
		rest = tail
	}
	u.Path, u.RawPath = plain.String(), escaped.String()
	return &u, nil
}

// escapeSegment escapes all but the unreserved characters. url.PathEscape leaves "+", "&", "=", ":", "@" and "$" as they are, which
// is right by RFC 3986 but read differently by servers that treat paths like queries; escaped they mean the same to all.
func escapeSegment(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// maxErrorBody bounds error bodies in bytes: they are read whole.
const maxErrorBody = 1 << 20

// success reads the body, and turns everything that is no success into an error: other statuses, and a 2xx or
// 207 whose only content is errors.
func (c *Client) success(call *call, resp *http.Response) ([]byte, error) {
	if resp.StatusCode/100 != 2 {
		body, _ := readBody(resp, maxErrorBody)
		body = []byte(scrub(string(body))) // Amazon echoes credentials in a 403, proxies may in others
		call.body = body
		return nil, c.apiError(call, resp, body)
	}
	body, err := readBody(resp, c.app.config.maxBody)
	if err != nil {
		failure := call.decodeError(resp, body, readFailure(err, c.app.config.maxBody), err)
		failure.brokeOff = !failure.tooLarge
		return nil, failure
	}
	call.body = body
	if len(body) == 0 {
		return body, nil
	}
	errs, other, err := wire.TopLevel(body)
	if err != nil || len(errs) == 0 {
		return body, nil // what is wrong with the JSON is the decoder's to tell
	}
	if !other {
		return nil, c.apiError(call, resp, body)
	}
	call.errors = errs
	return body, nil
}

var errTooLarge = errors.New("body too large")

func readFailure(err error, limit int64) string {
	if errors.Is(err, errTooLarge) {
		return fmt.Sprintf("the body is larger than %d bytes, the bound that WithMaxBody sets", limit)
	}
	return "the body broke off"
}

// readBody reads at most limit bytes, into a single buffer where the length is known.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > limit {
		return nil, errTooLarge
	}
	if n := resp.ContentLength; n > 0 {
		// A length is only a promise: what doesn't come isn't reserved beforehand.
		body := make([]byte, 0, min(n, 1<<20))
		return appendBody(body, resp.Body, n, limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if int64(len(body)) > limit {
		return body[:limit], errTooLarge
	}
	return body, err
}

func appendBody(body []byte, r io.Reader, length, limit int64) ([]byte, error) {
	first := body[:cap(body)]
	n, err := io.ReadFull(r, first)
	body = first[:n]
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return body, err
	}
	if int64(n) == length {
		return body, nil
	}
	whole := make([]byte, length)
	copy(whole, body)
	m, err := io.ReadFull(r, whole[n:])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return whole[:n+m], err
}

// looksLikeHTML recognizes the pages of proxies, load balancers and captive portals.
func looksLikeHTML(body []byte) bool {
	head := bytes.TrimLeft(body[:min(len(body), 256)], " \t\r\n\xef\xbb\xbf")
	return len(head) > 0 && head[0] == '<'
}

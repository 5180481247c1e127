package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/internal/wire"
)

// door is what generated code calls through package wire.
type door struct{}

func init() { wire.Calls = door{} }

// Call is the one path of all typed calls but pages.
func (door) Call(ctx context.Context, client, options any, operation string, encode func(*wire.Request), wantBody bool) (wire.Exchange, error) {
	c, call := client.(*Client), newCall(options.([]CallOption))
	req, err := c.newRequest(ctx, call, operation, encode)
	if err == nil {
		err = c.exchange(call, req, wantBody)
	}
	if err != nil {
		return nil, call.finish(err)
	}
	return call, nil
}

// Body is that of a success. A 204 in place of a body counts as an empty object where nothing is a success too.
func (c *call) Body() []byte {
	if c.op.MaybeEmpty && c.last.StatusCode == http.StatusNoContent {
		return []byte("{}")
	}
	return c.body
}

// Read ends the call with what reading the body found.
func (c *call) Read(warnings []Warning, err error) error {
	c.warnings = warnings
	if err != nil {
		why := "the body is not JSON"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			why = "the body ends before its JSON does"
		}
		err = c.decodeError(c.last, c.body, why, err)
	}
	return c.finish(err)
}

// finish ends the call: it tells observers, fills the record for the caller, and returns err.
func (c *call) finish(err error) error {
	err = c.doubt(err)
	c.whole.end(c.outcome(err))
	c.whole = running{}
	if c.response != nil {
		c.fill(c.response)
	}
	return err
}

// begin begins a call whose operation is known, and returns the context of all that it does. The call has to be ended by finish.
func (c *Client) begin(ctx context.Context, call *call) context.Context {
	ctx, call.whole = c.beginCall(ctx, call)
	return withCall(ctx, call)
}

// exchange sends the request of a call and reads the body of a success. The call is for the caller to finish, unless a panic passes.
func (c *Client) exchange(call *call, req *http.Request, wantBody bool) (result error) {
	result = errAbandoned
	defer func() {
		if result == errAbandoned {
			_ = call.finish(result)
		}
	}()
	resp, body, err := c.receive(call, req)
	if broken := (*DecodeError)(nil); errors.As(err, &broken) && broken.brokeOff && call.repeatable && !call.noRetry && c.app.budget.take() {
		// The connection broke after the chain had handed over the response: once more, like any broken connection.
		if req, err = rewound(req); err == nil {
			resp, body, err = c.receive(call, req)
		}
	}
	switch {
	case err != nil:
		return err
	case len(bytes.TrimSpace(body)) == 0:
		if wantBody && !(call.op.MaybeEmpty && resp.StatusCode == http.StatusNoContent) {
			return call.decodeError(resp, body, "the body is empty", nil)
		}
	case looksLikeHTML(body):
		return call.decodeError(resp, body, "the body is an HTML page", nil)
	}
	return nil
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

// newRequest finds the operation of a typed call, begins the call and builds its request.
func (c *Client) newRequest(ctx context.Context, call *call, operation string, encode func(*wire.Request)) (*http.Request, error) {
	call.op = operationByID(operation)
	if call.op == nil {
		return nil, &ConfigError{Code: CodeOperationUnknown, Field: "operation", Value: operation, Want: "is unknown: want an id such as ordersv0.getOrders"}
	}
	ctx = c.begin(ctx, call)
	var in wire.Request
	if encode != nil {
		encode(&in)
	}
	req, err := in.Build(c.base, call.op.Method, call.op.Path, call.op.GreedyPath)
	if err != nil {
		return nil, named(operation, invalidInput(err))
	}
	return req.WithContext(ctx), nil
}

// invalidInput names the field of an operation's input that cannot be sent.
func invalidInput(err error) *ConfigError {
	in, ok := errors.AsType[*wire.InputError](err)
	if !ok {
		return &ConfigError{Code: CodeInputInvalid, Field: "input", Want: "want one that can be sent", Err: err}
	}
	bad := &ConfigError{Code: CodeInputInvalid, Field: in.Field, Value: in.Value, Want: in.Reason}
	if settings.SecretShape(bad.Value) {
		bad.Value = ""
	}
	return bad
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

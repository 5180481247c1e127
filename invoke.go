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
func (door) Call(ctx context.Context, client, options any, operation string, encode func(*wire.Request), take wire.Take, wantBody bool) error {
	c, call := client.(*Client), newCall(options.([]CallOption))
	call.take, call.wantBody = take, wantBody
	req, err := c.newRequest(ctx, call, operation, encode)
	if err == nil {
		err = c.exchange(call, req)
	}
	return call.finish(err)
}

// finish ends the call: it tells observers, fills the record for the caller, gives the memory of the body back, and returns err.
func (c *call) finish(err error) error {
	err = c.doubt(err)
	c.whole.endCall(c, err)
	c.whole = running{}
	if c.response != nil {
		c.fill(c.response)
	}
	c.release()
	return err
}

// abandon closes an answer that nobody gets, because a panic passes: one of an observer, a limiter or a handler of the log.
func (c *call) abandon() {
	if c.last != nil {
		_ = c.last.Body.Close()
	}
}

// begin begins a call whose operation is known, and returns the context of all that it does. The call has to be ended by finish.
func (c *Client) begin(ctx context.Context, call *call) context.Context {
	ctx, call.whole = c.beginCall(ctx, call)
	return withCall(ctx, call)
}

// exchange sends the request of a call, whose success the chain takes in. The call is for the caller to finish, unless a panic passes.
func (c *Client) exchange(call *call, req *http.Request) (result error) {
	result = errAbandoned
	defer func() {
		if result == errAbandoned {
			call.abandon()
			_ = call.finish(result)
		}
	}()
	resp, err := c.send(call, req)
	switch {
	case err != nil:
	case resp.StatusCode/100 != 2:
		err = c.refusal(call, resp)
	default:
		c.app.warnings(req.Context(), call)
	}
	return named(call.op.ID, err)
}

// named puts the operation before errors that don't name it.
func named(operation string, err error) error {
	switch err.(type) {
	case nil, *APIError, *DecodeError:
		return err
	}
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
	req, err := in.Build(ctx, c.base, call.op.Method, call.op.Path, call.op.GreedyPath)
	if err != nil {
		return nil, named(operation, invalidInput(err))
	}
	return req, nil
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

// refusal reads an answer that is no success.
func (c *Client) refusal(call *call, resp *http.Response) error {
	body, err := readBody(nil, resp, maxErrorBody)
	body = []byte(scrub(string(body))) // Amazon echoes credentials in a 403, proxies may in others
	call.body = body
	return c.apiError(call, resp, body, err == nil || errors.Is(err, errTooLarge))
}

// accept takes the body of a success in. It is part of an attempt: a body that doesn't come whole is a connection that broke. What is no success in spite
// of its status becomes an error: a body that holds nothing but errors, a page, and whatever isn't what the operation declares.
func (c *Client) accept(call *call, resp *http.Response) error {
	body, err := call.readBody(resp, c.app.config.maxBody)
	if err != nil {
		failure := call.decodeError(resp, body, readFailure(err, c.app.config.maxBody), err)
		failure.brokeOff = !failure.tooLarge
		return failure
	}
	call.body = body
	switch {
	case isBlank(body):
		if !call.wantBody {
			return nil
		}
		if !call.op.MaybeEmpty || resp.StatusCode != http.StatusNoContent {
			failure := call.decodeError(resp, body, "the body is empty", nil)
			failure.brokeOff = resp.StatusCode != http.StatusNoContent // a 204 isn't cut short: it is what the operation answers
			return failure
		}
		body = nil
	case looksLikeHTML(body):
		return call.decodeError(resp, body, "the body is an HTML page", nil)
	}
	call.taken, err = call.take(call.op.ID, body)
	for i := range call.taken.Warnings {
		call.taken.Warnings[i].Value = scrub(call.taken.Warnings[i].Value) // a token may stand where none fits
	}
	var foreign *wire.ForeignError
	isForeign := errors.As(err, &foreign)
	if (err == nil && call.taken.Errors || isForeign) && body != nil {
		errs, other, broken := wire.TopLevel(body)
		if broken == nil && len(errs) > 0 && (!other || isForeign) {
			return c.apiError(call, resp, body, true)
		}
		call.errors = errs
	}
	switch {
	case err == nil:
		return nil
	case !isForeign:
		failure := call.decodeError(resp, body, "the body is not JSON", err)
		if failure.brokeOff = errors.Is(err, io.ErrUnexpectedEOF); failure.brokeOff {
			failure.Reason = "the body ends before its JSON does"
		}
		return failure
	}
	return call.foreign(resp, body, foreign.Outline)
}

func isBlank(body []byte) bool {
	return len(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))) == 0
}

// looksLikeHTML recognizes the pages of proxies, load balancers and captive portals.
func looksLikeHTML(body []byte) bool {
	head := bytes.TrimLeft(body[:min(len(body), 256)], " \t\r\n\xef\xbb\xbf")
	return len(head) > 0 && head[0] == '<'
}

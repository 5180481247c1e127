package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
)

// Door is how generated code calls the root package. The root sets [Calls] to its own when it is initialized: it cannot offer it to
// generated code as functions without showing them to everybody. client is its *Client, options its []CallOption.
type Door interface {
	// Call makes a call and takes the body of a success in. Where no body is wanted, an empty one does.
	Call(ctx context.Context, client, options any, operation string, encode func(*Request), take Take, wantBody bool) error
	// Pages makes the calls for the pages of an operation, one whenever the next is asked for, and stops after an error. Each page has been
	// taken in when it is yielded.
	Pages(ctx context.Context, client, options any, operation string, encode func(*Request), take Take) iter.Seq[error]
}

// Take reads the body of a success, nil where a success needs none: that counts as an empty object. It returns the body in the shape that the operation
// declares. Its error means that the body is no JSON (io.ErrUnexpectedEOF: that it breaks off) or not the operation's ([ForeignError]);
// everything less is a warning. A call takes once for each attempt that was answered with a success.
type Take func(operation string, body []byte) (settled []byte, warnings []Warning, err error)

// Calls is the door that the root has set.
var Calls Door

// Invoke makes a typed call: encode writes the input into the request, decode reads the body.
func Invoke[Out, Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), decode Decode[Out], opts []Option) (Out, error) {
	var out, none Out
	if err := Calls.Call(ctx, c, opts, operation, encode, reader(decode, &out), true); err != nil {
		return none, err
	}
	return out, nil
}

// InvokeEmpty is [Invoke] for operations whose success has no body. One that comes anyway is ignored unless it tells of errors, or is
// the message of a gateway.
func InvokeEmpty[Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) error {
	ignore := func(operation string, body []byte) ([]byte, []Warning, error) {
		_, err := Settle(operation, body)
		return body, nil, err
	}
	return Calls.Call(ctx, c, opts, operation, encode, ignore, false)
}

// reader takes a body in with decode.
func reader[Out any](decode Decode[Out], out *Out) Take {
	return func(operation string, body []byte) (_ []byte, warnings []Warning, err error) {
		s := Settled{Body: []byte("{}")}
		if body != nil {
			if s, err = Settle(operation, body); err != nil {
				return nil, nil, err
			}
		}
		*out, warnings, err = decode(s.Body)
		return s.Body, s.Warnings(warnings), err
	}
}

// Raw takes a body in as JSON that nobody decodes.
func Raw(operation string, body []byte) ([]byte, []Warning, error) {
	var out json.RawMessage
	return reader(CheckJSON, &out)(operation, body)
}

// CheckJSON decodes a body as it is, without a byte order mark.
func CheckJSON(body []byte) (json.RawMessage, []Warning, error) {
	text := bytes.TrimPrefix(body, bom)
	if json.Valid(text) {
		return text, nil, nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	if syntax, ok := err.(*json.SyntaxError); ok && syntax.Offset >= int64(len(text)) {
		err = io.ErrUnexpectedEOF
	}
	return nil, nil, err
}

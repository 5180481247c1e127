package wire

import (
	"context"
	"iter"
)

// Door is how generated code calls the root package. The root sets [Calls] to its own when it is initialized: it cannot offer it to
// generated code as functions without showing them to everybody. client is its *Client, options its []CallOption.
type Door interface {
	// Call makes a call and takes the body of a success in.
	Call(ctx context.Context, client, options any, operation string, encode func(*Request), wantBody bool) (Exchange, error)
	// Pages makes the calls for the pages of an operation, one whenever the next is asked for, and stops after an error.
	Pages(ctx context.Context, client, options any, operation string, encode func(*Request)) iter.Seq2[Exchange, error]
}

// Exchange is a call whose answer is there.
type Exchange interface {
	Body() []byte
	// Read ends the call with what reading the body found. It returns the call's error, which is nil if err is.
	Read(warnings []Warning, err error) error
}

// Calls is the door that the root has set.
var Calls Door

// Invoke makes a typed call: encode writes the input into the request, decode reads the body.
func Invoke[Out, Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), decode Decode[Out], opts []Option) (Out, error) {
	x, err := Calls.Call(ctx, c, opts, operation, encode, true)
	if err != nil {
		var none Out
		return none, err
	}
	return read(x, decode)
}

// InvokeEmpty is [Invoke] for operations whose success has no body. One that comes anyway is ignored unless it tells of errors.
func InvokeEmpty[Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) error {
	x, err := Calls.Call(ctx, c, opts, operation, encode, false)
	if err != nil {
		return err
	}
	return x.Read(nil, nil)
}

func read[Out any](x Exchange, decode Decode[Out]) (Out, error) {
	out, warnings, err := decode(x.Body())
	if err := x.Read(warnings, err); err != nil {
		var none Out
		return none, err
	}
	return out, nil
}

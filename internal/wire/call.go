package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unsafe"
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

// Take reads the body of a success, nil where a success needs none: that counts as an empty object. Its error means that the body is no JSON
// (io.ErrUnexpectedEOF: that it breaks off) or not the operation's ([ForeignError]); everything less is a warning. A call takes once for each attempt
// that was answered with a success.
type Take func(operation string, body []byte) (Taken, error)

// Taken is what a body held beside the result.
type Taken struct {
	Body     []byte // in the shape that the operation declares; mostly the very body
	Lists    []Span // in Body, for [Find]
	Warnings []Warning
	Errors   bool // there may be errors at the top of the body: see [TopLevel]
}

// Calls is the door that the root has set.
var Calls Door

// Invoke makes a typed call: encode writes the input into the request. The result shares no memory with the body.
func Invoke[Out, Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) (Out, error) {
	var out, none Out
	if err := Calls.Call(ctx, c, opts, operation, encode, into(&out), true); err != nil {
		return none, err
	}
	return out, nil
}

// InvokeRaw is [Invoke] for who wants the body itself, in the shape that the operation declares.
func InvokeRaw[Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) (json.RawMessage, error) {
	var out json.RawMessage
	take := func(operation string, body []byte) (Taken, error) {
		taken, err := Raw(operation, body)
		out = slices.Clone(taken.Body)
		return taken, err
	}
	if err := Calls.Call(ctx, c, opts, operation, encode, take, true); err != nil {
		return nil, err
	}
	return out, nil
}

// InvokeEmpty is [Invoke] for operations whose success has no body. One that comes anyway is ignored unless it tells of errors, or is
// the message of a gateway.
func InvokeEmpty[Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) error {
	ignore := func(operation string, body []byte) (Taken, error) {
		_, err := Settle(operation, body)
		return Taken{Body: body, Errors: true}, err
	}
	return Calls.Call(ctx, c, opts, operation, encode, ignore, false)
}

// into takes a body in by reading it into out.
func into[Out any](out *Out) Take {
	root := rootOf(reflect.TypeFor[Out]())
	return func(operation string, body []byte) (Taken, error) {
		result := resultOf(operation)
		s, err := settleOr(result, body)
		if err != nil {
			return Taken{}, err
		}
		taken, err := root.read(s.Body, result != nil && result.Payload, unsafe.Pointer(out))
		return s.about(taken), err
	}
}

// settleOr is settle for a body that may be missing.
func settleOr(r *Result, body []byte) (Settled, error) {
	if body == nil {
		return Settled{Body: []byte("{}")}, nil
	}
	return settle(r, body)
}

// Raw takes a body in as JSON that nobody reads.
func Raw(operation string, body []byte) (Taken, error) {
	s, err := settleOr(resultOf(operation), body)
	if err != nil {
		return Taken{}, err
	}
	var d decoder
	errors := false
	warnings, err := d.read(s.Body, func() {
		d.note, errors = true, false
		if d.next() != objectToken {
			d.skip()
			return
		}
		for m := (members{s: &d.scanner}); m.next(); d.skip() {
			errors = errors || string(m.name) == "errors"
		}
	})
	return s.about(Taken{Body: d.buf, Lists: d.lists, Warnings: warnings, Errors: errors}), err
}

// Find returns the value at a path of members' names in a body that has been taken, nil where there is none. It goes to the end of the lists on its way at
// once. What follows the value is not looked at.
func Find(body []byte, path string, lists []Span) ([]byte, error) {
	s := scan(bytes.TrimPrefix(body, bom))
	for name := range strings.SplitSeq(path, ".") {
		if s.next() != objectToken {
			s.skip()
			return nil, s.err
		}
		m := members{s: &s}
		for m.next() && string(m.name) != name {
			s.space()
			if i, ok := slices.BinarySearchFunc(lists, s.pos, func(l Span, at int) int { return l.From - at }); ok {
				s.pos = lists[i].To
			} else {
				s.skip()
			}
		}
		if s.err != nil || string(m.name) != name {
			return nil, s.err
		}
	}
	return s.raw(), s.err
}

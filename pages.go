package spapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"

	"github.com/openspapi/spapi/internal/paging"
	"github.com/openspapi/spapi/internal/wire"
)

// Pages sends req and then, one whenever the loop asks for it, the requests for the pages that follow, by the rules of the operation
// that req goes to. It is for programs that know operations as data; others range over the Pages and All methods of a typed client.
// A URL without a host is taken relative to [Client.Endpoint], as with [Client.Do]. A body needs req.GetBody, from which each iteration has
// its own; req is not changed, and its Body neither read nor closed. The sequence may be ranged over again, and at the same time.
//
// Each element is what the call met, with the page as it came in Body; [Response.Items] splits it. Empty pages are elements too. The
// options go with every call. The iteration stops after an error: those of typed calls, a [*ConfigError] for an operation that doesn't
// page, and one that names operation and page when the service sends the run round in a circle or breaks off its pages.
func (c *Client) Pages(req *http.Request, opts ...CallOption) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		first := func(call *call) (*http.Request, error) { return c.located(call, req) }
		for call, err := range c.pages(req.Context(), opts, wire.Raw, true, first) {
			if err != nil {
				yield(nil, err)
				return
			}
			var r Response
			call.fill(&r)
			if !yield(&r, nil) {
				return
			}
		}
	}
}

// Items splits the page in Body into its items, as they came: the elements of the list that the operation pages through, or the whole page
// where it has no single list. They share the memory of Body.
func (r *Response) Items() ([]json.RawMessage, error) {
	body := r.Body
	if s, err := wire.Settle(r.Operation, body); err == nil {
		body = s.Body
	}
	return paging.Items(r.Operation, body)
}

// Pages is the path of all typed pages.
func (door) Pages(ctx context.Context, client, options any, operation string, encode func(*wire.Request), take wire.Take) iter.Seq[error] {
	return func(yield func(error) bool) {
		c := client.(*Client)
		first := func(call *call) (*http.Request, error) { return c.newRequest(ctx, call, operation, encode) }
		for _, err := range c.pages(ctx, options.([]CallOption), take, false, first) {
			if !yield(err) {
				return
			}
		}
	}
}

// pages is the loop of all pages: it calls until package paging finds that there are no more. Its calls have been finished when they are yielded: the body is
// there only where they hand it out.
func (c *Client) pages(ctx context.Context, opts []CallOption, take wire.Take, handsOut bool, first func(*call) (*http.Request, error)) iter.Seq2[*call, error] {
	return func(yield func(*call, error) bool) {
		current := newCall(opts)
		current.take, current.wantBody = take, true
		current.handsOut = handsOut
		req, err := first(current)
		var run *paging.Run
		if err == nil {
			if run, err = paging.Start(current.op.ID, req); err != nil {
				err = &ConfigError{Code: CodeInputInvalid, Field: "request", Want: "want one of an operation that pages, which can be sent again", Err: err}
			} else {
				req, err = rewound(req) // the sequence may be ranged over again, also at the same time
			}
		}
		for err == nil {
			if err = c.exchange(current, req); err != nil {
				if run.Page() > 1 {
					err = fmt.Errorf("page %d: %w", run.Page(), err)
				}
				break
			}
			// Before the page is handed out: whoever gets it might change it. What is wrong with its successor is told after it.
			next, endErr := run.Next(current.taken.Body, current.taken.Lists)
			_ = current.finish(nil)
			if !yield(current, nil) || next == nil && endErr == nil {
				return
			}
			if err = endErr; err == nil {
				current = newCall(opts)
				current.take, current.wantBody = take, true
				current.handsOut = handsOut
				current.op = operationByID(run.Operation())
				req = next.WithContext(c.begin(ctx, current))
			}
		}
		yield(nil, current.finish(err))
	}
}

// located begins the call of a raw request: a copy of the request with its URL settled, whose operation the call then knows.
func (c *Client) located(call *call, req *http.Request) (*http.Request, error) {
	if req.URL == nil {
		return nil, &ConfigError{Code: CodeRequestURLMissing, Field: "request URL", Want: "is missing: want one such as /orders/v0/orders"}
	}
	req = req.Clone(req.Context())
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.URL.Host == "" {
		req.URL = under(c.base, req.URL)
	}
	call.op = c.identify(req)
	return req.WithContext(c.begin(req.Context(), call)), nil
}

package spapi

import (
	"context"
	"net/http"
)

// noteStep tells whoever asked by [WithSendNote] that an attempt is about to be sent. It is the last step that may fail before the request goes out.
type noteStep struct{ next http.RoundTripper }

func (s *noteStep) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if call := callFrom(ctx); call.sendNote != nil {
		if err := call.sendNote(ctx, true); err != nil {
			return nil, err
		}
		call.noted = true
	}
	return s.next.RoundTrip(req)
}

// unnote tells that no attempt so far was carried out, of a call that waits to be repeated.
func (c *call) unnote(ctx context.Context) error {
	if !c.noted || c.reached {
		return nil
	}
	c.noted = false
	return c.sendNote(ctx, false)
}

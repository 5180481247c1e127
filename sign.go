package spapi

import (
	"fmt"
	"net/http"
)

// signStep signs the request if a signer was given: last, because a signature covers the token.
type signStep struct {
	client *Client
	next   http.RoundTripper
}

func (s *signStep) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := s.client.app.config.signer.Sign(req.Context(), req, s.client.region); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return s.next.RoundTrip(req)
}

package spapi

import "net/http"

// step is one part of the way of a request. Each knows only the next one.
type step struct {
	name string
	wrap func(c *Client, next http.RoundTripper) http.RoundTripper
}

// chain is the way of every request, typed or raw, outermost first. The order matters: every repeat takes from the limit,
// a token that a long wait would make stale is fetched after the wait, the signature covers the token, and what is noted as sent waits for nothing any more.
var chain = []step{
	{"identify", func(c *Client, next http.RoundTripper) http.RoundTripper { return &identifyStep{c, next} }},
	{"retry", func(c *Client, next http.RoundTripper) http.RoundTripper {
		return &retryStep{c, next, c.app.config.retry, c.app.budget}
	}},
	{"limit", func(c *Client, next http.RoundTripper) http.RoundTripper {
		return &limitStep{c, c.app.config.limiter, next}
	}},
	{"authorize", func(c *Client, next http.RoundTripper) http.RoundTripper { return &authorizeStep{c, next} }},
	{"sign", func(c *Client, next http.RoundTripper) http.RoundTripper {
		if c.app.config.signer == nil {
			return next
		}
		return &signStep{c, next}
	}},
	{"note", func(_ *Client, next http.RoundTripper) http.RoundTripper { return &noteStep{next} }},
	{"observe", func(c *Client, next http.RoundTripper) http.RoundTripper { return &observeStep{c, next} }},
	{"unpack", func(c *Client, next http.RoundTripper) http.RoundTripper {
		if !c.app.unpacks {
			return next
		}
		return &unpackStep{next}
	}},
}

func assemble(c *Client) http.RoundTripper {
	next := c.app.config.transport
	for i := len(chain) - 1; i >= 0; i-- {
		next = chain[i].wrap(c, next)
	}
	return next
}

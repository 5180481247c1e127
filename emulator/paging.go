package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// pageTokenLifetime is how long a next token is good. Amazon publishes it for single operations only (30 seconds for FBA inventory,
// selling-partner-api-models fbaInventory); a day is assumed for the rest.
const pageTokenLifetime = 24 * time.Hour

// page is where in a list an answer starts. It travels inside the next token, so the emulator has no state for open lists, and a
// list stays the same from its first page to its last: all pages show the world as of the first one.
type page struct {
	Operation string    `json:"p"`
	Account   int       `json:"a"`
	Query     string    `json:"q"` // the first request's arguments; only in tokens
	Start     int       `json:"s"` // items before this page
	AsOf      time.Time `json:"t"` // of the first request
	Expires   time.Time `json:"e"`

	args url.Values
}

// arg returns the first value of an argument of the first request.
func (p *page) arg(name string) string { return p.args.Get(name) }

// token problems
var (
	errTokenInvalid = fmt.Errorf("is not a token of this list")
	errTokenExpired = fmt.Errorf("has expired")
	errTokenArgs    = fmt.Errorf("was given with other arguments than the first page")
)

// page returns the page that a request asks for: the first one without a token, else the one in the token. The token holds the
// first request's arguments; those that are given again must be the same, except the ones named.
func (c *call) page(tokenParameter string, mayChange ...string) (*page, error) {
	args := make(url.Values, len(c.query))
	for name, values := range c.query {
		if name != tokenParameter {
			args[name] = values
		}
	}
	text := c.query.Get(tokenParameter)
	if text == "" {
		return &page{Operation: c.op.ID, Account: c.account.number, AsOf: c.now, args: args}, nil
	}
	p := &page{}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], c.emu.seal(raw[sha256.Size:])) ||
		json.Unmarshal(raw[sha256.Size:], p) != nil || p.Operation != c.op.ID || p.Account != c.account.number {
		return nil, errTokenInvalid
	}
	if !c.now.Before(p.Expires) || c.exchange.fault != nil && c.exchange.fault.Kind == FaultExpiredToken {
		return nil, errTokenExpired
	}
	if p.args, err = url.ParseQuery(p.Query); err != nil {
		return nil, errTokenInvalid
	}
	for name, values := range args {
		if !slices.Equal(values, p.args[name]) && !slices.Contains(mayChange, name) {
			return nil, errTokenArgs
		}
	}
	return p, nil
}

// token returns the token of the page that starts at start. It holds "+", "/" and "=" like Amazon's: a client that doesn't
// percent-encode it fails here, too.
func (c *call) token(p *page, start int) string { return c.tokenFor(p, start, pageTokenLifetime) }

// tokenFor is token with a lifetime of its own.
func (c *call) tokenFor(p *page, start int, lifetime time.Duration) string {
	next := *p
	next.Query = p.args.Encode()
	next.Start, next.Expires = start, c.now.Add(lifetime)
	raw, err := json.Marshal(&next)
	if err != nil {
		panic("emulator: page token: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(append(c.emu.seal(raw), raw...))
}

func (e *Emulator) seal(b []byte) []byte {
	mac := hmac.New(sha256.New, fmt.Append(nil, "page token ", e.options.seed))
	mac.Write(b)
	return mac.Sum(nil)
}

// cut returns the items of one page, and whether there are more.
func cut[T any](items []T, start, size int) (part []T, more bool) {
	if start >= len(items) {
		return nil, false
	}
	end := min(start+size, len(items))
	return items[start:end], end < len(items)
}

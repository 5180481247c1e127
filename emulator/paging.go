package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	args := c.query
	if args.Has(tokenParameter) {
		args = maps.Clone(args)
		args.Del(tokenParameter)
	}
	text := c.query.Get(tokenParameter)
	if text == "" {
		return &page{Operation: c.op.ID, Account: c.account.Number, AsOf: c.now, args: args}, nil
	}
	p := &page{}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], c.desk.seal(raw[sha256.Size:])) ||
		json.Unmarshal(raw[sha256.Size:], p) != nil || p.Operation != c.op.ID || p.Account != c.account.Number {
		return nil, errTokenInvalid
	}
	if !c.now.Before(p.Expires) || c.exchange.fault == string(FaultExpiredToken) {
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
	sealed := make([]byte, sha256.Size, 512)
	sealed = p.append(sealed, start, c.now.Add(lifetime))
	copy(sealed, c.desk.seal(sealed[sha256.Size:]))
	return base64.StdEncoding.EncodeToString(sealed)
}

// append writes the page that starts at start with the bytes of encoding/json, but not its reflection (TestPageTokenIsThatOfTheLibrary).
func (p *page) append(b []byte, start int, expires time.Time) []byte {
	b = append(b, `{"p":"`...)
	b = append(b, p.Operation...)
	b = append(b, `","a":`...)
	b = strconv.AppendInt(b, int64(p.Account), 10)
	b = append(b, `,"q":"`...)
	b = append(b, strings.ReplaceAll(p.args.Encode(), "&", `\u0026`)...) // no other character of an encoded query wants escaping
	b = append(b, `","s":`...)
	b = strconv.AppendInt(b, int64(start), 10)
	b = append(b, `,"t":"`...)
	b = p.AsOf.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","e":"`...)
	b = expires.AppendFormat(b, time.RFC3339Nano)
	return append(b, `"}`...)
}

// seals are used again: the key's part of the sum is the same each time.
var seals sync.Pool // of *pageSeal

type pageSeal struct {
	seed int64
	mac  hash.Hash
}

// seal signs a token so that only the emulator's own are taken.
func (d *frontDesk) seal(b []byte) []byte {
	seed := d.seed.Value()
	s, _ := seals.Get().(*pageSeal)
	if s == nil || s.seed != seed {
		s = &pageSeal{seed, hmac.New(sha256.New, fmt.Append(nil, "page token ", seed))}
	}
	defer seals.Put(s)
	s.mac.Reset()
	s.mac.Write(b)
	return s.mac.Sum(nil)
}

// cut returns the items of one page, and whether there are more.
func cut[T any](items []T, start, size int) (part []T, more bool) {
	if start >= len(items) {
		return nil, false
	}
	end := min(start+size, len(items))
	return items[start:end], end < len(items)
}

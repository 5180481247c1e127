package desk

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

	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// pageTokenLifetime is how long a next token is good. Amazon publishes it for single operations only (30 seconds for FBA inventory,
// selling-partner-api-models fbaInventory); a day is assumed for the rest.
const pageTokenLifetime = 24 * time.Hour

// Page is where in a list an answer starts. It travels inside the next token, so the emulator has no state for open lists, and a
// list stays the same from its first page to its last: all pages show the world as of the first one.
type Page struct {
	Operation string    `json:"p"`
	Account   int       `json:"a"`
	Query     string    `json:"q"` // the first request's arguments; only in tokens
	Start     int       `json:"s"` // items before this page
	AsOf      time.Time `json:"t"` // of the first request
	Expires   time.Time `json:"e"`

	Args url.Values `json:"-"`
}

// Arg returns the first value of an argument of the first request.
func (p *Page) Arg(name string) string { return p.Args.Get(name) }

// token problems
var (
	ErrTokenInvalid = fmt.Errorf("is not a token of this list")
	errTokenExpired = fmt.Errorf("has expired")
	ErrTokenArgs    = fmt.Errorf("was given with other arguments than the first page")
)

// Page returns the page that a request asks for: the first one without a token, else the one in the token. The token holds the
// first request's arguments; those that are given again must be the same, except the ones named.
func (c *Call) Page(tokenParameter string, mayChange ...string) (*Page, error) {
	args := c.Query
	if args.Has(tokenParameter) {
		args = maps.Clone(args)
		args.Del(tokenParameter)
	}
	text := c.Query.Get(tokenParameter)
	if text == "" {
		return &Page{Operation: c.Op.ID, Account: c.Seller.Number, AsOf: c.Now, Args: args}, nil
	}
	p := &Page{}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], c.Desk.Seal(raw[sha256.Size:])) ||
		json.Unmarshal(raw[sha256.Size:], p) != nil || p.Operation != c.Op.ID || p.Account != c.Seller.Number {
		return nil, ErrTokenInvalid
	}
	if !c.Now.Before(p.Expires) || c.Exchange.Fault == string(fault.ExpiredToken) {
		return nil, errTokenExpired
	}
	if p.Args, err = url.ParseQuery(p.Query); err != nil {
		return nil, ErrTokenInvalid
	}
	for name, values := range args {
		if !slices.Equal(values, p.Args[name]) && !slices.Contains(mayChange, name) {
			return nil, ErrTokenArgs
		}
	}
	return p, nil
}

// Token returns the token of the page that starts at start. It holds "+", "/" and "=" like Amazon's: a client that doesn't
// percent-encode it fails here, too.
func (c *Call) Token(p *Page, start int) string { return c.TokenFor(p, start, pageTokenLifetime) }

// TokenFor is token with a lifetime of its own.
func (c *Call) TokenFor(p *Page, start int, lifetime time.Duration) string {
	sealed := make([]byte, sha256.Size, 512)
	sealed = p.append(sealed, start, c.Now.Add(lifetime))
	copy(sealed, c.Desk.Seal(sealed[sha256.Size:]))
	return base64.StdEncoding.EncodeToString(sealed)
}

// append writes the page that starts at start with the bytes of encoding/json, but not its reflection (TestPageTokenIsThatOfTheLibrary).
func (p *Page) append(b []byte, start int, expires time.Time) []byte {
	b = append(b, `{"p":"`...)
	b = append(b, p.Operation...)
	b = append(b, `","a":`...)
	b = strconv.AppendInt(b, int64(p.Account), 10)
	b = append(b, `,"q":"`...)
	b = append(b, strings.ReplaceAll(p.Args.Encode(), "&", `\u0026`)...) // no other character of an encoded query wants escaping
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

// Seal signs a token so that only the emulator's own are taken.
func (d *Desk) Seal(b []byte) []byte {
	seed := d.Seed.Value()
	s, _ := seals.Get().(*pageSeal)
	if s == nil || s.seed != seed {
		s = &pageSeal{seed, hmac.New(sha256.New, fmt.Append(nil, "page token ", seed))}
	}
	defer seals.Put(s)
	s.mac.Reset()
	s.mac.Write(b)
	return s.mac.Sum(nil)
}

// Cut returns the items of one page, and whether there are more.
func Cut[T any](items []T, start, size int) (part []T, more bool) {
	if start >= len(items) {
		return nil, false
	}
	end := min(start+size, len(items))
	return items[start:end], end < len(items)
}

// Pagination is the member of that name where a list can be paged back and forth; nil where one page has all: then Amazon leaves it out
// (lineofflight/peddler, test/vcr_cassettes/Peddler/API/CatalogItems20220401Test, September 2024).
func Pagination(c *Call, p *Page, size int, more bool) any {
	var next, previous any
	if more {
		next = c.Token(p, p.Start+size)
	}
	if p.Start > 0 {
		previous = c.Token(p, max(p.Start-size, 0))
	}
	if next == nil && previous == nil {
		return nil
	}
	return format.Record{{"nextToken", next}, {"previousToken", previous}}
}

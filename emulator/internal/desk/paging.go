package desk

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
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
	"github.com/openspapi/spapi/emulator/internal/table"
)

//go:embed lifetimes.csv
var lifetimesCSV string

// lifetimes are how long next tokens are good, by operation; "" stands for those that Amazon says nothing of. The table has the sources.
var lifetimes = sync.OnceValue(func() map[string]time.Duration {
	rows := map[string]time.Duration{}
	for _, f := range table.Read("lifetimes.csv", lifetimesCSV) {
		d, err := time.ParseDuration(f[1])
		if err != nil {
			table.Refuse("lifetimes.csv", err.Error())
		}
		rows[f[0]] = d
	}
	return rows
})

// TokenLifetime is how long a next token of the operation is good.
func (c *Call) TokenLifetime() time.Duration {
	d, known := lifetimes()[c.Op.ID]
	if !known {
		d = lifetimes()[""]
	}
	return c.Desk.Faults.Lifetime(c.Op, d)
}

// Page is where in a list an answer starts. It travels inside the next token, so the emulator has no state for open lists, and a
// list stays the same from its first page to its last: all pages show the world as of the first one.
type Page struct {
	Operation string    `json:"p"`
	Account   int       `json:"a"`
	Query     string    `json:"q"` // the first request's arguments; only in tokens
	Start     int       `json:"s"` // items before this page
	AsOf      time.Time `json:"t"` // of the first request
	Expires   time.Time `json:"e"`

	cuts

	Args url.Values `json:"-"`
}

// Arg returns the first value of an argument of the first request.
func (p *Page) Arg(name string) string { return p.Args.Get(name) }

// token problems
var (
	ErrTokenInvalid = fmt.Errorf("is not a token of this list")
	ErrTokenExpired = fmt.Errorf("has expired")
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
		c.page = &Page{Operation: c.Op.ID, Account: c.Seller.Number, AsOf: c.Now, Args: args}
		return c.page, nil
	}
	p, err := c.opened(text)
	if err != nil || p.Operation != c.Op.ID || p.Account != c.Seller.Number {
		return nil, ErrTokenInvalid
	}
	if !c.Now.Before(p.Expires) || c.Exchange.Fault == string(fault.ExpiredToken) {
		return nil, ErrTokenExpired
	}
	for name, values := range args {
		if !slices.Equal(values, p.Args[name]) && !slices.Contains(mayChange, name) {
			return nil, ErrTokenArgs
		}
	}
	c.page, c.cuts = p, p.cuts
	p.cuts = cuts{}
	return p, nil
}

// opened reads a token.
func (c *Call) opened(text string) (*Page, error) {
	p := &Page{}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], c.Desk.Seal(raw[sha256.Size:])) || json.Unmarshal(raw[sha256.Size:], p) != nil {
		return nil, ErrTokenInvalid
	}
	p.Args, err = url.ParseQuery(p.Query)
	return p, err
}

// Token returns the token of the page that starts at start. It holds "+", "/" and "=" like Amazon's: a client that doesn't
// percent-encode it fails here, too.
func (c *Call) Token(p *Page, start int) string {
	sealed := make([]byte, sha256.Size, 512)
	sealed = p.append(sealed, start, c.Exchange.Now.Add(c.TokenLifetime()))
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
	b = append(b, '"')
	if p.Shown > 0 {
		b = strconv.AppendInt(append(b, `,"k":`...), int64(p.Shown), 10)
	}
	if p.Joined {
		b = append(b, `,"j":true`...)
	}
	if p.Empty {
		b = append(b, `,"m":true`...)
	}
	return append(b, '}')
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

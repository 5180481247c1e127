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
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
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
		c.page = &Page{Operation: c.Op.ID, Account: c.number(), AsOf: c.Now, Args: args}
		return c.page, nil
	}
	p, err := c.opened(text)
	if err != nil || p.Operation != c.Op.ID || p.Account != c.number() {
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

// number is the seller's; noSeller for a grantless call.
func (c *Call) number() int {
	if c.Seller == nil {
		return noSeller
	}
	return c.Seller.Number
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

// Listed is the body of a page of a list: its items under one name and, where there are more, the next page's token under another.
func Listed[T any](c *Call, p *Page, size int, all []T, name string, show func(T) object, token string) object {
	part, more := Cut(all, p.Start, size)
	list := []object{}
	for _, v := range part {
		list = append(list, show(v))
	}
	body := object{name: list}
	if more {
		body[token] = c.Token(p, p.Start+size)
	}
	return body
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

// cuts are what faults have made of the pages before the one that a next token is for. They travel in the token: a page that is asked for again is the same
// again, whatever has been asked in between.
type cuts struct {
	Shown  int  `json:"k,omitempty"` // items of the page that have been shown
	Joined bool `json:"j,omitempty"` // what is left of it and the page after it are one
	Empty  bool `json:"m,omitempty"` // there was an empty page before it
}

// list answers with what handler makes of the call. If that is a list, it is as the faults have it that are in force.
func (c *Call) list(handler Handler, update func(*Call, string)) (answer.Reply, *answer.Error) {
	rep, err := handler(c)
	kind := fault.Kind(c.Exchange.Fault)
	hides := c.Desk.Faults.Lists(c.Op)
	if err != nil || rep.Status != http.StatusOK || !hides && !kind.OfPages() && c.cuts == (cuts{}) {
		return rep, err
	}
	l := fault.ReadList(c.Op.ID, rep)
	if l == nil {
		return rep, nil
	}
	w := fault.Walk{AsOf: c.Now, Args: c.Query}
	if c.page != nil {
		w.AsOf, w.Args, w.Later = c.page.AsOf, c.page.Args, c.Query.Get(c.tokenParameter()) != ""
		if l, err = c.cut(kind, l, handler); err != nil {
			return answer.Reply{}, err
		}
	}
	if hides {
		if c.Seller != nil {
			w.Seller = c.Seller.Number
		}
		if update != nil {
			w.Update = func(id string) { update(c, id) }
		}
		c.Desk.Faults.Hide(c.Exchange, c.Op, w, l)
	}
	return l.Reply(), nil
}

func (c *Call) tokenParameter() string { return strings.TrimPrefix(c.Op.Paging.TokenIn, "query:") }

// cut makes a page that begins and ends where faults have it: those of the pages before it, and the one of the given kind that strikes this one.
func (c *Call) cut(kind fault.Kind, l *fault.List, handler Handler) (*fault.List, *answer.Error) {
	if kind == fault.EmptyPage && !c.cuts.Empty {
		l.Items = nil
		l.SetNext(c.again(cuts{c.Shown, c.Joined, true}))
		return l, nil
	}
	size := len(l.Items)
	l.Items = slices.Clip(l.Items[min(c.Shown, size):])
	left := len(l.Items)
	switch {
	case kind == fault.ShortPage && (c.Joined || left < 2):
		return l, nil // what is left is little enough
	case kind == fault.ShortPage:
		some := c.Desk.Seed.Of("short page", c.Exchange.RequestID).Between(1, left-1)
		l.Items = l.Items[:some]
		l.SetNext(c.again(cuts{Shown: c.Shown + some}))
		return l, nil
	}
	end, rest, more := size, false, false // how many items of the handler's last page are on this one, whether some are left of it, and whether one follows it
	if c.Joined && left < size && l.Next() != "" {
		next, err := c.pageAfter(l, handler)
		if err != nil {
			return nil, err
		}
		end = min(len(next.Items), size-left)
		rest, more = end < len(next.Items), next.Next() != ""
		next.Items = append(l.Items, next.Items[:end]...)
		if l = next; rest {
			l.SetNext(c.again(cuts{Shown: end, Joined: more}))
		}
	}
	switch {
	case l.Next() == "":
	case kind == fault.Repeated && end > 0 && (!c.Joined || len(l.Items) > 1): // else the walk would stand still
		l.SetNext(c.again(cuts{Shown: end - 1, Joined: true}))
	case kind == fault.Skipped && rest:
		l.SetNext(c.again(cuts{Shown: end + 1, Joined: more}))
	case kind == fault.Skipped:
		if p, err := c.opened(l.Next()); err == nil {
			p.Shown++
			l.SetNext(c.Token(p, p.Start))
		}
	}
	return l, nil
}

// pageAfter asks the handler for the page after l, which is the call's page from then on.
func (c *Call) pageAfter(l *fault.List, handler Handler) (*fault.List, *answer.Error) {
	again := *c
	again.Now, again.page, again.Query = c.Exchange.Now, nil, maps.Clone(c.Query) // what the handler may have changed
	again.Query.Set(c.tokenParameter(), l.Next())
	rep, err := handler(&again)
	if err != nil {
		return nil, err
	}
	next := fault.ReadList(c.Op.ID, rep)
	if next == nil {
		return nil, answer.Internal()
	}
	c.page = again.page
	return next, nil
}

// again is a token of the page itself.
func (c *Call) again(with cuts) string {
	p := *c.page
	p.cuts = with
	return c.Token(&p, p.Start)
}

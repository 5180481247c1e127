package desk

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/fault"
)

// cuts are what faults have made of the pages before the one that a next token is for. They travel in the token: a page that is asked for again is the same again,
// whatever has been asked in between.
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

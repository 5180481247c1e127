package fault

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
)

// listed is one row of lists.csv, where the sources are.
type listed struct {
	id               []string
	created, updated string
	asked            []string
	moves            bool
}

//go:embed lists.csv
var listsCSV string

// knownLists reads the table once.
var knownLists = sync.OnceValue(func() map[string]*listed {
	rows := map[string]*listed{}
	for _, f := range table.Read("lists.csv", listsCSV) {
		l := &listed{id: strings.Split(f[1], "+"), created: f[2], updated: f[3], moves: f[5] == "yes"}
		if f[4] != "" {
			l.asked = strings.Split(f[4], "|")
		}
		rows[f[0]] = l
	}
	return rows
})

// idOf is what tells an item from the others of its list.
func (l *listed) idOf(item any) string {
	m, _ := item.(map[string]any)
	parts := make([]string, len(l.id))
	for i, name := range l.id {
		if v := m[name]; v != nil {
			parts[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(parts, "+")
}

// byUpdate tells whether a list with these arguments goes by last updates.
func (l *listed) byUpdate(args url.Values) bool {
	return l.updated != "" && (l.created == "" && l.asked == nil || slices.ContainsFunc(l.asked, args.Has))
}

// timeOf is the time by which an item comes into a list with these arguments; zero where it isn't known.
func (l *listed) timeOf(item any, args url.Values) time.Time {
	name := l.created
	if l.byUpdate(args) {
		name = l.updated
	}
	m, _ := item.(map[string]any)
	text, _ := m[name].(string)
	t, _ := format.ParseTime(text)
	return t
}

// Walk is what the list is like of which an answer is a page.
type Walk struct {
	Seller int
	AsOf   time.Time // of its first page
	Later  bool      // it isn't its first page
	Args   url.Values
	Update func(id string) // lets an item be updated now; nil where nothing can
}

// Lists tells whether there is a rule that strikes items of an operation's lists.
func (rules *Rules) Lists(op *catalog.Operation) bool {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	return slices.ContainsFunc(rules.list, func(r *faultRule) bool { return r.hides(op) })
}

// hides tells whether the rule strikes items of an operation's lists.
func (r *faultRule) hides(op *catalog.Operation) bool {
	t := r.Kind.target()
	return (t == items || t == movedItems) && r.fits(op)
}

// Hide takes out of a page what isn't shown on it, by all rules that there are. It notes in x the kinds of those that took something out.
func (rules *Rules) Hide(x *exchange.Exchange, op *catalog.Operation, w Walk, page *List) {
	known := knownLists()[op.ID]
	if known == nil {
		return
	}
	var update []string
	hidden := func(item any) bool {
		id := known.idOf(item)
		for _, r := range rules.list {
			if !r.hides(op) {
				continue
			}
			hide, first := r.hidesItem(rules, known, item, id, w, x.Now)
			if first {
				update = append(update, id)
			}
			if hide {
				x.Strike(string(r.Kind))
				return true
			}
		}
		return false
	}
	rules.mu.Lock()
	page.Items = slices.DeleteFunc(page.Items, hidden)
	rules.mu.Unlock()
	for _, id := range update { // which takes locks that whoever asks for a rule may hold
		w.Update(id)
	}
}

// hidesItem tells whether the rule keeps an item off a page, and whether it is to be updated for that.
func (r *faultRule) hidesItem(rules *Rules, l *listed, item any, id string, w Walk, now time.Time) (hide, update bool) {
	key := fmt.Sprint(w.Seller, " ", id)
	switch r.Kind {
	case Missing:
		return r.chooses(rules, key, now), false
	case Lag:
		came := l.timeOf(item, w.Args)
		if came.IsZero() || w.AsOf.Before(came) || !w.AsOf.Before(came.Add(r.Within)) {
			return false, false
		}
		// Each of its updates is late by another time, the same in all versions of an API.
		key = fmt.Sprint(key, " ", came.Unix())
		late := time.Duration(rules.Seed.Of("fault", r.ID, "late", key).Int64N(int64(r.Within))) + time.Nanosecond
		return w.AsOf.Before(came.Add(late)) && r.chooses(rules, key, now), false
	case Moved:
		if at, moved := r.chosen[key]; moved {
			return !at.Before(w.AsOf) && l.byUpdate(w.Args), false
		}
		if !w.Later || !l.byUpdate(w.Args) || w.Update == nil || !r.chooses(rules, key, now) {
			return false, false
		}
		return true, true
	}
	return false, false
}

// chooses tells whether the rule strikes what a key stands for: the same whoever asks, and whenever.
func (r *faultRule) chooses(rules *Rules, key string, now time.Time) bool {
	if _, before := r.chosen[key]; before {
		return true
	}
	if r.Probability > 0 && rules.Seed.Of("fault", r.ID, key).Float64() >= r.Probability || r.Limit > 0 && len(r.chosen) >= r.Limit {
		return false
	}
	if r.Limit > 0 || r.Kind == Moved {
		if r.chosen == nil {
			r.chosen = map[string]time.Time{}
		}
		r.chosen[key] = now
	}
	return true
}

// Lifetime is how long a next token of an operation lives that lives for d where no rule is against it.
func (rules *Rules) Lifetime(op *catalog.Operation, d time.Duration) time.Duration {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, r := range rules.list {
		if r.Kind == ShortToken && r.fits(op) {
			d = min(d, r.Within)
		}
	}
	return d
}

// List is an answer with a list of items in it.
type List struct {
	Items []any
	reply answer.Reply
	body  any
	op    *catalog.Operation
}

// ReadList reads the answer to an operation; nil where it has no list.
func ReadList(operation string, r answer.Reply) *List {
	op, known := catalog.Lookup(operation)
	if !known || op.Paging == nil || op.Paging.Items == "" || r.Status != http.StatusOK || r.Stream != nil {
		return nil
	}
	raw, contentType := r.Encode()
	body, err := format.DecodeJSON(raw)
	if err != nil {
		return nil
	}
	r.ContentType = contentType
	found, ok := at(body, op.Paging.Items).([]any)
	if !ok {
		return nil
	}
	return &List{found, r, body, op}
}

// at is what stands at a path of names in a body.
func at(body any, path string) any {
	for _, name := range strings.Split(path, ".") {
		m, _ := body.(map[string]any)
		body = m[name]
	}
	return body
}

// put sets what stands at a path, or takes it out.
func put(body any, path string, v any) {
	names := strings.Split(path, ".")
	m, _ := body.(map[string]any)
	for _, name := range names[:len(names)-1] {
		child, ok := m[name].(map[string]any)
		if !ok {
			child = map[string]any{}
			m[name] = child
		}
		m = child
	}
	if last := names[len(names)-1]; v == nil {
		delete(m, last)
	} else {
		m[last] = v
	}
}

// Next is the token of the page after it; "" where there is none.
func (l *List) Next() string {
	token, _ := at(l.body, l.op.Paging.TokenOut).(string)
	return token
}

// SetNext sets the token of the page after it.
func (l *List) SetNext(token string) { put(l.body, l.op.Paging.TokenOut, token) }

// Reply is the answer with the list as it is now.
func (l *List) Reply() answer.Reply {
	if l.Items == nil {
		l.Items = []any{}
	}
	put(l.body, l.op.Paging.Items, l.Items)
	l.reply.Body = l.body
	return l.reply
}

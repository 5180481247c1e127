package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-faster/jx"
)

// members says what of a JSON answer is taken out or replaced. Lists count as what is in them, names are compared without regard to case.
type members struct {
	below   map[string]*members
	drop    map[string]bool
	replace map[string]bool
	// keep are the only members that stay, where limited. What Amazon adds to such an object one day is taken out, too.
	keep    map[string]bool
	limited bool
}

// add takes in a path such as "payload.Orders.BuyerInfo", with the last names as "Name|Phone", or as "!City|PostalCode" for all but these ("!" alone: all).
func (m *members) add(path string, replace bool) {
	segments := strings.Split(path, ".")
	for _, s := range segments[:len(segments)-1] {
		s = strings.ToLower(s)
		if m.below == nil {
			m.below = map[string]*members{}
		}
		if m.below[s] == nil {
			m.below[s] = new(members)
		}
		m = m.below[s]
	}
	last, limited := strings.CutPrefix(strings.ToLower(segments[len(segments)-1]), "!")
	set := &m.drop
	switch {
	case limited:
		m.limited, set = true, &m.keep
	case replace:
		set = &m.replace
	}
	if *set == nil {
		*set = map[string]bool{}
	}
	for _, name := range strings.Split(last, "|") {
		(*set)[name] = true
	}
}

// merged has what both take out or replace. Neither is changed.
func merged(a, b *members) *members {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	m := &members{below: map[string]*members{}, drop: map[string]bool{}, replace: map[string]bool{}, keep: map[string]bool{}, limited: a.limited || b.limited}
	for _, from := range []*members{a, b} {
		for name, below := range from.below {
			m.below[name] = merged(m.below[name], below)
		}
		for name := range from.drop {
			m.drop[name] = true
		}
		for name := range from.replace {
			m.replace[name] = true
		}
		for name := range from.keep {
			if !(a.limited && b.limited) || a.keep[name] && b.keep[name] {
				m.keep[name] = true
			}
		}
	}
	return m
}

// errNotJSON never shows what came.
var errNotJSON = errors.New("it is not JSON")

// edit writes a JSON text without what m takes out. replaced is asked for the new text of each member that m replaces; path is its names, with dots. What stays
// keeps its spelling: numbers, and the order of members.
func (m *members) edit(text []byte, replaced func(path, value string) (string, error)) ([]byte, error) {
	if !json.Valid(text) {
		return nil, errNotJSON
	}
	d := jx.DecodeBytes(text)
	w := &jx.Writer{Buf: make([]byte, 0, len(text))}
	e := editor{d: d, w: w, replaced: replaced}
	if err := e.value(m, nil); err != nil {
		if e.err != nil {
			return nil, e.err
		}
		return nil, errNotJSON
	}
	return w.Buf, nil
}

type editor struct {
	d        *jx.Decoder
	w        *jx.Writer
	replaced func(path, value string) (string, error)
	err      error
}

func (e *editor) value(m *members, path []string) error {
	switch kind := e.d.Next(); {
	case m == nil:
		raw, err := e.d.Raw()
		if err == nil {
			e.w.Raw(raw)
		}
		return err
	case kind == jx.Array:
		e.w.ArrStart()
		first := true
		err := e.d.Arr(func(*jx.Decoder) error {
			if !first {
				e.w.Comma()
			}
			first = false
			return e.value(m, path)
		})
		e.w.ArrEnd()
		return err
	case kind == jx.Object:
		e.w.ObjStart()
		first := true
		err := e.d.Obj(func(_ *jx.Decoder, name string) error { return e.member(m, path, name, &first) })
		e.w.ObjEnd()
		return err
	case m.limited && kind != jx.Null: // an object should stand here: what else may be personal as well
		e.w.Null()
		return e.d.Skip()
	default:
		raw, err := e.d.Raw()
		if err == nil {
			e.w.Raw(raw)
		}
		return err
	}
}

func (e *editor) member(m *members, path []string, name string, first *bool) error {
	low := strings.ToLower(name)
	if m.drop[low] || m.limited && !m.keep[low] && m.below[low] == nil {
		return e.d.Skip()
	}
	if !*first {
		e.w.Comma()
	}
	*first = false
	e.w.FieldStart(name)
	path = append(slices.Clip(path), name)
	if !m.replace[low] || e.d.Next() != jx.String {
		return e.value(m.below[low], path)
	}
	value, err := e.d.Str()
	if err != nil {
		return err
	}
	if value, e.err = e.replaced(strings.Join(path, "."), value); e.err != nil {
		return fmt.Errorf("replace %s: %w", name, e.err)
	}
	e.w.Str(value)
	return nil
}

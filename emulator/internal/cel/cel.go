// Package cel evaluates filter expressions of notifications: the part of the Common Expression Language (github.com/google/cel-spec, doc/langdef.md) that
// Amazon takes. That is logic, comparisons, in, lists, members, has, all, exists, exists_one, filter and map, size, startsWith, endsWith, contains, matches,
// and conversions by int, double, string and timestamp; without arithmetic and indexing. Texts may stand in backquotes, as in Amazon's own example.
//
// Google's cel-go isn't used: it would make the command larger by more than 3 MB, and has no texts in backquotes.
package cel

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Program is an expression that has been read. It is safe for concurrent use.
type Program struct{ root node }

// MaxLength is how many characters an expression may have.
const MaxLength = 256

// Compile reads an expression. The error says what is wrong with it, and where.
func Compile(text string) (*Program, error) {
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, fmt.Errorf("has %d characters, want at most %d", n, MaxLength)
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.expression()
	if err == nil && p.peek().kind != end {
		err = p.unexpected("the end")
	}
	if err != nil {
		return nil, err
	}
	return &Program{root}, nil
}

// maxSteps bounds an evaluation: loops within loops take long, and so do patterns over long texts and comparisons of lists of lists.
const maxSteps = 1 << 17

var errSteps = errors.New("takes too many steps")

// Eval tells whether the expression is true of an object, as encoding/json reads one, numbers as float64 or json.Number. The error says why it is neither true
// nor false: a member that isn't there, types that can't be compared, a value that is no bool.
func (p *Program) Eval(object map[string]any) (bool, error) {
	v, err := p.root.eval(&scope{object: object, steps: new(int)})
	if err != nil {
		return false, err
	}
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, fmt.Errorf("is a %s, want a bool", nameOf(v))
}

// scope is what names mean.
type scope struct {
	object map[string]any
	// name and value are of the loop at hand; above are those around it.
	name  string
	value any
	above *scope
	steps *int
}

func (s *scope) lookup(name string) (any, error) {
	for at := s; at != nil; at = at.above {
		if at.above != nil && at.name == name {
			return at.value, nil
		}
	}
	if v, ok := s.object[name]; ok {
		return fromJSON(v), nil
	}
	return nil, fmt.Errorf("there is no %s", name)
}

// with is the scope in which a loop's variable has a value.
func (s *scope) with(name string, value any) *scope {
	return &scope{object: s.object, name: name, value: value, above: s, steps: s.steps}
}

// node is a part of an expression.
type node interface {
	eval(s *scope) (any, error)
}

// step evaluates a node, and counts.
func step(n node, s *scope) (any, error) {
	if err := s.spend(1); err != nil {
		return nil, err
	}
	return n.eval(s)
}

// spend counts what is more than one step's work.
func (s *scope) spend(steps int) error {
	if *s.steps += steps; *s.steps > maxSteps {
		return errSteps
	}
	return nil
}

type literal struct{ value any }

func (n literal) eval(*scope) (any, error) { return n.value, nil }

type name string

func (n name) eval(s *scope) (any, error) { return s.lookup(string(n)) }

// member is e.f.
type member struct {
	of   node
	name string
}

func (n member) eval(s *scope) (any, error) {
	v, found, err := n.find(s)
	if err == nil && !found {
		err = fmt.Errorf("there is no %s", n.name)
	}
	return v, err
}

func (n member) find(s *scope) (v any, found bool, err error) {
	of, err := step(n.of, s)
	if err != nil {
		return nil, false, err
	}
	m, ok := of.(map[string]any)
	if !ok {
		return nil, false, fmt.Errorf("a %s has no member %s", nameOf(of), n.name)
	}
	v, found = m[n.name]
	return fromJSON(v), found, nil
}

// has tells whether a member is there.
type has struct{ member }

func (n has) eval(s *scope) (any, error) {
	_, found, err := n.find(s)
	return found, err
}

type list []node

func (n list) eval(s *scope) (any, error) {
	values := make([]any, len(n))
	for i, element := range n {
		var err error
		if values[i], err = step(element, s); err != nil {
			return nil, err
		}
	}
	return values, nil
}

type not struct{ of node }

func (n not) eval(s *scope) (any, error) {
	b, err := truth(n.of, s)
	return !b, err
}

// logic is && or ||: whichever side decides does so, whatever the other one's error.
type logic struct {
	a, b    node
	decides bool
}

func (n logic) eval(s *scope) (any, error) {
	a, errA := truth(n.a, s)
	if errA == nil && a == n.decides {
		return a, nil
	}
	b, errB := truth(n.b, s)
	switch {
	case errB == nil && b == n.decides:
		return b, nil
	case errA != nil:
		return nil, errA
	case errB != nil:
		return nil, errB
	}
	return !n.decides, nil
}

func truth(n node, s *scope) (bool, error) {
	v, err := step(n, s)
	if err != nil {
		return false, err
	}
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, fmt.Errorf("a %s is neither true nor false", nameOf(v))
}

type choice struct{ condition, then, otherwise node }

func (n choice) eval(s *scope) (any, error) {
	b, err := truth(n.condition, s)
	if err != nil {
		return nil, err
	}
	if b {
		return step(n.then, s)
	}
	return step(n.otherwise, s)
}

// relation compares.
type relation struct {
	a, b     node
	operator string
}

func (n relation) eval(s *scope) (any, error) {
	a, err := step(n.a, s)
	if err != nil {
		return nil, err
	}
	b, err := step(n.b, s)
	if err != nil {
		return nil, err
	}
	switch n.operator {
	case "==", "!=":
		is := s.equal(a, b)
		return is == (n.operator == "=="), s.spend(0)
	case "in":
		is, err := s.within(a, b)
		return is, cmp.Or(s.spend(0), err)
	}
	order, err := compare(a, b)
	if err != nil {
		return nil, err
	}
	switch n.operator {
	case "<":
		return order == less, nil
	case "<=":
		return order == less || order == same, nil
	case ">":
		return order == more, nil
	}
	return order == more || order == same, nil
}

// call is a function, or a method with the value that it is of as its first argument.
type call struct {
	name string
	args []node
	do   func(s *scope, args []any) (any, error)
}

func (n call) eval(s *scope) (any, error) {
	args, err := list(n.args).eval(s)
	if err != nil {
		return nil, err
	}
	v, err := n.do(s, args.([]any))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.name, err)
	}
	return v, nil
}

// loop is one of all, exists, exists_one, filter and map over a list, or an object's names.
type loop struct {
	macro    string
	over     node
	variable string
	body     node
	choose   node // of map with three arguments
}

func (n loop) eval(s *scope) (any, error) {
	over, err := step(n.over, s)
	if err != nil {
		return nil, err
	}
	values, err := elements(over)
	if err == nil {
		err = s.spend(len(values) / 8) // they are copied
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.macro, err)
	}
	var failed error // the first
	count, made := 0, []any{}
	for _, v := range values {
		inner := s.with(n.variable, v)
		if n.choose != nil {
			if chosen, err := truth(n.choose, inner); err != nil {
				return nil, err
			} else if !chosen {
				continue
			}
		}
		if n.macro == "map" {
			value, err := step(n.body, inner)
			if err != nil {
				return nil, err
			}
			made = append(made, value)
			continue
		}
		b, err := truth(n.body, inner)
		switch {
		case errors.Is(err, errSteps):
			return nil, err
		case err != nil && (n.macro == "all" || n.macro == "exists"): // another element may decide
			failed = cmp.Or(failed, err)
		case err != nil:
			return nil, err
		case n.macro == "all" && !b:
			return false, nil
		case n.macro == "exists" && b:
			return true, nil
		case b:
			count++
			made = append(made, v)
		}
	}
	if failed != nil {
		return nil, failed
	}
	switch n.macro {
	case "all":
		return true, nil
	case "exists":
		return false, nil
	case "exists_one":
		return count == 1, nil
	}
	return made, nil
}

package cel

import (
	"fmt"
	"slices"
)

type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// takes moves on if a sign or word comes.
func (p *parser) takes(text string) bool {
	if t := p.peek(); (t.kind == sign || t.kind == word) && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(text string) error {
	if !p.takes(text) {
		return p.unexpected(`"` + text + `"`)
	}
	return nil
}

func (p *parser) unexpected(want string) error {
	t := p.peek()
	if t.kind == sign {
		switch t.text {
		case "+", "-", "*", "/", "%":
			return fmt.Errorf("column %d: %s is arithmetic, which isn't supported", t.column, t.text)
		case "[":
			return fmt.Errorf("column %d: indexing by [ ] isn't supported", t.column)
		case "{":
			return fmt.Errorf("column %d: maps can't be written", t.column)
		}
	}
	if t.kind == end {
		return fmt.Errorf("column %d: ends where %s was expected", t.column, want)
	}
	return fmt.Errorf("column %d: %s is not expected here: want %s", t.column, t.shown(), want)
}

func (p *parser) expression() (node, error) {
	condition, err := p.either()
	if err != nil || !p.takes("?") {
		return condition, err
	}
	then, err := p.either()
	if err != nil {
		return nil, err
	}
	if err := p.want(":"); err != nil {
		return nil, err
	}
	otherwise, err := p.expression()
	return choice{condition, then, otherwise}, err
}

// either is a chain of ||.
func (p *parser) either() (node, error) { return p.chain("||", true, p.both) }

// both is a chain of &&.
func (p *parser) both() (node, error) { return p.chain("&&", false, p.compared) }

func (p *parser) chain(operator string, decides bool, operand func() (node, error)) (node, error) {
	a, err := operand()
	for err == nil && p.takes(operator) {
		var b node
		if b, err = operand(); err == nil {
			a = logic{a, b, decides}
		}
	}
	return a, err
}

func (p *parser) compared() (node, error) {
	a, err := p.unary()
	for err == nil {
		t := p.peek()
		if !slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in"}, t.text) || t.kind != sign && t.kind != word {
			break
		}
		p.next()
		var b node
		if b, err = p.unary(); err == nil {
			a = relation{a, b, t.text}
		}
	}
	return a, err
}

func (p *parser) unary() (node, error) {
	if p.takes("!") {
		of, err := p.unary()
		return not{of}, err
	}
	return p.members()
}

// members is a value with members and methods behind it.
func (p *parser) members() (node, error) {
	n, err := p.primary()
	for err == nil && p.takes(".") {
		t := p.next()
		switch {
		case t.kind != word || reserved()[t.text]:
			p.at--
			return nil, p.unexpected("a member's name")
		case p.takes("("):
			n, err = p.method(n, t)
		default:
			n = member{n, t.text}
		}
	}
	return n, err
}

func (p *parser) primary() (node, error) {
	t := p.next()
	switch {
	case t.kind == value:
		return literal{t.value}, nil
	case t.kind == word && t.text == "true", t.kind == word && t.text == "false":
		return literal{t.text == "true"}, nil
	case t.kind == word && t.text == "null":
		return literal{nil}, nil
	case t.kind == word && !reserved()[t.text]:
		if p.takes("(") {
			return p.function(t)
		}
		return name(t.text), nil
	case t.kind == sign && t.text == "(":
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		return n, p.want(")")
	case t.kind == sign && t.text == "[":
		elements, err := p.arguments("]")
		return list(elements), err
	}
	if t.kind != end {
		p.at--
	}
	return nil, p.unexpected("a value")
}

// arguments are expressions with commas between, up to a closing sign.
func (p *parser) arguments(closing string) (args []node, err error) {
	for !p.takes(closing) {
		if len(args) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
			if closing == "]" && p.takes(closing) { // a list may end with a comma
				return args, nil
			}
		}
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, n)
	}
	return args, nil
}

// function is a call without a value before it; its opening parenthesis has been taken.
func (p *parser) function(t token) (node, error) {
	args, err := p.arguments(")")
	if err != nil {
		return nil, err
	}
	if t.text == "has" {
		if len(args) == 1 {
			if m, ok := args[0].(member); ok {
				return has{m}, nil
			}
		}
		return nil, fmt.Errorf("column %d: has wants one member, such as has(a.b)", t.column)
	}
	f, ok := functions()[t.text]
	if !ok || !f.global {
		return nil, fmt.Errorf("column %d: there is no function %s", t.column, t.text)
	}
	return f.call(t, args)
}

// method is a call on a value.
func (p *parser) method(of node, t token) (node, error) {
	args, err := p.arguments(")")
	if err != nil {
		return nil, err
	}
	switch t.text {
	case "all", "exists", "exists_one", "filter", "map":
		three := t.text == "map" && len(args) == 3
		if len(args) != 2 && !three {
			return nil, fmt.Errorf("column %d: %s wants a name and an expression, such as a.%s(x, x.b)", t.column, t.text, t.text)
		}
		variable, ok := args[0].(name)
		if !ok {
			return nil, fmt.Errorf("column %d: the first argument of %s is no name", t.column, t.text)
		}
		l := loop{macro: t.text, over: of, variable: string(variable), body: args[len(args)-1]}
		if three {
			l.choose = args[1]
		}
		return l, nil
	}
	f, ok := functions()[t.text]
	if !ok || !f.method {
		return nil, fmt.Errorf("column %d: there is no method %s", t.column, t.text)
	}
	return f.call(t, append([]node{of}, args...))
}

func (f function) call(t token, args []node) (node, error) {
	if len(args) != f.args {
		return nil, fmt.Errorf("column %d: %s has %d arguments, want %d", t.column, t.text, len(args), f.args)
	}
	if text, ok := args[len(args)-1].(literal); ok && t.text == "matches" {
		if pattern, ok := text.value.(string); ok {
			if _, err := patternSize(pattern); err != nil {
				return nil, fmt.Errorf("column %d: %w", t.column, err)
			}
		}
	}
	return call{t.text, args, f.do}, nil
}

package wire

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// Result is what a success of an operation holds, as far as it takes to tell one from what comes in its place: the message of a gateway, an
// empty object, null.
type Result struct {
	Operation string // "ordersv0.getOrders"
	Payload   bool   // the result is the member "payload" of the body
	Nothing   bool   // a success may hold nothing at all, such as {}
	Shape     Shape
}

// Shape is the kind of a value and, where it is an object or a list of objects, the members of those.
type Shape struct {
	Kind    Kind
	Members []string
	Objects []Inner // those of the members that the model wants something in
}

// Kind is the kind of a value.
type Kind uint8

// The kinds that are told apart.
const (
	AnyKind Kind = iota
	ObjectKind
	ListKind
	MapKind // an object whose members have no names beforehand
)

// Inner is a member that is an object, with members of its own.
type Inner struct {
	Name    string
	Members []string
}

// Results are those of all operations whose success has a body, in ascending order of operation. The slice is shared: don't change it.
func Results() []Result { return results[:] }

func resultOf(operation string) *Result {
	i, ok := slices.BinarySearchFunc(results[:], operation, func(r Result, id string) int { return cmp.Compare(r.Operation, id) })
	if !ok {
		return nil
	}
	return &results[i]
}

// ForeignError is a body that holds none of what its operation declares.
type ForeignError struct {
	Outline string // see [Outline]
}

func (e *ForeignError) Error() string {
	return "none of what the operation declares is in " + e.Outline
}

// Settled is the body of a success in the shape that its operation declares.
type Settled struct {
	Body []byte
	note *Warning // about the wrapper
	bare bool     // Body has a wrapper that the body as it came hasn't, else it lacks one
}

// Settle finds what an operation declares in the body of a success. A result without its wrapper "payload", or within one that is not declared, is
// taken with a warning: listTransactions 2024-06-19 came in one that its model lacked (amzn/selling-partner-api-models#4646). What holds
// nothing of the result is a [ForeignError]. A body that is no JSON is returned as it is, for its reader to find out. Good bodies are looked at only up
// to their first declared member.
func Settle(operation string, body []byte) (Settled, error) {
	return settle(resultOf(operation), body)
}

func settle(r *Result, body []byte) (Settled, error) {
	text := bytes.TrimPrefix(body, bom)
	switch {
	case isMessage(text):
		return Settled{}, &ForeignError{Outline(text)}
	case r == nil:
		return Settled{Body: body}, nil
	}
	s, ok, err := r.settle(text)
	switch {
	case err != nil:
		return Settled{Body: body}, nil
	case !ok:
		return Settled{}, &ForeignError{Outline(text)}
	case s.Body == nil:
		s.Body = body
	}
	return s, nil
}

// settle reports whether a body holds the result. Its error is one of the JSON.
func (r *Result) settle(text []byte) (s Settled, ok bool, err error) {
	bare, wrapped, payload := false, false, false
	if r.Payload {
		payload, wrapped, err = r.inPayload(text)
	} else {
		bare, err = r.Shape.in(text)
	}
	if err != nil || bare || wrapped {
		return Settled{}, true, err
	}
	if r.Payload {
		// Without members it could be anything. A payload that is there and holds nothing isn't made good by what stands beside it.
		if !payload && r.Shape.objects() {
			alone := r.Shape // an error list stands beside a wrapper too
			alone.Members = slices.DeleteFunc(slices.Clone(alone.Members), func(name string) bool { return name == "errors" })
			if bare, err = alone.in(text); err == nil && bare {
				return Settled{Body: slices.Concat([]byte(`{"payload":`), text, []byte("}")), bare: true,
					note: &Warning{Path: "payload", Reason: "the wrapper is missing, read without it"}}, true, nil
			}
		}
	} else if _, wrapped, err = r.inPayload(text); err == nil && wrapped {
		inner, err := member(text, "payload")
		return Settled{Body: inner, note: &Warning{Path: "payload", Reason: "a wrapper that is not declared, read all the same"}}, true, err
	}
	if err == nil && r.Nothing && first(text) == objectToken {
		ok, err = Nothing(text)
	}
	return Settled{}, ok, err
}

// about is what reading Body has led to, in terms of the body as it came.
func (s Settled) about(taken Taken) Taken {
	if s.note == nil {
		return taken
	}
	for i := range taken.Warnings {
		taken.Warnings[i].Path = s.path(taken.Warnings[i].Path)
	}
	taken.Warnings = append([]Warning{*s.note}, taken.Warnings...)
	taken.Errors = true // nobody has looked beside the wrapper
	return taken
}

// path is a path in Body as one in the body as it came.
func (s Settled) path(inner string) string {
	switch {
	case s.bare:
		return strings.TrimPrefix(strings.TrimPrefix(inner, "payload"), ".")
	case inner == "" || inner[0] == '[':
		return "payload" + inner
	}
	return "payload." + inner
}

// first is the kind of a text's value.
func first(text []byte) token {
	s := scan(text)
	return s.next()
}

// inPayload reports whether a body has a member "payload" other than null, and whether that holds the result. If it doesn't, the error is about the whole
// body.
func (r *Result) inPayload(text []byte) (present, holds bool, err error) {
	s := scan(text)
	if s.next() != objectToken {
		s.skip()
		return false, false, s.end()
	}
	for m := (members{s: &s}); m.next(); {
		if string(m.name) != "payload" {
			s.skip()
			continue
		}
		present = present || s.next() != nullToken
		if r.Shape.holds(&s) {
			return true, true, s.err
		}
	}
	return present, false, s.end()
}

// in is holds for a text.
func (s *Shape) in(text []byte) (bool, error) {
	all := scan(text)
	holds := s.holds(&all)
	return holds, all.err
}

// holds reports whether the next value holds anything of the shape: a list, also an empty one, or a declared member that isn't null or an empty
// text. A single value counts where a list is declared, and a list of one where a single value is, as the decoder reads them. The value
// is passed over if it doesn't.
func (s *Shape) holds(in *scanner) bool {
	switch in.next() {
	case nullToken:
		in.literal()
		return false
	case objectToken:
		switch {
		case s.Kind == AnyKind || s.Kind == MapKind:
			return true
		case !s.objects(): // a list of scalars
			in.skip()
			return false
		}
		return s.inObject(in)
	case arrayToken:
		switch {
		case s.Kind == MapKind:
			in.skip()
			return false
		case s.Kind == AnyKind || s.Kind == ListKind && !s.objects():
			return true
		}
		return s.inList(in)
	case stringToken:
		text, _ := in.quoted()
		return s.takesScalars() && len(text) > 0 && in.err == nil
	}
	in.skip()
	return s.takesScalars() && in.err == nil
}

// objects reports whether the value is made of objects with members that are known.
func (s *Shape) objects() bool { return len(s.Members)+len(s.Objects) > 0 }

func (s *Shape) takesScalars() bool {
	return s.Kind == AnyKind || s.Kind == ListKind && !s.objects()
}

func (s *Shape) inObject(in *scanner) bool {
	for m := (members{s: in}); m.next(); {
		if of, declared := s.member(m.name); !declared {
			in.skip()
		} else if of.holds(in) {
			return true
		}
	}
	return false
}

// inList looks for an object in a list that holds anything. An empty list says that there are none; where an object is declared, it is to be the only one.
func (s *Shape) inList(in *scanner) bool {
	one := Shape{Kind: ObjectKind, Members: s.Members, Objects: s.Objects}
	n, found := 0, false
	for e := (elements{s: in}); e.next(); n++ {
		holds := false
		if s.Kind == ListKind || in.next() == objectToken { // lists don't lie deeper in each other where an object is declared
			ahead := *in
			holds = one.holds(&ahead)
		}
		if in.skip(); in.err != nil {
			return false
		}
		if holds && s.Kind == ListKind {
			return true
		}
		found = found || holds
	}
	if in.err != nil {
		return false
	}
	if s.Kind == ListKind {
		return n == 0
	}
	return found && n == 1
}

// member is the shape of a declared member.
func (s *Shape) member(key []byte) (of Shape, declared bool) {
	for _, name := range s.Members {
		if string(key) == name {
			return Shape{}, true
		}
	}
	for _, o := range s.Objects {
		if string(key) == o.Name {
			return Shape{Kind: ObjectKind, Members: o.Members}, true
		}
	}
	return Shape{}, false
}

// member is a member of an object as it stands. What stands behind it is looked at too: it doesn't come along.
func member(text []byte, name string) (value []byte, err error) {
	s := scan(text)
	s.space()
	for m := (members{s: &s}); m.next(); {
		if value == nil && string(m.name) == name {
			value = s.raw()
			continue
		}
		s.skip()
	}
	return value, s.end()
}

// Nothing reports whether a body has neither a value nor a list, not even an empty one: null, and objects of nothing. A list of errors doesn't count.
func Nothing(body []byte) (bool, error) {
	if body = bytes.TrimSpace(bytes.TrimPrefix(body, bom)); len(body) == 0 {
		return true, nil
	}
	s := scan(body)
	return s.nothing("errors"), s.err
}

func (s *scanner) nothing(but string) bool {
	switch s.next() {
	case nullToken:
		s.literal()
		return s.err == nil
	case stringToken:
		text, _ := s.quoted()
		return len(text) == 0 && s.err == nil
	case objectToken:
		for m := (members{s: s}); m.next(); {
			if but != "" && string(m.name) == but {
				s.skip()
			} else if !s.nothing("") {
				return false
			}
		}
		return s.err == nil
	}
	return false
}

// isMessage reports whether a body is what a gateway says, {"message":"Endpoint request timed out"}, and nothing else. No operation declares that for
// its result: the one that declares a message wants a code beside it.
func isMessage(text []byte) bool {
	s := scan(text)
	if s.next() != objectToken {
		return false
	}
	found := false
	for m := (members{s: &s}); m.next(); {
		switch string(m.name) {
		case "message", "Message":
			if s.next() != stringToken {
				return false
			}
			found = true
		case "__type":
		default:
			return false
		}
		s.skip()
	}
	return found && s.end() == nil
}

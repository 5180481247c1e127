package wire

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// form is how values of a Go type are read: the types of results are compiled to forms when they are first needed, from the tags that encoding/json
// reads too.
type form struct {
	kind   kind
	typ    reflect.Type
	size   uintptr
	elem   *form          // what is pointed to, or an element
	fields []field        // of structs
	index  map[string]int // of fields, by name
	place  int            // of what a reader remembers about it
	list   reflect.Type   // a list of it, for making room
}

// field is a member of an object.
type field struct {
	form    *form
	offset  uintptr
	opening string // as it is written most of the time: `"AmazonOrderId":`
}

// kind tells forms apart.
type kind uint8

const (
	textKind    kind = iota // a string type
	boolKind                // bool
	boolPointer             // *bool
	intKind                 // int64
	intPointer              // *int64
	decimalKind             // json.Number
	timeKind                // time.Time
	dateKind                // Date
	rawKind                 // json.RawMessage
	ownKind                 // a type that reads itself from a text
	structKind
	pointerKind // to a struct
	listKind
	mapKind    // of texts to anything
	errorsKind // the member "errors" of a whole result
)

var (
	numberType = reflect.TypeFor[json.Number]()
	dateType   = reflect.TypeFor[Date]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// compiler makes the forms of all types that a result reaches.
type compiler struct {
	forms map[reflect.Type]*form
}

func (c *compiler) compile(t reflect.Type) *form {
	if f := c.forms[t]; f != nil {
		return f
	}
	f := &form{typ: t, size: t.Size(), place: len(c.forms), list: reflect.SliceOf(t)}
	c.forms[t] = f // before what it is made of: types may hold themselves
	switch {
	case t == numberType:
		f.kind = decimalKind
	case t == timeType:
		f.kind = timeKind
	case t == dateType:
		f.kind = dateKind
	case t == rawType:
		f.kind = rawKind
	case reflect.PointerTo(t).Implements(textType):
		f.kind = ownKind
	case t.Kind() == reflect.String:
		f.kind = textKind
	case t.Kind() == reflect.Bool:
		f.kind = boolKind
	case t.Kind() == reflect.Int64:
		f.kind = intKind
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		f.kind = boolPointer
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Int64:
		f.kind = intPointer
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		f.kind, f.elem = pointerKind, c.compile(t.Elem())
	case t.Kind() == reflect.Slice:
		f.kind, f.elem = listKind, c.compile(t.Elem())
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		f.kind, f.elem = mapKind, c.compile(t.Elem())
	case t.Kind() == reflect.Struct:
		f.kind = structKind
		c.members(f)
	default:
		panic(fmt.Sprintf("no JSON is read into a %s", t)) // generated code has none
	}
	return f
}

// members are the fields that have a tag.
func (c *compiler) members(f *form) {
	f.index = map[string]int{}
	for i := range f.typ.NumField() {
		goField := f.typ.Field(i)
		name, _, _ := strings.Cut(goField.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		f.index[name] = len(f.fields)
		f.fields = append(f.fields, field{form: c.compile(goField.Type), offset: goField.Offset, opening: strconv.Quote(name) + ":"})
	}
}

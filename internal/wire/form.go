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
	kind   formKind
	typ    reflect.Type
	size   uintptr
	elem   *form          // what is pointed to, or an element
	fields []field        // of structs
	index  map[string]int // of fields, by name
	folded map[string]int // of fields, by name in lower case, where they are read loosely
	place  int            // of what a reader remembers about it
	list   reflect.Type   // a list of it, for making room
}

// field is a member of an object.
type field struct {
	form    *form
	offset  uintptr
	opening string // as it is written most of the time: `"AmazonOrderId":`
}

// formKind tells forms apart.
type formKind uint8

const (
	unknownForm formKind = iota // of a form that is being compiled
	textForm                    // a string type
	boolForm                    // bool
	boolPointer                 // *bool
	intForm                     // int64
	intPointer                  // *int64
	decimalForm                 // json.Number
	timeForm                    // time.Time
	dateForm                    // Date
	rawForm                     // json.RawMessage
	ownForm                     // a type that reads itself from a text
	structForm
	pointerForm // to a struct
	listForm
	mapForm    // of texts to anything
	errorsForm // the member "errors" of a whole result
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
	loose bool // for DecodeLoose
}

func (c *compiler) compile(t reflect.Type) *form {
	if f := c.forms[t]; f != nil {
		return f
	}
	f := &form{typ: t, size: t.Size(), place: len(c.forms), list: reflect.SliceOf(t)}
	c.forms[t] = f // before what it is made of: types may hold themselves
	switch {
	case t == numberType:
		f.kind = decimalForm
	case t == timeType:
		f.kind = timeForm
	case t == dateType:
		f.kind = dateForm
	case t == rawType:
		f.kind = rawForm
	case reflect.PointerTo(t).Implements(textType):
		f.kind = ownForm
	case t.Kind() == reflect.String:
		f.kind = textForm
	case t.Kind() == reflect.Bool:
		f.kind = boolForm
	case t.Kind() == reflect.Int64:
		f.kind = intForm
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		f.kind = boolPointer
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Int64:
		f.kind = intPointer
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		f.kind, f.elem = pointerForm, c.compile(t.Elem())
	case t.Kind() == reflect.Slice:
		f.kind, f.elem = listForm, c.compile(t.Elem())
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		f.kind, f.elem = mapForm, c.compile(t.Elem())
	case t.Kind() == reflect.Struct:
		f.kind = structForm
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
	if c.loose {
		f.folding()
	}
}

package wire

import (
	"errors"
	"reflect"
	"sync"
	"unsafe"
)

// root reads the bodies whose result is of one type.
type root struct {
	form    *form
	forms   int
	readers sync.Pool
}

var roots sync.Map // by reflect.Type

func rootOf(t reflect.Type) *root {
	if known, ok := roots.Load(t); ok {
		return known.(*root)
	}
	c := compiler{forms: map[reflect.Type]*form{}}
	made := &root{form: c.compile(t), forms: len(c.forms)}
	known, _ := roots.LoadOrStore(t, made)
	return known.(*root)
}

var errNull = errors.New("the body is null")

// read reads a body into the memory of a result. In a wrapper it is in the member "payload"; where that is missing, the result is a zero value. Behind a
// pointer there is a value in any case.
func (r *root) read(body []byte, wrapped bool, out unsafe.Pointer) (taken Taken, err error) {
	reader, ok := r.readers.Get().(*reader)
	if !ok {
		reader = newReader(r.forms)
	}
	form, into := r.form, out
	taken.Warnings, err = reader.decoder.read(body, func() {
		reader.begin()
		if r.form.kind == pointerKind {
			form, into = r.form.elem, reflect.New(r.form.elem.typ).UnsafePointer()
			*(*unsafe.Pointer)(out) = into
		} else {
			reflect.NewAt(form.typ, out).Elem().SetZero()
		}
		switch {
		case wrapped:
			reader.payload(form, into)
		case reader.null():
			reader.fail(errNull)
		default:
			reader.value(form, into)
		}
	})
	taken.Body, taken.Lists, taken.Errors = reader.buf, reader.lists, reader.errors
	if i, declared := form.index["errors"]; declared && !wrapped {
		field := form.fields[i]
		taken.Errors = taken.Errors || !reflect.NewAt(field.form.typ, unsafe.Add(into, field.offset)).Elem().IsZero()
	}
	reader.release()
	r.readers.Put(reader)
	return taken, err
}

// payload reads a body that holds the result in its member "payload".
func (r *reader) payload(f *form, p unsafe.Pointer) {
	ok, inList := r.decoder.object()
	if !ok {
		return
	}
	for m := (members{s: &r.scanner}); m.next(); {
		switch string(m.name) {
		case "payload":
			r.value(f, p)
		case "errors":
			r.errors = true
			r.skip()
		default:
			r.skip()
		}
	}
	if inList {
		r.more(']')
	}
}

// Decode reads a body into a result of any type that results have, as a call does, from the member "payload" where it is wrapped. Its error means that the
// body is not JSON; everything less is a warning.
func Decode[Out any](body []byte, wrapped bool) (out Out, warnings []Warning, err error) {
	taken, err := rootOf(reflect.TypeFor[Out]()).read(body, wrapped, unsafe.Pointer(&out))
	return out, taken.Warnings, err
}

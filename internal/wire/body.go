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
	top     *form // what is pointed to, if the result is a pointer
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
	made.top = made.form
	if made.form.kind == pointerForm {
		made.top = made.form.elem
	}
	if i, declared := made.top.index["errors"]; declared {
		field := &made.top.fields[i]
		field.form = &form{kind: errorsForm, elem: field.form}
	}
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
	taken.Warnings, err = reader.decoder.read(body, func() {
		reader.begin()
		into := out
		if r.form != r.top {
			into = reflect.New(r.top.typ).UnsafePointer()
			*(*unsafe.Pointer)(out) = into
		} else {
			reflect.NewAt(r.top.typ, out).Elem().SetZero()
		}
		switch {
		case wrapped:
			reader.payload(r.top, into)
		case reader.null():
			if reader.end() == nil {
				reader.fail(errNull)
			}
		default:
			reader.value(r.top, into)
		}
	})
	taken.Body, taken.Lists, taken.Errors = reader.buf, reader.lists, reader.errors
	if !wrapped && r.top.kind != structForm && r.top.kind != mapForm {
		taken.Errors = first(reader.buf) == objectToken // whose members nobody has seen
	}
	reader.release()
	r.readers.Put(reader)
	return taken, err
}

// payload reads a body that holds the result in its member "payload".
func (r *reader) payload(f *form, p unsafe.Pointer) {
	ok, around := r.decoder.object()
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
	if !r.close(around) {
		reflect.NewAt(f.typ, p).Elem().SetZero()
	}
}

// Decode reads a body into a result of any type that results have, as a call does, from the member "payload" where it is wrapped. Its error means that the
// body is not JSON; everything less is a warning.
func Decode[Out any](body []byte, wrapped bool) (out Out, warnings []Warning, err error) {
	taken, err := rootOf(reflect.TypeFor[Out]()).read(body, wrapped, unsafe.Pointer(&out))
	return out, taken.Warnings, err
}

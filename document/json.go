package document

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/go-faster/jx"
)

// DefaultMaxElement bounds an element of [Elements] and a line of [Lines], in bytes.
const DefaultMaxElement = 16 << 20

// bound is the limit that a caller's stands for.
func bound(limit int) int { return cmp.Or(max(limit, 0), DefaultMaxElement) }

// ElementError is an element that is larger than the bound.
type ElementError struct {
	Index int64 // of the element or line, from 0
	Limit int   // bytes
}

func (e *ElementError) Error() string {
	return fmt.Sprintf("document: element %d is larger than the %d bytes allowed", e.Index, e.Limit)
}

// PathError is a JSON document that has no array where one was expected.
type PathError struct {
	Path   string
	Reason string
}

func (e *PathError) Error() string {
	return fmt.Sprintf("document: no array at %q: %s", e.Path, e.Reason)
}

// errStop ends the decoding because the caller has had enough.
var errStop = errors.New("stop")

// Elements goes through the elements of an array in a JSON document, one at a time and each as JSON that is valid until the next: path names the members that lead to the array
// ("salesAndTrafficByAsin", "report.items"), "" if the document is the array. A null there has no elements. The document is read to its end, so damage after
// the array shows. Limit bounds an element in bytes; 0 or less means [DefaultMaxElement].
//
// Errors: [*PathError], [*ElementError], malformed JSON, those of the source.
func Elements(src io.Reader, path string, limit int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		bounded := &boundedReader{src: src, limit: bound(limit)}
		e := &elements{d: jx.Decode(bounded, 64<<10), path: path, source: bounded, yield: yield}
		var names []string
		if path != "" {
			names = strings.Split(path, ".")
		}
		err := e.walk(names)
		if err == nil && !e.found {
			err = &PathError{Path: path, Reason: fmt.Sprintf("%q is missing; there are %q", e.missing, e.seen)}
		}
		if err == nil {
			err = e.rest()
		}
		if err == nil || errors.Is(err, errStop) {
			return
		}
		yield(nil, bounded.explained(err))
	}
}

// explained is an error of decoding as callers have it: without the path of the decoder's own functions.
func (b *boundedReader) explained(err error) error {
	if b.err != nil && b.err != io.EOF {
		return b.err
	}
	if e, ok := errors.AsType[*PathError](err); ok {
		return e
	}
	switch text := err.Error(); {
	case err == io.EOF:
		return fmt.Errorf("document: empty, where JSON is wanted: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.ErrUnexpectedEOF) && b.err == io.EOF:
		return fmt.Errorf("document: the JSON is cut short: %w", io.ErrUnexpectedEOF)
	case !strings.HasPrefix(text, "document: "):
		return fmt.Errorf("document: this is no JSON: %s", strings.ReplaceAll(text, "callback: ", ""))
	}
	return err
}

type elements struct {
	d       *jx.Decoder
	source  *boundedReader
	path    string
	yield   func([]byte, error) bool
	found   bool
	missing string
	seen    []string
}

// walk follows the names and goes through the array at their end.
func (e *elements) walk(names []string) error {
	e.source.reset()
	kind := e.d.Next()
	if len(names) == 0 {
		e.found = true
		switch kind {
		case jx.Array:
			return e.array()
		case jx.Null:
			return e.d.Null()
		case jx.Invalid: // nothing at all, or no JSON: skipping says which
			return e.d.Skip()
		}
		return &PathError{Path: e.path, Reason: "it is " + article(kind)}
	}
	if kind == jx.Invalid {
		return e.d.Skip()
	}
	if kind != jx.Object {
		return &PathError{Path: e.path, Reason: fmt.Sprintf("%q is looked for in %s", names[0], article(kind))}
	}
	e.missing, e.seen = names[0], nil
	return e.d.Obj(func(_ *jx.Decoder, key string) error {
		e.source.reset()
		if key == names[0] && !e.found {
			return e.walk(names[1:])
		}
		if len(e.seen) < 20 && !e.found {
			e.seen = append(e.seen, clip(key))
		}
		e.source.unlimited()
		return e.d.Skip()
	})
}

func (e *elements) array() error {
	return e.d.Arr(func(d *jx.Decoder) error {
		e.source.reset()
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		e.source.index++
		if !e.yield(bytes.TrimSpace(raw), nil) {
			return errStop
		}
		e.source.reset()
		return nil
	})
}

// rest reads to the end of the source, where its checks are.
func (e *elements) rest() error {
	e.source.unlimited()
	if kind := e.d.Next(); kind != jx.Invalid || !ended(e.d.Skip()) {
		if err := e.source.err; err != nil && err != io.EOF {
			return err
		}
		return errors.New("document: text after the end of the JSON")
	}
	if e.source.err != io.EOF {
		return e.source.err
	}
	return nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func article(kind jx.Type) string {
	switch kind {
	case jx.Array:
		return "an array"
	case jx.Object:
		return "an object"
	}
	return "a " + kind.String()
}

// boundedReader fails when more is read for one element than is allowed. It counts what is read, not what is used: the decoder's buffer makes no difference worth naming.
type boundedReader struct {
	src   io.Reader
	limit int
	left  int
	index int64
	err   error
}

func (b *boundedReader) reset()     { b.left = b.limit }
func (b *boundedReader) unlimited() { b.left = -1 }

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		b.err = &ElementError{Index: b.index, Limit: b.limit}
		return 0, b.err
	}
	if b.left > 0 {
		p = p[:min(len(p), b.left)]
	}
	n, err := 0, error(nil)
	for empty := 0; n == 0 && err == nil; empty++ { // the decoder would take a read of nothing for a byte
		if n, err = b.src.Read(p); empty == 100 {
			err = io.ErrNoProgress
		}
	}
	if b.left > 0 {
		b.left -= n
	}
	b.err = err
	return n, err
}

// Lines goes through a JSONL document, one line at a time without its end, each valid until the next; empty lines are passed over. The lines
// are not looked into. Limit bounds a line in bytes; 0 or less means [DefaultMaxElement].
//
// Errors: [*ElementError], those of the source.
func Lines(src io.Reader, limit int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		limit := bound(limit)
		br := bufio.NewReaderSize(src, min(64<<10, limit)+1)
		var long []byte
		for index := int64(0); ; {
			line, err := br.ReadSlice('\n')
			if len(long)+len(bytes.TrimRight(line, "\r\n")) > limit {
				yield(nil, &ElementError{Index: index, Limit: limit})
				return
			}
			if err == bufio.ErrBufferFull || len(long) > 0 {
				long = append(long, line...)
				line = long
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && err != io.EOF {
				yield(nil, err)
				return
			}
			if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
				index++
				if !yield(trimmed, nil) {
					return
				}
			}
			long = long[:0]
			if err == io.EOF {
				return
			}
		}
	}
}

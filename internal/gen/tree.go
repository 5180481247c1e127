package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-faster/jx"
)

// node is a JSON value that knows where it stands: errors name the place, and members keep the order of the file, which the
// generated structs follow.
type node struct {
	file, ptr string // ptr is a JSON pointer (RFC 6901)
	kind      jx.Type
	members   []member
	items     []*node
	text      string // of a string (decoded), number or boolean (as written)
}

type member struct {
	key   string
	value *node
}

// parseTree reads a whole JSON document.
func parseTree(file string, data []byte) (*node, error) {
	d := jx.DecodeBytes(data)
	n, err := readNode(d, file, "")
	if err == nil {
		if end := d.Skip(); !errors.Is(end, io.EOF) && !errors.Is(end, io.ErrUnexpectedEOF) {
			err = errors.New("data after the JSON value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func readNode(d *jx.Decoder, file, ptr string) (*node, error) {
	n := &node{file: file, ptr: ptr, kind: d.Next()}
	var inner error // without the words that the decoder adds at each level
	switch n.kind {
	case jx.Object:
		err := d.Obj(func(d *jx.Decoder, key string) error {
			var v *node
			v, inner = readNode(d, file, ptr+"/"+pointerEscaper.Replace(key))
			n.members = append(n.members, member{key, v})
			return inner
		})
		return n, cmp.Or(inner, err)
	case jx.Array:
		err := d.Arr(func(d *jx.Decoder) error {
			var v *node
			v, inner = readNode(d, file, ptr+"/"+strconv.Itoa(len(n.items)))
			n.items = append(n.items, v)
			return inner
		})
		return n, cmp.Or(inner, err)
	case jx.String:
		s, err := d.Str()
		n.text = s
		return n, err
	default:
		raw, err := d.Raw()
		n.text = string(raw)
		return n, err
	}
}

// errorf makes an error that names file and place.
func (n *node) errorf(format string, args ...any) error {
	ptr := n.ptr
	if ptr == "" {
		ptr = "/"
	}
	return fmt.Errorf("%s: %s: %s", n.file, ptr, fmt.Sprintf(format, args...))
}

// get returns the member of that name or nil. It works on nil too.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// str is the string member of that name, "" where there is none.
func (n *node) str(key string) (string, error) {
	v := n.get(key)
	if v == nil {
		return "", nil
	}
	if v.kind != jx.String {
		return "", v.errorf("%s must be a string, not %s", key, v.kind)
	}
	return v.text, nil
}

func (n *node) bool(key string) (bool, error) {
	v := n.get(key)
	if v == nil {
		return false, nil
	}
	b, err := strconv.ParseBool(v.text) // some models write "true" in quotes
	if err != nil {
		return false, v.errorf("%s must be a boolean, not %q", key, v.text)
	}
	return b, nil
}

func (n *node) float(key string) (*float64, error) {
	v := n.get(key)
	if v == nil {
		return nil, nil
	}
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil {
		return nil, v.errorf("%s must be a number, not %q", key, v.text)
	}
	return &f, nil
}

func (n *node) int(key string) (*int, error) {
	f, err := n.float(key)
	if f == nil || err != nil {
		return nil, err
	}
	i := int(*f)
	if float64(i) != *f || i < 0 {
		return nil, n.get(key).errorf("%s must be a whole number from 0, not %v", key, *f)
	}
	return &i, nil
}

func (n *node) strings(key string) ([]string, error) {
	v := n.get(key)
	if v == nil {
		return nil, nil
	}
	if v.kind != jx.Array {
		return nil, v.errorf("%s must be an array, not %s", key, v.kind)
	}
	var out []string
	for _, item := range v.items {
		if item.kind == jx.Object || item.kind == jx.Array {
			return nil, item.errorf("%s must hold scalars, not %s", key, item.kind)
		}
		out = append(out, item.text)
	}
	return out, nil
}

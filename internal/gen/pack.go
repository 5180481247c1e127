package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

// tableFile has the operations of operationsFile as Go data: the command is done before JSON of that size would have been read.
const tableFile = "internal/catalog/operations.gen.go"

// packed is the form in which the catalogue holds a file: people read the JSON beside it, which is ten times as large.
func packed(path string) string { return path + ".gz" }

// pack adds what the catalogue is compiled from to the files that people, and the generator's next run, read.
func (o output) pack(index []catalog.Operation) error {
	for path, data := range o {
		if ok, _ := filepath.Match(detailFile("*"), path); !ok {
			continue
		}
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		if err != nil {
			return err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, err = compact.WriteTo(w); err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
		o[packed(path)] = buf.Bytes()
	}
	return o.render(tableFile, "catalog.tmpl", index)
}

// same compares what files say: another version of Go may pack the same in other bytes.
func same(path string, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if filepath.Ext(path) != ".gz" {
		return false
	}
	a, errA := unpack(a)
	b, errB := unpack(b)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func unpack(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// widest is how many bytes of a literal may stand on a line; with more, each of its parts has a line of its own.
const widest = 110

// literal prints a value as Go does in a composite literal whose type is known; fields that are zero are left out.
func literal(v any) string { return literalOf(reflect.ValueOf(v), false) }

func literalOf(v reflect.Value, typed bool) string {
	var parts []string
	switch v.Kind() {
	case reflect.Pointer:
		return "&" + literalOf(v.Elem(), true)
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+literalOf(v.Field(i), true))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, literalOf(v.Index(i), false))
		}
		typed = true
	case reflect.String:
		return quoted(v.String())
	default:
		return fmt.Sprintf("%#v", v)
	}
	text := "{" + strings.Join(parts, ", ") + "}"
	if len(text) > widest {
		text = "{\n" + strings.Join(parts, ",\n") + ",\n}"
	}
	if !typed {
		return text
	}
	if v.Kind() == reflect.Slice {
		return strings.ReplaceAll(v.Type().String(), "catalog.", "") + text
	}
	return v.Type().Name() + text
}

// quoted prints a string in pieces, each on a line.
func quoted(s string) string {
	var b strings.Builder
	for len(s) > widest {
		at := strings.LastIndexByte(s[:widest], ' ') + 1
		if at == 0 {
			break // one long word
		}
		fmt.Fprintf(&b, "%q +\n", s[:at])
		s = s[at:]
	}
	fmt.Fprintf(&b, "%q", s)
	return b.String()
}

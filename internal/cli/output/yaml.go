package output

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// writeYAML writes a value in YAML 1.2's block style. Strings that could be read as something else, by YAML 1.1 readers too, are
// written as in JSON, which YAML has as well; no control character and none of the direction of writing stands there bare.
func writeYAML(w io.Writer, v Value) error {
	var b bytes.Buffer
	writeNode(&b, v, 0, false)
	_, err := w.Write(b.Bytes())
	return err
}

// writeNode writes v with a newline at its end. inline tells that the line has begun, behind "- " or "name:".
func writeNode(b *bytes.Buffer, v Value, indent int, inline bool) {
	pad := func() {
		if !inline {
			for range indent {
				b.WriteString("  ")
			}
		}
		inline = false
	}
	switch kind := v.Kind(); {
	case kind == Object && v.Len() == 0:
		b.WriteString("{}\n")
	case kind == Object:
		for name, m := range v.Members() {
			pad()
			b.WriteString(yamlScalar(name) + ":")
			child(b, m, indent)
		}
	case kind == Array && v.Len() == 0:
		b.WriteString("[]\n")
	case kind == Array:
		for e := range v.Elements() {
			pad()
			b.WriteString("- ")
			writeNode(b, e, indent+1, true)
		}
	case kind == String:
		b.WriteString(yamlScalar(v.Text()) + "\n")
	case kind == Nothing:
		b.WriteString("null\n")
	default:
		b.WriteString(v.Text() + "\n")
	}
}

// child writes the value of a member behind its colon.
func child(b *bytes.Buffer, v Value, indent int) {
	if v.Len() == 0 {
		b.WriteString(" ")
		writeNode(b, v, indent, true)
		return
	}
	b.WriteString("\n")
	if v.Kind() == Object {
		indent++
	}
	writeNode(b, v, indent, false)
}

// reserved are words that are no strings in YAML 1.1, in any case.
var reserved = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}

// isPlain reports whether a string may stand there as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '/':
		case i > 0 && (c >= '0' && c <= '9' || strings.IndexByte(".@+ -", c) >= 0):
		default:
			return false
		}
	}
	return s != "" && s[len(s)-1] != ' ' && !slices.ContainsFunc(reserved, func(word string) bool { return strings.EqualFold(s, word) })
}

func yamlScalar(s string) string {
	if isPlain(s) {
		return s
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= '\x7f' || r == '"' || r == '\\' }) {
		return `"` + s + `"`
	}
	b, _ := encode(s) // half a surrogate pair, which YAML can't write, became U+FFFD when it was read
	return escaped(string(b))
}

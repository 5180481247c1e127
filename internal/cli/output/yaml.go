package output

import (
	"bytes"
	"io"
	"regexp"
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

// writeRow writes a value as the element of a list.
func writeRow(w io.Writer, v Value) error {
	b := bytes.NewBufferString("- ")
	writeNode(b, v, 1, true)
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

var (
	plainScalar = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+ -]*$`)
	reserved    = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

func yamlScalar(s string) string {
	if plainScalar.MatchString(s) && !reserved.MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	b, _ := encode(s) // half a surrogate pair, which YAML can't write, became U+FFFD when it was read
	return escaped(string(b))
}

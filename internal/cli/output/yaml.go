package output

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// writeYAML writes a value in YAML 1.2's block style. Strings that could be read as something else, by YAML 1.1 readers too, are
// written as in JSON, which YAML has as well; no control character and none of the direction of writing stands there bare.
func writeYAML(w io.Writer, v any) error {
	var b bytes.Buffer
	writeNode(&b, v, 0, false)
	_, err := w.Write(b.Bytes())
	return err
}

// writeNode writes v with a newline at its end. inline tells that the line has begun, behind "- " or "name:".
func writeNode(b *bytes.Buffer, v any, indent int, inline bool) {
	pad := strings.Repeat("  ", indent)
	switch v := v.(type) {
	case object:
		if len(v) == 0 {
			b.WriteString("{}\n")
			return
		}
		for i, m := range v {
			if i > 0 || !inline {
				b.WriteString(pad)
			}
			b.WriteString(scalar(m.name) + ":")
			child(b, m.value, indent)
		}
	case []any:
		if len(v) == 0 {
			b.WriteString("[]\n")
			return
		}
		for i, e := range v {
			if i > 0 || !inline {
				b.WriteString(pad)
			}
			b.WriteString("- ")
			writeNode(b, e, indent+1, true)
		}
	case string:
		b.WriteString(scalar(v) + "\n")
	case json.Number:
		b.WriteString(v.String() + "\n")
	case bool:
		b.WriteString(strconv.FormatBool(v) + "\n")
	default:
		b.WriteString("null\n")
	}
}

// child writes the value of a member behind its colon.
func child(b *bytes.Buffer, v any, indent int) {
	switch c := v.(type) {
	case object:
		if len(c) > 0 {
			b.WriteString("\n")
			writeNode(b, v, indent+1, false)
			return
		}
	case []any:
		if len(c) > 0 {
			b.WriteString("\n")
			writeNode(b, v, indent, false)
			return
		}
	}
	b.WriteString(" ")
	writeNode(b, v, indent, true)
}

var (
	plainScalar = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+ -]*$`) })
	reserved    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`) })
)

func scalar(s string) string {
	if plainScalar().MatchString(s) && !reserved().MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	b, _ := encode(s) // half a surrogate pair, which YAML can't write, became U+FFFD when it was read
	return escaped(string(b))
}

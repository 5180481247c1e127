package output

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// appendCompact writes a JSON value as it came, on one line: without the spaces between its parts. What tools take for line ends, U+2028 and U+2029, and
// bytes that are no UTF-8, which JSON can't hold, are written as encoding/json writes them.
func appendCompact(b []byte, raw json.RawMessage) []byte {
	spelled := utf8.Valid(raw) && !bytes.Contains(raw, separators)
	from := 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end := i + 1
			for end < len(raw) && raw[end] != '"' {
				if raw[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(raw))
			if !spelled {
				b = appendSpelled(append(b, raw[from:i]...), raw[i:end])
				from = end
			}
			i = end
		case c <= ' ':
			b = append(b, raw[from:i]...)
			i++
			from = i
		default:
			i++
		}
	}
	return append(b, raw[from:]...)
}

var separators = []byte("\u2028")[:2] // U+2028 and U+2029 both begin with them

// appendSpelled writes a string with its quotes.
func appendSpelled(b, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case r == '\u2028':
			b = append(b, `\u2028`...)
		case r == '\u2029':
			b = append(b, `\u2029`...)
		default:
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}

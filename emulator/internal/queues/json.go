package queues

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// Answers are written by hand: what takes time is the bodies of messages, which are copied as they are but for a few characters.

const hexDigits = "0123456789abcdef"

// appendText writes a text as JSON.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, text[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, text[start:]...), '"')
}

// appendMember writes a name and a text, with a comma before it unless it is the first of an object.
func appendMember(b []byte, name, value string) []byte {
	return appendText(appendName(b, name), value)
}

func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendText(b, name), ':')
}

func appendTexts(b []byte, name string, members map[string]string) []byte {
	b = append(appendName(b, name), '{')
	for _, key := range sortedKeys(members) {
		b = appendMember(b, key, members[key])
	}
	return append(b, '}')
}

func appendList(b []byte, name string, list []string) []byte {
	b = append(appendName(b, name), '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, text)
	}
	return append(b, ']')
}

func appendAttribute(b []byte, name string, a attribute) []byte {
	b = append(appendName(b, name), '{')
	b = appendMember(b, "DataType", a.DataType)
	if a.binary() {
		b = append(appendName(b, "BinaryValue"), '"')
		b = append(base64.StdEncoding.AppendEncode(b, a.BinaryValue), '"')
	} else {
		b = appendMember(b, "StringValue", *a.StringValue)
	}
	return append(b, '}')
}

func appendNumberMember(b []byte, name string, n int64) []byte {
	return append(strconv.AppendInt(append(appendName(b, name), '"'), n, 10), '"')
}

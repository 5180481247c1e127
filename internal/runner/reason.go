package runner

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxReason is how much of a document is read for the reason of a failure, in bytes.
const MaxReason = 64 << 10

// Head reads the beginning of the document of something that failed, and closes it.
func Head(r io.ReadCloser) ([]byte, error) {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, MaxReason))
	if len(bytes.TrimSpace(b)) > 0 {
		return b, nil // more than nothing, even when the rest was lost
	}
	return nil, err
}

// Reason finds the sentence in the document of something that failed: JSON of several shapes, XML, or text. "" if there is none.
func Reason(document []byte) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(document), "\uFFFD"))
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		if found := messages(v, nil); len(found) > 0 {
			return shorten(strings.Join(found, "; "))
		}
		if s, ok := v.(string); ok {
			return shorten(s)
		}
		if v == nil {
			return ""
		}
	}
	if strings.HasPrefix(text, "<") {
		if s := xmlText(text); s != "" {
			return shorten(s)
		}
	}
	return shorten(text)
}

// messageNames are the members in which reasons were met: errorDetails in documents of reports (amzn/selling-partner-api-docs#3413), message in
// those of Data Kiosk and in Amazon's error lists.
var messageNames = []string{"errorDetails", "errorMessage", "message", "details", "error", "errors", "description"}

func messages(v any, found []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range messageNames {
			switch m := v[name].(type) {
			case string:
				if m = strings.TrimSpace(m); m != "" && !slices.Contains(found, m) {
					return append(found, m)
				}
			case map[string]any, []any:
				if more := messages(m, found); len(more) > len(found) {
					return more
				}
			}
		}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok && s != "" {
				found = append(found, s)
				continue
			}
			found = messages(e, found)
		}
	}
	return found
}

func xmlText(text string) string {
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.Strict = false
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var parts []string
	for {
		token, err := dec.Token()
		if err != nil {
			return strings.Join(parts, " ")
		}
		if data, ok := token.(xml.CharData); ok {
			if s := strings.Join(strings.Fields(string(data)), " "); s != "" {
				parts = append(parts, s)
			}
		}
	}
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 1000
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

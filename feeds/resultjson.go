package feeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/openspapi/spapi/internal/runner"
)

// parseJSON reads a report of JSON_LISTINGS_FEED (schemas/feeds/listings-feed-processing-report-schema-v2.json). The listings that it may hold are passed
// over.
func (r *Result) parseJSON(feedID string, src io.Reader) error {
	src = &controlEscaper{src: src}
	var kept bytes.Buffer
	dec := json.NewDecoder(io.TeeReader(src, &headWriter{&kept}))
	dec.UseNumber()
	var summary map[string]any
	known, err := r.jsonMembers(feedID, dec, &summary)
	r.countIssues()
	if summary != nil {
		number := func(name string) *int {
			if n, ok := integer(scalar(summary[name])); ok {
				return &n
			}
			return nil
		}
		r.counts(number("messagesProcessed"), number("messagesAccepted"), number("messagesInvalid"))
		// The counts decide, and what is listed counts too.
		if n := number("errors"); n != nil {
			r.Errors = max(r.Errors, *n)
		}
		if n := number("warnings"); n != nil {
			r.Warnings = max(r.Warnings, *n)
		}
	}
	if err != nil {
		return err
	}
	if !known {
		_, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), src))
		r.text, r.foreign = kept.String(), true
		return err
	}
	// To the end: damage behind it must show.
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("something follows the report")
		}
		return err
	}
	return nil
}

// jsonMembers reads the members of the report, but for its closing brace.
func (r *Result) jsonMembers(feedID string, dec *json.Decoder, summary *map[string]any) (known bool, err error) {
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return false, err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return known, err
		}
		switch name {
		case "issues":
			known = true
			err = r.jsonIssues(feedID, dec)
		case "summary":
			known = true
			err = dec.Decode(summary)
		default:
			err = skip(dec)
		}
		if err != nil {
			return known, err
		}
	}
	return known, nil
}

type headWriter struct{ b *bytes.Buffer }

func (w *headWriter) Write(p []byte) (int, error) {
	if room := runner.MaxReason - w.b.Len(); room > 0 {
		w.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (r *Result) jsonIssues(feedID string, dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil || token == nil { // null
		return err
	}
	if token != json.Delim('[') {
		return errors.New("issues is not an array")
	}
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			return err
		}
		i, ok := v.(map[string]any)
		if !ok {
			i = map[string]any{"message": v}
		}
		r.add(Issue{FeedID: feedID, MessageID: atoi(scalar(i["messageId"])), SKU: scalar(i["sku"]), Code: scalar(i["code"]),
			Severity: Severity(scalar(i["severity"])), Text: scalar(i["message"]), Attribute: scalar(i["attributeName"])})
	}
	_, err = dec.Token()
	return err
}

// scalar is a value as text, whatever its type; "" for null.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	b, _ := json.Marshal(v) // it was JSON
	return string(b)
}

// skip passes over a value, token by token.
func skip(dec *json.Decoder) error {
	depth := 0
	for {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// controlEscaper escapes the control characters that stand as they are within strings, as sellers' texts that issues quote have them: JSON forbids them.
type controlEscaper struct {
	src      io.Reader
	in       [4 << 10]byte
	out      []byte // still to be read
	err      error
	quoted   bool
	escaping bool
}

func (c *controlEscaper) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		var n int
		n, c.err = c.src.Read(c.in[:])
		c.out = c.out[:0]
		for _, b := range c.in[:n] {
			if c.quoted && b < ' ' {
				const hex = "0123456789abcdef"
				c.out = append(c.out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
				continue
			}
			switch {
			case c.escaping:
				c.escaping = false
			case b == '\\':
				c.escaping = c.quoted
			case b == '"':
				c.quoted = !c.quoted
			}
			c.out = append(c.out, b)
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

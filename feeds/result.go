package feeds

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/runner"
)

// Severity is how bad an issue is.
type Severity string

// The severities. An error means that the message was not carried out.
const (
	SeverityError   Severity = "ERROR"
	SeverityWarning Severity = "WARNING"
	SeverityInfo    Severity = "INFO"
)

// Issue is what a processing report says about a message.
type Issue struct {
	FeedID    string   `json:"feedId"`
	MessageID int      `json:"messageId,omitzero"` // of flat files the number of the record; 0 if it is about the feed
	SKU       string   `json:"sku,omitzero"`
	Code      string   `json:"code,omitzero"`
	Severity  Severity `json:"severity"`
	Text      string   `json:"message"`
	Attribute string   `json:"attribute,omitzero"`
}

// Result is what came of one feed, or of all feeds of SubmitListings together.
type Result struct {
	Feeds     []Feed  `json:"feeds"`
	Processed int     `json:"processed"` // messages
	Accepted  int     `json:"accepted"`
	Invalid   int     `json:"invalid"`
	Errors    int     `json:"errors"` // issues
	Warnings  int     `json:"warnings"`
	Issues    []Issue `json:"issues"`

	text string // what was neither JSON nor XML nor a table: the beginning
}

// BySKU returns the issues by SKU; those without one are under "".
func (r *Result) BySKU() map[string][]Issue {
	m := map[string][]Issue{}
	for _, i := range r.Issues {
		m[i.SKU] = append(m[i.SKU], i)
	}
	return m
}

// reason is why the whole feed failed.
func (r *Result) reason() string {
	for _, i := range r.Issues {
		if i.Severity == SeverityError && i.MessageID == 0 {
			return i.Text
		}
	}
	if len(r.Issues) > 0 {
		return r.Issues[0].Text
	}
	return runner.Reason([]byte(r.text))
}

func (r *Result) add(i Issue) {
	switch strings.ToUpper(string(i.Severity)) {
	case "ERROR", "FATAL":
		i.Severity = SeverityError
	case "WARNING", "WARN":
		i.Severity = SeverityWarning
	default:
		i.Severity = Severity(strings.ToUpper(string(i.Severity)))
	}
	r.Issues = append(r.Issues, i)
}

// count makes up the numbers that a report doesn't give.
func (r *Result) count(errorsGiven bool) {
	if errorsGiven {
		return
	}
	r.Errors, r.Warnings = 0, 0
	for _, i := range r.Issues {
		switch i.Severity {
		case SeverityError:
			r.Errors++
		case SeverityWarning:
			r.Warnings++
		}
	}
}

// parse reads a processing report of any kind. It keeps the issues and nothing else.
func (r *Result) parse(feedID string, src io.Reader) error {
	b := bufio.NewReaderSize(src, 64<<10)
	for {
		c, _, err := b.ReadRune()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if unicode.IsSpace(c) {
			continue
		}
		if err := b.UnreadRune(); err != nil {
			return err
		}
		switch c {
		case '{', '[':
			return r.parseJSON(feedID, b)
		case '<':
			return r.parseXML(feedID, b)
		}
		return r.parseText(feedID, b)
	}
}

// parseJSON reads a report of JSON_LISTINGS_FEED (schemas/feeds/listings-feed-processing-report-schema-v2.json). The listings that it may hold are passed
// over.
func (r *Result) parseJSON(feedID string, src io.Reader) error {
	var kept bytes.Buffer
	dec := json.NewDecoder(io.TeeReader(src, &headWriter{&kept}))
	token, err := dec.Token()
	if err != nil {
		return err
	}
	known := false
	given := false
	if token == json.Delim('{') {
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			switch name {
			case "issues":
				known = true
				if err := r.jsonIssues(feedID, dec); err != nil {
					return err
				}
			case "summary":
				var s struct{ Errors, Warnings, MessagesProcessed, MessagesAccepted, MessagesInvalid int }
				if err := dec.Decode(&s); err != nil {
					return err
				}
				known, given = true, true
				r.Errors, r.Warnings, r.Processed, r.Accepted, r.Invalid = s.Errors, s.Warnings, s.MessagesProcessed, s.MessagesAccepted, s.MessagesInvalid
			default:
				if err := skip(dec); err != nil {
					return err
				}
			}
		}
	}
	if !known {
		_, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), src))
		r.text = kept.String()
		return err
	}
	r.count(given)
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
		var i struct {
			MessageID     json.Number `json:"messageId"`
			SKU           string      `json:"sku"`
			Code          string      `json:"code"`
			Severity      Severity    `json:"severity"`
			Message       string      `json:"message"`
			AttributeName string      `json:"attributeName"`
		}
		if err := dec.Decode(&i); err != nil {
			return err
		}
		id, _ := strconv.Atoi(i.MessageID.String())
		r.add(Issue{FeedID: feedID, MessageID: id, SKU: i.SKU, Code: i.Code, Severity: i.Severity, Text: i.Message, Attribute: i.AttributeName})
	}
	_, err = dec.Token()
	return err
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

// parseXML reads a ProcessingReport (ProcessingReport.xsd of Amazon's envelope).
func (r *Result) parseXML(feedID string, src io.Reader) error {
	dec := xml.NewDecoder(src)
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 already, whatever it says
	given, known := false, false
	var words []string
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if data, ok := token.(xml.CharData); ok && !known && len(words) < 100 {
			if s := strings.TrimSpace(string(data)); s != "" {
				words = append(words, s)
			}
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "ProcessingSummary":
			var s struct{ MessagesProcessed, MessagesSuccessful, MessagesWithError, MessagesWithWarning string }
			if err := dec.DecodeElement(&s, &start); err != nil {
				return err
			}
			known = true
			r.Processed, r.Accepted, r.Invalid = atoi(s.MessagesProcessed), atoi(s.MessagesSuccessful), atoi(s.MessagesWithError)
		case "Result":
			var i struct {
				MessageID         string
				ResultCode        Severity
				ResultMessageCode string
				ResultDescription string
				AdditionalInfo    struct {
					SKU           string
					AmazonOrderID string
				}
			}
			if err := dec.DecodeElement(&i, &start); err != nil {
				return err
			}
			known = true
			r.add(Issue{FeedID: feedID, MessageID: atoi(i.MessageID), SKU: strings.TrimSpace(i.AdditionalInfo.SKU), Code: strings.TrimSpace(i.ResultMessageCode),
				Severity: i.ResultCode, Text: strings.TrimSpace(i.ResultDescription)})
		}
	}
	r.count(given)
	if !known {
		r.text = strings.Join(words, " ")
	}
	return nil
}

func atoi(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}

// parseText reads the report of a flat file: a few lines that end with the number of records processed and successful, in the seller's language, then a
// table of what went wrong, whose header is English.
func (r *Result) parseText(feedID string, src *bufio.Reader) error {
	var numbers []int
	var text strings.Builder
	for {
		line, err := src.ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		trimmed := strings.TrimRight(line, "\r\n")
		if strings.Contains(trimmed, "\t") && strings.Contains(trimmed, "error-code") {
			rows := document.NewRows(io.MultiReader(strings.NewReader(line), src), document.RowOptions{Dialect: document.TSV})
			for row, err := range rows.All() {
				if err != nil {
					return err
				}
				r.add(Issue{FeedID: feedID, MessageID: atoi(row.Get("original-record-number", "record-number")), SKU: row.Get("sku", "item-sku", "seller-sku"), Code: row.Get("error-code"),
					Severity: Severity(row.Get("error-type")), Text: row.Get("error-message"), Attribute: row.Get("error-field", "field-name")})
			}
			break
		}
		if fields := strings.Fields(trimmed); len(fields) > 0 && strings.HasPrefix(trimmed, "\t") {
			if n, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
				numbers = append(numbers, n)
			}
		}
		if text.Len() < runner.MaxReason {
			text.WriteString(line[:min(len(line), runner.MaxReason)])
		}
		if err == io.EOF {
			break
		}
	}
	if len(numbers) >= 2 {
		r.Processed, r.Accepted = numbers[0], numbers[1]
		r.Invalid = max(r.Processed-r.Accepted, 0)
	}
	r.count(false)
	if len(numbers) == 0 && len(r.Issues) == 0 {
		r.text = text.String()
	}
	return nil
}

// merge adds the result of another part.
func (r *Result) merge(o *Result) {
	r.Feeds = append(r.Feeds, o.Feeds...)
	r.Processed += o.Processed
	r.Accepted += o.Accepted
	r.Invalid += o.Invalid
	r.Errors += o.Errors
	r.Warnings += o.Warnings
	r.Issues = slices.Concat(r.Issues, o.Issues)
}

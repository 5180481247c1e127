package feeds

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

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

// severities are the words of processing reports in lower case, also in the languages of the marketplaces: flat files are answered in the seller's.
// German and French were seen (the WP-Lister plug-in translates them), the others are what Seller Central calls errors and warnings.
var severities = map[string]Severity{
	"error": SeverityError, "fatal": SeverityError, "fatal error": SeverityError, "fehler": SeverityError, "schwerwiegender fehler": SeverityError,
	"erreur": SeverityError, "errore": SeverityError, "erro": SeverityError, "fout": SeverityError, "fel": SeverityError, "błąd": SeverityError,
	"hata": SeverityError, "エラー": SeverityError, "错误": SeverityError, "خطأ": SeverityError,

	"warning": SeverityWarning, "warn": SeverityWarning, "warnung": SeverityWarning, "avertissement": SeverityWarning, "advertencia": SeverityWarning,
	"avviso": SeverityWarning, "avvertenza": SeverityWarning, "aviso": SeverityWarning, "waarschuwing": SeverityWarning, "varning": SeverityWarning,
	"ostrzeżenie": SeverityWarning, "uyarı": SeverityWarning, "警告": SeverityWarning, "تحذير": SeverityWarning,

	"info": SeverityInfo, "information": SeverityInfo, "success": SeverityInfo, "hinweis": SeverityInfo, "情報": SeverityInfo, "信息": SeverityInfo,
}

// severity reads the word for how bad an issue is. One that isn't known makes an issue with an error code an error: nothing that failed may pass
// for done.
func severity(word, code string) Severity {
	if s, known := severities[strings.ToLower(strings.TrimSpace(word))]; known {
		return s
	}
	if code != "" {
		return SeverityError
	}
	return SeverityWarning
}

// Issue is what a processing report says about a message.
type Issue struct {
	FeedID      string   `json:"feedId"`
	MessageID   int      `json:"messageId,omitzero"` // of flat files the number of the record; 0 if it is about the feed
	SKU         string   `json:"sku,omitzero"`
	OrderID     string   `json:"orderId,omitzero"`
	OrderItemID string   `json:"orderItemId,omitzero"`
	Code        string   `json:"code,omitzero"`
	Severity    Severity `json:"severity"` // one of the three, in whatever language the report is
	Text        string   `json:"message"`
	Attribute   string   `json:"attribute,omitzero"`
}

// Result is what came of one feed, or of all feeds of SubmitListings together. Whether all went well is told by [Result.OK].
type Result struct {
	Feeds     []Feed  `json:"feeds"`
	Processed int     `json:"processed"` // messages
	Accepted  int     `json:"accepted"`
	Invalid   int     `json:"invalid"` // messages that were not carried out, by the report's counts: also where no issue tells why
	Errors    int     `json:"errors"`  // issues
	Warnings  int     `json:"warnings"`
	Issues    []Issue `json:"issues"`

	text    string // what was neither JSON nor XML nor a table: the beginning
	counted bool   // the report says how many messages were carried out, or how many not
	odd     error  // its counts can't be true
}

// OK tells whether all messages were carried out: the counts have none that was not, and no issue is an error.
func (r *Result) OK() bool { return r.Invalid == 0 && r.Errors == 0 }

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

// add takes an issue whose Severity is still the report's word for it.
func (r *Result) add(i Issue) {
	i.Severity = severity(string(i.Severity), i.Code)
	i.Text = strings.ToValidUTF8(i.Text, "\uFFFD")
	r.Issues = append(r.Issues, i)
}

// counts takes what a report says about its messages. A number that it doesn't have is nil.
func (r *Result) counts(processed, accepted, invalid *int) {
	value := func(n *int) int {
		if n == nil {
			return 0
		}
		return *n
	}
	failed := value(invalid)
	r.counted = r.counted || accepted != nil || invalid != nil
	if value(processed) < 0 || value(accepted) < 0 || failed < 0 || processed != nil && value(accepted) > *processed {
		r.odd = fmt.Errorf("its counts contradict each other: %d processed, %d carried out, %d not", value(processed), value(accepted), failed)
	}
	switch {
	case accepted != nil:
		failed = max(failed, value(processed)-*accepted)
	case processed != nil:
		accepted = new(*processed - failed)
	}
	r.Processed += value(processed)
	r.Accepted += value(accepted)
	r.Invalid += failed
}

// tell is why the report of a feed that Amazon calls done can't tell whether it was carried out; nil if it can.
func (r *Result) tell() error {
	switch {
	case r.odd != nil:
		return r.odd
	case !r.counted && len(r.Issues) == 0 && strings.TrimSpace(r.text) != "":
		return fmt.Errorf("%w; it says: %s", errNoReport, runner.Reason([]byte(r.text)))
	case !r.counted && len(r.Issues) == 0:
		return errNoReport
	}
	return nil
}

var errNoReport = errors.New("it is no processing report that can be read: it has neither counts nor issues, so it can't be told whether the messages were carried out")

// countIssues makes up the numbers of issues where a report doesn't give them.
func (r *Result) countIssues() {
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

// parse reads a processing report of any kind, as far as it goes: what was read before an error stays. It keeps the issues and nothing else.
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

// integer reads a whole number, also with the separators that languages put between thousands.
func integer(s string) (int, bool) {
	groups := strings.FieldsFunc(strings.TrimSpace(s), func(c rune) bool { return strings.ContainsRune(".,'’\u00a0\u202f ", c) })
	for i, g := range groups {
		if i > 0 && len(g) != 3 {
			return 0, false
		}
	}
	n, err := strconv.Atoi(strings.Join(groups, ""))
	return n, err == nil
}

func atoi(s string) int {
	n, _ := integer(s)
	return n
}

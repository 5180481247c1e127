package feeds

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/openspapi/spapi/internal/runner"
)

// parseText reads the report of a flat file: a few lines that end with the number of records processed and successful, then a table of what went wrong; all in
// the seller's language, so that where the names of columns aren't known their places tell.
func (r *Result) parseText(feedID string, src *bufio.Reader) error {
	lines := lineReader{r: src}
	var (
		counts [3]*int // processed, accepted, invalid
		text   strings.Builder
		table  *issueTable
	)
	var err error
	for {
		var line string
		if line, err = lines.next(); err != nil {
			break
		}
		if table != nil {
			table.line(line)
			continue
		}
		if label, n, ok := count(line); ok {
			place := 1
			switch {
			case counts[0] == nil:
				place = 0
			case namesErrors(label):
				place = 2
			}
			if counts[place] == nil && (place != 1 || counts[2] == nil) { // behind the errors stand the warnings
				counts[place] = &n
			}
		} else if c, ok := columnsOf(line); ok {
			table = &issueTable{columns: c, add: func(i Issue) { i.FeedID = feedID; r.add(i) }}
			continue
		}
		if text.Len() < runner.MaxReason {
			text.WriteString(line[:min(len(line), runner.MaxReason)] + "\n")
		}
	}
	if table != nil {
		table.flush()
	}
	if counts[1] != nil || counts[2] != nil {
		r.counts(counts[0], counts[1], counts[2])
	}
	r.countIssues()
	if counts[0] == nil && len(r.Issues) == 0 {
		r.text = text.String()
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// count reads a line of the summary: a label, and the number behind tabs or a colon.
func count(line string) (label string, n int, ok bool) {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	cut := max(strings.LastIndex(line, "\t"), strings.LastIndex(line, ": "), strings.LastIndex(line, "："))
	if cut < 0 || columnCount(line) > 2 {
		return "", 0, false
	}
	n, ok = integer(strings.TrimLeft(line[cut:], "\t:： "))
	return line[:cut], n, ok
}

// errorWords begin the words for records with errors in the languages of the marketplaces, and errorFree those that say the opposite.
var (
	errorWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|\P{L})(error|fehler|erreur|erro|fout|fel(\P{L}|$)|bł[ęą]d|hata)|エラー|错误|خطأ`)
	})
	errorFree = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(^|\P{L})(without|no|ohne|fehler(frei|los)\pL*|sans|sin|senza|sem|zonder|utan|bez)(\P{L}|$)|error-free|エラーなし`)
	})
)

// namesErrors tells whether a line of the summary counts what failed: "Number of records with errors".
func namesErrors(label string) bool {
	return errorWords().MatchString(label) && !errorFree().MatchString(label)
}

// columnCount is how many fields of a line have something in them.
func columnCount(line string) int {
	n := 0
	for field := range strings.SplitSeq(line, "\t") {
		if strings.TrimSpace(field) != "" {
			n++
		}
	}
	return n
}

// columns are the places of what an issue consists of; -1 where there is none.
type columns struct {
	n                                                            int
	named                                                        bool
	record, sku, order, item, code, severity, message, attribute int
}

// names of the columns, as far as they are in English.
var columnNames = map[string]func(*columns) *int{
	"original-record-number": func(c *columns) *int { return &c.record }, "record-number": func(c *columns) *int { return &c.record },
	"sku": func(c *columns) *int { return &c.sku }, "item-sku": func(c *columns) *int { return &c.sku }, "seller-sku": func(c *columns) *int { return &c.sku },
	"order-id": func(c *columns) *int { return &c.order }, "amazon-order-id": func(c *columns) *int { return &c.order },
	"order-item-id": func(c *columns) *int { return &c.item }, "amazon-order-item-id": func(c *columns) *int { return &c.item },
	"error-code": func(c *columns) *int { return &c.code }, "error-type": func(c *columns) *int { return &c.severity },
	"error-message": func(c *columns) *int { return &c.message },
	"error-field":   func(c *columns) *int { return &c.attribute }, "field-name": func(c *columns) *int { return &c.attribute },
}

// columnsOf reads the header of the table of issues: the first line of which four fields or more have something in them.
func columnsOf(line string) (columns, bool) {
	names := strings.Split(line, "\t")
	for len(names) > 0 && strings.TrimSpace(names[len(names)-1]) == "" {
		names = names[:len(names)-1]
	}
	c := columns{n: len(names), record: -1, sku: -1, order: -1, item: -1, code: -1, severity: -1, message: -1, attribute: -1}
	for i, name := range names {
		if place, known := columnNames[strings.ToLower(strings.TrimSpace(name))]; known {
			*place(&c) = i
		}
	}
	c.named = c.code >= 0 && c.message >= 0
	if c.named {
		return c, true
	}
	return c, columnCount(line) >= 4
}

var orderID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`) })

// place settles by the first row what stands where in a table whose names aren't known. All that were seen begin with the record's number and end with code,
// type and message; between them stand a SKU, or an order's id and that of its item.
func (c *columns) place(fields []string) {
	c.named = true
	c.record, c.sku, c.order, c.item = 0, -1, -1, -1
	c.code = c.n - 3
	for i := c.n - 3; i > 0; i-- {
		_, number := integer(fields[i])
		if _, after := integer(fields[i+1]); number && !after {
			c.code = i
			break
		}
	}
	c.severity, c.message = c.code+1, c.code+2
	switch between := c.code - 1; {
	case between == 1 && !orderID().MatchString(fields[1]):
		c.sku = 1
	case between == 1:
		c.order = 1
	case between >= 2 && (fields[1] == "" || orderID().MatchString(fields[1])):
		c.order, c.item = 1, 2
	case between >= 2:
		c.sku = 1
	}
}

// issueTable makes issues of lines. A message may go on in the next lines.
type issueTable struct {
	columns columns
	add     func(Issue)
	row     []string // being read
	blank   int      // lines since the last that was not blank
}

func (t *issueTable) line(line string) {
	if strings.TrimSpace(line) == "" {
		t.blank++
		return
	}
	fields := strings.Split(line, "\t")
	if t.row != nil && !t.begins(fields) {
		t.row[len(t.row)-1] += strings.Repeat("\n", t.blank+1) + line
		t.blank = 0
		return
	}
	t.flush()
	t.row = fields
}

// begins tells whether a line begins a row: by its number, and by having all fields but for the message.
func (t *issueTable) begins(fields []string) bool {
	if !t.columns.named || t.columns.record != 0 {
		return len(fields) >= t.columns.n
	}
	number := strings.TrimSpace(fields[0])
	_, ok := integer(number)
	return (ok || number == "") && len(fields) >= t.columns.n-1
}

func (t *issueTable) flush() {
	row := t.row
	t.row, t.blank = nil, 0
	if row == nil {
		return
	}
	c := &t.columns
	if !c.named {
		c.place(append(slices.Clone(row), make([]string, max(c.n-len(row), 0))...))
	}
	get := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	message := get(c.message)
	if c.message == c.n-1 && len(row) > c.n {
		message = strings.TrimSpace(strings.Join(row[c.message:], "\t"))
	}
	t.add(Issue{MessageID: atoi(get(c.record)), SKU: get(c.sku), OrderID: get(c.order), OrderItemID: get(c.item), Code: get(c.code),
		Severity: Severity(get(c.severity)), Text: message, Attribute: get(c.attribute)})
}

// lineReader cuts at LF, CRLF and CR.
type lineReader struct{ r *bufio.Reader }

// next returns a line without its end, or io.EOF when there is none.
func (l *lineReader) next() (string, error) {
	var line []byte
	for {
		b, err := l.r.ReadByte()
		if err != nil {
			if err == io.EOF && len(line) > 0 {
				return string(line), nil
			}
			return "", err
		}
		switch b {
		case '\r':
			if next, _ := l.r.Peek(1); len(next) == 1 && next[0] == '\n' {
				_, _ = l.r.ReadByte() // it was peeked at
			}
			return string(line), nil
		case '\n':
			return string(line), nil
		}
		line = append(line, b)
	}
}

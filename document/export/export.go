package export

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/document"
)

// Extra is the name of the column or member with the fields of a row beyond its header's columns: JSONL has an array there, where there are any;
// Parquet has the fields with tabs between them, null where there are none. CSV and TSV, whose header is written before any row is known, have them
// behind the others, without a name. Where the document has a column of that name, underscores are added to it.
const Extra = "_extra"

// Format is a kind of file.
type Format string

// The formats that rows can be written in.
const (
	CSV     Format = "csv"     // RFC 4180, with the document's own column names
	TSV     Format = "tsv"     // with tabs and line ends inside fields made spaces, so that any reader takes it
	JSONL   Format = "jsonl"   // one object per row, all values strings
	Parquet Format = "parquet" // columns are optional strings unless a schema says otherwise
)

// FormatOf tells the format by the ending of a file's name.
func FormatOf(name string) (Format, error) {
	switch ending := strings.ToLower(filepath.Ext(name)); ending {
	case ".csv":
		return CSV, nil
	case ".tsv", ".tab", ".txt":
		return TSV, nil
	case ".jsonl", ".ndjson":
		return JSONL, nil
	case ".parquet":
		return Parquet, nil
	default:
		return "", fmt.Errorf("the ending %q of %q names no format; use .tsv, .csv, .jsonl or .parquet", ending, filepath.Base(name))
	}
}

// Writer takes rows of one document.
type Writer interface {
	Write(document.Row) error
	// Close writes what is left; it does not close the file below.
	Close() error
}

// NewWriter starts a document in a format.
func NewWriter(w io.Writer, format Format, header *document.Header) (Writer, error) {
	switch format {
	case CSV:
		return NewCSV(w, header), nil
	case TSV:
		return NewTSV(w, header), nil
	case JSONL:
		return NewJSONL(w, header), nil
	case Parquet:
		return NewParquet(w, header, ParquetOptions{})
	}
	return nil, fmt.Errorf("format %q is unknown; use %s, %s, %s or %s", format, TSV, CSV, JSONL, Parquet)
}

// Copy writes all rows and closes the writer.
func Copy(w Writer, rows *document.Rows) error {
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Close()
}

const bufferSize = 64 << 10

type csvWriter struct {
	w    *bufio.Writer
	want int
	err  error
}

// NewCSV writes RFC 4180: commas, CRLF, quotes where they are needed. Rows that are too short are filled up; fields beyond the
// header's columns follow as they are.
func NewCSV(w io.Writer, header *document.Header) Writer {
	c := &csvWriter{w: bufio.NewWriterSize(w, bufferSize), want: header.Len()}
	for i, name := range header.Names() {
		c.field(i, []byte(name))
	}
	if c.want > 0 {
		c.end()
	}
	return c
}

func (c *csvWriter) Write(row document.Row) error {
	n := max(row.Len(), c.want)
	for i := range n {
		c.field(i, row.Field(i))
	}
	if n == 1 && len(row.Field(0)) == 0 {
		_, c.err = c.w.WriteString(`""`) // an empty line would be no row
	}
	c.end()
	return c.err
}

func (c *csvWriter) field(i int, value []byte) {
	if i > 0 {
		c.err = c.w.WriteByte(',')
	}
	if !bytes.ContainsAny(value, ",\"\r\n") {
		_, c.err = c.w.Write(value)
		return
	}
	_ = c.w.WriteByte('"')
	for {
		i := bytes.IndexByte(value, '"')
		if i < 0 {
			break
		}
		_, _ = c.w.Write(value[:i+1])
		_ = c.w.WriteByte('"')
		value = value[i+1:]
	}
	_, _ = c.w.Write(value)
	c.err = c.w.WriteByte('"')
}

func (c *csvWriter) end() { _, c.err = c.w.WriteString("\r\n") }

func (c *csvWriter) Close() error { return c.w.Flush() }

type tsvWriter struct {
	w    *bufio.Writer
	want int
}

// NewTSV writes tab-separated rows without quoting. Tabs and line ends inside fields become spaces.
func NewTSV(w io.Writer, header *document.Header) Writer {
	t := &tsvWriter{w: bufio.NewWriterSize(w, bufferSize), want: header.Len()}
	for i, name := range header.Names() {
		t.field(i, []byte(name))
	}
	if t.want > 0 {
		_ = t.w.WriteByte('\n')
	}
	return t
}

func (t *tsvWriter) Write(row document.Row) error {
	for i := range max(row.Len(), t.want) {
		t.field(i, row.Field(i))
	}
	return t.w.WriteByte('\n')
}

func (t *tsvWriter) field(i int, value []byte) {
	if i > 0 {
		_ = t.w.WriteByte('\t')
	}
	if !bytes.ContainsAny(value, "\t\r\n") {
		_, _ = t.w.Write(value)
		return
	}
	for _, c := range value {
		if c == '\t' || c == '\r' || c == '\n' {
			c = ' '
		}
		_ = t.w.WriteByte(c)
	}
}

func (t *tsvWriter) Close() error { return t.w.Flush() }

type jsonlWriter struct {
	w     io.Writer
	keys  [][]byte // `"name":`
	extra []byte
	line  []byte
}

// NewJSONL writes an object per row. The members are named as [document.Header.Unique] has it; a row that is too short lacks the last ones.
func NewJSONL(w io.Writer, header *document.Header) Writer {
	j := &jsonlWriter{w: w, line: make([]byte, 0, bufferSize+4096)}
	names := uniqueExtra(header.Unique())
	j.extra = append(appendString([]byte{}, []byte(names[len(names)-1])), `:[`...)
	for _, name := range names[:len(names)-1] {
		j.keys = append(j.keys, append(appendString(nil, []byte(name)), ':'))
	}
	return j
}

func (j *jsonlWriter) Write(row document.Row) error {
	b := append(j.line, '{')
	n := row.Len()
	for i := range min(n, len(j.keys)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, j.keys[i]...)
		b = appendString(b, row.Field(i))
	}
	if n > len(j.keys) {
		if len(j.keys) > 0 {
			b = append(b, ',')
		}
		b = append(b, j.extra...)
		for i := len(j.keys); i < n; i++ {
			if i > len(j.keys) {
				b = append(b, ',')
			}
			b = appendString(b, row.Field(i))
		}
		b = append(b, ']')
	}
	j.line = append(b, '}', '\n')
	if len(j.line) >= bufferSize {
		return j.flush()
	}
	return nil
}

func (j *jsonlWriter) flush() error {
	_, err := j.w.Write(j.line)
	j.line = j.line[:0]
	if cap(j.line) > 4*bufferSize { // one long row
		j.line = make([]byte, 0, bufferSize+4096)
	}
	return err
}

func (j *jsonlWriter) Close() error { return j.flush() }

const hexDigits = "0123456789abcdef"

// escaped marks what JSON strings cannot hold as it is.
var escaped = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b, s []byte) []byte {
	b = append(b, '"')
	start := 0
	for i, c := range s {
		if !escaped[c] {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	rest := len(b)
	b = append(b, s[start:]...)
	if !utf8.Valid(s) { // rows of a document are valid; those of other sources may not be
		b = append(b[:rest], bytes.ToValidUTF8(s[start:], []byte("\uFFFD"))...)
	}
	return append(b, '"')
}

package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
)

// Dialect is how fields stand in a line. The zero value is found out from the header line.
type Dialect struct {
	Separator byte // '\t', ',' …
	// Quoted fields may hold separators and line ends between quotes, and a quote as two. Otherwise a quote is a character like any other,
	// as in most of Amazon's tab-separated reports.
	Quoted bool
}

// The dialects of Amazon's reports.
var (
	TSV       = Dialect{Separator: '\t'}
	CSV       = Dialect{Separator: ',', Quoted: true}
	QuotedTSV = Dialect{Separator: '\t', Quoted: true} // the inventory ledger
)

// detectDialect finds the dialect of a header line. A header all of whose fields are in quotes announces quoted rows.
func detectDialect(header []byte) Dialect {
	header = bytes.TrimRight(header, "\r\n")
	quoted := len(header) >= 2 && header[0] == '"' && header[len(header)-1] == '"'
	separator := byte('\t')
	outside, inQuotes := map[byte]int{}, false
	for _, c := range header {
		if c == '"' {
			inQuotes = !inQuotes
		} else if !inQuotes || !quoted {
			outside[c]++
		}
	}
	for _, c := range []byte{'\t', ',', ';'} {
		if outside[c] > 0 {
			separator = c
			break
		}
	}
	return Dialect{Separator: separator, Quoted: quoted || separator != '\t'}
}

// RowOptions say how rows are cut. The zero value is ready for use.
type RowOptions struct {
	Dialect Dialect
	Skip    int // lines before the header, which some payment reports explain themselves with; default 0
	MaxLine int // the longest row in bytes; default 16 MiB
}

// RowStats counts what was not quite regular. None of it is lost.
type RowStats struct {
	Rows     int64 // rows delivered
	Lines    int64 // lines read, with the header
	Short    int64 // rows with fewer fields than the header has
	Long     int64 // rows with more fields than the header has, not all of the surplus empty
	Trailing int64 // rows with more separators than the header, but nothing between them
	Blank    int64 // empty lines, which are passed over
	Joined   int64 // rows put together from lines that were cut by a line feed inside a field
	CR       int64 // carriage returns inside rows, which stay in their fields
}

// LineError is a row longer than the bound.
type LineError struct {
	Line  int64 // where the row starts, from 1
	Size  int   // bytes seen of it
	Limit int   // bytes
}

func (e *LineError) Error() string {
	return fmt.Sprintf("document: line %d: the row is longer than the %d bytes allowed (%d seen); this is no such report, or the bound must be raised", e.Line, e.Limit, e.Size)
}

// ErrQuote is a field whose closing quote is missing: the rest of the document is inside it.
var ErrQuote = errors.New("the quoted field that starts here is never closed")

// Rows cuts text into rows.
type Rows struct {
	src     io.Reader
	options RowOptions
	buf     []byte
	from    int
	to      int
	srcErr  error
	err     error

	header  *Header
	crlf    bool // the header's line ends with CRLF: a lone line feed then may be part of a field
	stats   RowStats
	spans   []span
	started bool
}

type span struct{ from, to int }

// NewRows reads the rows of src, which must be UTF-8.
func NewRows(src io.Reader, options RowOptions) *Rows {
	options.MaxLine = min(cmp.Or(max(options.MaxLine, 0), 16<<20), math.MaxInt-2) // two more are read
	return &Rows{src: src, options: options, buf: make([]byte, min(256<<10, options.MaxLine+2))}
}

// Header reads the header, if that has not been done. Of an empty document it is empty, without an error.
func (r *Rows) Header() (*Header, error) {
	if r.started {
		return r.header, r.headerErr()
	}
	r.started = true
	r.header = NewHeader(nil)
	for range r.options.Skip {
		_, next, err := r.line(0)
		if err != nil {
			r.err = err
			return r.header, r.headerErr()
		}
		r.from = next
		r.stats.Lines++
	}
	for {
		end, next, err := r.line(0)
		if err != nil {
			r.err = err
			return r.header, r.headerErr()
		}
		line := r.buf[r.from:end]
		if len(bytes.TrimSpace(line)) == 0 { // also where it is all tabs: there is nothing to name columns by
			r.from = next
			r.stats.Lines++
			continue
		}
		if r.options.Dialect.Separator == 0 {
			r.options.Dialect = detectDialect(line)
		}
		r.crlf = line[len(line)-1] == '\r'
		break
	}
	row, err := r.cut()
	if err != nil {
		r.err = err
		return r.header, r.headerErr()
	}
	r.header = NewHeader(row.Strings())
	r.stats = RowStats{Lines: r.stats.Lines}
	return r.header, nil
}

func (r *Rows) headerErr() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// Dialect returns the dialect in use; found out by Header if none was given.
func (r *Rows) Dialect() Dialect { return r.options.Dialect }

// Stats returns the counts so far.
func (r *Rows) Stats() RowStats { return r.stats }

// All goes through the rows after the header. Each is valid until the next. It ends after an error: [*LineError], [ErrQuote], those of the source. What an
// earlier loop has read is not read again.
func (r *Rows) All() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		_, _ = r.Header() // its error is next's too
		for {
			row, err := r.next()
			if err == io.EOF {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (r *Rows) next() (Row, error) {
	if r.err != nil {
		return Row{}, r.err
	}
	row, err := r.cut()
	if err != nil {
		r.err = err
		return Row{}, err
	}
	r.stats.Rows++
	switch n, want := len(row.spans), len(r.header.names); {
	case n < want:
		r.stats.Short++
	case n > want:
		surplus := false
		for _, s := range row.spans[want:] {
			surplus = surplus || s.from < s.to
		}
		if surplus {
			r.stats.Long++
		} else {
			r.stats.Trailing++
			row.spans = row.spans[:want]
		}
	}
	return row, nil
}

// cut takes the next row off the buffer, past empty lines.
func (r *Rows) cut() (Row, error) {
	for {
		end, next, err := r.line(0)
		if err != nil {
			return Row{}, err
		}
		start := r.stats.Lines + 1
		if end == r.from || end == r.from+1 && r.buf[r.from] == '\r' {
			r.from = next
			r.stats.Lines++
			r.stats.Blank++
			continue
		}
		if r.options.Dialect.Quoted {
			end, next, err = r.quotedEnd()
		} else if r.crlf && r.header.Len() > 0 {
			end, next, err = r.join(end, next)
		} else {
			r.stats.Lines++
		}
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return Row{}, fmt.Errorf("document: line %d: %w", start, ErrQuote)
			}
			return Row{}, err
		}
		data := r.buf[r.from:end]
		if len(data) > 0 && data[len(data)-1] == '\r' {
			data = data[:len(data)-1]
		}
		if bytes.IndexByte(data, '\r') >= 0 {
			r.stats.CR += int64(bytes.Count(data, []byte{'\r'}))
		}
		r.from = next
		if r.options.Dialect.Quoted {
			r.splitQuoted(data)
		} else {
			r.split(data)
		}
		return Row{data: data, spans: r.spans, header: r.header, line: start}, nil
	}
}

// line finds the end of the line that holds the byte at from+offset: where it ends and where the next starts, in buf. Reading may move from.
func (r *Rows) line(offset int) (end, next int, err error) {
	searched := offset
	for {
		if i := bytes.IndexByte(r.buf[r.from+searched:r.to], '\n'); i >= 0 {
			end = r.from + searched + i
			return end, end + 1, r.bounded(end - r.from)
		}
		searched = r.to - r.from
		if err := r.bounded(searched); err != nil {
			return 0, 0, err
		}
		if r.srcErr != nil {
			if r.srcErr != io.EOF {
				return 0, 0, r.srcErr
			}
			if searched > offset {
				return r.to, r.to, nil
			}
			return 0, 0, io.EOF
		}
		r.fill()
	}
}

func (r *Rows) bounded(size int) error {
	if size <= r.options.MaxLine {
		return nil
	}
	return &LineError{Line: r.stats.Lines + 1, Size: size, Limit: r.options.MaxLine}
}

// fill reads once, after making room.
func (r *Rows) fill() {
	if room := len(r.buf) / 4; len(r.buf)-r.to < room {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
		// One byte beyond the bound shows that it is broken, and one is the line feed.
		if size := min(2*len(r.buf), r.options.MaxLine+2); len(r.buf)-r.to < room && size > len(r.buf) {
			grown := make([]byte, size)
			copy(grown, r.buf[:r.to])
			r.buf = grown
		}
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.to:])
		r.to += n
		r.srcErr = err
		if n > 0 || err != nil {
			return
		}
	}
	r.srcErr = io.ErrNoProgress
}

// maxJoined is how many lines a row is put together from at most.
const maxJoined = 64

// join puts lines together that line feeds inside a field have cut. It does so only in documents whose lines end with CRLF, only
// for a line that ends otherwise, and only if exactly one row comes of it that ends as rows do there.
func (r *Rows) join(end, next int) (int, int, error) {
	want := r.header.Len()
	separator := []byte{r.options.Dialect.Separator}
	size, length := end-r.from, next-r.from // of the first line, relative because reading moves the buffer
	have, ahead := 0, int64(1)
	for offset := 0; ; ahead++ {
		have += bytes.Count(r.buf[r.from+offset:end], separator)
		whole := end > r.from && r.buf[end-1] == '\r' || end == next
		if whole && (have+1 == want || ahead == 1) {
			r.stats.Lines += ahead
			if ahead > 1 {
				r.stats.Joined++
			}
			return end, next, nil
		}
		if whole || have+1 > want || ahead == 1 && have+1 == want || ahead == maxJoined {
			break
		}
		offset = next - r.from
		var err error
		if end, next, err = r.line(offset); err != nil {
			if err == io.EOF || ahead > 1 {
				break
			}
			return 0, 0, err
		}
	}
	r.stats.Lines++
	return r.from + size, r.from + length, nil
}

func (r *Rows) split(data []byte) {
	r.spans = r.spans[:0]
	separator := r.options.Dialect.Separator
	from := 0
	for {
		i := bytes.IndexByte(data[from:], separator)
		if i < 0 {
			break
		}
		r.spans = append(r.spans, span{from, from + i})
		from += i + 1
	}
	r.spans = append(r.spans, span{from, len(data)})
}

// quotedEnd finds the end of a row whose fields may hold line ends.
func (r *Rows) quotedEnd() (end, next int, err error) {
	lines := int64(1)
	offset := 0 // of the line that is looked at
	inQuotes := false
	for {
		end, next, err = r.line(offset)
		if err != nil {
			return 0, 0, err
		}
		inQuotes = r.quotesOpen(r.buf[r.from+offset:end], inQuotes)
		if !inQuotes {
			r.stats.Lines += lines
			return end, next, nil
		}
		if end == next {
			return 0, 0, io.ErrUnexpectedEOF
		}
		offset = next - r.from
		lines++
	}
}

// quotesOpen goes through a line and tells whether it ends inside quotes. A quote opens only at the start of a field.
func (r *Rows) quotesOpen(line []byte, open bool) bool {
	if bytes.IndexByte(line, '"') < 0 {
		return open
	}
	fieldStart := !open
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case open && c == '"':
			if i+1 < len(line) && line[i+1] == '"' {
				i++
			} else {
				open = false
			}
		case open:
		case c == '"' && fieldStart:
			open, fieldStart = true, false
		default:
			fieldStart = c == r.options.Dialect.Separator
		}
	}
	return open
}

// splitQuoted cuts a row and takes the quotes off, in place.
func (r *Rows) splitQuoted(data []byte) {
	r.spans = r.spans[:0]
	separator := r.options.Dialect.Separator
	for i := 0; ; i++ {
		from := i
		if i < len(data) && data[i] == '"' {
			to := from
			for i++; i < len(data); i++ {
				if data[i] == '"' {
					if i+1 == len(data) || data[i+1] != '"' {
						i++
						break
					}
					i++
				}
				data[to] = data[i]
				to++
			}
			for ; i < len(data) && data[i] != separator; i++ { // text after the closing quote is against the rules, but text
				data[to] = data[i]
				to++
			}
			r.spans = append(r.spans, span{from, to})
		} else {
			if n := bytes.IndexByte(data[i:], separator); n >= 0 {
				i += n
			} else {
				i = len(data)
			}
			r.spans = append(r.spans, span{from, i})
		}
		if i >= len(data) {
			return
		}
	}
}

// Row is one row. It is a view that the next row overwrites: what is to be kept must be copied.
type Row struct {
	data   []byte
	spans  []span
	header *Header
	line   int64
}

// Line returns the number of the line that the row starts with, the header's being 1 if nothing stands before it.
func (r Row) Line() int64 { return r.line }

// Header returns the document's header.
func (r Row) Header() *Header { return r.header }

// Len returns the number of fields, which may differ from the header's.
func (r Row) Len() int { return len(r.spans) }

// Field returns a field, valid until the next row; nil where the row is too short.
func (r Row) Field(i int) []byte {
	if i < 0 || i >= len(r.spans) {
		return nil
	}
	s := r.spans[i]
	return r.data[s.from:s.to:s.to]
}

// Get returns a copy of the field under a name, as [Header.Index] finds it; "" where there is none.
func (r Row) Get(names ...string) string { return string(r.Field(r.header.Index(names...))) }

// Strings returns a copy of all fields.
func (r Row) Strings() []string {
	text := string(r.data)
	fields := make([]string, len(r.spans))
	for i, s := range r.spans {
		fields[i] = text[s.from:s.to]
	}
	return fields
}

// Clone returns a copy that stays.
func (r Row) Clone() Row {
	r.data = bytes.Clone(r.data)
	r.spans = append([]span(nil), r.spans...)
	return r
}

// String shows the place, not the content, which may be personal data.
func (r Row) String() string { return fmt.Sprintf("Row{line %d, %d fields}", r.line, len(r.spans)) }

// Format shows the place, whatever the verb.
func (r Row) Format(f fmt.State, _ rune) { _, _ = io.Copy(f, strings.NewReader(r.String())) }

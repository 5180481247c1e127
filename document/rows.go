package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Dialect is how fields stand in a line. The zero value is found out from the header line.
type Dialect struct {
	Separator byte // '\t', ',' …
	// Quoted fields may hold separators and line ends between quotes, and a quote as two. A quote inside such a field that is written as one is text as
	// well, where neither a separator nor a line end follows. Otherwise a quote is a character like any other, as in most of Amazon's tab-separated reports.
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
	// FindHeader looks for the header among the first lines (64 of them, in 64 KiB), after those that are skipped: the first that has at least four fifths of
	// the fields that most lines have.
	FindHeader bool
	MaxLine    int // the longest row in bytes; default 16 MiB
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
	Quotes   int64 // rows in which a quote that would open or close a field was taken for text, because no other goes with it

	Headers int64 // rows that are the header once more, as where reports were put together

	Irregular int64       // rows that Short, Long, Quotes or Headers count
	First     []Irregular // the first ten of these
}

// maxIrregular is how many rows RowStats names.
const maxIrregular = 10

// Irregular is a row that is not as its document's header and dialect want it: where it stands, never what is in it.
type Irregular struct {
	Line    int64 // that the row starts with, as [Row.Line] has it
	Fields  int   // of the row
	Columns int   // of the header
	Quotes  bool  // a quote that goes with no other was taken for text
	Header  bool  // it is the header once more
}

// String is such as "line 3: 6 fields for 5 columns".
func (i Irregular) String() string {
	text := fmt.Sprintf("line %d: ", i.Line)
	if i.Header {
		return text + "the header again"
	}
	if i.Fields != i.Columns {
		text += plural(i.Fields, "field") + " for " + plural(i.Columns, "column")
	}
	if i.Fields != i.Columns && i.Quotes {
		text += ", "
	}
	if i.Quotes {
		text += "a quote without another"
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
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

// NoTableError is a document that begins as no table does: its first line would pass for a header, and what is in it be lost.
type NoTableError struct {
	Looks string // what it looks like: "JSON", "XML", "HTML", "PDF", "ZIP", "gzip"
}

func (e *NoTableError) Error() string {
	return fmt.Sprintf("document: it begins as %s does, not as a table", e.Looks)
}

// looks are the beginnings of what is no table, after white space, without regard to case.
var looks = sync.OnceValue(func() []look {
	return []look{
		{"gzip", regexp.MustCompile(`^\x1f.\x08`)},
		{"PDF", regexp.MustCompile(`^%PDF-`)},
		{"ZIP", regexp.MustCompile(`^PK\x03\x04`)},
		{"HTML", regexp.MustCompile(`(?i)^\s*<(!doctype\s+html|html|head|body)[\s>]`)},
		{"XML", regexp.MustCompile(`(?i)^\s*<(\?xml|!doctype|\w[\w:.-]*(\s+[\w:.-]+\s*=[^<>]*)?/?>)`)},
		{"JSON", regexp.MustCompile(`^\s*(\{\s*["}]|\[\s*[{\]])`)},
	}
})

type look struct {
	name  string
	begin *regexp.Regexp
}

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
	odd     bool // the row has quotes that were taken for text because no others go with them

	base int64 // bytes that stood before buf
	cr   bool  // lines end with CR: they are made LF as they come
	wasC bool  // the last byte that came was such a CR, so a line feed after it belongs to the same end

	// Up to here, counted as base is, no quote closes a field that began before; nor does an even number of them. So nothing is searched twice.
	noClose, noPair int64
}

type span struct{ from, to int }

// NewRows reads the rows of src, which must be UTF-8.
func NewRows(src io.Reader, options RowOptions) *Rows {
	options.MaxLine = min(cmp.Or(max(options.MaxLine, 0), 16<<20), math.MaxInt-2) // two more are read
	return &Rows{src: src, options: options, buf: make([]byte, min(256<<10, options.MaxLine+2))}
}

// Header reads the header, if that has not been done. Of an empty document it is empty, without an error. Errors: [*NoTableError], those of All.
func (r *Rows) Header() (*Header, error) {
	if r.started {
		return r.header, r.headerErr()
	}
	r.started = true
	r.header = NewHeader(nil)
	if r.err = r.noTable(); r.err != nil {
		return r.header, r.err
	}
	r.findLineEnd()
	for range r.options.Skip {
		_, next, err := r.line(0)
		if err != nil {
			r.err = err
			return r.header, r.headerErr()
		}
		r.from = next
		r.stats.Lines++
	}
	if r.options.FindHeader {
		r.findHeader()
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
		r.options.Dialect = r.dialectOf(line)
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
	r.odd = false
	return r.header, nil
}

// noTable looks at the beginning for what it is instead.
func (r *Rows) noTable() error {
	for window := min(1<<10, r.options.MaxLine); r.to-r.from < window && r.srcErr == nil; {
		r.fill()
	}
	head := r.buf[r.from:r.to]
	for _, look := range looks() {
		if look.begin.Match(head[:min(len(head), 1<<10)]) {
			return &NoTableError{Looks: look.name}
		}
	}
	return nil
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
func (r *Rows) Stats() RowStats {
	stats := r.stats
	stats.First = slices.Clone(stats.First)
	return stats
}

// All goes through the rows after the header. Each is valid until the next. It ends after an error: [*NoTableError], [*LineError], those of the source. What an
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
	n, want := len(row.spans), len(r.header.names)
	switch {
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
			n = want
		}
	}
	again := n == want && r.headerAgain(row)
	if n != want || r.odd || again {
		if r.stats.Irregular++; len(r.stats.First) < maxIrregular {
			r.stats.First = append(r.stats.First, Irregular{Line: row.line, Fields: n, Columns: want, Quotes: r.odd, Header: again})
		}
		if again {
			r.stats.Headers++
		}
		if r.odd {
			r.stats.Quotes++
			r.odd = false
		}
	}
	return row, nil
}

// headerAgain reports whether a row with as many fields as the header is the header. A single column may well hold its own name.
func (r *Rows) headerAgain(row Row) bool {
	for i, name := range r.header.names {
		if string(row.Field(i)) != name {
			return false
		}
	}
	return len(r.header.names) > 1
}

// cut takes the next row off the buffer, past empty lines.
func (r *Rows) cut() (Row, error) {
	for {
		end, next, err := r.line(0)
		if err != nil {
			return Row{}, err
		}
		data := withoutCR(r.buf[r.from:end])
		if len(data) == 0 {
			r.from = next
			r.stats.Lines++
			r.stats.Blank++
			continue
		}
		start := r.stats.Lines + 1
		switch quoted := r.options.Dialect.Quoted; {
		case quoted && bytes.IndexByte(data, '"') >= 0:
			if end, next, err = r.splitQuoted(end, next); err != nil {
				return Row{}, err
			}
			data = withoutCR(r.buf[r.from:end])
		case !quoted && r.crlf && r.header.Len() > 0:
			if end, next, err = r.join(end, next); err != nil {
				return Row{}, err
			}
			data = withoutCR(r.buf[r.from:end])
			r.split(data)
		default:
			r.stats.Lines++
			r.split(data)
		}
		if bytes.IndexByte(data, '\r') >= 0 {
			if n := r.splitAtCR(data); n > 0 {
				next = r.from + n + 1
				data = data[:n]
				r.split(data)
			}
			r.stats.CR += int64(bytes.Count(data, []byte{'\r'}))
		}
		r.from = next
		return Row{data: data, spans: r.spans, header: r.header, line: start}, nil
	}
}

// withoutCR takes the carriage returns of the line end off.
func withoutCR(line []byte) []byte {
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line
}

// splitAtCR makes lines of a row in which lines stand that end with CR, though others don't: each would have as many fields as the header. It returns where the
// first ends, 0 if they are none.
func (r *Rows) splitAtCR(row []byte) int {
	want, first := r.header.Len(), bytes.IndexByte(row, '\r')
	if first <= 0 || want < 2 || len(r.spans) <= want || bytes.IndexByte(row, '"') >= 0 && r.options.Dialect.Quoted {
		return 0
	}
	for line := range bytes.SplitSeq(row, []byte{'\r'}) {
		if bytes.Count(line, []byte{r.options.Dialect.Separator})+1 != want {
			return 0
		}
	}
	for i, c := range row {
		if c == '\r' {
			row[i] = '\n'
		}
	}
	return first
}

// headerWindow bounds what is looked at before the header.
const headerWindow = 64 << 10

// findLineEnd finds out whether lines end with CR alone: the first end of a line is one, and there is no line feed, or the lines up to the first one are alike.
func (r *Rows) findLineEnd() {
	window := min(headerWindow, r.options.MaxLine)
	head := func() []byte { return r.buf[r.from:min(r.to, r.from+window)] }
	more := func() bool {
		if r.srcErr != nil || r.to-r.from >= window {
			return false
		}
		r.fill()
		return true
	}
	first, quoted := 0, false
	for ; ; first++ {
		for first == len(head()) {
			if !more() {
				return
			}
		}
		c := head()[first]
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && c == '\n' {
			return
		}
		if !quoted && c == '\r' {
			break
		}
	}
	lf := -1
	for lf < 0 {
		if lf = bytes.IndexByte(head()[first:], '\n'); lf < 0 && !more() {
			break
		}
	}
	r.cr = true
	if lf >= 0 {
		lines := withoutCR(head()[:first+lf])
		separator := []byte{r.dialectOf(lines[:min(first, len(lines))]).Separator}
		want := bytes.Count(lines[:min(first, len(lines))], separator)
		r.cr = len(lines) > first && want > 0
		for line := range bytes.SplitSeq(lines, []byte{'\r'}) {
			r.cr = r.cr && bytes.Count(line, separator) == want
		}
	}
	if r.cr {
		r.to = r.from + r.unifyLineEnds(r.buf[r.from:r.to])
	}
}

// dialectOf is the dialect that was chosen, else that of a header line.
func (r *Rows) dialectOf(line []byte) Dialect {
	if r.options.Dialect.Separator == 0 {
		return detectDialect(line)
	}
	return r.options.Dialect
}

// unifyLineEnds makes CR and CRLF line feeds, in place, and returns how many bytes there are then.
func (r *Rows) unifyLineEnds(data []byte) int {
	n := 0
	for _, c := range data {
		if c == '\n' && r.wasC {
			r.wasC = false
			continue
		}
		if r.wasC = c == '\r'; r.wasC {
			c = '\n'
		}
		data[n] = c
		n++
	}
	return n
}

// maxBefore is how many lines the header is looked for in.
const maxBefore = 64

// findHeader passes over the lines before the header.
func (r *Rows) findHeader() {
	var fields, ends []int
	for offset := 0; len(ends) < maxBefore && offset < headerWindow; {
		end, next, err := r.line(offset)
		if err != nil {
			break
		}
		line := withoutCR(r.buf[r.from+offset : end])
		fields = append(fields, countFields(line, r.dialectOf(line)))
		ends = append(ends, next-r.from)
		offset = next - r.from
	}
	lines, best := map[int]int{}, 1
	for _, n := range fields {
		lines[n]++
	}
	for n, count := range lines {
		if size := n*count - best*lines[best]; n > 1 && (best == 1 || size > 0 || size == 0 && n > best) {
			best = n
		}
	}
	for i, n := range fields {
		if 5*n >= 4*best && best > 1 { // rows may be longer or shorter than their header
			if i > 0 {
				r.from += ends[i-1]
				r.stats.Lines += int64(i)
			}
			return
		}
	}
}

// countFields counts the fields of a line.
func countFields(line []byte, dialect Dialect) int {
	n, quoted := 1, false
	for _, c := range line {
		if c == '"' && dialect.Quoted {
			quoted = !quoted
		} else if c == dialect.Separator && !quoted {
			n++
		}
	}
	return n
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
		r.base += int64(r.from)
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
		if r.cr {
			n = r.unifyLineEnds(r.buf[r.to : r.to+n])
		}
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

// maxQuoted is how far the quote that closes a field is looked for, in bytes: one that isn't closed must not make the rest of a document be kept in memory.
const maxQuoted = 1 << 20

// splitQuoted cuts the row whose first line is given and takes the quotes off, in place. It returns where the row ends and the next begins.
func (r *Rows) splitQuoted(end, next int) (_, _ int, err error) {
	r.spans = r.spans[:0]
	separator := r.options.Dialect.Separator
	lines := int64(1)
	size, length := end-r.from, next-r.from // of the lines so far, relative because reading moves the buffer
	for i := 0; ; i++ {
		closing := -1
		if i < size && r.buf[r.from+i] == '"' {
			var lonely bool
			if closing, lonely, err = r.closingQuote(i, size); err != nil {
				return 0, 0, err
			}
			r.odd = r.odd || lonely
		}
		if closing > size {
			if end, next, err = r.line(closing); err != nil {
				return 0, 0, err
			}
			lines += int64(bytes.Count(r.buf[r.from+size:r.from+closing], []byte{'\n'}))
			size, length = end-r.from, next-r.from
		}
		data, from := withoutCR(r.buf[r.from:r.from+size]), i
		if closing >= 0 {
			r.spans = append(r.spans, unquote(data, i+1, closing))
			i = closing + 1
		} else {
			if i = len(data); from < i {
				if n := bytes.IndexByte(data[from:], separator); n >= 0 {
					i = from + n
				}
			}
			r.spans = append(r.spans, span{from, i})
		}
		if i >= len(data) {
			r.stats.Lines += lines
			return r.from + size, r.from + length, nil
		}
	}
}

// unquote makes one quote of two, in place.
func unquote(data []byte, from, to int) span {
	n := bytes.IndexByte(data[from:to], '"')
	if n < 0 {
		return span{from, to}
	}
	out := from + n
	for i := out; i < to; i++ {
		if data[i] == '"' && i+1 < to && data[i+1] == '"' {
			i++
		}
		data[out] = data[i]
		out++
	}
	return span{from, out}
}

// closingQuote finds the quote that closes the field whose first quote stands at i, counted from the row's start: one of an odd number of quotes in a row,
// before a separator or a line end. It is -1 where there is none, and where a further field is opened before: a quote that is written as one stands behind
// a separator or at the start of a line, so the first quote is text. But if there is an even number of quotes before a separator or the end of the line
// then, the last of these closes: the one before it was not written as two. Both are lonely.
func (r *Rows) closingQuote(i, line int) (closing int, lonely bool, err error) {
	pos, follower, err := r.quotes(i)
	if err != nil {
		return 0, false, err
	}
	ends := func() bool { return follower == r.options.Dialect.Separator || follower == '\n' }
	pair := -1
	switch run := pos - i - 1; {
	case run%2 == 1 && ends():
		return pos - 1, false, nil
	case run > 0 && ends():
		pair = pos - 1
	}
	after := pos
	if skip := int(r.noClose - r.base - int64(r.from)); skip > pos {
		pos = skip
	}
	for pos-i <= maxQuoted {
		n := bytes.IndexByte(r.buf[r.from+pos:r.to], '"')
		if n < 0 {
			pos = r.to - r.from
			if r.srcErr == nil && pos-i <= maxQuoted && pos <= r.options.MaxLine {
				r.fill()
				continue
			}
			if r.srcErr != nil && r.srcErr != io.EOF {
				return 0, false, r.srcErr
			}
			break
		}
		start := pos + n
		if pos, follower, err = r.quotes(start); err != nil {
			if err != errFar {
				return 0, false, err
			}
			pos = start
			break
		}
		if (pos-start)%2 == 0 {
			continue
		}
		if ends() {
			return pos - 1, false, nil
		}
		if before := r.buf[r.from+start-1]; before == r.options.Dialect.Separator || before == '\n' {
			pos = start
			break
		}
	}
	r.noClose = max(r.noClose, r.base+int64(r.from+pos))
	if pair < 0 {
		if pair, err = r.pairedQuotes(after, line); err != nil {
			return 0, false, err
		}
	}
	return pair, true, nil
}

// pairedQuotes finds the last of an even number of quotes before a separator or the end of the line, -1 if there are none.
func (r *Rows) pairedQuotes(pos, line int) (int, error) {
	if skip := int(r.noPair - r.base - int64(r.from)); skip > pos {
		pos = skip
	}
	for pos < line {
		n := bytes.IndexByte(r.buf[r.from+pos:r.from+line], '"')
		if n < 0 {
			break
		}
		start := pos + n
		var follower byte
		var err error
		if pos, follower, err = r.quotes(start); err != nil {
			return 0, err
		}
		if (pos-start)%2 == 0 && (follower == r.options.Dialect.Separator || follower == '\n') {
			return pos - 1, nil
		}
	}
	r.noPair = max(r.noPair, r.base+int64(r.from+line))
	return -1, nil
}

// quotes returns where the quotes end that begin at i, and what follows: '\n' for any line end and the end of the document.
func (r *Rows) quotes(i int) (end int, follower byte, err error) {
	for end = i; ; end++ {
		c, err := r.at(end)
		if err != nil {
			return 0, 0, err
		}
		if c == '"' && r.from+end < r.to {
			continue
		}
		for next := end + 1; c == '\r'; next++ {
			if c, err = r.at(next); err != nil {
				return 0, 0, err
			}
			if c != '\r' && c != '\n' {
				return end, '\r', nil
			}
		}
		return end, c, nil
	}
}

// errFar is a byte farther from the row's start than a row may be long.
var errFar = errors.New("beyond the bound")

// at returns the byte there, '\n' for the end of the document.
func (r *Rows) at(i int) (byte, error) {
	for r.from+i >= r.to {
		if i > r.options.MaxLine {
			return 0, errFar
		}
		if r.srcErr == io.EOF {
			return '\n', nil
		}
		if r.srcErr != nil {
			return 0, r.srcErr
		}
		r.fill()
	}
	return r.buf[r.from+i], nil
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

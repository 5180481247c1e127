// Package deliver brings documents to where a command's --out says, and shows meanwhile how far they are.
package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/document/export"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Raw is the document as it came, unpacked and, if it is text, in UTF-8.
const Raw output.Format = "raw"

// Target is where a document goes. The zero value is stdout.
type Target struct {
	Path   string
	Format output.Format // "" before Resolve, if not given
	Array  string        // of JSON documents: the members that lead to the array whose elements are the lines of JSONL
	// RawValues keeps amounts as they come, with the decimal separator of their marketplace.
	RawValues bool

	before    linesBefore
	jsonLines bool // the documents are JSON lines and stay so
	filter    *output.Query
	bare      bool // no format was chosen: what the filter gives goes out as --jq alone has it
}

// AddFlags adds --out, -o and --array.
func (t *Target) AddFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.Path, "out", "", "`file` to write, under its name only when it is whole; default: stdout")
	output.AddFlag(cmd, &t.Format, "format: csv, tsv, jsonl, parquet or raw (default: by the ending of --out, else raw)", "csv", "tsv", "jsonl", "parquet", Raw)
	cmd.Flags().StringVar(&t.Array, "array", "", "of JSON documents with -o jsonl: the `members` that lead to the array, such as salesAndTrafficByAsin")
	cmd.Flags().BoolVar(&t.RawValues, "raw-values", false, "of csv, tsv, jsonl and parquet: keep amounts as they come; default: 1.234,56 is written as 1234.56")
	cmd.Flags().Var(&t.before, "skip-lines", "`number` of lines before the header, or auto to find it (default: auto where the type is known to have such lines)")
}

// AddLineFlags adds --out and -o to a command whose documents are JSON lines.
func (t *Target) AddLineFlags(cmd *cobra.Command) {
	t.jsonLines = true
	cmd.Flags().StringVar(&t.Path, "out", "", "`file` to write, under its name only when it is whole; default: stdout")
	output.AddFlag(cmd, &t.Format, "format: jsonl, the only one", jsonl)
}

// jsonl is one JSON value a line: what --jq filters.
const jsonl = output.Format(export.JSONL)

// Resolve settles the format, and whether --jq and --array go with it: both are about the rows of JSON lines.
func (t *Target) Resolve(f *factory.Factory) error {
	named, err := export.FormatOf(t.Path)
	if t.jsonLines && t.Path != "" && err == nil && named != export.JSONL {
		return exit.Usagef("--out %q: the rows are written as JSON lines, want a name that doesn't end like %s", t.Path, named)
	}
	if err := f.Flags.Output.RefuseColumns("a document"); err != nil {
		return err
	}
	chosen := t.Format != ""
	if err := t.settle(); err != nil {
		return err
	}
	if q := &f.Flags.Output.JQ; q.Given() {
		t.filter = q
		if !chosen && t.Format == Raw {
			t.Format, t.bare = jsonl, true
		}
		if t.Format != jsonl {
			return exit.Usagef("--jq %q doesn't go with %s: it filters the rows of -o jsonl", q, t.Format)
		}
	}
	if t.Array != "" && t.Format != jsonl {
		return exit.Usagef("--array %q doesn't go with %s: it names the rows of -o jsonl", t.Array, t.Format)
	}
	if t.before.given && t.Format == Raw {
		return exit.Usagef("--skip-lines %s doesn't go with raw: it is about the rows of -o csv, tsv, jsonl and parquet", &t.before)
	}
	return nil
}

func (t *Target) settle() error {
	if t.Format == "" {
		t.Format = Raw
		if f, err := export.FormatOf(t.Path); err == nil && t.Path != "" {
			t.Format = output.Format(f)
		}
	}
	if t.Path == "" && t.Format == output.Format(export.Parquet) {
		return exit.Usagef("-o parquet needs --out FILE")
	}
	return nil
}

// Journal is the name of the file in which a run notes what it has asked for, until the target is whole.
func (t *Target) Journal() string {
	if t.Path == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(t.Path), "."+filepath.Base(t.Path)+".spapi-job.json")
}

// Sink takes documents, one or several of the same kind, and writes them into the target.
type Sink struct {
	target Target
	f      *factory.Factory
	out    io.Writer
	file   *export.File // nil for stdout
	rows   export.Writer
	filter *output.Filter // nil without --jq
	header []string
	n      int   // documents
	Rows   int64 // that were written, as far as they are known
}

// Open starts the target. Close must be called, and Commit before it if all went well.
func (t *Target) Open(ctx context.Context, f *factory.Factory) (*Sink, error) {
	s := &Sink{target: *t, f: f, out: f.Streams.Out}
	if t.Path != "" {
		file, err := export.Create(t.Path)
		if err != nil {
			return nil, exit.Usagef("--out: %v", err)
		}
		s.file, s.out = file, file
	}
	if t.filter != nil {
		s.filter = t.filter.Filter(ctx, s.out, t.bare)
		s.out = s.filter
	}
	return s, nil
}

// Source is a document.
type Source struct {
	Name     string           // what is said about it begins with, such as "report 50039018869"
	Document *document.Reader // for what it tells about its text; nil if nothing
	Reader   io.Reader
	Format   string // TSV, CSV, JSON, JSONL, XML, XLSX, PDF, or "" for unknown

	Rows    document.RowOptions
	Amounts []string // columns that are written with a decimal point
	Decimal byte     // what they are separated by
}

func (s Source) table() bool { return s.Format == "" || s.Format == "TSV" || s.Format == "CSV" }

// Add writes a document, and tells what was wrong with it.
func (s *Sink) Add(src Source) error {
	var stats document.RowStats
	if err := s.add(src, &stats); err != nil {
		return err
	}
	for _, line := range complaints(src.Document, stats) {
		s.f.Notef("%s: %s", src.Name, line)
	}
	return nil
}

// toldRows is how many irregular rows are named; the rest is counted.
const toldRows = 5

// complaints say what is wrong with a document: places and counts, never what stands there, which may be personal data.
func complaints(doc *document.Reader, stats document.RowStats) (lines []string) {
	if doc != nil {
		declared := doc.Misdeclared()
		if _, known := document.LookupCharset(declared); declared != "" && !known {
			lines = append(lines, fmt.Sprintf("declared to be in %q, which is unknown here, and read as %s, which its bytes look like", declared, doc.Charset()))
		} else if declared != "" {
			lines = append(lines, fmt.Sprintf("declared to be in %s, but its bytes are in %s, and were read as that", declared, doc.Charset()))
		}
		if n := doc.Replaced(); n > 0 {
			lines = append(lines, fmt.Sprintf("%s made no character in %s and became \uFFFD", output.Plural(n, "byte"), doc.Charset()))
		}
	}
	if stats.Irregular > 0 {
		var told []string
		for _, row := range stats.First[:min(len(stats.First), toldRows)] {
			told = append(told, row.String())
		}
		if rest := stats.Irregular - int64(len(told)); rest > 0 {
			told = append(told, fmt.Sprintf("and %d more", rest))
		}
		lines = append(lines, fmt.Sprintf("%d of %d rows are irregular, and kept whole: %s", stats.Irregular, stats.Rows, strings.Join(told, "; ")))
	}
	return lines
}

func (s *Sink) add(src Source, stats *document.RowStats) error {
	s.n++
	switch {
	case s.target.Format == Raw && (s.n == 1 || src.Format == "JSONL"):
		_, err := io.Copy(s.out, src.Reader)
		return err
	case s.target.Format == "jsonl" && src.Format == "JSON":
		return s.lines(document.Elements(src.Reader, s.target.Array, 0), true)
	case s.target.Format == "jsonl" && src.Format == "JSONL":
		return s.lines(document.Lines(src.Reader, 0), false)
	case !src.table() && s.target.Format == Raw:
		return exit.Usagef("several %s documents don't make one: ask for a shorter window, or for a table", src.Format)
	case !src.table():
		return exit.Usagef("-o %s: the document is %s, want raw", s.target.Format, src.Format)
	}
	options := src.Rows
	if s.target.before.given {
		options.Skip, options.FindHeader = s.target.before.lines, s.target.before.auto
	}
	rows := document.NewRows(src.Reader, options)
	defer func() { *stats = rows.Stats() }()
	header, err := rows.Header()
	if _, ok := errors.AsType[*document.NoTableError](err); ok {
		return fmt.Errorf("%s: %w; -o raw writes it as it is", src.Name, err)
	}
	if err != nil {
		return err
	}
	if lines := rows.Stats().Lines; header.Len() == 0 && options.Skip > 0 && lines > 0 {
		return fmt.Errorf("%s: --skip-lines %d leaves nothing: the document has %s", src.Name, options.Skip, output.Plural(lines, "line"))
	}
	if s.rows == nil {
		s.header = header.Names()
		format := export.Format(s.target.Format)
		if s.target.Format == Raw { // a second document cannot be appended with its header
			return errors.New("internal: rows without a writer")
		}
		if s.rows, err = export.NewWriter(s.out, format, header); err != nil {
			return err
		}
	} else if !slices.Equal(header.Names(), s.header) {
		if header.Len() == 0 {
			return nil
		}
		return fmt.Errorf("the columns of window %d differ from those before: %q, not %q", s.n, strings.Join(header.Names(), " "), strings.Join(s.header, " "))
	}
	spaced := int64(0)
	defer func() {
		if spaced > 0 {
			s.f.Notef("%s: %s with tabs or line ends inside fields, which tsv has as spaces", src.Name, output.Plural(spaced, "row"))
		}
	}()
	decimals := document.NewDecimals(header, src.Decimal, src.Amounts...)
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if !s.target.RawValues {
			row = decimals.Row(row)
		}
		if s.target.Format == "tsv" && unfit(row) {
			spaced++
		}
		if err := s.rows.Write(row); err != nil {
			return err
		}
		s.Rows++
	}
	return nil
}

// unfit reports whether a row has what a field of tab-separated text can't hold.
func unfit(row document.Row) bool {
	for i := range row.Len() {
		if bytes.ContainsAny(row.Field(i), "\t\r\n") {
			return true
		}
	}
	return false
}

func (s *Sink) lines(all func(func([]byte, error) bool), compactly bool) error {
	for line, err := range all {
		if err != nil {
			return err
		}
		if compactly {
			if line, err = compact(line); err != nil {
				return err
			}
		}
		if _, err := s.out.Write(append(line, '\n')); err != nil {
			return err
		}
		s.Rows++
	}
	return nil
}

// Commit gives the target its name.
func (s *Sink) Commit() error {
	if s.rows != nil {
		if err := s.rows.Close(); err != nil {
			return err
		}
	} else if s.target.Format == "parquet" || s.n == 0 && s.file != nil {
		return errors.New("there is nothing to write")
	}
	if s.filter != nil {
		s.Rows = s.filter.Results
	}
	if s.file == nil {
		return nil
	}
	return s.file.Commit()
}

// Close removes what was not committed.
func (s *Sink) Close() {
	if s.file != nil {
		s.file.Abort()
	}
}

// Bar shows on a terminal what is being waited for. Elsewhere it is silent; --verbose tells the same in lines.
type Bar struct {
	f    *factory.Factory
	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil where none is shown
	wait *factory.Wait            // nil until something is said
	last string
}

// NewBar makes a bar, which Close must remove.
func NewBar(f *factory.Factory) *Bar {
	b := &Bar{f: f}
	if f.Streams.ErrIsTerminal && !f.Flags.Quiet && !f.Flags.Verbose {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f.Streams.Redraw()), progressbar.OptionClearOnFinish(), progressbar.OptionShowBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(20), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionSetRenderBlankState(true))
	}
	return b
}

// Say tells what is being done.
func (b *Bar) Say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == nil {
		b.wait = b.f.Busy(b.bar != nil, text)
	}
	b.wait.Say(text)
	if b.bar != nil {
		b.bar.Describe(terminal.Clean(text))
		return
	}
	if b.f.Flags.Verbose && text != b.last {
		b.last = text
		b.f.Notef("* %s", text)
	}
}

// Reader counts what is read from a document.
func (b *Bar) Reader(r *document.Reader) io.Reader {
	if b.bar == nil {
		return r
	}
	return &counted{b, r}
}

type counted struct {
	b *Bar
	r *document.Reader
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.b.bar != nil {
		progress := c.r.Progress()
		if progress.Total > 0 {
			c.b.bar.ChangeMax64(progress.Total)
		}
		_ = c.b.bar.Set64(progress.Wire)
	}
	return n, err
}

// Close takes the bar off the terminal.
func (b *Bar) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait != nil {
		b.wait.End()
	}
	if b.bar != nil {
		_ = b.bar.Exit()
		_ = b.bar.Clear()
		b.bar = nil
	}
}

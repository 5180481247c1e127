package output

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"reflect"
)

// List writes rows as they come, in every format: what was flushed is out. Tables and CSV have the columns, and tables the widths, that the rows
// of the first page want. Only --jq keeps the rows, since its expression is about the list as a whole, unless Each is set.
type List struct {
	Each bool         // --jq filters the rows, one by one
	Row  reflect.Type // of the rows, where they come raw; nil: nothing is known about it

	p       *Printer
	columns []Column
	out     *bufio.Writer
	waiting []json.RawMessage
	written int // rows, or results of --jq
	begun   bool
	table   *table
	csv     *csvWriter

	text  []byte // memory for that of a page
	texts texts  // and for its values
}

// page is after how many rows a list is flushed by itself.
const page = 100

// List returns a list. Close must be called at its end.
func (p *Printer) List(columns ...Column) *List {
	return &List{p: p, columns: columns, out: bufio.NewWriterSize(p.Streams.Out, 64<<10)}
}

// Add adds a row, any value that encoding/json can write.
func (l *List) Add(ctx context.Context, row any) error {
	raw, err := encode(row)
	if err != nil {
		return err
	}
	l.Row = reflect.TypeOf(row)
	return l.AddRaw(ctx, raw)
}

// AddRaw adds a row as Amazon sent it. It must be valid JSON, and must not be changed before the list is flushed; with --jq not before it is closed.
func (l *List) AddRaw(ctx context.Context, raw json.RawMessage) error {
	if l.p.Flags.JQ.Given() && l.Each {
		results, err := l.p.Flags.JQ.run(ctx, raw)
		if err != nil {
			return err
		}
		l.waiting = append(l.waiting, results...)
	} else {
		l.waiting = append(l.waiting, raw)
	}
	if len(l.waiting) < page {
		return nil
	}
	return l.Flush()
}

// Flush writes what was added, at the end of a page.
func (l *List) Flush() error {
	if len(l.waiting) == 0 || l.p.Flags.JQ.Given() && !l.Each {
		return nil
	}
	if err := l.write(l.waiting); err != nil {
		return err
	}
	l.written += len(l.waiting)
	clear(l.waiting)
	l.waiting = l.waiting[:0]
	return l.out.Flush()
}

func (l *List) write(rows []json.RawMessage) error {
	format, filtered := l.p.Format(), l.p.Flags.JQ.Given()
	switch {
	case format == "":
		return writeBare(l.out, rows)
	case format == JSON && filtered: // results are values one after the other, as those of --jq always are
		return l.p.printResults(l.out, rows)
	case format == JSON || format == JSONL:
		l.text = l.text[:0]
		for i, row := range rows {
			l.text = l.p.appendRow(l.text, row, format, l.written+i == 0)
		}
		_, err := l.out.Write(l.text)
		return err
	}
	values, err := l.texts.read(rows)
	if err != nil {
		return err
	}
	switch format {
	case YAML:
		var b bytes.Buffer
		for i, v := range values {
			switch {
			case !filtered:
				b.WriteString("- ")
				writeNode(&b, v, 1, true)
				continue
			case l.written+i > 0:
				b.WriteString("---\n")
			}
			writeNode(&b, v, 0, false)
		}
		_, err := l.out.Write(b.Bytes())
		return err
	case CSV:
		if err := l.head(values); err != nil {
			return err
		}
		return l.csv.rows(values)
	}
	if err := l.head(values); err != nil {
		return err
	}
	return l.table.rows(values)
}

// appendRow writes a row of a list in JSON or JSON lines.
func (p *Printer) appendRow(b []byte, row json.RawMessage, format Format, first bool) []byte {
	switch {
	case format == JSONL:
	case first:
		b = append(b, "[\n  "...)
	default:
		b = append(b, ",\n  "...)
	}
	if p.Streams.OutIsTerminal {
		shown := p.screened([]json.RawMessage{appendCompact(nil, row)})[0]
		if format == JSON {
			shown = indented(shown, "  ")
		}
		b = append(b, shown...)
	} else {
		b = appendCompact(b, row)
	}
	if format == JSONL {
		b = append(b, '\n')
	}
	return b
}

// head settles what the first rows settle.
func (l *List) head(rows []Value) error {
	if l.begun {
		return nil
	}
	l.begun = true
	columns, err := l.p.chosen(l.Row, l.columns, rows)
	if err != nil {
		return err
	}
	if l.p.Format() == CSV {
		l.csv = &csvWriter{w: l.out, spreadsheet: l.p.Flags.Spreadsheet}
		return l.csv.begin(rows, columns)
	}
	l.table = l.p.newTable(l.out, columns)
	return nil
}

// Close ends the list, so that it is whole in its format, also where it ends with an error, which is passed on. A list that failed before it had
// any row writes nothing: an empty list would be taken for an answer.
func (l *List) Close(ctx context.Context, failure error) error {
	err := l.close(context.WithoutCancel(ctx), failure != nil)
	if failure != nil {
		return failure
	}
	return err
}

func (l *List) close(ctx context.Context, failed bool) error {
	if failed && l.written+len(l.waiting) == 0 {
		return nil
	}
	if l.p.Flags.JQ.Given() && !l.Each {
		raw, err := encode(append([]json.RawMessage{}, l.waiting...))
		if err != nil {
			return err
		}
		results, err := l.p.Flags.JQ.run(ctx, raw)
		if err != nil {
			return err
		}
		return l.p.printResults(l.p.Streams.Out, results)
	}
	if err := l.Flush(); err != nil {
		return err
	}
	filtered := l.p.Flags.JQ.Given()
	var err error
	switch format := l.p.Format(); {
	case format == JSON && filtered, format == JSONL:
	case format == JSON && l.written == 0:
		_, err = io.WriteString(l.out, "[]\n")
	case format == JSON:
		_, err = io.WriteString(l.out, "\n]\n")
	case format == YAML && l.written == 0 && !filtered:
		_, err = io.WriteString(l.out, "[]\n")
	case format == CSV:
		if err = l.head(nil); err == nil {
			err = l.csv.end()
		}
	}
	if flushErr := l.out.Flush(); flushErr != nil {
		return flushErr
	}
	return err
}

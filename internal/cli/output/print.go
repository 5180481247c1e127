package output

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Print writes a value: an object, or a list, whose elements are the rows of a table. Without columns, rows show the members that they
// have, in the order in which these first occur, and a single object is shown member by member.
func (p *Printer) Print(ctx context.Context, v any, columns ...Column) error {
	raw, err := encode(v)
	if err != nil {
		return err
	}
	if p.Flags.JQ.Given() {
		results, err := p.Flags.JQ.run(ctx, raw)
		if err != nil {
			return err
		}
		return p.printResults(p.Streams.Out, results)
	}
	return p.print(p.Streams.Out, raw, rowOf(v), columns)
}

// rowOf is the type of the rows of v, nil where nothing is known about it.
func rowOf(v any) reflect.Type {
	if _, ok := v.(json.RawMessage); ok || v == nil {
		return nil
	}
	t := bareType(reflect.TypeOf(v))
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// printResults writes what a filter gave: values one after the other.
func (p *Printer) printResults(w io.Writer, results []json.RawMessage) error {
	switch format := p.Format(); format {
	case "":
		return writeBare(w, results)
	case Table, CSV: // one table, whatever the number of results
		all := make([]json.RawMessage, 0, len(results))
		for _, r := range results {
			var list []json.RawMessage
			if json.Unmarshal(r, &list) != nil {
				list = []json.RawMessage{r}
			}
			all = append(all, list...)
		}
		raw, err := encode(all)
		if err != nil {
			return err
		}
		return p.print(w, raw, nil, nil)
	case YAML:
		for i, r := range results {
			if i > 0 {
				if _, err := io.WriteString(w, "---\n"); err != nil {
					return err
				}
			}
			if err := p.print(w, r, nil, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range results {
		if err := p.print(w, r, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// print writes JSON in the format that is wanted.
func (p *Printer) print(w io.Writer, raw json.RawMessage, row reflect.Type, columns []Column) error {
	switch format := p.Format(); format {
	case Table, CSV, YAML:
		v, err := Parse(string(raw))
		if err != nil {
			return err
		}
		if format == YAML {
			return writeYAML(w, v)
		}
		rows := elements(v)
		chosen, err := p.chosen(row, columns, rows)
		if err != nil {
			return err
		}
		if format == CSV {
			c := &csvWriter{w: w, spreadsheet: p.Flags.Spreadsheet}
			if err := c.begin(rows, chosen); err != nil {
				return err
			}
			return c.rows(rows)
		}
		if v.Kind() == Object && chosen == nil {
			return p.writeMembers(w, v)
		}
		return p.newTable(w, chosen).rows(rows)
	case JSONL:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			list = []json.RawMessage{raw}
		}
		return writeLines(w, p.screened(list))
	}
	if p.Streams.OutIsTerminal {
		_, err := w.Write(append(indented(p.screened([]json.RawMessage{raw})[0], ""), '\n'))
		return err
	}
	var list []json.RawMessage
	if raw[0] == '[' && json.Unmarshal(raw, &list) == nil {
		return writeList(w, list)
	}
	return WriteJSON(w, raw)
}

// indented is JSON for people.
func indented(raw json.RawMessage, prefix string) []byte {
	var b bytes.Buffer
	if json.Indent(&b, raw, prefix, "  ") != nil {
		return raw // not reached: it was encoded
	}
	return b.Bytes()
}

// screened are values that a terminal shows as they are: what it would act on, or leave out, stands there as JSON escapes it.
func (p *Printer) screened(list []json.RawMessage) []json.RawMessage {
	if !p.Streams.OutIsTerminal {
		return list
	}
	shown := make([]json.RawMessage, len(list))
	for i, raw := range list {
		shown[i] = json.RawMessage(escaped(string(raw)))
	}
	return shown
}

// escaped writes what acts on a terminal, and what YAML can't hold, with JSON's escapes; the line ends between the values of JSON stay.
func escaped(text string) string {
	if !strings.ContainsFunc(text, unsafe) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unsafe(r rune) bool {
	return r > '~' && (terminal.Acts(r) || r == '\ufeff' || r == '\ufffe' || r == '\uffff')
}

// writeBare writes values a line each, and strings without quotes, as gh and jq -r do.
func writeBare(w io.Writer, list []json.RawMessage) error {
	var b bytes.Buffer
	for _, r := range list {
		var s string
		if json.Unmarshal(r, &s) == nil && r[0] == '"' {
			b.WriteString(s)
		} else {
			b.Write(r)
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeLines(w io.Writer, list []json.RawMessage) error {
	var b bytes.Buffer
	for _, e := range list {
		b.Write(e)
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeList writes an array with one element per line, so that it can be read by eye and by line tools as well.
func writeList(w io.Writer, list []json.RawMessage) error {
	var b bytes.Buffer
	b.WriteString("[")
	for i, e := range list {
		b.WriteString("\n  ")
		b.Write(e)
		if i < len(list)-1 {
			b.WriteString(",")
		}
	}
	if len(list) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	_, err := w.Write(b.Bytes())
	return err
}

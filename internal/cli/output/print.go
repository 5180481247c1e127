package output

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
)

// Print writes a value: an object, or a list, whose elements are the rows of a table. Without columns, rows show the members that they
// have, in the order in which these first occur, and a single object is shown member by member.
func (p *Printer) Print(ctx context.Context, v any, columns ...Column) error {
	raw, err := encode(v)
	if err != nil {
		return err
	}
	if p.Flags.JQ.code != nil {
		results, err := p.Flags.JQ.run(ctx, raw)
		if err != nil {
			return err
		}
		return p.printResults(results)
	}
	return p.print(raw, columns)
}

// printResults writes what a filter gave: values one after the other.
func (p *Printer) printResults(results []json.RawMessage) error {
	switch format := p.Format(); format {
	case "":
		return writeBare(p.Streams.Out, results)
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
		return p.print(raw, nil)
	case YAML:
		for i, r := range results {
			if i > 0 {
				if _, err := io.WriteString(p.Streams.Out, "---\n"); err != nil {
					return err
				}
			}
			if err := p.print(r, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range results {
		if err := p.print(r, nil); err != nil {
			return err
		}
	}
	return nil
}

// print writes JSON in the format that is wanted.
func (p *Printer) print(raw json.RawMessage, columns []Column) error {
	out := p.Streams.Out
	switch format := p.Format(); format {
	case Table, CSV, YAML:
		v, err := ordered(raw)
		if err != nil {
			return err
		}
		switch format {
		case YAML:
			return writeYAML(out, v)
		case CSV:
			return writeCSV(out, elements(v), columns)
		}
		if o, ok := v.(object); ok && columns == nil {
			return p.writeMembers(o)
		}
		return p.writeTable(elements(v), columns)
	case JSONL:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			list = []json.RawMessage{raw}
		}
		return writeLines(out, list)
	}
	if p.Streams.OutIsTerminal {
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err := out.Write(b.Bytes())
		return err
	}
	var list []json.RawMessage
	if raw[0] == '[' && json.Unmarshal(raw, &list) == nil {
		return writeList(out, list)
	}
	return WriteJSON(out, raw)
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

// writeCSV writes RFC 4180 with a heading, and with "\n" at the line ends as other tools of a shell do.
func writeCSV(w io.Writer, rows []any, columns []Column) error {
	if columns == nil {
		columns = columnsOf(rows)
	}
	out := csv.NewWriter(w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.Name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for _, row := range rows {
		for i, c := range columns {
			if record[i] = text(at(row, c.Path)); c.Path == "" {
				record[i] = c.dressed(row)
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// columnsOf are the members that rows have; rows that are no objects have one column.
func columnsOf(rows []any) []Column {
	var columns []Column
	var seen []string
	for _, row := range rows {
		o, ok := row.(object)
		if !ok {
			return []Column{{Name: "value"}}
		}
		for _, m := range o {
			if !slices.Contains(seen, m.name) {
				seen = append(seen, m.name)
				columns = append(columns, Column{Name: m.name, Path: m.name})
			}
		}
	}
	return columns
}

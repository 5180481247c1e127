package output

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	tabletext "github.com/jedib0t/go-pretty/v6/text"
)

// maxCell is how many characters of a cell a table shows where the command names no columns.
const maxCell = 60

func (p *Printer) newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = tabletext.FormatDefault
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	style.Box.UnfinishedRow = "…"
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	if p.Streams.Width > 0 {
		t.Style().Size.WidthMax = p.Streams.Width
	}
	return t
}

// writeTable writes rows under a heading, cut to the width of the terminal.
func (p *Printer) writeTable(rows []any, columns []Column) error {
	if len(rows) == 0 {
		return nil // what was not found, the command says
	}
	named := columns != nil
	if !named {
		columns = columnsOf(rows)
	}
	t := p.newTable()
	heading := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		heading[i] = c.Name
		if named {
			name, _, _ := strings.Cut(c.Name, "(") // units and zones keep their spelling
			heading[i] = strings.ToUpper(name) + c.Name[len(name):]
		}
		configs[i].Number = i + 1
		if c.Right {
			configs[i].Align, configs[i].AlignHeader = tabletext.AlignRight, tabletext.AlignRight
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(heading)
	for _, row := range rows {
		cells := make(table.Row, len(columns))
		for i, c := range columns {
			s := printable(c.dressed(at(row, c.Path)))
			if !named {
				s = cut(s)
			}
			cells[i] = s
		}
		t.AppendRow(cells)
	}
	_, err := fmt.Fprintln(p.Streams.Out, t.Render())
	return err
}

// writeMembers writes one object, a member a line.
func (p *Printer) writeMembers(o object) error {
	if len(o) == 0 {
		return nil
	}
	t := p.newTable()
	for _, m := range o {
		t.AppendRow(table.Row{m.name, cut(printable(text(m.value)))})
	}
	_, err := fmt.Fprintln(p.Streams.Out, t.Render())
	return err
}

// dressed is the text of a field.
func (c Column) dressed(v any) string {
	if c.Text == nil {
		return text(v)
	}
	switch v := v.(type) {
	case object, []any:
		b, _ := encode(v)
		return c.Text(json.RawMessage(b))
	}
	return c.Text(v)
}

// cut bounds a cell.
func cut(text string) string {
	s := []rune(text)
	if len(s) > maxCell {
		s = append(s[:maxCell-1], '…')
	}
	return string(s)
}

// printable takes out what could move the cursor or change the terminal: names and titles are other people's text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}

package output

import (
	"io"
	"slices"
	"strings"

	width "github.com/jedib0t/go-pretty/v6/text"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

const (
	maxCell = 60 // characters of a cell where the command names no columns
	minLong = 12 // to which a text is cut at most before a column is left out
	gap     = "  "
)

// table writes rows under a heading, page by page. On a terminal it keeps to its width: first long texts are cut, then columns that can be spared are left
// out, which an ellipsis at the end of the heading tells.
type table struct {
	w       io.Writer
	columns []Column
	named   bool // the command knows its columns
	wide    bool
	room    int // columns of the terminal; 0 for no bound

	begun bool
	shown []int // of columns
	sizes []int // of all columns
	less  bool  // some are left out
}

func (p *Printer) newTable(w io.Writer, columns []Column) *table {
	t := &table{w: w, columns: slices.Clone(columns), named: columns != nil, wide: p.Flags.Format == Wide, room: p.Streams.Width}
	if t.wide || !p.Streams.OutIsTerminal {
		t.room = 0
	}
	if !t.wide {
		t.columns = slices.DeleteFunc(t.columns, func(c Column) bool { return c.Wide })
	}
	return t
}

// rows writes rows, with the heading before the first ones, whose widths count for all.
func (t *table) rows(rows []Value) error {
	if len(rows) == 0 {
		return nil // what was not found, the command says
	}
	if !t.begun && !t.named {
		t.columns = columnsOf(rows)
	}
	if len(t.columns) == 0 {
		return nil // objects without members
	}
	lines := make([][]string, len(rows))
	for i, row := range rows {
		read := len(row.in.nodes)
		lines[i] = make([]string, len(t.columns))
		for j := range t.columns {
			s := printable(t.columns[j].cell(row))
			if !t.named && !t.wide {
				s = cut(s, maxCell)
			}
			lines[i][j] = s
		}
		row.in.forget(read)
	}
	var b strings.Builder
	if !t.begun {
		t.begun = true
		heading := make([]string, len(t.columns))
		for i, c := range t.columns {
			heading[i] = printable(c.Name)
			if t.named {
				heading[i] = strings.ToUpper(heading[i])
			}
		}
		t.settle(append([][]string{heading}, lines...))
		end := ""
		if t.less {
			end = "…"
		}
		t.line(&b, heading, end)
	}
	for _, line := range lines {
		t.line(&b, line, "")
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// settle finds widths and columns.
func (t *table) settle(lines [][]string) {
	natural := make([]int, len(t.columns))
	for i := range t.columns {
		t.shown = append(t.shown, i)
		for _, line := range lines {
			natural[i] = max(natural[i], size(line[i]))
		}
	}
	for {
		t.sizes = slices.Clone(natural)
		over := t.over()
		for t.room > 0 && over > 0 {
			widest := -1
			for _, i := range t.shown {
				if t.columns[i].Long && t.sizes[i] > minLong && (widest < 0 || t.sizes[i] > t.sizes[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			t.sizes[widest]--
			over--
		}
		spare := slices.MaxFunc(t.shown, func(a, b int) int { return t.columns[a].Spare - t.columns[b].Spare })
		if t.room == 0 || over <= 0 || t.columns[spare].Spare == 0 {
			return
		}
		t.shown = slices.DeleteFunc(t.shown, func(i int) bool { return i == spare })
		t.less = true
	}
}

// over is by how many characters the lines are too long.
func (t *table) over() int {
	n := -len(gap) - t.room
	for _, i := range t.shown {
		n += t.sizes[i] + len(gap)
	}
	if t.less {
		n += len(gap) + 1
	}
	return n
}

// line writes a line. What is wider than its column is cut if it is a text on a terminal, else it moves what follows.
func (t *table) line(b *strings.Builder, cells []string, end string) {
	var parts []string
	for _, i := range t.shown {
		c, s := t.columns[i], cells[i]
		if t.room > 0 && c.Long {
			s = cut(s, t.sizes[i])
		}
		align := width.AlignLeft
		if c.Right {
			align = width.AlignRight
		}
		parts = append(parts, align.Apply(s, t.sizes[i]))
	}
	if end != "" {
		parts = append(parts, end)
	}
	b.WriteString(strings.TrimRight(strings.Join(parts, gap), " ") + "\n")
}

// writeMembers writes one object, a member a line.
func (p *Printer) writeMembers(w io.Writer, o Value) error {
	names := 0
	for name := range o.Members() {
		names = max(names, size(printable(name)))
	}
	room := maxCell
	if p.Streams.OutIsTerminal && p.Streams.Width > 0 {
		room = max(p.Streams.Width-names-len(gap), minLong)
	}
	var b strings.Builder
	for name, m := range o.Members() {
		s := printable(m.text())
		if p.Flags.Format != Wide {
			s = cut(s, room)
		}
		b.WriteString(strings.TrimRight(width.AlignLeft.Apply(printable(name), names)+gap+s, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// size is how many columns of a terminal a text takes.
func size(s string) int { return width.StringWidthWithoutEscSequences(s) }

// cut bounds a text.
func cut(s string, n int) string { return width.Snip(s, n, "…") }

// printable takes out what could move the cursor or change the terminal: names and titles are other people's text.
func printable(s string) string {
	return terminal.Clean(strings.Map(func(r rune) rune {
		switch r {
		case '\n', '\t', '\r', '\u2028', '\u2029':
			return ' '
		}
		return r
	}, s))
}

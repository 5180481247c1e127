package output

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

var offers = []Column{
	{Name: "order", Path: "o"}, {Name: "total", Path: "t", Right: true}, {Name: "shop", Path: "s", Spare: 2}, {Name: "by", Path: "b", Spare: 1},
	{Name: "title", Path: "x", Long: true}, {Name: "more", Path: "m", Wide: true},
}

const offerRows = `[{"o":"701-5993253-3830265","t":"1234.50 EUR","s":"Amazon.co.jp","b":"merchant","x":"A very long title that nobody reads to its end","m":"m"},
	{"o":"2","t":"1 EUR","s":"A","b":"amazon","x":"short"}]`

// TestTableWidth: on a terminal long texts are cut first, then columns that can be spared go; ids and amounts are never cut. Elsewhere, and with
// -o wide, all is there.
func TestTableWidth(t *testing.T) {
	for _, c := range []struct {
		width  int
		format Format
		want   string
	}{
		{0, "", "ORDER                      TOTAL  SHOP          BY        TITLE\n" +
			"701-5993253-3830265  1234.50 EUR  Amazon.co.jp  merchant  A very long title that nobody reads to its end\n" +
			"2                          1 EUR  A             amazon    short\n"},
		{80, "", "ORDER                      TOTAL  SHOP          BY        TITLE\n" +
			"701-5993253-3830265  1234.50 EUR  Amazon.co.jp  merchant  A very long title tha…\n" +
			"2                          1 EUR  A             amazon    short\n"},
		{66, "", "ORDER                      TOTAL  BY        TITLE                …\n" +
			"701-5993253-3830265  1234.50 EUR  merchant  A very long title …\n" +
			"2                          1 EUR  amazon    short\n"},
		{55, "", "ORDER                      TOTAL  TITLE               …\n" +
			"701-5993253-3830265  1234.50 EUR  A very long title…\n" +
			"2                          1 EUR  short\n"},
		{20, "", "ORDER                      TOTAL  TITLE         …\n" +
			"701-5993253-3830265  1234.50 EUR  A very long…\n" +
			"2                          1 EUR  short\n"},
		{40, Wide, "ORDER                      TOTAL  SHOP          BY        TITLE                                           MORE\n" +
			"701-5993253-3830265  1234.50 EUR  Amazon.co.jp  merchant  A very long title that nobody reads to its end  m\n" +
			"2                          1 EUR  A             amazon    short\n"},
	} {
		streams, out, _ := terminal.Buffers()
		streams.OutIsTerminal, streams.Width = true, c.width
		p := &Printer{Streams: streams, Flags: Flags{Format: c.format}}
		if err := p.Print(t.Context(), json.RawMessage(offerRows), offers...); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != c.want {
			t.Errorf("%d columns:\n%s\nwant\n%s", c.width, got, c.want)
		}
		for line := range strings.Lines(out.String()) {
			if n := size(strings.TrimSuffix(line, "\n")); c.width >= 55 && n > c.width {
				t.Errorf("%d columns: a line of %d: %s", c.width, n, line)
			}
		}
	}
}

// TestTablePages: the first page settles the widths; a later text is cut to them, an id moves what follows.
func TestTablePages(t *testing.T) {
	streams, out, _ := terminal.Buffers()
	streams.OutIsTerminal, streams.Width = true, 80
	l := (&Printer{Streams: streams}).List(Column{Name: "title", Path: "x", Long: true}, Column{Name: "id", Path: "i"}, Column{Name: "n", Path: "n", Right: true})
	for _, row := range []string{`{"x":"abc","i":"12","n":1}`, `{"x":"日本語のとても長いタイトル","i":"123456","n":22}`} {
		if err := l.Add(t.Context(), json.RawMessage(row)); err != nil {
			t.Fatal(err)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if want := "TITLE  ID  N\nabc    12  1\n日本…  123456  22\n"; out.String() != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// TestTableOfNothing: objects without members have no table, and don't keep those behind them from having one.
func TestTableOfNothing(t *testing.T) {
	streams, out, _ := terminal.Buffers()
	streams.OutIsTerminal, streams.Width = true, 40
	l := (&Printer{Streams: streams}).List()
	for _, row := range []string{`{}`, `{"a":1}`} {
		if err := l.Add(t.Context(), json.RawMessage(row)); err != nil {
			t.Fatal(err)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "a\n1\n" {
		t.Errorf("%q", out)
	}
}

// TestMembersWidth: a single object keeps to the terminal's width.
func TestMembersWidth(t *testing.T) {
	for width, want := range map[int]string{0: strings.Repeat("x", 59) + "…", 40: strings.Repeat("x", 36) + "…"} {
		streams, out, _ := terminal.Buffers()
		streams.OutIsTerminal, streams.Width = true, width
		if err := (&Printer{Streams: streams}).Print(t.Context(), map[string]string{"a": strings.Repeat("x", 100)}); err != nil {
			t.Fatal(err)
		}
		if out.String() != "a  "+want+"\n" {
			t.Errorf("%d columns: %q", width, out)
		}
	}
}

func TestPlural(t *testing.T) {
	for want, got := range map[string]string{
		"1 order": Plural(1, "order"), "0 orders": Plural(0, "order"), "2 queries": Plural(int64(2), "query"), "2 days": Plural(2, "day"),
		"1 page of rows": Plural(1, "page of rows", "pages of rows"), "3 pages of rows": Plural(3, "page of rows", "pages of rows"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Package labels makes the bytes of shipping labels: PDF, PNG and ZPL that show the same, a Code 128 barcode of the tracking number among it. The same
// content gives the same bytes, so that nobody has to keep them.
package labels

import (
	"fmt"
	"math"
	"slices"
)

// Content is what a label shows.
type Content struct {
	Carrier  string
	Service  string
	Tracking string // printable ASCII: it is the barcode
	OrderID  string
	From, To []string // lines of the addresses, the name first
	Notes    []string // more lines at the foot: a reference, the weight
}

// Format is a file format.
type Format string

// The formats.
const (
	PDF Format = "PDF"
	PNG Format = "PNG"
	ZPL Format = "ZPL"
)

// ContentType is the media type of a format, as Merchant Fulfillment spells them; "" where there is no such format.
func (f Format) ContentType() string {
	switch f {
	case PDF:
		return "application/pdf"
	case PNG:
		return "image/png"
	case ZPL:
		return "application/zpl"
	}
	return ""
}

// Size is the size of a label in inches.
type Size struct{ Width, Length float64 }

// FourBySix is the usual size.
var FourBySix = Size{4, 6}

// The bounds of what is drawn. Between them lie all stocks and printers that there are.
const (
	smallest, largest = 1.5, 20 // inches
	coarsest, finest  = 72, 600 // dots per inch
)

// Render makes a label. dpi is the resolution of a PNG and of the printer that a ZPL is for; a PDF has none. The error says what can't be drawn.
func Render(c Content, f Format, s Size, dpi int) ([]byte, error) {
	if err := check(f, s, dpi); err != nil {
		return nil, err
	}
	bars, err := code128(c.Tracking)
	if err != nil {
		return nil, err
	}
	p := layOut(c, bars, s)
	if room := dots(p.code.width, dpi); f != PDF && p.code.modules() > room {
		return nil, fmt.Errorf("barcode of %q: %d modules don't fit into %d dots", c.Tracking, p.code.modules(), room)
	}
	return draw([]*page{p}, f, dpi)
}

// Sheets makes one PDF of several labels, each on a page of its own.
func Sheets(list []Content, s Size) ([]byte, error) {
	if err := check(PDF, s, 0); err != nil {
		return nil, err
	}
	var pages []*page
	for _, c := range list {
		bars, err := code128(c.Tracking)
		if err != nil {
			return nil, err
		}
		pages = append(pages, layOut(c, bars, s))
	}
	return draw(pages, PDF, 0)
}

// Document makes a document that goes with labels, such as a packing slip: a title and lines, as many on a page as there is room for. A PNG has one page.
func Document(title string, lines []string, f Format, s Size, dpi int) ([]byte, error) {
	if err := check(f, s, dpi); err != nil {
		return nil, err
	}
	const margin, titleSize, lineSize = 0.2, 0.2, 0.11
	room := max(1, int((s.Length-2*margin-2*titleSize)/(1.4*lineSize)))
	var pages []*page
	for {
		n := min(room, len(lines))
		p := &page{size: s}
		p.write(text{margin, margin, titleSize, true, title}, s.Width-2*margin)
		for i, line := range lines[:n] {
			p.write(text{margin, margin + 2*titleSize + float64(i)*1.4*lineSize, lineSize, false, line}, s.Width-2*margin)
		}
		pages = append(pages, p)
		if lines = lines[n:]; len(lines) == 0 {
			return draw(pages, f, dpi)
		}
	}
}

// check refuses what can't be drawn whatever is on it.
func check(f Format, s Size, dpi int) error {
	switch {
	case f.ContentType() == "":
		return fmt.Errorf("label format %q: want PDF, PNG or ZPL", f)
	case !(s.Width >= smallest && s.Width <= largest && s.Length >= smallest && s.Length <= largest): // so that what is no number is refused, too
		return fmt.Errorf("label of %g by %g inches: want %g to %d", s.Width, s.Length, smallest, largest)
	case f != PDF && (dpi < coarsest || dpi > finest):
		return fmt.Errorf("label of %d dpi: want %d to %d", dpi, coarsest, finest)
	}
	return nil
}

// draw writes pages in a format.
func draw(pages []*page, f Format, dpi int) ([]byte, error) {
	switch {
	case f == PDF:
		return pdf(pages), nil
	case f == PNG && len(pages) > 1:
		return nil, fmt.Errorf("PNG of %d pages: want one", len(pages))
	case f == PNG:
		return pages[0].png(dpi)
	}
	var all []byte
	for _, p := range pages {
		all = append(all, p.zpl(dpi)...)
	}
	return all, nil
}

// page is a label laid out: what stands where, in inches from the upper left corner.
type page struct {
	size  Size
	texts []text
	rules []rectangle
	code  barcode
}

type rectangle struct{ x, y, width, height float64 }

// text is one line, which has room for all of it at its size.
type text struct {
	x, y, size float64 // y is the upper edge
	bold       bool
	words      string
}

// barcode is the tracking number in bars.
type barcode struct {
	rectangle
	words string
	bars  []int // widths of bars and spaces in modules, bars first
}

// modules is how wide it is.
func (b *barcode) modules() int {
	n := 0
	for _, w := range b.bars {
		n += w
	}
	return n
}

// advance is the width that a character is given, as a share of its size: that of the bitmap font, and more than most letters of Helvetica need.
const advance = 0.75

// write adds a line, smaller where it is too long for the room.
func (p *page) write(t text, room float64) {
	if n := len([]rune(t.words)); n > 0 {
		t.size = min(t.size, room/(advance*float64(n)))
		p.texts = append(p.texts, t)
	}
}

// layOut places the parts of a label. The measures are those of a label of four by six inches, which others are scaled from.
func layOut(c Content, bars []int, s Size) *page {
	p := &page{size: s}
	scale := min(s.Width/FourBySix.Width, s.Length/FourBySix.Length)
	left, wide := 0.2*scale, s.Width-0.4*scale
	y := 0.2 * scale
	write := func(size float64, bold bool, lines ...string) {
		for _, line := range lines {
			if line != "" {
				p.write(text{left, y, size * scale, bold, line}, wide)
				y += 1.25 * size * scale
			}
		}
	}
	rule := func(at float64) {
		p.rules = append(p.rules, rectangle{left, at * scale, wide, 0.02 * scale})
		y = (at + 0.08) * scale
	}
	write(0.26, true, c.Carrier)
	write(0.16, false, c.Service)
	rule(0.85)
	write(0.1, true, "FROM")
	write(0.11, false, first(c.From, 6)...)
	rule(2)
	write(0.12, true, "SHIP TO")
	write(0.16, true, first(c.To, 6)...)
	rule(3.5)
	p.code = barcode{rectangle{left, y, wide, 1.05 * scale}, c.Tracking, bars}
	y += 1.12 * scale
	write(0.16, true, c.Tracking)
	rule(5)
	if c.OrderID != "" {
		write(0.14, true, "ORDER "+c.OrderID)
	}
	write(0.1, false, first(c.Notes, 4)...)
	return p
}

func first(lines []string, n int) []string {
	lines = slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l == "" })
	return lines[:min(n, len(lines))]
}

// dots is a length in whole dots.
func dots(inches float64, dpi int) int { return int(math.Round(inches * float64(dpi))) }

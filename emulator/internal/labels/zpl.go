package labels

import (
	"fmt"
	"strings"
	"unicode"
)

// zpl writes the page in the language of Zebra's printers (ZPL II Programming Guide): UTF-8, with a barcode that the printer draws.
func (p *page) zpl(dpi int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "^XA\n^CI28\n^PW%d\n^LL%d\n^LH0,0\n", dots(p.size.Width, dpi), dots(p.size.Length, dpi))
	for _, r := range p.rules {
		thick := max(dots(r.height, dpi), 1)
		fmt.Fprintf(&b, "^FO%d,%d^GB%d,%d,%d^FS\n", dots(r.x, dpi), dots(r.y, dpi), dots(r.width, dpi), thick, thick)
	}
	for _, t := range p.texts {
		fmt.Fprintf(&b, "^FO%d,%d^A0N,%d,%d^FH^FD%s^FS\n", dots(t.x, dpi), dots(t.y, dpi), max(dots(t.size, dpi), 1), max(dots(t.size*advance, dpi), 1),
			zplText(t.words))
	}
	if p.code.bars != nil {
		code := zplText(strings.ReplaceAll(p.code.words, ">", ">0")) // > begins what is for the printer
		fmt.Fprintf(&b, "^FO%d,%d^BY%d^BCN,%d,N,N,N^FH^FD>:%s^FS\n", dots(p.code.x, dpi), dots(p.code.y, dpi), p.code.moduleDots(dpi), dots(p.code.height,
			dpi), code)
	}
	b.WriteString("^XZ\n")
	return []byte(b.String())
}

// zplText is a text as field data: what would be read as a command, and the sign of the escapes itself, is written by its number.
func zplText(words string) string {
	var b strings.Builder
	for _, r := range words {
		switch {
		case r == '^' || r == '~' || r == '_' || r == '\\':
			fmt.Fprintf(&b, "_%02X", r)
		case unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

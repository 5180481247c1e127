package labels

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// pdf writes pages as a PDF 1.4 (Adobe, PDF Reference, third edition), in the Helvetica that every reader has.
func pdf(pages []*page) []byte {
	const catalog, tree, regular, bold, first = 1, 2, 3, 4, 5 // numbers of objects; a page is two, itself and its content
	font := "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
	var kids []string
	var own []string
	for i, p := range pages {
		number := first + 2*i
		kids = append(kids, fmt.Sprintf("%d 0 R", number))
		content := p.content()
		own = append(own,
			fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R /Resources << /Font << /F1 %d 0 R /F2 %d 0 R >> >> >>",
				tree, p.size.Width*inch, p.size.Length*inch, number+1, regular, bold),
			fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", len(content), content))
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n") // the bytes above 127 say that the file is no text
	var offsets []int
	for _, object := range append([]string{
		fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R >>", tree),
		fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(kids)),
		fmt.Sprintf(font, "Helvetica"),
		fmt.Sprintf(font, "Helvetica-Bold"),
	}, own...) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, catalog, start)
	return b.Bytes()
}

const inch = 72 // points

// content draws one page.
func (p *page) content() string {
	var content strings.Builder
	bottom := func(y, height float64) float64 { return (p.size.Length - y - height) * inch } // there y goes up
	for _, r := range p.rules {
		fmt.Fprintf(&content, "%.2f %.2f %.2f %.2f re f\n", r.x*inch, bottom(r.y, r.height), r.width*inch, r.height*inch)
	}
	x := p.code.x * inch
	for i, n := range p.code.bars {
		width := float64(n) * p.code.width * inch / float64(p.code.modules())
		if i%2 == 0 {
			fmt.Fprintf(&content, "%.3f %.2f %.3f %.2f re f\n", x, bottom(p.code.y, p.code.height), width, p.code.height*inch)
		}
		x += width
	}
	for _, t := range p.texts {
		font := "F1"
		if t.bold {
			font = "F2"
		}
		fmt.Fprintf(&content, "BT /%s %.2f Tf %.2f %.2f Td (%s) Tj ET\n", font, t.size*inch, t.x*inch, bottom(t.y, t.size*0.8), pdfText(t.words))
	}
	return content.String()
}

// pdfText is a text in the encoding of the fonts, escaped as a literal string. What Windows-1252 doesn't have is written as its nearest Latin letter, or
// as a question mark.
func pdfText(words string) string {
	var b strings.Builder
	for _, r := range words {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if !ok || c < ' ' || c >= 0x7f && c < 0xa0 && r < 0xa0 {
			c = plain(r)
		}
		if c == '(' || c == ')' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

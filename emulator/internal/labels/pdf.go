package labels

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// pdf writes the page as a PDF 1.4 (Adobe, PDF Reference, third edition) of one page, in the Helvetica that every reader has.
func (p *page) pdf() []byte {
	const inch = 72 // points
	var content strings.Builder
	bottom := func(y, height float64) float64 { return (p.size.Length - y - height) * inch } // there y goes up
	for _, r := range p.rules {
		fmt.Fprintf(&content, "%.2f %.2f %.2f %.2f re\n", r.x*inch, bottom(r.y, r.height), r.width*inch, r.height*inch)
	}
	module := p.code.width * inch / float64(p.code.modules())
	x := p.code.x * inch
	for i, n := range p.code.bars {
		width := float64(n) * module
		if i%2 == 0 {
			fmt.Fprintf(&content, "%.3f %.2f %.3f %.2f re\n", x, bottom(p.code.y, p.code.height), width, p.code.height*inch)
		}
		x += width
	}
	content.WriteString("f\n")
	for _, t := range p.texts {
		font := "F1"
		if t.bold {
			font = "F2"
		}
		fmt.Fprintf(&content, "BT /%s %.2f Tf %.2f %.2f Td (%s) Tj ET\n", font, t.size*inch, t.x*inch, bottom(t.y, t.size*0.8), pdfText(t.words))
	}
	font := "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n") // the bytes above 127 say that the file is no text
	var offsets []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
			p.size.Width*inch, p.size.Length*inch),
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", content.Len(), content.String()),
		fmt.Sprintf(font, "Helvetica"),
		fmt.Sprintf(font, "Helvetica-Bold"),
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
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

package labels

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// font.txt has the characters from space to underscore, sixteen in a row, each of five by seven dots.
//
//go:embed font.txt
var fontText string

const (
	glyphWidth, glyphHeight = 5, 7
	cellWidth, cellHeight   = 6, 8 // with the space between characters and lines
	perRow                  = 16
	firstGlyph, lastGlyph   = ' ', '_'
)

// fontRows are the lines of font.txt that have dots.
var fontRows = sync.OnceValue(func() []string {
	var rows []string
	for line := range strings.Lines(fontText) {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, line)
		}
	}
	return rows
})

// dotted tells whether a character, which the font has, has a dot at a place.
func dotted(c byte, column, row int) bool {
	n := int(c - firstGlyph)
	return fontRows()[n/perRow*glyphHeight+row][n%perRow*cellWidth+column] == '#'
}

// plain is the printable ASCII character nearest to r: its letter without the accent, or a question mark.
func plain(r rune) byte {
	switch r {
	case 'ß':
		return 's'
	case 'Ø', 'ø':
		return 'o'
	case 'Ł', 'ł':
		return 'l'
	case 'ı':
		return 'i'
	case '’', '‘':
		return '\''
	case '–', '—':
		return '-'
	}
	if r > unicode.MaxASCII {
		for _, r = range norm.NFD.String(string(r)) {
			break // the letter comes first, then what is above and below it
		}
	}
	if r < ' ' || r >= unicode.MaxASCII {
		return '?'
	}
	return byte(r)
}

// png draws the page, black on white.
func (p *page) png(dpi int) ([]byte, error) {
	img := image.NewPaletted(image.Rect(0, 0, dots(p.size.Width, dpi), dots(p.size.Length, dpi)), color.Palette{color.White, color.Black})
	fill := func(x0, y0, x1, y1 int) {
		for y := max(y0, 0); y < min(y1, img.Rect.Max.Y); y++ {
			for x := max(x0, 0); x < min(x1, img.Rect.Max.X); x++ {
				img.Pix[y*img.Stride+x] = 1
			}
		}
	}
	for _, r := range p.rules {
		y := dots(r.y, dpi)
		fill(dots(r.x, dpi), y, dots(r.x+r.width, dpi), y+max(dots(r.height, dpi), 1))
	}
	x := dots(p.code.x, dpi)
	for i, n := range p.code.bars {
		width := n * p.code.moduleDots(dpi)
		if i%2 == 0 {
			fill(x, dots(p.code.y, dpi), x+width, dots(p.code.y+p.code.height, dpi))
		}
		x += width
	}
	for _, t := range p.texts {
		dot := t.size * float64(dpi) / cellHeight
		at := func(origin float64, n int) int { return int(math.Round(origin*float64(dpi) + float64(n)*dot)) }
		for i, r := range []rune(t.words) {
			c := byte(unicode.ToUpper(rune(plain(r))))
			if c > lastGlyph {
				c = '?'
			}
			for row := range glyphHeight {
				for column := range glyphWidth {
					if dotted(c, column, row) {
						fill(at(t.x, i*cellWidth+column), at(t.y, row), at(t.x, i*cellWidth+column+1), at(t.y, row+1))
					}
				}
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	return withResolution(b.Bytes(), dpi), nil
}

// moduleDots is the width of a module in whole dots, without which bars are not told apart: as many as there is room for, and one at the least.
func (b *barcode) moduleDots(dpi int) int { return max(dots(b.width, dpi)/b.modules(), 1) }

// withResolution adds to a PNG the chunk that says how large it is printed (W3C PNG, 11.3.4.3), behind the header, which is of fixed length.
func withResolution(file []byte, dpi int) []byte {
	const header = 8 + 8 + 13 + 4
	perMeter := uint32(math.Round(float64(dpi) / 0.0254))
	chunk := append(make([]byte, 4), "pHYs"...)
	chunk = binary.BigEndian.AppendUint32(chunk, perMeter)
	chunk = binary.BigEndian.AppendUint32(chunk, perMeter)
	chunk = append(chunk, 1) // the unit is the meter
	binary.BigEndian.PutUint32(chunk, uint32(len(chunk)-8))
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	out := make([]byte, 0, len(file)+len(chunk))
	return append(append(append(out, file[:header]...), chunk...), file[header:]...)
}

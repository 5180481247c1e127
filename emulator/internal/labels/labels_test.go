package labels

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var content = Content{
	Carrier: "UPS", Service: "UPS Ground", Tracking: "1Z999AA10123456784", OrderID: "111-2223334-4445556",
	From:  []string{"Pens (& more)", "1 Main St ^FS", "", "Seattle WA 98101", "US"},
	To:    []string{"Jürgen Groß", "Straße des Friedens 4", "80331 München", "山田"},
	Notes: []string{"Ref A_1"},
}

func render(t *testing.T, c Content, f Format, s Size, dpi int) []byte {
	t.Helper()
	b, err := Render(c, f, s, dpi)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Render(c, f, s, dpi)
	if !bytes.Equal(b, again) {
		t.Errorf("%s: other bytes the second time", f)
	}
	return b
}

// TestCode128Table: each symbol is of 11 modules, of an even number of which the bars are, and there is only one like it.
func TestCode128Table(t *testing.T) {
	symbols := strings.Fields(code128Table)
	if len(symbols) != stop+1 {
		t.Fatalf("%d symbols, want %d", len(symbols), stop+1)
	}
	seen := map[string]bool{}
	for v, s := range symbols {
		sum, black := 0, 0
		for i, c := range s {
			sum += int(c - '0')
			if i%2 == 0 {
				black += int(c - '0')
			}
		}
		if want := 11; v == stop {
			if sum != want+2 {
				t.Errorf("stop is %d wide", sum)
			}
		} else if sum != want || black%2 != 0 || len(s) != 6 {
			t.Errorf("%d is %s", v, s)
		}
		if seen[s] {
			t.Errorf("%s stands twice", s)
		}
		seen[s] = true
	}
}

// readBars reads a line of dots as a scanner does: it finds the narrowest bar, cuts symbols, and checks the sum.
func readBars(t *testing.T, img image.Image, y int) string {
	t.Helper()
	black := func(x int) bool { r, _, _, _ := img.At(x, y).RGBA(); return r == 0 }
	var widths []int
	last := false
	for x := range img.Bounds().Dx() {
		switch b := black(x); {
		case b == last && len(widths) > 0:
			widths[len(widths)-1]++
		case b != last:
			widths = append(widths, 1)
			last = b
		}
	}
	widths = widths[:len(widths)-1] // the white margin
	module := slices.Min(widths)
	symbols := strings.Fields(code128Table)
	var values []int
	for len(widths) > 0 {
		n := min(6, len(widths))
		if len(widths) == 7 {
			n = 7
		}
		pattern := ""
		for _, w := range widths[:n] {
			pattern += strconv.Itoa(w / module)
		}
		v := slices.Index(symbols, pattern)
		if v < 0 {
			t.Fatalf("no symbol %s", pattern)
		}
		values, widths = append(values, v), widths[n:]
	}
	if len(values) < 4 || values[0] != startB || values[len(values)-1] != stop {
		t.Fatalf("values %v", values)
	}
	data, sum := values[1:len(values)-2], startB
	said := ""
	for i, v := range data {
		sum += (i + 1) * v
		said += string(rune(v + ' '))
	}
	if sum%modulus != values[len(values)-2] {
		t.Errorf("the sum is %d, says %d", sum%modulus, values[len(values)-2])
	}
	return said
}

func TestPNG(t *testing.T) {
	for _, test := range []struct {
		size          Size
		dpi           int
		width, length int
	}{{FourBySix, 203, 812, 1218}, {FourBySix, 300, 1200, 1800}} {
		b := render(t, content, PNG, test.size, test.dpi)
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if img.Bounds().Dx() != test.width || img.Bounds().Dy() != test.length {
			t.Errorf("%v, want %d by %d", img.Bounds(), test.width, test.length)
		}
		i := bytes.Index(b, []byte("pHYs"))
		if i < 0 {
			t.Fatal("no pHYs")
		}
		if perMeter := binary.BigEndian.Uint32(b[i+4:]); math.Round(float64(perMeter)*0.0254) != float64(test.dpi) || b[i+12] != 1 {
			t.Errorf("%d dots a meter, unit %d", perMeter, b[i+12])
		}
		if got := readBars(t, img, dots(4, test.dpi)); got != content.Tracking {
			t.Errorf("the barcode says %q", got)
		}
	}
}

// TestPDF reads the file as a reader does, from the end: where the table lies, what it leads to, how long the content is.
func TestPDF(t *testing.T) {
	b := render(t, content, PDF, FourBySix, 0)
	if !bytes.HasPrefix(b, []byte("%PDF-1.4\n")) || !bytes.HasSuffix(b, []byte("%%EOF\n")) {
		t.Fatalf("%.20q … %q", b, b[len(b)-10:])
	}
	start, err := strconv.Atoi(string(regexp.MustCompile(`startxref\n(\d+)\n%%EOF`).FindSubmatch(b)[1]))
	if err != nil || !bytes.HasPrefix(b[start:], []byte("xref\n0 7\n")) {
		t.Fatalf("startxref %d: %v", start, err)
	}
	for i := range 7 {
		entry := string(b[start+9+20*i:][:20])
		at, err := strconv.Atoi(entry[:10])
		if err != nil || i > 0 && !bytes.HasPrefix(b[at:], []byte(strconv.Itoa(i)+" 0 obj\n")) || !strings.HasSuffix(entry, " \n") {
			t.Errorf("entry %d is %q", i, entry)
		}
	}
	parts := regexp.MustCompile(`(?s)/Length (\d+) >>\nstream\n(.*)endstream`).FindSubmatch(b)
	if n, _ := strconv.Atoi(string(parts[1])); n != len(parts[2]) {
		t.Errorf("a stream of %d bytes says %d", len(parts[2]), n)
	}
	for _, want := range []string{"(UPS Ground)", "(1Z999AA10123456784)", "(ORDER 111-2223334-4445556)", `(Pens \(& more\))`, "(J\xfcrgen Gro\xdf)", "(??)",
		"/MediaBox [0 0 288.00 432.00]"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %s", want)
		}
	}
	bars, _ := code128(content.Tracking)
	if got := bytes.Count(parts[2], []byte(" re f\n")); got != (len(bars)+1)/2+4 {
		t.Errorf("%d rectangles, want %d bars and four rules", got, (len(bars)+1)/2)
	}
}

func TestZPL(t *testing.T) {
	got := string(render(t, content, ZPL, FourBySix, 203))
	if !strings.HasPrefix(got, "^XA\n") || !strings.HasSuffix(got, "^XZ\n") || strings.Count(got, "^XA") != 1 {
		t.Errorf("%s", got)
	}
	for _, want := range []string{"^PW812", "^LL1218", "^FD>:1Z999AA10123456784^FS", "^FDJürgen Groß^FS", "^FD1 Main St _5EFS^FS", "^FDRef A_5F1^FS"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Count(got, "^FD") != strings.Count(got, "^FH^FD") {
		t.Error("a field whose escapes aren't read")
	}
}

// TestDocument: lines that don't fit go onto the next page, and none is lost.
func TestDocument(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, "line "+strconv.Itoa(i)+".")
	}
	for f, pages := range map[Format]string{PDF: "/Count 4", ZPL: "^XZ"} {
		b, err := Document("Packing slip", lines, f, FourBySix, 203)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(lines, pages, "Packing slip") {
			if !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s has no %s", f, want)
			}
		}
		if f == ZPL && bytes.Count(b, []byte("^XA")) != 4 {
			t.Errorf("%d pages", bytes.Count(b, []byte("^XA")))
		}
	}
	if _, err := Document("Packing slip", lines, PNG, FourBySix, 203); err == nil {
		t.Error("four pages in one picture")
	}
	if b, err := Document("Packing slip", lines[:4], PNG, FourBySix, 203); err != nil {
		t.Error(err)
	} else if _, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
}

// TestLongLinesFit: a line has room for all of it.
func TestLongLinesFit(t *testing.T) {
	c := content
	c.To = []string{strings.Repeat("W", 120)}
	bars, _ := code128(c.Tracking)
	for _, text := range layOut(c, bars, FourBySix).texts {
		if end := text.x + text.size*advance*float64(len([]rune(text.words))); end > FourBySix.Width {
			t.Errorf("%.20s ends at %g", text.words, end)
		}
	}
}

func TestRefusals(t *testing.T) {
	long, none, foreign := content, content, content
	long.Tracking, none.Tracking, foreign.Tracking = strings.Repeat("9", 80), "", "ä"
	for _, test := range []struct {
		c    Content
		f    Format
		s    Size
		dpi  int
		want string
	}{
		{content, "GIF", FourBySix, 203, "want PDF, PNG or ZPL"},
		{content, PNG, FourBySix, 0, "want 72 to 600"},
		{content, ZPL, FourBySix, 1200, "want 72 to 600"},
		{content, PDF, Size{4, 60}, 0, "want 1.5 to 20"},
		{content, PDF, Size{math.NaN(), 6}, 0, "want 1.5 to 20"},
		{long, PNG, FourBySix, 203, "don't fit"},
		{none, PDF, FourBySix, 0, "want a tracking number"},
		{foreign, PDF, FourBySix, 0, "want printable ASCII"},
	} {
		if _, err := Render(test.c, test.f, test.s, test.dpi); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %v at %d: %v, want %s", test.f, test.s, test.dpi, err, test.want)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for f, want := range map[Format]string{PDF: "application/pdf", PNG: "image/png", ZPL: "application/zpl", "GIF": ""} {
		if got := f.ContentType(); got != want {
			t.Errorf("%s is %q, want %q", f, got, want)
		}
	}
}

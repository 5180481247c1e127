package document

import (
	"bytes"
	"cmp"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	textBuffer = 128 << 10
	// sniffWindow is how much text after the first byte beyond ASCII the charset is guessed from.
	sniffWindow = 32 << 10
)

// headWindow is how much of the beginning is looked at for an XML declaration and for UTF-16 without a byte order mark.
const headWindow = 1 << 10

// TextReader converts text to UTF-8. What is declared of its charset (by a byte order mark, the caller, an XML declaration, in this order) counts as long as
// the bytes don't contradict it; otherwise they decide themselves, once the text leaves ASCII, by what they look like. Until then nothing but ASCII has gone
// out, so nothing has to be taken back. The same bytes give the same text however they are cut into reads.
//
// Byte order marks at the beginning, and of UTF-8 and UTF-16 those at the beginning of a line (where reports were put together), are taken off. The encoding in
// an XML declaration becomes UTF-8, as the text is. PDF, ZIP (XLSX) and gzip data passes as it is.
type TextReader struct {
	src      io.Reader
	buf      []byte
	from, to int // the part of buf that is not yet converted
	srcErr   error

	started     bool
	binary      bool
	stated      string   // what Misdeclared may show: what was declared first
	declared    []string // names of this package, the most trusted first
	fallback    string
	charset     string
	misdeclared string
	decoder     decoder // nil while the text is ASCII
	marks       bool    // byte order marks may show in what the decoder makes
	last        byte    // that went out

	spill      [64]byte // for callers with tiny buffers
	spillBytes []byte   // goes out before anything else
}

// NewTextReader reads src in the charset that is declared, "" if none is. Fallback is what to take when the text, without a declaration that
// holds, isn't plainly UTF-8: see [Options]. Charsets that [LookupCharset] doesn't know count as not given.
func NewTextReader(src io.Reader, declared, fallback string) *TextReader {
	t := &TextReader{src: src, buf: make([]byte, textBuffer), last: '\n'}
	t.fallback, _ = LookupCharset(fallback)
	t.declare(declared)
	return t
}

// declare takes in what is said of the charset.
func (t *TextReader) declare(name string) {
	if t.stated == "" {
		t.stated = name
	}
	if known, ok := LookupCharset(name); ok {
		t.declared = append(t.declared, known)
	}
}

func (t *TextReader) use(charset string) {
	t.charset, t.decoder = charset, newDecoder(charset)
	t.marks = strings.HasPrefix(charset, "UTF-")
	if stated, _ := LookupCharset(t.stated); t.stated != "" && strings.TrimRight(stated, "BLE") != strings.TrimRight(charset, "BLE") { // UTF-16 says no order
		t.misdeclared = cmp.Or(stated, t.stated)
	}
	if d, ok := t.decoder.(*byteDecoder); ok {
		d.mixed = t.misdeclared == "UTF-8"
	}
}

// Charset returns the name of the charset in use, "US-ASCII" as long as nothing else has shown and none was declared, "" for binary data.
func (t *TextReader) Charset() string {
	switch {
	case t.binary:
		return ""
	case t.charset == "" && len(t.declared) > 0:
		return t.declared[0]
	}
	return cmp.Or(t.charset, "US-ASCII")
}

// Misdeclared returns the charset that the text was said to be in where it is in another one, which Charset names; "" as long as there is no contradiction.
func (t *TextReader) Misdeclared() string { return t.misdeclared }

// Replaced returns how many bytes so far made no character and became U+FFFD.
func (t *TextReader) Replaced() int64 {
	if t.decoder == nil {
		return 0
	}
	return t.decoder.replaced()
}

func (t *TextReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !t.started {
		t.started = true
		t.fill(headWindow)
		t.begin()
	}
	if len(p) >= len(t.spill) && len(t.spillBytes) == 0 {
		return t.read(p)
	}
	if len(t.spillBytes) == 0 {
		n, err := t.read(t.spill[:])
		if n == 0 {
			return 0, err
		}
		t.spillBytes = t.spill[:n]
	}
	n := copy(p, t.spillBytes)
	t.spillBytes = t.spillBytes[n:]
	return n, nil
}

// read converts into a buffer that has room for any character.
func (t *TextReader) read(p []byte) (int, error) {
	for {
		if t.from == t.to || t.starved() {
			t.fill(t.to - t.from + 1)
		}
		src := t.buf[t.from:t.to]
		if len(src) == 0 {
			return 0, t.srcErr
		}
		if t.binary {
			n := copy(p, src)
			t.from += n
			return n, nil
		}
		if t.decoder == nil {
			if n := asciiPrefix(src[:min(len(src), len(p))]); n > 0 {
				t.from += n
				t.last = src[n-1]
				return copy(p, src[:n]), nil
			}
			t.fill(sniffWindow)
			whole := t.srcErr == io.EOF && t.to-t.from <= sniffWindow
			t.use(decide(t.buf[t.from:min(t.to, t.from+sniffWindow)], whole, t.declared, t.fallback))
			continue
		}
		nDst, nSrc := t.decoder.decode(p, src, t.srcErr == io.EOF)
		t.from += nSrc
		if t.marks {
			nDst = t.dropMarks(p[:nDst])
		}
		switch {
		case nDst > 0:
			t.last = p[nDst-1]
			return nDst, nil
		case nSrc > 0:
		case t.srcErr != nil:
			return 0, t.srcErr // what is left is a piece of a character, which is the error's doing
		default:
			t.fill(len(src) + 1)
		}
	}
}

const byteOrderMark = "\ufeff"

// marksTwice are byte order marks that were taken for text and written in UTF-8 once more.
var marksTwice = []string{"\u00ef\u00bb\u00bf", byteOrderMark + "\u00ef\u00bb\u00bf"}

// dropMarks takes byte order marks at the beginning of lines out of converted text, in place, and returns how much is left of it.
func (t *TextReader) dropMarks(text []byte) int {
	n, done := 0, 0 // kept, looked at
	for {
		i := bytes.Index(text[done:], []byte(byteOrderMark))
		if i < 0 {
			if done > n {
				copy(text[n:], text[done:])
			}
			return n + len(text) - done
		}
		before := t.last
		if n+i > 0 {
			before = text[max(n-1, 0)]
			if i > 0 {
				before = text[done+i-1]
			}
		}
		n += copy(text[n:], text[done:done+i])
		done += i
		if before != '\n' && before != '\r' {
			n += copy(text[n:], byteOrderMark)
		}
		done += len(byteOrderMark)
	}
}

// starved reports whether so little is left that it may be a piece of one character.
func (t *TextReader) starved() bool { return t.to-t.from < utf8.UTFMax && t.srcErr == nil }

// fill reads until n bytes are at hand or the source has ended.
func (t *TextReader) fill(n int) {
	if t.to-t.from >= n || t.srcErr != nil {
		return
	}
	if t.from+n > len(t.buf) || t.from == t.to || t.from > len(t.buf)/2 {
		t.to = copy(t.buf, t.buf[t.from:t.to])
		t.from = 0
	}
	for empty := 0; t.to-t.from < n && t.srcErr == nil; {
		m, err := t.src.Read(t.buf[t.to:])
		t.to += m
		t.srcErr = err
		if m > 0 {
			empty = 0
		} else if empty++; err == nil && empty >= 100 {
			t.srcErr = io.ErrNoProgress
		}
	}
}

// begin looks at the first bytes for what they tell of the charset.
func (t *TextReader) begin() {
	for _, mark := range marksTwice { // to bytes that a program took for text of one byte per character
		if bytes.HasPrefix(t.buf[t.from:t.to], []byte(mark)) {
			t.from += len(mark)
			t.fill(headWindow)
		}
	}
	head := t.buf[t.from:t.to]
	for _, magic := range []string{"%PDF-", "PK\x03\x04", "\x1f\x8b\x08"} {
		if t.binary = bytes.HasPrefix(head, []byte(magic)); t.binary {
			return
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte(byteOrderMark)):
		for bytes.HasPrefix(t.buf[t.from:t.to], []byte(byteOrderMark)) {
			t.from += len(byteOrderMark)
			t.fill(headWindow)
		}
		t.declare("UTF-8")
		if i := slices.Index(t.declared, "UTF-8"); i > 0 { // it goes before what the caller said
			t.declared = append([]string{"UTF-8"}, t.declared...)
		}
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		t.beginUTF16("UTF-16LE", head[:2])
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		t.beginUTF16("UTF-16BE", head[:2])
	default:
		said := len(t.declared) > 0 && strings.HasPrefix(t.declared[0], "UTF-16")
		if charset := lookOfUTF16(head, said); charset != "" {
			t.use(charset)
		}
	}
	t.declareByXML()
	t.declared = slices.DeleteFunc(t.declared, func(name string) bool { return strings.HasPrefix(name, "UTF-16") }) // that is settled
}

func (t *TextReader) beginUTF16(charset string, mark []byte) {
	mark = bytes.Clone(mark)
	for bytes.HasPrefix(t.buf[t.from:t.to], mark) {
		t.from += len(mark)
		t.fill(headWindow)
	}
	t.declare(charset)
	t.use(charset)
}

// xmlDeclaration is one that names an encoding: what stands before the name, the name, what follows.
var xmlDeclaration = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\A(\s*<\?xml\s[^>]*?encoding\s*=\s*["'])([^"'>]*)(["'][^>]*\?>)`)
})

// declareByXML reads the encoding of an XML declaration and puts the one in its place that the text will have.
func (t *TextReader) declareByXML() {
	head, width := t.buf[t.from:min(t.to, t.from+headWindow)], 1
	if t.decoder != nil { // UTF-16
		text := make([]byte, 2*headWindow)
		n, _ := t.decoder.decode(text, head, false)
		head, width = text[:n], 2
	}
	m := xmlDeclaration().FindSubmatch(head)
	if m == nil {
		return
	}
	if width == 1 {
		t.declare(string(m[2]))
	}
	if strings.EqualFold(string(m[2]), "UTF-8") {
		return
	}
	t.from += width * len(m[0])
	t.spillBytes = slices.Concat(m[1], []byte("UTF-8"), m[3])
	t.last = '>'
}

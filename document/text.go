package document

import (
	"bytes"
	"io"
	"unicode/utf8"
)

const (
	textBuffer = 128 << 10
	// sniffWindow is how much text after the first byte beyond ASCII the charset is guessed from.
	sniffWindow = 32 << 10
)

// TextReader converts text to UTF-8. A byte order mark is taken off and decides; otherwise a declared charset does; otherwise the
// text itself, once it leaves ASCII. The same bytes give the same text however they are cut into reads.
type TextReader struct {
	src      io.Reader
	buf      []byte
	from, to int // the part of buf that is not yet converted
	srcErr   error

	started  bool
	fallback string
	charset  string
	decoder  decoder // nil while the text is ASCII and nothing was declared

	spill      [64]byte // for callers with tiny buffers
	spillBytes []byte
}

// NewTextReader reads src in the charset that is declared, "" if none is. Fallback is what to take when the text, without a declared charset, isn't
// plainly UTF-8: see [Options]. Charsets that [LookupCharset] doesn't know count as not given.
func NewTextReader(src io.Reader, declared, fallback string) *TextReader {
	t := &TextReader{src: src, buf: make([]byte, textBuffer)}
	t.fallback, _ = LookupCharset(fallback)
	if name, ok := LookupCharset(declared); ok {
		t.use(name)
	}
	return t
}

func (t *TextReader) use(charset string) { t.charset, t.decoder = charset, newDecoder(charset) }

// Charset returns the name of the charset in use, "US-ASCII" as long as nothing else has shown.
func (t *TextReader) Charset() string {
	if t.charset == "" {
		return "US-ASCII"
	}
	return t.charset
}

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
	if !t.started {
		t.fill(4)
		t.started = true
		t.byteOrderMark()
	}
	for {
		if t.from == t.to || t.starved() {
			t.fill(t.to - t.from + 1)
		}
		src := t.buf[t.from:t.to]
		if len(src) == 0 {
			return 0, t.srcErr
		}
		if t.decoder == nil {
			if n := asciiPrefix(src[:min(len(src), len(p))]); n > 0 {
				t.from += n
				return copy(p, src[:n]), nil
			}
			t.fill(sniffWindow)
			t.use(sniff(t.buf[t.from:min(t.to, t.from+sniffWindow)], t.to-t.from < sniffWindow, t.fallback))
			continue
		}
		nDst, nSrc := t.decoder.decode(p, src, t.srcErr == io.EOF)
		t.from += nSrc
		switch {
		case nDst > 0:
			return nDst, nil
		case nSrc > 0:
		case t.srcErr != nil:
			return 0, t.srcErr // what is left is a piece of a character, which is the error's doing
		default:
			t.fill(len(src) + 1)
		}
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

func (t *TextReader) byteOrderMark() {
	head := t.buf[t.from:t.to]
	for _, mark := range []struct{ bytes, charset string }{
		{"\xef\xbb\xbf", "UTF-8"}, {"\xff\xfe", "UTF-16LE"}, {"\xfe\xff", "UTF-16BE"},
	} {
		if bytes.HasPrefix(head, []byte(mark.bytes)) {
			t.from += len(mark.bytes)
			t.use(mark.charset)
			return
		}
	}
}

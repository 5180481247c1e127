package wire

import (
	"slices"
	"unsafe"
)

// texts keeps the strings of a result in blocks: those of a list's element in blocks that hold nothing else, so that a string that somebody keeps
// keeps at most its own element's strings, and neither the body nor the page.
type texts struct {
	block  []byte // its length is what is taken
	used   int    // bytes since the element began
	expect int    // bytes that the element may need
}

// The bounds of what a block holds beside the text that it is made for.
const (
	minBlock = 64
	maxBlock = 4096
	// Texts from this length on have memory of their own: their block would have to be as long, and is kept by each of the short ones beside them.
	longText = 1024
)

// element begins the strings of an element that is expected to need so many bytes.
func (t *texts) element(expect int) {
	t.block, t.used, t.expect = nil, 0, expect
}

// room makes room for n bytes at the end of the block.
func (t *texts) room(n int) {
	size := max(n, minBlock, min(t.used/2, maxBlock))
	if t.used == 0 {
		size = max(n, min(t.expect, maxBlock))
	}
	t.block = slices.Grow([]byte(nil), size)
}

// bytes copies a text.
func (t *texts) bytes(text []byte) []byte {
	if len(text) >= longText {
		return slices.Clone(text)
	}
	at := len(t.block)
	if cap(t.block)-at < len(text) {
		t.room(len(text))
		at = 0
	}
	t.used += len(text)
	t.block = append(t.block, text...)
	return t.block[at:]
}

// keep copies a text to a string.
func (t *texts) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	kept := t.bytes(text)
	return unsafe.String(&kept[0], len(kept)) // nobody writes there again
}

// unescaped copies what an escaped text stands for, which is never longer.
func (t *texts) unescaped(text []byte) string {
	if len(text) >= longText {
		return string(unescape(nil, text))
	}
	at := len(t.block)
	if cap(t.block)-at < len(text) {
		t.room(len(text))
		at = 0
	}
	t.block = unescape(t.block, text)
	t.used += len(t.block) - at
	return unsafe.String(unsafe.SliceData(t.block[at:]), len(t.block)-at)
}

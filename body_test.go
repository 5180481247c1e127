package spapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestReadBody: whatever the reader, the length and the memory it begins with, a body comes whole or with the reason why not.
func TestReadBody(t *testing.T) {
	broken := errors.New("broken")
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain":           func(r io.Reader) io.Reader { return r },
		"byte by byte":    iotest.OneByteReader,
		"end with data":   iotest.DataErrReader,
		"in halves":       iotest.HalfReader,
		"breaks at last":  func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(broken)) },
		"breaks with all": func(r io.Reader) io.Reader { return iotest.DataErrReader(io.MultiReader(r, iotest.ErrReader(broken))) },
	} {
		for _, size := range []int{0, 1, leastRead - 1, leastRead, leastRead + 1, 50_000} {
			text := strings.Repeat("x", size)
			for _, length := range []int{-1, size, size + 1} {
				for _, limit := range []int64{math.MaxInt64, max(int64(size), 1), max(int64(size)-1, 1)} { // no bound is below 1
					for _, memory := range [][]byte{nil, make([]byte, 0, 10), make([]byte, 0, 1<<20)} {
						resp := &http.Response{Body: io.NopCloser(wrap(strings.NewReader(text))), ContentLength: int64(length)}
						body, err := readBody(memory, resp, limit)
						want, wantErr := text, error(nil)
						switch breaks := strings.HasPrefix(name, "breaks"); {
						case limit < int64(length):
							want, wantErr = "", errTooLarge
						case limit < int64(size):
							want, wantErr = text[:limit], errTooLarge
						case length == size && size > 0: // all is there that was promised
						case breaks:
							wantErr = broken
						case length > size:
							wantErr = io.ErrUnexpectedEOF
						}
						if string(body) != want || err != wantErr {
							t.Errorf("%s: %d bytes, length %d, limit %d, memory %d: got %d bytes and %v, want %d and %v", name, size, length, limit, cap(memory),
								len(body), err, len(want), wantErr)
						}
					}
				}
			}
		}
	}
}

// A length is only a promise, and memory that is there is used.
func TestReadBodyMemory(t *testing.T) {
	body, err := readBody(nil, &http.Response{Body: io.NopCloser(strings.NewReader("short")), ContentLength: 1 << 40}, math.MaxInt64)
	if cap(body) > maxReserved || err != io.ErrUnexpectedEOF {
		t.Errorf("%d bytes were reserved, %v", cap(body), err)
	}
	text := bytes.Repeat([]byte("x"), 100_000)
	memory := make([]byte, 0, len(text)+1)
	for _, length := range []int{-1, len(text)} {
		body, err := readBody(memory, &http.Response{Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(length)}, 1<<20)
		check(t, err)
		if &body[0] != &memory[:1][0] {
			t.Errorf("length %d: read into other memory", length)
		}
	}
	body, err = readBody(nil, &http.Response{Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text))}, 1<<20)
	check(t, err)
	if cap(body)-len(body) > len(body)/8 {
		t.Errorf("%d bytes for a body of %d whose length was known", cap(body), len(body))
	}
}

// One huge body isn't held for the small ones that follow.
func TestHugeBodiesAreNotKept(t *testing.T) {
	for range 100 {
		c := &call{buffer: &buffer{make([]byte, 0, maxKept+1)}}
		c.release()
		if b := buffers.Get().(*buffer); cap(b.bytes) > maxKept {
			t.Fatal(fmt.Sprint("kept ", cap(b.bytes)))
		}
	}
}

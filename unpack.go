package spapi

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// unpackStep asks for compressed answers and unpacks them, as net/http's transport does by itself and by the same rules, in less time: a page is mostly
// compressed, and unpacking it with the standard library takes longer than anything else that is done with it on this side. It is only there where
// net/http's transport would do it: whoever puts a transport of their own before it sees requests and answers as they always were.
type unpackStep struct{ next http.RoundTripper }

// unpacks reports whether a transport asks for compressed answers by itself.
func unpacks(transport http.RoundTripper) bool {
	t, ok := transport.(*http.Transport)
	return ok && !t.DisableCompression
}

func (s *unpackStep) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodHead || req.Header.Get("Accept-Encoding") != "" || req.Header.Get("Range") != "" {
		return s.next.RoundTrip(req) // compressed or not, the answer is the caller's as it comes
	}
	req.Header["Accept-Encoding"] = []string{"gzip"} // the header is that of this attempt alone
	resp, err := s.next.RoundTrip(req)
	if err != nil || resp.ContentLength == 0 || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp, err
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.Body, resp.ContentLength, resp.Uncompressed = &unpackedBody{packed: resp.Body}, -1, true
	return resp, nil
}

// unpackers are those that no body uses: one is 40 KB.
var unpackers = sync.Pool{New: func() any { return &unpacker{in: bufio.NewReader(nil)} }}

// unpacker unpacks one member after the other, which the library does by itself, too, but takes a member whose header breaks off for the end.
type unpacker struct {
	in     *bufio.Reader
	member gzip.Reader
}

// next begins the next member; io.EOF: there is none.
func (u *unpacker) next() error {
	if _, err := u.in.Peek(1); err != nil {
		return err
	}
	err := u.member.Reset(u.in)
	u.member.Multistream(false)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (u *unpacker) Read(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		if n, err = u.member.Read(p); err == io.EOF {
			err = u.next()
		}
	}
	return n, err
}

// unpackedBody unpacks a body while it is read.
type unpackedBody struct {
	packed   io.ReadCloser
	unpacker *unpacker   // from the first Read to the one that meets the end: it belongs to who reads
	err      error       // that ended it
	closed   atomic.Bool // also while somebody reads
}

func (b *unpackedBody) Read(p []byte) (n int, err error) {
	switch {
	case b.closed.Load():
		return b.packed.Read(nil) // says so in its own words
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	case b.unpacker == nil:
		b.unpacker = unpackers.Get().(*unpacker)
		b.unpacker.in.Reset(b.packed)
		err = b.unpacker.next()
	}
	if err == nil {
		n, err = b.unpacker.Read(p)
	}
	if err != nil {
		b.unpacker.in.Reset(nil) // it must not hold this body
		unpackers.Put(b.unpacker)
		b.unpacker, b.err = nil, err
	}
	return n, err
}

// Close leaves the unpacker of a body that wasn't read to its end to the garbage: somebody may still be reading.
func (b *unpackedBody) Close() error {
	b.closed.Store(true)
	return b.packed.Close()
}

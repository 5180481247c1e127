package spapi

import (
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
var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unpackedBody unpacks a body while it is read.
type unpackedBody struct {
	packed   io.ReadCloser
	unpacker *gzip.Reader // from the first Read to the one that meets the end: it belongs to who reads
	err      error        // that ended it
	closed   atomic.Bool  // also while somebody reads
}

func (b *unpackedBody) Read(p []byte) (n int, err error) {
	switch {
	case b.closed.Load():
		return b.packed.Read(nil) // says so in its own words
	case b.err != nil:
		return 0, b.err
	case b.unpacker == nil:
		b.unpacker = unpackers.Get().(*gzip.Reader)
		err = b.unpacker.Reset(b.packed)
	}
	if err == nil {
		n, err = b.unpacker.Read(p)
	}
	if err != nil {
		_ = b.unpacker.Reset(nothing{}) // it must not hold this body
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

// nothing is a body without a byte.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

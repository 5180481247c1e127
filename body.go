package spapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"

	"github.com/openspapi/spapi/internal/wire"
)

// buffer is memory that bodies are read into, one after the other.
type buffer struct{ bytes []byte }

// buffers are those that no call uses. Fresh memory is most of what reading a body costs; the pool gives up with the next two collections what isn't used.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

const (
	// maxKept is the largest buffer that is used again, so that one huge body isn't held for the small ones that follow.
	maxKept = 1 << 20
	// maxReserved is how much is reserved for a body whose length is announced: that is only a promise.
	maxReserved = 1 << 20
	// leastRead is what is reserved for a body of unknown length.
	leastRead = 4 << 10
)

// released is told of memory that goes back, for tests that look for those who still read it.
var released func(memory []byte)

// readBody reads the body of a success. Where the call hands it out, it lies in memory of its own, elsewhere in memory that release takes back.
func (c *call) readBody(resp *http.Response, limit int64) ([]byte, error) {
	handsOut := c.handsOut || c.response != nil
	if handsOut && resp.ContentLength > 0 {
		return readBody(nil, resp, limit)
	}
	c.buffer = buffers.Get().(*buffer)
	body, err := readBody(c.buffer.bytes[:0], resp, limit)
	c.buffer.bytes = body
	if handsOut {
		body = bytes.Clone(body)
		c.release()
	}
	return body, err
}

// release gives the memory of the body back. Nothing of the call may use it any more: results, warnings and errors have copies.
func (c *call) release() {
	b := c.buffer
	if b == nil {
		return
	}
	c.buffer, c.body, c.taken = nil, nil, wire.Taken{}
	if released != nil {
		released(b.bytes[:cap(b.bytes)])
	}
	if cap(b.bytes) <= maxKept {
		buffers.Put(b)
	}
}

var errTooLarge = errors.New("body too large")

func readFailure(err error, limit int64) string {
	if errors.Is(err, errTooLarge) {
		return fmt.Sprintf("the body is larger than %d bytes, the bound that WithMaxBody sets", limit)
	}
	return "the body broke off"
}

// readBody reads at most limit bytes behind those of body, and closes the answer's.
func readBody(body []byte, resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	limit = min(limit, math.MaxInt-1)
	length := resp.ContentLength
	if length > limit {
		return body, errTooLarge
	}
	end, reserve := limit+1, int64(leastRead) // a byte more than is allowed tells that it is too large
	if length > 0 {
		end, reserve = length, maxReserved
	}
	for {
		if len(body) == cap(body) {
			body = slices.Grow(body, int(min(max(reserve, int64(len(body))), end-int64(len(body)))))
		}
		n, err := resp.Body.Read(body[len(body):min(int64(cap(body)), end)])
		body = body[:len(body)+n]
		switch whole := int64(len(body)) == end; {
		case whole && length > 0:
			return body, nil
		case whole:
			return body[:limit], errTooLarge
		case err == io.EOF && length > 0:
			return body, io.ErrUnexpectedEOF
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, err
		}
	}
}

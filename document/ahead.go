package document

import (
	"context"
	"io"
)

const (
	aheadBuffers = 3
	aheadSize    = 128 << 10
)

// ahead reads a source in a goroutine of its own, so that unpacking and what is done with the rows share two processors.
type ahead struct {
	full  chan piece
	empty chan []byte
	stop  chan struct{}
	done  chan struct{}

	current piece
	rest    []byte
}

type piece struct {
	data []byte
	err  error
}

// readAhead begins. The goroutine ends with the context too, so that a reader that nobody closes leaves nothing behind.
func readAhead(ctx context.Context, src io.Reader) *ahead {
	a := &ahead{
		full: make(chan piece, aheadBuffers+1), empty: make(chan []byte, aheadBuffers),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for range aheadBuffers {
		a.empty <- nil // allocated on use: many documents are small
	}
	go a.run(ctx, src)
	return a
}

func (a *ahead) run(ctx context.Context, src io.Reader) {
	defer close(a.done)
	for {
		var buf []byte
		select {
		case buf = <-a.empty:
		case <-a.stop:
			return
		case <-ctx.Done():
			a.full <- piece{err: context.Cause(ctx)}
			return
		}
		if buf == nil {
			buf = make([]byte, aheadSize)
		}
		n, err := 0, error(nil)
		for n < len(buf)/2 && err == nil { // few handovers, but no waiting for the last byte that fits
			var m int
			m, err = src.Read(buf[n:])
			n += m
		}
		a.full <- piece{buf[:n], err} // there is room for all buffers, and one piece without
		if err != nil {
			return
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.current.err != nil {
			return 0, a.current.err
		}
		if a.current.data != nil {
			a.empty <- a.current.data[:cap(a.current.data)]
		}
		a.current = <-a.full
		a.rest = a.current.data
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close waits for the goroutine, whose source must have been stopped.
func (a *ahead) close() {
	close(a.stop)
	<-a.done
}

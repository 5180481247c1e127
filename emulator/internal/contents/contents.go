// Package contents keeps the bytes of documents and uploads: small ones in memory, as far as a budget goes, and all others in one temporary
// file, which has a budget too: whoever uploads or asks for reports without end doesn't fill the memory.
package contents

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
)

const (
	blockSize = 32 << 10 // of the file; what is no larger may stay in memory
	// defaultMemory and defaultFile are the budgets in bytes of a store whose maker names none.
	defaultMemory = 64 << 20
	defaultFile   = 4 << 30
)

// Store keeps contents. It is safe for concurrent use. What is in its file goes with the store, also when the process is killed.
type Store struct {
	memory, blocks int // budgets: bytes, and blocks of the file

	mu     sync.Mutex
	used   int // bytes in memory that have been counted
	file   *os.File
	free   []uint32
	taken  int // blocks
	shared map[[sha256.Size]byte]*Content
}

// NewStore makes a store with budgets in bytes; 0 for the default.
func NewStore(memory, file int64) *Store {
	if memory == 0 {
		memory = defaultMemory
	}
	if file == 0 {
		file = defaultFile
	}
	return &Store{memory: int(memory), blocks: int(file / blockSize), shared: map[[sha256.Size]byte]*Content{}}
}

var (
	// ErrTooLarge is for what is larger than it may be.
	ErrTooLarge = errors.New("is too large")
	// ErrFull is for a store that has used up its budgets.
	ErrFull = errors.New("no room is left for contents")

	errReleased = errors.New("the content has been released")
)

// Content are bytes that don't change.
type Content struct {
	store *Store
	size  int64
	sum   [md5.Size]byte
	key   [sha256.Size]byte // of a shared one

	// guarded by the store's mu
	holders int
	bytes   []byte // of one in memory
	counted bool
	blocks  []uint32
}

func (c *Content) Size() int64 { return c.size }

// MD5 is the hash that S3 makes its ETag of.
func (c *Content) MD5() [md5.Size]byte { return c.sum }

var buffers = sync.Pool{New: func() any { return new([blockSize]byte) }}

// Read keeps what r yields, limit bytes at most. The errors are [ErrTooLarge], one that wraps [ErrFull], and those of r; then nothing is kept.
// It needs the memory of one block, however much it is.
func (s *Store) Read(r io.Reader, limit int64) (*Content, error) {
	c, hash := &Content{store: s, holders: 1}, md5.New()
	buffer := buffers.Get().(*[blockSize]byte)
	defer buffers.Put(buffer)
	r = io.LimitReader(r, limit+1)
	for {
		n, err := fill(buffer[:], r)
		hash.Write(buffer[:n])
		last := err == io.EOF
		switch {
		case err != nil && !last:
		case c.size+int64(n) > limit:
			err = ErrTooLarge
		case last && c.size == 0 && s.count(n):
			c.bytes, c.counted, c.size = bytes.Clone(buffer[:n]), true, int64(n)
			return c.summed(hash), nil
		case n > 0:
			if problem := s.write(c, buffer[:n]); problem != nil {
				err, last = problem, false
			}
		}
		if last && err != ErrTooLarge {
			return c.summed(hash), nil
		}
		if err != nil {
			c.Release()
			return nil, err
		}
	}
}

// fill reads until b is full. Unlike [io.ReadFull] it passes r's errors on as they are: io.ErrUnexpectedEOF is that of a body which breaks off.
func fill(b []byte, r io.Reader) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	return n, err
}

func (c *Content) summed(h hash.Hash) *Content {
	h.Sum(c.sum[:0])
	return c
}

// count takes n bytes from the memory's budget, if they may be kept there.
func (s *Store) count(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= blockSize || s.used+n > s.memory {
		return false
	}
	s.used += n
	return true
}

// write appends a block to a content.
func (s *Store) write(c *Content, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.blocks {
		return fmt.Errorf("%w: %d MiB are taken", ErrFull, s.blocks*blockSize>>20)
	}
	if err := s.open(); err != nil {
		return fmt.Errorf("%w: %d MiB of memory are taken, and there can be no temporary file: %w", ErrFull, s.memory>>20, err)
	}
	block := uint32(s.taken + len(s.free)) // all before are taken or free
	if last := len(s.free) - 1; last >= 0 {
		block, s.free = s.free[last], s.free[:last]
	}
	s.taken++
	c.blocks = append(c.blocks, block)
	if _, err := s.file.WriteAt(b, int64(block)*blockSize); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	c.size += int64(len(b))
	return nil
}

// open makes the file, if there is none yet. Where that fails, each time anew: the process may have been short of file descriptors.
func (s *Store) open() (err error) {
	if s.file == nil {
		s.file, err = nameless()
	}
	return err
}

// OnDisk tells whether there is a file, or can be.
func (s *Store) OnDisk() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open() == nil
}

// nameless opens a temporary file that is nowhere to be found and goes with the process; on a system that doesn't take the name from an open file
// (Windows) it stays in the temporary folder. That is TMPDIR if it is set, else preferably /var/tmp: /tmp is in memory on many systems.
func nameless() (*os.File, error) {
	dir := os.Getenv("TMPDIR")
	if info, err := os.Stat("/var/tmp"); dir == "" && err == nil && info.IsDir() {
		dir = "/var/tmp"
	}
	f, err := os.CreateTemp(dir, "spapi-emulator-*")
	if err != nil && dir != os.TempDir() {
		f, err = os.CreateTemp("", "spapi-emulator-*")
	}
	if err == nil {
		_ = os.Remove(f.Name())
	}
	return f, err
}

// Put keeps b, which must not change any more. What is there already is not kept twice. It never fails: what finds no room stays in memory.
func (s *Store) Put(b []byte) *Content {
	key := sha256.Sum256(b)
	s.mu.Lock()
	if c := s.shared[key]; c != nil {
		c.holders++
		s.mu.Unlock()
		return c
	}
	s.mu.Unlock()
	c, err := s.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		c = &Content{store: s, holders: 1, size: int64(len(b)), sum: md5.Sum(b), bytes: b}
	}
	c.key = key
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared[key] == nil {
		s.shared[key] = c
	}
	return c
}

// Release gives a content up. When all who hold it have, its room is free, and whoever still reads it gets an error.
func (c *Content) Release() {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.holders--; c.holders != 0 {
		return
	}
	if c.counted {
		s.used -= len(c.bytes)
	}
	c.bytes = nil
	s.taken -= len(c.blocks)
	s.free = append(s.free, c.blocks...)
	c.blocks = nil
	if s.shared[c.key] == c {
		delete(s.shared, c.key)
	}
	if s.taken == 0 && s.file != nil {
		s.free = nil
		_ = s.file.Truncate(0) // for tidiness only
	}
}

// Reader starts reading a content from an offset.
func (c *Content) Reader(offset int64) io.Reader { return &reader{c, offset} }

type reader struct {
	c  *Content
	at int64
}

func (r *reader) Read(p []byte) (int, error) {
	c, s := r.c, r.c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.at >= c.size {
		return 0, io.EOF
	}
	if c.holders <= 0 {
		return 0, errReleased
	}
	if c.blocks == nil {
		n := copy(p, c.bytes[r.at:])
		r.at += int64(n)
		return n, nil
	}
	within := r.at % blockSize
	p = p[:min(int64(len(p)), blockSize-within, c.size-r.at)]
	n, err := s.file.ReadAt(p, int64(c.blocks[r.at/blockSize])*blockSize+within)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Bytes returns a content whole.
func (c *Content) Bytes() ([]byte, error) {
	b := make([]byte, c.size)
	_, err := io.ReadFull(c.Reader(0), b)
	return b, err
}

// Held is how many bytes are kept in memory and in the file; blocks of the file count whole.
func (s *Store) Held() (memory, file int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.used), int64(s.taken) * blockSize
}

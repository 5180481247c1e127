package contents

import (
	"bytes"
	"crypto/md5"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/iotest"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func TestContents(t *testing.T) {
	s := NewStore(40<<10, 1<<20)
	var all []*Content
	for _, n := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 5, 20 << 10} {
		want := random(n)
		c, err := s.Read(iotest.HalfReader(bytes.NewReader(want)), int64(n))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		all = append(all, c)
		got, err := c.Bytes()
		if err != nil || !bytes.Equal(got, want) || c.Size() != int64(n) || c.MD5() != md5.Sum(want) {
			t.Errorf("%d bytes: %d come back, error %v", n, len(got), err)
		}
		if err := iotest.TestReader(c.Reader(0), want); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if rest, err := io.ReadAll(c.Reader(int64(n / 2))); err != nil || !bytes.Equal(rest, want[n/2:]) {
			t.Errorf("%d bytes: from the middle %d, error %v", n, len(rest), err)
		}
	}
	if memory, file := s.Held(); memory != blockSize || file != 8*blockSize { // the last one found no room in memory
		t.Errorf("%d bytes in memory, %d in the file", memory, file)
	}
	half := all[5].Reader(0)
	if _, err := io.CopyN(io.Discard, half, 10); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		c.Release()
	}
	if memory, file := s.Held(); memory != 0 || file != 0 {
		t.Errorf("after all were released: %d bytes in memory, %d in the file", memory, file)
	}
	if _, err := half.Read(make([]byte, 1)); !errors.Is(err, errReleased) {
		t.Errorf("reading what was released: error %v", err)
	}
	if info, err := s.file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the file: %v, error %v", info.Size(), err)
	}
}

func TestTooMuch(t *testing.T) {
	s := NewStore(1, 4*blockSize)
	if _, err := s.Read(bytes.NewReader(random(101)), 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("101 bytes of 100: error %v", err)
	}
	broken := errors.New("broken")
	if _, err := s.Read(io.MultiReader(bytes.NewReader(random(2*blockSize)), iotest.ErrReader(broken)), 1<<30); !errors.Is(err, broken) {
		t.Errorf("a reader that breaks: error %v", err)
	}
	if _, err := s.Read(bytes.NewReader(random(5*blockSize)), 1<<30); !errors.Is(err, ErrFull) {
		t.Errorf("five blocks of four: error %v", err)
	}
	if _, file := s.Held(); file != 0 {
		t.Errorf("what was refused holds %d bytes", file)
	}
	four, err := s.Read(bytes.NewReader(random(4*blockSize)), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	own := s.Put(random(2 * blockSize)) // stays in memory
	if b, err := own.Bytes(); err != nil || !bytes.Equal(b, random(2*blockSize)) {
		t.Errorf("what was put: %d bytes, error %v", len(b), err)
	}
	four.Release()
	if _, err := s.Read(bytes.NewReader(random(4*blockSize)), 1<<30); err != nil {
		t.Errorf("the room that was given back: %v", err)
	}
}

func TestTwice(t *testing.T) {
	s := NewStore(0, 0)
	first, second := s.Put(random(100<<10)), s.Put(random(100<<10))
	if _, file := s.Held(); first != second || file != 4*blockSize {
		t.Errorf("the same twice: %d bytes in the file", file)
	}
	first.Release()
	if b, err := second.Bytes(); err != nil || !bytes.Equal(b, random(100<<10)) {
		t.Errorf("after the first was released: %d bytes, error %v", len(b), err)
	}
	second.Release()
	if _, file := s.Held(); file != 0 {
		t.Errorf("%d bytes are left in the file", file)
	}
	if third := s.Put(random(100 << 10)); third == second {
		t.Error("what was released is there again")
	}
}

// TestNoTemporaryFile: without one, small contents are kept while there is room in memory, and the rest is refused with the reason.
func TestNoTemporaryFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	s := NewStore(10<<10, 0)
	if _, err := s.Read(bytes.NewReader(random(10<<10)), 1<<30); err != nil {
		t.Errorf("what fits into memory: %v", err)
	}
	if _, err := s.Read(bytes.NewReader(random(1)), 1<<30); !errors.Is(err, ErrFull) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what doesn't: error %v", err)
	}
	if s.OnDisk() {
		t.Error("it says that there can be a file")
	}
	t.Setenv("TMPDIR", t.TempDir()) // as when file descriptors were short, and no longer are
	if _, err := s.Read(bytes.NewReader(random(1)), 1<<30); err != nil {
		t.Errorf("as soon as there can be a file: %v", err)
	}
	if !s.OnDisk() {
		t.Error("it says that there can be no file")
	}
}

func TestAtTheSameTime(t *testing.T) {
	s := NewStore(64<<10, 64<<20)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 30 {
				want := random(1000*i + 10000*j)
				c, err := s.Read(bytes.NewReader(want), 1<<20)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := c.Bytes(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes: others come back, error %v", len(want), err)
				}
				c.Release()
			}
		})
	}
	wait.Wait()
	if memory, file := s.Held(); memory != 0 || file != 0 {
		t.Errorf("%d bytes in memory and %d in the file are left", memory, file)
	}
}

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// maxLine bounds a line; a record's texts are bounded far below.
const maxLine = 64 << 10

// fileName is that of a month of a chain.
var fileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^audit-([a-z0-9][a-z0-9-]*)-(\d{4}-\d{2})\.jsonl$`) })

// Open opens the chain of [Options.Chain] in a folder for writing, and makes both where they are missing. Each month has a file of its own,
// "audit-CHAIN-2006-01.jsonl", for its owner alone, with one entry a line; beside them lie "audit-CHAIN.head" and "audit-CHAIN.lock". A line that a
// process or machine left unfinished is cut off, aloud. Errors: [ErrLocked]; a chain whose end isn't what a gateway writes.
func Open(folder string, o Options) (*Log, error) {
	name, err := o.Name()
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	store, err := openLines(folder, name, now)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return New(store, o)
}

// lines is a chain in files of a folder.
type lines struct {
	folder, chain string
	now           func() time.Time
	lock          *flock.Flock
	head          *os.File

	file   disk
	month  string // of file
	size   int64  // of what counts in file
	broken bool   // there may be more in it
}

// disk is a file as it is written; tests have one that is full.
type disk interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openDisk opens a file for writing; replaced by tests.
var openDisk = func(name string) (disk, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
}

func openLines(folder, chain string, now func() time.Time) (*lines, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	s := &lines{folder: folder, chain: chain, now: now}
	lock, err := Lock(filepath.Join(folder, "audit-"+chain+".lock"))
	if err != nil {
		return nil, err
	}
	s.lock = lock
	if s.head, err = os.OpenFile(headFile(folder, chain), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

// Lock keeps other processes from writing a chain. The file of that name stays: one that is removed while another waits for it locks nothing.
func Lock(name string) (*flock.Flock, error) {
	lock := flock.New(name, flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = fmt.Errorf("%w: give each gateway a chain of its own", ErrLocked)
	}
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return lock, nil
}

func headFile(folder, chain string) string { return filepath.Join(folder, "audit-"+chain+".head") }

// months are those of which the chain has files, in order.
func months(folder, chain string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if m := fileName().FindStringSubmatch(e.Name()); m != nil && m[1] == chain && e.Type().IsRegular() {
			found = append(found, m[2])
		}
	}
	slices.Sort(found)
	return found, nil
}

func monthFile(folder, chain, month string) string {
	return filepath.Join(folder, "audit-"+chain+"-"+month+".jsonl")
}

// Tail is as [Store] has it.
func (s *lines) Tail() (Tail, error) {
	var tail Tail
	if head, err := readHead(s.head); err == nil {
		tail.Head = head
	}
	all, err := months(s.folder, s.chain)
	if err != nil {
		return tail, err
	}
	for i, month := range slices.Backward(all) {
		name := monthFile(s.folder, s.chain, month)
		last, size, torn, err := lastLine(name)
		if err != nil {
			return tail, err
		}
		if torn > 0 {
			if i != len(all)-1 {
				return tail, fmt.Errorf("%s ends within an entry, and isn't the last file: it was changed; \"spapi gateway audit verify\" tells more", name)
			}
			if err := truncate(name, size); err != nil {
				return tail, err
			}
			tail.Torn = torn
		}
		if s.month == "" {
			s.month, s.size = month, size
		}
		if last == nil {
			continue
		}
		e, err := ParseLine(last)
		if err != nil {
			return tail, fmt.Errorf("%s: the last line %w; \"spapi gateway audit verify\" tells more; move the chain's files elsewhere to begin a new one", name, err)
		}
		tail.Last = &e
		break
	}
	return tail, nil
}

func truncate(name string, size int64) error {
	file, err := openDisk(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}

// lastLine is the last whole line of a file, the size of the file up to its end, and how many bytes follow.
func lastLine(name string) (last []byte, size, torn int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, 0, err
	}
	end := info.Size()
	// What was torn may be a group of many lines of which the last is not whole, or blocks of zeros behind it: the last line's end is looked for all the way.
	for at := end; ; {
		from := max(0, at-maxLine)
		b := make([]byte, at-from)
		if _, err := file.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			size = from + int64(i) + 1
			break
		}
		if from == 0 {
			return nil, 0, end, nil
		}
		at = from
	}
	from := max(0, size-maxLine)
	b := make([]byte, size-1-from)
	if _, err := file.ReadAt(b, from); err != nil {
		return nil, 0, 0, err
	}
	return b[bytes.LastIndexByte(b, '\n')+1:], size, end - size, nil
}

// headSize is that of the file of a head, whatever is in it: it is written in place, in one go.
const headSize = 320

func readHead(file io.ReaderAt) (Head, error) {
	var h Head
	b := make([]byte, headSize)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	if n == 0 {
		return h, nil
	}
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return Head{}, errors.New("the head can't be read")
	}
	return h, nil
}

func (s *lines) writeHead(h Head) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	b = append(b, bytes.Repeat([]byte{' '}, max(0, headSize-1-len(b)))...)
	_, err = s.head.WriteAt(append(b, '\n'), 0)
	return err
}

// Append is as [Store] has it.
func (s *lines) Append(entries []Kept, head Head, sync bool) error {
	if err := s.turn(); err != nil {
		return err
	}
	if s.broken {
		if err := s.file.Truncate(s.size); err != nil {
			return err
		}
		s.broken = false
	}
	var b []byte
	for _, e := range entries {
		b = append(append(b, e.Line...), '\n')
	}
	_, err := s.file.WriteAt(b, s.size)
	if err == nil && sync {
		err = s.file.Sync()
	}
	if err == nil {
		err = s.writeHead(head) // after the entries: no power cut can make it say more than there is
	}
	if err != nil {
		// What has come of it so far doesn't count. Where even that can't be undone now, it is before the next entry.
		s.broken = s.file.Truncate(s.size) != nil
		return err
	}
	s.size += int64(len(b))
	return nil
}

// turn opens the file of the month, a later one than before when that has come. A clock that is put back doesn't matter.
func (s *lines) turn() error {
	month := max(s.month, s.now().UTC().Format("2006-01"))
	if s.file != nil && month == s.month {
		return nil
	}
	size := int64(0)
	if month == s.month {
		size = s.size
	}
	file, err := openDisk(monthFile(s.folder, s.chain, month))
	if err != nil {
		return err
	}
	if err := syncFolder(s.folder); err != nil {
		_ = file.Close()
		return err
	}
	if s.file != nil {
		if err := errors.Join(s.settle(), s.file.Close()); err != nil {
			_ = file.Close()
			return err
		}
	}
	s.file, s.month, s.size, s.broken = file, month, size, false
	return nil
}

// settle leaves the file with what counts, on the disk.
func (s *lines) settle() error {
	if s.broken {
		if err := s.file.Truncate(s.size); err != nil {
			return err
		}
		s.broken = false
	}
	return s.file.Sync()
}

func syncFolder(folder string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sync is as [Store] has it.
func (s *lines) Sync() error {
	if s.file == nil {
		return nil
	}
	return s.settle()
}

// Before is as [Store] has it: whole months go.
func (s *lines) Before(t time.Time) (uint64, Hash, bool, error) {
	all, err := months(s.folder, s.chain)
	if err != nil {
		return 0, Hash{}, false, err
	}
	for _, month := range slices.Backward(all) {
		begin, err := time.Parse("2006-01", month)
		if err != nil || month >= s.month || begin.AddDate(0, 1, 0).After(t) {
			continue
		}
		last, _, _, err := lastLine(monthFile(s.folder, s.chain, month))
		if err != nil {
			return 0, Hash{}, false, err
		}
		if last == nil {
			continue
		}
		e, err := ParseLine(last)
		if err != nil {
			return 0, Hash{}, false, fmt.Errorf("%s: the last line %w", monthFile(s.folder, s.chain, month), err)
		}
		return e.Seq, e.Hash, true, nil
	}
	return 0, Hash{}, false, nil
}

// Remove is as [Store] has it: the oldest file goes.
func (s *lines) Remove(through uint64) (more bool, err error) {
	all, err := months(s.folder, s.chain)
	if err != nil || len(all) == 0 || all[0] >= s.month {
		return false, err
	}
	name := monthFile(s.folder, s.chain, all[0])
	last, _, _, err := lastLine(name)
	if err != nil {
		return false, err
	}
	if last != nil {
		e, err := ParseLine(last)
		if err != nil {
			return false, fmt.Errorf("%s: the last line %w", name, err)
		}
		if e.Seq > through {
			return false, nil
		}
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

// Close is as [Store] has it.
func (s *lines) Close() error {
	var err error
	if s.file != nil {
		err = errors.Join(s.settle(), s.file.Close())
	}
	return errors.Join(err, s.head.Close(), s.lock.Close())
}

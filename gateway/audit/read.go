package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Chain is a chain to be read, also while a gateway writes it.
type Chain interface {
	// Name is its name.
	Name() string
	// String says where it lies.
	String() string
	// Head is the head that is kept beside the entries; zero if there is none. What can't be read is an error.
	Head(ctx context.Context) (Head, error)
	// Entries are the entries in their order, without those of months that had ended before since; zero: all. What is no entry is a *[BrokenError],
	// the last thing that comes. An entry that is being written is left out.
	Entries(ctx context.Context, since time.Time) iter.Seq2[Found, error]
}

// Found is an entry with its place.
type Found struct {
	Entry
	Where string // "audit-shop-2026-11.jsonl:120"
}

// BrokenError is what breaks a chain, the first thing that does.
type BrokenError struct {
	Chain  string
	Seq    uint64 // of the entry; 0 where it can't be told
	Where  string
	Reason string
}

func (e *BrokenError) Error() string {
	s := fmt.Sprintf("audit: chain %s is broken", e.Chain)
	if e.Seq > 0 {
		s += fmt.Sprintf(" at entry %d", e.Seq)
	}
	if e.Where != "" {
		s += " (" + e.Where + ")"
	}
	return s + ": " + e.Reason
}

// Chains are the chains in JSON lines that lie in a folder, sorted by name.
func Chains(folder string) ([]Chain, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var names []string
	for _, e := range entries {
		if m := fileName().FindStringSubmatch(e.Name()); m != nil && e.Type().IsRegular() {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	var chains []Chain
	for _, name := range slices.Compact(names) {
		chains = append(chains, linesChain{folder, name})
	}
	return chains, nil
}

type linesChain struct{ folder, name string }

func (c linesChain) Name() string   { return c.name }
func (c linesChain) String() string { return filepath.Join(c.folder, "audit-"+c.name+"-….jsonl") }

func (c linesChain) Head(context.Context) (Head, error) {
	file, err := os.Open(headFile(c.folder, c.name))
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, err
	}
	defer file.Close()
	var h Head
	for range 3 { // it may be in the middle of being written
		if h, err = readHead(file); err == nil {
			break
		}
	}
	return h, err
}

func (c linesChain) Entries(ctx context.Context, since time.Time) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		all, err := months(c.folder, c.name)
		if err != nil {
			yield(Found{}, err)
			return
		}
		for i, month := range all {
			if begin, err := time.Parse("2006-01", month); err == nil && i < len(all)-1 && !begin.AddDate(0, 1, 0).After(since) {
				continue
			}
			if !c.month(ctx, month, yield) {
				return
			}
		}
	}
}

// month hands on the entries of a file, and whether there may be more.
func (c linesChain) month(ctx context.Context, month string, yield func(Found, error) bool) bool {
	name := monthFile(c.folder, c.name, month)
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true // it has become too old meanwhile; if not, the next entry shows that
	}
	if err != nil {
		yield(Found{}, err)
		return false
	}
	defer file.Close()
	// As far as there is now: who follows a gateway that writes faster than he reads comes to no end.
	info, err := file.Stat()
	if err != nil {
		yield(Found{}, err)
		return false
	}
	in := bufio.NewReaderSize(io.LimitReader(file, info.Size()), maxLine)
	base := filepath.Base(name)
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			yield(Found{}, context.Cause(ctx))
			return false
		}
		text, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		where := fmt.Sprintf("%s:%d", base, n)
		switch {
		case errors.Is(err, io.EOF):
			return true // what has no end is being written, or torn
		case long:
			yield(Found{}, &BrokenError{Chain: c.name, Where: where, Reason: "the line is longer than any that a gateway writes"})
			return false
		case err != nil:
			yield(Found{}, err)
			return false
		}
		e, err := ParseLine(bytes.TrimSuffix(text, []byte("\n")))
		if err == nil && e.Chain != c.name {
			err = fmt.Errorf("is of chain %q", e.Chain)
		}
		if err != nil {
			yield(Found{}, &BrokenError{Chain: c.name, Where: where, Reason: "the line " + err.Error()})
			return false
		}
		if !yield(Found{e, where}, nil) {
			return false
		}
	}
}

// Merge are the entries of several chains by their time, as far as each chain keeps to it. It ends with the first error.
func Merge(ctx context.Context, chains []Chain, since time.Time) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		type source struct {
			next Found
			pull func() (Found, error, bool)
		}
		var sources []*source
		advance := func(s *source) (more bool, err error) {
			s.next, err, more = s.pull()
			return more, err
		}
		for _, c := range chains {
			pull, stop := iter.Pull2(c.Entries(ctx, since))
			defer stop()
			s := &source{pull: pull}
			switch more, err := advance(s); {
			case err != nil:
				yield(Found{}, err)
				return
			case more:
				sources = append(sources, s)
			}
		}
		for len(sources) > 0 {
			first := 0 // there are as many chains as gateways: a few
			for i, s := range sources {
				if s.next.Time.Before(sources[first].next.Time) {
					first = i
				}
			}
			s := sources[first]
			if !yield(s.next, nil) {
				return
			}
			more, err := advance(s)
			if err != nil {
				yield(Found{}, err)
				return
			}
			if !more {
				sources = slices.Delete(sources, first, first+1)
			}
		}
	}
}

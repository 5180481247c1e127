// Package audit keeps what gateways did, in JSON lines or, with package auditsqlite, in SQLite. It never has bodies, queries or secrets.
//
//	log, err := audit.Open("/var/lib/spapi/audit", audit.Options{Secret: secret})
//	g, err := gateway.New(gateway.Config{Audit: log, …})
//
// # The chain
//
// Each entry has a number, the hash of the one before, and its own over both and all that it says: with [Options.Secret] an HMAC-SHA256 under a key
// that is derived from it, otherwise a plain SHA-256. [Verify] goes through them. What it finds:
//
//	an entry changed, moved, inserted or removed in between          always
//	entries removed at the beginning                                 always: entries that have become too old leave an entry of kind "cut", which is in the chain
//	the end cut off                                                  while the head, which is kept beside the entries, isn't put back too
//	end and head put back to what they were at some time             with a head of later that was noted elsewhere: the log tells it each day
//	the chain made anew by somebody who can write it                 with a secret that he doesn't have, or with a head noted elsewhere
//
// What it can't: a record that was never told, as one who controls the process may see to; and who holds the secret can write any chain. Where the secret
// lies on the same disk as the chain, whoever can read and write that disk is one who does: then only heads kept elsewhere help.
//
// # Several gateways
//
// Each has a chain of its own, with a name ([Options.Chain]): they need not wait for each other, and one that is broken breaks no other. Chains may lie in one
// folder or in several. [Merge] reads them as one, by time.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/gateway"
)

// Options say how a chain is kept.
type Options struct {
	// Chain names the chain: lower-case letters, digits and dashes. Default: the name of the host.
	Chain string
	// Secret keys the hashes; see the package. Empty: anybody who can write the chain can make it anew.
	Secret []byte
	// Keep is how long entries are kept; JSON lines up to a month longer, since whole months go. Default: 366 days; below 0: for ever.
	Keep time.Duration
	// Sync is how long entries may be in the memory of the operating system alone, which keeps them when the process is killed and not when the power fails.
	// Default: not at all.
	Sync time.Duration
	// Logger is told of what was found and of heads. Nil: [slog.Default].
	Logger *slog.Logger
	// Now is the time; tests have another. Nil: [time.Now].
	Now func() time.Time
}

// ErrLocked is what the error of opening is to errors.Is when another process writes the chain.
var ErrLocked = errors.New("another gateway writes it")

// ErrClosed is what the error of Append is to errors.Is after Close.
var ErrClosed = errors.New("audit: it is closed")

var chainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) })

// Name returns the name of the chain, with its default.
func (o Options) Name() (string, error) {
	if o.Chain != "" {
		if !chainName().MatchString(o.Chain) {
			return "", fmt.Errorf("audit: chain %q: want lower-case letters, digits and dashes, at most 63", o.Chain)
		}
		return o.Chain, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("audit: the host has no name, so the chain needs one: %w", err)
	}
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	host = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(host, "-"), "-")
	host = host[:min(len(host), 63)]
	if host == "" {
		host = "gateway"
	}
	return host, nil
}

// Kept is an entry with its line.
type Kept struct {
	Entry Entry
	Line  []byte
}

// Tail is how a chain ends.
type Tail struct {
	Last *Entry // nil: there is none
	Torn int64  // bytes of an unfinished entry, which were cut off
	Head Head   // that was kept; zero: none, or none that can be read
}

// Store is where one chain lies. Only one process has it open to write. Its methods are called by one goroutine.
type Store interface {
	// Tail is how the chain ends. What is unfinished has been removed.
	Tail() (Tail, error)
	// Append keeps entries, and the head after them: all, or with an error none. With sync they are on the disk when it returns.
	Append(entries []Kept, head Head, sync bool) error
	// Sync brings what was appended without sync to the disk.
	Sync() error
	// Before is the last entry of those that may be removed: all up to it are of before the time. False: there is none.
	Before(t time.Time) (uint64, Hash, bool, error)
	// Remove removes some of the entries up to one, and returns whether there are more: it takes no longer than a call may wait.
	Remove(through uint64) (more bool, err error)
	Close() error
}

// Log appends to a chain. It is safe for concurrent use, and a [gateway.Auditor].
type Log struct {
	store  Store
	sealer sealer
	chain  string
	keep   time.Duration
	sync   time.Duration
	logger *slog.Logger
	now    func() time.Time

	mu     sync.RWMutex // held for reading while something is put into in
	closed bool
	in     chan request
	over   chan struct{}
	err    error // of closing

	// The writer's.
	last     Entry
	lost     Note
	removing uint64 // up to which entries are being removed; 0: none are
	unsynced bool
	due      time.Time // when what is unsynced is brought to the disk
}

var _ gateway.Auditor = (*Log)(nil)

type request struct {
	records []gateway.Record
	prune   bool
	done    chan error
}

const (
	maxGroup = 1024 // records that are written together
	waiting  = 256  // groups of records that wait to be written; with more, callers wait
	daily    = 24 * time.Hour
)

// New opens a chain in a store for writing, which belongs to it then. Packages that have stores call it.
func New(store Store, o Options) (*Log, error) {
	l, err := newLog(store, o)
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	go l.write()
	return l, nil
}

func newLog(store Store, o Options) (*Log, error) {
	name, err := o.Name()
	if err != nil {
		return nil, err
	}
	l := &Log{
		store: store, chain: name, keep: o.Keep, sync: max(0, o.Sync), logger: o.Logger, now: o.Now,
		in: make(chan request, waiting), over: make(chan struct{}),
	}
	if l.keep == 0 {
		l.keep = 366 * daily
	}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.sealer, err = newSealer(o.Secret); err != nil {
		return nil, fmt.Errorf("audit: key: %w", err)
	}
	tail, err := store.Tail()
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := l.open(tail); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return l, nil
}

// open continues the chain with an entry that tells what was found, and says it aloud.
func (l *Log) open(tail Tail) error {
	note := &Note{Key: l.sealer.id(), Torn: tail.Torn}
	if tail.Last != nil {
		if tail.Last.Chain != l.chain {
			return fmt.Errorf("the chain in it is %q, not %q", tail.Last.Chain, l.chain)
		}
		l.last = *tail.Last
		note.Crashed = l.last.Kind != Closed
	}
	l.last.Chain = l.chain
	switch h := tail.Head; {
	case h.Seq > l.last.Seq:
		note.Missing = h.Seq - l.last.Seq
	case h.Seq == l.last.Seq && h.Hash != l.last.Hash, !h.Head() && l.last.Seq > 0:
		note.Other = true
	}
	chain := slog.String("chain", l.chain)
	if note.Torn > 0 {
		l.logger.Warn("audit: an unfinished entry was cut off, as a process or machine that stops in between leaves it", chain, slog.Int64("bytes", note.Torn))
	}
	if note.Missing > 0 {
		l.logger.Error("audit: entries at the end are missing: they had been kept", chain, slog.Uint64("entries", note.Missing), slog.Uint64("head", tail.Head.Seq))
	}
	if note.Other {
		l.logger.Error("audit: the end of the chain isn't what its head says", chain, slog.Uint64("seq", l.last.Seq), slog.Uint64("head", tail.Head.Seq))
	}
	if err := l.append([]Entry{{Kind: Opened, Note: note}}); err != nil {
		return err
	}
	l.tellHead()
	return l.prune()
}

// tellHead logs the head: a log that lies elsewhere shows when the chain is put back.
func (l *Log) tellHead() {
	l.logger.Info("audit: head", slog.String("head", l.sealer.head(&l.last).String()))
}

// Append keeps records. Its error says that they are not kept; only where it is that of ctx they may be.
func (l *Log) Append(ctx context.Context, records ...gateway.Record) error {
	if len(records) == 0 {
		return nil
	}
	return l.ask(ctx, request{records: records})
}

// Prune removes what has become too old. The writer does it by itself each day.
func (l *Log) Prune(ctx context.Context) error { return l.ask(ctx, request{prune: true}) }

func (l *Log) ask(ctx context.Context, r request) error {
	r.done = make(chan error, 1)
	if err := l.put(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("audit: %w", context.Cause(ctx))
	}
}

func (l *Log) put(ctx context.Context, r request) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case l.in <- r:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("audit: %w", context.Cause(ctx))
	}
}

// Close keeps what was appended before, notes that the chain ended in order, and gives it free for others.
func (l *Log) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.in)
	}
	l.mu.Unlock()
	<-l.over
	return l.err
}

// write is the one goroutine that knows the end of the chain.
func (l *Log) write() {
	defer close(l.over)
	day := time.Now().Add(daily)
	var group []request
	for {
		now := time.Now()
		if l.unsynced && !now.Before(l.due) {
			l.bring()
		}
		if !now.Before(day) {
			day = now.Add(daily)
			if err := l.prune(); err != nil {
				l.logger.Error("audit: what is too old can't be removed", slog.String("chain", l.chain), slog.Any("error", err))
			}
			l.tellHead()
		}
		until := day
		if l.unsynced && l.due.Before(day) {
			until = l.due
		}
		r, came, ok := l.next(until.Sub(now))
		switch {
		case !ok:
			l.finish()
			return
		case came:
			group = l.collect(append(group[:0], r))
			l.serve(group)
		}
		if l.removing > 0 {
			l.remove()
		}
	}
}

// next waits so long for a request, above 0, and not at all while there is something to be removed. It is not ok when there won't be any more.
func (l *Log) next(wait time.Duration) (r request, came, ok bool) {
	select {
	case r, ok = <-l.in:
		return r, ok, ok
	default:
	}
	if l.removing > 0 {
		return r, false, true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r, ok = <-l.in:
		return r, ok, ok
	case <-timer.C:
		return r, false, true
	}
}

// collect takes what waits besides.
func (l *Log) collect(group []request) []request {
	n := len(group[0].records)
	for n < maxGroup {
		select {
		case r, ok := <-l.in:
			if !ok {
				return group // the next receive tells
			}
			group = append(group, r)
			n += len(r.records)
			continue
		default:
		}
		break
	}
	return group
}

// serve writes a group in one go.
func (l *Log) serve(group []request) {
	var entries []Entry
	for _, r := range group {
		for _, record := range r.records {
			e := Entry{Kind: Call, Record: record.Clean()}
			if record.Intent {
				e.Kind = Intent
			}
			entries = append(entries, e)
		}
	}
	var err error
	if len(entries) > 0 {
		if err = l.append(entries); err != nil {
			if l.lost.Records == 0 {
				l.lost = Note{Since: l.now().UTC().Truncate(time.Microsecond), Error: plainError(err)}
			}
			l.lost.Records += len(entries)
			err = fmt.Errorf("audit: %w", err)
		}
	}
	for _, r := range group {
		if r.prune {
			r.done <- errors.Join(err, l.prune())
			continue
		}
		r.done <- err
	}
}

// plainError is an error as the chain keeps it: what failed, and nothing that a record may have brought.
func plainError(err error) string {
	return gateway.Record{Agent: err.Error()}.Clean().Agent
}

// append links entries to the chain and keeps them, after one about those that were lost before.
func (l *Log) append(entries []Entry) error {
	if l.lost.Records > 0 {
		lost := l.lost
		entries = append([]Entry{{Kind: Lost, Note: &lost}}, entries...)
	}
	last, kept := l.last, make([]Kept, len(entries))
	for i := range entries {
		e := &entries[i]
		e.Chain, e.Seq, e.Prev = l.chain, last.Seq+1, last.Hash
		if e.Time.IsZero() {
			e.Time = l.now().UTC().Truncate(time.Microsecond)
		}
		kept[i] = Kept{Line: l.sealer.seal(e)}
		kept[i].Entry = *e
		last = *e
	}
	sync := l.sync == 0
	if err := l.store.Append(kept, l.sealer.head(&last), sync); err != nil {
		return err
	}
	if !sync && !l.unsynced {
		l.unsynced, l.due = true, time.Now().Add(l.sync)
	}
	l.last, l.lost = last, Note{}
	return nil
}

// bring brings to the disk what isn't there yet.
func (l *Log) bring() {
	if !l.unsynced {
		return
	}
	if err := l.store.Sync(); err != nil {
		l.logger.Error("audit: entries can't be brought to the disk", slog.String("chain", l.chain), slog.Any("error", err))
	}
	l.unsynced = false
}

// prune notes in the chain up to where entries are too old, and has them removed.
func (l *Log) prune() error {
	if l.keep < 0 {
		return nil
	}
	through, hash, ok, err := l.store.Before(l.now().UTC().Add(-l.keep))
	if err != nil || !ok || through <= l.removing {
		return err
	}
	if err := l.append([]Entry{{Kind: Cut, Note: &Note{Through: through, Hash: hash}}}); err != nil {
		return err
	}
	l.logger.Info("audit: entries have become too old, and are removed", slog.String("chain", l.chain), slog.Uint64("through", through))
	l.removing = through
	return nil
}

func (l *Log) remove() {
	more, err := l.store.Remove(l.removing)
	if err != nil {
		l.logger.Error("audit: what is too old can't be removed", slog.String("chain", l.chain), slog.Any("error", err))
	}
	if !more || err != nil {
		l.removing = 0 // tomorrow again
	}
}

func (l *Log) finish() {
	for l.removing > 0 {
		l.remove()
	}
	err := l.append([]Entry{{Kind: Closed}})
	l.bring()
	l.tellHead()
	l.err = errors.Join(err, l.store.Close())
}

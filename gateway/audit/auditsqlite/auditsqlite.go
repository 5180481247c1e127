// Package auditsqlite keeps a gateway's audit in a SQLite file, one chain in one file, for those who would rather ask it in SQL. What the chain shows is as
// package audit has it.
//
// The table "entries" has a row for each entry, its columns named like the members of JSON lines; times are texts of one length in UTC, durations microseconds.
// The file is in WAL mode: it can be read while a gateway writes it.
package auditsqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/openspapi/spapi/gateway/audit"
)

// Open opens the chain in a file for writing, and makes both where they are missing, for their owner alone. With [audit.Options.Sync] above 0 SQLite syncs at
// its checkpoints only, whatever the length: a power cut may cost the last entries, and never those before. Errors: [audit.ErrLocked]; what is no such file.
func Open(file string, o audit.Options) (*audit.Log, error) {
	name, err := o.Name()
	if err != nil {
		return nil, err
	}
	s, err := open(file, name, o.Sync > 0)
	if err != nil {
		return nil, fmt.Errorf("audit: %s: %w", file, err)
	}
	return audit.New(s, o)
}

const schema = `
CREATE TABLE IF NOT EXISTS chain (
	only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL, head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL, head_seal BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS entries (
	seq INTEGER PRIMARY KEY, chain TEXT NOT NULL, kind TEXT NOT NULL, time TEXT NOT NULL, call TEXT NOT NULL, caller TEXT NOT NULL, key TEXT NOT NULL,
	account TEXT NOT NULL, operation TEXT NOT NULL, write INTEGER NOT NULL, personal_data INTEGER NOT NULL, status INTEGER NOT NULL,
	request_id TEXT NOT NULL, agent TEXT NOT NULL, refused TEXT NOT NULL, cache TEXT NOT NULL, more INTEGER NOT NULL, duration_us INTEGER NOT NULL,
	note TEXT, prev BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_time ON entries (time);`

const (
	columns = `seq, chain, kind, time, call, caller, key, account, operation, write, personal_data, status, request_id, agent, refused, cache, more,` +
		` duration_us, note, prev, hash`
	insert  = `INSERT INTO entries (` + columns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	setHead = `INSERT INTO chain (only, name, head_seq, head_hash, head_seal) VALUES (1,?,?,?,?)` +
		` ON CONFLICT DO UPDATE SET head_seq = excluded.head_seq, head_hash = excluded.head_hash, head_seal = excluded.head_seal`
	layout = "2006-01-02T15:04:05.000000Z"
)

// store is a chain in a file.
type store struct {
	chain string
	db    *sql.DB
	lock  *flock.Flock
}

func open(file, chain string, relaxed bool) (*store, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	lock, err := audit.Lock(file + ".lock")
	if err != nil {
		return nil, err
	}
	s := &store{chain: chain, lock: lock}
	if err := s.start(file, relaxed); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *store) start(file string, relaxed bool) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // SQLite gives the files beside it the same mode
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	synchronous := "FULL"
	if relaxed {
		synchronous = "NORMAL"
	}
	if s.db, err = sql.Open("sqlite", address(file, "rwc", "journal_mode(WAL)", "synchronous("+synchronous+")")); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	_, err = s.db.Exec(schema)
	return err
}

func address(file, mode string, pragmas ...string) string {
	query := url.Values{"mode": {mode}, "_pragma": append(pragmas, "busy_timeout(10000)"), "_txlock": {"immediate"}}
	path := filepath.ToSlash(file)
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// Tail is as [audit.Store] has it. What was unfinished SQLite has removed.
func (s *store) Tail() (audit.Tail, error) {
	var tail audit.Tail
	head, err := readHead(context.Background(), s.db)
	if err != nil {
		return tail, err
	}
	if head.Head() && head.Chain != s.chain {
		return tail, fmt.Errorf("the chain in it is %q, not %q", head.Chain, s.chain)
	}
	tail.Head = head
	rows, err := s.db.Query(`SELECT ` + columns + ` FROM entries ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return tail, err
	}
	for e, err := range entries(rows) {
		if err != nil {
			return tail, err
		}
		tail.Last = &e
	}
	return tail, nil
}

func readHead(ctx context.Context, db *sql.DB) (audit.Head, error) {
	var h audit.Head
	var hash, seal []byte
	err := db.QueryRowContext(ctx, `SELECT name, head_seq, head_hash, head_seal FROM chain`).Scan(&h.Chain, &h.Seq, &hash, &seal)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Head{}, nil
	}
	if err == nil && copy(h.Hash[:], hash)+copy(h.Seal[:], seal) != len(h.Hash)+len(h.Seal) {
		err = errors.New("the head can't be read")
	}
	return h, err
}

// Append is as [audit.Store] has it.
func (s *store) Append(kept []audit.Kept, head audit.Head, _ bool) (err error) {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	add, err := tx.Prepare(insert)
	if err != nil {
		return err
	}
	defer func() { _ = add.Close() }()
	for _, k := range kept {
		e := &k.Entry
		var note any
		if e.Note != nil {
			b, err := json.Marshal(e.Note)
			if err != nil {
				return err
			}
			note = string(b)
		}
		if _, err := add.Exec(int64(e.Seq), e.Chain, string(e.Kind), e.Time.Format(layout), e.Call, e.Caller, e.Key, e.Account, e.Operation, e.Write, //nolint:gosec // no chain is that long
			e.PersonalData, e.Status, e.RequestID, e.Agent, e.Refused, e.Cache, e.More, e.Duration.Microseconds(), note, e.Prev[:], e.Hash[:]); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(setHead, s.chain, int64(head.Seq), head.Hash[:], head.Seal[:]); err != nil { //nolint:gosec // as above
		return err
	}
	return tx.Commit()
}

// Sync is as [audit.Store] has it.
func (s *store) Sync() error {
	_, err := s.db.Exec(`PRAGMA wal_checkpoint(FULL)`)
	return err
}

// Before is as [audit.Store] has it.
func (s *store) Before(t time.Time) (uint64, audit.Hash, bool, error) {
	var seq int64
	var b []byte
	var hash audit.Hash
	// Up to the first one that may stay: clocks may have been put back. The last one always stays.
	err := s.db.QueryRow(`SELECT seq, hash FROM entries WHERE seq < (SELECT coalesce(min(seq), (SELECT max(seq) FROM entries)) FROM entries WHERE time >= ?)
		ORDER BY seq DESC LIMIT 1`, t.UTC().Format(layout)).Scan(&seq, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, hash, false, nil
	}
	if err == nil && copy(hash[:], b) != len(hash) {
		err = fmt.Errorf("the hash of entry %d can't be read", seq)
	}
	return uint64(max(0, seq)), hash, err == nil, err
}

// chunk is how many rows are removed at once: a call that must be noted waits for no more.
const chunk = 2000

// Remove is as [audit.Store] has it.
func (s *store) Remove(through uint64) (more bool, err error) {
	res, err := s.db.Exec(`DELETE FROM entries WHERE seq IN (SELECT seq FROM entries WHERE seq <= ? ORDER BY seq LIMIT ?)`, int64(through), chunk) //nolint:gosec // as above
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == chunk, err
}

// Close is as [audit.Store] has it.
func (s *store) Close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// entries reads rows of the columns, and closes them.
func entries(rows *sql.Rows) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			e, err := scan(rows)
			if !yield(e, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(audit.Entry{}, err)
		}
	}
}

func scan(rows *sql.Rows) (audit.Entry, error) {
	var e audit.Entry
	var seq, us int64
	var at string
	var note sql.NullString
	var prev, hash []byte
	r := &e.Record
	err := rows.Scan(&seq, &e.Chain, &e.Kind, &at, &r.Call, &r.Caller, &r.Key, &r.Account, &r.Operation, &r.Write, &r.PersonalData, &r.Status, &r.RequestID,
		&r.Agent, &r.Refused, &r.Cache, &r.More, &us, &note, &prev, &hash)
	if err != nil {
		return e, fmt.Errorf("a row can't be read: %w", err)
	}
	broken := func(reason string) (audit.Entry, error) {
		return e, &audit.BrokenError{Chain: e.Chain, Seq: e.Seq, Where: where(e.Seq), Reason: reason}
	}
	e.Seq = uint64(max(0, seq))
	if r.Time, err = time.Parse(layout, at); err != nil || len(at) != len(layout) {
		return broken("its time is spelled otherwise than a gateway writes it")
	}
	r.Time, r.Duration, r.Intent = r.Time.UTC(), time.Duration(us)*time.Microsecond, e.Kind == audit.Intent
	if note.Valid {
		e.Note = new(audit.Note)
		if err := json.Unmarshal([]byte(note.String), e.Note); err != nil {
			return broken("its note can't be read")
		}
		if b, err := json.Marshal(e.Note); err != nil || string(b) != note.String {
			return broken("its note is spelled otherwise than a gateway writes it")
		}
	}
	if copy(e.Prev[:], prev)+copy(e.Hash[:], hash) != len(prev)+len(hash) || len(prev) != len(e.Prev) || len(hash) != len(e.Hash) {
		return broken("its hashes can't be read")
	}
	return e, nil
}

func where(seq uint64) string { return fmt.Sprintf("row %d", seq) }

// Chains are the chains in a file: one, or none in a file that a gateway has only begun.
func Chains(file string) ([]audit.Chain, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	c := chain{file: file}
	db, err := c.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	h, err := readHead(context.Background(), db)
	if err != nil {
		return nil, fmt.Errorf("audit: %s: is no audit of a gateway, or can't be read: %w", file, err)
	}
	if !h.Head() {
		err := db.QueryRow(`SELECT chain FROM entries LIMIT 1`).Scan(&h.Chain) // somebody has removed the head
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("audit: %s: %w", file, err)
		}
	}
	c.name = h.Chain
	return []audit.Chain{c}, nil
}

// IsFile reports whether a file is one of SQLite, by its beginning.
func IsFile(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 16)
	_, err = f.Read(b)
	return err == nil && string(b) == "SQLite format 3\x00"
}

// chain is a chain to be read.
type chain struct{ file, name string }

func (c chain) open() (*sql.DB, error) {
	db, err := sql.Open("sqlite", address(c.file, "ro"))
	if err != nil {
		return nil, fmt.Errorf("audit: %s: %w", c.file, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (c chain) Name() string   { return c.name }
func (c chain) String() string { return c.file }

func (c chain) Head(ctx context.Context) (audit.Head, error) {
	db, err := c.open()
	if err != nil {
		return audit.Head{}, err
	}
	defer func() { _ = db.Close() }()
	return readHead(ctx, db)
}

// page is how many rows are read at once: a reader that holds on to the file for long makes it grow.
const page = 1000

func (c chain) Entries(ctx context.Context, since time.Time) iter.Seq2[audit.Found, error] {
	return func(yield func(audit.Found, error) bool) {
		db, err := c.open()
		if err != nil {
			yield(audit.Found{}, err)
			return
		}
		defer func() { _ = db.Close() }()
		var last int64 = -1 << 62
		if !since.IsZero() {
			// Times of a chain may run back a little, by the length of a call.
			err := db.QueryRowContext(ctx, `SELECT coalesce(min(seq), (SELECT max(seq) + 1 FROM entries), 0) - 1 FROM entries WHERE time >= ?`, since.UTC().Format(layout)).Scan(&last)
			if err != nil {
				yield(audit.Found{}, err)
				return
			}
		}
		// As far as there is now: who follows a gateway that writes faster than he reads comes to no end.
		var end int64
		if err := db.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM entries`).Scan(&end); err != nil {
			yield(audit.Found{}, err)
			return
		}
		for {
			n := 0
			rows, err := db.QueryContext(ctx, `SELECT `+columns+` FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`, last, end, page)
			if err != nil {
				yield(audit.Found{}, err)
				return
			}
			batch := make([]audit.Entry, 0, page)
			for e, err := range entries(rows) {
				if err != nil {
					for _, e := range batch {
						if !yield(audit.Found{Entry: e, Where: where(e.Seq)}, nil) {
							return
						}
					}
					yield(audit.Found{}, err)
					return
				}
				batch = append(batch, e)
			}
			for _, e := range batch {
				n++
				last = int64(e.Seq) //nolint:gosec // as above
				if !yield(audit.Found{Entry: e, Where: where(e.Seq)}, nil) {
					return
				}
			}
			if n < page {
				return
			}
		}
	}
}

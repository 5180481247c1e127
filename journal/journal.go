// Package journal remembers what has been asked of Amazon, so that a run that takes the place of one that was killed goes on with it and sends
// nothing twice. Reports, feeds and queries of Data Kiosk note their steps in one: see WithJournal of package job.
//
// [Open] keeps a journal in a file, [NewMemory] in memory. Others can keep it where they like: a [Journal] is an interface, and package journaltest
// holds what all of them must do.
package journal

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"
)

// Key says what was asked for, by whom, and of whom. Two pieces of work with the same key are one.
type Key struct {
	Kind    string `json:"kind"`           // "report", "feed" or "query"
	Type    string `json:"type,omitempty"` // the report's or the feed's type, such as "GET_MERCHANT_LISTINGS_ALL_DATA"
	Request string `json:"request"`        // a hash of everything else that was asked for

	Application string `json:"application,omitempty"` // the client id
	Seller      string `json:"seller,omitempty"`      // the seller's id, or what stands for it; never a secret
	Endpoint    string `json:"endpoint,omitempty"`    // the base URL that was asked
	Sandbox     bool   `json:"sandbox,omitempty"`
}

// Check finds text that is not UTF-8, which is not read back as it was written. [Journal]s refuse it.
func (k Key) Check() error {
	return checkText("kind", k.Kind, "type", k.Type, "request", k.Request, "application", k.Application, "seller", k.Seller, "endpoint", k.Endpoint)
}

// checkText takes names and texts by turns.
func checkText(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if !utf8.ValidString(pairs[i+1]) {
			return fmt.Errorf("%s %q is not UTF-8", pairs[i], pairs[i+1])
		}
	}
	return nil
}

// Entry is what is known of a piece of work. One with Began and without ID was asked for, or was about to be, and nobody knows whether Amazon has
// taken it.
type Entry struct {
	Began    time.Time `json:"began,omitzero"`    // when it was about to be asked for; zero as long as it wasn't. Get returns it in UTC
	Uploaded time.Time `json:"uploaded,omitzero"` // when Document was uploaded; Get returns it in UTC
	Document string    `json:"document,omitzero"` // the id of the document that was uploaded for it; only feeds have one
	ID       string    `json:"id,omitzero"`       // Amazon's id; "" as long as nobody has seen Amazon's answer
}

// Check finds text that is not UTF-8, as that of a key does.
func (e Entry) Check() error { return checkText("document", e.Document, "id", e.ID) }

// checkBoth checks what is about to be put.
func checkBoth(key Key, e Entry) error {
	if err := key.Check(); err != nil {
		return err
	}
	return e.Check()
}

// plain is the entry as it is read back from a file.
func (e Entry) plain() Entry {
	e.Began, e.Uploaded = e.Began.Round(0).UTC(), e.Uploaded.Round(0).UTC()
	return e
}

// Journal keeps entries by key. It must be safe for concurrent use. What Put has returned from is still there after the process was killed and the
// machine lost its power, if the journal is one that lasts.
//
// All methods return the cause of ctx when it ends before they are done, and have then changed nothing. Those of a journal that has a method Close return
// [ErrClosed] once it was called.
type Journal interface {
	// Claim gives a key to its caller alone until release is called, which may be done more than once. While another has it, Claim waits. It
	// keeps two runs from asking for the same thing at the same moment; Get, Put and Delete don't need it.
	Claim(ctx context.Context, key Key) (release func(), err error)
	// Get returns the entry of a key; false if there is none. The error is also that [Key.Check] refuses the key.
	Get(ctx context.Context, key Key) (Entry, bool, error)
	// Entries returns all that is in the journal, in a map of the caller's own.
	Entries(ctx context.Context) (map[Key]Entry, error)
	// Put writes the entry of a key, in place of the one that is there. The error is also that [Key.Check] or [Entry.Check] refuses one of them.
	Put(ctx context.Context, key Key, e Entry) error
	// Delete removes the entry of a key. That there is none is no error.
	Delete(ctx context.Context, key Key) error
}

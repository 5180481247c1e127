// Package journal remembers what has been asked of Amazon, so that a run that takes the place of one that was killed goes on with it and sends
// nothing twice. Reports, feeds and queries of Data Kiosk note their steps in one: see WithJournal of package job.
//
// [Open] keeps a journal in a file, [NewMemory] in memory. Others can keep it where they like: a [Journal] is an interface, and package journaltest
// holds what all of them must do.
package journal

import (
	"context"
	"time"
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

// Entry is what is known of a piece of work.
type Entry struct {
	Began    time.Time `json:"began,omitzero"`    // when it was about to be asked for; Get returns it in UTC
	Document string    `json:"document,omitzero"` // the id of the document that was uploaded for it; only feeds have one
	ID       string    `json:"id,omitzero"`       // Amazon's id; "" as long as nobody has seen Amazon's answer
}

// plain is the entry as it is read back from a file.
func (e Entry) plain() Entry {
	e.Began = e.Began.Round(0).UTC()
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
	// Get returns the entry of a key; false if there is none.
	Get(ctx context.Context, key Key) (Entry, bool, error)
	// Put writes the entry of a key, in place of the one that is there.
	Put(ctx context.Context, key Key, e Entry) error
	// Delete removes the entry of a key. That there is none is no error.
	Delete(ctx context.Context, key Key) error
}

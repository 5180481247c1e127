// Package runner takes a job from request to end: is it known already, note the intent, ask, note the answer, look until it has ended. Reports, feeds and
// Data Kiosk say how each step goes with their API; the order of the steps, and what becomes of the journal at each, is here alone.
//
// It stands apart from package job, which holds what users of the three see.
package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
)

// ClockSkew is by how much our clock may be ahead of Amazon's.
const ClockSkew = time.Minute

// keepUpload is how long an uploaded document is taken for usable: how long one stays isn't published.
const keepUpload = 24 * time.Hour

// strangeFor is how long a job may be in a state that isn't known before waiting for it ends.
const strangeFor = 10 * time.Minute

// Work is one job: how to ask for it and how to look at it. T is what the API tells about it.
type Work[T any] struct {
	Config      *job.Config
	Kind        job.Kind
	Type        string
	Part, Parts int
	Key         journal.Key // for the journal, if there is one

	// Known finds a job that will do in place of a new one; "" if there is none. Nil: none will do.
	Known func(context.Context) (id string, err error)
	// Upload brings to Amazon what Create refers to. Nil: there is nothing.
	Upload func(context.Context) (documentID string, err error)
	// Create asks for the job.
	Create func(ctx context.Context, documentID string) (id string, err error)
	// Find finds the job that a call of Create since then has made, of which no answer came; "" if there is none. Nil: it can't be found.
	Find func(ctx context.Context, since time.Time) (id string, err error)
	// FindAlways looks with Find after a call that was cut even where no journal says that the job is wanted once.
	FindAlways bool
	// Look tells how far a job is.
	Look func(ctx context.Context, id string) (*T, job.Status, error)
	// Outcome is why a job that has ended isn't what was asked for; nil if it is.
	Outcome func(context.Context, *T) error
	// AskAgain says that a job that Amazon doesn't know any more is asked for anew.
	AskAgain bool

	ID     string // Begin sets it; or the caller, who then goes on with Wait
	reused bool
	began  time.Time
	ended  bool
}

// Key makes the key of a request. What the request consists of must be what JSON can hold.
func Key(client *spapi.Client, kind job.Kind, typ string, request ...any) journal.Key {
	b, err := json.Marshal(request)
	if err != nil {
		panic("runner: key: " + err.Error()) // strings, maps and lists of them
	}
	sum := sha256.Sum256(b)
	application, seller := client.Principal()
	return journal.Key{
		Kind: string(kind), Type: typ, Request: hex.EncodeToString(sum[:16]),
		Application: application, Seller: seller, Endpoint: client.Endpoint(), Sandbox: client.Sandbox(),
	}
}

// Run is Begin and Finish.
func (w *Work[T]) Run(ctx context.Context) (*T, error) {
	if err := w.Begin(ctx); err != nil {
		return nil, err
	}
	return w.Finish(ctx)
}

func (w *Work[T]) tell(stage job.Stage, status job.Status) {
	w.Config.Progress(job.Progress{
		Kind: w.Kind, Type: w.Type, ID: w.ID, Stage: stage, Status: status, Reused: w.reused, Part: w.Part, Parts: w.Parts, Elapsed: time.Since(w.began),
	})
}

// Begin settles the id: of the job that is known of, else of a new one.
func (w *Work[T]) Begin(ctx context.Context) error {
	w.began = time.Now()
	if w.Config.Journal == nil {
		return w.begin(ctx, nothing{}, journal.Entry{})
	}
	release, err := w.Config.Journal.Claim(ctx, w.Key)
	if err != nil {
		return err
	}
	defer release()
	entry, _, err := w.Config.Journal.Get(ctx, w.Key)
	if err != nil {
		return err
	}
	return w.begin(ctx, w.Config.Journal, entry)
}

// begin works under the claim of the key, on the entry that is there.
func (w *Work[T]) begin(ctx context.Context, j notes, entry journal.Entry) error {
	if entry.ID != "" {
		w.ID, w.reused = entry.ID, true
		return nil
	}
	// What Amazon has answered is noted even if the caller has just given up: else it would be asked for twice.
	known := func(began time.Time, id string) error {
		w.ID = id
		return j.Put(context.WithoutCancel(ctx), w.Key, journal.Entry{Began: began, Document: entry.Document, ID: id})
	}
	if !entry.Began.IsZero() && w.Find != nil {
		// A run before this one was cut between asking and noting the id.
		id, err := w.Find(ctx, entry.Began.Add(-ClockSkew))
		if err != nil {
			return err
		}
		if id != "" {
			w.reused = true
			return known(entry.Began, id)
		}
	}
	if w.Known != nil {
		id, err := w.Known(ctx)
		if err != nil {
			return err
		}
		if id != "" {
			w.reused = true
			return known(w.began.UTC(), id)
		}
	}
	if entry.Document == "" || time.Since(entry.Began) > keepUpload || w.Upload == nil {
		entry = journal.Entry{}
		if w.Upload != nil {
			w.tell(job.Uploading, "")
			var err error
			if entry.Document, err = w.Upload(ctx); err != nil {
				return err
			}
		}
		entry.Began = time.Now().UTC()
		if err := j.Put(ctx, w.Key, entry); err != nil {
			return err
		}
	}
	w.tell(job.Creating, "")
	id, err := w.Create(ctx, entry.Document)
	if err == nil {
		return known(entry.Began, id)
	}
	if refused(err) {
		if w.Upload != nil && !badRequest(err) { // which may be the document's fault
			return err
		}
		return errors.Join(err, j.Delete(context.WithoutCancel(ctx), w.Key))
	}
	if w.Find == nil || w.Config.Journal == nil && !w.FindAlways || ctx.Err() != nil {
		return err
	}
	// The connection was cut: Amazon may have heard us.
	if id, findErr := w.Find(ctx, entry.Began.Add(-ClockSkew)); findErr == nil && id != "" {
		return known(entry.Began, id)
	}
	return err
}

// notes is what begin needs of a journal.
type notes interface {
	Put(context.Context, journal.Key, journal.Entry) error
	Delete(context.Context, journal.Key) error
}

// nothing is written down.
type nothing struct{}

func (nothing) Put(context.Context, journal.Key, journal.Entry) error { return nil }
func (nothing) Delete(context.Context, journal.Key) error             { return nil }

// refused tells whether a call that failed was certainly not carried out.
func refused(err error) bool {
	if e, ok := errors.AsType[*spapi.APIError](err); ok {
		return e.StatusCode < http.StatusInternalServerError
	}
	_, request := errors.AsType[*job.RequestError](err)
	_, config := errors.AsType[*spapi.ConfigError](err)
	_, auth := errors.AsType[*spapi.AuthError](err)
	_, limit := errors.AsType[*spapi.LimitError](err)
	return request || config || auth || limit
}

func badRequest(err error) bool {
	e, ok := errors.AsType[*spapi.APIError](err)
	return ok && e.StatusCode == http.StatusBadRequest
}

// Finish waits for the job that Begin settled. One that has ended without what was asked for, and one that Amazon doesn't know any more, is struck
// out of the journal.
func (w *Work[T]) Finish(ctx context.Context) (*T, error) {
	v, err := w.Wait(ctx)
	if err == nil || w.Config.Journal == nil {
		return v, err
	}
	_, unknown := errors.AsType[*job.UnknownIDError](err)
	again := unknown && w.reused && w.AskAgain
	if !again && (!w.ended || ctx.Err() != nil) {
		return v, err
	}
	if strikeErr := w.strike(ctx); strikeErr != nil {
		return v, errors.Join(err, strikeErr)
	}
	if again {
		w.ID, w.reused = "", false
		w.Known = nil // it may know of the same one still
		return w.Run(ctx)
	}
	return v, err
}

// strike takes the job out of the journal, unless another run has put a new one there.
func (w *Work[T]) strike(ctx context.Context) error {
	release, err := w.Config.Journal.Claim(ctx, w.Key)
	if err != nil {
		return err
	}
	defer release()
	entry, _, err := w.Config.Journal.Get(ctx, w.Key)
	if err != nil || entry.ID != w.ID {
		return err
	}
	return w.Config.Journal.Delete(ctx, w.Key)
}

// Wait looks at the job until it has ended. It returns what was seen last also with an error. Waiting for a rate limit is Look's own affair: the pause
// begins when that returns, so that many waits at once don't pile up calls.
func (w *Work[T]) Wait(ctx context.Context) (last *T, err error) {
	if w.ID == "" {
		return nil, &job.UnknownIDError{Kind: w.Kind}
	}
	if w.began.IsZero() {
		w.began = time.Now()
	}
	start := time.Now()
	var strange time.Time // since when its state is one that isn't known
	w.tell(job.Waiting, "")
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return last, context.Cause(ctx)
		case <-timer.C:
		}
		v, status, err := w.Look(ctx, w.ID)
		if err != nil {
			return last, w.noSuch(err)
		}
		last = v
		if status.Ended() {
			w.ended = true
			if err := w.Outcome(ctx, v); err != nil {
				return v, err
			}
			w.tell(job.Ready, status)
			return v, nil
		}
		switch {
		case status.Running():
			strange = time.Time{}
		case strange.IsZero():
			strange = time.Now()
		case time.Since(strange) >= strangeFor:
			return v, &job.StatusError{Kind: w.Kind, ID: w.ID, Status: status, For: time.Since(strange)}
		}
		w.tell(job.Waiting, status)
		timer.Reset(w.Config.Pause(time.Since(start)))
	}
}

// noSuch makes the answer 404 to a question about the id what it is.
func (w *Work[T]) noSuch(err error) error {
	if spapi.IsNotFound(err) {
		return &job.UnknownIDError{Kind: w.Kind, ID: w.ID, Err: err}
	}
	return err
}

// LookOnce tells how far the job is now.
func (w *Work[T]) LookOnce(ctx context.Context) (*T, error) {
	if w.ID == "" {
		return nil, &job.UnknownIDError{Kind: w.Kind}
	}
	v, _, err := w.Look(ctx, w.ID)
	if err != nil {
		return nil, w.noSuch(err)
	}
	return v, nil
}

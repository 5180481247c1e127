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
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
)

// ClockSkew is by how much the time at which Amazon was asked may be off: what Amazon's answers tell of its clock has been on its way.
const ClockSkew = time.Minute

const (
	// keepUpload is how long an uploaded document is taken for usable: how long one stays isn't published.
	keepUpload = 24 * time.Hour
	// unheard is by how much our clock may be ahead of Amazon's as long as no answer has told of that. It counts only where asking twice does harm.
	unheard = 15 * time.Minute
	// mostAsks is how often one run asks for the same thing: again only when Amazon has certainly not taken it.
	mostAsks = 2
)

// Settle is how long after a call without an answer Amazon may still take what it asked for, and the lists still lack it. SP-API is served through Amazon
// API Gateway (its answers have x-amz-apigw-id), which waits 29 seconds for what is behind it unless its owner raised that
// (docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html). Nobody publishes how far lists lag behind:
// so twice that, and more than one look. Tests shorten it.
var Settle = time.Minute

// looks are the times of the looks for a job whose answer was lost, as parts of Settle.
var looks = []float64{0, 0.1, 0.4, 1}

// ErrNoID is a success that doesn't tell what was made.
var ErrNoID = errors.New("it was taken, but the answer holds no id")

// strangeFor is how long a job may be in a state that isn't known before waiting for it ends.
const strangeFor = 10 * time.Minute

// Work is one job: how to ask for it and how to look at it. T is what the API tells about it.
type Work[T any] struct {
	Config      *job.Config
	Kind        job.Kind
	Type        string
	Part, Parts int
	Key         journal.Key

	// Known finds a job that will do in place of a new one; "" if there is none. Nil: none will do.
	Known func(context.Context) (id string, err error)
	// Upload brings to Amazon what Create refers to. Nil: there is nothing.
	Upload func(context.Context) (documentID string, err error)
	// Create asks for the job by a call with the options of [Work.Calls]. An answer without an id is [ErrNoID].
	Create func(ctx context.Context, documentID string) (id string, err error)
	// Find lists the jobs created since then, by Amazon's clock, that a call of Create may have made of which no answer came; the newest first.
	Find func(ctx context.Context, since time.Time) ([]job.Found, error)
	// Same says that Amazon shows all that was asked for: what Find finds is the same, whoever asked for it.
	Same bool
	// Harmless says that asking twice costs a call and no more: a job that Amazon doesn't know any more is asked for anew.
	Harmless bool
	// Once says that asking twice does harm that nothing undoes: that no list shows the job isn't enough to ask again, since lists may lag.
	Once bool
	// Look tells how far a job is.
	Look func(ctx context.Context, id string) (*T, job.Status, error)
	// Outcome is why a job that has ended isn't what was asked for; nil if it is.
	Outcome func(context.Context, *T) error

	ID     string        // Begin sets it; or the caller, who then goes on with Wait
	entry  journal.Entry // of what is being asked for
	reused bool
	began  time.Time
	ended  bool
	heard  bool
	ahead  time.Duration // our clock minus Amazon's, if heard
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
	w.Config.Progress(w.progress(stage, status))
}

func (w *Work[T]) progress(stage job.Stage, status job.Status) job.Progress {
	return job.Progress{
		Kind: w.Kind, Type: w.Type, ID: w.ID, Stage: stage, Status: status, Reused: w.reused, Part: w.Part, Parts: w.Parts, Elapsed: time.Since(w.began),
	}
}

// Calls are the options of the call that asks for the job: how long it waits for a limit is told, and that it is sent is noted.
func (w *Work[T]) Calls() []spapi.CallOption {
	return append(slices.Clip(w.Config.Calls), spapi.WithSendNote(w.Sending), spapi.WithLimitNotice(func(e *spapi.LimitError) {
		p := w.progress(job.Creating, "")
		p.Limit, p.Until = e, time.Now().Add(e.Wait)
		w.Config.Progress(p)
	}))
}

// Sending notes that the job is being asked for, just before it is, or that it was not after all: see [spapi.WithSendNote]. Whoever is killed while it
// waits for a limit has then asked for nothing.
func (w *Work[T]) Sending(ctx context.Context, sending bool) error {
	w.entry.Began = time.Time{}
	if sending {
		w.entry.Began = w.now()
	}
	return w.put(ctx)
}

// put writes down what is known of what is being asked for.
func (w *Work[T]) put(ctx context.Context) error {
	if w.entry.Began.IsZero() && w.entry.Document == "" { // nothing
		return w.Config.Journal.Delete(ctx, w.Key)
	}
	return w.Config.Journal.Put(ctx, w.Key, w.entry)
}

// Heard takes the time from an answer of Amazon's: what was created since a moment is asked for by its clock.
func (w *Work[T]) Heard(h http.Header) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		w.heard, w.ahead = true, time.Since(at)
	}
}

// now is the time by Amazon's clock, or earlier.
func (w *Work[T]) now() time.Time {
	now := time.Now().UTC()
	if !w.heard && !w.Harmless {
		return now.Add(-unheard)
	}
	return now.Add(-w.ahead)
}

// Begin settles the id: of the job that is known of, else of a new one.
func (w *Work[T]) Begin(ctx context.Context) error {
	w.began = time.Now()
	if w.Config.Take != "" && w.Kind != job.Feed {
		return w.cannotTake("goes with feeds only")
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
	if w.Config.Take != "" && entry.ID == "" {
		return w.take(ctx, entry)
	}
	if entry.ID != "" {
		if w.Config.Take != "" && w.Config.Take != entry.ID && w.Parts == 1 { // of several parts it may be another
			return w.cannotTake("takes the place of none: the journal has " + string(w.Kind) + " " + entry.ID + " for the same content")
		}
		w.ID, w.reused = entry.ID, true
		return nil
	}
	return w.ask(ctx, entry)
}

// note writes down the id of the job, even if the caller has just given up: else it would be asked for twice.
func (w *Work[T]) note(ctx context.Context, entry journal.Entry, id string) error {
	w.ID, entry.ID = id, id
	if err := w.Config.Journal.Put(context.WithoutCancel(ctx), w.Key, entry); err != nil {
		return fmt.Errorf("%s %s is at Amazon, but could not be noted: %w", w.Kind, id, err)
	}
	return nil
}

// ask asks for the job, under the claim of its key, when it is certain that Amazon hasn't got it. The entry is what a run before has left.
func (w *Work[T]) ask(ctx context.Context, entry journal.Entry) error {
	var lost error // why there was no answer to this run
	for asked := 0; ; asked++ {
		if !entry.Began.IsZero() && (asked > 0 || !w.Config.SendAgain) {
			id, err := w.lookFor(ctx, entry, lost)
			if err != nil {
				return err
			}
			if id != "" {
				w.reused = asked == 0
				return w.note(ctx, entry, id)
			}
			if asked == mostAsks {
				if doubt, ok := errors.AsType[*spapi.OutcomeUnknownError](lost); ok { // not any more
					lost = doubt.Err
				}
				return errors.Join(fmt.Errorf("the %s was not taken, asked for %d times: %w", w.Kind, asked, lost), w.unask(ctx, entry, true))
			}
		}
		if asked == 0 && w.Known != nil {
			id, err := w.Known(ctx)
			if err != nil {
				return err
			}
			if id != "" {
				w.reused = true
				return w.note(ctx, journal.Entry{Began: w.now()}, id)
			}
		}
		if w.Upload != nil && (entry.Document == "" || time.Since(entry.Uploaded) > keepUpload) {
			w.tell(job.Uploading, "")
			id, err := w.Upload(ctx)
			if err != nil {
				return err
			}
			entry.Document, entry.Uploaded = id, time.Now().UTC()
		}
		entry.Began = time.Time{}
		w.entry = entry
		if err := w.put(ctx); err != nil {
			return err
		}
		w.tell(job.Creating, "")
		id, err := w.Create(ctx, entry.Document)
		entry = w.entry
		if err == nil {
			return w.note(ctx, entry, id)
		}
		if entry.Began.IsZero() || refused(ctx, err) {
			return errors.Join(err, w.unask(ctx, entry, !badRequest(err))) // a 400 may be the document's fault
		}
		lost = err
	}
}

// unask notes that Amazon has not taken the job. The document that was uploaded for it may still do.
func (w *Work[T]) unask(ctx context.Context, entry journal.Entry, keep bool) error {
	entry.Began = time.Time{}
	if !keep {
		entry.Document = ""
	}
	w.entry = entry
	return w.put(context.WithoutCancel(ctx))
}

// lookFor looks for the job that was asked for, by this run or one before it, and of which no answer came: its id, "" if Amazon has certainly not taken
// it, or an [*job.OutcomeUnknownError].
func (w *Work[T]) lookFor(ctx context.Context, entry journal.Entry, lost error) (id string, err error) {
	unknown := &job.OutcomeUnknownError{Kind: w.Kind, Type: w.Type, Asked: entry.Began, DocumentID: entry.Document, Err: lost}
	start := time.Now()
	for _, part := range looks {
		if ctx.Err() == nil {
			w.tell(job.Checking, "")
		}
		found, err := w.unclaimed(ctx, entry.Began.Add(-ClockSkew), time.Until(start.Add(time.Duration(part*float64(Settle)))))
		switch {
		case err != nil:
			unknown.LookErr = err
			return "", unknown
		case len(found) > 0 && w.Same:
			return found[0].ID, nil
		case len(found) > 0:
			unknown.Found = found
			return "", unknown
		}
	}
	if w.Once {
		return "", unknown
	}
	return "", nil
}

// unclaimed is what Find finds after a pause, without the jobs that are noted for other requests.
func (w *Work[T]) unclaimed(ctx context.Context, since time.Time, pause time.Duration) ([]job.Found, error) {
	if err := sleep(ctx, pause); err != nil {
		return nil, err
	}
	found, err := w.Find(ctx, since)
	if err != nil {
		return nil, err
	}
	claimed, err := w.claimed(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(f job.Found) bool { return claimed[f.ID] }), nil
}

// claimed are the ids that are noted for other requests. They belong to a seller: Amazon gives the same to several.
func (w *Work[T]) claimed(ctx context.Context) (map[string]bool, error) {
	entries, err := w.Config.Journal.Entries(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for key, entry := range entries {
		if key != w.Key && key.Kind == w.Key.Kind && key.Seller == w.Key.Seller && key.Endpoint == w.Key.Endpoint && key.Sandbox == w.Key.Sandbox {
			ids[entry.ID] = true
		}
	}
	return ids, nil
}

func (w *Work[T]) cannotTake(reason string) error {
	return &job.RequestError{Kind: w.Kind, Type: w.Type, Field: "Take", Value: w.Config.Take, Reason: reason}
}

// take makes a job that the caller has found the one that was asked for without an answer.
func (w *Work[T]) take(ctx context.Context, entry journal.Entry) error {
	id, typ := w.Config.Take, w.Type
	if entry.Began.IsZero() {
		return w.cannotTake("takes the place of none: the journal has no " + string(w.Kind) + " with the same content that was sent without an answer")
	}
	claimed, err := w.claimed(ctx)
	if err != nil {
		return err
	}
	if claimed[id] {
		return w.cannotTake("is noted in the journal for other content")
	}
	w.ID = id
	if _, err := w.LookOnce(ctx); err != nil {
		return err
	}
	if found := w.Type; found != typ {
		w.Type = typ
		return w.cannotTake("is of type " + found)
	}
	w.Config.Take, w.reused = "", true // the next part of the run has its own
	return w.note(ctx, entry, id)
}

// refused tells whether a call that failed was certainly not carried out.
func refused(ctx context.Context, err error) bool {
	if _, doubt := errors.AsType[*spapi.OutcomeUnknownError](err); doubt {
		return false
	}
	if e, ok := errors.AsType[*spapi.APIError](err); ok {
		return e.StatusCode < http.StatusInternalServerError
	}
	_, request := errors.AsType[*job.RequestError](err)
	_, config := errors.AsType[*spapi.ConfigError](err)
	_, auth := errors.AsType[*spapi.AuthError](err)
	_, limit := errors.AsType[*spapi.LimitError](err)
	_, lookup := errors.AsType[*net.DNSError](err)
	connect, network := errors.AsType[*net.OpError](err)
	return request || config || auth || limit || lookup || network && connect.Op == "dial" ||
		ctx.Err() != nil && !errors.Is(err, ErrNoID) // it waited for its turn: a request that was on its way would be in doubt
}

func badRequest(err error) bool {
	e, ok := errors.AsType[*spapi.APIError](err)
	return ok && e.StatusCode == http.StatusBadRequest
}

// Finish waits for the job that Begin settled. One that has ended without what was asked for, and one that Amazon doesn't know any more, is struck
// out of the journal.
func (w *Work[T]) Finish(ctx context.Context) (*T, error) {
	v, err := w.Wait(ctx)
	if err == nil {
		return v, nil
	}
	_, unknown := errors.AsType[*job.UnknownIDError](err)
	again := unknown && w.reused && w.Harmless
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
	for pause := time.Duration(0); ; pause = w.Config.Pause(time.Since(start)) {
		if err := sleep(ctx, pause); err != nil {
			return last, err
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
	}
}

// sleep returns why ctx has ended, if it does before the pause does, or as it does.
func sleep(ctx context.Context, pause time.Duration) error {
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return context.Cause(ctx)
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

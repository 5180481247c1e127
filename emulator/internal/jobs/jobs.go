// Package jobs is where reports, feeds and queries are worked off, and where the documents lie that they read and write.
package jobs

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Queue is where a seller's reports, feeds and queries are worked off. What happens between two requests happens at its own time: before a
// request is answered, [Queue.settle] does all that has become due, in order.
type Queue struct {
	account *desk.Seller

	Mu        sync.Mutex
	Made      int // ids given out so far
	documents map[string]*Document
	Reports   []*Report // by creation, as the other ones
	Schedules []*Schedule
	Feeds     []*Feed
	Queries   []*Query
	due       []task // by time

	now         time.Time // of the request that is being answered
	settlements bool      // those of the past have been written

	nextSettlement time.Time
}

// task is something that will happen by itself.
type task struct {
	at time.Time
	do func(at time.Time)
}

func newQueue(a *desk.Seller) *Queue {
	return &Queue{account: a, documents: map[string]*Document{}}
}

func (k *Queue) Next() int {
	k.Made++
	return k.Made
}

// NewID is the id of what has just been counted: a number of its own, and the days since 1970 (lineofflight/peddler, test/vcr_cassettes/Peddler, 2024 and
// 2025: report 292248019978 of 2024-09-12, query 1901152020424 of 2025-12-02). What is asked for within a day has ids that begin with its order.
func (k *Queue) NewID(at time.Time) string {
	return fmt.Sprintf("%d%06d", 1_000_000+k.Made, at.Unix()/int64(world.Day/time.Second))
}

func (k *Queue) Random(parts ...any) random.Source {
	return k.account.Desk.Seed.Of(append([]any{"desk", k.account.Number}, parts...)...)
}

// Later lets do run at a time, after all that was put in for the same time; it wants k.Mu held.
func (k *Queue) Later(at time.Time, do func(at time.Time)) {
	i, _ := slices.BinarySearchFunc(k.due, at, func(t task, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1
	})
	k.due = slices.Insert(k.due, i, task{at, do})
}

// settle does everything that is due at now.
func (k *Queue) settle(now time.Time) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.now = now
	k.catchUp()
}

// catchUp wants k.Mu held.
func (k *Queue) catchUp() {
	for len(k.due) > 0 && !k.due[0].at.After(k.now) {
		t := k.due[0]
		k.due = k.due[1:]
		t.do(t.at)
	}
}

// Document finds a document that hasn't expired; nil when there is none.
func (k *Queue) Document(id string, now time.Time) *Document {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	d := k.documents[id]
	if d == nil || !now.Before(d.Expires) {
		return nil
	}
	return d
}

// The processing states of reports, feeds and queries.
const (
	InQueue    = "IN_QUEUE"
	InProgress = "IN_PROGRESS"
	done       = "DONE"
	Cancelled  = "CANCELLED"
	fatal      = "FATAL"
)

// Job is a report, feed or query on its way.
type Job struct {
	ID      string
	Created time.Time
	started time.Time // planned, until then the job is in the queue
	ended   time.Time // planned, until outcome is set
	Outcome string    // DONE, CANCELLED or FATAL; "" before the end
}

// NewJob plans a job: a few seconds in the queue, and some more in progress.
func (k *Queue) NewJob(kind string, now time.Time) Job {
	n := k.Next()
	r := k.Random(kind, n)
	now = now.UTC().Truncate(time.Second)
	j := Job{Created: now, started: now.Add(time.Duration(r.Between(2, 8)) * time.Second)}
	j.ended = j.started.Add(time.Duration(r.Between(3, 25)) * time.Second)
	return j
}

func (j *Job) Status(t time.Time) string {
	switch {
	case j.Outcome != "":
		return j.Outcome
	case !t.Before(j.started):
		return InProgress
	}
	return InQueue
}

// end sets the outcome.
func (j *Job) end(outcome string, at time.Time) {
	j.Outcome, j.ended = outcome, at
}

// Cancel ends a job at the seller's wish.
func (j *Job) Cancel(now time.Time) {
	now = now.UTC().Truncate(time.Second)
	j.end(Cancelled, now)
	if j.started.After(now) {
		j.started = time.Time{} // it never was in progress
	}
}

// Times are when a job was created, began and ended, as t is now and as the API spells times; nil for what is still to come.
func (j *Job) Times(t time.Time, stamp func(time.Time) string) (created, started, ended any) {
	if !j.started.IsZero() && !t.Before(j.started) {
		started = stamp(j.started)
	}
	if j.Outcome != "" {
		ended = stamp(j.ended)
	}
	return stamp(j.Created), started, ended
}

// IDOf is a document's id as a member of an answer; nil for none.
func IDOf(d *Document) any {
	if d == nil {
		return nil
	}
	return d.ID
}

// OffsetTimestamp is the spelling of times that reports and feeds have: "2022-04-26T09:59:53+00:00" (selling-partner-api-docs#2231). Those of Data Kiosk
// end in Z (lineofflight/peddler, test/vcr_cassettes/Peddler/DataKiosk, October and December 2025).
func OffsetTimestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }

// retention is how long reports, feeds and queries are listed (selling-partner-api-models: "The default is 90 days ago. Reports are retained
// for a maximum of 90 days").
const retention = 90 * 24 * time.Hour

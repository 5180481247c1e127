// Package jobs is where reports, feeds and queries are worked off, and where the documents lie that they read and write.
package jobs

import (
	"cmp"
	"container/heap"
	_ "embed"
	"fmt"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Queue is where a seller's reports, feeds and queries are worked off. What happens between two requests happens at its own time: before a
// request is answered, [Queue.settle] does all that has become due, in order.
type Queue struct {
	account *desk.Seller

	Mu        sync.Mutex
	Made      int // ids given out so far
	documents *expiring.Map[*Document]
	Reports   *List[*Report]
	Schedules []*Schedule // by creation, those that are not cancelled
	Feeds     *List[*Feed]
	Queries   *List[*Query]
	due       tasks
	planned   int // tasks so far
	generated map[generated]time.Time

	now     time.Time // of the request that is being answered
	settled time.Time // until when settlement reports have been written; zero: nobody has asked for any
}

// generated is what must cool down before it is made again.
type generated struct {
	kind        *ReportType
	marketplace string
}

// task is something that will happen by itself.
type task struct {
	at    time.Time
	n     int // tasks before this one: of those of the same time the one that came first is the first
	do    func(at time.Time)
	index int // among those that are due; -1 when it has been done or called off
}

// tasks has what is next in front.
type tasks []*task

func (t tasks) Len() int { return len(t) }
func (t tasks) Less(i, j int) bool {
	return cmp.Or(t[i].at.Compare(t[j].at), cmp.Compare(t[i].n, t[j].n)) < 0
}

func (t tasks) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

func (t *tasks) Push(x any) {
	x.(*task).index = len(*t)
	*t = append(*t, x.(*task))
}

func (t *tasks) Pop() any {
	last := (*t)[len(*t)-1]
	last.index = -1
	(*t)[len(*t)-1] = nil
	*t = (*t)[:len(*t)-1]
	return last
}

// mostDocuments is how many documents of a seller are kept: more than the usage plans allow within the retention, so only who turned limits off
// gets there.
const mostDocuments = 2 * mostJobs

func newQueue(a *desk.Seller) *Queue {
	return &Queue{
		account: a, documents: expiring.NewMap(mostDocuments, (*Document).release), generated: map[generated]time.Time{},
		Reports: newList("report", func(r *Report) { tell(a, r) }), Feeds: newList("feed", func(f *Feed) { tell(a, f) }),
		Queries: newList("query", func(q *Query) { tell(a, q) }),
	}
}

func (k *Queue) Next() int {
	k.Made++
	return k.Made
}

func (k *Queue) random(parts ...any) random.Source {
	return k.account.Desk.Seed.Of(append([]any{"desk", k.account.Number}, parts...)...)
}

// later lets do run at a time, after all that was put in for the same time; it wants k.Mu held.
func (k *Queue) later(at time.Time, do func(at time.Time)) *task {
	k.planned++
	t := &task{at: at, n: k.planned, do: do}
	heap.Push(&k.due, t)
	return t
}

// settle does everything that is due at now, and forgets what Amazon keeps no longer.
func (k *Queue) settle(now time.Time) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.now = now
	if k.settled.IsZero() && k.account.Wants(reportFinished) {
		k.OpenSettlements() // who waits for reports is told of these, too
	}
	k.catchUp()
	k.sweep(now)
}

// Waiting is how many things will happen by themselves.
func (k *Queue) Waiting() int {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	return len(k.due)
}

// catchUp wants k.Mu held.
func (k *Queue) catchUp() {
	for len(k.due) > 0 && !k.due[0].at.After(k.now) {
		t := heap.Pop(&k.due).(*task)
		t.do(t.at)
	}
}

// sweep wants k.Mu held.
func (k *Queue) sweep(now time.Time) {
	k.documents.Sweep(now)
	k.Reports.sweep(now)
	k.Feeds.sweep(now)
	k.Queries.sweep(now)
}

// Document finds a document that hasn't expired; nil when there is none.
func (k *Queue) Document(id string, now time.Time) *Document {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.sweep(now)
	d, _ := k.documents.Get(id)
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
	n       int       // of all that the seller has asked for
	list    interface{ moved(j *Job, from string) }
}

func (j *Job) job() *Job { return j }

// newsOf makes a source of what is told of jobs that have ended. list are those of a queue, about is the name by which one is asked for.
func newsOf[T Listed](about string, list func(k *Queue) *List[T]) desk.NewsSource {
	return desk.NewsSource{
		// What ends by itself is told when it is settled.
		About: func(a *desk.Seller, ids map[string]string, now time.Time) (desk.News, error) {
			Queues.Of(a).settle(now)
			k := Queues.Of(a)
			k.Mu.Lock()
			defer k.Mu.Unlock()
			var none, found T
			if id := ids[about]; id != "" {
				found = list(k).Find(id)
			} else {
				for _, v := range list(k).all {
					if v.job().Outcome != "" {
						found = v
					}
				}
			}
			switch {
			case found != none && found.job().Outcome != "":
				return found.news(a), nil
			case ids[about] == "":
				return desk.News{}, fmt.Errorf("%s: none of the seller's has ended: ask for one, and let it end", about)
			case found != none:
				return desk.News{}, fmt.Errorf("%s: %q hasn't ended", about, ids[about])
			}
			return desk.News{}, fmt.Errorf("%s: the seller has none of id %q", about, ids[about])
		},
	}
}

// tell tells that a job has ended.
func tell[T Listed](a *desk.Seller, v T) {
	if news := v.news(a); a.Wants(news.Type) {
		a.Tell(news)
	}
}

// accountID is how notifications of jobs name a seller (selling-partner-api-models, schemas/notifications).
func accountID(a *desk.Seller) string { return "amzn1.merchant.o." + a.ID }

// withID adds a document's id to what is told, if there is a document.
func withID(told object, name string, d *Document) {
	if d != nil {
		told[name] = d.ID
	}
}

// firstID is what the number in the first id is counted from.
const firstID = 1_000_000

// newID makes the id of the n-th that the seller has asked for: a number of its own, and the days since 1970 (lineofflight/peddler,
// test/vcr_cassettes/Peddler, 2024 and 2025: report 292248019978 of 2024-09-12, query 1901152020424 of 2025-12-02).
func (k *Queue) newID(n int, at time.Time) string {
	return fmt.Sprintf("%d%06d", firstID+n, at.Unix()/int64(world.Day/time.Second))
}

// numberOf is the number in an id.
func numberOf(id string) int {
	return format.Atoi(id[:max(len(id)-6, 0)]) - firstID
}

// NewJob plans a job: a few seconds in the queue, and some more in progress.
func (k *Queue) NewJob(kind string, now time.Time) Job {
	n := k.Next()
	r := k.random(kind, n)
	now = now.UTC().Truncate(time.Second)
	j := Job{ID: k.newID(n, now), n: n, Created: now, started: now.Add(time.Duration(r.Between(2, 8)) * time.Second)}
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
	from := j.Outcome
	j.Outcome, j.ended = outcome, at
	if j.list != nil {
		j.list.moved(j, from)
	}
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

//go:embed retention.csv
var retentionCSV string

// kept is one row of retention.csv, where the sources are.
type kept struct {
	since time.Time
	long  time.Duration
}

var retention = sync.OnceValue(func() map[string][]kept {
	rows := map[string][]kept{}
	for _, f := range table.Read("retention.csv", retentionCSV) {
		row := kept{long: time.Duration(format.Atoi(f[2])) * 24 * time.Hour}
		if f[1] != "" {
			var err error
			if row.since, err = time.Parse(time.DateOnly, f[1]); err != nil {
				table.Refuse("retention.csv", err.Error())
			}
		}
		rows[f[0]] = append(rows[f[0]], row)
	}
	return rows
})

// Retention is how long Amazon keeps what is created at a time: what is a "report", "feed", "feed document", "query", "query document" or "upload".
func Retention(what string, created time.Time) (long time.Duration) {
	for _, row := range retention()[what] { // the later ones are newer
		if !created.Before(row.since) {
			long = row.long
		}
	}
	return long
}

package emulator

import (
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// queue is where a seller's reports, feeds and queries are worked off. What happens between two requests happens at its own time: before a
// request is answered, [queue.settle] does all that has become due, in order.
type queue struct {
	account *account

	mu        sync.Mutex
	made      int // ids given out so far
	documents map[string]*document
	reports   []*report // by creation, as the other ones
	schedules []*schedule
	feeds     []*feed
	queries   []*kioskQuery
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

func newQueue(a *account) *queue {
	return &queue{account: a, documents: map[string]*document{}}
}

func (k *queue) next() int {
	k.made++
	return k.made
}

func (k *queue) random(parts ...any) random.Source {
	return k.account.desk.seed.Of(append([]any{"desk", k.account.Number}, parts...)...)
}

// later lets do run at a time, after all that was put in for the same time; it wants k.mu held.
func (k *queue) later(at time.Time, do func(at time.Time)) {
	i, _ := slices.BinarySearchFunc(k.due, at, func(t task, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1
	})
	k.due = slices.Insert(k.due, i, task{at, do})
}

// settle does everything that is due at now.
func (k *queue) settle(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = now
	k.catchUp()
}

// catchUp wants k.mu held.
func (k *queue) catchUp() {
	for len(k.due) > 0 && !k.due[0].at.After(k.now) {
		t := k.due[0]
		k.due = k.due[1:]
		t.do(t.at)
	}
}

// document finds a document that hasn't expired; nil when there is none.
func (k *queue) document(id string, now time.Time) *document {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.documents[id]
	if d == nil || !now.Before(d.expires) {
		return nil
	}
	return d
}

// The processing states of reports, feeds and queries.
const (
	inQueue    = "IN_QUEUE"
	inProgress = "IN_PROGRESS"
	done       = "DONE"
	cancelled  = "CANCELLED"
	fatal      = "FATAL"
)

// job is a report, feed or query on its way.
type job struct {
	id      string
	created time.Time
	started time.Time // planned, until then the job is in the queue
	ended   time.Time // planned, until outcome is set
	outcome string    // DONE, CANCELLED or FATAL; "" before the end
}

// newJob plans a job: a few seconds in the queue, and some more in progress.
func (k *queue) newJob(kind string, now time.Time) job {
	n := k.next()
	r := k.random(kind, n)
	now = now.UTC().Truncate(time.Second)
	j := job{created: now, started: now.Add(time.Duration(r.Between(2, 8)) * time.Second)}
	j.ended = j.started.Add(time.Duration(r.Between(3, 25)) * time.Second)
	return j
}

func (j *job) status(t time.Time) string {
	switch {
	case j.outcome != "":
		return j.outcome
	case !t.Before(j.started):
		return inProgress
	}
	return inQueue
}

// end sets the outcome.
func (j *job) end(outcome string, at time.Time) {
	j.outcome, j.ended = outcome, at
}

// cancel ends a job at the seller's wish.
func (j *job) cancel(now time.Time) {
	now = now.UTC().Truncate(time.Second)
	j.end(cancelled, now)
	if j.started.After(now) {
		j.started = time.Time{} // it never was in progress
	}
}

// describe writes what all three have in common into an answer.
func (j *job) describe(out object, t time.Time) object {
	out["processingStatus"], out["createdTime"] = j.status(t), offsetTimestamp(j.created)
	if !j.started.IsZero() && !t.Before(j.started) {
		out["processingStartTime"] = offsetTimestamp(j.started)
	}
	if j.outcome != "" {
		out["processingEndTime"] = offsetTimestamp(j.ended)
	}
	return out
}

// offsetTimestamp is the spelling of times that these three APIs have: "2022-04-26T09:59:53+00:00" (selling-partner-api-docs#2231).
func offsetTimestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }

// jobFilter is what getReports, getFeeds and getQueries ask for. It travels in the next token.
type jobFilter struct {
	types        []string
	statuses     []string
	marketplaces []string
	since, until time.Time
	size         int
}

// jobFilter reads the arguments of a list operation; typeName is the parameter with the types, "" when there is none.
func (p *page) jobFilter(typeName string) (f jobFilter, err *apiError) {
	f = jobFilter{statuses: p.args["processingStatuses"], marketplaces: p.args["marketplaceIds"], size: 10, until: p.AsOf, since: p.AsOf.Add(-retention)}
	if typeName != "" {
		f.types = p.args[typeName]
	}
	if text := p.arg("pageSize"); text != "" {
		f.size = atoi(text)
	}
	for name, to := range map[string]*time.Time{"createdSince": &f.since, "createdUntil": &f.until} {
		if text := p.arg(name); text != "" {
			t, ok := format.ParseTime(text)
			if !ok {
				return f, invalidParameter(name, "timestamp must follow ISO8601")
			}
			*to = t
		}
	}
	if f.until.Before(f.since) {
		return f, invalidParameter("createdUntil", "lies before createdSince")
	}
	return f, nil
}

func (f *jobFilter) accepts(j *job, kind string, marketplaces []string, t time.Time) bool {
	return world.Among(f.types, kind) && world.Among(f.statuses, j.status(t)) && !world.Outside(j.created, f.since, f.until) && t.Sub(j.created) < retention &&
		(len(f.marketplaces) == 0 || slices.ContainsFunc(marketplaces, func(id string) bool { return slices.Contains(f.marketplaces, id) }))
}

// retention is how long reports, feeds and queries are listed (selling-partner-api-models: "The default is 90 days ago. Reports are retained
// for a maximum of 90 days").
const retention = 90 * 24 * time.Hour

// tokenAlone refuses a next token beside other parameters: getReports and getFeeds take it only by itself
// (selling-partner-api-models: "Specifying nextToken with any other parameters will cause the request to fail").
func (c *call) tokenAlone(what string) (*page, *apiError) {
	if c.query.Get("nextToken") != "" && len(c.query) > 1 {
		for name := range format.SortedKeys(c.query) {
			if name != "nextToken" {
				return nil, invalidParameter("nextToken", "must be the only parameter, and stands beside "+name)
			}
		}
	}
	pg, problem := c.page("nextToken")
	if problem != nil {
		return nil, invalidParameter("nextToken", problem.Error())
	}
	if len(pg.args[what]) == 0 {
		return nil, invalid("Missing request parameter: "+what, what+": one of "+what+", nextToken is required")
	}
	return pg, nil
}

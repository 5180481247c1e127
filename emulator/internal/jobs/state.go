package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// What a seller's desk holds is exported with the rest of the state: jobs with their documents. The contents of reports that can be written
// again from the world's orders are not.

type queueState struct {
	Made      int             `json:"made"`
	Settled   time.Time       `json:"settled,omitzero"`
	Documents []documentState `json:"documents,omitempty"`
	Reports   []reportState   `json:"reports,omitempty"`
	Schedules []scheduleState `json:"schedules,omitempty"`
	Feeds     []feedState     `json:"feeds,omitempty"`
	Queries   []queryState    `json:"queries,omitempty"`
}

type documentState struct {
	ID          string    `json:"id"`
	ContentType string    `json:"content_type"`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires"`
	Restricted  bool      `json:"restricted,omitempty"`
	Query       bool      `json:"query,omitempty"`
	Input       bool      `json:"input,omitempty"`
	Uploaded    bool      `json:"uploaded,omitempty"`
	Again       bool      `json:"again,omitempty"` // written again from the report that has it
	Gzipped     bool      `json:"gzipped,omitempty"`
	Data        []byte    `json:"data,omitempty"` // as it is sent
	Same        string    `json:"same,omitempty"` // the id of one before that has the same data
}

type jobState struct {
	ID      string    `json:"id"`
	N       int       `json:"n"`
	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended"`
	Outcome string    `json:"outcome,omitempty"`
}

type reportState struct {
	jobState
	Type         string            `json:"type"`
	Marketplaces []string          `json:"marketplaces"`
	From         time.Time         `json:"from"`
	To           time.Time         `json:"to"`
	AsOf         time.Time         `json:"as_of,omitzero"`
	Options      map[string]string `json:"options,omitempty"`
	Schedule     string            `json:"schedule,omitempty"`
	Document     string            `json:"document,omitempty"`
}

type scheduleState struct {
	ID           string            `json:"id"`
	Type         string            `json:"type"`
	Marketplaces []string          `json:"marketplaces"`
	Options      map[string]string `json:"options,omitempty"`
	Period       string            `json:"period"`
	Next         time.Time         `json:"next"`
}

type feedState struct {
	jobState
	Type         string            `json:"type"`
	Marketplaces []string          `json:"marketplaces"`
	Options      map[string]string `json:"options,omitempty"`
	Input        string            `json:"input"`
	Result       string            `json:"result,omitempty"`
}

type queryState struct {
	jobState
	Query   string    `json:"query"`
	Start   int       `json:"start,omitempty"`
	AsOf    time.Time `json:"as_of,omitzero"`
	Data    string    `json:"data,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Next    string    `json:"next,omitempty"`
}

func (j *Job) state() jobState { return jobState{j.ID, j.n, j.Created, j.started, j.ended, j.Outcome} }

func (s *jobState) job() Job {
	return Job{ID: s.ID, n: s.N, Created: s.Created, started: s.Started, ended: s.Ended, Outcome: s.Outcome}
}

// idOf is a document's id; "" for none.
func idOf(d *Document) string {
	if d == nil {
		return ""
	}
	return d.ID
}

// Queues are those of the sellers.
var Queues = &desk.Store[*Queue]{
	Name:   "desk",
	Create: newQueue,
	Save:   func(k *Queue) (any, error) { return k.save(), nil },
	Load:   func(k *Queue, raw json.RawMessage) error { return k.load(raw) },
}

// Flow has no operations of its own: it is what the flows of reports, feeds and queries stand on.
var Flow = desk.Flow{
	Stores:   []desk.Keeper{Queues},
	Services: []desk.Service{s3},
	Settle:   func(a *desk.Seller, now time.Time) { Queues.Of(a).settle(now) },
	News: map[string]desk.NewsSource{
		reportFinished:                         newsOf("report", func(k *Queue) *List[*Report] { return k.Reports }),
		"FEED_PROCESSING_FINISHED":             newsOf("feed", func(k *Queue) *List[*Feed] { return k.Feeds }),
		"DATA_KIOSK_QUERY_PROCESSING_FINISHED": newsOf("query", func(k *Queue) *List[*Query] { return k.Queries }),
	},
}

func (k *Queue) save() any {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if k.Made == 0 && k.settled.IsZero() {
		return nil
	}
	s := queueState{Made: k.Made, Settled: k.settled}
	for _, r := range k.Reports.all {
		s.Reports = append(s.Reports, reportState{r.state(), r.Kind.Name, r.Marketplaces, r.From, r.To, r.asOf, r.Options, r.ScheduleID, idOf(r.Document)})
	}
	same := map[*contents.Content]string{}
	for id, d := range k.documents.All() {
		s.Documents = append(s.Documents, d.save(id, same))
	}
	for _, sc := range k.Schedules {
		s.Schedules = append(s.Schedules, scheduleState{sc.ID, sc.Kind.Name, sc.Marketplaces, sc.Options, sc.Period, sc.Next})
	}
	for _, f := range k.Feeds.all {
		s.Feeds = append(s.Feeds, feedState{f.state(), f.Kind.Name, f.Marketplaces, f.Options, idOf(f.Input), idOf(f.Result)})
	}
	for _, q := range k.Queries.all {
		s.Queries = append(s.Queries, queryState{q.state(), q.Text, q.Start, q.AsOf, idOf(q.Data), idOf(q.Problem), q.Next})
	}
	return s
}

// save returns what makes the document again. same has the documents before, by what they have.
func (d *Document) save(id string, same map[*contents.Content]string) documentState {
	s := documentState{ID: id, ContentType: d.ContentType, Created: d.Created, Expires: d.Expires, Restricted: d.Restricted, Query: d.query, Input: d.Open == nil}
	if d.Derived && d.Changed() == nil {
		s.Again = true
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Uploaded, s.Gzipped = d.uploaded, d.gzipped
	if d.kept == nil {
		return s
	}
	if s.Same = same[d.kept]; s.Same == "" {
		same[d.kept] = id
		var err error
		if s.Data, err = d.kept.Bytes(); err != nil {
			panic("emulator: document " + id + ": " + err.Error()) // no request is under way: nobody releases it
		}
	}
	return s
}

func (k *Queue) load(raw json.RawMessage) error {
	var s queueState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.Made, k.settled = s.Made, s.Settled
	if !k.settled.IsZero() {
		k.later(k.settled, func(time.Time) { k.planSettlement() })
	}
	files := k.account.Desk.Contents()
	data := map[string][]byte{}
	documents := map[string]*Document{}
	for _, e := range s.Documents {
		d := &Document{ID: e.ID, ContentType: e.ContentType, Created: e.Created, Expires: e.Expires, Restricted: e.Restricted, query: e.Query, store: files}
		if data[e.ID] = e.Data; e.Same != "" {
			data[e.ID] = data[e.Same]
		}
		switch {
		case e.Again:
			d.Derived = true
		case !e.Input || e.Uploaded:
			d.uploaded, d.gzipped, d.looked, d.kept = e.Uploaded, e.Gzipped, true, files.Put(data[e.ID])
		}
		if !e.Input && !e.Again {
			d.Open = d.again
		}
		documents[d.ID] = d
		k.documents.Put(d.ID, d, d.Expires)
	}
	// named is a document that may have expired: then no more than its id is left.
	named := func(id string) *Document {
		if d := documents[id]; d != nil || id == "" {
			return d
		}
		return &Document{ID: id}
	}
	for _, e := range s.Reports {
		kind := ReportTypes()[e.Type]
		if kind == nil {
			return fmt.Errorf("report %s: %q is not a report type", e.ID, e.Type)
		}
		r := &Report{Job: e.job(), Kind: kind, Marketplaces: e.Marketplaces, From: e.From, To: e.To, asOf: e.AsOf, Options: e.Options,
			ScheduleID: e.Schedule, Document: named(e.Document)}
		if r.Document != nil && r.Document.Derived {
			r.Document.Open = k.again(r)
		}
		k.Reports.Add(r)
		k.noteGenerated(r)
		if r.Outcome == "" {
			k.planReport(r)
		}
	}
	for _, e := range s.Feeds {
		kind := FeedTypes()[e.Type]
		if kind == nil || e.Input == "" {
			return fmt.Errorf("feed %s: type %q and document %q must be there", e.ID, e.Type, e.Input)
		}
		f := &Feed{Job: e.job(), Kind: kind, Marketplaces: e.Marketplaces, Options: e.Options, Input: named(e.Input), Result: named(e.Result)}
		k.Feeds.Add(f)
		if f.Outcome == "" {
			k.PlanFeed(f)
		}
	}
	for _, e := range s.Queries {
		q, problem := ParseKioskQuery(e.Query)
		if problem != "" {
			return fmt.Errorf("query %s: %s", e.ID, problem)
		}
		q.Job, q.Start, q.AsOf, q.Data, q.Problem, q.Next = e.job(), e.Start, e.AsOf, named(e.Data), named(e.Problem), e.Next
		k.Queries.Add(q)
		if q.Outcome == "" {
			k.PlanQuery(q)
		}
	}
	for _, e := range s.Schedules {
		kind := ReportTypes()[e.Type]
		if _, known := periods[e.Period]; kind == nil || !known {
			return fmt.Errorf("schedule %s: type %q and period %q must be there", e.ID, e.Type, e.Period)
		}
		sc := &Schedule{ID: e.ID, Kind: kind, Marketplaces: e.Marketplaces, Options: e.Options, Period: e.Period, Next: e.Next}
		k.AddSchedule(sc)
	}
	return nil
}

// again starts the content of a report by writing it once more.
func (k *Queue) again(r *Report) func() Source {
	return func() Source {
		d, _ := k.WriteReport(r, r.asOf)
		if d == nil {
			return onePiece(nil)()
		}
		return d.Open()
	}
}

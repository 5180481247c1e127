package emulator

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// What a seller's desk holds is exported with the rest of the state: jobs with their documents. The contents of reports that can be written
// again from the world's orders are not.

type queueState struct {
	Made           int             `json:"made"`
	Settlements    bool            `json:"settlements,omitempty"`
	NextSettlement time.Time       `json:"next_settlement,omitzero"`
	Documents      []documentState `json:"documents,omitempty"`
	Reports        []reportState   `json:"reports,omitempty"`
	Schedules      []scheduleState `json:"schedules,omitempty"`
	Feeds          []feedState     `json:"feeds,omitempty"`
	Queries        []queryState    `json:"queries,omitempty"`
}

type documentState struct {
	ID          string    `json:"id"`
	ContentType string    `json:"content_type"`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires"`
	Restricted  bool      `json:"restricted,omitempty"`
	Input       bool      `json:"input,omitempty"`
	Uploaded    bool      `json:"uploaded,omitempty"`
	Again       bool      `json:"again,omitempty"` // written again from the report that has it
	Data        []byte    `json:"data,omitempty"`
}

type jobState struct {
	ID      string    `json:"id"`
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

func (j *job) state() jobState { return jobState{j.id, j.created, j.started, j.ended, j.outcome} }

func (s *jobState) job() job {
	return job{id: s.ID, created: s.Created, started: s.Started, ended: s.Ended, outcome: s.Outcome}
}

// idOf is a document's id; "" for none.
func idOf(d *document) string {
	if d == nil {
		return ""
	}
	return d.id
}

// queues are those of the sellers.
var queues = &store[*queue]{
	name:   "desk",
	create: newQueue,
	save:   func(k *queue) (any, error) { return k.save(), nil },
	load:   func(k *queue, raw json.RawMessage) error { return k.load(raw) },
}

// jobsFlow has no operations of its own: it is what the flows of reports, feeds and queries stand on.
var jobsFlow = flow{
	stores:   []keeper{queues, salesReports},
	services: []service{documentService},
	settle:   func(a *account, now time.Time) { queues.of(a).settle(now) },
}

// salesReport is when GET_SALES_AND_TRAFFIC_REPORT was last asked for, by any seller.
type salesReport struct {
	mu   sync.Mutex
	last time.Time
}

var salesReports = &store[*salesReport]{
	name: "salesReport", shared: true,
	create: func(*account) *salesReport { return &salesReport{} },
	save: func(s *salesReport) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last.IsZero() {
			return nil, nil
		}
		return s.last, nil
	},
	load: func(s *salesReport, raw json.RawMessage) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return json.Unmarshal(raw, &s.last)
	},
}

func (k *queue) save() any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == 0 && !k.settlements {
		return nil
	}
	s := queueState{Made: k.made, Settlements: k.settlements, NextSettlement: k.nextSettlement}
	again := map[string]bool{}
	for _, r := range k.reports {
		if r.document != nil && r.outcome == done && streamed(r.kind.rows) {
			again[r.document.id] = true
		}
		s.Reports = append(s.Reports, reportState{r.state(), r.kind.name, r.marketplaces, r.from, r.to, r.asOf, r.options, r.scheduleID, idOf(r.document)})
	}
	for id := range format.SortedKeys(k.documents) {
		d := k.documents[id]
		entry := documentState{ID: id, ContentType: d.contentType, Created: d.created, Expires: d.expires, Restricted: d.restricted, Input: d.open == nil, Again: again[id]}
		if entry.Input {
			entry.Data, entry.Uploaded = d.content()
		} else if sent := d.changed(); sent != nil {
			entry.Again, entry.Data = false, sent
		} else if !entry.Again {
			entry.Data = readAll(d.open())
		}
		s.Documents = append(s.Documents, entry)
	}
	for _, sc := range k.schedules {
		if !sc.cancelled {
			s.Schedules = append(s.Schedules, scheduleState{sc.id, sc.kind.name, sc.marketplaces, sc.options, sc.period, sc.next})
		}
	}
	for _, f := range k.feeds {
		s.Feeds = append(s.Feeds, feedState{f.state(), f.kind.name, f.marketplaces, f.options, idOf(f.input), idOf(f.result)})
	}
	for _, q := range k.queries {
		s.Queries = append(s.Queries, queryState{q.state(), q.text, q.start, q.asOf, idOf(q.data), idOf(q.problem), q.next})
	}
	return s
}

func (k *queue) load(raw json.RawMessage) error {
	var s queueState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made, k.settlements, k.nextSettlement = s.Made, s.Settlements, s.NextSettlement
	if k.settlements {
		k.later(k.nextSettlement, k.settleAgain)
	}
	for _, e := range s.Documents {
		d := &document{id: e.ID, contentType: e.ContentType, created: e.Created, expires: e.Expires, restricted: e.Restricted, size: -1}
		switch {
		case e.Input && e.Uploaded:
			d.put(e.Data)
		case e.Input, e.Again:
		default:
			d.open = onePiece(append([]byte{}, e.Data...))
		}
		k.documents[d.id] = d
	}
	for _, e := range s.Reports {
		kind := reportTypes()[e.Type]
		if kind == nil {
			return fmt.Errorf("report %s: %q is not a report type", e.ID, e.Type)
		}
		r := &report{job: e.job(), kind: kind, marketplaces: e.Marketplaces, from: e.From, to: e.To, asOf: e.AsOf, options: e.Options, scheduleID: e.Schedule, document: k.documents[e.Document]}
		if r.document != nil && r.document.open == nil {
			r.document.open = k.again(r)
		}
		k.reports = append(k.reports, r)
		if r.outcome == "" {
			k.planReport(r)
		}
	}
	for _, e := range s.Feeds {
		kind := feedTypes()[e.Type]
		if kind == nil || k.documents[e.Input] == nil {
			return fmt.Errorf("feed %s: type %q and document %q must be there", e.ID, e.Type, e.Input)
		}
		f := &feed{job: e.job(), kind: kind, marketplaces: e.Marketplaces, options: e.Options, input: k.documents[e.Input], result: k.documents[e.Result]}
		k.feeds = append(k.feeds, f)
		if f.outcome == "" {
			k.planFeed(f)
		}
	}
	for _, e := range s.Queries {
		schema, field, problem := parseKioskQuery(e.Query)
		if problem != "" {
			return fmt.Errorf("query %s: %s", e.ID, problem)
		}
		q := &kioskQuery{job: e.job(), text: e.Query, schema: schema, field: field, start: e.Start, asOf: e.AsOf, data: k.documents[e.Data], problem: k.documents[e.Problem], next: e.Next}
		k.queries = append(k.queries, q)
		if q.outcome == "" {
			k.planQuery(q)
		}
	}
	for _, e := range s.Schedules {
		kind := reportTypes()[e.Type]
		if _, known := periods[e.Period]; kind == nil || !known {
			return fmt.Errorf("schedule %s: type %q and period %q must be there", e.ID, e.Type, e.Period)
		}
		sc := &schedule{id: e.ID, kind: kind, marketplaces: e.Marketplaces, options: e.Options, period: e.Period, next: e.Next}
		k.schedules = append(k.schedules, sc)
		k.later(sc.next, func(at time.Time) { k.fire(sc, at) })
	}
	return nil
}

// again starts the content of a report by writing it once more.
func (k *queue) again(r *report) func() source {
	return func() source {
		d, _ := k.writeReport(r, r.asOf)
		if d == nil {
			return onePiece(nil)()
		}
		return d.open()
	}
}

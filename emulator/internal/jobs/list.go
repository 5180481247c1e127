package jobs

import (
	"cmp"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Filter is what getReports, getFeeds and getQueries ask for. It travels in the next token.
type Filter struct {
	Types        []string
	statuses     []string
	marketplaces []string
	since, until time.Time
	Size         int
}

// ParseFilter reads the arguments of a list operation; typeName is the parameter with the types, "" when there is none.
func ParseFilter(p *desk.Page, typeName string) (f Filter, err *answer.Error) {
	f = Filter{statuses: p.Args["processingStatuses"], marketplaces: p.Args["marketplaceIds"], Size: 10, until: p.AsOf,
		since: p.AsOf.Add(-Retention("report", p.AsOf))}
	if typeName != "" {
		f.Types = p.Args[typeName]
	}
	if text := p.Arg("pageSize"); text != "" {
		f.Size = format.Atoi(text)
	}
	for name, to := range map[string]*time.Time{"createdSince": &f.since, "createdUntil": &f.until} {
		if text := p.Arg(name); text != "" {
			t, ok := format.ParseTime(text)
			if !ok {
				return f, answer.InvalidParameter(name, "timestamp must follow ISO8601")
			}
			*to = t
		}
	}
	// What is older than reports are kept is refused, so that 90 days before now are too many as soon as the request has arrived (airbytehq/airbyte#76265). The
	// wording is assumed.
	if typeName == "reportTypes" && f.since.Before(p.AsOf.Add(-Retention("report", p.AsOf))) {
		return f, answer.InvalidParameter("createdSince", "lies more than 90 days back")
	}
	if f.until.Before(f.since) {
		return f, answer.InvalidParameter("createdUntil", "lies before createdSince")
	}
	return f, nil
}

// accepts tells whether the filter lets a job pass, of which List.page hasn't asked already.
func (f *Filter) accepts(j *Job, marketplaces []string, t time.Time) bool {
	wanted := func(id string) bool { return slices.Contains(f.marketplaces, id) }
	return world.Among(f.statuses, j.Status(t)) && (len(f.marketplaces) == 0 || slices.ContainsFunc(marketplaces, wanted))
}

// outcomes are those that jobs of the wanted statuses have; nil for all.
func (f *Filter) outcomes() (list []string) {
	for _, s := range f.statuses {
		if s == InQueue || s == InProgress {
			s = ""
		}
		list = append(list, s)
	}
	return list
}

// Listed is a report, feed or query.
type Listed interface {
	comparable
	job() *Job
	about() (kind string, marketplaces []string)
	news(a *desk.Seller) desk.News // of one that has ended
}

// mostJobs is how many reports, feeds or queries of a seller are kept. The usage plan of createReport, which allows most, gets to 130,000 within the
// 90 days for which reports are kept.
const mostJobs = 200_000

// List has what a seller has asked for, as long as Amazon keeps it. No operation on it takes longer the more there is in it, but for a list of
// jobs with a marketplace that few have. It wants the queue's Mu held.
type List[T Listed] struct {
	what    string
	numbers map[int]T
	all     []T              // by creation
	parts   map[listPart][]T // by creation
	ended   func(v T)        // is told of each that has ended
}

// listPart are those of one type and outcome.
type listPart struct{ kind, outcome string }

func newList[T Listed](what string, ended func(v T)) *List[T] {
	return &List[T]{what: what, numbers: map[int]T{}, parts: map[listPart][]T{}, ended: ended}
}

// byCreation orders jobs. Settlement reports are written later than they are dated.
func byCreation[T Listed](a, b T) int {
	i, j := a.job(), b.job()
	return cmp.Or(i.Created.Compare(j.Created), cmp.Compare(i.n, j.n))
}

// place is where v is in a list by creation, or would be.
func place[T Listed](list []T, v T) int {
	if n := len(list); n == 0 || byCreation(list[n-1], v) < 0 {
		return n
	}
	i, _ := slices.BinarySearchFunc(list, v, byCreation)
	return i
}

func inserted[T Listed](list []T, v T) []T { return slices.Insert(list, place(list, v), v) }

// without takes the i-th out. Those that go are mostly at the beginning, so what is before it moves up.
func without[T any](list []T, i int) []T {
	copy(list[1:i+1], list[:i])
	var none T
	list[0] = none
	return list[1:]
}

func (l *List[T]) part(v T, outcome string) listPart {
	kind, _ := v.about()
	return listPart{kind, outcome}
}

// Add adds a job, and lets the oldest go if there are too many.
func (l *List[T]) Add(v T) {
	j := v.job()
	j.list = l
	l.numbers[j.n] = v
	l.all = inserted(l.all, v)
	p := l.part(v, j.Outcome)
	l.parts[p] = inserted(l.parts[p], v)
	if len(l.all) > mostJobs {
		l.drop()
	}
}

// moved is told that the outcome of a job has changed.
func (l *List[T]) moved(j *Job, from string) {
	v, found := l.numbers[j.n]
	if !found || v.job() != j {
		return // it has been dropped
	}
	before, after := l.part(v, from), l.part(v, j.Outcome)
	l.parts[before] = without(l.parts[before], place(l.parts[before], v))
	l.parts[after] = inserted(l.parts[after], v)
	l.ended(v)
}

// drop lets the oldest go.
func (l *List[T]) drop() {
	v := l.all[0]
	l.all = without(l.all, 0)
	p := l.part(v, v.job().Outcome)
	l.parts[p] = without(l.parts[p], 0) // it is the oldest there, too
	delete(l.numbers, v.job().n)
}

// sweep lets go what Amazon keeps no longer.
func (l *List[T]) sweep(now time.Time) {
	for len(l.all) > 0 && now.Sub(l.all[0].job().Created) >= Retention(l.what, l.all[0].job().Created) {
		l.drop()
	}
}

// Find finds a job by its id; nil when there is none.
func (l *List[T]) Find(id string) (v T) {
	if found, ok := l.numbers[numberOf(id)]; ok && found.job().ID == id {
		return found
	}
	return v
}

func (l *List[T]) Len() int { return len(l.all) }

// Running is how many have not ended.
func (l *List[T]) Running() (n int) {
	for p, list := range l.parts {
		if p.outcome == "" {
			n += len(list)
		}
	}
	return n
}

// Shown is the page that a request asks for as its API describes the jobs, and the token of the next one; nil where there is none.
func (l *List[T]) Shown(c *desk.Call, p *desk.Page, f *Filter, describe func(T, time.Time) format.Record) (page []format.Record, token any) {
	found, next := l.page(f, p.Start, c.Now)
	page = []format.Record{}
	for _, v := range found {
		page = append(page, describe(v, c.Now))
	}
	if next > 0 {
		token = c.Token(p, next)
	}
	return page, token
}

// page returns the newest that a filter accepts, or those after the one that after stands for, which was the next of another page; next is 0 where
// no more follow.
func (l *List[T]) page(f *Filter, after int, t time.Time) (page []T, next int) {
	last, found := l.numbers[after]
	if after != 0 && !found {
		return nil, 0 // it has been dropped since, and so has what is older
	}
	outcomes, heads := f.outcomes(), [][]T{}
	for p, list := range l.parts {
		if !world.Among(f.Types, p.kind) || !world.Among(outcomes, p.outcome) {
			continue
		}
		end, _ := slices.BinarySearchFunc(list, f.until, func(v T, until time.Time) int {
			if v.job().Created.After(until) {
				return 1
			}
			return -1
		})
		if after != 0 {
			end = min(end, place(list, last))
		}
		heads = append(heads, list[:end])
	}
	for {
		newest := -1
		for i, list := range heads {
			if n := len(list); n > 0 && (newest < 0 || byCreation(list[n-1], heads[newest][len(heads[newest])-1]) > 0) {
				newest = i
			}
		}
		if newest < 0 {
			return page, 0
		}
		list := heads[newest]
		v := list[len(list)-1]
		heads[newest] = list[:len(list)-1]
		_, marketplaces := v.about()
		switch {
		case world.Outside(v.job().Created, f.since, time.Time{}):
			return page, 0
		case !f.accepts(v.job(), marketplaces, t):
		case len(page) == f.Size:
			return page, page[f.Size-1].job().n
		default:
			page = append(page, v)
		}
	}
}

// TokenAlone refuses a next token beside other parameters: getReports and getFeeds take it only by itself
// (selling-partner-api-models: "Specifying nextToken with any other parameters will cause the request to fail").
func TokenAlone(c *desk.Call, what string) (*desk.Page, *answer.Error) {
	if c.Query.Get("nextToken") != "" && len(c.Query) > 1 {
		for name := range format.SortedKeys(c.Query) {
			if name != "nextToken" {
				return nil, answer.InvalidParameter("nextToken", "must be the only parameter, and stands beside "+name)
			}
		}
	}
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return nil, answer.InvalidParameter("nextToken", problem.Error())
	}
	if len(pg.Args[what]) == 0 {
		return nil, answer.MissingParameter(what, "one of "+what+", nextToken is required")
	}
	return pg, nil
}

package reports

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/internal/runner"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/marketplace"
)

// Request says which report is wanted.
type Request struct {
	Type         string    // such as "GET_MERCHANT_LISTINGS_ALL_DATA"; see Types
	Marketplaces []string  // ids, country codes or names, as marketplace.Lookup reads them; at least one
	Start        time.Time // the beginning of the data; default: Amazon's, which is now. Some types need it: Type.NeedsStart, Type.Calendar
	// End is the end of the data; default: now. Where a type goes by days or calendar periods, Start and End are taken as dates in their
	// own zone, and End doesn't belong to the window: from the first of January to the first of February is January.
	End     time.Time
	Options map[string]string // reportOptions; see Type.Options

	// Reuse takes a report of the same type, window and marketplaces that was created at most so long ago, if it is done or on its way, in
	// place of a new one; default 0: never. It is found through getReports, which doesn't tell the options of a report: a request with
	// options is never answered so, but with a journal: see [job.WithJournal].
	Reuse time.Duration
}

// resolve checks a request and brings its marketplaces into the form of ids.
func (r Request) resolve(now time.Time) (Request, Type, error) {
	t, _ := LookupType(r.Type)
	problem := func(field, value, reason string) (Request, Type, error) {
		return r, t, &job.RequestError{Kind: job.Report, Type: r.Type, Field: field, Value: value, Reason: reason}
	}
	if r.Type == "" {
		return r, t, &job.RequestError{Kind: job.Report, Field: "Type", Reason: "is required"}
	}
	if upper := strings.ToUpper(r.Type); upper != r.Type {
		return problem("Type", "", "is in lower case: want "+upper+", as Types has them")
	}
	if len(r.Marketplaces) == 0 {
		return problem("Marketplaces", "", "are required: at least one")
	}
	ids, err := marketplace.IDs(r.Marketplaces)
	if err != nil {
		name, _ := errors.AsType[*marketplace.NameError](err)
		return problem("Marketplaces", name.Value, name.Want)
	}
	r.Marketplaces = ids
	r.Start, r.End = r.Start.Truncate(time.Second), r.End.Truncate(time.Second) // Amazon's own now may be behind ours by a part of it
	if !r.Start.IsZero() && !r.End.IsZero() && !r.End.After(r.Start) {
		return problem("End", r.End.Format(time.RFC3339), "is not after the start, "+r.Start.Format(time.RFC3339))
	}
	if r.Start.After(now) {
		return problem("Start", r.Start.Format(time.RFC3339), "lies in the future")
	}
	if t.LookbackDays > 0 && !r.Start.IsZero() && now.Sub(r.Start) > time.Duration(t.LookbackDays+1)*24*time.Hour {
		return problem("Start", r.Start.Format(time.RFC3339), fmt.Sprintf("is too long ago: reports of this type go back %d days", t.LookbackDays))
	}
	return r, t, nil
}

// end is the end of the window in words.
func (r Request) end() string {
	if r.End.IsZero() {
		return "now"
	}
	return r.End.Format(time.RFC3339)
}

// removal says when a type was removed and what to use in its place; "" if it was not.
func (t Type) removal(now time.Time) string {
	if t.Removed.IsZero() || now.Before(t.Removed) {
		return ""
	}
	text := "was removed on " + t.Removed.Format(time.DateOnly)
	if t.Instead != "" {
		text += ": use " + t.Instead
	}
	return text
}

// requestable tells why a type can't be asked for.
func (r Request) requestable(t Type, now time.Time) error {
	problem := func(reason string) error {
		return &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Type", Reason: reason}
	}
	removal := t.removal(now)
	switch {
	case removal != "":
		return problem(removal)
	case t.Automatic:
		return problem("can't be asked for: Amazon makes it by itself, list what there is")
	case t.known && !t.Request && t.Schedule:
		return problem("can't be asked for: put it on a schedule")
	}
	return nil
}

// input is what createReport gets.
func (r Request) input() *reports20210630.CreateReportInput {
	return &reports20210630.CreateReportInput{
		ReportType: r.Type, MarketplaceIDs: r.Marketplaces, DataStartTime: r.Start, DataEndTime: r.End, ReportOptions: r.Options,
	}
}

// key names the request in a journal.
func (r Request) key(client *spapi.Client) journal.Key {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	return runner.Key(client, job.Report, r.Type, slices.Sorted(slices.Values(r.Marketplaces)), stamp(r.Start), stamp(r.End), r.Options)
}

// matches tells whether a report is what the request asks for, apart from options.
func (r Request) matches(report *Report) bool {
	if report.ReportType != r.Type || !slices.Equal(slices.Sorted(slices.Values(report.MarketplaceIDs)), slices.Sorted(slices.Values(r.Marketplaces))) {
		return false
	}
	same := func(wanted, got time.Time) bool {
		if wanted.IsZero() { // "the default is now", or nothing
			return got.IsZero() || got.Sub(report.CreatedTime).Abs() <= time.Minute
		}
		return wanted.Truncate(time.Second).Equal(got.Truncate(time.Second))
	}
	return same(r.Start, report.DataStartTime) && same(r.End, report.DataEndTime)
}

// Split cuts a request into as many as its type needs, in order of time: into windows that are not too long, and into whole calendar periods where
// the type goes by these. A period that is not over yet is left out. A request that fits is returned as it is, with its window aligned.
//
// The windows don't overlap; but for the last one they end a second before the next begins. Errors: [*job.RequestError].
func (r Request) Split() ([]Request, error) { return r.split(time.Now()) }

func (r Request) split(now time.Time) ([]Request, error) {
	r, t, err := r.resolve(now)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Start.IsZero() && t.NeedsStart && t.removal(now) == "":
		return nil, &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Start",
			Reason: "is required: the report has what happened since then, and without it nothing"}
	case t.Calendar != "":
		return r.splitCalendar(t, now)
	case t.MaxDays == 0 || r.Start.IsZero():
		return []Request{r}, nil
	}
	end, most := r.End, time.Duration(t.MaxDays)*24*time.Hour
	if end.IsZero() {
		end = now
	}
	var list []Request
	for start := r.Start; ; start = start.Add(most) {
		part := r
		part.Start = start
		if !start.Add(most).Before(end) {
			return append(list, part), nil // with End as the caller has it
		}
		part.End = start.Add(most - time.Second)
		list = append(list, part)
		if end.Sub(start.Add(most)) < time.Second { // such as from "30 days ago" to a moment later
			return list, nil
		}
	}
}

// period is the first day of the calendar period that a date is in, and of the next one. Weeks begin on Sunday.
func period(name string, date time.Time) (first, next time.Time, ok bool) {
	y, m, d := date.Date()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	switch name {
	case "DAY", "DAILY":
		return day(y, m, d), day(y, m, d+1), true
	case "WEEK", "WEEKLY":
		d -= int(day(y, m, d).Weekday())
		return day(y, m, d), day(y, m, d+7), true
	case "MONTH", "MONTHLY":
		return day(y, m, 1), day(y, m+1, 1), true
	case "QUARTER":
		m -= (m - 1) % 3
		return day(y, m, 1), day(y, m+3, 1), true
	case "YEAR":
		return day(y, 1, 1), day(y+1, 1, 1), true
	}
	return time.Time{}, time.Time{}, false
}

func (r Request) splitCalendar(t Type, now time.Time) ([]Request, error) {
	name := r.Options[t.Calendar]
	var values []string
	for _, o := range t.Options {
		if o.Name == t.Calendar {
			values = o.Values
		}
	}
	if name == "" && t.Calendar == "dateGranularity" {
		name = "DAY" // its default (schemas/reports, sellerSalesAndTrafficReport.json)
	}
	if _, _, ok := period(name, now); !ok {
		e := &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Options." + t.Calendar, Value: name, Reason: "is not one of " + strings.Join(values, ", ")}
		if name == "" {
			e.Reason = "is required: one of " + strings.Join(values, ", ")
		}
		return nil, e
	}
	if r.Start.IsZero() {
		return nil, &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Start", Reason: "is required: its reports are about calendar periods"}
	}
	end := r.End
	if end.IsZero() {
		end = now
	}
	last := end.Add(-time.Nanosecond) // in its own zone: the last day of the window
	most := t.Periods[name]
	var list []Request
	n := 0
	for first, next, _ := period(name, r.Start); !first.After(calendarDate(last)) && !next.After(now); first, next, _ = period(name, next) {
		if n == 0 || most > 0 && n == most {
			part := r
			part.Start = first
			list, n = append(list, part), 0
		}
		list[len(list)-1].End = next.Add(-time.Second) // the last day of the period; "the time component is ignored"
		n++
	}
	if len(list) == 0 {
		return nil, &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Start", Value: r.Start.Format(time.RFC3339),
			Reason: "leaves up to " + r.end() + " no " + strings.ToLower(name) + " that is over: there is no data yet"}
	}
	return list, nil
}

func calendarDate(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

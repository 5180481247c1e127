package jobs

import (
	"container/heap"
	_ "embed"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// ReportType is one row of report_types.csv, where the sources are.
type ReportType struct {
	Name       string
	Vendor     bool   // for vendors only
	format     string // TSV, CSV, JSON, XML, XLSX or PDF
	restricted bool
	Request    bool // createReport takes it
	Schedule   bool // createReportSchedule takes it
	Settlement bool // Amazon makes it by itself
	Options    map[string][]string
	retention  time.Duration
	cooldown   time.Duration // how long a type is not generated anew
	rows       string        // what a row is about
	columns    []string
}

// numbers are Amazon's own of report types, as far as they are known: selling-partner-api-models#1265 and jlevers/selling-partner-api#573 (settlements),
// selling-partner-api-models#2564.
var numbers = map[string]string{
	"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE": "1117", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2": "1118", "GET_MERCHANTS_LISTINGS_FYP_REPORT": "5900",
}

// Number is what Amazon calls the type in some texts, and at the end of document ids. Numbers that aren't known are made up.
func (t *ReportType) Number() string {
	if n, known := numbers[t.Name]; known {
		return n
	}
	return strconv.Itoa(2000 + int(crc32.ChecksumIEEE([]byte(t.Name))%3000))
}

//go:embed report_types.csv
var reportTypesCSV string

// ReportTypes reads the table once.
var ReportTypes = sync.OnceValue(func() map[string]*ReportType {
	types := map[string]*ReportType{}
	for _, f := range table.Read("report_types.csv", reportTypesCSV) {
		t := &ReportType{
			Name: f[0], Vendor: f[1] == "vendor", format: f[2], restricted: f[3] == "yes",
			Request: strings.Contains(f[4], "request"), Schedule: strings.Contains(f[4], "schedule"), Settlement: f[4] == "settlement",
			Options: map[string][]string{}, retention: time.Duration(format.Atoi(f[6])) * 24 * time.Hour, rows: f[7], columns: strings.Split(f[8], "|"),
		}
		for _, option := range strings.Split(f[5], ";") {
			name, values, _ := strings.Cut(option, "=")
			if values != "" {
				t.Options[name] = strings.Split(values, "|")
			}
		}
		types[t.Name] = t
	}
	if op, ok := catalog.Lookup("reports20210630.createReport"); ok {
		for _, l := range op.TypeLimits {
			if t := types[l.Type]; t != nil && l.FromMade {
				t.cooldown = l.Window()
			}
		}
	}
	return types
})

// Report is one report of a seller.
type Report struct {
	Job
	Kind         *ReportType
	Marketplaces []string
	From, To     time.Time
	asOf         time.Time // when the content was written
	Options      map[string]string
	ScheduleID   string
	Document     *Document
}

func (r *Report) about() (string, []string) { return r.Kind.Name, r.Marketplaces }

const reportFinished = "REPORT_PROCESSING_FINISHED"

func (r *Report) news(a *desk.Seller) desk.News {
	told := object{"sellerId": a.ID, "accountId": accountID(a), "reportId": r.ID, "reportType": r.Kind.Name, "processingStatus": r.Outcome}
	withID(told, "reportDocumentId", r.Document)
	return desk.News{Type: reportFinished, At: r.ended, Payload: object{"reportProcessingFinishedNotification": told}}
}

// Schedule makes reports by itself.
type Schedule struct {
	ID           string
	Kind         *ReportType
	Marketplaces []string
	Options      map[string]string
	Period       string
	Next         time.Time
	task         *task // its next report
}

// AddReport puts a report into the queue; it wants k.Mu held.
func (k *Queue) AddReport(kind *ReportType, marketplaces []string, options map[string]string, from, to, now time.Time) *Report {
	r := &Report{Job: k.NewJob("report", now), Kind: kind, Marketplaces: marketplaces, Options: options, From: from, To: to}
	k.Reports.Add(r)
	k.planReport(r)
	return r
}

func (k *Queue) planReport(r *Report) {
	k.later(r.ended, func(at time.Time) {
		if r.Outcome == "" { // not cancelled
			k.FinishReport(r, at)
		}
	})
}

// FinishReport writes a report, or finds that it can't be written.
func (k *Queue) FinishReport(r *Report, at time.Time) {
	if k.account.Desk.Gone(operations.ReportType, r.Kind.Name, at) {
		r.end(fatal, at)
		return
	}
	if k.coolingDown(r) {
		// "If you call the report in between these 30 minutes, you will receive a FATAL report" (selling-partner-api-models#4032).
		r.end(fatal, at)
		return
	}
	r.asOf = at
	if f := k.account.Desk.Faults.Report(r.Kind.Name, r.Created.Sub(r.To), r.ranged()); f != nil {
		switch f.Kind {
		case fault.NoData:
			r.end(Cancelled, at)
		case fault.Unpublished:
			k.failReport(r, errorDetails(unpublished), at)
		default:
			r.end(fatal, at)
		}
		return
	}
	d, problem := k.WriteReport(r, at)
	switch {
	case problem != nil:
		k.failReport(r, problem, at)
	case d == nil:
		r.end(Cancelled, at) // no data
	default:
		r.Document = k.AddDocument("report", d)
		r.end(done, at)
		k.noteGenerated(r)
	}
}

// unpublished is what a report says that was asked for before its data were there (airbytehq/airbyte#38166, of vendors' reports).
const unpublished = "Error in report request: The report data for the requested date range is not yet available. Try submitting this createReport request at a later time, " +
	"or modify dataEndTime to be an earlier date."

// failReport ends a report with a document that tells why (selling-partner-api-docs, reports guide). It came compressed, short as it is
// (saleweaver/python-amazon-sp-api#624).
func (k *Queue) failReport(r *Report, problem []byte, at time.Time) {
	r.Document = k.AddDocument("report", &Document{ContentType: "application/json; charset=UTF-8", Created: at, Expires: at.Add(r.Kind.retention),
		packing: packed, Open: onePiece(problem)})
	r.end(fatal, at)
}

// ranged tells whether the report was asked for with times; without, both are the time of the request.
func (r *Report) ranged() bool { return !r.From.Equal(r.Created) || !r.To.Equal(r.Created) }

// coolingDown tells whether the same type was generated for one of the same marketplaces a short while ago
// (developer-docs.amazon.com/sp-api/docs/fba-sales-reports-attributes; by marketplace: selling-partner-api-docs#1645).
func (k *Queue) coolingDown(r *Report) bool {
	if r.Kind.cooldown == 0 || k.account.Desk.Options.NoLimits {
		return false
	}
	return slices.ContainsFunc(r.Marketplaces, func(id string) bool {
		last, found := k.generated[generated{r.Kind, id}]
		return found && r.Created.Sub(last) < r.Kind.cooldown
	})
}

// noteGenerated notes when a report was generated, for the next of its type. Reports are finished in the order in which they end.
func (k *Queue) noteGenerated(r *Report) {
	if r.Kind.cooldown == 0 || r.Outcome != done {
		return
	}
	for _, id := range r.Marketplaces {
		if g := (generated{r.Kind, id}); k.generated[g].Before(r.ended) {
			k.generated[g] = r.ended
		}
	}
}

// periods are how often a schedule may make a report (selling-partner-api-models, reports_2021-06-30).
var periods = map[string]time.Duration{
	"PT5M": 5 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute, "PT1H": time.Hour, "PT2H": 2 * time.Hour, "PT4H": 4 * time.Hour,
	"PT8H": 8 * time.Hour, "PT12H": 12 * time.Hour, "P1D": world.Day, "P2D": 2 * world.Day, "P3D": 3 * world.Day, "PT84H": 84 * time.Hour, "P7D": 7 * world.Day,
	"P14D": 14 * world.Day, "P15D": 15 * world.Day, "P18D": 18 * world.Day, "P30D": 30 * world.Day, "P1M": 0,
}

// After is the time one period later.
func After(t time.Time, period string) time.Time {
	if period == "P1M" {
		return t.AddDate(0, 1, 0)
	}
	return t.Add(periods[period])
}

// AddSchedule puts a schedule in the place of one of the same type and marketplaces: "it will be cancelled and replaced with this one"
// (selling-partner-api-models, reports_2021-06-30). It wants k.Mu held.
func (k *Queue) AddSchedule(s *Schedule) {
	sorted := func(ids []string) []string { return slices.Sorted(slices.Values(ids)) }
	for _, old := range slices.Clone(k.Schedules) {
		if old.Kind == s.Kind && slices.Equal(sorted(old.Marketplaces), sorted(s.Marketplaces)) {
			k.CancelSchedule(old)
		}
	}
	if s.ID == "" {
		s.ID = k.newID(k.Next(), k.now)
	}
	k.Schedules = append(k.Schedules, s)
	k.plan(s)
}

// CancelSchedule wants k.Mu held.
func (k *Queue) CancelSchedule(s *Schedule) {
	k.Schedules = slices.DeleteFunc(k.Schedules, func(other *Schedule) bool { return other == s })
	if s.task.index >= 0 {
		heap.Remove(&k.due, s.task.index)
	}
}

// plan plans the next report of a schedule.
func (k *Queue) plan(s *Schedule) {
	s.task = k.later(s.Next, func(at time.Time) { k.fire(s, at) })
}

// fire makes a schedule's report and plans the next one.
func (k *Queue) fire(s *Schedule, at time.Time) {
	before := at.Add(-periods[s.Period])
	if s.Period == "P1M" {
		before = at.AddDate(0, -1, 0)
	}
	// What is older than the retention when it is looked at needn't be written.
	if k.now.Sub(at) < Retention("report", at) {
		r := k.AddReport(s.Kind, s.Marketplaces, s.Options, before, at, at)
		r.ScheduleID = s.ID
	}
	s.Next = After(at, s.Period)
	k.plan(s)
}

func (k *Queue) Schedule(id string) *Schedule {
	for _, s := range k.Schedules {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// settlementTypes are the reports that Amazon makes of each group that closes.
var settlementTypes = []string{"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "GET_V2_SETTLEMENT_REPORT_DATA_XML"}

// OpenSettlements writes the settlement reports of all groups that have closed in the last 90 days, and plans the coming ones. Amazon makes them by itself:
// they can only be listed (developer-docs.amazon.com/sp-api/docs/report-type-values-settlement). It wants k.Mu held.
func (k *Queue) OpenSettlements() {
	first := k.settled.IsZero()
	now := k.account.Created
	if k.now.After(now) {
		now = k.now
	}
	if first {
		k.settled = now.Add(-Retention("report", now))
	}
	k.settle14(now)
	if first {
		k.planSettlement()
	}
}

// planSettlement plans the reports of the next groups that close by themselves.
func (k *Queue) planSettlement() {
	var next time.Time
	for _, c := range k.closings(k.settled, k.settled.AddDate(0, 0, 15)) {
		if next.IsZero() || c.ready.Before(next) {
			next = c.ready
		}
	}
	k.later(next, func(at time.Time) {
		k.settle14(at)
		k.planSettlement()
	})
}

// closing is a group with the time at which its reports are there: up to an hour after it has closed.
type closing struct {
	group ledger.Group
	ready time.Time
}

// closings are the groups whose reports come after one time, and by another.
func (k *Queue) closings(after, by time.Time) []closing {
	var list []closing
	l := ledger.Books.Of(k.account)
	for i := range k.account.Marketplaces {
		for _, g := range l.Ending(&k.account.Marketplaces[i], after.Add(-time.Hour), by) {
			ready := g.End.Add(time.Duration(k.random("settlement", g.ID).Between(60, 3600)) * time.Second)
			if ready.After(after) && !ready.After(by) {
				list = append(list, closing{g, ready})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b closing) int { return a.ready.Compare(b.ready) })
	return list
}

// settle14 writes the reports that have come until a time.
func (k *Queue) settle14(until time.Time) {
	for _, c := range k.closings(k.settled, until) {
		for _, name := range settlementTypes {
			kind := ReportTypes()[name]
			// What is older than the retention when it is looked at needn't be written.
			if k.account.Desk.Gone(operations.ReportType, name, c.ready) || k.now.Sub(c.ready) >= kind.retention {
				continue
			}
			n := k.Next()
			r := &Report{Kind: kind, Marketplaces: []string{c.group.Marketplace.ID}, From: c.group.Start, To: c.group.End, asOf: c.ready, Job: Job{n: n, Created: c.ready}}
			r.started, r.ended = c.ready, c.ready
			r.ID = k.newID(n, c.ready)
			d, _ := k.WriteReport(r, c.ready)
			if d == nil {
				continue
			}
			d.Expires = r.ended.Add(kind.retention)
			r.Document = k.AddDocument("report", d)
			r.Outcome = done
			k.Reports.Add(r)
			k.Reports.ended(r)
		}
	}
	if until.After(k.settled) {
		k.settled = until
	}
}

// marketplacesOf are the marketplaces of a report.
func (k *Queue) marketplacesOf(ids []string) []*marketplace.Marketplace {
	var list []*marketplace.Marketplace
	for i := range k.account.Marketplaces {
		if m := &k.account.Marketplaces[i]; slices.Contains(ids, m.ID) {
			list = append(list, m)
		}
	}
	return list
}

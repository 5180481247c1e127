package emulator

import (
	_ "embed"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

var reportsFlow = flow{handlers: map[string]handler{
	"reports20210630.createReport":         createReport,
	"reports20210630.getReport":            getReport,
	"reports20210630.getReports":           getReports,
	"reports20210630.cancelReport":         cancelReport,
	"reports20210630.getReportDocument":    getReportDocument,
	"reports20210630.createReportSchedule": createReportSchedule,
	"reports20210630.getReportSchedule":    getReportSchedule,
	"reports20210630.getReportSchedules":   getReportSchedules,
	"reports20210630.cancelReportSchedule": cancelReportSchedule,
}}

// reportType is one row of report_types.csv, where the sources are.
type reportType struct {
	name       string
	vendor     bool   // for vendors only
	format     string // TSV, CSV, JSON, XML, XLSX or PDF
	restricted bool
	request    bool // createReport takes it
	schedule   bool // createReportSchedule takes it
	settlement bool // Amazon makes it by itself
	options    map[string][]string
	retention  time.Duration
	removed    time.Time     // from when on it fails; zero: still there
	cooldown   time.Duration // how long a type is not generated anew
	rows       string        // what a row is about
	columns    []string
}

//go:embed report_types.csv
var reportTypesCSV string

// reportTypes reads the table once.
var reportTypes = sync.OnceValue(func() map[string]*reportType {
	r := csv.NewReader(strings.NewReader(reportTypesCSV))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("emulator: report_types.csv: " + err.Error())
	}
	types := map[string]*reportType{}
	for _, f := range records[1:] {
		t := &reportType{
			name: f[0], vendor: f[1] == "vendor", format: f[2], restricted: f[3] == "yes",
			request: strings.Contains(f[4], "request"), schedule: strings.Contains(f[4], "schedule"), settlement: f[4] == "settlement",
			options: map[string][]string{}, retention: time.Duration(atoi(f[6])) * 24 * time.Hour, rows: f[9], columns: strings.Split(f[10], "|"),
		}
		for _, option := range strings.Split(f[5], ";") {
			name, values, _ := strings.Cut(option, "=")
			if values != "" {
				t.options[name] = strings.Split(values, "|")
			}
		}
		if f[7] != "" {
			if t.removed, err = time.Parse(time.DateOnly, f[7]); err != nil {
				panic("emulator: report_types.csv: " + err.Error())
			}
		}
		if f[8] != "" {
			if t.cooldown, err = time.ParseDuration(f[8]); err != nil {
				panic("emulator: report_types.csv: " + err.Error())
			}
		}
		types[t.name] = t
	}
	return types
})

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// report is one report of a seller.
type report struct {
	job
	kind         *reportType
	marketplaces []string
	from, to     time.Time
	asOf         time.Time // when the content was written
	options      map[string]string
	scheduleID   string
	document     *document
}

// schedule makes reports by itself.
type schedule struct {
	id           string
	kind         *reportType
	marketplaces []string
	options      map[string]string
	period       string
	next         time.Time
	cancelled    bool
}

// reportSpecification reads what createReport and createReportSchedule have in common.
func (c *call) reportSpecification() (kind *reportType, marketplaces []string, options map[string]string, err *apiError) {
	body, _ := c.body.(map[string]any)
	name, _ := body["reportType"].(string)
	if kind = reportTypes()[name]; kind == nil {
		// An unknown type is no more than "Invalid Input" (selling-partner-api-models#1810); details are the emulator's.
		return nil, nil, nil, invalid("Invalid Input", `reportType: "`+name+`" is not a report type`)
	}
	if kind.vendor {
		return nil, nil, nil, denied(detailsNone) // a seller has no vendor's reports
	}
	for _, v := range anyList(body["marketplaceIds"]) {
		id, _ := v.(string)
		if _, err := c.marketplaceOf("marketplaceIds", id); err != nil {
			return nil, nil, nil, err
		}
		marketplaces = append(marketplaces, id)
	}
	given, _ := body["reportOptions"].(map[string]any)
	options = map[string]string{}
	for option := range format.SortedKeys(given) {
		value, _ := given[option].(string)
		if allowed := kind.options[option]; allowed != nil && !slices.Contains(allowed, value) {
			return nil, nil, nil, invalidParameter("reportOptions."+option, "is not one of "+strings.Join(allowed, ", "))
		}
		options[option] = value // what a type doesn't know is ignored
	}
	return kind, marketplaces, options, nil
}

func anyList(v any) []any {
	list, _ := v.([]any)
	return list
}

func createReport(c *call) (reply, *apiError) {
	kind, marketplaces, options, err := c.reportSpecification()
	if err != nil {
		return reply{}, err
	}
	if !kind.request {
		// selling-partner-api-models#1265, whose numbers for types are internal
		return reply{}, invalid("Request for report type "+kind.name+" is not allowed at this time", "reportType: can't be requested")
	}
	body, _ := c.body.(map[string]any)
	now := c.now.UTC().Truncate(time.Second)
	// "The default is now" (selling-partner-api-models, reports_2021-06-30).
	from, to := now, now
	for name, at := range map[string]*time.Time{"dataStartTime": &from, "dataEndTime": &to} {
		text, _ := body[name].(string)
		if text == "" {
			continue
		}
		*at, _ = format.ParseTime(text)
	}
	if from.After(now) {
		return reply{}, invalidParameter("dataStartTime", "must be prior to or equal to the current date and time")
	}
	if to.Before(from) {
		return reply{}, invalidParameter("dataEndTime", "lies before dataStartTime")
	}
	if err := c.salesReportQuota(kind); err != nil {
		return reply{}, err
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.addReport(kind, marketplaces, options, from, to, now)
	return reply{status: http.StatusAccepted, body: object{"reportId": r.id}}, nil
}

// salesReportQuota holds a limit that is announced nowhere but applies since 2026-04-24: one sales and traffic report per 15 minutes and
// application, over all its sellers (selling-partner-api-models#5210).
func (c *call) salesReportQuota(kind *reportType) *apiError {
	const every = 15 * time.Minute
	if kind.name != "GET_SALES_AND_TRAFFIC_REPORT" || c.desk.options.NoLimits || c.now.Before(time.Date(2026, 4, 24, 0, 0, 0, 0, time.UTC)) {
		return nil
	}
	s := salesReports.at(c.desk)
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := c.now.Sub(s.last); since >= 0 && since < every {
		return throttled()
	}
	s.last = c.now
	return nil
}

// addReport puts a report into the queue; it wants k.mu held.
func (k *queue) addReport(kind *reportType, marketplaces []string, options map[string]string, from, to, now time.Time) *report {
	r := &report{job: k.newJob("report", now), kind: kind, marketplaces: marketplaces, options: options, from: from, to: to}
	r.id = strconv.Itoa(50000+k.made) + "020" + k.random("report id", k.made).Text(random.Digits, 3)
	k.reports = append(k.reports, r)
	k.planReport(r)
	return r
}

func (k *queue) planReport(r *report) {
	k.later(r.ended, func(at time.Time) {
		if r.outcome == "" { // not cancelled
			k.finishReport(r, at)
		}
	})
}

// finishReport writes a report, or finds that it can't be written.
func (k *queue) finishReport(r *report, at time.Time) {
	if !r.kind.removed.IsZero() && !at.Before(r.kind.removed) {
		r.end(fatal, at) // selling-partner-api-models#3079 and the changelog: such reports end FATAL, without a document
		return
	}
	if k.coolingDown(r) {
		// "If you call the report in between these 30 minutes, you will receive a FATAL report" (selling-partner-api-models#4032).
		r.end(fatal, at)
		return
	}
	r.asOf = at
	d, problem := k.writeReport(r, at)
	switch {
	case problem != nil:
		// A FATAL report may have a document that tells why (selling-partner-api-docs, reports guide).
		r.document = k.addDocument("report", &document{contentType: "application/json; charset=UTF-8", created: at, expires: at.Add(r.kind.retention), open: onePiece(problem)})
		r.end(fatal, at)
	case d == nil:
		r.end(cancelled, at) // no data
	default:
		r.document = k.addDocument("report", d)
		r.end(done, at)
	}
}

// coolingDown tells whether the same type was generated for one of the same marketplaces a short while ago
// (developer-docs.amazon.com/sp-api/docs/fba-sales-reports-attributes; by marketplace: selling-partner-api-docs#1645).
func (k *queue) coolingDown(r *report) bool {
	if r.kind.cooldown == 0 || k.account.desk.options.NoLimits {
		return false
	}
	return slices.ContainsFunc(k.reports, func(old *report) bool {
		return old != r && old.kind == r.kind && old.outcome == done && !old.ended.After(r.ended) && r.created.Sub(old.ended) < r.kind.cooldown &&
			slices.ContainsFunc(old.marketplaces, func(id string) bool { return slices.Contains(r.marketplaces, id) })
	})
}

func (k *queue) report(id string, now time.Time) *report {
	for _, r := range k.reports {
		if r.id == id && now.Sub(r.created) < retention {
			return r
		}
	}
	return nil
}

func (r *report) object(t time.Time) object {
	out := r.describe(object{
		"reportId": r.id, "reportType": r.kind.name, "marketplaceIds": r.marketplaces,
		"dataStartTime": offsetTimestamp(r.from), "dataEndTime": offsetTimestamp(r.to),
	}, t)
	if r.scheduleID != "" {
		out["reportScheduleId"] = r.scheduleID
	}
	if r.document != nil {
		out["reportDocumentId"] = r.document.id
	}
	return out
}

func getReport(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.report(c.path["reportId"], c.now)
	if r == nil {
		k.openSettlements()
		r = k.report(c.path["reportId"], c.now)
	}
	if r == nil {
		return reply{}, notFound("Report " + c.path["reportId"] + " was not found.") // wording assumed
	}
	return ok(r.object(c.now)), nil
}

func getReports(c *call) (reply, *apiError) {
	pg, err := c.tokenAlone("reportTypes")
	if err != nil {
		return reply{}, err
	}
	f, err := pg.jobFilter("reportTypes")
	if err != nil {
		return reply{}, err
	}
	for _, name := range f.types {
		if reportTypes()[name] == nil {
			return reply{}, invalid("Invalid Input", `reportTypes: "`+name+`" is not a report type`)
		}
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.ContainsFunc(f.types, func(name string) bool { return reportTypes()[name].settlement }) {
		k.openSettlements()
	}
	var found []*report
	for _, r := range slices.Backward(k.reports) { // newest first
		if f.accepts(&r.job, r.kind.name, r.marketplaces, c.now) {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b *report) int { return b.created.Compare(a.created) })
	part, more := cut(found, pg.Start, f.size)
	list := []object{}
	for _, r := range part {
		list = append(list, r.object(c.now))
	}
	body := object{"reports": list}
	if more {
		body["nextToken"] = c.token(pg, pg.Start+f.size)
	}
	return ok(body), nil
}

func cancelReport(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.report(c.path["reportId"], c.now)
	if r == nil {
		return reply{}, notFound("Report " + c.path["reportId"] + " was not found.")
	}
	if status := r.status(c.now); status != inQueue {
		return reply{}, invalid("The report can't be cancelled.", "reportId: the report is "+status+", want IN_QUEUE") // wording assumed
	}
	r.cancel(c.now)
	return reply{status: http.StatusOK}, nil
}

func getReportDocument(c *call) (reply, *apiError) {
	id := c.path["reportDocumentId"]
	d := queues.of(c.account).document(id, c.now)
	if d == nil || !strings.HasPrefix(id, "amzn1.spdoc.") {
		return reply{}, invalid("Invalid reportDocumentId "+id, "") // jlevers/selling-partner-api#487
	}
	if d.restricted && c.grant.kind != restrictedGrant {
		// developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide: 16 types need a restricted token.
		return reply{}, denied(detailsNone)
	}
	body := object{"reportDocumentId": id}
	extra := url.Values{}
	if d.compressed() {
		body["compressionAlgorithm"] = "GZIP"
		// "When true, the Content-Encoding header on the returned URL is set to gzip instead of the default identity"
		// (selling-partner-api-models, reports_2021-06-30).
		extra.Set("response-content-encoding", "identity")
		if c.query.Get("enableContentEncodingUrlHeader") == "true" {
			extra.Set("response-content-encoding", "gzip")
		}
	}
	body["url"] = c.documentURL(http.MethodGet, d, extra)
	return ok(body), nil
}

// periods are how often a schedule may make a report (selling-partner-api-models, reports_2021-06-30).
var periods = map[string]time.Duration{
	"PT5M": 5 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute, "PT1H": time.Hour, "PT2H": 2 * time.Hour, "PT4H": 4 * time.Hour,
	"PT8H": 8 * time.Hour, "PT12H": 12 * time.Hour, "P1D": world.Day, "P2D": 2 * world.Day, "P3D": 3 * world.Day, "PT84H": 84 * time.Hour, "P7D": 7 * world.Day,
	"P14D": 14 * world.Day, "P15D": 15 * world.Day, "P18D": 18 * world.Day, "P30D": 30 * world.Day, "P1M": 0,
}

// after is the time one period later.
func after(t time.Time, period string) time.Time {
	if period == "P1M" {
		return t.AddDate(0, 1, 0)
	}
	return t.Add(periods[period])
}

func createReportSchedule(c *call) (reply, *apiError) {
	kind, marketplaces, options, err := c.reportSpecification()
	if err != nil {
		return reply{}, err
	}
	if !kind.schedule {
		return reply{}, invalid("Invalid Input", "reportType: "+kind.name+" can't be scheduled")
	}
	body, _ := c.body.(map[string]any)
	s := &schedule{kind: kind, marketplaces: marketplaces, options: options}
	s.period, _ = body["period"].(string)
	now := c.now.UTC().Truncate(time.Second)
	s.next = after(now, s.period)
	if text, _ := body["nextReportCreationTime"].(string); text != "" {
		s.next, _ = format.ParseTime(text)
		if s.next.Before(now) {
			return reply{}, invalidParameter("nextReportCreationTime", "lies in the past")
		}
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, old := range k.schedules {
		if old.kind == kind && slices.Equal(slices.Sorted(slices.Values(old.marketplaces)), slices.Sorted(slices.Values(marketplaces))) {
			old.cancelled = true // "it will be cancelled and replaced with this one"
		}
	}
	n := k.next()
	s.id = strconv.Itoa(50000+n) + "021" + k.random("schedule", n).Text(random.Digits, 3)
	k.schedules = append(k.schedules, s)
	k.later(s.next, func(at time.Time) { k.fire(s, at) })
	return reply{status: http.StatusCreated, body: object{"reportScheduleId": s.id}}, nil
}

// fire makes a schedule's report and plans the next one.
func (k *queue) fire(s *schedule, at time.Time) {
	if s.cancelled {
		return
	}
	before := at.Add(-periods[s.period])
	if s.period == "P1M" {
		before = at.AddDate(0, -1, 0)
	}
	// What is older than the retention when it is looked at needn't be written.
	if k.now.Sub(at) < retention {
		r := k.addReport(s.kind, s.marketplaces, s.options, before, at, at)
		r.scheduleID = s.id
	}
	s.next = after(at, s.period)
	k.later(s.next, func(at time.Time) { k.fire(s, at) })
}

func (s *schedule) object() object {
	out := object{
		"reportScheduleId": s.id, "reportType": s.kind.name, "marketplaceIds": s.marketplaces, "period": s.period,
		"nextReportCreationTime": offsetTimestamp(s.next),
	}
	if len(s.options) > 0 {
		out["reportOptions"] = s.options
	}
	return out
}

func (k *queue) schedule(id string) *schedule {
	for _, s := range k.schedules {
		if s.id == id && !s.cancelled {
			return s
		}
	}
	return nil
}

func getReportSchedule(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.schedule(c.path["reportScheduleId"])
	if s == nil {
		return reply{}, notFound("Report schedule " + c.path["reportScheduleId"] + " was not found.")
	}
	return ok(s.object()), nil
}

func getReportSchedules(c *call) (reply, *apiError) {
	for _, name := range c.query["reportTypes"] {
		if reportTypes()[name] == nil {
			return reply{}, invalid("Invalid Input", `reportTypes: "`+name+`" is not a report type`)
		}
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []object{}
	for _, s := range k.schedules {
		if !s.cancelled && slices.Contains(c.query["reportTypes"], s.kind.name) {
			list = append(list, s.object())
		}
	}
	return ok(object{"reportSchedules": list}), nil
}

func cancelReportSchedule(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.schedule(c.path["reportScheduleId"])
	if s == nil {
		return reply{}, notFound("Report schedule " + c.path["reportScheduleId"] + " was not found.")
	}
	s.cancelled = true
	return reply{status: http.StatusOK}, nil
}

// settlementDays is how often Amazon settles.
const settlementDays = 14

// openSettlements writes the settlement reports of the last 90 days and plans the coming ones. Amazon makes them by itself: they can only
// be listed (developer-docs.amazon.com/sp-api/docs/report-type-values-settlement). It wants k.mu held.
func (k *queue) openSettlements() {
	if k.settlements {
		return
	}
	k.settlements = true
	end := k.account.Created.UTC().Truncate(world.Day).Add(6 * time.Hour)
	for n := int(retention/world.Day) / settlementDays; n >= 0; n-- {
		if at := end.AddDate(0, 0, -n*settlementDays); !at.After(k.account.Created) {
			k.settle14(at)
		}
	}
	at := end
	for !at.After(k.account.Created) {
		at = at.AddDate(0, 0, settlementDays)
	}
	k.nextSettlement = at
	k.later(at, k.settleAgain)
	k.catchUp()
}

func (k *queue) settleAgain(at time.Time) {
	if k.now.Sub(at) < retention {
		k.settle14(at)
	}
	k.nextSettlement = at.AddDate(0, 0, settlementDays)
	k.later(k.nextSettlement, k.settleAgain)
}

// settle14 writes the reports of one settlement period, for each marketplace in which something was settled.
func (k *queue) settle14(at time.Time) {
	for i := range k.account.Marketplaces {
		m := &k.account.Marketplaces[i]
		for _, name := range []string{"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "GET_V2_SETTLEMENT_REPORT_DATA_XML"} {
			kind := reportTypes()[name]
			if !kind.removed.IsZero() && !at.Before(kind.removed) {
				continue
			}
			n := k.next()
			r := &report{kind: kind, marketplaces: []string{m.ID}, from: at.AddDate(0, 0, -settlementDays), to: at, asOf: at}
			r.created = at.Add(time.Duration(k.random("settlement", n).Between(60, 3600)) * time.Second)
			r.started, r.ended = r.created, r.created
			r.id = strconv.Itoa(50000+n) + "022" + k.random("report id", n).Text(random.Digits, 3)
			d, _ := k.writeReport(r, at)
			if d == nil {
				continue
			}
			d.created, d.expires = r.ended, r.ended.Add(kind.retention)
			r.document = k.addDocument("report", d)
			r.outcome = done
			k.reports = append(k.reports, r)
		}
	}
}

// marketplacesOf are the marketplaces of a report.
func (k *queue) marketplacesOf(ids []string) []*marketplace.Marketplace {
	var list []*marketplace.Marketplace
	for i := range k.account.Marketplaces {
		if m := &k.account.Marketplaces[i]; slices.Contains(ids, m.ID) {
			list = append(list, m)
		}
	}
	return list
}

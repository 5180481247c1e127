// Package reports answers for reports.
package reports

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

type object = format.Object

// Flow is the API of reports.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
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

// reportSpecification reads what createReport and createReportSchedule have in common.
func reportSpecification(c *desk.Call) (kind *jobs.ReportType, marketplaces []string, options map[string]string, err *answer.Error) {
	body, _ := c.Body.(map[string]any)
	name, _ := body["reportType"].(string)
	if kind = jobs.ReportTypes()[name]; kind == nil {
		return nil, nil, nil, answer.InvalidParameter("reportType", `"`+name+`" is not a report type`) // selling-partner-api-models#1810
	}
	if kind.Vendor {
		return nil, nil, nil, answer.Denied("").Because("reportType: is one of vendors") // a seller has no vendor's reports
	}
	for _, v := range format.List(body["marketplaceIds"]) {
		id, _ := v.(string)
		if _, err := c.MarketplaceOf("marketplaceIds", id); err != nil {
			return nil, nil, nil, err
		}
		marketplaces = append(marketplaces, id)
	}
	given, _ := body["reportOptions"].(map[string]any)
	options = map[string]string{}
	for option := range format.SortedKeys(given) {
		value, _ := given[option].(string)
		if allowed := kind.Options[option]; allowed != nil && !slices.Contains(allowed, value) {
			return nil, nil, nil, answer.InvalidParameter("reportOptions."+option, "is not one of "+strings.Join(allowed, ", "))
		}
		options[option] = value // what a type doesn't know is ignored
	}
	return kind, marketplaces, options, nil
}

func createReport(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, marketplaces, options, err := reportSpecification(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if !kind.Request {
		// selling-partner-api-models#1265
		return answer.Reply{}, answer.Invalid("Request for report type "+kind.Number()+" is not allowed at this time", "reportType: "+kind.Name+" can't be requested")
	}
	body, _ := c.Body.(map[string]any)
	now := c.Now.UTC().Truncate(time.Second)
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
		return answer.Reply{}, answer.InvalidParameter("dataStartTime", "must be prior to or equal to the current date and time")
	}
	if to.Before(from) {
		return answer.Reply{}, answer.InvalidParameter("dataEndTime", "lies before dataStartTime")
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	r := k.AddReport(kind, marketplaces, options, from, to, now)
	return answer.Reply{Status: http.StatusAccepted, Body: object{"reportId": r.ID}}, nil
}

// describe shows a report with its members in Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/API/Reports20210630Test, September
// 2024); where reportScheduleId stands among them is assumed.
func describe(r *jobs.Report, t time.Time) format.Record {
	created, started, ended := r.Times(t, jobs.OffsetTimestamp)
	var schedule any
	if r.ScheduleID != "" {
		schedule = r.ScheduleID
	}
	return format.Record{
		{"reportType", r.Kind.Name}, {"processingEndTime", ended}, {"processingStatus", r.Status(t)}, {"marketplaceIds", r.Marketplaces},
		{"reportDocumentId", jobs.IDOf(r.Document)}, {"reportId", r.ID}, {"dataEndTime", jobs.OffsetTimestamp(r.To)}, {"createdTime", created},
		{"processingStartTime", started}, {"dataStartTime", jobs.OffsetTimestamp(r.From)}, {"reportScheduleId", schedule},
	}
}

func reportNotFound() *answer.Error {
	return answer.Absent("NotFound", "One or more of the provided ReportRequestIds could not be found.")
}

// unknownType is what lists say to a report type that they don't know, with an underscore before and after it (selling-partner-api-models#1926, #1628).
func unknownType(name string) *answer.Error {
	return answer.Invalid("Invalid Report Type _"+name+"_", `reportTypes: "`+name+`" is not a report type`)
}

func getReport(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	r := k.Reports.Find(c.Path["reportId"])
	if r == nil {
		k.OpenSettlements()
		r = k.Reports.Find(c.Path["reportId"])
	}
	if r == nil {
		return answer.Reply{}, reportNotFound()
	}
	return answer.OK(describe(r, c.Now)), nil
}

func getReports(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, err := jobs.TokenAlone(c, "reportTypes")
	if err != nil {
		return answer.Reply{}, err
	}
	f, err := jobs.ParseFilter(pg, "reportTypes")
	if err != nil {
		return answer.Reply{}, err
	}
	for _, name := range f.Types {
		if jobs.ReportTypes()[name] == nil {
			return answer.Reply{}, unknownType(name)
		}
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if slices.ContainsFunc(f.Types, func(name string) bool { return jobs.ReportTypes()[name].Settlement }) {
		k.OpenSettlements()
	}
	page, token := k.Reports.Shown(c, pg, &f, describe)
	return answer.OK(format.Record{{"reports", page}, {"nextToken", token}}), nil
}

func cancelReport(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	r := k.Reports.Find(c.Path["reportId"])
	if r == nil {
		return answer.Reply{}, reportNotFound()
	}
	if status := r.Status(c.Now); status != jobs.InQueue {
		return answer.Reply{}, answer.Invalid("The report can't be cancelled.", "reportId: the report is "+status+", want IN_QUEUE") // wording assumed
	}
	r.Cancel(c.Now)
	return answer.Reply{Status: http.StatusOK}, nil
}

func getReportDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["reportDocumentId"]
	d := jobs.Queues.Of(c.Seller).Document(id, c.Now)
	if d == nil || !strings.HasPrefix(id, "amzn1.spdoc.") {
		return answer.Reply{}, answer.Invalid("Invalid reportDocumentId", `reportDocumentId: there is no report document "`+id+`"`) // jlevers/selling-partner-api#671
	}
	if d.Restricted && !c.WithRestrictedToken() && !c.Sandbox {
		// developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide: 16 types need a restricted token, outside the sandbox.
		return answer.Reply{}, answer.Denied("").Because("no restricted token: getReportDocument wants one for documents of this report's type")
	}
	body := object{"reportDocumentId": id}
	extra := url.Values{}
	if d.Compressed() {
		body["compressionAlgorithm"] = "GZIP"
		// "When true, the Content-Encoding header on the returned URL is set to gzip instead of the default identity"
		// (selling-partner-api-models, reports_2021-06-30).
		extra.Set("response-content-encoding", "identity")
		if c.Query.Get("enableContentEncodingUrlHeader") == "true" {
			extra.Set("response-content-encoding", "gzip")
		}
	}
	body["url"] = jobs.DocumentURL(c, http.MethodGet, d, extra)
	return answer.OK(body), nil
}

func createReportSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, marketplaces, options, err := reportSpecification(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if !kind.Schedule {
		return answer.Reply{}, answer.InvalidParameter("reportType", kind.Name+" can't be scheduled")
	}
	body, _ := c.Body.(map[string]any)
	s := &jobs.Schedule{Kind: kind, Marketplaces: marketplaces, Options: options}
	s.Period, _ = body["period"].(string)
	now := c.Now.UTC().Truncate(time.Second)
	s.Next = jobs.After(now, s.Period)
	if text, _ := body["nextReportCreationTime"].(string); text != "" {
		s.Next, _ = format.ParseTime(text)
		if s.Next.Before(now) {
			return answer.Reply{}, answer.InvalidParameter("nextReportCreationTime", "lies in the past")
		}
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.AddSchedule(s)
	return answer.Reply{Status: http.StatusCreated, Body: object{"reportScheduleId": s.ID}}, nil
}

func scheduleObject(s *jobs.Schedule) object {
	out := object{
		"reportScheduleId": s.ID, "reportType": s.Kind.Name, "marketplaceIds": s.Marketplaces, "period": s.Period,
		"nextReportCreationTime": jobs.OffsetTimestamp(s.Next),
	}
	if len(s.Options) > 0 {
		out["reportOptions"] = s.Options
	}
	return out
}

func getReportSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	s := k.Schedule(c.Path["reportScheduleId"])
	if s == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Report schedule "+c.Path["reportScheduleId"]+" was not found.")
	}
	return answer.OK(scheduleObject(s)), nil
}

func getReportSchedules(c *desk.Call) (answer.Reply, *answer.Error) {
	for _, name := range c.Query["reportTypes"] {
		if jobs.ReportTypes()[name] == nil {
			return answer.Reply{}, unknownType(name)
		}
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	list := []object{}
	for _, s := range k.Schedules {
		if slices.Contains(c.Query["reportTypes"], s.Kind.Name) {
			list = append(list, scheduleObject(s))
		}
	}
	return answer.OK(object{"reportSchedules": list}), nil
}

func cancelReportSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	s := k.Schedule(c.Path["reportScheduleId"])
	if s == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Report schedule "+c.Path["reportScheduleId"]+" was not found.")
	}
	k.CancelSchedule(s)
	return answer.Reply{Status: http.StatusOK}, nil
}

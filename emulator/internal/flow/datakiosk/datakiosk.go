// Package datakiosk answers for Data Kiosk.
package datakiosk

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

type object = format.Object

// Flow is the API of Data Kiosk.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"datakiosk20231115.createQuery": createQuery,
	"datakiosk20231115.getQuery":    getQuery,
	"datakiosk20231115.getQueries":  getQueries,
	"datakiosk20231115.cancelQuery": cancelQuery,
	"datakiosk20231115.getDocument": getKioskDocument,
}}

const (
	// maxRunningQueries is how many queries may be under way. That there is a cap is documented
	// (developer-docs.amazon.com/sp-api/docs/data-kiosk-faq); number and answer are assumed.
	maxRunningQueries = 10
)

// Minimize takes unneeded whitespace out of a query: that is what its length is measured by.
func Minimize(query string) string {
	var b strings.Builder
	const punctuation = "{}()[]:!,$@=|&"
	inString, escaped, blank := false, false, false
	last := byte('{')
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case inString:
			b.WriteByte(c)
			inString = escaped || c != '"'
			escaped = !escaped && c == '\\'
			last = c
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			blank = true
		default:
			if blank && !strings.ContainsRune(punctuation, rune(last)) && !strings.ContainsRune(punctuation, rune(c)) {
				b.WriteByte(' ')
			}
			blank = false
			b.WriteByte(c)
			inString = c == '"'
			last = c
		}
	}
	return b.String()
}

func createQuery(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	text, _ := body["query"].(string)
	if n := len([]rune(Minimize(text))); n > jobs.MaxQuery {
		return answer.Reply{}, answer.InvalidParameter("query", "has "+strconv.Itoa(n)+" characters, want at most "+strconv.Itoa(jobs.MaxQuery))
	}
	q, problem := jobs.ParseKioskQuery(text)
	if problem != "" {
		return answer.Reply{}, answer.InvalidParameter("query", problem)
	}
	if strings.Contains(q.Field.ObjectDefinition.Name, "vendor") {
		return answer.Reply{}, answer.Denied("").Because("query: asks for data of vendors") // a seller has no vendor's data
	}
	for _, name := range []string{"startDate", "endDate"} {
		if v, _ := q.Field.ArgumentMap(nil)[name].(string); v != "" {
			if _, err := time.Parse(time.DateOnly, v); err != nil {
				return answer.Reply{}, answer.InvalidParameter("query", name+` is "`+v+`", want a date such as "2023-11-15"`)
			}
		}
	}
	if token, _ := body["paginationToken"].(string); token != "" {
		var ok bool
		if q.Start, q.AsOf, ok = jobs.OpenQueryToken(c.Desk, token, c.Seller.Number, q.Text); !ok {
			return answer.Reply{}, answer.InvalidParameter("paginationToken", "is not a token of this query")
		}
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if !c.Desk.Options.NoLimits && k.Queries.Running() >= maxRunningQueries {
		return answer.Reply{}, answer.Throttled().Because("limit: too many queries are in the queue or in progress")
	}
	q.Job = k.NewJob("query", c.Now)
	k.Queries.Add(q)
	k.PlanQuery(q)
	return answer.Reply{Status: http.StatusAccepted, Body: object{"queryId": q.ID}}, nil
}

// describe shows a query with its members in Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/DataKiosk, October and December 2025);
// where errorDocumentId stands among them is assumed.
func describe(q *jobs.Query, t time.Time) format.Record {
	created, started, ended := q.Times(t, format.Timestamp)
	var next any
	if q.Next != "" {
		next = object{"nextToken": q.Next}
	}
	return format.Record{
		{"processingEndTime", ended}, {"processingStatus", q.Status(t)}, {"pagination", next}, {"query", q.Text}, {"createdTime", created},
		{"processingStartTime", started}, {"dataDocumentId", jobs.IDOf(q.Data)}, {"errorDocumentId", jobs.IDOf(q.Problem)}, {"queryId", q.ID},
	}
}

func getQuery(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	q := k.Queries.Find(c.Path["queryId"])
	if q == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Query "+c.Path["queryId"]+" was not found.") // wording assumed
	}
	return answer.OK(describe(q, c.Now)), nil
}

func getQueries(c *desk.Call) (answer.Reply, *answer.Error) {
	// "All other parameters must be provided with the same values …, with the exception of pageSize"
	pg, problem := c.Page("paginationToken", "pageSize")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("paginationToken", problem.Error())
	}
	f, err := jobs.ParseFilter(pg, "")
	if err != nil {
		return answer.Reply{}, err
	}
	if text := c.Query.Get("pageSize"); text != "" {
		f.Size = format.Atoi(text)
	}
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	page, token := k.Queries.Shown(c, pg, &f, describe)
	var pagination any
	if token != nil {
		pagination = object{"nextToken": token}
	}
	return answer.OK(format.Record{{"queries", page}, {"pagination", pagination}}), nil
}

func cancelQuery(c *desk.Call) (answer.Reply, *answer.Error) {
	k := jobs.Queues.Of(c.Seller)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	q := k.Queries.Find(c.Path["queryId"])
	if q == nil {
		return answer.Reply{}, answer.Absent("NotFound", "Query "+c.Path["queryId"]+" was not found.")
	}
	switch status := q.Status(c.Now); status {
	case jobs.InQueue, jobs.InProgress:
		q.Cancel(c.Now)
	case jobs.Cancelled: // "Cancelling a query that already has a processingStatus of CANCELLED will no-op"
	default:
		return answer.Reply{}, answer.Invalid("The query can't be cancelled.", "queryId: the query is "+status+", want IN_QUEUE or IN_PROGRESS") // wording assumed
	}
	return answer.Reply{Status: http.StatusNoContent}, nil
}

func getKioskDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["documentId"]
	d := jobs.Queues.Of(c.Seller).Document(id, c.Now)
	if d == nil || !d.OfQuery() {
		return answer.Reply{}, answer.Absent("NotFound", "Document "+id+" was not found.") // wording assumed
	}
	extra := url.Values{}
	if d.Compressed() {
		// "If the Data Kiosk document is compressed, the Content-Encoding header will indicate the compression algorithm."
		extra.Set("response-content-encoding", "gzip")
	}
	return answer.OK(format.Record{{"documentUrl", jobs.DocumentURL(c, http.MethodGet, d, extra)}, {"documentId", id}}), nil
}

package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

var dataKioskFlow = flow{handlers: map[string]handler{
	"datakiosk20231115.createQuery": createQuery,
	"datakiosk20231115.getQuery":    getQuery,
	"datakiosk20231115.getQueries":  getQueries,
	"datakiosk20231115.cancelQuery": cancelQuery,
	"datakiosk20231115.getDocument": getKioskDocument,
}}

const (
	// maxQuery is how long a query may be without unneeded whitespace (selling-partner-api-models, dataKiosk_2023-11-15).
	maxQuery = 8000
	// maxRunningQueries is how many queries may be under way. That there is a cap is documented
	// (developer-docs.amazon.com/sp-api/docs/data-kiosk-faq); number and answer are assumed.
	maxRunningQueries = 10
	// kioskPage is how many rows go into one document; assumed.
	kioskPage = 1000
	// kioskRetention is that of every field of the schemas: @resultRetention(duration: "P30D").
	kioskRetention = 30 * world.Day
)

// kioskQuery is one query of a seller.
type kioskQuery struct {
	job
	text   string
	field  *ast.Field // the data set, such as salesAndTrafficByDate
	schema *ast.Schema
	start  int       // rows before this page
	asOf   time.Time // of the first page; zero on that one

	data, problem *document
	next          string
}

//go:embed kiosk/*.graphql
var kioskFiles embed.FS

// kioskSchemas are the official schemas by their root field.
var kioskSchemas = sync.OnceValue(func() map[string]*ast.Schema {
	schemas := map[string]*ast.Schema{}
	files, err := kioskFiles.ReadDir("kiosk")
	if err != nil {
		panic("emulator: kiosk: " + err.Error())
	}
	for _, f := range files {
		b, err := kioskFiles.ReadFile("kiosk/" + f.Name())
		if err != nil {
			panic("emulator: kiosk: " + err.Error())
		}
		schema := gqlparser.MustLoadSchema(&ast.Source{Name: f.Name(), Input: string(b)})
		for _, field := range schema.Query.Fields {
			if !strings.HasPrefix(field.Name, "__") {
				schemas[field.Name] = schema
			}
		}
	}
	return schemas
})

// kioskRules are those of the GraphQL specification.
var kioskRules = sync.OnceValue(rules.NewDefaultRules)

// minimize takes unneeded whitespace out of a query: that is what its length is measured by.
func minimize(query string) string {
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

// parseKioskQuery checks a query against the schemas and returns its data set. problem tells what is wrong.
func parseKioskQuery(text string) (schema *ast.Schema, field *ast.Field, problem string) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Name: "query", Input: text}, maxQuery)
	if err != nil {
		return nil, nil, err.Error()
	}
	if len(doc.Operations) != 1 || doc.Operations[0].Operation != ast.Query {
		return nil, nil, "want one operation, which is a query"
	}
	op := doc.Operations[0]
	if len(op.VariableDefinitions) > 0 {
		return nil, nil, "variables are not supported: there is no way to give their values"
	}
	root, problem := onlyField(op.SelectionSet, "one of the schemas")
	if problem != "" {
		return nil, nil, problem
	}
	if schema = kioskSchemas()[root.Name]; schema == nil {
		var names []string
		for name := range format.SortedKeys(kioskSchemas()) {
			names = append(names, name)
		}
		return nil, nil, `cannot query field "` + root.Name + `": want one of ` + strings.Join(names, ", ")
	}
	if errs := validator.ValidateWithRules(schema, doc, kioskRules()); len(errs) > 0 {
		return nil, nil, errs[0].Error()
	}
	field, problem = onlyField(root.SelectionSet, "one data set")
	return schema, field, problem
}

func onlyField(set ast.SelectionSet, what string) (*ast.Field, string) {
	if len(set) != 1 {
		return nil, "selects " + strconv.Itoa(len(set)) + " fields, want " + what
	}
	f, ok := set[0].(*ast.Field)
	if !ok {
		return nil, "want " + what + ", not a fragment"
	}
	return f, ""
}

func createQuery(c *call) (reply, *apiError) {
	body, _ := c.body.(map[string]any)
	text, _ := body["query"].(string)
	if n := len([]rune(minimize(text))); n > maxQuery {
		return reply{}, invalidParameter("query", "has "+strconv.Itoa(n)+" characters, want at most "+strconv.Itoa(maxQuery))
	}
	schema, field, problem := parseKioskQuery(text)
	if problem != "" {
		return reply{}, invalidParameter("query", problem)
	}
	if strings.Contains(field.ObjectDefinition.Name, "vendor") {
		return reply{}, denied(detailsNone) // a seller has no vendor's data
	}
	for _, name := range []string{"startDate", "endDate"} {
		if v, _ := field.ArgumentMap(nil)[name].(string); v != "" {
			if _, err := time.Parse(time.DateOnly, v); err != nil {
				return reply{}, invalidParameter("query", name+` is "`+v+`", want a date such as "2023-11-15"`)
			}
		}
	}
	q := &kioskQuery{text: text, field: field, schema: schema}
	if token, _ := body["paginationToken"].(string); token != "" {
		var ok bool
		if q.start, q.asOf, ok = openQueryToken(c.desk, token, c.account.Number, text); !ok {
			return reply{}, invalidParameter("paginationToken", "is not a token of this query")
		}
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	running := 0
	for _, other := range k.queries {
		if s := other.status(c.now); s == inQueue || s == inProgress {
			running++
		}
	}
	if running >= maxRunningQueries {
		return reply{}, throttled()
	}
	q.job = k.newJob("query", c.now)
	q.id = strconv.Itoa(50000+k.made) + "018" + k.random("query id", k.made).Text(random.Digits, 3)
	k.queries = append(k.queries, q)
	k.planQuery(q)
	return reply{status: http.StatusAccepted, body: object{"queryId": q.id}}, nil
}

func (k *queue) planQuery(q *kioskQuery) {
	k.later(q.ended, func(at time.Time) {
		if q.outcome == "" { // not cancelled
			k.finishQuery(q, at)
		}
	})
}

// queryToken names the page of a query's rows that starts at start. It is good for the same text only: "the query field must also be set
// to the query field of the same Query object" (selling-partner-api-models, dataKiosk_2023-11-15).
func queryToken(d *frontDesk, account int, text string, start int, asOf time.Time) string {
	raw, err := json.Marshal([]string{strconv.Itoa(account), hashOf(text), strconv.Itoa(start), asOf.UTC().Format(time.RFC3339Nano)})
	if err != nil {
		panic("emulator: query token: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(append(d.seal(raw), raw...))
}

func openQueryToken(d *frontDesk, token string, account int, text string) (start int, asOf time.Time, ok bool) {
	b, err := base64.StdEncoding.DecodeString(token)
	var parts []string
	if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], d.seal(b[sha256.Size:])) || json.Unmarshal(b[sha256.Size:], &parts) != nil || len(parts) != 4 {
		return 0, time.Time{}, false
	}
	asOf, err = time.Parse(time.RFC3339Nano, parts[3])
	return atoi(parts[2]), asOf, err == nil && parts[0] == strconv.Itoa(account) && parts[1] == hashOf(text)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// finishQuery writes a query's document, or the one that tells why there is none.
func (k *queue) finishQuery(q *kioskQuery, at time.Time) {
	if q.asOf.IsZero() {
		q.asOf = at
	}
	rows, problem := k.kioskRows(q)
	document := func(contentType string, content []byte) *document {
		return k.addDocument("query", &document{contentType: contentType, created: at, expires: at.Add(kioskRetention), open: onePiece(content)})
	}
	if problem != "" {
		b, _ := json.Marshal(object{"errors": []object{{"message": problem}}}) // the form is assumed: the model says no more than JSON
		q.problem = document("application/json; charset=UTF-8", b)
		q.end(fatal, at)
		return
	}
	part, more := cut(rows, q.start, kioskPage)
	var b bytes.Buffer
	for _, row := range part {
		project(&b, q.schema, q.field.Definition.Type.Elem, q.field.SelectionSet, row)
		b.WriteByte('\n')
	}
	if len(part) > 0 {
		q.data = document("application/jsonl; charset=UTF-8", b.Bytes())
	}
	if more {
		q.next = queryToken(k.account.desk, k.account.Number, q.text, q.start+kioskPage, q.asOf)
	}
	q.end(done, at)
}

func (q *kioskQuery) object(t time.Time) object {
	out := q.describe(object{"queryId": q.id, "query": q.text}, t)
	if q.data != nil {
		out["dataDocumentId"] = q.data.id
	}
	if q.problem != nil {
		out["errorDocumentId"] = q.problem.id
	}
	if q.next != "" {
		out["pagination"] = object{"nextToken": q.next}
	}
	return out
}

func (k *queue) query(id string, now time.Time) *kioskQuery {
	for _, q := range k.queries {
		if q.id == id && now.Sub(q.created) < kioskRetention {
			return q
		}
	}
	return nil
}

func getQuery(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	q := k.query(c.path["queryId"], c.now)
	if q == nil {
		return reply{}, notFound("Query " + c.path["queryId"] + " was not found.") // wording assumed
	}
	return ok(q.object(c.now)), nil
}

func getQueries(c *call) (reply, *apiError) {
	// "All other parameters must be provided with the same values …, with the exception of pageSize"
	pg, problem := c.page("paginationToken", "pageSize")
	if problem != nil {
		return reply{}, invalidParameter("paginationToken", problem.Error())
	}
	f, err := pg.jobFilter("")
	if err != nil {
		return reply{}, err
	}
	if text := c.query.Get("pageSize"); text != "" {
		f.size = atoi(text)
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []*kioskQuery
	for _, q := range slices.Backward(k.queries) { // newest first
		if !q.created.After(pg.AsOf) && c.now.Sub(q.created) < kioskRetention && f.accepts(&q.job, "", nil, c.now) {
			found = append(found, q)
		}
	}
	part, more := cut(found, pg.Start, f.size)
	list := []object{}
	for _, q := range part {
		list = append(list, q.object(c.now))
	}
	body := object{"queries": list}
	if more {
		body["pagination"] = object{"nextToken": c.token(pg, pg.Start+f.size)}
	}
	return ok(body), nil
}

func cancelQuery(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	q := k.query(c.path["queryId"], c.now)
	if q == nil {
		return reply{}, notFound("Query " + c.path["queryId"] + " was not found.")
	}
	switch status := q.status(c.now); status {
	case inQueue, inProgress:
		q.cancel(c.now)
	case cancelled: // "Cancelling a query that already has a processingStatus of CANCELLED will no-op"
	default:
		return reply{}, invalid("The query can't be cancelled.", "queryId: the query is "+status+", want IN_QUEUE or IN_PROGRESS") // wording assumed
	}
	return reply{status: http.StatusNoContent}, nil
}

func getKioskDocument(c *call) (reply, *apiError) {
	id := c.path["documentId"]
	k := queues.of(c.account)
	d := k.document(id, c.now)
	k.mu.Lock()
	known := slices.ContainsFunc(k.queries, func(q *kioskQuery) bool { return d != nil && (q.data == d || q.problem == d) })
	k.mu.Unlock()
	if !known {
		return reply{}, notFound("Document " + id + " was not found.") // wording assumed
	}
	extra := url.Values{}
	if d.compressed() {
		// "If the Data Kiosk document is compressed, the Content-Encoding header will indicate the compression algorithm."
		extra.Set("response-content-encoding", "gzip")
	}
	return ok(object{"documentId": id, "documentUrl": c.documentURL(http.MethodGet, d, extra)}), nil
}

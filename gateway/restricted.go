package gateway

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
)

// Personal data is that of buyers: names, addresses, telephone numbers, e-mail, tax ids, messages, and papers that show them. Who has the scope for it gets it
// without asking for restricted data tokens. Who hasn't gets what Amazon shows to an application that may not see it: the same answer without the members
// that are personal, or none where all of it is (labels, invoices, restricted reports, paths that no model has). That Amazon got no restricted token is not
// enough for that: by its announcements plain access tokens go on to open personal data, too
// (developer-docs.amazon.com/sp-api/changelog/update-discontinued-support-lwa-tokens-can-no-longer-retrieve-pii-in-selling-partner-api).

// personalRows say which answers hold personal data. Columns:
//
//   - operation: its ID, or a report type.
//   - members: what of an answer is personal, in the notation of [members.add], with ";" between paths; "*": all of it; "report": documents of this type.
//   - source: where that can be seen; "model" is Amazon's published one.
//   - note.
//
// Operations and report types that need a restricted token are known to the SDK and stand here only if an answer without one has such members.
//
//go:embed personal.csv
var personalRows string

// personal is what is personal in an operation's answer: all of it, or some members, or nothing.
type personal struct {
	whole   bool
	members *members
}

// personalOf is by ID of operation. Reports are apart.
var personalOf = sync.OnceValue(func() map[string]personal {
	rules := map[string]personal{}
	for _, row := range table(personalRows) {
		switch row[1] {
		case "report":
		case "*":
			rules[row[0]] = personal{whole: true}
		default:
			m := new(members)
			for _, path := range strings.Split(row[1], ";") {
				m.add(path, false)
			}
			rules[row[0]] = personal{members: m}
		}
	}
	return rules
})

// personalReports are the report types with personal data: those that need a restricted token, and others.
var personalReports = sync.OnceValue(func() []string {
	var types []string
	for _, row := range table(personalRows) {
		if row[1] == "report" {
			types = append(types, row[0])
		}
	}
	return append(types, spapi.RestrictedReportTypes()...)
})

// table reads the rows of an embedded file, without the first.
func table(text string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic("gateway: an embedded table: " + err.Error())
	}
	return rows[1:]
}

// allPersonal tells whether all of an operation's answer is personal by what the SDK knows of it. Nobody knows of what no model has, so all of that is.
func allPersonal(op *spapi.Operation) bool {
	return op.ID == "" || op.Restricted == spapi.RestrictedAlways || op.ID == createTokenOperation
}

// personalIn tells what of an operation's answer is personal.
func personalIn(op *spapi.Operation) personal {
	if allPersonal(op) {
		return personal{whole: true}
	}
	return personalOf()[op.ID]
}

const (
	createTokenOperation    = "tokens20210301.createRestrictedDataToken"
	reportDocumentOperation = "reports20210630.getReportDocument"
)

// restrict settles how the call gets to personal data: by which token, and what of the answer the caller may see. It comes after authorize.
func (x *exchange) restrict() *refusal {
	chosen, elements, no := x.chosenData()
	if no != nil {
		return no
	}
	switch v := x.r.Header.Get(headerDocuments); v {
	case "", documentsDirect, "gateway":
	default:
		return badRequest("header", "Header "+headerDocuments+": "+shown(v), `want "gateway", which is meant without it too, or "direct" for Amazon's own addresses`)
	}
	may := x.caller.scope.PersonalData
	if x.caller.token != "" {
		if !may { // the key had it when the token was made
			return lacks(x.op.ID, "a restricted data token opens personal data", "--personal-data")
		}
		x.call = append(x.call, spapi.WithAccessToken(x.caller.token))
		x.shows()
		return nil
	}
	in := personalIn(&x.op)
	if x.op.ID == reportDocumentOperation {
		if in.whole, no = x.personalReport(); no != nil {
			return no
		}
	}
	none := chosen && elements == nil
	what := x.op.ID
	if what == "" {
		what = "paths that no model has"
	}
	switch {
	case in.whole && !may:
		return lacks(what, "all of its answer is personal data, or may be", "--personal-data")
	case in.whole && none:
		return badData("none", "all of the answer of "+what+" is personal data: leave the header out")
	case in.whole:
		x.shows()
		if x.op.ID == createTokenOperation {
			return x.checkTokenRequest()
		}
	case in.members != nil && !may && elements != nil:
		return lacks(what, "the header "+headerRestrictedData+" asks for personal data", "--personal-data")
	case in.members != nil && (!may || none):
		x.edit = in.members
	case in.members != nil:
		x.shows()
		if x.op.Restricted == spapi.RestrictedOnRequest {
			x.call = append(x.call, spapi.WithRestrictedData(elements...))
		}
	}
	return nil
}

// shows notes that the answer may hold personal data: it is never kept, nor shared with others, and the audit has it.
func (x *exchange) shows() { x.record.PersonalData = true }

// chosenData reads the header by which callers choose: which data elements, or "none".
func (x *exchange) chosenData() (chosen bool, elements []string, no *refusal) {
	values := x.r.Header.Values(headerRestrictedData)
	if len(values) == 0 {
		return false, nil, nil
	}
	value := strings.TrimSpace(strings.Join(values, ","))
	if value == "none" {
		return true, nil, nil
	}
	var known []string
	if x.op.DataElements != "" {
		known = strings.Split(x.op.DataElements, ",")
	}
	want := "want \"none\""
	if known != nil {
		want = "want \"none\", or " + strings.Join(known, ", ") + ", with commas between"
	}
	if x.caller.token != "" {
		return false, nil, badData(value, "the request brings a restricted data token, which has its own: leave the header out")
	}
	for _, e := range strings.Split(value, ",") {
		if e = strings.TrimSpace(e); !slices.Contains(known, e) {
			return false, nil, badData(value, want)
		}
		elements = append(elements, e)
	}
	return true, elements, nil
}

func badData(value, want string) *refusal {
	return badRequest("restricted-data", "Header "+headerRestrictedData+": "+shown(value), want)
}

// Bounds of a request for a restricted data token (models, tokens_2021-03-01).
const (
	maxResources        = 50
	maxTokenRequestBody = 128 << 10
)

// checkTokenRequest reads a request for a restricted data token: what it would open must be in the caller's scope.
func (x *exchange) checkTokenRequest() *refusal {
	bad := func(details string) *refusal {
		return badRequest("token-request", "Invalid Input", details)
	}
	body, err := io.ReadAll(x.boundedBody(maxTokenRequestBody))
	if err != nil {
		x.w.Header().Set("Connection", "close")
		return bad("the body cannot be read, is larger than " + strconv.Itoa(maxTokenRequestBody) + " bytes or comes too slowly")
	}
	var request struct {
		Resources []struct {
			Method   string   `json:"method"`
			Path     string   `json:"path"`
			Elements []string `json:"dataElements,omitempty"`
		} `json:"restrictedResources"`
		Application string `json:"targetApplication,omitempty"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return bad("the body is not JSON as createRestrictedDataToken takes it")
	}
	if request.Application != "" {
		return bad("targetApplication: the gateway passes no data on to other applications: leave it out")
	}
	if len(request.Resources) > maxResources {
		return bad("restrictedResources has " + strconv.Itoa(len(request.Resources)) + " entries: want at most " + strconv.Itoa(maxResources))
	}
	for i, r := range request.Resources {
		place := "restrictedResources[" + strconv.Itoa(i) + "]: "
		op, known := spapi.FindOperation(r.Method, r.Path)
		if !known || op.Method != r.Method || strings.Contains(r.Path, "//") || slices.ContainsFunc(strings.Split(r.Path, "/"), isDots) {
			return bad(place + strconv.QuoteToASCII(cut(r.Method+" "+r.Path, 200)) + " is no operation's method and path")
		}
		if no := x.caller.scope.allows(x.caller.account, &op, op.Method, true); no != nil {
			no.Details = place + no.Details
			return no
		}
	}
	// What was checked is what Amazon gets, not what a reader that takes the first of two members would make of it.
	if body, err = json.Marshal(request); err != nil {
		return bad(err.Error())
	}
	x.r.Body, x.r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	x.r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

// isDots finds segments that lead to another path, however they are escaped.
func isDots(segment string) bool {
	plain, err := url.PathUnescape(segment)
	return err != nil || plain == "." || plain == ".." || strings.ContainsAny(plain, "/\\?#")
}

// sealToken makes one of the gateway's own of a restricted data token of Amazon's.
func (x *exchange) sealToken(token string, expires time.Time) (string, error) {
	t := issued{Account: x.caller.account, Expires: expires, Restricted: spapi.NewSecret(token)}
	if x.caller.key != nil {
		t.Key = x.caller.key.ID
	}
	text, _, err := x.g.issue(restrictedPrefix, t, x.caller.key)
	return text, err
}

// report is what is known of the report that a document is of.
type report struct {
	Type        string
	Marketplace string
}

// idCharacters are those of ids. Another spelling of an id must not make another document of it.
const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:"

// personalReport tells whether the document that is asked for is of a report with personal data, and lets the chain know its type.
func (x *exchange) personalReport() (bool, *refusal) {
	if x.client.Sandbox() {
		return false, nil // its reports are made up, and getReports knows none of them
	}
	_, id, _ := strings.Cut(x.r.URL.Path, "/documents/")
	if strings.Trim(id, idCharacters) != "" {
		return false, badRequest("report-id", "reportDocumentId "+shown(id), "want an id as getReport tells it: letters, digits, dots, hyphens")
	}
	found, err := x.g.reports.find(x.r.Context(), x.client, x.caller.account, id)
	if err != nil {
		status, after := http.StatusServiceUnavailable, time.Duration(0)
		if limit, ok := errors.AsType[*spapi.LimitError](err); ok {
			status, after = http.StatusTooManyRequests, limit.Wait
		}
		return false, &refusal{Status: status, Code: "InternalFailure", Message: "It could not be found out what report the document is of.", RetryAfter: after,
			Details: "The gateway has not seen the report itself, and asked getReports for those with personal data: " + err.Error() +
				". Ask for the report by getReport first, then for its document.", why: "report-type"}
	}
	x.report = found
	personal := slices.Contains(personalReports(), found.Type)
	if personal {
		x.call = append(x.call, spapi.WithReportType(found.Type))
	}
	return personal, nil
}

// reportMemory knows of which type documents are: from answers that went through, else by asking for all reports with personal data. A document's id
// doesn't tell.
type reportMemory struct {
	mu sync.Mutex
	// Two generations: when the younger one is full it becomes the older, whose place it takes.
	young, old map[reportKey]report
	asking     map[string]chan struct{} // by account: held by who asks
}

type reportKey struct{ account, document string }

// maxReports bounds a generation. An entry takes some 200 bytes.
const maxReports = 20_000

func newReportMemory() *reportMemory {
	return &reportMemory{young: map[reportKey]report{}, asking: map[string]chan struct{}{}}
}

func (m *reportMemory) get(account, document string) (report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := reportKey{account, strings.ToLower(document)}
	r, ok := m.young[key]
	if !ok {
		r, ok = m.old[key]
	}
	return r, ok
}

func (m *reportMemory) put(account, document string, r report) {
	if document == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= maxReports {
		m.young, m.old = map[reportKey]report{}, m.young
	}
	m.young[reportKey{account, strings.ToLower(document)}] = r
}

// find asks Amazon where it doesn't know. What is none of the reports with personal data has no type then.
func (m *reportMemory) find(ctx context.Context, client *spapi.Client, account, document string) (report, error) {
	if r, ok := m.get(account, document); ok {
		return r, nil
	}
	m.mu.Lock()
	turn := m.asking[account]
	if turn == nil {
		turn = make(chan struct{}, 1)
		m.asking[account] = turn
	}
	m.mu.Unlock()
	select { // one asks for an account: the answers are for all its documents
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return report{}, context.Cause(ctx)
	}
	if r, ok := m.get(account, document); ok {
		return r, nil
	}
	for types := range slices.Chunk(personalReports(), 10) { // getReports takes ten
		in := reports20210630.GetReportsInput{ReportTypes: types, PageSize: new(int64(100))}
		for r, err := range reports20210630.New(client).GetReportsAll(ctx, &in) {
			if err != nil {
				return report{}, err
			}
			m.put(account, r.ReportDocumentID, reportOf(r))
		}
		if r, ok := m.get(account, document); ok {
			return r, nil
		}
	}
	m.put(account, document, report{})
	return report{}, nil
}

func reportOf(r *reports20210630.Report) report {
	found := report{Type: r.ReportType}
	if len(r.MarketplaceIDs) > 0 {
		found.Marketplace = r.MarketplaceIDs[0]
	}
	return found
}

// learn takes in what answers of getReport and getReports tell of documents.
func (m *reportMemory) learn(account string, op *spapi.Operation, body []byte) {
	var list []reports20210630.Report
	switch op.ID {
	case "reports20210630.getReport":
		var r reports20210630.Report
		if json.Unmarshal(body, &r) == nil {
			list = append(list, r)
		}
	case "reports20210630.getReports":
		var page reports20210630.GetReportsResponse
		if json.Unmarshal(body, &page) == nil {
			list = page.Reports
		}
	}
	for i := range list {
		m.put(account, list[i].ReportDocumentID, reportOf(&list[i]))
	}
}

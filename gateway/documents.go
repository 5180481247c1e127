package gateway

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/document"
)

// Documents of reports, feeds and queries lie at S3, at addresses that Amazon signs. In answers to callers the gateway puts addresses of its own in their
// place, and passes on what is fetched or sent there, as it comes: nothing is kept, and callers need no way out to S3. Such an address is a box (see
// sealer): Amazon's, and the key for which it was made. Nobody can make or change one, and it is void with the key, or when Amazon's is.

// documentRows say which members of which answers are addresses of documents, and by which method. The notation is that of [members.add].
//
//go:embed documents.csv
var documentRows string

type documentMembers struct {
	members *members
	methods map[string]string // by path, in lower case
}

var documentsOf = sync.OnceValue(func() map[string]documentMembers {
	all := map[string]documentMembers{}
	for _, row := range table(documentRows) {
		d, ok := all[row[0]]
		if !ok {
			d = documentMembers{new(members), map[string]string{}}
			all[row[0]] = d
		}
		d.members.add(row[1], true)
		d.methods[strings.ToLower(row[1])] = row[2]
	}
	return all
})

const (
	documentPath    = "/gateway/documents/"
	documentsDirect = "direct"
)

// address is what the address of a document stands for.
type address struct {
	Key       string    `json:"k,omitzero"`
	Account   string    `json:"a"`
	Operation string    `json:"o"`           // that answered it
	Call      string    `json:"p"`           // its path and query, by which Amazon is asked for another URL
	Method    string    `json:"m"`           // GET or PUT
	URL       string    `json:"u"`           // Amazon's
	Expires   time.Time `json:"e"`           // as Amazon's
	Packed    string    `json:"c,omitzero"`  // compressionAlgorithm
	Personal  bool      `json:"s,omitzero"`  // buyers' data
	Token     bool      `json:"r,omitzero"`  // by a restricted token that the caller brought
	Type      string    `json:"t,omitzero"`  // of the report, where it is known
	Store     string    `json:"st,omitzero"` // its marketplace
}

// maxEdited bounds an answer in which something is taken out or replaced, in bytes: it is held in memory.
const maxEdited = 16 << 20

var bearer = sync.OnceValue(func() *members {
	m := new(members)
	m.add("restrictedDataToken", true)
	return m
})

// rewrite makes of Amazon's answer what this caller gets: without the personal data that the scope doesn't open, with the gateway's own tokens and addresses
// of documents. After an error nothing of the answer may be sent: it is a *rewriteError, told as a refusal.
func (x *exchange) rewrite(res *http.Response) error {
	edit := x.edit
	documents, replaces := documentsOf()[x.op.ID]
	direct := x.r.Header.Get(headerDocuments) == documentsDirect
	switch {
	case x.op.ID == createTokenOperation:
		edit = merged(edit, bearer())
	case replaces && !direct:
		edit = merged(edit, documents.members)
	}
	learns := x.op.ID == "reports20210630.getReport" || x.op.ID == "reports20210630.getReports"
	if edit == nil && !learns || res.StatusCode/100 != 2 || res.StatusCode == http.StatusNoContent || x.r.Method == http.MethodHead {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxEdited+1))
	_ = res.Body.Close()
	res.Body = http.NoBody
	switch {
	case err != nil:
		return err
	case len(body) > maxEdited:
		return &rewriteError{fmt.Sprintf("the answer is larger than %d MiB; ask for smaller pages", maxEdited>>20)}
	case res.Header.Get("Content-Encoding") != "":
		return &rewriteError{"the answer is packed as " + strconv.QuoteToASCII(cut(res.Header.Get("Content-Encoding"), 40))}
	}
	if learns {
		x.g.reports.learn(x.caller.account, &x.op, body)
	}
	if edit != nil && len(bytes.TrimSpace(body)) > 0 {
		packed, expiresIn := facts(body)
		body, err = edit.edit(body, func(path, value string) (string, error) {
			if x.op.ID == createTokenOperation {
				return x.sealToken(value, x.g.config.Now().Add(expiresIn))
			}
			return x.sealAddress(value, documents.methods[strings.ToLower(path)], packed)
		})
		if err != nil {
			return &rewriteError{err.Error()}
		}
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	for _, name := range []string{"Etag", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} { // of what Amazon sent
		res.Header.Del(name)
	}
	return nil
}

// rewriteError is an answer that couldn't be made into one for the caller.
type rewriteError struct{ reason string }

func (e *rewriteError) Error() string {
	return "gateway: personal data or addresses of documents couldn't be taken out of Amazon's answer: " + e.reason
}

// facts are what an answer tells beside addresses and tokens.
func facts(body []byte) (packed string, expiresIn time.Duration) {
	var f struct {
		Algorithm string  `json:"compressionAlgorithm"`
		ExpiresIn float64 `json:"expiresIn"`
	}
	_ = json.Unmarshal(body, &f)
	if f.ExpiresIn <= 0 || f.ExpiresIn > tokenLifetime.Seconds() {
		f.ExpiresIn = tokenLifetime.Seconds()
	}
	return f.Algorithm, time.Duration(f.ExpiresIn * float64(time.Second))
}

// sealAddress makes an address of the gateway's own. What isn't at a host of documents stays as it is: the gateway fetches nothing from elsewhere.
func (x *exchange) sealAddress(amazon, method, packed string) (string, error) {
	u, err := url.Parse(amazon)
	if err != nil || !x.hosts().check(u) {
		return amazon, nil
	}
	a := address{Account: x.caller.account, Operation: x.op.ID, Call: x.r.URL.RequestURI(), Method: method, URL: amazon, Expires: x.g.expiry(u),
		Packed: packed, Personal: x.record.PersonalData, Token: x.caller.token != "", Type: x.report.Type, Store: x.report.Marketplace}
	if x.caller.key != nil {
		a.Key = x.caller.key.ID
	}
	box, err := x.g.sealer.seal(forDocument, a)
	return x.base() + documentPath + box, err
}

// documentLifetime is assumed where a URL doesn't tell (models, reports: "expires after 5 minutes").
const documentLifetime = 5 * time.Minute

// expiry is when a presigned URL ends, by this clock: from its own words, but no later than S3 lets any live.
func (g *Gateway) expiry(u *url.URL) time.Time {
	now := g.config.Now()
	q := u.Query()
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds <= 0 || seconds > 7*24*3600 {
		return now.Add(documentLifetime)
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// base is where the caller reaches the gateway.
func (x *exchange) base() string {
	if x.g.config.URL != "" {
		return strings.TrimSuffix(x.g.config.URL, "/")
	}
	scheme := "http"
	if x.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + x.r.Host
}

// documentHosts are those that documents lie at: S3's, by bucket in the name. Buckets that were seen: tortuga-prod-na.s3-external-1, tortuga-prod-eu.s3-eu-west-1,
// tortuga-prod-fe.s3-us-west-2 (selling-partner-api-models#1593, #2648), selling-partner-definitions-prod-iad.s3 (its sandbox cases).
type documentHosts struct{ endpoint *url.URL }

// hosts are those for the exchange's account: S3's, and the endpoint that the account names, where that is none of Amazon's: an emulator's documents lie there.
func (x *exchange) hosts() documentHosts {
	u, err := url.Parse(x.client.Endpoint())
	if err != nil || strings.HasSuffix(strings.ToLower(u.Hostname()), ".amazon.com") {
		u = nil
	}
	return documentHosts{u}
}

func (h documentHosts) check(u *url.URL) bool {
	if h.endpoint != nil && u.Scheme == h.endpoint.Scheme && strings.EqualFold(u.Host, h.endpoint.Host) {
		return true
	}
	name, ok := strings.CutSuffix(strings.ToLower(u.Hostname()), ".amazonaws.com")
	if !ok || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" || u.User != nil {
		return false
	}
	_, service, ok := strings.Cut(name, ".s3")
	return ok && (service == "" || service[0] == '.' || service[0] == '-')
}

var errHost = errors.New("gateway: documents are fetched from S3 alone")

// documentTransport lets requests for documents go to their hosts alone, also after a redirect.
type documentTransport struct {
	hosts documentHosts
	next  http.RoundTripper
}

func (t documentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.hosts.check(r.URL) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errHost
	}
	return t.next.RoundTrip(r)
}

// storeError is an error of a document's address in S3's form, which clients look for there.
type storeError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string   `xml:"Code"`
	Message   string   `xml:"Message"`
	RequestID string   `xml:"RequestId,omitempty"`

	status     int
	retryAfter time.Duration
	why        string
}

func (x *exchange) refuseDocument(e *storeError) {
	h := x.w.Header()
	h.Set("Content-Type", "application/xml")
	setRetryAfter(h, e.retryAfter)
	x.record.Refused = e.why
	x.limitWrite()
	x.w.WriteHeader(e.status)
	if x.r.Method == http.MethodHead {
		return
	}
	_, _ = io.WriteString(x.w, xml.Header)
	_ = xml.NewEncoder(x.w).Encode(e)
}

func accessDenied(message, why string) *storeError {
	return &storeError{Code: "AccessDenied", Message: message, status: http.StatusForbidden, why: why}
}

// storeRefused is a refusal of the gateway's in S3's form.
func storeRefused(no *refusal) *storeError {
	e := &storeError{Code: "AccessDenied", Message: cmp.Or(no.Details, no.Message), status: no.Status, retryAfter: no.RetryAfter, why: no.why}
	switch {
	case no.Status == http.StatusTooManyRequests:
		e.Code = "SlowDown"
	case no.Status/100 == 5:
		e.Code = "ServiceUnavailable"
	default:
		e.status = http.StatusForbidden
	}
	return e
}

// serveDocument passes a document on, to or from the caller.
func (g *Gateway) serveDocument(w http.ResponseWriter, r *http.Request) {
	x := g.begin(w, r)
	defer x.done()
	defer x.leave()
	x.record.Operation = "gateway.document"
	a, no := x.openAddress()
	if no == nil {
		x.record.Operation, x.record.Write = a.Operation+"/document", a.Method == http.MethodPut
		if a.Personal {
			x.shows()
		}
		no = x.admit(a)
	}
	if no == nil {
		if refused := x.intend(); refused != nil {
			no = storeRefused(refused)
		}
	}
	if no != nil {
		x.refuseDocument(no)
		return
	}
	switch {
	case a.Method == http.MethodPut:
		x.putDocument(a)
	case r.URL.Query().Has(decodeParameter):
		x.decodeDocument(a)
	default:
		x.getDocument(a)
	}
}

// openAddress reads the address. One that doesn't open tells no more than S3 does.
func (x *exchange) openAddress() (*address, *storeError) {
	a := new(address)
	if err := x.g.sealer.open(forDocument, strings.TrimPrefix(x.r.URL.EscapedPath(), documentPath), a); err != nil {
		return nil, accessDenied("The address is not one of this gateway's", "address")
	}
	allowed := []string{http.MethodGet, http.MethodHead}
	if a.Method == http.MethodPut {
		allowed = []string{http.MethodPut}
	}
	if !slices.Contains(allowed, x.r.Method) {
		x.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return a, &storeError{Code: "MethodNotAllowed", Message: "The specified method is not allowed against this resource: want " + strings.Join(allowed, " or "),
			status: http.StatusMethodNotAllowed, why: "method"}
	}
	if !x.g.config.Now().Before(a.Expires) {
		return a, accessDenied("Request has expired", "address-expired")
	}
	return a, nil
}

// admit sees to it that who was given the address may still have what is there: the key in force and its scope as it is now.
func (x *exchange) admit(a *address) *storeError {
	key, no := x.g.keyByID(a.Key)
	if no != nil {
		return storeRefused(no)
	}
	x.caller = x.g.callerOf(key)
	x.caller.account = a.Account
	x.record.Caller, x.record.Account = x.caller.name(), a.Account
	if key != nil {
		x.record.Key = key.ID
	}
	if no := x.chooseAccount(); no != nil {
		return storeRefused(no)
	}
	x.op, _ = spapi.LookupOperation(a.Operation)
	if no := x.caller.scope.allows(x.caller.account, &x.op, x.op.Method, a.Personal); no != nil {
		return storeRefused(no)
	}
	if no := x.enter(); no != nil { // the kill switch ends it
		return storeRefused(no)
	}
	return nil
}

// transport is the way to documents: that of the account's application, which adds nothing to a request.
func (x *exchange) transport() http.RoundTripper {
	return documentTransport{x.hosts(), x.client.App().BaseTransport()}
}

// resolve gives the address's own URL first, and asks Amazon for another one when that has expired under way.
func (x *exchange) resolve(a *address) func(context.Context) (document.Location, error) {
	first := true
	return func(ctx context.Context) (document.Location, error) {
		loc := document.Location{URL: a.URL, CompressionAlgorithm: a.Packed}
		if first {
			first = false
			return loc, nil
		}
		var err error
		loc.URL, err = x.ask(ctx, a)
		return loc, err
	}
}

// ask asks the operation again.
func (x *exchange) ask(ctx context.Context, a *address) (string, error) {
	if x.op.Method != http.MethodGet {
		return "", errors.New("the address has expired")
	}
	req, err := http.NewRequestWithContext(ctx, x.op.Method, a.Call, nil)
	if err != nil {
		return "", err
	}
	options := append(slices.Clip(x.call), spapi.WithAPIErrors(), spapi.WithReportType(a.Type))
	if a.Token {
		options = append(options, spapi.WithRestrictedData())
	}
	res, err := x.client.Do(req, options...)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxEdited))
	if err != nil {
		return "", err
	}
	var found []string
	documents := documentsOf()[x.op.ID]
	_, err = documents.members.edit(body, func(_, value string) (string, error) {
		found = append(found, value)
		return value, nil
	})
	if err != nil || len(found) != 1 {
		return "", errors.New("the answer has not one address of a document")
	}
	return found[0], nil
}

// passed are the headers of S3's answers that go on to the caller.
var passed = []string{
	"Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "Content-Type", "Etag", "Expires",
	"Last-Modified", "X-Amz-Request-Id",
}

// conditions are the headers with which a caller asks for a part, or for nothing that it has already. A request with one goes to S3 as it is; others are
// fetched in as many pieces as it takes.
var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// getDocument passes a document on as it is stored.
func (x *exchange) getDocument(a *address) {
	if slices.ContainsFunc(conditions, func(name string) bool { return x.r.Header.Get(name) != "" }) {
		x.getPart(a)
		return
	}
	in, err := document.Open(x.r.Context(), x.resolve(a), document.Options{Transport: x.transport(), Raw: true, MaxAttempts: 4})
	if err != nil {
		x.refuseDocument(fetchFailed(err))
		return
	}
	defer func() { _ = in.Close() }()
	x.pass(in.Header())
	if total := in.Progress().Total; total >= 0 {
		x.w.Header().Set("Content-Length", strconv.FormatInt(total, 10))
	}
	x.limitWrite()
	x.w.WriteHeader(http.StatusOK)
	x.copy(in, in.Progress().Total)
}

// pass puts the store's headers on the answer. Documents are of one caller alone: nobody between may keep them.
func (x *exchange) pass(from http.Header) {
	h := x.w.Header()
	for _, name := range passed {
		if v := from.Values(name); len(v) > 0 {
			h[name] = v
		}
	}
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x.record.RequestID = from.Get("X-Amz-Request-Id")
}

// copy passes a body of that length on, -1 if it isn't known. One that breaks off ends the connection: it must not look whole.
func (x *exchange) copy(from io.Reader, length int64) {
	if x.r.Method == http.MethodHead {
		return
	}
	if err := x.stream(&http.Response{Body: io.NopCloser(from), ContentLength: length}); err != nil {
		x.abort("document", err)
	}
}

// abort ends the connection in the middle of an answer.
func (x *exchange) abort(why string, err error) {
	x.record.Refused = why + "-cut"
	if x.r.Context().Err() == nil {
		x.g.config.Logger.WarnContext(x.r.Context(), "gateway: a document was cut short", "caller", x.record.Caller, "account", x.record.Account,
			"operation", x.record.Operation, "error", safe(err))
	}
	panic(http.ErrAbortHandler)
}

// safe is an error's text without addresses of documents, which are secrets.
func safe(err error) string {
	if bad := (*url.Error)(nil); errors.As(err, &bad) {
		return bad.Err.Error()
	}
	return err.Error()
}

// getPart passes on what S3 answers to a conditional request or one for a range.
func (x *exchange) getPart(a *address) {
	req, err := http.NewRequestWithContext(x.r.Context(), http.MethodGet, a.URL, nil)
	if err != nil {
		x.refuseDocument(unreachable(errHost))
		return
	}
	for _, name := range conditions {
		if v := x.r.Header.Values(name); len(v) > 0 {
			req.Header[name] = v
		}
	}
	req.Header.Set("Accept-Encoding", "identity")
	res, err := x.transport().RoundTrip(req)
	if err != nil {
		x.refuseDocument(unreachable(err))
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 && res.StatusCode != http.StatusNotModified {
		x.refuseDocument(storeSaid(res))
		return
	}
	x.pass(res.Header)
	if res.ContentLength >= 0 && res.StatusCode != http.StatusNotModified {
		x.w.Header().Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
	}
	x.limitWrite()
	x.w.WriteHeader(res.StatusCode)
	x.copy(res.Body, res.ContentLength)
}

// maxUpload is the largest object that S3 takes in one request (docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html). What a feed may have
// is less, and its processing says so.
const maxUpload = 5 << 30

// putDocument passes on what a caller uploads, as it comes.
func (x *exchange) putDocument(a *address) {
	switch n := x.r.ContentLength; {
	case n < 0:
		x.refuseDocument(&storeError{Code: "MissingContentLength", Message: "You must provide the Content-Length HTTP header.", status: http.StatusLengthRequired, why: "length"})
		return
	case n > maxUpload:
		x.refuseDocument(&storeError{Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed size", status: http.StatusBadRequest, why: "length"})
		return
	}
	x.body = x.boundedBody(maxUpload)
	req, err := http.NewRequestWithContext(x.r.Context(), http.MethodPut, a.URL, x.body)
	if err != nil {
		x.refuseDocument(unreachable(errHost))
		return
	}
	req.ContentLength = x.r.ContentLength
	if req.ContentLength == 0 {
		req.Body = http.NoBody
	}
	for name, v := range x.r.Header { // what is signed must come as it is; S3 refuses others of Amazon's headers, and those that aren't signed there stay here
		if signedHeader(req.URL.Query(), name) {
			req.Header[name] = v
		}
	}
	if v := x.r.Header.Values("Content-Type"); len(v) > 0 {
		req.Header["Content-Type"] = v
	}
	res, err := x.transport().RoundTrip(req)
	if failed := x.body.err(); failed != nil {
		err = failed
	}
	if err != nil {
		if res != nil {
			_ = res.Body.Close()
		}
		x.w.Header().Set("Connection", "close") // the rest of the body is not read
		x.refuseDocument(unreachable(err))
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		x.refuseDocument(storeSaid(res))
		return
	}
	x.pass(res.Header)
	x.limitWrite()
	x.w.WriteHeader(res.StatusCode)
}

// signedHeader tells whether a presigned URL wants a header. Credentials of the caller never go to S3, whatever it says.
func signedHeader(query url.Values, name string) bool {
	low := strings.ToLower(name)
	if low == "host" || low == "authorization" || low == "x-api-key" || low == "x-amz-access-token" || low == "cookie" {
		return false
	}
	return slices.Contains(strings.Split(strings.ToLower(query.Get("X-Amz-SignedHeaders")), ";"), low)
}

// storeSaid is S3's own error, less what it echoes of the signature.
func storeSaid(res *http.Response) *storeError {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	e := &storeError{status: res.StatusCode, why: "store"}
	if xml.Unmarshal(body, e) != nil || e.Code == "" {
		e.Code, e.Message = strings.ReplaceAll(http.StatusText(res.StatusCode), " ", ""), "The store answered "+res.Status
	}
	e.Message, e.XMLName = cut(e.Message, 500), xml.Name{Local: "Error"}
	e.RequestID = cmp.Or(e.RequestID, res.Header.Get("X-Amz-Request-Id"))
	return e
}

func unreachable(err error) *storeError {
	switch {
	case errors.Is(err, errHost):
		return accessDenied(errHost.Error(), "store")
	case errors.Is(err, errBodySlow):
		return &storeError{Code: "RequestTimeout", Message: "Your socket connection to the server was not read from or written to within the timeout period.",
			status: http.StatusBadRequest, why: "body-slow"}
	case errors.Is(err, errBodyBroken):
		return &storeError{Code: "IncompleteBody", Message: "You did not provide the number of bytes specified by the Content-Length HTTP header", status: http.StatusBadRequest,
			why: "body"}
	}
	return &storeError{Code: "ServiceUnavailable", Message: "The document store can't be reached: " + safe(err), status: http.StatusServiceUnavailable, why: "store"}
}

// fetchFailed is why a document can't be fetched.
func fetchFailed(err error) *storeError {
	if said, ok := errors.AsType[*document.FetchError](err); ok {
		return &storeError{Code: cmp.Or(said.Code, strings.ReplaceAll(http.StatusText(said.StatusCode), " ", "")), Message: said.Message, RequestID: said.RequestID,
			status: said.StatusCode, why: "store"}
	}
	return unreachable(err)
}

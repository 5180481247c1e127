package emulator

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

const (
	lwaPath = "/auth/o2/token"
	lwaHost = "api.amazon.com"
	stsPath = "/sts/"
)

// maxBody is where the emulator stops reading a request. SP-API's own limits are smaller and differ by operation; API Gateway's
// is 10 MB (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
const maxBody = 10 << 20

// exchange is one request with what is found out about it on the way to its reply.
type exchange struct {
	method string
	scheme string // http or https
	host   string // as the client wrote it
	name   string // the host in lower case and without its port
	url    *url.URL
	header http.Header
	body   []byte
	tooBig bool
	now    time.Time

	requestID string
	trace     string // x-amz-apigw-id; only SP-API sends one
	operation string
	route     *route            // nil while none is found
	params    map[string]string // of the route's path, decoded
	rate      float64
	remaining int
	grant     *grant
	fault     *Fault        // that struck this request
	skew      time.Duration // how far the service's own clock is off
}

// call is what a handler sees of a request.
type call struct {
	emu      *Emulator
	op       *catalog.Operation
	account  *account // nil for a grantless operation
	grant    *grant
	now      time.Time
	sandbox  bool // asked at one of Amazon's sandbox hosts
	exchange *exchange

	documents string // where documents are for the client: "" at S3's hosts, else the address that the client called

	path  map[string]string // path parameters, decoded
	query url.Values        // single values; arrays as lists of their elements
	body  any               // decoded JSON, numbers as json.Number; nil without a body
}

// ServeHTTP implements [http.Handler].
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isControlPath(r.URL.Path) {
		send(w, e.controlExchange(r), e.control(r, r.RemoteAddr))
		return
	}
	x := e.newExchange(r)
	rep := e.handle(x)
	e.deliver()
	e.serve(w, r, x, rep)
}

// handle answers a request while the state is held still for it. The request's body has been read: a slow client keeps nobody waiting.
func (e *Emulator) handle(x *exchange) reply {
	e.gate.RLock()
	defer e.gate.RUnlock()
	x.now = e.now()
	e.mu.Lock()
	n := e.log.next()
	e.mu.Unlock()
	x.requestID = e.random("request", n).UUID()
	rep := e.answer(x)
	e.mu.Lock()
	e.log.add(x, rep.status)
	e.mu.Unlock()
	return rep
}

// RoundTrip implements [http.RoundTripper]. It answers for any host: Login with Amazon at api.amazon.com, the Security Token
// Service at sts.amazonaws.com and sts.*.amazonaws.com, SP-API at all others. It fails only when the request's context is done, its
// body can't be read, or a fault has it.
func (e *Emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.URL == nil || r.URL.Host == "" && r.Host == "" {
		return nil, errNoHost
	}
	if isControlPath(r.URL.Path) {
		rec := &recorder{header: http.Header{}}
		send(rec, e.controlExchange(r), e.control(r, ""))
		resp := newResponse(r, rec)
		resp.Body = io.NopCloser(&rec.body)
		return resp, nil
	}
	in := r
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit(r)+1))
		if err != nil {
			return nil, err
		}
		in = r.WithContext(r.Context()) // a shallow copy: a round tripper must not change the request
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	x := e.newExchange(in)
	rep := e.handle(x)
	e.deliver()
	return e.roundTrip(r, x, rep)
}

// newResponse makes a response of what has been recorded; its body is the caller's to set.
func newResponse(r *http.Request, rec *recorder) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(rec.status) + " " + http.StatusText(rec.status),
		StatusCode:    rec.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        rec.header,
		ContentLength: int64(rec.body.Len()),
		Request:       r,
	}
}

// unzip does what [http.Transport] does for a client that hasn't asked for an encoding itself.
func unzip(resp *http.Response) {
	r := resp.Request
	if resp.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Range") != "" || r.Method == http.MethodHead {
		return
	}
	zip, err := gzip.NewReader(resp.Body)
	if err != nil {
		return
	}
	resp.Body = io.NopCloser(zip)
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
}

// recorder is the response writer behind [Emulator.RoundTrip].
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	stream io.Reader // instead of body
	length int64
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

func (e *Emulator) newExchange(r *http.Request) *exchange {
	x := &exchange{method: r.Method, url: r.URL, header: r.Header, remaining: -1}
	if x.method == "" {
		x.method = http.MethodGet // a client's request may leave it out
	}
	x.host = r.Host
	if x.host == "" {
		x.host = r.URL.Host
	}
	x.name = hostname(x.host)
	x.scheme = "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		x.scheme = "https"
	}
	if r.Body == http.NoBody {
		x.body = []byte{}
	} else if r.Body != nil {
		limit := bodyLimit(r)
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		x.body, x.tooBig = body, int64(len(body)) > limit || err != nil
	}
	return x
}

// hostname is a host in lower case and without its port.
func hostname(host string) string { return strings.ToLower((&url.URL{Host: host}).Hostname()) }

// answer sends the request to the service it is for, unless a fault comes between.
func (e *Emulator) answer(x *exchange) reply {
	x.operation = e.identify(x)
	if x.fault = e.strike(x); x.fault == nil {
		return e.dispatch(x)
	}
	x.skew = x.fault.Skew
	if r, instead := x.fault.instead(x); instead {
		if x.fault.CarriedOut {
			e.dispatch(x)
			x.rate = 0
		}
		return r
	}
	r := e.dispatch(x)
	if x.fault.breaksBody() {
		r = r.whole()
	}
	return x.fault.change(x, r)
}

// identify names the operation that a request asks for; "" for none.
func (e *Emulator) identify(x *exchange) string {
	host, path := x.name, x.url.Path
	if _, isDocument := documentID(host, path); isDocument {
		return documentOperation(x.method)
	}
	switch {
	case path == lwaPath:
		return "lwa.token"
	case host == lwaHost:
		return ""
	case path == stsPath || path+"/" == stsPath || isSTSHost(host):
		return stsOperation(x)
	}
	if x.route, x.params = e.routes.find(x.method, x.url.EscapedPath()); x.route != nil {
		return x.route.op.ID
	}
	return ""
}

func (e *Emulator) dispatch(x *exchange) reply {
	host, path := x.name, x.url.Path
	if id, isDocument := documentID(host, path); isDocument {
		return e.documentAnswer(x, id)
	}
	switch {
	case path == lwaPath:
		return e.token(x)
	case host == lwaHost:
		return reply{status: http.StatusNotFound, contentType: "text/plain", body: []byte("not found")}
	case isCentralHost(host) || isConsentPath(path) && x.region() == "":
		return e.central(x)
	case path == stsPath || path+"/" == stsPath || isSTSHost(host):
		return e.sts(x)
	default:
		if longHeader(x.header) {
			return htmlReply(http.StatusBadRequest, "400 Bad Request", "Your browser sent a request that this server could not understand.<br />\nSize of a request header field exceeds server limit.")
		}
		r := e.random("apigw", x.requestID)
		x.trace = r.Text(random.Base64URL, 15) + "="
		rep, err := e.api(x)
		if err != nil {
			return err.reply()
		}
		return rep
	}
}

// api answers a request to SP-API.
func (e *Emulator) api(x *exchange) (reply, *apiError) {
	if rep, ok := x.definition(); ok {
		return rep, nil
	}
	rt := x.route // found by identify
	if rt == nil {
		// Unknown paths and methods are refused like missing rights (selling-partner-api-models#826).
		return reply{}, denied("")
	}
	if e.options.requireSigV4 || rt.removed {
		if err := e.checkSignature(x); err != nil {
			return reply{}, err
		}
	}
	g, err := e.authorize(x, rt.op)
	if err != nil {
		return reply{}, err
	}
	x.grant = g
	sandbox := e.options.sandbox || isSandboxHost(x.name)
	if err := e.takeQuota(x, rt.op, sandbox); err != nil {
		return reply{}, err
	}
	if x.tooBig {
		message := "The request body is larger than the operation takes." // wording assumed
		return reply{}, &apiError{status: http.StatusRequestEntityTooLarge, code: "RequestTooLarge", message: &message, kind: "RequestTooLargeException"}
	}
	c := &call{emu: e, op: rt.op, account: g.account, grant: g, now: x.now, sandbox: sandbox, exchange: x, path: x.params, documents: x.documentBase()}
	if c.account != nil {
		c.account.desk.settle(x.now)
	}
	if rep, ok, err := e.replay(x, rt, c); ok || err != nil {
		return rep, err
	}
	if err := validate(x, c); err != nil {
		return reply{}, err
	}
	if rt.handler != nil {
		return rt.handler(c)
	}
	return answerFromSchema(c)
}

// region returns the region whose endpoint was called; "" for a host that is none of Amazon's, where every seller is at home.
func (x *exchange) region() marketplace.Region {
	return endpointRegions()[strings.TrimPrefix(x.name, "sandbox.")]
}

// endpointRegions are the regions of SP-API's hosts.
var endpointRegions = sync.OnceValue(func() map[string]marketplace.Region {
	hosts := map[string]marketplace.Region{}
	for _, r := range marketplace.Regions() {
		hosts[strings.TrimPrefix(r.Endpoint(), "https://")] = r
	}
	return hosts
})

func isSandboxHost(host string) bool { return strings.HasPrefix(host, "sandbox.") }

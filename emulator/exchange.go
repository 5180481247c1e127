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

	"github.com/openspapi/spapi/marketplace"
)

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
	operation string // "ordersv0.getOrders", "lwa.token"; "" while none is found
	rate      float64
	remaining int           // requests left in the operation's bucket; -1 where no limit was looked at
	fault     string        // the kind of fault that struck this request; "" for none
	skew      time.Duration // how far the service's own clock is off
}

// newExchange reads a request, of whose body limit bytes are taken at most.
func newExchange(r *http.Request, limit int64) *exchange {
	x := &exchange{method: r.Method, url: r.URL, header: r.Header, remaining: -1}
	if x.method == "" {
		x.method = http.MethodGet // a client's request may leave it out
	}
	x.host = hostOf(r)
	x.name = hostname(x.host)
	x.scheme = "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		x.scheme = "https"
	}
	if r.Body == http.NoBody {
		x.body = []byte{}
	} else if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		x.body, x.tooBig = body, int64(len(body)) > limit || err != nil
	}
	return x
}

// hostOf is the host that a request is for, as the client wrote it.
func hostOf(r *http.Request) string {
	if r.Host == "" {
		return r.URL.Host
	}
	return r.Host
}

// hostname is a host in lower case and without its port.
func hostname(host string) string { return strings.ToLower((&url.URL{Host: host}).Hostname()) }

// region returns the region whose endpoint was called; "" for a host that is none of Amazon's, where every seller is at home.
func (x *exchange) region() marketplace.Region {
	return endpointRegions()[strings.TrimPrefix(x.name, "sandbox.")]
}

// base is where the emulator is for whoever sent a request: "" stands for Amazon's own hosts.
func (x *exchange) base() string {
	if x.region() != "" {
		return ""
	}
	return x.scheme + "://" + x.host
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

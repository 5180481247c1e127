// Package exchange has a request with what is found out about it on the way to its reply.
package exchange

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/marketplace"
)

// Exchange is one request with what is found out about it on the way to its reply.
type Exchange struct {
	Method string
	scheme string // http or https
	Host   string // as the client wrote it
	Name   string // the host in lower case and without its port
	URL    *url.URL
	Header http.Header
	Body   []byte
	Long   *contents.Content // in place of Body, of one that is long, until its turn has come
	TooBig bool
	Came   time.Time // before the body was read
	Now    time.Time

	Upload      *contents.Content // in place of Body, of a service that takes files; nil with an UploadError
	UploadError error
	Chunked     bool // the file came without its length

	RequestID string
	Front     Front
	Rid       string // x-amz-rid: 20 capitals and digits
	Operation string // "ordersv0.getOrders", "lwa.token"; "" while none is found
	Rate      float64
	Remaining int           // requests left in the operation's bucket; -1 where no limit was looked at
	Fault     string        // the kinds of faults that struck this request or what its answer has, separated by commas; "" for none
	Skew      time.Duration // how far the service's own clock is off
}

// Strike notes a kind of faults that has struck the request or what its answer has.
func (x *Exchange) Strike(kind string) {
	switch {
	case x.Fault == "":
		x.Fault = kind
	case !slices.Contains(strings.Split(x.Fault, ","), kind):
		x.Fault += "," + kind
	}
}

// Front is what stands before the service that answers, and adds headers to its answers.
type Front int

// The fronts.
const (
	NoFront Front = iota // of STS and the consent pages
	S3
	Login   // of Login with Amazon
	Ping    // of the root of SP-API's hosts in production
	Gateway // of SP-API
	Edge    // CloudFront before SP-API's gateway, as the hosts of the sandbox have it since 2026
)

// Limits are how much of a request's body is read, and where to. A body that is to be kept as a file isn't held in memory, and of others no more
// than shortBody.
type Limits struct {
	Body   int64
	Bodies *contents.Store
	Upload int64           // of a file; 0: there is none
	Files  *contents.Store // for it
}

// shortBody is how large a body may be that is held in memory while it comes, and answered without waiting for a turn.
const shortBody = 64 << 10

// Read reads a request. The error says why its body hasn't come whole.
func Read(r *http.Request, to Limits) (Exchange, error) {
	x := Exchange{Method: r.Method, URL: r.URL, Header: r.Header, Remaining: -1}
	if x.Method == "" {
		x.Method = http.MethodGet // a client's request may leave it out
	}
	x.Host = HostOf(r)
	x.Name = Hostname(x.Host)
	x.scheme = schemeOf(r)
	if to.Upload > 0 {
		body := io.Reader(r.Body)
		if r.Body == nil {
			body = http.NoBody
		}
		x.Upload, x.UploadError = to.Files.Read(body, to.Upload)
		x.TooBig = x.UploadError != nil
		// A client's request may say 0 of a body whose length it doesn't know (net/http's Request).
		x.Chunked = r.ContentLength < 0 || r.ContentLength == 0 && x.Upload != nil && x.Upload.Size() > 0
		if errors.Is(x.UploadError, contents.ErrTooLarge) || errors.Is(x.UploadError, contents.ErrFull) {
			return x, nil
		}
		return x, x.UploadError
	}
	if r.Body == http.NoBody {
		x.Body = []byte{}
	} else if r.Body != nil {
		return x, x.readBody(r.Body, to)
	}
	return x, nil
}

func (x *Exchange) readBody(from io.Reader, to Limits) (err error) {
	x.Body, err = io.ReadAll(io.LimitReader(from, shortBody+1))
	if err != nil || len(x.Body) <= shortBody {
		return err
	}
	from = io.MultiReader(bytes.NewReader(x.Body), from)
	if !to.Bodies.OnDisk() {
		x.Body, err = io.ReadAll(io.LimitReader(from, to.Body+1))
		x.TooBig = int64(len(x.Body)) > to.Body
		return err
	}
	x.Long, err = to.Bodies.Read(from, to.Body)
	if errors.Is(err, contents.ErrTooLarge) { // of what nobody reads, the beginning is enough
		x.TooBig, err = true, nil
	}
	return err
}

// TakeUpload hands the file over to one who keeps it.
func (x *Exchange) TakeUpload() *contents.Content {
	c := x.Upload
	x.Upload = nil
	return c
}

// DropUpload gives a file up that nobody has taken.
func (x *Exchange) DropUpload() {
	if x.Upload != nil {
		x.TakeUpload().Release()
	}
}

// HostOf is the host that a request is for, as the client wrote it. A reverse proxy that has put its own host in its place says so.
func HostOf(r *http.Request) string {
	if r.Host == "" {
		return r.URL.Host
	}
	if v := forwarded(r, "X-Forwarded-Host"); v != "" && !strings.ContainsAny(v, "/\\?#@ \"<>") {
		return v
	}
	return r.Host
}

// schemeOf is the scheme by which a client has called: https for Amazon's own hosts, which know no other.
func schemeOf(r *http.Request) string {
	if HostNamed(Hostname(HostOf(r))).Kind != OwnAddress {
		return "https"
	}
	switch v := strings.ToLower(forwarded(r, "X-Forwarded-Proto")); {
	case v == "http" || v == "https":
		return v
	case r.TLS != nil || r.URL.Scheme == "https":
		return "https"
	}
	return "http"
}

// forwarded is what a reverse proxy says of the client's request; of several in a row the one next to the client. Amazon's hosts are no reverse
// proxy's: there the header is one of the client's that nobody reads.
func forwarded(r *http.Request, name string) string {
	if HostNamed(Hostname(r.Host)).Kind != OwnAddress {
		return ""
	}
	first, _, _ := strings.Cut(r.Header.Get(name), ",")
	return strings.TrimSpace(first)
}

// Hostname is a host in lower case and without its port.
func Hostname(host string) string { return strings.ToLower((&url.URL{Host: host}).Hostname()) }

// Region returns the region whose endpoint was called; "" for a host that is none of Amazon's, where every seller is at home.
func (x *Exchange) Region() marketplace.Region {
	if h := HostNamed(x.Name); h.Kind == APIHost || h.Kind == SandboxHost {
		return h.Region
	}
	return ""
}

// Origin is scheme and host by which the client has called.
func (x *Exchange) Origin() string { return x.scheme + "://" + x.Host }

// DocumentPath is where documents lie below [Exchange.Base].
const DocumentPath = "/_documents/"

// Base is where the emulator is for whoever sent a request: "" stands for Amazon's own hosts.
func (x *Exchange) Base() string {
	if x.Region() != "" {
		return ""
	}
	return x.Origin()
}

// IsSandboxHost tells whether a host, in lower case and without port, is a sandbox of SP-API.
func IsSandboxHost(host string) bool { return HostNamed(host).Kind == SandboxHost }

// NewResponse makes a response of what has been recorded; its body is the caller's to set.
func NewResponse(r *http.Request, rec *Recorder) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(rec.Status) + " " + http.StatusText(rec.Status),
		StatusCode:    rec.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        rec.Header(),
		ContentLength: int64(rec.Body.Len()),
		Request:       r,
	}
}

// Unzip does what [http.Transport] does for a client that hasn't asked for an encoding itself.
func Unzip(resp *http.Response) {
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

// Recorder is the response writer behind a round tripper.
type Recorder struct {
	header http.Header
	Status int
	Body   bytes.Buffer
	Stream io.Reader // instead of body
	Length int64
}

func NewRecorder() *Recorder { return &Recorder{header: http.Header{}} }

func (r *Recorder) Header() http.Header         { return r.header }
func (r *Recorder) WriteHeader(status int)      { r.Status = status }
func (r *Recorder) Write(b []byte) (int, error) { return r.Body.Write(b) }

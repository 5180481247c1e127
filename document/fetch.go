package document

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Location is where a document can be fetched for a few minutes: what getReportDocument, getFeedDocument and Data Kiosk's getDocument answer.
type Location struct {
	URL                  string // presigned: whoever has it can read the document, so it is never shown in errors
	CompressionAlgorithm string // "GZIP" or ""
}

// String shows no more than the host.
func (l Location) String() string {
	return fmt.Sprintf("Location{%s %s}", hostOf(l.URL), l.CompressionAlgorithm)
}

// GoString shows no more than the host.
func (l Location) GoString() string { return l.String() }

// FetchError is an answer of the document store that is no document.
type FetchError struct {
	Host       string
	StatusCode int
	Code       string // S3's code, such as "AccessDenied" or "NoSuchKey"; "" if the answer has none
	Message    string
	RequestID  string // x-amz-request-id
}

func (e *FetchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "document: %s answered %d", e.Host, e.StatusCode)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String()
}

// expired reports whether a new URL would help. S3 says so in three ways: the URL's own time is over, or the session that
// signed it has ended (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
func (e *FetchError) expired() bool {
	switch {
	case e.StatusCode/100 != 4:
		return false
	case e.Code == "ExpiredToken", e.Code == "RequestExpired", e.Code == "TokenRefreshRequired":
		return true
	}
	return e.StatusCode == http.StatusForbidden && strings.Contains(strings.ToLower(e.Message), "expired")
}

func (e *FetchError) temporary() bool {
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Code == "RequestTimeout" // which S3 sends with a 400
}

// TruncatedError is a document that ends too early, after all attempts to fetch the rest.
type TruncatedError struct {
	Have int64 // bytes that came over the wire
	Want int64 // bytes that were announced; -1 if the size is unknown and gzip's own end is missing
	Err  error // the last reason
}

func (e *TruncatedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "document: cut short after %d bytes", e.Have)
	if e.Want >= 0 {
		fmt.Fprintf(&b, " of %d", e.Want)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the last reason.
func (e *TruncatedError) Unwrap() error { return e.Err }

// Is makes a truncated document an [io.ErrUnexpectedEOF].
func (e *TruncatedError) Is(target error) bool { return target == io.ErrUnexpectedEOF }

// ErrChanged is a document that became another one between two connections: what has been read and what would follow don't belong together. A document
// that begins with the very bytes that were read is none.
var ErrChanged = errors.New("document: changed while it was being fetched; fetch it again from the start")

// errStalled ends a connection that is open but silent.
var errStalled = fmt.Errorf("no data within the stall timeout: %w", os.ErrDeadlineExceeded) // not the caller's deadline

// maxExpired is how many fresh URLs in a row may be refused as expired: with a clock that far off none will ever do.
const maxExpired = 3

// fetcher reads the bytes of a document as stored, over as many connections as it takes.
type fetcher struct {
	ctx     context.Context
	resolve func(context.Context) (Location, error)
	client  *http.Client
	options Options

	loc      Location
	resolved bool

	body  io.ReadCloser
	stop  func() // ends the request's context
	timer *time.Timer

	at      atomic.Int64 // bytes delivered
	total   atomic.Int64 // bytes of the whole document, -1 if unknown
	connect atomic.Int64 // connections made

	sum       maphash.Hash // of what was delivered: proves that a document read again from the start begins with it
	validator validator
	ranged    bool // the last request asked for the rest
	// unzipped: the transport unpacked the answer by itself, so offsets are not those of the stored object and no Range can be asked for.
	unzipped bool
	noRange  bool

	contentType, contentEncoding string
	header                       http.Header // of the first answer

	failures int // attempts in a row that brought nothing
	expired  int // fresh URLs in a row that were refused as expired
	cause    error
	err      error // final
}

func (f *fetcher) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for f.err == nil {
		if f.body == nil {
			f.err = f.dial()
			continue
		}
		f.timer.Reset(f.options.StallTimeout)
		n, err := f.body.Read(p)
		f.timer.Stop() // what the reader does meanwhile is no stall of the store
		if n > 0 {
			_, _ = f.sum.Write(p[:n])
			f.at.Add(int64(n))
			f.failures, f.expired = 0, 0
		}
		if err != nil {
			f.hangUp()
			f.ended(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	f.hangUp()
	return 0, f.err
}

// ended judges the end of a body: io.EOF in f.err if that was all, otherwise a failure to be mended.
func (f *fetcher) ended(err error) {
	at, total := f.at.Load(), f.total.Load()
	switch {
	case total >= 0 && at == total, err == io.EOF && total < 0:
		f.err = io.EOF
	case total >= 0 && at > total:
		f.err = fmt.Errorf("document: %d bytes came where %d were announced", at, total)
	case err == io.EOF:
		f.failed(io.ErrUnexpectedEOF)
	default:
		f.failed(err)
	}
}

func (f *fetcher) failed(err error) {
	f.failures++
	f.cause = err
}

func (f *fetcher) hangUp() {
	if f.body != nil {
		f.timer.Stop()
		f.stop()
		_ = f.body.Close()
		f.body = nil
	}
}

// dial opens a connection at the present offset, however often that has to be tried. Its error is final; io.EOF means that nothing is left.
func (f *fetcher) dial() error {
	for {
		if err := context.Cause(f.ctx); err != nil {
			return err
		}
		if f.failures > 0 {
			if f.failures >= f.options.MaxAttempts {
				return f.giveUp()
			}
			if err := sleep(f.ctx, f.pause()); err != nil {
				return err
			}
		}
		if !f.resolved {
			loc, err := f.resolve(f.ctx)
			if err != nil {
				return fmt.Errorf("document: no URL: %w", err)
			}
			f.loc, f.resolved = loc, true
		}
		resp, stop, timer, err := f.request() //nolint:bodyclose // hangUp closes it
		if err != nil {
			if permanent(err) {
				return err
			}
			f.failed(err)
			continue
		}
		f.body, f.stop, f.timer = resp.Body, stop, timer
		ready, err := f.accept(resp)
		if err != nil || !ready {
			f.hangUp()
		}
		if err != nil || ready {
			return err
		}
	}
}

// permanent reports whether the next attempt would end the same way.
func permanent(err error) bool {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &cert) || errors.As(err, &record) || errors.Is(err, errAddress) || errors.Is(err, errRedirect)
}

var (
	errAddress  = errors.New("document: the address is not an http or https URL") // the cause would show it
	errRedirect = errors.New("redirect refused")
)

func (f *fetcher) giveUp() error {
	var refused *FetchError
	switch at := f.at.Load(); {
	case errors.As(f.cause, &refused), at == 0 && f.total.Load() < 0:
		return fmt.Errorf("%w (%d attempts)", f.cause, f.failures)
	default:
		return &TruncatedError{Have: at, Want: f.total.Load(), Err: f.cause}
	}
}

// pause is full jitter under an exponentially growing bound.
func (f *fetcher) pause() time.Duration {
	bound := f.options.MaxDelay
	if n := f.failures - 1; n < 20 {
		bound = min(bound, f.options.BaseDelay<<n)
	}
	return rand.N(bound + 1)
}

// request sends the GET. The timer ends it when nothing arrives for too long.
func (f *fetcher) request() (*http.Response, func(), *time.Timer, error) {
	ctx, cancel := context.WithCancelCause(f.ctx)
	stop := func() { cancel(nil) }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.loc.URL, nil)
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		stop()
		return nil, nil, nil, errAddress
	}
	// The object as it is stored, since offsets count its bytes. It also keeps Go's transport from unpacking.
	req.Header.Set("Accept-Encoding", "identity")
	at := f.at.Load()
	f.ranged = at > 0 && f.validator.value != "" && !f.unzipped && !f.noRange
	if f.ranged { // else from the start
		req.Header.Set("Range", "bytes="+strconv.FormatInt(at, 10)+"-")
		req.Header.Set("If-Range", f.validator.value)
	}
	f.connect.Add(1)
	timer := time.AfterFunc(f.options.StallTimeout, func() { cancel(errStalled) })
	resp, err := f.client.Do(req)
	if err != nil {
		timer.Stop()
		stop()
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		return nil, nil, nil, fmt.Errorf("document: %s: %w", req.URL.Host, withoutURL(err))
	}
	resp.Body = &stallBody{resp.Body, ctx}
	return resp, stop, timer, nil
}

// stallBody tells a stall from a cancellation by the caller: net/http knows only that the context has ended.
type stallBody struct {
	io.ReadCloser
	ctx context.Context
}

func (b *stallBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

// accept looks at an answer: ready if its body goes on at the present offset.
func (f *fetcher) accept(resp *http.Response) (ready bool, err error) {
	at := f.at.Load()
	switch {
	case resp.StatusCode == http.StatusOK && at == 0:
		f.take(resp)
		f.contentType, f.contentEncoding, f.header = resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding"), resp.Header
		return true, nil
	case resp.StatusCode == http.StatusOK:
		return f.skip(resp, at)
	case resp.StatusCode == http.StatusPartialContent && f.ranged:
		if err := f.goesOn(resp, at); err != nil {
			f.noRange = true
			f.failed(err)
			return false, nil
		}
		return true, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && f.ranged:
		// The connection broke after the last byte of a document of unknown length, or the length that was announced at first was wrong.
		if _, total, _ := parseContentRange(resp.Header.Get("Content-Range")); total == at && f.total.Load() < 0 {
			f.total.Store(total)
			return false, io.EOF
		}
		f.noRange = true
		f.failed(errors.New("document: the store has nothing from here on"))
		return false, nil
	}
	refused := readRefusal(resp, hostOf(f.loc.URL))
	switch {
	case refused.expired() && f.expired < maxExpired:
		f.expired++
		f.resolved = false
		return false, nil
	case refused.temporary():
		f.failed(refused)
		return false, nil
	}
	return false, refused
}

// take notes what an answer with the whole document says of it.
func (f *fetcher) take(resp *http.Response) {
	f.total.Store(resp.ContentLength)
	f.validator = strongValidator(resp.Header)
	f.unzipped = resp.Uncompressed
}

// goesOn is nil if an answer is the rest of the very document that was begun, and why it can't be known otherwise.
func (f *fetcher) goesOn(resp *http.Response, at int64) error {
	if got := resp.Header.Get(f.validator.header); got != f.validator.value {
		return fmt.Errorf("document: the store goes on with another %s: %q, not %q", f.validator.header, got, f.validator.value)
	}
	if got := resp.Header.Get("Content-Encoding"); got != f.contentEncoding || resp.Uncompressed {
		return fmt.Errorf("document: the store goes on with another Content-Encoding: %q, not %q", got, f.contentEncoding)
	}
	text := resp.Header.Get("Content-Range")
	from, total, ok := parseContentRange(text)
	if !ok || from != at {
		return fmt.Errorf("document: Content-Range %q does not start at %d", text, at)
	}
	if want := f.total.Load(); total >= 0 && want >= 0 && total != want {
		return fmt.Errorf("document: Content-Range %q is of another size than the %d bytes that were announced", text, want)
	}
	if total >= 0 {
		f.total.Store(total)
	}
	return nil
}

// skip reads over what has been delivered of a document that comes again from its start. Only if that is the same, byte for byte, what follows belongs to it;
// then it is the document, whatever was known of it.
func (f *fetcher) skip(resp *http.Response, at int64) (bool, error) {
	if resp.ContentLength >= 0 && resp.ContentLength < at {
		return false, ErrChanged
	}
	var sum maphash.Hash
	sum.SetSeed(f.sum.Seed())
	buf := make([]byte, 32<<10)
	for left := at; left > 0; {
		f.timer.Reset(f.options.StallTimeout)
		n, err := resp.Body.Read(buf[:min(left, int64(len(buf)))])
		_, _ = sum.Write(buf[:n])
		left -= int64(n)
		if err != nil && left > 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			f.failed(err)
			return false, nil
		}
	}
	if sum.Sum64() != f.sum.Sum64() {
		return false, ErrChanged
	}
	f.take(resp)
	return true, nil
}

// validator is a header whose value no other bytes have: without one, nothing tells that the rest of a document is the rest of this one.
type validator struct{ header, value string }

// strongValidator finds a strong ETag, else a Last-Modified that is strong because the answer is at least a minute younger (RFC 9110 8.8.2.2); "" if there is
// none.
func strongValidator(h http.Header) validator {
	if etag := h.Get("Etag"); len(etag) > 2 && strings.HasPrefix(etag, `"`) && strings.HasSuffix(etag, `"`) {
		return validator{"Etag", etag}
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return validator{}
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil && date.Sub(modified) >= time.Minute {
		return validator{"Last-Modified", h.Get("Last-Modified")}
	}
	return validator{}
}

// parseContentRange reads "bytes 7-99/100" and "bytes */100"; numbers that are absent are -1.
func parseContentRange(s string) (from, total int64, ok bool) {
	from, total = -1, -1
	span, size, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	if !ok {
		return from, total, false
	}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil {
		total = n
	}
	if first, _, ok := strings.Cut(span, "-"); ok {
		if n, err := strconv.ParseInt(first, 10, 64); err == nil {
			from = n
		}
	}
	return from, total, from >= 0
}

// readRefusal reads S3's XML error, of which answers to HEAD, proxies and other stores have nothing.
func readRefusal(resp *http.Response, host string) *FetchError {
	e := &FetchError{Host: host, StatusCode: resp.StatusCode, RequestID: resp.Header.Get("X-Amz-Request-Id")}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	var x struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}
	if xml.Unmarshal(body, &x) == nil {
		e.Code, e.Message = x.Code, clip(x.Message) // the rest of the XML holds the string to sign and the token
	}
	return e
}

// withoutURL takes the address out of net/http's errors, because it is a secret.
func withoutURL(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Host
	}
	return "the document store"
}

// clip makes foreign text fit for an error message.
func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

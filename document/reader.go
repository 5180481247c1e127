package document

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip" // 1.4 times as fast as compress/gzip at unpacking a report
)

// Options say how a document is fetched and read. The zero value is ready for use.
type Options struct {
	Transport http.RoundTripper // default http.DefaultTransport; it must add no credentials

	// Charset is what to take when the document's Content-Type names none (or one that is unknown, or that its bytes contradict), as it follows from
	// report type and marketplace: "windows-1252", "Shift_JIS" …. Text that is plainly UTF-8 is read as that all the same. Default: by the look of the text.
	Charset string
	// Binary leaves the bytes as they are, only unpacked: PDF, XLSX. What begins as these do is left alone without it too.
	Binary bool
	// Raw leaves the document as it is stored: neither unpacked nor converted, for those who pass it on. [Reader.Header] tells what it is.
	Raw bool

	MaxAttempts  int           // attempts in a row that bring no byte; default 8
	BaseDelay    time.Duration // the first pause is random between 0 and this, doubled for each further one; default 250 ms
	MaxDelay     time.Duration // the longest such pause; default 30 s
	StallTimeout time.Duration // a connection silent for so long is given up; default 60 s
}

func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	o.MaxAttempts = cmp.Or(max(o.MaxAttempts, 0), 8)
	o.BaseDelay = cmp.Or(max(o.BaseDelay, 0), 250*time.Millisecond)
	o.MaxDelay = cmp.Or(max(o.MaxDelay, 0), 30*time.Second)
	o.StallTimeout = cmp.Or(max(o.StallTimeout, 0), 60*time.Second)
	return o
}

// Progress is how far a document has been read.
type Progress struct {
	Wire        int64 // bytes that came over the wire, without those read twice
	Total       int64 // bytes of the document as stored, -1 if unknown
	Out         int64 // bytes that were read from the Reader
	Connections int64 // requests that were sent
}

// Reader is a document's content: unpacked, and in UTF-8 unless it is binary, as [TextReader] makes it. Only Progress may be called while another goroutine reads.
type Reader struct {
	fetch   *fetcher
	cancel  context.CancelFunc
	ahead   *ahead // nil until the document is open
	content io.Reader
	text    *TextReader // nil for binary documents
	out     atomic.Int64
	err     error
}

// Open asks resolve for the document's URL and starts to fetch it; resolve is called again when the URL has expired. The context
// governs the reading too. The Reader must be closed.
//
// Errors, here and from Read: [*FetchError], [*TruncatedError], [ErrChanged], [*CorruptError], [*CompressionError], resolve's own, the context's cause.
func Open(ctx context.Context, resolve func(context.Context) (Location, error), options Options) (*Reader, error) {
	options = options.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	f := &fetcher{
		ctx: ctx, resolve: resolve, options: options,
		client: &http.Client{Transport: options.Transport, CheckRedirect: checkRedirect},
	}
	f.total.Store(-1)
	r := &Reader{fetch: f, cancel: cancel}
	if err := r.open(options); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// checkRedirect keeps a secret URL from being told to others or sent in the clear.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 5:
		return fmt.Errorf("%w: more than 5", errRedirect)
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("%w: from https to %s", errRedirect, req.URL.Scheme)
	}
	req.Header.Del("Referer")
	return nil
}

func (r *Reader) open(options Options) error {
	if err := r.fetch.dial(); err != nil {
		return err
	}
	if options.Raw {
		r.content = r.fetch
		return nil
	}
	var err error
	if r.content, err = r.unpack(); err != nil {
		return err
	}
	r.ahead = readAhead(r.fetch.ctx, r.content)
	r.content = r.ahead
	if !options.Binary {
		r.text = NewTextReader(r.content, charsetParameter(r.fetch.contentType), options.Charset)
		r.content = r.text
	}
	return nil
}

// CompressionError is a document that is packed in a way that this package doesn't know.
type CompressionError struct {
	Name string // as SP-API's compressionAlgorithm or the store's Content-Encoding has it
}

func (e *CompressionError) Error() string {
	return fmt.Sprintf("document: packed as %q, want GZIP or nothing", clip(e.Name))
}

// unpack puts gzip readers over the stored bytes. What is declared (by SP-API, by the store) and what arrives differ when a transport has unpacked
// already, so the bytes decide: gzip's magic starts no text. A document packed twice is unpacked twice only when both declare a packing. What neither
// is gzip nor looks unpacked, though it is declared to be packed, is damaged or unknown.
func (r *Reader) unpack() (io.Reader, error) {
	layers, unknown := 0, ""
	switch algorithm := r.fetch.loc.CompressionAlgorithm; {
	case strings.EqualFold(algorithm, "GZIP"):
		layers++
	default:
		unknown = algorithm
	}
	for _, coding := range strings.Split(r.fetch.contentEncoding, ",") {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
		case "gzip", "x-gzip":
			layers++
		case "br", "compress", "deflate", "zstd":
			unknown = coding
		}
	}
	declared, unpacked := layers > 0, false
	br := bufio.NewReaderSize(r.fetch, 64<<10)
	for layers = max(layers, 1); layers > 0; layers-- {
		head, err := br.Peek(3)
		if err != nil && err != io.EOF {
			return nil, r.mapped(err)
		}
		if len(head) < 3 {
			if declared && len(head) > 0 && head[0] == 0x1f {
				return nil, &TruncatedError{Have: r.fetch.at.Load(), Want: -1, Err: errors.New("gzip header incomplete")}
			}
			break
		}
		if head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 {
			if packed := declared || unknown != ""; packed && !unpacked && !r.fetch.unzipped {
				if head, err = br.Peek(64); err != nil && err != io.EOF {
					return nil, r.mapped(err)
				}
				switch {
				case looksUnpacked(head):
				case unknown != "":
					return nil, &CompressionError{Name: unknown}
				default:
					return nil, &CorruptError{At: r.fetch.at.Load(), Err: errors.New("it doesn't begin as gzip does, though it is declared")}
				}
			}
			break
		}
		unpacked = true
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, r.mapped(err)
		}
		zr.Multistream(false)
		br = bufio.NewReaderSize(&members{src: br, member: zr}, 64<<10)
	}
	return br, nil
}

// looksUnpacked reports whether a document may begin so: text has no control characters, but in UTF-16.
func looksUnpacked(head []byte) bool {
	for _, magic := range []string{"%PDF-", "PK\x03\x04", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	control := func(c rune) bool { return c < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1a", c) }
	return bytes.IndexFunc(head, control) < 0 || lookOfUTF16(head, false) != ""
}

// errBehind is what the gzip reader itself would take for the header of a member that is cut short or damaged.
var errBehind = errors.New("something that is no gzip follows its end")

// members reads gzip data, which may be several members in a row (RFC 1952 2.2).
type members struct {
	src    *bufio.Reader
	member *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.member.Read(p)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil // comes again
			}
			return n, err
		}
		switch head, err := m.src.Peek(2); {
		case len(head) > 0 && head[0] != 0x1f, len(head) > 1 && head[1] != 0x8b:
			return 0, errBehind
		case len(head) == 0:
			return 0, err
		}
		if err := m.member.Reset(m.src); err != nil {
			return 0, err
		}
		m.member.Multistream(false)
	}
}

// Read reads the content. An error other than io.EOF means that the document is not whole; what was read before stands.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.content.Read(p)
	r.out.Add(int64(n))
	if err != nil {
		if err != io.EOF {
			err = r.mapped(err)
		}
		r.err = err
	}
	return n, err
}

// CorruptError is a document whose packing is damaged: its bytes arrived, but they are not what was packed.
type CorruptError struct {
	At  int64 // bytes of the wire that were read when it showed
	Err error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("document: damaged gzip data, within the first %d bytes: %v", e.At, e.Err)
}

// Unwrap returns the decoder's error, such as a wrong checksum.
func (e *CorruptError) Unwrap() error { return e.Err }

// mapped tells the fetcher's errors, which are typed already, from those of gzip.
func (r *Reader) mapped(err error) error {
	if fetched := r.fetch.err; fetched != nil && fetched != io.EOF {
		return fetched
	}
	if r.fetch.ctx.Err() != nil && err == context.Cause(r.fetch.ctx) { // between two reads of the fetcher
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &TruncatedError{Have: r.fetch.at.Load(), Want: -1, Err: errors.New("the end of its gzip data is missing")}
	}
	if errors.Is(err, errClosed) {
		return err
	}
	return &CorruptError{At: r.fetch.at.Load(), Err: err}
}

var errClosed = errors.New("document: read after close")

// Close ends the fetching. It may be called more than once, and not while another goroutine reads.
func (r *Reader) Close() error {
	r.cancel()
	if r.ahead != nil {
		r.ahead.close()
		r.ahead = nil
	}
	r.fetch.hangUp()
	if r.err == nil {
		r.err = errClosed
	}
	return nil
}

// Progress may be called from any goroutine.
func (r *Reader) Progress() Progress {
	return Progress{Wire: r.fetch.at.Load(), Total: r.fetch.total.Load(), Out: r.out.Load(), Connections: r.fetch.connect.Load()}
}

// ContentType returns the Content-Type that the store sent, "" if it sent none.
func (r *Reader) ContentType() string { return r.fetch.contentType }

// Header returns the headers of the store's first answer, which must not be changed.
func (r *Reader) Header() http.Header { return r.fetch.header }

// Charset returns the name of the charset that the text is read from; "US-ASCII" as long as nothing else has shown and none was declared,
// "" for binary documents.
func (r *Reader) Charset() string {
	if r.text == nil {
		return ""
	}
	return r.text.Charset()
}

// Misdeclared returns the charset that a byte order mark or Content-Type declared where the bytes contradict it, so that the text is read from
// the one that Charset names; "" as long as there is no contradiction. The text tells no sooner than it leaves ASCII.
func (r *Reader) Misdeclared() string {
	if r.text == nil {
		return ""
	}
	return r.text.Misdeclared()
}

// Replaced returns how many bytes so far made no character in the charset and became U+FFFD.
func (r *Reader) Replaced() int64 {
	if r.text == nil {
		return 0
	}
	return r.text.Replaced()
}

// charsetParameter reads Content-Type's charset, also from headers that mime finds fault with.
func charsetParameter(contentType string) string {
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return params["charset"]
	}
	lower := strings.ToLower(contentType)
	i := strings.Index(lower, "charset=")
	if i < 0 {
		return ""
	}
	name := contentType[i+len("charset="):]
	if j := strings.IndexAny(name, "; ,"); j >= 0 {
		name = name[:j]
	}
	return strings.Trim(name, `"' `)
}

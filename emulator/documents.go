package emulator

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Reports, feeds and Data Kiosk exchange their contents by presigned URLs of S3. The emulator makes and serves such URLs itself: on
// S3's hosts when it stands in for Amazon's, and below documentPath of its own address when it is served on a port.

const (
	// documentLifetime is how long a URL is good (selling-partner-api-models reports, feeds and dataKiosk: "expires after 5 minutes").
	documentLifetime = 300 * time.Second
	// documentPath is where documents lie when the emulator is served on a port.
	documentPath = "/_documents/"
	// maxUpload is the largest document that may be uploaded. Amazon's own limits differ by feed type and are smaller; S3's for one
	// PUT is 5 GB.
	maxUpload = 100 << 20
	// compressedFrom is from which size on documents are compressed. Amazon publishes no rule: "If the report document contents have
	// been compressed, …" (selling-partner-api-models, reports_2021-06-30).
	compressedFrom = 4 << 10
)

// documentHosts are the buckets that were seen in URLs: selling-partner-api-models#1593 (North America), #2648 (Europe), and a
// getReportDocument answer of October 2025 in a public repository's notes (Far East).
var documentHosts = map[marketplace.Region]string{
	marketplace.NorthAmerica: "tortuga-prod-na.s3-external-1.amazonaws.com",
	marketplace.Europe:       "tortuga-prod-eu.s3-eu-west-1.amazonaws.com",
	marketplace.FarEast:      "tortuga-prod-fe.s3-us-west-2.amazonaws.com",
}

// document is something that can be downloaded, or uploaded first.
type document struct {
	id          string
	contentType string // of the upload, or with the charset of the content
	created     time.Time
	expires     time.Time // when it is gone for good
	restricted  bool      // holds personal data: a plain token won't do

	// open starts the content. It gives the same bytes each time.
	open func() source

	mu       sync.Mutex
	uploaded bool
	data     []byte // the bytes to be sent, once they are known
	size     int64  // -1: not known yet
	etag     string
	gzipped  bool
	looked   bool // gzipped has been decided
}

// source yields the content of a document piece by piece; nil at the end. The pieces are good until the next call. It is pulled and not
// pushed, so that a large document needs neither a goroutine nor a buffer of its size.
type source func() []byte

// onePiece is a source of bytes that are there.
func onePiece(b []byte) func() source {
	return func() source {
		rest := b
		return func() []byte {
			piece := rest
			rest = nil
			return piece
		}
	}
}

// sourceReader makes a source an [io.Reader].
type sourceReader struct {
	next source
	rest []byte
}

func (r *sourceReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.rest = r.next(); r.rest == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// gzipReader compresses what it reads from a source.
type gzipReader struct {
	next source
	buf  bytes.Buffer
	zip  *gzip.Writer
	done bool
}

func newGzipReader(next source) *gzipReader {
	r := &gzipReader{next: next}
	r.zip = gzip.NewWriter(&r.buf) // no time and no name in its header: the same content gives the same bytes
	return r
}

func (r *gzipReader) Read(p []byte) (int, error) {
	for r.buf.Len() == 0 && !r.done {
		if piece := r.next(); piece != nil {
			_, _ = r.zip.Write(piece) // a buffer takes everything
		} else {
			_ = r.zip.Close()
			r.done = true
		}
	}
	return r.buf.Read(p)
}

// compressed tells whether the document is sent as GZIP: when its content is larger than a few kilobytes. Uploads stay as they are.
func (d *document) compressed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compress()
}

func (d *document) compress() bool {
	if !d.looked && !d.uploaded {
		d.looked = true
		n := 0
		for next := d.open(); n < compressedFrom; {
			piece := next()
			if piece == nil {
				break
			}
			n += len(piece)
		}
		d.gzipped = n >= compressedFrom
	}
	return d.gzipped
}

// measure generates the document once and keeps it as it is sent, which is compressed unless it is small: whatever happens to the world
// between two downloads, or two ranges of one, they give the same bytes.
func (d *document) measure() (size int64, etag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size >= 0 {
		return d.size, d.etag
	}
	d.compress()
	var sent bytes.Buffer
	_, _ = sent.ReadFrom(d.generate()) // neither fails
	d.data, d.size = bytes.Clone(sent.Bytes()), int64(sent.Len())
	sum := md5.Sum(d.data) // S3's ETag of an object that was put in one piece
	d.etag = `"` + hex.EncodeToString(sum[:]) + `"`
	return d.size, d.etag
}

// generate reads the bytes as they are sent.
func (d *document) generate() io.Reader {
	switch {
	case d.data != nil:
		return bytes.NewReader(d.data)
	case d.gzipped:
		return newGzipReader(d.open())
	default:
		return &sourceReader{next: d.open()}
	}
}

// changed returns the content of a document as it was sent, when it would not be generated so any more; nil otherwise.
func (d *document) changed() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.data == nil || d.uploaded {
		return nil
	}
	content := d.data
	if d.gzipped {
		z, err := gzip.NewReader(bytes.NewReader(d.data))
		if err == nil {
			content, err = io.ReadAll(z)
		}
		if err != nil {
			panic("emulator: document " + d.id + ": " + err.Error()) // we have compressed it
		}
	}
	if bytes.Equal(content, readAll(d.open())) {
		return nil
	}
	return content
}

// body reads the bytes of a document that has been measured.
func (d *document) body() io.Reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.generate()
}

// content reads what was uploaded.
func (d *document) content() ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data, d.uploaded
}

// addDocument stores a document under a new id; it wants k.mu held.
func (k *queue) addDocument(kind string, d *document) *document {
	r := k.random("document", k.next())
	// Ids as in the models' examples and issues: amzn1.spdoc.1.4.na.<uuid>.<T…>.<n> for reports, amzn1.tortuga.4.na.<uuid>.<T…> else.
	d.id = "amzn1.tortuga.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13)
	if kind == "report" {
		d.id = "amzn1.spdoc.1.4." + string(k.account.Region) + "." + r.UUID() + ".T" + r.Text(random.Base36, 13) + "." + r.Text(random.Digits, 4)
	}
	d.size = -1
	k.documents[d.id] = d
	return d
}

// documentURL presigns a URL for a document: method is what it is good for, extra goes into the query and is signed, too.
func (c *call) documentURL(method string, d *document, extra url.Values) string {
	target := url.URL{Scheme: "https", Host: documentHosts[c.account.Region], Path: "/" + d.id}
	if base := c.exchange.base(); base != "" {
		if here, err := url.Parse(base); err == nil {
			target.Scheme, target.Host, target.Path = here.Scheme, here.Host, documentPath+d.id
		}
	}
	signed := "host"
	if method == http.MethodPut && d.contentType != "" {
		signed = "content-type;host"
	}
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Date":          {c.now.UTC().Format("20060102T150405Z")},
		"X-Amz-SignedHeaders": {signed},
		"X-Amz-Expires":       {strconv.Itoa(int(documentLifetime / time.Second))},
		"X-Amz-Credential":    {"AKIA5U6MO6RANYPNEUPL/" + c.now.UTC().Format("20060102") + "/" + c.account.Region.AWSRegion() + "/s3/aws4_request"},
	}
	for name, v := range extra {
		q[name] = v
	}
	contentType := ""
	if method == http.MethodPut {
		contentType = d.contentType
	}
	q.Set("X-Amz-Signature", documentSignature(c.desk.seed, method, d.id, contentType, q))
	target.RawQuery = q.Encode()
	return target.String()
}

// documentSignature signs what S3 would sign. Nobody but the emulator can check it, so it is none of Signature Version 4.
func documentSignature(seed *random.Seed, method, id, contentType string, q url.Values) string {
	signed := url.Values{}
	for name, v := range q {
		if name != "X-Amz-Signature" {
			signed[name] = v
		}
	}
	mac := hmac.New(sha256.New, fmt.Append(nil, "document ", seed.Value()))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", method, id, contentType, signed.Encode())
	return hex.EncodeToString(mac.Sum(nil))
}

// documentID is the id of the document that a request is for; false when it is for something else.
func documentID(host, path string) (string, bool) {
	if id, found := strings.CutPrefix(path, documentPath); found {
		return id, true
	}
	if strings.HasSuffix(host, ".amazonaws.com") { // as few are
		for _, documentHost := range documentHosts {
			if host == documentHost {
				return strings.TrimPrefix(path, "/"), true
			}
		}
	}
	return "", false
}

// s3Error is an error of S3: XML, and a status that goes with its code
// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
type s3Error struct {
	status int
	fields [][2]string // Code and Message first
}

func newS3Error(status int, code, message string, more ...string) *s3Error {
	e := &s3Error{status: status, fields: [][2]string{{"Code", code}, {"Message", message}}}
	for i := 0; i+1 < len(more); i += 2 {
		e.fields = append(e.fields, [2]string{more[i], more[i+1]})
	}
	return e
}

// documentAnswer serves a document as S3 does.
func documentAnswer(d *frontDesk, x *exchange) reply {
	id, _ := documentID(x.name, x.url.Path)
	host := base64.StdEncoding.EncodeToString([]byte(x.requestID + x.requestID))
	headers := map[string]string{"x-amz-request-id": strings.ToUpper(x.requestID[:8] + x.requestID[9:13] + x.requestID[14:18]), "x-amz-id-2": host, "Server": "AmazonS3"}
	r, err := documentObject(d, x, id)
	if err != nil {
		var b bytes.Buffer
		b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>")
		for _, f := range append(err.fields, [2]string{"RequestId", headers["x-amz-request-id"]}, [2]string{"HostId", host}) {
			b.WriteString("<" + f[0] + ">")
			_ = xml.EscapeText(&b, []byte(f[1])) // a buffer takes everything
			b.WriteString("</" + f[0] + ">")
		}
		b.WriteString("</Error>")
		r = reply{status: err.status, contentType: "application/xml", body: b.Bytes()}
	}
	for name, v := range r.header {
		headers[name] = v
	}
	r.header = headers
	return r
}

// documentObject finds the document and does what the request asks, after the checks that S3 makes of a presigned URL.
func documentObject(desk *frontDesk, x *exchange, id string) (reply, *s3Error) {
	q, err := url.ParseQuery(x.url.RawQuery)
	if err != nil || q.Get("X-Amz-Signature") == "" {
		return reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	if v := x.header.Get("Authorization"); v != "" {
		// The header and the query are two ways to sign, of which S3 takes one (catalyst/moodle-tool_objectfs#303).
		return reply{}, newS3Error(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
			"Signature query string parameter or the Authorization header should be specified", "ArgumentName", "Authorization", "ArgumentValue", "redacted")
	}
	signedAt, errDate := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	seconds, errExpires := strconv.Atoi(q.Get("X-Amz-Expires"))
	if errDate != nil || errExpires != nil {
		return reply{}, newS3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", "X-Amz-Date and X-Amz-Expires must be given in the presigned form")
	}
	if expires := signedAt.Add(time.Duration(seconds) * time.Second); !x.now.Before(expires) {
		return reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "Request has expired", "X-Amz-Expires", strconv.Itoa(seconds),
			"Expires", format.Timestamp(expires), "ServerTime", format.Timestamp(x.now))
	}
	// Every header of Amazon's must be signed: a client that sends its SP-API headers along is refused (soto-project/soto#374).
	var unsigned []string
	for name := range format.SortedKeys(x.header) {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-content-sha256" {
			unsigned = append(unsigned, lower)
		}
	}
	if unsigned != nil {
		return reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed",
			"HeadersNotSigned", strings.Join(unsigned, ", "))
	}
	contentType := ""
	if slices.Contains(strings.Split(q.Get("X-Amz-SignedHeaders"), ";"), "content-type") {
		contentType = x.header.Get("Content-Type")
	}
	want := documentSignature(desk.seed, x.method, id, contentType, q)
	if !hmac.Equal([]byte(want), []byte(q.Get("X-Amz-Signature"))) {
		return reply{}, newS3Error(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.",
			"AWSAccessKeyId", strings.SplitN(q.Get("X-Amz-Credential"), "/", 2)[0], "SignatureProvided", q.Get("X-Amz-Signature"))
	}
	d := findDocument(desk, id, x.now)
	if d == nil {
		return reply{}, newS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", id)
	}
	if x.method == http.MethodPut {
		return d.upload(x)
	}
	return d.download(x, q)
}

// findDocument looks through all sellers' documents.
func findDocument(desk *frontDesk, id string, now time.Time) *document {
	for _, a := range desk.allSellers() {
		if d := queues.of(a).document(id, now); d != nil {
			return d
		}
	}
	return nil
}

func (d *document) upload(x *exchange) (reply, *s3Error) {
	if x.tooBig {
		return reply{}, newS3Error(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", "MaxSizeAllowed", strconv.Itoa(maxUpload))
	}
	sum := md5.Sum(x.body)
	if text := x.header.Get("Content-MD5"); text != "" {
		given, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(given) != md5.Size {
			return reply{}, newS3Error(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", text)
		}
		if !bytes.Equal(given, sum[:]) {
			return reply{}, newS3Error(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", text, "CalculatedDigest", base64.StdEncoding.EncodeToString(sum[:]))
		}
	}
	d.put(x.body)
	return reply{status: http.StatusOK, header: map[string]string{"ETag": d.etag, "x-amz-server-side-encryption": "AES256"}}, nil
}

// put sets the content.
func (d *document) put(b []byte) {
	sum := md5.Sum(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data, d.uploaded, d.size = append([]byte{}, b...), true, int64(len(b))
	d.etag = `"` + hex.EncodeToString(sum[:]) + `"`
}

func (d *document) download(x *exchange, q url.Values) (reply, *s3Error) {
	if _, uploaded := d.content(); d.open == nil && !uploaded {
		return reply{}, newS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", d.id)
	}
	size, etag := d.measure()
	h := map[string]string{"ETag": etag, "Last-Modified": d.created.UTC().Format(http.TimeFormat), "Accept-Ranges": "bytes", "x-amz-server-side-encryption": "AES256"}
	if encoding := q.Get("response-content-encoding"); encoding != "" {
		h["Content-Encoding"] = encoding
	}
	r := reply{status: http.StatusOK, contentType: d.contentType, header: h, stream: d.body(), length: size}
	if match := x.header.Get("If-None-Match"); match != "" && (match == "*" || strings.Contains(match, etag)) {
		return reply{status: http.StatusNotModified, header: h}, nil
	}
	if match := x.header.Get("If-Match"); match != "" && match != "*" && !strings.Contains(match, etag) {
		return reply{}, newS3Error(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", "If-Match")
	}
	from, to, asked, satisfiable := parseRange(x.header.Get("Range"), size)
	if !asked {
		return r, nil
	}
	if !satisfiable {
		return reply{}, newS3Error(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable",
			"RangeRequested", x.header.Get("Range"), "ActualObjectSize", strconv.FormatInt(size, 10))
	}
	if _, err := io.CopyN(io.Discard, r.stream, from); err != nil {
		return reply{}, newS3Error(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	}
	r.status, r.length = http.StatusPartialContent, to-from+1
	r.stream = io.LimitReader(r.stream, r.length)
	h["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to, size)
	return r, nil
}

// parseRange reads a Range header with one range. S3 ignores a header that it doesn't understand, and those with several ranges.
func parseRange(text string, size int64) (from, to int64, asked, satisfiable bool) {
	spec, found := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !found || !dash {
		return 0, 0, false, false
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false, false
		}
		return max(size-n, 0), size - 1, true, n > 0 && size > 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, 0, false, false
	}
	to = size - 1
	if last != "" {
		end, err := strconv.ParseInt(last, 10, 64)
		if err != nil || end < from {
			return 0, 0, false, false
		}
		to = min(to, end)
	}
	return from, to, true, from < size
}

// documentOperation names what is done with a document, by S3's names.
func documentOperation(method string) string {
	return "s3." + map[string]string{http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodPut: "PutObject"}[method]
}

// documentService stands in for S3.
var documentService = service{
	find: func(method, host, path string) (string, bool) {
		if _, found := documentID(host, path); !found {
			return "", false
		}
		return documentOperation(method), true
	},
	answer:  documentAnswer,
	maxBody: maxUpload,
}

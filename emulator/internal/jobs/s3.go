package jobs

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// DocumentURL presigns a URL for a document: method is what it is good for, extra goes into the query and is signed, too.
func DocumentURL(c *desk.Call, method string, d *Document, extra url.Values) string {
	target := url.URL{Scheme: "https", Host: documentHosts[c.Seller.Region], Path: "/" + d.ID}
	if base := c.Exchange.Base(); base != "" {
		if here, err := url.Parse(base); err == nil {
			target.Scheme, target.Host, target.Path = here.Scheme, here.Host, documentPath+d.ID
		}
	}
	signed := "host"
	if method == http.MethodPut && d.ContentType != "" {
		signed = "content-type;host"
	}
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Date":          {c.Now.UTC().Format("20060102T150405Z")},
		"X-Amz-SignedHeaders": {signed},
		"X-Amz-Expires":       {strconv.Itoa(int(documentLifetime / time.Second))},
		"X-Amz-Credential":    {"AKIA5U6MO6RANYPNEUPL/" + c.Now.UTC().Format("20060102") + "/" + c.Seller.Region.AWSRegion() + "/s3/aws4_request"},
	}
	for name, v := range extra {
		q[name] = v
	}
	contentType := ""
	if method == http.MethodPut {
		contentType = d.ContentType
	}
	q.Set("X-Amz-Signature", documentSignature(c.Desk.Seed, method, d.ID, contentType, q))
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

// documentHosts are the buckets that were seen in URLs: selling-partner-api-models#1593 (North America), #2648 (Europe), and a
// getReportDocument answer of October 2025 in a public repository's notes (Far East).
var documentHosts = map[marketplace.Region]string{
	marketplace.NorthAmerica: "tortuga-prod-na.s3-external-1.amazonaws.com",
	marketplace.Europe:       "tortuga-prod-eu.s3-eu-west-1.amazonaws.com",
	marketplace.FarEast:      "tortuga-prod-fe.s3-us-west-2.amazonaws.com",
}

// documentLifetime is how long a URL is good (selling-partner-api-models reports, feeds and dataKiosk: "expires after 5 minutes").
const documentLifetime = 300 * time.Second

// documentPath is where documents lie when the emulator is served on a port.
const documentPath = "/_documents/"

// maxUpload is the largest document that may be uploaded. Amazon's own limits differ by feed type and are smaller; S3's for one
// PUT is 5 GB.
const maxUpload = 100 << 20

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
func documentAnswer(d *desk.Desk, x *exchange.Exchange) answer.Reply {
	id, _ := documentID(x.Name, x.URL.Path)
	host := base64.StdEncoding.EncodeToString([]byte(x.RequestID + x.RequestID))
	headers := map[string]string{"x-amz-request-id": strings.ToUpper(x.RequestID[:8] + x.RequestID[9:13] + x.RequestID[14:18]), "x-amz-id-2": host, "Server": "AmazonS3"}
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
		r = answer.Reply{Status: err.status, ContentType: "application/xml", Body: b.Bytes()}
	}
	for name, v := range r.Header {
		headers[name] = v
	}
	r.Header = headers
	return r
}

// documentObject finds the document and does what the request asks, after the checks that S3 makes of a presigned URL.
func documentObject(desk *desk.Desk, x *exchange.Exchange, id string) (answer.Reply, *s3Error) {
	q, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil || q.Get("X-Amz-Signature") == "" {
		return answer.Reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	if v := x.Header.Get("Authorization"); v != "" {
		// The header and the query are two ways to sign, of which S3 takes one (catalyst/moodle-tool_objectfs#303).
		return answer.Reply{}, newS3Error(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
			"Signature query string parameter or the Authorization header should be specified", "ArgumentName", "Authorization", "ArgumentValue", "redacted")
	}
	signedAt, errDate := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	seconds, errExpires := strconv.Atoi(q.Get("X-Amz-Expires"))
	if errDate != nil || errExpires != nil {
		return answer.Reply{}, newS3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", "X-Amz-Date and X-Amz-Expires must be given in the presigned form")
	}
	if expires := signedAt.Add(time.Duration(seconds) * time.Second); !x.Came.Before(expires) { // a body may take longer
		return answer.Reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "Request has expired", "X-Amz-Expires", strconv.Itoa(seconds),
			"Expires", format.Timestamp(expires), "ServerTime", format.Timestamp(x.Came))
	}
	// Every header of Amazon's must be signed: a client that sends its SP-API headers along is refused (soto-project/soto#374).
	var unsigned []string
	for name := range format.SortedKeys(x.Header) {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-content-sha256" {
			unsigned = append(unsigned, lower)
		}
	}
	if unsigned != nil {
		return answer.Reply{}, newS3Error(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed",
			"HeadersNotSigned", strings.Join(unsigned, ", "))
	}
	contentType := ""
	if slices.Contains(strings.Split(q.Get("X-Amz-SignedHeaders"), ";"), "content-type") {
		contentType = x.Header.Get("Content-Type")
	}
	want := documentSignature(desk.Seed, x.Method, id, contentType, q)
	if !hmac.Equal([]byte(want), []byte(q.Get("X-Amz-Signature"))) {
		return answer.Reply{}, newS3Error(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.",
			"AWSAccessKeyId", strings.SplitN(q.Get("X-Amz-Credential"), "/", 2)[0], "SignatureProvided", q.Get("X-Amz-Signature"))
	}
	d := findDocument(desk, id, x.Now)
	if d == nil {
		return answer.Reply{}, newS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", id)
	}
	if x.Method == http.MethodPut {
		return d.upload(x)
	}
	return d.download(x, q)
}

// findDocument looks through all sellers' documents.
func findDocument(desk *desk.Desk, id string, now time.Time) *Document {
	for _, a := range desk.AllSellers() {
		if d := Queues.Of(a).Document(id, now); d != nil {
			return d
		}
	}
	return nil
}

func (d *Document) upload(x *exchange.Exchange) (answer.Reply, *s3Error) {
	switch {
	case errors.Is(x.UploadError, contents.ErrFull):
		// No answer of S3's: the emulator holds as much as it may.
		return answer.Reply{}, newS3Error(http.StatusServiceUnavailable, "SlowDown", "The emulator can't keep the upload: "+x.UploadError.Error()+". Let documents expire, or reset it.")
	case x.UploadError != nil:
		return answer.Reply{}, newS3Error(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", "MaxSizeAllowed", strconv.Itoa(maxUpload))
	}
	sum := x.Upload.MD5()
	if text := x.Header.Get("Content-MD5"); text != "" {
		given, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(given) != md5.Size {
			return answer.Reply{}, newS3Error(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", text)
		}
		if !bytes.Equal(given, sum[:]) {
			return answer.Reply{}, newS3Error(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", text, "CalculatedDigest", base64.StdEncoding.EncodeToString(sum[:]))
		}
	}
	d.Put(x.TakeUpload())
	_, etag := d.Measure()
	return answer.Reply{Status: http.StatusOK, Header: map[string]string{"ETag": etag, "x-amz-server-side-encryption": "AES256"}}, nil
}

func (d *Document) download(x *exchange.Exchange, q url.Values) (answer.Reply, *s3Error) {
	if _, received := d.Received(); d.Open == nil && !received {
		return answer.Reply{}, newS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", d.ID)
	}
	size, etag := d.Measure()
	if etag == "" {
		return answer.Reply{}, newS3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", d.ID)
	}
	h := map[string]string{"ETag": etag, "Last-Modified": d.Created.UTC().Format(http.TimeFormat), "Accept-Ranges": "bytes", "x-amz-server-side-encryption": "AES256"}
	if encoding := q.Get("response-content-encoding"); encoding != "" {
		h["Content-Encoding"] = encoding
	}
	r := answer.Reply{Status: http.StatusOK, ContentType: d.ContentType, Header: h, Stream: d.Body(), Length: size}
	if match := x.Header.Get("If-None-Match"); match != "" && (match == "*" || strings.Contains(match, etag)) {
		return answer.Reply{Status: http.StatusNotModified, Header: h}, nil
	}
	if match := x.Header.Get("If-Match"); match != "" && match != "*" && !strings.Contains(match, etag) {
		return answer.Reply{}, newS3Error(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", "If-Match")
	}
	from, to, asked, satisfiable := parseRange(x.Header.Get("Range"), size)
	if !asked {
		return r, nil
	}
	if !satisfiable {
		return answer.Reply{}, newS3Error(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable",
			"RangeRequested", x.Header.Get("Range"), "ActualObjectSize", strconv.FormatInt(size, 10))
	}
	if _, err := io.CopyN(io.Discard, r.Stream, from); err != nil {
		return answer.Reply{}, newS3Error(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	}
	r.Status, r.Length = http.StatusPartialContent, to-from+1
	r.Stream = io.LimitReader(r.Stream, r.Length)
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

// s3 stands in for S3.
var s3 = desk.Service{
	Find: func(method, host, path string) (string, bool) {
		if _, found := documentID(host, path); !found {
			return "", false
		}
		return documentOperation(method), true
	},
	Answer:    documentAnswer,
	MaxUpload: maxUpload,
}

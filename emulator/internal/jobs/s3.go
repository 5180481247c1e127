package jobs

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// DocumentURL presigns a URL for a document: method is what it is good for, extra goes into the query and is signed, too. What is put there must
// have the document's content type.
func DocumentURL(c *desk.Call, method string, d *Document, extra url.Values) string {
	header := http.Header{}
	if method == http.MethodPut && d.ContentType != "" {
		header.Set("Content-Type", d.ContentType)
	}
	return presign(c, method, d, documentLifetime, header, extra)
}

// UploadURL presigns a URL to which a file is to be put, with the headers that must come with it. The hash is among them as it was spelled, though S3
// takes it in base64 only (selling-partner-api-models#1755).
func UploadURL(c *desk.Call, d *Document, contentMD5 string) (string, format.Record) {
	header := http.Header{}
	header.Set(encryptionHeader, encryption)
	header.Set("Content-MD5", contentMD5)
	return presign(c, http.MethodPut, d, uploadLifetime, header, nil), format.Record{{encryptionHeader, encryption}, {"Content-MD5", contentMD5}}
}

// InvoicesURL presigns a URL for a document of invoices.
func InvoicesURL(c *desk.Call, d *Document) string {
	return presign(c, http.MethodGet, d, invoicesLifetime, http.Header{}, nil)
}

func presign(c *desk.Call, method string, d *Document, lifetime time.Duration, header http.Header, extra url.Values) string {
	target := url.URL{Scheme: "https", Host: exchange.DocumentBucket(c.Seller.Region), Path: "/" + objectKey(d.ID)}
	if base := c.Exchange.Base(); base != "" {
		if here, err := url.Parse(base); err == nil {
			target.Scheme, target.Host, target.Path = here.Scheme, here.Host, documentPath+objectKey(d.ID)
		}
	}
	signed := []string{"host"}
	for name := range header {
		signed = append(signed, strings.ToLower(name))
	}
	slices.Sort(signed)
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Date":          {c.Now.UTC().Format(s3Time)},
		"X-Amz-SignedHeaders": {strings.Join(signed, ";")},
		"X-Amz-Expires":       {strconv.Itoa(int(lifetime / time.Second))},
		"X-Amz-Credential":    {"AKIA5U6MO6RANYPNEUPL/" + c.Now.UTC().Format("20060102") + "/" + c.Seller.Region.AWSRegion() + "/s3/aws4_request"},
	}
	for name, v := range extra {
		q[name] = v
	}
	target.RawQuery = q.Encode()
	signature, _ := auth.PresignS3(s3Secret(c.Desk), method, target.Host, &target, header) // its credential is in order
	q.Set("X-Amz-Signature", signature.Signature)
	target.RawQuery = q.Encode()
	return target.String()
}

// s3Secret is the secret of the key that URLs are presigned with, which nobody else has.
func s3Secret(d *desk.Desk) string { return d.Seed.Of("s3 secret").Text(random.Base64Std, 40) }

const s3Time = "20060102T150405Z"

// documentID is the id of the document that a request is for; false when it is for something else.
func documentID(host, path string) (string, bool) {
	if key, found := strings.CutPrefix(path, documentPath); found {
		return keyed().ReplaceAllString(key, "$2.$1.$3"), true
	}
	if exchange.HostNamed(host).Kind == exchange.DocumentHost {
		return keyed().ReplaceAllString(strings.TrimPrefix(path, "/"), "$2.$1.$3"), true
	}
	return "", false
}

// The ids of documents and their keys at S3.
var (
	named = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(amzn1\.[a-z]+(?:\.[0-9])+\.[a-z]{2})\.([0-9a-f-]{36})\.(.+)$`)
	})
	keyed = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([0-9a-f-]{36})\.(amzn1\.[a-z]+(?:\.[0-9])+\.[a-z]{2})\.(.+)$`)
	})
)

// objectKey is the key of a document: its id with the unique part first (lineofflight/peddler, test/vcr_cassettes/Peddler, feeds of September 2024 and
// Data Kiosk of December 2025; of reports the same is assumed).
func objectKey(id string) string { return named().ReplaceAllString(id, "$2.$1.$3") }

// documentLifetime is how long a URL is good (selling-partner-api-models reports, feeds and dataKiosk: "expires after 5 minutes").
const documentLifetime = 300 * time.Second

// invoicesLifetime is how long a URL for invoices is good (developer-docs.amazon.com/sp-api/docs/invoices-faq).
const invoicesLifetime = 30 * time.Second

// uploadLifetime is how long a URL for the file of a message is good (selling-partner-api-models#1755, selling-partner-api-docs#1597: 899 and 900).
const uploadLifetime = 900 * time.Second

// documentPath is where documents lie when the emulator is served on a port.
const documentPath = exchange.DocumentPath

// maxUpload is the largest document that may be uploaded. Amazon's own limits differ by feed type and are smaller; S3's for one
// PUT is 5 GB.
const maxUpload = 100 << 20

// documentAnswer serves a document as S3 does.
func documentAnswer(d *desk.Desk, x *exchange.Exchange) answer.Reply {
	id, _ := documentID(x.Name, x.URL.Path)
	r, err := documentObject(d, x, id)
	if err != nil {
		return err.Reply(x)
	}
	return r
}

// documentObject finds the document and does what the request asks, after the checks that S3 makes of a presigned URL.
func documentObject(d *desk.Desk, x *exchange.Exchange, id string) (answer.Reply, *answer.S3Error) {
	if strings.HasPrefix(documentPath+id, desk.GeneratedPath) {
		return answer.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("A document of the emulator.\n")}, nil
	}
	q, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil || q.Get("X-Amz-Signature") == "" {
		return answer.Reply{}, answer.NewS3Error(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	signed := strings.Split(q.Get("X-Amz-SignedHeaders"), ";")
	if x.Method == http.MethodPost && slices.Contains(signed, encryptionHeader) {
		// So for the files of messages (selling-partner-api-models#1755). A POST of a feed fails at the signature (selling-partner-api-models#1538).
		return answer.Reply{}, answer.NewS3Error(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.",
			"Method", x.Method, "ResourceType", "OBJECT")
	}
	if v := x.Header.Get("Authorization"); v != "" {
		// The header and the query are two ways to sign, of which S3 takes one (catalyst/moodle-tool_objectfs#303).
		return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "InvalidArgument",
			"Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
				"Signature query string parameter or the Authorization header should be specified", "ArgumentName", "Authorization", "ArgumentValue", "redacted")
	}
	signedAt, errDate := time.Parse(s3Time, q.Get("X-Amz-Date"))
	seconds, errExpires := strconv.Atoi(q.Get("X-Amz-Expires"))
	if errDate != nil || errExpires != nil {
		return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "AuthorizationQueryParametersError",
			"X-Amz-Date and X-Amz-Expires must be given in the presigned form")
	}
	if expires := signedAt.Add(time.Duration(seconds) * time.Second); !x.Came.Before(expires) { // a body may take longer
		return answer.Reply{}, answer.S3Expired(seconds, expires, x.Came)
	}
	// Every header of Amazon's must be signed: a client that sends its SP-API headers along is refused (soto-project/soto#374).
	var unsigned []string
	for name := range format.SortedKeys(x.Header) {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-content-sha256" && !slices.Contains(signed, lower) {
			unsigned = append(unsigned, lower)
		}
	}
	if unsigned != nil {
		return answer.Reply{}, answer.NewS3Error(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed",
			"HeadersNotSigned", strings.Join(unsigned, ", "))
	}
	want, problem := auth.PresignS3(s3Secret(d), x.Method, x.Host, x.URL, x.Header)
	if problem != "" {
		return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", problem)
	}
	if given := q.Get("X-Amz-Signature"); !hmac.Equal([]byte(want.Signature), []byte(given)) {
		return answer.Reply{}, answer.NewS3Error(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.",
			"AWSAccessKeyId", want.KeyID, "StringToSign", want.StringToSign, "SignatureProvided", given, "StringToSignBytes", hexBytes(want.StringToSign),
			"CanonicalRequest", want.CanonicalRequest, "CanonicalRequestBytes", hexBytes(want.CanonicalRequest))
	}
	document := findDocument(d, id, x.Now)
	if document == nil {
		return answer.Reply{}, answer.S3NoKey(objectKey(id))
	}
	var rep answer.Reply
	var refused *answer.S3Error
	if x.Method == http.MethodPut {
		rep, refused = document.upload(x)
	} else {
		rep, refused = document.download(x, q)
	}
	if refused == nil && rep.Status < http.StatusMultipleChoices {
		sum := sha256.Sum256([]byte(document.ID + " " + rep.Header["ETag"]))
		rep.Header["X-Amz-Version-Id"] = base64.RawURLEncoding.EncodeToString(sum[:24])
		rep.Header[encryptionHeader] = encryption
		rep.Header["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] = "arn:aws:kms:" + want.Region + ":123456789012:key/" + d.Seed.Of("kms key", want.Region).UUID()
		rep.Header["X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"] = "true"
	}
	return rep, refused
}

// How documents are encrypted where they lie, and files must be put: lineofflight/peddler, test/vcr_cassettes/Peddler/Helpers (2024 and 2025),
// selling-partner-api-models#1755.
const (
	encryptionHeader = "x-amz-server-side-encryption"
	encryption       = "aws:kms"
)

// hexBytes writes bytes as S3 does in errors: "41 57 53".
func hexBytes(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(hex.EncodeToString([]byte{text[i]}))
	}
	return b.String()
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

func (d *Document) upload(x *exchange.Exchange) (answer.Reply, *answer.S3Error) {
	switch {
	case x.Chunked: // aws/aws-sdk-js#1237, e2b-dev/E2B#1243
		return answer.Reply{}, answer.NewS3Error(http.StatusNotImplemented, "NotImplemented",
			"A header you provided implies functionality that is not implemented", "Header", "Transfer-Encoding")
	case errors.Is(x.UploadError, contents.ErrFull):
		// No answer of S3's: the emulator holds as much as it may.
		return answer.Reply{}, answer.NewS3Error(http.StatusServiceUnavailable, "SlowDown",
			"The emulator can't keep the upload: "+x.UploadError.Error()+". Let documents expire, or reset it.")
	case x.UploadError != nil:
		return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "EntityTooLarge",
			"Your proposed upload exceeds the maximum allowed size", "MaxSizeAllowed", strconv.Itoa(maxUpload))
	}
	sum := x.Upload.MD5()
	if text := x.Header.Get("Content-MD5"); text != "" {
		given, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(given) != md5.Size {
			return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", text)
		}
		if !bytes.Equal(given, sum[:]) {
			return answer.Reply{}, answer.NewS3Error(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", text, "CalculatedDigest", base64.StdEncoding.EncodeToString(sum[:]))
		}
	}
	d.Put(x.TakeUpload())
	_, etag := d.Measure()
	return answer.Reply{Status: http.StatusOK, Header: map[string]string{"ETag": etag}}, nil
}

func (d *Document) download(x *exchange.Exchange, q url.Values) (answer.Reply, *answer.S3Error) {
	if _, received := d.Received(); d.Open == nil && !received {
		return answer.Reply{}, answer.S3NoKey(objectKey(d.ID))
	}
	size, etag := d.Measure()
	if etag == "" {
		return answer.Reply{}, answer.S3NoKey(objectKey(d.ID))
	}
	h := map[string]string{"ETag": etag, "Last-Modified": d.Created.UTC().Format(http.TimeFormat), "Accept-Ranges": "bytes"}
	if encoding := q.Get("response-content-encoding"); encoding != "" {
		h["Content-Encoding"] = encoding
	}
	r := answer.Reply{Status: http.StatusOK, ContentType: d.ContentType, Header: h, Stream: d.Body(), Length: size}
	if match := x.Header.Get("If-None-Match"); match != "" && (match == "*" || strings.Contains(match, etag)) {
		return answer.Reply{Status: http.StatusNotModified, Header: h}, nil
	}
	if match := x.Header.Get("If-Match"); match != "" && match != "*" && !strings.Contains(match, etag) {
		return answer.Reply{}, answer.NewS3Error(http.StatusPreconditionFailed, "PreconditionFailed",
			"At least one of the pre-conditions you specified did not hold", "Condition", "If-Match")
	}
	from, to, asked, satisfiable := parseRange(x.Header.Get("Range"), size)
	if !asked {
		return r, nil
	}
	if !satisfiable {
		return answer.Reply{}, answer.NewS3Error(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable",
			"RangeRequested", x.Header.Get("Range"), "ActualObjectSize", strconv.FormatInt(size, 10))
	}
	if _, err := io.CopyN(io.Discard, r.Stream, from); err != nil {
		return answer.Reply{}, answer.NewS3Error(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
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

// documentOperations name what is done with a document, by S3's names.
var documentOperations = map[string]string{http.MethodGet: "s3.GetObject", http.MethodHead: "s3.HeadObject", http.MethodPut: "s3.PutObject"}

// s3 stands in for S3.
var s3 = desk.Service{
	Find: func(method, host, path string) (string, bool) {
		if _, found := documentID(host, path); !found {
			return "", false
		}
		return documentOperations[method], true
	},
	Answer:    documentAnswer,
	MaxUpload: maxUpload,
	Front:     exchange.S3,
}

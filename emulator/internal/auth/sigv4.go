package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
)

// Verification of AWS Signature Version 4, written from docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html and
// not from any signer's code: an error that client and server share would go unseen.

// signature is what an Authorization header says.
type signature struct {
	keyID, date, region, service string
	signedHeaders                []string
	value                        string
	time                         time.Time
	timestamp                    string
}

const sigAlgorithm = "AWS4-HMAC-SHA256"

// parseSignature reads the Authorization header; the text is what is wrong with it. Query signatures are not taken: SP-API never
// accepted them (selling-partner-api-docs, developer guide, "Step 3. Add headers to the URI").
func parseSignature(h http.Header) (*signature, string) {
	auth := h.Get("Authorization")
	rest, ok := strings.CutPrefix(auth, sigAlgorithm)
	if !ok || rest == "" || rest[0] != ' ' {
		return nil, "Authorization header requires '" + sigAlgorithm + "'."
	}
	s := &signature{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return nil, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + value + "'."
			}
			s.keyID, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.signedHeaders = strings.Split(value, ";")
		case "Signature":
			s.value = value
		}
	}
	switch {
	case s.keyID == "":
		return nil, "Authorization header requires 'Credential' parameter."
	case len(s.signedHeaders) == 0 || s.signedHeaders[0] == "":
		return nil, "Authorization header requires 'SignedHeaders' parameter."
	case s.value == "":
		return nil, "Authorization header requires 'Signature' parameter."
	}
	s.timestamp = h.Get("X-Amz-Date")
	var err error
	if s.time, err = time.Parse(sigTime, s.timestamp); err != nil {
		return nil, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
	}
	if s.date != s.timestamp[:8] {
		return nil, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + s.date + "' != '" + s.timestamp[:8] + "'."
	}
	for _, must := range []string{"host", "x-amz-date"} {
		if !slices.Contains(s.signedHeaders, must) {
			return nil, "'" + must + "' must be a 'SignedHeader' in the AWS Authorization."
		}
	}
	return s, ""
}

const sigTime = "20060102T150405Z"

// sigWindow is how far a signature's time may be from the server's ("Signature expired: … (… - 5 min.)",
// selling-partner-api-models#2602).
const sigWindow = 5 * time.Minute

// late returns AWS's message about a signature outside of the window around now, or "".
func (s *signature) late(now time.Time) string {
	now = now.UTC()
	if earliest := now.Add(-sigWindow); s.time.Before(earliest) {
		return "Signature expired: " + s.timestamp + " is now earlier than " + earliest.Format(sigTime) + " (" + now.Format(sigTime) + " - 5 min.)"
	}
	if latest := now.Add(sigWindow); s.time.After(latest) {
		return "Signature not yet current: " + s.timestamp + " is still later than " + latest.Format(sigTime) + " (" + now.Format(sigTime) + " + 5 min.)"
	}
	return ""
}

// canonicalRequest is the request as it should have been signed. rawPath is the path as it stands on the wire: for every service
// but S3 it is encoded once more.
func canonicalRequest(method, rawPath, rawQuery, host string, header http.Header, signed []string, body []byte, normalize bool) string {
	sum := sha256.Sum256(body)
	return canonical(method, canonicalPath(rawPath, normalize), rawQuery, host, header, signed, len(body), hex.EncodeToString(sum[:]))
}

func canonical(method, path, rawQuery, host string, header http.Header, signed []string, length int, payload string) string {
	var b strings.Builder
	b.WriteString(method)
	b.WriteByte('\n')
	b.WriteString(path)
	b.WriteByte('\n')
	b.WriteString(canonicalQuery(rawQuery))
	b.WriteByte('\n')
	for _, name := range signed {
		values := header.Values(name)
		switch {
		case name == "host":
			values = []string{host}
		case name == "content-length" && values == nil:
			values = []string{strconv.Itoa(length)} // net/http adds it only on the wire
		}
		b.WriteString(name)
		b.WriteByte(':')
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.Fields(v), " "))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(signed, ";"))
	b.WriteByte('\n')
	b.WriteString(payload)
	return b.String()
}

func canonicalPath(raw string, normalize bool) string {
	if raw == "" {
		return "/"
	}
	segments := strings.Split(raw, "/")
	if normalize {
		kept := segments[:0:0]
		for i, s := range segments {
			last := i == len(segments)-1
			switch {
			case i == 0:
				kept = append(kept, "")
			case s == "." || s == "..":
				if s == ".." && len(kept) > 1 {
					kept = kept[:len(kept)-1]
				}
				if last {
					kept = append(kept, "")
				}
			case s != "" || last:
				kept = append(kept, s)
			}
		}
		segments = kept
	}
	for i, s := range segments {
		segments[i] = uriEncode(s)
	}
	return strings.Join(segments, "/")
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, [2]string{reencode(name), reencode(value)})
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p[0] + "=" + p[1]
	}
	return strings.Join(out, "&")
}

// reencode gives a query part the one canonical spelling.
func reencode(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return uriEncode(s)
}

// uriEncode escapes all but the unreserved characters of RFC 3986.
func uriEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			const upper = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
		}
	}
	return b.String()
}

func (s *signature) stringToSign(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return sigAlgorithm + "\n" + s.timestamp + "\n" + s.date + "/" + s.region + "/" + s.service + "/aws4_request\n" + hex.EncodeToString(sum[:])
}

func (s *signature) sign(secret, stringToSign string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", stringToSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// verify compares the signature with the one that secret gives. Where they differ it returns the texts that should have been signed.
func (s *signature) verify(x *exchange.Exchange, secret string) (canonical, toSign string, ok bool) {
	canonical = canonicalRequest(x.Method, x.URL.EscapedPath(), x.URL.RawQuery, x.Host, x.Header, s.signedHeaders, x.Body, true)
	toSign = s.stringToSign(canonical)
	return canonical, toSign, hmac.Equal([]byte(s.sign(secret, toSign)), []byte(s.value))
}

// Presigned is what a presigned URL of S3 stands for
// (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
type Presigned struct {
	KeyID, Region           string
	CanonicalRequest        string
	StringToSign, Signature string
}

// PresignS3 signs a URL that has all of its query but the signature, for a request with the headers that it names; the problem is what the query
// lacks.
func PresignS3(secret, method, host string, u *url.URL, header http.Header) (p Presigned, problem string) {
	q := u.Query()
	q.Del("X-Amz-Signature")
	scope := strings.Split(q.Get("X-Amz-Credential"), "/")
	if len(scope) != 5 {
		return p, "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
	}
	s := &signature{keyID: scope[0], date: scope[1], region: scope[2], service: scope[3], timestamp: q.Get("X-Amz-Date")}
	p = Presigned{KeyID: s.keyID, Region: s.region}
	signed := strings.Split(q.Get("X-Amz-SignedHeaders"), ";")
	p.CanonicalRequest = canonical(method, canonicalPath(u.Path, false), q.Encode(), host, header, signed, 0, "UNSIGNED-PAYLOAD")
	p.StringToSign = s.stringToSign(p.CanonicalRequest)
	p.Signature = s.sign(secret, p.StringToSign)
	return p, ""
}

// mismatch is AWS's message about a wrong signature. It repeats the canonical request, and with it the access token, when that
// was among the signed headers (selling-partner-api-docs#468, selling-partner-api-models#1101): clients must not log it.
func mismatch(canonical, toSign string) string {
	return "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
		"Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'" + canonical +
		"'\n\nThe String-to-Sign should have been\n'" + toSign + "'\n"
}

// sessionExpired is what is wrong with temporary credentials whose time is over (selling-partner-api-docs#3153).
const sessionExpired = "The security token included in the request is expired"

// awsSecret finds the secret of an access key: the IAM user's, or one that AssumeRole gave out, whose session token must come with it.
func (u *Authority) awsSecret(keyID, sessionToken string, now time.Time) (secret, problem string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if keyID == u.app.KeyID && sessionToken == "" {
		return u.app.SecretKey, ""
	}
	s, _ := u.sessions.Get(keyID)
	if s == nil || s.token != sessionToken {
		return "", "The security token included in the request is invalid."
	}
	if !now.Before(s.expires) {
		return "", sessionExpired
	}
	return s.secretKey, ""
}

// CheckSignature verifies a request to SP-API as it was before 2023-10-02.
func (u *Authority) CheckSignature(x *exchange.Exchange) *answer.Error {
	refuse := answer.Unsigned
	if x.Header.Get("Authorization") == "" {
		return refuse("MissingAuthenticationToken", "Access to requested resource is denied.") // selling-partner-api-docs#76
	}
	s, problem := parseSignature(x.Header)
	if problem != "" {
		return refuse("IncompleteSignature", problem)
	}
	if want := x.Region().AWSRegion(); s.service != "execute-api" {
		return refuse("InvalidSignature", "Credential should be scoped to correct service: 'execute-api'.")
	} else if want == "" && !slices.Contains(awsRegions(), s.region) {
		return refuse("InvalidSignature", "Credential should be scoped to a valid region.")
	} else if want != "" && s.region != want {
		return refuse("InvalidSignature", "Credential should be scoped to a valid region, not '"+s.region+"'.")
	}
	if message := s.late(x.Now.Add(x.Skew)); message != "" {
		return refuse("InvalidSignature", message)
	}
	secret, problem := u.awsSecret(s.keyID, x.Header.Get("X-Amz-Security-Token"), x.Now)
	switch {
	case problem == sessionExpired:
		return refuse("Unauthorized", problem)
	case problem != "":
		return refuse("InvalidInput", problem) // jlevers/selling-partner-api#282
	}
	if canonical, toSign, ok := s.verify(x, secret); !ok {
		return refuse("InvalidSignature", mismatch(canonical, toSign))
	}
	return nil
}

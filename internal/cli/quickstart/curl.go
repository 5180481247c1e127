package quickstart

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

const redacted = "REDACTED"

// recorder keeps what went over the wire, with secrets taken out, on the way to the next round tripper.
type recorder struct {
	next http.RoundTripper

	mu      sync.Mutex
	request string // the first one, as curl
	status  []int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := peek(req)
	if err != nil {
		return nil, err
	}
	if body != nil { // a round tripper must not change its request
		req = req.WithContext(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	command := curl(req, body)
	resp, err := r.next.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.request == "" {
		r.request = command
	}
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	r.status = append(r.status, status)
	return resp, err
}

// peek reads the body of a request, nil without one.
func peek(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request, r.status = "", nil
}

func (r *recorder) first() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.request
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.status)
}

// statuses counts the replies with a status.
func (r *recorder) statuses(status int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.status {
		if s == status {
			n++
		}
	}
	return n
}

// Of headers and form fields only the values named here are shown; every other value may be a secret.
var (
	shownHeaders  = []string{"User-Agent", "X-Amz-Date"}
	hiddenHeaders = []string{"X-Amz-Access-Token", "X-Amz-Security-Token"}
	shownFields   = map[string]bool{
		"grant_type": true, "client_id": true, "scope": true, // Login with Amazon
		"Action": true, "Version": true, "RoleArn": true, "RoleSessionName": true, "DurationSeconds": true, // AssumeRole
	}
	credential = regexp.MustCompile(`(Credential=|Signature=)[^/,\s]+`)
	fieldName  = regexp.MustCompile(`^[A-Za-z_.]+$`)
)

// curl writes a request as a curl command that could be run if its secrets were put back.
func curl(req *http.Request, body []byte) string {
	command := "curl "
	if req.Method != http.MethodGet && (req.Method != http.MethodPost || body == nil) { // -d makes it a POST
		command += "-X " + req.Method + " "
	}
	parts := []string{command + quote(req.URL.String())}
	header := func(name, value string) { parts = append(parts, "-H "+quote(strings.ToLower(name)+": "+value)) }
	for _, name := range hiddenHeaders {
		if req.Header.Get(name) != "" {
			header(name, redacted)
		}
	}
	if value := req.Header.Get("Authorization"); value != "" {
		header("Authorization", authorization(value))
	}
	for _, name := range shownHeaders {
		if value := req.Header.Get(name); value != "" && req.Header.Get("X-Amz-Access-Token") != "" { // for tokens they don't matter
			header(name, value)
		}
	}
	return strings.Join(append(parts, form(body)...), " \\\n  ")
}

// authorization shows what a signature covers, without key and signature.
func authorization(value string) string {
	scheme, rest, _ := strings.Cut(value, " ")
	if scheme != "AWS4-HMAC-SHA256" {
		return redacted
	}
	return scheme + " " + credential.ReplaceAllString(rest, "${1}"+redacted)
}

// form shows the fields of a form body. Other bodies don't occur here and would not be shown.
func form(body []byte) []string {
	if len(body) == 0 {
		return nil
	}
	var parts []string
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !fieldName.MatchString(name) {
			return []string{"-d " + redacted}
		}
		if !shownFields[name] {
			value = redacted
		} else if plain, err := url.QueryUnescape(value); err == nil && !strings.ContainsAny(plain, "&=%+# ") {
			value = plain // "arn:aws:iam::…" reads better than its escapes
		}
		parts = append(parts, "-d "+quote(name+"="+value))
	}
	return parts
}

// quote makes a word of a POSIX shell.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, unsafe) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func unsafe(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,+%", r)
}

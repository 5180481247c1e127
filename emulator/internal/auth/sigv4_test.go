package auth

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSigV4Vectors runs the published cases of Signature Version 4 (awslabs/aws-c-auth) through the verification: all of them, also those
// that net/http could not parse, because only the text of the request is needed.
func TestSigV4Vectors(t *testing.T) {
	dir := os.Getenv("SPAPI_VECTORS")
	if dir == "" {
		dir = "../../shared/vectors"
	}
	folders, _ := filepath.Glob(filepath.Join(dir, "aws-sigv4", "*", "context.json"))
	if len(folders) == 0 {
		t.Skipf("SKIPPED: no signature vectors in %s; set SPAPI_VECTORS", dir)
	}
	for _, file := range folders {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			read := func(name string) string {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return strings.ReplaceAll(string(b), "\r\n", "\n")
			}
			var context struct {
				Credentials struct {
					Secret string `json:"secret_access_key"`
				}
				Normalize bool
			}
			if err := json.Unmarshal([]byte(read("context.json")), &context); err != nil {
				t.Fatal(err)
			}
			method, path, query, header, body := parseRequest(read("header-signed-request.txt"))
			s, problem := parseSignature(header)
			if problem != "" {
				t.Fatal(problem)
			}
			canonical := canonicalRequest(method, path, query, header.Get("Host"), header, s.signedHeaders, []byte(body), context.Normalize)
			if want := read("header-canonical-request.txt"); canonical != want {
				t.Errorf("canonical request\n%s\nwant\n%s", canonical, want)
			}
			toSign := s.stringToSign(canonical)
			if want := read("header-string-to-sign.txt"); toSign != want {
				t.Errorf("string to sign\n%s\nwant\n%s", toSign, want)
			}
			if got, want := s.sign(context.Credentials.Secret, toSign), read("header-signature.txt"); got != want || got != s.value {
				t.Errorf("signature %s, want %s", got, want)
			}
			if got := s.sign("another secret", toSign); got == s.value {
				t.Error("another secret gives the same signature")
			}
		})
	}
	t.Logf("%d vectors", len(folders))
}

// parseRequest reads the text of a request, with folded header lines.
func parseRequest(text string) (method, path, query string, header http.Header, body string) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := bufio.NewScanner(strings.NewReader(head))
	lines.Scan()
	method, rest, _ := strings.Cut(lines.Text(), " ")
	path, query, _ = strings.Cut(strings.TrimSuffix(rest, " HTTP/1.1"), "?")
	header = http.Header{}
	last := ""
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, " ") {
			values := header[last]
			values[len(values)-1] += " " + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = http.CanonicalHeaderKey(name)
		header.Add(name, value)
	}
	return method, path, query, header, body
}

func TestParseSignature(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc"
	for _, test := range []struct{ auth, date, problem string }{
		{good, "20150830T123600Z", ""},
		{strings.ReplaceAll(good, ", ", ","), "20150830T123600Z", ""},
		{"Bearer x", "20150830T123600Z", "requires 'AWS4-HMAC-SHA256'"},
		{"AWS4-HMAC-SHA256", "20150830T123600Z", "requires 'AWS4-HMAC-SHA256'"},
		{"AWS4-HMAC-SHA256 Signature=abc", "20150830T123600Z", "'Credential'"},
		{strings.Replace(good, "/aws4_request", "", 1), "20150830T123600Z", "5 slash-delimited"},
		{strings.Replace(good, "SignedHeaders=host;x-amz-date, ", "", 1), "20150830T123600Z", "'SignedHeaders'"},
		{strings.Replace(good, "Signature=abc", "", 1), "20150830T123600Z", "'Signature'"},
		{strings.Replace(good, "host;", "", 1), "20150830T123600Z", "'host' must be"},
		{good, "", "X-Amz-Date"},
		{good, "2015", "X-Amz-Date"},
		{good, "20150831T123600Z", "does not match YYYYMMDD"},
	} {
		h := http.Header{"Authorization": {test.auth}, "X-Amz-Date": {test.date}}
		s, problem := parseSignature(h)
		if test.problem == "" {
			if problem != "" || s.keyID != "AKID" || s.region != "us-east-1" || s.service != "execute-api" || len(s.signedHeaders) != 2 {
				t.Errorf("%s: %q %+v", test.auth, problem, s)
			}
		} else if !strings.Contains(problem, test.problem) {
			t.Errorf("%s: problem %q, want one with %q", test.auth, problem, test.problem)
		}
	}
}

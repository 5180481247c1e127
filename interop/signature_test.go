package interop

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"pgregory.net/rapid"

	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/marketplace"
)

// aws4Signer is a Node process that signs with npm aws4.
type aws4Signer struct {
	in  *json.Encoder
	out *bufio.Scanner
}

type aws4Request struct {
	Request struct {
		Method  string              `json:"method"`
		Service string              `json:"service"`
		Region  string              `json:"region"`
		Path    string              `json:"path"`
		Headers map[string][]string `json:"headers"`
		Body    string              `json:"body"`
	} `json:"request"`
	Credentials struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		SessionToken    string `json:"sessionToken,omitempty"`
	} `json:"credentials"`
}

func startAWS4(t *testing.T) *aws4Signer {
	cmd := exec.Command(needNode(t, "aws4"), "sign.mjs")
	cmd.Dir = "aws4"
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("aws4 ended with %v", err)
		}
	})
	out := bufio.NewScanner(stdout)
	out.Buffer(nil, 1<<20)
	return &aws4Signer{json.NewEncoder(stdin), out}
}

func (s *aws4Signer) sign(t *rapid.T, r aws4Request) (authorization string) {
	if err := s.in.Encode(r); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Authorization string }
	if !s.out.Scan() {
		t.Fatalf("aws4 gave no answer: %v", s.out.Err())
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Authorization
}

// TestSignaturesAgree signs requests of all shapes that SP-API has seen, and some that it has not, with awsauth and with aws4, which
// share no code, and compares the Authorization headers.
func TestSignaturesAgree(t *testing.T) {
	aws4 := startAWS4(t)
	signed := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			compare(t, aws4)
			signed++
		}
	})
	t.Logf("%d signatures agree", signed)
}

var (
	segments = rapid.OneOf(
		rapid.SampledFrom([]string{"orders", "v0", "2021-08-01", "items", "", ".", "..", "...", ".hidden", "A2EUQ1WTGCTBG2", "a+b", "a:b@c$d&e=f", "%2F", "%2f", "%252F", "%2E%2E"}),
		rapid.Map(rapid.String(), url.PathEscape),
	)
	parameters = rapid.OneOf(rapid.StringN(1, -1, -1), rapid.SampledFrom([]string{"MarketplaceIds", "a", "A", "a b", "ü", "a/b", "a-b", "+", "%", "Key~*'()!"}))
	values     = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "ATVPDKIKX0DER", "2026-01-01T00:00:00Z", "a+b", "a b", "100%", "a%2Bb", "a,b", "a=b&c=d", "文具", "🖋", "a/b", "a-b"}))
	headers    = rapid.StringMatching(`[!-~]([ -~]{0,40}[!-~])?`)
)

func compare(t *rapid.T, aws4 *aws4Signer) {
	var r aws4Request
	r.Request.Service = "execute-api"
	r.Request.Method = rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}).Draw(t, "method")
	region := rapid.SampledFrom(marketplace.Regions()).Draw(t, "region")
	r.Request.Region = region.AWSRegion()
	host := rapid.SampledFrom([]string{"sellingpartnerapi-eu.amazon.com", "sandbox.sellingpartnerapi-na.amazon.com", "127.0.0.1:8080"}).Draw(t, "host")

	r.Request.Path = "/" + strings.Join(rapid.SliceOfN(segments, 0, 6).Draw(t, "segments"), "/")
	query := url.Values{}
	for range rapid.IntRange(0, 5).Draw(t, "parameters") {
		query.Add(parameters.Draw(t, "parameter"), values.Draw(t, "value"))
	}
	if raw := query.Encode(); raw != "" {
		if rapid.Bool().Draw(t, "%20 for a space") {
			raw = strings.ReplaceAll(raw, "+", "%20")
		}
		r.Request.Path += "?" + raw
	}
	if r.Request.Method != "GET" && r.Request.Method != "DELETE" {
		r.Request.Body = rapid.String().Draw(t, "body")
	}
	r.Credentials.AccessKeyID = "ASIAEXAMPLE"
	r.Credentials.SecretAccessKey = rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")
	if rapid.Bool().Draw(t, "session") {
		r.Credentials.SessionToken = rapid.StringMatching(`[A-Za-z0-9/+=]{1,200}`).Draw(t, "token")
	}

	var body io.Reader
	if r.Request.Body != "" {
		body = strings.NewReader(r.Request.Body)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.Request.Method, "https://"+host+r.Request.Path, body)
	if err != nil {
		t.Fatal(err)
	}
	if got := req.URL.EscapedPath() + "?" + req.URL.RawQuery; strings.TrimSuffix(got, "?") != r.Request.Path {
		t.Fatalf("net/http sends %q, not %q", got, r.Request.Path)
	}
	req.Header.Set("X-Amz-Access-Token", headers.Draw(t, "access token"))
	req.Header.Set("User-Agent", headers.Draw(t, "user agent")) // neither signs it
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if rapid.Bool().Draw(t, "idempotency key") {
		req.Header["X-Amzn-Idempotencykey"] = rapid.SliceOfN(headers, 1, 3).Draw(t, "idempotency keys")
	}
	r.Request.Headers = map[string][]string{"Host": {host}}
	for name, value := range req.Header {
		r.Request.Headers[name] = value
	}

	signer, err := awsauth.New(awsauth.Config{BaseCredentials: credentials.NewStaticCredentialsProvider(
		r.Credentials.AccessKeyID, r.Credentials.SecretAccessKey, r.Credentials.SessionToken)})
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(t.Context(), req, region); err != nil {
		t.Fatal(err)
	}
	r.Request.Headers["X-Amz-Date"] = req.Header["X-Amz-Date"]
	if got, want := req.Header.Get("Authorization"), aws4.sign(t, r); got != want {
		t.Fatalf("%s %s\n awsauth %s\n aws4    %s", r.Request.Method, r.Request.Path, got, want)
	}
}

package curl

import (
	"net/http"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name, method, url string
		header            map[string]string
		body              string
		want              string
	}{
		{"plain", "GET", "http://h/p?a=1", nil, "", `curl 'http://h/p?a=1'`},
		{"method", "DELETE", "http://h/p", nil, "", `curl -X DELETE http://h/p`},
		{"post without a body", "POST", "http://h/p", nil, "", `curl -X POST http://h/p`},
		{"quotes", "GET", "http://h/it's", nil, "", `curl 'http://h/it'\''s'`},
		{"token", "GET", "http://h/p", map[string]string{"X-Amz-Access-Token": "Atza|secret", "User-Agent": "a/1", "X-Other": "secret"}, "",
			`curl http://h/p -H 'x-amz-access-token: REDACTED' -H 'user-agent: a/1'`},
		{"signature", "GET", "http://h/p", map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAX/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff"}, "",
			`curl http://h/p -H 'authorization: AWS4-HMAC-SHA256 Credential=REDACTED/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=REDACTED'`},
		{"basic", "GET", "http://h/p", map[string]string{"Authorization": "Basic c2VjcmV0"}, "", `curl http://h/p -H 'authorization: REDACTED'`},
		{"form", "POST", "http://h/p", nil, "client_secret=s&grant_type=refresh_token&RoleArn=arn%3Aaws%3Aiam&unknown=s",
			`curl http://h/p -d client_secret=REDACTED -d grant_type=refresh_token -d RoleArn=arn:aws:iam -d unknown=REDACTED`},
		{"escapes that must stay", "POST", "http://h/p", nil, "scope=a%26b", `curl http://h/p -d scope=a%26b`},
		{"no form", "POST", "http://h/p", nil, `{"client_secret":"s"}`, `curl http://h/p -d REDACTED`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range c.header {
			req.Header.Set(name, value)
		}
		var body []byte
		if c.body != "" {
			body = []byte(c.body)
		}
		if got := strings.ReplaceAll(Command(req, body, Options{}), " \\\n  ", " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// A secret that stands where none should is taken out by its shape, unless secrets are asked for.
func TestSecretsThatWentAstray(t *testing.T) {
	body := `{"token":"Atzr|CANARY","secret":"amzn1.oa2-cs.v1.CANARY"}`
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://h/p/Atza%7CCANARY?a=Atc%7CCANARY", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Other", "Atz.sprdt|CANARY")
	for name, show := range map[string]func(Options) string{
		"curl": func(o Options) string { return Command(req, []byte(body), o) },
		"wire": func(o Options) string { return Wire(req, []byte(body), o) },
	} {
		if text := show(Options{Whole: true}); strings.Contains(text, "CANARY") || strings.Count(text, "REDACTED") != 4 {
			t.Errorf("%s: %s", name, text)
		}
		if text := show(Options{Whole: true, Secrets: true}); strings.Count(text, "CANARY") != 5 {
			t.Errorf("%s with secrets: %s", name, text)
		}
	}
}

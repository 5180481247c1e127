package curl

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
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

// TestCommandsSendTheSame runs the commands, by a shell and curl, and looks at what arrives.
func TestCommandsSendTheSame(t *testing.T) {
	for _, program := range []string{"curl", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: %s is not installed: nothing shows that the commands work", program)
		}
	}
	type seen struct{ method, uri, body, contentType, other string }
	var mu sync.Mutex
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = seen{r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type"), strings.Join(r.Header.Values("X-Other"), "|")}
		if values, ok := r.Header["X-Other"]; ok && values[0] == "" {
			got.other = "empty"
		}
	}))
	defer server.Close()
	for name, want := range map[string]seen{
		"plain":                 {"GET", "/p?a=1&b=2", "", "", ""},
		"head":                  {"HEAD", "/p", "", "", ""},
		"a body that begins @":  {"POST", "/p", "@/etc/passwd", "text/plain", ""},
		"@- is stdin":           {"PUT", "/p", "@-", "text/plain", ""},
		"an object":             {"PATCH", "/p", `{"a":"it's \"$HOME\" \\ ` + "`id`" + ` !! 100%"}`, "application/json", ""},
		"braces and brackets":   {"GET", "/p?a[]={1,2}&b[1-3]=x", "", "", ""},
		"encoded braces":        {"GET", "/p/%7Bid%7D%5B1%5D?x=%7B%7D", "", "", ""},
		"line ends":             {"POST", "/p", "a\nb\n\n", "text/plain", ""},
		"carriage returns":      {"POST", "/p", "a\r\nb\\n%d", "text/plain", ""},
		"control characters":    {"POST", "/p", "a\x00b\x1b[31m\u202ec", "text/plain", ""},
		"no UTF-8":              {"POST", "/p", "M\xfcller@", "text/plain", ""},
		"no type":               {"POST", "/p", "x=1", "", ""},
		"a GET with a body":     {"GET", "/p", "{}", "application/json", ""},
		"a POST without a body": {"POST", "/p", "", "", ""},
		"dots in a path":        {"GET", "/a/../b/./c", "", "", ""},
		"a header that is odd":  {"GET", "/p", "", "", `@/etc/passwd 'it"s' $HOME ` + "`id`" + ` !x; a: b`},
		"a header that's empty": {"GET", "/p", "", "", "empty"},
		"a query with quotes":   {"GET", "/p?q='%22$x`id`!", "", "", ""},
		"a hash in the query":   {"DELETE", "/p?q=%23&r=~", "", "", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), want.method, server.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(want.uri, "?")
		req.URL, err = req.URL.Parse(server.URL + "/")
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path, req.URL.RawPath, req.URL.RawQuery = path, path, query
		if strings.Contains(path, "%") {
			parsed, err := req.URL.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Path = parsed.Path
		}
		if want.contentType != "" {
			req.Header.Set("Content-Type", want.contentType)
		}
		switch want.other {
		case "":
		case "empty":
			req.Header.Set("X-Other", "")
		default:
			req.Header.Set("X-Other", want.other)
		}
		mu.Lock()
		got = seen{}
		mu.Unlock()
		command := Command(req, []byte(want.body), Options{Whole: true})
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Env = []string{"HOME=/", "PATH=/usr/local/bin:/usr/bin:/bin", "NO_PROXY=*"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", name, err, out, command)
			continue
		}
		mu.Lock()
		if got != want {
			t.Errorf("%s:\n got %+q\nwant %+q\nby %s", name, got, want, command)
		}
		mu.Unlock()
		if strings.ContainsFunc(command, unprintable) {
			t.Errorf("%s: %q would act on a terminal", name, command)
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

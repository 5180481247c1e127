package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
)

// TestAttacks sends bytes as an attacker would, over TCP, and looks at what is answered and at what reaches Amazon.
func TestAttacks(t *testing.T) {
	const get, host, end = "GET /orders/v0/orders HTTP/1.1\r\n", "Host: 127.0.0.1\r\n", "\r\n"
	const post = "POST /a/b/c HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	line := func(target string) string { return "GET " + target + " HTTP/1.1\r\n" + host + end }
	for _, c := range []struct {
		name string
		send string
		want string // statuses, in order; "" for a connection that ends without an answer
		sent string // what reached Amazon: method, target and body of each request
	}{
		{"plain", get + host + end, "200", "GET /orders/v0/orders "},

		// Where a body ends: whatever two readers might think of it, what follows is a request of its own, which is authenticated as such.
		{"length twice", post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbodyX", "400", ""},
		{"lengths in one", post + "Content-Length: 4, 5\r\n\r\nbodyX", "400", ""},
		{"length with sign", post + "Content-Length: +4\r\n\r\nbody", "400", ""},
		{"length below 0", post + "Content-Length: -4\r\n\r\nbody", "400", ""},
		{"length in hex", post + "Content-Length: 0x4\r\n\r\nbody", "400", ""},
		{"length too long", post + "Content-Length: 99999999999999999999\r\n\r\nbody", "400", ""},
		{"length and chunks", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", "POST /a/b/c abc"},
		{"length and chunks, a request behind", post + "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /orders//v0 HTTP/1.1\r\nHost: x\r\n\r\n", "200 421", "POST /a/b/c "},
		{"chunks unknown", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
		{"chunks and identity", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501", ""},
		{"chunks twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501", ""},
		{"chunks, space before colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", ""},
		{"chunks, folded", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "200", "POST /a/b/c "},
		{"chunks, tab", post + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", "200", "POST /a/b/c "},
		{"chunk size with sign", post + "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk size 0x", post + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk size below 0", post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk size too long", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk longer than said", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", "400", ""},
		{"chunk extension with line feed", post + "Transfer-Encoding: chunked\r\n\r\n3;x\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk extension without end", post + "Transfer-Encoding: chunked\r\n\r\n3;" + strings.Repeat("x", 64<<10) + "\r\nabc\r\n0\r\n\r\n", "400", ""},
		{"chunk without its end", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n", "400", ""},
		{"trailer as header", post + "Transfer-Encoding: chunked\r\nTrailer: X-Amzn-X\r\n\r\n0\r\nX-Amzn-X: 1\r\n\r\n", "200", "POST /a/b/c "},
		{"trailer of a length", post + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", "400", ""},

		// Lines.
		{"header folded", get + host + "X-Amzn-X: a\r\n b\r\n" + end, "200", "GET /orders/v0/orders "},
		{"first header folded", get + " Host: 127.0.0.1\r\n" + end, "400", ""},
		{"line feeds alone", "GET /orders/v0/orders HTTP/1.1\nHost: 127.0.0.1\n\n", "200", "GET /orders/v0/orders "},
		{"carriage return in a value", get + host + "X-Amzn-X: a\rX-Spapi-Account: b\r\n" + end, "400", ""},
		{"NUL in a value", get + host + "X-Amzn-X: a\x00b\r\n" + end, "400", ""},
		{"NUL in a name", get + host + "X-Am\x00zn: a\r\n" + end, "400", ""},
		{"space in a name", get + host + "X Amzn: a\r\n" + end, "400", ""},
		{"escape in the agent", get + host + "User-Agent: \x1b[2J\r\n" + end, "400", ""},
		{"account that is no name", get + host + "X-Spapi-Account: <b>\x9b\xe2\x80\xae\r\n" + end, "403", ""},
		{"header without colon", get + host + "nothing\r\n" + end, "400", ""},
		{"two requests in a line", "GET /orders/v0/orders HTTP/1.1 GET /x HTTP/1.1\r\n" + host + end, "400", ""},
		{"version", "GET /orders/v0/orders HTTP/9.9\r\n" + host + end, "505", ""},
		{"HTTP/0.9", "GET /orders/v0/orders\r\n\r\n", "400", ""},
		{"HTTP/2 in clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405", ""},
		{"header too long", get + host + "X-Amzn-X: " + strings.Repeat("x", 80<<10) + "\r\n" + end, "431", ""},
		{"too many headers", get + host + strings.Repeat("X-Amzn-X: y\r\n", 10000) + end, "431", ""},
		{"target too long", line("/" + strings.Repeat("x", 80<<10)), "431", ""},
		{"body larger than is taken", post + "Content-Length: 10485761\r\n\r\n", "413", ""},

		// Two headers of which two readers may take different ones.
		{"two keys", get + host + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n" + end, "400", ""},
		{"two api keys", get + host + "X-Api-Key: a\r\nx-api-key: b\r\n" + end, "400", ""},
		{"two tokens", get + host + "x-amz-access-token: a\r\nX-Amz-Access-Token: b\r\n" + end, "400", ""},
		{"two accounts", get + host + "X-Spapi-Account: a\r\nX-Spapi-Account: b\r\n" + end, "400", ""},
		{"two priorities", get + host + "X-Spapi-Priority: 1\r\nX-Spapi-Priority: 2\r\n" + end, "400", ""},
		{"two types", post + "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n", "400", ""},
		{"misspelt header", get + host + "X-Spapi-Acount: a\r\n" + end, "400", ""},
		{"underscores", get + host + "X_Spapi_Account: a\r\n" + end, "200", "GET /orders/v0/orders "},

		// Who is meant.
		{"no host", get + end, "400", ""},
		{"two hosts", get + host + "Host: evil.example\r\n" + end, "400", ""},
		{"another host", get + "Host: evil.example\r\n" + end, "421", ""},
		{"a host that ends like one", get + "Host: evil.sellingpartnerapi-na.amazon.com\r\n" + end, "421", ""},
		{"a host that begins like one", get + "Host: sellingpartnerapi-na.amazon.com.evil.example\r\n" + end, "421", ""},
		{"a host with user", get + "Host: localhost@evil.example\r\n" + end, "400", ""},
		{"a host with path", get + "Host: localhost/evil\r\n" + end, "400", ""},
		{"forwarded host", get + host + "X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n" + end, "200", "GET /orders/v0/orders "},
		{"Amazon's host", get + "Host: sellingpartnerapi-na.amazon.com\r\n" + end, "200", "GET /orders/v0/orders "},
		{"Amazon's host with port and dot", get + "Host: SellingPartnerAPI-na.amazon.com.:443\r\n" + end, "200", "GET /orders/v0/orders "},
		{"Amazon's host of another region", get + "Host: sellingpartnerapi-eu.amazon.com\r\n" + end, "400", ""},
		{"Amazon's sandbox", get + "Host: sandbox.sellingpartnerapi-na.amazon.com\r\n" + end, "400", ""},
		{"login's host, another path", get + "Host: api.amazon.com\r\n" + end, "400", ""},
		{"cloud's own addresses", "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\n" + host + end, "200", "GET /latest/meta-data "}, // an address, as any of the gateway's: asked of Amazon
		{"absolute, Amazon's", "GET https://sellingpartnerapi-na.amazon.com/orders/v0/orders HTTP/1.1\r\n" + host + end, "200", "GET /orders/v0/orders "},
		{"absolute, another region", "GET https://sellingpartnerapi-fe.amazon.com/orders/v0/orders HTTP/1.1\r\n" + host + end, "400", ""},
		{"absolute, elsewhere", "GET http://evil.example/orders/v0/orders HTTP/1.1\r\n" + host + end, "421", ""},
		{"absolute, with user", "GET http://a:b@127.0.0.1/orders/v0/orders HTTP/1.1\r\n" + host + end, "400", ""},
		{"absolute, another scheme", "GET ftp://127.0.0.1/orders/v0/orders HTTP/1.1\r\n" + host + end, "400", ""},
		{"absolute, no path", "GET http://127.0.0.1 HTTP/1.1\r\n" + host + end, "400", ""},
		{"CONNECT elsewhere", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "405", ""},
		{"CONNECT to Amazon", "CONNECT sellingpartnerapi-na.amazon.com:443 HTTP/1.1\r\nHost: sellingpartnerapi-na.amazon.com:443\r\n\r\n", "405", ""},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + end, "405", ""},
		{"TRACE", "TRACE /orders/v0/orders HTTP/1.1\r\n" + host + end, "405", ""},
		{"DEBUG", "DEBUG /orders/v0/orders HTTP/1.1\r\n" + host + end, "405", ""},
		{"lower case method", "get /orders/v0/orders HTTP/1.1\r\n" + host + end, "405", ""},
		{"another method in a header", get + host + "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n" + end, "200", "GET /orders/v0/orders "},
		{"upgrade", get + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n" + end, "200", "GET /orders/v0/orders "},
		{"a page of another site", get + host + "Origin: https://evil.example\r\n" + end, "403", ""},
		{"a page of no site", get + host + "Origin: null\r\n" + end, "403", ""},
		{"a page's image", get + host + "Sec-Fetch-Site: cross-site\r\n" + end, "403", ""},

		// Paths that lead elsewhere.
		{"dots", line("/orders/../tokens"), "400", ""},
		{"dots at the end", line("/orders/v0/.."), "400", ""},
		{"one dot", line("/orders/./v0"), "400", ""},
		{"dots, encoded", line("/orders/%2e%2e/tokens"), "400", ""},
		{"dots, half encoded", line("/orders/.%2E/tokens"), "400", ""},
		{"dots, encoded twice", line("/orders/%252e%252e/tokens"), "400", ""},
		{"dots and encoded slash", line("/orders/..%2ftokens"), "400", ""},
		{"encoded slash and dots", line("/orders%2f..%2ftokens"), "400", ""},
		{"dots with parameter", line("/orders/..;a=b/tokens"), "400", ""},
		{"two slashes", line("/orders//v0/orders"), "400", ""},
		{"two slashes in front", line("//evil.example/orders"), "400", ""},
		{"three slashes in front", line("///evil.example/orders"), "400", ""},
		{"backslash", line(`/orders\..\tokens`), "400", ""},
		{"backslash, encoded", line("/orders/..%5ctokens"), "400", ""},
		{"NUL", line("/orders/%00"), "400", ""},
		{"line feed", line("/orders/a%0d%0aX-Spapi-Account:%20b"), "400", ""},
		{"delete", line("/orders/%7f"), "400", ""},
		{"escape cut", line("/orders/%2"), "400", ""},
		{"escape of nothing", line("/orders/%zz"), "400", ""},
		{"not ASCII", line("/orders/\xc3\xbc"), "400", ""},
		{"overlong", line("/orders/\xc0\xae\xc0\xae/x"), "400", ""},
		{"quote", line(`/orders/"x`), "400", ""},
		{"bar", line(`/orders/a|b`), "400", ""},
		{"fragment", line("/orders/v0/orders#x"), "400", ""},
		{"fragment in the query", line("/orders/v0/orders?a=b#x"), "400", ""},
		{"not ASCII in the query", line("/orders/v0/orders?a=\xc3\xbc"), "400", ""},
		{"no slash", line("orders/v0/orders"), "400", ""},
		{"another operation once decoded", line("/orders/v0/%6frders"), "400", ""},
		{"another operation behind a slash", line("/orders/v0/orders/123-1234567-1234567%2Faddress"), "400", ""},

		// Paths that are odd and mean one thing: they pass as they are.
		{"slash in a SKU", line("/listings/2021-08-01/items/S/a%2Fb?x=%2f"), "200", "GET /listings/2021-08-01/items/S/a%2Fb?x=%2f "},
		{"letter encoded in a SKU", line("/listings/2021-08-01/items/S/%41%7e"), "200", "GET /listings/2021-08-01/items/S/%41%7e "},
		{"percent in a SKU", line("/listings/2021-08-01/items/S/100%25"), "200", "GET /listings/2021-08-01/items/S/100%25 "},
		{"space and umlaut", line("/listings/2021-08-01/items/S/a%20%C3%BC+"), "200", "GET /listings/2021-08-01/items/S/a%20%C3%BC+ "},
		{"signs", line("/listings/2021-08-01/items/S/a!$&'()*,;=:@-._~"), "200", "GET /listings/2021-08-01/items/S/a!$&'()*,;=:@-._~ "},
		{"three dots", line("/listings/2021-08-01/items/S/..."), "200", "GET /listings/2021-08-01/items/S/... "},
		{"slash at the end", line("/orders/v0/orders/"), "200", "GET /orders/v0/orders/ "},
		{"other case", line("/ORDERS/v0/orders"), "200", "GET /ORDERS/v0/orders "},
		{"empty query", line("/orders/v0/orders?"), "200", "GET /orders/v0/orders? "},
		{"odd query", line("/orders/v0/orders?a=/../&&b=%2e%2E;c=[]{}|\"<>%0d%0a"), "200", "GET /orders/v0/orders?a=/../&&b=%2e%2E;c=[]{}|\"<>%0d%0a "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := new(proxiedAmazon)
			_, address := serve(t, a, nil)
			conn := dial(t, address)
			_, _ = io.WriteString(conn, c.send)
			var statuses []string
			for r := bufio.NewReader(conn); ; {
				if len(statuses) == len(strings.Fields(c.want)) { // is there more?
					_ = conn.(*net.TCPConn).CloseWrite()
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					break
				}
				text, err := io.ReadAll(res.Body)
				if err != nil {
					t.Errorf("body: %v", err)
				}
				statuses = append(statuses, fmt.Sprint(res.StatusCode))
				if bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f }) {
					t.Errorf("the answer has control characters: %q", text)
				}
			}
			if got := strings.Join(statuses, " "); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
			var sent []string
			for _, s := range a.requests() {
				sent = append(sent, s.method+" "+s.target+" "+s.body)
			}
			if got := strings.Join(sent, "\n"); got != c.sent {
				t.Errorf("Amazon got %q, want %q", got, c.sent)
			}
		})
	}
}

// TestSmuggledCaller: a request that hides behind another has none of its rights.
func TestSmuggledCaller(t *testing.T) {
	a := new(proxiedAmazon)
	var secret string
	_, address := serve(t, a, func(c *Config) { secret = withKey(t, c) })
	hidden := "GET /orders/v0/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, head := range []string{
		"Content-Length: " + fmt.Sprint(len(hidden)+5) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 0\r\n\r\n",
		"\r\n",
	} {
		conn := dial(t, address)
		_, _ = io.WriteString(conn, "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+secret+"\r\n"+head+hidden)
		r := bufio.NewReader(conn)
		for _, want := range []int{200, 401} {
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != want {
				t.Fatalf("%q: %v %v, want %d", head, res, err, want)
			}
			_, _ = io.Copy(io.Discard, res.Body)
		}
	}
	for _, s := range a.requests() {
		if s.method != "POST" || s.body != "" {
			t.Errorf("Amazon got %+v", s)
		}
	}
}

// TestWhatAmazonGets: of a request with everything that callers, proxies and browsers add, only what means something to SP-API.
func TestWhatAmazonGets(t *testing.T) {
	a := new(proxiedAmazon)
	var secret string
	_, address := serve(t, a, func(c *Config) { secret = withKey(t, c) })
	do(t, "POST", address+"/a/b/c", strings.NewReader("{}"),
		"Content-Type", "application/json", "Accept", "application/json", "Accept-Language", "de", "User-Agent", "Shop/1.0 (Language=PHP/8.3)",
		"X-Amzn-Shipping-Business-Id", "AmazonShipping_US", "X-Amzn-Idempotency-Token", "abc",
		"Authorization", "AWS4-HMAC-SHA256 Credential=CANARY/x, SignedHeaders=host, Signature=CANARY", "X-Amz-Security-Token", "CANARY", "X-Amz-Date", "20260101T000000Z",
		"X-Amz-Content-Sha256", "CANARY", "X-Api-Key", secret, "Cookie", "a=CANARY", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "CANARY", "Forwarded", "for=10.0.0.1",
		"X-Real-Ip", "10.0.0.1", "Via", "1.1 CANARY", "X-Spapi-Priority", "high", "X-Http-Method-Override", "DELETE", "X-Original-Url", "/CANARY", "X-Rewrite-Url", "/CANARY",
		"Proxy-Authorization", "Basic CANARY", "Te", "trailers", "Keep-Alive", "timeout=5", "Connection", "X-Amzn-Secret, close", "X-Amzn-Secret", "CANARY", "Referer", "http://CANARY",
		"Cache-Control", "no-cache", "X-Company-Auth", "CANARY", "Traceparent", "00-CANARY")
	got := a.requests()[0].header
	want := http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Accept-Language": {"de"}, "User-Agent": {"Shop/1.0 (Language=PHP/8.3)"},
		"X-Amzn-Shipping-Business-Id": {"AmazonShipping_US"}, "X-Amzn-Idempotency-Token": {"abc"}, "X-Amz-Access-Token": {canaryAccessToken},
		"Accept-Encoding": {"gzip"}, "Content-Length": {"2"},
	}
	for name := range got {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: %q, want %q", name, got[name], want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// TestWhatCallersGet: nothing that means Amazon's hosts, or that lets pages of others read it.
func TestWhatCallersGet(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Set-Cookie": "a=b", "Alt-Svc": `h3=":443"`, "Strict-Transport-Security": "max-age=1", "Access-Control-Allow-Origin": "*", "X-Spapi-Account": "other",
			"X-Spapi-Cache": "hit", "Connection": "X-Internal", "X-Internal": "1", "Keep-Alive": "timeout=5", "Proxy-Authenticate": "Basic", "X-Amz-Security-Token": canaryAccessToken,
			"Clear-Site-Data": "*", "X-Amzn-Ratelimit-Limit": "2", "Content-Type": "application/json", "Upgrade": "h2c",
		} {
			w.Header().Set(name, value)
		}
	}}
	_, address := serve(t, a, nil)
	res, _ := do(t, "GET", address+"/a/b/c", nil)
	for name := range res.Header {
		switch name {
		case "Content-Type", "Content-Length", "Date", "X-Amzn-Ratelimit-Limit", "X-Amzn-Requestid":
		case "X-Spapi-Attempts", "X-Spapi-Waited", "X-Spapi-Limit-Rate", "X-Spapi-Limit-Burst", "X-Spapi-Limit-Remaining", "X-Spapi-Limit-Reset":
		case "X-Spapi-Account":
			if res.Header.Get(name) != "shop-na" {
				t.Errorf("%s: %q is Amazon's", name, res.Header[name])
			}
		default:
			t.Errorf("%s: %q", name, res.Header[name])
		}
	}
}

// TestSwitchingProtocols: what answers in Amazon's place gets no tunnel.
func TestSwitchingProtocols(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = conn.Close()
		}
	}}
	_, address := serve(t, a, nil)
	if res, _ := do(t, "GET", address+"/a/b/c", nil, "Connection", "Upgrade", "Upgrade", "websocket"); res.StatusCode != 502 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestEndlessBody: a body without end is refused when it is too long, and neither waits nor grows.
func TestEndlessBody(t *testing.T) {
	a := new(proxiedAmazon)
	g, address := serve(t, a, func(c *Config) { c.MaxBody = 3 << 20 })
	conn := dial(t, address)
	go func() {
		_, _ = io.WriteString(conn, "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
		for chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"; ; {
			if _, err := io.WriteString(conn, chunk); err != nil {
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != 413 || res.Header.Get("X-Spapi-Error") != "body-size" || !strings.Contains(string(text), "3 MiB") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, text)
	}
	if kept := g.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are counted as kept", kept)
	}
}

// pipes is a listener whose connections are in memory, for servers by a virtual clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// bubble runs f before a gateway that listens in memory, by a virtual clock.
func bubble(t *testing.T, a *proxiedAmazon, f func(t *testing.T, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, a, "", nil)
		l, srv := newPipes(), g.Server()
		done := make(chan struct{})
		go func() {
			_ = srv.Serve(l)
			close(done)
		}()
		f(t, l.dial)
		_ = srv.Close()
		<-done
	})
}

// TestSlowHeader: who never ends a header is cut off.
func TestSlowHeader(t *testing.T) {
	bubble(t, new(proxiedAmazon), func(t *testing.T, dial func() net.Conn) {
		conn, begun := dial(), time.Now()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for range 100 {
				if _, err := io.WriteString(conn, "G"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		_, err := io.ReadAll(conn)
		if waited := time.Since(begun); err != nil || waited > 11*time.Second {
			t.Errorf("%v after %s", err, waited)
		}
		_ = conn.Close()
	})
}

// TestSlowBody: who sends a body byte by byte is refused, in time, whether the body is kept or passes as it comes.
func TestSlowBody(t *testing.T) {
	for _, length := range []int{1000, 2 << 20} {
		a := new(proxiedAmazon)
		bubble(t, a, func(t *testing.T, dial func() net.Conn) {
			conn, begun := dial(), time.Now()
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				if _, err := fmt.Fprintf(conn, "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", length); err != nil {
					return
				}
				for range 1000 {
					if _, err := io.WriteString(conn, "x"); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			if waited := time.Since(begun); res.StatusCode != 408 || res.Header.Get("X-Spapi-Error") != "body-slow" || waited > bodyGrace+2*time.Second {
				t.Errorf("%d %v %s after %s", res.StatusCode, res.Header, text, waited)
			}
			_ = conn.Close()
		})
		if length < maxRepeated && len(a.requests()) != 0 {
			t.Errorf("Amazon got %v", a.requests())
		}
	}
}

// TestSteadyBody: a slow line is no attack.
func TestSteadyBody(t *testing.T) {
	a := new(proxiedAmazon)
	bubble(t, a, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		const size = 2 << 20
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			_, _ = fmt.Fprintf(conn, "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size)
			for range size / minRate {
				_, _ = conn.Write(make([]byte, minRate))
				time.Sleep(time.Second)
			}
		})
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		_, _ = io.ReadAll(res.Body)
		_ = conn.Close()
	})
	if sent := a.requests(); len(sent) != 1 || len(sent[0].body) != 2<<20 {
		t.Errorf("Amazon got %d requests", len(sent))
	}
}

// TestSlowReader: who doesn't take the answer is cut off, and the next request of a connection that waited has its full time.
func TestSlowReader(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) }}
	bubble(t, a, func(t *testing.T, dial func() net.Conn) {
		conn, begun := dial(), time.Now()
		_, _ = io.WriteString(conn, "GET /a/b/c HTTP/1.1\r\nHost: localhost\r\n\r\n")
		var some [100]byte
		_, _ = io.ReadFull(conn, some[:])
		time.Sleep(stallTimeout + time.Second) // the pipe has no room of its own
		n, err := io.Copy(io.Discard, conn)
		if err != nil || n > 64<<10 {
			t.Errorf("%d more bytes, %v", n, err)
		}
		if waited := time.Since(begun); waited > 2*stallTimeout {
			t.Errorf("after %s", waited)
		}
		_ = conn.Close()
	})
	bubble(t, new(proxiedAmazon), func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		r := bufio.NewReader(conn)
		for range 3 {
			go func() {
				_, _ = io.WriteString(conn, "PUT /a/b/c HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
			}()
			if line, err := r.ReadString('\n'); !strings.Contains(line, "100 Continue") {
				t.Fatalf("%q %v", line, err)
			}
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(conn, "x")
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			time.Sleep(stallTimeout + 30*time.Second) // within the time for idle connections
		}
		_ = conn.Close()
	})
}

// TestCallerLeaves: a call whose caller has gone ends, and the gateway answers nobody.
func TestCallerLeaves(t *testing.T) {
	ended := make(chan error, 1)
	a := &proxiedAmazon{answer: func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended <- r.Context().Err()
	}}
	_, address := serve(t, a, nil)
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", address+"/a/b/c", strings.NewReader("{}"))
	go func() {
		for len(a.requests()) == 0 {
			time.Sleep(time.Millisecond)
		}
		leave()
	}()
	if _, err := newCaller(t).Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the call went on")
	}
}

// TestHostSetting: the names that are set are the gateway's.
func TestHostSetting(t *testing.T) {
	g := newGateway(t, new(proxiedAmazon), "", func(c *Config) { c.Hosts = []string{"Gateway.internal"} })
	for host, want := range map[string]int{
		"gateway.internal": 200, "GATEWAY.internal:8484": 200, "gateway.internal.": 200, "evil.gateway.internal": 421, "10.1.2.3:80": 200, "[::1]:8484": 200, "[fe80::1%25eth0]": 200,
		"a.localhost": 200, "localhost.evil.example": 421, "": 421, "127.0.0.1.evil.example": 421, "0x7f.1": 421,
	} {
		r := httptest.NewRequest("GET", "/catalog/2022-04-01/items/B000000001?marketplaceIds=ATVPDKIKX0DER", nil)
		r.Host = host
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}

// FuzzTarget: whatever passes is sent to Amazon byte by byte, leads nowhere else, and is the operation that was decided about, however it is read.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{"/orders/v0/orders", "/a%2Fb/../c", "/%2e%2e/x", "//x", "/a?b=c#d", "http://x/y", "/orders/v0/%6frders", "/%252e/", "/a;/..;/b", "*", "/\\x", "/%00"} {
		f.Add(target)
	}
	a := new(proxiedAmazon)
	g := newGateway(f, a, "", nil)
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")))
		if err != nil || g.checkRequest(r) != nil {
			return
		}
		x := &exchange{g: g, w: httptest.NewRecorder(), r: r}
		if x.chooseAccount() != nil || x.identify() != nil {
			return
		}
		sent := r.URL.RequestURI()
		path, _, _ := strings.Cut(sent, "?")
		if r.RequestURI[0] == '/' && sent != r.RequestURI {
			t.Errorf("%q is sent as %q", r.RequestURI, sent)
		}
		for _, segment := range strings.Split(r.URL.Path, "/") {
			if segment == "." || segment == ".." {
				t.Errorf("%q leads elsewhere", target)
			}
		}
		for _, read := range []string{path, decodeUnreserved(path), r.URL.Path} {
			if op, ok := spapi.FindOperation("GET", read); ok && op.ID != x.op.ID {
				t.Errorf("%q is %q here and %q there", target, x.op.ID, op.ID)
			}
		}
	})
}

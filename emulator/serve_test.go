package emulator_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// served is an emulator on a listener, with a client that trusts its authority.
type served struct {
	*client
	addr string
	http *http.Client // sends all through it as a proxy
}

func serve(t testing.TB, l net.Listener, opts ...emulator.Option) *served {
	t.Helper()
	s := &served{client: newClient(t, append(opts, emulator.WithoutLimits(), emulator.WithCADir(filepath.Join(t.TempDir(), "ca")))...), addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	file, err := s.CA()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	proxy := &url.URL{Scheme: "http", Host: s.addr}
	tr := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableCompression: true}
	s.http = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func serveTCP(t testing.TB, opts ...emulator.Option) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, opts...)
}

// ask sends a request over the wire.
func (s *served) ask(method, url string, header http.Header, body string) result {
	s.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatalf("%s: %v", url, err)
	}
	return s.read(resp)
}

func (s *served) read(resp *http.Response) result {
	s.t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := result{status: resp.StatusCode, header: resp.Header, body: string(b)}
	dec := json.NewDecoder(strings.NewReader(r.body))
	dec.UseNumber()
	_ = dec.Decode(&r.json)
	return r
}

// TestAmazonsHosts asks each host over TLS, with its certificate checked, and finds who answers.
func TestAmazonsHosts(t *testing.T) {
	s := serveTCP(t)
	hosts := s.Hosts()
	if !slices.IsSorted(hosts) || len(hosts) != len(slices.Compact(slices.Clone(hosts))) {
		t.Errorf("not in order, or twice: %q", hosts)
	}
	for _, r := range marketplace.Regions() {
		for _, want := range []string{r.Endpoint(), r.SandboxEndpoint()} {
			if !slices.Contains(hosts, strings.TrimPrefix(want, "https://")) {
				t.Errorf("%s is missing", want)
			}
		}
	}
	for _, m := range marketplace.All() {
		for _, want := range []string{m.SellerCentral, m.VendorCentral} {
			if !slices.Contains(hosts, strings.TrimPrefix(want, "https://")) {
				t.Errorf("%s is missing", want)
			}
		}
	}
	for _, host := range hosts {
		base := "https://" + host
		token := s.ask("POST", base+"/auth/o2/token", nil, "grant_type=x")
		page := s.ask("GET", base+"/apps/authorize/consent?application_id=x", nil, "")
		root := s.ask("GET", base+"/", nil, "")
		switch {
		case strings.HasPrefix(host, "api."):
			if token.status != 400 || token.text("error") == "" || root.status != 404 {
				t.Errorf("%s is no Login with Amazon: %d %s", host, token.status, token.body)
			}
		case strings.HasPrefix(host, "sts."):
			if root.status != 400 || !strings.Contains(root.body, "<ErrorResponse xmlns=\"https://sts.amazonaws.com/") {
				t.Errorf("%s is no Security Token Service: %d %s", host, root.status, root.body)
			}
		case strings.HasPrefix(host, "sqs."), strings.HasSuffix(host, "queue.amazonaws.com"):
			if root.status != 400 || root.text("__type") != "com.amazonaws.sqs#UnknownOperationException" {
				t.Errorf("%s is no Simple Queue Service: %d %s", host, root.status, root.body)
			}
		case strings.Contains(host, "sellercentral"), strings.Contains(host, "vendorcentral"):
			if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || strings.Contains(page.body, "errors") {
				t.Errorf("%s is no Seller Central: %d %s", host, page.status, page.body)
			}
		case strings.HasPrefix(host, "tortuga"):
			if root.header.Get("Server") != "AmazonS3" || page.header.Get("Server") != "AmazonS3" {
				t.Errorf("%s is no S3: %d %s", host, root.status, root.body)
			}
		case strings.Contains(host, "sellingpartnerapi"):
			if root.status != 200 || root.text("timestamp") == "" || page.status != 403 || page.text("errors", 0, "code") != "Unauthorized" {
				t.Errorf("%s is no SP-API: %d %s", host, root.status, root.body)
			}
		case !strings.HasPrefix(host, "selling-partner-definitions-prod-"): // its paths are in answers, see below
			t.Errorf("what is %s?", host)
		}
	}
}

// TestFlowThroughProxy does what a client does that knows Amazon's hosts only.
func TestFlowThroughProxy(t *testing.T) {
	s := serveTCP(t)
	cred := s.Credentials()
	token := s.ask("POST", tokenURL, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, url.Values{"grant_type": {"refresh_token"},
		"refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}.Encode()).text("access_token")
	auth := http.Header{"X-Amz-Access-Token": {token}, "Content-Type": {"application/json"}, "Proxy-Connection": {"keep-alive"},
		"X-Forwarded-Host": {"example.com"}}
	if r := s.ask("GET", na+"/orders/v0/orders?"+allUS, auth, ""); r.status != 200 || r.text("payload", "Orders", 0, "AmazonOrderId") == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	report := s.ask("POST", na+"/reports/2021-06-30/reports", auth, spec(allOrders, us)).text("reportId")
	s.clock.advance(time.Hour - time.Second)
	document := s.ask("GET", na+"/reports/2021-06-30/reports/"+report, auth, "").text("reportDocumentId")
	address := s.ask("GET", na+"/reports/2021-06-30/documents/"+document, auth, "").text("url")
	if !strings.HasPrefix(address, "https://tortuga-prod-na.s3-external-1.amazonaws.com/") {
		t.Fatalf("the document is at %q", address)
	}
	if r := s.ask("GET", address, nil, ""); r.status != 200 || !strings.HasPrefix(s.unzip(r.body), "amazon-order-id\t") {
		t.Errorf("document: %d %.100q", r.status, r.body)
	}
	definition := s.ask("GET", na+"/definitions/2020-09-01/productTypes/PRODUCT?marketplaceIds="+us, auth, "")
	schema := definition.text("schema", "link", "resource")
	const bucket = "https://selling-partner-definitions-prod-iad.s3.amazonaws.com/"
	if r := s.ask("GET", schema, nil, ""); !strings.HasPrefix(schema, bucket) || r.status != 200 || r.text("type") != "object" {
		t.Errorf("schema at %q: %d %.100s", schema, r.status, r.body)
	}
}

// TestOwnAddress asks at the emulator's own address, over TLS and behind a reverse proxy: what it hands out leads back there.
func TestOwnAddress(t *testing.T) {
	s := serveTCP(t, emulator.WithLoginURI("https://app.example.com/login"))
	done := s.report(na, spec(allOrders, us))
	document := done.text("reportDocumentId")
	for _, test := range []struct {
		base      string
		forwarded http.Header
		want      string
	}{
		{"https://" + s.addr, nil, "https://" + s.addr},
		{"http://" + s.addr, nil, "http://" + s.addr},
		{"http://" + s.addr, http.Header{"X-Forwarded-Proto": {"https"}}, "https://" + s.addr},
		{"http://" + s.addr, http.Header{"X-Forwarded-Proto": {"HTTPS, http"}, "X-Forwarded-Host": {"emulator.test:8443, inner"}}, "https://emulator.test:8443"},
		{"https://" + s.addr, http.Header{"X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"emulator.test"}}, "http://emulator.test"},
		{"http://" + s.addr, http.Header{"X-Forwarded-Proto": {"ftp"}, "X-Forwarded-Host": {"a/b"}}, "http://" + s.addr},
		{"http://" + s.addr, http.Header{"X-Forwarded-Host": {"sellingpartnerapi-na.amazon.com"}}, "https://tortuga-prod-na.s3-external-1.amazonaws.com"},
		{na, http.Header{"X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"emulator.test"}}, "https://tortuga-prod-na.s3-external-1.amazonaws.com"},
	} {
		header := http.Header{"X-Amz-Access-Token": {s.token}}
		for name, v := range test.forwarded {
			header[name] = v
		}
		address := s.ask("GET", test.base+"/reports/2021-06-30/documents/"+document, header, "").text("url")
		if !strings.HasPrefix(address, test.want+"/") {
			t.Errorf("at %s with %v: document at %q, want %s", test.base, test.forwarded, address, test.want)
		}
		if strings.Contains(test.want, "amazonaws") {
			continue
		}
		schema := s.ask("GET", test.base+"/definitions/2020-09-01/productTypes/PRODUCT?marketplaceIds="+us, header, "").text("schema", "link", "resource")
		if !strings.HasPrefix(schema, test.want+"/") {
			t.Errorf("at %s with %v: schema at %q, want %s", test.base, test.forwarded, schema, test.want)
		}
		begin := s.ask("GET", test.base+"/apps/store/dp/"+s.Credentials().ApplicationID+"?emulator_consent=approve", header, "")
		if callback := begin.header.Get("Location"); !strings.Contains(callback, url.QueryEscape(test.want+"/")) {
			t.Errorf("at %s with %v: Appstore leads to %q (%d %s), want %s", test.base, test.forwarded, callback, begin.status, begin.body, test.want)
		}
	}
}

// TestControlPlaceIsKept asks for the control plane in ways that only seem to come from this computer.
func TestControlPlaneIsKept(t *testing.T) {
	s := serveTCP(t)
	for _, test := range []struct {
		url    string
		header http.Header
		status int
	}{
		{"http://" + s.addr, nil, 200},
		{"https://" + s.addr, nil, 200},
		{na, nil, 403},
		{"http://" + s.addr, http.Header{"X-Forwarded-Host": {"localhost"}}, 403},
		{"http://" + s.addr, http.Header{"X-Forwarded-For": {"10.0.0.1"}}, 403},
		{"http://" + s.addr, http.Header{"Forwarded": {"for=10.0.0.1"}}, 403},
		{"http://" + s.addr, http.Header{"X-Real-Ip": {"10.0.0.1"}}, 403},
		{"http://" + s.addr, http.Header{"Via": {"1.1 proxy"}}, 403},
		{"http://" + s.addr, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403}, // an image of a web page, or a script
		{"http://" + s.addr, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 403},
		{"http://" + s.addr, http.Header{"Sec-Fetch-Site": {"none"}}, 200}, // typed into a browser
	} {
		if r := s.ask("GET", test.url+"/_emulator/clock", test.header, ""); r.status != test.status {
			t.Errorf("%s %v: %d, want %d", test.url, test.header, r.status, test.status)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	u := serve(t, l)
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	defer tr.CloseIdleConnections()
	u.http.Transport = tr
	if r := u.ask("GET", "http://localhost/_emulator/clock", nil, ""); r.status != 200 {
		t.Errorf("by a socket: %d %s", r.status, r.body)
	}
}

// TestCAFolder makes the authority when it is needed, and says what is wrong with its folder.
func TestCAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	e, err := emulator.New(emulator.WithCADir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("made before it is needed: %v", err)
	}
	file, err := e.CA()
	if err != nil || file != filepath.Join(dir, "ca.pem") {
		t.Errorf("%q %v", file, err)
	}
	first, _ := os.ReadFile(file)
	again, _ := emulator.New(emulator.WithCADir(dir))
	if file, err := again.CA(); err != nil {
		t.Error(err)
	} else if text, _ := os.ReadFile(file); string(text) != string(first) {
		t.Error("another one the second time")
	}
	taken := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, _ := emulator.New(emulator.WithCADir(taken))
	if _, err := broken.CA(); err == nil || !strings.HasPrefix(err.Error(), "emulator: certificate authority: ") {
		t.Errorf("in a file: %v", err)
	}
	if err := os.Remove(taken); err != nil {
		t.Fatal(err)
	}
	if _, err := broken.CA(); err != nil {
		t.Errorf("the second try: %v", err)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	homeless, _ := emulator.New()
	if _, err := homeless.CA(); err == nil || !strings.Contains(err.Error(), "no folder for the certificate authority") {
		t.Errorf("without a home: %v", err)
	}
}

// TestBrokenOffBody sends half of a body: nothing is carried out.
func TestBrokenOffBody(t *testing.T) {
	s := serveTCP(t)
	upload := s.post("/feeds/2021-06-30/documents", `{"contentType":"text/tab-separated-values; charset=UTF-8"}`)
	target, err := url.Parse(upload.text("url"))
	if err != nil || target.Host == "" {
		t.Fatalf("%v %s", err, upload.body)
	}
	before := len(s.Requests())
	for _, head := range []string{
		"POST /reports/2021-06-30/reports HTTP/1.1\r\nHost: x\r\nX-Amz-Access-Token: " + s.token + "\r\nContent-Type: application/json\r\n",
		"PUT " + target.RequestURI() + " HTTP/1.1\r\nHost: " + target.Host + "\r\nContent-Type: text/tab-separated-values; charset=UTF-8\r\n",
		"POST /auth/o2/token HTTP/1.1\r\nHost: x\r\n",
		"POST /_emulator/reset HTTP/1.1\r\nHost: localhost\r\n",
	} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, head+"Content-Length: 100\r\n\r\n{")
		c.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := s.read(resp); r.status != 400 || !resp.Close {
			t.Errorf("%s: %d %s", strings.SplitN(head, " ", 3)[1], r.status, r.body)
		}
		c.Close()
	}
	if after := s.Requests(); len(after) != before {
		t.Errorf("logged as if asked for: %+v", after[before:])
	}
}

// TestStalledBody sends a part of a body and no more.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := emulator.New()
		if err != nil {
			t.Fatal(err)
		}
		l := pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Serve(ctx, l) }()
		c, _ := l.dial(ctx, "", "")
		defer c.Close()
		begun := time.Now()
		fmt.Fprint(c, "POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ngrant_type=")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if took := time.Since(begun); resp.StatusCode != 408 || !resp.Close || took < 30*time.Second || took > 31*time.Second || len(e.Requests()) != 0 {
			t.Errorf("%s after %v, logged %v", resp.Status, took, e.Requests())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestFaultsOverTLS resets and cuts off connections below TLS.
func TestFaultsOverTLS(t *testing.T) {
	for kind, want := range map[emulator.FaultKind]error{
		emulator.FaultReset: syscall.ECONNRESET, emulator.FaultResetInBody: syscall.ECONNRESET, emulator.FaultTruncate: io.ErrUnexpectedEOF,
	} {
		for _, base := range []string{"http://", "https://"} {
			s := serveTCP(t, emulator.WithFault(emulator.Fault{Kind: kind, Operation: "ordersv0.*"}))
			tr := s.http.Transport.(*http.Transport)
			tr.ForceAttemptHTTP2 = false
			req, _ := http.NewRequest("GET", base+s.addr+"/orders/v0/orders?"+allUS, nil)
			req.Header.Set("X-Amz-Access-Token", s.token)
			resp, err := s.http.Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s by %s: %v, want %v", kind, base, err, want)
			}
		}
	}
}

// TestStallsOnPurpose lets answers come later than any client may stall.
func TestStallsOnPurpose(t *testing.T) {
	for kind, want := range map[emulator.FaultKind]time.Duration{
		emulator.FaultLatency: time.Hour, emulator.FaultSlowBody: time.Hour, emulator.FaultSilent: 2 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			e, err := emulator.New(emulator.WithoutLimits(), emulator.WithFault(emulator.Fault{Kind: kind, Operation: "tokens*", Latency: time.Hour}))
			if err != nil {
				t.Fatal(err)
			}
			c := &client{Emulator: e, t: t}
			c.refresh()
			l := pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- e.Serve(ctx, l) }()
			tr := &http.Transport{DialContext: l.dial}
			body := `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/902-3159896-1390916"}]}`
			limited, stop := context.WithTimeout(t.Context(), 2*time.Hour)
			req, _ := http.NewRequestWithContext(limited, "POST", "http://localhost/tokens/2021-03-01/restrictedDataToken", strings.NewReader(body))
			req.Header = http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}
			begun := time.Now()
			resp, err := (&http.Client{Transport: tr}).Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if took := time.Since(begun); took != want || (err == nil) == (kind == emulator.FaultSilent) {
				t.Errorf("%s: %v after %v, want it after %v", kind, err, took, want)
			}
			stop()
			tr.CloseIdleConnections()
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// pipe is a listener whose connections are pipes, on which time is a bubble's.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipe) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

func (p pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipe) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

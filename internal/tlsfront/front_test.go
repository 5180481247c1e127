package tlsfront

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is a front that is served, with what it has logged.
type served struct {
	t    testing.TB
	ca   *CA
	addr string // "127.0.0.1:port"

	mu  sync.Mutex
	log bytes.Buffer
}

func (s *served) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *served) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// waitLogged waits until the log says something so many times: the other side may write it after the client has gone on.
func (s *served) waitLogged(times int, want string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); strings.Count(s.logged(), want) < times; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the log doesn't say %d times %q:\n%s", times, want, s.logged())
		}
	}
}

// serve serves a handler that tells how it was asked, until the test ends.
func serve(t testing.TB, l net.Listener, handler http.HandlerFunc, times Timeouts) *served {
	t.Helper()
	s := &served{t: t, ca: testCA(t), addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, Options{Handler: handler, Name: "stand-in", Hosts: testHosts, CA: func() (*CA, error) { return s.ca, nil },
			Log: log.New(s, "", 0), Timeouts: times})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func serveTCP(t testing.TB) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, tell, Timeouts{})
}

// tell answers how it was asked.
func tell(w http.ResponseWriter, r *http.Request) {
	for name := range r.Header {
		if strings.HasPrefix(name, "Proxy-") {
			fmt.Fprintf(w, "%s ", name)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestTimeout)
		return
	}
	fmt.Fprintf(w, "%s %s tls=%v %s %s %s", r.Method, r.Host, r.TLS != nil, r.Proto, r.URL.Path, body)
}

// client asks the front: proxy is its address as a proxy, "" for none. Without a proxy every address leads to it.
func (s *served) client(proxy string, h2 bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.ca.pool()}, ForceAttemptHTTP2: h2, DisableKeepAlives: !h2}
	if proxy != "" {
		tr.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
	} else {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
		}
	}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func ask(c *http.Client, url, body string) (string, error) {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequest(http.MethodPost, url, in)
	if err != nil {
		return "", err
	}
	r.Header.Set("Proxy-Authorization", "Basic x")
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, text), err
}

// TestWays asks in all ways that there are to reach it.
func TestWays(t *testing.T) {
	s := serveTCP(t)
	_, port, _ := net.SplitHostPort(s.addr)
	plain, secure := "http://"+s.addr, "https://localhost:"+port
	for _, test := range []struct {
		proxy string
		h2    bool
		url   string
		want  string
	}{
		// its own address, and whatever leads to it
		{"", false, "http://" + s.addr + "/a", "200 POST " + s.addr + " tls=false HTTP/1.1 /a body"},
		{"", false, "http://anything/a", "200 POST anything tls=false HTTP/1.1 /a body"},
		{"", false, "https://" + s.addr + "/a", "200 POST " + s.addr + " tls=true HTTP/1.1 /a body"},
		{"", true, "https://localhost:" + port + "/a", "200 POST localhost:" + port + " tls=true HTTP/2.0 /a body"},
		{"", true, "https://[::1]/a", "200 POST [::1] tls=true HTTP/2.0 /a body"},
		{"", true, "https://API.example.com/a", "200 POST API.example.com tls=true HTTP/2.0 /a body"},
		{"", false, "https://files.example.net/a", "200 POST files.example.net tls=true HTTP/1.1 /a body"},
		// through it
		{plain, false, "http://api.example.com/a", "200 POST api.example.com tls=false HTTP/1.1 /a body"},
		{plain, false, "http://api.example.com:80/a", "200 POST api.example.com:80 tls=false HTTP/1.1 /a body"},
		{plain, false, "https://api.example.com/a", "200 POST api.example.com tls=true HTTP/1.1 /a body"},
		{plain, true, "https://files.example.net/a", "200 POST files.example.net tls=true HTTP/2.0 /a body"},
		{plain, true, "https://localhost:" + port + "/a", "200 POST localhost:" + port + " tls=true HTTP/2.0 /a body"},
		{plain, false, "https://" + s.addr + "/a", "200 POST " + s.addr + " tls=true HTTP/1.1 /a body"},
		{plain, false, "http://" + s.addr + "/a", "200 POST " + s.addr + " tls=false HTTP/1.1 /a body"},
		{secure, false, "http://api.example.com/a", "200 POST api.example.com tls=true HTTP/1.1 /a body"},
		{secure, false, "https://api.example.com/a", "200 POST api.example.com tls=true HTTP/1.1 /a body"},
		// not here
		{plain, false, "http://example.org/a", "403 example.org is none of the hosts that the stand-in stands for, and nothing leaves this machine\n"},
		{plain, false, "http://www.api.example.com/a", "403 www.api.example.com is none of"},
		{plain, false, "http://api.example.com:8080/a", "403 the stand-in stands for api.example.com at the ports 443 and 80, not at 8080"},
		{plain, false, "http://localhost:1/a", "403 localhost:1 is none of"},
		{plain, false, "https://example.org/a", "error example.org:443 is none of the hosts that the stand-in stands for, and nothing leaves this machine"},
		{plain, false, "https://api.example.com:8443/a", "error the stand-in stands for api.example.com at the ports 443 and 80, not at 8443"},
		{secure, false, "https://example.org/a", "error example.org:443 is none of"},
		{"", true, "https://example.org/a", "error remote error: tls: unrecognized name"},
		{"", true, "https://www.example.com/a", "error remote error: tls: unrecognized name"},
	} {
		got, err := ask(s.client(test.proxy, test.h2), test.url, "body")
		if err != nil {
			got = "error " + errors.Unwrap(err).Error()
		}
		if exact := strings.HasPrefix(test.want, "200"); exact && got != test.want || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s by %q (h2 %v):\ngot  %s\nwant %s", test.url, test.proxy, test.h2, got, test.want)
		}
	}
	for _, want := range []string{
		"stand-in: refused POST: example.org is none", "stand-in: refused CONNECT: example.org:443 is none", "stand-in: TLS with 127.0.0.1:", "failed: www.example.com is none",
	} {
		s.waitLogged(1, want)
	}
}

// TestUntrusted tells in the log which file a client should trust.
func TestUntrusted(t *testing.T) {
	s := serveTCP(t)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	if _, err := ask(&http.Client{Transport: tr}, "https://"+s.addr, ""); err == nil {
		t.Fatal("trusted without being told")
	}
	s.waitLogged(1, "the client doesn't trust "+s.ca.File())
}

// raw is a connection spoken by hand.
func (s *served) raw(send string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, send); err != nil {
		s.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func answer(t testing.TB, r *bufio.Reader, method string) string {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodConnect && resp.StatusCode == http.StatusOK {
		return resp.Status + " " // what follows is no body
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + " " + string(body)
}

// TestTunnel speaks through CONNECT by hand: what is asked for inside decides.
func TestTunnel(t *testing.T) {
	s := serveTCP(t)
	const connect = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nProxy-Authorization: x\r\n\r\n"
	for _, test := range []struct{ send, want string }{
		{"GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "200 OK GET api.example.com tls=false HTTP/1.1 /a "},
		{"GET /a HTTP/1.1\r\nHost: files.example.net\r\n\r\n", "200 OK GET files.example.net tls=false HTTP/1.1 /a "},
		{"GET /a HTTP/1.0\r\n\r\n", "200 OK GET api.example.com tls=false HTTP/1.0 /a "},
		{"GET /a HTTP/1.1\r\nHost: " + s.addr + "\r\n\r\n", "200 OK GET " + s.addr + " tls=false HTTP/1.1 /a "},
		{"GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n", "403 Forbidden example.org is none of the hosts"},
		{"GET http://example.org/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "403 Forbidden example.org is none of the hosts"},
		{"GET ftp://api.example.com/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "403 Forbidden api.example.com is none of the hosts"},
		{connect, "403 Forbidden there is no way on from here"},
	} {
		for _, apart := range []bool{true, false} { // all at once, too: nothing that came early is lost
			send := connect
			if !apart {
				send += test.send
			}
			c, r := s.raw(send)
			if got := answer(t, r, http.MethodConnect); got != "200 Connection established " {
				t.Fatalf("CONNECT: %s", got)
			}
			if apart {
				fmt.Fprint(c, test.send)
			}
			if got := answer(t, r, http.MethodGet); !strings.HasPrefix(got, test.want) {
				t.Errorf("%q:\ngot  %s\nwant %s", test.send, got, test.want)
			}
		}
	}
	for send, want := range map[string]string{
		"CONNECT api.example.com HTTP/1.1\r\nHost: api.example.com\r\n\r\n":   "403 api.example.com is none of",
		"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n":   "403 example.org:443 is none of",
		"CONNECT exa%20mple:443 HTTP/1.1\r\nHost: x\r\n\r\n":                  "4",
		"GET gopher://api.example.com/ HTTP/1.1\r\nHost: x\r\n\r\n":           "403 Forbidden api.example.com is none of",
		"GET http://API.EXAMPLE.COM./b HTTP/1.1\r\nHost: example.org\r\n\r\n": "200 OK GET API.EXAMPLE.COM. tls=false HTTP/1.1 /b",
	} {
		_, r := s.raw(send)
		if got := answer(t, r, http.MethodGet); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", send, got, want)
		}
	}
}

// TestHelloWithConnect sends the first bytes of TLS along with CONNECT, and no name in them: the name is the tunnel's.
func TestHelloWithConnect(t *testing.T) {
	s := serveTCP(t)
	c, _ := s.raw("")
	early := &earlyConn{Conn: c, before: "CONNECT files.example.net:443 HTTP/1.1\r\nHost: files.example.net:443\r\n\r\n"}
	config := &tls.Config{InsecureSkipVerify: true} // no name is sent, and none is checked: it is looked at below
	secure := tls.Client(early, config)
	if err := secure.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names := secure.ConnectionState().PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != "files.example.net" {
		t.Errorf("a certificate for %q", names)
	}
	fmt.Fprint(secure, "GET /a HTTP/1.1\r\nHost: files.example.net\r\n\r\n")
	if got := answer(t, bufio.NewReader(secure), http.MethodGet); got != "200 OK GET files.example.net tls=true HTTP/1.1 /a " {
		t.Error(got)
	}
}

// earlyConn sends something with its first write, and reads over the answer to it.
type earlyConn struct {
	net.Conn
	before string
	r      *bufio.Reader
}

func (c *earlyConn) Write(b []byte) (int, error) {
	if c.before != "" {
		all := c.before + string(b)
		c.before = ""
		_, err := io.WriteString(c.Conn, all)
		return len(b), err
	}
	return c.Conn.Write(b)
}

func (c *earlyConn) Read(b []byte) (int, error) {
	if c.r == nil {
		c.r = bufio.NewReader(c.Conn)
		resp, err := http.ReadResponse(c.r, &http.Request{Method: http.MethodConnect})
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
	}
	return c.r.Read(b)
}

// TestCurl asks with somebody else's client.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	s := serveTCP(t)
	_, port, _ := net.SplitHostPort(s.addr)
	for args, want := range map[string]string{
		"https://localhost:" + port + "/a":                                                 "GET localhost:" + port + " tls=true HTTP/",
		"https://" + s.addr + "/a":                                                         "GET " + s.addr + " tls=true HTTP/",
		"http://" + s.addr + "/a":                                                          "GET " + s.addr + " tls=false HTTP/1.1",
		"-x http://" + s.addr + " https://api.example.com/a":                               "GET api.example.com tls=true HTTP/",
		"-x http://" + s.addr + " http://api.example.com/a":                                "GET api.example.com tls=false HTTP/1.1",
		"-x http://" + s.addr + " https://example.org/a":                                   "curl: (56)",
		"--resolve api.example.com:" + port + ":127.0.0.1 https://api.example.com:" + port: "GET api.example.com:" + port + " tls=true",
		"--resolve example.org:" + port + ":127.0.0.1 https://example.org:" + port:         "curl: (35)",
	} {
		cmd := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--cacert", s.ca.File()}, strings.Fields(args)...)...)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		out, _ := cmd.CombinedOutput()
		if !strings.HasPrefix(string(out), want) {
			t.Errorf("curl %s:\ngot  %s\nwant %s", args, out, want)
		}
	}
	for i, version := range []string{"1.2", "1.3"} {
		if out, err := exec.CommandContext(t.Context(), curl, "-sS", "--tls-max", version, "https://localhost:"+port).CombinedOutput(); err == nil {
			t.Errorf("TLS %s: trusted without being told: %s", version, out)
		}
		s.waitLogged(i+1, "the client doesn't trust "+s.ca.File())
	}
}

// TestListenerFails passes on what the listener says.
func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(t.Context(), l, Options{Handler: http.NotFoundHandler()}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestManyAtOnce has many clients come and go in all ways while the end comes.
func TestManyAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ca := testCA(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	s := &served{t: t, ca: ca, addr: l.Addr().String()}
	go func() {
		done <- Serve(ctx, l, Options{Handler: http.HandlerFunc(tell), Name: "x", Hosts: testHosts, CA: func() (*CA, error) { return ca, nil },
			Log: log.New(io.Discard, "", 0)})
	}()
	var wg sync.WaitGroup
	for i := range 8 {
		ways := []*http.Client{s.client("", false), s.client("", true), s.client("http://"+s.addr, false)}
		wg.Go(func() {
			for n := range 30 {
				if i == 0 && n == 20 {
					cancel()
				}
				got, err := ask(ways[(i+n)%3], []string{"https://", "http://"}[n%2]+"api.example.com/", "body")
				if err == nil && !strings.HasPrefix(got, "200 POST api.example.com tls=") {
					t.Error(got)
				}
			}
		})
		wg.Go(func() { // says nothing, or only half
			for range 10 {
				if c, err := net.Dial("tcp", s.addr); err == nil {
					fmt.Fprint(c, []string{"", "\x16", "\x16\x03\x01", "GE", "CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"}[i%5])
					defer c.Close()
				}
			}
		})
	}
	wg.Wait()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// FuzzFirstBytes sends anything: what was looked at is read all the same, whatever comes in which pieces.
func FuzzFirstBytes(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(1))
	f.Add([]byte("\x16\x03\x01\x02\x00"), uint8(2))
	f.Add([]byte{0}, uint8(0))
	f.Fuzz(func(t *testing.T, sent []byte, size uint8) {
		if len(sent) == 0 || len(sent) > 1<<12 {
			return
		}
		ours, theirs := net.Pipe()
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), int(size)+1)
				if _, err := theirs.Write(rest[:n]); err != nil {
					break
				}
				rest = rest[n:]
			}
			theirs.Close()
		}()
		c := &conn{Conn: ours, stall: time.Minute}
		defer c.Close()
		for range 2 {
			if first, err := c.peek(); err != nil || first != sent[0] {
				t.Fatalf("first byte %x, %v", first, err)
			}
		}
		got, err := io.ReadAll(io.MultiReader(io.LimitReader(c, int64(size)), c))
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%x became %x, %v", sent, got, err)
		}
	})
}

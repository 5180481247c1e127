package tlsfront

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes: what happens on them happens in a bubble's time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
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
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// dial returns the client's end of a new connection.
func (p *pipes) dial(t testing.TB) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
	case <-p.closed:
		t.Fatal("the listener is closed")
	}
	return ours
}

// TestStalls holds connections in all ways; each is cut off in its time, and none that goes on.
func TestStalls(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
	drip := func(c net.Conn, piece string, every time.Duration, times int) {
		for range times {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
			time.Sleep(every)
		}
	}
	for _, test := range []struct {
		name     string
		do       func(t *testing.T, c net.Conn)
		min, max time.Duration // until the connection ends
		want     string        // beginning of what is read
	}{
		{"silence", func(*testing.T, net.Conn) {}, 10 * time.Second, 10 * time.Second, ""},
		{"the first byte of TLS", func(_ *testing.T, c net.Conn) { io.WriteString(c, "\x16") }, 10 * time.Second, 10 * time.Second, ""},
		{"half of a hello", func(_ *testing.T, c net.Conn) { drip(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, 1) }, 10 * time.Second, 10 * time.Second, ""},
		{"half of a header", func(_ *testing.T, c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: localho") }, 10 * time.Second, 10 * time.Second, ""},
		{"a header that doesn't end", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "GET / HTTP/1.1\r\n")
			drip(c, "a: b\r\n", time.Second, 1000)
		}, 10 * time.Second, 11 * time.Second, ""},
		{"CONNECT and silence", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
		},
			10 * time.Second, 10 * time.Second, "HTTP/1.1 200 Connection established"},
		{"no body", func(_ *testing.T, c net.Conn) { io.WriteString(c, post) }, 30 * time.Second, 31 * time.Second, "HTTP/1.1 408"},
		{"no body for a refusal", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, strings.Replace(post, "/", "http://example.org/", 1))
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 403"},
		{"no piece of a body for a refusal", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n")
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 403"},
		{"a body for a refusal in bytes", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, strings.Replace(post, "/", "http://example.org/", 1))
			drip(c, "x", time.Second, 100_000)
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 403"},
		{"no body for CONNECT within CONNECT", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\nCONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 200"},
		{"no body for a handler that doesn't read it", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, strings.Replace(post, "/", "/unread", 1))
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 200"},
		{"no body for OPTIONS *", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, strings.Replace(post, "POST /", "OPTIONS *", 1))
		}, 30 * time.Second, 31 * time.Second, "HTTP/1.1 408"},
		{"half of a body", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, post)
			drip(c, strings.Repeat("x", 15_000), 20*time.Second, 5)
		}, 110 * time.Second, 111 * time.Second, "HTTP/1.1 408"},
		{"a body in bytes", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, post)
			drip(c, "x", time.Second, 100_000)
		}, 60 * time.Second, 61 * time.Second, "HTTP/1.1 408"},
		{"a body that takes its time", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, post)
			drip(c, strings.Repeat("x", 20_000), 25*time.Second, 5) // and then silence, as long as connections may idle
		}, 100*time.Second + 3*time.Minute, 100*time.Second + 3*time.Minute, "HTTP/1.1 200"},
		{"a handler that takes its time", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "POST /late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
		}, time.Hour + 3*time.Minute, time.Hour + 3*time.Minute, "HTTP/1.1 200"},
		{"between requests", func(_ *testing.T, c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
			3 * time.Minute, 3 * time.Minute, "HTTP/1.1 200"},
		{"too long a header", func(_ *testing.T, c net.Conn) {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nLong: "+strings.Repeat("x", 80<<10)+"\r\n\r\n")
		}, 0, time.Second, "HTTP/1.1 431"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				serve(t, l, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/unread" {
						return
					}
					if _, err := io.ReadAll(r.Body); err != nil {
						w.Header().Set("Connection", "close")
						http.Error(w, err.Error(), http.StatusRequestTimeout)
						return
					}
					if r.URL.Path == "/late" {
						select {
						case <-time.After(time.Hour):
						case <-r.Context().Done():
						}
					}
				}, Timeouts{})
				c := l.dial(t)
				defer c.Close()
				begun := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					test.do(t, c)
				}()
				got, _ := io.ReadAll(c)
				if took := time.Since(begun); took < test.min || took > test.max || !strings.HasPrefix(string(got), test.want) {
					t.Errorf("ended after %v, want %v to %v; read %.100q, want %q", took, test.min, test.max, got, test.want)
				}
				c.Close()
				<-done
			})
		})
	}
}

// TestAnswerNotTaken has clients that don't read what they have asked for, and one that reads slowly.
func TestAnswerNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		failed := make(chan error, 1)
		serve(t, l, func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20))
			failed <- err
		}, Timeouts{})
		c := l.dial(t)
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		begun := time.Now()
		if err := <-failed; err == nil || time.Since(begun) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		slow := l.dial(t)
		defer slow.Close()
		io.WriteString(slow, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		begun = time.Now()
		total := 0
		for b := make([]byte, 16<<10); ; time.Sleep(10 * time.Second) {
			n, err := slow.Read(b)
			if total += n; err != nil {
				break
			}
		}
		if err := <-failed; err != nil || total < 1<<20 || time.Since(begun) < 10*time.Minute {
			t.Errorf("slowly: %v, %d bytes after %v", err, total, time.Since(begun))
		}
	})
}

// overPipes is a client of HTTP/2 over pipes.
func (s *served) overPipes(l *pipes) *http.Transport {
	return &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: s.ca.pool()},
		ForceAttemptHTTP2: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return l.dial(s.t), nil },
	}
}

// TestStreamsStall does the same over HTTP/2, where one request of many stalls.
func TestStreamsStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ended := make(chan error, 2)
		s := serve(t, l, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/upload":
				_, err := io.ReadAll(r.Body)
				ended <- err
			case "/download":
				_, err := w.Write(make([]byte, 64<<20))
				ended <- err
			case "/late":
				if body, err := io.ReadAll(r.Body); err != nil || string(body) != "body" {
					t.Errorf("%q %v", body, err)
				}
				time.Sleep(time.Hour)
				if err := r.Context().Err(); err != nil {
					t.Errorf("while the answer is awaited: %v", err)
				}
			}
			fmt.Fprint(w, r.Proto)
		}, Timeouts{})
		tr := s.overPipes(l)
		defer tr.CloseIdleConnections()
		begun := time.Now()
		body, feed := io.Pipe()
		go func() {
			resp, err := (&http.Client{Transport: tr}).Post("https://localhost/upload", "text/plain", body)
			if err == nil {
				resp.Body.Close()
			}
		}()
		io.WriteString(feed, "begun")
		if err := <-ended; err == nil || time.Since(begun) < 30*time.Second || time.Since(begun) > 31*time.Second {
			t.Errorf("upload: %v after %v", err, time.Since(begun))
		}
		feed.Close()
		begun = time.Now()
		resp, err := (&http.Client{Transport: tr}).Get("https://localhost/download")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		late := make(chan string, 1)
		go func() { late <- post(tr, "https://localhost/late", "body") }()
		if err := <-ended; err == nil || time.Since(begun) < 30*time.Second || time.Since(begun) > 31*time.Second {
			t.Errorf("download: %v after %v", err, time.Since(begun))
		}
		if got := <-late; got != "HTTP/2.0" {
			t.Errorf("the request beside: %s", got)
		}
	})
}

func post(tr http.RoundTripper, url, body string) string {
	resp, err := (&http.Client{Transport: tr}).Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestEnd stops while requests are under way and connections say nothing: those have their grace, these none.
func TestEnd(t *testing.T) {
	for _, test := range []struct {
		takes time.Duration
		want  string
	}{{500 * time.Millisecond, "HTTP/1.1 200"}, {time.Hour, ""}} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipes()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- Serve(ctx, l, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(test.takes):
					case <-r.Context().Done():
					}
				}), CA: func() (*CA, error) { return nil, errors.New("none") }})
			}()
			silent, half, asked := l.dial(t), l.dial(t), l.dial(t)
			io.WriteString(half, "\x16\x03\x01")
			io.WriteString(asked, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			synctest.Wait()
			begun := time.Now()
			cancel()
			for _, c := range []net.Conn{silent, half} {
				if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(begun) > 0 {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			}
			line, _ := bufio.NewReader(asked).ReadString('\n')
			if !strings.HasPrefix(line, test.want) || test.want == "" && line != "" {
				t.Errorf("%q, want %q", line, test.want)
			}
			if err := <-done; err != nil || time.Since(begun) > 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			asked.Close()
		})
	}
}

package tlsfront

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ended serves pipes by Options until the test ends it, and reports when that was.
type ended struct {
	t     *testing.T
	pipes *pipes
	end   context.CancelFunc
	done  chan error
}

func newEnded(t *testing.T, o Options) *ended {
	ctx, end := context.WithCancel(context.Background())
	e := &ended{t, newPipes(), end, make(chan error, 1)}
	o.Name, o.Log = "stand-in", log.New(io.Discard, "", 0)
	go func() { e.done <- Serve(ctx, e.pipes, o) }()
	return e
}

// wait waits for the end of Serve.
func (e *ended) wait() {
	e.t.Helper()
	if err := <-e.done; err != nil {
		e.t.Errorf("Serve: %v", err)
	}
}

// get sends a request on a connection, and returns the answer's body and whether there may be another.
func get(t *testing.T, c net.Conn, r *bufio.Reader) (text string, more bool) {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b), !res.Close
}

// TestLinger: at the end a connection may ask once more, and a new one too; each is told that this is its last answer. With the last of them it is over.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnded(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }),
			Timeouts: Timeouts{Linger: 5 * time.Second}})
		idle := e.pipes.dial(t)
		reader := bufio.NewReader(idle)
		if text, more := get(t, idle, reader); text != "ok" || !more {
			t.Fatalf("%q, more %t", text, more)
		}
		start := time.Now()
		e.end()
		time.Sleep(2 * time.Second)
		late := e.pipes.dial(t)
		for name, c := range map[string]struct {
			net.Conn
			*bufio.Reader
		}{"idle": {idle, reader}, "late": {late, bufio.NewReader(late)}} {
			if text, more := get(t, c.Conn, c.Reader); text != "ok" || more {
				t.Errorf("%s: %q, more %t: want the last answer", name, text, more)
			}
			c.Conn.Close()
		}
		e.wait()
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("it went on for %v: want the end of the last connection, after 2s", d)
		}
	})
	for name, test := range map[string]struct {
		silent int
		want   time.Duration
	}{"nobody": {0, 0}, "somebody silent": {1, 10 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnded(t, Options{Handler: http.NotFoundHandler(), Timeouts: Timeouts{Linger: 5 * time.Second}})
				for range test.silent {
					c := e.pipes.dial(t)
					defer c.Close()
				}
				synctest.Wait()
				start := time.Now()
				e.end()
				e.wait()
				if d := time.Since(start); d != test.want {
					t.Errorf("it went on for %v, want %v", d, test.want)
				}
			})
		})
	}
}

// TestCut: what is under way when the grace is over is cut off and counted; what ends in time is not.
func TestCut(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		cut   int
	}{"in time": {9 * time.Second, 0}, "too long": {11 * time.Second, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cut := 0
				base, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				causes := make(chan error, 2)
				e := newEnded(t, Options{Timeouts: Timeouts{Grace: 10 * time.Second}, Cut: func(n int) { cut = n },
					BaseContext: func(net.Listener) context.Context { return base },
					Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						select {
						case <-time.After(test.takes):
						case <-r.Context().Done():
						}
						causes <- context.Cause(r.Context())
					})})
				for range 2 {
					c := e.pipes.dial(t)
					defer c.Close()
					if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					go io.Copy(io.Discard, c)
				}
				synctest.Wait()
				e.end()
				e.wait()
				if cut != test.cut {
					t.Errorf("%d requests were cut, want %d", cut, test.cut)
				}
				for range 2 {
					<-causes
				}
			})
		})
	}
}

// TestBaseContext: whoever serves can end requests by a cause of its own.
func TestBaseContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, cancel := context.WithCancelCause(context.Background())
		why := errors.New("why")
		var cause error
		e := newEnded(t, Options{BaseContext: func(net.Listener) context.Context { return base },
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				cause = context.Cause(r.Context())
				io.WriteString(w, "refused")
			})})
		c := e.pipes.dial(t)
		defer c.Close()
		time.AfterFunc(time.Second, func() { cancel(why) })
		if text, _ := get(t, c, bufio.NewReader(c)); text != "refused" || !errors.Is(cause, why) {
			t.Errorf("%q because of %v", text, cause)
		}
		e.end()
		e.wait()
	})
}

// TestOwnCertificate: its own address has the certificate that it was given, by any name; Amazon's have those of the authority, and without one none.
func TestOwnCertificate(t *testing.T) {
	own, other := testCA(t), testCA(t)
	leaf, err := own.leaf("api.example.com") // any certificate does
	if err != nil {
		t.Fatal(err)
	}
	for _, authority := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &served{t: t, addr: l.Addr().String()}
		o := Options{Handler: http.HandlerFunc(tell), Name: "stand-in", Hosts: testHosts, Log: log.New(s, "", 0), TLSOnly: true,
			Certificate: func() (*tls.Certificate, error) { return leaf, nil }}
		if authority {
			o.CA = func() (*CA, error) { return other, nil }
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- Serve(ctx, l, o) }()
		shown := func(name string) *tls.Certificate {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // it is only looked at
			if err != nil {
				return nil
			}
			defer c.Close()
			return &tls.Certificate{Leaf: c.ConnectionState().PeerCertificates[0]}
		}
		for _, name := range []string{"gateway.internal", "localhost", ""} {
			if got := shown(name); got == nil || !got.Leaf.Equal(leaf.Leaf) {
				t.Errorf("authority %t: %q: another certificate", authority, name)
			}
		}
		if got := shown(testHosts[0]); authority != (got != nil) || got != nil && got.Leaf.Equal(leaf.Leaf) {
			t.Errorf("authority %t: %s: %v", authority, testHosts[0], got)
		}
		if !authority {
			s.waitLogged(1, "the stand-in speaks no TLS for "+testHosts[0])
		}
		res, err := http.Get("http://" + s.addr + "/") //nolint:noctx // it ends by itself
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "the stand-in speaks https here") || !res.Close {
			t.Errorf("in clear: %d %s", res.StatusCode, text)
		}
		if authority { // behind CONNECT TLS begins
			s.ca = other
			if got, err := ask(s.client("http://"+s.addr, false), "https://"+testHosts[0]+"/x", "y"); err != nil || !strings.HasPrefix(got, "200 POST api.example.com tls=true") {
				t.Errorf("by CONNECT: %s %v", got, err)
			}
			if got, err := ask(s.client("http://"+s.addr, false), "http://"+testHosts[0]+"/x", "y"); err != nil || !strings.HasPrefix(got, "400 ") {
				t.Errorf("in clear, by proxy: %s %v", got, err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestNoTLS: without certificate and authority there is none, which is told.
func TestNoTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, Options{Handler: http.HandlerFunc(tell), Name: "stand-in", Log: log.New(s, "", 0)})
	}()
	if c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true}); err == nil { //nolint:gosec // there is nothing to verify
		c.Close()
		t.Error("it speaks TLS")
	}
	s.waitLogged(1, "the stand-in speaks no TLS for localhost")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestEndUnderLoad: at the end no request fails of those whose connection was accepted; what comes later is refused.
func TestEndUnderLoad(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	served := make(chan struct{}, 1)
	go func() {
		done <- Serve(ctx, l, Options{Name: "stand-in", Log: log.New(io.Discard, "", 0), Timeouts: Timeouts{Linger: 100 * time.Millisecond, Grace: time.Minute},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case served <- struct{}{}:
				default:
				}
				io.Copy(w, r.Body)
			})})
	}()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for {
				res, err := c.Post("http://"+l.Addr().String()+"/", "text/plain", strings.NewReader("x")) //nolint:noctx // it ends by itself
				if errors.Is(err, syscall.ECONNREFUSED) {
					return
				}
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
			}
		})
	}
	for range 100 {
		<-served
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	wg.Wait()
}

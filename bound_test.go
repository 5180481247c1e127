package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A program may have put tracing in the place of http.DefaultTransport.
func TestReplacedDefaultTransport(t *testing.T) {
	standard := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = standard })
	http.DefaultTransport = roundTrip(standard.RoundTrip)
	own := NewTransport()
	if own.Proxy == nil || !own.ForceAttemptHTTP2 || own.HTTP2 == nil {
		t.Errorf("%+v", own)
	}
	check(t, NewApp(testCredentials).Client(testAuthorization).Check())
}

// A server that accepts and stays silent ends every kind of request with a TimeoutError, within the bound, and repeats are made only where they
// do no harm.
func TestSilentServer(t *testing.T) {
	silent := func(*http.Request) time.Duration { return 1000 * time.Hour }
	for _, test := range []struct {
		name     string
		do       func(context.Context, *Client) error
		requests int
		longest  time.Duration
	}{
		{"an idempotent call", func(ctx context.Context, c *Client) error {
			_, err := invokeRaw(ctx, c, catalogItem, asin)
			return err
		}, 5, 5*time.Minute + 5*time.Second},
		{"a call that may have been carried out", func(ctx context.Context, c *Client) error {
			_, err := invokeRaw(ctx, c, createFeed, nil)
			return err
		}, 1, time.Minute},
		{"a raw call", func(ctx context.Context, c *Client) error {
			req, err := http.NewRequestWithContext(ctx, "GET", "/orders/v0/orders", nil)
			check(t, err)
			resp, err := c.Do(req, WithoutRetry())
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}, 1, time.Minute},
		{"the base transport", func(ctx context.Context, c *Client) error {
			req, err := http.NewRequestWithContext(ctx, "GET", "https://example.com/document", nil)
			check(t, err)
			resp, err := c.App().BaseTransport().RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}, 1, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				f := &fake{delay: func(req *http.Request) time.Duration {
					if strings.HasSuffix(req.URL.Path, "/token") {
						return 0
					}
					n++
					return silent(req)
				}}
				client := f.client(WithLimiter(unlimited{}))
				start := time.Now()
				err := test.do(t.Context(), client)
				wantTimeout(t, err, TimeoutAnswer, defaultAttemptTimeout)
				if took := time.Since(start); n != test.requests || took > test.longest || took < time.Duration(n)*time.Minute {
					t.Errorf("%d requests in %s, want %d in at most %s", n, took, test.requests, test.longest)
				}
				// The caller's own deadline is another thing.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err = test.do(ctx, client); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*TimeoutError)) {
					t.Errorf("at the caller's deadline: %v", err)
				}
			})
		})
	}
	t.Run("a token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := (&fake{delay: silent}).client().AccessToken(t.Context())
			wantTimeout(t, err, TimeoutAnswer, tokenTimeout)
			if took := time.Since(start); !errors.As(err, new(*AuthError)) || took < 5*tokenTimeout || took > 5*tokenTimeout+10*time.Second {
				t.Errorf("%v after %s", err, took)
			}
			start = time.Now()
			_, err = NewApp(testCredentials, WithTransport(&fake{delay: silent})).Exchange(t.Context(), "ANcode", "")
			wantTimeout(t, err, TimeoutAnswer, tokenTimeout)
			if took := time.Since(start); took != tokenTimeout {
				t.Errorf("a code works once: after %s, want %s", took, tokenTimeout)
			}
		})
	})
}

func wantTimeout(t *testing.T, err error, stage TimeoutStage, after time.Duration) {
	t.Helper()
	var late *TimeoutError
	var network net.Error
	switch {
	case !errors.As(err, &late) || late.Stage != stage || late.After != after:
		t.Errorf("got %v, want a timeout of the %s after %s", err, stage, after)
	case !errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), !errors.As(err, &network) || !network.Timeout():
		t.Errorf("%v is not the timeout that it should be", err)
	}
}

// trickle is a body that comes in pieces, with a pause before each.
type trickle struct {
	ctx   context.Context
	left  int
	pause time.Duration
}

func (r *trickle) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	r.left--
	if err := sleep(r.ctx, r.pause); err != nil {
		return 0, err
	}
	return copy(p, "x"), nil
}

func (r *trickle) Close() error { return nil }

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What moves is never cut, however long it takes; what stands still is.
func TestStall(t *testing.T) {
	get := func(t *testing.T, rt http.RoundTripper, body io.Reader) (*http.Response, error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "PUT", "https://example.com/", body)
		check(t, err)
		return rt.RoundTrip(req)
	}
	for _, test := range []struct {
		pause  time.Duration
		bounds []time.Duration // attempt, stall
		stalls bool
	}{
		{59 * time.Second, []time.Duration{0, 0}, false}, {61 * time.Second, []time.Duration{0, 0}, true}, {61 * time.Second, []time.Duration{0, -1}, false},
		{61 * time.Second, []time.Duration{0, time.Hour}, false}, {2 * time.Second, []time.Duration{-1, time.Second}, true},
	} {
		stall := test.bounds[1]
		if stall == 0 {
			stall = defaultStallTimeout
		}
		t.Run(fmt.Sprintf("an answer with a byte every %s, %v", test.pause, test.bounds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := bounded(tripper(func(req *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Body: &trickle{ctx: req.Context(), left: 100, pause: test.pause}}, nil
				}), test.bounds[0], test.bounds[1])
				resp, err := get(t, rt, nil)
				check(t, err)
				defer resp.Body.Close()
				var b []byte
				for err == nil {
					time.Sleep(time.Hour) // the caller may take any time
					piece := make([]byte, 10)
					var n int
					n, err = resp.Body.Read(piece)
					b = append(b, piece[:n]...)
				}
				if err == io.EOF {
					err = nil
				}
				if test.stalls {
					wantTimeout(t, err, TimeoutBody, stall)
				} else if err != nil || len(b) != 100 {
					t.Errorf("%d bytes, %v", len(b), err)
				}
			})
		})
		t.Run(fmt.Sprintf("a request of which a byte goes every %s, %v", test.pause, test.bounds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := bounded(tripper(func(req *http.Request) (*http.Response, error) {
					for {
						if _, err := req.Body.Read(make([]byte, 1)); err == io.EOF {
							break
						}
						if err := sleep(req.Context(), test.pause); err != nil {
							return nil, err
						}
					}
					_ = req.Body.Close()
					return &http.Response{StatusCode: 200, Body: http.NoBody}, sleep(req.Context(), 59*time.Second)
				}), test.bounds[0], test.bounds[1])
				_, err := get(t, rt, bytes.NewReader(make([]byte, 100)))
				if test.stalls {
					wantTimeout(t, err, TimeoutSending, stall)
				} else {
					check(t, err)
				}
			})
		})
	}
	t.Run("a request whose source is slow, and then a silent server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			rt := bounded(tripper(func(req *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, req.Body)
				check(t, err)
				return nil, sleep(req.Context(), time.Hour)
			}), 0, 0)
			_, err := get(t, rt, &trickle{ctx: t.Context(), left: 3, pause: 10 * time.Minute})
			wantTimeout(t, err, TimeoutAnswer, defaultAttemptTimeout)
			if took := time.Since(start); took != 31*time.Minute {
				t.Errorf("after %s", took)
			}
		})
	})
	t.Run("a request that is sent once more since its connection was dead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rt := bounded(tripper(func(req *http.Request) (*http.Response, error) {
				_, _ = req.Body.Read(make([]byte, 1))
				body, err := req.GetBody()
				check(t, err)
				for err == nil {
					if err := sleep(req.Context(), 59*time.Second); err != nil {
						return nil, err
					}
					_, err = body.Read(make([]byte, 1))
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			}), 0, 0)
			_, err := get(t, rt, bytes.NewReader(make([]byte, 10)))
			check(t, err)
		})
	})
	t.Run("no bounds", func(t *testing.T) {
		base := tripper(nil)
		if got := bounded(base, -1, -1); fmt.Sprintf("%T", got) != fmt.Sprintf("%T", base) {
			t.Errorf("the transport is wrapped in a %T all the same", got)
		}
	})
}

// Over a real connection: an answer that stops in its body, a request that nobody reads, and one that nobody answers.
func TestBoundsOnTheWire(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stops":
			_, _ = io.WriteString(w, "begin")
			w.(http.Flusher).Flush()
			<-stop
		case "/deaf":
			<-stop
		}
	}))
	defer server.Close()
	defer close(stop)
	send := func(attempt, stall time.Duration, method, path string, body io.Reader) (string, error) {
		app := NewApp(testCredentials, WithAttemptTimeout(attempt), WithStallTimeout(stall))
		defer app.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
		check(t, err)
		resp, err := app.BaseTransport().RoundTrip(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	const bound = 200 * time.Millisecond
	got, err := send(time.Hour, bound, "GET", "/stops", nil)
	if got != "begin" {
		t.Errorf("got %q", got)
	}
	wantTimeout(t, err, TimeoutBody, bound)
	_, err = send(time.Hour, bound, "PUT", "/deaf", bytes.NewReader(make([]byte, 64<<20)))
	wantTimeout(t, err, TimeoutSending, bound)
	_, err = send(bound, time.Hour, "GET", "/deaf", nil)
	wantTimeout(t, err, TimeoutAnswer, bound)
}

// A token that comes byte by byte has the same bound as one that doesn't come.
func TestTokenThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		client := NewApp(testCredentials, WithTransport(tripper(func(req *http.Request) (*http.Response, error) {
			resp := reply(200, `{"access_token":"Atza|1","token_type":"bearer","expires_in":3600}`)
			if n++; n == 1 {
				resp.Body, resp.ContentLength = &trickle{ctx: req.Context(), left: 1000, pause: time.Second}, -1
			}
			return resp, nil
		}))).Client(testAuthorization)
		start := time.Now()
		_, err := client.AccessToken(t.Context())
		check(t, err)
		if took := time.Since(start); took < tokenTimeout || took > tokenTimeout+time.Second {
			t.Errorf("after %s, want the second answer after %s", took, tokenTimeout)
		}
	})
}

// One timer serves all attempts: each ends at its own time, whatever others do, and when nothing is awaited any more, nothing is held.
func TestBoundsOfManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempt, stall = 60 * time.Second, 7 * time.Second
		rt := bounded(tripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/silent" {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			pause := time.Second
			if req.URL.Path == "/stalls" {
				pause = time.Hour
			}
			return &http.Response{StatusCode: 200, Body: &trickle{ctx: req.Context(), left: 100, pause: pause}}, nil
		}), attempt, stall)
		var group sync.WaitGroup
		for i := range 60 {
			group.Go(func() {
				time.Sleep(time.Duration(i*i) * 300 * time.Millisecond)
				start := time.Now()
				path := []string{"/silent", "/stalls", "/moves", "/abandoned"}[i%4]
				req, err := http.NewRequestWithContext(t.Context(), "GET", "https://example.com"+path, nil)
				check(t, err)
				resp, err := rt.RoundTrip(req)
				switch path {
				case "/silent":
					wantTimeout(t, err, TimeoutAnswer, attempt)
				case "/stalls":
					check(t, err)
					_, err = resp.Body.Read(make([]byte, 10))
					wantTimeout(t, err, TimeoutBody, stall)
				case "/moves":
					check(t, err)
					_, err = io.Copy(io.Discard, resp.Body)
					check(t, err)
				case "/abandoned": // it is neither read nor closed
					check(t, err)
				}
				want := map[string]time.Duration{"/silent": attempt, "/stalls": stall, "/moves": 100 * time.Second}[path]
				if took := time.Since(start); took != want {
					t.Errorf("%s took %s, want %s", path, took, want)
				}
			})
		}
		group.Wait()
		time.Sleep(2 * attempt)
		synctest.Wait()
		b := rt.(*boundTransport)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.first != nil || !b.wakes.IsZero() {
			t.Errorf("%v is still awaited, the timer is set to %s", b.first, b.wakes)
		}
	})
}

package spapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func packed(texts ...string) string {
	var b bytes.Buffer
	for _, text := range texts {
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
	}
	return b.String()
}

// packing is a server whose answers are the bodies by their path, declared as gzip where they were asked for as such. It notes Accept-Encoding.
type packing struct {
	mu     sync.Mutex
	bodies map[string]string
	asked  map[string]string
}

func (p *packing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		_, _ = io.WriteString(w, `{"access_token":"Atza|x","expires_in":3600}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path] = fmt.Sprint(r.Header.Values("Accept-Encoding"))
	body := p.bodies[r.URL.Path]
	switch name := r.URL.Path; {
	case name == "/identity":
	case name == "/deflate":
		w.Header().Set("Content-Encoding", "deflate")
	case name == "/capitals":
		w.Header().Set("Content-Encoding", "GZIP")
	case name == "/asked" && r.Header.Get("Accept-Encoding") == "identity":
	default:
		w.Header().Set("Content-Encoding", "gzip")
	}
	if r.URL.Path == "/nocontent" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.URL.Query().Has("length") {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	} else {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = io.WriteString(w, body)
}

func newPacking(t *testing.T) (*packing, *httptest.Server) {
	text := strings.Repeat(`{"ok":true} `, 5000)
	whole := packed(text)
	p := &packing{asked: map[string]string{}, bodies: map[string]string{
		"/page": whole, "/capitals": whole, "/identity": text, "/deflate": "no deflate", "/members": packed(text, "", text), "/none": "", "/empty": packed(""),
		"/cut": whole[:len(whole)/2], "/cuthead": whole[:5], "/cuttail": whole[:len(whole)-3], "/sum": whole[:len(whole)-8] + "12345678",
		"/corrupt": whole[:20] + strings.Repeat("\xff", 100), "/page2": "no gzip", "/behind": whole + "rubbish", "/nocontent": "", "/asked": whole,
	}}
	server := httptest.NewUnstartedServer(p)
	t.Cleanup(server.Close)
	return p, server
}

// TestUnpackedAsByTheTransport: what the caller gets is what net/http's transport makes of the same answer, over HTTP/1.1 and HTTP/2.
func TestUnpackedAsByTheTransport(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		p, server := newPacking(t)
		server.EnableHTTP2 = protocol == "HTTP/2.0"
		if server.EnableHTTP2 {
			server.StartTLS()
		} else {
			server.Start()
		}
		transport := server.Client().Transport.(*http.Transport)
		client := NewApp(testCredentials, WithTransport(transport), WithEndpoint(server.URL), WithTokenURL(server.URL+"/token"),
			WithLimiter(freeLimiter{}), WithRetry(RetryPolicy{MaxAttempts: 1})).Client(testAuthorization)
		for path := range p.bodies {
			for _, query := range []string{"", "?length"} {
				for _, with := range []struct{ method, name, value string }{
					{"GET", "", ""}, {"HEAD", "", ""}, {"GET", "Accept-Encoding", "gzip"}, {"GET", "Accept-Encoding", "identity"}, {"GET", "Range", "bytes=0-9"},
				} {
					t.Run(strings.Join([]string{protocol, with.method, path + query, with.name, with.value}, " "), func(t *testing.T) {
						var met [2]string
						for i, rt := range []http.RoundTripper{transport, client.Transport()} {
							req, err := http.NewRequestWithContext(t.Context(), with.method, server.URL+path+query, nil)
							check(t, err)
							if with.name != "" {
								req.Header.Set(with.name, with.value)
							}
							header := req.Header.Clone()
							resp, err := rt.RoundTrip(req)
							check(t, err)
							body, err := io.ReadAll(resp.Body)
							_, again := resp.Body.Read(make([]byte, 1))
							_ = resp.Body.Close()
							_, closed := resp.Body.Read(make([]byte, 1))
							resp.Header.Del("Date")
							read := len(body)
							if err != nil {
								read = 0 // how far one gets before what is broken is the library's affair
							}
							p.mu.Lock()
							met[i] = fmt.Sprintf("%s asked for %s, got %s %d, length %d, uncompressed %v, %v, %d bytes, error %v, then %v, then one: %v", resp.Proto, p.asked[path],
								resp.Status, resp.StatusCode, resp.ContentLength, resp.Uncompressed, resp.Header, read, cause(err), cause(again), closed != nil)
							p.mu.Unlock()
							if fmt.Sprint(req.Header) != fmt.Sprint(header) {
								t.Errorf("the caller's header became %v", req.Header)
							}
							if text := p.bodies["/identity"]; resp.Uncompressed && err == nil && strings.ReplaceAll(string(body), text, "") != "" {
								t.Errorf("unpacked to %.50q", body)
							}
						}
						if met[0] != met[1] {
							t.Errorf("the transport: %s\nthe client:    %s", met[0], met[1])
						}
					})
				}
			}
		}
		transport.CloseIdleConnections()
	}
}

// cause is an error without the words of the library that found it.
func cause(err error) string {
	if err == nil {
		return "none"
	}
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF} {
		if err == known {
			return known.Error()
		}
	}
	text, _, _ := strings.Cut(err.Error(), " before offset")
	return text
}

// Who puts a transport of their own before net/http's, or has it ask for nothing, sees requests and answers as they always were.
func TestUnpackedOnlyWhereTheTransportWould(t *testing.T) {
	p, server := newPacking(t)
	server.Start()
	plain := server.Client().Transport.(*http.Transport)
	quiet := plain.Clone()
	quiet.DisableCompression = true
	defer quiet.CloseIdleConnections()
	var seen http.Header
	around := tripper(func(req *http.Request) (*http.Response, error) {
		seen = req.Header
		return plain.RoundTrip(req)
	})
	for name, c := range map[string]struct {
		transport http.RoundTripper
		asked     string
		body      int
	}{
		"net/http's":          {plain, "[gzip]", len(p.bodies["/identity"])},
		"compression off":     {quiet, "[]", len(p.bodies["/page"])},
		"one around the wire": {around, "[gzip]", len(p.bodies["/identity"])},
	} {
		t.Run(name, func(t *testing.T) {
			client := NewApp(testCredentials, WithTransport(c.transport), WithEndpoint(server.URL), WithTokenURL(server.URL+"/token")).Client(testAuthorization)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/page", nil)
			check(t, err)
			resp, err := client.Do(req)
			check(t, err)
			body, err := io.ReadAll(resp.Body)
			check(t, err)
			check(t, resp.Body.Close())
			if p.asked["/page"] != c.asked || len(body) != c.body {
				t.Errorf("asked for %s, got %d bytes, want %s and %d", p.asked["/page"], len(body), c.asked, c.body)
			}
		})
	}
	if seen["Accept-Encoding"] != nil {
		t.Errorf("a transport was shown Accept-Encoding %q", seen["Accept-Encoding"])
	}
}

// What a typed call reads is bounded by what comes out, and a stream that breaks off within is a body that broke off.
func TestUnpackedBodiesOfTypedCalls(t *testing.T) {
	const path = "/orders/v0/orders/1"
	whole := packed(`{"ok":"` + strings.Repeat("x", 3<<20) + `"}`)
	p, server := newPacking(t)
	server.Start()
	client := NewApp(testCredentials, WithTransport(server.Client().Transport), WithEndpoint(server.URL), WithTokenURL(server.URL+"/token"),
		WithLimiter(freeLimiter{}), WithMaxBody(2<<20), WithRetry(RetryPolicy{BaseDelay: 1})).Client(testAuthorization)
	for name, c := range map[string]struct {
		body, reason string
		attempts     int
	}{
		"bomb":   {whole, "larger than 2097152 bytes", 1},
		"cut":    {packed(strings.Repeat(`{"ok":true} `, 50))[:40], "broke off", 5},
		"rotten": {packed("{}") + "rubbish", "broke off", 5},
	} {
		p.bodies[path] = c.body
		var met Response
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithResponse(&met))
		var failed *DecodeError
		if !errors.As(err, &failed) || !strings.Contains(failed.Reason, c.reason) || met.Attempts != c.attempts {
			t.Errorf("%s: %d attempts, then %v", name, met.Attempts, err)
		}
	}
	p.bodies[path] = packed(`{"ok":`, `true}`)
	var met Response
	out, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithResponse(&met))
	check(t, err)
	if out != `{"ok":true}` || string(met.Body) != out || met.Header.Get("Content-Encoding") != "" {
		t.Errorf("got %q, the record %q %v", out, met.Body, met.Header)
	}
}

// Wherever a body ends, it is whole or broke off: no member that began is taken for none.
func TestUnpackedBodiesThatEndEarly(t *testing.T) {
	var whole bytes.Buffer
	ends, text := map[int]string{}, ""
	for _, part := range []string{"one", "two"} {
		ends[whole.Len()] = text
		z := gzip.NewWriter(&whole)
		z.Name, z.Comment, z.Extra = "a name", "a comment", []byte("more")
		_, _ = io.WriteString(z, part)
		_ = z.Close()
		text += part
	}
	ends[whole.Len()] = text
	for n := range whole.Len() + 1 {
		var wantErr error
		want, isEnd := ends[n]
		if !isEnd {
			wantErr = io.ErrUnexpectedEOF
		}
		got, err := io.ReadAll(&unpackedBody{packed: io.NopCloser(bytes.NewReader(whole.Bytes()[:n]))})
		if err != wantErr || err == nil && string(got) != want {
			t.Errorf("the first %d bytes: got %q and %v, want %q and %v", n, got, err, want, wantErr)
		}
	}
}

// A body that is closed while it is read leaves nothing to others that still somebody reads.
func TestUnpackedBodyClosedWhileRead(t *testing.T) {
	text := strings.Repeat("some text that is unpacked again and again ", 2000)
	whole := packed(text)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				left, right := io.Pipe()
				b := &unpackedBody{packed: left}
				var reading sync.WaitGroup
				reading.Go(func() { _, _ = io.Copy(io.Discard, b) })
				_, _ = io.WriteString(right, whole[:50])
				_ = b.Close()
				reading.Wait()
				next := &unpackedBody{packed: io.NopCloser(strings.NewReader(whole))}
				if got, err := io.ReadAll(next); err != nil || string(got) != text {
					t.Errorf("got %d bytes and %v", len(got), err)
				}
			}
		})
	}
	group.Wait()
}

// freeLimiter lets every call pass.
type freeLimiter struct{}

func (freeLimiter) Wait(context.Context, LimitRequest) (LimitGrant, error) { return LimitGrant{}, nil }
func (freeLimiter) Observe(context.Context, LimitGrant, LimitReply) error  { return nil }

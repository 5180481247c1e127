package benchpeer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Kind is what a server answers with.
type Kind struct {
	Orders     int
	Compressed bool // where the request accepts gzip
}

func (k Kind) String() string {
	if k.Compressed {
		return fmt.Sprintf("orders=%d/gzip", k.Orders)
	}
	return fmt.Sprintf("orders=%d/plain", k.Orders)
}

// Kinds are those that a [Server] has an address for.
var Kinds = []Kind{{1, false}, {100, false}, {100, true}}

// ServeIfAsked is the first line of TestMain in packages that start a [Server]: the server is their test binary, started anew. In that process it never
// returns.
func ServeIfAsked() {
	if os.Getenv("BENCHPEER_SERVER") == "" {
		return
	}
	if err := serveKinds(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeer:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveKinds serves until in ends, as it does when the process that started this one does, whichever way.
func serveKinds(in io.Reader, out io.Writer) error {
	addresses := make([]string, len(Kinds))
	for i, kind := range Kinds {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		addresses[i] = "http://" + listener.Addr().String()
		handler, err := handlerOf(kind)
		if err != nil {
			return err
		}
		go func() { _ = http.Serve(listener, handler) }()
	}
	if err := json.NewEncoder(out).Encode(addresses); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// handlerOf answers with a token at /token, elsewhere with a page of orders: whoever measures calls must not measure a server that thinks.
func handlerOf(kind Kind) (http.Handler, error) {
	plain := Orders(kind.Orders)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			_, _ = io.WriteString(w, `{"access_token":"Atza|bench","token_type":"bearer","expires_in":3600}`)
			return
		}
		body := plain
		if kind.Compressed && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = packed.Bytes()
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("X-Amzn-Requestid", "6875a2a6-6e9a-4c2b-9f0b-7a0d4c8a1b2c")
		// A limiter believes an emulator whatever rate it tells; with this one nobody waits.
		h.Set("X-Amzn-Ratelimit-Limit", "1000000")
		h.Set("X-Spapi-Emulator-Operation", "ordersv0.getOrders")
		_, _ = w.Write(body)
	}), nil
}

// Server is net/http and nothing else, in a process of its own, so that what it allocates and collects isn't the client's.
type Server struct{ addresses []string }

// StartServer starts a server that lives as long as the test. Its package's TestMain has to begin with [ServeIfAsked].
func StartServer(tb testing.TB) *Server {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "BENCHPEER_SERVER=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("server: %v", err)
		}
	})
	s := &Server{}
	if err := json.NewDecoder(out).Decode(&s.addresses); err != nil || len(s.addresses) != len(Kinds) {
		tb.Fatalf("the server says no %d addresses but %q: %v (does TestMain begin with ServeIfAsked?)", len(Kinds), s.addresses, err)
	}
	return s
}

// URL is the address for a kind of answer.
func (s *Server) URL(kind Kind) string {
	for i, k := range Kinds {
		if k == kind {
			return s.addresses[i]
		}
	}
	panic("benchpeer: no address for " + kind.String())
}

// Calls measures b.N calls by so many goroutines.
func Calls(b *testing.B, goroutines int, call func() error) {
	b.ReportAllocs()
	if err := call(); err != nil { // connections, tokens and limits are there before
		b.Fatal(err)
	}
	start := processorTime()
	defer func() { reportProcessorTime(b, start) }()
	if goroutines == 1 {
		for b.Loop() {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	var left atomic.Int64
	var group sync.WaitGroup
	left.Store(int64(b.N))
	b.ResetTimer()
	for range goroutines {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

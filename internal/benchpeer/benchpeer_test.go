package benchpeer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/wire"
)

func TestMain(m *testing.M) {
	ServeIfAsked()
	goleak.VerifyTestMain(m)
}

type shop struct {
	Name  string   `json:"name"`
	Items []string `json:"items"`
}

// TestDecoding: what would make a comparison unfair is told.
func TestDecoding(t *testing.T) {
	body := func(head string) []byte {
		return []byte(head + `"name":"Müller & \"Söhne\"","items":["` + strings.Repeat(`x","`, 30_000) + `y"]}`)
	}
	decode := func(change func(*shop)) func([]byte) (*shop, []wire.Warning, error) {
		return func(body []byte) (*shop, []wire.Warning, error) {
			var s shop
			err := json.Unmarshal(body, &s)
			change(&s)
			return &s, nil, err
		}
	}
	same := decode(func(*shop) {})
	for name, c := range map[string]struct {
		page        []byte
		decode      func([]byte) (*shop, []wire.Warning, error)
		allocations int
		want        []string
	}{
		"nothing":           {body(`{`), same, 100_000, nil},
		"a short page":      {[]byte(`{"name":"","items":["x","y"]}`), same, 100, []string{"the page has 29 bytes", "2 elements, want 30001"}},
		"a member left out": {body(`{"city":"Köln",`), same, 100_000, []string{"the page has 30005 values, the result 30004"}},
		"another value": {body(`{`), decode(func(s *shop) { s.Items[30_000] = "z" }), 100_000,
			[]string{"sonic reads", "sonic-copy reads", "sonic-fastest reads", "encoding-json reads"}},
		"a value less": {body(`{`), decode(func(s *shop) { s.Items = s.Items[:30_000] }), 100_000,
			[]string{"30000 elements", "the page has", "sonic", "sonic", "sonic", "encoding-json"}},
		"too many allocations":  {body(`{`), same, 1, []string{"allocations a page, want at most 1"}},
		"an error":              {body(`{`), func([]byte) (*shop, []wire.Warning, error) { return nil, nil, errors.New("no page") }, 1, []string{"error no page"}},
		"a page that is no one": {[]byte(`{`), same, 1, []string{"the page has 1 bytes", "error unexpected end"}},
	} {
		d := Decoding[shop]{Page: c.page, Elements: 30_001, Count: func(s *shop) int { return len(s.Items) }}
		told := d.problems(c.decode, c.allocations)
		if len(told) != len(c.want) {
			t.Errorf("%s: told %q, want %q", name, told, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(told[i], want) {
				t.Errorf("%s: told %q, want %q", name, told[i], want)
			}
		}
	}
}

func TestServer(t *testing.T) {
	var servers []string
	t.Run("while the test runs", func(t *testing.T) {
		server := StartServer(t)
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		defer client.CloseIdleConnections()
		for _, kind := range Kinds {
			servers = append(servers, server.URL(kind))
			for _, encoding := range []string{"", "gzip"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(kind)+"/orders/v0/orders", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Accept-Encoding", encoding)
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if packed := kind.Compressed && encoding != ""; packed != (resp.Header.Get("Content-Encoding") == "gzip") {
					t.Errorf("%v for one who accepts %q: encoding %q", kind, encoding, resp.Header.Get("Content-Encoding"))
				} else if packed {
					r, err := gzip.NewReader(bytes.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					if body, err = io.ReadAll(r); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(body, Orders(kind.Orders)) {
					t.Errorf("%v for one who accepts %q: %.80q", kind, encoding, body)
				}
			}
		}
	})
	for _, url := range servers {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s is still there", url)
		}
	}
	if len(servers) != len(Kinds) {
		t.Errorf("%d servers", len(servers))
	}
}

// What is measured is called so often as it is counted, and once before.
func TestCalls(t *testing.T) {
	benchtime := flag.Lookup("test.benchtime").Value
	before := benchtime.String()
	if err := benchtime.Set("100x"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = benchtime.Set(before) }()
	for _, goroutines := range []int{1, 8} {
		var calls atomic.Int64
		last := int64(0)
		result := testing.Benchmark(func(b *testing.B) {
			calls.Store(0)
			Calls(b, goroutines, func() error {
				calls.Add(1)
				return nil
			})
			last = calls.Load()
		})
		if result.N != 100 || last != 101 {
			t.Errorf("%d goroutines: %d calls for %d", goroutines, last, result.N)
		}
	}
}

func TestServeKinds(t *testing.T) {
	var out bytes.Buffer
	if err := serveKinds(strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	if err := json.Unmarshal(out.Bytes(), &addresses); err != nil || len(addresses) != len(Kinds) {
		t.Errorf("%q: %v", out.String(), err)
	}
	if err := serveKinds(os.Stdin, brokenWriter{}); err == nil {
		t.Error("serves where nobody is told the address")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("closed") }

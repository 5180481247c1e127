package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// peers are three ways to one backend, over loopback: straight, through a bare reverse proxy of the standard library, and through the gateway.
type peers struct {
	names   [3]string
	address [3]string
	secret  string // the caller's key
}

// inventoryPath is that of an operation that has no limit over all sellers, whose rate the backend's header doesn't change.
const inventoryPath = "/fba/inventory/v1/summaries?details=true&granularityType=Marketplace&granularityId=ATVPDKIKX0DER&marketplaceIds=ATVPDKIKX0DER"

// page is what the backend answers: a page of orders, roughly.
var page = `{"payload":{"Orders":[` + strings.TrimSuffix(strings.Repeat(`{"AmazonOrderId":"123-1234567-1234567","OrderStatus":"Unshipped"},`, 150), ",") + `]}}`

func startPeers(b testing.TB) *peers {
	a := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			new(proxiedAmazon).ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h["X-Spapi-Emulator-Operation"] = []string{"any"} // so that the rate is believed, and no call waits
		h["X-Amzn-Ratelimit-Limit"] = []string{"1000000"}
		h["X-Amzn-Requestid"] = []string{"11111111-2222-3333-4444-555555555555"}
		h["Content-Type"] = []string{"application/json"}
		h["Content-Length"] = []string{strconv.Itoa(len(page))}
		_, _ = io.WriteString(w, page)
	})
	backend := httptest.NewServer(a)
	b.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	if err != nil {
		b.Fatal(err)
	}
	// The pool is as large as the gateway's: what is compared isn't how many connections are opened.
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	bare := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	b.Cleanup(bare.Close)
	p := &peers{names: [3]string{"straight", "proxy", "gateway"}}
	g := newGateway(b, nil, backend.URL, func(c *Config) { p.secret = withKey(b, c) })
	p.address = [3]string{backend.URL, bare.URL, listen(b, g)}
	return p
}

// call asks once, and reads the answer.
func (p *peers) call(b testing.TB, client *http.Client, which, n int) time.Duration {
	begun := time.Now()
	req, err := http.NewRequest(http.MethodGet, p.address[which]+inventoryPath+"&n="+strconv.Itoa(n), nil) // no two under way are equal: equal ones would be one
	if err != nil {
		b.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer " + p.secret}
	res, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	size, err := io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || size != int64(len(page)) {
		b.Fatal(res.StatusCode, size, err)
	}
	return time.Since(begun)
}

func newConnections(b testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// BenchmarkLatency measures one call after the other. It reports the median of each way in microseconds, and what the gateway adds to the straight
// way in terms of what the bare proxy adds: added/proxy.
func BenchmarkLatency(b *testing.B) {
	p, client := startPeers(b), newConnections(b)
	var took [3][]time.Duration
	for i := range 3 * 200 {
		p.call(b, client, i%3, 0)
	}
	for b.Loop() {
		for which := range took { // in turns: what else the machine does meets all alike
			took[which] = append(took[which], p.call(b, client, which, 0))
		}
	}
	var median [3]time.Duration
	for which := range took {
		slices.Sort(took[which])
		median[which] = took[which][len(took[which])/2]
		b.ReportMetric(float64(median[which].Microseconds()), "µs-"+p.names[which])
	}
	b.ReportMetric(float64(median[2]-median[0])/float64(median[1]-median[0]), "added/proxy")
}

// BenchmarkRate measures 8 connections that ask without a pause. It reports calls per second of each way, and the gateway's rate in terms of the bare proxy's.
func BenchmarkRate(b *testing.B) {
	const connections, calls = 8, 25
	p, client := startPeers(b), newConnections(b)
	var took [3]time.Duration
	rounds := 0
	turn := func(which int) time.Duration {
		begun := time.Now()
		var wg sync.WaitGroup
		for n := range connections {
			wg.Go(func() {
				for range calls {
					p.call(b, client, which, n)
				}
			})
		}
		wg.Wait()
		return time.Since(begun)
	}
	for which := range took {
		turn(which)
	}
	for b.Loop() {
		for which := range took {
			took[which] += turn(which)
		}
		rounds++
	}
	var rate [3]float64
	for which := range took {
		rate[which] = float64(rounds*connections*calls) / took[which].Seconds()
		b.ReportMetric(rate[which], "calls/s-"+p.names[which])
	}
	b.ReportMetric(rate[2]/rate[1], "rate/proxy")
}

// BenchmarkServe measures what the gateway itself does for a call, without a network.
func BenchmarkServe(b *testing.B) {
	g := newGateway(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			new(proxiedAmazon).ServeHTTP(w, r)
			return
		}
		w.Header()["X-Spapi-Emulator-Operation"] = []string{"any"}
		w.Header()["X-Amzn-Ratelimit-Limit"] = []string{"1000000"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(page))}
		_, _ = io.WriteString(w, page)
	}), "", nil)
	b.ReportAllocs()
	for b.Loop() {
		if w := askProxy(g, "GET", inventoryPath, nil); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// waiters has n callers, each with a connection of its own, wait for a limit, and tells what each costs and what is left when they have gone.
func waiters(t testing.TB, n int) (bytesEach float64) {
	// A limiter that lets nobody through: what is measured is the wait.
	a := new(proxiedAmazon)
	stuck := &stuckLimiter{let: make(chan struct{})}
	backend := httptest.NewServer(a)
	defer backend.Close()
	g := newGateway(t, a, backend.URL, func(c *Config) { c.Options = append(c.Options, spapi.WithLimiter(stuck)) })
	// In memory: two ends of as many connections are more files than a process may have.
	l, srv := newPipes(), g.Server()
	served := make(chan struct{})
	go func() {
		_ = srv.Serve(l)
		close(served)
	}()
	settle := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := settle()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = l.dial()
		method, body := "GET", ""
		if i%2 == 1 { // half of them bring a body, which is kept
			method, body = "POST", strings.Repeat("x", 4<<10)
		}
		if _, err := fmt.Fprintf(conns[i], "%s /orders/v0/orders?n=%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, i, len(body), body); err != nil {
			t.Fatal(err)
		}
	}
	stuck.await(n)
	during := settle()
	// A third leaves, the others are served.
	for i := 0; i < n/3; i++ {
		_ = conns[i].Close()
	}
	stuck.await(n - n/3)
	close(stuck.let)
	for i := n / 3; i < n; i++ {
		res := make([]byte, 12)
		if _, err := io.ReadFull(conns[i], res); err != nil || string(res) != "HTTP/1.1 200" {
			t.Fatalf("caller %d: %q %v", i, res, err)
		}
	}
	for _, c := range conns {
		_ = c.Close()
	}
	_ = srv.Close()
	<-served
	if kept := g.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are counted as kept", kept)
	}
	if len(g.flights.all) != 0 {
		t.Errorf("%d calls are still under way", len(g.flights.all))
	}
	return float64(during-min(before, during)) / float64(n)
}

// stuckLimiter lets nobody through until let is closed.
type stuckLimiter struct {
	let chan struct{}

	mu      sync.Mutex
	waiting int
	changed chan struct{}
}

func (s *stuckLimiter) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += n
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// await waits until n calls wait.
func (s *stuckLimiter) await(n int) {
	for {
		s.mu.Lock()
		if s.waiting == n {
			s.mu.Unlock()
			return
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		<-changed
	}
}

func (s *stuckLimiter) Wait(ctx context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	s.count(1)
	defer s.count(-1)
	select {
	case <-s.let:
		return spapi.LimitGrant{Buckets: r.Buckets, Rate: 1}, nil
	case <-ctx.Done():
		return spapi.LimitGrant{}, ctx.Err()
	}
}

func (s *stuckLimiter) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// TestManyWaiting: callers that wait cost little, and nothing is left of them, whether they are served or leave. BenchmarkTenThousandWaiting has the whole number.
func TestManyWaiting(t *testing.T) { waiters(t, 300) }

// BenchmarkTenThousandWaiting reports what each of 10,000 callers that wait costs, the test's own end of the connection included, and the sum in MiB.
func BenchmarkTenThousandWaiting(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		each := waiters(b, n)
		b.ReportMetric(each/1024, "KiB/caller")
		b.ReportMetric(each*n/(1<<20), "MiB")
	}
}

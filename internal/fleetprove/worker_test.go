//go:build unix

package fleetprove

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts so
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
)

// The test binary is its own fleet: with this variable it is one of the processes.
const workerEnv = "SPAPI_FLEETPROVE_WORKER"

func TestMain(m *testing.M) {
	if text := os.Getenv(workerEnv); text != "" {
		var p plan
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := work(p); err != nil {
			fmt.Fprintln(os.Stderr, "process", p.Process, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// plan is what a process does.
type plan struct {
	Process   int
	Processes int // told the limiter, for before it has counted
	Redis     string
	Amazon    string // socket of the test
	Kind      string // "": calls; "tokens", "latency", "buckets"
	Callers   []callers
	Rate      float64
	Burst     int
	AppRate   float64 // 0: no bucket of the application
	AppBurst  int
	Clock     bool // scripts read how far the server's clock is off from a key
}

// callers are some that call for a seller again and again.
type callers struct {
	Number, Seller, Priority int
	Pause                    time.Duration // between calls
}

// done is what a process tells at its end.
type done struct {
	Goroutines int             // that are left
	Low        []wait          // of callers with priority 0, if others have higher ones
	Waits      []time.Duration // of "latency": of calls for which nothing waits
	Trips      []time.Duration // of "latency": of a GET
	WallClock  string          // an argument of a script that looks like a time of this process's clock
	Errors     []string
}

// wait is that of a call, by the clock that all processes of this machine have.
type wait struct{ From, To time.Time }

// worker is a process of the fleet.
type worker struct {
	plan
	limiter *fleet.Limiter
	server  fleet.Server
	out     *line
	done    done

	mu      sync.Mutex
	calls   map[int]chan bool
	last    int
	stopped context.CancelFunc
	began   chan struct{}
}

func work(p plan) error {
	before := runtime.NumGoroutine()
	redis, err := goredis.Open(p.Redis)
	if err != nil {
		return err
	}
	c, err := net.Dial("unix", p.Amazon)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SPAPI_FLEETPROVE_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("process", p.Process)
	}
	w := &worker{plan: p, out: &line{enc: json.NewEncoder(c)}, calls: map[int]chan bool{}, began: make(chan struct{})}
	w.server = &witness{Server: redis, clock: p.Clock, worker: w}
	w.limiter = fleet.NewLimiter(w.server, fleet.WithProcesses(p.Processes), fleet.WithLogger(log))
	ctx, stop := context.WithCancel(context.Background())
	w.stopped = stop
	heard := make(chan struct{})
	go func() {
		w.hear(c)
		close(heard)
	}()
	if _, _, err := w.server.Get(ctx, "spapi:fleetprove"); err != nil {
		return err
	}
	w.out.say(message{Kind: "ready", Process: p.Process})
	<-w.began
	switch p.Kind {
	case "tokens":
		w.tokens(ctx)
	case "latency":
		w.latency(ctx)
	case "buckets":
		w.buckets(ctx)
	default:
		w.call(ctx)
	}
	<-ctx.Done()
	if err := w.limiter.Close(); err != nil {
		w.fail(err)
	}
	if err := redis.Close(); err != nil {
		w.fail(err)
	}
	for range 2000 { // connections close in the background
		if runtime.NumGoroutine() <= before+1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.done.Goroutines = runtime.NumGoroutine() - before - 1 // that which hears
	w.out.say(message{Kind: "done", Process: p.Process, Done: &w.done})
	_ = c.Close()
	<-heard
	return nil
}

func (w *worker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.done.Errors) < 5 {
		w.done.Errors = append(w.done.Errors, err.Error())
	}
}

func (w *worker) hear(c net.Conn) {
	in := json.NewDecoder(c)
	for {
		var m message
		if in.Decode(&m) != nil {
			w.stopped()
			return
		}
		switch m.Kind {
		case "go":
			close(w.began)
		case "stop":
			w.stopped()
		case "reply":
			w.mu.Lock()
			w.calls[m.ID] <- m.OK
			delete(w.calls, m.ID)
			w.mu.Unlock()
		}
	}
}

// ask says something to the test and waits for the reply.
func (w *worker) ask(kind string, seller int) bool {
	reply := make(chan bool, 1)
	w.mu.Lock()
	w.last++
	id := w.last
	w.calls[id] = reply
	w.mu.Unlock()
	w.out.say(message{Kind: kind, Process: w.Process, ID: id, Seller: seller})
	return <-reply
}

func (w *worker) request(seller, priority int) spapi.LimitRequest {
	b := spapi.LimitBucket{App: "amzn1.application-oa2-client.fleetprove", Region: "eu", Operation: "ordersv0.getOrders", Seller: fmt.Sprint("A", seller),
		Rate: w.Rate, Burst: w.Burst}
	r := spapi.LimitRequest{MaxWait: -1, Priority: priority, Buckets: []spapi.LimitBucket{b}}
	if w.AppRate > 0 {
		b.Scope, b.Seller, b.Rate, b.Burst = spapi.LimitPerApplication, "", w.AppRate, w.AppBurst
		r.Buckets = append(r.Buckets, b)
	}
	return r
}

// call lets all callers call until the end.
func (w *worker) call(ctx context.Context) {
	higher := slices.ContainsFunc(w.Callers, func(c callers) bool { return c.Priority > 0 })
	var wg sync.WaitGroup
	for _, c := range w.Callers {
		for range c.Number {
			wg.Go(func() {
				r := w.request(c.Seller, c.Priority)
				for ctx.Err() == nil {
					start := time.Now()
					g, err := w.limiter.Wait(ctx, r)
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							w.fail(err)
						}
						return
					}
					sent := time.Now()
					if higher && c.Priority == 0 {
						w.mu.Lock()
						w.done.Low = append(w.done.Low, wait{start, sent})
						w.mu.Unlock()
					}
					ok := w.ask("call", c.Seller)
					if err := w.limiter.Observe(ctx, g, spapi.LimitReply{Latency: time.Since(sent), Throttled: !ok, Rate: w.Rate}); err != nil {
						w.fail(err)
					}
					time.Sleep(c.Pause)
				}
			})
		}
	}
	wg.Wait()
}

// latency calls 75 times a second for sellers that all have tokens, and measures what the limiter takes and what one command takes.
func (w *worker) latency(ctx context.Context) {
	for ctx.Err() == nil {
		r := w.request(rand.IntN(40), 0)
		start := time.Now()
		g, err := w.limiter.Wait(ctx, r)
		if err != nil {
			break
		}
		w.done.Waits = append(w.done.Waits, time.Since(start))
		time.Sleep(rand.N(12 * time.Millisecond))
		if err := w.limiter.Observe(ctx, g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: w.Rate}); err != nil {
			w.fail(err)
		}
		start = time.Now()
		if _, _, err := w.server.Get(ctx, "spapi:fleetprove"); err == nil {
			w.done.Trips = append(w.done.Trips, time.Since(start))
		}
		time.Sleep(rand.N(12 * time.Millisecond))
	}
}

// buckets calls once for each of many sellers.
func (w *worker) buckets(ctx context.Context) {
	defer w.stopped()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for seller := i; seller < w.Callers[0].Number; seller += 20 {
				g, err := w.limiter.Wait(ctx, w.request(seller, 0))
				if err == nil {
					err = w.limiter.Observe(ctx, g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: w.Rate})
				}
				if err != nil {
					w.fail(err)
				}
			}
		})
	}
	wg.Wait()
}

// tokens has a thousand goroutines ask for the tokens of a few sellers at once.
func (w *worker) tokens(ctx context.Context) {
	defer w.stopped()
	key := sha256.Sum256([]byte("a key that all processes have"))
	store, err := fleet.NewTokens(w.server, []spapi.Secret{spapi.NewSecret(hex.EncodeToString(key[:]))})
	if err != nil {
		w.fail(err)
		return
	}
	var wg sync.WaitGroup
	for i := range 1000 {
		seller := i % 5
		wg.Go(func() {
			token, err := store.Get(ctx, spapi.TokenRequest{Key: fmt.Sprint("seller ", seller), Secret: "fingerprint",
				Fetch: func(context.Context, <-chan struct{}) (spapi.Token, error) {
					w.ask("token", seller)
					return spapi.Token{Value: spapi.NewSecret(fmt.Sprint("Atza|", seller)), Expires: time.Now().Add(time.Hour)}, nil
				}})
			if err != nil {
				w.fail(err)
			} else if token.Value.Reveal() != fmt.Sprint("Atza|", seller) {
				w.fail(errors.New("the token is another seller's"))
			}
		})
	}
	wg.Wait()
}

// witness sees that no script is told a time of the process's clock. With clock it makes scripts believe that the server's own is off by as many seconds
// as the key clockKey has.
type witness struct {
	fleet.Server
	clock  bool
	worker *worker

	mu    sync.Mutex
	moved map[string]*fleet.Script
}

const clockKey = "fleetprove:clock"

func (w *witness) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	now := time.Now()
	for _, arg := range args {
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			continue
		}
		const year = 366 * 24 * 3600
		for _, unit := range []float64{1, 1e3, 1e6, 1e9} {
			if s := n / unit; s > float64(now.Unix()-year) && s < float64(now.Unix()+year) {
				w.worker.mu.Lock()
				w.worker.done.WallClock = arg
				w.worker.mu.Unlock()
			}
		}
	}
	if w.clock {
		script = w.move(script)
	}
	return w.Server.Run(ctx, script, keys, args...)
}

func (w *witness) move(script *fleet.Script) *fleet.Script {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.moved[script.SHA1]; m != nil {
		return m
	}
	const now = "(function() local t = redis.call('TIME') return {string.format('%.0f', t[1] + (redis.call('GET', '" + clockKey + "') or 0)), t[2]} end)()"
	text := strings.ReplaceAll(script.Text, "redis.call('TIME')", now)
	sum := sha1.Sum([]byte(text)) //nolint:gosec // Redis names scripts so
	m := &fleet.Script{Text: text, SHA1: hex.EncodeToString(sum[:])}
	if w.moved == nil {
		w.moved = map[string]*fleet.Script{}
	}
	w.moved[script.SHA1] = m
	return m
}

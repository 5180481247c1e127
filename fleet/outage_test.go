package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/amazontest"
	"github.com/openspapi/spapi/internal/redistest"
)

// link is a process's connection to a server.
type link struct {
	*redistest.Server
	mu     sync.Mutex
	broken func(ctx context.Context, keys []string) error // nil: it works
	lost   func() error                                   // called when the server has replied
	runs   int
	drops  int
}

func (k *link) set(broken func(ctx context.Context, keys []string) error) {
	k.mu.Lock()
	k.broken = broken
	k.mu.Unlock()
}

func (k *link) fails(ctx context.Context, keys []string) error {
	k.mu.Lock()
	broken := k.broken
	k.runs++
	k.mu.Unlock()
	if broken != nil {
		return broken(ctx, keys)
	}
	return nil
}

func (k *link) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runs
}

func (k *link) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	if err := k.fails(ctx, keys); err != nil {
		return nil, err
	}
	reply, err := k.Server.Run(ctx, script, keys, args...)
	k.mu.Lock()
	lost := k.lost
	k.mu.Unlock()
	if lost != nil {
		if err := lost(); err != nil {
			return nil, err
		}
	}
	return reply, err
}

func (k *link) Get(ctx context.Context, key string) (string, bool, error) {
	if err := k.fails(ctx, []string{key}); err != nil {
		return "", false, err
	}
	return k.Server.Get(ctx, key)
}

func (k *link) Set(ctx context.Context, key, value string, expiry time.Duration) error {
	if err := k.fails(ctx, []string{key}); err != nil {
		return err
	}
	return k.Server.Set(ctx, key, value, expiry)
}

func (k *link) Drop() {
	k.mu.Lock()
	k.drops++
	k.mu.Unlock()
}

func (k *link) dropped() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.drops
}

// stopOnce stops the process while the reply to the next script is on its way.
func (k *link) stopOnce(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lost = func() error {
		k.mu.Lock()
		k.lost = nil
		k.mu.Unlock()
		time.Sleep(30 * time.Second)
		return err
	}
}

var errRefused = errors.New("dial tcp redis://user:hunter2@127.0.0.1:6379: connect: connection refused")

func refusing(context.Context, []string) error { return errRefused }

func hanging(ctx context.Context, _ []string) error {
	<-ctx.Done()
	return ctx.Err()
}

// log keeps what a limiter tells.
type logLines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), text)
}

const away, back = "the server can't be used", "the server is back"

// process is one of a fleet.
type worker struct {
	*fleet.Limiter
	link *link
	log  *logLines
}

func newWorker(t testing.TB, s *redistest.Server, options ...fleet.Option) *worker {
	p := &worker{link: &link{Server: s}, log: &logLines{}}
	p.Limiter = fleet.NewLimiter(p.link, append(options, fleet.WithLogger(slog.New(slog.NewTextHandler(p.log, nil))))...)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func newFleet(t *testing.T, s *redistest.Server, n int, options ...fleet.Option) (all []*worker) {
	for range n {
		all = append(all, newWorker(t, s, options...))
	}
	return all
}

func bucketOf(seller string, rate float64, burst int) spapi.LimitBucket {
	return spapi.LimitBucket{App: "amzn1.application-oa2-client.canary", Region: "eu", Operation: "ordersv0.getOrders", Seller: seller, Rate: rate, Burst: burst}
}

func waitFor(buckets ...spapi.LimitBucket) spapi.LimitRequest {
	return spapi.LimitRequest{Buckets: buckets, MaxWait: -1}
}

func mustWait(t *testing.T, l spapi.Limiter, r spapi.LimitRequest) spapi.LimitGrant {
	t.Helper()
	g, err := l.Wait(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// model is Amazon's bucket. It counts what is served, by process.
type model struct {
	mu sync.Mutex
	*amazontest.Bucket
	by              map[int]int
	gap             time.Duration // the longest between two that were served, from since on
	since, servedAt time.Time
}

func newModel(rate float64, burst int) *model {
	return &model{Bucket: amazontest.New(rate, burst), servedAt: time.Now(), by: map[int]int{}}
}

func (a *model) take(process int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.Take() {
		return false
	}
	now := time.Now()
	a.by[process]++
	if a.servedAt.After(a.since) {
		a.gap = max(a.gap, now.Sub(a.servedAt))
	}
	a.servedAt = now
	return true
}

func (a *model) counts() (served, throttled int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Served, a.Throttled
}

// flood has callers of each process call until the function that it returns is called, or ctx ends; each request takes 50 ms, half of it the way there.
func (a *model) flood(t *testing.T, all []*worker, callers int, b spapi.LimitBucket) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, p := range all {
		for range callers {
			wg.Go(func() {
				for {
					g, err := p.Wait(ctx, waitFor(b))
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					sent := time.Now()
					time.Sleep(25 * time.Millisecond)
					ok := a.take(i)
					time.Sleep(25 * time.Millisecond)
					if err := p.Observe(ctx, g, spapi.LimitReply{Latency: time.Since(sent), Throttled: !ok, Rate: b.Rate}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// While the server is away each process keeps to its share; when it is back, with or without what it knew, they share again within 5 s.
func TestServerAway(t *testing.T) {
	for name, broken := range map[string]func(context.Context, []string) error{"refuses": refusing, "hangs": hanging} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, emptied %t", name, lost), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const n, rate, burst = 4, 20.0, 10
					s := redistest.Memory(t)
					all := newFleet(t, s, n)
					a, start := newModel(rate, burst), time.Now()
					stop := a.flood(t, all, 4, bucketOf("A1", rate, burst))
					time.Sleep(12 * time.Second)
					for _, p := range all {
						p.link.set(broken)
					}
					time.Sleep(10 * time.Second)
					for i, p := range all {
						if p.log.count(away) != 1 || p.log.count(back) != 0 || p.log.count("processes=4") != 1 {
							t.Errorf("process %d told: %s", i, p.log.String())
						}
						if p.link.dropped() == 0 {
							t.Errorf("process %d kept its idle connections", i)
						}
					}
					if lost {
						if _, err := s.Do("FLUSHALL"); err != nil {
							t.Fatal(err)
						}
					}
					for _, p := range all {
						p.link.set(nil)
					}
					time.Sleep(5 * time.Second)
					for i, p := range all {
						if p.log.count(back) != 1 {
							t.Errorf("process %d doesn't share again after 5 s: %s", i, p.log.String())
						}
					}
					time.Sleep(10 * time.Second)
					stop()
					for i, p := range all {
						if p.log.count(away) != 1 || p.log.count(back) != 1 {
							t.Errorf("process %d told: %s", i, p.log.String())
						}
						if p.log.count("hunter2")+p.log.count("canary")+p.log.count("A1") > 0 {
							t.Errorf("process %d told a secret: %s", i, p.log.String())
						}
					}
					used := a.Used(time.Since(start))
					t.Logf("%.1f %% used, %d throttled, by process %v", 100*used, a.Throttled, a.by)
					if used < 0.94 || a.Throttled > 2 {
						t.Errorf("%.1f %% of what is allowed was used, %d throttled, want 94 %% at least, and 2 at most", 100*used, a.Throttled)
					}
				})
			})
		}
	}
}

// One process that is cut off alone learns from its 429s that the others go on as if nothing was.
func TestCutOffAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, rate, burst = 8, 20.0, 10
		all := newFleet(t, redistest.Memory(t), n)
		a, start := newModel(rate, burst), time.Now()
		stop := a.flood(t, all, 4, bucketOf("A1", rate, burst))
		time.Sleep(12 * time.Second)
		all[0].link.set(refusing)
		time.Sleep(90 * time.Second)
		a.mu.Lock()
		before := a.by[0]
		a.mu.Unlock()
		all[0].link.set(nil)
		time.Sleep(5 * time.Second)
		if all[0].log.count(back) != 1 {
			t.Error("it doesn't share again after 5 s")
		}
		time.Sleep(25 * time.Second)
		stop()
		used, of := a.Used(time.Since(start)), a.Refused()
		t.Logf("%.1f %% used, %.1f %% throttled, by process %v, %d of the first while cut off and before", 100*used, 100*of, a.by, before)
		// The 8 of them send nine shares of eight, 11 %, until its 429s have taught it better: three of them make an eighth of its share. That is met with one of
		// two calls at a mean, and so takes 3 s. An eighth is 1.5 %, of which 0.5 % is what all leave.
		if used < 0.97 || of > 0.025 || before < 45 {
			t.Errorf("%.1f %% used, %.1f %% throttled, want 97 %% at least, and 2.5 %% at most", 100*used, 100*of)
		}
	})
}

// Who is alone and always has calls that wait sends them at any moment of the others' step, not at one that is always the same: else it would meet no limit,
// and learn nothing, where that is a moment at which there is a token. It sends as many.
func TestScattered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const steps = 200
		p := newWorker(t, redistest.Memory(t), fleet.WithProcesses(8))
		p.link.set(refusing)
		b, step := bucketOf("A1", 20, 10), 50*time.Millisecond
		cycle := 8 * step * 1005 / 1000
		mustWait(t, p, waitFor(b))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), steps*cycle)
		defer cancel()
		var mu sync.Mutex
		var at []time.Duration
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if _, err := p.Wait(ctx, waitFor(b)); err != nil {
						return
					}
					mu.Lock()
					at = append(at, time.Since(start)%cycle)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(at) < steps-5 || len(at) > steps {
			t.Errorf("%d calls in the time of %d", len(at), steps)
		}
		quarters := [4]int{}
		for _, d := range at {
			if d > step {
				t.Fatalf("a call went %s after its time, want %s at most", d, step)
			}
			quarters[min(4*d/step, 3)]++
		}
		for _, n := range quarters {
			if n < steps/8 { // of the half that is expected; less is 4 standard deviations away
				t.Errorf("calls by quarters of a step: %v", quarters)
			}
		}
	})
}

// What fails for one path is an outage that lasts until that path works, however well hello does.
func TestOutageOfOnePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t), fleet.WithProcesses(2))
		bad, good := bucketOf("bad", 10, 1), bucketOf("good", 10, 1)
		good.Operation = "ordersv0.getOrder"
		mustWait(t, p, waitFor(bad))
		mustWait(t, p, waitFor(good))
		var broken string
		p.link.set(func(_ context.Context, keys []string) error {
			if len(keys) > 2 && broken == "" {
				broken = keys[0]
			}
			if keys[0] == broken {
				return errors.New("WRONGTYPE Operation against a key holding the wrong kind of value")
			}
			return nil
		})
		for range 100 {
			mustWait(t, p, waitFor(bad))
			mustWait(t, p, waitFor(good))
		}
		if p.log.count(away) != 1 || p.log.count(back) != 0 || p.log.count("WRONGTYPE") != 1 {
			t.Errorf("told: %s", p.log.String())
		}
		p.link.set(nil)
		for range 30 {
			mustWait(t, p, waitFor(bad))
		}
		if p.log.count(away) != 1 || p.log.count(back) != 1 {
			t.Errorf("told: %s", p.log.String())
		}
	})
}

// In an outage a process has its share; its bounds, priorities and cancellations hold there too.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t), fleet.WithProcesses(4))
		p.link.set(refusing)
		b := bucketOf("A1", 4, 40) // alone 1 per second, burst 10
		start := time.Now()
		for range 20 {
			mustWait(t, p, waitFor(b))
		}
		if waited := time.Since(start); waited < 9500*time.Millisecond || waited > 11500*time.Millisecond {
			t.Errorf("20 calls took %s, want those beyond 9 or 10 to take a second each", waited)
		}
		r := waitFor(b)
		r.MaxWait, r.Retry = 0, true
		var limit *spapi.LimitError
		if _, err := p.Wait(t.Context(), r); !errors.As(err, &limit) {
			t.Fatalf("got %v, want a LimitError", err)
		}
		if limit.Rate != 1 || limit.Burst != 10 || !limit.Retry || limit.Deadline || limit.Max != 0 || limit.Wait <= 0 || limit.Wait > 1100*time.Millisecond {
			t.Errorf("refused by %+v", limit)
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		add := func(ctx context.Context, name string, priority int) {
			wg.Go(func() {
				r := waitFor(b)
				r.Priority = priority
				if _, err := p.Wait(ctx, r); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					name = "cancelled"
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		add(t.Context(), "1", 0)
		add(ctx, "2", 0)
		add(t.Context(), "3", 0)
		add(t.Context(), "4", 5)
		cancel()
		synctest.Wait()
		r.MaxWait = 1500 * time.Millisecond
		if _, err := p.Wait(t.Context(), r); !errors.As(err, &limit) || limit.Wait < 3*time.Second || limit.Wait > 4200*time.Millisecond {
			t.Errorf("got %v, want a wait of 4 s behind three", err)
		}
		wg.Wait()
		if got := strings.Join(order, " "); got != "cancelled 4 1 3" {
			t.Errorf("the order was %s", got)
		}
	})
}

// A process that starts while the server is away sends at once what is its share of a full bucket. Where that is no whole call, its first one comes at a
// random moment, since no server has told an order. So of a bucket of 5 with 8 processes 0.3 % of the calls are throttled, in one start of 200 more than 10 %,
// and 38 % where all meet. What is allowed is meant of several starts: ten don't come to 10 % by chance.
func TestStartWhileAway(t *testing.T) {
	const rounds = 10
	synctest.Test(t, func(t *testing.T) {
		for i, c := range []struct {
			rate     float64
			burst    int
			together bool // as many processes as are thought of, or one
			calls    int  // of each process
			longest  time.Duration
			refused  float64 // of the calls
		}{
			{0.0056, 20, true, 1, 0, 0}, {0.0056, 20, false, 2, 0, 0}, {0.0167, 15, true, 1, 0, 0}, {20, 10, true, 4, 2 * time.Second, 0},
			{5, 5, true, 4, 7 * time.Second, 0.1}, {0.5, 1, false, 2, 36 * time.Second, 0}, {0.0167, 1, false, 1, 8 * time.Minute, 0},
		} {
			what := fmt.Sprintf("%g/s burst %d, together %t", c.rate, c.burst, c.together)
			processes, throttled := 1, 0
			if c.together {
				processes = 8
			}
			for round := range rounds {
				a, b := newModel(c.rate, c.burst), bucketOf(fmt.Sprint(i, "-", round), c.rate, c.burst)
				start := time.Now()
				var wg sync.WaitGroup
				for i, p := range newFleet(t, redistest.Memory(t), processes) {
					p.link.set(refusing)
					for range c.calls {
						wg.Go(func() {
							mustWait(t, p, waitFor(b))
							a.take(i)
						})
					}
				}
				wg.Wait()
				if waited := time.Since(start); waited > c.longest {
					t.Errorf("%s: %d calls of each process took %s, want %s at most", what, c.calls, waited, c.longest)
				}
				throttled += a.Throttled
			}
			if all := rounds * processes * c.calls; float64(throttled) > c.refused*float64(all) {
				t.Errorf("%s: %d of %d calls were throttled", what, throttled, all)
			}
		}
	})
}

// What is known of a bucket when the server goes is divided: of a full one each process has its part at once, of one that others wait for nothing, however
// long ago it last looked.
func TestLeftWhenTheServerGoes(t *testing.T) {
	for _, crowded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			all := newFleet(t, redistest.Memory(t), 4, fleet.WithProcesses(4))
			b := bucketOf("A1", 0.1, 20)
			var wg sync.WaitGroup
			first, leave := context.WithCancel(t.Context())
			second, end := context.WithCancel(t.Context())
			for _, p := range all {
				mustWait(t, p, waitFor(b))
			}
			for i, p := range all {
				ctx := first
				if i > 1 {
					ctx = second
				}
				for range map[bool]int{true: 30}[crowded] {
					wg.Go(func() {
						if _, err := p.Wait(ctx, waitFor(b)); err != nil && ctx.Err() == nil {
							t.Error(err)
						}
					})
				}
			}
			time.Sleep(10 * time.Second)
			leave()
			time.Sleep(100 * time.Second)
			for _, p := range all {
				p.link.set(refusing)
			}
			time.Sleep(2 * time.Second) // hello finds out
			end()
			wg.Wait()
			at := func(moment string, least, most int) {
				sent := 0
				for _, p := range all {
					for {
						r := waitFor(b)
						r.MaxWait = 0
						if _, err := p.Wait(t.Context(), r); err != nil {
							break
						}
						sent++
					}
				}
				if sent < least || sent > most {
					t.Errorf("crowded %t: %d calls were sent %s, want %d to %d", crowded, sent, moment, least, most)
				}
			}
			if !crowded {
				at("at once", 16, 20)
				return
			}
			at("at once", 0, 2)
			time.Sleep(20 * time.Second)
			at("20 s later", 0, 4) // one of each at most: nothing was saved
		})
	}
}

// The pause of a type lasts no longer than with the server, and who knows that it is over doesn't wait; one that is under way goes on.
func TestTypesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t))
		own := bucketOf("A1", 10, 20)
		typed := func(name string, calls int, window time.Duration) spapi.LimitRequest {
			b := own
			b.Scope, b.Type, b.Burst, b.Window = spapi.LimitPerType, name, calls, window
			return waitFor(b, own)
		}
		const hours = 4*time.Hour + 35*time.Minute
		timed := func(r spapi.LimitRequest) time.Duration {
			start := time.Now()
			mustWait(t, p, r)
			return time.Since(start)
		}
		pause, feeds := typed("DAILY", 1, hours), typed("FEED", 5, 5*time.Minute)
		timed(pause)
		time.Sleep(time.Hour)
		for again := range 2 { // the second time the server was back for a moment, in which nobody called
			p.link.set(refusing)
			if d := timed(typed(time.Now().String(), 1, hours)); d > 0 {
				t.Errorf("a type that nobody has asked for waited %s", d)
			}
			if d := timed(feeds); d > 5*time.Minute+2*time.Second || again == 1 && d < 4*time.Minute {
				t.Errorf("call %d in a window of five waited %s", again+1, d)
			}
			p.link.set(nil)
			r := waitFor(bucketOf("other", 10, 10))
			for range 10 {
				mustWait(t, p, r)
				time.Sleep(time.Second)
			}
		}
		p.link.set(refusing)
		if d := timed(pause); d < hours-time.Hour-20*time.Minute || d > hours-time.Hour+time.Minute {
			t.Errorf("a pause of which %s are left lasted %s", hours-time.Hour, d)
		}
		if d := timed(pause); d < hours || d > hours+time.Minute {
			t.Errorf("a pause of %s lasted %s", hours, d)
		}
		p.link.set(nil)
		time.Sleep(5 * time.Second)
		mustWait(t, p, waitFor(bucketOf("other", 10, 10)))
		time.Sleep(5 * time.Second)
		r := pause
		r.MaxWait = time.Second
		var limit *spapi.LimitError
		if _, err := p.Wait(t.Context(), r); !errors.As(err, &limit) || limit.Wait < hours-time.Minute {
			t.Errorf("got %v: the server wasn't told of the call in the outage", err)
		}
	})
}

// Alone, too, the first of a lower priority has its turn within 20 calls.
func TestTurnsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t), fleet.WithProcesses(1))
		p.link.set(refusing)
		b := bucketOf("A1", 10, 5)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		call := func(priority int) bool {
			r := waitFor(b)
			r.Priority = priority
			if _, err := p.Wait(ctx, r); err != nil {
				return false
			}
			mu.Lock()
			order = append(order, priority)
			mu.Unlock()
			return true
		}
		for priority, callers := range map[int]int{2: 4, 1: 4, 0: 1} {
			for range callers {
				wg.Go(func() {
					for call(priority) {
					}
				})
			}
		}
		time.Sleep(30 * time.Second)
		cancel()
		wg.Wait()
		last := map[int]int{}
		for i, priority := range order {
			last[priority] = i
			for lower := range 2 {
				if i-last[lower] > 20 {
					t.Fatalf("%d calls passed one of priority %d: %v", i-last[lower], lower, order[:i+1])
				}
			}
		}
		if len(order) < 200 {
			t.Errorf("%d calls in 30 s at 10 a second", len(order))
		}
	})
}

// A server whose memory is full is away until it has some again, though it still does what needs none.
func TestServerFull(t *testing.T) {
	redis := redistest.Start(t)
	synctest.Test(t, func(t *testing.T) {
		s := redis.Virtual(t)
		all := newFleet(t, s, 4)
		a, start := newModel(20, 10), time.Now()
		stop := a.flood(t, all, 4, bucketOf("A1", 20, 10))
		time.Sleep(12 * time.Second)
		for _, memory := range []int{1, 0} {
			if _, err := s.Do("CONFIG", "SET", "maxmemory", memory); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Second)
		}
		stop()
		for i, p := range all {
			if p.log.count(away) != 1 || p.log.count(back) != 1 || p.log.count("raise its maxmemory") != 1 {
				t.Errorf("process %d told: %s", i, p.log.String())
			}
		}
		used, of := a.Used(time.Since(start)), a.Refused()
		if used < 0.8 || of > 0.03 { // until hello is refused some scripts go through, and who met one that didn't is alone: as if it were cut off
			t.Errorf("%.1f %% of what is allowed was used, %.1f %% throttled", 100*used, 100*of)
		}
	})
}

// Calls that wait when the server goes go on at once.
func TestWaitingWhenTheServerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t), fleet.WithProcesses(2))
		b := bucketOf("A1", 1, 1)
		mustWait(t, p, waitFor(b))
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { mustWait(t, p, waitFor(b)) })
		}
		synctest.Wait()
		p.link.set(refusing)
		wg.Wait()
		if waited := time.Since(start); waited > 9*time.Second {
			t.Errorf("three calls at a share of 1/2 per second took %s", waited)
		}
	})
}

// A client that sends a script twice now and then takes twice: that costs throughput and nothing else.
func TestScriptRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		p := newWorker(t, s)
		a := newModel(20, 10)
		var mu sync.Mutex
		runs := 0
		s.Before = func(ctx context.Context, script *fleet.Script, keys, args []string) error {
			mu.Lock()
			runs++
			again := runs%5 == 0 && len(keys) > 2
			if again {
				runs++
			}
			mu.Unlock()
			if !again {
				return nil
			}
			_, err := s.Run(ctx, script, keys, args...)
			return err
		}
		stop := a.flood(t, []*worker{p}, 8, bucketOf("A1", 20, 10))
		time.Sleep(20 * time.Second)
		stop()
		t.Logf("%d served of 410, %d throttled", a.Served, a.Throttled)
		if a.Served < 250 || a.Throttled > 0 {
			t.Errorf("%d served, %d throttled", a.Served, a.Throttled)
		}
		if p.log.count(away) > 0 {
			t.Errorf("told: %s", p.log.String())
		}
	})
}

// What was taken is told to a server that has lost it.
func TestServerEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		all := newFleet(t, s, 4)
		a, start := newModel(20, 10), time.Now()
		stop := a.flood(t, all, 4, bucketOf("A1", 20, 10))
		for range 5 {
			time.Sleep(4 * time.Second)
			if _, err := s.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(4 * time.Second)
		stop()
		used := a.Used(time.Since(start))
		t.Logf("%.1f %% used, %d throttled", 100*used, a.Throttled)
		if used < 0.9 || a.Throttled > 0 {
			t.Errorf("%.1f %% used, %d throttled after five losses", 100*used, a.Throttled)
		}
	})
}

// Who last looked a while ago tells what it has seen, though the bucket would be full by that: others have taken since.
func TestServerEmptiedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		one, other := newWorker(t, s), newWorker(t, s)
		b := bucketOf("A1", 20, 10)
		r := waitFor(b)
		r.MaxWait = 0
		for range 3 {
			mustWait(t, one, r)
		}
		time.Sleep(time.Second)
		for range 10 {
			mustWait(t, other, r)
		}
		if _, err := s.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		var limit *spapi.LimitError
		if _, err := one.Wait(t.Context(), r); !errors.As(err, &limit) {
			t.Errorf("got %v of a bucket that was lost when it was empty, want a LimitError", err)
		}
	})
}

// A process that ends without a word, or stops, holds up the others for 3 s at most.
func TestProcessGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newFleet(t, redistest.Memory(t), 4)
		a := newModel(5, 5)
		b := bucketOf("A1", 5, 5)
		stop := a.flood(t, all[1:], 2, b)
		ctx, kill := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					if _, err := all[0].Wait(ctx, waitFor(b)); err != nil {
						return
					}
				}
			})
		}
		time.Sleep(10 * time.Second)
		a.mu.Lock()
		a.since = time.Now()
		a.mu.Unlock()
		all[0].link.set(func(ctx context.Context, _ []string) error { // nothing of it reaches the server any more
			select {
			case <-ctx.Done():
			case <-t.Context().Done():
			}
			return ctx.Err()
		})
		kill()
		wg.Wait()
		time.Sleep(10 * time.Second)
		stop()
		if a.gap > 3*time.Second || a.gap == 0 {
			t.Errorf("nothing went for %s", a.gap)
		}
	})
}

// What a process took that was stopped meanwhile is old when it goes on: it takes anew. And it thinks no ill of the server.
func TestProcessStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t))
		b := bucketOf("A1", 1, 5)
		for _, err := range []error{nil, context.DeadlineExceeded} {
			before := mustWait(t, p, waitFor(b)).Takes[0]
			synctest.Wait() // it has said hello
			p.link.stopOnce(err)
			if g := mustWait(t, p, waitFor(b)); g.Takes[0] != before+2 {
				t.Errorf("take %d was sent after %d: the one between them is old", g.Takes[0], before)
			}
		}
		if p.log.count(away) > 0 {
			t.Errorf("told: %s", p.log.String())
		}
	})
}

// Nothing goes on some seconds after the last call, and nothing is left after Close.
func TestEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t))
		b := bucketOf("A1", 1, 1)
		for _, broken := range []func(context.Context, []string) error{nil, refusing} {
			p.link.set(broken)
			mustWait(t, p, waitFor(b))
			mustWait(t, p, waitFor(b))
			time.Sleep(10 * time.Second)
			before := p.link.count()
			time.Sleep(time.Hour)
			if n := p.link.count() - before; n > 0 {
				t.Errorf("%d scripts in an hour without a call", n)
			}
		}
		wide := spapi.LimitBucket{App: b.App, Region: "eu", Operation: b.Operation, Scope: spapi.LimitPerApplication, Rate: 0.001, Burst: 1}
		mustWait(t, p, waitFor(b, wide)) // a bucket that nobody knows counts as full
		told := make(chan error)
		go func() {
			_, err := p.Wait(t.Context(), waitFor(b, wide))
			told <- err
		}()
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-told; err == nil {
			t.Error("a call goes on after Close")
		}
		if _, err := p.Wait(t.Context(), waitFor(b)); err == nil {
			t.Error("a closed limiter lets calls through")
		}
	})
}

// Processes that know the seller's id and those that know the token alone take from one bucket, whoever comes first.
func TestAlias(t *testing.T) {
	const id, alias = "A2CANARYSELLER", "0123456789abcdef0123456789abcdef"
	for _, first := range []string{"id", "token"} {
		t.Run(first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := redistest.Memory(t)
				knows, token := newWorker(t, s), newWorker(t, s)
				both, fingerprint := bucketOf(id, 0.01, 10), bucketOf(alias, 0.01, 10)
				both.Alias = alias
				if first == "id" {
					mustWait(t, knows, waitFor(both))
					time.Sleep(3 * time.Second)
					if g := mustWait(t, token, waitFor(fingerprint)); g.Takes[0] != 2 {
						t.Errorf("take %d of the process that knows the token, want the second", g.Takes[0])
					}
				} else {
					for range 4 {
						mustWait(t, token, waitFor(fingerprint))
					}
					mustWait(t, knows, waitFor(both))
					time.Sleep(time.Second)
					for range 70 { // it has calls, and so learns within a minute
						mustWait(t, token, waitFor(bucketOf("other", 100, 100)))
						time.Sleep(time.Second)
					}
				}
				// Ten of each are allowed, less what was taken, whichever name it was taken under.
				left := 0
				r, other := waitFor(both), waitFor(fingerprint)
				r.MaxWait, other.MaxWait = 0, 0
				for {
					_, err := token.Wait(t.Context(), other)
					if err != nil {
						break
					}
					left++
					if _, err := knows.Wait(t.Context(), r); err != nil {
						break
					}
					left++
				}
				if want := map[string]int{"id": 8, "token": 5}[first]; left < want-1 || left > want+1 {
					t.Errorf("%d calls went, want %d", left, want)
				}
				keys, err := s.Do("KEYS", "*")
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range keys.([]any) {
					v, _ := s.Do("GET", k)
					if text := fmt.Sprintf("%s %s", k, v); strings.Contains(text, "CANARY") || strings.Contains(text, alias) || strings.Contains(text, "amzn1") {
						t.Errorf("there lies %s", text)
					}
				}
			})
		})
	}
}

// A lookup that fails holds up nothing.
func TestAliasUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorker(t, redistest.Memory(t))
		p.link.set(func(ctx context.Context, keys []string) error {
			if strings.HasSuffix(keys[0], ":seller") {
				return hanging(ctx, keys)
			}
			return nil
		})
		start := time.Now()
		mustWait(t, p, waitFor(bucketOf("0123456789abcdef0123456789abcdef", 1, 5)))
		if waited := time.Since(start); waited > 300*time.Millisecond {
			t.Errorf("the call waited %s", waited)
		}
		mustWait(t, p, waitFor(bucketOf("0123456789abcdef0123456789abcdef", 1, 5)))
		if waited := time.Since(start); waited > 300*time.Millisecond {
			t.Errorf("the second call waited too, %s", waited)
		}
		if p.log.count(away) > 0 {
			t.Errorf("told: %s", p.log.String())
		}
	})
}

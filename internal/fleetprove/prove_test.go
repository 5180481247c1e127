//go:build unix

package fleetprove

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/amazontest"
	"github.com/openspapi/spapi/internal/redistest"
)

// row is a case of the table.
type row struct {
	name      string
	processes int // 0: 8
	callers   int // of each process; 0: 4
	rate      float64
	burst     int
	weather   *amazontest.Weather // nil: usual
	span      time.Duration
	delay     time.Duration // to the server and back
	cuttable  int           // processes that can be cut off
	clock     bool          // the server's clock can be moved

	fails func(r *rig) // makes something fail, from the start on

	used       float64 // at least, of what is allowed
	throttled  float64 // at most, of the calls
	calls      int     // that may be throttled, whatever share that is
	even       float64 // at most, by which a process may have more or fewer calls than their mean, once a tenth of the span is over; see slack
	except     []int   // processes that aren't like the others
	restarted  bool    // the server was killed: its count of scripts is gone
	keepAlives bool    // so slow that scripts are counted by time
	alone      bool    // no other row beside it: so many calls or processes that they keep two cores busy
}

// slack is by how many calls a process may have more or fewer than their mean. Calls go in order of arrival, so that all callers have one turn in each
// round; where the count begins and ends cuts through a round, in which a process may have all of its turns or none. Spans are so long that this is less than
// five in a hundred, where that doesn't take more than some minutes.
func (c *row) slack(mean float64) float64 { return max(c.even*mean, float64(cmp.Or(c.callers, 4))) }

// rows are those of docs/fleet.md. While the server is away each process has a share of its own, in which calls go at random moments of a step, and again together:
// that is a call or two of some sixty, so that those rows may be less even.
var rows = []row{
	{name: "20/s burst 10", rate: 20, burst: 10, span: 45 * time.Second, used: 0.95, even: 0.05},
	{name: "50/s burst 10, 16 processes × 8 callers", processes: 16, callers: 8, rate: 50, burst: 10, span: time.Minute, used: 0.95, even: 0.05, alone: true},
	{name: "100/s burst 20, 16 callers each", callers: 16, rate: 100, burst: 20, span: 30 * time.Second, used: 0.95, calls: 1, even: 0.05, alone: true},
	{name: "5/s burst 5", rate: 5, burst: 5, span: 150 * time.Second, used: 0.95, even: 0.05},
	{name: "2/s burst 2", rate: 2, burst: 2, span: 6 * time.Minute, used: 0.95, even: 0.05, keepAlives: true},
	{name: "0.5/s burst 20", rate: 0.5, burst: 20, span: 6 * time.Minute, used: 0.95, even: 0.05, keepAlives: true},
	{name: "1/s burst 1", rate: 1, burst: 1, span: 6 * time.Minute, used: 0.9, even: 0.05, keepAlives: true},
	// At a burst of 1 each call pays by how much its reply took longer than the shortest, 50 ms or more of 200: what one process comes to, see fleettest.
	{name: "5/s burst 1", rate: 5, burst: 1, span: 3 * time.Minute, used: 0.72, even: 0.05, keepAlives: true},
	{name: "20/s burst 10, latencies 0.1–1 s", rate: 20, burst: 10, weather: &rough, span: time.Minute, used: 0.95, throttled: 0.01, even: 0.05},
	{name: "5/s burst 5, latencies 0.1–1 s", rate: 5, burst: 5, weather: &rough, span: 150 * time.Second, used: 0.95, throttled: 0.02, even: 0.05},
	{name: "two of 8 killed −9", rate: 20, burst: 10, span: 30 * time.Second, used: 0.95, even: 0.05, except: []int{0, 1}, fails: func(r *rig) {
		r.until(10 * time.Second)
		r.signal(0, syscall.SIGKILL)
		r.signal(1, syscall.SIGKILL)
	}},
	{name: "one of 8 stopped for 30 s", rate: 20, burst: 10, span: 45 * time.Second, used: 0.95, even: 0.05, except: []int{0}, fails: func(r *rig) {
		r.until(8 * time.Second)
		r.signal(0, syscall.SIGSTOP)
		time.Sleep(30 * time.Second)
		r.signal(0, syscall.SIGCONT)
	}},
	{name: "Redis 50 ms away", rate: 20, burst: 10, span: 24 * time.Second, delay: 50 * time.Millisecond, used: 0.95, even: 0.05},
	{name: "SCRIPT FLUSH, thrice", rate: 20, burst: 10, span: 16 * time.Second, used: 0.95, even: 0.05, fails: func(r *rig) {
		for range 3 {
			time.Sleep(4 * time.Second)
			r.redis.Do(r.t, "SCRIPT", "FLUSH")
		}
	}},
	{name: "process clocks three years behind the server's, then that −120 s", rate: 20, burst: 10, span: 20 * time.Second, clock: true, used: 0.95, even: 0.05,
		fails: func(r *rig) {
			r.until(10 * time.Second)
			r.setClock(-120)
		}},
	{name: "FLUSHALL", rate: 20, burst: 10, span: 24 * time.Second, used: 0.95, even: 0.05, fails: func(r *rig) {
		r.until(10 * time.Second)
		r.redis.Do(r.t, "FLUSHALL")
	}},
	{name: "last 40 writes lost", rate: 20, burst: 10, span: 24 * time.Second, used: 0.95, calls: 2, even: 0.05, fails: func(r *rig) {
		r.until(10 * time.Second)
		restore, before := r.keep(), r.countScripts()
		for r.countScripts() < before+40 {
			time.Sleep(20 * time.Millisecond)
		}
		restore()
	}},
	{name: "Redis killed for 10 s, back empty", rate: 20, burst: 10, span: 30 * time.Second, used: 0.95, even: 0.08, restarted: true, fails: func(r *rig) {
		r.until(10 * time.Second)
		r.away(10 * time.Second)
	}},
	{name: "the same, 50/s burst 10, 16 processes × 8 callers", processes: 16, callers: 8, rate: 50, burst: 10, span: 30 * time.Second, used: 0.95,
		even: 0.1, restarted: true, alone: true, fails: func(r *rig) {
			r.until(10 * time.Second)
			r.away(10 * time.Second)
		}},
	{name: "Redis hung for 8 s", rate: 20, burst: 10, span: 30 * time.Second, used: 0.95, even: 0.08, fails: func(r *rig) {
		r.until(10 * time.Second)
		r.redis.Stop(r.t)
		time.Sleep(8 * time.Second)
		r.redis.Continue(r.t)
	}},
	{name: "one of 8 cut off for 18 s", rate: 20, burst: 10, span: 45 * time.Second, cuttable: 1, used: 0.95, throttled: 0.03, even: 0.05, except: []int{0},
		fails: func(r *rig) {
			r.until(12 * time.Second)
			r.ways[0].setCut(true)
			time.Sleep(18 * time.Second)
			r.ways[0].setCut(false)
		}},
}

var proveAll = os.Getenv("SPAPI_PROVE_FLEET") != ""

// table is what the rows have shown, for docs/fleet.md.
type table struct {
	mu    sync.Mutex
	lines map[int]string
}

func (t *table) add(place int, cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = fmt.Sprint(c)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines[place] = "| " + strings.Join(text, " | ") + " |"
}

func (t *table) print(head string) {
	var places []int
	for place := range t.lines {
		places = append(places, place)
	}
	slices.Sort(places)
	fmt.Println("\n| " + head + " |\n|" + strings.Repeat("---|", strings.Count(head, "|")+1))
	for _, place := range places {
		fmt.Println(t.lines[place])
	}
}

// TestFleet takes the rows of the table. By default it takes two, for a few seconds.
func TestFleet(t *testing.T) {
	out := &table{lines: map[int]string{}}
	t.Run("rows", func(t *testing.T) {
		for i, c := range rows {
			if !proveAll {
				if i != 0 && c.name != "two of 8 killed −9" {
					continue
				}
				c.short()
			}
			t.Run(c.name, func(t *testing.T) {
				if !c.alone {
					t.Parallel() // after those that are alone
				}
				c.prove(t, out, i)
			})
		}
	})
	if proveAll {
		out.print("case | used of allowed | throttled | even (min–max per process) | scripts per call")
	}
}

// short makes a row of some seconds, whatever else the machine does: it shows that real processes share, not how well.
func (c *row) short() {
	c.processes, c.span, c.used, c.even, c.throttled = 4, 6*time.Second, 0.5, 0.6, 0.05
	if c.fails != nil {
		c.except = []int{0}
		c.fails = func(r *rig) {
			r.until(2 * time.Second)
			r.signal(0, syscall.SIGKILL)
		}
	}
}

func (c *row) prove(t *testing.T, out *table, place int) {
	w := usual
	if c.weather != nil {
		w = *c.weather
	}
	processes := cmp.Or(c.processes, 8)
	r := newRig(t, processes, plan{Rate: c.rate, Burst: c.burst, Clock: c.clock},
		func(int) []callers { return []callers{{Number: cmp.Or(c.callers, 4)}} }, w, c.delay, c.cuttable)
	before := r.countScripts()
	r.start()
	if c.fails != nil {
		c.fails(r)
	}
	r.until(c.span)
	r.tell("stop")
	scripts := r.countScripts() - before
	r.mu.Lock()
	events := slices.Clone(r.events)
	r.mu.Unlock()
	r.stop()
	wantKeysToEnd(t, r.redis)

	served, throttled := make([]int, processes), 0
	all := 0
	for _, e := range events {
		since := e.at.Sub(r.began)
		if !e.ok {
			throttled++
			t.Logf("throttled after %s", since.Round(time.Millisecond))
			continue
		}
		all++
		if since > c.span/10 { // whose the first burst was is luck
			served[e.process]++
		}
	}
	used := float64(all) / (float64(c.burst) + c.rate*c.span.Seconds())
	var equal []int
	for i, n := range served {
		if !slices.Contains(c.except, i) {
			equal = append(equal, n)
		}
	}
	least, most := slices.Min(equal), slices.Max(equal)
	if used < c.used {
		t.Errorf("%.1f %% of what is allowed was used, want %.0f %% at least", 100*used, 100*c.used)
	}
	share := float64(throttled) / float64(all+throttled)
	if throttled > max(c.calls, r.lost()) && share > c.throttled {
		t.Errorf("%d of %d calls were throttled, want %.1f %% or %d at most", throttled, all+throttled, 100*c.throttled, c.calls)
	}
	sum := 0
	for _, n := range equal {
		sum += n
	}
	mean := float64(sum) / float64(len(equal))
	if slack := c.slack(mean); float64(least) < mean-slack || float64(most) > mean+slack {
		t.Errorf("processes had %d to %d calls, want %.1f give or take %.1f", least, most, mean, slack)
	}
	even := fmt.Sprintf("%d–%d", least, most)
	for _, i := range c.except {
		even += fmt.Sprintf(", the one %d", served[i])
	}
	told := "0"
	if throttled > 0 {
		told = fmt.Sprintf("%.1f %% (%d)", 100*share, throttled)
	}
	cost := fmt.Sprintf("%.1f", float64(scripts)/float64(all+throttled))
	if c.keepAlives {
		cost = fmt.Sprintf("%.1f (%.2f a second and process)", float64(scripts)/float64(all+throttled), float64(scripts)/c.span.Seconds()/float64(processes))
	}
	if c.restarted {
		cost = "–"
	}
	t.Logf("%.1f %% used, %s throttled, %s, scripts %s", 100*used, told, even, cost)
	out.add(place, c.name, fmt.Sprintf("%.1f %%", 100*used), told, even, cost)
}

// wantKeysToEnd wants nothing to stay on the server for ever.
func wantKeysToEnd(t *testing.T, redis *redistest.Redis) {
	t.Helper()
	left := redis.Do(t, "EVAL", `local all = {}
		for _, k in ipairs(redis.call('KEYS', 'spapi:*')) do if redis.call('TTL', k) < 0 then all[#all+1] = k end end
		return all`, 0).([]any)
	if len(left) > 0 {
		t.Errorf("keys that never expire: %v", left)
	}
}

//go:build unix

package fleetprove

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/amazontest"
	"github.com/openspapi/spapi/internal/redistest"
)

// rig is a fleet under test: a server, Amazon, and processes.
type rig struct {
	*amazon
	t         *testing.T
	redis     *redistest.Redis
	processes []*exec.Cmd
	ways      []*way // to the server, by process, where there is one
	began     time.Time
	killed    map[int]bool
	scripts   int // run before the server was started anew
}

// newRig starts a fleet. delay is how far away the server is, there and back; cuttable are processes that can be cut off.
func newRig(t *testing.T, processes int, p plan, callers func(process int) []callers, w amazontest.Weather, delay time.Duration, cuttable int) *rig {
	dir := redistest.Dir(t)
	r := &rig{t: t, redis: redistest.Start(t), killed: map[int]bool{}, ways: make([]*way, processes),
		amazon: &amazon{weather: w, plan: p, sellers: map[int]*amazontest.Bucket{}, tokens: map[int]int{}, conns: map[int]*line{}, results: map[int]*done{}}}
	p.Amazon = filepath.Join(dir, "amazon.sock")
	listener, err := net.Listen("unix", p.Amazon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	if p.Clock {
		r.setClock(0)
	}
	r.amazon.ready.Add(processes)
	r.amazon.ended.Add(processes)
	go r.amazon.serve(listener)
	for i := range processes {
		p.Process, p.Processes, p.Redis = i, processes, "unix://"+r.redis.Socket
		if callers != nil {
			p.Callers = callers(i)
		}
		if delay > 0 || i < cuttable {
			r.ways[i] = newWay(t, filepath.Join(dir, fmt.Sprint("way", i)), r.redis.Socket, delay)
			p.Redis = "unix://" + r.ways[i].socket
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), workerEnv+"="+string(text))
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		redistest.EndWithUs(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		r.processes = append(r.processes, cmd)
	}
	if !within(2*time.Minute, r.amazon.ready.Wait) {
		t.Fatal("not all processes came up")
	}
	return r
}

// within reports whether f returns in time.
func within(d time.Duration, f func()) bool {
	c := make(chan struct{})
	go func() {
		f()
		close(c)
	}()
	select {
	case <-c:
		return true
	case <-time.After(d):
		return false
	}
}

func (r *rig) tell(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.conns {
		l.say(message{Kind: kind})
	}
}

// start lets all begin, with full buckets.
func (r *rig) start() {
	r.mu.Lock()
	if r.plan.AppRate > 0 {
		r.all = amazontest.New(r.plan.AppRate, r.plan.AppBurst)
	}
	r.mu.Unlock()
	r.began = time.Now()
	r.tell("go")
}

// setClock makes the server's clock three years and some seconds ahead of the processes', whose own clocks so show where they are used.
func (r *rig) setClock(seconds int) { r.redis.Do(r.t, "SET", clockKey, 3*366*24*3600+seconds) }

// until sleeps until a time since the start.
func (r *rig) until(d time.Duration) { time.Sleep(time.Until(r.began.Add(d))) }

// stop ends all processes, and fails if one of them can't.
func (r *rig) stop() {
	r.tell("stop")
	r.wait(time.Minute)
}

func (r *rig) wait(d time.Duration) {
	if !within(d, r.amazon.ended.Wait) {
		r.t.Error("a process doesn't end")
	}
	for i, d := range r.results {
		for _, err := range d.Errors {
			r.t.Errorf("process %d: %s", i, err)
		}
		if d.WallClock != "" {
			r.t.Errorf("process %d told a script %s: that looks like the time of its own clock", i, d.WallClock)
		}
		if d.Goroutines > 0 {
			r.t.Errorf("process %d: %d goroutines are left", i, d.Goroutines)
		}
	}
	if len(r.results)+len(r.killed) != len(r.processes) {
		r.t.Errorf("%d of %d processes told what they did", len(r.results), len(r.processes)-len(r.killed))
	}
}

func (r *rig) signal(process int, s syscall.Signal) {
	if s == syscall.SIGKILL {
		r.killed[process] = true
	}
	if err := r.processes[process].Process.Signal(s); err != nil {
		r.t.Error(err)
	}
}

// lost is how many calls a short run may have throttled because the machine stood still: callers always wait, so that Amazon's bucket is full only when calls
// come late. Tokens that come then are lost, and nobody who let the calls through in time knows.
func (r *rig) lost() int {
	if proveAll {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.all
	if b == nil {
		b = r.sellers[0]
	}
	if b == nil { // nobody called
		return 0
	}
	return int(math.Ceil(b.Spilled))
}

var scriptCalls = regexp.MustCompile(`cmdstat_evalsha?:calls=(\d+)`)

// countScripts is how many scripts the server has run.
func (r *rig) countScripts() int {
	n := r.scripts
	for _, m := range scriptCalls.FindAllStringSubmatch(r.info("commandstats"), -1) {
		calls, _ := strconv.Atoi(m[1])
		n += calls
	}
	return n
}

func (r *rig) info(section string) string {
	text, _ := r.redis.Do(r.t, "INFO", section).(string)
	return text
}

// usedMemory is what the server holds, in bytes.
func (r *rig) usedMemory() int {
	_, after, _ := strings.Cut(r.info("memory"), "used_memory:")
	before, _, _ := strings.Cut(after, "\r")
	n, err := strconv.Atoi(before)
	if err != nil {
		r.t.Error(err)
	}
	return n
}

// away kills the server for some time; it comes back empty.
func (r *rig) away(d time.Duration) {
	r.scripts = r.countScripts()
	r.redis.Kill()
	time.Sleep(d)
	r.redis.Restart(r.t)
}

// keep returns the content of all keys, restore puts it back in one step: what was written meanwhile is lost.
func (r *rig) keep() (restore func()) {
	kept := r.redis.Do(r.t, "EVAL", `local all = {}
		for _, k in ipairs(redis.call('KEYS', '*')) do all[#all+1] = k; all[#all+1] = redis.call('DUMP', k); all[#all+1] = redis.call('PTTL', k) end
		return all`, 0).([]any)
	return func() {
		args := append([]any{`redis.call('FLUSHALL')
			for i = 1, #ARGV, 3 do redis.call('RESTORE', ARGV[i], math.max(ARGV[i+2], 0), ARGV[i+1]) end`, 0}, kept...)
		r.redis.Do(r.t, "EVAL", args...)
	}
}

// way is a socket before the server's: it delays, and can be cut as a network is, so that nothing comes through and nothing is told.
type way struct {
	socket string
	to     string
	delay  time.Duration // one way

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newWay(t *testing.T, socket, to string, delay time.Duration) *way {
	w := &way{socket: socket, to: to, delay: delay / 2, conns: map[net.Conn]bool{}}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		w.drop()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w
}

func (w *way) carry(c net.Conn) {
	s, err := net.Dial("unix", w.to)
	if err != nil {
		_ = c.Close()
		return
	}
	w.mu.Lock()
	w.conns[c], w.conns[s] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.pump(s, c) })
	both.Go(func() { w.pump(c, s) })
	both.Wait()
	w.mu.Lock()
	delete(w.conns, c)
	delete(w.conns, s)
	w.mu.Unlock()
}

// chunk is bytes under way.
type chunk struct {
	at    time.Time
	bytes []byte
}

func (w *way) pump(to io.WriteCloser, from io.ReadCloser) {
	defer from.Close()
	under := make(chan chunk, 1024)
	go func() {
		defer to.Close()
		for c := range under {
			time.Sleep(time.Until(c.at))
			if w.isCut() {
				continue
			}
			if _, err := to.Write(c.bytes); err != nil {
				_ = from.Close()
			}
		}
	}()
	defer close(under)
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		if n > 0 {
			under <- chunk{time.Now().Add(w.delay), b[:n]}
		}
		if err != nil {
			return
		}
	}
}

func (w *way) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

func (w *way) setCut(cut bool) {
	w.mu.Lock()
	w.cut = cut
	w.mu.Unlock()
	if !cut {
		w.drop()
	}
}

// drop closes what is open.
func (w *way) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}

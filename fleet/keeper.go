package fleet

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

//go:embed hello.lua
var helloText string

var helloScript = newScript(helloText)

const (
	helloEvery = 2 * time.Second
	probeEvery = time.Second      // while the server is away, give or take a fifth
	helloEnds  = 5 * time.Second  // after the last call
	helloLife  = 10 * time.Second // that a process counts after its hello
	helloKept  = "10000000"       // the same in microseconds, as scripts are told
	countsFor  = 30 * time.Second // that a count of processes is remembered
	appIdle    = 10 * time.Minute // until an application is forgotten that nobody calls for
)

// census is how many processes an application has, as counted lately.
type census struct {
	calls  int       // that wait
	called time.Time // when the last one came or went
	counts []count
	turn   turn
}

// turn is a process's place among those of its application, in order of names, and the server's time: what all see alike.
type turn struct {
	rank   int
	at     time.Time     // when it was told; zero: it isn't known
	server time.Duration // the server's time then
}

// busy reports whether this process has calls for the application, or had some a moment ago.
func (c *census) busy(now time.Time) bool { return c.calls > 0 || now.Sub(c.called) <= helloEnds }

type count struct {
	at        time.Time
	processes int
}

func (c *census) known() bool { return len(c.counts) > 0 }

func (c *census) note(now time.Time, processes int) {
	for len(c.counts) > 0 && now.Sub(c.counts[0].at) > countsFor {
		c.counts = c.counts[1:]
	}
	c.counts = append(c.counts, count{now, processes})
}

// count is the largest number lately: a set that was just lost says too few, and too many only costs throughput.
func (c *census) count(now time.Time, unknown int) int {
	most := 0
	for _, n := range c.counts {
		if now.Sub(n.at) <= countsFor {
			most = max(most, n.processes)
		}
	}
	if most == 0 {
		return unknown
	}
	return most
}

// keep sees to it that this process says hello for an application: for as long as it has calls. l.mu is held.
func (l *Limiter) keep(app string, now time.Time) *census {
	c := l.apps[app]
	if c == nil {
		c = &census{}
		l.apps[app] = c
	}
	if !l.keeping {
		l.keeping = true
		l.run(l.keeper)
	} else if !c.busy(now) {
		l.keepNow()
	}
	c.called = now
	return c
}

// keepNow has the keeper go round now.
func (l *Limiter) keepNow() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// keeper says hello, learns names of sellers, and finds out when the server is back.
func (l *Limiter) keeper() {
	var known *outage
	for l.ctx.Err() == nil {
		l.mu.Lock()
		if l.calls == 0 && time.Since(l.called) > helloEnds {
			l.keeping = false
			l.mu.Unlock()
			return
		}
		o := l.outage
		l.mu.Unlock()
		pause := helloEvery
		if o == nil {
			if l.hello() == nil {
				l.learnNames()
			}
		} else if o == known && l.probe(o) { // never at once: what only some scripts meet would have it go to and fro
			continue
		} else {
			pause = time.Duration((0.8 + 0.4*rand.Float64()) * float64(probeEvery))
		}
		known = o
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.ctx.Done():
		}
		timer.Stop()
	}
}

// sayHello says hello for each application that is called for, and returns after how long an outage is to end. Without an outage its failure begins one.
func (l *Limiter) sayHello(o *outage) (wait time.Duration, err error) {
	now := time.Now()
	l.mu.Lock()
	var apps []string
	for app, c := range l.apps {
		switch {
		case c.busy(now):
			apps = append(apps, app)
		case now.Sub(c.called) > appIdle:
			delete(l.apps, app)
		}
	}
	l.mu.Unlock()
	back := "0"
	if o != nil {
		back = "1"
	}
	for _, app := range apps {
		start := time.Now()
		ctx, cancel := context.WithTimeout(l.ctx, budget)
		reply, err := l.server.Run(ctx, helloScript, helloKeys(app), l.process, back, helloKept)
		cancel()
		if err != nil {
			return 0, err
		}
		took := time.Since(start)
		processes, micros, rank, clock, ok := readHello(reply)
		if !ok {
			return 0, fmt.Errorf("fleet: hello.lua replied %v, want four numbers", reply)
		}
		wait = max(wait, time.Duration(micros)*time.Microsecond)
		l.mu.Lock()
		if c := l.apps[app]; c != nil {
			c.note(time.Now(), int(processes))
			c.turn = turn{}
			if rank >= 0 && took <= budget { // else this process was stopped meanwhile
				c.turn = turn{int(rank), start.Add(took / 2), time.Duration(clock) * time.Microsecond}
			}
		}
		l.mu.Unlock()
	}
	return wait, nil
}

// readHello takes apart what hello.lua replies.
func readHello(reply any) (processes, wait, rank, clock int64, ok bool) {
	list, _ := reply.([]any)
	if len(list) != 4 {
		return 0, 0, 0, 0, false
	}
	var n [4]int64
	for i := range list {
		if n[i], ok = list[i].(int64); !ok || n[i] < 0 && i != 2 {
			return 0, 0, 0, 0, false
		}
	}
	return n[0], n[1], n[2], n[3], n[0] > 0 && n[3] <= math.MaxInt64/1000
}

// hello is that of a process that shares.
func (l *Limiter) hello() error {
	start := time.Now()
	_, err := l.sayHello(nil)
	if err != nil && time.Since(start) > 2*budget {
		_, err = l.sayHello(nil) // this process was stopped meanwhile: that says nothing of the server
	}
	if err != nil {
		l.mu.Lock()
		l.lose(nil, err)
		l.mu.Unlock()
	}
	return err
}

// probe finds out whether the server is back, and ends the outage if so. All processes end theirs together where none has as yet: what some take alone
// and others together is too much.
func (l *Limiter) probe(o *outage) (ended bool) {
	if n := o.line; n != nil { // what failed must work: the script, with the keys that it had
		s := step{party: n.party, host: l.host, bound: -1}
		ctx, cancel := context.WithTimeout(l.ctx, budget)
		_, err := s.run(ctx, l.server, n.keys)
		cancel()
		if err != nil {
			l.server.Drop()
			return false
		}
	}
	wait, err := l.sayHello(o)
	if err != nil {
		l.server.Drop()
		return false
	}
	if wait > 0 && !sleep(l.ctx, l.ctx, wait) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.regain(o)
	return true
}

// helloKeys are the keys of hello.lua, for each application.
func helloKeys(app string) []string {
	tag := "spapi:{" + digest("hello", app) + "}:"
	return []string{tag + "hello", tag + "moment", tag + "names"}
}

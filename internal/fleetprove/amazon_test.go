//go:build unix

package fleetprove

import (
	"encoding/json"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/amazontest"
)

var (
	usual = amazontest.Weather{From: 20 * time.Millisecond, To: 120 * time.Millisecond, Slow: 300 * time.Millisecond, There: true}
	rough = amazontest.Weather{From: 100 * time.Millisecond, To: time.Second}
)

// message is what processes and the test say to each other, as JSON.
type message struct {
	Kind    string // of a process: "ready", "call", "token", "done"; to it: "go", "stop", "reply"
	Process int    `json:",omitempty"`
	ID      int    `json:",omitempty"` // of a call or token request, and its reply
	Seller  int    `json:",omitempty"`
	OK      bool   `json:",omitempty"`
	Done    *done  `json:",omitempty"`
}

// event is a call that arrived.
type event struct {
	at      time.Time
	process int
	seller  int
	ok      bool
}

// amazon is the model, and whom all processes report to.
type amazon struct {
	weather amazontest.Weather
	plan    plan

	mu      sync.Mutex
	all     *amazontest.Bucket // of the application; nil: none
	sellers map[int]*amazontest.Bucket
	events  []event
	tokens  map[int]int // requests by seller
	conns   map[int]*line
	ready   sync.WaitGroup
	results map[int]*done
	ended   sync.WaitGroup // processes that told, or broke off
}

// line is the connection to a process.
type line struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func (l *line) say(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.enc.Encode(m) // a killed process hears nothing
}

func (a *amazon) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go a.hear(c)
	}
}

func (a *amazon) hear(c net.Conn) {
	defer c.Close()
	out, in := &line{enc: json.NewEncoder(c)}, json.NewDecoder(c)
	for {
		var m message
		if in.Decode(&m) != nil {
			break
		}
		switch m.Kind {
		case "ready":
			a.mu.Lock()
			a.conns[m.Process] = out
			a.mu.Unlock()
			a.ready.Done()
			defer a.ended.Done()
		case "call":
			there, back := a.weather.Draw(rand.Int64N)
			time.AfterFunc(there, func() {
				ok := a.take(m.Process, m.Seller)
				time.AfterFunc(back, func() { out.say(message{Kind: "reply", ID: m.ID, OK: ok}) })
			})
		case "token":
			a.mu.Lock()
			a.tokens[m.Seller]++
			a.mu.Unlock()
			time.AfterFunc(time.Second, func() { out.say(message{Kind: "reply", ID: m.ID, OK: true}) })
		case "done":
			a.mu.Lock()
			a.results[m.Process] = m.Done
			a.mu.Unlock()
		}
	}
}

// take takes a call's tokens, of both buckets or of none.
func (a *amazon) take(process, seller int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sellers[seller]
	if s == nil {
		s = amazontest.New(a.plan.Rate, a.plan.Burst)
		a.sellers[seller] = s
	}
	buckets := []*amazontest.Bucket{s}
	if a.all != nil {
		buckets = append(buckets, a.all)
	}
	ok := !slices.ContainsFunc(buckets, func(b *amazontest.Bucket) bool { return !b.Has() })
	if ok {
		for _, b := range buckets {
			b.Take()
		}
	}
	a.events = append(a.events, event{time.Now(), process, seller, ok})
	return ok
}

package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// How often somebody may be wrong. A key has 256 random bits, so that no rate of guessing finds one; the bounds are for what guesses cost and what they
// write into the log. A right key is let in whatever others do: it is looked at first.
const (
	guessBurst    = 10
	guessStep     = 6 * time.Second // one more for an address
	allGuessBurst = 200
	allGuessStep  = 20 * time.Millisecond
	maxGuessers   = 4096 // addresses that are remembered; the bound over all of them holds for the others
)

// guesses counts wrong keys by address. Nobody who has a right one comes here.
type guesses struct {
	mu  sync.Mutex
	all time.Time                  // when it is as if nobody had guessed
	of  map[netip.Prefix]time.Time // likewise of an address
}

// take notes a wrong key, and returns how long to wait with the next if there were too many.
func (g *guesses) take(from netip.Prefix, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[netip.Prefix]time.Time{}
	}
	if _, known := g.of[from]; !known && len(g.of) >= maxGuessers {
		g.forget(now)
	}
	var wait, more time.Duration
	g.of[from], wait = drip(g.of[from], now, guessStep, guessBurst)
	g.all, more = drip(g.all, now, allGuessStep, allGuessBurst)
	return max(wait, more)
}

// drip takes from a bucket that is full again at a time. What is refused takes nothing: who waits as told gets in.
func drip(full, now time.Time, step time.Duration, burst int) (time.Time, time.Duration) {
	if full.Before(now) {
		full = now
	}
	if wait := full.Add(step).Sub(now) - time.Duration(burst)*step; wait > 0 {
		return full, wait
	}
	return full.Add(step), 0
}

// forget makes room: of those whose bucket is full again, else of an eighth, whoever they are.
func (g *guesses) forget(now time.Time) {
	for a, full := range g.of {
		if !full.After(now) {
			delete(g.of, a)
		}
	}
	for a := range g.of {
		if len(g.of) <= maxGuessers*7/8 {
			return
		}
		delete(g.of, a)
	}
}

// guessed counts a wrong credential, and tells who sends too many to wait.
func (g *Gateway) guessed(r *http.Request, no *refusal) *refusal {
	wait := g.guesses.take(network(g.remote(r)), g.config.Now())
	if wait <= 0 {
		return no
	}
	return &refusal{Status: http.StatusTooManyRequests, Code: "QuotaExceeded", Message: "Too many requests with a wrong key or token.",
		Details: no.Details, RetryAfter: wait, why: "guessing"}
}

// network is what one guesser has: an address, or the /64 that a host of IPv6 gets.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits)
	return p
}

// remote is the address that a request comes from: that of the connection or, if that is one of TrustedProxies, the last one in X-Forwarded-For that is
// none of them.
func (g *Gateway) remote(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // of a Unix socket or of a test: all of them are one
	}
	a := at.Addr().Unmap().WithZone("")
	if len(g.config.TrustedProxies) == 0 {
		return a
	}
	hops := r.Header["X-Forwarded-For"]
	for i := len(hops) - 1; i >= 0; i-- {
		for rest := hops[i]; rest != ""; {
			if !g.trusts(a) {
				return a
			}
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			next, err := parseHop(strings.TrimSpace(last))
			if err != nil {
				return a // what the proxy says is no address: it is the last that is known
			}
			a = next
		}
	}
	return a
}

func (g *Gateway) trusts(a netip.Addr) bool {
	for _, p := range g.config.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseHop reads an address, which some proxies write with a port.
func parseHop(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		var at netip.AddrPort
		if at, err = netip.ParseAddrPort(text); err != nil {
			return a, err
		}
		a = at.Addr()
	}
	return a.Unmap().WithZone(""), nil
}

package fleettest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a server under test and Redis, on a port of 127.0.0.1, and fails as networks do. It passes bytes on, whatever they are.
type Proxy struct {
	listener        net.Listener
	network, target string

	mu       sync.Mutex
	changed  *sync.Cond
	hung     bool
	lose     int  // replies that are still to be lost
	held     bool // bytes came while it hung
	accepted int
	open     map[net.Conn]bool // those of the server under test
	over     bool
	pumps    sync.WaitGroup
}

// NewProxy starts a proxy of a target, such as "unix" and the path of a socket. It ends with the test.
func NewProxy(t testing.TB, network, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, network: network, target: target, open: map[net.Conn]bool{}}
	p.changed = sync.NewCond(&p.mu)
	p.pumps.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address is where the proxy listens, "127.0.0.1:<port>".
func (p *Proxy) Address() string { return p.listener.Addr().String() }

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.change(func() {
			p.accepted++
			p.open[c] = true
		})
		p.pumps.Go(func() {
			defer p.drop(c)
			p.pass(c)
		})
	}
}

func (p *Proxy) pass(c net.Conn) {
	r, err := net.Dial(p.network, p.target)
	if err != nil {
		return
	}
	p.pumps.Go(func() {
		defer p.drop(c)
		defer r.Close()
		p.pump(c, r, p.losing)
	})
	p.pump(r, c, func() bool { return false })
	_ = r.Close()
}

// pump passes on what comes, as long as lost says no, and nothing while the proxy hangs.
func (p *Proxy) pump(to io.Writer, from io.Reader, lost func() bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.change(func() { p.held = p.held || p.hung })
		p.wait(func() bool { return !p.hung })
		if lost() {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) losing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose == 0 {
		return false
	}
	p.lose--
	return true
}

func (p *Proxy) wait(until func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !until() && !p.over {
		p.changed.Wait()
	}
}

func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.change(func() { delete(p.open, c) })
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.change(func() { p.over = true })
	p.Cut()
	p.pumps.Wait()
}

// Hang stops all bytes, both ways. Connections stay, and new ones are made.
func (p *Proxy) Hang() { p.change(func() { p.hung, p.held = true, false }) }

// AwaitHeld waits until bytes have come since [Proxy.Hang], or the proxy ends with the test.
func (p *Proxy) AwaitHeld() { p.wait(func() bool { return p.held }) }

// Resume lets bytes pass again, those that came meanwhile too.
func (p *Proxy) Resume() { p.change(func() { p.hung = false }) }

// LoseReply cuts the connection on which Redis replies next, with the reply.
func (p *Proxy) LoseReply() { p.change(func() { p.lose = 1 }) }

// KeepReply takes LoseReply back, and reports whether a reply was lost.
func (p *Proxy) KeepReply() (lost bool) {
	p.change(func() { lost, p.lose = p.lose == 0, 0 })
	return lost
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// Accepted is how many connections there were ever.
func (p *Proxy) Accepted() (n int) {
	p.change(func() { n = p.accepted })
	return n
}

// AwaitOpen waits until at most n connections are open, and reports whether they became so few within ten seconds.
func (p *Proxy) AwaitOpen(n int) bool {
	late := false
	timer := time.AfterFunc(10*time.Second, func() { p.change(func() { late = true }) })
	defer timer.Stop()
	p.wait(func() bool { return len(p.open) <= n || late })
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) <= n
}

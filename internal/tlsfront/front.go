// Package tlsfront stands in front of an [http.Handler] on one listener, for hosts of other people's: it speaks TLS in their names with
// certificates of an authority of its own, plain HTTP on the same port, and is a proxy whose requests for these hosts end in the handler, while
// those for any other host are refused. Nothing that reaches it goes any further.
//
// It bounds what a client can hold: headers and TLS handshakes have a time, bodies and answers must go on, idle connections end.
//
// It knows nothing of what the handler answers.
package tlsfront

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what [Serve] serves. Handler and Name are needed.
type Options struct {
	Handler http.Handler

	// Name is what refusals are signed with, such as "spapi emulator".
	Name string

	// Hosts are the names that it stands for, in lower case. Besides, it stands for its own address: localhost and the loopback addresses.
	Hosts []string

	// CA returns the authority that certificates come from. It is called for each TLS handshake, so that none is made before one is needed. nil: there is
	// no TLS for Hosts, nor for its own address without Certificate.
	CA func() (*CA, error)

	// Certificate is that of its own address, by whatever name clients call it, in place of one from the authority. It is called for each TLS handshake.
	Certificate func() (*tls.Certificate, error)

	// TLSOnly refuses what comes in clear, but CONNECT, behind which TLS begins.
	TLSOnly bool

	// BaseContext is as that of [http.Server].
	BaseContext func(net.Listener) context.Context

	// Cut is told how many requests were still under way when the grace was over, if there were any.
	Cut func(requests int)

	// Log is told of refusals and of handshakes that fail; nil: [log.Default].
	Log *log.Logger

	Timeouts Timeouts
}

// Timeouts bound what clients hold. Zero values stand for the defaults.
type Timeouts struct {
	Header time.Duration // for the first byte, for the TLS handshake, and for a request's header; 10 s
	Stall  time.Duration // between two pieces of a request's body, and for each piece of an answer to be taken; 30 s
	Idle   time.Duration // between two requests of a connection; 3 minutes
	Linger time.Duration // at the end, for which connections are still taken, and told with each answer that there is no next one; 0
	Grace  time.Duration // for requests under way after that; 1 s
}

const (
	// minRate is how many bytes per second a request's body must have on average, after the first time that it may stall: without it a byte now
	// and then would hold a connection for ever.
	minRate = 1 << 10

	piece          = 32 << 10 // bytes of an answer, for which there is a time
	maxHeaderBytes = 64 << 10
)

// Serve answers requests on l until ctx is done, then waits for those under way, up to the grace. It closes l and returns nil after ctx is done, and
// else the listener's error.
//
// A connection that is closed while a client sends its next request makes that request fail, and not every client sends it again. So it lingers first, if it is
// told to: as long as there are connections, and no longer than [Timeouts] say.
func Serve(ctx context.Context, l net.Listener, o Options) error {
	o.Log = cmp.Or(o.Log, log.Default())
	o.Timeouts.Header = cmp.Or(o.Timeouts.Header, 10*time.Second)
	o.Timeouts.Stall = cmp.Or(o.Timeouts.Stall, 30*time.Second)
	o.Timeouts.Idle = cmp.Or(o.Timeouts.Idle, 3*time.Minute)
	o.Timeouts.Grace = cmp.Or(o.Timeouts.Grace, time.Second)
	f := &front{Options: o, listener: l, hosts: make(map[string]bool, len(o.Hosts)), ready: make(chan arrival), connections: newTally(), arriving: newTally(), accepted: make(chan struct{})}
	for _, host := range o.Hosts {
		f.hosts[host] = true
	}
	f.ending, f.end = context.WithCancel(context.WithoutCancel(ctx))
	f.tls = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: f.certificate}
	srv := &http.Server{
		Handler: f, ErrorLog: o.Log, TLSConfig: f.tls, ConnContext: withConn, DisableGeneralOptionsHandler: true,
		BaseContext: o.BaseContext, ConnState: f.count, ReadHeaderTimeout: o.Timeouts.Header, IdleTimeout: o.Timeouts.Idle, MaxHeaderBytes: maxHeaderBytes,
		// A connection of HTTP/2 with a request under way is no idle one: who is gone is found out by asking.
		HTTP2: &http.HTTP2Config{SendPingTimeout: o.Timeouts.Stall, PingTimeout: o.Timeouts.Stall, WriteByteTimeout: o.Timeouts.Stall},
	}
	defer f.preparing.Wait()
	defer f.Close()
	f.spawn(f.accept)
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		f.linger()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Timeouts.Grace)
		defer cancel()
		err := srv.Shutdown(grace)
		if err == nil { // it may not have known yet of what it was handed last
			err = f.connections.wait(grace)
		}
		done <- err
	})
	err := srv.Serve(f)
	if stop() {
		_ = srv.Close()
		return err // the listener failed by itself
	}
	if shutdown := <-done; errors.Is(shutdown, context.DeadlineExceeded) {
		n := f.requests.Load()
		_ = srv.Close()
		if n > 0 && o.Cut != nil {
			o.Cut(int(n))
		}
	}
	return nil
}

// front is one call of Serve. To the HTTP server it is both handler and listener: connections get there when it is known what they speak.
type front struct {
	Options
	listener net.Listener
	hosts    map[string]bool
	tls      *tls.Config
	ready    chan arrival
	ending   context.Context
	end      context.CancelFunc

	leaving     atomic.Bool  // it lingers: the answers under way are the last of their connections
	requests    atomic.Int64 // under way
	connections tally
	arriving    tally         // of them, those that the server doesn't have yet
	accepted    chan struct{} // closed when no more are taken

	mu        sync.Mutex
	ended     bool
	preparing sync.WaitGroup
}

// count counts connections that have ended.
func (f *front) count(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		f.connections.add(-1)
	}
}

// linger lets the connections that there are have their last answer, for the time that is set. Then it takes those that are on their way, and no more.
func (f *front) linger() {
	if f.Timeouts.Linger <= 0 {
		return
	}
	f.leaving.Store(true)
	ctx, cancel := context.WithTimeout(f.ending, f.Timeouts.Linger)
	defer cancel()
	_ = f.connections.wait(ctx)
	f.stopListening()
	ctx, cancel = context.WithTimeout(f.ending, f.Timeouts.Linger)
	defer cancel()
	_ = f.arriving.wait(ctx)
}

// tally counts what there is.
type tally struct {
	n    *atomic.Int64
	zero chan struct{} // something came: there may be none any more
}

func newTally() tally { return tally{new(atomic.Int64), make(chan struct{}, 1)} }

func (t tally) add(n int64) {
	if t.n.Add(n) == 0 {
		select {
		case t.zero <- struct{}{}:
		default:
		}
	}
}

// wait waits until there are none. One at a time may.
func (t tally) wait(ctx context.Context) error {
	for t.n.Load() > 0 {
		select {
		case <-t.zero:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// arrival is what came out of Accept.
type arrival struct {
	conn net.Conn
	err  error
}

// Accept is part of [net.Listener].
func (f *front) Accept() (net.Conn, error) {
	select {
	case a := <-f.ready:
		return a.conn, a.err
	case <-f.ending.Done():
		return nil, net.ErrClosed
	}
}

// Addr is part of [net.Listener].
func (f *front) Addr() net.Addr { return f.listener.Addr() }

// Close is part of [net.Listener]. Connections of which it isn't known yet what they speak are closed, too.
func (f *front) Close() error {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.end()
	return f.listener.Close()
}

// spawn runs work beside, unless the end has come.
func (f *front) spawn(work func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return false
	}
	f.preparing.Go(work)
	return true
}

// settle is for how long nobody must have come before it has stopped listening, three times in a row.
const settle = 30 * time.Millisecond

// stopListening takes what has been begun, and closes the listener. The system resets what it has in its queue then, although it has told the clients that they
// are connected: so nothing new gets there first, where that can be had, and it is emptied.
func (f *front) stopListening() {
	l, ok := f.listener.(deadliner)
	if !ok {
		return
	}
	hush(f.listener)
	if l.SetDeadline(time.Now().Add(settle)) == nil {
		<-f.accepted
	}
	_ = f.listener.Close()
}

type deadliner interface{ SetDeadline(t time.Time) error }

// accept takes connections, and passes errors on to the HTTP server, which knows which of them pass and how long to wait.
func (f *front) accept() {
	defer close(f.accepted)
	looks := 0
	for {
		c, err := f.listener.Accept()
		switch {
		case err == nil:
			looks = 0
			f.take(&conn{Conn: c, stall: f.Timeouts.Stall})
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && f.leaving.Load():
			// Whoever comes too late to look has the same answer: on a busy machine one look tells nothing.
			if looks++; looks == 3 || f.listener.(deadliner).SetDeadline(time.Now().Add(settle)) != nil {
				return
			}
		case !f.hand(arrival{err: err}), errors.Is(err, net.ErrClosed):
			return
		}
	}
}

func (f *front) hand(a arrival) bool {
	select {
	case f.ready <- a:
		return true
	case <-f.ending.Done():
		return false
	}
}

func (f *front) take(c *conn) {
	f.connections.add(1)
	f.arriving.add(1)
	if !f.spawn(func() {
		defer f.arriving.add(-1)
		if !f.prepare(c) {
			_ = c.Close()
			f.connections.add(-1)
		}
	}) {
		_ = c.Close()
		f.connections.add(-1)
		f.arriving.add(-1)
	}
}

// recordHandshake is the first byte of TLS: the type of the record in which the client says hello (RFC 8446, 5.1). No request begins with it.
const recordHandshake = 0x16

// prepare finds out what a connection speaks, does the TLS handshake if it is that, and hands it to the HTTP server. It reports whether the server has it.
func (f *front) prepare(c *conn) bool {
	stop := context.AfterFunc(f.ending, func() { _ = c.Close() })
	defer stop()
	_ = c.SetReadDeadline(time.Now().Add(f.Timeouts.Header))
	first, err := c.peek()
	if err != nil {
		return false // gone, or nothing to say
	}
	_ = c.SetReadDeadline(time.Time{})
	var prepared net.Conn = c
	if first == recordHandshake {
		secure := tls.Server(c, f.tls)
		ctx, cancel := context.WithTimeout(f.ending, f.Timeouts.Header)
		err := secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			f.tell(c, err)
			return false
		}
		prepared = secure
	}
	return f.hand(arrival{conn: prepared})
}

// tell logs why a handshake failed, unless the client has just gone or said nothing.
func (f *front) tell(c *conn, err error) {
	switch {
	case c.refused != nil:
		err = c.refused
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded):
		return
	case slices.ContainsFunc(distrust, func(text string) bool { return strings.Contains(err.Error(), text) }):
		if f.Certificate != nil {
			err = fmt.Errorf("%w: the client doesn't trust the certificate", err)
		} else if ca, caErr := f.CA(); caErr == nil {
			err = fmt.Errorf("%w: the client doesn't trust %s", err, ca.File())
		}
	}
	f.Log.Printf("%s: TLS with %s failed: %v", f.Name, c.RemoteAddr(), err)
}

// distrust is how clients say that they don't know who signed the certificate. OpenSSL's do so in clear text where TLS 1.3 has it encrypted, and Go finds
// that it can't be decrypted.
var distrust = []string{"unknown certificate", "bad certificate", "local error: tls: bad record MAC"}

// certificate chooses the certificate of a handshake: that of the host which the client names, else of the one to which it has had itself connected,
// else that of the own address.
func (f *front) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, _ := hello.Conn.(*conn)
	host, _ := splitHost(cmp.Or(hello.ServerName, c.target, loopbackName))
	if net.ParseIP(host) != nil {
		host = loopbackName
	}
	if f.Certificate != nil && !f.hosts[host] {
		return f.Certificate()
	}
	if f.CA == nil {
		c.refused = errors.New("the " + f.Name + " speaks no TLS for " + host)
		return nil, nil //nolint:nilnil // as below
	}
	if host != loopbackName && !f.hosts[host] {
		c.refused = errors.New(f.refusal(host))
		return nil, nil //nolint:nilnil // the one way to have TLS tell the client that the name is what is wrong
	}
	ca, err := f.CA()
	if err != nil {
		return nil, err
	}
	return ca.leaf(host)
}

func (f *front) refusal(named string) string {
	if host, port := splitHost(named); f.hosts[host] && port != "" {
		return "the " + f.Name + " stands for " + host + " at the ports 443 and 80, not at " + port + ", and nothing leaves this machine"
	}
	return named + " is none of the hosts that the " + f.Name + " stands for, and nothing leaves this machine"
}

// ServeHTTP answers a request, unless it is one for somebody else.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	defer f.requests.Add(-1)
	c, _ := r.Context().Value(connKey{}).(*conn)
	if r.Body != nil && r.Body != http.NoBody {
		b := &body{ReadCloser: r.Body, control: http.NewResponseController(w), stall: f.Timeouts.Stall, begun: time.Now()}
		b.limit() // of what nobody reads, too: the server waits for it, in order to go on with the connection
		r.Body = b
	}
	if r.Method == http.MethodConnect {
		f.connect(w, r, c)
		return
	}
	if f.leaving.Load() {
		w.Header().Set("Connection", "close") // over HTTP/2 it makes the server say that it goes away
	}
	if f.TLSOnly && r.TLS == nil {
		w.Header().Set("Connection", "close")
		http.Error(w, "this is plain http, and the "+f.Name+" speaks https here", http.StatusBadRequest)
		return
	}
	if r.Host == "" {
		r.Host = c.target
	}
	if absolute := r.URL.Host != ""; absolute || c.target != "" { // it takes this for a proxy
		if absolute && r.URL.Scheme != "http" && r.URL.Scheme != "https" || !f.here(r.Host, c) {
			f.refuse(w, r)
			return
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Proxy-") {
			delete(r.Header, name)
		}
	}
	if r.ProtoMajor == 2 { // of HTTP/1 the connection sees to it
		stream := &streamWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: f.Timeouts.Stall}
		defer stream.limit() // for what is sent after the handler has returned
		w = stream
	}
	f.Handler.ServeHTTP(w, r)
}

// connect begins what a client takes for a connection to another host: it starts anew here.
func (f *front) connect(w http.ResponseWriter, r *http.Request, c *conn) {
	host, port := splitHost(r.Host)
	switch {
	case c.target != "":
		http.Error(w, "there is no way on from here: CONNECT within what CONNECT has begun", http.StatusForbidden)
		return
	case r.ProtoMajor != 1:
		http.Error(w, "CONNECT is answered in HTTP/1.1 only", http.StatusNotImplemented)
		return
	case port == "" || !f.here(r.Host, c):
		f.refuse(w, r)
		return
	}
	through, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if own, ok := through.(*conn); ok {
		through = own.Conn // one wrapper is enough
	}
	begun, _ := buffer.Reader.Peek(buffer.Reader.Buffered())
	next := &conn{Conn: through, prefix: slices.Clone(begun), target: host, stall: f.Timeouts.Stall}
	if _, err := next.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = next.Close()
		return
	}
	f.take(next)
}

// refuse answers a request for somebody else. Of an answer to CONNECT many clients show no more than the status line, so the reason stands there.
func (f *front) refuse(w http.ResponseWriter, r *http.Request) {
	host := strings.Map(func(c rune) rune {
		if c > ' ' && c < 0x7f {
			return c
		}
		return -1
	}, r.Host)
	text := f.refusal(host[:min(len(host), 260)])
	f.Log.Printf("%s: refused %s: %s", f.Name, r.Method, text)
	if r.Method == http.MethodConnect {
		if through, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = fmt.Fprintf(through, "HTTP/1.1 403 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
				text, len(text)+1, text)
			_ = through.Close()
			return
		}
	}
	http.Error(w, text, http.StatusForbidden)
}

// here tells whether a host, as requests name it, is one that it stands for or the address that the client has reached it at.
func (f *front) here(named string, c *conn) bool {
	host, port := splitHost(named)
	if f.hosts[host] {
		return port == "" || port == "443" || port == "80"
	}
	own, ownPort, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil || port != ownPort {
		return false // a socket that is a file has no such address
	}
	if host == loopbackName {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsLoopback() || ip.Equal(net.ParseIP(own)))
}

// splitHost returns host, in lower case, and port of what stands in Host; port is "" for none.
func splitHost(named string) (host, port string) {
	host = named
	if h, p, err := net.SplitHostPort(named); err == nil {
		host, port = h, p
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), "."), port
}

type connKey struct{}

// withConn notes for its requests on which connection they come.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

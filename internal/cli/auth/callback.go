package auth

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// callback waits on this machine for the browser that Amazon sends back.
type callback struct {
	consent  *consent
	path     string
	host     string // as the browser will name it
	listener net.Listener
	server   *http.Server
	done     chan struct{} // closed when serving has ended

	once   sync.Once
	result chan outcome
	forged func() // told when a callback with another state came
}

type outcome struct {
	granted granted
	err     error
}

// isLoopback tells whether a redirect URI leads to this machine.
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost"
}

// listen opens the port of a redirect URI that leads to this machine; port 0 takes a free one, and c.redirectURI then names it.
func listen(ctx context.Context, c *consent, forged func()) (*callback, error) {
	u, err := url.Parse(c.redirectURI)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return nil, exit.Usagef("--redirect-uri %q: want http://127.0.0.1:PORT/path for this machine, or the https address of a server", c.redirectURI)
	}
	bind := u.Hostname()
	if bind == "localhost" {
		bind = "127.0.0.1"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(bind, u.Port()))
	if err != nil {
		return nil, fmt.Errorf("the callback needs its port: %v: choose another one with --redirect-uri, which must be registered with the application", err) //nolint:errorlint // not wrapped: its exit status is not that of a network error
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	c.redirectURI = u.String()
	b := &callback{consent: c, path: u.Path, host: u.Host, listener: listener, result: make(chan outcome, 1), done: make(chan struct{}), forged: forged}
	if b.path == "" {
		b.path = "/"
	}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(b.done)
		_ = b.server.Serve(listener) // ends with close
	}()
	return b, nil
}

// errNobody is that no consent came.
var errNobody = errors.New("nobody came back from the consent page in time: see --consent-timeout")

// ended is why a context has ended.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errNobody) {
		return cause
	}
	return ctx.Err()
}

// wait returns what the browser brings.
func (b *callback) wait(ctx context.Context) (granted, error) {
	select {
	case r := <-b.result:
		return r.granted, r.err
	case <-ctx.Done():
		return granted{}, ended(ctx)
	}
}

// close lets the page in flight reach the browser, and frees the port.
func (b *callback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		_ = b.server.Close()
	}
	<-b.done
}

// ServeHTTP answers the browser. Other pages of the same browser can send requests here too: only the state tells whose this is.
func (b *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host != b.host: // another name for this address: DNS rebinding
		show(w, http.StatusMisdirectedRequest, "This address is "+b.host+".")
	case r.URL.Path != b.path:
		show(w, http.StatusNotFound, "There is nothing here.")
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		show(w, http.StatusMethodNotAllowed, "")
	default:
		g, err := b.consent.read(r.URL.Query())
		if errors.Is(err, errForged) {
			b.forged()
			show(w, http.StatusBadRequest, "This is not the authorization that was begun in the terminal.")
			return
		}
		first := false
		b.once.Do(func() { first = true })
		switch {
		case !first:
			show(w, http.StatusGone, "This authorization has been received before.")
			return
		case err != nil:
			show(w, http.StatusBadRequest, "No authorization: "+err.Error()+".")
		default:
			show(w, http.StatusOK, "The authorization has been received. You can close this window and go back to the terminal.")
		}
		b.result <- outcome{g, err}
	}
}

// show writes a page that loads nothing and keeps nothing: its address holds the authorization code.
func show(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><meta charset=utf-8><title>spapi</title><p>%s</p>\n", html.EscapeString(text))
}

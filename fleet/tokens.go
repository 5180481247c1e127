package fleet

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
)

//go:embed tokens.lua
var tokensText string

var tokensScript = newScript(tokensText)

const (
	tokenPoll     = 100 * time.Millisecond // between looks for a token that another process fetches and callers here wait for
	tokenExtend   = time.Second            // between extensions of a lock, which holds for 3 s
	tokenSpread   = 2 * time.Second        // bound of the random pause before a fetch that isn't agreed upon with the other processes
	tokenPatience = 3 * time.Minute        // how long another process is waited for; a fetch with its repeats is rarely longer
)

// Tokens is a [spapi.TokenStore] that all processes of an application share: one of them fetches a token, seals it and lays it on the server. Each keeps
// it in memory until it is to be renewed, and asks the server only then.
//
// While the server can't be reached, tokens in memory serve to their end, and each process fetches its own, at a random moment within 2 seconds. The log
// tells when that begins and when it is over; no call fails of it. A definite refusal (see [spapi.IsTokenRefused]) that Amazon answered is told to all
// processes with the same client secret for a minute or two, without its Header.
type Tokens struct {
	server  Server
	sealer  *sealer
	options options
	memory  spapi.TokenStore // waits, shares fetches within the process, and catches what panics there
	away    atomic.Bool
	spoiled sync.Once

	mu      sync.Mutex
	dropped map[string]*drop // by key of the request, the one of its token that was dropped last
}

// drop is one token that was dropped, by however many callers.
type drop struct {
	value spapi.Secret
	done  chan struct{} // closed when the server has been told
}

// maxDropped bounds what is remembered of drops, which are rare.
const maxDropped = 1000

// NewTokens makes a store over a server. keys seal what lies there: base64 or hex of at least 32 random bytes each, the same for all processes. The
// first one seals, all of them open. To rotate, add the new one as the second everywhere, then make it the first everywhere, then remove the old one.
// What can't be opened counts as no token, and is fetched anew. The error is a [*spapi.ConfigError]. A store needs no closing.
func NewTokens(server Server, keys []spapi.Secret, options ...Option) (*Tokens, error) {
	sealer, err := newSealer(keys)
	if err != nil {
		return nil, err
	}
	return &Tokens{server: server, sealer: sealer, options: newOptions(options), memory: spapi.NewTokenStore(),
		dropped: map[string]*drop{}}, nil
}

// Get is that of [spapi.TokenStore].
func (t *Tokens) Get(ctx context.Context, r spapi.TokenRequest) (spapi.Token, error) {
	own := r
	own.Fetch = func(ctx context.Context, urgent <-chan struct{}) (spapi.Token, error) {
		token, err := r.Fetch(ctx, urgent)
		if err == nil { // whatever it is, there is no other
			t.mu.Lock()
			delete(t.dropped, r.Key)
			t.mu.Unlock()
		}
		return token, err
	}
	shared := r
	shared.Fetch = func(ctx context.Context, urgent <-chan struct{}) (spapi.Token, error) {
		return t.share(ctx, &own, urgent)
	}
	for {
		token, err := t.memory.Get(ctx, shared)
		if err != nil || !t.wasDropped(r.Key, token.Value) {
			return token, err
		}
		// A look that was under way when it was dropped has brought it back. The next one doesn't take it.
		if err := t.memory.Drop(ctx, r.Key, token); err != nil {
			return spapi.Token{}, err
		}
	}
}

// wasDropped tells whether a token of a request's key is the one that was dropped last.
func (t *Tokens) wasDropped(key string, value spapi.Secret) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dropped[key]
	return d != nil && d.value == value && !value.IsZero()
}

// Drop is that of [spapi.TokenStore]. The server goes first: a Get in between would lay the dropped token back into memory. All whose calls failed with one
// token report it; the first of them tells the server.
func (t *Tokens) Drop(ctx context.Context, key string, expired spapi.Token) error {
	t.mu.Lock()
	d := t.dropped[key]
	first := d == nil || d.value != expired.Value
	if first {
		if len(t.dropped) >= maxDropped {
			clear(t.dropped)
		}
		d = &drop{expired.Value, make(chan struct{})}
		t.dropped[key] = d
	}
	t.mu.Unlock()
	if first {
		t.tellDrop(context.WithoutCancel(ctx), key, d)
	}
	<-d.done // within two budgets
	return t.memory.Drop(ctx, key, expired)
}

func (t *Tokens) tellDrop(ctx context.Context, key string, d *drop) {
	defer close(d.done)
	name := tokenKey(key)
	if a, err := t.run(ctx, name, "look", 0); err == nil && a.kind == "token" {
		if token, ok := t.open(ctx, name, a); ok && token.Value == d.value {
			_, _ = t.run(ctx, name, "drop", a.fence) // a failure is told, and the next who meets the token drops it
		}
	}
}

// share returns the token that lies on the server, or fetches it for all. It is the fetch of the store in memory: one at a time for each token and
// client secret. While urgent isn't closed there is a valid token in memory, and the server's is renewed if it is time.
func (t *Tokens) share(ctx context.Context, r *spapi.TokenRequest, urgent <-chan struct{}) (spapi.Token, error) {
	name, secret := tokenKey(r.Key), digest("secret", r.Secret)
	var bad, seen int64 // fences: what can't be opened up to, the lock that was waited for
	for began, missed := time.Now(), false; ; {
		wait := "0"
		if isClosed(urgent) {
			wait = "1"
		}
		a, err := t.run(ctx, name, "get", bad, secret, wait, strconv.FormatInt(seen, 10))
		pause := tokenPoll
		switch {
		case ctx.Err() != nil:
			return spapi.Token{}, ctx.Err()
		case err != nil && missed:
			return r.Fetch(ctx, urgent)
		case err != nil: // all processes are about to fetch; and it may have been a connection that broke
			missed, pause = true, rand.N(tokenSpread)
		case a.kind == "token" && a.fence > bad:
			if token, ok := t.open(ctx, name, a); ok && !t.wasDropped(r.Key, token.Value) {
				return token, nil
			}
			bad, pause = a.fence, 0
		case a.kind == "error" && a.fence > bad:
			if told := t.openError(ctx, name, secret, a); told != nil {
				return spapi.Token{}, told
			}
			bad, pause = a.fence, 0
		case a.kind == "fetch":
			return t.fetch(ctx, r, urgent, name, secret, a)
		case time.Since(began) >= tokenPatience:
			return r.Fetch(ctx, urgent)
		default:
			seen = a.fence
		}
		if pause > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

var errAbandoned = errors.New("fleet: the fetch of a token was abandoned") // by a panic or runtime.Goexit

// fetch fetches the token, with the lock, and lays the outcome on the server.
func (t *Tokens) fetch(ctx context.Context, r *spapi.TokenRequest, urgent <-chan struct{}, name, secret string, lock lookup) (token spapi.Token, err error) {
	began := time.Now()
	at := func(moment time.Time) string { // of the server's clock
		return strconv.FormatInt(lock.now+moment.Sub(began).Milliseconds(), 10)
	}
	err = errAbandoned
	wanted, stop := t.hold(ctx, urgent, name, lock.fence)
	defer func() {
		stop()
		if err != nil {
			token, err = t.fail(context.WithoutCancel(ctx), r.Key, name, secret, lock.fence, at, err)
		}
	}()
	if token, err = r.Fetch(ctx, wanted); err != nil {
		return token, err
	}
	token, pause := token.Schedule(r.Key)
	expires := at(token.Expires)
	box := t.sealer.seal(token.Value.Reveal(), tokenPlace(name, lock.fence, expires))
	_, _ = t.run(ctx, name, "put", lock.fence, expires, at(token.Renew), strconv.FormatInt(pause.Milliseconds(), 10), box) // it serves here all the same
	return token, nil
}

// hold extends the lock until stop is called. wanted is closed when urgent is, or when callers of another process wait for the token.
func (t *Tokens) hold(ctx context.Context, urgent <-chan struct{}, name string, fence int64) (wanted <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended, want := make(chan struct{}), make(chan struct{})
	if isClosed(urgent) { // before the fetch looks
		close(want)
		urgent = nil
	}
	go func() {
		defer close(ended)
		open, next := urgent != nil, time.Now().Add(tokenExtend)
		for {
			select {
			case <-ctx.Done():
				return
			case <-urgent:
				urgent = nil
			case <-time.After(max(time.Until(next), 1)):
				next = time.Now().Add(tokenExtend)
				if a, err := t.run(ctx, name, "extend", fence); err != nil || a.kind != "wanted" {
					continue
				}
			}
			if open {
				open = false
				close(want)
			}
		}
	}()
	return want, func() {
		cancel()
		<-ended
	}
}

// fail frees the lock after a fetch that failed, and tells the others what Amazon said. Where a token is valid all the same, that is the outcome: with
// the time at which whichever process asks next tries again.
func (t *Tokens) fail(ctx context.Context, key, name, secret string, fence int64, at func(time.Time) string, failure error) (spapi.Token, error) {
	box, until := "", at(time.Now())
	if spapi.IsTokenRefused(failure) {
		until = at(time.Now().Add(time.Minute))
	}
	if text := writeError(failure); text != "" {
		box = t.sealer.seal(text, errorPlace(name, fence, secret, until))
	}
	a, err := t.run(ctx, name, "fail", fence, secret, until, box)
	if err == nil && a.kind == "token" {
		if token, ok := t.open(ctx, name, a); ok && !t.wasDropped(key, token.Value) {
			return token, nil
		}
	}
	return spapi.Token{}, failure
}

// lookup is a reply of the script.
type lookup struct {
	kind    string
	fence   int64
	now     int64     // the server's, ms
	asked   time.Time // when the script was asked for, so not later than now
	expires int64     // the token or the refusal
	renew   int64
	box     string
}

// run runs the script. An error has been told.
func (t *Tokens) run(ctx context.Context, name, what string, fence int64, args ...string) (lookup, error) {
	a := lookup{asked: time.Now()}
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	reply, err := t.server.Run(limited, tokensScript, []string{name}, append([]string{what, strconv.FormatInt(fence, 10)}, args...)...)
	if err == nil {
		err = a.read(reply)
	}
	switch {
	case err == nil:
		if t.away.Swap(false) {
			t.options.logger().LogAttrs(ctx, slog.LevelInfo, "fleet: the server is back: tokens are shared again")
		}
	case ctx.Err() == nil:
		t.server.Drop()
		if !t.away.Swap(true) {
			t.options.logger().LogAttrs(ctx, slog.LevelWarn, "fleet: the server can't be used: this process fetches its own tokens",
				slog.String("error", explainScript(err)))
		}
	}
	return a, err
}

func (a *lookup) read(reply any) error {
	fields, _ := reply.([]any)
	to := []any{&a.kind}
	if len(fields) > 0 {
		switch fields[0] {
		case "token":
			to = append(to, &a.fence, &a.now, &a.expires, &a.renew, &a.box)
		case "error":
			to = append(to, &a.fence, &a.expires, &a.box)
		case "wait":
			to = append(to, &a.fence)
		case "fetch":
			to = append(to, &a.fence, &a.now)
		}
	}
	if len(fields) != len(to) {
		return fmt.Errorf("fleet: a reply of tokens.lua has %d fields, want %d", len(fields), len(to))
	}
	for i, field := range fields {
		var ok bool
		switch to := to[i].(type) {
		case *string:
			*to, ok = field.(string)
		case *int64:
			*to, ok = field.(int64)
		}
		if !ok {
			return fmt.Errorf("fleet: field %d of a reply of tokens.lua is a %T", i, field)
		}
	}
	return nil
}

// open opens a token that the script told. ok is false, and the log told once, if that can't be done.
func (t *Tokens) open(ctx context.Context, name string, a lookup) (token spapi.Token, ok bool) {
	value, err := t.sealer.open(a.box, tokenPlace(name, a.fence, strconv.FormatInt(a.expires, 10)))
	if err != nil {
		t.tellSpoiled(ctx, err)
		return spapi.Token{}, false
	}
	at := func(moment int64) time.Time { return a.asked.Add(time.Duration(moment-a.now) * time.Millisecond) }
	return spapi.Token{Value: spapi.NewSecret(value), Expires: at(a.expires), Renew: at(a.renew)}, true
}

// openError opens an error that the script told; nil if that can't be done.
func (t *Tokens) openError(ctx context.Context, name, secret string, a lookup) error {
	text, err := t.sealer.open(a.box, errorPlace(name, a.fence, secret, strconv.FormatInt(a.expires, 10)))
	if err != nil {
		t.tellSpoiled(ctx, err)
		return nil
	}
	return readError(text)
}

func (t *Tokens) tellSpoiled(ctx context.Context, err error) {
	t.spoiled.Do(func() {
		t.options.logger().LogAttrs(ctx, slog.LevelWarn, "fleet: a token on the server can't be opened, so it is fetched anew; further ones are not told",
			slog.String("error", err.Error()))
	})
}

// toldError is an answer of Amazon's that says why there is no token, as it is told to other processes.
type toldError struct {
	Auth *spapi.AuthError `json:",omitempty"`
	API  *spapi.APIError  `json:",omitempty"`
}

// writeError is "" for what isn't the business of other processes: their network, their patience and their certificates may be better.
func writeError(err error) string {
	var told toldError
	if auth, ok := errors.AsType[*spapi.AuthError](err); ok {
		if auth.StatusCode == 0 || auth.Err != nil {
			return ""
		}
		told.Auth = auth
	} else if api, ok := errors.AsType[*spapi.APIError](err); ok {
		bare := *api
		bare.Header = nil
		told.API = &bare
	} else {
		return ""
	}
	text, err := json.Marshal(told)
	if err != nil {
		return ""
	}
	return settings.ScrubSecrets(string(text)) // those of the SDK are scrubbed, of other fetches nobody knows
}

func readError(text string) error {
	var told toldError
	switch err := json.Unmarshal([]byte(text), &told); {
	case err != nil:
		return nil
	case told.Auth != nil:
		return told.Auth
	case told.API != nil:
		return told.API
	}
	return nil
}

// tokenKey names what lies on the server of a token. The key of a [spapi.TokenRequest] is a digest already; with another one over it nobody who reads the
// server has the names by which processes ask.
func tokenKey(key string) string { return "spapi:token:" + digest("token", key) }

// tokenPlace and errorPlace say where a box lies: elsewhere it doesn't open.
func tokenPlace(name string, fence int64, expires string) string {
	return fmt.Sprintf("token %s %d %s", name, fence, expires)
}

func errorPlace(name string, fence int64, secret, until string) string {
	return fmt.Sprintf("error %s %d %s %s", name, fence, secret, until)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

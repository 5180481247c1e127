package fleettest

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the name of a script in Redis
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/fleet"
)

// Redis is a [fleet.Server] under test, with what is behind it.
type Redis struct {
	Server fleet.Server

	// Proxies are those that all connections of Server to Redis go through, one per node. Without them the tests of failures are left out.
	Proxies []*Proxy

	// FlushScripts makes Redis forget all scripts, on all nodes. Without it that is left out.
	FlushScripts func()
}

// TestServer runs the suite that every [fleet.Server] passes. open makes one for each test; the Redis behind it may be the same for all.
func TestServer(t *testing.T, open func(t *testing.T) Redis) {
	for name, test := range map[string]func(*testing.T, Redis){
		"replies": testReplies, "errors": testServerErrors, "arguments": testArguments, "flushed": testFlushed, "values": testValues, "expiry": testExpiry,
		"ended context": testEndedContext, "concurrency": testServerConcurrency, "hung": testHung, "cancelled": testServerCancelled,
		"lost reply": testLostReply, "drop": testDrop, "cut": testCut,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// script is one that no test before had, so that Redis doesn't know it.
func script(text string) *fleet.Script {
	text += " -- " + rand.Text()
	sum := sha1.Sum([]byte(text)) //nolint:gosec // Redis names them so
	return &fleet.Script{Text: text, SHA1: hex.EncodeToString(sum[:])}
}

// someKeys are names that no test before had, all of one slot.
func someKeys(n int) []string {
	tag, names := rand.Text(), make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("fleettest:{%s}:%d", tag, i)
	}
	return names
}

// bound is long enough for any command of a test. Nothing hangs so long unless it hangs for ever.
const bound = time.Minute

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func testReplies(t *testing.T, r Redis) {
	for text, want := range map[string]any{
		"return 7": int64(7), "return -9007199254740991": int64(-9007199254740991), "return 'x'": "x", "return ''": "", "return '\\0\\255'": "\x00\xff",
		"return false": nil, "return {}": []any{}, "return redis.status_reply('FINE')": "FINE",
		"return {1, 'x', false, {2, {}}}": []any{int64(1), "x", nil, []any{int64(2), []any{}}},
		"return string.rep('x', 1000000)": strings.Repeat("x", 1_000_000),
	} {
		got, err := r.Server.Run(bounded(t), script(text), someKeys(1))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %.100v (%T), %v, want %.100v (%T)", text, got, got, err, want, want)
		}
	}
}

// An error of a script is one of Run, and the connection goes on.
func testServerErrors(t *testing.T, r Redis) {
	for text, want := range map[string]string{
		"return redis.error_reply('MINE said no')": "MINE said no", "return redis.call('NOSUCHCOMMAND')": "",
		"return redis.call('LPUSH', KEYS[1], 1) + redis.call('GET', KEYS[1])": "WRONGTYPE", "no lua": "",
	} {
		if _, err := r.Server.Run(bounded(t), script(text), someKeys(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want one that says %q", text, err, want)
		}
	}
	if got, err := r.Server.Run(bounded(t), script("return 1"), someKeys(1)); err != nil || got != int64(1) {
		t.Errorf("after errors: %v, %v", got, err)
	}
}

func testArguments(t *testing.T, r Redis) {
	keys := someKeys(7)
	args := []string{"", "\x00\xff", strings.Repeat("long", 100_000), "7"}
	for i := range 5000 {
		args = append(args, fmt.Sprint(i))
	}
	want := []any{}
	for _, s := range append(append([]string(nil), keys...), args...) {
		want = append(want, s)
	}
	echo := script("local r = {} for _, k in ipairs(KEYS) do r[#r + 1] = k end for _, a in ipairs(ARGV) do r[#r + 1] = a end return r")
	for range 2 { // by its text, then by its name
		got, err := r.Server.Run(bounded(t), echo, keys, args...)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("keys and arguments came back as %.200v, %v", got, err)
		}
	}
}

var incr = "return redis.call('INCR', KEYS[1])"

// A script that Redis has forgotten is sent again, and runs once.
func testFlushed(t *testing.T, r Redis) {
	if r.FlushScripts == nil {
		t.Skip("SKIPPED: nothing makes this server forget scripts")
	}
	count, keys := script(incr), someKeys(1)
	for i := range int64(3) {
		if got, err := r.Server.Run(bounded(t), count, keys); err != nil || got != i+1 {
			t.Fatalf("run %d: %v, %v", i+1, got, err)
		}
		r.FlushScripts()
	}
}

func testValues(t *testing.T, r Redis) {
	key := someKeys(1)[0]
	if value, ok, err := r.Server.Get(bounded(t), key); value != "" || ok || err != nil {
		t.Errorf("nothing is kept, got %q, %v, %v", value, ok, err)
	}
	for _, value := range []string{"x", "", "\x00\xff\r\n", strings.Repeat("x", 1_000_000)} {
		if err := r.Server.Set(bounded(t), key, value, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := r.Server.Get(bounded(t), key); got != value || !ok || err != nil {
			t.Errorf("got %.20q, %v, %v, want %.20q", got, ok, err, value)
		}
	}
}

func testExpiry(t *testing.T, r Redis) {
	left := script("return redis.call('PTTL', KEYS[1])")
	for _, expiry := range []time.Duration{90 * time.Minute, 30*time.Second + 250*time.Millisecond} {
		keys := someKeys(1)
		if err := r.Server.Set(bounded(t), keys[0], "x", expiry); err != nil {
			t.Fatal(err)
		}
		got, err := r.Server.Run(bounded(t), left, keys)
		if ms, _ := got.(int64); err != nil || ms <= max(expiry-bound, 0).Milliseconds() || ms > expiry.Milliseconds() {
			t.Errorf("%v ms are left, %v, want %v", got, err, expiry)
		}
	}
	keys := someKeys(1)
	_ = r.Server.Set(bounded(t), keys[0], "x", time.Microsecond) // as soon as that can be
	if got, err := r.Server.Run(bounded(t), left, keys); err != nil || got != int64(-2) && got != int64(1) && got != int64(0) {
		t.Errorf("%v ms are left of a microsecond, %v", got, err)
	}
}

func testEndedContext(t *testing.T, r Redis) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	count, keys := script(incr), someKeys(1)
	if _, err := r.Server.Run(ctx, count, keys); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: got %v, want %v", err, context.Canceled)
	}
	if got, err := r.Server.Run(bounded(t), count, keys); err != nil || got != int64(1) {
		t.Errorf("it ran all the same: %v, %v", got, err)
	}
}

func testServerConcurrency(t *testing.T, r Redis) {
	const callers, runs = 50, 20
	count, keys := script(incr), someKeys(1)
	var mu sync.Mutex
	seen := map[any]bool{}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range runs {
				got, err := r.Server.Run(bounded(t), count, keys)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[got] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != callers*runs {
		t.Errorf("%d replies were different, want %d", len(seen), callers*runs)
	}
}

func proxied(t *testing.T, r Redis) {
	t.Helper()
	if len(r.Proxies) == 0 {
		t.Skip("SKIPPED: no proxy stands before this server")
	}
}

func (r Redis) each(f func(*Proxy)) {
	for _, p := range r.Proxies {
		f(p)
	}
}

// A server that says nothing holds nobody beyond the context, whether the connection is an old one or a new one. Later it is used again.
func testHung(t *testing.T, r Redis) {
	proxied(t, r)
	count, keys := script(incr), someKeys(1)
	for _, fresh := range []bool{true, false} {
		if !fresh {
			if _, err := r.Server.Run(bounded(t), count, keys); err != nil {
				t.Fatal(err)
			}
		}
		r.each((*Proxy).Hang)
		done := make(chan error, 3)
		for _, f := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := r.Server.Run(ctx, count, keys); return err },
			func(ctx context.Context) error { _, _, err := r.Server.Get(ctx, keys[0]); return err },
			func(ctx context.Context) error { return r.Server.Set(ctx, someKeys(1)[0], "x", time.Hour) },
		} {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				done <- f(ctx)
			}()
		}
		for range 3 {
			select {
			case err := <-done:
				if err == nil {
					t.Error("a server that hangs replied")
				}
			case <-time.After(bound):
				t.Fatal("a server that hangs holds its callers beyond their context")
			}
		}
		r.Server.Drop()
		r.each((*Proxy).Resume)
		if _, err := r.Server.Run(bounded(t), count, keys); err != nil {
			t.Errorf("after it hung: %v", err)
		}
	}
}

// Who leaves need not wait for a reply.
func testServerCancelled(t *testing.T, r Redis) {
	proxied(t, r)
	count, keys := script(incr), someKeys(1)
	if _, err := r.Server.Run(bounded(t), count, keys); err != nil {
		t.Fatal(err)
	}
	r.each((*Proxy).Hang)
	defer r.each((*Proxy).Resume)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.Server.Run(ctx, count, keys)
		done <- err
	}()
	held := make(chan struct{}, len(r.Proxies))
	r.each(func(p *Proxy) {
		go func() {
			p.AwaitHeld()
			held <- struct{}{}
		}()
	})
	select {
	case <-held: // it waits for the reply
	case err := <-done:
		t.Fatalf("a server that hangs replied, or an error: %v", err)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	case <-time.After(bound):
		t.Fatal("Run outlasts its context")
	}
}

// A script whose reply is lost isn't run again.
func testLostReply(t *testing.T, r Redis) {
	proxied(t, r)
	count, keys := script(incr), someKeys(1)
	for i := range int64(3) {
		if got, err := r.Server.Run(bounded(t), count, keys); err != nil || got != 2*i+1 {
			t.Fatalf("got %v, %v, want %d: that is how often it ran", got, err, 2*i+1)
		}
		r.each((*Proxy).LoseReply)
		if got, err := r.Server.Run(bounded(t), count, keys); err == nil {
			t.Errorf("the reply was lost, but is said to be %v", got)
		}
		lost := 0
		r.each(func(p *Proxy) {
			if p.KeepReply() {
				lost++
			}
		})
		if lost != 1 {
			t.Errorf("%d replies were lost, want one", lost)
		}
	}
}

// No connection of before is used after Drop, and none stays open.
func testDrop(t *testing.T, r Redis) {
	proxied(t, r)
	r.Server.Drop() // there is none yet
	spin, keys := script("for i = 1, 200000 do end return 1"), someKeys(1)
	var all sync.WaitGroup
	for range 8 { // so that several connections are made
		all.Go(func() {
			if _, err := r.Server.Run(bounded(t), spin, keys); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	before := 0
	r.each(func(p *Proxy) { before += p.Accepted() })
	r.Server.Drop()
	r.each(func(p *Proxy) {
		if !p.AwaitOpen(1) { // a cluster may be asked for its slots
			t.Errorf("connections are open after Drop")
		}
	})
	if _, err := r.Server.Run(bounded(t), spin, keys); err != nil {
		t.Fatal(err)
	}
	after := 0
	r.each(func(p *Proxy) { after += p.Accepted() })
	if before == 0 || after <= before {
		t.Errorf("%d connections were made before Drop and a run, %d behind it: want a new one", before, after)
	}
}

// Connections that were cut cost at most the commands until Drop.
func testCut(t *testing.T, r Redis) {
	proxied(t, r)
	count, keys := script(incr), someKeys(1)
	if _, err := r.Server.Run(bounded(t), count, keys); err != nil {
		t.Fatal(err)
	}
	r.each((*Proxy).Cut)
	r.Server.Drop()
	if got, err := r.Server.Run(bounded(t), count, keys); err != nil || got != int64(2) {
		t.Errorf("got %v, %v, want 2", got, err)
	}
}

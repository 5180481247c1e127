package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
)

// Whatever somebody writes into what lies on the server of a token: it costs fetches, no call fails, none gets the token of another, and what was written
// is gone with the next token.
func TestTokensOfAPoisonedServer(t *testing.T) {
	poisons := map[string][]any{
		"a string":  {"SET", "x"},
		"a list":    {"LPUSH", "x"},
		"no value":  {"HDEL", "v"},
		"no fence":  {"HDEL", "f"},
		"all alike": {"HSET", "v", "9", "f", "9", "x", "9", "r", "9", "p", "9", "lf", "9", "lu", "9", "w", "9", "e", "9", "ef", "9", "es", "9", "eu", "9"},
	}
	for _, field := range strings.Fields("v f x r p lf lu w e ef es eu") {
		for _, value := range []string{"", "x", "-1", "0", "1.5", "1e300", "-1e300", "inf", "nan", "9007199254740993",
			"4503599627370497", "9223372036854775807", "0x10"} {
			poisons[field+"="+value] = []any{"HSET", field, value}
			if field != "x" && field != "v" {
				poisons[field+"="+value+" of a box that doesn't open"] = []any{"HSET", "v", "x", field, value}
			}
		}
	}
	onServers(t, func(t *testing.T, server *redistest.Server) {
		n := 0
		for what, poison := range poisons {
			n++
			l, key := newLogin(), fmt.Sprint("key ", n)
			do(t, server, "FLUSHALL")
			wantToken(t, newProcess(t, server), l.request(key, "s"), "Atza|token-1")
			name := tokenNames(t, server)[0]
			if c := poison[0]; c != "HSET" && c != "HDEL" {
				do(t, server, "DEL", name)
			}
			do(t, server, poison[0].(string), append([]any{name}, poison[1:]...)...)
			for i := range 4 {
				p := newProcess(t, server)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				token, err := p.Get(ctx, l.request(key, "s"))
				cancel()
				if err != nil || !strings.HasPrefix(token.Value.Reveal(), "Atza|token-") {
					t.Errorf("%s: process %d: %q, %v after %d scripts", what, i, token.Value.Reveal(), err, p.line.runs.Load())
					break
				}
				if life := time.Until(token.Expires); life <= 0 || life > time.Hour || token.Renew.After(token.Expires) {
					t.Errorf("%s: process %d: expires in %s, to be renewed in %s", what, i, life, time.Until(token.Renew))
				}
				if runs := p.line.runs.Load(); runs > 50 {
					t.Errorf("%s: process %d: %d scripts", what, i, runs)
				}
				if strings.Contains(p.log.String(), "doesn't answer") {
					t.Errorf("%s: process %d: %s", what, i, p.log)
				}
			}
			if fetches := l.fetches.Load(); fetches > 3 {
				t.Errorf("%s: %d fetches", what, fetches)
			}
			if ttl := do(t, server, "PTTL", name).(int64); ttl <= 0 || ttl > 2*time.Hour.Milliseconds() {
				t.Errorf("%s: it expires in %d ms", what, ttl)
			}
		}
	})
}

// A value that is too long to be a token is not even read.
func TestTokensOfAHugeValue(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-1")
		do(t, server, "HSET", tokenNames(t, server)[0], "v", strings.Repeat("x", 3<<20))
		p := newProcess(t, server)
		wantToken(t, p, l.request("k", "s"), "Atza|token-2")
		p.wantLog(t, "can't be opened", 0)
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-2")
	})
}

// Nobody makes calls fail with a refusal that has been over for long, however it is put back.
func TestTokensOfAnOldRefusal(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		l.fail = &spapi.AuthError{Grant: "refresh_token", StatusCode: 400, Code: "invalid_grant"}
		if _, err := newProcess(t, server).Get(t.Context(), l.request("k", "s")); !spapi.IsTokenRefused(err) {
			t.Fatalf("got %v", err)
		}
		name := tokenNames(t, server)[0]
		old := do(t, server, "HGETALL", name).([]any)
		l.fail = nil
		time.Sleep(3 * time.Minute)
		for i, change := range [][]any{{}, {"eu", time.Now().UnixMilli() + 50_000}, {"lf", "1", "lu", time.Now().UnixMilli() + 2000}} {
			do(t, server, "DEL", name)
			do(t, server, "HSET", append(append([]any{name}, old...), change...)...)
			wantToken(t, newProcess(t, server), l.request("k", "s"), fmt.Sprintf("Atza|token-%d", i+2))
		}
	})
}

// A lock that is held for ever is not waited for as long.
func TestTokensOfALockThatNeverEnds(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-1")
		name := tokenNames(t, server)[0]
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		hold := func() {
			do(t, server, "HSET", name, "lf", "77", "lu", time.Now().UnixMilli()+2900)
		}
		do(t, server, "HDEL", name, "v")
		hold()
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				time.Sleep(time.Second)
				hold()
			}
		}()
		start := time.Now()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-2")
		if took := time.Since(start); took < 2*time.Minute || took > 4*time.Minute {
			t.Errorf("served after %s, want 3m", took)
		}
		cancel()
		<-ended
	})
}

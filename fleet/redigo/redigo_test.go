package redigo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/fleet/redigo"
	"github.com/openspapi/spapi/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, address string) *redigo.Server {
	t.Helper()
	s, err := redigo.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestServer(t *testing.T) {
	redistest.TestAdapter(t, func(t *testing.T, address string) fleet.Server { return open(t, address) })
}

// A program's own pool, with Dial alone, which knows no context.
func TestServerOfPool(t *testing.T) {
	r := redistest.Start(t)
	fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
		p := fleettest.NewProxy(t, "unix", r.Socket)
		pool := &redis.Pool{MaxIdle: 20, Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", p.Address(), redis.DialConnectTimeout(time.Second))
		}}
		t.Cleanup(func() { _ = pool.Close() })
		return fleettest.Redis{Server: redigo.New(pool), Proxies: []*fleettest.Proxy{p}, FlushScripts: func() { r.Do(t, "SCRIPT", "FLUSH") }}
	})
}

// User and password go along, and no error shows the password.
func TestPassword(t *testing.T) {
	r := redistest.Start(t, strings.Fields("--user ann on >right~CANARY ~spapi:* -@all +eval +evalsha")...)
	one := &fleet.Script{Text: "return 1", SHA1: strings.Repeat("0", 40)}
	if got, err := open(t, "unix://ann:right~CANARY@"+r.Socket).Run(t.Context(), one, []string{"spapi:k"}); err != nil || got != int64(1) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []*redigo.Server{open(t, "unix://ann:wrong~CANARY@"+r.Socket), open(t, "unix://ann:CANARY@/does/not/exist")} {
		if _, err := s.Run(t.Context(), one, []string{"spapi:k"}); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("got the error %v", err)
		}
	}
	for address, want := range map[string]string{
		"redis://u:CANARY": "a port is none", "redis+cluster://u:CANARY@h": "fleet/goredis", "redis://u:CANARY@h/x": "no number",
	} {
		if _, err := redigo.Open(address); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

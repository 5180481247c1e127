package goredis_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var one = &fleet.Script{Text: "return 1", SHA1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"}

// open is a Server of an address that is closed with the test.
func open(t *testing.T, address string) *goredis.Server {
	t.Helper()
	s, err := goredis.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func flush(t *testing.T, servers ...*redistest.Redis) func() {
	return func() {
		for _, s := range servers {
			s.Do(t, "SCRIPT", "FLUSH")
		}
	}
}

func TestServer(t *testing.T) {
	redistest.TestAdapter(t, func(t *testing.T, address string) fleet.Server { return open(t, address) })
}

// cluster starts a cluster behind proxies.
func cluster(t *testing.T) (nodes []*redistest.Redis, proxies []*fleettest.Proxy) {
	t.Helper()
	nodes = redistest.Cluster(t, func(node *redistest.Redis) string {
		p := fleettest.NewProxy(t, "unix", node.Socket)
		proxies = append(proxies, p)
		return port(p.Address())
	})
	return nodes, proxies
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func TestServerCluster(t *testing.T) {
	nodes, proxies := cluster(t)
	fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
		return fleettest.Redis{Server: open(t, "redis+cluster://"+proxies[0].Address()+","+proxies[1].Address()), Proxies: proxies, FlushScripts: flush(t, nodes...)}
	})
}

func TestServerSentinel(t *testing.T) {
	g := redistest.Sentinel(t)
	fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
		s := open(t, "redis+sentinel://127.0.0.1:1,"+g.Sentinel.Address+"/"+g.Name) // nobody is at the first
		return fleettest.Redis{Server: s, FlushScripts: flush(t, g.Primary)}
	})
}

// A program's own client is used as it is: with repeats, without ContextTimeoutEnabled, on RESP3.
func TestServerOfClient(t *testing.T) {
	r := redistest.Start(t)
	fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
		p := fleettest.NewProxy(t, "unix", r.Socket)
		c := redis.NewClient(&redis.Options{Addr: p.Address()})
		t.Cleanup(func() { _ = c.Close() })
		return fleettest.Redis{Server: goredis.New(c), Proxies: []*fleettest.Proxy{p}, FlushScripts: flush(t, r)}
	})
}

func TestServerOfClusterClient(t *testing.T) {
	nodes, proxies := cluster(t)
	fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{proxies[2].Address()}, MaxRedirects: 8})
		t.Cleanup(func() { _ = c.Close() })
		return fleettest.Redis{Server: goredis.New(c), Proxies: proxies, FlushScripts: flush(t, nodes...)}
	})
}

// After a failover the new primary is used as soon as connections were dropped.
func TestFailover(t *testing.T) {
	g := redistest.Sentinel(t, strings.Fields("--user ann on >secret ~* -@all +eval +evalsha +set +get")...)
	s := open(t, "redis+sentinel://ann:secret@"+g.Sentinel.Address+"/"+g.Name)
	if err := s.Set(t.Context(), "k", "before", time.Hour); err != nil {
		t.Fatal(err)
	}
	g.Primary.Kill()
	if !redistest.Eventually(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Set(ctx, "k", "after", time.Hour)
		if err != nil {
			s.Drop()
		}
		return err == nil
	}) {
		t.Fatal("the new primary isn't found")
	}
	if got := g.Replica.Do(t, "GET", "k"); got != "after" {
		t.Errorf("the new primary has %v", got)
	}
	if _, err := open(t, "redis+sentinel://"+g.Sentinel.Address+"/other").Run(t.Context(), one, nil); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("a name that the sentinel doesn't know: %v", err)
	}
}

// A slot that moved, and one that is just moving, are followed.
func TestMovedSlot(t *testing.T) {
	nodes := redistest.Cluster(t, nil)
	own := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Address}, MaxRetries: -1})
	t.Cleanup(func() { _ = own.Close() })
	for name, s := range map[string]*goredis.Server{"address": open(t, "redis+cluster://"+nodes[0].Address), "client": goredis.New(own)} {
		t.Run(name, func(t *testing.T) {
			key := "{" + name + "}"
			set := func(want int64) {
				t.Helper()
				incr := &fleet.Script{Text: "return redis.call('INCR', KEYS[1])", SHA1: "0000000000000000000000000000000000000000"}
				if got, err := s.Run(t.Context(), incr, []string{key}); err != nil || got != want {
					t.Errorf("got %v, %v, want %d", got, err, want)
				}
			}
			set(1)
			slot := nodes[0].Do(t, "CLUSTER", "KEYSLOT", key)
			ids := make([]any, len(nodes))
			from := -1
			for i, n := range nodes {
				ids[i] = n.Do(t, "CLUSTER", "MYID")
				if n.Do(t, "CLUSTER", "COUNTKEYSINSLOT", slot) == int64(1) {
					from = i
				}
			}
			to := (from + 1) % len(nodes)
			nodes[to].Do(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from])
			nodes[from].Do(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to])
			host, port, _ := net.SplitHostPort(nodes[to].Address)
			nodes[from].Do(t, "MIGRATE", host, port, key, 0, 5000)
			set(2) // ASK
			for _, n := range []int{to, from} {
				nodes[n].Do(t, "CLUSTER", "SETSLOT", slot, "NODE", ids[to])
			}
			set(3) // MOVED
		})
	}
}

// A user who may do no more than scripts, and a server that knows no HELLO.
func TestSmallRights(t *testing.T) {
	r := redistest.Start(t, append([]string{"--rename-command", "HELLO", "", "--rename-command", "CLIENT", ""},
		strings.Fields("--user default off --user ann on >right~CANARY ~spapi:* resetchannels -@all +eval +evalsha")...)...)
	s := open(t, "unix://ann:right~CANARY@"+r.Socket)
	if got, err := s.Run(t.Context(), one, []string{"spapi:k"}); err != nil || got != int64(1) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := s.Set(t.Context(), "spapi:k", "v", time.Hour); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("got %v", err)
	}
}

// No error shows a password, whether the server or the address is at fault.
func TestErrorsShowNoPassword(t *testing.T) {
	r := redistest.Start(t, "--requirepass", "right", "--rename-command", "AUTH", "", "--rename-command", "HELLO", "") // which repeats what it doesn't know
	w := redistest.Start(t, "--requirepass", "right")
	for _, address := range []string{"unix://:CANARY@" + r.Socket, "unix://ann:CANARY@" + r.Socket, "unix://:CANARY@" + w.Socket, "unix://:CANARY@/none",
		"redis://ann:CANARY@127.0.0.1:1", "redis+cluster://ann:CANARY@127.0.0.1:1", "redis+sentinel://ann:CANARY@127.0.0.1:1/m?sentinel_password=CANARY"} {
		if _, err := open(t, address).Run(t.Context(), one, []string{"k"}); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string]string{"redis://u:CANARY": "a port is none", "redis://u:CANARY@h?max_retries=3": "max_retries", "CANARY": "no scheme"} {
		if _, err := goredis.Open(address); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// What is wrong with a server or an address is told with what would be right, and without a password.
func TestErrorsSayWhatIsRight(t *testing.T) {
	r := redistest.StartTCP(t, "--requirepass", "right")
	replica := redistest.StartTCP(t, "--replicaof", "127.0.0.1 1")
	full := redistest.Start(t, "--maxmemory", "1")
	tls := redistest.StartTLS(t, redistest.NewCA(t))
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	small := redistest.Start(t, strings.Fields("--user ann on >CANARY ~spapi:* resetchannels -@all +eval +evalsha")...)
	for address, want := range map[string]string{
		"redis://:CANARY@" + r.Address:                    "user and password",
		"redis://" + r.Address:                            "wants a password",
		"redis://:right@" + r.Address + "/99":             "/0",
		"redis+cluster://:right@" + r.Address:             "redis:// in place of redis+cluster://",
		"redis+sentinel://" + r.Address + "/m":            "redis:// in place of redis+sentinel://",
		"rediss://:CANARY@" + r.Address:                   "TLS (redis://",
		"redis://" + tls.Address:                          "rediss://",
		"rediss://" + tls.Address:                         "ca=",
		"redis://" + replica.Address:                      "name the primary",
		"unix://" + full.Socket:                           "maxmemory",
		"unix://ann:CANARY@" + small.Socket:               "rights that docs/fleet.md lists",
		"redis://:CANARY@" + web.Listener.Addr().String(): "speaks HTTP",
		"redis://127.0.0.1:1":                             "nobody listens",
		"unix:///none":                                    "path",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := fleet.Probe(ctx, open(t, address), "app")
		cancel()
		if err == nil {
			t.Errorf("%s: no error", address)
		} else if text := fleet.Explain(err); !strings.Contains(text, want) || strings.Contains(text, "CANARY") {
			t.Errorf("%s: it says %q, want %q", address, text, want)
		}
	}
}

type logged struct{ lines atomic.Int64 }

func (l *logged) Printf(context.Context, string, ...any) { l.lines.Add(1) }

// A server that isn't there is no reason for go-redis to write to stderr or to go on dialling.
func TestUnreachable(t *testing.T) {
	var log logged
	redis.SetLogger(&log)
	for _, address := range []string{"redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/m"} {
		s, err := goredis.Open(address)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 { // more than connections
			if _, err := s.Run(t.Context(), one, []string{"k"}); err == nil {
				t.Fatalf("%s: nobody is there, but replies", address)
			}
		}
		s.Drop()
		goleak.VerifyNone(t, goleak.IgnoreTopFunction("time.Sleep")) // of the reload of a cluster's slots, which rests for 200 ms
	}
	if n := log.lines.Load(); n != 0 {
		t.Errorf("go-redis logged %d lines", n)
	}
}

// On a cluster a user needs the slots, and no more.
func TestSmallRightsOnCluster(t *testing.T) {
	nodes := redistest.Cluster(t, nil, strings.Fields("--user ann on >right ~spapi:* resetchannels -@all +eval +evalsha +cluster|slots +asking")...)
	if got, err := open(t, "redis+cluster://ann:right@"+nodes[1].Address).Run(t.Context(), one, []string{"spapi:k"}); err != nil || got != int64(1) {
		t.Errorf("got %v, %v", got, err)
	}
}

// Package goredis lets package fleet share limits and tokens over github.com/redis/go-redis/v9: one server, a cluster, or a primary that sentinels name.
//
// A blank import is enough for SPAPI_FLEET and [spapi.Load]:
//
//	import _ "github.com/openspapi/spapi/fleet/goredis"
//
// Addresses are
//
//	redis://user:password@host:6379/0             one server
//	rediss://user:password@host:6379/0            over TLS
//	unix://user:password@/path/redis.sock?db=0    over a Unix socket
//	redis+cluster://h1:7001,h2:7002               a cluster, some of its nodes; rediss+cluster:// over TLS
//	redis+sentinel://h1:26379,h2:26379/mymaster/0 sentinels and their name for the primary; rediss+sentinel:// over TLS
//
// valkey may stand for redis in all of them. Ports (6379, sentinels' 26379), user and password and number of the database may be left out; a password without
// a user is ":password@". What has a meaning in URLs is percent-encoded in user and password. With TLS the query may have ca=, cert= and key=, files in PEM:
// the authorities in place of the system's, and this client's certificate. With sentinels it may have sentinel_user= and sentinel_password=, for the
// sentinels themselves. Anything else in the query is an error, go-redis' own parameters among them: a script must not be repeated and is bound by its
// caller's context, so that there is nothing to tune.
package goredis

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redisaddress"
)

// Server is a [fleet.Server] over a client of go-redis.
//
// Whatever the client's own settings are, no command is repeated whose reply may have been lost. A node of a cluster that says MOVED or ASK has done nothing,
// so that is followed.
type Server struct {
	client redis.UniversalClient
	hidden []spapi.Secret // passwords, which no error shows
	nodes  sync.Map       // of a cluster: the *redis.Client of each node that was used

	close func() error
}

// Open makes a Server for an address; see the package's comment. It connects when it is first used. Nothing runs while it isn't, so it need not be closed.
// Errors say what is wrong with the address and show no secret of it.
func Open(address string) (*Server, error) {
	a, err := redisaddress.Parse(address)
	if err != nil {
		return nil, errors.New("goredis: address: " + err.Error())
	}
	d := &dialer{address: a}
	s := &Server{hidden: []spapi.Secret{a.Password, a.SentinelPassword}}
	if a.Kind == redisaddress.Cluster {
		s.client = redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: a.Hosts, Dialer: d.dial, Protocol: protocol, Username: a.User, Password: a.Password.Reveal(), DialTimeout: patience, ReadTimeout: patience,
			WriteTimeout: patience, PoolTimeout: patience, ContextTimeoutEnabled: true, DialerRetries: 1, ConnMaxIdleTime: idle, PoolSize: connections,
			PipelinePoolSize: -1, DisableIdentity: true, DisableRoutingPolicies: true, MaintNotificationsConfig: noNotices(),
		})
	} else {
		s.client = redis.NewClient(&redis.Options{
			Network: a.Network, Addr: a.Hosts[0], DB: a.DB, Dialer: d.dial, Protocol: protocol, Username: a.User, Password: a.Password.Reveal(), MaxRetries: -1,
			DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience, ContextTimeoutEnabled: true, DialerRetries: 1,
			ConnMaxIdleTime: idle, PoolSize: connections, PipelinePoolSize: -1, DisableIdentity: true, MaintNotificationsConfig: noNotices(),
		})
	}
	s.close = s.client.Close
	s.watch()
	return s, nil
}

const (
	// protocol is RESP2: nothing here needs more, and no server tells it of anything unasked.
	protocol = 2
	// patience bounds what no caller's context does, such as asking a cluster for its slots.
	patience = time.Second
	// idle is how long a connection may wait for its next use. It is shorter than servers and load balancers let one.
	idle = time.Minute
	// connections is how many scripts may be under way at once, per node.
	connections = 64
)

func noNotices() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// New makes a Server over a program's own client, a *redis.Client (of NewFailoverClient too) or a *redis.ClusterClient. It stays the program's to close.
//
// Set ContextTimeoutEnabled in its options: without it a command that the server doesn't answer keeps its connection until ReadTimeout has passed, though Run
// returns in time.
func New(client redis.UniversalClient) *Server {
	s := &Server{client: client, close: func() error { return nil }}
	s.watch()
	return s
}

// Close closes the connections of a Server of [Open]. Afterwards it cannot be used.
func (s *Server) Close() error { return s.close() }

// Run is that of [fleet.Server].
func (s *Server) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	list := make([]any, 0, 3+len(keys)+len(args))
	list = append(list, "evalsha", script.SHA1, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	for _, a := range args {
		list = append(list, a)
	}
	reply, err := s.do(ctx, list, keys)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT ") {
		again := append([]any{"eval", script.Text}, list[2:]...) // a new list: the first one may still be under way in a hook
		return s.do(ctx, again, keys)
	}
	return reply, err
}

// Get is that of [fleet.Server].
func (s *Server) Get(ctx context.Context, key string) (string, bool, error) {
	reply, err := s.do(ctx, []any{"get", key}, []string{key})
	value, ok := reply.(string)
	return value, ok, err
}

// Set is that of [fleet.Server].
func (s *Server) Set(ctx context.Context, key, value string, expiry time.Duration) error {
	_, err := s.do(ctx, []any{"set", key, value, "px", max(expiry.Milliseconds(), 1)}, []string{key})
	return err
}

// once is a command that go-redis doesn't repeat after a failure, whatever the client's MaxRetries and MaxRedirects are. It still follows MOVED and ASK, and
// goes to another node after READONLY: those that say so have done nothing.
type once struct{ *redis.Cmd }

// NoRetry is asked by go-redis.
func (once) NoRetry() bool { return true }

// do carries out a command to the end of ctx: go-redis itself looks at a deadline only, and at that only where ContextTimeoutEnabled is set.
func (s *Server) do(ctx context.Context, args []any, keys []string) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := once{redis.NewCmd(ctx, args...)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.remember(ctx, keys)
		_ = s.client.Process(ctx, cmd)
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-done:
	}
	reply, err := cmd.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, s.hide(err)
	}
	return reply, nil
}

// hide takes the passwords out of an error: some servers repeat what they don't understand.
func (s *Server) hide(err error) error {
	for _, h := range s.hidden {
		if !h.IsZero() && strings.Contains(err.Error(), h.Reveal()) {
			err = errors.New(strings.ReplaceAll(err.Error(), h.Reveal(), h.String()))
		}
	}
	return err
}

// watch notes the nodes of a cluster that are met from now on.
func (s *Server) watch() {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		cluster.OnNewNode(func(node *redis.Client) { s.nodes.Store(node, struct{}{}) })
	}
}

// remember notes which node of a cluster has these keys: the client may have met it before it came here.
func (s *Server) remember(ctx context.Context, keys []string) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok || len(keys) == 0 {
		return
	}
	if node, err := cluster.MasterForKey(ctx, keys[0]); err == nil {
		s.nodes.LoadOrStore(node, struct{}{})
	}
}

// Drop is that of [fleet.Server]. A cluster is asked for its slots again too.
func (s *Server) Drop() {
	switch c := s.client.(type) {
	case *redis.Client:
		drain(c)
	case *redis.ClusterClient:
		s.nodes.Range(func(node, _ any) bool {
			if !drain(node.(*redis.Client)) {
				s.nodes.Delete(node) // it is no part of the cluster any more
			}
			return true
		})
		c.ReloadState(context.Background())
	}
}

// drain closes the idle connections of a client, and reports whether the client is open. go-redis has no door for that, but closes a connection on which a
// command could not be written whole.
func drain(c *redis.Client) (open bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience/10) // the last one may be gone by now, and another is dialled in vain
	defer cancel()
	for c.PoolStats().IdleConns > 0 && ctx.Err() == nil {
		cmd := once{redis.NewCmd(ctx, "echo", unwritable{})}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Process(ctx, cmd)
		}()
		select {
		case <-ctx.Done():
			return true
		case <-done:
		}
		if errors.Is(cmd.Err(), redis.ErrClosed) {
			return false
		}
	}
	return true
}

// unwritable is an argument that cannot be written.
type unwritable struct{}

var errUnwritable = errors.New("goredis: the connection is given up")

// MarshalBinary fails.
func (unwritable) MarshalBinary() ([]byte, error) { return nil, errUnwritable }

func init() { fleet.Register(Open, redisaddress.Schemes()...) }

// Package redistest has the servers that tests of package fleet and of what is built on it run against: real ones, which it starts, and one in memory.
package redistest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"

	"github.com/openspapi/spapi/fleet"
)

// Virtual is a [fleet.Server] on the real server whose scripts take the test's time for the server's: in a bubble of testing/synctest a day passes in
// seconds. Its only change of a script is where that asks for the time.
func (r *Redis) Virtual(t testing.TB) *Server {
	return newServer(t, true, func() (redis.Conn, error) { return redis.Dial("unix", r.Socket) })
}

// Memory is a [fleet.Server] in the memory of the test, with the test's time. It must be made in the bubble that it is used in.
func Memory(t testing.TB) *Server {
	m := miniredis.NewMiniRedis()
	t.Cleanup(m.Close)
	return newServer(t, false, func() (redis.Conn, error) {
		c, err := m.Dial()
		if err != nil {
			return nil, err
		}
		return redis.NewConn(c, 0, 0), nil
	})
}

// Server is a [fleet.Server] for tests, with a connection for each command that is under way. Its fields are for tests that count or break.
type Server struct {
	Before func(ctx context.Context, script *fleet.Script, keys, args []string) error // called before each Run; nil: nothing. An error is that of the Run
	After  func(reply any, err error) (any, error)                                    // called after each Run; nil: nothing

	virtual bool
	dial    func() (redis.Conn, error)
	mu      sync.Mutex
	idle    []redis.Conn
	scripts map[string]made // by their names
	runs    int
}

func newServer(t testing.TB, virtual bool, dial func() (redis.Conn, error)) *Server {
	s := &Server{virtual: virtual, dial: dial, scripts: map[string]made{}}
	t.Cleanup(s.Drop)
	return s
}

// Runs is how many scripts were run.
func (s *Server) Runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

// Do carries out any command.
func (s *Server) Do(command string, args ...any) (any, error) {
	s.mu.Lock()
	var c redis.Conn
	if n := len(s.idle); n > 0 {
		c, s.idle = s.idle[n-1], s.idle[:n-1]
	}
	s.mu.Unlock()
	if c == nil {
		var err error
		if c, err = s.dial(); err != nil {
			return nil, err
		}
	}
	reply, err := c.Do(command, args...)
	if c.Err() != nil {
		_ = c.Close()
		return reply, err
	}
	s.mu.Lock()
	s.idle = append(s.idle, c)
	s.mu.Unlock()
	return reply, err
}

// made is a script as the server is given it.
type made struct {
	text, hash string
	timed      bool // its last two arguments are the time
}

// script counts a run of a script.
func (s *Server) script(script *fleet.Script) made {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	m, ok := s.scripts[script.SHA1]
	if !ok {
		m = made{text: script.Text, hash: script.SHA1}
		if s.virtual {
			m.text = strings.ReplaceAll(script.Text, "redis.call('TIME')", "({ARGV[#ARGV-1],ARGV[#ARGV]})")
			m.timed = m.text != script.Text
			m.hash = redis.NewScript(-1, m.text).Hash()
		}
		s.scripts[script.SHA1] = m
	}
	return m
}

// Run is that of [fleet.Server].
func (s *Server) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.Before != nil {
		if err := s.Before(ctx, script, keys, args); err != nil {
			return nil, err
		}
	}
	all := make([]any, 2, 4+len(keys)+len(args))
	all[1] = len(keys)
	for _, k := range keys {
		all = append(all, k)
	}
	for _, a := range args {
		all = append(all, a)
	}
	made := s.script(script)
	all[0] = made.hash
	if made.timed {
		now := time.Now().UnixMicro()
		all = append(all, now/1e6, now%1e6)
	}
	reply, err := s.Do("EVALSHA", all...)
	if e, ok := err.(redis.Error); ok && strings.HasPrefix(string(e), "NOSCRIPT ") {
		all[0] = made.text
		reply, err = s.Do("EVAL", all...)
	}
	reply = plain(reply)
	if s.After != nil {
		return s.After(reply, err)
	}
	return reply, err
}

// plain makes strings of the bytes in a reply.
func plain(reply any) any {
	switch r := reply.(type) {
	case []byte:
		return string(r)
	case []any:
		for i := range r {
			r[i] = plain(r[i])
		}
	}
	return reply
}

// Get is that of [fleet.Server].
func (s *Server) Get(ctx context.Context, key string) (string, bool, error) {
	value, err := redis.String(s.Do("GET", key))
	if err == redis.ErrNil {
		return "", false, nil
	}
	return value, err == nil, err
}

// Set is that of [fleet.Server].
func (s *Server) Set(ctx context.Context, key, value string, expiry time.Duration) error {
	_, err := s.Do("SET", key, value, "PX", expiry.Milliseconds())
	return err
}

// Drop is that of [fleet.Server].
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.idle {
		_ = c.Close()
	}
	s.idle = nil
}

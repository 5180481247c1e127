// Package redigo lets package fleet share limits and tokens over github.com/gomodule/redigo, the smaller client: one server. Package goredis beside it knows
// clusters and sentinels too, and has the grammar of addresses.
//
// A blank import is enough for SPAPI_FLEET and [spapi.Load]. A program imports one of the two packages.
//
//	import _ "github.com/openspapi/spapi/fleet/redigo"
package redigo

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redisaddress"
)

// Server is a [fleet.Server] over a pool of redigo. No command is repeated.
type Server struct {
	pool   *redis.Pool
	hidden spapi.Secret // the password, which no error shows
}

// Open makes a Server for the address of one server, as package goredis has them. It connects when it is first used. Nothing runs while it isn't, so it
// need not be closed. Errors say what is wrong with the address and show no secret of it.
func Open(address string) (*Server, error) {
	a, err := redisaddress.Parse(address)
	if err == nil && a.Kind != redisaddress.Single {
		err = errors.New("it is none of one server: for clusters and sentinels there is fleet/goredis")
	}
	if err != nil {
		return nil, errors.New("redigo: address: " + err.Error())
	}
	options := []redis.DialOption{redis.DialUsername(a.User), redis.DialPassword(a.Password.Reveal()), redis.DialDatabase(a.DB),
		redis.DialConnectTimeout(patience), redis.DialReadTimeout(patience), redis.DialWriteTimeout(patience)}
	if a.TLS != nil {
		config := a.TLS.Clone()
		config.ServerName, _, _ = net.SplitHostPort(a.Hosts[0])
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(config))
	}
	return &Server{hidden: a.Password, pool: &redis.Pool{
		MaxIdle: connections, MaxActive: connections, Wait: true, IdleTimeout: idle,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, a.Network, a.Hosts[0], options...)
		},
	}}, nil
}

const (
	patience    = time.Second // bounds what no caller's context does
	idle        = time.Minute // shorter than servers and load balancers let a connection wait for its next use
	connections = 64          // how many scripts may be under way at once
)

// New makes a Server over a program's own pool, which stays the program's to close. Set DialContext in it, and an IdleTimeout that is shorter than the
// server's: redigo finds out only by a failure that the server has closed a connection.
func New(pool *redis.Pool) *Server { return &Server{pool: pool} }

// Close closes the pool of a Server. Afterwards it cannot be used.
func (s *Server) Close() error { return s.pool.Close() }

// Run is that of [fleet.Server].
func (s *Server) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	list := make([]any, 0, 2+len(keys)+len(args))
	list = append(list, script.SHA1, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	for _, a := range args {
		list = append(list, a)
	}
	reply, err := s.do(ctx, "EVALSHA", list...)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT ") {
		reply, err = s.do(ctx, "EVAL", append([]any{script.Text}, list[1:]...)...)
	}
	return plain(reply), err
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
	reply, err := s.do(ctx, "GET", key)
	value, ok := reply.([]byte)
	return string(value), ok, err
}

// Set is that of [fleet.Server].
func (s *Server) Set(ctx context.Context, key, value string, expiry time.Duration) error {
	_, err := s.do(ctx, "SET", key, value, "PX", max(expiry.Milliseconds(), 1))
	return err
}

type outcome struct {
	reply any
	err   error
}

// do carries out a command to the end of ctx, to which a pool's Dial need not keep.
func (s *Server) do(ctx context.Context, command string, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := make(chan outcome, 1)
	go func() {
		c, err := s.pool.GetContext(ctx)
		if err != nil {
			done <- outcome{err: err}
			return
		}
		defer c.Close()
		reply, err := redis.DoContext(c, ctx, command, args...)
		done <- outcome{reply, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case o := <-done:
		return o.reply, s.hide(o.err)
	}
}

// hide takes the password out of an error: some servers repeat what they don't understand.
func (s *Server) hide(err error) error {
	if err == nil || s.hidden.IsZero() || !strings.Contains(err.Error(), s.hidden.Reveal()) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), s.hidden.Reveal(), s.hidden.String()))
}

// Drop is that of [fleet.Server]. redigo has no door for it, but closes a connection on which a command came too late.
func (s *Server) Drop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience/10) // the last one may be gone by now, and another is dialled in vain
	defer cancel()
	for s.pool.IdleCount() > 0 && ctx.Err() == nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := s.pool.GetContext(ctx)
			if err != nil {
				return
			}
			defer c.Close()
			late, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
			defer cancel()
			_, _ = redis.DoContext(c, late, "PING")
		}()
		select {
		case <-ctx.Done():
		case <-done:
		}
	}
}

func init() { fleet.Register(Open, redisaddress.Schemes(redisaddress.Single)...) }

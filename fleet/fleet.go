// Package fleet shares each seller's limits and tokens among all processes of an application, through Redis or Valkey. Redis holds all state,
// embedded scripts decide by its clock, and no process leads. docs/fleet.md tells when that is needed and how to run it.
//
// Package fleet needs no client library: it speaks to a [Server]. The folders goredis and redigo have one each, over the libraries of those names.
package fleet

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name of a script in Redis
	"encoding/hex"
	"time"
)

// Server is a Redis or Valkey server, or a cluster of them. It must be safe for concurrent use, keep to the end of ctx, and never repeat a
// command whose reply was lost: a script that runs twice takes twice. package fleet/fleettest has the suite that every Server passes.
type Server interface {
	// Run runs a script: EVALSHA, and EVAL once after NOSCRIPT. All keys are of one slot. A reply is an int64, a string, nil, or a []any of these.
	Run(ctx context.Context, script *Script, keys []string, args ...string) (any, error)

	// Get returns a value; ok tells whether there is one.
	Get(ctx context.Context, key string) (value string, ok bool, err error)

	// Set keeps a value until the expiry has passed.
	Set(ctx context.Context, key, value string, expiry time.Duration) error

	// Drop closes all connections that are idle: after a failure they may be those of a server that is no more.
	Drop()
}

// Script is a Lua script and its name.
type Script struct {
	Text string
	SHA1 string // in hex, as EVALSHA has it
}

// budget bounds one run of a script, connection included. Beyond it the server counts as away.
const budget = 250 * time.Millisecond

func newScript(text string) *Script {
	hash, part := sha1.New(), make([]byte, sha1.BlockSize) //nolint:gosec // Redis names them so
	for rest := text; rest != ""; {                        // at every start of every program: without a copy of the whole
		n := copy(part, rest)
		_, _ = hash.Write(part[:n])
		rest = rest[n:]
	}
	return &Script{Text: text, SHA1: hex.EncodeToString(hash.Sum(nil))}
}

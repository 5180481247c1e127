package sqs

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name of a script in Redis
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/openspapi/spapi/fleet"
)

//go:embed window.lua
var windowText string

var windowScript = func() *fleet.Script {
	sum := sha1.Sum([]byte(windowText)) //nolint:gosec // Redis names them so
	return &fleet.Script{Text: windowText, SHA1: hex.EncodeToString(sum[:])}
}()

// Shared is a [Window] of many processes, on Redis or Valkey.
type Shared struct {
	server fleet.Server
	span   time.Duration
}

// NewShared makes a window on a server that remembers for span (0: 24 hours). Consumers of one queue that share it handle messages of one key one after
// the other, and each once, whichever of them receives it. Its keys begin with "spapi:", it needs no other commands than the fleet (docs/fleet.md), and
// holds some 300 bytes a message. While the server is away nothing is handled: the messages stay in the queue.
func NewShared(server fleet.Server, span time.Duration) *Shared {
	if span <= 0 {
		span = defaultSpan
	}
	return &Shared{server: server, span: span}
}

// Claim is [Window.Claim].
func (s *Shared) Claim(ctx context.Context, c Claim) (State, error) {
	return s.run(ctx, "claim", c)
}

// Done is [Window.Done].
func (s *Shared) Done(ctx context.Context, c Claim) error {
	_, err := s.run(ctx, "done", c)
	return err
}

// Release is [Window.Release].
func (s *Shared) Release(ctx context.Context, c Claim) error {
	_, err := s.run(ctx, "release", c)
	return err
}

// windowBudget bounds one run of the script.
const windowBudget = 2 * time.Second

func (s *Shared) run(ctx context.Context, what string, c Claim) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, windowBudget)
	defer cancel()
	at := ""
	if !c.Time.IsZero() {
		at = strconv.FormatInt(c.Time.UnixMicro(), 10)
	}
	name := "spapi:notified:{" + c.Key + "}:"
	args := append([]string{what, c.Holder, strconv.FormatInt(c.Lease.Milliseconds(), 10), strconv.FormatInt(s.span.Milliseconds(), 10), at,
		strconv.Itoa(len(c.Names))}, c.Names...)
	reply, err := s.server.Run(ctx, windowScript, []string{name + "key", name + "names"}, args...)
	if err != nil {
		return 0, err
	}
	state, ok := reply.(int64)
	if !ok || state < int64(Fresh) || state > int64(Busy) {
		return 0, fmt.Errorf("the script of the window answered %T, want an integer from %d to %d", reply, Fresh, Busy)
	}
	return State(state), nil
}

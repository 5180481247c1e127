// Package factory holds what every command is built from: the global flags, and what they choose: the client with its account or the
// embedded emulator, the printer, the questions. Commands get a [Factory] instead of reaching for the process, so tests can give them
// another one.
package factory

import (
	"context"
	"net/http"
	"os"
	"runtime/debug"
	"sync"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	_ "github.com/openspapi/spapi/fleet/goredis" // for SPAPI_FLEET
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Factory is handed to every NewCmd function.
type Factory struct {
	Streams *terminal.Streams
	Version string // of the spapi command, without "v"

	// Args is the command line, which "spapi call" looks at to know the operation whose flags it has.
	Args []string

	// Flags are the global flags. They hold their values when a command runs, not yet when it is made.
	Flags Flags

	emulator  func() (*emulator.Emulator, error)
	store     func() (*accounts.File, error)
	clients   func() (*accounts.Clients, error)
	limiter   func() spapi.Limiter
	told      sync.Map // notes that were told
	progress  *progress
	waits     *waits
	transport http.RoundTripper // of tests; nil: the network, or the emulator

	limited  context.Context // with the end that --timeout sets; nil without it
	release  func()
	released chan struct{} // closed when the command has ended
	overdue  chan struct{}
}

// New returns the factory of the running process.
func New() *Factory {
	return With(terminal.System(), version(), os.Args[1:])
}

// With returns a factory with other streams and arguments, for tests.
func With(streams *terminal.Streams, version string, args []string) *Factory {
	f := &Factory{Streams: streams, Version: version, Args: args}
	f.emulator = sync.OnceValues(f.newEmulator)
	f.store = sync.OnceValues(f.openStore)
	f.clients = sync.OnceValues(f.newClients)
	f.limiter = spapi.NewLimiter
	f.progress = &progress{f: f, buckets: map[string]*quota{}}
	f.waits = &waits{p: f.progress}
	f.overdue, f.released = make(chan struct{}), make(chan struct{})
	f.release = sync.OnceFunc(func() { close(f.released) })
	return f
}

// UseEmulator makes --emulator call this emulator, for tests that look into it.
func (f *Factory) UseEmulator(e *emulator.Emulator) {
	f.emulator = func() (*emulator.Emulator, error) { return e, nil }
}

// UseTransport carries all requests in place of the network and the emulator, for tests of what may happen on the way.
func (f *Factory) UseTransport(rt http.RoundTripper) { f.transport = rt }

// UseLimiter puts a limiter in the place of the SDK's own, for tests that measure something else.
func (f *Factory) UseLimiter(l spapi.Limiter) { f.limiter = func() spapi.Limiter { return l } }

// Printer writes what a command found, in the format that -o and --jq choose.
func (f *Factory) Printer() *output.Printer {
	return &output.Printer{Streams: f.Streams, Flags: f.Flags.Output}
}

// Print is Printer().Print.
func (f *Factory) Print(ctx context.Context, v any, columns ...output.Column) error {
	return f.Printer().Print(ctx, v, columns...)
}

// version is what "go install …@v1.2.3" or a build from a tagged checkout wrote into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	if v := info.Main.Version; v[0] == 'v' {
		return v[1:]
	}
	return info.Main.Version
}

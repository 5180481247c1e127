// Package factory holds what every command is built from. Commands get a [Factory] instead of reaching for the process, so tests can
// give them another one.
package factory

import (
	"runtime/debug"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Factory is handed to every NewCmd function.
type Factory struct {
	Streams *terminal.Streams
	Version string // of the spapi command, without "v"
}

// New returns the factory of the running process.
func New() *Factory {
	return &Factory{Streams: terminal.System(), Version: version()}
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

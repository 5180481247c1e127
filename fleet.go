package spapi

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/internal/settings"
)

// FleetConfig says over what processes share limits and tokens.
type FleetConfig struct {
	// Address is that of a server, such as "redis://user:password@host:6379/0". The adapter that is registered for its scheme has the others.
	Address Secret

	// Keys are what tokens are sealed with, each 32 random bytes or more in base64 or hexadecimal: the first seals, all open. Without any, tokens aren't shared.
	Keys []Secret

	// Processes is how many are assumed to share while nobody knows; 0: 8.
	Processes int

	// Logger is told when the server can't be reached, when it can again, and what else people should know; nil: [slog.Default], whatever that is at the time.
	Logger *slog.Logger
}

// Fleet is what a process shares with others; see [OpenFleet].
type Fleet struct {
	Limiter Limiter
	Tokens  TokenStore // nil without keys

	// Close ends it, for tests: an open one needs nothing while it is not used. nil: there is nothing to end.
	Close func() error
}

// Options are those of [NewApp] that use the fleet; none where f is nil.
func (f *Fleet) Options() []Option {
	if f == nil {
		return nil
	}
	options := []Option{WithLimiter(f.Limiter)}
	if f.Tokens != nil {
		options = append(options, WithTokenStore(f.Tokens))
	}
	return options
}

// FleetOpener opens what an address names, and sends nothing yet. Its errors show no part of the address that may be a secret.
type FleetOpener func(FleetConfig) (*Fleet, error)

var fleets = struct {
	mu      sync.Mutex
	openers map[string]FleetOpener
	open    map[fleetName]*Fleet
}{openers: map[string]FleetOpener{}, open: map[fleetName]*Fleet{}}

// fleetName tells what one process opens once.
type fleetName struct{ address, keys Secret }

// RegisterFleet makes an opener known for the addresses of a scheme, in lower case. Adapters call it when they are imported. It panics without an opener, and
// where the scheme has one: a program imports one adapter.
func RegisterFleet(scheme string, open FleetOpener) {
	fleets.mu.Lock()
	defer fleets.mu.Unlock()
	switch {
	case open == nil:
		panic("spapi: RegisterFleet of " + scheme + " without an opener")
	case fleets.openers[scheme] != nil:
		panic("spapi: RegisterFleet: " + scheme + ":// has an adapter already: the program imports two, such as fleet/goredis and fleet/redigo, " +
			"perhaps by way of a module that it requires: import one")
	}
	fleets.openers[scheme] = open
}

// OpenFleet opens what processes share. [Load] does so where SPAPI_FLEET is set; programs that make their own [App], or clients of stored accounts, pass
// [Fleet.Options] on. All who open the same address with the same keys in a process get the same Fleet, with Processes and Logger of the first. Nothing is
// sent, and a server that cannot be reached is no error. Errors are a [*ConfigError], [CodeFleetNoAdapter] where the program imports no adapter for the
// address.
func OpenFleet(c FleetConfig) (*Fleet, error) {
	address := c.Address.Reveal()
	if bad := settings.CheckFleet(address); bad != nil {
		return nil, bad
	}
	scheme := settings.FleetScheme(address)
	var keys []string
	for _, k := range c.Keys {
		keys = append(keys, k.Reveal())
	}
	name := fleetName{c.Address, NewSecret(strings.Join(keys, ","))}
	fleets.mu.Lock()
	defer fleets.mu.Unlock()
	if f := fleets.open[name]; f != nil {
		return f, nil
	}
	open := fleets.openers[scheme]
	if open == nil {
		return nil, noAdapter(scheme)
	}
	f, err := open(c)
	if err != nil {
		if _, ok := errors.AsType[*ConfigError](err); ok {
			return nil, err
		}
		return nil, &ConfigError{Code: CodeFleetAddressMalformed, Field: settings.Fleet.Name, Want: err.Error()}
	}
	shared := *f
	shared.Close = func() error {
		fleets.mu.Lock()
		if fleets.open[name] == &shared {
			delete(fleets.open, name)
		}
		fleets.mu.Unlock()
		if f.Close == nil {
			return nil
		}
		return f.Close()
	}
	fleets.open[name] = &shared
	return &shared, nil
}

// noAdapter tells what to import. fleets.mu is held.
func noAdapter(scheme string) error {
	want := `no adapter is there: add import _ "github.com/openspapi/spapi/fleet/goredis" to the program, or fleet/redigo for the smaller client`
	if len(fleets.openers) > 0 {
		want = "no adapter knows the scheme: those that are imported know " + strings.Join(slices.Sorted(maps.Keys(fleets.openers)), ", ")
	}
	if len(scheme) > 20 {
		scheme = fmt.Sprintf("%.20s…", scheme)
	}
	return &ConfigError{Code: CodeFleetNoAdapter, Field: settings.Fleet.Name, Value: scheme + "://…", Want: want}
}

// fleetOf is the fleet that is set; nil if none is.
func fleetOf(s settings.Set, options []Option) (*Fleet, error) {
	if !s.Has(settings.Fleet) {
		return nil, nil
	}
	c := FleetConfig{Address: NewSecret(s.Text(settings.Fleet)), Processes: s.Processes(), Logger: loggerOf(options)}
	for _, key := range s.FleetKeys() {
		c.Keys = append(c.Keys, NewSecret(key))
	}
	f, err := OpenFleet(c)
	if err != nil {
		return nil, s.Sourced(err)
	}
	return f, nil
}

// LoadFleet is the fleet that environment and profile set, as [Load] finds it; nil if they set none. It is for programs that make their own [App], or
// clients of stored accounts. Of the options [WithProfile] and [WithLogger] count.
func LoadFleet(options ...LoadOption) (*Fleet, error) {
	l := loadingOf(options)
	s, err := settings.ReadFleet(l.profile)
	if err != nil {
		return nil, err
	}
	return fleetOf(s, l.app)
}

// loggerOf is the logger of [WithLogger], or nil.
func loggerOf(options []Option) *slog.Logger {
	var c config
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	return c.logger
}

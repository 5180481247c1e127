package spapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// registered lets a test have openers of its own.
func registered(t *testing.T, openers map[string]FleetOpener) {
	t.Helper()
	fleets.mu.Lock()
	defer fleets.mu.Unlock()
	before := fleets.openers
	fleets.openers, fleets.open = openers, map[fleetName]*Fleet{}
	t.Cleanup(func() { fleets.openers, fleets.open = before, map[fleetName]*Fleet{} })
}

// fleetLimiter and fleetTokens are those of a fleet that a test made.
type fleetLimiter struct{ Limiter }

type fleetTokens struct{ TokenStore }

const fleetAddress = "test://ann:CANARY@h"

func TestLoadWithFleet(t *testing.T) {
	cleanEnvironment(t)
	setEnvironment(t, fullEnvironment)
	setEnvironment(t, map[string]string{"SPAPI_FLEET": fleetAddress, "SPAPI_FLEET_KEY": "CANARY1, CANARY2", "SPAPI_FLEET_PROCESSES": "16"})
	var opened []FleetConfig
	closed := 0
	registered(t, map[string]FleetOpener{"test": func(c FleetConfig) (*Fleet, error) {
		opened = append(opened, c)
		f := &Fleet{Limiter: &fleetLimiter{}, Close: func() error { closed++; return nil }}
		if len(c.Keys) > 0 {
			f.Tokens = &fleetTokens{}
		}
		return f, nil
	}})
	log := slog.New(slog.DiscardHandler)
	client, err := Load(t.Context(), WithLogger(log))
	check(t, err)
	if len(opened) != 1 || opened[0].Address.Reveal() != fleetAddress || opened[0].Processes != 16 || len(opened[0].Keys) != 2 ||
		opened[0].Keys[0].Reveal() != "CANARY1" || opened[0].Keys[1].Reveal() != "CANARY2" || opened[0].Logger != log {
		t.Fatalf("opened %v", opened)
	}
	limiter, ok := client.app.config.limiter.(*fleetLimiter)
	tokens, ok2 := client.app.config.tokens.(*fleetTokens)
	if !ok || !ok2 {
		t.Fatalf("limiter %T, tokens %T: want those of the fleet", client.app.config.limiter, client.app.config.tokens)
	}

	again, err := Load(t.Context())
	check(t, err)
	if len(opened) != 1 || again.app.config.limiter != limiter || again.app.config.tokens != tokens {
		t.Errorf("one process opened one address %d times", len(opened))
	}
	own := NewLimiter()
	if client, err = Load(t.Context(), WithLimiter(own), WithTokenStore(nil)); err != nil || client.app.config.limiter != own {
		t.Errorf("the caller's own limiter doesn't win: %v", err)
	}
	if _, isFleets := client.app.config.tokens.(*fleetTokens); isFleets {
		t.Error("the caller's own token store doesn't win")
	}
	t.Setenv("SPAPI_FLEET_KEY", "")
	if client, err = Load(t.Context()); err != nil || len(opened) != 2 {
		t.Fatalf("opened %d times, %v", len(opened), err)
	}
	if _, isFleets := client.app.config.tokens.(*fleetTokens); isFleets || client.app.config.tokens == nil {
		t.Errorf("without a key the tokens are in %T", client.app.config.tokens)
	}

	f, err := LoadFleet()
	check(t, err)
	check(t, f.Close())
	if _, err = LoadFleet(); err != nil || len(opened) != 3 || closed != 1 {
		t.Errorf("after Close: opened %d times, closed %d, %v", len(opened), closed, err)
	}
}

// A profile has the fleet too, under the environment; without any there is none.
func TestFleetOfProfile(t *testing.T) {
	dir := cleanEnvironment(t)
	var opened []FleetConfig
	registered(t, map[string]FleetOpener{"test": func(c FleetConfig) (*Fleet, error) {
		opened = append(opened, c)
		return &Fleet{Limiter: &fleetLimiter{}}, nil
	}})
	if f, err := LoadFleet(); f != nil || err != nil || len(f.Options()) != 0 {
		t.Fatalf("nothing is set, got %v, %v", f, err)
	}
	path := dir + "/p.json"
	writeProfile(t, path, `{"profiles":{"default":{"fleet":"test://default","fleet_processes":3},"b":{"fleet":"test://b","fleet_key":"CANARY"}}}`)
	t.Setenv("SPAPI_CONFIG", path)
	for _, want := range []struct {
		profile, env, address string
		processes, keys       int
	}{
		{"", "", "test://default", 3, 0}, {"b", "", "test://b", 0, 1}, {"b", "test://env", "test://env", 0, 1}, {"", "test://env2", "test://env2", 0, 0},
	} {
		t.Setenv("SPAPI_FLEET", want.env)
		opened = nil
		if _, err := LoadFleet(WithProfile(want.profile)); err != nil || len(opened) != 1 {
			t.Errorf("%+v: opened %d, %v", want, len(opened), err)
			continue
		}
		if c := opened[0]; c.Address.Reveal() != want.address || c.Processes != want.processes || len(c.Keys) != want.keys {
			t.Errorf("%+v: opened %q, %d processes, %d keys", want, c.Address.Reveal(), c.Processes, len(c.Keys))
		}
	}
}

func TestFleetErrors(t *testing.T) {
	for name, test := range map[string]struct {
		env     map[string]string
		openers map[string]FleetOpener
		code    ConfigCode
		source  string
		text    string
	}{
		"no adapter": {map[string]string{"SPAPI_FLEET": "redis://ann:CANARY@h"}, nil, CodeFleetNoAdapter, "SPAPI_FLEET",
			`import _ "github.com/openspapi/spapi/fleet/goredis"`},
		"another": {map[string]string{"SPAPI_FLEET": "redis+cluster://ann:CANARY@h"}, map[string]FleetOpener{"redis": nil, "unix": nil}, CodeFleetNoAdapter,
			"SPAPI_FLEET", "know redis, unix"},
		"a key alone": {map[string]string{"SPAPI_FLEET_KEY": "CANARY"}, nil, CodeFleetAddressMissing, "SPAPI_FLEET_KEY",
			"is set, but SPAPI_FLEET is not: nothing is shared without the address of a server. Set SPAPI_FLEET or a profile's fleet, such as redis://host:6379/0"},
		"a number alone": {map[string]string{"SPAPI_FLEET_PROCESSES": "16"}, nil, CodeFleetAddressMissing, "SPAPI_FLEET_PROCESSES", "or leave both out"},
		"no scheme":      {map[string]string{"SPAPI_FLEET": "ann:CANARY@h"}, nil, CodeFleetAddressMalformed, "SPAPI_FLEET", "want redis://"},
		"odd scheme":     {map[string]string{"SPAPI_FLEET": "ann:CANARY@redis://h"}, nil, CodeFleetAddressMalformed, "SPAPI_FLEET", "want redis://"},
		"spaces":         {map[string]string{"SPAPI_FLEET": " redis://:CANARY@h"}, nil, CodeSpacesPasted, "SPAPI_FLEET", "bare"},
		"no hint is taken for a password": {map[string]string{"SPAPI_FLEET": "CANARY@h"}, nil, CodeFleetAddressMalformed,
			"SPAPI_FLEET", "with user:password and an @"},
		"no key in the list": {map[string]string{"SPAPI_FLEET": fleetAddress, "SPAPI_FLEET_KEY": " , ,"}, nil, CodeFleetKeyInvalid,
			"SPAPI_FLEET_KEY", "no key in it"},
		"no number": {map[string]string{"SPAPI_FLEET": fleetAddress, "SPAPI_FLEET_PROCESSES": "many"}, nil, CodeFleetProcessesInvalid,
			"SPAPI_FLEET_PROCESSES", `"many"`},
		"too few": {map[string]string{"SPAPI_FLEET": fleetAddress, "SPAPI_FLEET_PROCESSES": "0"}, nil, CodeFleetProcessesInvalid,
			"SPAPI_FLEET_PROCESSES", `"0"`},
		"opener's": {map[string]string{"SPAPI_FLEET": fleetAddress}, map[string]FleetOpener{"test": func(FleetConfig) (*Fleet, error) {
			return nil, io.ErrNoProgress
		}}, CodeFleetAddressMalformed, "SPAPI_FLEET", io.ErrNoProgress.Error()},
		"opener's code": {map[string]string{"SPAPI_FLEET": fleetAddress, "SPAPI_FLEET_KEY": "CANARY"}, map[string]FleetOpener{"test": func(FleetConfig) (
			*Fleet, error) {
			return nil, &ConfigError{Code: CodeFleetKeyInvalid, Field: "fleet key", Want: "x"}
		}}, CodeFleetKeyInvalid, "SPAPI_FLEET_KEY", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			cleanEnvironment(t)
			setEnvironment(t, fullEnvironment)
			setEnvironment(t, test.env)
			registered(t, test.openers)
			for how, load := range map[string]func() error{
				"Load":      func() error { _, err := Load(context.Background()); return err },
				"LoadFleet": func() error { _, err := LoadFleet(); return err },
			} {
				bad, ok := errors.AsType[*ConfigError](load())
				if !ok || bad.Code != test.code || bad.Source != test.source || !strings.Contains(bad.Error(), test.text) {
					t.Errorf("%s: %+v, want %s from %s that says %q", how, bad, test.code, test.source, test.text)
				} else if strings.Contains(bad.Error()+bad.Value, "CANARY") {
					t.Errorf("%s: a password shows: %v", how, bad)
				}
			}
		})
	}
}

func TestRegisterFleetTwice(t *testing.T) {
	registered(t, map[string]FleetOpener{})
	open := func(FleetConfig) (*Fleet, error) { return nil, io.EOF }
	RegisterFleet("x", open)
	for _, again := range []func(){func() { RegisterFleet("x", open) }, func() { RegisterFleet("y", nil) }} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "import one") && !strings.Contains(text, "without an opener") {
					t.Errorf("panicked with %q", text)
				}
			}()
			again()
		}()
	}
}

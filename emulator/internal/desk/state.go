package desk

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/clock"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The state of an emulator is small: seed, sizes and the times at which sellers were added give their worlds again, and the clock gives
// where in its life everything is. What remains is what requests have changed, and of that each part keeps its own share.

// State is everything that makes an emulator answer as it does, except faults and options.
type State struct {
	Version     int                   `json:"version"`
	Seed        int64                 `json:"seed"`
	Clock       clock.State           `json:"clock"`
	Orders      int                   `json:"orders"`
	Products    int                   `json:"products"`
	Days        int                   `json:"days"`
	Requests    int                   `json:"requests"` // answered so far
	Minted      int                   `json:"minted"`   // tokens and ids handed out so far
	Application auth.ApplicationState `json:"application"`
	Accounts    []sellerState         `json:"accounts"`
	auth.State
	Buckets []bucketState              `json:"buckets,omitempty"`
	Stores  map[string]json.RawMessage `json:"stores,omitempty"` // what flows keep once
}

// stateVersion changes when older exports can't be read any more.
const stateVersion = 2

type sellerState struct {
	Region       marketplace.Region         `json:"region"`
	Marketplaces []string                   `json:"marketplaces"`
	Created      time.Time                  `json:"created"`
	Revoked      bool                       `json:"revoked,omitempty"`
	Stores       map[string]json.RawMessage `json:"stores,omitempty"`
}

type bucketState struct {
	Operation string             `json:"operation"`
	Account   *int               `json:"account"`
	Sandbox   bool               `json:"sandbox,omitempty"`
	Region    marketplace.Region `json:"region,omitempty"` // of the application's own
	Full      time.Time          `json:"full"`
}

// Export returns the state.
func (d *Desk) Export() (*State, error) {
	d.gate.Lock()
	defer d.gate.Unlock()
	return d.exportHeld()
}

// exportHeld wants d.gate held.
func (d *Desk) exportHeld() (*State, error) {
	d.notice() // what has been told is in no store
	d.mu.Lock()
	s := &State{
		Version: stateVersion, Seed: d.Seed.Value(), Orders: d.sizes.Orders, Products: d.sizes.Products, Days: d.sizes.Days, Clock: d.Clock.State(),
		Requests: d.log.started, Minted: d.Seed.Minted(), Buckets: d.limits.save(),
	}
	sellers := d.sellers
	d.mu.Unlock()
	s.Application, s.State = d.Auth.Save()
	var err error
	for _, a := range sellers {
		as := sellerState{Region: a.Region, Created: a.Created.UTC(), Revoked: d.Auth.IsRevoked(a.Account)}
		for _, m := range a.Marketplaces {
			as.Marketplaces = append(as.Marketplaces, m.ID)
		}
		if as.Stores, err = saveAll(d.keepers(false), d, a); err != nil {
			return nil, err
		}
		s.Accounts = append(s.Accounts, as)
	}
	if s.Stores, err = saveAll(d.keepers(true), d, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Restore brings the desk to an exported state, whatever it was in before. After an error it is as it was, but for faults, which count their
// requests anew.
func (d *Desk) Restore(s *State) error {
	d.gate.Lock()
	defer d.gate.Unlock()
	before, err := d.exportHeld()
	if err != nil {
		return err
	}
	d.mu.Lock()
	log := d.log
	d.mu.Unlock()
	if err := d.load(s); err != nil {
		if undo := d.load(before); undo != nil {
			return fmt.Errorf("emulator: import: %w; and the state before can't be brought back: %w", err, undo)
		}
		d.mu.Lock()
		d.log = log
		d.mu.Unlock()
		return fmt.Errorf("emulator: import: %w", err)
	}
	return nil
}

// load wants d.gate held.
func (d *Desk) load(s *State) error {
	sizes := world.Sizes{Seed: s.Seed, Orders: s.Orders, Products: s.Products, Days: s.Days}
	switch {
	case s.Version != stateVersion:
		return fmt.Errorf("state of version %d: want %d", s.Version, stateVersion)
	case len(s.Accounts) == 0:
		return fmt.Errorf("state without accounts")
	}
	if err := sizes.Check(); err != nil {
		return err
	}
	d.mu.Lock()
	d.sizes = sizes
	d.mu.Unlock()
	d.Seed.Set(s.Seed, 0)
	err := d.clear(func() error {
		for i, as := range s.Accounts {
			a, err := d.addSeller(as.Region, as.Marketplaces, as.Created)
			if err != nil {
				return fmt.Errorf("account %d: %w", i, err)
			}
			if as.Revoked {
				d.Auth.SetRevoked(a.Account)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.Auth.Load(s.Application, s.State); err != nil {
		return err
	}
	for _, b := range s.Buckets {
		if n := b.Account; n != nil && (*n < 0 || *n >= len(s.Accounts)) {
			return fmt.Errorf("limit of %s: no account %d", b.Operation, *n)
		}
		d.limits.load(b)
	}
	d.Seed.Set(s.Seed, s.Minted)
	d.mu.Lock()
	d.log.started = s.Requests
	sellers := d.sellers
	d.mu.Unlock()
	if err := d.Clock.Load(s.Clock); err != nil {
		return err
	}
	if err := loadAll(d.keepers(true), d, nil, s.Stores); err != nil {
		return err
	}
	for i, a := range sellers {
		if err := loadAll(d.keepers(false), d, a, s.Accounts[i].Stores); err != nil {
			return fmt.Errorf("account %d: %w", i, err)
		}
	}
	return nil
}

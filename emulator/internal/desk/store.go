package desk

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// Store is what a flow remembers of requests, for each seller or, if shared, once for all. It is made when it is first asked for, forgotten
// by a reset, and exported with the rest of the state. What it holds guards itself.
type Store[T any] struct {
	Name   string // its key in the export: lasting, like the field names of what save returns
	Shared bool
	Create func(a *Seller) T // a is nil for a shared one

	// Save returns what requests have changed, as a value that encoding/json writes and load reads again: exported fields, times as
	// [time.Time], no pointers into the world (an order by its id, a product by its SKU). nil stands for nothing. It must return
	// the same value for the same state (slices in a set order). No request is under way while it runs.
	Save func(T) (any, error)
	// Load brings what was just created to what save returned. It is not called where save returned nil.
	Load func(T, json.RawMessage) error
}

// Of returns a seller's store.
func (s *Store[T]) Of(a *Seller) T {
	v, ok := a.stores.Load(s)
	if !ok {
		v, _ = a.stores.LoadOrStore(s, s.Create(a))
	}
	return v.(T)
}

// At returns the shared store.
func (s *Store[T]) At(d *Desk) T {
	v, ok := d.shared.Load(s)
	if !ok {
		v, _ = d.shared.LoadOrStore(s, s.Create(nil))
	}
	return v.(T)
}

// Keeper is a store of whatever type.
type Keeper interface {
	title() string
	isShared() bool
	saveFor(d *Desk, a *Seller) (any, error)
	loadFor(d *Desk, a *Seller, raw json.RawMessage) error
}

func (s *Store[T]) title() string  { return s.Name }
func (s *Store[T]) isShared() bool { return s.Shared }

func (s *Store[T]) saveFor(d *Desk, a *Seller) (any, error) {
	if s.Shared {
		return s.Save(s.At(d))
	}
	v, ok := a.stores.Load(s)
	if !ok {
		return nil, nil
	}
	return s.Save(v.(T))
}

func (s *Store[T]) loadFor(d *Desk, a *Seller, raw json.RawMessage) error {
	if s.Shared {
		return s.Load(s.At(d), raw)
	}
	return s.Load(s.Of(a), raw)
}

// keepers are the stores of all flows, shared ones or sellers'.
func (d *Desk) keepers(shared bool) []Keeper {
	list := []Keeper{worldKeeper{}}
	if shared {
		list = []Keeper{consentKeeper{}, outboxKeeper{}, queuesKeeper{}}
	}
	for _, f := range d.flows {
		for _, k := range f.Stores {
			if k.isShared() == shared {
				list = append(list, k)
			}
		}
	}
	return list
}

func saveAll(keepers []Keeper, d *Desk, a *Seller) (map[string]json.RawMessage, error) {
	saved := map[string]json.RawMessage{}
	for _, k := range keepers {
		v, err := k.saveFor(d, a)
		if err != nil {
			return nil, fmt.Errorf("emulator: export of %s: %w", k.title(), err)
		}
		if v == nil {
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("emulator: export of %s: %w", k.title(), err)
		}
		saved[k.title()] = raw
	}
	return saved, nil
}

func loadAll(keepers []Keeper, d *Desk, a *Seller, saved map[string]json.RawMessage) error {
	for name := range format.SortedKeys(saved) {
		if !slices.ContainsFunc(keepers, func(k Keeper) bool { return k.title() == name }) {
			return fmt.Errorf("unknown store %q", name)
		}
	}
	for _, k := range keepers { // in their order: a later one may need an earlier one
		raw, ok := saved[k.title()]
		if !ok {
			continue
		}
		if err := k.loadFor(d, a, raw); err != nil {
			return fmt.Errorf("%s: %w", k.title(), err)
		}
	}
	return nil
}

// worldKeeper keeps a seller's world, if somebody has asked for it.
type worldKeeper struct{}

func (worldKeeper) title() string  { return "world" }
func (worldKeeper) isShared() bool { return false }

func (worldKeeper) saveFor(_ *Desk, a *Seller) (any, error) {
	if a.built == nil {
		return nil, nil
	}
	return a.built.Save(), nil
}

func (worldKeeper) loadFor(_ *Desk, a *Seller, raw json.RawMessage) error {
	return a.untouched().Load(raw)
}

// consentKeeper keeps what sellers have consented to.
type consentKeeper struct{}

func (consentKeeper) title() string  { return "consents" }
func (consentKeeper) isShared() bool { return true }

func (consentKeeper) saveFor(d *Desk, _ *Seller) (any, error) {
	return d.Auth.SaveConsents(), nil
}

func (consentKeeper) loadFor(d *Desk, _ *Seller, raw json.RawMessage) error {
	return d.Auth.LoadConsents(raw)
}

// outboxKeeper keeps the messages to queues.
type outboxKeeper struct{}

func (outboxKeeper) title() string  { return "outbox" }
func (outboxKeeper) isShared() bool { return true }

func (outboxKeeper) saveFor(d *Desk, _ *Seller) (any, error) { return d.Outbox.Save(), nil }

func (outboxKeeper) loadFor(d *Desk, _ *Seller, raw json.RawMessage) error {
	return d.Outbox.Load(raw)
}

// queuesKeeper keeps the queues with their messages.
type queuesKeeper struct{}

func (queuesKeeper) title() string  { return "queues" }
func (queuesKeeper) isShared() bool { return true }

func (queuesKeeper) saveFor(d *Desk, _ *Seller) (any, error) { return d.Queues.Save(), nil }

func (queuesKeeper) loadFor(d *Desk, _ *Seller, raw json.RawMessage) error {
	return d.Queues.Load(raw)
}

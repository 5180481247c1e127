package emulator

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// store is what a flow remembers of requests, for each seller or, if shared, once for all. It is made when it is first asked for, forgotten
// by a reset, and exported with the rest of the state. What it holds guards itself.
type store[T any] struct {
	name   string // its key in the export: lasting, like the field names of what save returns
	shared bool
	create func(a *account) T // a is nil for a shared one

	// save returns what requests have changed, as a value that encoding/json writes and load reads again: exported fields, times as
	// [time.Time], no pointers into the world (an order by its id, a product by its SKU). nil stands for nothing. It must return
	// the same value for the same state (slices in a set order). No request is under way while it runs.
	save func(T) (any, error)
	// load brings what was just created to what save returned. It is not called where save returned nil.
	load func(T, json.RawMessage) error
}

// of returns a seller's store.
func (s *store[T]) of(a *account) T {
	v, ok := a.stores.Load(s)
	if !ok {
		v, _ = a.stores.LoadOrStore(s, s.create(a))
	}
	return v.(T)
}

// at returns the shared store.
func (s *store[T]) at(d *frontDesk) T {
	v, ok := d.shared.Load(s)
	if !ok {
		v, _ = d.shared.LoadOrStore(s, s.create(nil))
	}
	return v.(T)
}

// keeper is a store of whatever type.
type keeper interface {
	title() string
	isShared() bool
	saveFor(d *frontDesk, a *account) (any, error)
	loadFor(d *frontDesk, a *account, raw json.RawMessage) error
}

func (s *store[T]) title() string  { return s.name }
func (s *store[T]) isShared() bool { return s.shared }

func (s *store[T]) saveFor(d *frontDesk, a *account) (any, error) {
	if s.shared {
		return s.save(s.at(d))
	}
	v, ok := a.stores.Load(s)
	if !ok {
		return nil, nil
	}
	return s.save(v.(T))
}

func (s *store[T]) loadFor(d *frontDesk, a *account, raw json.RawMessage) error {
	if s.shared {
		return s.load(s.at(d), raw)
	}
	return s.load(s.of(a), raw)
}

// keepers are the stores of all flows, shared ones or sellers'.
func (d *frontDesk) keepers(shared bool) []keeper {
	list := []keeper{worldKeeper{}}
	if shared {
		list = []keeper{consentKeeper{}, outboxKeeper{}}
	}
	for _, f := range d.flows {
		for _, k := range f.stores {
			if k.isShared() == shared {
				list = append(list, k)
			}
		}
	}
	return list
}

func saveAll(keepers []keeper, d *frontDesk, a *account) (map[string]json.RawMessage, error) {
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

func loadAll(keepers []keeper, d *frontDesk, a *account, saved map[string]json.RawMessage) error {
	for name := range format.SortedKeys(saved) {
		if !slices.ContainsFunc(keepers, func(k keeper) bool { return k.title() == name }) {
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

func (worldKeeper) saveFor(_ *frontDesk, a *account) (any, error) {
	if a.built == nil {
		return nil, nil
	}
	return a.built.Save(), nil
}

func (worldKeeper) loadFor(_ *frontDesk, a *account, raw json.RawMessage) error {
	return a.untouched().Load(raw)
}

// consentKeeper keeps what sellers have consented to.
type consentKeeper struct{}

func (consentKeeper) title() string  { return "consents" }
func (consentKeeper) isShared() bool { return true }

func (consentKeeper) saveFor(d *frontDesk, _ *account) (any, error) {
	return d.auth.saveConsents(), nil
}

func (consentKeeper) loadFor(d *frontDesk, _ *account, raw json.RawMessage) error {
	return d.auth.loadConsents(raw)
}

// outboxKeeper keeps the messages to queues.
type outboxKeeper struct{}

func (outboxKeeper) title() string  { return "outbox" }
func (outboxKeeper) isShared() bool { return true }

func (outboxKeeper) saveFor(d *frontDesk, _ *account) (any, error) { return d.outbox.save(), nil }

func (outboxKeeper) loadFor(d *frontDesk, _ *account, raw json.RawMessage) error {
	return d.outbox.load(raw)
}

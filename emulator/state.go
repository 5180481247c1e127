package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The state of an emulator is small: seed, sizes and the times at which accounts were added give their worlds again, and the clock gives
// where in its life everything is. What remains is what requests have changed, and of that each flow keeps its own share.

// stateful is one flow's share of the state. A flow that remembers something of requests writes one into emulatorStates or
// accountStates below. No request is under way while its functions run, and [Emulator.mu] is not held.
type stateful struct {
	name string // its key in the export: lasting, like the field names of what save returns

	// save returns what requests have changed, as a value that encoding/json writes and load reads again: exported fields, times as
	// [time.Time], no pointers into the world (an order by its id, a product by its SKU). nil stands for nothing. It must return
	// the same value for the same state (slices in a set order) and must not build a world that nobody has asked for
	// (account.built is nil then).
	save func(e *Emulator, a *account) (any, error)
	// load brings a freshly made store to what save returned; it may build the world. It is not called where save returned nil.
	load func(e *Emulator, a *account, raw json.RawMessage) error
	// reset brings a store of emulatorStates back to how New makes it. Those of accounts need none: accounts are made anew.
	reset func(e *Emulator)
}

// emulatorStates are kept once; their functions get a nil account.
var emulatorStates = []stateful{
	consentsStateful, outboxStateful, subscriptionsStateful,
	salesReportShare,
}

// accountStates are kept for each account.
var accountStates = []stateful{
	worldShare,
	contactsStateful,
	deskShare,
}

// State is everything that makes an emulator answer as it does, except faults and options such as models, limits
// and signatures, which are the importing emulator's own. It holds tokens and secrets that are good for the emulator only.
type State struct {
	Version     int                        `json:"version"`
	Seed        int64                      `json:"seed"`
	Clock       ClockState                 `json:"clock"`
	Orders      int                        `json:"orders"`   // as WithOrders
	Products    int                        `json:"products"` // as WithProducts
	Days        int                        `json:"days"`     // as WithDays
	Requests    int                        `json:"requests"` // answered so far
	Minted      int                        `json:"minted"`   // tokens handed out so far
	Application applicationState           `json:"application"`
	Accounts    []accountState             `json:"accounts"`
	Grants      []grantState               `json:"grants,omitempty"`
	Codes       []codeState                `json:"codes,omitempty"`
	Sessions    []sessionState             `json:"sessions,omitempty"`
	Buckets     []bucketState              `json:"buckets,omitempty"`
	Stores      map[string]json.RawMessage `json:"stores,omitempty"` // what flows keep once
}

// stateVersion changes when older exports can't be read any more.
const stateVersion = 1

// ClockState is where an emulator's clock stands.
type ClockState struct {
	Clock  string    `json:"clock"`            // "real", "fixed" or a speed, "3600x"
	Now    time.Time `json:"now"`              //
	Offset string    `json:"offset,omitempty"` // how far a real clock has been moved: "26h0m0s"
}

type applicationState struct {
	Secret       string               `json:"secret"`
	SecretExpiry time.Time            `json:"secret_expiry,omitzero"`
	OldSecrets   map[string]time.Time `json:"old_secrets,omitempty"`
	Roles        []string             `json:"roles"` // null: all
}

type accountState struct {
	Region       marketplace.Region         `json:"region"`
	Marketplaces []string                   `json:"marketplaces"`
	Created      time.Time                  `json:"created"`
	Revoked      bool                       `json:"revoked,omitempty"`
	Stores       map[string]json.RawMessage `json:"stores,omitempty"`
}

type grantState struct {
	Token     string          `json:"token"`
	Kind      grantKind       `json:"kind"`
	Account   *int            `json:"account"`
	Scopes    []string        `json:"scopes,omitempty"`
	Resources []resourceState `json:"resources,omitempty"`
	Expires   time.Time       `json:"expires"`
	Revoked   bool            `json:"revoked,omitempty"`
}

type resourceState struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Elements []string `json:"elements,omitempty"`
}

type codeState struct {
	Code        string    `json:"code"`
	Account     int       `json:"account"`
	RedirectURI string    `json:"redirect_uri"`
	Expires     time.Time `json:"expires"`
}

type sessionState struct {
	KeyID     string    `json:"key_id"`
	SecretKey string    `json:"secret_key"`
	Token     string    `json:"token"`
	Expires   time.Time `json:"expires"`
}

type bucketState struct {
	Operation string    `json:"operation"`
	Account   *int      `json:"account"`
	Sandbox   bool      `json:"sandbox,omitempty"`
	Full      time.Time `json:"full"`
}

// Export returns the emulator's state. An emulator that imports it answers the same requests with the same bytes.
func (e *Emulator) Export() (*State, error) {
	e.gate.Lock()
	defer e.gate.Unlock()
	return e.export()
}

// export wants e.gate held.
func (e *Emulator) export() (*State, error) {
	s, err := e.exportCore()
	if err != nil {
		return nil, err
	}
	if s.Stores, err = saveAll(emulatorStates, e, nil); err != nil {
		return nil, err
	}
	for i, a := range e.accounts {
		if s.Accounts[i].Stores, err = saveAll(accountStates, e, a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func saveAll(states []stateful, e *Emulator, a *account) (map[string]json.RawMessage, error) {
	saved := map[string]json.RawMessage{}
	for _, s := range states {
		v, err := s.save(e, a)
		if err != nil {
			return nil, fmt.Errorf("emulator: export of %s: %w", s.name, err)
		}
		if v == nil {
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("emulator: export of %s: %w", s.name, err)
		}
		saved[s.name] = raw
	}
	return saved, nil
}

// exportCore is the state that the emulator itself keeps.
func (e *Emulator) exportCore() (*State, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := e.options
	s := &State{
		Version: stateVersion, Seed: o.Seed, Orders: o.Orders, Products: o.Products, Days: o.Days, Clock: e.clock.state(),
		Requests: e.log.started, Minted: e.minted,
		Application: applicationState{e.app.secret, e.app.secretExpiry, maps.Clone(e.app.oldSecrets), slices.Clone(e.app.roles)},
	}
	for _, a := range e.accounts {
		as := accountState{Region: a.Region, Created: a.Created.UTC(), Revoked: a.revoked}
		for _, m := range a.Marketplaces {
			as.Marketplaces = append(as.Marketplaces, m.ID)
		}
		s.Accounts = append(s.Accounts, as)
	}
	for token := range format.SortedKeys(e.grants) {
		g := e.grants[token]
		gs := grantState{Token: token, Kind: g.kind, Account: accountNumber(g.account), Scopes: g.scopes, Expires: g.expires.UTC(), Revoked: g.revoked}
		for _, r := range g.resources {
			gs.Resources = append(gs.Resources, resourceState{r.method, r.path, r.elements})
		}
		s.Grants = append(s.Grants, gs)
	}
	for code := range format.SortedKeys(e.codes) {
		c := e.codes[code]
		s.Codes = append(s.Codes, codeState{code, c.account.Number, c.redirectURI, c.expires.UTC()})
	}
	for id := range format.SortedKeys(e.sessions) {
		t := e.sessions[id]
		s.Sessions = append(s.Sessions, sessionState{id, t.secretKey, t.token, t.expires.UTC()})
	}
	s.Buckets = e.limits.save()
	return s, nil
}

func accountNumber(a *account) *int {
	if a == nil {
		return nil
	}
	return &a.Number
}

// Import brings the emulator to an exported state, whatever it was in before. Faults stay, and so do options that are no part of a state.
// A clock that is fixed or has a speed of its own goes on from the exported time; a real one is moved by the exported offset. After
// an error the emulator is as it was before, but for faults, which count their requests anew.
func (e *Emulator) Import(s *State) error {
	e.gate.Lock()
	defer e.gate.Unlock()
	before, err := e.export()
	if err != nil {
		return err
	}
	e.mu.Lock()
	log := e.log
	e.mu.Unlock()
	if err := e.importState(s); err != nil {
		if undo := e.importState(before); undo != nil {
			return fmt.Errorf("emulator: import: %w; and the state before can't be brought back: %w", err, undo)
		}
		e.mu.Lock()
		e.log = log
		e.mu.Unlock()
		return fmt.Errorf("emulator: import: %w", err)
	}
	return nil
}

func (e *Emulator) importState(s *State) error {
	switch {
	case s.Version != stateVersion:
		return fmt.Errorf("state of version %d: want %d", s.Version, stateVersion)
	case len(s.Accounts) == 0:
		return fmt.Errorf("state without accounts")
	}
	if err := (world.Sizes{Seed: s.Seed, Orders: s.Orders, Products: s.Products, Days: s.Days}).Check(); err != nil {
		return err
	}
	e.mu.Lock()
	e.options.Sizes = world.Sizes{Seed: s.Seed, Orders: s.Orders, Products: s.Products, Days: s.Days}
	e.clear()
	err := e.importCore(s)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	if err := e.clock.load(s.Clock); err != nil {
		return err
	}
	if err := loadAll(emulatorStates, e, nil, s.Stores); err != nil {
		return err
	}
	for i, a := range e.accounts {
		if err := loadAll(accountStates, e, a, s.Accounts[i].Stores); err != nil {
			return fmt.Errorf("account %d: %w", i, err)
		}
	}
	return nil
}

func loadAll(states []stateful, e *Emulator, a *account, saved map[string]json.RawMessage) error {
	for name := range format.SortedKeys(saved) {
		if !slices.ContainsFunc(states, func(s stateful) bool { return s.name == name }) {
			return fmt.Errorf("unknown store %q", name)
		}
	}
	for _, s := range states { // in their order: a later one may need an earlier one
		raw, ok := saved[s.name]
		if !ok {
			continue
		}
		if err := s.load(e, a, raw); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// importCore wants e.mu held.
func (e *Emulator) importCore(s *State) error {
	e.log.started, e.minted = s.Requests, s.Minted
	e.app.secret, e.app.secretExpiry, e.app.roles = s.Application.Secret, s.Application.SecretExpiry, s.Application.Roles
	maps.Copy(e.app.oldSecrets, s.Application.OldSecrets)
	for i, as := range s.Accounts {
		a, err := e.addAccount(AccountConfig{as.Region, as.Marketplaces}, as.Created)
		if err != nil {
			return fmt.Errorf("account %d: %w", i, err)
		}
		a.revoked = as.Revoked
	}
	find := func(number *int) (*account, error) {
		if number == nil {
			return nil, nil
		}
		if *number < 0 || *number >= len(e.accounts) {
			return nil, fmt.Errorf("no account %d", *number)
		}
		return e.accounts[*number], nil
	}
	for _, gs := range s.Grants {
		a, err := find(gs.Account)
		if err != nil {
			return fmt.Errorf("grant: %w", err)
		}
		if a == nil && gs.Kind != grantlessGrant {
			return errors.New("grant: no account")
		}
		g := &grant{kind: gs.Kind, account: a, scopes: gs.Scopes, expires: gs.Expires, revoked: gs.Revoked}
		for _, r := range gs.Resources {
			g.resources = append(g.resources, restrictedResource{r.Method, r.Path, r.Elements})
		}
		e.grants[gs.Token] = g
	}
	for _, cs := range s.Codes {
		a, err := find(&cs.Account)
		if err != nil {
			return fmt.Errorf("authorization code: %w", err)
		}
		e.codes[cs.Code] = &authorizationCode{a, cs.RedirectURI, cs.Expires}
	}
	for _, t := range s.Sessions {
		e.sessions[t.KeyID] = &session{t.SecretKey, t.Token, t.Expires}
	}
	for _, b := range s.Buckets {
		a, err := find(b.Account)
		if err != nil {
			return fmt.Errorf("limit of %s: %w", b.Operation, err)
		}
		e.limits.buckets[bucketKey{b.Operation, a, b.Sandbox}] = &bucket{b.Full}
	}
	return nil
}

// Reset brings the emulator back to how New made it: the first seller only, with the credentials and the world of the seed, the clock
// where it started, no tokens, full limits, an empty log. Faults stay. Worlds are built again when they are asked for.
func (e *Emulator) Reset() {
	e.gate.Lock()
	defer e.gate.Unlock()
	e.reset()
}

// Reseed is Reset with another seed.
func (e *Emulator) Reseed(seed int64) {
	e.gate.Lock()
	defer e.gate.Unlock()
	e.mu.Lock()
	e.options.Seed = seed
	e.mu.Unlock()
	e.reset()
}

// Seed returns the seed that the emulator has now.
func (e *Emulator) Seed() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.options.Seed
}

// reset wants e.gate held.
func (e *Emulator) reset() {
	e.clock.restart()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clear()
	if _, err := e.addAccount(AccountConfig{Region: e.options.region}, e.now()); err != nil {
		panic("emulator: reset: " + err.Error()) // New has checked the region
	}
}

// clear forgets all; it wants e.mu held and leaves the emulator without accounts.
func (e *Emulator) clear() {
	e.grants, e.codes, e.sessions = map[string]*grant{}, map[string]*authorizationCode{}, map[string]*session{}
	e.accounts, e.minted, e.log = nil, 0, requestLog{}
	e.app = e.newApplication()
	e.limits.clear()
	for _, r := range e.faults {
		r.fitted, r.struck, r.burst = 0, 0, 0
	}
	for _, s := range emulatorStates {
		if s.reset != nil {
			s.reset(e)
		}
	}
}

func (c *clock) state() ClockState {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := ClockState{Clock: c.String(), Now: c.now().UTC()}
	if c.speed == 1 && c.offset != 0 {
		s.Offset = c.offset.String()
	}
	return s
}

func (c *clock) load(s ClockState) error {
	if c.speed != 1 {
		c.set(s.Now)
		return nil
	}
	if s.Clock != "real" {
		return nil // made by a clock of its own: now it is the real one's turn
	}
	offset := time.Duration(0)
	if s.Offset != "" {
		var err error
		if offset, err = time.ParseDuration(s.Offset); err != nil {
			return fmt.Errorf("clock's offset: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
	return nil
}

// save returns the buckets in a set order. The limiter's lock is its own.
func (l *limiter) save() []bucketState {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []bucketState
	for k, b := range l.buckets {
		list = append(list, bucketState{k.operation, accountNumber(k.account), k.sandbox, b.full.UTC()})
	}
	slices.SortFunc(list, func(a, b bucketState) int { return compareBuckets(&a, &b) })
	return list
}

func compareBuckets(a, b *bucketState) int {
	key := func(s *bucketState) string {
		number := -1
		if s.Account != nil {
			number = *s.Account
		}
		return fmt.Sprintf("%s %09d %v", s.Operation, number, s.Sandbox)
	}
	switch ka, kb := key(a), key(b); {
	case ka < kb:
		return -1
	case ka > kb:
		return 1
	}
	return 0
}

func (l *limiter) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets = map[bucketKey]*bucket{}
}

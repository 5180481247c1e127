// Package desk is the front desk of the emulator: every request comes in here, is checked as Amazon checks it, and goes on to whoever answers it.
package desk

import (
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/clock"
	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/outbox"
	"github.com/openspapi/spapi/emulator/internal/queues"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/sandbox"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Options are what the desk goes by. The zero value has all limits, no models, and a clock that must be given.
type Options struct {
	Time  clock.Source
	Fixed time.Time // where the clock stands; zero: it runs
	Speed float64   // of a clock that runs

	Seed   int64
	Sizes  world.Sizes // of each seller's world; its seed is Seed
	Region marketplace.Region

	Models        string
	Sandbox       bool
	SandboxStrict bool
	RequireSigV4  bool
	KeepRemoved   bool // what Amazon has removed stays
	NoLimits      bool
	AppLimits     bool
	Overrides     []LimitOverride

	Consent     auth.Registration
	Sink        func(queue string, body []byte)
	SecretQueue string
	RefuseFIFO  bool
	OrderItems  int // on a page of orders v0

	StrictParameters bool // refuse query parameters that an operation doesn't have
	Explain          bool // tell in a header why a request was refused
	// DocumentedShippingErrors lets Merchant Fulfillment refuse with the status and code of Amazon's table, not with those that it is seen to answer.
	DocumentedShippingErrors bool
	Memory, Disk             int64 // budgets of documents and uploads in bytes; 0 for the defaults
}

// Desk is where every request comes in: it finds out what is asked for and by whom, checks what Amazon checks, and hands the request on.
type Desk struct {
	Options  Options
	Clock    *clock.Clock
	Seed     *random.Seed
	Auth     *auth.Authority
	Faults   *fault.Rules
	Outbox   *outbox.Box
	Queues   *queues.Service
	limits   *Limiter
	Routes   *router
	Cases    sandbox.Cases // by operation ID; nil without models
	flows    []Flow
	services []*Service

	bodies *contents.Store // long ones of requests, until they are answered
	turn   chan struct{}   // holds something while a request with a long body is answered

	gate sync.RWMutex // held for reading by each request, for writing while the whole state is read or replaced; before all other locks

	mu      sync.Mutex
	sizes   world.Sizes
	sellers []*Seller // by number
	log     requestLog
	files   *contents.Store
	// underWay are the times of the requests that may be changing things, by number.
	underWay map[int]time.Time

	shared  sync.Map // of flows, by *store
	sources map[string]NewsSource
	watched []string // types of news, see [Flow.Changes]
	news    newsBox
	looked  lastLook
}

// New opens the desk with one seller. The error is about options.
func New(o Options, flows []Flow) (*Desk, error) {
	d := &Desk{Options: o, Clock: clock.New(o.Time, o.Fixed, o.Speed), Seed: &random.Seed{}, Routes: NewRouter(flows), flows: flows, sizes: o.Sizes,
		bodies: contents.NewStore(0, maxBodies), turn: make(chan struct{}, 1), underWay: map[int]time.Time{}, sources: newsSources(flows), watched: watchedTypes(flows)}
	for _, f := range flows {
		for i := range f.Services {
			d.services = append(d.services, &f.Services[i])
		}
	}
	d.sizes.Seed = o.Seed
	d.Seed.Set(o.Seed, 0)
	d.Auth = auth.New(d.Seed, d.Clock.Now, o.Consent)
	d.Faults = &fault.Rules{Seed: d.Seed}
	app := d.Auth.Application()
	d.Queues = &queues.Service{Now: o.Time.Now, Seed: d.Seed, Account: app.AWSAccount(), Beside: d.Beside, Look: d.look}
	d.Outbox = &outbox.Box{Seed: d.Seed, Sink: o.Sink, Queues: d.Queues, Faults: d.Faults}
	var err error
	if d.limits, err = newLimiter(o); err != nil {
		return nil, err
	}
	if o.Models != "" {
		if d.Cases, err = sandbox.Read(o.Models); err != nil {
			return nil, err
		}
	}
	d.restart()
	return d, nil
}

// Gone tells whether Amazon has taken something away by a time.
func (d *Desk) Gone(k operations.Kind, name string, at time.Time) bool {
	return !d.Options.KeepRemoved && operations.Gone(k, name, at)
}

// AddSeller adds a seller with a world of its own.
func (d *Desk) AddSeller(region marketplace.Region, marketplaces []string, created time.Time) (*Seller, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addSeller(region, marketplaces, created)
}

// addSeller wants d.mu held.
func (d *Desk) addSeller(region marketplace.Region, marketplaces []string, created time.Time) (*Seller, error) {
	a, err := d.Auth.AddAccount(region, marketplaces, created)
	if err != nil {
		return nil, err
	}
	s := &Seller{Account: a, Desk: d}
	d.sellers = append(d.sellers, s)
	return s, nil
}

// Seller is the one of a number; nil when there is none.
func (d *Desk) Seller(number int) *Seller {
	d.mu.Lock()
	defer d.mu.Unlock()
	if number >= len(d.sellers) {
		return nil
	}
	return d.sellers[number]
}

// AllSellers are those that there are now, by number.
func (d *Desk) AllSellers() []*Seller {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sellers)
}

// Checks are those of all flows, by name.
func (d *Desk) Checks() map[string]Check {
	all := map[string]Check{}
	for _, f := range d.flows {
		for name, c := range f.Checks {
			all[name] = c
		}
	}
	return all
}

// Alone runs f while no request is under way, with the sellers of whom something has been asked.
func (d *Desk) Alone(f func(asked []*Seller)) {
	d.gate.Lock()
	defer d.gate.Unlock()
	f(slices.DeleteFunc(d.AllSellers(), func(a *Seller) bool { return a.built == nil }))
}

// Beside runs f as requests run: the state is not replaced meanwhile.
func (d *Desk) Beside(f func()) {
	d.gate.RLock()
	defer d.gate.RUnlock()
	f()
}

func (d *Desk) worldSizes() world.Sizes {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sizes
}

// RequestCount is how many requests have come in.
func (d *Desk) RequestCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.started
}

// Reset forgets all but faults and starts with the first seller again.
func (d *Desk) Reset() {
	d.gate.Lock()
	defer d.gate.Unlock()
	d.restart()
}

// Reseed is reset with another seed.
func (d *Desk) Reseed(seed int64) {
	d.gate.Lock()
	defer d.gate.Unlock()
	d.Seed.Set(seed, 0)
	d.mu.Lock()
	d.sizes.Seed = seed
	d.mu.Unlock()
	d.restart()
}

// restart wants d.gate held.
func (d *Desk) restart() {
	d.Clock.Restart()
	err := d.clear(func() error {
		_, err := d.addSeller(d.Options.Region, nil, d.Clock.Now())
		return err
	})
	if err != nil {
		panic("emulator: reset: " + err.Error()) // the face has checked the region
	}
}

// clear forgets all and adds sellers anew: nobody sees the desk without any. It wants d.gate held.
func (d *Desk) clear(add func() error) error {
	d.Seed.Set(d.Seed.Value(), 0)
	d.Queues.Clear()
	d.Outbox.Clear(d.Options.SecretQueue)
	d.limits.clear()
	d.Faults.Restart()
	d.shared.Clear()
	d.Told()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Auth.Clear()
	d.sellers, d.log, d.files = nil, requestLog{}, contents.NewStore(d.Options.Memory, d.Options.Disk)
	return add()
}

// Contents is where the bytes of documents and uploads are. What is under way while the state is replaced may still be in another one.
func (d *Desk) Contents() *contents.Store {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files
}

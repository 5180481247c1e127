package emulator

import (
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// deskOptions are what the desk goes by. The zero value has all limits, no models, and a clock that must be given.
type deskOptions struct {
	Time  timeSource
	Fixed time.Time // where the clock stands; zero: it runs
	Speed float64   // of a clock that runs

	Seed   int64
	Sizes  world.Sizes // of each seller's world; its seed is Seed
	Region marketplace.Region

	Models        string
	Sandbox       bool
	SandboxStrict bool
	RequireSigV4  bool
	NoLimits      bool
	AppLimits     bool
	Overrides     []limitOverride

	Consent     consentOptions
	Sink        func(queue string, body []byte)
	SecretQueue string
	OrderItems  int // on a page of orders v0
}

// frontDesk is where every request comes in: it finds out what is asked for and by whom, checks what Amazon checks, and hands the request on.
type frontDesk struct {
	options  deskOptions
	clock    *clock
	seed     *random.Seed
	auth     *authority
	faults   *faultRules
	outbox   *outbox
	limits   *limiter
	routes   *router
	cases    sandboxCases // by operation ID; nil without models
	flows    []flow
	services []*service

	gate sync.RWMutex // held for reading by each request, for writing while the whole state is read or replaced; before all other locks

	mu      sync.Mutex
	sizes   world.Sizes
	sellers []*account // by number
	log     requestLog

	shared sync.Map // of flows, by *store
}

// newFrontDesk opens the desk with one seller. The error is about options.
func newFrontDesk(o deskOptions, flows []flow) (*frontDesk, error) {
	d := &frontDesk{options: o, clock: newClock(o.Time, o.Fixed, o.Speed), seed: &random.Seed{}, routes: newRouter(flows), flows: flows, sizes: o.Sizes}
	for _, f := range flows {
		for i := range f.services {
			d.services = append(d.services, &f.services[i])
		}
	}
	d.sizes.Seed = o.Seed
	d.seed.Set(o.Seed, 0)
	d.auth = newAuthority(d.seed, d.clock.Now, o.Consent)
	d.faults = &faultRules{seed: d.seed}
	d.outbox = &outbox{seed: d.seed, sink: o.Sink}
	var err error
	if d.limits, err = newLimiter(o); err != nil {
		return nil, err
	}
	if o.Models != "" {
		if d.cases, err = readSandboxCases(o.Models); err != nil {
			return nil, err
		}
	}
	d.restart()
	return d, nil
}

// addSeller adds a seller with a world of its own.
func (d *frontDesk) addSeller(region marketplace.Region, marketplaces []string, created time.Time) (*account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, err := d.auth.addAccount(region, marketplaces, created)
	if err != nil {
		return nil, err
	}
	s := &account{authAccount: a, desk: d}
	d.sellers = append(d.sellers, s)
	return s, nil
}

// seller is the one of a number.
func (d *frontDesk) seller(number int) *account {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sellers[number]
}

// allSellers are those that there are now, by number.
func (d *frontDesk) allSellers() []*account {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sellers)
}

func (d *frontDesk) worldSizes() world.Sizes {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sizes
}

// requestCount is how many requests have come in.
func (d *frontDesk) requestCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.started
}

// reset forgets all but faults and starts with the first seller again.
func (d *frontDesk) reset() {
	d.gate.Lock()
	defer d.gate.Unlock()
	d.restart()
}

// reseed is reset with another seed.
func (d *frontDesk) reseed(seed int64) {
	d.gate.Lock()
	defer d.gate.Unlock()
	d.seed.Set(seed, 0)
	d.mu.Lock()
	d.sizes.Seed = seed
	d.mu.Unlock()
	d.restart()
}

// restart wants d.gate held.
func (d *frontDesk) restart() {
	d.clock.restart()
	d.clear()
	if _, err := d.addSeller(d.options.Region, nil, d.clock.Now()); err != nil {
		panic("emulator: reset: " + err.Error()) // the face has checked the region
	}
}

// clear forgets all, and leaves the desk without sellers. It wants d.gate held.
func (d *frontDesk) clear() {
	d.seed.Set(d.seed.Value(), 0)
	d.auth.clear()
	d.outbox.clear(d.options.SecretQueue)
	d.limits.clear()
	d.faults.restart()
	d.shared.Clear()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sellers, d.log = nil, requestLog{}
}

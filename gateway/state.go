package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Block is a kill switch: while it stands, calls of the caller or for the account are refused. With both it is for this caller's calls for this account.
type Block struct {
	Caller  string    `json:"caller,omitzero"` // the name of keys; "local" for requests without one
	Account string    `json:"account,omitzero"`
	Reason  string    `json:"reason,omitzero"` // told to who is refused
	Since   time.Time `json:"since"`
}

// Check finds what is wrong with a block. The error is a *[spapi.ConfigError].
func (b *Block) Check() error {
	if b.Caller == "" && b.Account == "" {
		return invalid("block", "", "names neither caller nor account: want one of them, or both")
	}
	for _, t := range []struct {
		field, text string
		most        int
	}{{"caller", b.Caller, 64}, {"account", b.Account, 128}, {"reason", b.Reason, 500}} {
		if t.text != "" {
			if want := badText(t.text, t.most); want != "" {
				return invalid(t.field, t.text, want)
			}
		}
	}
	return nil
}

// Records of keys and blocks, as a [State] has them. Keys stay when they have ended, so that the last one that is revoked leaves no gateway without any,
// which would take requests without one.
type Records struct {
	Keys   []Key   `json:"keys"`
	Blocks []Block `json:"blocks"`
}

// keepEnded is how long a key is kept when it has ended: as long as audits are that name it, and a month.
const keepEnded = 13 * 30 * 24 * time.Hour

// Prune drops keys that ended more than 13 months ago: audits that name them are no longer kept. One stays in any case.
func (r *Records) Prune(now time.Time) {
	left := len(r.Keys)
	r.Keys = slices.DeleteFunc(r.Keys, func(k Key) bool {
		end := k.Revoked
		if end.IsZero() {
			end = k.Expires
		}
		if left == 1 || end.IsZero() || now.Sub(end) < keepEnded {
			return false
		}
		left--
		return true
	})
}

// State is where keys and blocks are kept, for one gateway or for several: a folder, or the server of a fleet. It is safe for concurrent use.
type State interface {
	// Load returns what there is. Gateways call it every other second, so that what is changed holds everywhere within five.
	// Where nothing has changed it may return the same as before; nobody changes what it has returned.
	// Records beside an error are what was there when it could be read last: gateways go on with them, and tell the error.
	Load(ctx context.Context) (*Records, error)
	// Update changes it: of changes at the same time none is lost. change may be called again. An error means that nothing has changed, unless it wraps
	// [ErrUnsure].
	Update(ctx context.Context, change func(*Records) error) error
}

// ErrUnsure is wrapped by errors of changes that may have been made all the same.
var ErrUnsure = errors.New("it may have been made all the same")

// index is what the keys and blocks of a State come to. It never changes: another takes its place.
type index struct {
	keys     map[string]*Key
	callers  map[string]*Block // by caller, of blocks without an account
	accounts map[string]*Block
	pairs    map[[2]string]*Block // by caller and account
}

func newIndex(r *Records) *index {
	i := &index{keys: make(map[string]*Key, len(r.Keys)), callers: map[string]*Block{}, accounts: map[string]*Block{}, pairs: map[[2]string]*Block{}}
	for n := range r.Keys {
		k := r.Keys[n]
		i.keys[k.ID] = &k
	}
	for n := range r.Blocks {
		switch b := r.Blocks[n]; {
		case b.Caller != "" && b.Account != "":
			i.pairs[[2]string{b.Caller, b.Account}] = &b
		case b.Caller != "":
			i.callers[b.Caller] = &b
		default:
			i.accounts[b.Account] = &b
		}
	}
	return i
}

// open reports whether requests need no key: there never was one.
func (i *index) open() bool { return len(i.keys) == 0 }

// block finds what blocks a caller's calls for an account.
func (i *index) block(caller, account string) *Block {
	if b := i.callers[caller]; b != nil {
		return b
	}
	if b := i.accounts[account]; b != nil {
		return b
	}
	return i.pairs[[2]string{caller, account}]
}

// blocked refuses what the kill switch stops. account may be empty, where none is settled yet.
func (g *Gateway) blocked(c *caller, account string) *refusal {
	i, no := g.keys.current()
	if no != nil {
		return no
	}
	b := i.block(c.name(), account)
	if b == nil {
		return nil
	}
	details := "calls of " + strconv.Quote(b.Caller)
	switch {
	case b.Caller == "":
		details = "calls for the account " + strconv.Quote(b.Account)
	case b.Account != "":
		details += " for the account " + strconv.Quote(b.Account)
	}
	details += " are stopped since " + b.Since.UTC().Format(time.RFC3339)
	if b.Reason != "" {
		details += ": " + b.Reason
	}
	return denied("blocked", details+`. Whoever runs the gateway lifts it: "spapi gateway unblock".`)
}

const (
	lookEvery = 2 * time.Second // into the State
	lookBound = 2 * time.Second // for one look; both together stay below the five seconds in which a change holds everywhere
)

// keys are what is known of the State. Reading them takes no lock.
type keys struct {
	state   State
	log     *slog.Logger
	now     func() time.Time
	changed func() // called when what is known has changed
	known   atomic.Pointer[index]

	mu      sync.Mutex // of loads
	records *Records   // what known was made of

	health atomic.Pointer[stateHealth]
	stop   context.CancelFunc
	done   chan struct{}
}

// stateHealth is how the State was found.
type stateHealth struct {
	err   error
	since time.Time // when it came to be so
}

// newKeys reads the state, and goes on looking until close. Without a state there are no keys.
func newKeys(c *Config, changed func()) *keys {
	k := &keys{state: c.State, log: c.Logger, now: c.Now, changed: changed, done: make(chan struct{})}
	k.health.Store(&stateHealth{since: c.Now()})
	if k.state == nil {
		k.known.Store(newIndex(&Records{}))
		close(k.done)
		return k
	}
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	_ = k.look(ctx) // is told, and shown by health
	go k.watch(ctx)
	return k
}

func (k *keys) close() {
	if k.stop != nil {
		k.stop()
	}
	<-k.done
}

func (k *keys) watch(ctx context.Context) {
	defer close(k.done)
	for {
		pause := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
			_ = k.look(ctx)
		}
	}
}

// look reads the state. What can't be read leaves what is known.
func (k *keys) look(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	bound, cancel := context.WithTimeout(ctx, lookBound)
	defer cancel()
	records, err := k.state.Load(bound)
	if records != nil && len(records.Keys) == 0 && k.records != nil && len(k.records.Keys) > 0 {
		records, err = nil, errors.Join(errKeysGone, err)
	}
	if records != nil && records != k.records {
		k.records = records
		k.known.Store(newIndex(records))
		k.changed()
	}
	if ctx.Err() == nil { // else the gateway ends, or whoever asked has gone
		k.tell(err)
	}
	return err
}

// errKeysGone is that a state has lost everything: keys are revoked, never deleted. Taking it for a state without keys would let in who has none.
var errKeysGone = errors.New("all keys are gone from where they are kept, which no command does: restore them, or start the gateway anew to begin without any")

// tell logs what is wrong when it comes, and when it has gone.
func (k *keys) tell(err error) {
	before := k.health.Load().err
	if (err == nil) != (before == nil) {
		k.health.Store(&stateHealth{err: err, since: k.now()})
	}
	switch {
	case err == nil && before == nil || err != nil && before != nil && err.Error() == before.Error():
	case err == nil:
		k.log.Info("keys and blocks can be read again")
	case k.known.Load() == nil:
		k.log.Error("keys and blocks can't be read: all requests are refused until they can", "error", err)
	default:
		k.log.Warn("keys and blocks can't be read: what was known last holds, and no change does", "error", err)
	}
}

// current is what is known. As long as nothing ever was, everything is refused.
func (k *keys) current() (*index, *refusal) {
	if i := k.known.Load(); i != nil {
		return i, nil
	}
	return nil, &refusal{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "The gateway can't read its callers' keys.",
		Details: "nothing is let through until it can; its log and /readyz tell why.", RetryAfter: lookEvery, why: "state"}
}

// Reload reads accounts, keys and blocks at once, which otherwise is done every few seconds. What can't be read leaves what was known.
func (g *Gateway) Reload(ctx context.Context) error {
	err := g.accounts.reload(ctx)
	if g.config.State != nil {
		err = errors.Join(err, g.keys.look(ctx))
	}
	return err
}

// stateHealth tells whether keys and blocks are known, and if the State can't be read, why and since when.
func (g *Gateway) stateHealth() (loaded bool, since time.Time, err error) {
	h := g.keys.health.Load()
	return g.keys.known.Load() != nil, h.since, h.err
}

package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
)

const (
	// readEvery is how old what is known of accounts gets before it is read again: of a file, which costs nothing, and of stores that have a price per read.
	readEvery       = 2 * time.Second
	readEveryRemote = time.Minute
	// readBound is for one read, and readPatience for a call that waits for one because what is known is too old.
	readBound    = 30 * time.Second
	readPatience = 5 * time.Second
)

// clients are the clients of all accounts, kept so that no call reads the store. They are read again while calls come: whoever finds them old has them
// read in the background. Only who finds them very old waits, so that an account that was removed on a quiet day is gone.
type clients struct {
	store accounts.Store
	of    *accounts.Clients
	log   *slog.Logger
	now   func() time.Time
	every time.Duration
	ctx   context.Context // of reads
	stop  context.CancelFunc

	known atomic.Pointer[roster]
	due   atomic.Int64 // Unix time in nanoseconds from which on it is read again

	mu     sync.Mutex
	flight chan struct{} // of the read under way, closed at its end; nil: there is none
	health accountsHealth
	warned map[string]time.Time // by client id: of what the log was told last
}

// accountsHealth is how the store was found.
type accountsHealth struct {
	err   error
	since time.Time // when it came to be so
}

// roster is what a store came to. It never changes: another takes its place.
type roster struct {
	members      map[string]*member
	names        []string // sorted
	standard     string   // the default account; "" without one
	applications []accounts.Application
	read         time.Time
}

// member is an account with its client.
type member struct {
	account     accounts.Account // as it is stored
	application accounts.Application
	settled     accounts.Account // with what the environment says about where calls go
	client      *spapi.Client
	err         error // why there is none
}

func newClients(c Config) *clients {
	every := c.AccountsEvery
	if every <= 0 {
		every = readEveryRemote
		switch c.Accounts.(type) {
		case *accounts.File, *accounts.Env:
			every = readEvery
		}
	}
	a := &clients{store: c.Accounts, of: accounts.NewClients(c.Accounts, c.Options...), log: c.Logger, now: c.Now, every: every, warned: map[string]time.Time{}}
	a.health.since = c.Now()
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// close ends a read under way.
func (c *clients) close() {
	c.stop()
	c.mu.Lock()
	flight := c.flight
	c.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

// current is what is known. As long as nothing ever was, calls are refused.
func (c *clients) current(ctx context.Context) (*roster, *refusal) {
	known, now := c.known.Load(), c.now()
	if now.UnixNano() < c.due.Load() {
		return known, c.unknown(known)
	}
	flight, failing := c.begin()
	if known != nil && (failing || now.Sub(known.read) < 2*c.every) {
		return known, nil
	}
	patience, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	select {
	case <-flight:
	case <-patience.Done():
	}
	known = c.known.Load()
	return known, c.unknown(known)
}

func (c *clients) unknown(known *roster) *refusal {
	if known != nil {
		return nil
	}
	return &refusal{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "The gateway can't read its accounts.",
		Details: "no call can be made until it can; its log and /readyz tell why.", RetryAfter: c.pause(nil), why: "accounts"}
}

// begin has the store read, unless that is under way. It returns what is closed at the end, and whether the store couldn't be read last time.
func (c *clients) begin() (flight <-chan struct{}, failing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight == nil {
		done := make(chan struct{})
		c.flight = done
		go func() {
			ctx, cancel := context.WithTimeout(c.ctx, readBound)
			defer cancel()
			defer func() {
				c.mu.Lock()
				c.flight = nil
				c.mu.Unlock()
				close(done)
			}()
			c.read(ctx)
		}()
	}
	return c.flight, c.health.err != nil
}

// reload reads the store, after the read that is under way, which may have begun before what the caller knows of.
func (c *clients) reload(ctx context.Context) error {
	for range 2 {
		c.mu.Lock()
		under := c.flight != nil
		c.mu.Unlock()
		flight, _ := c.begin()
		select {
		case <-flight:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !under {
			break
		}
	}
	_, _, err := c.state()
	return err
}

func (c *clients) state() (loaded bool, since time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Load() != nil, c.health.since, c.health.err
}

// accountsHealth tells whether accounts are known, and if the store can't be read, why and since when. What is old is read again, so that a gateway that
// nobody calls but for its readiness stays up to date.
func (g *Gateway) accountsHealth(ctx context.Context) (loaded bool, since time.Time, err error) {
	_, _ = g.accounts.current(ctx)
	return g.accounts.state()
}

// read takes over what the store has. What can't be read leaves what is known in force.
func (c *clients) read(ctx context.Context) {
	now := c.now()
	next, err := c.load(ctx)
	c.due.Store(now.Add(time.Duration(float64(c.pause(next)) * (0.9 + 0.2*rand.Float64()))).UnixNano())
	if c.ctx.Err() != nil {
		return // the gateway ends
	}
	if err == nil {
		next.read = now
		c.known.Store(next)
		c.warn(next, now)
	}
	c.mu.Lock()
	before := c.health.err
	if (err == nil) != (before == nil) {
		c.health.since = now
	}
	c.health.err = err
	c.mu.Unlock()
	switch {
	case err == nil && before != nil:
		c.log.Info("accounts can be read again", "store", c.store.String())
	case err == nil || before != nil && err.Error() == before.Error():
	case c.known.Load() == nil:
		c.log.Error("accounts can't be read: all calls are refused until they can", "error", err)
	default:
		c.log.Warn("accounts can't be read: those that were known last are called for, and no change holds", "error", err)
	}
}

// pause is the time until the next read. A gateway that knows no accounts yet is in a hurry.
func (c *clients) pause(next *roster) time.Duration {
	if next == nil && c.known.Load() == nil {
		return min(c.every, readPatience)
	}
	return c.every
}

func (c *clients) load(ctx context.Context) (*roster, error) {
	list, err := c.store.List(ctx)
	if err != nil {
		return nil, err
	}
	applications, err := c.store.Applications(ctx)
	if err != nil {
		return nil, err
	}
	standard, err := c.store.Default(ctx)
	if err != nil && !errors.Is(err, accounts.ErrNotFound) {
		return nil, err
	}
	by := make(map[string]accounts.Application, len(applications))
	for _, a := range applications {
		by[a.ClientID] = a
	}
	next, known := &roster{members: make(map[string]*member, len(list)), standard: standard, applications: applications}, c.known.Load()
	for _, a := range list {
		application, stored := by[a.ClientID]
		m := known.member(a.Name)
		if m == nil || !reflect.DeepEqual(m.account, a) || m.application != application {
			m = c.newMember(a, application, stored)
		}
		next.members[a.Name] = m
		next.names = append(next.names, a.Name)
	}
	slices.Sort(next.names)
	return next, nil
}

// newMember makes the client of an account. One that can't be called for leaves the others alone.
func (c *clients) newMember(a accounts.Account, application accounts.Application, stored bool) *member {
	m := &member{account: a, application: application, settled: a}
	if !stored {
		m.err = fmt.Errorf("its application %q is not stored", a.ClientID)
	} else {
		var t accounts.Target
		if t, m.err = c.of.Settle(a, application); m.err == nil {
			m.settled = t.Account
			m.client, m.err = c.of.Of(t.Account, t.Application)
		}
	}
	if m.err != nil {
		c.log.Error("an account can't be called for", "account", a.Name, "error", m.err)
	}
	return m
}

func (r *roster) member(name string) *member {
	if r == nil {
		return nil
	}
	return r.members[name]
}

// pick finds the account of a name that a scope opens; "" is the only one that it opens, or the default. nil if there is none.
func (r *roster) pick(scope *Scope, name string) *member {
	if name != "" {
		if !scope.account(name) {
			return nil
		}
		return r.members[name]
	}
	opened := r.opened(scope, 2)
	if len(opened) == 1 {
		return r.members[opened[0]]
	}
	if r.standard != "" && scope.account(r.standard) {
		return r.members[r.standard]
	}
	return nil
}

// opened are up to most names of accounts that a scope opens.
func (r *roster) opened(scope *Scope, most int) (names []string) {
	if len(scope.Accounts) == 1 && !strings.Contains(scope.Accounts[0], "*") { // most keys are so
		if r.members[scope.Accounts[0]] != nil {
			names = append(names, scope.Accounts[0])
		}
		return names
	}
	for _, name := range r.names {
		if scope.account(name) {
			if names = append(names, name); len(names) == most {
				break
			}
		}
	}
	return names
}

// chooseAccount settles the account: that of the header or of the token, else the key's, else the only one that the scope opens, or the default.
func (x *exchange) chooseAccount() *refusal {
	name, no := accountOf(x.r.Header)
	if no != nil {
		return no
	}
	if name != "" && x.caller.token != "" && name != x.caller.account {
		return &refusal{Status: http.StatusBadRequest, Code: "InvalidInput", Message: "The token is for another account.", Details: "the restricted token is for the account " +
			strconv.QuoteToASCII(x.caller.account) + ": leave the header " + headerAccount + " out, or ask for a token for that account.", why: "account"}
	}
	name = cmp.Or(name, x.caller.account)
	if name == "" && x.caller.key != nil {
		name = x.caller.key.Account
	}
	all, no := x.g.accounts.current(x.r.Context())
	if no != nil {
		return no
	}
	m := all.pick(&x.caller.scope, name)
	if m == nil {
		no := noAccount(name)
		no.Details += all.hint(&x.caller.scope)
		return no
	}
	x.caller.account, x.record.Account = m.account.Name, m.account.Name
	if m.err != nil {
		return &refusal{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "The account is not set up so that it can be called for.",
			Details: "the account " + strconv.QuoteToASCII(m.account.Name) + ": whoever runs the gateway finds the reason in its log.", why: "account"}
	}
	x.client = m.client
	return nil
}

// accountOf reads the header; "" without one.
func accountOf(h http.Header) (string, *refusal) {
	name := ""
	for _, value := range h[headerAccount] {
		if value == "" {
			continue
		}
		if name != "" && value != name {
			return "", &refusal{Status: http.StatusBadRequest, Code: "InvalidInput", Message: "The request names two accounts.",
				Details: "the header " + headerAccount + " stands in it more than once: send it once, with the name of one account.", why: "account"}
		}
		name = value
	}
	if name == "" {
		return "", nil
	}
	clean, err := accounts.CleanName(name)
	if err != nil { // it can't be stored under that name, and so there is none
		return name, nil
	}
	return clean, nil
}

// hint tells which accounts would do. It tells of none that the scope doesn't open.
func (r *roster) hint(scope *Scope) string {
	const most = 10
	names := r.opened(scope, most+1)
	if len(names) == 0 {
		return " It opens none."
	}
	more := ""
	if len(names) > most {
		names, more = names[:most], " and more"
	}
	for i := range names {
		names[i] = strconv.QuoteToASCII(names[i])
	}
	return " In " + headerAccount + " it may have: " + strings.Join(names, ", ") + more + "."
}

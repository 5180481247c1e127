package fleet

import (
	"context"
	"math"
	"regexp"
	"sync"
	"time"

	"github.com/openspapi/spapi"
)

// sellerKey is a seller as a client names it: by the id or by a fingerprint of the token.
type sellerKey struct{ app, name string }

// seller is what a client calls one. All processes must call it the same, whether they know the id or the token alone: who knows both publishes under
// the fingerprint what the seller is called; who knows the fingerprint alone looks there.
type seller struct {
	name   string // in the names of buckets, of 32 hex digits: nobody can read anything in it
	used   time.Time
	calls  int       // that wait
	next   time.Time // when to publish or to look up; zero: never
	alias  bool      // a fingerprint whose id this process knows: to be published
	asked  chan struct{}
	nobody bool // a fingerprint whose id nobody has told so far
}

const (
	published30Days = 30 * 24 * time.Hour
	publishEvery    = 24 * time.Hour
	lookUpEvery     = time.Minute
	namesAtOnce     = time.Second // that names may take in one round of the keeper
	sellerIdle      = time.Hour   // until a name is forgotten that nobody uses
)

// fingerprint is what names of sellers look like that stand for tokens. No seller's id does.
var fingerprint = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{32}$`) })

func aliasKey(app, alias string) string { return "spapi:{" + digest("alias", app, alias) + "}:seller" }

// sellerOf is what the seller of a bucket is called; "" where it has none. l.mu is held, and nameSellers has been called for it at some time.
func (l *Limiter) sellerOf(b *spapi.LimitBucket) string {
	if b.Seller == "" {
		return ""
	}
	if s := l.sellers[sellerKey{b.App, b.Seller}]; s != nil {
		return s.name
	}
	return sellerName(b.Seller)
}

// nameSellers makes sure that the sellers of a path have names. For a fingerprint that is new the server is asked: what the first calls take would else be
// missing where the seller is known by its id. Without an answer the call goes on.
func (l *Limiter) nameSellers(ctx context.Context, buckets []spapi.LimitBucket) error {
	for i := range buckets {
		b := &buckets[i]
		if b.Seller == "" {
			continue
		}
		now := time.Now()
		l.mu.Lock()
		s := l.sellers[sellerKey{b.App, b.Seller}]
		if s == nil {
			s = &seller{name: sellerName(b.Seller)}
			l.sellers[sellerKey{b.App, b.Seller}] = s
			if b.Alias == "" && fingerprint().MatchString(b.Seller) {
				s.nobody = true
				s.next = now.Add(lookUpEvery)
				if l.outage == nil && l.ctx.Err() == nil {
					s.asked = make(chan struct{})
					key := sellerKey{b.App, b.Seller}
					l.run(func() {
						l.lookUp(key, s)
						l.mu.Lock()
						close(s.asked)
						s.asked = nil
						l.mu.Unlock()
					})
				}
			}
		}
		s.used = now
		if b.Alias != "" {
			l.alias(b, s.name, now)
		}
		asked := s.asked
		l.mu.Unlock()
		if asked == nil {
			continue
		}
		select {
		case <-asked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// alias notes what the seller of a fingerprint is called.
func (l *Limiter) alias(b *spapi.LimitBucket, name string, now time.Time) {
	key := sellerKey{b.App, b.Alias}
	s := l.sellers[key]
	if s == nil {
		s = &seller{name: sellerName(b.Alias)}
		l.sellers[key] = s
	}
	s.used = now
	if !s.alias {
		s.alias, s.next = true, now
		l.keepNow()
	}
	l.rename(key, s, name)
}

// rename moves what waits for a seller to the buckets that others know it by, with what was taken.
func (l *Limiter) rename(key sellerKey, s *seller, name string) {
	s.nobody = false
	if s.name == name {
		return
	}
	old := s.name
	s.name = name
	now := time.Now()
	moved := map[*bucket]bool{}
	for _, n := range append([]*line(nil), l.all...) {
		has := false
		path := make([]spapi.LimitBucket, len(n.buckets))
		for i, b := range n.buckets {
			path[i] = b.limit
			if b.limit.App == key.app && b.limit.Seller == old {
				path[i].Seller, has = name, true
			}
		}
		if !has {
			continue
		}
		var k pathID
		for i := range path {
			k[i] = keyOf(&path[i])
		}
		to := l.lines[k]
		if to == nil {
			to = l.newLine(k, path)
		}
		n.moveTo(to, moved, now)
	}
}

// moveTo moves calls that wait, and what the buckets miss.
func (n *line) moveTo(to *line, moved map[*bucket]bool, now time.Time) {
	for i, b := range n.buckets {
		if other := to.buckets[i]; other != b && !moved[b] {
			moved[b] = true
			step := float64(n.step(i)) * margin
			if missing := math.Ceil(float64(b.full.Sub(now)-b.lag)/step - 0.02); missing > 0 {
				other.owe(int64(missing), now)
			}
		}
	}
	to.used = now
	for c := n.first(); c != nil; c = n.first() {
		n.drop(c)
		c.line = to
		to.enter(c)
	}
	for _, c := range n.asks {
		if c.state == asking {
			c.line = to
			to.asks = append(to.asks, c)
		}
	}
	n.asks = nil
	if n.alone != nil {
		n.alone()
	}
	if n.placed {
		n.kick()
	}
	if to.calls > 0 || len(to.asks) > 0 {
		to.urgent = true
		to.kick()
	}
}

// lookUp asks what the seller of a fingerprint is called.
func (l *Limiter) lookUp(key sellerKey, s *seller) {
	ctx, cancel := context.WithTimeout(l.ctx, budget)
	name, ok, err := l.server.Get(ctx, aliasKey(key.app, key.name))
	cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.next = time.Now().Add(lookUpEvery)
	if err == nil && ok && s.nobody && fingerprint().MatchString(name) {
		s.next = time.Time{}
		l.rename(key, s, name)
	}
}

// learnNames publishes and looks up the names that are due. What fails comes again: limits are kept under the names at hand.
func (l *Limiter) learnNames() {
	start := time.Now()
	type due struct {
		key   sellerKey
		s     *seller
		alias bool
	}
	var all []due
	l.mu.Lock()
	for key, s := range l.sellers {
		if start.Sub(s.used) > sellerIdle && s.calls == 0 {
			delete(l.sellers, key)
		} else if !s.next.IsZero() && !start.Before(s.next) && (s.alias || start.Sub(s.used) < 2*lookUpEvery || s.calls > 0) {
			all = append(all, due{key, s, s.alias})
		}
	}
	l.mu.Unlock()
	for _, d := range all {
		if time.Since(start) > namesAtOnce || l.ctx.Err() != nil {
			return
		}
		if !d.alias {
			l.lookUp(d.key, d.s)
			continue
		}
		l.mu.Lock()
		name := d.s.name
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(l.ctx, budget)
		err := l.server.Set(ctx, aliasKey(d.key.app, d.key.name), name, published30Days)
		cancel()
		next := publishEvery
		if err != nil {
			next = lookUpEvery
		}
		l.mu.Lock()
		d.s.next = time.Now().Add(next)
		l.mu.Unlock()
	}
}

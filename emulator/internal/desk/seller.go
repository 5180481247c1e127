package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Seller is one seller in one region, isolated from all others.
type Seller struct {
	*auth.Account
	Desk *Desk

	once   sync.Once
	built  *world.World
	ready  atomic.Bool // built is there
	stores sync.Map    // of flows, by *store
}

// World returns the seller's world as of now. It builds it on first use and lets come what has come since. The caller doesn't hold the
// world's lock.
func (a *Seller) World() *world.World {
	w := a.untouched()
	w.Advance(a.Desk.Clock.Now())
	return w
}

// HasWorld tells whether the world has been built: without, nothing is otherwise than it was in the beginning.
func (a *Seller) HasWorld() bool { return a.ready.Load() }

// Settle does what has become due of the seller, whatever flow it is of.
func (a *Seller) Settle(now time.Time) {
	for _, f := range a.Desk.flows {
		if f.Settle != nil {
			f.Settle(a, now)
		}
	}
}

// untouched is the world without what has come since it was last asked for.
func (a *Seller) untouched() *world.World {
	a.once.Do(func() {
		sizes := a.Desk.worldSizes()
		a.built = world.New(sizes, &a.Account.Seller)
		a.watch(a.built)
		for _, f := range a.Desk.flows {
			if f.Watch != nil {
				f.Watch(a, a.built)
			}
		}
		a.ready.Store(true)
	})
	return a.built
}

// AboutListing chooses the listing and marketplace that a [NewsSource]'s About is asked about: by "sku", or "asin", and "marketplace". What isn't given is
// chosen, of listings the first that can be bought. The caller doesn't hold the world's lock.
func (a *Seller) AboutListing(about map[string]string) (*world.World, *world.Listing, *marketplace.Marketplace, error) {
	m, err := a.AboutMarketplace(about)
	if err != nil {
		return nil, nil, nil, err
	}
	w := a.World()
	w.RLock()
	defer w.RUnlock()
	var skus, asins []string
	var found *world.Listing
	for _, l := range w.AllListings() {
		if !l.In(m.ID) {
			continue
		}
		skus, asins = append(skus, l.SKU), append(asins, l.Product.ASIN)
		switch {
		case !world.Same(about["sku"], l.SKU) || !world.Same(about["asin"], l.Product.ASIN):
		case found == nil || !found.Buyable(m.ID) && l.Buyable(m.ID):
			found = l
		}
	}
	if found != nil {
		return w, found, m, nil
	}
	if about["sku"] != "" && !slices.Contains(skus, about["sku"]) || about["asin"] == "" {
		return nil, nil, nil, fmt.Errorf("sku %q: the seller has no such listing in %s; there is %s", about["sku"], m.ID, some(skus))
	}
	return nil, nil, nil, fmt.Errorf("asin %q: the seller doesn't list it in %s; there is %s", about["asin"], m.ID, some(asins))
}

// AboutMarketplace is the one of the seller's that About is asked about, the main one if none is given.
func (a *Seller) AboutMarketplace(about map[string]string) (*marketplace.Marketplace, error) {
	var ids []string
	for i := range a.Marketplaces {
		if m := &a.Marketplaces[i]; about["marketplace"] == m.ID || about["marketplace"] == "" {
			return m, nil
		}
		ids = append(ids, a.Marketplaces[i].ID)
	}
	return nil, fmt.Errorf("marketplace %q: is none of the seller's; there is %s", about["marketplace"], some(ids))
}

func inQuotes(list []string) string {
	texts := make([]string, len(list))
	for i, text := range list {
		texts[i] = strconv.Quote(text)
	}
	return strings.Join(texts, ", ")
}

// some names a few of what there is.
func some(list []string) string {
	switch n := len(list); {
	case n == 0:
		return "none"
	case n > 10:
		return fmt.Sprintf("%s and %d more", inQuotes(list[:10]), n-10)
	}
	return inQuotes(list)
}

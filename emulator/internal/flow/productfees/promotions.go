package productfees

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Promotion is a referral fee that is lower for a while. Amazon publishes neither which promotions there are nor how they are chosen: none comes by itself.
type Promotion struct {
	Seller      string   `json:"seller"`         // id; "": the first one
	Marketplace string   `json:"marketplace"`    // id; "": the seller's main one
	Type        string   `json:"type"`           // any name, up to 100 characters; "": REFERRAL_FEE_DISCOUNT
	SKUs        []string `json:"skus,omitempty"` // whose items it is for, with those of ASINs up to 100 in all; neither: all that the seller has or will have
	ASINs       []string `json:"asins,omitempty"`

	// What is taken off the fee, one of these: above 0, up to 100 per cent of it, or an amount in the marketplace's currency, spelt as in answers, "1.50". No fee
	// gets below 0.
	Percent float64 `json:"percent,omitempty"`
	Amount  string  `json:"amount,omitempty"`

	From  time.Time `json:"from"`  // to the millisecond; zero: now. One that has passed is told of now
	Until time.Time `json:"until"` // not itself; zero: 30 days after From
	Asked time.Time `json:"asked"` // when it was asked for; set by the emulator
}

const (
	promotionType     = "REFERRAL_FEE_DISCOUNT"
	promotionDays     = 30
	maxPromotionType  = 100
	maxPromotionItems = 100 // also of a message, which is assumed
)

// promotions are a seller's.
type promotions struct {
	seller *desk.Seller
	mu     sync.Mutex
	list   []*Promotion // in the order in which they were asked for; what they point to doesn't change
}

var promotionStore = &desk.Store[*promotions]{
	Name:   "fee_promotions",
	Create: func(a *desk.Seller) *promotions { return &promotions{seller: a} },
	Save: func(s *promotions) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.list) == 0 {
			return nil, nil
		}
		return s.list, nil
	},
	Load: func(s *promotions, raw json.RawMessage) error {
		var list []*Promotion
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, p := range list {
			if p == nil {
				return fmt.Errorf("promotion %d: is null", i)
			}
			err := p.check(s.seller)
			if err == nil {
				err = s.add(p)
			}
			if err != nil {
				return fmt.Errorf("promotion %d: %w", i, err)
			}
		}
		return nil
	},
}

// Begin lets a promotion of a seller's begin, at its time, and returns it with what was left open. The error names what is wrong with it.
func Begin(a *desk.Seller, p Promotion, clock func() time.Time) (Promotion, error) {
	p.Seller = a.ID
	if p.Type == "" {
		p.Type = promotionType
	}
	m, err := a.AboutMarketplace(map[string]string{"marketplace": p.Marketplace})
	if err != nil {
		return p, err
	}
	p.Marketplace = m.ID
	if n := len(p.SKUs) + len(p.ASINs); n > maxPromotionItems {
		return p, fmt.Errorf("skus, asins: have %d elements, want at most %d in all, or none for all items", n, maxPromotionItems)
	}
	if p.ASINs, err = itemsOf(a, &p); err != nil {
		return p, err
	}
	s := promotionStore.Of(a)
	s.mu.Lock()
	p.Asked = clock().UTC() // under the lock: whoever asks for what has begun up to a later time waits for this one
	if p.From.IsZero() {
		p.From = p.Asked
	}
	p.From = p.From.UTC().Truncate(time.Millisecond)
	if p.Until.IsZero() {
		p.Until = p.From.AddDate(0, 0, promotionDays)
	}
	p.Until = p.Until.UTC().Truncate(time.Millisecond)
	if err = p.check(a); err == nil && !p.Until.After(p.Asked) {
		err = fmt.Errorf("until %s: has passed, want a time after %s", desk.Millis(p.Until), desk.Millis(p.Asked))
	}
	if err == nil {
		kept := p // the caller's lists are the caller's
		kept.SKUs, kept.ASINs = slices.Clone(p.SKUs), slices.Clone(p.ASINs)
		err = s.add(&kept)
	}
	s.mu.Unlock()
	if err == nil && !p.From.After(p.Asked) && a.Wants(feePromotion) {
		for _, n := range p.news(a, a.World(), p.Asked) {
			a.Tell(n)
		}
	}
	return p, err
}

// itemsOf are the ASINs that a promotion names by them or by SKU, each once and in order; none for one that names nothing.
func itemsOf(a *desk.Seller, p *Promotion) (asins []string, err error) {
	for _, named := range []struct {
		by  string
		ids []string
	}{{"sku", p.SKUs}, {"asin", p.ASINs}} {
		for _, id := range named.ids {
			if id == "" {
				return nil, fmt.Errorf(`%ss: have "", want ids`, named.by)
			}
			w, l, m, err := a.AboutListing(map[string]string{named.by: id, "marketplace": p.Marketplace})
			if err != nil {
				return nil, err
			}
			if _, err := priced(w, l, m); err != nil {
				return nil, err
			}
			asins = append(asins, l.Product.ASIN)
		}
	}
	slices.Sort(asins)
	return slices.Compact(asins), nil
}

// check tells what is wrong with a promotion that has all it needs.
func (p *Promotion) check(a *desk.Seller) error {
	m, err := a.AboutMarketplace(map[string]string{"marketplace": p.Marketplace})
	switch {
	case err != nil:
		return err
	case p.Seller != a.ID:
		return fmt.Errorf("seller %q: want %q", p.Seller, a.ID)
	case len(p.SKUs) > 0 && len(p.ASINs) == 0:
		return errors.New("asins: want those of skus")
	case p.Type == "" || utf8.RuneCountInString(p.Type) > maxPromotionType || !utf8.ValidString(p.Type):
		return fmt.Errorf("type %q: want 1 to %d characters", p.Type, maxPromotionType)
	case (p.Percent == 0) == (p.Amount == ""):
		return errors.New("percent, amount: want one of them")
	case p.Amount == "" && !(p.Percent > 0 && p.Percent <= 100): // also what is no number
		return fmt.Errorf("percent %v: want more than 0, up to 100", p.Percent)
	case !p.Until.After(p.From):
		return fmt.Errorf("until %s: want a time after from, %s", desk.Millis(p.Until), desk.Millis(p.From))
	}
	if p.Amount != "" {
		amount, err := world.ParseMoney(p.Amount, m.Currency)
		if err == nil && amount.Units == 0 {
			err = fmt.Errorf("%q: want more than nothing", p.Amount)
		}
		if err != nil {
			return fmt.Errorf("amount: %w", err)
		}
	}
	return nil
}

// add wants s.mu held. Of two promotions for one item at one time nobody could tell which counts.
func (s *promotions) add(p *Promotion) error {
	for _, o := range s.list {
		if o.Marketplace != p.Marketplace || !p.From.Before(o.Until) || !o.From.Before(p.Until) {
			continue
		}
		for _, asin := range append([]string{""}, p.ASINs...) {
			if asin == "" && (len(p.ASINs) == 0 || len(o.ASINs) == 0) || asin != "" && o.covers(asin) {
				return fmt.Errorf("from, until: %s has one for the same items in %s from %s until %s, want one at a time",
					p.Seller, p.Marketplace, desk.Millis(o.From), desk.Millis(o.Until))
			}
		}
	}
	s.list = append(s.list, p)
	return nil
}

func (p *Promotion) covers(asin string) bool {
	return len(p.ASINs) == 0 || slices.Contains(p.ASINs, asin)
}

// off is what is taken off a fee of a promotion's marketplace, in the smallest units of its currency.
func (p *Promotion) off(fee int, currency string) int {
	if p == nil {
		return 0
	}
	if p.Amount == "" {
		return int(math.Round(float64(fee) * p.Percent / 100))
	}
	amount, _ := world.ParseMoney(p.Amount, currency)
	return min(fee, amount.Units)
}

// promotionOf is the promotion that an item has at a time; nil for none.
func promotionOf(a *desk.Seller, marketplaceID, asin string, at time.Time) *Promotion {
	s := promotionStore.Of(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.list {
		if p.Marketplace == marketplaceID && p.covers(asin) && !at.Before(p.From) && at.Before(p.Until) {
			return p
		}
	}
	return nil
}

// begun are the promotions that begin after a time and up to another, in order of time, without those that had begun when they were asked for.
func (s *promotions) begun(after, until time.Time) (list []*Promotion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.list {
		if p.From.After(p.Asked) && p.From.After(after) && !p.From.After(until) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b *Promotion) int { return a.From.Compare(b.From) })
	return list
}

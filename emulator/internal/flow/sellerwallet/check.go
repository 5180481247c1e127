package sellerwallet

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
)

// Check looks whether a seller's wallet agrees with itself at a time: nothing is spent that isn't there, each booking takes as much as it gives, what
// leaves an account arrives somewhere, ids are unique and times in order. It returns what doesn't hold.
func Check(a *desk.Seller, now time.Time) []string {
	w := wallets.Of(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, "wallet: "+fmt.Sprintf(format, args...)) }

	parts := map[string]*balance{}
	outside := map[string]int{}
	for _, m := range w.moves(now) {
		if sum := m.available + m.lockedIn + m.lockedOut + m.outside; sum != 0 {
			say("a booking of %s in %s makes %d of nothing", m.at.Format(time.RFC3339), m.account, sum)
		}
		b := parts[m.account]
		if b == nil {
			b = &balance{}
			parts[m.account] = b
		}
		b.available, b.lockedIn, b.lockedOut = b.available+m.available, b.lockedIn+m.lockedIn, b.lockedOut+m.lockedOut
		outside[m.account] += m.outside
		if b.available < 0 || b.lockedIn < 0 || b.lockedOut < 0 {
			say("account %s is below zero at %s: %+v", m.account, m.at.Format(time.RFC3339), *b)
		}
	}

	ids := map[string]bool{}
	unique := func(id string) {
		if ids[id] {
			say("two have the id %s", id)
		}
		ids[id] = true
	}
	in, out := map[string]int{}, map[string]int{} // by account, what the transactions say is in it, and on its way out
	for _, acc := range w.accounts() {
		for _, d := range w.deposits(&acc, now) {
			unique(d.id)
			in[acc.id] += d.units
		}
	}
	for _, t := range w.transactions {
		unique(t.ID)
		status := t.status(now)
		if t.CreditID != "" {
			unique(t.CreditID)
		}
		if (t.CreditID != "") != (t.To.Account != "") {
			say("transaction %s arrives in the wallet without a credit, or the other way round", t.ID)
		}
		if w.account(t.Account) == nil || t.To.Account != "" && w.account(t.To.Account) == nil {
			say("transaction %s is of an account that there isn't", t.ID)
			continue
		}
		if !t.Approved.IsZero() && (t.Approved.Before(t.Requested) || t.Done.Before(t.Approved)) {
			say("transaction %s was requested %s, approved %s and done %s", t.ID, t.Requested, t.Approved, t.Done)
		}
		q := &t.Quote
		if want := newQuote(q.Base, q.From, q.To, q.Rate); want.Amount != q.Amount || want.Fee != q.Fee || want.Tax != q.Tax || q.Base <= 0 {
			say("transaction %s: of %d arrive %d after %d and %d, want %d after %d and %d", t.ID, q.Base, q.Amount, q.Fee, q.Tax, want.Amount, want.Fee, want.Tax)
		}
		switch status {
		case inProgress:
			out[t.Account] += t.Quote.Base
		case successful:
			in[t.Account] -= t.Quote.Base
		}
		if t.To.Account != "" && (status == inProgress || status == successful) {
			in[t.To.Account] += t.Quote.Amount
		}
	}
	for _, acc := range w.accounts() {
		b := w.balances(&acc, now)
		if booked := parts[acc.id]; booked != nil && (booked.available != b.available || booked.lockedIn != b.lockedIn || booked.lockedOut != b.lockedOut) {
			say("account %s holds %+v, its bookings come to %+v", acc.id, b, *booked)
		}
		total := b.available + b.lockedIn + b.lockedOut
		if total != in[acc.id] || b.lockedOut != out[acc.id] || total != -outside[acc.id] {
			say("account %s holds %d, %d of it on the way out; its transactions say %d and %d, the outside gave %d",
				acc.id, total, b.lockedOut, in[acc.id], out[acc.id], -outside[acc.id])
		}
	}
	for _, s := range w.schedules {
		unique(s.ID)
		if w.account(s.Account) == nil || (s.Percent > 0) == (s.Units > 0) {
			say("schedule %s is of no account, or of no amount", s.ID)
		}
	}
	return wrong
}

// addsUp is Check with how much it looks at.
func addsUp(a *desk.Seller, now time.Time) (counted int, violations []string) {
	w := wallets.Of(a)
	w.mu.Lock()
	counted = len(w.accounts()) + len(w.transactions) + len(w.schedules)
	w.mu.Unlock()
	return counted, Check(a, now)
}

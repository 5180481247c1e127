// Package finances answers for finances: what the ledger has, in the words of two versions.
package finances

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// V0 is the API of financial events, V20240619 that of transactions, balances and summaries. Both show the same ledger.
var (
	V0 = desk.Flow{Handlers: map[string]desk.Handler{
		"financesv0.listFinancialEventGroups":     listGroups,
		"financesv0.listFinancialEventsByGroupId": listEventsByGroup,
		"financesv0.listFinancialEventsByOrderId": listEventsByOrder,
		"financesv0.listFinancialEvents":          listEvents,
	}}
	V20240619 = desk.Flow{Stores: []desk.Keeper{ledger.Books}, Checks: map[string]desk.Check{"money": addsUp}, Watch: watch,
		News: map[string]desk.NewsSource{ledger.Update: transactionNews}, Handlers: map[string]desk.Handler{
			"finances20240619.listTransactions": listTransactions,
			"finances20240619.listBalances":     listBalances,
			"finances20240619.listSummary":      listSummary,
		}}
)

// addsUp wants the ledger to add up, for each group.
func addsUp(a *desk.Seller, now time.Time) (groups int, violations []string) {
	l := ledger.Books.Of(a)
	for i := range a.Marketplaces {
		groups += len(l.Groups(&a.Marketplaces[i], time.Time{}, now.Add(time.Second), now))
	}
	return groups, l.Check(now)
}

const (
	// postedDelay is how far back a time of a request must lie (the models' notes).
	postedDelay = 2 * time.Minute
	// widest is the widest span that has results; a wider one is empty, and no error (the models' notes).
	widest = 180 * world.Day
)

// span reads the two times of a search. problem is what is wrong with them: Amazon's words for that are not known.
func span(after, before string, asOf time.Time) (from, to time.Time, problem string) {
	latest := asOf.UTC().Add(-postedDelay)
	from, _ = format.ParseTime(after)
	to, _ = format.ParseTime(before)
	switch {
	case from.IsZero():
	case from.After(latest):
		return from, to, "the start is not two minutes ago"
	case !to.IsZero() && !from.Before(to):
		return from, to, "the end does not come after the start"
	}
	if to.After(latest) {
		return from, to, "the end is not two minutes ago"
	}
	if to.IsZero() {
		to = latest
	}
	return from, to, ""
}

// marketplaceOf is one of the seller's marketplaces; the gateway has refused those in which the seller has no part. An id that is none is the service's
// to refuse.
func marketplaceOf(c *desk.Call, id string) *marketplace.Marketplace {
	for i := range c.Seller.Marketplaces {
		if c.Seller.Marketplaces[i].ID == id {
			return &c.Seller.Marketplaces[i]
		}
	}
	return nil
}

// invalid is how finances refuses (v0: selling-partner-api-docs#2405; 2024-06-19: the models' sandbox cases).
func invalid(message, details, reason string) *answer.Error {
	return answer.Invalid(message, reason).Detailed(details)
}

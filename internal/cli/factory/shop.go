package factory

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

// Shop is what the everyday commands work in: one seller in one marketplace.
type Shop struct {
	Client      *spapi.Client
	Marketplace marketplace.Marketplace
	Zone        *time.Location // in which times are shown and dates begin
}

// Shop is the one that the flags choose. It sends nothing.
func (f *Factory) Shop(ctx context.Context, utc bool) (*Shop, error) {
	client, err := f.Client(ctx)
	if err != nil {
		return nil, err
	}
	m, err := f.Marketplace(ctx)
	if err != nil {
		return nil, err
	}
	return &Shop{Client: client, Marketplace: m, Zone: when.Zone(m, utc)}, nil
}

// Currency is the one that a command's flag --currency names, else the marketplace's.
func (s *Shop) Currency(given string) (string, error) {
	currency := strings.ToUpper(cmp.Or(given, s.Marketplace.Currency))
	if currency == "" {
		return "", exit.Usagef("the currency of marketplace %s is not known: name it with --currency", s.Marketplace.ID)
	}
	return currency, nil
}

// Span is what a pair of flags says now; see [when.Span]. Which moments it takes days and times of day for, it tells on stderr.
func (f *Factory) Span(since, until *when.Time, zone *time.Location) (from, to time.Time, err error) {
	if from, to, err = when.Span(since, until, time.Now(), zone); err == nil {
		f.tellTime(since, from, zone, false, since.Zoned())
		f.tellTime(until, to, zone, true, until.Zoned())
	}
	return from, to, err
}

// SpanOfDays is Span with what is told in days or weeks taken back to the beginning of its day, which is told, too.
func (f *Factory) SpanOfDays(since, until *when.Time, zone *time.Location) (from, to time.Time, err error) {
	if from, to, err = when.Span(since, until, time.Now(), zone); err == nil {
		from, to = since.DayOf(from, zone), until.DayOf(to, zone)
		f.tellTime(since, from, zone, false, since.Zoned() || since.InDays())
		f.tellTime(until, to, zone, true, until.Zoned() || until.InDays())
	}
	return from, to, err
}

// Begin is the moment that a flag names now, the beginning if that is a day; zero if the flag was not given. It tells as Span does.
func (f *Factory) Begin(t *when.Time, zone *time.Location) time.Time {
	at := t.Begin(time.Now(), zone)
	f.tellTime(t, at, zone, false, t.Zoned())
	return at
}

func (f *Factory) tellTime(t *when.Time, at time.Time, zone *time.Location, end, worthIt bool) {
	if worthIt && !at.IsZero() {
		f.Notef("%s", t.Tell(at, zone, end))
	}
}

// Zone is that of the marketplace in force, UTC where none is known.
func (f *Factory) Zone(ctx context.Context) *time.Location {
	m, err := f.Marketplace(ctx)
	return when.Zone(m, err != nil)
}

// SellerID is the seller's id, which listings want and Amazon tells nobody: chosen, where a command has a flag for it, else that of
// SPAPI_SELLER_ID or the account's.
func (f *Factory) SellerID(_ context.Context, client *spapi.Client, chosen string) (string, error) {
	if chosen != "" {
		return chosen, nil
	}
	id := client.SellerID()
	if id == "" {
		return "", exit.Usagef("no seller id is known: pass --seller-id, or set SPAPI_SELLER_ID (in Seller Central it is the \"Merchant Token\" below \"Account Info\")")
	}
	return id, nil
}

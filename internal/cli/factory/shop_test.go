package factory

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

func TestCurrency(t *testing.T) {
	for _, c := range []struct {
		m           marketplace.Marketplace
		given, want string
	}{{marketplace.JP, "", "JPY"}, {marketplace.JP, "usd", "USD"}, {marketplace.Marketplace{ID: "A1ZZZZZZZZZZZZ"}, "eur", "EUR"}} {
		if got, err := (&Shop{Marketplace: c.m}).Currency(c.given); err != nil || got != c.want {
			t.Errorf("%s, --currency %q: %q, %v", c.m.ID, c.given, got, err)
		}
	}
	if got, err := (&Shop{Marketplace: marketplace.Marketplace{ID: "A1ZZZZZZZZZZZZ"}}).Currency(""); exit.Status(err) != exit.Usage {
		t.Errorf("a price without a currency: %q, %v", got, err)
	}
}

// What a marketplace doesn't tell, the other flags do.
func TestMarketplaceThatIsNotInTheTable(t *testing.T) {
	f, _ := newFactory()
	f.Flags.Emulator, f.Flags.Region = true, marketplace.FarEast
	if m, err := f.Marketplace(t.Context()); err != nil || m != marketplace.JP {
		t.Errorf("the emulator's in the Far East: %s, %v", m.CountryCode, err)
	}
	f.Flags.Marketplace = marketplace.Marketplace{ID: "A1ZZZZZZZZZZZZ", Name: "A1ZZZZZZZZZZZZ"}
	if err := f.Prepare(); err != nil {
		t.Error(err)
	}
	shop, err := f.Shop(t.Context(), false)
	if err != nil || shop.Client.Region() != marketplace.FarEast || shop.Marketplace.ID != "A1ZZZZZZZZZZZZ" || shop.Zone != time.UTC {
		t.Errorf("got %+v, %v", shop, err)
	}
	f.Flags.Marketplace = marketplace.DE
	if err := f.Prepare(); exit.Status(err) != exit.Usage {
		t.Errorf("Germany in the Far East: %v", err)
	}
}

func TestSpanIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // from 2000-01-01T00:00:00Z on
		var since, until when.Time
		flags := NewCmdHelp().Flags()
		when.Flag(flags, &since, "since", "", "`time`", "")
		when.Flag(flags, &until, "until", "", "`time`", "")
		zone := when.Zone(marketplace.JP, false)
		for _, c := range []struct{ since, until, want string }{
			{"7d", "1d", ""},
			{"1999-12-01", "1d", "--since 1999-12-01: 1999-12-01T00:00:00+09:00 (Asia/Tokyo)\n"},
			{"2d", "yesterday", "--until yesterday: before 2000-01-01T00:00:00+09:00 (Asia/Tokyo)\n"},
			{"2d", "today", ""}, // it ends now
			{"3d", "7d", ""},
		} {
			f, messages := newFactory()
			if err := flags.Parse([]string{"--since", c.since, "--until", c.until}); err != nil {
				t.Fatal(err)
			}
			_, _, err := f.Span(&since, &until, zone)
			if messages.String() != c.want || (err != nil) != (c.since == "3d") {
				t.Errorf("%+v: said %q, %v", c, messages, err)
			}
		}
	})
}

package when

import (
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// Every marketplace has a zone that a machine with a time zone database knows.
func TestZones(t *testing.T) {
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		t.Skip("this machine has no time zone database")
	}
	for _, m := range marketplace.All() {
		if zone := Zone(m, false); zone == time.UTC || zone.String() == "" {
			t.Errorf("%s has no zone", m.CountryCode)
		}
		if Zone(m, true) != time.UTC {
			t.Errorf("%s: UTC was wanted", m.CountryCode)
		}
	}
}

func TestParse(t *testing.T) {
	zone := time.FixedZone("test", 2*60*60)
	now := time.Date(2026, 3, 10, 12, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{
		"":                          "0001-01-01T00:00:00Z",
		"0h":                        "2026-03-10T12:00:00Z",
		"90m":                       "2026-03-10T10:30:00Z",
		"24h":                       "2026-03-09T12:00:00Z",
		"7d":                        "2026-03-03T12:00:00Z",
		"2w":                        "2026-02-24T12:00:00Z",
		"2026-01-31":                "2026-01-30T22:00:00Z",
		"2026-01-31T08:30":          "2026-01-31T06:30:00Z",
		"2026-01-31T08:30:15":       "2026-01-31T06:30:15Z",
		"2026-01-31T08:30:15Z":      "2026-01-31T08:30:15Z",
		"2026-01-31t08:30:15+05:00": "2026-01-31T03:30:15Z",
	} {
		got, err := Parse("since", text, now, zone)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"yesterday", "7", "d", "-7d", "7x", "2026-13-01", "31.01.2026", "99999999999d"} {
		if _, err := Parse("since", bad, now, zone); exit.Status(err) != exit.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := Span("1d", "2d", now, zone); exit.Status(err) != exit.Usage {
		t.Errorf("a span that ends before it begins: %v", err)
	}
	if from, to, err := Span("2d", "1d", now, zone); err != nil || to.Sub(from) != 24*time.Hour {
		t.Errorf("got %v to %v, %v", from, to, err)
	}
}

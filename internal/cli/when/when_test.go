package when

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

func TestZone(t *testing.T) {
	if zone := Zone(marketplace.DE, false); zone.String() != "Europe/Berlin" {
		t.Errorf("Germany is in %s", zone)
	}
	for _, m := range []marketplace.Marketplace{{}, {ID: "A1ZZZZZZZZZZZZ"}, {ID: "A1", TimeZone: "Mars/Base"}} {
		if zone := Zone(m, false); zone != time.UTC {
			t.Errorf("%+v: %s", m, zone)
		}
	}
	if Zone(marketplace.DE, true) != time.UTC {
		t.Error("UTC was wanted")
	}
}

func set(t *testing.T, text string) *Time {
	t.Helper()
	v := &Time{flag: "since"}
	if err := v.Set(text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestGrammar(t *testing.T) {
	zone := time.FixedZone("test", 2*60*60)
	now := time.Date(2026, 3, 10, 23, 30, 0, 500, time.UTC) // in the zone it is the eleventh already
	for _, c := range []struct {
		text, begin, end string // end "": the same
		zoned            bool
	}{
		{"now", "2026-03-10T23:30:00Z", "", false},
		{"0m", "2026-03-10T23:30:00Z", "", false},
		{"90m", "2026-03-10T22:00:00Z", "", false},
		{"24h", "2026-03-09T23:30:00Z", "", false},
		{"7d", "2026-03-03T23:30:00Z", "", false},
		{"2w", "2026-02-24T23:30:00Z", "", false},
		{"2026-01-31T08:30:15Z", "2026-01-31T08:30:15Z", "", false},
		{"2026-01-31t08:30:15.5+05:00", "2026-01-31T03:30:15.5Z", "", false},
		{"2026-01-31T08:30", "2026-01-31T06:30:00Z", "", true},
		{"2026-01-31T08:30:15", "2026-01-31T06:30:15Z", "", true},
		{"2026-01-31", "2026-01-30T22:00:00Z", "2026-01-31T22:00:00Z", true},
		{"today", "2026-03-10T22:00:00Z", "2026-03-11T22:00:00Z", true},
		{"yesterday", "2026-03-09T22:00:00Z", "2026-03-10T22:00:00Z", true},
	} {
		v := set(t, c.text)
		if c.end == "" {
			c.end = c.begin
		}
		if got := v.Begin(now, zone).UTC().Format(time.RFC3339Nano); got != c.begin {
			t.Errorf("%s begins at %s, want %s", c.text, got, c.begin)
		}
		if got := v.End(now, zone).UTC().Format(time.RFC3339Nano); got != c.end {
			t.Errorf("%s ends at %s, want %s", c.text, got, c.end)
		}
		if v.Zoned() != c.zoned || v.String() != c.text || !v.Given() {
			t.Errorf("%s: zoned %v, text %q, given %v", c.text, v.Zoned(), v, v.Given())
		}
	}
	for _, bad := range []string{"", "tomorrow", "Today", "7", "d", "-7d", "+7d", "7x", "1h30m", "2026-13-01", "2026-02-30", "31.01.2026", "2026-01-31 08:30",
		" 7d", "7d ", "99999999999d", "5300w", "2026-01-31T08:30:15+0500"} {
		v := &Time{flag: "since"}
		if err := v.Set(bad); err == nil || !strings.Contains(err.Error(), "3d") || !strings.Contains(err.Error(), "yesterday") ||
			!strings.Contains(err.Error(), "2026-01-31T15:04:05Z") {
			t.Errorf("%q: %v", bad, err)
		}
		if v.Given() || !v.Begin(now, zone).IsZero() || !v.End(now, zone).IsZero() {
			t.Errorf("%q left a value", bad)
		}
	}
}

// Days have 23 or 25 hours where clocks change, and in Egypt some begin at one.
func TestDaysOfChange(t *testing.T) {
	for _, c := range []struct {
		m               marketplace.Marketplace
		day, begin, end string
	}{
		{marketplace.US, "2026-03-08", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"},
		{marketplace.DE, "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{marketplace.EG, "2026-04-23", "2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z"},
		{marketplace.EG, "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		{marketplace.IN, "2026-01-31", "2026-01-30T18:30:00Z", "2026-01-31T18:30:00Z"},
		{marketplace.DE, "2025-12-31", "2025-12-30T23:00:00Z", "2025-12-31T23:00:00Z"},
	} {
		v, zone := set(t, c.day), Zone(c.m, false)
		begin, end := v.Begin(time.Time{}, zone).UTC().Format(time.RFC3339), v.End(time.Time{}, zone).UTC().Format(time.RFC3339)
		if begin != c.begin || end != c.end {
			t.Errorf("%s in %s is from %s to %s, want %s to %s", c.day, c.m.Name, begin, end, c.begin, c.end)
		}
	}
	// Today is a day of the zone, also where midnight is in between.
	v, now := set(t, "today"), time.Date(2026, 4, 24, 12, 0, 0, 0, time.UTC)
	if got := v.Begin(now, Zone(marketplace.EG, false)).UTC().Format(time.RFC3339); got != "2026-04-23T22:00:00Z" {
		t.Errorf("today in Egypt began at %s", got)
	}
}

func TestSpan(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	berlin := Zone(marketplace.DE, false)
	for _, c := range []struct{ since, until, from, to string }{
		{"2026-01-01", "2026-01-31", "2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z"}, // the whole January: the day that ends it belongs to it
		{"2026-01-31", "2026-01-31", "2026-01-30T23:00:00Z", "2026-01-31T23:00:00Z"},
		{"yesterday", "yesterday", "2026-03-08T23:00:00Z", "2026-03-09T23:00:00Z"},
		{"2026-01-01", "2026-01-31T00:00", "2025-12-31T23:00:00Z", "2026-01-30T23:00:00Z"}, // a time of day does not
		{"2d", "1d", "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z"},
		{"2w", "", "2026-02-24T12:00:00Z", ""},
		{"today", "today", "2026-03-09T23:00:00Z", ""}, // not over yet
		{"", "2099-01-01", "", ""},
		{"", "", "", ""},
	} {
		since, until := &Time{flag: "since"}, &Time{flag: "until"}
		if c.since != "" {
			since = set(t, c.since)
		}
		if c.until != "" {
			until = set(t, c.until)
		}
		show := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.UTC().Format(time.RFC3339)
		}
		from, to, err := Span(since, until, now, berlin)
		if err != nil || show(from) != c.from || show(to) != c.to {
			t.Errorf("%q to %q is from %q to %q, %v; want %q to %q", c.since, c.until, show(from), show(to), err, c.from, c.to)
		}
	}
	until := set(t, "2d")
	until.flag = "until"
	for want, since := range map[string]*Time{
		`--since "1d" is not before --until "2d"`: set(t, "1d"),
		`--since "2d" is not before --until "2d"`: set(t, "2d"),
		`--since "2026-03-11": lies ahead`:        set(t, "2026-03-11"),
	} {
		if _, _, err := Span(since, until, now, berlin); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestDayOf(t *testing.T) {
	now, berlin := time.Date(2026, 3, 10, 23, 30, 0, 0, time.UTC), Zone(marketplace.DE, false)
	for text, want := range map[string]string{
		"3d": "2026-03-07T23:00:00Z", "1w": "2026-03-03T23:00:00Z", "72h": "2026-03-07T23:30:00Z",
		"yesterday": "2026-03-09T23:00:00Z", "2026-01-31T08:30:15Z": "2026-01-31T08:30:15Z",
	} {
		v := set(t, text)
		if got := v.DayOf(v.Begin(now, berlin), berlin).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTell(t *testing.T) {
	now, berlin := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC), Zone(marketplace.DE, false)
	v := set(t, "yesterday")
	if got, want := v.Tell(v.Begin(now, berlin), berlin, false), "--since yesterday: 2026-03-09T00:00:00+01:00 (Europe/Berlin)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := v.Tell(v.End(now, berlin), berlin, true), "--since yesterday: before 2026-03-10T00:00:00+01:00 (Europe/Berlin)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !set(t, "2d").InDays() || set(t, "36h").InDays() || v.InDays() {
		t.Error("2d is told in days, 36h and yesterday are not")
	}
	if got, want := set(t, "2d").Tell(now, berlin, false), "--since 2d: 2026-03-10T13:00:00+01:00 (Europe/Berlin)"; got != want {
		t.Errorf("tells %q, want %q", got, want)
	}
}

func TestFlag(t *testing.T) {
	var since Time
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	Flag(flags, &since, "since", "7d", "`time` from which on", "")
	Flag(flags, new(Time), "until", "", "`time` before which", "now")
	if got := flags.FlagUsages(); !strings.Contains(got, "--since time") ||
		!strings.Contains(got, "spapi help times") || !strings.Contains(got, "(default 7d)") ||
		!strings.Contains(got, "(spapi help times) (default: now)\n") {
		t.Errorf("help says %q", got)
	}
	if err := flags.Parse([]string{"--since", "soon"}); err == nil || !strings.Contains(err.Error(), `"soon"`) || !strings.Contains(err.Error(), `"--since"`) {
		t.Errorf("an error that does not name flag and value: %v", err)
	}
	if err := flags.Parse([]string{"--since", "2w"}); err != nil || since.String() != "2w" {
		t.Errorf("got %v, %v", since.String(), err)
	}
}

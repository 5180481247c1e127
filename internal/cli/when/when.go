// Package when is the times of commands: the one grammar in which they are asked for on the command line, and the zone in which they are shown.
package when

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // days must not begin elsewhere on a machine without a time zone database

	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// Zone is the zone of a marketplace, or UTC where utc is wanted or the marketplace has none that is known.
func Zone(m marketplace.Marketplace, utc bool) *time.Location {
	zone, err := m.Location()
	if utc || err != nil {
		return time.UTC
	}
	return zone
}

// errForms is what an error says about the grammar.
var errForms = errors.New("want how long ago (90m, 12h, 3d, 2w), now, today, yesterday, a date (2026-01-31), or a time (2026-01-31T15:04:05Z)")

// layouts are those of a time of day without a zone.
var layouts = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}

// units are the ends of durations; time.ParseDuration knows neither days nor weeks.
var units = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// furthest bounds how long ago a time may be.
const furthest = 100 * 365 * 24 * time.Hour

// Time is the value of a flag that takes a time; [Flag] adds one. What it is in the end may depend on the zone, so that it is asked for with one:
// by Begin where it starts something, by End where it ends something. A day (a date, today, yesterday) begins with its first moment, and ends when the
// next one begins: it belongs to what it ends. The zero Time is that of a flag that was not given.
type Time struct {
	flag string
	text string
	in   func(now time.Time, zone *time.Location) (begin, end time.Time) // nil if not given
	form form
}

type form int

const (
	instant form = iota // the same in each zone
	days                // so many days or weeks ago, to the moment
	clock               // a time of day without a zone
	day                 // a day of the calendar
)

// Flag adds a flag to flags. Value is its default, and otherwise says what holds without it where it has none. Usage says what the time is for, with
// the word `time` in it; what can be written is added.
func Flag(flags *pflag.FlagSet, t *Time, name, value, usage, otherwise string) {
	t.flag = name
	if value != "" {
		if err := t.Set(value); err != nil {
			panic("when: default of --" + name + ": " + err.Error()) // a mistake in the program
		}
	}
	usage += forms
	if otherwise != "" {
		usage += " (default: " + otherwise + ")"
	}
	flags.Var(t, name, usage)
}

// forms is what the help text of each flag says about the grammar; the topic of [NewCmdHelp] says the rest.
const forms = ": 12h, 3d or 2w ago, yesterday, 2026-01-31 … (spapi help times)"

// String is what was given.
func (t *Time) String() string { return t.text }

// Type is what help calls the value.
func (t *Time) Type() string { return "time" }

// Given reports whether there is a value.
func (t *Time) Given() bool { return t.in != nil }

// Zoned reports whether the value is another moment in another zone.
func (t *Time) Zoned() bool { return t.form == clock || t.form == day }

// Set reads a value. It is for package pflag, which adds to errors the names of flag and value.
func (t *Time) Set(text string) error {
	in, form := parse(text)
	if in == nil {
		return errForms
	}
	t.text, t.in, t.form = text, in, form
	return nil
}

func parse(text string) (in func(now time.Time, zone *time.Location) (begin, end time.Time), _ form) {
	moment := func(f func(now time.Time, zone *time.Location) time.Time) func(time.Time, *time.Location) (time.Time, time.Time) {
		return func(now time.Time, zone *time.Location) (time.Time, time.Time) {
			at := f(now, zone)
			return at, at
		}
	}
	back := func(n int) func(time.Time, *time.Location) (time.Time, time.Time) {
		return func(now time.Time, zone *time.Location) (time.Time, time.Time) {
			y, m, d := now.In(zone).Date()
			return midnight(y, m, d-n, zone), midnight(y, m, d-n+1, zone)
		}
	}
	switch text {
	case "":
		return nil, instant
	case "now":
		return moment(func(now time.Time, _ *time.Location) time.Time { return now.Truncate(time.Second) }), instant
	case "today":
		return back(0), day
	case "yesterday":
		return back(1), day
	}
	last := len(text) - 1
	if unit, ok := units[text[last]]; ok {
		n, err := strconv.ParseUint(text[:last], 10, 31)
		if err != nil || time.Duration(n) > furthest/unit {
			return nil, instant
		}
		kind := instant
		if unit >= units['d'] {
			kind = days
		}
		return moment(func(now time.Time, _ *time.Location) time.Time {
			return now.Add(-time.Duration(n) * unit).Truncate(time.Second)
		}), kind
	}
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		y, m, d := date.Date()
		return func(_ time.Time, zone *time.Location) (time.Time, time.Time) {
			return midnight(y, m, d, zone), midnight(y, m, d+1, zone)
		}, day
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return moment(func(_ time.Time, zone *time.Location) time.Time {
				return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone)
			}), clock
		}
	}
	if at, err := time.Parse(time.RFC3339, strings.ToUpper(text)); err == nil {
		return moment(func(time.Time, *time.Location) time.Time { return at }), instant
	}
	return nil, instant
}

// midnight is the first moment of a day. Where clocks are put forward at midnight, as in Egypt, there is no 00:00, and [time.Date] may answer the
// hour before it.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	at := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if at.Day() != time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Day() {
		return at.Add(time.Hour)
	}
	return at
}

// Begin is the moment from which on something counts; zero if the flag was not given.
func (t *Time) Begin(now time.Time, zone *time.Location) time.Time {
	if t.in == nil {
		return time.Time{}
	}
	begin, _ := t.in(now, zone)
	return begin
}

// End is the moment before which something counts; zero if the flag was not given.
func (t *Time) End(now time.Time, zone *time.Location) time.Time {
	if t.in == nil {
		return time.Time{}
	}
	_, end := t.in(now, zone)
	return end
}

// InDays reports whether the value says that it is so many days or weeks ago, which is what DayOf changes.
func (t *Time) InDays() bool { return t.form == days }

// DayOf takes at back to the beginning of its day if the value says that it is so many days or weeks ago, so that it is the same all day.
func (t *Time) DayOf(at time.Time, zone *time.Location) time.Time {
	if t.form != days {
		return at
	}
	y, m, d := at.In(zone).Date()
	return midnight(y, m, d, zone)
}

// Tell says which moment the value is taken for.
func (t *Time) Tell(at time.Time, zone *time.Location, end bool) string {
	before := ""
	if end {
		before = "before "
	}
	return fmt.Sprintf("--%s %s: %s%s (%s)", t.flag, t.text, before, at.In(zone).Format(time.RFC3339), zone)
}

// Span is what a pair of flags, such as --since and --until, says at a moment: from when on and before when, zero where the flag was not given.
// An end that lies ahead is zero, too: Amazon takes none.
func Span(since, until *Time, now time.Time, zone *time.Location) (from, to time.Time, err error) {
	from, to = since.Begin(now, zone), until.End(now, zone)
	switch {
	case from.After(now):
		return from, to, exit.Usagef("--%s %q: lies ahead, at %s", since.flag, since, from.Format(time.RFC3339))
	case !from.IsZero() && !to.IsZero() && !from.Before(to):
		return from, to, exit.Usagef("--%s %q is not before --%s %q: %s, %s", since.flag, since, until.flag, until,
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if to.After(now) {
		to = time.Time{}
	}
	return from, to, nil
}

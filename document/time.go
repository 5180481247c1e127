package document

import (
	"fmt"
	"strings"
	"time"
)

// layouts are the spellings of dates in reports, without those that depend on where the day stands.
var layouts = []string{
	time.RFC3339Nano, // 2026-01-31T10:00:00+00:00, all orders and most FBA reports
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05", // 2026-01-31 10:00:00 UTC, flat settlement reports
	"2006-01-02T15:04Z07:00",
	"2006-01-02 15:04",
	"2006-01-02",
	"02.01.2006 15:04:05", // 31.01.2026 10:00:00 UTC, settlement reports V2 and Germany
	"02.01.2006 15:04",
	"02.01.2006",
	"2006/01/02 15:04:05", // 2026/01/31 10:00:00 JST, Japan
	"2006/01/02 15:04",
	"2006/1/2 15:04:05",
	"2006/01/02",
	"2006/1/2",
	"2006年1月2日 15:04:05",
	"2006年1月2日",
	"20060102T150405Z07:00",
	"20060102",
	"Jan 2, 2006 3:04:05 PM", // Jan 31, 2026 10:00:00 AM PST, payment reports
	"Jan 2, 2006",
	"2 Jan 2006 15:04:05",
	"2 Jan 2006",
	"02-Jan-2006 15:04:05",
	"02-Jan-2006", // 31-Jan-2026, returns
	time.ANSIC,    // Mon Oct 28 18:49:32 UTC 2019, as Java prints a time
}

var (
	dayFirst = []string{
		"02/01/2006 15:04:05", "02/01/2006 15:04", "02/01/2006", "2/1/2006", "02-01-2006 15:04:05", "02-01-2006 15:04", "02-01-2006", "02/01/06", "02-01-06",
	}
	monthFirst = []string{
		"01/02/2006 15:04:05", "01/02/2006 15:04", "01/02/2006", "1/2/2006", "01-02-2006 15:04:05", "01-02-2006 15:04", "01-02-2006", "01/02/06", "01-02-06",
		"01/02/2006 3:04:05 PM",
	}
)

// zones are the abbreviations that Amazon writes, in hours and a half: Go's parser knows only those of the machine it runs on.
var zones = map[string]time.Duration{
	"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": time.Hour, "BST": time.Hour, "IST": 5*time.Hour + 30*time.Minute,
	"CET": time.Hour, "MEZ": time.Hour, "MET": time.Hour, "CEST": 2 * time.Hour, "MESZ": 2 * time.Hour, "MEST": 2 * time.Hour,
	"EET": 2 * time.Hour, "EEST": 3 * time.Hour, "TRT": 3 * time.Hour, "GST": 4 * time.Hour, "SGT": 8 * time.Hour, "JST": 9 * time.Hour,
	"AEST": 10 * time.Hour, "AEDT": 11 * time.Hour, "BRT": -3 * time.Hour,
	"EST": -5 * time.Hour, "EDT": -4 * time.Hour, "CST": -6 * time.Hour, "CDT": -5 * time.Hour, "MST": -7 * time.Hour, "MDT": -6 * time.Hour,
	"PST": -8 * time.Hour, "PDT": -7 * time.Hour,
}

// cutZone takes the abbreviation of a zone off the end of a time, or from before its year.
func cutZone(text string) (without, name string) {
	i := strings.LastIndexByte(text, ' ')
	if i <= 0 {
		return text, ""
	}
	before, last := strings.TrimRight(text[:i], " "), text[i+1:]
	if _, ok := zones[last]; ok {
		return before, last
	}
	j := strings.LastIndexByte(before, ' ')
	if _, ok := zones[before[j+1:]]; ok && j > 0 {
		return before[:j+1] + last, before[j+1:]
	}
	return text, ""
}

// TimeOptions say how to read what a date alone does not tell.
type TimeOptions struct {
	Location *time.Location // of times without a zone; default UTC
	DayFirst bool           // 01/02/2026 is the first of February; default the second of January
}

// ParseTime reads a date or a time in any spelling of Amazon's reports.
func ParseTime(s string, options TimeOptions) (time.Time, error) {
	return NewTimeParser(options).Parse(s)
}

// TimeParser reads the times of one column: it remembers the layout that fitted last. It is not safe for concurrent use.
type TimeParser struct {
	options TimeOptions
	last    string
}

// NewTimeParser returns a parser for a column.
func NewTimeParser(options TimeOptions) *TimeParser { return &TimeParser{options: options} }

// Parse is [ParseTime].
func (p *TimeParser) Parse(s string) (time.Time, error) {
	text := strings.TrimSpace(s)
	location := p.options.Location
	if location == nil {
		location = time.UTC
	}
	if without, name := cutZone(text); name != "" {
		text, location = without, time.UTC
		if offset := zones[name]; offset != 0 {
			location = time.FixedZone(name, int(offset/time.Second))
		}
	}
	if p.last != "" {
		if t, err := time.ParseInLocation(p.last, text, location); err == nil {
			return t, nil
		}
	}
	ambiguous := monthFirst
	if p.options.DayFirst {
		ambiguous = dayFirst
	}
	for _, list := range [][]string{layouts, ambiguous} {
		for _, layout := range list {
			if t, err := time.ParseInLocation(layout, text, location); err == nil {
				p.last = layout
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date or time of a known form", clip(s))
}

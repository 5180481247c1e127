package wire

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the spellings found in SP-API's models and live replies, apart from RFC 3339 and Unix milliseconds.
var timeLayouts = []string{
	"2006-01-02T15:04Z07:00", // FBA inbound, "2024-01-07T00:00Z"
	"2006-01-02",             // "2024-12-31"
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999Z07", // services, "2020-04-01T10:00:00.00-07"
	"20060102T150405Z",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04",
	"2006/01/02",
	"20060102",
	"2006-01-02T15:04:05.999999999 Z07:00",
	"Mon Jan _2 15:04:05 2006",
	"Mon Jan _2 15:04:05 -0700 2006",
	"Mon, _2 Jan 2006 15:04:05 -0700",
}

// namedLayouts are spellings with the name of a zone: that of Java's Date ("Mon Oct 28 18:49:32 UTC 2019", in the examples of several models), those of
// HTTP, and that of flat files.
var namedLayouts = []string{
	"Mon Jan _2 15:04:05 MST 2006",
	"Mon, _2 Jan 2006 15:04:05 MST",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02T15:04:05.999999999 MST",
}

// zones are the names that mean one offset only, in hours, of the marketplaces' zones. package time takes a name that it doesn't know for UTC.
var zones = map[string]int{
	"UTC": 0, "GMT": 0, "PST": -8, "PDT": -7, "MDT": -6, "EST": -5, "EDT": -4, "BRT": -3, "WET": 0, "WEST": 1, "BST": 1, "MEZ": 1, "MESZ": 2,
	"CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3, "JST": 9, "AEST": 10, "AEDT": 11,
}

// ParseTime reads a date-time in any spelling of SP-API: RFC 3339 with or without a fraction, without seconds, without an
// offset (then UTC), a date alone (then midnight UTC), the basic form, Unix time in seconds or milliseconds, and those with the names of weekday, month
// and zone, as Java and HTTP have them.
func ParseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range namedLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		name, _ := t.Zone()
		hours, known := zones[name]
		if !known {
			break
		}
		y, m, d := t.Date()
		return time.Date(y, m, d, t.Hour()-hours, t.Minute(), t.Second(), t.Nanosecond(), time.UTC), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) >= 9 {
		t := time.Unix(n, 0)
		if n > 1e11 || n < -1e11 { // seconds reach this in the year 5138, milliseconds did in 1973
			t = time.UnixMilli(n)
		}
		if t = t.UTC(); t.Year() >= 1 && t.Year() <= 9999 { // RFC 3339 ends there, and what is read must be writable
			return t, nil
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) >= 1e8 && math.Abs(f) <= 2.5e11 && strings.ContainsAny(s, ".eE") {
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil // seconds with a fraction, as AWS's services write them in JSON
	}
	return time.Time{}, fmt.Errorf("%q is not a date-time; use RFC 3339, such as 2026-01-31T12:00:00Z", clip([]byte(s)))
}

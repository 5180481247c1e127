// Package when is the times of commands: how they are asked for on the command line, and in which zone they are shown.
package when

import (
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// zones are those in which people of a marketplace read its times. Amazon counts the days of its North American stores in Pacific time
// (Seller Central's reports do); elsewhere it is the country's.
var zones = map[string]string{
	"US": "America/Los_Angeles", "CA": "America/Los_Angeles", "MX": "America/Los_Angeles", "BR": "America/Sao_Paulo",
	"IE": "Europe/Dublin", "ES": "Europe/Madrid", "GB": "Europe/London", "FR": "Europe/Paris", "BE": "Europe/Brussels", "NL": "Europe/Amsterdam",
	"DE": "Europe/Berlin", "IT": "Europe/Rome", "SE": "Europe/Stockholm", "PL": "Europe/Warsaw", "TR": "Europe/Istanbul", "ZA": "Africa/Johannesburg",
	"EG": "Africa/Cairo", "SA": "Asia/Riyadh", "AE": "Asia/Dubai", "IN": "Asia/Kolkata",
	"SG": "Asia/Singapore", "AU": "Australia/Sydney", "JP": "Asia/Tokyo",
}

// Zone is the zone of a marketplace, or UTC where utc is wanted or this machine doesn't know the zone.
func Zone(m marketplace.Marketplace, utc bool) *time.Location {
	if utc {
		return time.UTC
	}
	zone, err := time.LoadLocation(zones[m.CountryCode])
	if err != nil {
		return time.UTC
	}
	return zone
}

// units are the ends of durations; time.ParseDuration knows neither days nor weeks.
var units = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// Parse reads the value of a flag: how long ago (90m, 24h, 7d, 2w), a date, which begins in zone, or a time of RFC 3339.
func Parse(flag, text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if unit, ok := units[text[len(text)-1]]; ok {
		if n, err := strconv.Atoi(text[:len(text)-1]); err == nil && n >= 0 && n < 100000 {
			return now.Add(-time.Duration(n) * unit).Truncate(time.Second), nil
		}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, strings.ToUpper(text)); err == nil {
		return t, nil
	}
	return time.Time{}, exit.Usagef("--%s %q: want how long ago (90m, 24h, 7d, 2w), a date (2026-01-31) or a time (2026-01-31T15:04:05Z)", flag, text)
}

// Span reads a pair of flags, such as --since and --until.
func Span(since, until string, now time.Time, zone *time.Location) (from, to time.Time, err error) {
	if from, err = Parse("since", since, now, zone); err != nil {
		return
	}
	if to, err = Parse("until", until, now, zone); err != nil {
		return
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		err = exit.Usagef("--since %s is not before --until %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, err
}

package wire

import (
	"fmt"
	"strconv"
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
}

// ParseTime reads a date-time in any spelling of SP-API: RFC 3339 with or without a fraction, without seconds, without an
// offset (then UTC), a date alone (then midnight UTC), the basic form, and Unix time in seconds or milliseconds.
func ParseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
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
	return time.Time{}, fmt.Errorf("%q is not a date-time; use RFC 3339, such as 2026-01-31T12:00:00Z", clip([]byte(s)))
}

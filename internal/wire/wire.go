// Package wire is the JSON and URL side of every generated package: what an Input writes itself into ([Request]) and what a
// result is read with ([Decode]). It is tolerant, because live replies differ from Amazon's models, and lossless, because
// nothing that the model declares may get lost on the way: what cannot be read becomes a [Warning], never a failed call.
//
// A result shares no memory with the body that it was read from, nor with another result. Within a result, memory is made for many values at once. A
// string that is kept keeps alive the strings of its own element of an outermost list (of what stands in no such list: up to 4 KB of strings). A number or
// boolean behind a pointer keeps up to 127 others. A struct behind a pointer, an element of a list and a list within an element keep up to 127 values of
// their type, or the longest list of it in the page, an outermost list's element the whole list, at times with another one of its type, and all that those
// hold: who wants little of a page for long copies it.
package wire

import (
	"fmt"
	"time"
)

// Warning is a value that does not fit the type that the model declares. The field keeps its zero value.
type Warning struct {
	Path   string // JSON path from the top of the body, "payload.Orders[3].PurchaseDate", its names cut to 64 bytes
	Reason string // what was expected, "not a date"
	Value  string // the value as it came, cut to 64 bytes
}

func (w Warning) String() string { return w.Path + ": " + w.Reason + ": " + w.Value }

// Date is a calendar date without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// String is the date as YYYY-MM-DD.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// IsZero reports whether no date is set.
func (d Date) IsZero() bool { return d == Date{} }

// MarshalText writes YYYY-MM-DD, nothing for the zero date.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("date %q is not of the form YYYY-MM-DD", text)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

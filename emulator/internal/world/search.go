package world

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// OrderFilter is what both versions' searches ask for.
type OrderFilter struct {
	CreatedAfter, CreatedBefore time.Time
	UpdatedAfter, UpdatedBefore time.Time // zero: not asked
	Accept                      func(o *Order, t time.Time) bool
	Most                        int // how many are wanted, where they are found in order; 0: all
}

// Find returns the orders that a filter lets pass at time t, by creation or, when asked for updates, by update.
func (w *World) Find(f OrderFilter, t time.Time) []*Order {
	w.RLock()
	defer w.RUnlock()
	var found []*Order
	byUpdate := !f.UpdatedAfter.IsZero() || !f.UpdatedBefore.IsZero()
	from := 0
	if !f.CreatedAfter.IsZero() {
		from, _ = slices.BinarySearchFunc(w.Orders, f.CreatedAfter, func(o *Order, t time.Time) int { return o.Purchased.Compare(t) })
	}
	for _, o := range w.Orders[from:] {
		if o.Purchased.After(t) || !f.CreatedBefore.IsZero() && o.Purchased.After(f.CreatedBefore) || f.Most > 0 && len(found) == f.Most && f.UpdatedAfter.IsZero() {
			break
		}
		if byUpdate && Outside(o.Updated(t), f.UpdatedAfter, f.UpdatedBefore) || !f.Accept(o, t) {
			continue
		}
		found = append(found, o)
	}
	if !f.UpdatedAfter.IsZero() {
		slices.SortStableFunc(found, func(a, b *Order) int { return a.Updated(t).Compare(b.Updated(t)) })
	}
	return found
}

func Outside(t, after, before time.Time) bool {
	return !after.IsZero() && t.Before(after) || !before.IsZero() && t.After(before)
}

// Among tells whether a list filter that may be empty lets a value pass.
func Among(filter []string, value string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

// Same tells whether a filter that may be empty lets a value pass.
func Same(filter, value string) bool { return filter == "" || filter == value }

// SearchDelay is how old an order must be to be found, and a "before" in a search
// (selling-partner-api-docs#326, selling-partner-api-models orders_2026-01-01).
const SearchDelay = 2 * time.Minute

// ParseOrderTimes reads the four time arguments, whose names differ only in case between the versions, and keeps to the rules of the
// model's notes. what names the parameter that is wrong.
func ParseOrderTimes(arg func(string) string, names [4]string, asOf time.Time, needed bool) (f OrderFilter, what, want string) {
	var times [4]time.Time
	for i, name := range names {
		if text := arg(name); text != "" {
			t, ok := format.ParseTime(text)
			if !ok {
				return f, name, "timestamp must follow ISO8601" // selling-partner-api-models#1215
			}
			times[i] = t
		}
	}
	f.CreatedAfter, f.CreatedBefore, f.UpdatedAfter, f.UpdatedBefore = times[0], times[1], times[2], times[3]
	latest := asOf.Add(-SearchDelay)
	switch {
	case times[0].IsZero() && times[2].IsZero() && needed:
		return f, names[0], "one of " + names[0] + ", " + names[2] + " is required"
	case !times[0].IsZero() && !times[2].IsZero():
		return f, names[2], "can't be used with " + names[0]
	case !times[0].IsZero() && !times[3].IsZero():
		return f, names[3], "can't be used with " + names[0]
	case !times[2].IsZero() && !times[1].IsZero():
		return f, names[1], "can't be used with " + names[2]
	}
	for _, i := range []int{1, 3} {
		switch {
		case times[i].IsZero():
		case times[i].After(latest):
			return f, names[i], "must be at least two minutes before the request"
		case times[i].Before(times[i-1]):
			return f, names[i], "lies before " + names[i-1]
		}
	}
	if f.CreatedBefore.IsZero() {
		f.CreatedBefore = latest
	}
	return f, "", ""
}

const Day = 24 * time.Hour

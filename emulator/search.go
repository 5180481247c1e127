package emulator

import (
	"slices"
	"time"
)

// orderFilter is what both versions' searches ask for.
type orderFilter struct {
	createdAfter, createdBefore time.Time
	updatedAfter, updatedBefore time.Time // zero: not asked
	accept                      func(o *order, t time.Time) bool
	most                        int // how many are wanted, where they are found in order; 0: all
}

// find returns the orders that a filter lets pass at time t, by creation or, when asked for updates, by update.
func (w *world) find(f orderFilter, t time.Time) []*order {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var found []*order
	byUpdate := !f.updatedAfter.IsZero() || !f.updatedBefore.IsZero()
	from := 0
	if !f.createdAfter.IsZero() {
		from, _ = slices.BinarySearchFunc(w.orders, f.createdAfter, func(o *order, t time.Time) int { return o.purchased.Compare(t) })
	}
	for _, o := range w.orders[from:] {
		if o.purchased.After(t) || !f.createdBefore.IsZero() && o.purchased.After(f.createdBefore) || f.most > 0 && len(found) == f.most && f.updatedAfter.IsZero() {
			break
		}
		if byUpdate && outside(o.updated(t), f.updatedAfter, f.updatedBefore) || !f.accept(o, t) {
			continue
		}
		found = append(found, o)
	}
	if !f.updatedAfter.IsZero() {
		slices.SortStableFunc(found, func(a, b *order) int { return a.updated(t).Compare(b.updated(t)) })
	}
	return found
}

func outside(t, after, before time.Time) bool {
	return !after.IsZero() && t.Before(after) || !before.IsZero() && t.After(before)
}

// among tells whether a list filter that may be empty lets a value pass.
func among(filter []string, value string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

// same tells whether a filter that may be empty lets a value pass.
func same(filter, value string) bool { return filter == "" || filter == value }

// searchDelay is how old an order must be to be found, and a "before" in a search
// (selling-partner-api-docs#326, selling-partner-api-models orders_2026-01-01).
const searchDelay = 2 * time.Minute

// timeFilter reads the four time arguments, whose names differ only in case between the versions, and keeps to the rules of the
// model's notes. what names the parameter that is wrong.
func timeFilter(arg func(string) string, names [4]string, asOf time.Time, needed bool) (f orderFilter, what, want string) {
	var times [4]time.Time
	for i, name := range names {
		if text := arg(name); text != "" {
			t, ok := parseTime(text)
			if !ok {
				return f, name, "timestamp must follow ISO8601" // selling-partner-api-models#1215
			}
			times[i] = t
		}
	}
	f.createdAfter, f.createdBefore, f.updatedAfter, f.updatedBefore = times[0], times[1], times[2], times[3]
	latest := asOf.Add(-searchDelay)
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
	if f.createdBefore.IsZero() {
		f.createdBefore = latest
	}
	return f, "", ""
}

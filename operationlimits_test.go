package spapi

import (
	"testing"
	"time"
)

// TestOperationLimits: what an operation says of its limits is what calls of it ask the limiter for.
func TestOperationLimits(t *testing.T) {
	scopes := map[LimitScope]int{}
	for _, op := range Operations() {
		limits := op.Limits(false)
		for i, b := range limits {
			scopes[b.Scope]++
			if b.Operation != op.ID || !(b.Rate > 0) || b.Burst < 1 || i > 0 && b.Scope < limits[i-1].Scope || (b.Scope == LimitPerType) != (b.Type != "") {
				t.Errorf("%s: limit %d is %+v", op.ID, i, b)
			}
		}
		if sandbox := op.Limits(true); len(sandbox) != 1 || sandbox[0].Rate != 5 || sandbox[0].Burst != 15 || sandbox[0].Scope != LimitPerSeller {
			t.Errorf("%s: the sandbox has %+v", op.ID, sandbox)
		}
		want := len(op.TypeLimits()) + 1
		if op.AppRate > 0 {
			want++
		}
		if len(limits) != want {
			t.Errorf("%s has %d limits, want %d", op.ID, len(limits), want)
		}
	}
	if scopes[LimitPerType] == 0 || scopes[LimitPerSeller] < 100 || scopes[LimitPerApplication] == 0 {
		t.Errorf("limits by scope: %v", scopes)
	}
	feed, _ := LookupOperation("feeds20210630.createFeed")
	if l := feed.Limits(false); len(l) != 2 || l[0].Type != "JSON_LISTINGS_FEED" || l[0].Burst != 5 || l[0].Window != 5*time.Minute || l[1].Rate != 0.0083 {
		t.Errorf("createFeed has %+v", l)
	}
}

package expiring

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestMap(t *testing.T) {
	start := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	var gone []string
	m := NewMap(3, func(v string) { gone = append(gone, v) })
	keys := func() (list []string) {
		for key := range m.All() {
			list = append(list, key)
		}
		return list
	}
	m.Put("c", "C", start.Add(3*time.Hour))
	m.Put("a", "A", start.Add(time.Hour))
	m.Put("b", "B", start.Add(2*time.Hour))
	if v, found := m.Get("a"); v != "A" || !found || m.Len() != 3 {
		t.Errorf("a: %q %v of %d", v, found, m.Len())
	}
	m.Put("d", "D", start.Add(90*time.Minute)) // one too many: the one whose time comes first goes
	if got := keys(); !slices.Equal(got, []string{"b", "c", "d"}) || !slices.Equal(gone, []string{"A"}) {
		t.Errorf("left %q, gone %q", got, gone)
	}
	m.Put("d", "D2", start.Add(4*time.Hour))
	m.Sweep(start.Add(2*time.Hour - 1))
	if got := keys(); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Errorf("swept too early: %q", got)
	}
	m.Sweep(start.Add(2 * time.Hour))
	if _, found := m.Get("b"); found || m.Len() != 2 {
		t.Error("b has not gone at its time")
	}
	m.DeleteFunc(func(v string) bool { return v == "C" })
	m.Sweep(start.Add(5 * time.Hour))
	if m.Len() != 0 || !slices.Equal(gone, []string{"A", "D", "B", "C", "D2"}) {
		t.Errorf("%d left, gone %q", m.Len(), gone)
	}
}

// TestOldestOfTheSameTime: of entries that go at the same time the one that came first is the first to go.
func TestOldestOfTheSameTime(t *testing.T) {
	m := NewMap[int](5, nil)
	until := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for i := range 20 {
		m.Put(fmt.Sprintf("%02d", i), i, until)
	}
	want := 15
	for _, v := range m.All() {
		if v != want {
			t.Errorf("%d is there, want %d", v, want)
		}
		want++
	}
}

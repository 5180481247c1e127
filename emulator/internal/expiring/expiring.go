// Package expiring remembers things until their time, and no more of them than it may.
package expiring

import (
	"cmp"
	"container/heap"
	"iter"
	"maps"
	"slices"
	"time"
)

// Map is a map whose entries go when their time has come, and of which those go first whose time comes first when there are too many. What
// has been put in goes in [Map.Sweep] or [Map.Put] only, at the cost of what goes. It is not safe for concurrent use.
type Map[V any] struct {
	max  int
	gone func(V)

	entries map[string]*entry[V]
	order   queue[V]
	put     int
}

type entry[V any] struct {
	key   string
	value V
	until time.Time
	n     int // puts before this one: of entries of the same time the older goes first
	index int // in order
}

// NewMap makes a map of at most max entries. gone, if there is one, is told of each value that leaves it, for whatever reason.
func NewMap[V any](limit int, gone func(V)) *Map[V] {
	return &Map[V]{max: limit, gone: gone, entries: map[string]*entry[V]{}}
}

// Put adds a value, or replaces the one of its key.
func (m *Map[V]) Put(key string, v V, until time.Time) {
	m.Delete(key)
	m.put++
	e := &entry[V]{key: key, value: v, until: until, n: m.put}
	m.entries[key] = e
	heap.Push(&m.order, e)
	if len(m.entries) > m.max {
		m.Delete(m.order[0].key)
	}
}

// Get finds a value, also one whose time has come that hasn't been swept yet.
func (m *Map[V]) Get(key string) (v V, found bool) {
	e := m.entries[key]
	if e == nil {
		return v, false
	}
	return e.value, true
}

func (m *Map[V]) Delete(key string) {
	e := m.entries[key]
	if e == nil {
		return
	}
	delete(m.entries, key)
	heap.Remove(&m.order, e.index)
	if m.gone != nil {
		m.gone(e.value)
	}
}

// DeleteFunc deletes whatever which accepts.
func (m *Map[V]) DeleteFunc(which func(V) bool) {
	for _, key := range slices.Collect(maps.Keys(m.entries)) {
		if which(m.entries[key].value) {
			m.Delete(key)
		}
	}
}

// Sweep deletes what is over at now.
func (m *Map[V]) Sweep(now time.Time) {
	for len(m.order) > 0 && !now.Before(m.order[0].until) {
		m.Delete(m.order[0].key)
	}
}

func (m *Map[V]) Len() int { return len(m.entries) }

// All are the entries by their keys.
func (m *Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.entries)) {
			if !yield(key, m.entries[key].value) {
				return
			}
		}
	}
}

// queue has the entry that goes first in front.
type queue[V any] []*entry[V]

func (q queue[V]) Len() int { return len(q) }

func (q queue[V]) Less(i, j int) bool {
	return cmp.Or(q[i].until.Compare(q[j].until), cmp.Compare(q[i].n, q[j].n)) < 0
}

func (q queue[V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue[V]) Push(x any) {
	e := x.(*entry[V])
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue[V]) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}

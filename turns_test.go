package spapi

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The queue against a sorted slice: whatever comes, leaves and is served, who is first and how many are ahead stays right.
func TestTurnsKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q turns
		var all []*place // those of one priority
		seq := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what < 3 || len(all) == 0:
				seq++
				p := &place{seq: seq, tag: uint64(rapid.IntRange(0, 5).Draw(t, "tag"))}
				q.join(p, 7)
				all = append(all, p)
				slices.SortFunc(all, func(a, b *place) int {
					if a.before(b) {
						return -1
					}
					return 1
				})
			case what == 3:
				i := rapid.IntRange(0, len(all)-1).Draw(t, "leaves")
				q.leave(all[i])
				all = slices.Delete(all, i, i+1)
			default:
				q.served(all[0])
				all = all[1:]
			}
			if len(all) == 0 {
				if q.first() != nil || len(q.levels) != 0 {
					t.Fatalf("somebody is first of nobody: %+v", q.first())
				}
				continue
			}
			if q.first() != all[0] {
				t.Fatalf("first is %+v, want %+v", q.first(), all[0])
			}
			for i, p := range all {
				if got := p.ahead(); got != i {
					t.Fatalf("%d of %d are ahead, want %d", got, len(all), i)
				}
			}
			if got := q.levels[0].narrow.count(); got != len(all) {
				t.Fatalf("%d are there, want %d", got, len(all))
			}
		}
	})
}

// again lets the first go and come again.
func (t *turns) again(seq *uint64) *place {
	p := t.first()
	priority := p.level.priority
	t.served(p)
	*seq++
	p.seq = *seq
	t.join(p, priority)
	return p
}

func TestTurnsAreNotSavedUp(t *testing.T) {
	var q turns
	seq := uint64(2)
	busy, away := &place{seq: 1}, &place{seq: 2}
	q.join(busy, 0)
	for range 100 {
		q.again(&seq)
	}
	q.join(away, 0)
	if q.again(&seq) != away {
		t.Error("who had no turn for long is not the next")
	}
	n := 0
	for range 20 {
		if q.again(&seq) == away {
			n++
		}
	}
	if n != 10 {
		t.Errorf("who stayed away has %d of 20 turns, want 10", n)
	}
}

// With more levels in need than can be served between two of them the highest still has every other turn, and all others theirs.
func TestManyLevelsInNeed(t *testing.T) {
	var q turns
	seq := uint64(0)
	const levels = 40
	for i := range levels {
		seq++
		q.join(&place{seq: seq}, -i)
	}
	last, served := map[int]int{}, map[int]int{}
	for turn := range 1000 {
		p := q.again(&seq)
		i := -p.level.priority
		if i > 0 && turn-last[i] > passes+2*levels {
			t.Errorf("level %d had no turn for %d", i, turn-last[i])
		}
		last[i] = turn
		served[i]++
	}
	if served[0] < 500 {
		t.Errorf("the highest had %d of 1000 turns, want half", served[0])
	}
	for i := range levels {
		if served[i] == 0 {
			t.Errorf("level %d had no turn", i)
		}
	}
	if got := []int{levelOf(5), levelOf(1001), levelOf(-1 << 40)}; !slices.Equal(got, []int{5, 1000, -1000}) {
		t.Errorf("priorities beyond those that are told apart: %v", got)
	}
}

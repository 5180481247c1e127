package timeline

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// thing is what a moment of the test is of: it says of which class it is, and when it ends.
func thing(of uint32) (class uint16, until uint32) { return uint16(of % 1000), of * 3 % 5000 }

// TestListAgainstSlice holds lists against sorted slices: made of any number of keys, with any inserted.
func TestListAgainstSlice(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{0, 1, blockSize - 1, blockSize, 5*blockSize + 3} {
		var keys []Key
		for range size {
			keys = append(keys, At(r.Uint32N(4000), r.Uint32N(4000)))
		}
		want := slices.Sorted(slices.Values(keys))
		l := New(keys, thing)
		for range 3 * blockSize {
			k := At(r.Uint32N(4000), r.Uint32N(4000))
			class, until := thing(k.Of())
			l.Insert(k, class, until)
			if at, found := slices.BinarySearch(want, k); !found {
				want = slices.Insert(want, at, k)
			}
		}
		if l.Len() != len(want) {
			t.Fatalf("%d keys: want %d", l.Len(), len(want))
		}
		for range 300 {
			from := At(r.Uint32N(4100), r.Uint32N(4000))
			at, _ := slices.BinarySearch(want, from)
			if got := slices.Collect(l.From(from, nil, 0, 0)); !slices.Equal(got, want[at:]) {
				t.Fatalf("from %d: %d keys, want %d", from, len(got), len(want[at:]))
			}
			// What is asked for is all there, whatever else may be.
			var classes Mask
			asked, after, kinds := uint16(r.IntN(1000)), r.Uint32N(5000), uint8(r.Uint32N(1<<Kinds))
			classes.Add(asked)
			got := slices.Collect(l.From(from, &classes, after, kinds))
			if !slices.IsSorted(got) {
				t.Fatal("not in order")
			}
			for _, k := range want[at:] {
				if class, until := thing(k.Of()); class == asked && (after == 0 || until >= after && kinds&(1<<k.Kind()) > 0) {
					if _, found := slices.BinarySearch(got, k); !found {
						t.Fatalf("from %d: no %d, which is of class %d until %d", from, k, class, until)
					}
				}
			}
		}
	}
}

// keysOf are n keys, one a second.
func keysOf(n uint32) (keys []Key) {
	for i := range n {
		keys = append(keys, At(i, i))
	}
	return keys
}

// TestBlocksAreSkipped makes a list in which one class lies in one place.
func TestBlocksAreSkipped(t *testing.T) {
	l := New(keysOf(100*blockSize), func(of uint32) (uint16, uint32) { return uint16(of / blockSize), of })
	var classes Mask
	classes.Add(42)
	if got := slices.Collect(l.From(0, &classes, 0, 0)); len(got) != blockSize || got[0].Of() != 42*blockSize {
		t.Errorf("%d keys: want those of the one block", len(got))
	}
	if got := slices.Collect(l.From(0, nil, 99*blockSize, 1<<Kinds-1)); len(got) > blockSize {
		t.Errorf("%d keys end late enough: want those of the last block", len(got))
	}
	l = New(keysOf(100*blockSize), func(of uint32) (uint16, uint32) { return 0, map[bool]uint32{true: 100 * blockSize}[of%Kinds != 3] })
	if got := slices.Collect(l.From(0, nil, 1, 1<<3)); len(got) > 0 {
		t.Errorf("%d keys though none of the kind counts", len(got))
	}
}

func BenchmarkNew(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	var keys []Key
	for i := range uint32(3000000) {
		keys = append(keys, At(i*2+r.Uint32N(500000), i))
	}
	for b.Loop() {
		b.StopTimer()
		own := slices.Clone(keys)
		b.StartTimer()
		New(own, thing)
	}
}

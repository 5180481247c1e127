// Package timeline is a sorted list of moments: which thing, known by a number, has one when. It takes millions of them, and is searched without
// looking at what can't match.
package timeline

import (
	"iter"
	"slices"
)

// Key is a moment: seconds in the upper half, what it is of in the lower. Keys sort by time, then by that.
type Key uint64

// At makes a key.
func At(second, of uint32) Key { return Key(second)<<32 | Key(of) }

// Second is when.
func (k Key) Second() uint32 { return uint32(k >> 32) } //nolint:gosec // the upper half

// Of is what the moment is of.
func (k Key) Of() uint32 { return uint32(k) } //nolint:gosec // the lower half

// Kinds is how many kinds of moments there are: the kind is the last digit of what a moment is of, to that base.
const Kinds = 8

// Kind is the kind of a moment.
func (k Key) Kind() int { return int(k % Kinds) }

// Classes is how many classes things can be of.
const Classes = 1024

// Mask is a set of classes.
type Mask [Classes / 64]uint64

// Add puts a class into the set.
func (m *Mask) Add(class uint16) { m[class/64] |= 1 << (class % 64) }

// Has tells whether a class is in the set.
func (m *Mask) Has(class uint16) bool { return m[class/64]&(1<<(class%64)) != 0 }

// Meets tells whether two sets have a class in common.
func (m *Mask) Meets(other *Mask) bool {
	for i, bits := range m {
		if bits&other[i] != 0 {
			return true
		}
	}
	return false
}

// blockSize is how many keys a block has when it is made; it is split when it has twice as many.
const blockSize = 512

type block struct {
	keys  []Key
	mask  Mask          // classes of what the moments are of, at some time
	until [Kinds]uint32 // by kind, until when the last of the moments counts
}

// List is a list of moments. It is not safe for concurrent use with Insert.
type List struct{ blocks []*block }

// New makes a list of keys in whatever order, whose memory is the list's from then on. about tells of which class is what a moment is of,
// and until when the moment counts.
func New(keys []Key, about func(of uint32) (class uint16, until uint32)) *List {
	keys = sorted(keys)
	l := &List{blocks: make([]*block, 0, len(keys)/blockSize+1)}
	for len(keys) > 0 {
		n := min(blockSize, len(keys))
		b := &block{keys: keys[:n:n]}
		for _, k := range b.keys {
			class, until := about(k.Of())
			b.mask.Add(class)
			b.until[k.Kind()] = max(b.until[k.Kind()], until)
		}
		l.blocks = append(l.blocks, b)
		keys = keys[n:]
	}
	return l
}

// sorted sorts by radix, in place or not: a sort by comparison takes several times as long for millions of keys.
func sorted(keys []Key) []Key {
	if len(keys) < blockSize {
		slices.Sort(keys)
		return keys
	}
	var most Key
	for _, k := range keys {
		most = max(most, k)
	}
	const bits = 11
	other := make([]Key, len(keys))
	for shift := 0; shift < 64 && most>>shift > 0; shift += bits {
		var count [1 << bits]int
		for _, k := range keys {
			count[k>>shift&(1<<bits-1)]++
		}
		at := 0
		for i, n := range count {
			count[i] = at
			at += n
		}
		for _, k := range keys {
			digit := k >> shift & (1<<bits - 1)
			other[count[digit]] = k
			count[digit]++
		}
		keys, other = other, keys
	}
	return keys
}

// find returns the block in which a key is or would be.
func (l *List) find(k Key) int {
	i, _ := slices.BinarySearchFunc(l.blocks, k, func(b *block, k Key) int {
		if b.keys[len(b.keys)-1] < k {
			return -1
		}
		return 1
	})
	return i
}

// Insert adds a moment of a thing, or notes that the thing is of this class now where it has the moment already. Classes that it was of before stay
// known: whoever searches looks at the thing itself.
func (l *List) Insert(k Key, class uint16, until uint32) {
	if len(l.blocks) == 0 {
		l.blocks = []*block{{keys: []Key{k}}}
	}
	i := min(l.find(k), len(l.blocks)-1)
	b := l.blocks[i]
	b.mask.Add(class)
	b.until[k.Kind()] = max(b.until[k.Kind()], until)
	at, found := slices.BinarySearch(b.keys, k)
	if found {
		return
	}
	b.keys = slices.Insert(b.keys, at, k)
	if len(b.keys) >= 2*blockSize {
		half := &block{keys: slices.Clone(b.keys[blockSize:]), mask: b.mask, until: b.until}
		b.keys = b.keys[:blockSize:blockSize]
		l.blocks = slices.Insert(l.blocks, i+1, half)
	}
}

// From yields the moments from a key on that are of a class and of a kind that are asked for and count at a second or later, and some others. nil and 0 ask for
// all; kinds is a bit for each.
func (l *List) From(k Key, want *Mask, after uint32, kinds uint8) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for i := l.find(k); i < len(l.blocks); i++ {
			b := l.blocks[i]
			if want != nil && !b.mask.Meets(want) || after > 0 && !b.counts(after, kinds) {
				continue
			}
			at := 0
			if b.keys[0] < k {
				at, _ = slices.BinarySearch(b.keys, k)
			}
			for _, k := range b.keys[at:] {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// counts tells whether a moment of one of the kinds may count at a second or later.
func (b *block) counts(at uint32, kinds uint8) bool {
	for kind, until := range b.until {
		if kinds&(1<<kind) > 0 && until >= at {
			return true
		}
	}
	return false
}

// Len counts the moments.
func (l *List) Len() int {
	n := 0
	for _, b := range l.blocks {
		n += len(b.keys)
	}
	return n
}

// Package random makes choices that follow from a seed.
package random

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Source is a source of reproducible choices.
type Source struct{ *rand.Rand }

// Stream is where sources for many things of one kind come from, by their numbers: to turn to the next number costs a few nanoseconds and no memory. It is
// not safe for concurrent use; copies of what [NewStream] returned are.
type Stream struct {
	key [2]uint64
	pcg rand.PCG
	r   *rand.Rand
}

// NewStream returns the stream that a seed and parts give, see [Seed.Of].
func NewStream(seed int64, parts ...any) Stream {
	first := New(seed, parts...)
	return Stream{key: [2]uint64{first.Uint64(), first.Uint64()}}
}

// Of turns to a number. The source is good until the next call.
func (s *Stream) Of(number uint64) Source {
	if s.r == nil {
		s.r = rand.New(&s.pcg)
	}
	s.pcg.Seed(mix(s.key[0]^number), mix(s.key[1]+number))
	return Source{s.r}
}

// mix is the finalizer of SplitMix64, which makes of neighbouring numbers such as have nothing in common.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Scramble is a permutation of the numbers below size*size: the same for the same seed and parts, without a visible order, and undone by Unscramble. A Feistel
// network of four rounds over two digits of base size.
type Scramble struct {
	size uint64
	keys [4]uint64
}

// NewScramble returns the permutation that a seed and parts give.
func NewScramble(size uint64, seed int64, parts ...any) *Scramble {
	r := New(seed, parts...)
	s := &Scramble{size: size}
	for i := range s.keys {
		s.keys[i] = r.Uint64()
	}
	return s
}

// Of is what takes the place of n.
func (s *Scramble) Of(n uint64) uint64 {
	a, b := n/s.size, n%s.size
	for _, k := range s.keys {
		a, b = b, (a+mix(k^b)%s.size)%s.size
	}
	return a*s.size + b
}

// Unscramble is the number whose place n has taken.
func (s *Scramble) Unscramble(n uint64) uint64 {
	a, b := n/s.size, n%s.size
	for i := len(s.keys) - 1; i >= 0; i-- {
		a, b = (b+s.size-mix(s.keys[i]^a)%s.size)%s.size, a
	}
	return a*s.size + b
}

// New returns the source that a seed and parts give, see [Seed.Of].
func New(seed int64, parts ...any) Source {
	var room [128]byte
	text := strconv.AppendInt(room[:0], seed, 10)
	for _, p := range parts {
		text = append(text, 0)
		switch p := p.(type) {
		case string:
			text = append(text, p...)
		case int:
			text = strconv.AppendInt(text, int64(p), 10)
		default:
			text = fmt.Append(text, p)
		}
	}
	sum := sha256.Sum256(text)
	return Source{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))}
}

const (
	Digits    = "0123456789"
	HexDigits = "0123456789abcdef"
	Capitals  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Base36    = Digits + Capitals
	Base64URL = Capitals + "abcdefghijklmnopqrstuvwxyz" + Digits + "-_"
	Base64Std = Capitals + "abcdefghijklmnopqrstuvwxyz" + Digits + "+/"
)

// Text returns n characters of alphabet.
func (r Source) Text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// Between returns a number from low to high, both included.
func (r Source) Between(low, high int) int { return low + r.IntN(high-low+1) }

// Chance is true in one of n cases.
func (r Source) Chance(n int) bool { return r.IntN(n) == 0 }

// UUID returns a random UUID of version 4.
func (r Source) UUID() string {
	var h [32]byte
	for i := range h {
		h[i] = HexDigits[r.IntN(len(HexDigits))]
	}
	h[12], h[16] = '4', "89ab"[r.IntN(4)]
	out := make([]byte, 0, 36)
	for i, c := range h {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			out = append(out, '-')
		}
		out = append(out, c)
	}
	return string(out)
}

func Pick[T any](r Source, from []T) T { return from[r.IntN(len(from))] }

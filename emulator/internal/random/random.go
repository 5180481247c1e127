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

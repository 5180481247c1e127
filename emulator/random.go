package emulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// random is a source of reproducible choices.
type random struct{ *rand.Rand }

// random returns a source of its own for whatever parts name: the same seed and parts give the same choices, in any order of
// calls and in any process.
func (e *Emulator) random(parts ...any) random { return newRandom(e.options.seed, parts...) }

func newRandom(seed int64, parts ...any) random {
	h := sha256.New()
	fmt.Fprint(h, seed)
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%v", p)
	}
	sum := h.Sum(nil)
	return random{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))}
}

const (
	digits    = "0123456789"
	hexDigits = "0123456789abcdef"
	capitals  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	base36    = digits + capitals
	base64URL = capitals + "abcdefghijklmnopqrstuvwxyz" + digits + "-_"
	base64Std = capitals + "abcdefghijklmnopqrstuvwxyz" + digits + "+/"
)

// text returns n characters of alphabet.
func (r random) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// between returns a number from low to high, both included.
func (r random) between(low, high int) int { return low + r.IntN(high-low+1) }

// chance is true in one of n cases.
func (r random) chance(n int) bool { return r.IntN(n) == 0 }

// uuid returns a random UUID of version 4.
func (r random) uuid() string {
	h := r.text(hexDigits, 32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-" + string("89ab"[r.IntN(4)]) + h[17:20] + "-" + h[20:]
}

func pick[T any](r random, from []T) T { return from[r.IntN(len(from))] }

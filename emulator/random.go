package emulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// random is a source of reproducible choices.
type random struct{ *rand.Rand }

// random returns a source of its own for whatever parts name: the same seed and parts give the same choices, in any order of
// calls and in any process.
func (e *Emulator) random(parts ...any) random { return newRandom(e.options.seed, parts...) }

func newRandom(seed int64, parts ...any) random {
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
	return random{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))}
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
	var h [32]byte
	for i := range h {
		h[i] = hexDigits[r.IntN(len(hexDigits))]
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

func pick[T any](r random, from []T) T { return from[r.IntN(len(from))] }

package spapi

import (
	"hash/maphash"
	"math"
	"time"
)

// Token is an access token or a restricted data token. To keep one elsewhere, write Value.Reveal() there: Value itself is written as REDACTED.
type Token struct {
	Value   Secret
	Expires time.Time
	Renew   time.Time // from when on a [TokenStore] renews it; zero where no store has had it yet. See [Token.Schedule]
}

const (
	// A token is renewed at a moment between these parts of its life before its end. They are far enough apart for thousands of tokens that
	// were fetched together to be renewed one after the other, and the later one leaves time for some failures.
	renewFirst, renewLast = 4, 12
	// renewPause is the part of a token's life that passes after the first failure to renew it, 15 seconds of an hour.
	renewPause = 240
	// tokenLifetime is assumed where an answer doesn't tell.
	tokenLifetime = time.Hour
)

var renewalSeed = maphash.MakeSeed()

// Schedule is for stores: it completes a token of key that has just been fetched. Expires is an hour from now where nobody told. Renew is, where it
// isn't set, between a quarter and a twelfth of the token's life before its end: of each key at another moment, but of one always at the same part of
// the life, so that keys stay apart. pause is how long to wait after the first failure to renew it; each further one doubles it.
func (t Token) Schedule(key string) (kept Token, pause time.Duration) {
	now := time.Now()
	if t.Expires.IsZero() {
		t.Expires = now.Add(tokenLifetime)
	}
	life := t.Expires.Sub(now)
	if t.Renew.IsZero() {
		part := float64(maphash.String(renewalSeed, key)) / math.MaxUint64
		first, last := life/renewFirst, life/renewLast
		t.Renew = t.Expires.Add(-last - time.Duration(part*float64(first-last)))
	}
	return t, life / renewPause
}

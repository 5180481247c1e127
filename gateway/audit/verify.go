package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// VerifyOptions say what a chain is held against.
type VerifyOptions struct {
	// Secrets are those of the gateway, the present one and earlier ones. Without any, what is keyed can't be verified, and is an error.
	Secrets [][]byte
	// Heads are heads of the chain that were noted elsewhere: it must still have them.
	Heads []Head
}

// Report says what [Verify] has found in a chain that holds.
type Report struct {
	Chain      string    `json:"chain"`
	Entries    uint64    `json:"entries"`
	First      uint64    `json:"first"` // number of the first entry
	Head       string    `json:"head"`  // to be noted elsewhere
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	Keyed      uint64    `json:"keyed"`      // entries whose hash needs a secret
	Calls      uint64    `json:"calls"`      // that have ended
	Unfinished uint64    `json:"unfinished"` // intents whose process ended before the call had, or that are under way
	Lost       uint64    `json:"lost"`       // records that could not be kept, as the chain tells itself
	Crashes    uint64    `json:"crashes"`    // times that a process ended out of order
	Torn       uint64    `json:"torn"`       // unfinished entries that were cut off
	Removed    uint64    `json:"removed"`    // entries that had become too old
	Unchecked  uint64    `json:"unchecked"`  // heads that were given and have been removed since
}

// Verify goes through a chain from its first entry to its last. The first thing that is wrong ends it with a *[BrokenError]; other errors say that it can't
// be told.
func Verify(ctx context.Context, c Chain, o VerifyOptions) (Report, error) {
	v := verifier{chain: c, report: Report{Chain: c.Name()}, sealers: map[string]sealer{"": {}}, under: map[string]struct{}{}, heads: map[uint64][]Head{}}
	for _, secret := range o.Secrets {
		s, err := newSealer(secret)
		if err != nil {
			return v.report, fmt.Errorf("audit: key: %w", err)
		}
		v.sealers[s.id()] = s
	}
	kept, err := c.Head(ctx) // first: entries may be added meanwhile
	if err != nil {
		return v.report, v.broken(Found{}, "%v", err)
	}
	for _, h := range o.Heads {
		if h.Chain == c.Name() {
			v.heads[h.Seq] = append(v.heads[h.Seq], h)
		}
	}
	if kept.Head() {
		v.heads[kept.Seq] = append(v.heads[kept.Seq], kept)
	}
	for e, err := range c.Entries(ctx, time.Time{}) {
		if err == nil {
			err = v.entry(e)
		}
		if b, ok := errors.AsType[*BrokenError](err); ok && b.Seq == 0 && v.last.Seq > 0 {
			b.Seq = v.last.Seq + 1
		}
		if err != nil {
			return v.report, err
		}
	}
	return v.report, v.end(kept)
}

type verifier struct {
	chain   Chain
	report  Report
	sealers map[string]sealer // by id
	sealer  sealer
	known   bool // which sealer
	last    Found
	first   Found
	cut     uint64 // the furthest
	under   map[string]struct{}
	heads   map[uint64][]Head
}

func (v *verifier) broken(e Found, format string, args ...any) error {
	return &BrokenError{Chain: v.chain.Name(), Seq: e.Seq, Where: e.Where, Reason: fmt.Sprintf(format, args...)}
}

func (v *verifier) entry(e Found) error {
	r := &v.report
	switch {
	case e.Chain != v.chain.Name():
		return v.broken(e, "it is of chain %q", e.Chain)
	case v.last.Seq == 0:
		v.first, r.First, r.From = e, e.Seq, e.Time
		if e.Seq == 0 || e.Seq == 1 && e.Prev != (Hash{}) {
			return v.broken(e, "it isn't the beginning of a chain")
		}
	case e.Seq != v.last.Seq+1:
		return v.broken(e, "entry %d comes before it", v.last.Seq)
	case e.Prev != v.last.Hash:
		return v.broken(e, "entry %d isn't the one that it follows: that one was changed, or entries were removed or put in between", v.last.Seq)
	}
	if (e.Note != nil) != (e.Kind == Opened || e.Kind == Lost || e.Kind == Cut) {
		return v.broken(e, "it isn't one that a gateway writes")
	}
	if err := v.seal(e); err != nil {
		return err
	}
	for _, h := range v.heads[e.Seq] {
		if h.Hash != e.Hash {
			return v.broken(e, "it isn't the one that was noted as the head: the chain was made anew, or put back and continued")
		}
	}
	delete(v.heads, e.Seq)
	v.last = e
	r.Entries++
	r.To = e.Time
	return v.count(e)
}

// seal checks the hash. Which key made it is said by the last "open"; before the first of them, after a cut, by the key that fits.
func (v *verifier) seal(e Found) error {
	body := e.body()
	if e.Kind == Opened {
		s, ok := v.sealers[e.Note.Key]
		switch {
		case !ok && len(v.sealers) == 1:
			return v.broken(e, "its hash is keyed (%s): it can only be verified with the gateway's secret", e.Note.Key)
		case !ok:
			return v.broken(e, "its hash is keyed with another secret (%s) than those given", e.Note.Key)
		case s.key == nil && v.known && v.sealer.key != nil:
			return v.broken(e, "entries before it are keyed, and it isn't")
		}
		v.sealer, v.known = s, true
	}
	if !v.known {
		for _, s := range v.sealers {
			if s.sum(body) == e.Hash {
				v.sealer, v.known = s, true
			}
		}
		if !v.known && len(v.sealers) == 1 {
			return v.broken(e, "its hash isn't over what it says, or is keyed: then it can only be verified with the gateway's secret")
		}
	}
	if v.sealer.sum(body) != e.Hash {
		return v.broken(e, "its hash isn't over what it says: it was changed")
	}
	if v.sealer.key != nil {
		v.report.Keyed++
	}
	return nil
}

func (v *verifier) count(e Found) error {
	r := &v.report
	switch e.Kind {
	case Intent:
		v.under[e.Call] = struct{}{}
	case Call:
		r.Calls++
		delete(v.under, e.Call)
	case Lost:
		r.Lost += uint64(e.Note.Records)
	case Cut:
		if v.first.Seq == e.Note.Through+1 && v.first.Prev != e.Note.Hash {
			return v.broken(v.first, "the entry before it isn't the one that had been removed when it had become too old")
		}
		v.cut = max(v.cut, e.Note.Through)
	case Opened:
		r.Unfinished += uint64(len(v.under))
		clear(v.under)
		if e.Note.Crashed {
			r.Crashes++
		}
		if e.Note.Torn > 0 {
			r.Torn++
		}
		if e.Note.Missing > 0 {
			return v.broken(e, "%d entries before it are missing: the end of the chain had been cut off when the gateway started", e.Note.Missing)
		}
		if e.Note.Other {
			return v.broken(e, "the end of the chain was not what its head said when the gateway started")
		}
	case Closed:
	default:
		return v.broken(e, "its kind %q is none", e.Kind)
	}
	return nil
}

// end is what can only be told at the end.
func (v *verifier) end(kept Head) error {
	r := &v.report
	r.Unfinished += uint64(len(v.under))
	if v.last.Seq == 0 {
		if kept.Head() {
			return v.broken(Found{Where: v.chain.String()}, "there are no entries, and the head knows %d", kept.Seq)
		}
	} else {
		r.Removed = v.first.Seq - 1
		if v.first.Seq > v.cut+1 {
			return v.broken(v.first, "entries before it are missing, and no later one says that they had become too old")
		}
		if !kept.Head() {
			return v.broken(v.last, "there is no head beside the chain: whether entries behind it are missing can't be told")
		}
		if kept.Seal != v.headSeal(kept) {
			return v.broken(Found{}, "the head beside the chain was not written by its gateway")
		}
		if len(v.sealers) > 1 && v.sealer.key == nil {
			return v.broken(v.last, "it isn't keyed, though a secret was given: anybody can have made the chain anew")
		}
		r.Head = Head{Chain: v.last.Chain, Seq: v.last.Seq, Hash: v.last.Hash}.String()
	}
	for seq := range v.heads {
		if seq < v.first.Seq {
			r.Unchecked++
			delete(v.heads, seq)
		}
	}
	var furthest uint64
	for seq := range v.heads {
		furthest = max(furthest, seq)
	}
	if furthest > 0 {
		return v.broken(v.last, "it is the last one, and entries up to %d had been kept: the end was cut off", furthest)
	}
	return nil
}

// headSeal is the seal that a head must have, by the key of the moment or any that is known.
func (v *verifier) headSeal(h Head) Hash {
	for _, s := range v.sealers {
		if (s.key != nil) == (v.sealer.key != nil) && s.headSeal(h) == h.Seal {
			return h.Seal
		}
	}
	return v.sealer.headSeal(h)
}

package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FixedStart is where a fixed clock stands when nothing else is said.
var FixedStart = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// WithFixedTime stops the clock at start, or at [FixedStart] if start is zero: it moves only by [Emulator.Advance] and
// [Emulator.SetTime]. Limits don't refill and tokens don't expire while it stands.
func WithFixedTime(start time.Time) Option {
	if start.IsZero() {
		start = FixedStart
	}
	return func(o *options) { o.fixed, o.speed = start, 0 }
}

// WithSpeed lets the clock run faster than [WithClock]'s, from that one's time at the start: with 3600, an hour passes in a second.
// The default is 1.
func WithSpeed(factor float64) Option {
	return func(o *options) { o.fixed, o.speed = time.Time{}, factor }
}

// ParseClock turns the text that commands take into an option: "real", "fixed", "fixed:2026-03-01T00:00:00Z", or a speed such as "3600x".
func ParseClock(text string) (Option, error) {
	if text == "real" {
		return WithSpeed(1), nil
	}
	if rest, ok := strings.CutPrefix(text, "fixed"); ok && (rest == "" || rest[0] == ':') {
		if rest == "" {
			return WithFixedTime(time.Time{}), nil
		}
		if t, err := time.Parse(time.RFC3339, rest[1:]); err == nil {
			return WithFixedTime(t), nil
		}
	}
	if rest, ok := strings.CutSuffix(text, "x"); ok {
		if f, err := strconv.ParseFloat(rest, 64); err == nil && validSpeed(f) {
			return WithSpeed(f), nil
		}
	}
	return nil, fmt.Errorf("emulator: clock %q: want real, fixed, fixed:2026-03-01T00:00:00Z, or a speed from 0.001x to 1000000x", text)
}

func validSpeed(f float64) bool { return f >= 0.001 && f <= 1e6 }

// clock is the emulator's time: the base clock's, shifted, slowed down to a standstill, or sped up. Everything in the emulator goes by it.
type clock struct {
	base  Clock
	fixed time.Time // where a standing clock starts
	speed float64   // 0: stands

	mu     sync.RWMutex
	offset time.Duration // at speed 1: what the base clock's time lacks
	anchor time.Time     // at other speeds: the time when the base clock said since
	since  time.Time
}

func newClock(o options) *clock {
	c := &clock{base: o.clock, fixed: o.fixed, speed: o.speed}
	c.restart()
	return c
}

// restart sets the clock to where it starts.
func (c *clock) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.since = 0, c.base.Now()
	if c.anchor = c.since; c.speed == 0 {
		c.anchor = c.fixed
	}
}

// Now implements [Clock].
func (c *clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now()
}

func (c *clock) now() time.Time {
	switch c.speed {
	case 0:
		return c.anchor
	case 1: // not by difference: a computer that has slept is right again at once
		return c.base.Now().Add(c.offset)
	}
	return c.anchor.Add(time.Duration(float64(c.base.Now().Sub(c.since)) * c.speed))
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	base := c.base.Now()
	c.offset, c.anchor, c.since = t.Sub(base), t, base
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speed == 1 {
		c.offset += d // exactly, though the base clock goes on
		return
	}
	c.anchor = c.anchor.Add(d)
}

// String is the clock's kind as [ParseClock] reads it.
func (c *clock) String() string {
	switch c.speed {
	case 0:
		return "fixed"
	case 1:
		return "real"
	}
	return strconv.FormatFloat(c.speed, 'g', -1, 64) + "x"
}

// Now is the emulator's time.
func (e *Emulator) Now() time.Time { return e.now() }

// Advance moves the emulator's clock on by d, whatever clock it has. Orders are shipped, tokens expire and limits refill as if d
// had passed.
func (e *Emulator) Advance(d time.Duration) { e.clock.advance(d) }

// SetTime sets the emulator's clock to t, from where it goes on at its speed. Going back is possible, but what is written down of
// later times stays.
func (e *Emulator) SetTime(t time.Time) { e.clock.set(t) }

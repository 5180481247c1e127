// Package clock is the emulator's time.
package clock

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

func ValidSpeed(f float64) bool { return f >= 0.001 && f <= 1e6 }

// Source tells the time.
type Source interface{ Now() time.Time }

// Clock is the emulator's time: the base clock's, shifted, slowed down to a standstill, or sped up. Everything in the emulator goes by it.
type Clock struct {
	base  Source
	fixed time.Time // where a standing clock starts
	speed float64   // 0: stands

	mu     sync.RWMutex
	offset time.Duration // at speed 1: what the base clock's time lacks
	anchor time.Time     // at other speeds: the time when the base clock said since
	since  time.Time
}

// New makes a clock that stands at fixed, or, where that is zero, goes by base at a speed.
func New(base Source, fixed time.Time, speed float64) *Clock {
	c := &Clock{base: base, fixed: fixed, speed: speed}
	if !fixed.IsZero() {
		c.speed = 0
	}
	c.Restart()
	return c
}

// Restart sets the clock to where it starts.
func (c *Clock) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.since = 0, c.base.Now()
	if c.anchor = c.since; c.speed == 0 {
		c.anchor = c.fixed
	}
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	switch c.speed {
	case 0:
		return c.anchor
	case 1: // not by difference: a computer that has slept is right again at once
		return c.base.Now().Add(c.offset)
	}
	return c.anchor.Add(time.Duration(float64(c.base.Now().Sub(c.since)) * c.speed))
}

func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	base := c.base.Now()
	c.offset, c.anchor, c.since = t.Sub(base), t, base
}

func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speed == 1 {
		c.offset += d // exactly, though the base clock goes on
		return
	}
	c.anchor = c.anchor.Add(d)
}

// Scaled is how much the clock moves on in d of the base clock's time.
func (c *Clock) Scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * c.speed) }

// Stands tells whether the clock moves only when it is moved.
func (c *Clock) Stands() bool { return c.speed == 0 }

// String is the clock's kind as emulator.ParseClock reads it.
func (c *Clock) String() string {
	switch c.speed {
	case 0:
		return "fixed"
	case 1:
		return "real"
	}
	return strconv.FormatFloat(c.speed, 'g', -1, 64) + "x"
}

// Pause waits for d of the clock's time: a fixed clock is moved on, for others the time really passes. It returns early, with
// the reason, when ctx is done.
func (c *Clock) Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if c.speed == 0 {
		c.Advance(d)
		return ctx.Err()
	}
	timer := time.NewTimer(time.Duration(float64(d) / c.speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// State is where an emulator's clock stands.
type State struct {
	Clock  string    `json:"clock"`            // "real", "fixed" or a speed, "3600x"
	Now    time.Time `json:"now"`              //
	Offset string    `json:"offset,omitempty"` // how far a real clock has been moved: "26h0m0s"
}

func (c *Clock) State() State {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := State{Clock: c.String(), Now: c.now().UTC()}
	if c.speed == 1 && c.offset != 0 {
		s.Offset = c.offset.String()
	}
	return s
}

func (c *Clock) Load(s State) error {
	if c.speed != 1 {
		c.Set(s.Now)
		return nil
	}
	if s.Clock != "real" {
		return nil // made by a clock of its own: now it is the real one's turn
	}
	offset := time.Duration(0)
	if s.Offset != "" {
		var err error
		if offset, err = time.ParseDuration(s.Offset); err != nil {
			return fmt.Errorf("clock's offset: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
	return nil
}

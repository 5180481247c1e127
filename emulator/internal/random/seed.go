package random

import "sync/atomic"

// Seed is where all choices of an emulator come from. It also counts what is handed out, such as tokens: each gets a source of its own.
type Seed struct {
	value, minted atomic.Int64
}

// Value is the seed itself.
func (s *Seed) Value() int64 { return s.value.Load() }

// Minted is how often Next was called.
func (s *Seed) Minted() int { return int(s.minted.Load()) }

// Set starts anew with a seed of which minted things have been handed out.
func (s *Seed) Set(value int64, minted int) {
	s.value.Store(value)
	s.minted.Store(int64(minted))
}

// Of returns a source of its own for whatever parts name: the same seed and parts give the same choices, in any order of calls and in any
// process.
func (s *Seed) Of(parts ...any) Source { return New(s.value.Load(), parts...) }

// Next returns a source that no other call returns, for the next thing of a kind that is handed out.
func (s *Seed) Next(kind string) Source { return s.Of(kind, int(s.minted.Add(1))) }

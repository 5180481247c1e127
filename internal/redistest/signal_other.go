//go:build !unix

package redistest

import "testing"

// Stop skips: nothing can stop a process here.
func (r *Redis) Stop(t testing.TB) { t.Skip("SKIPPED: this system has no SIGSTOP") }

// Continue is never reached, after [Redis.Stop].
func (r *Redis) Continue(t testing.TB) { t.Skip("SKIPPED: this system has no SIGCONT") }

func gone(int) bool { return false } // nobody knows

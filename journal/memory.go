package journal

import (
	"context"
	"fmt"
	"maps"
	"sync"
)

// Memory is a journal that ends with the process: for tests, and for programs that only want nothing to be asked for twice at once. The zero value is
// ready for use.
type Memory struct {
	claims claims

	mu      sync.Mutex
	entries map[Key]Entry
}

// NewMemory makes an empty journal in memory.
func NewMemory() *Memory { return &Memory{} }

// Claim is as [Journal] has it.
func (m *Memory) Claim(ctx context.Context, key Key) (release func(), err error) {
	return m.claims.claim(ctx, key)
}

// Get is as [Journal] has it.
func (m *Memory) Get(ctx context.Context, key Key) (Entry, bool, error) {
	if ctx.Err() != nil {
		return Entry{}, false, context.Cause(ctx)
	}
	if err := key.Check(); err != nil {
		return Entry{}, false, fmt.Errorf("journal: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	return e, ok, nil
}

// Entries is as [Journal] has it.
func (m *Memory) Entries(ctx context.Context) (map[Key]Entry, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.entries), nil
}

// Put is as [Journal] has it.
func (m *Memory) Put(ctx context.Context, key Key, e Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := checkBoth(key, e); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[Key]Entry{}
	}
	m.entries[key] = e.plain()
	return nil
}

// Delete is as [Journal] has it.
func (m *Memory) Delete(ctx context.Context, key Key) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
	return nil
}

// claims are the keys that are taken in this process, each with a channel that is closed when it is free again.
type claims struct {
	mu    sync.Mutex
	taken map[Key]chan struct{}
}

func (c *claims) claim(ctx context.Context, key Key) (release func(), err error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.mu.Lock()
		free, taken := c.taken[key]
		if !taken {
			if c.taken == nil {
				c.taken = map[Key]chan struct{}{}
			}
			free = make(chan struct{})
			c.taken[key] = free
			c.mu.Unlock()
			return sync.OnceFunc(func() {
				c.mu.Lock()
				delete(c.taken, key)
				c.mu.Unlock()
				close(free)
			}), nil
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-free:
		}
	}
}

package spapi

import (
	"container/list"
	"context"
	"sync"
)

// loginQueue bounds how many requests for tokens are under way at once. Those that a caller waits for go before the others, in the order in which they came.
type loginQueue struct {
	mu     sync.Mutex
	free   int
	urgent list.List // of chan struct{}, closed when its turn has come
	others list.List
}

func newLoginQueue(bound int) *loginQueue { return &loginQueue{free: bound} }

// try takes a place if one is free. Nobody is waiting then.
func (q *loginQueue) try() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		return false
	}
	q.free--
	return true
}

// wait takes a place when its turn has come. What becomes urgent on the way goes over to the urgent ones.
func (q *loginQueue) wait(ctx context.Context, urgent <-chan struct{}) error {
	turn := make(chan struct{})
	q.mu.Lock()
	if q.free > 0 { // meanwhile
		q.free--
		q.mu.Unlock()
		return nil
	}
	line := &q.others
	place := line.PushBack(turn)
	q.mu.Unlock()
	for {
		select {
		case <-turn:
			return nil
		case <-urgent:
			urgent = nil
			q.mu.Lock()
			if !isClosed(turn) {
				line.Remove(place)
				line = &q.urgent
				place = line.PushBack(turn)
			}
			q.mu.Unlock()
		case <-ctx.Done():
			q.mu.Lock()
			defer q.mu.Unlock()
			if isClosed(turn) {
				return nil // it has the place, and gives it back after a request that ends at once
			}
			line.Remove(place)
			return ctx.Err()
		}
	}
}

// release gives the place to who is next.
func (q *loginQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, line := range []*list.List{&q.urgent, &q.others} {
		if next := line.Front(); next != nil {
			close(line.Remove(next).(chan struct{}))
			return
		}
	}
	q.free++
}

package wire

// slab hands out pointers to T from arrays that double in length up to mostRoom: large pages need few allocations, small replies waste little.
type slab[T any] struct {
	free []T
	next int
}

// new returns a pointer to a zero T.
func (s *slab[T]) new() *T {
	if len(s.free) == 0 {
		s.next = min(max(1, 2*s.next), mostRoom)
		s.free = make([]T, s.next)
	}
	p := &s.free[0]
	s.free = s.free[1:]
	return p
}

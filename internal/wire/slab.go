package wire

// chunk bounds how many values a slab allocates at once: large pages need few allocations, small replies waste little.
const chunk = mostRoom

// slab hands out pointers to T from chunks that double in size.
type slab[T any] struct {
	free []T
	next int
}

// new returns a pointer to a zero T.
func (s *slab[T]) new() *T {
	if len(s.free) == 0 {
		s.next = min(max(8, 2*s.next), chunk)
		s.free = make([]T, s.next)
	}
	p := &s.free[0]
	s.free = s.free[1:]
	return p
}

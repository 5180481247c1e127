package wire

// chunk bounds how many values a slab allocates at once: large pages need few allocations, small replies waste little.
const chunk = 128

// Slab hands out pointers to T from chunks that double in size.
type Slab[T any] struct {
	free []T
	next int
}

// New returns a pointer to a zero T.
func (s *Slab[T]) New() *T {
	if len(s.free) == 0 {
		s.next = min(max(1, 2*s.next), chunk)
		s.free = make([]T, s.next)
	}
	p := &s.free[0]
	s.free = s.free[1:]
	return p
}

// handOver is the length from which an outermost array keeps the memory in which it was collected: copying it would cost more
// than the part of it that stays unused, which is less than half.
const handOver = 16

// Slice collects the elements of arrays whose length is not known beforehand and cuts slices of the exact length from chunks.
// Nested arrays of the same type work because elements are collected on a stack.
type Slice[T any] struct {
	stack []T
	free  []T
	next  int
}

// Mark starts an array; give the result to Cut.
func (s *Slice[T]) Mark() int { return len(s.stack) }

// Push adds an element to the innermost array.
func (s *Slice[T]) Push(v T) { s.stack = append(s.stack, v) }

// Cut ends the array begun at mark and returns its elements, never nil.
func (s *Slice[T]) Cut(mark int) []T {
	part := s.stack[mark:]
	n := len(part)
	if n == 0 {
		return []T{}
	}
	if mark == 0 && n >= handOver {
		s.stack = nil
		return part[:n:n]
	}
	if len(s.free) < n {
		s.next = min(max(n, 2*s.next), max(n, chunk))
		s.free = make([]T, s.next)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	copy(out, part)
	clear(part)
	s.stack = s.stack[:mark]
	return out
}

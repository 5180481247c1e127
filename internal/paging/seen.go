package paging

import "hash/maphash"

// remembered bounds how many tokens a run remembers. A server that sends a run round a longer circle than that is not found out, and no
// operation of the API has so many pages.
const remembered = 1 << 16

// seen remembers the latest tokens of a run by their hashes, so that a run ends when the server sends it round in a circle.
type seen struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
	order  []uint64 // a ring once it is full
	oldest int
}

// add reports whether a token is new.
func (s *seen) add(token string) bool {
	if s.hashes == nil {
		s.seed = maphash.MakeSeed()
		s.hashes = map[uint64]struct{}{}
	}
	h := maphash.String(s.seed, token)
	if _, ok := s.hashes[h]; ok {
		return false
	}
	s.hashes[h] = struct{}{}
	if len(s.order) < remembered {
		s.order = append(s.order, h)
		return true
	}
	delete(s.hashes, s.order[s.oldest])
	s.order[s.oldest] = h
	s.oldest = (s.oldest + 1) % remembered
	return true
}

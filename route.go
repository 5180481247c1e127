package spapi

import (
	"strings"
	"sync"
)

// routes finds the operation of a request: a trie over the path segments in which a literal segment goes before a parameter
// and a parameter before a greedy one. It is built on first use.
var routes = sync.OnceValue(func() *route {
	root := new(route)
	for i := range operations {
		root.add(&operations[i])
	}
	return root
})

type route struct {
	static    map[string]*route
	parameter *route
	greedy    map[string]*Operation // by method; the rest of the path, slashes included
	ends      map[string]*Operation // by method
}

func (r *route) add(op *Operation) {
	segments := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			if op.GreedyPath && i == len(segments)-1 {
				if r.greedy == nil {
					r.greedy = map[string]*Operation{}
				}
				r.greedy[op.Method] = op
				return
			}
			if r.parameter == nil {
				r.parameter = new(route)
			}
			r = r.parameter
			continue
		}
		if r.static == nil {
			r.static = map[string]*route{}
		}
		next := r.static[s]
		if next == nil {
			next = new(route)
			r.static[s] = next
		}
		r = next
	}
	if r.ends == nil {
		r.ends = map[string]*Operation{}
	}
	r.ends[op.Method] = op
}

// find takes an escaped path, so that an escaped slash stays inside its segment. It returns nil for what it doesn't know.
func (r *route) find(method, escapedPath string) *Operation {
	return r.match(method, strings.TrimPrefix(escapedPath, "/"))
}

func (r *route) match(method, rest string) *Operation {
	segment, tail, more := strings.Cut(rest, "/")
	for _, next := range [2]*route{r.static[segment], r.parameter} {
		if next == nil || segment == "" {
			continue
		}
		if !more {
			if op := next.ends[method]; op != nil {
				return op
			}
		} else if op := next.match(method, tail); op != nil {
			return op
		}
	}
	if rest != "" {
		return r.greedy[method]
	}
	return nil
}

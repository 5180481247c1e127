package wire

import (
	"fmt"
	"iter"
)

// Pages calls an operation until there are no more pages. in is copied, never changed. next looks at a page, prepares the
// Input for the page after it and returns what tells the two apart, a token or an offset; "" ends the iteration. Empty pages
// are passed on: only the absence of a token ends. The iteration stops after the first error.
func Pages[In, Out any](in *In, call func(*In) (Out, error), next func(in *In, page Out) string) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var cur In
		if in != nil {
			cur = *in
		}
		last := ""
		for {
			arg := cur // a call may keep its argument
			page, err := call(&arg)
			if !yield(page, err) || err != nil {
				return
			}
			token := next(&cur, page)
			if token == "" {
				return
			}
			if token == last {
				var zero Out
				yield(zero, fmt.Errorf("paging stopped: the server returned the same next-page token twice in a row"))
				return
			}
			last = token
		}
	}
}

// Items flattens pages into pointers to their items. The pointers stay valid after the iteration.
func Items[Out, Item any](pages iter.Seq2[Out, error], items func(Out) []Item) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		for page, err := range pages {
			if err != nil {
				yield(nil, err)
				return
			}
			list := items(page)
			for i := range list {
				if !yield(&list[i], nil) {
					return
				}
			}
		}
	}
}

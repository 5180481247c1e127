package wire

import (
	"context"
	"iter"
)

// Pages iterates over the pages of a typed call. The iteration stops after the first error.
func Pages[Out, Client, Option any](ctx context.Context, c *Client, operation string, encode func(*Request), opts []Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var page, none Out
		for err := range Calls.Pages(ctx, c, opts, operation, encode, into(&page)) {
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(page, nil) {
				return
			}
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

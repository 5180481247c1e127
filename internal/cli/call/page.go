package call

import (
	"context"
	"net/url"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/paging"
	"github.com/openspapi/spapi/internal/wire"
)

// pageable reports whether the pages of an operation can be followed.
func pageable(op *operation.Operation) error {
	if paging.Find(op.ID) == nil {
		return exit.Usagef("--all: the next page of %s is the result of another query: see \"spapi ops show %s\"", op.ID, op.ID)
	}
	return nil
}

// all writes the items of all pages, whole pages where they have no single list of items.
func all(ctx context.Context, client *spapi.Client, in *request, printer *output.Printer, options []spapi.CallOption) error {
	var encoded wire.Request
	in.encode(&encoded)
	req, err := encoded.Build(new(url.URL), in.op.Method, in.op.Path, in.op.GreedyPath)
	if err != nil {
		return exit.Usagef("%s: %w", in.op.ID, err)
	}
	printer.Default = output.JSONL
	stream := printer.Stream()
	for page, err := range client.Pages(req.WithContext(ctx), options...) {
		if err != nil {
			return err
		}
		items, err := page.Items()
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := stream.Add(ctx, item); err != nil {
				return err
			}
		}
	}
	return stream.Close()
}

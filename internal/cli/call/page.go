package call

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/curl"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pages"
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
func all(ctx context.Context, f *factory.Factory, client *spapi.Client, in *request, options []spapi.CallOption) error {
	var encoded wire.Request
	in.encode(&encoded)
	req, err := encoded.Build(ctx, new(url.URL), in.op.Method, in.op.Path, in.op.GreedyPath)
	if err != nil {
		return exit.Usagef("%s: %w", in.op.ID, err)
	}
	printer := f.Printer()
	printer.Default = output.JSONL
	if row := rowSchema(in.op); row != nil && !printer.Flags.JQ.Given() {
		printer.Has = func(path []string) bool { return schemaHas(in.op.API, row, path) }
		if err := printer.CheckPaths(printer.Has, row.Order); err != nil {
			return err
		}
	}
	list := printer.List()
	list.Each = true
	far := &pages.Error{Noun: "item"}
	var last *spapi.Response
	var twice pages.Twice
	failure := func() error {
		for page, err := range client.Pages(req.WithContext(ctx), options...) {
			if far.Err = err; err != nil {
				return err
			}
			last = page
			items, err := page.Items()
			if err != nil {
				return err
			}
			twice.Page(items)
			for _, item := range items {
				if err := list.AddRaw(ctx, item); err != nil {
					return err
				}
			}
			if err := list.Flush(); err != nil {
				return err
			}
			far.Rows, far.Pages = far.Rows+len(items), far.Pages+1
		}
		return nil
	}()
	closed := list.Close(ctx, failure)
	twice.Tell(f, far.Noun)
	if err := closed; far.Err == nil || far.Rows == 0 {
		return err
	}
	far.GoOn = goOn(last)
	far.Tell(f)
	return far
}

// rowSchema is what an item of an operation's pages may have, nil where it has no single list of items.
func rowSchema(op *operation.Operation) *catalog.Schema {
	rule := paging.Find(op.ID)
	if rule == nil || rule.Items == "" {
		return nil
	}
	for _, r := range op.Detail.Responses {
		s := op.API.Resolve(r.Schema)
		if r.Status/100 != 2 || s == nil {
			continue
		}
		for name := range strings.SplitSeq(rule.Items, ".") {
			if s = op.API.Resolve(s.Properties[name]); s == nil {
				return nil
			}
		}
		return op.API.Resolve(s.Items)
	}
	return nil
}

// schemaHas reports whether a value of a schema may have one at a path.
func schemaHas(api *catalog.API, s *catalog.Schema, path []string) bool {
	switch s = api.Resolve(s); {
	case s == nil:
		return false
	case len(path) == 0:
		return true
	case s.Items != nil:
		if _, err := strconv.Atoi(path[0]); err == nil {
			path = path[1:]
		}
		return schemaHas(api, s.Items, path)
	}
	if member, ok := s.Properties[path[0]]; ok {
		return schemaHas(api, member, path[1:])
	}
	return s.AdditionalProperties != nil || s.Type == "object" && len(s.Properties) == 0
}

// goOn are the flags that ask for the page behind one, "" where there is no token.
func goOn(page *spapi.Response) string {
	rule := paging.Find(page.Operation)
	if rule == nil || rule.Query == "" || rule.Then != "" {
		return ""
	}
	raw, _ := lookup(page.Body, rule.Next)
	var token string
	if json.Unmarshal(raw, &token) != nil || token == "" {
		return ""
	}
	flag := "--" + rule.Query + " " + curl.Quote(token)
	if !rule.Alone {
		return flag + " beside the others"
	}
	if len(rule.Keep) > 0 {
		return flag + " in place of the others but --" + strings.Join(rule.Keep, ", --")
	}
	return flag + " in place of the others"
}

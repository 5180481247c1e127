package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
)

// pageable reports whether --all knows how an operation pages. The rules are those of internal/gen/overlay/README.md.
func pageable(op *operation.Operation) error {
	switch op.Paging.Rule {
	case "same-args", "token-only", "next-token-query-type", "continue-getShipmentItems", "offset":
		return nil
	}
	return exit.Usagef("--all: the next page of %s is the result of another query: see \"spapi ops show %s\"", op.ID, op.ID)
}

// all writes the items of all pages, whole pages where they have no single list of items.
func all(ctx context.Context, client *spapi.Client, in *request, printer *output.Printer, options []spapi.CallOption) error {
	printer.Default = output.JSONL
	stream := printer.Stream()
	last := ""
	for {
		body, err := in.send(ctx, client, options)
		if err != nil {
			return err
		}
		if err := add(ctx, stream, in.op, body); err != nil {
			return err
		}
		next, token, err := in.next(body)
		if err != nil {
			return err
		}
		switch token {
		case "":
			return stream.Close()
		case last:
			return errors.New("paging stopped: the same token for the next page came twice in a row")
		}
		in, last = next, token
	}
}

func add(ctx context.Context, stream *output.Stream, op *operation.Operation, body json.RawMessage) error {
	if op.Paging.Items == "" {
		return stream.Add(ctx, body)
	}
	raw, ok := lookup(body, op.Paging.Items)
	if !ok {
		return nil // a page may be empty
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return fmt.Errorf("%s: %s is no list: %w", op.ID, op.Paging.Items, err)
	}
	for _, item := range items {
		if err := stream.Add(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

// next is the request for the page after body, with what tells the two apart; "" when there is none.
func (in *request) next(body json.RawMessage) (*request, string, error) {
	p := in.op.Paging
	if p.Rule == "offset" {
		return in.nextOffset(body)
	}
	raw, _ := lookup(body, p.TokenOut)
	var token string
	if raw != nil && json.Unmarshal(raw, &token) != nil {
		return nil, "", fmt.Errorf("%s: the token for the next page at %s is no string", in.op.ID, p.TokenOut)
	}
	if token == "" {
		return nil, "", nil
	}
	next := &request{op: in.op, params: maps.Clone(in.params), members: maps.Clone(in.members), whole: in.whole}
	switch p.Rule {
	case "token-only":
		maps.DeleteFunc(next.params, func(key string, _ []string) bool { return strings.HasPrefix(key, "query:") })
	case "next-token-query-type":
		next.params["query:QueryType"] = []string{"NEXT_TOKEN"}
	case "continue-getShipmentItems": // the token is one that only that operation takes
		follow, err := operation.Lookup(in.op.Operation.API + ".getShipmentItems")
		if err != nil {
			return nil, "", err
		}
		next.op = follow
		next.params = map[string][]string{"query:QueryType": {"NEXT_TOKEN"}, "query:MarketplaceId": in.params["query:MarketplaceId"]}
	}
	place, name, _ := strings.Cut(next.op.Paging.TokenIn, ":")
	if place == "body" {
		next.members[name] = quoted(token)
	} else {
		next.params[place+":"+name] = []string{token}
	}
	return next, token, nil
}

// nextOffset moves the window of a search by its size, until a page is not full or the end is reached.
func (in *request) nextOffset(body json.RawMessage) (*request, string, error) {
	_, offsetPath, _ := strings.Cut(in.op.Paging.TokenIn, ":") // "pagination.offset"
	member, offsetName, _ := strings.Cut(offsetPath, ".")
	_, sizePath, _ := strings.Cut(in.op.Paging.Size, ":")
	_, sizeName, _ := strings.Cut(sizePath, ".")
	var window map[string]json.RawMessage
	if err := json.Unmarshal(in.members[member], &window); err != nil {
		return nil, "", exit.Usagef("--all: wants %s with %s, the size of a page", member, sizeName)
	}
	size, offset := integer(window[sizeName]), integer(window[offsetName])
	items, _ := lookup(body, in.op.Paging.Items)
	var list []json.RawMessage
	if len(items) > 0 && json.Unmarshal(items, &list) != nil {
		return nil, "", fmt.Errorf("%s: %s is no list", in.op.ID, in.op.Paging.Items)
	}
	if size <= 0 || int64(len(list)) < size {
		return nil, "", nil
	}
	offset += size
	if total, ok := lookup(body, member+".totalResults"); ok && offset >= integer(total) {
		return nil, "", nil
	}
	token := strconv.FormatInt(offset, 10)
	window[offsetName] = json.RawMessage(token)
	moved, err := marshal(window)
	if err != nil {
		return nil, "", err
	}
	next := &request{op: in.op, params: in.params, members: maps.Clone(in.members)}
	next.members[member] = moved
	return next, token, nil
}

func integer(raw json.RawMessage) int64 {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

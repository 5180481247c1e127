// Package paging knows how operations page: for each its rule as data (rules.gen.go, from internal/gen/overlay/paging.csv), and in one
// place the step from a page to the request for the page after it. Typed iterators, raw pages and the command all run on it.
package paging

import (
	"cmp"
	"slices"
)

// Rule is how one operation pages. Names of parameters and members are the API's; paths are dotted and begin at the top of a body.
type Rule struct {
	Operation string // "ordersv0.getOrders"
	Path      string // template, "/orders/v0/orders"

	Next  string // where an answer has the token for the page after it, "payload.NextToken"
	Items string // where an answer has its items, "payload.Orders"; "" where a page has no single list of items

	// Query and Body tell where the token goes: a query parameter, or a member of the body. One of them is set.
	Query string
	Body  string
	Set   string // a query parameter that changes with the token, "QueryType=NEXT_TOKEN"

	Alone bool     // the token goes without the query of the request before, but for Keep
	Keep  []string // the query parameters that go along all the same
	Then  string   // the operation that takes the token, where another one does

	// Size is the member of the request's body with the size of a page. Where it is set no tokens are sent: Body is the offset of the
	// page's first item, and Total is where an answer tells how many items there are.
	Size  string
	Total string
}

// Find returns the rule of an operation, nil where it has none.
func Find(operation string) *Rule {
	i, ok := slices.BinarySearchFunc(rules[:], operation, func(r Rule, id string) int { return cmp.Compare(r.Operation, id) })
	if !ok {
		return nil
	}
	return &rules[i]
}

// Rules returns all rules in ascending order of operation. The slice is shared: don't change it.
func Rules() []Rule { return rules[:] }

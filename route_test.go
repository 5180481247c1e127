package spapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestEveryOperationIsFoundByItsPath(t *testing.T) {
	if len(operations) != 373 {
		t.Errorf("%d operations", len(operations))
	}
	if !slices.IsSortedFunc(operations[:], func(a, b Operation) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("not in order of ID")
	}
	for _, op := range Operations() {
		if got := routes().find(op.Method, sampleURL(op)); got == nil || got.ID != op.ID {
			t.Errorf("%s: %s %s is taken for %v", op.ID, op.Method, sampleURL(op), got)
		}
		if found, ok := FindOperation(op.Method, sampleURL(op)); !ok || found != op {
			t.Errorf("%s %s is taken for %v", op.Method, sampleURL(op), found)
		}
		if found, ok := LookupOperation(op.ID); !ok || found != op {
			t.Errorf("%s is not found by its ID", op.ID)
		}
	}
	if _, ok := LookupOperation("no.such"); ok {
		t.Error("found an operation that does not exist")
	}
}

func TestRoutes(t *testing.T) {
	for request, want := range map[string]string{
		"GET /orders/v0/orders":                         getOrders,
		"GET /orders/v0/orders/1":                       getOrder,
		"GET /orders/v0/orders/a%2Fb":                   getOrder,
		"GET /orders/v0/orders/orderItems":              getOrder,
		"GET /orders/v0/orders/a/b":                     "GET /orders/v0/orders",
		"GET /orders/v0/orders/":                        "GET /orders/v0/orders",
		"POST /orders/v0/orders":                        "POST /orders/v0/orders",
		"GET /":                                         "GET /",
		"GET ":                                          "GET /",
		"GET /catalog/v0/items":                         "GET /catalog/v0/items",
		"GET /catalog/v0/items/B0/x/y":                  "GET /catalog/v0/items",
		"POST /uploads/2020-11-01/uploadDestinations/a": "uploads20201101.createUploadDestinationForResource",
		"POST /uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/docs": "uploads20201101.createUploadDestinationForResource",
		"POST /uploads/2020-11-01/uploadDestinations/":                      "POST /uploads/2020-11-01/uploadDestinations",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := identify(method, path); got.ID != want {
			t.Errorf("%s is taken for %s, want %s", request, got.ID, want)
		}
	}
	op := identify("PATCH", "/new/v1/things/1")
	if op.Idempotent || op.Rate != defaultRate || op.known() {
		t.Errorf("an unknown path became %+v", op)
	}
	if !identify("", "/new/v1/things/1").Idempotent {
		t.Error("no method means GET")
	}
}

// Literal segments go before parameters, and the search turns back from a dead end.
func TestRouteOrder(t *testing.T) {
	root := new(route)
	ops := []Operation{
		{ID: "literal", Method: "GET", Path: "/a/b"},
		{ID: "parameter", Method: "GET", Path: "/a/{x}"},
		{ID: "deep", Method: "GET", Path: "/a/{x}/c"},
		{ID: "greedy", Method: "GET", Path: "/a/{rest}", GreedyPath: true},
		{ID: "deleted", Method: "DELETE", Path: "/a/{x}"},
	}
	for i := range ops {
		root.add(&ops[i])
	}
	for path, want := range map[string]string{"/a/b": "literal", "/a/x": "parameter", "/a/b/c": "deep", "/a/b/d": "greedy", "/a/x/y/z": "greedy"} {
		if got := root.find("GET", path); got == nil || got.ID != want {
			t.Errorf("%s is taken for %v, want %s", path, got, want)
		}
	}
	if got := root.find("DELETE", "/a/b"); got == nil || got.ID != "deleted" {
		t.Errorf("DELETE /a/b is taken for %v", got)
	}
	for _, path := range []string{"/", "", "/a", "/a/", "/b"} {
		if got := root.find("GET", path); got != nil {
			t.Errorf("%q is taken for %s", path, got.ID)
		}
	}
}

func TestFindOperation(t *testing.T) {
	for request, want := range map[string]string{
		"GET /orders/v0/orders":                                             getOrders,
		" /orders/v0/orders":                                                getOrders,
		"GET /orders/v0/orders/a%2Fb":                                       getOrder,
		"PATCH /listings/2021-08-01/items/S1/a%2Fb%20c":                     "listingsitems20210801.patchListingsItem",
		"POST /uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/docs": "uploads20201101.createUploadDestinationForResource",
		"GET /orders/v0/orders/a/b":                                         "",
		"get /orders/v0/orders":                                             "",
		"DELETE /orders/v0/orders":                                          "",
		"GET /prefix/orders/v0/orders":                                      "",
		"GET /catalog/v0/items":                                             "",
		"GET /":                                                             "",
		"GET ":                                                              "",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got, ok := FindOperation(method, path); got.ID != want || ok != (want != "") {
			t.Errorf("%q is taken for %q, %t, want %q", request, got.ID, ok, want)
		}
	}
	// As raw requests find it, with a prefix and without.
	for _, uri := range []string{"/orders/v0/orders/1", "http://127.0.0.1:1/prefix/orders/v0/orders/1", "orders/v0/orders/1?x=/y"} {
		for _, options := range [][]Option{nil, {WithObserver(new(tracer))}} {
			req, err := http.NewRequest("GET", uri, nil)
			check(t, err)
			var r Response
			resp, err := new(fake).client(append(options, WithEndpoint("http://127.0.0.1:1/prefix"))...).Do(req, WithResponse(&r))
			check(t, err)
			_ = resp.Body.Close()
			if r.Operation != getOrder {
				t.Errorf("%s is taken for %s", uri, r.Operation)
			}
		}
	}
}

// Package operations tells which operations the emulator serves, and what the catalogue knows of them.
package operations

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/queues"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/notificationtypes"
)

// Removed are two of catalog v0 that Amazon has taken away and that the emulator keeps: many a tutorial walks
// through the first one. Form and limits are those of selling-partner-api-docs, references/catalog-items-api/catalogItemsV0.md.
var Removed = []catalog.Operation{
	{ID: "catalogitemsv0.listCatalogItems", API: "catalogitemsv0.removed", Name: "listCatalogItems", Version: "v0", Method: "GET", Path: "/catalog/v0/items", Rate: 6, Burst: 40, Shape: "payload"},
	{ID: "catalogitemsv0.getCatalogItem", API: "catalogitemsv0.removed", Name: "getCatalogItem", Version: "v0", Method: "GET", Path: "/catalog/v0/items/{asin}", Rate: 2, Burst: 20, Shape: "payload"},
}

// otherOperations are those that faults may name besides the catalogue's.
var otherOperations = []string{"lwa.token", "sts.AssumeRole", "sts.GetCallerIdentity", "s3.GetObject", "s3.HeadObject", "s3.PutObject"}

// ByID returns the operation of SP-API that has an id, of the catalogue or removed; nil for none.
func ByID(id string) *catalog.Operation {
	if op, ok := catalog.Lookup(id); ok {
		return op
	}
	for i := range Removed {
		if Removed[i].ID == id {
			return &Removed[i]
		}
	}
	return nil
}

// Matches tells whether a pattern, an operation ID with asterisks, matches an operation's ID.
func Matches(pattern, id string) bool {
	ok, err := path.Match(pattern, id)
	return ok && err == nil
}

// Served tells whether a pattern matches an operation of SP-API that is served.
func Served(pattern string) bool {
	for _, ops := range [][]catalog.Operation{catalog.Operations(), Removed} {
		for i := range ops {
			if Matches(pattern, ops[i].ID) {
				return true
			}
		}
	}
	return false
}

// Known tells whether a pattern matches anything that is done here, be it SP-API's or not; "" stands for everything.
func Known(pattern string) bool {
	if pattern == "" || Served(pattern) {
		return true
	}
	matches := func(id string) bool { return Matches(pattern, id) }
	return slices.ContainsFunc(otherOperations, matches) || Notifies(pattern) ||
		slices.ContainsFunc(queues.Operations(), func(name string) bool { return Matches(pattern, ofQueues+name) })
}

const (
	ofQueues        = "sqs."
	ofNotifications = "notifications."
)

// OfQueues tells whether an operation is one of the application's queues.
func OfQueues(id string) bool { return strings.HasPrefix(id, ofQueues) || id+"." == ofQueues }

// Notification is by what name faults know messages of a type of notifications.
func Notification(kind string) string { return ofNotifications + kind }

// Notifies tells whether a pattern matches messages of some type of notifications.
func Notifies(pattern string) bool {
	return slices.ContainsFunc(notificationtypes.All(), func(t notificationtypes.Type) bool { return Matches(pattern, Notification(t.Name)) })
}

// Key is the key of op in [catalog.API.Operations].
func Key(op *catalog.Operation) string { return op.ID[strings.IndexByte(op.ID, '.')+1:] }

// details is what the catalogue knows about an operation's parameters and answers; the zero value for one that it doesn't know.
type details struct {
	API    *catalog.API
	Detail *catalog.Detail
	Query  map[string]bool // the names of the query parameters
}

var detailsOf sync.Map // *catalog.Operation to *details

// DetailsOf returns the details of op, which are read on first use.
func DetailsOf(op *catalog.Operation) *details {
	if known, found := detailsOf.Load(op); found {
		return known.(*details)
	}
	d := &details{Query: map[string]bool{}}
	if api, err := catalog.LoadAPI(op.API); err == nil { // else one of the removed operations
		d.API, d.Detail = api, api.Operations[Key(op)]
	}
	if d.Detail != nil {
		for _, p := range d.Detail.Parameters {
			if p.In == "query" {
				d.Query[p.Name] = true
			}
		}
	}
	known, _ := detailsOf.LoadOrStore(op, d)
	return known.(*details)
}

// SchemasOf returns the schemas of op; nil for one that the catalogue doesn't know.
func SchemasOf(op *catalog.Operation) (*catalog.API, *catalog.Detail) {
	d := DetailsOf(op)
	return d.API, d.Detail
}

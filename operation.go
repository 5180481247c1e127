package spapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Operation describes one operation of the API as data.
type Operation struct {
	ID     string // "ordersv0.getOrders", unique
	API    string // package name, "ordersv0"
	Name   string // as Amazon names it, "getOrders"
	Method string
	Path   string // template, "/orders/v0/orders/{orderId}"

	// Rate and Burst are the default usage plan: requests per second and bucket size, per application, seller and region.
	// 0 where Amazon publishes none.
	Rate  float64
	Burst int
	// AppRate is the limit over all sellers of an application in requests per second, 0 where none is published.
	AppRate float64

	Restricted   RestrictedUse // whether a restricted data token is needed
	DataElements string        // data elements that a restricted token may ask for, comma separated; "" when it takes none
	Grantless    string        // Login with Amazon scope; "" when a seller's authorization is used
	Deprecated   string        // date of the announcement or, where that is unknown, "yes"; "" if not deprecated
	Removal      string        // date of the removal as announced, which may be past, YYYY-MM-DD; "" if none is

	Idempotent bool // may be repeated although it may have been carried out
	// IdempotencyHeader is the header by which the service recognises a repeat: a request that has it may be repeated too.
	IdempotencyHeader string

	GreedyPath  bool // the last path parameter takes the rest of the path, slashes included
	GenericPath bool // a restricted token may be asked for with the path template, so that one token serves all paths
	EmptyBody   bool // no success has a body
	MaybeEmpty  bool // a 204 in place of a body is a success too: there is nothing to tell

	types *typeLimits // nil: none
}

type typeLimits struct {
	field  string // the member of the body that holds the type
	limits []TypeLimit
}

// TypeLimits returns the limits that the operation has beside its plan, each of the requests for one type of reports or feeds, in ascending order of
// type. Clients keep them as they keep the plan; the sandbox has none.
func (op *Operation) TypeLimits() []TypeLimit {
	if op.types == nil {
		return nil
	}
	return slices.Clone(op.types.limits)
}

// TypeLimit is how often reports or feeds of one type may be asked for: Calls times in any span of Window.
type TypeLimit struct {
	Type           string
	Calls          int
	Window         time.Duration
	Application    bool // all sellers of the application share it; otherwise each has it
	PerMarketplace bool // each marketplace of the request has it
	// FromMade tells that Window begins when the report has been made, not when it was asked for. Amazon takes a request that comes sooner, and makes
	// nothing.
	FromMade bool
}

// removed reports whether the day that was announced for the removal has come, in UTC. It is no proof: Amazon has moved such days more than once.
func (op *Operation) removed(now time.Time) bool {
	return op.Removal != "" && now.UTC().Format(time.DateOnly) >= op.Removal
}

// RestrictedUse tells whether an operation needs a restricted data token.
type RestrictedUse uint8

const (
	// RestrictedNever: a plain access token always does.
	RestrictedNever RestrictedUse = iota
	// RestrictedAlways: every call outside the sandbox needs a restricted token, and the client fetches it.
	RestrictedAlways
	// RestrictedOnRequest: without a restricted token the personal data is left out; see [WithRestrictedData].
	RestrictedOnRequest
	// RestrictedReport: needed for documents of restricted report types; see [WithReportType].
	RestrictedReport
)

// Operations returns all operations in ascending order of ID.
func Operations() []Operation { return slices.Clone(operations[:]) }

// LookupOperation finds an operation by its ID, such as "ordersv0.getOrders".
func LookupOperation(id string) (Operation, bool) {
	if op := operationByID(id); op != nil {
		return *op, true
	}
	return Operation{}, false
}

// FindOperation finds the operation of a request by its method, in upper case ("" is GET), and its path: escaped, as [net/url.URL.EscapedPath]
// gives it, without query and without the path prefix that an endpoint of one's own may have. An escaped slash belongs to a parameter. The
// paths are the same in all regions and in the sandbox. It finds nothing for paths that no model has, among them those that Amazon has
// removed, such as /catalog/v0/items; they can be called all the same.
func FindOperation(method, escapedPath string) (Operation, bool) {
	if op := operationOf(cmp.Or(method, http.MethodGet), escapedPath); op != nil {
		return *op, true
	}
	return Operation{}, false
}

func operationOf(method, escapedPath string) *Operation {
	return routes().find(method, escapedPath)
}

func operationByID(id string) *Operation {
	i, ok := slices.BinarySearchFunc(operations[:], id, func(op Operation, id string) int { return strings.Compare(op.ID, id) })
	if !ok {
		return nil
	}
	return &operations[i]
}

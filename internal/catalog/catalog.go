// Package catalog describes every SP-API operation as data: route, limits, paging, tokens, parameters and schemas.
// Table and data files are written by internal/gen; this package only reads them. The emulator and the command are built on it.
package catalog

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Operation is one operation without its schemas, which [LoadAPI] reads on demand.
type Operation struct {
	ID      string `json:"id"`      // "ordersv0.getOrders"
	API     string `json:"api"`     // package name, "ordersv0"
	Name    string `json:"name"`    // operationId as in the model, "getOrders"
	Model   string `json:"model"`   // file stem of the model, "ordersV0"
	Version string `json:"version"` // info.version of the model, "v0"
	Method  string `json:"method"`
	Path    string `json:"path"` // template, "/orders/v0/orders/{orderId}"

	// GreedyPath tells that the last path parameter takes the rest of the path, slashes included.
	GreedyPath bool `json:"greedyPath,omitempty"`

	// Rate is the default usage plan in requests per second and Burst its bucket; per application, operation and selling partner.
	Rate  float64 `json:"rate"`
	Burst int     `json:"burst"`
	// AppRate is the limit over all sellers of one application in requests per second; 0 where none is published.
	AppRate float64 `json:"appRate,omitempty"`
	// LimitSource names where the figures come from; LimitNote says which sources disagree.
	LimitSource string `json:"limitSource,omitempty"`
	LimitNote   string `json:"limitNote,omitempty"`

	// TypeLimits are limits beside the plan, in ascending order of type.
	TypeLimits []TypeLimit `json:"typeLimits,omitempty"`

	Restricted *Restricted `json:"restricted,omitempty"`
	Grantless  string      `json:"grantless,omitempty"` // LWA scope
	Paging     *Paging     `json:"paging,omitempty"`
	Roles      []string    `json:"roles,omitempty"`

	Deprecated      bool   `json:"deprecated,omitempty"`
	DeprecatedSince string `json:"deprecatedSince,omitempty"` // date of the announcement, YYYY-MM-DD
	Removal         string `json:"removal,omitempty"`         // announced date, YYYY-MM-DD; see Removal
	ReplacedBy      string `json:"replacedBy,omitempty"`      // operation id

	// Idempotent operations may be sent again when it is unknown whether they were carried out. Those with an
	// IdempotencyHeader may be when the request has that header.
	Idempotent        bool   `json:"idempotent,omitempty"`
	IdempotencyHeader string `json:"idempotencyHeader,omitempty"`

	// Sandbox is "static", "dynamic" or empty; SandboxOnly operations exist nowhere else.
	Sandbox     string `json:"sandbox,omitempty"`
	SandboxOnly bool   `json:"sandboxOnly,omitempty"`

	// Shape is how a success body is wrapped: "bare", "payload" or "none".
	Shape string `json:"shape"`
	// MaybeEmpty operations also have a success without a body.
	MaybeEmpty bool `json:"maybeEmpty,omitempty"`
	// MaybeNothing operations have successes whose body holds nothing, such as {}.
	MaybeNothing bool   `json:"maybeNothing,omitempty"`
	Docs         string `json:"docs,omitempty"` // page of the operation in Amazon's documentation
}

// Removal says of the announced day of an operation's removal whether it is to come: "to be removed on 2027-03-27", or "removed on 2026-08-26"
// from that day on, in UTC. It is "" where none is announced. Amazon has moved such days more than once, so what is removed may still answer.
func Removal(day string, now time.Time) string {
	switch {
	case day == "":
		return ""
	case now.UTC().Format(time.DateOnly) >= day:
		return "removed on " + day
	}
	return "to be removed on " + day
}

// TypeLimit is a limit of the requests for one type of reports or feeds.
type TypeLimit struct {
	Field string `json:"field"` // member of the request's body that holds the type
	Type  string `json:"type"`
	// Application tells that all sellers of the application share the limit.
	Application bool `json:"application,omitempty"`
	// PerMarketplace tells that each marketplace has the limit.
	PerMarketplace bool `json:"perMarketplace,omitempty"`
	Calls          int  `json:"calls"`   // in any span of Seconds
	Seconds        int  `json:"seconds"` //
	// FromMade tells that the span begins when what was asked for is made, not when it is asked for; what is asked for earlier is taken and ends
	// without a document.
	FromMade bool   `json:"fromMade,omitempty"`
	Since    string `json:"since,omitempty"` // the day from which on it holds, YYYY-MM-DD; "" for ever
	Source   string `json:"source"`
	Note     string `json:"note,omitempty"`
}

// Window is the span of time.
func (l *TypeLimit) Window() time.Duration { return time.Duration(l.Seconds) * time.Second }

// Restricted tells how an operation wants a restricted data token.
type Restricted struct {
	// When is "always", "on-request" (without one, personal data is left out) or "restricted-report-types".
	When         string   `json:"when"`
	DataElements []string `json:"dataElements,omitempty"`
	GenericPath  bool     `json:"genericPath,omitempty"` // the path template is accepted in place of a concrete path
}

// Paging tells how the next page of an operation is asked for.
type Paging struct {
	TokenIn  string `json:"tokenIn,omitempty"`  // "query:NextToken", "body:paginationToken"
	TokenOut string `json:"tokenOut,omitempty"` // JSON path in the response body, "payload.NextToken"
	PrevOut  string `json:"prevOut,omitempty"`
	Size     string `json:"size,omitempty"` // page size parameter, "query:MaxResultsPerPage"
	SizeMax  int    `json:"sizeMax,omitempty"`
	// Rule is "same-args", "token-only", "offset", or one of the few others that internal/gen/overlay/README.md explains.
	Rule  string `json:"rule"`
	Items string `json:"items,omitempty"` // JSON path of the item array in the response body
	Total string `json:"total,omitempty"` // of rule "offset": JSON path of the number of items in the response body
}

// Parameter is a path, query or header parameter.
type Parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Required bool    `json:"required,omitempty"`
	Multi    bool    `json:"multi,omitempty"` // an array sent as repeated parameters; otherwise arrays are comma separated
	Greedy   bool    `json:"greedy,omitempty"`
	Schema   *Schema `json:"schema"`
	Default  any     `json:"default,omitempty"`
}

// Body is the request body of an operation.
type Body struct {
	Name     string  `json:"name"`
	Required bool    `json:"required,omitempty"`
	Schema   *Schema `json:"schema"`
}

// Response is one declared response.
type Response struct {
	Status  int      `json:"status"`
	Schema  *Schema  `json:"schema,omitempty"`
	Headers []string `json:"headers,omitempty"`
}

// Detail holds the schemas of one operation.
type Detail struct {
	Consumes   []string    `json:"consumes,omitempty"`
	Produces   []string    `json:"produces,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
	Body       *Body       `json:"body,omitempty"`
	Responses  []Response  `json:"responses"` // ascending by status
}

// Schema is the part of JSON Schema that the models use. Either Ref or the rest is set.
type Schema struct {
	Ref                  string             `json:"ref,omitempty"` // name in API.Definitions
	Type                 string             `json:"type,omitempty"`
	Format               string             `json:"format,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *float64           `json:"minimum,omitempty"`
	Maximum              *float64           `json:"maximum,omitempty"`
	MultipleOf           *float64           `json:"multipleOf,omitempty"`
	MinLength            *int               `json:"minLength,omitempty"`
	MaxLength            *int               `json:"maxLength,omitempty"`
	MinItems             *int               `json:"minItems,omitempty"`
	MaxItems             *int               `json:"maxItems,omitempty"`
	UniqueItems          bool               `json:"uniqueItems,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Order                []string           `json:"order,omitempty"` // property names in the model's order
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *Schema            `json:"additionalProperties,omitempty"` // an empty schema allows anything
}

// API is one API version with all its schemas.
type API struct {
	Name        string             `json:"name"` // package name
	Model       string             `json:"model"`
	Version     string             `json:"version"`
	Operations  map[string]*Detail `json:"operations"` // by operation name; a second operation of the same name has "#2" appended
	Definitions map[string]*Schema `json:"definitions"`
}

// Resolve follows references until it reaches a schema proper.
func (a *API) Resolve(s *Schema) *Schema {
	for s != nil && s.Ref != "" {
		s = a.Definitions[s.Ref]
	}
	return s
}

//go:embed data/api/*.json.gz
var data embed.FS

// Operations returns all operations in ascending order of ID. The slice is shared: don't change it.
func Operations() []Operation { return operations[:] }

// Lookup finds an operation by its ID.
func Lookup(id string) (*Operation, bool) {
	i, ok := slices.BinarySearchFunc(operations[:], id, func(op Operation, id string) int { return strings.Compare(op.ID, id) })
	if !ok {
		return nil, false
	}
	return &operations[i], true
}

var (
	apisMu sync.Mutex
	apis   = map[string]*API{}
)

// LoadAPI reads the schemas of one API version, once; later calls return the same value.
func LoadAPI(name string) (*API, error) {
	apisMu.Lock()
	defer apisMu.Unlock()
	if a := apis[name]; a != nil {
		return a, nil
	}
	packed, err := data.ReadFile("data/api/" + name + ".json.gz")
	if err != nil {
		return nil, fmt.Errorf("catalog: no API version %q", name)
	}
	a := new(API)
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		err = json.NewDecoder(unpacked).Decode(a)
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", name, err)
	}
	apis[name] = a
	return a, nil
}

package emulator

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/catalog"
)

// call is what a handler sees of a request.
type call struct {
	desk     *frontDesk
	op       *catalog.Operation
	account  *account // nil for a grantless operation
	grant    *grant
	now      time.Time
	sandbox  bool // asked at one of Amazon's sandbox hosts
	exchange *exchange

	path  map[string]string // path parameters, decoded
	query url.Values        // single values; arrays as lists of their elements
	body  any               // decoded JSON, numbers as json.Number; nil without a body
}

// mayShow tells whether personal data of the given kind goes into the answer: only with a restricted token that names it, or with any
// restricted token for an operation that has no data elements.
func (c *call) mayShow(element string) bool {
	if c.grant.kind != restrictedGrant || c.op.Restricted == nil {
		return false
	}
	path := c.op.Path
	for name, v := range c.path {
		path = strings.ReplaceAll(path, "{"+name+"}", v)
	}
	r := restrictedFor(c.grant, c.op.Method, path, c.op)
	return r != nil && (len(c.op.Restricted.DataElements) == 0 || slices.Contains(r.elements, element))
}

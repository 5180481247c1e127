package desk

import (
	_ "embed"
	"strconv"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/echo"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
)

//go:embed unknown.csv
var unknownCSV string

// refusal is how some operations refuse the id of something that isn't there.
type refusal struct {
	operations, kind       string
	status                 int
	code, message, details string
}

var refusals = sync.OnceValue(func() []refusal {
	var list []refusal
	for _, r := range table.Read("unknown.csv", unknownCSV) {
		status, err := strconv.Atoi(r[2])
		if err != nil {
			table.Refuse("unknown.csv", err.Error())
		}
		list = append(list, refusal{r[0], r[1], status, r[3], r[4], r[5]})
	}
	return list
})

// unknown refuses a request that names what isn't there.
func unknown(c *Call, s *echo.Said) *answer.Error {
	if c.Seller == nil || c.Sandbox { // the sandbox has no seller's data behind it
		return nil
	}
	for i := range refusals() {
		r := &refusals()[i]
		if !operations.Matches(r.operations, c.Op.ID) {
			continue
		}
		for _, id := range s.IDs(r.kind) {
			if !c.has(r.kind, id) {
				return answer.Plain(r.status, r.code, r.message).Detailed(r.details).Because(r.kind + `: there is no "` + id + `"`)
			}
		}
	}
	return nil
}

// has tells whether there is what an id is of.
func (c *Call) has(kind, id string) bool {
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	switch kind {
	case echo.SKU:
		return w.Listing(id) != nil
	case echo.ASIN:
		return w.ProductByASIN(id) != nil || w.Families[id] != nil
	}
	return true
}

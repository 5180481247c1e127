package orders

import (
	"net/url"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// orderItemsPage is the handler of an operation that shows the items of one order, page by page.
func orderItemsPage(show func(*desk.Call, *world.Order) object) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		pg, problem := c.Page("NextToken")
		if problem == nil && pg.Start > 0 && pg.Arg("orderId") != c.Path["orderId"] {
			problem = desk.ErrTokenInvalid
		}
		if problem != nil {
			return answer.Reply{}, answer.InvalidParameter("NextToken", problem.Error())
		}
		c.Now = pg.AsOf // all pages show the order as of the first one
		return orderV0(func(c *desk.Call, o *world.Order) object {
			body := show(c, o)
			items, _ := body["OrderItems"].([]object)
			part, more := desk.Cut(items, pg.Start, c.Desk.Options.OrderItems)
			if body["OrderItems"] = part; more {
				pg.Args = url.Values{"orderId": {o.ID}}
				pg.Query = pg.Args.Encode()
				body["NextToken"] = c.Token(pg, pg.Start+len(part))
			}
			return body
		})(c)
	}
}

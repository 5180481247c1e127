package emulator

import (
	"net/url"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// orderItemsPage is the handler of an operation that shows the items of one order, page by page.
func orderItemsPage(show func(*call, *world.Order) object) handler {
	return func(c *call) (reply, *apiError) {
		pg, problem := c.page("NextToken")
		if problem == nil && pg.Start > 0 && pg.arg("orderId") != c.path["orderId"] {
			problem = errTokenInvalid
		}
		if problem != nil {
			return reply{}, invalidOrderInput("NextToken", problem.Error())
		}
		c.now = pg.AsOf // all pages show the order as of the first one
		return orderV0(func(c *call, o *world.Order) object {
			body := show(c, o)
			items, _ := body["OrderItems"].([]object)
			part, more := cut(items, pg.Start, c.desk.options.OrderItems)
			if body["OrderItems"] = part; more {
				pg.args = url.Values{"orderId": {o.ID}}
				pg.Query = pg.args.Encode()
				body["NextToken"] = c.token(pg, pg.Start+len(part))
			}
			return body
		})(c)
	}
}

package desk

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/outbox"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Call is what a handler sees of a request.
type Call struct {
	Desk     *Desk
	Op       *catalog.Operation
	Seller   *Seller // nil for a grantless operation
	Grant    *auth.Grant
	Now      time.Time
	Sandbox  bool // asked at one of Amazon's sandbox hosts, or the emulator is one
	Exchange *exchange.Exchange

	Path map[string]string // path parameters, decoded
	check.Args

	page *Page // of a list that the handler has asked for; nil where it asked for none
	cuts       // that the request's next token has
}

// UnknownParameter refuses a query parameter that the operation doesn't have, for handlers of operations that the catalogue doesn't know.
func (c *Call) UnknownParameter(name string) *answer.Error { return check.Unknown(c.Op, name) }

// MayShow tells whether personal data of the given kind goes into the answer: only with a restricted token that names it, or with any
// restricted token for an operation that has no data elements.
func (c *Call) MayShow(element string) bool {
	if c.Grant.Kind != auth.RestrictedGrant || c.Op.Restricted == nil {
		return false
	}
	path := c.Op.Path
	for name, v := range c.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", v)
	}
	r := auth.RestrictedFor(c.Grant, c.Op.Method, path, c.Op)
	return r != nil && (len(c.Op.Restricted.DataElements) == 0 || slices.Contains(r.Elements, element))
}

// WithRestrictedToken tells whether the request came with a restricted data token.
func (c *Call) WithRestrictedToken() bool { return c.Grant.Kind == auth.RestrictedGrant }

// Order finds the order of the path, if it has been placed by the time of the call; nil otherwise.
func (c *Call) Order() (*world.World, *world.Order) {
	w := c.Seller.World()
	return w, w.OrderByID(c.Path["orderId"], c.Now)
}

// ChangeOrder lets f change the order of an id, see [world.World.Change]; there is none where f refuses, or where the seller has no such order.
func (c *Call) ChangeOrder(id string, f func(o *world.Order) *answer.Error) *answer.Error {
	var refused *answer.Error
	err := c.Seller.World().Change(id, c.Now, func(o *world.Order) error {
		if refused = f(o); refused != nil {
			return errRefused
		}
		return nil
	})
	if errors.Is(err, world.ErrNoOrder) {
		return OrderNotFound(id)
	}
	return refused
}

var errRefused = errors.New("refused")

// Items are those of the catalogue as of now.
func (c *Call) Items() []*world.Product {
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	return w.Catalogue()
}

// Item finds an item of the catalogue, also one that can't be bought; nil when there is none.
func (c *Call) Item(asin string) *world.Product {
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	if f := w.Families[asin]; f != nil {
		return f.Parent
	}
	return w.ProductByASIN(asin)
}

// MarketplaceOf returns the marketplace that a request names, which must be one of the seller's.
func (c *Call) MarketplaceOf(parameter, id string) (*marketplace.Marketplace, *answer.Error) {
	if id == "" {
		return nil, answer.MissingParameter(parameter, "required")
	}
	for i := range c.Seller.Marketplaces {
		if c.Seller.Marketplaces[i].ID == id {
			return &c.Seller.Marketplaces[i], nil
		}
	}
	if _, ok := marketplace.ByID(id); !ok {
		return nil, answer.InvalidParameter(parameter, `"`+id+`" is not a marketplace id`)
	}
	return nil, check.NoPart(parameter, id)
}

// Millis spells a time with thousandths of seconds, as notifications and some APIs do.
func Millis(t time.Time) string { return format.Millis(t) }

// What flows send, and what has become of it.
type (
	Notification = outbox.Notification
	Delivery     = outbox.Delivery
)

// Delivered begins the outcome of a message that has arrived.
const Delivered = outbox.Delivered

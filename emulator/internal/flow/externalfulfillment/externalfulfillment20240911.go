// Package externalfulfillment answers for External Fulfillment: a seller's own warehouse that works on orders of Amazon's channels. The emulator's sellers
// take part in two of its programs: merchants' orders in India are Easy Ship's (channel MFN, shipped by the marketplace), those elsewhere the sellers
// ship themselves (channel MFN, SELF). That sellers are allowed for it, which Amazon decides for each, is assumed.
package externalfulfillment

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// V20240911 are the APIs of version 2024-09-11: shipments, returns and inventory.
var V20240911 = desk.Flow{
	Stores: []desk.Keeper{books, stocks},
	Early: map[string]func(*desk.Call) *answer.Error{
		"externalfulfillmentreturns20240911.listReturns": readableTimes, "externalfulfillmentinventory20240911.batchInventory": sized,
	},
	Handlers: map[string]desk.Handler{
		"externalfulfillmentshipments20240911.getShipments":            getShipments,
		"externalfulfillmentshipments20240911.getShipment":             getShipment,
		"externalfulfillmentshipments20240911.processShipment":         processShipment,
		"externalfulfillmentshipments20240911.createPackages":          createPackages,
		"externalfulfillmentshipments20240911.updatePackage":           updatePackage,
		"externalfulfillmentshipments20240911.updatePackageStatus":     updatePackageStatus,
		"externalfulfillmentshipments20240911.retrieveShippingOptions": retrieveShippingOptions,
		"externalfulfillmentshipments20240911.generateInvoice":         generateInvoice,
		"externalfulfillmentshipments20240911.retrieveInvoice":         retrieveInvoice,
		"externalfulfillmentshipments20240911.generateShipLabels":      generateShipLabels,
		"externalfulfillmentreturns20240911.listReturns":               listReturns,
		"externalfulfillmentreturns20240911.getReturn":                 getReturn,
		"externalfulfillmentinventory20240911.batchInventory":          batchInventory,
	},
}

// channel is the one in which the emulator's shipments are.
const channel = "MFN"

// The programs of the channel, by who ships.
const (
	byMarketplace = "MARKETPLACE" // Easy Ship
	bySeller      = "SELF"        // Self-Ship
)

// taken tells whether an order is External Fulfillment's: those of merchants that are sent to the buyer.
func taken(o *world.Order) bool { return !o.Amazon && o.Store == "" }

func shippingType(m *marketplace.Marketplace) string {
	if m.CountryCode == "IN" {
		return byMarketplace
	}
	return bySeller
}

// locationOf is the seller's one warehouse for a marketplace.
func locationOf(c *desk.Call, m *marketplace.Marketplace) string {
	return c.Desk.Seed.Of("location", c.Seller.Number, m.ID).Text(random.Capitals, 4)
}

// The id of a shipment has the order's in it, so that no index of them is needed: "D" and the order's digits in base 62.
const shipmentIDSize = 11

func shipmentID(orderID string) string {
	n, _ := new(big.Int).SetString(strings.ReplaceAll(orderID, "-", ""), 10) // digits, all of it
	return fmt.Sprintf("D%0*s", shipmentIDSize-1, n.Text(62))
}

// orderOf is the order's id of a shipment; false when the text is none of a shipment.
func orderOf(id string) (string, bool) {
	digits, found := strings.CutPrefix(id, "D")
	if !found || len(id) != shipmentIDSize {
		return "", false
	}
	n, ok := new(big.Int).SetString(digits, 62)
	if !ok || n.Sign() < 0 || strings.HasPrefix(digits, "+") || n.Cmp(big.NewInt(1e17)) >= 0 {
		return "", false
	}
	return world.OrderIDOf(n.Uint64()), true
}

// A return's id looks like a UUID, and has in it its order behind a seal: no index of them is needed.
func returnID(c *desk.Call, orderID string, r *world.Return) string {
	n, _ := strconv.ParseUint(strings.ReplaceAll(orderID, "-", ""), 10, 64)
	seal := c.Desk.Seal([]byte("return " + c.Seller.ID + " " + orderID + " " + r.ID))[:8]
	text := hex.EncodeToString(append(binary.BigEndian.AppendUint64(nil, n^binary.BigEndian.Uint64(c.Desk.Seal(seal))), seal...))
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// returnPattern is what ids of returns look like.
var returnPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
})

// orderOfReturn is the order's id in a return's, of whatever looks like one.
func orderOfReturn(c *desk.Call, id string) string {
	b, _ := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	return world.OrderIDOf(binary.BigEndian.Uint64(b) ^ binary.BigEndian.Uint64(c.Desk.Seal(b[8:])))
}

// record is what requests have made of a shipment.
type record struct {
	Confirmed time.Time
	Updated   time.Time
	Rejected  string    `json:",omitempty"` // the reference of the rejection
	Reason    string    `json:",omitempty"` // of the last state that was told
	Invoiced  time.Time `json:",omitzero"`
	Packages  []pack    `json:",omitempty"`
}

// pack is a package.
type pack struct {
	ID       string
	Stage    stage
	Sides    [3]string // length, width, height
	Unit     string
	Weight   string
	In       string   // unit of the weight
	Hazmat   []string `json:",omitempty"`
	Handling string   `json:",omitempty"`
	Lines    []packLine
	Option   string    `json:",omitempty"` // shipping option
	Carrier  string    `json:",omitempty"`
	Tracking string    `json:",omitempty"`
	Sub      string    `json:",omitempty"` // sub-status that was told
	Shipped  time.Time `json:",omitzero"`
}

type packLine struct {
	Item     int // of the order's items
	Quantity int
	Serials  []string `json:",omitempty"`
	Origin   string   `json:",omitempty"` // country
	Value    []string `json:",omitempty"` // of the item: amount and currency
}

// stage is how far a package is.
type stage int

const (
	created stage = iota
	optionsRetrieved
	invoiced
	labelled
	shipped
	delivered
)

var (
	packageStates  = []string{"CREATED", "PICKUP_SLOT_RETRIEVED", "INVOICE_GENERATED", "SHIPLABEL_GENERATED", "SHIPPED", "DELIVERED"}
	shipmentStates = []string{"PACKAGE_CREATED", "PICKUP_SLOT_RETRIEVED", "INVOICE_GENERATED", "SHIPLABEL_GENERATED", "SHIPPED", "DELIVERED"}
)

// book has the records of a seller, by order id.
type book struct {
	mu      sync.Mutex
	records map[string]*record
}

var books = &desk.Store[*book]{
	Name:   "externalFulfillment",
	Create: func(*desk.Seller) *book { return &book{records: map[string]*record{}} },
	Save: func(b *book) (any, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.records) == 0 {
			return nil, nil
		}
		return b.records, nil
	},
	Load: func(b *book, raw json.RawMessage) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		return json.Unmarshal(raw, &b.records)
	},
}

// of is a copy of an order's record.
func (b *book) of(orderID string) record {
	if r := b.records[orderID]; r != nil {
		c := *r
		c.Packages = slices.Clone(r.Packages)
		return c
	}
	return record{}
}

// scan yields the orders that are External Fulfillment's, by time of purchase: those that were placed since a time and have at least a
// number. It stops where it has looked at enough, and returns the number to go on with; 0 at the end.
func scan(c *desk.Call, since time.Time, from int, asOf time.Time, yield func(o *world.Order) bool) (next int) {
	w := c.Seller.World()
	from = max(from, w.NumberFrom(since))
	for number := from; ; number++ {
		switch life := w.Life(number); {
		case life == nil || life.Purchased.After(asOf):
			return 0
		case number-from == mostScanned:
			return number
		case len(life.Items) > 0 && taken(life) && !yield(w.Order(number)):
			return number
		}
	}
}

const (
	// mostScanned is how many orders a request looks at: a page may be empty, and the next token leads on (the models' note on both lists).
	mostScanned = 5000
	// openFor is how long after its purchase an order may wait to be shipped: longer than any of the world's does.
	openFor = 14 * world.Day
	// pageSize is how many there are on a page when nothing else is said (returns: models/external-fulfillment; shipments: assumed).
	pageSize = 10
)

// size is how many a page may have; 0 where the request asks for something else than 1 to 100.
func size(text string) int {
	if text == "" {
		return pageSize
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 100 {
		return n
	}
	return 0
}

// bound is a time of the query; zero where there is none.
func bound(text string) time.Time {
	t, _ := format.ParseTime(text)
	return t
}

// within tells whether a time lies after one bound and before another, where there are any.
func within(t, after, before time.Time) bool {
	return (after.IsZero() || t.After(after)) && (before.IsZero() || t.Before(before))
}

package externalfulfillment

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// mostRequests is how many a batch may have (models/external-fulfillment, sandbox case).
const mostRequests = 10

// stock has the sequence numbers of a seller's updates, by location and SKU. The quantities are the listings': what merchants' orders take is theirs.
type stock struct {
	mu        sync.Mutex
	sequences map[string]int
}

var stocks = &desk.Store[*stock]{
	Name:   "externalInventory",
	Create: func(*desk.Seller) *stock { return &stock{sequences: map[string]int{}} },
	Save: func(s *stock) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.sequences) == 0 {
			return nil, nil
		}
		return s.sequences, nil
	},
	Load: func(s *stock, raw json.RawMessage) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return json.Unmarshal(raw, &s.sequences)
	},
}

// sized refuses a batch that is too large, in the words of the model's sandbox case.
func sized(c *desk.Call) *answer.Error {
	body, _ := format.DecodeJSON(c.Exchange.Body) // what is wrong with it is found later
	m, _ := body.(map[string]any)
	if len(format.List(m["requests"])) > mostRequests {
		return answer.Plain(400, "BATCH_SIZE_EXCEED", "Maximum number for requests supported in batch is 10.")
	}
	return nil
}

// batchInventory answers each request for itself.
func batchInventory(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	requests := format.List(body["requests"])
	if len(requests) == 0 {
		return answer.Reply{}, answer.MissingMember("requests", "required")
	}
	var reserved map[string]int
	list := []object{}
	for _, entry := range requests {
		r := readRequest(entry)
		if failed := r.do(c); failed != nil {
			list = append(list, object{"status": object{"statusCode": 400, "reasonPhrase": "Invalid Input"}, "body": r.refused(failed)})
			continue
		}
		if reserved == nil {
			reserved = reservations(c)
		}
		list = append(list, object{"status": object{"statusCode": 200, "reasonPhrase": "Success"}, "body": r.state(c, reserved)})
	}
	return answer.Reply{Status: http.StatusMultiStatus, Body: object{"responses": list}}, nil
}

// inventoryRequest is one request of a batch.
type inventoryRequest struct {
	method, path, location, sku string
	m                           *marketplace.Marketplace
	marketplaceID, channel      string
	quantity, sequence          int
	hasQuantity, hasSequence    bool
}

func readRequest(v any) *inventoryRequest {
	entry, _ := v.(map[string]any)
	r := &inventoryRequest{method: format.Member(entry, "method")}
	if target, err := url.Parse(format.Member(entry, "uri")); err == nil {
		r.path, r.location, r.sku = strings.Trim(target.Path, "/"), target.Query().Get("locationId"), target.Query().Get("skuId")
	}
	body, _ := entry["body"].(map[string]any)
	attributes := body["marketplaceAttributes"]
	r.marketplaceID, r.channel = format.Member(attributes, "marketplaceId"), format.Member(attributes, "channelName")
	r.quantity, r.hasQuantity = format.Whole(body["quantity"])
	r.sequence, r.hasSequence = format.Whole(body["clientSequenceNumber"])
	return r
}

// refusal is why a request of a batch is not carried out. The type and text of INVALID_SKU are those of models/external-fulfillment's sandbox case; the others
// are assumed.
type refusal struct{ kind, text string }

var (
	invalidSKU      = &refusal{"INVALID_SKU", "The requested Sku does not exist for the seller in requested marketplace."}
	invalidLocation = &refusal{"INVALID_LOCATION", "The requested location does not exist for the seller in requested marketplace."}
	invalidChannel  = &refusal{"INVALID_CHANNEL", "The requested channel does not exist for the requested location."}
	invalidRequest  = &refusal{"INVALID_REQUEST", "The request is not one of inventory/update and inventory/fetch with method POST."}
	invalidQuantity = &refusal{"INVALID_QUANTITY", "An update needs a quantity of 0 or more, and a client sequence number."}
	staleSequence   = &refusal{"STALE_SEQUENCE_NUMBER", "The client sequence number is not above the last one."}
)

func (r *inventoryRequest) key() string { return r.location + " " + r.sku }

// do carries a request out.
func (r *inventoryRequest) do(c *desk.Call) *refusal {
	for i := range c.Seller.Marketplaces { // the location tells the marketplace
		if m := &c.Seller.Marketplaces[i]; locationOf(c, m) == r.location {
			r.m = m
		}
	}
	w := c.Seller.World()
	w.RLock()
	l := w.Listing(r.sku)
	found := l != nil && r.m != nil && l.In(r.m.ID) && !l.Amazon
	w.RUnlock()
	switch {
	case r.method != http.MethodPost || r.path != "inventory/update" && r.path != "inventory/fetch":
		return invalidRequest
	case r.m == nil || r.marketplaceID != "" && r.marketplaceID != r.m.ID:
		return invalidLocation
	case r.channel != "" && r.channel != channel:
		return invalidChannel
	case !found:
		return invalidSKU
	case r.path == "inventory/fetch":
		return nil
	case !r.hasQuantity || r.quantity < 0 || !r.hasSequence:
		return invalidQuantity
	}
	s := stocks.Of(c.Seller)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, told := s.sequences[r.key()]; told && r.sequence <= last {
		return staleSequence // a lower number than the last one is out of date, which is assumed
	}
	w.Lock()
	defer w.Unlock()
	w.SetQuantity(r.sku, r.quantity, c.Now)
	s.sequences[r.key()] = r.sequence
	return nil
}

func (r *inventoryRequest) refused(why *refusal) object {
	return object{"skuId": r.sku, "locationId": r.location, "actionableErrors": []object{{"errorType": why.kind, "errorSubType": why.text}}}
}

// state is what there is of a SKU after the request.
func (r *inventoryRequest) state(c *desk.Call, reserved map[string]int) object {
	w := c.Seller.World()
	w.RLock()
	sellable := 0
	if l := w.Listing(r.sku); l != nil {
		sellable = l.Quantity
	}
	w.RUnlock()
	s := stocks.Of(c.Seller)
	s.mu.Lock()
	defer s.mu.Unlock()
	return object{
		"locationId": r.location, "skuId": r.sku, "sellableQuantity": sellable, "reservedQuantity": reserved[r.m.ID+" "+r.sku],
		"clientSequenceNumber":  s.sequences[r.key()],
		"marketplaceAttributes": object{"marketplaceId": r.m.ID, "channelName": channel}, "actionableErrors": []object{},
	}
}

// reservations are the units that wait to be shipped, by marketplace and SKU.
func reservations(c *desk.Call) map[string]int {
	units := map[string]int{}
	for o := range c.Seller.World().Lives(c.Now.Add(-openFor), c.Now) {
		if status := o.Status(c.Now); taken(o) && (status == world.Pending || world.ToBeShipped(status)) {
			for i := range o.Items {
				units[o.Marketplace.ID+" "+o.Items[i].SKU] += o.Items[i].Quantity - o.ShippedOf(i, c.Now)
			}
		}
	}
	return units
}

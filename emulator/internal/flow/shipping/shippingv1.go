// Package shipping answers for Amazon Shipping: version 2, which ships orders and parcels from elsewhere, and version 1 as far as to tell shipments that there
// are from those that there aren't. What they are there is made of the schema, but for the labels.
package shipping

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/labels"
)

// V1 is the API of version v1.
var V1 = desk.Flow{Stores: []desk.Keeper{shipments}, Handlers: map[string]desk.Handler{
	"shippingv1.createShipment":        create,
	"shippingv1.purchaseShipment":      labelled(create),
	"shippingv1.getShipment":           known,
	"shippingv1.cancelShipment":        known,
	"shippingv1.purchaseLabels":        labelled(known),
	"shippingv1.retrieveShippingLabel": labelled(known),
}}

const (
	// keptFor is how long a shipment is known, and mostShipments how many of them. Amazon publishes neither.
	keptFor       = 90 * 24 * time.Hour
	mostShipments = 100_000
)

// book has the ids of a seller's shipments, and until when they are known.
type book struct {
	mu  sync.Mutex
	ids *expiring.Map[time.Time]
}

func (b *book) add(id string, until time.Time) { b.ids.Put(id, until, until) }

var shipments = &desk.Store[*book]{
	Name:   "shippingv1",
	Create: func(*desk.Seller) *book { return &book{ids: expiring.NewMap[time.Time](mostShipments, nil)} },
	Save: func(b *book) (any, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.ids.Len() == 0 {
			return nil, nil
		}
		return maps.Collect(b.ids.All()), nil
	},
	Load: func(b *book, raw json.RawMessage) error {
		saved := map[string]time.Time{}
		if err := json.Unmarshal(raw, &saved); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, id := range slices.Sorted(maps.Keys(saved)) {
			b.add(id, saved[id])
		}
		return nil
	},
}

// create makes up a shipment and remembers its id.
func create(c *desk.Call) (answer.Reply, *answer.Error) {
	r, err := desk.FromSchema(c)
	if err != nil {
		return r, err
	}
	body, _ := r.Body.(format.Object)
	payload, _ := body["payload"].(format.Object)
	if id, _ := payload["shipmentId"].(string); id != "" {
		b := shipments.Of(c.Seller)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ids.Sweep(c.Now)
		b.add(id, c.Now.UTC().Add(keptFor))
	}
	return r, nil
}

// known answers for a shipment that there is. One that there isn't is a 400 for getShipment (selling-partner-api-models#2990); that it is the same for the
// other operations is assumed.
func known(c *desk.Call) (answer.Reply, *answer.Error) {
	b := shipments.Of(c.Seller)
	b.mu.Lock()
	b.ids.Sweep(c.Now)
	_, found := b.ids.Get(c.Path["shipmentId"])
	b.mu.Unlock()
	if !found {
		return answer.Reply{}, answer.Invalid("Invalid input.", "").Detailed("Shipment not found for specified shipmentId")
	}
	return desk.FromSchema(c)
}

// labelled puts labels into the answers of a handler: PNGs of four by six inches, which are all that v1 has, one for each container that the request names.
func labelled(next desk.Handler) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		r, err := next(c)
		if err != nil {
			return r, err
		}
		body, _ := r.Body.(format.Object)
		payload, _ := body["payload"].(format.Object)
		if _, single := payload["labelStream"]; single {
			return r, draw(payload, c.Path["trackingId"])
		}
		results := []any{}
		for _, entry := range format.List(payload["labelResults"]) {
			result := entry.(format.Object)
			label, _ := result["label"].(format.Object)
			if err := draw(label, format.Member(map[string]any(result), "trackingId")); err != nil {
				return r, err
			}
			results = append(results, result)
		}
		var request struct {
			Containers []struct{ ContainerReferenceID string }
		}
		if err := format.Read(c.Body, &request); err == nil && len(results) == 1 && len(request.Containers) > 0 {
			made := results[0].(format.Object)
			results = results[:0]
			for i, container := range request.Containers {
				tracking := carriers.TrackingNumber(c.Desk.Seed.Of("shippingv1", payload["shipmentId"], i), "AMZN_UK")
				label := maps.Clone(made["label"].(format.Object))
				if err := draw(label, tracking); err != nil {
					return r, err
				}
				results = append(results, format.Object{"containerReferenceId": container.ContainerReferenceID, "trackingId": tracking, "label": label})
			}
		}
		payload["labelResults"] = results
		return r, nil
	}
}

// draw puts a label for a parcel where its bytes belong.
func draw(label format.Object, tracking string) *answer.Error {
	b, err := labels.Render(labels.Content{Carrier: "Amazon Shipping", Tracking: tracking}, labels.PNG, labels.FourBySix, 203)
	if err != nil {
		return answer.Invalid("Invalid input.", "trackingId: "+err.Error())
	}
	label["labelStream"] = base64.StdEncoding.EncodeToString(b)
	return nil
}

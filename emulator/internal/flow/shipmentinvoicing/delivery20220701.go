package shipmentinvoicing

import (
	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Delivery is the API of invoices of Delivery by Amazon, version 2022-07-01.
var Delivery = desk.Flow{Handlers: map[string]desk.Handler{
	"deliveryshipmentinvoice20220701.submitInvoice":    submitInvoice,
	"deliveryshipmentinvoice20220701.getInvoiceStatus": getInvoiceStatus,
}}

// named is what a request says it is about: an order, or else a shipment.
type named struct {
	kind, word, id string
	order          *world.Order // nil: there is none
}

// find finds the order of a request; the order's id counts before the shipment's (the model).
func find(c *desk.Call) (named, *answer.Error) {
	if id := c.Query.Get("orderId"); id != "" {
		return named{"OrderId", "order", id, shipment(c, id)}, nil
	}
	id := c.Query.Get("shipmentId")
	if id == "" {
		return named{}, answer.MissingParameter("orderId", "or shipmentId is required")
	}
	order, _ := world.OrderOfShipment(id)
	return named{"ShipmentId", "shipment", id, shipment(c, order)}, nil
}

// checkProgram refuses a marketplace or a program that isn't the order's. The rules are assumed: FBA Onsite for what Amazon fulfils, either of the others
// for what the seller does.
func checkProgram(o *world.Order, marketplaceID, program string) *answer.Error {
	switch {
	case marketplaceID != o.Marketplace.ID:
		return answer.InvalidParameter("marketplaceId", "is not the order's")
	case o.Amazon != (program == "FbaOnSite"):
		return answer.InvalidParameter("programType", "is not the order's, which is fulfilled by "+o.Channel())
	}
	return nil
}

func submitInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	about, err := find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if about.order == nil { // the model's static case, of a shipment; of an order the same is assumed
		return answer.Reply{}, answer.Plain(400, "EntityNotFound", "Entity ("+about.kind+", "+about.id+") was not found")
	}
	if err := checkProgram(about.order, format.Member(c.Body, "marketplaceId"), format.Member(c.Body, "programType")); err != nil {
		return answer.Reply{}, err
	}
	document, wrong := content(format.Member(c.Body, "invoiceContent"), format.Member(c.Body, "contentMD5Value"))
	if wrong != "" {
		return answer.Reply{}, answer.Invalid("InvoiceContent is invalid", "").Detailed(wrong) // as in v0
	}
	if err := submit(c, about.order, document); err != nil {
		return answer.Reply{}, err
	}
	return answer.OK(object{}), nil
}

func getInvoiceStatus(c *desk.Call) (answer.Reply, *answer.Error) {
	about, err := find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	o := about.order
	if o == nil { // the model's static case, of a shipment; of an order the same is assumed
		title := map[string]string{"order": "Order", "shipment": "Shipment"}[about.word]
		return answer.Reply{}, answer.Invalid("Invalid "+title+" Id", "").Detailed("'" + about.id + "' is an invalid " + about.word + " Id")
	}
	if err := checkProgram(o, c.Query.Get("marketplaceId"), c.Query.Get("programType")); err != nil {
		return answer.Reply{}, err
	}
	return answer.OK(object{"amazonOrderId": o.ID, "amazonShipmentId": o.ShipmentID(), "invoiceStatus": o.InvoiceStatus(c.Now)}), nil
}

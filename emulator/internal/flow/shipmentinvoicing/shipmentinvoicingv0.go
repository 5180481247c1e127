// Package shipmentinvoicing answers for the invoices that sellers in Brazil write for shipments: of FBA Onsite by version v0, of all programs by
// Delivery by Amazon.
package shipmentinvoicing

import (
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V0 is the API of shipment invoicing, of orders that Amazon fulfils from a warehouse of the seller's in Brazil.
var V0 = desk.Flow{Handlers: map[string]desk.Handler{
	"shipmentinvoicingv0.getShipmentDetails": getShipmentDetails,
	"shipmentinvoicingv0.submitInvoice":      submitInvoiceV0,
	"shipmentinvoicingv0.getInvoiceStatus":   getInvoiceStatusV0,
}}

// onsite finds the order of the path's shipment; nil when there is none.
func onsite(c *desk.Call) *world.Order {
	id, _ := world.OrderOfShipment(c.Path["shipmentId"])
	if o := shipment(c, id); o != nil && o.Onsite() {
		return o
	}
	return nil
}

// invalidShipment is how the API says that there is no such shipment (selling-partner-api-models, shipmentInvoicingV0, static cases).
func invalidShipment(id string) *answer.Error {
	return answer.Invalid("Invalid Shipment ID", "").Detailed("'" + id + "' is an invalid ShipmentID")
}

func getShipmentDetails(c *desk.Call) (answer.Reply, *answer.Error) {
	o := onsite(c)
	if o == nil {
		return answer.Reply{}, invalidShipment(c.Path["shipmentId"])
	}
	r := c.Desk.Seed.Of("invoicing", o.ID)
	company := "Comprador Pessoa Física"
	classification, kind := object{"Name": "CPF", "Value": r.Text(random.Digits, 11)}, "Residential"
	if o.Business {
		company, kind = o.To.Company, "Commercial"
		classification = object{"Name": "CNPJ", "Value": r.Text(random.Digits, 14)}
	}
	money := func(m world.Money) object { return object{"CurrencyCode": m.Currency, "Amount": m.String()} }
	nothing := money(world.Money{Currency: o.Marketplace.Currency})
	items := []object{}
	for i := range o.Items {
		it := &o.Items[i]
		items = append(items, object{
			"ASIN": it.Product.ASIN, "SellerSKU": it.SKU, "OrderItemId": it.ID, "Title": it.Product.TitleIn(o.Marketplace), "QuantityOrdered": it.Quantity,
			"ItemPrice": money(it.Price), "ShippingPrice": money(it.Shipping), "GiftWrapPrice": nothing, "ShippingDiscount": money(it.Free),
			"PromotionDiscount": money(it.Discount), "SerialNumbers": []string{},
		})
	}
	payment := random.Pick(r, []string{"CreditCard", "CreditCard", "Pix", "BankSlip"})
	paid := object{
		"PaymentMethod": payment, "AcquirerId": r.Text(random.Digits, 14), "PaymentValue": money(o.Total()), "AuthorizationCode": r.Text(random.Digits, 6),
	}
	if payment == "CreditCard" {
		paid["CardBrand"] = random.Pick(r, []string{"Visa", "Mastercard"})
	}
	return answer.Payload(object{
		"WarehouseId": "BR" + r.Text(random.Capitals, 2) + "1", "AmazonOrderId": o.ID, "AmazonShipmentId": o.ShipmentID(),
		"PurchaseDate": format.Timestamp(o.Purchased),
		"ShippingAddress": object{
			"Name": o.To.Name, "AddressLine1": o.To.Line1, "AddressLine2": o.To.Line2, "City": o.To.City, "County": o.To.City, "StateOrRegion": o.To.State,
			"PostalCode": o.To.PostalCode, "CountryCode": o.To.Country, "Phone": o.To.Phone, "AddressType": kind,
		},
		"PaymentMethodDetails": []string{payment}, "Payments": []object{paid}, "MarketplaceId": o.Marketplace.ID, "SellerId": c.Seller.ID,
		"BuyerName": o.BuyerName, "BuyerCounty": o.To.City,
		"BuyerTaxInfo": object{"CompanyLegalName": company, "TaxingRegion": o.To.State, "TaxClassifications": []object{classification}},
		"MarketplaceTaxInfo": object{"CompanyLegalName": world.BrazilCompany, "TaxingRegion": "SP",
			"TaxClassifications": []object{{"Name": "CNPJ", "Value": world.BrazilCNPJ}}},
		"SellerDisplayName": c.Seller.StoreName, "ShipmentItems": items,
	}), nil
}

// submitInvoiceV0 refuses what is wrong with the content and the shipment in one error, as the model's case does.
func submitInvoiceV0(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	text, _ := body["InvoiceContent"].(string)
	sum, _ := body["ContentMD5Value"].(string)
	document, wrong := content(text, sum)
	id := c.Path["shipmentId"]
	o := onsite(c)
	switch {
	case o == nil:
		details := strings.TrimSpace(wrong + " Shipment '" + id + "' does not exist")
		return answer.Reply{}, answer.Invalid("Shipment ID is invalid", "").Detailed(details)
	case wrong != "":
		return answer.Reply{}, answer.Invalid("InvoiceContent is invalid", "").Detailed(wrong) // message assumed
	}
	if store, given := body["MarketplaceId"].(string); given && store != o.Marketplace.ID {
		return answer.Reply{}, answer.InvalidParameter("MarketplaceId", "is not the shipment's")
	}
	if err := submit(c, o, document); err != nil {
		return answer.Reply{}, err
	}
	return answer.OK(object{}), nil
}

func getInvoiceStatusV0(c *desk.Call) (answer.Reply, *answer.Error) {
	o := onsite(c)
	if o == nil {
		return answer.Reply{}, invalidShipment(c.Path["shipmentId"])
	}
	return answer.Payload(object{"Shipments": object{"AmazonShipmentId": o.ShipmentID(), "InvoiceStatus": o.InvoiceStatus(c.Now)}}), nil
}

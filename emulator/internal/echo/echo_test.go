package echo

import (
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/format"
)

func TestKinds(t *testing.T) {
	for _, test := range []struct{ api, parent, name, want string }{
		{"ordersv0", "", "AmazonOrderId", Order},
		{"finances20240619", "", "orderId", Order},
		{"awd20240509", "", "orderId", "awd order"},
		{"awd20240509", "", "amazonOrderId", Order},
		{"fulfillmentinbound20240320", "", "mskus", SKU},
		{"fulfillmentinboundv0", "", "SellerSKUList", SKU},
		{"fulfillmentinboundv0", "", "ShipmentIdList", "shipment"},
		{"apluscontent20201101", "", "asinSet", ASIN},
		{"ordersv0", "", "MarketplaceIds", Marketplace},
		{"invoices20240619", "invoice", "id", "invoice"},
		{"invoices20240619", "", "invoiceId", "invoice"},
		{"invoices20240619", "transactionIdentifier", "id", "transactionidentifier.id"},
		{"vendorshipmentsv1", "sellingParty", "partyId", "sellingparty.partyid"},
		{"vendorshipmentsv1", "shipFromParty", "partyId", "shipfromparty.partyid"},
		{"externalfulfillmentshipments20240911", "", "id", "shipment"},
		{"externalfulfillmentshipments20240911", "packages", "id", "packageid"},
		{"externalfulfillmentshipments20240911", "lineItems", "id", "lineitems.id"},
		{"shippingv2", "shipTo", "phoneNumber", ""},
		{"shippingv2", "", "trackingId", "trackingid"},
		{"ordersv0", "", "OrderStatus", ""},
		{"ordersv0", "", "deliveryPreferences", ""},
		{"ordersv0", "", "addresses", ""},
	} {
		if got := KindOf(test.api, test.parent, test.name); got != test.want {
			t.Errorf("%s %s.%s: %q, want %q", test.api, test.parent, test.name, got, test.want)
		}
	}
}

// said reads a body; parameters are "name=value" or, of a list, "name=a,b".
func said(t *testing.T, body string, parameters ...string) *Said {
	t.Helper()
	v, err := format.DecodeJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	s := New("ordersv0")
	for _, p := range parameters {
		name, values, _ := strings.Cut(p, "=")
		list := strings.Split(values, ",")
		s.Parameter(name, list, len(list) > 1)
	}
	s.Body(v)
	return s
}

func TestValues(t *testing.T) {
	s := said(t, `{"name":"top","details":{"amazonOrderId":"O","weight":{"unit":"g"}},"shipFrom":{"name":"a","partyId":"1"},"shipTo":{"name":"b","partyId":"2"},
		"items":[{"sku":"S1","quantity":1},{"sku":"S2","quantity":2}]}`, "status=NEW", "marketplaceIds=M1,M2", "trackingId=T")
	for _, test := range []struct{ kind, path, want string }{
		{Order, "orderid", "O"},
		{Order, "shipment.details.orderid", "O"},
		{"", "shipment.shipto.name", "b"},
		{"", "shipfrom.name", "a"},
		{"", "name", "top"},
		{"", "buyer.name", ""}, // whose name it is isn't said
		{"", "package.weight.unit", "g"},
		{"", "package.size.unit", ""},
		{"", "list.status", "NEW"},
		{Marketplace, "marketplaceid", "M1"},
		{SKU, "sku", "S1"},
		{"trackingid", "shipment.trackingid", "T"},
		{"shipment", "shipmentid", ""},
	} {
		path := strings.Split(test.path, ".")
		key := test.kind
		if key == "" {
			key = "." + path[len(path)-1]
		}
		got, _ := s.Value(key, path, len(path), false).(string)
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.path, got, test.want)
		}
	}
	if got := s.Value(".name", []string{"shipto", "name"}, 2, true); got != nil {
		t.Errorf("beside elements of a list: %v", got)
	}
	items := s.List(map[string]bool{SKU: true}, "lines", true, func(*Said) bool { return false })
	if items == nil || len(items.Elements()) != 2 {
		t.Fatalf("the list of items: %v", items)
	}
	if got := items.Elements()[1].Value(".quantity", []string{"lines", "quantity"}, 1, false); got == nil || got.(interface{ String() string }).String() != "2" {
		t.Errorf("the second item's quantity: %v", got)
	}
	if got := s.List(map[string]bool{SKU: true}, "lines", true, func(l *Said) bool { return l == items }); got != nil {
		t.Errorf("a list that is taken: %v", got)
	}
	if got := s.List(map[string]bool{"shipment": true}, "items", true, func(*Said) bool { return false }); got != items {
		t.Errorf("by name: %v", got)
	}
	if got := strings.Join(s.IDs(SKU), " "); got != "S1 S2" {
		t.Errorf("SKUs: %s", got)
	}
}

func TestAddressesOfBatches(t *testing.T) {
	s := said(t, `{"requests":[{"uri":"/inventory/fetch?locationId=L&skuId=A"},{"uri":"/inventory/fetch?locationId=L&skuId=B"}]}`)
	list := s.List(map[string]bool{SKU: true}, "responses", true, func(*Said) bool { return false })
	if list == nil || list.Elements()[1].Value(SKU, []string{"responses", "sku"}, 1, false) != "B" {
		t.Errorf("the second request's SKU: %v", list)
	}
}

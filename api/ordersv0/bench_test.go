package ordersv0

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-faster/jx"

	"github.com/openspapi/spapi/internal/wire"
)

// ordersPage is a getOrders page as the service sends it: 100 orders, about 170 KB.
func ordersPage() []byte {
	var b strings.Builder
	b.WriteString(`{"payload":{"Orders":[`)
	for i := range 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"AmazonOrderId":"902-%07d-8745147","SellerOrderId":"902-%07d-8745147","PurchaseDate":"2026-03-%02dT10:%02d:00Z","LastUpdateDate":"2026-03-%02dT12:%02d:00Z",`, i, i, i%28+1, i%60, i%28+1, i%60)
		b.WriteString(`"OrderStatus":"Unshipped","FulfillmentChannel":"MFN","SalesChannel":"Amazon.com","OrderChannel":"string","ShipServiceLevel":"Std DE Dom_3",`)
		fmt.Fprintf(&b, `"OrderTotal":{"CurrencyCode":"USD","Amount":"%d.95"},"NumberOfItemsShipped":%d,"NumberOfItemsUnshipped":%d,`, 10+i, i%3, i%2)
		b.WriteString(`"PaymentExecutionDetail":[{"Payment":{"CurrencyCode":"USD","Amount":"10.00"},"PaymentMethod":"GC"},{"Payment":{"CurrencyCode":"USD","Amount":"1.95"},"PaymentMethod":"Standard"}],`)
		b.WriteString(`"PaymentMethod":"Other","PaymentMethodDetails":["CreditCard","GiftCertificate"],"MarketplaceId":"ATVPDKIKX0DER","ShipmentServiceLevelCategory":"Standard","OrderType":"StandardOrder",`)
		b.WriteString(`"EarliestShipDate":"2026-03-09T07:00:00Z","LatestShipDate":"2026-03-10T06:59:59Z","EarliestDeliveryDate":"2026-03-12T07:00:00Z","LatestDeliveryDate":"2026-03-16T06:59:59Z",`)
		b.WriteString(`"IsBusinessOrder":false,"IsPrime":true,"IsPremiumOrder":false,"IsGlobalExpressEnabled":false,"IsReplacementOrder":false,"IsEstimatedShipDateSet":true,"IsSoldByAB":false,"IsIBA":false,`)
		b.WriteString(`"DefaultShipFromLocationAddress":{"Name":"MFNIntegrationTestMerchant","AddressLine1":"2201 WESTLAKE AVE","City":"SEATTLE","StateOrRegion":"WA","PostalCode":"98121-2778","CountryCode":"US","Phone":"+1 480-386-0930 ext. 73824","AddressType":"Commercial"},`)
		b.WriteString(`"FulfillmentInstruction":{"FulfillmentSupplySourceId":"sampleSupplySourceId"},"IsISPU":false,"IsAccessPointOrder":false,`)
		b.WriteString(`"ShippingAddress":{"Name":"Jörg Müller","AddressLine1":"Straße des 17. Juni 135","City":"Berlin","StateOrRegion":"BE","PostalCode":"10623","CountryCode":"DE"},`)
		fmt.Fprintf(&b, `"BuyerInfo":{"BuyerEmail":"buyer%d@marketplace.example","BuyerName":"John \"JD\" Doe","BuyerTaxInfo":{"CompanyLegalName":"A Company Name"},"PurchaseOrderNumber":"1234567890123"},`, i)
		b.WriteString(`"AutomatedShippingSettings":{"HasAutomatedShippingSettings":false},"HasRegulatedItems":false,"ElectronicInvoiceStatus":"NotRequired"}`)
	}
	b.WriteString(`],"NextToken":"2YgYW55IGNhcm5hbCBwbGVhc3VyZS4=","CreatedBefore":"2026-03-30T00:00:00Z"}}`)
	return []byte(b.String())
}

// getOrdersBody is the same structs behind the same wrapper for the other decoders.
type getOrdersBody struct {
	Payload *OrdersList `json:"payload"`
}

func BenchmarkGetOrdersPage(b *testing.B) {
	body := ordersPage()
	decode := func(body []byte) (*OrdersList, []wire.Warning, error) { return wire.Decode[*OrdersList](body, true) }
	check := func(b *testing.B, n int, err error) {
		b.Helper()
		if err != nil || n != 100 {
			b.Fatalf("%d orders, error %v", n, err)
		}
	}
	b.Run("spapi", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			out, _, err := decode(body)
			check(b, len(out.Orders), err)
		}
	})
	b.Run("sonic", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var out getOrdersBody
			err := sonic.Unmarshal(body, &out)
			check(b, len(out.Payload.Orders), err)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var out getOrdersBody
			err := json.Unmarshal(body, &out)
			check(b, len(out.Payload.Orders), err)
		}
	})
	b.Run("floor-skip", func(b *testing.B) { // what it costs to look at every byte and keep nothing
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if err := jx.DecodeBytes(body).Skip(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

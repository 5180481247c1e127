package spapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/marketplace"
)

// unlimited lets every call pass, so that benchmarks measure work and no waiting.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// benchOrder is an order as Orders v0 sends it.
const benchOrder = `{"AmazonOrderId":"902-3159896-1390916","SellerOrderId":"902-3159896-1390916","PurchaseDate":"2026-03-08T10:00:00Z","LastUpdateDate":"2026-03-08T12:00:00Z",` +
	`"OrderStatus":"Unshipped","FulfillmentChannel":"MFN","SalesChannel":"Amazon.com","ShipServiceLevel":"Std DE Dom_3","OrderTotal":{"CurrencyCode":"USD","Amount":"110.95"},` +
	`"NumberOfItemsShipped":0,"NumberOfItemsUnshipped":1,"PaymentMethod":"Other","PaymentMethodDetails":["CreditCard","GiftCertificate"],"MarketplaceId":"ATVPDKIKX0DER",` +
	`"EarliestShipDate":"2026-03-09T07:00:00Z","LatestShipDate":"2026-03-10T06:59:59Z","IsBusinessOrder":false,"IsPrime":true,"IsReplacementOrder":false,` +
	`"ShippingAddress":{"Name":"Jörg Müller","AddressLine1":"Straße des 17. Juni 135","City":"Berlin","StateOrRegion":"BE","PostalCode":"10623","CountryCode":"DE"},` +
	`"BuyerInfo":{"BuyerEmail":"buyer@marketplace.example","BuyerName":"John Doe","PurchaseOrderNumber":"1234567890123"}}`

// BenchmarkCall is a whole call over loopback: chain, HTTP, decoding. The floor is net/http alone, which only reads the body.
func BenchmarkCall(b *testing.B) {
	for _, n := range []int{1, 100} {
		body := `{"payload":{"Orders":[` + strings.TrimSuffix(strings.Repeat(benchOrder+",", n), ",") + `]}}`
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/token" {
				_, _ = io.WriteString(w, `{"access_token":"Atza|bench","token_type":"bearer","expires_in":3600}`)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Header().Set("X-Amzn-Ratelimit-Limit", "0.0167")
			_, _ = io.WriteString(w, body)
		}))
		transport := http.DefaultTransport.(*http.Transport).Clone()
		b.Run(fmt.Sprintf("orders=%d/spapi", n), func(b *testing.B) {
			b.ReportAllocs()
			app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.0123456789abcdef",
				ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789abcdef")},
				spapi.WithTransport(transport), spapi.WithEndpoint(server.URL), spapi.WithTokenURL(server.URL+"/token"), spapi.WithLimiter(unlimited{}))
			orders := ordersv0.New(app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|0123456789abcdef"), Region: marketplace.NorthAmerica}))
			in := &ordersv0.GetOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, CreatedAfter: "2026-03-01T00:00:00Z"}
			for b.Loop() {
				out, err := orders.GetOrders(b.Context(), in) //nolint:staticcheck // deprecated, and the most called operation
				if err != nil || len(out.Orders) != n {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("orders=%d/floor-nethttp", n), func(b *testing.B) {
			b.ReportAllocs()
			client := &http.Client{Transport: transport}
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER&CreatedAfter=2026-03-01T00%3A00%3A00Z", nil)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
		server.Close()
	}
}

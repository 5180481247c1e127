package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/marketplace"
)

// amazon stands in for Amazon in these examples, as WithTransport lets any round tripper do.
type amazon func(req *http.Request) (status int, body string)

func (a amazon) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-amzn-RequestId", "4a0c1d")
	switch req.URL.Path {
	case "/auth/o2/token":
		_, _ = io.WriteString(w, `{"access_token":"Atza|example","token_type":"bearer","expires_in":3600,"refresh_token":"Atzr|example"}`)
	case "/tokens/2021-03-01/restrictedDataToken":
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		fmt.Println("restricted token for", string(body))
		_, _ = io.WriteString(w, `{"restrictedDataToken":"Atz.sprdt|example","expiresIn":3600}`)
	default:
		status, body := a(req)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	return w.Result(), nil
}

var credentials = spapi.Credentials{ClientID: "amzn1.application-oa2-client.example", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.example")}

var seller = spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|example"), Region: marketplace.NorthAmerica}

func exampleClient(a amazon, options ...spapi.Option) *spapi.Client {
	return spapi.NewApp(credentials, append(options, spapi.WithTransport(a))...).Client(seller)
}

func ExampleNewApp() {
	network := amazon(func(*http.Request) (int, string) {
		return 200, `{"payload":{"AmazonOrderId":"902-3159896-1390916","OrderStatus":"Shipped"}}`
	})
	app := spapi.NewApp(spapi.Credentials{
		ClientID:     "amzn1.application-oa2-client.example",
		ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.example"),
	}, spapi.WithUserAgent("Repricer/1.2"), spapi.WithTransport(network))
	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|example"), Region: marketplace.NorthAmerica})

	order, err := ordersv0.New(client).GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: "902-3159896-1390916"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(order.AmazonOrderID, order.OrderStatus)
	// Output: 902-3159896-1390916 Shipped
}

func ExampleLoad() {
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID":     "amzn1.application-oa2-client.example",
		"SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.example",
		"SPAPI_REFRESH_TOKEN": "Atzr|example",
		"SPAPI_MARKETPLACE":   "DE",
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Println(err)
		}
		defer func() { _ = os.Unsetenv(name) }()
	}
	client, err := spapi.Load(context.Background())
	fmt.Println(client.Endpoint(), err)
	// Output: https://sellingpartnerapi-eu.amazon.com <nil>
}

func ExampleClient_Check() {
	client := spapi.NewApp(credentials).Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atza|example"), Region: marketplace.Europe})
	fmt.Println(client.Check())
	// Output: spapi: refresh token "Atza|… (12 characters)": is an access token, which lives one hour: want the refresh token, Atzr|…
}

func ExampleClient_Do() {
	client := exampleClient(func(req *http.Request) (int, string) {
		return 200, `{"payload":"` + req.Method + ` ` + req.URL.RequestURI() + `"}`
	})
	req, err := http.NewRequest("GET", "/catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=pen", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
	// Output: 200 {"payload":"GET /catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=pen"} <nil>
}

func ExampleClient_Transport() {
	client := exampleClient(func(req *http.Request) (int, string) {
		return 200, `"` + req.Header.Get("x-amz-access-token")[:5] + `…"`
	})
	web := &http.Client{Transport: client.Transport()} // for generated clients of others
	resp, err := web.Get("https://sellingpartnerapi-na.amazon.com/sellers/v1/marketplaceParticipations")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)

	_, err = web.Get("https://example.com/")
	fmt.Println(err)
	// Output:
	// "Atza|…" <nil>
	// Get "https://example.com/": spapi: request host "example.com": want one of Amazon's SP-API hosts or the one that WithEndpoint names: tokens are sent to no other
}

func ExampleApp_Exchange() {
	app := spapi.NewApp(credentials, spapi.WithTransport(amazon(nil)))
	// The consent's redirect brought ?spapi_oauth_code=…&selling_partner_id=…&state=…
	auth, err := app.Exchange(context.Background(), "ANexample", "https://repricer.example/callback")
	if err != nil {
		fmt.Println(err)
		return
	}
	auth.Region = marketplace.NorthAmerica
	fmt.Printf("%+v\n", auth) // secrets don't print
	// Output: {RefreshToken:REDACTED Region:na Marketplace: Sandbox:false SellerID:}
}

func ExampleClient_AccessToken() {
	token, err := exampleClient(nil).AccessToken(context.Background())
	fmt.Println(len(token.Value.Reveal()), time.Until(token.Expires).Round(time.Hour), err)
	// Output: 12 1h0m0s <nil>
}

func ExampleWithResponse() {
	client := exampleClient(func(*http.Request) (int, string) {
		return 200, `{"payload":{"AmazonOrderId":"1","PurchaseDate":"yesterday"}}`
	})
	var r spapi.Response
	_, err := ordersv0.New(client).GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: "1"}, spapi.WithResponse(&r))
	fmt.Println(r.StatusCode, r.RequestID, r.Attempts, len(r.Body), err)
	// Output: 200 4a0c1d 1 60 <nil>
}

func ExampleWithRestrictedData() {
	client := exampleClient(func(req *http.Request) (int, string) {
		return 200, `{"payload":{"AmazonOrderId":"1","BuyerInfo":{"BuyerName":"Jane Doe"}}}`
	})
	orders := ordersv0.New(client)
	for _, id := range []string{"1", "2"} { // one token serves both orders
		order, err := orders.GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: id}, spapi.WithRestrictedData("buyerInfo"))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(order.BuyerInfo.BuyerName)
	}
	// Output:
	// restricted token for {"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}]}
	// Jane Doe
	// Jane Doe
}

func ExampleWithFailFast() {
	client := exampleClient(func(*http.Request) (int, string) { return 200, `{"payload":{"Orders":[]}}` })
	orders := ordersv0.New(client)
	for {
		_, err := orders.GetOrders(context.Background(), &ordersv0.GetOrdersInput{MarketplaceIDs: []string{marketplace.US.ID}}, spapi.WithFailFast(0))
		if spapi.IsThrottled(err) {
			var limit *spapi.LimitError
			fmt.Println(errors.As(err, &limit), limit.Operation, limit.Burst)
			break
		}
	}
	// Output: true ordersv0.getOrders 20
}

func ExampleAPIError_Explain() {
	client := exampleClient(func(*http.Request) (int, string) {
		return 403, `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The LWA secret token you provided has expired."}]}`
	})
	_, err := ordersv0.New(client).GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: "1"})
	var api *spapi.APIError
	if errors.As(err, &api) {
		fmt.Println(strings.Split(api.Explain(), "\n")[1])
	}
	// Output: The application's client secret has expired: Amazon wants it rotated every 180 days. Rotate it in Developer Central, or with applications rotateApplicationClientSecret, and use the new one. Refresh tokens stay valid.
}

func ExampleWithLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Value.Kind() == slog.KindDuration { // they differ from run to run
			return slog.Attr{}
		}
		return a
	}}))
	client := exampleClient(func(*http.Request) (int, string) { return 200, `{"payload":{"AmazonOrderId":"1"}}` }, spapi.WithLogger(logger))
	if _, err := ordersv0.New(client).GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: "1"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=DEBUG msg="spapi: token" grant=refresh_token attempt=1 status=200 failed=false
	// level=DEBUG msg="spapi: request" operation=ordersv0.getOrder method=GET path=/orders/v0/orders/1 query="" attempt=1 status=200 request_id=4a0c1d
}

func ExampleLookupOperation() {
	op, ok := spapi.LookupOperation("ordersv0.getOrders")
	fmt.Println(op.Method, op.Path, op.Rate, op.Burst, op.Removal, ok)
	// Output: GET /orders/v0/orders 0.0167 20 2027-03-27 true
}

func ExampleFindOperation() {
	op, ok := spapi.FindOperation("GET", "/orders/v0/orders/902-3159896-1390916/orderItems")
	fmt.Println(op.ID, ok)
	// Output: ordersv0.getOrderItems true
}

func ExampleWithObserver() {
	depth := 0 // of one goroutine; a tracer would keep its span in the context
	client := exampleClient(func(*http.Request) (int, string) { return 200, `{"payload":{"AmazonOrderId":"1"}}` },
		spapi.WithObserver(spapi.ObserverFunc(func(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
			fmt.Printf("%sbegin %s %s%s\n", strings.Repeat("  ", depth), a.Kind, a.Operation, a.Grant)
			depth++
			return ctx, func(o spapi.Outcome) {
				depth--
				fmt.Printf("%send %s: %d\n", strings.Repeat("  ", depth), a.Kind, o.StatusCode)
			}
		})))
	if _, err := ordersv0.New(client).GetOrder(context.Background(), &ordersv0.GetOrderInput{OrderID: "1"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// begin call ordersv0.getOrder
	//   begin limit wait ordersv0.getOrder
	//   end limit wait: 0
	//   begin token request refresh_token
	//   end token request: 200
	//   begin attempt ordersv0.getOrder
	//   end attempt: 200
	// end call: 200
}

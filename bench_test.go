package spapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/bytedance/sonic"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/internal/benchpeer"
	"github.com/openspapi/spapi/marketplace"
)

// unlimited lets every call pass, so that benchmarks measure work and no waiting.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// caller makes calls for a page of orders that a server at url answers with.
type caller func(b *testing.B, url string, orders int) func() error

// callers are what is measured beside each other: the SDK as it is by default and without a limiter, the least that a client does which reads the body and
// decodes it with another decoder, and net/http that reads the body into memory or drops it.
var callers = []struct {
	name string
	make caller
}{
	{"spapi", sdkCaller()},
	{"spapi-no-limiter", sdkCaller(spapi.WithLimiter(unlimited{}))},
	{"sonic", decodingCaller(sonic.Unmarshal)},
	{"encoding-json", decodingCaller(json.Unmarshal)},
	{"floor-read", httpCaller(func(body io.Reader) error {
		_, err := io.ReadAll(body)
		return err
	})},
	{"floor-discard", httpCaller(func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})},
}

// BenchmarkCall is a whole call over loopback, to a server in a process of its own, with a token that is there already and a rate limit that lets all pass.
func BenchmarkCall(b *testing.B) {
	server := benchpeer.StartServer(b)
	for _, kind := range benchpeer.Kinds {
		for _, goroutines := range []int{1, 8} {
			for _, c := range callers {
				b.Run(fmt.Sprintf("%v/goroutines=%d/%s", kind, goroutines, c.name), func(b *testing.B) {
					benchpeer.Calls(b, goroutines, c.make(b, server.URL(kind), kind.Orders))
				})
			}
		}
	}
}

// BenchmarkCallLimited is the same by 64 goroutines on one client, with the limiter that an App has by default and without one.
func BenchmarkCallLimited(b *testing.B) {
	server := benchpeer.StartServer(b)
	for _, kind := range []benchpeer.Kind{{Orders: 1}, {Orders: 100}} {
		for _, c := range []struct {
			name string
			make caller
		}{
			{"spapi", sdkCaller()},
			{"floor-no-limiter", sdkCaller(spapi.WithLimiter(unlimited{}))},
		} {
			b.Run(fmt.Sprintf("%v/goroutines=64/%s", kind, c.name), func(b *testing.B) {
				benchpeer.Calls(b, 64, c.make(b, server.URL(kind), kind.Orders))
			})
		}
	}
}

// sdkCaller calls by the SDK as it is by default, limiter included, but for options.
func sdkCaller(options ...spapi.Option) caller {
	return func(b *testing.B, url string, n int) func() error {
		app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.0123456789abcdef",
			ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789abcdef")},
			append([]spapi.Option{spapi.WithEndpoint(url), spapi.WithTokenURL(url + "/token")}, options...)...)
		b.Cleanup(app.CloseIdleConnections)
		orders := ordersv0.New(app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|0123456789abcdef"), Region: marketplace.NorthAmerica}))
		in := &ordersv0.GetOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, CreatedAfter: "2026-03-01T00:00:00Z"}
		return func() error {
			out, err := orders.GetOrders(b.Context(), in) //nolint:staticcheck // deprecated, and the most called operation
			if err == nil && len(out.Orders) != n {
				err = fmt.Errorf("%d orders, want %d", len(out.Orders), n)
			}
			return err
		}
	}
}

// httpCaller calls by net/http.
func httpCaller(take func(body io.Reader) error) caller {
	return func(b *testing.B, url string, _ int) func() error {
		transport := spapi.NewTransport() // with as many connections as the SDK has
		b.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport}
		return func() error {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
				url+"/orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER&CreatedAfter=2026-03-01T00%3A00%3A00Z", nil)
			if err != nil {
				return err
			}
			req.Header.Set("X-Amz-Access-Token", "Atza|bench")
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			return errors.Join(take(resp.Body), resp.Body.Close())
		}
	}
}

// decodingCaller calls by net/http and decodes.
func decodingCaller(unmarshal func(body []byte, into any) error) caller {
	return func(b *testing.B, url string, n int) func() error {
		return httpCaller(func(r io.Reader) error {
			body, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			var out struct {
				Payload *ordersv0.OrdersList `json:"payload"`
			}
			if err := unmarshal(body, &out); err != nil {
				return err
			}
			if len(out.Payload.Orders) != n {
				return fmt.Errorf("%d orders, want %d", len(out.Payload.Orders), n)
			}
			return nil
		})(b, url, n)
	}
}

package emulator_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := emulator.New(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequests(b *testing.B) {
	c := newClient(b, emulator.WithoutLimits())
	for _, bench := range []struct{ name, path string }{
		{"participations", "/sellers/v1/marketplaceParticipations"},
		{"search of 20 items", "/catalog/2022-04-01/items?keywords=pen&pageSize=20&marketplaceIds=" + us},
		{"one order", "/orders/v0/orders?MaxResultsPerPage=1&" + allUS},
		{"page of 100 orders", "/orders/v0/orders?" + allUS},
		{"from schema", "/fba/inbound/v1/eligibility/itemPreview?program=INBOUND&asin=B012345678"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequest("GET", na+bench.path, nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("x-amz-access-token", c.token)
				resp, err := c.RoundTrip(r)
				if err != nil || resp.StatusCode != 200 {
					b.Fatal(err, resp.StatusCode)
				}
				n, _ := io.Copy(io.Discard, resp.Body)
				b.SetBytes(n)
			}
		})
	}
}

// BenchmarkWorld builds two years of 10,000 orders by asking for the first page.
func BenchmarkWorld(b *testing.B) {
	for b.Loop() {
		c := newClient(b, emulator.WithOrders(10000), emulator.WithProducts(500), emulator.WithDays(730))
		if r := c.get("/orders/v0/orders?" + allUS); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}

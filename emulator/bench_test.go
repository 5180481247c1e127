package emulator_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

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
		{"order by id", "/orders/v0/orders/" + c.ordersV0(allUS)[0]},
		{"one order", "/orders/v0/orders?MaxResultsPerPage=1&" + allUS},
		{"page of 100 orders", "/orders/v0/orders?" + allUS},
		{"search of 20 listings", "/listings/2021-08-01/items/" + c.Credentials().SellerID + "?pageSize=20&includedData=summaries,attributes,offers&marketplaceIds=" + us},
		{"from schema", "/awd/2024-05-09/inboundOrders/O-1"},
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

// BenchmarkServed is requests over one connection of the loopback interface, with the client's part, which only reads to the end of each answer. The floor
// is net/http with an answer of the same size and nothing to do for it.
func BenchmarkServed(b *testing.B) {
	c := newClient(b, emulator.WithoutLimits())
	for _, bench := range []struct {
		name, path string
		handler    http.Handler
	}{
		{"floor", "/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1400)) })},
		{"order by id", "/orders/v0/orders/" + c.ordersV0(allUS)[0], c},
		{"one order", "/orders/v0/orders?MaxResultsPerPage=1&" + allUS, c},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			srv := httptest.NewServer(bench.handler)
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			request := []byte("GET " + bench.path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\nX-Amz-Access-Token: " + c.token + "\r\n\r\n")
			in := bufio.NewReader(conn)
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				line, err := in.ReadSlice('\n')
				if err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
					b.Fatal(err, string(line))
				}
				length := 0
				for len(line) > 2 {
					if line, err = in.ReadSlice('\n'); err != nil {
						b.Fatal(err)
					}
					if digits, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
						if length, err = strconv.Atoi(string(bytes.TrimSpace(digits))); err != nil {
							b.Fatal(err)
						}
					}
				}
				if _, err := in.Discard(length); err != nil || length == 0 {
					b.Fatal(err, length)
				}
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

// BenchmarkFirstRequest is what a test pays that asks a new emulator of the default size for one page of orders.
func BenchmarkFirstRequest(b *testing.B) {
	for b.Loop() {
		c := newClient(b)
		if r := c.get("/orders/v0/orders?" + allUS); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}

// BenchmarkWholeWorld builds two years of 10,000 orders and 500 listings and pages through all of them.
func BenchmarkWholeWorld(b *testing.B) {
	for b.Loop() {
		c := newClient(b, emulator.WithOrders(10000), emulator.WithProducts(500), emulator.WithDays(730), emulator.WithoutLimits())
		if n := len(c.orders2026("createdAfter=2020-01-01T00:00:00Z&includedData=BUYER,RECIPIENT,PROCEEDS,FULFILLMENT,PACKAGES")); n != 10000 {
			b.Fatal(n)
		}
		if n := len(c.skus("&pageSize=20&includedData=summaries,attributes,offers")); n != 500 {
			b.Fatal(n)
		}
	}
}

// BenchmarkYearPasses lets a year go by at once, with all the orders that come in it.
func BenchmarkYearPasses(b *testing.B) {
	for b.Loop() {
		c := newClient(b, emulator.WithOrders(10000), emulator.WithProducts(500), emulator.WithDays(730), emulator.WithoutLimits())
		c.clock.advance(365 * 24 * time.Hour)
		c.refresh()
		if r := c.get("/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2027-02-01T12:00:00Z"); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}

// BenchmarkBigReport writes and reads a report of all 100,000 orders; bytes are those of the unpacked report.
func BenchmarkBigReport(b *testing.B) {
	c := newClient(b, emulator.WithoutLimits(), emulator.WithOrders(100000))
	c.get("/orders/v0/orders?" + allUS) // the world is there
	for b.Loop() {
		c.refresh()
		r := c.report(na, `{"reportType":"`+allOrders+`","marketplaceIds":["`+us+`","A2EUQ1WTGCTBG2","A1AM78C64UM0Y8"],"dataStartTime":"2020-01-01T00:00:00Z","dataEndTime":"2026-03-01T00:00:00Z"}`)
		text, _ := c.reportText(na, r)
		b.SetBytes(int64(len(text)))
	}
}

package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// TestMetrics: calls are counted by what they are, and what Amazon and Login with Amazon are asked.
func TestMetrics(t *testing.T) {
	var seen []spapi.ActivityKind
	r := newRig(t, Config{Observer: spapi.ObserverFunc(func(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
		seen = append(seen, a.Kind)
		return nil, nil
	})})
	r.call("reader", "GET", recordedPath)
	r.call("reader", "DELETE", cancelPath)
	r.amazon.status = 429
	r.call("reader", "GET", "/feeds/2021-06-30/feeds/1", func(req *http.Request) { req.Header.Set("X-Spapi-Fail-Fast", "true") })
	text := r.metricsText(t)
	for _, want := range []string{
		`spapi_gateway_requests_total{account="de",caller="reader",code="2xx",operation="ordersv0.getOrders"} 1`,
		`spapi_gateway_requests_total{account="de",caller="reader",code="4xx",operation="feeds20210630.cancelFeed"} 1`,
		`spapi_gateway_refusals_total{caller="reader",reason="scope"} 1`,
		`spapi_gateway_throttles_total{account="de",operation="feeds20210630.getFeed"} `,
		`spapi_gateway_attempts_total{code="2xx",operation="ordersv0.getOrders"} 1`,
		`spapi_gateway_token_requests_total{grant="refresh_token",result="ok"} 1`,
		`spapi_gateway_in_flight_requests 0`, `spapi_gateway_audit_failures_total 0`,
		`spapi_gateway_request_duration_seconds_count{code="2xx"} 1`, `spapi_gateway_limit_wait_seconds_count `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if len(seen) == 0 {
		t.Error("the observer of the configuration saw nothing")
	}
}

// TestSeries: nobody makes series by what he sends, and what the state holds makes no more than a bound.
func TestSeries(t *testing.T) {
	r := newRig(t, Config{})
	for i := range 300 {
		r.call("reader", "GET", fmt.Sprintf("/unknown%d/x%d", i, i))
		r.call("buyers", "GET", fmt.Sprintf("/orders/v%d/%d", i, i))
		r.call("reader", "GET", recordedPath, func(req *http.Request) { req.Header.Set("X-Spapi-Account", fmt.Sprint("account", i)) })
		r.call("reader", fmt.Sprint("M", i), recordedPath)
	}
	if n := strings.Count(r.metricsText(t), "\n"); n > 250 {
		t.Errorf("%d lines", n)
	}
	m := NewMetrics()
	for i := range maxSeries + 5000 {
		m.ended(&Record{Caller: fmt.Sprint("caller", i), Account: "a", Operation: "ordersv0.getOrders", Status: 200}, "")
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := len(f.GetMetric()); n > maxSeries+10 {
			t.Errorf("%s has %d series", f.GetName(), n)
		}
	}
}

// TestDeprecated: who uses what Amazon is going to remove is told once a day, and counted with the date.
func TestDeprecated(t *testing.T) {
	var clock steppedClock
	r := newRig(t, Config{Now: clock.now})
	const path = "/finances/v0/financialEvents"
	told := func() int {
		n := 0
		for _, line := range r.log.take() {
			if strings.Contains(line, "deprecated") && strings.Contains(line, "caller=reader") && strings.Contains(line, "financesv0.listFinancialEvents") &&
				strings.Contains(line, "removal=2027-08-27") {
				n++
			}
		}
		return n
	}
	for range 3 {
		r.call("reader", "GET", path)
	}
	if n := told(); n != 1 {
		t.Errorf("told %d times", n)
	}
	clock.move(25 * time.Hour)
	r.call("reader", "GET", path)
	if n := told(); n != 1 {
		t.Errorf("told %d times the next day", n)
	}
	text := r.metricsText(t)
	for _, want := range []string{
		`spapi_gateway_deprecated_requests_total{caller="reader",operation="financesv0.listFinancialEvents",removal="2027-08-27"} 4`,
		`spapi_gateway_deprecated_last_request_timestamp_seconds{caller="reader",operation="financesv0.listFinancialEvents",removal="2027-08-27"} ` +
			strconv.FormatFloat(float64(clock.now().Unix()), 'g', -1, 64),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

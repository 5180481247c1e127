package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// TestRemovedByTheClock: what Amazon removes works until the day before, not from the day on, and all along where it is kept.
func TestRemovedByTheClock(t *testing.T) {
	for _, test := range []struct {
		what, target string
		day          string
	}{
		{"listCatalogCategories", "/catalog/v0/categories?ASIN=B000000000&MarketplaceId=" + us, "2026-08-26"},
		{"getOrders", "/orders/v0/orders?" + allUS, "2027-03-27"},
		{"listFinancialEvents", "/finances/v0/financialEvents?PostedAfter=2026-01-01T00:00:00Z", "2027-08-27"},
		{"listFinancialEventGroups", "/finances/v0/financialEventGroups", ""},
	} {
		day, err := time.Parse(time.DateOnly, "2029-01-01")
		if test.day != "" {
			day, err = time.Parse(time.DateOnly, test.day)
		}
		if err != nil {
			t.Fatal(err)
		}
		at := func(now time.Time, opts ...emulator.Option) bool {
			c := newClient(t, append(opts, emulator.WithFixedTime(now), emulator.WithoutLimits())...)
			r := c.get(test.target)
			if r.status == 403 && r.text("errors", 0, "details") != "" {
				t.Errorf("%s: %s", test.what, r.body)
			}
			return r.status != 403
		}
		if !at(day.Add(-time.Second)) {
			t.Errorf("%s is gone before %s", test.what, test.day)
		}
		if at(day) != (test.day == "") {
			t.Errorf("%s on %s: gone %v", test.what, test.day, test.day == "")
		}
		if !at(day.AddDate(1, 0, 0), emulator.WithRemoved()) {
			t.Errorf("%s is gone although it is kept", test.what)
		}
	}
}

// TestRemovedTypes: types of reports, feeds and notifications go by the clock, too.
func TestRemovedTypes(t *testing.T) {
	const day = 24 * time.Hour
	settled := func(at time.Time, opts ...emulator.Option) map[string]bool {
		c := newClient(t, append(opts, emulator.WithFixedTime(at), emulator.WithoutLimits())...)
		newest := map[string]bool{}
		for _, kind := range []string{"FLAT_FILE", "FLAT_FILE_V2", "XML"} {
			name := "GET_V2_SETTLEMENT_REPORT_DATA_" + kind
			r := c.get("/reports/2021-06-30/reports?pageSize=100&reportTypes=" + name + "&createdSince=" + at.Add(-20*day).Format("2006-01-02T15:04:05Z"))
			newest[kind] = strings.Contains(r.body, `"`+name+`"`)
		}
		return newest
	}
	before, after := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC)
	if got := settled(before); !got["FLAT_FILE"] || !got["XML"] || !got["FLAT_FILE_V2"] {
		t.Errorf("settlements before the removal: %v", got)
	}
	if got := settled(after); got["FLAT_FILE"] || got["XML"] || !got["FLAT_FILE_V2"] {
		t.Errorf("settlements after the removal: %v", got)
	}
	if got := settled(after, emulator.WithRemoved()); !got["FLAT_FILE"] || !got["XML"] {
		t.Errorf("kept settlements: %v", got)
	}

	report := func(at time.Time, opts ...emulator.Option) string {
		c := newClient(t, append(opts, emulator.WithFixedTime(at), emulator.WithoutLimits())...)
		r := c.post("/reports/2021-06-30/reports", `{"reportType":"GET_FBA_SNS_FORECAST_DATA","marketplaceIds":["`+us+`"]}`)
		if r.status != 202 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		c.Advance(2 * time.Hour)
		c.refresh()
		return c.get("/reports/2021-06-30/reports/" + r.text("reportId")).text("processingStatus")
	}
	gone := time.Date(2025, 12, 11, 0, 0, 0, 0, time.UTC)
	if a, b, c := report(gone.Add(-day)), report(gone), report(gone, emulator.WithRemoved()); a != "DONE" || b != "FATAL" || c != "DONE" {
		t.Errorf("report before, after and kept: %s, %s, %s", a, b, c)
	}

	for _, test := range []struct {
		kind, version, day string
	}{
		{"MFN_ORDER_STATUS_CHANGE", "1.0", "2024-03-27"}, {"ORDER_STATUS_CHANGE", "1.0", "2026-07-29"}, {"LISTINGS_ITEM_ISSUES_CHANGE", "1.0", "2026-08-26"},
	} {
		gone, err := time.Parse(time.DateOnly, test.day)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(at time.Time, opts ...emulator.Option) bool {
			c := newClient(t, append(opts, emulator.WithFixedTime(at), emulator.WithoutLimits())...)
			r := c.post("/notifications/v1/subscriptions/"+test.kind, `{"payloadVersion":"`+test.version+`","destinationId":"none"}`)
			return !strings.Contains(r.body, "No destination") // what is looked at after the type
		}
		if refused(gone.Add(-time.Second)) || !refused(gone) || refused(gone, emulator.WithRemoved()) {
			t.Errorf("%s %s: before %v, after %v, kept %v", test.kind, test.version,
				refused(gone.Add(-time.Second)), refused(gone), refused(gone, emulator.WithRemoved()))
		}
	}
}

// TestRemovedVersion: a payload version that is gone can neither be subscribed to nor tested, and isn't named as one to take.
func TestRemovedVersion(t *testing.T) {
	gone := time.Date(2026, 8, 26, 0, 0, 0, 0, time.UTC)
	for path, body := range map[string]string{
		"":                  `{"payloadVersion":"1.0","destinationId":"none"}`,
		"/testNotification": `{"testNotification":{"payloadVersion":"1.0","testScenario":"x"},"destinationId":"none"}`,
	} {
		ask := func(at time.Time) string {
			c := newClient(t, emulator.WithFixedTime(at), emulator.WithoutLimits(), emulator.WithSandbox())
			if path != "" {
				c.token = c.grantless("sellingpartnerapi::notifications")
			}
			return c.post("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE"+path, body).body
		}
		if before := ask(gone.Add(-time.Second)); !strings.Contains(before, "No destination") {
			t.Errorf("%s, before: %s", path, before)
		}
		if after := ask(gone); !strings.Contains(after, "LISTINGS_ITEM_ISSUES_CHANGE; want 2023-12-13\"") {
			t.Errorf("%s, after: %s", path, after)
		}
	}
}

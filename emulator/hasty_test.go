package emulator_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// salesOf asks for sales and traffic of ten days, and returns page views and units by day.
func (c *client) salesOf(from, to string) map[string][2]int {
	c.t.Helper()
	r := c.report(na, `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+us+`"],"dataStartTime":"`+from+`T00:00:00Z","dataEndTime":"`+to+`T00:00:00Z"}`)
	text, _ := c.reportText(na, r)
	var doc struct {
		SalesAndTrafficByDate []struct {
			Date          string
			SalesByDate   struct{ UnitsOrdered int }
			TrafficByDate struct{ PageViews int }
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	days := map[string][2]int{}
	for _, d := range doc.SalesAndTrafficByDate {
		days[d.Date] = [2]int{d.TrafficByDate.PageViews, d.SalesByDate.UnitsOrdered}
	}
	return days
}

// TestRestated: the same days asked for again have grown, until they are what they are without the fault; nothing else changes.
func TestRestated(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(900))
	final := c.salesOf("2026-02-19", "2026-02-25")
	settled := c.settlement()
	c.fault("restated,within=168h")
	young := c.salesOf("2026-02-19", "2026-02-25")
	if len(young) != 7 || len(final) != 7 {
		t.Fatalf("%d and %d days", len(young), len(final))
	}
	less := 0
	for day, want := range final {
		got := young[day]
		if got[0] > want[0] || got[1] > want[1] {
			t.Errorf("%s: %v at first, %v in the end", day, got, want)
		}
		if old := day < "2026-02-22"; old && got != want { // over a week ago on the first of March
			t.Errorf("%s: %v, want %v: it is too old to change", day, got, want)
		} else if got[0] < want[0] {
			less++
		}
	}
	if less < 3 {
		t.Errorf("%d days have other values at first: %v, %v", less, young, final)
	}
	kiosk := func() string {
		r := c.query(`query{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY startDate:"2026-02-25" endDate:"2026-02-25" marketplaceIds:["`+us+`"]){startDate traffic{pageViews}}}}`, "")
		return c.kioskDocument(r.text("dataDocumentId"))
	}
	first := kiosk()
	c.clock.advance(26 * time.Hour)
	c.refresh()
	second := c.salesOf("2026-02-19", "2026-02-25")
	if got, before := second["2026-02-25"][0], young["2026-02-25"][0]; got <= before {
		t.Errorf("%d views a day later, after %d", got, before)
	}
	c.clock.advance(7 * 24 * time.Hour)
	c.refresh()
	for day, got := range c.salesOf("2026-02-19", "2026-02-25") {
		if got[0] != final[day][0] || got[1] < final[day][1] {
			t.Errorf("%s: %v after a week, want %v", day, got, final[day])
		}
	}
	if last := kiosk(); last == first || last == "" {
		t.Errorf("Data Kiosk says the same after a week: %s", last)
	}
	if again := c.settlement(); again != settled {
		t.Error("a settlement has been restated")
	}
}

// settlement is the text of the newest settlement report of the start.
func (c *client) settlement() string {
	c.t.Helper()
	r := c.get("/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&createdUntil=" + start.Format(time.RFC3339))
	list, _ := r.path("reports").([]any)
	if len(list) == 0 {
		c.t.Fatalf("no settlement: %s", r.body)
	}
	text, _ := c.reportText(na, c.get("/reports/2021-06-30/reports/"+list[0].(map[string]any)["reportId"].(string)))
	return text
}

func TestFaultsOfReports(t *testing.T) {
	recent := strings.ReplaceAll(spec(allOrders, us), "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z")
	old := strings.ReplaceAll(spec(allOrders, us), "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z")
	for _, test := range []struct {
		rule, spec, status, document string
	}{
		{"unpublished,within=96h", recent, "FATAL", "not yet available"},
		{"unpublished,within=96h", old, "DONE", "order"},
		{"unpublished,within=96h,type=GET_LEDGER_*", recent, "DONE", "order"},
		{"unpublished,within=96h", `{"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["` + us + `"]}`, "DONE", "sku"}, // of no time
		{"no-data", old, "CANCELLED", ""},
		{"fatal", old, "FATAL", ""},
		{"fatal,type=GET_FLAT_FILE_*,operation=reports*", old, "FATAL", ""},
		{"no-data,type=GET_XML_*", old, "DONE", "order"},
		{"fatal,every=2", old, "DONE", "order"},
	} {
		c := newClient(t, emulator.WithoutLimits())
		c.fault(test.rule)
		r := c.report(na, test.spec)
		if r.text("processingStatus") != test.status || (r.text("reportDocumentId") != "") != (test.document != "") {
			t.Errorf("%s: %s, want %s", test.rule, r.body, test.status)
			continue
		}
		if test.document != "" {
			if text, _ := c.reportText(na, r); !strings.Contains(text, test.document) {
				t.Errorf("%s: %.200s", test.rule, text)
			}
		}
		if test.rule == "fatal,every=2" {
			if r := c.report(na, test.spec); r.text("processingStatus") != "FATAL" {
				t.Errorf("%s: the second one: %s", test.rule, r.body)
			}
		}
	}
}

// TestHaste: the second report of one type within its time is FATAL without any fault.
func TestHaste(t *testing.T) {
	c := newClient(t)
	for kind, long := range map[string]time.Duration{"GET_FBA_MYI_ALL_INVENTORY_DATA": 30 * time.Minute, "GET_LEDGER_SUMMARY_VIEW_DATA": 4 * time.Hour} {
		first := c.report(na, spec(kind, us))
		hasty := c.report(na, spec(kind, us))
		c.clock.advance(long)
		c.refresh()
		late := c.report(na, spec(kind, us))
		if a, b, d := first.text("processingStatus"), hasty.text("processingStatus"), late.text("processingStatus"); a != "DONE" || b != "FATAL" || d != "DONE" {
			t.Errorf("%s: %s, %s at once, %s after %v", kind, a, b, d, long)
		}
	}
}

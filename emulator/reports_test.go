package emulator_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func parseRegion(t *testing.T, s string) marketplace.Region {
	t.Helper()
	r, err := marketplace.ParseRegion(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportLife(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	r := c.post("/reports/2021-06-30/reports", spec(allOrders, us))
	if r.status != 202 {
		t.Fatalf("createReport: %d %s", r.status, r.body)
	}
	path := "/reports/2021-06-30/reports/" + r.text("reportId")
	var states []string
	for range 60 {
		got := c.get(path)
		if s := got.text("processingStatus"); len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
			started, ended, document := got.text("processingStartTime") != "", got.text("processingEndTime") != "", got.text("reportDocumentId") != ""
			if started != (s != "IN_QUEUE") || ended != (s == "DONE") || document != (s == "DONE") {
				t.Errorf("%s: %s", s, got.body)
			}
		}
		c.clock.advance(time.Second)
	}
	if !slices.Equal(states, []string{"IN_QUEUE", "IN_PROGRESS", "DONE"}) {
		t.Errorf("states %v", states)
	}
	if got := c.at(na, "DELETE", path, ""); got.status != 400 || !strings.Contains(got.body, "reportId") {
		t.Errorf("cancelling a report that is done: %d %s", got.status, got.body)
	}
	other := "/reports/2021-06-30/reports/" + c.post("/reports/2021-06-30/reports", spec(allOrders, us)).text("reportId")
	if got := c.at(na, "DELETE", other, ""); got.status != 200 || got.body != "" {
		t.Errorf("cancelling in the queue: %d %s", got.status, got.body)
	}
	c.clock.advance(time.Hour - time.Minute - time.Second)
	c.refresh()
	if got := c.get(other); got.text("processingStatus") != "CANCELLED" || got.text("reportDocumentId") != "" {
		t.Errorf("cancelled: %s", got.body)
	}
	c.clock.advance(90 * 24 * time.Hour)
	c.refresh()
	if got := c.get(path); got.status != 404 {
		t.Errorf("after 90 days: %d", got.status)
	}
}

func TestReportRequests(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, test := range []struct {
		name, body, want string
		status           int
	}{
		{"unknown type", spec("GET_NOTHING", us), `"message":"Invalid Input"`, 400},
		{"settlement", spec("GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", us), "is not allowed at this time", 400},
		{"scheduled only", spec("GET_ORDER_REPORT_DATA_SHIPPING", us), "is not allowed at this time", 400},
		{"vendor's", spec("GET_VENDOR_SALES_REPORT", us), "denied", 403},
		{"marketplace of another region", spec(allOrders, "A1PA6795UKMFR9"), "denied", 403},
		{"no marketplace", spec(allOrders, "X"), "marketplaceIds", 400},
		{"no such option", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["` + us + `"],"reportOptions":{"dateGranularity":"HOUR"}}`, "reportOptions.dateGranularity", 400},
		{"future", `{"reportType":"` + allOrders + `","marketplaceIds":["` + us + `"],"dataStartTime":"2027-01-01T00:00:00Z"}`, "dataStartTime", 400},
		{"backwards", `{"reportType":"` + allOrders + `","marketplaceIds":["` + us + `"],"dataStartTime":"2026-02-01T00:00:00Z","dataEndTime":"2026-01-01T00:00:00Z"}`, "dataEndTime", 400},
		{"odd date", `{"reportType":"` + allOrders + `","marketplaceIds":["` + us + `"],"dataStartTime":"yesterday"}`, "dataStartTime", 400},
	} {
		if r := c.post("/reports/2021-06-30/reports", test.body); r.status != test.status || !strings.Contains(r.body, test.want) {
			t.Errorf("%s: %d %s, want %d %s", test.name, r.status, r.body, test.status, test.want)
		}
	}
	if r := c.get("/reports/2021-06-30/documents/50311019412"); r.status != 400 || !strings.Contains(r.body, "Invalid reportDocumentId") {
		t.Errorf("a report's id for a document's: %d %s", r.status, r.body)
	}
}

func TestReportOutcomes(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, test := range []struct {
		name, body, status string
		document           bool
	}{
		{"no data", `{"reportType":"` + allOrders + `","marketplaceIds":["` + us + `"],"dataStartTime":"2020-01-01T00:00:00Z","dataEndTime":"2020-01-02T00:00:00Z"}`, "CANCELLED", false},
		{"removed type", spec("GET_FBA_FULFILLMENT_INVENTORY_HEALTH_DATA", us), "FATAL", false},
		{"reason in a document", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["` + us + `"]}`, "FATAL", true},
		{"too long ago", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["` + us + `"],"dataStartTime":"2023-01-01T00:00:00Z","dataEndTime":"2023-02-01T00:00:00Z"}`, "FATAL", true},
	} {
		r := c.report(na, test.body)
		if r.text("processingStatus") != test.status || (r.text("reportDocumentId") != "") != test.document {
			t.Errorf("%s: %s", test.name, r.body)
		}
		if test.document {
			if text, _ := c.reportText(na, r); !strings.Contains(text, "errorDetails") {
				t.Errorf("%s: %s", test.name, text)
			}
		}
	}
}

func TestCoolDowns(t *testing.T) {
	c := newClient(t, emulator.WithRateLimit("*", 100, 100))
	status := func(kind string) string {
		t.Helper()
		c.refresh()
		return c.report(na, spec(kind, us)).text("processingStatus")
	}
	for _, test := range []struct {
		kind string
		wait time.Duration
	}{{"GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA", 30 * time.Minute}, {"GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", 4 * time.Hour}} {
		if s := status(test.kind); s != "DONE" {
			t.Errorf("%s: first is %s", test.kind, s)
		}
		c.clock.advance(test.wait - 10*time.Minute)
		if s := status(test.kind); s != "FATAL" {
			t.Errorf("%s: again too early is %s", test.kind, s)
		}
		c.clock.advance(10 * time.Minute)
		if s := status(test.kind); s != "DONE" {
			t.Errorf("%s: again later is %s", test.kind, s)
		}
	}
}

// TestSalesReportLimit: one sales and traffic report per 15 minutes and application, since April 2026. A refused one doesn't count.
func TestSalesReportLimit(t *testing.T) {
	ask := func(c *client, window string) int {
		return c.post("/reports/2021-06-30/reports", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+us+`"]`+window+`}`).status
	}
	c := newClient(t)
	if first, second := ask(c, ""), ask(c, ""); first != 202 || second != 202 {
		t.Errorf("before that day: %d %d", first, second)
	}
	c.clock.advance(90 * 24 * time.Hour)
	c.refresh()
	other, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(c, `,"dataStartTime":"2100-01-01T00:00:00Z"`); got != 400 {
		t.Errorf("of the future: %d", got)
	}
	if first, second := ask(c, ""), ask(c, ""); first != 202 || second != 429 {
		t.Errorf("at once: %d %d", first, second)
	}
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Import(state); err != nil {
		t.Fatal(err)
	}
	mine := c.token
	c.token = c.accessToken(other)
	if got := ask(c, ""); got != 429 {
		t.Errorf("another seller: %d", got)
	}
	c.token = mine
	c.clock.advance(15 * time.Minute)
	if got := ask(c, ""); got != 202 {
		t.Errorf("after 15 minutes: %d", got)
	}
}

func TestGetReports(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	var ids []string
	for range 25 {
		ids = append(ids, c.post("/reports/2021-06-30/reports", spec(allOrders, us)).text("reportId"))
		c.clock.advance(time.Minute)
	}
	list := func(query string) []string {
		t.Helper()
		var got []string
		r := c.get("/reports/2021-06-30/reports?" + query)
		for {
			if r.status != 200 {
				t.Fatalf("%s: %d %s", query, r.status, r.body)
			}
			for _, v := range r.json["reports"].([]any) {
				got = append(got, v.(map[string]any)["reportId"].(string))
			}
			token := r.text("nextToken")
			if token == "" {
				return got
			}
			r = c.get("/reports/2021-06-30/reports?nextToken=" + escape(token))
		}
	}
	slices.Reverse(ids) // newest first
	for _, size := range []string{"", "&pageSize=7", "&pageSize=100"} {
		if got := list("reportTypes=" + allOrders + size); !slices.Equal(got, ids) {
			t.Errorf("%s: %v", size, got)
		}
	}
	if got := list("reportTypes=" + allOrders + "&processingStatuses=DONE&createdSince=2026-03-01T12:05:00Z&createdUntil=2026-03-01T12:09:59Z"); len(got) != 5 {
		t.Errorf("a window of five minutes: %v", got)
	}
	if got := list("reportTypes=" + allOrders + "&marketplaceIds=A2EUQ1WTGCTBG2"); got != nil {
		t.Errorf("another marketplace: %v", got)
	}
	first := c.get("/reports/2021-06-30/reports?reportTypes=" + allOrders)
	for name, query := range map[string]string{
		"nothing": "", "no type": "?pageSize=10", "token and size": "?pageSize=10&nextToken=" + escape(first.text("nextToken")),
		"token and type": "?reportTypes=" + allOrders + "&nextToken=" + escape(first.text("nextToken")), "odd token": "?nextToken=abc", "unknown type": "?reportTypes=X",
		"window": "?reportTypes=" + allOrders + "&createdSince=2026-03-02T00:00:00Z&createdUntil=2026-03-01T00:00:00Z",
	} {
		if r := c.get("/reports/2021-06-30/reports" + query); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

func TestSchedules(t *testing.T) {
	every := map[string]time.Duration{
		"PT5M": 5 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute, "PT1H": time.Hour, "PT2H": 2 * time.Hour, "PT4H": 4 * time.Hour, "PT8H": 8 * time.Hour,
		"PT12H": 12 * time.Hour, "P1D": 24 * time.Hour, "P2D": 48 * time.Hour, "P3D": 72 * time.Hour, "PT84H": 84 * time.Hour, "P7D": 7 * 24 * time.Hour, "P14D": 14 * 24 * time.Hour,
		"P15D": 15 * 24 * time.Hour, "P18D": 18 * 24 * time.Hour, "P30D": 30 * 24 * time.Hour, "P1M": 31 * 24 * time.Hour, // March has 31 days
	}
	for period, length := range every {
		c := newClient(t, emulator.WithoutLimits())
		r := c.post("/reports/2021-06-30/schedules", `{"reportType":"GET_ORDER_REPORT_DATA_SHIPPING","marketplaceIds":["`+us+`"],"period":"`+period+`"}`)
		if r.status != 201 {
			t.Fatalf("%s: %d %s", period, r.status, r.body)
		}
		id := r.text("reportScheduleId")
		c.clock.advance(length - time.Second)
		c.refresh()
		all := "/reports/2021-06-30/reports?reportTypes=GET_ORDER_REPORT_DATA_SHIPPING"
		if got := c.get(all); len(got.json["reports"].([]any)) != 0 {
			t.Errorf("%s: too early: %s", period, got.body)
		}
		c.clock.advance(time.Second)
		got := c.get(all)
		if len(got.json["reports"].([]any)) != 1 || got.text("reports", 0, "reportScheduleId") != id || got.text("reports", 0, "createdTime") != start.Add(length).Format("2006-01-02T15:04:05-07:00") {
			t.Errorf("%s: %s", period, got.body)
		}
		s := c.get("/reports/2021-06-30/schedules/" + id)
		next, _ := time.Parse(time.RFC3339, s.text("nextReportCreationTime"))
		if period != "P1M" && !next.Equal(start.Add(2*length)) || period == "P1M" && !next.Equal(start.AddDate(0, 2, 0)) {
			t.Errorf("%s: next at %s", period, s.body)
		}
	}
}

func TestSchedulesAreReplacedAndCancelled(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	create := func(kind, period, more string) result {
		return c.post("/reports/2021-06-30/schedules", `{"reportType":"`+kind+`","marketplaceIds":["`+us+`"],"period":"`+period+`"`+more+`}`)
	}
	first := create("GET_SALES_AND_TRAFFIC_REPORT", "P1D", "").text("reportScheduleId")
	second := create("GET_SALES_AND_TRAFFIC_REPORT", "P7D", `,"nextReportCreationTime":"2026-03-02T00:00:00Z"`).text("reportScheduleId")
	if r := c.get("/reports/2021-06-30/schedules/" + first); r.status != 404 {
		t.Errorf("the replaced one: %d %s", r.status, r.body)
	}
	r := c.get("/reports/2021-06-30/schedules?reportTypes=GET_SALES_AND_TRAFFIC_REPORT")
	if l := r.json["reportSchedules"].([]any); len(l) != 1 || r.text("reportSchedules", 0, "reportScheduleId") != second {
		t.Errorf("schedules: %s", r.body)
	}
	c.clock.advance(13 * time.Hour)
	c.refresh()
	if r := c.get("/reports/2021-06-30/reports?reportTypes=GET_SALES_AND_TRAFFIC_REPORT"); r.text("reports", 0, "processingStatus") != "DONE" {
		t.Errorf("fired at the time that was asked for: %s", r.body)
	}
	if r := c.at(na, "DELETE", "/reports/2021-06-30/schedules/"+second, ""); r.status != 200 {
		t.Errorf("cancel: %d %s", r.status, r.body)
	}
	c.clock.advance(30 * 24 * time.Hour)
	c.refresh()
	if r := c.get("/reports/2021-06-30/reports?reportTypes=GET_SALES_AND_TRAFFIC_REPORT"); len(r.json["reports"].([]any)) != 1 {
		t.Errorf("fired after it was cancelled: %s", r.body)
	}
	for name, r := range map[string]result{
		"period": create("GET_SALES_AND_TRAFFIC_REPORT", "P5D", ""), "not to be scheduled": create(allOrders, "P1D", ""), "past": create("GET_SALES_AND_TRAFFIC_REPORT", "P1D", `,"nextReportCreationTime":"2026-01-01T00:00:00Z"`),
	} {
		if r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestRestrictedReports needs a restricted token for the document, and only for that.
func TestRestrictedReports(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	r := c.report(na, spec("GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING", us))
	path := "/reports/2021-06-30/documents/" + r.text("reportDocumentId")
	if got := c.get(path); got.status != 403 {
		t.Fatalf("with a plain token: %d %s", got.status, got.body)
	}
	rdt := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"`+path+`"}]}`)
	c.token = rdt.text("restrictedDataToken")
	got := c.get(path)
	if got.status != 200 {
		t.Fatalf("with a restricted token: %d %s", got.status, got.body)
	}
	text := c.do("GET", got.text("url"), nil, "").body
	if got.text("compressionAlgorithm") != "" {
		text = c.unzip(text)
	}
	if !strings.Contains(text, "@marketplace.amazon.com") {
		t.Errorf("no buyer in %.300s", text)
	}
}

// table reads a flat file.
func table(t testing.TB, text string, comma rune) (columns []string, records []map[string]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	var cells [][]string
	for _, l := range lines {
		if comma == '\t' && !strings.HasPrefix(l, `"`) {
			cells = append(cells, strings.Split(l, "\t"))
			continue
		}
		r := csv.NewReader(strings.NewReader(l))
		r.Comma = comma
		record, err := r.Read()
		if err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		cells = append(cells, record)
	}
	for _, row := range cells[1:] {
		if len(row) != len(cells[0]) {
			t.Fatalf("%d cells, want %d: %q", len(row), len(cells[0]), row)
		}
		m := map[string]string{}
		for i, c := range cells[0] {
			m[c] = row[i]
		}
		records = append(records, m)
	}
	return cells[0], records
}

// TestOrderReports holds the reports against the Orders API.
func TestOrderReports(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	text, _ := c.reportText(na, c.report(na, spec(allOrders, us)))
	_, records := table(t, text, '\t')
	var ids []string
	for _, r := range records {
		if !slices.Contains(ids, r["amazon-order-id"]) {
			ids = append(ids, r["amazon-order-id"])
		}
	}
	want := c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=2025-12-01T00:00:00Z&CreatedBefore=2026-03-01T00:00:00Z")
	if !slices.Equal(ids, want) {
		t.Errorf("%d orders in the report, %d from the Orders API", len(ids), len(want))
	}
	updated, _ := c.reportText(na, c.report(na, strings.Replace(spec("GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL", us), "2025-12-01", "2026-02-20", 1)))
	_, byUpdate := table(t, updated, '\t')
	ids = nil
	for _, r := range byUpdate {
		if !slices.Contains(ids, r["amazon-order-id"]) {
			ids = append(ids, r["amazon-order-id"])
		}
		if at := r["last-updated-date"]; at < "2026-02-20" || at > "2026-03-01T00:00:00+00:00" {
			t.Errorf("updated at %s", at)
		}
	}
	if len(ids) == 0 || len(ids) == len(want) {
		t.Errorf("%d orders by update", len(ids))
	}
	x, _ := c.reportText(na, c.report(na, spec("GET_XML_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", us)))
	var parsed struct {
		Message []struct {
			Order struct {
				AmazonOrderID string
				OrderItem     []struct{ SKU, Quantity string }
			}
		}
	}
	if err := xml.Unmarshal([]byte(x), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Message) != len(want) || parsed.Message[0].Order.AmazonOrderID != want[0] || parsed.Message[0].Order.OrderItem[0].SKU != records[0]["sku"] {
		t.Errorf("%d orders in XML, want %d; first %+v", len(parsed.Message), len(want), parsed.Message[0])
	}
}

// Reports are written as the marketplace's country writes: amounts and days of settlements, and the times of listings by its own clock.
func TestReportsAreWrittenAsTheCountryWrites(t *testing.T) {
	for _, test := range []struct {
		m                        marketplace.Marketplace
		host, amount, day, stamp string
	}{
		{marketplace.US, na, `^-?\d+\.\d\d$`, `^\d{4}-\d\d-\d\d$`, ` P[SD]T$`},
		{marketplace.DE, eu, `^-?\d+,\d\d$`, `^\d\d\.\d\d\.\d{4}$`, ` CES?T$`},
		{marketplace.UK, eu, `^-?\d+\.\d\d$`, `^\d\d\.\d\d\.\d{4}$`, ` (GMT|BST)$`},
		{marketplace.ZA, eu, `^-?\d+,\d\d$`, `^\d\d\.\d\d\.\d{4}$`, ` SAST$`},
	} {
		c := newClient(t, emulator.WithoutLimits())
		cred, err := c.AddAccount(emulator.AccountConfig{Region: test.m.Region, Marketplaces: []string{test.m.ID}})
		if err != nil {
			t.Fatal(err)
		}
		c.token = c.accessToken(cred)
		r := c.at(test.host, "GET", "/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&pageSize=100", "")
		text, _ := c.reportText(test.host, c.at(test.host, "GET", "/reports/2021-06-30/reports/"+r.text("reports", 0, "reportId"), ""))
		_, settled := table(t, text, '\t')
		text, _ = c.reportText(test.host, c.report(test.host, spec("GET_MERCHANT_LISTINGS_ALL_DATA", test.m.ID)))
		_, listed := table(t, text, '\t')
		for _, cell := range []struct{ value, want string }{
			{settled[0]["total-amount"], test.amount}, {settled[1]["amount"], test.amount}, {settled[1]["posted-date"], test.day},
			{settled[0]["settlement-start-date"][:10], test.day}, {settled[1]["posted-date-time"][:10], test.day}, {listed[0]["open-date"], test.stamp},
		} {
			if !regexp.MustCompile(cell.want).MatchString(cell.value) {
				t.Errorf("%s: %q, want %s", test.m.CountryCode, cell.value, cell.want)
			}
		}
	}
}

// A seller of whom no more than the region is known sells where the region's default is.
func TestSellersSellInTheDefaultMarketplace(t *testing.T) {
	for _, region := range marketplace.Regions() {
		c := newClient(t, emulator.WithoutLimits())
		cred, err := c.AddAccount(emulator.AccountConfig{Region: region})
		if err != nil {
			t.Fatal(err)
		}
		c.token = c.accessToken(cred)
		r := c.at(region.Endpoint(), "GET", "/sellers/v1/marketplaceParticipations", "")
		if got := r.text("payload", 0, "marketplace", "id"); got != region.DefaultMarketplace().ID || len(r.json["payload"].([]any)) < 2 {
			t.Errorf("%s: first %q of %s", region, got, r.body)
		}
	}
}

func TestSettlements(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	cred, err := c.AddAccount(emulator.AccountConfig{Region: marketplace.Europe})
	if err != nil {
		t.Fatal(err)
	}
	c.token = c.accessToken(cred)
	const v2 = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
	german := "/reports/2021-06-30/reports?reportTypes=" + v2 + "&pageSize=100&marketplaceIds=A1PA6795UKMFR9"
	r := c.at(eu, "GET", german, "")
	all := len(r.json["reports"].([]any))
	if all < 3 || r.text("reports", 0, "processingStatus") != "DONE" {
		t.Fatalf("settlements: %d %s", r.status, r.body)
	}
	d := c.at(eu, "GET", "/reports/2021-06-30/reports/"+r.text("reports", 0, "reportId"), "")
	text, header := c.reportText(eu, d)
	if got := header.Get("Content-Type"); got != "text/plain" {
		t.Errorf("content type %q, want no charset", got)
	}
	_, records := table(t, text, '\t')
	cents := func(s string) int {
		n, err := strconv.Atoi(strings.Replace(s, ",", "", 1))
		if err != nil || !strings.Contains(s, ",") {
			t.Fatalf("%q is no amount with a comma", s)
		}
		return n
	}
	sum := 0
	for _, row := range records[1:] {
		sum += cents(row["amount"])
	}
	if total := cents(records[0]["total-amount"]); total != sum {
		t.Errorf("total %d, sum of the amounts %d", total, sum)
	}
	c.clock.advance(14 * 24 * time.Hour)
	c.token = c.accessToken(cred)
	if r = c.at(eu, "GET", german, ""); len(r.json["reports"].([]any)) != all+1 {
		t.Errorf("two weeks later: %d settlements, want one more than %d", len(r.json["reports"].([]any)), all)
	}
}

func TestInventoryReports(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	get := func(kind, options string) []map[string]string {
		t.Helper()
		text, _ := c.reportText(na, c.report(na, `{"reportType":"`+kind+`","marketplaceIds":["`+us+`"],"dataStartTime":"2026-02-01T00:00:00Z","dataEndTime":"2026-03-01T00:00:00Z"`+options+`}`))
		_, records := table(t, text, '\t')
		return records
	}
	open, all, stock := get("GET_FLAT_FILE_OPEN_LISTINGS_DATA", ""), get("GET_MERCHANT_LISTINGS_ALL_DATA", ""), get("GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA", "")
	if len(all) != 60 || len(open) == 0 || len(open) > 60 || len(stock) == 0 || len(stock) >= 60 {
		t.Errorf("%d listings, %d open, %d at Amazon", len(all), len(open), len(stock))
	}
	for _, row := range stock {
		if n, _ := strconv.Atoi(row["afn-fulfillable-quantity"]); row["fnsku"] == "" || n == 0 {
			t.Errorf("stock: %v", row)
		}
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n }
	balances, skus := map[string]string{}, map[string]bool{}
	summed, damaged := map[string]int{}, 0
	for _, row := range get("GET_LEDGER_SUMMARY_VIEW_DATA", `,"reportOptions":{"aggregatedByTimePeriod":"DAILY","aggregateByLocation":"FC"}`) {
		of := row["MSKU"] + " " + row["Disposition"]
		sum := 0
		for _, column := range []string{"Receipts", "Customer Shipments", "Customer Returns", "Vendor Returns", "Warehouse Transfer In/Out", "Found", "Lost", "Damaged", "Disposed", "Other Events"} {
			sum += number(row[column])
		}
		if number(row["Starting Warehouse Balance"])+sum != number(row["Ending Warehouse Balance"]) || number(row["Starting Warehouse Balance"]) < 0 {
			t.Errorf("ledger doesn't add up: %v", row)
		}
		if before, ok := balances[of]; ok && before != row["Starting Warehouse Balance"] {
			t.Errorf("%s starts the day with %s, ended the last with %s", of, row["Starting Warehouse Balance"], before)
		}
		balances[of], skus[row["MSKU"]] = row["Ending Warehouse Balance"], true
		summed[row["Date"]+" "+of+" "+row["Location"]] += sum
		if row["Disposition"] != "SELLABLE" {
			damaged += number(row["Customer Returns"])
		}
	}
	if len(skus) != len(stock) || damaged == 0 {
		t.Errorf("%d SKUs in the ledger, %d at Amazon; %d damaged units came back", len(skus), len(stock), damaged)
	}
	// The two views tell the same, and what came back damaged leaves again.
	kinds := map[string]int{}
	for _, row := range get("GET_LEDGER_DETAIL_VIEW_DATA", "") {
		of := row["Date"] + " " + row["MSKU"] + " " + row["Disposition"] + " " + row["Fulfillment Center"]
		if summed[of] -= number(row["Quantity"]); summed[of] == 0 {
			delete(summed, of)
		}
		kinds[row["Event Type"]]++
	}
	for of, n := range summed {
		if n != 0 {
			t.Errorf("%s: %d in the summary that are not in detail", of, n)
		}
	}
	if kinds["Shipments"] == 0 || kinds["CustomerReturns"] == 0 || kinds["VendorReturns"] == 0 {
		t.Errorf("events: %v", kinds)
	}
	for _, row := range get("GET_LEDGER_DETAIL_VIEW_DATA", `,"reportOptions":{"eventType":"CustomerReturns"}`) {
		if row["Event Type"] != "CustomerReturns" {
			t.Errorf("event: %v", row)
		}
	}
	for _, row := range get("GET_LEDGER_SUMMARY_VIEW_DATA", "") {
		if row["Date"] != "02/2026" && row["Date"] != "03/2026" {
			t.Errorf("by month: %v", row)
		}
		if of := row["MSKU"] + " " + row["Disposition"]; row["Date"] == "03/2026" && row["Ending Warehouse Balance"] != balances[of] {
			t.Errorf("%s ends with %s by month, %s by day", of, row["Ending Warehouse Balance"], balances[of])
		}
	}
	for _, row := range get("GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", "") {
		if row["order-id"] == "" || row["reason"] == "" || row["return-date"] < "2026-02-01" {
			t.Errorf("return: %v", row)
		}
	}
}

func TestBrowseTree(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	text, header := c.reportText(na, c.report(na, `{"reportType":"GET_XML_BROWSE_TREE_DATA","marketplaceIds":["`+us+`"]}`))
	var tree struct {
		Node []struct {
			ID       string `xml:"browseNodeId"`
			Path     string `xml:"browsePathById"`
			Children struct {
				ID []string `xml:"id"`
			} `xml:"childNodes"`
		}
	}
	if err := xml.Unmarshal([]byte(text), &tree); err != nil || !strings.HasPrefix(header.Get("Content-Type"), "text/xml") {
		t.Fatal(err, header)
	}
	if len(tree.Node) < 10 || len(tree.Node[0].Children.ID) != len(tree.Node)-1 {
		t.Errorf("%d nodes, %d below the root", len(tree.Node), len(tree.Node[0].Children.ID))
	}
}

// TestJSONReportsMatchTheirSchemas holds every JSON report that a seller can have against Amazon's schema.
func TestJSONReportsMatchTheirSchemas(t *testing.T) {
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = "../../shared/models"
	}
	files := map[string]string{
		"GET_SALES_AND_TRAFFIC_REPORT": "sellerSalesAndTrafficReport.json", "GET_BRAND_ANALYTICS_MARKET_BASKET_REPORT": "sellingPartnerMarketBasketAnalysisReport.json",
		"GET_BRAND_ANALYTICS_REPEAT_PURCHASE_REPORT": "sellingPartnerRepeatPurchaseReport.json", "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT": "sellingPartnerSearchTermsReport.json",
		"GET_BRAND_ANALYTICS_SEARCH_CATALOG_PERFORMANCE_REPORT": "sellingPartnerSearchCatalogPerformanceReport.json",
		"GET_BRAND_ANALYTICS_SEARCH_QUERY_PERFORMANCE_REPORT":   "sellingPartnerSearchQueryPerformanceReport.json",
		"GET_PROMOTION_PERFORMANCE_REPORT":                      "promotionReport.json", "GET_COUPON_PERFORMANCE_REPORT": "sellerCouponReport.json",
		"GET_V2_SELLER_PERFORMANCE_REPORT": "accountHealthReport-2020-11-18.json",
	}
	if _, err := os.Stat(filepath.Join(dir, "schemas", "reports")); err != nil {
		t.Skipf("no schemas of reports in %s: set SPAPI_MODELS to a checkout of Amazon's models", dir)
	}
	c := newClient(t, emulator.WithoutLimits())
	for kind, file := range files {
		compiler := jsonschema.NewCompiler()
		schema, err := compiler.Compile(filepath.Join(dir, "schemas", "reports", file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		text, _ := c.reportText(na, c.report(na, strings.TrimSuffix(spec(kind, us), "}")+`,"reportOptions":{"reportPeriod":"WEEK","asin":"B012345678","couponStartDateFrom":"2025-12-01T00:00:00Z","couponStartDateTo":"2026-01-01T00:00:00Z","promotionStartDateFrom":"2025-12-01T00:00:00Z","promotionStartDateTo":"2026-01-01T00:00:00Z"}}`))
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if err := schema.Validate(body); err != nil {
			t.Errorf("%s: %v\n%.400s", kind, err, text)
		}
	}
}

// TestSalesReportAddsUp holds the sales report against the orders report.
func TestSalesReportAddsUp(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	text, _ := c.reportText(na, c.report(na, spec("GET_SALES_AND_TRAFFIC_REPORT", us)))
	var sales struct {
		SalesAndTrafficByDate []struct {
			SalesByDate struct{ UnitsOrdered int }
		}
		SalesAndTrafficByAsin []struct {
			SalesByAsin struct{ UnitsOrdered int }
		}
	}
	if err := json.Unmarshal([]byte(text), &sales); err != nil {
		t.Fatal(err)
	}
	byDate, byASIN := 0, 0
	for _, s := range sales.SalesAndTrafficByDate {
		byDate += s.SalesByDate.UnitsOrdered
	}
	for _, s := range sales.SalesAndTrafficByAsin {
		byASIN += s.SalesByAsin.UnitsOrdered
	}
	if byDate == 0 || byDate != byASIN {
		t.Errorf("%d units by date, %d by ASIN", byDate, byASIN)
	}
}

// TestBigReportStreams reads a large report while it is generated: memory must not grow with it.
func TestBigReportStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a report of 60,000 orders")
	}
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(60000))
	d := c.get("/reports/2021-06-30/documents/" + c.report(na, spec(allOrders, us)).text("reportDocumentId"))
	resp, err := c.RoundTrip(mustRequest(t, d.text("url")))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != resp.ContentLength || n < 1<<20 {
		t.Errorf("%d bytes, announced %d: %v", n, resp.ContentLength, err)
	}
	if testing.Verbose() {
		fmt.Println("compressed:", n)
	}
}

// Where production wants a restricted token, the sandbox takes an access token, whatever makes the emulator the sandbox.
func TestSandboxTakesPlainTokens(t *testing.T) {
	const shipment = "/shipping/v1/shipments/1"
	const sandbox = "https://sandbox.sellingpartnerapi-na.amazon.com"
	for _, test := range []struct {
		host   string
		opts   []emulator.Option
		denied bool
	}{{na, nil, true}, {sandbox, nil, false}, {na, []emulator.Option{emulator.WithSandbox()}, false}} {
		c := newClient(t, test.opts...)
		if r := c.at(test.host, "GET", shipment, ""); (r.status == 403) != test.denied {
			t.Errorf("%s, %d options: %d %s", test.host, len(test.opts), r.status, r.body)
		}
		report := c.report(test.host, spec("GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING", us))
		r := c.at(test.host, "GET", "/reports/2021-06-30/documents/"+report.text("reportDocumentId"), "")
		if want := map[bool]int{true: 403, false: 200}[test.denied]; r.status != want {
			t.Errorf("%s, %d options, document: %d %s, want %d; %s", test.host, len(test.opts), r.status, r.body, want, report.body)
		}
	}
}

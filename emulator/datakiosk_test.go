package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

func (c *client) createQuery(query, token string) result {
	c.t.Helper()
	body := map[string]string{"query": query}
	if token != "" {
		body["paginationToken"] = token
	}
	b, _ := json.Marshal(body)
	return c.post("/dataKiosk/2023-11-15/queries", string(b))
}

// query runs a query to its end and returns what getQuery says.
func (c *client) query(query, token string) result {
	c.t.Helper()
	r := c.createQuery(query, token)
	if r.status != 202 {
		c.t.Fatalf("createQuery: %d %s", r.status, r.body)
	}
	c.clock.advance(2 * time.Minute)
	return c.get("/dataKiosk/2023-11-15/queries/" + r.text("queryId"))
}

// kioskDocument fetches a document, unpacked as http.Transport does.
func (c *client) kioskDocument(id string) string {
	c.t.Helper()
	d := c.get("/dataKiosk/2023-11-15/documents/" + id)
	if d.status != 200 {
		c.t.Fatalf("getDocument: %d %s", d.status, d.body)
	}
	return c.do("GET", d.text("documentUrl"), nil, "").body
}

const byDate = `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:%s,startDate:"%s",endDate:"%s",marketplaceIds:["ATVPDKIKX0DER"]){%s}}}`

func sales(by, from, to, fields string) string { return fmt.Sprintf(byDate, by, from, to, fields) }

func TestKioskQueryLife(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	query := sales("DAY", "2026-02-01", "2026-02-14", "endDate startDate marketplaceId sales{unitsOrdered orderedProductSales{currencyCode amount}}traffic{sessions}")
	// The query is shown anew, on one line (recorded: lineofflight/peddler, test/vcr_cassettes/Peddler/DataKiosk).
	const shown = `query {analytics_salesAndTraffic_2024_04_24 {salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-14",marketplaceIds:["ATVPDKIKX0DER"]) ` +
		`{endDate startDate marketplaceId sales {unitsOrdered orderedProductSales {currencyCode amount}} traffic {sessions}}}}`
	r := c.createQuery(query, "")
	path := "/dataKiosk/2023-11-15/queries/" + r.text("queryId")
	var states []string
	for range 60 {
		if s := c.get(path).text("processingStatus"); len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
		c.clock.advance(time.Second)
	}
	if !slices.Equal(states, []string{"IN_QUEUE", "IN_PROGRESS", "DONE"}) {
		t.Errorf("states %v", states)
	}
	got := c.get(path)
	if got.text("query") != shown || got.text("dataDocumentId") == "" || got.text("errorDocumentId") != "" {
		t.Fatalf("query: %s", got.body)
	}
	for _, name := range []string{"createdTime", "processingStartTime", "processingEndTime"} {
		if at := got.text(name); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(at) {
			t.Errorf("%s is %q", name, at)
		}
	}
	file := c.do("GET", c.get("/dataKiosk/2023-11-15/documents/"+got.text("dataDocumentId")).text("documentUrl"), nil, "")
	if kind := file.header.Get("Content-Type"); kind != "application/jsonlines; charset=UTF-8" {
		t.Errorf("rows are %q", kind)
	}
	lines := strings.Split(strings.TrimSuffix(c.kioskDocument(got.text("dataDocumentId")), "\n"), "\n")
	if len(lines) != 14 {
		t.Errorf("%d lines, want one for each of 14 days", len(lines))
	}
	// The members come in the order of the selection.
	if want := `{"endDate":"2026-02-01","startDate":"2026-02-01","marketplaceId":"ATVPDKIKX0DER","sales":{"unitsOrdered":`; !strings.HasPrefix(lines[0], want) || !strings.Contains(lines[0], `"orderedProductSales":{"currencyCode":"USD","amount":`) {
		t.Errorf("first line: %s", lines[0])
	}
	if r := c.at(na, "DELETE", path, ""); r.status != 400 {
		t.Errorf("cancelling at the end: %d", r.status)
	}
	c.clock.advance(30 * 24 * time.Hour)
	c.refresh()
	if r := c.get(path); r.status != 404 {
		t.Errorf("after 30 days: %d", r.status)
	}
}

func TestKioskQueriesAreChecked(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const good = `startDate`
	for _, test := range []struct {
		name, query, want string
		status            int
	}{
		{"good", sales("DAY", "2026-02-01", "2026-02-14", good), "", 202},
		{"fragment", `query Q{analytics_salesAndTraffic_2024_04_24{a:salesAndTrafficByDate(aggregateBy:WEEK,startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:"ATVPDKIKX0DER"){...F}}}fragment F on SalesAndTrafficByDate{b:startDate}`, "", 202},
		{"no GraphQL", "SELECT 1", "query", 400},
		{"empty", "", "query", 400},
		{"unknown schema", `{analytics_salesAndTraffic_2023_11_15{salesAndTrafficByDate{startDate}}}`, "analytics_salesAndTraffic_2023_11_15", 400},
		{"unknown field", sales("DAY", "2026-02-01", "2026-02-14", "colour"), "colour", 400},
		{"unknown data set", `{analytics_salesAndTraffic_2024_04_24{salesByColour{startDate}}}`, "salesByColour", 400},
		{"no selection", sales("DAY", "2026-02-01", "2026-02-14", "sales"), "sales", 400},
		{"selection of a scalar", sales("DAY", "2026-02-01", "2026-02-14", "startDate{x}"), "Date", 400},
		{"wrong enum", sales("HOUR", "2026-02-01", "2026-02-14", good), "HOUR", 400},
		{"odd date", sales("DAY", "2026-02-31", "2026-03-14", good), "startDate", 400},
		{"missing argument", `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02"){startDate}}}`, "marketplaceIds", 400},
		{"unknown argument", `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:[],first:1){startDate}}}`, "first", 400},
		{"two data sets", `{analytics_salesAndTraffic_2024_04_24{a:salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:[]){startDate}b:salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:[]){startDate}}}`, "one data set", 400},
		{"two operations", `query A{a}query B{b}`, "one operation", 400},
		{"mutation", `mutation{a}`, "query", 400},
		{"variables", `query Q($d:Date!){analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:$d,endDate:$d,marketplaceIds:[]){startDate}}}`, "variables", 400},
		{"fragment of itself", `{analytics_salesAndTraffic_2024_04_24{...F}}fragment F on Analytics_SalesAndTraffic_2024_04_24{...F}`, "query", 400},
		{"vendor's", `{analytics_vendorAnalytics_2024_09_30{manufacturingView(aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02"){startDate}}}`, "denied", 403},
		{"much whitespace", sales("DAY", "2026-02-01", "2026-02-14", strings.Repeat(" \n\t", 5000)+good), "", 202},
		{"too long", sales("DAY", "2026-02-01", "2026-02-14", strings.Repeat("startDate ", 900)), "8000", 400},
	} {
		r := c.createQuery(test.query, "")
		if r.status != test.status || !strings.Contains(r.body, test.want) {
			t.Errorf("%s: %d %.300s, want %d %s", test.name, r.status, r.body, test.status, test.want)
		}
	}
}

func TestKioskOutcomes(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for name, query := range map[string]string{
		"too long ago": sales("DAY", "2023-02-01", "2023-02-14", "startDate"), "backwards": sales("DAY", "2026-02-14", "2026-02-01", "startDate"),
		"another's marketplace": strings.Replace(sales("DAY", "2026-02-01", "2026-02-14", "startDate"), us, "A1PA6795UKMFR9", 1),
		"preview of the past":   `{analytics_economics_2024_03_15{economicsPreview(startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:["ATVPDKIKX0DER"],feeTypes:[REFERRAL_FEES]){msku}}}`,
	} {
		r := c.query(query, "")
		if r.text("processingStatus") != "FATAL" || r.text("dataDocumentId") != "" {
			t.Errorf("%s: %s", name, r.body)
			continue
		}
		if text := c.kioskDocument(r.text("errorDocumentId")); !json.Valid([]byte(text)) || !strings.Contains(text, "message") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if r := c.query(sales("DAY", "2025-01-01", "2025-01-02", "startDate"), ""); r.text("processingStatus") != "DONE" || r.text("dataDocumentId") != "" {
		t.Errorf("no rows: %s", r.body)
	}
	for name, query := range map[string]string{
		"economics": `{analytics_economics_2024_03_15{economics(startDate:"2026-02-01",endDate:"2026-02-28",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{date:MONTH,productId:MSKU},includeComponentsForFeeTypes:[FBA_FULFILLMENT_FEE]){msku fnsku parentAsin sales{netUnitsSold averageSellingPrice{amount}}fees{feeTypeName charges{identifier components{name}aggregatedDetail{totalAmount{amount}}}}ads{adTypeName}cost{costOfGoodsSold{amount}}netProceeds{total{amount}perUnit{amount}}}}}`,
		"by ASIN":   `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByAsin(aggregateBy:SKU,startDate:"2026-02-01",endDate:"2026-02-28",marketplaceIds:["ATVPDKIKX0DER"]){sku childAsin sales{unitsRefundedB2B refundRate}traffic{pageViewsPercentage}}}}`,
		"preview":   `{analytics_economics_2024_03_15{economicsPreview(startDate:"2026-03-02",endDate:"2026-03-30",marketplaceIds:["ATVPDKIKX0DER"],feeTypes:[REFERRAL_FEES]){msku sales{unitsOrdered}}}}`,
	} {
		r := c.query(query, "")
		lines := strings.Split(strings.TrimSuffix(c.kioskDocument(r.text("dataDocumentId")), "\n"), "\n")
		if len(lines) < 10 {
			t.Errorf("%s: %d lines", name, len(lines))
		}
		for _, l := range lines {
			if !json.Valid([]byte(l)) || !strings.HasPrefix(l, `{"`) {
				t.Errorf("%s: %s", name, l)
			}
		}
	}
}

func TestKioskPaging(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(6000))
	catalog := c.list("/catalog/2022-04-01/items?keywords=pen&pageSize=20&marketplaceIds="+us, "pageToken", "items", "asin", "pagination", "nextToken")
	asins, _ := json.Marshal(catalog)
	query := `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficTrends(asinAggregation:CHILD,dateAggregation:DAY,startDate:"2025-12-31",endDate:"2026-03-01",filters:[{marketplaceId:"` + us + `",asins:` + string(asins) + `}]){startDate childAsin sales{unitsOrdered}}}}`
	seen := map[string]bool{}
	r := c.query(query, "")
	for pages := 1; ; pages++ {
		lines := strings.Split(strings.TrimSuffix(c.kioskDocument(r.text("dataDocumentId")), "\n"), "\n")
		for _, l := range lines {
			if seen[l] {
				t.Fatalf("twice: %s", l)
			}
			seen[l] = true
		}
		token := r.text("pagination", "nextToken")
		if token == "" {
			if pages < 2 {
				t.Errorf("%d rows on one page", len(lines))
			}
			break
		}
		if len(lines) != 1000 {
			t.Errorf("%d rows on a page with more after it", len(lines))
		}
		if bad := c.createQuery(strings.Replace(query, "CHILD", "SKU", 1), token); bad.status != 400 {
			t.Errorf("token with another query: %d %s", bad.status, bad.body)
		}
		c.refresh()
		r = c.query(r.text("query"), token) // as it was shown
	}
	if bad := c.createQuery(query, "abc"); bad.status != 400 {
		t.Errorf("odd token: %d", bad.status)
	}
}

func TestKioskCapAndCancel(t *testing.T) {
	c := newClient(t)
	query := sales("DAY", "2026-02-01", "2026-02-14", "startDate")
	unlimited := newClient(t, emulator.WithoutLimits())
	for range 11 {
		if r := unlimited.createQuery(query, ""); r.status != 202 {
			t.Errorf("without limits: %d %s", r.status, r.body)
		}
	}
	var ids []string
	for range 10 {
		ids = append(ids, c.createQuery(query, "").text("queryId"))
	}
	if r := c.createQuery(query, ""); r.status != 429 || !strings.Contains(r.body, "QuotaExceeded") {
		t.Errorf("the eleventh: %d %s", r.status, r.body)
	}
	for range 2 { // idempotent
		if r := c.at(na, "DELETE", "/dataKiosk/2023-11-15/queries/"+ids[0], ""); r.status != 204 {
			t.Errorf("cancel: %d %s", r.status, r.body)
		}
	}
	if r := c.createQuery(query, ""); r.status != 202 {
		t.Errorf("after one is cancelled: %d %s", r.status, r.body)
	}
	c.clock.advance(8 * time.Second) // in progress by now
	if r := c.at(na, "DELETE", "/dataKiosk/2023-11-15/queries/"+ids[1], ""); r.status != 204 {
		t.Errorf("cancel in progress: %d %s", r.status, r.body)
	}
	c.clock.advance(time.Minute)
	page := c.get("/dataKiosk/2023-11-15/queries?pageSize=4&processingStatuses=DONE")
	rest := c.get("/dataKiosk/2023-11-15/queries?pageSize=100&processingStatuses=DONE&paginationToken=" + url.QueryEscape(page.text("pagination", "nextToken")))
	if a, b := len(page.json["queries"].([]any)), len(rest.json["queries"].([]any)); a != 4 || b != 5 {
		t.Errorf("pages of %d and %d, want 4 and 5", a, b)
	}
	if r := c.get("/dataKiosk/2023-11-15/queries?processingStatuses=CANCELLED"); len(r.json["queries"].([]any)) != 2 {
		t.Errorf("cancelled: %s", r.body)
	}
	if r := c.get("/dataKiosk/2023-11-15/queries?processingStatuses=FATAL&paginationToken=" + url.QueryEscape(page.text("pagination", "nextToken"))); r.status != 400 {
		t.Errorf("token with other filters: %d", r.status)
	}
	for _, path := range []string{"/dataKiosk/2023-11-15/queries/1", "/dataKiosk/2023-11-15/documents/1"} {
		if r := c.get(path); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// TestDeskState: an emulator that has imported another one's state goes on as that one would.
func TestDeskState(t *testing.T) {
	const inputType = "text/tab-separated-values"
	first := newClient(t, emulator.WithoutLimits(), emulator.WithFixedTime(start))
	sales := sales("DAY", "2026-02-01", "2026-02-14", "startDate sales{unitsOrdered}")
	finished := first.createQuery(sales, "").text("queryId")
	report := first.post("/reports/2021-06-30/reports", spec(allOrders, us)).text("reportId")
	listings := first.post("/reports/2021-06-30/reports", spec("GET_MERCHANT_LISTINGS_ALL_DATA", us)).text("reportId")
	first.get("/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2")
	first.post("/reports/2021-06-30/schedules", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+us+`"],"period":"P1D"}`)
	first.Advance(2 * time.Minute)
	first.get("/reports/2021-06-30/reports/" + report)
	in := first.post("/feeds/2021-06-30/documents", `{"contentType":"`+inputType+`"}`)
	first.do("PUT", in.text("url"), map[string][]string{"Content-Type": {inputType}}, "order-id\n1\n")
	feed := first.post("/feeds/2021-06-30/feeds", `{"feedType":"POST_FLAT_FILE_FULFILLMENT_DATA","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"}`).text("feedId")
	running := first.createQuery(sales, "").text("queryId")
	state, err := first.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	second := newClient(t, emulator.WithoutLimits(), emulator.WithFixedTime(start))
	var read emulator.State
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if err := second.Import(&read); err != nil {
		t.Fatal(err)
	}
	second.token = first.token
	goOn := func(c *client) string {
		var all strings.Builder
		note := func(r result) result { all.WriteString(r.body + "\n"); return r }
		c.Advance(2 * time.Minute)
		for _, id := range []string{report, listings} {
			d := note(c.get("/reports/2021-06-30/documents/" + note(c.get("/reports/2021-06-30/reports/"+id)).text("reportDocumentId")))
			note(c.do("GET", d.text("url"), nil, ""))
		}
		d := note(c.get("/feeds/2021-06-30/documents/" + note(c.get("/feeds/2021-06-30/feeds/"+feed)).text("resultFeedDocumentId")))
		note(c.do("GET", d.text("url"), nil, ""))
		for _, id := range []string{finished, running} {
			d := note(c.get("/dataKiosk/2023-11-15/documents/" + note(c.get("/dataKiosk/2023-11-15/queries/"+id)).text("dataDocumentId")))
			note(c.do("GET", d.text("documentUrl"), nil, ""))
		}
		c.Advance(20 * 24 * time.Hour)
		c.refresh()
		note(c.get("/reports/2021-06-30/reports?pageSize=100&reportTypes=GET_SALES_AND_TRAFFIC_REPORT,GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"))
		return all.String()
	}
	if a, b := goOn(first), goOn(second); a != b || strings.Contains(a, "errors") {
		t.Errorf("they go on differently:\n%.3000s\n%.3000s", a, b)
	}
}

// What is shown of a query is the same query, whatever it has.
func TestKioskQueriesAreShown(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const arguments = `aggregateBy:DAY,startDate:"2026-02-01",endDate:"2026-02-02",marketplaceIds:["ATVPDKIKX0DER"]`
	for query, want := range map[string]string{
		"query { # all\n analytics_economics_2024_03_15 { economics(startDate: \"2026-01-01\"\n endDate: \"2026-02-01\", marketplaceIds: [\"ATVPDKIKX0DER\"] aggregateBy: { productId: MSKU, date: WEEK }) { msku sales { unitsOrdered } } } }":          `query {analytics_economics_2024_03_15 {economics(startDate:"2026-01-01",endDate:"2026-02-01",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{productId:MSKU,date:WEEK}) {msku sales {unitsOrdered}}}}`,
		`query Q { analytics_salesAndTraffic_2024_04_24 { a: salesAndTrafficByDate(` + arguments + `) { ...F, ... on SalesAndTrafficByDate @skip(if: false) { startDate } } } } fragment F on SalesAndTrafficByDate { b: startDate @include(if: true) }`: `query Q {analytics_salesAndTraffic_2024_04_24 {a:salesAndTrafficByDate(` + arguments + `) {...F ... on SalesAndTrafficByDate @skip(if:false) {startDate}}}} fragment F on SalesAndTrafficByDate {b:startDate @include(if:true)}`,
	} {
		r := c.query(query, "")
		if got := r.text("query"); got != want {
			t.Errorf("%s\nis shown as %s\nwant        %s", query, got, want)
		}
		c.refresh()
		if again := c.query(r.text("query"), ""); again.text("query") != want {
			t.Errorf("%s is shown as %s", want, again.text("query"))
		}
	}
}

// Weeks are whole ones: of sales and traffic from the Sunday before the first day on, of economics from the one after it.
func TestKioskWeeks(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	first := func(wantLast, query string) string {
		t.Helper()
		r := c.query(query, "")
		all := strings.TrimSpace(c.kioskDocument(r.text("dataDocumentId")))
		line, _, _ := strings.Cut(all, "\n")
		if last := all[strings.LastIndex(all, "\n")+1:]; !strings.Contains(last, wantLast) {
			t.Errorf("the last row is %s, want %s", last, wantLast)
		}
		return line
	}
	// 2026-02-04 is a Wednesday.
	const days = `startDate:"2026-02-04",endDate:"2026-02-18",marketplaceIds:["ATVPDKIKX0DER"]`
	traffic := first(`"startDate":"2026-02-15","endDate":"2026-02-21"`, `query {analytics_salesAndTraffic_2024_04_24 {salesAndTrafficByDate(aggregateBy:WEEK,`+days+`) {startDate endDate sales {averageUnitsPerOrderItem unitsOrdered}}}}`)
	if !regexp.MustCompile(`^\{"startDate":"2026-02-01","endDate":"2026-02-07","sales":\{"averageUnitsPerOrderItem":\d+\.\d+,"unitsOrdered":\d+\}\}$`).MatchString(traffic) {
		t.Errorf("sales and traffic: %s", traffic)
	}
	row := first(`"startDate":"2026-02-08","endDate":"2026-02-14"`, `query {analytics_economics_2024_03_15 {economics(aggregateBy:{date:WEEK,productId:PARENT_ASIN},`+days+`) {startDate endDate fees {feeTypeName charges {identifier aggregatedDetail {quantity amountPerUnitDelta {amount}} components {name}}} cost {costOfGoodsSold {amount} fbaCost {shippingToAmazonCost {amount}}}}}}`)
	if !regexp.MustCompile(`^\{"startDate":"2026-02-08","endDate":"2026-02-14","fees":\[\{"feeTypeName":"ReferralFee","charges":\[\{"identifier":"ReferralFee_Standard",` +
		`"aggregatedDetail":\{"quantity":\d+\.0,"amountPerUnitDelta":null\},"components":null\}\]\}.*\],"cost":\{"costOfGoodsSold":null,"fbaCost":null\}\}$`).MatchString(row) {
		t.Errorf("economics: %s", row)
	}
}

package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// told are the messages of a type that an emulator has kept, read by package notifications, too.
func told(t *testing.T, e *emulator.Emulator, typ string) (list []emulator.Message) {
	t.Helper()
	for _, d := range e.Deliveries() {
		if m := readNews(t, d); m.Type == typ {
			list = append(list, m)
		}
	}
	return list
}

// ended holds what was told of jobs against what the API says of each: how it ended, when, and its documents.
func (c *client) ended(list []emulator.Message, id, path string, members map[string]string) {
	c.t.Helper()
	seen := map[string]bool{}
	for _, m := range list {
		c.refresh()
		job := m.Text(id)
		r := c.get(path + job)
		if seen[job] || r.status != 200 {
			c.t.Errorf("%s %s: told twice (%t), or isn't there: %d %s", id, job, seen[job], r.status, r.body)
		}
		seen[job] = true
		for told, shown := range members {
			want := r.path(strings.Split(shown, ".")[0])
			if _, inner, deep := strings.Cut(shown, "."); deep {
				want = r.path(strings.Split(shown, ".")[0], inner)
			}
			if want == nil {
				want = ""
			}
			got := m.At(told)
			if in, deep := got.(map[string]any); deep {
				got = in["nextToken"]
			}
			if got == nil {
				got = ""
			}
			if got != want {
				c.t.Errorf("%s %s: %s is %v, the API says %v", id, job, told, got, want)
			}
		}
		if ended := asTime(c.t, r.text("processingEndTime")); !ended.Equal(m.EventTime) {
			c.t.Errorf("%s %s ended at %s, told was %s", id, job, ended, m.EventTime)
		}
		if account := m.Text("accountId"); account != "amzn1.merchant.o."+c.Credentials().SellerID {
			c.t.Errorf("%s %s: account %s", id, job, account)
		}
	}
}

func outcomes(list []emulator.Message) string {
	count := map[string]int{}
	for _, m := range list {
		count[m.Text("processingStatus")]++
	}
	return fmt.Sprint(count)
}

// TestReportsTellThatTheyEnd: by themselves, however nobody asks, at the time at which they end; asked for, scheduled, automatic, cancelled, and failed.
func TestReportsTellThatTheyEnd(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	members := map[string]string{"reportType": "reportType", "processingStatus": "processingStatus", "reportDocumentId": "reportDocumentId"}
	const path = "/reports/2021-06-30/reports/"
	// Before the subscription: these are told to nobody.
	c.report(na, spec(allOrders, us))
	early := c.post("/reports/2021-06-30/reports", spec(allOrders, us))
	if early.status != 202 {
		t.Fatal(early.body)
	}
	c.clock.advance(time.Hour - time.Minute)
	c.refresh()
	emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: "REPORT_PROCESSING_FINISHED"})
	if n := len(told(t, c.Emulator, "REPORT_PROCESSING_FINISHED")); n != 0 {
		t.Fatalf("%d messages of what was before", n)
	}
	c.clock.advance(time.Minute)
	c.refresh()
	done := c.post("/reports/2021-06-30/reports", spec(allOrders, us))
	cancelled := c.post("/reports/2021-06-30/reports", spec(allOrders, us))
	c.at(na, "DELETE", path+cancelled.text("reportId"), "")
	c.post("/reports/2021-06-30/reports", `{"reportType":"`+allOrders+`","marketplaceIds":["`+us+`"],"dataStartTime":"2020-01-01T00:00:00Z","dataEndTime":"2020-01-02T00:00:00Z"}`)
	c.post("/reports/2021-06-30/reports", spec("GET_FBA_FULFILLMENT_INVENTORY_HEALTH_DATA", us))
	c.post("/reports/2021-06-30/reports", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+us+`"]}`)
	c.clock.advance(2 * time.Minute)
	list := told(t, c.Emulator, "REPORT_PROCESSING_FINISHED")
	if got := outcomes(list); got != "map[CANCELLED:2 DONE:1 FATAL:2]" {
		t.Errorf("outcomes: %s", got)
	}
	for _, m := range list {
		if m.Text("reportId") == done.text("reportId") && m.Text("reportDocumentId") == "" || m.Text("reportId") == early.text("reportId") {
			t.Errorf("%v", m.Payload)
		}
	}
	c.ended(list, "reportId", path, members)

	// Faults of reports, and a schedule; automatic ones come without being asked for.
	c.fault("no-data,type=GET_FLAT_FILE_OPEN_LISTINGS_DATA,limit=1")
	c.post("/reports/2021-06-30/reports", spec("GET_FLAT_FILE_OPEN_LISTINGS_DATA", us))
	c.clock.advance(time.Minute)
	c.fault("fatal,type=GET_FLAT_FILE_OPEN_LISTINGS_DATA,limit=1")
	c.post("/reports/2021-06-30/reports", spec("GET_FLAT_FILE_OPEN_LISTINGS_DATA", us))
	c.clock.advance(time.Minute)
	struck := told(t, c.Emulator, "REPORT_PROCESSING_FINISHED")[len(list):]
	if got := outcomes(struck); got != "map[CANCELLED:1 FATAL:1]" {
		t.Errorf("faults: %s", got)
	}
	c.post("/reports/2021-06-30/schedules", `{"reportType":"GET_ORDER_REPORT_DATA_SHIPPING","marketplaceIds":["`+us+`"],"period":"P1D"}`)
	c.clock.advance(15*24*time.Hour + time.Hour)
	scheduled, settled := []emulator.Message{}, []emulator.Message{}
	for _, m := range told(t, c.Emulator, "REPORT_PROCESSING_FINISHED")[len(list)+len(struck):] {
		switch kind := m.Text("reportType"); {
		case kind == "GET_ORDER_REPORT_DATA_SHIPPING":
			scheduled = append(scheduled, m)
		case strings.Contains(kind, "SETTLEMENT"):
			settled = append(settled, m)
		default:
			t.Errorf("told of %s", kind)
		}
	}
	c.ended(scheduled, "reportId", path, members)
	c.ended(settled, "reportId", path, members)
	c.refresh()
	shown := 0
	for _, kind := range []string{"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "GET_V2_SETTLEMENT_REPORT_DATA_XML"} {
		r := c.get("/reports/2021-06-30/reports?pageSize=100&createdSince=" + start.Add(time.Hour).Format(time.RFC3339) + "&reportTypes=" + kind)
		shown += len(r.json["reports"].([]any))
	}
	if len(scheduled) != 15 || len(settled) != shown || shown == 0 {
		t.Errorf("%d of a schedule in 15 days; %d settlements told, %d shown", len(scheduled), len(settled), shown)
	}
}

// TestFeedsTellThatTheyEnd: also what they have done is told, though nobody has asked for anything since.
func TestFeedsTellThatTheyEnd(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: "FEED_PROCESSING_FINISHED"})
	emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: "ORDER_CHANGE"})
	order, item := c.unshippedOrder()
	feed := func(kind, contentType, content string) string {
		t.Helper()
		in := c.post("/feeds/2021-06-30/documents", `{"contentType":"`+contentType+`"}`)
		if content != "" {
			c.do("PUT", in.text("url"), http.Header{"Content-Type": {contentType}}, content)
		}
		r := c.post("/feeds/2021-06-30/feeds", `{"feedType":"`+kind+`","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"}`)
		if r.status != 202 {
			t.Fatalf("createFeed: %d %s", r.status, r.body)
		}
		return r.text("feedId")
	}
	const xml = "text/xml; charset=UTF-8"
	acknowledge := `<?xml version="1.0"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>` + c.Credentials().SellerID + `</MerchantIdentifier></Header>` +
		`<MessageType>OrderAcknowledgement</MessageType><Message><MessageID>1</MessageID><OrderAcknowledgement><AmazonOrderID>` + order +
		`</AmazonOrderID><StatusCode>Failure</StatusCode><Item><AmazonOrderItemCode>` + item + `</AmazonOrderItemCode><CancelReason>NoInventory</CancelReason></Item></OrderAcknowledgement></Message></AmazonEnvelope>`
	cancels := feed("POST_ORDER_ACKNOWLEDGEMENT_DATA", xml, acknowledge)
	empty := feed("POST_ORDER_ACKNOWLEDGEMENT_DATA", xml, "")
	gone := feed("POST_ORDER_ACKNOWLEDGEMENT_DATA", xml, acknowledge)
	c.at(na, "DELETE", "/feeds/2021-06-30/feeds/"+gone, "")
	c.clock.advance(3 * time.Hour)
	list := told(t, c.Emulator, "FEED_PROCESSING_FINISHED")
	got := map[string]string{}
	for _, m := range list {
		got[m.Text("feedId")] = m.Text("processingStatus")
	}
	if want := map[string]string{cancels: "DONE", empty: "FATAL", gone: "CANCELLED"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("feeds: %v, want %v", got, want)
	}
	changes := 0
	for _, m := range told(t, c.Emulator, "ORDER_CHANGE") {
		if m.Text("AmazonOrderId") == order {
			changes++
			if m.Text("Summary", "OrderStatus") != "Canceled" || m.EventTime.After(start.Add(time.Minute)) {
				t.Errorf("order: %v at %s", m.Payload, m.EventTime)
			}
		}
	}
	if changes != 1 {
		t.Errorf("the order's cancellation is told %d times", changes)
	}
	c.ended(list, "feedId", "/feeds/2021-06-30/feeds/",
		map[string]string{"feedType": "feedType", "processingStatus": "processingStatus", "resultFeedDocumentId": "resultFeedDocumentId"})
}

// TestQueriesTellThatTheyEnd: with the token of the next page, so that nobody needs to ask for the query.
func TestQueriesTellThatTheyEnd(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(6000))
	emulator.Subscribe(t, c.Emulator, emulator.Subscription{Type: "DATA_KIOSK_QUERY_PROCESSING_FINISHED"})
	catalog := c.list("/catalog/2022-04-01/items?keywords=pen&pageSize=20&marketplaceIds="+us, "pageToken", "items", "asin", "pagination", "nextToken")
	asins, _ := json.Marshal(catalog)
	query := `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficTrends(asinAggregation:CHILD,dateAggregation:DAY,startDate:"2025-12-31",endDate:"2026-03-01",filters:[{marketplaceId:"` + us + `",asins:` + string(asins) + `}]){startDate childAsin sales{unitsOrdered}}}}`
	first := c.createQuery(query, "").text("queryId")
	cancelled := c.createQuery(query, "").text("queryId")
	c.at(na, "DELETE", "/dataKiosk/2023-11-15/queries/"+cancelled, "")
	c.createQuery(`{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,endDate:"2019-02-20",marketplaceIds:["`+us+`"],startDate:"2019-02-01"){startDate sales{unitsOrdered}}}}`, "")
	c.clock.advance(2 * time.Minute)
	list := told(t, c.Emulator, "DATA_KIOSK_QUERY_PROCESSING_FINISHED")
	members := map[string]string{"query": "query", "processingStatus": "processingStatus", "dataDocumentId": "dataDocumentId", "errorDocumentId": "errorDocumentId",
		"pagination": "pagination.nextToken"}
	c.ended(list, "queryId", "/dataKiosk/2023-11-15/queries/", members)
	if got := outcomes(list); got != "map[CANCELLED:1 DONE:1 FATAL:1]" {
		t.Errorf("queries: %s", got)
	}
	// The next page goes by what was told alone.
	for _, m := range list {
		if m.Text("queryId") != first {
			continue
		}
		token, text := m.Text("pagination", "nextToken"), m.Text("query")
		if r := c.createQuery(text, token); token == "" || r.status != 202 {
			t.Errorf("next page by %q: %d %s", token, r.status, r.body)
		}
	}
	c.clock.advance(2 * time.Minute)
	if n := len(told(t, c.Emulator, "DATA_KIOSK_QUERY_PROCESSING_FINISHED")); n != len(list)+1 {
		t.Errorf("%d messages, want one more than %d", n, len(list))
	}
}

package emulator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openspapi/spapi/marketplace"
)

func (s *shop) notify(method, path, token, body string) response {
	s.t.Helper()
	return s.send(method, s.host+"/notifications/v1/"+path, token, body)
}

const (
	sqsDestination    = `{"name":"queue","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:orders"}}}`
	bridgeDestination = `{"name":"bus","resourceSpecification":{"eventBridge":{"region":"us-east-1","accountId":"123456789012"}}}`
)

func TestDestinations(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	for _, test := range []struct {
		name, body string
		status     int
		part       string
	}{
		{"queue", sqsDestination, 200, `"resource":{"eventBridge":null,"privateSqs":null,"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:orders"},"webhook":null}`},
		{"the queue again", sqsDestination, 409, "The requested resource conflict with a resource in the server."},
		{"event bridge", bridgeDestination, 200, `"name":"sellingpartnerapi.amazon.com/amzn1.sellerapps.app.`},
		{"the account again", bridgeDestination, 409, `"Conflict"`},
		{"both", `{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q"},"eventBridge":{"region":"us-east-1","accountId":"123456789013"}}}`, 400, "A destination cannot be created with multiple resource types"},
		{"neither", `{"name":"x","resourceSpecification":{}}`, 400, "resourceSpecification"},
		{"no name", `{"resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q"}}}`, 400, "name"},
		{"no queue", `{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sns:us-east-1:1:q"}}}`, 400, "arn"},
		{"snake case", `{"name":"x","resource_specification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q"}}}`, 500, "InternalFailure"},
		{"no JSON", `name=x`, 500, "We encountered an internal error. Please try again."},
		{"no account", `{"name":"x","resourceSpecification":{"eventBridge":{"region":"us-east-1","accountId":"1"}}}`, 400, "accountId"},
		{"long name", `{"name":"` + strings.Repeat("x", 257) + `","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q"}}}`, 400, "name"},
	} {
		s.want(test.name, s.notify("POST", "destinations", token, test.body), test.status, test.part)
	}
	s.want("seller's token", s.notify("POST", "destinations", s.token, sqsDestination), 403, "Unauthorized")
	list := s.notify("GET", "destinations", token, "")
	if n := len(list.list("payload")); n != 2 {
		t.Fatalf("%d destinations: %s", n, list.body)
	}
	id := list.text("payload", 0, "destinationId")
	s.want("one", s.notify("GET", "destinations/"+id, token, ""), 200, `"name":"queue"`)
	s.want("none", s.notify("GET", "destinations/x", token, ""), 404, "NotFound")
	s.want("delete none", s.notify("DELETE", "destinations/x", token, ""), 404, "NotFound")
	sub := s.post("/notifications/v1/subscriptions/ORDER_CHANGE", fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q,"processingDirective":{"filterExpression":"a"}}`, id)).text("payload", "subscriptionId")
	s.want("in use", s.notify("DELETE", "destinations/"+id, token, ""), 403, "Destination has subscriptions")
	s.want("unsubscribe", s.notify("DELETE", "subscriptions/ORDER_CHANGE/"+sub, token, ""), 200, "{}")
	s.want("delete", s.notify("DELETE", "destinations/"+id, token, ""), 200, "{}")
	s.want("deleted", s.notify("GET", "destinations/"+id, token, ""), 404, "NotFound")
}

func TestSubscriptions(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	queue := s.notify("POST", "destinations", token, sqsDestination).text("payload", "destinationId")
	bus := s.notify("POST", "destinations", token, bridgeDestination).text("payload", "destinationId")
	body := func(destination, version, more string) string {
		return fmt.Sprintf(`{"payloadVersion":%q,"destinationId":%q%s}`, version, destination, more)
	}
	filter := func(text string) string { return `,"processingDirective":{"eventFilter":{` + text + `}}` }
	expression := func(text string) string { return `,"processingDirective":{"filterExpression":"` + text + `"}` }
	for _, test := range []struct {
		name, kind, body string
		status           int
		part             string
	}{
		{"good", "FEED_PROCESSING_FINISHED", body(queue, "2020-09-04", ""), 200, queue},
		{"again", "FEED_PROCESSING_FINISHED", body(queue, "2020-09-04", ""), 409, "Subscription already exist for notification type FEED_PROCESSING_FINISHED"},
		{"another version", "FEED_PROCESSING_FINISHED", body(queue, "1.0", ""), 200, queue},
		{"version that its schema doesn't mention", "REPORT_PROCESSING_FINISHED", body(queue, "1.0", ""), 200, queue},
		{"wrong version", "REPORT_PROCESSING_FINISHED", body(queue, "2021-06-30", ""), 400, "1.0 or 2020-09-04"},
		{"queue for an event bridge type", "LISTINGS_ITEM_STATUS_CHANGE", body(queue, "1.0", ""), 400, `"details": ""`},
		{"event bridge for a queue type", "FEED_PROCESSING_FINISHED", body(bus, "2020-09-04", ""), 400, "Notification type FEED_PROCESSING_FINISHED does not support AWS_EVENT_BRIDGE"},
		{"event bridge", "LISTINGS_ITEM_ISSUES_CHANGE", body(bus, "1.0", ""), 200, bus},
		{"second version", "LISTINGS_ITEM_ISSUES_CHANGE", body(bus, "2023-12-13", ""), 200, bus},
		{"no destination", "PRICING_HEALTH", body("x", "1.0", ""), 400, "No destination with id x for applicationId amzn1.sp.solution."},
		{"unknown type", "SOMETHING", body(queue, "1.0", ""), 400, "SOMETHING"},
		{"removed type", "MFN_ORDER_STATUS_CHANGE", body(queue, "1.0", ""), 400, "ORDER_STATUS_CHANGE"},
		{"console's type", "APPLICATION_OAUTH_CLIENT_NEW_SECRET", body(queue, "2023-11-30", ""), 400, "for path parameter notificationType"},
		{"no version", "PRICING_HEALTH", fmt.Sprintf(`{"destinationId":%q}`, queue), 400, "payloadVersion"},
		{"empty directive", "ANY_OFFER_CHANGED", body(queue, "1.0", `,"processingDirective":{}`), 400, "Processing Directive eventFilter must not be empty"},
		{"filter", "ANY_OFFER_CHANGED", body(queue, "1.0", filter(`"eventFilterType":"ANY_OFFER_CHANGED","marketplaceIds":["ATVPDKIKX0DER"],"aggregationSettings":{"aggregationTimePeriod":"FiveMinutes"}`)), 200, "FiveMinutes"},
		{"filter of another type", "ORDER_CHANGE", body(queue, "1.0", filter(`"eventFilterType":"ANY_OFFER_CHANGED"`)), 400, "failed to validate for notification type ORDER_CHANGE"},
		{"filter without its member", "ORDER_CHANGE", body(queue, "1.0", filter(`"marketplaceIds":["ATVPDKIKX0DER"],"eventFilterType":"ORDER_CHANGE"`)), 400, `EventFilter Payload {\"eventFilterType\":\"ORDER_CHANGE\",\"marketplaceIds\":[\"ATVPDKIKX0DER\"]} failed to validate for notification type ORDER_CHANGE`},
		{"filter of a type without", "PRICING_HEALTH", body(queue, "1.0", filter(`"eventFilterType":"ORDER_CHANGE"`)), 400, "failed to validate"},
		{"filter type", "ORDER_CHANGE", body(queue, "1.0", filter(`"eventFilterType":"X"`)), 400, "eventFilterType"},
		{"period", "ANY_OFFER_CHANGED", body(queue, "1.0", filter(`"eventFilterType":"ANY_OFFER_CHANGED","aggregationSettings":{"aggregationTimePeriod":"OneMinute"}`)), 400, "aggregationTimePeriod"},
		{"both", "ORDER_CHANGE", body(queue, "1.0", `,"processingDirective":{"filterExpression":"a == 1","eventFilter":{"eventFilterType":"ORDER_CHANGE"}}`), 400, "mutually exclusive"},
		{"arithmetic", "ORDER_CHANGE", body(queue, "1.0", expression("a + 1 > 2")), 400, "filterExpression"},
		{"indexing", "ORDER_CHANGE", body(queue, "1.0", expression("a[0] == 2")), 400, "filterExpression"},
		{"indexing by name", "ORDER_CHANGE", body(queue, "1.0", expression("a['b'] == 2")), 400, "filterExpression"},
		{"long expression", "ORDER_CHANGE", body(queue, "1.0", expression(strings.Repeat("x", 257))), 400, "filterExpression"},
		{"expression", "ORDER_CHANGE", body(queue, "1.0", expression("OrderChange.Status == 'SHIPPED + 1' && a != -1")), 200, "filterExpression"},
		{"same expression", "ORDER_CHANGE", body(queue, "1.0", expression("OrderChange.Status == 'SHIPPED + 1' && a != -1")), 409, "StateConflict"},
		{"list", "ORDER_CHANGE", body(queue, "1.0", expression("a in ['b', 'c']")), 200, "filterExpression"},
		{"another expression", "ORDER_CHANGE", body(queue, "1.0", expression("OrderChange.Status == 'X'")), 200, "filterExpression"},
		{"no directive", "ORDER_CHANGE", body(queue, "1.0", ""), 400, "Processing Directive eventFilter must not be empty"},
		{"null for a directive", "ORDER_CHANGE", body(queue, "1.0", `,"processingDirective":null`), 400, "Processing Directive eventFilter must not be empty"},
		{"the payload version of an old guide", "ACCOUNT_STATUS_CHANGED", body(queue, "1.0", ""), 400, "2021-01-01"},
		{"snake case", "PRICING_HEALTH", fmt.Sprintf(`{"payload_version":"1.0","destinationId":%q}`, queue), 500, "InternalFailure"},
		{"tracking with a seller's token", "SHIPMENT_TRACKING_MILESTONE_CHANGED", body(bus, "2026-01-30", filter(`"eventFilterType":"SHIPMENT_TRACKING_MILESTONE_CHANGED","trackingIdentifier":{"id":"1"}`)), 403, "Unauthorized"},
	} {
		s.want(test.name, s.post("/notifications/v1/subscriptions/"+test.kind, test.body), test.status, test.part)
	}
	// The application itself has those to shipments.
	tracking := "subscriptions/SHIPMENT_TRACKING_MILESTONE_CHANGED"
	s.want("none to shipments", s.notify("GET", tracking, token, ""), 404, "The resource specified does not exist.")
	s.want("two identifiers", s.notify("POST", tracking, token, body(bus, "2026-01-30", filter(`"eventFilterType":"SHIPMENT_TRACKING_MILESTONE_CHANGED","trackingIdentifier":{"id":"1","acsin":"2"}`))), 400, "failed to validate")
	s.want("shipments", s.notify("POST", tracking, token, body(bus, "2026-01-30", filter(`"eventFilterType":"SHIPMENT_TRACKING_MILESTONE_CHANGED","trackingIdentifier":{"id":"1"}`))), 200, bus)
	s.want("one to shipments", s.notify("GET", tracking, token, ""), 200, bus)
	s.want("all to shipments", s.notify("GET", "subscriptions?notificationTypes=SHIPMENT_TRACKING_MILESTONE_CHANGED", token, ""), 200, bus)
	s.want("grantless token", s.notify("POST", "subscriptions/PRICING_HEALTH", token, body(queue, "1.0", "")), 403, "Unauthorized")
	latest := s.get("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE")
	if latest.text("payload", "payloadVersion") != "2023-12-13" {
		t.Errorf("latest: %s", latest.body)
	}
	s.want("a version", s.get("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE?payloadVersion=1.0"), 200, `"payloadVersion":"1.0"`)
	s.want("no such version", s.get("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE?payloadVersion=9"), 404, "NotFound")
	s.want("not subscribed", s.get("/notifications/v1/subscriptions/PRICING_HEALTH"), 404, "NotFound")
	s.want("unknown type", s.get("/notifications/v1/subscriptions/SOMETHING"), 400, "SOMETHING")
	id := latest.text("payload", "subscriptionId")
	s.want("by id", s.notify("GET", "subscriptions/LISTINGS_ITEM_ISSUES_CHANGE/"+id, token, ""), 200, id)
	s.want("by id and another type", s.notify("GET", "subscriptions/PRICING_HEALTH/"+id, token, ""), 404, "NotFound")
	s.want("by id with a seller's token", s.get("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE/"+id), 403, "Unauthorized")
	s.want("delete", s.notify("DELETE", "subscriptions/LISTINGS_ITEM_ISSUES_CHANGE/"+id, token, ""), 200, "{}")
	s.want("delete again", s.notify("DELETE", "subscriptions/LISTINGS_ITEM_ISSUES_CHANGE/"+id, token, ""), 404, "NotFound")
	s.want("the other one is left", s.get("/notifications/v1/subscriptions/LISTINGS_ITEM_ISSUES_CHANGE"), 200, `"payloadVersion":"1.0"`)
	// Another seller has subscriptions of its own.
	other, err := s.AddAccount(AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	first := s.token
	s.token = s.lwa(map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {other.RefreshToken}, "client_id": {other.ClientID}, "client_secret": {other.ClientSecret}}).text("access_token")
	s.want("another seller", s.get("/notifications/v1/subscriptions/FEED_PROCESSING_FINISHED"), 404, "NotFound")
	s.want("another seller subscribes", s.post("/notifications/v1/subscriptions/FEED_PROCESSING_FINISHED", body(queue, "2020-09-04", "")), 200, queue)
	s.token = first
	// Pages.
	for i := range 33 {
		s.want("many", s.post("/notifications/v1/subscriptions/ORDER_CHANGE", body(queue, "1.0", expression(fmt.Sprint("x == ", i)))), 200, "")
	}
	page := s.get("/notifications/v1/subscriptions?notificationTypes=ORDER_CHANGE")
	next := page.text("payload", "nextToken")
	if len(page.list("payload", "subscriptions")) != 30 || next == "" {
		t.Fatalf("%s", page.body)
	}
	page = s.get("/notifications/v1/subscriptions?notificationTypes=ORDER_CHANGE&nextToken=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(next))
	if len(page.list("payload", "subscriptions")) != 6 || page.path("payload", "nextToken") != nil {
		t.Errorf("%s", page.body)
	}
	s.want("bad token", s.get("/notifications/v1/subscriptions?notificationTypes=ORDER_CHANGE&nextToken=x"), 400, "nextToken")
	s.want("small pages", s.get("/notifications/v1/subscriptions?notificationTypes=ORDER_CHANGE&pageSize=29"), 400, "pageSize")
	s.want("two types", s.get("/notifications/v1/subscriptions?notificationTypes=ORDER_CHANGE,PRICING_HEALTH"), 400, "notificationTypes")
	s.want("no type", s.get("/notifications/v1/subscriptions"), 400, "notificationTypes")
	s.want("none", s.get("/notifications/v1/subscriptions?notificationTypes=PRICING_HEALTH"), 200, `"subscriptions":[]`)
}

// TestSubscriptionDeletedBySeller: of some types deleteSubscriptionById wants the seller's token.
func TestSubscriptionDeletedBySeller(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	queue := s.notify("POST", "destinations", token, sqsDestination).text("payload", "destinationId")
	body := fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q}`, queue)
	for kind, sellers := range map[string]bool{"FULFILLMENT_ORDER_STATUS": true, "FBA_OUTBOUND_SHIPMENT_STATUS": true, "B2B_ANY_OFFER_CHANGED": true, "PRICING_HEALTH": false} {
		path := "subscriptions/" + kind + "/" + s.post("/notifications/v1/subscriptions/"+kind, body).text("payload", "subscriptionId")
		right, wrong := token, s.token
		if sellers {
			right, wrong = wrong, right
		}
		s.want(kind+" with the wrong token", s.notify("DELETE", path, wrong, ""), 403, "Access to requested resource is denied.")
		s.want(kind, s.notify("DELETE", path, right, ""), 200, "{}")
	}
}

// TestNotificationRoles: without its role a type can't be subscribed to, looked at or given up.
func TestNotificationRoles(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	queue := s.notify("POST", "destinations", token, sqsDestination).text("payload", "destinationId")
	body := fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q}`, queue)
	path := "subscriptions/PRICING_HEALTH"
	id := s.post("/notifications/v1/"+path, body).text("payload", "subscriptionId")
	s.SetRoles("Product Listing")
	s.want("create", s.post("/notifications/v1/"+path, body), 403, "Unauthorized")
	s.want("read", s.get("/notifications/v1/"+path), 403, "Unauthorized")
	s.want("list", s.get("/notifications/v1/subscriptions?notificationTypes=PRICING_HEALTH"), 403, "Unauthorized")
	s.want("delete", s.notify("DELETE", path+"/"+id, token, ""), 403, "Unauthorized")
	s.want("no role needed", s.get("/notifications/v1/subscriptions?notificationTypes=FEED_PROCESSING_FINISHED"), 200, "")
	s.SetRoles("Pricing")
	s.want("with the role", s.get("/notifications/v1/"+path), 200, id)
}

// TestDestinationRegions: a destination is one of the region at whose host it was made.
func TestDestinationRegions(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	id := s.notify("POST", "destinations", token, sqsDestination).text("payload", "destinationId")
	seller, home := s.token, s.host
	other, err := s.AddAccount(AccountConfig{Region: marketplace.Europe})
	if err != nil {
		t.Fatal(err)
	}
	s.host = marketplace.Europe.Endpoint()
	s.token = s.lwa(map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {other.RefreshToken}, "client_id": {other.ClientID}, "client_secret": {other.ClientSecret}}).text("access_token")
	body := fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q}`, id)
	s.want("unknown in Europe", s.notify("GET", "destinations/"+id, token, ""), 404, "NotFound")
	s.want("not in Europe's list", s.notify("GET", "destinations", token, ""), 200, `"payload":[]`)
	s.want("subscribed to in Europe", s.notify("POST", "subscriptions/PRICING_HEALTH", s.token, body), 400, "No destination with id "+id)
	s.want("deleted in Europe", s.notify("DELETE", "destinations/"+id, token, ""), 404, "NotFound")
	s.want("the same queue in Europe", s.notify("POST", "destinations", token, sqsDestination), 200, "destinationId")
	s.want("again", s.notify("POST", "destinations", token, sqsDestination), 409, "Conflict")
	s.host, s.token = home, seller
	s.want("subscribed to at home", s.notify("POST", "subscriptions/PRICING_HEALTH", s.token, body), 200, id)
}

// TestFIFO: Amazon takes a FIFO queue, and nothing arrives.
func TestFIFO(t *testing.T) {
	fifo := strings.Replace(sqsDestination, ":orders", ":orders.fifo", 1)
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	id := s.notify("POST", "destinations", token, fifo).text("payload", "destinationId")
	s.want("test", s.send("POST", "https://sandbox.sellingpartnerapi-na.amazon.com/notifications/v1/subscriptions/ORDER_CHANGE/testNotification", token,
		fmt.Sprintf(`{"destinationId":%q,"testNotification":{"payloadVersion":"1.0","testScenario":"x"}}`, id)), 200, "payload")
	if d := s.Deliveries(); len(d) != 1 || !strings.HasPrefix(d[0].Outcome, "dropped: ") {
		t.Errorf("arrived: %v", d)
	}
	s = newShop(t, WithFIFORefused())
	s.want("refused", s.notify("POST", "destinations", s.grantless("sellingpartnerapi::notifications"), fifo), 400, "InvalidInput")
}

func TestTestNotification(t *testing.T) {
	s := newShop(t)
	token := s.grantless("sellingpartnerapi::notifications")
	queue := s.notify("POST", "destinations", token, sqsDestination).text("payload", "destinationId")
	send := func(kind, body string) response {
		return s.send("POST", "https://sandbox.sellingpartnerapi-na.amazon.com/notifications/v1/subscriptions/"+kind+"/testNotification", token, body)
	}
	body := func(version, scenario string) string {
		return fmt.Sprintf(`{"destinationId":%q,"testNotification":{"payloadVersion":%q,"testScenario":%q}}`, queue, version, scenario)
	}
	s.want("camel", send("FEED_PROCESSING_FINISHED", body("2020-09-04", "DONE")), 200, "payload")
	s.want("Pascal", send("ORDER_CHANGE", body("1.0", "SHIPPED")), 200, "payload")
	s.want("no scenario", send("ORDER_CHANGE", body("1.0", "")), 400, "testScenario")
	s.want("version", send("ORDER_CHANGE", body("2.0", "x")), 400, "2.0")
	s.want("destination", send("ORDER_CHANGE", `{"destinationId":"x","testNotification":{"payloadVersion":"1.0","testScenario":"x"}}`), 400, "No destination")
	s.want("production", s.notify("POST", "subscriptions/ORDER_CHANGE/testNotification", token, body("1.0", "x")), 403, "Unauthorized")
	d := s.Deliveries()
	if len(d) != 2 || d[0].Queue != "arn:aws:sqs:us-east-1:123456789012:orders" || !strings.Contains(string(d[0].Body), `"notificationType":"FEED_PROCESSING_FINISHED"`) || !strings.Contains(string(d[1].Body), `"NotificationType":"ORDER_CHANGE"`) || !strings.Contains(string(d[1].Body), `"ApplicationId":`) {
		t.Errorf("%s", d)
	}
}

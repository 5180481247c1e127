package notifications

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// orderChange is an ORDER_CHANGE as it comes, with members that its schema doesn't know.
const orderChange = `{
  "NotificationVersion": "1.0", "NotificationType": "ORDER_CHANGE", "PayloadVersion": "1.0", "EventTime": "2026-09-08T08:32:18.751Z",
  "Payload": {"OrderChangeNotification": {
    "NotificationLevel": "OrderLevel", "SellerId": "A2ZVJC2QVUUJ5V", "AmazonOrderId": "903-8868176-2219830", "OrderChangeType": "OrderStatusChange",
    "OrderChangeTrigger": {"TimeOfOrderChange": "2026-09-08T08:32:13.000Z", "ChangeReason": "Order Status Change"},
    "Summary": {
      "MarketplaceId": "A1PA6795UKMFR9", "OrderStatus": "Teleported", "PurchaseDate": "2026-09-07T14:52:42.220Z", "DestinationPostalCode": "CANARY 10115",
      "FulfillmentType": "AFN", "OrderType": "StandardOrder", "OrderPrograms": [], "ShippingPrograms": [], "NumberOfItemsShipped": "1",
      "OrderItems": [{"OrderItemId": "67426468095802", "SellerSKU": "S-1", "SupplySourceId": null, "Quantity": 1, "Colour": {"Name": "red"}}]
    }
  }},
  "NotificationMetadata": {"ApplicationId": "amzn1.sellerapps.app.1", "SubscriptionId": "sub-1",
    "PublishTime": "2026-09-08T08:32:19.859Z", "NotificationId": "note-1"}
}`

func TestParse(t *testing.T) {
	n := mustParse(t, orderChange)
	p, ok := n.Payload.(*OrderChange)
	if !ok || !n.Known() {
		t.Fatalf("payload is a %T", n.Payload)
	}
	if p.AmazonOrderID != "903-8868176-2219830" || p.Summary.OrderStatus != "Teleported" ||
		*p.Summary.NumberOfItemsShipped != 1 || *p.Summary.OrderItems[0].Quantity != 1 {
		t.Errorf("payload %+v %+v", p, p.Summary)
	}
	if n.ID() != "note-1" || n.PayloadVersion != "1.0" || n.EventTime.Nanosecond() != 751e6 || n.Metadata.SubscriptionID != "sub-1" {
		t.Errorf("%+v", n.Metadata)
	}
	if len(n.Rest) != 1 || n.Rest[0].Pointer != "/Payload/OrderChangeNotification/Summary/OrderItems/0/Colour" || string(n.Rest[0].Value) != `{"Name": "red"}` ||
		n.Rest[0].Reason != "unknown member" {
		t.Errorf("rest %+v", n.Rest)
	}
	if string(n.Raw()) != orderChange {
		t.Error("the message isn't kept as it came")
	}
	if got := lost(t, n); got != nil {
		t.Errorf("lost %q", got)
	}
	written, err := json.Marshal(map[string]any{"n": n, "v": *n})
	if err != nil || !strings.Contains(string(written), `"Teleported"`) {
		t.Errorf("as JSON: %s, %v", written, err)
	}
}

// A body that isn't changed in between may be read by several at once, and the types of payloads are ready for that.
func TestParseIsConcurrent(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for _, kind := range Types() {
				if kind.Secret {
					continue
				}
				_ = mustParse(t, fmt.Sprintf(`{"notificationType":%q,"payload":{}}`, kind.Name)).Key()
			}
		})
	}
}

// What is unknown is kept as it came.
func TestUnknown(t *testing.T) {
	for name, body := range map[string]string{
		"type":      `{"notificationType":"BRAND_NEW","payloadVersion":"3","payload":{"a":[1,2.50,"x"]},"notificationMetadata":{"notificationId":"n"},"more":true}`,
		"version":   strings.Replace(orderChange, `"PayloadVersion": "1.0"`, `"PayloadVersion": "2.0"`, 1),
		"wrapper":   strings.Replace(orderChange, `"OrderChangeNotification"`, `"OrderChangeNews"`, 1),
		"no object": `{"notificationType":"PRICING_HEALTH","payloadVersion":"1.0","payload":"gone"}`,
		"a list":    `{"notificationType":"ORDER_CHANGE","payloadVersion":"1.0","payload":[1,2]}`,
	} {
		n := mustParse(t, body)
		raw, ok := n.Payload.(json.RawMessage)
		if !ok || n.Known() || len(raw) < 5 {
			t.Errorf("%s: payload is %T %s", name, n.Payload, raw)
		}
		if got := lost(t, n); got != nil {
			t.Errorf("%s: lost %q", name, got)
		}
	}
	if n := mustParse(t, `{"notificationType":"BRAND_NEW","payload":{"a":1},"more":true}`); len(n.Rest) != 1 || n.Rest[0].Pointer != "/more" {
		t.Errorf("rest %v", n.Rest)
	}
}

// Of two types and versions the first that isn't null counts, in whatever casing, and the second is kept.
func TestTwice(t *testing.T) {
	for body, want := range map[string]string{
		`{"notificationType":"ORDER_CHANGE","NotificationType":"NEW","payloadVersion":"1.0","payload":{"OrderChangeNotification":{}}}`:      "ORDER_CHANGE 1.0 true",
		`{"payloadVersion":"1.0","payloadVersion":"2","notificationType":"ORDER_CHANGE","payload":{"OrderChangeNotification":{}}}`:          "ORDER_CHANGE 1.0 true",
		`{"payloadVersion":null,"PayloadVersion":"1.0","notificationType":"ORDER_CHANGE","payload":{"OrderChangeNotification":{}}}`:         "ORDER_CHANGE 1.0 true",
		`{"notificationType":null,"NotificationType":"ORDER_CHANGE","payload":null,"Payload":{"OrderChangeNotification":{"sku":null}}}`:     "ORDER_CHANGE true",
		`{"notificationType":"Order_change","payloadVersion":"1.0","payload":{"OrderChangeNotification":{}}}`:                               "ORDER_CHANGE 1.0 true",
		`{"notificationType":"Listings_item_status_changed","payload":{}}`:                                                                  "LISTINGS_ITEM_STATUS_CHANGE true",
		`{"notificationType":"New","payloadVersion":"1","notificationType":"ORDER_CHANGE","payload":{"OrderChangeNotification":1}}`:         "New 1 false",
		`{"notificationType":"Brand_new","payloadVersion":"1.0","notificationType":"ORDER_CHANGE","payload":{"OrderChangeNotification":1}}`: "Brand_new 1.0 false",
	} {
		n := mustParse(t, body)
		if got := fmt.Sprint(n, " ", n.Known()); got != want {
			t.Errorf("%s\nis %s, want %s", body, got, want)
		}
		if got := lost(t, n); got != nil {
			t.Errorf("%s: lost %q", body, got)
		}
	}
}

// Types of which nobody knows the shape keep their members.
func TestShapeless(t *testing.T) {
	n := mustParse(t, `{"notificationType":"BOPIS_CHECKIN_DETAILS","payloadVersion":"1.0","payload":{"order":{"id":"1"},"x":[1]}}`)
	p, ok := n.Payload.(*BOPISCheckinDetails)
	if !ok || string((*p)["order"]) != `{"id":"1"}` || len(*p) != 2 {
		t.Errorf("payload is %T %v", n.Payload, n.Payload)
	}
}

// FBA_INVENTORY_AVAILABILITY_CHANGES comes without metadata.
func TestNoMetadata(t *testing.T) {
	n := mustParse(t, `{"NotificationType":"FBA_INVENTORY_AVAILABILITY_CHANGES","PayloadVersion":"1.0","EventTime":"2020-07-13T19:42:04.284Z",
		"Payload":{"SellerId":"A","FNSKU":"X001","ASIN":"B1","SKU":"S","FulfillmentInventoryByMarketplace":[]}}`)
	if n.ID() != "" || n.Key() != "FBA_INVENTORY_AVAILABILITY_CHANGES/A/X001" ||
		n.NaturalKey() != "FBA_INVENTORY_AVAILABILITY_CHANGES//A/X001/2020-07-13T19:42:04.284Z" {
		t.Errorf("id %q, key %q, natural key %q", n.ID(), n.Key(), n.NaturalKey())
	}
}

func TestWrappers(t *testing.T) {
	event := fmt.Sprintf(`{"version":"0","id":"e-1","detail-type":"ORDER_CHANGE","source":"aws.partner/sellingpartnerapi.amazon.com/1/app","account":"1",
		"time":"2026-09-08T08:32:20Z","region":"us-east-1","resources":[],"detail":%s}`, orderChange)
	quoted := func(s string) string { text, _ := json.Marshal(s); return string(text) }
	sns := func(inner string) string {
		return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:1:t","Message":%s}`, quoted(inner))
	}
	for name, body := range map[string]string{"eventbridge": event, "sns": sns(orderChange), "sns of eventbridge": sns(event),
		"bom": "\xef\xbb\xbf" + orderChange} {
		n := mustParse(t, body)
		if _, ok := n.Payload.(*OrderChange); !ok || n.ID() != "note-1" || n.Key() != "ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830" {
			t.Errorf("%s: %T %q", name, n.Payload, n.Key())
		}
		if string(n.Raw()) != body {
			t.Errorf("%s: the message isn't kept as it came", name)
		}
		if written, err := json.Marshal(n); err != nil || !json.Valid(written) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse([]byte(sns(sns(sns(orderChange))))); err == nil || !strings.Contains(err.Error(), "more than 2 wrappers") {
		t.Errorf("error %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	for body, want := range map[string]string{
		``:               "the body is no JSON object: unexpected EOF",
		`null`:           "the body is no JSON object: not an object",
		`"text"`:         "the body is no JSON object: not an object",
		`[{}]`:           "the body is no JSON object: not an object",
		`{"a":1`:         "the body is no JSON object: unexpected EOF",
		`{}`:             "it has no member notificationType: {}",
		`{"Records":[]}`: `it has no member notificationType: {"Records":[]}`,
		`{"detail":{"notificationType":"ORDER_CHANGE"}}`:                             `it has no member notificationType: {"detail":{"notificationType":…}}`,
		`{"Message":"{\"notificationType\":\"CANARY\"}"}`:                            `it has no member notificationType: {"Message":…}`,
		`{"body":{"code":"CANARY","Error":"CANARY","message":77}}`:                   `it has no member notificationType: {"body":{"code":…,"Error":…,"message":…}}`,
		`{"notificationType":"NEW","code":"CANARY"}`:                                 `it has no payload: {"notificationType":…,"code":…}`,
		`{"notificationType":null,"payload":{}}`:                                     "it has no member notificationType",
		`{"notificationType":"ORDER_CHANGE"}`:                                        "it has no payload",
		`{"notificationType":"ORDER_CHANGE","payload":null}`:                         "it has no payload",
		`{"notificationType":"NEW","payload":null,"eventTime":"CANARY"}`:             "it has no payload",
		`{"notificationType":"ORDER_CHANGE","payloadVersion":"1.0","payload":{"a":}`: "its JSON is broken: invalid byte",
		`{"notificationType":"ORDER_CHANGE","payloadVersion":"1.0","payload":{}} {}`: "its JSON is broken: data after the JSON value",
		`{"notificationType":"X","payload":"` + strings.Repeat("x", MaxSize) + `"}`:  "the body has 1048613 bytes, more than the 1048576 that SQS takes",
	} {
		n, err := Parse([]byte(body))
		var parse *ParseError
		if n != nil || !errors.As(err, &parse) || !strings.HasPrefix(err.Error(), "notifications: not a notification: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v\nwant %s", body, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("shows a value: %v", err)
		}
	}
}

// A notification prints, and is logged, without its payload.
func TestPrintsNoPayload(t *testing.T) {
	n := mustParse(t, orderChange)
	for text := range printed(t, n) {
		if strings.Contains(text, "CANARY") {
			t.Errorf("shows the payload: %s", text)
		}
	}
	if n.String() != "ORDER_CHANGE 1.0 note-1" {
		t.Errorf("prints as %q", n)
	}
}

// What a sender writes reaches logs and stores in bounds, and without what a terminal obeys.
func TestForeignTexts(t *testing.T) {
	for _, kind := range []string{`{"a":"CANARY"}`, `["CANARY"]`, `"CANARY\n"`, `"CANARY\u001b[2J"`, `"` + strings.Repeat("CANARY", 20) + `"`, `"Ünïcode CANARY"`} {
		n, err := Parse([]byte(`{"notificationType":` + kind + `,"payload":{}}`))
		if err == nil || n != nil || !strings.Contains(err.Error(), "is no name of a type") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, error %v", kind, n, err)
		}
	}
	long := strings.Repeat("x", 10_000)
	n := mustParse(t, `{"notificationType":"NEW","payloadVersion":"1\u001b[2J","payload":{},"notificationMetadata":{"notificationId":"a\nb`+long+`","subscriptionId":"`+long+`"}}`)
	for text := range printed(t, n) {
		if strings.ContainsAny(strings.TrimSuffix(text, "\n"), "\x1b\n") || len(text) > 2000 {
			t.Errorf("prints as %q", text)
		}
	}
	if len(n.Key()) > 200 || !strings.HasPrefix(n.Key(), "NEW/") {
		t.Errorf("key %q", n.Key())
	}
	err := (&Mux{}).Handle(t.Context(), n)
	if text := fmt.Sprint(err); strings.ContainsAny(text, "\x1b\n") || err == nil {
		t.Errorf("error %q", text)
	}
}

// printed is all that printing and logging make of a notification.
func printed(t *testing.T, n *Notification) map[string]bool {
	texts := map[string]bool{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{n, *n, []any{n}, struct{ N *Notification }{n}, struct{ N Notification }{*n}, fmt.Errorf("of %v", n)} {
			texts[fmt.Sprintf(verb, v)] = true
		}
	}
	for _, handler := range []func(*strings.Builder) slog.Handler{
		func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b strings.Builder
		slog.New(handler(&b)).Info("notification", "n", n, "v", *n, slog.Any("group", slog.GroupValue(slog.Any("n", n))))
		texts[b.String()] = true
	}
	return texts
}

// newSecret is the message of a rotation.
func newSecret(payload string) string {
	return `{"notificationVersion":"1.0","notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"2023-11-30","eventTime":"2026-09-19T10:00:00Z",
		"payload":` + payload + `,"notificationMetadata":{"applicationId":"app","subscriptionId":"sub","publishTime":"2026-09-19T10:00:01Z","notificationId":"n-1"}}`
}

const (
	canary        = "amzn1.oa2-cs.v1.CANARY"
	secretPayload = `{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.1","newClientSecret":"` + canary + `",
		"newClientSecretExpiryTime":"2027-03-18T10:00:00Z","oldClientSecretExpiryTime":"2026-09-26T10:00:00Z"}}`
)

// A new secret is where its handler looks, and nowhere else.
func TestNewSecretIsKept(t *testing.T) {
	extra := strings.Replace(secretPayload, `"clientId"`, `"secretOfTheNextVersion":"`+canary+`","clientId"`, 1)
	sns, _ := json.Marshal(newSecret(secretPayload))
	for name, body := range map[string]string{
		"as documented":    newSecret(secretPayload),
		"pascal":           strings.NewReplacer(`"payload"`, `"Payload"`, `"newClientSecret"`, `"NewClientSecret"`).Replace(newSecret(secretPayload)),
		"unknown members":  newSecret(extra),
		"unknown version":  strings.Replace(newSecret(secretPayload), "2023-11-30", "2030-01-01", 1),
		"no version":       strings.Replace(newSecret(secretPayload), `"payloadVersion":"2023-11-30",`, "", 1),
		"eventbridge":      `{"detail-type":"x","detail":` + newSecret(secretPayload) + `}`,
		"sns":              `{"TopicArn":"t","Message":` + string(sns) + `}`,
		"a second value":   strings.Replace(newSecret(secretPayload), `"clientId"`, `"NewClientSecret":"`+canary+`","clientId"`, 1),
		"a second type":    strings.Replace(newSecret(secretPayload), `"payloadVersion"`, `"NotificationType":"NEW","payloadVersion"`, 1),
		"lower case":       strings.Replace(newSecret(secretPayload), "APPLICATION_OAUTH", "application_OAuth", 1),
		"beside the frame": strings.Replace(newSecret(secretPayload), `"eventTime"`, `"secret":"`+canary+`","eventTime"`, 1),
	} {
		n := mustParse(t, body)
		p, ok := n.Payload.(*ApplicationOAuthClientNewSecret)
		if !ok || p.NewClientSecret.Reveal() != canary || p.OldClientSecretExpiryTime.Day() != 26 {
			t.Errorf("%s: %T", name, n.Payload)
			continue
		}
		texts := printed(t, n)
		for _, v := range []any{n, *n, n.Payload, n.Rest, struct{ N *Notification }{n}} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(name, err)
			}
			texts[string(text)] = true
			texts[fmt.Sprintf("%+v %#v", v, v)] = true
		}
		for _, m := range n.Rest {
			texts[string(m.Value)] = true
		}
		for _, text := range []string{string(n.Raw()), string(n.envelope), n.Key(), n.NaturalKey(), n.Time().String(),
			fmt.Sprintf("%+v", struct{ n Notification }{*n})} {
			texts[text] = true
		}
		for text := range texts {
			for _, spelling := range []string{"CANARY", hex.EncodeToString([]byte("CANARY")), fmt.Sprintf("%d", []byte("CANARY"))[1:]} {
				if strings.Contains(text, spelling) {
					t.Errorf("%s: the secret is in %s", name, text)
				}
			}
		}
		if n.ID() != "n-1" || n.Key() != "APPLICATION_OAUTH_CLIENT_NEW_SECRET/amzn1.application-oa2-client.1" {
			t.Errorf("%s: id %q, key %q", name, n.ID(), n.Key())
		}
		again := mustParse(t, strings.Replace(string(n.Raw()), "REDACTED", "another", 1))
		if again.ID() != "n-1" || again.Metadata != n.Metadata || !again.EventTime.Equal(n.EventTime) {
			t.Errorf("%s: what is kept has lost more than the secret: %s", name, n.Raw())
		}
	}
}

// Without a secret in it the message is refused, and not taken for handled. The error doesn't show what is in it.
func TestNewSecretIsMissing(t *testing.T) {
	for _, payload := range []string{
		`{}`, `{"secret":"CANARY"}`, `"CANARY"`, `["CANARY"]`,
		`{"applicationOAuthClientNewSecret":{"clientId":"c","newClientSecret":{"value":"CANARY"}}}`,
		`{"applicationOAuthClientNewSecret":{"clientId":"c","newClientSecret":"REDACTED","x":"CANARY"}}`,
		`{"applicationOAuthClientNewSecret":{"newClientSecret":"CANARY"}}`,
		`{"applicationOAuthClientNewSecret":"CANARY"}`,
		`{"applicationOAuthClientNewSecret":{"newClientSecret":"CANARY`,
	} {
		n, err := Parse([]byte(newSecret(payload)))
		if err == nil || n != nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "CANARY") {
			t.Errorf("%s: %v, error %v", payload, n, err)
		}
	}
}

func TestKeys(t *testing.T) {
	const natural = "ORDER_CHANGE/sub-1/A2ZVJC2QVUUJ5V/903-8868176-2219830/OrderLevel/OrderStatusChange/Teleported/67426468095802/"
	for _, c := range []struct{ name, body, key, natural, time string }{
		{"order", orderChange, "ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830",
			natural + "2026-09-08T08:32:13Z", "2026-09-08T08:32:13Z"},
		{"null time", strings.Replace(orderChange, `"2026-09-08T08:32:13.000Z"`, "null", 1), "ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830",
			natural + "2026-09-08T08:32:18.751Z", "2026-09-08T08:32:18.751Z"},
		{"unknown version", strings.Replace(orderChange, `"PayloadVersion": "1.0"`, `"PayloadVersion": "9"`, 1), "ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830",
			natural + "2026-09-08T08:32:13Z", "2026-09-08T08:32:13Z"},
		{"camel case", `{"notificationType":"B2B_ANY_OFFER_CHANGED","payloadVersion":"1.0","payload":{"b2bAnyOfferChangedNotification":{"sellerId":"A",
			"offerChangeTrigger":{"marketplaceId":"M","asin":"B1","itemCondition":"New/used","timeOfOfferChange":"2020-09-23T21:30:13.713Z"}}}}`,
			"B2B_ANY_OFFER_CHANGED/A/M/B1/New%2Fused", "B2B_ANY_OFFER_CHANGED//A/M/B1/New%2Fused/2020-09-23T21:30:13.713Z", "2020-09-23T21:30:13.713Z"},
		{"part of a key", `{"NotificationType":"FULFILLMENT_ORDER_STATUS","PayloadVersion":"1.0","Payload":{"FulfillmentOrderStatusNotification":
			{"SellerFulfillmentOrderId":"F","EventType":"Order"}},
			"NotificationMetadata":{"PublishTime":"2020-07-13T19:42:04Z"}}`,
			"FULFILLMENT_ORDER_STATUS//F", "FULFILLMENT_ORDER_STATUS///F/Order/////2020-07-13T19:42:04Z", "2020-07-13T19:42:04Z"},
		{"no time", `{"NotificationType":"LISTINGS_ITEM_MFN_QUANTITY_CHANGE","PayloadVersion":"1.0","Payload":{"SellerId":"A","Sku":"a,b"}}`,
			"LISTINGS_ITEM_MFN_QUANTITY_CHANGE/A/a%2Cb", "", "0001-01-01T00:00:00Z"},
		{"no report", `{"notificationType":"REPORT_PROCESSING_FINISHED","payload":{"reportProcessingFinishedNotification":{"accountId":"A"}}}`,
			"REPORT_PROCESSING_FINISHED/A/", "", "0001-01-01T00:00:00Z"},
		{"report without account", `{"notificationType":"REPORT_PROCESSING_FINISHED","payload":{"reportProcessingFinishedNotification":{"reportId":"R"}}}`,
			"REPORT_PROCESSING_FINISHED//R", "REPORT_PROCESSING_FINISHED///R", "0001-01-01T00:00:00Z"},
		{"no order", `{"notificationType":"ORDER_CHANGE","eventTime":"2020-07-13T19:42:04Z","payload":{"OrderChangeNotification":{"SellerId":"A"}}}`,
			"ORDER_CHANGE/A/", "", "2020-07-13T19:42:04Z"},
		{"no expiry", newSecret(`{"applicationOAuthClientNewSecret":{"clientId":"c","newClientSecret":"s"}}`),
			"APPLICATION_OAUTH_CLIENT_NEW_SECRET/c", "", "2026-09-19T10:00:00Z"},
		{"blanks", `{"notificationType":"SHIPMENT_TRACKING_MILESTONE_CHANGED","payload":{"shipmentTrackingMilestoneChangedNotification":
			{"trackingDetail":{"identifier":{ "id" : "x y" }}}}}`, "SHIPMENT_TRACKING_MILESTONE_CHANGED/%7B%22id%22:%22x%20y%22%7D", "", "0001-01-01T00:00:00Z"},
		{"null before", `{"notificationType":"ORDER_CHANGE","payload":{"OrderChangeNotification":null,"orderChangeNotification":
			{"SellerId":null,"sellerId":"A","AmazonOrderId":"1"}}}`, "ORDER_CHANGE/A/1", "", "0001-01-01T00:00:00Z"},
		{"nothing to tell by", `{"notificationType":"ACCOUNT_STATUS_CHANGED","payloadVersion":"2021-01-01","payload":
			{"accountStatusChangeNotification":{"currentAccountStatus":"NORMAL"}},
			"notificationMetadata":{"subscriptionId":"sub"}}`, "ACCOUNT_STATUS_CHANGED/sub", "", "0001-01-01T00:00:00Z"},
		{"unknown type", `{"notificationType":"NEW","payload":{"a":1},"notificationMetadata":{"subscriptionId":"sub"}}`, "NEW/sub", "", "0001-01-01T00:00:00Z"},
	} {
		n := mustParse(t, c.body)
		if got := n.Time().UTC().Format(time.RFC3339Nano); n.Key() != c.key || n.NaturalKey() != c.natural || got != c.time {
			t.Errorf("%s: key %q, want %q\nnatural key %q, want %q\ntime %s, want %s", c.name, n.Key(), c.key, n.NaturalKey(), c.natural, got, c.time)
		}
	}
}

// A batch says the same again only if all of it does; its key has a bound.
func TestNaturalKeyOfBatches(t *testing.T) {
	batch := func(views int) *Notification {
		return mustParse(t, `{"notificationType":"DETAIL_PAGE_TRAFFIC_EVENT","payloadVersion":"2020-09-04","eventTime":"2023-02-07T16:45:32.378Z","payload":
			{"detailPageTrafficEvents":[`+
			strings.Repeat(`{"accountId":"A","marketplaceId":"M","startTime":"2023-02-07T15:00:00Z","asin":"B1","glanceViews":1},`, 500)+
			fmt.Sprintf(`{"accountId":"A","marketplaceId":"M","startTime":"2023-02-07T15:00:00Z","asin":"B2","glanceViews":%d}]},
			"notificationMetadata":{"subscriptionId":"s"}}`, views))
	}
	a, b, c := batch(1), batch(1), batch(2)
	if a.NaturalKey() != b.NaturalKey() || a.NaturalKey() == c.NaturalKey() || len(a.NaturalKey()) > 200 || a.Key() != "DETAIL_PAGE_TRAFFIC_EVENT/s" {
		t.Errorf("natural keys %q, %q, %q, key %q", a.NaturalKey(), b.NaturalKey(), c.NaturalKey(), a.Key())
	}
	if p := a.Payload.(*DetailPageTrafficEvents); len(p.DetailPageTrafficEvents) != 501 || *p.DetailPageTrafficEvents[500].GlanceViews != 1 {
		t.Error("events are missing")
	}
}

// Each type's key and natural key can be told from a whole message of it, and two subscriptions that tell the same stay apart.
func TestKeysOfAllTypes(t *testing.T) {
	withSchemas(t, func(t *testing.T, kind Type, s schema) {
		examples, _ := s.doc["examples"].([]any)
		if examples == nil {
			t.Skip("no example")
		}
		text, err := json.Marshal(examples[0])
		if err != nil {
			t.Fatal(err)
		}
		n := mustParse(t, string(text))
		if key := n.Key(); !strings.HasPrefix(key, kind.Name+"/") || len(kind.Key) > 0 && strings.HasSuffix(key, "/"+n.Metadata.SubscriptionID) {
			t.Errorf("key %q", key)
		}
		natural := n.NaturalKey()
		if (natural == "") != (len(kind.NaturalKey) == 0) {
			t.Errorf("natural key %q", natural)
		}
		n.Metadata.SubscriptionID = "another"
		if len(kind.NaturalKey) > 0 && n.NaturalKey() == natural {
			t.Errorf("two subscriptions have the natural key %q", natural)
		}
		if n.Time().IsZero() {
			t.Error("no time")
		}
	})
}

// Whatever comes, Parse doesn't panic, and what it takes is whole.
func FuzzParse(f *testing.F) {
	f.Add(orderChange)
	f.Add(newSecret(secretPayload))
	f.Add(`{"TopicArn":"t","Message":"{\"notificationType\":\"X\",\"payload\":1}"}`)
	f.Add(`{"detail-type":"x","detail":{"notificationType":"X","Payload":1,"payload":[2]}}`)
	for _, kind := range Types() {
		f.Add(fmt.Sprintf(`{"notificationType":%q,"payloadVersion":%q,"payload":{%q:[{"sellerId":1},{"SellerId":null}],"asin":{"x":[]},"sku":2e5}}`,
			kind.Name, kind.PayloadVersion, kind.Wrapper))
	}
	f.Fuzz(func(t *testing.T, body string) {
		n, err := Parse([]byte(body))
		if err != nil {
			var parse *ParseError
			if n != nil || !errors.As(err, &parse) {
				t.Fatalf("%v, error %v", n, err)
			}
			return
		}
		if n.Type == "" || n.Payload == nil {
			t.Fatalf("%+v without type or payload", n)
		}
		_ = n.Time()
		for _, text := range []string{n.String(), n.Key(), n.NaturalKey(), (&UnhandledError{n.Type, n.PayloadVersion}).Error()} {
			if strings.ContainsAny(text, "\x00\x1b\n") || len(text) > 2000 {
				t.Fatalf("prints as %q", text)
			}
		}
		if written, err := json.Marshal(n); err != nil || !json.Valid(written) {
			t.Fatalf("as JSON: %v", err)
		}
		if n.kind != nil && n.kind.Secret {
			p := n.Payload.(*ApplicationOAuthClientNewSecret)
			if strings.Contains(string(n.Raw()), p.NewClientSecret.Reveal()) && len(p.NewClientSecret.Reveal()) > 20 {
				t.Fatal("the secret is kept")
			}
			return
		}
		if utf8.ValidString(body) && !strings.Contains(body, `\u`) {
			if got := lost(t, n); got != nil {
				t.Fatalf("lost %q\nrest %v", got, n.Rest)
			}
		}
	})
}

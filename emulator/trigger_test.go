package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const outboundShipment = `{"FBAOutboundShipmentStatusNotification":{"SellerId":"A1","AmazonOrderId":"903-8868176-2219830","AmazonShipmentId":"S1","ShipmentStatus":"Created"}}`

// TestTrigger: what is wanted without a change goes to those who want it, through their filters, or to a queue, and all that became of it is told.
func TestTrigger(t *testing.T) {
	s := newShop(t)
	control := func(body string) response {
		t.Helper()
		return s.send("POST", "http://emulator.test/_emulator/notifications", "", body)
	}
	seller := s.Credentials().SellerID
	s.want("nobody", control(`{"type":"FBA_OUTBOUND_SHIPMENT_STATUS","payload":`+outboundShipment+`}`), 200, `{"messages":[],"reason":"nobody is subscribed to FBA_OUTBOUND_SHIPMENT_STATUS of seller `+seller)
	expression := func(text string) string { return `{"filterExpression":"` + text + `"}` }
	subscribe := func(directive string) string {
		return Subscribe(t, s.Emulator, Subscription{Type: "FBA_OUTBOUND_SHIPMENT_STATUS", Directive: directive})
	}
	us := subscribe(expression("FBAOutboundShipmentStatusNotification.ShipmentStatus == `Created`"))
	none := subscribe(expression("FBAOutboundShipmentStatusNotification.ShipmentStatus == 'Cancelled'"))
	some := subscribe(expression("has(FBAOutboundShipmentStatusNotification.ShipmentStatus)"))
	got := control(`{"type":"FBA_OUTBOUND_SHIPMENT_STATUS","payload":` + outboundShipment + `}`)
	for i, want := range []struct{ id, outcome, reason string }{{us, "sent", ""}, {none, "filtered", "filterExpression: is false"}, {some, "sent", ""}} {
		m := func(name string) string { return got.text("messages", i, name) }
		if m("subscription") != want.id || m("outcome") != want.outcome || m("reason") != want.reason || m("queue") != QueueOf("FBA_OUTBOUND_SHIPMENT_STATUS") {
			t.Errorf("%d: %s", i, got.body)
		}
		if sent := got.text("messages", i, "body", "Payload", "FBAOutboundShipmentStatusNotification", "AmazonOrderId") != ""; sent != (want.outcome == "sent") {
			t.Errorf("%d: %s", i, got.body)
		}
	}
	told := Told(t, s.Emulator, "FBA_OUTBOUND_SHIPMENT_STATUS")
	if len(told) != 2 || told[0].Subscription != us || told[1].Subscription != some || told[1].Text("AmazonShipmentId") != "S1" {
		t.Errorf("%+v", told)
	}
	// A dry run tells the same and sends nothing.
	dry := control(`{"type":"FBA_OUTBOUND_SHIPMENT_STATUS","dry":true,"payload":` + outboundShipment + `}`)
	if dry.text("messages", 0, "outcome") != "sent" || dry.text("messages", 1, "outcome") != "filtered" ||
		dry.text("messages", 2, "body", "NotificationType") != "FBA_OUTBOUND_SHIPMENT_STATUS" || len(Told(t, s.Emulator, "")) != 2 {
		t.Errorf("dry: %s", dry.body)
	}
	// To a queue, past all subscriptions.
	const queue = "arn:aws:sqs:eu-west-1:123456789012:other"
	sent := control(`{"type":"DATA_KIOSK_QUERY_PROCESSING_FINISHED","queue":"` + queue + `","payload":{"accountId":"a","queryId":"1","query":"q","processingStatus":"DONE"}}`)
	s.want("queue", sent, 200, `"queue":"`+queue+`"`)
	if m := Told(t, s.Emulator, "DATA_KIOSK_QUERY_PROCESSING_FINISHED"); len(m) != 1 || m[0].Version != "2023-11-15" || m[0].Delivery.Queue != queue || m[0].Delivery.Outcome != "delivered" {
		t.Errorf("%+v", m)
	}
	s.want("fifo", control(`{"type":"ORDER_CHANGE","queue":"`+queue+`.fifo","payload":{"OrderChangeNotification":{}}}`), 200, `"outcome":"dropped","reason":"dropped: `+queue+`.fifo is a FIFO queue"`)
	s.want("odd", control(`{"type":"ORDER_CHANGE","dry":true,"queue":"`+queue+`","payload":{"AmazonOrderId":"1"}}`), 200, `"notes":["payload: has no OrderChangeNotification`)
	s.want("secret", control(`{"type":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payload":{"applicationOAuthClientNewSecret":{}}}`), 200, "no queue is registered for credentials")
	for _, test := range []struct{ body, part string }{
		{`{}`, `type: there is no \"\"; there are ACCOUNT_STATUS_CHANGED, ANY_OFFER_CHANGED, `},
		{`{"type":"order_change"}`, `there is no \"order_change\"`},
		{`{"type":"LISTINGS_ITEM_ISSUES_CHANGE","payloadVersion":"2","payload":{}}`, `payloadVersion: LISTINGS_ITEM_ISSUES_CHANGE has no \"2\"; there are 1.0, 2023-12-13`},
		{`{"type":"ORDER_CHANGE","seller":"A0","payload":{}}`, `seller: there is no \"A0\"`},
		{`{"type":"ORDER_CHANGE","about":{"ordr":"1"}}`, `about: there is no \"ordr\"; there are order, sku, asin`},
		{`{"type":"ORDER_CHANGE","payload":[]}`, `payload: is no JSON object`},
		{`{"type":"ORDER_CHANGE","payload":{},"queue":"q"}`, `queue: \"q\" is no queue's ARN`},
		{`{"type":"BOPIS_CHECKIN_DETAILS"}`, `payload: nothing in the emulator makes a message of BOPIS_CHECKIN_DETAILS: give a payload`},
		{`{"tipe":"ORDER_CHANGE"}`, `unknown field`},
		{`{"type":"ORDER_CHANGE","queue":"` + queue + `","payload":` + strings.Repeat(`{"a":[`, 4995) + strings.Repeat("]}", 4995) + `}`, `payload: has objects within objects more than 1000 deep`},
		{`{"type":"FEED_PROCESSING_FINISHED"}`, `feed: none of the seller's has ended`},
		{`{"type":"FEED_PROCESSING_FINISHED","about":{"feed":"7"}}`, `feed: the seller has none of id \"7\"`},
		{`{"type":"FULFILLMENT_ORDER_STATUS"}`, `order: the seller has no outbound order: createFulfillmentOrder makes one`},
		{`{"type":"FBA_OUTBOUND_SHIPMENT_STATUS"}`, `the seller has none that FBA Onsite ships`},
		{`{"type":"ANY_OFFER_CHANGED","about":{"asin":"B"}}`, `", \"B0`}, // each in its own quotes
	} {
		s.want(test.body, control(test.body), 400, test.part)
	}
}

// TestTriggerHeld: a trigger counts in the aggregation as a change does.
func TestTriggerHeld(t *testing.T) {
	s := newShop(t)
	Subscribe(t, s.Emulator, Subscription{Type: "ANY_OFFER_CHANGED", Directive: `{"eventFilter":{"eventFilterType":"ANY_OFFER_CHANGED","aggregationSettings":{"aggregationTimePeriod":"FiveMinutes"}}}`})
	offer := json.RawMessage(`{"AnyOfferChangedNotification":{"OfferChangeTrigger":{"MarketplaceId":"ATVPDKIKX0DER","ASIN":"B1"}}}`)
	for i, want := range []string{"sent", "held", "held"} {
		got, err := s.Trigger(Trigger{Type: "ANY_OFFER_CHANGED", Payload: offer})
		if err != nil || len(got.Messages) != 1 || got.Messages[0].Outcome != want {
			t.Errorf("%d: %+v %v, want %s", i, got, err, want)
		} else if want == "held" && !strings.Contains(got.Messages[0].Reason, "2026-03-01T12:05:00.000Z") {
			t.Errorf("%d: %+v", i, got)
		}
	}
	s.Advance(5 * time.Minute)
	if n := len(s.Deliveries()); n != 2 {
		t.Errorf("%d messages, want the first, and one with the last state", n)
	}
	s.Advance(6 * time.Minute) // and nobody looks
	if got, err := s.Trigger(Trigger{Type: "ANY_OFFER_CHANGED", Payload: offer}); err != nil || got.Messages[0].Outcome != "sent" {
		t.Errorf("after the period: %+v %v", got, err)
	}
}

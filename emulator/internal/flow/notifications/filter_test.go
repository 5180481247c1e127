package notifications

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
)

// aggregated is a processing directive.
func aggregated(period string) map[string]any {
	return map[string]any{"eventFilter": map[string]any{"eventFilterType": "ANY_OFFER_CHANGED", "aggregationSettings": map[string]any{"aggregationTimePeriod": period}}}
}

func offer(at time.Time, marketplace, asin string, price int) desk.News {
	return desk.News{Type: "ANY_OFFER_CHANGED", At: at, Payload: object{"AnyOfferChangedNotification": object{
		"Price": price, "OfferChangeTrigger": object{"MarketplaceId": marketplace, "ASIN": asin},
	}}}
}

// offers lets the price of an ASIN change at each of some seconds after the start, to that number.
func (s *stand) offers(seconds ...int) {
	for _, n := range seconds {
		s.news = append(s.news, offer(start.Add(time.Duration(n)*time.Second), "US", "B1", n))
	}
}

// TestAggregation: of updates that come fast the first is sent, and at the period's end the state then, for each marketplace and ASIN.
func TestAggregation(t *testing.T) {
	fifty := make([]int, 50)
	for i := range fifty {
		fifty[i] = 10 + i*6 // over 294 s
	}
	for _, jump := range []time.Duration{time.Second, 7 * time.Second, time.Minute, 20 * time.Minute} {
		t.Run(jump.String(), func(t *testing.T) {
			s := newStand(t, nil)
			s.subscribe(Subscription{Kind: "ANY_OFFER_CHANGED", Directive: aggregated("FiveMinutes")})
			s.subscribe(Subscription{Kind: "ANY_OFFER_CHANGED", Directive: aggregated("TenMinutes")})
			s.offers(fifty...)
			s.offers(320, 1000)
			s.news = append(s.news, offer(start.Add(20*time.Second), "US", "B2", 2), offer(start.Add(21*time.Second), "CA", "B1", 3))
			for range 20 * time.Minute / jump {
				s.Clock.Advance(jump)
				s.Deliver()
			}
			// 5 minutes: 10 s at once, 304 s at 310 s, 320 s at 610 s (the period after the second message), 1000 s at once: none came for a period.
			// 10 minutes: 10 s at once, 320 s at 610 s, 1000 s at 1210 s, which is after the end.
			s.want("messages", "s0 10s 10", "s1 10s 10", "s0 20s 2", "s1 20s 2", "s0 21s 3", "s1 21s 3", "s0 5m4s 304", "s0 5m20s 320", "s1 5m20s 320", "s0 16m40s 1000")
			s.Clock.Advance(time.Minute)
			if got := s.got(); got[len(got)-1] != "s1 16m40s 1000" {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestAggregationSetBack: what is held doesn't wait for a time that is far away again.
func TestAggregationSetBack(t *testing.T) {
	s := newStand(t, nil)
	s.subscribe(Subscription{Kind: "ANY_OFFER_CHANGED", Directive: aggregated("TenMinutes")})
	s.offers(1, 2)
	s.Clock.Advance(time.Minute)
	s.want("first", "s0 1s 1")
	s.Clock.Set(start.Add(-48 * time.Hour))
	s.want("set back", "s0 1s 1", "s0 2s 2")
}

// TestHeldOverImport: what is held comes out of an import to the digit as it would have been sent; a directive that no request can make holds nothing.
func TestHeldOverImport(t *testing.T) {
	var bodies []string
	for _, move := range []bool{false, true} {
		s := newStand(t, nil)
		s.subscribe(Subscription{Kind: "ANY_OFFER_CHANGED", Directive: aggregated("FiveMinutes")})
		s.subscribe(Subscription{Kind: "ORDER_CHANGE", Directive: aggregated("FiveMinutes")})
		s.offers(1)
		held := offer(start.Add(2*time.Second), "US", "B1", 0)
		held.Payload["AnyOfferChangedNotification"].(object)["Price"] = json.Number("12345678901234567.50")
		s.news = append(s.news, held)
		s.Clock.Advance(time.Minute)
		s.want("first", "s0 1s 1")
		if move {
			state, err := s.Export()
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(state)
			if err != nil {
				t.Fatal(err)
			}
			var loaded desk.State
			if err := json.Unmarshal(text, &loaded); err != nil {
				t.Fatal(err)
			}
			if err := s.Restore(&loaded); err != nil {
				t.Fatal(err)
			}
		}
		s.Seller(0).Tell(change("ORDER_CHANGE", s.Clock.Now(), "a"))
		s.Clock.Advance(time.Hour)
		s.want("then", "s0 1s 1", "s1 1m0s a", "s0 2s 12345678901234567.50")
		bodies = append(bodies, string(s.Outbox.Deliveries()[2].Body))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("after an import\n%s\nwant\n%s", bodies[1], bodies[0])
	}
}

func TestFilters(t *testing.T) {
	order := func(kind, market string) object {
		return object{"OrderChangeNotification": object{"OrderChangeType": kind, "Summary": object{"MarketplaceId": market, "Count": 3}}}
	}
	shipment := func(identifier object) object {
		return object{"shipmentTrackingMilestoneChangedNotification": object{"trackingDetail": object{"identifier": identifier}}}
	}
	filter := func(members string, v ...any) map[string]any {
		f := map[string]any{}
		for i := range v {
			f[[]string{"orderChangeTypes", "marketplaceIds", "trackingIdentifier"}[int(members[i]-'0')]] = v[i]
		}
		return map[string]any{"eventFilter": f}
	}
	parcel := func(number, carrier string) map[string]any {
		tracking := map[string]any{"trackingNumber": number}
		if carrier != "" {
			tracking["carrierCode"] = carrier
		}
		return map[string]any{"carrierTracking": tracking}
	}
	expression := func(text string) map[string]any { return map[string]any{"filterExpression": text} }
	us := order("OrderStatusChange", "US")
	for i, test := range []struct {
		kind      string
		directive map[string]any
		payload   object
		refuses   string
	}{
		{"ORDER_CHANGE", nil, us, ""},
		{"ORDER_CHANGE", filter("0", []any{"OrderStatusChange", "BuyerRequestedChange"}), us, ""},
		{"ORDER_CHANGE", filter("0", []any{"BuyerRequestedChange"}), us, "orderChangeTypes: OrderStatusChange is none of [BuyerRequestedChange]"},
		{"ORDER_CHANGE", filter("01", []any{"OrderStatusChange"}, []any{"CA", "US"}), us, ""},
		{"ORDER_CHANGE", filter("01", []any{"OrderStatusChange"}, []any{"CA"}), us, "marketplaceIds: US is none of [CA]"},
		{"ORDER_CHANGE", filter("01", []any{"OrderStatusChange"}, []any{}), us, ""},
		{"ANY_OFFER_CHANGED", filter("1", []any{"CA"}), object{"AnyOfferChangedNotification": object{"OfferChangeTrigger": object{"MarketplaceId": "US"}}}, "marketplaceIds: US is none of [CA]"},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", map[string]any{"aftn": "1"}), shipment(object{"aftn": "1", "id": "2"}), ""},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", map[string]any{"aftn": "1"}), shipment(object{"aftn": "2"}), "trackingIdentifier: it is another one"},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", parcel("1", "X")), shipment(object{"carrierTracking": object{"trackingNumber": "1", "carrierCode": "Y"}}), "trackingIdentifier: it is another one"},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", parcel("ab1", "X")), shipment(object{"carrierTracking": object{"trackingNumber": "AB1", "carrierCode": "x"}}), ""},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", parcel("1", "")), shipment(object{"carrierTracking": object{"trackingNumber": "1", "carrierCode": "X"}}), ""},
		{"SHIPMENT_TRACKING_MILESTONE_CHANGED", filter("2", parcel("1", "X")), shipment(object{"aftn": "1"}), "trackingIdentifier: it is another one"},
		{"ORDER_CHANGE", expression("OrderChangeNotification.OrderChangeType == `OrderStatusChange` && OrderChangeNotification.Summary.Count > 2"), us, ""},
		{"ORDER_CHANGE", expression("OrderChangeNotification.Summary.Count > 3"), us, "filterExpression: is false"},
		{"ORDER_CHANGE", expression("Summary.Count > 2"), us, "filterExpression: there is no Summary"},
		{"ORDER_CHANGE", expression("OrderChangeNotification.Summary.Count"), us, "filterExpression: is a int, want a bool"},
	} {
		s := newStand(t, nil)
		sub := s.subscribe(Subscription{Kind: test.kind, Directive: test.directive})
		n := desk.News{Type: test.kind, At: start, Payload: test.payload}
		if got := sub.refuses(&event{SellerNews: desk.SellerNews{Seller: s.Seller(0), News: n}}); got != test.refuses {
			t.Errorf("%d: %q, want %q", i, got, test.refuses)
		}
		s.Seller(0).Tell(n)
		if got := len(s.got()); got != map[bool]int{true: 1}[test.refuses == ""] {
			t.Errorf("%d: %d messages", i, got)
		}
	}
	// Those who differ in their expressions get theirs.
	s := newStand(t, nil)
	for i := range 3 {
		s.subscribe(Subscription{Kind: "ORDER_CHANGE", Directive: expression(fmt.Sprintf("n >= %d", i))})
	}
	s.Seller(0).Tell(desk.News{Type: "ORDER_CHANGE", At: start, Payload: object{"n": 1, "id": "x"}})
	s.want("expressions", "s0 0s x", "s1 0s x")
}

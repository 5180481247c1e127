package emulator

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// shopTypes are the types that tell of what the shop has.
var shopTypes = []string{"ANY_OFFER_CHANGED", "B2B_ANY_OFFER_CHANGED", "PRICING_HEALTH", "LISTINGS_ITEM_STATUS_CHANGE", "LISTINGS_ITEM_ISSUES_CHANGE",
	"LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "FBA_INVENTORY_AVAILABILITY_CHANGES", "BRANDED_ITEM_CONTENT_CHANGE", "ITEM_PRODUCT_TYPE_CHANGE", "PRODUCT_TYPE_DEFINITIONS_CHANGE",
	"DETAIL_PAGE_TRAFFIC_EVENT", "ITEM_SALES_EVENT_CHANGE", "ITEM_INVENTORY_EVENT_CHANGE", "ACCOUNT_STATUS_CHANGED"}

// BenchmarkNothingNew is a request during which nothing has happened, with nobody subscribed, and with somebody to all that the shop tells.
func BenchmarkNothingNew(b *testing.B) {
	for name, types := range map[string][]string{"none": nil, "all": shopTypes} {
		b.Run(name, func(b *testing.B) {
			s := newShop(b)
			subscribeAll(b, s.Emulator, types...)
			path := s.listingPath(s.w.Products[0].SKU)
			for b.Loop() {
				if r := s.get(path); r.status != 200 {
					b.Fatal(r.body)
				}
			}
		})
	}
}

// BenchmarkMonthPasses lets 30 days pass over SPAPI_PROVE_MILLION orders, 10,000 by default, in one leap.
func BenchmarkMonthPasses(b *testing.B) {
	orders, err := strconv.Atoi(os.Getenv("SPAPI_PROVE_MILLION"))
	if err != nil {
		orders = 10000
	}
	for name, types := range map[string][]string{"none": nil, "stock": {"FBA_INVENTORY_AVAILABILITY_CHANGES"}, "hours": {"DETAIL_PAGE_TRAFFIC_EVENT", "ITEM_SALES_EVENT_CHANGE",
		"ITEM_INVENTORY_EVENT_CHANGE"}, "all": shopTypes} {
		b.Run(name, func(b *testing.B) {
			sent := 0
			for b.Loop() {
				b.StopTimer()
				s := newShop(b, WithOrders(orders), WithProducts(500), WithNotificationSink(func(string, []byte) { sent++ }))
				subscribeAll(b, s.Emulator, types...)
				b.StartTimer()
				s.Advance(30 * 24 * time.Hour)
				s.Deliveries()
				if types == nil {
					s.desk.Seller(0).World() // which nobody has let come to now
				}
			}
			b.ReportMetric(float64(sent)/float64(b.N), "messages")
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

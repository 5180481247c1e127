package notifications

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkParse reads an ORDER_CHANGE as it comes, beside encoding/json with the same types, which finds neither type nor version, tells no leftovers and
// fails on some values. Both are in the figures of testing; "ns/parse" is the median time of Parse alone, "times" how many times as long encoding/json's is.
func BenchmarkParse(b *testing.B) {
	clean := strings.NewReplacer(`, "Colour": {"Name": "red"}`, "", `"NumberOfItemsShipped": "1"`, `"NumberOfItemsShipped": 1`).Replace(orderChange)
	for name, body := range map[string]string{
		"OrderChange":     clean,
		"leftovers":       orderChange,
		"camel":           string(camel.ReplaceAllFunc([]byte(clean), bytes.ToLower)),
		"AnyOfferChanged": offers(20),
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(body)
			peer := func() error { return json.Unmarshal(text, new(envelope[*bodyOfOrderChange])) }
			if name == "AnyOfferChanged" {
				peer = func() error { return json.Unmarshal(text, new(envelope[*bodyOfAnyOfferChanged])) }
			}
			b.SetBytes(int64(len(text)))
			var ours, theirs []time.Duration // one beside the other, and of each the median: what others do on the machine counts for neither
			for b.Loop() {
				start := time.Now()
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
				ours = append(ours, time.Since(start))
				start = time.Now()
				if err := peer(); err != nil && !strings.Contains(err.Error(), "NumberOfItemsShipped") {
					b.Fatal(err)
				}
				theirs = append(theirs, time.Since(start))
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			own := ours[len(ours)/2]
			b.ReportMetric(float64(own.Nanoseconds()), "ns/parse")
			b.ReportMetric(float64(theirs[len(theirs)/2])/float64(own), "times")
		})
	}
}

// camel matches members' names in PascalCase.
var camel = regexp.MustCompile(`"[A-Z][A-Za-z]+":`)

// BenchmarkKey is what a consumer pays for order and duplicates.
func BenchmarkKey(b *testing.B) {
	n := mustParse(b, orderChange)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = n.Key(), n.NaturalKey()
	}
}

// offers is an ANY_OFFER_CHANGED with so many offers.
func offers(n int) string {
	offer := `{"SellerId":"A1","SubCondition":"new","SellerFeedbackRating":{"FeedbackCount":9,"SellerPositiveFeedbackRating":97},"ShippingTime":{"MinimumHours":24,
		"MaximumHours":48,"AvailabilityType":"NOW"},"ListingPrice":{"Amount":23.10,"CurrencyCode":"USD"},"Shipping":{"Amount":0.0,"CurrencyCode":"USD"},
		"IsFulfilledByAmazon":true,"PrimeInformation":{"IsOfferPrime":true,"IsOfferNationalPrime":false},"IsFeaturedMerchant":true,"ShipsDomestically":true}`
	list := strings.TrimSuffix(strings.Repeat(offer+",", n), ",")
	return `{"NotificationVersion":"1.0","NotificationType":"ANY_OFFER_CHANGED","PayloadVersion":"1.0","EventTime":"2020-07-13T19:42:04.284Z","Payload":
		{"AnyOfferChangedNotification":{"SellerId":"A3","OfferChangeTrigger":{"MarketplaceId":"ATVPDKIKX0DER","ASIN":"B1","ItemCondition":"New",
		"TimeOfOfferChange":"2020-07-13T19:42:04.284Z","OfferChangeType":"Internal"},"Offers":[` + list + `]}},"NotificationMetadata":{"NotificationId":"n"}}`
}

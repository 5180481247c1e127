package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/flow/messaging"
	"github.com/openspapi/spapi/emulator/internal/flow/notifications"
	"github.com/openspapi/spapi/emulator/internal/flow/solicitations"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
)

// shop is an emulator on a clock that stands, seen from inside and asked from outside.
type shop struct {
	*Emulator
	t     testing.TB
	w     *world.World
	token string
	host  string // endpoint
}

var shopTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newShop(t testing.TB, opts ...Option) *shop {
	t.Helper()
	e, err := New(append([]Option{WithSeed(1), WithFixedTime(shopTime), WithoutLimits(), WithExplain()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{Emulator: e, t: t}
	s.w = e.desk.Seller(0).World()
	s.host = e.desk.Seller(0).Region.Endpoint()
	s.refresh()
	return s
}

// refresh gets a token for the first seller.
func (s *shop) refresh() {
	s.t.Helper()
	cred := s.Credentials()
	s.token = s.lwa(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}).text("access_token")
	if s.token == "" {
		s.t.Fatal("no token")
	}
}

func (s *shop) grantless(scope string) string {
	s.t.Helper()
	cred := s.Credentials()
	return s.lwa(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}).text("access_token")
}

func (s *shop) lwa(form url.Values) response {
	s.t.Helper()
	return s.send("POST", "https://api.amazon.com/auth/o2/token", "", form.Encode())
}

// answer is a response that has been read.
type response struct {
	status int
	header http.Header
	body   string // of a refusal, its reason too
	json   any
}

func (a response) path(steps ...any) any {
	v := a.json
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func (a response) text(steps ...any) string {
	switch v := a.path(steps...).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (a response) list(steps ...any) []any {
	l, _ := a.path(steps...).([]any)
	return l
}

func (s *shop) send(method, target, token, body string) response {
	s.t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("x-amz-access-token", token)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	resp, err := s.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := response{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if reason := resp.Header.Get("X-Spapi-Emulator-Reason"); reason != "" {
		a.body += "\n" + reason
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	_ = dec.Decode(&a.json)
	return a
}

func (s *shop) get(path string) response {
	s.t.Helper()
	return s.send("GET", s.host+path, s.token, "")
}

func (s *shop) post(path, body string) response {
	s.t.Helper()
	return s.send("POST", s.host+path, s.token, body)
}

// want fails the test unless the status is the one given, and the body has the part.
func (s *shop) want(name string, a response, status int, part string) {
	s.t.Helper()
	if a.status != status || !strings.Contains(a.body, part) {
		s.t.Errorf("%s: %d %.600s, want %d with %s", name, a.status, a.body, status, part)
	}
}

// orderWhere returns the first order for which ok holds now.
func (s *shop) orderWhere(what string, ok func(*world.Order) bool) *world.Order {
	s.t.Helper()
	for o := range s.w.All(time.Time{}, s.Now()) {
		if ok(o) {
			return o
		}
	}
	s.t.Fatalf("no order: %s", what)
	return nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

const usStore = "ATVPDKIKX0DER"

// addMarketRequests adds valid requests for the operations of pricing, fees, sales, messages, solicitations, notifications and uploads.
func addMarketRequests(e *Emulator, w *world.World, add func(id, target, body string)) {
	now := e.Now()
	for _, l := range w.AllListings() {
		sku, asin := url.PathEscape(l.SKU), l.Product.ASIN
		for _, customer := range []string{"Consumer", "Business"} {
			add("productpricingv0.getListingOffers", "/products/pricing/v0/listings/"+sku+"/offers?ItemCondition=New&MarketplaceId="+usStore+"&CustomerType="+customer, "")
			add("productpricingv0.getItemOffers", "/products/pricing/v0/items/"+asin+"/offers?ItemCondition=Used&MarketplaceId="+usStore+"&CustomerType="+customer, "")
			add("productpricingv0.getCompetitivePricing", "/products/pricing/v0/competitivePrice?ItemType=Asin&MarketplaceId="+usStore+"&CustomerType="+customer+"&Asins="+asin, "")
		}
		for _, typ := range []string{"B2C", "B2B"} {
			add("productpricingv0.getPricing", "/products/pricing/v0/price?ItemType=Sku&MarketplaceId="+usStore+"&OfferType="+typ+"&Skus="+url.QueryEscape(l.SKU), "")
		}
		add("productpricingv0.getItemOffersBatch", "/batches/products/pricing/v0/itemOffers", fmt.Sprintf(`{"requests":[{"uri":"/products/pricing/v0/items/%s/offers","method":"GET","MarketplaceId":%q,"ItemCondition":"New"},{"uri":"/x","method":"GET","MarketplaceId":%q,"ItemCondition":"New"}]}`, asin, usStore, usStore))
		add("productpricingv0.getListingOffersBatch", "/batches/products/pricing/v0/listingOffers", fmt.Sprintf(`{"requests":[{"uri":"/products/pricing/v0/listings/%s/offers","method":"GET","MarketplaceId":%q,"ItemCondition":"New"}]}`, sku, usStore))
		add("productpricing20220501.getCompetitiveSummary", "/batches/products/pricing/2022-05-01/items/competitiveSummary", fmt.Sprintf(`{"requests":[{"uri":"/products/pricing/2022-05-01/items/competitiveSummary","method":"GET","asin":%q,"marketplaceId":%q,"includedData":["featuredBuyingOptions","referencePrices","lowestPricedOffers","similarItems"]}]}`, asin, usStore))
		add("productpricing20220501.getFeaturedOfferExpectedPriceBatch", "/batches/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice", fmt.Sprintf(`{"requests":[{"uri":"/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice","method":"GET","sku":%q,"marketplaceId":%q}]}`, l.SKU, usStore))
		fees := fmt.Sprintf(`{"FeesEstimateRequest":{"MarketplaceId":%q,"IsAmazonFulfilled":true,"Identifier":"x","PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"USD","Amount":19.99}}}`, usStore)
		add("productfeesv0.getMyFeesEstimateForSKU", "/products/fees/v0/listings/"+sku+"/feesEstimate", fees+"}")
		add("productfeesv0.getMyFeesEstimateForASIN", "/products/fees/v0/items/"+asin+"/feesEstimate", fees+"}")
		add("productfeesv0.getMyFeesEstimates", "/products/fees/v0/feesEstimate", "["+fees+`,"IdType":"ASIN","IdValue":"`+asin+`"},`+fees+`,"IdType":"ASIN","IdValue":"none"}]`)
	}
	for _, g := range []string{"Hour", "Day", "Week", "Month", "Year", "Total"} {
		interval := now.Add(-days(20)).Format(time.RFC3339) + "--" + now.Format(time.RFC3339)
		add("salesv1.getOrderMetrics", "/sales/v1/orderMetrics?marketplaceIds="+usStore+"&granularity="+g+"&granularityTimeZone=UTC&interval="+interval, "")
	}
	solicited := false
	sent := map[string]bool{}
	bodies := map[string]string{
		"confirmCustomizationDetails": `{"text":"Which name?"}`, "confirmDeliveryDetails": `{"text":"When?"}`, "confirmOrderDetails": `{"text":"Blue?"}`, "unexpectedProblem": `{"text":"Late"}`,
		"warranty": `{"coverageStartDate":"2026-01-01T00:00:00Z","coverageEndDate":"2027-01-01T00:00:00Z"}`, "legalDisclosure": `{"attachments":[{"uploadDestinationId":"up-%s","fileName":"a.pdf"}]}`, "invoice": `{"attachments":[{"uploadDestinationId":"up-%s","fileName":"a.pdf"}]}`,
		"confirmServiceDetails": `{"text":"When?"}`, "digitalAccessKey": `{"text":"ABC"}`,
	}
	a := e.desk.Seller(0)
	contacted := contacts.Books.Of(a)
	for o := range w.All(time.Time{}, e.Now()) {
		query := "?marketplaceIds=" + o.Marketplace.ID
		add("messagingv1.getMessagingActionsForOrder", "/messaging/v1/orders/"+o.ID+query, "")
		add("messagingv1.GetAttributes", "/messaging/v1/orders/"+o.ID+"/attributes"+query, "")
		add("solicitationsv1.getSolicitationActionsForOrder", "/solicitations/v1/orders/"+o.ID+query, "")
		for i, k := range messaging.MessageKinds {
			id := ""
			for handlerID := range messaging.Flow.Handlers {
				if op, _ := catalog.Lookup(handlerID); strings.HasSuffix(op.Path, "/messages/"+k.Name) {
					id = handlerID
				}
			}
			if sent[k.Name] || !k.Available(o, o.Status(now), now.Sub(o.Purchased)) {
				continue
			}
			sent[k.Name] = true
			body := bodies[k.Name]
			if strings.Contains(body, "%s") {
				up := fmt.Sprint(o.ID, i)
				d := jobs.Queues.Of(a).AddDocument("upload", &jobs.Document{Created: now, Expires: now.Add(time.Hour)})
				d.Put(e.desk.Contents().Put(nil))
				contacted.AddUpload("up-"+up, &contacts.Upload{Resource: "messaging/v1/orders/" + o.ID + "/messages/" + k.Name, Document: d.ID, MD5: "1B2M2Y8AsgTpgAmY7PhCfg==", Created: now})
				body = fmt.Sprintf(body, up)
			}
			add(id, "/messaging/v1/orders/"+o.ID+"/messages/"+k.Name+query, body)
		}
		earliest, latest := o.DeliveryWindow()
		if !solicited && o.Status(now) == world.Shipped && now.After(earliest.Add(solicitations.SolicitFrom)) && now.Before(latest.Add(solicitations.SolicitTo)) {
			solicited = true
			add("solicitationsv1.createProductReviewAndSellerFeedbackSolicitation", "/solicitations/v1/orders/"+o.ID+"/solicitations/productReviewAndSellerFeedback"+query, "")
		}
	}
	add("uploads20201101.createUploadDestinationForResource", "/uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/contentDocuments?contentType=image/png&contentMD5=c72b9698fa1927e1dd12d3cf26ed84b2&marketplaceIds="+usStore, "")
	e.desk.Outbox.SetCredentialQueue("arn:aws:sqs:us-east-1:1:q")
	subs := notifications.SubscriptionStore.At(e.desk)
	subs.Destinations, subs.List =
		[]*notifications.Destination{{ID: "d1", Name: "n", ARN: "arn:aws:sqs:us-east-1:1:a"}, {ID: "d2", Name: "n", ARN: "arn:aws:sqs:us-east-1:1:b"}, {ID: "d3", Name: "n", Region: "us-east-1", Account: "123456789012"}},
		[]*notifications.Subscription{{ID: "s1", Kind: "FEED_PROCESSING_FINISHED", Version: "2020-09-04", Destination: "d1"}, {ID: "s2", Kind: "REPORT_PROCESSING_FINISHED", Version: "2020-09-04", Destination: "d1"}}
	add("notificationsv1.createDestination", "/notifications/v1/destinations", `{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:c"}}}`)
	add("notificationsv1.createDestination", "/notifications/v1/destinations", `{"name":"y","resourceSpecification":{"eventBridge":{"region":"us-east-1","accountId":"123456789013"}}}`)
	add("notificationsv1.getDestinations", "/notifications/v1/destinations", "")
	add("notificationsv1.getDestination", "/notifications/v1/destinations/d1", "")
	add("notificationsv1.getDestination", "/notifications/v1/destinations/d3", "")
	add("notificationsv1.deleteDestination", "/notifications/v1/destinations/d2", "")
	add("notificationsv1.createSubscription", "/notifications/v1/subscriptions/ANY_OFFER_CHANGED", `{"payloadVersion":"1.0","destinationId":"d1","processingDirective":{"eventFilter":{"eventFilterType":"ANY_OFFER_CHANGED","marketplaceIds":["ATVPDKIKX0DER"]}}}`)
	add("notificationsv1.getSubscription", "/notifications/v1/subscriptions/FEED_PROCESSING_FINISHED", "")
	add("notificationsv1.getSubscriptions", "/notifications/v1/subscriptions?notificationTypes=FEED_PROCESSING_FINISHED", "")
	add("notificationsv1.getSubscriptionById", "/notifications/v1/subscriptions/FEED_PROCESSING_FINISHED/s1", "")
	add("notificationsv1.deleteSubscriptionById", "/notifications/v1/subscriptions/REPORT_PROCESSING_FINISHED/s2", "")
	add("notificationsv1.sendTestNotification", "/notifications/v1/subscriptions/FEED_PROCESSING_FINISHED/testNotification", `{"destinationId":"d1","testNotification":{"payloadVersion":"2020-09-04","testScenario":"x"}}`)
}

// TestMarketUnderLoad lets many requests at once read and change what the flows share.
func TestMarketUnderLoad(t *testing.T) {
	s := newShop(t, WithCredentialQueue("arn:aws:sqs:us-east-1:1:q"), WithNotificationSink(func(string, []byte) {}))
	l := s.w.AllListings()[0]
	o := s.orderWhere("shipped", func(o *world.Order) bool { return o.Status(s.Now()) == world.Shipped })
	rotation, notifications := s.grantless(rotationScope), s.grantless("sellingpartnerapi::notifications")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				s.setPrice(l.SKU, 1000+j)
				s.get("/products/pricing/v0/listings/" + url.PathEscape(l.SKU) + "/offers?ItemCondition=New&MarketplaceId=" + usStore)
				s.foep(l.SKU, usStore)
				s.metrics("2026-02-01T00:00:00Z--2026-03-01T00:00:00Z", "Total")
				s.message(o, "warranty", "{}")
				s.send("POST", s.host+"/applications/2023-11-30/clientSecret", rotation, "")
				s.notify("POST", "destinations", notifications, fmt.Sprintf(`{"name":"q","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q%d-%d"}}}`, i, j))
				if _, err := s.Authorize(s.consentURL(usCentral), s.Credentials().SellerID); err != nil {
					t.Error(err)
				}
				if j == 10 {
					if _, err := s.Export(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.Messages(s.Credentials().SellerID)); n != 1 {
		t.Errorf("%d messages of one kind for one order", n)
	}
	if n := len(s.Deliveries()); n != 160 {
		t.Errorf("%d secrets", n)
	}
	if n := len(s.notify("GET", "destinations", notifications, "").list("payload")); n != 160 {
		t.Errorf("%d destinations", n)
	}
}

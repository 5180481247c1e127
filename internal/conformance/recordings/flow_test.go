package recordings

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// flowChecks are the checks of orders, listings, catalog, pricing, reports, feeds, Data Kiosk, sales and sellers.
func flowChecks() []check {
	return []check{
		{rows: []int{11, 55}, run: checkCatalogSearch},
		{rows: []int{51, 52}, run: checkItemNotFound},
		{rows: []int{53, 54}, run: checkCatalogV0},
		{rows: []int{12, 14, 15, 16, 85}, run: checkListingsFeed},
		{rows: []int{46, 57, 58}, run: checkFeedRefusals},
		{rows: []int{83, 84, 189}, run: checkFeedIssues},
		{rows: []int{86}, run: checkXMLFeed},
		{rows: []int{18, 19, 20, 21, 22}, run: checkListings},
		{rows: []int{77, 78, 79, 80, 82}, run: checkInvalidListings},
		{rows: []int{119, 120, 121}, run: checkListingNotFound},
		{rows: []int{188}, run: checkListingsThrottling},
		{rows: []int{23}, run: checkRestrictions},
		{rows: []int{27, 28}, run: checkPricing2022},
		{rows: []int{29, 32, 134, 135, 136}, run: checkPrices},
		{rows: []int{30, 31, 131, 132}, run: checkOffers},
		{rows: []int{40}, run: checkThrottled},
		{rows: []int{137, 138, 139}, run: checkFees},
		{rows: []int{33}, run: checkProductType},
		{rows: []int{35, 36, 37, 38, 240}, run: checkReport},
		{rows: []int{39, 62, 63, 129}, run: checkReportRefusals},
		{rows: []int{41, 154}, run: checkParticipations},
		{rows: []int{50, 153}, run: checkOrderMetrics},
		{rows: []int{92, 93, 95, 96}, run: checkOrdersArguments},
		{rows: []int{98, 122}, run: checkInternalFailure},
		{rows: []int{239}, run: checkDynamicPlan},
		{rows: []int{100, 101, 102, 180}, run: checkConfirmShipment},
		{rows: []int{155, 156, 157}, run: checkKiosk},
		{rows: []int{125, 126}, run: checkKioskDenied},
	}
}

const (
	us = "ATVPDKIKX0DER"
	de = "A1PA6795UKMFR9"
)

// limited starts an emulator with limits, whose rate headers are those of the plans, at a time that stands.
func limited(t *testing.T, opts ...emulator.Option) *service {
	t.Helper()
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithFixedTime(time.Time{})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, emu: emu, creds: emu.Credentials(), host: northAmerica}
	if s.creds.Region == marketplace.Europe {
		s.host = "https://sellingpartnerapi-eu.amazon.com"
	}
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	return s
}

// wantPart wants a regular expression to match the body without its blanks.
func (r *reply) wantPart(expression string) *reply {
	r.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, r.body); err != nil {
		r.Fatalf("%s: %q: %v", r.request, r.body, err)
	}
	if !regexp.MustCompile(expression).Match(unescaped(b.Bytes())) {
		r.Errorf("%s: no %s in %.1500s", r.request, expression, b.Bytes())
	}
	return r
}

func (r *reply) wantRate(rate string) *reply { return r.wantHeader("X-Amzn-Ratelimit-Limit", rate) }

// listings are the SKUs and ASINs of the seller's first listings in the United States.
func (s *service) listings() (skus, asins []string) {
	s.Helper()
	r := s.do("GET", "/listings/2021-08-01/items/"+s.creds.SellerID+"?pageSize=20&sortBy=sku&sortOrder=ASC&marketplaceIds="+us, "").want(200)
	for _, v := range r.value("items").([]any) {
		item := v.(map[string]any)
		skus = append(skus, item["sku"].(string))
		asins = append(asins, item["summaries"].([]any)[0].(map[string]any)["asin"].(string))
	}
	return skus, asins
}

func (s *service) skus() []string {
	s.Helper()
	skus, _ := s.listings()
	return skus
}

func (s *service) asins() []string {
	s.Helper()
	_, asins := s.listings()
	return asins
}

func (s *service) listing(sku string) string {
	return "/listings/2021-08-01/items/" + s.creds.SellerID + "/" + url.PathEscape(sku) + "?marketplaceIds=" + us
}

// download fetches a document without SP-API's headers.
func (s *service) download(address string) *reply {
	s.Helper()
	return s.do("GET", address, "", "x-amz-access-token", "").want(200)
}

func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// feed uploads a document, makes a feed of it, waits, and returns the feed with its processing report.
func (s *service) feed(feedType, contentType, content string) (document, created, feed, result, report *reply) {
	s.Helper()
	document = s.do("POST", "/feeds/2021-06-30/documents", fmt.Sprintf(`{"contentType":%q}`, contentType)).want(201)
	s.do("PUT", document.text("url"), content, "x-amz-access-token", "", "Content-Type", contentType).want(200)
	created = s.do("POST", "/feeds/2021-06-30/feeds", fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%q],"inputFeedDocumentId":%q}`, feedType, us, document.text("feedDocumentId"))).want(202)
	s.emu.Advance(time.Minute)
	feed = s.do("GET", "/feeds/2021-06-30/feeds/"+created.text("feedId"), "").want(200)
	result = s.do("GET", "/feeds/2021-06-30/documents/"+feed.text("resultFeedDocumentId"), "").want(200)
	report = s.download(result.text("url"))
	return document, created, feed, result, report
}

func (s *service) listingsFeed(header, messages string) (document, created, feed, result, report *reply) {
	s.Helper()
	return s.feed("JSON_LISTINGS_FEED", "application/json; charset=UTF-8", `{"header":{`+header+`},"messages":[`+messages+`]}`)
}

func (s *service) feedHeader() string {
	return fmt.Sprintf(`"sellerId":%q,"version":"2.0","issueLocale":"en_US"`, s.creds.SellerID)
}

func checkCatalogSearch(t *testing.T) {
	s := limited(t)
	asin := s.asins()[0]
	r := s.do("GET", "/catalog/2022-04-01/items?identifiersType=ASIN&pageSize=10&marketplaceIds="+us+"&identifiers="+asin, "").want(200)
	r.wantHeader("Content-Type", "application/json").wantRate("2.0").wantNames("", "numberOfResults", "items").wantNames("items.0", "asin", "summaries")
	if names := r.names("items.0.summaries.0"); names[0] != "marketplaceId" || !slices.IsSorted(names[1:]) {
		t.Errorf("members of a summary %q", names)
	}
	r.wantPart(`"adultProduct":false,"autographed":false`)
	r = s.do("GET", "/catalog/2022-04-01/items?identifiersType=ASIN&marketplaceIds="+us+"&identifiers="+asin+",20DOMINANT", "")
	r.wantError(400, "code", "InvalidInput", "message", "Invalid 'asin' provided.", "details", "")
}

func checkItemNotFound(t *testing.T) {
	s := open(t)
	s.do("GET", "/catalog/2022-04-01/items/B076VX8RC5?marketplaceIds="+us, "").
		wantError(404, "code", "NOT_FOUND", "message", "Requested item, B076VX8RC5, not found in marketplace(s) "+us+".")
	s.do("GET", "/catalog/2020-12-01/items/B0AABBCC?marketplaceIds="+us, "").
		wantError(404, "code", "NOT_FOUND", "message", "Requested item, B0AABBCC, not found in marketplace(s) ["+us+"].")
}

// signed sends a GET to an operation of the time of signatures.
func (s *service) signed(path string) *reply {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), "GET", s.host+path, http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("x-amz-access-token", s.token)
	empty := sha256.Sum256(nil)
	user := aws.Credentials{AccessKeyID: s.creds.AWSAccessKeyID, SecretAccessKey: s.creds.AWSSecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), user, req, hex.EncodeToString(empty[:]), "execute-api", s.creds.Region.AWSRegion(), s.emu.Now()); err != nil {
		s.Fatal(err)
	}
	headers := []string{"x-amz-access-token", s.token}
	for name := range req.Header {
		headers = append(headers, name, req.Header.Get(name))
	}
	return s.do("GET", path, "", headers...)
}

func checkCatalogV0(t *testing.T) {
	s := limited(t, emulator.WithRegion(marketplace.Europe))
	r := s.signed("/catalog/v0/items/B076VX8RC5?MarketplaceId=" + de).want(200)
	if got := strings.Join(strings.Fields(string(r.body)), ""); got != `{"payload":{"Identifiers":{}}}` {
		t.Errorf("an ASIN that isn't there: %s", got)
	}
	s.signed("/catalog/v0/items?Query=pen&MarketplaceId="+de).
		wantError(400, "code", "InvalidInput", "message", "All is not a valid QueryContextId for marketplace "+de, "details", "")
}

func checkListingsFeed(t *testing.T) {
	s := limited(t)
	sku := s.skus()[0]
	document, created, feed, result, report := s.listingsFeed(s.feedHeader(), fmt.Sprintf(
		`{"messageId":1,"sku":%q,"operationType":"PATCH","productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/condition_note","value":[{"value":"fine"}]}]}`, sku))
	document.wantRate("0.5").wantNames("", "feedDocumentId", "url")
	if id := document.text("feedDocumentId"); !regexp.MustCompile(`^amzn1\.tortuga\.4\.na\.[0-9a-f-]{36}\.[A-Z0-9]{14}$`).MatchString(id) {
		t.Errorf("document id %q", id)
	}
	u, err := url.Parse(document.text("url"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host != "tortuga-prod-na.s3-external-1.amazonaws.com" || q.Get("X-Amz-SignedHeaders") != "content-type;host" || q.Get("X-Amz-Expires") != "300" ||
		q.Get("X-Amz-Algorithm") == "" || q.Get("X-Amz-Date") == "" || q.Get("X-Amz-Credential") == "" || q.Get("X-Amz-Signature") == "" || len(q) != 6 || !objectKey.MatchString(u.Path) {
		t.Errorf("upload URL %s", u)
	}
	created.wantRate("0.0083").wantNames("", "feedId")
	feed.wantRate("2.0").wantNames("", "processingEndTime", "processingStatus", "marketplaceIds", "feedId", "feedType", "createdTime", "processingStartTime", "resultFeedDocumentId")
	feed.wantPart(`"processingEndTime":"2026-01-15T12:0\d:\d\d\+00:00","processingStatus":"DONE"`)
	result.wantRate("0.0222").wantNames("", "compressionAlgorithm", "feedDocumentId", "url").wantPart(`"compressionAlgorithm":"GZIP"`)
	report.wantHeader("Content-Type", "application/json").wantHeader("Content-Encoding", "")
	want := fmt.Sprintf(`{"header":{"sellerId":%q,"version":"2.0","feedId":%q},"issues":[],"summary":{"errors":0,"warnings":0,"messagesProcessed":1,"messagesAccepted":1,"messagesInvalid":0}}`,
		s.creds.SellerID, created.text("feedId"))
	if got := string(unzipped(t, report.body)); got != want {
		t.Errorf("processing report\n%s\nwant\n%s", got, want)
	}
}

func checkFeedRefusals(t *testing.T) {
	s := open(t)
	bad := []string{"code", "InvalidInput", "message", "Invalid request parameters", "details", ""}
	s.do("POST", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":"`+us+`","inputFeedDocumentId":"x"}`).wantError(400, bad...)
	s.do("POST", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"amzn1.tortuga.4.na.x"}`).wantError(400, bad...)
	s.do("POST", "/feeds/2021-06-30/documents", "contentType=text/xml", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8").
		wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "")
	s.do("POST", "/feeds/2021-06-30/documents", `{}`).
		wantError(400, "code", "InvalidInput", "message", "One or more required parameters missing", "details", "contentType;")
}

func checkFeedIssues(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	_, created, _, _, report := s.listingsFeed(`"sellerId":"`+s.creds.SellerID+`","version":"1.0"`, `{"messageId":1,"sku":"a","operationType":"DELETE"}`)
	report.body = unzipped(t, report.body)
	report.wantNames("", "header", "issues", "summary").wantNames("header", "sellerId", "version", "feedId").wantNames("issues.0", "code", "severity", "message")
	report.wantPart(`"feedId":"` + created.text("feedId") + `"`).wantPart(`"issues":\[\{"code":"4002006","severity":"ERROR"`)
	report.wantPart(`"summary":\{"errors":1,"warnings":0,"messagesProcessed":0,"messagesAccepted":0,"messagesInvalid":0\}`)

	_, _, _, _, report = s.listingsFeed(s.feedHeader(), `{"messageId":1,"sku":"a","operationType":"MOVE"}`)
	report.body = unzipped(t, report.body)
	report.wantPart(`"issues":\[\{"messageId":1,"code":"4002008","severity":"ERROR","message":"The provided message did not meet the schema validation requirements for a feed message\."\}\]`)

	// The fixture of the row has no sku, which Amazon's own example has beside the rest.
	_, _, _, _, report = s.listingsFeed(s.feedHeader()+`,"report":{"includedData":["summaries"],"apiVersion":"2021-08-01"}`,
		`{"messageId":4,"sku":"new","operationType":"UPDATE","productType":"LAMP","requirements":"LISTING","attributes":{"item_name":[{"value":"Lamp"}]}}`)
	report.body = unzipped(t, report.body)
	report.wantNames("", "header", "issues", "summary", "items").wantPart(`"report":\{"includedData":\["summaries"\],"apiVersion":"2021-08-01"\}`)
	report.wantPart(`\{"messageId":4,"sku":"new","code":"90220","severity":"ERROR","message":"'\[batteries_required\]' is required but not supplied\."\}`)
	report.wantNames("summary", "errors", "warnings", "messagesProcessed", "messagesAccepted", "messagesInvalid", "itemSummary")
}

func checkXMLFeed(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	_, _, _, _, report := s.feed("POST_ORDER_FULFILLMENT_DATA", "text/xml; charset=UTF-8", `<?xml version="1.0"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>`+
		s.creds.SellerID+`</MerchantIdentifier></Header><MessageType>OrderFulfillment</MessageType><Message><MessageID>1</MessageID><OrderFulfillment><AmazonOrderID>1</AmazonOrderID></OrderFulfillment></Message></AmazonEnvelope>`)
	report.wantHeader("Content-Type", "text/xml")
	want := `<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">\s*<Header><DocumentVersion>1.02</DocumentVersion>` +
		`<MerchantIdentifier>\w+</MerchantIdentifier></Header><MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport>` +
		`<DocumentTransactionID>\d+</DocumentTransactionID><StatusCode>Complete</StatusCode><ProcessingSummary><MessagesProcessed>1</MessagesProcessed>` +
		`<MessagesSuccessful>0</MessagesSuccessful><MessagesWithError>1</MessagesWithError><MessagesWithWarning>0</MessagesWithWarning></ProcessingSummary>`
	if !regexp.MustCompile(want).Match(report.body) {
		t.Errorf("processing report %s", report.body)
	}
}

func checkListings(t *testing.T) {
	s := limited(t)
	sku := s.skus()[0]
	r := s.do("GET", s.listing(sku)+"&includedData=attributes,issues", "").want(200)
	r.wantRate("5.0").wantNames("", "sku", "attributes", "issues").wantPart(`"our_price":\[\{"schedule":\[\{"value_with_tax":\d+\.\d+\}`)
	framed := func(r *reply, before string) {
		t.Helper()
		var compact bytes.Buffer
		if err := json.Compact(&compact, r.body); err != nil || before+compact.String()+"\n" != string(r.body) {
			t.Errorf("%s: body %q, want it behind %q and before an end of line", r.request, r.body, before)
		}
	}
	framed(r, "\n  ")
	accepted := func(r *reply) {
		t.Helper()
		r.want(200).wantRate("5.0").wantNames("", "sku", "status", "submissionId", "issues").wantPart(`"status":"ACCEPTED","submissionId":"[0-9a-f]{32}","issues":\[\]`)
		framed(r, "\n")
	}
	accepted(s.do("PUT", s.listing("offer-1"), fmt.Sprintf(`{"productType":"PRODUCT","requirements":"LISTING_OFFER_ONLY","attributes":{"condition_type":[{"value":"new_new"}],
		"merchant_suggested_asin":[{"value":%q}],"purchasable_offer":[{"our_price":[{"schedule":[{"value_with_tax":400}]}]}],
		"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":1}]}}`, s.asins()[0])))
	patch := `{"productType":"PRODUCT","patches":[{"op":%s,"path":"/attributes/condition_note","value":[{"value":"%s"}]}]}`
	accepted(s.do("PATCH", s.listing(sku), fmt.Sprintf(patch, `"replace"`, "fine")))
	accepted(s.do("PATCH", s.listing(sku), fmt.Sprintf(patch, "1", "better")))
	s.do("GET", s.listing(sku)+"&includedData=attributes", "").wantPart(`"value":"better"`)
	accepted(s.do("DELETE", s.listing("offer-1"), ""))
}

func checkInvalidListings(t *testing.T) {
	s := open(t)
	sku := s.skus()[0]
	patch := func(name, value string) *reply {
		return s.do("PATCH", s.listing(sku), `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/`+name+`","value":`+value+`}]}`)
	}
	invalid := func(r *reply, issue string) {
		t.Helper()
		r.want(200).wantNames("", "sku", "status", "submissionId", "issues").wantPart(`"status":"INVALID","submissionId":"[0-9a-f]{32}"`).wantPart(issue)
	}
	invalid(patch("externally_assigned_product_identifier", `[{"type":"ean"}]`), `"categories":\["INVALID_ATTRIBUTE"\],"code":"99022",.*"message":"The field 'value' for the attribute `+
		`'External Product Information' does not have enough values\. The required minimum is '1' value\(s\)\.","severity":"ERROR"`)
	invalid(patch("supplier_declared_dg_hz_regulation", `[{"value":"explosive"}]`), `"categories":\[\],"code":"4000001",.*"message":"The provided value for 'Dangerous Goods Regulations' is invalid\."`)
	invalid(patch("purchaseable_offer", `[{}]`), `"attributeNames":\["purchaseable_offer"\],"categories":\[\],"code":"90000900",.*"message":"The attributes are invalid\.","severity":"ERROR"`)
	invalid(patch("number_of_items", `[{"value":0}]`), `"code":"90004114",.*"message":"Value for ''0'' is lesser than the required minimum ''\[number_of_items\]''\."`)
	for target, body := range map[string]string{
		s.listing(sku): `{"productType":"PRODUCT","patches":{"op":"replace"}}`,
		strings.TrimSuffix(s.listing(sku), "?marketplaceIds="+us): `{"productType":"PRODUCT","patches":[]}`,
	} {
		s.do("PATCH", target, body).wantError(400, "code", "InvalidInput", "message", "Request has missing or invalid parameters and cannot be parsed.", "details", "")
	}
	s.do("PATCH", s.listing(sku), `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/condition_note/0/value","value":[{}]}]}`).
		want(400).wantPart(`"message":"Invalid path provided in patch at index of 0\."`)
}

func checkListingNotFound(t *testing.T) {
	s := limited(t)
	s.do("GET", s.listing("00278-0210-0090"), "").wantRate("5.0").wantHeader("x-amzn-ErrorType", "").
		wantError(404, "code", "NOT_FOUND", "message", "SKU '00278-0210-0090' not found in marketplace "+us)
	s.do("GET", "/listings/2021-08-01/items/"+s.creds.SellerID+"/XXXX%2520YYY%2520ZZZ?marketplaceIds="+us, "").
		wantError(404, "code", "NOT_FOUND", "message", "SKU 'XXXX%20YYY%20ZZZ' not found in marketplace "+us)
	s.do("GET", "/listings/2021-08-01/items/"+s.creds.SellerID+"/A/1?marketplaceIds="+us, "").
		wantError(403, "code", "Unauthorized", "message", "Access to requested resource is denied.", "details", "")
}

// checkListingsThrottling exceeds the limits over all sellers of the application, of which each seller has but a part.
func checkListingsThrottling(t *testing.T) {
	s := limited(t, emulator.WithApplicationLimits())
	const text = "The frequency of requests was greater than what is allowed for "
	until := func(most int, query, attribute, bucket string) {
		t.Helper()
		for n := range most + 1 {
			c, err := s.emu.AddAccount(emulator.AccountConfig{})
			if err != nil {
				t.Fatal(err)
			}
			s.creds.SellerID = c.SellerID
			s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken}})
			r := s.do("PATCH", s.listing("x")+query, `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/`+attribute+`","value":[{"value":"x"}]}]}`)
			if r.status == 429 {
				r.wantRate("").wantPart(`"message":"` + text + bucket + `\."`)
				if n == 0 {
					t.Errorf("%s: refused at once", bucket)
				}
				return
			}
		}
		t.Errorf("%s: %d requests pass", bucket, most+1)
	}
	until(20, "&mode=VALIDATION_PREVIEW", "condition_note", "the application")
	until(5, "", "child_parent_sku_relationship", "relationships")
	until(100, "", "item_name", "product data")
}

func checkRestrictions(t *testing.T) {
	s := limited(t)
	for _, asin := range s.asins() {
		r := s.do("GET", "/listings/2021-08-01/restrictions?conditionType=new_new&asin="+asin+"&sellerId="+s.creds.SellerID+"&marketplaceIds="+us, "").want(200)
		if len(r.value("restrictions").([]any)) == 0 {
			if r.wantRate("5.0"); string(r.body) != `{"restrictions":[]}` {
				t.Errorf("%s", r.body)
			}
			return
		}
	}
	t.Error("every item is restricted")
}

func checkPricing2022(t *testing.T) {
	s := limited(t)
	asins, skus := s.asins(), s.skus()
	const summary, expected = "/products/pricing/2022-05-01/items/competitiveSummary", "/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice"
	one := func(asin string) string {
		return fmt.Sprintf(`{"uri":%q,"method":"GET","asin":%q,"marketplaceId":%q,"includedData":["featuredBuyingOptions","referencePrices","lowestPricedOffers"]}`, summary, asin, us)
	}
	r := s.do("POST", "/batches"+summary, `{"requests":[`+one(asins[0])+","+one(asins[1])+`]}`).want(200).wantRate("0.033").wantNames("", "responses")
	for _, i := range []string{"0", "1"} {
		r.wantNames("responses."+i, "body", "status").wantNames("responses."+i+".body", "asin", "featuredBuyingOptions", "lowestPricedOffers", "marketplaceId", "referencePrices")
		r.wantNames("responses."+i+".status", "reasonPhrase", "statusCode")
	}
	r.wantPart(`"listingPrice":\{"amount":\d+\.\d+,"currencyCode":"USD"\}`).wantPart(`"segmentDetails":\{"glanceViewWeightPercentage":50\.0\}`)
	r.wantPart(`"price":\{"amount":0\.0,"currencyCode":"USD"\}`).wantPart(`"status":\{"reasonPhrase":"Success","statusCode":200\}`)

	r = s.do("POST", "/batches"+expected, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","marketplaceId":%q,"sku":%q}]}`, expected, us, skus[0])).want(200).wantRate("0.033")
	r.wantNames("responses.0", "headers", "status", "body", "request").wantNames("responses.0.headers", "x-amzn-RequestId", "Date").wantNames("responses.0.request", "marketplaceId", "sku")
	r.wantPart(`"Date":"Thu, 15 Jan 2026 12:00:00 GMT"\},"status":\{"statusCode":200,"reasonPhrase":"OK"\}`)
	r.wantNames("responses.0.body", "featuredOfferExpectedPriceResults", "offerIdentifier").wantNames("responses.0.body.offerIdentifier", "marketplaceId", "asin", "sellerId", "sku")
	result := "responses.0.body.featuredOfferExpectedPriceResults.0"
	if names := r.names(result); names[0] != "resultStatus" || names[len(names)-1] != "currentFeaturedOffer" {
		t.Errorf("members of a result %q", names)
	}
	r.wantNames(result+".currentFeaturedOffer", "condition", "price", "offerIdentifier").wantNames(result+".currentFeaturedOffer.price", "shippingPrice", "listingPrice")
	r.wantNames(result+".currentFeaturedOffer.offerIdentifier", "marketplaceId", "asin", "sellerId", "fulfillmentType")
	r.wantPart(`"listingPrice":\{"currencyCode":"USD","amount":\d+\.\d+\}`)
	alone := false // an offer without competition has nothing but the current one
	for _, sku := range skus {
		s.emu.Advance(time.Minute)
		r := s.do("POST", "/batches"+expected, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","marketplaceId":%q,"sku":%q}]}`, expected, us, sku)).want(200)
		if r.text(result+".resultStatus") == "NO_COMPETING_OFFER" && r.value(result+".currentFeaturedOffer") != nil {
			alone = true
			r.wantNames(result, "resultStatus", "currentFeaturedOffer")
		}
	}
	if !alone {
		t.Error("no offer without competition")
	}
}

func checkPrices(t *testing.T) {
	s := open(t)
	prices := "/products/pricing/v0/price?MarketplaceId=" + us
	competitive := "/products/pricing/v0/competitivePrice?MarketplaceId=" + us
	featured, offered := false, false
	for _, asin := range s.asins() {
		r := s.do("GET", competitive+"&ItemType=Asin&Asins="+asin, "").want(200).wantNames("payload.0", "ASIN", "Product", "status")
		r.wantNames("payload.0.Product", "CompetitivePricing", "Identifiers", "SalesRankings").wantNames("payload.0.Product.Identifiers", "MarketplaceASIN")
		r.wantPart(`\{"condition":"New","Count":\d+\}.*\{"condition":"Any","Count":\d+\}`)
		if first, _ := r.value("payload.0.Product.CompetitivePricing.CompetitivePrices.0.condition").(string); first == "New" {
			featured = true
			r.wantNames("payload.0.Product.CompetitivePricing.CompetitivePrices.0", "belongsToRequester", "condition", "subcondition", "Price", "CompetitivePriceId")
			r.wantPart(`"Price":\{"LandedPrice":\{"CurrencyCode":"USD","Amount":\d+\.\d+\},"ListingPrice":\{"CurrencyCode":"USD","Amount":\d+\.\d+\},"Shipping":\{"CurrencyCode":"USD","Amount":(0|\d+\.\d+)\}\}`)
		}
		r = s.do("GET", prices+"&ItemType=Asin&Asins="+asin, "").want(200).wantNames("payload.0", "status", "ASIN", "Product").wantNames("payload.0.Product", "Identifiers", "Offers")
		r.wantNames("payload.0.Product.Identifiers", "MarketplaceASIN")
		r.wantNames("payload.0.Product.Offers.0", "BuyingPrice", "RegularPrice", "FulfillmentChannel", "ItemCondition", "ItemSubCondition", "SellerSKU")
		r.wantNames("payload.0.Product.Offers.0.BuyingPrice", "ListingPrice", "LandedPrice", "Shipping")
		offered = offered || r.text("payload.0.Product.Offers.0.FulfillmentChannel") == "MERCHANT"
		r.wantPart(`"BuyingPrice":\{"ListingPrice":\{"CurrencyCode":"USD","Amount":\d+\.\d+\}.*"Shipping":\{"CurrencyCode":"USD","Amount":\d+\.\d+\}`)
	}
	if !featured || !offered {
		t.Errorf("featured offers %v, offers of the merchant %v", featured, offered)
	}
	asin := s.asins()[0]
	for _, path := range []string{prices, competitive} {
		limited(t).do("GET", path+"&ItemType=Asin&Asins="+asin, "").want(200).wantRate("0.5")
	}
	s.do("GET", prices+"&ItemType=Asin&ItemCondition=Club&Asins="+asin, "").want(200).wantNames("payload.0.Product", "Identifiers")
	s.do("GET", prices+"&ItemType=Sku&Skus="+url.QueryEscape(`Laptop 12"`), "").want(200).wantPart(`"payload":\[\{"status":"ClientError","SellerSKU":".*"\}\]`)
	for _, path := range []string{prices, competitive} {
		for _, kind := range []string{"New", "ASIN"} {
			s.do("GET", path+"&Asins="+asin+"&ItemType="+kind, "").wantError(404, "code", "NotFound", "message", "The requested resource doesn't exist.")
		}
	}
}

func checkThrottled(t *testing.T) {
	s := limited(t)
	path := "/products/pricing/v0/price?ItemType=Asin&Asins=B000000000&MarketplaceId=" + us
	for range 30 {
		r := s.do("GET", path, "")
		if r.status == 429 {
			r.wantError(429, "code", "QuotaExceeded", "message", "You exceeded your quota for the requested resource.", "details", "")
			r.wantHeader("x-amzn-ErrorType", "TooManyRequestsException").wantRate("").wantHeader("Retry-After", "")
			return
		}
	}
	t.Error("never throttled")
}

func checkOffers(t *testing.T) {
	s := limited(t)
	asin := s.asins()[0]
	uri := "/products/pricing/v0/items/" + asin + "/offers"
	r := s.do("GET", uri+"?ItemCondition=New&MarketplaceId="+us, "").want(200).wantRate("0.5")
	r.wantNames("payload", "ASIN", "status", "ItemCondition", "Identifier", "Summary", "Offers", "marketplaceId").wantNames("payload.Identifier", "MarketplaceId", "ItemCondition", "ASIN")
	r.wantPart(`"status":"Success"`).wantPart(`"LowestPrices":\[\{"condition":"new","fulfillmentChannel":"\w+","LandedPrice":\{"CurrencyCode":"USD","Amount":\d+\.\d\d\},`)
	r.wantPart(`"BuyBoxPrices":\[\{"condition":"New","LandedPrice"`).wantPart(`"Shipping":\{"CurrencyCode":"USD","Amount":0\.00\}`)

	batch := func(path string, requests ...string) *reply {
		t.Helper()
		s.emu.Advance(time.Minute)
		return s.do("POST", "/batches/products/pricing/v0/"+path, `{"requests":[`+strings.Join(requests, ",")+`]}`)
	}
	item := func(uri, condition string) string {
		return fmt.Sprintf(`{"uri":%q,"method":"GET","MarketplaceId":%q,"ItemCondition":%q}`, uri, us, condition)
	}
	r = batch("itemOffers", item(uri, "New"), item(uri, "Used")).want(200).wantRate("0.1")
	for _, i := range []string{"0", "1"} {
		r.wantNames("responses."+i, "headers", "status", "body", "request").wantNames("responses."+i+".headers", "x-amzn-RequestId", "Date").wantNames("responses."+i+".status", "statusCode", "reasonPhrase")
		r.wantNames("responses."+i+".request", "MarketplaceId", "ItemCondition", "Asin")
		r.wantNames("responses."+i+".body.payload", "marketplaceId", "Identifier", "ASIN", "Summary", "Offers", "status", "ItemCondition")
	}
	r.wantPart(`"LandedPrice":\{"CurrencyCode":"USD","Amount":\d+\.\d+\},"Shipping":\{"CurrencyCode":"USD","Amount":0\.0\},"ListingPrice"`)

	repeated := []string{"code", "InvalidInput", "message", "Duplicate requests submitted.  Cannot run batch request."}
	batch("itemOffers", item(uri, "New"), item(uri, "New")).wantError(400, repeated...)
	batch("listingOffers", item(uri, "New"), item("/products/pricing/v0/items/B08YF4W8S9/offers", "New")).wantError(400, repeated...)

	r = batch("itemOffers", fmt.Sprintf(`{"uri":%q,"method":"GET","ItemCondition":"New","queryParams":{"MarketplaceId":%q}}`, uri, us)).want(200)
	r.wantPart(`"status":\{"statusCode":400,"reasonPhrase":"Bad Request"\},"body":\{"errors":\[\{"code":"InvalidInput","message":"Requested MarketplaceId is invalid, unsupported, or does not exist\."\}\]\}`)
}

func checkFees(t *testing.T) {
	s := open(t)
	asin, sku := s.asins()[0], s.skus()[0]
	request := func(byAmazon, amount string) string {
		return fmt.Sprintf(`"FeesEstimateRequest":{"MarketplaceId":%q,"Identifier":"x","IsAmazonFulfilled":%s,"PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"USD","Amount":%s}}}`, us, byAmazon, amount)
	}
	r := s.do("POST", "/products/fees/v0/items/B000000000/feesEstimate", "{"+request("true", "7.99")+"}").want(200).wantNames("payload.FeesEstimateResult", "Status", "FeesEstimateIdentifier", "Error")
	r.wantPart(`"Status":"ClientError"`).wantPart(`"Error":\{"Type":"Sender","Code":"InvalidParameterValue","Message":"There is an client-side error\. Please verify your inputs\.","Detail":\[\]\}`)
	s.do("POST", "/products/fees/v0/listings/"+url.PathEscape(sku)+"/feesEstimate", "{"+request(`"true"`, `"7.99"`)+"}").want(200).wantPart(`"Status":"Success"`)
	r = s.do("POST", "/products/fees/v0/feesEstimate", `[{`+request("true", "20")+`,"IdType":"ASIN","IdValue":"`+asin+`"}]`, "Content-Type", "application/json").want(200)
	r.wantPart(`^\[`).wantPart(`"TimeOfFeesEstimation":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	r.wantPart(`"FeeDetailList":\[\{"FeeType":"ReferralFee","FeeAmount":\{"CurrencyCode":"USD","Amount":\d+\.\d+\},"FinalFee":\{.*?\},"FeePromotion":\{"CurrencyCode":"USD","Amount":0\.0\}\}`)
}

func checkProductType(t *testing.T) {
	s := limited(t, emulator.WithRegion(marketplace.Europe))
	r := s.do("GET", "/definitions/2020-09-01/productTypes/PRODUCT?requirements=LISTING_OFFER_ONLY&requirementsEnforced=ENFORCED&marketplaceIds="+de, "").want(200).wantRate("5.0")
	r.wantNames("", "metaSchema", "schema", "requirements", "requirementsEnforced", "propertyGroups", "locale", "marketplaceIds", "productType", "displayName", "productTypeVersion")
	u, err := url.Parse(r.text("metaSchema.link.resource"))
	if err != nil || u.Host != "selling-partner-definitions-prod-dub.s3.eu-west-1.amazonaws.com" || u.Query().Get("X-Amz-Expires") != "604800" {
		t.Errorf("link %v: %v", u, err)
	}
	s.download(u.String())
}

func checkReport(t *testing.T) {
	s := limited(t)
	const kind = "GET_MERCHANT_LISTINGS_ALL_DATA"
	created := s.do("POST", "/reports/2021-06-30/reports", `{"reportType":"`+kind+`","marketplaceIds":["`+us+`"]}`).want(202).wantRate("0.0167")
	if !regexp.MustCompile(`^\{"reportId":"\d{13}"\}$`).Match(created.body) {
		t.Errorf("createReport: %s", created.body)
	}
	s.emu.Advance(time.Minute)
	members := []string{"reportType", "processingEndTime", "processingStatus", "marketplaceIds", "reportDocumentId", "reportId", "dataEndTime", "createdTime", "processingStartTime", "dataStartTime"}
	r := s.do("GET", "/reports/2021-06-30/reports/"+created.text("reportId"), "").want(200).wantRate("2.0").wantNames("", members...)
	if at := r.text("createdTime"); at != "2026-01-15T12:00:00+00:00" || r.text("dataStartTime") != at || r.text("dataEndTime") != at {
		t.Errorf("times in %s", r.body)
	}
	id := r.text("reportDocumentId")
	if !regexp.MustCompile(`^amzn1\.spdoc\.1\.4\.na\.[0-9a-f-]{36}\.[A-Z0-9]{13,14}\.\d+$`).MatchString(id) {
		t.Errorf("document id %q", id)
	}
	s.do("GET", "/reports/2021-06-30/reports?pageSize=10&reportTypes="+kind, "").want(200).wantRate("0.0222").wantNames("", "reports").wantNames("reports.0", members...)
	r = s.do("GET", "/reports/2021-06-30/documents/"+id, "").want(200).wantRate("0.0167")
	if names := r.names(""); names[len(names)-1] != "url" { // this one is large enough to be compressed
		t.Errorf("members %q", names)
	}
	u, err := url.Parse(r.text("url"))
	if err != nil || u.Host != "tortuga-prod-na.s3-external-1.amazonaws.com" || u.Query().Get("X-Amz-SignedHeaders") != "host" || u.Query().Get("X-Amz-Expires") != "300" {
		t.Errorf("link %v: %v", u, err)
	}
	// One that is small isn't compressed.
	created = s.do("POST", "/reports/2021-06-30/reports", `{"reportType":"FBA_BULK_INVOICE","marketplaceIds":["`+us+`"]}`).want(202)
	s.emu.Advance(time.Minute)
	id = s.do("GET", "/reports/2021-06-30/reports/"+created.text("reportId"), "").text("reportDocumentId")
	s.do("GET", "/reports/2021-06-30/documents/"+id, "").want(200).wantNames("", "reportDocumentId", "url")
}

func checkReportRefusals(t *testing.T) {
	s := limited(t)
	s.do("GET", "/reports/2021-06-30/reports/1", "").wantRate("2.0").wantHeader("x-amzn-ErrorType", "").
		wantError(404, "code", "NotFound", "message", "One or more of the provided ReportRequestIds could not be found.")
	// The row is of 2021 and has details before message; answers since 2024 have them in the order of all others.
	s.do("POST", "/reports/2021-06-30/reports", `{"reportType":"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2","marketplaceIds":["`+us+`"]}`).
		wantError(400, "code", "InvalidInput", "message", "Request for report type 1118 is not allowed at this time", "details", "")
	s.do("GET", "/reports/2021-06-30/reports?reportTypes=_GET_MERCHANT_LISTINGS_DATA_", "").
		want(400).wantPart(`"code":"InvalidInput","message":"Invalid Report Type __GET_MERCHANT_LISTINGS_DATA__`)
	s.do("GET", "/reports/2021-06-30/documents/amzn1.spdoc.1.4.na.x", "").want(400).wantPart(`"code":"InvalidInput","message":"Invalid reportDocumentId"`)
}

func checkParticipations(t *testing.T) {
	s := limited(t, emulator.WithRegion(marketplace.Europe))
	r := s.do("GET", "/sellers/v1/marketplaceParticipations", "").want(200).wantRate("0.016").wantNames("", "payload")
	// Without storeName in 2024, with it since 2025.
	r.wantNames("payload.0", "marketplace", "storeName", "participation").wantNames("payload.0.participation", "isParticipating", "hasSuspendedListings")
	r.wantNames("payload.0.marketplace", "id", "countryCode", "name", "defaultCurrencyCode", "defaultLanguageCode", "domainName")
	r.wantPart(`"countryCode":"GB"`).wantPart(`"domainName":"www\.amazon\.fr"`)
}

func checkOrderMetrics(t *testing.T) {
	s := limited(t)
	path := "/sales/v1/orderMetrics?granularity=Total&interval=2025-12-01T00:00:00-00:00--2026-01-01T00:00:00-00:00&marketplaceIds=" + us
	r := s.do("GET", path, "").want(200).wantRate("0.5").wantNames("payload.0", "interval", "unitCount", "orderItemCount", "orderCount", "averageUnitPrice", "totalSales")
	r.wantPart(`"interval":"2025-12-01T00:00Z--2026-01-01T00:00Z"`).wantPart(`"averageUnitPrice":\{"amount":\d+\.\d+,"currencyCode":"USD"\}`)
	s.do("GET", path+",A2EUQ1WTGCTBG2", "").wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "")
}

func checkOrdersArguments(t *testing.T) {
	s := limited(t)
	path := "/orders/v0/orders?MarketplaceIds=" + us
	s.do("GET", path+"&CreatedAfter=2026-01-01T00:00:00Z&CreatedBefore=2026-01-16T00:00:00Z", "").wantRate("0.0167").
		wantError(400, "code", "InvalidInput", "message", "The input you have submitted is not valid. Please check your input and try again.", "details", "")
	first := s.do("GET", path+"&CreatedAfter=2025-12-01T15:40:55&MaxResultsPerPage=1", "").want(200)
	token := first.text("payload.NextToken")
	null := []string{"message", "null", "code", "InvalidInput"}
	if strings.Contains(token, "+") {
		s.do("GET", path+"&NextToken="+token, "").wantError(400, null...)
	} else {
		s.do("GET", path+"&NextToken="+token[:8]+"+"+token[9:], "").wantError(400, null...)
	}
	s.do("GET", "/orders/v0/orders?NextToken="+url.QueryEscape(token), "").wantError(400, null...)
	s.do("GET", path+"&CreatedAfter=2026-01-01T00:00:00Z&LastUpdatedAfter=2026-01-01T00:00:00Z&BuyerEmail=&SellerOrderId=&NextToken=", "").want(400)
}

func checkInternalFailure(t *testing.T) {
	s := open(t)
	if _, err := s.emu.AddFault(emulator.Fault{Kind: emulator.FaultInternal}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/orders/v0/orders?CreatedAfter=2026-01-01T00:00:00Z&MarketplaceIds=" + us, s.listing("x")} {
		s.do("GET", path, "").wantError(500, "code", "InternalFailure", "message", "We encountered an internal error. Please try again.", "details", "")
	}
}

func checkDynamicPlan(t *testing.T) {
	s := limited(t, emulator.WithRateLimit("ordersv0.getOrders", 0.04512, 20))
	s.do("GET", "/orders/v0/orders?CreatedAfter=2026-01-01T00:00:00Z&MarketplaceIds="+us, "").want(200).wantRate("0.04512")
}

func checkConfirmShipment(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	id := s.do("GET", "/orders/v0/orders?CreatedAfter=2025-12-01T00:00:00Z&OrderStatuses=Unshipped&FulfillmentChannels=MFN&MarketplaceIds="+us, "").text("payload.Orders.0.AmazonOrderId")
	items := s.do("GET", "/orders/v0/orders/"+id+"/orderItems", "")
	var list []string
	for _, v := range items.value("payload.OrderItems").([]any) {
		m := v.(map[string]any)
		list = append(list, fmt.Sprintf(`{"orderItemId":%q,"quantity":%v}`, m["OrderItemId"], m["QuantityOrdered"]))
	}
	confirm := func(reference, items string) *reply {
		return s.do("POST", "/orders/v0/orders/"+id+"/shipmentConfirmation", `{"marketplaceId":"`+us+`","packageDetail":{"packageReferenceId":`+reference+
			`,"carrierCode":"UPS","trackingNumber":"1Z","shipDate":"2026-01-15T00:00:00Z","orderItems":[`+items+`]}}`)
	}
	refused := func(r *reply, message string) {
		t.Helper()
		r.wantError(400, "code", "InvalidInput", "message", message, "details", "")
	}
	all := strings.Join(list, ",")
	refused(confirm(`"abc"`, all), "PackageReferenceId: is invalid, must be a positive numeric value.")
	refused(confirm("1", all), "The input you have submitted is not valid. Please check the fields with invalid type [packageDetail.packageReferenceId].")
	refused(confirm(`"1"`, `{"orderItemId":"1","quantity":1}`), "OrderItemId is invalid, please obtain the value through the getOrderItems API or Manage Orders page")
	confirm(`"1"`, all).want(204)
	refused(confirm(`"2"`, all), "Failed to create package due to not finding a matching package or order already fulfilled.  ErrorMessage(errorCode=GeneralError, "+
		"errorDescription=Unable to find package to update for order (), errorMetric=PackageToUpdateNotFound, packageIndex=null)")
}

const kioskQuery = "query {\n  analytics_salesAndTraffic_2024_04_24 {\n    salesAndTrafficByDate(\n      startDate: \"2025-12-01\"\n      endDate: \"2025-12-31\"\n" +
	"      marketplaceIds: [\"ATVPDKIKX0DER\"]\n      aggregateBy: WEEK\n    ) {\n      marketplaceId\n      sales {\n        orderedProductSales {\n          amount\n          currencyCode\n        }\n      }\n    }\n  }\n}\n"

// objectKey is the path of a document's URL: the unique part of its id comes first.
var objectKey = regexp.MustCompile(`^/[0-9a-f-]{36}\.amzn1\.tortuga\.4\.na\.[A-Z0-9]{14}$`)

func checkKiosk(t *testing.T) {
	s := limited(t)
	body, err := json.Marshal(map[string]string{"query": kioskQuery})
	if err != nil {
		t.Fatal(err)
	}
	created := s.do("POST", "/dataKiosk/2023-11-15/queries", string(body)).want(202).wantRate("0.0167")
	if !regexp.MustCompile(`^\{"queryId":"\d{13}"\}$`).Match(created.body) {
		t.Errorf("createQuery: %s", created.body)
	}
	s.emu.Advance(time.Minute)
	r := s.do("GET", "/dataKiosk/2023-11-15/queries/"+created.text("queryId"), "").want(200).wantRate("2.0")
	// One page has no pagination.
	r.wantNames("", "processingEndTime", "processingStatus", "query", "createdTime", "processingStartTime", "dataDocumentId", "queryId")
	if want := `query {analytics_salesAndTraffic_2024_04_24 {salesAndTrafficByDate(startDate:"2025-12-01",endDate:"2025-12-31",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:WEEK) ` +
		`{marketplaceId sales {orderedProductSales {amount currencyCode}}}}}`; r.text("query") != want || r.text("createdTime") != "2026-01-15T12:00:00Z" {
		t.Errorf("getQuery: %s", r.body)
	}
	r = s.do("GET", "/dataKiosk/2023-11-15/documents/"+r.text("dataDocumentId"), "").want(200).wantRate("0.0167").wantNames("", "documentUrl", "documentId")
	u, err := url.Parse(r.text("documentUrl"))
	if err != nil || !objectKey.MatchString(u.Path) || u.Host != "tortuga-prod-na.s3-external-1.amazonaws.com" || u.Query().Get("X-Amz-SignedHeaders") != "host" || u.Query().Get("X-Amz-Expires") != "300" {
		t.Errorf("link %v: %v", u, err)
	}
	document := s.download(u.String()).wantHeader("Content-Type", "application/jsonlines; charset=UTF-8").wantHeader("Content-Encoding", "")
	if line, _, _ := bytes.Cut(document.body, []byte("\n")); !regexp.MustCompile(`"orderedProductSales":\{"amount":\d+\.\d+,"currencyCode":"USD"\}`).Match(line) {
		t.Errorf("document: %s", line)
	}
}

func checkKioskDenied(t *testing.T) {
	s := open(t)
	denied := []string{"code", "Unauthorized", "message", "Access to requested resource is denied.", "details", ""}
	const document = "/dataKiosk/2023-11-15/documents/amzn1.tortuga.4.na.x"
	s.do("GET", document+"?marketplaceIds="+us, "").wantError(403, denied...)
	// A data set of vendors, which a seller's application can't have.
	s.do("POST", "/dataKiosk/2023-11-15/queries", `{"query":"query {analytics_vendorAnalytics_2024_09_30 {sourcingView(startDate:\"2025-12-01\",endDate:\"2025-12-31\",aggregateBy:DAY,currencyCode:\"USD\") {startDate}}}"}`).
		wantError(403, denied...)
	s.emu.SetRoles("Pricing")
	s.do("GET", document, "").wantError(403, denied...)
}

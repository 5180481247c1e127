package recordings

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// deskChecks are the checks of what holds for all operations: parameters, bodies, marketplaces.
func deskChecks() []check {
	return []check{
		{rows: []int{47}, run: checkRawBrackets},
		{rows: []int{48}, run: checkUnknownSpelling},
		{rows: []int{49}, run: checkMissingMarketplaces},
		{rows: []int{60}, run: checkMissingReportType},
		{rows: []int{94}, run: checkDateEncodedTwice},
		{rows: []int{127}, run: checkMarketplaceWithoutPart},
		{rows: []int{128}, run: checkFourSpellings},
		{rows: []int{144}, run: checkDeniedWithoutDetails},
		{rows: []int{145}, run: checkNoToken},
		{rows: []int{169}, run: checkNumberForBoolean},
		{rows: []int{170}, run: checkUnknownChannel},
		{rows: []int{171}, run: checkFinancialEvents},
		{rows: []int{175}, run: checkUploadWithoutParameters},
		{rows: []int{181}, run: checkVendorBody},
		{rows: []int{186}, run: checkBadTokens},
		{rows: []int{197}, run: checkUnknownPath},
		{rows: []int{198}, run: checkBareRequest},
	}
}

const (
	unitedStates = "ATVPDKIKX0DER"
	canada       = "A2EUQ1WTGCTBG2"
	denied       = "Access to requested resource is denied."
)

// wantDenied wants a 403 of the gateway. What was recorded before 2023 has the message before the code; since then it is the other way round.
func (r *reply) wantDenied(details string) *reply {
	r.Helper()
	return r.wantError(403, "code", "Unauthorized", "message", denied, "details", details).wantHeader("x-amzn-ErrorType", "AccessDeniedException").
		wantHeader("x-amzn-RateLimit-Limit", "").wantHeader("Content-Type", "application/json")
}

func checkRawBrackets(t *testing.T) {
	r := open(t).do("GET", "/catalog/2022-04-01/items/B000000000?marketplace_ids[]="+unitedStates, "").want(400)
	if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		t.Errorf("content type %q", kind)
	}
	for _, part := range []string{"HTTP Status 400 – Bad Request", "Exception Report", "Invalid character found in the request target [",
		"?marketplace_ids[]=" + unitedStates + " ]. The valid characters are defined in RFC 7230 and RFC 3986"} {
		if !bytes.Contains(r.body, []byte(part)) {
			t.Errorf("no %q in %s", part, r.body)
		}
	}
}

func checkUnknownSpelling(t *testing.T) {
	open(t).do("GET", "/catalog/2022-04-01/items/B000000000?marketplace_ids="+unitedStates, "").
		wantError(400, "code", "InvalidInput", "message", "Invalid 'marketplaceIds' provided.", "details", "").wantHeader("Content-Type", "application/json")
}

func checkMissingMarketplaces(t *testing.T) {
	s := open(t)
	interval := url.QueryEscape("2026-01-01T00:00:00Z--2026-01-02T00:00:00Z")
	for _, path := range []string{"/sales/v1/orderMetrics?granularity=Day&interval=" + interval, "/messaging/v1/orders/902-1845936-5435065", "/solicitations/v1/orders/902-1845936-5435065"} {
		s.do("GET", path, "").wantError(400, "message", "Missing or invalid request parameters: [marketplaceIds]", "code", "InvalidInput")
	}
}

func checkMissingReportType(t *testing.T) {
	s := open(t)
	for _, target := range []string{"/reports/2021-06-30/reports", "/reports/2021-06-30/reports?reportType=GET_MERCHANT_LISTINGS_ALL_DATA&marketplaceIds=" + unitedStates} {
		for _, body := range []string{"", "{}"} {
			s.do("POST", target, body).wantError(400, "code", "InvalidInput", "message", "One or more required parameters missing", "details", "marketplaceIds;reportType;")
		}
	}
}

func checkDateEncodedTwice(t *testing.T) {
	open(t).do("GET", "/orders/v0/orders?MarketplaceIds="+unitedStates+"&CreatedAfter=2026-01-01T00%253A00%253A00Z", "").
		wantError(400, "code", "InvalidInput", "message", "This is an invalid input", "details", "Invalid date-time field(s) [lastUpdatedAfter, createdAfter].")
}

// checkMarketplaceWithoutPart has a seller who takes part in the United States only.
func checkMarketplaceWithoutPart(t *testing.T) {
	s := open(t)
	creds, err := s.emu.AddAccount(emulator.AccountConfig{Region: marketplace.NorthAmerica, Marketplaces: []string{unitedStates}})
	if err != nil {
		t.Fatal(err)
	}
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {creds.RefreshToken}})
	for _, path := range []string{"/sellers/v1/marketplaceParticipations", "/reports/2021-06-30/reports/1234"} {
		for _, name := range []string{"MarketplaceId", "MarketplaceIds", "marketplaceIds"} {
			s.do("GET", path+"?"+name+"="+canada, "").wantDenied("")
			s.do("GET", path+"?"+name+"=A19VAU5U5O7RUS", "").wantDenied("") // Singapore, of another region
			s.do("GET", path+"?"+name+"=A1MQXOICRS2Z7M", "").wantDenied("") // one without a store
		}
	}
	s.do("GET", "/sellers/v1/marketplaceParticipations?MarketplaceId="+unitedStates, "").want(200)
}

// checkFourSpellings asks as saleweaver/python-amazon-sp-api does, and wants the answer that there is without all that.
func checkFourSpellings(t *testing.T) {
	s := open(t, emulator.WithFixedTime(emulator.FixedStart))
	spellings := "MarketplaceId=" + unitedStates + "&MarketplaceIds=" + unitedStates + "&marketplace_ids=" + unitedStates + "&marketplaceIds=" + unitedStates
	orders := s.do("GET", "/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds="+unitedStates, "").want(200)
	for _, path := range []string{"/sellers/v1/marketplaceParticipations", "/orders/v0/orders/" + orders.text("payload.Orders.0.AmazonOrderId"), "/orders/v0/orders?CreatedAfter=2020-01-01",
		"/orders/v0/orders/" + orders.text("payload.Orders.0.AmazonOrderId") + "/orderItems", "/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED", "/vendor/orders/v1/purchaseOrders"} {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		plain := s.do("GET", path+separator+"MarketplaceIds="+unitedStates, "").want(200)
		if r := s.do("GET", path+separator+spellings, "").want(200).wantHeader("Content-Type", "application/json"); !bytes.Equal(r.body, plain.body) {
			t.Errorf("%s: %s, want %s", path, r.body, plain.body)
		}
	}
}

func checkDeniedWithoutDetails(t *testing.T) {
	s := open(t)
	s.host = marketplace.Europe.Endpoint()
	s.do("GET", "/sellers/v1/marketplaceParticipations", "").wantDenied("")
	s.host = northAmerica
	s.emu.SetRoles("Tax Remittance")
	s.do("GET", "/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds="+unitedStates, "").wantDenied("")
}

func checkNoToken(t *testing.T) {
	open(t).do("GET", "/sellers/v1/marketplaceParticipations", "", "x-amz-access-token", "").wantDenied("Access token is missing in the request header.")
}

func checkNumberForBoolean(t *testing.T) {
	s := open(t)
	path := "/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=" + unitedStates + "&marketplaceIds=" + unitedStates + "&details="
	s.do("GET", path+"1", "").wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "")
	with := s.do("GET", path+"true", "").want(200)
	if r := s.do("GET", path+"True", "").want(200); !bytes.Equal(r.body, with.body) {
		t.Errorf("True and true differ: %s, %s", r.body, with.body)
	}
}

func checkUnknownChannel(t *testing.T) {
	r := open(t).do("GET", "/orders/v0/orders?CreatedAfter=2020-01-01&FulfillmentChannels=SellerFulfilled&MarketplaceIds="+unitedStates, "").want(400)
	const want = "1 validation error detected: Value '[SellerFulfilled]' at 'fulfillmentChannel' failed to satisfy constraint: " +
		"Member must satisfy constraint: [Member must satisfy enum value set: [AFN, MFN]]"
	if got := r.text("errors.0.message"); got != want {
		t.Errorf("message %q", got)
	}
}

func checkFinancialEvents(t *testing.T) {
	s := open(t)
	s.do("GET", "/finances/v0/financialEvents?details=true&granularityId="+unitedStates+"&granularityType=Marketplace&marketplaceIds="+unitedStates, "").
		wantError(400, "code", "InvalidInput", "message", "Must specify a valid value of atleast one of : 1)AmazonOrderId, 2)FinancialEventGroupId and 3)PostedAfter", "details", "")
	s.do("GET", "/finances/v0/financialEvents?PostedAfter=2026-01-01T00:00:00Z", "").want(200)
}

func checkUploadWithoutParameters(t *testing.T) {
	open(t).do("POST", "/uploads/2020-11-01/uploadDestinations/messaging", "").
		wantError(400, "message", "Missing or invalid request parameters: [contentMD5, marketplaceIds]", "code", "InvalidInput")
}

func checkVendorBody(t *testing.T) {
	s := open(t)
	for path, member := range map[string]string{"/vendor/orders/v1/acknowledgements": "acknowledgements", "/vendor/directFulfillment/orders/v1/acknowledgements": "orderAcknowledgements"} {
		r := s.do("POST", path, `{"marketplaceIds":["`+unitedStates+`"],"MarketplaceIds":["`+unitedStates+`"]}`).want(400)
		for i, want := range []string{"Invalid content was found starting with element 'marketplaceIds'. One of '{" + member + "}' is expected.", "MarketplaceIds"} {
			at := "errors." + string(rune('0'+i))
			if r.text(at+".code") != "InvalidInput" || r.text(at+".message") != want || r.text(at+".details") != "" {
				t.Errorf("%s: %s", path, r.body)
			}
		}
		if r.value("errors.2") != nil {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	// The sandbox took them.
	s.host = "https://sandbox.sellingpartnerapi-na.amazon.com"
	s.do("POST", "/vendor/orders/v1/acknowledgements", `{"marketplaceIds":["`+unitedStates+`"]}`).want(202)
}

func checkBadTokens(t *testing.T) {
	s := open(t)
	const details = "The access token you provided is revoked, malformed or invalid."
	s.do("GET", "/sellers/v1/marketplaceParticipations", "", "x-amz-access-token", "Atza|made-up").wantDenied(details)
	s.do("GET", "/sellers/v1/marketplaceParticipations", "").want(200)
	s.emu.RevokeRefreshToken(s.creds.RefreshToken)
	s.do("GET", "/sellers/v1/marketplaceParticipations", "").wantDenied(details)
}

func checkUnknownPath(t *testing.T) {
	s := open(t)
	s.host = "https://sandbox.sellingpartnerapi-na.amazon.com"
	r := s.do("GET", "/orders/v0/ordersss", "").wantDenied("")
	if len(r.body) != 143 {
		t.Errorf("%d bytes: %s", len(r.body), r.body)
	}
}

func checkBareRequest(t *testing.T) {
	emu, err := emulator.New(emulator.WithSeed(1)) // with limits, which show in the header
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, emu: emu, creds: emu.Credentials(), host: "https://sandbox.sellingpartnerapi-na.amazon.com"}
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
	s.do("GET", "/sellers/v1/marketplaceParticipations", "", "User-Agent", "", "x-amz-date", "").want(200).wantHeader("Content-Type", "application/json").
		wantHeader("x-amzn-RateLimit-Limit", "5.0").wantHeader("Edge-Cache-Control", "no-store,no-cache,stale-if-error=0,stale-while-revalidate=0").
		wantHeader("Vary", "User-Agent,Accept-Encoding").wantHeader("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload").wantHeader("Server", "Server")
}

package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// TestReasons makes a refusal by each check, and wants its reason in the log and in the header.
func TestReasons(t *testing.T) {
	orders := "/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds=" + us
	for _, test := range []struct {
		name, method, target, body string
		prepare                    func(c *client)
		opts                       []emulator.Option
		reason                     string // its beginning
	}{
		{name: "no token", method: "GET", target: na + orders, prepare: func(c *client) { c.token = "" }, reason: "token: the request has no x-amz-access-token"},
		{name: "unknown token", method: "GET", target: na + orders, prepare: func(c *client) { c.token = "Atza|nobody" }, reason: "token: Login with Amazon has given out no such"},
		{name: "taken back", method: "GET", target: na + orders, prepare: func(c *client) { c.RevokeRefreshToken(c.Credentials().RefreshToken) }, reason: "token: the seller has taken"},
		{name: "expired", method: "GET", target: na + orders, prepare: func(c *client) { c.ExpireTokens() }, reason: "token: it expired at 20"},
		{name: "secret", method: "GET", target: na + orders, prepare: func(c *client) { c.ExpireSecret() }, reason: "token: the application's client secret expired at 20"},
		{name: "region", method: "GET", target: marketplace.Europe.Endpoint() + orders, reason: "region: the seller's authorization is for na, the request went to eu"},
		{name: "role", method: "GET", target: na + orders, prepare: func(c *client) { c.SetRoles("Tax Remittance") }, reason: "role: the application has none of those of getOrders: "},
		{name: "grantless operation", method: "GET", target: na + "/notifications/v1/destinations", reason: "token: it is a seller's, and getDestinations wants a grantless one"},
		{name: "grantless token", method: "GET", target: na + orders, prepare: func(c *client) { c.token = c.grantless("sellingpartnerapi::notifications") }, reason: "token: it is grantless"},
		{name: "scope", method: "GET", target: na + "/notifications/v1/destinations", prepare: func(c *client) { c.token = c.grantless("sellingpartnerapi::migration") },
			reason: "token: it is not for the scope sellingpartnerapi::notifications"},
		{name: "restricted", method: "GET", target: na + "/shipping/v1/shipments/x",
			reason: "no restricted token: getShipment wants one for GET /shipping/v1/shipments/{shipmentId}"},
		{name: "route", method: "GET", target: na + "/orders/v0/ordersss", reason: "route: "},
		{name: "sandbox only", method: "POST", target: na + "/fba/inventory/v1/items", body: "{}", reason: "sandbox: createInventoryItem is served there only"},
		{name: "signature", method: "GET", target: na + orders, opts: []emulator.Option{emulator.WithRequireSigV4()}, reason: "signature: "},
		{name: "marketplace", method: "GET", target: na + "/sellers/v1/account?MarketplaceId=A1F83G8C2ARO7P", reason: "marketplaces: MarketplaceId names A1F83G8C2ARO7P of region eu"},
		{name: "limit", method: "GET", target: na + "/sellers/v1/account", opts: []emulator.Option{emulator.WithRateLimit("sellersv1.*", 0.001, 1)},
			prepare: func(c *client) { c.get("/sellers/v1/account") }, reason: "limit: no request is left in the bucket of sellersv1.getAccount"},
		{name: "header", method: "GET", target: na + orders, prepare: func(c *client) { c.token = strings.Repeat("x", 9000) }, reason: "header: "},
		{name: "target", method: "GET", target: na + orders + "&a[]=1", reason: "front: "},
		{name: "missing", method: "GET", target: na + "/orders/v0/orders?CreatedAfter=2020-01-01", reason: "MarketplaceIds: required"},
		{name: "value", method: "GET", target: na + orders + "&MaxResultsPerPage=x", reason: "MaxResultsPerPage: is not an integer"},
		{name: "body", method: "POST", target: na + "/feeds/2021-06-30/feeds", body: "{", reason: "body: "},
		{name: "members", method: "POST", target: na + "/feeds/2021-06-30/feeds", body: `{"feedType":1}`, reason: "inputFeedDocumentId: required; marketplaceIds: required"},
		{name: "not found", method: "GET", target: na + "/feeds/2021-06-30/feeds/12", reason: "NotFound: "},
		{name: "handler", method: "GET", target: na + orders + "&OrderStatuses=Lost", reason: "OrderStatuses: has an unknown value"},
		{name: "vendor", method: "POST", target: na + "/vendor/orders/v1/acknowledgements", body: `{"more":1}`, reason: "body: more: not declared"},
		{name: "login", method: "POST", target: tokenURL, body: "grant_type=password", reason: "login: The authorization grant type"},
		{name: "client", method: "POST", target: tokenURL, body: "grant_type=refresh_token&refresh_token=x&client_id=y&client_secret=z", reason: "login: client_id or client_secret"},
		{name: "sts", method: "POST", target: "https://sts.amazonaws.com/", body: "Action=GetCallerIdentity&Version=2011-06-15", reason: "sts: MissingAuthenticationToken"},
		{name: "s3", method: "GET", target: "https://tortuga-prod-na.s3-external-1.amazonaws.com/nothing", reason: "s3: AccessDenied"},
		{name: "consent", method: "GET", target: "https://sellercentral.amazon.com/apps/authorize/consent?application_id=x&state=s", reason: "consent: MD1000"},
		{name: "fault", method: "GET", target: na + orders, prepare: func(c *client) {
			if _, err := c.AddFault(emulator.Fault{Kind: emulator.FaultInternal}); err != nil {
				c.t.Fatal(err)
			}
		}, reason: "fault: internal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := test.opts
			if len(opts) == 0 {
				opts = []emulator.Option{emulator.WithoutLimits()}
			}
			c := newClient(t, opts...)
			if test.prepare != nil {
				test.prepare(c)
			}
			h := http.Header{}
			if c.token != "" {
				h.Set("x-amz-access-token", c.token)
			}
			if strings.HasPrefix(test.body, "{") {
				h.Set("Content-Type", "application/json")
			} else if test.body != "" {
				h.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			r := c.do(test.method, test.target, h, test.body)
			log := c.Requests()
			if reason := r.header.Get("X-Spapi-Emulator-Reason"); r.status < 400 || !strings.HasPrefix(reason, test.reason) || log[len(log)-1].Reason != reason {
				t.Errorf("%d, header %q, log %q, want %q", r.status, reason, log[len(log)-1].Reason, test.reason)
			}
			if len(test.opts) == 0 && test.prepare == nil { // and without being asked for it, no header
				e, err := emulator.New(emulator.WithSeed(1))
				if err != nil {
					t.Fatal(err)
				}
				req, _ := http.NewRequest(test.method, test.target, strings.NewReader(test.body))
				resp, err := e.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if reason := resp.Header.Get("X-Spapi-Emulator-Reason"); reason != "" {
					t.Errorf("without WithExplain: %q", reason)
				}
			}
		})
	}
}

// TestSuccessHasNoReason looks at an answer that is no refusal.
func TestSuccessHasNoReason(t *testing.T) {
	c := newClient(t)
	r := c.get("/sellers/v1/account")
	log := c.Requests()
	if reason := r.header.Get("X-Spapi-Emulator-Reason"); r.status != 200 || reason != "" || log[len(log)-1].Reason != "" {
		t.Errorf("%d %q %+v", r.status, reason, log[len(log)-1])
	}
}

// TestReasonsAreBrief: however much is wrong, the header is one that clients take.
func TestReasonsAreBrief(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	r := c.get("/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds=" + strings.Repeat("X", 5000))
	if reason := r.header.Get("X-Spapi-Emulator-Reason"); r.status != 400 || len(reason) > 1100 || !strings.HasPrefix(reason, "MarketplaceIds: ") {
		t.Errorf("%d, %d bytes: %s", r.status, len(reason), reason)
	}
}

// TestReasonsHoldNoSecrets sends what must not stand in the log to where reasons repeat what was sent.
func TestReasonsHoldNoSecrets(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, secret := range []string{"Atzr|IwEBIsecretsecret", "amzn1.oa2-cs.v1.secretsecret", "jane.doe@example.com", "correct horse battery"} {
		escaped := url.QueryEscape(secret)
		c.post("/feeds/2021-06-30/feeds", fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%q],"inputFeedDocumentId":%q}`, secret, secret, secret))
		c.post("/tokens/2021-03-01/restrictedDataToken", fmt.Sprintf(`{"targetApplication":%q,"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}]}`, secret))
		c.post("/feeds/2021-06-30/documents", fmt.Sprintf(`{"contentType":%q`, secret))
		c.post("/tokens/2021-03-01/restrictedDataToken", fmt.Sprintf(`{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":[%q]}]}`, secret))
		c.post("/fba/outbound/2020-07-01/fulfillmentOrders", fmt.Sprintf(`{"sellerFulfillmentOrderId":"F-1","displayableOrderId":"F-1","displayableOrderDate":"2026-01-15T00:00:00Z",`+
			`"displayableOrderComment":"x","shippingSpeedCategory":"Standard","destinationAddress":{"name":"x","addressLine1":"x","postalCode":"98101","countryCode":"US"},`+
			`"items":[{"sellerSku":%[1]q,"sellerFulfillmentOrderItemId":%[1]q,"quantity":1}]}`, secret))
		for _, body := range []string{`{"payloadVersion":"1.0","destinationId":%q}`, `{"payloadVersion":%q,"destinationId":"x"}`} {
			c.post("/notifications/v1/subscriptions/ANY_OFFER_CHANGED", fmt.Sprintf(body, secret))
		}
		c.do("POST", "https://sts.amazonaws.com/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "Version=2011-06-15&Action="+escaped)
		c.do("POST", tokenURL, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "grant_type="+escaped+"&client_secret="+escaped)
		if strings.HasSuffix(secret, "secretsecret") { // a value of a parameter that is the operation's own is logged with it
			c.get("/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds=" + escaped)
		}
		c.get("/orders/v0/orders?CreatedAfter=2020-01-01&MarketplaceIds=" + us + "&NextToken=" + escaped + "&" + escaped + "=1")
	}
	strict := newClient(t, emulator.WithoutLimits(), emulator.WithStrictParameters())
	for _, secret := range []string{"jane.doe@example.com", "correct horse battery"} {
		if r := strict.get("/orders/v0/orders?MarketplaceIds=" + us + "&" + url.QueryEscape(secret)); r.status != 400 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	for _, r := range append(c.Requests(), strict.Requests()...) {
		if text := fmt.Sprintf("%+v", r); strings.Contains(text, "secretsecret") || strings.Contains(text, "jane.doe") || strings.Contains(text, "battery") {
			t.Errorf("in the log: %s", text)
		}
	}
}

// TestMarketplacesAreAuthorized has the gateway's check of marketplaces: where it looks, and what it says.
func TestMarketplacesAreAuthorized(t *testing.T) {
	const (
		ca, uk, foreign = "A2EUQ1WTGCTBG2", "A1F83G8C2ARO7P", "The marketplaces you provided are not valid for region."
		sandbox         = "https://sandbox.sellingpartnerapi-na.amazon.com"
	)
	c := newClient(t, emulator.WithoutLimits())
	cred, err := c.AddAccount(emulator.AccountConfig{Region: marketplace.NorthAmerica, Marketplaces: []string{us}})
	if err != nil {
		t.Fatal(err)
	}
	c.token = c.accessToken(cred)
	listing := "/listings/2021-08-01/items/" + cred.SellerID + "/SKU?"
	for _, test := range []struct {
		host, path, details string
		status              int
	}{
		{na, "/sellers/v1/account?MarketplaceId=" + us, "", 200},
		{na, "/sellers/v1/account?MarketplaceId=" + ca, "", 403},
		{na, "/sellers/v1/account?marketplaceIds=" + us + "," + ca, "", 403},
		{na, "/sellers/v1/account?MarketplaceIds=" + uk, "", 403},
		{na, "/sellers/v1/account?marketplace_ids=" + uk, "", 200},
		{na, "/sellers/v1/account?marketplaceIds=nowhere", "", 200},
		{na, "/orders/v0/orders?MarketplaceIds=" + uk, "", 403}, // before the missing CreatedAfter
		{na, listing + "marketplaceIds=" + uk, foreign, 403},
		{na, listing + "marketplaceIds=" + ca, "", 403},
		{na, "/catalog/2022-04-01/items?marketplaceIds=" + uk, foreign, 403}, // before the missing keywords
		{na, "/definitions/2020-09-01/productTypes/LAMP?marketplaceIds=" + uk, foreign, 403},
		{na, "/orders/2026-01-01/orders?marketplaceIds=" + uk, foreign, 403},
		{na, "/vendor/orders/v1/purchaseOrders?marketplaceIds=" + uk, "", 403},
		{na, "/dataKiosk/2023-11-15/queries/1?marketplaceIds=" + us, "", 403},
		{na, "/dataKiosk/2023-11-15/documents/1?MarketplaceId=" + us, "", 403},
		{na, "/dataKiosk/2023-11-15/queries?marketplaceIds=" + us, "", 200},
		{sandbox, listing + "marketplaceIds=" + uk, foreign, 403},
		{sandbox, "/orders/2026-01-01/orders?createdAfter=2020-01-01&marketplaceIds=" + uk, foreign, 403},
		{sandbox, "/orders/2026-01-01/orders?createdAfter=2020-01-01&marketplaceIds=" + us, "", 200},
		{sandbox, "/sellers/v1/account?MarketplaceId=" + uk, "", 200},
		{sandbox, "/fba/inbound/v0/shipments?QueryType=SHIPMENT&MarketplaceId=" + uk, "", 200},
		{"http://127.0.0.1", listing + "marketplaceIds=" + uk, foreign, 403}, // any host is the seller's region
	} {
		r := c.do("GET", test.host+test.path, http.Header{"X-Amz-Access-Token": {c.token}}, "")
		if r.status != test.status || test.status == 403 && r.text("errors", 0, "details") != test.details {
			t.Errorf("%s%s: %d %s, want %d with details %q", test.host, test.path, r.status, r.body, test.status, test.details)
		}
	}
}

// TestWordings has the words of single APIs for what is missing or wrong.
func TestWordings(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, test := range []struct{ method, path, body, message, details string }{
		{"GET", "/orders/v0/orders?CreatedAfter=2020-01-01", "", "Missing or invalid request parameters: [MarketplaceIds]", ""},
		{"GET", "/catalog/2020-12-01/items?keywords=a", "", "Missing or invalid request parameters: [marketplaceIds]", ""},
		{"GET", "/catalog/2022-04-01/items?keywords=a", "", "Invalid 'marketplaceIds' provided.", ""},
		{"GET", "/feeds/2021-06-30/feeds", "", "One or more required parameters missing", "feedTypes;"},
		{"POST", "/feeds/2021-06-30/documents", "{}", "One or more required parameters missing", "contentType;"},
		{"POST", "/feeds/2021-06-30/feeds", `{"feedType":"POST_PRODUCT_DATA","inputFeedDocumentId":"x","marketplaceIds":"x"}`, "Invalid request parameters", ""},
		{"GET", "/sales/v1/orderMetrics?granularity=Fortnight&interval=x&marketplaceIds=" + us, "", "Missing or invalid request parameters: [granularity]", ""},
		{"POST", "/shipping/v2/shipments/rates", "{}", "Invalid input", "Provided input is invalid. Please verify."},
		{"POST", "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":{}}`, "Invalid Input", ""},
		{"PATCH", "/listings/2021-08-01/items/x/y?marketplaceIds=" + us, `{"productType":"LAMP","patches":{}}`, "Request has missing or invalid parameters and cannot be parsed.", ""},
		{"GET", "/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=x&details=yes&marketplaceIds=" + us, "", "Invalid Input", ""},
	} {
		r := c.do(test.method, na+test.path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}, test.body)
		if r.status != 400 || r.text("errors", 0, "message") != test.message || r.text("errors", 0, "details") != test.details {
			t.Errorf("%s: %d %s, want %q, %q", test.path, r.status, r.body, test.message, test.details)
		}
	}
}

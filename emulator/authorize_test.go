package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

func TestRefusals(t *testing.T) {
	c := newClient(t)
	account := "/sellers/v1/account"
	expired := c.token
	c.clock.advance(time.Hour)
	c.refresh()
	european, err := c.AddAccount(emulator.AccountConfig{Region: marketplace.Europe})
	if err != nil {
		t.Fatal(err)
	}
	euToken := c.accessToken(european)
	grantless := c.grantless("sellingpartnerapi::notifications")
	revoked, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	revokedToken := c.accessToken(revoked)
	if !c.RevokeRefreshToken(revoked.RefreshToken) || c.RevokeRefreshToken(revoked.RefreshToken) {
		t.Error("RevokeRefreshToken: want true once")
	}
	for _, test := range []struct {
		name, method, url, token string
		status                   int
		details                  string
	}{
		{"good", "GET", na + account, c.token, 200, ""},
		{"no token", "GET", na + account, "", 403, "Access token is missing in the request header."},
		{"nonsense", "GET", na + account, "Atza|x", 403, "The access token you provided is revoked, malformed or invalid."},
		{"refresh token", "GET", na + account, c.Credentials().RefreshToken, 403, "The access token you provided is revoked, malformed or invalid."},
		{"revoked", "GET", na + account, revokedToken, 403, "The access token you provided is revoked, malformed or invalid."},
		{"expired", "GET", na + account, expired, 403, "The access token you provided has expired."},
		{"wrong region", "GET", eu + account, c.token, 403, ""},
		{"right region", "GET", eu + account, euToken, 200, ""},
		{"own host has no region", "GET", "http://127.0.0.1:8080" + account, euToken, 200, ""},
		{"grantless token for a seller's operation", "GET", na + account, grantless, 403, ""},
		{"grantless operation", "GET", na + "/notifications/v1/destinations", grantless, 200, ""},
		{"grantless operation with a seller's token", "GET", na + "/notifications/v1/destinations", c.token, 403, ""},
		{"seller's operation of the same API", "GET", na + "/notifications/v1/subscriptions?notificationTypes=FEED_PROCESSING_FINISHED", c.token, 200, ""},
		{"unknown path", "GET", na + "/nowhere", c.token, 403, ""},
		{"wrong method", "DELETE", na + account, c.token, 403, ""},
		{"another marketplace's orders", "GET", na + "/orders/v0/orders?MarketplaceIds=A1PA6795UKMFR9&CreatedAfter=2026-01-01", c.token, 403, ""},
		{"always restricted", "GET", na + "/orders/v0/orders/111-1111111-1111111/regulatedInfo", c.token, 403, ""},
		{"sandbox only", "POST", na + "/fba/inventory/v1/items", c.token, 403, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			if test.token != "" {
				h.Set("x-amz-access-token", test.token)
			}
			r := c.do(test.method, test.url, h, "")
			if r.status != test.status {
				t.Fatalf("%d %s, want %d", r.status, r.body, test.status)
			}
			if r.header.Get("x-amzn-RequestId") == "" {
				t.Error("no request id")
			}
			if r.status == 200 {
				return
			}
			if r.text("errors", 0, "code") != "Unauthorized" || r.text("errors", 0, "message") != "Access to requested resource is denied." || r.path("errors", 0, "details") != test.details {
				t.Errorf("%s, want details %q", r.body, test.details)
			}
			if h := r.header.Get("x-amzn-RateLimit-Limit"); h != "" {
				t.Errorf("rate header %q on an unauthenticated reply", h)
			}
		})
	}
}

func TestExpireTokens(t *testing.T) {
	c := newClient(t)
	c.ExpireTokens()
	if r := c.get("/sellers/v1/account"); r.text("errors", 0, "details") != "The access token you provided has expired." {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestRoles(t *testing.T) {
	op, _ := catalog.Lookup("ordersv0.getOrders")
	if len(op.Roles) == 0 {
		t.Skip("SKIPPED: the catalogue has no roles for getOrders")
	}
	c := newClient(t)
	path := "/orders/v0/orders?" + allUS
	c.SetRoles("No Such Role")
	if r := c.get(path); r.status != 403 || r.path("errors", 0, "details") != "" {
		t.Errorf("without the role: %d %s", r.status, r.body)
	}
	c.SetRoles("No Such Role", op.Roles[0])
	if r := c.get(path); r.status != 200 {
		t.Errorf("with %s: %d", op.Roles[0], r.status)
	}
	c.SetRoles()
	if r := c.get(path); r.status != 200 {
		t.Errorf("with all roles: %d", r.status)
	}
}

// TestSandboxTokens: in the sandbox a token holds in every region, and some grantless operations do with a seller's token otherwise than in
// production.
func TestSandboxTokens(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	ask := func(base, method, path string) result {
		return c.do(method, base+path, http.Header{"X-Amz-Access-Token": {c.token}}, "")
	}
	for _, region := range marketplace.Regions() {
		if r := ask(region.SandboxEndpoint(), "GET", "/sellers/v1/marketplaceParticipations"); r.status != 200 {
			t.Errorf("sandbox of %s: %d %s", region, r.status, r.body)
		}
		if r := ask(region.Endpoint(), "GET", "/sellers/v1/marketplaceParticipations"); (r.status == 200) != (region == marketplace.NorthAmerica) {
			t.Errorf("production of %s: %d %s", region, r.status, r.body)
		}
	}
	for path, want := range map[string]int{
		"destinations": 403, "destinations/none": 404, "subscriptions/ANY_OFFER_CHANGED/none": 500,
	} {
		if r := ask(marketplace.NorthAmerica.SandboxEndpoint(), "GET", "/notifications/v1/"+path); r.status != want {
			t.Errorf("%s in the sandbox: %d %s, want %d", path, r.status, r.body, want)
		}
		if r := ask(marketplace.NorthAmerica.Endpoint(), "GET", "/notifications/v1/"+path); r.status != 403 {
			t.Errorf("%s in production: %d %s, want 403", path, r.status, r.body)
		}
	}
}

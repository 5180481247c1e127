package emulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/jobs"
)

const (
	rotationScope = "sellingpartnerapi::client_credential:rotation"
	secretsARN    = "arn:aws:sqs:us-east-1:123456789012:secrets"
)

func TestSecretRotation(t *testing.T) {
	type message struct{ queue, body string }
	var got []message
	var s *shop
	s = newShop(t, WithNotificationSink(func(queue string, body []byte) {
		got = append(got, message{queue, string(body)})
		s.get("/sellers/v1/account") // a sink may ask the emulator
	}))
	rotate := func(token string) response {
		return s.send("POST", s.host+"/applications/2023-11-30/clientSecret", token, "")
	}
	token := s.grantless(rotationScope)
	s.want("not enrolled", rotate(token), 400, "Application is not enrolled for rotation notification. Please update application notification preference in Developer console.")
	s.want("seller's token", rotate(s.token), 403, "Unauthorized")
	s.want("other scope", rotate(s.grantless("sellingpartnerapi::notifications")), 403, "Unauthorized")
	s.SetCredentialQueue(secretsARN)
	old := s.Credentials()
	if a := rotate(token); a.status != 204 || a.body != "" || strings.Contains(fmt.Sprint(a.header), "oa2-cs") {
		t.Fatalf("%d %s %v", a.status, a.body, a.header)
	}
	if len(got) != 1 || got[0].queue != secretsARN {
		t.Fatalf("messages %v", got)
	}
	fresh := s.Credentials().ClientSecret
	if fresh == old.ClientSecret {
		t.Fatal("the secret is the old one")
	}
	// The envelope is compared whole: names and their case are Amazon's.
	var m map[string]any
	if err := json.Unmarshal([]byte(got[0].body), &m); err != nil {
		t.Fatal(err)
	}
	meta, _ := m["notificationMetadata"].(map[string]any)
	want := fmt.Sprintf(`{"eventTime":"2026-03-01T12:00:00.000Z","notificationMetadata":{"applicationId":%q,"notificationId":%q,"publishTime":"2026-03-01T12:00:00.000Z","subscriptionId":%q},"notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","notificationVersion":"1.0","payload":{"applicationOAuthClientNewSecret":{"clientId":%q,"newClientSecret":%q,"newClientSecretExpiryTime":"2026-08-28T12:00:00.000Z","oldClientSecretExpiryTime":"2026-03-08T12:00:00.000Z"}},"payloadVersion":"2023-11-30"}`,
		old.ApplicationID, meta["notificationId"], meta["subscriptionId"], old.ClientID, fresh)
	if got[0].body != want {
		t.Errorf("message\n%s\nwant\n%s", got[0].body, want)
	}
	if d := s.Deliveries(); len(d) != 1 || string(d[0].Body) != want || d[0].Queue != secretsARN || !d[0].Time.Equal(shopTime) {
		t.Errorf("deliveries %+v", d)
	}
	use := func(secret string) int {
		return s.lwa(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.RefreshToken}, "client_id": {old.ClientID}, "client_secret": {secret}}).status
	}
	if a, b := use(old.ClientSecret), use(fresh); a != 200 || b != 200 {
		t.Errorf("old secret %d, new %d, want both", a, b)
	}
	s.Advance(days(7))
	if a, b := use(old.ClientSecret), use(fresh); a != 401 || b != 200 {
		t.Errorf("after seven days: old secret %d, new %d", a, b)
	}
	// Ninety days before its end the secret is announced as old, once.
	s.Advance(days(83) - 1)
	s.get("/sellers/v1/account")
	if len(got) != 1 {
		t.Errorf("reminded too early: %v", got[1:])
	}
	s.Advance(1)
	s.get("/sellers/v1/account")
	s.get("/sellers/v1/account")
	if len(got) != 2 || !strings.Contains(got[1].body, `"notificationType":"APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"`) ||
		!strings.Contains(got[1].body, `"payload":{"applicationOAuthClientSecretExpiry":{"clientId":"`+old.ClientID+`","clientSecretExpiryReason":"PERIODIC_ROTATION","clientSecretExpiryTime":"2026-08-28T12:00:00.000Z"}}`) {
		t.Errorf("reminder %v", got[1:])
	}
	if list := Told(t, s.Emulator, "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"); len(list) != 1 || list[0].Text("clientId") != old.ClientID {
		t.Errorf("reminders %v", list)
	}
	// The console tells the queue, too.
	told := func() []Message { return Told(t, s.Emulator, "APPLICATION_OAUTH_CLIENT_NEW_SECRET") }
	before := len(told())
	fresh = s.RotateSecret()
	if list := told(); len(list) != before+1 || list[before].Text("newClientSecret") != fresh || list[before].Text("clientId") != old.ClientID {
		t.Errorf("the console's rotation: %v", list)
	}
	// Overdue, everything is refused.
	s.Advance(days(180))
	s.refresh()
	s.want("overdue", s.get("/sellers/v1/account"), 403, "The LWA secret token you provided has expired.")
}

func TestRotationLimit(t *testing.T) {
	e, err := New(WithFixedTime(shopTime), WithCredentialQueue(secretsARN))
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{Emulator: e, t: t, host: na0}
	rotate := func() int {
		return s.send("POST", na0+"/applications/2023-11-30/clientSecret", s.grantless(rotationScope), "").status
	}
	if a, b := rotate(), rotate(); a != 204 || b != 429 {
		t.Errorf("%d and %d, want 204 and 429", a, b)
	}
	s.Advance(60e9)
	if a := rotate(); a != 204 {
		t.Errorf("after a minute: %d", a)
	}
}

func TestRestrictedTokenRules(t *testing.T) {
	s := newShop(t)
	resource := func(method, path string, elements ...string) string {
		b, _ := json.Marshal(map[string]any{"method": method, "path": path, "dataElements": elements})
		return string(b)
	}
	ask := func(target string, resources ...string) response {
		body := `{"restrictedResources":[` + strings.Join(resources, ",") + `]`
		if target != "" {
			body += `,"targetApplication":"` + target + `"`
		}
		return s.post("/tokens/2021-03-01/restrictedDataToken", body+"}")
	}
	orders := resource("GET", "/orders/v0/orders", "buyerInfo", "shippingAddress")
	desk := jobs.Queues.Of(s.desk.Seller(0))
	personal := desk.AddDocument("report", &jobs.Document{Restricted: true, Created: shopTime, Expires: shopTime.Add(days(1))})
	plain := desk.AddDocument("report", &jobs.Document{Created: shopTime, Expires: shopTime.Add(days(1))})
	many := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = resource("GET", fmt.Sprintf("/orders/v0/orders/111-1111111-%07d", i))
		}
		return list
	}
	const noAccess = "Application do not have access to some or all requested resource"
	const noElement = "Application does not have access to one or more requested data elements: ["
	for _, test := range []struct {
		name      string
		target    string
		resources []string
		status    int
		part      string
	}{
		{"orders", "", []string{orders}, 200, `"expiresIn":3600`},
		{"delegated", "amzn1.sp.solution.b2b2b2b2-1111-2222-3333-444444444444", []string{orders}, 200, "Atz.sprdt|"},
		{"delegated to nobody", "me", []string{orders}, 400, "targetApplication"},
		{"fifty", "", many(50), 200, "Atz.sprdt|"},
		{"fifty-one", "", many(51), 400, "restrictedResources"},
		{"none", "", nil, 400, ""},
		{"generic path", "", []string{resource("GET", "/orders/v0/orders/{orderId}", "buyerInfo")}, 200, "Atz.sprdt|"},
		{"generic path of another name", "", []string{resource("GET", "/orders/v0/orders/{id}")}, 400, noAccess},
		{"report document", "", []string{resource("GET", "/reports/2021-06-30/documents/"+personal.ID)}, 200, "Atz.sprdt|"},
		{"report document without personal data", "", []string{resource("GET", "/reports/2021-06-30/documents/"+plain.ID)}, 400, "Invalid or unsupported document ID found"},
		{"unknown report document", "", []string{resource("GET", "/reports/2021-06-30/documents/DOC1")}, 400, "Invalid or unsupported document ID found"},
		{"generic report document", "", []string{resource("GET", "/reports/2021-06-30/documents/{reportDocumentId}")}, 400, "Invalid or unsupported document ID found"},
		{"reports", "", []string{resource("GET", "/reports/2021-06-30/reports")}, 400, "Invalid or unsupported document ID found"},
		{"not restricted", "", []string{resource("GET", "/sellers/v1/account")}, 400, noAccess},
		{"one of two not restricted", "", []string{orders, resource("GET", "/sellers/v1/account")}, 400, noAccess},
		{"other method", "", []string{resource("DELETE", "/orders/v0/orders")}, 400, noAccess},
		{"unknown method", "", []string{resource("PATCH", "/orders/v0/orders")}, 400, "method"},
		{"path with a query", "", []string{resource("GET", "/orders/v0/orders?MarketplaceIds=X")}, 400, noAccess},
		{"unknown element", "", []string{resource("GET", "/orders/v0/orders", "buyerInfo", "creditCard")}, 400, noElement + "creditCard]"},
		{"elements of items", "", []string{resource("GET", "/orders/v0/orders/{orderId}/orderItems", "shippingAddress")}, 400, noElement + "shippingAddress]"},
		{"elements where there are none", "", []string{resource("GET", "/mfn/v0/shipments/{shipmentId}", "buyerInfo")}, 400, noElement + "buyerInfo]"},
		{"tax information", "", []string{resource("GET", "/orders/v0/orders", "buyerTaxInformation")}, 200, "Atz.sprdt|"},
	} {
		a := ask(test.target, test.resources...)
		s.want(test.name, a, test.status, test.part)
	}
	s.SetRoles("Direct-to-Consumer Shipping (Restricted)", "Inventory and Order Tracking")
	s.want("role for shipping", ask("", orders), 200, "Atz.sprdt|")
	s.want("no role for taxes", ask("", resource("GET", "/orders/v0/orders", "buyerInfo", "buyerTaxInformation")), 400, noElement+"buyerTaxInformation]")
	s.SetRoles()
	// A restricted token opens what it names, until it expires, and no other token can mint one.
	rdt := ask("", resource("GET", "/orders/v0/orders", "buyerInfo")).text("restrictedDataToken")
	list := "/orders/v0/orders?CreatedAfter=2020-01-01T00:00:00Z&MarketplaceIds=" + usStore
	s.want("its resource", s.send("GET", s.host+list, rdt, ""), 200, "BuyerEmail")
	s.want("another resource", s.send("GET", s.host+"/sellers/v1/account", rdt, ""), 403, "Unauthorized")
	s.want("minting with it", s.send("POST", s.host+"/tokens/2021-03-01/restrictedDataToken", rdt, `{"restrictedResources":[`+orders+`]}`), 403, "Unauthorized")
	s.Advance(3600e9)
	s.want("expired", s.send("GET", s.host+list, rdt, ""), 403, "The access token you provided has expired.")
}

package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// control asks the control plane as a client without Go would, but without a connection.
func (c *client) control(method, path, body string) result {
	c.t.Helper()
	return c.do(method, "http://emulator.test/_emulator/"+path, nil, body)
}

func TestControlPlane(t *testing.T) {
	c := newClient(t, emulator.WithFixedTime(start))
	seller := c.Credentials().SellerID
	c.get("/orders/v0/orders?BuyerEmail=jane%40example.com&" + allUS)
	consent := func(more string) string {
		return `{"url":"https://sellercentral.amazon.com/apps/authorize/consent?application_id=` + c.Credentials().ApplicationID + `&state=s` + more + `"}`
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"GET", "", "", 200, `"control":[{"method":"GET","path":"/_emulator/"`},
		{"GET", "", "", 200, `"seed":1`},
		{"GET", "clock", "", 200, `{"clock":"fixed","now":"2026-03-01T12:00:00Z"}`},
		{"POST", "clock", `{"advance":"26h"}`, 200, `"now":"2026-03-02T14:00:00Z"`},
		{"POST", "clock", `{"now":"2026-05-01T00:00:00Z"}`, 200, `"now":"2026-05-01T00:00:00Z"`},
		{"POST", "clock", `{"advance":"soon"}`, 400, `advance \"soon\": want a duration`},
		{"POST", "clock", `{"now":"2026"}`, 400, `now \"2026\": want a time such as`},
		{"POST", "clock", `{"now":"9999-12-31T00:00:00Z"}`, 400, `want a time in the years 2000 to 2199`},
		{"POST", "clock", `{"advance":"2000000h"}`, 400, `want a time in the years 2000 to 2199`},
		{"POST", "clock", `{"advance":"1h"} {"advance":"1h"}`, 400, `body: something follows`},
		{"POST", "clock", `{"advance":"1h","now":"2026-05-01T00:00:00Z"}`, 400, `want either`},
		{"POST", "clock", ``, 400, `want either`},
		{"POST", "clock", `{"advnce":"1h"}`, 400, `unknown field \"advnce\"`},
		{"POST", "faults", `{"kind":"latency","latency":"1s","every":100}`, 200, `{"id":"fault-1","kind":"latency","every":100,"latency":"1s"}`},
		{"POST", "faults", `{"id":"mine","kind":"throttle","operation":"lwa.token","every":100}`, 200, `"id":"mine"`},
		{"POST", "faults", `{"id":"mine","kind":"throttle"}`, 400, `there is one already`},
		{"POST", "faults", `{"kind":"earthquake"}`, 400, `no such kind`},
		{"GET", "faults", ``, 200, `"id":"fault-1"`},
		{"DELETE", "faults/mine", ``, 200, `{}`},
		{"DELETE", "faults/mine", ``, 404, `mine`},
		{"DELETE", "faults", ``, 200, `{}`},
		{"GET", "faults", ``, 200, `{"faults":[]}`},
		{"GET", "requests?last=1", ``, 200, `"query":"BuyerEmail=redacted`},
		{"GET", "requests?operation=lwa.token", ``, 200, `"operation":"lwa.token","status":200`},
		{"GET", "requests?last=x", ``, 400, `want a number`},
		{"GET", "accounts", ``, 200, `"seller_id":"` + seller},
		{"POST", "accounts", ``, 200, `"region":"na","store_name":`},
		{"POST", "accounts", `{"region":"eu","marketplaces":["A1PA6795UKMFR9"],"count":2}`, 200, `"marketplaces":["A1PA6795UKMFR9"]`},
		{"POST", "accounts", `{"region":"moon"}`, 400, `unknown region`},
		{"POST", "accounts", `{"count":0}`, 400, `count 0`},
		{"POST", "accounts/" + seller + "/code", `{"redirect_uri":"https://example.com/"}`, 200, `"spapi_oauth_code":"ANDX`},
		{"POST", "accounts/nobody/code", `{}`, 404, `nobody`},
		{"GET", "application", ``, 200, `"redirect_uris":["http://127.0.0.1","http://localhost"],"role_arn":`},
		{"GET", "application", ``, 200, `"roles":null,"secret_expired":false,"status":"published"`},
		{"POST", "application", `{"roles":["Pricing"]}`, 200, `"roles":["Pricing"]`},
		{"POST", "application", `{"roles":null}`, 200, `"roles":null`},
		{"POST", "application", `{"roles":["Pricing"],"status":"secret"}`, 400, `application status \"secret\": want draft`},
		{"POST", "application", `{"redirect_uris":["here"]}`, 400, `OAuth URI \"here\"`},
		{"POST", "application", `{"status":"draft","redirect_uris":["https://app.example.com/back"],"credential_queue":"arn:aws:sqs:us-east-1:1:q"}`, 200,
			`"redirect_uris":["https://app.example.com/back"]`},
		{"GET", "application", ``, 200, `"roles":null,"secret_expired":false,"status":"draft"`},
		{"POST", "accounts/" + seller + "/authorize", consent(""), 400, `consent: MD1000: `},
		{"POST", "accounts/" + seller + "/authorize", consent("&version=beta"), 200, `{"location":"https://app.example.com/back?`},
		{"POST", "accounts/" + seller + "/authorize", `{"url":"https://example.com/elsewhere"}`, 400, `consent: `},
		{"POST", "accounts/" + seller + "/authorize", ``, 400, `MD1000`},
		{"POST", "accounts/" + seller + "/authorize", strings.Replace(consent("&version=beta"), "https://sellercentral.amazon.com", "", 1), 200, `state=s`},
		{"POST", "accounts/nobody/authorize", consent("&version=beta"), 404, `nobody`},
		{"GET", "accounts/" + seller + "/messages", ``, 200, `{"messages":[]}`},
		{"GET", "accounts/nobody/messages", ``, 404, `nobody`},
		{"GET", "deliveries", ``, 200, `{"deliveries":[]}`},
		{"POST", "application", `{"status":"published"}`, 200, `"credential_queue":"arn:aws:sqs:us-east-1:1:q"`},
		{"POST", "application", `{"redirect_uris":[],"credential_queue":""}`, 200, `"redirect_uris":[]`},
		{"POST", "application", ``, 400, `want some of roles`},
		{"POST", "application/expire-secret", ``, 200, `{}`},
		{"GET", "application", ``, 200, `"secret_expired":true`},
		{"POST", "application/rotate", ``, 200, `"client_secret":"amzn1.oa2-cs.v1.`},
		{"POST", "tokens/expire", ``, 200, `{}`},
		{"POST", "accounts/" + seller + "/revoke", ``, 200, `{}`},
		{"POST", "accounts/" + seller + "/revoke", ``, 400, `before`},
		{"POST", "accounts/" + seller + "/code", ``, 400, `back`},
		{"PUT", "state", `{}`, 400, `import: state of version 0: want 2`},
		{"PUT", "state", `{`, 400, `body`},
		{"POST", "reset", `{"seed":1}`, 200, `"seller_id":"` + seller},
		{"POST", "reset", ``, 200, `"seller_id":"` + seller},
		{"POST", "reset", `{"seed":"x"}`, 400, `body: seed is of the wrong type, string`},
		{"POST", "reset", `[]`, 400, `body: is of the wrong type, array: want an object`},
		{"GET", "reset", ``, 405, `no GET here: want POST`},
		{"GET", "nothing", ``, 404, `nothing at /_emulator/nothing`},
		{"GET", "clock", ``, 200, `"now":"2026-03-01T12:00:00Z"`},
	} {
		r := c.control(test.method, test.path, test.body)
		if r.status != test.status || !strings.Contains(r.body, test.part) || r.header.Get("Content-Type") != "application/json" ||
			r.header.Values("X-Amzn-Requestid") != nil {
			t.Errorf("%s %s %s: %d %.600s, want %d with %s", test.method, test.path, test.body, r.status, r.body, test.status, test.part)
		}
	}
	if n := len(c.Requests()); n != 0 {
		t.Errorf("%d requests logged after the reset", n)
	}
}

func TestControlMovesState(t *testing.T) {
	first, second := newClient(t, emulator.WithFixedTime(start)), newClient(t, emulator.WithSeed(2), emulator.WithFixedTime(start))
	first.control("POST", "accounts", `{"count":3}`)
	state := first.control("GET", "state", "")
	if r := second.control("PUT", "state", state.body); r.status != 200 || r.text("seller_id") != first.Credentials().SellerID {
		t.Fatalf("import: %d %s", r.status, r.body)
	}
	if again := second.control("GET", "state", ""); again.body != state.body {
		t.Errorf("exported again:\n%s, want\n%s", again.body, state.body)
	}
}

func TestControlIsForThisComputer(t *testing.T) {
	for _, test := range []struct {
		name    string
		control emulator.Control
		remote  string
		host    string
		origin  string
		status  int
	}{
		{"loopback", emulator.ControlLocal, "127.0.0.1:5000", "127.0.0.1:8080", "", 200},
		{"loopback by name", emulator.ControlLocal, "[::1]:5000", "localhost:8080", "", 200},
		{"IPv6", emulator.ControlLocal, "[::1]:5000", "[::1]:8080", "", 200},
		{"another computer", emulator.ControlLocal, "192.0.2.7:5000", "localhost:8080", "", 403},
		{"a rebound name", emulator.ControlLocal, "127.0.0.1:5000", "evil.example", "", 403},
		{"a web page", emulator.ControlLocal, "127.0.0.1:5000", "127.0.0.1:8080", "https://evil.example", 403},
		{"a web page, open", emulator.ControlAnyone, "127.0.0.1:5000", "127.0.0.1:8080", "null", 403},
		{"open", emulator.ControlAnyone, "192.0.2.7:5000", "emulator:8080", "", 200},
		{"off", emulator.ControlOff, "127.0.0.1:5000", "localhost:8080", "", 403},
	} {
		e, err := emulator.New(emulator.WithControl(test.control))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/_emulator/accounts", nil)
		r.RemoteAddr, r.Host = test.remote, test.host
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Code != test.status || test.status == 403 && strings.Contains(rec.Body.String(), "refresh_token") {
			t.Errorf("%s: %d %s", test.name, rec.Code, rec.Body)
		}
	}
}

// TestThousandSellers adds 1,000 sellers and asks each one's world: no seller sees anything of another.
func TestThousandSellers(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(20), emulator.WithProducts(5))
	if r := c.control("POST", "accounts", `{"count":999}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	accounts := c.Accounts()
	if len(accounts) != 1000 {
		t.Fatalf("%d accounts", len(accounts))
	}
	owner := map[string]int{}
	tokens := make([]string, len(accounts))
	for i, cred := range accounts {
		c.token = c.accessToken(cred)
		tokens[i] = c.token
		r := c.get("/orders/v0/orders?" + allUS)
		list, _ := r.path("payload", "Orders").([]any)
		if len(list) == 0 {
			t.Fatalf("seller %d has no orders: %d %s", i, r.status, r.body)
		}
		for _, o := range list {
			id := o.(map[string]any)["AmazonOrderId"].(string)
			if other, taken := owner[id]; taken {
				t.Errorf("sellers %d and %d both have order %s", other, i, id)
			}
			owner[id] = i
		}
	}
	n := 0
	for id, i := range owner {
		if n++; n%37 != 0 {
			continue
		}
		c.token = tokens[(i+1)%len(tokens)]
		if r := c.get("/orders/v0/orders/" + id); r.status != 404 {
			t.Errorf("another seller's order: %d", r.status)
		}
		c.token = tokens[i]
		if r := c.get("/orders/v0/orders/" + id); r.status != 200 {
			t.Errorf("one's own order: %d", r.status)
		}
	}
	t.Logf("%d orders of %d sellers", len(owner), len(accounts))
}

// ExampleEmulator_Advance shows time as something that tests decide about.
func ExampleEmulator_Advance() {
	emu, err := emulator.New(nil, emulator.WithFixedTime(time.Time{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(emu.Now().Format(time.RFC3339))
	emu.Advance(36 * time.Hour) // orders are paid and shipped, tokens expire, limits refill
	fmt.Println(emu.Now().Format(time.RFC3339))
	// Output:
	// 2026-01-15T12:00:00Z
	// 2026-01-17T00:00:00Z
}

// ExampleEmulator_AddFault lets every second request for a token fail.
func ExampleEmulator_AddFault() {
	emu, err := emulator.New(emulator.WithFixedTime(time.Time{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := emu.AddFault(emulator.Fault{Kind: emulator.FaultUnavailable, Operation: "lwa.token", Every: 2}); err != nil {
		fmt.Println(err)
		return
	}
	cred := emu.Credentials()
	client := &http.Client{Transport: emu}
	for range 2 {
		resp, err := client.PostForm("https://api.amazon.com/auth/o2/token", map[string][]string{
			"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Status)
		_ = resp.Body.Close()
	}
	// Output:
	// 200 OK
	// 503 Service Unavailable
}

// ExampleEmulator_Export keeps a state and goes back to it.
func ExampleEmulator_Export() {
	emu, err := emulator.New(emulator.WithFixedTime(time.Time{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	before, err := emu.Export()
	if err != nil {
		fmt.Println(err)
		return
	}
	emu.Advance(time.Hour)
	emu.RotateSecret()
	if err := emu.Import(before); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(emu.Now().Format(time.RFC3339))
	// Output: 2026-01-15T12:00:00Z
}

// BenchmarkReset resets an emulator whose world has been built and used, and asks for an order again.
func BenchmarkReset(b *testing.B) {
	c := newClient(b, emulator.WithFixedTime(start), emulator.WithoutLimits())
	for b.Loop() {
		b.StopTimer()
		c.get("/orders/v0/orders?" + allUS)
		b.StartTimer()
		c.Reset()
		b.StopTimer()
		c.refresh()
		b.StartTimer()
	}
}

// BenchmarkExport exports and reads again an emulator with a thousand sellers, of whom ten have been asked.
func BenchmarkExport(b *testing.B) {
	c := newClient(b, emulator.WithFixedTime(start), emulator.WithoutLimits())
	c.control("POST", "accounts", `{"count":999}`)
	for _, cred := range c.Accounts()[:10] {
		c.token = c.accessToken(cred)
		c.get("/orders/v0/orders?" + allUS)
	}
	for b.Loop() {
		s, err := c.Export()
		if err != nil {
			b.Fatal(err)
		}
		if err := json.NewEncoder(io.Discard).Encode(s); err != nil {
			b.Fatal(err)
		}
		if err := c.Import(s); err != nil {
			b.Fatal(err)
		}
	}
}

// TestControlShowsWhatWasSent looks at messages to a buyer and to the application's queue through the control plane.
func TestControlShowsWhatWasSent(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithCredentialQueue("arn:aws:sqs:us-east-1:123456789012:secrets"))
	seller := c.Credentials().SellerID
	r := c.do("POST", na+"/applications/2023-11-30/clientSecret", http.Header{"X-Amz-Access-Token": {c.grantless("sellingpartnerapi::client_credential:rotation")}}, "")
	if r.status != 204 {
		t.Fatalf("rotation: %d %s", r.status, r.body)
	}
	if r := c.control("GET", "deliveries", ""); r.text("deliveries", 0, "queue") != "arn:aws:sqs:us-east-1:123456789012:secrets" ||
		!strings.HasPrefix(r.text("deliveries", 0, "body", "payload", "applicationOAuthClientNewSecret", "newClientSecret"), "amzn1.oa2-cs.v1.") {
		t.Errorf("deliveries: %s", r.body)
	}
	sent := false
	for _, id := range c.ordersV0(allUS + "&FulfillmentChannels=MFN&OrderStatuses=Unshipped") {
		if r := c.post("/messaging/v1/orders/"+id+"/messages/confirmOrderDetails?marketplaceIds="+us, `{"text":"Is the address right?"}`); r.status == 201 {
			sent = true
			break
		}
	}
	if r := c.control("GET", "accounts/"+seller+"/messages", ""); !sent || r.text("messages", 0, "type") != "confirmOrderDetails" || r.text("messages", 0, "text") != "Is the address right?" {
		t.Errorf("messages: sent %v, %s", sent, r.body)
	}
}

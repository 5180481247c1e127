package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// transcript asks for a bit of everything and returns all that came back, headers included.
func transcript(c *client) string {
	var all strings.Builder
	note := func(r result) {
		var header strings.Builder
		_ = r.header.Write(&header)
		fmt.Fprintf(&all, "%d\n%s\n%s\n", r.status, header.String(), r.body)
	}
	c.refresh()
	all.WriteString(c.token + "\n")
	orders := c.get("/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2020-01-01T00:00:00Z")
	note(orders)
	id := orders.text("payload", "Orders", 0, "AmazonOrderId")
	note(c.get("/orders/v0/orders/" + id))
	note(c.get("/catalog/2022-04-01/items?keywords=pen&marketplaceIds=" + us))
	note(c.get("/fba/inbound/v1/eligibility/itemPreview?asin=B012345678&program=INBOUND"))
	note(c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/`+id+`/address"}]}`))
	note(c.get("/nowhere"))
	return all.String()
}

func TestExportAndImport(t *testing.T) {
	first := newClient(t, emulator.WithSeed(5), emulator.WithFixedTime(start))
	if _, err := first.AddAccount(emulator.AccountConfig{Region: "eu"}); err != nil {
		t.Fatal(err)
	}
	transcript(first)
	first.Advance(90 * time.Second)
	first.RotateSecret()
	state, err := first.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := first.Export()
	if b, _ := json.Marshal(again); string(b) != string(text) {
		t.Error("two exports of one state differ")
	}
	second := newClient(t, emulator.WithSeed(99), emulator.WithOrders(3), emulator.WithFixedTime(time.Time{}))
	var read emulator.State
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if err := second.Import(&read); err != nil {
		t.Fatal(err)
	}
	second.token = first.token
	if a, b := first.Credentials(), second.Credentials(); a != b {
		t.Errorf("credentials %+v, want %+v", b, a)
	}
	if r := second.get("/sellers/v1/account"); r.status != 200 {
		t.Errorf("a token from before: %d %s", r.status, r.body)
	}
	first.get("/sellers/v1/account")
	if a, b := transcript(first), transcript(second); a != b {
		t.Errorf("after the import the answers differ:\n%s\n\n%s", a, b)
	}
	if a, b := first.Now(), second.Now(); !a.Equal(b) {
		t.Errorf("clock %v, want %v", b, a)
	}
}

func TestImportRefusesWhatItCannotRead(t *testing.T) {
	c := newClient(t, emulator.WithSeed(5), emulator.WithFixedTime(start))
	want := c.Credentials()
	good, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	export := func(c *client) string {
		s, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(s)
		return string(b)
	}
	before := export(c)
	account := func(s map[string]any) map[string]any { return s["accounts"].([]any)[0].(map[string]any) }
	for name, spoil := range map[string]func(s map[string]any){
		"version":  func(s map[string]any) { s["version"] = 0 },
		"world":    func(s map[string]any) { s["products"] = 0 },
		"accounts": func(s map[string]any) { s["accounts"] = nil },
		"region":   func(s map[string]any) { account(s)["region"] = "moon" },
		"store":    func(s map[string]any) { s["stores"] = map[string]any{"x": nil} },
		"grant":    func(s map[string]any) { s["grants"].([]any)[0].(map[string]any)["account"] = 7 },
	} {
		b, _ := json.Marshal(good)
		var members map[string]any
		_ = json.Unmarshal(b, &members)
		members["seed"] = 1
		spoil(members)
		b, _ = json.Marshal(members)
		var s emulator.State
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		if err := c.Import(&s); err == nil || !strings.HasPrefix(err.Error(), "emulator: import: ") {
			t.Errorf("%s: error %v", name, err)
		}
		if c.Credentials() != want {
			t.Errorf("%s: a failed import changed the credentials", name)
		}
		if after := export(c); after != before {
			t.Errorf("%s: a failed import changed the state from\n%s\nto\n%s", name, before, after)
		}
	}
	if got := c.get("/sellers/v1/account"); got.status != 200 {
		t.Errorf("the token is lost: %d", got.status)
	}
}

func TestReset(t *testing.T) {
	c := newClient(t, emulator.WithSeed(5), emulator.WithFixedTime(start))
	c.Reset()
	before := transcript(c)
	second, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c.RotateSecret()
	c.Advance(time.Hour)
	c.Reset()
	if after := transcript(c); after != before {
		t.Errorf("after a reset the answers differ:\n%s\n\n%s", before, after)
	}
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	form := "grant_type=refresh_token&client_id=" + second.ClientID + "&client_secret=" + second.ClientSecret + "&refresh_token=" + second.RefreshToken
	if r := c.do("POST", tokenURL, h, form); r.status != 400 {
		t.Errorf("the second seller is still there: %d", r.status)
	}
	c.Reseed(6)
	if c.Seed() != 6 || transcript(c) == before {
		t.Error("another seed gives the same")
	}
}

func TestClocks(t *testing.T) {
	base := &clock{t: start}
	for _, test := range []struct {
		text string
		// the clock at the start, and ten base seconds later
		first, then time.Time
	}{
		{"real", start, start.Add(10 * time.Second)},
		{"fixed", emulator.FixedStart, emulator.FixedStart},
		{"fixed:2027-01-01T00:00:00Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"3600x", start, start.Add(10 * time.Hour)},
		{"0.5x", start, start.Add(5 * time.Second)},
	} {
		base.t = start
		option, err := emulator.ParseClock(test.text)
		if err != nil {
			t.Fatal(err)
		}
		e, err := emulator.New(emulator.WithClock(base), option)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Now().Equal(test.first) {
			t.Errorf("%s: starts at %v, want %v", test.text, e.Now(), test.first)
		}
		base.t = start.Add(10 * time.Second)
		if !e.Now().Equal(test.then) {
			t.Errorf("%s: then %v, want %v", test.text, e.Now(), test.then)
		}
		e.Advance(time.Minute)
		if want := test.then.Add(time.Minute); !e.Now().Equal(want) {
			t.Errorf("%s: advanced to %v, want %v", test.text, e.Now(), want)
		}
		e.SetTime(start)
		if !e.Now().Equal(start) {
			t.Errorf("%s: set to %v", test.text, e.Now())
		}
	}
	for _, text := range []string{"fixed:1900-01-01T00:00:00Z", "fixed:9999-12-31T00:00:00Z", "", "fast", "fixed:", "fixed:tomorrow", "0x", "-1x", "NaNx", "infx", "fixedx"} {
		if _, err := emulator.ParseClock(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestResetForgetsWhatFlowsRemember: destinations, and the time of the last sales report.
func TestResetForgetsWhatFlowsRemember(t *testing.T) {
	c := newClient(t, emulator.WithFixedTime(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)))
	const report = `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["` + us + `"],"dataStartTime":"2026-04-01T00:00:00Z","dataEndTime":"2026-04-02T00:00:00Z"}`
	destinations := func() result {
		return c.do("GET", na+"/notifications/v1/destinations", http.Header{"X-Amz-Access-Token": {c.grantless("sellingpartnerapi::notifications")}}, "")
	}
	create := func() int {
		header := http.Header{"X-Amz-Access-Token": {c.grantless("sellingpartnerapi::notifications")}, "Content-Type": {"application/json"}}
		return c.do("POST", na+"/notifications/v1/destinations", header, `{"name":"n","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:q"}}}`).status
	}
	for _, forget := range []func(){c.Reset, func() { c.Reseed(7) }, nil} {
		if create() != 200 || len(destinations().json["payload"].([]any)) != 1 {
			t.Fatal("no destination")
		}
		if r := c.post("/reports/2021-06-30/reports", report); r.status != 202 {
			t.Fatalf("report: %d %s", r.status, r.body)
		}
		if r := c.post("/reports/2021-06-30/reports", report); r.status != 429 {
			t.Errorf("second report: %d %s", r.status, r.body)
		}
		if forget == nil {
			break
		}
		forget()
		c.refresh()
		if list := destinations().json["payload"].([]any); len(list) != 0 {
			t.Errorf("after a reset there is %v", list)
		}
	}
}

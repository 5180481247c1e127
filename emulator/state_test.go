package emulator_test

import (
	"bytes"
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
		"version":  func(s map[string]any) { s["version"] = 1 }, // with orders of other ids
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

// TestImportRefusesWhatNoWorldHas tampers with what an export tells of orders, listings, stock and money: the error says what is wrong, and all stays as it was.
func TestImportRefusesWhatNoWorldHas(t *testing.T) {
	c := newClient(t, emulator.WithSeed(5), emulator.WithOrders(100), emulator.WithFixedTime(start), emulator.WithoutLimits())
	order, _ := c.shippedOrder("AFN", 1)
	merchants, _ := c.unshippedOrder()
	for name, r := range map[string]result{
		"shipment": c.confirm(merchants, "1", 0, 1), "listing": c.call("PUT", c.listingPath("PEN-1"), newPen),
		"chargeback": c.control("POST", "orders/"+order+"/chargeback", `{"amount":"0.01"}`), "return": c.control("POST", "orders/"+order+"/return", `{"quantity":1}`),
	} {
		if r.status > 204 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
	}
	c.Advance(7 * 24 * time.Hour) // orders come
	c.refresh()
	c.get("/orders/v0/orders/" + order)
	export := func() []byte {
		s, err := c.Export()
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := export()
	type object = map[string]any
	// of is the first element of a list that has a member.
	of := func(w object, list, member string) object {
		for _, e := range w[list].([]any) {
			if e := e.(object); e[member] != nil {
				return e
			}
		}
		t.Fatalf("no %s in %s of %v", member, list, w)
		return nil
	}
	changed := func(w object) object { return of(w, "orders", "items") }
	for name, spoil := range map[string]func(w object){
		"payment":        func(w object) { changed(w)["payment"] = "Shells" },
		"purchase":       func(w object) { changed(w)["times"].([]any)[0] = "1970-01-01T00:00:00Z" },
		"no items":       func(w object) { changed(w)["items"] = nil },
		"no units":       func(w object) { changed(w)["items"].([]any)[0].(object)["quantity"] = 0 },
		"unknown ASIN":   func(w object) { changed(w)["items"].([]any)[0].(object)["asin"] = "B000000000" },
		"negative price": func(w object) { changed(w)["items"].([]any)[0].(object)["units"].([]any)[0] = -1 },
		"transit":        func(w object) { changed(w)["transit"] = -1 },
		"parcel of more items": func(w object) {
			of(w, "orders", "parcels")["parcels"].([]any)[0].(object)["quantities"] = []int{1, 1, 1, 1}
		},
		"parcel of more units": func(w object) {
			of(w, "orders", "parcels")["parcels"].([]any)[0].(object)["quantities"].([]any)[0] = 1000
		},
		"return of no item": func(w object) { of(w, "orders", "returns")["returns"].([]any)[0].(object)["item"] = 9 },
		"return of more":    func(w object) { of(w, "orders", "returns")["returns"].([]any)[0].(object)["quantity"] = 1000 },
		"disposition":       func(w object) { of(w, "orders", "returns")["returns"].([]any)[0].(object)["disposition"] = "EATEN" },
		"return without id": func(w object) { of(w, "orders", "returns")["returns"].([]any)[0].(object)["id"] = "" },
		"refund": func(w object) {
			of(w, "orders", "returns")["returns"].([]any)[0].(object)["refund"] = object{"price": -5}
		},
		"basket":             func(w object) { of(w, "came", "i")["i"].([]any)[0].([]any)[1] = -3 },
		"price of a basket":  func(w object) { of(w, "came", "i")["i"].([]any)[0].([]any)[2] = 1 << 60 },
		"replaced":           func(w object) { of(w, "came", "i")["r"] = 1 << 40 },
		"no listing":         func(w object) { w["listings"].([]any)[0] = nil },
		"listing's ASIN":     func(w object) { of(w, "listings", "sku")["asin"] = "" },
		"offers":             func(w object) { of(w, "listings", "sku")["offers"] = object{us: object{"units": []int{-1, 0, 0, 0}}} },
		"stock":              func(w object) { of(w, "stock", "sku")["stock"].([]any)[0] = 1 << 60 },
		"charge":             func(w object) { of(w, "charges", "OrderID")["OrderID"] = "111-1111111-1111111" },
		"charge of no item":  func(w object) { of(w, "charges", "OrderID")["Item"] = 9 },
		"chargeback of all":  func(w object) { of(w, "charges", "OrderID")["Item"] = -1 },
		"charge of too much": func(w object) { of(w, "charges", "OrderID")["Amount"].(object)["Units"] = 1 << 60 },
		"movement": func(w object) {
			w["moves"] = []object{{"at": start, "sku": "none", "kind": "Receipts", "disposition": "SELLABLE", "quantity": 1}}
		},
	} {
		var members object
		if err := json.Unmarshal(before, &members); err != nil {
			t.Fatal(err)
		}
		spoil(members["accounts"].([]any)[0].(object)["stores"].(object)["world"].(object))
		b, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		var s emulator.State
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		if err := c.Import(&s); err == nil || !strings.HasPrefix(err.Error(), "emulator: import: account 0: ") {
			t.Errorf("%s: error %v", name, err)
		}
		if after := export(); !bytes.Equal(after, before) {
			t.Errorf("%s: a failed import changed the state: %s", name, firstDifference(string(before), string(after)))
		}
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

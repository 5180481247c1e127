package emulator_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// holds fails where the emulator contradicts itself.
func (c *client) holds() {
	c.t.Helper()
	for _, i := range c.Check() {
		for n, v := range i.Violations {
			if n == 5 {
				c.t.Errorf("%s: %d more", i.Name, len(i.Violations)-n)
				break
			}
			c.t.Errorf("%s: %s", i.Name, v.Text)
		}
	}
}

func TestCheck(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	if r := c.control("GET", "check", ""); r.status != 200 || r.path("holds") != true || r.number("invariants", 0, "counted") != 0 {
		t.Errorf("before anything was asked: %d %s", r.status, r.body)
	}
	if _, err := c.AddAccount(emulator.AccountConfig{Region: "eu"}); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		c.get("/orders/v0/orders?" + allUS)
		c.holds()
		c.Advance(5 * 24 * time.Hour)
		c.refresh()
	}
	seen := map[string]int{}
	for _, i := range c.Check() {
		seen[i.Name] = i.Counted
	}
	for name, least := range map[string]int{"stock": 400, "ids": 2000, "times": 2000, "quantities": 2000, "refunds": 2000, "orders": 2000, "money": 10, "wallet": 1} {
		if seen[name] < least {
			t.Errorf("%s: %d looked at", name, seen[name])
		}
	}
	c.SetTime(start) // what has happened is not taken back
	c.holds()
}

// TestCheckFindsContradictions imports states that were changed by hand.
func TestCheckFindsContradictions(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(600))
	id, _ := c.shippedOrder("MFN", 1)
	if r := c.control("POST", "orders/"+id+"/return", `{"travel":"0s"}`); r.status != 200 {
		t.Fatalf("return: %d %s", r.status, r.body)
	}
	if r := c.control("POST", "orders/"+c.ordersV0(allUS + "&OrderStatuses=Shipped&FulfillmentChannels=AFN")[5]+"/chargeback", ""); r.status != 200 {
		t.Fatalf("chargeback: %d %s", r.status, r.body)
	}
	c.Advance(24 * time.Hour)
	c.refresh()
	c.get(inventory)
	c.holds()
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(state)
	var members map[string]any
	orderOf := func(w map[string]any) map[string]any {
		for _, o := range w["orders"].([]any) {
			if o := o.(map[string]any); o["id"] == id {
				return o
			}
		}
		t.Fatal("the order is not in the state")
		return nil
	}
	returnOf := func(w map[string]any) map[string]any { return orderOf(w)["returns"].([]any)[0].(map[string]any) }
	for name, spoil := range map[string]func(w map[string]any){
		"stock": func(w map[string]any) {
			stock := w["stock"].([]any)[0].(map[string]any)["stock"].([]any)
			stock[0] = stock[0].(float64) + 1
		},
		"times": func(w map[string]any) {
			returnOf(w)["at"] = "2020-01-01T00:00:00Z"
		},
		"quantities": func(w map[string]any) {
			o, twice := orderOf(w), maps.Clone(returnOf(w))
			twice["id"], twice["quantity"] = "10000000000001", o["items"].([]any)[0].(map[string]any)["quantity"]
			o["returns"] = append(o["returns"].([]any), twice)
		},
		"refunds": func(w map[string]any) {
			returnOf(w)["refund"] = map[string]any{"price": 1e9}
		},
		"ids": func(w map[string]any) { w["charges"] = append(w["charges"].([]any), w["charges"].([]any)[0]) },
	} {
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		spoil(members["accounts"].([]any)[0].(map[string]any)["stores"].(map[string]any)["world"].(map[string]any))
		spoilt, _ := json.Marshal(members)
		var s emulator.State
		if err := json.Unmarshal(spoilt, &s); err != nil {
			t.Fatal(err)
		}
		if err := c.Import(&s); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, i := range c.Check() {
			if i.Name == name && len(i.Violations) > 0 {
				found = true
				if v := i.Violations[0]; v.SellerID != c.Credentials().SellerID || v.Text == "" || strings.Contains(v.Text, "@") {
					t.Errorf("%s: %+v", name, v)
				}
			}
		}
		if !found {
			t.Errorf("%s: what was spoilt is not seen: %+v", name, c.Check())
		}
		if r := c.control("GET", "check", ""); r.status != 200 || r.path("holds") != false {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

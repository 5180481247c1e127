package emulator_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

func TestOrderItemPages(t *testing.T) {
	whole := newClient(t, emulator.WithoutLimits())
	paged := newClient(t, emulator.WithoutLimits(), emulator.WithOrderItemsPerPage(1))
	ids := whole.ordersV0(allUS)
	items := func(c *client, path string) (list []string, pages int) {
		t.Helper()
		token := ""
		for {
			r := c.get(path + token)
			got, _ := r.path("payload", "OrderItems").([]any)
			if r.status != 200 || len(got) == 0 || r.text("payload", "AmazonOrderId") == "" {
				t.Fatalf("%s: %d %s", path, r.status, r.body)
			}
			for i := range got {
				list = append(list, r.text("payload", "OrderItems", i, "OrderItemId"))
			}
			pages++
			if token = r.text("payload", "NextToken"); token == "" {
				return list, pages
			}
			c.clock.advance(time.Second)
			token = "?NextToken=" + url.QueryEscape(token)
		}
	}
	several := ""
	for _, id := range ids[:40] {
		for _, end := range []string{"/orderItems", "/orderItems/buyerInfo"} {
			want, one := items(whole, "/orders/v0/orders/"+id+end)
			got, pages := items(paged, "/orders/v0/orders/"+id+end)
			if one != 1 || pages != len(want) || !slices.Equal(got, want) {
				t.Fatalf("%s%s: %v in %d pages, want %v", id, end, got, pages, want)
			}
			if len(want) > 1 {
				several = id
			}
		}
	}
	if several == "" {
		t.Fatal("no order has several items")
	}
	path := "/orders/v0/orders/" + several + "/orderItems?NextToken="
	token := url.QueryEscape(paged.get("/orders/v0/orders/"+several+"/orderItems").text("payload", "NextToken"))
	other := ids[slices.IndexFunc(ids, func(id string) bool { return id != several })]
	for name, wrong := range map[string]string{
		"of another order":     "/orders/v0/orders/" + other + "/orderItems?NextToken=" + token,
		"of another operation": "/orders/v0/orders/" + several + "/orderItems/buyerInfo?NextToken=" + token,
		"made up":              path + "abc",
	} {
		if r := paged.get(wrong); r.status != 400 || r.text("errors", 0, "code") != "InvalidInput" {
			t.Errorf("token %s: %d %s", name, r.status, r.body)
		}
	}
	if r := paged.get(path + token); r.status != 200 {
		t.Errorf("token twice: %d %s", r.status, r.body)
	}
	paged.clock.advance(25 * time.Hour)
	paged.refresh()
	if r := paged.get(path + token); r.status != 400 {
		t.Errorf("old token: %d %s", r.status, r.body)
	}
}

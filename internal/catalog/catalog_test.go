package catalog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestFactsWithSources pins figures that were wrong or in doubt once. Their sources stand in internal/gen/overlay.
func TestFactsWithSources(t *testing.T) {
	for id, want := range map[string]struct {
		rate  float64
		burst int
	}{
		"shippingv2.getRates":                                 {80, 100}, // the SDK's 5/15 is that of v1
		"shippingv2.purchaseShipment":                         {80, 100},
		"shippingv2.cancelShipment":                           {80, 100},
		"shippingv2.linkCarrierAccountPost":                   {5, 10}, // the SDK's 80/100 is that of the PUT
		"shippingv1.getRates":                                 {5, 15},
		"merchantfulfillmentv0.createShipment":                {2, 2},
		"externalfulfillmentinventory20240911.batchInventory": {50, 100},
		"externalfulfillmentreturns20240911.listReturns":      {10, 20},
		"externalfulfillmentreturns20240911.getReturn":        {10, 20},
		"fulfillmentinboundv0.getLabels":                      {5, 30},
		"fulfillmentoutbound20200701.deliveryOffers":          {10, 30},
		"listingsitems20210801.putListingsItem":               {5, 5},
		"catalogitems20220401.getCatalogItem":                 {2, 2},
	} {
		op, ok := Lookup(id)
		if !ok {
			t.Errorf("no %s", id)
			continue
		}
		if op.Rate != want.rate || op.Burst != want.burst {
			t.Errorf("%s: %v/%d, want %v/%d", id, op.Rate, op.Burst, want.rate, want.burst)
		}
	}
	for id, want := range map[string]string{
		"catalogitemsv0.listCatalogCategories":    "2026-08-26",
		"financesv0.listFinancialEvents":          "2027-08-27",
		"financesv0.listFinancialEventsByGroupId": "2027-08-27",
		"financesv0.listFinancialEventsByOrderId": "2027-08-27",
		"financesv0.listFinancialEventGroups":     "", // it stays
		"ordersv0.getOrders":                      "2027-03-27",
	} {
		if op, ok := Lookup(id); !ok || op.Removal != want || op.Deprecated != (want != "") {
			t.Errorf("%s: removal %q, want %q", id, op.Removal, want)
		}
	}
}

// The day itself is in UTC, and the words change with it.
func TestRemoval(t *testing.T) {
	for at, want := range map[string]string{
		"2026-08-25T23:59:59Z": "to be removed on 2026-08-26", "2026-08-26T00:00:00Z": "removed on 2026-08-26",
		"2026-08-26T01:00:00+02:00": "to be removed on 2026-08-26", "2030-01-01T00:00:00Z": "removed on 2026-08-26",
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := Removal("2026-08-26", now); got != want || Removal("", now) != "" {
			t.Errorf("at %s it is %q, want %q", at, got, want)
		}
	}
}

// TestSandbox counts what the models with all their cases say. Nineteen operations have none: A+ Content, eight of Shipping v2, Uploads.
func TestSandbox(t *testing.T) {
	counts := map[string]int{}
	var none []string
	for _, op := range Operations() {
		counts[op.Sandbox]++
		if op.Sandbox == "" && !slices.Contains(none, op.API) {
			none = append(none, op.API)
		}
	}
	if counts["static"] != 297 || counts["dynamic"] != 57 || counts[""] != 19 {
		t.Errorf("%v, want 297 static, 57 dynamic, 19 with none", counts)
	}
	if want := []string{"apluscontent20201101", "shippingv2", "uploads20201101"}; !slices.Equal(none, want) {
		t.Errorf("without a sandbox: %v, want %v", none, want)
	}
}

// TestFormsAgree: the table and the packed schemas say what the files beside them say, which people read.
func TestFormsAgree(t *testing.T) {
	read := func(name string, v any) {
		t.Helper()
		b, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var ops []Operation
	read("data/operations.json", &ops)
	if !reflect.DeepEqual(Operations(), ops) {
		t.Error("operations.gen.go and data/operations.json differ: make generate")
	}
	for _, op := range ops {
		if found, ok := Lookup(op.ID); !ok || found.ID != op.ID {
			t.Errorf("Lookup(%q): %v, %v", op.ID, found, ok)
		}
	}
	if _, ok := Lookup("ordersv0.getOrder2"); ok {
		t.Error("Lookup finds what there isn't")
	}
	files, err := filepath.Glob("data/api/*.json")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d API versions, %v", len(files), err)
	}
	for _, name := range files {
		want := new(API)
		read(name, want)
		got, err := LoadAPI(want.Name)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not what its packed form says (%v): make generate", name, err)
		}
	}
	if _, err := LoadAPI("ordersv9"); err == nil {
		t.Error("LoadAPI finds what there isn't")
	}
}

package operation

import (
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/catalog"
)

func TestKebab(t *testing.T) {
	for name, want := range map[string]string{
		"MarketplaceIds": "marketplace-ids", "sellerSKU": "seller-sku", "ASINList": "asin-list", "SellerSkus": "seller-skus", "isISPU": "is-ispu",
		"mskus": "mskus", "x-amzn-IdempotencyKey": "x-amzn-idempotency-key", "SKUs": "skus", "marketplaceIDs": "marketplace-ids", "URL": "url",
		"contentMD5": "content-md5", "Content-MD5": "content-md5", "a_b": "a-b", "v2Name": "v2-name", "granularityTimeZone": "granularity-time-zone",
	} {
		if got := kebab(name); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// TestFlagsAreUnique: in no operation two arguments share a flag, also none with the flags that every operation has.
func TestFlagsAreUnique(t *testing.T) {
	reserved := []string{"account", "profile", "region", "marketplace", "sandbox", "emulator", "endpoint", "token-url", "output", "jq", "verbose", "quiet", "no-color", "yes",
		"help", "input", "all", "no-check", "restricted-data", "dry-run", "curl", "show-secrets"}
	all := catalog.Operations()
	flags := 0
	for i := range all {
		op, err := Lookup(all[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		seen := slices.Clone(reserved)
		for _, a := range op.Arguments() {
			for _, flag := range []string{a.Flag, a.Alias} {
				if flag == "" {
					continue
				}
				flags++
				if slices.Contains(seen, flag) {
					t.Errorf("%s: --%s stands for two things", op.ID, flag)
				}
				seen = append(seen, flag)
			}
		}
	}
	t.Logf("%d flags", flags)
}

func TestNear(t *testing.T) {
	candidates := []string{"ordersv0.getOrders", "ordersv0.getOrder", "orders20260101.getOrder", "feeds20210630.createFeed"}
	for _, c := range []struct {
		name string
		want []string
	}{
		{"ordersv0.getOrdersx", []string{"ordersv0.getOrders", "ordersv0.getOrder", "orders20260101.getOrder"}},
		{"createfeed", []string{"feeds20210630.createFeed"}},
		{"getOrdres", []string{"ordersv0.getOrders"}},
		{"nothing", nil},
		{"", nil},
	} {
		got := Near(c.name, candidates)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("near %q are %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestGiven(t *testing.T) {
	for args, want := range map[string]string{
		"call ordersv0.getOrders --MarketplaceIds x": "ordersv0.getOrders",
		"--emulator call -o json ordersV0.GETORDERS": "ordersv0.getOrders",
		"__complete call ordersv0.getOrders --mar":   "ordersv0.getOrders",
		"call getOrderMetrics":                       "salesv1.getOrderMetrics",
		"call":                                       "",
		"call nothing":                               "",
		"ops ordersv0.getOrders":                     "",
	} {
		op, _ := Given(strings.Fields(args), "call")
		got := ""
		if op != nil {
			got = op.ID
		}
		if got != want {
			t.Errorf("%q names %q, want %q", args, got, want)
		}
	}
}

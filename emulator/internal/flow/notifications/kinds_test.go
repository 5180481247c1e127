package notifications

import (
	"slices"
	"testing"
)

func TestKinds(t *testing.T) {
	for _, test := range []struct {
		name     string
		versions []string
		roles    []string
	}{
		{"REPORT_PROCESSING_FINISHED", []string{"1.0", "2020-09-04"}, nil},
		{"LISTINGS_ITEM_ISSUES_CHANGE", []string{"1.0", "2023-12-13"}, []string{"Product Listing"}},
		{"BOPIS_CHECKIN_DETAILS", []string{"1.0"}, []string{"Inventory and Order Tracking"}},
		{"ACCOUNT_STATUS_CHANGED", []string{"2021-01-01"}, []string{"Selling Partner Insights"}},
	} {
		k := kinds()[test.name]
		if k == nil || !slices.Equal(k.versions, test.versions) || !slices.Equal(k.roles, test.roles) {
			t.Errorf("%s: %+v", test.name, k)
		}
	}
	if kinds()["APPLICATION_OAUTH_CLIENT_NEW_SECRET"] != nil {
		t.Error("news about secrets can be subscribed to")
	}
	report, issues := kinds()["REPORT_PROCESSING_FINISHED"], kinds()["LISTINGS_ITEM_ISSUES_CHANGE"]
	for _, test := range []struct {
		k                   *kind
		subscribed, version string
		want                bool
	}{
		{report, "1.0", "", true}, {report, "1.0", "2020-09-04", true}, {report, "2020-09-04", "1.0", true},
		{issues, "1.0", "", true}, {issues, "1.0", "2023-12-13", false}, {issues, "2023-12-13", "2023-12-13", true},
	} {
		if got := test.k.takes(test.subscribed, test.version); got != test.want {
			t.Errorf("%s subscribed to in %s, news in %q: %t", test.k.Name, test.subscribed, test.version, got)
		}
	}
}

package settings

import (
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	for text, want := range map[string]string{
		"Atzr|CANARY":                                      "REDACTED",
		`flag "--x": "Atza|CANARY" is odd`:                 `flag "--x": "REDACTED" is odd`,
		"Atc%7CCANARY and Atz.sprdt%7cCANARY":              "REDACTED and REDACTED",
		"amzn1.oa2-cs.v1.CANARY, AGE-SECRET-KEY-1CANARY":   "REDACTED, REDACTED",
		"spapi_gw_k3v9x2m7qa_CANARY-_x/y, SPAPI_GW_CANARY": "REDACTED/y, REDACTED",
		"https://ann:CANARY@host/path":                     "https://REDACTED@host/path",
		"ann:CANARY@host":                                  "REDACTED@host",
		"https://host:8443/a@b and ann@host":               "https://host:8443/a@b and ann@host",
		"amzn1.application-oa2-client.0123":                "amzn1.application-oa2-client.0123",
		"Atzr|…":                                           "Atzr|…", "want amzn1.oa2-cs.v1.…": "want amzn1.oa2-cs.v1.…", "spapi_gw_…": "spapi_gw_…",
		"Atzr": "Atzr",
	} {
		if got := Scrub(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if strings.HasSuffix(text, "…") {
			continue // the form alone is refused all the same
		}
		if SecretShape(text) != strings.Contains(ScrubSecrets(text), Redacted) {
			t.Errorf("%q: SecretShape and ScrubSecrets disagree", text)
		}
	}
	for _, form := range []string{"Atzr|", "Atza|", "Atc|", "Atz.sprdt|", "Atzr%7C", "Atza%7c", "Atc%7C", "Atz.sprdt%7C", "amzn1.oa2-cs.", "AGE-SECRET-KEY-", "spapi_gw_"} {
		if !SecretShape("x" + form + "CANARY") {
			t.Errorf("%s… is no secret", form)
		}
	}
}

// What is pasted where it doesn't belong is in no error.
func TestErrorsRepeatNoSecret(t *testing.T) {
	bare(t)
	for _, text := range []string{"Atzr|CANARY", "Atc%7CCANARY", "https://ann:CANARY@host/%", "ann:CANARY@host"} {
		for _, x := range []*Setting{Region, Marketplace, Endpoint, TokenURL, Sandbox, SellerID} {
			bad := x.check(text)
			if bad == nil {
				continue
			}
			if strings.Contains(bad.Error()+bad.Value, "CANARY") {
				t.Errorf("%s: %v", x.Name, bad)
			}
		}
		if _, err := ReadProfile(text); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("profile: %v", err)
		}
	}
}

// FuzzInnocent: what is taken for innocent at a glance is so when it is looked at closely.
func FuzzInnocent(f *testing.F) {
	for _, s := range []string{
		"", "11111111-2222-3333-4444-555555555555", "/orders/v0/orders", "MarketplaceIds", "x/amzn1.oa2-cs.v1.0123456789abcdef", "/AMZN1.OA2-CS.V1.0123456789abcdef",
		"AGE-SECRET-KEY-1QQQQQQQQ", "age-secret-key-1qqq", "Atza|IwEB", "Atza%7CIwEB", "spapi_gw_0123456789_abc", "/a/amzn1.oa2-cs..abcd",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if found := secretTexts().FindString(s); found != "" && Innocent(s) {
			t.Errorf("%q holds %q", s, found)
		}
	})
}

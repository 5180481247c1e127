package spapi

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/openspapi/spapi/marketplace"
)

// Each wrong setting is a ConfigError that names the field, shows no secret and says what would be right; nothing is sent.
func TestBadSettings(t *testing.T) {
	type settings struct {
		Credentials
		Authorization
		options []Option
	}
	good := settings{Credentials: testCredentials, Authorization: testAuthorization}
	for _, test := range []struct {
		name   string
		change func(*settings)
		field  string
		want   string
	}{
		{"no client id", func(s *settings) { s.ClientID = "" }, "client id", "is missing: want the LWA client identifier"},
		{"application id", func(s *settings) { s.ClientID = "amzn1.sp.solution.1234" }, "client id", "is an application id"},
		{"client id without prefix", func(s *settings) { s.ClientID = "0123456789abcdef" }, "client id", "has another form: want the LWA client"},
		{"client id is the prefix", func(s *settings) { s.ClientID = "amzn1.application-oa2-client." }, "client id", "has another form: want the LWA client"},
		{"client id quoted", func(s *settings) { s.ClientID = `"` + testClientID + `"` }, "client id", "spaces or quotes"},
		{"secret for client id", func(s *settings) { s.ClientID = testClientSecret }, "client id", "is a client secret"},
		{"no client secret", func(s *settings) { s.ClientSecret = NewSecret("") }, "client secret", "is missing"},
		{"client secret with newline", func(s *settings) { s.ClientSecret = NewSecret(s.ClientSecret.Reveal() + "\n") }, "client secret", "spaces or quotes"},
		{"client secret with a typographic quote", func(s *settings) { s.ClientSecret = NewSecret("“" + s.ClientSecret.Reveal()) }, "client secret",
			"spaces or quotes"},
		{"client secret with a zero-width space", func(s *settings) { s.ClientSecret = NewSecret(s.ClientSecret.Reveal() + "\u200b") }, "client secret",
			"spaces or quotes"},
		{"client id for secret", func(s *settings) { s.ClientSecret = NewSecret(testClientID) }, "client secret", "is the client id"},
		{"token for secret", func(s *settings) { s.ClientSecret = NewSecret(testRefreshToken) }, "client secret", "is a token"},
		{"masked secret", func(s *settings) { s.ClientSecret = NewSecret("**********") }, "client secret", "masked form"},
		{"access token", func(s *settings) { s.RefreshToken = NewSecret(testAccessToken) }, "refresh token", "is an access token"},
		{"grantless token", func(s *settings) { s.RefreshToken = NewSecret("Atc|x") }, "refresh token", "is an access token"},
		{"restricted token", func(s *settings) { s.RefreshToken = NewSecret(testRestricted) }, "refresh token", "is a restricted data token"},
		{"authorization code", func(s *settings) { s.RefreshToken = NewSecret("ANDXcodeCANARYcode12") }, "refresh token", "App.Exchange"},
		{"secret for refresh token", func(s *settings) { s.RefreshToken = NewSecret(testClientSecret) }, "refresh token", "part of the application's credentials"},
		{"percent-encoded refresh token", func(s *settings) { s.RefreshToken = NewSecret("Atzr%7CrefreshCANARY") }, "refresh token", "percent-encoded"},
		{"quoted refresh token", func(s *settings) { s.RefreshToken = NewSecret("'" + testRefreshToken + "'") }, "refresh token", "spaces or quotes"},
		{"cut refresh token", func(s *settings) { s.RefreshToken = NewSecret("Atzr|") }, "refresh token", "has another form"},
		{"something else for refresh token", func(s *settings) { s.RefreshToken = NewSecret("https://refreshCANARY.example.com/very/long/thing") },
			"refresh token", "has another form"},
		{"no region", func(s *settings) { s.Region = "" }, "region", "is missing: want na"},
		{"unknown region", func(s *settings) { s.Region = "mars" }, "region", "mars"},
		{"unknown marketplace", func(s *settings) { s.Region, s.Marketplace = "", "Germny" }, "marketplace", "DE"},
		{"marketplace that tells no region",
			func(s *settings) { s.Region, s.Marketplace = "", "A1ZZZZZZZZZZZZ" }, "marketplace", `"A1ZZZZZZZZZZZZ": tells no region`},
		{"marketplace with a space", func(s *settings) { s.Region, s.Marketplace = "", "DE " }, "marketplace", "want it bare"},
		{"token for marketplace", func(s *settings) { s.Region, s.Marketplace = "", testRefreshToken }, "marketplace", "is unknown"},
		{"token for region", func(s *settings) { s.Region = testRefreshToken }, "region", "is unknown"},
		{"region and marketplace differ", func(s *settings) { s.Marketplace = "DE" }, "marketplace", `lies in region "eu", but the region is set to "na"`},
		{"endpoint without scheme", func(s *settings) { s.options = []Option{WithEndpoint("localhost:8080")} }, "endpoint", "absolute URL"},
		{"endpoint not https", func(s *settings) { s.options = []Option{WithEndpoint("http://example.com")} }, "endpoint", "must be https"},
		{"endpoint with password", func(s *settings) { s.options = []Option{WithEndpoint("https://u:passwordCANARY@example.com")} }, "endpoint", "user or password"},
		{"endpoint with query", func(s *settings) { s.options = []Option{WithEndpoint("https://example.com/?a=1")} }, "endpoint", "query"},
		{"endpoint is no URL", func(s *settings) { s.options = []Option{WithEndpoint("https://exa mple")} }, "endpoint", "not a URL"},
		{"token URL not https", func(s *settings) { s.options = []Option{WithTokenURL("http://10.0.0.1/auth")} }, "token URL", "must be https"},
		{"user agent", func(s *settings) { s.options = []Option{WithUserAgent("Repricer/1\r\nX: y")} }, "user agent", "printable ASCII"},
		{"user agent without name", func(s *settings) { s.options = []Option{WithUserAgent("/1")} }, "user agent", "has no name"},
		{"long user agent", func(s *settings) { s.options = []Option{WithUserAgent(strings.Repeat("x", 500))} }, "user agent", "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := good
			test.change(&s)
			f := new(fake)
			client := NewApp(s.Credentials, append(s.options, WithTransport(f))...).Client(s.Authorization)
			err := client.Check()
			var config *ConfigError
			if !errors.As(err, &config) || config.Field != test.field {
				t.Fatalf("got %v, want a ConfigError for %s", err, test.field)
			}
			wantText(t, err.Error(), test.want)
			wantText(t, config.Explain(), "Nothing was sent")
			if strings.Contains(config.Explain(), "….") || !regexp.MustCompile(`\bwant |\bset |near it are |must be https|must not hold`).MatchString(config.Want) {
				t.Errorf("want %q, advice %q", config.Want, config.Explain())
			}
			noSecrets(t, err.Error(), config.Explain())
			for _, call := range []func() error{
				func() error { _, err := invokeRaw(t.Context(), client, catalogItem, asin); return err },
				func() error { _, err := client.AccessToken(t.Context()); return err },
				func() error {
					req, _ := http.NewRequest("GET", "/x", nil)
					_, err := client.Do(req)
					return err
				},
			} {
				if !errors.Is(call(), err) {
					t.Errorf("a call got another error than %v", err)
				}
			}
			if len(f.requests)+f.tokens != 0 {
				t.Error("something was sent")
			}
		})
	}
	if err := new(fake).client().Check(); err != nil {
		t.Error(err)
	}
}

func TestMarketplaceInPlaceOfRegion(t *testing.T) {
	for name, region := range map[string]marketplace.Region{"DE": "eu", "A1VC38T7YXB528": "fe", "uk": "eu", "www.amazon.com": "na"} {
		c := NewApp(testCredentials).Client(Authorization{RefreshToken: NewSecret(testRefreshToken), Marketplace: name})
		check(t, c.Check())
		if c.Region() != region || c.Endpoint() != region.Endpoint() {
			t.Errorf("%s is in %s at %s", name, c.Region(), c.Endpoint())
		}
	}
	c := NewApp(testCredentials).Client(Authorization{RefreshToken: NewSecret(testRefreshToken), Region: "EU", Marketplace: "FR", Sandbox: true})
	check(t, c.Check())
	if c.Endpoint() != "https://sandbox.sellingpartnerapi-eu.amazon.com" || !c.Sandbox() {
		t.Error(c)
	}
	c = NewApp(testCredentials).Client(Authorization{RefreshToken: NewSecret(testRefreshToken), Region: "FE", Marketplace: "A1ZZZZZZZZZZZZ"})
	check(t, c.Check())
	if c.Region() != marketplace.FarEast {
		t.Errorf("with a marketplace that is not in the table: region %q", c.Region())
	}
	// Secrets from before 2023 are bare hexadecimal.
	old := Credentials{ClientID: testClientID, ClientSecret: NewSecret(strings.Repeat("0a", 32))}
	check(t, NewApp(old).Client(testAuthorization).Check())
}

// An endpoint of Amazon's has to be that of the region and sandbox: else calls reach a shop that nobody meant, and sandbox code production.
func TestEndpointThatContradicts(t *testing.T) {
	for _, test := range []struct {
		endpoint string
		region   marketplace.Region
		sandbox  bool
		ok       bool
	}{
		{"https://sellingpartnerapi-na.amazon.com", "na", false, true},
		{"https://SELLINGPARTNERAPI-na.amazon.com:443", "na", false, true},
		{"https://sandbox.sellingpartnerapi-eu.amazon.com", "eu", true, true},
		{"https://gateway.example.com", "eu", true, true},
		{"http://127.0.0.1:8080", "eu", true, true},
		{"https://sellingpartnerapi-na.amazon.com", "na", true, false},
		{"https://sellingpartnerapi-na.amazon.com.:443/x", "na", true, false},
		{"https://sandbox.sellingpartnerapi-na.amazon.com", "na", false, false},
		{"https://sellingpartnerapi-na.amazon.com", "eu", false, false},
	} {
		f := new(fake)
		c := NewApp(testCredentials, WithTransport(f), WithEndpoint(test.endpoint)).
			Client(Authorization{RefreshToken: NewSecret(testRefreshToken), Region: test.region, Sandbox: test.sandbox})
		_, err := invokeRaw(t.Context(), c, participation, nil)
		if test.ok {
			if err != nil || c.Check() != nil {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		bad, ok := errors.AsType[*ConfigError](err)
		if !ok || bad.Code != CodeEndpointContradicts || len(f.requests) > 0 || f.tokens > 0 {
			t.Errorf("%+v: %v, %d requests", test, err, len(f.requests)+f.tokens)
			continue
		}
		own := test.region.Endpoint()
		if test.sandbox {
			own = test.region.SandboxEndpoint()
		}
		wantText(t, err.Error(), own, "region "+string(test.region))
	}
}

func TestUserAgent(t *testing.T) {
	for product, want := range map[string]string{
		"":                   "spapi/",
		"Repricer/1.2":       "Repricer/1.2 (Language=Go/1.",
		"Repricer":           "Repricer/0 (",
		`My\App/1.0 (beta)`:  `My\\App/1.0 \(beta) (`,
		"Group/Repricer/1.2": `Group\/Repricer/1.2 (`,
	} {
		got, err := userAgent(product)
		check(t, err)
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ")") || !strings.Contains(got, "; Platform=") {
			t.Errorf("%q became %q, want %q…", product, got, want)
		}
	}
	if got := valueEscaper.Replace(`a;b)c\d`); got != `a\;b\)c\\d` {
		t.Errorf("got %s", got)
	}
}

package factory

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/internal/settings"
)

// TestOneReader: spapi.Load, the store of the environment and the command take the same for right and the same for wrong, and say so
// with the same code, field and source.
func TestOneReader(t *testing.T) {
	const none = spapi.ConfigCode("")
	for _, c := range []struct {
		name, value string
		code        spapi.ConfigCode
	}{
		{"SPAPI_CLIENT_ID", "", spapi.CodeClientIDMissing},
		{"SPAPI_CLIENT_ID", secret, spapi.CodeClientIDIsSecret},
		{"SPAPI_CLIENT_ID", "amzn1.sp.solution.1", spapi.CodeClientIDIsApplicationID},
		{"SPAPI_CLIENT_ID", "1234", spapi.CodeClientIDMalformed},
		{"SPAPI_CLIENT_ID", "amzn1.application-oa2-client.…", spapi.CodeClientIDMalformed},
		{"SPAPI_CLIENT_ID", "'" + clientID + "'", spapi.CodeSpacesPasted},
		{"SPAPI_CLIENT_SECRET", "", spapi.CodeClientSecretMissing},
		{"SPAPI_CLIENT_SECRET", clientID, spapi.CodeClientSecretIsClientID},
		{"SPAPI_CLIENT_SECRET", token, spapi.CodeClientSecretIsToken},
		{"SPAPI_CLIENT_SECRET", "****", spapi.CodeClientSecretMasked},
		{"SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1.****", spapi.CodeClientSecretMasked},
		{"SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1.•••", spapi.CodeClientSecretMasked},
		{"SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1.c22c…", spapi.CodeClientSecretMasked},
		{"SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1.c22c...", spapi.CodeClientSecretMasked},
		{"SPAPI_CLIENT_SECRET", secret + "\n", spapi.CodeSpacesPasted},
		{"LWA_CLIENT_SECRET", secret + "2", spapi.CodeSpellingsDiffer},
		{"LWA_CLIENT_SECRET", secret, none},
		{"SPAPI_REFRESH_TOKEN", "", spapi.CodeRefreshTokenMissing},
		{"SPAPI_REFRESH_TOKEN", "Atza|x", spapi.CodeRefreshTokenIsAccessToken},
		{"SPAPI_REFRESH_TOKEN", "Atz.sprdt|x", spapi.CodeRefreshTokenIsRestrictedToken},
		{"SPAPI_REFRESH_TOKEN", "ANDXcode", spapi.CodeRefreshTokenIsCode},
		{"SPAPI_REFRESH_TOKEN", secret, spapi.CodeRefreshTokenIsCredential},
		{"SPAPI_REFRESH_TOKEN", "Atzr%7Cx", spapi.CodeRefreshTokenEncoded},
		{"SPAPI_REFRESH_TOKEN", "Atzr|IwEB...", spapi.CodeRefreshTokenMalformed},
		{"SPAPI_REFRESH_TOKEN", "Atzr", spapi.CodeRefreshTokenMalformed},
		{"SPAPI_REFRESH_TOKEN", " " + token, spapi.CodeSpacesPasted},
		{"SPAPI_REGION", "", spapi.CodeRegionMissing},
		{"SPAPI_REGION", "moon", spapi.CodeRegionUnknown},
		{"SPAPI_REGION", "DE", spapi.CodeRegionIsMarketplace},
		{"SPAPI_REGION", token, spapi.CodeRegionUnknown},
		{"SPAPI_REGION", "Europe", none},
		{"SPAPI_MARKETPLACE", "Germny", spapi.CodeMarketplaceUnknown},
		{"SPAPI_MARKETPLACE", "US", spapi.CodeMarketplaceInOtherRegion},
		{"SPAPI_MARKETPLACE", token, spapi.CodeMarketplaceUnknown},
		{"SPAPI_MARKETPLACE", "uk", none},
		{"SPAPI_SELLER_ID", "A1 B", spapi.CodeSellerIDMalformed},
		{"SPAPI_SELLER_ID", `"A1B"`, spapi.CodeSellerIDMalformed},
		{"SPAPI_SELLER_ID", "A1\u200bB", spapi.CodeSellerIDMalformed},
		{"SPAPI_SELLER_ID", strings.Repeat("A", 257), spapi.CodeSellerIDMalformed},
		{"SPAPI_SELLER_ID", token, spapi.CodeSellerIDMalformed},
		{"SPAPI_SELLER_ID", "A1B", none},
		{"SPAPI_ENDPOINT", "sellingpartnerapi-eu.amazon.com", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "127.0.0.1:18080", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "localhost:8080", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "localhost:hidden@host", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "host:1/?key=hidden", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "https://hidden@host:port", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "https://gateway/?key=hidden", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "https://hidden@gateway/?key=hidden", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "https://gateway/?a=b", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "https://ann:secret@gateway", spapi.CodeEndpointMalformed},
		{"SPAPI_ENDPOINT", "http://example.com", spapi.CodeEndpointNotHTTPS},
		{"SPAPI_ENDPOINT", " http://127.0.0.1:1", spapi.CodeSpacesPasted},
		{"SPAPI_ENDPOINT", `"http://127.0.0.1:1"`, spapi.CodeSpacesPasted},
		{"SPAPI_ENDPOINT", "http://127.0.0.1:1/x/", none},
		{"SPAPI_TOKEN_URL", "ftp://x", spapi.CodeEndpointMalformed},
		{"SPAPI_TOKEN_URL", "http://10.0.0.1/auth", spapi.CodeEndpointNotHTTPS},
		{"SPAPI_TOKEN_URL", "https://x/" + token, spapi.CodeEndpointMalformed},
		{"SPAPI_SANDBOX", "perhaps", spapi.CodeSwitchNotBoolean},
		{"SPAPI_SANDBOX", "1", none},
		{"SPAPI_APPLICATION_ID", "two words", spapi.CodeApplicationIDMalformed},
		{"SPAPI_ROLE_ARN", "arn:aws:iam::123456789012:user/ann", spapi.CodeRoleARNMalformed},
		{"SPAPI_ROLE_ARN", "arn:aws:iam::123456789012:role/x", none},
		// Whether it is known is the marketplaces' business: what matters is that all say the same.
		{"SPAPI_MARKETPLACE", "A1ZZZZZZZZZZZZ", "?"},
	} {
		t.Run(c.name+"="+c.value[:min(len(c.value), 20)], func(t *testing.T) {
			bare(t)
			environment(t, "eu")
			t.Setenv("SPAPI_SELLER_ID", "A1B")
			t.Setenv(c.name, c.value)
			_, fromLoad := spapi.Load(t.Context())
			_, fromAccounts := accounts.Open(t.Context(), accounts.Environment(), "")
			f, _ := newFactory()
			_, fromCommand := f.Client(t.Context())
			want := told(fromLoad)
			if c.code != "?" && want.Code != c.code {
				t.Errorf("Load says %q (%v), want %q", want.Code, fromLoad, c.code)
			}
			if fromLoad != nil {
				wantWhole(t, fromLoad)
			}
			if strings.Contains(c.value, "hidden") && strings.Contains(fromLoad.Error(), "hidden") {
				t.Errorf("repeats what may be a secret: %v", fromLoad)
			}
			for reader, err := range map[string]error{"accounts.Environment": fromAccounts, "the command": fromCommand} {
				if got := told(err); (err == nil) != (fromLoad == nil) || got.Code != want.Code || got.Field != want.Field || got.Source != want.Source {
					t.Errorf("%s says %v, but Load %v", reader, err, fromLoad)
				}
				if c.value != "" && err != nil && settings.SecretShape(c.value) && strings.Contains(err.Error(), c.value) {
					t.Errorf("%s repeats a secret: %v", reader, err)
				}
			}
		})
	}
}

var saysWhatIsRight = regexp.MustCompile(`\bwant |\bset |near it are |must be https`)

// wantWhole: the error's fields say alone what its text says, the text says nothing twice, and the advice is in whole sentences.
func wantWhole(t *testing.T, err error) {
	t.Helper()
	bad, ok := errors.AsType[*spapi.ConfigError](err)
	if !ok {
		t.Fatalf("%T %v is no ConfigError", err, err)
	}
	if bad.Code == "" || bad.Field == "" || !saysWhatIsRight.MatchString(bad.Want) {
		t.Errorf("%v: code %q, field %q, want %q", err, bad.Code, bad.Field, bad.Want)
	}
	if text := bad.Error(); bad.Value != "" && strings.Count(text, bad.Value) > 1 && len(bad.Value) > 2 {
		t.Errorf("names the value twice: %s", text)
	}
	if text := bad.Explain(); strings.Contains(text, "..") || strings.Contains(text, "….") {
		t.Errorf("advice with two stops: %s", text)
	}
}

// What can be shown is in the error's fields, for programs that print them in a form of their own.
func TestValueAndSource(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.json")
	for _, c := range []struct {
		env                 map[string]string
		code                spapi.ConfigCode
		source, value, want string
	}{
		{map[string]string{"SPAPI_REGION": "moon"}, spapi.CodeRegionUnknown, "SPAPI_REGION", "moon", "na (North America)"},
		{map[string]string{"SPAPI_REGION": "DE"}, spapi.CodeRegionIsMarketplace, "SPAPI_REGION", "DE", `Germany lies in "eu"`},
		{map[string]string{"SPAPI_MARKETPLACE": "Germny"}, spapi.CodeMarketplaceUnknown, "SPAPI_MARKETPLACE", "Germny", "DE (Germany"},
		{map[string]string{"SPAPI_MARKETPLACE": "US"}, spapi.CodeMarketplaceInOtherRegion, "SPAPI_MARKETPLACE", "US", `SPAPI_REGION says "eu"`},
		{map[string]string{"SPAPI_ENDPOINT": "127.0.0.1:18080"}, spapi.CodeEndpointMalformed, "SPAPI_ENDPOINT", "127.0.0.1:18080", "http://127.0.0.1:8080"},
		{map[string]string{"SPAPI_ENDPOINT": "localhost:8080"}, spapi.CodeEndpointMalformed, "SPAPI_ENDPOINT", "localhost:8080", "http://127.0.0.1:8080"},
		{map[string]string{"SPAPI_CONFIG": missing}, spapi.CodeProfileFileMissing, "SPAPI_CONFIG", missing, "want a file"},
		{map[string]string{"SPAPI_CONFIG": missing, "SPAPI_PROFILE": "shop"}, spapi.CodeProfileFileMissing, "SPAPI_CONFIG", missing, "want a file"},
		{map[string]string{"SPAPI_REGION": ""}, spapi.CodeRegionMissing, "SPAPI_REGION, SPAPI_MARKETPLACE or a profile's region", "", "want na"},
	} {
		bare(t)
		environment(t, "eu")
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		_, err := spapi.Load(t.Context())
		wantWhole(t, err)
		if got := told(err); got.Code != c.code || got.Source != c.source || got.Value != c.value || !strings.Contains(got.Want, c.want) {
			t.Errorf("%v: got %+v, want %+v", c.env, got, c)
		}
		t.Setenv("SPAPI_CONFIG", "")
		t.Setenv("SPAPI_PROFILE", "")
		t.Setenv("SPAPI_MARKETPLACE", "")
		t.Setenv("SPAPI_ENDPOINT", "")
	}
	bare(t)
	t.Setenv("SPAPI_PROFILE", "shop")
	_, err := spapi.Load(t.Context())
	wantWhole(t, err)
	if got := told(err); got.Code != spapi.CodeProfileFileMissing || got.Source != "SPAPI_PROFILE" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %+v", got)
	}
}

func told(err error) spapi.ConfigError {
	if bad, ok := errors.AsType[*spapi.ConfigError](err); ok {
		return *bad
	}
	return spapi.ConfigError{}
}

// A profile is read with the same checks.
func TestOneReaderOfProfiles(t *testing.T) {
	for text, code := range map[string]spapi.ConfigCode{
		`"seller_id":"A1 B","region":"eu"`:          spapi.CodeSellerIDMalformed,
		`"marketplace":"Germny"`:                    spapi.CodeMarketplaceUnknown,
		`"region":"eu","endpoint":"http://a.com"`:   spapi.CodeEndpointNotHTTPS,
		`"region":"eu","sandbox":"yes"`:             spapi.CodeProfileMalformed,
		`"region":"eu","sellerid":"A1B"`:            spapi.CodeProfileFieldUnknown,
		`"region":"eu","sandbox":true,"region":"x"`: spapi.CodeRegionUnknown,
		`"region":"eu","sandbox":true`:              "",
	} {
		home := bare(t)
		path := filepath.Join(home, "profiles.json")
		whole := `{"profiles":{"default":{"client_id":"` + clientID + `","client_secret":"` + secret + `","refresh_token":"` + token + `",` + text + `}}}`
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SPAPI_CONFIG", path)
		_, fromLoad := spapi.Load(t.Context())
		f, _ := newFactory()
		_, fromCommand := f.Client(t.Context())
		for reader, err := range map[string]error{"Load": fromLoad, "the command": fromCommand} {
			if told(err).Code != code {
				t.Errorf("%s: %s says %v, want %q", text, reader, err, code)
			}
			if err != nil {
				wantWhole(t, err)
			}
		}
	}
}

// TestFlagsOfSettings: the flags that settings name are the command's.
func TestFlagsOfSettings(t *testing.T) {
	f, _ := newFactory()
	root := &cobra.Command{}
	f.AddFlags(root)
	for _, x := range append([]*settings.Setting{settings.Account, settings.Profile}, settings.Beyond...) {
		if x.Flag != "" && root.PersistentFlags().Lookup(x.Flag) == nil {
			t.Errorf("%s: there is no flag --%s", x.Name, x.Flag)
		}
	}
}

// TestWrites: what reads and what writes, over all operations.
func TestWrites(t *testing.T) {
	ask := func(method, path string) *http.Request {
		req, err := http.NewRequest(method, "http://127.0.0.1:8080"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	reads := 0
	for _, op := range spapi.Operations() {
		path := op.Path
		for strings.Contains(path, "{") {
			open, end := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:open] + "x" + path[end+1:]
		}
		writes := writes(ask(op.Method, path))
		switch {
		case op.Method == http.MethodGet && writes, (op.Method == http.MethodPatch || op.Method == http.MethodDelete) && !writes, !op.Idempotent && !writes:
			t.Errorf("%s (%s) writes: %t", op.ID, op.Method, writes)
		case op.Method != http.MethodGet && !writes:
			reads++
		}
	}
	if reads < 15 {
		t.Errorf("%d operations read by another method than GET", reads)
	}
	for _, c := range []struct {
		method, path string
		want         bool
	}{
		{"PATCH", "/listings/2021-08-01/items/A1/pen", true},
		{"PATCH", "/listings/2021-08-01/items/A1/pen?mode=VALIDATION_PREVIEW", false},
		{"POST", "/feeds/2021-06-30/feeds", true},
		{"POST", "/reports/2021-06-30/reports", true},
		{"POST", "/reports/2021-06-30/schedules", true}, // may be repeated, and writes
		{"POST", "/products/fees/v0/feesEstimate", false},
		{"POST", "/gateway/eu/products/fees/v0/feesEstimate", false}, // below the path of an endpoint
		{"POST", "/gateway/reports/2021-06-30/schedules", true},
		{"POST", "/tokens/2021-03-01/restrictedDataToken", false},
		{"POST", "/nothing/known", true},
		{"GET", "/nothing/known", false},
		{"DELETE", "/nothing/known", true},
	} {
		if got := writes(ask(c.method, c.path)); got != c.want {
			t.Errorf("%s %s writes: %t, want %t", c.method, c.path, got, c.want)
		}
	}
}

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWriteIsToldBeforeItIsSent, once for each host, and never for Amazon's.
func TestWriteIsToldBeforeItIsSent(t *testing.T) {
	f, messages := newFactory()
	var atSending []string
	w := &writeTeller{f: f, next: answering(func(r *http.Request) (*http.Response, error) {
		atSending = append(atSending, messages.String())
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(new(bytes.Buffer)), Request: r}, nil
	})}
	for _, c := range []struct{ method, url, token string }{
		{"POST", "https://api.example.com/auth/o2/token", ""},
		{"GET", "http://127.0.0.1:1/feeds/2021-06-30/feeds", "Atza|x"},
		{"POST", "https://sellingpartnerapi-eu.amazon.com/feeds/2021-06-30/feeds", "Atza|x"},
		{"POST", "http://127.0.0.1:1/feeds/2021-06-30/feeds", "Atza|x"},
		{"POST", "http://127.0.0.1:1/feeds/2021-06-30/feeds", "Atza|x"},
		{"DELETE", "https://gateway.example.com/feeds/2021-06-30/feeds/1", "Atza|x"},
	} {
		req, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			req.Header.Set("X-Amz-Access-Token", c.token)
		}
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	const first, second = "writes to http://127.0.0.1:1, which is not Amazon\n", "writes to https://gateway.example.com, which is not Amazon\n"
	for i, want := range []string{"", "", "", first, first, first + second} {
		if atSending[i] != want {
			t.Errorf("before request %d it had said %q, want %q", i, atSending[i], want)
		}
	}
}

// TestNamedProfileIsUsed: --profile goes before the credentials in the environment, and what differs is told.
func TestNamedProfileIsUsed(t *testing.T) {
	writeProfile(t, bare(t), "shopb", "MX")
	t.Setenv("SPAPI_REFRESH_TOKEN", "Atzr|otherShop")
	t.Setenv("SPAPI_REGION", "eu")
	f, messages := newFactory()
	f.Flags.Profile = "shopb"
	client, err := f.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := f.Target(t.Context())
	if err != nil || target.Account.RefreshToken.Reveal() != token || client.Region() != "na" {
		t.Errorf("region %s, %v", client.Region(), err)
	}
	if text := messages.String(); !strings.Contains(text, "SPAPI_REFRESH_TOKEN says otherwise") || strings.Contains(text, "otherShop") {
		t.Errorf("it said %q", text)
	}
	if client, err = spapi.Load(t.Context(), spapi.WithProfile("shopb")); err != nil || client.Region() != "na" {
		t.Errorf("Load: %v, %v", client, err)
	}
}

// A profile file that nobody asked for, and that can't be read, keeps no command with credentials from elsewhere from its work.
func TestFleetOfAProfileThatNobodyAskedFor(t *testing.T) {
	for _, c := range []struct {
		name, content, variable, said string
		fails                         bool
	}{
		{"there is none", "", "", "", false},
		{"a broken one", "{", "", "so it is not known whether it names a fleet, and nothing is shared", false},
		{"a broken one that is named", "{", "shop", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.json")
			for _, v := range os.Environ() {
				if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "SPAPI_") {
					t.Setenv(name, "")
				}
			}
			t.Setenv("SPAPI_CONFIG", path)
			t.Setenv("SPAPI_PROFILE", c.variable)
			t.Setenv("SPAPI_CLIENT_ID", "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef")
			if c.content != "" {
				if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, messages := newFactory()
			fleet, err := f.Fleet()
			if (err != nil) != c.fails || fleet != nil || !strings.Contains(messages.String(), c.said) || c.said == "" && messages.Len() > 0 {
				t.Errorf("%v, %v, said %q", fleet, err, messages)
			}
		})
	}
}

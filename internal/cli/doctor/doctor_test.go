package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/redistest"
	"github.com/openspapi/spapi/marketplace"
)

// patient is what doctor examines in a test: credentials in the environment that work with an emulator, until a case spoils them.
type patient struct {
	t           *testing.T
	emu         *emulator.Emulator
	credentials emulator.Credentials
	dir         string
	factory     *factory.Factory
	opts        *Options
	out         *bytes.Buffer
}

// variables of this machine that must not get into a test.
var variables = []string{
	"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER", "SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN",
	"SPAPI_REGION", "SPAPI_MARKETPLACE", "SPAPI_SELLER_ID", "SPAPI_ENDPOINT", "SPAPI_TOKEN_URL", "SPAPI_SANDBOX", "SPAPI_PROFILE", "SPAPI_CONFIG",
	"SPAPI_FLEET", "SPAPI_FLEET_KEY", "SPAPI_FLEET_PROCESSES",
	"SPAPI_ACCOUNT", "SPAPI_ACCOUNTS", "SPAPI_PASSPHRASE", "SPAPI_KEY_FILE", "SPAPI_ROLE_ARN", "SP_ROLE_ARN", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "HTTP_PROXY", "HTTPS_PROXY",
}

func newPatient(t *testing.T, options ...emulator.Option) *patient {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, "")
	}
	p := &patient{t: t, dir: t.TempDir()}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, p.dir)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(p.dir, "aws-config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(p.dir, "aws-credentials"))
	var err error
	p.emu, err = emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithOrders(5), emulator.WithProducts(3)}, options...)...)
	p.check(err)
	p.credentials = p.emu.Credentials()
	p.env("SPAPI_CLIENT_ID", p.credentials.ClientID)
	p.env("SPAPI_CLIENT_SECRET", p.credentials.ClientSecret)
	p.env("SPAPI_REFRESH_TOKEN", p.credentials.RefreshToken)
	p.env("SPAPI_REGION", "na")
	streams, out, _ := terminal.Buffers()
	p.out = out
	p.factory = factory.With(streams, "1.2.3", nil)
	p.opts = &Options{Factory: p.factory, now: time.Now, transport: p.emu}
	return p
}

func (p *patient) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *patient) env(name, value string) { p.t.Setenv(name, value) }

// answer lets something else answer the requests that match, and the emulator all others.
func (p *patient) answer(matches func(*http.Request) bool, with func(*http.Request) (*http.Response, error)) {
	next := p.opts.transport
	p.opts.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if matches(r) {
			return with(r)
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func everything(*http.Request) bool     { return true }
func tokenRequest(r *http.Request) bool { return r.URL.Path == "/auth/o2/token" }
func apiRequest(r *http.Request) bool   { return !tokenRequest(r) }

// withToken are the API's requests that bring a token, apart from those to some paths.
func withToken(apart ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Header.Get("X-Amz-Access-Token") != "" && !slices.ContainsFunc(apart, func(path string) bool { return strings.HasPrefix(r.URL.Path, path) })
	}
}

func failing(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func reply(status int, kind, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Content-Type": {kind}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
			Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func denied(details string) func(*http.Request) (*http.Response, error) {
	return reply(http.StatusForbidden, "application/json", `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"`+details+`"}]}`)
}

// profile moves the credentials from the environment into a profile file.
func (p *patient) profile(text string, mode os.FileMode) {
	for _, name := range variables {
		p.env(name, "")
	}
	c := p.credentials
	text = strings.NewReplacer("ID", c.ClientID, "SECRET", c.ClientSecret, "TOKEN", c.RefreshToken).Replace(text)
	path := filepath.Join(p.dir, "profiles.json")
	p.check(os.WriteFile(path, []byte(text), 0o600))
	p.check(os.Chmod(path, mode))
	p.env("SPAPI_CONFIG", path)
}

// store moves the credentials from the environment into a file of accounts.
func (p *patient) store(change func(*accounts.Application, *accounts.Account)) *accounts.File {
	for _, name := range variables {
		p.env(name, "")
	}
	p.env("SPAPI_ACCOUNTS", filepath.Join(p.dir, "accounts.age"))
	p.env("SPAPI_KEY_FILE", filepath.Join(p.dir, "key"))
	c := p.credentials
	application := accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret), SecretExpires: time.Now().AddDate(0, 5, 0)}
	account := accounts.Account{Name: "shop", SellingPartnerID: c.SellerID, Region: c.Region, ClientID: c.ClientID, RefreshToken: spapi.NewSecret(c.RefreshToken)}
	if change != nil {
		change(&application, &account)
	}
	store, err := accounts.DefaultFile(nil) // not the factory's, which would keep its key
	p.check(err)
	p.check(store.PutApplication(p.t.Context(), application))
	p.check(store.Put(p.t.Context(), account))
	return store
}

// examine returns the report, having checked that no secret is in it.
func (p *patient) examine() Report {
	p.t.Helper()
	p.factory.Flags.Output.Format = output.JSON
	if err := run(p.t.Context(), p.opts); err != nil && err.Error() != "failed" {
		p.t.Fatal(err)
	}
	for _, secret := range []string{p.credentials.ClientSecret, p.credentials.RefreshToken, p.credentials.AWSSecretAccessKey, "Atza|Iw"} {
		if strings.Contains(p.out.String(), secret) {
			p.t.Errorf("the report has a secret:\n%s", p.out)
		}
	}
	var r Report
	p.check(json.Unmarshal(p.out.Bytes(), &r))
	return r
}

func allRoles(except ...string) []string {
	roles := []string{"Amazon Fulfillment", "Brand Analytics", "Buyer Communication", "Buyer Solicitation", "Direct-to-Consumer Shipping (Restricted)",
		"Finance and Accounting", "Inventory and Order Tracking", "Pricing", "Product Listing", "Selling Partner Insights", "Tax Invoicing (Restricted)",
		"Tax Remittance (Restricted)"}
	return slices.DeleteFunc(roles, func(r string) bool { return slices.Contains(except, r) })
}

const profileText = `{"profiles": {"default": {"client_id": "ID", "client_secret": "SECRET", "refresh_token": "TOKEN", "region": "na"}}}`

// otherID is the client id of an application that is not the emulator's.
const otherID = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"

// cases seed one misconfiguration each.
var cases = []struct {
	want string // names, with spaces between; "" for none
	how  string // where one name has several cases
	seed func(p *patient)
}{
	{"", "environment", func(*patient) {}},
	{"", "profile", func(p *patient) { p.profile(profileText, 0o600) }},
	{"", "stored account", func(p *patient) { p.store(nil) }},
	{"", "embedded emulator", func(p *patient) { p.opts.transport = nil; p.factory.Flags.Emulator = true }},

	{"", "fleet", func(p *patient) { p.env("SPAPI_FLEET", "unix://"+redistest.Start(p.t).Socket) }},
	{"fleet-address-malformed", "", func(p *patient) { p.env("SPAPI_FLEET", "127.0.0.1:6379") }},
	{"fleet-address-malformed", "form", func(p *patient) { p.env("SPAPI_FLEET", "redis://h/CANARY") }},
	{"fleet-address-missing", "", func(p *patient) { p.env("SPAPI_FLEET_KEY", "CANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARY") }},
	{"fleet-address-missing", "processes", func(p *patient) { p.env("SPAPI_FLEET_PROCESSES", "8") }},
	{"fleet-no-adapter", "", func(p *patient) { p.env("SPAPI_FLEET", "http://h") }},
	{"fleet-processes-invalid", "", func(p *patient) { p.env("SPAPI_FLEET_PROCESSES", "many") }},
	{"fleet-key-invalid fleet-unreachable", "", func(p *patient) {
		p.env("SPAPI_FLEET", "unix:///none")
		p.env("SPAPI_FLEET_KEY", "CANARY")
	}},
	{"fleet-unreachable", "", func(p *patient) { p.env("SPAPI_FLEET", "redis://u:CANARY@127.0.0.1:1") }},
	{"client-refused", "while the fleet has a token", func(p *patient) {
		p.env("SPAPI_FLEET", "unix://"+redistest.Start(p.t).Socket)
		p.env("SPAPI_FLEET_KEY", strings.Repeat("ab", 32))
		client, err := spapi.Load(p.t.Context(), spapi.WithTransport(p.emu))
		p.check(err)
		_, err = client.AccessToken(p.t.Context())
		p.check(err)
		p.env("SPAPI_CLIENT_SECRET", "amzn1.oa2-cs.v1."+strings.Repeat("0", 64))
	}},
	{"fleet-refused", "", func(p *patient) {
		p.env("SPAPI_FLEET", "unix://u:CANARY@"+redistest.Start(p.t, "--requirepass", "right").Socket)
	}},

	{"no-configuration", "", func(p *patient) {
		for _, name := range variables {
			p.env(name, "")
		}
	}},
	{"client-id-missing", "", func(p *patient) { p.env("SPAPI_CLIENT_ID", "") }},
	{"client-secret-missing", "", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", "") }},
	{"refresh-token-missing", "", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", "") }},
	{"region-missing", "", func(p *patient) { p.env("SPAPI_REGION", "") }},
	{"spaces-pasted", "secret", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", " "+p.credentials.ClientSecret+" ") }},
	{"spaces-pasted", "id", func(p *patient) { p.env("SPAPI_CLIENT_ID", p.credentials.ClientID+"\n") }},
	{"spaces-pasted", "quoted token", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", `"`+p.credentials.RefreshToken+`"`) }},
	{"client-id-is-secret", "", func(p *patient) { p.env("SPAPI_CLIENT_ID", p.credentials.ClientSecret) }},
	{"client-id-is-application-id", "", func(p *patient) { p.env("SPAPI_CLIENT_ID", p.credentials.ApplicationID) }},
	{"client-id-malformed", "", func(p *patient) { p.env("SPAPI_CLIENT_ID", "1234") }},
	{"client-secret-is-client-id", "", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", p.credentials.ClientID) }},
	{"client-secret-is-token", "", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", p.credentials.RefreshToken) }},
	{"client-secret-masked", "", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", "*************") }},
	{"refresh-token-is-access-token", "", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", "Atza|IwEBIabcdef") }},
	{"refresh-token-is-restricted-token", "", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", "Atz.sprdt|IwEBIabcdef") }},
	{"refresh-token-is-code", "", func(p *patient) {
		p.env("SPAPI_REFRESH_TOKEN", p.emu.AuthorizationCode(p.credentials.RefreshToken, "https://example.com/callback"))
	}},
	{"refresh-token-is-credential", "", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", p.credentials.ClientSecret) }},
	{"refresh-token-encoded", "", func(p *patient) {
		p.env("SPAPI_REFRESH_TOKEN", strings.Replace(p.credentials.RefreshToken, "|", "%7C", 1))
	}},
	{"refresh-token-malformed", "cut off at the |", func(p *patient) { p.env("SPAPI_REFRESH_TOKEN", "Atzr") }},
	{"region-is-marketplace", "id", func(p *patient) { p.env("SPAPI_REGION", marketplace.US.ID) }},
	{"region-is-marketplace", "country", func(p *patient) { p.env("SPAPI_REGION", "DE") }},
	{"region-unknown", "", func(p *patient) { p.env("SPAPI_REGION", "moon") }},
	{"marketplace-unknown", "", func(p *patient) { p.env("SPAPI_REGION", ""); p.env("SPAPI_MARKETPLACE", "Germny") }},
	{"marketplace-in-other-region", "", func(p *patient) { p.env("SPAPI_MARKETPLACE", "DE") }},
	{"seller-id-malformed", "", func(p *patient) { p.env("SPAPI_SELLER_ID", "A1 B") }},
	{"application-id-malformed", "", func(p *patient) { p.env("SPAPI_APPLICATION_ID", "two words") }},
	{"role-arn-malformed", "", func(p *patient) { p.env("SPAPI_ROLE_ARN", "arn:aws:iam::123456789012:user/ann") }},
	{"spellings-differ", "", func(p *patient) { p.env("LWA_CLIENT_SECRET", "amzn1.oa2-cs.v1.another") }},
	{"switch-not-boolean", "", func(p *patient) { p.env("SPAPI_SANDBOX", "maybe") }},
	{"profile-readable-by-others", "", func(p *patient) {
		if runtime.GOOS == "windows" {
			p.t.Skip("Windows has no modes")
		}
		p.profile(profileText, 0o644)
	}},
	{"profile-field-unknown", "", func(p *patient) {
		p.profile(`{"profiles": {"default": {"client_id": "ID", "client_sercet": "SECRET"}}}`, 0o600)
	}},
	{"profile-malformed", "", func(p *patient) { p.profile(`{"profiles": {"default": {"client_id": "ID"`, 0o600) }},
	{"profile-file-missing", "", func(p *patient) {
		p.profile(profileText, 0o600)
		p.env("SPAPI_CONFIG", filepath.Join(p.dir, "nowhere.json"))
		p.env("SPAPI_PROFILE", "default")
	}},
	{"profile-unknown", "", func(p *patient) { p.profile(profileText, 0o600); p.env("SPAPI_PROFILE", "shpo") }},
	{"folder-unknown", "", func(p *patient) {
		if runtime.GOOS == "windows" {
			p.t.Skip("Windows has the folder elsewhere")
		}
		p.env("SPAPI_PROFILE", "shop")
		p.env("HOME", "")
		p.env("XDG_CONFIG_HOME", "")
	}},
	{"account-name-invalid", "", func(p *patient) { p.store(nil); p.factory.Flags.Account = " shop" }},
	{"account-unknown", "", func(p *patient) { p.store(nil); p.factory.Flags.Account = "shpo" }},
	{"account-ambiguous", "", func(p *patient) {
		store := p.store(nil)
		second, err := store.Get(p.t.Context(), "shop")
		p.check(err)
		second.Name = "second"
		p.check(store.Put(p.t.Context(), second))
	}},
	{"store-locked", "key gone", func(p *patient) { p.store(nil); p.env("SPAPI_KEY_FILE", filepath.Join(p.dir, "other-key")) }},
	{"store-damaged", "", func(p *patient) {
		p.store(nil)
		path := filepath.Join(p.dir, "accounts.age")
		text, err := os.ReadFile(path)
		p.check(err)
		text[len(text)-1] ^= 1
		p.check(os.WriteFile(path, text, 0o600))
	}},
	{"store-readable-by-others", "", func(p *patient) {
		if runtime.GOOS == "windows" {
			p.t.Skip("Windows has no modes")
		}
		p.store(nil)
		p.check(os.Chmod(filepath.Join(p.dir, "accounts.age"), 0o644))
	}},
	{"endpoint-not-https", "endpoint", func(p *patient) { p.env("SPAPI_ENDPOINT", "http://sellingpartnerapi-na.amazon.com") }},
	{"endpoint-not-https", "token URL", func(p *patient) { p.env("SPAPI_TOKEN_URL", "http://api.amazon.com/auth/o2/token") }},
	{"endpoint-malformed", "", func(p *patient) { p.env("SPAPI_ENDPOINT", "sellingpartnerapi-na.amazon.com") }},
	{"endpoint-contradicts", "region", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://sellingpartnerapi-fe.amazon.com") }},
	{"endpoint-contradicts", "sandbox", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://sandbox.sellingpartnerapi-na.amazon.com") }},
	{"endpoint-is-central", "vendor", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://vendorcentral.amazon.com") }},
	{"endpoint-is-central", "seller", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://sellercentral-europe.amazon.com") }},
	{"endpoint-is-central", "shop", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://www.amazon.com") }},
	{"environment-over-account", "the emulator's variables", func(p *patient) {
		p.store(nil)
		p.env("SPAPI_ENDPOINT", "http://127.0.0.1:8080")
		p.env("SPAPI_TOKEN_URL", "http://127.0.0.1:8080/auth/o2/token")
	}},
	{"environment-over-account wrong-region", "a region", func(p *patient) { p.store(nil); p.env("SPAPI_REGION", "eu") }},
	{"token-url-elsewhere", "only the endpoint", func(p *patient) { p.env("SPAPI_ENDPOINT", "http://127.0.0.1:8080") }},
	{"token-url-elsewhere", "only the token URL", func(p *patient) { p.env("SPAPI_TOKEN_URL", "http://127.0.0.1:8080/auth/o2/token") }},
	{"endpoint-foreign", "", func(p *patient) { p.env("SPAPI_ENDPOINT", "https://gateway.example.com") }},

	{"dns-failure", "", func(p *patient) {
		p.answer(everything, failing(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "sellingpartnerapi-na.amazon.com", IsNotFound: true}}))
	}},
	{"dns-failure", "of the token endpoint", func(p *patient) {
		p.answer(tokenRequest, failing(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.amazon.com", IsNotFound: true}}))
	}},
	{"proxy-unreachable", "", func(p *patient) {
		p.answer(everything, failing(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}))
	}},
	{"proxy-authentication", "of a tunnel", func(p *patient) { p.answer(everything, failing(errors.New("Proxy Authentication Required"))) }},
	{"proxy-authentication", "in the answer", func(p *patient) { p.answer(apiRequest, reply(407, "text/html", "<html>log in</html>")) }},
	{"connection-refused", "", func(p *patient) {
		p.answer(everything, failing(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}))
	}},
	{"no-answer", "", func(p *patient) { p.answer(everything, failing(context.DeadlineExceeded)) }},
	{"tls-interception", "by an unknown authority", func(p *patient) { p.serveTLS("sellingpartnerapi-na.amazon.com") }},
	{"tls-interception", "by an authority that the machine trusts", func(p *patient) {
		next := p.opts.transport
		p.opts.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				c := &x509.Certificate{}
				c.Issuer.Organization = []string{"Example Corp. Web Filter"}
				resp.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
			}
			return resp, err
		})
	}},
	{"tls-wrong-host", "", func(p *patient) { p.serveTLS("login.hotel.example") }},
	{"tls-expired", "", func(p *patient) {
		p.answer(everything, failing(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}))
	}},
	{"html-in-between", "at the API", func(p *patient) { p.answer(apiRequest, reply(200, "text/html", "<html>Welcome to the hotel</html>")) }},
	{"html-in-between", "at the token endpoint", func(p *patient) { p.answer(tokenRequest, reply(403, "text/html", "<html>blocked</html>")) }},
	{"html-in-between", "plain HTTP on the port", func(p *patient) {
		p.answer(everything, failing(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}))
	}},
	{"clock-skew", "ahead", func(p *patient) { p.opts.now = func() time.Time { return time.Now().Add(17 * time.Minute) } }},
	{"clock-skew", "behind", func(p *patient) { p.opts.now = func() time.Time { return time.Now().Add(-6 * time.Hour) } }},
	{"header-stripped", "", func(p *patient) {
		next := p.opts.transport
		p.opts.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Del("X-Amz-Access-Token")
			return next.RoundTrip(r)
		})
	}},
	{"api-failing", "", func(p *patient) {
		p.answer(apiRequest, reply(503, "application/json", `{"errors":[{"code":"InternalFailure"}]}`))
	}},

	{"secret-expired", "as SP-API says", func(p *patient) { p.emu.ExpireSecret() }},
	{"secret-expired", "by the date that is stored", func(p *patient) {
		p.store(func(a *accounts.Application, _ *accounts.Account) { a.SecretExpires = time.Now().AddDate(0, 0, -1) })
	}},
	{"secret-expires-soon", "", func(p *patient) {
		p.store(func(a *accounts.Application, _ *accounts.Account) { a.SecretExpires = time.Now().AddDate(0, 0, 12) })
	}},
	{"client-refused", "mistyped secret", func(p *patient) { p.env("SPAPI_CLIENT_SECRET", p.credentials.ClientSecret+"0") }},
	{"client-refused", "rotated out more than seven days ago", func(p *patient) {
		clock := &later{}
		emu, err := emulator.New(emulator.WithSeed(1), emulator.WithClock(clock))
		p.check(err)
		emu.RotateSecret()
		clock.by = 8 * 24 * time.Hour
		p.opts.transport = emu
		p.opts.now = clock.Now
	}},
	{"", "rotated less than seven days ago", func(p *patient) { p.emu.RotateSecret() }},
	{"client-refused", "client id of nobody known", func(p *patient) { p.env("SPAPI_CLIENT_ID", otherID) }},
	{"client-id-of-another-application", "", func(p *patient) {
		store := p.store(func(a *accounts.Application, b *accounts.Account) { a.ClientID, b.ClientID = otherID, otherID })
		p.check(store.PutApplication(p.t.Context(), accounts.Application{ClientID: p.credentials.ClientID,
			ClientSecret: spapi.NewSecret(p.credentials.ClientSecret)}))
	}},
	{"authorization-revoked", "", func(p *patient) { p.emu.RevokeRefreshToken(p.credentials.RefreshToken) }},
	{"authorization-revoked", "after the token was made", func(p *patient) {
		p.answer(func(r *http.Request) bool { return r.Header.Get("X-Amz-Access-Token") != "" }, func(r *http.Request) (*http.Response, error) {
			p.emu.RevokeRefreshToken(p.credentials.RefreshToken)
			return p.emu.RoundTrip(r)
		})
	}},
	{"refresh-token-of-another-application", "", func(p *patient) {
		other, err := emulator.New(emulator.WithSeed(2))
		p.check(err)
		c := other.Credentials()
		store := p.store(func(_ *accounts.Application, a *accounts.Account) { a.RefreshToken = spapi.NewSecret(c.RefreshToken) })
		p.check(store.PutApplication(p.t.Context(), accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}))
		p.answer(func(r *http.Request) bool {
			if !tokenRequest(r) {
				return false
			}
			body, err := io.ReadAll(r.Body)
			p.check(err)
			r.Body = io.NopCloser(bytes.NewReader(body))
			return bytes.Contains(body, []byte(c.ClientID))
		}, other.RoundTrip)
	}},
	{"unauthorized-client", "", func(p *patient) {
		p.answer(tokenRequest, reply(400, "application/json", `{"error":"unauthorized_client","error_description":"Not authorized for requested operation"}`))
	}},
	{"token-endpoint-throttled", "", func(p *patient) {
		p.answer(tokenRequest, reply(429, "application/json", `{"message":"Too Many Requests"}`))
	}},
	{"token-endpoint-failing", "", func(p *patient) { p.answer(tokenRequest, reply(503, "application/json", `{"error":"server_error"}`)) }},
	{"token-endpoint-wrong", "", func(p *patient) { p.answer(tokenRequest, reply(404, "application/json", `{}`)) }},

	{"wrong-region", "", func(p *patient) { p.env("SPAPI_REGION", "eu") }},
	{"sandbox-in-production", "", func(p *patient) {
		p.answer(func(r *http.Request) bool { return apiRequest(r) && !strings.HasPrefix(r.URL.Host, "sandbox.") }, denied(""))
	}},
	{"vendor-account", "", func(p *patient) {
		p.answer(func(r *http.Request) bool { return apiRequest(r) && !strings.HasPrefix(r.URL.Path, "/vendor/") }, denied(""))
	}},
	{"access-refused", "", func(p *patient) { p.answer(apiRequest, denied("")) }},
	{"access-refused role-missing", "all but the marketplaces", func(p *patient) { p.answer(withToken("/sellers/", "/tokens/"), denied("")) }},
	{"access-refused", "with another status", func(p *patient) {
		p.answer(withToken(), reply(401, "application/json", `{"errors":[{"code":"Unauthorized"}]}`))
	}},
	{"throttled", "every call", func(p *patient) {
		p.answer(withToken(), reply(429, "application/json", `{"errors":[{"code":"QuotaExceeded"}]}`))
	}},
	{"no-call-works", "paths are unknown", func(p *patient) { p.answer(withToken(), reply(404, "application/json", `{"message":"Not Found"}`)) }},
	{"no-call-works", "a server that isn't SP-API", func(p *patient) { p.answer(withToken(), reply(418, "text/plain", "I am a teapot")) }},
	{"no-call-works", "a gateway that answers for it", func(p *patient) {
		p.answer(withToken(), reply(200, "application/json", `{"message":"Endpoint request timed out"}`))
	}},
	{"no-call-works", "a stand-in that knows nothing", func(p *patient) { p.answer(withToken(), reply(200, "application/json", `{}`)) }},
	{"no-call-works", "failing behind the door", func(p *patient) { p.answer(withToken(), reply(503, "application/json", `{}`)) }},
	{"seller-not-in-region", "", func(p *patient) {
		p.answer(func(r *http.Request) bool {
			return r.URL.Path == unauthorized && r.Header.Get("X-Amz-Access-Token") != ""
		},
			reply(200, "application/json", `{"payload":[{"marketplace":{"id":"ATVPDKIKX0DER","countryCode":"US"},"participation":{"isParticipating":false}}]}`))
	}},
	{"marketplace-not-joined", "", func(p *patient) { p.env("SPAPI_REGION", ""); p.env("SPAPI_MARKETPLACE", "BR") }},
	{"listings-suspended", "", func(p *patient) {
		p.answer(func(r *http.Request) bool {
			return r.URL.Path == unauthorized && r.Header.Get("X-Amz-Access-Token") != ""
		},
			reply(200, "application/json", `{"payload":[{"marketplace":{"id":"ATVPDKIKX0DER","countryCode":"US"},"participation":{"isParticipating":true,"hasSuspendedListings":true}}]}`))
	}},
	{"endpoint-in-other-region", "", func(p *patient) {
		p.answer(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/catalog/") }, denied("The marketplaces you provided are not valid for region."))
	}},
	{"role-missing", "finances", func(p *patient) { p.emu.SetRoles(allRoles("Finance and Accounting")...) }},
	{"role-missing", "the marketplaces themselves", func(p *patient) {
		p.answer(func(r *http.Request) bool {
			return r.URL.Path == unauthorized && r.Header.Get("X-Amz-Access-Token") != ""
		}, denied(""))
	}},
	{"restricted-data-refused", "no restricted role", func(p *patient) {
		p.emu.SetRoles(allRoles("Direct-to-Consumer Shipping (Restricted)", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)")...)
	}},
	{"restricted-data-refused", "data elements", func(p *patient) {
		p.answer(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/restrictedDataToken") },
			reply(400, "application/json", `{"errors":[{"code":"InvalidInput","message":"Application does not have access to one or more requested data elements: [shippingAddress]"}]}`))
	}},
	{"throttled", "", func(p *patient) {
		p.answer(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/reports/") }, reply(429, "application/json", `{"errors":[{"code":"QuotaExceeded"}]}`))
	}},

	{"aws-role-missing", "", func(p *patient) {
		p.env("AWS_ACCESS_KEY_ID", p.credentials.AWSAccessKeyID)
		p.env("AWS_SECRET_ACCESS_KEY", p.credentials.AWSSecretAccessKey)
	}},
	{"aws-keys-missing", "", func(p *patient) { p.env("SPAPI_ROLE_ARN", p.credentials.RoleARN) }},
	{"aws-keys-invalid", "", func(p *patient) {
		p.aws("AKIAXXXXXXXXXXXXXXXX", p.credentials.AWSSecretAccessKey, p.credentials.RoleARN)
	}},
	{"sts-denied", "", func(p *patient) {
		p.aws(p.credentials.AWSAccessKeyID, p.credentials.AWSSecretAccessKey, "arn:aws:iam::123456789012:role/other-role")
	}},
	{"", "a role that can be assumed", func(p *patient) {
		p.aws(p.credentials.AWSAccessKeyID, p.credentials.AWSSecretAccessKey, p.credentials.RoleARN)
	}},

	{"", "a published application", func(p *patient) { p.storeApplicationID() }},
	{"application-draft", "", func(p *patient) { p.storeApplicationID(); p.emu.SetApplicationStatus(emulator.ApplicationDraft) }},
	{"redirect-mismatch", "", func(p *patient) { p.consentPage("MD5101") }},
	{"application-not-published", "", func(p *patient) { p.consentPage("MD5100") }},
	{"application-not-found", "", func(p *patient) { p.consentPage("MD4100") }},
	{"application-of-others-unpublished", "", func(p *patient) { p.consentPage("MD9999") }},
	{"application-uris-missing", "", func(p *patient) { p.storeApplicationID(); p.emu.SetRedirectURIs() }},

	{"deprecated-operation", "named", func(p *patient) { p.opts.Uses = []string{"ordersv0.getOrders", "orders20260101.searchOrders"} }},
	{"deprecated-operation", "in Go", func(p *patient) {
		p.source("main.go", "package main\n\nimport \"github.com/openspapi/spapi/api/ordersv0\"\n\nfunc f() {\n\tfor o := range ordersv0.New(c).GetOrdersAll(ctx, in) {}\n}\n")
	}},
	{"deprecated-operation", "in Python", func(p *patient) {
		p.source("shop.py", "requests.get(f'https://sellingpartnerapi-eu.amazon.com/orders/v0/orders/{order_id}/orderItems')\n")
	}},
	{"", "nothing deprecated", func(p *patient) {
		p.source("shop.sh", "spapi call orders20260101.searchOrders\ncurl https://host/orders/v0/orders/1/shipmentConfirmation\n")
	}},
}

func (p *patient) aws(key, secret, role string) {
	server := httptest.NewServer(p.emu)
	p.t.Cleanup(server.Close)
	p.env("AWS_ACCESS_KEY_ID", key)
	p.env("AWS_SECRET_ACCESS_KEY", secret)
	p.env("SPAPI_ROLE_ARN", role)
	transport := &http.Transport{}
	p.t.Cleanup(transport.CloseIdleConnections)
	p.opts.aws = awsauth.Config{STSEndpoint: server.URL + "/sts/", BaseCredentials: credentials.NewStaticCredentialsProvider(key, secret, ""), HTTPClient: &http.Client{Transport: transport}}
}

func (p *patient) storeApplicationID() {
	p.store(func(a *accounts.Application, _ *accounts.Account) { a.ApplicationID = p.credentials.ApplicationID })
}

func (p *patient) consentPage(code string) {
	p.storeApplicationID()
	p.answer(func(r *http.Request) bool {
		return r.URL.Host == "sellercentral.amazon.com" && r.URL.Path == "/apps/authorize/consent" && r.URL.Query().Get("application_id") == p.credentials.ApplicationID
	}, reply(200, "text/html", "<html><p>We're sorry. Error code: "+code+"</p></html>"))
}

func (p *patient) source(name, text string) {
	p.opts.Source = filepath.Join(p.dir, "program")
	p.check(os.Mkdir(p.opts.Source, 0o700))
	p.check(os.WriteFile(filepath.Join(p.opts.Source, name), []byte(text), 0o600))
}

// later is a clock that is ahead of the machine's.
type later struct{ by time.Duration }

func (l *later) Now() time.Time { return time.Now().Add(l.by) }

// TestProblems seeds each misconfiguration and wants doctor to name exactly it.
func TestProblems(t *testing.T) {
	seeded := map[string]bool{}
	for _, c := range cases {
		t.Run(strings.TrimSpace(c.want+" "+c.how), func(t *testing.T) {
			p := newPatient(t)
			c.seed(p)
			report := p.examine()
			got := map[string]bool{}
			for _, f := range report.Findings {
				if f.Name == "" {
					continue
				}
				got[f.Name] = true
				if f.Fix == "" || f.Message == "" || f.Status != Problem && f.Status != Warning {
					t.Errorf("%+v lacks something", f)
				}
			}
			if strings.Contains(p.out.String(), "CANARY") {
				t.Errorf("a secret shows:\n%s", p.out)
			}
			if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != c.want {
				t.Errorf("doctor names %q, want %q\n%s", names, c.want, p.out)
			}
		})
		for name := range strings.FieldsSeq(c.want) {
			seeded[name] = true
		}
	}
	for _, p := range problems {
		if !seeded[p.name] && p.name != "settings-invalid" && p.name != "sts-unreachable" {
			t.Errorf("no case seeds %s", p.name)
		}
	}
	t.Logf("%d problems seeded in %d cases", len(seeded), len(cases))
}

// TestReadme: the README counts the problems.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if want := fmt.Sprintf("it knows %d misconfigurations by name", len(problems)); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("README.md doesn't say %q: %v", want, err)
	}
}

// TestRemovals: what is to be removed and what was removed are told apart by the clock.
func TestRemovals(t *testing.T) {
	for at, want := range map[string]string{"2026-08-25": "to be removed on 2026-08-26; ", "2026-08-26": "), removed on 2026-08-26; "} {
		p := newPatient(t)
		p.opts.Uses = []string{"catalogitemsv0.listCatalogCategories"}
		p.opts.now = func() time.Time { now, err := time.Parse(time.DateOnly, at); p.check(err); return now }
		found := slices.IndexFunc(p.examine().Findings, func(f Finding) bool { return f.Name == "deprecated-operation" && strings.Contains(f.Message, want) })
		if found < 0 {
			t.Errorf("at %s nothing has %q:\n%s", at, want, p.out)
		}
	}
}

// TestCodes: doctor knows every code that an error about settings can have, or it is listed as none of doctor's business.
func TestCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../settings/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Error(err)
		}
		codes++
		named := slices.ContainsFunc(problems, func(p problem) bool { return p.name == code })
		if listed := slices.Contains(noAdvice, spapi.ConfigCode(code)); named == listed {
			t.Errorf("code %q: named as a problem %t, listed as needing no advice %t: want one of the two", code, named, listed)
		}
		return true
	})
	if codes < 40 {
		t.Errorf("found %d codes", codes)
	}
	if name := nameConfig(&spapi.ConfigError{Code: spapi.CodeInputInvalid}); name != "settings-invalid" {
		t.Errorf("a code without advice is named %q", name)
	}
}

// serveTLS lets a server with a certificate of its own making stand where Amazon's should.
func (p *patient) serveTLS(name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	p.check(err)
	server := httptest.NewUnstartedServer(p.emu)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	p.t.Cleanup(server.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}}
	p.t.Cleanup(transport.CloseIdleConnections)
	p.opts.transport = transport
}

// quiet is a log for servers whose clients hang up.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// A role or restricted data that the program needs is a problem, and one that it may not need a warning.
func TestNeeded(t *testing.T) {
	for _, c := range []struct {
		uses []string
		want Status
	}{
		{nil, Warning},
		{[]string{"catalogitems20220401.getCatalogItem"}, Warning},
		{[]string{"finances20240619.listTransactions"}, Problem},
		{[]string{"financesv0.listFinancialEventGroups"}, Problem},
	} {
		p := newPatient(t)
		p.emu.SetRoles(allRoles("Finance and Accounting")...)
		p.opts.Uses = c.uses
		report := p.examine()
		i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Name == "role-missing" })
		if i < 0 || report.Findings[i].Status != c.want || report.OK != (c.want == Warning) {
			t.Errorf("with %v: %+v, want a %s", c.uses, report, c.want)
		}
	}
}

// What follows a problem that spoils it is not looked at.
func TestStop(t *testing.T) {
	p := newPatient(t)
	p.emu.RevokeRefreshToken(p.credentials.RefreshToken)
	for _, f := range p.examine().Findings {
		if slices.Contains([]string{"region", "roles", "restricted"}, f.Check) && f.Status != Skipped {
			t.Errorf("%+v", f)
		}
	}
	for _, r := range p.emu.Requests() {
		if strings.HasPrefix(r.Operation, "orders") {
			t.Errorf("%s was sent", r.Operation)
		}
	}
}

func TestShow(t *testing.T) {
	p := newPatient(t)
	p.emu.SetRoles(allRoles("Finance and Accounting")...)
	p.factory.Streams.OutIsTerminal = true
	if err := run(t.Context(), p.opts); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ configuration  from the environment; region na", "! roles          role-missing: ", "→ add the role", "calls work, with 1 warning"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.out)
		}
	}
}

func TestUnknownOperation(t *testing.T) {
	p := newPatient(t)
	p.opts.Uses = []string{"ordersv9.getOrders"}
	if err := run(t.Context(), p.opts); err == nil || !strings.Contains(err.Error(), "ordersv9.getOrders") {
		t.Errorf("got %v", err)
	}
}

// TestNothingWorksIsAProblem: where no call is let in, whatever it meets, doctor ends with a failure and doesn't say that calls work.
func TestNothingWorksIsAProblem(t *testing.T) {
	for _, status := range []int{301, 400, 401, 403, 404, 409, 418, 429, 500, 503} {
		for kind, body := range map[string]string{"application/json": `{"message":"no"}`, "text/plain": "no", "text/html": "<html>no</html>"} {
			p := newPatient(t)
			p.answer(withToken(), reply(status, kind, body))
			if r := p.examine(); r.OK {
				t.Errorf("%d as %s: all is said to be well:\n%s", status, kind, p.out)
			}
			p = newPatient(t)
			p.answer(withToken(), reply(status, kind, body))
			p.factory.Flags.Output.Format = output.Table
			if err := run(t.Context(), p.opts); err == nil || strings.Contains(p.out.String(), "calls work") {
				t.Errorf("%d as %s: ended with %v:\n%s", status, kind, err, p.out)
			}
		}
	}
}

// What the fleet's server is like, without a secret.
func TestFleet(t *testing.T) {
	p := newPatient(t)
	r := redistest.Start(t, "--requirepass", "CANARY")
	p.env("SPAPI_FLEET", "unix://:CANARY@"+r.Socket)
	p.env("SPAPI_FLEET_KEY", strings.Repeat("ab", 32)+","+strings.Repeat("cd", 32))
	found := slices.IndexFunc(p.examine().Findings, func(f Finding) bool {
		return f.Check == "fleet" && f.Status == OK && strings.Contains(f.Message, "the server 7.") && strings.Contains(f.Message, "answers in ") &&
			strings.Contains(f.Message, "limits and tokens are shared, with 2 keys")
	})
	if out := p.out.String(); found < 0 || strings.Contains(out, "CANARY") || strings.Contains(out, "abab") {
		t.Errorf("doctor says of the fleet:\n%s", out)
	}
}

// A key that is none shares nothing, whatever the server says.
func TestFleetWithABadKey(t *testing.T) {
	p := newPatient(t)
	p.env("SPAPI_FLEET", "unix://"+redistest.Start(t).Socket)
	p.env("SPAPI_FLEET_KEY", "CANARY")
	p.examine()
	if out := p.out.String(); !strings.Contains(out, "nothing is shared before the configuration is right") || strings.Contains(out, "tokens are shared") {
		t.Errorf("doctor says of the fleet:\n%s", out)
	}
}

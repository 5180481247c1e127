package emulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tokenURL = "https://api.amazon.com/auth/o2/token"
	na       = "https://sellingpartnerapi-na.amazon.com"
	eu       = "https://sellingpartnerapi-eu.amazon.com"
	us       = "ATVPDKIKX0DER"
)

// start is where the clock of all tests stands at first.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that only tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// client is an emulator with a clock and an access token of its first seller.
type client struct {
	*emulator.Emulator
	t     testing.TB
	clock *clock
	token string
}

func newClient(t testing.TB, opts ...emulator.Option) *client {
	t.Helper()
	c := &client{t: t, clock: &clock{t: start}}
	e, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1), emulator.WithClock(c.clock), emulator.WithExplain()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.Emulator = e
	c.refresh()
	return c
}

// refresh gets a new access token for the first seller.
func (c *client) refresh() {
	c.t.Helper()
	c.token = c.accessToken(c.Credentials())
}

func (c *client) accessToken(cred emulator.Credentials) string {
	c.t.Helper()
	r := c.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}})
	token, _ := r.json["access_token"].(string)
	if r.status != 200 || token == "" {
		c.t.Fatalf("token: %d %s", r.status, r.body)
	}
	return token
}

// grantless gets an access token for a scope.
func (c *client) grantless(scope string) string {
	c.t.Helper()
	cred := c.Credentials()
	r := c.form(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}})
	token, _ := r.json["access_token"].(string)
	if r.status != 200 || !strings.HasPrefix(token, "Atc|") {
		c.t.Fatalf("token: %d %s", r.status, r.body)
	}
	return token
}

func (c *client) form(v url.Values) result {
	c.t.Helper()
	return c.do("POST", tokenURL, http.Header{"Content-Type": {"application/x-www-form-urlencoded;charset=UTF-8"}}, v.Encode())
}

// result is a response that has been read.
type result struct {
	status int
	header http.Header
	body   string         // an error without the blanks and ends of lines between its members, and with its reason behind
	json   map[string]any // nil when the body is no object
}

// path follows names and indices into the body.
func (r result) path(steps ...any) any {
	var v any = r.json
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

func (r result) text(steps ...any) string {
	s, _ := r.path(steps...).(string)
	return s
}

func (c *client) do(method, rawURL string, header http.Header, body string) result {
	c.t.Helper()
	req, err := http.NewRequest(method, rawURL, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	return c.send(req)
}

func (c *client) send(req *http.Request) result {
	c.t.Helper()
	resp, err := c.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	r := result{status: resp.StatusCode, header: resp.Header, body: string(b)}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	_ = dec.Decode(&r.json)
	if compact := new(bytes.Buffer); r.status >= 400 && json.Compact(compact, b) == nil {
		r.body = compact.String()
	}
	if reason := resp.Header.Get("X-Spapi-Emulator-Reason"); reason != "" {
		r.body += "\n" + reason
	}
	return r
}

// get asks the North American endpoint with the current token.
func (c *client) get(path string) result {
	c.t.Helper()
	return c.do("GET", na+path, http.Header{"X-Amz-Access-Token": {c.token}}, "")
}

// post sends JSON to the North American endpoint with the current token.
func (c *client) post(path, body string) result {
	c.t.Helper()
	return c.do("POST", na+path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}, body)
}

func TestSameSeedSameBytes(t *testing.T) {
	ask := func(seed int64) string {
		c := newClient(t, emulator.WithSeed(seed))
		var all strings.Builder
		for _, path := range []string{
			"/sellers/v1/marketplaceParticipations", "/sellers/v1/account",
			"/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2020-01-01T00:00:00Z",
			"/catalog/2022-04-01/items?keywords=pen&marketplaceIds=" + us + "&includedData=summaries,attributes,salesRanks",
			"/listings/2021-08-01/items/" + c.Credentials().SellerID + "?includedData=summaries,attributes,offers&marketplaceIds=" + us,
			"/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=" + us + "&marketplaceIds=" + us,
		} {
			r := c.get(path)
			if r.status != 200 {
				t.Fatalf("%s: %d %s", path, r.status, r.body)
			}
			all.WriteString(r.body + r.header.Get("x-amzn-RequestId"))
		}
		return c.token + all.String()
	}
	first, again, other := ask(7), ask(7), ask(8)
	if first != again {
		t.Error("two runs with one seed differ")
	}
	if first == other {
		t.Error("two seeds give the same")
	}
}

func TestSellersAreIsolated(t *testing.T) {
	c := newClient(t)
	cred, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	orders := "/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2020-01-01T00:00:00Z"
	first := c.get(orders)
	id := first.text("payload", "Orders", 0, "AmazonOrderId")
	if id == "" {
		t.Fatalf("no order: %s", first.body)
	}
	c.token = c.accessToken(cred)
	if second := c.get(orders); second.status != 200 || strings.Contains(second.body, id) {
		t.Errorf("the second seller sees the first one's orders: %d", second.status)
	}
	if r := c.get("/orders/v0/orders/" + id); r.status != 404 {
		t.Errorf("the first seller's order: %d, want 404", r.status)
	}
}

func TestRequestLogHasNoSecrets(t *testing.T) {
	c := newClient(t)
	c.get("/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2026-01-01T00:00:00Z&BuyerEmail=jane%40example.com&NextToken=abc")
	log := c.Requests()
	if len(log) != 2 {
		t.Fatalf("%d requests in the log, want 2", len(log))
	}
	last := log[1]
	if last.Operation != "ordersv0.getOrders" || last.Method != "GET" || last.Path != "/orders/v0/orders" || last.Remaining != 19 {
		t.Errorf("logged %+v", last)
	}
	text, _ := json.Marshal(log)
	for _, secret := range []string{"jane", "abc", c.token, c.Credentials().RefreshToken, c.Credentials().ClientSecret} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the log has %q", secret)
		}
	}

	// Whatever goes astray: passwords, codes and tokens, in paths and in queries, with their names and without.
	for _, target := range []string{
		"/auth/o2/token/CANARY", "/login/user/CANARY", "/CANARY", "/apps/authorize/CANARY", "/sts/CANARY?Action=CANARY&Signature=CANARY",
		"/apps/authorize/consent?application_id=a&state=CANARY&spapi_oauth_code=CANARY&redirect_uri=https%3A%2F%2Fu%3ACANARY%40h",
		"/orders/v0/orders/Atza%7CCANARY", "/orders/v0/orders/Atza%257CCANARY", "/orders/v0/orders/amzn1.oa2-cs.v1.CANARY",
		"/orders/v0/orders?password=CANARY&code=CANARY&spapi_oauth_code=CANARY&state=CANARY&access_key=CANARY&X-Amz-Signature=CANARY",
		"/orders/v0/orders?MarketplaceIds=Atzr%7CCANARY", "/orders/v0/orders?Atzr%7CCANARY", "/orders/v0/orders?CANARY+CANARY=1", "/orders/v0/orders?a=%zzCANARY",
		"/authorization/v1/authorizationCode?mwsAuthToken=CANARY&developerId=1", "/catalog/v0/items?Query=CANARY", "/definitions/CANARY",
	} {
		c.get(target)
		log := c.Requests()
		last, _ := json.Marshal(log[len(log)-1])
		if bytes.Contains(last, []byte("CANARY")) {
			t.Errorf("%s is logged as %s", target, last)
		}
	}
	c.get("/orders/v0/orders/902-1?x=1")
	if log = c.Requests(); log[len(log)-1].Path != "/orders/v0/orders/902-1" || log[len(log)-1].Query != "x=redacted" {
		t.Errorf("logged %+v, want the path of an operation as it came", log[len(log)-1])
	}
	for range 1100 {
		c.get("/nowhere")
	}
	if log = c.Requests(); len(log) != 1000 || !log[0].Time.Equal(start) {
		t.Errorf("the log has %d entries, want the last 1,000", len(log))
	}
}

func TestBadOptions(t *testing.T) {
	for name, opt := range map[string]emulator.Option{
		"region": emulator.WithRegion("moon"), "orders": emulator.WithOrders(-1), "products": emulator.WithProducts(0), "days": emulator.WithDays(0),
		"pattern": emulator.WithRateLimit("nothing.like.this", 1, 1), "rate": emulator.WithRateLimit("*", 0, 1), "burst": emulator.WithRateLimit("*", 1, 0),
		"models": emulator.WithModels(t.TempDir()),
	} {
		if _, err := emulator.New(opt); err == nil || !strings.HasPrefix(err.Error(), "emulator: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	c := newClient(t)
	for name, cfg := range map[string]emulator.AccountConfig{
		"region": {Region: "moon"}, "marketplace": {Marketplaces: []string{"A1PA6795UKMFR9"}}, "no marketplace": {Marketplaces: []string{"x"}},
	} {
		if _, err := c.AddAccount(cfg); err == nil {
			t.Errorf("account with a wrong %s: no error", name)
		}
	}
}

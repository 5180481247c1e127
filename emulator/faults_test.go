package emulator_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/emulator/internal/fault"
)

const sellersPath = "/sellers/v1/marketplaceParticipations"

func (c *client) fault(text string) {
	c.t.Helper()
	f, err := emulator.ParseFault(text)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.AddFault(f); err != nil {
		c.t.Fatal(err)
	}
}

func TestFaultsThatAnswer(t *testing.T) {
	for _, test := range []struct {
		fault  string
		status int
		part   string
		header string // and whether x-amzn-RateLimit-Limit is sent
	}{
		{"throttle", 429, `"QuotaExceeded"`, "TooManyRequestsException"},
		{"internal,operation=sellersv1.*", 500, `We encountered an internal error. Please try again.`, ""},
		{"internal,carried_out", 500, `InternalFailure`, ""},
		{"unavailable", 503, `ServiceUnavailable`, ""},
		{"html", 503, `<title>Website Temporarily Unavailable</title>`, ""},
		{"empty-body", 200, ``, ""},
		{"foreign-json", 200, `{"message":"Endpoint request timed out"}`, ""},
		{"expired-url", 403, `<Message>Request has expired</Message>`, ""},
	} {
		c := newClient(t)
		c.fault(test.fault)
		r := c.get(sellersPath)
		if test.part == "" && r.body != "" {
			t.Errorf("%s: body %s", test.fault, r.body)
		}
		if r.status != test.status || !strings.Contains(r.body, test.part) || r.header.Get("x-amzn-ErrorType") != test.header {
			t.Errorf("%s: %d %v %s", test.fault, r.status, r.header, r.body)
		}
		if r.header.Get("x-amzn-RateLimit-Limit") != "" || r.header.Get("X-Spapi-Emulator-Operation") != "sellersv1.getMarketplaceParticipations" || r.header.Get("X-Spapi-Emulator-Fault") == "" {
			t.Errorf("%s: header %v", test.fault, r.header)
		}
		log := c.Requests()
		if last := log[len(log)-1]; string(last.Fault) != r.header.Get("X-Spapi-Emulator-Fault") || last.Status != test.status {
			t.Errorf("%s: logged %+v", test.fault, last)
		}
		c.ClearFaults()
		if r := c.get(sellersPath); r.status != 200 || r.header.Get("X-Spapi-Emulator-Fault") != "" {
			t.Errorf("%s: afterwards %d", test.fault, r.status)
		}
	}
}

func TestTokenEndpointFaults(t *testing.T) {
	c := newClient(t)
	cred := c.Credentials()
	for text, status := range map[string]int{"throttle": 429, "internal": 500, "unavailable": 503} {
		c.fault(text + ",operation=lwa.token,limit=1")
		r := c.form(map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}})
		if r.status != status || r.text("error") == "" || r.text("error_description") == "" {
			t.Errorf("%s: %d %s", text, r.status, r.body)
		}
	}
	c.refresh()
	if r := c.get(sellersPath); r.status != 200 {
		t.Errorf("SP-API itself: %d", r.status)
	}
}

// struckBy tells which of n requests a rule strikes.
func struckBy(c *client, n int) string {
	var b strings.Builder
	for range n {
		if r := c.get(sellersPath); r.status == 429 {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func TestWhichRequestsAreStruck(t *testing.T) {
	for rule, want := range map[string]string{
		"throttle":                                "xxxxxxxxxxxx",
		"throttle,every=4":                        "...x...x...x",
		"throttle,every=5,burst=3":                "....xxx..xxx",
		"throttle,limit=2":                        "xx..........",
		"throttle,operation=ordersv0.*":           "............",
		"throttle,operation=*.getMarketplace*":    "xxxxxxxxxxxx",
		"throttle,every=3,operation=sellersv1.*":  "..x..x..x..x",
		"throttle,probability=1":                  "xxxxxxxxxxxx",
		"throttle,operation=sts.AssumeRole":       "............",
		"throttle,operation=s3.GetObject,every=2": "............",
	} {
		c := newClient(t, emulator.WithoutLimits())
		c.fault(rule)
		if got := struckBy(c, 12); got != want {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
	// By chance, but the same each time, also after a reset.
	c := newClient(t, emulator.WithoutLimits())
	c.fault("throttle,probability=0.3,operation=sellersv1.*")
	first := struckBy(c, 200)
	if n := strings.Count(first, "x"); n < 40 || n > 80 {
		t.Errorf("a probability of 0.3 struck %d of 200", n)
	}
	c.Reset()
	c.refresh()
	if again := struckBy(c, 200); again != first {
		t.Errorf("after a reset:\n%s, want\n%s", again, first)
	}
}

func TestCarriedOut(t *testing.T) {
	c := newClient(t, emulator.WithRateLimit("sellersv1.*", 0.001, 2))
	c.fault("internal,limit=1")
	c.fault("internal,carried_out,limit=1")
	c.fault("empty-body,limit=1")
	c.fault("foreign-json,limit=1")
	for i, want := range []int{500, 500, 200, 200, 200, 429} { // the second one took a token from the bucket
		if r := c.get(sellersPath); r.status != want {
			t.Errorf("request %d: %d, want %d", i, r.status, want)
		}
	}
}

func TestFaultsInLists(t *testing.T) {
	c := newClient(t)
	path := "/orders/v0/orders?MaxResultsPerPage=5&" + allUS
	ids := func(r result) (ids []string) {
		list, _ := r.path("payload", "Orders").([]any)
		for _, o := range list {
			ids = append(ids, o.(map[string]any)["AmazonOrderId"].(string))
		}
		return ids
	}
	plain := c.get(path)
	want := ids(plain)
	c.fault("duplicate,operation=ordersv0.*,limit=1")
	if got := ids(c.get(path)); len(got) != 6 || got[0] != got[1] || got[1] != want[0] {
		t.Errorf("duplicate: %v, want %v with the first twice", got, want)
	}
	c.fault("late,operation=ordersv0.*,limit=1")
	if got := ids(c.get(path)); strings.Join(got, " ") != strings.Join(want[:4], " ") {
		t.Errorf("late: %v, want %v without the last", got, want)
	}
	if got := ids(c.get(path)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("afterwards %v, want %v", got, want)
	}
	c.fault("expired-token,limit=1")
	next := path + "&NextToken=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(plain.text("payload", "NextToken"))
	if r := c.get(next); r.status != 400 || !strings.Contains(r.body, "NextToken") {
		t.Errorf("expired token: %d %s", r.status, r.body)
	}
	if r := c.get(next); r.status != 200 {
		t.Errorf("the token afterwards: %d %s", r.status, r.body)
	}
}

// TestRefusalsOfFinances: two errors of finances v0, of which the first only comes to a next token.
func TestRefusalsOfFinances(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	path := "/finances/v0/financialEvents?MaxResultsPerPage=5&PostedAfter=2026-02-10T00:00:00Z"
	next := path + "&NextToken=" + url.QueryEscape(c.get(path).text("payload", "NextToken"))
	for kind, message := range map[string]string{
		"broken-message": "$errorResponse.Message", "beyond-retention": "Request was not valid or data requested exceeds data retention period.",
	} {
		c.fault(kind + ",limit=1,operation=financesv0.*")
		if kind == "broken-message" {
			if r := c.get(path); r.status != 200 {
				t.Errorf("%s without a token: %d", kind, r.status)
			}
		}
		if r := c.get(next); r.status != 400 || r.text("errors", 0, "code") != "InvalidInput" || r.text("errors", 0, "message") != message {
			t.Errorf("%s: %d %s", kind, r.status, r.body)
		}
		if r := c.get(next); r.status != 200 {
			t.Errorf("%s, again: %d %s", kind, r.status, r.body)
		}
	}
}

func TestClockSkew(t *testing.T) {
	c := newClient(t)
	c.fault("clock-skew,skew=-10m")
	if r := c.get(sellersPath); r.status != 200 || r.header.Get("Date") != start.Add(-10*time.Minute).Format(http.TimeFormat) {
		t.Errorf("%d %v", r.status, r.header.Get("Date"))
	}
}

// TestLatency has a fixed clock, which latency moves on, and a running one in a bubble, where it is waited for.
func TestLatency(t *testing.T) {
	c := newClient(t, emulator.WithFixedTime(start))
	c.fault("latency,latency=90s")
	if r := c.get(sellersPath); r.status != 200 || !c.Now().Equal(start.Add(90*time.Second)) {
		t.Errorf("%d at %v", r.status, c.Now())
	}
	for _, test := range []struct {
		speed float64
		rule  string
		want  time.Duration
	}{{1, "latency,latency=90s", 90 * time.Second}, {60, "latency,latency=90s", 1500 * time.Millisecond}, {1, "slow-body,latency=20s", 20 * time.Second}, {1, "throttle,latency=2s", 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			e, err := emulator.New(emulator.WithSpeed(test.speed))
			if err != nil {
				t.Fatal(err)
			}
			c := &client{Emulator: e, t: t}
			c.refresh()
			c.fault(test.rule)
			from := time.Now()
			if r := c.get(sellersPath); time.Since(from) != test.want || r.body == "" {
				t.Errorf("%s: %d after %v, want %v", test.rule, r.status, time.Since(from), test.want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "GET", na+sellersPath, nil)
			r.Header.Set("x-amz-access-token", c.token)
			resp, err := c.RoundTrip(r)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: a client that waits for a second got %v", test.rule, err)
			}
		})
	}
}

// TestBrokenConnections asks without a connection and over one, on which the same happens.
func TestBrokenConnections(t *testing.T) {
	for _, kind := range []string{"reset", "reset-in-body", "truncate", "truncate-gzip", "slow-body,latency=50ms"} {
		for _, over := range []string{"round tripper", "port"} {
			t.Run(kind+" "+over, func(t *testing.T) {
				c := newClient(t)
				want := c.get(sellersPath).body
				c.fault(kind)
				base, transport := na, http.RoundTripper(c.Emulator)
				if over == "port" {
					server := httptest.NewServer(c.Emulator)
					defer server.Close()
					tr := &http.Transport{DisableCompression: true}
					defer tr.CloseIdleConnections()
					base, transport = server.URL, tr
				}
				r, _ := http.NewRequest("POST", base+"/nothing", nil) // not repeated by net/http
				r.Method, r.URL.Path = "GET", sellersPath
				r.Header = http.Header{"X-Amz-Access-Token": {c.token}, "Accept-Encoding": {"gzip"}}
				resp, err := transport.RoundTrip(r)
				if kind == "reset" {
					if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
						t.Errorf("error %v, want a reset connection", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				switch kind {
				case "truncate":
					if !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != want[:len(want)/2] {
						t.Errorf("error %v after %d bytes, want an unexpected end after %d", err, len(body), len(want)/2)
					}
				case "reset-in-body":
					if !errors.Is(err, syscall.ECONNRESET) || len(body) > len(want)/2 {
						t.Errorf("error %v after %d bytes, want a reset after at most %d", err, len(body), len(want)/2)
					}
				case "truncate-gzip":
					if err != nil || resp.Header.Get("Content-Encoding") != "gzip" || int(resp.ContentLength) != len(body) {
						t.Errorf("error %v, %v, %d bytes", err, resp.Header, len(body))
					}
					zip, err := gzip.NewReader(strings.NewReader(string(body)))
					if err == nil {
						_, err = io.ReadAll(zip)
					}
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("unzipped with error %v, want an unexpected end", err)
					}
				default:
					if err != nil || string(body) != want {
						t.Errorf("error %v, body %s", err, body)
					}
				}
			})
		}
	}
}

func TestFaultRules(t *testing.T) {
	for _, text := range []string{
		"", "nonsense", "throttle,operation=no.such", "throttle,operation=[", "throttle,every=-1", "throttle,every=x", "throttle,probability=1.5",
		"throttle,probability=NaN", "throttle,every=2,probability=0.5", "throttle,latency=2h", "throttle,latency=soon", "latency", "slow-body",
		"clock-skew", "throttle,skew=1s", "latency,latency=1s,carried_out", "throttle,what=1",
		"lag", "lag,within=0s", "lag,within=-1h", "lag,within=2400h", "throttle,within=1m", "missing,within=1m", "lag,within=soon", "throttle,type=GET_X", "lag,within=1h,type=GET_X",
		"lag,within=1h,every=2", "missing,burst=2", "missing,latency=1s", "short-token,within=30s,limit=1", "restated,within=72h,probability=0.5",
		"lag,within=1h,operation=sellersv1.*", "lag,within=1h,operation=listingsitems20210801.searchListingsItems", "moved,operation=fbainventoryv1.*", "missing,operation=lwa.token",
		"repeated,operation=feeds20210630.createFeed", "fatal,operation=feeds*", "short-token,within=1m,operation=*.getOrder", "missing,carried_out",
		"throttle,probability=0", "reset,carried_out=perhaps", "throttle,every=2,every=3", "fatal,type=GET_NOTHING", "fatal,type=[",
	} {
		if f, err := emulator.ParseFault(text); err == nil || !strings.HasPrefix(err.Error(), "emulator: fault ") {
			t.Errorf("%q: %+v, error %v", text, f, err)
		}
		if _, err := emulator.New(emulator.WithFault(emulator.Fault{Kind: "nonsense"})); err == nil {
			t.Error("an emulator with a fault of no kind")
		}
	}
	c := newClient(t)
	for _, kind := range fault.Kinds { // each can be written on one line
		text := string(kind) + map[fault.Kind]string{"latency": ",latency=1s", "slow-body": ",latency=1s", "clock-skew": ",skew=1s", "lag": ",within=1h", "short-token": ",within=1h",
			"restated": ",within=1h", "unpublished": ",within=1h,type=GET_*", "message-late": ",within=1h"}[kind]
		if f, err := emulator.ParseFault(text); err != nil || f.Kind != kind {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
	for text, want := range map[string]bool{"reset,carried_out": true, "reset,carried_out=true": true, "reset,carried_out=false": false} {
		if f, err := emulator.ParseFault(text); err != nil || f.CarriedOut != want {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
	if _, err := c.AddFault(emulator.Fault{Kind: "no-data", Type: "GET_NOTHING"}); err == nil {
		t.Error("a rule for a type of reports that there isn't")
	}
	want := emulator.Fault{Kind: "unpublished", Type: "GET_LEDGER_*", Within: 96 * time.Hour}
	if b, err := json.Marshal(want); err != nil || string(b) != `{"kind":"unpublished","within":"96h0m0s","type":"GET_LEDGER_*"}` {
		t.Errorf("%v %s", err, b)
	} else if err := json.Unmarshal(b, &want); err != nil || want.Within != 96*time.Hour || want.Type != "GET_LEDGER_*" {
		t.Errorf("%v %+v", err, want)
	}
	want = emulator.Fault{Kind: "slow-body", Operation: "ordersv0.*", Every: 2, Burst: 3, Limit: 4, Latency: 1500 * time.Millisecond}
	id, err := c.AddFault(want)
	if err != nil {
		t.Fatal(err)
	}
	want.ID = id
	if list := c.Faults(); len(list) != 1 || list[0] != want {
		t.Errorf("%+v, want %+v", list, want)
	}
	b, err := json.Marshal(want)
	if err != nil || !strings.Contains(string(b), `"latency":"1.5s"`) {
		t.Errorf("%v %s", err, b)
	}
	var read emulator.Fault
	if err := json.Unmarshal(b, &read); err != nil || read != want {
		t.Errorf("%v %+v", err, read)
	}
	for _, bad := range []string{`{"kind":"latency","latency":"soon"}`, `{"kind":"throttle","evry":2}`} {
		if err := json.Unmarshal([]byte(bad), &read); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := c.AddFault(want); err == nil {
		t.Error("the same id twice")
	}
	if !c.RemoveFault(id) || c.RemoveFault(id) || len(c.Faults()) != 0 {
		t.Error("a rule can't be removed once")
	}
}

// TestResetOnPort shows that a client sees a reset, where the system reports one, and that the server goes on.
func TestResetOnPort(t *testing.T) {
	c := newClient(t)
	c.fault("reset,limit=1")
	server := httptest.NewServer(c.Emulator)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+sellersPath+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) || len(b) != 0 {
		t.Errorf("%q and error %v, want a reset", b, err)
	}
	resp, err := server.Client().Get(server.URL + sellersPath)
	if err != nil || resp.StatusCode != 403 {
		t.Errorf("the next request: %v", err)
	} else {
		resp.Body.Close()
	}
}

// TestSilent: nothing comes, until the client gives up or the server ends.
func TestSilent(t *testing.T) {
	ask := func(t *testing.T, c *client, transport http.RoundTripper, base string, patience time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", base+sellersPath, nil)
		r.Header.Set("x-amz-access-token", c.token)
		from := time.Now()
		resp, err := transport.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(from) < patience {
			t.Errorf("%v after %s, want nothing for %s", err, time.Since(from), patience)
		}
	}
	t.Run("round tripper", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t)
			c.fault("silent,carried_out")
			ask(t, c, c.Emulator, na, 100*time.Hour)
		})
	})
	t.Run("port", func(t *testing.T) {
		c := newClient(t)
		c.fault("silent")
		server := httptest.NewServer(c.Emulator)
		defer server.Close() // waits for what is under way
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		ask(t, c, tr, server.URL, 50*time.Millisecond)
		if log := c.Requests(); log[len(log)-1].Fault != "silent" || log[len(log)-1].Status != 0 {
			t.Errorf("logged %+v", log[len(log)-1])
		}
	})
}

package emulator_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

// TestFronts: what stands before a service adds its headers to every answer, to those of faults and refusals too.
func TestFronts(t *testing.T) {
	const sandbox = "https://sandbox.sellingpartnerapi-eu.amazon.com"
	c := newClient(t)
	if _, err := c.AddFault(emulator.Fault{Kind: emulator.FaultThrottle, Operation: "sellersv1.getAccount"}); err != nil {
		t.Fatal(err)
	}
	catalogItems := "/catalog/2022-04-01/items?keywords=pen&marketplaceIds=" + us
	for _, test := range []struct {
		name, target string
		want         map[string]string // header by pattern; "" for none
	}{
		{"production", na + "/sellers/v1/marketplaceParticipations", map[string]string{"Server": "^Server$", "X-Amz-Apigw-Id": "^OPF[0-9a-f]{12}$", "Vary": "^Content-Type,Accept-Encoding,User-Agent$",
			"Strict-Transport-Security": "^max-age=47474747; includeSubDomains; preload$", "Via": "", "X-Cache": ""}},
		{"a large answer", na + catalogItems, map[string]string{"Vary": "^accept-encoding,Content-Type,Accept-Encoding,User-Agent$"}},
		{"a fault", na + "/sellers/v1/account", map[string]string{"X-Amz-Apigw-Id": "^OPF", "X-Amz-Rid": "^[0-9A-Z]{20}$", "X-Amzn-Errortype": "^TooManyRequestsException$"}},
		{"a path that there isn't", na + "/x", map[string]string{"X-Amz-Apigw-Id": "^OPF", "X-Amzn-Trace-Id": "^Root=1-[0-9a-f]{8}-[0-9a-f]{16}$", "X-Amzn-Errortype": "^AccessDeniedException$"}},
		{"an address of its own", "http://localhost:8080/sellers/v1/marketplaceParticipations", map[string]string{"Server": "^Server$", "Strict-Transport-Security": "", "Via": ""}},
		{"sandbox", sandbox + "/sellers/v1/x", map[string]string{"Via": `^1\.1 [0-9a-f]{32}\.cloudfront\.net \(CloudFront\)$`, "X-Amz-Cf-Id": `^[\w-]{54}==$`, "X-Amz-Cf-Pop": "^FRA56-P14$",
			"X-Cache": "^Error from cloudfront$", "Edge-Cache-Control": "^no-store,no-cache,stale-if-error=0,stale-while-revalidate=0$", "Vary": "^User-Agent,Accept-Encoding$", "X-Amz-Apigw-Id": "^OPF"}},
		{"consent page", "https://sellercentral.amazon.com/apps/authorize/consent", map[string]string{"X-Amz-Apigw-Id": "", "X-Amz-Rid": "", "Server": ""}},
	} {
		r := c.do("GET", test.target, http.Header{"X-Amz-Access-Token": {c.token}}, "")
		for name, pattern := range test.want {
			if got := r.header.Get(name); pattern == "" && got != "" || !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("%s: %s is %q, want %s", test.name, name, got, pattern)
			}
		}
	}
}

// TestEdgeCompresses: before the sandbox, and only there, large answers are compressed for those who take it.
func TestEdgeCompresses(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct {
		host, accepts string
		zipped        bool
	}{{"https://sandbox.sellingpartnerapi-na.amazon.com", "gzip, deflate", true}, {"https://sandbox.sellingpartnerapi-na.amazon.com", "identity", false}, {na, "gzip, deflate", false}} {
		req, err := http.NewRequest("GET", test.host+"/catalog/2022-04-01/items?keywords=pen&marketplaceIds="+us, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"X-Amz-Access-Token": {c.token}, "Accept-Encoding": {test.accepts}}
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(resp.Body)
		if test.zipped {
			if body, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatalf("%s: %v", test.host, err)
			}
		}
		text, err := io.ReadAll(body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(string(text), `{"`) || (resp.Header.Get("Content-Encoding") == "gzip") != test.zipped || (resp.Header.Get("Content-Length") == "") != test.zipped {
			t.Errorf("%s for %s: %d %v %v %.80q", test.host, test.accepts, resp.StatusCode, err, resp.Header, text)
		}
	}
}

// TestErrorTypesAreTheGateways: what the services behind it refuse has no x-amzn-ErrorType.
func TestErrorTypesAreTheGateways(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for path, status := range map[string]int{
		"/reports/2021-06-30/reports/1": 404, "/listings/2021-08-01/items/" + c.Credentials().SellerID + "/none?marketplaceIds=" + us: 404,
		"/catalog/2022-04-01/items/B000000000?marketplaceIds=" + us: 404, "/feeds/2021-06-30/feeds/1": 404,
	} {
		if r := c.get(path); r.status != status || r.header.Get("x-amzn-ErrorType") != "" {
			t.Errorf("%s: %d %q, want %d without a type", path, r.status, r.header.Get("x-amzn-ErrorType"), status)
		}
	}
	if r := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[]}`); r.status != 400 || r.header.Get("x-amzn-ErrorType") != "" {
		t.Errorf("restricted token: %d %q, want 400 without a type", r.status, r.header.Get("x-amzn-ErrorType"))
	}
	if r := c.get("/x"); r.header.Get("x-amzn-ErrorType") != "AccessDeniedException" {
		t.Errorf("the gateway's own: %v", r.header)
	}
}

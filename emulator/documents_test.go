package emulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// at asks another region's endpoint than North America's.
func (c *client) at(host, method, path, body string) result {
	c.t.Helper()
	return c.do(method, host+path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}, body)
}

// report creates a report, waits for its end on the clock, and returns what getReport says.
func (c *client) report(host, spec string) result {
	c.t.Helper()
	r := c.at(host, "POST", "/reports/2021-06-30/reports", spec)
	if r.status != 202 {
		c.t.Fatalf("createReport: %d %s", r.status, r.body)
	}
	id := r.text("reportId")
	c.clock.advance(2 * time.Minute)
	return c.at(host, "GET", "/reports/2021-06-30/reports/"+id, "")
}

// text fetches a report's document and returns it unpacked, and the headers that it came with.
func (c *client) reportText(host string, r result) (string, http.Header) {
	c.t.Helper()
	text, header := c.reportBytes(host, r)
	if strings.HasSuffix(header.Get("Content-Type"), "charset=Cp1252") {
		decoded, err := charmap.Windows1252.NewDecoder().String(text)
		if err != nil {
			c.t.Fatal(err)
		}
		return decoded, header
	}
	return text, header
}

// reportBytes is reportText in the charset that the header names.
func (c *client) reportBytes(host string, r result) (string, http.Header) {
	c.t.Helper()
	id := r.text("reportDocumentId")
	if id == "" {
		c.t.Fatalf("no document: %s", r.body)
	}
	d := c.at(host, "GET", "/reports/2021-06-30/documents/"+id, "")
	if d.status != 200 {
		c.t.Fatalf("getReportDocument: %d %s", d.status, d.body)
	}
	got := c.do("GET", d.text("url"), nil, "")
	if got.status != 200 {
		c.t.Fatalf("%s: %d %s", d.text("url"), got.status, got.body)
	}
	if d.text("compressionAlgorithm") == "GZIP" {
		return c.unzip(got.body), got.header
	}
	return got.body, got.header
}

func (c *client) unzip(s string) string {
	c.t.Helper()
	z, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

const allOrders = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"

func spec(kind, marketplace string) string {
	return `{"reportType":"` + kind + `","marketplaceIds":["` + marketplace + `"],"dataStartTime":"2025-12-01T00:00:00Z","dataEndTime":"2026-03-01T00:00:00Z"}`
}

func TestDocumentURLs(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	r := c.report(na, spec(allOrders, us))
	d := c.get("/reports/2021-06-30/documents/" + r.text("reportDocumentId"))
	address := d.text("url")
	if !strings.HasPrefix(address, "https://tortuga-prod-na.s3-external-1.amazonaws.com/") || !strings.Contains(address, ".amzn1.spdoc.1.4.na.T") || d.text("compressionAlgorithm") != "GZIP" {
		t.Fatalf("document: %s", d.body)
	}
	plain := c.do("GET", address, nil, "")
	sum := md5.Sum([]byte(plain.body))
	if plain.status != 200 || plain.header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` || plain.header.Get("Content-Length") != fmt.Sprint(len(plain.body)) ||
		plain.header.Get("Content-Encoding") != "identity" || plain.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("whole: %d %v", plain.status, plain.header)
	}
	if text := c.unzip(plain.body); !strings.HasPrefix(text, "amazon-order-id\tmerchant-order-id\t") || strings.Count(text, "\r\n") < 100 {
		t.Errorf("content: %.200s", text)
	}
	for _, test := range []struct {
		name   string
		method string
		header http.Header
		change func(string) string
		status int
		want   string
	}{
		{"first bytes", "GET", http.Header{"Range": {"bytes=0-9"}}, nil, 206, plain.body[:10]},
		{"middle", "GET", http.Header{"Range": {"bytes=100-199"}}, nil, 206, plain.body[100:200]},
		{"end", "GET", http.Header{"Range": {"bytes=-7"}}, nil, 206, plain.body[len(plain.body)-7:]},
		{"open end", "GET", http.Header{"Range": {"bytes=500-"}}, nil, 206, plain.body[500:]},
		{"past the end", "GET", http.Header{"Range": {"bytes=99999999-"}}, nil, 416, "<Code>InvalidRange</Code>"},
		{"odd range", "GET", http.Header{"Range": {"lines=1-2"}}, nil, 200, plain.body},
		{"not modified", "GET", http.Header{"If-None-Match": {plain.header.Get("ETag")}}, nil, 304, ""},
		{"modified", "GET", http.Header{"If-Match": {`"x"`}}, nil, 412, "<Code>PreconditionFailed</Code>"},
		{"authorization", "GET", http.Header{"Authorization": {"Bearer x"}}, nil, 400, "<Code>InvalidArgument</Code>"},
		{"SP-API's headers", "GET", http.Header{"X-Amz-Access-Token": {c.token}}, nil, 403, "<HeadersNotSigned>x-amz-access-token</HeadersNotSigned>"},
		{"other method", "PUT", nil, nil, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"changed query", "GET", nil, func(s string) string { return s + "&response-content-type=text/html" }, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"changed lifetime", "GET", nil, func(s string) string { return strings.Replace(s, "X-Amz-Expires=300", "X-Amz-Expires=3000", 1) }, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"changed key", "GET", nil, func(s string) string { return strings.Replace(s, "amzn1.spdoc", "amzn1.spdox", 1) }, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"no query", "GET", nil, func(s string) string { s, _, _ = strings.Cut(s, "?"); return s }, 403, "<Code>AccessDenied</Code>"},
		{"odd date", "GET", nil, func(s string) string { return strings.Replace(s, "X-Amz-Date=", "X-Amz-Date=x", 1) }, 400, "<Code>AuthorizationQueryParametersError</Code>"},
	} {
		u := address
		if test.change != nil {
			u = test.change(u)
		}
		got := c.do(test.method, u, test.header, "")
		if got.status != test.status || test.status/100 == 2 && got.body != test.want || !strings.Contains(got.body, test.want) {
			t.Errorf("%s: %d %.300s, want %d", test.name, got.status, got.body, test.status)
		}
		if test.status >= 400 && !strings.HasPrefix(got.body, `<?xml version="1.0" encoding="UTF-8"?>`) {
			t.Errorf("%s: no XML: %s", test.name, got.body)
		}
	}
	c.clock.advance(299 * time.Second)
	if got := c.do("GET", address, nil, ""); got.status != 200 {
		t.Errorf("after 299 seconds: %d", got.status)
	}
	c.clock.advance(time.Second)
	got := c.do("GET", address, nil, "")
	if got.status != 403 || !strings.Contains(got.body, "<Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>300</X-Amz-Expires>") {
		t.Errorf("after 300 seconds: %d %s", got.status, got.body)
	}
}

// TestContentEncoding asks for the header that makes HTTP clients unpack by themselves.
func TestContentEncoding(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	r := c.report(na, spec(allOrders, us))
	plain, _ := c.reportBytes(na, r)
	d := c.get("/reports/2021-06-30/documents/" + r.text("reportDocumentId") + "?enableContentEncodingUrlHeader=true")
	if d.text("compressionAlgorithm") != "GZIP" {
		t.Fatalf("document: %s", d.body)
	}
	asked := c.do("GET", d.text("url"), http.Header{"Accept-Encoding": {"gzip"}}, "")
	if asked.header.Get("Content-Encoding") != "gzip" || c.unzip(asked.body) != plain {
		t.Errorf("asked for gzip: %v", asked.header)
	}
	// Without a wish of the client's own the round tripper unpacks, as http.Transport does.
	if got := c.do("GET", d.text("url"), nil, ""); got.header.Get("Content-Encoding") != "" || got.body != plain {
		t.Errorf("not asked: %v %.100s", got.header, got.body)
	}
}

// TestDocumentsOnAPort fetches and uploads over a real connection: the URLs lead back to the emulator.
func TestDocumentsOnAPort(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	base := "http://" + l.Addr().String()
	transport := &http.Transport{}
	defer func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	send := func(method, u string, header http.Header, body string) result {
		t.Helper()
		req, err := http.NewRequest(method, u, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if header != nil {
			req.Header = header
		}
		if body == "in chunks" {
			req.ContentLength = -1
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		r := result{status: resp.StatusCode, header: resp.Header, body: string(b)}
		_ = json.Unmarshal(b, &r.json)
		return r
	}
	api := func(method, path, body string) result {
		t.Helper()
		return send(method, base+path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}, body)
	}
	id := api("POST", "/reports/2021-06-30/reports", spec(allOrders, us)).text("reportId")
	c.clock.advance(2 * time.Minute)
	document := api("GET", "/reports/2021-06-30/reports/"+id, "").text("reportDocumentId")
	d := api("GET", "/reports/2021-06-30/documents/"+document+"?enableContentEncodingUrlHeader=true", "")
	if !strings.HasPrefix(d.text("url"), base+"/_documents/") || !strings.Contains(d.text("url"), ".amzn1.spdoc.1.4.na.T") {
		t.Fatalf("document: %s", d.body)
	}
	if got := send("GET", d.text("url"), nil, ""); got.status != 200 || !strings.HasPrefix(got.body, "amazon-order-id\t") {
		t.Errorf("unpacked by the transport: %d %.100s", got.status, got.body)
	}
	in := api("POST", "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`)
	if got := send("PUT", in.text("url"), http.Header{"Content-Type": {"text/plain"}}, "in chunks"); got.status != 501 || !strings.Contains(got.body, "<Header>Transfer-Encoding</Header>") {
		t.Errorf("in chunks: %d %s", got.status, got.body)
	}
	if got := send("PUT", in.text("url"), http.Header{"Content-Type": {"text/plain"}}, strings.Repeat("x", 20<<20)); got.status != 200 {
		t.Errorf("20 MB: %d %s", got.status, got.body)
	}
	if got := send("PUT", in.text("url"), http.Header{"Content-Type": {"text/plain"}}, strings.Repeat("x", 101<<20)); got.status != 400 || !strings.Contains(got.body, "EntityTooLarge") {
		t.Errorf("101 MB: %d %s", got.status, got.body)
	}
}

func TestUploads(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	in := c.post("/feeds/2021-06-30/documents", `{"contentType":"text/tab-separated-values; charset=UTF-8"}`)
	if in.status != 201 || in.text("feedDocumentId") == "" {
		t.Fatalf("createFeedDocument: %d %s", in.status, in.body)
	}
	sum := md5.Sum([]byte("a\tb"))
	good, bad := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 16))
	const right = "text/tab-separated-values; charset=UTF-8"
	for _, test := range []struct {
		name   string
		header http.Header
		status int
		want   string
	}{
		{"right", http.Header{"Content-Type": {right}}, 200, ""},
		{"other case", http.Header{"Content-Type": {"text/tab-separated-values; charset=utf-8"}}, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"no charset", http.Header{"Content-Type": {"text/tab-separated-values"}}, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"none", http.Header{}, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"token", http.Header{"Content-Type": {right}, "X-Amz-Access-Token": {c.token}}, 403, "not signed"},
		{"checksum", http.Header{"Content-Type": {right}, "Content-Md5": {good}}, 200, ""},
		{"wrong checksum", http.Header{"Content-Type": {right}, "Content-Md5": {bad}}, 400, "<Code>BadDigest</Code>"},
		{"odd checksum", http.Header{"Content-Type": {right}, "Content-Md5": {"x"}}, 400, "<Code>InvalidDigest</Code>"},
	} {
		got := c.do("PUT", in.text("url"), test.header, "a\tb")
		if got.status != test.status || !strings.Contains(got.body, test.want) {
			t.Errorf("%s: %d %s, want %d %s", test.name, got.status, got.body, test.status, test.want)
		}
		if got.status == 200 && got.header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
			t.Errorf("%s: %v", test.name, got.header)
		}
	}
	for _, length := range []int64{0, -1} { // as who knows no length writes it
		req, err := http.NewRequest("PUT", in.text("url"), io.MultiReader(strings.NewReader("in chunks")))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Content-Type", right)
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 501 || !strings.Contains(string(body), "<Code>NotImplemented</Code>") || !strings.Contains(string(body), "<Header>Transfer-Encoding</Header>") {
			t.Errorf("in chunks: %d %s %v", resp.StatusCode, body, err)
		}
	}
	if got := c.do("GET", in.text("url"), nil, ""); got.status != 403 {
		t.Errorf("reading by the upload's URL: %d", got.status)
	}
	d := c.get("/feeds/2021-06-30/documents/" + in.text("feedDocumentId"))
	if got := c.do("GET", d.text("url"), nil, ""); got.status != 200 || got.body != "a\tb" || got.header.Get("Content-Type") != right {
		t.Errorf("uploaded: %d %q %v", got.status, got.body, got.header)
	}
	c.clock.advance(5 * time.Minute)
	if got := c.do("PUT", in.text("url"), http.Header{"Content-Type": {right}}, "x"); got.status != 403 || !strings.Contains(got.body, "Request has expired") {
		t.Errorf("late: %d %s", got.status, got.body)
	}
}

// TestCharsets reads the same kind of report in three regions.
func TestCharsets(t *testing.T) {
	for _, test := range []struct {
		region, host, marketplace, contentType string
		decode                                 func([]byte) ([]byte, error)
	}{
		{"na", na, us, "text/plain; charset=Cp1252", charmap.Windows1252.NewDecoder().Bytes},
		{"eu", eu, "A1PA6795UKMFR9", "text/plain; charset=Cp1252", charmap.Windows1252.NewDecoder().Bytes},
		{"fe", "https://sellingpartnerapi-fe.amazon.com", "A1VC38T7YXB528", "text/plain; charset=Shift_JIS", japanese.ShiftJIS.NewDecoder().Bytes},
	} {
		c := newClient(t, emulator.WithoutLimits())
		cred, err := c.AddAccount(emulator.AccountConfig{Region: parseRegion(t, test.region)})
		if err != nil {
			t.Fatal(err)
		}
		c.token = c.accessToken(cred)
		r := c.report(test.host, spec("GET_MERCHANT_LISTINGS_ALL_DATA", test.marketplace))
		text, header := c.reportBytes(test.host, r)
		if got := header.Get("Content-Type"); got != test.contentType {
			t.Errorf("%s: %q, want %q", test.region, got, test.contentType)
		}
		decoded, err := test.decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"na": "Blütenweiß", "eu": "Blütenweiß", "fe": "すみれ文具"}[test.region]
		if !bytes.Contains(decoded, []byte(want)) || strings.Contains(text, want) {
			t.Errorf("%s: no %s in %.300s", test.region, want, decoded)
		}
		// What the charset doesn't have is a question mark, as at Amazon.
		if test.region == "eu" && !bytes.Contains(decoded, []byte("????")) {
			t.Errorf("eu: no question marks for %q", "すみれ文具")
		}
		for n, line := range strings.Split(strings.TrimSuffix(string(decoded), "\r\n"), "\r\n") {
			if got := strings.Count(line, "\t"); got != 28 {
				t.Errorf("%s: line %d has %d tabs: %q", test.region, n, got, line)
			}
		}
	}
}

func TestDocumentsAreTheSameEachTime(t *testing.T) {
	ask := func() string {
		c := newClient(t, emulator.WithSeed(4), emulator.WithoutLimits())
		var all strings.Builder
		for _, kind := range []string{allOrders, "GET_MERCHANT_LISTINGS_ALL_DATA", "GET_SALES_AND_TRAFFIC_REPORT", "GET_LEDGER_SUMMARY_VIEW_DATA", "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"} {
			r := c.report(na, spec(kind, us))
			d := c.get("/reports/2021-06-30/documents/" + r.text("reportDocumentId"))
			got := c.do("GET", d.text("url"), nil, "")
			if got.status != 200 {
				t.Fatalf("%s: %d %s", kind, got.status, r.body)
			}
			all.WriteString(r.body + d.body + got.body + got.header.Get("ETag"))
		}
		return all.String()
	}
	if first, again := ask(), ask(); first != again {
		t.Error("two runs with one seed differ")
	}
}

// escape is for texts in queries.
func escape(s string) string { return url.QueryEscape(s) }

func mustRequest(t *testing.T, u string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

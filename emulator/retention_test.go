package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/world"
)

const keptQuery = `{"query":"{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,endDate:\"2026-02-20\",marketplaceIds:[\"ATVPDKIKX0DER\"],startDate:\"2026-02-01\"){startDate sales{unitsOrdered}}}}"}`

// fill uploads the content of a feed document.
func (s *shop) fill(document response, contentType, content string) response {
	s.t.Helper()
	r, err := http.NewRequest("PUT", document.text("url"), strings.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := s.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response{status: resp.StatusCode, header: resp.Header, body: string(b)}
}

// TestRetention: what Amazon keeps is there until the last second, and gone in the next, on the emulator's clock.
func TestRetention(t *testing.T) {
	s := newShop(t)
	const market = `"marketplaceIds":["ATVPDKIKX0DER"]`
	report := func(kind string) string {
		return s.post("/reports/2021-06-30/reports", `{"reportType":"`+kind+`",`+market+`,"dataStartTime":"2026-01-01T00:00:00Z"}`).text("reportId")
	}
	orders, listings := report("GET_FLAT_FILE_ORDER_REPORT_DATA_TAX"), report("GET_MERCHANT_LISTINGS_ALL_DATA")
	reported := s.Now()
	s.Advance(time.Second)
	input := s.post("/feeds/2021-06-30/documents", `{"contentType":"application/json"}`)
	if put := s.fill(input, "application/json", `{"header":{"sellerId":"`+s.Credentials().SellerID+`","version":"2.0"},"messages":[{}]}`); put.status != 200 {
		t.Fatalf("upload: %d %s", put.status, put.body)
	}
	feed := s.post("/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED",`+market+`,"inputFeedDocumentId":"`+input.text("feedDocumentId")+`"}`).text("feedId")
	query := s.post("/dataKiosk/2023-11-15/queries", keptQuery).text("queryId")
	created := s.Now()
	s.Advance(2 * time.Minute)
	documentOf := func(path, member string) (id string, ended time.Time) {
		job := s.get(path)
		ended, err := time.Parse(time.RFC3339, job.text("processingEndTime"))
		if id = job.text(member); err != nil || id == "" {
			t.Fatalf("%s: %s", path, job.body)
		}
		return id, ended
	}
	ordersDocument, ordersEnded := documentOf("/reports/2021-06-30/reports/"+orders, "reportDocumentId")
	listingsDocument, listingsEnded := documentOf("/reports/2021-06-30/reports/"+listings, "reportDocumentId")
	result, feedEnded := documentOf("/feeds/2021-06-30/feeds/"+feed, "resultFeedDocumentId")
	data, queryEnded := documentOf("/dataKiosk/2023-11-15/queries/"+query, "dataDocumentId")
	type kept struct {
		what, path string
		from       time.Time
		days       int
		status     int
		text       string
	}
	all := []kept{
		{"the feed document", "/feeds/2021-06-30/documents/" + input.text("feedDocumentId"), created, 28, 400, "Invalid feedDocumentId"},
		{"the result of the feed", "/feeds/2021-06-30/documents/" + result, feedEnded, 28, 400, "Invalid feedDocumentId"},
		{"the query", "/dataKiosk/2023-11-15/queries/" + query, created, 30, 404, "NotFound"},
		{"the query's document", "/dataKiosk/2023-11-15/documents/" + data, queryEnded, 30, 404, "NotFound"},
		{"the orders report's document", "/reports/2021-06-30/documents/" + ordersDocument, ordersEnded, 30, 400, "Invalid reportDocumentId"},
		{"the report", "/reports/2021-06-30/reports/" + orders, reported, 90, 404, "NotFound"},
		{"the feed", "/feeds/2021-06-30/feeds/" + feed, created, 90, 404, "NotFound"},
		{"the listings report's document", "/reports/2021-06-30/documents/" + listingsDocument, listingsEnded, 90, 400, "Invalid reportDocumentId"},
	}
	end := func(k kept) time.Time { return k.from.AddDate(0, 0, k.days) }
	slices.SortFunc(all, func(a, b kept) int { return end(a).Compare(end(b)) })
	for _, test := range all {
		end := end(test)
		s.SetTime(end.Add(-time.Second))
		s.refresh()
		token := s.token
		if strings.HasSuffix(test.path, ordersDocument) {
			token = s.desk.Auth.MintRestricted(s.desk.Seller(0).Account, []auth.Resource{{Method: "GET", Path: test.path}}, s.Now())
		}
		if got := s.send("GET", s.host+test.path, token, ""); got.status != 200 {
			t.Errorf("%s a second before %d days: %d %s", test.what, test.days, got.status, got.body)
		}
		s.SetTime(end)
		s.want(test.what, s.send("GET", s.host+test.path, token, ""), test.status, test.text)
	}
	if k := jobs.Queues.Of(s.desk.Seller(0)); k.Feeds.Len() != 0 || k.Queries.Len() != 0 {
		t.Errorf("%d feeds and %d queries are left", k.Feeds.Len(), k.Queries.Len())
	}
	if memory, file := s.desk.Contents().Held(); memory != 0 || file != 0 {
		t.Errorf("%d bytes in memory and %d in the file are left", memory, file)
	}
}

// TestExpiredInTheMeantime: a request has found a document, which expires before it is read. Nothing comes of it, and nothing is kept.
func TestExpiredInTheMeantime(t *testing.T) {
	s := newShop(t)
	k, now := jobs.Queues.Of(s.desk.Seller(0)), s.Now()
	once := func() jobs.Source {
		piece := []byte("content")
		return func() []byte {
			p := piece
			piece = nil
			return p
		}
	}
	for name, d := range map[string]*jobs.Document{
		"written": {Expires: now.Add(time.Hour), Open: once}, "derived": {Expires: now.Add(time.Hour), Open: once, Derived: true}, "uploaded": {Expires: now.Add(time.Hour)},
	} {
		d := k.AddDocument("report", d)
		if d.Open == nil {
			d.Put(s.desk.Contents().Put([]byte("content")))
		}
		if b, err := io.ReadAll(d.Body()); err != nil || string(b) != "content" {
			t.Errorf("%s: %q, error %v", name, b, err)
		}
		if k.Document(d.ID, now.Add(time.Hour)) != nil {
			t.Errorf("%s: it is there after its end", name)
		}
		if size, etag := d.Measure(); size != 0 || etag != "" {
			t.Errorf("%s: %d bytes, etag %s after the end", name, size, etag)
		}
		if b, err := io.ReadAll(d.Body()); err != nil || len(b) != 0 {
			t.Errorf("%s: %q after the end, error %v", name, b, err)
		}
		d.Put(s.desk.Contents().Put([]byte("too late")))
		if memory, _ := s.desk.Contents().Held(); memory != 0 {
			t.Errorf("%s: %d bytes are kept", name, memory)
		}
	}
}

// TestTokensGo: a token is known, as expired, for a day after its end.
func TestTokensGo(t *testing.T) {
	s := newShop(t)
	old := s.token
	for _, test := range []struct {
		after time.Duration
		want  string
	}{{time.Hour, "has expired"}, {25*time.Hour - time.Second, "has expired"}, {25 * time.Hour, "malformed or invalid"}} {
		s.SetTime(shopTime.Add(test.after))
		s.refresh()
		s.want(test.after.String(), s.send("GET", s.host+"/sellers/v1/marketplaceParticipations", old, ""), 403, test.want)
	}
}

// TestUploadsGo: a place for a file is gone after a day, and the file with it.
func TestUploadsGo(t *testing.T) {
	s := newShop(t)
	dest := s.destinationFor("messaging/v1/orders/111-1111111-1111111/messages/warranty", "a file")
	if put := s.put(dest, "a file", ""); put.status != 200 {
		t.Fatalf("%d %s", put.status, put.body)
	}
	if memory, _ := s.desk.Contents().Held(); memory != 6 {
		t.Errorf("%d bytes are kept, want 6", memory)
	}
	s.Advance(24 * time.Hour)
	s.refresh()
	s.destinationFor("messaging/v1/orders/111-1111111-1111111/messages/warranty", "another")
	if memory, _ := s.desk.Contents().Held(); memory != 0 {
		t.Errorf("%d bytes are kept after a day", memory)
	}
}

// TestNoRoom: an upload that finds no room is refused with the reason, and one comes in when another has expired.
func TestNoRoom(t *testing.T) {
	s := newShop(t, func(o *options) { o.Memory, o.Disk = 1, 1<<20 })
	upload := func(size int) response {
		d := s.post("/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`)
		return s.fill(d, "text/plain", strings.Repeat("x", size))
	}
	s.want("the first", upload(600<<10), 200, "")
	s.want("the second", upload(600<<10), 503, "<Code>SlowDown</Code><Message>The emulator can't keep the upload: no room is left for contents: 1 MiB are taken. Let documents expire, or reset it.</Message>")
	s.want("a small one", upload(300<<10), 200, "")
	s.Advance(28 * world.Day)
	s.refresh()
	s.want("after those have expired", upload(900<<10), 200, "")
	s.Reset()
	s.refresh()
	s.want("after a reset", upload(900<<10), 200, "")
}

// TestUploadsThatNobodyTakes: the body of a request that is refused is not kept.
func TestUploadsThatNobodyTakes(t *testing.T) {
	s := newShop(t)
	d := s.post("/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`)
	s.want("another content type", s.fill(d, "text/html", "content"), 403, "SignatureDoesNotMatch")
	if memory, file := s.desk.Contents().Held(); memory != 0 || file != 0 {
		t.Errorf("%d bytes in memory and %d in the file are kept", memory, file)
	}
	for _, content := range []string{"first", "second one"} { // S3 takes a second one in the place of the first
		s.want("upload", s.fill(d, "text/plain", content), 200, "")
		if memory, _ := s.desk.Contents().Held(); memory != int64(len(content)) {
			t.Errorf("%d bytes are kept, want %d", memory, len(content))
		}
	}
}

// slowBody takes its time.
type slowBody struct {
	io.Reader
	wait func()
}

func (b *slowBody) Read(p []byte) (int, error) {
	b.wait()
	return b.Reader.Read(p)
}

// TestURLsAreGoodFromTheBeginning: a URL is looked at when a request comes in, however long its body takes. With a clock that is thousand times as
// fast as the real one, that is a matter of milliseconds.
func TestURLsAreGoodFromTheBeginning(t *testing.T) {
	s := newShop(t)
	d := s.post("/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`)
	r, err := http.NewRequest("PUT", d.text("url"), &slowBody{strings.NewReader("content"), func() { s.Advance(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len("content"))
	r.Header.Set("Content-Type", "text/plain")
	resp, err := s.RoundTrip(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, error %v", resp, err)
	}
	s.want("afterwards", s.fill(d, "text/plain", "content"), 403, "Request has expired")
}

// TestSameContentOnce: reports that say the same are kept once, and an export has it once.
func TestSameContentOnce(t *testing.T) {
	s := newShop(t)
	var ids []string
	for range 20 {
		ids = append(ids, s.post("/reports/2021-06-30/reports", `{"reportType":"GET_XML_BROWSE_TREE_DATA","marketplaceIds":["ATVPDKIKX0DER"]}`).text("reportId"))
	}
	s.Advance(time.Minute)
	fetch := func(s *shop, id string) string {
		d := s.get("/reports/2021-06-30/documents/" + s.get("/reports/2021-06-30/reports/"+id).text("reportDocumentId"))
		return s.send("GET", d.text("url"), "", "").body
	}
	want := fetch(s, ids[0])
	if memory, _ := s.desk.Contents().Held(); len(want) == 0 || memory != int64(len(want)) {
		t.Errorf("%d bytes are kept, want %d", memory, len(want))
	}
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(state.desk.Accounts[0].Stores["desk"], []byte(`"data":`)); n != 1 {
		t.Errorf("the export has the content %d times", n)
	}
	other := newShop(t)
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	other.token = s.token
	for _, id := range ids {
		if got := fetch(other, id); got != want {
			t.Errorf("%s: %d bytes after the import, want %d", id, len(got), len(want))
		}
	}
}

// TestExportOfExpired: a report whose document has gone still names it after an import.
func TestExportOfExpired(t *testing.T) {
	s := newShop(t)
	id := s.post("/reports/2021-06-30/reports", `{"reportType":"GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL","marketplaceIds":["ATVPDKIKX0DER"],"dataStartTime":"2026-01-01T00:00:00Z"}`).text("reportId")
	s.Advance(40 * world.Day)
	s.refresh()
	before := s.get("/reports/2021-06-30/reports/" + id)
	if before.text("reportDocumentId") == "" {
		t.Fatal(before.body)
	}
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	other := newShop(t)
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	other.token = s.token
	if after := other.get("/reports/2021-06-30/reports/" + id); after.body != before.body {
		t.Errorf("%s\nbefore: %s", after.body, before.body)
	}
}

// TestPagesOfReports compares pages with a list that is filtered as a whole, while reports of three types end in their own order, are cancelled,
// and come in between two pages.
func TestPagesOfReports(t *testing.T) {
	s := newShop(t)
	kinds := []string{"GET_MERCHANT_LISTINGS_ALL_DATA", "GET_XML_BROWSE_TREE_DATA", "GET_FLAT_FILE_OPEN_LISTINGS_DATA"}
	add := func(n int) string {
		return s.post("/reports/2021-06-30/reports", `{"reportType":"`+kinds[n%3]+`","marketplaceIds":["ATVPDKIKX0DER"]}`).text("reportId")
	}
	type made struct{ id, kind string }
	var all []made // newest first
	for n := range 70 {
		all = slices.Insert(all, 0, made{add(n), kinds[n%3]})
		if n%7 == 3 {
			s.want("cancel", s.send("DELETE", s.host+"/reports/2021-06-30/reports/"+all[0].id, s.token, ""), 200, "")
		}
		if n < 65 {
			s.Advance(time.Duration(n%4) * time.Second)
		}
	}
	for _, statuses := range []string{"", "DONE", "CANCELLED", "IN_QUEUE", "IN_PROGRESS", "IN_QUEUE,IN_PROGRESS", "IN_PROGRESS,DONE", "FATAL"} {
		for _, types := range [][]string{kinds, kinds[:1], kinds[1:]} {
			var want []string
			for _, m := range all {
				status := s.get("/reports/2021-06-30/reports/" + m.id).text("processingStatus")
				if slices.Contains(types, m.kind) && (statuses == "" || slices.Contains(strings.Split(statuses, ","), status)) {
					want = append(want, m.id)
				}
			}
			var got []string
			path := "/reports/2021-06-30/reports?pageSize=4&reportTypes=" + strings.Join(types, ",")
			if statuses != "" {
				path += "&processingStatuses=" + statuses
			}
			for path != "" {
				var page struct {
					Reports []struct{ ReportID string } `json:"reports"`
					Next    string                      `json:"nextToken"`
				}
				if r := s.get(path); r.status != 200 || json.Unmarshal([]byte(r.body), &page) != nil {
					t.Fatalf("%s: %d %s", path, r.status, r.body)
				}
				for _, r := range page.Reports {
					got = append(got, r.ReportID)
				}
				if path = ""; page.Next != "" {
					if len(page.Reports) != 4 {
						t.Errorf("a page of %d", len(page.Reports))
					}
					path = "/reports/2021-06-30/reports?nextToken=" + url.QueryEscape(page.Next)
				}
			}
			if len(want) == 0 && statuses != "FATAL" {
				t.Errorf("nothing is %s", statuses)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s of %v: %d reports\n%v\nwant %d\n%v", statuses, types, len(got), got, len(want), want)
			}
		}
	}
}

// queueOf fills the first seller's queue with n reports, of which a tenth waits and the others are cancelled.
func queueOf(t testing.TB, n int) *shop {
	t.Helper()
	s := newShop(t, WithOrders(0), WithProducts(5))
	k, now := jobs.Queues.Of(s.desk.Seller(0)), s.Now()
	kinds := []*jobs.ReportType{jobs.ReportTypes()["GET_MERCHANT_LISTINGS_ALL_DATA"], jobs.ReportTypes()["GET_FBA_MYI_ALL_INVENTORY_DATA"]}
	k.Mu.Lock()
	defer k.Mu.Unlock()
	for i := range n {
		if r := k.AddReport(kinds[i%2], []string{"ATVPDKIKX0DER"}, nil, now, now, now); i%10 != 0 {
			r.Cancel(now)
		}
	}
	return s
}

// jobRequests are requests whose time must not depend on how much there is.
var jobRequests = []struct{ name, method, path, body string }{
	{"createReport", "POST", "/reports/2021-06-30/reports", `{"reportType":"GET_FBA_MYI_ALL_INVENTORY_DATA","marketplaceIds":["ATVPDKIKX0DER"]}`},
	{"getReports", "GET", "/reports/2021-06-30/reports?reportTypes=GET_FBA_MYI_ALL_INVENTORY_DATA,GET_MERCHANT_LISTINGS_ALL_DATA", ""},
	{"getReports running", "GET", "/reports/2021-06-30/reports?reportTypes=GET_FBA_MYI_ALL_INVENTORY_DATA&processingStatuses=IN_QUEUE", ""},
	{"getReports done", "GET", "/reports/2021-06-30/reports?reportTypes=GET_FBA_MYI_ALL_INVENTORY_DATA&processingStatuses=DONE", ""},
	{"getReports of a type without any", "GET", "/reports/2021-06-30/reports?reportTypes=GET_FLAT_FILE_OPEN_LISTINGS_DATA", ""},
	{"createFeedDocument", "POST", "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`},
	{"getQueries", "GET", "/dataKiosk/2023-11-15/queries", ""},
}

// BenchmarkManyJobs is the time of requests with 100 and with 100,000 reports.
func BenchmarkManyJobs(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		s := queueOf(b, n)
		for _, r := range jobRequests {
			b.Run(fmt.Sprintf("%s/%d", r.name, n), func(b *testing.B) {
				for b.Loop() {
					if got := s.send(r.method, s.host+r.path, s.token, r.body); got.status/100 != 2 {
						b.Fatal(got.status, got.body)
					}
				}
			})
		}
	}
}

// TestManyJobs: with a hundred times as many reports no request takes ten times as long. The best of some runs counts.
func TestManyJobs(t *testing.T) {
	few, many := queueOf(t, 300), queueOf(t, 30_000)
	for _, r := range jobRequests {
		best := func(s *shop) time.Duration {
			shortest := time.Hour
			for range 30 {
				begin := time.Now()
				if got := s.send(r.method, s.host+r.path, s.token, r.body); got.status/100 != 2 {
					t.Fatal(got.status, got.body)
				}
				shortest = min(shortest, time.Since(begin))
			}
			return shortest
		}
		if f, m := best(few), best(many); m > 10*f+time.Millisecond {
			t.Errorf("%s takes %v with 300 reports and %v with 30,000", r.name, f, m)
		}
	}
	// A minute later a tenth of them are written, all in one request; then as few requests wait as before.
	many.Advance(time.Minute)
	if got := many.get("/reports/2021-06-30/reports?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA&processingStatuses=IN_QUEUE"); !strings.Contains(got.body, `"reports":[]`) && !strings.Contains(got.body, `"reports": []`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestSchedulesGo: replaced and cancelled schedules leave nothing behind that waits for its time.
func TestSchedulesGo(t *testing.T) {
	s := newShop(t)
	k := jobs.Queues.Of(s.desk.Seller(0))
	schedule := func() string {
		return s.post("/reports/2021-06-30/schedules", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["ATVPDKIKX0DER"],"period":"P1M"}`).text("reportScheduleId")
	}
	id := ""
	for range 5 {
		id = schedule()
	}
	if len(k.Schedules) != 1 || k.Waiting() != 1 {
		t.Errorf("%d schedules, %d tasks", len(k.Schedules), k.Waiting())
	}
	s.want("cancel", s.send("DELETE", s.host+"/reports/2021-06-30/schedules/"+id, s.token, ""), 200, "")
	if len(k.Schedules) != 0 || k.Waiting() != 0 {
		t.Errorf("%d schedules, %d tasks", len(k.Schedules), k.Waiting())
	}
}

// TestManyMessages: the last 10,000 are shown, and that the others were sent is known, after an import too.
func TestManyMessages(t *testing.T) {
	s := newShop(t)
	book := contacts.Books.Of(s.desk.Seller(0))
	book.Mu.Lock()
	for i := range 10_005 {
		book.Send(contacts.Message{OrderID: fmt.Sprint(i), Type: "warranty"})
	}
	book.Mu.Unlock()
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	other := newShop(t)
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*shop{s, other} {
		book := contacts.Books.Of(s.desk.Seller(0))
		if list := s.Messages(s.Credentials().SellerID); len(list) != 10_000 || list[0].OrderID != "5" || !book.Sent("0", "warranty") || book.Sent("10005", "warranty") {
			t.Errorf("%d messages, the first of order %s", len(list), list[0].OrderID)
		}
	}
}

// TestLongRequestsAreLoggedInPart: a thousand requests of a megabyte each would be a gigabyte.
func TestLongRequestsAreLoggedInPart(t *testing.T) {
	s := newShop(t)
	s.get("/orders/v0/orders?x=" + strings.Repeat("a", 500_000))
	s.get("/" + strings.Repeat("a", 500_000))
	list := s.Requests()
	for _, r := range list[len(list)-2:] {
		if len(r.Path)+len(r.Query) > 20_000 || strings.Contains(r.Path+r.Query, "aaaa") {
			t.Errorf("%d bytes of path and %d of query are kept: %.40s?%.40s", len(r.Path), len(r.Query), r.Path, r.Query)
		}
	}
}

package emulator

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/flow/datakiosk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// deskRequests add requests for reports, feeds and queries that exist and are in the state that an operation wants.
func deskRequests(t testing.TB, e *Emulator, add func(id, target, body string)) {
	t.Helper()
	const store = "ATVPDKIKX0DER"
	const query = `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,endDate:"2026-02-20",marketplaceIds:["ATVPDKIKX0DER"],startDate:"2026-02-01"){startDate sales{unitsOrdered}}}}`
	k, now := jobs.Queues.Of(e.desk.Seller(0)), e.Now()
	field := func() *jobs.Query {
		q, problem := jobs.ParseKioskQuery(query)
		if problem != "" {
			t.Fatal(problem)
		}
		q.Job = k.NewJob("query", now)
		k.Queries.Add(q)
		return q
	}
	kind := jobs.ReportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"]
	k.OpenSettlements()
	finished := k.AddReport(kind, []string{store}, nil, now.Add(-60*world.Day), now, now)
	k.FinishReport(finished, now)
	waiting := k.AddReport(kind, []string{store}, nil, now.Add(-60*world.Day), now, now)
	input := k.AddDocument("feed", &jobs.Document{ContentType: "application/json", Created: now, Expires: now.Add(world.Day)})
	input.Put(e.desk.Contents().Put([]byte("{}")))
	f := &jobs.Feed{Job: k.NewJob("feed", now), Kind: jobs.FeedTypes()["JSON_LISTINGS_FEED"], Marketplaces: []string{store}, Input: input}
	k.FinishFeed(f, now)
	g := &jobs.Feed{Job: k.NewJob("feed", now), Kind: f.Kind, Marketplaces: []string{store}, Input: input}
	k.Feeds.Add(f)
	k.Feeds.Add(g)
	done, running := field(), field()
	k.FinishQuery(done, now)
	s := &jobs.Schedule{ID: "s1", Kind: kind, Marketplaces: []string{store}, Period: "P1D", Next: now.Add(world.Day)}
	s2 := &jobs.Schedule{ID: "s2", Kind: jobs.ReportTypes()["GET_MERCHANT_LISTINGS_ALL_DATA"], Marketplaces: []string{store}, Period: "P1D", Next: now.Add(world.Day)}
	k.AddSchedule(s)
	k.AddSchedule(s2)

	add("reports20210630.createReport", "/reports/2021-06-30/reports", `{"reportType":"`+kind.Name+`","marketplaceIds":["`+store+`"]}`)
	add("reports20210630.getReport", "/reports/2021-06-30/reports/"+finished.ID, "")
	add("reports20210630.getReport", "/reports/2021-06-30/reports/"+waiting.ID, "")
	add("reports20210630.getReports", "/reports/2021-06-30/reports?pageSize=2&reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "")
	add("reports20210630.getReportDocument", "/reports/2021-06-30/documents/"+finished.Document.ID, "")
	add("reports20210630.cancelReport", "/reports/2021-06-30/reports/"+waiting.ID, "")
	add("reports20210630.createReportSchedule", "/reports/2021-06-30/schedules", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+store+`"],"period":"P1D"}`)
	add("reports20210630.getReportSchedule", "/reports/2021-06-30/schedules/s1", "")
	add("reports20210630.getReportSchedules", "/reports/2021-06-30/schedules?reportTypes="+kind.Name, "")
	add("reports20210630.cancelReportSchedule", "/reports/2021-06-30/schedules/s2", "")
	add("feeds20210630.createFeedDocument", "/feeds/2021-06-30/documents", `{"contentType":"text/xml; charset=UTF-8"}`)
	add("feeds20210630.createFeed", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["`+store+`"],"inputFeedDocumentId":"`+input.ID+`"}`)
	add("feeds20210630.getFeed", "/feeds/2021-06-30/feeds/"+f.ID, "")
	add("feeds20210630.getFeeds", "/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED&pageSize=1", "")
	add("feeds20210630.cancelFeed", "/feeds/2021-06-30/feeds/"+g.ID, "")
	add("feeds20210630.getFeedDocument", "/feeds/2021-06-30/documents/"+f.Result.ID, "")
	body, _ := json.Marshal(object{"query": query})
	add("datakiosk20231115.createQuery", "/dataKiosk/2023-11-15/queries", string(body))
	add("datakiosk20231115.getQuery", "/dataKiosk/2023-11-15/queries/"+done.ID, "")
	add("datakiosk20231115.getQueries", "/dataKiosk/2023-11-15/queries?pageSize=1", "")
	add("datakiosk20231115.cancelQuery", "/dataKiosk/2023-11-15/queries/"+running.ID, "")
	add("datakiosk20231115.getDocument", "/dataKiosk/2023-11-15/documents/"+done.Data.ID, "")
}

// TestEveryReportTypeIsWritten writes each type that the table has: of most there is something to tell.
func TestEveryReportTypeIsWritten(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithSeed(3))
	if err != nil {
		t.Fatal(err)
	}
	k, now := jobs.Queues.Of(e.desk.Seller(0)), e.Now()
	written, empty := 0, []string{}
	for name := range format.SortedKeys(jobs.ReportTypes()) {
		kind := jobs.ReportTypes()[name]
		r := &jobs.Report{Job: jobs.Job{ID: "1", Created: now}, Kind: kind, Marketplaces: []string{"ATVPDKIKX0DER"}, From: now.Add(-60 * world.Day), To: now.Add(-time.Second), Options: map[string]string{}}
		d, problem := k.WriteReport(r, now)
		switch {
		case problem != nil && name != "GET_EASYSHIP_DOCUMENTS": // of which only a feed has one made
			t.Errorf("%s: %s", name, problem)
		case d == nil:
			empty = append(empty, name)
		default:
			written++
			if first, again := jobs.ReadAll(d.Open()), jobs.ReadAll(d.Open()); len(first) == 0 || string(first) != string(again) {
				t.Errorf("%s: %d bytes, then %d, or others", name, len(first), len(again))
			}
		}
	}
	t.Logf("%d types written; nothing to tell for %d: %v", written, len(empty), empty)
	if written < 119 {
		t.Errorf("%d types written, want at least 119 of %d", written, len(jobs.ReportTypes()))
	}
}

// FuzzFeeds feeds anything to every way of reading feeds.
func FuzzFeeds(f *testing.F) {
	e, err := New(WithClock(fixedClock(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(20), WithProducts(5))
	if err != nil {
		f.Fatal(err)
	}
	var names []string
	for name := range format.SortedKeys(jobs.FeedTypes()) {
		names = append(names, name)
	}
	sku := e.desk.Seller(0).World().Products[0].SKU
	for i, content := range []string{
		`{"header":{"sellerId":"` + e.desk.Seller(0).ID + `","version":"2.0"},"messages":[{"messageId":1,"sku":"` + sku + `","operationType":"PATCH","productType":"X","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"quantity":3}]}]}]}`,
		"sku\tprice\tquantity\n" + sku + "\t1.5\t3\n", `<AmazonEnvelope><Header><MerchantIdentifier>x</MerchantIdentifier></Header><Message><MessageID>1</MessageID><Inventory><SKU>x</SKU><Quantity>4</Quantity></Inventory></Message></AmazonEnvelope>`,
		"%PDF-1.4", "", "\xff\xfe", "order-id\n1\n",
	} {
		f.Add(uint8(i), []byte(content))
	}
	f.Fuzz(func(t *testing.T, n uint8, content []byte) {
		k := jobs.Queues.Of(e.desk.Seller(0))
		kind := jobs.FeedTypes()[names[int(n)%len(names)]]
		fd := &jobs.Feed{Kind: kind, Marketplaces: []string{"ATVPDKIKX0DER"}, Input: &jobs.Document{}}
		fd.Input.Put(e.desk.Contents().Put(content))
		fd.ID = "1"
		k.FinishFeed(fd, e.Now())
		if fd.Result == nil || fd.Outcome == "" {
			t.Errorf("%s: outcome %q, result %v", kind.Name, fd.Outcome, fd.Result)
		}
	})
}

// FuzzKioskQueries asks anything.
func FuzzKioskQueries(f *testing.F) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(20), WithProducts(5))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`query Q { analytics_salesAndTraffic_2024_04_24 { salesAndTrafficByAsin(aggregateBy: SKU, startDate: "2026-01-01", endDate: "2026-02-01", marketplaceIds: ["ATVPDKIKX0DER"]) { ...F sku } } } fragment F on SalesAndTrafficByAsin { a: sales { orderedProductSales { amount } } }`)
	f.Add(`{analytics_economics_2024_03_15{economics(startDate:"2026-01-01",endDate:"2026-02-01",marketplaceIds:["ATVPDKIKX0DER"],aggregateBy:{date:WEEK}){fees{charges{aggregatedDetail{totalAmount{amount}}}} __typename}}}`)
	f.Add(`{analytics_economics_2024_03_15{economicsSimulation(actionTypes:[AWD],startDate:"2026-03-01",endDate:"2026-03-10",marketplaceId:"ATVPDKIKX0DER",products:[{identifier:{type:MSKU,value:"x"}}]){msku}}}`)
	f.Add("\"\"\"{")
	f.Fuzz(func(t *testing.T, text string) {
		if len(datakiosk.Minimize(text)) > len(text) {
			t.Errorf("minimize made %q longer", text)
		}
		q, problem := jobs.ParseKioskQuery(text)
		if problem != "" {
			return
		}
		if again, problem := jobs.ParseKioskQuery(q.Text); problem != "" || again.Text != q.Text {
			t.Errorf("%q is shown as %q, which is not it: %s", text, q.Text, problem)
		}
		k := jobs.Queues.Of(e.desk.Seller(0))
		q.Created = e.Now()
		k.FinishQuery(q, e.Now())
		if q.Data != nil {
			for _, line := range splitLines(jobs.ReadAll(q.Data.Open())) {
				if !json.Valid(line) {
					t.Errorf("%q: a line is no JSON: %s", text, line)
				}
			}
		}
	})
}

func splitLines(b []byte) (lines [][]byte) {
	start := 0
	for i, c := range b {
		if c == '\n' {
			lines = append(lines, b[start:i])
			start = i + 1
		}
	}
	return lines
}

// TestBigReportsNeedLittleMemory looks at the heap in the middle of a report of 50,000 orders that is compressed while it is written.
func TestBigReportsNeedLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 50,000 orders")
	}
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(50000))
	if err != nil {
		t.Fatal(err)
	}
	k, now := jobs.Queues.Of(e.desk.Seller(0)), e.Now()
	r := &jobs.Report{Job: jobs.Job{ID: "1", Created: now}, Kind: jobs.ReportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"], From: now.AddDate(-9, 0, 0), To: now}
	for _, m := range e.desk.Seller(0).Marketplaces {
		r.Marketplaces = append(r.Marketplaces, m.ID)
	}
	d, _ := k.WriteReport(r, now)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, n := heap(), uint64(0), 0
	next := d.Open()
	for piece := next(); piece != nil; piece = next() {
		if n += len(piece); n%(1<<20) < len(piece) {
			most = max(most, heap())
		}
	}
	grown := int64(most) - int64(before)
	t.Logf("%d bytes, heap grown by at most %d", n, grown)
	if grown > 1<<20 || n < 10<<20 {
		t.Errorf("the heap grew by %d bytes for a report of %d", grown, n)
	}
}

// TestDocumentStaysAsSent: a document of more than 8 MB whose content would come out otherwise the second time.
func TestDocumentStaysAsSent(t *testing.T) {
	made := 0
	e, err := New(WithClock(fixedClock(FixedStart)))
	if err != nil {
		t.Fatal(err)
	}
	d := jobs.Queues.Of(e.desk.Seller(0)).AddDocument("report", &jobs.Document{Expires: FixedStart.Add(world.Day), Derived: true, Open: func() jobs.Source {
		made++
		r := rand.NewChaCha8([32]byte{byte(made)})
		left := 9<<20 + made // also of another length
		return func() []byte {
			if left == 0 {
				return nil
			}
			piece := make([]byte, min(left, 64<<10))
			left -= len(piece)
			_, _ = r.Read(piece)
			return piece
		}
	}})
	size, etag := d.Measure()
	for range 2 {
		b, err := io.ReadAll(d.Body())
		if sum := md5.Sum(b); err != nil || int64(len(b)) != size || size < 8<<20 || etag != `"`+hex.EncodeToString(sum[:])+`"` {
			t.Errorf("%d bytes of %d, error %v", len(b), size, err)
		}
	}
	if sent := d.Changed(); len(sent) < 9<<20 {
		t.Errorf("an export would keep %d bytes", len(sent))
	}
}

// TestExportKeepsWhatWasSent: an order changes after a report of it has been fetched; the copy of the emulator has the old report.
func TestExportKeepsWhatWasSent(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(100))
	if err != nil {
		t.Fatal(err)
	}
	a := e.desk.Seller(0)
	k, now := jobs.Queues.Of(a), e.Now()
	r := &jobs.Report{Job: jobs.Job{ID: "1", Created: now}, Kind: jobs.ReportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"], From: now.AddDate(-1, 0, 0), To: now, Marketplaces: []string{"ATVPDKIKX0DER"}}
	k.Made = 1
	k.Reports.Add(r)
	k.FinishReport(r, now)
	_, etag := r.Document.Measure()
	unchanged, err := e.Export()
	if err != nil {
		t.Fatal(err)
	}
	w := a.World()
	for o := range w.All(time.Time{}, e.Now()) {
		if err := w.Change(o.ID, e.Now(), func(o *world.Order) error { o.SellerOrderID = "changed"; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	changed, err := e.Export()
	if err != nil {
		t.Fatal(err)
	}
	if len(changed.desk.Accounts[0].Stores["desk"]) < 2*len(unchanged.desk.Accounts[0].Stores["desk"]) {
		t.Error("the export of a changed report has no content")
	}
	for name, s := range map[string]*State{"unchanged": unchanged, "changed": changed} {
		other, err := New(WithClock(fixedClock(now)))
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Import(s); err != nil {
			t.Fatal(err)
		}
		if _, got := jobs.Queues.Of(other.desk.Seller(0)).Document(r.Document.ID, now).Measure(); got != etag {
			t.Errorf("%s: ETag %s after the import, want %s", name, got, etag)
		}
	}
}

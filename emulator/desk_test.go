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

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// deskRequests add requests for reports, feeds and queries that exist and are in the state that an operation wants.
func deskRequests(t testing.TB, e *Emulator, add func(id, target, body string)) {
	t.Helper()
	const store = "ATVPDKIKX0DER"
	const query = `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,endDate:"2026-02-20",marketplaceIds:["ATVPDKIKX0DER"],startDate:"2026-02-01"){startDate sales{unitsOrdered}}}}`
	k, now := queues.of(e.desk.sellers[0]), e.Now()
	field := func() *kioskQuery {
		schema, f, problem := parseKioskQuery(query)
		if problem != "" {
			t.Fatal(problem)
		}
		q := &kioskQuery{job: k.newJob("query", now), text: query, field: f, schema: schema}
		q.id = "q" + string(rune('0'+len(k.queries)))
		k.queries = append(k.queries, q)
		return q
	}
	kind := reportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"]
	k.openSettlements()
	finished := k.addReport(kind, []string{store}, nil, now.Add(-60*world.Day), now, now)
	k.finishReport(finished, now)
	waiting := k.addReport(kind, []string{store}, nil, now.Add(-60*world.Day), now, now)
	input := k.addDocument("feed", &document{contentType: "application/json", created: now, expires: now.Add(world.Day), uploaded: true, data: []byte("{}"), size: 2})
	f := &feed{job: k.newJob("feed", now), kind: feedTypes()["JSON_LISTINGS_FEED"], marketplaces: []string{store}, input: input}
	f.id = "f1"
	k.finishFeed(f, now)
	g := &feed{job: k.newJob("feed", now), kind: f.kind, marketplaces: []string{store}, input: input}
	g.id = "f2"
	k.feeds = append(k.feeds, f, g)
	done, running := field(), field()
	k.finishQuery(done, now)
	s := &schedule{id: "s1", kind: kind, marketplaces: []string{store}, period: "P1D", next: now.Add(world.Day)}
	s2 := &schedule{id: "s2", kind: kind, marketplaces: []string{store}, period: "P1D", next: now.Add(world.Day)}
	k.schedules = append(k.schedules, s, s2)

	add("reports20210630.createReport", "/reports/2021-06-30/reports", `{"reportType":"`+kind.name+`","marketplaceIds":["`+store+`"]}`)
	add("reports20210630.getReport", "/reports/2021-06-30/reports/"+finished.id, "")
	add("reports20210630.getReport", "/reports/2021-06-30/reports/"+waiting.id, "")
	add("reports20210630.getReports", "/reports/2021-06-30/reports?pageSize=2&reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "")
	add("reports20210630.getReportDocument", "/reports/2021-06-30/documents/"+finished.document.id, "")
	add("reports20210630.cancelReport", "/reports/2021-06-30/reports/"+waiting.id, "")
	add("reports20210630.createReportSchedule", "/reports/2021-06-30/schedules", `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+store+`"],"period":"P1D"}`)
	add("reports20210630.getReportSchedule", "/reports/2021-06-30/schedules/s1", "")
	add("reports20210630.getReportSchedules", "/reports/2021-06-30/schedules?reportTypes="+kind.name, "")
	add("reports20210630.cancelReportSchedule", "/reports/2021-06-30/schedules/s2", "")
	add("feeds20210630.createFeedDocument", "/feeds/2021-06-30/documents", `{"contentType":"text/xml; charset=UTF-8"}`)
	add("feeds20210630.createFeed", "/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["`+store+`"],"inputFeedDocumentId":"`+input.id+`"}`)
	add("feeds20210630.getFeed", "/feeds/2021-06-30/feeds/f1", "")
	add("feeds20210630.getFeeds", "/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED&pageSize=1", "")
	add("feeds20210630.cancelFeed", "/feeds/2021-06-30/feeds/f2", "")
	add("feeds20210630.getFeedDocument", "/feeds/2021-06-30/documents/"+f.result.id, "")
	body, _ := json.Marshal(object{"query": query})
	add("datakiosk20231115.createQuery", "/dataKiosk/2023-11-15/queries", string(body))
	add("datakiosk20231115.getQuery", "/dataKiosk/2023-11-15/queries/"+done.id, "")
	add("datakiosk20231115.getQueries", "/dataKiosk/2023-11-15/queries?pageSize=1", "")
	add("datakiosk20231115.cancelQuery", "/dataKiosk/2023-11-15/queries/"+running.id, "")
	add("datakiosk20231115.getDocument", "/dataKiosk/2023-11-15/documents/"+done.data.id, "")
}

// TestEveryReportTypeIsWritten writes each type that the table has: of most there is something to tell.
func TestEveryReportTypeIsWritten(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithSeed(3))
	if err != nil {
		t.Fatal(err)
	}
	k, now := queues.of(e.desk.sellers[0]), e.Now()
	written, empty := 0, []string{}
	for name := range format.SortedKeys(reportTypes()) {
		kind := reportTypes()[name]
		r := &report{job: job{id: "1", created: now}, kind: kind, marketplaces: []string{"ATVPDKIKX0DER"}, from: now.Add(-60 * world.Day), to: now.Add(-time.Second), options: map[string]string{}}
		d, problem := k.writeReport(r, now)
		switch {
		case problem != nil:
			t.Errorf("%s: %s", name, problem)
		case d == nil:
			empty = append(empty, name)
		default:
			written++
			if first, again := readAll(d.open()), readAll(d.open()); len(first) == 0 || string(first) != string(again) {
				t.Errorf("%s: %d bytes, then %d, or others", name, len(first), len(again))
			}
		}
	}
	t.Logf("%d types written; nothing to tell for %d: %v", written, len(empty), empty)
	if written < 120 {
		t.Errorf("%d types written, want at least 120 of %d", written, len(reportTypes()))
	}
}

// FuzzFeeds feeds anything to every way of reading feeds.
func FuzzFeeds(f *testing.F) {
	e, err := New(WithClock(fixedClock(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(20), WithProducts(5))
	if err != nil {
		f.Fatal(err)
	}
	var names []string
	for name := range format.SortedKeys(feedTypes()) {
		names = append(names, name)
	}
	sku := e.desk.sellers[0].world().Products[0].SKU
	for i, content := range []string{
		`{"header":{"sellerId":"` + e.desk.sellers[0].ID + `","version":"2.0"},"messages":[{"messageId":1,"sku":"` + sku + `","operationType":"PATCH","productType":"X","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"quantity":3}]}]}]}`,
		"sku\tprice\tquantity\n" + sku + "\t1.5\t3\n", `<AmazonEnvelope><Header><MerchantIdentifier>x</MerchantIdentifier></Header><Message><MessageID>1</MessageID><Inventory><SKU>x</SKU><Quantity>4</Quantity></Inventory></Message></AmazonEnvelope>`,
		"%PDF-1.4", "", "\xff\xfe", "order-id\n1\n",
	} {
		f.Add(uint8(i), []byte(content))
	}
	f.Fuzz(func(t *testing.T, n uint8, content []byte) {
		k := queues.of(e.desk.sellers[0])
		kind := feedTypes()[names[int(n)%len(names)]]
		fd := &feed{kind: kind, marketplaces: []string{"ATVPDKIKX0DER"}, input: &document{data: content, uploaded: true}}
		fd.id = "1"
		k.finishFeed(fd, e.Now())
		if fd.result == nil || fd.outcome == "" {
			t.Errorf("%s: outcome %q, result %v", kind.name, fd.outcome, fd.result)
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
		if len(minimize(text)) > len(text) {
			t.Errorf("minimize made %q longer", text)
		}
		schema, field, problem := parseKioskQuery(text)
		if problem != "" {
			return
		}
		k := queues.of(e.desk.sellers[0])
		q := &kioskQuery{job: job{created: e.Now()}, text: text, field: field, schema: schema}
		k.finishQuery(q, e.Now())
		if q.data != nil {
			for _, line := range splitLines(readAll(q.data.open())) {
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
	k, now := queues.of(e.desk.sellers[0]), e.Now()
	r := &report{job: job{id: "1", created: now}, kind: reportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"], from: now.AddDate(-9, 0, 0), to: now}
	for _, m := range e.desk.sellers[0].Marketplaces {
		r.marketplaces = append(r.marketplaces, m.ID)
	}
	d, _ := k.writeReport(r, now)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, n := heap(), uint64(0), 0
	next := d.open()
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
	d := &document{id: "d", size: -1, open: func() source {
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
	}}
	size, etag := d.measure()
	for range 2 {
		b, err := io.ReadAll(d.body())
		if sum := md5.Sum(b); err != nil || int64(len(b)) != size || size < 8<<20 || etag != `"`+hex.EncodeToString(sum[:])+`"` {
			t.Errorf("%d bytes of %d, error %v", len(b), size, err)
		}
	}
	if sent := d.changed(); len(sent) < 9<<20 {
		t.Errorf("an export would keep %d bytes", len(sent))
	}
}

// TestExportKeepsWhatWasSent: an order changes after a report of it has been fetched; the copy of the emulator has the old report.
func TestExportKeepsWhatWasSent(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithOrders(100))
	if err != nil {
		t.Fatal(err)
	}
	a := e.desk.sellers[0]
	k, now := queues.of(a), e.Now()
	r := &report{job: job{id: "1", created: now}, kind: reportTypes()["GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"], from: now.AddDate(-1, 0, 0), to: now, marketplaces: []string{"ATVPDKIKX0DER"}}
	k.made = 1
	k.reports = append(k.reports, r)
	k.finishReport(r, now)
	_, etag := r.document.measure()
	unchanged, err := e.Export()
	if err != nil {
		t.Fatal(err)
	}
	w := a.world()
	w.Lock()
	for _, o := range w.Orders {
		o.SellerOrderID = "changed"
	}
	w.Unlock()
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
		if _, got := queues.of(other.desk.sellers[0]).document(r.document.id, now).measure(); got != etag {
			t.Errorf("%s: ETag %s after the import, want %s", name, got, etag)
		}
	}
}

package feeds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/api/listingsitems20210801"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

var us = []string{"US"}

func in2026() { time.Sleep(time.Until(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))) }

// TestSixtyThousandMessages sends 60,000 messages of which 1 % name a listing that isn't there, and finds every error under its SKU.
func TestSixtyThousandMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, client := start(t)
		n, most := 60_000, feeds.MaxListingMessages
		if raceDetector { // the emulator takes ten times as long
			n, most = n/10, most/10
		}
		sku := sku(t, emu)
		wrong := map[string]bool{}
		messages := func(yield func(feeds.ListingMessage, error) bool) {
			for i := range n {
				m := feeds.PatchListing(sku, "PRODUCT", feeds.ReplaceAttribute("fulfillment_availability", map[string]any{"fulfillment_channel_code": "DEFAULT", "quantity": i % 100}))
				if i%100 == 37 {
					m.SKU = fmt.Sprintf("missing-%d", i)
					wrong[m.SKU] = true
				}
				if !yield(m, nil) {
					return
				}
			}
		}
		result, err := feeds.SubmitListings(t.Context(), client, feeds.ListingsSubmission{SellerID: emu.Credentials().SellerID, Marketplaces: us, MaxMessages: most}, messages)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Feeds) != 3 || w.count("feeds20210630.createFeed") != 3 {
			t.Errorf("%d feeds, want 3", len(result.Feeds))
		}
		if result.Processed != n || result.Invalid != n/100 || result.Accepted != n-n/100 || result.Errors != n/100 {
			t.Errorf("processed %d, accepted %d, invalid %d, errors %d", result.Processed, result.Accepted, result.Invalid, result.Errors)
		}
		found := result.BySKU()
		for s := range wrong {
			if len(found[s]) != 1 || found[s][0].Severity != feeds.SeverityError || found[s][0].MessageID == 0 || found[s][0].Text == "" {
				t.Errorf("%s: %+v", s, found[s])
			}
		}
		if len(found) != n/100 {
			t.Errorf("issues under %d SKUs, want %d", len(found), n/100)
		}
		t.Logf("%d messages in %d feeds, %d of %d errors found under their SKU", result.Processed, len(result.Feeds), len(found), len(wrong))
	})
}

// sku is one of the seller's.
func sku(t *testing.T, emu *emulator.Emulator) string {
	t.Helper()
	out, err := listingsitems20210801.New(newClient(emu, emu)).SearchListingsItems(t.Context(), &listingsitems20210801.SearchListingsItemsInput{
		SellerID: emu.Credentials().SellerID, MarketplaceIDs: []string{marketplace.US.ID},
	})
	if err != nil || len(out.Items) == 0 {
		t.Fatal(err)
	}
	return out.Items[0].SKU
}

func TestMessagesAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t)
		good := map[string]any{"item_name": []any{map[string]any{"value": "x"}}}
		bad := map[string]feeds.ListingMessage{
			"sku is required":            feeds.DeleteListing(" "),
			"more than 40 characters":    feeds.DeleteListing(strings.Repeat("ü", 41)),
			"attributes must be":         feeds.UpdateListing("a", "SHOES", map[string]any{}),
			"productType is required":    feeds.PartiallyUpdateListing("a", "", good),
			"can't be written as JSON":   feeds.UpdateListing("a", "SHOES", func() {}),
			"patches are required":       feeds.PatchListing("a", "SHOES"),
			`op "set"`:                   feeds.PatchListing("a", "SHOES", feeds.AttributeChange{Op: "set", Path: "/attributes/x"}),
			`path "/x"`:                  feeds.PatchListing("a", "SHOES", feeds.AttributeChange{Op: "add", Path: "/x"}),
			"value is required":          feeds.PatchListing("a", "SHOES", feeds.AttributeChange{Op: "add", Path: "/attributes/x"}),
			"must be an array of object": feeds.PatchListing("a", "SHOES", feeds.ReplaceAttribute("x", 1)),
			"requirements \"ALL\"":       {SKU: "a", Operation: "UPDATE", ProductType: "SHOES", Requirements: "ALL", Attributes: []byte(`{"x":1}`)},
			"requirements doesn't go":    {SKU: "a", Operation: "PATCH", ProductType: "SHOES", Requirements: "LISTING", Patches: []feeds.AttributeChange{feeds.DeleteAttribute("x")}},
			"productType doesn't go":     {SKU: "a", Operation: "DELETE", ProductType: "SHOES"},
			"patches doesn't go":         {SKU: "a", Operation: "UPDATE", ProductType: "SHOES", Attributes: []byte(`{"x":1}`), Patches: []feeds.AttributeChange{feeds.DeleteAttribute("x")}},
			`operationType "MOVE"`:       {SKU: "a", Operation: "MOVE"},
			"messageId -1":               {ID: -1, SKU: "a", Operation: "DELETE"},
		}
		for want, m := range bad {
			_, err := feeds.SubmitListings(t.Context(), client, feeds.ListingsSubmission{SellerID: "A", Marketplaces: us}, feeds.ListingMessages(feeds.DeleteListing("fine"), m, m))
			e, ok := errors.AsType[*feeds.ValidationError](err)
			if !ok || e.Count != 2 || e.Problems[0].Index != 1 || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "message 2 (index 1) (sku ") {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		twice := feeds.DeleteListing("a")
		twice.ID = 7
		if _, err := feeds.SubmitListings(t.Context(), client, feeds.ListingsSubmission{SellerID: "A", Marketplaces: us}, feeds.ListingMessages(twice, twice)); err == nil || !strings.Contains(err.Error(), "used by another") {
			t.Errorf("got %v", err)
		}
		if _, err := feeds.SubmitListings(t.Context(), client, feeds.ListingsSubmission{SellerID: "A", Marketplaces: us}, feeds.ListingMessages()); err == nil {
			t.Error("no messages were taken")
		}
		if len(w.operations) > 0 {
			t.Errorf("sent %v", w.operations)
		}
	})
}

func TestPartsKeepToTheirSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, _, _ := start(t)
		var sizes []int64
		messages := func(yield func(feeds.ListingMessage, error) bool) {
			for i := range 1000 {
				if !yield(feeds.DeleteListing(fmt.Sprintf("missing-%04d", i)), nil) {
					return
				}
			}
		}
		c := feeds.ListingsSubmission{SellerID: emu.Credentials().SellerID, Marketplaces: us, MaxBytes: 20_000}
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				sizes = append(sizes, req.ContentLength)
			}
			return emu.RoundTrip(req)
		})
		told := map[int]int{}
		var mu sync.Mutex
		result, err := feeds.SubmitListings(t.Context(), newClient(emu, rt), c, messages, job.WithProgress(func(p job.Progress) {
			mu.Lock()
			defer mu.Unlock()
			told[p.Part] = p.Parts
		}))
		if err != nil || result.Processed != 1000 || len(result.BySKU()) != 1000 {
			t.Fatalf("%+v, %v", result, err)
		}
		if len(sizes) < 4 || slices.Max(sizes) > 20_000 || sizes[0] < 19_000 {
			t.Errorf("sizes %v", sizes)
		}
		if n := len(result.Feeds); len(told) != n || told[1] != n || told[n] != n {
			t.Errorf("told of parts %v of %d", told, n)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestReadMessages(t *testing.T) {
	want := []string{"a UPDATE", "b DELETE"}
	for name, text := range map[string]string{
		"feed":  `{"header":{"sellerId":"A","version":"2.0"},"messages":[{"messageId":1,"sku":"a","operationType":"UPDATE","productType":"X","attributes":{"n":12345678901234567890}},{"messageId":2,"sku":"b","operationType":"DELETE"}]}`,
		"array": ` [{"sku":"a","operationType":"UPDATE","productType":"X","attributes":{"n":1}},{"sku":"b","operationType":"DELETE"}]`,
		"lines": "{\"sku\":\"a\",\"operationType\":\"UPDATE\",\"productType\":\"X\",\"attributes\":{\"n\":1}}\n\n{\"operationType\":\"DELETE\",\"sku\":\"b\"}\n",
	} {
		var got []string
		for m, err := range feeds.ReadListingMessages(strings.NewReader(text)) {
			if err != nil || m.Check() != "" || m.ID != 0 {
				t.Fatal(name, err, m)
			}
			got = append(got, m.SKU+" "+string(m.Operation))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, text := range []string{`{"messages":[{"sku":"a","colour":1}]}`, `{"header":{}}`, `[{"sku":1}]`, `{"sku":`, `nonsense`} {
		ok := true
		for _, err := range feeds.ReadListingMessages(strings.NewReader(text)) {
			ok = ok && err == nil
		}
		if ok {
			t.Errorf("%s was taken", text)
		}
	}
}

// Flat files and XML have their processing reports in other forms, and all become the same.
func TestOtherFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, _, client := start(t)
		orders, err := ordersv0.New(client).GetOrders(t.Context(), &ordersv0.GetOrdersInput{MarketplaceIDs: []string{marketplace.US.ID}, OrderStatuses: []string{"Unshipped"}, CreatedAfter: time.Now().AddDate(0, 0, -30).Format(time.RFC3339)})
		if err != nil || len(orders.Orders) < 2 {
			t.Fatal(err)
		}
		order := orders.Orders[0].AmazonOrderID
		flat := "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\n" +
			"000-0000000-0000000\t\t\t\tUPS\t\t1Z\n"
		xml := `<?xml version="1.0" encoding="UTF-8"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header>
<MessageType>OrderAcknowledgement</MessageType>
<Message><MessageID>1</MessageID><OrderAcknowledgement><AmazonOrderID>` + order + `</AmazonOrderID><StatusCode>Success</StatusCode></OrderAcknowledgement></Message>
<Message><MessageID>2</MessageID><OrderAcknowledgement><AmazonOrderID>000-0000000-0000000</AmazonOrderID><StatusCode>Success</StatusCode></OrderAcknowledgement></Message></AmazonEnvelope>`
		for _, c := range []struct {
			typ, content                 string
			processed, accepted, message int
		}{
			{"POST_FLAT_FILE_FULFILLMENT_DATA", flat, 1, 0, 2},
			{"POST_ORDER_ACKNOWLEDGEMENT_DATA", xml, 2, 1, 2},
			{"UPLOAD_VAT_INVOICE", "%PDF-1.7\n%%EOF\n", 1, 0, 1},
		} {
			result, err := feeds.Submit(t.Context(), client, feeds.Submission{
				Type: c.typ, Marketplaces: us, Content: feeds.BytesContent([]byte(c.content)), Options: map[string]string{"metadata:OrderId": "000-0000000-0000000"},
			})
			if err != nil {
				t.Errorf("%s: %v", c.typ, err)
				continue
			}
			if result.Processed != c.processed || result.Accepted != c.accepted || result.Errors != 1 || len(result.Issues) != 1 ||
				result.Issues[0].MessageID != c.message || result.Issues[0].Severity != feeds.SeverityError || !strings.Contains(result.Issues[0].Text, "000-0000000-0000000") {
				t.Errorf("%s: %+v", c.typ, result)
			}
		}
		_ = emu
	})
}

func TestFailedFeedsCarryTheirReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in2026()
		emu, _, client := start(t)
		api := feeds20210630.New(client)
		send := func(typ, content string) string {
			t.Helper()
			if _, ok := feeds.LookupType(typ); !ok {
				t.Fatal(typ)
			}
			doc, err := api.CreateFeedDocument(t.Context(), &feeds20210630.CreateFeedDocumentInput{ContentType: "text/plain"})
			if err != nil {
				t.Fatal(err)
			}
			if content != "" {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, doc.URL, strings.NewReader(content))
				req.Header.Set("Content-Type", "text/plain")
				resp, err := emu.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatal(resp, err)
				}
				resp.Body.Close()
			}
			out, err := api.CreateFeed(t.Context(), &feeds20210630.CreateFeedInput{FeedType: typ, MarketplaceIDs: []string{marketplace.US.ID}, InputFeedDocumentID: doc.FeedDocumentID})
			if err != nil {
				t.Fatal(err)
			}
			return out.FeedID
		}
		n := 0
		check := func(name, id, want string) {
			t.Helper()
			_, err := feeds.Wait(t.Context(), client, id)
			e, ok := errors.AsType[*job.EndedError](err)
			if !ok || !strings.Contains(e.Reason, want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
			n++
		}
		for _, typ := range feeds.Types() {
			if !typ.Removed.IsZero() {
				check(typ.Name, send(typ.Name, "x"), "no longer supported")
				_, err := feeds.Submit(t.Context(), client, feeds.Submission{Type: typ.Name, Marketplaces: us, Content: feeds.BytesContent([]byte("x"))})
				if _, ok := errors.AsType[*job.RequestError](err); !ok {
					t.Errorf("%s was sent: %v", typ.Name, err)
				}
			}
		}
		for name, content := range map[string]string{
			"not valid JSON": "{", "'header' is required": "{}", "must be '2.0'": `{"header":{"version":"1"}}`, "not the selling partner": `{"header":{"version":"2.0","sellerId":"X"}}`,
			"at least 1 message": `{"header":{"version":"2.0","sellerId":"` + emu.Credentials().SellerID + `"}}`,
		} {
			check(name, send(feeds.ListingsFeed, content), name)
		}
		check("nothing", send(feeds.ListingsFeed, ""), "no contents")
		check("not XML", send("POST_ORDER_FULFILLMENT_DATA", "hello"), "")
		check("not PDF", send("UPLOAD_VAT_INVOICE", "hello"), "not a PDF")
		id := send(feeds.ListingsFeed, "{}")
		if err := api.CancelFeed(t.Context(), &feeds20210630.CancelFeedInput{FeedID: id}); err != nil {
			t.Fatal(err)
		}
		_, err := feeds.Wait(t.Context(), client, id)
		if e, ok := errors.AsType[*job.EndedError](err); !ok || e.Reason == "" || !errors.Is(err, job.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		t.Logf("%d FATAL feeds carry their reason", n)
	})
}

func TestContentIsChecked(t *testing.T) {
	for want, s := range map[string]feeds.Submission{
		"Type is required":             {},
		"Marketplaces are required":    {Type: "POST_ORDER_FULFILLMENT_DATA"},
		"ContentType is required":      {Type: "POST_NEW_THING", Marketplaces: us},
		`Marketplaces "XX" is unknown`: {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: []string{"XX"}},
		"is empty":                     {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: us},
		"not well-formed XML":          {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("<a><b></a>"))},
		"there is no element":          {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("hello"))},
		"has no header line":           {Type: "POST_FLAT_FILE_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("\norder-id\t"))},
		"is not UTF-8":                 {Type: "POST_FLAT_FILE_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("order-id\tname\n1\tM\xfcller\n"))},
		"is not a PDF":                 {Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("<html>"))},
		"use JSON_LISTINGS_FEED":       {Type: "POST_PRODUCT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("<a/>"))},
		"has 4 bytes, not 5":           {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.Content{Size: 5, Open: feeds.BytesContent([]byte("<a/>")).Open}},
	} {
		err := s.Check()
		if _, ok := errors.AsType[*job.RequestError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for name, s := range map[string]feeds.Submission{
		"latin1 XML":  {Type: "POST_ORDER_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xfc</a>"))},
		"latin1 flat": {Type: "POST_FLAT_FILE_FULFILLMENT_DATA", Marketplaces: us, ContentType: "text/tab-separated-values; charset=iso-8859-1", Content: feeds.BytesContent([]byte("order-id\tname\n1\tM\xfcller\n"))},
		"UTF-8 flat":  {Type: "POST_FLAT_FILE_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("order-id\tname\n" + strings.Repeat("1\tMüller\n", 10_000)))},
	} {
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An upload is repeated after a failure that may pass, to a new URL when the old one has expired, and not after a refusal.
func TestUploadIsRepeated(t *testing.T) {
	for _, c := range []struct {
		name      string
		fail      func() (*http.Response, error) // what the first upload meets
		ok        bool
		puts      int
		documents int
	}{
		{"nothing", nil, true, 1, 1},
		{"cut", func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, true, 2, 1},
		{"503", func() (*http.Response, error) { return refusal(503, "SlowDown", "reduce your request rate"), nil }, true, 2, 1},
		{"expired", func() (*http.Response, error) { return refusal(403, "AccessDenied", "Request has expired"), nil }, true, 2, 2},
		{"denied", func() (*http.Response, error) { return refusal(403, "AccessDenied", "Access Denied"), nil }, false, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			emu, w, _ := start(t)
			puts := 0
			rt := roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPut {
					if puts++; puts == 1 && c.fail != nil {
						return c.fail()
					}
				}
				return w.RoundTrip(req)
			})
			invoice := feeds.Submission{Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("%PDF-1.7\n%%EOF\n"))}
			_, err := feeds.Create(t.Context(), newClient(emu, rt), invoice)
			documents := w.count("feeds20210630.createFeedDocument")
			if (err == nil) != c.ok || puts != c.puts || documents != c.documents {
				t.Errorf("%s: %v after %d uploads to %d documents, want %d to %d", c.name, err, puts, documents, c.puts, c.documents)
			}
			if e, refused := errors.AsType[*feeds.UploadError](err); !c.ok && (!refused || e.Code != "AccessDenied") {
				t.Errorf("%s: got %v", c.name, err)
			}
		})
	}
}

func refusal(status int, code, message string) *http.Response {
	body := fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// A run that takes the place of one that was killed sends nothing again.
func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, client := start(t)
		path := t.TempDir() + "/journal"
		l := feeds.ListingsSubmission{SellerID: emu.Credentials().SellerID, Marketplaces: us}
		submit := func(skus []string, opts ...job.Option) (*feeds.Result, error) {
			var messages []feeds.ListingMessage
			for _, s := range skus {
				messages = append(messages, feeds.DeleteListing(s))
			}
			j := openJournal(t, path)
			defer j.Close()
			return feeds.SubmitListings(t.Context(), client, l, feeds.ListingMessages(messages...), append(opts, job.WithJournal(j))...)
		}
		decided := 0
		for cutAt := 1; ; cutAt++ {
			n := 0
			w.cut = func(req *http.Request, resp *http.Response) (*http.Response, error) {
				if n++; n == cutAt && req.Method != http.MethodGet {
					return nil, io.ErrUnexpectedEOF
				}
				return resp, nil
			}
			skus := []string{"missing-1", fmt.Sprint("missing-", cutAt)}
			_, err := submit(skus)
			reached := n >= cutAt
			w.cut = nil
			sent := w.count("feeds20210630.createFeed")
			result, again := submit(skus)
			if unknown, ok := errors.AsType[*job.OutcomeUnknownError](again); ok { // what was found since is the one that was cut: the others are noted
				decided++
				if len(unknown.Found) != 1 || !isUnknown(err) || unknown.DocumentID == "" {
					t.Errorf("cut at %d: %v, then %+v", cutAt, err, unknown)
				}
				result, again = submit(skus, job.WithTake(unknown.Found[0].ID))
			}
			if again != nil || result.Processed != 2 {
				t.Fatalf("cut at %d: %v, then %+v, %v", cutAt, err, result, again)
			}
			if (err == nil || isUnknown(err)) && w.count("feeds20210630.createFeed") != sent || sent > cutAt {
				t.Errorf("cut at %d: sent again", cutAt)
			}
			if !reached {
				break
			}
		}
		if decided != 1 {
			t.Errorf("%d cuts had to be decided, want the one of createFeed", decided)
		}
	})
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*job.OutcomeUnknownError](err)
	return ok
}

// Nothing that moves money or stock is sent twice by itself, whatever became of the answer, however late the lists are.
// What only tells what is to hold is, once no list shows it.
func TestRefundsAreSentOnce(t *testing.T) {
	for _, typ := range []string{"POST_PAYMENT_ADJUSTMENT_DATA", "POST_FLAT_FILE_FBA_CREATE_REMOVAL"} {
		lost(t, feeds.Submission{Type: typ, Marketplaces: us, ContentType: "text/xml", Content: feeds.BytesContent([]byte("<AmazonEnvelope></AmazonEnvelope>"))}, true)
	}
	lost(t, feeds.Submission{Type: "POST_ORDER_ACKNOWLEDGEMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte("<AmazonEnvelope></AmazonEnvelope>"))}, false)
}

// lost loses the first answer of createFeed in all ways.
func lost(t *testing.T, s feeds.Submission, once bool) {
	t.Helper()
	body := func(status int, text string) func(*http.Response) (*http.Response, error) {
		return func(resp *http.Response) (*http.Response, error) {
			resp.Body.Close()
			resp.StatusCode, resp.ContentLength, resp.Body = status, int64(len(text)), io.NopCloser(strings.NewReader(text))
			return resp, nil
		}
	}
	for name, lose := range map[string]func(*http.Response) (*http.Response, error){
		"cut": func(*http.Response) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"500": body(500, ""), "503": body(503, "busy"), "504": body(504, `{"message":"Endpoint request timed out"}`),
		"empty": body(202, ""), "no id": body(202, "{}"), "an id that is none": body(202, `{"feedId":{"id":5}}`), "cut in the body": body(202, `{"feedId":"5`), "HTML": body(200, "<html>"),
		"another thing": body(200, `{"message":"Endpoint request timed out"}`),
	} {
		for _, taken := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				emu, w, _ := start(t)
				sent, lost := 0, 0
				client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
					if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/feeds") {
						return w.RoundTrip(req)
					}
					if sent++; sent > 1 {
						return w.RoundTrip(req)
					}
					lost++
					resp := &http.Response{Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
					if taken {
						var err error
						if resp, err = w.RoundTrip(req); err != nil {
							return nil, err
						}
					}
					return lose(resp)
				}))
				j := openJournal(t, t.TempDir()+"/journal")
				submit := func(opts ...job.Option) (string, error) {
					return feeds.Create(t.Context(), client, s, append(opts, job.WithJournal(j))...)
				}
				_, err := submit()
				if e, ok := errors.AsType[*job.OutcomeUnknownError](err); once && !taken {
					if !ok || sent != 1 || len(e.Found) != 0 || e.LookErr != nil || !strings.Contains(err.Error(), "but lists may lag") {
						t.Errorf("%s, %s, not taken: %v, sent %d times", s.Type, name, err, sent)
					}
					if _, err := submit(job.WithSendAgain()); err != nil || sent != 2 || w.count("feeds20210630.createFeed") != 1 || w.count("feeds20210630.createFeedDocument") != 1 {
						t.Errorf("%s, %s, not taken, sent again: %v, sent %d times", s.Type, name, err, sent)
					}
					return
				}
				if !taken {
					if err != nil || sent != 2 || w.count("feeds20210630.createFeed") != 1 || w.count("feeds20210630.createFeedDocument") != 1 {
						t.Errorf("%s, not taken: %v, sent %d times", name, err, sent)
					}
					return
				}
				_, again := submit()
				e, ok := errors.AsType[*job.OutcomeUnknownError](again)
				if !isUnknown(err) || !ok || sent != 1 || e.Type != s.Type || e.DocumentID == "" || len(e.Found) != 1 || e.Asked.IsZero() {
					t.Errorf("%s: %v, then %v; sent %d times", name, err, again, sent)
					return
				}
				if id, err := submit(job.WithTake(e.Found[0].ID)); err != nil || id != e.Found[0].ID || sent != 1 {
					t.Errorf("%s: taken: %q, %v; sent %d times", name, id, err, sent)
				}
			})
		}
	}
}

// Without a journal, the other parts of the same run are none that may be the one whose answer was lost, and one that is unknown ends the run.
func TestPartsWithoutAJournal(t *testing.T) {
	for _, taken := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			emu, w, _ := start(t)
			sent := 0
			client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/feeds") {
					return w.RoundTrip(req)
				}
				if sent++; sent != 2 {
					return w.RoundTrip(req)
				}
				if taken {
					if _, err := w.RoundTrip(req); err != nil {
						return nil, err
					}
				}
				return nil, io.ErrUnexpectedEOF
			}))
			l := feeds.ListingsSubmission{SellerID: emu.Credentials().SellerID, Marketplaces: us, MaxMessages: 1}
			same := feeds.DeleteListing("missing") // in each part: three feeds with the same content
			result, err := feeds.SubmitListings(t.Context(), client, l, feeds.ListingMessages(same, same, same))
			if taken && (!isUnknown(err) || sent != 2 || len(result.Feeds) != 1) || !taken && (err != nil || sent != 4 || len(result.Feeds) != 3) {
				t.Errorf("taken is %v: %v; sent %d times, results of %d", taken, err, sent, len(result.Feeds))
			}
		})
	}
}

// Parts of one run that have the same content are feeds of their own, with a journal too, which a second run takes up.
func TestPartsWithAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, client := start(t)
		j := openJournal(t, t.TempDir()+"/journal")
		l := feeds.ListingsSubmission{SellerID: emu.Credentials().SellerID, Marketplaces: us, MaxMessages: 1}
		same, other := feeds.DeleteListing("missing"), feeds.DeleteListing("another")
		for range 2 {
			result, err := feeds.SubmitListings(t.Context(), client, l, feeds.ListingMessages(same, other, same), job.WithJournal(j))
			if err != nil || len(result.Feeds) != 3 || w.count("feeds20210630.createFeed") != 3 {
				t.Errorf("%v, %d feeds, sent %d", err, len(result.Feeds), w.count("feeds20210630.createFeed"))
			}
		}
	})
}

// What may be the feed whose answer was lost: one of its type and marketplaces that was created since, also where Amazon leaves the marketplaces out.
func TestCandidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, _, _ := start(t)
		at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		list := `{"feeds":[` + strings.Join([]string{
			`{"feedId":"1","feedType":"UPLOAD_VAT_INVOICE","marketplaceIds":["ATVPDKIKX0DER"],"processingStatus":"FATAL","createdTime":"` + at(-30*time.Second) + `"}`,
			`{"feedId":"2","feedType":"UPLOAD_VAT_INVOICE","processingStatus":"IN_QUEUE","createdTime":"` + at(time.Second) + `"}`,
			`{"feedId":"3","feedType":"UPLOAD_VAT_INVOICE","marketplaceIds":["A2EUQ1WTGCTBG2"],"processingStatus":"DONE","createdTime":"` + at(0) + `"}`,
			`{"feedId":"4","feedType":"OTHER","marketplaceIds":["ATVPDKIKX0DER"],"processingStatus":"DONE","createdTime":"` + at(0) + `"}`,
			`{"feedId":"5","feedType":"UPLOAD_VAT_INVOICE","marketplaceIds":["ATVPDKIKX0DER"],"processingStatus":"DONE","createdTime":"` + at(-2*time.Minute) + `"}`,
		}, ",") + `]}`
		client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/feeds"):
				return nil, io.ErrUnexpectedEOF
			case strings.HasSuffix(req.URL.Path, "/feeds"):
				resp := refusal(http.StatusOK, "", "")
				resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(list)), int64(len(list))
				return resp, nil
			}
			return emu.RoundTrip(req)
		}))
		invoice := feeds.Submission{Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("%PDF-1.7\n%%EOF\n"))}
		_, err := feeds.Submit(t.Context(), client, invoice)
		e, ok := errors.AsType[*job.OutcomeUnknownError](err)
		if !ok || len(e.Found) != 2 || e.Found[0].ID != "2" || e.Found[1].ID != "1" || e.Found[1].Status != job.Fatal || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
}

// slow is a body of which a byte comes every 50 seconds, for ever.
type slow struct{ ctx context.Context }

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-time.After(50 * time.Second):
		return copy(p, " "), nil
	}
}

// A document store that has taken the content is not listened to for as long as it likes.
func TestUploadEndsWithItsStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, _, _ := start(t)
		client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := emu.RoundTrip(req)
			if err == nil && req.Method == http.MethodPut {
				resp.Body.Close()
				resp.ContentLength, resp.Body = 16<<10, io.NopCloser(slow{req.Context()})
			}
			return resp, err
		}))
		began := time.Now()
		invoice := feeds.Submission{Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("%PDF-1.7\n%%EOF\n"))}
		if _, err := feeds.Create(t.Context(), client, invoice); err != nil || time.Since(began) > time.Minute {
			t.Errorf("%v, after %s", err, time.Since(began))
		}
	})
}

// A list that can't be read shows nothing, and so doesn't show that Amazon has no such feed.
func TestListsThatCannotBeRead(t *testing.T) {
	for text, found := range map[string]int{
		`{"feeds":{}}`: 0, `{"feeds":"none"}`: 0, `{"feeds":[{"feedId":"1","feedType":"UPLOAD_VAT_INVOICE","processingStatus":"DONE","createdTime":"some day"}]}`: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			emu, _, _ := start(t)
			sent := 0
			client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
				switch {
				case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/feeds"):
					sent++
					return nil, io.ErrUnexpectedEOF
				case strings.HasSuffix(req.URL.Path, "/feeds"):
					resp := refusal(http.StatusOK, "", "")
					resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
					return resp, nil
				}
				return emu.RoundTrip(req)
			}))
			invoice := feeds.Submission{Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("%PDF-1.7\n%%EOF\n"))}
			_, err := feeds.Submit(t.Context(), client, invoice)
			if e, ok := errors.AsType[*job.OutcomeUnknownError](err); !ok || sent != 1 || len(e.Found) != found || (e.LookErr == nil) != (found > 0) {
				t.Errorf("%s: %v, sent %d times", text, err, sent)
			}
		})
	}
}

// What was sent is known by its content, type, marketplaces and options: with another of them it is another feed.
func TestJournalTellsContentsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t)
		j := openJournal(t, t.TempDir()+"/journal")
		defer j.Close()
		first := feeds.Submission{Type: "UPLOAD_VAT_INVOICE", Marketplaces: us, Content: feeds.BytesContent([]byte("%PDF-1.7\n%%EOF\n")),
			Options: map[string]string{"metadata:OrderId": "1"}}
		content, marketplaces, options := first, first, first
		content.Content = feeds.BytesContent([]byte("%PDF-1.8\n%%EOF\n"))
		marketplaces.Marketplaces = []string{"CA"}
		options.Options = map[string]string{"metadata:OrderId": "2"}
		seen := map[string]bool{}
		for _, s := range []feeds.Submission{first, content, marketplaces, options, first, content} {
			id, err := feeds.Create(t.Context(), client, s, job.WithJournal(j))
			if err != nil {
				t.Fatal(err)
			}
			seen[id] = true
		}
		if n := w.count("feeds20210630.createFeed"); n != 4 || len(seen) != 4 {
			t.Errorf("%d feeds were sent, %d ids, want 4 of each", n, len(seen))
		}
	})
}

var _ iter.Seq2[feeds.ListingMessage, error] = feeds.ListingMessages()

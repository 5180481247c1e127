package emulator

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/flow/messaging"
	"github.com/openspapi/spapi/emulator/internal/world"
)

func (s *shop) actions(api string, o *world.Order) response {
	s.t.Helper()
	return s.get("/" + api + "/v1/orders/" + o.ID + "?marketplaceIds=" + o.Marketplace.ID)
}

func (a response) actionNames() []string {
	var names []string
	for i := range a.list("_links", "actions") {
		names = append(names, a.text("_links", "actions", i, "name"))
	}
	return names
}

func (s *shop) message(o *world.Order, kind, body string) response {
	s.t.Helper()
	return s.post("/messaging/v1/orders/"+o.ID+"/messages/"+kind+"?marketplaceIds="+o.Marketplace.ID, body)
}

func TestMessagingFollowsTheOrder(t *testing.T) {
	s := newShop(t, WithOrders(6000))
	now := s.Now()
	toShip := s.orderWhere("merchant's, to be shipped", func(o *world.Order) bool {
		return !o.Amazon && o.Status(now) == world.Unshipped && o.Shipped.After(now) && !o.Has("LAMP") && !o.Has("CALENDAR")
	})
	for _, test := range []struct {
		name  string
		order *world.Order
		want  string
	}{
		{"pending", s.orderWhere("pending", func(o *world.Order) bool { return o.Status(now) == world.Pending }), ""},
		{"cancelled", s.orderWhere("cancelled", func(o *world.Order) bool { return o.Status(now) == world.Canceled }), ""},
		{"to be shipped", toShip, "confirmCustomizationDetails confirmDeliveryDetails confirmOrderDetails unexpectedProblem attributes"},
		{"shipped by Amazon", s.orderWhere("Amazon's", func(o *world.Order) bool {
			return o.Amazon && o.Status(now) == world.Shipped && !o.Has("LAMP") && !o.Has("CALENDAR") && now.Sub(o.Purchased) < days(20)
		}), "legalDisclosure warranty invoice attributes"},
	} {
		a := s.actions("messaging", test.order)
		if got := strings.Join(a.actionNames(), " "); a.status != 200 || got != test.want {
			t.Errorf("%s: %d %q, want %q", test.name, a.status, got, test.want)
		}
		if a.header.Get("Content-Type") != "application/hal+json" || len(a.list("_embedded", "actions")) != len(a.actionNames()) {
			t.Errorf("%s: %v %s", test.name, a.header, a.body)
		}
		// A template that isn't listed is refused, and one that is listed is not refused for that.
		for _, k := range messaging.MessageKinds {
			r := s.message(test.order, k.Name, `{"text":"<b>x</b>"}`)
			if listed := slices.Contains(a.actionNames(), k.Name); !listed {
				s.want(test.name+" "+k.Name, r, 403, "Invalid amazonOrderId and template combination.")
			} else if r.status == 403 {
				t.Errorf("%s %s: %s", test.name, k.Name, r.body)
			}
		}
	}
	a := s.actions("messaging", toShip)
	if want := "/messaging/v1/orders/" + toShip.ID + "/messages/confirmCustomizationDetails?marketplaceIds=" + toShip.Marketplace.ID; a.text("_links", "actions", 0, "href") != want ||
		a.text("_links", "self", "href") != "/messaging/v1/orders/"+toShip.ID+"?marketplaceIds="+toShip.Marketplace.ID || a.text("_embedded", "actions", 0, "_embedded", "schema", "payload", "properties", "text", "maxLength") != "800" {
		t.Errorf("%s", a.body)
	}
	// Once shipped, and later, other templates are there.
	s.Advance(days(20))
	s.refresh()
	if got := strings.Join(s.actions("messaging", toShip).actionNames(), " "); got != "confirmDeliveryDetails legalDisclosure unexpectedProblem warranty invoice attributes" && toShip.Status(s.Now()) == world.Shipped {
		t.Errorf("after 20 days: %s", got)
	}
	s.Advance(days(100))
	s.refresh()
	if got := s.actions("messaging", toShip).actionNames(); got != nil {
		t.Errorf("after 120 days: %v", got)
	}
}

func TestMessagesAreChecked(t *testing.T) {
	s := newShop(t)
	now := s.Now()
	o := s.orderWhere("merchant's, to be shipped", func(o *world.Order) bool { return !o.Amazon && o.Status(now) == world.Unshipped })
	done := s.orderWhere("shipped", func(o *world.Order) bool { return o.Status(now) == world.Shipped && now.Sub(o.Purchased) < days(20) })
	upload := func(resource, content string) string {
		a := s.destinationFor(resource, "%PDF-1.7 Widerruf")
		if content != "" {
			if put := s.put(a, content, ""); put.status != 200 && content == "%PDF-1.7 Widerruf" {
				t.Fatalf("upload: %d %s", put.status, put.body)
			}
		}
		return a.text("payload", "uploadDestinationId")
	}
	pdf := "%PDF-1.7 Widerruf"
	empty := upload("messaging/v1/orders/"+done.ID+"/messages/legalDisclosure", "")
	damaged := upload("messaging/v1/orders/"+done.ID+"/messages/legalDisclosure", "%PDF-1.7 Wider")
	file := upload("messaging/v1/orders/"+done.ID+"/messages/legalDisclosure", pdf)
	elsewhere := upload("messaging/v1/orders/"+done.ID+"/messages/invoice", pdf)
	attach := func(id, name string) string {
		b, _ := json.Marshal(map[string]any{"attachments": []any{map[string]string{"uploadDestinationId": id, "fileName": name}}})
		return string(b)
	}
	for _, test := range []struct {
		name   string
		order  *world.Order
		kind   string
		body   string
		status int
		part   string
	}{
		{"no text", o, "confirmDeliveryDetails", `{}`, 400, "text"},
		{"blank text", o, "confirmDeliveryDetails", `{"text":"  "}`, 400, "text"},
		{"no body", o, "confirmDeliveryDetails", ``, 400, "body"},
		{"long text", o, "confirmDeliveryDetails", `{"text":"` + strings.Repeat("x", 2001) + `"}`, 400, "text"},
		{"HTML", o, "confirmDeliveryDetails", `{"text":"<a href='x'>when?</a>"}`, 400, "HTML"},
		{"email", o, "confirmDeliveryDetails", `{"text":"write to me@example.com"}`, 400, "email"},
		{"good", o, "confirmDeliveryDetails", `{"text":"When are you in? 3 < 4 & 5 > 2 @ noon"}`, 201, "{}"},
		{"twice", o, "confirmDeliveryDetails", `{"text":"When?"}`, 403, "Invalid amazonOrderId and template combination."},
		{"no attachment", done, "legalDisclosure", `{}`, 400, "attachments"},
		{"unknown attachment", done, "legalDisclosure", attach("x", "a.pdf"), 400, "uploadDestinationId"},
		{"another message's attachment", done, "legalDisclosure", attach(elsewhere, "a.pdf"), 400, "uploadDestinationId"},
		{"nothing uploaded", done, "legalDisclosure", attach(empty, "a.pdf"), 400, "MD5"},
		{"half a file", done, "legalDisclosure", attach(damaged, "a.pdf"), 400, "MD5"},
		{"no file name", done, "legalDisclosure", attach(file, ""), 400, "fileName"},
		{"disclosure", done, "legalDisclosure", attach(file, "Widerruf.pdf"), 201, "{}"},
		{"coverage", done, "warranty", `{"coverageStartDate":"2026-03-01T00:00:00Z","coverageEndDate":"2026-02-01T00:00:00Z"}`, 400, "coverageEndDate"},
		{"date", done, "warranty", `{"coverageStartDate":"soon"}`, 400, "coverageStartDate"},
	} {
		s.want(test.name, s.message(test.order, test.kind, test.body), test.status, test.part)
	}
	messages := s.Messages(s.Credentials().SellerID)
	if len(messages) != 2 || messages[0].Type != "confirmDeliveryDetails" || messages[0].OrderID != o.ID || !messages[0].Time.Equal(shopTime) || messages[1].Attachments[0] != "Widerruf.pdf" {
		t.Errorf("messages %+v", messages)
	}
	if s.Messages("nobody") != nil {
		t.Error("messages of nobody")
	}
	for _, test := range []struct {
		name, path string
		status     int
		part       string
	}{
		{"attributes", "/messaging/v1/orders/" + o.ID + "/attributes?marketplaceIds=" + o.Marketplace.ID, 200, `{"buyer":{"locale":"` + strings.ReplaceAll(o.Marketplace.Language, "_", "-") + `"}}`},
		{"attributes of nothing", "/messaging/v1/orders/111-0000000-0000000/attributes?marketplaceIds=" + usStore, 404, "NotFound"},
		{"unknown order", "/messaging/v1/orders/111-0000000-0000000?marketplaceIds=" + usStore, 404, "NotFound"},
		{"bad order", "/messaging/v1/orders/badOrderId?marketplaceIds=" + usStore, 400, "Invalid Input"},
		{"no marketplace", "/messaging/v1/orders/" + o.ID, 400, "marketplaceIds"},
		{"two marketplaces", "/messaging/v1/orders/" + o.ID + "?marketplaceIds=" + usStore + ",A2EUQ1WTGCTBG2", 400, "marketplaceIds"},
	} {
		s.want(test.name, s.get(test.path), test.status, test.part)
	}
	s.want("unknown order", s.post("/messaging/v1/orders/111-0000000-0000000/messages/warranty?marketplaceIds="+usStore, `{}`), 403, "Invalid amazonOrderId and template combination.")
	other, err := s.AddAccount(AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Messages(other.SellerID)); n != 0 {
		t.Errorf("another seller has %d messages", n)
	}
}

func TestSolicitations(t *testing.T) {
	s := newShop(t)
	now := s.Now()
	o := s.orderWhere("just shipped", func(o *world.Order) bool { return o.Status(now) == world.Shipped && now.Sub(o.Purchased) < days(5) })
	ask := func(o *world.Order) response {
		return s.post("/solicitations/v1/orders/"+o.ID+"/solicitations/productReviewAndSellerFeedback?marketplaceIds="+o.Marketplace.ID, "")
	}
	to := func(at time.Time) {
		s.SetTime(at)
		s.refresh()
	}
	earliest, latest := o.DeliveryWindow()
	const outside = "You can’t use this feature to request a review outside the 5-30 day range after the order delivery date."
	const unavailable = "The requested solicitation is not available for this amazonOrderId."
	for _, test := range []struct {
		name     string
		at       time.Time
		possible bool
	}{
		{"too early", earliest.Add(days(5) - time.Second), false},
		{"too late", latest.Add(days(30) + time.Second), false},
		{"last moment", latest.Add(days(30)), true},
		{"first moment", earliest.Add(days(5)), true},
	} {
		to(test.at)
		a := s.actions("solicitations", o)
		if got := len(a.actionNames()) == 1; a.status != 200 || got != test.possible || a.path("_links", "actions") == nil {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
		if !test.possible {
			s.want(test.name, ask(o), 403, outside)
		}
	}
	if a := s.actions("solicitations", o); a.text("_links", "actions", 0, "href") != "/solicitations/v1/orders/"+o.ID+"/solicitations/productReviewAndSellerFeedback?marketplaceIds="+o.Marketplace.ID || a.header.Get("Content-Type") != "application/hal+json" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if a := ask(o); a.status != 201 || a.body != "{}" {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.want("twice", ask(o), 403, unavailable)
	if a := s.actions("solicitations", o); len(a.actionNames()) != 0 {
		t.Errorf("still listed: %s", a.body)
	}
	cancelled := s.orderWhere("cancelled", func(o *world.Order) bool {
		return o.Status(s.Now()) == world.Canceled && s.Now().Sub(o.Purchased) > days(10) && s.Now().Sub(o.Purchased) < days(30)
	})
	s.want("cancelled", ask(cancelled), 403, unavailable)
	s.want("unknown", s.get("/solicitations/v1/orders/111-0000000-0000000?marketplaceIds="+usStore), 404, "NotFound")
	s.want("bad", s.get("/solicitations/v1/orders/x?marketplaceIds="+usStore), 400, "amazonOrderId")
	s.want("other marketplace", s.get("/solicitations/v1/orders/"+o.ID+"?marketplaceIds="+map[bool]string{true: "A2EUQ1WTGCTBG2", false: usStore}[o.Marketplace.ID == usStore]), 404, "")
	if m := s.Messages(s.Credentials().SellerID); len(m) != 1 || m[0].Type != "productReviewAndSellerFeedback" {
		t.Errorf("%v", m)
	}
}

// destinationFor creates an upload destination for content.
func (s *shop) destinationFor(resource, content string) response {
	s.t.Helper()
	sum := md5.Sum([]byte(content))
	a := s.post("/uploads/2020-11-01/uploadDestinations/"+resource+"?contentMD5="+url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))+"&marketplaceIds="+usStore, "")
	if a.status != 201 || !strings.HasPrefix(a.text("payload", "url"), "https://") {
		s.t.Fatalf("%d %s", a.status, a.body)
	}
	return a
}

// put uploads a file to a destination, with its headers, of which the hash may be another one.
func (s *shop) put(destination response, content, contentMD5 string) response {
	s.t.Helper()
	r, err := http.NewRequest("PUT", destination.text("payload", "url"), strings.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"Content-MD5", "x-amz-server-side-encryption"} {
		r.Header.Set(name, destination.text("payload", "headers", name))
	}
	if contentMD5 != "" {
		r.Header.Set("Content-MD5", contentMD5)
	}
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

func TestUploadDestinations(t *testing.T) {
	s := newShop(t)
	const hash = "c72b9698fa1927e1dd12d3cf26ed84b2"
	order := "messaging/v1/orders/111-1111111-1111111/messages/"
	for _, test := range []struct {
		name, resource, query string
		status                int
		part                  string
	}{
		{"disclosure", order + "legalDisclosure", "contentMD5=" + hash, 201, `"headers":{"x-amz-server-side-encryption":"aws:kms","Content-MD5":"` + hash + `"}}}`},
		{"base64", order + "invoice", "contentMD5=xyuWmPoZJ%2BHdEtPPJu2Esg%3D%3D", 201, `"Content-MD5":"xyuWmPoZJ+HdEtPPJu2Esg=="`},
		{"A+", "aplus/2020-11-01/contentDocuments", "contentType=image/png&contentMD5=" + hash, 201, "uploadDestinationId"},
		{"A+ without type", "aplus/2020-11-01/contentDocuments", "contentMD5=" + hash, 400, "contentType"},
		{"no hash", order + "warranty", "", 400, "contentMD5"},
		{"message without files", order + "unexpectedProblem", "contentMD5=" + hash, 403, "Unauthorized"},
		{"no operation", "messaging", "contentMD5=" + hash, 403, "Access to requested resource is denied."},
	} {
		a := s.post("/uploads/2020-11-01/uploadDestinations/"+test.resource+"?marketplaceIds="+usStore+"&"+test.query, "")
		s.want(test.name, a, test.status, test.part)
	}
	s.want("another region", s.post(fmt.Sprintf("/uploads/2020-11-01/uploadDestinations/%sinvoice?contentMD5=%s&marketplaceIds=A1PA6795UKMFR9", order, hash), ""), 403, "")
	// The address takes the file with its hash, for fifteen minutes.
	a := s.destinationFor(order+"invoice", "invoice")
	s.want("damaged", s.put(a, "invoicf", ""), 400, "BadDigest")
	s.want("another hash", s.put(a, "invoice", "xyuWmPoZJ+HdEtPPJu2Esg=="), 403, "SignatureDoesNotMatch")
	s.Advance(15*time.Minute - time.Second)
	s.want("whole", s.put(a, "invoice", ""), 200, "")
	s.Advance(time.Second)
	s.want("late", s.put(a, "invoice", ""), 403, "Request has expired")
}

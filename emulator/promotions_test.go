package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// promotionsPath is where promotions are.
const promotionsPath = "/promotions/2025-12-01/promotions"

// promotion is what tests read of one.
type promotion struct {
	PromotionID   string
	Status        string
	PromotionType string
	CreatedDate   time.Time
	Schedule      struct{ StartDate, EndDate time.Time }
	Selection     struct {
		SelectionID      string
		RevisionID       int
		Type             string
		SelectionDetails *struct {
			Items      []struct{ ASIN, SKU string }
			Issues     []struct{ Identifier struct{ ASIN string } }
			Pagination struct{ NextToken string }
		}
	}
	LatestRevision *struct {
		RevisionStatus string
		Selection      struct{ RevisionID int }
	}
	CustomerSegments []struct{ SegmentID string }
	Issues           []struct{ Code string }
}

type promotionPage struct {
	TotalResults int
	Pagination   struct{ NextToken string }
	Promotions   []promotion
}

// ask sends a request of the first seller and reads the answer.
func ask(t testing.TB, e *Emulator, operation, target string, status int, answer any) {
	t.Helper()
	op, ok := catalog.Lookup(operation)
	if !ok {
		t.Fatalf("no operation %s", operation)
	}
	r, err := http.NewRequest(op.Method, marketplace.NorthAmerica.Endpoint()+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-access-token", tokenFor(e, op))
	rec := exchange.NewRecorder()
	e.ServeHTTP(rec, r)
	if rec.Status != status || rec.Header().Get("X-Spapi-Emulator-Operation") != operation {
		t.Fatalf("%s: %d %s, want %d", target, rec.Status, rec.Body.String(), status)
	}
	if answer != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), answer); err != nil {
			t.Fatal(err)
		}
	}
}

// addPromotionRequests asks for each promotion of the first seller.
func addPromotionRequests(t testing.TB, e *Emulator, store string, add func(id, target, body string)) {
	t.Helper()
	add("promotions20251201.searchPromotions", promotionsPath+"?limit=100&includedData=ISSUES,CUSTOMER_SEGMENTS&marketplaceIds="+store, "")
	var all promotionPage
	ask(t, e, "promotions20251201.searchPromotions", promotionsPath+"?limit=100&marketplaceIds="+store, 200, &all)
	for _, p := range all.Promotions {
		add("promotions20251201.getPromotion", promotionsPath+"/"+p.PromotionID+"?includedData=ISSUES,SELECTION,CUSTOMER_SEGMENTS", "")
		if p.Selection.Type == "ITEMS" {
			add("promotions20251201.getSelection",
				promotionsPath+"/"+p.PromotionID+"/selections/"+p.Selection.SelectionID+"?includedData=ISSUES&limit=5&revisionId=1", "")
		}
	}
}

// TestPromotions reads all promotions page by page, filtered, alone and with their items, and lets time pass.
func TestPromotions(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	e, err := New(WithSeed(1), WithFixedTime(now), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	const us = "ATVPDKIKX0DER"
	pages := func(query string) (list []promotion) {
		t.Helper()
		token := ""
		for range 100 {
			var page promotionPage
			ask(t, e, "promotions20251201.searchPromotions", promotionsPath+"?marketplaceIds="+us+query+token, 200, &page)
			list = append(list, page.Promotions...)
			if page.Pagination.NextToken == "" {
				if page.TotalResults != len(list) {
					t.Errorf("%q: %d on all pages, totalResults %d", query, len(list), page.TotalResults)
				}
				return list
			}
			token = "&paginationToken=" + url.QueryEscape(page.Pagination.NextToken)
		}
		t.Fatal("no end")
		return nil
	}
	all := pages("&limit=3")
	if len(all) < 12 || len(pages("")) != len(all) {
		t.Fatalf("%d promotions by threes, %d by twenties", len(all), len(pages("")))
	}
	counts := map[string]int{}
	for i, p := range all {
		counts[p.Status]++
		counts[p.PromotionType]++
		running := !now.Before(p.Schedule.StartDate) && !now.After(p.Schedule.EndDate)
		if p.Status == "RUNNING" && !running || p.Status == "UPCOMING" && !now.Before(p.Schedule.StartDate) ||
			p.Status == "EXPIRED" && !now.After(p.Schedule.EndDate) {
			t.Errorf("%s is %s from %s to %s", p.PromotionID, p.Status, p.Schedule.StartDate, p.Schedule.EndDate)
		}
		if i > 0 && p.CreatedDate.After(all[i-1].CreatedDate) {
			t.Error("the newest isn't first")
		}
		if p.Selection.SelectionDetails != nil {
			t.Error("a list shows items")
		}
	}
	for _, query := range []string{"&statuses=EXPIRED", "&promotionTypes=COUPON,DEAL", "&startDateAfter=2026-08-01T00:00:00-07:00",
		"&endDateBefore=2026-08-01T00:00:00Z",
		"&updateDateAfter=2026-07-01T00:00:00Z", "&statuses=FAILED&revision=LATEST", "&statuses=FAILED&revision=ANY"} {
		if n := len(pages(query)); n == len(all) {
			t.Errorf("%s leaves nothing out", query)
		}
	}
	if n := len(pages("&statuses=EXPIRED")); n != counts["EXPIRED"] || n == 0 {
		t.Errorf("%d expired, want %d", n, counts["EXPIRED"])
	}

	published, latest, any := len(pages("&statuses=FAILED")), len(pages("&statuses=FAILED&revision=LATEST")), len(pages("&statuses=FAILED&revision=ANY"))
	if published == 0 || latest <= published || any < latest {
		t.Errorf("failed: %d published, %d by their latest revision, %d by either: want some, more, and at least as many", published, latest, any)
	}

	edited, withItems, everywhere := 0, 0, 0
	for _, p := range all {
		var one promotion
		ask(t, e, "promotions20251201.getPromotion", promotionsPath+"/"+p.PromotionID+"?includedData=SELECTION,ISSUES", 200, &one)
		if one.Status != p.Status || one.Selection.SelectionID != p.Selection.SelectionID {
			t.Errorf("alone %+v, in the list %+v", one, p)
		}
		path := promotionsPath + "/" + p.PromotionID + "/selections/"
		if p.Selection.Type == "CATALOG" {
			everywhere++
			ask(t, e, "promotions20251201.getSelection", path+"x?revisionId=1", 404, nil)
			continue
		}
		withItems++
		path += p.Selection.SelectionID
		var items []string
		for token, n := "", 0; n == 0 || token != ""; n++ {
			var page struct {
				Selection struct {
					SelectionDetails struct {
						Items      []struct{ ASIN string }
						Pagination struct{ NextToken string }
					}
				}
			}
			ask(t, e, "promotions20251201.getSelection", path+"?limit=7&revisionId="+strconv.Itoa(p.Selection.RevisionID)+token, 200, &page)
			for _, item := range page.Selection.SelectionDetails.Items {
				items = append(items, item.ASIN)
			}
			if token = page.Selection.SelectionDetails.Pagination.NextToken; token != "" {
				token = "&paginationToken=" + url.QueryEscape(token)
			}
		}
		var shown []string
		for _, item := range one.Selection.SelectionDetails.Items {
			shown = append(shown, item.ASIN)
		}
		if !slices.Equal(items, shown) || len(items) == 0 {
			t.Errorf("items %v page by page, %v with the promotion", items, shown)
		}
		if found := pages("&asins=" + items[0]); !slices.ContainsFunc(found, func(f promotion) bool { return f.PromotionID == p.PromotionID }) {
			t.Errorf("%s isn't found by its ASIN", p.PromotionID)
		}
		ask(t, e, "promotions20251201.getSelection", path+"?revisionId=3", 404, nil)
		if one.LatestRevision != nil {
			edited++
			ask(t, e, "promotions20251201.getSelection", path+"?revisionId="+strconv.Itoa(one.LatestRevision.Selection.RevisionID), 200, nil)
		}
	}
	if edited == 0 || withItems == 0 || everywhere == 0 {
		t.Errorf("%d edited, %d with items, %d for the whole catalogue: want some of each", edited, withItems, everywhere)
	}
	ask(t, e, "promotions20251201.getPromotion", promotionsPath+"/none", 404, nil)

	e.Advance(60 * 24 * time.Hour)
	if later := pages(""); len(later) != len(all)+6 || later[len(later)-1].PromotionID != all[len(all)-1].PromotionID {
		t.Errorf("%d promotions after sixty days, want six more than %d", len(later), len(all))
	}
}

package conformance

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/catalogitems20220401"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/wire"
)

// answers are what a server says to one call after the other, the last of them again and again: status and body, as it is or as JSON.
type answers struct {
	list  [][2]json.RawMessage
	asked int
}

func readAnswers(t *testing.T, name string) *answers {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "answers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	a := new(answers)
	if err := json.Unmarshal(text, &a.list); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "api.amazon.com" {
		return (&stub{}).RoundTrip(req)
	}
	answer := a.list[min(a.asked, len(a.list)-1)]
	a.asked++
	s := &stub{body: answer[1]}
	var text string
	if json.Unmarshal(answer[1], &text) == nil {
		s.body = []byte(text)
	}
	if err := json.Unmarshal(answer[0], &s.status); err != nil {
		return nil, err
	}
	return s.RoundTrip(req)
}

// TestOrdersThatComeOddly: what was reported of answers to lists, and what a loop over all items makes of them. Never does it end like a
// complete one.
func TestOrdersThatComeOddly(t *testing.T) {
	for _, c := range []struct {
		name   string
		orders string
		failed string // in the error, "" for none
		asked  int
	}{
		{"a-page-that-is-null", "1", "page 2: spapi: ordersv0.getOrders: 200, but the body holds none of what the operation declares: null", 2},
		{"a-page-that-is-a-message", "1", `page 2: spapi: ordersv0.getOrders: 200, but the body holds none of what the operation declares: {"message":"Endpoint`, 2},
		{"a-page-without-a-body", "1 2", "", 3},
		{"a-body-that-is-missing", "1", "", 2},
		{"a-body-that-is-cut", "1", "", 2},
		{"bodies-that-stay-away", "", "spapi: ordersv0.getOrders: 200, but the body is empty", 5},
		{"a-message-in-place-of-orders", "", "none of what the operation declares", 1},
		{"orders-without-their-wrapper", "1 2", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := readAnswers(t, c.name)
				var ids []string
				var failure error
				in := &ordersv0.GetOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, CreatedAfter: "2026-03-01T00:00:00Z"}
				for order, err := range ordersv0.New(newClient(a)).GetOrdersAll(t.Context(), in) { //nolint:staticcheck // deprecated, and the most called operation
					if failure = err; err == nil {
						ids = append(ids, order.AmazonOrderID)
					}
				}
				if got := strings.Join(ids, " "); got != c.orders || a.asked != c.asked {
					t.Errorf("orders %q after %d requests, want %q after %d", got, a.asked, c.orders, c.asked)
				}
				var typed *spapi.DecodeError
				if errors.As(failure, &typed) != (c.failed != "") || (failure == nil) != (c.failed == "") || failure != nil && !strings.Contains(failure.Error(), c.failed) {
					t.Errorf("error %v, want a DecodeError with %q", failure, c.failed)
				}
			})
		})
	}
}

// TestListsAndSingles: a single value where a list is declared, and a list of one where a single value is, are read and warned about. What isn't
// declared stays in the body.
func TestListsAndSingles(t *testing.T) {
	for name, warnings := range map[string]string{
		"an-object-in-place-of-a-list": "dimensions: not an array, taken as its one element",
		"a-list-in-place-of-an-object": "dimensions[0].item: a list, whose only element is taken; dimensions[0].item[0].height.unit: a list, whose only element is taken",
	} {
		a := readAnswers(t, name)
		var r spapi.Response
		item, err := catalogitems20220401.New(newClient(a)).GetCatalogItem(t.Context(), &catalogitems20220401.GetCatalogItemInput{ASIN: "B0A", MarketplaceIDs: []string{"ATVPDKIKX0DER"}},
			spapi.WithResponse(&r))
		if err != nil {
			t.Fatal(err)
		}
		if len(item.Dimensions) != 1 || item.Dimensions[0].Item == nil || item.Dimensions[0].Item.Height.Value != "1.5" || item.Dimensions[0].Item.Height.Unit != "inches" {
			t.Errorf("%s: dimensions %+v", name, item.Dimensions)
		}
		var texts []string
		for _, w := range r.Warnings {
			texts = append(texts, w.Path+": "+w.Reason)
		}
		if got := strings.Join(texts, "; "); got != warnings {
			t.Errorf("%s: warnings %s", name, got)
		}
		if !strings.Contains(string(r.Body), `"new": {"member": [1]}`) {
			t.Errorf("%s: body %s", name, r.Body)
		}
	}
}

// TestNoOperationTakesForeignAnswers: whatever the operation, the message of a gateway is no result, and nothing is one only where the table
// of results says so.
func TestNoOperationTakesForeignAnswers(t *testing.T) {
	results := map[string]wire.Result{}
	for _, r := range wire.Results() {
		results[r.Operation] = r
	}
	counts := map[string]int{}
	for _, op := range catalog.Operations() {
		r, hasBody := results[op.ID]
		if hasBody != (op.Shape != "none") || hasBody && r.Payload != (op.Shape == "payload") {
			t.Errorf("%s: shape %s and result %+v", op.ID, op.Shape, r)
		}
		for body, taken := range map[string]bool{
			`{"message":"Endpoint request timed out"}`: false,
			`{}`:                           !hasBody || r.Nothing,
			`null`:                         !hasBody,
			`{"payload":null,"errors":[]}`: !hasBody || r.Nothing,
			``:                             !hasBody,
		} {
			var resp spapi.Response
			result, err := call(t, newClient(&stub{status: 200, body: []byte(body)}), &op, &resp)
			var decode *spapi.DecodeError
			switch {
			case taken && err != nil, !taken && !errors.As(err, &decode):
				t.Errorf("%s %s: %v", op.ID, body, err)
			case !taken && !reflect.ValueOf(result).IsValid() && hasBody, !taken && result != nil && !reflect.ValueOf(result).IsZero():
				t.Errorf("%s %s: %v beside the error", op.ID, body, result)
			}
			if body == "{}" {
				counts[map[bool]string{true: "may hold nothing", false: "must hold something"}[taken]]++
			}
		}
	}
	t.Logf("%v", counts)
	if counts["must hold something"] < 300 {
		t.Errorf("%v", counts)
	}
}

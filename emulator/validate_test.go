package emulator

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// TestHeaderAndContentType has what is refused before the parameters are looked at.
func TestHeaderAndContentType(t *testing.T) {
	e, err := New(WithoutLimits(), WithOrders(0), WithExplain(), WithRemoved())
	if err != nil {
		t.Fatal(err)
	}
	ops := catalog.Operations()
	for i := range ops {
		op := &ops[i]
		_, detail := operations.SchemasOf(op)
		if detail.Body == nil {
			continue
		}
		r := requestFor(t, e, op)
		r.Header.Set("x-amz-access-token", tokenFor(e, op))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := exchange.NewRecorder()
		e.ServeHTTP(rec, r)
		if reason := rec.Header().Get("X-Spapi-Emulator-Reason"); rec.Status != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "Invalid Input") ||
			reason != "Content-Type: is application/x-www-form-urlencoded, want application/json" {
			t.Errorf("%s: %d %s (%s)", op.ID, rec.Status, rec.Body.String(), reason)
		}
	}

	op, _ := catalog.Lookup("sellersv1.getAccount")
	for length, want := range map[int]int{8000: 200, 8190: 400, 20000: 400} {
		r := requestFor(t, e, op)
		r.Header.Set("x-amz-access-token", tokenFor(e, op))
		r.Header.Set("X-Long", strings.Repeat("a", length))
		rec := exchange.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Status != want || want == 400 && !strings.Contains(rec.Body.String(), "Size of a request header field exceeds server limit") {
			t.Errorf("a header of %d bytes: %d %s", length, rec.Status, rec.Body.String())
		}
	}
}

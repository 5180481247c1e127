package emulator

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestForeignIDs: with the fault an answer names other things than the request, of the same form, and the same ones whenever it is asked; without, none does.
func TestForeignIDs(t *testing.T) {
	s := newShop(t)
	id := ""
	for o := range s.w.All(time.Time{}, s.Now()) {
		id = o.ID
		break
	}
	path := "/orders/v0/orders/" + id + "/orderItems"
	ask := func() string {
		t.Helper()
		r := s.get(path)
		s.want("items", r, 200, "AmazonOrderId")
		return r.text("payload", "AmazonOrderId")
	}
	if got := ask(); got != id {
		t.Errorf("answers %s for %s", got, id)
	}
	s.strikes("foreign-ids,operation=ordersv0.*,limit=2")
	first, second := ask(), ask()
	if first == id || first != second || !regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`).MatchString(first) {
		t.Errorf("answers %s and %s for %s", first, second, id)
	}
	if got := ask(); got != id {
		t.Errorf("afterwards %s for %s", got, id)
	}
	s.strikes("foreign-ids,operation=awd*")
	r := s.post("/awd/2024-05-09/inboundEligibility", strings.ReplaceAll(`{"packagesToInbound":[{"count":1,"distributionPackage":{"contents":{"products":[{"sku":"SKU","quantity":1}]},
		"measurements":{"weight":{"unitOfMeasurement":"KILOGRAMS","weight":1}},"type":"CASE"}}]}`, "SKU", s.w.Products[0].SKU))
	s.want("eligibility", r, 200, `"sku"`)
	if strings.Contains(r.body, s.w.Products[0].SKU) {
		t.Errorf("the request's SKU: %s", r.body)
	}
}

func (s *shop) strikes(text string) {
	s.t.Helper()
	f, err := ParseFault(text)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.AddFault(f); err != nil {
		s.t.Fatal(err)
	}
}

package emulator_test

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/financesinvoices20260625"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// units is an amount in hundredths.
func units(t *testing.T, c *financesinvoices20260625.Currency) int {
	t.Helper()
	f, err := c.CurrencyAmount.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return int(math.Round(f * 100))
}

// TestVendorInvoices reads all invoices of half a year with their lines, adds everything up, and sees them being paid.
func TestVendorInvoices(t *testing.T) {
	e, err := emulator.New(emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(0), emulator.WithRegion(marketplace.Europe))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	store := e.Credentials().MarketplaceID
	client := func() *financesinvoices20260625.Client {
		return financesinvoices20260625.New(sdkClient(e, e.Credentials()))
	}
	sum := func(list []financesinvoices20260625.Breakdown) (total int) {
		for i := range list {
			amount := units(t, list[i].BreakdownAmount)
			parts := 0
			for _, part := range list[i].Breakdowns {
				parts += units(t, part.BreakdownAmount)
			}
			if len(list[i].Breakdowns) > 0 && parts != amount {
				t.Errorf("%s: %d, its parts %d", list[i].BreakdownType, amount, parts)
			}
			total += amount
		}
		return total
	}
	statuses, kinds, large := map[string]int{}, map[string]int{}, 0
	list := func(in financesinvoices20260625.GetInvoiceHeadersInput) (all []financesinvoices20260625.InvoiceHeader) {
		t.Helper()
		in.MarketplaceID = store
		for page, err := range client().GetInvoiceHeadersPages(ctx, &in) {
			if err != nil {
				t.Fatal(err)
			}
			if int(*page.NumOfRecords) != len(page.Invoices) || len(page.Invoices) > 100 {
				t.Errorf("%d of %d", len(page.Invoices), *page.NumOfRecords)
			}
			all = append(all, page.Invoices...)
		}
		return all
	}
	all := list(financesinvoices20260625.GetInvoiceHeadersInput{})
	older := list(financesinvoices20260625.GetInvoiceHeadersInput{FromIssueDate: start.Add(-180 * 24 * time.Hour), ToIssueDate: start.Add(-90 * 24 * time.Hour)})
	for i, h := range append(all, older...) {
		statuses[string(h.InvoiceStatus)]++
		if i > 0 && i < len(all) && h.IssueDate.After(all[i-1].IssueDate) {
			t.Error("the newest isn't first")
		}
		total := units(t, h.InvoiceAmount)
		if got := sum(h.InvoiceAmountBreakdowns); got != total {
			t.Errorf("%s: %d, its breakdowns %d", h.InvoiceNumber, total, got)
		}
		if got := sum(h.InvoiceSettlementBreakdowns); got != total && len(h.InvoiceSettlementBreakdowns) > 0 {
			t.Errorf("%s: %d, settled %d", h.InvoiceNumber, total, got)
		}
		for _, b := range h.InvoiceSettlementBreakdowns {
			kinds[b.BreakdownType]++
		}
		if h.InvoiceType == "AP_INVENTORY" && !strings.HasPrefix(h.InvoiceIdentifier, h.InvoiceNumber+"~") {
			t.Errorf("%+v", h)
		}
		lines, count := 0, 0
		for page, err := range client().GetInvoicePages(ctx, &financesinvoices20260625.GetInvoiceInput{MarketplaceID: store, InvoiceIdentifier: h.InvoiceIdentifier}) {
			if err != nil {
				t.Fatal(err)
			}
			if page.InvoiceHeader.InvoiceIdentifier != h.InvoiceIdentifier || len(page.InvoiceItems) > 600 {
				t.Errorf("%+v with %d lines", page.InvoiceHeader, len(page.InvoiceItems))
			}
			for _, l := range page.InvoiceItems {
				lines += units(t, l.TotalAmount)
				count++
				if sum(l.TotalAmountBreakdown) != units(t, l.TotalAmount) {
					t.Errorf("%s %s doesn't add up", h.InvoiceNumber, l.LineItemID)
				}
			}
		}
		if count > 600 {
			large++
		}
		if lines != total {
			t.Errorf("%s: %d, its lines %d", h.InvoiceNumber, total, lines)
		}
	}
	for _, status := range []string{"IN_PROGRESS", "REJECTED", "PAID", "PARTIALLY_PAID", "DEDUCTED"} {
		if statuses[status] == 0 {
			t.Errorf("no invoice is %s: %v", status, statuses)
		}
	}
	for _, kind := range []string{"AmountPaid", "QueuedForPayment", "QuickPayDiscount", "QuantityVarianceAmount", "PriceVariance"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s: %v", kind, kinds)
		}
	}
	if large == 0 || len(all) != 60 {
		t.Errorf("%d invoices, %d large ones", len(all), large)
	}
	newest := all[0]
	e.Advance(40 * 24 * time.Hour)
	later, err := client().GetInvoice(ctx, &financesinvoices20260625.GetInvoiceInput{MarketplaceID: store, InvoiceIdentifier: newest.InvoiceIdentifier})
	if err != nil || newest.InvoiceStatus != "IN_PROGRESS" || later.InvoiceHeader.InvoiceStatus == "IN_PROGRESS" || !later.InvoiceHeader.LastUpdatedDate.After(newest.LastUpdatedDate) {
		t.Errorf("%+v, then %+v, %v", newest, later, err)
	}
	changed := list(financesinvoices20260625.GetInvoiceHeadersInput{InvoicesModifiedAfter: start})
	if n := len(list(financesinvoices20260625.GetInvoiceHeadersInput{})); len(changed) == 0 || len(changed) >= n {
		t.Errorf("%d changed of %d", len(changed), n)
	}
	e.Advance(300 * 24 * time.Hour)
	if n := len(list(financesinvoices20260625.GetInvoiceHeadersInput{FromIssueDate: e.Now().Add(-80 * 24 * time.Hour), ToIssueDate: e.Now()})); n < 50 {
		t.Errorf("%d invoices of 80 days", n)
	}
}

func TestVendorInvoicesRefused(t *testing.T) {
	e, err := emulator.New(emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(0))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	const us = "ATVPDKIKX0DER"
	api := financesinvoices20260625.New(sdkClient(e, e.Credentials()))
	list := func(in financesinvoices20260625.GetInvoiceHeadersInput) error {
		in.MarketplaceID = us
		_, err := api.GetInvoiceHeaders(ctx, &in)
		return err
	}
	wantError(t, "one end", list(financesinvoices20260625.GetInvoiceHeadersInput{FromIssueDate: start.Add(-time.Hour)}), 400, "InvalidInput")
	wantError(t, "the other end", list(financesinvoices20260625.GetInvoiceHeadersInput{ToIssueDate: start}), 400, "InvalidInput")
	wantError(t, "91 days", list(financesinvoices20260625.GetInvoiceHeadersInput{FromIssueDate: start.Add(-91 * 24 * time.Hour), ToIssueDate: start}), 400, "InvalidInput")
	wantError(t, "backwards", list(financesinvoices20260625.GetInvoiceHeadersInput{FromIssueDate: start, ToIssueDate: start.Add(-time.Hour)}), 400, "InvalidInput")
	wantError(t, "no token", list(financesinvoices20260625.GetInvoiceHeadersInput{NextToken: "11"}), 400, "InvalidInput")
	page, err := api.GetInvoiceHeaders(ctx, &financesinvoices20260625.GetInvoiceHeadersInput{MarketplaceID: us})
	if err != nil {
		t.Fatal(err)
	}
	known := page.Invoices[0].InvoiceIdentifier
	for _, id := range []string{"INV-202505001~ABCDEF", "x", strings.Replace(known, "~", "~X", 1), "INV-2025059999999~ABCDEF"} {
		_, err := api.GetInvoice(ctx, &financesinvoices20260625.GetInvoiceInput{MarketplaceID: us, InvoiceIdentifier: id})
		wantError(t, id, err, 404, "NotFound", id)
	}
	_, err = api.GetInvoice(ctx, &financesinvoices20260625.GetInvoiceInput{MarketplaceID: marketplace.CA.ID, InvoiceIdentifier: known})
	wantError(t, "of another marketplace", err, 404)
	other, err := e.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = financesinvoices20260625.New(sdkClient(e, other)).GetInvoice(ctx, &financesinvoices20260625.GetInvoiceInput{MarketplaceID: us, InvoiceIdentifier: known})
	wantError(t, "another vendor's", err, 404)
	c := &client{Emulator: e, t: t}
	if r := c.do("GET", na+"/finances/invoices/2026-06-25/invoices/"+url.PathEscape(known), map[string][]string{"X-Amz-Access-Token": {c.accessToken(e.Credentials())}}, ""); r.status != 400 || !strings.Contains(r.body, "marketplaceId") {
		t.Errorf("without a marketplace: %d %s", r.status, r.body)
	}
}

package emulator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi/api/finances20240619"
	"github.com/openspapi/spapi/api/financesv0"
	wallet "github.com/openspapi/spapi/api/sellerwallet20240301"
	"github.com/openspapi/spapi/api/transfers20240601"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// european is an emulator with a European seller's payouts.
func european(t *testing.T) (*emulator.Emulator, *transfers20240601.Client) {
	t.Helper()
	e, err := emulator.New(emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(300), emulator.WithRegion(marketplace.Europe))
	if err != nil {
		t.Fatal(err)
	}
	return e, transfers20240601.New(sdkClient(e, e.Credentials()))
}

func payouts(t *testing.T, api *transfers20240601.Client, in transfers20240601.ListPayoutsInput) (all []transfers20240601.Payout) {
	t.Helper()
	for p, err := range api.ListPayoutsAll(t.Context(), &in) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *p)
	}
	return all
}

// TestPayouts holds what was paid out against the groups of the finances, pays out on demand and follows that until it is paid.
func TestPayouts(t *testing.T) {
	e, api := european(t)
	ctx := t.Context()
	expected, err := api.ListExpectedPayouts(ctx, &transfers20240601.ListExpectedPayoutsInput{})
	if err != nil || len(expected.ExpectedPayouts) < 5 {
		t.Fatalf("%+v, %v", expected, err)
	}
	all := payouts(t, api, transfers20240601.ListPayoutsInput{})
	groups := map[string]financesv0.FinancialEventGroup{}
	for g, err := range financesv0.New(sdkClient(e, e.Credentials())).ListFinancialEventGroupsAll(ctx, &financesv0.ListFinancialEventGroupsInput{FinancialEventGroupStartedAfter: start.AddDate(0, 0, -150)}) {
		if err != nil {
			t.Fatal(err)
		}
		groups[g.FinancialEventGroupID] = *g
	}
	statuses := map[transfers20240601.PayoutStatusName]int{}
	for i, p := range all {
		statuses[p.CurrentStatus]++
		g, found := groups[p.ID]
		if !found || g.ProcessingStatus != "Closed" {
			t.Errorf("%+v is of no closed group: %+v", p, g)
			continue
		}
		if p.CurrentStatus == "NO_PAYOUT" != (p.Amount == nil) || p.Amount != nil && (p.Amount.CurrencyAmount != g.OriginalTotal.CurrencyAmount || p.Amount.CurrencyCode != g.OriginalTotal.CurrencyCode) {
			t.Errorf("%+v of a group over %+v", p, g.OriginalTotal)
		}
		if p.StatusHistory[len(p.StatusHistory)-1].Status != p.CurrentStatus || p.PartnerMetadata.PartnerID != e.Credentials().SellerID || len(p.RelatedIdentifiers) != 1 {
			t.Errorf("%+v", p)
		}
		if i > 0 && all[i-1].PartnerMetadata.MarketplaceID == p.PartnerMetadata.MarketplaceID && p.CreationDate.After(all[i-1].CreationDate) {
			t.Error("the newest of a marketplace isn't first")
		}
	}
	if statuses["PAID"] == 0 || statuses["NO_PAYOUT"] == 0 {
		t.Errorf("%v", statuses)
	}
	// In the marketplace that has most to be paid.
	i := slices.IndexFunc(expected.ExpectedPayouts, func(p transfers20240601.ExpectedPayout) bool {
		return p.Status == "SCHEDULED" && p.PartnerMetadata.MarketplaceID != marketplace.UK.ID
	})
	if i < 0 {
		t.Fatalf("nothing to be paid out: %+v", expected.ExpectedPayouts)
	}
	next := expected.ExpectedPayouts[i]
	store := next.PartnerMetadata.MarketplaceID
	made, err := api.InitiatePayout(ctx, &transfers20240601.InitiatePayoutInput{MarketplaceID: store, AccountType: "Standard Orders"})
	if err != nil {
		t.Fatal(err)
	}
	follow := func(want transfers20240601.PayoutStatusName, history int) {
		t.Helper()
		got := payouts(t, transfers20240601.New(sdkClient(e, e.Credentials())), transfers20240601.ListPayoutsInput{PayoutID: made.PayoutReferenceID})
		if len(got) != 1 || got[0].CurrentStatus != want || len(got[0].StatusHistory) != history || got[0].Type != "ON_DEMAND" || got[0].ID != made.PayoutReferenceID {
			t.Fatalf("%+v, want %s", got, want)
		}
		if got[0].PartnerMetadata.MarketplaceID != store || got[0].Amount.CurrencyAmount == "" {
			t.Errorf("%+v, expected was %+v", got[0], next)
		}
	}
	follow("STARTED", 1)
	_, err = api.InitiatePayout(ctx, &transfers20240601.InitiatePayoutInput{MarketplaceID: store, AccountType: "Standard Orders"})
	wantError(t, "twice in a day", err, 400, "InvalidInput", "24 hours")
	e.SetTime(start.Add(-time.Hour))
	_, err = api.InitiatePayout(ctx, &transfers20240601.InitiatePayoutInput{MarketplaceID: store, AccountType: "Standard Orders"})
	wantError(t, "twice, by a clock that was set back", err, 400, "InvalidInput", "24 hours")
	e.SetTime(start)
	e = moved(t, e)
	e.Advance(5 * time.Hour)
	follow("IN_TRANSIT", 2)
	e.Advance(20 * time.Hour)
	follow("PAID", 3)
	if got := payouts(t, transfers20240601.New(sdkClient(e, e.Credentials())), transfers20240601.ListPayoutsInput{CreatedAfter: start, MarketplaceIDs: []string{store}}); !slices.ContainsFunc(got, func(p transfers20240601.Payout) bool { return p.ID == made.PayoutReferenceID }) {
		t.Errorf("since the beginning: %+v", got)
	}
	if got := payouts(t, transfers20240601.New(sdkClient(e, e.Credentials())), transfers20240601.ListPayoutsInput{CreatedBefore: start}); len(got) != len(all) {
		t.Errorf("%d before, %d then", len(got), len(all))
	}
	// The transfer is among the transactions, over the same amount.
	paid := payouts(t, transfers20240601.New(sdkClient(e, e.Credentials())), transfers20240601.ListPayoutsInput{PayoutID: made.PayoutReferenceID})[0]
	transfers := 0
	for tx, err := range finances20240619.New(sdkClient(e, e.Credentials())).ListTransactionsAll(ctx, &finances20240619.ListTransactionsInput{
		RelatedIdentifierName: "FINANCIAL_EVENT_GROUP_ID", RelatedIdentifierValue: made.PayoutReferenceID, MarketplaceID: store}) {
		if err != nil {
			t.Fatal(err)
		}
		if tx.TransactionType == "Transfer" {
			transfers++
			if tx.TotalAmount.CurrencyAmount != "-"+paid.Amount.CurrencyAmount && tx.TotalAmount.CurrencyAmount != paid.Amount.CurrencyAmount {
				t.Errorf("a transfer of %s, a payout of %s", tx.TotalAmount.CurrencyAmount, paid.Amount.CurrencyAmount)
			}
		}
	}
	if transfers != 1 {
		t.Errorf("%d transfers", transfers)
	}
}

// TestPaymentMethods: the bank account is where payouts go and deposits to the wallet come from, and the wallet is the one of its own API.
func TestPaymentMethods(t *testing.T) {
	e, api := european(t)
	ctx := t.Context()
	store := e.Credentials().MarketplaceID
	all, err := api.GetPaymentMethods(ctx, &transfers20240601.GetPaymentMethodsInput{MarketplaceID: store})
	if err != nil || len(all.PaymentMethods) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	bank := all.PaymentMethods[0]
	if bank.PaymentMethodType != "BANK_ACCOUNT" || bank.AssignmentType != "DEFAULT_DEPOSIT_METHOD" || all.PaymentMethods[1].ExpiryDate == nil {
		t.Errorf("%+v", all.PaymentMethods)
	}
	for _, p := range payouts(t, api, transfers20240601.ListPayoutsInput{}) {
		if p.Amount != nil && p.AccountTail != bank.Tail {
			t.Errorf("%+v went elsewhere than %+v", p, bank)
		}
	}
	some, err := api.GetPaymentMethods(ctx, &transfers20240601.GetPaymentMethodsInput{MarketplaceID: store, PaymentMethodTypes: []transfers20240601.GetPaymentMethodsPaymentMethodType{"SELLER_WALLET"}})
	if err != nil || len(some.PaymentMethods) != 1 {
		t.Fatalf("%+v, %v", some, err)
	}
	accounts, err := wallet.New(sdkClient(e, e.Credentials())).ListAccounts(ctx, &wallet.ListAccountsInput{MarketplaceID: store})
	if err != nil || accounts.Accounts[0].AccountID != some.PaymentMethods[0].PaymentMethodID {
		t.Errorf("%+v, %+v, %v", some, accounts, err)
	}
	list, err := wallet.New(sdkClient(e, e.Credentials())).ListAccountTransactions(ctx, &wallet.ListAccountTransactionsInput{MarketplaceID: store, AccountID: accounts.Accounts[0].AccountID})
	if err != nil || list.Transactions[0].TransactionSourceAccount.BankAccountNumberTail != bank.Tail {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestTransfersRefused(t *testing.T) {
	e, api := european(t)
	ctx := t.Context()
	initiate := func(store, kind string) error {
		_, err := api.InitiatePayout(ctx, &transfers20240601.InitiatePayoutInput{MarketplaceID: store, AccountType: kind})
		return err
	}
	const text = "The input request had one or more invalid input parameters."
	wantError(t, "a store without payouts on demand", initiate(marketplace.UK.ID, "Standard Orders"), 400, "InvalidInput", text, "The following input parameters are invalid : [ marketplaceId ].")
	wantError(t, "another account type", initiate(marketplace.DE.ID, "Invoiced Orders"), 400, "InvalidInput", text, "The following input parameters are invalid : [ accountType ].")
	wantError(t, "no store", initiate("X", "Standard Orders"), 400, text, "[ marketplaceId ]")
	if r := (&client{Emulator: e, t: t}).do("POST", eu+"/finances/transfers/2024-06-01/payouts", map[string][]string{"X-Amz-Access-Token": {(&client{Emulator: e, t: t}).accessToken(e.Credentials())}, "Content-Type": {"application/json"}}, `{}`); r.status != 400 || r.text("errors", 0, "details") != "The following input parameters are invalid : [ accountType, marketplaceId ]." {
		t.Errorf("%d %s", r.status, r.body)
	}
	_, err := api.ListPayouts(ctx, &transfers20240601.ListPayoutsInput{NextToken: "x"})
	wantError(t, "no token", err, 400, text, "[ nextToken ]")
	_, err = api.ListExpectedPayouts(ctx, &transfers20240601.ListExpectedPayoutsInput{NextToken: "x"})
	wantError(t, "no token", err, 400, text, "[ nextToken ]")
	if got := payouts(t, api, transfers20240601.ListPayoutsInput{PayoutID: "NONE"}); len(got) != 0 {
		t.Errorf("of no group: %+v", got)
	}
	if got := payouts(t, api, transfers20240601.ListPayoutsInput{AccountType: "Invoiced Orders"}); len(got) != 0 {
		t.Errorf("of another account type: %+v", got)
	}
	empty, err := emulator.New(emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(0), emulator.WithRegion(marketplace.Europe))
	if err != nil {
		t.Fatal(err)
	}
	_, err = transfers20240601.New(sdkClient(empty, empty.Credentials())).InitiatePayout(ctx, &transfers20240601.InitiatePayoutInput{MarketplaceID: marketplace.DE.ID, AccountType: "Standard Orders"})
	wantError(t, "nothing to pay out", err, 400, "InvalidInput", "no funds")
}

package emulator_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	wallet "github.com/openspapi/spapi/api/sellerwallet20240301"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// purse is a seller's wallet as the SDK sees it.
type purse struct {
	*wallet.Client
	t    *testing.T
	e    *emulator.Emulator
	cred emulator.Credentials
}

func newPurse(t *testing.T) *purse {
	t.Helper()
	e, err := emulator.New(emulator.WithSeed(1), emulator.WithFixedTime(start), emulator.WithoutLimits(), emulator.WithOrders(0))
	if err != nil {
		t.Fatal(err)
	}
	return &purse{wallet.New(sdkClient(e, e.Credentials())), t, e, e.Credentials()}
}

// move puts the wallet into another emulator, with all that is under way.
func (p *purse) move() {
	p.t.Helper()
	p.e = moved(p.t, p.e)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
}

func (p *purse) account(m marketplace.Marketplace) *wallet.BankAccount {
	p.t.Helper()
	list, err := p.ListAccounts(p.t.Context(), &wallet.ListAccountsInput{MarketplaceID: m.ID})
	if err != nil || len(list.Accounts) != 1 {
		p.t.Fatalf("%+v, %v", list, err)
	}
	return &list.Accounts[0]
}

// balances are AVAILABLE, LOCKED_IN, LOCKED_OUT and TOTAL.
func (p *purse) balances(m marketplace.Marketplace) (b [4]float64) {
	p.t.Helper()
	list, err := p.ListAccountBalances(p.t.Context(), &wallet.ListAccountBalancesInput{AccountID: p.account(m).AccountID, MarketplaceID: m.ID})
	if err != nil || len(list.Balances) != 4 {
		p.t.Fatalf("%+v, %v", list, err)
	}
	for i, kind := range []wallet.BalanceType{"AVAILABLE", "LOCKED_IN", "LOCKED_OUT", "TOTAL"} {
		if list.Balances[i].BalanceType != kind {
			p.t.Fatalf("%+v", list.Balances)
		}
		b[i], _ = list.Balances[i].BalanceAmount.Float64()
	}
	return b
}

// transfer is a request for a transaction to a bank account of a third party in the country of m.
func (p *purse) transfer(amount string, tail string, m marketplace.Marketplace) *wallet.CreateTransactionInput {
	return &wallet.CreateTransactionInput{
		DestAccountDigitalSignature: "c2lnbmVk", AmountDigitalSignature: "c2lnbmVk", MarketplaceID: marketplace.US.ID, SourceAccountID: p.account(marketplace.US).AccountID,
		DestinationTransactionInstrument: &wallet.TransactionInstrumentDetails{
			BankAccount: &wallet.BankAccount{BankName: "Northwind Bank", BankAccountOwnershipType: "THIRD_PARTY", BankAccountNumberFormat: "IBAN",
				AccountCountryCode: m.CountryCode, AccountCurrency: m.Currency, BankAccountNumberTail: tail},
			BankAccountNumber: "ENCRYPTED", AccountHolderName: "Ink Supplies",
		},
		PayeeContactInformation: &wallet.PayeeContactInformation{PayeeFirstName: "A", PayeeLastName: "B", AddressLine1: "1 Main Street", City: "Toronto", State: "ON", PostalCode: "M5V 1J1",
			CountryCode: m.CountryCode, EmailAddress: "payee@example.com", PhoneNumber: "+1 416-555-0101", PayeeEntityType: "BUSINESS"},
		SourceAmount: &wallet.Currency{CurrencyCode: "USD", CurrencyAmount: json.Number(amount)}, TransactionDescription: "Ink", RequestTime: p.e.Now(),
	}
}

// approve opens the page of a transaction, as the seller does.
func (p *purse) approve(address string) string {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.e.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.Status + " " + string(b)
}

func (p *purse) want(what string, id string, status wallet.TransactionStatus) *wallet.Transaction {
	p.t.Helper()
	got, err := p.GetTransaction(p.t.Context(), &wallet.GetTransactionInput{TransactionID: id, MarketplaceID: marketplace.US.ID})
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	if got.TransactionStatus != status || got.TransactionID != id {
		p.t.Errorf("%s: %+v, want %s", what, got, status)
	}
	for _, problem := range emulator.CheckWallets(p.e) {
		p.t.Errorf("%s: %s", what, problem)
	}
	return got
}

// TestWallet previews a transfer abroad, approves it and follows it until the money has left, and another one until it is back.
func TestWallet(t *testing.T) {
	p := newPurse(t)
	ctx := t.Context()
	before := p.balances(marketplace.US)
	if before[0] <= 1000 || before[2] != 0 {
		t.Fatalf("at the beginning: %v", before)
	}
	preview, err := p.GetTransferPreview(ctx, &wallet.GetTransferPreviewInput{SourceCountryCode: "US", SourceCurrencyCode: "USD", DestinationCountryCode: "CA", DestinationCurrencyCode: "CAD",
		BaseAmount: "500.00", MarketplaceID: marketplace.US.ID})
	if err != nil {
		t.Fatal(err)
	}
	// 0.9 % and 20 % of that: 4.50 and 0.90; 1.35 (1 - 5.40 / 500) = 1.3354.
	if len(preview.Fees) != 2 || preview.Fees[0].FeeAmount.CurrencyAmount != "4.5" || preview.Fees[1].FeeAmount.CurrencyAmount != "0.9" ||
		preview.FxRateDetails.EffectiveFxRate != "1.3354" || preview.TransferAmount.CurrencyAmount != "667.7" {
		t.Errorf("%+v %+v %+v", preview.Fees, preview.FxRateDetails, preview.TransferAmount)
	}
	in := p.transfer("500.00", "819", marketplace.CA)
	in.TransferRateDetails = preview
	made, err := p.CreateTransaction(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	id := made.Transaction.TransactionID
	if got := p.balances(marketplace.US); got != before || made.Transaction.TransactionStatus != "PENDING_USER_APPROVAL" {
		t.Errorf("before it is approved: %v, %+v", got, made.Transaction)
	}
	p.move()
	for range 2 { // opened twice it is approved once
		if page := p.approve(made.CallBackURL); !strings.HasPrefix(page, "200") || !strings.Contains(page, "IN_PROGRESS") {
			t.Errorf("the page says %s", page)
		}
	}
	p.want("approved", id, "IN_PROGRESS")
	if got := p.balances(marketplace.US); got[0] != before[0]-500 || got[2] != 500 || got[3] != before[3] {
		t.Errorf("under way: %v, before %v", got, before)
	}
	p.move()
	p.e.Advance(31 * time.Hour)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
	done := p.want("arrived", id, "SUCCESSFUL")
	if done.TransactionFinalAmount.CurrencyAmount != "667.7" || done.TransactionFinalAmount.CurrencyCode != "CAD" || done.TransactionActualCompletionDate.IsZero() {
		t.Errorf("%+v", done.TransactionFinalAmount)
	}
	after := p.balances(marketplace.US)
	if after[2] != 0 || after[3] != before[3]-500 {
		t.Errorf("after: %v, before %v", after, before)
	}

	// A bank that sends it back.
	made, err = p.CreateTransaction(ctx, p.transfer("100", "999", marketplace.US))
	if err != nil {
		t.Fatal(err)
	}
	p.approve(made.CallBackURL)
	p.e.Advance(31 * time.Hour)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
	if back := p.want("sent back", made.Transaction.TransactionID, "FAILED_CREDITS_APPLIED"); back.TransactionFailureReason == "" {
		t.Error("no reason")
	}
	if got := p.balances(marketplace.US); got != after {
		t.Errorf("%v, want %v", got, after)
	}
	// Nobody approves the third.
	made, err = p.CreateTransaction(ctx, p.transfer("100", "819", marketplace.US))
	if err != nil {
		t.Fatal(err)
	}
	p.e.Advance(24 * time.Hour)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
	p.want("not approved", made.Transaction.TransactionID, "EXPIRED")
	if page := p.approve(made.CallBackURL); !strings.Contains(page, "EXPIRED") {
		t.Errorf("the page of an expired one says %s", page)
	}
	// Two that are approved, for which the money isn't enough together.
	most := strconv.FormatFloat(p.balances(marketplace.US)[0], 'f', 2, 64)
	first, err := p.CreateTransaction(ctx, p.transfer(most, "819", marketplace.US))
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.CreateTransaction(ctx, p.transfer(most, "819", marketplace.US))
	if err != nil {
		t.Fatal(err)
	}
	p.approve(first.CallBackURL)
	p.approve(second.CallBackURL)
	p.want("the first", first.Transaction.TransactionID, "IN_PROGRESS")
	if got := p.want("the second", second.Transaction.TransactionID, "FAILED"); got.TransactionFailureReason != "Insufficient Balance" {
		t.Errorf("%+v", got)
	}

	// Between two accounts of the wallet: what leaves one arrives in the other.
	p.e.Advance(14 * 24 * time.Hour)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
	canada := p.balances(marketplace.CA)
	in = p.transfer("200", "000", marketplace.CA)
	in.DestinationTransactionInstrument.BankAccount.BankAccountOwnershipType, in.PayeeContactInformation = "SELF", nil
	in.DestinationAccountID = p.account(marketplace.CA).AccountID
	if made, err = p.CreateTransaction(ctx, in); err != nil {
		t.Fatal(err)
	}
	p.approve(made.CallBackURL)
	if got := p.balances(marketplace.CA); got[1] <= canada[1] || got[0] != canada[0] {
		t.Errorf("on its way: %v, before %v", got, canada)
	}
	p.move()
	credits := 0
	for tx, err := range p.ListAccountTransactionsAll(ctx, &wallet.ListAccountTransactionsInput{AccountID: p.account(marketplace.CA).AccountID, MarketplaceID: marketplace.CA.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if tx.AccountID != p.account(marketplace.CA).AccountID {
			t.Errorf("of another account: %+v", tx)
		}
		if tx.TransactionType == "CREDIT" && tx.TransactionSourceAccount.AccountID == in.SourceAccountID {
			credits++
		}
	}
	if credits != 1 {
		t.Errorf("%d credits", credits)
	}
	p.want("on its way", made.Transaction.TransactionID, "IN_PROGRESS")
}

// TestWalletRefuses asks for what there isn't, for too much and in another currency.
func TestWalletRefuses(t *testing.T) {
	p := newPurse(t)
	ctx := t.Context()
	const us, ca = "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"
	good := p.account(marketplace.US).AccountID
	get := func(id, store string) error {
		_, err := p.GetAccount(ctx, &wallet.GetAccountInput{AccountID: id, MarketplaceID: store})
		return err
	}
	wantError(t, "no account", get("amzn1.account.NONE", us), 404, "NotFound", "BankAccount not found.", "BankAccount doesn't exists for amzn1.account.NONE")
	wantError(t, "another marketplace's", get(good, ca), 404, "NotFound", "BankAccount not found.")
	other, err := p.e.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wallet.New(sdkClient(p.e, other)).GetAccount(ctx, &wallet.GetAccountInput{AccountID: good, MarketplaceID: us})
	wantError(t, "another seller's", err, 404, "BankAccount not found.")
	_, err = p.ListAccountBalances(ctx, &wallet.ListAccountBalancesInput{AccountID: "NONE", MarketplaceID: us})
	wantError(t, "balances of no account", err, 404, "BankAccount doesn't exists for NONE")
	_, err = p.ListAccountTransactions(ctx, &wallet.ListAccountTransactionsInput{AccountID: "NONE", MarketplaceID: us})
	wantError(t, "transactions of no account", err, 404, "BankAccount doesn't exists for NONE")
	_, err = p.ListAccountTransactions(ctx, &wallet.ListAccountTransactionsInput{AccountID: good, MarketplaceID: us, NextPageToken: "x"})
	wantError(t, "no token", err, 400, "Invalid nextPageToken")
	_, err = p.GetTransaction(ctx, &wallet.GetTransactionInput{TransactionID: "NONE", MarketplaceID: us})
	wantError(t, "no transaction", err, 404, "BankAccount not found.", "BankAccount doesn't exists for NONE")

	preview := func(change func(*wallet.GetTransferPreviewInput)) error {
		in := wallet.GetTransferPreviewInput{SourceCountryCode: "US", SourceCurrencyCode: "USD", DestinationCountryCode: "CA", DestinationCurrencyCode: "CAD", BaseAmount: "1", MarketplaceID: us}
		change(&in)
		_, err := p.GetTransferPreview(ctx, &in)
		return err
	}
	for name, change := range map[string]func(*wallet.GetTransferPreviewInput){
		"Invalid sourceCountryCode":       func(in *wallet.GetTransferPreviewInput) { in.SourceCountryCode = "usa" },
		"Invalid destinationCurrencyCode": func(in *wallet.GetTransferPreviewInput) { in.DestinationCurrencyCode = "XXX" },
		"Invalid baseAmount":              func(in *wallet.GetTransferPreviewInput) { in.BaseAmount = "0.001" },
	} {
		wantError(t, name, preview(change), 400, "InvalidInput", "Invalid or Missing Input Parameter.", name)
	}
	wantError(t, "no account in euros", preview(func(in *wallet.GetTransferPreviewInput) { in.SourceCountryCode, in.SourceCurrencyCode = "DE", "EUR" }), 404, "BankAccount doesn't exists for DE")
	missing := p.raw("GET", "/finances/transfers/wallet/2024-03-01/transferPreview?sourceCountryCode=US&sourceCurrencyCode=USD&destinationCountryCode=US&baseAmount=1&marketplaceId="+us, "", true)
	if !strings.Contains(missing, `"Missing destinationCurrencyCode"`) || !strings.Contains(missing, "Invalid or Missing Input Parameter.") {
		t.Error(missing)
	}

	create := func(change func(*wallet.CreateTransactionInput)) error {
		in := p.transfer("10.00", "819", marketplace.US)
		change(in)
		_, err := p.CreateTransaction(ctx, in)
		return err
	}
	wantError(t, "another currency", create(func(in *wallet.CreateTransactionInput) { in.SourceAmount.CurrencyCode = "CAD" }), 400, "InvalidInput", "Invalid sourceAmount.currencyCode")
	wantError(t, "no account", create(func(in *wallet.CreateTransactionInput) { in.SourceAccountID = "NONE" }), 404, "BankAccount doesn't exists for NONE")
	wantError(t, "too much", create(func(in *wallet.CreateTransactionInput) { in.SourceAmount.CurrencyAmount = "1000000" }), 422, "InsufficientBalance", "Insufficient Balance")
	wantError(t, "nothing", create(func(in *wallet.CreateTransactionInput) { in.SourceAmount.CurrencyAmount = "-1" }), 400, "Invalid sourceAmount.currencyAmount")
	wantError(t, "no payee", create(func(in *wallet.CreateTransactionInput) { in.PayeeContactInformation = nil }), 400, "Missing payeeContactInformation")
	wantError(t, "to itself", create(func(in *wallet.CreateTransactionInput) { in.DestinationAccountID = good }), 400, "Invalid destinationAccountId")
	wantError(t, "rates of another day", create(func(in *wallet.CreateTransactionInput) {
		in.TransferRateDetails = &wallet.TransferRatePreview{BaseAmount: in.SourceAmount, TransferAmount: in.SourceAmount, Fees: []wallet.Fee{},
			FxRateDetails: &wallet.FxRateDetails{FxRateID: "x", BaseRate: "1", EffectiveFxRate: "1", RateDirection: "BUY"}}
	}), 400, "Invalid transferRateDetails")
	body, _ := json.Marshal(p.transfer("1", "819", marketplace.US))
	unsigned := p.raw("POST", "/finances/transfers/wallet/2024-03-01/transactions?marketplaceId="+us, string(body), false)
	if !strings.Contains(unsigned, "Invalid or Missing signature.") || !strings.Contains(unsigned, "Missing destAccountDigitalSignature") {
		t.Error(unsigned)
	}
	if page := p.approve("https://sellercentral.amazon.com/seller-wallet/approve/NONE"); !strings.HasPrefix(page, "404") {
		t.Error(page)
	}
	if got := emulator.CheckWallets(p.e); got != nil {
		t.Error(got)
	}
}

// raw sends a request that the SDK wouldn't.
func (p *purse) raw(method, path, body string, signed bool) string {
	p.t.Helper()
	c := &client{Emulator: p.e, t: p.t}
	header := http.Header{"X-Amz-Access-Token": {c.accessToken(p.cred)}, "Content-Type": {"application/json"}}
	if signed {
		header["Destaccountdigitalsignature"], header["Amountdigitalsignature"] = []string{"x"}, []string{"x"}
	}
	return c.do(method, na+path, header, body).body
}

func (p *purse) schedule(frequency string, preference wallet.PaymentPreference) *wallet.CreateTransferScheduleInput {
	in := p.transfer("1", "819", marketplace.US)
	expression := &wallet.ScheduleExpression{ScheduleExpressionType: "RECURRING", RecurringFrequency: wallet.RecurringFrequency(frequency)}
	if frequency == "" {
		expression = &wallet.ScheduleExpression{ScheduleExpressionType: "ONE_TIME"}
	}
	return &wallet.CreateTransferScheduleInput{
		DestAccountDigitalSignature: "x", AmountDigitalSignature: "x", MarketplaceID: in.MarketplaceID, SourceAccountID: in.SourceAccountID, SourceCurrencyCode: "USD",
		DestinationAccountID: "amzn1.account.AJKBFWEJFBNH2KCJPII5FBN", DestinationTransactionInstrument: in.DestinationTransactionInstrument, TransactionType: "DEBIT",
		TransferScheduleInformation: &wallet.TransferScheduleInformation{ScheduleStartDate: p.e.Now().Add(time.Hour), ScheduleEndDate: p.e.Now().Add(40 * 24 * time.Hour), ScheduleExpression: expression, ScheduleType: "TIME_BASED"},
		PaymentPreference:           &preference,
	}
}

// TestWalletSchedules lets time carry out transfers: switched off and on, changed, ended and deleted.
func TestWalletSchedules(t *testing.T) {
	p := newPurse(t)
	ctx := t.Context()
	const us = "ATVPDKIKX0DER"
	in := p.schedule("WEEKLY", wallet.PaymentPreference{PaymentPreferencePaymentType: "AMOUNT", Value: "10"})
	s, err := p.CreateTransferSchedule(ctx, in)
	if err != nil || s.TransferScheduleStatus != "ENABLED" || len(s.TransferScheduleFailures) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err = p.CreateTransferSchedule(ctx, in)
	wantError(t, "a second one of the same accounts", err, 409, "RequestConflict", "Request Conflict", "Transfer schedule already exists for same source and destination account combination.")
	advance := func(d time.Duration) {
		p.e.Advance(d)
		p.Client = wallet.New(sdkClient(p.e, p.cred))
	}
	debits := func() (n int) {
		t.Helper()
		for tx, err := range p.ListAccountTransactionsAll(ctx, &wallet.ListAccountTransactionsInput{AccountID: in.SourceAccountID, MarketplaceID: us}) {
			if err != nil {
				t.Fatal(err)
			}
			if tx.TransactionType == "DEBIT" {
				n++
			}
		}
		for _, problem := range emulator.CheckWallets(p.e) {
			t.Error(problem)
		}
		return n
	}
	advance(time.Hour)
	if n := debits(); n != 1 {
		t.Errorf("after the first time %d transfers", n)
	}
	p.move()
	advance(14 * 24 * time.Hour)
	if n := debits(); n != 3 {
		t.Errorf("after the third time %d transfers", n)
	}
	update := func(change func(*wallet.UpdateTransferScheduleInput)) error {
		now, err := p.GetTransferSchedule(ctx, &wallet.GetTransferScheduleInput{TransferScheduleID: s.TransferScheduleID, MarketplaceID: us})
		if err != nil {
			t.Fatal(err)
		}
		in := &wallet.UpdateTransferScheduleInput{DestAccountDigitalSignature: "x", AmountDigitalSignature: "x", MarketplaceID: us, TransferScheduleID: now.TransferScheduleID, TransactionType: now.TransactionType,
			TransactionDestinationAccount: now.TransactionDestinationAccount, TransferScheduleStatus: now.TransferScheduleStatus, TransferScheduleInformation: now.TransferScheduleInformation,
			PaymentPreference: now.PaymentPreference, TransferScheduleFailures: []wallet.TransferScheduleFailures{}}
		change(in)
		_, err = p.UpdateTransferSchedule(ctx, in)
		return err
	}
	if err := update(func(in *wallet.UpdateTransferScheduleInput) { in.TransferScheduleStatus = "DISABLED" }); err != nil {
		t.Fatal(err)
	}
	advance(7 * 24 * time.Hour)
	if n := debits(); n != 3 {
		t.Errorf("a disabled schedule was carried out: %d transfers", n)
	}
	if err := update(func(in *wallet.UpdateTransferScheduleInput) {
		in.TransferScheduleStatus = "ENABLED"
		in.PaymentPreference = &wallet.PaymentPreference{PaymentPreferencePaymentType: "AMOUNT", Value: "1000000"}
	}); err != nil {
		t.Fatal(err)
	}
	advance(7 * 24 * time.Hour)
	now, err := p.GetTransferSchedule(ctx, &wallet.GetTransferScheduleInput{TransferScheduleID: s.TransferScheduleID, MarketplaceID: us})
	if err != nil || debits() != 3 || len(now.TransferScheduleFailures) != 1 || now.TransferScheduleFailures[0].TransferScheduleFailureReason != "INSUFFICIENT_BALANCE" {
		t.Errorf("without the money: %+v, %v", now, err)
	}
	wantError(t, "a state that isn't the seller's to set", update(func(in *wallet.UpdateTransferScheduleInput) { in.TransferScheduleStatus = "DELETED" }), 400, "Invalid transferScheduleStatus")
	wantError(t, "no schedule", update(func(in *wallet.UpdateTransferScheduleInput) { in.TransferScheduleID = "NONE" }), 404, "Transfer Schedule not found.", "Transfer schedule id doesn't exists for NONE")
	advance(40 * 24 * time.Hour)
	if now, err = p.GetTransferSchedule(ctx, &wallet.GetTransferScheduleInput{TransferScheduleID: s.TransferScheduleID, MarketplaceID: us}); err != nil || now.TransferScheduleStatus != "EXPIRED" {
		t.Errorf("after its end: %+v, %v", now, err)
	}
	wantError(t, "an expired one", update(func(in *wallet.UpdateTransferScheduleInput) {}), 400, "Invalid transferScheduleId")

	// Half of what there is, once; then deleted.
	half := p.schedule("", wallet.PaymentPreference{PaymentPreferencePaymentType: "PERCENTAGE", Value: "50"})
	before := p.balances(marketplace.US)[0]
	one, err := p.CreateTransferSchedule(ctx, half)
	if err != nil {
		t.Fatal(err)
	}
	advance(time.Hour)
	if left := p.balances(marketplace.US)[0]; left > before/2+0.01 || left < before/2-0.01 {
		t.Errorf("half of %v leaves %v", before, left)
	}
	gone, err := p.DeleteScheduleTransaction(ctx, &wallet.DeleteScheduleTransactionInput{TransferScheduleID: one.TransferScheduleID, MarketplaceID: us})
	if err != nil || gone.Code != "Successful" || gone.Details != "Deleted transfer schedule for ID "+one.TransferScheduleID {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = p.DeleteScheduleTransaction(ctx, &wallet.DeleteScheduleTransactionInput{TransferScheduleID: one.TransferScheduleID, MarketplaceID: us})
	wantError(t, "deleted twice", err, 404, "Transfer Schedule not found.")
	_, err = p.GetTransferSchedule(ctx, &wallet.GetTransferScheduleInput{TransferScheduleID: "NONE", MarketplaceID: us})
	wantError(t, "no schedule", err, 404, "Transfer schedule id doesn't exists for NONE")
	list, err := p.ListTransferSchedules(ctx, &wallet.ListTransferSchedulesInput{AccountID: in.SourceAccountID, MarketplaceID: us})
	if err != nil || len(list.TransferSchedules) != 2 || list.TransferSchedules[1].TransferScheduleStatus != "DELETED" {
		t.Errorf("%+v, %v", list, err)
	}
	for name, change := range map[string]func(*wallet.CreateTransferScheduleInput){
		"Missing transferScheduleInformation.scheduleExpression.recurringFrequency": func(in *wallet.CreateTransferScheduleInput) {
			in.TransferScheduleInformation.ScheduleExpression.RecurringFrequency = ""
		},
		"Invalid transferScheduleInformation.scheduleEndDate": func(in *wallet.CreateTransferScheduleInput) {
			in.TransferScheduleInformation.ScheduleEndDate = p.e.Now().Add(-time.Hour)
		},
		"Invalid paymentPreference.value": func(in *wallet.CreateTransferScheduleInput) { in.PaymentPreference.Value = "101" },
		"Invalid sourceCurrencyCode":      func(in *wallet.CreateTransferScheduleInput) { in.SourceCurrencyCode = "CAD" },
		"Invalid transactionType":         func(in *wallet.CreateTransferScheduleInput) { in.TransactionType = "CREDIT" },
	} {
		in := p.schedule("DAILY", wallet.PaymentPreference{PaymentPreferencePaymentType: "PERCENTAGE", Value: "1"})
		change(in)
		_, err := p.CreateTransferSchedule(ctx, in)
		wantError(t, name, err, 400, "InvalidInput", name)
	}
	in = p.schedule("DAILY", wallet.PaymentPreference{PaymentPreferencePaymentType: "PERCENTAGE", Value: "1"})
	in.SourceAccountID = "NONE"
	_, err = p.CreateTransferSchedule(ctx, in)
	wantError(t, "of no account", err, 404, "NotFound", "Account not found.", "Account doesn't exists for NONE")
}

// TestWalletKeepsItsMoney takes random steps, moves to other emulators in between, and looks whether anything was lost or made.
func TestWalletKeepsItsMoney(t *testing.T) {
	p := newPurse(t)
	ctx := t.Context()
	r := rand.New(rand.NewPCG(1, 2))
	stores := []marketplace.Marketplace{marketplace.US, marketplace.CA, marketplace.MX}
	var open []string
	kinds := map[wallet.TransactionStatus]int{}
	for step := range 300 {
		switch r.IntN(8) {
		case 0, 1, 2:
			in := p.transfer(strconv.Itoa(1+r.IntN(900)), []string{"819", "999"}[r.IntN(2)], stores[r.IntN(3)])
			if r.IntN(3) == 0 {
				to := stores[1+r.IntN(2)]
				in.DestinationAccountID = p.account(to).AccountID
				in.DestinationTransactionInstrument.BankAccount.AccountCurrency = to.Currency
			}
			made, err := p.CreateTransaction(ctx, in)
			if err == nil {
				open = append(open, made.CallBackURL)
			}
		case 3, 4:
			if len(open) > 0 {
				i := r.IntN(len(open))
				p.approve(open[i])
				open = slices.Delete(open, i, i+1)
			}
		case 5:
			_, _ = p.CreateTransferSchedule(ctx, p.schedule([]string{"DAILY", "WEEKLY", "BIWEEKLY", "MONTHLY", ""}[r.IntN(5)],
				wallet.PaymentPreference{PaymentPreferencePaymentType: "PERCENTAGE", Value: json.Number(strconv.Itoa(1 + r.IntN(20)))}))
		case 6:
			p.e.Advance(time.Duration(r.IntN(200)) * time.Hour)
			p.Client = wallet.New(sdkClient(p.e, p.cred))
		case 7:
			if step%5 == 0 {
				p.move()
			}
		}
		for _, problem := range emulator.CheckWallets(p.e) {
			t.Fatalf("step %d: %s", step, problem)
		}
	}
	for tx, err := range p.ListAccountTransactionsAll(ctx, &wallet.ListAccountTransactionsInput{AccountID: p.account(marketplace.US).AccountID, MarketplaceID: marketplace.US.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[tx.TransactionStatus]++
	}
	for _, kind := range []wallet.TransactionStatus{"SUCCESSFUL", "FAILED_CREDITS_APPLIED", "EXPIRED"} {
		if kinds[kind] == 0 {
			t.Errorf("no transaction is %s: %v", kind, kinds)
		}
	}
}

// TestWalletFarAhead lets a century pass at once: what a wallet remembers is bounded, and the money is still all there.
func TestWalletFarAhead(t *testing.T) {
	p := newPurse(t)
	ctx := t.Context()
	in := p.schedule("DAILY", wallet.PaymentPreference{PaymentPreferencePaymentType: "AMOUNT", Value: "1"})
	in.TransferScheduleInformation.ScheduleEndDate = time.Time{}
	s, err := p.CreateTransferSchedule(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	p.e.Advance(100 * 365 * 24 * time.Hour)
	p.Client = wallet.New(sdkClient(p.e, p.cred))
	got, err := p.GetTransferSchedule(ctx, &wallet.GetTransferScheduleInput{TransferScheduleID: s.TransferScheduleID, MarketplaceID: us})
	if err != nil || len(got.TransferScheduleFailures) != 100 || got.TransferScheduleFailures[99].TransferScheduleFailureReason != "TRANSACTION_LIMIT_EXCEEDED" {
		t.Fatalf("%d failures, %v", len(got.TransferScheduleFailures), err)
	}
	_, err = p.CreateTransaction(ctx, p.transfer("1", "819", marketplace.US))
	wantError(t, "one more", err, 422, "TransactionLimitExceeded")
	for _, problem := range emulator.CheckWallets(p.e) {
		t.Error(problem)
	}
}

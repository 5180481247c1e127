package emulator

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/flow/sellerwallet"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// sellerToken is a token of a seller that opens an operation.
func sellerToken(e *Emulator, a *desk.Seller, op *catalog.Operation) string {
	now := e.Now()
	g := &auth.Grant{Account: a.Account, Expires: now.Add(time.Hour)}
	if op.Restricted != nil {
		g.Kind = auth.RestrictedGrant
		g.Resources = []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	return e.desk.Auth.Issue("Atza|", g, now)
}

// invoicingRequests are requests of a seller in Brazil, who is added.
func invoicingRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request, add func(id, target, body string)) {
	t.Helper()
	a, err := e.desk.AddSeller(marketplace.NorthAmerica, []string{marketplace.BR.ID}, e.Now())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id, target, body string) {
		t.Helper()
		add(id, target, body)
		op, _ := catalog.Lookup(id)
		list := requests[id]
		list[len(list)-1].Header.Set("x-amz-access-token", sellerToken(e, a, op))
	}
	document := []byte("<NFe><infNFe/></NFe>")
	hash := md5.Sum(document)
	content, sum := base64.StdEncoding.EncodeToString(document), hex.EncodeToString(hash[:])
	onsite, own := "", ""
	for o := range a.World().All(time.Time{}, e.Now()) {
		switch paid := o.Status(e.Now()) == world.Unshipped || o.Status(e.Now()) == world.Shipped; {
		case paid && o.Onsite():
			onsite = o.ShipmentID()
		case paid && !o.Amazon:
			own = o.ID
		}
	}
	if onsite == "" || own == "" {
		t.Fatal("no order in Brazil has been paid")
	}
	shipment := "/fba/outbound/brazil/v0/shipments/" + onsite
	ask("shipmentinvoicingv0.getShipmentDetails", shipment, "")
	ask("shipmentinvoicingv0.getInvoiceStatus", shipment+"/invoice/status", "")
	ask("shipmentinvoicingv0.submitInvoice", shipment+"/invoice", `{"InvoiceContent":"`+content+`","ContentMD5Value":"`+sum+`"}`)
	program := "&marketplaceId=" + marketplace.BR.ID + "&invoiceType=Outbound&programType=SelfShip"
	ask("deliveryshipmentinvoice20220701.getInvoiceStatus", "/delivery/2022-07-01/invoice/status?orderId="+own+program, "")
	ask("deliveryshipmentinvoice20220701.submitInvoice", "/delivery/2022-07-01/invoice?orderId="+own,
		`{"invoiceContent":"`+content+`","contentMD5Value":"`+sum+`","marketplaceId":"`+marketplace.BR.ID+`","invoiceType":"Outbound","programType":"SelfShip"}`)

	const tax, store = "/tax/invoices/2024-06-19/", "marketplaceId=A2Q3Y263D00KWC"
	list := tax + "invoices?dateStart=2020-01-01T00:00:00Z&pageSize=200&" + store
	var all struct{ Invoices []struct{ ID string } }
	madeBy(t, e, a, "invoices20240619.getInvoices", list, "", &all)
	var exported struct{ ExportID string }
	whole := `{"marketplaceId":"A2Q3Y263D00KWC","dateStart":"2020-01-01"}`
	madeBy(t, e, a, "invoices20240619.createInvoicesExport", tax+"exports", whole, &exported)
	demand := func(id string) string {
		return `{"marketplaceId":"A2Q3Y263D00KWC","shipmentId":"` + id + `","transactionType":"INBOUND_SHIPMENT","invoiceType":"REMITTANCE"}`
	}
	madeBy(t, e, a, "invoices20240619.createGovernmentInvoice", tax+"governmentInvoiceRequests", demand("S-1"), nil)
	e.Advance(5 * time.Minute) // both are done then
	about := store + "&transactionType=INBOUND_SHIPMENT&invoiceType=REMITTANCE"
	ask("invoices20240619.getInvoicesAttributes", tax+"attributes?"+store, "")
	ask("invoices20240619.getInvoices", list, "")
	for _, v := range all.Invoices[:min(len(all.Invoices), 20)] {
		ask("invoices20240619.getInvoice", tax+"invoices/"+v.ID+"?"+store, "")
	}
	ask("invoices20240619.createInvoicesExport", tax+"exports", whole)
	ask("invoices20240619.getInvoicesExports", tax+"exports?"+store, "")
	ask("invoices20240619.getInvoicesExport", tax+"exports/"+exported.ExportID, "")
	ask("invoices20240619.createGovernmentInvoice", tax+"governmentInvoiceRequests", demand("S-2"))
	ask("invoices20240619.getGovernmentInvoiceStatus", tax+"governmentInvoiceRequests?shipmentId=S-1&"+about, "")
	var done struct {
		Export struct{ InvoicesDocumentIDs []string }
	}
	madeBy(t, e, a, "invoices20240619.getInvoicesExport", tax+"exports/"+exported.ExportID, "", &done)
	ask("invoices20240619.getInvoicesDocument", tax+"documents/"+done.Export.InvoicesDocumentIDs[0], "")
	ask("invoices20240619.getGovernmentInvoiceDocument", tax+"governmentInvoiceRequests/S-1?"+about, "")
}

// CheckWallets looks whether all sellers' wallets agree with themselves.
func CheckWallets(e *Emulator) []string {
	var wrong []string
	for _, a := range e.desk.AllSellers() {
		wrong = append(wrong, sellerwallet.Check(a, e.Now())...)
	}
	return wrong
}

// walletRequests are requests about accounts, a transaction and schedules that the first seller has.
func walletRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request, add func(id, target, body string)) {
	t.Helper()
	const wallet, store = "/finances/transfers/wallet/2024-03-01/", "?marketplaceId=ATVPDKIKX0DER"
	signed := func(id, target, body string) {
		add("sellerwallet20240301."+id, target, body)
		list := requests["sellerwallet20240301."+id]
		list[len(list)-1].Header.Set("destAccountDigitalSignature", "c2lnbmVk")
		list[len(list)-1].Header.Set("amountDigitalSignature", "c2lnbmVk")
	}
	var accounts struct{ Accounts []struct{ AccountID string } }
	ask(t, e, "sellerwallet20240301.listAccounts", wallet+"accounts"+store, 200, &accounts)
	account := accounts.Accounts[0].AccountID
	var transactions struct {
		Transactions []struct{ TransactionID string }
	}
	ask(t, e, "sellerwallet20240301.listAccountTransactions", wallet+"transactions"+store+"&accountId="+account, 200, &transactions)
	instrument := `"destinationTransactionInstrument":{"bankAccount":{"bankAccountOwnershipType":"SELF","accountCountryCode":"CA","accountCurrency":"CAD","bankAccountNumberTail":"819"},` +
		`"bankAccountNumber":"x","accountHolderName":"A B"}`
	body := func(target string) string {
		return `{"sourceAccountId":"` + account + `","sourceCurrencyCode":"USD","destinationAccountId":"` + target + `",` + instrument + `,"transactionType":"DEBIT",` +
			`"transferScheduleInformation":{"scheduleStartDate":"2027-01-01T00:00:00Z","scheduleExpression":{"scheduleExpressionType":"RECURRING","recurringFrequency":"MONTHLY"},"scheduleType":"TIME_BASED"},` +
			`"paymentPreference":{"paymentPreferencePaymentType":"PERCENTAGE","value":12.5}}`
	}
	made := func(target string) (id, answer string) {
		t.Helper()
		signed("createTransferSchedule", wallet+"transferSchedules"+store, body(target))
		list := requests["sellerwallet20240301.createTransferSchedule"]
		r := list[len(list)-1]
		requests["sellerwallet20240301.createTransferSchedule"] = list[:len(list)-1]
		op, _ := catalog.Lookup("sellerwallet20240301.createTransferSchedule")
		r.Header.Set("x-amz-access-token", tokenFor(e, op))
		rec := exchange.NewRecorder()
		e.ServeHTTP(rec, r)
		var s struct{ TransferScheduleID string }
		if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil || s.TransferScheduleID == "" {
			t.Fatalf("%s: %v", rec.Body.String(), err)
		}
		return s.TransferScheduleID, rec.Body.String()
	}
	kept, answer := made("A")
	gone, _ := made("B")
	add("sellerwallet20240301.getAccount", wallet+"accounts/"+account+store, "")
	add("sellerwallet20240301.listAccountBalances", wallet+"accounts/"+account+"/balance"+store, "")
	add("sellerwallet20240301.getTransferPreview", wallet+"transferPreview"+store+"&sourceCountryCode=US&sourceCurrencyCode=USD&destinationCountryCode=JP&destinationCurrencyCode=JPY&baseAmount=10", "")
	add("sellerwallet20240301.listAccountTransactions", wallet+"transactions"+store+"&accountId="+account, "")
	add("sellerwallet20240301.getTransaction", wallet+"transactions/"+transactions.Transactions[0].TransactionID+store, "")
	signed("createTransaction", wallet+"transactions"+store, `{"sourceAccountId":"`+account+`",`+instrument+`,"sourceAmount":{"currencyCode":"USD","currencyAmount":12.34},"requestTime":"2026-03-01T00:00:00Z"}`)
	add("sellerwallet20240301.listTransferSchedules", wallet+"transferSchedules"+store+"&accountId="+account, "")
	signed("createTransferSchedule", wallet+"transferSchedules"+store, body("C"))
	signed("updateTransferSchedule", wallet+"transferSchedules"+store, answer)
	add("sellerwallet20240301.getTransferSchedule", wallet+"transferSchedules/"+kept+store, "")
	add("sellerwallet20240301.deleteScheduleTransaction", wallet+"transferSchedules/"+gone+store, "")
}

// madeBy asks for something of a seller, and reads the answer.
func madeBy(t testing.TB, e *Emulator, a *desk.Seller, id, target, body string, answer any) {
	t.Helper()
	op, _ := catalog.Lookup(id)
	r, err := http.NewRequest(op.Method, marketplace.NorthAmerica.Endpoint()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-access-token", sellerToken(e, a, op))
	r.Header.Set("Content-Type", "application/json")
	rec := exchange.NewRecorder()
	e.ServeHTTP(rec, r)
	if rec.Status/100 != 2 {
		t.Fatalf("%s: %d %s", target, rec.Status, rec.Body.String())
	}
	if answer != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), answer); err != nil {
			t.Fatal(err)
		}
	}
}

// vendorRequests are requests for each of a vendor's latest invoices.
func vendorRequests(t testing.TB, e *Emulator, add func(id, target, body string)) {
	t.Helper()
	const path, store = "/finances/invoices/2026-06-25/invoices", "?marketplaceId=ATVPDKIKX0DER"
	var all struct {
		Invoices []struct{ InvoiceIdentifier string }
	}
	ask(t, e, "financesinvoices20260625.getInvoiceHeaders", path+store, 200, &all)
	add("financesinvoices20260625.getInvoiceHeaders", path+store, "")
	for _, v := range all.Invoices {
		add("financesinvoices20260625.getInvoice", path+"/"+url.PathEscape(v.InvoiceIdentifier)+store, "")
	}
}

// payoutRequests are requests of a seller in Europe, who is added, where payouts can be asked for.
func payoutRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request, add func(id, target, body string)) {
	t.Helper()
	a, err := e.desk.AddSeller(marketplace.Europe, nil, e.Now())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id, target, body string) {
		t.Helper()
		add("transfers20240601."+id, "/finances/transfers/2024-06-01/"+target, body)
		op, _ := catalog.Lookup("transfers20240601." + id)
		list := requests["transfers20240601."+id]
		r := list[len(list)-1]
		r.Header.Set("x-amz-access-token", sellerToken(e, a, op))
		r.URL.Host = strings.TrimPrefix(marketplace.Europe.Endpoint(), "https://")
		r.Host = r.URL.Host
	}
	for _, m := range []marketplace.Marketplace{marketplace.DE, marketplace.FR, marketplace.IT, marketplace.ES} {
		if ledger.Books.Of(a).Open(&m, e.Now()).Total.Units > 0 {
			ask("initiatePayout", "payouts", `{"marketplaceId":"`+m.ID+`","accountType":"Standard Orders"}`)
			break
		}
	}
	ask("listPayouts", "payouts", "")
	ask("listExpectedPayouts", "payouts/expected", "")
	ask("getPaymentMethods", "paymentMethods?marketplaceId="+marketplace.DE.ID, "")
	if requests["transfers20240601.initiatePayout"] == nil {
		t.Fatal("nothing to be paid out")
	}
}

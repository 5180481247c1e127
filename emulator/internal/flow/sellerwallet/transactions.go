package sellerwallet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// The states of transactions.
const (
	pendingApproval = "PENDING_USER_APPROVAL"
	inProgress      = "IN_PROGRESS"
	successful      = "SUCCESSFUL"
	failed          = "FAILED"
	creditsApplied  = "FAILED_CREDITS_APPLIED"
	expired         = "EXPIRED"
)

const (
	// approvalTime is how long the seller may take to approve a transaction. Amazon doesn't publish it.
	approvalTime = 24 * time.Hour
	// expectedTime is what is said of how long a bank may take. The same.
	expectedTime = 48 * time.Hour
	// mostTransactions bounds what a wallet remembers.
	mostTransactions = 5_000
	// brokeText is why a transaction fails for which there is too little money (the model's example).
	brokeText = "Insufficient Balance"
	// bouncedText is why the money came back; wording assumed.
	bouncedText = "Rejected by the destination bank"
	// bouncedTail ends the numbers of accounts that send money back: the emulator's own way to ask for FAILED_CREDITS_APPLIED.
	bouncedTail = "999"
)

// transaction is money that goes out of an account of the wallet. How far it is follows from its times.
type transaction struct {
	ID          string    `json:"id"`
	CreditID    string    `json:"credit_id,omitempty"` // of the same money in the account of the wallet where it arrives
	Account     string    `json:"account"`
	To          party     `json:"to"`
	Quote       quote     `json:"quote"`
	Description string    `json:"description,omitempty"`
	Requested   time.Time `json:"requested"`
	Approved    time.Time `json:"approved,omitzero"` // zero: not yet
	Done        time.Time `json:"done,omitzero"`     // when the bank has answered
	Broke       bool      `json:"broke,omitempty"`   // there was too little money when it was approved
	Bounced     bool      `json:"bounced,omitempty"` // the bank sends it back
	Schedule    string    `json:"schedule,omitempty"`
}

// party is an account that money goes to. Its number isn't kept.
type party struct {
	Account  string `json:"account,omitempty"` // of the seller's own wallet; "" for all others
	Holder   string `json:"holder,omitempty"`
	Bank     string `json:"bank,omitempty"`
	Format   string `json:"format,omitempty"`
	Tail     string `json:"tail,omitempty"`
	Country  string `json:"country,omitempty"`
	Currency string `json:"currency"`
}

// status is the state of a transaction at a time.
func (t *transaction) status(now time.Time) string {
	switch {
	case t.Approved.IsZero() && !now.Before(t.Requested.Add(approvalTime)):
		return expired
	case t.Approved.IsZero():
		return pendingApproval
	case t.Broke:
		return failed
	case now.Before(t.Done):
		return inProgress
	case t.Bounced:
		return creditsApplied
	}
	return successful
}

// updated is when the state last changed.
func (t *transaction) updated(now time.Time) time.Time {
	switch t.status(now) {
	case expired:
		return t.Requested.Add(approvalTime)
	case pendingApproval:
		return t.Requested
	case inProgress, failed:
		return t.Approved
	}
	return t.Done
}

// approve lets a transaction begin: the money is locked, if there is enough of what is available before. It wants w.mu held.
func (w *wallet) approve(t *transaction, available int, now time.Time) {
	r := w.seller.Desk.Seed.Of("wallet transfer", t.ID)
	t.Approved = now
	if available < t.Quote.Base {
		t.Broke, t.Done = true, now
		return
	}
	t.Done = now.Add(time.Duration(r.Between(4*60, 30*60)) * time.Minute)
	t.Bounced = t.To.Account == "" && t.To.Tail == bouncedTail
}

// quote is what becomes of an amount on its way, in the smallest units of the currencies.
type quote struct {
	Base      int     `json:"base"`
	From      string  `json:"from"`
	To        string  `json:"to"`
	Rate      float64 `json:"rate"`
	Effective float64 `json:"effective"`
	Fee       int     `json:"fee,omitempty"` // in the currency of the base
	Tax       int     `json:"tax,omitempty"`
	Amount    int     `json:"amount"` // what arrives
	ID        string  `json:"id"`     // of the rate
}

// The fees of an exchange, in per cent of the amount, and the tax on it (selling-partner-api-models, sellerWallet_2024-03-01, getTransferPreview's static
// case). That transfers within a currency are free is assumed.
const (
	feePercent = 0.9
	taxPercent = 20
)

// newQuote works out what arrives: the effective rate is what the model's note on transferRateDetails says of fees in the base's currency.
func newQuote(base int, from, to string, rate float64) quote {
	q := quote{Base: base, From: from, To: to, Rate: math.Round(rate*1e4) / 1e4, Effective: 1, Amount: base}
	if from == to {
		return q
	}
	q.Fee = int(math.Round(float64(base) * feePercent / 100))
	q.Tax = int(math.Round(float64(q.Fee) * taxPercent / 100))
	q.Effective = math.Round(q.Rate*(1-float64(q.Fee+q.Tax)/float64(base))*1e4) / 1e4
	amount := float64(base) / math.Pow10(world.Decimals(from)) * q.Effective
	q.Amount = int(math.Round(amount * math.Pow10(world.Decimals(to))))
	return q
}

// quote is the quote of a day.
func (w *wallet) quote(base int, from, to string, now time.Time) quote {
	rate, _ := world.Rate(from, to) // both have been looked up
	q := newQuote(base, from, to, rate)
	q.ID = w.seller.Desk.Seed.Of("wallet rate", from, to, now.UTC().Format(time.DateOnly)).UUID()
	return q
}

func amountObject(units int, currency string) object {
	return object{"currencyCode": currency, "currencyAmount": world.Money{Units: units, Currency: currency}.Number()}
}

func (q quote) object() object {
	fees := []object{}
	for _, f := range []struct {
		kind, rate string
		units      int
	}{{"TRANSACTION_FEE", format.Number(feePercent), q.Fee}, {"TAX", strconv.FormatFloat(taxPercent, 'f', 1, 64), q.Tax}} {
		if f.units > 0 {
			fees = append(fees, object{"feeId": q.ID + "-" + f.kind, "feeType": f.kind, "feeRateValue": f.rate, "feeAmount": amountObject(f.units, q.From)})
		}
	}
	return object{
		"baseAmount": amountObject(q.Base, q.From), "transferAmount": amountObject(q.Amount, q.To), "fees": fees,
		"fxRateDetails": object{"fxRateId": q.ID, "baseRate": format.Double(q.Rate), "effectiveFxRate": format.Double(q.Effective), "rateDirection": "BUY"},
	}
}

// parseAmount reads an amount above 0 as smallest units.
func parseAmount(n json.Number, currency string) (int, bool) {
	f, err := n.Float64()
	units := f * math.Pow10(world.Decimals(currency))
	if err != nil || units < 0.5 || units > 1e12 || math.Abs(units-math.Round(units)) > 1e-4 {
		return 0, false
	}
	return int(math.Round(units)), true
}

// deposit is money that the seller pays into an account: every two weeks, since some time before the seller was added. Amazon pays out to the bank
// account (Transfers), so what is in a wallet comes from there.
type deposit struct {
	id        string
	units     int
	at, until time.Time // on its way
}

const (
	depositEvery = 14 * 24 * time.Hour
	depositsPast = 3
)

// deposits are those into an account that have begun by a time. It wants w.mu held.
func (w *wallet) deposits(a *account, now time.Time) []deposit {
	first := w.seller.Created.UTC().Truncate(24 * time.Hour).Add(-depositsPast * depositEvery)
	list := w.paid[a.id]
	for len(list) == 0 || !list[len(list)-1].at.After(now) {
		i := len(list)
		r := w.seller.Desk.Seed.Of("wallet deposit", w.seller.Number, a.currency, i)
		at := first.Add(time.Duration(i)*depositEvery + time.Duration(r.Between(6*60, 18*60))*time.Minute)
		rate, _ := world.Rate("USD", a.currency)
		units := int(float64(r.Between(1000, 5000)) * rate * math.Pow10(world.Decimals(a.currency)))
		list = append(list, deposit{"amzn1.transaction." + r.Text(random.Base36, 28), units, at, at.Add(24 * time.Hour)})
	}
	w.paid[a.id] = list
	n, _ := slices.BinarySearchFunc(list, now, func(d deposit, t time.Time) int {
		if d.at.After(t) {
			return 1
		}
		return -1
	})
	return list[:n:n]
}

// move is what a step of some money does to the parts of an account; what it does outside of the wallet is in outside.
type move struct {
	at                             time.Time
	account                        string
	available, lockedIn, lockedOut int
	outside                        int // of the account's currency: banks and fees
}

// moves are all of them until a time, by time. It wants w.mu held. Each is a booking: what it takes from one part it puts into another.
func (w *wallet) moves(now time.Time) []move {
	var list []move
	add := func(m move) {
		if !m.at.After(now) {
			list = append(list, m)
		}
	}
	for _, a := range w.accounts() {
		for _, d := range w.deposits(&a, now) {
			add(move{at: d.at, account: a.id, lockedIn: d.units, outside: -d.units})
			add(move{at: d.until, account: a.id, lockedIn: -d.units, available: d.units})
		}
	}
	for _, t := range w.transactions {
		if t.Approved.IsZero() || t.Broke {
			continue
		}
		base, arrives := t.Quote.Base, t.Quote.Amount
		add(move{at: t.Approved, account: t.Account, available: -base, lockedOut: base})
		if t.Bounced {
			add(move{at: t.Done, account: t.Account, available: base, lockedOut: -base})
			continue
		}
		add(move{at: t.Done, account: t.Account, lockedOut: -base, outside: base})
		if t.To.Account != "" { // out of one account and into another: in between it is with those who exchange it
			add(move{at: t.Approved, account: t.To.Account, lockedIn: arrives, outside: -arrives})
			add(move{at: t.Done, account: t.To.Account, lockedIn: -arrives, available: arrives})
		}
	}
	slices.SortStableFunc(list, func(a, b move) int { return a.at.Compare(b.at) })
	return list
}

// balance is what is in an account.
type balance struct {
	available, lockedIn, lockedOut int
	updated                        time.Time
}

// balances is what is in an account at a time. It wants w.mu held. [Check] holds it against the bookings.
func (w *wallet) balances(a *account, now time.Time) balance {
	b := balance{updated: w.seller.Created}
	reached := func(at time.Time) bool {
		if at.IsZero() || at.After(now) {
			return false
		}
		if at.After(b.updated) {
			b.updated = at
		}
		return true
	}
	for _, d := range w.deposits(a, now) {
		if reached(d.at); reached(d.until) {
			b.available += d.units
		} else {
			b.lockedIn += d.units
		}
	}
	for _, t := range w.transactions {
		if t.Broke || t.Account != a.id && t.To.Account != a.id || !reached(t.Approved) {
			continue
		}
		done := reached(t.Done)
		if t.Account == a.id {
			switch {
			case !done:
				b.available, b.lockedOut = b.available-t.Quote.Base, b.lockedOut+t.Quote.Base
			case !t.Bounced:
				b.available -= t.Quote.Base
			}
		}
		if t.To.Account == a.id {
			if done {
				b.available += t.Quote.Amount
			} else {
				b.lockedIn += t.Quote.Amount
			}
		}
	}
	return b
}

// entry is a transaction as an account sees it.
type entry struct {
	id   string
	at   time.Time
	body object
}

// own is an account of the wallet as a side of a transaction.
func (w *wallet) own(a *account) object {
	return object{
		"accountId": a.id, "bankAccountHolderName": w.seller.StoreName, "bankName": walletName, "bankAccountNumberFormat": "BBAN", "bankAccountNumberTail": "000",
		"bankAccountCountryCode": a.country, "bankAccountCurrency": a.currency,
	}
}

func (p *party) object() object {
	o := object{
		"bankName": cmp.Or(p.Bank, "Bank"), "bankAccountNumberFormat": cmp.Or(p.Format, "BBAN"), "bankAccountNumberTail": p.Tail,
		"bankAccountCurrency": p.Currency, "bankAccountCountryCode": p.Country,
	}
	if p.Holder != "" {
		o["bankAccountHolderName"] = p.Holder
	}
	if p.Account != "" {
		o["accountId"] = p.Account
	}
	return o
}

// debit is a transaction as the account sees it that the money leaves.
func (w *wallet) debit(t *transaction, now time.Time) object {
	status := t.status(now)
	body := object{
		"accountId": t.Account, "transactionId": t.ID, "transactionType": "DEBIT", "transactionStatus": status, "transactionRequestDate": desk.Millis(t.Requested),
		"expectedCompletionDate": desk.Millis(t.Requested.Add(expectedTime)), "lastUpdateDate": desk.Millis(t.updated(now)),
		"requesterName": w.seller.Desk.Auth.Application().ID, "transactionRequesterSource": "TPP", "transactionDescription": t.Description,
		"transactionSourceAccount": w.own(w.account(t.Account)), "transactionDestinationAccount": t.To.object(),
		"transactionRequestAmount": amountObject(t.Quote.Base, t.Quote.From), "transferRateDetails": t.Quote.object(),
	}
	switch status {
	case successful:
		body["transactionActualCompletionDate"] = desk.Millis(t.Done)
		if t.Quote.From != t.Quote.To {
			body["transactionFinalAmount"] = amountObject(t.Quote.Amount, t.Quote.To)
		}
	case failed:
		body["transactionFailureReason"] = brokeText
	case creditsApplied:
		body["transactionActualCompletionDate"], body["transactionFailureReason"] = desk.Millis(t.Done), bouncedText
	}
	return body
}

// credit is a transaction as the account sees it where the money arrives; nil when none is on its way.
func (w *wallet) credit(t *transaction, now time.Time) object {
	status := t.status(now)
	if t.CreditID == "" || status != inProgress && status != successful {
		return nil
	}
	body := w.debit(t, now)
	body["accountId"], body["transactionId"], body["transactionType"] = t.To.Account, t.CreditID, "CREDIT"
	body["transactionRequestDate"] = desk.Millis(t.Approved)
	return body
}

// paidIn is a deposit as its account sees it.
func (w *wallet) paidIn(a *account, d *deposit, now time.Time) object {
	status, updated := inProgress, d.at
	if !now.Before(d.until) {
		status, updated = successful, d.until
	}
	q := quote{Base: d.units, From: a.currency, To: a.currency, Rate: 1, Effective: 1, Amount: d.units, ID: d.id}
	bank := party{Holder: w.seller.StoreName, Bank: "Bank", Tail: ledger.Books.Of(w.seller).AccountTail(), Country: a.country, Currency: a.currency}
	body := object{
		"accountId": a.id, "transactionId": d.id, "transactionType": "CREDIT", "transactionStatus": status, "transactionRequestDate": desk.Millis(d.at),
		"expectedCompletionDate": desk.Millis(d.until), "lastUpdateDate": desk.Millis(updated),
		"requesterName": w.seller.StoreName, "transactionRequesterSource": "Amazon portal",
		"transactionDescription": "Deposit", "transactionSourceAccount": bank.object(), "transactionDestinationAccount": w.own(a),
		"transactionRequestAmount": amountObject(d.units, a.currency), "transferRateDetails": q.object(),
	}
	if status == successful {
		body["transactionActualCompletionDate"] = desk.Millis(d.until)
	}
	return body
}

// entries are all transactions of an account, the newest first. It wants w.mu held.
func (w *wallet) entries(a *account, now time.Time) []entry {
	var list []entry
	for _, d := range w.deposits(a, now) {
		list = append(list, entry{d.id, d.at, w.paidIn(a, &d, now)})
	}
	for _, t := range w.transactions {
		if t.Requested.After(now) {
			continue // on a page of a list that was begun before
		}
		if t.Account == a.id {
			list = append(list, entry{t.ID, t.Requested, w.debit(t, now)})
		}
		if t.To.Account == a.id {
			if body := w.credit(t, now); body != nil {
				list = append(list, entry{t.CreditID, t.Approved, body})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return b.at.Compare(a.at) })
	return list
}

func listAccountTransactions(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextPageToken")
	if problem != nil {
		return answer.Reply{}, refusedToken(problem)
	}
	w, a, err := holding(c, c.Query.Get("accountId"))
	if err != nil {
		return answer.Reply{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return page(c, pg, "transactions", w.entries(a, pg.AsOf), func(e entry) object { return e.body }), nil
}

// getTransaction finds a transaction in any of the marketplace's accounts.
func getTransaction(c *desk.Call) (answer.Reply, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts() {
		if a.currency != m.Currency {
			continue
		}
		for _, e := range w.entries(&a, c.Now) {
			if e.id == c.Path["transactionId"] {
				return answer.OK(e.body), nil
			}
		}
	}
	return answer.Reply{}, noAccount(c.Path["transactionId"]) // so says the model's static case, of a transaction too
}

// destination reads the account that money is to go to.
func (w *wallet) destination(body map[string]any, from *account) (party, bool, *answer.Error) {
	const name = "destinationTransactionInstrument"
	instrument, _ := body[name].(map[string]any)
	bank, _ := instrument["bankAccount"].(map[string]any)
	p := party{
		Holder: format.Member(instrument, "accountHolderName"), Bank: format.Member(bank, "bankName"), Format: format.Member(bank, "bankAccountNumberFormat"),
		Tail: format.Member(bank, "bankAccountNumberTail"), Country: format.Member(bank, "accountCountryCode"), Currency: format.Member(bank, "accountCurrency"),
	}
	self := format.Member(bank, "bankAccountOwnershipType") == "SELF"
	if _, ok := world.Rate(from.currency, p.Currency); !ok {
		return p, self, wrong(name+".bankAccount.accountCurrency", "is none that is exchanged")
	}
	if id := cmp.Or(format.Member(body, "destinationAccountId"), format.Member(bank, "accountId")); id != "" {
		switch to := w.account(id); {
		case id == from.id:
			return p, self, wrong("destinationAccountId", "is the account that the money comes from")
		case to != nil && to.currency != p.Currency:
			return p, self, wrong(name+".bankAccount.accountCurrency", "is not the account's")
		case to != nil:
			p.Account = id
		}
	}
	return p, self, nil
}

// createTransaction notes a transaction for the seller to approve.
func createTransaction(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	source, _ := body["sourceAccountId"].(string)
	w, a, err := holding(c, source)
	if err != nil {
		return answer.Reply{}, err
	}
	amount, _ := body["sourceAmount"].(map[string]any)
	number, _ := amount["currencyAmount"].(json.Number)
	currency, _ := amount["currencyCode"].(string)
	if currency != a.currency { // the model's note on sourceAmount; the wording is getTransferPreview's
		return answer.Reply{}, wrong("sourceAmount.currencyCode", "is "+currency+", the account's is "+a.currency)
	}
	base, ok := parseAmount(number, currency)
	if !ok {
		return answer.Reply{}, wrong("sourceAmount.currencyAmount", "want more than 0, in whole units of the currency")
	}
	to, self, err := w.destination(body, a)
	if err != nil {
		return answer.Reply{}, err
	}
	if body["payeeContactInformation"] == nil && !self { // the model's note on PayeeContactInformation
		return answer.Reply{}, missing("payeeContactInformation", "required where the account is a third party's")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := &transaction{Account: a.id, To: to, Quote: w.quote(base, a.currency, to.Currency, c.Now), Requested: c.Now.UTC().Truncate(time.Millisecond)}
	t.Description, _ = body["transactionDescription"].(string)
	if given, ok := body["transferRateDetails"].(map[string]any); ok && !t.Quote.agrees(given) {
		return answer.Reply{}, wrong("transferRateDetails", "is not what getTransferPreview says of the amount today")
	}
	if w.balances(a, c.Now).available < base {
		return answer.Reply{}, unprocessable("InsufficientBalance", brokeText)
	}
	if len(w.transactions) >= mostTransactions {
		return answer.Reply{}, unprocessable("TransactionLimitExceeded", "Transaction Limit Exceeded") // code and wording assumed
	}
	r := c.Desk.Seed.Next("wallet transaction")
	t.identify(r)
	w.transactions = append(w.transactions, t)
	central := cmp.Or(c.Exchange.Base(), c.Seller.Marketplaces[0].SellerCentral)
	return answer.OK(object{"transaction": w.debit(t, c.Now), "callBackURL": central + approvalPath + t.ID}), nil
}

// identify gives a transaction its ids.
func (t *transaction) identify(r random.Source) {
	t.ID = "amzn1.transaction." + r.Text(random.Base36, 28)
	if t.To.Account != "" {
		t.CreditID = "amzn1.transaction." + r.Text(random.Base36, 28)
	}
}

// agrees tells whether a request's preview is that of the quote.
func (q quote) agrees(given map[string]any) bool {
	rate, _ := given["fxRateDetails"].(map[string]any)
	base, _ := given["baseAmount"].(map[string]any)
	number, _ := base["currencyAmount"].(json.Number)
	units, ok := parseAmount(number, q.From)
	return ok && units == q.Base && base["currencyCode"] == q.From && rate["fxRateId"] == q.ID
}

// unprocessable is a 422: code, message and details of too little money are the model's static case.
func unprocessable(code, text string) *answer.Error {
	return answer.Plain(http.StatusUnprocessableEntity, code, text).Detailed(text)
}

// approvalPath is where the seller approves a transaction: the page that callBackURL names. Where Amazon's is isn't published.
const approvalPath = "/seller-wallet/approve/"

// approval stands in for the page on which sellers approve transactions. Whoever opens it approves.
var approval = desk.Service{
	Find: func(_, host, path string) (string, bool) {
		kind := exchange.HostNamed(host).Kind
		return "", strings.HasPrefix(path, approvalPath) && (kind == exchange.OwnAddress || kind == exchange.CentralHost)
	},
	Answer: func(d *desk.Desk, x *exchange.Exchange) answer.Reply {
		id := strings.TrimPrefix(x.URL.Path, approvalPath)
		for _, a := range d.AllSellers() {
			if status, found := wallets.Of(a).approveID(id, x.Now.UTC().Truncate(time.Millisecond)); found {
				return approvalPage(http.StatusOK, "The transaction is "+status+".")
			}
		}
		return approvalPage(http.StatusNotFound, "There is no such transaction.")
	},
}

// approveID approves a transaction if it waits for that, and returns the state that it is in then; false when the wallet has none with the id.
func (w *wallet) approveID(id string, now time.Time) (status string, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.transactions, func(t *transaction) bool { return t.ID == id })
	if i < 0 {
		return "", false
	}
	w.run(now) // what was due before comes before
	t := w.transactions[i]
	if t.status(now) == pendingApproval {
		w.approve(t, w.balances(w.account(t.Account), now).available, now)
	}
	return t.status(now), true
}

func approvalPage(status int, text string) answer.Reply {
	body := fmt.Appendf(nil, "<!doctype html>\n<title>Seller Wallet</title>\n<p>%s</p>\n", text)
	return answer.Reply{Status: status, ContentType: "text/html;charset=UTF-8", Body: body}
}

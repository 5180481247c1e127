// Package sellerwallet answers for Seller Wallet: accounts with balances, transfers out of them and the schedules of such transfers.
package sellerwallet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of Seller Wallet, version 2024-03-01.
var Flow = desk.Flow{
	Checks:   map[string]desk.Check{"wallet": addsUp},
	Stores:   []desk.Keeper{wallets},
	Services: []desk.Service{approval},
	Settle: func(a *desk.Seller, now time.Time) {
		w := wallets.Of(a)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.run(now)
	},
	Early: map[string]func(*desk.Call) *answer.Error{
		"sellerwallet20240301.createTransaction":      signed,
		"sellerwallet20240301.createTransferSchedule": signed,
		"sellerwallet20240301.updateTransferSchedule": signed,
	},
	Handlers: map[string]desk.Handler{
		"sellerwallet20240301.listAccounts":              listAccounts,
		"sellerwallet20240301.getAccount":                getAccount,
		"sellerwallet20240301.listAccountBalances":       listAccountBalances,
		"sellerwallet20240301.getTransferPreview":        getTransferPreview,
		"sellerwallet20240301.listAccountTransactions":   listAccountTransactions,
		"sellerwallet20240301.createTransaction":         createTransaction,
		"sellerwallet20240301.getTransaction":            getTransaction,
		"sellerwallet20240301.listTransferSchedules":     listTransferSchedules,
		"sellerwallet20240301.createTransferSchedule":    createTransferSchedule,
		"sellerwallet20240301.updateTransferSchedule":    updateTransferSchedule,
		"sellerwallet20240301.getTransferSchedule":       getTransferSchedule,
		"sellerwallet20240301.deleteScheduleTransaction": deleteTransferSchedule,
	},
}

// pageSize is how many transactions or schedules there are on a page (the model's note on nextPageToken).
const pageSize = 100

// wallet is what a seller has: an account for each currency of its marketplaces, which follow from the seed with what is paid into them, and what
// requests have asked for.
type wallet struct {
	seller *desk.Seller

	mu           sync.Mutex
	transactions []*transaction // out of the accounts, as they were asked for
	schedules    []*schedule
	paid         map[string][]deposit // so far, by account: they follow from the seed, but a draw each is much
}

var wallets = &desk.Store[*wallet]{
	Name:   "sellerwallet",
	Create: func(a *desk.Seller) *wallet { return &wallet{seller: a, paid: map[string][]deposit{}} },
	Save: func(w *wallet) (any, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.transactions == nil && w.schedules == nil {
			return nil, nil
		}
		return walletState{w.transactions, w.schedules}, nil
	},
	Load: func(w *wallet, raw json.RawMessage) error {
		var s walletState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if slices.Contains(s.Transactions, nil) || slices.Contains(s.Schedules, nil) {
			return fmt.Errorf("null in a list")
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.transactions, w.schedules = s.Transactions, s.Schedules
		return nil
	},
}

type walletState struct {
	Transactions []*transaction `json:"transactions,omitempty"`
	Schedules    []*schedule    `json:"schedules,omitempty"`
}

// account is an account of a wallet.
type account struct {
	id       string
	currency string
	country  string // of the first marketplace with the currency
}

// accounts are those of the seller: one for each currency, which marketplaces share.
func (w *wallet) accounts() []account {
	var list []account
	for i := range w.seller.Marketplaces {
		m := &w.seller.Marketplaces[i]
		if !slices.ContainsFunc(list, func(a account) bool { return a.currency == m.Currency }) {
			list = append(list, account{ledger.Books.Of(w.seller).Wallet(m.Currency), m.Currency, m.CountryCode})
		}
	}
	return list
}

// account finds an account by its id; nil when there is none.
func (w *wallet) account(id string) *account {
	list := w.accounts()
	if i := slices.IndexFunc(list, func(a account) bool { return a.id == id }); i >= 0 {
		return &list[i]
	}
	return nil
}

// noAccount is how most operations say that there is no such account (selling-partner-api-models, sellerWallet_2024-03-01, static cases).
func noAccount(id string) *answer.Error {
	return answer.Absent("NotFound", "BankAccount not found.").Detailed("BankAccount doesn't exists for " + id)
}

// wrong is how the API refuses a value (the same, getTransferPreview); missing how it misses one.
func wrong(name, why string) *answer.Error {
	return answer.Invalid("Invalid or Missing Input Parameter.", name+": "+why).Detailed("Invalid " + name)
}

func missing(name, why string) *answer.Error {
	return answer.Invalid("Invalid or Missing Input Parameter.", name+": "+why).Detailed("Missing " + name)
}

// signed refuses requests without the signatures that go with amounts and accounts (the same, createTransaction). What they sign with is registered with
// Amazon, which the emulator doesn't know: it takes any signature.
func signed(c *desk.Call) *answer.Error {
	for _, name := range []string{"destAccountDigitalSignature", "amountDigitalSignature"} {
		if c.Exchange.Header.Get(name) == "" {
			return answer.Invalid("Invalid or Missing signature.", name+": required").Detailed("Missing " + name)
		}
	}
	return nil
}

// enter is what all handlers begin with: the wallet and the marketplace that the query names.
func enter(c *desk.Call) (*wallet, *marketplace.Marketplace, *answer.Error) {
	m, err := c.MarketplaceOf("marketplaceId", c.Query.Get("marketplaceId"))
	return wallets.Of(c.Seller), m, err
}

// holding is enter for requests about an account of the marketplace.
func holding(c *desk.Call, id string) (*wallet, *account, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return nil, nil, err
	}
	a := w.account(id)
	if a == nil || a.currency != m.Currency {
		return nil, nil, noAccount(id)
	}
	return w, a, nil
}

// object is an account as answers have it: a wallet's number and routing number are zeros (the model).
func (a *account) object(holder string) object {
	return object{
		"accountId": a.id, "accountHolderName": holder, "bankAccountNumberFormat": "BBAN", "bankName": walletName, "bankAccountOwnershipType": "SELF",
		"routingNumber": "000000000", "bankNumberFormat": "BASIC", "accountCountryCode": a.country, "accountCurrency": a.currency, "bankAccountNumberTail": "000",
		"bankAccountHolderStatus": "ACTIVE",
	}
}

const walletName = "Amazon Seller Wallet"

func listAccounts(c *desk.Call) (answer.Reply, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	list := []object{}
	for _, a := range w.accounts() {
		if a.currency == m.Currency {
			list = append(list, a.object(c.Seller.StoreName))
		}
	}
	return answer.OK(object{"accounts": list}), nil
}

func getAccount(c *desk.Call) (answer.Reply, *answer.Error) {
	_, a, err := holding(c, c.Path["accountId"])
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.OK(a.object(c.Seller.StoreName)), nil
}

func listAccountBalances(c *desk.Call) (answer.Reply, *answer.Error) {
	w, a, err := holding(c, c.Path["accountId"])
	if err != nil {
		return answer.Reply{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.balances(a, c.Now)
	list := []object{}
	for _, line := range []struct {
		kind  string
		units int
	}{{"AVAILABLE", b.available}, {"LOCKED_IN", b.lockedIn}, {"LOCKED_OUT", b.lockedOut}, {"TOTAL", b.available + b.lockedIn + b.lockedOut}} {
		list = append(list, object{
			"accountId": a.id, "balanceType": line.kind, "balanceAmount": world.Money{Units: line.units, Currency: a.currency}.Number(),
			"balanceCurrency": a.currency, "lastUpdateDate": desk.Millis(b.updated),
		})
	}
	return answer.OK(object{"balances": list}), nil
}

func getTransferPreview(c *desk.Call) (answer.Reply, *answer.Error) {
	w, _, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	q := c.Query
	from, to := q.Get("sourceCurrencyCode"), q.Get("destinationCurrencyCode")
	for _, name := range []string{"sourceCountryCode", "destinationCountryCode"} {
		if code := q.Get(name); len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
			return answer.Reply{}, wrong(name, `is "`+code+`", want two capitals`)
		}
	}
	if _, ok := world.Rate(from, from); !ok {
		return answer.Reply{}, wrong("sourceCurrencyCode", "is none that is exchanged")
	}
	if _, ok := world.Rate(from, to); !ok {
		return answer.Reply{}, wrong("destinationCurrencyCode", "is none that is exchanged")
	}
	if !slices.ContainsFunc(w.accounts(), func(a account) bool { return a.currency == from }) {
		return answer.Reply{}, noAccount(q.Get("sourceCountryCode"))
	}
	base, ok := parseAmount(json.Number(q.Get("baseAmount")), from)
	if !ok {
		return answer.Reply{}, wrong("baseAmount", "want more than 0, in whole units of the currency")
	}
	return answer.OK(w.quote(base, from, to, c.Now).object()), nil
}

// refusedToken is what is wrong with a page's token; the wording is assumed.
func refusedToken(problem error) *answer.Error { return wrong("nextPageToken", problem.Error()) }

// page answers with a page of a list, of which name is the member.
func page[T any](c *desk.Call, pg *desk.Page, name string, all []T, show func(T) object) answer.Reply {
	return answer.OK(desk.Listed(c, pg, pageSize, all, name, show, "nextPageToken"))
}

// absent is a 404 of the API about something else than an account.
func absent(message, details string) *answer.Error {
	return answer.Plain(http.StatusNotFound, "NotFound", message).Detailed(details)
}

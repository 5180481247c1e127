package ledger

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// Method is where money of a seller's can go to, or come from.
type Method struct {
	Kind   string // BANK_ACCOUNT, CARD or SELLER_WALLET
	ID     string
	Tail   string
	Expiry time.Time // of a card: its last month
}

// Methods are the seller's payment methods in a marketplace. The first, a bank account, is where payouts go to.
func (l *Ledger) Methods(m *marketplace.Marketplace) []Method {
	uuid := func(kind string) string {
		a, b := l.number("payment method", kind, m.ID, 0), l.number("payment method", kind, m.ID, 1)
		return fmt.Sprintf("0h_TU_CUS_%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&(1<<48-1))
	}
	return []Method{
		{Kind: "BANK_ACCOUNT", ID: uuid("bank"), Tail: l.AccountTail()},
		{Kind: "CARD", ID: uuid("card"), Tail: fmt.Sprintf("%04d", l.number("card")%10000), Expiry: l.seller.Created.UTC().AddDate(3, 0, 0)},
		{Kind: "SELLER_WALLET", ID: l.Wallet(m.Currency), Tail: "000"},
	}
}

// AccountTail is how the number of the seller's bank account ends.
func (l *Ledger) AccountTail() string { return fmt.Sprintf("%03d", l.number("account")%1000) }

// Wallet is the id of the account of the seller's wallet that holds a currency.
func (l *Ledger) Wallet(currency string) string {
	text := ""
	for i := range 3 { // of twelve or thirteen digits each
		text += strconv.FormatUint(l.number("wallet", currency, i)|1<<63, 36)
	}
	return "amzn1.account." + strings.ToUpper(text)[:28]
}

package finances

import (
	"fmt"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// transactionNews tells of transactions when they get into the books that listTransactions shows: so who is told finds them. That no message comes before
// that is assumed.
var transactionNews = desk.NewsSource{
	Since: func(a *desk.Seller, after, until time.Time) (list []desk.News) {
		a.World() // with which the ledger gets to know what requests do
		for _, s := range ledger.Books.Of(a).Shown(after, until) {
			list = append(list, update(a, &s.Transaction, s.At))
		}
		return list
	},
	About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		l := ledger.Books.Of(a)
		var list []ledger.Transaction
		if id := about["order"]; id != "" {
			list = l.OfOrder(id, now, false)
		} else {
			for position := -1; position != 0; {
				var page []ledger.Transaction
				page, position = l.Page(ledger.Query{From: now.AddDate(0, 0, -3), To: now, Now: now}, max(position, 0), transactionsPage)
				list = append(list, page...)
			}
		}
		if len(list) == 0 {
			return desk.News{}, fmt.Errorf("order: of %q no transaction is shown yet; listTransactions lists those that are", about["order"])
		}
		return update(a, &list[len(list)-1], now), nil
	},
}

// watch tells of what requests move: charges, and the close of a period by a payout.
func watch(a *desk.Seller, w *world.World) {
	ledger.Watch(a, w, func(at time.Time, transaction func() ledger.Transaction) {
		a.Tell(desk.News{Type: ledger.Update, At: at, Make: func() object {
			t := transaction()
			return update(a, &t, at).Payload
		}})
	})
}

// update is what is told of a transaction.
func update(a *desk.Seller, t *ledger.Transaction, at time.Time) desk.News {
	identifiers := []object{}
	for _, r := range related(t, at) {
		identifiers = append(identifiers, object{"RelatedIdentifierName": pascal(r[0]), "RelatedIdentifierValue": r[1]})
	}
	total := t.Money(t.Total())
	return desk.News{Type: ledger.Update, At: at, Payload: object{"TransactionUpdateNotification": object{
		// Standard Orders is called PAYABLE here (selling-partner-api-models, schemas/notifications, example).
		"SellingPartnerMetadata": object{"SellingPartnerId": a.ID, "MarketplaceId": t.Marketplace.ID, "AccountType": "PAYABLE"},
		"RelatedIdentifiers":     identifiers, "TransactionType": t.Type, "PostedDate": desk.Millis(t.Posted),
		"TotalAmount": object{"CurrencyAmount": total.Number(), "CurrencyCode": total.Currency},
	}}}
}

// pascal spells a name of identifiers as notifications do: ORDER_ID is OrderId there (the schema's example); that the others follow it is assumed.
func pascal(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

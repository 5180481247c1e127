// Package transfers answers for payouts: what has been paid out to the seller's bank, what will be, and payouts on demand.
package transfers

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of transfers, version 2024-06-01. What it shows and changes is the ledger's.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"transfers20240601.initiatePayout":      initiatePayout,
	"transfers20240601.listPayouts":         listPayouts,
	"transfers20240601.listExpectedPayouts": listExpectedPayouts,
	"transfers20240601.getPaymentMethods":   getPaymentMethods,
}}

const (
	// pageSize isn't published. The sums of a group take a while where there are a million orders.
	pageSize = 20
	// transitAfter is when a payout is with the bank; when it is paid is the ledger's.
	transitAfter = 4 * time.Hour
	// longest is how long a group is open at the most: two weeks.
	longest = 14 * 24 * time.Hour
	// onDemandEvery is how long the next payout on demand of the same marketplace and account type has to wait (the model).
	onDemandEvery = 24 * time.Hour
)

// stores are where payouts on demand are made (the model's note on marketplaceId).
var stores = []string{"DE", "FR", "IT", "ES", "SE", "NL", "PL", "BE"}

// initiatePayout closes the open group of a marketplace. The words of its refusals beside those about parameters are assumed.
func initiatePayout(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	id, _ := body["marketplaceId"].(string)
	m, err := c.MarketplaceOf("marketplaceId", id)
	if err != nil {
		return answer.Reply{}, err
	}
	if !slices.Contains(stores, m.CountryCode) {
		return answer.Reply{}, answer.InvalidParameter("marketplaceId", "payouts on demand are made in "+strings.Join(stores, ", "))
	}
	if body["accountType"] != ledger.StandardOrders { // the only one there (the model)
		return answer.Reply{}, answer.InvalidParameter("accountType", "want "+ledger.StandardOrders)
	}
	switch g, err := ledger.Books.Of(c.Seller).CloseEarly(m, onDemandEvery, c.Now); {
	case errors.Is(err, ledger.ErrPaidOut):
		return answer.Reply{}, refused("Only one on-demand payout can be initiated for each marketplace and account type within 24 hours.")
	case err != nil:
		return answer.Reply{}, refused("There are no funds to pay out.")
	default:
		return answer.OK(object{"payoutReferenceId": g.ID}), nil
	}
}

func refused(why string) *answer.Error {
	return answer.Invalid("The payout can't be initiated.", why).Detailed(why)
}

// chosen are the marketplaces that a list is about; nil for an account type that nobody has.
func chosen(c *desk.Call, pg *desk.Page) ([]*marketplace.Marketplace, *answer.Error) {
	if kind := pg.Arg("accountType"); kind != "" && kind != ledger.StandardOrders {
		return nil, nil
	}
	var list []*marketplace.Marketplace
	for i := range c.Seller.Marketplaces {
		if m := &c.Seller.Marketplaces[i]; world.Among(pg.Args["marketplaceIds"], m.ID) {
			list = append(list, m)
		}
	}
	for _, id := range pg.Args["marketplaceIds"] {
		if _, err := c.MarketplaceOf("marketplaceIds", id); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// listPayouts lists what has been paid out, one marketplace after the other, the newest first (the model).
func listPayouts(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextToken", problem.Error())
	}
	markets, err := chosen(c, pg)
	if err != nil {
		return answer.Reply{}, err
	}
	after, _ := format.ParseTime(pg.Arg("createdAfter"))
	before, limited := format.ParseTime(pg.Arg("createdBefore"))
	books := ledger.Books.Of(c.Seller)
	var found []ledger.Group
	for _, m := range markets {
		for _, g := range books.Periods(m, after.Add(-longest), pg.AsOf.Add(time.Second), pg.AsOf) {
			if g.Closed && !g.End.Before(after) && (!limited || g.End.Before(before)) && world.Same(pg.Arg("payoutId"), g.ID) {
				found = append(found, g)
			}
		}
	}
	part, more := desk.Cut(found, pg.Start, pageSize)
	list := []object{}
	for _, g := range part {
		for _, whole := range books.Groups(g.Marketplace, g.Start, g.Start.Add(time.Second), c.Now) {
			list = append(list, payout(c, &whole, pg.AsOf))
		}
	}
	answered := object{"payouts": list}
	if more {
		answered["nextToken"] = c.Token(pg, pg.Start+pageSize)
	}
	return answer.OK(answered), nil
}

func partner(c *desk.Call, g *ledger.Group) object {
	return object{"partnerId": c.Seller.ID, "accountType": g.AccountType, "marketplaceId": g.Marketplace.ID}
}

func settlement(g *ledger.Group) []object {
	return []object{{"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": g.SettlementID}}
}

// payout is what a closed group was paid out as. One that comes to nothing, or less, isn't.
func payout(c *desk.Call, g *ledger.Group, now time.Time) object {
	history := []object{}
	status := ""
	reach := func(name string, at time.Time) {
		if !at.After(now) {
			status = name
			history = append(history, object{"status": name, "lastUpdatedDate": format.Timestamp(at)})
		}
	}
	p := object{
		"id": g.ID, "partnerMetadata": partner(c, g), "creationDate": format.Timestamp(g.End), "relatedIdentifiers": settlement(g),
		"period": object{"startDate": format.Timestamp(g.Start), "endDate": format.Timestamp(g.End)},
	}
	if g.FundTransfer.IsZero() {
		reach("NO_PAYOUT", g.End)
	} else {
		reach("STARTED", g.End)
		reach("IN_TRANSIT", g.End.Add(transitAfter))
		reach("PAID", g.FundTransfer)
		p["type"] = map[bool]string{true: "ON_DEMAND", false: "SCHEDULED"}[g.OnDemand]
		p["amount"] = object{"currencyCode": g.Total.Currency, "currencyAmount": g.Total.Number()}
		p["accountTail"], p["paymentMethod"] = g.AccountTail, "BANK_ACCOUNT"
		if g.TraceID != "" && status == "PAID" {
			p["traceId"] = g.TraceID
		}
	}
	p["currentStatus"], p["statusHistory"] = status, history
	return p
}

// listExpectedPayouts tells what the open groups would come to if they closed now.
func listExpectedPayouts(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextToken", problem.Error())
	}
	markets, err := chosen(c, pg)
	if err != nil {
		return answer.Reply{}, err
	}
	part, more := desk.Cut(markets, pg.Start, pageSize)
	list := []object{}
	for _, m := range part {
		g := ledger.Books.Of(c.Seller).Open(m, c.Now)
		e := object{
			"partnerMetadata": partner(c, &g), "status": "NO_PAYOUT_EXPECTED", "scheduledDate": format.Timestamp(g.End), "relatedIdentifiers": settlement(&g),
			"period": object{"startDate": format.Timestamp(g.Start), "endDate": format.Timestamp(g.End)}, "accountTail": g.AccountTail, "paymentMethod": "BANK_ACCOUNT",
		}
		if g.Total.Units > 0 {
			e["status"], e["amount"] = "SCHEDULED", object{"currencyCode": g.Total.Currency, "currencyAmount": g.Total.Number()}
		}
		list = append(list, e)
	}
	body := object{"expectedPayouts": list}
	if more {
		body["nextToken"] = c.Token(pg, pg.Start+pageSize)
	}
	return answer.OK(body), nil
}

// getPaymentMethods lists the seller's bank account, where payouts go, a card and the wallet.
func getPaymentMethods(c *desk.Call) (answer.Reply, *answer.Error) {
	m, err := c.MarketplaceOf("marketplaceId", c.Query.Get("marketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	list := []object{}
	for i, method := range ledger.Books.Of(c.Seller).Methods(m) {
		if !world.Among(c.Query["paymentMethodTypes"], method.Kind) {
			continue
		}
		o := object{
			"accountHolderName": c.Seller.StoreName, "paymentMethodId": method.ID, "paymentMethodType": method.Kind, "tail": method.Tail, "countryCode": m.CountryCode,
		}
		if !method.Expiry.IsZero() {
			o["expiryDate"] = object{"month": strconv.Itoa(int(method.Expiry.Month())), "year": strconv.Itoa(method.Expiry.Year())}
		}
		if i == 0 {
			o["assignmentType"] = "DEFAULT_DEPOSIT_METHOD"
		}
		list = append(list, o)
	}
	return answer.OK(object{"paymentMethods": list}), nil
}

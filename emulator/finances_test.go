package emulator

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// addFinanceRequests add requests for all that the ledger has.
func addFinanceRequests(e *Emulator, add func(id, target, body string)) {
	const v0, v2024 = "/finances/v0/", "/finances/2024-06-19/"
	now := e.Now()
	since := now.Add(-100 * world.Day).UTC().Format(time.RFC3339)
	a := e.desk.Seller(0)
	l := ledger.Books.Of(a)
	for i, kind := range []string{"PostageBilling", "FBAInventoryReimbursement", "Chargeback", "GuaranteeClaim", "SAFETReimbursement", "AdvertisingFee", "CouponPerformanceFee", "RecommerceLiquidation", "GoodwillConcession"} {
		c := world.Charge{ID: kind, Kind: kind, At: now.Add(-time.Hour), Item: -1, Marketplace: a.Marketplaces[0].ID, Amount: world.Money{Units: 199, Currency: "USD"}, Reference: "R"}
		for o := range a.World().All(now.Add(-20*world.Day), now.Add(-10*world.Day)) {
			if i > 0 && o.Marketplace.ID == c.Marketplace && o.Status(now) == world.Shipped {
				c.OrderID, c.Item = o.ID, 0
			}
		}
		a.World().Charge(c)
	}
	add("finances20240619.listTransactions", v2024+"transactions?postedAfter="+since, "")
	add("finances20240619.listBalances", v2024+"balances", "")
	add("finances20240619.listBalances", v2024+"balances?balanceType=RESERVED&marketplaceIds=ATVPDKIKX0DER", "")
	add("finances20240619.listSummary", v2024+"summary?periodStart=2026-01-01&periodEnd=2026-02-01", "")
	add("financesv0.listFinancialEventGroups", v0+"financialEventGroups?FinancialEventGroupStartedAfter="+since+"&MaxResultsPerPage=100", "")
	add("financesv0.listFinancialEvents", v0+"financialEvents?PostedAfter="+since, "")
	for i := range a.Marketplaces {
		for _, g := range l.Groups(&a.Marketplaces[i], now.Add(-60*world.Day), now, now) {
			add("financesv0.listFinancialEventsByGroupId", v0+"financialEventGroups/"+g.ID+"/financialEvents?MaxResultsPerPage=10", "")
			add("finances20240619.listTransactions", v2024+"transactions?relatedIdentifierName=FINANCIAL_EVENT_GROUP_ID&relatedIdentifierValue="+g.ID, "")
			add("finances20240619.listSummary", v2024+"summary?relatedIdentifierName=SETTLEMENT_ID&relatedIdentifierValue="+g.SettlementID, "")
		}
	}
	for o := range a.World().All(now.Add(-20*world.Day), now) {
		add("financesv0.listFinancialEventsByOrderId", v0+"orders/"+o.ID+"/financialEvents", "")
		add("finances20240619.listTransactions", v2024+"transactions?relatedIdentifierName=ORDER_ID&relatedIdentifierValue="+o.ID, "")
	}
}

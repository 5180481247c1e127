// Package productfees answers for product fees.
package productfees

import (
	"encoding/json"
	"math"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of product fees.
var Flow = desk.Flow{News: news, Stores: []desk.Keeper{promotionStore}, Handlers: map[string]desk.Handler{
	"productfeesv0.getMyFeesEstimateForSKU":  feesEstimate("SellerSKU", "SellerSKU"),
	"productfeesv0.getMyFeesEstimateForASIN": feesEstimate("ASIN", "Asin"),
	"productfeesv0.getMyFeesEstimates":       feesEstimates,
}}

// What optional programmes of fulfilment by Amazon do to the tariff, which is the ledger's: FBA_SNL takes 30 % off the fees of items of up to 12
// dollars; FBA_EFN, in Europe only, adds half of them.
const (
	smallLightMaxUSD  = 1200
	smallLightPercent = 70
	europeanPercent   = 150
)

// feesEstimate is the handler of an operation for one item. What is wrong with the request is told in a 200
// (selling-partner-api-models#2545).
func feesEstimate(idType, parameter string) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		body, _ := c.Body.(map[string]any)
		request, _ := body["FeesEstimateRequest"].(map[string]any)
		if request == nil {
			return answer.Reply{}, answer.MissingMember("FeesEstimateRequest", "required")
		}
		return answer.Payload(object{"FeesEstimateResult": feesResult(c, idType, c.Path[parameter], request)}), nil
	}
}

// maxFeesEstimates is how many items a request may have (developer-docs.amazon.com/sp-api/docs/product-fees-api-v0-use-case-guide).
const maxFeesEstimates = 20

// feesEstimates answers with a bare array, one entry for each item.
func feesEstimates(c *desk.Call) (answer.Reply, *answer.Error) {
	list, _ := c.Body.([]any)
	if len(list) == 0 || len(list) > maxFeesEstimates {
		return answer.Reply{}, answer.InvalidParameter("body", "has "+format.Number(float64(len(list)))+" elements, want 1 to 20")
	}
	results := make([]format.Record, len(list))
	for i, entry := range list {
		m, _ := entry.(map[string]any)
		idType, _ := m["IdType"].(string)
		id, _ := m["IdValue"].(string)
		request, _ := m["FeesEstimateRequest"].(map[string]any)
		results[i] = feesResult(c, idType, id, request)
	}
	return answer.OK(results), nil
}

// feesResult is the entry of one item: an estimate, or an error of its own.
func feesResult(c *desk.Call, idType, id string, request map[string]any) format.Record {
	identifier := object{"SellerId": c.Seller.ID, "IdType": idType, "IdValue": id}
	// What was asked for is repeated.
	for from, to := range map[string]string{
		"MarketplaceId": "MarketplaceId", "IsAmazonFulfilled": "IsAmazonFulfilled", "PriceToEstimateFees": "PriceToEstimateFees",
		"Identifier": "SellerInputIdentifier", "OptionalFulfillmentProgram": "OptionalFulfillmentProgram",
	} {
		if v := request[from]; v != nil {
			identifier[to] = v
		}
	}
	estimate := fees(c, idType, id, request)
	if estimate == nil {
		// sic, and always the same: selling-partner-api-models#2545, #2732
		return format.Record{{"Status", "ClientError"}, {"FeesEstimateIdentifier", identifier}, {"Error", format.Record{
			{"Type", "Sender"}, {"Code", "InvalidParameterValue"}, {"Message", "There is an client-side error. Please verify your inputs."}, {"Detail", []object{}},
		}}}
	}
	return format.Record{{"Status", "Success"}, {"FeesEstimateIdentifier", identifier}, {"FeesEstimate", estimate}}
}

// fees computes the estimate; nil when the request makes none possible: an item or marketplace that isn't there, another currency than the
// marketplace's, no price (selling-partner-api-models#479), a programme that doesn't fit.
func fees(c *desk.Call, idType, id string, request map[string]any) format.Record {
	marketplaceID, _ := request["MarketplaceId"].(string)
	m, err := c.MarketplaceOf("MarketplaceId", marketplaceID)
	if err != nil {
		return nil
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	var p *world.Product
	if idType == "ASIN" {
		p = w.ProductByASIN(id)
	} else if l := w.Listing(id); l != nil {
		p = l.Product
	}
	asked, _ := request["PriceToEstimateFees"].(map[string]any)
	price, okPrice := MoneyFromV0(asked["ListingPrice"], m, false)
	shipping, okShipping := MoneyFromV0(asked["Shipping"], m, true)
	points, _ := asked["Points"].(map[string]any)
	discount, okPoints := MoneyFromV0(points["PointsMonetaryValue"], m, true)
	if p == nil || !okPrice || !okShipping || !okPoints || price.Units <= 0 {
		return nil
	}
	tariff := 0
	program, _ := request["OptionalFulfillmentProgram"].(string)
	if byAmazon := request["IsAmazonFulfilled"] == true || request["IsAmazonFulfilled"] == "true"; byAmazon {
		tariff = 100
		switch program {
		case "FBA_SNL":
			if price.Units > world.PriceIn(smallLightMaxUSD, m).Units {
				return nil
			}
			tariff = smallLightPercent
		case "FBA_EFN":
			if m.Region != marketplace.Europe {
				return nil
			}
			tariff = europeanPercent
		}
	} else if program != "" {
		return nil // only for offers that Amazon fulfils: the model's note
	}
	fees := estimate(p, m, price.Units+shipping.Units-discount.Units, tariff, promotionOf(c.Seller, m.ID, p.ASIN, c.Now))
	details := make([]format.Record, len(fees))
	for i, f := range fees {
		details[i] = f.detail(m.Currency)
	}
	// Times have milliseconds here (selling-partner-api-models#272).
	return format.Record{
		{"TimeOfFeesEstimation", desk.Millis(c.Now)},
		{"TotalFeesEstimate", desk.MoneyNumber(world.Money{Units: total(fees), Currency: m.Currency})},
		{"FeeDetailList", details},
	}
}

// fee is one of an item, with what a promotion takes off it, in the smallest units of the marketplace's currency.
type fee struct {
	kind        string
	amount, off int
	included    []fee // that add up to it
}

func (f fee) final() int { return f.amount - f.off }

func total(fees []fee) (sum int) {
	for _, f := range fees {
		sum += f.final()
	}
	return sum
}

const referralFee = "ReferralFee"

// estimate are the fees of an item of which a buyer pays a base. tariff is how many per cent of its tariff Amazon takes for fulfilling it, 0 where the merchant
// does; promo lowers the referral fee, nil doesn't.
func estimate(p *world.Product, m *marketplace.Marketplace, base, tariff int, promo *Promotion) []fee {
	referral := ledger.Referral(p, base, 1, m)
	fees := []fee{{kind: referralFee, amount: referral, off: promo.off(referral, m.Currency)}, {kind: "VariableClosingFee"}, {kind: "PerItemFee"}}
	if tariff > 0 {
		pick, weight := ledger.FulfillmentCents(p)
		parts := []fee{
			{kind: "FBAPickAndPack", amount: world.PriceIn(pick*tariff/100, m).Units},
			{kind: "FBAWeightHandling", amount: world.PriceIn(weight*tariff/100, m).Units},
		}
		fees = append(fees, fee{kind: "FBAFees", amount: parts[0].amount + parts[1].amount, included: parts})
	}
	return fees
}

func (f fee) detail(currency string) format.Record {
	money := func(units int) format.Record { return desk.MoneyNumber(world.Money{Units: units, Currency: currency}) }
	var list any
	if f.included != nil {
		included := make([]format.Record, len(f.included))
		for i, part := range f.included {
			included[i] = part.detail(currency)
		}
		list = included
	}
	return format.Record{
		{"FeeType", f.kind}, {"FeeAmount", money(f.amount)}, {"FinalFee", money(f.final())}, {"FeePromotion", money(f.off)}, {"IncludedFeeDetailList", list},
	}
}

// MoneyFromV0 reads an amount in the marketplace's currency; false when it is none. One that may be missing is then 0.
func MoneyFromV0(v any, m *marketplace.Marketplace, optional bool) (world.Money, bool) {
	if v == nil {
		return world.Money{Units: 0, Currency: m.Currency}, optional
	}
	fields, _ := v.(map[string]any)
	var amount float64
	var err error
	switch n := fields["Amount"].(type) {
	case json.Number:
		amount, err = n.Float64()
	case string: // the real service reads numbers from strings, too
		amount, err = json.Number(n).Float64()
	default:
		return world.Money{}, false
	}
	units := math.Round(amount * math.Pow10(world.Decimals(m.Currency)))
	if err != nil || fields["CurrencyCode"] != m.Currency || units < 0 || units > 1e12 {
		return world.Money{}, false
	}
	return world.Money{Units: int(units), Currency: m.Currency}, true
}

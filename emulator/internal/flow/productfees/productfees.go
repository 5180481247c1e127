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
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
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
	referral := ledger.Referral(p, price.Units+shipping.Units-discount.Units, 1, m)
	fees := []format.Record{
		feeDetail("ReferralFee", world.Money{Units: referral, Currency: m.Currency}, nil),
		feeDetail("VariableClosingFee", world.Money{Units: 0, Currency: m.Currency}, nil),
		feeDetail("PerItemFee", world.Money{Units: 0, Currency: m.Currency}, nil),
	}
	total := referral
	program, _ := request["OptionalFulfillmentProgram"].(string)
	if byAmazon := request["IsAmazonFulfilled"] == true || request["IsAmazonFulfilled"] == "true"; byAmazon {
		pick, weight := ledger.FulfillmentCents(p)
		factor := 100
		switch program {
		case "FBA_SNL":
			if price.Units > world.PriceIn(smallLightMaxUSD, m).Units {
				return nil
			}
			factor = smallLightPercent
		case "FBA_EFN":
			if m.Region != marketplace.Europe {
				return nil
			}
			factor = europeanPercent
		}
		pickFee, weightFee := world.PriceIn(pick*factor/100, m), world.PriceIn(weight*factor/100, m)
		sum := world.Money{Units: pickFee.Units + weightFee.Units, Currency: m.Currency}
		fees = append(fees, feeDetail("FBAFees", sum, []format.Record{
			feeDetail("FBAPickAndPack", pickFee, nil), feeDetail("FBAWeightHandling", weightFee, nil),
		}))
		total += sum.Units
	} else if program != "" {
		return nil // only for offers that Amazon fulfils: the model's note
	}
	// Times have milliseconds here (selling-partner-api-models#272).
	return format.Record{
		{"TimeOfFeesEstimation", desk.Millis(c.Now)},
		{"TotalFeesEstimate", desk.MoneyNumber(world.Money{Units: total, Currency: m.Currency})},
		{"FeeDetailList", fees},
	}
}

func feeDetail(kind string, amount world.Money, included []format.Record) format.Record {
	var list any
	if included != nil {
		list = included
	}
	return format.Record{
		{"FeeType", kind}, {"FeeAmount", desk.MoneyNumber(amount)}, {"FinalFee", desk.MoneyNumber(amount)},
		{"FeePromotion", desk.MoneyNumber(world.Money{Units: 0, Currency: amount.Currency})}, {"IncludedFeeDetailList", list},
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

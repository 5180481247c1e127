package ledger

import (
	"math"
	"slices"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The tariff is the emulator's own: of the shape of Amazon's, and simple enough to be computed by hand. Amounts are in US cents and are
// converted like prices. What is estimated by it is what is charged.
//
//   - Referral fee: 15 % of price and shipping less points, lamps 12 %, scissors and staplers 10 %; at least 30 cents for each unit.
//   - Variable closing fee and per-item fee: 0, for the seller has a professional plan and sells no media.
//   - With fulfilment by Amazon, picking and packing by size and weight handling by weight. An item of up to 450 g whose sides are up to
//     380, 300 and 20 mm is small (306 cents), up to 9,000 g and 460, 360 and 200 mm standard (371 cents), else large (961 cents).
//     Weight handling is 19 cents for each 100 g begun above 450 g.
//   - Storage: 78 cents a month for each cubic foot, from October to December 240. The professional plan: 39.99 dollars a month.
//   - A refund keeps 20 % of the referral fee that is returned, at most 5 dollars.
const (
	ReferralMinimum = 30
	freeGrams       = 450
	weightStepGrams = 100
	weightStepCents = 19
	subscription    = 3999
	storage         = 78
	storageInAutumn = 240
	cubicFoot       = 28_316_847 // cubic millimetres
	refundPercent   = 20
	mostRefundCents = 500
	reserveCents    = 1000
	usualReferral   = 15
)

var referralPercents = map[string]int{"LAMP": 12, "SCISSORS": 10, "STAPLER": 10}

// ReferralPercent is the referral fee of a product type, in per cent.
func ReferralPercent(productType string) int {
	if percent, ok := referralPercents[productType]; ok {
		return percent
	}
	return usualReferral
}

// Referral is the referral fee on an amount that a buyer pays for some units.
func Referral(p *world.Product, base, units int, m *marketplace.Marketplace) int {
	return max((max(base, 0)*ReferralPercent(p.Kind.Type)+50)/100, units*world.PriceIn(ReferralMinimum, m).Units)
}

// sizeTiers are ascending: the first one into which an item fits counts.
var sizeTiers = []struct {
	grams int
	sides [3]int // millimetres, longest first
	cents int
}{
	{450, [3]int{380, 300, 20}, 306},
	{9000, [3]int{460, 360, 200}, 371},
	{math.MaxInt, [3]int{math.MaxInt, math.MaxInt, math.MaxInt}, 961},
}

// FulfillmentCents are the fees of one unit that Amazon sends.
func FulfillmentCents(p *world.Product) (pick, weight int) {
	sides := p.Millimeters
	slices.SortFunc(sides[:], func(a, b int) int { return b - a })
	for _, t := range sizeTiers {
		if p.Grams <= t.grams && sides[0] <= t.sides[0] && sides[1] <= t.sides[1] && sides[2] <= t.sides[2] {
			pick = t.cents
			break
		}
	}
	if p.Grams > freeGrams {
		weight = (p.Grams - freeGrams + weightStepGrams - 1) / weightStepGrams * weightStepCents
	}
	return pick, weight
}

// Fulfillment is what Amazon takes for sending one unit in a marketplace.
func Fulfillment(p *world.Product, m *marketplace.Marketplace) int {
	pick, weight := FulfillmentCents(p)
	return world.PriceIn(pick, m).Units + world.PriceIn(weight, m).Units
}

package promotions

import (
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// A seller has a promotion every ten days in each marketplace, also some from before the emulator began. Each is made a week before it begins and
// runs for two. All of it follows from the seed and the clock: nothing is kept.
const (
	every  = 10 * world.Day
	notice = 7 * world.Day
	runs   = 14 * world.Day
	past   = 12 // promotions before the seller was added
)

// promotion is one promotion of a seller.
type promotion struct {
	m           *marketplace.Marketplace
	id          string
	trackingID  string
	selectionID string
	title       string
	kind        string // PromotionType
	coupon      string // CouponType; "" for others
	catalog     bool   // is for all that the seller has
	items       []*world.Product
	percent     int
	created     time.Time
	prime       bool
	missing     int // item that can't be had; -1: none

	published revision
	latest    *revision // that has been refused; nil: the published one is the latest
}

// revision is one version of a promotion.
type revision struct {
	number     int
	status     string
	start, end time.Time
	updated    time.Time
}

// kinds come one after the other.
var kinds = []string{"COUPON", "DEAL", "PRICE_DISCOUNT", "BASKET_BUILDING"}

// promotionsIn are those that have been made by a time, the oldest first.
func promotionsIn(a *desk.Seller, m *marketplace.Marketplace, now time.Time) []*promotion {
	first := a.Created.UTC().Truncate(world.Day).Add(-past * every)
	var list []*promotion
	w := a.World()
	for i := 0; ; i++ {
		p := newPromotion(a, w, m, i, first.Add(time.Duration(i)*every), now)
		if p.created.After(now) {
			return list
		}
		list = append(list, p)
	}
}

// newPromotion makes the i-th promotion, which begins at start, as it is at a time.
func newPromotion(a *desk.Seller, w *world.World, m *marketplace.Marketplace, i int, start, now time.Time) *promotion {
	r := a.Desk.Seed.Of("promotion", a.Number, m.ID, i)
	p := &promotion{m: m, id: r.UUID(), selectionID: r.UUID(), kind: kinds[i%len(kinds)],
		percent: 5 * r.Between(1, 6), created: start.Add(-notice), prime: r.Chance(4), missing: -1}
	p.trackingID = "v1-" + p.id
	zone, err := m.Location()
	if err == nil { // a promotion begins when the store's day does
		start = time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, zone)
	}
	switch p.kind {
	case "COUPON":
		p.coupon = random.Pick(r, []string{"STANDARD", "SUBSCRIBE_AND_SAVE", "REORDER_REWARDS"})
	case "BASKET_BUILDING":
		p.catalog = r.Chance(2)
	}
	p.title = strconv.Itoa(p.percent) + "% off, " + start.Format("January 2006")
	if !p.catalog {
		n := min(r.Between(1, 30), len(w.Products))
		from := r.IntN(len(w.Products))
		for k := range n {
			p.items = append(p.items, w.Products[(from+k)%len(w.Products)])
		}
		if r.Chance(3) {
			p.missing = r.IntN(n)
		}
	}
	p.published = revision{number: 1, start: start, end: start.Add(runs - time.Second), updated: p.created.Add(time.Hour)}
	p.published.status = p.status(i%11 == 4, i%11 == 9, now)
	if edited := p.created.Add(2 * world.Day); i%6 == 1 && !edited.After(now) && p.published.status != "FAILED" {
		p.latest = &revision{number: 2, status: "FAILED", start: start, end: p.created.Add(-world.Day), updated: edited}
	}
	return p
}

// status is how far a promotion is: an hour after it was made it is ready or has failed, and some are cancelled before they begin.
func (p *promotion) status(failed, cancelled bool, now time.Time) string {
	switch {
	case now.Before(p.published.updated):
		p.published.updated = p.created
		return "PROCESSING"
	case failed:
		return "FAILED"
	case cancelled && !now.Before(p.published.start.Add(-world.Day)):
		p.published.updated = p.published.start.Add(-world.Day)
		return "CANCELLED"
	case now.Before(p.published.start):
		return "UPCOMING"
	case !now.After(p.published.end):
		return "RUNNING"
	}
	return "EXPIRED"
}

// object is a promotion as answers have it. details are for a single promotion, which may show what its selection holds.
func (p *promotion) object(included []string, details bool) object {
	issues, items := slices.Contains(included, "ISSUES"), slices.Contains(included, "SELECTION")
	body := p.attributes(&p.published)
	body["status"] = p.published.status
	if details && items && !p.catalog {
		body["selection"].(object)["selectionDetails"] = p.details(p.items, issues)
	}
	if issues {
		list := []object{}
		if p.published.status == "FAILED" {
			list = append(list, issue("PROMOTION_NOT_ELIGIBLE", "The promotion was refused.")) // code and wording assumed
		}
		body["issues"] = list
	}
	if slices.Contains(included, "CUSTOMER_SEGMENTS") && p.prime {
		body["customerSegments"] = []object{{"segmentType": "PROGRAM", "segmentId": "PRIME_EXCLUSIVE"}}
	}
	if p.latest != nil {
		latest := p.attributes(p.latest)
		latest["revisionStatus"] = p.latest.status
		if issues {
			latest["issues"] = []object{issue("INVALID_SCHEDULE", "The promotion would end before it begins.")} // wording assumed
		}
		body["latestRevision"] = latest
	}
	return body
}

func issue(code, message string) object {
	return object{"code": code, "message": message, "severity": "ERROR"}
}

// attributes are those that all revisions have.
func (p *promotion) attributes(r *revision) object {
	body := object{
		"promotionId": p.id, "trackingId": p.trackingID, "marketplaceId": p.m.ID, "promotionTitle": p.title,
		"promotionType": p.kind, "selection": p.selection(r.number),
		"schedule":    object{"startDate": world.InZone(p.m, r.start), "endDate": world.InZone(p.m, r.end)},
		"createdDate": world.InZone(p.m, p.created), "lastUpdatedDate": world.InZone(p.m, r.updated), "merchandising": object{"displayOnWebsite": "ALLOWED"},
	}
	switch p.kind {
	case "COUPON":
		body["couponType"] = p.coupon
		body["budget"] = object{"type": "AMOUNT", "value": world.PriceIn(50000, p.m).Number(), "currencyCode": p.m.Currency}
		body["benefit"] = object{"discount": p.discount(), "perCustomerUses": 1, "stacking": "NOT_ALLOWED"}
		fee := world.PriceIn(250, p.m)
		body["feeSnapshot"] = object{"previewedFeeRates": object{
			"upfrontFee":  object{"rate": object{"amount": world.PriceIn(500, p.m).Number(), "currencyCode": fee.Currency}, "frequency": "ONE_TIME"},
			"variableFee": object{"salesPercentage": 2.5},
		}}
	case "BASKET_BUILDING":
		body["budget"] = object{"type": "UNITS", "value": 500}
		body["benefit"] = object{"discount": p.discount(), "benefitQuantity": 1, "perCustomerUses": 1, "stacking": "ALLOWED"}
		body["purchaseRequirements"] = object{"selection": p.selection(r.number), "condition": object{"quantityThreshold": object{"type": "AT_LEAST", "quantity": 2}}}
	}
	return body
}

func (p *promotion) discount() object {
	return object{"type": "PERCENTAGE_OFF", "percentOff": p.percent}
}

// selection names the items without showing them.
func (p *promotion) selection(revision int) object {
	if p.catalog {
		return object{"type": "CATALOG"}
	}
	return object{"type": "ITEMS", "selectionId": p.selectionID, "revisionId": revision}
}

// details are the items of a selection, with what each costs where the promotion is the items' own.
func (p *promotion) details(items []*world.Product, issues bool) object {
	list, problems := []object{}, []object{}
	for _, product := range items {
		item := object{"asin": product.ASIN, "sku": product.SKU}
		switch p.kind {
		case "DEAL":
			price := world.PriceIn(product.Cents, p.m)
			price.Units = max(price.Units*(100-p.percent)/100, 1)
			item["benefit"] = object{"type": "FIXED_PRICE", "price": object{"amount": price.Number(), "currencyCode": price.Currency}}
			item["budget"] = object{"type": "UNITS", "value": 50}
		case "PRICE_DISCOUNT":
			item["benefit"] = object{"type": "DISCOUNTED_PRICE", "discount": p.discount(), "perCustomerUses": 1}
		}
		list = append(list, item)
		if p.missing >= 0 && p.items[p.missing] == product {
			problem := issue("PRODUCT_NOT_AVAILABLE", "The product is not available.") // wording assumed
			problem["identifier"] = object{"asin": product.ASIN, "sku": product.SKU}
			problems = append(problems, problem)
		}
	}
	details := object{"items": list}
	if issues {
		details["issues"] = problems
	}
	return details
}

package emulator

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// submission is what became of something submitted to a listing, by listings items or by a feed.
type submission struct {
	issues  []listingIssue
	product *product // the item of the catalogue that the listing is, or would be, an offer of; nil when there is none yet
}

// valid tells whether it can be, or was, carried out.
func (s *submission) valid() bool {
	return !slices.ContainsFunc(s.issues, func(i listingIssue) bool { return i.severity == "ERROR" })
}

func (s *submission) add(p problem, attributeName string, m *marketplace.Marketplace) {
	i := listingIssue{code: p.code, message: p.message, severity: "ERROR", categories: []string{p.category}, attributes: []string{attributeName}}
	if m != nil {
		i.marketplaceID = m.ID
	}
	if !slices.ContainsFunc(s.issues, func(o listingIssue) bool {
		return o.code == i.code && o.message == i.message && o.attributes[0] == attributeName
	}) {
		s.issues = append(s.issues, i)
	}
}

func notSupplied(name string) problem {
	return problem{"90220", "'" + name + "' is required but not supplied.", "MISSING_ATTRIBUTE"}
}

// patch is one operation of patchListingsItem: op is add, replace, merge or delete; name is that of an attribute.
type patch struct {
	op, name string
	value    []any
}

// put creates a listing in a marketplace, or replaces what it has there. With preview it only checks. The caller holds w.mu for
// writing, as for all below.
func (w *world) put(sku, productType, requirements string, attributes map[string]any, m *marketplace.Marketplace, preview bool, now time.Time) submission {
	markets := []*marketplace.Marketplace{m}
	d := w.draft(sku)
	var s submission
	if !knownType(productType) {
		s.add(invalidValue("product_type"), "product_type", m)
		return s
	}
	if d.productType == "" || productType != generalType {
		d.productType = productType
	}
	if requirements == "" {
		requirements = "LISTING"
	}
	for i := range listingAttributes {
		a := &listingAttributes[i]
		if a.of(productType) && a.in(requirements) {
			if _, given := attributes[a.name]; !given && a.required {
				s.add(notSupplied(a.name), a.name, m)
			}
			d.change(a, "delete", nil, markets)
		}
	}
	for name := range sortedKeys(attributes) {
		value, isList := attributes[name].([]any)
		if !isList {
			s.add(unknownAttribute, name, m)
			continue
		}
		w.submit(&s, d, patch{"replace", name, value}, markets)
	}
	w.finish(&s, d, requirements, markets, preview, now)
	return s
}

// patch changes single attributes of a listing in some marketplaces; found tells whether there is one.
func (w *world) patch(sku, productType string, patches []patch, markets []*marketplace.Marketplace, preview bool, now time.Time) (s submission, found bool) {
	if l := w.listing(sku); l == nil || !slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return l.in(m.ID) }) {
		return s, false
	}
	d := w.draft(sku)
	if !knownType(productType) {
		s.add(invalidValue("product_type"), "product_type", markets[0])
		return s, true
	}
	for _, p := range patches {
		w.submit(&s, d, p, markets)
	}
	for i := range listingAttributes {
		a := &listingAttributes[i]
		if !a.required || !d.submitted[a.name] {
			continue
		}
		list, _ := d.attributes[a.name].([]any)
		for _, m := range markets {
			if !slices.ContainsFunc(list, func(v any) bool { return !a.byMarketplace() || member(v, "marketplace_id") == m.ID }) {
				s.add(notSupplied(a.name), a.name, m)
			}
		}
	}
	w.finish(&s, d, "", markets, preview, now)
	return s, true
}

// remove takes a listing out of a marketplace, and away altogether with the last one; false when it is not there.
func (w *world) remove(sku string, m *marketplace.Marketplace, now time.Time) bool {
	l := w.listing(sku)
	if l == nil || !l.in(m.ID) {
		return false
	}
	d := w.draft(sku)
	for i := range listingAttributes {
		if a := &listingAttributes[i]; a.byMarketplace() {
			d.change(a, "delete", nil, []*marketplace.Marketplace{m})
		}
	}
	next := *l
	next.markets = maps.Clone(l.markets)
	delete(next.markets, m.ID)
	next.offers = maps.Clone(l.offers)
	delete(next.offers, m.ID)
	next.attributes = d.rest()
	next.deleted = len(next.markets) == 0
	*l = next
	w.putListing(l, now)
	return true
}

// draft is a listing's attributes while they are being changed.
type draft struct {
	old         *listing // nil for a new one
	sku         string
	productType string
	attributes  map[string]any
	submitted   map[string]bool
}

func (w *world) draft(sku string) *draft {
	d := &draft{sku: sku, attributes: map[string]any{}, submitted: map[string]bool{}}
	if l := w.listing(sku); l != nil {
		d.old, d.productType = l, l.productType
		b, err := json.Marshal(w.attributesOf(l))
		if err != nil {
			panic("emulator: attributes: " + err.Error())
		}
		v, _ := decodeJSON(b) // as requests bring them: numbers as json.Number
		d.attributes = v.(map[string]any)
	}
	return d
}

// rest is what a listing keeps as attributes: all but those that it keeps otherwise.
func (d *draft) rest() map[string]any {
	rest := maps.Clone(d.attributes)
	delete(rest, "purchasable_offer")
	delete(rest, "fulfillment_availability")
	return rest
}

// submit checks one change of an attribute and makes it in the draft.
func (w *world) submit(s *submission, d *draft, p patch, markets []*marketplace.Marketplace) {
	a := attributeOf(d.productType, p.name)
	if a == nil {
		s.add(unknownAttribute, p.name, markets[0])
		return
	}
	d.submitted[a.name] = true
	value := complete(a, p.value, markets)
	if p.op != "delete" {
		if len(value) == 0 {
			s.add(missingMember("value", a.title), a.name, markets[0])
			return
		}
		ids := map[string]bool{}
		for _, m := range markets {
			ids[m.ID] = true
			part := slices.DeleteFunc(slices.Clone(value), func(v any) bool { return a.byMarketplace() && member(v, "marketplace_id") != m.ID })
			if len(part) == 0 {
				continue
			}
			if bad := a.check(part, m, p.op == "merge"); bad != nil {
				s.add(*bad, a.name, m)
				return
			}
		}
		for _, v := range value {
			if a.byMarketplace() && !ids[member(v, "marketplace_id")] {
				s.add(invalidValue(a.title), a.name, markets[0])
				return
			}
		}
	}
	d.change(a, p.op, value, markets)
}

// complete adds to values what Amazon takes as said: the marketplace of the request, its language, the audience of all buyers.
func complete(a *attribute, value []any, markets []*marketplace.Marketplace) []any {
	var list []any
	for _, v := range value {
		entry, ok := v.(map[string]any)
		if !ok {
			return value
		}
		for _, m := range markets {
			next := maps.Clone(entry)
			if a.byMarketplace() && next["marketplace_id"] == nil {
				next["marketplace_id"] = m.ID
			}
			if a.shape == localizedShape && next["language_tag"] == nil {
				next["language_tag"] = m.Language
			}
			if a.shape == offerShape {
				if next["audience"] == nil {
					next["audience"] = "ALL"
				}
				if next["currency"] == nil {
					next["currency"] = m.Currency
				}
			}
			list = append(list, next)
			if !a.byMarketplace() || entry["marketplace_id"] != nil {
				break
			}
		}
	}
	return list
}

// change makes a change in the draft. add and replace put the values in the place of those that the attribute has in these marketplaces, merge
// puts their members into those with the same selectors, and delete takes those with the same selectors away, or all in these
// marketplaces when none are named (developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-use-case-guide).
func (d *draft) change(a *attribute, op string, value []any, markets []*marketplace.Marketplace) {
	old, _ := d.attributes[a.name].([]any)
	here := func(v any) bool {
		return !a.byMarketplace() || slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return m.ID == member(v, "marketplace_id") })
	}
	same := func(x, y any) bool {
		for _, name := range a.selectors() {
			if member(x, name) != member(y, name) {
				return false
			}
		}
		return true
	}
	next := slices.Clone(old)
	switch {
	case op == "merge":
		for _, v := range value {
			i := slices.IndexFunc(next, func(o any) bool { return same(o, v) })
			if i < 0 {
				next = append(next, v)
				continue
			}
			merged := maps.Clone(next[i].(map[string]any))
			maps.Copy(merged, v.(map[string]any))
			next[i] = merged
		}
	case op == "delete" && len(value) > 0:
		next = slices.DeleteFunc(next, func(o any) bool { return slices.ContainsFunc(value, func(v any) bool { return same(o, v) }) })
	default:
		next = append(slices.DeleteFunc(next, here), value...)
	}
	if len(next) == 0 {
		delete(d.attributes, a.name)
		return
	}
	d.attributes[a.name] = next
}

// first returns a member of an attribute's first value in a marketplace.
func (d *draft) first(name, memberName string, m *marketplace.Marketplace) string {
	list, _ := d.attributes[name].([]any)
	for _, v := range list {
		if id := member(v, "marketplace_id"); id == "" || id == m.ID {
			return member(v, memberName)
		}
	}
	return ""
}

// finish checks what concerns the listing as a whole and, if there is no error and it is no preview, carries it out.
func (w *world) finish(s *submission, d *draft, requirements string, markets []*marketplace.Marketplace, preview bool, now time.Time) {
	m := markets[0]
	if d.old != nil {
		s.product = d.old.product
	}
	if asin := d.first("merchant_suggested_asin", "value", m); asin != "" && d.submitted["merchant_suggested_asin"] {
		if p := w.productByASIN(asin); p != nil {
			s.product = p
		} else {
			s.add(problem{"8560", "SKU " + d.sku + ", Product ID doesn't match any ASINs.", "INVALID_ATTRIBUTE"}, "merchant_suggested_asin", m)
		}
	}
	identifiers, _ := d.attributes["externally_assigned_product_identifier"].([]any)
	for _, v := range identifiers {
		id := member(v, "value")
		if len(id) < 12 || strings.Trim(id, digits) != "" || withCheckDigit(id[:len(id)-1]) != id {
			s.add(invalidValue("External Product Information"), "externally_assigned_product_identifier", m)
			continue
		}
		for _, p := range w.catalogue() {
			if s.product == nil && (id == p.ean || id == p.upc || id == "0"+p.ean || id == "00"+p.upc) {
				s.product = p
			}
		}
	}
	condition := d.first("condition_type", "value", m)
	switch {
	case s.product == nil && requirements == "LISTING_OFFER_ONLY":
		s.add(problem{"8560", "SKU " + d.sku + ", Product ID doesn't match any ASINs.", "INVALID_ATTRIBUTE"}, "merchant_suggested_asin", m)
	case s.product != nil && condition != "" && d.submitted["condition_type"] && restrictionOf(s.product, condition) != "":
		s.add(problem{"18304", "You need approval to list this item in condition " + condition + ".", "QUALIFICATION_REQUIRED"}, "condition_type", m)
	}
	w.checkOffers(s, d, markets)
	if !s.valid() || preview {
		return
	}
	w.carryOut(s, d, markets, now)
}

// checkOffers looks at what the schema can't see.
func (w *world) checkOffers(s *submission, d *draft, markets []*marketplace.Marketplace) {
	offers, _ := d.attributes["purchasable_offer"].([]any)
	for _, v := range offers {
		m, isMap := v.(map[string]any)
		if !isMap || !d.submitted["purchasable_offer"] {
			continue
		}
		price, has := scheduled(m["our_price"])
		if !has || !(price > 0) {
			s.add(problem{"90057", "The price must be greater than zero.", "INVALID_PRICE"}, "purchasable_offer", markets[0]) // code assumed
			continue
		}
		low, hasLow := scheduled(m["minimum_seller_allowed_price"])
		high, hasHigh := scheduled(m["maximum_seller_allowed_price"])
		if hasLow && price < low || hasHigh && price > high {
			s.add(problem{"90057", "The price is outside the minimum and maximum seller allowed price.", "INVALID_PRICE"}, "purchasable_offer", markets[0])
		}
	}
}

// scheduled reads the amount of a price attribute: [{"schedule":[{"value_with_tax":…}]}].
func scheduled(v any) (float64, bool) {
	entry := firstSchedule(v)
	n, ok := entry["value_with_tax"].(json.Number)
	f, err := n.Float64()
	return f, ok && err == nil
}

func firstSchedule(v any) map[string]any {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil
	}
	m, _ := list[0].(map[string]any)
	list, _ = m["schedule"].([]any)
	if len(list) == 0 {
		return nil
	}
	m, _ = list[0].(map[string]any)
	return m
}

// carryOut writes the draft into the world.
func (w *world) carryOut(s *submission, d *draft, markets []*marketplace.Marketplace, now time.Time) {
	l := d.old
	if l == nil {
		// What was deleted and comes again is new, but Amazon's warehouses remember.
		fresh := listing{sku: d.sku, condition: "new_new", offers: map[string]*offer{}, markets: map[string]bool{}}
		if l = w.listings[d.sku]; l == nil {
			l = &fresh
		} else {
			fresh.stock, fresh.stocked = l.stock, l.stocked
			*l = fresh
		}
	}
	l.productType, l.attributes = d.productType, d.rest()
	for _, m := range markets {
		l.markets[m.ID] = true
	}
	if c := d.first("condition_type", "value", markets[0]); c != "" {
		l.condition = c
	}
	w.setOffers(l, d, markets)
	w.setAvailability(l, d, now)
	l.issues = slices.DeleteFunc(slices.Clone(l.issues), func(i listingIssue) bool {
		return slices.ContainsFunc(i.attributes, func(name string) bool { return d.submitted[name] })
	})
	if s.product == nil || s.product.own {
		s.product = w.ownProduct(s.product, l, d, markets[0])
	}
	l.product = s.product
	w.putListing(l, now)
}

func (w *world) setOffers(l *listing, d *draft, markets []*marketplace.Marketplace) {
	entries, _ := d.attributes["purchasable_offer"].([]any)
	for _, m := range markets {
		var o *offer
		for _, v := range entries {
			e := v.(map[string]any)
			if member(v, "marketplace_id") != m.ID {
				continue
			}
			if o == nil {
				o = &offer{}
			}
			price, _ := scheduled(e["our_price"])
			if member(v, "audience") == "B2B" {
				o.business = moneyOf(price, m)
				continue
			}
			o.price = moneyOf(price, m)
			if sale, has := scheduled(e["discounted_price"]); has {
				times := firstSchedule(e["discounted_price"])
				o.sale = moneyOf(sale, m)
				o.saleFrom, _ = parseTime(member(times, "start_at"))
				o.saleTo, _ = parseTime(member(times, "end_at"))
			}
			for name, value := range e {
				if !slices.Contains([]string{"marketplace_id", "currency", "audience", "our_price", "discounted_price"}, name) {
					if o.extra == nil {
						o.extra = map[string]any{}
					}
					o.extra[name] = value
				}
			}
			if m.CountryCode == "JP" {
				o.points = o.price.units / 100
			}
		}
		if o == nil || o.price.units == 0 {
			delete(l.offers, m.ID)
			continue
		}
		l.offers[m.ID] = o
	}
}

func moneyOf(amount float64, m *marketplace.Marketplace) money {
	return money{int(math.Round(amount * math.Pow10(decimals(m.Currency)))), m.Currency}
}

func (w *world) setAvailability(l *listing, d *draft, now time.Time) {
	entries, _ := d.attributes["fulfillment_availability"].([]any)
	l.amazon, l.leadDays = false, 0
	quantity := 0
	for _, v := range entries {
		e := v.(map[string]any)
		if code := member(v, "fulfillment_channel_code"); code != "DEFAULT" {
			l.amazon = true
			continue
		}
		quantity, _ = whole(e["quantity"])
		l.leadDays, _ = whole(e["lead_time_to_ship_max_days"])
	}
	l.quantity = quantity
	if l.amazon && l.stock.fnsku == "" {
		l.stock.fnsku = "X00" + newRandom(w.seed, "fnsku", w.seller.number, l.sku).text(base36, 7)
		l.stocked = now.UTC().Truncate(time.Second)
	}
}

// ownProduct is the item of the catalogue that a listing of its own brings there, or changes.
func (w *world) ownProduct(old *product, l *listing, d *draft, m *marketplace.Marketplace) *product {
	p := &product{own: true, sku: l.sku, pack: 1, rank: 99999}
	if old != nil {
		copied := *old
		p = &copied
	} else {
		r := newRandom(w.seed, "own product", w.seller.number, l.sku, len(w.added))
		p.asin = "B0" + r.text(base36, 8)
		for w.productByASIN(p.asin) != nil {
			p.asin = "B0" + r.text(base36, 8)
		}
		for i := range p.millimeters {
			p.millimeters[i] = r.between(12, 300)
		}
		p.grams, p.part = r.between(10, 900), l.sku
		p.ean, p.upc = withCheckDigit("40"+r.text(digits, 10)), withCheckDigit("7"+r.text(digits, 10))
	}
	p.kind = kindOf(l.productType)
	for name, field := range map[string]*string{"item_name": &p.title, "brand": &p.brand, "color": &p.color, "size": &p.size, "part_number": &p.part} {
		if v := d.first(name, "value", m); v != "" {
			*field = v
		}
	}
	identifiers, _ := d.attributes["externally_assigned_product_identifier"].([]any)
	for _, v := range identifiers {
		switch member(v, "type") {
		case "ean":
			p.ean = member(v, "value")
		case "upc":
			p.upc = member(v, "value")
		}
	}
	if list, _ := d.attributes["item_package_quantity"].([]any); len(list) > 0 {
		if n, ok := whole(list[0].(map[string]any)["value"]); ok && n > 0 {
			p.pack = n
		}
	}
	if o := l.offers[m.ID]; o != nil && perDollar[m.Currency] > 0 {
		p.cents = int(o.price.number() / perDollar[m.Currency] * 100)
	}
	if i := slices.Index(w.added, old); old != nil && i >= 0 {
		w.added = slices.Clone(w.added) // lists that were handed out stay as they are
		w.added[i] = p
		for _, other := range w.listings {
			if other.product == old {
				other.product = p
			}
		}
	} else {
		w.added = append(w.added, p)
	}
	return p
}

// kindOf is the first kind of a product type.
func kindOf(productType string) productKind {
	i := slices.IndexFunc(productKinds, func(k productKind) bool { return k.typ == productType })
	if i < 0 {
		return productKind{name: "Office Product", plural: "Office Products", typ: productType, category: "Office Products", categoryN: officeCategory}
	}
	k := productKinds[i]
	k.index = i
	return k
}

// attributesOf are a listing's attributes in all marketplaces: what was submitted, or what the catalogue has, and the two that follow
// from offers and stock. The caller holds w.mu.
func (w *world) attributesOf(l *listing) map[string]any {
	attributes := map[string]any{}
	var markets []*marketplace.Marketplace
	for i := range w.seller.marketplaces {
		if m := &w.seller.marketplaces[i]; l.in(m.ID) {
			markets = append(markets, m)
		}
	}
	if l.attributes != nil {
		maps.Copy(attributes, l.attributes)
	} else {
		catalogueAttributes(attributes, l.product, l.condition, markets)
	}
	if offers := l.purchasableOffer(markets); len(offers) > 0 {
		attributes["purchasable_offer"] = offers
	}
	if l.amazon || len(l.offers) > 0 || l.quantity > 0 {
		attributes["fulfillment_availability"] = l.fulfillmentAvailability(w.seller.region)
	}
	return attributes
}

// catalogueAttributes are those that the seller of a product of the beginning once submitted.
func catalogueAttributes(to map[string]any, p *product, condition string, markets []*marketplace.Marketplace) {
	for _, m := range markets {
		add := func(name string, value map[string]any) {
			value["marketplace_id"] = m.ID
			list, _ := to[name].([]any)
			to[name] = append(list, value)
		}
		text := func(name, value string) { add(name, map[string]any{"value": value, "language_tag": m.Language}) }
		text("item_name", p.titleIn(m))
		text("brand", p.brand)
		text("manufacturer", p.brand)
		text("color", p.color)
		text("size", p.size)
		text("bullet_point", "Made for everyday writing & drawing")
		text("bullet_point", "Size: "+p.size+"\tColor: "+p.color)
		add("part_number", map[string]any{"value": p.part})
		add("item_package_quantity", map[string]any{"value": p.pack})
		add("country_of_origin", map[string]any{"value": []string{"DE", "JP", "CN", "US"}[p.rank%4]})
		add("supplier_declared_dg_hz_regulation", map[string]any{"value": "not_applicable"})
		if p.kind.typ == "LAMP" {
			add("batteries_required", map[string]any{"value": false})
		}
		add("condition_type", map[string]any{"value": condition})
		price := priceIn(p.cents, m)
		add("list_price", map[string]any{"value": price.number(), "currency": price.currency})
		add("externally_assigned_product_identifier", map[string]any{"type": "ean", "value": p.ean})
		add("merchant_suggested_asin", map[string]any{"value": p.asin})
		add("item_package_weight", map[string]any{"unit": "grams", "value": p.grams + 10})
		add("main_product_image_locator", map[string]any{"media_location": imageOf(p, "MAIN")})
	}
}

func imageOf(p *product, variant string) string {
	return "https://m.media-amazon.com/images/I/" + p.asin + "." + variant + ".jpg"
}

// restrictionOf tells why a seller can't offer an item in a condition: APPROVAL_REQUIRED or NOT_ELIGIBLE; "" when nothing is in the
// way. Ink is sold new only, and some brands want to be asked before their goods are sold as anything but new.
func restrictionOf(p *product, condition string) string {
	switch {
	case condition == "new_new":
		return ""
	case p.kind.typ == "PEN_INK":
		return "NOT_ELIGIBLE"
	case p.brand == brands[0] || p.brand == brands[4] || strings.HasPrefix(condition, "collectible"):
		return "APPROVAL_REQUIRED"
	}
	return ""
}

package world

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Submission is what became of something submitted to a listing, by listings items or by a feed.
type Submission struct {
	Issues  []ListingIssue
	Product *Product // the item of the catalogue that the listing is, or would be, an offer of; nil when there is none yet
}

// Valid tells whether it can be, or was, carried out.
func (s *Submission) Valid() bool {
	return !slices.ContainsFunc(s.Issues, func(i ListingIssue) bool { return i.Severity == "ERROR" })
}

func (s *Submission) add(p Problem, attributeName string, m *marketplace.Marketplace) {
	i := ListingIssue{Code: p.code, Message: p.message, Severity: "ERROR", Categories: []string{}, Attributes: []string{attributeName}}
	if p.category != "" {
		i.Categories = []string{p.category}
	}
	if m != nil {
		i.MarketplaceID = m.ID
	}
	if !slices.ContainsFunc(s.Issues, func(o ListingIssue) bool {
		return o.Code == i.Code && o.Message == i.Message && o.Attributes[0] == attributeName
	}) {
		s.Issues = append(s.Issues, i)
	}
}

// NotSupplied is the code of an issue about a required attribute that isn't there.
const NotSupplied = "90220"

func notSupplied(name string) Problem {
	return Problem{NotSupplied, "'" + name + "' is required but not supplied.", "MISSING_ATTRIBUTE"}
}

// Patch is one operation of patchListingsItem: op is add, replace, merge or delete; name is that of an attribute.
type Patch struct {
	Op, Name string
	Value    []any
}

// Put creates a listing in a marketplace, or replaces what it has there. With preview it only checks. The caller holds the world's lock for
// writing, as for all below.
func (w *World) Put(sku, productType, requirements string, attributes map[string]any, m *marketplace.Marketplace, preview bool, now time.Time) Submission {
	markets := []*marketplace.Marketplace{m}
	d := w.Draft(sku)
	var s Submission
	if !KnownType(productType) {
		s.add(invalidValue("product_type"), "product_type", m)
		return s
	}
	if d.ProductType == "" || productType != GeneralType {
		d.ProductType = productType
	}
	if requirements == "" {
		requirements = "LISTING"
	}
	for i := range ListingAttributes {
		a := &ListingAttributes[i]
		if a.Of(productType) && a.In(requirements) {
			if _, given := attributes[a.Name]; !given && a.Required {
				s.add(notSupplied(a.Name), a.Name, m)
			}
			d.change(a, "delete", nil, markets)
		}
	}
	for name := range format.SortedKeys(attributes) {
		value, isList := attributes[name].([]any)
		if !isList {
			s.add(unknownAttribute, name, m)
			continue
		}
		w.submit(&s, d, Patch{"replace", name, value}, markets)
	}
	w.finish(&s, d, requirements, markets, preview, now)
	return s
}

// Patch changes single attributes of a listing in some marketplaces; found tells whether there is one.
func (w *World) Patch(sku, productType string, patches []Patch, markets []*marketplace.Marketplace, preview bool, now time.Time) (s Submission, found bool) {
	if l := w.Listing(sku); l == nil || !slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return l.In(m.ID) }) {
		return s, false
	}
	d := w.Draft(sku)
	if !KnownType(productType) {
		s.add(invalidValue("product_type"), "product_type", markets[0])
		return s, true
	}
	for _, p := range patches {
		w.submit(&s, d, p, markets)
	}
	for i := range ListingAttributes {
		a := &ListingAttributes[i]
		if !a.Required || !d.submitted[a.Name] {
			continue
		}
		list, _ := d.Attributes[a.Name].([]any)
		for _, m := range markets {
			if !slices.ContainsFunc(list, func(v any) bool { return !a.byMarketplace() || format.Member(v, "marketplace_id") == m.ID }) {
				s.add(notSupplied(a.Name), a.Name, m)
			}
		}
	}
	w.finish(&s, d, "", markets, preview, now)
	return s, true
}

// Remove takes a listing out of a marketplace, and away altogether with the last one; false when it is not there.
func (w *World) Remove(sku string, m *marketplace.Marketplace, now time.Time) bool {
	l := w.Listing(sku)
	if l == nil || !l.In(m.ID) {
		return false
	}
	was := w.before(l)
	d := w.Draft(sku)
	for i := range ListingAttributes {
		if a := &ListingAttributes[i]; a.byMarketplace() {
			d.change(a, "delete", nil, []*marketplace.Marketplace{m})
		}
	}
	next := *l
	next.markets = maps.Clone(l.markets)
	delete(next.markets, m.ID)
	next.Offers = maps.Clone(l.Offers)
	delete(next.Offers, m.ID)
	next.attributes = d.rest()
	next.Deleted = len(next.markets) == 0
	*l = next
	w.putListing(l, was, now)
	return true
}

// Draft is a listing's attributes while they are being changed.
type Draft struct {
	Old         *Listing // nil for a new one
	sku         string
	ProductType string
	Attributes  map[string]any
	submitted   map[string]bool
}

func (w *World) Draft(sku string) *Draft {
	d := &Draft{sku: sku, Attributes: map[string]any{}, submitted: map[string]bool{}}
	if l := w.Listing(sku); l != nil {
		d.Old, d.ProductType = l, l.ProductType
		b, err := json.Marshal(w.AttributesOf(l))
		if err != nil {
			panic("emulator: attributes: " + err.Error())
		}
		v, _ := format.DecodeJSON(b) // as requests bring them: numbers as json.Number
		d.Attributes = v.(map[string]any)
	}
	return d
}

// rest is what a listing keeps as attributes: all but those that it keeps otherwise.
func (d *Draft) rest() map[string]any {
	rest := maps.Clone(d.Attributes)
	delete(rest, "purchasable_offer")
	delete(rest, "fulfillment_availability")
	return rest
}

// submit checks one change of an attribute and makes it in the draft.
func (w *World) submit(s *Submission, d *Draft, p Patch, markets []*marketplace.Marketplace) {
	a := attributeOf(d.ProductType, p.Name)
	if a == nil {
		s.add(unknownAttribute, p.Name, markets[0])
		return
	}
	d.submitted[a.Name] = true
	value := complete(a, p.Value, markets)
	if p.Op != "delete" {
		if len(value) == 0 {
			s.add(missingMember("value", a.title), a.Name, markets[0])
			return
		}
		ids := map[string]bool{}
		for _, m := range markets {
			ids[m.ID] = true
			part := slices.DeleteFunc(slices.Clone(value), func(v any) bool { return a.byMarketplace() && format.Member(v, "marketplace_id") != m.ID })
			if len(part) == 0 {
				continue
			}
			if bad := a.check(part, m, p.Op == "merge"); bad != nil {
				s.add(*bad, a.Name, m)
				return
			}
		}
		for _, v := range value {
			if a.byMarketplace() && !ids[format.Member(v, "marketplace_id")] {
				s.add(invalidValue(a.title), a.Name, markets[0])
				return
			}
		}
	}
	d.change(a, p.Op, value, markets)
}

// complete adds to values what Amazon takes as said: the marketplace of the request, its language, the audience of all buyers.
func complete(a *Attribute, value []any, markets []*marketplace.Marketplace) []any {
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
func (d *Draft) change(a *Attribute, op string, value []any, markets []*marketplace.Marketplace) {
	old, _ := d.Attributes[a.Name].([]any)
	here := func(v any) bool {
		return !a.byMarketplace() || slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return m.ID == format.Member(v, "marketplace_id") })
	}
	same := func(x, y any) bool {
		for _, name := range a.selectors() {
			if format.Member(x, name) != format.Member(y, name) {
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
		delete(d.Attributes, a.Name)
		return
	}
	d.Attributes[a.Name] = next
}

// first returns a member of an attribute's first value in a marketplace.
func (d *Draft) first(name, memberName string, m *marketplace.Marketplace) string {
	list, _ := d.Attributes[name].([]any)
	for _, v := range list {
		if id := format.Member(v, "marketplace_id"); id == "" || id == m.ID {
			return format.Member(v, memberName)
		}
	}
	return ""
}

// finish checks what concerns the listing as a whole and, if there is no error and it is no preview, carries it out.
func (w *World) finish(s *Submission, d *Draft, requirements string, markets []*marketplace.Marketplace, preview bool, now time.Time) {
	m := markets[0]
	if d.Old != nil {
		s.Product = d.Old.Product
	}
	if asin := d.first("merchant_suggested_asin", "value", m); asin != "" && d.submitted["merchant_suggested_asin"] {
		if p := w.ProductByASIN(asin); p != nil {
			s.Product = p
		} else {
			s.add(Problem{"8560", "SKU " + d.sku + ", Product ID doesn't match any ASINs.", "INVALID_ATTRIBUTE"}, "merchant_suggested_asin", m)
		}
	}
	identifiers, _ := d.Attributes["externally_assigned_product_identifier"].([]any)
	for _, v := range identifiers {
		id := format.Member(v, "value")
		if len(id) < 12 || strings.Trim(id, random.Digits) != "" || withCheckDigit(id[:len(id)-1]) != id {
			s.add(invalidValue("External Product Information"), "externally_assigned_product_identifier", m)
			continue
		}
		for _, p := range w.Catalogue() {
			if s.Product == nil && (id == p.EAN || id == p.UPC || id == "0"+p.EAN || id == "00"+p.UPC) {
				s.Product = p
			}
		}
	}
	condition := d.first("condition_type", "value", m)
	switch {
	case s.Product == nil && requirements == "LISTING_OFFER_ONLY":
		s.add(Problem{"8560", "SKU " + d.sku + ", Product ID doesn't match any ASINs.", "INVALID_ATTRIBUTE"}, "merchant_suggested_asin", m)
	case s.Product != nil && condition != "" && d.submitted["condition_type"] && RestrictionOf(s.Product, condition) != "":
		s.add(Problem{"18304", "You need approval to list this item in condition " + condition + ".", "QUALIFICATION_REQUIRED"}, "condition_type", m)
	}
	w.checkOffers(s, d, markets)
	if !s.Valid() || preview {
		return
	}
	w.CarryOut(s, d, markets, now)
}

// checkOffers looks at what the schema can't see.
func (w *World) checkOffers(s *Submission, d *Draft, markets []*marketplace.Marketplace) {
	offers, _ := d.Attributes["purchasable_offer"].([]any)
	for _, v := range offers {
		m, isMap := v.(map[string]any)
		if !isMap || !d.submitted["purchasable_offer"] {
			continue
		}
		price, has := scheduled(m["our_price"])
		if !has || !(price > 0) {
			s.add(Problem{"90057", "The price must be greater than zero.", "INVALID_PRICE"}, "purchasable_offer", markets[0]) // code assumed
			continue
		}
		low, hasLow := scheduled(m["minimum_seller_allowed_price"])
		high, hasHigh := scheduled(m["maximum_seller_allowed_price"])
		if hasLow && price < low || hasHigh && price > high {
			s.add(Problem{"90057", "The price is outside the minimum and maximum seller allowed price.", "INVALID_PRICE"}, "purchasable_offer", markets[0])
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

// CarryOut writes the draft into the world.
func (w *World) CarryOut(s *Submission, d *Draft, markets []*marketplace.Marketplace, now time.Time) {
	w.reprice(now)
	l := d.Old
	was := w.before(w.Listings[d.sku])
	if l == nil {
		// What was deleted and comes again is new, but Amazon's warehouses remember.
		fresh := Listing{SKU: d.sku, Condition: "new_new", Offers: map[string]*Offer{}, markets: map[string]bool{}, standing: w.standing}
		if l = w.Listings[d.sku]; l == nil {
			l = &fresh
		} else {
			fresh.Stock, fresh.Stocked = l.Stock, l.Stocked
			*l = fresh
		}
	}
	l.ProductType, l.attributes = d.ProductType, d.rest()
	for _, m := range markets {
		l.markets[m.ID] = true
	}
	if c := d.first("condition_type", "value", markets[0]); c != "" {
		l.Condition = c
	}
	w.setOffers(l, d, markets)
	w.setAvailability(l, d, now)
	l.Issues = slices.DeleteFunc(slices.Clone(l.Issues), func(i ListingIssue) bool {
		return slices.ContainsFunc(i.Attributes, func(name string) bool { return d.submitted[name] })
	})
	if s.Product == nil || s.Product.own {
		s.Product = w.ownProduct(s.Product, l, d, markets[0])
	}
	l.Product = s.Product
	w.putListing(l, was, now)
}

func (w *World) setOffers(l *Listing, d *Draft, markets []*marketplace.Marketplace) {
	entries, _ := d.Attributes["purchasable_offer"].([]any)
	for _, m := range markets {
		var o *Offer
		for _, v := range entries {
			e := v.(map[string]any)
			if format.Member(v, "marketplace_id") != m.ID {
				continue
			}
			if o == nil {
				o = &Offer{}
			}
			price, _ := scheduled(e["our_price"])
			if format.Member(v, "audience") == "B2B" {
				o.Business = moneyOf(price, m)
				continue
			}
			o.price = moneyOf(price, m)
			if sale, has := scheduled(e["discounted_price"]); has {
				times := firstSchedule(e["discounted_price"])
				o.sale = moneyOf(sale, m)
				o.saleFrom, _ = format.ParseTime(format.Member(times, "start_at"))
				o.saleTo, _ = format.ParseTime(format.Member(times, "end_at"))
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
				o.Points = o.price.Units / 100
			}
		}
		if o == nil || o.price.Units == 0 {
			delete(l.Offers, m.ID)
			continue
		}
		l.Offers[m.ID] = o
	}
}

func moneyOf(amount float64, m *marketplace.Marketplace) Money {
	return Money{int(math.Round(amount * math.Pow10(Decimals(m.Currency)))), m.Currency}
}

func (w *World) setAvailability(l *Listing, d *Draft, now time.Time) {
	entries, _ := d.Attributes["fulfillment_availability"].([]any)
	l.Amazon, l.leadDays = false, 0
	quantity := 0
	for _, v := range entries {
		e := v.(map[string]any)
		if code := format.Member(v, "fulfillment_channel_code"); code != "DEFAULT" {
			l.Amazon = true
			continue
		}
		quantity, _ = format.Whole(e["quantity"])
		l.leadDays, _ = format.Whole(e["lead_time_to_ship_max_days"])
	}
	l.Quantity = quantity
	if l.Amazon && l.Stock.FNSKU == "" {
		l.Stock.FNSKU = "X00" + random.New(w.seed, "fnsku", w.seller.Number, l.SKU).Text(random.Base36, 7)
		l.Stocked = now.UTC().Truncate(time.Second)
	}
}

// ownProduct is the item of the catalogue that a listing of its own brings there, or changes.
func (w *World) ownProduct(old *Product, l *Listing, d *Draft, m *marketplace.Marketplace) *Product {
	p := &Product{own: true, SKU: l.SKU, Pack: 1, Rank: 99999}
	if old != nil {
		copied := *old
		p = &copied
	} else {
		r := random.New(w.seed, "own product", w.seller.Number, l.SKU, len(w.added))
		p.ASIN = "B0" + r.Text(random.Base36, 8)
		for w.ProductByASIN(p.ASIN) != nil {
			p.ASIN = "B0" + r.Text(random.Base36, 8)
		}
		for i := range p.Millimeters {
			p.Millimeters[i] = r.Between(12, 300)
		}
		p.Grams, p.Part = r.Between(10, 900), l.SKU
		p.EAN, p.UPC = withCheckDigit("40"+r.Text(random.Digits, 10)), withCheckDigit("7"+r.Text(random.Digits, 10))
	}
	p.Kind = kindOf(l.ProductType)
	for name, field := range map[string]*string{"item_name": &p.Title, "brand": &p.Brand, "color": &p.Color, "size": &p.Size, "part_number": &p.Part} {
		if v := d.first(name, "value", m); v != "" {
			*field = v
		}
	}
	p.content = map[string][]any{}
	for _, name := range ContentAttributes {
		if list, _ := d.Attributes[name].([]any); len(list) > 0 {
			p.content[name] = list
		}
	}
	identifiers, _ := d.Attributes["externally_assigned_product_identifier"].([]any)
	for _, v := range identifiers {
		switch format.Member(v, "type") {
		case "ean":
			p.EAN = format.Member(v, "value")
		case "upc":
			p.UPC = format.Member(v, "value")
		}
	}
	if list, _ := d.Attributes["item_package_quantity"].([]any); len(list) > 0 {
		if n, ok := format.Whole(list[0].(map[string]any)["value"]); ok && n > 0 {
			p.Pack = n
		}
	}
	if o := l.Offers[m.ID]; o != nil && perDollar[m.Currency] > 0 {
		p.Cents = int(float64(o.price.Number()) / perDollar[m.Currency] * 100)
	}
	if i := slices.Index(w.added, old); old != nil && i >= 0 {
		w.added = slices.Clone(w.added) // lists that were handed out stay as they are
		w.added[i] = p
		for _, other := range w.Listings {
			if other.Product == old {
				other.Product = p
			}
		}
		w.renew(old, p)
	} else {
		w.added = append(w.added, p)
	}
	return p
}

// ContentAttributes are those that an item of the catalogue shows as the listing that brought it has them.
var ContentAttributes = []string{"bullet_point", "product_description", "main_product_image_locator", "other_product_image_locator_1"}

// Content is what the catalogue has of an item under one of ContentAttributes in a marketplace, from the listing that brought it; nil where that says nothing.
func (p *Product) Content(name string, m *marketplace.Marketplace) []any {
	var list []any
	for _, v := range p.content[name] {
		if format.Member(v, "marketplace_id") == m.ID {
			list = append(list, v)
		}
	}
	return list
}

// ChangedContent are the attributes by which an item's page in a marketplace differs from what it was.
func (p *Product) ChangedContent(was *Product, m *marketplace.Marketplace) []string {
	var names []string
	if p.TitleIn(m) != was.TitleIn(m) {
		names = append(names, "item_name")
	}
	for _, name := range ContentAttributes {
		if !reflect.DeepEqual(p.Content(name, m), was.Content(name, m)) {
			names = append(names, name)
		}
	}
	return names
}

// kindOf is the first kind of a product type.
func kindOf(productType string) ProductKind {
	i := slices.IndexFunc(ProductKinds, func(k ProductKind) bool { return k.Type == productType })
	if i < 0 {
		return ProductKind{Name: "Office Product", Plural: "Office Products", Type: productType, Category: "Office Products", CategoryN: OfficeCategory}
	}
	k := ProductKinds[i]
	k.index = i
	return k
}

// AttributesOf are a listing's attributes in all marketplaces: what was submitted, or what the catalogue has, and the two that follow
// from offers and stock. The caller holds the world's lock.
func (w *World) AttributesOf(l *Listing) map[string]any {
	attributes := map[string]any{}
	var markets []*marketplace.Marketplace
	for i := range w.seller.Marketplaces {
		if m := &w.seller.Marketplaces[i]; l.In(m.ID) {
			markets = append(markets, m)
		}
	}
	if l.attributes != nil {
		maps.Copy(attributes, l.attributes)
	} else {
		catalogueAttributes(attributes, l.Product, l.Condition, markets)
	}
	if offers := l.purchasableOffer(markets); len(offers) > 0 {
		attributes["purchasable_offer"] = offers
	}
	if l.Amazon || len(l.Offers) > 0 || l.Quantity > 0 {
		attributes["fulfillment_availability"] = l.fulfillmentAvailability(w.seller.Region)
	}
	return attributes
}

// catalogueAttributes are those that the seller of a product of the beginning once submitted.
func catalogueAttributes(to map[string]any, p *Product, condition string, markets []*marketplace.Marketplace) {
	for _, m := range markets {
		add := func(name string, value map[string]any) {
			value["marketplace_id"] = m.ID
			list, _ := to[name].([]any)
			to[name] = append(list, value)
		}
		text := func(name, value string) { add(name, map[string]any{"value": value, "language_tag": m.Language}) }
		text("item_name", p.TitleIn(m))
		text("brand", p.Brand)
		text("manufacturer", p.Brand)
		text("color", p.Color)
		text("size", p.Size)
		text("bullet_point", "Made for everyday writing & drawing")
		text("bullet_point", "Size: "+p.Size+"\tColor: "+p.Color)
		add("part_number", map[string]any{"value": p.Part})
		add("item_package_quantity", map[string]any{"value": p.Pack})
		add("country_of_origin", map[string]any{"value": []string{"DE", "JP", "CN", "US"}[p.Rank%4]})
		add("supplier_declared_dg_hz_regulation", map[string]any{"value": "not_applicable"})
		if p.Kind.Type == "LAMP" {
			add("batteries_required", map[string]any{"value": false})
		}
		add("condition_type", map[string]any{"value": condition})
		price := PriceIn(p.Cents, m)
		add("list_price", map[string]any{"value": price.Number(), "currency": price.Currency})
		add("externally_assigned_product_identifier", map[string]any{"type": "ean", "value": p.EAN})
		add("merchant_suggested_asin", map[string]any{"value": p.ASIN})
		add("item_package_weight", map[string]any{"unit": "grams", "value": p.Grams + 10})
		add("main_product_image_locator", map[string]any{"media_location": ImageOf(p, "MAIN")})
	}
}

func ImageOf(p *Product, variant string) string {
	return "https://m.media-amazon.com/images/I/" + p.ASIN + "." + variant + ".jpg"
}

// RestrictionOf tells why a seller can't offer an item in a condition: APPROVAL_REQUIRED or NOT_ELIGIBLE; "" when nothing is in the
// way. Ink is sold new only, and some brands want to be asked before their goods are sold as anything but new.
func RestrictionOf(p *Product, condition string) string {
	switch {
	case condition == "new_new":
		return ""
	case p.Kind.Type == "PEN_INK":
		return "NOT_ELIGIBLE"
	case p.Brand == brands[0] || p.Brand == brands[4] || strings.HasPrefix(condition, "collectible"):
		return "APPROVAL_REQUIRED"
	}
	return ""
}

// renew puts an item of the catalogue that has changed into the orders of it: they show it as it is now.
func (w *World) renew(old, product *Product) {
	for _, b := range w.came {
		for i := range b.items {
			if b.items[i].product == old {
				b.items[i].product = product
			}
		}
	}
	for number, o := range w.touched {
		if slices.ContainsFunc(o.Items, func(it OrderItem) bool { return it.Product == old }) {
			o = o.clone() // lives that are being read stay as they are
			w.touched[number] = o
			for i := range o.Items {
				if o.Items[i].Product == old {
					o.Items[i].Product = product
				}
			}
		}
	}
}

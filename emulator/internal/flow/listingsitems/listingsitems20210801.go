package listingsitems

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// V20210801 is the API of listings items, version 2021-08-01.
var V20210801 = desk.Flow{News: news, Changes: watch, Early: map[string]func(*desk.Call) *answer.Error{
	"listingsitems20210801.patchListingsItem": numberedOps,
}, Handlers: map[string]desk.Handler{
	"listingsitems20210801.searchListingsItems": searchListings,
	"listingsitems20210801.getListingsItem":     getListing,
	"listingsitems20210801.putListingsItem":     putListing,
	"listingsitems20210801.patchListingsItem":   patchListing,
	"listingsitems20210801.deleteListingsItem":  deleteListing,
}}

// Changes take effect at once. At Amazon ACCEPTED means that they will, within minutes as a rule, and that more issues may be found.

// maxSKU is the length that SKUs can have (sellercentral.amazon.com/help/hub/reference/external/G201576410).
const maxSKU = 40

// maxListings is how many listings a search pages through (selling-partner-api-models, listingsItems_2021-08-01).
const maxListings = 1000

// listingTarget reads seller, SKU and marketplaces of a request.
func listingTarget(c *desk.Call) (sku string, markets []*marketplace.Marketplace, _ *answer.Error) {
	if c.Path["sellerId"] != c.Seller.ID {
		return "", nil, answer.Denied("").Because("sellerId: is not the seller of the access token")
	}
	for _, id := range c.Query["marketplaceIds"] {
		m, err := c.MarketplaceOf("marketplaceIds", id)
		if err != nil {
			return "", nil, err
		}
		if !slices.Contains(markets, m) {
			markets = append(markets, m)
		}
	}
	return c.Path["sku"], markets, nil
}

func getListing(c *desk.Call) (answer.Reply, *answer.Error) {
	sku, markets, err := listingTarget(c)
	if err != nil {
		return answer.Reply{}, err
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	l := w.Listing(sku)
	if l == nil || !slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return l.In(m.ID) }) {
		return answer.Reply{}, desk.ListingNotFound(sku, markets)
	}
	return framed(c, "\n  ", answer.OK(listingObject(c, w, l, markets, c.Query["includedData"]))), nil
}

// framed puts blanks before a body and an end of line behind it, as production does (lineofflight/peddler,
// test/vcr_cassettes/Peddler/API/ListingsItems20210801Test, September 2024).
func framed(c *desk.Call, before string, r answer.Reply) answer.Reply {
	if c.Sandbox {
		return r
	}
	return r.Framed(before, "\n")
}

// dataSets are those of a listing, in the order in which they are shown: that of the model's Item definition.
var dataSets = []string{"summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships", "productTypes"}

// listingObject shows a listing with the data sets that were asked for; summaries when none was. The caller holds the world's lock.
func listingObject(c *desk.Call, w *world.World, l *world.Listing, markets []*marketplace.Marketplace, included []string) format.Record {
	if len(included) == 0 {
		included = []string{"summaries"}
	}
	out := format.Record{{"sku", l.SKU}}
	add := func(set string, value any) { out = append(out, [2]any{set, value}) }
	markets = slices.DeleteFunc(slices.Clone(markets), func(m *marketplace.Marketplace) bool { return !l.In(m.ID) })
	for _, set := range dataSets {
		if !slices.Contains(included, set) {
			continue
		}
		switch set {
		case "attributes":
			add(set, AttributesIn(w.AttributesOf(l), markets))
		case "fulfillmentAvailability":
			entry := object{"fulfillmentChannelCode": l.FulfillmentChannel(c.Seller.Region)}
			if !l.Amazon {
				entry["quantity"] = l.Quantity
			}
			add(set, []object{entry})
		case "issues":
			add(set, issues2021(l.Issues, markets))
		case "procurement":
			add(set, []object{}) // vendors only
		default:
			list := []format.Record{}
			for _, m := range markets {
				for _, entry := range listingData(c, set, l, m) {
					list = append(list, format.First("marketplaceId", m.ID, entry))
				}
			}
			add(set, list)
		}
	}
	return out
}

// listingData is one data set of a listing in one marketplace.
func listingData(c *desk.Call, set string, l *world.Listing, m *marketplace.Marketplace) []object {
	switch set {
	case "summaries":
		s := object{
			"asin": l.Product.ASIN, "productType": l.ProductType, "conditionType": l.Condition, "status": l.Status(m.ID), "itemName": l.Title(m),
			"createdDate": format.Timestamp(l.Created), "lastUpdatedDate": format.Timestamp(l.Updated), "mainImage": object{"link": world.ImageOf(l.Product, "MAIN"), "height": 500, "width": 500},
		}
		if l.Amazon {
			s["fnSku"] = l.Stock.FNSKU
		}
		return []object{s}
	case "offers":
		o := l.Offers[m.ID]
		if o == nil {
			return nil
		}
		b2c := object{"offerType": "B2C", "price": desk.Money(o.PriceAt(c.Now)), "audience": object{"value": "ALL", "displayName": "Sell on Amazon"}}
		if o.Points > 0 {
			b2c["points"] = object{"pointsNumber": o.Points}
		}
		list := []object{b2c}
		if o.Business.Units > 0 {
			list = append(list, object{"offerType": "B2B", "price": desk.Money(o.Business), "audience": object{"value": "B2B", "displayName": "Amazon Business"}})
		}
		return list
	case "productTypes":
		return []object{{"productType": l.ProductType}}
	case "relationships":
		return []object{{"relationships": []object{}}}
	}
	return nil
}

// AttributesIn are the attributes as far as they are of some marketplaces.
func AttributesIn(attributes map[string]any, markets []*marketplace.Marketplace) object {
	out := object{}
	for name, v := range attributes {
		list := []any{}
		for _, entry := range v.([]any) {
			id := format.Member(entry, "marketplace_id")
			if id == "" || slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return m.ID == id }) {
				list = append(list, entry)
			}
		}
		if len(list) > 0 {
			out[name] = list
		}
	}
	return out
}

func issues2021(issues []world.ListingIssue, markets []*marketplace.Marketplace) []object {
	list := []object{}
	for _, i := range issues {
		if i.MarketplaceID != "" && !slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return m.ID == i.MarketplaceID }) {
			continue
		}
		entry := object{"code": i.Code, "message": i.Message, "severity": i.Severity, "attributeNames": i.Attributes, "categories": i.Categories}
		if i.MarketplaceID != "" {
			entry["marketplaceIds"] = []string{i.MarketplaceID}
		}
		list = append(list, entry)
	}
	return list
}

// submitted is the answer to a submission. Something invalid is a 200, too (selling-partner-api-models#5219).
func submitted(c *desk.Call, sku string, s *world.Submission, markets []*marketplace.Marketplace) answer.Reply {
	preview := c.Query.Get("mode") == "VALIDATION_PREVIEW"
	status := "ACCEPTED"
	switch {
	case !s.Valid():
		status = "INVALID"
	case preview:
		status = "VALID"
	}
	// In Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/API/ListingsItems20210801Test, September 2024).
	out := format.Record{{"sku", sku}, {"status", status}, {"submissionId", c.Desk.Seed.Of("submission", c.Exchange.RequestID).Text(random.HexDigits, 32)}}
	if c.Op.Version == "2020-09-01" {
		list := []object{}
		for _, i := range s.Issues {
			list = append(list, object{"code": i.Code, "message": i.Message, "severity": i.Severity, "attributeName": i.Attributes[0]})
		}
		return answer.OK(append(out, [2]any{"issues", list}))
	}
	included := c.Query["includedData"]
	if len(included) == 0 || slices.Contains(included, "issues") {
		out = append(out, [2]any{"issues", issues2021(s.Issues, markets)})
	}
	if slices.Contains(included, "identifiers") {
		list := []object{}
		for _, m := range markets {
			if s.Product != nil {
				list = append(list, object{"marketplaceId": m.ID, "asin": s.Product.ASIN})
			}
		}
		out = append(out, [2]any{"identifiers", list})
	}
	return framed(c, "\n", answer.OK(out))
}

func putListing(c *desk.Call) (answer.Reply, *answer.Error) {
	sku, markets, err := listingTarget(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if len(markets) > 1 {
		return answer.Reply{}, answer.InvalidParameter("marketplaceIds", "has "+strconv.Itoa(len(markets))+" values, want at most 1")
	}
	if n := utf8.RuneCountInString(sku); n > maxSKU || strings.TrimSpace(sku) != sku {
		return answer.Reply{}, answer.InvalidParameter("sku", "has blanks around it or more than 40 characters")
	}
	body, _ := c.Body.(map[string]any)
	productType, _ := body["productType"].(string)
	requirements, _ := body["requirements"].(string)
	attributes, _ := body["attributes"].(map[string]any)
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	s := w.Put(sku, productType, requirements, attributes, markets[0], c.Query.Get("mode") == "VALIDATION_PREVIEW", c.Now)
	return submitted(c, sku, &s, markets), nil
}

// patchOps are in the order of their numbers.
var patchOps = []string{"add", "replace", "merge", "delete"}

// numberedOps takes a number for the operation of a patch: its place in the model's list (lineofflight/peddler,
// test/vcr_cassettes/Peddler/API/ListingsItems20210801Test, September 2024).
func numberedOps(c *desk.Call) *answer.Error {
	v, err := format.DecodeJSON(c.Exchange.Body)
	body, _ := v.(map[string]any)
	changed := false
	for _, entry := range format.List(body["patches"]) {
		m, _ := entry.(map[string]any)
		if op, isNumber := m["op"].(json.Number); isNumber {
			if n, err := strconv.Atoi(op.String()); err == nil && n >= 0 && n < len(patchOps) {
				m["op"], changed = patchOps[n], true
			}
		}
	}
	if err == nil && changed {
		c.Exchange.Body, _ = json.Marshal(body) // it has just been read
	}
	return nil
}

func patchListing(c *desk.Call) (answer.Reply, *answer.Error) {
	sku, markets, err := listingTarget(c)
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	productType, _ := body["productType"].(string)
	list, _ := body["patches"].([]any)
	patches, err := desk.ReadPatches(list)
	if err != nil {
		return answer.Reply{}, err
	}
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	s, found := w.Patch(sku, productType, patches, markets, c.Query.Get("mode") == "VALIDATION_PREVIEW", c.Now)
	if !found {
		return answer.Reply{}, desk.ListingNotFound(sku, markets)
	}
	return submitted(c, sku, &s, markets), nil
}

func deleteListing(c *desk.Call) (answer.Reply, *answer.Error) {
	sku, markets, err := listingTarget(c)
	if err != nil {
		return answer.Reply{}, err
	}
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	removed := false
	for _, m := range markets {
		removed = w.Remove(sku, m, c.Now) || removed
	}
	if !removed {
		return answer.Reply{}, desk.ListingNotFound(sku, markets)
	}
	return submitted(c, sku, &world.Submission{}, markets), nil
}

func searchListings(c *desk.Call) (answer.Reply, *answer.Error) {
	_, markets, err := listingTarget(c)
	if err != nil {
		return answer.Reply{}, err
	}
	pg, problem := c.Page("pageToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("pageToken", problem.Error())
	}
	q := pg.Args
	switch { // the rules between parameters are those of the model's notes
	case q.Has("identifiers") && !q.Has("identifiersType"):
		return answer.Reply{}, answer.MissingParameter("identifiersType", "required with identifiers")
	case q.Has("identifiersType") && !q.Has("identifiers"):
		return answer.Reply{}, answer.MissingParameter("identifiers", "required with identifiersType")
	case q.Has("variationParentSku") && (q.Has("identifiers") || q.Has("packageHierarchySku")):
		return answer.Reply{}, answer.InvalidParameter("variationParentSku", "can't be used with identifiers or packageHierarchySku")
	case q.Has("packageHierarchySku") && q.Has("identifiers"):
		return answer.Reply{}, answer.InvalidParameter("packageHierarchySku", "can't be used with identifiers")
	}
	size := 10
	if text := q.Get("pageSize"); text != "" {
		if size, _ = strconv.Atoi(text); size < 1 {
			return answer.Reply{}, answer.InvalidParameter("pageSize", "is below the minimum of 1")
		}
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	var found []*world.Listing
	for _, l := range w.AllListings() {
		// A listing that came after the first page is on none.
		if listingFound(l, q, markets) && !l.Created.After(pg.AsOf) {
			found = append(found, l)
		}
	}
	sortListings(found, q.Get("sortBy"), q.Get("sortOrder"))
	total := len(found)
	if len(found) > maxListings {
		found = found[:maxListings]
	}
	part, more := desk.Cut(found, pg.Start, size)
	items := []format.Record{}
	for _, l := range part {
		items = append(items, listingObject(c, w, l, markets, q["includedData"]))
	}
	return answer.OK(format.Record{{"numberOfResults", total}, {"pagination", desk.Pagination(c, pg, size, more)}, {"items", items}}), nil
}

func listingFound(l *world.Listing, q map[string][]string, markets []*marketplace.Marketplace) bool {
	if !slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool { return l.In(m.ID) }) {
		return false
	}
	if ids := q["identifiers"]; ids != nil {
		p, is := l.Product, func(id string) bool { return slices.Contains(ids, id) }
		found := map[string]bool{
			"SKU": is(l.SKU), "ASIN": is(p.ASIN), "EAN": is(p.EAN), "JAN": is(p.EAN), "UPC": is(p.UPC), "GTIN": is("0"+p.EAN) || is(p.EAN), "FNSKU": l.Amazon && is(l.Stock.FNSKU),
		}
		if !found[q["identifiersType"][0]] {
			return false
		}
	}
	if q["variationParentSku"] != nil || q["packageHierarchySku"] != nil {
		return false // the world has neither variations nor packages of packages
	}
	within := func(name string, after bool) bool {
		if q[name] == nil {
			return true
		}
		t, _ := format.ParseTime(q[name][0])
		at := l.Created
		if strings.HasPrefix(name, "lastUpdated") {
			at = l.Updated
		}
		return at.Equal(t) || at.After(t) == after
	}
	if !within("createdAfter", true) || !within("createdBefore", false) || !within("lastUpdatedAfter", true) || !within("lastUpdatedBefore", false) {
		return false
	}
	if s := q["withIssueSeverity"]; s != nil && !slices.ContainsFunc(l.Issues, func(i world.ListingIssue) bool { return slices.Contains(s, i.Severity) }) {
		return false
	}
	has := func(status string) bool {
		return slices.ContainsFunc(markets, func(m *marketplace.Marketplace) bool {
			return l.In(m.ID) && slices.Contains(l.Status(m.ID), status)
		})
	}
	return !slices.ContainsFunc(q["withStatus"], func(s string) bool { return !has(s) }) && !slices.ContainsFunc(q["withoutStatus"], has)
}

// sortListings sorts by the last update, latest first, if nothing else is said. Listings come sorted by SKU, which decides between equals.
func sortListings(list []*world.Listing, by, order string) {
	slices.SortStableFunc(list, func(a, b *world.Listing) int {
		var n int
		switch by {
		case "sku":
			n = cmp.Compare(a.SKU, b.SKU)
		case "createdDate":
			n = a.Created.Compare(b.Created)
		default:
			n = a.Updated.Compare(b.Updated)
		}
		if order != "ASC" {
			n = -n
		}
		return n
	})
}

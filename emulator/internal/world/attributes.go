package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// GeneralType is for offers on items whose type the seller doesn't care for
// (developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-use-case-guide).
const GeneralType = "PRODUCT"

// shape is what an attribute's values look like.
type shape int

const (
	textShape      shape = iota // value
	localizedShape              // value in a language
	wholeShape                  // whole number
	booleanShape
	priceShape // amount with tax
	sizesShape // length, width, height
	weightShape
	identifierShape // type and value
	imageShape      // media_location
	offerShape
	availabilityShape
)

// Attribute is one that a listing can have.
type Attribute struct {
	Name, title, Group string
	shape              shape
	facts              bool // of the product, else of the offer
	Required           bool // in the requirements sets that have it
	max                int  // length of the text, or the number; 0: none
	many               int  // values in one marketplace; 0: one
	enum               []string
	types              []string // product types; nil: all
}

var ConditionTypes = []string{"new_new", "new_open_box", "new_oem", "refurbished_refurbished", "used_like_new", "used_very_good", "used_good", "used_acceptable",
	"collectible_like_new", "collectible_very_good", "collectible_good", "collectible_acceptable", "club_club"}

var (
	inkTypes     = []string{"WRITING_INSTRUMENT", "PEN_INK"}
	lengthUnits  = []string{"centimeters", "inches", "meters", "millimeters"}
	weightUnits  = []string{"grams", "kilograms", "ounces", "pounds"}
	fulfillCodes = []string{"DEFAULT", "AMAZON_NA", "AMAZON_EU", "AMAZON_JP", "AMAZON_AU", "AMAZON_SG", "AMAZON_IN", "AMAZON_AE", "AMAZON_SA"}
)

var ListingAttributes = []Attribute{
	{Name: "item_name", title: "Item Name", Group: "product_identity", shape: localizedShape, facts: true, Required: true, max: 200},
	{Name: "brand", title: "Brand Name", Group: "product_identity", shape: localizedShape, facts: true, Required: true, max: 100},
	{Name: "externally_assigned_product_identifier", title: "External Product Information", Group: "product_identity", shape: identifierShape, facts: true, many: 3, enum: []string{"ean", "gtin", "upc"}},
	{Name: "merchant_suggested_asin", title: "Merchant Suggested ASIN", Group: "product_identity", shape: textShape, max: 10},
	{Name: "manufacturer", title: "Manufacturer", Group: "product_details", shape: localizedShape, facts: true, max: 100},
	{Name: "model_number", title: "Model Number", Group: "product_details", shape: localizedShape, facts: true, max: 60},
	{Name: "part_number", title: "Part Number", Group: "product_details", shape: textShape, facts: true, max: 60},
	{Name: "product_description", title: "Product Description", Group: "product_details", shape: localizedShape, facts: true, max: 2000},
	{Name: "bullet_point", title: "Bullet Point", Group: "product_details", shape: localizedShape, facts: true, Required: true, max: 500, many: 5},
	{Name: "color", title: "Color", Group: "product_details", shape: localizedShape, facts: true, max: 100},
	{Name: "size", title: "Size", Group: "product_details", shape: localizedShape, facts: true, max: 100},
	{Name: "ink_color", title: "Ink Color", Group: "product_details", shape: localizedShape, facts: true, max: 100, types: inkTypes},
	{Name: "item_package_quantity", title: "Item Package Quantity", Group: "product_details", shape: wholeShape, facts: true, max: 100000},
	{Name: "number_of_items", title: "Number of Items", Group: "product_details", shape: wholeShape, facts: true, max: 100000},
	{Name: "item_dimensions", title: "Item Dimensions", Group: "product_details", shape: sizesShape, facts: true},
	{Name: "main_product_image_locator", title: "Main Image URL", Group: "images", shape: imageShape, facts: true},
	{Name: "other_product_image_locator_1", title: "Other Image URL", Group: "images", shape: imageShape, facts: true},
	{Name: "country_of_origin", title: "Country of Origin", Group: "safety_and_compliance", shape: textShape, facts: true, Required: true, enum: []string{"AT", "CN", "CZ", "DE", "FR", "GB", "IN", "IT", "JP", "PL", "TR", "TW", "US"}},
	{Name: "supplier_declared_dg_hz_regulation", title: "Dangerous Goods Regulations", Group: "safety_and_compliance", shape: textShape, facts: true, Required: true, many: 5, enum: []string{"ghs", "not_applicable", "other", "storage", "transportation", "unknown", "waste"}},
	{Name: "batteries_required", title: "Are batteries required?", Group: "safety_and_compliance", shape: booleanShape, facts: true, Required: true, types: []string{"LAMP"}},
	{Name: "condition_type", title: "Item Condition", Group: "offer", shape: textShape, Required: true, enum: ConditionTypes},
	{Name: "condition_note", title: "Offer Condition Note", Group: "offer", shape: localizedShape, max: 2000},
	{Name: "list_price", title: "List Price", Group: "offer", shape: priceShape, max: 10000000},
	{Name: "purchasable_offer", title: "Purchasable Offer", Group: "offer", shape: offerShape, Required: true, max: 10000000, many: 2},
	{Name: "fulfillment_availability", title: "Fulfillment Availability", Group: "offer", shape: availabilityShape, Required: true, max: 1000000, enum: fulfillCodes},
	{Name: "max_order_quantity", title: "Max Order Quantity", Group: "offer", shape: wholeShape, max: 100000},
	{Name: "merchant_shipping_group", title: "Merchant Shipping Group", Group: "shipping", shape: textShape, max: 100},
	{Name: "item_package_dimensions", title: "Item Package Dimensions", Group: "shipping", shape: sizesShape, facts: true},
	{Name: "item_package_weight", title: "Package Weight", Group: "shipping", shape: weightShape, facts: true},
}

// attributeOf finds an attribute of a product type; nil when the type has none of that name.
func attributeOf(productType, name string) *Attribute {
	i := slices.IndexFunc(ListingAttributes, func(a Attribute) bool { return a.Name == name })
	if i < 0 || !ListingAttributes[i].Of(productType) {
		return nil
	}
	return &ListingAttributes[i]
}

func (a *Attribute) Of(productType string) bool {
	return a.types == nil || slices.Contains(a.types, productType)
}

// In tells whether a requirements set has the attribute.
func (a *Attribute) In(requirements string) bool {
	switch requirements {
	case "LISTING_PRODUCT_ONLY":
		return a.facts
	case "LISTING_OFFER_ONLY":
		return !a.facts
	}
	return true
}

// selectors are the members by which an attribute's values are told from one another.
func (a *Attribute) selectors() []string {
	switch a.shape {
	case localizedShape:
		if a.many > 1 {
			return []string{"marketplace_id", "language_tag", "value"}
		}
		return []string{"marketplace_id", "language_tag"}
	case identifierShape:
		return []string{"marketplace_id", "type"}
	case offerShape:
		return []string{"marketplace_id", "currency", "audience"}
	case availabilityShape:
		return []string{"fulfillment_channel_code"}
	}
	if a.many > 1 {
		return []string{"marketplace_id", "value"}
	}
	return []string{"marketplace_id"}
}

// byMarketplace tells whether the attribute has values of its own in each marketplace.
func (a *Attribute) byMarketplace() bool { return a.shape != availabilityShape }

func textSchema(title string, limit int) object {
	s := object{"title": title, "type": "string", "minLength": 1, "editable": true, "hidden": false}
	if limit > 0 {
		s["maxLength"], s["maxUtf8ByteLength"] = limit, limit*4
	}
	return s
}

func numberSchema(title, kind string, low, high int) object {
	return object{"title": title, "type": kind, "minimum": low, "maximum": high, "editable": true, "hidden": false}
}

func enumSchema(title string, values []string) object {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = strings.ToUpper(v[:1]) + strings.ReplaceAll(v[1:], "_", " ")
	}
	return object{"title": title, "type": "string", "enum": values, "enumNames": names, "editable": true, "hidden": false}
}

func objectSchema(properties object, required ...string) object {
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// Schema is the attribute's part of a product type's schema, for one marketplace.
func (a *Attribute) Schema(m *marketplace.Marketplace) object {
	ref := func(name string) object { return object{"$ref": "#/$defs/" + name} }
	value := textSchema(a.title, a.max)
	if a.enum != nil {
		value = enumSchema(a.title, a.enum)
	}
	var items object
	switch a.shape {
	case textShape:
		items = objectSchema(object{"value": value}, "value")
	case localizedShape:
		items = objectSchema(object{"value": value, "language_tag": ref("language_tag")}, "value")
	case wholeShape:
		items = objectSchema(object{"value": numberSchema(a.title, "integer", 1, a.max)}, "value")
	case booleanShape:
		items = objectSchema(object{"value": object{"title": a.title, "type": "boolean", "enum": []bool{false, true}, "enumNames": []string{"No", "Yes"}}}, "value")
	case priceShape:
		items = objectSchema(object{"currency": enumSchema("Currency", []string{m.Currency}), "value": numberSchema(a.title, "number", 0, a.max)}, "currency", "value")
	case sizesShape:
		side := func(title string) object {
			return objectSchema(object{"unit": enumSchema(title+" Unit", lengthUnits), "value": numberSchema(title, "number", 0, 1000000)}, "unit", "value")
		}
		items = objectSchema(object{"length": side("Length"), "width": side("Width"), "height": side("Height")}, "length", "width", "height")
	case weightShape:
		items = objectSchema(object{"unit": enumSchema("Weight Unit", weightUnits), "value": numberSchema(a.title, "number", 0, 1000000)}, "unit", "value")
	case identifierShape:
		items = objectSchema(object{"type": enumSchema("External Product ID Type", a.enum), "value": textSchema("External Product ID", 14)}, "type", "value")
	case imageShape:
		items = objectSchema(object{"media_location": object{"title": a.title, "type": "string", "format": "uri", "maxLength": 2000}}, "media_location")
	case offerShape:
		schedule := func(title string, required ...string) object {
			entry := objectSchema(object{
				"value_with_tax": numberSchema(title, "number", 0, a.max),
				"start_at":       object{"title": "Start", "type": "string", "anyOf": []object{{"format": "date"}, {"format": "date-time"}}},
				"end_at":         object{"title": "End", "type": "string", "anyOf": []object{{"format": "date"}, {"format": "date-time"}}},
			}, required...)
			list := object{"title": "Schedule", "type": "array", "minItems": 1, "maxUniqueItems": 1, "items": entry}
			return object{"title": title, "type": "array", "minItems": 1, "maxUniqueItems": 1, "items": objectSchema(object{"schedule": list}, "schedule")}
		}
		date := object{"title": "Offer date", "type": "string"}
		items = objectSchema(object{
			"currency": enumSchema("Currency", []string{m.Currency}), "audience": object{"title": "Offer Audience", "type": "string", "enum": []string{"ALL", "B2B"}, "enumNames": []string{"Sell on Amazon", "Business"}},
			"our_price": schedule("Your Price", "value_with_tax"), "discounted_price": schedule("Sale Price", "value_with_tax", "start_at", "end_at"),
			"minimum_seller_allowed_price": schedule("Minimum Price", "value_with_tax"), "maximum_seller_allowed_price": schedule("Maximum Price", "value_with_tax"),
			"start_at": objectSchema(object{"value": date}, "value"), "end_at": objectSchema(object{"value": date}, "value"),
		}, "our_price")
	case availabilityShape:
		items = objectSchema(object{
			"fulfillment_channel_code": enumSchema("Fulfillment Channel Code", a.enum), "quantity": numberSchema("Quantity", "integer", 0, a.max),
			"lead_time_to_ship_max_days": numberSchema("Handling Time", "integer", 0, 30), "restock_date": object{"title": "Restock Date", "type": "string"},
			"is_inventory_available": object{"title": "Always available", "type": "boolean"},
		}, "fulfillment_channel_code")
	}
	if a.byMarketplace() {
		items["properties"].(object)["marketplace_id"] = ref("marketplace_id")
	}
	many := max(a.many, 1)
	if a.shape == availabilityShape {
		many = 2
	}
	return object{
		"title": a.title, "description": "The " + strings.ToLower(a.title) + " of the listing.", "type": "array", "minItems": 1, "minUniqueItems": 1, "maxUniqueItems": many,
		"selectors": a.selectors(), "items": items,
	}
}

// LanguagesOf are the languages in which texts of a marketplace can be: its own, and English in most.
func LanguagesOf(m *marketplace.Marketplace) []string {
	list := []string{m.Language}
	more := map[string][]string{
		"US": {"es_US"}, "CA": {"fr_CA"}, "DE": {"en_GB"}, "BE": {"nl_BE"}, "JP": {"en_US", "zh_CN"}, "AE": {"ar_AE"}, "SA": {"en_AE"}, "EG": {"en_AE"}, "SE": {"en_GB"}, "NL": {"en_GB"}, "PL": {"en_GB"},
	}
	return append(list, more[m.CountryCode]...)
}

// ProductTypeNames are the types' names with what they are called.
func ProductTypeNames() [][2]string {
	list := [][2]string{{GeneralType, "Product"}}
	for _, k := range ProductKinds {
		entry := [2]string{k.Type, strings.ToUpper(k.Type[:1]) + strings.ToLower(strings.ReplaceAll(k.Type[1:], "_", " "))}
		if !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	return list
}

func KnownType(name string) bool {
	return slices.ContainsFunc(ProductTypeNames(), func(t [2]string) bool { return t[0] == name })
}

// Problem is one way in which a value is not as its schema wants it. Not every one has a category.
type Problem struct{ code, message, category string }

// The codes and texts of issues are those that sellers report: 90220 (selling-partner-api-models, listingsItems sandbox cases), 90000900
// (selling-partner-api-models#4723, jlevers/selling-partner-api#861), 99022 and 4000001 (selling-partner-api-models#5219).
func invalidValue(title string) Problem {
	return Problem{"4000001", "The provided value for '" + title + "' is invalid.", ""}
}

func missingMember(member, title string) Problem {
	return Problem{"99022", fmt.Sprintf("The field '%s' for the attribute '%s' does not have enough values. The required minimum is '1' value(s).", member, title), "INVALID_ATTRIBUTE"}
}

var unknownAttribute = Problem{"90000900", "The attributes are invalid.", ""}

// check holds an attribute's values against its schema in a marketplace, and returns the first problem. partly tells that members may be
// missing: those that are merged into a value.
func (a *Attribute) check(v any, m *marketplace.Marketplace, partly bool) *Problem {
	defs := object{
		"marketplace_id": object{"type": "string", "enum": []string{m.ID}},
		"language_tag":   object{"type": "string", "enum": LanguagesOf(m)},
	}
	s := a.Schema(m)
	if partly {
		s["items"].(object)["required"] = []string{}
	}
	return a.checkValue(s, defs, v)
}

// checkValue knows those words of JSON Schema and of the meta-schema that the schemas above have.
func (a *Attribute) checkValue(s, defs object, v any) *Problem {
	title := a.title
	if ref, ok := s["$ref"].(string); ok {
		s = defs[strings.TrimPrefix(ref, "#/$defs/")].(object)
	}
	bad := invalidValue(title)
	limit := func(name string) (int, bool) { n, ok := s[name].(int); return n, ok }
	switch s["type"] {
	case "array":
		list, ok := v.([]any)
		if n, has := limit("maxUniqueItems"); !ok || has && len(list) > n {
			return &bad
		}
		if n, has := limit("minItems"); has && len(list) < n {
			missing := missingMember("value", title)
			return &missing
		}
		for _, e := range list {
			if p := a.checkValue(s["items"].(object), defs, e); p != nil {
				return p
			}
		}
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return &bad
		}
		for _, name := range s["required"].([]string) {
			if m[name] == nil {
				missing := missingMember(name, title)
				return &missing
			}
		}
		properties := s["properties"].(object)
		for name := range format.SortedKeys(m) {
			next, ok := properties[name].(object)
			if !ok {
				return &Problem{unknownAttribute.code, unknownAttribute.message, unknownAttribute.category}
			}
			if p := a.checkValue(next, defs, m[name]); p != nil {
				return p
			}
		}
	case "string":
		text, ok := v.(string)
		values, isEnum := s["enum"].([]string)
		high, bounded := limit("maxLength")
		low, _ := limit("minLength")
		if !ok || isEnum && !slices.Contains(values, text) || bounded && len([]rune(text)) > high || len(text) < low {
			return &bad
		}
		if s["format"] == "uri" {
			if u, err := url.Parse(text); err != nil || u.Host == "" {
				return &bad
			}
		}
	case "integer", "number":
		n, ok := v.(json.Number)
		f, err := n.Float64()
		low, _ := limit("minimum")
		high, _ := limit("maximum")
		if ok && err == nil && f < float64(low) {
			// sic: selling-partner-api-models#4621
			return &Problem{"90004114", "Value for ''" + n.String() + "'' is lesser than the required minimum ''[" + a.Name + "]''.", ""}
		}
		if !ok || err != nil || f > float64(high) || s["type"] == "integer" && f != float64(int(f)) {
			return &bad
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return &bad
		}
	}
	return nil
}

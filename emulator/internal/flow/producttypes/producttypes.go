// Package producttypes answers for product type definitions.
package producttypes

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of product type definitions.
var Flow = desk.Flow{Stores: []desk.Keeper{versionStore}, News: news, Services: []desk.Service{definitionService}, Handlers: map[string]desk.Handler{
	"definitionsproducttypes20200901.searchDefinitionsProductTypes": searchProductTypes,
	"definitionsproducttypes20200901.getDefinitionsProductType":     getProductType,
}}

// The product types are those of the catalogue's products, and PRODUCT, the general one. Their attributes are a small choice of Amazon's, with
// Amazon's names and in the vocabulary of Amazon's meta-schema (developer-docs.amazon.com/sp-api/docs/product-type-definition-meta-schema).
// The same schemas are served to clients and hold for what is submitted to listings.

const (
	metaSchemaURI = "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1"
	schemaURI     = "https://schemas.amazon.com/selling-partners/definitions/product-types/schema/v1/"
	// definitionsPath is where schemas lie; it is the emulator's own, at Amazon's host too.
	definitionsPath = "/_definitions/2020-09-01/"
	// firstVersion is opaque.
	firstVersion = "UAAxUS9kKMd2ZQ0A="
)

// typeSchema is the whole schema of a product type.
func typeSchema(productType string, m *marketplace.Marketplace, requirements string, enforced bool) object {
	properties, required := object{}, []string{}
	for i := range world.ListingAttributes {
		a := &world.ListingAttributes[i]
		if !a.Of(productType) || !a.In(requirements) {
			continue
		}
		properties[a.Name] = a.Schema(m)
		if a.Required && enforced {
			required = append(required, a.Name)
		}
	}
	s := object{
		"$schema": metaSchemaURI, "$id": schemaURI + productType, "$comment": "Product type definition of the emulator for " + productType + " in " + m.ID,
		"$defs": object{
			"marketplace_id": object{"default": m.ID, "editable": false, "hidden": true,
				// lineofflight/peddler, ProductTypeDefinitions20200901Test
				"anyOf": []object{{"type": "string"}, {"type": "string", "enum": []string{m.ID}, "enumNames": []string{m.Name}}}},
			"language_tag": object{"type": "string", "default": m.Language, "enum": world.LanguagesOf(m), "enumNames": world.LanguagesOf(m),
				"editable": false, "hidden": true},
		},
		"type": "object", "properties": properties, "additionalProperties": false,
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func searchProductTypes(c *desk.Call) (answer.Reply, *answer.Error) {
	for _, id := range c.Query["marketplaceIds"] {
		if _, err := c.MarketplaceOf("marketplaceIds", id); err != nil {
			return answer.Reply{}, err
		}
	}
	if c.Query.Has("keywords") && c.Query.Has("itemName") {
		return answer.Reply{}, answer.InvalidParameter("itemName", "can't be used with keywords")
	}
	list := []object{}
	for _, t := range world.ProductTypeNames() {
		if finds(t, c.Query["keywords"], c.Query.Get("itemName")) {
			list = append(list, object{"name": t[0], "displayName": t[1], "marketplaceIds": c.Query["marketplaceIds"]})
		}
	}
	return answer.OK(object{"productTypes": list, "productTypeVersion": current(c.Desk)}), nil
}

// finds tells whether a product type is found by one of some keywords, or recommended for an item's name.
func finds(t [2]string, keywords []string, itemName string) bool {
	if len(keywords) == 0 && itemName == "" {
		return true
	}
	var kinds strings.Builder
	for _, k := range world.ProductKinds {
		if k.Type == t[0] {
			kinds.WriteString(k.Name + " " + k.Plural + " " + k.Category + " ")
			for language := range format.SortedKeys(world.KindNames) {
				kinds.WriteString(world.KindNames[language][slices.IndexFunc(world.ProductKinds, func(o world.ProductKind) bool { return o.Name == k.Name })] + " ")
			}
		}
	}
	text := world.Words(t[1] + " " + kinds.String())
	if itemName != "" {
		for _, w := range world.Words(itemName) {
			if slices.Contains(text, w) && len(w) > 2 {
				return true
			}
		}
		return false
	}
	for _, k := range keywords {
		if strings.Contains(strings.ToUpper(t[0]), strings.ToUpper(strings.ReplaceAll(k, " ", "_"))) {
			return true
		}
		for _, w := range world.Words(k) {
			if slices.Contains(text, w) {
				return true
			}
		}
	}
	return false
}

func getProductType(c *desk.Call) (answer.Reply, *answer.Error) {
	ids := c.Query["marketplaceIds"]
	if len(ids) > 1 {
		return answer.Reply{}, answer.InvalidParameter("marketplaceIds", "has 2 or more values, want at most 1") // the model's note
	}
	m, err := c.MarketplaceOf("marketplaceIds", ids[0])
	if err != nil {
		return answer.Reply{}, err
	}
	if v := c.Query.Get("sellerId"); v != "" && v != c.Seller.ID {
		return answer.Reply{}, answer.Denied("").Because("sellerId: is not the seller of the access token")
	}
	name := c.Path["productType"]
	if !world.KnownType(name) {
		return answer.Reply{}, answer.Absent("NOT_FOUND", "Product type "+name+" not found in marketplace "+m.ID+".") // wording assumed
	}
	version, latest := cmp.Or(c.Query.Get("productTypeVersion"), "LATEST"), current(c.Desk)
	if version == "LATEST" || version == "RELEASE_CANDIDATE" {
		version = latest
	}
	if !isVersion(c.Desk, version) {
		return answer.Reply{}, answer.InvalidParameter("productTypeVersion", "is not a version of "+name)
	}
	requirements := cmp.Or(c.Query.Get("requirements"), "LISTING")
	enforced := cmp.Or(c.Query.Get("requirementsEnforced"), "ENFORCED")
	locale := c.Query.Get("locale")
	if locale == "" || locale == "DEFAULT" {
		locale = m.Language
	}
	var groups format.Record
	for _, group := range [][2]string{{"offer", "Offer"}, {"product_identity", "Product Identity"}, {"product_details", "Product Details"}, {"images", "Images"}, {"shipping", "Shipping"}, {"safety_and_compliance", "Safety & Compliance"}} {
		var names []string
		for i := range world.ListingAttributes {
			if a := &world.ListingAttributes[i]; a.Group == group[0] && a.Of(name) && a.In(requirements) {
				names = append(names, a.Name)
			}
		}
		if names != nil {
			groups = append(groups, [2]any{group[0], format.Record{{"title", group[1]}, {"description", group[1] + " of a listing"}, {"propertyNames", names}}})
		}
	}
	link := func(path string, schema object, query url.Values) format.Record {
		sum := md5.Sum(schemaBytes(schema))
		resource := definitionsBase(c.Exchange) + definitionsPath + path + "?" + presigned(c, query).Encode()
		return format.Record{{"link", format.Record{{"resource", resource}, {"verb", http.MethodGet}}}, {"checksum", base64.StdEncoding.EncodeToString(sum[:])}}
	}
	query := url.Values{"marketplaceId": {m.ID}, "requirements": {requirements}, "requirementsEnforced": {enforced}}
	// In Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/API/ProductTypeDefinitions20200901Test, September 2024).
	return answer.OK(format.Record{
		{"metaSchema", link("meta-schema.json", metaSchema(), nil)},
		{"schema", link("schema/"+name+".json", typeSchema(name, m, requirements, enforced == "ENFORCED"), query)},
		{"requirements", requirements}, {"requirementsEnforced", enforced}, {"propertyGroups", groups}, {"locale", locale},
		{"marketplaceIds", ids}, {"productType", name},
		{"displayName", world.ProductTypeNames()[slices.IndexFunc(world.ProductTypeNames(), func(t [2]string) bool { return t[0] == name })][1]},
		{"productTypeVersion", format.Record{{"version", version}, {"latest", version == latest}, {"releaseCandidate", false}}},
	}), nil
}

// schemaLifetime is how long a link to a schema is good: seven days (lineofflight/peddler, as above).
const schemaLifetime = 7 * 24 * time.Hour

// presigned adds to a link's query what S3's presigned URLs have. Nothing but the time is looked at when it is followed: there is nothing secret behind.
func presigned(c *desk.Call, query url.Values) url.Values {
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Date":          {c.Now.UTC().Format(amzDate)},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Credential":    {"ASIAIOSFODNN7EXAMPLE/" + c.Now.UTC().Format("20060102") + "/" + c.Seller.Region.AWSRegion() + "/s3/aws4_request"},
		"X-Amz-Expires":       {strconv.Itoa(int(schemaLifetime / time.Second))},
	}
	maps.Copy(q, query)
	sum := sha256.Sum256([]byte(q.Encode()))
	q.Set("X-Amz-Signature", hex.EncodeToString(sum[:]))
	return q
}

// amzDate is the layout of times in presigned URLs.
const amzDate = "20060102T150405Z"

func schemaBytes(schema object) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(schema); err != nil {
		panic("emulator: product type schema: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// definitionsBase is where schemas are for the client: at Amazon's host for those who ask Amazon's, else at the address that was called.
func definitionsBase(x *exchange.Exchange) string {
	if host := exchange.SchemaBucket(x.Region()); host != "" {
		return "https://" + host
	}
	return x.Origin()
}

// definition answers a request for a schema, which needs no token.
func definition(_ *desk.Desk, x *exchange.Exchange) answer.Reply {
	rest := strings.TrimPrefix(x.URL.Path, definitionsPath)
	if x.Method != http.MethodGet && x.Method != http.MethodHead {
		return answer.Reply{Status: http.StatusMethodNotAllowed, Reason: "schema: is read with GET only"}
	}
	query := x.URL.Query()
	signed, err := time.Parse(amzDate, query.Get("X-Amz-Date"))
	seconds, _ := strconv.Atoi(query.Get("X-Amz-Expires"))
	end := signed.Add(time.Duration(seconds) * time.Second)
	switch {
	case err != nil || query.Get("X-Amz-Signature") == "":
		return answer.NewS3Error(http.StatusForbidden, "AccessDenied", "Access Denied").Reply(x).Because("schema: the URL isn't signed")
	case !x.Now.Before(end):
		return answer.S3Expired(seconds, end, x.Now).Reply(x).Because("schema: the URL has expired")
	case rest == "meta-schema.json":
		return schemaReply(x, metaSchema())
	}
	name := strings.TrimSuffix(strings.TrimPrefix(rest, "schema/"), ".json")
	m, found := marketplace.ByID(query.Get("marketplaceId"))
	if !found || !world.KnownType(name) || !strings.HasPrefix(rest, "schema/") {
		return answer.S3NoKey(strings.TrimPrefix(x.URL.Path, "/")).Reply(x).Because("schema: there is none at this path")
	}
	return schemaReply(x, typeSchema(name, &m, query.Get("requirements"), query.Get("requirementsEnforced") == "ENFORCED"))
}

// schemaReply is a schema as S3 has it, for 90 days (lineofflight/peddler, test/vcr_cassettes/Peddler/API/ProductTypeDefinitions20200901Test, September 2024).
func schemaReply(x *exchange.Exchange, schema object) answer.Reply {
	gone := x.Now.UTC().AddDate(0, 0, 90).Truncate(24 * time.Hour).Format(http.TimeFormat)
	return answer.Reply{Status: http.StatusOK, ContentType: "application/schema+json", Body: schemaBytes(schema), Header: map[string]string{
		"Accept-Ranges": "bytes", "x-amz-server-side-encryption": "AES256", "x-amz-expiration": `expiry-date="` + gone + `", rule-id="Schema Expiration - 90 Days"`,
	}}
}

// definitionService keeps the schemas that answers link to.
var definitionService = desk.Service{
	Find:   func(_, _, path string) (string, bool) { return "", strings.HasPrefix(path, definitionsPath) },
	Answer: definition,
	Front:  exchange.S3,
}

// metaSchema names the words that product type schemas have beyond JSON Schema 2019-09.
var metaSchema = sync.OnceValue(func() object {
	return object{
		"$schema": "https://json-schema.org/draft/2019-09/schema", "$id": metaSchemaURI, "title": "Product type definition meta-schema of the emulator",
		"allOf": []object{{"$ref": "https://json-schema.org/draft/2019-09/schema"}},
		"properties": object{
			"selectors":      object{"type": "array", "items": object{"type": "string"}, "uniqueItems": true},
			"minUniqueItems": object{"type": "integer", "minimum": 0}, "maxUniqueItems": object{"type": "integer", "minimum": 0},
			"minUtf8ByteLength": object{"type": "integer", "minimum": 0}, "maxUtf8ByteLength": object{"type": "integer", "minimum": 0},
			"editable": object{"type": "boolean"}, "hidden": object{"type": "boolean"}, "enumNames": object{"type": "array", "items": object{"type": "string"}},
			"$lifecycle": object{"type": "object", "properties": object{"enumDeprecated": object{"type": "array"}}},
		},
	}
})

package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/flow/listingsitems"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// placed puts a parameter's value into a request's path, query or header.
func placed(p *catalog.Parameter, v any, path string, query url.Values, header http.Header) string {
	texts := []string{jsonText(v)}
	if list, ok := v.([]any); ok {
		texts = nil
		for _, entry := range list {
			texts = append(texts, jsonText(entry))
		}
	}
	switch p.In {
	case "path":
		return strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(texts[0]))
	case "header":
		header.Set(p.Name, texts[0])
	case "query":
		if p.Multi {
			query[p.Name] = texts
		} else {
			query.Set(p.Name, strings.Join(texts, ","))
		}
	}
	return path
}

// requestFor builds a request with every required parameter, made from the catalogue the way answers are.
func requestFor(t testing.TB, e *Emulator, op *catalog.Operation) *http.Request {
	t.Helper()
	api, detail := operations.SchemasOf(op)
	if detail == nil {
		t.Fatalf("%s: no detail", op.ID)
	}
	c := &desk.Call{Desk: e.desk, Op: op, Seller: e.desk.Seller(0), Now: e.Now()}
	g := desk.NewGenerator(api, c)
	path, query, header := op.Path, url.Values{}, http.Header{}
	for _, p := range detail.Parameters {
		wanted := op.ID+" "+p.Name == "financesv0.listFinancialEvents PostedAfter" || op.ID+" "+p.Name == "finances20240619.listTransactions postedAfter"
		if !p.Required && p.In != "path" && !wanted { // which Amazon wants all the same
			continue
		}
		path = placed(&p, g.Value(p.Schema, p.Name, p.Name, 0), path, query, header)
	}
	body := ""
	if detail.Body != nil {
		b, err := json.Marshal(g.Value(detail.Body.Schema, detail.Body.Name, "", 0))
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
		header.Set("Content-Type", "application/json")
	}
	u := marketplace.NorthAmerica.Endpoint() + path // the sandbox doesn't look at what is static there
	if op.SandboxOnly {
		u = marketplace.NorthAmerica.SandboxEndpoint() + path
	}
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	r, err := http.NewRequest(op.Method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

func jsonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// readModels reads the official models as OpenAPI 3, by file stem.
func readModels(t testing.TB) map[string]*openapi3.T {
	t.Helper()
	models := map[string]*openapi3.T{}
	read := func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc2 openapi2.T
		if json.Unmarshal(b, &doc2) != nil || doc2.Swagger != "2.0" {
			return nil
		}
		doc3, err := openapi2conv.ToV3(&doc2)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		models[strings.TrimSuffix(filepath.Base(path), ".json")] = doc3
		return nil
	}
	for _, dir := range []string{"../internal/gen/overlay/models", modelsDir(t)} { // our own first: Amazon's count more
		if err := filepath.WalkDir(dir, read); err != nil {
			t.Fatal(err)
		}
	}
	return models
}

// handledRequests are requests for the operations with a handler, which need more than to be valid by their schema: an order that
// exists, or arguments that go together.
func handledRequests(t testing.TB, e *Emulator) map[string][]*http.Request {
	t.Helper()
	w := e.desk.Seller(0).World()
	const store = "ATVPDKIKX0DER"
	all2022 := "attributes,classifications,dimensions,identifiers,images,productTypes,relationships,salesRanks,summaries,vendorDetails"
	all2026 := "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
	requests := map[string][]*http.Request{}
	add := func(id, target, body string) {
		op, ok := catalog.Lookup(id)
		if !ok {
			t.Fatalf("no operation %s", id)
		}
		endpoint := marketplace.NorthAmerica.Endpoint()
		if op.SandboxOnly {
			endpoint = marketplace.NorthAmerica.SandboxEndpoint()
		}
		r, err := http.NewRequest(op.Method, endpoint+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		requests[id] = append(requests[id], r)
	}
	invoicingRequests(t, e, requests, add) // first: it lets time pass
	add("catalogitems20220401.searchCatalogItems", "/catalog/2022-04-01/items?keywords=pen&includedData="+all2022+"&marketplaceIds="+store, "")
	add("orders20260101.searchOrders", "/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&maxResultsPerPage=50&includedData="+all2026, "")
	add("orders20260101.searchOrders", "/orders/2026-01-01/orders?lastUpdatedAfter=2020-01-01T00:00:00Z", "")
	add("ordersv0.getOrders", "/orders/v0/orders?MaxResultsPerPage=50&CreatedAfter=2020-01-01T00:00:00Z&MarketplaceIds="+store, "")
	add("tokens20210301.createRestrictedDataToken", "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}]}`)
	for _, p := range w.Products {
		add("catalogitems20220401.getCatalogItem", "/catalog/2022-04-01/items/"+p.ASIN+"?includedData="+all2022+"&marketplaceIds="+store, "")
		add("catalogitemsv0.listCatalogCategories", "/catalog/v0/categories?ASIN="+p.ASIN+"&MarketplaceId="+store, "")
	}
	for parent := range w.Families {
		add("catalogitems20220401.getCatalogItem", "/catalog/2022-04-01/items/"+parent+"?includedData="+all2022+"&marketplaceIds="+store, "")
		add("catalogitems20201201.getCatalogItem", "/catalog/2020-12-01/items/"+parent+"?marketplaceIds="+store+"&includedData=attributes,identifiers,images,productTypes,salesRanks,summaries,variations,vendorDetails", "")
	}
	a := e.desk.Seller(0)
	items := "/listings/2021-08-01/items/" + a.ID
	allListings := "summaries,attributes,issues,offers,fulfillmentAvailability,procurement,relationships,productTypes"
	add("listingsitems20210801.searchListingsItems", items+"?pageSize=20&includedData="+allListings+"&marketplaceIds="+store, "")
	for sku, l := range w.Listings {
		add("listingsitems20210801.getListingsItem", items+"/"+url.PathEscape(sku)+"?includedData="+allListings+"&marketplaceIds="+store+",A2EUQ1WTGCTBG2", "")
		add("listingsrestrictions20210801.getListingsRestrictions", "/listings/2021-08-01/restrictions?asin="+l.Product.ASIN+"&sellerId="+a.ID+"&marketplaceIds="+store, "")
		add("catalogitems20201201.getCatalogItem", "/catalog/2020-12-01/items/"+l.Product.ASIN+"?marketplaceIds="+store+"&includedData=attributes,identifiers,images,productTypes,salesRanks,summaries,variations,vendorDetails", "")
	}
	for _, version := range []string{"2020-09-01", "2021-08-01"} {
		api := "listingsitems" + strings.ReplaceAll(version, "-", "")
		target := "/listings/" + version + "/items/" + a.ID + "/NEW-" + version + "?marketplaceIds=" + store
		add(api+".putListingsItem", target, `{"productType":"LAMP","attributes":{"brand":[{"value":"x"}]}}`)
		attributes, _ := json.Marshal(listingsitems.AttributesIn(w.AttributesOf(w.Listings[w.Products[0].SKU]), []*marketplace.Marketplace{&a.Marketplaces[0]}))
		add(api+".putListingsItem", target, `{"productType":"`+w.Products[0].Kind.Type+`","attributes":`+string(attributes)+`}`)
		add(api+".patchListingsItem", target, `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":3}]}]}`)
		add(api+".deleteListingsItem", target, "")
	}
	add("catalogitems20201201.searchCatalogItems", "/catalog/2020-12-01/items?keywords=pen&marketplaceIds="+store, "")
	for _, requirements := range []string{"LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"} {
		add("definitionsproducttypes20200901.getDefinitionsProductType", "/definitions/2020-09-01/productTypes/LAMP?requirements="+requirements+"&marketplaceIds="+store, "")
	}
	add("definitionsproducttypes20200901.searchDefinitionsProductTypes", "/definitions/2020-09-01/productTypes?marketplaceIds="+store, "")
	for _, details := range []string{"true", "false"} {
		add("fbainventoryv1.getInventorySummaries", "/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId="+store+"&marketplaceIds="+store+"&details="+details, "")
	}
	fbaItem := `{"sellerSku":"FBA-1","marketplaceId":"` + store + `",`
	add("fbainventoryv1.createInventoryItem", "/fba/inventory/v1/items", fbaItem+`"productName":"Stift"}`)
	add("fbainventoryv1.addInventory", "/fba/inventory/v1/items/inventory", `{"inventoryItems":[`+fbaItem+`"quantity":3}]}`)
	requests["fbainventoryv1.addInventory"][0].Header.Set("x-amzn-idempotency-token", "1")
	add("fbainventoryv1.createInventoryItem", "/fba/inventory/v1/items", strings.Replace(fbaItem, "FBA-1", "FBA-EMPTY", 1)+`"productName":"X"}`)
	add("fbainventoryv1.deleteInventoryItem", "/fba/inventory/v1/items/FBA-EMPTY?marketplaceId="+store, "")
	addMarketRequests(e, w, add)
	addPromotionRequests(t, e, store, add)
	addFinanceRequests(e, add)
	shipments := 0
	for o := range w.All(time.Time{}, e.Now()) {
		v0 := "/orders/v0/orders/" + o.ID
		add("orders20260101.getOrder", "/orders/2026-01-01/orders/"+o.ID+"?includedData="+all2026, "")
		add("ordersv0.getOrder", v0, "")
		add("ordersv0.getOrderAddress", v0+"/address", "")
		add("ordersv0.getOrderBuyerInfo", v0+"/buyerInfo", "")
		add("ordersv0.getOrderItems", v0+"/orderItems", "")
		add("ordersv0.getOrderItemsBuyerInfo", v0+"/orderItems/buyerInfo", "")
		add("ordersv0.getOrderRegulatedInfo", v0+"/regulatedInfo", "")
		if o.Status(e.Now()) == world.Unshipped && !o.Amazon && (requests["ordersv0.updateVerificationStatus"] == nil || requests["ordersv0.updateShipmentStatus"] == nil) {
			// Such orders are few.
			err := w.Change(o.ID, e.Now(), func(own *world.Order) error {
				if requests["ordersv0.updateVerificationStatus"] == nil {
					own.Regulated = world.NewRegulation(random.New(1), own)
				} else {
					own.Store = "STORE-1"
				}
				*o = *own
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if o.Regulated != nil && o.Regulated.StatusAt(o, e.Now()) == "Pending" {
			add("ordersv0.updateVerificationStatus", v0+"/regulatedInfo", `{"regulatedOrderVerificationStatus":{"status":"Approved","externalReviewerId":"1"}}`)
		}
		if o.Store != "" && o.Status(e.Now()) == world.Unshipped {
			add("ordersv0.updateShipmentStatus", v0+"/shipment", `{"marketplaceId":"`+o.Marketplace.ID+`","shipmentStatus":"ReadyForPickup"}`)
			continue
		}
		if o.Status(e.Now()) == world.Unshipped && !o.Amazon && shipments == 0 {
			shipments++
			add("ordersv0.confirmShipment", v0+"/shipmentConfirmation", `{"marketplaceId":"`+o.Marketplace.ID+`","packageDetail":{"packageReferenceId":"1","carrierCode":"UPS","trackingNumber":"1Z","shipDate":"2026-03-01T00:00:00Z","orderItems":[{"orderItemId":"`+o.Items[0].ID+`","quantity":1}]}}`)
		}
	}
	deskRequests(t, e, add)
	fulfilmentRequests(t, e, add)
	labelRequests(t, e, requests)
	maps.Copy(requests, handoverRequests(t, e))
	walletRequests(t, e, requests, add)
	vendorRequests(t, e, add)
	payoutRequests(t, e, requests, add)
	return requests
}

// TestEveryOperationAnswers asks every operation of the catalogue for something valid and holds the answer against Amazon's own model.
func TestEveryOperationAnswers(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	models := readModels(t)
	ops := catalog.Operations()
	if len(ops) != 373 {
		t.Errorf("%d operations in the catalogue, want 373", len(ops))
	}
	handled := handledRequests(t, e)
	requests, bodies := 0, 0
	var invalid []string
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b catalog.Operation) int { return rankOfRequest(&a) - rankOfRequest(&b) })
	for i := range ops {
		op := &ops[i]
		list := handled[op.ID]
		if list == nil {
			list = []*http.Request{requestFor(t, e, op)}
		}
		for _, r := range list {
			requests++
			if r.Header.Get("x-amz-access-token") == "" { // of another seller where there is one
				r.Header.Set("x-amz-access-token", tokenFor(e, op))
			}
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if got := rec.Header().Get("X-Spapi-Emulator-Operation"); got != op.ID {
				t.Errorf("%s %s: served as %q, want %s", op.Method, r.URL, got, op.ID)
				continue
			}
			if rec.Status/100 != 2 {
				t.Errorf("%s: %s %s: %d %s", op.ID, op.Method, r.URL, rec.Status, rec.Body.String())
				continue
			}
			hasBody, err := checkAnswer(models[op.Model], op, rec)
			if hasBody {
				bodies++
			}
			if err != nil {
				invalid = append(invalid, op.ID)
				if !slices.Contains(oddSchemas, op.ID) {
					t.Errorf("%s: %s: %v", op.ID, r.URL, err)
				}
			}
		}
	}
	t.Logf("%d operations (%d with handlers): %d requests, all 2xx; %d bodies, invalid against the model: %d %v", len(ops), len(handled), requests, bodies, len(invalid), invalid)
}

// rankOfRequest is when an operation is asked: making comes before adding, deleting after all else.
func rankOfRequest(op *catalog.Operation) int {
	switch {
	case op.Method == "DELETE":
		return 2
	case op.ID == "fbainventoryv1.createInventoryItem" || op.Name == "putListingsItem":
		return 0
	}
	return 1
}

// checkAnswer holds an answer against the model.
func checkAnswer(doc *openapi3.T, op *catalog.Operation, rec *exchange.Recorder) (hasBody bool, _ error) {
	if doc == nil {
		return false, fmt.Errorf("no model %s", op.Model)
	}
	response := doc.Paths.Value(op.Path).GetOperation(op.Method).Responses.Status(rec.Status)
	if response == nil || response.Value == nil {
		return false, fmt.Errorf("status %d is not declared", rec.Status)
	}
	schema := schemaOf(response.Value)
	if schema == nil || rec.Status == http.StatusNoContent {
		if rec.Body.Len() > 0 {
			return true, fmt.Errorf("body where none is declared: %s", rec.Body.String())
		}
		return false, nil
	}
	var v any
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		return true, err
	}
	if list, ok := errorsIn(v); ok && len(list) > 0 {
		return true, fmt.Errorf("errors in a success: %v", list)
	}
	return true, resolve(doc, schema).VisitJSON(v, openapi3.MultiErrors(), openapi3.EnableFormatValidation())
}

// errorsIn returns the top-level errors of a body.
func errorsIn(v any) ([]any, bool) {
	m, _ := v.(map[string]any)
	list, ok := m["errors"].([]any)
	return list, ok
}

// oddSchemas are operations whose answer can't be valid because the model contradicts itself, or what is recorded of the service.
var oddSchemas = []string{
	"merchantfulfillmentv0.cancelShipment", // the file type of a label that is gone is empty (selling-partner-api-models#258)
	"notificationsv1.createDestination",    // kinds that a destination isn't of are null (jlevers/selling-partner-api#885)
	"notificationsv1.getDestination",
	"notificationsv1.getDestinations",
	"salesv1.getOrderMetrics", // amounts are numbers (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs/SalesV1Test), which the model has as texts
}

func schemaOf(r *openapi3.Response) *openapi3.SchemaRef {
	for _, m := range r.Content {
		if m.Schema != nil {
			return m.Schema
		}
	}
	return nil
}

// resolve fills in the references of a schema, once per reference.
func resolve(doc *openapi3.T, ref *openapi3.SchemaRef) *openapi3.Schema {
	if ref.Value == nil {
		if target := doc.Components.Schemas[strings.TrimPrefix(ref.Ref, "#/components/schemas/")]; target != nil {
			if target.Value == nil {
				resolve(doc, target)
			}
			ref.Value = target.Value
		}
	}
	return ref.Value
}

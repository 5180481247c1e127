package emulator

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// TestErrorsAreReached takes the steps of each row of testdata/errors.csv and wants the row's error at the last one. The columns:
//
//	api, operation      what is refused
//	status, code        of the error
//	message, details    its texts; … stands for any text, nothing for details that are empty or missing, {name} for what a step has found
//	steps               see below; where there are none, unreached says why
//
// Steps are separated by " > ". Each but the last must succeed. A step is a line of [calls], with changes of its request: "member.of.the.body=value", a text
// where there is one, else JSON or a text, "?parameter=value", or "{name}=value" for what the calls of the row know by name; "-member" and "-?parameter" leave something out. Or it is
// one of [situations], such as "order merchant unshipped" or "wait 10m".
func TestErrorsAreReached(t *testing.T) {
	b, err := os.ReadFile("testdata/errors.csv")
	if err != nil {
		t.Fatal(err)
	}
	type count struct{ all, reached, waiting int }
	counts := map[string]*count{}
	handlers := withHandler()
	for i, row := range table.Read("errors.csv", string(b)) {
		api, operation, steps, unreached := row[0], row[1], row[6], row[7]
		n := counts[api]
		if n == nil {
			n = &count{}
			counts[api] = n
		}
		n.all++
		name := fmt.Sprintf("%d %s %s %s", i+1, api, operation, row[3])
		list := strings.Split(steps, " > ")
		verb, _, _ := strings.Cut(list[len(list)-1], " ")
		last := calls[verb].operation
		switch {
		case (steps == "") == (unreached == ""):
			t.Errorf("%s: want either steps or the reason why it isn't reached", name)
		case steps == "":
		case last != api+"."+operation && !(operation == "*" && strings.HasPrefix(last, api+".")):
			t.Errorf("%s: the last step is a call of %q", name, last)
		case !handlers[last] && operation != "*": // what can go wrong with all operations alike needs no state
			n.waiting++
		default:
			if t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
				c := newErrorCase(t)
				for _, step := range list[:len(list)-1] {
					if status, body := c.take(step); status/100 != 2 {
						t.Fatalf("%s: %d %s (%s)", step, status, body, c.reason)
					}
				}
				status, body := c.take(list[len(list)-1])
				c.want(row, status, body)
			}) {
				n.reached++
			}
		}
	}
	var sum count
	for api := range format.SortedKeys(counts) {
		n := counts[api]
		sum.all, sum.reached, sum.waiting = sum.all+n.all, sum.reached+n.reached, sum.waiting+n.waiting
		t.Logf("%s: %d of %d errors reached", api, n.reached, n.all)
	}
	t.Logf("%d of %d errors reached; %d are of operations without state", sum.reached, sum.all, sum.waiting)
}

// errorCase is what the steps of a row have made.
type errorCase struct {
	*Emulator
	t      *testing.T
	seller int    // number of the account
	reason string // why the last request was refused
	names  map[string]string
}

func newErrorCase(t *testing.T) *errorCase {
	t.Helper()
	e, err := New(WithSeed(1), WithFixedTime(shopTime), WithoutLimits(), WithOrders(2000), WithExplain())
	if err != nil {
		t.Fatal(err)
	}
	c := &errorCase{Emulator: e, t: t, names: map[string]string{}}
	c.names["marketplace"] = e.desk.Seller(0).Marketplaces[0].ID
	invoice := []byte("<NFe><infNFe/></NFe>")
	c.names["content"], c.names["md5"] = base64.StdEncoding.EncodeToString(invoice), fmt.Sprintf("%x", md5.Sum(invoice))
	return c
}

// named replaces {name} by what it stands for.
func (c *errorCase) named(text string) string {
	return regexp.MustCompile(`\{[a-z]\w*\}`).ReplaceAllStringFunc(text, func(name string) string {
		switch name := strings.Trim(name, "{}"); name {
		case "now":
			return c.Now().UTC().Format(time.RFC3339)
		case "today":
			return c.Now().UTC().Format(time.DateOnly)
		default:
			if v, ok := c.names[name]; ok {
				return v
			}
			c.t.Fatalf("{%s}: nothing is called so", name)
			return ""
		}
	})
}

// take takes a step.
func (c *errorCase) take(step string) (status int, body []byte) {
	c.t.Helper()
	verb, rest, _ := strings.Cut(step, " ")
	if do := situations[verb]; do != nil {
		do(c, strings.Fields(rest))
		return http.StatusOK, nil
	}
	call, known := calls[verb]
	if !known {
		c.t.Fatalf("%q: no such step", step)
	}
	var changes []string
	for change := range strings.SplitSeq(rest, ", ") {
		if change == "" {
			continue
		}
		if name, value, found := strings.Cut(change, "="); found && strings.HasPrefix(name, "{") {
			c.names[strings.Trim(name, "{}")] = c.named(value)
			continue
		}
		changes = append(changes, change)
	}
	return c.send(&call, changes)
}

func (c *errorCase) send(call *errorCall, changes []string) (status int, body []byte) {
	c.t.Helper()
	op, ok := catalog.Lookup(call.operation)
	if !ok {
		c.t.Fatalf("no operation %s", call.operation)
	}
	query, err := url.ParseQuery(c.named(call.query))
	if err != nil {
		c.t.Fatal(err)
	}
	var sent any
	if call.body != "" {
		if sent, err = format.DecodeJSON([]byte(c.named(call.body))); err != nil {
			c.t.Fatalf("%s: %v", call.body, err)
		}
	}
	for _, change := range changes {
		path, value, given := strings.Cut(change, "=")
		value = c.named(value)
		name, drop := strings.CutPrefix(path, "-")
		parameter, isParameter := strings.CutPrefix(name, "?")
		switch {
		case isParameter && drop:
			query.Del(parameter)
		case isParameter:
			query.Set(parameter, value)
		case drop || given:
			sent = changed(c.t, sent, strings.Split(name, "."), value, drop)
		default:
			c.t.Fatalf("%q: want a change", change)
		}
	}
	var raw []byte
	if sent != nil {
		raw, _ = json.Marshal(sent)
	}
	target := c.desk.Seller(c.seller).Region.Endpoint() + regexp.MustCompile(`\{\w+\}`).ReplaceAllStringFunc(op.Path, func(name string) string {
		return url.PathEscape(c.named(strings.ToLower(name)))
	})
	r, err := http.NewRequest(op.Method, target+"?"+query.Encode(), bytes.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	if raw != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, v := range call.headers {
		r.Header.Set(name, v)
	}
	g := &auth.Grant{Account: c.desk.Seller(c.seller).Account, Expires: c.Now().Add(time.Hour)}
	switch {
	case op.Grantless != "":
		g = &auth.Grant{Kind: auth.GrantlessGrant, Scopes: []string{op.Grantless}, Expires: g.Expires}
	case op.Restricted != nil:
		g.Kind, g.Resources = auth.RestrictedGrant, []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	r.Header.Set("x-amz-access-token", c.desk.Auth.Issue("Atza|", g, c.Now()))
	rec := exchange.NewRecorder()
	c.ServeHTTP(rec, r)
	c.reason = rec.Header().Get("X-Spapi-Emulator-Reason")
	if rec.Status/100 == 2 && len(call.finds) > 0 {
		var answer response
		if answer.json, err = format.DecodeJSON(rec.Body.Bytes()); err != nil {
			c.t.Fatal(err)
		}
		for name, path := range call.finds {
			var steps []any
			for step := range strings.SplitSeq(path, ".") {
				if n, err := strconv.Atoi(step); err == nil {
					steps = append(steps, n)
				} else {
					steps = append(steps, step)
				}
			}
			if c.names[name] = answer.text(steps...); c.names[name] == "" {
				c.t.Fatalf("%s: no %s in %s", call.operation, path, rec.Body.String())
			}
		}
	}
	return rec.Status, rec.Body.Bytes()
}

// changed sets or drops a member of a body.
func changed(t *testing.T, v any, path []string, value string, drop bool) any {
	t.Helper()
	if len(path) == 0 {
		if _, text := v.(string); text {
			return value
		}
		if read, err := format.DecodeJSON([]byte(value)); err == nil {
			return read
		}
		return value
	}
	switch m := v.(type) {
	case map[string]any:
		if drop && len(path) == 1 {
			delete(m, path[0])
		} else {
			m[path[0]] = changed(t, m[path[0]], path[1:], value, drop)
		}
		return m
	case []any:
		i, err := strconv.Atoi(path[0])
		switch {
		case err != nil || i > len(m):
			t.Fatalf("%v: no element of %v", path, v)
		case drop && len(path) == 1:
			return slices.Delete(m, i, i+1)
		case i == len(m):
			return append(m, changed(t, nil, path[1:], value, drop))
		}
		m[i] = changed(t, m[i], path[1:], value, drop)
		return m
	case nil:
		return map[string]any{path[0]: changed(t, nil, path[1:], value, drop)}
	}
	t.Fatalf("%v: %v has no members", path, v)
	return nil
}

// want holds an answer against a row.
func (c *errorCase) want(row []string, status int, body []byte) {
	c.t.Helper()
	if row[2] == "207" { // an error within a batch
		if text := string(body); status != http.StatusMultiStatus || !strings.Contains(text, `"`+row[3]+`"`) || !strings.Contains(text, `"`+row[4]+`"`) {
			c.t.Errorf("%d %s, want %q", status, body, row[2:5])
		}
		return
	}
	var answer struct{ Errors []map[string]any }
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Errors) == 0 {
		c.t.Fatalf("%d %s: no error", status, body)
	}
	got := answer.Errors[0]
	text := func(name string) string { s, _ := got[name].(string); return s }
	if strconv.Itoa(status) != row[2] || text("code") != row[3] || !c.fits(row[4], text("message")) || !c.fits(row[5], text("details")) {
		c.t.Errorf("%d %s (%s), want %q", status, body, c.reason, row[2:6])
	}
}

func (c *errorCase) fits(pattern, text string) bool {
	parts := strings.Split(c.named(pattern), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `.*`) + `$`).MatchString(text)
}

// situations are steps that are no calls.
var situations = map[string]func(c *errorCase, words []string){
	// seller IN: from here on the requests are those of a seller in that country.
	"seller": func(c *errorCase, words []string) {
		m, err := marketplace.Lookup(words[0])
		if err != nil {
			c.t.Fatal(err)
		}
		a, err := c.desk.AddSeller(m.Region, []string{m.ID}, c.Now())
		if err != nil {
			c.t.Fatal(err)
		}
		c.seller, c.names["marketplace"] = a.Number, m.ID
	},
	// order merchant unshipped: {order} is the latest one of the kind, {item} its first item, of which it has {quantity}; said again, it is the one before.
	"order": func(c *errorCase, words []string) {
		var latest *world.Order
		for o := range c.desk.Seller(c.seller).World().All(c.Now().AddDate(0, 0, -60), c.Now()) {
			if !slices.ContainsFunc(words, func(word string) bool { return !orderKinds[word](o, c) }) && o.ID != c.names["order"] {
				latest = o
			}
		}
		if latest == nil {
			c.t.Fatalf("there is no order that is %v", words)
		}
		c.names["order"], c.names["orderid"] = latest.ID, latest.ID
		c.names["item"], c.names["quantity"] = latest.Items[0].ID, strconv.Itoa(latest.Items[0].Quantity)
	},
	// shipment ACCEPTED: {shipmentid} is the latest such one of External Fulfillment that has one {line} only, of {units}, and leaves {location}.
	"shipment": func(c *errorCase, words []string) {
		status, body := c.send(&errorCall{operation: "externalfulfillmentshipments20240911.getShipments", query: "maxResults=100&status=" + words[0]}, nil)
		var found struct {
			Shipments []struct {
				ID, LocationID string
				LineItems      []struct {
					ShipmentLineItemID string
					NumberOfUnits      int
				}
			}
		}
		if err := json.Unmarshal(body, &found); status != http.StatusOK || err != nil {
			c.t.Fatalf("%d %s: %v", status, body, err)
		}
		for _, s := range slices.Backward(found.Shipments) {
			if len(s.LineItems) == 1 {
				c.names["shipmentid"], c.names["packageid"], c.names["location"] = s.ID, "1", s.LocationID
				c.names["line"], c.names["units"] = s.LineItems[0].ShipmentLineItemID, strconv.Itoa(s.LineItems[0].NumberOfUnits)
				return
			}
		}
		c.t.Fatalf("no shipment is %s: %s", words[0], body)
	},
	// wait 10m: time passes.
	"wait": func(c *errorCase, words []string) {
		d, err := time.ParseDuration(words[0])
		if err != nil {
			c.t.Fatal(err)
		}
		c.Advance(d)
	},
	// fault internal,operation=…: a rule of faults.
	"fault": func(c *errorCase, words []string) {
		f, err := ParseFault(words[0])
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := c.AddFault(f); err != nil {
			c.t.Fatal(err)
		}
	},
	// roles A: the application has this one only.
	"roles": func(c *errorCase, words []string) { c.SetRoles(strings.Join(words, " ")) },
	// option Name: an option of the emulator that changes how it refuses.
	"option": func(c *errorCase, words []string) {
		field := reflect.ValueOf(&c.desk.Options).Elem().FieldByName(words[0])
		if !field.IsValid() {
			c.t.Fatalf("no option %s", words[0])
		}
		field.SetBool(true)
	},
}

var orderKinds = map[string]func(o *world.Order, c *errorCase) bool{
	"merchant":  func(o *world.Order, _ *errorCase) bool { return !o.Amazon && o.Store == "" && o.Regulated == nil },
	"amazon":    func(o *world.Order, _ *errorCase) bool { return o.Amazon },
	"unshipped": func(o *world.Order, c *errorCase) bool { return o.Status(c.Now()) == world.Unshipped },
	"pending":   func(o *world.Order, c *errorCase) bool { return o.Status(c.Now()) == world.Pending },
	"shipped":   func(o *world.Order, c *errorCase) bool { return o.Status(c.Now()) == world.Shipped },
	"canceled":  func(o *world.Order, c *errorCase) bool { return o.Status(c.Now()) == world.Canceled },
	"home":      func(o *world.Order, c *errorCase) bool { return o.Marketplace.ID == c.names["marketplace"] },
}

// errorCall is a request that succeeds as it stands, once what it names has been found.
type errorCall struct {
	operation, query, body string
	headers                map[string]string
	finds                  map[string]string // names for what the answer has, by its path
}

const usSender = `{"Name":"Pens","AddressLine1":"500 Pine St","City":"Seattle","StateOrProvinceCode":"WA","PostalCode":"98101","CountryCode":"US","Email":"pens@example.com","Phone":"206-555-0100"}`

const shippingSender = `{"name":"Pens","addressLine1":"500 Pine St","city":"Seattle","stateOrRegion":"WA","postalCode":"98101","countryCode":"US"}`

const mfnDetails = `"ShipmentRequestDetails":{"AmazonOrderId":"{order}","ItemList":[{"OrderItemId":"{item}","Quantity":{quantity}}],"ShipFromAddress":` + usSender + `,
	"PackageDimensions":{"Length":10,"Width":8,"Height":4,"Unit":"inches"},"Weight":{"Value":20,"Unit":"oz"},
	"ShippingServiceOptions":{"DeliveryExperience":"DeliveryConfirmationWithoutSignature","CarrierWillPickUp":false}}`

const easyshipParcel = `{"marketplaceId":"{marketplace}","amazonOrderId":"{order}","packageDimensions":{"length":"30","width":"20","height":"10","unit":"cm"},
	"packageWeight":{"value":"750","unit":"g"}}`

const externalBox = `{"id":"1","dimensions":{"length":{"value":"30","dimensionUnit":"CM"},"width":{"value":"20","dimensionUnit":"CM"},"height":{"value":"10","dimensionUnit":"CM"}},
	"weight":{"value":"750","weightUnit":"G"},"packageLineItems":[{"packageLineItemId":"{line}","quantity":{units}}]}`

var calls = map[string]errorCall{
	"mfn.quote": {operation: "merchantfulfillmentv0.getEligibleShipmentServices", body: `{` + mfnDetails + `}`,
		finds: map[string]string{"service": "payload.ShippingServiceList.0.ShippingServiceId", "offer": "payload.ShippingServiceList.0.ShippingServiceOfferId"}},
	"mfn.inputs": {operation: "merchantfulfillmentv0.getAdditionalSellerInputs", body: `{"ShippingServiceId":"{service}","OrderId":"{order}","ShipFromAddress":` + usSender + `}`},
	"mfn.buy": {operation: "merchantfulfillmentv0.createShipment", body: `{"ShippingServiceId":"{service}","ShippingServiceOfferId":"{offer}",` + mfnDetails + `}`,
		finds: map[string]string{"shipmentid": "payload.ShipmentId"}},
	"mfn.get":    {operation: "merchantfulfillmentv0.getShipment"},
	"mfn.cancel": {operation: "merchantfulfillmentv0.cancelShipment"},

	"v1.create": {operation: "shippingv1.createShipment", body: `{"clientReferenceId":"1","shipTo":` + shippingSender + `,"shipFrom":` + shippingSender + `,"containers":[
		{"containerReferenceId":"1","value":{"value":10,"unit":"USD"},"dimensions":{"length":1,"width":1,"height":1,"unit":"IN"},"weight":{"value":1,"unit":"lb"},
		"items":[{"quantity":1,"unitPrice":{"value":1,"unit":"USD"},"unitWeight":{"value":1,"unit":"lb"},"title":"Pen"}]}]}`,
		finds: map[string]string{"shipmentid": "payload.shipmentId"}},
	"v1.buy": {operation: "shippingv1.purchaseShipment", body: `{"clientReferenceId":"1","shipTo":` + shippingSender + `,"shipFrom":` + shippingSender + `,"serviceType":"Amazon Shipping Ground","containers":[
		{"containerReferenceId":"1","value":{"value":10,"unit":"USD"},"dimensions":{"length":1,"width":1,"height":1,"unit":"IN"},"weight":{"value":1,"unit":"lb"},
		"items":[{"quantity":1,"unitPrice":{"value":1,"unit":"USD"},"unitWeight":{"value":1,"unit":"lb"},"title":"Pen"}]}],"labelSpecification":{"labelFormat":"PNG","labelStockSize":"4x6"}}`},
	"v1.get":     {operation: "shippingv1.getShipment"},
	"v1.cancel":  {operation: "shippingv1.cancelShipment"},
	"v1.labels":  {operation: "shippingv1.purchaseLabels", body: `{"rateId":"1","labelSpecification":{"labelFormat":"PNG","labelStockSize":"4x6"}}`},
	"v1.label":   {operation: "shippingv1.retrieveShippingLabel", body: `{"labelSpecification":{"labelFormat":"PNG","labelStockSize":"4x6"}}`},
	"v1.account": {operation: "shippingv1.getAccount"},

	"v2.rates": {operation: "shippingv2.getRates", body: `{"shipFrom":` + shippingSender + `,"packages":[{"dimensions":{"length":10,"width":8,"height":4,"unit":"INCH"},
		"weight":{"value":1,"unit":"POUND"},"insuredValue":{"value":10,"unit":"USD"},"packageClientReferenceId":"1","items":[{"itemIdentifier":"{item}","quantity":{quantity}}]}],
		"channelDetails":{"channelType":"AMAZON","amazonOrderDetails":{"orderId":"{order}"}}}`,
		finds: map[string]string{"token": "payload.requestToken", "rate": "payload.rates.0.rateId"}},
	"v2.buy": {operation: "shippingv2.purchaseShipment", headers: map[string]string{"x-amzn-IdempotencyKey": "1"}, body: `{"requestToken":"{token}","rateId":"{rate}",
		"requestedDocumentSpecification":{"format":"PNG","size":{"width":4,"length":6,"unit":"INCH"},"dpi":203,"pageLayout":"DEFAULT","needFileJoining":false,"requestedDocumentTypes":["LABEL"]}}`,
		finds: map[string]string{"shipmentid": "payload.shipmentId"}},
	"v2.inputs": {operation: "shippingv2.getAdditionalInputs", query: "requestToken={token}&rateId={rate}"},

	"tracking.get": {operation: "tracking20260130.getShipmentTracking"},

	"finances.transactions": {operation: "finances20240619.listTransactions", query: "postedAfter=2026-01-01T00:00:00Z"},
	"finances.balances":     {operation: "finances20240619.listBalances", query: "marketplaceIds={marketplace}"},
	"finances.summary":      {operation: "finances20240619.listSummary", query: "marketplaceIds={marketplace}&periodStart=2026-01-01&periodEnd=2026-02-01"},
	"financesv0.events":     {operation: "financesv0.listFinancialEvents", query: "PostedAfter=2026-01-01T00:00:00Z&MaxResultsPerPage=1", finds: map[string]string{"next": "payload.NextToken"}},
	"financesv0.groups":     {operation: "financesv0.listFinancialEventGroups", finds: map[string]string{"groupid": "payload.FinancialEventGroupList.0.FinancialEventGroupId"}},
	"financesv0.group":      {operation: "financesv0.listFinancialEventsByGroupId"},

	"easyship.slots": {operation: "easyship20220323.listHandoverSlots", body: easyshipParcel, finds: map[string]string{"slot": "timeSlots.0.slotId"}},
	"easyship.later": {operation: "easyship20220323.listHandoverSlots", body: easyshipParcel, finds: map[string]string{"slot": "timeSlots.6.slotId"}},
	"easyship.create": {operation: "easyship20220323.createScheduledPackage", body: `{"marketplaceId":"{marketplace}","amazonOrderId":"{order}","packageDetails":{"packageTimeSlot":{"slotId":"{slot}"}}}`,
		finds: map[string]string{"package": "scheduledPackageId.packageId"}},
	"easyship.get": {operation: "easyship20220323.getScheduledPackage", query: "marketplaceId={marketplace}&amazonOrderId={order}"},
	"easyship.update": {operation: "easyship20220323.updateScheduledPackages", body: `{"marketplaceId":"{marketplace}","updatePackageDetailsList":[
		{"scheduledPackageId":{"amazonOrderId":"{order}","packageId":"{package}"},"packageTimeSlot":{"slotId":"{slot}"}}]}`},
	"easyship.bulk": {operation: "easyship20220323.createScheduledPackageBulk", body: `{"marketplaceId":"{marketplace}","orderScheduleDetailsList":[{"amazonOrderId":"{order}"}],"labelFormat":"PDF"}`},

	"ext.list":    {operation: "externalfulfillmentshipments20240911.getShipments", query: "status=ACCEPTED"},
	"ext.get":     {operation: "externalfulfillmentshipments20240911.getShipment"},
	"ext.process": {operation: "externalfulfillmentshipments20240911.processShipment", query: "operation=CONFIRM", body: `{"lineItems":[]}`},
	"ext.reject": {operation: "externalfulfillmentshipments20240911.processShipment", query: "operation=REJECT",
		body: `{"referenceId":"R-1","lineItems":[{"lineItem":{"id":"{line}","quantity":{units}},"reason":"OUT_OF_STOCK"}]}`},
	"ext.pack":    {operation: "externalfulfillmentshipments20240911.createPackages", body: `{"packages":[` + externalBox + `]}`},
	"ext.repack":  {operation: "externalfulfillmentshipments20240911.updatePackage", body: externalBox},
	"ext.tell":    {operation: "externalfulfillmentshipments20240911.updatePackageStatus", body: `{"status":"SHIPPED"}`},
	"ext.options": {operation: "externalfulfillmentshipments20240911.retrieveShippingOptions", query: "packageId=1"},
	"ext.bill":    {operation: "externalfulfillmentshipments20240911.generateInvoice"},
	"ext.invoice": {operation: "externalfulfillmentshipments20240911.retrieveInvoice"},
	"ext.label":   {operation: "externalfulfillmentshipments20240911.generateShipLabels", query: "operation=GENERATE", body: `{"packageIds":["1"]}`},
	"ext.returns": {operation: "externalfulfillmentreturns20240911.listReturns"},
	"ext.return":  {operation: "externalfulfillmentreturns20240911.getReturn"},
	"ext.batch":   {operation: "externalfulfillmentinventory20240911.batchInventory", body: `{"requests":[{"method":"POST","uri":"/inventory/fetch"}]}`},

	"invoicing.details": {operation: "shipmentinvoicingv0.getShipmentDetails"},
	"invoicing.submit":  {operation: "shipmentinvoicingv0.submitInvoice", body: `{"InvoiceContent":"{content}","ContentMD5Value":"{md5}"}`},
	"invoicing.status":  {operation: "shipmentinvoicingv0.getInvoiceStatus"},
	"delivery.submit": {operation: "deliveryshipmentinvoice20220701.submitInvoice", query: "shipmentId={shipmentid}",
		body: `{"invoiceContent":"{content}","contentMD5Value":"{md5}","marketplaceId":"{marketplace}","invoiceType":"Outbound","programType":"SelfShip"}`},
	"delivery.status": {operation: "deliveryshipmentinvoice20220701.getInvoiceStatus", query: "shipmentId={shipmentid}&marketplaceId={marketplace}&invoiceType=Outbound&programType=SelfShip"},
}

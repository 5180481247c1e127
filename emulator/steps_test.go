package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	wallet "github.com/openspapi/spapi/api/sellerwallet20240301"
	v2 "github.com/openspapi/spapi/api/shippingv2"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// A walk takes random steps through the public API and the control plane, one world after the other, and looks every now and then whether all
// that there is agrees. A failure names the seed and the step: SPAPI_PROVE_SEED=seed takes the same steps again.
type walk struct {
	*client
	r      *rand.Rand
	what   string // the step that is taken
	faulty bool   // rules by which requests go wrong are in place
	told   int    // tokens, packages and SKUs that the walk has named
	done   map[string]int
	booked map[string]string // what was read of transactions, by their ids
	europe string            // token of a seller in Germany and India
	labels []string          // ids of shipments whose labels were bought
	boxes  []string          // ids of shipments of Shipping v2
	header http.Header       // that the next requests have besides
}

const (
	stepsPerWorld = 250 // then another world begins: the orders of one come to an end
	stepsPerLook  = 20
)

// steps are what a walk can do, and how often.
var steps = []struct {
	name   string
	weight int
	do     func(w *walk)
}{
	{"time passes", 12, (*walk).wait},
	{"orders are read", 4, (*walk).read},
	{"an order is shipped", 12, (*walk).ship},
	{"an order is cancelled", 4, (*walk).cancel},
	{"an order is picked up", 3, (*walk).pickUp},
	{"goods come back", 10, (*walk).sendBack},
	{"money goes back", 8, (*walk).payBack},
	{"a merchant refunds by feed", 4, (*walk).adjust},
	{"a bank or Amazon takes money back", 4, (*walk).dispute},
	{"a label is bought", 8, (*walk).buyLabel},
	{"a label is cancelled", 3, (*walk).cancelLabel},
	{"a parcel is bought", 6, (*walk).buyParcel},
	{"a parcel is given back", 2, (*walk).cancelParcel},
	{"the wallet pays", 3, (*walk).pay},
	{"an Easy Ship package is scheduled", 5, (*walk).schedule},
	{"an external shipment is processed", 5, (*walk).process},
	{"money is paid out", 3, (*walk).payOut},
	{"a listing changes", 6, (*walk).list},
	{"stock comes or goes", 6, (*walk).stockUp},
	{"a report is written", 3, (*walk).ask},
	{"the state moves to another emulator", 3, (*walk).move},
	{"requests begin to go wrong", 2, (*walk).spoil},
	{"requests go right again", 3, (*walk).mend},
}

func TestRandomSteps(t *testing.T) {
	n, seed := 600, uint64(1)
	if testing.Short() {
		n = 100
	}
	for name, value := range map[string]func(int){"SPAPI_PROVE_LEDGER": func(v int) { n = v }, "SPAPI_PROVE_SEED": func(v int) { seed = uint64(v) }} { //nolint:gosec // a test's own
		if text := os.Getenv(name); text != "" {
			v, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			value(v)
		}
	}
	done := map[string]int{}
	for first := 0; first < n; first += stepsPerWorld {
		takeSteps(t, seed, min(stepsPerWorld, n-first), done)
		if t.Failed() {
			return
		}
		seed++
	}
	for _, s := range steps {
		t.Logf("%6d of %6d times done: %s", done[s.name], done[s.name+" (tried)"], s.name)
		if n >= 10*stepsPerWorld && done[s.name] == 0 {
			t.Errorf("never done: %s", s.name)
		}
	}
}

// takeSteps walks through the world of a seed.
func takeSteps(t *testing.T, seed uint64, n int, done map[string]int) {
	w := &walk{client: newClient(t, emulator.WithSeed(int64(seed)), emulator.WithoutLimits(), emulator.WithOrders(200), emulator.WithProducts(20)), //nolint:gosec // a test's own
		r: rand.New(rand.NewPCG(seed, 12)), done: done, booked: map[string]string{}}
	if _, err := w.AddAccount(emulator.AccountConfig{Region: marketplace.Europe, Marketplaces: []string{marketplace.DE.ID, marketplace.IN.ID}}); err != nil {
		t.Fatal(err)
	}
	w.login()
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for i := range n {
		at := w.r.IntN(total)
		s := slices.IndexFunc(steps, func(s struct {
			name   string
			weight int
			do     func(w *walk)
		}) bool {
			at -= s.weight
			return at < 0
		})
		w.what = steps[s].name
		w.done[w.what+" (tried)"]++
		steps[s].do(w)
		if (i+1)%stepsPerLook == 0 || i == n-1 {
			w.look()
		}
		if t.Failed() {
			t.Fatalf("seed %d, step %d: %s, at %s (SPAPI_PROVE_SEED=%d SPAPI_PROVE_LEDGER=%d)", seed, i+1, w.what, w.Now().Format(time.RFC3339), seed, i+1)
		}
	}
}

// try sends a request, which may go wrong in any way while there are faults.
func (w *walk) try(method, rawURL, contentType, body string) (r result, ok bool) {
	w.t.Helper()
	req, err := http.NewRequest(method, rawURL, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(rawURL, eu):
		req.Header.Set("X-Amz-Access-Token", w.europe)
	case strings.HasPrefix(rawURL, na), strings.HasPrefix(req.URL.Host, "sandbox."): // S3 takes no header that isn't signed
		req.Header.Set("X-Amz-Access-Token", w.token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, values := range w.header {
		req.Header[name] = values
	}
	if strings.Contains(rawURL, "/fba/inventory/") {
		w.told++
		req.Header.Set("X-Amzn-Idempotency-Token", fmt.Sprint("walk-", w.told))
	}
	resp, err := w.RoundTrip(req)
	if err != nil {
		if !w.faulty {
			w.t.Errorf("%s %s: %v", method, rawURL, err)
		}
		return result{}, false
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	r = result{status: resp.StatusCode, header: resp.Header, body: string(b)}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	_ = dec.Decode(&r.json)
	if resp.Header.Get("X-Spapi-Emulator-Fault") != "" {
		return r, false
	}
	if err != nil || r.status >= 500 {
		w.t.Errorf("%s %s: %d %s (%v)", method, rawURL, r.status, r.body, err)
	}
	return r, r.status < 300
}

// did counts a step that has had an effect.
func (w *walk) did(ok bool) {
	if ok {
		w.done[w.what]++
	}
}

func (w *walk) chance(n int) bool { return w.r.IntN(n) == 0 }

func pick[T any](w *walk, list []T) T { return list[w.r.IntN(len(list))] }

// orders are ids of orders of the last weeks, as far as they can be found.
func (w *walk) orders(query string) []string {
	since := w.Now().AddDate(0, 0, -40).UTC().Format(time.RFC3339)
	r, ok := w.try("GET", na+"/orders/v0/orders?MarketplaceIds="+us+"&CreatedAfter="+since+query, "", "")
	var ids []string
	if list, _ := r.path("payload", "Orders").([]any); ok {
		for i := range list {
			ids = append(ids, r.text("payload", "Orders", i, "AmazonOrderId"))
		}
	}
	return ids
}

// order is one of them, with its items; "" where there is none.
func (w *walk) order(query string) (id string, items result) {
	ids := w.orders(query)
	if len(ids) == 0 {
		return "", result{}
	}
	id = pick(w, ids)
	items, ok := w.try("GET", na+"/orders/v0/orders/"+id+"/orderItems", "", "")
	if list, _ := items.path("payload", "OrderItems").([]any); !ok || len(list) == 0 {
		return "", result{}
	}
	return id, items
}

func (w *walk) wait() {
	d := time.Duration(w.r.IntN(48*3600)) * time.Second
	if w.chance(4) {
		d = time.Duration(w.r.IntN(12*24*3600)) * time.Second
	}
	if w.chance(2) {
		w.clock.advance(d)
	} else {
		w.Advance(d)
	}
	w.login()
	w.did(true)
}

// login gets a new token, whatever rules there are: they are put back.
func (w *walk) login() {
	rules := w.Faults()
	w.ClearFaults()
	w.refresh()
	var second struct {
		Accounts []emulator.Credentials `json:"accounts"`
	}
	if err := json.Unmarshal([]byte(w.control("GET", "accounts", "").body), &second); err != nil || len(second.Accounts) != 2 {
		w.t.Fatalf("accounts: %v %v", second, err)
	}
	w.europe = w.accessToken(second.Accounts[1])
	for _, f := range rules {
		if _, err := w.AddFault(f); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *walk) read() {
	since := w.Now().AddDate(0, 0, -w.r.IntN(60)).UTC().Format(time.RFC3339)
	_, first := w.try("GET", na+"/orders/v0/orders?MarketplaceIds="+us+"&LastUpdatedAfter="+since, "", "")
	_, second := w.try("GET", na+"/orders/2026-01-01/orders?lastUpdatedAfter="+since, "", "")
	w.did(first && second)
}

func (w *walk) ship() {
	id, items := w.order("&FulfillmentChannels=MFN&OrderStatuses=Unshipped,PartiallyShipped")
	if id == "" {
		return
	}
	var parts []string
	for i := range items.path("payload", "OrderItems").([]any) {
		left := items.number("payload", "OrderItems", i, "QuantityOrdered") - items.number("payload", "OrderItems", i, "QuantityShipped")
		if n := w.r.IntN(left + 2); n > 0 { // now and then too many
			parts = append(parts, fmt.Sprintf(`{"orderItemId":%q,"quantity":%d}`, items.text("payload", "OrderItems", i, "OrderItemId"), n))
		}
	}
	w.told++
	r, ok := w.try("POST", na+"/orders/v0/orders/"+id+"/shipmentConfirmation", "application/json", fmt.Sprintf(
		`{"marketplaceId":%q,"packageDetail":{"packageReferenceId":"%d","carrierCode":"UPS","trackingNumber":"1Z%d","shipDate":%q,"orderItems":[%s]}}`,
		us, w.told, w.told, w.Now().UTC().Format(time.RFC3339), strings.Join(parts, ",")))
	w.did(ok && r.status == 204)
}

// feed submits a feed and lets it be processed.
func (w *walk) submit(kind, content string) bool {
	in, ok := w.try("POST", na+"/feeds/2021-06-30/documents", "application/json", `{"contentType":"text/tab-separated-values"}`)
	if !ok {
		return false
	}
	if _, ok = w.try("PUT", in.text("url"), "text/tab-separated-values", content); !ok {
		return false
	}
	r, ok := w.try("POST", na+"/feeds/2021-06-30/feeds", "application/json",
		`{"feedType":"`+kind+`","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"}`)
	if !ok {
		return false
	}
	w.Advance(10 * time.Minute)
	w.login()
	f, ok := w.try("GET", na+"/feeds/2021-06-30/feeds/"+r.text("feedId"), "", "")
	if ok && f.text("processingStatus") != "DONE" {
		why := w.get("/feeds/2021-06-30/documents/" + f.text("resultFeedDocumentId"))
		w.t.Errorf("%s: %s: %s", kind, f.body, w.do("GET", why.text("url"), nil, "").body)
	}
	return ok
}

func (w *walk) cancel() {
	if id, _ := w.order("&FulfillmentChannels=MFN&OrderStatuses=Unshipped,Pending"); id != "" {
		w.did(w.submit("POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA", "order-id\tcancellation-reason-code\n"+id+"\tNoInventory\n"))
	}
}

func (w *walk) pickUp() {
	id, items := w.order("&IsISPU=true&OrderStatuses=Unshipped")
	if id == "" {
		return
	}
	status := pick(w, []string{"ReadyForPickup", "PickedUp", "RefusedPickup"})
	r, _ := w.try("POST", na+"/orders/v0/orders/"+id+"/shipment", "application/json", fmt.Sprintf(`{"marketplaceId":%q,"shipmentStatus":%q,"orderItems":[{"orderItemId":%q,"quantity":1}]}`,
		us, status, items.text("payload", "OrderItems", 0, "OrderItemId")))
	w.did(r.status == 204)
}

// returnable is an order of which something may come back, and perhaps one of its items.
func (w *walk) returnable(channel string) (id, item string) {
	id, items := w.order(channel + "&OrderStatuses=Shipped,PartiallyShipped,Unshipped")
	if id == "" {
		return "", ""
	}
	return id, items.text("payload", "OrderItems", w.r.IntN(len(items.path("payload", "OrderItems").([]any))), "OrderItemId")
}

// steer asks the control plane, which says what is wrong with a request but never fails.
func (w *walk) steer(path string, body map[string]any) bool {
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := w.control("POST", path, string(text))
	if r.status != 200 && (r.status != 400 || r.text("error") == "") {
		w.t.Errorf("%s %s: %d %s", path, text, r.status, r.body)
	}
	return r.status == 200
}

func (w *walk) sendBack() {
	id, item := w.returnable("")
	if id == "" {
		return
	}
	body := map[string]any{"travel": fmt.Sprint(w.r.IntN(400), "h"), "reason": pick(w, []string{"DEFECTIVE", "UNWANTED_ITEM", "NO_REASON_GIVEN", "DAMAGED_BY_CARRIER"})}
	if !w.chance(3) {
		body["item"], body["quantity"] = item, w.r.IntN(3)
	}
	if w.chance(2) {
		body["disposition"] = pick(w, []string{"SELLABLE", "DEFECTIVE", "CUSTOMER_DAMAGED", "EXPIRED"})
	}
	w.did(w.steer("orders/"+id+"/return", body))
}

func (w *walk) payBack() {
	id, item := w.returnable("")
	if id == "" {
		return
	}
	body := map[string]any{}
	if !w.chance(3) {
		body["item"] = item
	}
	switch w.r.IntN(4) {
	case 0:
		body["quantity"] = w.r.IntN(3)
	case 1:
		body["amount"] = fmt.Sprintf("%d.%02d", w.r.IntN(20), w.r.IntN(100))
	case 2:
		body["goodwill"] = fmt.Sprintf("%d.50", w.r.IntN(5))
	}
	w.did(w.steer("orders/"+id+"/refund", body))
}

func (w *walk) adjust() {
	if id, item := w.returnable("&FulfillmentChannels=MFN"); id != "" {
		w.did(w.submit("POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA", fmt.Sprintf("order-id\torder-item-id\tadjustment-reason-code\tcurrency\titem-price-adj\tshipping-price-adj\n%s\t%s\tCustomerReturn\tUSD\t%d.%02d\t%d.00\n",
			id, item, w.r.IntN(15), w.r.IntN(100), w.r.IntN(2))))
	}
}

func (w *walk) dispute() {
	if id, item := w.returnable(""); id != "" {
		body := map[string]any{"item": item}
		if w.chance(2) {
			body["amount"] = fmt.Sprintf("%d.%02d", w.r.IntN(20), w.r.IntN(100))
		}
		w.did(w.steer("orders/"+id+"/"+pick(w, []string{"chargeback", "claim"}), body))
	}
}

// restricted is try with a restricted token for the operation.
func (w *walk) restricted(method, path, body string) (r result, ok bool) {
	rdt, ok := w.try("POST", na+"/tokens/2021-03-01/restrictedDataToken", "application/json", fmt.Sprintf(`{"restrictedResources":[{"method":%q,"path":%q}]}`, method, path))
	if !ok {
		return rdt, false
	}
	plain := w.token
	defer func() { w.token = plain }()
	w.token = rdt.text("restrictedDataToken")
	return w.try(method, na+path, "application/json", body)
}

func (w *walk) buyLabel() {
	id, items := w.order("&FulfillmentChannels=MFN&OrderStatuses=Unshipped,PartiallyShipped")
	if id == "" {
		return
	}
	var parts []string
	for i := range items.path("payload", "OrderItems").([]any) {
		left := items.number("payload", "OrderItems", i, "QuantityOrdered") - items.number("payload", "OrderItems", i, "QuantityShipped")
		if left > 0 && (len(parts) == 0 || w.chance(2)) {
			parts = append(parts, fmt.Sprintf(`{"OrderItemId":%q,"Quantity":%d}`, items.text("payload", "OrderItems", i, "OrderItemId"), 1+w.r.IntN(left)))
		}
	}
	details := fmt.Sprintf(`{"AmazonOrderId":%q,"ItemList":[%s],"ShipFromAddress":{"Name":"Pens","AddressLine1":"500 Pine St","City":"Seattle","StateOrProvinceCode":"WA",
		"PostalCode":"98101","CountryCode":"US","Email":"pens@example.com","Phone":"206-555-0100"},"PackageDimensions":{"Length":10,"Width":8,"Height":4,"Unit":"inches"},
		"Weight":{"Value":20,"Unit":"oz"},"ShippingServiceOptions":{"DeliveryExperience":"DeliveryConfirmationWithoutSignature","CarrierWillPickUp":false}}`, id, strings.Join(parts, ","))
	r, ok := w.try("POST", na+"/mfn/v0/eligibleShippingServices", "application/json", `{"ShipmentRequestDetails":`+details+`}`)
	services, _ := r.path("payload", "ShippingServiceList").([]any)
	if !ok || len(services) == 0 {
		return
	}
	i := w.r.IntN(len(services))
	r, ok = w.restricted("POST", "/mfn/v0/shipments", fmt.Sprintf(`{"ShipmentRequestDetails":%s,"ShippingServiceId":%q,"ShippingServiceOfferId":%q}`,
		details, r.text("payload", "ShippingServiceList", i, "ShippingServiceId"), r.text("payload", "ShippingServiceList", i, "ShippingServiceOfferId")))
	if shipment := r.text("payload", "ShipmentId"); ok {
		w.labels = append(w.labels, shipment)
		if got := r.text("payload", "AmazonOrderId"); got != id {
			w.t.Errorf("a label for %s is of %s", id, got)
		}
	}
	w.did(ok)
}

func (w *walk) cancelLabel() {
	if len(w.labels) > 0 {
		_, ok := w.restricted("DELETE", "/mfn/v0/shipments/"+pick(w, w.labels), "")
		w.did(ok)
	}
}

func (w *walk) buyParcel() {
	id, items := w.order("&FulfillmentChannels=MFN&OrderStatuses=Unshipped,PartiallyShipped")
	if id == "" {
		return
	}
	var inside []v2.Item
	for i := range items.path("payload", "OrderItems").([]any) {
		if left := items.number("payload", "OrderItems", i, "QuantityOrdered") - items.number("payload", "OrderItems", i, "QuantityShipped"); left > 0 {
			inside = append(inside, v2.Item{ItemIdentifier: items.text("payload", "OrderItems", i, "OrderItemId"), Quantity: ptrTo(int64(1 + w.r.IntN(left)))})
		}
	}
	box := boxOf("P-1")
	box.Items = inside
	in, err := json.Marshal(&v2.GetRatesInput{ShipFrom: penShop, Packages: []v2.Package{box},
		ChannelDetails: &v2.ChannelDetails{ChannelType: "AMAZON", AmazonOrderDetails: &v2.AmazonOrderDetails{OrderID: id}}})
	if err != nil {
		w.t.Fatal(err)
	}
	r, ok := w.try("POST", na+"/shipping/v2/shipments/rates", "application/json", string(in))
	rates, _ := r.path("payload", "rates").([]any)
	if !ok || len(rates) == 0 {
		return
	}
	i := w.r.IntN(len(rates))
	buy := &v2.PurchaseShipmentInput{RequestToken: r.text("payload", "requestToken"), RateID: r.text("payload", "rates", i, "rateId"), RequestedDocumentSpecification: papers("PDF", 300, "LABEL")}
	groups, _ := r.path("payload", "rates", i, "availableValueAddedServiceGroups").([]any)
	for g := range groups {
		if at := []any{"payload", "rates", i, "availableValueAddedServiceGroups", g}; r.path(append(at, "isRequired")...) == true {
			buy.RequestedValueAddedServices = append(buy.RequestedValueAddedServices, v2.RequestedValueAddedService{ID: r.text(append(at, "valueAddedServices", 0, "id")...)})
		}
	}
	if in, err = json.Marshal(buy); err != nil {
		w.t.Fatal(err)
	}
	w.told++
	w.header = http.Header{"X-Amzn-Idempotencykey": {fmt.Sprint("walk-", w.told)}}
	r, ok = w.try("POST", na+"/shipping/v2/shipments", "application/json", string(in))
	if w.chance(3) { // asked again, nothing is bought again
		if again, fine := w.try("POST", na+"/shipping/v2/shipments", "application/json", string(in)); ok && fine && again.text("payload", "shipmentId") != r.text("payload", "shipmentId") {
			w.t.Errorf("the same key bought %s and %s", r.text("payload", "shipmentId"), again.text("payload", "shipmentId"))
		}
	}
	w.header = nil
	if ok {
		w.boxes = append(w.boxes, r.text("payload", "shipmentId"))
	}
	w.did(ok)
}

func (w *walk) cancelParcel() {
	if len(w.boxes) > 0 {
		_, ok := w.try("PUT", na+"/shipping/v2/shipments/"+pick(w, w.boxes)+"/cancel", "application/json", "")
		w.did(ok)
	}
}

// pay has the wallet pay somebody, and now and then the user approves.
func (w *walk) pay() {
	const base = na + "/finances/transfers/wallet/2024-03-01/"
	r, ok := w.try("GET", base+"accounts?marketplaceId="+us, "", "")
	account := r.text("accounts", 0, "accountId")
	if !ok || account == "" {
		return
	}
	in, err := json.Marshal(&wallet.CreateTransactionInput{
		SourceAccountID: account, SourceAmount: &wallet.Currency{CurrencyCode: "USD", CurrencyAmount: json.Number(strconv.Itoa(1 + w.r.IntN(300)))}, RequestTime: w.Now(),
		DestinationTransactionInstrument: &wallet.TransactionInstrumentDetails{
			BankAccount: &wallet.BankAccount{BankName: "Northwind Bank", BankAccountOwnershipType: "THIRD_PARTY", BankAccountNumberFormat: "IBAN", AccountCountryCode: "US", AccountCurrency: "USD",
				BankAccountNumberTail: pick(w, []string{"819", "999", "123"})},
			BankAccountNumber: "ENCRYPTED", AccountHolderName: "Ink Supplies",
		},
		PayeeContactInformation: &wallet.PayeeContactInformation{PayeeFirstName: "A", PayeeLastName: "B", AddressLine1: "1 Main Street", City: "Portland", State: "ME", PostalCode: "04101",
			CountryCode: "US", EmailAddress: "payee@example.com", PhoneNumber: "+1 206-555-0101", PayeeEntityType: "BUSINESS"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.header = http.Header{"Destaccountdigitalsignature": {"c2lnbmVk"}, "Amountdigitalsignature": {"c2lnbmVk"}}
	r, ok = w.try("POST", base+"transactions?marketplaceId="+us, "application/json", string(in))
	w.header = nil
	if page := r.text("callBackURL"); ok && page != "" && !w.chance(4) {
		w.try("GET", page, "", "")
	}
	w.did(ok)
}

func (w *walk) schedule() {
	in := marketplace.IN.ID
	r, ok := w.try("GET", eu+"/orders/v0/orders?MarketplaceIds="+in+"&EasyShipShipmentStatuses=PendingSchedule&CreatedAfter="+w.Now().AddDate(0, 0, -20).UTC().Format(time.RFC3339), "", "")
	list, _ := r.path("payload", "Orders").([]any)
	if !ok || len(list) == 0 {
		return
	}
	id := r.text("payload", "Orders", w.r.IntN(len(list)), "AmazonOrderId")
	r, ok = w.try("POST", eu+"/easyShip/2022-03-23/timeSlot", "application/json",
		fmt.Sprintf(`{"marketplaceId":%q,"amazonOrderId":%q,"packageDimensions":{"length":30,"width":20,"height":10,"unit":"cm"},"packageWeight":{"value":750,"unit":"g"}}`, in, id))
	slots, _ := r.path("timeSlots").([]any)
	if !ok || len(slots) == 0 {
		return
	}
	r, ok = w.try("POST", eu+"/easyShip/2022-03-23/package", "application/json", fmt.Sprintf(`{"amazonOrderId":%q,"marketplaceId":%q,"packageDetails":{"packageTimeSlot":{"slotId":%q}}}`,
		id, in, r.text("timeSlots", w.r.IntN(len(slots)), "slotId")))
	if got := r.text("scheduledPackageId", "amazonOrderId"); ok && got != id {
		w.t.Errorf("a package for %s is of %s", id, got)
	}
	w.did(ok)
}

func (w *walk) process() {
	base := eu + "/externalFulfillment/2024-09-11/shipments"
	r, ok := w.try("GET", base+"?status="+pick(w, []string{"ACCEPTED", "CREATED"}), "", "")
	list, _ := r.path("shipments").([]any)
	if !ok || len(list) == 0 {
		return
	}
	id := r.text("shipments", w.r.IntN(len(list)), "id")
	operation, body := "CONFIRM", ""
	if w.chance(3) {
		w.told++
		operation, body = "REJECT", fmt.Sprintf(`{"referenceId":"walk-%d"}`, w.told)
	}
	_, ok = w.try("POST", base+"/"+id+"?operation="+operation, "application/json", body)
	w.did(ok)
}

func (w *walk) payOut() {
	_, ok := w.try("POST", eu+"/finances/transfers/2024-06-01/payouts", "application/json", fmt.Sprintf(`{"marketplaceId":%q,"accountType":"Standard Orders"}`, marketplace.DE.ID))
	w.did(ok)
}

// sku is one of the seller's listings.
func (w *walk) sku() string {
	r, ok := w.try("GET", na+"/listings/2021-08-01/items/"+w.Credentials().SellerID+"?marketplaceIds="+us+"&pageSize=20&sortBy=sku&sortOrder=ASC", "", "")
	if list, _ := r.path("items").([]any); ok && len(list) > 0 {
		return r.text("items", w.r.IntN(len(list)), "sku")
	}
	return ""
}

func (w *walk) list() {
	sku := w.sku()
	if sku == "" {
		return
	}
	path := na + w.listingPath(sku)
	var ok bool
	switch w.r.IntN(5) {
	case 0:
		_, ok = w.try("DELETE", path, "", "")
	case 1:
		w.told++
		_, ok = w.try("PUT", na+w.listingPath(fmt.Sprint("walk ", w.told)), "application/json", strings.Replace(newPen, `"quantity":7`, fmt.Sprintf(`"quantity":%d`, w.r.IntN(100)), 1))
	default:
		value := fmt.Sprintf(`/attributes/purchasable_offer","value":[{"marketplace_id":%q,"currency":"USD","our_price":[{"schedule":[{"value_with_tax":%d.99}]}]}]`, us, 1+w.r.IntN(90))
		if strings.HasPrefix(sku, "walk") || w.chance(6) { // a quantity makes a listing of Amazon's the merchant's
			value = fmt.Sprintf(`/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":%d}]`, w.r.IntN(200))
		}
		_, ok = w.try("PATCH", path, "application/json", `{"productType":"PRODUCT","patches":[{"op":"replace","path":"`+value+`}]}`)
	}
	w.did(ok)
}

func (w *walk) stockUp() {
	sandbox := marketplace.NorthAmerica.SandboxEndpoint() + "/fba/inventory/v1/items"
	ok := false
	switch sku := w.sku(); {
	case w.chance(4):
		w.told++
		_, ok = w.try("POST", sandbox, "application/json", fmt.Sprintf(`{"sellerSku":"fba %d","marketplaceId":%q,"productName":"Stift"}`, w.told, us))
	case sku == "":
	case w.chance(6):
		_, ok = w.try("DELETE", sandbox+"/"+url.PathEscape(sku)+"?marketplaceId="+us, "", "")
	default:
		_, ok = w.try("POST", sandbox+"/inventory", "application/json", fmt.Sprintf(`{"inventoryItems":[{"sellerSku":%q,"marketplaceId":%q,"quantity":%d}]}`, sku, us, 1+w.r.IntN(50)))
	}
	w.did(ok)
}

// written asks for a report and returns its rows; nil where there is none.
func (w *walk) written(kind, options string) (rows []map[string]string, ok bool) {
	from := w.Now().AddDate(0, 0, -30).UTC().Format(time.RFC3339)
	r, ok := w.try("POST", na+"/reports/2021-06-30/reports", "application/json", fmt.Sprintf(
		`{"reportType":%q,"marketplaceIds":[%q],"dataStartTime":%q,"dataEndTime":%q%s}`, kind, us, from, w.Now().UTC().Format(time.RFC3339), options))
	if !ok {
		return nil, false
	}
	w.Advance(20 * time.Minute)
	w.login()
	done, ok := w.try("GET", na+"/reports/2021-06-30/reports/"+r.text("reportId"), "", "")
	if !ok || done.text("reportDocumentId") == "" {
		return nil, ok
	}
	d, ok := w.try("GET", na+"/reports/2021-06-30/documents/"+done.text("reportDocumentId"), "", "")
	if !ok {
		return nil, false
	}
	text, ok := w.try("GET", d.text("url"), "", "")
	if !ok {
		return nil, false
	}
	if d.text("compressionAlgorithm") == "GZIP" {
		text.body = w.unzip(text.body)
	}
	_, rows = table(w.t, text.body, '\t')
	return rows, true
}

// ask wants the ledger to add up, and to end with what the inventory shows.
func (w *walk) ask() {
	rows, ok := w.written("GET_LEDGER_SUMMARY_VIEW_DATA", `,"reportOptions":{"aggregatedByTimePeriod":"DAILY","aggregateByLocation":"FC"}`)
	if !ok {
		return
	}
	end := map[string]int{}
	for _, row := range rows {
		n := func(column string) int { i, _ := strconv.Atoi(row[column]); return i }
		sum := n("Starting Warehouse Balance")
		for _, column := range []string{"Receipts", "Customer Shipments", "Customer Returns", "Vendor Returns", "Found", "Lost", "Damaged", "Disposed", "Other Events"} {
			sum += n(column)
		}
		of := row["MSKU"] + " " + row["Disposition"] + " " + row["Location"]
		if before, seen := end[of]; sum != n("Ending Warehouse Balance") || seen && before != n("Starting Warehouse Balance") || n("Starting Warehouse Balance") < 0 {
			w.t.Errorf("ledger doesn't add up, after %d: %v", before, row)
		}
		end[of] = n("Ending Warehouse Balance")
	}
	w.did(len(rows) > 0)
}

// move exports the state, imports it into another emulator, and wants both to tell the same from then on.
func (w *walk) move() {
	export := func(e *emulator.Emulator) string {
		state, err := e.Export()
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := json.Marshal(state)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(text)
	}
	text := export(w.Emulator)
	other, err := emulator.New(emulator.WithSeed(99), emulator.WithOrders(3), emulator.WithClock(w.clock), emulator.WithoutLimits(), emulator.WithExplain())
	if err != nil {
		w.t.Fatal(err)
	}
	var state emulator.State
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		w.t.Fatal(err)
	}
	if err := other.Import(&state); err != nil {
		w.t.Fatal(err)
	}
	if again := export(other); again != text {
		w.t.Errorf("an import is exported as another state: %s", firstDifference(text, again))
		return
	}
	w.ClearFaults()
	w.faulty = false
	before := w.Emulator
	since := w.Now().AddDate(0, 0, -20).UTC().Format(time.RFC3339)
	for _, path := range []string{inventory, "/orders/v0/orders?MarketplaceIds=" + us + "&LastUpdatedAfter=" + since, "/orders/2026-01-01/orders?createdAfter=" + since,
		"/finances/2024-06-19/transactions?postedAfter=" + since, "/finances/v0/financialEvents?PostedAfter=" + since} {
		w.Emulator = before
		a := w.get(path)
		w.Emulator = other
		if b := w.get(path); a.body != b.body || a.header.Get("x-amzn-RequestId") != b.header.Get("x-amzn-RequestId") {
			w.t.Errorf("%s: after an import there is another answer: %s", path, firstDifference(a.body, b.body))
		}
	}
	w.did(true)
}

func (w *walk) spoil() {
	w.faulty = true
	w.fault(pick(w, []string{
		"throttle,probability=0.3", "internal,probability=0.2,carried_out", "unavailable,every=4", "reset,probability=0.2,carried_out", "truncate,probability=0.2", "late,operation=ordersv0.getOrders",
		"duplicate,operation=orders*", "empty-body,probability=0.2,carried_out", "foreign-json,probability=0.2,carried_out", "html,every=5",
		"lag,within=2h,operation=ordersv0.getOrders", "missing,operation=orders*", "moved,operation=ordersv0.getOrders", "repeated,operation=orders*", "skipped,operation=orders*",
		"short-page,operation=orders*", "empty-page,operation=orders*", "foreign-ids,operation=ordersv0.getOrderItems,probability=0.5",
	}))
	w.did(true)
}

func (w *walk) mend() {
	w.did(w.faulty)
	w.ClearFaults()
	w.faulty = false
}

// look wants all invariants to hold, and the versions of orders and the report of them to show the same.
func (w *walk) look() {
	w.ClearFaults()
	w.faulty = false
	w.holds()
	w.money()
	w.Advance(3 * time.Minute) // what has just been bought is not found
	w.login()
	const markets = us + ",A2EUQ1WTGCTBG2,A1AM78C64UM0Y8"
	at := w.Now().Add(-2 * time.Minute)
	since, before := at.AddDate(0, 0, -20).UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339)
	v0 := w.ordersV0("MarketplaceIds=" + markets + "&CreatedAfter=" + since + "&CreatedBefore=" + before)
	later := w.orders2026("createdAfter=" + since + "&createdBefore=" + before)
	if !slices.Equal(v0, later) {
		w.t.Errorf("v0 shows %d orders, 2026-01-01 %d: %s", len(v0), len(later), firstDifference(strings.Join(v0, "\n"), strings.Join(later, "\n")))
	}
	r := w.post("/reports/2021-06-30/reports", fmt.Sprintf(`{"reportType":%q,"marketplaceIds":["%s"],"dataStartTime":%q,"dataEndTime":%q}`,
		allOrders, strings.ReplaceAll(markets, ",", `","`), since, before))
	w.Advance(20 * time.Minute)
	w.login()
	done := w.get("/reports/2021-06-30/reports/" + r.text("reportId"))
	if done.text("processingStatus") == "CANCELLED" && len(v0) == 0 {
		return
	}
	text, _ := w.reportText(na, done)
	_, rows := table(w.t, text, '\t')
	listed := map[string]bool{}
	for _, row := range rows {
		listed[row["amazon-order-id"]] = true
	}
	for _, id := range v0 {
		if !listed[id] {
			w.t.Errorf("the report has no order %s", id)
		}
	}
	if len(listed) != len(v0) {
		w.t.Errorf("the report has %d orders, v0 %d", len(listed), len(v0))
	}
}

// money reads the transactions of the last weeks: what has once been posted stays as it was.
func (w *walk) money() {
	from := w.Now().AddDate(0, 0, -45)
	query := "/finances/2024-06-19/transactions?postedAfter=" + from.UTC().Format(time.RFC3339)
	seen, token := map[string]bool{}, ""
	for {
		r := w.get(query + token)
		if r.status != 200 {
			w.t.Fatalf("transactions: %d %s", r.status, r.body)
		}
		list, _ := r.path("payload", "transactions").([]any)
		for i := range list {
			at := func(names ...any) string {
				return fmt.Sprint(r.path(append([]any{"payload", "transactions", i}, names...)...))
			}
			id, what := at("transactionId"), at("transactionType")+" of "+at("totalAmount", "currencyAmount")+" "+at("totalAmount", "currencyCode")+" at "+at("postedDate")
			if before, ok := w.booked[id]; ok && before != what {
				w.t.Errorf("transaction %s was %s, and is %s", id, before, what)
			}
			w.booked[id], seen[id] = what, true
		}
		next := r.text("payload", "nextToken")
		if next == "" {
			break
		}
		token = "&nextToken=" + url.QueryEscape(next)
	}
	for id, what := range w.booked {
		posted, err := time.Parse(time.RFC3339, what[strings.LastIndex(what, " ")+1:])
		if err != nil {
			w.t.Fatal(err)
		}
		if posted.After(from) && !seen[id] {
			w.t.Errorf("transaction %s, %s, is gone", id, what)
		}
	}
}

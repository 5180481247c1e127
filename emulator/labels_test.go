package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// dispatcher makes requests of sellers whose orders wait to be shipped.
type dispatcher struct {
	t       testing.TB
	e       *Emulator
	waiting []waitingOrder
}

type waitingOrder struct {
	*world.Order
	seller *desk.Seller
}

// next is an order that waits, of a seller who is added when no other has any.
func (d *dispatcher) next() waitingOrder {
	d.t.Helper()
	for len(d.waiting) == 0 {
		a, err := d.e.desk.AddSeller(marketplace.NorthAmerica, []string{marketplace.US.ID}, d.e.Now())
		if err != nil {
			d.t.Fatal(err)
		}
		for o := range a.World().All(time.Time{}, d.e.Now()) {
			if !o.Amazon && o.Store == "" && o.Status(d.e.Now()) == world.Unshipped {
				d.waiting = append(d.waiting, waitingOrder{o, a})
			}
		}
	}
	first := d.waiting[0]
	d.waiting = d.waiting[1:]
	return first
}

// request is a request of a seller.
func (d *dispatcher) request(a *desk.Seller, id, target, body string) *http.Request {
	d.t.Helper()
	op, ok := catalog.Lookup(id)
	if !ok {
		d.t.Fatalf("no operation %s", id)
	}
	r, err := http.NewRequest(op.Method, marketplace.NorthAmerica.Endpoint()+target, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	g := &auth.Grant{Account: a.Account, Expires: d.e.Now().Add(time.Hour)}
	if op.Restricted != nil {
		g.Kind = auth.RestrictedGrant
		g.Resources = []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	r.Header.Set("x-amz-access-token", d.e.desk.Auth.Issue("Atza|", g, d.e.Now()))
	return r
}

// send sends a request of a seller and returns the body.
func (d *dispatcher) send(a *desk.Seller, id, target, body string) []byte {
	d.t.Helper()
	rec := exchange.NewRecorder()
	d.e.ServeHTTP(rec, d.request(a, id, target, body))
	if rec.Status/100 != 2 {
		d.t.Fatalf("%s: %d %s", id, rec.Status, rec.Body.String())
	}
	return rec.Body.Bytes()
}

// ask sends a request of a seller and returns the payload.
func (d *dispatcher) ask(a *desk.Seller, id, target, body string) map[string]any {
	d.t.Helper()
	var answer struct{ Payload map[string]any }
	if err := json.Unmarshal(d.send(a, id, target, body), &answer); err != nil {
		d.t.Fatalf("%s: %v", id, err)
	}
	return answer.Payload
}

// labelRequests add requests for labels of orders that wait.
func labelRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request) {
	t.Helper()
	d := &dispatcher{t: t, e: e}
	add := func(o waitingOrder, id, target, body string) {
		requests[id] = append(requests[id], d.request(o.seller, id, target, body))
	}
	const sender = `{"Name":"Pens","AddressLine1":"500 Pine St","City":"Seattle","StateOrProvinceCode":"WA","PostalCode":"98101","CountryCode":"US","Email":"pens@example.com","Phone":"206-555-0100"}`
	details := func(o waitingOrder) string {
		return fmt.Sprintf(`{"ShipmentRequestDetails":{"AmazonOrderId":%q,"ItemList":[{"OrderItemId":%q,"Quantity":%d}],"ShipFromAddress":%s,`+
			`"PackageDimensions":{"Length":20,"Width":15,"Height":10,"Unit":"centimeters"},"Weight":{"Value":500,"Unit":"g"},`+
			`"ShippingServiceOptions":{"DeliveryExperience":"DeliveryConfirmationWithSignature","CarrierWillPickUp":false,"DeclaredValue":{"Amount":25,"CurrencyCode":"USD"}}}`,
			o.ID, o.Items[0].ID, o.Items[0].Quantity, sender)
	}
	o := d.next()
	add(o, "merchantfulfillmentv0.getEligibleShipmentServices", "/mfn/v0/eligibleShippingServices",
		details(o)+`,"ShippingOfferingFilter":{"IncludeComplexShippingOptions":true}}`)
	add(o, "merchantfulfillmentv0.createShipment", "/mfn/v0/shipments", details(o)+`,"ShippingServiceId":"UPS_PTP_GND"}`)
	for _, service := range []string{"UPS_PTP_GND", "DYNAMEX_PTP_SAME"} {
		add(o, "merchantfulfillmentv0.getAdditionalSellerInputs", "/mfn/v0/additionalSellerInputs",
			fmt.Sprintf(`{"OrderId":%q,"ShippingServiceId":%q,"ShipFromAddress":%s}`, o.ID, service, sender))
	}
	o = d.next()
	shipment := "/mfn/v0/shipments/" + d.ask(o.seller, "merchantfulfillmentv0.createShipment", "/mfn/v0/shipments",
		details(o)+`,"ShippingServiceId":"USPS_PTP_PRI"}`)["ShipmentId"].(string)
	add(o, "merchantfulfillmentv0.getShipment", shipment, "")
	add(o, "merchantfulfillmentv0.cancelShipment", shipment, "")
	shippingRequests(d, add)
}

// shippingRequests add requests for shipments of orders that wait, and of other channels.
func shippingRequests(d *dispatcher, add func(o waitingOrder, id, target, body string)) {
	d.t.Helper()
	const (
		v2     = "/shipping/v2/"
		sender = `{"name":"Pens","addressLine1":"500 Pine St","city":"Seattle","stateOrRegion":"WA","postalCode":"98101","countryCode":"US","email":"pens@example.com"}`
		papers = `{"format":"PDF","size":{"width":4,"length":6,"unit":"INCH"},"dpi":300,"needFileJoining":false,"requestedDocumentTypes":["LABEL","PACKSLIP"]}`
		pack   = `"packages":[{"dimensions":{"length":20,"width":15,"height":10,"unit":"CENTIMETER"},"weight":{"unit":"POUND","value":1},"insuredValue":{"unit":"USD","value":50},` +
			`"packageClientReferenceId":"P-1","items":[{"itemIdentifier":%q,"quantity":%d}]}]`
	)
	amazon := func(o waitingOrder) string {
		return fmt.Sprintf(`{"shipFrom":%s,`+pack+`,"channelDetails":{"channelType":"AMAZON","amazonOrderDetails":{"orderId":%q}}`, sender, o.Items[0].ID,
			o.Items[0].Quantity, o.ID)
	}
	external := fmt.Sprintf(`{"shipFrom":%s,"shipTo":%s,`+pack+`,"channelDetails":{"channelType":"EXTERNAL"}`, sender, sender, "pen", 1)
	// rate asks for rates and takes the one of a service.
	rate := func(o waitingOrder, body, service string) string {
		d.t.Helper()
		payload := d.ask(o.seller, "shippingv2.getRates", v2+"shipments/rates", body)
		for _, entry := range payload["rates"].([]any) {
			if r := entry.(map[string]any); r["serviceId"] == service {
				return fmt.Sprintf(`{"requestToken":%q,"rateId":%q`, payload["requestToken"], r["rateId"])
			}
		}
		d.t.Fatalf("no rate of %s: %v", service, payload)
		return ""
	}
	query := func(taken string) string {
		var r struct{ RequestToken, RateID string }
		if err := json.Unmarshal([]byte(taken+"}"), &r); err != nil {
			d.t.Fatal(err)
		}
		return "?requestToken=" + r.RequestToken + "&rateId=" + r.RateID
	}
	o := d.next()
	add(o, "shippingv2.getRates", v2+"shipments/rates", amazon(o)+"}")
	add(o, "shippingv2.getRates", v2+"shipments/rates", external+"}")
	add(o, "shippingv2.getAdditionalInputs", v2+"shipments/additionalInputs/schema"+query(rate(o, amazon(o)+"}", "UPS_PTP_GND")), "")
	add(o, "shippingv2.purchaseShipment", v2+"shipments", rate(o, amazon(o)+"}",
		"UPS_PTP_GND")+`,"requestedDocumentSpecification":`+papers+`,"requestedValueAddedServices":[{"id":"SIGNATURE_CONFIRMATION"}]}`)
	add(o, "shippingv2.oneClickShipment", v2+"oneClickShipment",
		external+`,"labelSpecifications":`+papers+`,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`)
	direct := d.next()
	add(direct, "shippingv2.directPurchaseShipment", v2+"shipments/directPurchase",
		fmt.Sprintf(`{"channelDetails":{"channelType":"AMAZON","amazonOrderDetails":{"orderId":%q}}}`, direct.ID))
	made := d.ask(o.seller, "shippingv2.oneClickShipment", v2+"oneClickShipment",
		external+`,"labelSpecifications":`+papers+`,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`)
	shipment := v2 + "shipments/" + made["shipmentId"].(string)
	tracking := made["packageDocumentDetails"].([]any)[0].(map[string]any)["trackingId"].(string)
	add(o, "shippingv2.getShipmentDocuments", shipment+"/documents?packageClientReferenceId=P-1&format=ZPL&dpi=203", "")
	add(o, "shippingv2.getTracking", v2+"tracking?carrierId=AMZN_US&trackingId="+tracking, "")
	add(o, "shippingv2.getUnmanifestedShipments", v2+"unmanifestedShipments", "{}")
	made = d.ask(o.seller, "shippingv2.oneClickShipment", v2+"oneClickShipment",
		external+`,"labelSpecifications":`+papers+`,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`)
	add(o, "shippingv2.cancelShipment", v2+"shipments/"+made["shipmentId"].(string)+"/cancel", "")
	add(o, "shippingv2.getCarrierAccountFormInputs", v2+"carrierAccountFormInputs", "")
	const own = `{"carrierAccountType":"SHIPPER_ACCOUNT","carrierAccountAttributes":[{"attributeName":"accountNumber","value":"A1B2C3"},{"attributeName":"password","value":"x"}]}`
	add(o, "shippingv2.linkCarrierAccount", v2+"carrierAccounts/UPS", own)
	add(o, "shippingv2.linkCarrierAccountPost", v2+"carrierAccounts/FEDEX", own)
	add(o, "shippingv2.getCarrierAccounts", v2+"carrierAccounts", "{}")
	add(o, "shippingv2.unlinkCarrierAccount", v2+"carrierAccounts/UPS/unlink", "{}")
	add(o, "shippingv2.generateCollectionForm", v2+"collectionForms", `{"carrierId":"AMZN_US"}`)
	add(o, "shippingv2.getCollectionFormHistory", v2+"collectionForms/history", "{}")
	d.ask(o.seller, "shippingv2.oneClickShipment", v2+"oneClickShipment",
		external+`,"labelSpecifications":`+papers+`,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`)
	collected := d.next()
	d.ask(collected.seller, "shippingv2.oneClickShipment", v2+"oneClickShipment",
		external+`,"labelSpecifications":`+papers+`,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`)
	d.send(collected.seller, "shippingv2.generateCollectionForm", v2+"collectionForms", `{"carrierId":"AMZN_US"}`)
	var history struct {
		CollectionFormsHistoryRecordList []struct{ CollectionFormID string }
	}
	if err := json.Unmarshal(d.send(collected.seller, "shippingv2.getCollectionFormHistory", v2+"collectionForms/history", "{}"), &history); err != nil ||
		len(history.CollectionFormsHistoryRecordList) != 1 {
		d.t.Fatalf("%+v, %v", history, err)
	}
	add(collected, "shippingv2.getCollectionForm", v2+"collectionForms/"+history.CollectionFormsHistoryRecordList[0].CollectionFormID, "")

	// Parcels that were bought days ago are somewhere by now: many at a time, so that one waits for an answer.
	now := d.e.Now()
	var packs []string
	for i := range 40 {
		packs = append(packs, fmt.Sprintf(strings.Replace(pack[len(`"packages":[`):len(pack)-1], "P-1", "P-%d", 1), i, "pen", 1))
	}
	many := fmt.Sprintf(`{"shipFrom":%s,"shipTo":%s,"packages":[%s],"channelDetails":{"channelType":"EXTERNAL"},"labelSpecifications":%s,"serviceSelection":{"serviceId":["std-us-swa-mfn"]}}`,
		sender, sender, strings.Join(packs, ","), papers)
	found := map[string]string{}
	for at := now.AddDate(0, 0, -5); found["Delivered"] == "" || found["DeliveryAttempted"] == ""; at = at.Add(3 * time.Hour) {
		if at.After(now) {
			d.t.Fatalf("%v", found)
		}
		d.e.SetTime(at)
		made := d.ask(o.seller, "shippingv2.oneClickShipment", v2+"oneClickShipment", many)
		d.e.SetTime(now)
		for _, entry := range made["packageDocumentDetails"].([]any) {
			tracking := entry.(map[string]any)["trackingId"].(string)
			found[d.ask(o.seller, "shippingv2.getTracking", v2+"tracking?carrierId=AMZN_US&trackingId="+tracking,
				"")["summary"].(map[string]any)["status"].(string)] = tracking
		}
	}
	add(o, "shippingv2.submitNdrFeedback", v2+"ndrFeedback", fmt.Sprintf(`{"trackingId":%q,"ndrAction":"REATTEMPT"}`, found["DeliveryAttempted"]))
	add(o, "shippingv2.createClaim", v2+"claims", fmt.Sprintf(`{"trackingId":%q,"claimReason":"DAMAGED_IN_TRANSIT","settlementType":"REFUND"}`,
		found["Delivered"]))
	add(o, "shippingv2.getAccessPoints", v2+"accessPoints?accessPointTypes=HELIX,CORE_LOCKER&countryCode=DE&postalCode=80331", "")
}

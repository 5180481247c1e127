package emulator

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// sellerToken is a token of a seller that opens an operation.
func sellerToken(e *Emulator, a *desk.Seller, op *catalog.Operation) string {
	now := e.Now()
	g := &auth.Grant{Account: a.Account, Expires: now.Add(time.Hour)}
	if op.Restricted != nil {
		g.Kind = auth.RestrictedGrant
		g.Resources = []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	return e.desk.Auth.Issue("Atza|", g, now)
}

// invoicingRequests are requests of a seller in Brazil, who is added.
func invoicingRequests(t testing.TB, e *Emulator, requests map[string][]*http.Request, add func(id, target, body string)) {
	t.Helper()
	a, err := e.desk.AddSeller(marketplace.NorthAmerica, []string{marketplace.BR.ID}, e.Now())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id, target, body string) {
		t.Helper()
		add(id, target, body)
		op, _ := catalog.Lookup(id)
		list := requests[id]
		list[len(list)-1].Header.Set("x-amz-access-token", sellerToken(e, a, op))
	}
	document := []byte("<NFe><infNFe/></NFe>")
	hash := md5.Sum(document)
	content, sum := base64.StdEncoding.EncodeToString(document), hex.EncodeToString(hash[:])
	onsite, own := "", ""
	for o := range a.World().All(time.Time{}, e.Now()) {
		switch open := o.Status(e.Now()) == world.Unshipped; {
		case open && o.Onsite():
			onsite = o.ShipmentID()
		case open && !o.Amazon:
			own = o.ID
		}
	}
	if onsite == "" || own == "" {
		t.Fatal("no order in Brazil is open")
	}
	shipment := "/fba/outbound/brazil/v0/shipments/" + onsite
	ask("shipmentinvoicingv0.getShipmentDetails", shipment, "")
	ask("shipmentinvoicingv0.getInvoiceStatus", shipment+"/invoice/status", "")
	ask("shipmentinvoicingv0.submitInvoice", shipment+"/invoice", `{"InvoiceContent":"`+content+`","ContentMD5Value":"`+sum+`"}`)
	program := "&marketplaceId=" + marketplace.BR.ID + "&invoiceType=Outbound&programType=SelfShip"
	ask("deliveryshipmentinvoice20220701.getInvoiceStatus", "/delivery/2022-07-01/invoice/status?orderId="+own+program, "")
	ask("deliveryshipmentinvoice20220701.submitInvoice", "/delivery/2022-07-01/invoice?orderId="+own,
		`{"invoiceContent":"`+content+`","contentMD5Value":"`+sum+`","marketplaceId":"`+marketplace.BR.ID+`","invoiceType":"Outbound","programType":"SelfShip"}`)
}

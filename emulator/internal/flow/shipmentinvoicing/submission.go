package shipmentinvoicing

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// shipment finds the order that has a shipment with invoices of its seller's: one of Brazil, which the buyer has paid. nil when there is none.
func shipment(c *desk.Call, orderID string) *world.Order {
	o := c.Seller.World().OrderByID(orderID, c.Now)
	if o == nil || o.InvoiceStatus(c.Now) == "" || o.Marketplace.CountryCode != "BR" {
		return nil
	}
	if status := o.Status(c.Now); status == world.Pending || status == world.Canceled {
		return nil
	}
	return o
}

// submit takes an invoice for an order, of which document has been decoded. It is processed for some minutes; how long Amazon takes isn't published. One that
// is processed or has been accepted stands: what Amazon says to a second one is unknown, the wording is assumed.
func submit(c *desk.Call, o *world.Order, document []byte) *answer.Error {
	id := o.ShipmentID()
	wait := time.Duration(c.Desk.Seed.Of("invoice", o.ID, c.Now.Unix()).Between(60, 300)) * time.Second
	return c.ChangeOrder(o.ID, func(o *world.Order) *answer.Error {
		switch status := o.InvoiceStatus(c.Now); {
		case status == world.InvoiceProcessing, status == world.InvoiceAccepted && !o.Invoice.Submitted.IsZero():
			return answer.Invalid("Invoice has already been submitted", "").Detailed("The invoice of shipment '" + id + "' is " + status)
		}
		now := c.Now.UTC().Truncate(time.Second)
		o.Invoice = world.Invoice{Submitted: now, Checked: now.Add(wait), Accepted: electronic(document, o.Total().String())}
		o.Changed = now
		return nil
	})
}

// content decodes an invoice and holds it against its hash; what is wrong is in details.
func content(text, sum string) (document []byte, details string) {
	document, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(document) == 0 {
		return nil, "InvoiceContent fails encoding."
	}
	got := md5.Sum(document)
	// The model's case has the hash in hexadecimal digits, the page that it links to has it in base64: both are taken.
	if !strings.EqualFold(sum, hex.EncodeToString(got[:])) && sum != base64.StdEncoding.EncodeToString(got[:]) {
		return nil, "ContentMD5Value does not match InvoiceContent." // wording assumed
	}
	return document, ""
}

// electronic tells whether a document is an electronic invoice (NF-e) over an amount: Amazon's own checks aren't published. It is XML with an infNFe
// in an NFe, and its total (vNF), if it has one, is what the buyer pays.
func electronic(document []byte, total string) bool {
	d := xml.NewDecoder(bytes.NewReader(document))
	var path []string
	found := false
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			return false
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			if n := len(path); n >= 2 && path[n-2] == "NFe" && path[n-1] == "infNFe" {
				found = true
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 0 && path[len(path)-1] == "vNF" && strings.TrimSpace(string(token)) != total {
				return false
			}
		}
	}
}

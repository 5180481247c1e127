package world

import (
	"strconv"
	"strings"
	"time"
)

// Invoice is the electronic invoice that the seller has submitted last for an order; the zero value when requests have told of none.
type Invoice struct {
	Submitted time.Time `json:"submitted,omitzero"`
	Checked   time.Time `json:"checked,omitzero"` // until then it is processed
	Accepted  bool      `json:"accepted,omitempty"`
}

// The states of invoices.
const (
	InvoiceNotFound   = "NotFound"
	InvoiceProcessing = "Processing"
	InvoiceAccepted   = "Accepted"
	InvoiceErrored    = "Errored"
)

// Onsite tells whether the seller writes the electronic invoice of an order that Amazon fulfils: so it is where the goods lie in a warehouse of the
// seller's that Amazon works from (FBA Onsite), in Brazil. Which orders come from there is assumed: one in three.
func (o *Order) Onsite() bool {
	return o.Amazon && o.Marketplace.CountryCode == "BR" && o.number%3 == 0
}

// InvoiceStatus is the state of the electronic invoice, which Brazil wants of whoever sells and Easy Ship in India has no need of; "" elsewhere. What
// has been shipped had its invoice, if nothing else was told.
func (o *Order) InvoiceStatus(t time.Time) string {
	switch status := o.Status(t); {
	case o.EasyShipStatus(t) != "":
		return "NotRequired"
	case o.Marketplace.CountryCode != "BR" || o.Amazon && !o.Onsite():
		return ""
	case !o.Invoice.Submitted.IsZero() && !t.Before(o.Invoice.Submitted):
		switch {
		case t.Before(o.Invoice.Checked):
			return InvoiceProcessing
		case o.Invoice.Accepted:
			return InvoiceAccepted
		}
		return InvoiceErrored
	case status == Shipped || status == PartiallyShipped:
		return InvoiceAccepted
	}
	return InvoiceNotFound
}

// shipmentDigits is how many base-36 digits hold the digits of an order's id.
const shipmentDigits = 11

// ShipmentID is the id of the order's shipment, as those who write its invoice know it. It has the order's id in it, so that it can be found again.
func (o *Order) ShipmentID() string {
	n, err := strconv.ParseUint(strings.ReplaceAll(o.ID, "-", ""), 10, 64)
	if err != nil {
		return "" // ids are made of digits
	}
	text := strings.ToUpper(strconv.FormatUint(n, 36))
	return "F" + strings.Repeat("0", max(shipmentDigits-len(text), 0)) + text
}

// OrderOfShipment is the id of the order that a shipment's id has in it; false when it can be none.
func OrderOfShipment(id string) (string, bool) {
	rest, found := strings.CutPrefix(id, "F")
	if !found || len(rest) != shipmentDigits || rest != strings.ToUpper(rest) {
		return "", false
	}
	n, err := strconv.ParseUint(rest, 36, 64)
	digits := strconv.FormatUint(n, 10)
	if err != nil || len(digits) > 17 {
		return "", false
	}
	digits = strings.Repeat("0", 17-len(digits)) + digits
	return digits[:3] + "-" + digits[3:10] + "-" + digits[10:], true
}

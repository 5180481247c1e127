// Package invoices answers for the electronic invoices that Amazon writes for sellers in Brazil: of what it sells for them from its own warehouses, and of
// what they send there.
package invoices

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of invoices, version 2024-06-19.
var Flow = desk.Flow{
	Stores: []desk.Keeper{offices},
	Settle: func(a *desk.Seller, now time.Time) { offices.Of(a).settle(now) },
	Handlers: map[string]desk.Handler{
		"invoices20240619.getInvoicesAttributes":        getInvoicesAttributes,
		"invoices20240619.getInvoices":                  getInvoices,
		"invoices20240619.getInvoice":                   getInvoice,
		"invoices20240619.createInvoicesExport":         createInvoicesExport,
		"invoices20240619.getInvoicesExports":           getInvoicesExports,
		"invoices20240619.getInvoicesExport":            getInvoicesExport,
		"invoices20240619.getInvoicesDocument":          getInvoicesDocument,
		"invoices20240619.createGovernmentInvoice":      createGovernmentInvoice,
		"invoices20240619.getGovernmentInvoiceStatus":   getGovernmentInvoiceStatus,
		"invoices20240619.getGovernmentInvoiceDocument": getGovernmentInvoiceDocument,
	},
}

// option is a word of the vocabulary with what it stands for.
type option struct{ value, description string }

// The vocabulary of Brazil. The states are those of getInvoicesAttributes' static case in the model, which leaves the other lists empty; their words are those
// that other cases of it use, and CUSTOMER_RETURN, ORDER_ID and SHIPMENT_ID, which are assumed.
var (
	statusOptions = []option{
		{authorized, "Authorized by the government."}, {rejected, "Rejected by the government."}, {"CANCELED", "Canceled."},
	}
	typeOptions = []option{
		{"CUSTOMER_SALES", "Sale to a buyer."}, {"SYMBOLIC_RETURN", "Return of goods from Amazon's warehouse to the seller, before they are sold."},
		{"CUSTOMER_RETURN", "Return of goods by a buyer."}, {remittance, "Goods on their way to Amazon's warehouse."},
	}
	transactionOptions = []option{{"CUSTOMER_SALES", "Sales."}, {"CUSTOMER_RETURNS", "Returns by buyers."}, {inboundShipment, "Shipments to Amazon's warehouses."}}
	identifierOptions  = []option{{businessID, "What belongs together."}, {orderID, "Order."}, {shipmentID, "Shipment."}}
)

const (
	authorized      = "AUTHORIZED"
	rejected        = "REJECTED"
	remittance      = "REMITTANCE"
	inboundShipment = "INBOUND_SHIPMENT"
	businessID      = "BUSINESS_TRANSACTION_ID"
	orderID         = "ORDER_ID"
	shipmentID      = "SHIPMENT_ID"
)

// invalid is a 400 of the API (selling-partner-api-models, InvoicesApiModel_2024-06-19, static cases of the operations that only read).
func invalid(details string) *answer.Error {
	return answer.Plain(http.StatusBadRequest, "400", "Invalid Request.").Detailed(details)
}

// unfit is a 400 of what a request to create something has (the same, static cases of those).
func unfit(details string) *answer.Error {
	return answer.Plain(http.StatusBadRequest, "400", "Request has missing or invalid parameters and cannot be parsed.").Detailed(details)
}

// absent is a 404; that it is made as the others are is assumed.
func absent(what, id string) *answer.Error {
	return answer.Plain(http.StatusNotFound, "404", "The resource specified does not exist.").Detailed(what + " '" + id + "' was not found.")
}

// inBrazil refuses any marketplace but Brazil (developer-docs.amazon.com/sp-api/docs/invoices-api); the wording is assumed.
func inBrazil(c *desk.Call, id string) *answer.Error {
	m, err := c.MarketplaceOf("marketplaceId", id)
	if err == nil && m.ID != marketplace.BR.ID {
		err = invalid("Unsupported marketplaceId: '" + id + "'")
	}
	return err
}

// among refuses a word that the vocabulary doesn't have; the wording is assumed.
func among(name, value string, options []option) *answer.Error {
	if value == "" || slices.ContainsFunc(options, func(o option) bool { return o.value == value }) {
		return nil
	}
	return invalid("Invalid " + name + ": '" + value + "'. Use getInvoicesAttributes for the options.")
}

func getInvoicesAttributes(c *desk.Call) (answer.Reply, *answer.Error) {
	if err := inBrazil(c, c.Query.Get("marketplaceId")); err != nil {
		return answer.Reply{}, err
	}
	list := func(options []option) []object {
		all := []object{}
		for _, o := range options {
			all = append(all, object{"value": o.value, "description": o.description})
		}
		return all
	}
	return answer.OK(object{"invoicesAttributes": object{
		"invoiceStatusOptions": list(statusOptions), "invoiceTypeOptions": list(typeOptions),
		"transactionIdentifierNameOptions": list(identifierOptions), "transactionTypeOptions": list(transactionOptions),
	}}), nil
}

// filter is which invoices are asked for.
type filter struct {
	From            time.Time `json:"from"`
	To              time.Time `json:"to"`
	Statuses        []string  `json:"statuses,omitempty"`
	InvoiceType     string    `json:"invoice_type,omitempty"`
	TransactionType string    `json:"transaction_type,omitempty"`
	Series          string    `json:"series,omitempty"`
	External        string    `json:"external,omitempty"`
	Name            string    `json:"name,omitempty"` // of the identifier
	ID              string    `json:"id,omitempty"`
}

// defaultWindow is how far back lists and exports go if nothing else is said (the model).
const defaultWindow = 24 * time.Hour

// check refuses what is none of the vocabulary's, half an identifier and an end before the start, and fills in the window. Who names a single invoice or
// transaction is asking for it whatever its date: assumed, as the model's case of an external id has no dates.
func (f *filter) check(now time.Time) *answer.Error {
	for _, s := range f.Statuses {
		if err := among("statuses", s, statusOptions); err != nil {
			return err
		}
	}
	err := cmp.Or(among("invoiceType", f.InvoiceType, typeOptions), among("transactionType", f.TransactionType, transactionOptions),
		among("transactionIdentifierName", f.Name, identifierOptions))
	switch {
	case err != nil:
		return err
	case (f.Name == "") != (f.ID == ""):
		return invalid("transactionIdentifierName and transactionIdentifierId must be provided together.")
	}
	if f.To.IsZero() {
		f.To = now
	}
	if f.From.IsZero() && f.External == "" && f.ID == "" {
		f.From = now.Add(-defaultWindow)
	}
	if f.From.After(f.To) || f.From.Year() < 1 || f.To.Year() > 9999 { // as JSON has them
		return invalid("dateStart must be before dateEnd.")
	}
	return nil
}

func (f *filter) accepts(v *invoice, now time.Time) bool {
	has := func(want, got string) bool { return want == "" || want == got }
	return !v.date.Before(f.From) && !v.date.After(f.To) && has(f.InvoiceType, v.kind) && has(f.TransactionType, v.transaction) && has(f.Series, v.series) &&
		has(f.External, v.external) && (f.Name == "" || v.identifier(f.Name) == f.ID) && (f.Statuses == nil || slices.Contains(f.Statuses, v.status(now)))
}

// The sizes of pages: up to 200 can be asked for, and the answer has up to 100 (both the model).
const (
	mostAsked = 200
	mostShown = 100
)

// sized is the size of a page; the default is assumed.
func sized(text string, most int) (int, *answer.Error) {
	if text == "" {
		return mostShown, nil
	}
	n := format.Atoi(text)
	if n < 1 || n > most {
		return 0, invalid("Invalid parameter: 'pageSize'")
	}
	return min(n, mostShown), nil
}

// begin reads the page that a list is asked for. A token goes with the arguments that it was given for (the model), and with no others (its static cases).
func begin(c *desk.Call) (*desk.Page, *answer.Error) {
	pg, problem := c.Page("nextToken")
	switch {
	case errors.Is(problem, desk.ErrTokenArgs):
		return nil, invalid("Specifying nextToken with any other parameters will cause the request to fail.")
	case problem != nil:
		return nil, invalid("nextToken " + problem.Error() + ".") // wording assumed
	}
	return pg, inBrazil(c, c.Query.Get("marketplaceId"))
}

func getInvoices(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, err := begin(c)
	if err != nil {
		return answer.Reply{}, err
	}
	q := pg.Args
	f := filter{
		Statuses: q["statuses"], InvoiceType: q.Get("invoiceType"), TransactionType: q.Get("transactionType"), Series: q.Get("series"),
		External: q.Get("externalInvoiceId"), Name: q.Get("transactionIdentifierName"), ID: q.Get("transactionIdentifierId"),
	}
	f.From, _ = format.ParseTime(q.Get("dateStart"))
	f.To, _ = format.ParseTime(q.Get("dateEnd"))
	size, err := sized(q.Get("pageSize"), mostAsked)
	if err == nil {
		err = f.check(pg.AsOf)
	}
	if err != nil {
		return answer.Reply{}, err
	}
	found := offices.Of(c.Seller).find(&f, pg.AsOf)
	if q.Get("sortOrder") != "ASC" { // the newest first, unless something else is said: assumed
		slices.Reverse(found)
	}
	return answer.OK(desk.Listed(c, pg, size, found, "invoices", func(v *invoice) object { return v.object(c.Now) }, "nextToken")), nil
}

func getInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	if err := inBrazil(c, c.Query.Get("marketplaceId")); err != nil {
		return answer.Reply{}, err
	}
	v := offices.Of(c.Seller).byID(c.Path["invoiceId"], c.Now)
	if v == nil {
		return answer.Reply{}, absent("Invoice", c.Path["invoiceId"])
	}
	return answer.OK(object{"invoice": v.object(c.Now)}), nil
}

// Package financesinvoices answers for the invoices between vendors and Amazon. Which of the emulator's sellers is a vendor too is nowhere said: each reads
// those of a vendor of its own.
package financesinvoices

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// Flow is the API of invoices of vendors, version 2026-06-25.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"financesinvoices20260625.getInvoiceHeaders": getInvoiceHeaders,
	"financesinvoices20260625.getInvoice":        getInvoice,
}}

// The sizes of pages and the widest range of dates of issue, which is also the one that counts when none is given (the model).
const (
	headersPerPage = 100
	linesPerPage   = 600
	widest         = 90 * 24 * time.Hour
)

// window reads the range of dates of issue: both ends or none.
func window(pg *desk.Page) (from, to time.Time, _ *answer.Error) {
	from, begun := format.ParseTime(pg.Arg("fromIssueDate"))
	to, ended := format.ParseTime(pg.Arg("toIssueDate"))
	switch {
	case !begun && !ended:
		return pg.AsOf.Add(-widest), pg.AsOf, nil
	case !begun:
		return from, to, answer.InvalidParameter("fromIssueDate", "goes with toIssueDate")
	case !ended:
		return from, to, answer.InvalidParameter("toIssueDate", "goes with fromIssueDate")
	case to.Before(from):
		return from, to, answer.InvalidParameter("toIssueDate", "is before fromIssueDate")
	case to.Sub(from) > widest:
		return from, to, answer.InvalidParameter("toIssueDate", "is more than 90 days after fromIssueDate")
	}
	return from, to, nil
}

// getInvoiceHeaders lists invoices, those that were issued last first, which is assumed.
func getInvoiceHeaders(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextToken", problem.Error())
	}
	m, err := c.MarketplaceOf("marketplaceId", pg.Arg("marketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	from, to, err := window(pg)
	if err != nil {
		return answer.Reply{}, err
	}
	since, changed := format.ParseTime(pg.Arg("invoicesModifiedAfter"))
	var found []*invoice
	if to.After(pg.AsOf) {
		to = pg.AsOf
	}
	for _, v := range issued(c.Seller, m, from, to) {
		if !changed || v.updated(pg.AsOf).After(since) {
			found = append(found, v)
		}
	}
	slices.Reverse(found)
	part, more := desk.Cut(found, pg.Start, headersPerPage)
	list := []object{}
	for _, v := range part {
		list = append(list, v.header(pg.AsOf))
	}
	body := object{"invoices": list, "numOfRecords": len(list)}
	if more {
		body["nextToken"] = c.Token(pg, pg.Start+headersPerPage)
	}
	return answer.OK(body), nil
}

func getInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextTokenForLineItems")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextTokenForLineItems", problem.Error())
	}
	m, err := c.MarketplaceOf("marketplaceId", pg.Arg("marketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	v := find(c.Seller, m, c.Path["invoiceIdentifier"], pg.AsOf)
	if v == nil { // the wording is assumed
		return answer.Reply{}, answer.NotFound("The invoice was not found.").Detailed("invoiceIdentifier " + c.Path["invoiceIdentifier"])
	}
	part, more := desk.Cut(v.lines, pg.Start, linesPerPage)
	list := []object{}
	for k := range part {
		list = append(list, part[k].object(v, pg.Start+k+1, pg.AsOf))
	}
	body := object{"invoiceHeader": v.header(pg.AsOf), "invoiceItems": list}
	if more {
		body["nextTokenForLineItems"] = c.Token(pg, pg.Start+linesPerPage)
	}
	return answer.OK(body), nil
}

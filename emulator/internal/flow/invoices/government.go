package invoices

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// mostDemands bounds what is remembered of a seller who has no limits.
const mostDemands = 10_000

// demand is an invoice that was asked of the government for a shipment to Amazon's warehouse. The emulator knows no such shipments: any id is taken.
type demand struct {
	ID       string            `json:"id"`
	Shipment string            `json:"shipment"`
	Plan     string            `json:"plan,omitempty"`
	Asked    time.Time         `json:"asked"`
	Answered time.Time         `json:"answered"`
	Refused  bool              `json:"refused,omitempty"`
	Number   int               `json:"number"`              // of the seller's demands, from 1
	Files    map[string]string `json:"documents,omitempty"` // ids, by format
}

func (d *demand) status(now time.Time) string {
	switch {
	case now.Before(d.Answered):
		return processing
	case d.Refused:
		return failed
	}
	return "SUCCESS"
}

// written is the invoice of a demand; nil while the government hasn't authorized it.
func (f *office) written(d *demand, now time.Time) *invoice {
	if d.status(now) != "SUCCESS" {
		return nil
	}
	nothing := world.Money{Currency: marketplace.BR.Currency}
	v := &invoice{
		id: d.ID, kind: remittance, transaction: inboundShipment, date: d.Answered, series: "2", shipment: d.Shipment,
		key: accessKey(f.cnpj(), d.Answered, "2", strconv.Itoa(d.Number)), freight: nothing, discount: nothing, parties: [2]party{f.self(), warehouse},
	}
	v.external = v.key
	return v
}

// ask reads which demand a request is about.
func ask(c *desk.Call, get func(string) string) (shipment, plan string, _ *answer.Error) {
	if err := inBrazil(c, get("marketplaceId")); err != nil {
		return "", "", err
	}
	for _, word := range []struct{ name, only string }{{"transactionType", inboundShipment}, {"invoiceType", remittance}} {
		if value := get(word.name); value != word.only { // of Brazil only these are known
			return "", "", unfit("Invalid attribute(s): '" + word.name + "'.")
		}
	}
	return get("shipmentId"), get("inboundPlanId"), nil
}

// demanded is the latest demand of a shipment; nil when there is none. It wants f.mu held.
func (f *office) demanded(shipment, plan string) *demand {
	for _, d := range slices.Backward(f.government) {
		if d.Shipment == shipment && (plan == "" || plan == d.Plan) {
			return d
		}
	}
	return nil
}

// createGovernmentInvoice asks for an invoice. The government answers some minutes later, and refuses a carrier whose tax number can't be one.
func createGovernmentInvoice(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	shipment, plan, err := ask(c, func(name string) string {
		s, _ := body[name].(string)
		return s
	})
	if err != nil {
		return answer.Reply{}, err
	}
	f := offices.Of(c.Seller)
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.demanded(shipment, plan); d != nil && d.status(c.Now) != failed { // that only a refused one can be asked for again is assumed
		return answer.Reply{}, unfit("An invoice for shipment '" + shipment + "' has already been requested: " + d.status(c.Now) + ".")
	}
	if len(f.government) >= mostDemands {
		return answer.Reply{}, answer.Throttled()
	}
	r := c.Desk.Seed.Next("government invoice")
	now := c.Now.UTC().Truncate(time.Second)
	d := &demand{ID: r.UUID(), Shipment: shipment, Plan: plan, Asked: now, Number: len(f.government) + 1}
	d.Answered = now.Add(time.Duration(r.Between(60, 300)) * time.Second)
	contexts, _ := body["contexts"].([]any)
	for _, v := range contexts {
		if carrier, _ := v.(map[string]any); carrier["federalTaxId"] != nil {
			number, _ := carrier["federalTaxId"].(string)
			d.Refused = d.Refused || !isCNPJ(number)
		}
	}
	f.government = append(f.government, d)
	return answer.Reply{Status: http.StatusNoContent}, nil
}

func getGovernmentInvoiceStatus(c *desk.Call) (answer.Reply, *answer.Error) {
	shipment, plan, err := ask(c, c.Query.Get)
	if err != nil {
		return answer.Reply{}, err
	}
	f := offices.Of(c.Seller)
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.demanded(shipment, plan)
	if d == nil {
		return answer.Reply{}, absent("Invoice of shipment", shipment)
	}
	status := object{"status": d.status(c.Now)}
	if v := f.written(d, c.Now); v != nil {
		status["invoiceExternalDocumentId"] = v.external
	}
	if d.status(c.Now) == failed { // code and words of the government's own list of rejections
		status["invoiceErrors"] = []object{{"errorCode": "542", "description": "Rejeição: CNPJ do Transportador inválido"}}
	}
	return answer.OK(status), nil
}

// getGovernmentInvoiceDocument gives the URL of an invoice that the government has authorized.
func getGovernmentInvoiceDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	shipment, plan, err := ask(c, func(name string) string {
		if name == "shipmentId" {
			return c.Path[name]
		}
		return c.Query.Get(name)
	})
	kind := c.Query.Get("fileFormat")
	if kind == "" {
		kind = "XML" // the model
	}
	contentType := map[string]string{"XML": "text/xml; charset=UTF-8", "PDF": "application/pdf"}[kind]
	switch {
	case err != nil:
		return answer.Reply{}, err
	case contentType == "":
		return answer.Reply{}, unfit("Invalid attribute(s): 'fileFormat'.")
	}
	f := offices.Of(c.Seller)
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.demanded(shipment, plan)
	if d == nil {
		return answer.Reply{}, absent("Invoice of shipment", shipment)
	}
	v := f.written(d, c.Now)
	if v == nil { // that it is a 404 is assumed
		return answer.Reply{}, absent("Document of an invoice that is "+d.status(c.Now)+", of shipment", shipment)
	}
	queue := jobs.Queues.Of(c.Seller)
	file := queue.Document(d.Files[kind], c.Now)
	if file == nil {
		content := v.document(c.Now)
		if kind == "PDF" {
			content = v.printed(c.Now)
		}
		file = queue.AddInvoices(contentType, content, c.Now.UTC().Truncate(time.Second))
		if d.Files == nil {
			d.Files = map[string]string{}
		}
		d.Files[kind] = file.ID
	}
	return answer.OK(object{"invoiceDocument": object{"invoiceDocumentUrl": jobs.InvoicesURL(c, file)}}), nil
}

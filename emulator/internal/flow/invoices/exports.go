package invoices

import (
	"archive/zip"
	"bytes"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
)

const (
	// perFile is how many invoices are in a file of an export, and mostExported in all of them: neither is published.
	perFile      = 1_000
	mostExported = 10_000
	// exportsKept is how far back exports are listed if nothing else is said (the model). That they are known no longer is assumed.
	exportsKept = 30 * 24 * time.Hour
	// mostExports bounds what is remembered of a seller who has no limits.
	mostExports = 10_000
)

// export is an export of invoices. How far it is follows from its times.
type export struct {
	ID        string    `json:"id"`
	Filter    filter    `json:"filter"`
	Asked     time.Time `json:"asked"`
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished"`
	Written   bool      `json:"written,omitempty"` // when it was finished
	Documents []string  `json:"documents,omitempty"`
	Problem   string    `json:"problem,omitempty"`
}

// The states of exports.
const (
	requested  = "REQUESTED"
	processing = "PROCESSING"
	done       = "DONE"
	failed     = "ERROR"
)

func (e *export) status(now time.Time) string {
	switch {
	case now.Before(e.Started):
		return requested
	case now.Before(e.Finished):
		return processing
	case e.Problem != "":
		return failed
	}
	return done
}

func (e *export) object(now time.Time) object {
	body := object{"exportId": e.ID, "status": e.status(now), "errorMessage": "", "invoicesDocumentIds": []string{}}
	if !now.Before(e.Started) {
		body["generateExportStartedAt"] = desk.Millis(e.Started)
	}
	if !now.Before(e.Finished) {
		body["generateExportFinishedAt"], body["errorMessage"] = desk.Millis(e.Finished), e.Problem
		if e.Documents != nil {
			body["invoicesDocumentIds"] = e.Documents
		}
	}
	return body
}

// settle writes the exports that have finished and forgets those of long ago.
func (f *office) settle(now time.Time) {
	f.settling.Lock()
	defer f.settling.Unlock()
	f.mu.Lock()
	f.exports = slices.DeleteFunc(f.exports, func(e *export) bool { return !now.Before(e.Asked.Add(exportsKept)) })
	var due []*export
	for _, e := range f.exports {
		if !e.Written && !now.Before(e.Finished) {
			e.Written = true
			due = append(due, e)
		}
	}
	f.mu.Unlock()
	for _, e := range due {
		documents, problem := f.write(e)
		f.mu.Lock()
		e.Documents, e.Problem = documents, problem
		f.mu.Unlock()
	}
}

// write makes the files of an export: ZIPs with an XML file for each invoice, by the invoice's id (developer-docs.amazon.com/sp-api/docs/invoices-faq).
func (f *office) write(e *export) (documents []string, problem string) {
	found := f.find(&e.Filter, e.Finished)
	if len(found) > mostExported {
		return nil, "The export has too many invoices. Use a shorter date range." // assumed
	}
	for part := range slices.Chunk(found, perFile) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, v := range part {
			w, err := z.CreateHeader(&zip.FileHeader{Name: v.id + ".xml", Method: zip.Deflate, Modified: v.date.UTC()})
			if err == nil {
				_, err = w.Write(v.document(e.Finished))
			}
			if err != nil {
				panic("emulator: export " + e.ID + ": " + err.Error()) // a buffer takes everything
			}
		}
		if err := z.Close(); err != nil {
			panic("emulator: export " + e.ID + ": " + err.Error())
		}
		documents = append(documents, jobs.Queues.Of(f.seller).AddInvoices("application/zip", b.Bytes(), e.Finished).ID)
	}
	return documents, ""
}

func createInvoicesExport(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	if err := inBrazil(c, format.Member(body, "marketplaceId")); err != nil {
		return answer.Reply{}, err
	}
	if kind := format.Member(body, "fileFormat"); kind != "" && kind != "XML" {
		return answer.Reply{}, unfit("Invalid attribute(s): 'fileFormat'.")
	}
	identifier, _ := body["transactionIdentifier"].(map[string]any)
	f := filter{
		InvoiceType: format.Member(body, "invoiceType"), TransactionType: format.Member(body, "transactionType"), Series: format.Member(body, "series"),
		External: format.Member(body, "externalInvoiceId"), Name: format.Member(identifier, "name"), ID: format.Member(identifier, "id"),
	}
	for _, s := range format.List(body["statuses"]) {
		status, _ := s.(string)
		f.Statuses = append(f.Statuses, status)
	}
	f.From, _ = format.ParseTime(format.Member(body, "dateStart"))
	end := format.Member(body, "dateEnd")
	f.To, _ = format.ParseTime(end)
	if len(end) == len(time.DateOnly) { // a day is meant to its end
		f.To = f.To.Add(24*time.Hour - time.Second)
	}
	f.From, f.To = f.From.UTC(), f.To.UTC()
	if err := f.check(c.Now.UTC().Truncate(time.Second)); err != nil {
		return answer.Reply{}, err
	}
	office := offices.Of(c.Seller)
	office.mu.Lock()
	defer office.mu.Unlock()
	if len(office.exports) >= mostExports {
		return answer.Reply{}, answer.Throttled()
	}
	r := c.Desk.Seed.Next("invoices export")
	now := c.Now.UTC().Truncate(time.Second)
	e := &export{ID: r.UUID(), Filter: f, Asked: now, Started: now.Add(time.Duration(r.Between(5, 30)) * time.Second)}
	e.Finished = e.Started.Add(time.Duration(r.Between(20, 180)) * time.Second)
	office.exports = append(office.exports, e)
	reply := answer.OK(object{"exportId": e.ID})
	reply.Status = 202
	return reply, nil
}

func getInvoicesExports(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, err := begin(c)
	if err != nil {
		return answer.Reply{}, err
	}
	size, err := sized(pg.Arg("pageSize"), mostShown)
	if err != nil {
		return answer.Reply{}, err
	}
	from, given := format.ParseTime(pg.Arg("dateStart"))
	if !given {
		from = pg.AsOf.Add(-exportsKept)
	}
	to, given := format.ParseTime(pg.Arg("dateEnd"))
	if !given {
		to = pg.AsOf
	}
	if from.After(to) {
		return answer.Reply{}, invalid("dateStart must be before dateEnd.")
	}
	f := offices.Of(c.Seller)
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []*export
	for _, e := range slices.Backward(f.exports) { // the newest first: assumed
		if status := pg.Arg("status"); !e.Asked.Before(from) && !e.Asked.After(to) && (status == "" || status == e.status(pg.AsOf)) {
			found = append(found, e)
		}
	}
	return answer.OK(desk.Listed(c, pg, size, found, "exports", func(e *export) object { return e.object(c.Now) }, "nextToken")), nil
}

func getInvoicesExport(c *desk.Call) (answer.Reply, *answer.Error) {
	f := offices.Of(c.Seller)
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.exports, func(e *export) bool { return e.ID == c.Path["exportId"] })
	if i < 0 {
		return answer.Reply{}, absent("Export", c.Path["exportId"])
	}
	return answer.OK(object{"export": f.exports[i].object(c.Now)}), nil
}

func getInvoicesDocument(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["invoicesDocumentId"]
	f := offices.Of(c.Seller)
	f.mu.Lock()
	known := slices.ContainsFunc(f.exports, func(e *export) bool { return slices.Contains(e.Documents, id) })
	f.mu.Unlock()
	d := jobs.Queues.Of(c.Seller).Document(id, c.Now)
	if !known || d == nil {
		return answer.Reply{}, absent("Document", id)
	}
	return answer.OK(object{"invoicesDocument": object{"invoicesDocumentId": id, "invoicesDocumentUrl": jobs.InvoicesURL(c, d)}}), nil
}

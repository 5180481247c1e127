package jobs

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// FeedType is one row of feed_types.csv, where the sources are.
type FeedType struct {
	Name        string
	contentType string
	handling    string
}

//go:embed feed_types.csv
var feedTypesCSV string

var FeedTypes = sync.OnceValue(func() map[string]*FeedType {
	types := map[string]*FeedType{}
	for _, f := range table.Read("feed_types.csv", feedTypesCSV) {
		types[f[0]] = &FeedType{Name: f[0], contentType: f[1], handling: f[2]}
	}
	return types
})

// Feed is one feed of a seller.
type Feed struct {
	Job
	Kind         *FeedType
	Marketplaces []string
	Options      map[string]string
	Input        *Document
	Result       *Document
}

func (f *Feed) about() (string, []string) { return f.Kind.Name, f.Marketplaces }

func (f *Feed) news(a *desk.Seller) desk.News {
	told := object{"sellerId": a.ID, "accountId": accountID(a), "feedId": f.ID, "feedType": f.Kind.Name, "processingStatus": f.Outcome}
	withID(told, "resultFeedDocumentId", f.Result)
	return desk.News{Type: "FEED_PROCESSING_FINISHED", At: f.ended, Payload: object{"feedProcessingFinishedNotification": told}}
}

func (k *Queue) PlanFeed(f *Feed) {
	k.later(f.ended, func(at time.Time) {
		if f.Outcome == "" { // not cancelled
			k.FinishFeed(f, at)
		}
	})
}

// FinishFeed carries a feed out.
func (k *Queue) FinishFeed(f *Feed, at time.Time) {
	p := &processing{k: k, f: f, at: at, w: k.account.World()}
	content, uploaded := f.Input.Content()
	switch {
	case !uploaded:
		// The contents must be there before createFeed (selling-partner-api-models, feeds_2021-06-30).
		p.failed = "The feed document has no contents: upload them before calling createFeed."
	case k.account.Desk.Gone(operations.FeedType, f.Kind.Name, at):
		p.failed = "Feed type " + f.Kind.Name + " is no longer supported. Use JSON_LISTINGS_FEED or the Listings Items API."
	default:
		p.run(content)
	}
	if p.failed == "" && len(p.issues) == 0 && len(p.packages) > 0 {
		p.documents = k.AddReport(ReportTypes()[easyShipDocuments], f.Marketplaces, map[string]string{easyShipOrders: strings.Join(p.packages, ",")}, at, at, at).ID
	}
	d := p.report()
	d.Created, d.Expires = at, at.Add(Retention("feed document", at))
	f.Result = k.AddDocument("feed", d)
	if p.failed != "" {
		f.end(fatal, at)
		return
	}
	f.end(done, at)
}

// processing is a feed being carried out, and what will stand in its report.
type processing struct {
	k  *Queue
	f  *Feed
	at time.Time
	w  *world.World

	failed   string // why the whole feed failed; "" if it didn't
	code     string // of that, in JSON; default 4000000, which is assumed
	messages int
	accepted int
	issues   []feedIssue
	header   map[string]any // of JSON feeds
	items    []any

	packages  []string // orders of which Easy Ship's documents are asked for
	documents string   // id of the report that will have them
}

// feedIssue is what is wrong with a message.
type feedIssue struct {
	message   int // its id, or its line in a flat file
	sku       string
	code      string
	severity  string // ERROR or WARNING
	text      string
	attribute string
}

func (p *processing) issue(message int, sku, code, text string) {
	p.issues = append(p.issues, feedIssue{message: message, sku: sku, code: code, severity: "ERROR", text: text})
}

// run reads the content and changes the world.
func (p *processing) run(content []byte) {
	switch p.f.Kind.handling {
	case "listings":
		p.listings(content)
	case "inventory-xml", "pricing-xml", "acknowledge-xml", "adjust-xml", "fulfill-xml", "easyship-xml", "xml":
		p.envelope(content)
	case "inventory-flat", "acknowledge-flat", "adjust-flat", "fulfill-flat", "flat":
		p.flat(content)
	case "pdf":
		if !bytes.HasPrefix(content, []byte("%PDF-")) {
			p.failed = "The document is not a PDF."
			return
		}
		p.messages = 1
		if id := p.f.Options["metadata:OrderId"]; id != "" && p.w.OrderByID(id, p.at) == nil {
			p.issue(1, "", "5002", "The order "+id+" was not found.")
			return
		}
		p.accepted = 1
	}
}

// report writes the processing report in the form that goes with the feed: JSON, XML, or text.
func (p *processing) report() *Document {
	switch {
	case p.f.Kind.handling == "listings":
		// A report of 165 bytes came so (lineofflight/peddler, test/vcr_cassettes/Peddler/API/Feeds20210630Test, September 2024).
		return &Document{ContentType: "application/json", packing: packed, Open: onePiece(p.jsonReport())}
	case p.failed != "":
		// "a FATAL feed may have a result too, in another format" (selling-partner-api-models, feeds_2021-06-30)
		return &Document{ContentType: "text/plain; charset=UTF-8", Open: onePiece([]byte(p.failed + "\n"))}
	case strings.HasSuffix(p.f.Kind.handling, "flat"):
		return &Document{ContentType: "text/plain; charset=UTF-8", Open: onePiece(p.textReport())}
	}
	return &Document{ContentType: "text/xml", Open: onePiece(p.xmlReport())}
}

// invalidMessages counts the messages that have an error.
func (p *processing) invalidMessages() int { return p.messages - p.accepted }

func (p *processing) count(severity string) int {
	n := 0
	for _, i := range p.issues {
		if i.severity == severity {
			n++
		}
	}
	return n
}

// jsonReport is valid by listings-feed-processing-report-schema-v2.json of selling-partner-api-models.
func (p *processing) jsonReport() []byte {
	var echoed any
	if report, ok := p.header["report"].(map[string]any); ok {
		echoed = format.Ordered(report, "includedData", "apiVersion")
	}
	// In the order of lineofflight/peddler, test/vcr_cassettes/Peddler/API/Feeds20210630Test, September 2024.
	header := format.Record{{"sellerId", p.k.account.ID}, {"version", "2.0"}, {"feedId", p.f.ID}, {"report", echoed}}
	issues := []format.Record{}
	if p.failed != "" {
		issues = append(issues, format.Record{{"code", cmp.Or(p.code, "4000000")}, {"severity", "ERROR"}, {"message", p.failed}})
	}
	for _, i := range p.issues {
		var message, sku, attribute any
		if i.message > 0 {
			message = i.message
		}
		if i.sku != "" {
			sku = i.sku
		}
		if i.attribute != "" {
			attribute = i.attribute
		}
		issues = append(issues, format.Record{{"messageId", message}, {"sku", sku}, {"code", i.code}, {"severity", i.severity}, {"message", i.text},
			{"attributeName", attribute}})
	}
	errors := p.count("ERROR")
	if p.failed != "" {
		errors++
	}
	var items, itemSummary any
	if p.items != nil {
		items, itemSummary = p.items, format.Record{{"items", len(p.items)}, {"errors", 0}, {"warnings", 0}}
	}
	b, err := json.Marshal(format.Record{{"header", header}, {"issues", issues}, {"summary", format.Record{
		{"errors", errors}, {"warnings", p.count("WARNING")}, {"messagesProcessed", p.messages}, {"messagesAccepted", p.accepted},
		{"messagesInvalid", p.invalidMessages()}, {"itemSummary", itemSummary},
	}}, {"items", items}})
	if err != nil {
		panic("emulator: processing report: " + err.Error()) // it holds texts and decoded JSON
	}
	return b
}

// xmlReport is the ProcessingReport message of Amazon's envelope (amzn-envelope.xsd, ProcessingReport.xsd).
func (p *processing) xmlReport() []byte {
	var b bytes.Buffer
	b.WriteString(envelope + "<Header><DocumentVersion>1.02</DocumentVersion>")
	element(&b, "MerchantIdentifier", p.k.account.ID)
	b.WriteString("</Header><MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport>")
	element(&b, "DocumentTransactionID", p.f.ID)
	element(&b, "StatusCode", "Complete")
	if p.documents != "" { // amzn/selling-partner-api-samples, use-cases/easy-ship: the element that is looked for; where it stands is assumed
		element(&b, "DocumentReportReferenceID", p.documents)
	}
	b.WriteString("<ProcessingSummary>")
	element(&b, "MessagesProcessed", strconv.Itoa(p.messages))
	element(&b, "MessagesSuccessful", strconv.Itoa(p.accepted))
	element(&b, "MessagesWithError", strconv.Itoa(p.invalidMessages()))
	element(&b, "MessagesWithWarning", strconv.Itoa(p.count("WARNING")))
	b.WriteString("</ProcessingSummary>")
	for _, i := range p.issues {
		b.WriteString("<Result>")
		element(&b, "MessageID", strconv.Itoa(i.message))
		element(&b, "ResultCode", map[string]string{"ERROR": "Error", "WARNING": "Warning"}[i.severity])
		element(&b, "ResultMessageCode", i.code)
		element(&b, "ResultDescription", i.text)
		if i.sku != "" {
			b.WriteString("<AdditionalInfo>")
			element(&b, "SKU", i.sku)
			b.WriteString("</AdditionalInfo>")
		}
		b.WriteString("</Result>")
	}
	b.WriteString("</ProcessingReport></Message></AmazonEnvelope>\n")
	return b.Bytes()
}

// textReport is the processing report of flat files: a summary, then a table of what went wrong.
func (p *processing) textReport() []byte {
	var b bytes.Buffer
	b.WriteString("Feed Processing Summary:\n\tNumber of records processed\t\t" + strconv.Itoa(p.messages) + "\n\tNumber of records successful\t\t" + strconv.Itoa(p.accepted) + "\n\n")
	if len(p.issues) > 0 {
		b.WriteString("original-record-number\tsku\terror-code\terror-type\terror-message\n")
		for _, i := range p.issues {
			b.WriteString(strconv.Itoa(i.message) + "\t" + flatten.Replace(i.sku) + "\t" + i.code + "\t" + map[string]string{"ERROR": "Error", "WARNING": "Warning"}[i.severity] + "\t" + flatten.Replace(i.text) + "\n")
		}
	}
	return b.Bytes()
}

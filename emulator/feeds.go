package emulator

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

var feedsFlow = flow{handlers: map[string]handler{
	"feeds20210630.createFeedDocument": createFeedDocument,
	"feeds20210630.createFeed":         createFeed,
	"feeds20210630.getFeed":            getFeed,
	"feeds20210630.getFeeds":           getFeeds,
	"feeds20210630.cancelFeed":         cancelFeed,
	"feeds20210630.getFeedDocument":    getFeedDocument,
}}

// feedType is one row of feed_types.csv, where the sources are.
type feedType struct {
	name        string
	contentType string
	removed     time.Time // from when on it fails; zero: it works
	handling    string
}

//go:embed feed_types.csv
var feedTypesCSV string

var feedTypes = sync.OnceValue(func() map[string]*feedType {
	r := csv.NewReader(strings.NewReader(feedTypesCSV))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("emulator: feed_types.csv: " + err.Error())
	}
	types := map[string]*feedType{}
	for _, f := range records[1:] {
		t := &feedType{name: f[0], contentType: f[1], handling: f[3]}
		if f[2] != "" {
			if t.removed, err = time.Parse(time.DateOnly, f[2]); err != nil {
				panic("emulator: feed_types.csv: " + err.Error())
			}
		}
		types[t.name] = t
	}
	return types
})

// feed is one feed of a seller.
type feed struct {
	job
	kind         *feedType
	marketplaces []string
	options      map[string]string
	input        *document
	result       *document
}

// inputLifetime is how long an uploaded document can be made a feed of; assumed.
const inputLifetime = 3 * world.Day

// resultLifetime is how long a processing report is kept: 28 days since 2024-05-30 (SP-API changelog), 90 as the model still says.
func resultLifetime(t time.Time) time.Duration {
	if t.Before(time.Date(2024, 5, 30, 0, 0, 0, 0, time.UTC)) {
		return 90 * world.Day
	}
	return 28 * world.Day
}

func createFeedDocument(c *call) (reply, *apiError) {
	body, _ := c.body.(map[string]any)
	contentType, _ := body["contentType"].(string)
	if strings.TrimSpace(contentType) == "" {
		return reply{}, invalidParameter("contentType", "is empty")
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.addDocument("feed", &document{contentType: contentType, created: c.now, expires: c.now.Add(inputLifetime)})
	return reply{status: http.StatusCreated, body: object{"feedDocumentId": d.id, "url": c.documentURL(http.MethodPut, d, nil)}}, nil
}

func createFeed(c *call) (reply, *apiError) {
	body, _ := c.body.(map[string]any)
	name, _ := body["feedType"].(string)
	kind := feedTypes()[name]
	if kind == nil {
		return reply{}, invalid("Invalid Input", `feedType: "`+name+`" is not a feed type`) // as createReport: selling-partner-api-models#1810
	}
	f := &feed{kind: kind, options: map[string]string{}}
	for _, v := range anyList(body["marketplaceIds"]) {
		id, _ := v.(string)
		if _, err := c.marketplaceOf("marketplaceIds", id); err != nil {
			return reply{}, err
		}
		f.marketplaces = append(f.marketplaces, id)
	}
	options, _ := body["feedOptions"].(map[string]any)
	for option := range format.SortedKeys(options) {
		f.options[option], _ = options[option].(string)
	}
	id, _ := body["inputFeedDocumentId"].(string)
	k := queues.of(c.account)
	if f.input = k.document(id, c.now); f.input == nil || f.input.open != nil {
		return reply{}, invalid("Invalid inputFeedDocumentId "+id, "inputFeedDocumentId: is not a document that createFeedDocument has returned") // wording assumed
	}
	if name == "JSON_LISTINGS_FEED" && !c.takeOwnQuota(name, 5.0/300, 5) {
		// Five in five minutes (SP-API changelog of 2025-05-06), beside the operation's own limit: "whichever threshold you reach
		// first" (developer-docs.amazon.com/sp-api/docs/feeds-api-rate-limits). That it is counted for each seller, and that a refused
		// request counts for the operation, is assumed.
		return reply{}, throttled()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f.job = k.newJob("feed", c.now)
	f.id = strconv.Itoa(50000+k.made) + "019" + k.random("feed id", k.made).Text(random.Digits, 3)
	k.feeds = append(k.feeds, f)
	k.planFeed(f)
	return reply{status: http.StatusAccepted, body: object{"feedId": f.id}}, nil
}

func (k *queue) planFeed(f *feed) {
	k.later(f.ended, func(at time.Time) {
		if f.outcome == "" { // not cancelled
			k.finishFeed(f, at)
		}
	})
}

// finishFeed carries a feed out.
func (k *queue) finishFeed(f *feed, at time.Time) {
	p := &processing{k: k, f: f, at: at, w: k.account.world()}
	content, uploaded := f.input.content()
	switch {
	case !uploaded:
		// The contents must be there before createFeed (selling-partner-api-models, feeds_2021-06-30).
		p.failed = "The feed document has no contents: upload them before calling createFeed."
	case !f.kind.removed.IsZero() && !at.Before(f.kind.removed):
		// SP-API changelog: listing feeds as XML and flat files are refused since 2025-07-31. The wording is assumed.
		p.failed = "Feed type " + f.kind.name + " is no longer supported. Use JSON_LISTINGS_FEED or the Listings Items API."
	default:
		p.run(content)
	}
	contentType, report := p.report()
	f.result = k.addDocument("feed", &document{contentType: contentType, created: at, expires: at.Add(resultLifetime(at)), open: onePiece(report)})
	if p.failed != "" {
		f.end(fatal, at)
		return
	}
	f.end(done, at)
}

// processing is a feed being carried out, and what will stand in its report.
type processing struct {
	k  *queue
	f  *feed
	at time.Time
	w  *world.World

	failed   string // why the whole feed failed; "" if it didn't
	messages int
	accepted int
	issues   []feedIssue
	header   map[string]any // of JSON feeds
	items    []any
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
	switch p.f.kind.handling {
	case "listings":
		p.listings(content)
	case "inventory-xml", "pricing-xml", "acknowledge-xml", "fulfill-xml", "xml":
		p.envelope(content)
	case "inventory-flat", "acknowledge-flat", "fulfill-flat", "flat":
		p.flat(content)
	case "pdf":
		if !bytes.HasPrefix(content, []byte("%PDF-")) {
			p.failed = "The document is not a PDF."
			return
		}
		p.messages = 1
		if id := p.f.options["metadata:OrderId"]; id != "" && p.w.OrderByID(id, p.at) == nil {
			p.issue(1, "", "5002", "The order "+id+" was not found.")
			return
		}
		p.accepted = 1
	}
}

// report writes the processing report in the form that goes with the feed: JSON, XML, or text.
func (p *processing) report() (contentType string, body []byte) {
	switch {
	case p.f.kind.handling == "listings":
		return "application/json; charset=UTF-8", p.jsonReport()
	case p.failed != "":
		// "a FATAL feed may have a result too, in another format" (selling-partner-api-models, feeds_2021-06-30)
		return "text/plain; charset=UTF-8", []byte(p.failed + "\n")
	case strings.HasSuffix(p.f.kind.handling, "flat"):
		return "text/plain; charset=UTF-8", p.textReport()
	}
	return "text/xml; charset=UTF-8", p.xmlReport()
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
	header := object{"sellerId": p.k.account.ID, "version": "2.0", "feedId": p.f.id}
	if report, ok := p.header["report"].(map[string]any); ok {
		header["report"] = report
	}
	issues := []object{}
	if p.failed != "" {
		issues = append(issues, object{"severity": "ERROR", "code": "4000000", "message": p.failed})
	}
	for _, i := range p.issues {
		entry := object{"severity": i.severity, "code": i.code, "message": i.text}
		if i.message > 0 {
			entry["messageId"] = i.message
		}
		if i.sku != "" {
			entry["sku"] = i.sku
		}
		if i.attribute != "" {
			entry["attributeName"] = i.attribute
		}
		issues = append(issues, entry)
	}
	errors := p.count("ERROR")
	if p.failed != "" {
		errors++
	}
	body := object{"header": header, "issues": issues, "summary": object{
		"errors": errors, "warnings": p.count("WARNING"), "messagesProcessed": p.messages, "messagesAccepted": p.accepted, "messagesInvalid": p.invalidMessages(),
	}}
	if p.items != nil {
		body["items"] = p.items
		body["summary"].(object)["itemSummary"] = object{"items": len(p.items), "errors": 0, "warnings": 0}
	}
	b, err := json.Marshal(body)
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
	element(&b, "DocumentTransactionID", p.f.id)
	element(&b, "StatusCode", "Complete")
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

func (k *queue) feed(id string, now time.Time) *feed {
	for _, f := range k.feeds {
		if f.id == id && now.Sub(f.created) < retention {
			return f
		}
	}
	return nil
}

func (f *feed) object(t time.Time) object {
	out := f.describe(object{"feedId": f.id, "feedType": f.kind.name, "marketplaceIds": f.marketplaces}, t)
	if f.result != nil {
		out["resultFeedDocumentId"] = f.result.id
	}
	return out
}

func getFeed(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.feed(c.path["feedId"], c.now)
	if f == nil {
		return reply{}, notFound("Feed " + c.path["feedId"] + " was not found.") // wording assumed
	}
	return ok(f.object(c.now)), nil
}

func getFeeds(c *call) (reply, *apiError) {
	pg, err := c.tokenAlone("feedTypes")
	if err != nil {
		return reply{}, err
	}
	filter, err := pg.jobFilter("feedTypes")
	if err != nil {
		return reply{}, err
	}
	for _, name := range filter.types {
		if feedTypes()[name] == nil {
			return reply{}, invalid("Invalid Input", `feedTypes: "`+name+`" is not a feed type`)
		}
	}
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []*feed
	for _, f := range slices.Backward(k.feeds) { // newest first
		if filter.accepts(&f.job, f.kind.name, f.marketplaces, c.now) {
			found = append(found, f)
		}
	}
	part, more := cut(found, pg.Start, filter.size)
	list := []object{}
	for _, f := range part {
		list = append(list, f.object(c.now))
	}
	body := object{"feeds": list}
	if more {
		body["nextToken"] = c.token(pg, pg.Start+filter.size)
	}
	return ok(body), nil
}

func cancelFeed(c *call) (reply, *apiError) {
	k := queues.of(c.account)
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.feed(c.path["feedId"], c.now)
	if f == nil {
		return reply{}, notFound("Feed " + c.path["feedId"] + " was not found.")
	}
	if status := f.status(c.now); status != inQueue {
		return reply{}, invalid("The feed can't be cancelled.", "feedId: the feed is "+status+", want IN_QUEUE") // wording assumed
	}
	f.cancel(c.now)
	return reply{status: http.StatusOK}, nil
}

func getFeedDocument(c *call) (reply, *apiError) {
	id := c.path["feedDocumentId"]
	d := queues.of(c.account).document(id, c.now)
	if d == nil || !strings.HasPrefix(id, "amzn1.tortuga.") {
		return reply{}, invalid("Invalid feedDocumentId "+id, "") // as for reports: jlevers/selling-partner-api#487
	}
	if _, uploaded := d.content(); d.open == nil && !uploaded {
		return reply{}, notFound("Feed document " + id + " has no contents.") // wording assumed
	}
	body := object{"feedDocumentId": id}
	extra := url.Values{}
	if d.compressed() {
		body["compressionAlgorithm"] = "GZIP"
		extra.Set("response-content-encoding", "identity")
		if c.query.Get("enableContentEncodingUrlHeader") == "true" {
			extra.Set("response-content-encoding", "gzip")
		}
	}
	body["url"] = c.documentURL(http.MethodGet, d, extra)
	return ok(body), nil
}

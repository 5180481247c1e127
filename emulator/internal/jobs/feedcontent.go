package jobs

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"golang.org/x/text/encoding/charmap"
)

// maxMessages is how many messages a JSON listings feed may have (selling-partner-api-models, listings-feed-schema-v2.json).
const maxMessages = 25000

// notOfSchema is what is said of a message that doesn't fit the schema of messages, and no more (selling-partner-api-docs#1098).
const (
	notOfSchema     = "4002008"
	notOfSchemaText = "The provided message did not meet the schema validation requirements for a feed message."
)

// listings carries out a JSON_LISTINGS_FEED.
func (p *processing) listings(content []byte) {
	var body struct {
		Header   map[string]any    `json:"header"`
		Messages []json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(content, &body); err != nil {
		p.failed = "The feed is not valid JSON: " + err.Error()
		return
	}
	p.header = body.Header
	text := func(name string) string { s, _ := body.Header[name].(string); return s }
	switch {
	case body.Header == nil:
		p.failed = "'header' is required but not supplied."
	case text("version") != "2.0":
		p.failed, p.code = "'header.version' must be '2.0'.", "4002006" // selling-partner-api-docs#1133, in French
	case text("sellerId") != p.k.account.ID:
		p.failed = "'header.sellerId' is not the selling partner of the feed."
	case len(body.Messages) == 0:
		p.failed = "'messages' must have at least 1 message."
	case len(body.Messages) > maxMessages:
		p.failed = fmt.Sprintf("'messages' must have at most %d messages.", maxMessages)
	}
	if p.failed != "" {
		return
	}
	var included []string
	if report, ok := body.Header["report"].(map[string]any); ok {
		for _, v := range format.List(report["includedData"]) {
			s, _ := v.(string)
			included = append(included, s)
		}
		p.items = []any{}
	}
	seen := map[int]bool{}
	for _, raw := range body.Messages {
		p.messages++
		v, err := format.DecodeJSON(raw)
		m, isObject := v.(map[string]any)
		if err != nil || !isObject {
			p.issue(0, "", notOfSchema, notOfSchemaText)
			continue
		}
		id, _ := strconv.Atoi(fmt.Sprint(m["messageId"]))
		sku, _ := m["sku"].(string)
		if p.listing(m, seen) != "" {
			p.issue(id, "", notOfSchema, notOfSchemaText)
			continue
		}
		issues := p.submit(sku, m)
		for _, i := range issues {
			issue := feedIssue{message: id, sku: sku, code: i.Code, severity: i.Severity, text: i.Message, attribute: i.Attributes[0]}
			if i.Code == world.NotSupplied { // told so in listings-feed-processing-report-schema-v2.example.json of selling-partner-api-models
				issue.text, issue.attribute = "'["+i.Attributes[0]+"]' is required but not supplied.", ""
			}
			p.issues = append(p.issues, issue)
		}
		if len(issues) > 0 {
			continue
		}
		p.accepted++
		if included != nil {
			p.items = append(p.items, object{"sku": sku, "status": "ACCEPTED"})
		}
	}
}

// listing tells what is wrong with one message. The rules are those of listings-feed-message-schema-v2.json.
func (p *processing) listing(m map[string]any, seen map[int]bool) string {
	number, isNumber := m["messageId"].(json.Number)
	id, err := strconv.Atoi(number.String())
	if !isNumber || err != nil || id < 1 {
		return "'messageId' must be a whole number of at least 1."
	}
	if seen[id] {
		return fmt.Sprintf("'messageId' %d is used by another message.", id)
	}
	seen[id] = true
	sku, _ := m["sku"].(string)
	if sku == "" || utf8.RuneCountInString(sku) > 40 {
		return "'sku' is required and has at most 40 characters."
	}
	operation, _ := m["operationType"].(string)
	attributes, hasAttributes := m["attributes"].(map[string]any)
	patches, hasPatches := m["patches"].([]any)
	productType, _ := m["productType"].(string)
	refuse := func(names ...string) string {
		for _, name := range names {
			if m[name] != nil {
				return "'" + name + "' is not applicable to " + operation + " operations."
			}
		}
		return ""
	}
	var problem string
	switch operation {
	case "UPDATE":
		problem = refuse("patches")
	case "PARTIAL_UPDATE":
		problem = refuse("requirements", "patches")
	case "PATCH":
		problem = refuse("requirements", "attributes")
	case "DELETE":
		problem = refuse("requirements", "attributes", "productType", "patches")
	default:
		return "'operationType' must be one of UPDATE, PARTIAL_UPDATE, PATCH, DELETE."
	}
	switch {
	case problem != "":
		return problem
	case operation != "DELETE" && productType == "":
		return "'productType' is required but not supplied."
	case (operation == "UPDATE" || operation == "PARTIAL_UPDATE") && (!hasAttributes || len(attributes) == 0):
		return "'attributes' is required but not supplied."
	case operation == "PATCH" && (!hasPatches || len(patches) == 0):
		return "'patches' is required but not supplied."
	}
	if r, _ := m["requirements"].(string); r != "" && !slices.Contains([]string{"LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"}, r) {
		return "'requirements' must be one of LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY."
	}
	return ""
}

// seconds is the time of a change: to the second.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// text decodes a flat file: UTF-8 if it is that, else Windows-1252, which is what Amazon takes outside of Japan.
func text(content []byte) string {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if utf8.Valid(content) {
		return string(content)
	}
	out, _ := charmap.Windows1252.NewDecoder().Bytes(content) // every byte stands for something
	return string(out)
}

// flat carries out a flat file: a header, then a record per line.
func (p *processing) flat(content []byte) {
	lines := strings.Split(strings.ReplaceAll(text(content), "\r\n", "\n"), "\n")
	// Templates begin with a line of their own: "TemplateType=…".
	if len(lines) > 0 && strings.HasPrefix(lines[0], "TemplateType=") {
		lines = lines[1:]
	}
	if strings.TrimSpace(lines[0]) == "" {
		p.failed = "The feed has no header line."
		return
	}
	columns := strings.Split(lines[0], "\t")
	for i, c := range columns {
		columns[i] = normal(strings.TrimSpace(c))
	}
	if key := map[string]string{"inventory-flat": "sku", "fulfill-flat": "order-id", "acknowledge-flat": "order-id", "adjust-flat": "order-id"}[p.f.Kind.handling]; key != "" && !slices.Contains(columns, key) {
		p.failed = "The header has no column " + key + "."
		return
	}
	for n, line := range lines[1:] {
		if strings.TrimSpace(line) == "" {
			continue
		}
		p.messages++
		record := map[string]string{}
		for i, cell := range strings.Split(line, "\t") {
			if i < len(columns) {
				record[columns[i]] = strings.TrimSpace(cell)
			}
		}
		var problem string
		switch p.f.Kind.handling {
		case "inventory-flat":
			problem = p.inventory(record["sku"], record["price"], "", record["quantity"], record["add-delete"])
		case "fulfill-flat":
			carrier := record["carrier-code"]
			if carrier == "" || strings.EqualFold(carrier, "other") {
				carrier = record["carrier-name"]
			}
			problem = p.fulfill(record["order-id"], record["order-item-id"], record["quantity"], record["ship-date"], carrier, record["ship-method"], record["tracking-number"])
		case "acknowledge-flat":
			problem = p.acknowledge(record["order-id"], record["cancellation-reason-code"] != "", record["cancellation-reason-code"])
		case "adjust-flat":
			amounts := map[string]string{
				"Principal": record["item-price-adj"], "Tax": record["item-tax-adj"], "Shipping": record["shipping-price-adj"], "ShippingTax": record["shipping-tax-adj"],
				"GiftWrap": record["gift-wrap-price-adj"], "GiftWrapTax": record["gift-wrap-tax-adj"], "Promotion": record["item-promotion-adj"],
			}
			problem = p.adjust(record["order-id"], record["order-item-id"], record["adjustment-reason-code"], record["currency"], record["quantity-cancelled"], amounts)
		}
		if problem != "" {
			p.issue(n+2, record["sku"], "13016", problem)
			continue
		}
		p.accepted++
	}
}

// inventory sets price and quantity of a listing, or deletes it. Empty values leave what is there.
func (p *processing) inventory(sku, price, marketplaceID, quantity, action string) string {
	w := p.w
	w.Lock()
	defer w.Unlock()
	l := w.Listing(sku)
	if l == nil {
		return "SKU " + sku + " does not match any listing."
	}
	if action == "d" || action == "x" {
		w.DeleteListing(sku, p.at)
		return ""
	}
	n := 0
	if quantity != "" {
		var err error
		if n, err = strconv.Atoi(quantity); err != nil || n < 0 {
			return `The quantity "` + quantity + `" is not a whole number.`
		}
	}
	if marketplaceID == "" {
		marketplaceID = p.f.Marketplaces[0]
	}
	markets := p.k.marketplacesOf([]string{marketplaceID})
	if price != "" {
		f, err := strconv.ParseFloat(price, 64)
		if err != nil || !(f > 0 && f < 1e9) || len(markets) == 0 {
			return `The price "` + price + `" is not a price.`
		}
		units := int(math.Round(f * math.Pow10(world.Decimals(markets[0].Currency))))
		w.SetPrice(sku, marketplaceID, world.Money{Units: units, Currency: markets[0].Currency}, p.at)
	}
	if quantity != "" {
		w.SetQuantity(sku, n, p.at)
	}
	return ""
}

// fulfill tells of a parcel. Without an item all of the order is in it.
func (p *processing) fulfill(orderID, itemID, quantity, date, carrier, method, tracking string) string {
	o := p.w.OrderByID(orderID, p.at)
	if o == nil {
		return "The order " + orderID + " was not found."
	}
	return p.ship(o, map[string]string{itemID: quantity}, date, carrier, method, tracking)
}

func (p *processing) ship(o *world.Order, items map[string]string, date, carrier, method, tracking string) string {
	parcel := world.Parcel{Carrier: carrier, Service: method, Tracking: tracking}
	if date != "" {
		t, ok := format.ParseTime(date)
		if !ok {
			return `The ship date "` + date + `" is not a date.`
		}
		parcel.Shipped = t
	}
	for id := range format.SortedKeys(items) {
		if id == "" {
			continue
		}
		i := o.ItemIndex(id)
		if i < 0 {
			return "The item " + id + " is not in the order " + o.ID + "."
		}
		n := o.Items[i].Quantity
		if items[id] != "" {
			var err error
			if n, err = strconv.Atoi(items[id]); err != nil || n < 1 {
				return `The quantity "` + items[id] + `" is not a whole number of at least 1.`
			}
		}
		if parcel.Quantities == nil {
			parcel.Quantities = make([]int, len(o.Items))
		}
		parcel.Quantities[i] += n
	}
	err := p.w.Change(o.ID, p.at, func(o *world.Order) error {
		parcel.Ref = strconv.Itoa(len(o.Parcels) + 1)
		return o.Ship(parcel, p.at)
	})
	if err != nil {
		return "The order " + o.ID + " can't be confirmed: " + err.Error() + "."
	}
	return ""
}

var errTooLate = errors.New("too late")

// acknowledge takes an order, or cancels it.
func (p *processing) acknowledge(orderID string, failure bool, reason string) string {
	o := p.w.OrderByID(orderID, p.at)
	if o == nil {
		return "The order " + orderID + " was not found."
	}
	if !failure {
		return ""
	}
	err := p.w.Change(orderID, p.at, func(o *world.Order) error {
		if o.Amazon || !o.Cancel("MERCHANT", reason, p.at) {
			return errTooLate
		}
		return nil
	})
	if err != nil {
		return "The order " + orderID + " can't be cancelled."
	}
	return ""
}

// adjust pays a buyer back, by the components of OrderAdjustment.xsd. What a refund of the price has of tax and promotions is worked out where it isn't said.
func (p *processing) adjust(orderID, itemID, reason, currency, cancelled string, amounts map[string]string) string {
	o := p.w.OrderByID(orderID, p.at)
	switch {
	case o == nil:
		return "The order " + orderID + " was not found."
	case o.ItemIndex(itemID) < 0:
		return "The item " + itemID + " is not in the order " + o.ID + "."
	case reason == "":
		return "The adjustment has no reason."
	case currency != "" && currency != o.Marketplace.Currency:
		return "The currency " + currency + " is not that of the order " + o.ID + "."
	case cancelled != "" && cancelled != "0":
		return "The quantity " + cancelled + " can't be cancelled: acknowledge the order " + o.ID + " with a failure."
	}
	units := map[string]int{}
	for name := range format.SortedKeys(amounts) {
		if amounts[name] == "" {
			continue
		}
		m, err := world.ParseMoney(strings.TrimPrefix(amounts[name], "-"), o.Marketplace.Currency) // the flat file's are below 0 in some guides
		if err != nil {
			return "The amount " + err.Error() + "."
		}
		if units[name] = m.Units; m.Units > 0 && !slices.Contains([]string{"Principal", "Tax", "Shipping", "Promotion", "Goodwill", "RestockingFee"}, name) {
			return "The buyer of the order " + o.ID + " has paid no " + name + "."
		}
	}
	refund := o.Portion(o.ItemIndex(itemID), units["Principal"])
	refund.Shipping, refund.Goodwill, refund.Restocking = units["Shipping"], units["Goodwill"], units["RestockingFee"]
	if units["Tax"] > 0 {
		refund.Tax = units["Tax"]
	}
	if units["Promotion"] > 0 {
		refund.Discount = units["Promotion"]
	}
	if refund == (world.Refund{}) {
		return "The adjustment of the order " + o.ID + " has no amount."
	}
	if _, err := p.w.GiveBack(o.ID, itemID, 0, refund, reason, p.at); err != nil {
		return "The order " + o.ID + " can't be adjusted: " + err.Error() + "."
	}
	return ""
}

// xmlMessage is what the feeds that change something have in their messages. Names are those of Amazon's XSDs.
type xmlMessage struct {
	ID            string `xml:"MessageID"`
	OperationType string
	Inventory     *struct {
		SKU       string
		Quantity  *string
		Available *string
	}
	Price *struct {
		SKU           string
		StandardPrice struct {
			Currency string `xml:"currency,attr"`
			Text     string `xml:",chardata"`
		}
	}
	OrderAcknowledgement *struct {
		AmazonOrderID string
		StatusCode    string
		Item          []struct{ CancelReason string }
	}
	OrderAdjustment *struct {
		AmazonOrderID string
		AdjustedItem  []struct {
			AmazonOrderItemCode  string
			AdjustmentReason     string
			QuantityCancelled    string
			ItemPriceAdjustments struct{ Component []xmlComponent }
			PromotionAdjustments []struct{ Component []xmlComponent }
		}
	}
	EasyShipDocument *struct { // EasyshipDocuments.xsd (developer-docs.amazon.com/sp-api/docs/get-shipping-labels-easy-ship-order)
		AmazonOrderID string
		DocumentType  []string
	}
	OrderFulfillment *struct {
		AmazonOrderID   string
		MerchantOrderID string
		FulfillmentDate string
		FulfillmentData struct {
			CarrierCode, CarrierName, ShippingMethod, ShipperTrackingNumber string
		}
		Item []struct {
			AmazonOrderItemCode string
			Quantity            string
		}
	}
}

type xmlComponent struct {
	Type   string
	Amount struct {
		Currency string `xml:"currency,attr"`
		Text     string `xml:",chardata"`
	}
}

// envelope carries out the messages of an XML feed, one after the other.
func (p *processing) envelope(content []byte) {
	dec := xml.NewDecoder(bytes.NewReader(content))
	dec.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		switch strings.ToLower(label) {
		case "iso-8859-1", "windows-1252", "cp1252", "us-ascii":
			return charmap.Windows1252.NewDecoder().Reader(input), nil
		}
		return nil, errors.New("unknown charset " + label)
	}
	root := false
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			p.failed = "The feed is not valid XML: " + err.Error()
			return
		}
		start, isStart := token.(xml.StartElement)
		if !isStart {
			continue
		}
		if !root {
			if root = true; start.Name.Local != "AmazonEnvelope" {
				p.failed = "The feed is not in an AmazonEnvelope."
				return
			}
			continue
		}
		if start.Name.Local != "Message" {
			if start.Name.Local == "Header" {
				if err := p.xmlHeader(dec, &start); err != "" {
					p.failed = err
					return
				}
			}
			continue
		}
		var m xmlMessage
		if err := dec.DecodeElement(&m, &start); err != nil {
			p.failed = "The feed is not valid XML: " + err.Error()
			return
		}
		p.messages++
		id := format.Atoi(m.ID)
		sku, problem := p.message(&m)
		if problem != "" {
			p.issue(id, sku, "18026", problem)
			continue
		}
		p.accepted++
	}
	if !root || p.messages == 0 {
		p.failed = "The feed has no messages."
	}
}

func (p *processing) xmlHeader(dec *xml.Decoder, start *xml.StartElement) string {
	var h struct{ DocumentVersion, MerchantIdentifier string }
	if err := dec.DecodeElement(&h, start); err != nil {
		return "The feed is not valid XML: " + err.Error()
	}
	if h.MerchantIdentifier == "" {
		return "The header has no MerchantIdentifier."
	}
	return ""
}

// message carries out one message of an XML feed.
func (p *processing) message(m *xmlMessage) (sku, problem string) {
	missing := "The message has no element that this feed type wants."
	switch p.f.Kind.handling {
	case "easyship-xml":
		if m.EasyShipDocument == nil {
			return "", missing
		}
		return "", p.easyShip(m.EasyShipDocument.AmazonOrderID)
	case "inventory-xml":
		if m.Inventory == nil {
			return "", missing
		}
		quantity := ""
		if m.Inventory.Quantity != nil {
			quantity = strings.TrimSpace(*m.Inventory.Quantity)
		} else if m.Inventory.Available != nil && strings.TrimSpace(*m.Inventory.Available) == "false" {
			quantity = "0"
		}
		return m.Inventory.SKU, p.inventory(m.Inventory.SKU, "", "", quantity, "")
	case "pricing-xml":
		if m.Price == nil {
			return "", missing
		}
		return m.Price.SKU, p.inventory(m.Price.SKU, strings.TrimSpace(m.Price.StandardPrice.Text), "", "", "")
	case "acknowledge-xml":
		if m.OrderAcknowledgement == nil {
			return "", missing
		}
		a := m.OrderAcknowledgement
		reason := "NoInventory"
		if len(a.Item) > 0 && a.Item[0].CancelReason != "" {
			reason = a.Item[0].CancelReason
		}
		if a.StatusCode != "Success" && a.StatusCode != "Failure" {
			return "", "The status code must be Success or Failure."
		}
		return "", p.acknowledge(a.AmazonOrderID, a.StatusCode == "Failure", reason)
	case "adjust-xml":
		if m.OrderAdjustment == nil || len(m.OrderAdjustment.AdjustedItem) == 0 {
			return "", missing
		}
		for _, it := range m.OrderAdjustment.AdjustedItem {
			amounts, currency := map[string]string{}, ""
			for _, c := range it.ItemPriceAdjustments.Component {
				amounts[c.Type], currency = strings.TrimSpace(c.Amount.Text), c.Amount.Currency
			}
			for _, promotion := range it.PromotionAdjustments {
				for _, c := range promotion.Component {
					amounts["Promotion"] = strings.TrimSpace(c.Amount.Text)
				}
			}
			problem := p.adjust(m.OrderAdjustment.AmazonOrderID, it.AmazonOrderItemCode, it.AdjustmentReason, currency, it.QuantityCancelled, amounts)
			if problem != "" {
				return "", problem
			}
		}
		return "", ""
	case "fulfill-xml":
		if m.OrderFulfillment == nil {
			return "", missing
		}
		f := m.OrderFulfillment
		o := p.w.OrderByID(f.AmazonOrderID, p.at)
		if o == nil {
			return "", "The order " + f.AmazonOrderID + " was not found."
		}
		items := map[string]string{}
		for _, it := range f.Item {
			items[it.AmazonOrderItemCode] = it.Quantity
		}
		carrier := f.FulfillmentData.CarrierCode
		if carrier == "" || strings.EqualFold(carrier, "other") {
			carrier = f.FulfillmentData.CarrierName
		}
		return "", p.ship(o, items, f.FulfillmentDate, carrier, f.FulfillmentData.ShippingMethod, f.FulfillmentData.ShipperTrackingNumber)
	}
	return "", ""
}

// easyShip notes that the documents of an order's package are asked for. The wording is assumed.
func (p *processing) easyShip(id string) (problem string) {
	o := p.w.OrderByID(id, p.at)
	switch {
	case o == nil:
		return "The order " + id + " was not found."
	case o.EasyShipAt(p.at) == nil:
		return "The order " + id + " has not been scheduled."
	}
	p.packages = append(p.packages, id)
	return ""
}

// submit puts, changes or deletes a listing as a message says, by the same rules as listings items, and returns what is wrong with it.
func (p *processing) submit(sku string, m map[string]any) []world.ListingIssue {
	operation, productType, requirements := format.Member(m, "operationType"), format.Member(m, "productType"), format.Member(m, "requirements")
	attributes, _ := m["attributes"].(map[string]any)
	w, now := p.w, seconds(p.at)
	w.Lock()
	defer w.Unlock()
	refuse := func(text string) []world.ListingIssue {
		return []world.ListingIssue{{Code: "4000001", Message: text, Severity: "ERROR", Attributes: []string{""}}} // about no attribute
	}
	none := refuse("SKU " + sku + " does not match any listing.")
	markets := p.k.marketplacesOf(p.f.Marketplaces)
	switch operation {
	case "DELETE":
		removed := false
		for _, m := range markets {
			removed = w.Remove(sku, m, now) || removed
		}
		if !removed {
			return none
		}
		return nil
	case "UPDATE":
		var issues []world.ListingIssue
		for _, m := range markets {
			s := w.Put(sku, productType, requirements, attributes, m, false, now)
			issues = append(issues, s.Issues...)
		}
		return issues
	}
	patches, problem := desk.ReadPatches(format.List(m["patches"]))
	if problem != nil {
		return refuse("'patches' has an operation that is not add, replace, merge or delete of /attributes/….")
	}
	for name := range format.SortedKeys(attributes) { // PARTIAL_UPDATE
		patches = append(patches, world.Patch{Op: "replace", Name: name, Value: format.List(attributes[name])})
	}
	for _, one := range patches {
		if !slices.Contains([]string{"add", "replace", "merge", "delete"}, one.Op) {
			return refuse("'patches' has an operation that is not add, replace, merge or delete of /attributes/….")
		}
	}
	s, found := w.Patch(sku, productType, patches, markets, false, now)
	if !found {
		return none
	}
	return s.Issues
}

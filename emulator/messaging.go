package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

var messagingFlow = flow{stores: []keeper{contactStore}, handlers: map[string]handler{
	"messagingv1.getMessagingActionsForOrder":  getMessagingActions,
	"messagingv1.GetAttributes":                getBuyerAttributes,
	"messagingv1.confirmCustomizationDetails":  sendMessage("confirmCustomizationDetails"),
	"messagingv1.createConfirmDeliveryDetails": sendMessage("confirmDeliveryDetails"),
	"messagingv1.createLegalDisclosure":        sendMessage("legalDisclosure"),
	"messagingv1.createConfirmOrderDetails":    sendMessage("confirmOrderDetails"),
	"messagingv1.createConfirmServiceDetails":  sendMessage("confirmServiceDetails"),
	"messagingv1.CreateWarranty":               sendMessage("warranty"),
	"messagingv1.createDigitalAccessKey":       sendMessage("digitalAccessKey"),
	"messagingv1.createUnexpectedProblem":      sendMessage("unexpectedProblem"),
	"messagingv1.sendInvoice":                  sendMessage("invoice"),
}}

// messageKind is a template by which a seller may write to a buyer.
type messageKind struct {
	name string
	// available tells whether the template can be used for an order in a state, a time after the purchase. Amazon says only that it depends on
	// fulfilment, the kind of seller and the messages sent before (developer-docs.amazon.com/sp-api/docs/messaging-api-v1-use-case-guide);
	// the rules here are the emulator's own.
	available  func(o *world.Order, status string, age time.Duration) bool
	text       bool // has a text, which must not be empty
	maxText    int
	attachment bool // may have attachments
	needsFile  bool
}

const (
	messagingDays  = 30 * 24 * time.Hour // for problems and deliveries
	disclosureDays = 90 * 24 * time.Hour // for documents
)

// messageKinds are the templates in the order in which actions list them.
var messageKinds = []messageKind{
	{name: "confirmCustomizationDetails", text: true, maxText: 800, attachment: true, available: func(o *world.Order, s string, _ time.Duration) bool { return !o.Amazon && world.ToBeShipped(s) }},
	{name: "confirmDeliveryDetails", text: true, maxText: 2000, available: func(o *world.Order, s string, age time.Duration) bool {
		return !o.Amazon && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{name: "legalDisclosure", attachment: true, needsFile: true, available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
	{name: "confirmOrderDetails", text: true, maxText: 2000, available: func(o *world.Order, s string, _ time.Duration) bool { return !o.Amazon && world.ToBeShipped(s) }},
	{name: "confirmServiceDetails", text: true, maxText: 2000, available: func(o *world.Order, s string, age time.Duration) bool {
		return o.Has("LAMP") && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{name: "digitalAccessKey", text: true, maxText: 400, attachment: true, available: func(o *world.Order, s string, age time.Duration) bool {
		return o.Has("CALENDAR") && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{name: "unexpectedProblem", text: true, maxText: 2000, available: func(o *world.Order, s string, age time.Duration) bool {
		return !o.Amazon && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{name: "warranty", attachment: true, available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
	{name: "invoice", attachment: true, needsFile: true, available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
}

// BuyerMessage is a message that a seller has sent to the buyer of an order, or a solicitation.
type BuyerMessage struct {
	Time        time.Time `json:"time"`
	OrderID     string    `json:"order_id"`
	Type        string    `json:"type"` // as in the operation's path: "legalDisclosure", "productReviewAndSellerFeedback"
	Text        string    `json:"text,omitempty"`
	Attachments []string  `json:"attachments,omitempty"` // file names
}

// contacts are what a seller has sent to buyers, and the places for files to be sent.
type contacts struct {
	mu       sync.Mutex
	messages []BuyerMessage
	uploads  map[string]*upload // by id
}

// has tells whether a message of the kind has been sent for an order: a template can be used once.
func (s *contacts) has(orderID, kind string) bool {
	return slices.ContainsFunc(s.messages, func(m BuyerMessage) bool { return m.OrderID == orderID && m.Type == kind })
}

// messagesOf returns what a seller has sent to buyers by the messaging and solicitations APIs, oldest first.
func messagesOf(a *account) []BuyerMessage {
	sent := contactStore.of(a)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	return slices.Clone(sent.messages)
}

// refusedMessage is how the service refuses a template that isn't available, or an order that isn't there
// (selling-partner-api-docs#1662, #193).
func refusedMessage() *apiError { return errContact("Invalid amazonOrderId and template combination.") }

// errContact is the 403 of messaging and solicitations, which has a message of its own.
func errContact(message string) *apiError {
	details := ""
	return &apiError{status: http.StatusForbidden, code: "Unauthorized", message: &message, details: &details, kind: "AccessDeniedException"}
}

// contactOrder finds the order to whose buyer a request wants to write; nil when there is none in that marketplace.
func (c *call) contactOrder() (*world.World, *world.Order, *apiError) {
	id := c.path["amazonOrderId"]
	if !orderIDPattern.MatchString(id) {
		return nil, nil, invalid("Invalid Input", "amazonOrderId: is not in 3-7-7 format")
	}
	m, err := c.marketplaceOf("marketplaceIds", c.query.Get("marketplaceIds"))
	if err != nil {
		return nil, nil, err
	}
	w := c.account.world()
	o := w.OrderByID(id, c.now)
	if o == nil || o.Marketplace.ID != m.ID {
		return w, nil, nil
	}
	return w, o, nil
}

// availableKinds are the templates that can be used for an order now.
func (c *call) availableKinds(w *world.World, o *world.Order) []*messageKind {
	w.RLock()
	status := o.Status(c.now)
	w.RUnlock()
	sent := contactStore.of(c.account)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	var kinds []*messageKind
	for i := range messageKinds {
		k := &messageKinds[i]
		if k.available(o, status, c.now.Sub(o.Purchased)) && !sent.has(o.ID, k.name) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// hal is a reply in the JSON Hypertext Application Language, which both APIs use.
func hal(status int, body object) reply {
	return reply{status: status, contentType: "application/hal+json", body: body}
}

// actionList is the HAL body that lists actions: links, and each action with the schema of what it wants.
func (c *call) actionList(base string, names []string, href func(name string) string, schema func(name string) object) object {
	query := "?marketplaceIds=" + url.QueryEscape(c.query.Get("marketplaceIds"))
	links, embedded := []object{}, []object{}
	for _, name := range names {
		path := href(name)
		self := object{"href": path + query, "name": name}
		links = append(links, self)
		action := object{"_links": object{"self": self}, "payload": object{"name": name}}
		if s := schema(name); s != nil {
			at := object{"href": path + "/schema", "name": name}
			action["_links"] = object{"self": self, "schema": at}
			action["_embedded"] = object{"schema": object{"_links": object{"self": at}, "payload": s}}
		} else {
			action["_links"] = object{"self": self, "schema": object{"href": path + "/schema", "name": name}}
		}
		embedded = append(embedded, action)
	}
	return object{"_links": object{"self": object{"href": base + query}, "actions": links}, "_embedded": object{"actions": embedded}}
}

func getMessagingActions(c *call) (reply, *apiError) {
	w, o, err := c.contactOrder()
	if err != nil {
		return reply{}, err
	}
	if o == nil {
		return reply{}, orderNotFound(c.path["amazonOrderId"])
	}
	names := []string{}
	kinds := map[string]*messageKind{}
	for _, k := range c.availableKinds(w, o) {
		names = append(names, k.name)
		kinds[k.name] = k
	}
	if len(names) > 0 {
		names = append(names, "attributes") // an action, too: the model's sandbox case
	}
	base := "/messaging/v1/orders/" + o.ID
	return hal(http.StatusOK, c.actionList(base, names, func(name string) string {
		if kinds[name] == nil {
			return base + "/" + name
		}
		return base + "/messages/" + name
	}, func(name string) object {
		if k := kinds[name]; k != nil {
			return k.schema()
		}
		return nil
	})), nil
}

// schema describes the body of a message as JSON Schema.
func (k *messageKind) schema() object {
	properties, required := object{}, []string{}
	if k.text {
		properties["text"] = object{"type": "string", "minLength": 1, "maxLength": k.maxText}
		required = append(required, "text")
	}
	if k.attachment {
		properties["attachments"] = object{"type": "array", "items": object{
			"type": "object", "required": []string{"uploadDestinationId", "fileName"},
			"properties": object{"uploadDestinationId": object{"type": "string"}, "fileName": object{"type": "string"}},
		}}
		if k.needsFile {
			required = append(required, "attachments")
		}
	}
	if k.name == "warranty" {
		properties["coverageStartDate"] = object{"type": "string", "format": "date-time"}
		properties["coverageEndDate"] = object{"type": "string", "format": "date-time"}
	}
	return object{"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "title": k.name, "properties": properties, "required": required}
}

func getBuyerAttributes(c *call) (reply, *apiError) {
	_, o, err := c.contactOrder()
	if err != nil {
		return reply{}, err
	}
	if o == nil {
		return reply{}, orderNotFound(c.path["amazonOrderId"])
	}
	return hal(http.StatusOK, object{"buyer": object{"locale": strings.ReplaceAll(o.Marketplace.Language, "_", "-")}}), nil
}

var (
	htmlPattern  = regexp.MustCompile(`(?i)</?[a-z][^>]*>`)
	emailPattern = regexp.MustCompile(`[^\s@]+@[^\s@]+\.[A-Za-z]{2,}`)
)

// sendMessage is the handler of one template.
func sendMessage(name string) handler {
	kind := &messageKinds[slices.IndexFunc(messageKinds, func(k messageKind) bool { return k.name == name })]
	return func(c *call) (reply, *apiError) {
		w, o, err := c.contactOrder()
		if err != nil {
			return reply{}, err
		}
		if o == nil || !slices.Contains(c.availableKinds(w, o), kind) {
			return reply{}, refusedMessage()
		}
		body, _ := c.body.(map[string]any)
		message := BuyerMessage{Time: c.now.UTC(), OrderID: o.ID, Type: name}
		message.Text, _ = body["text"].(string)
		switch {
		case kind.text && strings.TrimSpace(message.Text) == "":
			return reply{}, invalidParameter("text", "required")
		case htmlPattern.MatchString(message.Text): // the model's note: no HTML, no email addresses
			return reply{}, invalidParameter("text", "has HTML in it")
		case emailPattern.MatchString(message.Text):
			return reply{}, invalidParameter("text", "has an email address in it")
		}
		begin, _ := body["coverageStartDate"].(string)
		end, _ := body["coverageEndDate"].(string)
		if from, ok := format.ParseTime(begin); ok {
			if to, ok := format.ParseTime(end); ok && !from.Before(to) {
				return reply{}, invalidParameter("coverageEndDate", "is not after coverageStartDate")
			}
		}
		sent := contactStore.of(c.account)
		attachments, _ := body["attachments"].([]any)
		if kind.needsFile && len(attachments) == 0 {
			return reply{}, invalidParameter("attachments", "required")
		}
		for _, a := range attachments {
			m, _ := a.(map[string]any)
			id, _ := m["uploadDestinationId"].(string)
			file, _ := m["fileName"].(string)
			sent.mu.Lock()
			up := sent.uploads[id]
			sent.mu.Unlock()
			switch {
			case up == nil || up.Resource != "messaging/v1/orders/"+o.ID+"/messages/"+name:
				return reply{}, invalidParameter("attachments.uploadDestinationId", `"`+id+`" is not an upload destination for this message`)
			case !c.received(up):
				return reply{}, invalidParameter("attachments.uploadDestinationId", `no file with the announced MD5 hash has been uploaded to "`+id+`"`)
			case file == "":
				return reply{}, invalidParameter("attachments.fileName", "is empty")
			}
			message.Attachments = append(message.Attachments, file)
		}
		sent.mu.Lock()
		defer sent.mu.Unlock()
		if sent.has(o.ID, name) {
			return reply{}, refusedMessage() // by another request in the meantime
		}
		sent.messages = append(sent.messages, message)
		return hal(http.StatusCreated, object{}), nil
	}
}

// contactsState is what an export keeps of contacts.
type contactsState struct {
	Messages []BuyerMessage     `json:"messages,omitempty"`
	Uploads  map[string]*upload `json:"uploads,omitempty"`
}

var contactStore = &store[*contacts]{
	name:   "contacts",
	create: func(*account) *contacts { return &contacts{uploads: map[string]*upload{}} },
	save: func(s *contacts) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.messages) == 0 && len(s.uploads) == 0 {
			return nil, nil
		}
		return contactsState{s.messages, s.uploads}, nil
	},
	load: func(s *contacts, raw json.RawMessage) error {
		var saved contactsState
		if err := json.Unmarshal(raw, &saved); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages = saved.Messages
		if saved.Uploads != nil {
			s.uploads = saved.Uploads
		}
		return nil
	},
}

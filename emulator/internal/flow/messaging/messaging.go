// Package messaging answers for messaging.
package messaging

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Flow is the API of messaging.
var Flow = desk.Flow{Stores: []desk.Keeper{contacts.Books}, Handlers: map[string]desk.Handler{
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
	Name string
	// Available tells whether the template can be used for an order in a state, a time after the purchase. Amazon says only that it depends on
	// fulfilment, the kind of seller and the messages sent before (developer-docs.amazon.com/sp-api/docs/messaging-api-v1-use-case-guide);
	// the rules here are the emulator's own.
	Available  func(o *world.Order, status string, age time.Duration) bool
	text       bool // has a text, which must not be empty
	maxText    int
	attachment bool // may have attachments
	needsFile  bool
}

const (
	messagingDays  = 30 * 24 * time.Hour // for problems and deliveries
	disclosureDays = 90 * 24 * time.Hour // for documents
)

// MessageKinds are the templates in the order in which actions list them.
var MessageKinds = []messageKind{
	{Name: "confirmCustomizationDetails", text: true, maxText: 800, attachment: true, Available: func(o *world.Order, s string, _ time.Duration) bool { return !o.Amazon && world.ToBeShipped(s) }},
	{Name: "confirmDeliveryDetails", text: true, maxText: 2000, Available: func(o *world.Order, s string, age time.Duration) bool {
		return !o.Amazon && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{Name: "legalDisclosure", attachment: true, needsFile: true, Available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
	{Name: "confirmOrderDetails", text: true, maxText: 2000, Available: func(o *world.Order, s string, _ time.Duration) bool { return !o.Amazon && world.ToBeShipped(s) }},
	{Name: "confirmServiceDetails", text: true, maxText: 2000, Available: func(o *world.Order, s string, age time.Duration) bool {
		return o.Has("LAMP") && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{Name: "digitalAccessKey", text: true, maxText: 400, attachment: true, Available: func(o *world.Order, s string, age time.Duration) bool {
		return o.Has("CALENDAR") && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{Name: "unexpectedProblem", text: true, maxText: 2000, Available: func(o *world.Order, s string, age time.Duration) bool {
		return !o.Amazon && (world.ToBeShipped(s) || s == world.Shipped) && age < messagingDays
	}},
	{Name: "warranty", attachment: true, Available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
	{Name: "invoice", attachment: true, needsFile: true, Available: func(_ *world.Order, s string, age time.Duration) bool {
		return s == world.Shipped && age < disclosureDays
	}},
}

// refusedMessage is how the service refuses a template that isn't available, or an order that isn't there
// (selling-partner-api-docs#1662, #193).
func refusedMessage() *answer.Error {
	return contacts.Refused("Invalid amazonOrderId and template combination.")
}

// availableKinds are the templates that can be used for an order now.
func availableKinds(c *desk.Call, w *world.World, o *world.Order) []*messageKind {
	w.RLock()
	status := o.Status(c.Now)
	w.RUnlock()
	sent := contacts.Books.Of(c.Seller)
	sent.Mu.Lock()
	defer sent.Mu.Unlock()
	var kinds []*messageKind
	for i := range MessageKinds {
		k := &MessageKinds[i]
		if k.Available(o, status, c.Now.Sub(o.Purchased)) && !sent.Sent(o.ID, k.Name) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func getMessagingActions(c *desk.Call) (answer.Reply, *answer.Error) {
	w, o, err := contacts.Order(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(c.Path["amazonOrderId"])
	}
	names := []string{}
	kinds := map[string]*messageKind{}
	for _, k := range availableKinds(c, w, o) {
		names = append(names, k.Name)
		kinds[k.Name] = k
	}
	if len(names) > 0 {
		names = append(names, "attributes") // an action, too: the model's sandbox case
	}
	base := "/messaging/v1/orders/" + o.ID
	return contacts.HAL(http.StatusOK, contacts.ActionList(c, base, names, func(name string) string {
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
	if k.Name == "warranty" {
		properties["coverageStartDate"] = object{"type": "string", "format": "date-time"}
		properties["coverageEndDate"] = object{"type": "string", "format": "date-time"}
	}
	return object{"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "title": k.Name, "properties": properties, "required": required}
}

func getBuyerAttributes(c *desk.Call) (answer.Reply, *answer.Error) {
	_, o, err := contacts.Order(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(c.Path["amazonOrderId"])
	}
	return contacts.HAL(http.StatusOK, object{"buyer": object{"locale": strings.ReplaceAll(o.Marketplace.Language, "_", "-")}}), nil
}

var (
	htmlPattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)</?[a-z][^>]*>`) })
	emailPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^\s@]+@[^\s@]+\.[A-Za-z]{2,}`) })
)

// sendMessage is the handler of one template.
func sendMessage(name string) desk.Handler {
	kind := &MessageKinds[slices.IndexFunc(MessageKinds, func(k messageKind) bool { return k.Name == name })]
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		w, o, err := contacts.Order(c)
		if err != nil {
			return answer.Reply{}, err
		}
		if o == nil || !slices.Contains(availableKinds(c, w, o), kind) {
			return answer.Reply{}, refusedMessage()
		}
		body, _ := c.Body.(map[string]any)
		message := contacts.Message{Time: c.Now.UTC(), OrderID: o.ID, Type: name}
		message.Text, _ = body["text"].(string)
		switch {
		case kind.text && strings.TrimSpace(message.Text) == "":
			return answer.Reply{}, answer.MissingMember("text", "required")
		case htmlPattern().MatchString(message.Text): // the model's note: no HTML, no email addresses
			return answer.Reply{}, answer.InvalidParameter("text", "has HTML in it")
		case emailPattern().MatchString(message.Text):
			return answer.Reply{}, answer.InvalidParameter("text", "has an email address in it")
		}
		begin, _ := body["coverageStartDate"].(string)
		end, _ := body["coverageEndDate"].(string)
		if from, ok := format.ParseTime(begin); ok {
			if to, ok := format.ParseTime(end); ok && !from.Before(to) {
				return answer.Reply{}, answer.InvalidParameter("coverageEndDate", "is not after coverageStartDate")
			}
		}
		sent := contacts.Books.Of(c.Seller)
		attachments, _ := body["attachments"].([]any)
		if kind.needsFile && len(attachments) == 0 {
			return answer.Reply{}, answer.MissingMember("attachments", "required")
		}
		for _, a := range attachments {
			m, _ := a.(map[string]any)
			id, _ := m["uploadDestinationId"].(string)
			file, _ := m["fileName"].(string)
			up := sent.Upload(id)
			switch {
			case up == nil || up.Resource != "messaging/v1/orders/"+o.ID+"/messages/"+name:
				return answer.Reply{}, answer.InvalidParameter("attachments.uploadDestinationId", `"`+id+`" is not an upload destination for this message`)
			case !contacts.Received(c, up):
				return answer.Reply{}, answer.InvalidParameter("attachments.uploadDestinationId", `no file with the announced MD5 hash has been uploaded to "`+id+`"`)
			case file == "":
				return answer.Reply{}, answer.InvalidParameter("attachments.fileName", "is empty")
			}
			message.Attachments = append(message.Attachments, file)
		}
		sent.Mu.Lock()
		defer sent.Mu.Unlock()
		if sent.Sent(o.ID, name) {
			return answer.Reply{}, refusedMessage() // by another request in the meantime
		}
		sent.Send(message)
		return contacts.HAL(http.StatusCreated, object{}), nil
	}
}

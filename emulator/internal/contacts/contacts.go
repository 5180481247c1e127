// Package contacts is what a seller sends to buyers, by messaging and solicitations, with the files that go along.
package contacts

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Message is a message that a seller has sent to the buyer of an order, or a solicitation.
type Message struct {
	Time        time.Time `json:"time"`
	OrderID     string    `json:"order_id"`
	Type        string    `json:"type"` // as in the operation's path: "legalDisclosure", "productReviewAndSellerFeedback"
	Text        string    `json:"text,omitempty"`
	Attachments []string  `json:"attachments,omitempty"` // file names
}

// Book are what a seller has sent to buyers, and the places for files to be sent.
type Book struct {
	Mu       sync.Mutex
	messages []Message              // the last of them
	sent     map[[2]string]bool     // order and type of all
	uploads  *expiring.Map[*Upload] // by id
}

const (
	// mostMessages is how many messages are shown; that others were sent is not forgotten.
	mostMessages = 10_000
	// mostUploads is how many places for files a seller has.
	mostUploads = 200_000
)

// Sent tells whether a message of the kind has been sent for an order: a template can be used once. It wants s.Mu held.
func (s *Book) Sent(orderID, kind string) bool { return s.sent[[2]string{orderID, kind}] }

// Send notes a message. It wants s.Mu held.
func (s *Book) Send(m Message) {
	s.sent[[2]string{m.OrderID, m.Type}] = true
	if s.messages = append(s.messages, m); len(s.messages) > mostMessages {
		s.messages[0] = Message{}
		s.messages = s.messages[1:]
	}
}

// MessagesOf returns the last 10,000 messages that a seller has sent to buyers by the messaging and solicitations APIs, oldest first.
func MessagesOf(a *desk.Seller) []Message {
	sent := Books.Of(a)
	sent.Mu.Lock()
	defer sent.Mu.Unlock()
	return slices.Clone(sent.messages)
}

// Refused is the 403 of messaging and solicitations, which has a message of its own.
func Refused(message string) *answer.Error {
	return answer.Plain(http.StatusForbidden, "Unauthorized", message).Detailed("")
}

// Order finds the order to whose buyer a request wants to write; nil when there is none in that marketplace.
func Order(c *desk.Call) (*world.World, *world.Order, *answer.Error) {
	id := c.Path["amazonOrderId"]
	if !world.OrderIDPattern().MatchString(id) {
		return nil, nil, answer.Invalid("Invalid Input", "amazonOrderId: is not in 3-7-7 format")
	}
	m, err := c.MarketplaceOf("marketplaceIds", c.Query.Get("marketplaceIds"))
	if err != nil {
		return nil, nil, err
	}
	w := c.Seller.World()
	o := w.OrderByID(id, c.Now)
	if o == nil || o.Marketplace.ID != m.ID {
		return w, nil, nil
	}
	return w, o, nil
}

// HAL is a reply in the JSON Hypertext Application Language, which both APIs use.
func HAL(status int, body object) answer.Reply {
	return answer.Reply{Status: status, ContentType: "application/hal+json", Body: body}
}

// ActionList is the HAL body that lists actions: links, and each action with the schema of what it wants.
func ActionList(c *desk.Call, base string, names []string, href func(name string) string, schema func(name string) object) object {
	query := "?marketplaceIds=" + url.QueryEscape(c.Query.Get("marketplaceIds"))
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

// contactsState is what an export keeps of contacts.
type contactsState struct {
	Messages []Message          `json:"messages,omitempty"`
	Sent     [][2]string        `json:"sent,omitempty"` // order and type of those before
	Uploads  map[string]*Upload `json:"uploads,omitempty"`
}

func newBook(*desk.Seller) *Book {
	return &Book{sent: map[[2]string]bool{}, uploads: expiring.NewMap[*Upload](mostUploads, nil)}
}

// before are order and type of the messages that aren't shown any more.
func (s *Book) before() [][2]string {
	if len(s.sent) == len(s.messages) {
		return nil
	}
	rest := maps.Clone(s.sent)
	for _, m := range s.messages {
		delete(rest, [2]string{m.OrderID, m.Type})
	}
	return slices.SortedFunc(maps.Keys(rest), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
}

var Books = &desk.Store[*Book]{
	Name:   "contacts",
	Create: newBook,
	Save: func(s *Book) (any, error) {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		if len(s.messages) == 0 && s.uploads.Len() == 0 {
			return nil, nil
		}
		return contactsState{s.messages, s.before(), maps.Collect(s.uploads.All())}, nil
	},
	Load: func(s *Book, raw json.RawMessage) error {
		var saved contactsState
		if err := json.Unmarshal(raw, &saved); err != nil {
			return err
		}
		s.Mu.Lock()
		defer s.Mu.Unlock()
		for _, m := range saved.Messages {
			s.Send(m)
		}
		for _, key := range saved.Sent {
			s.sent[key] = true
		}
		for id, up := range saved.Uploads {
			s.uploads.Put(id, up, up.Expires())
		}
		return nil
	},
}

// Upload is a place for one file that is to go with a message or A+ content.
type Upload struct {
	Resource    string    `json:"resource"` // the path of the operation that will use the file, without a leading slash
	MD5         string    `json:"md5"`
	ContentType string    `json:"content_type,omitempty"`
	Document    string    `json:"document"` // where the bytes lie
	Created     time.Time `json:"created"`
}

// Expires is when the file is gone, and the place with it.
func (up *Upload) Expires() time.Time { return up.Created.Add(jobs.Retention("upload", up.Created)) }

// AddUpload notes a place for a file, and forgets those that are over.
func (s *Book) AddUpload(id string, up *Upload) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.uploads.Sweep(up.Created)
	s.uploads.Put(id, up, up.Expires())
}

// Upload finds the place for a file; nil when there is none.
func (s *Book) Upload(id string) *Upload {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	up, _ := s.uploads.Get(id)
	return up
}

// Received tells whether the file has come, whole.
func Received(c *desk.Call, up *Upload) bool {
	d := jobs.Queues.Of(c.Seller).Document(up.Document, c.Now)
	if d == nil {
		return false
	}
	sum, received := d.Received()
	return received && up.MD5 == base64.StdEncoding.EncodeToString(sum[:])
}

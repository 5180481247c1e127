// Package notifications answers for notifications.
package notifications

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/cel"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of notifications.
var Flow = desk.Flow{Stores: []desk.Keeper{SubscriptionStore}, Notices: tellNews, Wanted: wanted, Handlers: map[string]desk.Handler{
	"notificationsv1.createDestination":      createDestination,
	"notificationsv1.getDestinations":        getDestinations,
	"notificationsv1.getDestination":         getDestination,
	"notificationsv1.deleteDestination":      deleteDestination,
	"notificationsv1.createSubscription":     createSubscription,
	"notificationsv1.getSubscription":        getSubscription,
	"notificationsv1.getSubscriptions":       getSubscriptions,
	"notificationsv1.getSubscriptionById":    getSubscriptionByID,
	"notificationsv1.deleteSubscriptionById": deleteSubscriptionByID,
	"notificationsv1.sendTestNotification":   sendTestNotification,
}, Early: map[string]func(*desk.Call) *answer.Error{
	"notificationsv1.createDestination":      func(c *desk.Call) *answer.Error { return cmp.Or(readable(c), oneKind(c)) },
	"notificationsv1.createSubscription":     func(c *desk.Call) *answer.Error { return cmp.Or(permit(c, c.Path["notificationType"]), readable(c)) },
	"notificationsv1.getSubscription":        func(c *desk.Call) *answer.Error { return permit(c, c.Path["notificationType"]) },
	"notificationsv1.getSubscriptions":       func(c *desk.Call) *answer.Error { return permit(c, c.Query.Get("notificationTypes")) },
	"notificationsv1.deleteSubscriptionById": permitDelete,
}}

// Destination is where notifications go. All of an application's sellers share its destinations.
type Destination struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	ARN     string    `json:"arn,omitempty"`     // of an SQS queue
	Region  string    `json:"region,omitempty"`  // of EventBridge
	Account string    `json:"account,omitempty"` // of AWS, for EventBridge
	Created time.Time `json:"created"`
	// Home is the region of SP-API at whose host it was made; "" is every region: it was made at a host that stands for all.
	Home marketplace.Region `json:"home,omitempty"`
}

// Subscription is one seller's, to one type and payload version.
type Subscription struct {
	ID          string         `json:"id"`
	Seller      int            `json:"seller"` // account's number
	Kind        string         `json:"kind"`
	Version     string         `json:"version"`
	Destination string         `json:"destination"`
	Directive   map[string]any `json:"directive,omitempty"`
	// Created is when it was made: it gets nothing of what had happened before.
	Created time.Time `json:"created,omitzero"`
	// Home is the region of one that is the application's own; "" is every region. A seller's is in the seller's.
	Home    marketplace.Region `json:"home,omitempty"`
	Windows []*window          `json:"windows,omitempty"` // of aggregation

	program *cel.Program // of the directive's expression, once it has been needed
}

// subscriptions has both lists in the order of creation.
type subscriptions struct {
	mu           sync.Mutex
	Destinations []*Destination
	List         []*Subscription
	told         time.Time         // until when flows have been asked for news
	ahead        map[int]time.Time // of sellers of whom they have been asked up to later, by number

	of     map[int][]*Subscription                 // List, by seller
	wanted atomic.Pointer[map[int]map[string]bool] // types of List, by seller; nil while there are none
}

// destination finds a destination that the region of a call knows: those of other regions are unknown there.
func (s *subscriptions) destination(c *desk.Call, id string) *Destination {
	if i := slices.IndexFunc(s.Destinations, func(d *Destination) bool { return d.ID == id && d.in(region(c)) }); i >= 0 {
		return s.Destinations[i]
	}
	return nil
}

// region is where a call was made: that of its host, else of its seller; "" is every region.
func region(c *desk.Call) marketplace.Region {
	r := c.Exchange.Region()
	if r == "" && c.Seller != nil {
		r = c.Seller.Region
	}
	return r
}

// in tells whether a region knows the destination.
func (d *Destination) in(r marketplace.Region) bool { return d.Home == "" || r == "" || d.Home == r }

// permit refuses whoever may not subscribe to a type: with the wrong kind of token, or without its role.
func permit(c *desk.Call, name string) *answer.Error {
	kind, _ := notificationType(c, name)
	switch {
	case c.Seller == nil && (kind == nil || kind.Token != "grantless"):
		return answer.Denied("").Because("token: it is grantless, and " + c.Op.Name + " wants one of a seller")
	case c.Seller != nil && kind != nil && kind.Token == "grantless":
		return answer.Denied("").Because("token: it is a seller's, and " + c.Op.Name + " wants a grantless one for " + name)
	}
	return permitRole(c, kind)
}

func permitRole(c *desk.Call, kind *kind) *answer.Error {
	if kind != nil && kind.roles != nil && !c.Desk.Auth.HasRole(kind.roles) {
		return answer.Denied("").Because("role: the application has none of those of " + kind.Name + ": " + strings.Join(kind.roles, ", "))
	}
	return nil
}

// permitDelete refuses the kind of token that Amazon doesn't take for the type.
func permitDelete(c *desk.Call) *answer.Error {
	kind, _ := notificationType(c, c.Path["notificationType"])
	// Of the sandbox nothing of the kind is known: it keeps to the model.
	if sellers := kind != nil && kind.DeleteToken == "seller" && !c.Sandbox; sellers != (c.Seller != nil) {
		if sellers {
			return answer.Denied("").Because("token: it is grantless, and " + c.Op.Name + " wants the seller's for " + kind.Name)
		}
		return answer.Denied("").Because("token: it is a seller's, and " + c.Op.Name + " wants a grantless one with the scope " + c.Op.Grantless)
	}
	return permitRole(c, kind)
}

// readable answers 500 to bodies that aren't JSON or have members in snake case (jlevers/selling-partner-api#291). Another report has 400 for a body that isn't
// understood (amzn/selling-partner-api-models#1003): that is the answer to one of another content type here.
func readable(c *desk.Call) *answer.Error {
	if kind, _, _ := mime.ParseMediaType(c.Exchange.Header.Get("Content-Type")); len(c.Exchange.Body) == 0 || kind != "application/json" && kind != "" {
		return nil // which the model refuses
	}
	if !json.Valid(c.Exchange.Body) {
		return answer.Internal().Because("body: is no JSON")
	}
	var body map[string]json.RawMessage
	_ = json.Unmarshal(c.Exchange.Body, &body) // anything else than an object the model refuses
	for name := range body {
		if strings.Contains(name, "_") {
			return answer.Internal().Because("body: has members in snake case, want camelCase")
		}
	}
	return nil
}

// errTwoKinds is how createDestination refuses a destination of two kinds (selling-partner-api-models#1793).
func errTwoKinds() *answer.Error {
	return answer.Invalid("Invalid input.", "").Detailed("A destination cannot be created with multiple resource types").
		Because("resourceSpecification: has sqs and eventBridge, want one of them")
}

// oneKind refuses one of two kinds of which one is an empty object, as some clients write what isn't there: whatever the model says of what it lacks.
func oneKind(c *desk.Call) *answer.Error {
	var body struct {
		Spec struct {
			SQS    *map[string]any `json:"sqs"`
			Bridge *map[string]any `json:"eventBridge"`
		} `json:"resourceSpecification"`
	}
	if json.Unmarshal(c.Exchange.Body, &body) != nil {
		return nil // which the model refuses
	}
	if a, b := body.Spec.SQS, body.Spec.Bridge; a != nil && b != nil && len(*a)*len(*b) == 0 {
		return errTwoKinds().Because("resourceSpecification: has sqs (arn) and eventBridge (accountId, region), one of them empty; want one, and not the other")
	}
	return nil
}

// errAbsent is a 404. Its wording is assumed.
func errAbsent(reason string) *answer.Error {
	return answer.NotFound("The resource specified does not exist.").Because(reason)
}

// errNotification is a 400 of notifications: the reason stands in details (saleweaver/python-amazon-sp-api#734, #368).
func errNotification(details string) *answer.Error {
	return answer.Invalid(answer.Unparsable, details).Detailed(details)
}

// errNoDestination is about a destination that a body names (selling-partner-api-models#2224).
func errNoDestination(c *desk.Call, id string) *answer.Error {
	return errNotification("No destination with id " + id + " for applicationId " + c.Desk.Auth.Application().ID).
		Because(`destinationId: there is no destination "` + id + `"`)
}

// errConflict is the 409 of createSubscription (selling-partner-api-models#2737; without details in 2021: #1960).
func errConflict(kind string) *answer.Error {
	return answer.Plain(http.StatusConflict, "StateConflict", "The resource specified conflicts with the current state.").
		Detailed("Subscription already exist for notification type " + kind) // sic
}

// errSecondDestination is the 409 of createDestination for a queue that has one (selling-partner-api-docs#1800, selling-partner-api-models#2281). Of an
// AWS account that has one for EventBridge the same is assumed.
func errSecondDestination(d *Destination, app string) *answer.Error {
	which := "arn " + d.ARN
	if d.ARN == "" {
		which = "accountId " + d.Account
	}
	const message = "The requested resource conflict with a resource in the server."
	return answer.Plain(http.StatusConflict, "Conflict", message).Detailed("A destination with " + which + " already exists for the application " + app)
}

// errInUse is how deleteDestination refuses (selling-partner-api-docs#1800).
func errInUse() *answer.Error {
	return answer.Plain(http.StatusForbidden, "Unauthorized", "The requested action is forbidden.").Detailed("Destination has subscriptions")
}

func (d *Destination) object(app string) object {
	// The kinds that aren't used are null (jlevers/selling-partner-api#885).
	resource := object{"sqs": nil, "eventBridge": nil, "privateSqs": nil, "webhook": nil}
	if d.ARN != "" {
		resource["sqs"] = object{"arn": d.ARN}
	} else {
		// The name isn't that of the event source: amzn/selling-partner-api-docs, guides/en-US/use-case-guides/notifications-api-use-case-guide.
		name := "sellingpartnerapi.amazon.com/" + app
		resource["eventBridge"] = object{"name": name, "region": d.Region, "accountId": d.Account}
	}
	return object{"destinationId": d.ID, "name": d.Name, "resource": resource}
}

func (s *Subscription) object() object {
	o := object{"subscriptionId": s.ID, "payloadVersion": s.Version, "destinationId": s.Destination}
	if s.Directive != nil {
		o["processingDirective"] = s.Directive
	}
	return o
}

func createDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	spec, _ := body["resourceSpecification"].(map[string]any)
	d := &Destination{Created: c.Now.UTC()}
	d.Name, _ = body["name"].(string)
	sqs, _ := spec["sqs"].(map[string]any)
	bridge, _ := spec["eventBridge"].(map[string]any)
	switch {
	case d.Name == "" || len(d.Name) > 256:
		return answer.Reply{}, answer.InvalidParameter("name", "is empty or longer than 256 characters")
	case sqs != nil && bridge != nil:
		return answer.Reply{}, errTwoKinds()
	case sqs != nil:
		d.ARN, _ = sqs["arn"].(string)
		if fifo(d.ARN) && c.Desk.Options.RefuseFIFO {
			// The wording is assumed.
			return answer.Reply{}, answer.Invalid("Invalid Input", "resourceSpecification.sqs.arn: is a FIFO queue, want a standard one").
				Detailed("FIFO queues are not supported")
		}
	case bridge != nil:
		d.Region, _ = bridge["region"].(string)
		d.Account, _ = bridge["accountId"].(string)
		if !awsAccountPattern().MatchString(d.Account) {
			return answer.Reply{}, answer.InvalidParameter("resourceSpecification.eventBridge.accountId", "is not the twelve digits of an AWS account")
		}
	default:
		return answer.Reply{}, answer.InvalidParameter("resourceSpecification", "has neither sqs nor eventBridge")
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	d.Home = c.Exchange.Region()
	if slices.ContainsFunc(subs.Destinations, func(o *Destination) bool { return o.ARN == d.ARN && o.Account == d.Account && o.in(d.Home) }) {
		return answer.Reply{}, errSecondDestination(d, c.Desk.Auth.Application().ID)
	}
	d.ID = c.Desk.Seed.Next("destination").UUID()
	subs.Destinations = append(subs.Destinations, d)
	c.Desk.Outbox.Open(d.target(c.Desk))
	return answer.Payload(d.object(applicationID(c.Desk))), nil
}

// fifo tells whether a queue is a FIFO queue: Amazon takes only standard ones (developer-docs.amazon.com/sp-api/docs/set-up-notifications-with-amazon-sqs),
// and yet lets it be made a destination, at which nothing arrives (selling-partner-api-docs#845).
func fifo(arn string) bool { return strings.HasSuffix(arn, ".fifo") }

var awsAccountPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{12}$`) })

func getDestinations(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	list := []object{}
	for _, d := range subs.Destinations {
		if d.in(region(c)) {
			list = append(list, d.object(applicationID(c.Desk)))
		}
	}
	return answer.Payload(list), nil
}

func getDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	d := subs.destination(c, c.Path["destinationId"])
	if d == nil {
		return answer.Reply{}, errAbsent("destinationId: there is no destination of this id in this region")
	}
	return answer.Payload(d.object(applicationID(c.Desk))), nil
}

// deleteDestination refuses while something is subscribed to it.
func deleteDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	s, id := subs, c.Path["destinationId"]
	if s.destination(c, id) == nil {
		return answer.Reply{}, errAbsent("destinationId: there is no destination of this id in this region")
	}
	if slices.ContainsFunc(s.List, func(o *Subscription) bool { return o.Destination == id }) {
		return answer.Reply{}, errInUse()
	}
	s.Destinations = slices.DeleteFunc(s.Destinations, func(d *Destination) bool { return d.ID == id })
	return answer.OK(object{}), nil
}

func createSubscription(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	s := &Subscription{Seller: subscriber(c), Kind: kind.Name, Created: c.Now.UTC()}
	if c.Seller == nil {
		s.Home = region(c)
	}
	s.Version, _ = body["payloadVersion"].(string)
	s.Destination, _ = body["destinationId"].(string)
	s.Directive, _ = body["processingDirective"].(map[string]any)
	if err := checkVersion(c, kind, s.Version); err != nil {
		return answer.Reply{}, err
	}
	if err := checkDirective(kind, s.Directive); err != nil {
		return answer.Reply{}, err
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	d := subs.destination(c, s.Destination)
	bridge := kind.Destination == "eventbridge"
	switch {
	case d == nil:
		return answer.Reply{}, errNoDestination(c, s.Destination)
	case bridge && d.ARN != "":
		// jlevers/selling-partner-api#656
		return answer.Reply{}, errNotification("").Because("destinationId: is a queue, and " + kind.Name + " goes to EventBridge only")
	case !bridge && d.ARN == "":
		return answer.Reply{}, errNotification("Notification type " + kind.Name + " does not support AWS_EVENT_BRIDGE") // saleweaver/python-amazon-sp-api#734
	}
	// One per type, seller and version, except where expressions tell them apart (the model's note on getSubscriptions).
	if slices.ContainsFunc(subs.List, func(o *Subscription) bool {
		expression := o.Directive["filterExpression"]
		return o.Seller == s.Seller && o.in(region(c)) && o.Kind == s.Kind && o.Version == s.Version &&
			(expression == nil || expression == s.Directive["filterExpression"])
	}) {
		return answer.Reply{}, errConflict(kind.Name)
	}
	s.ID = c.Desk.Seed.Next("subscription").UUID()
	if subs.tell(c.Desk, true); len(subs.List) == 0 {
		subs.told = c.Now
	}
	subs.List = append(subs.List, s)
	subs.index()
	return answer.Payload(s.object()), nil
}

// in tells whether a region knows the subscription.
func (s *Subscription) in(r marketplace.Region) bool { return s.Home == "" || r == "" || s.Home == r }

// subscriber is whose subscriptions a call is about: the number of a seller, -1 for the application's own.
func subscriber(c *desk.Call) int {
	if c.Seller == nil {
		return application
	}
	return c.Seller.Number
}

// mySubscriptions returns the seller's subscriptions to a type, of one payload version if one is given. It wants subs.mu held.
func mySubscriptions(c *desk.Call, subs *subscriptions, kind *kind, version string) []*Subscription {
	var list []*Subscription
	for _, s := range subs.List {
		if s.Seller == subscriber(c) && s.in(region(c)) && s.Kind == kind.Name && world.Same(version, s.Version) {
			list = append(list, s)
		}
	}
	return list
}

// getSubscription shows the subscription of the latest payload version, if none is given.
func getSubscription(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return answer.Reply{}, err
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	var latest *Subscription
	for _, s := range mySubscriptions(c, subs, kind, c.Query.Get("payloadVersion")) {
		if latest == nil || slices.Index(kind.versions, s.Version) > slices.Index(kind.versions, latest.Version) {
			latest = s
		}
	}
	if latest == nil {
		return answer.Reply{}, errAbsent("notificationType: there is no subscription to " + kind.Name)
	}
	return answer.Payload(latest.object()), nil
}

// defaultSubscriptions is the page size of getSubscriptions (selling-partner-api-models, notifications).
const defaultSubscriptions = 30

func getSubscriptions(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, errNotification("nextToken " + problem.Error())
	}
	kind, err := notificationType(c, pg.Arg("notificationTypes"))
	if err != nil {
		return answer.Reply{}, err
	}
	size := defaultSubscriptions
	if text := pg.Arg("pageSize"); text != "" {
		if size, _ = strconv.Atoi(text); size < defaultSubscriptions || size > 100 {
			return answer.Reply{}, answer.InvalidParameter("pageSize", "is "+text+", want 30 to 100")
		}
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	part, more := desk.Cut(mySubscriptions(c, subs, kind, pg.Arg("payloadVersion")), pg.Start, size)
	list := []object{}
	for _, s := range part {
		list = append(list, s.object())
	}
	body := object{"subscriptions": list}
	if more {
		body["nextToken"] = c.Token(pg, pg.Start+size)
	}
	return answer.Payload(body), nil
}

// subscriptionByID finds the position of the path's subscription, whoever's it is: the operations are grantless. It wants subs.mu held.
func subscriptionByID(c *desk.Call, subs *subscriptions) (int, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return 0, err
	}
	id := c.Path["subscriptionId"]
	i := slices.IndexFunc(subs.List, func(s *Subscription) bool {
		return s.ID == id && s.Kind == kind.Name && (c.Seller == nil || s.Seller == c.Seller.Number)
	})
	if i < 0 {
		return 0, errAbsent("subscriptionId: there is no subscription of this id to " + kind.Name)
	}
	return i, nil
}

func getSubscriptionByID(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	i, err := subscriptionByID(c, subs)
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.Payload(subs.List[i].object()), nil
}

func deleteSubscriptionByID(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	i, err := subscriptionByID(c, subs)
	if err != nil {
		return answer.Reply{}, err
	}
	subs.tell(c.Desk, true) // what has happened before is still sent
	subs.List = slices.Delete(subs.List, i, i+1)
	subs.index()
	return answer.OK(object{}), nil
}

// subscriptionsState is what an export keeps of both lists.
type subscriptionsState struct {
	Destinations []*Destination    `json:"destinations,omitempty"`
	List         []*Subscription   `json:"list,omitempty"`
	Told         time.Time         `json:"told,omitzero"`
	Ahead        map[int]time.Time `json:"ahead,omitempty"`
}

var SubscriptionStore = &desk.Store[*subscriptions]{
	Name: "subscriptions", Shared: true,
	Create: func(*desk.Seller) *subscriptions { return &subscriptions{} },
	Save: func(subs *subscriptions) (any, error) {
		subs.mu.Lock()
		defer subs.mu.Unlock()
		return subscriptionsState{subs.Destinations, subs.List, subs.told.UTC(), maps.Clone(subs.ahead)}, nil
	},
	Load: func(subs *subscriptions, raw json.RawMessage) error {
		var s subscriptionsState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if slices.Contains(s.Destinations, nil) || slices.ContainsFunc(s.List, func(sub *Subscription) bool {
			return sub == nil || kinds()[sub.Kind] == nil || slices.Contains(sub.Windows, nil)
		}) {
			return errors.New("null in a list, or an unknown type")
		}
		subs.mu.Lock()
		defer subs.mu.Unlock()
		subs.Destinations, subs.List, subs.told, subs.ahead = s.Destinations, s.List, s.Told, s.Ahead
		subs.index()
		return nil
	},
}

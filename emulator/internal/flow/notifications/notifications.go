// Package notifications answers for notifications.
package notifications

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Flow is the API of notifications.
var Flow = desk.Flow{Stores: []desk.Keeper{SubscriptionStore}, Handlers: map[string]desk.Handler{
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
}}

// notificationKind is a type of notification: developer-docs.amazon.com/sp-api/docs/notification-type-values, payload versions and
// spelling of the envelope as in selling-partner-api-models, schemas/notifications. Reports and feeds are told of in 1.0 too, which their schemas
// don't mention (selling-partner-api-models#2181, #2737, saleweaver/python-amazon-sp-api#734).
type notificationKind struct {
	name        string
	versions    []string // ascending
	eventBridge bool     // goes to EventBridge, else to SQS
	pascal      bool     // envelope in PascalCase
	filter      string   // member of eventFilter besides eventFilterType that must be there; "" when the type takes no filter
}

// notificationKinds are those that can be subscribed to. News about an application's secret can't: they are a preference in the console.
var notificationKinds = []notificationKind{
	{name: "ACCOUNT_STATUS_CHANGED", versions: []string{"1.0"}},
	{name: "ANY_OFFER_CHANGED", versions: []string{"1.0"}, pascal: true, filter: "optional"},
	{name: "B2B_ANY_OFFER_CHANGED", versions: []string{"1.0"}, pascal: true},
	{name: "BOPIS_CHECKIN_DETAILS", versions: []string{"1.0"}},
	{name: "BRANDED_ITEM_CONTENT_CHANGE", versions: []string{"1.0"}, eventBridge: true, pascal: true},
	{name: "DATA_KIOSK_QUERY_PROCESSING_FINISHED", versions: []string{"2023-11-15"}},
	{name: "DETAIL_PAGE_TRAFFIC_EVENT", versions: []string{"2020-09-04"}},
	{name: "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE", versions: []string{"1.0"}},
	{name: "FBA_INVENTORY_AVAILABILITY_CHANGES", versions: []string{"1.0"}, pascal: true},
	{name: "FBA_OUTBOUND_SHIPMENT_STATUS", versions: []string{"1.0"}, pascal: true},
	{name: "FEED_PROCESSING_FINISHED", versions: []string{"1.0", "2020-09-04"}},
	{name: "FEE_PROMOTION", versions: []string{"1.0"}, pascal: true},
	{name: "FULFILLMENT_ORDER_STATUS", versions: []string{"1.0"}, pascal: true},
	{name: "ITEM_INVENTORY_EVENT_CHANGE", versions: []string{"2020-09-04"}},
	{name: "ITEM_PRODUCT_TYPE_CHANGE", versions: []string{"1.0"}, eventBridge: true, pascal: true},
	{name: "ITEM_SALES_EVENT_CHANGE", versions: []string{"2020-09-04"}},
	{name: "LISTINGS_ITEM_ISSUES_CHANGE", versions: []string{"1.0", "2023-12-13"}, eventBridge: true, pascal: true},
	{name: "LISTINGS_ITEM_MFN_QUANTITY_CHANGE", versions: []string{"1.0"}, eventBridge: true, pascal: true},
	{name: "LISTINGS_ITEM_STATUS_CHANGE", versions: []string{"1.0"}, eventBridge: true, pascal: true},
	{name: "MFN_ORDER_STATUS_CHANGE", versions: []string{"1.0"}, pascal: true},
	{name: "ORDER_CHANGE", versions: []string{"1.0"}, pascal: true, filter: "orderChangeTypes"},
	{name: "ORDER_STATUS_CHANGE", versions: []string{"1.0"}, pascal: true},
	{name: "PRICING_HEALTH", versions: []string{"1.0"}},
	{name: "PRODUCT_TYPE_DEFINITIONS_CHANGE", versions: []string{"1.0"}, eventBridge: true, pascal: true},
	{name: "REPORT_PROCESSING_FINISHED", versions: []string{"1.0", "2020-09-04"}},
	{name: "SHIPMENT_TRACKING_MILESTONE_CHANGED", versions: []string{"2026-01-30"}, eventBridge: true, filter: "trackingIdentifier"},
	{name: "SHIPPING_CHARGE_NOTIFICATION", versions: []string{"1.0"}},
	{name: "TRANSACTION_UPDATE", versions: []string{"1.0"}, pascal: true},
}

// Destination is where notifications go. All of an application's sellers share its destinations.
type Destination struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	ARN     string    `json:"arn,omitempty"`     // of an SQS queue
	Region  string    `json:"region,omitempty"`  // of EventBridge
	Account string    `json:"account,omitempty"` // of AWS, for EventBridge
	Created time.Time `json:"created"`
}

// Subscription is one seller's, to one type and payload version.
type Subscription struct {
	ID          string         `json:"id"`
	Seller      int            `json:"seller"` // account's number
	Kind        string         `json:"kind"`
	Version     string         `json:"version"`
	Destination string         `json:"destination"`
	Directive   map[string]any `json:"directive,omitempty"`
}

// subscriptions has both lists in the order of creation.
type subscriptions struct {
	mu           sync.Mutex
	Destinations []*Destination
	List         []*Subscription
}

func (s *subscriptions) destination(id string) *Destination {
	if i := slices.IndexFunc(s.Destinations, func(d *Destination) bool { return d.ID == id }); i >= 0 {
		return s.Destinations[i]
	}
	return nil
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
	resource := object{}
	if d.ARN != "" {
		resource["sqs"] = object{"arn": d.ARN}
	} else {
		resource["eventBridge"] = object{"name": "aws.partner/sellingpartnerapi.amazon.com/" + d.Account + "/" + app, "region": d.Region, "accountId": d.Account}
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
		// selling-partner-api-models#1793
		return answer.Reply{}, answer.Invalid("Invalid input.", "").Detailed("A destination cannot be created with multiple resource types")
	case sqs != nil:
		d.ARN, _ = sqs["arn"].(string)
		if strings.HasSuffix(d.ARN, ".fifo") { // standard queues only: developer-docs.amazon.com/sp-api/docs/set-up-notifications-with-amazon-sqs
			return answer.Reply{}, answer.InvalidParameter("resourceSpecification.sqs.arn", "is a FIFO queue, want a standard one")
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
	if slices.ContainsFunc(subs.Destinations, func(o *Destination) bool { return o.ARN == d.ARN && o.Account == d.Account }) {
		return answer.Reply{}, errSecondDestination(d, c.Desk.Auth.Application().ID)
	}
	d.ID = c.Desk.Seed.Next("destination").UUID()
	subs.Destinations = append(subs.Destinations, d)
	return answer.Payload(d.object(c.Desk.Auth.Application().ID)), nil
}

var awsAccountPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{12}$`) })

func getDestinations(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	list := []object{}
	for _, d := range subs.Destinations {
		list = append(list, d.object(c.Desk.Auth.Application().ID))
	}
	return answer.Payload(list), nil
}

func getDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	d := subs.destination(c.Path["destinationId"])
	if d == nil {
		return answer.Reply{}, answer.NotFound("No destination with id " + c.Path["destinationId"] + " was found.")
	}
	return answer.Payload(d.object(c.Desk.Auth.Application().ID)), nil
}

// deleteDestination refuses while something is subscribed to it.
func deleteDestination(c *desk.Call) (answer.Reply, *answer.Error) {
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	s, id := subs, c.Path["destinationId"]
	if s.destination(id) == nil {
		return answer.Reply{}, answer.NotFound("No destination with id " + id + " was found.")
	}
	if slices.ContainsFunc(s.List, func(o *Subscription) bool { return o.Destination == id }) {
		return answer.Reply{}, errInUse()
	}
	s.Destinations = slices.DeleteFunc(s.Destinations, func(d *Destination) bool { return d.ID == id })
	return answer.OK(object{}), nil
}

// notificationType finds the type of a path.
func notificationType(c *desk.Call, name string) (*notificationKind, *answer.Error) {
	i := slices.IndexFunc(notificationKinds, func(k notificationKind) bool { return k.name == name })
	if i < 0 || c.Desk.Gone(operations.NotificationType, name, c.Now) {
		return nil, answer.Invalid("Invalid value "+name+" for path parameter notificationType", "") // selling-partner-api-models#3924
	}
	return &notificationKinds[i], nil
}

// checkVersion refuses a payload version that a type doesn't have, or has no more. The wording is assumed.
func checkVersion(c *desk.Call, kind *notificationKind, version string) *answer.Error {
	var left []string
	for _, v := range kind.versions {
		if !c.Desk.Gone(operations.NotificationType, kind.name+" "+v, c.Now) {
			left = append(left, v)
		}
	}
	if slices.Contains(left, version) {
		return nil
	}
	want := "; want " + strings.Join(left, " or ")
	return errNotification("Payload version " + version + " is not supported for notification type " + kind.name + want).
		Because(`payloadVersion: is "` + version + `"` + want)
}

func createSubscription(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	s := &Subscription{Seller: c.Seller.Number, Kind: kind.name}
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
	d := subs.destination(s.Destination)
	switch {
	case d == nil:
		return answer.Reply{}, errNoDestination(c, s.Destination)
	case kind.eventBridge && d.ARN != "":
		return answer.Reply{}, errNotification("Notification type " + kind.name + " does not support AWS_SQS")
	case !kind.eventBridge && d.ARN == "":
		return answer.Reply{}, errNotification("Notification type " + kind.name + " does not support AWS_EVENT_BRIDGE") // saleweaver/python-amazon-sp-api#734
	}
	// One per type, seller and version, except where expressions tell them apart (the model's note on getSubscriptions).
	if slices.ContainsFunc(subs.List, func(o *Subscription) bool {
		return o.Seller == s.Seller && o.Kind == s.Kind && o.Version == s.Version && (o.Directive["filterExpression"] == nil || o.Directive["filterExpression"] == s.Directive["filterExpression"])
	}) {
		return answer.Reply{}, errConflict(kind.name)
	}
	s.ID = c.Desk.Seed.Next("subscription").UUID()
	subs.List = append(subs.List, s)
	return answer.Payload(s.object()), nil
}

// celForbidden matches what filter expressions may not have: arithmetic and indexing (the model's note on filterExpression). Text in
// quotes has been taken out before.
var (
	celForbidden = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[+*/%\[\]]|[^\s(,=<>&|!]\s*-`) })
	celText      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`") })
)

// checkDirective checks a processing directive against what its type takes.
func checkDirective(kind *notificationKind, directive map[string]any) *answer.Error {
	if directive == nil {
		return nil
	}
	filter, hasFilter := directive["eventFilter"].(map[string]any)
	expression, hasExpression := directive["filterExpression"].(string)
	switch {
	case !hasFilter && !hasExpression:
		return errNotification("Processing Directive eventFilter must not be empty") // jlevers/selling-partner-api#885
	case hasFilter && hasExpression:
		return errNotification("eventFilter and filterExpression are mutually exclusive")
	case hasExpression:
		if celForbidden().MatchString(celText().ReplaceAllString(expression, `""`)) {
			return errNotification("filterExpression has an operator that is not supported: arithmetic and indexing are not")
		}
		return nil
	}
	valid := kind.filter != "" && filter["eventFilterType"] == kind.name
	switch kind.name {
	case "ANY_OFFER_CHANGED":
		valid = valid && filter["orderChangeTypes"] == nil && filter["trackingIdentifier"] == nil
	case "ORDER_CHANGE": // marketplaceIds alone are refused: selling-partner-api-models#4135
		valid = valid && filter["orderChangeTypes"] != nil && filter["aggregationSettings"] == nil && filter["trackingIdentifier"] == nil
	case "SHIPMENT_TRACKING_MILESTONE_CHANGED": // exactly one identifier: the model's note
		identifier, _ := filter["trackingIdentifier"].(map[string]any)
		valid = valid && len(identifier) == 1
	}
	if !valid {
		text, _ := json.Marshal(filter)
		return errNotification("EventFilter Payload " + string(text) + " failed to validate for notification type " + kind.name)
	}
	return nil
}

// mySubscriptions returns the seller's subscriptions to a type, of one payload version if one is given. It wants subs.mu held.
func mySubscriptions(c *desk.Call, subs *subscriptions, kind *notificationKind, version string) []*Subscription {
	var list []*Subscription
	for _, s := range subs.List {
		if s.Seller == c.Seller.Number && s.Kind == kind.name && world.Same(version, s.Version) {
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
		return answer.Reply{}, answer.NotFound("No subscription for notification type " + kind.name + " was found.")
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
	i := slices.IndexFunc(subs.List, func(s *Subscription) bool { return s.ID == id && s.Kind == kind.name })
	if i < 0 {
		return 0, answer.NotFound("No subscription with id " + id + " for notification type " + kind.name + " was found.")
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
	subs.List = slices.Delete(subs.List, i, i+1)
	return answer.OK(object{}), nil
}

// sendTestNotification puts a message of the type into a queue. It has the type's envelope; its payload only repeats the scenario.
func sendTestNotification(c *desk.Call) (answer.Reply, *answer.Error) {
	kind, err := notificationType(c, c.Path["notificationType"])
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	id, _ := body["destinationId"].(string)
	test, _ := body["testNotification"].(map[string]any)
	version, _ := test["payloadVersion"].(string)
	scenario, _ := test["testScenario"].(string)
	if scenario == "" { // the model's note
		return answer.Reply{}, errNotification("testScenario must not be empty")
	}
	if err := checkVersion(c, kind, version); err != nil {
		return answer.Reply{}, err
	}
	subs := SubscriptionStore.At(c.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	d := subs.destination(id)
	if d == nil {
		return answer.Reply{}, errNoDestination(c, id)
	}
	publish(c, d, kind, version, "", object{"testScenario": scenario})
	return answer.Payload(object{}), nil
}

// publish sends a notification of a type to a destination.
func publish(c *desk.Call, d *Destination, kind *notificationKind, version, subscriptionID string, payload object) {
	app := c.Desk.Auth.Application().ID
	target := d.ARN
	if target == "" {
		target = "arn:aws:events:" + d.Region + ":" + d.Account + ":event-source/aws.partner/sellingpartnerapi.amazon.com/" + d.Account + "/" + app
	}
	c.Desk.Outbox.Send(target, desk.Notification{Kind: kind.name, Version: version, Application: app, Subscription: subscriptionID, Pascal: kind.pascal, Payload: payload}, c.Now)
}

// subscriptionsState is what an export keeps of both lists.
type subscriptionsState struct {
	Destinations []*Destination  `json:"destinations,omitempty"`
	List         []*Subscription `json:"list,omitempty"`
}

var SubscriptionStore = &desk.Store[*subscriptions]{
	Name: "subscriptions", Shared: true,
	Create: func(*desk.Seller) *subscriptions { return &subscriptions{} },
	Save: func(subs *subscriptions) (any, error) {
		subs.mu.Lock()
		defer subs.mu.Unlock()
		return subscriptionsState{subs.Destinations, subs.List}, nil
	},
	Load: func(subs *subscriptions, raw json.RawMessage) error {
		var s subscriptionsState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if slices.Contains(s.Destinations, nil) || slices.Contains(s.List, nil) {
			return errors.New("null in a list")
		}
		subs.mu.Lock()
		defer subs.mu.Unlock()
		subs.Destinations, subs.List = s.Destinations, s.List
		return nil
	},
}

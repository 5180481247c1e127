package notifications

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi/api/notificationsv1"
	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/marketplace"
)

// Setup is what an application wants to have at Amazon: where notifications go, and who is subscribed to which. [ReadSetup] reads one from a file.
type Setup struct {
	Destinations  []DestinationSetup  `json:"destinations,omitzero"`
	Subscriptions []SubscriptionSetup `json:"subscriptions,omitzero"`
}

// DestinationSetup is a queue or an AWS account that notifications go to: one of SQS and EventBridge.
type DestinationSetup struct {
	Name        string            `json:"name"`                 // 1 to 256 characters, by which subscriptions refer to it
	SQS         string            `json:"sqs,omitzero"`         // the ARN of a standard queue, in any AWS region: "arn:aws:sqs:us-east-1:123456789012:orders"
	EventBridge *EventBridgeSetup `json:"eventBridge,omitzero"` // an AWS account; one for each application and region of SP-API
	// Regions are those of SP-API in which it is a destination: each has destinations of its own. Default: those of the sellers that are subscribed to it, or
	// of all sellers if none is. Two destinations may have one name if their regions differ: subscriptions then take that of the seller's region.
	Regions []marketplace.Region `json:"regions,omitzero"`
}

// EventBridgeSetup is the AWS account and region in which Amazon makes a partner event source.
type EventBridgeSetup struct {
	AccountID string `json:"accountId"` // twelve digits
	Region    string `json:"region"`    // of AWS, "us-east-1"; free, whatever the region of SP-API
}

// SubscriptionSetup is a type of notifications that sellers are subscribed to. A processing directive is had by EventFilter or FilterExpression, not both.
type SubscriptionSetup struct {
	Type           string `json:"type"`                    // "ORDER_CHANGE", see [Types]
	PayloadVersion string `json:"payloadVersion,omitzero"` // default: the latest that is known
	Destination    string `json:"destination"`             // the name of a destination
	// Sellers are the names of those who are subscribed. Default: all that there are. Types that the application itself subscribes to (Type.Token "grantless")
	// have none.
	Sellers []string `json:"sellers,omitzero"`
	// Regions narrow the sellers to those of some regions of SP-API. Default: all.
	Regions []marketplace.Region `json:"regions,omitzero"`
	// EventFilter lets through what it names. Its EventFilterType may be left out: it is the type.
	EventFilter *notificationsv1.EventFilter `json:"eventFilter,omitzero"`
	// FilterExpression is in CEL, 1 to 256 characters, without arithmetic and indexing. Subscriptions of one seller, type and payload version may differ in it.
	FilterExpression string `json:"filterExpression,omitzero"`
}

// SetupError is all that is wrong with a [Setup], found before anything is sent.
type SetupError struct {
	Problems []SetupProblem
}

// SetupProblem is what is wrong with one field.
type SetupProblem struct {
	Line  int    `json:"line,omitzero"` // in the file, from 1; 0 where it came from none
	Field string `json:"field"`         // "subscriptions[2].payloadVersion"
	Value string `json:"value,omitzero"`
	Want  string `json:"want"` // what is wrong with it, and what would be right
}

func (p SetupProblem) String() string {
	text := p.Field
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, p.Field)
	}
	if p.Value != "" {
		text += fmt.Sprintf(": %q", p.Value)
	}
	return text + ": " + p.Want
}

func (e *SetupError) Error() string {
	var texts []string
	for i, p := range e.Problems {
		if i == mostTold {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Problems)-i))
			break
		}
		texts = append(texts, p.String())
	}
	return "notifications: set-up: " + strings.Join(texts, "; ")
}

// mostTold is how many problems an error's text tells; Problems has all.
const mostTold = 50

// problems collects.
type problems []SetupProblem

func (p *problems) add(field, value, want string, args ...any) {
	*p = append(*p, SetupProblem{Field: field, Value: shown(value), Want: fmt.Sprintf(want, args...)})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &SetupError{Problems: p}
}

// shown is a value as an error may repeat it: short, and no token that was put in the wrong place.
func shown(value string) string {
	switch {
	case token().MatchString(value):
		return "(a token or secret)"
	case utf8.RuneCountInString(value) > 100:
		return string([]rune(value)[:100]) + "…"
	}
	return value
}

var token = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)at(z[ra]|c|na)\||amzn1\.oa2-cs|aws_?secret`) })

// maxName is of destinations, maxExpression of filter expressions, in characters: the model's.
const (
	maxName       = 256
	maxExpression = 256
)

var (
	queueARN = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^arn:aws:sqs:([a-z0-9-]+):(\d{12}):([A-Za-z0-9_-]{1,80})$`)
	})
	awsAccount = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{12}$`) })
	awsRegion  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]{2,3}(-[a-z]+)+-\d$`) })
)

// checkQueue says what is wrong with the ARN of a queue; "" if nothing is.
func checkQueue(arn string) string {
	const example = `want that of a standard queue, such as "arn:aws:sqs:us-east-1:123456789012:orders"`
	switch {
	case strings.HasSuffix(arn, ".fifo"):
		return "is a FIFO queue: Amazon makes it a destination and then delivers nothing to it; " + example
	case queueARN().MatchString(arn):
		return ""
	case strings.HasPrefix(arn, "https://"):
		return "is the URL of a queue, not its ARN: " + example
	}
	return "is not the ARN of a queue: " + example
}

// Check tells what is wrong with the set-up as far as that can be told without sellers, as a [*SetupError]; nil if nothing is. [Manager.Plan] does it, too.
func (s *Setup) Check() error {
	var p problems
	s.check(&p)
	return p.err()
}

func (s *Setup) check(p *problems) {
	alike := map[string][]int{} // destinations before, by name, queue and AWS account
	for i := range s.Destinations {
		s.checkDestination(p, i, alike)
	}
	for i := range s.Subscriptions {
		s.checkSubscription(p, i)
	}
}

func (s *Setup) checkDestination(p *problems, i int, alike map[string][]int) {
	d, field := &s.Destinations[i], fmt.Sprintf("destinations[%d]", i)
	switch n := utf8.RuneCountInString(d.Name); {
	case n == 0:
		p.add(field+".name", "", "is missing: want 1 to %d characters, by which subscriptions refer to it", maxName)
	case n > maxName:
		p.add(field+".name", d.Name, "has %d characters: want at most %d", n, maxName)
	}
	switch {
	case d.SQS == "" && d.EventBridge == nil:
		p.add(field, d.Name, "goes nowhere: want sqs, the ARN of a queue, or eventBridge, an AWS account and its region")
	case d.SQS != "" && d.EventBridge != nil:
		p.add(field, d.Name, "has both sqs and eventBridge: want one of them, and a destination of its own for the other")
	case d.SQS != "":
		if wrong := checkQueue(d.SQS); wrong != "" {
			p.add(field+".sqs", d.SQS, "%s", wrong)
		}
	default:
		if !awsAccount().MatchString(d.EventBridge.AccountID) {
			p.add(field+".eventBridge.accountId", d.EventBridge.AccountID, "is not the number of an AWS account: want twelve digits")
		}
		if !awsRegion().MatchString(d.EventBridge.Region) {
			p.add(field+".eventBridge.region", d.EventBridge.Region, `is not a region of AWS: want one such as "us-east-1"`)
		}
	}
	checkRegions(p, field+".regions", d.Regions)
	same := func(what, value, text string) {
		if value == "" {
			return
		}
		key := what + " " + value
		at := slices.IndexFunc(alike[key], func(j int) bool {
			o := &s.Destinations[j]
			return len(d.Regions) == 0 || len(o.Regions) == 0 || overlap(d.Regions, o.Regions)
		})
		if at >= 0 {
			p.add(field+"."+what, value, text, alike[key][at])
		}
		alike[key] = append(alike[key], i)
	}
	same("name", d.Name, "is the name of destinations[%d], too: want another one, or regions that differ")
	same("sqs", d.SQS, "is the queue of destinations[%d], too: Amazon has one destination for each queue and region")
	if d.EventBridge != nil {
		same("eventBridge.accountId", d.EventBridge.AccountID,
			"is the account of destinations[%d], too: Amazon has one destination for each AWS account and region of SP-API")
	}
}

func overlap(a, b []marketplace.Region) bool {
	return slices.ContainsFunc(a, func(r marketplace.Region) bool { return slices.Contains(b, r) })
}

func checkRegions(p *problems, field string, regions []marketplace.Region) {
	for i, r := range regions {
		switch {
		case !r.Valid():
			p.add(fmt.Sprintf("%s[%d]", field, i), string(r), "is not a region of SP-API: want na, eu or fe")
		case slices.Contains(regions[:i], r):
			p.add(fmt.Sprintf("%s[%d]", field, i), string(r), "is there twice")
		}
	}
}

func (s *Setup) checkSubscription(p *problems, i int) {
	sub, field := &s.Subscriptions[i], fmt.Sprintf("subscriptions[%d]", i)
	checkRegions(p, field+".regions", sub.Regions)
	seen := map[string]bool{}
	for j, name := range sub.Sellers {
		switch {
		case name == "":
			p.add(fmt.Sprintf("%s.sellers[%d]", field, j), "", "is empty: want a seller's name")
		case seen[name]:
			p.add(fmt.Sprintf("%s.sellers[%d]", field, j), name, "is there twice")
		}
		seen[name] = true
	}
	typ := sub.checkType(p, field)
	if !slices.ContainsFunc(s.Destinations, func(d DestinationSetup) bool { return d.Name == sub.Destination }) {
		p.add(field+".destination", sub.Destination, "is none of the destinations: want %s", orNone(s.destinationNames()))
	}
	if typ == nil {
		return
	}
	for j := range s.Destinations {
		d := &s.Destinations[j]
		switch {
		case d.Name != sub.Destination:
		case typ.Destination == "eventbridge" && d.SQS != "":
			p.add(field+".destination", sub.Destination,
				"is a queue, and %s goes to EventBridge only: want a destination with eventBridge, whose rule may lead to a queue", typ.Name)
		case typ.Destination == "sqs" && d.EventBridge != nil:
			p.add(field+".destination", sub.Destination, "is EventBridge, and %s goes to queues only: want a destination with sqs", typ.Name)
		}
	}
	if typ.Token == "grantless" && len(sub.Sellers) > 0 {
		p.add(field+".sellers", strings.Join(sub.Sellers, ", "), "are not needed: the application itself subscribes to %s; want none, and regions instead", typ.Name)
	}
	sub.checkDirective(p, field, typ)
}

func (s *Setup) destinationNames() []string {
	var names []string
	for _, d := range s.Destinations {
		if d.Name != "" && !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	return names
}

// orNone joins what may be chosen.
func orNone(names []string) string {
	switch len(names) {
	case 0:
		return "one of them, and there is none"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// subscribable are the types that can be subscribed to today, one entry for each payload version.
func subscribable() []*notificationtypes.Type {
	all := notificationtypes.All()
	var list []*notificationtypes.Type
	for i := range all {
		if t := &all[i]; t.Status != "removed" && t.Token != "none" {
			list = append(list, t)
		}
	}
	return list
}

// subscribableNames are their names, in ascending order.
func subscribableNames() []string {
	var names []string
	for _, t := range subscribable() {
		names = append(names, t.Name)
	}
	return slices.Compact(names)
}

// versionsOf are the payload versions that can be subscribed to of a type, the latest last.
func versionsOf(name string) []string {
	var list []string
	for _, t := range subscribable() {
		if t.Name == name && t.PayloadVersion != "" {
			list = append(list, t.AlsoVersions...)
			list = append(list, t.PayloadVersion)
		}
	}
	return list
}

// checkType finds the type in its payload version; nil if something is wrong with either.
func (s *SubscriptionSetup) checkType(p *problems, field string) *notificationtypes.Type {
	latest, _ := find(s.Type, "")
	switch {
	case latest == nil || latest.Name != s.Type:
		if guess, _ := find(strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(strings.TrimSpace(s.Type))), ""); guess != nil {
			p.add(field+".type", s.Type, "is not a type: want %s", guess.Name)
			return nil
		}
		p.add(field+".type", s.Type, "is not a type that is known: want %s", orNone(subscribableNames()))
		return nil
	case latest.Token == "none" && latest.Status != "removed":
		p.add(field+".type", s.Type, "can't be subscribed to: its queue is named in the developer console, and set there")
		return nil
	}
	versions := versionsOf(s.Type)
	switch t, at := find(s.Type, s.PayloadVersion); {
	case t != nil && at >= 0 && t.Status == "removed", len(versions) == 0 && latest.Status == "removed":
		text := "has been removed by Amazon"
		if latest.Removal != "" {
			text += " on " + latest.Removal
		}
		p.add(field+".type", s.Type, "%s: want %s in its place", text, cmp.Or(latest.ReplacedBy, "another one"))
		return nil
	case s.PayloadVersion == "" && latest.PayloadVersion == "":
		p.add(field+".payloadVersion", "", "is missing: want the one that Amazon's page of %s names, as none is known here", s.Type)
		return nil
	case latest.PayloadVersion == "":
		return latest
	case s.PayloadVersion == "":
		return latest
	case at < 0:
		p.add(field+".payloadVersion", s.PayloadVersion, "is no payload version of %s: want %s", s.Type, orNone(versions))
		return nil
	default:
		return t
	}
}

// version is the payload version, which checkType has found right.
func (s *SubscriptionSetup) version(typ *notificationtypes.Type) string {
	return cmp.Or(s.PayloadVersion, typ.PayloadVersion)
}

// checkDirective holds the processing directive against what its type takes.
func (s *SubscriptionSetup) checkDirective(p *problems, field string, typ *notificationtypes.Type) {
	if s.FilterExpression != "" {
		if s.EventFilter != nil {
			p.add(field+".filterExpression", s.FilterExpression, "stands beside eventFilter: want one of them")
		}
		if typ.FilterExpression == "no" {
			p.add(field+".filterExpression", s.FilterExpression, "is nothing that %s takes: leave it out", typ.Name)
		} else if wrong := checkExpression(s.FilterExpression); wrong != "" {
			p.add(field+".filterExpression", s.FilterExpression, "%s", wrong)
		}
		return
	}
	f := s.EventFilter
	switch {
	case f == nil && typ.EventFilter == "required":
		want := "eventFilter with " + strings.Join(typ.FilterRequires, ", ")
		if typ.FilterExpression == "yes" {
			want += ", or a filterExpression"
		}
		p.add(field+".eventFilter", "", "is missing: Amazon refuses %s without a processing directive; want %s", typ.Name, want)
	case f == nil:
	case typ.EventFilter == "none":
		want := "leave it out"
		if typ.FilterExpression == "yes" {
			want += ", or use a filterExpression"
		}
		p.add(field+".eventFilter", "", "is nothing that %s takes: %s", typ.Name, want)
	default:
		s.checkFilter(p, field+".eventFilter", typ)
	}
}

// filterMembers are the members of an event filter, beside its type, by what they are called.
func filterMembers(f *notificationsv1.EventFilter) map[string]bool {
	return map[string]bool{
		"aggregationSettings": f.AggregationSettings != nil, "marketplaceIds": len(f.MarketplaceIDs) > 0,
		"orderChangeTypes": len(f.OrderChangeTypes) > 0, "trackingIdentifier": f.TrackingIdentifier != nil,
	}
}

func (s *SubscriptionSetup) checkFilter(p *problems, field string, typ *notificationtypes.Type) {
	f := s.EventFilter
	if f.EventFilterType != "" && string(f.EventFilterType) != typ.Name {
		p.add(field+".eventFilterType", string(f.EventFilterType), "is not the type: want %s, or leave it out", typ.Name)
	}
	members := filterMembers(f)
	if typ.EventFilter != "unknown" {
		for _, name := range []string{"aggregationSettings", "marketplaceIds", "orderChangeTypes", "trackingIdentifier"} {
			switch {
			case slices.Contains(typ.FilterRequires, name) && !members[name]:
				p.add(field+"."+name, "", "is missing: Amazon refuses an eventFilter for %s without it", typ.Name)
			case members[name] && !slices.Contains(typ.FilterMembers, name):
				p.add(field+"."+name, "", "is nothing that an eventFilter for %s takes: want %s", typ.Name, orNone(typ.FilterMembers))
			}
		}
	}
	if f.AggregationSettings != nil {
		periods := []string{string(notificationsv1.AggregationTimePeriodFiveMinutes), string(notificationsv1.AggregationTimePeriodTenMinutes)}
		if period := f.AggregationSettings.AggregationTimePeriod; !slices.Contains(periods, string(period)) {
			p.add(field+".aggregationSettings.aggregationTimePeriod", string(period), "is no period: want %s", orNone(periods))
		}
	}
	changes := []string{string(notificationsv1.OrderChangeTypeEnumOrderStatusChange), string(notificationsv1.OrderChangeTypeEnumBuyerRequestedChange),
		string(notificationsv1.OrderChangeTypeEnumDeliveryTipChange)}
	for i, c := range f.OrderChangeTypes {
		if !slices.Contains(changes, string(c)) {
			p.add(fmt.Sprintf("%s.orderChangeTypes[%d]", field, i), string(c), "is no change of orders: want %s", orNone(changes))
		}
	}
	for i, id := range f.MarketplaceIDs {
		if _, ok := marketplace.ByID(id); !ok {
			p.add(fmt.Sprintf("%s.marketplaceIds[%d]", field, i), id, `is not the id of a marketplace: want one such as "ATVPDKIKX0DER"`)
		}
	}
	if t := f.TrackingIdentifier; t != nil {
		n := 0
		for _, given := range []bool{t.ID != "", t.Acsin != "", t.Aftn != "", t.ContainerNumber != "", t.HouseBillOfLadingNumber != "", t.CarrierTracking != nil} {
			if given {
				n++
			}
		}
		if n != 1 {
			p.add(field+".trackingIdentifier", "", "has %d members: want exactly one of id, acsin, aftn, containerNumber, houseBillOfLadingNumber or carrierTracking", n)
		}
	}
}

// checkExpression says what is wrong with a filter expression as far as the model's rules go; "" if nothing is.
func checkExpression(text string) string {
	if n := utf8.RuneCountInString(text); n > maxExpression {
		return fmt.Sprintf("has %d characters: want at most %d", n, maxExpression)
	}
	if strings.TrimSpace(text) == "" {
		return "is blank: want an expression in CEL, or none"
	}
	open, lists, before := 0, 0, rune(0) // before is the last sign that is no blank
	quote := rune(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.ContainsRune("+*/%", c), c == '-' && before != 0 && !strings.ContainsRune("([,=<>&|!?:", before):
			return fmt.Sprintf("has the operator %c: Amazon takes no arithmetic", c)
		case c == '[':
			if isIndex(text[:i]) {
				return "has an index: Amazon takes none"
			}
			lists++
		case c == ']':
			if lists--; lists < 0 {
				return "closes a list that isn't open"
			}
		case c == '(':
			open++
		case c == ')':
			if open--; open < 0 {
				return "closes a parenthesis that isn't open"
			}
		}
		if c != ' ' && c != '\t' && c != '\n' {
			before = c
		}
	}
	switch {
	case quote != 0:
		return fmt.Sprintf("has a text that doesn't end: want %c at its end", quote)
	case open > 0:
		return "has a parenthesis that isn't closed"
	case lists > 0:
		return "has a list that isn't closed"
	}
	return ""
}

// isIndex reports whether a bracket behind that text is an index: what has a value stands before it. Else it opens a list, as in "a in ['b', 'c']".
func isIndex(before string) bool {
	before = strings.TrimRight(before, " \t\n")
	if before == "" || strings.ContainsAny(before[len(before)-1:], "([,=<>&|!?:") {
		return false
	}
	word := before[strings.LastIndexFunc(before, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })+1:]
	return word != "in"
}

// directive is what the subscription sends; nil for none.
func (s *SubscriptionSetup) directive() *notificationsv1.ProcessingDirective {
	switch {
	case s.FilterExpression != "":
		return &notificationsv1.ProcessingDirective{FilterExpression: s.FilterExpression}
	case s.EventFilter == nil:
		return nil
	}
	filter := *s.EventFilter
	filter.EventFilterType = notificationsv1.EventFilterType(s.Type)
	return &notificationsv1.ProcessingDirective{EventFilter: &filter}
}

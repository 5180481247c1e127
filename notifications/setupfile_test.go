package notifications_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openspapi/spapi/notifications"
)

func TestReadSetup(t *testing.T) {
	s := read(t, desired)
	sub, bridge := s.Subscriptions[0], s.Destinations[1].EventBridge
	if sub.PayloadVersion != "1.0" || s.Subscriptions[4].PayloadVersion != "2020-09-04" || bridge.AccountID != "012345678901" {
		t.Errorf("scalars that look like numbers and days: %q %q %q", sub.PayloadVersion, s.Subscriptions[4].PayloadVersion, bridge.AccountID)
	}
	if r := s.Destinations[1].Regions; len(r) != 2 || r[0] != na || r[1] != eu {
		t.Errorf("regions %v", r)
	}
	// As JSON it is the same.
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read(t, string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(text) {
		t.Errorf("%s\n%s", text, again)
	}
	// Anchors save words.
	s = read(t, oneQueue+`
  - {type: ORDER_CHANGE, destination: queue, eventFilter: &f {orderChangeTypes: [OrderStatusChange]}, sellers: [a]}
  - {type: ORDER_CHANGE, destination: queue, eventFilter: *f, sellers: [b]}
`)
	if f := s.Subscriptions[1].EventFilter; f == nil || len(f.OrderChangeTypes) != 1 {
		t.Errorf("an alias is %+v", f)
	}
}

// TestWrongSetups: all that is wrong is told at once, with line, field, value and what would be right.
func TestWrongSetups(t *testing.T) {
	sub := func(text string) string { return oneQueue + "  - {destination: queue, " + text + "}\n" }
	dest := func(text string) string { return "destinations:\n  - {" + text + "}\n" }
	for name, test := range map[string]struct{ text, want string }{
		"empty":             {"", "file: is empty"},
		"no object":         {"- a", "line 1: file: is no object: want one with destinations or subscriptions"},
		"not YAML":          {"a: [", "neither YAML nor JSON"},
		"two documents":     {"destinations: []\n---\nsubscriptions: []\n", "has a second document"},
		"unknown member":    {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q", arn: x`), `line 2: destinations[0].arn: is not known: want name, sqs, eventBridge or regions`},
		"member twice":      {"destinations: []\ndestinations: []\n", "line 2: destinations: is there twice"},
		"list for a text":   {dest("name: [q]"), "destinations[0].name: is no text"},
		"text for a list":   {"destinations: q", `line 1: destinations: "q": is no list`},
		"text for object":   {"destinations: [q]", `destinations[0]: "q": is no object: want one with name`},
		"no name":           {dest(`sqs: "arn:aws:sqs:us-east-1:123456789012:q"`), "line 2: destinations[0].name: is missing"},
		"long name":         {dest(`name: ` + strings.Repeat("ä", 257) + `, sqs: "arn:aws:sqs:us-east-1:123456789012:q"`), "has 257 characters: want at most 256"},
		"neither":           {dest("name: q"), `destinations[0]: "q": goes nowhere`},
		"both":              {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q", eventBridge: {accountId: "123456789012", region: us-east-1}`), "has both sqs and eventBridge"},
		"FIFO":              {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q.fifo"`), `"arn:aws:sqs:us-east-1:123456789012:q.fifo": is a FIFO queue: Amazon makes it a destination and then delivers nothing`},
		"URL":               {dest(`name: q, sqs: "https://sqs.us-east-1.amazonaws.com/123456789012/q"`), "is the URL of a queue, not its ARN"},
		"topic":             {dest(`name: q, sqs: "arn:aws:sns:us-east-1:123456789012:q"`), "is not the ARN of a queue"},
		"account":           {dest(`name: q, eventBridge: {accountId: "1234", region: us-east-1}`), `destinations[0].eventBridge.accountId: "1234": is not the number of an AWS account: want twelve digits`},
		"AWS region":        {dest(`name: q, eventBridge: {accountId: "123456789012", region: na}`), `"na": is not a region of AWS`},
		"region":            {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q", regions: [us-east-9]`), `"us-east-9": is not a region of SP-API: want na, eu or fe`},
		"region twice":      {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q", regions: [na, na]`), "is there twice"},
		"name twice":        {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q"`) + `  - {name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:r"}`, "is the name of destinations[0], too"},
		"queue twice":       {dest(`name: q, sqs: "arn:aws:sqs:us-east-1:123456789012:q"`) + `  - {name: r, sqs: "arn:aws:sqs:us-east-1:123456789012:q"}`, "is the queue of destinations[0], too"},
		"account twice":     {dest(`name: q, eventBridge: {accountId: "123456789012", region: us-east-1}`) + `  - {name: r, eventBridge: {accountId: "123456789012", region: us-east-2}}`, "is the account of destinations[0], too"},
		"no type":           {sub("payloadVersion: 1.0"), "subscriptions[0].type: is not a type that is known: want ACCOUNT_STATUS_CHANGED"},
		"type":              {sub("type: order-change"), `line 5: subscriptions[0].type: "order-change": is not a type: want ORDER_CHANGE`},
		"removed":           {sub("type: MFN_ORDER_STATUS_CHANGE"), "has been removed by Amazon on 2024-03-27: want ORDER_CHANGE"},
		"console":           {sub("type: APPLICATION_OAUTH_CLIENT_NEW_SECRET"), "can't be subscribed to"},
		"version":           {sub("type: REPORT_PROCESSING_FINISHED, payloadVersion: 2021-06-30"), `"2021-06-30": is no payload version of REPORT_PROCESSING_FINISHED: want 1.0 or 2020-09-04`},
		"version unknown":   {sub("type: BOPIS_CHECKIN_DETAILS"), "payloadVersion: is missing"},
		"destination":       {oneQueue + "  - {type: PRICING_HEALTH, destination: bus}", `"bus": is none of the destinations: want queue`},
		"queue for the bus": {sub("type: LISTINGS_ITEM_STATUS_CHANGE"), "LISTINGS_ITEM_STATUS_CHANGE goes to EventBridge only"},
		"bus for the queue": {dest(`name: q, eventBridge: {accountId: "123456789012", region: us-east-1}`) + "subscriptions: [{type: PRICING_HEALTH, destination: q}]", "PRICING_HEALTH goes to queues only"},
		"no directive":      {sub("type: ORDER_CHANGE"), "eventFilter: is missing: Amazon refuses ORDER_CHANGE without a processing directive; want eventFilter with orderChangeTypes, or a filterExpression"},
		"filter member":     {sub("type: ORDER_CHANGE, eventFilter: {marketplaceIds: [ATVPDKIKX0DER]}"), "eventFilter.orderChangeTypes: is missing"},
		"filter of another": {sub("type: ANY_OFFER_CHANGED, eventFilter: {eventFilterType: ORDER_CHANGE}"), `eventFilterType: "ORDER_CHANGE": is not the type`},
		"foreign member":    {sub("type: ANY_OFFER_CHANGED, eventFilter: {orderChangeTypes: [OrderStatusChange]}"), "orderChangeTypes: is nothing that an eventFilter for ANY_OFFER_CHANGED takes: want marketplaceIds or aggregationSettings"},
		"no filter":         {sub("type: PRICING_HEALTH, eventFilter: {marketplaceIds: [ATVPDKIKX0DER]}"), "is nothing that PRICING_HEALTH takes: leave it out, or use a filterExpression"},
		"period":            {sub("type: ANY_OFFER_CHANGED, eventFilter: {aggregationSettings: {aggregationTimePeriod: FIVEMINUTES}}"), `"FIVEMINUTES": is no period: want FiveMinutes or TenMinutes`},
		"change":            {sub("type: ORDER_CHANGE, eventFilter: {orderChangeTypes: [Shipped]}"), `orderChangeTypes[0]: "Shipped": is no change of orders`},
		"marketplace":       {sub("type: ANY_OFFER_CHANGED, eventFilter: {marketplaceIds: [US]}"), `"US": is not the id of a marketplace`},
		"identifiers": {dest(`name: queue, eventBridge: {accountId: "123456789012", region: us-east-1}`) +
			"subscriptions: [{type: SHIPMENT_TRACKING_MILESTONE_CHANGED, destination: queue, eventFilter: {trackingIdentifier: {id: a, aftn: b}}}]", "has 2 members: want exactly one"},
		"tracking's seller": {dest(`name: queue, eventBridge: {accountId: "123456789012", region: us-east-1}`) +
			"subscriptions: [{type: SHIPMENT_TRACKING_MILESTONE_CHANGED, destination: queue, sellers: [a], eventFilter: {trackingIdentifier: {id: a}}}]", "the application itself subscribes"},
		"both directives":   {sub(`type: ORDER_CHANGE, filterExpression: a, eventFilter: {orderChangeTypes: [OrderStatusChange]}`), "stands beside eventFilter"},
		"no expressions":    {dest(`name: q, eventBridge: {accountId: "123456789012", region: us-east-1}`) + "subscriptions: [{type: LISTINGS_ITEM_STATUS_CHANGE, destination: q, filterExpression: a}]", "filterExpression: \"a\": is nothing that LISTINGS_ITEM_STATUS_CHANGE takes"},
		"long expression":   {sub("type: PRICING_HEALTH, filterExpression: " + strings.Repeat("x", 257)), "has 257 characters: want at most 256"},
		"sum":               {sub(`type: PRICING_HEALTH, filterExpression: "a + 1 > 2"`), "has the operator +"},
		"difference":        {sub(`type: PRICING_HEALTH, filterExpression: "a - 1 > 2"`), "has the operator -"},
		"index":             {sub(`type: PRICING_HEALTH, filterExpression: "a[0] == 1"`), "has an index"},
		"index of a text":   {sub(`type: PRICING_HEALTH, filterExpression: "'in'[0] == 1"`), "has an index"},
		"open list":         {sub(`type: PRICING_HEALTH, filterExpression: "a in ['b'"`), "has a list that isn't closed"},
		"closed list":       {sub(`type: PRICING_HEALTH, filterExpression: "a in 'b']"`), "closes a list"},
		"nothing":           {"null", `file: "null": is empty`},
		"a mark alone":      {"---\n", "file: is empty"},
		"forgotten list":    {dest("name: q") + "subscriptions:\n", "subscriptions: has nothing behind it: want a list, or [] for none"},
		"open text":         {sub(`type: PRICING_HEALTH, filterExpression: "a == 'b"`), "has a text that doesn't end"},
		"open parenthesis":  {sub(`type: PRICING_HEALTH, filterExpression: "(a == 1"`), "isn't closed"},
		"closed too often":  {sub(`type: PRICING_HEALTH, filterExpression: "a == 1)"`), "closes a parenthesis"},
		"blank expression":  {sub(`type: PRICING_HEALTH, filterExpression: "  "`), "is blank"},
		"seller twice":      {sub("type: PRICING_HEALTH, sellers: [a, a]"), "subscriptions[0].sellers[1]: \"a\": is there twice"},
		"no seller":         {sub("type: PRICING_HEALTH, sellers: [\"\"]"), "is empty: want a seller's name"},
		"a token":           {sub("type: PRICING_HEALTH, sellers: [Atzr|IwEBIcanary, Atzr|IwEBIcanary]"), "(a token or secret)"},
		"a token as a name": {"Atzr|IwEBIcanary: 1", "(a token or secret): is not known"},
	} {
		_, err := notifications.ReadSetup(strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v\nwant %s", name, err, test.want)
		}
	}
	_, err := notifications.ReadSetup(strings.NewReader(dest("name: q") + "subscriptions:\n  - {type: X, destination: y}\n"))
	var all *notifications.SetupError
	if !errors.As(err, &all) || len(all.Problems) != 3 || all.Problems[2].Line != 4 {
		t.Errorf("%v", err)
	}
	for _, good := range []string{`Summary.OrderStatus == 'A + B [1] (' && !(a == -1 || b < -2)`, "X.Y == `SHIPPED`", `a in b`, `issueType in ["A", "B"] && b in[-1]`, `["a"] == b`} {
		read(t, sub(fmt.Sprintf("type: PRICING_HEALTH, filterExpression: %q", good)))
	}
	// A queue for each region under one name.
	read(t, dest(`name: q, regions: [na], sqs: "arn:aws:sqs:us-east-1:123456789012:q"`)+`  - {name: q, regions: [eu], sqs: "arn:aws:sqs:eu-west-1:123456789012:q"}`+
		"\nsubscriptions: [{type: PRICING_HEALTH, destination: q}]")
	if _, err := notifications.ReadSetup(strings.NewReader(strings.Repeat("#", 16<<20) + "##")); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

// FuzzReadSetup: whatever is in a file, it is a set-up that can be written and read again, or an error.
func FuzzReadSetup(f *testing.F) {
	for _, seed := range []string{desired, oneQueue, "", "#", "---", "a: &a [*a]", "[]", "destinations: [{eventBridge: ~}]", "{", "? x : y", "<<: {a: b}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := notifications.ReadSetup(strings.NewReader(text))
		if err != nil {
			return
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := notifications.ReadSetup(strings.NewReader(string(written))); err != nil {
			t.Errorf("%s: %v", written, err)
		}
	})
}

// TestHugeSetups: files that are made to cost much are refused before they do, and errors stay readable.
func TestHugeSetups(t *testing.T) {
	sub := "  - &s {type: PRICING_HEALTH, destination: queue, sellers: [" + strings.TrimSuffix(strings.Repeat("a, ", 5000), ", ") + "]}\n"
	for name, test := range map[string]struct{ text, want string }{
		"aliases": {oneQueue + sub + strings.Repeat("  - *s\n", 20_000), "more than 100000 values"},
		"values":  {oneQueue + strings.Repeat("  - {type: PRICING_HEALTH, destination: queue}\n", 60_000), "more than 100000 values"},
		"bytes":   {"#" + strings.Repeat(" ", 16<<20), "larger than 16777216 bytes"},
		"depth":   {strings.Repeat("[", 100_000), "neither YAML nor JSON"},
		"itself":  {"destinations: &a [*a]\n", "is no object"},
		"wrong":   {"destinations: [" + strings.Repeat("x,", 90_000) + "]", "; and 89950 more"},
	} {
		if _, err := notifications.ReadSetup(strings.NewReader(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 10_000 {
			t.Errorf("%s: %.300v\nwant %s", name, err, test.want)
		}
	}
	var many strings.Builder
	many.WriteString("destinations:\n")
	for i := range 20_000 {
		fmt.Fprintf(&many, "  - {name: q%d, sqs: \"arn:aws:sqs:us-east-1:123456789012:q%d\"}\n", i, i)
	}
	if s := read(t, many.String()); len(s.Destinations) != 20_000 {
		t.Errorf("%d destinations", len(s.Destinations))
	}
}

func TestPolicies(t *testing.T) {
	const arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
	text, err := notifications.QueuePolicy(arn)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Version   string
		Statement []struct {
			Effect, Resource string
			Principal        struct{ AWS string }
			Action           []string
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatal(err)
	}
	if s := policy.Statement; policy.Version != "2012-10-17" || len(s) != 1 || s[0].Effect != "Allow" || s[0].Resource != arn ||
		s[0].Principal.AWS != "arn:aws:iam::437568002678:root" || fmt.Sprint(s[0].Action) != "[sqs:SendMessage sqs:GetQueueAttributes]" {
		t.Errorf("%s", text)
	}
	for _, bad := range []string{"", arn + ".fifo", "arn:aws:sqs:*:*:*", `arn:aws:sqs:eu-west-1:123456789012:a"b`} {
		if text, err := notifications.QueuePolicy(bad); err == nil || text != "" {
			t.Errorf("%q: %s, %v", bad, text, err)
		}
	}
	key := notifications.KeyPolicyStatement()
	if !json.Valid([]byte(key)) || !strings.Contains(key, "kms:GenerateDataKey") || !strings.Contains(key, "kms:Decrypt") || !strings.Contains(key, "437568002678") {
		t.Errorf("%s", key)
	}
}

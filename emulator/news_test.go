package emulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The helpers of this file are for the tests of all flows, from inside the package and from outside: subscribe to a type with [Subscribe], let
// something happen, and read what has been sent with [Told]. Whatever is read has been held against what is known of its type and against its schema.

// Subscription is what a test subscribes to.
type Subscription struct {
	Type      string
	Version   string // of the payload; "" is the type's latest
	Directive string // processing directive, as JSON; "" is one that lets all pass
	// Seller subscribes; nil is the first one.
	Seller *Credentials
}

// Subscribe subscribes to a type, whose messages go to a destination of its own, and returns the subscription's id.
func Subscribe(t testing.TB, e *Emulator, s Subscription) string {
	t.Helper()
	cred := e.Credentials()
	if s.Seller != nil {
		cred = *s.Seller
	}
	typ := typeOf(t, s.Type, s.Version)
	if s.Version == "" {
		s.Version = typ.PayloadVersion
	}
	if s.Directive == "" && typ.EventFilter == "required" {
		s.Directive = `{"eventFilter":{"eventFilterType":"ORDER_CHANGE","orderChangeTypes":["OrderStatusChange","BuyerRequestedChange"]}}`
	}
	grantless := newsToken(t, e, cred, "client_credentials")
	token := grantless
	if typ.Token != "grantless" {
		token = newsToken(t, e, cred, "refresh_token")
	}
	spec := `"sqs":{"arn":"` + QueueOf(s.Type) + `"}`
	if typ.Destination == "eventbridge" {
		spec = `"eventBridge":{"region":"us-east-1","accountId":"123456789012"}`
	}
	status, body := askAs(t, e, cred, "POST", "/notifications/v1/destinations", grantless, `{"name":"test","resourceSpecification":{`+spec+`}}`)
	if status == http.StatusConflict {
		_, body = askAs(t, e, cred, "GET", "/notifications/v1/destinations", grantless, "")
	}
	id := ""
	for _, d := range listOf(body) {
		resource, _ := d["resource"].(map[string]any)
		sqs, _ := resource["sqs"].(map[string]any)
		bridge, _ := resource["eventBridge"].(map[string]any)
		if sqs["arn"] == QueueOf(s.Type) && typ.Destination == "sqs" || bridge["accountId"] == "123456789012" && typ.Destination == "eventbridge" {
			id, _ = d["destinationId"].(string)
		}
	}
	if id == "" {
		t.Fatalf("no destination for %s: %d %v", s.Type, status, body)
	}
	in := fmt.Sprintf(`{"payloadVersion":%q,"destinationId":%q`, s.Version, id)
	if s.Directive != "" {
		in += `,"processingDirective":` + s.Directive
	}
	status, body = askAs(t, e, cred, "POST", "/notifications/v1/subscriptions/"+s.Type, token, in+"}")
	subscription, _ := body["payload"].(map[string]any)
	made, _ := subscription["subscriptionId"].(string)
	if made == "" {
		t.Fatalf("no subscription to %s: %d %v", s.Type, status, body)
	}
	return made
}

// QueueOf is the ARN of the queue to which [Subscribe] lets a type's messages go; those of EventBridge go to the partner event source.
func QueueOf(typ string) string {
	return "arn:aws:sqs:us-east-1:123456789012:" + strings.ToLower(strings.ReplaceAll(typ, "_", "-"))
}

func newsToken(t testing.TB, e *Emulator, cred Credentials, grant string) string {
	t.Helper()
	form := url.Values{"grant_type": {grant}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}
	if grant == "refresh_token" {
		form.Set("refresh_token", cred.RefreshToken)
	} else {
		form.Set("scope", "sellingpartnerapi::notifications")
	}
	r, err := http.NewRequest("POST", "https://api.amazon.com/auth/o2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, body := roundTrip(t, e, r)
	token, _ := body["access_token"].(string)
	if token == "" {
		t.Fatalf("no token: %v", body)
	}
	return token
}

func askAs(t testing.TB, e *Emulator, cred Credentials, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(method, cred.Region.Endpoint()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-access-token", token)
	r.Header.Set("Content-Type", "application/json")
	return roundTrip(t, e, r)
}

func roundTrip(t testing.TB, e *Emulator, r *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := e.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatalf("%s %s: %d: %v", r.Method, r.URL.Path, resp.StatusCode, err)
	}
	return resp.StatusCode, body
}

// listOf has the objects of a reply's payload, be it one or a list.
func listOf(body map[string]any) (list []map[string]any) {
	switch p := body["payload"].(type) {
	case map[string]any:
		return []map[string]any{p}
	case []any:
		for _, one := range p {
			list = append(list, one.(map[string]any))
		}
	}
	return list
}

// Message is a notification that has been sent.
type Message struct {
	Type, Version string
	ID            string // of the notification
	Subscription  string
	EventTime     time.Time
	PublishTime   time.Time
	Delivery      Delivery
	Payload       map[string]any // with its wrapper, numbers as they are written
}

// At follows members' names, and positions in lists, through the payload, beginning in its wrapper if the type has one; nil where they lead nowhere.
func (m Message) At(path ...any) any {
	var v any = m.Payload
	for _, typ := range notificationtypes.All() {
		if typ.Name == m.Type && typ.PayloadVersion == m.Version && typ.Wrapper != "" {
			v = m.Payload[typ.Wrapper]
		}
	}
	return response{json: v}.path(path...)
}

// Text is what [Message.At] finds, as text; "" where that leads nowhere.
func (m Message) Text(path ...any) string {
	switch v := m.At(path...).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Told are the messages of a type ("" for all) that have been sent so far, oldest first. Each is checked, see [ReadMessage].
func Told(t testing.TB, e *Emulator, typ string) []Message {
	t.Helper()
	var list []Message
	for _, d := range e.Deliveries() {
		if m := ReadMessage(t, d); typ == "" || m.Type == typ {
			list = append(list, m)
		}
	}
	return list
}

// ReadMessage reads a notification out of a delivery, from the event of EventBridge that it may stand in. It fails the test where envelope and payload
// aren't what is known of the type, or don't fit Amazon's schema. Stricter than the schema, it takes no member that is declared nowhere; the leniency that
// there is stands in testdata/notification_leniency.csv.
func ReadMessage(t testing.TB, d Delivery) Message {
	t.Helper()
	body := decodedNumbers(t, d.Body)
	if detail, ok := body["detail"].(map[string]any); ok && body["detail-type"] != nil {
		if body["detail-type"] != detail["NotificationType"] && body["detail-type"] != detail["notificationType"] {
			t.Errorf("event of %v about %v", body["detail-type"], detail)
		}
		body = detail
	}
	name, _ := body["NotificationType"].(string)
	pascal := name != ""
	if !pascal {
		name, _ = body["notificationType"].(string)
	}
	spell := func(name string) string {
		if pascal {
			return strings.ToUpper(name[:1]) + name[1:]
		}
		return name
	}
	text := func(in map[string]any, name string) string {
		s, _ := in[spell(name)].(string)
		if s == "" {
			t.Errorf("%s lacks %s: %s", body[spell("notificationType")], spell(name), d.Body)
		}
		return s
	}
	metadata, _ := body[spell("notificationMetadata")].(map[string]any)
	m := Message{Type: name, Version: text(body, "payloadVersion"), ID: text(metadata, "notificationId"), Delivery: d,
		Subscription: text(metadata, "subscriptionId")}
	m.Payload, _ = body[spell("payload")].(map[string]any)
	var err error
	if m.EventTime, err = time.Parse("2006-01-02T15:04:05.000Z", text(body, "eventTime")); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if m.PublishTime, err = time.Parse("2006-01-02T15:04:05.000Z", text(metadata, "publishTime")); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if m.EventTime.After(m.PublishTime) {
		t.Errorf("%s was sent at %s and happened at %s", name, m.PublishTime, m.EventTime)
	}
	typ := typeOf(t, name, m.Version)
	prefix := "amzn1.sellerapps.app."
	if typ.Destination == "console" { // selling-partner-api-samples, use-cases/lwa-rotation
		prefix = "amzn1.sp.solution."
	}
	if app := text(metadata, "applicationId"); !strings.HasPrefix(app, prefix) {
		t.Errorf("%s: application %s, want %s…", name, app, prefix)
	}
	if typ.Casing != "" && pascal != (typ.Casing == "pascal") {
		t.Errorf("%s: PascalCase is %t, want %s", name, pascal, typ.Casing)
	}
	if version := text(body, "notificationVersion"); typ.NotificationVersion != "" && version != typ.NotificationVersion {
		t.Errorf("%s: notification version %s, want %s", name, version, typ.NotificationVersion)
	}
	for member := range body {
		known := []string{"notificationVersion", "notificationType", "payloadVersion", "eventTime", "payload", "notificationMetadata"}
		if !slices.Contains(known, strings.ToLower(member[:1])+member[1:]) {
			t.Errorf("%s: the envelope has %s", name, member)
		}
	}
	for _, err := range fits(t, typ, body) {
		t.Errorf("%s doesn't fit its schema: %s\n%s", name, err, d.Body)
	}
	return m
}

// typeOf is what is known of a type in one of its payload versions, "" for the latest.
func typeOf(t testing.TB, name, version string) notificationtypes.Type {
	t.Helper()
	for _, typ := range slices.Backward(notificationtypes.All()) {
		if typ.Name == name && (version == "" || typ.PayloadVersion == "" || typ.PayloadVersion == version || slices.Contains(typ.AlsoVersions, version)) {
			return typ
		}
	}
	t.Fatalf("no type %q of payload version %q is known", name, version)
	return notificationtypes.Type{}
}

func decodedNumbers(t testing.TB, data []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var body map[string]any
	if err := dec.Decode(&body); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return body
}

// fits is what a message has against its type's schema. Nothing where the schemas aren't there.
func fits(t testing.TB, typ notificationtypes.Type, body map[string]any) []string {
	t.Helper()
	if typ.Schema == "" {
		if typ.Status != "documented" {
			t.Errorf("%s has no schema", typ.Name)
		}
		return nil
	}
	s := newsSchema(t, typ.Schema)
	if s == nil {
		return nil
	}
	if err := s.Validate(any(body)); err != nil {
		return strings.Split(strings.TrimSpace(err.Error()), "\n")[1:]
	}
	return nil
}

// newsSchema compiles a schema, Amazon's or the project's own; nil where there is no checkout of Amazon's.
func newsSchema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	if s, ok := newsSchemas.Load(name); ok {
		return s.(*jsonschema.Schema)
	}
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = "../../shared/models"
	}
	file := filepath.Join(dir, "schemas", "notifications", name)
	own, isOwn := strings.CutPrefix(name, "own/")
	if isOwn {
		file = filepath.Join("../internal/gen/overlay/schemas", own)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Logf("NOT VALIDATED: no %s; set SPAPI_MODELS to a checkout of Amazon's models", file)
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	closeSchema(doc)
	if isOwn {
		delete(doc.(map[string]any), "additionalProperties") // it has the payload only
	}
	loosen(t, name, doc)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(filepath.Base(name), doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(filepath.Base(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	newsSchemas.Store(name, s)
	return s
}

var newsSchemas sync.Map // by name, compiled

// closeSchema lets objects have only the members that they declare, and mends what the schema language doesn't know: "#ref", and ids that are no addresses.
func closeSchema(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "$id")
		if ref, ok := v["#ref"]; ok {
			v["$ref"] = ref
			delete(v, "#ref")
		}
		if p, ok := v["properties"].(map[string]any); ok && len(p) > 0 {
			v["additionalProperties"] = false
		}
		for name, inner := range v {
			if name != "examples" && name != "enum" {
				closeSchema(inner)
			}
		}
	case []any:
		for _, inner := range v {
			closeSchema(inner)
		}
	}
}

// loosen takes from a schema what is known to be too strict.
func loosen(t testing.TB, name string, doc any) {
	t.Helper()
	f, err := os.Open("testdata/notification_leniency.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if row[0] != name {
			continue
		}
		at, _ := doc.(map[string]any)
		for step := range strings.SplitSeq(strings.TrimPrefix(row[1], "/"), "/") {
			if list, ok := at[step].([]any); ok {
				at = map[string]any{}
				for i, one := range list {
					at[fmt.Sprint(i)] = one
				}
			} else if step != "" {
				at, _ = at[step].(map[string]any)
			}
		}
		applied := false
		switch member := row[3]; row[2] {
		case "required":
			required, _ := at["required"].([]any)
			applied = slices.Contains(required, any(member))
			at["required"] = slices.DeleteFunc(required, func(v any) bool { return v == member })
		case "declared":
			if p, ok := at["properties"].(map[string]any); ok && p[member] == nil {
				p[member], applied = map[string]any{}, true
			}
		case "enum":
			if enum, ok := at["enum"].([]any); ok {
				at["enum"], applied = append(enum, member), true
			}
		}
		if !applied || row[4] == "" {
			t.Errorf("testdata/notification_leniency.csv: %v does nothing, or has no reason", row)
		}
	}
}

// TestSchemasAreHeldAgainst: each schema can be compiled, takes its own examples, and refuses what it doesn't declare.
func TestSchemasAreHeldAgainst(t *testing.T) {
	examples := 0
	for _, typ := range notificationtypes.All() {
		if typ.Schema == "" {
			continue
		}
		s := newsSchema(t, typ.Schema)
		if s == nil {
			continue
		}
		for i, example := range s.Examples {
			examples++
			if err := s.Validate(example); err != nil {
				t.Errorf("%s: example %d: %v", typ.Schema, i, err)
			}
			message := example.(map[string]any)
			for _, payload := range []string{"Payload", "payload"} {
				if p, ok := message[payload].(map[string]any); ok {
					p["Surprise"] = true // of the test's own: the example isn't used again
					if err := s.Validate(example); err == nil {
						t.Errorf("%s: takes a member that it doesn't declare", typ.Schema)
					}
				}
			}
		}
	}
	if newsSchema(t, "OrderChangeNotification.json") != nil && examples < 20 {
		t.Errorf("only %d examples were found", examples)
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// checkout is a project that is generated from a folder of small models.
type checkout struct {
	t            *testing.T
	models, root string
	overlay      fstest.MapFS
}

func newCheckout(t *testing.T) *checkout {
	return &checkout{t: t, models: t.TempDir(), root: t.TempDir(), overlay: emptyOverlay()}
}

// model writes a model with one operation for each pair of path and what stands in it beside its responses.
func (c *checkout) model(stem, paths, definitions string) {
	c.t.Helper()
	path := filepath.Join(c.models, "models", stem+"-model", stem+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	text := `{"swagger":"2.0","info":{"version":"v0"},"paths":{` + paths + `},"definitions":{` + definitions + `}}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// row adds a row to an overlay file.
func (c *checkout) row(file, text string) {
	f := c.overlay["overlay/"+file]
	f.Data = append(f.Data, text+"\n"...)
}

// run runs the generator and returns what it said.
func (c *checkout) run(more ...string) (string, error) {
	var log bytes.Buffer
	err := run(append([]string{"-models", c.models, "-out", c.root}, more...), c.overlay, &log)
	if err != nil {
		log.WriteString(err.Error())
	}
	return log.String(), err
}

func (c *checkout) file(path string) string {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.root, path))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

func (c *checkout) wants(said string, texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			c.t.Errorf("no %q in\n%s", text, said)
		}
	}
}

const (
	pagePath = `"/pages":{"get":{"operationId":"getPages","parameters":[{"name":"token","in":"query","type":"string"}],
		"responses":{"200":{"schema":{"$ref":"#/definitions/Page"}}}}}`
	page     = `"Page":{"type":"object","properties":{"items":{"type":"array","items":{"type":"string"}},"next":{"type":"string"}}}`
	movedOn  = `"Page":{"type":"object","properties":{"items":{"type":"array","items":{"type":"string"}},"nextToken":{"type":"string"}}}`
	thing    = `"Thing":{"type":"object","properties":{"name":{"type":"string"}}}`
	thingWas = `"/things":{"get":{"operationId":"getThing","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}}`
	thingNow = `"/things":{"get":{"operationId":"getOneThing","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}}`
)

// TestOneChangedAPI: an API version that an overlay row no longer fits stays as it was, all others are made.
func TestOneChangedAPI(t *testing.T) {
	c := newCheckout(t)
	c.model("pagesV0", pagePath, page)
	c.model("thingsV0", thingWas, thing)
	c.row("paging.csv", "pagesV0,getPages,GET,/pages,query:token,next,,,,,same-args,items,,test,")
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	files := []string{"api/pagesv0/client.gen.go", "api/pagesv0/types.gen.go", "internal/catalog/data/api/pagesv0.json"}
	before := map[string]string{}
	for _, f := range files {
		before[f] = c.file(f)
	}
	lock := c.file("models.lock")

	c.model("pagesV0", pagePath, movedOn)
	c.model("thingsV0", thingNow, thing)
	c.model("brokenV0", `"/x":{"get":{"operationId":"x"}}`, "")
	for _, args := range [][]string{{"-check"}, nil} {
		said, err := c.run(args...)
		if err == nil {
			t.Error("no error")
		}
		c.wants(said, "gen: pagesv0 cannot be made and stays as the project has it:", "gen: brokenv0 cannot be made:",
			"overlay/paging.csv:2: pagesV0 getPages: the row wants tokenOut next, the model has items, nextToken there",
			"brokenV0-model/brokenV0.json: /paths/~1x/get: no responses",
			"2 of 3 API versions cannot be made of these models: brokenv0, pagesv0")
	}
	for _, f := range files {
		if c.file(f) != before[f] {
			t.Errorf("%s has changed", f)
		}
	}
	c.wants(c.file("api/thingsv0/client.gen.go"), "GetOneThing")
	c.wants(c.file("operations.gen.go"), `"pagesv0.getPages"`, `"thingsv0.getOneThing"`)
	c.wants(c.file("internal/catalog/data/operations.json"), `"pagesv0.getPages"`, `"tokenOut": "next"`)
	c.wants(c.file("internal/conformance/clients.gen_test.go"), "pagesv0", "thingsv0")
	for line := range strings.Lines(lock) { // the lock goes on to name the model that the package was made from
		if strings.Contains(line, " pagesv0 ") {
			c.wants(c.file("models.lock"), line)
		}
	}
	if strings.Contains(c.file("operations.gen.go")+c.file("models.lock")+c.file("internal/conformance/clients.gen_test.go"), "brokenv0") {
		t.Error("a new API version that cannot be made is in the output")
	}

	// The remedy that the message names mends it.
	c.overlay["overlay/paging.csv"].Data = bytes.ReplaceAll(c.overlay["overlay/paging.csv"].Data, []byte(",next,"), []byte(",nextToken,"))
	if err := os.RemoveAll(filepath.Join(c.models, "models", "brokenV0-model")); err != nil {
		t.Fatal(err)
	}
	if said, err := c.run(); err != nil {
		t.Error(said)
	}
	c.wants(c.file("api/pagesv0/types.gen.go"), "NextToken")
}

// TestUnreadableModel: a model that can't be read leaves its package, of which only models.lock knows the name.
func TestUnreadableModel(t *testing.T) {
	c := newCheckout(t)
	c.model("pagesV0", pagePath, page)
	c.model("thingsV0", thingWas, thing)
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	if err := os.WriteFile(filepath.Join(c.models, "models", "pagesV0-model", "pagesV0.json"), []byte(`{"swagger":`), 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := c.run()
	if err == nil {
		t.Error("no error")
	}
	c.wants(said, "pagesV0-model/pagesV0.json", "1 of 2 API versions cannot be made of these models: pagesv0")
	c.wants(c.file("operations.gen.go"), `"pagesv0.getPages"`, `"thingsv0.getThing"`)
	c.wants(c.file("api/pagesv0/client.gen.go"), "GetPages")
}

// TestHostileModels: what no package can be made of is that model's problem, told once and shortly; the others are made.
func TestHostileModels(t *testing.T) {
	whole := func(definitions string) string {
		return `{"swagger":"2.0","info":{"version":"v0"},"paths":{` + thingWas + `},"definitions":{` + definitions + `}}`
	}
	for name, hostile := range map[string]struct{ text, want string }{
		"itself":            {whole(`"Thing":{"$ref":"#/definitions/Thing"}`), "/definitions/Thing: refers to itself"},
		"each other":        {whole(`"Thing":{"$ref":"#/definitions/X"},"X":{"$ref":"#/definitions/Thing"}`), "refers to itself"},
		"array of itself":   {whole(`"Thing":{"type":"array","items":{"$ref":"#/definitions/Thing"}}`), "refers to itself"},
		"map of itself":     {whole(`"Thing":{"type":"object","additionalProperties":{"$ref":"#/definitions/Thing"}}`), "refers to itself"},
		"part of itself":    {whole(`"Thing":{"allOf":[{"$ref":"#/definitions/Thing"}]}`), "contains itself"},
		"object in between": {whole(`"Thing":{"type":"object","properties":{"more":{"type":"array","items":{"$ref":"#/definitions/Thing"}}}}`), ""},
		"something behind":  {whole(thing) + ` garbage`, "data after the JSON value"},
		"a brace behind":    {whole(thing) + `}`, "data after the JSON value"},
		"space behind":      {whole(thing) + "\n\n", ""},
		"deep":              {whole(`"Thing":{"type":"object","properties":{"a":{"items":{"items":[[[nonsense`), "thingsV0.json"},
		"a folder":          {"", "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			c.model("pagesV0", pagePath, page)
			c.model("thingsV0", thingWas, thing)
			path := filepath.Join(c.models, "models", "thingsV0-model", "thingsV0.json")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			make := func() error { return os.WriteFile(path, []byte(hostile.text), 0o644) }
			if hostile.text == "" {
				make = func() error { return os.Mkdir(path, 0o755) }
			}
			if err := make(); err != nil {
				t.Fatal(err)
			}
			said, err := c.run()
			if (err == nil) != (hostile.want == "") || strings.Contains(said, "callback") {
				t.Errorf("%v:\n%s", err, said)
			}
			c.wants(said, hostile.want)
			c.wants(c.file("operations.gen.go"), `"pagesv0.getPages"`)
		})
	}
}

// TestUnreadableOverlay: facts that can't be read concern all, so nothing is written; what is wrong with models is told all the same.
func TestUnreadableOverlay(t *testing.T) {
	c := newCheckout(t)
	c.model("pagesV0", pagePath, movedOn)
	c.row("paging.csv", "pagesV0,getPages,GET,/pages,query:token,next,,,,,same-args,items,,test,")
	c.row("roles.csv", "pagesV0,getPages,GET,/pages,Pricing,,")
	said, err := c.run()
	if err == nil {
		t.Error("no error")
	}
	c.wants(said, "overlay/paging.csv:2", "overlay/roles.csv:2: no source", "nothing is made")
	if _, err := os.Stat(filepath.Join(c.root, "operations.gen.go")); err == nil {
		t.Error("something was written")
	}
}

// Two checkouts of one revision: Amazon's own has sandbox cases and examples, others have been published without.
const (
	withCases = `"/a":{"get":{"operationId":"a","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"},
		"examples":{"application/json":{"name":"x"}},"x-amzn-api-sandbox":{"static":[]}}}}},
		"/b":{"get":{"operationId":"b","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}},
		"/c":{"x-amzn-api-sandbox":{"dynamic":{}},"get":{"operationId":"c","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}}`
	withoutCases = `"/a":{"get":{"operationId":"a","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}},
		"/b":{"get":{"operationId":"b","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}},
		"/c":{"x-amzn-api-sandbox":{"dynamic":{}},"get":{"operationId":"c","responses":{"200":{"schema":{"$ref":"#/definitions/Thing"}}}}}`
)

// TestMoreOrLessComplete: what one checkout knows of the sandbox and the other doesn't is no difference of the code.
func TestMoreOrLessComplete(t *testing.T) {
	for _, other := range []struct{ name, was, is string }{
		{"fuller", withoutCases, withCases},
		{"poorer", withCases, withoutCases},
	} {
		t.Run(other.name, func(t *testing.T) {
			c := newCheckout(t)
			c.model("thingsV0", other.was, thing)
			if said, err := c.run(); err != nil {
				t.Fatal(said)
			}
			c.model("thingsV0", other.is, thing)
			said, err := c.run("-check")
			if err != nil {
				t.Error(said)
			}
			c.wants(said, "gen: note: models.lock was written from other files of the models",
				"gen: note: "+operationsFile+": other models tell something else about the sandbox of 1 operations, thingsv0.a")

			// A difference of the code fails beside them.
			c.model("thingsV0", strings.ReplaceAll(other.is, `"operationId":"b"`, `"operationId":"other"`), thing)
			said, err = c.run("-check")
			if err == nil {
				t.Error("a renamed operation passes")
			}
			c.wants(said, "gen: differs: api/thingsv0/client.gen.go", "gen: differs: "+operationsFile, "gen: differs: operations.gen.go")
		})
	}
}

// TestDataThatDiffers: the catalogue's other data doesn't depend on a checkout's completeness.
func TestDataThatDiffers(t *testing.T) {
	c := newCheckout(t)
	c.model("thingsV0", withoutCases, thing)
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	c.model("thingsV0", withCases, thing)
	c.row("docs.csv", "thingsV0,b,GET,/b,https://example.com/b,test,")
	said, err := c.run("-check")
	if err == nil {
		t.Error("another page of documentation passes")
	}
	c.wants(said, "gen: differs: "+operationsFile)
}

// TestSandboxIsRemembered: with a row, a checkout without cases gives the same as one with them.
func TestSandboxIsRemembered(t *testing.T) {
	c := newCheckout(t)
	c.row("sandbox.csv", "thingsV0,,,,static,test,")
	c.row("sandbox.csv", "thingsV0,b,GET,/b,none,test,")
	c.model("thingsV0", withCases, thing)
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	full := c.file(operationsFile)
	if n := strings.Count(full, `"sandbox": "static"`); n != 1 || strings.Count(full, `"sandbox": "dynamic"`) != 1 {
		t.Errorf("static %d times, want once\n%s", n, full)
	}
	c.model("thingsV0", withoutCases, thing)
	if said, err := c.run(); err != nil || strings.Contains(said, "note") {
		t.Error(said)
	}
	if c.file(operationsFile) != full {
		t.Errorf("without cases\n%s\nwith\n%s", c.file(operationsFile), full)
	}
	// Where the model tells itself, it counts, and the row is told.
	c.model("thingsV0", withCases, thing)
	c.row("sandbox.csv", "thingsV0,c,GET,/c,static,test,")
	said, err := c.run()
	if err != nil {
		t.Error(said)
	}
	c.wants(said, `overlay/sandbox.csv:4: thingsV0 c: the row says "static", the model "dynamic": the model counts`)
	if c.file(operationsFile) != full {
		t.Error("the row overruled the model")
	}
}

// TestLimitDecidedAgainstAnother: a figure of the model that has changed since asks for a new decision and stops nothing.
func TestLimitDecidedAgainstAnother(t *testing.T) {
	c := newCheckout(t)
	c.model("thingsV0", strings.Replace(thingWas, `{"operationId"`, `{"description":"| 5 | 30 |","operationId"`, 1), thing)
	c.row("limits.csv", "thingsV0,getThing,GET,/things,1,2,,2/30,test,")
	said, err := c.run()
	if err != nil {
		t.Error(said)
	}
	c.wants(said, "overlay/limits.csv:2: thingsV0 getThing: decided against the model's 2/30, which now has 5/30: decide again")
	c.wants(c.file("operations.gen.go"), "Rate: 1, Burst: 2")
	c.overlay["overlay/limits.csv"].Data = bytes.ReplaceAll(c.overlay["overlay/limits.csv"].Data, []byte("2/30"), []byte("5/30"))
	if said, _ := c.run(); strings.Contains(said, "note") {
		t.Error(said)
	}
}

// TestFormatsThatChanged: a row about a format stops its API version when the model has something else there by now.
func TestFormatsThatChanged(t *testing.T) {
	c := newCheckout(t)
	c.model("thingsV0", thingWas, thing)
	c.row("formats.csv", "thingsV0,Thing,gone,date,date-time,test,")
	c.row("formats.csv", "otherV0,Thing,name,date,date-time,test,")
	said, err := c.run()
	if err == nil {
		t.Error(said)
	}
	c.wants(said, "overlay/formats.csv:2: thingsV0 has no Thing.gone", `overlay/formats.csv:3: there is no model "otherV0"`)
	c = newCheckout(t)
	c.model("thingsV0", thingWas, strings.Replace(thing, `"type":"string"`, `"type":"string","format":"date-time"`, 1))
	c.row("formats.csv", "thingsV0,Thing,name,date,date-time,test,")
	if said, err = c.run(); err == nil {
		t.Error(said)
	}
	c.wants(said, `Thing.name has format "date-time" in the model, not "date": decide again`)
}

// TestOwnModel: a model of the project's own is made until a checkout has Amazon's of the same API version, whatever its file is called.
func TestOwnModel(t *testing.T) {
	const own = `{"swagger":"2.0","info":{"version":"2025-12-01"},"paths":{"/gifts/2025-12-01/gifts":{"get":{"operationId":"listGifts","responses":{"200":{"schema":{"type":"object","properties":{"mine":{"type":"string"}}}}}}}}}`
	c := newCheckout(t)
	c.overlay["overlay/models/gifts_2025-12-01.json"] = &fstest.MapFile{Data: []byte(own)}
	c.model("thingsV0", thingWas, thing)
	made := func(pkg string) bool {
		_, err := os.Stat(filepath.Join(c.root, "api", pkg, "client.gen.go"))
		return err == nil
	}
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	told := func(pkg string) bool { return strings.Contains(c.file("api/"+pkg+"/client.gen.go"), "project's own") }
	if !made("thingsv0") || !made("gifts20251201") || !told("gifts20251201") || told("thingsv0") {
		t.Errorf("the own model isn't made, or isn't told apart")
	}
	if said, err := c.run("-check"); err != nil {
		t.Error(said)
	}
	before := c.file("models.lock")
	if said, err := c.run("-commit", ""); err != nil || c.file("models.lock") != before {
		t.Errorf("models.lock changed: %s", said)
	}

	// Amazon's files, by another name with the same operation, and by the same name with another.
	for _, file := range []string{"giftsApi_2025-12-01", "gifts_2025-12-01"} {
		folder := filepath.Join(c.models, "models", "gifts-api-model")
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		theirs := strings.ReplaceAll(own, "mine", "theirs")
		if file == "gifts_2025-12-01" {
			theirs = strings.ReplaceAll(theirs, "/gifts/2025-12-01/gifts", "/presents/2025-12-01/gifts")
		}
		if err := os.WriteFile(filepath.Join(folder, file+".json"), []byte(theirs), 0o644); err != nil {
			t.Fatal(err)
		}
		if said, err := c.run(); err != nil {
			t.Fatal(said)
		}
		pkg := packageName(file, "2025-12-01")
		if text := c.file("api/" + pkg + "/types.gen.go"); !strings.Contains(text, "Theirs") || strings.Contains(c.file("models.lock"), ownModels) {
			t.Errorf("%s: the own model doesn't give way:\n%s", file, c.file("models.lock"))
		}
		if pkg != "gifts20251201" && made("gifts20251201") {
			t.Errorf("%s: both are made", file)
		}
	}

	// Another version of the API is another API.
	c.overlay["overlay/models/gifts_2026-01-01.json"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(own, "2025-12-01", "2026-01-01"))}
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	if !made("gifts20260101") || !made("gifts20251201") {
		t.Error("the own model of another version isn't made beside Amazon's")
	}
	c.overlay["overlay/models/broken.json"] = &fstest.MapFile{Data: []byte(`{"swagger":"2.0"`)}
	if said, err := c.run(); err == nil || !strings.Contains(said, "overlay/models/broken.json") {
		t.Errorf("a broken model of our own passes: %s", said)
	}
}

// TestNotices: what is made of the schemas of notifications stays as it was without them, or with one that can't be read.
func TestNotices(t *testing.T) {
	c := newCheckout(t)
	c.model("thingsV0", thingWas, thing)
	schema := func(name, payload string) {
		t.Helper()
		path := filepath.Join(c.models, "schemas", "notifications", name+".json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"type":"object","properties":{"payload":`+payload+`}}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	row := func(kind, schema string) string {
		fields := map[string]string{"type": kind, "schema": schema + ".json", "goType": kind, "status": "current", "eventFilter": "none",
			"filterExpression": "no", "trigger": "it happens", "source": "test"}
		var cells []string
		for column := range strings.SplitSeq(noticeColumns, ",") {
			cells = append(cells, fields[column])
		}
		return strings.Join(cells, ",")
	}
	schema("Thing", `{"type":"object","properties":{"id":{"type":"string"}}}`)
	c.row("notifications.csv", row("Thing", "Thing"))
	if said, err := c.run(); err != nil || strings.Contains(said, "note") {
		t.Fatal(said, err)
	}
	before := map[string]string{}
	for _, file := range []string{payloadsFile, typesFile, "models.lock"} {
		before[file] = c.file(file)
	}
	c.wants(before["models.lock"], " notifications schemas/notifications/Thing.json\n")
	if said, err := c.run("-check"); err != nil {
		t.Error(said)
	}
	unchanged := func() {
		t.Helper()
		for file, text := range before {
			if c.file(file) != text {
				t.Errorf("%s has changed:\n%s", file, c.file(file))
			}
		}
	}

	schema("Thing", `{"type":"object","properties":{"id":{"type":"string"},"more":{}}}`)
	for _, args := range [][]string{{"-check"}, nil} {
		said, err := c.run(args...)
		if err == nil {
			t.Error("no error")
		}
		c.wants(said, "gen: the payloads of notifications cannot be made and stay as the project has them:",
			"gen:   Thing.json: /properties/payload/properties/more: no type")
		unchanged()
	}

	if err := os.RemoveAll(filepath.Join(c.models, "schemas")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-check"}, nil} {
		said, err := c.run(args...)
		if err != nil {
			t.Error(err)
		}
		c.wants(said, "gen: note: this checkout has no schemas/notifications: what is made of them stays as the project has it")
		unchanged()
	}

	schema("Thing", `{"type":"object","properties":{"id":{"type":"string"}}}`)
	schema("New", `{"type":"object","properties":{"id":{"type":"string"}}}`)
	c.row("notification_shapes.csv", "a;b,,AB,test,")
	c.row("notification_formats.csv", "Thing.json,gone,date-time,test,")
	c.row("notification_formats.csv", "Thing.json,id,enum OPEN WAY_SHUT,test,")
	said, err := c.run()
	if err != nil {
		t.Error(err)
	}
	c.wants(said, "no row names the schema New.json", "notification_shapes.csv: nothing has the shape a;b", "notification_formats.csv: there is no Thing.json gone")
	c.wants(c.file(payloadsFile), `ThingID = "OPEN"`, `WayShut `, `ThingID = "WAY_SHUT"`)
	c.overlay["overlay/schemas/New.json"] = &fstest.MapFile{Data: []byte(`{"type":"object","properties":{"payload":{"type":"object","properties":{"x":{"type":"string"}}}}}`)}
	c.row("notifications.csv", row("Zew", "own/New"))
	said, _ = c.run()
	c.wants(said, "overlay/schemas/New.json: Amazon's schema of that name can be read now")
}

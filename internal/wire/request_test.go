package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuery(t *testing.T) {
	n, b := int64(50), true
	var r Request
	QueryString(&r, "Query", "red pen & ink", Required)
	QueryCSV(&r, "MarketplaceIds", []string{"A1", "B 2"}, Required)
	QueryMulti(&r, "mskus", []string{"a", "b c"}, Optional)
	QueryMultiTwice(&r, "twice", []string{"10%+,"}, Optional)
	r.QueryInt("pageSize", &n, Optional)
	r.QueryBool("details", &b, Optional)
	r.QueryTime("createdAfter", time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600)), Optional)
	r.QueryDate("day", Date{2026, 1, 2}, Optional)
	QueryString(&r, "absent", "", Optional)
	want := "Query=red%20pen%20%26%20ink&MarketplaceIds=A1%2CB%202&mskus=a&mskus=b%20c&twice=10%2525%252B%252C&pageSize=50&details=true" +
		"&createdAfter=2026-01-02T02%3A04%3A05.006Z&day=2026-01-02"
	if diff := cmp.Diff(want, r.QueryString()); diff != "" {
		t.Error(diff)
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

func TestRequired(t *testing.T) {
	for name, set := range map[string]func(*Request){
		"sku":  func(r *Request) { r.Path("sku", "") },
		"q":    func(r *Request) { QueryString(r, "q", "", Required) },
		"ids":  func(r *Request) { QueryCSV(r, "ids", []string{}, Required) },
		"ms":   func(r *Request) { QueryMulti[string](r, "ms", nil, Required) },
		"n":    func(r *Request) { r.QueryInt("n", nil, Required) },
		"b":    func(r *Request) { r.QueryBool("b", nil, Required) },
		"t":    func(r *Request) { r.QueryTime("t", time.Time{}, Required) },
		"d":    func(r *Request) { r.QueryDate("d", Date{}, Required) },
		"head": func(r *Request) { r.Header("head", "", Required) },
		"dots": func(r *Request) { r.Path("dots", "..") },
		"ctrl": func(r *Request) { r.Header("ctrl", "a\r\nb: c", Optional) },
		"del":  func(r *Request) { r.Header("del", "a\x7f", Optional) },
		"skus": func(r *Request) { QueryCSV(r, "skus", []string{"BLUE", "RED,XL"}, Optional) },
		"1st":  func(r *Request) { r.Path("1st", ""); r.QueryInt("2nd", nil, Required) },
	} {
		var r Request
		set(&r)
		var in *InputError
		if !errors.As(r.Err(), &in) || in.Field != name {
			t.Errorf("%s: error %v", name, r.Err())
		}
	}
}

func TestBody(t *testing.T) {
	type body struct {
		Title string `json:"title,omitzero"`
	}
	var r Request
	if b, err := r.Body(); b != nil || err != nil {
		t.Errorf("no body: %q, %v", b, err)
	}
	r.OptionalJSON(body{})
	if b, _ := r.Body(); b != nil {
		t.Errorf("optional empty body is sent: %q", b)
	}
	r.JSON(body{})
	if b, _ := r.Body(); string(b) != "{}" {
		t.Errorf("required empty body: %q", b)
	}
	r.JSON(body{"A & B <c>"})
	if b, _ := r.Body(); string(b) != `{"title":"A & B <c>"}` {
		t.Errorf("body: %q", b)
	}
}

func TestDecodeErrors(t *testing.T) {
	one := []Error{{Code: "InvalidInput", Message: "bad", Details: "why"}}
	for body, want := range map[string][]Error{
		`{"errors":[{"code":"InvalidInput","message":"bad","details":"why"}]}`:            one,
		`{"errors":{"errors":[{"code":"InvalidInput","message":"bad","details":"why"}]}}`: one,
		`[{"code":"InvalidInput","message":"bad","details":"why"}]`:                       one,
		`{"code":"InvalidInput","message":"bad","details":"why"}`:                         one,
		`{"message":"Forbidden"}`:                                          {{Message: "Forbidden"}},
		`{"errors":[{"code":400,"message":null,"details":""}]}`:            {{Code: "400"}},
		`{"payload":null,"errors":[{"code":"a"},{"code":"b"}]}`:            {{Code: "a"}, {Code: "b"}},
		`{"Message":"User is not authorized"}`:                             {{Message: "User is not authorized"}},
		`{"errors":["one"]}`:                                               {{Message: "one"}},
		`{"error":"invalid_grant","error_description":"bad"}`:              {{Code: "invalid_grant", Message: "bad"}},
		`{"errors":[[[[{"code":"too deep"}]]]]}`:                           nil,
		`{}`:                                                               nil,
		`<html>Size of a request header field exceeds server limit</html>`: nil,
		``:                                  nil,
		`{"errors":[{"code":"InvalidInput"`: {{Code: "InvalidInput"}},
	} {
		got, ok := DecodeErrors([]byte(body))
		if diff := cmp.Diff(want, got); diff != "" || ok != (len(want) > 0) {
			t.Errorf("%s: %v\n%s", body, ok, diff)
		}
	}
}

func TestTopLevel(t *testing.T) {
	for _, tt := range []struct {
		body  string
		n     int
		other bool
	}{
		{`{"payload":{"a":1}}`, 0, true},
		{`{"errors":[{"code":"x"}]}`, 1, false},
		{`{"errors":[{"code":"x"}],"payload":null}`, 1, false},
		{`{"payload":{"errors":[{"code":"inner"}]},"errors":[{"code":"x"}]}`, 1, true},
		{`{"payload":{"errors":[{"code":"inner"}]}}`, 0, true},
		{`["errors"]`, 0, true},
	} {
		errs, other, err := TopLevel([]byte(tt.body))
		if err != nil || len(errs) != tt.n || other != tt.other {
			t.Errorf("%s: %v %v %v", tt.body, errs, other, err)
		}
	}
}

// pagesDoor answers with one body after the other, and then with an error, if there is one.
type pagesDoor struct {
	Door
	bodies []string
	err    error
	read   int
}

func (d *pagesDoor) Pages(_ context.Context, _, _ any, operation string, _ func(*Request), take Take) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, body := range d.bodies {
			d.read++
			if _, err := take(operation, []byte(body)); !yield(err) || err != nil {
				return
			}
		}
		if d.err != nil {
			yield(d.err)
		}
	}
}

func TestPages(t *testing.T) {
	before := Calls
	defer func() { Calls = before }()
	for _, c := range []struct {
		bodies []string
		err    error
		want   []int64
		read   int
	}{
		{[]string{"[1,2]", "[]", "[3]"}, nil, []int64{1, 2, 3}, 3},
		{[]string{"[1,2]"}, errors.New("boom"), []int64{1, 2}, 1},
		{[]string{"[1,2]", "{", "[3]"}, nil, []int64{1, 2}, 2},
	} {
		door := &pagesDoor{bodies: c.bodies, err: c.err}
		Calls = door
		var items []int64
		var err error
		for item, e := range Items(Pages[[]int64](t.Context(), new(int), "x", nil, []int(nil)), func(page []int64) []int64 { return page }) {
			if err != nil {
				t.Error("the iteration went on after an error")
			}
			if err = e; e == nil {
				items = append(items, *item)
			}
		}
		if !slices.Equal(items, c.want) || (err == nil) != (len(c.want) == 3) || door.read != c.read {
			t.Errorf("%v: items %v, error %v, %d pages read", c.bodies, items, err, door.read)
		}
	}
}

// Times go out as Amazon's page about ISO 8601 has them, wherever they stand.
func TestTimesGoOut(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for want, nanos := range map[string]int{"": 0, ".500": 5e8, ".006": 6e6, ".123": 123456789, ".999": 999999999} {
		if got := FormatTime(at.Add(time.Duration(nanos))); got != "2026-01-02T02:04:05"+want+"Z" {
			t.Errorf("%d ns: %s", nanos, got)
		}
	}
	if got := FormatTime(at.Add(999_999)); got != "2026-01-02T02:04:05Z" {
		t.Errorf("less than a millisecond: %s", got)
	}
	type node struct {
		At    time.Time            `json:"at,omitzero"`
		Ptr   *time.Time           `json:"ptr,omitzero"`
		List  []time.Time          `json:"list,omitzero"`
		Map   map[string]time.Time `json:"map,omitzero"`
		Next  *node                `json:"next,omitzero"`
		Any   any                  `json:"any,omitzero"`
		Day   Date                 `json:"day,omitzero"`
		Text  string               `json:"text,omitzero"`
		Raw   json.RawMessage      `json:"raw,omitzero"`
		N     json.Number          `json:"n,omitzero"`
		Must  []string             `json:"must"`
		Path  string               `json:"-"`
		Empty time.Time            `json:"empty,omitzero"`
	}
	full := func(at time.Time) *node {
		return &node{At: at, Ptr: &at, List: []time.Time{at}, Map: map[string]time.Time{"b": at, "a\"": at}, Any: map[string]any{"at": at, "n": 1}, Day: Date{2026, 1, 2},
			Text: "<&> 2026-01-02T03:04:05.5+01:00", Raw: json.RawMessage(`{"x": "2026-01-02T03:04:05.5+01:00"}`), N: "1.50", Path: "p", Next: &node{At: at}}
	}
	// Where a time has no fraction and no offset, the result is that of encoding/json.
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(full(at.UTC())); err != nil {
		t.Fatal(err)
	}
	same, err := encodeJSON(full(at.UTC()))
	if diff := cmp.Diff(strings.TrimSpace(plain.String()), string(same)); err != nil || diff != "" {
		t.Error(diff, err)
	}
	got, err := encodeJSON(full(at.Add(500 * time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), `"2026-01-02T02:04:05.500Z"`); n != 7 {
		t.Errorf("%d times of 7: %s", n, got)
	}
	if n := strings.Count(string(got), `2026-01-02T03:04:05.5+01:00"`); n != 2 {
		t.Errorf("texts that look like times were changed: %s", got)
	}
	for _, v := range []any{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), []any{func() {}}, struct {
		At time.Time
		F  func()
	}{F: func() {}}} {
		if b, err := encodeJSON(v); err == nil {
			t.Errorf("%v was written: %s", v, b)
		}
	}
}

// A resource is a path, with or without the slash at its beginning.
func TestGreedyPaths(t *testing.T) {
	base, _ := url.Parse("https://h")
	for value, want := range map[string]string{
		"messaging/v1/a b/x": "/uploads/messaging/v1/a%20b/x", "/messaging/v1/a": "/uploads/messaging/v1/a", "//messaging": "/uploads/messaging",
		"/": "", "a/../b": "", "./a": "",
	} {
		var r Request
		r.Path("resource", value)
		req, err := r.Build(t.Context(), base, "POST", "/uploads/{resource}", true)
		var in *InputError
		switch {
		case want == "" && !errors.As(err, &in):
			t.Errorf("%q: %v", value, err)
		case want != "" && (err != nil || req.URL.EscapedPath() != want):
			t.Errorf("%q: %v, %v", value, req, err)
		}
	}
	var r Request
	r.Path("sku", "/a")
	if req, err := r.Build(t.Context(), base, "GET", "/items/{sku}", false); err != nil || req.URL.EscapedPath() != "/items/%2Fa" {
		t.Errorf("a SKU with a slash: %v, %v", req, err)
	}
}

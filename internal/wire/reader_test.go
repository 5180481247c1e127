package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// every has what fields of results are, and lists and maps of it.
type every struct {
	S      string                     `json:"s,omitempty"`
	Name   name                       `json:"name,omitempty"`
	B      *bool                      `json:"b,omitempty"`
	I      *int64                     `json:"i,omitempty"`
	N      json.Number                `json:"n,omitempty"`
	T      time.Time                  `json:"t,omitzero"`
	D      Date                       `json:"d,omitzero"`
	Raw    json.RawMessage            `json:"raw,omitempty"`
	O      *every                     `json:"o,omitempty"`
	L      []every                    `json:"l,omitempty"`
	Other  []other                    `json:"other,omitempty"`
	LL     [][]other                  `json:"ll,omitempty"`
	SS     []string                   `json:"ss,omitempty"`
	Names  []name                     `json:"names,omitempty"`
	NN     []json.Number              `json:"nn,omitempty"`
	TT     []time.Time                `json:"tt,omitempty"`
	II     []int64                    `json:"ii,omitempty"`
	BB     []bool                     `json:"bb,omitempty"`
	Raws   []json.RawMessage          `json:"raws,omitempty"`
	M      map[string]string          `json:"m,omitempty"`
	MO     map[string]other           `json:"mo,omitempty"`
	ML     map[name][]other           `json:"ml,omitempty"`
	MR     map[string]json.RawMessage `json:"mr,omitempty"`
	Errors []other                    `json:"errors,omitempty"`
}

type name string

type other struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Inner   *other `json:"inner,omitempty"`
	I       *int64 `json:"i,omitempty"`
}

// writer writes random JSON. odd is how often in a hundred a value isn't what its name suggests.
type writer struct {
	r     *rand.Rand
	odd   int
	b     bytes.Buffer
	blank bool // white space everywhere
}

func (w *writer) write(s string) {
	w.b.WriteString(s)
	if w.blank && w.r.IntN(3) == 0 {
		w.b.WriteString([]string{" ", "\n", "\t", "\r\n  "}[w.r.IntN(4)])
	}
}

func (w *writer) text() {
	text := strings.Repeat("ab ü€😀", w.r.IntN(5)) + strconv.Itoa(w.r.IntN(100))
	if w.r.IntN(4) == 0 {
		text += "\"\\\n\u0001<"
	}
	if w.r.IntN(30) == 0 {
		text = strings.Repeat(text, 50)
	}
	quoted, _ := json.Marshal(text)
	w.write(string(quoted))
}

func (w *writer) list(most int, element func()) {
	w.write("[")
	n := w.r.IntN(most + 1)
	if w.r.IntN(20) == 0 {
		n = []int{1, 7, 8, 9, 64, 127, 128, 129}[w.r.IntN(8)]
	}
	for i := range n {
		if i > 0 {
			w.write(",")
		}
		element()
	}
	w.write("]")
}

func (w *writer) table(most int, element func()) {
	w.write("{")
	for i := range w.r.IntN(most + 1) {
		if i > 0 {
			w.write(",")
		}
		w.write(fmt.Sprintf(`"k%d":`, i))
		element()
	}
	w.write("}")
}

func (w *writer) any(depth int) {
	switch n := w.r.IntN(9); {
	case n < 2 && depth > 0:
		w.list(3, func() { w.any(depth - 1) })
	case n < 4 && depth > 0:
		w.table(3, func() { w.any(depth - 1) })
	case n == 4:
		w.write("null")
	case n == 5:
		w.write("true")
	case n == 6:
		w.write([]string{"0", "-1.5e+3", "12345678901234567890"}[w.r.IntN(3)])
	default:
		w.text()
	}
}

func (w *writer) value(of string, depth int) {
	if w.r.IntN(100) < w.odd {
		w.any(2)
		return
	}
	inner := func() { w.other(depth - 1) }
	switch of {
	case "s", "name", "code", "message":
		w.text()
	case "b":
		w.write([]string{"true", "false"}[w.r.IntN(2)])
	case "i":
		w.write(strconv.Itoa(w.r.IntN(1e6) - 500))
	case "n":
		w.write([]string{"1.50", "-0", "1e3", "7"}[w.r.IntN(4)])
	case "t":
		w.write(`"2026-03-0` + strconv.Itoa(1+w.r.IntN(9)) + `T10:00:00+09:00"`)
	case "d":
		w.write(`"2026-03-0` + strconv.Itoa(1+w.r.IntN(9)) + `"`)
	case "raw":
		w.write(`{"any":`)
		w.any(2)
		w.write("}")
	case "o":
		w.every(depth - 1)
	case "l":
		w.list(3, func() { w.every(depth - 1) })
	case "other", "errors":
		w.list(4, inner)
	case "ll":
		w.list(3, func() { w.list(3, inner) })
	case "ss", "names":
		w.list(4, w.text)
	case "nn":
		w.list(4, func() { w.value("n", depth) })
	case "tt":
		w.list(4, func() { w.value("t", depth) })
	case "ii":
		w.list(4, func() { w.value("i", depth) })
	case "bb":
		w.list(4, func() { w.value("b", depth) })
	case "raws":
		w.list(3, func() { w.value("raw", depth) })
	case "m":
		w.table(3, w.text)
	case "mo":
		w.table(3, inner)
	case "ml":
		w.table(3, func() { w.list(3, inner) })
	case "mr":
		w.table(3, func() { w.value("raw", depth) })
	case "inner":
		inner()
	default:
		w.any(2)
	}
}

func (w *writer) object(names []string, depth int) {
	w.write("{")
	first := true
	offset := 0
	if w.r.IntN(5) == 0 {
		offset = w.r.IntN(len(names))
	}
	for i := range names {
		if depth <= 0 || w.b.Len() > enough || w.r.IntN(3) == 0 {
			continue
		}
		if !first {
			w.write(",")
		}
		first = false
		name := names[(i+offset)%len(names)]
		w.write(`"` + name + `"`)
		w.write(":")
		w.value(name, depth)
	}
	w.write("}")
}

var everyNames = []string{"s", "name", "b", "i", "n", "t", "d", "raw", "o", "l", "other", "ll", "ss", "names",
	"nn", "tt", "ii", "bb", "raws", "m", "mo", "ml", "mr", "errors"}

func (w *writer) every(depth int) { w.object(everyNames, depth) }

func (w *writer) other(depth int) { w.object([]string{"code", "message", "inner", "i"}, depth) }

// enough bytes in a random body: its objects get no members from there on.
const enough = 10000

// randomBody is one that fits every, but for odd of a hundred values.
func randomBody(r *rand.Rand, odd int) []byte {
	w := &writer{r: r, odd: odd, blank: r.IntN(4) == 0}
	w.every(1 + r.IntN(4))
	return w.b.Bytes()
}

// asJSON is what encoding/json reads into the same type, with the lists and maps of nothing as the reader has them.
func asJSON(t testing.TB, body []byte) *every {
	t.Helper()
	var out every
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return &out
}

// What fits is read as encoding/json reads it, whatever the readers have seen before.
func TestReaderAgainstEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		body := randomBody(r, 0)
		got, warnings, err := Decode[*every](body, false)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v, %v: %s", warnings, err, body)
		}
		if want := asJSON(t, body); !reflect.DeepEqual(want, got) {
			t.Fatalf("%s\n%s", body, cmp.Diff(want, got))
		}
	}
}

// spoil writes through every pointer and into every list, map and text of bytes of a result, and behind its lists.
func spoil(v reflect.Value, path string, report func(string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), path, report)
			v.Elem().SetZero()
		}
	case reflect.Struct:
		if v.Type() == timeType || v.Type() == dateType {
			return
		}
		for i := range v.NumField() {
			spoil(v.Field(i), path+"."+v.Type().Field(i).Name, report)
		}
	case reflect.Slice:
		if v.Cap() != v.Len() {
			report(fmt.Sprintf("%s: capacity %d of %d elements", path, v.Cap(), v.Len()))
		}
		for i := range v.Len() {
			spoil(v.Index(i), path, report)
			if v.Index(i).CanSet() {
				v.Index(i).SetZero()
			}
		}
		reflect.Append(v, reflect.Zero(v.Type().Elem()))
	case reflect.Map:
		v.Clear()
	}
}

// What one result holds, no other result and no body does.
func TestResultsShareNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	type kept struct {
		result         *every
		warnings       []Warning
		is, wereWarned string
	}
	var results []kept
	for i := range 200 {
		body := randomBody(r, i%2*5)
		if i%7 == 0 { // what a second look reads
			if at := bytes.Index(body, []byte("ab ")); at >= 0 {
				body[at] = 0xff
			}
		}
		got, warnings, err := Decode[*every](body, false)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		k := kept{result: got, warnings: warnings, wereWarned: fmt.Sprint(warnings)}
		k.is = dump(t, got)
		for j := range body {
			body[j] = 0xaa
		}
		results = append(results, k)
	}
	for i, k := range results {
		if is := dump(t, k.result); is != k.is || fmt.Sprint(k.warnings) != k.wereWarned {
			t.Fatalf("result %d has changed with its body or another result:\n%s\n%s", i, k.is, is)
		}
		if i%2 == 0 { // its neighbours stay
			spoil(reflect.ValueOf(k.result), "", func(what string) { t.Errorf("result %d: %s", i, what) })
		}
	}
	for i, k := range results {
		if i%2 == 1 && dump(t, k.result) != k.is {
			t.Fatalf("result %d has changed with its neighbours", i)
		}
	}
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// No two lists of a result share memory, at whichever bounds their memory grows, and whatever the body before has held.
func TestListsDoNotShareMemory(t *testing.T) {
	body := func(outer, inner int) []byte {
		one := `{"l":[` + strings.TrimSuffix(strings.Repeat(`{"s":"in","o":{"l":[{"s":"deep"}]}},`, inner), ",") + `],"ss":["a","b"],"ll":[[{"code":"c"}],[]]}`
		return []byte(`{"ss":["top"],"l":[` + strings.TrimSuffix(strings.Repeat(one+",", outer), ",") + `],"other":[{"code":"x"}]}`)
	}
	sizes := []int{1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 500, 1, 500, 2, 129}
	for _, outer := range []int{1, 2, 9, 130} {
		for _, inner := range sizes {
			if outer*inner > 5000 {
				continue
			}
			text := body(outer, inner)
			got, warnings, err := Decode[*every](text, false)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			want := dump(t, asJSON(t, text))
			if is := dump(t, got); is != want {
				t.Fatalf("%d of %d: read wrongly", outer, inner)
			}
			spans := map[uintptr]uintptr{}
			collect(reflect.ValueOf(got), spans)
			starts := slices.Sorted(func(yield func(uintptr) bool) {
				for at := range spans {
					if !yield(at) {
						return
					}
				}
			})
			for i := 1; i < len(starts); i++ {
				if starts[i-1]+spans[starts[i-1]] > starts[i] {
					t.Fatalf("%d of %d: two lists or values overlap", outer, inner)
				}
			}
			runtime.KeepAlive(got)
		}
	}
}

// collect notes where the memory of lists and of what is pointed to begins, and its length.
func collect(v reflect.Value, to map[uintptr]uintptr) {
	note := func(p unsafe.Pointer, n uintptr) {
		if _, twice := to[uintptr(p)]; n > 0 && twice {
			to[uintptr(p)] = 1 << 40
		} else if n > 0 {
			to[uintptr(p)] = n
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(v.UnsafePointer(), v.Type().Elem().Size())
			collect(v.Elem(), to)
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return
		}
		for i := range v.NumField() {
			collect(v.Field(i), to)
		}
	case reflect.Slice:
		note(v.UnsafePointer(), uintptr(v.Cap())*v.Type().Elem().Size())
		for i := range v.Len() {
			collect(v.Index(i), to)
		}
	}
}

// A body with bad UTF-8 is read a second time: nothing of the first is left.
func TestSecondLookStartsAnew(t *testing.T) {
	body := []byte(`{"l":[{},{},{}],"o":{"l":[{"s":"of another","i":1,"errors":[{}]},{"s":"` + "\xff" + `"}]}}`)
	for range 3 { // a body like those before gets room for all elements at once
		got, warnings, err := Decode[*every](body, false)
		if err != nil || len(warnings) != 1 {
			t.Fatal(err, warnings)
		}
		want := &every{L: make([]every, 3), O: &every{L: []every{{S: "of another", I: new(int64), Errors: []other{{}}}, {S: "\uFFFD"}}}}
		*want.O.L[0].I = 1
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for range 10 { // the members of an object in a list of the same type are left there
		bad := []byte(`{"ll":[[{},{}],[{"code":"of another","message":"` + "\xff" + `"}]],"other":[{},{}]}`)
		got, _, err := Decode[*every](bad, false)
		if err != nil || got.LL[0][0] != (other{}) || got.LL[0][1] != (other{}) || got.Other[0] != (other{}) || got.Other[1] != (other{}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Bodies of one type that are read at once don't meet.
func TestReadersAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(worker)))
			for i := range 30 {
				body := randomBody(r, 0)
				want := dump(t, asJSON(t, body))
				got, _, err := Decode[*every](body, false)
				clear(body)
				if i%10 == 0 {
					runtime.GC()
				}
				if err != nil || dump(t, got) != want {
					t.Errorf("worker %d: body %d is read wrongly, %v", worker, i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// An object in a list with others isn't taken, and leaves nothing behind; nor does reading take time by the square of how deep such lists lie.
func TestListsInPlaceOfObjects(t *testing.T) {
	for body, want := range map[string]string{
		`{"o":[{"s":"a","i":"x"},{}]}`:             `{} o: not an object: [{"s":"a","i":"x"},{}]`,
		`{"o":[{"s":"a"},1,[],{"i":"x"}],"s":"b"}`: `{"s":"b"} o: not an object: [{"s":"a"},1,[],{"i":"x"}]`,
		`{"l":[[{"s":"a"},{"s":"b"}],[{"s":"c"}]]}`: `{"l":[{},{"s":"c"}]} l[0]: not an object: [{"s":"a"},{"s":"b"}] ` +
			`l[1]: a list, whose only element is taken: [{"s":"c"}]`,
		`{"m":[{"k":"v"},{"k":"w"}]}`: `{} m: not an object: [{"k":"v"},{"k":"w"}]`,
		`{"o":[{"o":[{"s":"a"},2]}]}`: `{"o":{}} o: a list, whose only element is taken: [{"o":[{"s":"a"},2]}] o[0].o: not an object: [{"s":"a"},2]`,
		`{"o":[ { "s" : "a" } ] }`:    `{"o":{"s":"a"}} o: a list, whose only element is taken: [ { "s" : "a" } ]`,
		`[{"s":"a"},{"s":"b"}]`:       `{} : not an object: [{"s":"a"},{"s":"b"}]`,
		`{"l":{"l":{ },"s":"a"}}`:     `{"l":[{"s":"a"}]} l: not an array, taken as its one element: {"l":{ },"s":"a"} l.l: not an array: { }`,
		`{"o":[[{"s":"a"}]],"i":[ "7" ],"s":["",1]}`: `{"i":7} o: not an object: [[{"s":"a"}]] ` +
			`i: a list, whose only element is taken: [ "7" ] s: not a string: ["",1]`,
	} {
		got, warnings, err := Decode[*every]([]byte(body), false)
		is := dump(t, got)
		for _, w := range warnings {
			is += " " + w.String()
		}
		if err != nil || is != want {
			t.Errorf("%s\nis  %s, %v\nnot %s", body, is, err, want)
		}
	}
	if _, _, err := Decode[*every]([]byte(`{"payload":[{"s":"a"},{"s":"b"}]}`), true); err != nil {
		t.Error(err)
	}
	// Would each list or object be looked through before it is read, that were a hundred billion bytes.
	const levels = 3000
	tail := `"s":"` + strings.Repeat("x", 30<<20) + `"`
	for _, level := range [][2]string{{`{"o":[`, `]}`}, {`{"l":`, `}`}} {
		body := strings.Repeat(level[0], levels) + "{" + tail + "}" + strings.Repeat(level[1], levels)
		got, _, err := Decode[*every]([]byte(body), false)
		if err != nil {
			t.Fatal(err)
		}
		depth := 0
		for ; got.O != nil || len(got.L) == 1; depth++ {
			if got.O != nil {
				got = got.O
			} else {
				got = &got.L[0]
			}
		}
		if depth != levels || len(got.S) != 30<<20 {
			t.Errorf("%d levels of %s", depth, level[0])
		}
	}
	if _, err := Settle("orders20260101.searchOrders", []byte(`[[{"orders":[]}]]`)); !errors.As(err, new(*ForeignError)) {
		t.Fatalf("lists in each other are taken for orders: %v", err)
	}
	nested := []byte(strings.Repeat("[", 9000) + `{"orders":[],` + tail + "}" + strings.Repeat("]", 9000))
	if _, err := Settle("orders20260101.searchOrders", nested); err == nil {
		t.Error("lists in each other are taken for orders")
	}
}

// How deep values may lie in each other is the same wherever they stand.
func TestDepth(t *testing.T) {
	for depth, want := range map[int]bool{9999: true, 10000: true, 10001: false, 1000000: false} {
		lists := strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1)
		objects := strings.Repeat(`{"o":`, depth-1) + "{}" + strings.Repeat("}", depth-1)
		for _, body := range []string{`{"raw":` + lists + `}`, `{"unknown":` + lists + `}`, `{"s":` + lists + `}`, objects, `{"l":` + lists + `}`,
			strings.Repeat("[", depth) + strings.Repeat("]", depth)} {
			_, _, err := Decode[*every]([]byte(body), false)
			if (err == nil) != want || json.Valid([]byte(body)) != want {
				t.Errorf("%d deep, %.20s: %v", depth, body, err)
			}
		}
		if _, _, err := Decode[*every]([]byte(`{"unknown":`+strings.Repeat("[", depth-1)), false); want && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d deep and cut: %v", depth, err)
		}
	}
}

// Text of every kind is what encoding/json makes of it; halves of surrogate pairs and all.
func TestTexts(t *testing.T) {
	halves := []string{`\ud83d`, `\ude00`, `\uD83D\uDE00`, `\u0041`, `x`, `ü`, `\n`, `\"`, `\\`, `\/`, `\u0000`, `\uffff`, `\u00FC`, "\x7f", "\u2028"}
	for _, a := range halves {
		for _, b := range halves {
			for _, c := range append(halves, strings.Repeat("long ", 300)) {
				text := `"` + a + b + c + `"`
				var want string
				if err := json.Unmarshal([]byte(text), &want); err != nil {
					t.Fatal(err)
				}
				got, warnings, err := Decode[*every]([]byte(`{"s":`+text+`,"ss":[`+text+`],"m":{`+text+`:`+text+`}}`), false)
				if err != nil || len(warnings) > 0 || got.S != want || got.SS[0] != want || got.M[want] != want {
					t.Fatalf("%s is read as %+v, %v, %v, want %q", text, got, warnings, err, want)
				}
			}
		}
	}
	// A byte that ends or breaks a string is found at each place of the eight that are looked at together.
	for n := range 20 {
		plain := strings.Repeat("é", n/2) + strings.Repeat("x", n-n/2)
		for bad := range 256 {
			body := []byte(`{"s":"` + plain + string([]byte{byte(bad)}) + `ab"}`)
			_, _, err := Decode[*every](body, false)
			valid := json.Valid(bytes.ToValidUTF8(body, []byte("?")))
			if (err == nil) != valid {
				t.Fatalf("%q: %v", body, err)
			}
		}
	}
}

// Bad UTF-8 is told wherever it stands, and hides nothing.
func TestNotUTF8(t *testing.T) {
	for _, bad := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "abcdefgh\x80"} {
		whole := strings.ToValidUTF8(bad, "\uFFFD")
		for _, body := range []string{`{"s":"%s"}`, `{"unknown":"%s","s":""}`, `{"%s":1}`, `{"unknown":{"%s":[]}}`, `{"raw":["%s"]}`, `{"m":{"%s":"%s"}}`,
			`{"ss":["\n%s"]}`, `{"i":"%s"}`, `{"o":["%s"]}`} {
			text := strings.ReplaceAll(body, "%s", bad)
			mended := strings.ReplaceAll(body, "%s", whole)
			got, warnings, err := Decode[*every]([]byte(text), false)
			want, others, wantErr := Decode[*every]([]byte(mended), false)
			if err != nil || wantErr != nil || len(warnings) != 1+len(others) || warnings[0].Reason != replacedBytes {
				t.Fatalf("%q: %v, %v", text, warnings, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
		if _, err := Settle("orders20260101.searchOrders", []byte(`{"x":"`+bad+`"}`)); !errors.As(err, new(*ForeignError)) {
			t.Errorf("a body of others with %q: %v", bad, err)
		}
		if _, err := Settle("orders20260101.searchOrders", []byte(`{"message":"`+bad+`"}`)); !errors.As(err, new(*ForeignError)) {
			t.Errorf("a gateway's message with %q: %v", bad, err)
		}
		if s, err := Settle("orders20260101.searchOrders", []byte(`{"x":"`+bad+`","payload":{"orders":[]}}`)); err != nil || string(s.Body) != `{"orders":[]}` {
			t.Errorf("a wrapper with %q: %s, %v", bad, s.Body, err)
		}
	}
}

// What is no JSON as a whole is nobody's body: the reader tells.
func TestForeignIsJSON(t *testing.T) {
	for _, body := range []string{`0x10`, `01`, `{"x":1}}`, `nulll`, `{"message":"no"} no`, `"x",`, `1_0`, `{"x":"` + "\x01" + `"}`} {
		if s, err := Settle("orders20260101.searchOrders", []byte(body)); err != nil || string(s.Body) != body {
			t.Errorf("%s: %v", body, err)
		}
		if _, _, err := Decode[*every]([]byte(body), false); err == nil || errors.Is(err, errNull) {
			t.Errorf("%s: %v", body, err)
		}
		if is := Outline([]byte(body)); is != "" {
			t.Errorf("%s: %s", body, is)
		}
	}
}

// Errors at the top are never overlooked, declared or not.
func TestErrorsAreNoticed(t *testing.T) {
	check := func(body []byte) {
		t.Helper()
		errs, _, err := TopLevel(body)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		notice := func(kind string, taken Taken, err error) {
			if err != nil || len(errs) > 0 && !taken.Errors {
				t.Errorf("%s: %v are overlooked, %v: %s", kind, errs, err, body)
			}
		}
		read := func(kind string, of reflect.Type, wrapped bool) {
			out := reflect.New(of)
			taken, err := rootOf(of).read(body, wrapped, out.UnsafePointer())
			if !errors.Is(err, errNull) {
				notice(kind, taken, err)
			}
		}
		read("declared", reflect.TypeFor[*every](), false)
		read("undeclared", reflect.TypeFor[*other](), false)
		read("wrapped", reflect.TypeFor[*every](), true)
		read("list", reflect.TypeFor[[]every](), false)
		read("texts", reflect.TypeFor[[]string](), false)
		read("map", reflect.TypeFor[map[string]every](), false)
		read("raw", reflect.TypeFor[json.RawMessage](), false)
		taken, err := Raw("no.such", body)
		notice("Raw", taken, err)
	}
	for _, body := range []string{
		`{"errors":"text"}`, `{"errors":[{"code":"x"}],"errors":null}`, `{"errors":null,"errors":[{"code":"x"}]}`, `{"\u0065rrors":["x"]}`,
		`{"errors":{"errors":[{"code":"x"}]}}`,
		`{"errors":{"code":"x"}}`, `{"errors":[[{"code":"x"}]]}`, ` { "s" : "a" , "errors" : [ "x" ] } `, `{"payload":{"errors":[]},"errors":["x"]}`,
		`{"payload":null,"errors":{"message":1}}`,
		`{"s":"x","o":{"errors":["x"]}}`, `[{"errors":["x"]}]`, `null`, `{"errors":[]}`,
	} {
		check([]byte(body))
	}
	r := rand.New(rand.NewPCG(7, 8))
	for range 400 {
		w := &writer{r: r, odd: 30, blank: r.IntN(3) == 0}
		w.object([]string{"errors", "s", "payload", "o", "code", "errors", "l"}, 2)
		check(w.b.Bytes())
	}
	for body, want := range map[string]bool{
		`{"errors":[],"s":"a"}`: false, `{"errors":null}`: false, `{"s":"a","o":{"errors":["x"]}}`: false, `{"errors":["x"]}`: true,
	} {
		var out *every
		taken, err := rootOf(reflect.TypeFor[*every]()).read([]byte(body), false, unsafe.Pointer(&out))
		if err != nil || taken.Errors != want {
			t.Errorf("%s: %v, %v", body, taken.Errors, err)
		}
	}
}

// Find gives the same answer with the lists that have been passed over and without.
func TestFindWithLists(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	used := 0
	for range 60 {
		w := &writer{r: r, odd: 10, blank: r.IntN(2) == 0}
		w.write(`{"payload":`)
		w.every(3)
		w.write(`,"token":"x","other":[` + strings.Repeat(`{"code":"ab ü"},`, 200) + `7],"last":{"token":[1]}}`)
		body := w.b.Bytes()
		var out *every
		read, err := rootOf(reflect.TypeFor[*every]()).read(body, true, unsafe.Pointer(&out))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := Raw("no.such", body)
		if err != nil {
			t.Fatal(err)
		}
		for _, taken := range []Taken{read, raw} {
			used += len(taken.Lists)
			for i, l := range taken.Lists {
				s := scan(taken.Body[l.From:])
				if text := s.raw(); s.err != nil || len(text) != l.To-l.From {
					t.Fatalf("a list ends at %d, not at %d", l.From+len(text), l.To)
				}
				if i > 0 && l.From < taken.Lists[i-1].To {
					t.Fatal("lists aren't in order")
				}
			}
			for _, path := range []string{"token", "last.token", "last", "payload.s", "payload.o.s", "payload.l", "payload.raw.any",
				"none", "payload.none", "token.none", "other", "payload.m.k1"} {
				with, err := Find(taken.Body, path, taken.Lists)
				without, otherErr := Find(taken.Body, path, nil)
				if err != nil || otherErr != nil || !bytes.Equal(with, without) || (with == nil) != (without == nil) {
					t.Fatalf("%s: %s, %v with lists, %s, %v without: %s", path, with, err, without, otherErr, body)
				}
			}
		}
	}
	if used < 60 {
		t.Errorf("only %d lists were noted", used)
	}
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		body := randomBody(rand.New(rand.NewPCG(a, b)), 0)
		want := asJSON(t, body)
		got, warnings, err := Decode[*every](body, false)
		clear(body)
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}

// The scanner takes what encoding/json calls JSON, and nothing else.
func FuzzScanner(f *testing.F) {
	for _, text := range []string{`{"a":[1,-0.5e+10,true,false,null,"x\u00fc\n"]}`, ` [ ] `, `{}`, `01`, `-`, `1.`,
		`"\x"`, "\"\x01\"", `[1,]`, `{"a":1,}`, `nul`, `"a`, "\xef\xbb\xbf1", `"\ud83d"`, `1 2`, "t 0", "\"abcdefgh\x80\"", ""} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		valid := json.Valid(text)
		s := scan(text)
		if s.skip(); (s.end() == nil) != valid {
			t.Fatalf("%q: %v", text, s.err)
		}
		strict := scan(text)
		strict.utf8 = true
		raw := strict.raw()
		switch err := strict.end(); {
		case valid && err == errNotUTF8:
			if bytes.Equal(text, bytes.ToValidUTF8(text, nil)) {
				t.Fatalf("%q: %v", text, err)
			}
		case (err == nil) != valid:
			t.Fatalf("%q: %v", text, err)
		case valid && !bytes.Equal(raw, bytes.Trim(text, " \t\r\n")):
			t.Fatalf("%q: %q", text, raw)
		case valid && !bytes.Equal(text, bytes.ToValidUTF8(text, nil)):
			t.Fatalf("%q: nothing is said about UTF-8", text)
		}
		var want any
		var syntax *json.SyntaxError
		if err := json.Unmarshal(text, &want); errors.As(err, &syntax) {
			// Of a number or word that is cut short, it says that the blank behind it is wrong.
			blank := strings.HasPrefix(err.Error(), "invalid character ' ' ") && int(syntax.Offset) == len(text) && !bytes.HasSuffix(text, []byte(" "))
			cut := err.Error() == "unexpected end of JSON input" || blank
			if is := errors.Is(s.err, io.ErrUnexpectedEOF); is != cut {
				t.Fatalf("%q: %v, %v", text, s.err, err)
			}
		}
	})
}

// torn keeps what it reads also when it refuses it.
type torn struct{ text string }

func (v *torn) UnmarshalText(text []byte) error {
	v.text = string(text)
	return errors.New("torn")
}

// What a type refuses to read of itself leaves nothing behind.
func TestRefusedTexts(t *testing.T) {
	type holder struct {
		V torn   `json:"v"`
		L []torn `json:"l"`
	}
	got, warnings, err := Decode[*holder]([]byte(`{"v":"a","l":["b"]}`), false)
	if err != nil || got.V != (torn{}) || got.L[0] != (torn{}) || len(warnings) != 2 || warnings[1].Path != "l[0]" {
		t.Errorf("%+v, %v, %v", got, warnings, err)
	}
}

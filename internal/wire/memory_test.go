package wire

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// heap is what is reachable, in bytes.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// page is a body with a list of n elements of so many bytes in texts; sizes take turns.
func page(n int, sizes ...int) []byte {
	var b strings.Builder
	b.WriteString(`{"l":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		size := sizes[i%len(sizes)]
		fmt.Fprintf(&b, `{"s":"902-%07d-%07d","name":"%s","o":{"s":"%s","i":%d},"ss":["%s"],"other":[{"code":"%s"},{"code":"%s"}]}`,
			i, i, strings.Repeat("n", size/4), strings.Repeat("m", size/4), i, strings.Repeat("x", size/4), strings.Repeat("c", size/8), strings.Repeat("d", size/8))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func mustDecode(t testing.TB, body []byte) *every {
	t.Helper()
	out, warnings, err := Decode[*every](body, false)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return out
}

// Who keeps one text of each element keeps those elements' texts alive, and no page.
func TestKeptTexts(t *testing.T) {
	body := page(100, 400)
	before := heap()
	var ids []string
	for range 200 {
		for _, element := range mustDecode(t, body).L {
			ids = append(ids, element.S)
		}
	}
	took := heap() - before
	if most := 20000 * (400 + 19 + 200); took > most { // pages would be 200 times 100 structs of 500 bytes more
		t.Errorf("20000 ids of 19 bytes keep %d bytes, more than %d", took, most)
	}
	runtime.KeepAlive(ids)

	before = heap()
	var one []string
	for range 200 {
		one = append(one, mustDecode(t, body).L[50].S)
	}
	if took := heap() - before; took > 200*1000 {
		t.Errorf("200 ids, each of another page of %d bytes, keep %d bytes", len(body), took)
	}
	runtime.KeepAlive(one)
}

// needed is what an exact copy of a value takes beside the value itself.
func needed(v reflect.Value) (bytes int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			bytes = int(v.Type().Elem().Size()) + needed(v.Elem())
		}
	case reflect.String:
		bytes = v.Len()
	case reflect.Slice:
		bytes = v.Len() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			bytes += needed(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() != timeType {
			for i := range v.NumField() {
				bytes += needed(v.Field(i))
			}
		}
	}
	return bytes
}

// What results take is not much more than an exact copy of them would, whatever the bodies before were like.
func TestWaste(t *testing.T) {
	join := func(a, b []byte) []byte { return []byte(string(a[:len(a)-1]) + "," + string(b[1:])) }
	followed := join(page(100, 40), []byte(`{"raw":"`+strings.Repeat("r", 60000)+`"}`))
	dense := []byte(`{"l":[` + strings.Repeat("{},", 9999) + `{}]}`)
	deep := []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat(`{"l":[{"l":[{"s":"a"}]},{"l":[{"s":"b"}]}]},`, 100), ",") + `]}`)
	for _, c := range []struct {
		name   string
		bodies [][]byte
		most   float64 // times what is needed
	}{
		{"equal elements", [][]byte{page(100, 400)}, 1.3},
		{"short texts", [][]byte{page(100, 40)}, 1.3},
		{"a huge element among small ones", [][]byte{page(100, append([]int{8000}, make([]int, 99)...)...)}, 1.5},
		{"every twentieth is large", [][]byte{page(200, append([]int{4000}, make([]int, 19)...)...)}, 1.7},
		{"every third is large", [][]byte{page(200, 1500, 40, 40)}, 1.9},
		{"sizes take turns", [][]byte{page(200, 100, 1200)}, 1.6},
		{"a single one after a page", [][]byte{page(100, 400), page(1, 400)}, 1.7},
		{"single ones", [][]byte{page(1, 400)}, 1.6},
		{"few large after many small", [][]byte{page(500, 8), page(5, 20000)}, 1.6},
		{"other things behind the list", [][]byte{followed}, 1.4},
		{"other things behind the list, and pages between", [][]byte{page(200, 40), followed}, 1.4},
		{"of nothing, and pages between", [][]byte{dense, page(10, 2000)}, 1.8},
		{"lists of the same type in each other", [][]byte{deep}, 3},
	} {
		before := heap()
		var results []*every
		need := 0
		for len(results) < 40 {
			for _, body := range c.bodies {
				result := mustDecode(t, body)
				need += needed(reflect.ValueOf(result))
				results = append(results, result)
			}
		}
		took := heap() - before
		ratio := float64(took) / float64(need)
		t.Logf("%s: %d bytes for %d: %.2f", c.name, took, need, ratio)
		if ratio > c.most {
			t.Errorf("%s: %d bytes are held for %d: %.2f times, more than %.2f", c.name, took, need, ratio, c.most)
		}
		runtime.KeepAlive(results)
	}
}

// A body makes the reader allocate little more than its result has to, however little of the body each element takes.
func TestHostileBodies(t *testing.T) {
	size := int(reflect.TypeFor[every]().Size())
	for _, c := range []struct {
		name, open, element string
		n, each             int // bytes that a result needs for an element
	}{
		{"objects of nothing", `{"l":[`, "{}", 20000, size},
		{"nulls", `{"l":[`, "null", 20000, size},
		{"empty lists", `{"ll":[`, "[]", 100000, 24},
		{"lists of one", `{"ll":[`, "[{}]", 50000, 24 + int(reflect.TypeFor[other]().Size())},
		{"empty texts", `{"ss":[`, `""`, 100000, 16},
		{"what doesn't fit", `{"ss":[`, `{}`, 100000, 16},
	} {
		body := []byte(c.open + strings.TrimSuffix(strings.Repeat(c.element+",", c.n), ",") + "]}")
		var before, after runtime.MemStats
		heap() // readers that remember other bodies are gone
		runtime.ReadMemStats(&before)
		result, _, err := Decode[*every](body, false)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		allocated := int(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s: %d bytes of body, %d allocated, %.2f of what the result takes", c.name, len(body), allocated, float64(allocated)/float64(c.n*c.each))
		if allocated > 2*c.n*c.each+100000 {
			t.Errorf("%s: %d bytes are allocated for a result of %d", c.name, allocated, c.n*c.each)
		}
		runtime.KeepAlive(result)
	}
	// Nor does one that breaks off.
	broken := []byte(`{"l":[` + strings.Repeat("{},", 20000))
	var before, after runtime.MemStats
	heap()
	runtime.ReadMemStats(&before)
	if _, _, err := Decode[*every](broken, false); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if allocated, most := int(after.TotalAlloc-before.TotalAlloc), 5*20000*size/2; allocated > most {
		t.Errorf("%d bytes are allocated for a body that breaks off, more than %d", allocated, most)
	}
	// A body of nothing before doesn't make the next one expensive.
	mustDecode(t, []byte(`{"l":[`+strings.Repeat("{},", 300000)+`{}]}`))
	body := []byte(`{"l":[{"s":"a"}],"raw":"` + strings.Repeat("x", 100000) + `"}`)
	runtime.ReadMemStats(&before)
	mustDecode(t, body)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 20*uint64(len(body)) {
		t.Errorf("%d bytes are allocated for a body of %d", allocated, len(body))
	}
}

// What a trimmed list was read into is used again, as if it were new.
func TestTrimmedListsLeaveNothing(t *testing.T) {
	dense := []byte(`{"other":[` + strings.Repeat("{},", 999) + `{}]}`)
	large := strings.Repeat("x", 1000)
	for range 3 {
		mustDecode(t, dense)
		got := mustDecode(t, []byte(`{"other":[{"code":"`+large+`","i":1},{"code":"`+large+`"}],"errors":[{},{},{"message":"m"}]}`))
		if len(got.Other) != 2 || got.Other[0].Code != large || *got.Other[0].I != 1 ||
			got.Errors[0] != (other{}) || got.Errors[1] != (other{}) || got.Errors[2] != (other{Message: "m"}) {
			t.Errorf("%.100v %.100v", got.Other, got.Errors)
		}
		if cap(got.Other) != 2 {
			t.Errorf("capacity %d", cap(got.Other))
		}
	}
}

// A reader that waits for its next body holds nothing of the last one, nor of its result.
func TestReleasedReaderKeepsNothing(t *testing.T) {
	of := reflect.TypeFor[*every]()
	c := compiler{forms: map[reflect.Type]*form{}}
	r := &root{form: c.compile(of)}
	r.top, r.forms = r.form.elem, len(c.forms)
	reader := newReader(r.forms)
	r.readers.New = func() any { return reader } // also where the race detector has the pool drop what it gets
	for _, body := range []string{string(page(50, 100)),
		`{"s":"a","ss":["x"],"l":[{"i":1,"b":true,"s":"` + "\xff" + `"}],"o":{"o":{}},"x":"y"}`,
		`{"l":[{"s":"a"},{"s":`} {
		var out *every
		_, _ = r.read([]byte(body), false, unsafe.Pointer(&out))
		if reader.buf != nil || reader.texts.block != nil || reader.ints.free != nil || reader.bools.free != nil || reader.warns != nil || reader.lists != nil {
			t.Error("the reader holds memory of its last body")
		}
		for i, s := range reader.states {
			for _, m := range append(s.many, s.one) {
				if m.free != nil || m.left != 0 {
					t.Errorf("the reader holds room for form %d", i)
				}
			}
		}
	}
}

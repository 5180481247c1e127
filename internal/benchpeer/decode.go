// Package benchpeer is what benchmarks measure with: pages as the service sends them, other decoders and bare clients to stand beside, and a server in
// a process of its own. Tests use it; nothing that ships does.
package benchpeer

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/bytedance/sonic"
	"github.com/go-faster/jx"

	"github.com/openspapi/spapi/internal/wire"
)

// Decoding is a page and what reads it.
type Decoding[T any] struct {
	Page     []byte
	Wrapped  bool // the result is the member "payload" of the page
	Decode   func(body []byte) (*T, []wire.Warning, error)
	Elements int          // on the page
	Count    func(*T) int // elements that a result has
}

// wrapped is a result behind its wrapper.
type wrapped[T any] struct {
	Payload *T `json:"payload"`
}

// optdec tells that sonic uses another decoder than the one that it compiles to machine code. It can be chosen by this variable only, and is the faster one
// for some types.
var optdec = os.Getenv("SONIC_USE_OPTDEC") == "1"

// peers are the other decoders. They read into the same structs.
var peers = []struct {
	name      string
	unmarshal func(body []byte, into any) error
}{
	{sonicName(""), sonic.Unmarshal},                                       // as Go clients use it: it copies the body, and strings are parts of the copy
	{sonicName("-copy"), sonic.Config{CopyString: true}.Froze().Unmarshal}, // strings are copies, as ours are
	{sonicName("-fastest"), func(body []byte, into any) error { // copies nothing: the result is good only as long as nobody writes to the body
		return sonic.ConfigFastest.UnmarshalFromString(unsafe.String(unsafe.SliceData(body), len(body)), into)
	}},
	{"encoding-json", json.Unmarshal},
}

func sonicName(variant string) string {
	if optdec {
		return "sonic-optdec" + variant
	}
	return "sonic" + variant
}

// Benchmark measures the decoder, its peers, and two floors that keep nothing: jx going over the page, and only looking whether it is UTF-8.
func (d *Decoding[T]) Benchmark(b *testing.B) {
	if sonic.APIKind != sonic.UseSonicJSON {
		b.Fatal("on this platform or with this version of Go sonic is encoding/json under another name: it needs one that it supports to stand beside")
	}
	d.run(b, "spapi", func() (*T, error) {
		out, _, err := d.Decode(d.Page)
		return out, err
	})
	for _, peer := range peers {
		d.run(b, peer.name, func() (*T, error) { return d.read(peer.unmarshal) })
	}
	var skip jx.Decoder
	d.floor(b, "floor-skip", func() bool {
		skip.ResetBytes(d.Page)
		return skip.Skip() == nil
	})
	d.floor(b, "floor-utf8", func() bool { return utf8.Valid(d.Page) })
}

func (d *Decoding[T]) read(unmarshal func([]byte, any) error) (*T, error) {
	if d.Wrapped {
		var out wrapped[T]
		err := unmarshal(d.Page, &out)
		return out.Payload, err
	}
	out := new(T)
	return out, unmarshal(d.Page, out)
}

func (d *Decoding[T]) run(b *testing.B, name string, decode func() (*T, error)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(d.Page)))
		d.check(b, decode) // what is compiled at first use is compiled now
		start := processorTime()
		for b.Loop() {
			d.check(b, decode)
		}
		reportProcessorTime(b, start)
	})
}

func (d *Decoding[T]) check(tb testing.TB, decode func() (*T, error)) {
	out, err := decode()
	if err != nil {
		tb.Fatal(err)
	}
	if n := d.Count(out); n != d.Elements {
		tb.Fatalf("%d elements, want %d", n, d.Elements)
	}
}

func (d *Decoding[T]) floor(b *testing.B, name string, pass func() bool) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(d.Page)))
		start := processorTime()
		for b.Loop() {
			if !pass() {
				b.Fatal("the page is refused")
			}
		}
		reportProcessorTime(b, start)
	})
}

// reportProcessorTime is what other work on the machine blurs less than time, and what a garbage collector on another processor doesn't hide.
func reportProcessorTime(b *testing.B, start time.Duration) {
	if used := processorTime() - start; used > 0 {
		b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
	}
}

// Test holds the decoder to its peers, so that all do the same work, and to a number of allocations for each page.
func (d *Decoding[T]) Test(t *testing.T, allocations int) {
	if size := len(d.Page); size < 100_000 || size > 200_000 {
		t.Errorf("the page has %d bytes, want 100 to 200 KB", size)
	}
	ours, warnings, err := d.Decode(d.Page)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("error %v, warnings %v", err, warnings)
	}
	d.check(t, func() (*T, error) { return ours, nil })
	want := text(t, ours)
	if d.leavesOut(t, want) {
		t.Error("the page has members that its type lacks: decoders don't do the same work")
	}
	for _, peer := range peers {
		theirs, err := d.read(peer.unmarshal)
		if err != nil {
			t.Errorf("%s: %v", peer.name, err)
			continue
		}
		if got := text(t, theirs); !bytes.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("%s reads %.200s, spapi %.200s", peer.name, got[max(0, at-40):], want[max(0, at-40):])
		}
	}
	if got := testing.AllocsPerRun(10, func() { _, _, _ = d.Decode(d.Page) }); got > float64(allocations) {
		t.Errorf("%.0f allocations a page, want at most %d", got, allocations)
	}
}

// leavesOut reports whether the page has what the result lacks.
func (d *Decoding[T]) leavesOut(t *testing.T, result []byte) bool {
	page := d.Page
	if d.Wrapped {
		var w wrapped[json.RawMessage]
		if err := json.Unmarshal(page, &w); err != nil {
			t.Fatal(err)
		}
		page = *w.Payload
	}
	return count(t, page) != count(t, result)
}

// count is how many values a text has.
func count(t *testing.T, text []byte) (n int) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var visit func(v any)
	visit = func(v any) {
		n++
		switch v := v.(type) {
		case map[string]any:
			for _, v := range v {
				visit(v)
			}
		case []any:
			for _, v := range v {
				visit(v)
			}
		}
	}
	visit(v)
	return n
}

func text(t *testing.T, v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Package benchpeer is what benchmarks measure with: pages as the service sends them, other decoders and bare clients to stand beside, and a server in
// a process of its own. Tests use it; nothing that ships does.
package benchpeer

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
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
	Wrapped  bool         // the result is the member "payload" of the page
	Elements int          // on the page
	Count    func(*T) int // elements that a result has
}

// Decode reads a body as a call does.
func (d *Decoding[T]) Decode(body []byte) (*T, []wire.Warning, error) {
	return wire.Decode[*T](body, d.Wrapped)
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
	for _, problem := range d.problems(d.Decode, allocations) {
		t.Error(problem)
	}
}

func (d *Decoding[T]) problems(decode func([]byte) (*T, []wire.Warning, error), allocations int) (told []string) {
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	if size := len(d.Page); size < 100_000 || size > 200_000 {
		tell("the page has %d bytes, want 100 to 200 KB", size)
	}
	ours, warnings, err := decode(d.Page)
	if err != nil || len(warnings) > 0 {
		tell("error %v, warnings %v", err, warnings)
		return told
	}
	if n := d.Count(ours); n != d.Elements {
		tell("%d elements, want %d", n, d.Elements)
	}
	want, err := json.Marshal(ours)
	if err != nil {
		tell("the result is no JSON: %v", err)
		return told
	}
	if page, result := values(d.Page), values(want); page != result && !(d.Wrapped && page == result+1) {
		tell("the page has %d values, the result %d: decoders don't do the same work", page, result)
	}
	for _, peer := range peers {
		theirs, err := d.read(peer.unmarshal)
		var got []byte
		if err == nil {
			got, err = json.Marshal(theirs)
		}
		if err != nil {
			tell("%s: %v", peer.name, err)
			continue
		}
		if at := common(got, want); at < max(len(got), len(want)) {
			tell("%s reads %.100q, spapi %.100q", peer.name, got[max(0, at-40):], want[max(0, at-40):])
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which empties pools whenever it comes
	if got := testing.AllocsPerRun(10, func() { _, _, _ = decode(d.Page) }); got > float64(allocations) {
		tell("%.0f allocations a page, want at most %d", got, allocations)
	}
	return told
}

// values is how many a text has, lists and objects included.
func values(text []byte) (n int) {
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
	var v any
	if json.Unmarshal(text, &v) == nil {
		visit(v)
	}
	return n
}

// common is how many bytes a and b have in common from the first on.
func common(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

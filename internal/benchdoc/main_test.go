package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Three rounds of one suite, as a test binary prints them. In the second round the machine was half as fast for the first of the two.
var printed = []string{`goos: linux
goarch: amd64
pkg: github.com/openspapi/spapi/api/ordersv0
cpu: Some CPU
BenchmarkGetOrdersPage/spapi-2         	    1924	    500000 ns/op	 250.12 MB/s	    600000 cpu-ns/op	  365276 B/op	     298 allocs/op
BenchmarkGetOrdersPage/sonic-2         	    1392	   1000000 ns/op	 125.06 MB/s	    800000 cpu-ns/op	  471449 B/op	    2980 allocs/op
BenchmarkGetOrdersPage/floor-skip-2    	    1392	    250000 ns/op	    200000 cpu-ns/op
PASS
`, `BenchmarkGetOrdersPage/spapi-2         	    1924	   1000000 ns/op	 125.12 MB/s	    600000 cpu-ns/op	  365276 B/op	     298 allocs/op
BenchmarkGetOrdersPage/sonic-2         	    1392	   1000000 ns/op	 125.06 MB/s	    800000 cpu-ns/op	  471449 B/op	    2980 allocs/op
BenchmarkGetOrdersPage/floor-skip-2    	    1392	    250000 ns/op	    200000 cpu-ns/op
PASS
`, `BenchmarkGetOrdersPage/spapi-2         	    1924	    400000 ns/op	 312.12 MB/s	    600000 cpu-ns/op	  365276 B/op	     298 allocs/op
BenchmarkGetOrdersPage/sonic-2         	    1392	   1000000 ns/op	 125.06 MB/s	    800000 cpu-ns/op	  471449 B/op	    2980 allocs/op
BenchmarkGetOrdersPage/floor-skip-2    	    1392	    200000 ns/op	    200000 cpu-ns/op
PASS
`}

const export = `BenchmarkReport/zcat-iconv-2 	1	 800000000 ns/op	  86.12 MB/s	         0.6697 cpu-s
BenchmarkReport/csv_out-2 	1	 400000000 ns/op	  85.13 MB/s	         0.6371 cpu-s	        15.70 peak-MiB
`

const slow = `BenchmarkSlow/spapi-2 	1	 300000 ns/op
BenchmarkSlow/sonic-2 	1	 200000 ns/op
`

func measured(t *testing.T) *report {
	t.Helper()
	r := &report{machine: "Some CPU, 2", date: time.Date(2026, 3, 8, 23, 0, 0, 0, time.UTC), took: 61400 * time.Millisecond, versions: "go1.26.0, sonic v1.2.3",
		loadBefore: "0.10 0.20 0.30", loadAfter: "1.10 0.40 0.30", processors: 2, rounds: 3}
	for _, output := range printed {
		if err := r.add(suite{pkg: "api/ordersv0"}, output); err != nil {
			t.Fatal(err)
		}
		if err := r.add(suite{pkg: "document/export", base: "zcat-iconv"}, export); err != nil {
			t.Fatal(err)
		}
		if err := r.add(suite{pkg: "."}, slow); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestBlock(t *testing.T) {
	table := []string{"api/ordersv0 GetOrdersPage"}
	both := []string{table[0], ". Slow"}
	got, err := measured(t).block([]goal{
		{text: "no slower than sonic", tables: table, row: "spapi", than: "sonic", most: 1},
		{text: "as fast as skipping", tables: table, row: "spapi", than: "floor-skip", most: 1},
		{text: "half of sonic's, one of two", tables: both, row: "spapi", than: "sonic", most: 0.5, atLeast: 1},
		{text: "half of sonic's, both", tables: both, row: "spapi", than: "sonic", most: 0.5},
		{text: "298 allocations", tables: table, row: "spapi", allocs: 298},
		{text: "297 allocations", tables: table, row: "spapi", allocs: 297},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := `<!-- machine: Some CPU, 2 -->
### Some CPU, 2

Run of 2026-03-08 with go1.26.0, sonic v1.2.3, 3 rounds, 1m1s; load over 1, 5 and 15 minutes 0.10 0.20 0.30 before and 1.10 0.40 0.30 after.

| goal | here | processor time | |
|---|---:|---:|---|
| no slower than sonic | 0.50 | 0.75 | holds |
| as fast as skipping | 2.00 | 3.00 | missed |
| half of sonic's, one of two | 0.50, 1.50 | 0.75 | holds |
| half of sonic's, both | 0.50, 1.50 | 0.75 | missed |
| 298 allocations | 298 |  | holds |
| 297 allocations | 298 |  | missed |

#### GetOrdersPage (api/ordersv0)

| | time | spapi ÷ this | range | processor | ratio | bytes | allocations | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
| spapi | 500.0 µs |  |  | 600.0 µs |  | 365276 | 298 |  |
| sonic | 1.00 ms | 0.50 | 0.40–1.00 | 800.0 µs | 0.75 | 471449 | 2980 |  |
| floor-skip | 250.0 µs | 2.00 | 2.00–4.00 | 200.0 µs | 3.00 |  |  |  |

#### Report (document/export)

| | time | this ÷ zcat-iconv | range | processor | ratio | bytes | allocations | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
| zcat-iconv | 800.00 ms |  |  |  |  |  |  | 0.67 cpu-s |
| csv out | 400.00 ms | 0.50 | 0.50–0.50 |  |  |  |  | 0.637 cpu-s, 15.7 peak-MiB |

#### Slow (spapi)

| | time | spapi ÷ this | range | processor | ratio | bytes | allocations | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
| spapi | 300.0 µs |  |  |  |  |  |  |  |
| sonic | 200.0 µs | 1.50 | 1.50–1.50 |  |  |  |  |  |

<!-- end of machine -->
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	busy := measured(t)
	busy.loadBefore = "1.01 0.20 0.30"
	if got, err := busy.block(nil, false); err != nil || !strings.Contains(got, "Other work was on the machine") {
		t.Errorf("of a busy machine: %v\n%s", err, got)
	}
	if part, err := measured(t).block(goals, false); err != nil || strings.Contains(part, "goal") {
		t.Errorf("of a part of the benchmarks: %v\n%s", err, part)
	}
}

func TestBlockRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*report)
		goals  []goal
		want   string
	}{
		"a row that lacks a round": {func(r *report) { r.rounds = 4 }, nil, "measured 3 times in 4 rounds"},
		"no row to hold against":   {func(r *report) { r.tables[1].base = "cat" }, nil, `no row for "this ÷ cat"`},
		"a goal about nothing":     {func(*report) {}, goals, "no benchmark api/orders20260101 SearchOrdersPage"},
	} {
		r := measured(t)
		c.change(r)
		if _, err := r.block(c.goals, true); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	for _, output := range []string{"", "PASS\n", printed[0] + "--- FAIL: BenchmarkX\n", "BenchmarkAlone-2  1  80 ns/op\n"} {
		if err := new(report).add(suite{}, output); err == nil {
			t.Errorf("%q is taken", output)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		figures []float64
		want    float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.figures); got != c.want {
			t.Errorf("of %v: %v, want %v", c.figures, got, c.want)
		}
	}
}

// A run writes the block of its own machine, and leaves what another one has shown.
func TestReplace(t *testing.T) {
	page := "# Head\n" + begin + "\n" + end + "\ntail\n"
	put := func(machine, text string) {
		t.Helper()
		var err error
		if page, err = replace(page, machine, beginOfMachine(machine)+"\n"+text+"\n"+endOfMachine+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	put("A, 2", "other processors")
	put("A", "first of A")
	put("B", "first of B")
	put("A", "second of A")
	block := func(machine, text string) string {
		return beginOfMachine(machine) + "\n" + text + "\n" + endOfMachine + "\n\n"
	}
	want := "# Head\n" + begin + "\n\n" + block("A, 2", "other processors") + block("A", "second of A") + block("B", "first of B") + end + "\ntail\n"
	if page != want {
		t.Errorf("got\n%s\nwant\n%s", page, want)
	}
	for _, broken := range []string{"# Head\n", end + begin, begin + beginOfMachine("A") + end} {
		if got, err := replace(broken, "A", "x"); err == nil {
			t.Errorf("%q became %q", broken, got)
		}
	}
}

func TestMachineName(t *testing.T) {
	const cpuinfo = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n"
	for _, c := range []struct{ info, want string }{
		{cpuinfo, "AMD EPYC, family 25, model 17, number of processors 2, linux/amd64"},
		{"", "unknown, family unknown, model unknown, number of processors 2, linux/amd64"},
	} {
		if got := machineName("linux", "amd64", 2, c.info); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The page is one that a run can write to.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replace(string(page), "none", "x"); err != nil {
		t.Error(err)
	}
}

// The suites name benchmarks that there are.
func TestSuites(t *testing.T) {
	for _, s := range suites {
		files, _ := filepath.Glob(filepath.Join("../..", s.pkg, "*_test.go"))
		found := false
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				found = found || ok && f.Name.Name == "Benchmark"+s.bench
			}
		}
		if !found {
			t.Errorf("%s has no Benchmark%s", s.pkg, s.bench)
		}
		if _, err := time.ParseDuration(s.time); err != nil && !strings.HasSuffix(s.time, "x") {
			t.Errorf("%s %s: %v", s.pkg, s.bench, err)
		}
	}
	for _, g := range goals {
		for _, name := range g.tables {
			pkg, bench, _ := strings.Cut(name, " ")
			bench, _, _ = strings.Cut(bench, "/")
			found := false
			for _, s := range suites {
				found = found || s.pkg == pkg && s.bench == bench
			}
			if !found {
				t.Errorf("the goal %q is about %s, which is in no suite", g.text, name)
			}
		}
		if g.than == "" == (g.allocs == 0) || g.than != "" && g.most == 0 {
			t.Errorf("the goal %q bounds either a ratio or allocations", g.text)
		}
	}
}

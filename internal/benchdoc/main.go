// Command benchdoc puts the output of "go test -bench" into docs/performance.md, between its two markers. A benchmark with
// sub-benchmarks becomes a table in which every row is also given as a ratio to the first.
//
//	go test -run '^$' -bench . -benchmem ./... | go run ./internal/benchdoc docs/performance.md
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	begin = "<!-- benchmarks: written by make bench -->"
	end   = "<!-- end of benchmarks -->"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -bench . ./... | benchdoc FILE")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "benchdoc:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, echo io.Writer, file string) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := bytes.Index(doc, []byte(begin)), bytes.Index(doc, []byte(end))
	if from < 0 || to < from {
		return fmt.Errorf("%s lacks the lines %q and %q", file, begin, end)
	}
	report, err := parse(io.TeeReader(in, echo))
	if err != nil {
		return err
	}
	out := slices.Concat(doc[:from+len(begin)], []byte("\n\n"+report.markdown()), doc[to:])
	return os.WriteFile(file, out, 0o644)
}

// result is one line of a benchmark: its figures by unit.
type result struct {
	name  string
	units map[string]float64
}

// group is a benchmark with its variants.
type group struct {
	pkg, name string
	results   []result
}

type report struct {
	machine []string // goos, goarch, cpu
	groups  []*group
}

var (
	line   = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	figure = regexp.MustCompile(`([0-9.e+]+) (\S+)`)
)

func parse(in io.Reader) (*report, error) {
	r := &report{}
	pkg := ""
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		text := scanner.Text()
		if key, value, ok := strings.Cut(text, ": "); ok {
			switch key {
			case "pkg":
				pkg = strings.TrimPrefix(strings.TrimPrefix(value, "github.com/openspapi/spapi"), "/")
			case "goos", "goarch", "cpu":
				if !slices.Contains(r.machine, value) {
					r.machine = append(r.machine, value)
				}
			}
		}
		if strings.HasPrefix(text, "--- FAIL") || strings.HasPrefix(text, "FAIL") {
			return nil, fmt.Errorf("a benchmark failed: %s", text)
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		name, variant := m[1], ""
		if i := strings.LastIndex(name, "/"); i >= 0 {
			name, variant = name[:i], name[i+1:]
		}
		res := result{name: variant, units: map[string]float64{}}
		for _, f := range figure.FindAllStringSubmatch(m[2], -1) {
			v, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", text, err)
			}
			res.units[f[2]] = v
		}
		if n := len(r.groups); n == 0 || r.groups[n-1].name != name || r.groups[n-1].pkg != pkg {
			r.groups = append(r.groups, &group{pkg: pkg, name: name})
		}
		g := r.groups[len(r.groups)-1]
		g.results = append(g.results, res)
	}
	if len(r.groups) == 0 {
		return nil, fmt.Errorf("no benchmarks in the input")
	}
	return r, scanner.Err()
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s. Ratios are to the first row of each table.\n\n", strings.Join(r.machine, ", "))
	for _, g := range r.groups {
		where := g.pkg
		if where == "" {
			where = "spapi"
		}
		fmt.Fprintf(&b, "### %s (%s)\n\n", strings.ReplaceAll(g.name, "_", " "), where)
		b.WriteString("| | time | ratio | MB/s | bytes | allocations | ratio |\n|---|---:|---:|---:|---:|---:|---:|\n")
		first := g.results[0].units
		for _, res := range g.results {
			u := res.units
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", cell(res.name), duration(u["ns/op"]), ratio(u["ns/op"], first["ns/op"]),
				number(u, "MB/s", 0), number(u, "B/op", 0), number(u, "allocs/op", 0), ratio(u["allocs/op"], first["allocs/op"]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func cell(s string) string {
	if s == "" {
		return "(alone)"
	}
	return s
}

func duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ns", ns)
}

func number(units map[string]float64, unit string, digits int) string {
	v, ok := units[unit]
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func ratio(v, first float64) string {
	if first == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v/first)
}

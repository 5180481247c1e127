package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report is what a run has shown.
type report struct {
	machine               string
	date                  time.Time
	took                  time.Duration
	versions              string // of Go and of peers
	loadBefore, loadAfter string // over 1, 5 and 15 minutes
	processors            int
	rounds                int
	tables                []*table
}

// table is a benchmark with its variants.
type table struct {
	pkg, name string
	base      string
	rows      []*row
}

// row is a variant with its figures by unit, one for each round.
type row struct {
	name    string
	figures map[string][]float64
}

var (
	line   = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	figure = regexp.MustCompile(`([0-9.e+-]+) (\S+)`)
)

// add takes in what a test binary has printed in one round.
func (r *report) add(s suite, output string) error {
	found := false
	for text := range strings.Lines(output) {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "--- FAIL") || strings.HasPrefix(text, "FAIL") {
			return errors.New("a benchmark failed: " + text)
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		found = true
		i := strings.LastIndex(m[1], "/")
		if i < 0 {
			return fmt.Errorf("%s stands alone: want a peer or a floor beside it", m[1])
		}
		row := r.row(s, m[1][:i], m[1][i+1:])
		for _, f := range figure.FindAllStringSubmatch(m[2], -1) {
			v, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			row.figures[f[2]] = append(row.figures[f[2]], v)
		}
	}
	if !found {
		return errors.New("no benchmarks in the output")
	}
	return nil
}

func (r *report) row(s suite, name, variant string) *row {
	t := r.table(s.pkg + " " + name)
	if t == nil {
		t = &table{pkg: s.pkg, name: name, base: s.base}
		r.tables = append(r.tables, t)
	}
	if row := t.row(variant); row != nil {
		return row
	}
	t.rows = append(t.rows, &row{name: variant, figures: map[string][]float64{}})
	return t.rows[len(t.rows)-1]
}

func (r *report) table(name string) *table {
	for _, t := range r.tables {
		if t.pkg+" "+t.name == name {
			return t
		}
	}
	return nil
}

func (t *table) row(name string) *row {
	for _, row := range t.rows {
		if row.name == name {
			return row
		}
	}
	return nil
}

// Units, as benchmarks print them.
const (
	elapsed     = "ns/op"
	processor   = "cpu-ns/op"
	throughput  = "MB/s"
	allocations = "allocs/op"
	allocated   = "B/op"
)

// ratios are how many times as much of a unit a takes as b, round by round.
func ratios(a, b *row, unit string) []float64 {
	of, by := a.figures[unit], b.figures[unit]
	out := make([]float64, 0, len(of))
	for i := range min(len(of), len(by)) {
		out = append(out, of[i]/by[i])
	}
	return out
}

func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// judge tells what a goal's tables show, in time or in allocations and in processor time, and whether it is reached.
func (g goal) judge(r *report) (shown, used []string, reached bool, err error) {
	hold := 0
	for _, name := range g.tables {
		t := r.table(name)
		if t == nil || t.row(g.row) == nil || g.than != "" && t.row(g.than) == nil {
			return nil, nil, false, fmt.Errorf("no benchmark %s with %s and %s, which a goal is about", name, g.row, g.than)
		}
		limit, v, digits := g.allocs, median(t.row(g.row).figures[allocations]), 0
		if g.than != "" {
			limit, v, digits = g.most, median(ratios(t.row(g.row), t.row(g.than), elapsed)), 2
			if all := ratios(t.row(g.row), t.row(g.than), processor); len(all) > 0 {
				used = append(used, fmt.Sprintf("%.2f", median(all)))
			}
		}
		shown = append(shown, strconv.FormatFloat(v, 'f', digits, 64))
		if v <= limit {
			hold++
		}
	}
	want := g.atLeast
	if want == 0 {
		want = len(g.tables)
	}
	return shown, used, hold >= want, nil
}

const (
	begin = "<!-- benchmarks: written by make bench; each machine has a block, and a run writes its own anew -->"
	end   = "<!-- end of benchmarks -->"

	endOfMachine = "<!-- end of machine -->"
)

func beginOfMachine(name string) string { return "<!-- machine: " + name + " -->" }

// replace puts a block in the place of the one that the machine had, or behind those of other machines.
func replace(page, machine, block string) (string, error) {
	from, to := strings.Index(page, begin), strings.Index(page, end)
	if from < 0 || to < from {
		return "", fmt.Errorf("it lacks the lines %q and %q", begin, end)
	}
	from += len(begin)
	blocks, head := page[from:to], beginOfMachine(machine)
	if i := strings.Index(blocks, head); i >= 0 {
		n := strings.Index(blocks[i:], endOfMachine)
		if n < 0 {
			return "", fmt.Errorf("the block of %q has no line %q", machine, endOfMachine)
		}
		blocks = blocks[:i] + strings.TrimSpace(block) + blocks[i+n+len(endOfMachine):]
	} else {
		blocks = "\n\n" + strings.TrimSpace(strings.TrimSpace(blocks)+"\n\n"+strings.TrimSpace(block)) + "\n\n"
	}
	return page[:from] + blocks + page[to:], nil
}

// block is the machine's part of the page. Goals are left out where only some benchmarks have been run.
func (r *report) block(goals []goal, whole bool) (string, error) {
	for _, t := range r.tables {
		for _, row := range t.rows {
			if n := len(row.figures[elapsed]); n != r.rounds {
				return "", fmt.Errorf("%s %s/%s was measured %d times in %d rounds", t.pkg, t.name, row.name, n, r.rounds)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### %s\n\n", beginOfMachine(r.machine), r.machine)
	fmt.Fprintf(&b, "Run of %s with %s, %d rounds, %s; load over 1, 5 and 15 minutes %s before and %s after.%s\n\n",
		r.date.Format(time.DateOnly), r.versions, r.rounds, r.took.Round(time.Second), r.loadBefore, r.loadAfter, r.caution())
	if whole {
		b.WriteString("| goal | here | processor time | |\n|---|---:|---:|---|\n")
		for _, g := range goals {
			shown, used, reached, err := g.judge(r)
			if err != nil {
				return "", err
			}
			verdict := "missed"
			if reached {
				verdict = "holds"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.text, strings.Join(shown, ", "), strings.Join(used, ", "), verdict)
		}
		b.WriteString("\n")
	}
	for _, t := range r.tables {
		if err := t.write(&b); err != nil {
			return "", err
		}
	}
	b.WriteString(endOfMachine + "\n")
	return b.String(), nil
}

// caution is what to know about a run beside other work.
func (r *report) caution() string {
	first, _, _ := strings.Cut(r.loadBefore, " ")
	if load, err := strconv.ParseFloat(first, 64); err != nil || load <= float64(r.processors)/2 {
		return ""
	}
	return " Other work was on the machine: this is not what it can do, and ratios may be of chance."
}

func (t *table) write(b *strings.Builder) error {
	where := t.pkg
	if where == "." {
		where = "spapi"
	}
	fixed, heading := t.row("spapi"), "spapi ÷ this"
	if t.base != "" {
		fixed, heading = t.row(t.base), "this ÷ "+spaced(t.base)
	}
	if fixed == nil {
		return fmt.Errorf("%s %s has no row for %q", t.pkg, t.name, heading)
	}
	fmt.Fprintf(b, "#### %s (%s)\n\n| | time | %s | range | processor | ratio | bytes | allocations | |\n|---|---:|---:|---:|---:|---:|---:|---:|---|\n",
		spaced(t.name), where, heading)
	for _, row := range t.rows {
		ratio, spread, used := "", "", ""
		if row != fixed {
			of, by := fixed, row
			if t.base != "" {
				of, by = row, fixed
			}
			times := ratios(of, by, elapsed)
			ratio, spread = fmt.Sprintf("%.2f", median(times)), fmt.Sprintf("%.2f–%.2f", slices.Min(times), slices.Max(times))
			if all := ratios(of, by, processor); len(all) > 0 {
				used = fmt.Sprintf("%.2f", median(all))
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", spaced(row.name), row.duration(elapsed), ratio, spread, row.duration(processor), used,
			row.number(allocated), row.number(allocations), row.others())
	}
	b.WriteString("\n")
	return nil
}

// spaced is a name as it was before package testing joined its words.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

func (r *row) number(unit string) string {
	if len(r.figures[unit]) == 0 {
		return ""
	}
	return strconv.FormatFloat(median(r.figures[unit]), 'f', 0, 64)
}

// others are the figures that a benchmark reports by itself.
func (r *row) others() string {
	var out []string
	for unit, figures := range r.figures {
		if !slices.Contains([]string{elapsed, processor, allocated, allocations, throughput}, unit) { // throughput is the same as time
			out = append(out, fmt.Sprintf("%.3g %s", median(figures), unit))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (r *row) duration(unit string) string {
	ns := median(r.figures[unit])
	switch {
	case len(r.figures[unit]) == 0:
		return ""
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ns", ns)
}

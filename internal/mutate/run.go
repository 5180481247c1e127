package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome is what became of an edit.
type outcome string

const (
	killed     outcome = "killed"
	survived   outcome = "survived"
	stale      outcome = "stale"      // the code has moved on
	broken     outcome = "broken"     // it doesn't compile, so no test has judged it
	unfounded  outcome = "unfounded"  // its tests don't pass without it
	unexpected outcome = "unexpected" // it is said to survive and is killed
)

// result is the outcome of one edit. why is for people.
type result struct {
	*edit
	outcome outcome
	why     string
	took    time.Duration
}

// wrong reports whether someone has something to do.
func (r result) wrong() bool {
	return r.outcome != killed && (r.outcome != survived || r.survives == "")
}

// runner tries edits on the module at root. Its files stay as they are: Go's build reads the edited copies, which lie in dir, through an overlay,
// and tests run in copies of the module, one for each worker: a mistake may write where it shouldn't.
type runner struct {
	root    string
	dir     string
	workers int
	timeout time.Duration // for the tests of one edit
	report  func(result)  // called for one result at a time

	env []string // of tests
}

// run tries all edits: first the named tests without them, then each of them alone.
func (r *runner) run(ctx context.Context, edits []edit) ([]result, error) {
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	variants := map[string]*variant{}
	results := make([]result, len(edits))
	var ready []int
	for i := range edits {
		e := &edits[i]
		results[i] = result{edit: e}
		v, err := r.variant(e, variants)
		if err != nil {
			results[i].outcome, results[i].why = stale, err.Error()
			r.report(results[i])
			continue
		}
		v.tests = append(v.tests, e.tests...)
		ready = append(ready, i)
	}
	if err := r.each(ctx, len(variants), func(ctx context.Context, worker, n int) {
		v := variants[sortedKeys(variants)[n]]
		r.baseline(ctx, worker, n, v)
	}); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err := r.each(ctx, len(ready), func(ctx context.Context, worker, n int) {
		res := &results[ready[n]]
		v, _ := r.variant(res.edit, variants)
		start := time.Now()
		res.outcome, res.why = r.try(ctx, worker, n, res.edit, v)
		res.took = time.Since(start)
		if ctx.Err() == nil {
			mu.Lock()
			defer mu.Unlock()
			r.report(*res)
		}
	})
	return results, err
}

// each calls work for 0 … n-1, as many at once as there are workers.
func (r *runner) each(ctx context.Context, n int, work func(ctx context.Context, worker, n int)) error {
	numbers := make(chan int)
	var wg sync.WaitGroup
	for worker := range r.workers {
		wg.Go(func() {
			for i := range numbers {
				work(ctx, worker, i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	return ctx.Err()
}

// variant is a test binary: a package's, with or without its external test files.
type variant struct {
	pkg     string
	without []string // files left out
	tests   []string // all that edits name
	passed  map[string]bool
	failure string // why there is no binary
}

func (r *runner) variant(e *edit, known map[string]*variant) (*variant, error) {
	found, err := readTests(filepath.Join(r.root, filepath.FromSlash(e.pkg)))
	if err != nil {
		return nil, err
	}
	external, err := e.external(found)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(e.pkg, external)
	if known[key] == nil {
		v := &variant{pkg: e.pkg, passed: map[string]bool{}}
		if !external {
			v.without = found.external
		}
		known[key] = v
	}
	return known[key], nil
}

// baseline runs the named tests on the code as it is.
func (r *runner) baseline(ctx context.Context, worker, n int, v *variant) {
	binary, failure := r.build(ctx, fmt.Sprint("baseline", n), v, nil)
	if failure != "" {
		v.failure = failure
		return
	}
	defer os.Remove(binary)
	slices.Sort(v.tests)
	v.tests = slices.Compact(v.tests)
	out, _ := r.test(ctx, worker, binary, v, v.tests, time.Duration(len(v.tests))*r.timeout)
	for _, name := range v.tests {
		v.passed[name] = ends(out, "PASS", name, false)
	}
}

// try makes one edit and asks its tests.
func (r *runner) try(ctx context.Context, worker, n int, e *edit, v *variant) (outcome, string) {
	if v.failure != "" {
		return unfounded, v.failure
	}
	for _, name := range e.tests {
		if !v.passed[name] {
			return unfounded, name + " does not pass without it, or is skipped"
		}
	}
	original := filepath.Join(r.root, filepath.FromSlash(e.file))
	source, err := os.ReadFile(original)
	if err != nil {
		return stale, err.Error()
	}
	edited, err := e.apply(source)
	if err != nil {
		return stale, err.Error()
	}
	folder := filepath.Join(r.dir, fmt.Sprint("edit", n))
	defer os.RemoveAll(folder)
	copied := filepath.Join(folder, filepath.Base(e.file))
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(copied, edited, 0o600)); err != nil {
		return broken, err.Error()
	}
	binary, failure := r.build(ctx, fmt.Sprint("edit", n), v, map[string]string{original: copied})
	if failure != "" {
		return broken, failure
	}
	defer os.Remove(binary)
	out, err := r.test(ctx, worker, binary, v, e.tests, r.timeout)
	became, why := judge(e, out, err)
	left, err := restore(r.copied(worker), r.root, v.pkg)
	if err != nil {
		return broken, "what it left can't be removed: " + err.Error()
	}
	if len(left) > 0 {
		why += "; it wrote " + strings.Join(left, ", ")
	}
	return became, why
}

// judge reads what the tests said.
func judge(e *edit, out string, err error) (outcome, string) {
	var blind []string
	for _, name := range e.tests {
		if !ends(out, "FAIL", name, true) {
			blind = append(blind, name)
		}
	}
	how := "by " + strings.Join(e.tests, ", ")
	switch {
	case len(blind) == 0:
	case err == nil, !strings.Contains(err.Error(), "exit status"):
		return survived, "not seen by " + strings.Join(blind, ", ")
	case strings.Contains(out, "panic: test timed out"):
		how = "by running out of time"
	case strings.Contains(out, "\nfatal error: "), strings.Contains(out, "panic: "):
		how = "by a panic"
	case strings.Contains(out, "goleak: "):
		how = "by the search for leaked goroutines"
	default:
		return survived, "not seen by " + strings.Join(blind, ", ")
	}
	if e.survives != "" {
		return unexpected, "killed " + how + ", though it is said to survive: drop that line"
	}
	return killed, how
}

// ends reports whether a test, or one below it, ended with that word. Of a test that panics the testing package prints the name as well.
func ends(out, word, name string, below bool) bool {
	tail := ` \(`
	if below {
		tail = `(/.*)? \(`
	}
	return regexp.MustCompile(`(?m)^\s*--- ` + word + `: ` + regexp.QuoteMeta(name) + tail).MatchString(out)
}

// build makes the test binary. failure is what the compiler said.
func (r *runner) build(ctx context.Context, name string, v *variant, replace map[string]string) (binary, failure string) {
	overlay := map[string]string{}
	for _, left := range v.without {
		overlay[left] = "" // as if it were not there
	}
	for original, copied := range replace {
		overlay[original] = copied
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	file := filepath.Join(r.dir, name+".json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return "", err.Error()
	}
	binary = filepath.Join(r.dir, name+".test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+file, "-o="+binary, "./"+v.pkg)
	cmd.Dir = r.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", strings.TrimSpace(string(out))
	}
	return binary, ""
}

// test runs the binary in a copy of its package's folder, where go test runs it.
func (r *runner) test(ctx context.Context, worker int, binary string, v *variant, tests []string, timeout time.Duration) (string, error) {
	// The binary ends itself when time is over and then says which test hung; the context is for the case that it cannot.
	ctx, cancel := context.WithTimeout(ctx, timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.short", "-test.timeout="+timeout.String(), "-test.run="+pattern(tests))
	cmd.Dir = filepath.Join(r.copied(worker), filepath.FromSlash(v.pkg))
	cmd.Env = r.env
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pattern selects the tests and nothing else.
func pattern(tests []string) string {
	var all []string
	for _, name := range tests {
		var parts []string
		for part := range strings.SplitSeq(name, "/") {
			parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
		}
		all = append(all, strings.Join(parts, "/"))
	}
	return strings.Join(all, "|")
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

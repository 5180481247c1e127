// Command mutate breaks the code on purpose and counts what the tests don't see. "make mutate" runs it.
//
//	go run ./internal/mutate [-list] [-run regexp] [-workers n] [-timeout d]
//
// The mistakes are kept in edits/*.txt, each with the tests that must see it; edits/README.md has the form. An edit that no test
// sees is a missing test. The working tree stays as it is: the edited files lie elsewhere, and tests run in copies of the module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := mutate(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	list := flags.Bool("list", false, "list the edits and their tests, try none")
	only := flags.String("run", "", "try only edits whose name, file or list matches this `regexp`")
	workers := flags.Int("workers", runtime.NumCPU(), "how many edits are tried at once")
	timeout := flags.Duration("timeout", time.Minute, "how long the tests of one edit may take")
	root := flags.String("root", "", "the module's `folder`; default: that of the working directory")
	dir := flags.String("edits", "", "the `folder` of the lists; default: internal/mutate/edits in the module")
	if err := flags.Parse(args); err != nil {
		return err
	}
	filter, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if *workers < 1 {
		return fmt.Errorf("-workers %d: want at least 1", *workers)
	}
	if *root == "" {
		if *root, err = moduleRoot(ctx); err != nil {
			return err
		}
	}
	if *root, err = filepath.Abs(*root); err != nil {
		return err
	}
	if *dir == "" {
		*dir = filepath.Join(*root, "internal", "mutate", "edits")
	}
	edits, err := readEdits(*dir)
	if err != nil {
		return err
	}
	edits = slices.DeleteFunc(edits, func(e edit) bool {
		return !filter.MatchString(e.name) && !filter.MatchString(e.file) && !filter.MatchString(e.at)
	})
	if len(edits) == 0 {
		return fmt.Errorf("-run %q matches no edit", *only)
	}
	if *list {
		for _, e := range edits {
			fmt.Fprintf(out, "%-18s %s: %s (./%s: %s)\n", e.at, e.file, e.name, e.pkg, strings.Join(e.tests, ", "))
		}
		return nil
	}
	scratch, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	start := time.Now()
	done := 0
	r := &runner{root: *root, dir: scratch, workers: *workers, timeout: *timeout, report: func(r result) {
		done++
		fmt.Fprintf(out, "%3d/%d %-10s %5.1fs %s: %s: %s\n", done, len(edits), r.outcome, r.took.Seconds(), r.file, r.name, indent(r.why))
	}}
	results, err := r.run(ctx, edits)
	if err != nil {
		return err
	}
	return summarize(out, results, time.Since(start))
}

// summarize prints the counts and names what did not go as the list says; then there is an error.
func summarize(out io.Writer, results []result, took time.Duration) error {
	count := map[outcome]int{}
	var reasons, todo []string
	for _, r := range results {
		count[r.outcome]++
		line := fmt.Sprintf("  %s (%s, %s)", r.name, r.file, r.at)
		switch {
		case r.wrong():
			todo = append(todo, fmt.Sprintf("%s: %s: %s", line, r.outcome, indent(r.why)))
		case r.outcome == survived:
			reasons = append(reasons, line+": "+r.survives)
		}
	}
	judged := count[killed] + count[survived] + count[unexpected]
	fmt.Fprintf(out, "\n%d edits in %s: %d killed", len(results), took.Round(time.Second), count[killed])
	if judged > 0 {
		fmt.Fprintf(out, " (%.1f %% of those that were judged)", 100*float64(count[killed])/float64(judged))
	}
	for _, o := range []outcome{survived, unexpected, stale, broken, unfounded} {
		fmt.Fprintf(out, ", %d %s", count[o], o)
	}
	fmt.Fprintln(out)
	if len(reasons) > 0 {
		fmt.Fprintf(out, "\nsurvive, with a reason:\n%s\n", strings.Join(reasons, "\n"))
	}
	if len(todo) > 0 {
		fmt.Fprintf(out, "\nto be mended, the test or the list:\n%s\n\n", strings.Join(todo, "\n"))
		return fmt.Errorf("%d of %d edits did not go as the list says", len(todo), len(results))
	}
	return nil
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n        ") }

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err != nil || file == "" || file == os.DevNull {
		return "", errors.Join(errors.New("not inside a module: run it in the repository, or give -root"), err)
	}
	return filepath.Dir(file), nil
}

// Command gen writes everything that is named *.gen.go (clients and types of the API versions, and tables for the root, paging, wire and catalog), the catalogue's
// data and models.lock, from a checkout of Amazon's models and the facts in overlay/ that the models don't tell. How a result is read isn't written: package wire
// compiles that from the types' tags. The way is parse (parse.go) → facts (facts.go) → Go packages (ir.go) → templates → write.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if err := run(os.Args[1:], overlayFiles, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string, overlay fs.FS, log io.Writer) error {
	fl := flag.NewFlagSet("gen", flag.ContinueOnError)
	fl.SetOutput(log)
	dir := fl.String("models", "../shared/models", "`folder` with a checkout of Amazon's selling-partner-api-models")
	root := fl.String("out", ".", "`folder` of the project")
	commit := fl.String("commit", "", "the checkout's commit, for models.lock (default: asked from git, else as in models.lock)")
	check := fl.Bool("check", false, "write nothing; fail when a file differs by more than a checkout's examples and sandbox cases")
	if err := fl.Parse(args); err != nil {
		return err
	}
	models, err := loadModels(*dir)
	if err != nil {
		return err
	}
	if models, err = withOwn(overlay, models); err != nil {
		return err
	}
	nameOperations(models)
	f, err := layOver(overlay, models)
	if err != nil {
		// What is wrong with single models is told too: all problems in one run.
		_ = unbuildable(log, models)
		return fmt.Errorf("nothing is made, because facts cannot be read:\n%w", err)
	}
	f.tell(log)
	n, err := loadNotices(overlay, *dir)
	if err != nil {
		return fmt.Errorf("nothing is made, because facts about notifications cannot be read:\n%w", err)
	}
	past, err := readFormer(*root)
	if err != nil {
		return err
	}
	if *commit == "" {
		*commit = past.lockedCommit(models)
		if out, err := exec.Command("git", "-C", *dir, "log", "-1", "--format=%H", "--", ".").Output(); err == nil && *commit == "unknown" && len(out) > 0 {
			*commit = strings.TrimSpace(string(out))
		}
	}
	out, err := generate(models, f, *commit, past)
	if err != nil {
		return err
	}
	if err := n.into(out, past); err != nil {
		return err
	}
	failed := errors.Join(unbuildable(log, models), n.tell(log))
	ops := 0
	for _, m := range models {
		ops += len(m.ops)
	}
	if *check {
		d, err := out.compare(*root)
		if err != nil {
			return err
		}
		return errors.Join(failed, d.verdict(log))
	}
	changed, stale, err := out.differences(*root)
	if err != nil {
		return err
	}
	if err := out.write(*root); err != nil {
		return err
	}
	fmt.Fprintf(log, "gen: %d models, %d operations; %d files written, %d removed\n", len(models), ops, len(changed), len(stale))
	return failed
}

// unbuildable tells all that is wrong with models, and fails when there is something.
func unbuildable(log io.Writer, models []*model) error {
	var names []string
	for _, m := range models {
		if len(m.problems) == 0 {
			continue
		}
		name := m.pkg
		if name == "" {
			name = m.file
		}
		names = append(names, name)
		kept := ""
		if len(m.ops) > 0 {
			kept = " and stays as the project has it"
		}
		fmt.Fprintf(log, "gen: %s cannot be made%s:\n", name, kept)
		for _, err := range m.problems {
			fmt.Fprintf(log, "gen:   %v\n", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d API versions cannot be made of these models: %s", len(names), len(models), strings.Join(names, ", "))
}

// tell writes what deserves a look but stops nothing.
func (f *facts) tell(log io.Writer) {
	for _, note := range f.notes {
		fmt.Fprintf(log, "gen: note: %v\n", note)
	}
	for i, note := range f.unused { // expected of another revision of the models, a typo in the overlay otherwise
		if i == 10 {
			fmt.Fprintf(log, "gen: note: and %d more rows\n", len(f.unused)-i)
			break
		}
		fmt.Fprintf(log, "gen: note: %v\n", note)
	}
}

// nameOperations gives every operation its ID and its method's name.
func nameOperations(models []*model) {
	for _, m := range models {
		for _, op := range m.ops {
			name := op.Name
			if n, ok := operationExceptions[m.pkg+" "+op.Method+" "+op.Path]; ok {
				name = n
			}
			op.ID = m.pkg + "." + name
			op.goName = goName(name)
		}
	}
}

// Command gen writes api/*, internal/catalog/data and operations.gen.go from a checkout of Amazon's models and the facts in
// overlay/ that the models don't tell. The way is parse (parse.go) → facts (facts.go) → Go packages (ir.go) → templates → write.go.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string, log io.Writer) error {
	fl := flag.NewFlagSet("gen", flag.ContinueOnError)
	fl.SetOutput(log)
	dir := fl.String("models", "../shared/models", "`folder` with a checkout of Amazon's selling-partner-api-models")
	root := fl.String("out", ".", "`folder` of the project")
	commit := fl.String("commit", "", "the checkout's commit, for models.lock (default: asked from git, else as in models.lock)")
	check := fl.Bool("check", false, "write nothing; fail when a file differs")
	if err := fl.Parse(args); err != nil {
		return err
	}
	models, err := loadModels(*dir)
	if err != nil {
		return err
	}
	nameOperations(models)
	f, err := layOver(overlayFiles, models)
	if err != nil {
		return err
	}
	for i, r := range f.unused { // expected of another revision of the models, a typo in the overlay otherwise
		if i == 10 {
			fmt.Fprintf(log, "gen: note: and %d more rows\n", len(f.unused)-i)
			break
		}
		fmt.Fprintf(log, "gen: note: %v\n", r.errorf("no such operation in these models: %s %s", r.get("model"), r.get("operationId")))
	}
	if *commit == "" {
		*commit = lockedCommit(*root, models)
		if out, err := exec.Command("git", "-C", *dir, "log", "-1", "--format=%H", "--", ".").Output(); err == nil && *commit == "unknown" && len(out) > 0 {
			*commit = strings.TrimSpace(string(out))
		}
	}
	out, err := generate(models, f, *commit)
	if err != nil {
		return err
	}
	ops := 0
	for _, m := range models {
		ops += len(m.ops)
	}
	changed, stale, err := out.differences(*root)
	if err != nil {
		return err
	}
	if *check {
		for _, path := range append(changed, stale...) {
			fmt.Fprintln(log, "gen: differs:", path)
		}
		if n := len(changed) + len(stale); n > 0 {
			return fmt.Errorf("%d generated files are not up to date; run make generate", n)
		}
		return nil
	}
	if err := out.write(*root); err != nil {
		return err
	}
	fmt.Fprintf(log, "gen: %d models, %d operations; %d files written, %d removed\n", len(models), ops, len(changed), len(stale))
	return nil
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

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The lists must not rot: each edit can be made on the code as it is now, and its tests are there. Whether the tests see it takes "make mutate".
func TestEditsApply(t *testing.T) {
	const root = "../.."
	edits, err := readEdits("edits")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]testFiles{}
	for _, e := range edits {
		source, err := os.ReadFile(filepath.Join(root, e.file))
		if err == nil {
			_, err = e.apply(source)
		}
		if err != nil {
			t.Errorf("edits/%s: %q: %v: change the edit along with the code (edits/README.md)", e.at, e.name, err)
		}
		if _, ok := found[e.pkg]; !ok {
			if found[e.pkg], err = readTests(filepath.Join(root, e.pkg)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.external(found[e.pkg]); err != nil {
			t.Errorf("edits/%s: %q: %v", e.at, e.name, err)
		}
	}
}

// Every outcome, in a module of a few lines. It builds a dozen test binaries of it.
func TestOutcomes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	tiny := filepath.Join("testdata", "tiny")
	before := read(t, tiny)
	var out bytes.Buffer
	err := mutate(t.Context(), []string{"-root", tiny, "-edits", filepath.Join(tiny, "edits"), "-workers", "2", "-timeout", "2s"}, &out)
	if err == nil || err.Error() != "8 of 14 edits did not go as the list says" {
		t.Errorf("error %v", err)
	}
	for name, want := range map[string]string{
		"the smaller one":     "killed .*by TestLarger/of_two$",
		"a panic":             "killed .*by TestLoop$",
		"no end":              "killed .*by running out of time$",
		"two changes":         "killed .*by TestLarger, TestLoop$",
		"alike anyway":        "survived .*not seen by TestOutside$",
		"not seen":            "survived .*not seen by TestLoop$",
		"seen by one of two":  "survived .*not seen by TestLoop$",
		"wrongly excused":     "unexpected .*drop that line$",
		"gone":                "stale .*stands in tiny.go 0 times: want once$",
		"twice there":         "stale .*stands in tiny.go 2 times: want once$",
		"no such test":        "stale .*. has no test TestSmaller$",
		"skipped":             "unfounded .*TestSkipped does not pass without it, or is skipped$",
		"does not compile":    "broken .*\n.*undefined: c",
		"a file is left":      "killed .*by TestLoop; it wrote left$",
		"\n14 edits":          ` in \d+s: 5 killed \(55.6 % of those that were judged\), 3 survived, 1 unexpected, 3 stale, 1 broken, 1 unfounded\n`,
		"survive, with a rea": `son:\n  alike anyway \(tiny.go, tiny.txt:30\): of two that are alike either will do\n\n`,
	} {
		line := `(?m)^ *\d+/14 ` + strings.Replace(want, " ", ` +[\d.]+s tiny.go: `+name+": ", 1)
		if !strings.Contains(want, ".*") { // of the summary
			line = name + want
		}
		if !regexp.MustCompile(line).MatchString(out.String()) {
			t.Errorf("%s: no line matches %s", name, line)
		}
	}
	if t.Failed() {
		t.Logf("the output:\n%s", &out)
	}
	if after := read(t, tiny); after != before {
		t.Error("the working tree was changed")
	}
}

func read(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	if err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		all.WriteString(name + "\n" + string(text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestListAndFilter(t *testing.T) {
	tiny := filepath.Join("testdata", "tiny")
	args := []string{"-root", tiny, "-edits", filepath.Join(tiny, "edits"), "-list", "-run"}
	var out bytes.Buffer
	if err := mutate(t.Context(), append(args, "two"), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "tiny.go: two changes (./.: TestLarger, TestLoop)") {
		t.Errorf("listed:\n%s", got)
	}
	for arg, want := range map[string]string{"nothing like it": "matches no edit", "(": "-run"} {
		if err := mutate(t.Context(), append(args, arg), &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestBadLists(t *testing.T) {
	const good = "== x\nfile: a.go\ntest: TestA\n-a\n+b\n"
	if edits, err := parseEdits("l.txt", "# why\n\n"+good+"\n== y\ntest: ./b/c TestB TestC\nfile: a.go\n \ta\n-\n+\n+c\n"); err != nil || len(edits) != 2 ||
		edits[0].at != "l.txt:3" || edits[0].pkg != "." || edits[1].pkg != "b/c" || len(edits[1].tests) != 2 || len(edits[1].hunks) != 1 ||
		strings.Join(edits[1].hunks[0].old, "|") != "\ta|" || strings.Join(edits[1].hunks[0].new, "|") != "\ta||c" {
		t.Errorf("%+v, %v", edits, err)
	}
	for text, want := range map[string]string{
		"file: a.go\n":                          `l.txt:1: "file: a.go" stands before the first edit`,
		"== x\ntest: TestA\n-a\n":               "l.txt:1: x: has no line \"file: …\"",
		"== x\nfile: a.go\n-a\n":                "has no line \"test: …\"",
		"== x\nfile: a.go\ntest: ./b\n-a\n":     "has no line \"test: …\"",
		"== x\nfile: a.go\ntest: TestA\n":       "changes nothing",
		"== x\nfile: a.go\ntest: TestA\n+a\n":   "no old lines",
		"== x\nfile: a.go\ntest: TestA\n-a\n+a": "leaves its lines as they are",
		"== x\nfiles: a.go\n":                   `l.txt:2: "files" is unknown`,
		"== x\nfile:\n":                         "want file:, test: or survives: with a value",
	} {
		if _, err := parseEdits("l.txt", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	dir := t.TempDir()
	if _, err := readEdits(dir); err == nil {
		t.Error("a folder without lists passes")
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(good), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readEdits(dir); err == nil || !strings.Contains(err.Error(), `b.txt:1: "x" is also the name of the edit at a.txt:1`) {
		t.Errorf("the same name twice: %v", err)
	}
}

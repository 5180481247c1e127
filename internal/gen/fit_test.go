package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	word := strings.Repeat("w", 30)
	list := strings.Repeat(`"a, b)", `, 30) + `"c"`
	for name, src := range map[string]string{
		"a comment":         "\t// " + strings.Repeat(word+" ", 9) + word,
		"a long word":       "// See " + strings.Repeat("w", 200) + " for it",
		"a signature":       "func (c *Client) " + word + "(ctx context.Context, in *" + word + word + ", opts ...spapi.CallOption) iter.Seq2[*" + word + ", error] {}",
		"a list":            "var x = []string{" + list + "}",
		"nothing to cut at": "var x = " + strings.Repeat("w", 200),
	} {
		wrapped, err := format.Source([]byte("package p\n\n" + fit(src+"\n")))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, fit(src))
			continue
		}
		long := 0
		for line := range strings.Lines(string(wrapped)) {
			if columns(strings.TrimSuffix(line, "\n")) > maxColumn {
				long++
			}
		}
		if want := name == "a long word" || name == "nothing to cut at"; (long > 0) != want {
			t.Errorf("%s: %d lines are too long\n%s", name, long, wrapped)
		}
		squeeze := strings.NewReplacer(" ", "", "\n", "", "\t", "", "//", "")
		if got := squeeze.Replace(strings.TrimPrefix(string(wrapped), "package p")); got != squeeze.Replace(src) {
			t.Errorf("%s: %s became\n%s", name, src, wrapped)
		}
	}
}

// TestLineWidth looks at what has been generated, so that a new long name is met here and gets a shorter one in names.go.
func TestLineWidth(t *testing.T) {
	files := 0
	for _, pattern := range append(generated, "internal/conformance/*.gen_test.go") {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if filepath.Ext(file) != ".go" {
				continue
			}
			files++
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(src)) {
				if n++; columns(strings.TrimSuffix(line, "\n")) > maxColumn {
					t.Errorf("%s:%d: %d columns", file, n, columns(line))
				}
			}
		}
	}
	if files < 2*67 {
		t.Errorf("looked at %d files only", files)
	}
}

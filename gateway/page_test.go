package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestPage: docs/gateway.md has each word that refusals have, and each header of the gateway's own that requests and answers may have, and no others.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	words, headers := map[string]bool{}, map[string]bool{}
	const word = `"([a-z]+(?:-[a-z]+)*)"`
	for _, pattern := range []string{
		`why: *` + word, `(?:denied|badRequest)\(` + word, `accessDenied\([^"]*"[^"]*", ` + word, `\.Refused(?:, [\w.]+)? = ` + word,
		`"X-Spapi-Error"\] = \[\]string\{` + word, `\.why(?:, [\w.]+)* = [^\n]*?` + word,
	} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(code.String(), -1)
		if len(found) == 0 {
			t.Errorf("nothing in the code is found by %s: the test does not read it right", pattern)
		}
		for _, m := range found {
			words[m[1]] = true
		}
	}
	for _, m := range regexp.MustCompile(`x\.abort\(`+word).FindAllStringSubmatch(code.String(), -1) {
		words[m[1]+"-cut"] = true
	}
	if len(words) < 30 {
		t.Errorf("found %d words: the test does not read the code right", len(words))
	}
	for _, m := range regexp.MustCompile(`<a id="([a-z-]+)"></a>`+"`([a-z-]+)`").FindAllStringSubmatch(page, -1) {
		if m[1] != m[2] {
			t.Errorf("the page has %q at the place of %q", m[2], m[1])
		}
		if !words[m[1]] {
			t.Errorf("the page has the word %q, which no refusal has", m[1])
		}
		delete(words, m[1])
	}
	for w := range words {
		t.Errorf("the page lacks the word %q", w)
	}

	for _, m := range regexp.MustCompile(`"(X-Spapi-[A-Za-z-]+[a-z])"`).FindAllStringSubmatch(code.String(), -1) {
		headers[m[1]] = true
	}
	for _, name := range ownHeaders {
		if !strings.Contains(page, "\n| `"+name+"` | ") {
			t.Errorf("the page's table of what calls say lacks %s", name)
		}
	}
	told := regexp.MustCompile("`(X-Spapi-[A-Za-z-]+[a-z])").FindAllStringSubmatch(page, -1)
	for name := range headers {
		if !slices.ContainsFunc(told, func(m []string) bool { return m[1] == name }) {
			t.Errorf("the page lacks the header %s", name)
		}
	}
	for _, m := range told {
		if !headers[m[1]] {
			t.Errorf("the page has the header %s, which the gateway has not", m[1])
		}
	}
}

// TestPageMetrics: docs/gateway.md has each metric with its labels.
func TestPageMetrics(t *testing.T) {
	text, err := os.ReadFile("../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Metrics\n")
	section, _, _ = strings.Cut(section, "\n#")
	descriptions := make(chan *prometheus.Desc, 100)
	NewMetrics().Registry().Describe(descriptions)
	close(descriptions)
	told := 0
	for d := range descriptions {
		m := regexp.MustCompile(`fqName: "spapi_gateway_(\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s has another form", d)
		}
		told++
		if row := strings.ReplaceAll("\n| `"+m[1]+"` | "+strings.ReplaceAll(m[2], ",", ", ")+" | ", "|  |", "| |"); !strings.Contains(section, row) {
			t.Errorf("the page has no row %q", row)
		}
	}
	if rows := strings.Count(section, "\n| `"); rows != told {
		t.Errorf("the page has %d metrics, there are %d", rows, told)
	}
}

// TestThreatsPageNamesTests: the tests that docs/gateway-threats.md names are there.
func TestThreatsPageNamesTests(t *testing.T) {
	page, err := os.ReadFile("../docs/gateway-threats.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 30 {
		t.Errorf("the page names %d tests: this one does not read it right", len(named))
	}
	for _, m := range named {
		if !strings.Contains(code.String(), "\nfunc "+m[1]+"(") {
			t.Errorf("the page names %s, which is no test of package gateway", m[1])
		}
	}
}

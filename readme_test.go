package spapi_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

// TestReadmeExample: the program in the README is the compiled example, and it works against the emulator.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "```go\n")
	if !ok {
		t.Fatal("README.md has no Go code")
	}
	block, _, _ = strings.Cut(block, "```")
	example, err := os.ReadFile("readme_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("package spapi_test", "package main", "func Example_readme()", "func main()").Replace(string(example))
	if block != want {
		t.Errorf("README.md shows\n%s\nwhile readme_example_test.go, as a program, is\n%s", block, want)
	}
}

func TestReadmeExampleRuns(t *testing.T) {
	emu, err := emulator.New(emulator.WithOrders(30), emulator.WithDays(1))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- emu.Serve(t.Context(), listener) }()
	t.Cleanup(func() { <-served })

	urls, credentials := emu.URLs("http://"+listener.Addr().String()), emu.Credentials()
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": credentials.ClientID, "SPAPI_CLIENT_SECRET": credentials.ClientSecret, "SPAPI_REFRESH_TOKEN": credentials.RefreshToken,
		"SPAPI_REGION": "na", "SPAPI_ENDPOINT": urls.API, "SPAPI_TOKEN_URL": urls.LWA,
	} {
		t.Setenv(name, value)
	}
	lines := strings.Split(strings.TrimSpace(captured(t, Example_readme)), "\n")
	if len(lines) < 10 {
		t.Fatalf("printed %q, want a line for each order", lines)
	}
	for _, l := range lines {
		if !regexp.MustCompile(`^\d{3}-\d{7}-\d{7} 20\d\d-`).MatchString(l) {
			t.Errorf("printed %q, want an order id and a time", l)
		}
	}
}

// TestReadmeNamesPackages: the README's table has every package that programs can import.
func TestReadmeNamesPackages(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## What there is\n")
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || strings.HasPrefix(name, ".") || slices.Contains([]string{"cmd", "internal", "interop", "tools"}, name) {
			continue
		}
		if sources, _ := filepath.Glob(name + "/*.go"); len(sources) == 0 {
			if sources, _ = filepath.Glob(name + "/*/*.go"); len(sources) == 0 {
				continue
			}
		}
		found++
		if !regexp.MustCompile("\n\\| `" + name + "[`/]").MatchString(table) {
			t.Errorf("README.md does not name the package %s", name)
		}
	}
	if found < 10 {
		t.Errorf("found %d packages: the test does not read the folders right", found)
	}
}

// TestLayout: the files and folders that docs/layout.md names exist, and the functions, methods, types and variables that it names
// behind a file ("`file.go`: `Name`, `Name`") are declared there.
func TestLayout(t *testing.T) {
	text, err := os.ReadFile("docs/layout.md")
	if err != nil {
		t.Fatal(err)
	}
	const quoted = "`([^`]+)`"
	files, names := 0, 0
	for _, m := range regexp.MustCompile(quoted).FindAllStringSubmatch(string(text), -1) {
		if path := m[1]; strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "/") || strings.HasSuffix(path, ".md") {
			files++
			if _, err := os.Stat(path); err != nil {
				t.Errorf("docs/layout.md names %s: %v", path, err)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([^`]+\\.go)`: ("+quoted+"(, "+quoted+")*)").FindAllStringSubmatch(string(text), -1) {
		source, err := os.ReadFile(m[1])
		if err != nil {
			continue // told above
		}
		for _, name := range regexp.MustCompile(quoted).FindAllStringSubmatch(m[2], -1) {
			names++
			declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var |const )` + regexp.QuoteMeta(name[1]) + `\b`)
			if !declared.Match(source) {
				t.Errorf("docs/layout.md says that %s has %s; it is not declared there", m[1], name[1])
			}
		}
	}
	if files < 30 || names < 30 {
		t.Errorf("found %d files and %d names in docs/layout.md: the test does not read it right", files, names)
	}
}

// TestLinks: links between the project's own pages lead somewhere.
func TestLinks(t *testing.T) {
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/layout.md", "docs/emulator.md", "docs/accounts.md", "docs/performance.md",
		"docs/notifications.md", "docs/observability.md", "docs/fleet.md", "docs/clients.md", "docs/gateway.md", "docs/gateway-threats.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

// captured returns what f prints.
func captured(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	f()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

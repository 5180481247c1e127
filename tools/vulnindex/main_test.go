package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	reports := t.TempDir()
	report := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(reports, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report("GO-2026-0001.json", `{"id":"GO-2026-0001","modified":"2026-01-02T00:00:00Z","aliases":["CVE-2026-1"],`+
		`"affected":[{"package":{"name":"stdlib"}},{"package":{"name":"b.example/m"}}]}`)
	report("GO-2026-0002.json", `{"id":"GO-2026-0002","modified":"2026-01-03T00:00:00Z","affected":[{"package":{"name":"stdlib"}},{"package":{"name":"stdlib"}}]}`)
	report("GO-2026-0003.json", `{"id":"GO-2026-0003","modified":"2026-01-04T00:00:00Z","withdrawn":"2026-01-05T00:00:00Z",`+
		`"affected":[{"package":{"name":"stdlib"}}]}`)
	folder := t.TempDir()
	if n, err := write(reports, folder); n != 2 || err != nil {
		t.Fatalf("%d reports, %v; want 2", n, err)
	}
	for name, want := range map[string]string{
		"index/db.json": `{"modified":"2026-01-03T00:00:00Z"}`,
		"index/modules.json": `[{"path":"b.example/m","vulns":[{"id":"GO-2026-0001","modified":"2026-01-02T00:00:00Z"}]},` +
			`{"path":"stdlib","vulns":[{"id":"GO-2026-0001","modified":"2026-01-02T00:00:00Z"},{"id":"GO-2026-0002","modified":"2026-01-03T00:00:00Z"}]}]`,
		"index/vulns.json": `[{"id":"GO-2026-0001","modified":"2026-01-02T00:00:00Z","aliases":["CVE-2026-1"]},` +
			`{"id":"GO-2026-0002","modified":"2026-01-03T00:00:00Z"}]`,
	} {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, want)
		}
	}
	if ids, err := filepath.Glob(filepath.Join(folder, "ID", "*")); err != nil || len(ids) != 2 {
		t.Errorf("reports %v, %v; want two", ids, err)
	}

	for text, want := range map[string]string{`{`: "unexpected end", `{"id":"GO-2026-0009"}`: "want that of the file's name",
		`{"id":"GO-2026-0004","affected":[{}]}`: "no name"} {
		report("GO-2026-0004.json", text)
		if _, err := write(reports, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := write(t.TempDir(), t.TempDir()); err == nil {
		t.Error("an empty folder makes a database")
	}
}

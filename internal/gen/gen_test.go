package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestQuirks generates from one small spec per quirk of the models. The parts of a file: the models; schemas of notifications; overlay files that replace
// the real ones; "want" and "absent", lines "<file>: <text>" about the output with white space folded; "error", what a failing run tells.
func TestQuirks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no specs", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			overlay := emptyOverlay()
			parts := map[string]string{}
			for _, f := range ar.Files {
				switch {
				case strings.HasPrefix(f.Name, "models/"), strings.HasPrefix(f.Name, "schemas/"):
					path := filepath.Join(dir, f.Name)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				case strings.HasPrefix(f.Name, "overlay/"):
					overlay[f.Name] = &fstest.MapFile{Data: f.Data}
				default:
					parts[f.Name] = string(f.Data)
				}
			}
			out, err := generateFrom(dir, overlay)
			if parts["error"] != "" {
				for want := range strings.Lines(parts["error"]) {
					if want = strings.TrimSpace(want); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v\nwant  %s", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, section := range []string{"want", "absent"} {
				for line := range strings.Lines(parts[section]) {
					name, text, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
					if got := strings.Contains(fold(out.file(t, name)), fold(text)); got != (section == "want") {
						t.Errorf("%s %s: %s\nin\n%s", section, name, text, out.file(t, name))
					}
				}
			}
			if parts["want"] == "" {
				t.Error("a spec needs want or error")
			}
		})
	}
}

func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

// file joins the outputs that a short name stands for.
func (o output) file(t *testing.T, name string) string {
	t.Helper()
	match := map[string]string{
		"client": "api/*/client.gen.go", "types": "api/*/types.gen.go",
		"root": "operations.gen.go", "paging": "internal/paging/rules.gen.go", "results": "internal/wire/results.gen.go",
		"operations": "internal/catalog/data/operations.json", "catalog": "internal/catalog/data/api/*.json",
		"payloads": payloadsFile, "types of notifications": typesFile,
	}[name]
	var b strings.Builder
	for path, data := range o {
		if ok, _ := filepath.Match(match, path); ok {
			b.Write(data)
		}
	}
	if b.Len() == 0 {
		t.Fatalf("no output for %q", name)
	}
	return b.String()
}

func emptyOverlay() fstest.MapFS {
	files := fstest.MapFS{
		"overlay/restricted_report_types.csv": {Data: []byte("reportType,source,note\n")},
		"overlay/formats.csv":                 {Data: []byte(formatColumns + "\n")},
		"overlay/notifications.csv":           {Data: []byte(noticeColumns + "\n")},
		"overlay/notification_shapes.csv":     {Data: []byte(shapeColumns + "\n")},
		"overlay/notification_formats.csv":    {Data: []byte(noticeFormatColumns + "\n")},
	}
	for _, o := range overlays {
		files["overlay/"+o.file] = &fstest.MapFile{Data: []byte(o.columns + "\n")}
	}
	return files
}

func generateFrom(dir string, overlay fs.FS) (output, error) {
	models, err := loadModels(dir)
	if err != nil {
		return nil, err
	}
	if models, err = withOwn(overlay, models); err != nil {
		return nil, err
	}
	nameOperations(models)
	n, err := loadNotices(overlay, dir)
	if err != nil {
		return nil, err
	}
	f, err := layOver(overlay, models)
	errs := []error{err}
	var out output
	if err == nil {
		out, err = generate(models, f, "test", &former{root: dir})
		errs = append(errs, err)
		if err == nil {
			errs = append(errs, n.into(out, &former{root: dir}))
			errs = append(errs, n.problems...)
		}
	}
	for _, m := range models {
		errs = append(errs, m.problems...)
	}
	return out, errors.Join(errs...)
}

// modelsDir is a checkout of Amazon's models; tests that need one skip where there is none.
func modelsDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "models")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no checkout of Amazon's models at %s; set SPAPI_MODELS", dir)
	}
	return dir
}

func TestRealModels(t *testing.T) {
	dir := modelsDir(t)
	out, err := generateFrom(dir, overlayFiles)
	if err != nil {
		t.Fatal(err)
	}
	again, err := generateFrom(dir, overlayFiles)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range out {
		if !bytes.Equal(data, again[path]) {
			t.Errorf("%s differs in a second run", path)
		}
	}
	if os.Getenv("SPAPI_MODELS") == "" { // another revision has other counts
		if n := strings.Count(out.file(t, "root"), "{ID:"); n != 373 {
			t.Errorf("%d operations, want 373", n)
		}
		if n := strings.Count(out.file(t, "client"), "\n// Package "); n != 67 {
			t.Errorf("%d packages, want 67", n)
		}
	}
}

func TestCheckAndStale(t *testing.T) {
	models, root := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec := `{"swagger":"2.0","info":{"version":"v0"},"paths":{"/a":{"get":{"operationId":"a","responses":{"200":{}}}}}}`
	write(filepath.Join(models, "models", "a-model", "aV0.json"), spec)
	args := []string{"-models", models, "-out", root}
	if err := run(append(args, "-check"), emptyOverlay(), io.Discard); err == nil {
		t.Error("check passes on an empty project")
	}
	stale := filepath.Join(root, "api", "gone", "client.gen.go")
	kept := filepath.Join(root, "api", "kept", "example_test.go")
	write(stale, "package gone")
	write(kept, "package kept")
	if err := run(args, emptyOverlay(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("a stale file is still there")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error("a file that is not generated was removed")
	}
	if err := run(append(args, "-check"), emptyOverlay(), io.Discard); err != nil {
		t.Error(err)
	}
	write(filepath.Join(models, "models", "b-model", "bV0.json"), `{"swagger":"2.0","info":{"version":"v0"}`)
	before, _ := os.ReadFile(filepath.Join(root, "models.lock"))
	if err := run(args, emptyOverlay(), io.Discard); err == nil || !strings.Contains(err.Error(), "b-model/bV0.json") {
		t.Errorf("error %v, want the broken file named", err)
	}
	if after, _ := os.ReadFile(filepath.Join(root, "models.lock")); !bytes.Equal(before, after) {
		t.Error("a failed run changed files")
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"MarketplaceIds": "MarketplaceIDs", "sku": "SKU", "_links": "Links", "x-amzn-RequestId": "XAmznRequestID", "b2bOrderIds": "B2bOrderIDs",
		"MarketplaceASIN": "MarketplaceASIN", "ASINList": "ASINList", "carrierTracking.trackingNumber": "CarrierTrackingTrackingNumber", "4x6": "X4x6", "type": "Type",
		"item_id": "ItemID", "SKUs": "SKUs", "URL": "URL",
	} {
		if got := goName(in); got != want {
			t.Errorf("goName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[[2]string]string{
		{"ordersV0", "v0"}: "ordersv0", {"orders_2026-01-01", "2026-01-01"}: "orders20260101", {"sellers", "v1"}: "sellersv1", {"appIntegrations-2024-04-01", "2024-04-01"}: "appintegrations20240401",
		{"InvoicesApiModel_2024-06-19", "2024-06-19"}: "invoices20240619",
	} {
		if got := packageName(in[0], in[1]); got != want {
			t.Errorf("packageName(%v) = %q, want %q", in, got, want)
		}
	}
}

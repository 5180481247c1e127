package reports_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/openspapi/spapi/reports"
)

// The arrays of JSON types are those of the published schemas.
func TestArraysFollowTheSchemas(t *testing.T) {
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = "../../shared/models"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "schemas", "reports", "*.json"))
	if len(files) == 0 {
		t.Skipf("SKIPPED: no schemas of reports in %s; set SPAPI_MODELS to a checkout of Amazon's models", dir)
	}
	type property struct {
		Type string
		Ref  string `json:"$ref"`
	}
	var published [][]string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Properties map[string]property
		}
		if err := json.Unmarshal(b, &schema); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var arrays []string
		for name, p := range schema.Properties {
			if p.Type == "array" {
				arrays = append(arrays, name)
			}
		}
		slices.Sort(arrays)
		published = append(published, arrays)
	}
	n := 0
	for _, typ := range reports.Types() {
		if len(typ.Arrays) == 0 {
			if typ.Format == "JSON" && slices.Contains(typ.Sources, "schema") {
				t.Errorf("%s: has a schema and no arrays", typ.Name)
			}
			continue
		}
		n++
		if typ.Format != "JSON" || !slices.ContainsFunc(published, func(p []string) bool { return slices.Equal(p, slices.Sorted(slices.Values(typ.Arrays))) }) {
			t.Errorf("%s (%s): no schema has the arrays %q", typ.Name, typ.Format, typ.Arrays)
		}
	}
	if n < 15 {
		t.Errorf("%d types have arrays", n)
	}
}

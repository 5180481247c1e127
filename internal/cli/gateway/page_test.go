package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPagesConfigurations: what docs/gateway.md and examples/gateway show of a configuration is one.
func TestPagesConfigurations(t *testing.T) {
	page, err := os.ReadFile("../../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../../examples/gateway/gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := [][]byte{example}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
		texts = append(texts, m[1])
	}
	if len(texts) < 4 {
		t.Errorf("the page shows %d configurations: the test does not read it right", len(texts)-1)
	}
	for _, text := range texts {
		file := filepath.Join(t.TempDir(), "gateway.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(overrides{config: file}); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

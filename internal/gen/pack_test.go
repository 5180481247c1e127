package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/catalog"
)

// TestPackedIsCompared: what the catalogue is compiled from has to say what the files beside it say, in whatever bytes Go packs that.
func TestPackedIsCompared(t *testing.T) {
	c := newCheckout(t)
	c.model("thingsV0", withCases, thing)
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}
	path := packed(detailFile("thingsv0"))
	said, err := unpack([]byte(c.file(path)))
	if err != nil || !bytes.Contains(said, []byte(`"name":"thingsv0"`)) {
		t.Fatalf("%s: %v\n%s", path, err, said)
	}
	put := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(c.root, path), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repack := func(data []byte) []byte {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
		_, _ = w.Write(data)
		_ = w.Close()
		return b.Bytes()
	}
	put(path, repack(said))
	if text, err := c.run("-check"); err != nil {
		t.Errorf("packed in another way: %s", text)
	}
	put(path, repack(bytes.Replace(said, []byte("thingsv0"), []byte("thingsv1"), 1)))
	text, err := c.run("-check")
	if err == nil {
		t.Error("other contents pass")
	}
	c.wants(text, "gen: differs: "+path)
	put(path, []byte("no gzip"))
	if _, err := c.run("-check"); err == nil {
		t.Error("what cannot be unpacked passes")
	}
	if said, err := c.run(); err != nil {
		t.Fatal(said)
	}

	put(tableFile, []byte(strings.Replace(c.file(tableFile), `"thingsv0.b"`, `"thingsv0.z"`, 1)))
	text, err = c.run("-check")
	if err == nil {
		t.Error("a table that says something else passes")
	}
	c.wants(text, "gen: differs: "+tableFile)
}

func TestLiteral(t *testing.T) {
	long := strings.Repeat("word ", 30)
	got := literal(catalog.Operation{ID: `a"b`, Rate: 0.0056, Burst: 3, Restricted: &catalog.Restricted{When: "always", DataElements: []string{"x"}}})
	if want := `{ID: "a\"b", Rate: 0.0056, Burst: 3, Restricted: &Restricted{When: "always", DataElements: []string{"x"}}}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(literal(catalog.Operation{LimitNote: long})) {
		if len(line) > 160 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if got := quoted(long); strings.ReplaceAll(got, "\" +\n\"", "") != `"`+long+`"` {
		t.Errorf("the pieces are %s", got)
	}
}

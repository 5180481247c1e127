package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const output = `goos: linux
goarch: amd64
pkg: github.com/openspapi/spapi/api/ordersv0
cpu: Some CPU
BenchmarkGetOrdersPage/spapi-2         	    1924	    784454 ns/op	 250.12 MB/s	  365276 B/op	     298 allocs/op
BenchmarkGetOrdersPage/sonic-2         	    1392	   1568908 ns/op	 125.06 MB/s	  471449 B/op	    2980 allocs/op
PASS
pkg: github.com/openspapi/spapi
BenchmarkAlone-2         	    1924	    80 ns/op
`

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	before := "# Head\n" + begin + "\nold\n" + end + "\ntail\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(strings.NewReader(output), io.Discard, file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Head\n", "\ntail\n", "### GetOrdersPage (api/ordersv0)", "| spapi | 784.5 µs | 1.00 | 250 | 365276 | 298 | 1.00 |",
		"| sonic | 1.57 ms | 2.00 | 125 | 471449 | 2980 | 10.00 |", "### Alone (spapi)", "| (alone) | 80.0 ns | 1.00 |", "linux, amd64, Some CPU"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Error("the old tables are still there")
	}
}

func TestRunRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte(begin+"\nold\n"+end), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{"", "PASS\n", "--- FAIL: BenchmarkX\n"} {
		if err := run(strings.NewReader(in), io.Discard, file); err == nil {
			t.Errorf("%q is taken", in)
		}
	}
	if got, _ := os.ReadFile(file); !strings.Contains(string(got), "old") {
		t.Error("a failed run changed the file")
	}
}

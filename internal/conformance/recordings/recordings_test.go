package recordings

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// check makes the situation of some rows and compares the emulator's answer with what was recorded.
type check struct {
	rows []int
	run  func(*testing.T)
}

// areas are the checks, a file each.
var areas = []func() []check{deskChecks, flowChecks, fulfilmentChecks, gatewayChecks, sandboxChecks}

// TestRecordings goes through all rows.
func TestRecordings(t *testing.T) {
	recordings, open := readCSV(t, "recordings.csv"), map[int]string{}
	for _, record := range readCSV(t, "open.csv") {
		n, err := strconv.Atoi(record[0])
		if err != nil || n < 2 || n > len(recordings)+1 || record[1] == "" || open[n] != "" {
			t.Fatalf("open.csv: %q: want a row of recordings.csv, once, and a reason", record)
		}
		open[n] = record[1]
	}
	checked := map[int]bool{}
	for _, area := range areas {
		for _, c := range area() {
			for _, n := range c.rows {
				if n < 2 || n > len(recordings)+1 || checked[n] {
					t.Fatalf("row %d has two checks, or doesn't exist", n)
				}
				checked[n] = true
			}
		}
	}
	agreeing, skipped := 0, 0
	for _, area := range areas {
		for _, c := range area() {
			first := recordings[c.rows[0]-2]
			var part *testing.T
			ok := t.Run(strconv.Itoa(c.rows[0])+" "+first[0]+" "+first[1], func(t *testing.T) {
				part = t
				c.run(t)
			})
			switch {
			case part == nil: // not among those that -run names
			case part.Skipped():
				skipped += len(c.rows)
			case ok:
				agreeing += len(c.rows)
			}
		}
	}
	for i, record := range recordings {
		n := i + 2
		switch {
		case checked[n] && open[n] != "":
			t.Errorf("row %d has a check and stands in open.csv: %s", n, open[n])
		case !checked[n] && open[n] == "":
			t.Errorf("row %d (%s, %s, %s) has no check, and no reason in open.csv", n, record[0], record[1], record[2])
		case open[n] != "":
			t.Logf("open: row %d, %s %s, %s: %s", n, record[0], record[1], record[2], open[n])
		}
	}
	t.Logf("%d of %d rows agree, %d open with a reason, %d left out", agreeing, len(recordings), len(open), skipped)
}

// models is a checkout of Amazon's models, whose sandbox cases some rows need. Where there is none the test skips.
func models(t *testing.T) string {
	t.Helper()
	dir := modelsDir()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skipf("no models at %s: set SPAPI_MODELS", dir)
	}
	return dir
}

func modelsDir() string {
	if dir := os.Getenv("SPAPI_MODELS"); dir != "" {
		return dir
	}
	return "../../../../shared/models"
}

// readCSV returns the records of a file in testdata without its header.
func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	return records[1:]
}

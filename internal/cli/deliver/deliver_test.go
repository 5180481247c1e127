package deliver

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// What is wrong with rows is told in one line, however many there are, and without anything that stands in them.
func TestComplaintsAreBounded(t *testing.T) {
	streams, _, messages := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	target := Target{Path: filepath.Join(t.TempDir(), "out.csv")}
	if err := target.Resolve(f); err != nil {
		t.Fatal(err)
	}
	sink, err := target.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	text := "name\tcity\n" + strings.Repeat("Jane Roe\tSpringfield\tsecret\n", 100_000)
	if err := sink.Add(Source{Name: "report 7", Reader: strings.NewReader(text), Format: "TSV"}); err != nil {
		t.Fatal(err)
	}
	const want = "report 7: 100000 of 100000 rows are irregular, and kept whole: line 2: 3 fields for 2 columns; line 3: 3 fields for 2 columns; " +
		"line 4: 3 fields for 2 columns; line 5: 3 fields for 2 columns; line 6: 3 fields for 2 columns; and 99995 more\n"
	if messages.String() != want {
		t.Errorf("told %q, want %q", messages, want)
	}
}

// What tab-separated text can't hold is told where it is lost, and only there.
func TestSpacesOfTSVAreTold(t *testing.T) {
	for format, want := range map[string]string{"tsv": "report 7: 2 rows with tabs or line ends inside fields, which tsv has as spaces\n", "csv": "", "jsonl": ""} {
		streams, out, messages := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		sink, err := (&Target{Format: output.Format(format)}).Open(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		if err := sink.Add(Source{Name: "report 7", Reader: strings.NewReader("a,b\n\"x\ty\",1\n\"x\ny\",2\nz,3\n"), Format: "CSV"}); err != nil {
			t.Fatal(err)
		}
		if err := sink.Commit(); err != nil || messages.String() != want || format == "tsv" && out.String() != "a\tb\nx y\t1\nx y\t2\nz\t3\n" {
			t.Errorf("%s: %q, told %q, %v", format, out, messages, err)
		}
	}
}

// A number of lines to skip that the document doesn't have is a mistake, not an empty document.
func TestNothingLeft(t *testing.T) {
	for text, fails := range map[string]bool{"a,b\n1,2\n": true, "": false, "x\ny\nz\na,b\n": false} {
		streams, _, _ := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		sink, err := (&Target{Format: "csv", before: linesBefore{given: true, lines: 3}}).Open(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		err = sink.Add(Source{Name: "report 7", Reader: strings.NewReader(text), Format: "CSV"})
		if fails != (err != nil) || fails && err.Error() != "report 7: --skip-lines 3 leaves nothing: the document has 2 lines" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// --skip-lines takes a number or auto, and goes with rows only.
func TestSkipLines(t *testing.T) {
	for args, want := range map[string]string{
		"--skip-lines 3 -o csv":     "",
		"--skip-lines 0 -o jsonl":   "",
		"--skip-lines auto -o csv":  "",
		"--skip-lines auto":         "--skip-lines auto doesn't go with raw: it is about the rows of -o csv, tsv, jsonl and parquet",
		"--skip-lines 2 -o raw":     "--skip-lines 2 doesn't go with raw: it is about the rows of -o csv, tsv, jsonl and parquet",
		"--skip-lines -1 -o csv":    "want a number of lines, or auto",
		"--skip-lines some -o csv":  "want a number of lines, or auto",
		"--skip-lines 2.5 --out x":  "want a number of lines, or auto",
		"--raw-values --out x.json": "",
	} {
		streams, _, _ := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		var target Target
		cmd := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
			err := target.Resolve(f)
			if err != nil && !exit.IsUsage(err) {
				return fmt.Errorf("no usage error: %w", err)
			}
			return err
		}}
		target.AddFlags(cmd)
		cmd.SetArgs(strings.Fields(args))
		err := cmd.ExecuteContext(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

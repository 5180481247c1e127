package deliver

import (
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/reports"
)

// Every report type says of every format whether it can be had in it, and what is refused names what there is.
func TestFit(t *testing.T) {
	takes := map[string]string{"": "raw csv tsv jsonl parquet", "TSV": "raw csv tsv jsonl parquet", "CSV": "raw csv tsv jsonl parquet", "JSON": "raw jsonl", "XML": "raw", "XLSX": "raw", "PDF": "raw"}
	for _, typ := range reports.Types() {
		for _, format := range []output.Format{Raw, "csv", "tsv", jsonl, "parquet"} {
			target := Target{Format: format}
			if format == jsonl && len(typ.Arrays) > 1 {
				target.Array = typ.Arrays[1]
			}
			err := target.Fit(typ.Name, typ.Format, typ.Arrays, 1)
			wanted := strings.Contains(" "+takes[typ.Format]+" ", " "+string(format)+" ")
			if (err == nil) != wanted {
				t.Errorf("%s (%s) as %s: %v", typ.Name, typ.Format, format, err)
			}
			if err != nil && (!exit.IsUsage(err) || !strings.Contains(err.Error(), "raw")) {
				t.Errorf("%s as %s: %v", typ.Name, format, err)
			}
			for _, array := range typ.Arrays {
				if err != nil && !strings.Contains(err.Error(), array) {
					t.Errorf("%s as %s: %v doesn't name %s", typ.Name, format, err, array)
				}
			}
			if err == nil && format == jsonl && len(typ.Arrays) == 1 && target.Array != typ.Arrays[0] {
				t.Errorf("%s: rows of %q, want those of its only array", typ.Name, target.Array)
			}
		}
	}
}

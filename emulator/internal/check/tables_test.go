package check

import (
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
)

// TestTables wants each row to be about some operation, to have a source, and not to stand behind a row that takes all of its cases.
func TestTables(t *testing.T) {
	ops := catalog.Operations()
	about := func(pattern string) bool {
		return slices.ContainsFunc(ops, func(op catalog.Operation) bool { return operations.Matches(pattern, op.ID) })
	}
	for name, text := range map[string]string{"wordings.csv": wordingTable, "marketplaces.csv": marketplaceTable} {
		taken := map[string]bool{} // by pattern and case
		for _, row := range table.Read(name, text) {
			if !about(row[0]) || row[len(row)-1] == "" {
				t.Errorf("%s: %q: no such operation, or no source", name, row)
			}
			if taken[row[0]+" "+row[1]] || taken["* "+row[1]] {
				t.Errorf("%s: %q stands behind a row for the same", name, row)
			}
			taken[row[0]+" "+row[1]] = true
		}
	}
	for _, w := range wordings() {
		if one, of := strings.CutPrefix(w.situation, "none of "); w.situation != "missing" && w.situation != "missing member" && w.situation != "invalid" && w.situation != "any" && (!of || one == "") {
			t.Errorf("situation %q of %s", w.situation, w.operations)
		}
		if w.first != "code" && w.first != "message" || w.code == "" || w.message == "" {
			t.Errorf("%+v", w)
		}
	}
	for _, r := range marketplaceRules() {
		if r.hosts != "" && r.hosts != "production" || r.refuses != "any" && r.refuses != "others" {
			t.Errorf("%+v", r)
		}
	}
}

// TestEveryProblemIsWorded leaves no operation without words, and no template unfilled.
func TestEveryProblemIsWorded(t *testing.T) {
	ops := catalog.Operations()
	for i := range ops {
		for _, p := range []answer.Problem{{Name: "b", Missing: true}, {Name: "b", Missing: true, Member: true}, {Name: "b"}, {Name: "b", Member: true}} {
			second := p
			second.Name = "a"
			e := Worded(&ops[i], answer.Wrong(p, second))
			if len(e.Problems) > 0 || strings.ContainsAny(*e.Message, "{}") || e.Details != nil && strings.ContainsAny(*e.Details, "{}") || e.Reason != "b: ; a: " {
				t.Errorf("%s: %+v: %q", ops[i].ID, p, *e.Message)
			}
		}
	}
	other := answer.NotFound("x")
	if Worded(&ops[0], other) != other {
		t.Error("an error about something else is changed")
	}
}

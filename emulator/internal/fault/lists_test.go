package fault

import (
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// nameless are lists whose items have nothing that tells one from the others.
var nameless = []string{
	"finances20240619.listBalances", "finances20240619.listSummary", "servicesv1.getFixedSlotCapacity", "servicesv1.getRangeSlotCapacity",
	"transfers20240601.listExpectedPayouts", "vendorshipmentsv1.GetShipmentLabels",
}

// TestTableOfLists: every list of the catalogue is in the table, with members and parameters that it has.
func TestTableOfLists(t *testing.T) {
	seen := 0
	for _, op := range catalog.Operations() {
		if op.Paging == nil || op.Paging.Items == "" {
			continue
		}
		api, detail := operations.SchemasOf(&op)
		var s *catalog.Schema
		for _, r := range detail.Responses {
			if r.Status == 200 {
				s = api.Resolve(r.Schema)
			}
		}
		for _, name := range strings.Split(op.Paging.Items, ".") {
			s = api.Resolve(s.Properties[name])
		}
		l := knownLists()[op.ID]
		if s.Type != "array" || slices.Contains(nameless, op.ID) {
			if l != nil {
				t.Errorf("%s: has no items with ids, but is in the table", op.ID)
			}
			continue
		}
		if l == nil {
			t.Errorf("%s: is not in the table", op.ID)
			continue
		}
		seen++
		item := api.Resolve(s.Items)
		for _, name := range append(slices.Clone(l.id), l.created, l.updated) {
			if name != "" && item.Properties[name] == nil {
				t.Errorf("%s: its items have no %s", op.ID, name)
			}
		}
		for _, name := range l.asked {
			if !operations.DetailsOf(&op).Query[name] || l.updated == "" {
				t.Errorf("%s: doesn't go by %s", op.ID, name)
			}
		}
		if l.moves && l.asked == nil {
			t.Errorf("%s: nothing moves in a list that never goes by updates", op.ID)
		}
	}
	if seen != len(knownLists()) {
		t.Errorf("%d lists of the catalogue are in the table, which has %d", seen, len(knownLists()))
	}
}

package cli_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// reading are commands that only read, with the operation that they stand on.
var reading = []struct{ operation, line string }{
	{"orders20260101.searchOrders", "orders list"},
	{"orders20260101.getOrder", "orders get 902-3159896-1390916"},
	{"fbainventoryv1.getInventorySummaries", "inventory"},
	{"listingsitems20210801.searchListingsItems", "listings list"},
	{"listingsitems20210801.getListingsItem", "listings get SKU-1"},
	{"finances20240619.listTransactions", "finances --since 1999-12-20"},
	{"catalogitems20220401.searchCatalogItems", "catalog search pen"},
	{"catalogitems20220401.getCatalogItem", "catalog get B000000001"},
	{"reports20210630.getReports", "report list GET_MERCHANT_LISTINGS_ALL_DATA --since 1999-12-20"},
	{"reports20210630.getReport", "report get 1"},
	{"reports20210630.getReport", "report download 1"},
	{"feeds20210630.getFeed", "feed status 1"},
	{"feeds20210630.getFeed", "feed result 1"},
	{"sellersv1.getMarketplaceParticipations", "marketplaces"},
	{"ordersv0.getOrders", "call ordersv0.getOrders --marketplace-ids ATVPDKIKX0DER --created-after 2020-01-01"},
	{"ordersv0.getOrders", "call ordersv0.getOrders --marketplace-ids ATVPDKIKX0DER --created-after 2020-01-01 --all"},
}

// inEmulator runs a command in an emulated world of its own with one fault, "" for none.
func inEmulator(t *testing.T, fault, line string) (status int, out, messages string, asked map[string]int) {
	t.Helper()
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithFixedTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	if fault != "" {
		f, err := emulator.ParseFault(fault)
		if err == nil {
			_, err = emu.AddFault(f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	streams, o, m := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	f.UseEmulator(emu)
	status = cli.Run(t.Context(), f, append([]string{"--emulator"}, strings.Fields(line)...))
	asked = map[string]int{}
	for _, r := range emu.Requests() {
		asked[r.Operation]++
	}
	return status, o.String(), m.String(), asked
}

// TestForeignAnswers: what answers in place of an operation is never taken for an empty result. Nothing is printed, and the error shows what came. A body
// that is missing has been asked for again before.
func TestForeignAnswers(t *testing.T) {
	bare(t)
	for _, c := range reading {
		t.Run(c.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for kind, want := range map[string]struct {
					text  string
					asked int
				}{
					"foreign-json": {`none of what the operation declares: {"message":"Endpoint request timed out"}`, 1},
					"empty-body":   {"the body is empty", 5},
				} {
					status, out, messages, asked := inEmulator(t, kind+",operation="+c.operation, c.line)
					if status != exit.Failure || out != "" || !strings.Contains(messages, want.text) || asked[c.operation] != want.asked {
						t.Errorf("%s: status %d after %d requests, printed %q: %s", kind, status, asked[c.operation], out, messages)
					}
				}
			})
		})
	}
}

// TestBodiesThatBreakOff: what is printed is the same as if the body had come whole at once.
func TestBodiesThatBreakOff(t *testing.T) {
	bare(t)
	for _, c := range reading {
		t.Run(c.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status, whole, _, times := inEmulator(t, "", c.line)
				if status != 0 {
					return // of what the emulated world doesn't have, no success can break off; one that has is in the list for each kind of command
				}
				for _, kind := range []string{"empty-body", "truncate", "reset-in-body"} {
					status, out, messages, asked := inEmulator(t, kind+",limit=2,operation="+c.operation, c.line)
					if status != 0 || out != whole || asked[c.operation] != times[c.operation]+2 {
						t.Errorf("%s: status %d after %d requests, printed %d bytes of %d: %s", kind, status, asked[c.operation], len(out), len(whole), messages)
					}
				}
			})
		})
	}
}

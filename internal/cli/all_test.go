package cli_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// TestCallReachesAllOperations calls every operation of the emulator with the arguments of its example line, which "ops show" prints.
// Reached means that the emulator found the operation, let the token pass and found nothing wrong with a parameter. An operation that
// has a state behind it may then say that there is no such thing.
func TestCallReachesAllOperations(t *testing.T) {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithOrders(10))
	if err != nil {
		t.Fatal(err)
	}
	reached, statuses := 0, map[int]int{}
	all := catalog.Operations()
	for i := range all {
		op, err := operation.Lookup(all[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"--emulator", "--yes", "call", op.ID}, op.Example()...)
		streams, out, messages := terminal.Buffers()
		if body := op.ExampleBody(); body != nil {
			args = append(args, "--input", "-")
			streams.In = bytes.NewReader(body)
		}
		f := factory.With(streams, "test", nil)
		f.UseEmulator(emu)
		status := cli.Run(t.Context(), f, args)
		log := emu.Requests()
		last := log[len(log)-1]
		switch {
		case last.Operation != op.ID:
			t.Errorf("spapi %s\nreached %q with status %d: %s", strings.Join(args, " "), last.Operation, last.Status, messages)
		case last.Status/100 == 2 && status != 0:
			t.Errorf("spapi %s\nended with status %d though the emulator answered %d: %s", strings.Join(args, " "), status, last.Status, messages)
		case last.Status/100 != 2 && !stateful(last.Status, messages.String()) && !worldly(op.ID):
			t.Errorf("spapi %s\nwas answered %d: %s%s", strings.Join(args, " "), last.Status, messages, out)
		default:
			reached++
		}
		statuses[last.Status]++
	}
	t.Logf("%d/%d operations reached; answers by status: %v", reached, len(all), statuses)
	if len(all) != 370 {
		t.Errorf("the catalogue has %d operations, want 370", len(all))
	}
}

// stateful tells refusals that are about the state of the emulated world: the operation was reached, its arguments are valid.
func stateful(status int, message string) bool {
	switch status {
	case 404, 409, 422:
		return true
	case 400:
		return !strings.Contains(message, "InvalidInput") && !strings.Contains(message, "Missing request parameter")
	}
	return false
}

// worldlyOperations want arguments that name something of the emulated world, such as a report type or the seller himself, or that depend on each
// other: an example line, which is made from the schema alone, can't know them. They are reached when they are answered.
var worldlyOperations = []string{
	"application20231130.rotateApplicationClientSecret", "datakiosk20231115.createQuery", "fbainventoryv1.getInventorySummaries",
	"feeds20210630.", "listingsitems20200901.", "listingsitems20210801.", "listingsrestrictions20210801.", "messagingv1.", "notificationsv1.",
	"productfeesv0.", "productpricing20220501.", "productpricingv0.", "reports20210630.", "salesv1.getOrderMetrics",
	"uploads20201101.createUploadDestinationForResource",
}

func worldly(id string) bool {
	return slices.ContainsFunc(worldlyOperations, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
}

package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// TestCallReachesAllOperations calls every operation of the emulator with the arguments of its example line, which "ops show" prints:
// what Amazon's models demand and no more. Reached means that the arguments passed the command's own check and that the emulator
// found the operation. An operation with a world behind it may then say that there is no such thing, or that its state forbids it.
func TestCallReachesAllOperations(t *testing.T) {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithOrders(10), emulator.WithRemoved())
	if err != nil {
		t.Fatal(err)
	}
	seller := emu.Credentials().SellerID
	ask := func(args ...string) string {
		streams, out, messages := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		f.UseEmulator(emu)
		if status := cli.Run(t.Context(), f, append([]string{"--emulator"}, args...)); status != 0 {
			t.Fatalf("spapi %s ended with status %d: %s", strings.Join(args, " "), status, messages)
		}
		return strings.TrimSpace(out.String())
	}
	// The examples' ids become those of the emulated world.
	world := strings.NewReplacer(
		"A1EXAMPLESELLER", seller,
		"902-3159896-1390916", ask("call", "ordersv0.getOrders", "--marketplace-ids", "ATVPDKIKX0DER", "--created-after", "2020-01-01", "--jq", ".payload.Orders[0].AmazonOrderId"),
		"B000000001", ask("call", "catalogitems20220401.searchCatalogItems", "--marketplace-ids", "ATVPDKIKX0DER", "--keywords", "pen", "--jq", ".items[0].asin"),
		"SKU-1", ask("call", "listingsitems20210801.searchListingsItems", "--seller-id", seller, "--marketplace-ids", "ATVPDKIKX0DER", "--jq", ".items[0].sku"),
	)
	reached, statuses := 0, map[int]int{}
	all := catalog.Operations()
	for i := range all {
		op, err := operation.Lookup(all[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"--emulator", "--yes", "call", op.ID}
		for _, word := range op.Example() {
			args = append(args, world.Replace(word))
		}
		streams, _, messages := terminal.Buffers()
		if body := op.ExampleBody(); body != nil {
			args = append(args, "--input", "-")
			streams.In = bytes.NewReader(body)
		}
		f := factory.With(streams, "test", nil)
		f.UseEmulator(emu)
		status := cli.Run(t.Context(), f, args)
		log := emu.Requests()
		last := log[len(log)-1]
		if last.Operation == op.ID {
			reached++
		} else {
			t.Errorf("spapi %s\nreached %q with status %d: %s", strings.Join(args, " "), last.Operation, last.Status, messages)
		}
		if worked := last.Status/100 == 2; worked != (status == 0) {
			t.Errorf("spapi %s\nended with status %d though the emulator answered %d: %s", strings.Join(args, " "), status, last.Status, messages)
		} else if !worked {
			t.Logf("%s: %s", op.ID, strings.SplitN(messages.String(), "\n", 2)[0])
		}
		statuses[last.Status]++
	}
	t.Logf("%d/%d operations reached; answers by status: %v", reached, len(all), statuses)
	if n := len(all) - statuses[200] - statuses[201] - statuses[202] - statuses[204] - statuses[207]; n > 120 { // by operations with state, which know nothing of what the examples make up
		t.Errorf("%d of the example lines were refused: are they still valid?", n)
	}
	if len(all) != 373 {
		t.Errorf("the catalogue has %d operations, want 373", len(all))
	}
}

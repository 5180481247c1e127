package cli_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
)

// onGateway makes the folder of a gateway that has what examples name, a key, a block and an audit, and returns a command line that works on it. Other command
// lines stay as they are.
func onGateway(t *testing.T, args []string) []string {
	t.Helper()
	if len(args) < 2 || args[0] != "gateway" || !slices.Contains([]string{"key", "block", "unblock", "blocks", "audit"}, args[1]) {
		return args
	}
	folder := t.TempDir()
	key, _, err := gateway.NewKey(gateway.Key{Name: "repricer", Created: time.Now().UTC(), Scope: gateway.Scope{Accounts: []string{"shop-de"}, Operations: []string{"*"}, Write: true}})
	if err != nil {
		t.Fatal(err)
	}
	key.ID = "k3v9x2m7qa"
	if err := gateway.NewFolder(folder).Update(t.Context(), func(r *gateway.Records) error {
		r.Keys = append(r.Keys, key)
		r.Blocks = append(r.Blocks, gateway.Block{Caller: "repricer", Reason: "sets wrong prices", Since: time.Now().UTC()})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	secret := bytes.Repeat([]byte{7}, 32)
	if err := os.WriteFile(filepath.Join(folder, "secret"), []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(filepath.Join(folder, "audit"), audit.Options{Chain: "gateway", Secret: secret, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), gateway.Record{Time: time.Now().UTC(), Caller: "repricer", Key: key.ID, Account: "shop-de", Operation: "ordersv0.getOrders", Status: 200}); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	var placed []string
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "--folder", "--head": // an example's; this chain has another head
			i++
		case "--source":
			i++
			placed = append(placed, "--source", filepath.Join(folder, "audit"))
		default:
			placed = append(placed, args[i])
		}
	}
	return append(placed, "--folder", folder)
}

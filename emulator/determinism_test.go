package emulator_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

// TestSameBytes asks the same of many emulators, in this process and in others: all that comes back is the same, headers included.
func TestSameBytes(t *testing.T) {
	digest := func() string {
		c := newClient(t, emulator.WithSeed(11), emulator.WithFixedTime(start))
		c.fault("throttle,probability=0.2,operation=catalogitems*")
		first := transcript(c)
		for range 5 {
			first += c.get("/catalog/2022-04-01/items?keywords=pen&marketplaceIds=" + us).body
		}
		return fmt.Sprintf("%x", sha256.Sum256([]byte(first)))
	}
	want := digest()
	if os.Getenv("SPAPI_EMULATOR_DIGEST") != "" {
		fmt.Println("digest=" + want)
		return
	}
	for i := range 100 {
		if got := digest(); got != want {
			t.Fatalf("run %d differs", i)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestSameBytes$")
		cmd.Env = append(os.Environ(), "SPAPI_EMULATOR_DIGEST=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "digest="+want) {
			t.Errorf("process %d: %v %s, want %s", i, err, out, want)
		}
	}
}

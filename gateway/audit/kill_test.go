package audit

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/gateway"
)

// killVar names the folder in which this process appends until it is killed.
const killVar = "SPAPI_TEST_AUDIT_KILL"

// killsVar is how often TestKill kills: "make prove-gateway" sets it.
const killsVar = "SPAPI_AUDIT_KILLS"

// killed appends records until it is killed, and tells of each when it is kept.
func killed() bool {
	folder := os.Getenv(killVar)
	if folder == "" {
		return false
	}
	l, err := Open(folder, Options{Chain: "shop", Secret: []byte("0123456789abcdef"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("failed:", err)
		return true
	}
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				call := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				if err := l.Append(context.Background(), gateway.Record{Call: call, Intent: true, Write: true}); err != nil {
					fmt.Println("failed:", err)
					return
				}
				fmt.Println(call) // one write: it is whole or isn't
			}
		}()
	}
	time.Sleep(time.Minute) // it is killed long before
	return true
}

// TestKill: whatever Append returned for is in the chain after the process was killed at any moment, and the chain holds and goes on.
func TestKill(t *testing.T) {
	kills := 5
	if s := os.Getenv(killsVar); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%s=%q: want a number", killsVar, s)
		}
		kills = n
	}
	folder := t.TempDir()
	kept := map[string]bool{}
	for range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), killVar+"="+folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until := 1 + rand.IntN(400)
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if strings.HasPrefix(line, "failed:") {
				t.Error(line)
			}
			if err != nil {
				break // a line that isn't whole wasn't told
			}
			kept[strings.TrimSpace(line)] = true
			if n == until {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
	}
	if len(kept) < kills {
		t.Fatalf("%d records were told of", len(kept))
	}
	chains, err := Chains(folder)
	if err != nil || len(chains) != 1 {
		t.Fatalf("%v, %v", chains, err)
	}
	l, err := Open(folder, Options{Chain: "shop", Secret: []byte("0123456789abcdef"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), chains[0], VerifyOptions{Secrets: [][]byte{[]byte("0123456789abcdef")}})
	if err != nil {
		files, _ := filepath.Glob(filepath.Join(folder, "*"))
		t.Fatal(err, files)
	}
	if r.Crashes != uint64(kills) { //nolint:gosec // a few
		t.Errorf("%d crashes are noted of %d", r.Crashes, kills)
	}
	told := len(kept)
	for e, err := range chains[0].Entries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		delete(kept, e.Call)
	}
	if len(kept) > 0 {
		t.Errorf("%d records that were kept are not there: %v", len(kept), kept)
	}
	t.Logf("%d kills, %d records told of, %d entries, %d torn", kills, told, r.Entries, r.Torn)
}

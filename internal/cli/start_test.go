package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// What a start may cost, counted: what is made at every start is paid by every command. The time of starting is TestStartUp's.
const (
	packageInit = 16 << 10   // bytes that the variables of one of our packages may take
	ownInit     = 98 << 10   // those of all of them
	allInit     = 2600 << 10 // with the dependencies'; AWS's SDK (its client of SQS alone 240, of DynamoDB 670, of Secrets Manager 230) and gojq make most of it
)

// TestInits: packages don't compile regular expressions, read tables or fill maps before anybody asks for them.
func TestInits(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	cmd := exec.Command(build(t, "spapi", "../../cmd/spapi"), "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	own, all, seen := 0, 0, false
	for _, m := range regexp.MustCompile(`(?m)^init (\S+) @.* clock, (\d+) bytes, \d+ allocs$`).FindAllStringSubmatch(trace.String(), -1) {
		bytes, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		all += bytes
		if !strings.HasPrefix(m[1], "github.com/openspapi/spapi") {
			continue
		}
		own, seen = own+bytes, true
		if bytes > packageInit {
			t.Errorf("the variables of %s take %d bytes at every start, want at most %d: make what is large when it is first needed (sync.OnceValue)",
				m[1], bytes, packageInit)
		}
	}
	if !seen {
		t.Fatalf("no package of ours in\n%s", trace.String())
	}
	t.Logf("our packages %d bytes, all %d", own, all)
	if own > ownInit || all > allInit {
		t.Errorf("our packages' variables take %d bytes at every start, want at most %d; all packages' %d, want at most %d", own, ownInit, all, allInit)
	}
}

// TestAllocatedByCommands: what commands allocate beside the inits, from the first line of main to their end.
func TestAllocatedByCommands(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector pools throw away at random")
	}
	for _, c := range []struct {
		line string
		most int // bytes
	}{
		{"--version", 450 << 10},
		{"ops orders", 860 << 10},
		{"call ordersv0.getOrder --order-id 1 --dry-run", 1200 << 10},
		{"--emulator " + strings.Join(callLine, " "), 1500 << 10},
	} {
		report := filepath.Join(t.TempDir(), "allocated")
		cmd := exec.Command("spapi", strings.Fields(c.line)...)
		cmd.Env = append(os.Environ(), "TEST_ALLOCATED="+report, "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c.line, err, out)
		}
		text, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := strconv.Atoi(string(text))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("spapi %s: %d bytes", c.line, bytes)
		if bytes > c.most {
			t.Errorf("spapi %s allocates %d bytes, want at most %d", c.line, bytes, c.most)
		}
	}
}

// counted runs a command and writes how many bytes it allocated to the file that TEST_ALLOCATED names, if it does.
func counted(command func() int) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status := command()
	if name := os.Getenv("TEST_ALLOCATED"); name != "" {
		runtime.ReadMemStats(&after)
		if err := os.WriteFile(name, fmt.Append(nil, after.TotalAlloc-before.TotalAlloc), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

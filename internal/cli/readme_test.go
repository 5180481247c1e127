package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReadmeFirstOrder runs the transcript in the README as it stands there. After the build it may take ten seconds.
func TestReadmeFirstOrder(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell: the transcript in the README was not run")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "```console\n")
	if !ok {
		t.Fatal("README.md has no transcript")
	}
	block, _, _ = strings.Cut(block, "```")
	binary := filepath.Join(t.TempDir(), "spapi")
	home := t.TempDir()
	steps := strings.Split(block, "$ ")[1:]
	if len(steps) != 3 {
		t.Fatalf("the transcript has %d commands, want three", len(steps))
	}
	var took time.Duration
	for i, step := range steps {
		command, want, _ := strings.Cut(step, "\n")
		command = strings.ReplaceAll(command, "bin/spapi", binary)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "SPAPI_CONFIG="+filepath.Join(home, "config.json"), "SPAPI_ACCOUNTS="+filepath.Join(home, "accounts.age"))
		start := time.Now()
		out, err := cmd.Output()
		if i > 0 {
			took += time.Since(start)
		}
		cancel()
		if err != nil || string(out) != want {
			t.Fatalf("%s\nprinted %q, want %q (%v)", command, out, want, err)
		}
	}
	t.Logf("after the build the first order took %s", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("after the build the first order took %s, want less than 10 s", took)
	}
}

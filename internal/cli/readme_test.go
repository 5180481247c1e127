package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
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
		out, err := cmd.CombinedOutput() // what a person sees
		if i > 0 {
			took += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() // which other programs don't disturb
		}
		cancel()
		if err != nil || string(out) != want {
			t.Fatalf("%s\nprinted %q, want %q (%v)", command, out, want, err)
		}
	}
	t.Logf("after the build the first order took %s of processor time", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("after the build the first order took %s of processor time, want less than 10 s", took)
	}
}

// TestReadmeEmulator runs the README's lines for an emulator as they stand there, and looks at what a program would get.
func TestReadmeEmulator(t *testing.T) {
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: the README's lines for the emulator were not run", program)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### With the emulator\n")
	_, block, ok := strings.Cut(section, "```sh\n")
	if !ok {
		t.Fatal("README.md has no lines for the emulator")
	}
	block, _, _ = strings.Cut(block, "```")
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "spapi"), "../../cmd/spapi").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bare(t)
	last := strings.LastIndex(strings.TrimSuffix(block, "\n"), "\n") + 1
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", block[:last]+"echo; echo; env\n"+block[last:])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answers, environment, _ := strings.Cut(string(out), "\n\n")
	answers = strings.Join(strings.Fields(answers), " ")
	if want := `1 1 { "errors": [ { "code": "Unauthorized", "message": "Access to requested resource is denied.",`; !strings.HasPrefix(answers, want) {
		t.Errorf("the lines print %q, want %s…", answers, want)
	}
	for line := range strings.Lines(environment) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.HasPrefix(name, "SPAPI_") {
			t.Setenv(name, value)
		}
	}
	client, err := spapi.Load(t.Context())
	if err != nil || client.Endpoint() != os.Getenv("SPAPI_ENDPOINT") || client.Marketplace() == "" {
		t.Errorf("a program gets %v, %v", client, err)
	}
	t.Setenv("SPAPI_MARKETPLACE", "")
	t.Setenv("SPAPI_REGION", "fe")
	streams, _, messages := terminal.Buffers()
	status := cli.Run(t.Context(), factory.With(streams, "test", nil), []string{"orders", "list"})
	if text := messages.String(); status != 2 || !strings.Contains(text, "such as --marketplace JP") || !strings.Contains(text, "SPAPI_MARKETPLACE=JP") {
		t.Errorf("status %d, %s", status, text)
	}
}

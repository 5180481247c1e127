package cli_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
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
		start := time.Now()
		out, err := cmd.CombinedOutput() // what a person sees
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

// TestReadmeEmulator runs the README's variables for an emulator as they stand there, but for its address and what its line tells.
func TestReadmeEmulator(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### With the emulator\n")
	_, block, ok := strings.Cut(section, "```sh\n")
	if !ok {
		t.Fatal("README.md has no variables for the emulator")
	}
	block, _, _ = strings.Cut(block, "```")
	emu, err := emulator.New(emulator.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emu)
	defer server.Close()
	c := emu.Credentials()
	line := map[string]string{"SPAPI_CLIENT_ID": c.ClientID, "SPAPI_CLIENT_SECRET": c.ClientSecret,
		"SPAPI_REFRESH_TOKEN": c.RefreshToken, "SPAPI_SELLER_ID": c.SellerID}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "SPAPI_") || strings.HasPrefix(name, "LWA_") || strings.HasPrefix(name, "AMAZON_") {
			t.Setenv(name, "")
		}
	}
	for _, set := range regexp.MustCompile(`SPAPI_\w+=\S+`).FindAllString(block, -1) {
		name, value, _ := strings.Cut(set, "=")
		if value == "…" {
			value = line[name]
			delete(line, name)
		}
		t.Setenv(name, strings.Replace(value, "http://127.0.0.1:8080", server.URL, 1))
	}
	if len(line) > 0 {
		t.Errorf("the README leaves out %v", slices.Sorted(maps.Keys(line)))
	}
	for _, command := range []string{"orders list --limit 1 --jq length", "listings list --limit 1 --jq length"} {
		streams, out, messages := terminal.Buffers()
		if status := cli.Run(t.Context(), factory.With(streams, "test", nil), strings.Fields(command)); status != 0 || strings.TrimSpace(out.String()) != "1" {
			t.Errorf("spapi %s ended with status %d: %s%s", command, status, out, messages)
		}
	}
	client, err := spapi.Load(t.Context())
	if err != nil || client.Endpoint() != server.URL || client.Marketplace() == "" {
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

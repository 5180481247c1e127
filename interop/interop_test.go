package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// clients are the npm clients of SP-API, each in a folder with its flow, with the flags of the emulator that it walks through.
var clients = []struct {
	folder  string
	name    string // at npm
	flags   []string
	proxy   bool     // it is led by a proxy too, and needs no preload
	regions []string // beside North America
}{
	{folder: "amazon-sp-api", name: "amazon-sp-api"},
	{folder: "amazon-sp-api-0.8", name: "amazon-sp-api", flags: []string{"--require-sigv4"}}, // every request has to be signed
	{folder: "amazon-sp-api-sdk-js", name: "@amazon-sp-api-release/amazon-sp-api-sdk-js"},
	{folder: "lorenstuff", name: "@lorenstuff/amazon-selling-partner-api"},
	{folder: "scaleleap", name: "@scaleleap/selling-partner-api-sdk", proxy: true},
	{folder: "sp-api-sdk", name: "@sp-api-sdk/auth", proxy: true, regions: []string{"eu", "fe"}},
}

// TestVersionsInDocs holds the versions that docs/clients.md names against those that are run.
func TestVersionsInDocs(t *testing.T) {
	docs, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range clients {
		text, err := os.ReadFile(filepath.Join(client.folder, "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		var pkg struct{ Dependencies map[string]string }
		if err := json.Unmarshal(text, &pkg); err != nil {
			t.Fatalf("%s: %v", client.folder, err)
		}
		version := pkg.Dependencies[client.name]
		row := "| `" + client.name + "` | " + version + " |"
		if client.name == "@sp-api-sdk/auth" {
			row = "| `@sp-api-sdk/*` | `auth` " + version
		}
		if version == "" || !bytes.Contains(docs, []byte(row)) {
			t.Errorf("docs/clients.md has no row %q", row)
		}
	}
}

// TestFlows lets each client walk its way through the emulator, unmodified, by "spapi emulator run": below the client, by the preload for
// Node.js, and without it by the variables for a proxy where the client heeds them.
func TestFlows(t *testing.T) {
	binary := buildCommand(t)
	for _, client := range clients {
		run := slices.Concat([]string{"emulator", "run", "--seed", "1"}, client.flags, []string{"--"})
		t.Run(client.folder, func(t *testing.T) {
			node := needNode(t, client.folder)
			wantSteps(t, command(t, client.folder, binary, append(run, node, "flow.mjs")...), 8)
		})
		for _, region := range client.regions {
			t.Run(client.folder+" "+region, func(t *testing.T) {
				node := needNode(t, client.folder)
				wantSteps(t, command(t, client.folder, binary, "emulator", "run", "--seed", "1", "--region", region, "--", node, "flow.mjs"), 8)
			})
		}
		if client.proxy && runtime.GOOS != "windows" {
			t.Run(client.folder+" by proxy", func(t *testing.T) {
				node := needNode(t, client.folder)
				wantSteps(t, command(t, client.folder, binary, append(run, "env", "-u", "NODE_OPTIONS", node, "flow.mjs")...), 8)
			})
		}
	}
}

// TestSandbox lets each client ask for official sandbox cases in the sandbox mode that it has, and one of them for all cases there are.
func TestSandbox(t *testing.T) {
	models := os.Getenv("SPAPI_MODELS")
	if models == "" {
		t.Skip("SPAPI_MODELS names no checkout of Amazon's models, whose sandbox cases this needs")
	}
	models, err := filepath.Abs(models)
	if err != nil {
		t.Fatal(err)
	}
	binary := buildCommand(t)
	flags := []string{"emulator", "run", "--seed", "1", "--sandbox", "--sandbox-strict", "--no-limits", "--models", models}
	for _, client := range clients {
		t.Run(client.folder, func(t *testing.T) {
			node := needNode(t, client.folder)
			wantSteps(t, command(t, client.folder, binary, slices.Concat(flags, client.flags, []string{"--", node, "flow.mjs", "sandbox"})...), 3)
		})
	}
	t.Run("all cases", func(t *testing.T) {
		node := needNode(t, "amazon-sp-api")
		cmd := command(t, "amazon-sp-api", binary, slices.Concat(flags, []string{"--", node, "sandbox.mjs"})...)
		cmd.Env = append(cmd.Env, "SPAPI_MODELS="+models)
		wantSteps(t, cmd, 2)
	})
}

// TestArticle walks the way of the article whose steps the quickstart walks, with npm aws4, over plain HTTP.
func TestArticle(t *testing.T) {
	node := needNode(t, "aws4")
	cmd := command(t, "aws4", node, "flow.mjs")
	cmd.Stdin = bytes.NewReader(startEmulator(t))
	wantSteps(t, cmd, 6)
}

// command makes a command that runs in a folder, with none of this computer's proxies, AWS keys and settings.
func command(t *testing.T, folder, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// wantSteps runs a flow, which prints its steps as a line of JSON, and wants at least so many, none of them failed.
func wantSteps(t *testing.T, cmd *exec.Cmd, least int) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	var result struct {
		OK    bool
		Steps []struct {
			Name         string
			OK           bool
			MS           int
			Error        string
			Counts, Body json.RawMessage
		}
	}
	if jsonErr := json.Unmarshal(stdout, &result); jsonErr != nil {
		t.Fatalf("%v, %v: printed %q\n%s", err, jsonErr, stdout, &stderr)
	}
	for _, step := range result.Steps {
		t.Logf("%v %4d ms  %s  %s%s %s", step.OK, step.MS, step.Name, step.Counts, step.Error, step.Body)
	}
	if err != nil || !result.OK || len(result.Steps) < least {
		t.Errorf("%v after %d steps: %s", err, len(result.Steps), &stderr)
	}
}

// built is the folder of the command that the tests share.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (binary string, err error) {
	if built, err = os.MkdirTemp("", "spapi-interop-"); err != nil {
		return "", err
	}
	binary = filepath.Join(built, "spapi")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/spapi").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build spapi: %w\n%s", err, out)
	}
	return binary, nil
})

// buildCommand builds spapi, once for all tests.
func buildCommand(t *testing.T) (binary string) {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// startEmulator starts an emulator, and returns the line that it prints when it is ready.
func startEmulator(t *testing.T) (ready []byte) {
	t.Helper()
	return start(t, nil, "emulator", "--listen", "127.0.0.1:0", "--seed", "1")
}

// needNode skips the test, and says so, when Node.js or a folder's packages are not there.
func needNode(t *testing.T, folders ...string) (node string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("SPAPI_INTEROP") == "1" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("no Node.js: %v", err)
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
			missing("the packages of interop/%s are not installed: run interop/run.sh, or npm ci in that folder", folder)
		}
	}
	return node
}

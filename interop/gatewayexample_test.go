package interop

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openspapi/spapi/internal/redistest"
)

const gatewayExample = "../examples/gateway"

// compose is what of a compose file the example has. Other members are mistakes.
type compose struct {
	Name     string
	Spapi    composeService `yaml:"x-spapi"`
	Gateway  composeService `yaml:"x-gateway"`
	Services map[string]composeService
	Configs  map[string]struct{ File string }
	Volumes  map[string]any
}

type composeService struct {
	Image   string
	Build   struct{ Context, Dockerfile string }
	Restart string
	Command []string
	EnvFile string `yaml:"env_file"`

	Environment     map[string]string
	Configs         []struct{ Source, Target string }
	StopGracePeriod time.Duration `yaml:"stop_grace_period"`
	DependsOn       []string      `yaml:"depends_on"`
	Ports, Volumes  []string
}

// TestGatewayCompose holds the files of examples/gateway against each other, and then does what compose would: Redis, an emulator and two gateways with these
// very files, but for the addresses. The scripts work through both gateways, with one key.
func TestGatewayCompose(t *testing.T) {
	var c compose
	d := yaml.NewDecoder(bytes.NewReader(readFile(t, gatewayExample+"/compose.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	var config struct {
		Listen, Folder string
		Fleet          struct{ Address string }
		Drain          struct{ Timeout time.Duration }
	}
	text := string(readFile(t, gatewayExample+"/gateway.yaml"))
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	variables := dotenv(t, gatewayExample+"/emulator.env")

	_, port, _ := strings.Cut(config.Listen, ":")
	gateways := 0
	for name, s := range c.Services {
		for _, needed := range s.DependsOn {
			if _, is := c.Services[needed]; !is {
				t.Errorf("%s depends on %s, which is no service", name, needed)
			}
		}
		for _, volume := range s.Volumes {
			volume, _, _ := strings.Cut(volume, ":")
			if _, is := c.Volumes[volume]; !is {
				t.Errorf("%s has a volume %s, which isn't declared", name, volume)
			}
		}
		if s.Image == c.Spapi.Image {
			if _, err := os.Stat(filepath.Join(gatewayExample, s.Build.Context, s.Build.Dockerfile)); err != nil || s.Build.Context != "../.." {
				t.Errorf("%s is built from %+v: %v", name, s.Build, err)
			}
		}
		if len(s.Configs) == 0 {
			continue
		}
		gateways++
		if at := s.Configs[0]; c.Configs[at.Source].File != "gateway.yaml" || !slices.Equal(s.Command, []string{"gateway", "--config", at.Target}) {
			t.Errorf("%s is told %q, its file is at %+v", name, s.Command, at)
		}
		if !strings.HasPrefix(s.Ports[0], "127.0.0.1:") || !strings.HasSuffix(s.Ports[0], ":"+port) {
			t.Errorf("%s listens on %s, and %s is published", name, config.Listen, s.Ports[0])
		}
		if len(s.Volumes) != 1 || !strings.HasSuffix(s.Volumes[0], ":"+config.Folder) {
			t.Errorf("%s keeps what it has in %s, and has the volumes %q", name, config.Folder, s.Volumes)
		}
		if s.StopGracePeriod <= config.Drain.Timeout {
			t.Errorf("%s is killed after %s, and may take %s", name, s.StopGracePeriod, config.Drain.Timeout)
		}
		if s.EnvFile != "emulator.env" {
			t.Errorf("%s has the variables of %q", name, s.EnvFile)
		}
	}
	emulator := c.Services["emulator"]
	_, emulatorPort, _ := strings.Cut(argument(emulator.Command, "--listen"), ":")
	if gateways != 2 || variables["SPAPI_ENDPOINT"] != "http://emulator:"+emulatorPort || variables["SPAPI_TOKEN_URL"] != variables["SPAPI_ENDPOINT"]+"/auth/o2/token" {
		t.Errorf("%d gateways, the emulator listens on %q, they call %q and %q", gateways, emulatorPort, variables["SPAPI_ENDPOINT"], variables["SPAPI_TOKEN_URL"])
	}
	docker := string(readFile(t, gatewayExample+"/Dockerfile"))
	mod := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(readFile(t, "../go.mod")))
	for _, want := range []string{"FROM golang:" + mod[1] + " AS build", ".ci/build /out/spapi", config.Folder + "\n", "ENTRYPOINT [\"/spapi\"]"} {
		if !strings.Contains(docker, want) {
			t.Errorf("the Dockerfile has no %q", want)
		}
	}

	var amazon struct {
		URL          string
		LWAURL       string `json:"lwa_url"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
		SellerID     string `json:"seller_id"`
		Region       string
	}
	command := replaced(t, strings.Join(emulator.Command, " "), "0.0.0.0:"+emulatorPort, "127.0.0.1:0")
	if err := json.Unmarshal(start(t, nil, strings.Fields(command)...), &amazon); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{
		"SPAPI_ENDPOINT": variables["SPAPI_ENDPOINT"], "SPAPI_TOKEN_URL": variables["SPAPI_TOKEN_URL"], "SPAPI_REGION": amazon.Region, "SPAPI_SELLER_ID": amazon.SellerID,
		"SPAPI_CLIENT_ID": amazon.ClientID, "SPAPI_CLIENT_SECRET": amazon.ClientSecret, "SPAPI_REFRESH_TOKEN": amazon.RefreshToken,
	}; !maps.Equal(variables, want) {
		t.Errorf("emulator.env says %q, the emulator %q", variables, want)
	}
	variables["SPAPI_ENDPOINT"], variables["SPAPI_TOKEN_URL"] = amazon.URL, amazon.LWAURL

	redis := redistest.StartTCP(t)
	var environment []string
	for name := range c.Gateway.Environment {
		environment = append(environment, name+"="+strings.Repeat("MDEy", 16)) // 48 bytes in base64
	}
	for name, value := range variables {
		environment = append(environment, name+"="+value)
	}
	var files []string
	for range 2 {
		file := filepath.Join(t.TempDir(), "gateway.yaml")
		edited := replaced(t, text, "redis://redis:6379/0", "redis://"+redis.Address+"/0", config.Folder, filepath.Join(t.TempDir(), "state"), config.Listen, "127.0.0.1:0")
		if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	created := regexp.MustCompile(`(?m)^#.*exec gateway-1 /spapi (gateway key create .*)$`).FindSubmatch(readFile(t, gatewayExample+"/compose.yaml"))
	if created == nil {
		t.Fatal("the head of compose.yaml makes no key")
	}
	line := replaced(t, string(created[1]), "/etc/spapi/gateway.yaml", files[0])
	cmd := exec.Command("sh", "-c", buildCommand(t)+" "+line)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, environment...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	key := keyForm.Find(out)
	if err != nil || key == nil {
		t.Fatalf("%s: %v: printed %q", line, err, out)
	}
	for _, file := range files { // after the key: who runs already knows it some seconds later
		var at gatewayLine
		if err := json.Unmarshal(start(t, environment, "gateway", "--config", file), &at); err != nil {
			t.Fatal(err)
		}
		listOrders(t, at.URL, string(key))
	}
}

// TestGatewayScripts runs the scripts of examples/gateway, as docs/gateway.md shows them, through a gateway of one command.
func TestGatewayScripts(t *testing.T) {
	at := startGateway(t)
	listOrders(t, at.URL, at.ClientSecret)
}

// listOrders wants the same orders of each script.
func listOrders(t *testing.T, url, key string) {
	var first []string
	for _, script := range []struct{ program, file string }{{"python3", "orders.py"}, {"php", "orders.php"}, {"sh", "orders.sh"}} {
		t.Run(script.file, func(t *testing.T) {
			if _, err := exec.LookPath(script.program); err != nil {
				missing := t.Skipf
				if os.Getenv("SPAPI_INTEROP") == "1" && os.Getenv("SPAPI_INTEROP_RUNTIMES") != "optional" {
					missing = t.Fatalf
				}
				missing("no %s here: run interop/runtimes/install.sh", script.program)
			}
			run := func(key string) (string, string, error) {
				cmd := command(t, gatewayExample, script.program, script.file)
				cmd.Env = append(cmd.Env, "SPAPI_GATEWAY="+url, "SPAPI_GATEWAY_KEY="+key)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				return string(out), stderr.String(), err
			}
			out, stderr, err := run(key)
			if err != nil || stderr != "" {
				t.Fatalf("%v: %.300s\n%.300s", err, stderr, out)
			}
			ids := regexp.MustCompile(`\d{3}-\d{7}-\d{7}`).FindAllString(out, -1)
			if len(ids) < 100 {
				t.Fatalf("%d orders in %.300s", len(ids), out)
			}
			switch {
			case first == nil:
				first = ids
			case script.file == "orders.sh": // the first page
				if !slices.Equal(ids[:20], first[:20]) {
					t.Errorf("its first orders are %q, another script's %q", ids[:20], first[:20])
				}
			case !slices.Equal(ids, first):
				t.Errorf("%d orders, another script has %d", len(ids), len(first))
			}
			// A wrong key is told, and so is that it was one.
			if out, stderr, err := run(key[:len(key)-4] + "AAAA"); err == nil || !strings.Contains(out+stderr, "Unauthorized") || strings.Contains(out+stderr, key[:len(key)-4]) {
				t.Errorf("with a wrong key: %v: %.300s%.300s", err, out, stderr)
			}
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func dotenv(t *testing.T, name string) map[string]string {
	variables := map[string]string{}
	for line := range strings.Lines(string(readFile(t, name))) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			variables[name] = value
		}
	}
	return variables
}

func argument(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// replaced replaces pairs, each of which has to be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%q is not in %q", pair[0], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

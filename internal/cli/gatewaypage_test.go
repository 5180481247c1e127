package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// gatewayPage is a script that does what docs/gateway.md says. A line that starts a gateway starts it in the background, on a free port; the addresses and keys
// that the page shows are then those that it has.
const gatewayPage = `set -eu
end() { for pid in ${running-}; do kill -INT "$pid" 2>/dev/null && wait "$pid" || echo "a gateway ended with $?"; done; running=; }
trap end EXIT
serve() {
	rm -f line.json
	"$@" --listen 127.0.0.1:0 >line.json 2>>gateway.log & running="${running-} $!"
	until grep . line.json; do kill -0 "$!" || { cat gateway.log >&2; exit 1; }; sleep 0.05; done
	member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" line.json; }
	SPAPI_GATEWAY=$(member url) key=$(member client_secret)
	export SPAPI_GATEWAY SPAPI_GATEWAY_KEY="${key:-${SPAPI_GATEWAY_KEY-}}"
}
use() { # the key that was made; a gateway that runs knows it within seconds
	SPAPI_GATEWAY_KEY=$(grep -oE 'spapi_gw_[a-z0-9]{10}_[A-Za-z0-9_-]{43}' key)
	export SPAPI_GATEWAY_KEY
	[ -n "${running-}" ] || return 0
	while case $(curl -s -o status.json -w '%{http_code}' -H "Authorization: Bearer $SPAPI_GATEWAY_KEY" "$SPAPI_GATEWAY/no/such/path") in 401 | 429) ;; *) false ;; esac; do
		sleep 0.5
	done
}
`

// TestGatewayPage runs the commands of docs/gateway.md: those of a gateway over an emulator, and those of one with a stored account, whose Amazon is an emulator.
func TestGatewayPage(t *testing.T) {
	if testing.Short() {
		t.Skip("each line starts a process, which takes a second under the race detector")
	}
	text, err := os.ReadFile("../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for language, file := range map[string]string{"python": "orders.py", "php": "orders.php"} {
		program, err := os.ReadFile("../../examples/gateway/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page, "```"+language+"\n"+string(program)+"```\n") {
			t.Errorf("docs/gateway.md shows another %s than examples/gateway has", file)
		}
	}
	begin := strings.Index(page, "### With an account")
	if begin < 0 {
		t.Fatal("the page has no section \"With an account\"")
	}

	t.Run("offline", func(t *testing.T) {
		out := runGatewayPage(t, page[:begin], "")
		for _, want := range []string{`"marketplace":`, regexp.MustCompile(`(?m)^\{"errors":.*$`).FindString(page[:begin])} {
			if want == "" || !strings.Contains(out, want) {
				t.Errorf("no %s in %.2000s", want, out)
			}
		}
		members := regexp.MustCompile(`"\w+":"(?:http://127|Atz|spapi_gw_)?`)
		shown := members.FindAllString(regexp.MustCompile(`(?m)^\{"url":.*$`).FindString(page), -1)
		if got := members.FindAllString(out, -1); len(shown) < 5 || len(got) < len(shown) || !slices.Equal(got[:len(shown)], shown) {
			t.Errorf("the page shows a line with %q, it is %.2000s", shown, out)
		}
		scripts := 0
		for _, program := range []string{"python3", "php"} {
			if _, err := exec.LookPath(program); err == nil {
				scripts++
			}
		}
		if lines := regexp.MustCompile(`(?m)^\d{3}-\d{7}-\d{7} 20\d\d-\S+Z$`).FindAllString(out, -1); len(lines) < 100*scripts {
			t.Errorf("%d orders of %d scripts", len(lines), scripts)
		}
	})

	t.Run("README", func(t *testing.T) {
		readme, err := os.ReadFile("../../README.md")
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(readme), "\n### In another language\n")
		section, _, _ = strings.Cut(section, "\n## ")
		section = strings.NewReplacer("\nbin/", "\n", "$KEY", "$SPAPI_GATEWAY_KEY", "http://127.0.0.1:8585", "$SPAPI_GATEWAY").Replace(section)
		if out := runGatewayPage(t, section, ""); !strings.Contains(out, `"orderId"`) {
			t.Errorf("no order in %.300s", out)
		}
	})

	t.Run("account", func(t *testing.T) {
		home := t.TempDir()
		emulator := `eval "$(spapi emulator --env --background)"` + "\n" + `trap 'end; kill "$SPAPI_EMULATOR_PID"' EXIT` + "\n" +
			`printf '%s\n' "$SPAPI_CLIENT_ID" "$SPAPI_CLIENT_SECRET" "$SPAPI_REFRESH_TOKEN" >secrets` + "\n" +
			"unset SPAPI_CLIENT_ID SPAPI_CLIENT_SECRET SPAPI_REFRESH_TOKEN SPAPI_REGION SPAPI_MARKETPLACE SPAPI_PROFILE LWA_CLIENT_IDENTIFIER LWA_CLIENT_SECRET " +
			"LWA_CLIENT_ID AMAZON_REFRESH_TOKEN https_proxy HTTPS_PROXY http_proxy HTTP_PROXY\n" +
			"export SPAPI_KEY_FILE=" + filepath.Join(home, "accounts-key") + " SPAPI_ACCOUNTS=" + filepath.Join(home, "accounts.age") + "\n"
		config := regexp.MustCompile("(?s)This one serves.*?```yaml\n(.*?)```").FindStringSubmatch(page)
		if config == nil {
			t.Fatal("the page shows no configuration of a server")
		}
		certificate, key := selfSigned(t, home)
		edited := config[1]
		for _, change := range [][2]string{
			{"0.0.0.0:8585", "127.0.0.1:0"}, {"/etc/spapi/tls.crt", certificate}, {"/etc/spapi/tls.key", key}, {"/var/lib/spapi", filepath.Join(home, "state")},
			{"/etc/spapi/accounts.age", filepath.Join(home, "accounts.age")}, {"/run/secrets/accounts-key", filepath.Join(home, "accounts-key")}, {"127.0.0.1:9090", "127.0.0.1:0"},
		} {
			if !strings.Contains(edited, change[0]) {
				t.Errorf("the configuration has no %s", change[0])
			}
			edited = strings.ReplaceAll(edited, change[0], change[1])
		}
		emulator += "cat >gateway.yaml <<'END'\n" + edited + "END\n"
		out := runGatewayPage(t, page[begin:], emulator)
		for _, want := range []string{`"access_token":"Atza|`, "orders-script", "shop-app", "sends the same order twice", "reportDocumentId", `"url":"https://127.0.0.1`} {
			if !strings.Contains(out, want) {
				t.Errorf("no %s in %.1000s", want, out)
			}
		}
	})
}

// selfSigned makes a certificate for this machine, and its key.
func selfSigned(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	public, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// runGatewayPage runs the blocks of a part of the page in an empty folder that has the scripts, and returns what they print.
func runGatewayPage(t *testing.T, part, before string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"orders.py", "orders.php"} {
		program, err := os.ReadFile("../../examples/gateway/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), program, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := gatewayPage + before
	for _, m := range regexp.MustCompile("(?s)```(sh|console)\n(.*?)```").FindAllStringSubmatch(part, -1) {
		for line := range strings.Lines(m[2]) {
			if m[1] == "console" {
				command, is := strings.CutPrefix(line, "$ ")
				if !is {
					continue // what it prints
				}
				line = command
			}
			switch program := strings.Fields(line + " .")[0]; {
			case slices.Contains([]string{"spapi gateway", "spapi gateway --emulator", "spapi gateway --config gateway.yaml"}, strings.TrimSpace(line)):
				line = "serve " + line
			case strings.HasPrefix(line, "export SPAPI_GATEWAY"):
				line = "" // serve has
			case strings.HasPrefix(line, "spapi auth login"):
				line = strings.TrimSpace(line) + " <secrets\n"
			case strings.HasPrefix(line, "spapi gateway key create"):
				line = strings.TrimSpace(line) + " >key\ncat key\nuse\n"
			case program == "python3" || program == "php":
				if _, err := exec.LookPath(program); err != nil {
					t.Logf("SKIPPED: no %s here: %s", program, line)
					line = ""
				}
			}
			script += line
		}
	}
	script += "end\n"
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v\n%.2000s\n%s\n%s", err, out, stderr.String(), script)
	}
	return string(out)
}

package emulator

import (
	"bytes"
	"encoding/pem"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/settings"
)

// testEnvironment is what a process with this environment would get.
func testEnvironment(t *testing.T, inherited ...string) map[string]string {
	t.Helper()
	emu, err := emulator.New()
	if err != nil {
		t.Fatal(err)
	}
	c := emu.Credentials()
	line := ready{URL: "http://127.0.0.1:8080", LWAURL: "http://127.0.0.1:8080/auth/o2/token", SQSURL: "http://127.0.0.1:8080/sqs",
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RefreshToken: c.RefreshToken, RoleARN: c.RoleARN, AWSAccessKeyID: c.AWSAccessKeyID, AWSSecretAccessKey: c.AWSSecretAccessKey, ApplicationID: c.ApplicationID, SellerID: c.SellerID,
		Region: string(c.Region), MarketplaceID: c.MarketplaceID, PID: 7}
	k := newKit(filepath.FromSlash("/ca/ca.pem"))
	got := map[string]string{}
	for _, entry := range newEnvironment(line, k, "127.0.0.1:8080", emu.Hosts(), inherited).apply(inherited) {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		got[name] = value
	}
	return got
}

// Nothing of a real shop or account gets through, under whatever name clients read it; everything else does.
func TestNothingRealIsPassedOn(t *testing.T) {
	var inherited []string
	for _, s := range []*settings.Setting{settings.ClientID, settings.ClientSecret, settings.RefreshToken, settings.Region, settings.Marketplace,
		settings.SellerID, settings.Endpoint, settings.TokenURL, settings.Sandbox, settings.ApplicationID, settings.RoleARN, settings.Profile, settings.Account,
		settings.Config, settings.Accounts, settings.KeyFile, settings.Passphrase, settings.Fleet, settings.FleetKey, settings.FleetProcesses} {
		for _, name := range s.Variables {
			inherited = append(inherited, name+"=REAL")
		}
	}
	for _, name := range strings.Fields("SP_API_REFRESH_TOKEN SP_API_REFRESH_TOKEN_OTHER SP_API_AWS_SECRET_ID LWA_APP_ID LWA_CLIENT_SECRET_OTHER " +
		"LWA_REFRESH_TOKEN SELLING_PARTNER_APP_CLIENT_SECRET SELLING_PARTNER_OTHER AWS_PROFILE AWS_SESSION_TOKEN AWS_SECRET_ACCESS_KEY " +
		"AWS_WEB_IDENTITY_TOKEN_FILE AWS_ENDPOINT_URL_STS " +
		"AWS_SELLING_PARTNER_SESSION_TOKEN AWS_CONTAINER_CREDENTIALS_FULL_URI HTTPS_PROXY https_proxy ALL_PROXY all_proxy SSL_CERT_FILE") {
		inherited = append(inherited, name+"=REAL")
	}
	got := testEnvironment(t, append(inherited, "SHOP=mine", "SPAPI_DATABASE=mine", "PATH=mine", "AMAZON_TAG=mine", "AWS_ENV=mine")...)
	kept := 0
	for name, value := range got {
		if strings.Contains(value, "REAL") {
			t.Errorf("%s is passed on", name)
		}
		if value == "mine" {
			kept++
		}
	}
	if kept != 5 {
		t.Errorf("%d of 5 others are passed on", kept)
	}
	for name, want := range map[string]string{
		"SPAPI_ENDPOINT": "http://127.0.0.1:8080", "SPAPI_MARKETPLACE": "ATVPDKIKX0DER", "SP_API_DEFAULT_MARKETPLACE": "US",
		"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:8080/sqs", "AWS_CONFIG_FILE": os.DevNull, "SPAPI_CONFIG": filepath.FromSlash("/ca/profiles.json"),
		"https_proxy": "http://127.0.0.1:8080", "NO_PROXY": "localhost,127.0.0.1,127.0.0.0/8,::1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// What the user has set for runtimes stays, with the emulator's behind it; a second time adds nothing.
func TestRuntimesKeepTheirOptions(t *testing.T) {
	set := []string{"NODE_OPTIONS=--max-old-space-size=512", "JAVA_TOOL_OPTIONS=-Xmx1g", "PHP_INI_SCAN_DIR=/mine", "PYTHONPATH=/mine", "RUBYOPT=-W0",
		"no_proxy=db.example"}
	separator := string(os.PathListSeparator)
	got := testEnvironment(t, set...)
	for name, begin := range map[string]string{"NODE_OPTIONS": "--max-old-space-size=512 --require ", "JAVA_TOOL_OPTIONS": "-Xmx1g -Dhttp.proxyHost=127.0.0.1 ",
		"PHP_INI_SCAN_DIR": "/mine" + separator, "PYTHONPATH": filepath.FromSlash("/ca/python") + separator + "/mine", "RUBYOPT": "-W0 -rspapi_emulator"} {
		if !strings.HasPrefix(got[name], begin) {
			t.Errorf("%s is %q, want %q…", name, got[name], begin)
		}
	}
	if alone := testEnvironment(t)["PYTHONPATH"]; alone != filepath.FromSlash("/ca/python") {
		t.Errorf("alone PYTHONPATH is %q: an empty entry is the folder where the program is run", alone)
	}
	var again []string
	for name, value := range got {
		again = append(again, name+"="+value)
	}
	if twice := testEnvironment(t, again...); !maps.Equal(got, twice) {
		t.Errorf("once\n%v\ntwice\n%v", got, twice)
	}
}

// No entry is empty: to Python that is the folder that a program is run in, whose files it would then take for its own modules.
func TestPythonPath(t *testing.T) {
	folder, separator := filepath.FromSlash("/ca/python"), string(os.PathListSeparator)
	for old, want := range map[string]string{"": folder, folder: folder, "/mine": folder + separator + "/mine", folder + separator + "/mine": folder + separator + "/mine",
		folder + "3": folder + separator + folder + "3"} {
		if got := testEnvironment(t, "PYTHONPATH="+old)["PYTHONPATH"]; got != want {
			t.Errorf("%q becomes %q, want %q", old, got, want)
		}
	}
}

// NO_PROXY keeps what goes to others, and nothing that could be taken for Amazon's hosts.
func TestNoProxy(t *testing.T) {
	hosts := []string{"api.amazon.com", "sellingpartnerapi-na.amazon.com"}
	for old, want := range map[string]string{
		"": "", "db.example": ",db.example", "db.example, *.corp.example 10.0.0.0/8": ",db.example,*.corp.example,10.0.0.0/8", "localhost,::1": "",
		"*": "", "amazon.com": "", ".amazon.com": "", "*.AMAZON.com": "", "api.amazon.com:443": "", "sellingpartner*": "", "zon.com": "", "com": "",
		"myamazon.com": ",myamazon.com",
	} {
		if got := noProxy(hosts, "127.0.0.1", old); got != strings.Join(direct, ",")+want {
			t.Errorf("%q becomes %q, want …%s", old, got, want)
		}
	}
	if got := noProxy(hosts, "10.1.2.3", ""); !strings.HasSuffix(got, ",10.1.2.3") {
		t.Errorf("an emulator at another address: %q", got)
	}
}

// Whatever is in a value, a shell reads back the same, and runs none of it.
func TestShellQuoting(t *testing.T) {
	values := []string{"plain", "", "it's", `"double" \back\`, "$(touch x) `touch y` $HOME", "two\nlines", "-n *", "Atzr|a&b;c", "ü‘’"}
	var e environment
	for i, v := range values {
		e.set = append(e.set, variable{"V" + string(rune('A'+i)), v})
	}
	e.unset = []string{"GONE"}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh: its quoting was not tried")
	}
	var script strings.Builder
	sh, err := findShell("sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := sh.write(&script, e); err != nil {
		t.Fatal(err)
	}
	script.WriteString("printf '%s\\0'")
	for _, v := range e.set {
		script.WriteString(` "$` + v.name + `"`)
	}
	script.WriteString(` "${GONE-gone}"`)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script.String())
	cmd.Dir, cmd.Env = t.TempDir(), []string{"GONE=there"}
	out, err := cmd.CombinedOutput()
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !slices.Equal(got, append(values, "gone")) {
		t.Errorf("sh reads %q, %v", got, err)
	}
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("a value was run: %v, %v", left, err)
	}
	for name, want := range map[string]string{
		"fish":       `set -gx A 'it\'s \\ $(x)'`,
		"powershell": `$env:A = 'it''s \ $(x)'`,
		"dotenv":     `A=it's \ $(x)`,
	} {
		s, err := findShell(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.set("A", `it's \ $(x)`); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Java has a list of its own of what is called directly, which is the user's unless NO_PROXY names more.
func TestNoProxyOfJava(t *testing.T) {
	if got := testEnvironment(t, "JAVA_TOOL_OPTIONS=-Dhttp.nonProxyHosts=mine")["JAVA_TOOL_OPTIONS"]; strings.Count(got, "nonProxyHosts") != 1 {
		t.Errorf("without NO_PROXY: %s", got)
	}
	const want = "-Dhttp.nonProxyHosts=localhost|*.localhost|127.0.0.1|127.*|[::1]|db|*.db|*.corp.example|10.1.*|*.internal"
	got := testEnvironment(t, "NO_PROXY=db:5432,*.corp.example,10.1.0.0/16,10.0.0.0/9,.internal,amazon.com")["JAVA_TOOL_OPTIONS"]
	if !strings.HasSuffix(got, " "+want) {
		t.Errorf("%s, want …%s", got, want)
	}
}

// No name of a variable is run, or ends the reading of what is printed.
func TestShellNames(t *testing.T) {
	set := map[string]string{"AWS_PROFILE": "x", "AWS_A-B": "x", "LWA_A;touch ran;": "x", "SP_API_A\ntouch ran": "x", "AWS_$(touch ran)": "x"}
	var inherited []string
	for name, value := range set {
		inherited = append(inherited, name+"="+value)
	}
	e := newEnvironment(ready{}, newKit("/ca/ca.pem"), "127.0.0.1:8080", nil, inherited)
	if len(e.unset) != len(set) {
		t.Errorf("unset are %q", e.unset)
	}
	for _, s := range shells {
		var b strings.Builder
		if err := s.write(&b, environment{unset: e.unset}); err != nil {
			t.Fatal(err)
		}
		if want := s.unset("AWS_PROFILE") + "\n"; b.String() != want {
			t.Errorf("%s: %q, want %q", s.name, b.String(), want)
		}
	}
}

// The files are written once, and again when they are of another version or authority.
func TestKitIsKept(t *testing.T) {
	emu, err := emulator.New(emulator.WithCADir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := emu.CA()
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(ca)
	all := []string{k.TrustStore}
	for _, f := range k.files(nil) {
		all = append(all, f.name)
	}
	write := func() (seen []os.FileInfo) {
		if err := k.write(emu.Hosts()); err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, info)
		}
		return seen
	}
	first := write()
	for i, info := range write() {
		if !os.SameFile(info, first[i]) {
			t.Errorf("%s was written again", all[i])
		}
	}
	for _, name := range all {
		if err := os.WriteFile(name, []byte("of another version"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	for _, name := range all {
		if b, err := os.ReadFile(name); err != nil || string(b) == "of another version" {
			t.Errorf("%s stays as it is, %v", name, err)
		}
	}
	other, err := emulator.New(emulator.WithCADir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	newCA, err := other.CA()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(newCA)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(text); block == nil {
		t.Fatalf("%s is no PEM", newCA)
	}
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(k.TrustStore)
	if err != nil {
		t.Fatal(err)
	}
	write()
	if after, err := os.ReadFile(k.TrustStore); err != nil || string(after) == string(before) {
		t.Errorf("the trust store has the old authority still, %v", err)
	}
}

// Runtimes that are old, but in use, read what they are given: each of them would end with the first file that it can't.
func TestOldRuntimes(t *testing.T) {
	emu, err := emulator.New(emulator.WithCADir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := emu.CA()
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(ca)
	if err := k.write(emu.Hosts()); err != nil {
		t.Fatal(err)
	}
	store, err := os.ReadFile(k.TrustStore)
	if err != nil {
		t.Fatal(err)
	}
	pbes2 := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d} // RFC 8018, A.4
	if bytes.Contains(store, pbes2) {
		t.Error("Java 8 can't decrypt the trust store")
	}
	if regexp.MustCompile(`require\('node:`).Match(nodePreload) {
		t.Error("Node.js 14 knows no module by a name with node:")
	}
	if found := regexp.MustCompile(`(?m)^ *def [^=\n]*\) = .*|\*\*\w+`).Find(rubyPreload); found != nil {
		t.Errorf("Ruby 2.6 doesn't read %s as it is meant", found)
	}
}

// A mistake ends with status 2 and a line that names it.
func TestBadInput(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := "unix:/" + strings.Repeat("x", 200)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "nonsense"}, `--listen "nonsense": want host:port such as 127.0.0.1:0, or unix: and the path of a socket`},
		{[]string{"--listen", "127.0.0.1:http"}, `--listen "127.0.0.1:http": the port is no number between 0 and 65535`},
		{[]string{"--listen", "127.0.0.1:70000"}, `--listen "127.0.0.1:70000": the port is no number between 0 and 65535`},
		{[]string{"--listen", "unix:"}, `--listen "unix:": names no file`},
		{[]string{"--listen", long}, `the path of a socket may have `},
		{[]string{"--listen", "unix:/tmp/s", "--env"}, `--env needs an address`},
		{[]string{"--env=cmd"}, `--env=cmd: want sh, fish, powershell or dotenv`},
		{[]string{"--ca-dir", file, "--tls"}, `--ca-dir "` + file + `": `},
		{[]string{"--request-log", "/no/such/file"}, `--request-log "/no/such/file": there is no folder "/no/such"`},
		{[]string{"--request-log", filepath.Dir(file)}, `: want a file, this is a folder`},
		{[]string{"run", "--export-on-exit", filepath.Dir(file), "--", "true"}, `: want a file, this is a folder`},
		{[]string{"--env", "fish"}, `unknown command "fish": did you mean --env=fish?`},
		{[]string{"--env", "nonsense"}, `unknown command "nonsense"`},
		{[]string{"run", "--", ""}, "which command?"},
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"run"}, "which command? Name it behind --, such as: spapi emulator run -- npm test"},
		{[]string{"run", "--"}, "which command?"},
		{[]string{"run", "--listen", "unix:/tmp/s", "--", "true"}, `--listen "unix:/tmp/s": a command is led to an address`},
		{[]string{"run", "--ca-dir", file, "--", "true"}, `--ca-dir "` + file + `": `},
		{[]string{"run", "--seed", "x", "--", "true"}, `invalid argument "x"`},
		{[]string{"run", "--env", "--", "true"}, "unknown flag: --env"},
		{[]string{"clients", "cobol"}, `unknown runtime "cobol": want curl, node, deno,`},
		{[]string{"clients", "--listen", "unix:/tmp/s"}, "no client's proxy is a socket"},
		{[]string{"clients", "--ca-dir", file}, `--ca-dir "` + file + `": `},
		{[]string{"ca", "--ca-dir", file}, `--ca-dir "` + file + `": `},
		{[]string{"ca", "x"}, `takes no arguments, got "x"`},
		{[]string{"hosts", "--address", "example.com"}, `--address "example.com": want an IP address such as 127.0.0.1`},
	} {
		streams, out, _ := terminal.Buffers()
		cmd := NewCmdEmulator(factory.With(streams, "1", nil), nil)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(c.args)
		err := cmd.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
			t.Errorf("%q: %v, want %s; stdout %s", c.args, err, c.want, out)
		}
		if isFlag := strings.HasPrefix(c.want, "unknown flag") || strings.HasPrefix(c.want, "invalid argument"); !isFlag && exit.Status(err) != exit.Usage {
			t.Errorf("%q: status %d", c.args, exit.Status(err)) // those of flags are the root's to turn into mistakes
		}
	}
}

// What is printed about runtimes has the machine's own paths, in every place.
func TestClientsAndHosts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	run := func(args ...string) string {
		t.Helper()
		streams, out, _ := terminal.Buffers()
		cmd := NewCmdEmulator(factory.With(streams, "1", nil), nil)
		cmd.SetArgs(args)
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	ca := strings.TrimSpace(run("ca", "--ca-dir", dir))
	if _, err := os.Stat(ca); err != nil || filepath.Dir(ca) != dir {
		t.Errorf("the authority is %q, %v", ca, err)
	}
	all := run("clients", "--ca-dir", dir, "--listen", "127.0.0.1:9000")
	if strings.ContainsAny(all, "{}") || strings.Count(all, ca) < len(runtimes) || !strings.Contains(all, "http://127.0.0.1:9000") {
		t.Errorf("not everything is filled in:\n%s", all)
	}
	spaced := filepath.Join(t.TempDir(), "it's here")
	if got, want := run("clients", "--ca-dir", spaced, "curl"), "--cacert "+singleQuoted(filepath.Join(spaced, "ca.pem"))+"\n"; !strings.Contains(got, want) {
		t.Errorf("a folder with a blank: %s, want %s", got, want)
	}
	for _, r := range runtimes {
		if text := run("clients", "--ca-dir", dir, r.name); !strings.HasPrefix(text, r.title+" ("+r.name+")\n") || strings.Count(text, "\n  trust") != 1 {
			t.Errorf("%s:\n%s", r.name, text)
		}
	}
	for _, name := range []string{"node.cjs", "truststore.p12", "hosts.txt", "python/sitecustomize.py", "ruby/spapi_emulator.rb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	hosts := run("hosts", "--address", "172.17.0.1")
	if !strings.Contains(hosts, "\n172.17.0.1 sellingpartnerapi-eu.amazon.com\n") || !strings.Contains(hosts, "\n172.17.0.1 api.amazon.com\n") {
		t.Errorf("hosts:\n%s", hosts)
	}
}

var update = flag.Bool("update", false, "write the table of docs/clients.md")

// The page for users has what the command prints.
func TestClientsPage(t *testing.T) {
	const page, end = "../../../docs/clients.md", "<!-- end of runtimes -->\n"
	const begin = "<!-- runtimes: written by go test ./internal/cli/emulator -run TestClientsPage -update -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	var table strings.Builder
	table.WriteString("\n| | trusts the authority by | is led there by | |\n|---|---|---|---|\n")
	for _, r := range runtimes {
		cells := []string{r.title, r.trust, r.way, r.note}
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(filling(nameless, exampleAddress).Replace(cell), "|", `\|`)
		}
		table.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	want := before + begin + table.String() + "\n" + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s has another table: go test ./internal/cli/emulator -run TestClientsPage -update writes it", page)
	}
}

// The profile that needs no name is not the user's own, which may lead to a real fleet.
func TestProfileOfNobody(t *testing.T) {
	emu, err := emulator.New(emulator.WithCADir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := emu.CA()
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(ca)
	if err := k.write(emu.Hosts()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPAPI_CONFIG", k.Profiles)
	for _, name := range []string{"SPAPI_PROFILE", "SPAPI_FLEET"} {
		t.Setenv(name, "")
	}
	if s, err := settings.ReadProfile(""); err != nil || len(s) > 0 {
		t.Errorf("it says %v, %v", s, err)
	}
	if s, err := settings.ReadFleet(""); err != nil || s.Has(settings.Fleet) {
		t.Errorf("its fleet is %v, %v", s, err)
	}
}

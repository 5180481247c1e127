package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/settings"
)

// bare leaves nothing in the environment that says how a gateway is run, and a home without settings.
func bare(t testing.TB) (home string) {
	t.Helper()
	home = t.TempDir()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"SPAPI_", "LWA_", "AMAZON_", "AWS_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("SPAPI_KEY_FILE", filepath.Join(home, "accounts.key")) // no keyring
	return home
}

// file writes a configuration and returns its path.
func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const canary = "cAnArY4711"

// TestMistakes: each mistake is told with its line, field and value, and what would be right; never a secret.
func TestMistakes(t *testing.T) {
	bare(t)
	for _, test := range []struct {
		name, text string
		over       overrides
		want       []string // "line: text"
	}{
		{name: "an unknown key", text: "listn: 127.0.0.1:1", want: []string{"1: listn: is not known: did you mean listen?"}},
		{name: "an unknown key far from all", text: "\nqwertyuiop: 1", want: []string{"2: qwertyuiop: is not known: want listen, insecure_because, tls,"}},
		{name: "an unknown key inside", text: "tls:\n  certifcate: x", want: []string{"2: tls.certifcate: is not known: did you mean certificate?"}},
		{name: "a secret in clear", text: "secret: " + canary, want: []string{"1: secret: is not known: did you mean secret_file?"}},
		{name: "a key in clear", text: "fleet:\n  address: redis://h:1\n  key: " + canary, want: []string{"3: fleet.key: is not known: did you mean key_file?"}},
		{name: "a password in clear", text: "fleet: {address: 'redis://ann:" + canary + "@h:1'}",
			want: []string{"1: fleet.address: has a password or a user: put it into a file and name that in fleet.address_file, or set SPAPI_FLEET"}},
		{name: "a token where none belongs", text: "listen: Atzr|" + canary, want: []string{`1: listen "(a token or secret)": want host:port`}},
		{name: "the same twice", text: "proxy: false\nlisten: 127.0.0.1:1\nproxy: true", want: []string{"3: proxy: is there twice, on line 1 first"}},
		{name: "nothing behind a key", text: "listen:", want: []string{"1: listen: has nothing behind it: give it a value, or leave it out"}},
		{name: "nothing behind a group", text: "tls:\nproxy: false", want: []string{"1: tls: has nothing behind it"}},
		{name: "an empty text", text: "folder: ''", want: []string{"1: folder: is empty: want a path"}},
		{name: "a list for a text", text: "folder: [a]", want: []string{"1: folder: is no single value: want a path"}},
		{name: "a text for a list", text: "hosts: a", want: []string{`1: hosts "a": is no list: want one, such as [a, b]`}},
		{name: "a text for a mapping", text: "tls: on", want: []string{`1: tls "on": is no mapping: want one with certificate, key or authority`}},
		{name: "a list for all", text: "- a", want: []string{"1: is no mapping: want one with listen,"}},
		{name: "no switch", text: "proxy: maybe", want: []string{`1: proxy "maybe": want true or false`}},
		{name: "no number", text: "fleet: {address: 'redis://h:1', processes: many}", want: []string{`1: fleet.processes "many": want a whole number`}},
		{name: "too large a number", text: "fleet: {address: 'redis://h:1', processes: 0}", want: []string{`1: fleet.processes "0": want a number from 1 to 100000`}},
		{name: "no choice", text: "log: {format: xml}", want: []string{`1: log.format "xml": want text or json`}},
		{name: "no address", text: "listen: localhost", want: []string{`1: listen "localhost": want host:port such as 127.0.0.1:0, or unix: and the path of a socket`}},
		{name: "no port", text: "listen: 127.0.0.1:http", want: []string{`1: listen "127.0.0.1:http": the port is no number between 0 and 65535`}},
		{name: "no socket", text: "listen: 'unix:'", want: []string{`1: listen "unix:": names no file`}},
		{name: "no time span", text: "drain: {timeout: soon}", want: []string{`1: drain.timeout "soon": want a time span such as 30s, 5m, 90d or 12 months`}},
		{name: "a negative time span", text: "drain: {timeout: -5s}", want: []string{`1: drain.timeout "-5s": want a time span`}},
		{name: "too long a time span", text: "audit: {keep: 900 years}", want: []string{`1: audit.keep "900 years": want a time span such as 90d or 12 months, or forever`}},
		{name: "too long a drain", text: "drain: {delay: 2h}", want: []string{"1: drain: has more than an hour in it"}},
		{name: "no size", text: "cache: {size: 10 MB}", want: []string{`1: cache.size "10 MB": want a number of bytes such as 10MiB`}},
		{name: "too large a size", text: "cache: {size: 999999999999GiB}", want: []string{`1: cache.size "999999999999GiB": want a number of bytes such as 10MiB, 1024GiB at most`}},
		{name: "no network", text: "trusted_proxies: [proxy]", want: []string{`1: trusted_proxies[0] "proxy": want a network such as 10.0.0.0/8, or an address`}},
		{name: "bits beyond a network", text: "trusted_proxies:\n- 10.0.0.0/8\n- 10.0.0.1/8", want: []string{`3: trusted_proxies[1] "10.0.0.1/8": has bits beyond its length: want 10.0.0.0/8`}},
		{name: "no host", text: "hosts: ['https://a']", want: []string{`1: hosts[0] "https://a": want a name alone, without scheme and port`}},
		{name: "no URL", text: "url: 'https://ann:" + canary + "@h'", want: []string{"1: url: want a URL such as https://spapi.example.com"}},
		{name: "half of a certificate", text: "tls: {certificate: a}", want: []string{"1: tls: certificate and key go together: want both, or neither"}},
		{name: "two certificates", text: "tls: {certificate: a, key: b, authority: c}", want: []string{"1: tls.authority"}},
		{name: "a proxy at a socket", text: "listen: unix:s\nproxy: true", want: []string{`2: proxy "true": needs an address in listen`}},
		{name: "beyond this machine in clear", text: "listen: 0.0.0.0:1", want: []string{`1: listen "0.0.0.0:1": is reached from beyond this machine, and keys and data would cross the network in clear: ` +
			"want tls.certificate and tls.key, a loopback address, or insecure_because"}},
		{name: "beyond this machine on all addresses", text: "listen: ':1'", want: []string{`1: listen ":1": is reached from beyond this machine`}},
		{name: "beyond this machine, by flag", over: overrides{listen: "192.0.2.1:1"}, want: []string{`0: listen "192.0.2.1:1": is reached from beyond this machine`}},
		{name: "no reason", text: "listen: 0.0.0.0:1\ninsecure_because: yes", want: []string{`2: insecure_because "yes": want the reason, in a few words`}},
		{name: "no reason, by flag", over: overrides{listen: "0.0.0.0:1", insecureBecause: "so"}, want: []string{`0: insecure_because "so": want the reason`}},
		{name: "a wrong flag", over: overrides{listen: "x"}, want: []string{`0: --listen "x": want host:port`}},
		{name: "two stores", text: "accounts:\n  file: a\n  environment: true", want: []string{"1: accounts: has file and environment: want one of them"}},
		{name: "no environment", text: "accounts: {environment: false}", want: []string{`1: accounts.environment "false": says nothing: leave it out`}},
		{name: "a key without a file", text: "accounts: {environment: true, key_file: k}", want: []string{"1: accounts.key_file"}},
		{name: "no table", text: "accounts: {dynamodb: {region: eu-west-1}}", want: []string{"1: accounts.dynamodb: has no table: want its name"}},
		{name: "no endpoint", text: "accounts: {dynamodb: {table: t, endpoint: x}}", want: []string{"1: accounts.dynamodb.endpoint: want a URL such as https://dynamodb"}},
		{name: "accounts and an emulator", text: "accounts: {file: a}", over: overrides{emulate: true}, want: []string{"1: accounts: and --emulator exclude each other"}},
		{name: "two addresses of a fleet", text: "fleet: {address: 'redis://h:1', address_file: f}", want: []string{"1: fleet: has address and address_file: want one of them"}},
		{name: "no fleet", text: "fleet: {address: h}", want: []string{"1: fleet.address: want redis://host:6379/0"}},
		{name: "state without a fleet", text: "state: fleet", want: []string{`1: state "fleet": needs fleet.address, fleet.address_file or SPAPI_FLEET`}},
		{name: "two audits", text: "audit: {jsonl: a, sqlite: b}", want: []string{"1: audit: has jsonl and sqlite: want one of them"}},
		{name: "an audit or none", text: "audit: {none: false}", want: []string{`1: audit.none "false": says nothing: leave it out`}},
		{name: "an audit that is needed and isn't there", text: "audit: {none: true, required: all}", want: []string{`1: audit.required "all": needs an audit, and there is none`}},
		{name: "no chain", text: "audit: {chain: A B}", want: []string{`1: audit.chain "A B": want lower-case letters, digits and dashes`}},
		{name: "a new secret for nobody", text: "accounts: {environment: true}\nrotation: {queue: q}", want: []string{`2: rotation.queue "q": needs a store that can be written to`}},
		{name: "metrics where it listens", text: "listen: 127.0.0.1:9\nmetrics: {listen: 127.0.0.1:9}", want: []string{`2: metrics.listen "127.0.0.1:9": is that of listen`}},
		{name: "control characters", text: `listen: "a\u001b[31m\u202eb"`, want: []string{`1: listen "a?[31m?b": want host:port`}},
		{name: "a long value", text: "listen: " + strings.Repeat("x", 500), want: []string{`1: listen "` + strings.Repeat("x", 80) + `…": want host:port`}},
		{name: "no YAML", text: "a: [", want: []string{"0: is no YAML: "}},
		{name: "two documents", text: "proxy: false\n---\nproxy: true", want: []string{"0: has a second document: want one"}},
		{name: "no UTF-8", text: "listen: \xff", want: []string{"0: the file is not in UTF-8"}},
		{name: "too long a file", text: "#" + strings.Repeat("x", maxFile), want: []string{"0: the file has 1048577 bytes: want at most 1048576"}},
		{name: "too many values", text: "hosts: [" + strings.Repeat("a,", maxValues) + "]", want: []string{"0: has more than 10000 values"}},
		{name: "an empty key", text: "'': x\nproxy: no", want: []string{`1: "": is not known: want listen,`, `2: proxy "no": want true or false`}},
		{name: "all at once", text: "listn: x\nproxy: maybe\ntls:\n  key: k\nlog:\n  level: loud\n", want: []string{
			"1: listn: is not known", `2: proxy "maybe": want true or false`, "3: tls: certificate and key go together", `6: log.level "loud": want debug, info, warn or error`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.over
			if test.text != "" {
				o.config = file(t, test.text)
			}
			_, err := load(o)
			bad, ok := errors.AsType[*fileError](err)
			if !ok {
				t.Fatalf("%v: want mistakes", err)
			}
			var got []string
			for _, p := range bad.problems {
				got = append(got, fmt.Sprintf("%d: %s", p.Line, p))
			}
			for i, want := range test.want {
				if i >= len(got) || !strings.HasPrefix(got[i], want) {
					t.Errorf("mistakes %q, want %q", got, test.want)
					break
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("%d mistakes %q, want %d", len(got), got, len(test.want))
			}
			for _, text := range append(bad.Lines(), bad.Error()) {
				if strings.Contains(text, canary) || strings.ContainsAny(text, "\n\r\x1b") {
					t.Errorf("shows what it must not: %q", text)
				}
				if o.config != "" && !strings.HasPrefix(text, o.config+":") {
					t.Errorf("%q doesn't name the file", text)
				}
			}
		})
	}
}

// TestConfig reads what a file may say.
func TestConfig(t *testing.T) {
	home := bare(t)
	c, err := load(overrides{})
	if err != nil {
		t.Fatal(err)
	}
	folder := path(filepath.Join(home, "config", "spapi", "gateway"))
	if c.Listen.Address != "127.0.0.1:8585" || c.Folder != folder || c.Audit.JSONL != folder+"/audit" || c.Drain.Timeout != duration(25*time.Second) ||
		c.State != "folder" || c.secure() || c.Audit.Keep != keep(366*24*time.Hour) || c.Cache.Size != 64<<20 {
		t.Errorf("without a file: %+v", c)
	}
	name := file(t, strings.Join([]string{
		"listen: unix:run/gateway.sock", "folder: data", "secret_file: /etc/secret", "hosts: [spapi.example.com]", "url: https://spapi.example.com/x",
		"trusted_proxies: [10.0.0.0/8, '192.0.2.1', '::1']",
		"tls: {certificate: c.pem, key: k.pem}", "accounts: {secrets_manager: {prefix: shop/, region: eu-west-1}, every: 5m}",
		"fleet: {address: 'redis://h:6379/0', key_file: keys, processes: 3, name: shop}", "state: fleet",
		"audit: {sqlite: audit.db, keep: forever, required: all, sync: 1s, chain: eu-1}", "rotation: {queue: 'arn:aws:sqs:eu-west-1:1:q'}",
		"limits: {max_wait: 2h, max_body: 1GiB}", "cache: {size: 0}", "metrics: {listen: '0.0.0.0:9464'}", "log: {format: text, level: debug, calls: true}",
		"drain: {delay: 5s, timeout: 1m30s}"}, "\n"))
	if c, err = load(overrides{config: name}); err != nil {
		t.Fatal(err)
	}
	dir := path(filepath.Dir(name))
	got := []any{c.Listen.Address, c.Folder, c.SecretFile, c.Hosts, c.URL, fmt.Sprint(c.TrustedProxies), c.TLS, c.Accounts.SecretsManager, c.Accounts.Every, c.Fleet,
		c.State, c.Audit, c.Rotation, c.Limits, c.Cache, c.Metrics.Listen.Address, c.Log, c.Drain, c.file}
	want := []any{string(dir) + "/run/gateway.sock", dir + "/data", path("/etc/secret"), []string{"spapi.example.com"}, "https://spapi.example.com/x",
		"[10.0.0.0/8 192.0.2.1/32 ::1/128]", tlsFiles{dir + "/c.pem", dir + "/k.pem", ""}, &secretsManager{"shop/", "eu-west-1", ""}, duration(5 * time.Minute),
		fleetServer{"redis://h:6379/0", "", dir + "/keys", 3, "shop"}, "fleet", auditing{"", dir + "/audit.db", false, "eu-1", -1, "all", duration(time.Second)},
		rotation{"arn:aws:sqs:eu-west-1:1:q"}, limits{duration(2 * time.Hour), 1 << 30}, caching{}, "0.0.0.0:9464", logging{"text", "debug", true},
		drain{duration(5 * time.Second), duration(90 * time.Second)}, name}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if c, err = load(overrides{config: name, folder: "/elsewhere", listen: "127.0.0.1:1"}); err != nil || c.Folder != "/elsewhere" || c.Listen.Address != "127.0.0.1:1" {
		t.Errorf("flags go before the file: %+v, %v", c, err)
	}
	if c, err = load(overrides{config: file(t, "proxy: true\nfolder: f")}); err != nil || c.TLS.Authority != c.Folder+"/ca" || !c.secure() {
		t.Errorf("a proxy has an authority: %+v, %v", c.TLS, err)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if _, err := load(overrides{config: file(t, empty)}); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

// TestPlaces: where the file and the folder are found.
func TestPlaces(t *testing.T) {
	home := bare(t)
	usual := filepath.Join(home, "config", "spapi", "gateway.yaml")
	if err := os.MkdirAll(filepath.Dir(usual), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(usual, []byte("listen: 127.0.0.1:1"), 0o600); err != nil {
		t.Fatal(err)
	}
	find := func(o overrides) string {
		c, err := load(o)
		if err != nil {
			return err.Error()
		}
		return c.Listen.text + " " + string(c.Folder)
	}
	if got := find(overrides{}); got != "127.0.0.1:1 "+filepath.Join(home, "config/spapi/gateway") {
		t.Error(got)
	}
	if got := find(overrides{emulate: true}); got != "127.0.0.1:8585 " { // a real shop's is nothing for it
		t.Errorf("emulated: %s", got)
	}
	t.Setenv("SPAPI_GATEWAY_FOLDER", "/data")
	t.Setenv("SPAPI_GATEWAY_CONFIG", file(t, "listen: 127.0.0.1:2"))
	for _, emulate := range []bool{false, true} {
		want := "127.0.0.1:2 /data"
		if emulate {
			want = "127.0.0.1:2 "
		}
		if got := find(overrides{emulate: emulate}); got != want {
			t.Errorf("emulated %t: %s", emulate, got)
		}
	}
	missing := filepath.Join(home, "missing.yaml")
	if got := find(overrides{config: missing}); got != missing+": can't be read: no such file or directory" {
		t.Error(got)
	}
	if got := find(overrides{config: home}); !strings.HasPrefix(got, home+": can't be read: ") {
		t.Error(got)
	}
	// As in a container: no home, no variable of it.
	t.Setenv("SPAPI_GATEWAY_CONFIG", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if got := find(overrides{}); got != "127.0.0.1:8585 /data" {
		t.Errorf("without a home: %s", got)
	}
	t.Setenv("SPAPI_GATEWAY_FOLDER", "")
	if got := find(overrides{}); !strings.Contains(got, "folder: is not known, and there is none for the user's settings: name one here, with --folder, or in SPAPI_GATEWAY_FOLDER") {
		t.Errorf("without any: %s", got)
	}
}

// TestFieldsAreHelped: what a file may say is in the help topic, each field with words of its own.
func TestFieldsAreHelped(t *testing.T) {
	help := NewCmdHelp().Long
	fields := 0
	var walk func(of reflect.Type, path string)
	walk = func(of reflect.Type, path string) {
		for i := range of.NumField() {
			f := of.Field(i)
			name := f.Tag.Get("yaml")
			if name == "" {
				if f.IsExported() {
					t.Errorf("%s%s has no name in the file", path, f.Name)
				}
				continue
			}
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			text := f.Tag.Get("help")
			switch group := inner.Kind() == reflect.Struct && inner != reflect.TypeFor[address](); {
			case group:
				walk(inner, path+name+".")
			case text == "" || !strings.Contains(help, text):
				t.Errorf("%s%s isn't helped", path, name)
			default:
				fields++
			}
		}
	}
	walk(reflect.TypeFor[config](), "")
	if fields < 40 {
		t.Errorf("%d fields were looked at", fields)
	}
	for _, f := range fixed {
		if f.of(defaults()) == nil || !strings.Contains(help, strings.Split(f.name, ".")[0]) {
			t.Errorf("%s: the help doesn't say that it counts from the next start on", f.name)
		}
	}
}

// FuzzConfig: whatever a file says, it is read or refused with lines that exist, in one line each, and never with a secret.
func FuzzConfig(f *testing.F) {
	f.Add("listen: 127.0.0.1:0\ntls: {certificate: a, key: b}\n")
	f.Add("accounts: {dynamodb: {table: t}}\naudit: {keep: 12 months}\n")
	f.Add("fleet:\n  address: redis://:pw@h\n")
	f.Add("a: &a [*a]\nhosts: *a\n")
	f.Add("? [a]\n: b\n")
	f.Add("<<: {listen: x}\n")
	f.Add("!!binary listen: !!binary eA==\n")
	f.Add("'': x\n")
	dir := f.TempDir()
	f.Setenv("SPAPI_GATEWAY_FOLDER", "/data")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "@secret", "Atzr|"+canary)
		r := &reader{dir: dir}
		c := defaults()
		if err := r.read([]byte(text), c); err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q: error %q", text, err)
			}
			return
		}
		c.settle(r, overrides{})
		c.check(r)
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), "\n") + 1
		for _, p := range r.problems {
			if p.Line < 0 || p.Line > lines || p.Want == "" || strings.ContainsAny(p.String(), "\n\r\x1b") || settings.SecretShape(p.String()) {
				t.Errorf("%q: %d: %q of %d lines", text, p.Line, p, lines)
			}
		}
		if r.values > maxValues+1 {
			t.Errorf("%d values were read", r.values)
		}
	})
}

// TestSecret: where it comes from, and that it is made once.
func TestSecret(t *testing.T) {
	bare(t)
	dir := t.TempDir()
	c := &config{Folder: path(filepath.Join(dir, "deep", "folder")), State: "folder"}
	made := make(chan secret, 8)
	for range cap(made) {
		go func() {
			s, err := openSecret(c, quietly())
			if err != nil {
				t.Error(err)
			}
			made <- s
		}()
	}
	first := <-made
	for range cap(made) - 1 {
		if s := <-made; !slices.Equal(s.current, first.current) || len(s.current) != secretBytes {
			t.Errorf("%x, want %x", s.current, first.current)
		}
	}
	if info, err := os.Stat(filepath.Join(string(c.Folder), secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	one, two := strings.Repeat("ab", 32), strings.Repeat("QUJD", 12)
	named := filepath.Join(dir, "named")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(named, []byte(text), 0o600), os.Chmod(named, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(one+"\n"+two+"\n", 0o600)
	c.SecretFile = path(named)
	if s, err := openSecret(c, quietly()); err != nil || len(s.current) != 32 || s.current[0] != 0xab || len(s.old) != 1 || string(s.old[0]) != strings.Repeat("ABC", 12) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, test := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"", 0o600, "is empty"}, {"short" + canary, 0o600, "number 1: want base64 or hex of at least 32 random bytes"}, {one + "\n" + canary, 0o600, "number 2"},
		{one, 0o620, "others may write to"}, {strings.Repeat("x", 70_000), 0o600, "has 70000 bytes"},
	} {
		write(test.text, test.mode)
		if _, err := openSecret(c, quietly()); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", test.text, err)
		}
	}
	c.SecretFile, c.State = "", "fleet"
	if _, err := openSecret(c, quietly()); err == nil || !strings.Contains(err.Error(), "no secret is known") {
		t.Errorf("shared state without a secret: %v", err)
	}
	t.Setenv("SPAPI_GATEWAY_SECRET", one)
	if s, err := openSecret(c, quietly()); err != nil || s.from != "SPAPI_GATEWAY_SECRET" {
		t.Errorf("%+v, %v", s, err)
	}
}

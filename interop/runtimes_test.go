package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// okHTTP is where Debian has OkHttp.
const okHTTP = "/usr/share/java/okhttp.jar:/usr/share/java/okio.jar"

// runtimes are languages with the HTTP libraries that their clients of SP-API stand on. What each needs is tried by a probe.
var runtimes = []struct {
	name     string
	programs []string // the first one that passes the probe
	probe    []string
	args     []string
	packages string // Debian's, which runtimes/install.sh installs
}{
	{"curl", []string{"sh"}, []string{"-c", "command -v curl"}, []string{"curl.sh"}, "curl"},
	{"Python urllib", []string{"python3"}, []string{"-V"}, []string{"python_urllib.py"}, "python3"},
	{"Python requests", []string{"python3", "/usr/bin/python3"}, []string{"-c", "import requests"}, []string{"python_requests.py"}, "python3-requests"},
	{"Python urllib3", []string{"python3", "/usr/bin/python3"}, []string{"-c", "import urllib3"}, []string{"python_urllib3.py"}, "python3-requests"},
	{"Python httpx", []string{"python3", "/usr/bin/python3"}, []string{"-c", "import httpx"}, []string{"python_httpx.py"}, "python3-httpx"},
	{"PHP curl", []string{"php"}, []string{"-r", "exit(function_exists('curl_init') ? 0 : 1);"}, []string{"php_curl.php"}, "php-cli php-curl"},
	{"PHP Guzzle", []string{"php"}, []string{"-r", "exit((include 'GuzzleHttp/autoload.php') ? 0 : 1);"}, []string{"php_guzzle.php"}, "php-guzzlehttp-guzzle"},
	{"Ruby net/http", []string{"ruby"}, []string{"-e", "require 'net/http'"}, []string{"ruby_nethttp.rb"}, "ruby"},
	{"Ruby http", []string{"ruby"}, []string{"-e", "require 'http'"}, []string{"ruby_http.rb"}, "ruby-http"},
	{"Perl HTTP::Tiny", []string{"perl"}, []string{"-MIO::Socket::SSL", "-e", "1"}, []string{"perl_httptiny.pl"}, "libio-socket-ssl-perl"},
	{"Java HttpClient", []string{"java"}, []string{"-version"}, []string{"JavaHttpClient.java"}, "default-jdk-headless"},
	{"Java HttpURLConnection", []string{"java"}, []string{"-version"}, []string{"JavaUrlConnection.java"}, "default-jdk-headless"},
	{"Java OkHttp", []string{"java"}, []string{"-cp", okHTTP, "runtimes/OkHttpProbe.java"}, []string{"-cp", okHTTP, "JavaOkHttp.java"}, "libokhttp-java"},
	{"Go net/http", []string{"go"}, []string{"version"}, []string{"run", "./gohttp"}, ""},
}

// TestRuntimes lets a program in each language call Amazon's own hosts, in an environment of "spapi emulator run": a token, orders, and a report's
// document from the host at which it is said to be. All must see the same, byte by byte.
func TestRuntimes(t *testing.T) {
	binary, ca := buildCommand(t), t.TempDir()
	type seen struct {
		Orders              int
		First, Host, SHA256 string
	}
	var mu sync.Mutex
	var first seen
	done := 0
	t.Cleanup(func() { t.Logf("%d of %d runtimes reach the emulator by Amazon's own hosts", done, len(runtimes)) })
	for _, r := range runtimes {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel() // most of them take their time to start
			program := ""
			for _, candidate := range r.programs {
				if exec.CommandContext(t.Context(), candidate, r.probe...).Run() == nil {
					program = candidate
					break
				}
			}
			if program == "" {
				missing := t.Skipf
				if os.Getenv("SPAPI_INTEROP") == "1" && os.Getenv("SPAPI_INTEROP_RUNTIMES") != "optional" {
					missing = t.Fatalf
				}
				missing("no %s here: install Debian's %s, or run interop/runtimes/install.sh", r.name, r.packages)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			args := []string{"emulator", "run", "--ca-dir", ca, "--seed", "1", "--clock", "fixed", "--no-limits", "--", program}
			cmd := exec.CommandContext(ctx, binary, append(args, r.args...)...)
			cmd.Dir = "runtimes"
			cmd.WaitDelay = time.Second
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			begun := time.Now()
			out, err := cmd.Output()
			var got seen
			if err == nil {
				err = json.Unmarshal(out, &got)
			}
			if err != nil {
				t.Fatalf("%v: printed %q\n%s", err, out, &stderr)
			}
			t.Logf("%d ms  %+v", time.Since(begun).Milliseconds(), got)
			if got.Orders != 100 || !strings.HasPrefix(got.Host, "tortuga-prod-na.s3") || len(got.SHA256) != 64 {
				t.Errorf("saw %+v", got)
			}
			mu.Lock()
			defer mu.Unlock()
			if first == (seen{}) {
				first = got
			}
			if got != first {
				t.Errorf("saw %+v, others %+v", got, first)
			}
			done++
		})
	}
}

package spapi

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// cleanEnvironment keeps the settings of the machine out of a test.
func cleanEnvironment(t *testing.T) (dir string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "SPAPI_") || strings.HasPrefix(name, "LWA_") || strings.HasPrefix(name, "AMAZON_") {
			t.Setenv(name, "")
		}
	}
	dir = t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("AppData", dir)
	return dir
}

func writeProfile(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func setEnvironment(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
}

var fullEnvironment = map[string]string{"SPAPI_CLIENT_ID": testClientID, "SPAPI_CLIENT_SECRET": testClientSecret,
	"SPAPI_REFRESH_TOKEN": testRefreshToken, "SPAPI_REGION": "eu"}

func TestLoadFromEnvironment(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"own names":  fullEnvironment,
		"tutorial's": {"LWA_CLIENT_IDENTIFIER": testClientID, "LWA_CLIENT_SECRET": testClientSecret, "AMAZON_REFRESH_TOKEN": testRefreshToken, "SPAPI_MARKETPLACE": "de"},
		"both, the same": {"LWA_CLIENT_IDENTIFIER": testClientID, "SPAPI_CLIENT_ID": testClientID, "LWA_CLIENT_SECRET": testClientSecret,
			"AMAZON_REFRESH_TOKEN": testRefreshToken, "SPAPI_REFRESH_TOKEN": testRefreshToken, "SPAPI_REGION": "EU", "SPAPI_MARKETPLACE": "FR"},
	} {
		t.Run(name, func(t *testing.T) {
			cleanEnvironment(t)
			setEnvironment(t, env)
			client, err := Load(t.Context())
			check(t, err)
			if client.Region() != "eu" || client.auth.RefreshToken.Reveal() != testRefreshToken || client.app.credentials != testCredentials {
				t.Error("other settings")
			}
		})
	}
	cleanEnvironment(t)
	setEnvironment(t, fullEnvironment)
	setEnvironment(t, map[string]string{"SPAPI_SANDBOX": "true", "SPAPI_ENDPOINT": "http://127.0.0.1:8080", "SPAPI_TOKEN_URL": "http://127.0.0.1:8080/auth/o2/token", "SPAPI_SELLER_ID": "A1"})
	client, err := Load(t.Context())
	check(t, err)
	if !client.Sandbox() || client.Endpoint() != "http://127.0.0.1:8080" || client.seller != "A1" || client.app.tokenURL.Path != "/auth/o2/token" {
		t.Error("other settings")
	}
	client, err = Load(t.Context(), WithEndpoint("http://localhost:1"))
	check(t, err)
	if client.Endpoint() != "http://localhost:1" {
		t.Error("an option must go before a variable")
	}
}

const fullProfile = `{"profiles": {
	"default": {"client_id": "` + testClientID + `", "client_secret": "` + testClientSecret + `", "refresh_token": "` + testRefreshToken + `", "region": "fe"},
	"shop": {"client_id": "` + testClientID + `", "client_secret": "` + testClientSecret + `", "refresh_token": "` + testRefreshToken + `", "marketplace": "DE", "sandbox": true, "seller_id": "A2"}}}`

func TestLoadFromProfile(t *testing.T) {
	dir := cleanEnvironment(t)
	place := filepath.Join(dir, "spapi", "config.json")
	if runtime.GOOS == "darwin" {
		place = filepath.Join(dir, "Library", "Application Support", "spapi", "config.json")
	}
	writeProfile(t, place, fullProfile)
	client, err := Load(t.Context())
	check(t, err)
	if client.Region() != "fe" {
		t.Errorf("region %s", client.Region())
	}
	for _, load := range []func() (*Client, error){
		func() (*Client, error) { return Load(t.Context(), WithProfile("shop")) },
		func() (*Client, error) { t.Setenv("SPAPI_PROFILE", "shop"); return Load(t.Context()) },
		func() (*Client, error) { t.Setenv("SPAPI_CONFIG", place); return Load(t.Context()) },
	} {
		client, err = load()
		check(t, err)
		if client.Region() != "eu" || !client.Sandbox() || client.seller != "A2" {
			t.Errorf("got %v", client)
		}
	}
	// The environment goes before the profile, and a region replaces the profile's marketplace.
	t.Setenv("SPAPI_REGION", "na")
	t.Setenv("SPAPI_SANDBOX", "0")
	client, err = Load(t.Context())
	check(t, err)
	if client.Region() != "na" || client.Sandbox() {
		t.Errorf("got %v", client)
	}
}

func TestLoadErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		env     map[string]string
		profile string // text of the file that SPAPI_CONFIG names
		mode    os.FileMode
		want    []string
	}{
		{"nothing", nil, "", 0, []string{"client id (SPAPI_CLIENT_ID, LWA_CLIENT_IDENTIFIER or a profile's client_id): is missing"}},
		{"no refresh token", map[string]string{"SPAPI_REFRESH_TOKEN": ""}, "", 0, []string{"refresh token (SPAPI_REFRESH_TOKEN, AMAZON_REFRESH_TOKEN or a profile's refresh_token): is missing"}},
		{"no region", map[string]string{"SPAPI_REGION": ""}, "", 0, []string{"region (SPAPI_REGION, SPAPI_MARKETPLACE or a profile's region): is missing"}},
		{"spellings differ", map[string]string{"LWA_CLIENT_SECRET": "amzn1.oa2-cs.v1.otherCANARY"}, "", 0,
			[]string{"client secret: SPAPI_CLIENT_SECRET and LWA_CLIENT_SECRET are both set and differ: set one of the two"}},
		{"refresh tokens differ", map[string]string{"AMAZON_REFRESH_TOKEN": "Atzr|otherCANARY"}, "", 0,
			[]string{"SPAPI_REFRESH_TOKEN and AMAZON_REFRESH_TOKEN are both set and differ"}},
		{"quoted", map[string]string{"SPAPI_CLIENT_SECRET": `"` + testClientSecret + `"`}, "", 0, []string{"client secret (SPAPI_CLIENT_SECRET)", "spaces or quotes"}},
		{"access token", map[string]string{"SPAPI_REFRESH_TOKEN": testAccessToken}, "", 0, []string{"refresh token (SPAPI_REFRESH_TOKEN)", "is an access token"}},
		{"region and marketplace", map[string]string{"SPAPI_MARKETPLACE": "US"}, "", 0, []string{"marketplace (SPAPI_MARKETPLACE)", `lies in region "na"`}},
		{"marketplace", map[string]string{"SPAPI_REGION": "", "SPAPI_MARKETPLACE": "Germny"}, "", 0, []string{"marketplace (SPAPI_MARKETPLACE)", "DE"}},
		{"sandbox", map[string]string{"SPAPI_SANDBOX": "maybe"}, "", 0, []string{`sandbox (SPAPI_SANDBOX) "maybe": want true or false`}},
		{"endpoint", map[string]string{"SPAPI_ENDPOINT": "http://example.com"}, "", 0, []string{"endpoint (SPAPI_ENDPOINT)", "must be https"}},
		{"file missing", map[string]string{"SPAPI_CONFIG": "/nonexistent/config.json"}, "", 0, []string{`profile file (SPAPI_CONFIG) "/nonexistent/config.json": cannot be opened: want `}},
		{"profile asked for, no file", map[string]string{"SPAPI_PROFILE": "shop"}, "", 0, []string{"profile file (SPAPI_PROFILE)", "cannot be opened"}},
		{"file is a directory", map[string]string{"SPAPI_CONFIG": "/"}, "", 0, []string{"is not a regular file"}},
		{"readable by others", nil, fullProfile, 0o644, []string{"can be read or written by others (mode 0644)", "chmod 600"}},
		{"readable by the group", nil, fullProfile, 0o640, []string{"mode 0640"}},
		{"unknown key", nil, `{"profiles":{"default":{"client_sercet":"amzn1.oa2-cs.v1.CANARY"}}}`, 0, []string{"profile file", "client_sercet"}},
		{"wrong type", nil, `{"profiles":{"default":{"client_secret":["CANARY"]}}}`, 0, []string{"client_secret"}},
		{"no JSON", nil, `{"profiles":{"default":{"client_secret": CANARY}}}`, 0, []string{"syntax error at byte"}},
		{"two documents", nil, `{"profiles":{}} {"CANARY":1}`, 0, []string{"behind its closing brace"}},
		{"empty file", nil, ` `, 0, []string{"cannot be read as JSON"}},
		{"no such profile", map[string]string{"SPAPI_PROFILE": "shpo"}, fullProfile, 0, []string{`profile (SPAPI_PROFILE) "shpo"`, "default, shop"}},
		{"bad value in a profile", nil, `{"profiles":{"default":{"client_id":"` + testClientSecret + `"}}}`, 0, []string{`client id (profile "default" in `, "is a client secret"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := cleanEnvironment(t)
			if test.profile == "" && test.name != "nothing" {
				setEnvironment(t, fullEnvironment)
			}
			if test.profile != "" {
				path := filepath.Join(dir, "profiles.json")
				writeProfile(t, path, test.profile)
				if test.mode != 0 {
					if runtime.GOOS == "windows" {
						t.Skip("Windows has no modes")
					}
					check(t, os.Chmod(path, test.mode))
				}
				t.Setenv("SPAPI_CONFIG", path)
			}
			setEnvironment(t, test.env)
			_, err := Load(t.Context())
			var config *ConfigError
			if !errors.As(err, &config) {
				t.Fatalf("got %v, want a ConfigError", err)
			}
			wantText(t, err.Error(), test.want...)
			noSecrets(t, every(t, err)...)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A nil option changes nothing, whatever takes it.
func TestNilOptions(t *testing.T) {
	cleanEnvironment(t)
	setEnvironment(t, fullEnvironment)
	client, err := Load(t.Context(), nil, Option(nil), WithEndpoint("http://localhost:1"))
	check(t, err)
	if client.Endpoint() != "http://localhost:1" {
		t.Errorf("calls %s", client.Endpoint())
	}
	check(t, NewApp(testCredentials, nil).Client(testAuthorization).Check())
	if call := newCall([]CallOption{nil, WithoutRetry()}); !call.noRetry {
		t.Error("the option beside a nil one is lost")
	}
}

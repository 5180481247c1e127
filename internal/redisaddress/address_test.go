package redisaddress_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redisaddress"
	"github.com/openspapi/spapi/internal/settings"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]redisaddress.Address{
		"redis://localhost":                   {Network: "tcp", Hosts: []string{"localhost:6379"}},
		"valkey://h:1/":                       {Network: "tcp", Hosts: []string{"h:1"}},
		"REDIS://u:p%40%2F%3A@h:6380/3":       {Network: "tcp", Hosts: []string{"h:6380"}, User: "u", Password: spapi.NewSecret("p@/:"), DB: 3},
		"redis://:p:q@[::1]/0":                {Network: "tcp", Hosts: []string{"[::1]:6379"}, Password: spapi.NewSecret("p:q")},
		"redis://[fe80::1]:7000":              {Network: "tcp", Hosts: []string{"[fe80::1]:7000"}},
		"unix:///run/redis.sock":              {Network: "unix", Hosts: []string{"/run/redis.sock"}},
		"unix://u:p@/run/a%20b.sock?db=2":     {Network: "unix", Hosts: []string{"/run/a b.sock"}, User: "u", Password: spapi.NewSecret("p"), DB: 2},
		"redis+cluster://:p@h1:7001,h2:7002":  {Kind: redisaddress.Cluster, Network: "tcp", Hosts: []string{"h1:7001", "h2:7002"}, Password: spapi.NewSecret("p")},
		"redis+sentinel://h1,h2:26380/mine/4": {Kind: redisaddress.Sentinel, Network: "tcp", Hosts: []string{"h1:26379", "h2:26380"}, Primary: "mine", DB: 4},
		"valkey+sentinel://u:p@h/m?sentinel_user=s&sentinel_password=q%26": {Kind: redisaddress.Sentinel, Network: "tcp", Hosts: []string{"h:26379"},
			Primary: "m", User: "u", Password: spapi.NewSecret("p"), SentinelUser: "s", SentinelPassword: spapi.NewSecret("q&")},
	} {
		got, err := redisaddress.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("%s: got %+v, want %+v", text, *got, want)
		}
	}
	for _, scheme := range redisaddress.Schemes() {
		rest := map[bool]string{true: "://h/m", false: "://h"}[strings.HasSuffix(scheme, "+sentinel")]
		if scheme == "unix" {
			rest = ":///h"
		}
		a, err := redisaddress.Parse(scheme + rest)
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
		} else if secure := strings.HasPrefix(scheme, "rediss") || strings.HasPrefix(scheme, "valkeys"); (a.TLS != nil) != secure {
			t.Errorf("%s: TLS is %v", scheme, a.TLS)
		}
	}
	if got := redisaddress.Schemes(redisaddress.Single); !slices.Equal(got, []string{"redis", "rediss", "unix", "valkey", "valkeys"}) {
		t.Errorf("schemes of one server: %v", got)
	}
}

// Each error says what would be right, and none shows what may be a password.
func TestParseErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(bad, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"CANARY":                                 "no scheme",
		"localhost:6379":                         "no scheme",
		"http://u:CANARY@h":                      `scheme "http" is unknown: want one of redis`,
		"u:CANARY@h://x":                         "scheme is unknown",
		"redis://u:CANARY CANARY@h":              "spaces",
		"redis://u:CAN#ARY@h":                    "%23",
		"redis://u:CANARY/CANARY@h":              "%2F",
		"redis://u:CANARY@CANARY@h":              "%40",
		"redis://u:CANARY%@h":                    "%25",
		"redis://u:CANARY%zz@h":                  "%25",
		"redis://CANARY@h":                       "user and no password",
		"redis://u:CANARY?CANARY@h":              "a port is none",
		"redis://u:CANARY":                       "a port is none",
		"redis://u:CANARY:6379":                  "several colons",
		"redis://":                               "a host is missing",
		"redis://:CANARY@":                       "a host is missing",
		"redis://h:0":                            "a port is none",
		"redis://h:70000":                        "a port is none",
		"redis://h1,h2":                          "several hosts",
		"redis://h/CANARY":                       "database is no number",
		"redis://h/-1":                           "database is no number",
		"redis+cluster://h/1":                    "a cluster has only the first",
		"redis+sentinel://h":                     "doesn't name the primary",
		"redis+sentinel://h//1":                  "doesn't name the primary",
		"redis+sentinel://h/m/x":                 "database is no number",
		"unix://redis.sock":                      "names no socket",
		"unix:///":                               "names no socket",
		"unix:///s?db=x":                         "database is no number",
		"unix:///s?ca=x":                         `"ca": want db`,
		"redis://h?max_retries=3":                `"max_retries": want none`,
		"redis://h?ca=/x":                        `"ca": want none`,
		"rediss://h?skip_verify=CANARY":          `"skip_verify": want ca, cert, key`,
		"rediss+sentinel://h/m?db=CANARY":        `"db": want ca, cert, key, sentinel_user, sentinel_password`,
		"redis://user:123?CAN@h":                 "%3F",
		"redis://user:123?x=CAN@h":               "%3F",
		"redis://user@h":                         "user:password before the @",
		"unix://u:p@/s?CAN=CAN@x":                "want db",
		"rediss://h?a=%zz":                       "query cannot be read",
		"rediss://h?ca=/does/not/exist.pem":      "ca cannot be read",
		"rediss://h?ca=" + bad:                   "no certificate in it",
		"rediss://h?cert=" + bad:                 "only one of cert and key",
		"rediss://h?cert=" + bad + "&key=" + bad: "cert and key cannot be read",
	} {
		a, err := redisaddress.Parse(text)
		switch {
		case err == nil:
			t.Errorf("%s: %+v", text, a)
		case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CAN"):
			t.Errorf("%s: %v\nwant %s", text, err, want)
		case settings.Scrub(err.Error()) != err.Error():
			t.Errorf("%s: %v\nis redacted to %s", text, err, settings.Scrub(err.Error()))
		}
	}
}

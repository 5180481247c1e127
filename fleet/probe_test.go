package fleet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/redistest"
)

// commandsOf are the commands of these files.
func commandsOf(t *testing.T, files ...string) []string {
	t.Helper()
	var found []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`redis\.p?call\('(\w+)'`).FindAllSubmatch(text, -1) {
			found = append(found, strings.ToLower(string(m[1])))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// What probe.lua tries is all that the scripts use, and what docs/fleet.md grants.
func TestProbeTriesEveryCommand(t *testing.T) {
	scripts, err := filepath.Glob("*.lua")
	if err != nil || len(scripts) < 4 {
		t.Fatalf("scripts: %v, %v", scripts, err)
	}
	if all, tried := commandsOf(t, scripts...), commandsOf(t, "probe.lua"); !slices.Equal(all, tried) {
		t.Errorf("the scripts use %v\nprobe.lua tries %v", all, tried)
	}
}

// A user with the rights of commands that the scripts have, and no others, is enough for limits and tokens; without one of them Probe tells.
func TestProbeOfRights(t *testing.T) {
	rights := "+eval +evalsha"
	for _, c := range commandsOf(t, "probe.lua") {
		rights += " +" + c
	}
	r := redistest.Start(t, strings.Fields("--user default off --user ann on >CANARY ~spapi:* resetchannels -@all "+rights+
		" --user bob on >CANARY ~spapi:* -@all "+rights+" -zadd --user cid on >CANARY ~other:* -@all "+rights)...)
	open := func(user string) *goredis.Server {
		s, err := goredis.Open("unix://" + user + ":CANARY@" + r.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	for user, want := range map[string]string{"bob": "run this command", "cid": "key"} {
		_, err := fleet.Probe(t.Context(), open(user), "app")
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, want an error that says %q", user, err, want)
		}
	}
	server := open("ann")
	l := fleet.NewLimiter(server)
	defer l.Close()
	b := spapi.LimitBucket{App: "app", Region: "eu", Operation: "o", Scope: spapi.LimitPerSeller, Seller: "A1", Alias: "CANARY", Rate: 1000, Burst: 1000}
	for range 20 {
		g, err := l.Wait(t.Context(), spapi.LimitRequest{Buckets: []spapi.LimitBucket{b}, MaxWait: -1})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Observe(t.Context(), g, spapi.LimitReply{Latency: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	if !redistest.Eventually(func() bool {
		h, err := fleet.Probe(t.Context(), server, "app")
		if err != nil || h.Version != "" && !strings.Contains(h.Version, ".") || h.Distance <= 0 {
			t.Fatalf("%+v, %v", h, err)
		}
		return h.Processes == 1
	}) {
		t.Error("the process that waits isn't counted")
	}
	if h, err := fleet.Probe(t.Context(), server, "other"); err != nil || h.Processes != 0 {
		t.Errorf("another application: %+v, %v", h, err)
	}
}

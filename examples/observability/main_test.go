package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// expressions are those of the board and of the rules, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	text, err := os.ReadFile("board.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct {
				Name  string
				Type  string
				Query any
			}
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			found["panel "+p.Title+": "+target.Expr] = target.Expr
		}
	}
	for _, v := range board.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			found["variable "+v.Name] = query["query"].(string)
		}
	}
	if text, err = os.ReadFile("alerts.yml"); err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &alerts); err != nil {
		t.Fatal(err)
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("alert %s lacks summary, description or severity", r.Alert)
			}
			found["alert "+r.Alert] = r.Expr
		}
	}
	if len(found) < 15 {
		t.Fatalf("found %d expressions", len(found))
	}
	return found
}

var (
	metricName = regexp.MustCompile(`\b(?:spapi|http|messaging)_[a-z_]+_(?:bucket|count|sum|total|ratio|waiting)\b|\bspapi_(?:client|notifications)_[a-z_]+\b|\bhttp_client_[a-z_]+\b`)
	labelName  = regexp.MustCompile(`(?:by|without) \(([a-z_, ]+)\)|([a-z_]+)(?:=~|!=|!~|=)"|label_values\([a-z_]+, ([a-z_]+)\)`)
)

// exposed reads names of metrics and labels from what Prometheus is given.
func exposed(text string) (metrics, labels []string) {
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `).FindAllStringSubmatch(text, -1) {
		metrics = append(metrics, m[1])
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
	}
	return metrics, labels
}

// What board and alert rules name is there: the program runs, and exposes each metric and each label.
func TestBoardAndAlerts(t *testing.T) {
	var wantMetrics, wantLabels []string
	for where, e := range expressions(t) {
		names := metricName.FindAllString(e, -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", where)
		}
		if strings.Count(e, "(") != strings.Count(e, ")") || strings.Count(e, "{") != strings.Count(e, "}") || strings.Count(e, `"`)%2 != 0 {
			t.Errorf("%s: parentheses, braces or quotes don't match: %s", where, e)
		}
		wantMetrics = append(wantMetrics, names...)
		for _, m := range labelName.FindAllStringSubmatch(e, -1) {
			for l := range strings.SplitSeq(m[1]+m[2]+m[3], ",") {
				wantLabels = append(wantLabels, strings.TrimSpace(l))
			}
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, listener) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	var missing []string
	var text string
	for range 300 {
		text = scrape(t, "http://"+listener.Addr().String()+"/metrics")
		metrics, labels := exposed(text)
		missing = nil
		for _, name := range wantMetrics {
			if !slices.Contains(metrics, name) {
				missing = append(missing, name)
			}
		}
		for _, name := range wantLabels {
			if name != "le" && !slices.Contains(labels, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond) // the program works in real time
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Fatalf("board or rules name what the program doesn't expose: %q in\n%s", slices.Compact(missing), text)
	}
	metrics, _ := exposed(text)
	slices.Sort(metrics)
	for _, name := range slices.Compact(metrics) { // and the other way round: nothing is exposed that nobody looks at
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if (strings.HasPrefix(name, "spapi_") || strings.HasPrefix(name, "messaging_")) && !slices.ContainsFunc(wantMetrics, func(w string) bool { return strings.HasPrefix(w, base) }) {
			t.Errorf("%s is neither on the board nor in a rule", name)
		}
	}
	for _, canary := range []string{"902-0000000", "Atza|", "Atzr|", "fountain"} {
		if strings.Contains(text, canary) {
			t.Errorf("metrics tell %q", canary)
		}
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // of this test
	if err != nil {
		return "" // not yet
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return string(text)
}

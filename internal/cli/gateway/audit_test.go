package gateway

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/gateway/audit/auditsqlite"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// auditRun runs "spapi gateway audit …".
func auditRun(t *testing.T, args ...string) (out, messages string, err error) {
	t.Helper()
	streams, o, m := terminal.Buffers()
	args = append([]string{"audit"}, args...)
	f := factory.With(streams, "test", args)
	root := &cobra.Command{Use: "spapi", SilenceErrors: true, SilenceUsage: true, PersistentPreRunE: func(*cobra.Command, []string) error { return f.Prepare() }}
	f.AddFlags(root)
	root.AddCommand(newCmdAudit(f))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return o.String(), m.String(), err
}

// auditFolder is the folder of a gateway with an audit in both kinds of store.
func auditFolder(t *testing.T) (folder string, now time.Time) {
	t.Helper()
	folder, now = t.TempDir(), time.Now().UTC()
	t.Setenv("SPAPI_GATEWAY_CONFIG", "")
	t.Setenv("SPAPI_GATEWAY_SECRET", "")
	s, err := openSecret(&config{Folder: path(folder)}, quietly())
	if err != nil {
		t.Fatal(err)
	}
	o := audit.Options{Secret: s.current, Logger: slog.New(slog.DiscardHandler)}
	for name, open := range map[string]func(o audit.Options) (*audit.Log, error){
		"gateway": func(o audit.Options) (*audit.Log, error) { return audit.Open(filepath.Join(folder, "audit"), o) },
		"other": func(o audit.Options) (*audit.Log, error) {
			return auditsqlite.Open(filepath.Join(folder, "audit", "other.db"), o)
		},
	} {
		o.Chain = name
		l, err := open(o)
		if err != nil {
			t.Fatal(err)
		}
		record := func(call, caller, account, operation string, status int, change func(*gateway.Record)) gateway.Record {
			r := gateway.Record{Time: now.Add(-time.Hour), Call: call, Caller: caller, Key: "k" + caller, Account: account, Operation: operation, Status: status, Duration: 1500 * time.Millisecond}
			if change != nil {
				change(&r)
			}
			return r
		}
		err = l.Append(t.Context(),
			record("A"+name, "shop", "de", "ordersv0.getOrders", 200, nil),
			record("B"+name, "shop", "de", "feeds20210630.createFeed", 0, func(r *gateway.Record) { r.Write, r.Intent = true, true }),
			record("B"+name, "shop", "de", "feeds20210630.createFeed", 202, func(r *gateway.Record) { r.Write = true }),
			record("C"+name, "erp", "fr", "ordersv0.getOrderAddress", 0, func(r *gateway.Record) { r.PersonalData, r.Intent = true, true }),
			record("D"+name, "erp", "fr", "ordersv0.getOrders", 403, func(r *gateway.Record) { r.Refused = "scope" }),
			record("E"+name, "erp", "fr", "financesv0.listFinancialEvents", 200, func(r *gateway.Record) { r.Time = now.Add(-48 * time.Hour) }),
		)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return folder, now
}

// TestAuditRead: each filter keeps what it says, of all chains that lie there.
func TestAuditRead(t *testing.T) {
	folder, _ := auditFolder(t)
	for _, c := range []struct{ args, want string }{
		{"", "A B C D E"}, {"--since 2h", "A B C D"}, {"--until 24h", "E"}, {"--caller shop", "A B"}, {"--caller kerp", "C D E"}, {"--account fr", "C D E"},
		{"--operation getorder", "A C D"}, {"--write", "B"}, {"--personal-data", "C"}, {"--refused", "D"}, {"--failed", "C D"}, {"--account de --write", "B"},
		{"--caller nobody", ""},
	} {
		out, _, err := auditRun(t, append([]string{"read", "--folder", folder, "-o", "jsonl"}, strings.Fields(c.args)...)...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		found := map[string]int{}
		for line := range strings.Lines(out) {
			var r auditRow
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if (r.Kind == unfinishedKind) != ((*r.Call)[0] == 'C') || (r.Status == nil) != (r.Kind == unfinishedKind) {
				t.Errorf("%s: %s", c.args, line)
			}
			found[(*r.Call)[:1]]++
		}
		want := strings.Fields(c.want)
		for _, w := range want {
			if found[w] != 2 {
				t.Errorf("%s: %d of %s", c.args, found[w], w)
			}
		}
		if len(found) != len(want) {
			t.Errorf("%s: found %v, want %v", c.args, found, want)
		}
	}
	out, _, err := auditRun(t, "read", "--folder", folder, "--all", "-o", "csv")
	rows, cerr := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || cerr != nil || len(rows) != 1+2*8 {
		t.Errorf("all entries: %d rows, %v, %v", len(rows), err, cerr)
	}
	table, _, err := auditRun(t, "read", "--folder", folder, "-o", "table")
	if err != nil || !strings.Contains(table, "UNFINISHED") && !strings.Contains(table, "unfinished") || !strings.Contains(table, "ordersv0.getOrderAddress") {
		t.Errorf("table: %v\n%s", err, table)
	}
	for args, want := range map[string]string{
		"read --folder " + t.TempDir():                       "there is no audit at",
		"read --source " + filepath.Join(folder, "secret"):   "is no file of SQLite",
		"verify --folder " + folder + " --head x":            `--head`,
		"prune --folder " + t.TempDir():                      "there is no audit at",
		"export --folder " + folder + " -o json":             "-o",
		"verify --folder " + folder + " --source /not/there": "there is no audit at /not/there",
	} {
		if _, _, err := auditRun(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) || exit.Status(err) != exit.Usage {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestAuditVerify: a chain that holds ends with 0 and tells its head; one that doesn't with 1, and names the entry.
func TestAuditVerify(t *testing.T) {
	folder, _ := auditFolder(t)
	out, _, err := auditRun(t, "verify", "--folder", folder, "-o", "json")
	var all []verdict
	if jerr := json.Unmarshal([]byte(out), &all); err != nil || jerr != nil || len(all) != 2 || !all[0].OK || !all[1].OK || all[0].Entries != 8 || all[0].Keyed != 8 ||
		all[0].Unfinished != 1 {
		t.Fatalf("%v, %v: %s", err, jerr, out)
	}
	if _, _, err := auditRun(t, "verify", "--folder", folder, "--head", all[0].Head, "--head", all[1].Head); err != nil {
		t.Error(err)
	}
	exported, _, err := auditRun(t, "export", "--folder", folder)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(exported) {
		if _, err := audit.ParseLine([]byte(strings.TrimSpace(line))); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "audit", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], []byte(strings.Replace(string(b), `"caller":"erp"`, `"caller":"abc"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err = auditRun(t, "verify", "--folder", folder, "-o", "json")
	broken, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || broken.Seq != 5 || broken.Chain != "gateway" || exit.Status(err) != exit.Failure {
		t.Errorf("changed: %v", err)
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || all[0].OK || *all[0].Broken != 5 || !strings.HasSuffix(*all[0].Where, ".jsonl:5") || !all[1].OK {
		t.Errorf("%v: %s", err, out)
	}
	if _, _, err := auditRun(t, "verify", "--folder", folder, "--head", strings.Replace(all[1].Head, "other", "third", 1)); err == nil || !strings.Contains(err.Error(), "no chain of that name") {
		t.Errorf("a chain that is gone: %v", err)
	}
}

// TestAuditDeprecated: who uses what is going to be removed.
func TestAuditDeprecated(t *testing.T) {
	folder, _ := auditFolder(t)
	out, _, err := auditRun(t, "deprecated", "--folder", folder, "-o", "json")
	var all []deprecation
	if jerr := json.Unmarshal([]byte(out), &all); err != nil || jerr != nil || len(all) != 2 || all[1].Calls != 2 || all[1].Caller != "erp" || all[1].Removal == nil || all[0].Caller != "shop" {
		t.Errorf("%v, %v: %s", err, jerr, out)
	}
	if out, _, err := auditRun(t, "deprecated", "--folder", folder, "--since", "30m", "-o", "json"); err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAuditPrune: what is too old goes, unless a gateway is there to do it.
func TestAuditPrune(t *testing.T) {
	folder, now := t.TempDir(), time.Now().UTC()
	t.Setenv("SPAPI_GATEWAY_CONFIG", "")
	t.Setenv("SPAPI_GATEWAY_SECRET", "")
	s, err := openSecret(&config{Folder: path(folder)}, quietly())
	if err != nil {
		t.Fatal(err)
	}
	old := func() time.Time { return now.AddDate(-2, 0, 0) }
	l, err := audit.Open(filepath.Join(folder, "audit"), audit.Options{Chain: "gateway", Secret: s.current, Now: old, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), gateway.Record{Time: old(), Caller: "shop"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := auditRun(t, "prune", "--folder", folder); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("while a gateway writes: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, messages, err := auditRun(t, "prune", "--folder", folder); err != nil || !strings.Contains(messages, "3 entries removed") {
		t.Errorf("%v: %s", err, messages)
	}
	if _, _, err := auditRun(t, "verify", "--folder", folder); err != nil {
		t.Error(err)
	}
}

package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// noData are the commands that write nothing that could be filtered, and those that serve, ask, or work on what is stored on this machine.
var noData = []string{"spapi auth login", "spapi auth use", "spapi auth remove", "spapi report schedule remove",
	"spapi notifications destinations delete", "spapi notifications subscriptions delete", "spapi gateway unblock", "spapi gateway audit prune", "spapi accounts", "spapi emulator run", "spapi emulator-clients", "spapi exit-statuses", "spapi formats", "spapi times"}

const kioskQuery = `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:"1999-12-01",endDate:"1999-12-10",` +
	`marketplaceIds:["ATVPDKIKX0DER"]){startDate sales{unitsOrdered}}}}`

// written are command lines in place of the examples of some commands, or beside them, by the command.
var written = map[string][][]string{
	"spapi emulator":                           {{"emulator"}},
	"spapi emulator ca":                        {{"emulator", "ca"}},
	"spapi emulator clients":                   {{"emulator", "clients"}},
	"spapi emulator hosts":                     {{"emulator", "hosts"}},
	"spapi ops":                                {{"ops", "orders"}},
	"spapi quickstart":                         {{"quickstart"}},
	"spapi feed result":                        {{"feed", "result", "FEED"}, {"feed", "result", "FEED", "--raw"}},
	"spapi feed status":                        {{"feed", "status", "FEED"}},
	"spapi feed submit":                        {{"feed", "submit", "JSON_LISTINGS_FEED", "messages.jsonl"}},
	"spapi kiosk run":                          {{"kiosk", "run", kioskQuery}},
	"spapi kiosk schema":                       {{"kiosk", "schema"}, {"kiosk", "schema", "salesAndTraffic"}},
	"spapi notifications apply":                {{"notifications", "apply", "-f", "notifications.yaml"}},
	"spapi notifications destinations create":  {{"notifications", "destinations", "create", "more", "--sqs", "arn:aws:sqs:us-east-1:123456789012:more"}},
	"spapi notifications destinations get":     {{"notifications", "destinations", "get", "DESTINATION"}},
	"spapi notifications doctor":               {{"notifications", "doctor"}},
	"spapi notifications listen":               {{"notifications", "listen", "--type", "ORDER_CHANGE", "--count", "1"}},
	"spapi notifications plan":                 {{"notifications", "plan", "-f", "notifications.yaml"}},
	"spapi notifications subscriptions create": {{"notifications", "subscriptions", "create", "REPORT_PROCESSING_FINISHED", "--destination", "DESTINATION"}},
	"spapi notifications subscriptions get":    {{"notifications", "subscriptions", "get", "REPORT_PROCESSING_FINISHED", "--id", "SUBSCRIPTION"}},
	"spapi notifications subscriptions list":   {{"notifications", "subscriptions", "list", "ORDER_CHANGE"}},
	"spapi notifications test":                 {{"notifications", "test", "ORDER_CHANGE", "--destination", "DESTINATION", "--scenario", "x", "--sandbox"}},
	"spapi notifications trigger":              {{"notifications", "trigger", "ORDER_CHANGE"}},
	"spapi report download":                    {{"report", "download", "REPORT"}},
	"spapi report get":                         {{"report", "get", "REPORT"}},
	"spapi report run":                         {{"report", "run", "GET_MERCHANT_LISTINGS_ALL_DATA", "--reuse", "1h"}},
	"spapi report schedule set":                {{"report", "schedule", "set", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", "--every", "P1D"}},
	"spapi request":                            {{"request", "GET", "/sellers/v1/marketplaceParticipations"}, {"request", "GET", "/sellers/v1/marketplaceParticipations", "--curl"}},
}

// forms tell whether a text is in a format.
var forms = map[string]func(string) bool{
	"json": func(s string) bool { return json.Valid([]byte(s)) },
	"jsonl": func(s string) bool {
		for line := range strings.Lines(s) {
			if !json.Valid([]byte(line)) {
				return false
			}
		}
		return true
	},
	"csv": func(s string) bool {
		rows, err := csv.NewReader(strings.NewReader(s)).ReadAll()
		return err == nil && len(rows) > 0 && !json.Valid([]byte(s))
	},
	"parquet": func(s string) bool { return strings.HasPrefix(s, "PAR1") },
	"tsv":     func(s string) bool { return strings.Contains(s, "\t") },
	"table":   func(s string) bool { return !json.Valid([]byte(s)) },
	"yaml":    func(s string) bool { return !json.Valid([]byte(s)) || strings.TrimSpace(s) == "[]" },
	"raw":     func(s string) bool { return s != "" },
	"text":    func(s string) bool { return s != "" },
}

// TestFormats: every command that writes data does with --jq and with each value of -o what they say, or refuses them.
func TestFormats(t *testing.T) {
	bare(t)
	t.Chdir(t.TempDir())
	for name, content := range exampleFiles {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("messages.jsonl", []byte(`{"sku":"A","operationType":"DELETE"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	streams, _, _ := terminal.Buffers()
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if !cmd.Runnable() || cmd.HasSubCommands() && written[path] == nil || path == "spapi help" || slices.Contains(noData, path) {
			return
		}
		lines := written[path]
		for line := range strings.Lines(cmd.Example) {
			if args := plain(words(line)[1:]); lines == nil && strings.HasPrefix("spapi "+strings.Join(args, " ")+" ", path+" ") {
				lines = [][]string{args}
			}
		}
		if lines == nil {
			t.Errorf("%s has neither an example nor a line in written", path)
		}
		for _, args := range lines {
			t.Run(strings.Join(args[:min(len(args), 3)], " "), func(t *testing.T) { formats(t, args) })
		}
	})
}

// plain is a command line without -o and --jq, and without the global flags before the command.
func plain(args []string) []string {
	var left []string
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-o", "--jq":
			i++
		case "--emulator":
		default:
			left = append(left, args[i])
		}
	}
	return left
}

// refusing are commands that refuse all of it.
var refusing = []string{"gateway audit export", "emulator", "emulator ca", "emulator clients", "emulator hosts", "quickstart", "feed result FEED --raw", "kiosk schema salesAndTraffic", "request GET /sellers/v1/marketplaceParticipations --curl"}

func formats(t *testing.T, args []string) {
	honoured := 0
	defer func() {
		if want := !slices.Contains(refusing, strings.Join(args, " ")); (honoured > 0) != want {
			t.Errorf("%d were honoured, want some: %v", honoured, want)
		}
	}()
	for _, more := range [][]string{{"--jq", `"canary"`}, {"-o", "json"}, {"-o", "jsonl"}, {"-o", "csv"}, {"-o", "tsv"}, {"-o", "yaml"}, {"-o", "table"}, {"-o", "raw"}, {"-o", "text"}, {"-o", "parquet"}} {
		if args[0] == "quickstart" && more[0] == "-o" && (more[1] == "json" || more[1] == "text") {
			continue // it has a test of its own
		}
		synctest.Test(t, func(t *testing.T) {
			emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits())
			if err != nil {
				t.Fatal(err)
			}
			ask := func(args ...string) (int, string, string) {
				streams, out, messages := terminal.Buffers()
				f := factory.With(streams, "test", nil)
				f.UseEmulator(emu)
				status := cli.Run(t.Context(), f, append([]string{"--emulator", "--yes"}, args...))
				return status, out.String(), messages.String()
			}
			line := slices.Clone(onGateway(t, args))
			for i, word := range line {
				var made string
				switch word {
				case "FEED":
					_, _, messages := ask("feed", "submit", "JSON_LISTINGS_FEED", "messages.jsonl")
					_, made, _ = strings.Cut(messages, "feed ")
					made, _, _ = strings.Cut(made, ":")
				case "DESTINATION":
					_, made, _ = ask("notifications", "destinations", "create", "orders", "--sqs", ordersQueue, "--jq", ".destinationId")
				case "SUBSCRIPTION":
					ask("notifications", "destinations", "create", "orders", "--sqs", ordersQueue)
					_, made, _ = ask("notifications", "subscriptions", "create", "REPORT_PROCESSING_FINISHED", "--destination", "orders", "--jq", ".subscriptionId")
				case "REPORT":
					_, made, _ = ask("call", "reports20210630.createReport", "--report-type", "GET_MERCHANT_LISTINGS_ALL_DATA", "--marketplace-ids", "ATVPDKIKX0DER", "--jq", ".reportId")
				default:
					continue
				}
				if line[i] = strings.TrimSpace(made); line[i] == "" {
					t.Fatal("there is no", word)
				}
			}
			status, out, messages := ask(append(line, more...)...)
			switch {
			case status == 2 && out == "" && (strings.Contains(messages, more[0]+" ") || strings.Contains(messages, `"`+more[0]+`, --output"`)):
			case status != 0 && !(args[0] == "feed" && status == 1):
				t.Errorf("%s %s ended with status %d: %s", strings.Join(line, " "), strings.Join(more, " "), status, messages)
			case more[0] == "--jq" && strings.Trim(out, "canry\n") != "", more[0] == "-o" && !forms[more[1]](out):
				t.Errorf("%s ignores %s: %.200s", strings.Join(line, " "), strings.Join(more, " "), out)
			default:
				honoured++
			}
		})
	}
}

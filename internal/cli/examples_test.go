package cli_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// notRun are the commands whose examples are parsed only: they serve until they are stopped, want a browser, or take long and have a test
// of their own.
var notRun = []string{"spapi emulator", "spapi gateway --", "spapi quickstart", "spapi auth login", "spapi auth use", "spapi auth remove",
	"spapi report run", "spapi report get", "spapi report download", "spapi report schedule set", "spapi report schedule remove",
	"spapi notifications listen --type ORDER_CHANGE,", "spapi notifications listen --queue", "spapi notifications doctor --queue",
	"spapi auth rotate shop-de", "spapi notifications destinations get", "spapi notifications destinations delete", "spapi notifications subscriptions get",
	"spapi notifications subscriptions create", "spapi notifications subscriptions delete", "spapi notifications subscriptions list --sellers",
	"spapi notifications plan -f notifications.yaml --sellers", "spapi notifications apply -f notifications.yaml --sellers", "spapi notifications apply --plan",
	"spapi --sandbox notifications test", "spapi notifications trigger REPORT_PROCESSING_FINISHED", "spapi notifications trigger ORDER_CHANGE --to",
	"spapi feed submit", "spapi feed status", "spapi feed result", "spapi kiosk run"}

// quiet are the commands that write nothing to stdout.
var quiet = []string{"spapi gateway unblock", "spapi gateway audit prune"}

// exampleFiles are the files that examples read.
var exampleFiles = map[string]string{
	"document.json": `{"contentType":"text/tab-separated-values; charset=UTF-8"}`,
	"offer.json": `{"condition_type":[{"value":"new_new"}],"merchant_suggested_asin":[{"value":"B0GNI7T800"}],
		"purchasable_offer":[{"currency":"USD","our_price":[{"schedule":[{"value_with_tax":12.50}]}]}],
		"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}`,
	"gateway.yaml": "listen: 127.0.0.1:8585\nlog: {level: warn}\n",
	"notifications.yaml": `{"destinations":[{"name":"orders","sqs":"arn:aws:sqs:us-east-1:123456789012:orders"}],
		"subscriptions":[{"type":"REPORT_PROCESSING_FINISHED","destination":"orders"}]}`,
	"patches.json": `[{"op":"replace","path":"/attributes/color","value":[{"value":"Blue","language_tag":"en_US","marketplace_id":"ATVPDKIKX0DER"}]}]`,
}

// TestExamples runs the examples of all help texts, against the embedded emulator.
func TestExamples(t *testing.T) {
	bare(t)
	t.Chdir(t.TempDir())
	for name, content := range exampleFiles {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	streams, _, _ := terminal.Buffers()
	ran, parsed := 0, 0
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)), func(cmd *cobra.Command) {
		if cmd.Example == "" && cmd.Runnable() && cmd.Name() != "help" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			args := words(line)
			if len(args) < 2 || args[0] != "spapi" {
				t.Errorf("%s: example %q: want a call of spapi", cmd.CommandPath(), line)
				continue
			}
			args = args[1:]
			bare := "spapi " + strings.TrimPrefix(strings.Join(args, " "), "--emulator ") // a group's examples are those of the commands below it
			if slices.ContainsFunc(notRun, func(p string) bool { return strings.HasPrefix(cmd.CommandPath(), p) || strings.HasPrefix(bare, p) }) {
				parsed++
				if err := parse(t, args); err != nil {
					t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
				}
				continue
			}
			args = onGateway(t, args)
			if !slices.Contains(args, "--emulator") {
				args = append([]string{"--emulator"}, args...)
			}
			ran++
			if status, out, messages := run(t, "", args...); status != 0 || out == "" && !slices.Contains(quiet, cmd.CommandPath()) {
				t.Errorf("%s: example %q ended with status %d and printed %q: %s", cmd.CommandPath(), line, status, out, messages)
			}
		}
	})
	t.Logf("%d examples run, %d parsed", ran, parsed)
	if ran < 10 {
		t.Errorf("%d examples were run: the walk does not find them", ran)
	}
}

// walk visits a command and all below it, without cobra's own.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// parse looks whether a command line is well formed, and runs nothing.
func parse(t *testing.T, args []string) error {
	t.Helper()
	streams, _, _ := terminal.Buffers()
	root := cli.NewCmdRoot(factory.With(streams, "test", args))
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// words splits the first command of a line as a shell does: quotes, and no more than that.
func words(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range strings.TrimSpace(line) {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '|' || r == '>':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
			if r != ' ' {
				return words
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// TestCompletionOffersNoFiles: what a shell offers for a flag or an argument are files only where it is a file. Every command is walked, with each of its
// flags and the argument behind its name.
func TestCompletionOffersNoFiles(t *testing.T) {
	bare(t)
	// Those that are files or folders, by command and flag; "" is the argument.
	started := []string{"--ca-dir", "--export-on-exit", "--import", "--models", "--notify-file", "--request-log"}
	files := map[string][]string{
		"spapi auth login": {"--secret-file"}, "spapi doctor": {"--source"}, "spapi emulator": started,
		"spapi emulator run": append([]string{""}, started...), "spapi emulator ca": {"--ca-dir"}, "spapi emulator clients": {"--ca-dir"},
		"spapi gateway": {"--config", "--folder"}, "spapi gateway check": {"--config", "--folder"},
		"spapi feed submit": {"--journal", ""}, "spapi kiosk run": {"--out"}, "spapi listings patch": {"--patches"}, "spapi listings put": {"--attributes"},
		"spapi notifications apply": {"--file", "--plan"}, "spapi notifications plan": {"--file"}, "spapi notifications listen": {"--secret-file"},
		"spapi notifications trigger": {"--payload", "--to"},
		"spapi report download":       {"--out"}, "spapi report run": {"--out"}, "spapi request": {"--input"}, "spapi sign": {"--input"},
		"spapi call listingsitems20210801.putListingsItem": {"--input"},
	}
	for _, command := range []string{"key create", "key list", "key rotate", "key revoke", "block", "unblock", "blocks", "audit prune"} {
		files["spapi gateway "+command] = []string{"--config", "--folder"}
	}
	for _, command := range []string{"read", "verify", "export", "deprecated"} {
		files["spapi gateway audit "+command] = []string{"--config", "--folder", "--source"}
	}
	streams, _, _ := terminal.Buffers()
	root := cli.NewCmdRoot(factory.With(streams, "test", nil))
	root.InitDefaultCompletionCmd("x")
	looked := 0
	look := func(path []string, flag string) {
		looked++
		args := append([]string{cobra.ShellCompNoDescRequestCmd}, path...)
		switch {
		case flag != "":
			args = append(args, flag, "")
		case path[0] == "feed" && len(path) == 2 && path[1] == "submit":
			args = append(args, "JSON_LISTINGS_FEED", "")
		default:
			args = append(args, "")
		}
		_, out, _ := run(t, "", args...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		directive := lines[len(lines)-1]
		command := "spapi " + strings.Join(path, " ")
		offers := directive == ":0" || directive == ":16" // the default, which is files; folders
		if wanted := slices.Contains(files[command], flag); offers != wanted {
			t.Errorf("%s %s: offers %q, files are wanted: %v", command, flag, out, wanted)
		}
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		if len(path) > 0 && path[0] != "completion" {
			look(path, "")
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if f.Value.Type() != "bool" {
					look(path, "--"+f.Name)
				}
			})
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "bool" {
			look([]string{"ops"}, "--"+f.Name)
		}
	})
	for _, flag := range []string{"--input", "--sku", "--attributes", "--requirements", "--marketplace"} {
		look([]string{"call", "listingsitems20210801.putListingsItem"}, flag)
	}
	if looked < 150 {
		t.Errorf("looked at %d places only", looked)
	}
}

// TestCompletionOffersAccounts: where an account is wanted, those that are stored are offered, in every place.
func TestCompletionOffersAccounts(t *testing.T) {
	bare(t)
	plantAccount(t, t.TempDir())
	for _, args := range [][]string{{"ops", "--account"}, {"auth", "status"}, {"auth", "use"}, {"auth", "remove"}, {"auth", "token"}, {"auth", "login"}} {
		_, out, _ := run(t, "", append(append([]string{cobra.ShellCompNoDescRequestCmd}, args...), "")...)
		if !strings.HasPrefix(out, "shop\n") || !strings.HasSuffix(strings.TrimSpace(out), ":4") {
			t.Errorf("%q: %q", args, out)
		}
	}
}

// TestHelpOfEverything: every command has help, by its flag and by "spapi help", and it is the same.
func TestHelpOfEverything(t *testing.T) {
	bare(t)
	streams, _, _ := terminal.Buffers()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		status, byFlag, messages := run(t, "", append(slices.Clone(path), "-h")...)
		if status != 0 || byFlag == "" || messages != "" {
			t.Errorf("%q -h: status %d, %q, %q", path, status, byFlag, messages)
		}
		if status, byCommand, _ := run(t, "", append([]string{"help"}, path...)...); status != 0 || byCommand != byFlag {
			t.Errorf("help %q: status %d, %q, want what -h says: %q", path, status, byCommand, byFlag)
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(cli.NewCmdRoot(factory.With(streams, "test", nil)))
}

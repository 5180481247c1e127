package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestPage: docs/cli.md is what the commands say.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	want := markdown(root())
	if !bytes.Equal(page, want) {
		t.Error("docs/cli.md differs from the commands: run make docs")
	}
	for _, heading := range []string{"## spapi call", "## spapi ops show", "## spapi exit-statuses", "## spapi completion bash"} {
		if !bytes.Contains(want, []byte(heading+"\n")) {
			t.Errorf("the page lacks the heading %q", heading)
		}
	}
}

// TestManPages: there is one for every command.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	if err := run("", dir); err != nil {
		t.Fatal(err)
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() || cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			return
		}
		if !bytes.Contains(text, []byte(".SH NAME")) || !bytes.Contains(text, []byte("Jan 2026")) {
			t.Errorf("%s has no section NAME or another date", name)
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root())
}

// TestHelp: every command tells in a line what it does, and every flag what it is for.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short text %q, want one without a full stop", cmd.CommandPath(), cmd.Short)
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root())
}

// Command docs writes the documentation of the spapi command, from the commands themselves: docs/cli.md, and man pages.
//
//	go run ./internal/cli/docs -markdown docs/cli.md
//	go run ./internal/cli/docs -man bin/man
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

func main() {
	page := flag.String("markdown", "", "file to write the page to")
	man := flag.String("man", "", "folder to write man pages to")
	flag.Parse()
	if err := run(*page, *man); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(page, man string) error {
	if page != "" {
		if err := os.WriteFile(page, markdown(root()), 0o644); err != nil {
			return err
		}
	}
	if man == "" {
		return nil
	}
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	return doc.GenManTree(root(), &doc.GenManHeader{Section: "1", Source: "spapi", Manual: "spapi"}, man)
}

// root is the command with all below it, as users see it.
func root() *cobra.Command {
	streams, _, _ := terminal.Buffers()
	cmd := cli.NewCmdRoot(factory.With(streams, "", nil))
	cmd.DisableAutoGenTag = true
	cmd.InitDefaultCompletionCmd()
	cmd.InitDefaultHelpCmd()
	return cmd
}

// markdown is the page about all commands.
func markdown(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(`# The spapi command

<!-- Written by "make docs" from the commands: don't edit. -->

`)
	section(&b, root, 0)
	return b.Bytes()
}

func section(b *bytes.Buffer, cmd *cobra.Command, depth int) {
	if cmd.Name() == "help" || cmd.Hidden {
		return
	}
	if depth > 0 {
		fmt.Fprintf(b, "## %s\n\n", cmd.CommandPath())
	}
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	topic := !cmd.Runnable() && !cmd.HasSubCommands()
	if topic {
		fmt.Fprintf(b, "%s (`spapi help %s`).\n\n", cmd.Short, cmd.Name())
	}
	paragraphs(b, long)
	if !topic {
		fmt.Fprintf(b, "    %s\n\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "Examples:\n\n%s\n\n", indented(cmd.Example))
	}
	if !topic {
		flags(b, cmd.NonInheritedFlags())
	}
	for _, sub := range cmd.Commands() {
		section(b, sub, depth+1)
	}
}

// paragraphs keeps what is indented or a table as it is, and everything else as text.
func paragraphs(b *bytes.Buffer, text string) {
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, "  ") || strings.HasPrefix(p, "\t") {
			fmt.Fprintf(b, "%s\n\n", indented(p))
			continue
		}
		fmt.Fprintf(b, "%s\n\n", strings.TrimLeft(p, "# ")) // cobra's own texts have headings
	}
}

// indented makes a block of code.
func indented(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight("    "+strings.TrimPrefix(strings.TrimPrefix(l, "\t"), "  "), " ")
	}
	return strings.Join(lines, "\n")
}

// flags lists the flags of a command, but for --help, which all have.
func flags(b *bytes.Buffer, set *pflag.FlagSet) {
	if help := set.Lookup("help"); help != nil {
		hidden := help.Hidden
		help.Hidden = true
		defer func() { help.Hidden = hidden }()
	}
	if set.HasAvailableFlags() {
		fmt.Fprintf(b, "Flags:\n\n%s\n\n", indented(set.FlagUsages()))
	}
}

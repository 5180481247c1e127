package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// newCmdHelp returns "spapi help". It replaces cobra's own, which ends well when there is no help.
func newCmdHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		Long:  "Help about any command, and about some topics: see the list of \"spapi --help\".",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := named(cmd.Root(), args)
			if err != nil {
				return err
			}
			target.InitDefaultHelpFlag()
			target.InitDefaultVersionFlag()
			return target.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			target, err := named(cmd.Root(), args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range target.Commands() {
				if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// named walks from command to command. What a command takes as an argument, such as an operation behind "call", has no help of its own here.
func named(at *cobra.Command, path []string) (*cobra.Command, error) {
	for i, name := range path {
		var next *cobra.Command
		for _, c := range at.Commands() {
			if c.Name() == name || c.HasAlias(name) {
				next = c
			}
		}
		if next == nil {
			if at.HasParent() && !at.HasSubCommands() {
				return nil, exit.Usagef("%s has no command %q: \"spapi help %s\" tells about it", at.CommandPath(), name, strings.Join(path[:i], " "))
			}
			return nil, exit.Group(at, path[i:])
		}
		at = next
	}
	return at, nil
}

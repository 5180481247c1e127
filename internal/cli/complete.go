package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/marketplace"
)

// complete settles what shells offer where a command says nothing itself: no names of files, unless the help says that a flag is a file or a folder, and names
// of accounts, operations and marketplaces where those are wanted.
func complete(f *factory.Factory, root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	byName := map[string]func() []string{
		"uses": func() (ids []string) {
			all := catalog.Operations()
			for i := range all {
				ids = append(ids, all[i].ID)
			}
			return ids
		},
		"marketplaces": func() (codes []string) {
			for _, m := range marketplace.All() {
				codes = append(codes, m.CountryCode+"\t"+m.Name)
			}
			return codes
		},
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		_, argument, _ := strings.Cut(cmd.Use, " ")
		if cmd.ValidArgsFunction == nil && cmd.HasParent() && cmd.Parent().Name() == "auth" && strings.Trim(argument, "[]<>") == "name" {
			cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
				if len(args) > 0 {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return f.AccountNames(), cobra.ShellCompDirectiveNoFileComp
			}
		}
		own := func(flag *pflag.Flag) {
			if _, has := cmd.GetFlagCompletionFunc(flag.Name); has {
				return
			}
			var choices func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)
			switch kind, _ := pflag.UnquoteUsage(flag); kind {
			case "file":
				choices = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
					return nil, cobra.ShellCompDirectiveDefault
				}
			case "folder":
				choices = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
					return nil, cobra.ShellCompDirectiveFilterDirs
				}
			default:
				known := byName[flag.Name]
				if known == nil {
					return
				}
				choices = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
					return known(), cobra.ShellCompDirectiveNoFileComp
				}
			}
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, choices)
		}
		cmd.Flags().VisitAll(own) // not LocalFlags, which would give every command its parents' flags
		cmd.PersistentFlags().VisitAll(own)
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

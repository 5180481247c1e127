// Package auth is "spapi auth": authorizations from sellers and vendors, and the accounts in which they are stored.
package auth

import (
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
)

// NewCmdAuth returns the command with all below it.
func NewCmdAuth(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth <command>",
		Short: "Authorize, and manage the stored accounts",
		Long: "Gets authorizations from sellers and vendors and stores them as accounts, under names of your choice. The accounts are in\n" +
			"one file that is sealed with a key: from the system's keyring, a key file (SPAPI_KEY_FILE) or a passphrase\n" +
			"(SPAPI_PASSPHRASE, else asked for).",
		Example: "  spapi auth list\n" +
			"  spapi auth status",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdLogin(f, nil), NewCmdList(f, nil), NewCmdStatus(f, nil), NewCmdToken(f, nil), NewCmdRotate(f, nil), NewCmdUse(f, nil), NewCmdRemove(f, nil))
	return cmd
}

// one is the check of commands that take the name of an account, or nothing.
func one(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return exit.Usagef("takes one account, got %q too", args[1])
	}
	return nil
}

package exit

import (
	"strings"

	"github.com/spf13/cobra"
)

// Group is the check of commands that only hold others. It replaces cobra's own error, which takes several lines.
func Group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = max(cmd.SuggestionsMinimumDistance, 2)
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return Usagef("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return Usagef("unknown command %q", args[0])
}

package exit

import (
	"slices"
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
		unlike := func(name string) int { // people mistype the first letter least
			if strings.HasPrefix(name, args[0][:min(1, len(args[0]))]) {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(near, func(a, b string) int { return unlike(a) - unlike(b) })
		return Usagef("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return Usagef("unknown command %q", args[0])
}

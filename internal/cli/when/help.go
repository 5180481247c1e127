package when

import "github.com/spf13/cobra"

// NewCmdHelp returns the help topic "times".
func NewCmdHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "times",
		Short: "How times are written",
		Long: `Flags that take a time, such as --since and --until, all take the same:

  90m, 12h, 3d, 2w           so long ago: minutes, hours, days of 24 hours, weeks
  now
  today, yesterday           the day
  2026-01-31                 that day
  2026-01-31T15:04           that time of day, also with seconds
  2026-01-31T15:04:05Z       that moment, as RFC 3339 has it: with Z for UTC, or with an offset such as +01:00

Days and times of day are those of the marketplace in force, as Seller Central shows them: a day in the United States begins at midnight in Los
Angeles, one in Germany at midnight in Berlin. They are in UTC with --utc, where a command has that, and where no marketplace is known. The command
says on stderr which moment it takes them for.

A day belongs to what it ends: --since 2026-01-01 --until 2026-01-31 is the whole January, --since yesterday --until yesterday the whole
of yesterday. Any other time at the end is the moment before which things count. An end that lies ahead means now.`,
	}
}

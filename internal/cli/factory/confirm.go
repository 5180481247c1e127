package factory

import (
	"context"
	"strings"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// Confirm asks before something that cannot be taken back, such as "Delete listing PEN-1?". With --yes it doesn't ask. Where nobody can
// be asked it is an error: a script says --yes.
func (f *Factory) Confirm(ctx context.Context, question string) error {
	if f.Flags.Yes {
		return nil
	}
	if !f.Streams.CanAsk() {
		return exit.Usagef("%s There is no terminal to ask on: say --yes", question)
	}
	defer f.Asking()()
	answer, err := f.Streams.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	}
	return exit.Usagef("not confirmed: nothing was changed")
}

// Notef tells something beside the data on stderr, unless --quiet.
func (f *Factory) Notef(format string, args ...any) { f.progress.notef(format, args...) }

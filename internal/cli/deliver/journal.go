package deliver

import (
	"context"
	"errors"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/journal"
)

// OpenJournal opens the journal in a file, nil if that has no name. It says so when it has to wait for another run that has it open. A run that ended
// meanwhile and left no journal has brought home what it stood for, or noted nothing: then it is an error, lest what both were started for be done twice.
func OpenJournal(ctx context.Context, f *factory.Factory, path string) (*journal.File, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	now, cancel := context.WithCancel(ctx)
	cancel()
	j, err := journal.Open(now, path)
	if !errors.Is(err, journal.ErrLocked) || ctx.Err() != nil {
		return j, err
	}
	f.Notef("another run has %s open: waiting for it", path)
	w := f.AwaitShown("another run that has %s open", path)
	j, err = journal.Open(ctx, path)
	w.End()
	if err == nil && j.Len() == 0 {
		_ = j.Close()
		return nil, &exit.HintError{
			Err:  errors.New("another run had " + path + " open and has ended: it has done what it noted there, or failed; nothing was done here"),
			Hint: "See what it says. To do the same once more, run this again.",
		}
	}
	return j, err
}

package deliver

import (
	"context"
	"errors"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/journal"
)

// OpenJournal opens the journal in a file, nil if that has no name. It says so when it has to wait for another run that has it open.
func OpenJournal(ctx context.Context, f *factory.Factory, path string) (*journal.File, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	now, cancel := context.WithCancel(ctx)
	cancel()
	j, err := journal.Open(now, path)
	if errors.Is(err, journal.ErrLocked) && ctx.Err() == nil {
		f.Notef("another run has %s open: waiting for it", path)
		w := f.AwaitShown("another run that has %s open", path)
		j, err = journal.Open(ctx, path)
		w.End()
	}
	return j, err
}

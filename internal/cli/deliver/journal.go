package deliver

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/job"
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

// fingerprint is what stands for a seller whose id isn't known: it comes from the refresh token (spapi.Client.Principal).
var fingerprint = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{32}$`) })

// SameSeller refuses a journal that has jobs of the kind and type for what may be the same seller under another authorization, as after authorizing anew
// between two runs: they are not found by this one's, and would be done twice. Where both sellers' ids are known, they tell.
func SameSeller(ctx context.Context, j *journal.File, client *spapi.Client, kind job.Kind, typ string) error {
	if j == nil {
		return nil
	}
	entries, err := j.Entries(ctx)
	if err != nil {
		return err
	}
	_, seller := client.Principal()
	for k := range entries {
		if k.Kind == string(kind) && k.Type == typ && k.Endpoint == client.Endpoint() && k.Sandbox == client.Sandbox() && k.Seller != seller &&
			(fingerprint().MatchString(k.Seller) || fingerprint().MatchString(seller)) {
			return &exit.HintError{
				Err: exit.Usagef("the journal has a %s of type %s that was asked for with another authorization, and nobody can tell whether that is of the same seller",
					kind, typ),
				Hint: "If it is, go on as it was begun, with the same refresh token and the same SPAPI_SELLER_ID or none; or see what became of it: spapi " + string(kind) + " list " + typ +
					"\nIf it isn't, name another journal.",
			}
		}
	}
	return nil
}

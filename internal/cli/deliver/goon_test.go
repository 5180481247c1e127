package deliver

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// A second run on the same journal says what it waits for, and goes on when the first has ended.
func TestOpenJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		f := factory.With(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &told}, "", nil)
		if j, err := OpenJournal(t.Context(), f, ""); j != nil || err != nil {
			t.Errorf("without a name: %v, %v", j, err)
		}
		first, err := OpenJournal(t.Context(), f, path)
		if err != nil {
			t.Fatal(err)
		}
		if told.Len() > 0 {
			t.Errorf("told %q", told.String())
		}
		began := time.Now()
		go func() {
			time.Sleep(time.Hour)
			_ = first.Close()
		}()
		second, err := OpenJournal(t.Context(), f, path)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		waited, want := time.Since(began), "another run has "+path+" open: waiting for it"
		if waited < time.Hour || waited > time.Hour+time.Second || !strings.Contains(told.String(), want) {
			t.Errorf("after %s, told %q", waited, told.String())
		}
	})
}

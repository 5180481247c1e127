package journal_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/journal/journaltest"
)

func TestFile(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) (journal.Journal, func() journal.Journal) {
		path := filepath.Join(t.TempDir(), "journal")
		open := func() *journal.File {
			f, err := journal.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			return f
		}
		first := open()
		return first, func() journal.Journal {
			_ = first.Close()
			return open()
		}
	})
}

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) (journal.Journal, func() journal.Journal) { return journal.NewMemory(), nil })
}

func ExampleOpen() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // how long to wait for another run that has it open
	defer cancel()
	j, err := journal.Open(ctx, filepath.Join(folder, "orders.journal"))
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close() // keeps what it holds, for the next run

	// … reports.Run(ctx, client, request, job.WithJournal(j)), and the rows are where they belong …

	if err := j.Remove(); err != nil { // nothing is left to be taken up
		log.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	fmt.Println(len(left), err)
	// Output: 0 <nil>
}

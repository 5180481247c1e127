package pages

import (
	"encoding/json"
	"hash/maphash"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Twice finds rows that come twice, word for word, on one page or on two that follow each other: what Amazon gives where a list has moved while it was read.
// What has moved the other way is on no page, of which nothing tells but this.
type Twice struct {
	rows         int
	seed         maphash.Seed
	before, page map[uint64]struct{}
}

// Page looks at the rows of the next page.
func (t *Twice) Page(rows []json.RawMessage) {
	if len(rows) == 0 {
		return // the page before it is still the one before
	}
	if t.page == nil {
		t.seed, t.before, t.page = maphash.MakeSeed(), make(map[uint64]struct{}, len(rows)), make(map[uint64]struct{}, len(rows))
	}
	t.before, t.page = t.page, t.before
	clear(t.page)
	for _, row := range rows {
		sum := maphash.Bytes(t.seed, row)
		_, on := t.page[sum]
		_, last := t.before[sum]
		if on || last {
			t.rows++
		}
		t.page[sum] = struct{}{}
	}
}

// Tell tells of them, if there were any.
func (t *Twice) Tell(f *factory.Factory, noun string) {
	if t.rows > 0 {
		f.Notef("%s came twice: the list moved while it was read, and others may be missing", output.Plural(t.rows, noun))
	}
}

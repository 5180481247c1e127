package operations

import (
	_ "embed"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
)

// Kind is what can be taken away besides operations.
type Kind string

// The kinds of removals.csv.
const (
	ReportType       Kind = "report type"
	FeedType         Kind = "feed type"
	NotificationType Kind = "notification type"
)

//go:embed removals.csv
var removalsCSV string

// removals are the days, written as time.DateOnly, from which on things are gone.
var removals = sync.OnceValue(func() map[Kind]map[string]string {
	days := map[Kind]map[string]string{ReportType: {}, FeedType: {}, NotificationType: {}}
	for _, f := range table.Read("removals.csv", removalsCSV) {
		if _, err := time.Parse(time.DateOnly, f[2]); err != nil {
			table.Refuse("removals.csv", err.Error())
		}
		days[Kind(f[0])][f[1]] = f[2]
	}
	return days
})

// Gone tells whether Amazon has taken something away by a time.
func Gone(k Kind, name string, at time.Time) bool { return past(removals()[k][name], at) }

// OperationGone is Gone for an operation. [Removed] are served all the same.
func OperationGone(op *catalog.Operation, at time.Time) bool { return past(op.Removal, at) }

func past(day string, at time.Time) bool {
	return day != "" && at.UTC().Format(time.DateOnly) >= day
}

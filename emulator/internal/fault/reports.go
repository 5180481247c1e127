package fault

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/operations"
)

// ofType tells whether the rule is one for a type of reports that an operation asks for.
func (r *faultRule) ofType(t target, operation, reportType string) bool {
	return r.Kind.target() == t && slices.Contains(asked[t], operation) && (r.Operation == "" || r.Operation == "*" || operations.Matches(r.Operation, operation)) &&
		(r.Type == "" || operations.Matches(r.Type, reportType))
}

// Report finds the rule that strikes a report as it ends; nil for none. age is how old its newest data were when it was asked for; ok tells whether it was
// asked for data of some time.
func (rules *Rules) Report(reportType string, age time.Duration, ok bool) *Fault {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, r := range rules.list {
		if r.ofType(reports, asked[reports][0], reportType) && (r.Kind != Unpublished || ok && age < r.Within) && r.turn(rules) {
			f := r.Fault
			return &f
		}
	}
	return nil
}

// Restated is for how long figures of sales and traffic grow after their day, for who asks for them by an operation, reports by their type; 0 where they don't.
func (rules *Rules) Restated(operation, reportType string) (long time.Duration) {
	rules.mu.Lock()
	defer rules.mu.Unlock()
	for _, r := range rules.list {
		if r.ofType(figures, operation, reportType) {
			long = max(long, r.Within)
		}
	}
	return long
}

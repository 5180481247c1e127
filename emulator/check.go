package emulator

import "github.com/openspapi/spapi/emulator/internal/audit"

// Invariant is something that holds whatever is asked for: that start and movements make the stock that there is, that no two orders have one id.
type Invariant struct {
	Name       string      `json:"name"` // "stock", "ids", "times", "quantities", "refunds", and those of flows
	Counted    int         `json:"counted"`
	Violations []Violation `json:"violations"` // nil: it holds
}

// Violation is where an invariant doesn't hold: a mistake of the emulator's, unless an import was made by hand.
type Violation struct {
	SellerID string `json:"seller_id"`
	Text     string `json:"text"` // with ids, but no personal data
}

// Check looks at all that the sellers have of whom something has been asked, and tells where it doesn't agree. Requests wait meanwhile: with a million
// orders half a minute.
func (e *Emulator) Check() []Invariant {
	var list []Invariant
	for _, r := range audit.Run(e.desk) {
		i := Invariant{Name: r.Name, Counted: r.Counted}
		for _, v := range r.Violations {
			i.Violations = append(i.Violations, Violation(v))
		}
		list = append(list, i)
	}
	return list
}

func controlCheck(e *Emulator, _ *controlCall) (any, error) {
	list, holds := e.Check(), true
	for i := range list {
		if list[i].Violations == nil {
			list[i].Violations = []Violation{}
		} else {
			holds = false
		}
	}
	return object{"holds": holds, "invariants": list}, nil
}

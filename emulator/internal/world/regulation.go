package world

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// regulatedType is the product type of which merchants' orders have to be looked at before they are shipped: blades, of which some
// countries want to know who gets them.
const regulatedType = "SCISSORS"

// Regulation is what a buyer had to tell for an order with regulated goods, and what the merchant made of it.
type Regulation struct {
	Fields   []RegulatedField
	due      time.Time // until when it has to be looked at
	Status   string    // Approved or Rejected; "" while nobody has
	Reason   string    // id of the reason for the rejection
	Reviewer string
	Reviewed time.Time
}

type RegulatedField struct{ ID, Label, Kind, Value string }

// RejectionReasons are the ones that can be given, with their descriptions.
var RejectionReasons = [][2]string{
	{"age_check_underage", "The recipient is not old enough for this product."},
	{"age_check_unreadable", "The document can't be read."},
	{"age_check_mismatch", "The document doesn't belong to the recipient."},
}

func newRegulation(r random.Source, o *Order) *Regulation {
	born := o.Purchased.AddDate(-r.Between(16, 80), 0, -r.IntN(360))
	return &Regulation{
		due: o.Purchased.Add(14 * 24 * time.Hour),
		Fields: []RegulatedField{
			{"age_check_name", "Name of the recipient", "Text", o.To.Name},
			{"age_check_date_of_birth", "Date of birth", "Text", born.Format(time.DateOnly)},
			{"age_check_document", "Proof of age", "FileAttachment", "https://m.media-amazon.com/documents/" + r.Text(random.HexDigits, 24) + ".pdf"},
		},
	}
}

// StatusAt is the verification status: an order that nobody looks at in time expires, and one that is cancelled needs no look any more.
func (g *Regulation) StatusAt(o *Order, t time.Time) string {
	switch {
	case g.Status != "" && !t.Before(g.Reviewed):
		return g.Status
	case o.Status(t) == Canceled:
		return "Cancelled"
	case !t.Before(g.due):
		return "Expired"
	}
	return "Pending"
}

package emulator

import (
	"time"
)

// regulatedType is the product type of which merchants' orders have to be looked at before they are shipped: blades, of which some
// countries want to know who gets them.
const regulatedType = "SCISSORS"

// regulation is what a buyer had to tell for an order with regulated goods, and what the merchant made of it.
type regulation struct {
	fields   []regulatedField
	due      time.Time // until when it has to be looked at
	status   string    // Approved or Rejected; "" while nobody has
	reason   string    // id of the reason for the rejection
	reviewer string
	reviewed time.Time
}

type regulatedField struct{ id, label, kind, value string }

// rejectionReasons are the ones that can be given, with their descriptions.
var rejectionReasons = [][2]string{
	{"age_check_underage", "The recipient is not old enough for this product."},
	{"age_check_unreadable", "The document can't be read."},
	{"age_check_mismatch", "The document doesn't belong to the recipient."},
}

func newRegulation(r random, o *order) *regulation {
	born := o.purchased.AddDate(-r.between(16, 80), 0, -r.IntN(360))
	return &regulation{
		due: o.purchased.Add(14 * 24 * time.Hour),
		fields: []regulatedField{
			{"age_check_name", "Name of the recipient", "Text", o.to.name},
			{"age_check_date_of_birth", "Date of birth", "Text", born.Format(time.DateOnly)},
			{"age_check_document", "Proof of age", "FileAttachment", "https://m.media-amazon.com/documents/" + r.text(hexDigits, 24) + ".pdf"},
		},
	}
}

// statusAt is the verification status: an order that nobody looks at in time expires, and one that is cancelled needs no look any more.
func (g *regulation) statusAt(o *order, t time.Time) string {
	switch {
	case g.status != "" && !t.Before(g.reviewed):
		return g.status
	case o.status(t) == canceled:
		return "Cancelled"
	case !t.Before(g.due):
		return "Expired"
	}
	return "Pending"
}

package notifications

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/marketplace"
)

// FindingKind is a kind of [Finding].
type FindingKind string

// The kinds of findings.
const (
	// FindingDrift is what is there and isn't desired. It stays, unless [PlanOptions].Prune.
	FindingDrift FindingKind = "drift"
	// FindingUnknown is what could not be read, so nothing is done about it.
	FindingUnknown FindingKind = "unknown"
	// FindingBlocked is what is desired and can't be had as things are.
	FindingBlocked FindingKind = "blocked"
	// FindingWarning is what should be known of what is desired.
	FindingWarning FindingKind = "warning"
)

// Finding is something that a plan does nothing about.
type Finding struct {
	Kind    FindingKind        `json:"kind"`
	Region  marketplace.Region `json:"region,omitzero"`
	Type    string             `json:"type,omitzero"` // of notifications; "" for all, or none
	Text    string             `json:"text"`
	Do      string             `json:"do,omitzero"`
	Sellers []string           `json:"sellers,omitzero"` // of whom it holds, in ascending order; none: of the application

	Explanation  *Explanation  `json:"explanation,omitzero"`  // of the error that it comes from
	Destination  *Destination  `json:"destination,omitzero"`  // that has drifted
	Subscription *Subscription `json:"subscription,omitzero"` // that has drifted
}

// String is the finding in a line or a few.
func (f Finding) String() string {
	text := string(f.Kind) + ": " + f.Text
	if f.Region != "" {
		text = fmt.Sprintf("%s (%s): %s", f.Kind, f.Region, f.Text)
	}
	if n := len(f.Sellers); n > 0 && f.Subscription == nil {
		text += ", for " + some(f.Sellers)
	}
	if f.Do != "" {
		text += "; " + f.Do
	}
	return text
}

// some names up to five.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), 5)], ", ")
	if more := len(names) - 5; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// findings collects, and puts into one what holds of several sellers.
type findings []Finding

func (f *findings) add(n Finding) {
	for i := range *f {
		o := &(*f)[i]
		if len(n.Sellers) > 0 && len(o.Sellers) > 0 && n.Subscription == nil && o.Subscription == nil &&
			o.Kind == n.Kind && o.Region == n.Region && o.Type == n.Type && o.Text == n.Text && o.Do == n.Do {
			o.Sellers = append(o.Sellers, n.Sellers...)
			return
		}
	}
	*f = append(*f, n)
}

// unread is what somebody has that could not be read; without a type all of it.
func (f *findings) unread(who party, typ string, err error) {
	e := Explain(err, typ)
	e.RequestID = "" // differs from seller to seller
	n := Finding{Kind: FindingUnknown, Region: who.region, Type: typ, Do: e.Do, Explanation: &e}
	switch {
	case who.seller != "" && typ == "":
		n.Text = "nothing is known of the subscriptions: " + firstLine(e.Means)
	case who.seller != "" || typ != "":
		n.Text = "the subscriptions to " + typ + " could not be read"
		if e.Status != 0 {
			n.Text += fmt.Sprintf(" (%d %s)", e.Status, e.Code)
		}
		n.Text += ": " + firstLine(e.Means)
	default:
		n.Text = "the destinations could not be read: " + firstLine(e.Means)
	}
	if who.seller != "" {
		n.Sellers = []string{who.seller}
	}
	f.add(n)
}

func firstLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSuffix(strings.Join(lines, " "), ".")
}

// sorted are they, in an order that doesn't depend on which call ended first.
func (f findings) sorted() []Finding {
	for i := range f {
		slices.Sort(f[i].Sellers)
	}
	slices.SortStableFunc(f, func(a, b Finding) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(string(a.Region), string(b.Region)), strings.Compare(a.Type, b.Type),
			slices.Compare(a.Sellers, b.Sellers), strings.Compare(a.Text, b.Text), strings.Compare(subscriptionID(a), subscriptionID(b)))
	})
	return f
}

func subscriptionID(f Finding) string {
	if f.Subscription == nil {
		return ""
	}
	return f.Subscription.ID
}

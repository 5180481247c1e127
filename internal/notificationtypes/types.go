// Package notificationtypes is which types of notifications there are and what is known of each, as data that is made from internal/gen/overlay/notifications.csv.
// Package notifications reads it, and so can what must not share code with it.
package notificationtypes

// Type is what is known of one type of notifications in one payload version. Lists are empty, and texts "", where there is none or nothing is known.
type Type struct {
	Name                string
	PayloadVersion      string
	AlsoVersions        []string
	Alias               string
	Status              string
	Since               string
	Removal             string
	ReplacedBy          string
	Parties             []string
	NotificationVersion string
	Casing              string
	Schema              string
	Go                  string
	Wrapper             string
	Destination         string
	Token               string
	DeleteToken         string
	EventFilter         string
	FilterRequires      []string
	FilterMembers       []string
	FilterPaths         []string
	FilterExpression    string
	Trigger             string
	Timing              string
	Key                 []string
	NaturalKey          []string
	Time                string
	Roles               []string
	Personal            string
	Secret              bool
	Confidence          string
	Source              string
	Note                string
}

// All are the types in ascending order of name and payload version. The slice is shared: don't change it.
func All() []Type { return types[:] }

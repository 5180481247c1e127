package notifications

import (
	"slices"
	"sort"

	"github.com/openspapi/spapi/internal/notificationtypes"
)

// Type is what is known of one type of notifications in one payload version. Lists are empty, and texts "", where there is none or nothing is known.
type Type struct {
	Name           string   `json:"name"`                    // "ORDER_CHANGE", as in a subscription
	PayloadVersion string   `json:"payloadVersion,omitzero"` // "1.0", "2020-09-04"; what a subscription names
	AlsoVersions   []string `json:"alsoVersions,omitzero"`   // payload versions of the same payload that Amazon takes and sends, too
	Alias          string   `json:"alias,omitzero"`          // what messages may call it
	// Status is "current", "deprecated", "removed" (no message comes any more), or "documented": Amazon names it and publishes no schema.
	Status              string   `json:"status"`
	Since               string   `json:"since,omitzero"`               // the day on which it was deprecated, YYYY-MM-DD
	Removal             string   `json:"removal,omitzero"`             // the day on which it was or will be removed, YYYY-MM-DD
	ReplacedBy          string   `json:"replacedBy,omitzero"`          // a type's name, with a payload version where it is another one of the same type
	Parties             []string `json:"parties,omitzero"`             // who can have it: "seller", "vendor", "application"
	NotificationVersion string   `json:"notificationVersion,omitzero"` // of the envelope
	Casing              string   `json:"casing,omitzero"`              // of members' names: "pascal" or "camel"
	Schema              string   `json:"schema,omitzero"`              // Amazon's file in schemas/notifications; "own/…" is one of this project
	Go                  string   `json:"go"`                           // the type of its payload in this package
	Wrapper             string   `json:"wrapper,omitzero"`             // the member of the payload that holds all, where there is one
	Destination         string   `json:"destination,omitzero"`         // "sqs", "eventbridge", or "console": a queue that is named in the developer console
	Token               string   `json:"token,omitzero"`               // what subscribing takes: "seller" (a refresh token), "grantless", or "none", as nobody can
	// DeleteToken is "seller" where deleteSubscriptionById is known to want the seller's token, although Amazon's model says grantless.
	DeleteToken string `json:"deleteToken,omitzero"`
	// EventFilter is whether a subscription's processing directive needs an eventFilter: "required", "optional", "none" (it may have none), "unknown".
	EventFilter    string   `json:"eventFilter"`
	FilterRequires []string `json:"filterRequires,omitzero"` // members that an eventFilter must have, beside eventFilterType
	FilterMembers  []string `json:"filterMembers,omitzero"`  // members that it may have, beside eventFilterType
	// FilterPaths are what members of an eventFilter are compared with, one for each of FilterMembers: paths from the payload, or from its wrapper. More than one,
	// with spaces between, tell together which messages are aggregated.
	FilterPaths      []string `json:"filterPaths,omitzero"`
	FilterExpression string   `json:"filterExpression"` // whether a processing directive may have a filterExpression: "yes", "no", "unknown"
	Trigger          string   `json:"trigger,omitzero"` // what must happen
	Timing           string   `json:"timing,omitzero"`  // when it comes: "event" is at once, give or take minutes
	// Key are the values that [Notification.Key] is made of: paths of members' names from the payload, or from its wrapper. The last is the narrowest.
	Key []string `json:"key,omitzero"`
	// NaturalKey are those of [Notification.NaturalKey]; "time" stands for [Notification.Time]. There is one only where the time and the last of Key are told, and,
	// without a time, all that isn't in Key.
	NaturalKey []string `json:"naturalKey,omitzero"`
	Time       string   `json:"time,omitzero"`     // where the payload has the time of [Notification.Time]
	Roles      []string `json:"roles,omitzero"`    // any one of them is enough; that of reports and feeds goes with their type
	Personal   string   `json:"personal,omitzero"` // what may be personal data
	Secret     bool     `json:"secret,omitzero"`   // it holds a secret
	Confidence string   `json:"confidence"`        // how sure this is: of what kind the sources are
	Source     string   `json:"source"`
	Note       string   `json:"note,omitzero"`
}

// Types are all types that Amazon has published, in ascending order of name and payload version. Their lists are shared: don't change them.
func Types() []Type {
	all := notificationtypes.All()
	types := make([]Type, len(all))
	for i, t := range all {
		types[i] = Type(t)
	}
	return types
}

// TypeOf is the type of a name, in its latest payload version.
func TypeOf(name string) (Type, bool) {
	t, _ := find(name, "")
	if t == nil {
		return Type{}, false
	}
	return Type(*t), true
}

// TypeOfVersion is the type of a name that has or takes a payload version.
func TypeOfVersion(name, payloadVersion string) (Type, bool) {
	if t, at := find(name, payloadVersion); at >= 0 {
		return Type(*t), true
	}
	return Type{}, false
}

// find finds a type and how its payload is read: at is -1 where its payload version is unknown, and the latest is found. Without a version it is the latest.
func find(name, version string) (t *notificationtypes.Type, at int) {
	all := notificationtypes.All()
	at = sort.Search(len(all), func(i int) bool { return all[i].Name >= name })
	if at == len(all) || all[at].Name != name {
		at = slices.IndexFunc(all, func(t notificationtypes.Type) bool { return t.Alias == name && name != "" })
		if at < 0 {
			return nil, -1
		}
		name = all[at].Name
	}
	latest := at
	for ; at < len(all) && all[at].Name == name; at++ {
		t, latest = &all[at], at
		// A new secret is one in any version: nobody should get it raw.
		if version == t.PayloadVersion || t.PayloadVersion == "" || t.Secret || slices.Contains(t.AlsoVersions, version) {
			return t, at
		}
	}
	if version == "" {
		return t, latest
	}
	return t, -1
}

package notifications

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/cel"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/notificationtypes"
)

// kind is a type of notifications that can be subscribed to, with all of its payload versions.
type kind struct {
	notificationtypes.Type          // its latest version
	versions               []string // that can be subscribed to, ascending
	roles                  []string // one of them is needed; nil: none, or that of the report or feed
	same                   map[string]string
}

// unknownVersion is the payload version of types of which nobody has published one: assumed.
const unknownVersion = "1.0"

// kinds are the types that can be subscribed to, by name. News about an application's secret can't: they are a preference in the console.
var kinds = sync.OnceValue(func() map[string]*kind {
	all := map[string]*kind{}
	for _, t := range notificationtypes.All() {
		if t.Token == "none" {
			continue
		}
		k := all[t.Name]
		if k == nil {
			k = &kind{same: map[string]string{}}
			all[t.Name] = k
		}
		if t.PayloadVersion == "" {
			t.PayloadVersion = unknownVersion
		}
		k.Type, k.roles = t, nil
		k.versions = append(append(k.versions, t.AlsoVersions...), t.PayloadVersion)
		for _, also := range t.AlsoVersions {
			k.same[also] = t.PayloadVersion
		}
		for _, role := range t.Roles {
			if !strings.HasPrefix(role, "role of the ") {
				k.roles = append(k.roles, role)
			}
		}
	}
	return all
})

// takes tells whether news in a payload version ("" for any) are what a subscription to another one gets.
func (k *kind) takes(subscribed, version string) bool {
	if other, ok := k.same[subscribed]; ok {
		subscribed = other
	}
	if other, ok := k.same[version]; ok {
		version = other
	}
	return version == "" || version == subscribed
}

// notificationType finds the type of a path.
func notificationType(c *desk.Call, name string) (*kind, *answer.Error) {
	k := kinds()[name]
	if k == nil || c.Desk.Gone(operations.NotificationType, name, c.Now) {
		return nil, answer.Invalid("Invalid value "+name+" for path parameter notificationType", "") // selling-partner-api-models#3924
	}
	return k, nil
}

// checkVersion refuses a payload version that a type doesn't have, or has no more. The wording is assumed.
func checkVersion(c *desk.Call, k *kind, version string) *answer.Error {
	var left []string
	for _, v := range k.versions {
		if !c.Desk.Gone(operations.NotificationType, k.Name+" "+v, c.Now) {
			left = append(left, v)
		}
	}
	if slices.Contains(left, version) {
		return nil
	}
	want := "; want " + strings.Join(left, " or ")
	return errNotification("Payload version " + version + " is not supported for notification type " + k.Name + want).
		Because(`payloadVersion: is "` + version + `"` + want)
}

// checkDirective checks a processing directive against what its type takes.
func checkDirective(k *kind, directive map[string]any) *answer.Error {
	if directive == nil && k.EventFilter != "required" {
		return nil
	}
	filter, hasFilter := directive["eventFilter"].(map[string]any)
	expression, hasExpression := directive["filterExpression"].(string)
	switch {
	case !hasFilter && !hasExpression:
		// jlevers/selling-partner-api#885; that ORDER_CHANGE needs one: abuzuhri/Amazon-SP-API-CSharp#621
		return errNotification("Processing Directive eventFilter must not be empty").
			Because("processingDirective: has neither eventFilter nor filterExpression")
	case hasFilter && hasExpression:
		return errNotification("eventFilter and filterExpression are mutually exclusive") // the model's note; the wording is assumed
	case hasExpression:
		return checkExpression(k, expression)
	}
	if reason := unfit(k, filter); reason != "" {
		text, _ := json.Marshal(filter)
		return errNotification("EventFilter Payload " + string(text) + " failed to validate for notification type " + k.Name).
			Because("processingDirective.eventFilter" + reason)
	}
	return nil
}

// unfit tells what keeps an event filter from being one of a type; "" if nothing does.
func unfit(k *kind, filter map[string]any) string {
	switch {
	case k.EventFilter != "required" && k.EventFilter != "optional":
		return ": " + k.Name + " takes none"
	case filter["eventFilterType"] != k.Name:
		return ".eventFilterType: want " + k.Name
	}
	for _, name := range k.FilterRequires { // marketplaceIds alone are refused for ORDER_CHANGE: selling-partner-api-models#4135
		if list, isList := filter[name].([]any); filter[name] == nil || isList && len(list) == 0 {
			return "." + name + ": " + k.Name + " wants it"
		}
	}
	for name, v := range filter {
		if name != "eventFilterType" && v != nil && !slices.Contains(k.FilterMembers, name) {
			return "." + name + ": " + k.Name + " takes " + strings.Join(k.FilterMembers, ", ")
		}
	}
	if identifier, ok := filter["trackingIdentifier"].(map[string]any); ok && len(identifier) != 1 { // the model's note
		return ".trackingIdentifier: want exactly one identifier"
	}
	return ""
}

// checkExpression refuses an expression that is none, or on a type that takes none. That Amazon refuses, and its wordings, are assumed. Which members there
// are isn't looked at: of an expression about others no message ever comes.
func checkExpression(k *kind, expression string) *answer.Error {
	if k.FilterExpression == "no" { // developer-docs.amazon.com/sp-api/docs/filter-notification-subscriptions
		return errNotification("filterExpression is not supported for notification type " + k.Name)
	}
	if _, err := cel.Compile(expression); err != nil {
		return errNotification("filterExpression is not valid: " + err.Error()).Because("processingDirective.filterExpression: " + err.Error())
	}
	return nil
}

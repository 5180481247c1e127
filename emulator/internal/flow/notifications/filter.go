package notifications

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/cel"
	"github.com/openspapi/spapi/emulator/internal/desk"
)

// made is the news with its payload.
func (e *event) made() desk.News {
	if e.Payload == nil && e.Make != nil {
		e.Payload = e.Make()
	}
	return e.News
}

// payload is the payload as it stands in the message, as JSON is read.
func (e *event) payload() object {
	if e.decoded == nil {
		rep := answer.Reply{Body: e.made().Payload}
		body, _ := rep.Encode()
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&e.decoded); err != nil {
			e.decoded = object{}
		}
	}
	return e.decoded
}

// at follows a path from the payload's wrapper.
func (e *event) at(k *kind, path string) any {
	v := any(e.payload())
	if k.Wrapper != "" {
		path = k.Wrapper + "." + path
	}
	for name := range strings.SplitSeq(path, ".") {
		switch m := v.(type) {
		case object:
			v = m[name]
		case map[string]any:
			v = m[name]
		default:
			return nil
		}
	}
	return v
}

// refuses tells why the subscription's processing directive doesn't let news through; "" if it does.
func (s *Subscription) refuses(e *event) string {
	if expression, ok := s.Directive["filterExpression"].(string); ok {
		return s.refusesExpression(expression, e)
	}
	k := kinds()[s.Kind]
	filter, _ := s.Directive["eventFilter"].(map[string]any)
	for i, name := range k.FilterMembers {
		switch wants := filter[name].(type) {
		case []any: // of an empty list, as of none, all get through
			if v := e.at(k, k.FilterPaths[i]); len(wants) > 0 && !slices.Contains(wants, v) {
				return fmt.Sprintf("%s: %v is none of %v", name, v, wants)
			}
		case map[string]any:
			if name == "trackingIdentifier" && !sameIdentifier(wants, e.at(k, k.FilterPaths[i])) {
				return name + ": it is another one"
			}
		}
	}
	return ""
}

// sameIdentifier tells whether a shipment has what a filter names, which needn't be all of it: a carrier may be left out. Case doesn't matter.
func sameIdentifier(wants map[string]any, has any) bool {
	identifier, _ := has.(map[string]any)
	for name, v := range wants {
		if inner, ok := v.(map[string]any); ok {
			if !sameIdentifier(inner, identifier[name]) {
				return false
			}
		} else if !strings.EqualFold(fmt.Sprint(identifier[name]), fmt.Sprint(v)) {
			return false
		}
	}
	return true
}

// refusesExpression lets through what the expression is true of; an error, such as a member that isn't there, is as good as false.
func (s *Subscription) refusesExpression(expression string, e *event) string {
	if s.program == nil {
		program, err := cel.Compile(expression)
		if err != nil {
			return "filterExpression: " + err.Error()
		}
		s.program = program
	}
	is, err := s.program.Eval(e.payload())
	switch {
	case err != nil:
		return "filterExpression: " + err.Error()
	case !is:
		return "filterExpression: is false"
	}
	return ""
}

// aggregation has the periods of aggregationSettings.
var aggregation = map[string]time.Duration{"FiveMinutes": 5 * time.Minute, "TenMinutes": 10 * time.Minute}

// period is how long the subscription's messages of one kind are held together; 0 if they aren't, or can't be: an import may have said anything.
func (s *Subscription) period() time.Duration {
	if !slices.Contains(kinds()[s.Kind].FilterMembers, "aggregationSettings") {
		return 0
	}
	filter, _ := s.Directive["eventFilter"].(map[string]any)
	settings, _ := filter["aggregationSettings"].(map[string]any)
	name, _ := settings["aggregationTimePeriod"].(string)
	return aggregation[name]
}

// key is what news that are aggregated have in common: seller, marketplace and ASIN.
func (s *Subscription) key(e *event) string {
	k := kinds()[s.Kind]
	parts := []string{e.Seller.Account.Seller.ID}
	for path := range strings.FieldsSeq(k.FilterPaths[slices.Index(k.FilterMembers, "aggregationSettings")]) {
		parts = append(parts, fmt.Sprint(e.at(k, path)))
	}
	return strings.Join(parts, " ")
}

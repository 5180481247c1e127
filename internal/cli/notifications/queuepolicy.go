package notifications

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openspapi/spapi/notifications"
)

// sender is who writes to a queue, as a policy names it.
type sender struct{ account, service string }

var (
	spAPI       = sender{account: notifications.Account}
	eventBridge = sender{service: "events.amazonaws.com"} // the target of a rule
)

func (s sender) String() string {
	if s.service != "" {
		return s.service
	}
	return "Amazon's account " + s.account
}

// texts is a text or a list of them, as AWS has it in policies.
type texts []string

// UnmarshalJSON reads both.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// queueStatement is a statement of a queue's policy.
type queueStatement struct {
	Effect       string          `json:"Effect"`
	Principal    json.RawMessage `json:"Principal"`
	NotPrincipal json.RawMessage `json:"NotPrincipal"`
	Action       texts           `json:"Action"`
	NotAction    texts           `json:"NotAction"`
	Resource     texts           `json:"Resource"`
	NotResource  texts           `json:"NotResource"`
	Condition    json.RawMessage `json:"Condition"`
}

// under is the condition under which the statement is about Amazon's calls; "" for none. holds is false where it never is. Amazon calls by TLS, so that it is
// known of aws:SecureTransport, which most policies with a condition name.
func (s *queueStatement) under() (condition string, holds bool) {
	var by map[string]map[string]any
	if json.Unmarshal(s.Condition, &by) != nil {
		return string(s.Condition), true
	}
	for operator, keys := range by {
		for key, want := range keys {
			if !strings.EqualFold(key, "aws:SecureTransport") || !strings.EqualFold(operator, "Bool") && !strings.EqualFold(operator, "BoolIfExists") {
				condition = string(s.Condition)
			} else if !strings.Contains(strings.ToLower(fmt.Sprint(want)), "true") {
				return "", false
			}
		}
	}
	return condition, true
}

// names tells whether the statement's principal is a sender, or anybody.
func (s *queueStatement) names(who sender) bool {
	var text string
	if json.Unmarshal(s.Principal, &text) == nil {
		return text == "*"
	}
	var by struct {
		AWS     texts `json:"AWS"`
		Service texts `json:"Service"`
	}
	if json.Unmarshal(s.Principal, &by) != nil {
		return false
	}
	if who.service != "" {
		return slices.Contains(by.Service, who.service) || slices.Contains(by.AWS, "*")
	}
	return slices.ContainsFunc(by.AWS, func(p string) bool { return p == "*" || p == who.account || p == "arn:aws:iam::"+who.account+":root" })
}

// has tells whether one of the patterns fits, in which * and ? stand for anything.
func has(patterns texts, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		// A slash ends nothing in AWS's patterns, and brackets mean nothing.
		clean := strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
		ok, err := path.Match(clean.Replace(strings.ToLower(p)), strings.ReplaceAll(strings.ToLower(text), "/", "\x00"))
		return ok && err == nil
	})
}

// judged is what a policy says of one action of a sender.
type judged struct {
	allowed   bool
	condition string // under which it is allowed or denied; "" for none
	denied    bool
	why       string // if it isn't allowed: what is nearest to it, and what it lacks
}

// judge tells whether a queue's policy lets a sender take an action. What it can't tell for sure, conditions, it names.
func judge(policy, arn, action string, who sender) (judged, error) {
	var p struct {
		Statement json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return judged{}, fmt.Errorf("the policy can't be read: %w", err)
	}
	var list []queueStatement
	if err := json.Unmarshal(p.Statement, &list); err != nil {
		var one queueStatement
		if err := json.Unmarshal(p.Statement, &one); err != nil {
			return judged{}, fmt.Errorf("the policy's statements can't be read: %w", err)
		}
		list = []queueStatement{one}
	}
	free := false // a statement allows it under no condition
	j := judged{why: "no statement of its policy names " + who.String()}
	for i := range list {
		s := &list[i]
		acts := s.NotAction == nil && has(s.Action, action) || s.NotAction != nil && !has(s.NotAction, action)
		lies := s.NotResource == nil && has(s.Resource, arn) || s.NotResource != nil && !has(s.NotResource, arn)
		named := s.NotPrincipal == nil && s.names(who) || s.NotPrincipal != nil && !(&queueStatement{Principal: s.NotPrincipal}).names(who)
		condition, holds := s.under()
		switch {
		case !holds:
		case strings.EqualFold(s.Effect, "Deny"):
			if acts && lies && named && condition == "" {
				j.denied, j.why = true, fmt.Sprintf("statement %d of its policy denies %s", i+1, action)
				return j, nil
			}
			if acts && lies && named {
				j.condition = fmt.Sprintf("statement %d denies it under a condition: %s", i+1, condition)
			}
		case !named:
		case !acts:
			j.why = fmt.Sprintf("statement %d of its policy names %s, but not %s", i+1, who, action)
		case !lies:
			j.why = fmt.Sprintf("statement %d of its policy allows it for %s, which isn't this queue", i+1, strings.Join(s.Resource, ", "))
		case condition != "":
			j.allowed = true
			if j.condition == "" && !free {
				j.condition = fmt.Sprintf("statement %d allows it under a condition: %s", i+1, condition)
			}
		default:
			j.allowed, free = true, true
			if strings.HasPrefix(j.condition, "statement") && strings.Contains(j.condition, " allows ") {
				j.condition = ""
			}
		}
	}
	return j, nil
}

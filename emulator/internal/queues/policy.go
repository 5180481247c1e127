package queues

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Principal is who sends to a queue from outside: an AWS account as a whole, or a service of AWS.
type Principal struct {
	Account string // "437568002678"
	Service string // "events.amazonaws.com"
}

func (p Principal) arn() string { return "arn:aws:iam::" + p.Account + ":root" }

// String is how the principal is called in texts.
func (p Principal) String() string {
	if p.Service != "" {
		return p.Service
	}
	return p.arn()
}

// id is what SenderId tells of the principal.
func (p Principal) id() string {
	if p.Service != "" {
		return p.Service
	}
	return p.Account
}

// policy is one that lets the principal send to a queue.
func (p Principal) policy(arn string) string {
	principal := map[string]string{"AWS": p.arn()}
	if p.Service != "" {
		principal = map[string]string{"Service": p.Service}
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "emulator", "Effect": "Allow", "Principal": principal, "Action": []string{"sqs:SendMessage", "sqs:GetQueueAttributes"}, "Resource": arn}}})
	if err != nil {
		panic("emulator: policy: " + err.Error()) // of texts
	}
	return string(text)
}

// policy is the access policy of a queue: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type policy struct{ Statement statements }

type statement struct {
	Sid          string
	Effect       string
	Principal    principals
	NotPrincipal json.RawMessage
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Condition    map[string]map[string]texts
}

// statements may be one without a list around it.
type statements []statement

func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		*s = make(statements, 1)
		return json.Unmarshal(b, &(*s)[0])
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

// texts may be one without a list around it; numbers and booleans count as texts.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var list []any
	if len(b) == 0 || b[0] != '[' {
		list = make([]any, 1)
		if err := json.Unmarshal(b, &list[0]); err != nil {
			return err
		}
	} else if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, v := range list {
		*t = append(*t, fmt.Sprint(v))
	}
	return nil
}

// principals are by kind: "AWS", "Service". A text stands for all when it is an asterisk.
type principals map[string]texts

func (p *principals) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*p = principals{"*": {text}}
		return nil
	}
	return json.Unmarshal(b, (*map[string]texts)(p))
}

func parsePolicy(text string) (*policy, error) {
	p := new(policy)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, errors.New("want a policy as JSON, with Version and Statement")
	}
	if len(p.Statement) == 0 {
		return nil, errors.New("the policy has no Statement")
	}
	for i, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return nil, fmt.Errorf("its statement %d has the Effect %q, want Allow or Deny", i+1, s.Effect)
		}
	}
	return p, nil
}

// admits tells why a queue takes no message of a principal; "" if it does.
func (q *queue) admits(p Principal) string {
	if key := q.attributes["KmsMasterKeyId"]; key == "alias/aws/sqs" || strings.HasSuffix(key, ":alias/aws/sqs") {
		return "key: the queue is encrypted with AWS's own key (KmsMasterKeyId " + key + "), which nobody else can be let use"
	}
	return q.allows(p, "sqs:SendMessage")
}

// allows tells why the queue's policy doesn't let a principal do something; "" if it does.
func (q *queue) allows(p Principal, action string) string {
	text := q.attributes["Policy"]
	if text == "" {
		return "policy: the queue has none, so that nobody else may do " + action
	}
	parsed, err := parsePolicy(text)
	if err != nil {
		return "policy: " + err.Error()
	}
	allowed, notes := false, []string{}
	for i, s := range parsed.Statement {
		label := s.Sid
		if label == "" {
			label = fmt.Sprint(i)
		}
		fits, why := s.fits(p, action, q.name.ARN())
		switch {
		case fits && s.Effect == "Deny":
			if why != "" {
				why = ", " + why
			}
			return fmt.Sprintf("policy: statement %s denies it%s", label, why)
		case s.Effect == "Deny":
		case fits && why == "":
			allowed = true
		default:
			notes = append(notes, "statement "+label+": "+why)
		}
	}
	if allowed {
		return ""
	}
	return fmt.Sprintf("policy: nothing in it lets %s do %s (%s)", p, action, strings.Join(notes, "; "))
}

// fits tells whether a statement is about a principal, an action and a resource. why says what keeps it from being about them, or, where it fits, what
// can't be decided here: such a statement denies, but doesn't allow.
func (s *statement) fits(p Principal, action, resource string) (fits bool, why string) {
	var open []string
	if s.NotPrincipal != nil {
		open = append(open, "NotPrincipal can't be decided by the emulator")
	} else if !s.Principal.has(p) {
		return false, "its principal is another"
	}
	if s.NotAction != nil {
		if s.NotAction.match(action, true) {
			return false, "its action is another"
		}
	} else if !s.Action.match(action, true) {
		return false, "its action is another"
	}
	if s.NotResource != nil {
		if s.NotResource.match(resource, false) {
			return false, "its resource is another"
		}
	} else if !s.Resource.match(resource, false) {
		return false, "its resource is another"
	}
	for _, operator := range sortedKeys(s.Condition) {
		for _, key := range sortedKeys(s.Condition[operator]) {
			// Amazon calls by TLS: a statement that denies other calls is in many policies.
			if strings.EqualFold(key, "aws:SecureTransport") && strings.EqualFold(operator, "Bool") {
				if !s.Condition[operator][key].match("true", true) {
					return false, "its condition is that the call doesn't come by TLS"
				}
				continue
			}
			open = append(open, "its condition "+operator+" "+key+" can't be decided by the emulator")
		}
	}
	return true, strings.Join(open, ", ")
}

func (p principals) has(who Principal) bool {
	for kind, list := range p {
		for _, text := range list {
			switch {
			case text == "*" && (kind == "*" || kind == "AWS" && who.Service == "" || kind == "Service" && who.Service != ""):
				return true
			case kind == "Service" && who.Service != "" && text == who.Service:
				return true
			case kind == "AWS" && who.Service == "" && (text == who.Account || text == who.arn()):
				return true
			}
		}
	}
	return false
}

// match tells whether one of several patterns, with asterisks and question marks, is about a text.
func (t texts) match(text string, anyCase bool) bool {
	for _, pattern := range t {
		if anyCase {
			pattern, text = strings.ToLower(pattern), strings.ToLower(text)
		}
		// No name of AWS has a slash that a pattern's asterisk should stop at, nor brackets.
		escaped := strings.NewReplacer(`[`, `\[`, `\`, `\\`).Replace(strings.ReplaceAll(pattern, "/", ":"))
		if ok, err := path.Match(escaped, strings.ReplaceAll(text, "/", ":")); err == nil && ok {
			return true
		}
	}
	return false
}

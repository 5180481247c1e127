package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/openspapi/spapi"
)

// Scope is what a key opens. Its zero value opens nothing; with accounts and operations it opens reads without personal data.
type Scope struct {
	// Accounts are names of accounts, "*" stands for any text: "shop-de", "de-*", "*". Operations that act for the application as a whole, such as those
	// on destinations of notifications, need "*" itself.
	Accounts []string `json:"accounts"`
	// Operations are IDs, "*" stands for any text: "ordersv0.getOrders", "orders*", "*". Paths that no model has need "*" itself and PersonalData;
	// they count as writes unless they are called by GET or HEAD.
	Operations []string `json:"operations"`
	// Write opens operations that change something, too. Requests for reports and exports count as reads, as do estimates and searches by POST.
	Write bool `json:"write,omitzero"`
	// PersonalData opens what shows buyers' names and addresses, too: restricted data tokens, and operations that show them without.
	PersonalData bool `json:"personal_data,omitzero"`
}

// CodeKeyInvalid is of a key, scope or block that cannot work.
const CodeKeyInvalid spapi.ConfigCode = "gateway_key_invalid"

// Check finds what is wrong with a scope: no account or operation, or a pattern that no operation has. The error is a *[spapi.ConfigError].
func (s *Scope) Check() error {
	if len(s.Accounts) == 0 {
		return invalid("accounts", "", `is missing: want names of accounts, such as "shop-de", "de-*", or "*" for all`)
	}
	if len(s.Operations) == 0 {
		return invalid("operations", "", `is missing: want IDs of operations, such as "ordersv0.getOrders", "orders*", or "*" for all`)
	}
	for _, a := range s.Accounts {
		if want := badText(a, 128); want != "" {
			return invalid("account", a, want)
		}
	}
	for _, pattern := range s.Operations {
		if want := badText(pattern, 128); want != "" {
			return invalid("operation", pattern, want)
		}
		if pattern != "*" && !slices.ContainsFunc(operationIDs(), func(id string) bool { return matches(pattern, id) }) {
			return &spapi.ConfigError{Code: spapi.CodeOperationUnknown, Field: "operation", Value: pattern, Want: noOperation(pattern)}
		}
	}
	return nil
}

func invalid(field, value, want string) error {
	return &spapi.ConfigError{Code: CodeKeyInvalid, Field: field, Value: value, Want: want}
}

// badText says what a text of people's choice must not be; "" if it is right.
func badText(text string, most int) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is empty"
	case len(text) > most:
		return fmt.Sprintf("has %d bytes: want at most %d", len(text), most)
	case strings.TrimSpace(text) != text:
		return "has spaces around it: want it without"
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "has a control character: want it without"
	}
	return ""
}

func operationIDs() []string {
	all := spapi.Operations()
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids
}

// noOperation tells of a pattern that no operation has which ones are near.
func noOperation(pattern string) string {
	near := nearOperations(pattern, 5)
	if len(near) == 0 {
		return `no operation has such an ID; "spapi ops" lists them`
	}
	return "no operation has such an ID; near are " + strings.Join(near, ", ")
}

// nearOperations are the operations whose names share most with a pattern.
func nearOperations(pattern string, most int) []string {
	word := strings.ToLower(strings.ReplaceAll(pattern, "*", ""))
	_, name, _ := strings.Cut(word, ".")
	name = cmp.Or(name, word)
	type near struct {
		id    string
		share int
	}
	var found []near
	for _, id := range operationIDs() {
		low := strings.ToLower(id)
		_, op, _ := strings.Cut(low, ".")
		share := max(common(low, word), common(op, name))
		if name != "" && strings.Contains(low, name) {
			share += 2 * len(name)
		}
		if share >= 3 {
			found = append(found, near{id, share})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return b.share - a.share })
	var ids []string
	for _, f := range found[:min(len(found), most)] {
		ids = append(ids, f.id)
	}
	return ids
}

// common is the length of the beginning that two texts share.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// matches reports whether a pattern, in which "*" stands for any text, is that of a name. Its time is that of their product at worst, whatever the pattern.
func matches(pattern, name string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}

func anyMatches(patterns []string, name string) bool {
	for _, p := range patterns {
		if matches(p, name) {
			return true
		}
	}
	return false
}

// account reports whether the scope has the account of that name.
func (s *Scope) account(name string) bool { return anyMatches(s.Accounts, name) }

// allows tells what the scope lacks for an operation on an account; nil if nothing. personal is whether the answer may show personal data.
func (s *Scope) allows(account string, op *spapi.Operation, method string, personal bool) *refusal {
	if !s.account(account) {
		return noAccount(account)
	}
	what := op.ID
	if op.ID == "" {
		what = "paths that no model has"
		if !slices.Contains(s.Operations, "*") {
			return lacks(what, "", "--operation '*'")
		}
	} else if !anyMatches(s.Operations, op.ID) {
		return lacks(what, "", "--operation "+op.ID)
	}
	if op.Grantless != "" && !slices.Contains(s.Accounts, "*") {
		return lacks(what, "it acts for the application, and so for all its accounts", "--account '*'")
	}
	if writes(op, method) && !s.Write {
		return lacks(what, "it changes something", "--write")
	}
	if personal && !s.PersonalData {
		return lacks(what, "its answer may show buyers' names or addresses", "--personal-data")
	}
	return nil
}

// lacks refuses what a scope doesn't open, with the member that it would need and the flag that gives it.
func lacks(what, reason, flag string) *refusal {
	if reason != "" {
		reason = ": " + reason
	}
	return denied("scope", "the scope of this key does not open "+what+reason+`. Whoever runs the gateway makes a key that does: "spapi gateway key create `+flag+` …".`)
}

// denied is what Amazon answers to who may not.
func denied(why, details string) *refusal {
	return &refusal{Status: http.StatusForbidden, Code: "Unauthorized", Message: "Access to requested resource is denied.", Details: details, why: why}
}

// noAccount refuses an account that the scope doesn't have, or that there isn't: nobody learns which.
func noAccount(name string) *refusal {
	if name == "" {
		return denied("account", "the request names no account, and neither does its key: say which in the header X-Spapi-Account.")
	}
	return denied("account", "there is no account "+strconv.QuoteToASCII(cut(name, 128))+" that this key opens.")
}

// cut bounds a text that came from outside.
func cut(text string, most int) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// authorize refuses what the caller's scope doesn't open, and what is blocked.
func (x *exchange) authorize() *refusal {
	op, account := &x.op, x.caller.account
	x.record.Caller, x.record.Account, x.record.Write = x.caller.name(), account, writes(op, x.r.Method)
	if x.caller.key != nil {
		x.record.Key = x.caller.key.ID
	}
	if no := x.g.blocked(&x.caller, account); no != nil {
		return no
	}
	if why := never(op, x.r.URL.EscapedPath()); why != "" {
		return denied("scope", "no key opens this: "+why+".")
	}
	personal := x.caller.token != "" || allPersonal(op)
	if no := x.caller.scope.allows(account, op, x.r.Method, personal); no != nil {
		return no
	}
	return x.enter()
}

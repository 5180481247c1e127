package gateway

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// Every operation was judged: a new one must be. What the SDK takes for a read isn't one here by accident, and the other way round.
func TestEveryOperationIsJudged(t *testing.T) {
	rows := judgements()
	known := map[string]bool{}
	var ids []string
	for _, op := range spapi.Operations() {
		known[op.ID] = true
		ids = append(ids, op.ID)
		j, ok := rows[op.ID]
		if !ok {
			t.Errorf("%s (%s) is not in operations.csv: say whether it reads or writes", op.ID, op.Method)
			continue
		}
		get := op.Method == http.MethodGet
		switch {
		case j.access != accessRead && j.access != accessWrite && j.access != accessNever:
			t.Errorf("%s: access %q, want read, write or never", op.ID, j.access)
		case j.access == accessNever && j.why == "", j.access == accessRead && !get && j.why == "", j.access == accessWrite && get && j.why == "":
			t.Errorf("%s: why is a %s %s?", op.ID, op.Method, j.access)
		case j.access == accessWrite && op.ReadOnly():
			t.Errorf("%s: the SDK takes it for a read", op.ID)
		}
	}
	for name, j := range rows {
		if path := strings.HasPrefix(name, "/"); !known[name] && (!path || j.access != accessNever || name != strings.ToLower(name)) {
			t.Errorf("%s: there is no such operation", name)
		}
	}
	var order []string
	for line := range strings.Lines(judged) {
		order = append(order, line[:strings.IndexByte(line, ',')])
	}
	if !slices.Equal(order[1:1+len(ids)], ids) {
		t.Error("operations.csv is not in order of ID")
	}
}

// pathOf fills a template.
func pathOf(op *spapi.Operation) string {
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(op.Path, "x")
}

// Each operation with each kind of scope, through the whole gateway: what is out of scope never reaches Amazon, what is in it does.
func TestEveryOperationAndScope(t *testing.T) {
	state := new(keptInMemory)
	scopes := []struct {
		name  string
		scope Scope
	}{
		{"reads", Scope{Accounts: []string{"*"}, Operations: []string{"*"}}},
		{"reads of one account", Scope{Accounts: []string{"de-1"}, Operations: []string{"*"}}},
		{"reads by pattern", Scope{Accounts: []string{"de-*"}, Operations: []string{"*.*"}}},
		{"writes", Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true}},
		{"personal data", Scope{Accounts: []string{"*"}, Operations: []string{"*"}, PersonalData: true}},
		{"all", wholeScope},
		{"all of one account", Scope{Accounts: []string{"de-1"}, Operations: []string{"*"}, Write: true, PersonalData: true}},
		{"another account", Scope{Accounts: []string{"us-*"}, Operations: []string{"*"}, Write: true, PersonalData: true}},
		{"a longer name", Scope{Accounts: []string{"de-11"}, Operations: []string{"*"}, Write: true, PersonalData: true}},
		{"other operations", Scope{Accounts: []string{"*"}, Operations: []string{"sellersv1.getMarketplaceParticipations", "catalog*"}, Write: true, PersonalData: true}},
		{"none", Scope{}},
	}
	secrets := make([]string, len(scopes))
	for i, s := range scopes {
		k := Key{Name: "caller", Scope: s.scope}
		if s.name == "none" {
			k.Scope = wholeScope
		}
		k, secrets[i] = state.make(t, k)
		if s.name == "none" {
			state.alter(t, k.ID, func(k *Key) { k.Scope = Scope{} })
		}
	}
	g, wire := keyGateway(t, state, nil)
	wire.before = func(r *http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/restrictedDataToken") {
			wire.take() // the client's own, or asked for: the test looks at statuses of those
		}
		return nil
	}
	opened, refused := 0, 0
	for _, op := range spapi.Operations() {
		for i, s := range scopes {
			access := judgements()[op.ID].access
			personal := op.Restricted == spapi.RestrictedAlways || op.ID == createTokenOperation || personalIn(&op).whole
			may := access != accessNever && s.scope.account("de-1") && anyMatches(s.scope.Operations, op.ID) &&
				(access == accessRead || s.scope.Write) && (!personal || s.scope.PersonalData) &&
				(op.Grantless == "" || slices.Contains(s.scope.Accounts, "*"))
			w := askAs(g, op.Method, pathOf(&op), secrets[i])
			sent := wire.take()
			if op.ID == createTokenOperation || op.Restricted == spapi.RestrictedReport { // may ask for more, or for something else first
				if may {
					sent = nil
				}
				if w.Code == http.StatusForbidden != may {
					continue
				}
			}
			if may && w.Code == http.StatusForbidden || !may && (len(sent) > 0 || w.Code != http.StatusForbidden) || may && !slices.Equal(sent, []string{op.Method + " " + pathOf(&op)}) {
				t.Errorf("%s with %q: %d, sent %s, want allowed %v", op.ID, s.name, w.Code, sent, may)
			}
			if may {
				opened++
			} else {
				refused++
				for _, name := range []string{"de-2", "us-1"} {
					if d := detailsOf(t, w); strings.Contains(d, name) && !s.scope.account(name) {
						t.Errorf("%s with %q tells of another account: %s", op.ID, s.name, d)
					}
				}
			}
		}
	}
	t.Logf("%d opened, %d refused", opened, refused)
	if opened < 1000 || refused < 1000 {
		t.Errorf("%d opened, %d refused: too few of one kind", opened, refused)
	}
}

// What no model has is opened by "*" itself and personal data only, writes unless it is read, and some of it by nothing.
func TestUnknownPaths(t *testing.T) {
	state := new(keptInMemory)
	key := func(s Scope) string {
		_, secret := state.make(t, Key{Name: "caller", Scope: s})
		return secret
	}
	all, reads, pattern, plain := key(wholeScope), key(Scope{Accounts: []string{"*"}, Operations: []string{"*"}, PersonalData: true}),
		key(Scope{Accounts: []string{"*"}, Operations: []string{"*.*", "o*"}, Write: true, PersonalData: true}), key(Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true})
	g, wire := keyGateway(t, state, nil)
	for _, c := range []struct {
		method, path, key string
		may               bool
	}{
		{"GET", "/new/2030-01-01/things", all, true},
		{"POST", "/new/2030-01-01/things", all, true},
		{"GET", "/new/2030-01-01/things", reads, true},
		{"HEAD", "/new/2030-01-01/things", reads, true},
		{"POST", "/new/2030-01-01/things", reads, false},
		{"PURGE", "/new/2030-01-01/things", reads, false},
		{"OPTIONS", "/new/2030-01-01/things", reads, false},
		{"GET", "/new/2030-01-01/things", pattern, false},
		{"GET", "/new/2030-01-01/things", plain, false},
		{"DELETE", readPath, reads, false}, // a method that no model has
		{"GET", "/authorization/v1/authorizationCode", all, false},
		{"GET", "/_emulator", all, false},
		{"POST", "/%5Femulator/reset", all, false},
		{"GET", "/Authorization/v1/authorizationCode", all, false},
		{"GET", "/%61uthorization/v1/authorizationCode", all, false},
		{"POST", "/applications/2030-01-01/clientSecret", all, false},
		{"POST", "/tokens/2030-01-01/restrictedDataToken", all, false},
		{"POST", "/applications/2023-11-30/clientSecret", all, false},
	} {
		w := askAs(g, c.method, c.path, c.key)
		sent := wire.take()
		if c.may != (len(sent) == 1) || c.may != (w.Code == 200) {
			t.Errorf("%s %s: %d, sent %s, want allowed %v", c.method, c.path, w.Code, sent, c.may)
		}
	}
}

// A refusal says what is missing and how to get it.
func TestRefusalsExplain(t *testing.T) {
	reads := Scope{Accounts: []string{"de-*"}, Operations: []string{"orders*", "reports*", "notifications*", "tokens*"}}
	for _, c := range []struct {
		op, account string
		want        string
	}{
		{"ordersv0.confirmShipment", "de-1", "--write"},
		{"ordersv0.getOrderRegulatedInfo", "de-1", "--personal-data"},
		{"tokens20210301.createRestrictedDataToken", "de-1", "--personal-data"},
		{"sellersv1.getMarketplaceParticipations", "de-1", "--operation sellersv1.getMarketplaceParticipations"},
		{"notificationsv1.getDestinations", "de-1", "--account '*'"},
		{"ordersv0.getOrders", "us-1", `no account "us-1"`},
		{"ordersv0.getOrders", "there is none", `no account "there is none"`},
		{"ordersv0.getOrders", "", "X-Spapi-Account"},
		{"ordersv0.getOrders", "a\n\"\u202e", `"a\n\"\u202e"`},
	} {
		op, ok := spapi.LookupOperation(c.op)
		if !ok {
			t.Fatal(c.op)
		}
		no := reads.allows(c.account, &op, op.Method, op.Restricted == spapi.RestrictedAlways || op.ID == createTokenOperation)
		if no == nil || no.Status != 403 || !strings.Contains(no.Details, c.want) || strings.Contains(no.Details, "de-") {
			t.Errorf("%s for %q: %+v, want %q", c.op, c.account, no, c.want)
		}
	}
}

func FuzzMatches(f *testing.F) {
	for _, seed := range [][2]string{{"*", "a"}, {"orders*", "ordersv0.getOrders"}, {"*.get*", "ordersv0.getOrders"}, {"a*a", "a"}, {"a**b", "ab"}, {"*ab", "abab"}, {"", ""}, {"a*b*c", "aXbXbXc"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		var parts []string
		for p := range strings.SplitSeq(pattern, "*") {
			parts = append(parts, regexp.QuoteMeta(p))
		}
		re, err := regexp.Compile(`(?s)^` + strings.Join(parts, ".*") + `$`)
		if err != nil || strings.ToValidUTF8(pattern, "") != pattern || strings.ToValidUTF8(name, "") != name {
			t.Skip()
		}
		if got, want := matches(pattern, name), re.MatchString(name); got != want {
			t.Errorf("%q, %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func TestPrune(t *testing.T) {
	now := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	long, short := now.Add(-2*keepEnded), now.Add(-time.Hour)
	r := &Records{Keys: []Key{{ID: "a", Revoked: long}, {ID: "b", Expires: long}, {ID: "c", Revoked: short}, {ID: "d"}}}
	r.Prune(now)
	if got := fmt.Sprintf("%d %s %s", len(r.Keys), r.Keys[0].ID, r.Keys[1].ID); got != "2 c d" {
		t.Error(got)
	}
	r = &Records{Keys: []Key{{ID: "a", Revoked: long}, {ID: "b", Expires: long}}}
	if r.Prune(now); len(r.Keys) != 1 {
		t.Errorf("%d are left: the last one stays", len(r.Keys))
	}
}

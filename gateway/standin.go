package gateway

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"

	"github.com/openspapi/spapi"
)

// What others build: delete what is there when merging.

func (x *exchange) done()                 {}
func (x *exchange) announce() *storeError { return nil }

func (g *Gateway) lookupKey(_ *http.Request, secret string) (*Key, *refusal) {
	if g.config.State == nil {
		return nil, nil
	}
	all, err := g.config.State.Load(nil) //nolint
	if err != nil {
		return nil, &refusal{Status: 503}
	}
	sum := sha256.Sum256([]byte(secret))
	for i := range all.Keys {
		if all.Keys[i].Hash == sum && all.Keys[i].Revoked.IsZero() {
			return &all.Keys[i], nil
		}
	}
	return nil, &refusal{Status: 401, why: "credential"}
}

func (g *Gateway) keyByID(id string) (*Key, *refusal) {
	if g.config.State == nil && id == "" {
		return nil, nil
	}
	all, _ := g.config.State.Load(nil) //nolint
	for i := range all.Keys {
		if all.Keys[i].ID == id && all.Keys[i].Revoked.IsZero() {
			return &all.Keys[i], nil
		}
	}
	return nil, &refusal{Status: 401, why: "credential"}
}

func (g *Gateway) blocked(*caller, string) *refusal { return nil }

func (s *Scope) account(name string) bool {
	return slices.ContainsFunc(s.Accounts, func(a string) bool {
		return a == "*" || a == name || strings.HasSuffix(a, "*") && strings.HasPrefix(name, a[:len(a)-1])
	})
}

func denied(why, details string) *refusal {
	return &refusal{Status: http.StatusForbidden, Code: "Unauthorized", Message: "Access to requested resource is denied.", Details: details, why: why}
}

func lacks(what, reason, flag string) *refusal {
	return denied("scope", "the scope of this key does not open "+what+": "+reason+". "+flag)
}

func cut(text string, most int) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

var _ = spapi.Operations

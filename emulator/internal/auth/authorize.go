package auth

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/internal/catalog"
)

// The details that tell one 403 from another. SP-API answers 403 and never 401 (selling-partner-api-models#4122).
const (
	detailsNone    = ""                                                                // wrong role, region, authorization or path: selling-partner-api-models#826, #914
	detailsMissing = "Access token is missing in the request header."                  // selling-partner-api-models#945, #1194
	detailsInvalid = "The access token you provided is revoked, malformed or invalid." // selling-partner-api-docs#2147
	detailsExpired = "The access token you provided has expired."                      // several clients match on it
	detailsSecret  = "The LWA secret token you provided has expired."                  // PipedreamHQ/pipedream#16843
)

// Authorize checks the access token of a request for op and returns what it allows. sandbox tells that the request is for the sandbox.
func (u *Authority) Authorize(x *exchange.Exchange, op *catalog.Operation, sandbox bool) (*Grant, *answer.Error) {
	token := x.Header.Get("X-Amz-Access-Token")
	if token == "" {
		return nil, answer.Denied(detailsMissing).Because("token: the request has no x-amz-access-token")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	g, _ := u.grants.Get(token)
	switch {
	case g == nil:
		return nil, answer.Denied(detailsInvalid).Because("token: Login with Amazon has given out no such access token here")
	case g.revoked:
		return nil, answer.Denied(detailsInvalid).Because("token: the seller has taken the authorization back")
	case !x.Now.Before(g.Expires):
		return nil, answer.Denied(detailsExpired).Because("token: it expired at " + g.Expires.UTC().Format(time.RFC3339))
	case !u.app.SecretExpiry.IsZero() && !x.Now.Before(u.app.SecretExpiry):
		return nil, answer.Denied(detailsSecret).Because("token: the application's client secret expired at " + u.app.SecretExpiry.UTC().Format(time.RFC3339))
	}
	// A refresh token holds in its seller's region only (selling-partner-api-models#914), but in the sandbox of every region
	// (mehmetkerim00/repracer, docs/evidence/step70-amazon-sandbox-exchanges.json, October 2026). A host that is none of Amazon's stands for
	// every region.
	if r := x.Region(); r != "" && !sandbox && g.Account != nil && g.Account.Region != r {
		return nil, answer.Denied(detailsNone).Because("region: the seller's authorization is for " + string(g.Account.Region) + ", the request went to " + string(r))
	}
	if op.SandboxOnly && x.Region() != "" && !sandbox {
		return nil, answer.Denied(detailsNone).Because("sandbox: " + op.Name + " is served there only")
	}
	if u.app.Roles != nil && len(op.Roles) > 0 && !slices.ContainsFunc(op.Roles, func(r string) bool { return slices.Contains(u.app.Roles, r) }) {
		return nil, answer.Denied(detailsNone).Because("role: the application has none of those of " + op.Name + ": " + strings.Join(op.Roles, ", "))
	}
	return g, allowed(g, x, op, sandbox)
}

// allowed checks that the kind of token fits the operation.
func allowed(g *Grant, x *exchange.Exchange, op *catalog.Operation, sandbox bool) *answer.Error {
	switch g.Kind {
	case GrantlessGrant:
		switch {
		case either[op.ID] != "" && slices.Contains(g.Scopes, either[op.ID]):
		case op.Grantless == "":
			return answer.Denied(detailsNone).Because("token: it is grantless, and " + op.Name + " wants one of a seller")
		case !slices.Contains(g.Scopes, op.Grantless):
			return answer.Denied(detailsNone).Because("token: it is not for the scope " + op.Grantless + " of " + op.Name)
		}
	case SellerGrant:
		if op.Grantless != "" && (sandbox || either[op.ID] == "") {
			return sellersToken(op, sandbox)
		}
		// developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide: restricted operations need a restricted
		// token. Where one only adds personal data, and for reports of unrestricted types, the plain token will do; in the sandbox always
		// (getShipment of Shipping v1: lineofflight/peddler, test/vcr_cassettes/Peddler/APIs, September 2025).
		if op.Restricted != nil && op.Restricted.When == restrictedAlways && !sandbox {
			return answer.Denied(detailsNone).Because("no restricted token: " + op.Name + " wants one for " + op.Method + " " + op.Path)
		}
	case RestrictedGrant:
		// A restricted token is for its resources and for nothing else (same page).
		if RestrictedFor(g, x.Method, x.URL.Path, op) == nil {
			return answer.Denied(detailsNone).Because("restricted token: it is for other resources than " + op.Method + " " + op.Path)
		}
	}
	return nil
}

// either are the operations that want a seller's token for some of what they are asked for and a grantless one of this scope for the rest, whatever the model
// says: their flow looks at it.
var either = map[string]string{
	"notificationsv1.createSubscription":     "sellingpartnerapi::notifications",
	"notificationsv1.getSubscription":        "sellingpartnerapi::notifications",
	"notificationsv1.getSubscriptions":       "sellingpartnerapi::notifications",
	"notificationsv1.deleteSubscriptionById": "sellingpartnerapi::notifications",
}

// sandboxAnswers are the statuses with which the sandbox was seen to answer a seller's token where production refuses it: public notes of 2026-09-07 on
// the sandbox hosts of all three regions.
var sandboxAnswers = map[string]int{
	"notificationsv1.getDestination":         http.StatusOK,
	"notificationsv1.getSubscriptionById":    http.StatusInternalServerError,
	"notificationsv1.deleteSubscriptionById": http.StatusInternalServerError,
}

// sellersToken is what a grantless operation does with a seller's token: it takes none (developer-docs.amazon.com/sp-api/docs/grantless-operations).
func sellersToken(op *catalog.Operation, sandbox bool) *answer.Error {
	reason := "token: it is a seller's, and " + op.Name + " wants a grantless one with the scope " + op.Grantless
	switch status := sandboxAnswers[op.ID]; {
	case !sandbox || status == 0:
		return answer.Denied(detailsNone).Because(reason)
	case status == http.StatusOK:
		return nil
	}
	return answer.Internal().Because(reason)
}

// restrictedAlways is the value of [catalog.Restricted.When] for operations that refuse a plain token.
const restrictedAlways = "always"

// RestrictedFor returns the resource of a restricted token that covers a request: the same method, and the same path or the
// operation's path template.
func RestrictedFor(g *Grant, method, path string, op *catalog.Operation) *Resource {
	for i, r := range g.Resources {
		if r.Method == method && (r.Path == path || r.Path == op.Path) {
			return &g.Resources[i]
		}
	}
	return nil
}

// Resource is one resource that a restricted data token opens.
type Resource struct {
	Method, Path string
	Elements     []string
}

package emulator

import (
	"slices"

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

// authorize checks the access token of a request for op and returns what it allows. sandbox tells that the request is for the sandbox.
func (u *authority) authorize(x *exchange, op *catalog.Operation, sandbox bool) (*grant, *apiError) {
	token := x.header.Get("X-Amz-Access-Token")
	if token == "" {
		return nil, denied(detailsMissing)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	g := u.grants[token]
	switch {
	case g == nil || g.revoked:
		return nil, denied(detailsInvalid)
	case !x.now.Before(g.expires):
		return nil, denied(detailsExpired)
	case !u.app.secretExpiry.IsZero() && !x.now.Before(u.app.secretExpiry):
		return nil, denied(detailsSecret)
	}
	// A refresh token holds in its seller's region only (selling-partner-api-models#914). A host that is none of Amazon's stands
	// for every region.
	if r := x.region(); r != "" && g.account != nil && g.account.Region != r {
		return nil, denied(detailsNone)
	}
	if op.SandboxOnly && x.region() != "" && !sandbox {
		return nil, denied(detailsNone)
	}
	if u.app.roles != nil && len(op.Roles) > 0 && !slices.ContainsFunc(op.Roles, func(r string) bool { return slices.Contains(u.app.roles, r) }) {
		return nil, denied(detailsNone)
	}
	return g, allowed(g, x, op)
}

// allowed checks that the kind of token fits the operation.
func allowed(g *grant, x *exchange, op *catalog.Operation) *apiError {
	switch g.kind {
	case grantlessGrant:
		if op.Grantless == "" || !slices.Contains(g.scopes, op.Grantless) {
			return denied(detailsNone)
		}
	case sellerGrant:
		// developer-docs.amazon.com/sp-api/docs/grantless-operations: such an operation takes no seller's token.
		if op.Grantless != "" {
			return denied(detailsNone)
		}
		// developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide: restricted operations need a restricted
		// token. Where one only adds personal data, and for reports of unrestricted types, the plain token will do.
		if op.Restricted != nil && op.Restricted.When == restrictedAlways {
			return denied(detailsNone)
		}
	case restrictedGrant:
		// A restricted token is for its resources and for nothing else (same page).
		if restrictedFor(g, x.method, x.url.Path, op) == nil {
			return denied(detailsNone)
		}
	}
	return nil
}

// restrictedAlways is the value of [catalog.Restricted.When] for operations that refuse a plain token.
const restrictedAlways = "always"

// restrictedFor returns the resource of a restricted token that covers a request: the same method, and the same path or the
// operation's path template.
func restrictedFor(g *grant, method, path string, op *catalog.Operation) *restrictedResource {
	for i, r := range g.resources {
		if r.method == method && (r.path == path || r.path == op.Path) {
			return &g.resources[i]
		}
	}
	return nil
}

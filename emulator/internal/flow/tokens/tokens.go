// Package tokens answers for restricted data tokens.
package tokens

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/jobs"
	"github.com/openspapi/spapi/internal/catalog"
)

// Flow is the API of restricted data tokens.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{"tokens20210301.createRestrictedDataToken": createRestrictedDataToken}}

// maxRestrictedResources is documented with createRestrictedDataToken (selling-partner-api-models, tokens_2021-03-01).
const maxRestrictedResources = 50

func createRestrictedDataToken(c *desk.Call) (answer.Reply, *answer.Error) {
	if c.Grant.Kind != auth.SellerGrant {
		return answer.Reply{}, answer.Denied("").Because("token: is not an access token of a seller")
	}
	body, _ := c.Body.(map[string]any)
	list, _ := body["restrictedResources"].([]any)
	if len(list) == 0 {
		return answer.Reply{}, answer.Invalid("Empty target resource arguement found", "") //nolint:misspell // sic: selling-partner-api-models#2429
	}
	// Another application may use the token, if it is one (developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide,
	// "Delegating authorization"). The emulator knows one application and takes any id of the right shape for another one's.
	if target, _ := body["targetApplication"].(string); target != "" && !applicationIDPattern().MatchString(target) {
		return answer.Reply{}, answer.InvalidParameter("targetApplication", `"`+target+`" is not an application id such as amzn1.sp.solution.…`)
	}
	if len(list) > maxRestrictedResources {
		return answer.Reply{}, answer.InvalidParameter("restrictedResources", "has more than 50 elements")
	}
	var resources []auth.Resource
	for _, entry := range list {
		m, _ := entry.(map[string]any)
		r := auth.Resource{}
		r.Method, _ = m["method"].(string)
		r.Path, _ = m["path"].(string)
		elements, _ := m["dataElements"].([]any)
		for _, e := range elements {
			text, _ := e.(string)
			r.Elements = append(r.Elements, text)
		}
		if err := checkRestricted(c, &r); err != nil {
			return answer.Reply{}, err
		}
		resources = append(resources, r)
	}
	token := c.Desk.Auth.MintRestricted(c.Seller.Account, resources, c.Now)
	return answer.OK(format.Record{{"expiresIn", int(auth.AccessTokenLifetime.Seconds())}, {"restrictedDataToken", token}}), nil
}

// errDocument is about what is no document of a restricted report (selling-partner-api-models#1595; jlevers/selling-partner-api#662, of one without personal
// data, March 2024; in May 2021 such a one was said to be of a role that lacks, selling-partner-api-docs#806).
func errDocument() *answer.Error {
	return answer.Invalid("Invalid or unsupported document ID found", "")
}

// checkRestricted tells whether a restricted token can be had for a resource.
func checkRestricted(c *desk.Call, r *auth.Resource) *answer.Error {
	op := restrictedOperation(c, r)
	if op == nil && strings.HasPrefix(r.Path, "/reports/") {
		return errDocument() // selling-partner-api-models#2781, jrl84/amazon-sp-api#150
	}
	if op == nil || len(op.Roles) > 0 && !c.Desk.Auth.HasRole(op.Roles) {
		// selling-partner-api-models#1316, selling-partner-api-docs#806
		return answer.Invalid("Application do not have access to some or all requested resource", "")
	}
	if !op.Restricted.GenericPath && r.Path == op.Path {
		return errDocument()
	}
	if op.ID == "reports20210630.getReportDocument" { // only documents of restricted report types need a token, and get one
		if d := jobs.Queues.Of(c.Seller).Document(r.Path[strings.LastIndexByte(r.Path, '/')+1:], c.Now); d == nil || !d.Restricted {
			return errDocument()
		}
	}
	var refused []string
	for _, e := range r.Elements {
		if !slices.Contains(dataElements(op), e) || !roleFor(c, e) {
			refused = append(refused, e)
		}
	}
	if refused != nil {
		// selling-partner-api-docs#1201
		return answer.Invalid("Application does not have access to one or more requested data elements: ["+strings.Join(refused, ", ")+"]",
			`dataElements: the operation has no such ones, or the application lacks their roles: "`+strings.Join(refused, `", "`)+`"`)
	}
	return nil
}

// elementRoles are the roles one of which is needed for a data element (developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide).
var elementRoles = map[string][]string{
	"buyerInfo":           {"Direct-to-Consumer Shipping (Restricted)", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"},
	"shippingAddress":     {"Direct-to-Consumer Shipping (Restricted)", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"},
	"buyerTaxInformation": {"Tax Invoicing (Restricted)", "Tax Remittance (Restricted)"},
}

// roleFor tells whether the application has a role for a data element.
func roleFor(c *desk.Call, element string) bool {
	return c.Desk.Auth.HasRole(elementRoles[element])
}

// applicationIDPattern matches application ids of today and those of older applications.
var applicationIDPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^amzn1\.(sp\.solution|sellerapps\.app)\.[0-9a-fA-F-]{8,64}$`)
})

// restrictedOperation finds the restricted operation that a resource names by a concrete path or by the path template.
func restrictedOperation(c *desk.Call, r *auth.Resource) *catalog.Operation {
	path := r.Path
	if strings.ContainsAny(path, "{}") {
		op := c.Desk.Routes.Template(r.Method, path)
		if op == nil || op.Restricted == nil {
			return nil
		}
		return op
	}
	rt, _ := c.Desk.Routes.Find(r.Method, (&url.URL{Path: path}).EscapedPath())
	if rt == nil || rt.Op.Restricted == nil {
		return nil
	}
	return rt.Op
}

// dataElements are those that may be asked for: besides the catalogue's also the buyer's tax information, which the use case guide
// names for orders (developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide).
func dataElements(op *catalog.Operation) []string {
	if op.ID == "ordersv0.getOrders" || op.ID == "ordersv0.getOrder" {
		return append(slices.Clip(op.Restricted.DataElements), "buyerTaxInformation")
	}
	return op.Restricted.DataElements
}

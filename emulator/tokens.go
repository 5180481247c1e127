package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

var tokensFlow = flow{handlers: map[string]handler{"tokens20210301.createRestrictedDataToken": createRestrictedDataToken}}

// restrictedResource is one resource that a restricted data token opens.
type restrictedResource struct {
	method, path string
	elements     []string
}

// maxRestrictedResources is documented with createRestrictedDataToken (selling-partner-api-models, tokens_2021-03-01).
const maxRestrictedResources = 50

func createRestrictedDataToken(c *call) (reply, *apiError) {
	if c.grant.kind != sellerGrant {
		return reply{}, denied(detailsNone)
	}
	body, _ := c.body.(map[string]any)
	list, _ := body["restrictedResources"].([]any)
	if len(list) == 0 {
		return reply{}, invalid("Empty target resource arguement found", "") //nolint:misspell // sic: selling-partner-api-models#2429
	}
	// Another application may use the token, if it is one (developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide,
	// "Delegating authorization"). The emulator knows one application and takes any id of the right shape for another one's.
	if target, _ := body["targetApplication"].(string); target != "" && !applicationIDPattern.MatchString(target) {
		return reply{}, invalidParameter("targetApplication", `"`+target+`" is not an application id such as amzn1.sp.solution.…`)
	}
	if len(list) > maxRestrictedResources {
		return reply{}, invalidParameter("restrictedResources", "has more than 50 elements")
	}
	var resources []restrictedResource
	for _, entry := range list {
		m, _ := entry.(map[string]any)
		r := restrictedResource{}
		r.method, _ = m["method"].(string)
		r.path, _ = m["path"].(string)
		elements, _ := m["dataElements"].([]any)
		for _, e := range elements {
			text, _ := e.(string)
			r.elements = append(r.elements, text)
		}
		if err := c.checkRestricted(&r); err != nil {
			return reply{}, err
		}
		resources = append(resources, r)
	}
	token := c.desk.auth.mintRestricted(c.account.authAccount, resources, c.now)
	return reply{status: http.StatusOK, body: object{"restrictedDataToken": token, "expiresIn": int(accessTokenLifetime.Seconds())}}, nil
}

// checkRestricted tells whether a restricted token can be had for a resource.
func (c *call) checkRestricted(r *restrictedResource) *apiError {
	op := c.restrictedOperation(r)
	if op == nil {
		// selling-partner-api-models#1316
		return invalid("Application do not have access to some or all requested resource", "")
	}
	if !op.Restricted.GenericPath && r.path == op.Path {
		return invalid("Invalid or unsupported document ID found", "") // selling-partner-api-models#1595
	}
	if op.ID == "reports20210630.getReportDocument" { // only documents of restricted report types need a token, and get one
		if d := queues.of(c.account).document(r.path[strings.LastIndexByte(r.path, '/')+1:], c.now); d == nil || !d.restricted {
			return invalid("Invalid or unsupported document ID found", "") // selling-partner-api-models#1595
		}
	}
	var refused []string
	for _, e := range r.elements {
		if !slices.Contains(dataElements(op), e) || !c.roleFor(e) {
			refused = append(refused, e)
		}
	}
	if refused != nil {
		// selling-partner-api-docs#1201
		return invalid("Application does not have access to one or more requested data elements: ["+strings.Join(refused, ", ")+"]", "")
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
func (c *call) roleFor(element string) bool {
	return c.desk.auth.hasRole(elementRoles[element])
}

// applicationIDPattern matches application ids of today and those of older applications.
var applicationIDPattern = regexp.MustCompile(`^amzn1\.(sp\.solution|sellerapps\.app)\.[0-9a-fA-F-]{8,64}$`)

// restrictedOperation finds the restricted operation that a resource names by a concrete path or by the path template.
func (c *call) restrictedOperation(r *restrictedResource) *catalog.Operation {
	path := r.path
	if strings.ContainsAny(path, "{}") {
		op := c.desk.routes.template(r.method, path)
		if op == nil || op.Restricted == nil {
			return nil
		}
		return op
	}
	rt, _ := c.desk.routes.find(r.method, (&url.URL{Path: path}).EscapedPath())
	if rt == nil || rt.op.Restricted == nil {
		return nil
	}
	return rt.op
}

// dataElements are those that may be asked for: besides the catalogue's also the buyer's tax information, which the use case guide
// names for orders (developer-docs.amazon.com/sp-api/docs/tokens-api-v2021-03-01-use-case-guide).
func dataElements(op *catalog.Operation) []string {
	if op.ID == "ordersv0.getOrders" || op.ID == "ordersv0.getOrder" {
		return append(slices.Clip(op.Restricted.DataElements), "buyerTaxInformation")
	}
	return op.Restricted.DataElements
}

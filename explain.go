package spapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/settings"
)

// Explain says in a few sentences what the error most likely means and what to do. The texts by which the many kinds of 403 and
// 400 are told apart come from reports of the real service: github.com/amzn/selling-partner-api-models issues 826, 914, 945, 4122, 1101,
// 1316, 5126, 372, 2924, selling-partner-api-docs issues 76, 116, 2147, 2432, 3153, 1003, saleweaver/python-amazon-sp-api issues 859 and 943.
func (e *APIError) Explain() string {
	text := settings.Sentence(e.Error()) + "\n" + e.cause()
	// With emulator.WithExplain; Amazon has no such header. Where the message says it all, the reason repeats it.
	if reason := e.Header.Get("X-Spapi-Emulator-Reason"); reason != "" && !strings.HasPrefix(reason, e.Code+": "+e.Message) {
		text += "\nThe emulator's reason: " + oneLine(reason)
	}
	if len(e.Errors) > 1 {
		var b strings.Builder
		for _, item := range e.Errors[1:] {
			fmt.Fprintf(&b, "\nAlso: %s: %s %s", item.Code, oneLine(item.Message), oneLine(item.Details))
		}
		text += b.String()
	}
	if op := e.facts.op; op != nil && op.Removal != "" {
		text += fmt.Sprintf("\nAmazon has announced the removal of this operation for %s", op.Removal)
		if op.removed(time.Now()) {
			text += ", which is past: what it answers now may mean no more than that"
		}
		text += "."
	}
	text += tooPatient(e.RetryAfter)
	if e.RequestID != "" && e.StatusCode >= 500 {
		text += "\nIf it lasts, give Amazon's support the request id."
	}
	return text
}

// tooPatient is a sentence on a pause that is longer than one waits for.
func tooPatient(asked time.Duration) string {
	if asked == 0 {
		return ""
	}
	return fmt.Sprintf("\nThe answer asks to wait for %s (Retry-After), longer than a call does by itself (RetryPolicy.MaxRetryAfter): try again then.", asked)
}

func (e *APIError) cause() string {
	f := &e.facts
	said := strings.ToLower(e.Code + " " + e.Message + " " + e.Details)
	switch {
	case e.StatusCode/100 == 2:
		return "The status says success, but the body holds nothing but errors: treat the call as failed and correct what they name."
	case e.StatusCode/100 == 3:
		return "SP-API does not redirect, and redirects are not followed because they would carry the token elsewhere: check the endpoint " + f.base + "."
	case f.html && e.StatusCode == http.StatusBadRequest && strings.Contains(said, "header field exceeds"):
		return "The token is too large for a request header: restricted data tokens grow with the resources they cover. Ask for fewer resources or data elements in one token."
	}
	switch {
	case !f.html || e.StatusCode/100 != 4:
	case e.StatusCode == http.StatusTooManyRequests:
		return "A page came in place of an error list: not the operation's plan is used up, but something before SP-API, such as a proxy or firewall on the way, takes no more requests from this machine for now. Send fewer, and check the endpoint " + f.base + " and any proxy."
	case e.StatusCode == http.StatusRequestEntityTooLarge:
		return "A page came in place of an error list: the body is larger than something on the way takes. Send less at once, and check the endpoint " + f.base + " and any proxy."
	case e.StatusCode > http.StatusNotFound: // those below have words of their own
		return "A page came in place of an error list: the request did not reach SP-API, or something on the way refused it. Check the endpoint " + f.base + " and any proxy."
	}
	switch e.StatusCode {
	case http.StatusBadRequest:
		return e.badRequest(said)
	case http.StatusUnauthorized:
		return "SP-API answers 403 for bad tokens, so a 401 comes from a proxy, a gateway, or the operation itself: check the endpoint " + f.base + " and the authorization of the seller."
	case http.StatusForbidden:
		return e.forbidden(said)
	case http.StatusNotFound:
		if f.cut {
			return "The body of the answer broke off, so nobody can tell whether the path is unknown or there is no such resource: try again."
		}
		if f.foreign {
			return "The path of the request is unknown at " + f.base + ", which says nothing about the resource: what answered is not the API. " +
				"Check that the endpoint is the one of region " + f.region + " and nothing but its host, that the path is right and Amazon has not removed it, and any proxy on the way."
		}
		if f.op != nil && !f.op.known() {
			return "No operation that this version knows has this path. Check it, or use the operation that replaced it."
		}
		return "There is no such resource for this seller in this region. Check the id, and that it belongs to region " + f.region + "."
	case http.StatusRequestEntityTooLarge:
		return "The request body is larger than the operation takes: send less at once."
	case http.StatusUnsupportedMediaType:
		return "The Content-Type does not suit the operation; nearly all take application/json."
	case http.StatusTooManyRequests:
		return e.throttled()
	case http.StatusConflict:
		return "The resource is in a state that does not allow this now: read it again and decide anew."
	case http.StatusUnprocessableEntity:
		return "Amazon understood the request and found its content wrong: correct what the message names."
	}
	if e.StatusCode >= 500 {
		text := "Amazon, or a proxy on the way, failed."
		if f.html {
			text = "Amazon, or a proxy on the way, failed and sent a page in place of an error list."
		}
		if f.sandbox {
			text += " The sandbox has answered so too when a request was none of those that it knows."
		}
		if f.repeatable {
			return fmt.Sprintf("%s The call was sent %s. Try again later; nothing is wrong with the request itself as far as one can tell.", text, counted(f.attempts, "time"))
		}
		return text // whether it was carried out is for OutcomeUnknownError to tell
	}
	return "Correct what the message names."
}

func (e *APIError) badRequest(said string) string {
	f := &e.facts
	switch {
	case strings.Contains(said, "token duration is"), strings.Contains(said, "next token has expired"), strings.Contains(said, "nexttoken has expired"):
		// selling-partner-api-docs#981 has 25 and 3 minutes of the same operation; selling-partner-api-models#4867.
		return "The token of the next page has run out before that page was asked for: such tokens live for minutes only, and begin anew with each page. Start again from the first page; " +
			"ask for a shorter span of time, so that there are fewer and quicker pages; take the pages one right after the other and work on them afterwards; and leave the operation's rate limit to one program while it pages."
	case strings.Contains(said, "could not match input arguments"):
		return "The sandbox knows only the requests that Amazon wrote down for it in the model (x-amzn-api-sandbox), such as magic parameter values, and this is none of them."
	case strings.Contains(said, "requested data elements"), strings.Contains(said, "all requested resource"):
		return "The application lacks a role for restricted data that the token asks for. Add the role (Direct-to-Consumer Shipping, Tax Invoicing, Tax Remittance) in Developer Central, let the seller authorize again, or ask for fewer data elements."
	case strings.Contains(said, "not registered"), strings.Contains(said, "unregistered"), strings.Contains(said, "not enrolled for rotation"):
		return "The queue for the new secret must be registered in Developer Central before the client secret can be rotated."
	case len(e.Errors) > 0 && e.Errors[0].Message == "":
		return "Amazon gave no reason. A page token that was not percent-encoded (a raw + in it) is the usual cause; otherwise check each argument against the operation's page."
	case f.html:
		return "A page came in place of an error list: the request did not reach SP-API, or its header was malformed. Check the endpoint " + f.base + " and any proxy."
	}
	text := "An argument is missing, malformed or out of range: correct what the message names."
	if strings.EqualFold(e.Message, "invalid input") { // with code InvalidInput, in place of a 415 too
		text = "An argument is missing, malformed or out of range, or the body is not what the operation takes, or not sent as application/json."
	}
	if strings.Contains(said, "marketplace") || strings.EqualFold(e.Message, "invalid input") { // which doesn't say what was wrong
		text += " Marketplace ids must belong to region " + f.region + "."
	}
	return text
}

func (e *APIError) forbidden(said string) string {
	f := &e.facts
	switch {
	case strings.Contains(said, "lwa secret token") && strings.Contains(said, "expired"):
		return "The application's client secret has expired: Amazon wants it rotated every 180 days. Rotate it in Developer Central, or with applications rotateApplicationClientSecret, and use the new one. Refresh tokens stay valid."
	case strings.Contains(said, "access token you provided has expired"):
		if f.ownToken {
			return "The token that the call brought along has expired: access tokens and restricted data tokens live one hour." + skewed(f.skew)
		}
		return "The access token has expired, and so had its replacement. Something on the way keeps old tokens, or a clock is wrong." + skewed(f.skew)
	case strings.Contains(said, "revoked, malformed or invalid"):
		return "Amazon does not accept the token: the seller revoked the authorization, or the token is for another purpose (a grantless token for a seller's data, or a restricted one for another path). Let the seller authorize again if the refresh token is refused too."
	case strings.Contains(said, "marketplaces you provided are not valid for region"):
		return "A marketplace that the call names lies in another region than " + f.region + ", or the endpoint " + f.base + " is not the one of this region: mend region and endpoint, or name marketplaces of this region only, and call for the others with a client of their region and the refresh token that the seller granted there."
	case strings.Contains(said, "access token is missing"):
		return "The request came without x-amz-access-token: a proxy on the way dropped the header, or the request bypassed this client."
	case strings.Contains(said, "invalidsignature"), strings.Contains(said, "request signature we calculated"), strings.Contains(said, "signature expired"), strings.Contains(said, "signature not yet current"):
		text := "The AWS signature does not match. Check the AWS secret key, the region, and that nothing on the way changes host, path, query or headers. SP-API has not needed signatures since 2023-10-02: leave the signer out if nothing else asks for it."
		return text + skewed(f.skew)
	case strings.Contains(said, "security token included in the request is expired"), strings.Contains(said, "expiredtoken"):
		return "The temporary AWS credentials have expired: assume the role again." + skewed(f.skew)
	case strings.Contains(said, "missingauthenticationtoken"), strings.Contains(said, "missing authentication token"):
		if f.signed {
			return "The gateway saw no valid AWS signature, or the path does not exist: check method and path, and the signer."
		}
		return "The path does not exist in this region, or the endpoint wants an AWS signature (see package awsauth): check method and path."
	case f.foreign:
		return "What answered is not the API: a firewall or proxy on the way, or a gateway before the API, refused the request. Check the endpoint " + f.base + ", the path, and any proxy."
	}
	var b strings.Builder
	b.WriteString("Amazon gives no reason for this kind of 403. In the order of likelihood:\n")
	reasons := []string{
		"the application lacks the role that the operation needs, or got it after the seller authorized: check the roles, then let the seller authorize again",
		"the seller's account is in another region than " + f.region + ": an authorization is valid in one region only",
		"the seller revoked the authorization or it ran out (365 days): let the seller authorize again",
		"the seller takes no part in a marketplace that the call names", // checked before the operation sees the call
		"the path is wrong or the operation was removed",
	}
	if f.grantless {
		reasons = []string{"the application may not use the scope " + f.scope, "the path is wrong or the operation was removed"}
	}
	if f.op != nil && !f.grantless {
		switch {
		case !f.restricted && !f.sandbox && f.op.Restricted == RestrictedReport:
			reasons = append([]string{"the report is of a restricted type and the call went without a restricted data token: pass WithReportType, or WithRestrictedData"}, reasons...)
		case f.restricted:
			reasons = append([]string{"the application lacks the role for restricted data, or the restricted data token does not cover this path"}, reasons...)
		}
		if !f.op.known() {
			reasons = append([]string{"no operation that this version knows has this path; Amazon answers 403 for paths that it removed"}, reasons...)
		}
	}
	if f.sandbox {
		reasons = append(reasons, "the sandbox does not serve this operation")
	}
	for i, r := range reasons {
		fmt.Fprintf(&b, "%d. %s.\n", i+1, r)
	}
	return strings.TrimRight(b.String(), "\n") + skewed(f.skew)
}

func (e *APIError) throttled() string {
	f := &e.facts
	if why, _, found := strings.Cut(e.Message, "greater than what is allowed "); found && why != "" {
		// Texts of the SP-API changelog, 2025-06-25.
		return "Amazon counts changes of listings in three more buckets than the operation's plan: those of the application over all sellers, those of relationships and those of product data. The message names the one that is empty. Send fewer such changes at once, or many of them as one JSON_LISTINGS_FEED."
	}
	rate := "the operation's usage plan"
	if f.rate > 0 { // that of a process by itself may be less than the plan
		rate = formatRate(f.rate) + " requests per second"
	}
	return fmt.Sprintf("Amazon's bucket for the operation is empty, after %s. Calls of this program keep to %s, so another program or process of the same application uses it too, or a limit over all sellers applies (WithApplicationLimit). Call less often, or share limits between processes (SPAPI_FLEET, WithLimiter).",
		counted(f.attempts, "attempt"), rate)
}

// counted tells how often something happened; once at least.
func counted(n int, what string) string {
	if n <= 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// skewed is a sentence on the clock where it is worth one. AWS tolerates five minutes in signatures.
func skewed(skew time.Duration) string {
	switch {
	case skew == 0:
		return ""
	case skew > 0:
		return fmt.Sprintf(" This machine's clock is %s ahead of Amazon's: set it right, preferably by NTP.", skew)
	default:
		return fmt.Sprintf(" This machine's clock is %s behind Amazon's: set it right, preferably by NTP.", -skew)
	}
}

// Explain says in a few sentences what the error most likely means and what to do.
func (e *AuthError) Explain() string {
	return settings.Sentence(e.Error()) + "\n" + e.cause() + tooPatient(e.RetryAfter)
}

func (e *AuthError) cause() string {
	text := e.reason()
	lost := e.StatusCode == 0 && e.Err != nil && !newNetworkError(e.Err).unsent() || e.StatusCode >= 500 || e.StatusCode/100 == 2
	if lost && e.Grant == "authorization_code" {
		text += " The authorization code works once and may have been used up: let the seller authorize again."
	}
	return text
}

func (e *AuthError) reason() string {
	if e.host == "" || e.StatusCode/100 != 4 {
		return e.meaning()
	}
	text := e.host + ", which the token URL names and which is not Amazon's, refused. "
	if e.Code == "invalid_client" || e.Code == "" && e.StatusCode == http.StatusUnauthorized {
		return text + "It wants client id and client secret of its own: use those, or leave the token URL out to ask Login with Amazon."
	}
	return text + e.meaning()
}

// meaning is what the answer means where Login with Amazon gives it.
func (e *AuthError) meaning() string {
	switch e.Code {
	case "invalid_client":
		return "Client id and client secret do not belong together, or the secret was rotated out: copy both anew from Developer Central. Secrets run out after 180 days, old ones seven days after a rotation."
	case "invalid_grant":
		if e.Grant == "authorization_code" {
			return "The authorization code was used before, is older than five minutes, or the redirect URI differs from that of the consent: let the seller authorize again and exchange the new code at once."
		}
		return "The refresh token is not valid for this client id: the seller revoked the authorization, it ran out (365 days), or the token belongs to another application. Let the seller authorize again."
	case "unauthorized_client":
		return "The application may not use this grant: check in Developer Central that it is an SP-API application, and that client id and refresh token belong to it."
	case "invalid_scope":
		return "The application may not use this scope, or it is misspelt; see the roles of the application."
	case "invalid_request", "unsupported_grant_type":
		return "Login with Amazon could not read the request: check the token URL and any proxy on the way."
	case "access_denied":
		return "The seller or Amazon refused the consent: let the seller authorize again."
	case "server_error", "temporarily_unavailable":
		return "Login with Amazon failed, also when asked again: try later."
	}
	switch {
	case e.StatusCode == 0:
		return "Login with Amazon could not be reached: check network, DNS, proxy and the token URL." + skewed(e.skew)
	case e.StatusCode/100 == 2:
		return "The answer is no token. Something on the way answers in place of Login with Amazon: check the token URL and any proxy."
	case e.StatusCode/100 == 3:
		return "Login with Amazon does not redirect, and redirects are not followed because they would carry the client secret elsewhere: check the token URL."
	case e.StatusCode == http.StatusTooManyRequests:
		return "Login with Amazon refuses more requests for now: share one App among all clients, since it caches tokens."
	case e.StatusCode >= 500:
		return "Login with Amazon failed, also when asked again: try later."
	}
	return "The answer is not one of Login with Amazon's: check the token URL and any proxy."
}

// Explain says what to do.
func (e *LimitError) Explain() string {
	text := settings.Sentence(e.Error()) + "\nNothing was sent. "
	if e.Retry {
		text = settings.Sentence(e.Error()) + "\nIt was sent before, throttled or failed, and was not repeated. "
	}
	if e.Deadline {
		text += "Give the context more time, call less often, or spread the calls over the day: the bucket fills up by itself."
	} else {
		text += "Try again after that time, or let the call wait by leaving WithFailFast out."
	}
	if e.Scope == LimitPerType {
		text += " Where you know better than this limit, WithoutTypeLimit (--no-type-limit) sends the call all the same."
	}
	return text
}

// Explain says what to do.
func (e *DecodeError) Explain() string {
	text := settings.Sentence(e.Error()) + "\n"
	switch {
	case e.tooLarge:
		return text + "Ask for smaller pages, raise the bound with WithMaxBody, or read the body as a stream with Client.Do."
	case e.html:
		return text + "A page came in place of JSON: a proxy, firewall or captive portal answers in place of Amazon."
	case e.foreign:
		return text + "Something else answers in place of the operation, such as a gateway or proxy on the way, or there is nothing to be told. " +
			"Where it lasts, look at the whole answer with Client.Do, or \"spapi request\"."
	case e.empty:
		return text + "A body was promised and none came. Where that lasts, use Client.Do, or tell us which operation it is."
	default:
		return text + "The body broke off or is not JSON: a connection or a proxy on the way fails. Try again later where the operation only reads."
	}
}

package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/marketplace"
)

const tokenPath = "/auth/o2/token"

// loginHosts are Login with Amazon's (developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html): clients that hard-code one ask the
// gateway for tokens by it.
var loginHosts = []string{"api.amazon.com", "api.amazon.co.uk", "api.amazon.co.jp"}

// methods are all that SP-API has. Others mean nothing there, and what a scope says of them nobody knows.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// ownHeaders are those that callers may send to the gateway. Any other X-Spapi-… is refused: a misspelt account would be the default one.
var ownHeaders = []string{
	headerAccount, headerPriority, headerTimeout, headerDeadline, headerFailFast, headerRestrictedData, headerDocuments,
}

const (
	headerAccount        = "X-Spapi-Account"
	headerPriority       = "X-Spapi-Priority"
	headerTimeout        = "X-Spapi-Timeout"
	headerDeadline       = "X-Spapi-Deadline"
	headerFailFast       = "X-Spapi-Fail-Fast"
	headerRestrictedData = "X-Spapi-Restricted-Data"
	headerDocuments      = "X-Spapi-Documents"
)

// single are headers that decide something, so that nobody may read another one of two than the gateway does. Host and Content-Length are net/http's affair.
var single = []string{"Authorization", "X-Amz-Access-Token", "X-Api-Key", "Content-Type", "Content-Encoding", "Range", "Origin", "Expect"}

// checkRequest refuses what is no request for SP-API or the gateway itself, before anybody looks at who sends it. What passes means the same to everyone who reads
// it: scopes are decided by the bytes that Amazon gets.
func (g *Gateway) checkRequest(r *http.Request) *refusal {
	if !slices.Contains(methods, r.Method) {
		return &refusal{Status: http.StatusMethodNotAllowed, Code: "InvalidInput", why: "method",
			Message: "Method " + shown(r.Method) + ": want one of " + strings.Join(methods, ", "),
			Details: "The gateway is an HTTP server with SP-API's paths. It opens no tunnels."}
	}
	for _, check := range []func(*http.Request) *refusal{g.checkHost, checkTarget, checkHeaders, g.checkOrigin} {
		if no := check(r); no != nil {
			return no
		}
	}
	return nil
}

// shown is text of a request as a refusal may quote it: short, and nothing that a terminal or a log takes for more than text.
func shown(s string) string { return strconv.QuoteToASCII(s[:min(len(s), 80)]) }

func badRequest(why, message, details string) *refusal {
	return &refusal{Status: http.StatusBadRequest, Code: "InvalidInput", Message: message, Details: details, why: why}
}

// checkHost refuses requests for others: those of a page whose name was made to lead here (DNS rebinding), and those that take the gateway for any proxy.
func (g *Gateway) checkHost(r *http.Request) *refusal {
	if r.URL.User != nil || r.URL.Host != "" && r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return badRequest("target", "The request's URI isn't one of SP-API's: want http or https, and no user name", "")
	}
	if r.URL.Opaque != "" {
		return badRequest("target", "The request's target "+shown(r.URL.Opaque)+" is no path: want one such as /orders/v0/orders", "")
	}
	host := hostname(r.Host)
	switch {
	case amazonHost(host) != nil:
		return nil
	case slices.Contains(loginHosts, host):
		if r.URL.Path == tokenPath {
			return nil
		}
		return badRequest("host", "At "+host+" the gateway answers "+tokenPath+" only", "")
	case g.ownHost(host):
		return nil
	}
	return &refusal{Status: http.StatusMisdirectedRequest, Code: "InvalidInput", why: "host",
		Message: "Host " + shown(r.Host) + " is neither the gateway's nor one of SP-API's",
		Details: "Want an IP address, localhost, or one of the names that the gateway's setting hosts has; the one that callers use has to stand there."}
}

// ownHost tells whether a name is one of the gateway's: an address, which no page can be made to have, localhost, or a name that is set.
func (g *Gateway) ownHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(g.config.Hosts, func(own string) bool { return strings.EqualFold(own, host) })
}

// hostname is the name of a Host header, in lower case and without port.
func hostname(named string) string {
	u := url.URL{Host: named}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// place is what a host of SP-API's stands for.
type place struct {
	host    string
	region  marketplace.Region
	sandbox bool
}

var places = sync.OnceValue(func() (all []place) {
	for _, r := range marketplace.Regions() {
		host := strings.TrimPrefix(r.Endpoint(), "https://")
		all = append(all, place{host, r, false}, place{"sandbox." + host, r, true})
	}
	return all
})

// amazonHost finds what a host of SP-API's stands for; nil for others.
func amazonHost(host string) *place {
	all := places()
	for i := range all {
		if all[i].host == host {
			return &all[i]
		}
	}
	return nil
}

// checkPlace refuses a request that names a host of SP-API's at which the account isn't: the data would be another's than the caller means.
func (x *exchange) checkPlace() *refusal {
	p := amazonHost(hostname(x.r.Host))
	if p == nil || p.region == x.client.Region() && p.sandbox == x.client.Sandbox() {
		return nil
	}
	return badRequest("region", "Host "+p.host+" is not where the account is",
		"Its calls go to "+spoken(x.client.Region(), x.client.Sandbox())+", the request is for "+spoken(p.region, p.sandbox)+
			": name an account of that place by "+headerAccount+" or by the refresh token, or send the request to the host of the account.")
}

func spoken(region marketplace.Region, sandbox bool) string {
	if sandbox {
		return "the sandbox of region " + region.String()
	}
	return "region " + region.String()
}

// checkTarget refuses targets that may mean one thing here and another at Amazon.
func checkTarget(r *http.Request) *refusal {
	path := r.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		return badRequest("path", "The path "+shown(path)+" doesn't begin with a slash", "")
	}
	if sent := sentPath(r.RequestURI); sent != path && r.RequestURI != "" {
		return badRequest("path", "The path "+shown(sent)+" has characters that a URI must not have", "Percent-encode what is no letter, digit or one of -._~!$&'()*+,;=:@ in a path.")
	}
	for i := range len(r.URL.RawQuery) {
		if c := r.URL.RawQuery[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return badRequest("query", "The query has the byte "+strconv.QuoteToASCII(string(rune(c)))+" as it is: want it percent-encoded", "")
		}
	}
	if !strings.Contains(path, "%") { // of nearly all
		return checkSegments(path, path)
	}
	// Servers differ in how often they decode; no path may become another by it.
	for decoded, before := path, ""; decoded != before; {
		if no := checkSegments(path, decoded); no != nil {
			return no
		}
		before = decoded
		if once, err := url.PathUnescape(decoded); err == nil {
			decoded = once
		}
	}
	return nil
}

// sentPath is the path of a request's target as it was sent.
func sentPath(target string) string {
	if !strings.HasPrefix(target, "/") { // an absolute URI
		_, rest, _ := strings.Cut(target, "://")
		i := strings.IndexAny(rest, "/?")
		if i < 0 {
			return ""
		}
		target = rest[i:]
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

// checkSegments looks at the segments of a path, here decoded as far as somebody may decode it.
func checkSegments(path, decoded string) *refusal {
	for i := range len(decoded) {
		if c := decoded[i]; c < ' ' || c == 0x7f {
			return badRequest("path", "The path "+shown(path)+" has a control character", "")
		}
	}
	if strings.Contains(path, `\`) {
		return badRequest("path", "The path "+shown(path)+" has a backslash: want it percent-encoded, or a slash", "")
	}
	if strings.Contains(path, "//") {
		return badRequest("path", "The path "+shown(path)+" has an empty segment, //: want one slash", "A base URL that ends with a slash, followed by a path that begins with one, makes two.")
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(c rune) bool { return c == '/' || c == '\\' }) {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return badRequest("path", "The path "+shown(path)+" has the segment "+shown(segment)+", which leads elsewhere: want the path that is meant", "")
		}
	}
	return nil
}

// identify finds the operation of the request, and refuses one that names another where its escapes are read.
func (x *exchange) identify() *refusal {
	if no := x.checkPlace(); no != nil {
		return no
	}
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet // whoever may not read it may not know of it
	}
	path := x.r.URL.EscapedPath()
	x.op, _ = spapi.FindOperation(method, path)
	if !strings.Contains(path, "%") {
		return nil
	}
	for _, other := range []string{decodeUnreserved(path), x.r.URL.Path} {
		if op, found := spapi.FindOperation(method, other); found && op.ID != x.op.ID {
			return badRequest("path", "The path "+shown(path)+" is that of "+op.ID+" once its escapes are read, and none as it is: want it written plainly", "")
		}
	}
	return nil
}

// decodeUnreserved reads the escapes of characters that never need one, which by RFC 3986 changes nothing of what a path means.
func decodeUnreserved(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if c, err := strconv.ParseUint(path[i+1:i+3], 16, 8); err == nil && unreserved(byte(c)) {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// checkHeaders refuses headers of which two readers may see different ones.
func checkHeaders(r *http.Request) *refusal {
	for name, values := range r.Header {
		own := strings.HasPrefix(name, "X-Spapi-")
		if own && !slices.Contains(ownHeaders, name) {
			return badRequest("header", "Header "+shown(name)+" is none of the gateway's: want one of "+strings.Join(ownHeaders, ", "), "")
		}
		if len(values) > 1 && (own || slices.Contains(single, name)) {
			return badRequest("header", "Header "+name+" stands there "+strconv.Itoa(len(values))+" times: want it once", "")
		}
	}
	return nil
}

// checkOrigin refuses pages in browsers: a page of anybody's could otherwise call a gateway without keys on its reader's machine.
func (g *Gateway) checkOrigin(r *http.Request) *refusal {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	foreign := site != "" && site != "none" && site != "same-origin"
	if origin != "" && !foreign {
		u, err := url.Parse(origin)
		foreign = err != nil || !g.ownHost(strings.ToLower(u.Hostname())) || u.Host != r.Host
	}
	if !foreign {
		return nil
	}
	return &refusal{Status: http.StatusForbidden, Code: "Unauthorized", why: "origin",
		Message: "The request comes from a page of another site, in a browser",
		Details: "Call the gateway from a server of yours: a key that a page has is everybody's."}
}

// passedHeaders are those of a request that Amazon gets, beside X-Amzn-…: what operations declare (x-amzn-shipping-business-id and its like,
// destAccountDigitalSignature, amountDigitalSignature, locale) and what says how the body and the answer are written. What isn't named stays
// here: callers' credentials, cookies, who forwarded what, ways to say another method than the one that was authorized.
var passedHeaders = map[string]bool{
	"Accept": true, "Accept-Language": true, "Locale": true,
	"Content-Type": true, "Content-Encoding": true, "Content-Language": true, "Content-Md5": true,
	"If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "Range": true,
	"Destaccountdigitalsignature": true, "Amountdigitalsignature": true,
	"User-Agent": true, // Amazon asks for the program's own, and for agents' names in it
}

// longestAgent is what Amazon takes (developer-docs.amazon.com/sp-api/docs/include-a-user-agent-header-in-all-requests).
const longestAgent = 500

// requestHeader is the header of the call.
func (x *exchange) requestHeader() http.Header {
	in := x.r.Header
	out := make(http.Header, 8) // the chain adds some
	for name, values := range in {
		if passedHeaders[name] || strings.HasPrefix(name, "X-Amzn-") {
			out[name] = values
		}
	}
	dropNamed(out, in)
	if agent := in.Get("User-Agent"); len(agent) > longestAgent {
		out.Set("User-Agent", agent[:longestAgent])
	}
	if x.problems {
		out["Accept"] = []string{"application/json"} // Amazon has no problems
	}
	return out
}

// dropNamed takes out what the Connection header names: it is between two neighbours only.
func dropNamed(out, in http.Header) {
	for _, line := range in["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
}

// notReturned are headers of an answer that callers don't get.
var notReturned = map[string]bool{
	// Between two neighbours only (RFC 9110 7.6.1), and those of old.
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
	// About Amazon's hosts and not the gateway's: cookies, where else and how the host is to be reached.
	"Set-Cookie": true, "Set-Cookie2": true, "Alt-Svc": true, "Strict-Transport-Security": true, "Public-Key-Pins": true, "Clear-Site-Data": true,
	"X-Amz-Security-Token": true,
}

// returnHeader takes the headers of an answer over into those of the gateway's.
func returnHeader(out, in http.Header) {
	for name, values := range in {
		switch {
		case notReturned[name]:
		case strings.HasPrefix(name, "Access-Control-"): // which pages may read it: none
		case strings.HasPrefix(name, "X-Spapi-") && !strings.HasPrefix(name, "X-Spapi-Emulator-"): // the gateway's own are told by none other
		default:
			out[name] = values
		}
	}
	dropNamed(out, in)
}

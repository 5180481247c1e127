package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// examination is one run of all checks. A check that finds nothing to go on with sets stop: what comes after could only repeat it.
type examination struct {
	opts     *Options
	uses     []used
	findings []Finding
	stop     bool

	wire   *recorder
	target factory.Target
	client *spapi.Client
	stored stored
	token  spapi.Secret
	joined []participation
	met    []int // statuses of the calls that were not let in
	letIn  int   // how many were
}

func newExamination(opts *Options, uses []used) *examination {
	return &examination{opts: opts, uses: uses}
}

func (e *examination) all(ctx context.Context) {
	for _, c := range []struct {
		name string
		look func(context.Context)
		lone bool // looks also when calls cannot work
	}{
		{"configuration", e.configuration, true},
		{"secret age", e.secretAge, true},
		{"network", e.network, false},
		{"clock", e.clock, false},
		{"credentials", e.credentials, false},
		{"region", e.region, false},
		{"marketplaces", e.marketplaces, false},
		{"roles", e.roles, false},
		{"calls", e.calls, false},
		{"restricted", e.restricted, false},
		{"consent page", e.consent, false},
		{"fleet", e.fleet, true},
		{"aws", e.aws, true},
		{"operations", e.operations, true},
	} {
		switch {
		case ctx.Err() != nil:
			return
		case e.stop && !c.lone:
			e.add(Finding{Check: c.name, Status: Skipped, Message: "not looked at: a problem before stands in the way"})
		default:
			w := e.opts.Factory.Await("the check %q", c.name)
			c.look(ctx)
			w.End()
		}
	}
}

func (e *examination) add(f Finding) { e.findings = append(e.findings, f) }

func (e *examination) ok(check, format string, args ...any) {
	e.add(Finding{Check: check, Status: OK, Message: fmt.Sprintf(format, args...)})
}

func (e *examination) skip(check, format string, args ...any) {
	e.add(Finding{Check: check, Status: Skipped, Message: fmt.Sprintf(format, args...)})
}

// problem adds a named one. The message is what was found; without one the problem's title says it all.
func (e *examination) problem(check, name, format string, args ...any) {
	e.named(check, Problem, name, format, args...)
}

func (e *examination) warning(check, name, format string, args ...any) {
	e.named(check, Warning, name, format, args...)
}

func (e *examination) named(check string, status Status, name, format string, args ...any) {
	p := find(name)
	message := p.title
	if found := fmt.Sprintf(format, args...); found != "" {
		message += ": " + found
	}
	e.add(Finding{Check: check, Status: status, Name: name, Message: message, Fix: p.fix})
}

// configuration makes the client, which checks all settings, and sends nothing.
func (e *examination) configuration(ctx context.Context) {
	const check = "configuration"
	f := e.opts.Factory
	base, err := e.transport()
	if err == nil {
		e.wire = &recorder{base: base, now: e.opts.now}
		e.target, err = f.Target(ctx)
	}
	if err == nil {
		e.client, err = e.clientOf(e.target.Account, e.target.Application)
	}
	if err == nil && e.target.Source == factory.FromAccount {
		err = e.readStored(ctx)
	}
	if err != nil {
		e.stop = true
		if e.target.Source == factory.FromNowhere {
			e.problem(check, "no-configuration", "")
			return
		}
		e.problem(check, nameConfig(err), "%s", strings.TrimPrefix(exit.Line(err), "accounts: "))
		return
	}
	kind := "production"
	if e.client.Sandbox() {
		kind = "sandbox"
	}
	for _, d := range e.target.Differences {
		e.warning(check, "environment-over-account", "%s", d.Note())
	}
	for _, note := range e.target.Notes {
		e.warning(check, "environment-over-account", "%s", note)
	}
	switch name := nameEndpoint(e.client.Endpoint()); name {
	case "":
		if text := e.target.Apart(); text != "" {
			e.warning(check, "token-url-elsewhere", "%s", text)
		}
		e.ok(check, "from the %s; region %s, %s, %s", e.target.Source, e.client.Region(), kind, e.client.Endpoint())
	case "endpoint-foreign":
		e.warning(check, name, "%s", e.client.Endpoint())
	default:
		e.stop = true
		e.problem(check, name, "%s", e.client.Endpoint())
	}
}

func (e *examination) transport() (http.RoundTripper, error) {
	if e.opts.transport != nil {
		return e.opts.transport, nil
	}
	t, err := e.opts.Factory.Transport()
	if t == nil && err == nil {
		t = http.DefaultTransport
	}
	return t, err
}

func (e *examination) readStored(ctx context.Context) error {
	store, err := e.opts.Factory.Store()
	if err != nil {
		return err
	}
	all, err := store.Applications(ctx)
	if err != nil {
		return err
	}
	e.stored = stored{account: &e.target.Account, application: &e.target.Application, all: all}
	return nil
}

// clientOf makes a client that doctor listens to. It has tokens of its own: those that a fleet shares may be older than the credentials.
func (e *examination) clientOf(account accounts.Account, application accounts.Application) (*spapi.Client, error) {
	clients, err := e.opts.Factory.Clients(spapi.WithTransport(e.wire), spapi.WithTokenStore(spapi.NewTokenStore()), spapi.WithRetry(spapi.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		return nil, err
	}
	return clients.Of(account, application)
}

// soon is how long before the end of a secret its rotation is called for. Amazon reminds 90 days before.
const soon = 30 * 24 * time.Hour

func (e *examination) secretAge(context.Context) {
	const check = "secret age"
	a := e.stored.application
	if a == nil || a.SecretExpires.IsZero() {
		e.skip(check, "unknown: Amazon does not tell when a client secret ends (180 days after it was made); \"spapi auth login --secret-expires DATE\" keeps the date")
		return
	}
	left, day := a.SecretExpires.Sub(e.opts.now()), a.SecretExpires.Format(time.DateOnly)
	switch {
	case left <= 0:
		e.stop = true
		e.problem(check, "secret-expired", "on %s", day)
	case left < soon:
		e.warning(check, "secret-expires-soon", "on %s, in %s", day, output.Plural(int(left/(24*time.Hour)), "day"))
	default:
		e.ok(check, "good until %s", day)
	}
}

// unauthorized is any SP-API path: without a token it is refused by the API itself, which shows that it was reached.
const unauthorized = "/sellers/v1/marketplaceParticipations"

func (e *examination) network(ctx context.Context) {
	const check = "network"
	a, err := e.wire.get(ctx, e.client.Endpoint()+unauthorized, "")
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.stop = true
		e.unreachable(check, host(e.client.Endpoint()), err)
		return
	}
	e.stop = true
	switch {
	case a.status == http.StatusProxyAuthRequired:
		e.problem(check, "proxy-authentication", "status 407 from the way to %s", host(e.client.Endpoint()))
	case a.page:
		e.problem(check, "html-in-between", "%s answered with status %d and a page", host(e.client.Endpoint()), a.status)
	case a.status >= 500:
		e.problem(check, "api-failing", "%s answered with status %d, request id %s", host(e.client.Endpoint()), a.status, a.id)
	default:
		e.stop = false
		if e.wire.stray != "" {
			e.warning(check, "tls-interception", "%s", e.wire.stray)
			return
		}
		e.ok(check, "%s answers", host(e.client.Endpoint()))
	}
}

func (e *examination) unreachable(check, host string, err error) {
	name := nameNetwork(err)
	if name == "" {
		name = "connection-refused"
	}
	e.problem(check, name, "%s: %s", host, short(err))
}

func host(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return address
}

// maxSkew is what AWS tolerates in signatures; tokens and their expiry suffer from less.
const maxSkew = 5 * time.Minute

func (e *examination) clock(context.Context) {
	const check = "clock"
	if !e.wire.asked {
		e.skip(check, "the answer told no time")
		return
	}
	direction, skew := "ahead of", e.wire.skew
	if skew < 0 {
		direction, skew = "behind", -skew
	}
	switch {
	case skew >= maxSkew:
		e.problem(check, "clock-skew", "%s %s Amazon's", skew, direction)
	case skew > 2*time.Second:
		e.ok(check, "%s %s Amazon's, which does no harm", skew, direction)
	default:
		e.ok(check, "right")
	}
}

func (e *examination) credentials(ctx context.Context) {
	const check = "credentials"
	token, err := e.client.AccessToken(ctx)
	if err == nil {
		e.token = token.Value
		e.ok(check, "Login with Amazon gives access tokens")
		return
	}
	if ctx.Err() != nil {
		return
	}
	e.stop = true
	refused, ok := errors.AsType[*spapi.AuthError](err)
	if !ok {
		e.unreachable(check, "token endpoint", err)
		return
	}
	found := strings.TrimSpace(refused.Code + " " + refused.Description)
	if url := e.target.Account.TokenURL; !settings.IsAmazonTokenURL(url) {
		found += ", says " + url
	}
	switch {
	case refused.StatusCode == 0:
		e.unreachable(check, "Login with Amazon", err)
	case refused.StatusCode == http.StatusTooManyRequests:
		e.problem(check, "token-endpoint-throttled", "status 429")
	case e.wire.html != "":
		e.problem(check, "html-in-between", "%s answered with status %d and a page", e.wire.html, refused.StatusCode)
	case refused.Code == "invalid_client":
		if other := e.ownerOfSecret(); other != "" {
			e.problem(check, "client-id-of-another-application", "the secret is stored with %s too", other)
			return
		}
		e.problem(check, "client-refused", "%s", found)
	case refused.Code == "invalid_grant":
		if other := e.ownerOfToken(ctx); other != "" {
			e.problem(check, "refresh-token-of-another-application", "it works with %s", other)
			return
		}
		e.problem(check, "authorization-revoked", "%s", found)
	case refused.Code == "unauthorized_client":
		e.problem(check, "unauthorized-client", "%s", found)
	case refused.StatusCode >= 500, refused.Code == "server_error", refused.Code == "temporarily_unavailable":
		e.problem(check, "token-endpoint-failing", "status %d", refused.StatusCode)
	default:
		e.problem(check, "token-endpoint-wrong", "status %d %s", refused.StatusCode, found)
	}
}

// ownerOfSecret is another stored application with the same secret.
func (e *examination) ownerOfSecret() string {
	own := e.stored.application
	for _, a := range e.stored.all {
		if own != nil && a.ClientID != own.ClientID && a.ClientSecret == own.ClientSecret {
			return a.ClientID
		}
	}
	return ""
}

// ownerOfToken is another stored application with which the refresh token works. The use of a refresh token changes nothing.
func (e *examination) ownerOfToken(ctx context.Context) string {
	if e.stored.account == nil {
		return ""
	}
	for _, a := range e.stored.all {
		if a.ClientID == e.stored.account.ClientID {
			continue
		}
		client, err := e.clientOf(*e.stored.account, a)
		if err == nil {
			_, err = client.AccessToken(ctx)
		}
		if err == nil {
			return a.ClientID
		}
	}
	return ""
}

// details is what tells one 403 from another.
func details(body []byte) string {
	var b struct {
		Errors []struct{ Message, Details string }
	}
	if json.Unmarshal(body, &b) != nil || len(b.Errors) == 0 {
		return ""
	}
	return b.Errors[0].Details
}

// listed tells whether a body holds an error as SP-API writes it: with a code.
func listed(body []byte) bool {
	var b struct {
		Errors []struct{ Code string }
		Code   string
	}
	return json.Unmarshal(body, &b) == nil && (b.Code != "" || len(b.Errors) > 0 && b.Errors[0].Code != "")
}

// participation is an entry of getMarketplaceParticipations.
type participation struct {
	Marketplace struct {
		ID          string `json:"id"`
		CountryCode string `json:"countryCode"`
		Name        string `json:"name"`
	} `json:"marketplace"`
	Participation struct {
		Joined    bool `json:"isParticipating"`
		Suspended bool `json:"hasSuspendedListings"`
	} `json:"participation"`
}

// region asks which marketplaces the seller takes part in: the call that every seller's authorization allows.
func (e *examination) region(ctx context.Context) {
	const check = "region"
	a, err := e.wire.get(ctx, e.client.Endpoint()+unauthorized, e.token.Reveal())
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.stop = true
		e.unreachable(check, host(e.client.Endpoint()), err)
		return
	}
	e.judge(a)
	switch {
	case a.status == http.StatusOK:
		var list struct {
			Payload []participation `json:"payload"`
		}
		if json.Unmarshal(a.body, &list) != nil {
			e.skip(check, "the answer on marketplaces cannot be read")
			return
		}
		e.joined = list.Payload
		e.ok(check, "%s is the account's", e.client.Region())
	case a.status == http.StatusTooManyRequests:
		e.warning(check, "throttled", "sellersv1.getMarketplaceParticipations")
	case a.refused():
		e.refused(ctx, check, a)
	default:
		e.skip(check, "sellersv1.getMarketplaceParticipations answered with status %d", a.status)
	}
}

// refused finds out what stands behind a 403.
func (e *examination) refused(ctx context.Context, check string, a *answer) {
	e.stop = true
	d := strings.ToLower(a.details)
	switch {
	case strings.Contains(d, "lwa secret token"):
		e.problem(check, "secret-expired", "as SP-API says")
		return
	case strings.Contains(d, "missing in the request header"):
		e.problem(check, "header-stripped", "")
		return
	case strings.Contains(d, "revoked, malformed or invalid"):
		e.problem(check, "authorization-revoked", "SP-API takes the access token for revoked")
		return
	case a.page:
		e.problem(check, "html-in-between", "%s answered with status %d and a page", host(e.client.Endpoint()), a.status)
		return
	}
	own := e.client.Region()
	amazon := nameEndpoint(e.client.Endpoint()) == "" && slices.Contains(marketplace.Hosts(), host(e.client.Endpoint()))
	if amazon {
		for _, r := range marketplace.Regions() {
			if r != own && e.answers(ctx, base(r, e.client.Sandbox())+unauthorized) {
				e.problem(check, "wrong-region", "%s refuses the account, %s knows it", own, r)
				return
			}
		}
	}
	seller, vendor := false, false
	for _, p := range probes {
		if p.vendor {
			vendor = vendor || e.answers(ctx, e.client.Endpoint()+p.path(e))
		} else if !seller {
			seller = e.answers(ctx, e.client.Endpoint()+p.path(e))
		}
	}
	switch {
	case seller:
		// The region is right, and only this operation's roles are missing.
		e.stop = false
		op, _ := catalog.Lookup("sellersv1.getMarketplaceParticipations")
		e.missing(check, "marketplaces", op)
	case vendor:
		e.problem(check, "vendor-account", "")
	case amazon && !e.client.Sandbox() && e.answers(ctx, base(own, true)+unauthorized):
		e.problem(check, "sandbox-in-production", "")
	default:
		e.problem(check, "access-refused", "")
	}
}

func base(r marketplace.Region, sandbox bool) string {
	if sandbox {
		return r.SandboxEndpoint()
	}
	return r.Endpoint()
}

// answers tells whether a request with the seller's token is let in. Only addresses of Amazon's and the endpoint in force are asked.
func (e *examination) answers(ctx context.Context, address string) bool {
	a, err := e.wire.get(ctx, address, e.token.Reveal())
	return err == nil && !a.page && a.allowed()
}

func (e *examination) marketplaces(ctx context.Context) {
	const check = "marketplaces"
	if e.joined == nil {
		e.skip(check, "unknown")
		return
	}
	var names, suspended []string
	wanted := e.opts.Factory.Flags.Marketplace.ID
	if wanted == "" {
		if m, err := e.opts.Factory.Marketplace(ctx); err == nil && e.target.Source != factory.FromEmulator {
			wanted = m.ID
		}
	}
	found := wanted == ""
	for _, p := range e.joined {
		if !p.Participation.Joined {
			continue
		}
		name := p.Marketplace.CountryCode
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		found = found || p.Marketplace.ID == wanted
		if p.Participation.Suspended {
			suspended = append(suspended, name)
		}
	}
	switch {
	case len(names) == 0:
		e.problem(check, "seller-not-in-region", "%s", e.client.Region())
		return
	case !found:
		m, _ := marketplace.ByID(wanted)
		e.problem(check, "marketplace-not-joined", "%s; the account is in %s", cmp.Or(m.CountryCode, wanted), strings.Join(names, ", "))
	default:
		e.ok(check, "%s", strings.Join(names, ", "))
	}
	if len(suspended) > 0 {
		e.warning(check, "listings-suspended", "%s", strings.Join(suspended, ", "))
	}
}

// probe is a harmless call that shows whether the application may do something.
type probe struct {
	about  string
	id     string // operation
	query  func(e *examination) url.Values
	vendor bool
}

func (p *probe) path(e *examination) string {
	op, _ := catalog.Lookup(p.id)
	return op.Path + "?" + p.query(e).Encode()
}

func (e *examination) anyMarketplace() string {
	for _, p := range e.joined {
		if p.Participation.Joined {
			return p.Marketplace.ID
		}
	}
	return e.client.Region().DefaultMarketplace().ID
}

// recently is a start for searches that should find little.
func (e *examination) recently() string {
	return e.opts.now().Add(-time.Hour).UTC().Format(time.RFC3339)
}

var probes = []probe{
	{about: "orders", id: "orders20260101.searchOrders", query: func(e *examination) url.Values {
		return url.Values{"createdAfter": {e.recently()}, "marketplaceIds": {e.anyMarketplace()}, "maxResultsPerPage": {"1"}}
	}},
	{about: "catalog and listings", id: "catalogitems20220401.searchCatalogItems", query: func(e *examination) url.Values {
		return url.Values{"keywords": {"pen"}, "marketplaceIds": {e.anyMarketplace()}, "pageSize": {"1"}}
	}},
	{about: "prices", id: "productpricingv0.getPricing", query: func(e *examination) url.Values {
		return url.Values{"MarketplaceId": {e.anyMarketplace()}, "ItemType": {"Asin"}, "Asins": {"B000000000"}}
	}},
	{about: "FBA inventory", id: "fbainventoryv1.getInventorySummaries", query: func(e *examination) url.Values {
		id := e.anyMarketplace()
		return url.Values{"granularityType": {"Marketplace"}, "granularityId": {id}, "marketplaceIds": {id}, "startDateTime": {e.recently()}}
	}},
	{about: "finances", id: "finances20240619.listTransactions", query: func(e *examination) url.Values {
		return url.Values{"postedAfter": {e.recently()}}
	}},
	{about: "reports", id: "reports20210630.getReports", query: func(e *examination) url.Values {
		return url.Values{"reportTypes": {"GET_MERCHANT_LISTINGS_ALL_DATA"}, "pageSize": {"1"}}
	}},
	{about: "feeds", id: "feeds20210630.getFeeds", query: func(e *examination) url.Values {
		return url.Values{"feedTypes": {"JSON_LISTINGS_FEED"}, "pageSize": {"1"}}
	}},
	{about: "Data Kiosk", id: "datakiosk20231115.getQueries", query: func(e *examination) url.Values { return url.Values{"pageSize": {"1"}} }},
	{about: "vendor orders", id: "vendorordersv1.getPurchaseOrders", vendor: true, query: func(e *examination) url.Values {
		return url.Values{"limit": {"1"}, "createdAfter": {e.recently()}}
	}},
}

// roles tries what a role lets in. Which roles the application has, Amazon tells nowhere.
func (e *examination) roles(ctx context.Context) {
	const check = "roles"
	if e.client.Sandbox() {
		e.skip(check, "the sandbox knows no roles")
		return
	}
	var held, abroad []string
	for i := range probes {
		p := &probes[i]
		if p.vendor {
			continue
		}
		a, err := e.wire.get(ctx, e.client.Endpoint()+p.path(e), e.token.Reveal())
		if ctx.Err() != nil {
			return
		}
		op, _ := catalog.Lookup(p.id)
		if err == nil {
			e.judge(a)
		}
		switch {
		case err != nil:
			e.unreachable(check, p.id, err)
		case a.status == http.StatusTooManyRequests:
			e.warning(check, "throttled", "%s", p.id)
		case a.allowed():
			held = append(held, p.about)
		case a.abroad():
			abroad = append(abroad, p.id)
		case a.refused():
			e.missing(check, p.about, op)
		case a.status/100 == 2:
			e.skip(check, "%s answered with status %d and nothing that belongs to it", p.id, a.status)
		default:
			e.skip(check, "%s answered with status %d", p.id, a.status)
		}
	}
	if len(abroad) > 0 {
		e.problem(check, "endpoint-in-other-region", "%s takes no marketplace of region %s (%s)", host(e.client.Endpoint()), e.client.Region(), strings.Join(abroad, ", "))
	}
	if len(held) > 0 {
		e.ok(check, "open: %s", strings.Join(held, ", "))
	}
}

func (e *examination) judge(a *answer) {
	if a.allowed() {
		e.letIn++
	} else {
		e.met = append(e.met, a.status)
	}
}

// calls looks at all answers together: what is harmless of one call, such as a role that isn't needed, is not if no call works.
func (e *examination) calls(context.Context) {
	const check = "calls"
	all := e.letIn + len(e.met)
	only := func(statuses ...int) bool {
		return !slices.ContainsFunc(e.met, func(met int) bool { return !slices.Contains(statuses, met) })
	}
	switch {
	case all == 0:
		e.skip(check, "none was made")
	case e.letIn == 0 && only(http.StatusTooManyRequests):
		e.problem(check, "throttled", "every call, %d of %d", all, all)
	case e.letIn == 0 && only(http.StatusForbidden, http.StatusUnauthorized):
		e.problem(check, "access-refused", "%s", statuses(e.met))
	case e.letIn == 0:
		e.problem(check, "no-call-works", "%s", statuses(e.met))
	case e.letIn == 1 && e.joined != nil && len(e.met) > 1 && only(http.StatusForbidden, http.StatusUnauthorized):
		e.problem(check, "access-refused", "but sellersv1.getMarketplaceParticipations; %s", statuses(e.met))
	default:
		e.ok(check, "%d of %d were let in", e.letIn, all)
	}
}

// statuses counts what was met: "8 × status 403, 1 × status 429".
func statuses(met []int) string {
	counts := map[int]int{}
	for _, status := range met {
		counts[status]++
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × status %d", counts[status], status))
	}
	return strings.Join(parts, ", ")
}

// missing is a role that an operation lacks: a problem where the program is known to call an operation with just those roles.
func (e *examination) missing(check, about string, op *catalog.Operation) {
	status, where := Warning, ""
	for _, u := range e.uses {
		if u.op.ID == op.ID || len(op.Roles) > 0 && slices.Equal(u.op.Roles, op.Roles) {
			status, where = Problem, fmt.Sprintf("; %s (%s) needs it", u.op.ID, u.where)
			break
		}
	}
	want := strings.Join(op.Roles, " or ")
	if len(op.Roles) > 3 {
		want = fmt.Sprintf("one of %s and %d more", strings.Join(op.Roles[:3], ", "), len(op.Roles)-3)
	}
	e.named(check, status, "role-missing", "%s: %s is refused: want %s%s", about, op.ID, want, where)
}

// restricted asks for a token for personal data, and throws it away.
func (e *examination) restricted(ctx context.Context) {
	const check = "restricted"
	if e.client.Sandbox() {
		e.skip(check, "the sandbox needs no restricted data tokens")
		return
	}
	body := `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo","shippingAddress"]}]}`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.client.Endpoint()+"/tokens/2021-03-01/restrictedDataToken", strings.NewReader(body))
	if err != nil {
		e.skip(check, "%s", short(err))
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Amz-Access-Token", e.token.Reveal())
	resp, err := e.wire.RoundTrip(req)
	if err != nil {
		e.unreachable(check, host(e.client.Endpoint()), err)
		return
	}
	defer resp.Body.Close()
	a, err := read(resp)
	if err != nil {
		e.unreachable(check, host(e.client.Endpoint()), err)
		return
	}
	status := Warning
	for _, u := range e.uses {
		if u.op.Restricted != nil && u.op.Restricted.When == "always" {
			status = Problem
		}
	}
	switch {
	case a.status/100 == 2:
		e.ok(check, "names and addresses of buyers are open")
	case a.status == http.StatusTooManyRequests:
		e.warning(check, "throttled", "tokens20210301.createRestrictedDataToken")
	case a.status == http.StatusBadRequest || a.refused():
		e.named(check, status, "restricted-data-refused", "tokens20210301.createRestrictedDataToken answered with status %d", a.status)
	default:
		e.skip(check, "createRestrictedDataToken answered with status %d", a.status)
	}
}

// consent asks for the consent page as a stranger would. Amazon shows most of its errors only to those who are logged in, so silence proves nothing.
func (e *examination) consent(ctx context.Context) {
	const check = "consent page"
	a, own := e.stored.application, e.stored.account
	if a == nil || a.ApplicationID == "" {
		e.skip(check, "no application id is stored; consent pages need one")
		return
	}
	m := e.client.Region().DefaultMarketplace()
	if len(own.Marketplaces) > 0 {
		if known, ok := marketplace.ByID(own.Marketplaces[0]); ok {
			m = known
		}
	}
	site := m.SellerCentral
	if !slices.Contains(marketplace.Hosts(), host(e.client.Endpoint())) {
		site = e.client.Endpoint()
	}
	page, err := e.wire.get(ctx, site+"/apps/authorize/consent?"+url.Values{"application_id": {a.ApplicationID}, "state": {"doctor"}}.Encode(), "")
	if err != nil {
		e.unreachable(check, host(site), err)
		return
	}
	text := string(page.body)
	for _, known := range []struct{ code, name string }{ // those that Amazon's own pages lack: amzn/selling-partner-api-docs#2021, #533, selling-partner-api-models#1754
		{"MD1000", "application-draft"}, {"MD5101", "redirect-mismatch"}, {"MD9100", "application-uris-missing"},
		{"MD5100", "application-not-published"}, {"MD4100", "application-not-found"}, {"MD9999", "application-of-others-unpublished"},
	} {
		if strings.Contains(text, known.code) {
			e.warning(check, known.name, "%s", known.code)
			return
		}
	}
	e.ok(check, "shows no error to a stranger")
}

// aws looks at what programs need that still sign.
func (e *examination) aws(ctx context.Context) {
	const check = "aws"
	set, err := settings.RoleARN.Read()
	if err != nil {
		e.skip(check, "%s", err)
		return
	}
	role := set.Text
	if role == "" && e.stored.application != nil {
		role = e.stored.application.RoleARN
	}
	key, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case role == "" && key == "":
		e.skip(check, "no role and no keys: SP-API needs none since 2023-10-02")
		return
	case role == "":
		e.warning(check, "aws-role-missing", "")
		return
	case settings.CheckRoleARN(role) != nil:
		e.skip(check, "the role's ARN is none")
		return
	}
	config := e.opts.aws
	config.RoleARN = role
	signer, err := awsauth.New(config)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_, err = signer.Retrieve(ctx)
	}
	refused, _ := errors.AsType[*awsauth.Error](err)
	switch {
	case err == nil:
		e.ok(check, "the role can be assumed, though SP-API needs none since 2023-10-02")
	case refused == nil:
		e.warning(check, "sts-unreachable", "%s", short(err))
	case refused.Reason == awsauth.NoCredentials && (key == "" || secret == ""):
		e.warning(check, "aws-keys-missing", "")
	case refused.Reason == awsauth.AccessDenied, refused.Reason == awsauth.InvalidRequest:
		e.warning(check, "sts-denied", "%s", strings.TrimSpace(refused.Code+" "+role))
	case refused.Reason == awsauth.ClockSkew:
		e.warning(check, "clock-skew", "AWS says so")
	case refused.Reason == awsauth.Unavailable:
		e.warning(check, "sts-unreachable", "%s", refused.Code)
	default:
		e.warning(check, "aws-keys-invalid", "%s", refused.Code)
	}
}

// operations looks for what Amazon will remove.
func (e *examination) operations(context.Context) {
	const check = "operations"
	if e.opts.Source == "" && e.opts.Uses == nil {
		e.skip(check, "unknown which your program calls: name them with --uses, or its folder with --source")
		return
	}
	old := false
	for _, u := range e.uses {
		if !u.op.Deprecated {
			continue
		}
		old = true
		text := u.op.ID + " (" + u.where + ")"
		if u.op.Removal != "" {
			text += ", " + catalog.Removal(u.op.Removal, e.opts.now())
		}
		if u.op.ReplacedBy != "" {
			text += "; " + u.op.ReplacedBy + " replaces it"
		}
		e.warning(check, "deprecated-operation", "%s", text)
	}
	if !old {
		e.ok(check, "%s in use, none deprecated", output.Plural(len(e.uses), "operation"))
	}
}

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
)

// The control plane is how programs in other languages, and people with curl, steer an emulator that is served on a port: what Go
// programs do by methods, as JSON below /_emulator/. It knows all secrets and can throw everything away, so it answers this
// computer only, unless told otherwise, and never a web page: browsers let any page send requests to 127.0.0.1.

const controlPath = "/_emulator/"

// isControlPath tells whether a request is for the control plane. Its slash is easily forgotten.
func isControlPath(path string) bool {
	return strings.HasPrefix(path, controlPath) || path == strings.TrimSuffix(controlPath, "/")
}

// Control says who may use the control plane.
type Control int

// Who may use the control plane.
const (
	// ControlLocal is for clients on this computer's loopback interface, and for RoundTrip. It is the default.
	ControlLocal Control = iota
	// ControlOff is for nobody.
	ControlOff
	// ControlAnyone is for whoever reaches the port, as it must be for a container whose port is published.
	ControlAnyone
)

// WithControl says who may use the control plane below /_emulator/.
func WithControl(c Control) Option { return func(o *options) { o.control = c } }

// maxControlBody bounds an imported state; all else is small.
const maxControlBody = 1 << 30

// controlRoute is one thing that the control plane does.
type controlRoute struct {
	method, path string // below controlPath; {id} takes one segment
	about        string
	do           func(e *Emulator, c *controlCall) (any, error)
}

// controlCall is what a controlRoute sees of a request.
type controlCall struct {
	id    string // of the path
	query map[string][]string
	body  []byte
}

// read decodes the body, in which nothing unknown may stand. Without a body v stays as it is.
func (c *controlCall) read(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	var other *json.UnmarshalTypeError
	if err := dec.Decode(v); errors.As(err, &other) { // its own text names Go's types
		if other.Field == "" {
			return fmt.Errorf("body: is of the wrong type, %s: want an object", other.Value)
		}
		return fmt.Errorf("body: %s is of the wrong type, %s", other.Field, other.Value)
	} else if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("body: something follows the object")
	}
	return nil
}

var errNoSuch = errors.New("there is none of this id")

// controlRoutes are filled in init: the overview lists them.
var controlRoutes []controlRoute

func init() {
	controlRoutes = append(controlRoutes,
		controlRoute{"GET", "", "overview: seed, clock, numbers, and this list", controlOverview},
		controlRoute{"POST", "reset", `back to the start; {"seed": 7} with another seed`, controlReset},
		controlRoute{"GET", "clock", "what time it is", func(e *Emulator, _ *controlCall) (any, error) { return e.desk.Clock.State(), nil }},
		controlRoute{"POST", "clock", `move the clock: {"advance": "26h"} or {"now": "2026-03-01T12:00:00Z"}`, controlClock},
		controlRoute{"GET", "faults", "the rules by which requests go wrong", func(e *Emulator, _ *controlCall) (any, error) { return object{"faults": e.Faults()}, nil }},
		controlRoute{"POST", "faults", `add a rule: {"kind": "throttle", "operation": "ordersv0.*", "every": 5, "burst": 3}`, controlAddFault},
		controlRoute{"DELETE", "faults", "take all rules away", func(e *Emulator, _ *controlCall) (any, error) { e.ClearFaults(); return object{}, nil }},
		controlRoute{"DELETE", "faults/{id}", "take one rule away", controlRemoveFault},
		controlRoute{"GET", "state", "export everything", func(e *Emulator, _ *controlCall) (any, error) { return e.Export() }},
		controlRoute{"PUT", "state", "import what was exported", controlImport},
		controlRoute{"GET", "check", "whether all that there is agrees: stock, money, ids, times, and what the APIs show", controlCheck},
		controlRoute{"GET", "requests", "the last 1,000 requests, without secrets; ?operation=ordersv0.getOrders and ?last=10 for some of them", controlRequests},
		controlRoute{"GET", "accounts", "the sellers with their credentials", controlAccounts},
		controlRoute{"POST", "accounts", `add sellers: {"region": "eu", "marketplaces": ["A1PA6795UKMFR9"], "count": 3}, each optional`, controlAddAccounts},
		controlRoute{"POST", "accounts/{id}/revoke", "a seller, by seller id, takes the authorization back", controlRevoke},
		controlRoute{"POST", "accounts/{id}/code", `an authorization code: {"redirect_uri": "https://…"}`, controlCode},
		controlRoute{"POST", "accounts/{id}/authorize", `the seller consents: {"url": "/apps/authorize/consent?application_id=…&state=…"}; without url, begins in the Appstore`, controlAuthorize},
		controlRoute{"POST", "accounts/{id}/status", `how the seller's account stands: {"status": "AT_RISK", "marketplace": "…"}; NORMAL, AT_RISK or DEACTIVATED; the marketplace is optional`, controlAccountStatus},
		controlRoute{"GET", "accounts/{id}/messages", "what the seller has sent to buyers", controlMessages},
		controlRoute{"POST", "orders/{id}/return",
			`the buyer sends back: {"item": "…", "quantity": 1, "reason": "DEFECTIVE", "disposition": "CUSTOMER_DAMAGED", "travel": "120h"}, each optional`, controlReturn},
		controlRoute{"POST", "orders/{id}/refund",
			`the buyer is paid back: {"item": "…", "quantity": 1}, or some money: {"item": "…", "amount": "3.50", "shipping": "4.99", "goodwill": "2.00"}, each optional`, controlRefund},
		controlRoute{"POST", "orders/{id}/chargeback",
			`the buyer's bank takes it back: {"item": "…", "amount": "3.50"}, each optional`, controlDispute((*Emulator).ChargeBack)},
		controlRoute{"POST", "orders/{id}/claim", "an A-to-z Guarantee claim is granted, as above", controlDispute((*Emulator).Claim)},
		controlRoute{"POST", "product-types", "publish a new version of all product type definitions", func(e *Emulator, c *controlCall) (any, error) {
			if err := c.read(&struct{}{}); err != nil {
				return nil, err
			}
			return object{"version": e.PublishProductTypes()}, nil
		}},
		controlRoute{"POST", "fee-promotions",
			`let a fee promotion begin: {"percent": 50, "skus": ["…"], "asins": ["…"], "seller": "…", "marketplace": "…", "type": "…", "from": "2026-03-02T00:00:00Z", "until": "2026-04-01T00:00:00Z"}, or {"amount": "1.50"} off the referral fee; all else optional`, controlFeePromotion},
		controlRoute{"GET", "deliveries", "the last 1,000 messages to the application's queues, with new secrets in them", func(e *Emulator, _ *controlCall) (any, error) {
			return object{"deliveries": append([]Delivery{}, e.Deliveries()...)}, nil
		}},
		controlRoute{"POST", "notifications", `send a notification though nothing has changed: {"type": "ORDER_CHANGE", "payloadVersion": "1.0", "seller": "…", "about": {"order": "…"}, "payload": {…}, "queue": "arn:…", "dry": true}, all but the type optional`, controlTrigger},
		controlRoute{"GET", "application", "the application's ids, secret, roles, status, redirect URIs, and queue for secrets", controlApplication},
		controlRoute{"POST", "application", `set any of these: {"roles": ["Product Listing"], "status": "draft", "redirect_uris": ["https://…"], "credential_queue": "arn:…"}; roles null is for all`, controlSetApplication},
		controlRoute{"POST", "application/rotate", "a new client secret; the old one stays good for 7 days", func(e *Emulator, _ *controlCall) (any, error) {
			return object{"client_secret": e.RotateSecret()}, nil
		}},
		controlRoute{"POST", "application/expire-secret", "the client secret is overdue for rotation from now on", func(e *Emulator, _ *controlCall) (any, error) {
			e.ExpireSecret()
			return object{}, nil
		}},
		controlRoute{"POST", "tokens/expire", "all access tokens given out so far expire", func(e *Emulator, _ *controlCall) (any, error) {
			e.ExpireTokens()
			return object{}, nil
		}},
	)
}

// controlExchange is what [answer.Send] needs of a control request, which is neither counted nor logged.
func (e *Emulator) controlExchange(r *http.Request) *exchange.Exchange {
	return &exchange.Exchange{Method: r.Method, Now: e.Now()}
}

// proxyHeaders are those by which reverse proxies say for whom they ask: that of RFC 7239, and what they sent before it.
var proxyHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// controlAllowed tells whether a request may use the control plane. remote is the client's address, "" without a connection.
func (e *Emulator) controlAllowed(r *http.Request, remote string) bool {
	if e.control == ControlOff || r.Header.Get("Origin") != "" {
		return false
	}
	// Of what a page loads, such as images, browsers send no Origin, but who wants it; "none" is for an address that somebody has typed in.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return false
	}
	if e.control == ControlAnyone || remote == "" {
		return true
	}
	if slices.ContainsFunc(proxyHeaders, func(name string) bool { return r.Header.Get(name) != "" }) {
		return false // whoever asked a reverse proxy on this computer is elsewhere
	}
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at.Network() == "unix" {
		return true // a socket that is a file has only this computer's programs
	}
	host, _, err := net.SplitHostPort(remote)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return false
	}
	// A page whose name was made to point here after it was loaded sends no Origin with its GETs, but the name in Host.
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// answerControl answers a request below controlPath.
func (e *Emulator) answerControl(r *http.Request, remote string) answer.Reply {
	fail := func(status int, text string, args ...any) answer.Reply {
		return answer.Reply{Status: status, Body: object{"error": fmt.Sprintf(text, args...)}}
	}
	if !e.controlAllowed(r, remote) {
		return fail(http.StatusForbidden, "the control plane is not for you: it answers this computer only, and no web pages")
	}
	route, id, methods := findControl(r.Method, strings.TrimPrefix(r.URL.Path[len(controlPath)-1:], "/"))
	if route == nil {
		if methods == nil {
			return fail(http.StatusNotFound, "nothing at %s: GET %s lists what there is", r.URL.Path, controlPath)
		}
		return fail(http.StatusMethodNotAllowed, "no %s here: want %s", r.Method, strings.Join(methods, " or ")).With("Allow", strings.Join(methods, ", "))
	}
	c := &controlCall{id: id, query: r.URL.Query()}
	if r.Body != nil {
		var err error
		switch c.body, err = io.ReadAll(io.LimitReader(r.Body, maxControlBody+1)); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fail(http.StatusRequestTimeout, "the body did not come whole").With("Connection", "close")
		case err != nil:
			return fail(http.StatusBadRequest, "the body did not come whole").With("Connection", "close")
		case len(c.body) > maxControlBody:
			return fail(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxControlBody)
		}
	}
	value, err := route.do(e, c)
	e.desk.Deliver() // before the answer, like any other request
	switch {
	case errors.Is(err, errNoSuch):
		return fail(http.StatusNotFound, "%q: %v", id, err)
	case err != nil:
		return fail(http.StatusBadRequest, "%s", strings.TrimPrefix(err.Error(), "emulator: "))
	default:
		return answer.OK(value)
	}
}

func findControl(method, path string) (found *controlRoute, id string, methods []string) {
	segments := strings.Split(path, "/")
	for i := range controlRoutes {
		rt := &controlRoutes[i]
		pattern := strings.Split(rt.path, "/")
		if len(pattern) != len(segments) {
			continue
		}
		value, fits := "", true
		for j, p := range pattern {
			if p == "{id}" {
				value = segments[j]
			} else if p != segments[j] {
				fits = false
			}
		}
		if !fits {
			continue
		}
		if rt.method == method {
			return rt, value, nil
		}
		methods = append(methods, rt.method)
	}
	return nil, "", methods
}

func controlOverview(e *Emulator, _ *controlCall) (any, error) {
	type line struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		About  string `json:"about"`
	}
	var lines []line
	for _, rt := range controlRoutes {
		lines = append(lines, line{rt.method, controlPath + rt.path, rt.about})
	}
	accounts, requests := len(e.desk.AllSellers()), e.desk.RequestCount()
	return object{
		"seed": e.Seed(), "clock": e.desk.Clock.State(), "accounts": accounts, "faults": len(e.Faults()), "requests": requests,
		"operations": len(e.Operations()), "control": lines,
	}, nil
}

func controlReset(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		Seed *int64 `json:"seed"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Seed != nil {
		e.Reseed(*in.Seed)
	} else {
		e.Reset()
	}
	return e.Credentials(), nil
}

func controlClock(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		Now     string `json:"now"`
		Advance string `json:"advance"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if (in.Now == "") == (in.Advance == "") {
		return nil, errors.New(`want either {"advance": "26h"} or {"now": "2026-03-01T12:00:00Z"}`)
	}
	if in.Advance != "" {
		d, err := time.ParseDuration(in.Advance)
		if err != nil {
			return nil, fmt.Errorf("advance %q: want a duration such as 26h or 90s", in.Advance)
		}
		if absurd(e.Now().Add(d)) {
			return nil, fmt.Errorf("advance %q: want a time in the years 2000 to 2199", in.Advance)
		}
		e.Advance(d)
	} else {
		t, err := time.Parse(time.RFC3339, in.Now)
		if err != nil {
			return nil, fmt.Errorf("now %q: want a time such as 2026-03-01T12:00:00Z", in.Now)
		}
		if absurd(t) {
			return nil, fmt.Errorf("now %q: want a time in the years 2000 to 2199", in.Now)
		}
		e.SetTime(t)
	}
	e.Deliver()
	return e.desk.Clock.State(), nil
}

func controlAddFault(e *Emulator, c *controlCall) (any, error) {
	var f Fault
	if err := c.read(&f); err != nil {
		return nil, err
	}
	id, err := e.AddFault(f)
	if err != nil {
		return nil, err
	}
	f.ID = id
	return f, nil
}

func controlRemoveFault(e *Emulator, c *controlCall) (any, error) {
	if !e.RemoveFault(c.id) {
		return nil, errNoSuch
	}
	return object{}, nil
}

func controlImport(e *Emulator, c *controlCall) (any, error) {
	s := new(State)
	if err := c.read(s); err != nil {
		return nil, err
	}
	if err := e.Import(s); err != nil {
		return nil, err
	}
	return e.Credentials(), nil
}

func controlRequests(e *Emulator, c *controlCall) (any, error) {
	list := e.Requests()
	if operation := c.query["operation"]; operation != nil {
		list = slices.DeleteFunc(list, func(r LoggedRequest) bool { return !slices.Contains(operation, r.Operation) })
	}
	if last := c.query["last"]; last != nil {
		n, err := strconv.Atoi(last[0])
		if err != nil || n < 0 {
			return nil, fmt.Errorf("last %q: want a number", last[0])
		}
		list = list[max(0, len(list)-n):]
	}
	return object{"requests": list}, nil
}

// accountInfo is a seller as the control plane shows it.
type accountInfo struct {
	Credentials
	StoreName    string   `json:"store_name"`
	Marketplaces []string `json:"marketplaces"`
	Revoked      bool     `json:"revoked"`
}

func (e *Emulator) info(a *desk.Seller) accountInfo {
	i := accountInfo{Credentials: e.credentials(a), StoreName: a.StoreName, Revoked: e.desk.Auth.IsRevoked(a.Account)}
	for _, m := range a.Marketplaces {
		i.Marketplaces = append(i.Marketplaces, m.ID)
	}
	return i
}

func controlAccounts(e *Emulator, _ *controlCall) (any, error) {
	list := []accountInfo{}
	for _, a := range e.desk.AllSellers() {
		list = append(list, e.info(a))
	}
	return object{"accounts": list}, nil
}

// maxNewAccounts bounds one request, not the emulator.
const maxNewAccounts = 10000

func controlAddAccounts(e *Emulator, c *controlCall) (any, error) {
	in := struct {
		AccountConfig
		Count int `json:"count"`
	}{Count: 1}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Count < 1 || in.Count > maxNewAccounts {
		return nil, fmt.Errorf("count %d: want 1 to %d", in.Count, maxNewAccounts)
	}
	list := []accountInfo{}
	for range in.Count {
		a, err := e.desk.AddSeller(in.Region, in.Marketplaces, e.Now())
		if err != nil {
			return nil, err // about region and marketplaces: the first one fails or none
		}
		list = append(list, e.info(a))
	}
	return object{"accounts": list}, nil
}

// bySellerID returns the refresh token of a seller.
func (e *Emulator) bySellerID(id string) (refreshToken string, err error) {
	a := e.desk.Auth.BySellerID(id)
	if a == nil {
		return "", errNoSuch
	}
	return a.RefreshToken, nil
}

func controlRevoke(e *Emulator, c *controlCall) (any, error) {
	token, err := e.bySellerID(c.id)
	if err != nil {
		return nil, err
	}
	if !e.RevokeRefreshToken(token) {
		return nil, errors.New("the authorization has been taken back before")
	}
	return object{}, nil
}

func controlCode(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		RedirectURI string `json:"redirect_uri"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	token, err := e.bySellerID(c.id)
	if err != nil {
		return nil, err
	}
	code := e.AuthorizationCode(token, in.RedirectURI)
	if code == "" {
		return nil, errors.New("the seller has taken the authorization back")
	}
	return object{"spapi_oauth_code": code, "expires_in": int(auth.AuthorizationCodeLifetime.Seconds())}, nil
}

// controlAuthorize takes a seller through a consent page, or "Authorize Now" of the Appstore.
func controlAuthorize(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		URL string `json:"url"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if _, err := e.bySellerID(c.id); err != nil {
		return nil, err
	}
	authorize := e.AuthorizeFromAppstore
	if strings.HasPrefix(in.URL, "/") {
		in.URL = "http://127.0.0.1" + in.URL // here
	}
	if in.URL != "" {
		authorize = func(sellerID string) (string, error) { return e.Authorize(in.URL, sellerID) }
	}
	location, err := authorize(c.id)
	if err != nil {
		return nil, err
	}
	return object{"location": location}, nil
}

func controlAccountStatus(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		Status      string `json:"status"`
		Marketplace string `json:"marketplace"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	return object{}, e.SetAccountStatus(c.id, in.Marketplace, in.Status)
}

func controlFeePromotion(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		FeePromotion
		From  string `json:"from"`
		Until string `json:"until"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	for _, at := range []struct {
		name, text string
		to         *time.Time
	}{{"from", in.From, &in.FeePromotion.From}, {"until", in.Until, &in.FeePromotion.Until}} {
		if at.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, at.text)
		if err != nil || absurd(t) {
			return nil, fmt.Errorf("%s %q: want a time such as 2026-03-01T12:00:00Z, in the years 2000 to 2199", at.name, at.text)
		}
		*at.to = t
	}
	return e.BeginFeePromotion(in.FeePromotion)
}

func controlMessages(e *Emulator, c *controlCall) (any, error) {
	if _, err := e.bySellerID(c.id); err != nil {
		return nil, err
	}
	return object{"messages": append([]BuyerMessage{}, e.Messages(c.id)...)}, nil
}

func controlApplication(e *Emulator, _ *controlCall) (any, error) {
	app, registered := e.desk.Auth.Application(), e.desk.Auth.Registration()
	return object{
		"application_id": app.ID, "client_id": app.ClientID, "client_secret": app.Secret, "roles": app.Roles,
		"role_arn": app.RoleARN(), "secret_expired": !app.SecretExpiry.IsZero() && !e.Now().Before(app.SecretExpiry),
		"status": registered.Status, "redirect_uris": append([]string{}, registered.Redirects...), "login_uri": registered.Login,
		"credential_queue": e.desk.Outbox.CredentialQueue(),
	}, nil
}

func controlSetApplication(e *Emulator, c *controlCall) (any, error) {
	var roles []string
	in := struct {
		Roles  *[]string         `json:"roles"`
		Status ApplicationStatus `json:"status"`
		URIs   *[]string         `json:"redirect_uris"`
		Queue  *string           `json:"credential_queue"`
	}{Roles: &roles} // tells null, for all roles, from nothing said
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Roles != nil && roles == nil && in.Status == "" && in.URIs == nil && in.Queue == nil {
		return nil, errors.New("want some of roles, status, redirect_uris, credential_queue")
	}
	wanted := auth.Registration{Status: in.Status}
	if in.URIs != nil {
		wanted.Redirects = *in.URIs
	}
	if err := wanted.Check(); err != nil {
		return nil, err
	}
	switch {
	case in.Roles == nil:
		e.SetRoles()
	case roles != nil:
		e.SetRoles(roles...)
	}
	if in.Status != "" {
		e.SetApplicationStatus(in.Status)
	}
	if in.URIs != nil {
		e.SetRedirectURIs(*in.URIs...)
	}
	if in.Queue != nil {
		e.SetCredentialQueue(*in.Queue)
	}
	return controlApplication(e, c)
}

package emulator

import (
	"bytes"
	"io"
	"net/http"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// maxBody is where the emulator stops reading a request. SP-API's own limits are smaller and differ by operation; API Gateway's
// is 10 MB (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
const maxBody = 10 << 20

// visit is one request on its way through the desk.
type visit struct {
	*exchange
	service *service          // nil: SP-API or one of those that [authority] stands for
	route   *route            // nil while none is found
	params  map[string]string // of the route's path, decoded
	fault   *Fault            // that struck the request
}

// newVisit reads a request.
func (d *frontDesk) newVisit(r *http.Request) *visit {
	v := &visit{service: d.serviceFor(r)}
	limit := int64(maxBody)
	if v.service != nil && v.service.maxBody > 0 {
		limit = v.service.maxBody
	}
	v.exchange = newExchange(r, limit)
	return v
}

// serviceFor finds the service that a request is for; nil when it is for none of the flows'.
func (d *frontDesk) serviceFor(r *http.Request) *service {
	host := hostname(hostOf(r))
	for _, s := range d.services {
		if _, found := s.find(r.Method, host, r.URL.Path); found {
			return s
		}
	}
	return nil
}

// serveHTTP answers a request that came over a connection.
func (d *frontDesk) serveHTTP(w http.ResponseWriter, r *http.Request) {
	v := d.newVisit(r)
	rep := d.handle(v)
	d.deliver()
	serveReply(w, r, v.exchange, rep, v.fault, d.clock)
}

// roundTrip answers a request without a connection.
func (d *frontDesk) roundTrip(r *http.Request) (*http.Response, error) {
	in := r
	if r.Body != nil {
		limit := int64(maxBody)
		if s := d.serviceFor(r); s != nil && s.maxBody > 0 {
			limit = s.maxBody
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err != nil {
			return nil, err
		}
		in = r.WithContext(r.Context()) // a shallow copy: a round tripper must not change the request
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	v := d.newVisit(in)
	rep := d.handle(v)
	d.deliver()
	return replyTo(r, v.exchange, rep, v.fault, d.clock)
}

// handle answers a request while the state is held still for it. The request's body has been read: a slow client keeps nobody waiting.
func (d *frontDesk) handle(v *visit) reply {
	d.gate.RLock()
	defer d.gate.RUnlock()
	v.now = d.clock.Now()
	d.mu.Lock()
	n := d.log.next()
	d.mu.Unlock()
	v.requestID = d.seed.Of("request", n).UUID()
	rep := d.answer(v)
	d.mu.Lock()
	d.log.add(v.exchange, rep.status)
	d.mu.Unlock()
	return rep
}

// answer sends the request to the service it is for, unless a fault comes between.
func (d *frontDesk) answer(v *visit) reply {
	d.identify(v)
	if v.fault = d.faults.strike(v.exchange); v.fault == nil {
		return d.dispatch(v)
	}
	v.exchange.fault, v.skew = string(v.fault.Kind), v.fault.Skew
	if r, instead := v.fault.instead(v.exchange, func(t trouble) reply { return troubleReply(v.exchange, t) }); instead {
		if v.fault.CarriedOut {
			d.dispatch(v)
			v.rate = 0
		}
		return r
	}
	r := d.dispatch(v)
	if v.fault.breaksBody() {
		r = r.whole()
	}
	return v.fault.change(v.exchange, r)
}

// troubleReply is how whoever was asked says that something is wrong.
func troubleReply(x *exchange, t trouble) reply {
	if x.operation == tokenOperation {
		return lwaTrouble(x, t)
	}
	if isSTS(x) {
		if r, ok := stsTrouble(x, t); ok {
			return r
		}
	}
	return apiTrouble(t)
}

// identify finds out what a request asks for.
func (d *frontDesk) identify(v *visit) {
	switch {
	case v.service != nil:
		v.operation, _ = v.service.find(v.method, v.name, v.url.Path)
	case isLWA(v.exchange):
		v.operation = lwaOperation(v.exchange)
	case isSTS(v.exchange):
		v.operation = stsOperation(v.exchange)
	default:
		if v.route, v.params = d.routes.find(v.method, v.url.EscapedPath()); v.route != nil {
			v.operation = v.route.op.ID
		}
	}
}

func (d *frontDesk) dispatch(v *visit) reply {
	x := v.exchange
	switch {
	case v.service != nil && !v.service.gateway:
		return v.service.answer(d, x)
	case isLWA(x):
		return d.auth.lwa(x)
	case isCentral(x):
		return d.auth.central(x)
	case isSTS(x):
		return d.auth.sts(x)
	}
	if longHeader(x.header) {
		return htmlReply(http.StatusBadRequest, "400 Bad Request", "Your browser sent a request that this server could not understand.<br />\nSize of a request header field exceeds server limit.")
	}
	x.trace = d.seed.Of("apigw", x.requestID).Text(random.Base64URL, 15) + "="
	if v.service != nil {
		return v.service.answer(d, x)
	}
	rep, err := d.api(v)
	if err != nil {
		return err.reply()
	}
	return rep
}

// api answers a request to SP-API.
func (d *frontDesk) api(v *visit) (reply, *apiError) {
	x, rt := v.exchange, v.route
	if rt == nil {
		// Unknown paths and methods are refused like missing rights (selling-partner-api-models#826).
		return reply{}, denied("")
	}
	if d.options.RequireSigV4 || rt.removed {
		if err := d.auth.checkSignature(x); err != nil {
			return reply{}, err
		}
	}
	sandbox := d.options.Sandbox || isSandboxHost(x.name)
	g, err := d.auth.authorize(x, rt.op, sandbox)
	if err != nil {
		return reply{}, err
	}
	c := &call{desk: d, op: rt.op, grant: g, now: x.now, sandbox: sandbox, exchange: x, path: v.params}
	seller := noSeller
	if g.account != nil {
		seller = g.account.Number
		c.account = d.seller(seller)
	}
	if err := d.limits.takeQuota(x, rt.op, seller, sandbox); err != nil {
		return reply{}, err
	}
	if x.tooBig {
		message := "The request body is larger than the operation takes." // wording assumed
		return reply{}, &apiError{status: http.StatusRequestEntityTooLarge, code: "RequestTooLarge", message: &message, kind: "RequestTooLargeException"}
	}
	if c.account != nil {
		for _, f := range d.flows {
			if f.settle != nil {
				f.settle(c.account, x.now)
			}
		}
	}
	if rep, ok, err := d.replay(x, rt, c); ok || err != nil {
		return rep, err
	}
	if err := validate(x, c); err != nil {
		return reply{}, err
	}
	if rt.handler != nil {
		return rt.handler(c)
	}
	return answerFromSchema(c)
}

// deliver hands messages to the application's queues. It is called while nothing is held.
func (d *frontDesk) deliver() {
	d.gate.RLock()
	for _, f := range d.flows {
		if f.notices != nil {
			f.notices(d, d.clock.Now())
		}
	}
	d.gate.RUnlock()
	d.outbox.deliver()
}

package desk

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/contents"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/sandbox"
)

// maxBody is where the emulator stops reading a request. SP-API's own limits are smaller and differ by operation; API Gateway's
// is 10 MB (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
const maxBody = 10 << 20

// maxBodies bounds the file in which long bodies wait for their turn.
const maxBodies = 1 << 30

// visit is one request on its way through the desk.
type visit struct {
	exchange.Exchange
	service *Service          // nil: SP-API or one of those that [auth.Authority] stands for
	route   *route            // nil while none is found
	params  map[string]string // of the route's path, decoded
	fault   *fault.Fault      // that struck the request
	queues  bool              // it is for the application's queues
}

// newVisit reads a request. The error is that of its body.
func (d *Desk) newVisit(r *http.Request) (*visit, error) {
	v := &visit{queues: IsQueues(r)}
	if !v.queues {
		v.service = d.serviceFor(r)
	}
	to := exchange.Limits{Body: maxBody, Bodies: d.bodies, Files: d.Contents()}
	if v.service != nil {
		to.Upload = v.service.MaxUpload
	}
	var err error
	came := d.Clock.Now()
	v.Exchange, err = exchange.Read(r, to)
	v.Came = came
	return v, err
}

// serviceFor finds the service that a request is for; nil when it is for none of the flows'.
func (d *Desk) serviceFor(r *http.Request) *Service {
	host := exchange.Hostname(exchange.HostOf(r))
	for _, s := range d.services {
		if _, found := s.Find(r.Method, host, r.URL.Path); found {
			return s
		}
	}
	return nil
}

// ServeHTTP answers a request that came over a connection.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := d.newVisit(r)
	if err != nil { // what has come of the body is no request
		status, text := http.StatusBadRequest, "the request's body did not come whole"
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			status = http.StatusRequestTimeout
		case errors.Is(err, contents.ErrFull):
			status, text = http.StatusServiceUnavailable, "too many requests have long bodies at the same time"
		}
		w.Header().Set("Connection", "close")
		http.Error(w, text, status)
		return
	}
	done, err := d.await(r.Context(), v)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone away
	}
	rep := d.handle(r.Context(), v)
	done()
	fault.Serve(w, r, &v.Exchange, rep, v.fault, d.Clock)
}

// RoundTrip answers a request without a connection.
func (d *Desk) RoundTrip(r *http.Request) (*http.Response, error) {
	v, err := d.newVisit(r)
	if err != nil {
		return nil, err
	}
	done, err := d.await(r.Context(), v)
	if err != nil {
		return nil, err
	}
	rep := d.handle(r.Context(), v)
	done()
	if err := r.Context().Err(); err != nil && v.queues { // it has waited for messages
		return nil, err
	}
	return fault.RoundTrip(r, &v.Exchange, rep, v.fault, d.Clock)
}

// await waits until a request may be answered. Of those with a long body that is one at a time: what JSON becomes in memory is thirty times its
// size at worst.
func (d *Desk) await(ctx context.Context, v *visit) (done func(), err error) {
	if v.Long == nil {
		return func() {}, nil
	}
	defer v.Long.Release()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if v.Body, err = v.Long.Bytes(); err != nil {
		<-d.turn
		return nil, err
	}
	return func() {
		v.Body = nil
		<-d.turn
	}, nil
}

// handle answers a request, and delivers the messages that come of it.
func (d *Desk) handle(ctx context.Context, v *visit) answer.Reply {
	if v.queues {
		return d.handleQueues(ctx, v)
	}
	rep := d.handleHeld(v)
	d.Deliver()
	return rep
}

// handleHeld answers a request while the state is held still for it. The request's body has been read: a slow client keeps nobody waiting.
func (d *Desk) handleHeld(v *visit) answer.Reply {
	defer v.DropUpload()
	d.gate.RLock()
	defer d.gate.RUnlock()
	n, now := d.begin(v.service == nil)
	defer d.end(n)
	v.Now = now
	r := d.Seed.Of("request", n)
	v.RequestID, v.Rid = r.UUID(), r.Text(random.Base36, 20)
	rep := d.answer(v)
	if d.Options.Explain && rep.Reason != "" {
		rep = rep.With(reasonHeader, printable(brief(rep.Reason)))
	}
	d.mu.Lock()
	d.log.add(&v.Exchange, rep.Status, rep.Reason)
	d.mu.Unlock()
	return rep
}

// reasonHeader tells why a request was refused, with [Options.Explain].
const reasonHeader = "X-Spapi-Emulator-Reason"

// printable is a text as a header may have it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// answer sends the request to the service it is for, unless a fault comes between.
func (d *Desk) answer(v *visit) answer.Reply {
	d.identify(v)
	if v.fault = d.Faults.Strike(&v.Exchange); v.fault == nil {
		return d.dispatch(v)
	}
	v.Exchange.Fault, v.Skew = string(v.fault.Kind), v.fault.Skew
	if r, instead := v.fault.Instead(&v.Exchange, func(t answer.Trouble) answer.Reply { return d.troubleReply(&v.Exchange, t) }); instead {
		if v.fault.CarriedOut {
			d.dispatch(v)
			v.Rate = 0
		}
		if r.Status/100 != 2 {
			r.Reason = "fault: " + v.Exchange.Fault
		}
		return r
	}
	r := d.dispatch(v)
	if v.fault.BreaksBody() {
		r = r.Whole()
	}
	return v.fault.Change(&v.Exchange, r)
}

// troubleReply is how whoever was asked says that something is wrong.
func (d *Desk) troubleReply(x *exchange.Exchange, t answer.Trouble) answer.Reply {
	if x.Operation == auth.TokenOperation {
		return d.Auth.LWATrouble(x, t)
	}
	if auth.IsSTS(x) {
		if r, ok := auth.STSTrouble(x, t); ok {
			return r
		}
	}
	return answer.APITrouble(t)
}

// identify finds out what a request asks for.
func (d *Desk) identify(v *visit) {
	switch {
	case v.service != nil:
		v.Operation, _ = v.service.Find(v.Method, v.Name, v.URL.Path)
		v.Front = v.service.Front
	case auth.IsLWA(&v.Exchange):
		v.Operation, v.Front = auth.LWAOperation(&v.Exchange), exchange.Login
	case auth.IsCentral(&v.Exchange):
	case auth.IsSTS(&v.Exchange):
		v.Operation = auth.STSOperation(&v.Exchange)
	default:
		v.Front = exchange.Gateway
		switch {
		case d.sandbox(v):
			v.Front = exchange.Edge
		case isPing(v):
			v.Front = exchange.Ping
		}
		if v.route, v.params = d.Routes.Find(v.Method, v.URL.EscapedPath()); v.route != nil {
			v.Operation = v.route.Op.ID
		}
	}
}

func (d *Desk) dispatch(v *visit) answer.Reply {
	x := &v.Exchange
	switch {
	case v.service != nil:
		return v.service.Answer(d, x)
	case auth.IsLWA(x):
		return d.Auth.LWA(x)
	case auth.IsCentral(x):
		d.notice() // of what was before a seller consents again nothing is told
		return d.Auth.Central(x)
	case auth.IsSTS(x):
		return d.Auth.STS(x)
	}
	if page, refused := answer.Unreadable(x); refused {
		return page
	}
	rep, err := d.api(v)
	if err != nil {
		if v.route != nil {
			err = check.Worded(v.route.Op, err)
		}
		return err.Reply()
	}
	return rep
}

// isPing tells whether a request is for the root, where every GET is answered, with or without a token; other methods are refused
// (lineofflight/peddler, test/vcr_cassettes/Peddler/APITest, September 2024).
func isPing(v *visit) bool { return v.Method == http.MethodGet && v.URL.Path == "/" }

// sandbox tells whether a request is for the sandbox.
func (d *Desk) sandbox(v *visit) bool { return d.Options.Sandbox || exchange.IsSandboxHost(v.Name) }

// api answers a request to SP-API.
func (d *Desk) api(v *visit) (answer.Reply, *answer.Error) {
	x, rt := &v.Exchange, v.route
	if isPing(v) {
		return answer.OK([]byte(x.Now.UTC().Format(`{"timestamp": "2006-01-02T15:04:05.000Z"}`))), nil
	}
	if rt == nil {
		// Unknown paths and methods are refused like missing rights (selling-partner-api-models#826), and so are those that are no more.
		return answer.Reply{}, answer.Denied("").Because("route: no operation has this method and path")
	}
	if !d.Options.KeepRemoved && operations.OperationGone(rt.Op, x.Now) {
		return answer.Reply{}, answer.Denied("").Because("route: Amazon has removed " + rt.Op.Name)
	}
	if d.Options.RequireSigV4 || rt.removed {
		if err := d.Auth.CheckSignature(x); err != nil {
			said, _, _ := strings.Cut(*err.Message, "\n") // what follows has the token in it
			return answer.Reply{}, err.Because("signature: " + said)
		}
	}
	sandbox := d.sandbox(v)
	g, err := d.Auth.Authorize(x, rt.Op, sandbox)
	if err != nil {
		return answer.Reply{}, err
	}
	c := &Call{Desk: d, Op: rt.Op, Grant: g, Now: x.Now, Sandbox: sandbox, Exchange: x, Path: v.params}
	seller := noSeller
	if g.Account != nil {
		seller = g.Account.Number
		c.Seller = d.Seller(seller)
	}
	if c.Seller != nil {
		region := x.Region()
		if region == "" {
			region = c.Seller.Region
		}
		if err := check.Marketplaces(x, rt.Op, sandbox, region, c.Seller.Marketplaces); err != nil {
			return answer.Reply{}, err
		}
	}
	if err := d.limits.takeQuota(x, rt.Op, seller, sandbox); err != nil {
		return answer.Reply{}, err.Because("limit: no request is left in the bucket of " + rt.Op.ID)
	}
	if x.TooBig {
		// Most models declare a 413; none of the service is known, nor its wording. (A gateway of AWS takes no more than this, whatever stands behind it.)
		return answer.Reply{}, answer.Plain(http.StatusRequestEntityTooLarge, "RequestTooLarge", "The request body is larger than the operation takes.").
			Because("body: is larger than " + strconv.Itoa(maxBody) + " bytes")
	}
	if c.Seller != nil {
		c.Seller.Settle(x.Now)
	}
	switch rep, ok, err := d.replay(x, rt, c); {
	case err != nil:
		return answer.Reply{}, err.Because("sandbox: no official case has what this request asks for")
	case ok && rep.Status >= http.StatusBadRequest:
		return rep.Because("sandbox: the official case for this request is a refusal"), nil
	case ok:
		return rep, nil
	}
	if rt.early != nil {
		c.Query = x.URL.Query()
		if err := rt.early(c); err != nil {
			return answer.Reply{}, err
		}
	}
	if c.Args, err = check.Request(x, rt.Op, c.Path, check.Options{Parameters: d.Options.StrictParameters, Sandbox: sandbox}); err != nil && !unchecked(rt, c) {
		return answer.Reply{}, err
	}
	if err := d.limits.takeOwnQuota(c); err != nil {
		return answer.Reply{}, err.Because("limit: this kind of request has one of its own, and no request is left in its bucket")
	}
	undo, err := d.limits.takeTypeQuota(c)
	if err != nil {
		return answer.Reply{}, err.Because("limit: this type has one of its own, and no request is left in its bucket")
	}
	handler, update := rt.handler, rt.update
	if handler == nil {
		handler, update = FromSchema, nil
	}
	rep, err := c.list(handler, update)
	if err != nil {
		undo()
	}
	return rep, err
}

// Deliver hands messages to the application's queues. It is called while nothing is held.
func (d *Desk) Deliver() {
	d.gate.RLock()
	d.notice()
	d.Outbox.Release(d.Clock.Now())
	d.gate.RUnlock()
	d.Outbox.Deliver()
}

// tokensAPI makes restricted data tokens, in production for the sandbox, too (developer-docs.amazon.com/sp-api/docs/the-selling-partner-api-sandbox).
// An emulator that is the sandbox stands for both.
const tokensAPI = "tokens20210301"

// replay answers with the official case that a request matches, if there is one. Cases that aren't particular would hide the world: they count in
// the sandbox, and for operations that have no handler. A strict sandbox refuses what matches none of an operation's cases, tokens excepted.
func (d *Desk) replay(x *exchange.Exchange, rt *route, c *Call) (answer.Reply, bool, *answer.Error) {
	cases := d.Cases[rt.Op.ID]
	sc := sandbox.Match(cases, x, c.Path, !c.Sandbox && rt.handler != nil)
	switch {
	case sc == nil && d.Options.SandboxStrict && c.Sandbox && len(cases) > 0 && rt.Op.API != tokensAPI:
		return answer.Reply{}, false, unmatched(x.Now)
	case sc == nil:
		return answer.Reply{}, false, nil
	case sc.Gateway == http.StatusTooManyRequests:
		return answer.Throttled().Reply(), true, nil
	case sc.Gateway != 0:
		return answer.Internal().Reply(), true, nil
	}
	r := answer.Reply{Status: sc.Status, Header: sc.Headers}
	if sc.Answer != nil {
		r.Body = sc.Within(x)
	}
	return r, true, nil
}

// unmatched is how the sandbox refuses what fits no case. The details came at some time before 2025-11-27: without them jlevers/selling-partner-api#263
// (2022-04-29), with them selling-partner-api-models#5056.
func unmatched(now time.Time) *answer.Error {
	e := answer.Invalid("Could not match input arguments", "")
	if now.Year() < 2025 {
		e.Details = nil
	}
	return e
}

// unchecked tells whether nobody looks at what is wrong with a request: the static sandbox checks neither that parameters are there nor the body
// (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs/ShippingV1Test and SupplySources20200701Test, September 2025). Handlers rely on the check.
func unchecked(rt *route, c *Call) bool {
	return c.Sandbox && rt.handler == nil && rt.Op.Sandbox == "static"
}

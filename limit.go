package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// The sandbox has one usage plan for all operations (developer-docs.amazon.com/sp-api/docs/selling-partner-api-sandbox).
const (
	sandboxRate  = 5.0
	sandboxBurst = 15
)

// limitStep makes calls wait for their usage plan and learns it from the replies.
type limitStep struct {
	client  *Client
	limiter Limiter
	next    http.RoundTripper
}

func (s *limitStep) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := callFrom(ctx)
	if call.limits == nil { // kept: a limiter may look at them as long as it likes
		call.limits = s.buckets(call, req)
	}
	r := LimitRequest{Buckets: call.limits, MaxWait: -1, Priority: call.priority, Retry: call.attempts > 1}
	if call.failFast {
		r.MaxWait = call.maxWait
	}
	start := time.Now()
	grant, err := s.wait(ctx, call, r)
	sent := time.Now()
	call.waited += sent.Sub(start)
	if err != nil {
		return nil, err
	}
	call.rate = grant.Rate
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		if call.limits[0].Scope == LimitPerType {
			s.tell(ctx, call, grant, LimitReply{Latency: -1, Refused: true})
		}
		return nil, err
	}
	h, throttled := resp.Header, resp.StatusCode == http.StatusTooManyRequests
	// A 429 to a call that passed the limit of its type over is that limit's: calls for other types needn't wait for it.
	throttled = throttled && call.spared == nil
	reply := LimitReply{Latency: time.Since(sent), Throttled: throttled, Rate: toldRate(h), Refused: resp.StatusCode >= 400, Emulated: emulated(h)}
	if reply.Emulated {
		// An emulator's clock may be moved at any time, and ours isn't: it holds the limits of types by itself, and nobody waits for hours that have passed
		// over there.
		reply.Refused = true
	}
	s.tell(ctx, call, grant, reply)
	switch {
	case reply.Refused:
	case call.spared != nil:
		s.tell(ctx, call, LimitGrant{Buckets: call.spared}, LimitReply{Latency: -1, Unasked: true})
	case call.limits[0].Scope == LimitPerType:
		call.typed = &typeGrant{s.client.app, grant}
	}
	return resp, nil
}

// typeGrant is what a call took of the limit of a type.
type typeGrant struct {
	app   *App
	grant LimitGrant
}

// GiveBack tells the limiter that nothing came of the call after all, as of a report that Amazon ended CANCELLED: it no longer counts for the limit of
// its type. Other limits count calls, whatever comes of them. It does nothing where no limit of a type was taken from, and the second time.
func (r *Response) GiveBack(ctx context.Context) error {
	t := r.typed
	if r.typed = nil; t == nil {
		return nil
	}
	return t.app.config.limiter.Observe(ctx, t.grant, LimitReply{Latency: -1, Refused: true})
}

func (s *limitStep) tell(ctx context.Context, call *call, grant LimitGrant, reply LimitReply) {
	if err := s.limiter.Observe(ctx, grant, reply); err != nil {
		s.client.app.warn(ctx, "the limiter could not take note of a reply", call, err)
	}
}

// toldRate is what x-amzn-RateLimit-Limit says, whatever it is: the limiter says what it doesn't believe. 0 if it is absent, NaN if it is no rate.
func toldRate(h http.Header) float64 {
	text := h.Get("X-Amzn-Ratelimit-Limit")
	if text == "" {
		return 0
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || rate == 0 {
		return math.NaN()
	}
	return rate
}

// emulated tells whether a reply came from package emulator, which names the operation in each reply to one; Amazon never does.
func emulated(h http.Header) bool { return h.Get("X-Spapi-Emulator-Operation") != "" }

func (s *limitStep) wait(ctx context.Context, call *call, r LimitRequest) (LimitGrant, error) {
	var wait running
	if s.client.app.observes(ctx, ActivityLimitWait) {
		a := s.client.activity(ActivityLimitWait, call)
		a.Type = r.Buckets[0].Type
		ctx, wait = s.client.app.begin(ctx, a)
	}
	o := Outcome{Err: errAbandoned}
	defer func() { wait.end(o) }()
	grant, err := s.await(ctx, call, r)
	o.Err = err
	return grant, err
}

// patience is how long a wait may be of which [WithLimitNotice] tells nothing.
const patience = time.Second

// await waits. Who wants to know of a long wait beforehand has it by a first try with a short bound, which takes nothing when the bound is too short.
func (s *limitStep) await(ctx context.Context, call *call, r LimitRequest) (LimitGrant, error) {
	if call.limitNotice == nil || r.MaxWait >= 0 {
		return s.limiter.Wait(ctx, r)
	}
	short := r
	short.MaxWait = patience
	grant, err := s.limiter.Wait(ctx, short)
	e, ok := errors.AsType[*LimitError](err)
	if !ok || e.Deadline {
		return grant, err
	}
	call.limitNotice(e)
	return s.limiter.Wait(ctx, r)
}

// making is how long Amazon may take to make a report whose limit begins when it is made, beyond which the next is asked for too soon: most FBA reports
// take a minute or two. It isn't published.
const making = 5 * time.Minute

// buckets are those that a call takes from, narrow to wide: that of the type of report or feed where it has one, the seller's, and that of the
// application where there is one.
func (s *limitStep) buckets(call *call, req *http.Request) []LimitBucket {
	c, op := s.client, call.op
	b := op.plan(c.auth.Sandbox)
	b.App, b.Region = c.app.credentials.ClientID, string(c.region)
	if call.scope() == "" {
		b.Seller = c.seller
		if c.seller != c.alias {
			b.Alias = c.alias
		}
	}
	buckets := call.buckets[:0]
	if c.auth.Sandbox {
		b.Region += "-sandbox"
		return append(buckets, b)
	}
	if op.types != nil {
		if l, typ := op.types.of(req); l != nil {
			of := l.bucket(b, typ)
			if call.noTypeLimit {
				call.spared = []LimitBucket{of}
			} else {
				buckets = append(buckets, of)
			}
		}
	}
	buckets = append(buckets, b)
	limit, ok := c.app.config.appLimits[op.ID]
	if !ok {
		limit, ok = op.appPlan()
	}
	if !ok {
		return buckets
	}
	b.Scope, b.Seller, b.Alias = LimitPerApplication, "", ""
	b.Rate, b.Burst = limit.rate, limit.burst
	return append(buckets, b)
}

// plan is the bucket of a seller, as far as the operation says what it is.
func (op *Operation) plan(sandbox bool) LimitBucket {
	b := LimitBucket{Operation: op.ID, Rate: op.Rate, Burst: max(op.Burst, 1)}
	switch {
	case sandbox:
		b.Rate, b.Burst = sandboxRate, sandboxBurst
	case b.Rate <= 0:
		b.Rate, b.Burst = defaultRate, defaultBurst
	}
	return b
}

// appPlan is the published limit over all sellers of an application.
func (op *Operation) appPlan() (limit appLimit, ok bool) {
	// No burst is published for these; a second's worth is what a token bucket needs at least.
	return appLimit{op.AppRate, max(int(op.AppRate), 1)}, op.AppRate > 0
}

// Limits returns the limits that calls of the operation start from, narrow to wide, with the operation, scope, type, rate, burst and window of each: those of
// types of reports and feeds, the seller's, the application's. Calls that the caller limits by [WithApplicationLimit] keep to that in place of the last.
func (op *Operation) Limits(sandbox bool) []LimitBucket {
	b := op.plan(sandbox)
	if sandbox {
		return []LimitBucket{b}
	}
	var all []LimitBucket
	for _, l := range op.TypeLimits() {
		all = append(all, l.bucket(b, l.Type))
	}
	all = append(all, b)
	if limit, ok := op.appPlan(); ok {
		b.Scope, b.Rate, b.Burst = LimitPerApplication, limit.rate, limit.burst
		all = append(all, b)
	}
	return all
}

// bucket is the limit's, of the call whose seller's bucket is given.
func (l *TypeLimit) bucket(b LimitBucket, typ string) LimitBucket {
	b.Scope, b.Type = LimitPerType, typ
	if l.Application {
		b.Seller, b.Alias = "", ""
	}
	b.Burst, b.Window = l.Calls, l.Window
	if l.FromMade {
		b.Window += making
	}
	b.Rate = float64(b.Burst) / b.Window.Seconds()
	return b
}

// of finds the limit of the type that a request asks for, and what its bucket calls the type; nil where it has none. A body that can be read only once,
// is no JSON or names an unknown marketplace has none: Amazon will say what it thinks of it. Of two requests whose marketplaces overlap neither waits
// for the other.
func (t *typeLimits) of(req *http.Request) (*TypeLimit, string) {
	if req.GetBody == nil {
		return nil, ""
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, ""
	}
	defer body.Close()
	var members map[string]json.RawMessage
	if json.NewDecoder(io.LimitReader(body, 1<<16)).Decode(&members) != nil {
		return nil, ""
	}
	var typ string
	_ = json.Unmarshal(members[t.field], &typ) // what is no string is no type
	i, ok := slices.BinarySearchFunc(t.limits, typ, func(l TypeLimit, typ string) int { return strings.Compare(l.Type, typ) })
	if !ok {
		return nil, ""
	}
	limit := &t.limits[i]
	if !limit.PerMarketplace {
		return limit, typ
	}
	var ids []string
	if json.Unmarshal(members["marketplaceIds"], &ids) != nil || len(ids) == 0 {
		return nil, ""
	}
	for _, id := range ids {
		if _, known := marketplace.ByID(id); !known {
			return nil, ""
		}
	}
	slices.Sort(ids)
	return limit, typ + "/" + strings.Join(slices.Compact(ids), ",")
}

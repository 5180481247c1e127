package spapi

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"
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
		call.limits = s.buckets(call)
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
		return nil, err
	}
	h, throttled := resp.Header, resp.StatusCode == http.StatusTooManyRequests
	reply := LimitReply{Latency: time.Since(sent), Throttled: throttled, Rate: toldRate(h), Emulated: emulated(h)}
	if err := s.limiter.Observe(ctx, grant, reply); err != nil {
		s.client.app.warn(ctx, "the limiter could not take note of a reply", call, err)
	}
	return resp, nil
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
		ctx, wait = s.client.app.begin(ctx, s.client.activity(ActivityLimitWait, call))
	}
	o := Outcome{Err: errAbandoned}
	defer func() { wait.end(o) }()
	grant, err := s.limiter.Wait(ctx, r)
	o.Err = err
	return grant, err
}

// buckets are those that a call takes from: the seller's, and that of the application where there is one.
func (s *limitStep) buckets(call *call) []LimitBucket {
	c, op := s.client, call.op
	b := LimitBucket{App: c.app.credentials.ClientID, Operation: op.ID, Region: string(c.region), Rate: op.Rate, Burst: op.Burst}
	if op.Grantless == "" {
		b.Seller = c.seller
	}
	if b.Rate <= 0 {
		b.Rate, b.Burst = defaultRate, defaultBurst
	}
	b.Burst = max(b.Burst, 1)
	if c.auth.Sandbox {
		b.Region += "-sandbox"
		b.Rate, b.Burst = sandboxRate, sandboxBurst
		return append(call.buckets[:0], b)
	}
	buckets := append(call.buckets[:0], b)
	limit, ok := c.app.config.appLimits[op.ID]
	if !ok && op.AppRate > 0 {
		// No burst is published for these; a second's worth is what a token bucket needs at least.
		limit, ok = appLimit{op.AppRate, max(int(op.AppRate), 1)}, true
	}
	if !ok {
		return buckets
	}
	b.Scope, b.Seller = LimitPerApplication, ""
	b.Rate, b.Burst = limit.rate, limit.burst
	return append(buckets, b)
}

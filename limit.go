package spapi

import (
	"net/http"
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
	buckets, n := s.buckets(call.op)
	w := Wait{Max: -1, Priority: call.priority, Retry: call.attempts > 1}
	if call.failFast {
		w.Max = call.maxWait
	}
	start := time.Now()
	for i, b := range buckets[:n] {
		rate, err := s.limiter.Wait(ctx, b, w)
		if err != nil {
			call.waited += time.Since(start)
			return nil, err
		}
		if i == 0 {
			call.rate = rate
		}
	}
	sent := time.Now()
	call.waited += sent.Sub(start)
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	o := Observation{Throttled: resp.StatusCode == http.StatusTooManyRequests, Rate: rateLimit(resp.Header), Latency: time.Since(sent)}
	s.limiter.Observe(buckets[0], o)
	if n > 1 {
		// The header tells the rate of application and seller. Which of the two buckets a 429 comes from nobody tells;
		// the seller's is drained, the larger one is left alone.
		s.limiter.Observe(buckets[1], Observation{Latency: o.Latency})
	}
	return resp, nil
}

// buckets are those that a call takes from: the seller's, and that of the application where there is one.
func (s *limitStep) buckets(op *Operation) (buckets [2]Bucket, n int) {
	c := s.client
	b := Bucket{App: c.app.credentials.ClientID, Operation: op.ID, Region: string(c.region), Rate: op.Rate, Burst: op.Burst}
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
		buckets[0] = b
		return buckets, 1
	}
	buckets[0] = b
	limit, ok := c.app.config.appLimits[op.ID]
	if !ok && op.AppRate > 0 {
		// No burst is published for these; a second's worth is what a token bucket needs at least.
		limit, ok = appLimit{op.AppRate, max(int(op.AppRate), 1)}, true
	}
	if !ok {
		return buckets, 1
	}
	b.Operation += " (application)"
	b.Seller = ""
	b.Rate, b.Burst = limit.rate, limit.burst
	buckets[1] = b
	return buckets, 2
}

package gateway

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

// DefaultMaxWait is how long a call may take that says nothing about it, the wait for limits included.
const DefaultMaxWait = 10 * time.Minute

// leastRetryAfter is what a refusal says that knows no better.
const leastRetryAfter = time.Second

// pace is what a caller says about priority and patience.
type pace struct {
	priority int
	failFast bool
	maxWait  time.Duration // for limits, if failFast
	deadline time.Time     // the caller's, or that of [Config].MaxWait
}

// pace reads what the caller says about priority and patience, and gives the request its deadline.
func (x *exchange) pace() *refusal {
	now := x.g.config.Now()
	x.paced.deadline = now.Add(x.g.config.MaxWait)
	h := x.r.Header
	if v := h.Get(headerPriority); v != "" {
		p, err := parsePriority(v)
		if err != nil {
			return badHeader(headerPriority, v, err)
		}
		x.paced.priority = p
		x.call = append(x.call, spapi.WithPriority(p))
	}
	timeout, deadline := h.Get(headerTimeout), h.Get(headerDeadline)
	switch {
	case timeout != "" && deadline != "":
		return badRequest("header", "Headers "+headerTimeout+" and "+headerDeadline+" say the same thing twice: want one of them", "")
	case timeout != "":
		d, err := parseWait(timeout)
		if err == nil && d <= 0 {
			err = fmt.Errorf("want more than 0")
		}
		if err != nil {
			return badHeader(headerTimeout, timeout, err)
		}
		x.paced.deadline = earlier(x.paced.deadline, now.Add(d))
	case deadline != "":
		at, err := parseMoment(deadline)
		if err != nil {
			return badHeader(headerDeadline, deadline, err)
		}
		if !at.After(now) {
			return &refusal{Status: http.StatusGatewayTimeout, Code: "RequestTimeout", why: "deadline",
				Message: "The time of header " + headerDeadline + " has passed: nothing was sent", Details: "By the gateway's clock it is " + now.UTC().Format(time.RFC3339) + "."}
		}
		x.paced.deadline = earlier(x.paced.deadline, at)
	}
	if v := h.Get(headerFailFast); v != "" && !strings.EqualFold(v, "false") {
		if !strings.EqualFold(v, "true") {
			d, err := parseWait(v)
			if err != nil {
				return badHeader(headerFailFast, v, fmt.Errorf("want true, false, or the seconds that the call may wait for limits"))
			}
			x.paced.maxWait = d
		}
		x.paced.failFast = true
		x.call = append(x.call, spapi.WithFailFast(x.paced.maxWait))
	} else {
		x.call = append(x.call, spapi.WithPatience())
	}
	// The context's time is the system's, whatever the gateway's clock says.
	ctx, cancel := context.WithTimeout(x.r.Context(), x.paced.deadline.Sub(now))
	x.cancel = cancel
	x.r = x.r.WithContext(ctx)
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func badHeader(name, value string, err error) *refusal {
	return badRequest("header", "Header "+name+" "+shown(value)+": "+err.Error(), "")
}

func parsePriority(v string) (int, error) {
	switch strings.ToLower(v) {
	case "low":
		return -100, nil
	case "normal":
		return 0, nil
	case "high":
		return 100, nil
	}
	p, err := strconv.Atoi(v)
	if err != nil || p < -1000 || p > 1000 {
		return 0, fmt.Errorf("want low, normal, high, or a number from -1000 to 1000")
	}
	return p, nil
}

// parseWait reads a span: seconds, also with a fraction, or a duration such as 1m30s.
func parseWait(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if seconds, numeric := strconv.ParseFloat(v, 64); numeric == nil {
		if !(math.Abs(seconds) < 1e9) { // NaN neither
			return 0, fmt.Errorf("want seconds below a thousand million")
		}
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want seconds, such as 30, or a duration, such as 1m30s")
	}
	return d, nil
}

// parseMoment reads a time: RFC 3339, or seconds since 1970.
func parseMoment(v string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, v); err == nil {
		return at, nil
	}
	seconds, err := strconv.ParseFloat(v, 64)
	if err != nil || !(seconds > 0 && seconds < 1e11) {
		return time.Time{}, fmt.Errorf("want a time such as 2026-03-01T12:00:00Z, or seconds since 1970")
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}

// tellPace tells in the header of the answer what the call met: how often it was sent, how long it waited, and what is left of its limit, that of the seller
// where there are several.
func (x *exchange) tellPace(h http.Header) {
	r := &x.response
	if r.Attempts == 0 {
		return
	}
	told := [...]string{strconv.Itoa(r.Attempts - x.unsent), seconds(r.Waited), "", "", "", ""} // one piece of memory
	h["X-Spapi-Attempts"], h["X-Spapi-Waited"] = told[0:1:1], told[1:2:2]
	if l, ok := x.limit(); ok {
		told[2], told[3] = strconv.FormatFloat(l.Bucket.Rate, 'g', 6, 64), strconv.Itoa(l.Bucket.Burst)
		told[4], told[5] = strconv.FormatInt(int64(l.Left), 10), seconds(l.Full)
		h["X-Spapi-Limit-Rate"], h["X-Spapi-Limit-Burst"] = told[2:3:3], told[3:4:4]
		h["X-Spapi-Limit-Remaining"], h["X-Spapi-Limit-Reset"] = told[4:5:5], told[5:6:6]
	}
}

// limit is how the narrowest bucket stands that counts every call.
func (x *exchange) limit() (state spapi.LimitState, found bool) {
	for _, l := range x.response.Limits() {
		if l.Bucket.Scope != spapi.LimitPerType {
			return l, true
		}
	}
	return state, false
}

// next is how long it takes until a call may be sent that goes by the same limits.
func (x *exchange) next() (d time.Duration) {
	for _, l := range x.response.Limits() {
		d = max(d, l.Next)
	}
	return d
}

// seconds is a span in the way of headers: seconds, to the millisecond.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', -1, 64)
}

// retryAfter is a span in whole seconds, rounded up: after it the next try succeeds if nobody else came.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(int64((max(d, 0)+time.Second-1)/time.Second), 10)
}

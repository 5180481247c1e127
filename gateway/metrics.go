package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openspapi/spapi"
)

// Metrics counts what gateways do, for Prometheus. Its names begin with "spapi_gateway_"; docs/gateway.md lists them. Callers and accounts are labels only
// by the names that the gateway's state has, operations only where a model knows them: nobody makes series by what he sends.
type Metrics struct {
	registry *prometheus.Registry

	requests      *prometheus.CounterVec   // account, operation, caller, code
	durations     *prometheus.HistogramVec // code
	refusals      *prometheus.CounterVec   // reason, caller
	inFlight      prometheus.Gauge
	cache         *prometheus.CounterVec // result
	attempts      *prometheus.CounterVec // operation, code
	throttles     *prometheus.CounterVec // account, operation
	waits         prometheus.Histogram
	waited        *prometheus.CounterVec // account, operation
	pauses        prometheus.Counter
	tokens        *prometheus.CounterVec // grant, result
	audited       prometheus.Counter
	auditFailures prometheus.Counter
	unaudited     prometheus.Counter
	deprecations  *prometheus.CounterVec // caller, operation, removal
	lastDeprecate *prometheus.GaugeVec   // caller, operation, removal

	secretEnds atomic.Pointer[func() map[string]time.Time] // of the gateway that was made last

	mu     sync.Mutex
	series map[[4]string]bool // that there are; bounded
	told   map[[2]string]time.Time
}

// maxSeries bounds how many series there are of what has a caller or an account among its labels, whatever the state holds. What comes later is counted
// with caller and account "other".
const maxSeries = 20_000

// NewMetrics returns metrics in a registry of their own.
func NewMetrics() *Metrics {
	name := func(s string) string { return "spapi_gateway_" + s }
	counter := func(n, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name(n), Help: help})
	}
	counters := func(n, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name(n), Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		series:   map[[4]string]bool{}, told: map[[2]string]time.Time{},
		requests: counters("requests_total", "Requests that were answered, by the class of their status; \"none\" where the caller got no answer.",
			"account", "operation", "caller", "code"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name("request_duration_seconds"), Help: "From the request to the end of its answer, waits for limits included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"code"}),
		refusals: counters("refusals_total", "Requests that the gateway refused itself.", "reason", "caller"),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("in_flight_requests"), Help: "Requests under way."}),
		cache:    counters("cache_total", "Requests that the cache could have answered.", "result"),
		attempts: counters("attempts_total", "Requests sent to Amazon, repeats included; code \"error\" where no answer came.", "operation", "code"),
		throttles: counters("throttles_total", "Requests that Amazon answered with 429.",
			"account", "operation"),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name("limit_wait_seconds"), Help: "How long requests to Amazon waited for rate limits.",
			Buckets: []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900},
		}),
		waited:        counters("limit_waited_seconds_total", "Time that requests to Amazon waited for rate limits.", "account", "operation"),
		pauses:        counter("retry_pauses_total", "Pauses before repeats."),
		tokens:        counters("token_requests_total", "Requests to Login with Amazon.", "grant", "result"),
		audited:       counter("audit_records_total", "Records that the audit has kept."),
		auditFailures: counter("audit_failures_total", "Records that the audit could not keep."),
		unaudited:     counter("audit_left_out_total", "Refusals of requests without a valid key that were only counted, since there were too many."),
		deprecations: counters("deprecated_requests_total", "Requests for operations that Amazon has deprecated, with the announced date of removal.",
			"caller", "operation", "removal"),
		lastDeprecate: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("deprecated_last_request_timestamp_seconds"), Help: "When a caller last used a deprecated operation.",
		}, []string{"caller", "operation", "removal"}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.refusals, m.inFlight, m.cache, m.attempts, m.throttles, m.waits, m.waited, m.pauses, m.tokens,
		m.audited, m.auditFailures, m.unaudited, m.deprecations, m.lastDeprecate, secrets{m})
	return m
}

// secrets tells when client secrets expire, as the accounts have it at the time.
type secrets struct{ of *Metrics }

var secretExpires = prometheus.NewDesc("spapi_gateway_client_secret_expires_timestamp_seconds",
	"When the client secret of an application expires, where that is known.", []string{"client_id"}, nil)

func (s secrets) Describe(out chan<- *prometheus.Desc) { out <- secretExpires }

func (s secrets) Collect(out chan<- prometheus.Metric) {
	ends := s.of.secretEnds.Load()
	if ends == nil {
		return
	}
	for id, at := range (*ends)() {
		if !at.IsZero() {
			out <- prometheus.MustNewConstMetric(secretExpires, prometheus.GaugeValue, float64(at.Unix()), clean(id, maxName))
		}
	}
}

// Registry is where the metrics are, for a program that adds its own.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// ServeHTTP answers Prometheus.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}).ServeHTTP(w, r)
}

// Metrics answers Prometheus. The names of callers and accounts are in it: it is for those who run the gateway.
func (g *Gateway) Metrics() http.Handler { return g.metrics }

// class is the class of a status: "2xx".
func class(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return strconv.Itoa(status/100) + "xx"
}

const unknownLabel = "unknown"

// operationLabel is an operation as a label.
func operationLabel(id string) string {
	if id == "gateway.token" || id == "gateway.document" {
		return id
	}
	if _, ok := spapi.LookupOperation(strings.TrimSuffix(id, "/document")); ok {
		return id
	}
	return unknownLabel
}

// whose are the labels of a caller and an account, bounded with what else there is.
func (m *Metrics) whose(kind, operation, caller, account string) (string, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [4]string{kind, operation, caller, account}
	switch {
	case m.series[key]:
	case len(m.series) < maxSeries:
		m.series[key] = true
	default:
		return other(caller), other(account)
	}
	return caller, account
}

func other(name string) string {
	if name == "" {
		return ""
	}
	return "other"
}

// ended counts an exchange.
func (m *Metrics) ended(r *Record, cache string) {
	m.inFlight.Dec()
	operation, code := operationLabel(r.Operation), class(r.Status)
	caller, account := m.whose("requests"+code, operation, r.Caller, r.Account)
	m.requests.WithLabelValues(account, operation, caller, code).Inc()
	m.durations.WithLabelValues(code).Observe(r.Duration.Seconds())
	if r.Refused != "" {
		caller, _ := m.whose("refusals", r.Refused, r.Caller, "")
		m.refusals.WithLabelValues(r.Refused, caller).Inc()
	}
	switch cache {
	case "hit", "shared", "miss":
		m.cache.WithLabelValues(cache).Inc()
	}
}

// deprecated notes the use of an operation that Amazon has deprecated: in the log once a day for each caller.
func (m *Metrics) deprecated(logger *slog.Logger, op *spapi.Operation, r *Record, now time.Time) {
	if op.Deprecated == "" && op.Removal == "" || r.Refused != "" || op.ID == "" {
		return
	}
	caller, _ := m.whose("deprecated", op.ID, r.Caller, "")
	m.deprecations.WithLabelValues(caller, op.ID, op.Removal).Inc()
	m.lastDeprecate.WithLabelValues(caller, op.ID, op.Removal).Set(float64(now.Unix()))
	m.mu.Lock()
	key := [2]string{caller, op.ID}
	told, was := m.told[key]
	again := !was || now.Sub(told) >= 24*time.Hour
	if again {
		m.told[key] = now
	}
	m.mu.Unlock()
	if again {
		attrs := []any{slog.String("caller", caller), slog.String("operation", op.ID)}
		if op.Removal != "" {
			attrs = append(attrs, slog.String("removal", op.Removal))
		}
		logger.Warn("gateway: a caller uses an operation that Amazon has deprecated", attrs...)
	}
}

// Begin counts what clients do; it makes Metrics an [spapi.Observer].
func (m *Metrics) Begin(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
	switch a.Kind {
	case spapi.ActivityLimitWait:
		if a.Grant != "" {
			return ctx, nil
		}
		return ctx, func(o spapi.Outcome) {
			m.waits.Observe(o.Duration.Seconds())
			operation := operationLabel(a.Operation)
			_, account := m.whose("waited", operation, "", accountIn(ctx))
			m.waited.WithLabelValues(account, operation).Add(o.Duration.Seconds())
		}
	case spapi.ActivityAttempt:
		return ctx, func(o spapi.Outcome) {
			operation, code := operationLabel(a.Operation), class(o.StatusCode)
			if o.StatusCode == 0 {
				code = "error"
			}
			m.attempts.WithLabelValues(operation, code).Inc()
			if o.StatusCode == http.StatusTooManyRequests {
				_, account := m.whose("throttles", operation, "", accountIn(ctx))
				m.throttles.WithLabelValues(account, operation).Inc()
			}
		}
	case spapi.ActivityRetryPause:
		m.pauses.Inc()
	case spapi.ActivityTokenRequest:
		return ctx, func(o spapi.Outcome) {
			result := "ok"
			if o.Err != nil {
				result = "failed"
			}
			m.tokens.WithLabelValues(a.Grant, result).Inc()
		}
	}
	return ctx, nil
}

// accountIn is the account of the exchange that a call belongs to; "" where it belongs to none, as what is renewed in the background.
func accountIn(ctx context.Context) string {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.record.Account
	}
	return ""
}

// observers tells both.
func observers(first, second spapi.Observer) spapi.Observer {
	if second == nil {
		return first
	}
	return spapi.ObserverFunc(func(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
		_, one := first.Begin(ctx, a)
		inside, two := second.Begin(ctx, a)
		if inside == nil {
			inside = ctx
		}
		return inside, func(o spapi.Outcome) {
			if two != nil {
				two(o)
			}
			if one != nil {
				one(o)
			}
		}
	})
}

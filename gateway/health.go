package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// health is what the gateway knows of itself.
type health struct {
	draining atomic.Bool

	mu     sync.Mutex
	looked time.Time
	found  []checked
}

// checked is a check and what came of it.
type checked struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"` // in words of the gateway's own: errors may hold what isn't for everybody, and are in the log
}

const (
	checkAge      = time.Second // how old an answer may be: whoever asks often costs no more
	checkPatience = 5 * time.Second
)

// ErrDraining is the cause by which whoever serves the gateway ends the contexts of requests that are still under way when the time for that is over. They are
// answered 503, and whether what was sent may have been carried out is told.
var ErrDraining = errors.New("gateway: it is being stopped")

// Drain turns readiness off, so that no new requests are sent here. Requests are answered as before.
func (g *Gateway) Drain() { g.health.draining.Store(true) }

// Health answers that the process lives, whatever else is wrong: nothing that another process could do better.
func (g *Gateway) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
	})
}

// Ready answers 200 where the gateway can serve calls, else 503, with each check. Whether Amazon is up is none of them.
func (g *Gateway) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found := g.check(r.Context())
		status, word := http.StatusOK, "ready"
		for _, c := range found {
			if !c.OK {
				status, word = http.StatusServiceUnavailable, "not ready"
			}
		}
		writeJSON(w, status, map[string]any{"status": word, "checks": found})
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// check makes the checks, one round at a time.
func (g *Gateway) check(ctx context.Context) []checked {
	h := &g.health
	h.mu.Lock()
	defer h.mu.Unlock()
	draining := checked{Name: "draining", OK: !h.draining.Load()}
	if !draining.OK {
		draining.Reason = "the gateway is being stopped"
	}
	now := g.config.Now()
	if h.found == nil || now.Sub(h.looked) >= checkAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkPatience) // the next one who asks gets the answer, too
		defer cancel()
		h.found, h.looked = h.found[:0], now
		for _, check := range []func(context.Context) checked{g.checkAccounts, g.checkState, g.checkAudit} {
			h.found = append(h.found, check(ctx))
		}
	}
	return append([]checked{draining}, h.found...)
}

// failed is a check that didn't pass. The cause goes to the log.
func (g *Gateway) failed(name, reason string, err error) checked {
	text := reason
	if err != nil {
		text = clean(err.Error(), 512)
	}
	g.config.Logger.Warn("gateway: not ready", slog.String("check", name), slog.String("error", text))
	return checked{Name: name, Reason: reason}
}

// checkAccounts: accounts that were read once hold while they can't be read again, and that is told.
func (g *Gateway) checkAccounts(ctx context.Context) checked {
	loaded, since, err := g.accountsHealth(ctx)
	switch {
	case !loaded:
		return g.failed("accounts", "the accounts can't be read", err)
	case err != nil:
		return checked{Name: "accounts", OK: true, Reason: "can't be read since " + since.UTC().Format(time.RFC3339) + "; those that were read before hold"}
	}
	return checked{Name: "accounts", OK: true}
}

// checkState: whether anybody can be let in.
func (g *Gateway) checkState(context.Context) checked {
	if _, no := g.keys.current(); no != nil {
		_, _, err := g.stateHealth()
		return g.failed("keys", "callers' keys can't be read", err)
	}
	if _, since, err := g.stateHealth(); err != nil {
		return checked{Name: "keys", OK: true, Reason: "can't be read since " + since.UTC().Format(time.RFC3339) + "; those that were read before hold"}
	}
	return checked{Name: "keys", OK: true}
}

// auditAge is how long a failure of the audit tells that there will be more: a gateway that gets no calls learns of no recovery.
const auditAge = 30 * time.Second

// checkAudit: whether a record could not be kept of late, where calls need that.
func (g *Gateway) checkAudit(context.Context) checked {
	if err := g.recorder.failing.since(g.config.Now().Add(-auditAge)); err != nil && g.config.AuditRequired != AuditNone {
		return g.failed("audit", "the audit can't be kept", err)
	}
	return checked{Name: "audit", OK: true}
}

package gateway

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// newExchange begins an exchange that is the gateway's own affair.
func (g *Gateway) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{g: g, w: w, r: r, begun: g.config.Now()}
}

// callerOf is who has a key; nil: who calls without.
func (g *Gateway) callerOf(key *Key) caller {
	if key == nil {
		return caller{scope: g.config.Local}
	}
	return caller{key: key, scope: key.Scope, account: key.Account}
}

func setRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10))
	}
}

package desk

import (
	"net/http"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/sandbox"
)

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

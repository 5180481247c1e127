package desk

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/queues"
)

// Requests to the application's queues. They are AWS's, not SP-API's: they aren't counted or logged, since a consumer that waits for messages makes many, and
// ids of SP-API's requests would follow from how often it asks.

// IsQueues tells whether a request is for the queues.
func IsQueues(r *http.Request) bool {
	host := exchange.Hostname(exchange.HostOf(r))
	return isQueues(host, r.URL.Path)
}

func isQueues(host, path string) bool {
	known := exchange.HostNamed(host).Kind
	return known == exchange.SQSHost || known == exchange.OwnAddress && (path == queues.Path || strings.HasPrefix(path, queues.Path+"/"))
}

// handleQueues answers a request to the queues. It may wait for messages: the state isn't held meanwhile.
func (d *Desk) handleQueues(ctx context.Context, v *visit) answer.Reply {
	x := &v.Exchange
	x.Now, x.RequestID, x.Operation = d.Options.Time.Now(), d.Queues.NextRequestID(), queues.Operation(x.Header)
	spell := func(t answer.Trouble) answer.Reply {
		switch t {
		case answer.TroubleInternal:
			return queueReply(queues.Internal())
		case answer.TroubleUnavailable:
			return queueReply(queues.Unavailable())
		}
		return queueReply(queues.Throttled())
	}
	d.Beside(func() { v.fault = d.Faults.Strike(x) })
	if v.fault != nil {
		x.Fault = string(v.fault.Kind)
		if r, instead := v.fault.Instead(x, spell); instead {
			if v.fault.CarriedOut {
				d.answerQueues(ctx, x)
			}
			return r
		}
	}
	r := d.answerQueues(ctx, x)
	if d.Options.Explain && r.Reason != "" {
		r = r.With(reasonHeader, printable(brief(r.Reason)))
	}
	return r
}

func (d *Desk) answerQueues(ctx context.Context, x *exchange.Exchange) answer.Reply {
	host := exchange.HostNamed(x.Name)
	base := x.Origin()
	if host.Kind == exchange.OwnAddress {
		base += queues.Path
	}
	return queueReply(d.Queues.Answer(ctx, queues.Request{Header: x.Header, Body: x.Body, Region: host.AWSRegion, Base: base}))
}

func queueReply(r queues.Response) answer.Reply {
	rep := answer.Reply{Status: r.Status, ContentType: r.Type, Body: r.Body, Reason: r.Reason}
	if r.Type == "" {
		rep.ContentType = "application/x-amz-json-1.0"
	}
	if r.QueryError != "" {
		rep = rep.With("X-Amzn-Query-Error", r.QueryError)
	}
	return rep
}

// lastLook is when somebody last looked for what time has brought.
type lastLook struct {
	mu sync.Mutex
	at time.Time // by the emulator's clock
}

// lookBetween is how long nothing is expected that time brings, by a clock of speed 1: many consumers may ask for messages at the same time.
const lookBetween = 20 * time.Millisecond

// look delivers what time has brought, unless that has just been done.
func (d *Desk) look() {
	now := d.Clock.Now()
	d.looked.mu.Lock()
	since := now.Sub(d.looked.at)
	fresh := since >= 0 && since < d.Clock.Scaled(lookBetween)
	if !fresh {
		d.looked.at = now
	}
	d.looked.mu.Unlock()
	if !fresh {
		d.Deliver()
	}
}

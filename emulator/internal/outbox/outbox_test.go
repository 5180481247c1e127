package outbox

import (
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/queues"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// TestSinkOfFullQueues: whoever has a sink need not read the queues: it gets what they can't keep any more. Without one it is dropped, and told so.
func TestSinkOfFullQueues(t *testing.T) {
	for _, sink := range []bool{false, true} {
		seed := &random.Seed{}
		now := func() time.Time { return time.Unix(0, 0) }
		b := &Box{Seed: seed, Faults: &fault.Rules{Seed: seed}, Queues: &queues.Service{Now: now, Seed: seed}}
		b.Clear("")
		b.Queues.Clear()
		got := 0
		if sink {
			b.Sink = func(string, []byte) { got++ }
		}
		n := Notification{Kind: "ORDER_CHANGE", Version: "1.0", Payload: format.Object{"text": strings.Repeat("x", 200_000)}}
		const sent = 1500 // of which the queues hold 1342
		var last Delivery
		for range sent {
			last = b.Send("arn:aws:sqs:us-east-1:123456789012:q", n, now())
			b.Deliver()
		}
		want, outcome := 0, "dropped: the emulator's queues hold"
		if sink {
			want, outcome = sent, "delivered to the sink alone: the emulator's queues hold"
		}
		if got != want || !strings.HasPrefix(last.Outcome, outcome) {
			t.Errorf("sink %t: %d came, want %d; the last is %q, want %q", sink, got, want, last.Outcome, outcome)
		}
	}
}

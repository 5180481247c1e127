package fleet

import (
	"context"
	_ "embed"
	"fmt"
	"time"
)

//go:embed probe.lua
var probeText string

var probeScript = newScript(probeText)

// Health is how a server is found.
type Health struct {
	Version   string        // that of Redis which it says it is; "" before 7
	Distance  time.Duration // the shortest of some round trips with a script
	Processes int           // of the application that said hello in the last ten seconds
}

// Probe looks whether a server is one that [Limiter] and [Tokens] can work with: that it is reached, and that its user may run scripts with all commands
// that theirs have, on keys that begin with "spapi:". app is the application's client id.
func Probe(ctx context.Context, server Server, app string) (Health, error) {
	tag := "spapi:{" + digest("hello", app) + "}:probe:"
	keys := append(helloKeys(app)[:1:1], tag+"hash", tag+"set", tag+"text")
	var h Health
	for i := range 4 {
		start := time.Now()
		reply, err := server.Run(ctx, probeScript, keys, helloKept)
		if err != nil {
			return Health{}, err
		}
		if trip := time.Since(start); i == 1 || i > 1 && trip < h.Distance { // the first one has to connect
			h.Distance = trip
		}
		list, _ := reply.([]any)
		if len(list) != 2 {
			return Health{}, fmt.Errorf("fleet: probe.lua replied %v, want a version and a number", reply)
		}
		h.Version, _ = list[0].(string)
		n, _ := list[1].(int64)
		h.Processes = int(n)
	}
	return h, nil
}
